//! `broker-agent switchover` and `broker-agent force-promote`: an operator moves a pair.

use std::io::{self, Write};
use std::process::ExitCode;

use agent_api::v1::force_promote_broker_request::Proof;
use agent_api::v1::{
    ForcePromoteBrokerRequest, GetBrokerRequest, SwitchoverBrokerRequest, SwitchoverBrokerResponse,
};
use agent_api::{Client, Error};

use crate::replication::words;
use crate::status::Whom;

/// `broker-agent switchover`.
#[derive(Debug, clap::Args)]
pub(crate) struct Switchover {
    #[command(flatten)]
    agent: Whom,
    /// The broker.
    #[arg(long, value_name = "NAME")]
    broker: String,
    /// Name or number of the node that is to be active [default: the preferred one, else the other
    /// one in sync].
    #[arg(long, value_name = "NODE")]
    to: Option<String>,
    /// Longest time it may take, seconds; then the present active serves on, or whoever the nodes
    /// elect.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=600))]
    timeout: u32,
}

/// `broker-agent force-promote`.
#[derive(Debug, clap::Args)]
pub(crate) struct ForcePromote {
    #[command(flatten)]
    agent: Whom,
    /// The broker.
    #[arg(long, value_name = "NAME")]
    broker: String,
    /// Has to be said: what was confirmed while this node was not in sync is lost.
    #[arg(long, required = true)]
    accept_data_loss: bool,
    /// Name of the node that was active, typed by someone who has made sure that it is dead.
    #[arg(
        long,
        value_name = "NODE",
        conflicts_with = "fencing",
        required_unless_present = "fencing"
    )]
    dead_node: Option<String>,
    /// How the node that was active was kept from serving, for the log: "instance i-0abc terminated".
    #[arg(long, value_name = "TEXT")]
    fencing: Option<String>,
}

/// Makes another node active; tells how long it took.
pub(crate) async fn switchover(options: Switchover) -> anyhow::Result<ExitCode> {
    let mut client = options.agent.connect().await?;
    let request = SwitchoverBrokerRequest {
        name: options.broker.clone(),
        to: options.to.unwrap_or_default(),
        timeout_s: options.timeout,
    };
    let mut answer = ask(&client, request.clone()).await;
    if let Some(active) = elsewhere(&answer) {
        // It was asked of a standby.
        client = options.agent.connect_to(&active).await?;
        answer = ask(&client, request).await;
    }
    let answer = answer?;
    let name = |id: u32| name_of(&client, &options.broker, id);
    let (from, to) = (name(answer.from).await, name(answer.to).await);
    writeln!(
        io::stdout(),
        "{}: node {to} is active now, after node {from}; it took {:.1} s, epoch {}",
        options.broker,
        answer.duration_seconds,
        answer.epoch
    )?;
    Ok(ExitCode::SUCCESS)
}

async fn ask(
    client: &Client,
    request: SwitchoverBrokerRequest,
) -> Result<SwitchoverBrokerResponse, Error> {
    client
        .call(client.brokers().switchover_broker(request))
        .await
}

/// Where the active is, if that was the trouble.
fn elsewhere<T>(answer: &Result<T, Error>) -> Option<String> {
    match answer {
        Err(Error::Rpc(failure)) => failure.active.as_ref().map(|active| active.agent.clone()),
        _ => None,
    }
}

/// Makes a standby active that may lack messages.
pub(crate) async fn force_promote(options: ForcePromote) -> anyhow::Result<ExitCode> {
    let client = options.agent.connect().await?;
    let proof = match (options.dead_node, options.fencing) {
        (Some(node), _) => Some(Proof::DeadNode(node)),
        (None, fencing) => fencing.map(Proof::Fencing),
    };
    let request = ForcePromoteBrokerRequest {
        name: options.broker,
        accept_data_loss: options.accept_data_loss,
        proof,
    };
    let mut brokers = client.brokers();
    let promoted = client.call(brokers.force_promote_broker(request)).await;
    let broker = promoted?;
    let replication = broker.status.and_then(|status| status.replication);
    let replication = replication.unwrap_or_default();
    writeln!(
        io::stdout(),
        "{}: {}, epoch {}",
        broker.name,
        words::state(replication.state()),
        replication.epoch
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Its name, or its number where that cannot be learnt.
async fn name_of(client: &Client, broker: &str, id: u32) -> String {
    let request = GetBrokerRequest {
        name: broker.to_owned(),
    };
    let broker = client.call(client.brokers().get_broker(request)).await;
    let nodes = broker.ok().and_then(|broker| broker.replication);
    let nodes = nodes
        .map(|replication| replication.nodes)
        .unwrap_or_default();
    let node = nodes.into_iter().find(|node| node.id == id);
    node.map_or_else(|| id.to_string(), |node| node.name)
}
