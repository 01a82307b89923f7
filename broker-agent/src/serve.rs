//! `broker-agent serve`: the agent as a service.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use agent_api::v1::AgentInfo;
use anyhow::Context as _;
use broker_net::replication::ReplicationListener;
use rustls::ServerConfig;
use serde_json::Map;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::{Config, LogFormat};
use crate::grpc::{self, Agent};
use crate::hosting::{Hosting, Links};
use crate::http::Pages;
use crate::incoming::accept;
use crate::listeners::{bracketed, protocols};
use crate::logs::Logs;
use crate::metrics::Metrics;
use crate::passwords::Hashing;
use crate::registry::Registry;
use crate::{announce, logging, shutdown, tls};

/// Callers connected at a time.
const CONNECTIONS: usize = 256;

/// Where log files are, below the data directory.
const LOGS: &str = "logs";

/// Longest wait for the last log lines to be written.
const LAST_LINES: Duration = Duration::from_secs(2);

/// Of the time a stop may take, the part that calls already begun get to finish.
const CALLS_SHARE: u32 = 3;

/// Runs until a signal comes.
pub(crate) async fn run(config: Config, log_format: Option<LogFormat>) -> anyhow::Result<ExitCode> {
    let logs = start_logging(&config, log_format)?;
    let served = serve(&config, &logs).await;
    logs.flush(LAST_LINES);
    served.map(|()| ExitCode::SUCCESS)
}

/// Starts logging to standard error and to files.
fn start_logging(config: &Config, format: Option<LogFormat>) -> anyhow::Result<Logs> {
    let logs = Logs::start(config.data_dir.join(LOGS), config.log.rotation());
    let logs = logs.context("start the thread that writes logs")?;
    logging::start(
        format.unwrap_or(config.log.format),
        config.log.filter.as_deref(),
        Some(logs.clone()),
    )?;
    Ok(logs)
}

async fn serve(config: &Config, logs: &Logs) -> anyhow::Result<()> {
    let stopping = shutdown::on_signal()?;
    let acceptors = tls::load(&config.tls)?;
    let identity = Arc::clone(&acceptors.identity);
    tokio::spawn(identity.keep(config.authority.clone(), stopping.clone()));
    // Ports before brokers: an agent that cannot be managed had better not start at all.
    let grpc = bind(config.grpc.listen, "grpc.listen").await?;
    let http = match config.http.listen {
        None => None,
        Some(address) => Some(bind(address, "http.listen").await?),
    };
    let mut endpoints = Map::new();
    endpoints.insert("grpc".to_owned(), grpc.local_addr()?.to_string().into());
    let mut console_url = String::new();
    if let Some(http) = &http {
        let address = http.local_addr()?;
        endpoints.insert("http".to_owned(), address.to_string().into());
        let host = bracketed(&config.advertised_host);
        console_url = format!("https://{host}:{}/", address.port());
    }

    let (links, replication_address) = links(config, &acceptors, grpc.local_addr()?)?;
    if let Some(links) = &links {
        let address = links.listener.address().to_string();
        endpoints.insert("replication".to_owned(), address.into());
    }
    let (hosting, metrics) = host(config, logs, &acceptors, links, &stopping)?;
    if let Some(http) = http {
        let pages = Pages {
            hosting: Arc::clone(&hosting),
            metrics: Arc::clone(&metrics),
            advertised_host: config.advertised_host.clone(),
            stopping: stopping.clone(),
        };
        pages.serve_tls(http, Arc::clone(&acceptors.http));
    }
    let agent = Agent {
        hosting: Arc::clone(&hosting),
        metrics,
        info: agent_info(&config.advertised_host, console_url, replication_address),
        hashing: Hashing::default(),
        stopping: stopping.clone(),
    };
    let mut serving = manage(agent, grpc, acceptors.grpc);

    if stopping
        .run_until_cancelled(hosting.settled())
        .await
        .is_some()
    {
        announce(&config.data_dir, &endpoints).context("write to standard output")?;
        info!(grpc = %endpoints["grpc"], "agent ready");
    }
    tokio::select! {
        // A stop ends the serving too, and a task that has ended must not be awaited again.
        biased;
        () = stopping.cancelled() => stop(&hosting, serving, config.shutdown_deadline()).await,
        ended = &mut serving => {
            ended?.context("serve gRPC")?;
            hosting.shutdown(config.shutdown_deadline()).await;
        }
    }
    Ok(())
}

