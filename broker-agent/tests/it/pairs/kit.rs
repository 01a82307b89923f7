//! What the tests of pairs share: two agents of one authority, a store, a broker on both.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;

use agent_api::v1::coordination::Store;
use agent_api::v1::{
    Broker, Coordination, FileStore, GetBrokerRequest, Listener, Replication, ReplicationNode,
    ReplicationState, ReplicationStatus, SwitchoverBrokerRequest, SwitchoverBrokerResponse,
};
use agent_api::{Client, Error};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;

use crate::agent::{Agent, Place, create, put_user, queue};
use crate::amqp;
use crate::process::eventually;

pub(crate) const GROUP: &str = "00112233445566778899aabbccddeeff";
pub(crate) const BROKER: &str = "orders";

/// Ports that were free a moment ago.
fn free_ports<const N: usize>() -> [u16; N] {
    let listeners: [TcpListener; N] =
        std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// Two agents, mq-a and mq-b.
pub(crate) struct Fleet {
    pub(crate) agents: [Agent; 2],
    places: [Place; 2],
    /// Where clients of the broker connect on each.
    pub(crate) amqp: [u16; 2],
    pub(crate) shared: TempDir,
}

impl Fleet {
    pub(crate) fn start() -> Self {
        let ports: [u16; 8] = free_ports();
        let place = |index: usize| Place {
            grpc: ports[index],
            http: ports[index + 1],
            replication: ports[index + 2],
        };
        let places = [place(0), place(3)];
        let a = Agent::start_on(places[0], None, &[]);
        let b = Agent::start_on(places[1], Some(&a.path("")), &[]);
        Self {
            agents: [a, b],
            places,
            amqp: [ports[6], ports[7]],
            shared: tempfile::tempdir().unwrap(),
        }
    }

    /// Both agents with the broker on them: mq-a active, mq-b in sync.
    pub(crate) async fn with_pair() -> Self {
        let fleet = Self::start();
        let store = fleet.file();
        fleet.create_pair(store).await;
        fleet
    }

    pub(crate) async fn create_pair(&self, store: Store) {
        for node in [0, 1] {
            let client = self.agents[node].client().await;
            create(&client, self.broker(node, store.clone()), "")
                .await
                .unwrap();
        }
        self.replicated().await;
    }

    pub(crate) fn file(&self) -> Store {
        let path = self.shared.path().to_str().unwrap().to_owned();
        Store::File(FileStore { path })
    }

    /// What is sent to an agent to make its node of the pair.
    pub(crate) fn broker(&self, node: usize, store: Store) -> Broker {
        Broker {
            name: BROKER.into(),
            listeners: self.listeners(node),
            replication: Some(Box::new(self.replication(node, store))),
            ..Default::default()
        }
    }

    pub(crate) fn listeners(&self, node: usize) -> BTreeMap<String, Listener> {
        let listener = Listener {
            address: "127.0.0.1".into(),
            port: Some(self.amqp[node].into()),
            tls: Some(false),
            client_certificates: None,
        };
        BTreeMap::from([("amqp".to_owned(), listener)])
    }

    pub(crate) fn replication(&self, node: usize, store: Store) -> Replication {
        let nodes = self
            .places
            .iter()
            .zip(1..)
            .map(|(place, id)| ReplicationNode {
                id,
                name: ["mq-a", "mq-b"][id as usize - 1].into(),
                agent: format!("localhost:{}", place.grpc),
                replication: format!("127.0.0.1:{}", place.replication),
            });
        Replication {
            group: GROUP.into(),
            nodes: nodes.collect(),
            node: node as u32 + 1,
            founder: 1,
            coordination: Some(Coordination { store: Some(store) }),
            ..Default::default()
        }
    }

    pub(crate) async fn client(&self, node: usize) -> Client {
        self.agents[node].client().await
    }

    pub(crate) async fn get(&self, node: usize) -> Broker {
        let client = self.client(node).await;
        let request = GetBrokerRequest {
            name: BROKER.into(),
        };
        let broker = client.call(client.brokers().get_broker(request)).await;
        broker.unwrap()
    }

    /// What the pair looks like from one of its nodes.
    pub(crate) async fn seen(&self, node: usize) -> ReplicationStatus {
        let status = self.get(node).await.status.unwrap();
        *status.replication.unwrap_or_default()
    }

    /// Waits until a node is in this state.
    pub(crate) async fn becomes(&self, node: usize, state: ReplicationState) {
        let what = format!("node {node} becoming {}", state.as_str_name());
        eventually(&what, async || {
            (self.seen(node).await.state() == state).then_some(())
        })
        .await;
    }

    /// Waits until one node serves and the other one is in sync.
    pub(crate) async fn replicated(&self) {
        eventually("a pair in sync", async || {
            let states = [self.seen(0).await.state(), self.seen(1).await.state()];
            let active = states.contains(&ReplicationState::ActiveReplicated);
            (active && states.contains(&ReplicationState::InSync)).then_some(())
        })
        .await;
    }

    pub(crate) async fn switchover(
        &self,
        node: usize,
        to: &str,
    ) -> Result<SwitchoverBrokerResponse, Error> {
        let client = self.client(node).await;
        let request = SwitchoverBrokerRequest {
            name: BROKER.into(),
            to: to.into(),
            timeout_s: 0,
        };
        client
            .call(client.brokers().switchover_broker(request))
            .await
    }

    /// A user and a queue, made on the active.
    pub(crate) async fn furnish(&self, node: usize) {
        let client = self.client(node).await;
        put_user(&client, BROKER, "u", "p").await;
        let made = client
            .call(client.queues().put_queue(queue(BROKER, "q")))
            .await;
        made.unwrap();
    }

    /// Publishes on a node and waits for the confirms.
    pub(crate) async fn publish(&self, node: usize, bodies: &[&str]) {
        let (_connection, channel) = self.log_in(node).await;
        amqp::publish(&channel, "q", bodies).await;
    }

    /// Takes all there is.
    pub(crate) async fn drain(&self, node: usize) -> Vec<String> {
        let (_connection, channel) = self.log_in(node).await;
        let mut bodies = Vec::new();
        while let Some(body) = amqp::get(&channel, "q").await {
            bodies.push(body);
        }
        bodies
    }

    async fn log_in(&self, node: usize) -> (lapin::Connection, lapin::Channel) {
        eventually("a login", async || {
            amqp::connect(self.amqp[node], "u", "p").await.ok()
        })
        .await
    }

    /// What a load balancer is told about the broker on a node.
    pub(crate) async fn health(&self, node: usize) -> (u16, String) {
        let broker = self.get(node).await;
        let url = broker.status.unwrap().health_url;
        let path = &url[url.find("/health").unwrap()..];
        self.https(node, path).await
    }

    /// An answer of a node's status pages.
    pub(crate) async fn https(&self, node: usize, path: &str) -> (u16, String) {
        let ca = CertificateDer::from_pem_file(self.agents[node].path("ca.pem")).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(ca).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let address = self.agents[node].process.endpoint("http");
        let tcp = tokio::net::TcpStream::connect(&address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = TlsConnector::from(Arc::new(config))
            .connect(name, tcp)
            .await
            .unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // Whether the server says goodbye to TLS is not what is asked here.
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }
}
