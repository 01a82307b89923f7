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

const REGIONS: [Region; 1] = [Region {
    name: "ap-southeast-4",
    network: "10.233",
}];

const NAME: &str = "empty-account";

#[test]
fn one_apply_leads_from_an_empty_account_to_a_queue_and_one_destroy_back() -> Result<()> {
    let (Some(aws), Some(python)) = (StandIn::shared()?, Python::prepare()?) else {
        return Ok(());
    };
    let agent = Agent::init()?;
    let Some(mut terraform) = Workspace::empty()? else {
        return Ok(());
    };
    let dir = tempfile::tempdir()?;
    let Some(machines) = Machines::watch(aws, &REGIONS)? else {
        return Ok(());
    };
    let Region { name, network } = &REGIONS[0];
    let (_authority, authority_port) = authority(aws, &agent, &dir, NAME, &REGIONS)?;
    let (_packages, package_port) = packages(&dir)?;
    terraform.copy("examples/scenarios/empty-account")?;
    let here = format!("{network}.0.1");
    let variables = format!(
        "name = \"{NAME}\"\nregion = \"{name}\"\ncidr = \"{network}.0.0/16\"\nami = \
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
        ("Filter.1.Value.1", NAME),
    ];
    let vpcs = aws.ec2(name, "DescribeVpcs", &filter)?;
    ensure!(vpcs.all("vpcId").is_empty(), "{}", vpcs.0);
    let role = [("RoleName", NAME)];
    let role = aws.query("us-east-1", ("iam", "2010-05-08"), "GetRole", &role);
    ensure!(role.is_err(), "the role is left");
    poll::until("the machine to go", Duration::from_secs(20), || {
        Ok((machines.count() == 0).then_some(()))
    })
}
