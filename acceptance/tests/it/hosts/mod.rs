//! `ferrymq_host` with the real Terraform, against a stand-in of AWS.

mod boot;
mod data_sources;
mod empty_account;
mod instance_profile;
mod lifecycle;
mod modules;
mod multi_region;
mod network;
mod refusals;
mod renewal;

use acceptance::agent::Agent;
use acceptance::aws::{Network, StandIn};
use acceptance::terraform::Workspace;
use anyhow::Result;

/// A workspace whose provider makes hosts in the stand-in, and a region of its own.
struct Fixture {
    // Its certificates are what the provider is set up with.
    _agent: Agent,
    terraform: Workspace,
    aws: &'static StandIn,
    region: &'static str,
    network: Network,
}

impl Fixture {
    /// `None` if a part is left out by name. Each test takes another region.
    fn prepare(region: &'static str) -> Result<Option<Self>> {
        let Some(aws) = StandIn::shared()? else {
            return Ok(None);
        };
        let agent = Agent::init()?;
        let Some(mut terraform) = Workspace::prepare(&agent)? else {
            return Ok(None);
        };
        for (name, value) in aws.environment() {
            terraform.set(name, value);
        }
        terraform.set("AWS_REGION", region);
        let network = aws.network(region, "10.1", "ab")?;
        Ok(Some(Self {
            _agent: agent,
            terraform,
            aws,
            region,
            network,
        }))
    }

    /// Writes `main.tf` with one host in the first subnet, and what else it shall say.
    fn host(&self, more: &str) -> Result<()> {
        let subnet = &self.network.subnets[0];
        self.terraform.write(
            "main.tf",
            &format!(
                r#"
resource "ferrymq_host" "this" {{
  name           = "orders-1"
  subnet_id      = "{subnet}"
  wait_for_agent = false
{more}
}}
"#
            ),
        )
    }

    /// An attribute of the host in the state.
    fn attribute(&self, name: &str) -> Result<String> {
        let attributes = self.terraform.attributes("ferrymq_host.this")?;
        let value = &attributes[name];
        Ok(value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned))
    }

    /// States of all instances of the region.
    fn states(&self) -> Result<Vec<String>> {
        let seen = self.aws.ec2(self.region, "DescribeInstances", &[])?;
        let states = seen.all("instanceState").into_iter();
        Ok(states
            .filter_map(|state| Some(state.split_once("<name>")?.1.split_once('<')?.0.to_owned()))
            .collect())
    }
}
