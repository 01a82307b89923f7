//! What is done to networks, and in which order, without AWS.

use std::collections::{BTreeMap, BTreeSet};

use cloud_aws::networks::{Endpoint, Gateway, Group, RouteTable, Subnet, Vpc};
use tfplugin_rs::prelude::*;

use super::layout::{ENDPOINTS, HOSTS, Layout, rule, table};
use super::model::NetworkModel;
use super::parts::Parts;
use super::steps::{Step, place, steps};

fn network() -> NetworkModel {
    NetworkModel {
        cidr: "10.20.0.0/16".to_owned(),
        name: "shop".to_owned(),
        agent_sources: Some(["10.9.0.0/24".to_owned()].into()),
        client_sources: Some(["10.0.0.0/8".to_owned(), "sg-0a".to_owned()].into()),
        ..NetworkModel::blank("eu-west-1")
    }
}

fn layout(network: &NetworkModel) -> Layout {
    let zones = ["eu-west-1a", "eu-west-1b"].map(str::to_owned);
    Layout::of(network, "eu-west-1", &zones).unwrap()
}

/// Enters what becomes of a step, with ids that say what they are of.
fn pretend(step: &Step, layout: &Layout, parts: &mut Parts) {
    match step {
        Step::Allow { group, rules } => {
            let group = parts.groups.get_mut(*group).unwrap();
            group.rules.extend(rules.iter().cloned());
        }
        Step::Associate { subnet, table } => {
            let subnet = parts.subnets[subnet].id.clone();
            let table = parts.tables.get_mut(table).unwrap();
            table.subnets.insert(subnet, "rtbassoc-1".to_owned());
        }
        Step::AttachGateway => {
            parts.gateway.as_mut().unwrap().vpc = Some("vpc-1".to_owned());
        }
        Step::EnableDns => parts.dns = true,
        Step::Forbid { group, rules } => {
            let group = parts.groups.get_mut(*group).unwrap();
            group.rules.retain(|rule| !rules.contains(rule));
        }
        Step::MoveEndpoint(service) => {
            let place = place(layout, parts, service).unwrap();
            parts.endpoints.get_mut(&service.name).unwrap().place = place;
        }
        Step::PublicAddresses { subnet, on } => {
            parts.subnets.get_mut(subnet).unwrap().public_addresses = *on;
        }
        Step::RemoveEndpoint(name) => drop(parts.endpoints.remove(name)),
        Step::RemoveGateway => parts.gateway = None,
        Step::RemoveGroup(name) => drop(parts.groups.remove(*name)),
        Step::RemoveSubnet(name) => drop(parts.subnets.remove(name)),
        Step::RemoveTable(name) => drop(parts.tables.remove(name)),
        Step::Route { table } => {
            let gateway = parts.gateway.as_ref().unwrap().id.clone();
            parts.tables.get_mut(table).unwrap().default_route = Some(gateway);
        }
        Step::MakeEndpoint(_)
        | Step::MakeGateway
        | Step::MakeGroup(_)
        | Step::MakeSubnet(_)
        | Step::MakeTable(_)
        | Step::MakeVpc => pretend_to_make(step, layout, parts),
    }
}

fn pretend_to_make(step: &Step, layout: &Layout, parts: &mut Parts) {
    match step {
        Step::MakeEndpoint(service) => {
            let endpoint = Endpoint {
                id: format!("vpce-{}", service.name),
                service: service.name.clone(),
                place: place(layout, parts, service).unwrap(),
                ..Endpoint::default()
            };
            parts.endpoints.insert(service.name.clone(), endpoint);
        }
        Step::MakeGateway => {
            parts.gateway = Some(Gateway {
                id: "igw-1".to_owned(),
                ..Gateway::default()
            });
        }
        Step::MakeGroup(name) => {
            let group = Group {
                id: format!("sg-{name}"),
                ..Group::default()
            };
            parts.groups.insert((*name).to_owned(), group);
        }
        Step::MakeSubnet(plan) => {
            let subnet = Subnet {
                id: format!("subnet-{}", plan.part()),
                zone: plan.zone.clone(),
                cidr: plan.cidr.clone(),
                ..Subnet::default()
            };
            parts.subnets.insert(plan.part(), subnet);
        }
        Step::MakeTable(name) => {
            let table = RouteTable {
                id: format!("rtb-{name}"),
                ..RouteTable::default()
            };
            parts.tables.insert(name.clone(), table);
        }
        Step::MakeVpc => {
            parts.vpc = Some(Vpc {
                id: "vpc-1".to_owned(),
                cidr: layout.cidr.clone(),
                tags: BTreeMap::new(),
            });
        }
        _ => unreachable!("it makes nothing"),
    }
}

