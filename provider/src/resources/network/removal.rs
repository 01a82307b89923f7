//! Removing parts: each when nothing uses it any more.

use cloud_aws::{Answer, Error};
use tfplugin_rs::prelude::*;

use super::build::Builder;
use super::parts::Parts;
use super::steps::Step;
use crate::agents::Agents;
use crate::aws::wait::Wait;

/// EC2's code for what cannot go yet.
const IN_USE: &str = "DependencyViolation";

impl Builder {
    /// Removes all parts of a network.
    pub(super) async fn destroy(&self, mut parts: Parts, cx: &Context<Agents>) -> Result<()> {
        let vpc = parts.vpc_id();
        let mut steps = Vec::new();
        steps.extend(parts.endpoints.keys().cloned().map(Step::RemoveEndpoint));
        // The group of endpoints speaks of that of hosts, which therefore goes last.
        let groups = [super::layout::ENDPOINTS, super::layout::HOSTS];
        steps.extend(groups.map(Step::RemoveGroup));
        steps.extend(parts.subnets.keys().cloned().map(Step::RemoveSubnet));
        steps.push(Step::RemoveGateway);
        steps.extend(parts.tables.keys().cloned().map(Step::RemoveTable));
        for step in steps {
            tracing::info!(vpc, "{step}");
            self.remove(&step, &mut parts, cx).await?;
        }
        if parts.vpc.is_some() {
            self.once_unused("the VPC", &vpc, || self.networks.delete_vpc(&vpc), cx)
                .await?;
        }
        Ok(())
    }

    /// Removes one part; it may be gone already.
    pub(super) async fn remove(
        &self,
        step: &Step,
        parts: &mut Parts,
        cx: &Context<Agents>,
    ) -> Result<()> {
        let vpc = parts.vpc_id();
        let what = step.to_string();
        match step {
            Step::RemoveEndpoint(service) => {
                if let Some(endpoint) = parts.endpoints.remove(service) {
                    let deleted = self.networks.delete_endpoint(&endpoint.id).await;
                    deleted.map_err(|error| self.failed(&error))?;
                }
            }
            Step::RemoveGroup(name) => {
                if let Some(group) = parts.groups.remove(*name) {
                    self.once_unused(&what, &vpc, || self.networks.delete_group(&group.id), cx)
                        .await?;
                }
            }
            Step::RemoveSubnet(name) => {
                if let Some(subnet) = parts.subnets.remove(name) {
                    for table in parts.tables.values_mut() {
                        if let Some(association) = table.subnets.remove(&subnet.id) {
                            let ended = self.networks.disassociate(&association).await;
                            ended.map_err(|error| self.failed(&error))?;
                        }
                    }
                    let delete = || self.networks.delete_subnet(&subnet.id);
                    self.once_unused(&what, &vpc, delete, cx).await?;
                }
            }
            Step::RemoveGateway => {
                if let Some(gateway) = parts.gateway.take() {
                    if let Some(attached) = &gateway.vpc {
                        let detach = || self.networks.detach_gateway(&gateway.id, attached);
                        self.once_unused(&what, &vpc, detach, cx).await?;
                    }
                    let delete = || self.networks.delete_gateway(&gateway.id);
                    self.once_unused(&what, &vpc, delete, cx).await?;
                }
            }
            Step::RemoveTable(name) => {
                if let Some(table) = parts.tables.remove(name) {
                    for association in table.subnets.values() {
                        let ended = self.networks.disassociate(association).await;
                        ended.map_err(|error| self.failed(&error))?;
                    }
                    let delete = || self.networks.delete_table(&table.id);
                    self.once_unused(&what, &vpc, delete, cx).await?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Repeats the call until nothing uses its object any more.
    async fn once_unused<'c>(
        &self,
        what: &str,
        vpc: &str,
        call: impl Fn() -> Answer<'c, ()>,
        cx: &Context<Agents>,
    ) -> Result<()> {
        let mut wait = Wait::new(format!("nothing to use what is to go ({what})"));
        loop {
            let error = match call().await {
                Ok(()) => return Ok(()),
                Err(error) if error.is(IN_USE) => error,
                Err(error) => return Err(self.failed(&error).into()),
            };
            if let Err(vain) = wait.turn(&error.message, cx).await {
                let so_far = format!("{error}.{}", self.users(vpc).await);
                return Err(wait.failed(vain, &so_far, self.member).into());
            }
        }
    }

    /// Who uses the network, for an error.
    async fn users(&self, vpc: &str) -> String {
        let filters = [("vpc-id", vec![vpc.to_owned()])];
        let found: Result<_, Error> = self.networks.interfaces(&filters).await;
        let Ok(interfaces) = found else {
            return String::new();
        };
        let users: Vec<String> = interfaces
            .iter()
            .map(|it| match &it.instance {
                Some(instance) => format!("{} of instance {instance}", it.id),
                None => format!("{} ({})", it.id, it.description),
            })
            .collect();
        if users.is_empty() {
            return " There are no network interfaces in it; something else of the VPC, such as a \
                    security group or a route table that others have made, is still there."
                .to_owned();
        }
        format!(" Network interfaces in it: {}.", users.join(", "))
    }
}
