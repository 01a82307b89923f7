//! ActiveMQ Artemis from its distribution, as a broker of MQTT.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command};

use anyhow::{Context as _, Result, ensure};

pub(super) const SETTINGS: &str = "MQTT 3.1.1; as `artemis create` makes it (its journal tuned to \
    the disk, `fdatasync` before an acknowledgement, heap of 512 MiB to 2 GiB), but anonymous, \
    without web console, with one acceptor and the whole disk to use; warmed up before it is \
    measured; at QoS 1 only, since at QoS 0 messages were missing or out of order, as few as 500 of \
    16 bytes under way";

/// Makes an instance, unless an earlier run left one: not part of a start.
pub(super) fn prepare(program: &Path, dir: &Path) -> Result<()> {
    let instance = dir.join("instance");
    if instance.exists() {
        return Ok(());
    }
    let out = Command::new(program)
        .args(["create", "--silent", "--user", "guest"])
        .args(["--password", "guest", "--allow-anonymous", "--no-web"])
        .args(["--host", "127.0.0.1"])
        .arg(&instance)
        .output()?;
    let errors = String::from_utf8_lossy(&out.stderr);
    ensure!(out.status.success(), "create an instance: {errors}");
    Ok(())
}

pub(super) fn start(dir: &Path) -> Result<(Child, SocketAddr)> {
    let instance = dir.join("instance");
    let port = super::free_port()?;
    listen(&instance.join("etc/broker.xml"), port)?;
    let log = File::create(dir.join("log"))?;
    let child = Command::new(instance.join("bin/artemis"))
        .arg("run")
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()?;
    Ok((child, (Ipv4Addr::LOCALHOST, port).into()))
}

/// Replaces all acceptors by one, and lets it use the disk: its default stops publishers on one that
/// is nine tenths full, however large it is.
fn listen(config: &Path, port: u16) -> Result<()> {
    let text = fs::read_to_string(config)?;
    let no_acceptors = "no acceptors in broker.xml";
    let (head, rest) = text.split_once("<acceptors>").context(no_acceptors)?;
    let (_, tail) = rest.split_once("</acceptors>").context(no_acceptors)?;
    let acceptor = format!(
        "<acceptors><acceptor name=\"mqtt\">tcp://127.0.0.1:{port}?protocols=MQTT</acceptor>\
         </acceptors>"
    );
    let text = format!("{head}{acceptor}{tail}");
    let usage = |percent| format!("<max-disk-usage>{percent}</max-disk-usage>");
    fs::write(config, text.replace(&usage(90), &usage(100)))?;
    Ok(())
}

/// From the name of its directory, since asking takes it seconds.
pub(super) fn version(program: &Path) -> Option<String> {
    let home = program.parent()?.parent()?.canonicalize().ok()?;
    Some(home.file_name()?.to_str()?.to_owned())
}
