//! What one node of a group is told.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use broker_core::broker::BrokerConfig;
use broker_core::journal::Disk;
use broker_core::replication::coordinator::Coordinator;
use broker_core::replication::preface::GroupId;
use broker_core::replication::record::NodeId;
use broker_core::replication::timing::Timing;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::listener::ListenerConfig;
use crate::server::Options;

/// One node's part in a group.
#[derive(Clone)]
pub struct ReplicatedConfig {
    /// Names the group: the uid of its broker.
    pub group: GroupId,
    /// Which of the nodes this is.
    pub node: NodeId,
    /// All nodes with their addresses for each other, `host:port`. This one's too: the host is what
    /// its certificate has to be good for.
    pub nodes: BTreeMap<NodeId, Arc<str>>,
    /// Founds the group with what this node has, a broker's earlier data included, if the store has
    /// no record yet. One node of a group.
    pub founder: bool,
    /// With fewer members in sync than this nothing is acknowledged; written when it is founded.
    pub min_isr: u8,
    /// The group's durations; the same on all nodes.
    pub timing: Timing,
    /// The broker it is or will be. Segments must be as large on all nodes.
    pub broker: BrokerConfig,
    /// Where its data is.
    pub disk: Arc<dyn Disk>,
    /// Where the group's record is.
    pub coordinator: Arc<dyn Coordinator>,
    /// Where clients are served while it leads.
    pub listeners: Vec<ListenerConfig>,
    /// How clients are served.
    pub options: Options,
}

impl fmt::Debug for ReplicatedConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplicatedConfig")
            .field("group", &self.group)
            .field("node", &self.node)
            .field("nodes", &self.nodes)
            .finish_non_exhaustive()
    }
}

/// How nodes prove to each other who they are.
#[derive(Debug, Clone)]
pub struct ReplicationTls {
    /// For connections that come in.
    pub(super) acceptor: Arc<ServerConfig>,
    /// For connections that go out.
    pub(super) connector: Arc<ClientConfig>,
}

impl ReplicationTls {
    /// TLS 1.3 in both directions: this node shows `chain`, peers must show a certificate of one of
    /// the `roots`. The certificate has to be good for both uses, server and client, if it names any.
    ///
    /// # Errors
    /// Certificates or a key that cannot be used, or do not fit each other.
    pub fn new(
        roots: RootCertStore,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, rustls::Error> {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let certified = CertifiedKey::from_der(chain, key, &provider)?;
        let shown = Arc::new(SingleCertAndKey::from(certified));
        Self::resolved(roots, Arc::clone(&shown) as _, shown)
    }

    /// The same for certificates that may change: what this node shows to who calls, and to whom it
    /// calls.
    ///
    /// # Errors
    /// Roots that cannot be used.
    pub fn resolved(
        roots: RootCertStore,
        server: Arc<dyn ResolvesServerCert>,
        client: Arc<dyn ResolvesClientCert>,
    ) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let roots = Arc::new(roots);
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider));
        let verifier = verifier
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        let mut acceptor = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(server);
        // Every connection shows its certificate anew.
        acceptor.send_tls13_tickets = 0;
        let mut connector = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])?
            .with_root_certificates(roots)
            .with_client_cert_resolver(client);
        connector.resumption = rustls::client::Resumption::disabled();
        Ok(Self {
            acceptor: Arc::new(acceptor),
            connector: Arc::new(connector),
        })
    }
}
