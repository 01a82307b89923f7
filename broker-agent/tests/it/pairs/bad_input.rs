//! A node with something wrong about it is refused by name and raises an alarm, and the pair serves on.

use std::fs;
use std::path::{Path, PathBuf};

use agent_api::v1::{BrokerState, ReplicationState};

use super::kit::{Fleet, GROUP};
use crate::agent::Agent;
use crate::process::eventually;

const A: usize = 0;
const B: usize = 1;

/// A pair with a message in it.
async fn pair() -> Fleet {
    let fleet = Fleet::with_pair().await;
    fleet.furnish(A).await;
    fleet.publish(A, &["one"]).await;
    fleet
}

/// What an alarm on a node says, once it is raised.
async fn alarm(fleet: &Fleet, node: usize, kind: &str) -> String {
    eventually(&format!("alarm {kind} on node {node}"), async || {
        let mut alarms = fleet.seen(node).await.alarms.into_iter();
        alarms.find(|alarm| alarm.kind == kind)
    })
    .await
    .text
}

async fn clears(fleet: &Fleet) {
    eventually("alarms that are cleared", async || {
        let seen = [fleet.seen(A).await, fleet.seen(B).await];
        seen.iter().all(|seen| seen.alarms.is_empty()).then_some(())
    })
    .await;
}

