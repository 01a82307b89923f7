//! Doing what is to be done: each step one call or two, and its outcome entered in the parts.

use std::collections::BTreeSet;
use std::sync::Arc;

use cloud_aws::ec2::Tags;
use cloud_aws::networks::{
    Endpoint, Gateway, Group, NewEndpoint, NewGroup, NewSubnet, RouteTable, Subnet,
};
use cloud_aws::{Ec2, Error, Networks};
use tfplugin_rs::prelude::*;

use super::layout::{GATEWAY, Layout, SubnetPlan, VPC};
use super::model::{CREATING_TAG, NetworkModel};
use super::parts::Parts;
use super::steps::{self, Step, steps};
use crate::agents::Agents;
use crate::aws::wait::patiently;
use crate::{aws, generation};

/// No layout needs more lists of steps than this, each of which builds on the one before.
const MOST_ROUNDS: usize = 12;

/// One operation on a network.
pub(super) struct Builder {
    pub(super) networks: Arc<dyn Networks>,
    pub(super) ec2: Arc<dyn Ec2>,
    doing: String,
    /// Which timeout limits it.
    pub(super) member: &'static str,
}

impl Builder {
    pub(super) async fn new(
        network: &NetworkModel,
        verb: &str,
        member: &'static str,
        cx: &Context<Agents>,
    ) -> Result<Self> {
        let (region, doing) = (network.region()?, network.task(verb));
        let failed = |error: Error| aws::failed(&doing, &error);
        Ok(Self {
            networks: cx.data().aws().networks(&region).await.map_err(failed)?,
            ec2: cx.data().aws().ec2(&region).await.map_err(failed)?,
            doing: doing.clone(),
            member,
        })
    }

    pub(super) fn failed(&self, error: &Error) -> Diagnostic {
        aws::failed(&self.doing, error)
    }

    /// Brings the parts to the layout; `changed` hears of them after each step.
    pub(super) async fn build(
        &self,
        network: &NetworkModel,
        layout: &Layout,
        parts: &mut Parts,
        cx: &mut Apply<Agents>,
        changed: impl Fn(&Parts, &mut Apply<Agents>),
    ) -> Result<()> {
        for _ in 0..MOST_ROUNDS {
            let now = steps(layout, parts);
            if now.is_empty() {
                return Ok(());
            }
            for step in now {
                if cx.stop().is_stopped() {
                    let detail = "The run was interrupted. What there is of the network is in the \
                                  state, and the next apply goes on from there.";
                    return Err(Diagnostic::error("Interrupted", detail).into());
                }
                tracing::info!(network = network.name, "{step}");
                self.take(&step, network, layout, parts, cx).await?;
                changed(parts, cx);
            }
        }
        let left = steps(layout, parts);
        let left = left.iter().map(ToString::to_string).collect::<Vec<_>>();
        let detail = format!(
            "Could not {}: left to do is {}.",
            self.doing,
            left.join("; ")
        );
        Err(Diagnostic::error("The network does not settle", detail).into())
    }

    async fn take(
        &self,
        step: &Step,
        network: &NetworkModel,
        layout: &Layout,
        parts: &mut Parts,
        cx: &Context<Agents>,
    ) -> Result<()> {
        match step {
            Step::RemoveEndpoint(_)
            | Step::RemoveGateway
            | Step::RemoveGroup(_)
            | Step::RemoveSubnet(_)
            | Step::RemoveTable(_) => self.remove(step, parts, cx).await,
            Step::MakeVpc
            | Step::MakeSubnet(_)
            | Step::MakeGateway
            | Step::MakeTable(_)
            | Step::MakeGroup(_)
            | Step::MakeEndpoint(_) => self.make(step, network, layout, parts, cx).await,
            Step::MoveEndpoint(service) => {
                let place = steps::place(layout, parts, service);
                let there = parts.endpoints.get_mut(&service.name);
                if let (Some(endpoint), Some(place)) = (there, place) {
                    let moved = self.networks.move_endpoint(endpoint, &place).await;
                    moved.map_err(|error| self.failed(&error))?;
                    endpoint.place = place;
                }
                Ok(())
            }
            _ => self.adjust(step, parts, cx).await,
        }
    }

