//! What is told of a broker, by what its agents say.

use super::*;

fn single(agent: &str, status: v1::BrokerStatus) -> Status {
    let broker = v1::Broker {
        status: Some(status),
        ..Default::default()
    };
    Status::of(&View::single(agent.parse().unwrap(), broker))
}

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
    let instances = single(agent, status).instances.known().unwrap();
    instances[0].ip_address.clone().known()
}

#[test]
fn the_address_is_the_nearest_to_what_clients_use() {
    for (bound, host, agent, expected) in [
        ("10.0.0.1", "10.0.0.2", "10.0.0.3", Some("10.0.0.1")),
        ("0.0.0.0", "10.0.0.2", "10.0.0.3", Some("10.0.0.2")),
        ("::", "broker-1", "10.0.0.3", Some("10.0.0.3")),
        ("0.0.0.0", "broker-1", "agent-1", None),
    ] {
        assert_eq!(ip_address(bound, host, agent).as_deref(), expected);
    }
}

#[test]
fn endpoints_come_in_a_stable_order() {
    let endpoint = |url: &str| v1::Endpoint {
        url: url.to_owned(),
        ..Default::default()
    };
    let status = single(
        "a:1",
        v1::BrokerStatus {
            endpoints: vec![endpoint("mqtt://h:1883"), endpoint("amqp://h:5672")],
            state: v1::BrokerState::Failed.into(),
            reason: "the disk failed".to_owned(),
            ..Default::default()
        },
    );
    let instances = status.instances.known().unwrap();
    assert_eq!(
        instances[0].endpoints.clone().known().unwrap(),
        ["amqp://h:5672", "mqtt://h:1883"]
    );
    assert_eq!(instances[0].console_url, Attr::Null);
    assert_eq!(status.failure.as_deref(), Some("the disk failed"));
    let urls = status.failover_urls.known().unwrap();
    assert_eq!(urls["amqp"], "h:5672");
    assert_eq!(urls.len(), 1, "what has no clients yet has no list");
    assert_eq!(
        (status.active_node, status.in_sync),
        (Attr::Null, Attr::Null)
    );
}
