//! Brokers of one node and of two.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use broker_core::access::hash_password;
use broker_core::broker::{Broker, BrokerConfig};
use broker_core::definitions::{Expect, PasswordChange, PermissionSpec, UserUpdate};
use broker_core::journal::{FileDisk, Options as JournalOptions};
use broker_core::replication::coordinator::Coordinator;
use broker_core::replication::preface::GroupId;
use broker_core::replication::record::NodeId;
use broker_core::replication::timing::Timing;
use broker_net::replication::{Replicated, ReplicatedConfig, ReplicationListener, ReplicationTls};
use broker_net::{ListenerConfig, Options, Protocol, Server};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;
use tokio::runtime::{Builder, Runtime};

use crate::Result;

/// Two nodes, each with threads of its own.
pub(crate) struct Nodes {
    dir: PathBuf,
    port: u16,
    addresses: BTreeMap<NodeId, Arc<str>>,
    store: Arc<dyn Coordinator>,
    runtimes: BTreeMap<u16, Runtime>,
    listeners: BTreeMap<u16, ReplicationListener>,
    running: BTreeMap<u16, Replicated>,
}

impl Nodes {
    /// Two nodes that do not run yet.
    pub(crate) fn new(dir: &Path, port: u16, store: Arc<dyn Coordinator>) -> Result<Self> {
        let mut certificates = Certificates::new()?;
        let mut this = Self {
            dir: dir.to_owned(),
            port,
            addresses: BTreeMap::new(),
            store,
            runtimes: BTreeMap::new(),
            listeners: BTreeMap::new(),
            running: BTreeMap::new(),
        };
        for node in [1, 2] {
            let host = Ipv4Addr::new(127, 0, 0, node);
            let tls = certificates.tls(&host.to_string())?;
            let node = u16::from(node);
            let runtime = Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()?;
            let listener = runtime.block_on(async {
                ReplicationListener::bind(SocketAddr::new(IpAddr::V4(host), 0), tls)
            })?;
            let address = listener.address().to_string().into();
            this.addresses.insert(NodeId(node), address);
            this.listeners.insert(node, listener);
            this.runtimes.insert(node, runtime);
        }
        Ok(this)
    }

    /// Starts a node with what is on its disk. The first founds the group.
    pub(crate) fn start(&mut self, node: u16) -> Result<()> {
        let (runtime, listener) = (&self.runtimes[&node], &self.listeners[&node]);
        let dir = self.dir.join(node.to_string());
        fs::create_dir_all(&dir)?;
        let config = ReplicatedConfig {
            group: GroupId([1; 16]),
            node: NodeId(node),
            nodes: self.addresses.clone(),
            founder: node == 1,
            min_isr: 1,
            timing: Timing::default(),
            broker: config(),
            disk: FileDisk::open(&dir)?,
            coordinator: Arc::clone(&self.store),
            listeners: vec![clients(self.port)],
            options: Options::default(),
        };
        let started = runtime.block_on(Replicated::start(config, listener))?;
        self.running.insert(node, started);
        Ok(())
    }

    /// The node's process dies.
    pub(crate) fn kill(&mut self, node: u16) {
        self.running.remove(&node);
    }

    /// Removes what a node that does not run has on its disk.
    pub(crate) fn wipe(&self, node: u16) -> Result<()> {
        Ok(fs::remove_dir_all(self.dir.join(node.to_string()))?)
    }

    /// Waits until this node serves, with so many in sync.
    pub(crate) fn wait(&self, node: u16, in_sync: usize) -> Result<()> {
        let mut status = self.running[&node].status();
        let waits = status.wait_for(|it| it.serving && it.in_sync.len() == in_sync);
        self.runtimes[&node].block_on(waits)?;
        Ok(())
    }

    /// Whether the node serves, and with how many in sync.
    pub(crate) fn serves(&self, node: u16) -> Option<usize> {
        let status = self.running.get(&node)?.status();
        let status = status.borrow();
        status.serving.then_some(status.in_sync.len())
    }

    /// Lets `guest` in; of the node that serves.
    pub(crate) fn add_guest(&self, node: u16) -> Result<()> {
        let server = self.running[&node].server().ok_or("it does not lead")?;
        add_guest(server.broker())
    }
}

/// Serves with one node until it is killed.
pub(crate) fn serve_single(dir: &Path, port: u16) -> Result<()> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (broker, writer) = Broker::open(&config(), FileDisk::open(&dir.join("1"))?)?;
        add_guest(&broker)?;
        let _server = Server::start(broker, writer, vec![clients(port)]).await?;
        ready(&BTreeSet::new())?;
        std::future::pending().await
    })
}

/// Serves with two nodes until it is killed, and says which threads are those of the second.
pub(crate) fn serve_pair(dir: &Path, port: u16) -> Result<()> {
    let store = Arc::new(broker_core::replication::fake_coordinator::FakeCoordinator::default());
    let mut nodes = Nodes::new(dir, port, store)?;
    // The threads of runtimes come in the order of the nodes, before any other.
    let runtimes: Vec<u32> = threads()?.into_iter().collect();
    let (_, second) = runtimes.split_at(runtimes.len() - 2);
    let mut standby: BTreeSet<u32> = second.iter().copied().collect();
    let before = threads()?;
    nodes.start(2)?;
    standby.extend(threads()?.difference(&before));
    nodes.start(1)?;
    nodes.wait(1, 2)?;
    nodes.add_guest(1)?;
    ready(&standby)?;
    loop {
        std::thread::park();
    }
}

fn ready(threads: &BTreeSet<u32>) -> Result<()> {
    let mut out = std::io::stdout().lock();
    write!(out, "ready")?;
    for thread in threads {
        write!(out, " {thread}")?;
    }
    writeln!(out)?;
    Ok(out.flush()?)
}

/// Those of this process, by their numbers, which rise.
fn threads() -> Result<BTreeSet<u32>> {
    let mut all = BTreeSet::new();
    for thread in fs::read_dir("/proc/self/task")? {
        all.insert(thread?.file_name().to_string_lossy().parse()?);
    }
    Ok(all)
}

fn clients(port: u16) -> ListenerConfig {
    ListenerConfig {
        protocol: Protocol::Amqp,
        address: (Ipv4Addr::LOCALHOST, port).into(),
        tls: None,
    }
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
