//! A pair's life: made, used, killed, handed over, taken apart.

use agent_api::v1::force_promote_broker_request::Proof;
use agent_api::v1::{
    BrokerState, DeleteBrokerRequest, ForcePromoteBrokerRequest, GetQueueRequest, Reason,
    ReplicationState,
};

use super::kit::{BROKER, Fleet, GROUP};
use crate::agent::{failure, queue};
use crate::process::{eventually, program};

const A: usize = 0;
const B: usize = 1;

#[tokio::test]
async fn a_pair_is_made_and_told_by_both_agents() {
    let fleet = Fleet::with_pair().await;
    let (active, standby) = (fleet.get(A).await, fleet.get(B).await);
    for broker in [&active, &standby] {
        assert_eq!(broker.uid, GROUP);
        let status = broker.status.as_ref().unwrap();
        assert_eq!(status.state(), BrokerState::Running);
        let replication = status.replication.as_ref().unwrap();
        assert_eq!((replication.leader, replication.alarms.len()), (1, 0));
        assert!(replication.nodes.iter().all(|node| node.in_sync));
    }
    let urls: Vec<_> = active.status.unwrap().endpoints;
    assert_eq!(urls[0].url, format!("amqp://127.0.0.1:{}", fleet.amqp[A]));
    assert!(standby.status.unwrap().endpoints.is_empty());
    assert_eq!(fleet.health(A).await, (200, "active\n".into()));
    assert_eq!(fleet.health(B).await, (503, "standby, in sync\n".into()));
    assert_eq!(fleet.https(B, "/health/brokers/none").await.0, 404);

    // What is asked of a standby is answered with who is active.
    let client = fleet.client(B).await;
    let refused = failure(
        client
            .call(client.queues().put_queue(queue(BROKER, "q")))
            .await,
    );
    assert_eq!(refused.reason, Reason::NotActive, "{refused}");
    let named = refused.active.unwrap();
    assert_eq!(named.node, "mq-a");
    assert_eq!(
        named.agent.rsplit_once(':').unwrap().1,
        fleet.agents[A]
            .process
            .endpoint("grpc")
            .rsplit_once(':')
            .unwrap()
            .1
    );
}

#[tokio::test]
async fn a_killed_active_loses_nothing_and_rejoins() {
    let mut fleet = Fleet::with_pair().await;
    fleet.furnish(A).await;
    fleet.publish(A, &["one", "two", "three"]).await;
    fleet.agents[A].process.kill();
    fleet.becomes(B, ReplicationState::ActiveAlone).await;
    let alarms = fleet.seen(B).await.alarms;
    assert!(
        alarms.iter().any(|alarm| alarm.kind == "alone"),
        "{alarms:?}"
    );
    fleet.publish(B, &["four"]).await;

    fleet.agents[A].start_again();
    fleet.replicated().await;
    assert_eq!(fleet.seen(A).await.state(), ReplicationState::InSync);
    assert!(fleet.seen(B).await.alarms.is_empty());
    assert_eq!(fleet.drain(B).await, ["one", "two", "three", "four"]);
    let log = fleet.agents[B].process.log();
    assert!(log.contains("replication state changed"), "{log}");
    assert!(log.contains("replication alarm cleared"), "{log}");
}

#[tokio::test]
async fn a_switchover_and_back() {
    let fleet = Fleet::with_pair().await;
    fleet.furnish(A).await;
    fleet.publish(A, &["one"]).await;
    let there = fleet.switchover(A, "mq-b").await.unwrap();
    assert_eq!((there.from, there.to), (1, 2));
    assert!(there.duration_seconds < 10.0, "{there:?}");
    fleet.replicated().await;
    assert_eq!(fleet.seen(A).await.leader, 2);
    assert_eq!(fleet.health(B).await.0, 200);
    fleet.publish(B, &["two"]).await;

    // By the command line, asked of the wrong agent, to whichever node is ready.
    let out = program()
        .args(["switchover", "--broker", BROKER, "--dir"])
        .arg(fleet.agents[A].path(""))
        .args(["--endpoint", &fleet.agents[A].process.endpoint("grpc")])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    assert!(
        told.contains("node mq-a is active now, after node mq-b"),
        "{told}"
    );
    fleet.replicated().await;
    assert_eq!(fleet.drain(A).await, ["one", "two"]);
}

