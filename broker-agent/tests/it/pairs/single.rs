//! A single broker becomes a pair, and a pair becomes single.

use std::fs;

use agent_api::v1::{
    Broker, BrokerState, DeleteBrokerRequest, GetUserRequest, Reason, ReplicationState,
    UpdateBrokerRequest,
};
use agent_api::{Client, Error, FieldMask};

use super::kit::{BROKER, Fleet, GROUP};
use crate::agent::{create, failure};
use crate::process::eventually;

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
    let alone = update(&client, single.clone()).await.unwrap();
    assert_eq!((alone.uid, alone.replication), (made.uid.clone(), None));
    assert_eq!(fleet.drain(A).await, ["one", "two"]);
}

#[tokio::test]
async fn a_pair_is_made_single_and_a_pair_again_as_often_as_one_likes() {
    let fleet = Fleet::with_pair().await;
    let (client, there) = (fleet.client(A).await, fleet.client(B).await);
    fleet.furnish(A).await;
    let pair = |node: usize| fleet.broker(node, fleet.file());
    let single = Broker {
        replication: None,
        ..pair(A)
    };
    delete(&there).await;
    fleet.becomes(A, ReplicationState::ActiveAlone).await;
    update(&client, single.clone()).await.unwrap();
    // A pair again, through the same store and with the same numbers, and single and a pair once more.
    for body in ["three", "four"] {
        update(&client, pair(A)).await.unwrap();
        create(&there, pair(B), "").await.unwrap();
        fleet.replicated().await;
        fleet.publish(A, &[body]).await;
        fleet.switchover(A, "mq-b").await.unwrap();
        assert_eq!(fleet.drain(B).await, [body]);
        fleet.becomes(B, ReplicationState::ActiveReplicated).await;
        fleet.switchover(B, "mq-a").await.unwrap();
        fleet.becomes(A, ReplicationState::ActiveReplicated).await;
        delete(&there).await;
        fleet.becomes(A, ReplicationState::ActiveAlone).await;
        update(&client, single.clone()).await.unwrap();
    }

    // Nobody else makes it a pair: its data is here.
    let refused = failure(create(&there, founding(pair(B), 2), "").await);
    assert_eq!(refused.reason, Reason::Mismatch, "{refused}");
    assert!(refused.message.contains("has ended"), "{refused}");
}

/// The node that was away while its pair was made single, and a pair again without it, has data of a
/// time that is past: it serves nobody, says why, and is nobody's follower.
#[tokio::test]
async fn who_comes_back_to_a_group_that_has_ended_is_not_believed() {
    let mut fleet = Fleet::with_pair().await;
    let client = fleet.client(A).await;
    fleet.furnish(A).await;
    fleet.publish(A, &["one"]).await;
    fleet.agents[B].process.kill();
    fleet.becomes(A, ReplicationState::ActiveAlone).await;
    let single = Broker {
        replication: None,
        ..fleet.broker(A, fleet.file())
    };
    update(&client, single).await.unwrap();
    fleet.publish(A, &["two"]).await;

    fleet.agents[B].start_again();
    let alarm = eventually("a node that says that its group has ended", async || {
        let seen = fleet.seen(B).await;
        let mut alarms = seen.alarms.into_iter();
        alarms.find(|alarm| alarm.kind == "group_ended")
    })
    .await;
    assert!(
        alarm.text.contains("node 1 went on alone"),
        "{}",
        alarm.text
    );
    assert_eq!(
        fleet.get(B).await.status.unwrap().state(),
        BrokerState::Running
    );
    assert_eq!(fleet.health(B).await.0, 503);

    // Founded again; the other one is let in, and everything it had is thrown away first.
    update(&client, fleet.broker(A, fleet.file()))
        .await
        .unwrap();
    fleet.replicated().await;
    let cleared = async || fleet.seen(B).await.alarms.is_empty().then_some(());
    eventually("alarms that are cleared", cleared).await;
    fleet.switchover(A, "mq-b").await.unwrap();
    assert_eq!(fleet.drain(B).await, ["one", "two"]);
}

fn founding(mut broker: Broker, founder: u32) -> Broker {
    broker.replication.as_mut().unwrap().founder = founder;
    broker
}

async fn delete(client: &Client) {
    let request = DeleteBrokerRequest {
        name: BROKER.into(),
        ..Default::default()
    };
    let deleted = client.call(client.brokers().delete_broker(request)).await;
    deleted.unwrap();
}

/// The agent died between the record's end and its registry: it is a node still, and of a group that has
/// ended, whose data it has.
#[tokio::test]
async fn who_has_the_data_of_a_group_that_has_ended_founds_it_again() {
    let mut fleet = Fleet::with_pair().await;
    fleet.furnish(A).await;
    fleet.publish(A, &["one"]).await;
    fleet.agents[B].process.kill();
    fleet.becomes(A, ReplicationState::ActiveAlone).await;
    fleet.agents[A].process.kill();
    let record = fleet.shared.path().join(GROUP).join("record");
    let text = fs::read_to_string(&record).unwrap();
    let (version, text) = text.split_once('\n').unwrap();
    let mut fields: serde_json::Value = serde_json::from_str(text).unwrap();
    fields["ended"] = fields["isr"][0].take();
    fields["isr"] = serde_json::json!([]);
    fields["leader"] = serde_json::Value::Null;
    fields["epoch"] = (fields["epoch"].as_u64().unwrap() + 1).into();
    fs::write(&record, format!("{version}0\n{fields}")).unwrap();

    fleet.agents[A].start_again();
    fleet.becomes(A, ReplicationState::ActiveAlone).await;
    fleet.agents[B].start_again();
    fleet.replicated().await;
    fleet.switchover(A, "mq-b").await.unwrap();
    assert_eq!(fleet.drain(B).await, ["one"]);
}
