//! `broker-agent status` and `broker-agent brokers`: how an agent is, asked over its management
//! interface with the administrator's certificate.

mod table;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use agent_api::v1::{
    AgentInfo, Broker, BrokerState, ListBrokersRequest, ReplicationAlarm, ReplicationNodeStatus,
    ReplicationStatus,
};
use agent_api::{Client, Identity};
use anyhow::Context as _;
use serde_json::{Value, json};

use crate::FAILED;
use crate::config::Config;
use crate::replication::memory::now_ms;
use crate::replication::words;

/// What to show of which agent.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    agent: Whom,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Where the agent is and who asks.
#[derive(Debug, clap::Args)]
pub(crate) struct Whom {
    /// Directory that `broker-agent init` made, or a copy of its admin directory.
    #[arg(
        long,
        value_name = "DIR",
        env = "FERRYMQ_DIR",
        default_value = "/etc/ferrymq"
    )]
    dir: PathBuf,
    /// The agent [default: the one configured in DIR, else localhost:7443].
    #[arg(long, value_name = "HOST:PORT", env = "FERRYMQ_ENDPOINT")]
    endpoint: Option<String>,
}

impl Whom {
    /// The administrator's connection to the agent.
    pub(crate) async fn connect(&self) -> anyhow::Result<Client> {
        let endpoint = match &self.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => configured(&self.dir),
        };
        self.connect_to(&endpoint).await
    }

    /// The same administrator's connection to another agent.
    pub(crate) async fn connect_to(&self, endpoint: &str) -> anyhow::Result<Client> {
        Ok(Client::connect(endpoint, &identity(&self.dir)?).await?)
    }
}

/// Tells how the agent and its brokers are; fails when one of them has.
pub(crate) async fn status(options: Options) -> anyhow::Result<ExitCode> {
    let (client, brokers) = ask(&options).await?;
    let mut out = io::stdout().lock();
    if options.json {
        let brokers: Vec<_> = brokers.iter().map(broker_json).collect();
        let mut agent = agent_json(&client);
        agent["brokers"] = brokers.into();
        writeln!(out, "{agent:#}")?;
    } else {
        let AgentInfo {
            agent_version, pid, ..
        } = client.info();
        writeln!(
            out,
            "agent {} runs, version {agent_version}, pid {pid}",
            client.endpoint()
        )?;
        list(&mut out, &brokers, now_ms())?;
    }
    let failed = brokers
        .iter()
        .any(|broker| state(broker) == BrokerState::Failed);
    Ok(if failed {
        ExitCode::from(FAILED)
    } else {
        ExitCode::SUCCESS
    })
}

/// Lists the brokers.
pub(crate) async fn brokers(options: Options) -> anyhow::Result<ExitCode> {
    let (_, brokers) = ask(&options).await?;
    let mut out = io::stdout().lock();
    if options.json {
        let brokers: Vec<_> = brokers.iter().map(broker_json).collect();
        writeln!(out, "{:#}", Value::from(brokers))?;
    } else {
        list(&mut out, &brokers, now_ms())?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn ask(options: &Options) -> anyhow::Result<(Client, Vec<Broker>)> {
    let client = options.agent.connect().await?;
    let mut brokers = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListBrokersRequest {
            page_token,
            ..Default::default()
        };
        let page = client.call(client.brokers().list_brokers(request)).await?;
        brokers.extend(page.brokers);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok((client, brokers));
        }
    }
}

fn identity(dir: &Path) -> anyhow::Result<Identity> {
    let admin = dir.join("admin");
    let bundle = if admin.is_dir() { &admin } else { dir };
    let read = |name: &str| {
        let path = bundle.join(name);
        std::fs::read_to_string(&path).with_context(|| {
            format!(
                "read {}; --dir names the directory that `broker-agent init` made",
                path.display()
            )
        })
    };
    Ok(Identity {
        ca_certificate: read("ca.pem")?,
        certificate: read("client.pem")?,
        key: read("client-key.pem")?,
    })
}

/// The agent of this directory, as seen from this machine.
fn configured(dir: &Path) -> String {
    let port = Config::load(&dir.join("agent.toml")).map(|config| config.grpc.listen.port());
    format!("localhost:{}", port.unwrap_or(agent_api::DEFAULT_PORT))
}

fn list(out: &mut impl Write, brokers: &[Broker], now_ms: u64) -> io::Result<()> {
    if brokers.is_empty() {
        return writeln!(out, "no brokers");
    }
    for broker in brokers {
        let status = broker.status.clone().unwrap_or_default();
        write!(out, "{}  {}", broker.name, word(state(broker)))?;
        for endpoint in &status.endpoints {
            write!(out, "  {}", endpoint.url)?;
        }
        if !status.reason.is_empty() {
            write!(out, "  {}", status.reason)?;
        }
        if status.journal_damaged > 0 {
            let places = status.journal_damaged;
            write!(out, "  journal damaged at {places} places, see the log")?;
        }
        writeln!(out)?;
        if let Some(replication) = &status.replication {
            table::write(out, replication, now_ms)?;
        }
    }
    Ok(())
}

fn agent_json(client: &Client) -> Value {
    let info = client.info();
    json!({
        "endpoint": client.endpoint().to_string(),
        "version": info.agent_version,
        "pid": info.pid,
        "console_url": info.console_url,
    })
}

fn broker_json(broker: &Broker) -> Value {
    let status = broker.status.clone().unwrap_or_default();
    let endpoints = status.endpoints.iter();
    let endpoints: Vec<_> = endpoints.map(|endpoint| endpoint.url.clone()).collect();
    let mut shown = json!({
        "name": broker.name,
        "state": word(state(broker)),
        "reason": status.reason,
        "endpoints": endpoints,
        "console_url": status.console_url,
        "generation": broker.generation,
        "journal_damaged": status.journal_damaged,
        "health_url": status.health_url,
    });
    if let Some(replication) = &status.replication {
        shown["replication"] = replication_json(replication);
    }
    shown
}

fn replication_json(replication: &ReplicationStatus) -> Value {
    let node = |node: &ReplicationNodeStatus| {
        json!({
            "id": node.id,
            "name": node.name,
            "agent": node.agent,
            "in_sync": node.in_sync,
            "connected": node.connected,
            "durable_position": node.durable_position,
            "lag_bytes": node.lag_bytes,
            "lag_seconds": node.lag_seconds,
            "endpoints": node.endpoints,
        })
    };
    let alarm = |alarm: &ReplicationAlarm| json!({ "kind": alarm.kind, "text": alarm.text, "since_ms": alarm.since_ms });
    json!({
        "state": words::code(replication.state()),
        "reason": replication.reason,
        "since_ms": replication.since_ms,
        "epoch": replication.epoch,
        "leader": replication.leader,
        "nodes": replication.nodes.iter().map(node).collect::<Vec<_>>(),
        "end_position": replication.end_position,
        "durable_position": replication.durable_position,
        "committed_position": replication.committed_position,
        "replication_lag_seconds": replication.replication_lag_seconds,
        "min_in_sync": replication.min_in_sync,
        "alarms": replication.alarms.iter().map(alarm).collect::<Vec<_>>(),
    })
}

fn state(broker: &Broker) -> BrokerState {
    broker
        .status
        .as_ref()
        .map(|status| status.state())
        .unwrap_or_default()
}

const fn word(state: BrokerState) -> &'static str {
    match state {
        BrokerState::Failed => "failed",
        BrokerState::Running => "running",
        BrokerState::Starting => "starting",
        BrokerState::Stopping => "stopping",
        BrokerState::Unspecified => "unknown",
    }
}
