//! `broker-agent status` and `broker-agent brokers`: how an agent is, asked over its management
//! interface with the administrator's certificate.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use agent_api::v1::{AgentInfo, Broker, BrokerState, ListBrokersRequest};
use agent_api::{Client, Identity};
use anyhow::Context as _;
use serde_json::{Value, json};

use crate::FAILED;
use crate::config::Config;

/// Where the agent is and who asks.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
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
    /// Print JSON.
    #[arg(long)]
    json: bool,
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
        list(&mut out, &brokers)?;
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
        list(&mut out, &brokers)?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn ask(options: &Options) -> anyhow::Result<(Client, Vec<Broker>)> {
    let identity = identity(&options.dir)?;
    let endpoint = match &options.endpoint {
        Some(endpoint) => endpoint.clone(),
        None => configured(&options.dir),
    };
    let client = Client::connect(&endpoint, &identity).await?;
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

fn list(out: &mut impl Write, brokers: &[Broker]) -> io::Result<()> {
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
    let endpoints: Vec<_> = status
        .endpoints
        .into_iter()
        .map(|endpoint| endpoint.url)
        .collect();
    json!({
        "name": broker.name,
        "state": word(state(broker)),
        "reason": status.reason,
        "endpoints": endpoints,
        "console_url": status.console_url,
        "generation": broker.generation,
        "journal_damaged": status.journal_damaged,
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
