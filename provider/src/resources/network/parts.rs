//! What there is of a network in AWS.

use std::collections::BTreeMap;

use cloud_aws::ec2::{Filters, Tags};
use cloud_aws::networks::{Endpoint, Gateway, Group, RouteTable, Subnet, Vpc};
use cloud_aws::{Error, Networks};

use super::model::{NETWORK_TAG, PART_TAG};

/// All parts that carry the network's tag, by what they are for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) vpc: Option<Vpc>,
    /// Whether instances get names.
    pub(super) dns: bool,
    pub(super) subnets: BTreeMap<String, Subnet>,
    pub(super) gateway: Option<Gateway>,
    pub(super) tables: BTreeMap<String, RouteTable>,
    pub(super) groups: BTreeMap<String, Group>,
    /// By the service's name.
    pub(super) endpoints: BTreeMap<String, Endpoint>,
}

impl Parts {
    /// Looks up the parts of the network of this name; its VPC by id where that is known.
    pub(super) async fn look(
        networks: &dyn Networks,
        name: &str,
        id: Option<&str>,
    ) -> Result<Self, Error> {
        let tagged = [("tag:ferrymq:network", vec![name.to_owned()])];
        let tagged: Filters<'_> = &tagged;
        let vpcs = match id {
            Some(id) => networks.vpcs(&[("vpc-id", vec![id.to_owned()])]).await?,
            None => networks.vpcs(tagged).await?,
        };
        let vpc = vpcs.into_iter().next();
        let dns = match &vpc {
            Some(vpc) => networks.dns(&vpc.id).await?,
            None => false,
        };
        let gateways = networks.gateways(tagged).await?;
        let endpoints = networks.endpoints(tagged).await?.into_iter();
        Ok(Self {
            vpc,
            dns,
            subnets: by_part(networks.subnets(tagged).await?, |it| &it.tags),
            gateway: gateways.into_iter().next(),
            tables: by_part(networks.tables(tagged).await?, |it| &it.tags),
            groups: by_part(networks.groups(tagged).await?, |it| &it.tags),
            endpoints: endpoints.map(|it| (it.service.clone(), it)).collect(),
        })
    }

    /// Id of the VPC; of one that is not there, none.
    pub(super) fn vpc_id(&self) -> String {
        let vpc = self.vpc.as_ref();
        vpc.map(|vpc| vpc.id.clone()).unwrap_or_default()
    }

    /// Ids of all parts, each with what it is for.
    pub(super) fn ids(&self) -> Vec<(String, String)> {
        let mut ids = Vec::new();
        let mut add = |id: &str, part: &str| ids.push((id.to_owned(), part.to_owned()));
        if let Some(vpc) = &self.vpc {
            add(&vpc.id, super::layout::VPC);
        }
        if let Some(gateway) = &self.gateway {
            add(&gateway.id, super::layout::GATEWAY);
        }
        for (part, it) in &self.subnets {
            add(&it.id, part);
        }
        for (part, it) in &self.tables {
            add(&it.id, part);
        }
        for (part, it) in &self.groups {
            add(&it.id, part);
        }
        for it in self.endpoints.values() {
            let part = it.tags.get(PART_TAG).map_or("endpoint", String::as_str);
            add(&it.id, part);
        }
        ids
    }

    /// Ids of the subnets of a kind, in the order of these zones.
    pub(super) fn subnet_ids(&self, kind: &str, zones: &[String]) -> Vec<String> {
        let ids = zones.iter().filter_map(|zone| {
            let subnet = self.subnets.get(&format!("{kind}-{zone}"))?;
            Some(subnet.id.clone())
        });
        ids.collect()
    }

    /// Name of the network that the VPC belongs to.
    pub(super) fn name(&self) -> Option<String> {
        self.vpc.as_ref()?.tags.get(NETWORK_TAG).cloned()
    }
}

fn by_part<T>(found: Vec<T>, tags: impl Fn(&T) -> &Tags) -> BTreeMap<String, T> {
    let parts = found.into_iter().filter_map(|it| {
        let part = tags(&it).get(PART_TAG)?.clone();
        Some((part, it))
    });
    parts.collect()
}
