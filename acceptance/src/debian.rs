//! Debian's packages of clients and tools, installed by name where we may.

use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

use anyhow::{Context, Result, bail};

use crate::prerequisite::Part;

/// Makes sure that `amqp-publish` and its siblings are there; `false` if they are left out by name.
pub fn amqp_tools() -> Result<bool> {
    have(Part::AmqpTools, "amqp-publish", "amqp-tools")
}

/// Makes sure that `strace` is there; `false` if it is left out by name.
pub fn strace() -> Result<bool> {
    have(Part::Strace, "strace", "strace")
}

fn have(part: Part, program: &str, package: &str) -> Result<bool> {
    if !part.wanted()? {
        return Ok(false);
    }
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().ok().context("installing a package panicked")?;
    if on_path(program).is_some() {
        return Ok(true);
    }
    if rustix::process::geteuid().is_root() && on_path("apt-get").is_some() {
        // A list of packages that is there and recent makes the update needless.
        if !install(package)? {
            apt_get(&["update"])?;
            install(package)?;
        }
    }
    if on_path(program).is_none() {
        let what = format!("`{program}` is missing");
        let way = format!("on Debian: `sudo apt-get install {package}`");
        bail!("{}", part.missing(&what, &way));
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
