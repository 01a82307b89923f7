//! Encryption at rest: nothing of a broker is on the disk in plaintext, keys rotate while it works,
//! and one without its key says which.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use agent_api::v1::{
    Broker, BrokerState, Encryption, GetBrokerRequest, GetQueueRequest, RestartBrokerRequest,
    UpdateBrokerRequest,
};
use agent_api::{Client, Error, FieldMask};

use crate::agent::{Agent, broker, create, failure, port, put_user, queue};
use crate::amqp;
use crate::process::{DEADLINE, eventually, program};

const CANARY: &str = "canary-0123456789";
/// In the messages alone.
const BODY: &str = "body-9876543210";
const MESSAGES: usize = 40;

/// Ends an agent in order.
fn stop(agent: &mut Agent) {
    agent.process.signal("TERM");
    assert!(agent.process.ended(DEADLINE).success());
}

/// Writes a key of that digit.
fn key_file(agent: &Agent, name: &str, digit: char) -> PathBuf {
    let path = agent.path(name);
    fs::write(&path, digit.to_string().repeat(64)).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    path
}

fn with_key(path: &Path) -> Option<Encryption> {
    Some(Encryption {
        key_file: path.display().to_string(),
    })
}

/// Files below `dir` that hold any of these.
pub(crate) fn holding(dir: &Path, needles: &[&[u8]]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![dir.to_owned()];
    while let Some(dir) = left.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
                continue;
            }
            let bytes = fs::read(&path).unwrap();
            let holds = |needle: &&[u8]| bytes.windows(needle.len()).any(|it| it == *needle);
            if needles.iter().any(holds) {
                found.push(path);
            }
        }
    }
    found
}

/// A user, a queue and messages, all of which have the canary in them.
async fn fill(client: &Client, broker: &Broker) {
    put_user(client, &broker.name, "ferry", "secret").await;
    let declare = queue(&broker.name, &format!("q-{CANARY}"));
    client
        .call(client.queues().put_queue(declare))
        .await
        .unwrap();
    let bodies: Vec<_> = (0..MESSAGES)
        .map(|n| format!("{n} {CANARY} {BODY}"))
        .collect();
    let bodies: Vec<_> = bodies.iter().map(String::as_str).collect();
    let (_connection, channel) = amqp::connect(port(broker), "ferry", "secret")
        .await
        .unwrap();
    amqp::publish(&channel, &format!("q-{CANARY}"), &bodies).await;
}

async fn update(
    client: &Client,
    name: &str,
    encryption: Option<Encryption>,
) -> Result<Broker, Error> {
    let request = UpdateBrokerRequest {
        broker: Some(Broker {
            name: name.into(),
            encryption,
            ..Default::default()
        }),
        update_mask: Some(FieldMask {
            paths: vec!["encryption".into()],
        }),
        expect: None,
    };
    client.call(client.brokers().update_broker(request)).await
}

async fn get(client: &Client, name: &str) -> Broker {
    let request = GetBrokerRequest { name: name.into() };
    client
        .call(client.brokers().get_broker(request))
        .await
        .unwrap()
}

async fn ready(client: &Client, name: &str) -> u64 {
    let request = GetQueueRequest {
        broker: name.into(),
        vhost: "/".into(),
        name: format!("q-{CANARY}"),
    };
    let queue = client.call(client.queues().get_queue(request)).await;
    queue.unwrap().depth.unwrap().ready
}

/// Looks again and again until it is so.
async fn until(client: &Client, name: &str, so: impl Fn(&Broker) -> bool) -> Broker {
    let look = async || Some(get(client, name).await).filter(&so);
    eventually("what is waited for", look).await
}

fn is_running(broker: &Broker) -> bool {
    broker.status.as_ref().unwrap().state() == BrokerState::Running
}

fn plain_bytes(broker: &Broker) -> Option<u64> {
    let status = broker.status.as_ref().unwrap();
    status.encryption.as_ref().and_then(|it| it.plain_bytes)
}

#[tokio::test]
async fn neither_a_stop_nor_a_kill_leaves_plaintext_or_a_key() {
    let mut agent = Agent::start();
    let key = key_file(&agent, "key", '7');
    let client = agent.client().await;
    let asked = Broker {
        encryption: with_key(&key),
        ..broker("b", 0)
    };
    let made = create(&client, asked, "").await.unwrap();
    assert_eq!(made.encryption, with_key(&key));
    assert_eq!(plain_bytes(&made), Some(0));
    fill(&client, &made).await;
    let (text, bytes) = ("7".repeat(64), [0x77; 32]);
    let secrets: [&[u8]; 3] = [BODY.as_bytes(), text.as_bytes(), &bytes];
    for kill in [true, false] {
        match kill {
            true => agent.process.kill(),
            false => stop(&mut agent),
        }
        assert_eq!(
            holding(&agent.path("data"), &secrets),
            Vec::<PathBuf>::new()
        );
        // Names of queues are in the audit log as well.
        let found = holding(&agent.path("data/brokers"), &[CANARY.as_bytes()]);
        assert_eq!(found, Vec::<PathBuf>::new());
        agent.start_again();
        let client = agent.client().await;
        until(&client, "b", is_running).await;
        assert_eq!(ready(&client, "b").await, MESSAGES as u64);
    }
}

