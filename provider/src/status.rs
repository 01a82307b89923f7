//! What a broker tells about itself, in the words of `aws_mq_broker` where it has some.

use std::net::IpAddr;

use agent_api::v1;
use tfplugin_rs::prelude::*;

use crate::id::BrokerId;

/// One node that runs the broker.
#[derive(Debug, Clone, PartialEq, Eq, Model)]
pub(crate) struct Instance {
    /// URL of the node's page about the broker; null when its pages are switched off.
    pub(crate) console_url: Attr<String>,
    /// URLs that client libraries take, such as `amqps://broker-1.example.com:5671`.
    pub(crate) endpoints: Attr<Vec<String>>,
    /// IP address clients reach the node by; null when only its name is known.
    pub(crate) ip_address: Attr<String>,
}

/// What is known only while the broker runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) console_url: Attr<String>,
    pub(crate) engine_version: Attr<String>,
    pub(crate) instances: Attr<Vec<Instance>>,
    /// Why it does not run.
    pub(crate) failure: Option<String>,
}

impl Status {
    pub(crate) fn of(broker: &v1::Broker, id: &BrokerId) -> Self {
        let status = broker.status.clone().unwrap_or_default();
        let failed = status.state() == v1::BrokerState::Failed;
        let mut endpoints = status.endpoints;
        // The agent's order has no meaning; a stable one keeps plans empty.
        endpoints.sort_by(|a, b| a.url.cmp(&b.url));
        let address = endpoints
            .iter()
            .find_map(|endpoint| reachable(&endpoint.address));
        let by_host = || reachable(&status.host);
        let by_agent = || {
            id.addresses()
                .iter()
                .find_map(|agent| reachable(&agent.host))
        };
        let instance = Instance {
            console_url: optional(&status.console_url),
            endpoints: Attr::Known(endpoints.into_iter().map(|endpoint| endpoint.url).collect()),
            ip_address: address.or_else(by_host).or_else(by_agent).into(),
        };
        Self {
            console_url: instance.console_url.clone(),
            engine_version: optional(&status.engine_version),
            instances: Attr::Known(vec![instance]),
            failure: failed.then_some(status.reason),
        }
    }
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
mod tests {
    use super::*;

    fn ip_address(bound: &str, host: &str, agent: &str) -> Option<String> {
        let endpoint = v1::Endpoint {
            address: bound.to_owned(),
            ..Default::default()
        };
        let status = v1::BrokerStatus {
            endpoints: vec![endpoint],
            host: host.to_owned(),
            ..Default::default()
        };
        let broker = v1::Broker {
            status: Some(status),
            ..Default::default()
        };
        let id = format!("ferrymq://{agent}:7443/b").parse().unwrap();
        Status::of(&broker, &id)
            .instances
            .known()
            .unwrap()
            .remove(0)
            .ip_address
            .known()
    }

    #[test]
    fn the_address_is_the_nearest_to_what_clients_use() {
        assert_eq!(
            ip_address("10.0.0.1", "10.0.0.2", "10.0.0.3").unwrap(),
            "10.0.0.1"
        );
        assert_eq!(
            ip_address("0.0.0.0", "10.0.0.2", "10.0.0.3").unwrap(),
            "10.0.0.2"
        );
        assert_eq!(
            ip_address("::", "broker-1", "10.0.0.3").unwrap(),
            "10.0.0.3"
        );
        assert_eq!(ip_address("0.0.0.0", "broker-1", "agent-1"), None);
    }

    #[test]
    fn endpoints_come_in_a_stable_order() {
        let endpoint = |url: &str| v1::Endpoint {
            url: url.to_owned(),
            ..Default::default()
        };
        let status = v1::BrokerStatus {
            endpoints: vec![endpoint("mqtt://h:1883"), endpoint("amqp://h:5672")],
            state: v1::BrokerState::Failed.into(),
            reason: "the disk failed".to_owned(),
            ..Default::default()
        };
        let broker = v1::Broker {
            status: Some(status),
            ..Default::default()
        };
        let status = Status::of(&broker, &"ferrymq://a:1/b".parse().unwrap());
        let instances = status.instances.known().unwrap();
        assert_eq!(
            instances[0].endpoints.clone().known().unwrap(),
            ["amqp://h:5672", "mqtt://h:1883"]
        );
        assert_eq!(instances[0].console_url, Attr::Null);
        assert_eq!(status.failure.as_deref(), Some("the disk failed"));
    }
}