/// Begins to start all brokers, and to measure them.
fn host(
    config: &Config,
    logs: &Logs,
    acceptors: &tls::Acceptors,
    links: Option<Links>,
    stopping: &CancellationToken,
) -> anyhow::Result<(Arc<Hosting>, Arc<Metrics>)> {
    let (registry, records) = Registry::open(&config.data_dir)?;
    let bounds = config.bounds();
    let keep_free_bytes = bounds.disk_keep_free_bytes;
    let hosting = Hosting::open(
        registry,
        records,
        Some(acceptors.clone()),
        bounds,
        links,
        Some(logs.clone()),
    );
    let (data_dir, settings) = (&config.data_dir, &config.metrics);
    let metrics = Metrics::new(Arc::clone(&hosting), data_dir, keep_free_bytes, settings);
    metrics.start(settings, stopping)?;
    Ok((hosting, metrics))
}

/// Begins to serve the management interface.
fn manage(
    agent: Agent,
    listener: TcpListener,
    tls: Arc<ServerConfig>,
) -> tokio::task::JoinHandle<Result<(), tonic::transport::Error>> {
    let acceptor = TlsAcceptor::from(tls);
    let shake = move |socket| acceptor.accept(socket);
    let stopping = agent.stopping.clone();
    let callers = ReceiverStream::new(accept(listener, CONNECTIONS, stopping, shake));
    tokio::spawn(grpc::serve(Arc::new(agent), callers.map(Ok)))
}

/// Lets calls finish, then brokers, all within the deadline.
async fn stop(
    hosting: &Arc<Hosting>,
    serving: tokio::task::JoinHandle<Result<(), tonic::transport::Error>>,
    deadline: Duration,
) {
    let end = Instant::now() + deadline;
    if tokio::time::timeout(deadline / CALLS_SHARE, serving)
        .await
        .is_err()
    {
        warn!("calls were still open; their callers have to ask again");
    }
    let left = end.saturating_duration_since(Instant::now());
    if tokio::time::timeout_at(end, hosting.shutdown(left))
        .await
        .is_err()
    {
        warn!("brokers did not stop in time; what they confirmed is safe");
    }
    info!("agent stopped");
}

/// Opens a port of the agent's own, or says which key to change.
async fn bind(address: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("{key}: cannot listen on {address}; stop the program that does, or change {key}")
    })
}

/// Opens the replication listener, if there is to be one; tells where others reach it.
fn links(
    config: &Config,
    acceptors: &tls::Acceptors,
    grpc: SocketAddr,
) -> anyhow::Result<(Option<Links>, String)> {
    let Some(address) = config.replication.listen else {
        return Ok((None, String::new()));
    };
    let listener = ReplicationListener::bind(address, acceptors.links.clone())
        .with_context(|| format!("replication.listen = {address}"))?;
    let host = &config.advertised_host;
    let reached = format!("{}:{}", bracketed(host), listener.address().port());
    let links = Links {
        listener,
        grpc,
        advertised_host: host.clone(),
    };
    Ok((Some(links), reached))
}

fn agent_info(
    advertised_host: &str,
    console_url: String,
    replication_address: String,
) -> AgentInfo {
    AgentInfo {
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        // One workspace, one version.
        engine_version: env!("CARGO_PKG_VERSION").to_owned(),
        api_versions: vec!["v1".to_owned()],
        protocols: protocols(),
        exchange_types: grpc::exchange_types()
            .into_iter()
            .map(str::to_owned)
            .collect(),
        features: vec!["check_only".to_owned(), "replication".to_owned()],
        advertised_host: advertised_host.to_owned(),
        console_url,
        pid: std::process::id(),
        replication_address,
    }
}