#[tokio::test]
async fn a_broker_without_its_key_says_so_and_starts_when_it_is_back() {
    let mut agent = Agent::start();
    let key = key_file(&agent, "key", '1');
    let client = agent.client().await;
    let asked = Broker {
        encryption: with_key(&key),
        ..broker("b", 0)
    };
    let made = create(&client, asked, "").await.unwrap();
    fill(&client, &made).await;
    stop(&mut agent);
    let away = agent.path("away");
    fs::rename(&key, &away).unwrap();
    agent.start_again();
    let client = agent.client().await;
    let failed = |broker: &Broker| broker.status.as_ref().unwrap().state() == BrokerState::Failed;
    let reason = until(&client, "b", failed).await.status.unwrap().reason;
    assert!(reason.contains(&key.display().to_string()), "{reason}");
    // Another key is not taken for it.
    key_file(&agent, "key", '2');
    let request = RestartBrokerRequest { name: "b".into() };
    let restarted = client.call(client.brokers().restart_broker(request)).await;
    let told = failure(restarted).message;
    for words in ["does not open its keyring", "file:", "encrypted with last"] {
        assert!(told.contains(words), "{told}");
    }
    // It is said to be where it is by now.
    let updated = update(&client, "b", with_key(&away)).await.unwrap();
    assert!(is_running(&updated), "{updated:?}");
    assert_eq!(ready(&client, "b").await, MESSAGES as u64);
    // A key that comes back is found by itself.
    stop(&mut agent);
    fs::rename(&away, agent.path("elsewhere")).unwrap();
    agent.start_again();
    let client = agent.client().await;
    until(&client, "b", failed).await;
    fs::rename(agent.path("elsewhere"), &away).unwrap();
    until(&client, "b", is_running).await;
    assert_eq!(ready(&client, "b").await, MESSAGES as u64);
}

#[tokio::test]
async fn another_key_is_a_rotation_that_no_client_notices() {
    let mut agent = Agent::start();
    let (one, two) = (key_file(&agent, "one", '1'), key_file(&agent, "two", '2'));
    let client = agent.client().await;
    let asked = Broker {
        encryption: with_key(&one),
        ..broker("b", 0)
    };
    let made = create(&client, asked, "").await.unwrap();
    fill(&client, &made).await;
    let (connection, channel) = amqp::connect(port(&made), "ferry", "secret").await.unwrap();
    let before = get(&client, "b").await.status.unwrap().encryption.unwrap();
    let rotated = update(&client, "b", with_key(&two)).await.unwrap();
    let after = rotated.status.as_ref().unwrap().encryption.clone().unwrap();
    assert_ne!(before.master_key, after.master_key);
    assert_eq!((before.keys, after.keys), (1, 2));
    assert!(connection.status().connected());
    assert_eq!(port(&rotated), port(&made));
    let more = amqp::get(&channel, &format!("q-{CANARY}")).await;
    amqp::publish(&channel, &format!("q-{CANARY}"), &[&more.unwrap()]).await;
    drop(connection);
    // A rotation that cannot be is told, and changes nothing.
    let missing = update(&client, "b", with_key(&agent.path("nowhere"))).await;
    assert!(failure(missing).message.contains("keeps its keys"));
    fs::remove_file(&one).unwrap();
    agent.crash();
    let client = agent.client().await;
    let broker = until(&client, "b", is_running).await;
    assert_eq!(broker.encryption, with_key(&two));
    assert_eq!(ready(&client, "b").await, MESSAGES as u64);
}

#[tokio::test]
async fn a_broker_that_was_not_encrypted_becomes_so_and_never_back() {
    let mut agent = Agent::start();
    let key = key_file(&agent, "key", '3');
    let (client, made) = agent.with_broker("b").await;
    fill(&client, &made).await;
    assert!(!holding(&agent.path("data"), &[BODY.as_bytes()]).is_empty());
    update(&client, "b", with_key(&key)).await.unwrap();
    until(&client, "b", |broker| plain_bytes(broker) == Some(0)).await;
    assert_eq!(ready(&client, "b").await, MESSAGES as u64);
    let refused = failure(update(&client, "b", None).await);
    assert_eq!(refused.field, "encryption");
    assert!(refused.message.contains("stays so"), "{}", refused.message);
    agent.crash();
    let client = agent.client().await;
    until(&client, "b", is_running).await;
    assert_eq!(ready(&client, "b").await, MESSAGES as u64);
    stop(&mut agent);
    let left = holding(&agent.path("data"), &[BODY.as_bytes()]);
    assert_eq!(left, Vec::<PathBuf>::new());
}

#[tokio::test]
async fn salvage_takes_the_key_and_a_lost_keyring_is_told() {
    let mut agent = Agent::start();
    let key = key_file(&agent, "key", '4');
    let client = agent.client().await;
    let asked = Broker {
        encryption: with_key(&key),
        ..broker("b", 0)
    };
    let made = create(&client, asked, "").await.unwrap();
    fill(&client, &made).await;
    stop(&mut agent);
    let dir = agent.data_dirs().remove(0);
    let salvage = |out: &str, more: &[&str]| {
        let mut command = program();
        command.arg("salvage").arg("--data-dir").arg(&dir);
        command.arg("--out").arg(agent.path(out)).args(more);
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code().unwrap(), text)
    };
    let (code, told) = salvage("with", &["--key-file", &key.display().to_string()]);
    assert_eq!(code, 0, "{told}");
    assert!(told.starts_with(&format!("{MESSAGES} messages")), "{told}");
    let (code, told) = salvage("without", &[]);
    assert_eq!(code, 4, "{told}");
    assert!(told.contains("no key was given"), "{told}");

    fs::remove_dir_all(dir.join("keys")).unwrap();
    agent.start_again();
    let client = agent.client().await;
    let failed = |broker: &Broker| broker.status.as_ref().unwrap().state() == BrokerState::Failed;
    let reason = until(&client, "b", failed).await.status.unwrap().reason;
    assert!(reason.contains("there is no keyring in"), "{reason}");
}
