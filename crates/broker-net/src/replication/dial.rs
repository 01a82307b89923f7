//! Calling another node.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use broker_core::replication::codec;
use broker_core::replication::frame::Peer;
use broker_core::replication::preface::{Answer, Preface, Settled};
use broker_core::replication::record::NodeId;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::address::NodeAddress;
use super::inbox::Inbox;
use super::limited_log::LimitedLog;
use super::link::{self, Ending, Outgoing};
use super::refusals::{Refusals, is_tls};

/// From the first packet to the answer. Well below the time after which a follower that hears of no
/// leader would want to be elected.
const DEADLINE: Duration = Duration::from_secs(3);

const UNKNOWN_TERMS: &str = "it settled on what this node does not know";

/// Calls one node of the group.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) address: NodeAddress,
    pub(super) connector: Arc<ClientConfig>,
    pub(super) preface: Preface,
    pub(super) most_records: usize,
    pub(super) refusals: Arc<Refusals<NodeId>>,
}

/// Why nobody could be called, for the log: a short constant, and the particulars.
type Failure = (&'static str, String);

/// Carries a conversation from the call to its end.
pub(super) async fn run(
    call: Call,
    outgoing: Outgoing,
    inbox: Inbox,
    log: Arc<LimitedLog<&'static str>>,
) {
    let session = call.preface.session;
    let node = call.preface.to;
    let ending = Ending {
        peer: Peer { node, session },
        inbox,
    };
    let opened = tokio::select! {
        biased;
        () = outgoing.dropped() => return,
        opened = timeout(DEADLINE, open(&call)) => opened,
    };
    let opened = opened.unwrap_or_else(|_| Err(("no answer in time", String::new())));
    match opened {
        Ok(stream) => {
            tracing::debug!(%node, "connected");
            call.refusals.clear(node);
            let ended = link::run(stream, outgoing, &ending, call.most_records).await;
            if let Err(error) = ended {
                tracing::info!(%node, %error, "connection with another node lost");
            }
        }
        Err((what, error)) => {
            if is_refusal(what) {
                let why = format!("{what}: {error}");
                call.refusals.note(node, why, Instant::now());
            }
            if log.is_due(what, Instant::now()) {
                let NodeAddress { host, port } = &call.address;
                let host = host.to_str();
                tracing::warn!(%node, %host, port, error, "cannot reach another node: {what}");
            }
        }
    }
}

/// Whether somebody is there and does not want to talk.
fn is_refusal(what: &str) -> bool {
    matches!(what, "TLS" | "refused" | UNKNOWN_TERMS)
}

/// A connection that broke is none.
fn tls_or(what: &'static str) -> impl Fn(io::Error) -> Failure {
    move |error| {
        let what = if is_tls(&error) { "TLS" } else { what };
        (what, error.to_string())
    }
}

async fn open(call: &Call) -> Result<TlsStream<TcpStream>, Failure> {
    let failed = |what| move |error: io::Error| (what, error.to_string());
    let stream = connect(&call.address)
        .await
        .map_err(failed("no connection"))?;
    stream.set_nodelay(true).map_err(failed("no connection"))?;
    let connector = TlsConnector::from(Arc::clone(&call.connector));
    let mut stream = connector
        .connect(call.address.host.clone(), stream)
        .await
        .map_err(tls_or("no connection"))?;
    let lost = failed("connection lost");
    stream
        .write_all(&call.preface.encode())
        .await
        .map_err(lost)?;
    stream.flush().await.map_err(lost)?;
    match answer(&mut stream).await {
        Ok(Answer::Accepted(settled)) if is_ours(&call.preface, settled) => Ok(stream),
        Ok(Answer::Accepted(_)) => Err((UNKNOWN_TERMS, String::new())),
        Ok(Answer::Refused { text, .. }) => Err(("refused", text)),
        // By TLS 1.3 it is told here that the certificate is not accepted.
        Err(error) => Err(tls_or("no answer")(error)),
    }
}

async fn connect(address: &NodeAddress) -> io::Result<TcpStream> {
    match &address.host {
        ServerName::IpAddress(ip) => {
            TcpStream::connect((std::net::IpAddr::from(*ip), address.port)).await
        }
        name => TcpStream::connect((name.to_str().as_ref(), address.port)).await,
    }
}

async fn answer(stream: &mut TlsStream<TcpStream>) -> io::Result<Answer> {
    // With a client certificate that is not accepted, the alert comes here.
    let Some((head, rest)) = link::read_frame(stream, 0).await? else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    let answer = codec::decode_answer(&head, rest);
    answer.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

fn is_ours(preface: &Preface, settled: Settled) -> bool {
    let versions = &preface.versions;
    versions.protocol.contains(&settled.protocol) && versions.format.contains(&settled.format)
}