fn copy(from: &Path, to: &Path, wanted: &dyn Fn(&str) -> bool) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (name, target) = (entry.file_name(), to.join(entry.file_name()));
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target, wanted);
        } else if wanted(name.to_str().unwrap()) {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn journal(agent: &Agent) -> PathBuf {
    agent.data_dirs()[0].join("journal")
}

#[tokio::test]
async fn a_certificate_of_another_authority() {
    let mut fleet = pair().await;
    let own = tempfile::tempdir().unwrap();
    let is_pem = |name: &str| name.ends_with(".pem");
    let stranger = Agent::start();
    fleet.agents[B].process.kill();
    let (place, other) = (fleet.agents[B].path(""), stranger.path(""));
    copy(&place, own.path(), &is_pem);
    copy(&other, &place, &is_pem);
    fleet.agents[B].start_again();

    let text = alarm(&fleet, A, "peer_refused").await;
    assert!(
        text.contains("node mq-b at 127.0.0.1:") && text.contains("TLS"),
        "{text}"
    );
    let text = alarm(&fleet, B, "peer_refused").await;
    assert!(
        text.contains("node mq-a at 127.0.0.1:") && text.contains("certificate"),
        "{text}"
    );
    fleet.publish(A, &["two"]).await;
    assert_eq!(fleet.health(B).await.0, 503);

    fleet.agents[B].process.kill();
    copy(own.path(), &place, &is_pem);
    fleet.agents[B].start_again();
    fleet.replicated().await;
    clears(&fleet).await;
}

#[tokio::test]
async fn a_node_of_another_group() {
    let mut fleet = pair().await;
    fleet.agents[B].process.kill();
    fleet.becomes(A, ReplicationState::ActiveAlone).await;
    let other = GROUP.replace('f', "0");
    let shared = fleet.shared.path();
    copy(&shared.join(GROUP), &shared.join(&other), &|_| true);
    let registry = fleet.agents[B].path("data");
    let is_record = |path: &Path| path.extension().is_some_and(|it| it == "json");
    let records = walk(&registry).into_iter().filter(|path| is_record(path));
    for record in records {
        let text = fs::read_to_string(&record).unwrap();
        fs::write(&record, text.replace(GROUP, &other)).unwrap();
    }
    fleet.agents[B].start_again();

    let told = format!("group {other} is not here");
    for node in [A, B] {
        let text = alarm(&fleet, node, "peer_refused").await;
        assert!(text.contains(&told), "{text}");
    }
    fleet.publish(A, &["two"]).await;
    assert_eq!(fleet.health(B).await.0, 503);
}

fn walk(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                walk(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[tokio::test]
async fn a_journal_of_another_store() {
    let mut fleet = pair().await;
    fleet.agents[B].process.kill();
    fleet.becomes(A, ReplicationState::ActiveAlone).await;
    let (here, there) = (journal(&fleet.agents[A]), journal(&fleet.agents[B]));
    let is_journal = |name: &str| !name.starts_with("replica");
    for path in walk(&there) {
        if is_journal(path.file_name().unwrap().to_str().unwrap()) {
            fs::remove_file(path).unwrap();
        }
    }
    copy(&here, &there, &is_journal);
    fleet.agents[B].start_again();

    let status = eventually("a node that is refused its disk", async || {
        let status = fleet.get(B).await.status.unwrap();
        (status.state() == BrokerState::Failed).then_some(status)
    })
    .await;
    assert!(status.reason.contains("store"), "{}", status.reason);
    let text = alarm(&fleet, A, "peer_unreachable").await;
    assert!(text.contains("node mq-b"), "{text}");
    fleet.publish(A, &["two"]).await;
}

#[tokio::test]
async fn a_disk_that_was_rolled_back() {
    let mut fleet = pair().await;
    fleet.agents[B].process.kill();
    let before = tempfile::tempdir().unwrap();
    copy(&journal(&fleet.agents[B]), before.path(), &|_| true);
    fleet.agents[B].start_again();
    fleet.replicated().await;
    fleet.publish(A, &["two"]).await;
    // Each change of the record notes how far the group has committed.
    fleet.switchover(A, "mq-b").await.unwrap();
    fleet.replicated().await;
    fleet.publish(B, &["three"]).await;
    fleet.switchover(B, "mq-a").await.unwrap();
    fleet.replicated().await;

    fleet.agents[A].process.kill();
    fleet.agents[B].process.kill();
    let disk = journal(&fleet.agents[B]);
    fs::remove_dir_all(&disk).unwrap();
    copy(before.path(), &disk, &|_| true);
    fleet.agents[B].start_again();
    let text = alarm(&fleet, B, "regressed").await;
    assert!(text.contains("rolled back"), "{text}");
    fleet.becomes(B, ReplicationState::Repair).await;

    fleet.agents[A].start_again();
    fleet.replicated().await;
    clears(&fleet).await;
    assert_eq!(fleet.drain(A).await, ["one", "two", "three"]);
}

/// Not an input of other nodes, but as bad: the port of its clients is taken when it takes over.
#[tokio::test]
async fn a_node_whose_port_is_taken_hands_over() {
    let fleet = pair().await;
    let taken = std::net::TcpListener::bind(("127.0.0.1", fleet.amqp[B])).unwrap();
    fleet.switchover(A, "mq-b").await.unwrap();
    let text = alarm(&fleet, B, "not_listening").await;
    assert!(text.contains(&fleet.amqp[B].to_string()), "{text}");
    fleet.becomes(A, ReplicationState::ActiveReplicated).await;
    fleet.publish(A, &["two"]).await;
    clears(&fleet).await;
    drop(taken);
}

#[tokio::test]
async fn a_record_that_was_rolled_back_and_one_of_a_later_format() {
    let fleet = pair().await;
    let record = fleet.shared.path().join(GROUP).join("record");
    let old = fs::read(&record).unwrap();
    fleet.switchover(A, "mq-b").await.unwrap();
    fleet.replicated().await;
    let new = fs::read_to_string(&record).unwrap();

    fs::write(&record, old).unwrap();
    let text = alarm(&fleet, A, "record_rolled_back").await;
    assert!(text.contains("the store was rolled back"), "{text}");
    assert_eq!(fleet.health(B).await.0, 200);

    // Of a version that nobody knows: whoever writes by an earlier one has to read it first.
    let (version, rest) = new.split_once('\n').unwrap();
    let format = "\"format_version\": 1";
    assert!(rest.contains(format), "{rest}");
    let later = rest.replace(format, "\"format_version\": 9");
    fs::write(&record, format!("{version}000\n{later}")).unwrap();
    let text = alarm(&fleet, A, "record_unreadable").await;
    assert!(text.contains("format version 9"), "{text}");
    fleet.publish(B, &["two"]).await;

    fs::write(&record, new).unwrap();
    clears(&fleet).await;
    fleet.replicated().await;
    fleet.publish(B, &["three"]).await;
    assert_eq!(fleet.drain(B).await, ["one", "two", "three"]);
}
