//! The management interface: one file for each service of the contract.
//!
//! A handler checks what the engine cannot know, calls the engine's management side, waits until
//! the change is durable and answers with the object as it is then. Callers have proved by their
//! certificate that they belong to the fleet; every one of them may do everything.

mod agent;
mod arguments;
mod bindings;
mod brokers;
mod exchanges;
mod limits;
mod metrics;
mod paging;
mod permissions;
mod policies;
mod queues;
mod refusal;
mod topic_permissions;
mod users;
mod vhosts;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use agent_api::Failure;
use agent_api::v1;
use agent_api::v1::Reason;
use broker_core::admin::Admin;
use broker_core::definitions::{Changed, ExchangeKind, Expect, Stored};
use broker_core::journal::Lsn;
use broker_core::refusal::Refusal;
use futures_util::Stream;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tonic::{Response, Status};

use self::refusal::Subject;
use crate::host::Engine;
use crate::hosting::Hosting;
use crate::incoming::Accepted;
use crate::logs::audit::AuditLayer;
use crate::metrics::Metrics;
use crate::passwords::Hashing;
use crate::registry::Record;

/// Calls one connection may have open at a time; Terraform's `-parallelism` is 10 by default.
const CALLS_AT_A_TIME: u32 = 1024;

/// A dead caller's connection is noticed within the sum of these.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// What the services share.
#[derive(Debug)]
pub(crate) struct Agent {
    /// The brokers.
    pub hosting: Arc<Hosting>,
    /// Their figures.
    pub metrics: Arc<Metrics>,
    /// What is said about the agent.
    pub info: v1::AgentInfo,
    /// Where passwords are hashed.
    pub hashing: Hashing,
    /// Ends streams that would last forever.
    pub stopping: CancellationToken,
}

/// Serves all services on connections that have shown their certificates, until the token fires;
/// then answers what was asked and returns.
pub(crate) async fn serve(
    agent: Arc<Agent>,
    connections: impl Stream<Item = io::Result<Accepted<TlsStream<TcpStream>>>> + Send + 'static,
) -> Result<(), tonic::transport::Error> {
    let stopping = agent.stopping.clone();
    tonic::transport::Server::builder()
        .max_concurrent_streams(CALLS_AT_A_TIME)
        .http2_keepalive_interval(Some(KEEP_ALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEP_ALIVE_TIMEOUT))
        .layer(AuditLayer)
        .add_service(v1::agent_server::AgentServer::from_arc(Arc::clone(&agent)))
        .add_service(v1::bindings_server::BindingsServer::from_arc(Arc::clone(
            &agent,
        )))
        .add_service(v1::brokers_server::BrokersServer::from_arc(Arc::clone(
            &agent,
        )))
        .add_service(v1::exchanges_server::ExchangesServer::from_arc(Arc::clone(
            &agent,
        )))
        .add_service(v1::limits_service_server::LimitsServiceServer::from_arc(
            Arc::clone(&agent),
        ))
        .add_service(v1::metrics_server::MetricsServer::from_arc(Arc::clone(
            &agent,
        )))
        .add_service(v1::permissions_server::PermissionsServer::from_arc(
            Arc::clone(&agent),
        ))
        .add_service(v1::policies_server::PoliciesServer::from_arc(Arc::clone(
            &agent,
        )))
        .add_service(v1::queues_server::QueuesServer::from_arc(Arc::clone(
            &agent,
        )))
        .add_service(
            v1::topic_permissions_server::TopicPermissionsServer::from_arc(Arc::clone(&agent)),
        )
        .add_service(v1::users_server::UsersServer::from_arc(Arc::clone(&agent)))
        .add_service(v1::vhosts_server::VhostsServer::from_arc(agent))
        .serve_with_incoming_shutdown(connections, stopping.cancelled_owned())
        .await
}

/// What a handler gives back.
type Answer<T> = Result<Response<T>, Status>;

impl Agent {
    /// The engine of a broker that is asked for by name.
    async fn engine(&self, broker: &str) -> Result<(Arc<Record>, Engine), Failure> {
        if broker.is_empty() {
            return Err(missing("broker"));
        }
        self.hosting.running(broker).await
    }
}

/// Objects of one virtual host, or of all when none is named.
fn vhosts_of<T>(
    admin: &Admin,
    vhost: &str,
    list: impl Fn(&Admin, &str) -> Result<Vec<T>, Refusal>,
) -> Result<Vec<T>, Failure> {
    if !vhost.is_empty() {
        let missing = |refusal| Subject::new("vhost", vhost).refused(&refusal).at("vhost");
        return list(admin, vhost).map_err(missing);
    }
    let vhosts = admin.vhosts();
    // One that went away in between has nothing to list.
    Ok(vhosts
        .iter()
        .flat_map(|vhost| list(admin, &vhost.value.name).unwrap_or_default())
        .collect())
}

/// Exchange types the engine knows.
pub(crate) fn exchange_types() -> Vec<&'static str> {
    ExchangeKind::ALL.map(ExchangeKind::name).to_vec()
}

/// Waits until a change is safe, then gives out the object.
async fn settled<T>(host: &Engine, changed: Changed<T>) -> Result<Stored<T>, Failure> {
    durable(host, changed.lsn).await?;
    Ok(changed.object)
}

async fn durable(host: &Engine, lsn: Lsn) -> Result<(), Failure> {
    let interrupted =
        |error: crate::host::Interrupted| Failure::new(Reason::Unavailable, error.to_string());
    host.durable(lsn).await.map_err(interrupted)
}

/// The part of a request that no request can do without.
fn required<T>(part: Option<T>, field: &'static str) -> Result<T, Failure> {
    part.ok_or_else(|| missing(field))
}

fn missing(field: &str) -> Failure {
    Failure::new(Reason::Invalid, format!("the request lacks {field}")).at(field)
}

/// Checks an idempotency token's length.
fn token(token: &str) -> Result<&str, Failure> {
    const TOKEN_MAX_BYTES: usize = 128;
    if token.len() > TOKEN_MAX_BYTES {
        let sentence = format!("an idempotency token has at most {TOKEN_MAX_BYTES} bytes");
        return Err(Failure::new(Reason::Invalid, sentence).at("idempotency_token"));
    }
    Ok(token)
}

fn expect(expect: Option<v1::Expect>) -> Expect {
    use v1::expect::State;
    match expect.and_then(|expect| expect.state) {
        None | Some(State::Absent(false)) => Expect::Any,
        Some(State::Absent(true)) => Expect::Absent,
        Some(State::Generation(generation)) => Expect::Generation(generation),
    }
}
