//! `ferrymq_network`.
//!
//! [`layout`] says what a network shall be like, [`parts`] what there is of it, [`steps`] what is to be
//! done; [`build`] and [`removal`] do it.

mod build;
mod layout;
mod model;
mod parts;
mod plan;
mod removal;
mod steps;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use cloud_aws::Error;
use tfplugin_rs::prelude::*;

use self::build::Builder;
use self::layout::Layout;
use self::model::{CREATING_TAG, NetworkModel};
use self::parts::Parts;
use crate::agents::Agents;
use crate::aws;

/// The resource.
pub(crate) struct Network;

impl Resource for Network {
    const NAME: &'static str = "network";
    type Data = Agents;
    type Model = NetworkModel;

    async fn modify_plan(&self, plan: &mut ResourcePlan, cx: &mut Context<Agents>) -> Result<()> {
        if plan.planned().is_null() {
            return Ok(());
        }
        plan::settle(plan, cx).await
    }

    async fn create(&self, plan: NetworkModel, cx: &mut Apply<Agents>) -> Result<NetworkModel> {
        Box::pin(create(plan, cx)).await
    }

    async fn read(
        &self,
        state: NetworkModel,
        cx: &mut Context<Agents>,
    ) -> Result<Option<NetworkModel>> {
        let builder = Builder::new(&state, "read", "create", cx).await?;
        let parts = builder.look(&state.name, Some(&state.id()?)).await?;
        if parts.vpc.is_none() {
            return Ok(None);
        }
        seen(state, &parts).map(Some)
    }

    async fn update(
        &self,
        prior: NetworkModel,
        plan: NetworkModel,
        cx: &mut Apply<Agents>,
    ) -> Result<NetworkModel> {
        Box::pin(update(prior, plan, cx)).await
    }

    async fn delete(&self, state: NetworkModel, cx: &mut Context<Agents>) -> Result<()> {
        let builder = Builder::new(&state, "destroy", "delete", cx).await?;
        let parts = builder.look(&state.name, Some(&state.id()?)).await?;
        Box::pin(builder.destroy(parts, cx)).await
    }

    async fn import(&self, id: &str, cx: &mut Context<Agents>) -> Result<NetworkModel> {
        let (region, vpc) = match id.split_once('/') {
            Some((region, vpc)) => (region.to_owned(), vpc),
            None => (aws::region(Attr::Null, cx.data()).await?, id),
        };
        Box::pin(import(&region, vpc, cx)).await
    }
}

/// Makes the network, or finishes making it.
async fn create(mut plan: NetworkModel, cx: &mut Apply<Agents>) -> Result<NetworkModel> {
    let builder = Builder::new(&plan, "make", "create", cx).await?;
    let zones = match plan.availability_zones.clone().known() {
        Some(zones) => zones,
        None => builder.choose_zones(&plan).await?,
    };
    plan.availability_zones = zones.clone().into();
    let layout = Layout::of(&plan, &plan.region()?, &zones)?;
    let mut parts = builder.left_behind(&plan, &layout, cx).await?;
    let saved = |parts: &Parts, cx: &mut Apply<Agents>| {
        if let Ok(state) = seen(plan.clone(), parts) {
            cx.save(&state);
        }
    };
    builder.build(&plan, &layout, &mut parts, cx, saved).await?;
    let (ids, mark) = ([parts.vpc_id()], [CREATING_TAG.to_owned()]);
    let done = builder.ec2.remove_tags(&ids, &mark).await;
    done.map_err(|error| builder.failed(&error))?;
    seen(plan, &parts)
}

