//! Debian's packages of clients, installed by name where we may.

use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

use anyhow::{Context, Result, bail};

use crate::prerequisite::Part;

/// Makes sure that `amqp-publish` and its siblings are there; `false` if they are left out by name.
pub fn amqp_tools() -> Result<bool> {
    if !Part::AmqpTools.wanted()? {
        return Ok(false);
    }
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().ok().context("installing amqp-tools panicked")?;
    if on_path("amqp-publish").is_some() {
        return Ok(true);
    }
    if rustix::process::geteuid().is_root() && on_path("apt-get").is_some() {
        // A list of packages that is there and recent makes the update needless.
        if !install("amqp-tools")? {
            apt_get(&["update"])?;
            install("amqp-tools")?;
        }
    }
    if on_path("amqp-publish").is_none() {
        let way = "on Debian: `sudo apt-get install amqp-tools`";
        bail!(
            "{}",
            Part::AmqpTools.missing("`amqp-publish` is missing", way)
        );
    }
    Ok(true)
}

/// The program's place, if the search path has it.
pub fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|candidate| candidate.is_file())
}

fn install(package: &str) -> Result<bool> {
    apt_get(&["install", "-y", "--no-install-recommends", package])
}

fn apt_get(arguments: &[&str]) -> Result<bool> {
    let mut command = Command::new("apt-get");
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(["-q", "-o", "DPkg::Lock::Timeout=300"]);
    let output = command.args(arguments).output().context("start apt-get")?;
    if !output.status.success() {
        eprintln!(
            "apt-get {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(output.status.success())
}
