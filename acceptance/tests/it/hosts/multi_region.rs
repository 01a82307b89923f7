//! The scenario `multi-region` from nothing to messages and back, on machines that boot for real.

use std::fs;
use std::time::Duration;

use acceptance::agent::Agent;
use acceptance::aws::StandIn;
use acceptance::machines::{Machines, Region};
use acceptance::poll;
use acceptance::python::Python;
use acceptance::terraform::Workspace;
use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::boot::{PASSWORD, authority, hello, make_role, package, packages};

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
    make_role(aws, ROLE)?;
    let Some(machines) = Machines::watch(aws, &REGIONS)? else {
        return Ok(());
    };
    let (_authority, authority_port) = authority(aws, &agent, &dir, &[ROLE.to_owned()], &REGIONS)?;
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

fn variables(
    aws: &StandIn,
    agent: &Agent,
    dir: &TempDir,
    authority_port: u16,
    package_port: u16,
) -> Result<String> {
    let mut regions = String::new();
    for Region { name, network } in &REGIONS {
        let subnet = &aws.network(name, network, "a")?.subnets[0];
        regions += &format!(
            "  {name} = {{ subnet_id = \"{subnet}\", authority = \"{network}.0.1:{authority_port}\", \
             ami = \"ami-0123abcd\" }}\n"
        );
    }
    let package = package(dir, REGIONS[0].network, package_port)?;
    let credentials = agent.path("admin").display().to_string();
    Ok(format!(
        "regions = {{\n{regions}}}\nagent_package = {package}\n\
         credentials = \"{credentials}\"\n"
    ))
}
