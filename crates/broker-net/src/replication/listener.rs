//! Connections that other nodes make.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use broker_core::replication::codec;
use broker_core::replication::frame::Peer;
use broker_core::replication::preface::{Answer, GroupId, Preface, Refusal, VERSIONS};
use broker_core::replication::record::NodeId;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::address::NodeAddress;
use super::config::ReplicationTls;
use super::inbox::{Inbox, Item};
use super::limited_log::LimitedLog;
use super::link::{self, Ending, Link, write_frame};
use super::refusals::{Refusals, is_tls};
use crate::error::StartError;

/// From accept to an answered preface.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// How long a refused peer has to take its answer.
const LINGER: Duration = Duration::from_secs(1);

/// Handshakes at a time, of all groups.
const HANDSHAKES: usize = 64;

/// Conversations of one group at a time. Others than the newest of each node are on their way out.
const CONVERSATIONS: usize = 16;

/// Pause after the system refused to accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Takes connections of other nodes until it is dropped. One serves all groups of an agent.
#[derive(Debug)]
pub struct ReplicationListener {
    address: SocketAddr,
    taken: Arc<Taken>,
    _running: DropGuard,
}

/// What its connections share.
#[derive(Debug)]
pub(super) struct Taken {
    tls: ReplicationTls,
    groups: Mutex<HashMap<(GroupId, NodeId), Arc<Group>>>,
    handshakes: Arc<Semaphore>,
    log: LimitedLog<(&'static str, IpAddr)>,
    /// Who was refused before it was known which node it is.
    strangers: Arc<Refusals<IpAddr>>,
    stop: CancellationToken,
}

/// A group that has a node here.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) nodes: BTreeMap<NodeId, NodeAddress>,
    pub(super) inbox: Inbox,
    pub(super) most_records: usize,
    /// Its nodes that were refused of late.
    pub(super) refusals: Arc<Refusals<NodeId>>,
    pub(super) conversations: Mutex<HashSet<Peer>>,
}

/// Takes a group's connections for as long as it is there.
#[derive(Debug)]
pub(super) struct Registration {
    taken: Arc<Taken>,
    key: (GroupId, NodeId),
}

impl Drop for Registration {
    fn drop(&mut self) {
        lock(&self.taken.groups).remove(&self.key);
    }
}

impl Registration {
    /// What to call others with.
    pub(super) fn connector(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.taken.tls.connector)
    }
}

impl ReplicationListener {
    /// Takes the address and begins to accept. To be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub fn bind(address: SocketAddr, tls: ReplicationTls) -> Result<Self, StartError> {
        let bind = || {
            let socket = match address {
                SocketAddr::V4(_) => TcpSocket::new_v4()?,
                SocketAddr::V6(_) => TcpSocket::new_v6()?,
            };
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            let socket = socket.listen(HANDSHAKES as u32)?;
            let address = socket.local_addr()?;
            Ok((socket, address))
        };
        let (socket, address) = bind().map_err(|source| StartError::listen(address, source))?;
        let stop = CancellationToken::new();
        let taken = Arc::new(Taken {
            tls,
            groups: Mutex::default(),
            handshakes: Arc::new(Semaphore::new(HANDSHAKES)),
            log: LimitedLog::default(),
            strangers: Arc::default(),
            stop: stop.clone(),
        });
        tokio::spawn(accept(socket, Arc::clone(&taken)));
        tracing::info!(%address, "listening for other nodes");
        Ok(Self {
            address,
            taken,
            _running: stop.drop_guard(),
        })
    }

    /// Where it listens, with the port the system chose.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Who was refused before it was known which node it is, of all groups.
    pub(super) fn strangers(&self) -> Arc<Refusals<IpAddr>> {
        Arc::clone(&self.taken.strangers)
    }

    /// Connections for this node of this group go to the group's inbox. `None` if one is here already.
    pub(super) fn register(
        &self,
        group: GroupId,
        node: NodeId,
        state: Group,
    ) -> Option<Registration> {
        let key = (group, node);
        let mut groups = lock(&self.taken.groups);
        if groups.contains_key(&key) {
            return None;
        }
        groups.insert(key, Arc::new(state));
        drop(groups);
        let taken = Arc::clone(&self.taken);
        Some(Registration { taken, key })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(socket: TcpListener, taken: Arc<Taken>) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = taken.stop.cancelled() => return,
            accepted = socket.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "cannot accept connections of other nodes");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(slot) = Arc::clone(&taken.handshakes).try_acquire_owned() else {
            taken.log_refusal("too many at a time", peer, &"");
            continue;
        };
        let taken = Arc::clone(&taken);
        tokio::spawn(async move {
            let greeted = timeout(HANDSHAKE, taken.greet(stream, peer)).await;
            drop(slot);
            match greeted {
                Ok(Some(welcome)) => taken.serve(welcome).await,
                Ok(None) => {}
                Err(_) => taken.log_refusal("it took too long", peer, &""),
            }
        });
    }
}

/// A conversation that may begin.
struct Welcome {
    stream: TlsStream<TcpStream>,
    place: Place,
}

/// The place of a conversation, given back when it is dropped.
struct Place {
    group: Arc<Group>,
    peer: Peer,
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.group.conversations).remove(&self.peer);
    }
}

