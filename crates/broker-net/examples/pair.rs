//! Serves a broker of one node or of two, both in this process, until it is killed: something to
//! measure what the second node costs.
//!
//! ```text
//! cargo run --release -p broker-net --example pair -- single|pair DIR PORT
//! ```
//!
//! Listens on the port of 127.0.0.1 for AMQP 0-9-1 with the user `guest`. The nodes speak with each other
//! as they always do, by mutual TLS over loopback, and keep their journals in `DIR/1` and `DIR/2`, on one
//! disk: what two machines would do at the same time has to be done by one.

use std::collections::BTreeMap;
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use broker_core::access::hash_password;
use broker_core::broker::{Broker, BrokerConfig};
use broker_core::definitions::{Expect, PasswordChange, PermissionSpec, UserUpdate};
use broker_core::journal::{FileDisk, Options as JournalOptions};
use broker_core::replication::fake_coordinator::FakeCoordinator;
use broker_core::replication::preface::GroupId;
use broker_core::replication::record::NodeId;
use broker_core::replication::timing::Timing;
use broker_net::replication::{Replicated, ReplicatedConfig, ReplicationListener, ReplicationTls};
use broker_net::{ListenerConfig, Options, Protocol, Server};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, what, dir, port] = &arguments[..] else {
        return Err("usage: pair single|pair DIR PORT".into());
    };
    let clients = ListenerConfig {
        protocol: Protocol::Amqp,
        address: (Ipv4Addr::LOCALHOST, port.parse()?).into(),
        tls: None,
    };
    match what.as_str() {
        "single" => single(Path::new(dir), clients).await,
        "pair" => pair(Path::new(dir), clients).await,
        _ => Err("neither single nor pair".into()),
    }
}

async fn single(dir: &Path, clients: ListenerConfig) -> Result<()> {
    let (broker, writer) = Broker::open(&config(), FileDisk::open(&dir.join("1"))?)?;
    add_guest(&broker)?;
    let _server = Server::start(broker, writer, vec![clients]).await?;
    std::future::pending().await
}

#[expect(clippy::print_stdout, reason = "a program that tells when it is ready")]
async fn pair(dir: &Path, clients: ListenerConfig) -> Result<()> {
    let mut certificates = Certificates::new()?;
    let (mut listeners, mut nodes) = (BTreeMap::new(), BTreeMap::new());
    for node in [1, 2] {
        let host = Ipv4Addr::new(127, 0, 0, node);
        let tls = certificates.tls(&host.to_string())?;
        let listener = ReplicationListener::bind(SocketAddr::new(IpAddr::V4(host), 0), tls)?;
        let node = NodeId(node.into());
        nodes.insert(node, listener.address().to_string().into());
        listeners.insert(node, listener);
    }
    let store = Arc::new(FakeCoordinator::default());
    let mut running = Vec::new();
    for (node, listener) in &listeners {
        let config = ReplicatedConfig {
            group: GroupId([1; 16]),
            node: *node,
            nodes: nodes.clone(),
            founder: node.0 == 1,
            min_isr: 1,
            timing: Timing::default(),
            broker: config(),
            disk: FileDisk::open(&dir.join(node.to_string()))?,
            coordinator: Arc::clone(&store) as Arc<_>,
            listeners: vec![clients.clone()],
            options: Options::default(),
        };
        running.push(Replicated::start(config, listener).await?);
    }
    let mut status = running[0].status();
    status
        .wait_for(|status| status.serving && status.in_sync.len() == 2)
        .await?;
    let server = running[0].server().ok_or("it does not lead")?;
    add_guest(server.broker())?;
    drop(server);
    println!("in sync");
    std::future::pending().await
}

fn config() -> BrokerConfig {
    let journal = JournalOptions {
        keep_free_bytes: Some(64 << 20),
        ..JournalOptions::default()
    };
    BrokerConfig {
        journal,
        ..BrokerConfig::default()
    }
}

fn add_guest(broker: &Arc<Broker>) -> Result<()> {
    let admin = broker.admin();
    let password = Some(PasswordChange::Set(hash_password(b"guest")?));
    let update = UserUpdate {
        password,
        tags: None,
    };
    admin.put_user("guest", update, Expect::Any)?;
    let all = || ".*".to_owned();
    let permission = PermissionSpec {
        user: "guest".to_owned(),
        vhost: "/".to_owned(),
        configure: all(),
        write: all(),
        read: all(),
    };
    admin.put_permission(&permission, Expect::Any)?;
    Ok(())
}

struct Certificates {
    issuer: Issuer<'static, KeyPair>,
    roots: RootCertStore,
}

impl Certificates {
    fn new() -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        let mut roots = RootCertStore::empty();
        roots.add(params.self_signed(&key)?.der().clone())?;
        let issuer = Issuer::new(params, key);
        Ok(Self { issuer, roots })
    }

    fn tls(&mut self, host: &str) -> Result<ReplicationTls> {
        let params = CertificateParams::new(vec![host.to_owned()])?;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let key = PrivateKeyDer::try_from(key.serialize_der())?;
        let chain = vec![certificate.der().clone()];
        Ok(ReplicationTls::new(self.roots.clone(), chain, key)?)
    }
}
