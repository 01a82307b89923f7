//! What has to be done to a network, found by comparing what there is with what shall be.
//!
//! Nothing here calls anybody: [`steps`] gives those that can be done now; what becomes of each is
//! entered in [`Parts`], and what could not be done before is in the next list. So making a network,
//! finishing what an interrupted apply has left, changing it, and putting right what somebody else
//! has done to it are one and the same.

use std::collections::BTreeSet;
use std::fmt;

use cloud_aws::networks::{Endpoint, Group, Place, Rule};

use super::layout::{ENDPOINTS, HOSTS, Layout, SELF, Service, SubnetPlan, rule, table};
use super::parts::Parts;

/// Port of AWS's services.
const HTTPS: i32 = 443;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Allow {
        group: &'static str,
        rules: BTreeSet<Rule>,
    },
    Associate {
        subnet: String,
        table: String,
    },
    AttachGateway,
    EnableDns,
    Forbid {
        group: &'static str,
        rules: BTreeSet<Rule>,
    },
    MakeEndpoint(Service),
    MakeGateway,
    MakeGroup(&'static str),
    MakeSubnet(SubnetPlan),
    MakeTable(String),
    MakeVpc,
    MoveEndpoint(Service),
    PublicAddresses {
        subnet: String,
        on: bool,
    },
    RemoveEndpoint(String),
    RemoveGateway,
    RemoveGroup(&'static str),
    RemoveSubnet(String),
    RemoveTable(String),
    Route {
        table: String,
    },
}

/// What can be done now towards this layout, in this order; nothing, if it is all as it shall be.
pub(super) fn steps(layout: &Layout, parts: &Parts) -> Vec<Step> {
    if parts.vpc.is_none() {
        return vec![Step::MakeVpc];
    }
    let mut steps = Vec::new();
    if !parts.dns {
        steps.push(Step::EnableDns);
    }
    removals(layout, parts, &mut steps);
    subnets(layout, parts, &mut steps);
    routes(layout, parts, &mut steps);
    groups(layout, parts, &mut steps);
    endpoints(layout, parts, &mut steps);
    steps
}

/// What is there and should not be, in an order in which it can go.
fn removals(layout: &Layout, parts: &Parts, steps: &mut Vec<Step>) {
    for service in parts.endpoints.keys() {
        if !layout.services.iter().any(|it| it.name == *service) {
            steps.push(Step::RemoveEndpoint(service.clone()));
        }
    }
    if !layout.has_interfaces() && parts.groups.contains_key(ENDPOINTS) {
        steps.push(Step::RemoveGroup(ENDPOINTS));
    }
    for part in parts.subnets.keys() {
        if !layout.subnets.iter().any(|it| it.part() == *part) {
            steps.push(Step::RemoveSubnet(part.clone()));
        }
    }
    if layout.public {
        return;
    }
    if parts.gateway.is_some() {
        steps.push(Step::RemoveGateway);
    }
    // It goes once no endpoint is in it.
    if let Some(table) = parts.tables.get(&table(true))
        && !parts.endpoints.values().any(|it| is_in(it, &table.id))
    {
        steps.push(Step::RemoveTable(self::table(true)));
    }
}

fn is_in(endpoint: &Endpoint, table: &String) -> bool {
    matches!(&endpoint.place, Place::Gateway { tables } if tables.contains(table))
}

fn subnets(layout: &Layout, parts: &Parts, steps: &mut Vec<Step>) {
    for plan in &layout.subnets {
        match parts.subnets.get(&plan.part()) {
            None => steps.push(Step::MakeSubnet(plan.clone())),
            Some(there) if there.public_addresses != plan.public => {
                steps.push(Step::PublicAddresses {
                    subnet: plan.part(),
                    on: plan.public,
                });
            }
            Some(_) => {}
        }
    }
}

fn routes(layout: &Layout, parts: &Parts, steps: &mut Vec<Step>) {
    let kinds = if layout.public {
        &[false, true][..]
    } else {
        &[false][..]
    };
    for kind in kinds {
        let name = table(*kind);
        if !parts.tables.contains_key(&name) {
            steps.push(Step::MakeTable(name));
        }
    }
    for plan in &layout.subnets {
        let (subnet, name) = (parts.subnets.get(&plan.part()), plan.table());
        if let (Some(subnet), Some(table)) = (subnet, parts.tables.get(&name))
            && !table.subnets.contains_key(&subnet.id)
        {
            steps.push(Step::Associate {
                subnet: plan.part(),
                table: name,
            });
        }
    }
    if !layout.public {
        return;
    }
    match &parts.gateway {
        None => steps.push(Step::MakeGateway),
        Some(gateway) if gateway.vpc.is_none() => steps.push(Step::AttachGateway),
        Some(gateway) => {
            let name = table(true);
            let leads = |it: &cloud_aws::networks::RouteTable| {
                it.default_route.as_ref() == Some(&gateway.id)
            };
            if parts.tables.get(&name).is_some_and(|it| !leads(it)) {
                steps.push(Step::Route { table: name });
            }
        }
    }
}

fn groups(layout: &Layout, parts: &Parts, steps: &mut Vec<Step>) {
    let Some(hosts) = parts.groups.get(HOSTS) else {
        steps.push(Step::MakeGroup(HOSTS));
        return;
    };
    let rules = layout.rules.iter().cloned().map(|mut rule| {
        if rule.source == SELF {
            rule.source.clone_from(&hosts.id);
        }
        rule
    });
    exchange(HOSTS, hosts, &rules.collect(), steps);
    if !layout.has_interfaces() {
        return;
    }
    match parts.groups.get(ENDPOINTS) {
        None => steps.push(Step::MakeGroup(ENDPOINTS)),
        Some(group) => {
            let rules = BTreeSet::from([rule(&hosts.id, HTTPS, HOSTS)]);
            exchange(ENDPOINTS, group, &rules, steps);
        }
    }
}

/// Takes off what should not be there, and lets in who is missing.
fn exchange(name: &'static str, there: &Group, rules: &BTreeSet<Rule>, steps: &mut Vec<Step>) {
    let extra: BTreeSet<Rule> = there.rules.difference(rules).cloned().collect();
    if !extra.is_empty() {
        steps.push(Step::Forbid {
            group: name,
            rules: extra,
        });
    }
    let missing: BTreeSet<Rule> = rules.difference(&there.rules).cloned().collect();
    if !missing.is_empty() {
        steps.push(Step::Allow {
            group: name,
            rules: missing,
        });
    }
}

fn endpoints(layout: &Layout, parts: &Parts, steps: &mut Vec<Step>) {
    for service in &layout.services {
        // Its subnets, tables and group come first.
        let Some(place) = place(layout, parts, service) else {
            continue;
        };
        match parts.endpoints.get(&service.name) {
            None => steps.push(Step::MakeEndpoint(service.clone())),
            Some(there) if has_failed(there) => {
                steps.push(Step::RemoveEndpoint(service.name.clone()));
            }
            Some(there) if there.place != place => {
                steps.push(Step::MoveEndpoint(service.clone()));
            }
            Some(_) => {}
        }
    }
}

/// Where an endpoint shall be, once all that it needs is there.
pub(super) fn place(layout: &Layout, parts: &Parts, service: &Service) -> Option<Place> {
    if service.by_route {
        let mut tables = BTreeSet::from([parts.tables.get(&table(false))?.id.clone()]);
        if layout.public {
            tables.insert(parts.tables.get(&table(true))?.id.clone());
        }
        return Some(Place::Gateway { tables });
    }
    let private = layout.subnets.iter().filter(|it| !it.public);
    let subnets: Option<BTreeSet<String>> = private
        .map(|it| Some(parts.subnets.get(&it.part())?.id.clone()))
        .collect();
    Some(Place::Interface {
        subnets: subnets?,
        groups: BTreeSet::from([parts.groups.get(ENDPOINTS)?.id.clone()]),
    })
}

fn has_failed(endpoint: &Endpoint) -> bool {
    ["failed", "rejected", "expired"].contains(&endpoint.state.as_str())
}

/// What is done, as a person is told of it: the words of `deviations`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow { group, rules } => {
                write!(f, "let into the group of {group}: {}", Listed(rules))
            }
            Self::Associate { subnet, table } => write!(f, "have subnet {subnet} follow {table}"),
            Self::AttachGateway => f.write_str("attach the gateway to the Internet"),
            Self::EnableDns => f.write_str("give instances names"),
            Self::Forbid { group, rules } => {
                write!(f, "keep out of the group of {group}: {}", Listed(rules))
            }
            Self::MakeEndpoint(service) => write!(f, "make the endpoint {}", service.name),
            Self::MakeGateway => f.write_str("make the gateway to the Internet"),
            Self::MakeGroup(group) => write!(f, "make the group of {group}"),
            Self::MakeSubnet(subnet) => write!(f, "make subnet {}", subnet.part()),
            Self::MakeTable(table) => write!(f, "make {table}"),
            Self::MakeVpc => f.write_str("make the VPC"),
            Self::MoveEndpoint(service) => {
                write!(f, "put the endpoint {} in its place", service.name)
            }
            Self::PublicAddresses { subnet, on: true } => {
                write!(f, "give hosts of subnet {subnet} public addresses")
            }
            Self::PublicAddresses { subnet, on: false } => {
                write!(f, "give hosts of subnet {subnet} no public addresses")
            }
            Self::RemoveEndpoint(service) => write!(f, "remove the endpoint {service}"),
            Self::RemoveGateway => f.write_str("remove the gateway to the Internet"),
            Self::RemoveGroup(group) => write!(f, "remove the group of {group}"),
            Self::RemoveSubnet(subnet) => write!(f, "remove subnet {subnet}"),
            Self::RemoveTable(table) => write!(f, "remove {table}"),
            Self::Route { table } => write!(f, "lead {table} to the Internet"),
        }
    }
}

struct Listed<'a>(&'a BTreeSet<Rule>);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, rule) in self.0.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            let protocol = match rule.protocol.as_str() {
                "-1" => "everything",
                protocol => protocol,
            };
            write!(f, "{comma}{} to {protocol}", rule.source)?;
            match rule.ports {
                Some((first, last)) if first == last => write!(f, " {first}")?,
                Some((first, last)) => write!(f, " {first}-{last}")?,
                None => {}
            }
        }
        Ok(())
    }
}
