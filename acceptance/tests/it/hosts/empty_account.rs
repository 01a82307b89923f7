//! The scenario `empty-account`, and the modules that do the same: network, role, host, broker and queue by one apply, on a machine that
//! boots for real, and back to an empty account.

use std::fs;
use std::time::Duration;

use acceptance::agent::Agent;
use acceptance::aws::StandIn;
use acceptance::machines::{Machines, Region};
use acceptance::poll;
use acceptance::python::Python;
use acceptance::terraform::Workspace;
use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::boot::{PASSWORD, authority, hello, package, packages};

/// The same by the module, in place of the scenario's resources.
const MODULE: &str = r#"
provider "ferrymq" {
  ca_certificate     = "${var.credentials}/ca.pem"
  client_certificate = "${var.credentials}/client.pem"
  client_key         = "${var.credentials}/client-key.pem"
}

module "shop" {
  source = "../single-broker"

  name           = var.name
  region         = var.region
  cidr           = var.cidr
  agent_sources  = var.agent_sources
  client_sources = var.client_sources
  instance_type  = var.instance_type
  ami            = var.ami
  agent_package  = var.agent_package
  authority      = var.authority
  data_volume    = null

  vhosts         = { shop = {} }
  users          = { app = {} }
  user_passwords = { app = var.app_password }
  user_permissions = {
    app = { user = "app", vhost = "shop", write = "^orders$", read = "^incoming$" }
  }
  exchanges = { orders = { vhost = "shop", type = "topic" } }
  queues    = { incoming = { vhost = "shop" } }
  bindings = {
    incoming = { source = "orders", destination = "incoming", routing_key = "order.#" }
  }
}
"#;

const MODULE_OUTPUTS: &str = r#"
output "private_ip" {
  value = module.shop.private_ip
}
"#;

/// What the module for several regions takes otherwise.
const ELSEWHERE: &str = r#"
  regions = {
    af-south-1   = { cidr = "10.235.0.0/16", authority = replace(var.authority, "10.236", "10.235"), ami = var.ami }
    me-central-1 = { cidr = "10.236.0.0/16", authority = var.authority, ami = var.ami }
  }
  agent_sources  = ["10.236.0.1/32", "10.235.0.1/32"]
"#;

const ELSEWHERE_OUTPUTS: &str = r#"
output "private_ip" {
  value = module.shop.private_ips
}
"#;

#[test]
fn one_apply_leads_from_an_empty_account_to_a_queue_and_one_destroy_back() -> Result<()> {
    let region = Region {
        name: "ap-southeast-4",
        network: "10.233",
    };
    there_and_back("empty-account", &["empty-account"], &[region], |_| Ok(()))
}

#[test]
fn one_module_does_the_same() -> Result<()> {
    let region = Region {
        name: "ap-southeast-7",
        network: "10.234",
    };
    there_and_back(
        "single-broker",
        &["single-broker"],
        &[region],
        |terraform| {
            copy_modules(terraform)?;
            terraform.write("main.tf", MODULE)?;
            terraform.write("outputs.tf", MODULE_OUTPUTS)
        },
    )
}

#[test]
fn one_module_does_the_same_in_two_regions() -> Result<()> {
    let regions = [("me-central-1", "10.236"), ("af-south-1", "10.235")];
    let regions = regions.map(|(name, network)| Region { name, network });
    let names = ["two-me-central-1", "two-af-south-1"];
    there_and_back("two", &names, &regions, |terraform| {
        copy_modules(terraform)?;
        let mut module = MODULE.replace("../single-broker", "../multi-region");
        for alone in ["region", "cidr", "agent_sources", "ami", "authority"] {
            let lines = module.lines();
            let others = lines.filter(|line| line.split_whitespace().next() != Some(alone));
            module = others.map(|line| format!("{line}\n")).collect();
        }
        let module = module.replace(
            "data_volume    = null\n",
            &format!("data_volume = null\n{ELSEWHERE}"),
        );
        terraform.write("main.tf", &module)?;
        terraform.write("outputs.tf", ELSEWHERE_OUTPUTS)
    })
}

fn copy_modules(terraform: &Workspace) -> Result<()> {
    for module in ["broker", "host", "multi-region", "network", "single-broker"] {
        terraform.copy_beside(&format!("modules/{module}"))?;
    }
    Ok(())
}

/// Applies the scenario as `change` leaves it, sends messages through its broker, and destroys it.
fn there_and_back(
    own_name: &str,
    made: &[&str],
    regions: &[Region],
    change: impl FnOnce(&Workspace) -> Result<()>,
) -> Result<()> {
    let (Some(aws), Some(python)) = (StandIn::shared()?, Python::prepare()?) else {
        return Ok(());
    };
    let agent = Agent::init()?;
    let Some(mut terraform) = Workspace::empty()? else {
        return Ok(());
    };
    let dir = tempfile::tempdir()?;
    let Some(machines) = Machines::watch(aws, regions)? else {
        return Ok(());
    };
    let Region { name, network } = &regions[0];
    let roles: Vec<String> = made.iter().map(|name| (*name).to_owned()).collect();
    let (_authority, authority_port) = authority(aws, &agent, &dir, &roles, regions)?;
    let (_packages, package_port) = packages(&dir)?;
    terraform.copy("examples/scenarios/empty-account")?;
    change(&terraform)?;
    let here = format!("{network}.0.1");
    let variables = format!(
        "name = \"{own_name}\"\nregion = \"{name}\"\ncidr = \"{network}.0.0/16\"\nami = \
         \"ami-0123abcd\"\nagent_sources = [\"{here}/32\"]\nclient_sources = \
         [\"{here}/32\"]\nagent_package = {}\nauthority = \"{here}:{authority_port}\"\ncredentials = \
         \"{}\"\n",
        package(&dir, network, package_port)?,
        agent.path("admin").display()
    );
    terraform.write("terraform.tfvars", &variables)?;
    for (name, value) in aws.environment() {
        terraform.set(name, value);
    }
    terraform.set("TF_VAR_app_password", PASSWORD);

    let applied = terraform.apply_settles();
    applied.with_context(|| machines.consoles())?;
    let addresses = match terraform.output("private_ip")? {
        Value::Object(by_region) => by_region.into_values().collect(),
        one => vec![one],
    };
    assert_eq!(addresses.len(), regions.len());
    for address in &addresses {
        let address = address.as_str().context("it has an address")?;
        hello(&python, &terraform, &agent, address).with_context(|| machines.consoles())?;
    }
    let state = fs::read_to_string(terraform.root().join("terraform.tfstate"))?;
    ensure!(
        !state.contains(PASSWORD) && !state.contains("PRIVATE KEY"),
        "secrets in the state"
    );

    terraform.destroy()?;
    for (region, name) in regions.iter().zip(made) {
        nothing_is_left(aws, region.name, name)?;
    }
    poll::until("the machine to go", Duration::from_secs(20), || {
        Ok((machines.count() == 0).then_some(()))
    })
}

fn nothing_is_left(aws: &StandIn, region: &str, name: &str) -> Result<()> {
    let filter = [
        ("Filter.1.Name", "tag:ferrymq:network"),
        ("Filter.1.Value.1", name),
    ];
    let vpcs = aws.ec2(region, "DescribeVpcs", &filter)?;
    ensure!(vpcs.all("vpcId").is_empty(), "{}", vpcs.0);
    let role = [("RoleName", name)];
    let role = aws.query("us-east-1", ("iam", "2010-05-08"), "GetRole", &role);
    ensure!(role.is_err(), "the role {name} is left");
    Ok(())
}