#[tokio::test]
async fn both_agents_restart() {
    let mut fleet = Fleet::with_pair().await;
    fleet.furnish(A).await;
    fleet.publish(A, &["one"]).await;
    for agent in &mut fleet.agents {
        agent.process.kill();
    }
    for agent in &mut fleet.agents {
        agent.start_again();
    }
    fleet.replicated().await;
    let active = if fleet.seen(A).await.leader == 1 {
        A
    } else {
        B
    };
    assert_eq!(fleet.drain(active).await, ["one"]);
}

#[tokio::test]
async fn a_stop_of_the_active_agent_hands_over() {
    let mut fleet = Fleet::with_pair().await;
    fleet.furnish(A).await;
    fleet.publish(A, &["one"]).await;
    fleet.agents[A].process.signal("TERM");
    let deadline = crate::process::DEADLINE;
    assert!(fleet.agents[A].process.ended(deadline).success());
    fleet.becomes(B, ReplicationState::ActiveAlone).await;
    assert_eq!(fleet.drain(B).await, ["one"]);
}

#[tokio::test]
async fn force_is_refused_where_it_is_not_needed_and_works_where_it_is() {
    let mut fleet = Fleet::with_pair().await;
    fleet.furnish(A).await;
    fleet.publish(A, &["one"]).await;
    let promote = async |accept_data_loss, proof| {
        let client = fleet.client(B).await;
        let request = ForcePromoteBrokerRequest {
            name: BROKER.into(),
            accept_data_loss,
            proof,
        };
        client
            .call(client.brokers().force_promote_broker(request))
            .await
    };
    let dead = |name: &str| Some(Proof::DeadNode(name.into()));
    assert_eq!(
        failure(promote(false, dead("mq-a")).await).field,
        "accept_data_loss"
    );
    assert_eq!(failure(promote(true, None).await).field, "proof");
    assert_eq!(
        failure(promote(true, dead("mq-b")).await).field,
        "proof.dead_node"
    );
    let in_sync = failure(promote(true, dead("mq-a")).await);
    assert_eq!(in_sync.reason, Reason::InUse, "{in_sync}");

    // mq-a goes on alone, and then it is gone with what only it has.
    fleet.agents[B].process.kill();
    fleet.becomes(A, ReplicationState::ActiveAlone).await;
    fleet.publish(A, &["two"]).await;
    fleet.agents[A].process.kill();
    fleet.agents[B].start_again();
    eventually("a standby that waits", async || {
        let seen = fleet.seen(B).await;
        (seen.leader == 1 && seen.state() == ReplicationState::Syncing).then_some(())
    })
    .await;
    let out = program()
        .args(["force-promote", "--broker", BROKER, "--accept-data-loss"])
        .args(["--dead-node", "mq-a", "--dir"])
        .arg(fleet.agents[B].path(""))
        .args(["--endpoint", &fleet.agents[B].process.endpoint("grpc")])
        .output()
        .unwrap();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    assert_eq!(fleet.seen(B).await.state(), ReplicationState::ActiveAlone);
    assert_eq!(fleet.drain(B).await, ["one"]);
    let log = fleet.agents[B].process.log();
    assert!(
        log.contains("an operator accepts that messages are lost"),
        "{log}"
    );
    assert!(log.contains("dead node mq-a"), "{log}");

    // The old one comes back and gives up what nobody else has.
    fleet.agents[A].start_again();
    fleet.replicated().await;
    assert_eq!(fleet.seen(A).await.leader, 2);
}

#[tokio::test]
async fn copies_are_deleted_one_after_the_other() {
    let fleet = Fleet::with_pair().await;
    fleet.furnish(A).await;
    fleet.publish(A, &["one"]).await;
    let delete = async |node: usize, force| {
        let client = fleet.client(node).await;
        let request = DeleteBrokerRequest {
            name: BROKER.into(),
            force,
            ..Default::default()
        };
        client.call(client.brokers().delete_broker(request)).await
    };
    let needed = failure(delete(A, false).await);
    assert_eq!(needed.reason, Reason::InUse, "{needed}");
    delete(B, false).await.unwrap();
    fleet.becomes(A, ReplicationState::ActiveAlone).await;
    let full = failure(delete(A, false).await);
    assert_eq!(
        (full.reason, full.messages),
        (Reason::NotEmpty, 1),
        "{full}"
    );
    delete(A, true).await.unwrap();
    let client = fleet.client(A).await;
    let request = GetQueueRequest {
        broker: BROKER.into(),
        vhost: "/".into(),
        name: "q".into(),
    };
    let gone = failure(client.call(client.queues().get_queue(request)).await);
    assert_eq!(gone.reason, Reason::NotFound);
}
