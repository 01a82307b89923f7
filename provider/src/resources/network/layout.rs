//! What a network shall be like, worked out from its attributes.

use std::collections::BTreeSet;

use cloud_aws::networks::Rule;
use tfplugin_rs::prelude::*;

use super::model::{NetworkModel, sixteenth};

/// Ports of agents: management, replication, the authority that certifies hosts, status pages.
const AGENT: i32 = agent_api::DEFAULT_PORT as i32;
const REPLICATION: i32 = 7444;
const AUTHORITY: i32 = 7445;
const STATUS: i32 = 8443;

/// Ports of clients where none are named: AMQP over TLS.
pub(super) const CLIENTS: [i32; 1] = [5671];

/// Services that routes lead to, at no cost.
pub(super) const BY_ROUTE: [&str; 2] = ["dynamodb", "s3"];

/// What rules are for, as their descriptions say; an import reads it back.
pub(super) const FOR_AGENTS: &str = "agents";
pub(super) const FOR_CLIENTS: &str = "clients";
const FOR_HOSTS: &str = "hosts among themselves";
pub(super) const FOR_STATUS: &str = "status";

/// In place of the id of the group itself.
pub(super) const SELF: &str = "self";

/// Parts that there is one of.
pub(super) const VPC: &str = "vpc";
pub(super) const GATEWAY: &str = "gateway";
pub(super) const HOSTS: &str = "hosts";
pub(super) const ENDPOINTS: &str = "endpoints";

/// A network as it shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) cidr: String,
    pub(super) subnets: Vec<SubnetPlan>,
    /// Whether there is a way to the Internet.
    pub(super) public: bool,
    /// Whom the group of hosts lets in.
    pub(super) rules: BTreeSet<Rule>,
    /// Services with endpoints.
    pub(super) services: Vec<Service>,
}

/// A subnet as it shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SubnetPlan {
    pub(super) zone: String,
    pub(super) cidr: String,
    pub(super) public: bool,
}

/// A service that has an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Service {
    /// `com.amazonaws.eu-west-1.s3`.
    pub(super) name: String,
    /// Whether routes lead to it; else it has addresses.
    pub(super) by_route: bool,
}

impl SubnetPlan {
    pub(super) fn part(&self) -> String {
        format!("{}-{}", kind(self.public), self.zone)
    }

    /// The table it follows.
    pub(super) fn table(&self) -> String {
        table(self.public)
    }
}

fn kind(public: bool) -> &'static str {
    if public { "public" } else { "private" }
}

/// The route table of all subnets of a kind.
pub(super) fn table(public: bool) -> String {
    format!("{}-routes", kind(public))
}

impl Layout {
    pub(super) fn of(network: &NetworkModel, region: &str, zones: &[String]) -> Result<Self> {
        let mut subnets = Vec::new();
        for (index, zone) in (0..).zip(zones) {
            // The first half is for private subnets, the second for public ones, so that these can
            // come later.
            for (public, index) in [(false, index), (true, index + 8)] {
                if public && !network.public_subnets {
                    continue;
                }
                subnets.push(SubnetPlan {
                    zone: zone.clone(),
                    cidr: sixteenth(&network.cidr, index)?,
                    public,
                });
            }
        }
        let services = network.vpc_endpoints.clone();
        let services = services.unwrap_or_else(|| BY_ROUTE.map(str::to_owned).into());
        Ok(Self {
            cidr: network.cidr.clone(),
            subnets,
            public: network.public_subnets,
            rules: rules(network),
            services: services
                .iter()
                .map(|name| Service {
                    name: full_name(region, name),
                    by_route: BY_ROUTE.contains(&name.as_str()),
                })
                .collect(),
        })
    }

    /// Whether an endpoint has addresses, and so a group of its own.
    pub(super) fn has_interfaces(&self) -> bool {
        self.services.iter().any(|service| !service.by_route)
    }
}

/// A service's name as endpoints have it.
fn full_name(region: &str, service: &str) -> String {
    let start = if region.starts_with("cn-") {
        "cn.com.amazonaws"
    } else {
        "com.amazonaws"
    };
    format!("{start}.{region}.{service}")
}

fn rules(network: &NetworkModel) -> BTreeSet<Rule> {
    let mut rules = BTreeSet::new();
    let mut let_in = |sources: &BTreeSet<String>, ports: &[i32], description: &str| {
        for source in sources {
            for port in ports {
                rules.insert(rule(source, *port, description));
            }
        }
    };
    let named = |sources: &Option<BTreeSet<String>>| sources.clone().unwrap_or_default();
    let ports: Vec<i32> = match &network.client_ports {
        Some(ports) => ports.iter().copied().collect(),
        None => CLIENTS.to_vec(),
    };
    let_in(&named(&network.client_sources), &ports, FOR_CLIENTS);
    let_in(&named(&network.agent_sources), &[AGENT], FOR_AGENTS);
    let_in(&named(&network.status_sources), &[STATUS], FOR_STATUS);
    let hosts = BTreeSet::from([SELF.to_owned()]);
    let_in(&hosts, &[REPLICATION, AUTHORITY], FOR_HOSTS);
    rules
}

/// One port of TCP for one source.
pub(super) fn rule(source: &str, port: i32, description: &str) -> Rule {
    Rule {
        description: description.to_owned(),
        protocol: "tcp".to_owned(),
        ports: Some((port, port)),
        source: source.to_owned(),
    }
}
