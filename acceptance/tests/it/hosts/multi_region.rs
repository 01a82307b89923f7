//! The scenario `multi-region` from nothing to messages and back, on machines that boot for real.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use acceptance::agent::Agent;
use acceptance::aws::StandIn;
use acceptance::machines::{Machines, Region};
use acceptance::process::{Finished, Server};
use acceptance::python::Python;
use acceptance::terraform::Workspace;
use acceptance::{binaries, poll, ports};
use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

const REGIONS: [Region; 2] = [
    Region {
        name: "eu-west-1",
        network: "10.231",
    },
    Region {
        name: "us-east-1",
        network: "10.232",
    },
];

const PASSWORD: &str = "correct horse battery staple";
const ACCOUNT: &str = "123456789012";
const ROLE: &str = "ferrymq-host";

#[test]
fn one_apply_makes_hosts_brokers_and_queues_in_two_regions() -> Result<()> {
    let (Some(aws), Some(python)) = (StandIn::shared()?, Python::prepare()?) else {
        return Ok(());
    };
    let agent = Agent::init()?;
    let Some(mut terraform) = Workspace::empty()? else {
        return Ok(());
    };
    let dir = tempfile::tempdir()?;
    make_role(aws)?;
    let Some(machines) = Machines::watch(aws, &REGIONS)? else {
        return Ok(());
    };
    let (_authority, authority_port) = authority(aws, &agent, &dir)?;
    let (_packages, package_port) = packages(&dir)?;
    terraform.copy("examples/scenarios/multi-region")?;
    let variables = variables(aws, &agent, &dir, authority_port, package_port)?;
    terraform.write("terraform.tfvars", &variables)?;
    for (name, value) in aws.environment() {
        terraform.set(name, value);
    }
    terraform.set("TF_VAR_app_password", PASSWORD);

    let applied = terraform.apply_settles();
    applied.with_context(|| machines.consoles())?;
    assert_eq!(machines.count(), 2);
    let hosts = terraform.output("hosts")?;
    for region in &REGIONS {
        let host = &hosts[region.name];
        let address = host["private_ip"].as_str().context("it has an address")?;
        hello(&python, &terraform, &agent, address).with_context(|| machines.consoles())?;
    }
    let state = fs::read_to_string(terraform.root().join("terraform.tfstate"))?;
    ensure!(
        !state.contains(PASSWORD) && !state.contains("PRIVATE KEY"),
        "secrets in the state"
    );

    terraform.destroy()?;
    for region in &REGIONS {
        let seen = aws.ec2(region.name, "DescribeInstances", &[])?;
        ensure!(!seen.0.contains("<name>running</name>"), "{}", seen.0);
    }
    poll::until("the machines to go", Duration::from_secs(20), || {
        Ok((machines.count() == 0).then_some(()))
    })
}

/// The instance profile of hosts.
fn make_role(aws: &StandIn) -> Result<()> {
    let iam = ("iam", "2010-05-08");
    let trust = r#"{"Version":"2012-10-17","Statement":[]}"#;
    let role = [("RoleName", ROLE), ("AssumeRolePolicyDocument", trust)];
    aws.query("us-east-1", iam, "CreateRole", &role)?;
    let profile = ("InstanceProfileName", ROLE);
    aws.query("us-east-1", iam, "CreateInstanceProfile", &[profile])?;
    let add = [profile, ("RoleName", ROLE)];
    aws.query("us-east-1", iam, "AddRoleToInstanceProfile", &add)?;
    Ok(())
}

/// A running authority with the CA of `agent`, and its port.
fn authority(aws: &StandIn, agent: &Agent, dir: &TempDir) -> Result<(Server, u16)> {
    let port = ports::free()?;
    let mut command = Command::new(binaries::broker_agent()?);
    command
        .args(["authority", "--listen", &format!("0.0.0.0:{port}")])
        .args(["--role", &format!("{ACCOUNT}/{ROLE}"), "--dir"])
        .arg(agent.path(""))
        .env("AWS_ENDPOINT_URL_STS", aws.url());
    for region in &REGIONS {
        command.args(["--host", &format!("{}.0.1", region.network)]);
    }
    let mut server = Server::spawn(&mut command, &dir.path().join("authority.log"))?;
    server.line(Duration::from_secs(20))?;
    Ok((server, port))
}

/// A web server with the agent's package, and its port.
fn packages(dir: &TempDir) -> Result<(Server, u16)> {
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

fn variables(
    aws: &StandIn,
    agent: &Agent,
    dir: &TempDir,
    authority_port: u16,
    package_port: u16,
) -> Result<String> {
    let package = dir.path().join("packages/agent.tar.gz");
    let sum = Finished::run(Command::new("sha256sum").arg(&package))?
        .success()?
        .stdout;
    let sum = sum.split(' ').next().context("a sum")?;
    let mut regions = String::new();
    for Region { name, network } in &REGIONS {
        let subnet = &aws.network(name, network, "a")?.subnets[0];
        regions += &format!(
            "  {name} = {{ subnet_id = \"{subnet}\", authority = \"{network}.0.1:{authority_port}\", \
             ami = \"ami-0123abcd\" }}\n"
        );
    }
    let url = format!(
        "http://{}.0.1:{package_port}/agent.tar.gz",
        REGIONS[0].network
    );
    let credentials = agent.path("admin").display().to_string();
    Ok(format!(
        "regions = {{\n{regions}}}\nagent_package = {{ url = \"{url}\", sha256 = \"{sum}\" }}\n\
         credentials = \"{credentials}\"\n"
    ))
}

/// Messages through the broker on this machine, by a stock client.
fn hello(python: &Python, terraform: &Workspace, agent: &Agent, address: &str) -> Result<()> {
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
