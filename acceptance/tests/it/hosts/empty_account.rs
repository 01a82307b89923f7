//! The scenario `empty-account`: network, role, host, broker and queue by one apply, on a machine that
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

#[test]
fn one_apply_leads_from_an_empty_account_to_a_queue_and_one_destroy_back() -> Result<()> {
    let region = Region {
        name: "ap-southeast-4",
        network: "10.233",
    };
    there_and_back("empty-account", region, |_| Ok(()))
}

#[test]
fn one_module_does_the_same() -> Result<()> {
    let region = Region {
        name: "ap-southeast-7",
        network: "10.234",
    };
    there_and_back("single-broker", region, |terraform| {
        for module in ["broker", "host", "network", "single-broker"] {
            terraform.copy_beside(&format!("modules/{module}"))?;
        }
        terraform.write("main.tf", MODULE)?;
        terraform.write("outputs.tf", MODULE_OUTPUTS)
    })
}

/// Applies the scenario as `change` leaves it, sends messages through its broker, and destroys it.
fn there_and_back(
    own_name: &str,
    region: Region,
    change: impl FnOnce(&Workspace) -> Result<()>,
) -> Result<()> {
    let regions = [region];
    let (Some(aws), Some(python)) = (StandIn::shared()?, Python::prepare()?) else {
        return Ok(());
    };
    let agent = Agent::init()?;
    let Some(mut terraform) = Workspace::empty()? else {
        return Ok(());
    };
    let dir = tempfile::tempdir()?;
    let Some(machines) = Machines::watch(aws, &regions)? else {
        return Ok(());
    };
    let Region { name, network } = &regions[0];
    let (_authority, authority_port) = authority(aws, &agent, &dir, own_name, &regions)?;
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
    let address = terraform.output("private_ip")?;
    let address = address.as_str().context("it has an address")?;
    hello(&python, &terraform, &agent, address).with_context(|| machines.consoles())?;
    let state = fs::read_to_string(terraform.root().join("terraform.tfstate"))?;
    ensure!(
        !state.contains(PASSWORD) && !state.contains("PRIVATE KEY"),
        "secrets in the state"
    );

    terraform.destroy()?;
    let filter = [
        ("Filter.1.Name", "tag:ferrymq:network"),
        ("Filter.1.Value.1", own_name),
    ];
    let vpcs = aws.ec2(name, "DescribeVpcs", &filter)?;
    ensure!(vpcs.all("vpcId").is_empty(), "{}", vpcs.0);
    let role = [("RoleName", own_name)];
    let role = aws.query("us-east-1", ("iam", "2010-05-08"), "GetRole", &role);
    ensure!(role.is_err(), "the role is left");
    poll::until("the machine to go", Duration::from_secs(20), || {
        Ok((machines.count() == 0).then_some(()))
    })
}
