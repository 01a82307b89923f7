//! Machines prove who they are to an authority, and their agents go on doing so.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use acceptance::agent::Agent;
use acceptance::aws::StandIn;
use acceptance::machines::role_metadata;
use acceptance::process::{Finished, Server};
use acceptance::{binaries, poll, ports};
use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::boot::{authority_with, make_role};

const REGION: &str = "eu-north-1";

/// The metadata service of a machine that is this one, and what finds it.
struct Metadata {
    _server: Server,
    url: String,
}

impl Metadata {
    fn serve(dir: &Path, content: &str) -> Result<Self> {
        let file = dir.join("metadata.json");
        fs::write(&file, content)?;
        let port = ports::free()?;
        let mut command = Command::new("python3");
        command
            .arg("-B")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("vm/metadata.py"))
            .arg(file)
            .arg(format!("127.0.0.1:{port}"));
        let mut server = Server::spawn(&mut command, &dir.join("metadata.log"))?;
        server.line(Duration::from_secs(20))?;
        Ok(Self {
            _server: server,
            url: format!("http://127.0.0.1:{port}"),
        })
    }

    fn find(&self, command: &mut Command) {
        command.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &self.url);
    }
}

/// `broker-agent join` on this machine.
fn join(metadata: &Metadata, authority: &Agent, port: u16, dir: &Path) -> Result<Finished> {
    let mut command = Command::new(binaries::broker_agent()?);
    command
        .args(["join", "--patience-s", "1", "--authority"])
        .arg(format!("127.0.0.1:{port}"))
        .arg("--ca")
        .arg(authority.ca())
        .arg("--dir")
        .arg(dir);
    metadata.find(&mut command);
    Finished::run(&mut command)
}

/// The agent of a directory that `join` has made, on a port of its own.
fn serve(metadata: &Metadata, dir: &Path) -> Result<(Server, u16)> {
    let file = dir.join("agent.toml");
    let config = fs::read_to_string(&file)?;
    let port = ports::free()?;
    let mut settings = "disk_keep_free_mib = 64\n".to_owned();
    let grpc = format!("127.0.0.1:{port}");
    let mut listen = [grpc.as_str(), "none", "none"].into_iter();
    for line in config.lines() {
        match line.starts_with("listen = ") {
            true => {
                let address = listen.next().context("three listen")?;
                writeln!(settings, "listen = {address:?}")?;
            }
            false => writeln!(settings, "{line}")?,
        }
    }
    fs::write(&file, settings)?;
    let mut command = Command::new(binaries::broker_agent()?);
    command.arg("serve").arg("--config").arg(file);
    metadata.find(&mut command);
    let mut server = Server::spawn(&mut command, &dir.join("log"))?;
    server.line(Duration::from_secs(30))?;
    Ok((server, port))
}

/// The certificate that is shown there.
fn shown(port: u16) -> Result<String> {
    let script = format!("import ssl; print(ssl.get_server_certificate(('127.0.0.1', {port})))");
    let asked = Finished::run(Command::new("python3").args(["-c", &script]))?;
    Ok(asked.success()?.stdout)
}

#[test]
fn a_certificate_is_renewed_while_the_agent_runs() -> Result<()> {
    let role = "ferrymq-renewed";
    let Some(aws) = StandIn::shared()? else {
        return Ok(());
    };
    make_role(aws, role)?;
    let (dir, agent) = (tempfile::tempdir()?, Agent::init()?);
    let metadata = role_metadata(aws, REGION, role, "i-0123456789abcdef0")?;
    let metadata = Metadata::serve(dir.path(), &metadata.to_string())?;
    let short = ["--lifetime-s=24".to_owned()];
    let (_authority, port) = authority_with(aws, &agent, &dir, &[role.to_owned()], &short)?;
    let joined = dir.path().join("agent");
    join(&metadata, &agent, port, &joined)?.success()?;

    let (_agent, port) = serve(&metadata, &joined)?;
    let first = shown(port)?;
    poll::until("another certificate", Duration::from_secs(60), || {
        Ok((shown(port)? != first).then_some(()))
    })?;
    let log = fs::read_to_string(joined.join("log"))?;
    ensure!(!log.contains("not renewed"), "{log}");
    Ok(())
}

/// What `join` says in the end, and where it would have left a certificate.
fn refused(aws: &StandIn, trusted: &str, metadata: &str) -> Result<(String, PathBuf, TempDir)> {
    let (dir, agent) = (tempfile::tempdir()?, Agent::init()?);
    let metadata = Metadata::serve(dir.path(), metadata)?;
    let (_authority, port) = authority_with(aws, &agent, &dir, &[trusted.to_owned()], &[])?;
    let ended = join(&metadata, &agent, port, &dir.path().join("agent"))?;
    ensure!(!ended.status.success(), "it was certified");
    Ok((ended.stderr, dir.path().join("agent/server.pem"), dir))
}

#[test]
fn who_is_not_an_instance_of_the_role_is_told_so_and_gets_nothing() -> Result<()> {
    let role = "ferrymq-strange";
    let Some(aws) = StandIn::shared()? else {
        return Ok(());
    };
    make_role(aws, role)?;
    let strange = role_metadata(aws, REGION, role, "i-0123456789abcdef1")?;
    let no_role = serde_json::json!({ "placement/region": REGION });
    for (metadata, why) in [
        (strange, "ferrymq-strange is no role that is certified here"),
        (no_role, "the instance has no profile, or not yet"),
    ] {
        let (said, certificate, _dir) = refused(aws, "ferrymq-host", &metadata.to_string())?;
        ensure!(said.contains(why), "{said}");
        ensure!(!certificate.exists(), "a certificate after: {said}");
    }
    Ok(())
}
