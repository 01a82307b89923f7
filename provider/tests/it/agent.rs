//! A real `broker-agent` in a directory of its own, and what happens behind Terraform's back.

use std::env;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use agent_api::v1::{CreateBrokerRequest, DeleteQueueRequest, Listener};
use agent_api::{Client, Identity, v1};
use lapin::options::BasicPublishOptions;
use lapin::types::FieldTable;
use lapin::{BasicProperties, Connection, ConnectionProperties};
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tfplugin_rs::Provider;
use tfplugin_rs::testing::Terraform;

/// A broker agent that ends with the test.
pub(crate) struct Agent {
    dir: TempDir,
    process: Option<Child>,
    address: String,
    replication: String,
}

impl Agent {
    /// Makes certificates and starts it on a free port of loopback.
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut init = Command::new(program());
        init.args([
            "init",
            "--host",
            "localhost",
            "--http",
            "none",
            "--grpc",
            "127.0.0.1:0",
            "--replication",
            "none",
        ]);
        let made = init
            .arg("--dir")
            .arg(dir.path().join("agent"))
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let mut agent = Self {
            dir,
            process: None,
            address: String::new(),
            replication: String::new(),
        };
        agent.keep_little_disk_free();
        agent.serve();
        agent
    }

    /// Makes certificates, by the authority of another one if there is one, and starts it on ports
    /// that it keeps, for a pair.
    pub(crate) fn start_node(authority: Option<&Self>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let on = |port: u16| format!("127.0.0.1:{port}");
        let [grpc, replication] = free_ports();
        let mut init = Command::new(program());
        init.args(["init", "--http", "none", "--grpc", &on(grpc)]);
        init.args(["--replication", &on(replication), "--dir"]);
        init.arg(dir.path().join("agent"));
        if let Some(authority) = authority {
            init.arg("--authority").arg(authority.path(""));
        }
        let made = init.output().unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let mut agent = Self {
            dir,
            process: None,
            address: String::new(),
            replication: on(replication),
        };
        agent.keep_little_disk_free();
        agent.serve();
        agent
    }

    /// Where other agents reach it, if it is for a pair.
    pub(crate) fn replication(&self) -> &str {
        &self.replication
    }

    /// The machine that tests may be short of disk: what they store is little.
    fn keep_little_disk_free(&self) {
        let file = self.path("agent.toml");
        let config = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("disk_keep_free_mib = 64\n{config}")).unwrap();
    }

    /// Starts it again after it was killed.
    pub(crate) fn serve(&mut self) {
        let mut serve = Command::new(program());
        serve
            .arg("serve")
            .arg("--config")
            .arg(self.path("agent.toml"));
        let mut process = serve
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut ready)
            .unwrap();
        self.process = Some(process);
        let ready: Json = serde_json::from_str(&ready).unwrap();
        ready["endpoints"]["grpc"]
            .as_str()
            .unwrap()
            .clone_into(&mut self.address);
    }

    /// Kills it as a crash would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Where it is: `127.0.0.1:port`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The same place by another name: `localhost:port`.
    pub(crate) fn other_address(&self) -> String {
        self.address.replace("127.0.0.1", "localhost")
    }

    /// Serves with the certificates of another agent from now on, as two agents of one fleet do.
    pub(crate) fn join(&mut self, other: &Self) {
        self.kill();
        for name in [
            "ca.pem",
            "server.pem",
            "server-key.pem",
            "admin/ca.pem",
            "admin/client.pem",
            "admin/client-key.pem",
        ] {
            std::fs::copy(other.path(name), self.path(name)).unwrap();
        }
        self.serve();
    }

    /// The id of a broker it hosts.
    pub(crate) fn id(&self, broker: &str) -> String {
        format!("ferrymq://{}/{broker}", self.address)
    }

    /// A provider block with the administrator's certificate.
    pub(crate) fn credentials(&self) -> Json {
        json!({
            "ca_certificate": self.path("admin/ca.pem"),
            "client_certificate": self.path("admin/client.pem"),
            "client_key": self.path("admin/client-key.pem"),
        })
    }

    /// A configured provider.
    pub(crate) async fn terraform(&self) -> Terraform<impl Provider + use<>> {
        Terraform::start(provider::ferrymq(), self.credentials())
            .await
            .unwrap()
    }

    /// The agent without Terraform.
    pub(crate) async fn client(&self) -> Client {
        let read = |name: &str| std::fs::read_to_string(self.path(name)).unwrap();
        let identity = Identity {
            ca_certificate: read("admin/ca.pem"),
            certificate: read("admin/client.pem"),
            key: read("admin/client-key.pem"),
        };
        Client::connect(&self.address, &identity).await.unwrap()
    }

    /// Makes a broker with a plaintext listener on a free port; returns its id.
    pub(crate) async fn broker(&self, name: &str) -> String {
        let client = self.client().await;
        let address = "127.0.0.1".to_owned();
        let listener = Listener {
            address,
            port: Some(0),
            tls: Some(false),
            client_certificates: None,
        };
        let broker = v1::Broker {
            name: name.to_owned(),
            listeners: [("amqp".to_owned(), listener)].into(),
            ..Default::default()
        };
        let request = CreateBrokerRequest {
            broker: Some(broker),
            ..Default::default()
        };
        client
            .call(client.brokers().create_broker(request))
            .await
            .unwrap();
        self.id(name)
    }

    /// Publishes `count` messages to a queue of the virtual host `/`, as a user made for it.
    pub(crate) async fn publish(&self, broker: &str, queue: &str, count: usize) {
        let properties = BasicProperties::default().with_delivery_mode(2);
        self.send(broker, ("", queue), properties, count).await;
    }

    /// Publishes `count` messages to a delayed exchange, to be kept for a minute.
    pub(crate) async fn publish_delayed(&self, broker: &str, exchange: &str, count: usize) {
        let mut headers = FieldTable::default();
        headers.insert("x-delay".into(), 60_000.into());
        let properties = BasicProperties::default().with_headers(headers);
        self.send(broker, (exchange, "k"), properties, count).await;
    }

    async fn send(
        &self,
        broker: &str,
        (exchange, key): (&str, &str),
        properties: BasicProperties,
        count: usize,
    ) {
        let uri = self.login(broker).await;
        let connection = Connection::connect(&uri, ConnectionProperties::default())
            .await
            .unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(Default::default()).await.unwrap();
        for _ in 0..count {
            let options = BasicPublishOptions::default();
            let properties = properties.clone();
            let sent =
                channel.basic_publish(exchange.into(), key.into(), options, b"m", properties);
            assert!(sent.await.unwrap().await.unwrap().is_ack());
        }
        connection.close(200, "done".into()).await.unwrap();
    }

    /// A URI with which a client may do anything in the virtual host `/`.
    async fn login(&self, broker: &str) -> String {
        let client = self.client().await;
        let form = Some(v1::password::Form::Plaintext("publisher".to_owned()));
        let user = v1::PutUserRequest {
            broker: broker.to_owned(),
            user: Some(v1::User {
                name: "publisher".to_owned(),
                ..Default::default()
            }),
            password: Some(v1::Password { form }),
            ..Default::default()
        };
        client.call(client.users().put_user(user)).await.unwrap();
        let all = || ".*".to_owned();
        let permission = v1::Permission {
            vhost: "/".to_owned(),
            user: "publisher".to_owned(),
            configure: all(),
            write: all(),
            read: all(),
            generation: 0,
        };
        let permission = v1::PutPermissionRequest {
            broker: broker.to_owned(),
            permission: Some(permission),
            ..Default::default()
        };
        client
            .call(client.permissions().put_permission(permission))
            .await
            .unwrap();
        let request = v1::GetBrokerRequest {
            name: broker.to_owned(),
        };
        let broker = client
            .call(client.brokers().get_broker(request))
            .await
            .unwrap();
        let url = &broker.status.unwrap().endpoints[0].url;
        format!(
            "{}/%2f",
            url.replace("amqp://", "amqp://publisher:publisher@")
        )
    }

    /// Deletes a queue of the virtual host `/`, whatever it holds.
    pub(crate) async fn delete_queue(&self, broker: &str, name: &str) {
        let client = self.client().await;
        let request = DeleteQueueRequest {
            broker: broker.to_owned(),
            vhost: "/".to_owned(),
            name: name.to_owned(),
            expect: None,
            force: true,
            ..Default::default()
        };
        client
            .call(client.queues().delete_queue(request))
            .await
            .unwrap();
    }

    /// Deletes a broker with all that is in it.
    pub(crate) async fn delete_broker(&self, name: &str) {
        let client = self.client().await;
        let request = v1::DeleteBrokerRequest {
            name: name.to_owned(),
            expect: None,
            force: true,
        };
        client
            .call(client.brokers().delete_broker(request))
            .await
            .unwrap();
    }

    /// A file of its directory.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join("agent").join(name)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Ports that were free a moment ago.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let listeners: [TcpListener; N] =
        std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// Two spaces are not enough for everything that happens to an error's text on its way: all of it,
/// in one line.
#[track_caller]
pub(crate) fn check_error<T>(result: tfplugin_rs::Result<T>, parts: &[&str]) {
    let Err(error) = result else {
        panic!("it succeeded; expected {parts:?}")
    };
    let text = error.to_string();
    assert_eq!(error.len(), 1, "one diagnostic is enough:\n{text}");
    for part in parts {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
}

/// The agent's program: in `FERRYMQ_BIN_DIR`, or else built by the cargo that built this test and
/// then beside this test.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if let Some(dir) = env::var_os("FERRYMQ_BIN_DIR") {
            return PathBuf::from(dir).join("broker-agent");
        }
        let built = Command::new(env!("CARGO"))
            .args([
                "build",
                "--quiet",
                "--package",
                "broker-agent",
                "--bin",
                "broker-agent",
            ])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(
            built.unwrap().success(),
            "cargo build -p broker-agent failed"
        );
        // target/debug/deps/it-… → target/debug/broker-agent
        let test = env::current_exe().unwrap();
        test.parent()
            .and_then(Path::parent)
            .unwrap()
            .join("broker-agent")
    })
}