    /// Makes a part.
    async fn make(
        &self,
        step: &Step,
        network: &NetworkModel,
        layout: &Layout,
        parts: &mut Parts,
        cx: &Context<Agents>,
    ) -> Result<()> {
        let failed = |error: Error| self.failed(&error);
        let vpc = parts.vpc_id();
        match step {
            Step::MakeVpc => {
                let mut tags = network.tags_of(VPC);
                tags.insert(CREATING_TAG.to_owned(), "true".to_owned());
                let made = self.networks.create_vpc(&layout.cidr, &tags).await;
                parts.vpc = Some(made.map_err(failed)?);
            }
            Step::MakeSubnet(plan) => {
                let made = self.make_subnet(plan, network, &vpc, cx).await?;
                parts.subnets.insert(plan.part(), made);
            }
            Step::MakeGateway => {
                let tags = network.tags_of(GATEWAY);
                let made = self.networks.create_gateway(&tags).await;
                parts.gateway = Some(made.map_err(failed)?);
            }
            Step::MakeTable(name) => {
                let tags = network.tags_of(name);
                let made =
                    patiently(&self.doing, cx, || self.networks.create_table(&vpc, &tags)).await?;
                parts.tables.insert(name.clone(), made);
            }
            Step::MakeGroup(name) => {
                let new = NewGroup {
                    vpc,
                    name: format!("ferrymq-{name}"),
                    description: format!("FerryMQ: {name}"),
                    tags: network.tags_of(name),
                };
                let id = patiently(&self.doing, cx, || self.networks.create_group(&new)).await?;
                let (rules, tags) = (BTreeSet::new(), new.tags);
                parts
                    .groups
                    .insert((*name).to_owned(), Group { id, rules, tags });
            }
            Step::MakeEndpoint(service) => {
                let Some(place) = steps::place(layout, parts, service) else {
                    return Ok(());
                };
                let new = NewEndpoint {
                    client_token: generation::token()?,
                    vpc,
                    service: service.name.clone(),
                    place: place.clone(),
                    tags: network.tags_of(service.name.rsplit('.').next().unwrap_or_default()),
                };
                let made =
                    patiently(&self.doing, cx, || self.networks.create_endpoint(&new)).await?;
                let made = Endpoint { place, ..made };
                parts.endpoints.insert(service.name.clone(), made);
            }
            _ => {}
        }
        Ok(())
    }

    async fn make_subnet(
        &self,
        plan: &SubnetPlan,
        network: &NetworkModel,
        vpc: &str,
        cx: &Context<Agents>,
    ) -> Result<Subnet> {
        let new = NewSubnet {
            vpc: vpc.to_owned(),
            zone: plan.zone.clone(),
            cidr: plan.cidr.clone(),
            tags: network.tags_of(&plan.part()),
        };
        patiently(&self.doing, cx, || self.networks.create_subnet(&new)).await
    }

    /// Changes a part that is there.
    async fn adjust(&self, step: &Step, parts: &mut Parts, cx: &Context<Agents>) -> Result<()> {
        let vpc = parts.vpc_id();
        match step {
            Step::EnableDns => {
                patiently(&self.doing, cx, || self.networks.enable_dns(&vpc)).await?;
                parts.dns = true;
            }
            Step::PublicAddresses { subnet, on } => {
                let Some(subnet) = parts.subnets.get_mut(subnet) else {
                    return Ok(());
                };
                patiently(&self.doing, cx, || {
                    self.networks.set_public_addresses(&subnet.id, *on)
                })
                .await?;
                subnet.public_addresses = *on;
            }
            Step::AttachGateway => {
                let Some(gateway) = &mut parts.gateway else {
                    return Ok(());
                };
                patiently(&self.doing, cx, || {
                    self.networks.attach_gateway(&gateway.id, &vpc)
                })
                .await?;
                gateway.vpc = Some(vpc);
            }
            Step::Route { table } => {
                if let (Some(table), Some(gateway)) = (parts.tables.get_mut(table), &parts.gateway)
                {
                    self.lead(table, gateway, cx).await?;
                }
            }
            Step::Associate { subnet, table } => {
                let subnet = parts.subnets.get(subnet).map(|it| it.id.clone());
                if let (Some(subnet), Some(table)) = (subnet, parts.tables.get_mut(table)) {
                    let id = patiently(&self.doing, cx, || {
                        self.networks.associate(&table.id, &subnet)
                    })
                    .await?;
                    table.subnets.insert(subnet, id);
                }
            }
            Step::Allow { group, rules } => {
                if let Some(group) = parts.groups.get_mut(*group) {
                    patiently(&self.doing, cx, || self.networks.allow(&group.id, rules)).await?;
                    group.rules.extend(rules.iter().cloned());
                }
            }
            Step::Forbid { group, rules } => {
                if let Some(group) = parts.groups.get_mut(*group) {
                    patiently(&self.doing, cx, || self.networks.forbid(&group.id, rules)).await?;
                    group.rules.retain(|rule| !rules.contains(rule));
                }
            }
            _ => {}
        }
        Ok(())
    }

    async fn lead(
        &self,
        table: &mut RouteTable,
        gateway: &Gateway,
        cx: &Context<Agents>,
    ) -> Result<()> {
        let replaces = table.has_default_route;
        patiently(&self.doing, cx, || {
            self.networks
                .set_default_route(&table.id, &gateway.id, replaces)
        })
        .await?;
        table.has_default_route = true;
        table.default_route = Some(gateway.id.clone());
        Ok(())
    }

    /// Brings names and tags of all parts up to date.
    pub(super) async fn retag(
        &self,
        prior: &NetworkModel,
        plan: &NetworkModel,
        parts: &mut Parts,
    ) -> Result<()> {
        let failed = |error: Error| self.failed(&error);
        let keys = |tags: &Option<Tags>| tags.clone().unwrap_or_default();
        let (before, after) = (keys(&prior.tags), keys(&plan.tags));
        let gone: Vec<String> = before
            .into_keys()
            .filter(|key| !after.contains_key(key))
            .collect();
        for (id, part) in parts.ids() {
            let ids = [id];
            let tags = plan.tags_of(&part);
            self.ec2.set_tags(&ids, &tags).await.map_err(failed)?;
            if !gone.is_empty() {
                self.ec2.remove_tags(&ids, &gone).await.map_err(failed)?;
            }
        }
        if let Some(vpc) = &mut parts.vpc {
            vpc.tags = plan.tags_of(VPC);
        }
        Ok(())
    }
}
