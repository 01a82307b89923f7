//! A broker whose data is damaged: what its operator is told, and what he gets out of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use agent_api::v1::{BrokerState, GetBrokerRequest, GetQueueRequest};
use serde_json::Value;

use crate::agent::{Agent, failure, port, put_user, queue};
use crate::amqp;
use crate::process::{program, run};

/// Bodies of a broker's queue `q`, one of them as the damage finds it.
const BODIES: [&str; 3] = [
    "the first message",
    "the second message",
    "the third message",
];

fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(dir).unwrap();
    let files = entries.map(|entry| entry.unwrap().path());
    files
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

/// Changes a byte of the second message on disk; answers file and offset of the change.
fn damage(journal: &Path) -> (PathBuf, usize) {
    let needle = BODIES[1].as_bytes();
    let found = contents(journal).into_iter().find_map(|(path, bytes)| {
        let mut windows = bytes.windows(needle.len());
        let at = windows.position(|window| window == needle)?;
        Some((path, bytes, at))
    });
    let (path, mut bytes, at) = found.expect("it was published");
    bytes[at] ^= 1;
    fs::write(&path, bytes).unwrap();
    (path, at)
}

fn salvage(data_dir: &Path, out: &Path) -> (i32, String, String) {
    let output = program()
        .arg("salvage")
        .arg("--data-dir")
        .arg(data_dir)
        .arg("--out")
        .arg(out)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    (code, text(output.stdout), text(output.stderr))
}

fn json_of(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// An agent whose one broker `b` has damaged data.
struct Damaged {
    agent: Agent,
    data_dir: PathBuf,
    /// Name of the damaged file, and where in it.
    file: String,
    at: usize,
}

impl Damaged {
    async fn new() -> Self {
        let mut agent = Agent::start();
        let (client, made) = agent.with_broker("b").await;
        put_user(&client, "b", "u", "p").await;
        client
            .call(client.queues().put_queue(queue("b", "q")))
            .await
            .unwrap();
        let (_connection, channel) = amqp::connect(port(&made), "u", "p").await.unwrap();
        amqp::publish(&channel, "q", &BODIES).await;
        let data_dir = agent.data_dirs().remove(0);
        let (code, _, error) = salvage(&data_dir, &agent.path("early"));
        assert_eq!(code, 1);
        assert!(error.contains("is in use by process"), "{error}");

        agent.process.kill();
        let (file, at) = damage(&data_dir.join("journal"));
        agent.start_again();
        let file = file.file_name().unwrap().to_str().unwrap().to_owned();
        Self {
            agent,
            data_dir,
            file,
            at,
        }
    }
}

#[tokio::test]
async fn a_damaged_broker_is_refused_by_file_and_byte_everywhere() {
    let damaged = Damaged::new().await;
    let agent = &damaged.agent;
    let client = agent.client().await;
    let get = GetBrokerRequest { name: "b".into() };
    let broker = client.call(client.brokers().get_broker(get)).await.unwrap();
    let status = broker.status.unwrap();
    assert_eq!(status.state(), BrokerState::Failed);
    let said = [
        damaged.data_dir.display().to_string(),
        format!("journal file {} is damaged at byte", damaged.file),
        "`broker-agent salvage --data-dir DIR --out NEW_DIR`".to_owned(),
    ];
    // To Terraform, to the operator's terminal, and in the log.
    let get = GetQueueRequest {
        broker: "b".into(),
        vhost: "/".into(),
        name: "q".into(),
    };
    let refused = client.call(client.queues().get_queue(get)).await;
    let refused = failure(refused).message;
    let endpoint = agent.process.endpoint("grpc");
    let dir = agent.path("").display().to_string();
    let shown = run(&["status", "--dir", &dir, "--endpoint", &endpoint]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    for words in &said {
        for text in [&status.reason, &refused, &shown, &agent.process.log()] {
            assert!(text.contains(words), "{words} in {text}");
        }
    }
}

#[tokio::test]
async fn a_damaged_broker_gives_up_what_is_readable() {
    let damaged = Damaged::new().await;
    let out = damaged.agent.path("salvaged");
    let journal = damaged.data_dir.join("journal");
    let before = contents(&journal);
    let (code, told, error) = salvage(&damaged.data_dir, &out);
    assert_eq!(code, 4, "{error}");
    assert!(contents(&journal) == before, "the source is not changed");
    let expected = "2 messages and the definitions of 1 queues exported";
    assert!(told.starts_with(expected), "{told}");
    let skipped = json_of(&out.join("skipped.json"));
    assert_eq!(skipped.as_array().unwrap().len(), 1);
    assert_eq!(skipped[0]["file"], damaged.file);
    let offset = skipped[0]["offset"].as_u64().unwrap();
    let bytes = skipped[0]["bytes"].as_u64().unwrap();
    assert!((offset..offset + bytes).contains(&(damaged.at as u64)));
    let lines = fs::read_to_string(out.join("messages.jsonl")).unwrap();
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let lines: Vec<Value> = lines.collect();
    let bodies: Vec<_> = lines.iter().map(|line| &line["body_base64"]).collect();
    // The first and the third.
    assert_eq!(
        bodies,
        ["dGhlIGZpcnN0IG1lc3NhZ2U=", "dGhlIHRoaXJkIG1lc3NhZ2U="]
    );
    for (field, value) in [("vhost", "/"), ("queue", "q"), ("routing_key", "q")] {
        assert_eq!(lines[0][field], value);
    }
    assert_eq!(lines[0]["properties"]["delivery_mode"], 2);
    let definitions = json_of(&out.join("definitions.json"));
    assert_eq!(definitions["queues"][0]["name"], "q");
    assert_eq!(definitions["users"][0]["name"], "u");
    let (code, _, error) = salvage(&damaged.data_dir, &out);
    assert_eq!(code, 1, "what was exported is never overwritten: {error}");
}

#[test]
fn a_directory_without_a_brokers_data_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let (code, _, error) = salvage(dir.path(), &out);
    assert_eq!(code, 1);
    assert!(error.contains("holds no broker's data"), "{error}");
    assert!(!out.exists());
    fs::create_dir_all(dir.path().join("brokers/0123")).unwrap();
    let (_, _, error) = salvage(dir.path(), &out);
    assert!(error.contains("brokers/0123"), "{error}");
}
