//! A pair of nodes in one process, and what cuts them apart.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use broker_core::broker::BrokerConfig;
use broker_core::journal::{Disk, Options as JournalOptions, SimDisk};
use broker_core::replication::fake_coordinator::FakeCoordinator;
use broker_core::replication::preface::GroupId;
use broker_core::replication::record::NodeId;
use broker_core::replication::replica::ReplicaStatus;
use broker_core::replication::timing::Timing;
use broker_net::replication::{Replicated, ReplicatedConfig, ReplicationListener, ReplicationTls};
use broker_net::{Options, Server};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::interval;

use crate::kit::{Client, LOOPBACK, PATIENCE, add_guest, address, in_time};

pub(super) const GROUP: &str = "00112233445566778899aabbccddeeff";

/// Short enough for a test, long enough for a busy machine.
pub(super) const TIMING: Timing = Timing {
    heartbeat: Duration::from_millis(200),
    lease: Duration::from_millis(1500),
    stop: Duration::from_millis(400),
    grace: Duration::from_millis(2200),
    silence: Duration::from_millis(1000),
    poll: Duration::from_millis(400),
};

/// Makes certificates.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(super) roots: RootCertStore,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone()).unwrap();
        Self {
            issuer: Issuer::new(params, key),
            roots,
        }
    }

    pub(super) fn certify(&self, host: &str) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let made = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        (made.der().clone(), key)
    }

    /// For a node at that host.
    pub(super) fn tls(&self, host: &str) -> ReplicationTls {
        let (certificate, key) = self.certify(host);
        ReplicationTls::new(self.roots.clone(), vec![certificate], key).unwrap()
    }
}

/// The address of a node: each has its own of the loopback ones, so that certificates differ.
pub(super) fn host(node: u16) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, node as u8)
}

/// Passes connections on, until it is cut.
pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    cut: watch::Sender<bool>,
    /// Connections it has taken.
    pub(super) taken: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Listens at the same host as the one it passes on to, for the sake of certificates.
    async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind((target.ip(), 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (cut, is_cut) = watch::channel(false);
        let taken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&taken);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let mut is_cut = is_cut.clone();
                tokio::spawn(async move {
                    let pass = async {
                        let mut onward = TcpStream::connect(target).await?;
                        copy_bidirectional(&mut stream, &mut onward).await
                    };
                    tokio::select! {
                        biased;
                        _ = is_cut.wait_for(|cut| *cut) => {}
                        _ = pass => {}
                    }
                });
            }
        });
        Self {
            address,
            cut,
            taken,
            task,
        }
    }

    pub(super) fn set_cut(&self, cut: bool) {
        self.cut.send_replace(cut);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Two nodes to be; each reaches the other through a proxy.
pub(super) struct Group {
    pub(super) authority: Authority,
    pub(super) store: FakeCoordinator,
    pub(super) listeners: BTreeMap<u16, ReplicationListener>,
    pub(super) proxies: BTreeMap<u16, Proxy>,
    pub(super) disks: BTreeMap<u16, Arc<SimDisk>>,
}

impl Group {
    pub(super) async fn new() -> Self {
        let authority = Authority::new();
        let (mut listeners, mut proxies, mut disks) = Default::default();
        for node in [1, 2] {
            let host = host(node);
            let tls = authority.tls(&host.to_string());
            let listener = ReplicationListener::bind((IpAddr::V4(host), 0).into(), tls).unwrap();
            let proxy = Proxy::to(listener.address()).await;
            BTreeMap::insert(&mut listeners, node, listener);
            BTreeMap::insert(&mut proxies, node, proxy);
            BTreeMap::insert(&mut disks, node, Arc::new(SimDisk::new(u64::from(node))));
        }
        Self {
            authority,
            store: FakeCoordinator::default(),
            listeners,
            proxies,
            disks,
        }
    }

    pub(super) fn config(&self, node: u16) -> ReplicatedConfig {
        let journal = JournalOptions {
            segment_bytes: 4 << 20,
            batch_bytes: 1 << 20,
            ..Default::default()
        };
        let addresses = self.proxies.iter();
        let nodes = addresses
            .map(|(node, proxy)| (NodeId(*node), proxy.address.to_string().into()))
            .collect();
        ReplicatedConfig {
            group: GroupId::parse(GROUP).unwrap(),
            node: NodeId(node),
            nodes,
            founder: node == 1,
            min_isr: 1,
            timing: TIMING,
            broker: BrokerConfig {
                journal,
                ..Default::default()
            },
            disk: Arc::clone(&self.disks[&node]) as Arc<dyn Disk>,
            coordinator: Arc::new(self.store.clone()),
            listeners: vec![LOOPBACK],
            options: Options::default(),
        }
    }

    pub(super) async fn start(&self, node: u16) -> Replicated {
        let config = self.config(node);
        let started = Replicated::start(config, &self.listeners[&node]);
        in_time(started).await.unwrap()
    }

    /// Both nodes, the first of which leads with the other in sync; and a user on them.
    pub(super) async fn start_both(&self) -> (Replicated, Replicated) {
        let one = self.start(1).await;
        serving(&one).await;
        let two = self.start(2).await;
        in_sync(&one, 2).await;
        add_guest(server(&one).broker());
        (one, two)
    }
}

/// Waits for something to be seen of a node.
pub(super) async fn sees(node: &Replicated, what: impl FnMut(&ReplicaStatus) -> bool) {
    let mut status = node.status();
    let seen = tokio::time::timeout(PATIENCE, status.wait_for(what)).await;
    let seen = seen.is_ok_and(|seen| seen.is_ok());
    assert!(seen, "not seen: {:?}", node.status().borrow());
}

/// Waits for what nothing tells of.
pub(super) async fn until(mut what: impl FnMut() -> bool) {
    let mut next_look = interval(Duration::from_millis(5));
    in_time(async {
        while !what() {
            next_look.tick().await;
        }
    })
    .await;
}

pub(super) async fn serving(node: &Replicated) {
    sees(node, |status| status.serving).await;
    until(|| {
        let server = node.server();
        server.is_some_and(|server| !server.endpoints().is_empty())
    })
    .await;
}

/// Waits until so many are in sync, by the word of this node.
pub(super) async fn in_sync(node: &Replicated, count: usize) {
    sees(node, |status| status.in_sync.len() == count).await;
}

pub(super) fn server(node: &Replicated) -> Arc<Server> {
    node.server().expect("a server where the node leads")
}

/// A client of the node that leads.
pub(super) async fn client(node: &Replicated) -> Client<TcpStream> {
    let at = address(&server(node));
    Client::connect(at).await
}
