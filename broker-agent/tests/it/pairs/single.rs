//! A single broker becomes a pair, and a pair becomes single.

use agent_api::v1::{
    Broker, DeleteBrokerRequest, GetUserRequest, Reason, ReplicationState, UpdateBrokerRequest,
};
use agent_api::{Client, Error, FieldMask};

use super::kit::{BROKER, Fleet};
use crate::agent::{create, failure};

const A: usize = 0;
const B: usize = 1;

async fn update(client: &Client, broker: Broker) -> Result<Broker, Error> {
    let request = UpdateBrokerRequest {
        broker: Some(broker),
        update_mask: Some(FieldMask {
            paths: vec!["replication".into()],
        }),
        expect: None,
    };
    client.call(client.brokers().update_broker(request)).await
}

async fn digest(client: &Client) -> String {
    let request = GetUserRequest {
        broker: BROKER.into(),
        name: "u".into(),
    };
    let user = client.call(client.users().get_user(request)).await;
    user.unwrap().password_digest
}

#[tokio::test]
async fn a_single_broker_becomes_a_pair_and_single_again() {
    let mut fleet = Fleet::start();
    let client = fleet.client(A).await;
    let single = Broker {
        replication: None,
        ..fleet.broker(A, fleet.file())
    };
    let made = create(&client, single.clone(), "").await.unwrap();
    fleet.furnish(A).await;
    fleet.publish(A, &["one"]).await;
    // A start begins an epoch; all it wrote so far is the pair's.
    fleet.agents[A].crash();
    let client = fleet.client(A).await;
    let before = digest(&client).await;

    let pair = |node: usize| {
        let mut broker = fleet.broker(node, fleet.file());
        broker.replication.as_mut().unwrap().group = made.uid.clone();
        broker
    };
    let mut other = pair(A);
    other.replication.as_mut().unwrap().founder = 2;
    let refused = failure(update(&client, other).await);
    assert_eq!(refused.field, "replication.founder", "{refused}");
    let paired = update(&client, pair(A)).await.unwrap();
    assert_eq!(paired.uid, made.uid);
    assert!(paired.generation > made.generation);
    fleet.becomes(A, ReplicationState::ActiveAlone).await;
    let there = fleet.client(B).await;
    create(&there, pair(B), "").await.unwrap();
    fleet.replicated().await;

    // What is in it, and what its passwords are known by, is the same on the other node.
    fleet.switchover(A, "mq-b").await.unwrap();
    fleet.becomes(B, ReplicationState::ActiveReplicated).await;
    assert_eq!(digest(&there).await, before);
    fleet.publish(B, &["two"]).await;

    // Another preferred node is switched over to.
    let mut preferring = pair(B);
    preferring.replication.as_mut().unwrap().preferred_active = 1;
    update(&there, preferring).await.unwrap();
    fleet.becomes(A, ReplicationState::ActiveReplicated).await;

    let refused = failure(update(&client, single.clone()).await);
    assert_eq!(refused.reason, Reason::InUse, "{refused}");
    let request = DeleteBrokerRequest {
        name: BROKER.into(),
        ..Default::default()
    };
    let deleted = there.call(there.brokers().delete_broker(request)).await;
    deleted.unwrap();
    fleet.becomes(A, ReplicationState::ActiveAlone).await;
    let alone = update(&client, single).await.unwrap();
    assert_eq!((alone.uid, alone.replication), (made.uid.clone(), None));
    assert_eq!(fleet.drain(A).await, ["one", "two"]);

    // The record of the group that was is still there.
    let again = failure(update(&client, pair(A)).await);
    assert_eq!(again.reason, Reason::Mismatch, "{again}");
}
