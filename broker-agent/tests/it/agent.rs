//! An agent with certificates of its own, on ports of its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use agent_api::v1::{
    Broker, CreateBrokerRequest, Expect, Listener, Password, Permission, PutPermissionRequest,
    PutQueueRequest, PutUserRequest, Queue, User, expect, password,
};
use agent_api::{Client, Error, Failure, Identity};
use tempfile::TempDir;

use crate::process::{Process, program};

pub(crate) struct Agent {
    pub(crate) process: Process,
    dir: TempDir,
}

/// Its ports; 0 for any.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Place {
    pub(crate) grpc: u16,
    pub(crate) http: u16,
    pub(crate) replication: u16,
}

impl Agent {
    /// A new directory and an agent on it.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// With further environment variables.
    pub(crate) fn start_with(environment: &[(&str, &str)]) -> Self {
        Self::start_on(Place::default(), None, environment)
    }

    /// On these ports, certified by the authority of another agent's directory if there is one.
    pub(crate) fn start_on(
        place: Place,
        authority: Option<&Path>,
        environment: &[(&str, &str)],
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let on = |port: u16| format!("127.0.0.1:{port}");
        let mut init = program();
        init.args(["init", "--grpc", &on(place.grpc), "--http", &on(place.http)]);
        init.args(["--replication", &on(place.replication), "--dir"]);
        init.arg(dir.path().join("a"));
        if let Some(authority) = authority {
            init.arg("--authority").arg(authority);
        }
        let init = init.output().unwrap();
        assert!(
            init.status.success(),
            "{}",
            String::from_utf8_lossy(&init.stderr)
        );
        // The machine that tests may be short of disk: what they store is little.
        let file = dir.path().join("a/agent.toml");
        let config = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("disk_keep_free_mib = 64\n{config}")).unwrap();
        let process = serve(&dir, environment);
        Self { process, dir }
    }

    /// Ends it as a crash would and starts it again on the same directory.
    pub(crate) fn crash(&mut self) {
        self.process.kill();
        self.start_again();
    }

    /// Starts an agent that has ended again.
    pub(crate) fn start_again(&mut self) {
        self.process = serve(&self.dir, &[]);
    }

    /// A file or directory of the agent.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("a").join(name)
    }

    /// Directories of brokers' data.
    pub(crate) fn data_dirs(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path("data/brokers")).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// The administrator.
    pub(crate) fn identity(&self) -> Identity {
        let read = |name| fs::read_to_string(self.path("admin").join(name)).unwrap();
        Identity {
            ca_certificate: read("ca.pem"),
            certificate: read("client.pem"),
            key: read("client-key.pem"),
        }
    }

    /// The administrator's connection.
    pub(crate) async fn client(&self) -> Client {
        Client::connect(&self.process.endpoint("grpc"), &self.identity())
            .await
            .unwrap()
    }

    /// A broker with one plaintext listener on any port, and the administrator's connection.
    pub(crate) async fn with_broker(&self, name: &str) -> (Client, Broker) {
        let client = self.client().await;
        let broker = create(&client, broker(name, 0), "").await.unwrap();
        (client, broker)
    }
}

fn serve(dir: &TempDir, environment: &[(&str, &str)]) -> Process {
    // With the signal ignored, a write above the limit on file sizes fails and ends nothing.
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
        .arg(program().get_program());
    command
        .arg("serve")
        .arg("--config")
        .arg(dir.path().join("a/agent.toml"));
    command.envs(environment.iter().copied());
    Process::start(&mut command, &dir.path().join("log"))
}

/// What a caller sends to make a broker on loopback in plaintext.
pub(crate) fn broker(name: &str, port: u16) -> Broker {
    let listener = Listener {
        address: "127.0.0.1".into(),
        port: Some(port.into()),
        tls: Some(false),
        client_certificates: None,
    };
    let listeners = BTreeMap::from([("amqp".to_owned(), listener)]);
    Broker {
        name: name.into(),
        listeners,
        ..Default::default()
    }
}

pub(crate) async fn create(client: &Client, broker: Broker, token: &str) -> Result<Broker, Error> {
    let broker = Some(broker);
    let request = CreateBrokerRequest {
        broker,
        idempotency_token: token.into(),
    };
    client.call(client.brokers().create_broker(request)).await
}

/// Port of the broker's one listener.
pub(crate) fn port(broker: &Broker) -> u16 {
    broker.status.as_ref().unwrap().endpoints[0]
        .port
        .try_into()
        .unwrap()
}

pub(crate) fn absent() -> Option<Expect> {
    Some(Expect {
        state: Some(expect::State::Absent(true)),
    })
}

pub(crate) fn generation(generation: u64) -> Option<Expect> {
    Some(Expect {
        state: Some(expect::State::Generation(generation)),
    })
}

pub(crate) fn plaintext(text: &str) -> Option<Password> {
    Some(Password {
        form: Some(password::Form::Plaintext(text.into())),
    })
}

/// A user who may do everything in `/`.
pub(crate) async fn put_user(client: &Client, broker: &str, name: &str, password: &str) {
    let user = PutUserRequest {
        broker: broker.into(),
        user: Some(User {
            name: name.into(),
            ..Default::default()
        }),
        password: plaintext(password),
        ..Default::default()
    };
    client.call(client.users().put_user(user)).await.unwrap();
    let everything = || ".*".to_owned();
    let permission = Permission {
        vhost: "/".into(),
        user: name.into(),
        configure: everything(),
        write: everything(),
        read: everything(),
        generation: 0,
    };
    let permission = PutPermissionRequest {
        broker: broker.into(),
        permission: Some(permission),
        ..Default::default()
    };
    client
        .call(client.permissions().put_permission(permission))
        .await
        .unwrap();
}

/// A durable queue in `/`.
pub(crate) fn queue(broker: &str, name: &str) -> PutQueueRequest {
    let queue = Queue {
        vhost: "/".into(),
        name: name.into(),
        durable: true,
        ..Default::default()
    };
    PutQueueRequest {
        broker: broker.into(),
        queue: Some(queue),
        ..Default::default()
    }
}

/// The agent's own failure.
#[track_caller]
pub(crate) fn failure<T: std::fmt::Debug>(result: Result<T, Error>) -> Failure {
    match result {
        Err(Error::Rpc(failure)) => *failure,
        other => panic!("{other:?}"),
    }
}