/// Does all there is to do; what it was, one list after the other.
fn settle(layout: &Layout, parts: &mut Parts) -> String {
    let mut told = String::new();
    for _ in 0..12 {
        let now = steps(layout, parts);
        if now.is_empty() {
            return told;
        }
        for step in now {
            pretend(&step, layout, parts);
            told += &format!("{step}\n");
        }
        told += "--\n";
    }
    panic!("it does not settle:\n{told}");
}

#[test]
fn a_private_network_is_made_from_nothing() {
    let layout = layout(&network());
    insta::assert_snapshot!(settle(&layout, &mut Parts::default()));
}

#[test]
fn a_public_network_with_endpoints_is_made_from_nothing() {
    let network = NetworkModel {
        public_subnets: true,
        vpc_endpoints: Some(["s3", "kms"].map(str::to_owned).into()),
        ..network()
    };
    insta::assert_snapshot!(settle(&layout(&network), &mut Parts::default()));
}

#[test]
fn a_network_loses_what_it_shall_no_longer_have() {
    let public = NetworkModel {
        public_subnets: true,
        vpc_endpoints: Some(["s3", "kms"].map(str::to_owned).into()),
        ..network()
    };
    let mut parts = Parts::default();
    settle(&layout(&public), &mut parts);
    let private = NetworkModel {
        client_sources: None,
        client_ports: None,
        ..network()
    };
    insta::assert_snapshot!(settle(&layout(&private), &mut parts));
}

#[test]
fn an_interrupted_creation_goes_on_wherever_it_ended() {
    let public = NetworkModel {
        public_subnets: true,
        vpc_endpoints: Some(["s3", "kms"].map(str::to_owned).into()),
        ..network()
    };
    let layout = layout(&public);
    let mut whole = Parts::default();
    settle(&layout, &mut whole);
    // Ended after each step in turn.
    for ended in 0..30 {
        let (mut parts, mut done) = (Parts::default(), 0);
        'steps: loop {
            let now = steps(&layout, &parts);
            if now.is_empty() {
                break;
            }
            for step in now {
                if done == ended {
                    break 'steps;
                }
                pretend(&step, &layout, &mut parts);
                done += 1;
            }
        }
        settle(&layout, &mut parts);
        assert_eq!(parts, whole, "ended after {ended} steps");
    }
}

#[test]
fn deviations_are_told_and_nothing_else_is() {
    let public = NetworkModel {
        public_subnets: true,
        ..network()
    };
    let layout = layout(&public);
    let mut parts = Parts::default();
    settle(&layout, &mut parts);
    parts.dns = false;
    parts.subnets.remove("private-eu-west-1b");
    parts.gateway.as_mut().unwrap().vpc = None;
    parts.endpoints.remove("com.amazonaws.eu-west-1.s3");
    let hosts = parts.groups.get_mut(HOSTS).unwrap();
    hosts.rules.insert(rule("0.0.0.0/0", 22, ""));
    let clients = rule("sg-0a", 5671, "clients");
    assert!(hosts.rules.remove(&clients));
    let told: Vec<String> = steps(&layout, &parts)
        .iter()
        .map(ToString::to_string)
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn nobody_is_let_in_who_is_not_named() {
    let nobody = NetworkModel {
        agent_sources: None,
        client_sources: None,
        ..network()
    };
    let mut parts = Parts::default();
    settle(&layout(&nobody), &mut parts);
    let hosts = &parts.groups[HOSTS];
    assert!(
        hosts.rules.iter().all(|rule| rule.source == hosts.id),
        "{hosts:?}"
    );
    assert!(!parts.groups.contains_key(ENDPOINTS));
    assert!(!parts.tables.contains_key(&table(true)));
    assert_eq!(parts.gateway, None);
    let by_default: BTreeSet<&str> = parts.endpoints.keys().map(String::as_str).collect();
    let expected = [
        "com.amazonaws.eu-west-1.dynamodb",
        "com.amazonaws.eu-west-1.s3",
    ];
    assert_eq!(by_default, expected.into());
}

#[test]
fn an_import_reads_the_configuration_back() {
    let network = NetworkModel {
        public_subnets: true,
        client_ports: Some([5671, 5672].into()),
        status_sources: Some(["pl-0b".to_owned()].into()),
        vpc_endpoints: Some(["s3".to_owned(), "logs".to_owned()].into()),
        ..network()
    };
    let mut parts = Parts::default();
    settle(&layout(&network), &mut parts);
    let mut read = NetworkModel::blank("eu-west-1");
    read.adopt(&parts);
    assert_eq!(read.agent_sources, network.agent_sources);
    assert_eq!(read.client_ports, network.client_ports);
    assert_eq!(read.client_sources, network.client_sources);
    assert_eq!(read.status_sources, network.status_sources);
    assert_eq!(read.vpc_endpoints, network.vpc_endpoints);
    assert!(read.public_subnets);
    let zones = ["eu-west-1a", "eu-west-1b"].map(str::to_owned).to_vec();
    assert_eq!(read.availability_zones, Attr::Known(zones));
}