async fn update(
    prior: NetworkModel,
    plan: NetworkModel,
    cx: &mut Apply<Agents>,
) -> Result<NetworkModel> {
    let builder = Builder::new(&plan, "change", "update", cx).await?;
    let zones = plan.availability_zones.clone().known().unwrap_or_default();
    let layout = Layout::of(&plan, &plan.region()?, &zones)?;
    let mut parts = builder.look(&prior.name, Some(&plan.id()?)).await?;
    if prior.name != plan.name || prior.tags != plan.tags {
        builder.retag(&prior, &plan, &mut parts).await?;
    }
    let unsaved = |_: &Parts, _: &mut Apply<Agents>| {};
    builder
        .build(&plan, &layout, &mut parts, cx, unsaved)
        .await?;
    // An apply that was interrupted while it made the network has left the mark.
    let (ids, mark) = ([parts.vpc_id()], [CREATING_TAG.to_owned()]);
    let done = builder.ec2.remove_tags(&ids, &mark).await;
    done.map_err(|error| builder.failed(&error))?;
    seen(plan, &parts)
}

async fn import(region: &str, vpc: &str, cx: &mut Context<Agents>) -> Result<NetworkModel> {
    let mut state = NetworkModel::blank(region);
    let builder = Builder::new(&state, "import", "create", cx).await?;
    let found = [("vpc-id", vec![vpc.to_owned()])];
    let found = builder.networks.vpcs(&found).await;
    let found = found.map_err(|error| builder.failed(&error))?;
    let of = found.first().map(|vpc| vpc.tags.get(model::NETWORK_TAG));
    let Some(Some(name)) = of else {
        let why = match of {
            None => "There is no such VPC",
            Some(_) => "It was not made by `ferrymq_network` (it has no tag `ferrymq:network`)",
        };
        let detail = format!(
            "{why}: {vpc:?} in {region}. The id of a network is `<region>/<vpc>`, or the VPC alone in \
             the provider's region. Networks made otherwise need no import: hosts take the ids of \
             their subnets and groups."
        );
        return Err(Diagnostic::error("Nothing to import", detail).into());
    };
    state.name.clone_from(name);
    let parts = builder.look(name, Some(vpc)).await?;
    state.adopt(&parts);
    seen(state, &parts)
}

/// The network as it is.
fn seen(mut state: NetworkModel, parts: &Parts) -> Result<NetworkModel> {
    let zones = state.availability_zones.clone().known().unwrap_or_default();
    let layout = Layout::of(&state, &state.region()?, &zones)?;
    let deviations = steps::steps(&layout, parts);
    let deviations: Vec<String> = deviations.iter().map(ToString::to_string).collect();
    state.deviations = deviations.into();
    state.id = parts.vpc.as_ref().map(|vpc| vpc.id.clone()).into();
    state.private_subnet_ids = parts.subnet_ids("private", &zones).into();
    state.public_subnet_ids = parts.subnet_ids("public", &zones).into();
    let group = parts.groups.get(layout::HOSTS);
    state.security_group_id = group.map(|group| group.id.clone()).into();
    if let Some(vpc) = &parts.vpc {
        state.cidr.clone_from(&vpc.cidr);
        if let Some(name) = parts.name() {
            state.name = name;
        }
        let others = vpc.tags.iter().filter(|(key, _)| model::is_users(key));
        let others: cloud_aws::ec2::Tags = others.map(|(k, v)| (k.clone(), v.clone())).collect();
        if !(state.tags.is_none() && others.is_empty()) {
            state.tags = Some(others);
        }
    }
    Ok(state)
}

impl Builder {
    async fn look(&self, name: &str, id: Option<&str>) -> Result<Parts> {
        let found = Parts::look(self.networks.as_ref(), name, id).await;
        Ok(found.map_err(|error| self.failed(&error))?)
    }

    async fn choose_zones(&self, network: &NetworkModel) -> Result<Vec<String>> {
        let failed = |error: Error| self.failed(&error);
        let mut zones = self.networks.zones().await.map_err(failed)?;
        let wanted = usize::try_from(network.zone_count).unwrap_or_default();
        if zones.len() < wanted {
            let detail = format!(
                "{} has {} availability zones that this account may use: {}. Choose a smaller \
                 `zone_count`, or another region.",
                network.region()?,
                zones.len(),
                zones.join(", ")
            );
            return Err(Diagnostic::error("Not enough zones", detail)
                .at("zone_count")
                .into());
        }
        zones.truncate(wanted);
        Ok(zones)
    }

