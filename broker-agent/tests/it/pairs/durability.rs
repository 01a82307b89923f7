//! A running pair's durability is changed, and its clients notice nothing of the change.

use agent_api::v1::{Broker, Reason, ReplicationDurability, ReplicationState, UpdateBrokerRequest};
use agent_api::{Error, FieldMask};

use super::kit::Fleet;
use crate::agent::failure;
use crate::amqp;
use crate::process::eventually;

const A: usize = 0;
const B: usize = 1;

async fn set(
    fleet: &Fleet,
    node: usize,
    durability: ReplicationDurability,
) -> Result<Broker, Error> {
    let mut broker = fleet.broker(node, fleet.file());
    broker.replication.as_mut().unwrap().durability = durability.into();
    let request = UpdateBrokerRequest {
        broker: Some(broker),
        update_mask: Some(FieldMask {
            paths: vec!["replication".into()],
        }),
        expect: None,
    };
    let client = fleet.client(node).await;
    client.call(client.brokers().update_broker(request)).await
}

#[tokio::test]
async fn durability_changes_in_place() {
    let mut fleet = Fleet::with_pair().await;
    fleet.furnish(A).await;
    let connection = eventually("a login", async || {
        amqp::connect(fleet.amqp[A], "u", "p").await.ok()
    })
    .await;
    let (_connection, channel) = connection;
    let strict = ReplicationDurability::Strict;
    for node in [B, A] {
        let changed = set(&fleet, node, strict).await.unwrap();
        assert_eq!(changed.replication.unwrap().durability(), strict);
    }
    assert_eq!(fleet.seen(A).await.min_in_sync, 2);
    amqp::publish(&channel, "q", &["one"]).await;
    fleet.agents[B].process.kill();
    fleet.becomes(A, ReplicationState::ActiveBlocked).await;
    // Said of the active alone; the other one is told when it is back.
    set(&fleet, A, ReplicationDurability::Preferred)
        .await
        .unwrap();
    fleet.becomes(A, ReplicationState::ActiveAlone).await;
    amqp::publish(&channel, "q", &["two"]).await;

    fleet.agents[B].start_again();
    fleet.replicated().await;
    set(&fleet, B, ReplicationDurability::Preferred)
        .await
        .unwrap();
    amqp::publish(&channel, "q", &["three"]).await;
    fleet.switchover(A, "mq-b").await.unwrap();
    assert_eq!(fleet.seen(B).await.min_in_sync, 1);
    assert_eq!(fleet.drain(B).await, ["one", "two", "three"]);
}

#[tokio::test]
async fn a_store_that_does_not_answer_leaves_it_as_it_was() {
    let fleet = Fleet::with_pair().await;
    let record = fleet.shared.path().join(super::kit::GROUP).join("record");
    let text = std::fs::read(&record).unwrap();
    std::fs::write(&record, "no record").unwrap();
    let refused = failure(set(&fleet, A, ReplicationDurability::Strict).await);
    assert_eq!(refused.reason, Reason::Unavailable, "{refused}");
    assert_eq!(refused.field, "replication.durability");
    assert_eq!(fleet.seen(A).await.min_in_sync, 1);
    std::fs::write(&record, text).unwrap();
    fleet.replicated().await;
}