impl Taken {
    fn log_refusal(&self, why: &'static str, peer: SocketAddr, error: &dyn fmt::Display) {
        if self.log.is_due((why, peer.ip()), Instant::now()) {
            tracing::warn!(%peer, %error, "connection to the replication port refused: {why}");
        }
    }

    /// From the first byte to the answer. `None` if it was refused.
    async fn greet(&self, stream: TcpStream, peer: SocketAddr) -> Option<Welcome> {
        let config: Arc<ServerConfig> = Arc::clone(&self.tls.acceptor);
        let nodelay = stream.set_nodelay(true);
        let accepted = match nodelay {
            Ok(()) => TlsAcceptor::from(config).accept(stream).await,
            Err(error) => Err(error),
        };
        let mut stream = match accepted {
            Ok(stream) => stream,
            Err(error) => {
                self.log_refusal("TLS", peer, &error);
                if is_tls(&error) {
                    let why = format!("TLS: {error}");
                    self.strangers.note(peer.ip(), why, Instant::now());
                }
                return None;
            }
        };
        let mut bytes = [0; Preface::LEN];
        if let Err(error) = stream.read_exact(&mut bytes).await {
            self.log_refusal("no preface", peer, &error);
            return None;
        }
        let judged = match Preface::decode(&bytes) {
            Ok(preface) => self.judge(preface, stream.get_ref().1.peer_certificates()),
            Err(bad) => Err((Refusal::Garbage, bad.to_string())),
        };
        let (answer, place) = match judged {
            Ok((answer, place)) => (answer, Some(place)),
            Err((why, text)) => {
                self.log_refusal(name(why), peer, &text);
                // A node of a group that is here was noted with the group.
                if matches!(why, Refusal::Group | Refusal::Node | Refusal::Garbage) {
                    self.strangers.note(peer.ip(), text.clone(), Instant::now());
                }
                (Answer::Refused { why, text }, None)
            }
        };
        let said = say(&mut stream, answer).await;
        let Some(place) = place else {
            let _ = timeout(LINGER, stream.shutdown()).await;
            return None;
        };
        said.is_ok().then_some(Welcome { stream, place })
    }

    /// Whether a conversation may begin. If so, its place in the group is taken.
    fn judge(
        &self,
        preface: Preface,
        certificates: Option<&[CertificateDer<'_>]>,
    ) -> Result<(Answer, Place), (Refusal, String)> {
        let Preface {
            versions,
            group: uid,
            from,
            to,
            session,
        } = preface;
        let (known, group) = {
            let groups = lock(&self.groups);
            let known = groups.keys().any(|(group, _)| *group == uid);
            (known, groups.get(&(uid, to)).cloned())
        };
        let note = |text: &str| {
            if let Some(group) = &group {
                group.refusals.note(from, text.to_owned(), Instant::now());
            }
        };
        let settled = VERSIONS.settle(&versions).map_err(|why| {
            let text = format!("{why}: here {VERSIONS:?}, there {versions:?}");
            note(&text);
            (why, text)
        })?;
        let Some(group) = group else {
            let text = format!("group {uid} is not here, or not as node {to}");
            let why = if known { Refusal::Node } else { Refusal::Group };
            return Err((why, text));
        };
        let address = (group.nodes.get(&from)).filter(|_| from != to);
        let Some(address) = address else {
            let text = format!("group {uid} has no node {from} beside node {to}");
            return Err((Refusal::Node, text));
        };
        let certificate = certificates.and_then(<[_]>::first);
        if !certificate.is_some_and(|certificate| address.is_named_by(certificate)) {
            let host = address.host.to_str();
            let text =
                format!("node {from} of group {uid} is {host}; the certificate is not for that");
            group.refusals.note(from, text.clone(), Instant::now());
            return Err((Refusal::Certificate, text));
        }
        let peer = Peer {
            node: from,
            session,
        };
        let mut conversations = lock(&group.conversations);
        if conversations.len() >= CONVERSATIONS || !conversations.insert(peer) {
            return Err((Refusal::Busy, "too many conversations".to_owned()));
        }
        drop(conversations);
        group.refusals.clear(from);
        Ok((Answer::Accepted(settled), Place { group, peer }))
    }

    /// Carries a conversation to its end.
    async fn serve(&self, welcome: Welcome) {
        let Welcome { stream, place } = welcome;
        let Place { group, peer } = &place;
        let peer = *peer;
        let (link, outgoing) = Link::new();
        group.inbox.push(Item::Joined(peer, link));
        let ending = Ending {
            peer,
            inbox: group.inbox.clone(),
        };
        let node = peer.node;
        tracing::debug!(%node, "connected");
        let run = Box::pin(link::run(stream, outgoing, &ending, group.most_records));
        let ended = tokio::select! {
            () = self.stop.cancelled() => Ok(()),
            ended = run => ended,
        };
        if let Err(error) = ended {
            tracing::info!(%node, %error, "connection with another node lost");
        }
    }
}

async fn say(stream: &mut TlsStream<TcpStream>, answer: Answer) -> io::Result<()> {
    write_frame(stream, &codec::encode_answer(answer)).await?;
    stream.flush().await
}

/// As in the log.
fn name(why: Refusal) -> &'static str {
    match why {
        Refusal::Group => "group",
        Refusal::Node => "node",
        Refusal::Certificate => "certificate",
        Refusal::Protocol => "protocol version",
        Refusal::Format => "record format",
        Refusal::Garbage => "no replication connection",
        Refusal::Busy => "too many conversations",
    }
}
