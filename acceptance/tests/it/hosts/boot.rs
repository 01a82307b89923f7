//! What hosts need at their first boot, run beside the tests: an authority and a package; and messages
//! through the broker that comes of it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use acceptance::agent::Agent;
use acceptance::aws::StandIn;
use acceptance::machines::Region;
use acceptance::process::{Finished, Server};
use acceptance::python::Python;
use acceptance::terraform::Workspace;
use acceptance::{binaries, ports};
use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

/// Password of the user `app`.
pub(super) const PASSWORD: &str = "correct horse battery staple";

const ACCOUNT: &str = "123456789012";

/// A role with an instance profile of its name.
pub(super) fn make_role(aws: &StandIn, name: &str) -> Result<()> {
    let iam = ("iam", "2010-05-08");
    let trust = r#"{"Version":"2012-10-17","Statement":[]}"#;
    let role = [("RoleName", name), ("AssumeRolePolicyDocument", trust)];
    aws.query("us-east-1", iam, "CreateRole", &role)?;
    let profile = ("InstanceProfileName", name);
    aws.query("us-east-1", iam, "CreateInstanceProfile", &[profile])?;
    let add = [profile, ("RoleName", name)];
    aws.query("us-east-1", iam, "AddRoleToInstanceProfile", &add)?;
    Ok(())
}

/// A running authority with the CA of `agent`, for machines of these regions, and its port.
pub(super) fn authority(
    aws: &StandIn,
    agent: &Agent,
    dir: &TempDir,
    roles: &[String],
    regions: &[Region],
) -> Result<(Server, u16)> {
    let host = |region: &Region| format!("--host={}.0.1", region.network);
    let hosts: Vec<String> = regions.iter().map(host).collect();
    authority_with(aws, agent, dir, roles, &hosts)
}

/// The same with any options.
pub(super) fn authority_with(
    aws: &StandIn,
    agent: &Agent,
    dir: &TempDir,
    roles: &[String],
    options: &[String],
) -> Result<(Server, u16)> {
    let port = ports::free()?;
    let mut command = Command::new(binaries::broker_agent()?);
    command
        .args(["authority", "--listen", &format!("0.0.0.0:{port}")])
        .args(options)
        .arg("--dir")
        .arg(agent.path(""))
        .env("AWS_ENDPOINT_URL_STS", aws.url());
    for role in roles {
        command.args(["--role", &format!("{ACCOUNT}/{role}")]);
    }
    let mut server = Server::spawn(&mut command, &dir.path().join("authority.log"))?;
    server.line(Duration::from_secs(20))?;
    Ok((server, port))
}

/// A web server with the agent's package, and its port.
pub(super) fn packages(dir: &TempDir) -> Result<(Server, u16)> {
    let binary = binaries::broker_agent()?;
    let served = dir.path().join("packages");
    fs::create_dir(&served)?;
    let mut tar = Command::new("tar");
    tar.arg("-C")
        .arg(binary.parent().context("a binary has a folder")?);
    tar.arg("-czf")
        .arg(served.join("agent.tar.gz"))
        .arg("broker-agent");
    Finished::run(&mut tar)?.success()?;
    let port = ports::free()?;
    let mut command = Command::new("python3");
    command
        .args([
            "-u",
            "-m",
            "http.server",
            "--bind",
            "0.0.0.0",
            &port.to_string(),
            "--directory",
        ])
        .arg(&served);
    let mut server = Server::spawn(&mut command, &dir.path().join("packages.log"))?;
    server.line(Duration::from_secs(20))?;
    Ok((server, port))
}

/// What a host is told to install: URL and SHA-256 as an object of Terraform.
pub(super) fn package(dir: &TempDir, network: &str, port: u16) -> Result<String> {
    let package = dir.path().join("packages/agent.tar.gz");
    let sum = Finished::run(Command::new("sha256sum").arg(&package))?
        .success()?
        .stdout;
    let sum = sum.split(' ').next().context("a sum")?;
    Ok(format!(
        "{{ url = \"http://{network}.0.1:{port}/agent.tar.gz\", sha256 = \"{sum}\" }}"
    ))
}

/// Messages through the broker on this machine, by a stock client.
pub(super) fn hello(
    python: &Python,
    terraform: &Workspace,
    agent: &Agent,
    address: &str,
) -> Result<()> {
    let script = terraform.root().join("hello.py");
    let ca = agent.ca();
    let mut command = python.interpret(&script);
    command.args([address, "5671"]).arg(Path::new(&ca));
    let done = Finished::run(command.env("APP_PASSWORD", PASSWORD))?.success()?;
    ensure!(
        done.stdout.contains("consumed and acknowledged: order 3"),
        "{done}"
    );
    Ok(())
}
