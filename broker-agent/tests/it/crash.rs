//! What is left after the agent, or a broker's data, met a violent end.

use std::fs;
use std::path::Path;
use std::time::Duration;

use agent_api::v1::{
    BrokerState, DeleteBrokerRequest, GetBrokerRequest, GetQueueRequest, Reason,
    RestartBrokerRequest,
};

use crate::agent::{Agent, broker, create, failure, port, put_user, queue};
use crate::amqp;
use crate::process::eventually;

#[tokio::test]
async fn a_killed_agent_hosts_the_same_brokers_on_the_same_listeners_again() {
    let mut agent = Agent::start();
    let (client, probe) = agent.with_broker("probe").await;
    let port = port(&probe);
    // Its port is known to be free once it is gone, so that another one can be given it for good.
    let request = DeleteBrokerRequest {
        name: "probe".into(),
        ..Default::default()
    };
    client
        .call(client.brokers().delete_broker(request))
        .await
        .unwrap();
    let made = create(&client, broker("kept", port), "").await.unwrap();
    create(&client, broker("other", 0), "").await.unwrap();
    put_user(&client, "kept", "u", "p").await;
    let put = client
        .call(client.queues().put_queue(queue("kept", "q")))
        .await
        .unwrap();
    let (_connection, channel) = amqp::connect(port, "u", "p").await.unwrap();
    amqp::publish(&channel, "q", &["one", "two"]).await;

    agent.crash();
    let client = agent.client().await;
    let request = GetBrokerRequest {
        name: "kept".into(),
    };
    let back = client
        .call(client.brokers().get_broker(request))
        .await
        .unwrap();
    assert_eq!(
        (back.generation, &back.listeners),
        (made.generation, &made.listeners)
    );
    let request = GetQueueRequest {
        broker: "kept".into(),
        vhost: "/".into(),
        name: "q".into(),
    };
    let queue = client
        .call(client.queues().get_queue(request))
        .await
        .unwrap();
    assert_eq!(queue.generation, put.generation);
    assert_eq!(queue.depth.unwrap().ready, 2);
    let (_connection, channel) = amqp::connect(port, "u", "p").await.unwrap();
    assert_eq!(amqp::get(&channel, "q").await.unwrap(), "one");
    assert_eq!(amqp::get(&channel, "q").await.unwrap(), "two");
}

#[tokio::test]
async fn a_broker_that_cannot_start_says_why_and_keeps_nobody_else_from_it() {
    let mut agent = Agent::start();
    let client = agent.client().await;
    create(&client, broker("bad", 0), "").await.unwrap();
    let bad = agent.data_dirs().remove(0);
    create(&client, broker("good", 0), "").await.unwrap();
    client
        .call(client.queues().put_queue(queue("bad", "q")))
        .await
        .unwrap();
    agent.process.kill();
    damage(&bad.join("journal"));

    agent.start_again();
    let client = agent.client().await;
    let get = |name: &str| GetBrokerRequest { name: name.into() };
    let good = client
        .call(client.brokers().get_broker(get("good")))
        .await
        .unwrap();
    assert_eq!(good.status.unwrap().state(), BrokerState::Running);
    let bad = client
        .call(client.brokers().get_broker(get("bad")))
        .await
        .unwrap();
    let status = bad.status.unwrap();
    assert_eq!(status.state(), BrokerState::Failed);
    assert!(status.reason.contains("damaged"), "{}", status.reason);

    let call = failure(
        client
            .call(client.queues().put_queue(queue("bad", "q")))
            .await,
    );
    assert_eq!(call.reason, Reason::Unavailable);
    assert!(call.message.contains("has failed"), "{call}");
    let delete = |force| DeleteBrokerRequest {
        name: "bad".into(),
        expect: None,
        force,
    };
    let uncounted = failure(
        client
            .call(client.brokers().delete_broker(delete(false)))
            .await,
    );
    assert_eq!(uncounted.reason, Reason::Unavailable);
    client
        .call(client.brokers().delete_broker(delete(true)))
        .await
        .unwrap();
    assert_eq!(agent.data_dirs().len(), 1);
}

/// Inverts the first bytes of what was written first.
fn damage(journal: &Path) {
    let entries = fs::read_dir(journal).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let segment = files
        .iter()
        .find(|path| path.metadata().unwrap().len() > 1 << 20);
    let segment = segment.unwrap_or_else(|| panic!("no segment among {files:?}"));
    let mut bytes = fs::read(segment).unwrap();
    bytes[..64].iter_mut().for_each(|byte| *byte = !*byte);
    fs::write(segment, bytes).unwrap();
}

#[tokio::test]
async fn a_failed_disk_stops_its_broker_and_not_the_agent() {
    let agent = Agent::start();
    let (client, _) = agent.with_broker("bad").await;
    let put = async |broker: &str, name: &str| {
        client
            .call(client.queues().put_queue(queue(broker, name)))
            .await
    };
    put("bad", "before").await.unwrap();
    agent.process.limit_files("1");
    let unsafe_change = failure(put("bad", "during").await);
    assert_eq!(unsafe_change.reason, Reason::Unavailable);
    let state = async |name: &str| {
        let request = GetBrokerRequest { name: name.into() };
        client
            .call(client.brokers().get_broker(request))
            .await
            .unwrap()
            .status
            .unwrap()
    };
    let status = eventually("the failure", async || {
        Some(state("bad").await).filter(|status| status.state() == BrokerState::Failed)
    });
    let status = status.await;
    assert!(!status.reason.is_empty());

    agent.process.limit_files("unlimited");
    create(&client, broker("good", 0), "").await.unwrap();
    put("good", "after").await.unwrap();
    assert_eq!(
        state("bad").await.state(),
        BrokerState::Failed,
        "it waits for an operator"
    );
    let request = RestartBrokerRequest { name: "bad".into() };
    client
        .call(client.brokers().restart_broker(request))
        .await
        .unwrap();
    let request = GetQueueRequest {
        broker: "bad".into(),
        vhost: "/".into(),
        name: "before".into(),
    };
    client
        .call(client.queues().get_queue(request))
        .await
        .unwrap();
    put("bad", "after").await.unwrap();
}

#[tokio::test]
async fn a_signal_ends_it_in_order() {
    let mut agent = Agent::start();
    let (client, made) = agent.with_broker("b").await;
    put_user(&client, "b", "u", "p").await;
    let _open = amqp::connect(port(&made), "u", "p").await.unwrap();
    agent.process.signal("TERM");
    assert!(agent.process.ended(Duration::from_secs(20)).success());
    assert!(agent.process.log().contains("agent stopped"));
}
