//! What a broker tells about itself, in the words of `aws_mq_broker` where it has some.

use std::collections::BTreeMap;
use std::net::IpAddr;

use agent_api::{Address, v1};
use tfplugin_rs::prelude::*;

use crate::pair::view::{Found, Seen, View, is_active, replication};

/// One node that runs the broker.
#[derive(Debug, Clone, PartialEq, Eq, Model)]
pub(crate) struct Instance {
    /// URL of the node's page about the broker; null when its pages are switched off.
    pub(crate) console_url: Attr<String>,
    /// URLs that client libraries take, such as `amqps://broker-1.example.com:5671`. Of a pair's
    /// standby: where it will serve once it is active.
    pub(crate) endpoints: Attr<Vec<String>>,
    /// IP address clients reach the node by; null when only its name is known.
    pub(crate) ip_address: Attr<String>,
    /// Name of the node; null for a single broker.
    pub(crate) name: Attr<String>,
}

/// What is known only while the broker runs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Status {
    /// Name of the node that serves; null for a single broker, and while no node does.
    pub(crate) active_node: Attr<String>,
    pub(crate) console_url: Attr<String>,
    pub(crate) engine_version: Attr<String>,
    pub(crate) failover_urls: Attr<BTreeMap<String, String>>,
    pub(crate) in_sync: Attr<bool>,
    pub(crate) instances: Attr<Vec<Instance>>,
    pub(crate) replication_lag_seconds: Attr<f64>,
    /// Of an encrypted broker, what is not encrypted yet.
    pub(crate) unencrypted_bytes: Attr<u64>,
    /// Why it does not run.
    pub(crate) failure: Option<String>,
}

impl Status {
    /// What all its nodes tell.
    pub(crate) fn of(view: &View) -> Self {
        let best = view.best();
        let status = best
            .and_then(|best| best.status.clone())
            .unwrap_or_default();
        let failed = status.state() == v1::BrokerState::Failed;
        let nodes: Vec<&Seen> = view.seen.iter().filter(|seen| !seen.is_missing()).collect();
        let instances: Vec<Instance> = nodes.iter().map(|seen| instance(seen, view)).collect();
        let pair = best.and_then(replication);
        let active = view.active().and_then(|active| view.node_of(active));
        let active = active.and_then(|number| view.name_of(number).map(str::to_owned));
        let in_sync = pair.map(|pair| {
            let all = view.seen.iter().all(|seen| view.is_in_sync(&seen.agent));
            all && pair.nodes.len() <= view.seen.len()
        });
        // What nodes in sync are behind by for a moment is no difference between two reads.
        let lag_s = pair.map(|pair| match in_sync {
            Some(true) => 0.0,
            _ => pair.replication_lag_seconds,
        });
        Self {
            active_node: active.into(),
            console_url: optional(&status.console_url),
            engine_version: optional(&status.engine_version),
            failover_urls: Attr::Known(failover_urls(&instances)),
            in_sync: in_sync.into(),
            instances: Attr::Known(instances),
            replication_lag_seconds: lag_s.into(),
            unencrypted_bytes: (status.encryption.as_ref())
                .and_then(|encryption| encryption.plain_bytes)
                .into(),
            failure: failed.then_some(status.reason),
        }
    }
}

impl View {
    /// One agent's answer.
    pub(crate) fn single(agent: Address, broker: v1::Broker) -> Self {
        let found = Found::Broker(Box::new(broker));
        Self {
            seen: vec![Seen { agent, found }],
        }
    }
}

fn instance(seen: &Seen, view: &View) -> Instance {
    let status = seen.broker().and_then(|broker| broker.status.clone());
    let status = status.unwrap_or_default();
    let number = view.node_of(&seen.agent);
    let bound = status.endpoints.iter();
    let address = bound
        .clone()
        .find_map(|endpoint| reachable(&endpoint.address));
    let mut endpoints: Vec<String> = bound.map(|endpoint| endpoint.url.clone()).collect();
    if endpoints.is_empty() {
        endpoints = number
            .map(|it| expected(it, seen, view))
            .unwrap_or_default();
    }
    // The agent's order has no meaning; a stable one keeps plans empty.
    endpoints.sort();
    let by_host = || reachable(&status.host);
    let by_agent = || reachable(&seen.agent.host);
    Instance {
        console_url: optional(&status.console_url),
        endpoints: Attr::Known(endpoints),
        ip_address: address.or_else(by_host).or_else(by_agent).into(),
        name: number
            .and_then(|it| view.name_of(it).map(str::to_owned))
            .into(),
    }
}

/// Where a node will serve that does not serve now: as it says itself, else as the others know.
fn expected(number: u32, seen: &Seen, view: &View) -> Vec<String> {
    let own = seen.broker();
    let all = own
        .into_iter()
        .chain(view.brokers().filter(|it| is_active(it)));
    all.filter_map(replication)
        .flat_map(|status| &status.nodes)
        .find(|node| node.id == number && !node.endpoints.is_empty())
        .map(|node| node.endpoints.clone())
        .unwrap_or_default()
}

/// For each protocol what its clients take to find the node that serves.
fn failover_urls(instances: &[Instance]) -> BTreeMap<String, String> {
    let mut lists = BTreeMap::<String, Vec<String>>::new();
    let urls = instances
        .iter()
        .filter_map(|it| it.endpoints.clone().known());
    for url in urls.flatten() {
        // Clients of AMQP 0-9-1 take addresses alone: host:port,host:port.
        let Some((scheme, address)) = url.split_once("://") else {
            continue;
        };
        if matches!(scheme, "amqp" | "amqps") {
            let list = lists.entry("amqp".to_owned()).or_default();
            list.push(address.trim_end_matches('/').to_owned());
        }
    }
    lists
        .into_iter()
        .map(|(protocol, list)| (protocol, list.join(",")))
        .collect()
}

/// The text, if it is an address that a client can connect to.
fn reachable(text: &str) -> Option<String> {
    let address: IpAddr = text.parse().ok()?;
    (!address.is_unspecified()).then(|| address.to_string())
}

/// Null when empty.
pub(crate) fn optional(text: &str) -> Attr<String> {
    if text.is_empty() {
        Attr::Null
    } else {
        text.into()
    }
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
