//! Debian's packages of clients and tools, installed by name where we may.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use anyhow::{Context, Result, bail};

use crate::prerequisite::Part;

/// Where Debian's package of php-amqplib is; PHP looks there by itself.
const PHP_AMQPLIB: &str = "/usr/share/php/PhpAmqpLib/autoload.php";

/// Makes sure that `amqp-publish` and its siblings are there; `false` if they are left out by name.
pub fn amqp_tools() -> Result<bool> {
    have_program(Part::AmqpTools, "amqp-publish", "amqp-tools")
}

/// Makes sure that `strace` is there; `false` if it is left out by name.
pub fn strace() -> Result<bool> {
    have_program(Part::Strace, "strace", "strace")
}

/// Makes sure that `etcd` is there; `false` if it is left out by name.
pub fn etcd() -> Result<bool> {
    have_program(Part::Etcd, "etcd", "etcd-server")
}

/// Makes sure that `ip` and `nft` are there; `false` if they are left out by name.
pub fn networks() -> Result<bool> {
    Ok(have_program(Part::Namespaces, "ip", "iproute2")?
        && have_program(Part::Namespaces, "nft", "nftables")?)
}

/// Makes sure that a Java compiler and Maven are there; `false` if they are left out by name.
pub fn java() -> Result<bool> {
    Ok(have_program(Part::Java, "javac", "default-jdk-headless")?
        && have_program(Part::Java, "mvn", "maven")?)
}

/// Makes sure that PHP and php-amqplib are there; `false` if they are left out by name.
pub fn php() -> Result<bool> {
    let library = || Path::new(PHP_AMQPLIB).is_file();
    Ok(have_program(Part::Php, "php", "php-cli")?
        && have(Part::Php, PHP_AMQPLIB, "php-amqplib", library)?)
}

/// Makes sure that RabbitMQ is there, and says where; `None` if it is left out by name.
pub fn rabbitmq_server() -> Result<Option<PathBuf>> {
    // The program of the same name on the path is a script that changes the user.
    let program = PathBuf::from("/usr/lib/rabbitmq/bin/rabbitmq-server");
    let there = have(Part::RabbitMq, "rabbitmq-server", "rabbitmq-server", || {
        program.is_file()
    })?;
    Ok(there.then_some(program))
}

fn have_program(part: Part, program: &str, package: &str) -> Result<bool> {
    have(part, program, package, || on_path(program).is_some())
}

/// Makes sure that `what` of a package is there.
fn have(part: Part, what: &str, package: &str, is_there: impl Fn() -> bool) -> Result<bool> {
    if !part.wanted()? {
        return Ok(false);
    }
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().ok().context("installing a package panicked")?;
    if is_there() {
        return Ok(true);
    }
    if rustix::process::geteuid().is_root() && on_path("apt-get").is_some() {
        // A list of packages that is there and recent makes the update needless.
        if !install(package)? {
            apt_get(&["update"])?;
            install(package)?;
        }
    }
    if !is_there() {
        let what = format!("`{what}` is missing");
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
        // A package that brings a service would start it.
        .env("RUNLEVEL", "1")
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