    /// What an interrupted apply has left, if it is of the network that is wanted.
    async fn left_behind(
        &self,
        plan: &NetworkModel,
        layout: &Layout,
        cx: &mut Apply<Agents>,
    ) -> Result<Parts> {
        let parts = self.look(&plan.name, None).await?;
        let Some(vpc) = &parts.vpc else {
            return Ok(parts);
        };
        let (id, region) = (&vpc.id, plan.region()?);
        if !vpc.tags.contains_key(CREATING_TAG) {
            let detail = format!(
                "The VPC {id} in {region} is a network of this name already. Import it with the id \
                 \"{region}/{id}\", or choose another name."
            );
            return Err(Diagnostic::error("Network exists already", detail)
                .at("name")
                .into());
        }
        let zones: BTreeSet<&String> = layout.subnets.iter().map(|subnet| &subnet.zone).collect();
        let there = parts.subnets.values();
        let fits = vpc.cidr == layout.cidr && there.clone().all(|it| zones.contains(&it.zone));
        if fits {
            let detail = format!(
                "The VPC {id} was made for this network by an apply that did not end. It was taken \
                 over."
            );
            cx.push(Diagnostic::warning("Network was taken over", detail).at("name"));
            return Ok(parts);
        }
        let detail = format!(
            "The VPC {id} was made for this network by an apply that did not end, and is not like \
             what is wanted now. It was removed."
        );
        cx.push(Diagnostic::warning("Network was removed", detail).at("name"));
        Box::pin(self.destroy(parts, cx)).await?;
        Ok(Parts::default())
    }
}

impl NetworkModel {
    /// What an import knows before it has looked.
    fn blank(region: &str) -> Self {
        Self {
            agent_sources: None,
            availability_zones: Attr::Null,
            cidr: String::new(),
            client_ports: None,
            client_sources: None,
            deviations: Attr::Null,
            id: Attr::Null,
            name: String::new(),
            private_subnet_ids: Attr::Null,
            public_subnet_ids: Attr::Null,
            public_subnets: false,
            region: region.to_owned().into(),
            security_group_id: Attr::Null,
            status_sources: None,
            tags: None,
            timeouts: Timeouts::default(),
            vpc_endpoints: None,
            zone_count: 2,
        }
    }

    /// Reads the configuration back from what there is.
    fn adopt(&mut self, parts: &Parts) {
        if let Some(vpc) = &parts.vpc {
            self.cidr.clone_from(&vpc.cidr);
        }
        let zones: BTreeSet<String> = parts.subnets.values().map(|it| it.zone.clone()).collect();
        self.zone_count = i32::try_from(zones.len()).unwrap_or_default();
        self.availability_zones = zones.into_iter().collect::<Vec<_>>().into();
        self.public_subnets = parts.gateway.is_some();
        let group = parts.groups.get(layout::HOSTS);
        let rules = group.map(|group| &group.rules).into_iter().flatten();
        for rule in rules {
            let sources = match rule.description.as_str() {
                layout::FOR_AGENTS => &mut self.agent_sources,
                layout::FOR_CLIENTS => &mut self.client_sources,
                layout::FOR_STATUS => &mut self.status_sources,
                _ => continue,
            };
            let sources = sources.get_or_insert_default();
            sources.insert(rule.source.clone());
            if rule.description == layout::FOR_CLIENTS
                && let Some((port, _)) = rule.ports
            {
                self.client_ports.get_or_insert_default().insert(port);
            }
        }
        let services = parts.endpoints.keys();
        let short = services.filter_map(|name| name.rsplit('.').next().map(str::to_owned));
        self.vpc_endpoints = Some(short.collect());
        // What is as it is by default need not be said.
        if self.client_ports == Some(layout::CLIENTS.into()) {
            self.client_ports = None;
        }
        if self.vpc_endpoints == Some(layout::BY_ROUTE.map(str::to_owned).into()) {
            self.vpc_endpoints = None;
        }
    }
}
