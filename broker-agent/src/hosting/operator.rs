//! What an operator asks of a pair: that another node be active, or that this one be, come what may.

use std::net::ToSocketAddrs as _;
use std::sync::Arc;
use std::time::Duration;

use agent_api::Failure;
use agent_api::v1::force_promote_broker_request::Proof;
use agent_api::v1::{ForcePromoteBrokerRequest, Reason, ReplicationState};
use broker_core::replication::record::NodeId;
use tokio::net::TcpStream;
use tracing::{info, warn};

use super::failures::{expected, start_failed, unavailable};
use super::pairs::engine;
use super::{Expect, Hosting, State, View};
use crate::registry::Record;
use crate::replication::pair::{Pair, Unmoved, settings};
use crate::replication::picture::not_preferred;
use crate::replication::settings::{Node, Settings};
use crate::replication::words;

/// How long a switchover may take unless told otherwise, and at most.
const SWITCHOVER_PATIENCE: Duration = Duration::from_secs(30);
const SWITCHOVER_PATIENCE_MAX: Duration = Duration::from_secs(600);

/// How long a node that should be dead gets to answer.
const KNOCK: Duration = Duration::from_secs(2);

/// How long a promoted node gets to be active.
const PROMOTION: Duration = Duration::from_secs(30);

/// A switchover that was carried out.
#[derive(Debug)]
pub(crate) struct SwitchedOver {
    /// Node that was active.
    pub from: u16,
    /// Node that is.
    pub to: u16,
    /// The new reign.
    pub epoch: u64,
    /// How long nobody served.
    pub duration: Duration,
}

impl Hosting {
    /// Makes another node active.
    pub(crate) async fn switchover(
        &self,
        name: &str,
        to: &str,
        timeout: Option<Duration>,
    ) -> Result<SwitchedOver, Failure> {
        let slot = self.slot(name)?;
        let _turn = slot.change.lock().await;
        let (record, pair) = paired(&slot.view())?;
        let settings = settings(&record).map_err(|failure| start_failed(&record, &failure))?;
        engine(&record, &pair).await?;
        let target = target(&record, settings, &pair, to)?;
        let patience = timeout.unwrap_or(SWITCHOVER_PATIENCE);
        hand_over(
            &record,
            settings,
            &pair,
            target,
            patience.min(SWITCHOVER_PATIENCE_MAX),
        )
        .await
    }

    /// Makes this standby active although it may lack messages.
    pub(crate) async fn force_promote(
        &self,
        request: ForcePromoteBrokerRequest,
        caller: &str,
    ) -> Result<View, Failure> {
        let slot = self.slot(&request.name)?;
        let _turn = slot.change.lock().await;
        let (record, pair) = paired(&slot.view())?;
        let settings = settings(&record).map_err(|failure| start_failed(&record, &failure))?;
        let proof = checked(&record, settings, &pair, &request)?;
        refuse_needless(&record, &pair).await?;
        refuse_reachable(&record, settings, &pair).await?;
        let replica = pair.replica();
        warn!(
            target: "audit",
            broker = %record.name,
            node = settings.own().name,
            caller,
            proof,
            epoch = replica.epoch.0,
            durable = replica.durable.0,
            committed = replica.committed.0,
            "forced promotion: an operator accepts that messages are lost"
        );
        let unforced = |error: Unmoved| {
            let sentence = format!("node {} is not promoted: {error}", settings.own().name);
            Failure::new(Reason::Unavailable, sentence).of("broker", record.name.as_str())
        };
        pair.force_promote().await.map_err(unforced)?;
        let active = pair.becomes(PROMOTION, words::is_active).await;
        info!(broker = %record.name, active, "forced promotion carried out");
        Ok(slot.view())
    }
}

/// A broker that takes part in a group.
fn paired(view: &View) -> Result<(Arc<Record>, Arc<Pair>), Failure> {
    let record = Arc::clone(&view.record);
    expected(&record, &view.state, Expect::Any)?;
    let name = record.name.as_str();
    match &view.state {
        State::Paired(pair) => Ok((record, Arc::clone(pair))),
        _ if record.replication.is_none() => {
            let sentence =
                format!("broker {name:?} is on this agent alone; no other node can take over");
            Err(Failure::new(Reason::Invalid, sentence)
                .at("name")
                .of("broker", name))
        }
        state => Err(unavailable(name, state)),
    }
}

/// The node that is meant.
fn target<'a>(
    record: &Record,
    settings: &'a Settings,
    pair: &Pair,
    to: &str,
) -> Result<&'a Node, Failure> {
    let name = record.name.as_str();
    let invalid = |sentence: String| {
        let failure = Failure::new(Reason::Invalid, sentence);
        Err(failure.at("to").of("broker", name))
    };
    if to.is_empty() {
        let replica = pair.replica();
        if let Some(preferred) = not_preferred(settings, &replica) {
            return Ok(preferred);
        }
        let in_sync = pair.others_in_sync();
        let mut ready = settings
            .others()
            .filter(|node| in_sync.contains(&NodeId(node.id)));
        return match (ready.next(), ready.next()) {
            (Some(node), None) => Ok(node),
            (None, _) => Err(not_in_sync(record, settings, pair, None)),
            (Some(_), Some(_)) => {
                invalid("several nodes are in sync; say which one is to be active".to_owned())
            }
        };
    }
    let names: Vec<_> = settings.others().map(|node| node.name.as_str()).collect();
    match settings.named(to) {
        None => invalid(format!(
            "broker {name:?} has no node {to:?}; the other nodes are: {}",
            names.join(", ")
        )),
        Some(node) if node.id == settings.node => {
            invalid(format!("node {} is active already", node.name))
        }
        Some(node) => Ok(node),
    }
}

/// Hands over, or says why not.
pub(super) async fn hand_over(
    record: &Record,
    settings: &Settings,
    pair: &Pair,
    target: &Node,
    patience: Duration,
) -> Result<SwitchedOver, Failure> {
    let id = NodeId(target.id);
    if !pair.others_in_sync().contains(&id) {
        return Err(not_in_sync(record, settings, pair, Some(target)));
    }
    info!(broker = %record.name, to = target.name, "switchover begins");
    let (epoch, duration) = pair.switchover(id, patience).await.map_err(|error| {
        let sentence = format!(
            "broker {:?} is not handed over to node {}: {error}",
            record.name.as_str(),
            target.name
        );
        Failure::new(Reason::Unavailable, sentence).of("broker", record.name.as_str())
    })?;
    let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    info!(broker = %record.name, to = target.name, epoch, duration_ms, "switchover done");
    Ok(SwitchedOver {
        from: settings.node,
        to: target.id,
        epoch,
        duration,
    })
}

fn not_in_sync(
    record: &Record,
    settings: &Settings,
    pair: &Pair,
    target: Option<&Node>,
) -> Failure {
    let name = record.name.as_str();
    let replica = pair.replica();
    let target = target.or_else(|| settings.others().next());
    let why = target.map_or_else(String::new, |node| {
        let peer = replica
            .peers
            .iter()
            .find(|peer| peer.member.node.0 == node.id);
        match peer {
            Some(peer) => format!(
                "node {} is not in sync: it lacks {}; wait until it is",
                node.name,
                words::bytes(peer.lag_bytes)
            ),
            None => format!(
                "node {} is not in sync and not connected; see whether its agent {} runs",
                node.name, node.agent
            ),
        }
    });
    Failure::new(
        Reason::Unavailable,
        format!("broker {name:?} cannot be handed over: {why}"),
    )
    .of("broker", name)
}

/// Whether the operator has said what has to be said. Gives it out for the log.
fn checked(
    record: &Record,
    settings: &Settings,
    pair: &Pair,
    request: &ForcePromoteBrokerRequest,
) -> Result<String, Failure> {
    let invalid = |sentence: String, field: &str| {
        let failure = Failure::new(Reason::Invalid, sentence);
        Err(failure.at(field).of("broker", record.name.as_str()))
    };
    if !request.accept_data_loss {
        let sentence = "messages that were confirmed while this node was not in sync will be lost; \
                        that has to be accepted";
        return invalid(sentence.to_owned(), "accept_data_loss");
    }
    let replica = pair.replica();
    let leader = replica.leader.map(|leader| leader.node);
    let dead: Vec<NodeId> = match leader {
        Some(leader) => vec![leader],
        None => pair.others_in_sync(),
    };
    let names: Vec<_> = dead.iter().map(|id| settings.name_of(*id)).collect();
    match &request.proof {
        Some(Proof::DeadNode(typed)) if names.contains(typed) => Ok(format!("dead node {typed}")),
        Some(Proof::DeadNode(typed)) => invalid(
            format!(
                "{typed:?} is not the node that was active last; that was {}",
                names.join(" or ")
            ),
            "proof.dead_node",
        ),
        Some(Proof::Fencing(text)) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
        Some(Proof::Fencing(_)) | None => invalid(
            format!(
                "name the node that was active last, {}, once you have made sure that it is dead, or \
                 say how it was kept from serving",
                names.join(" or ")
            ),
            "proof",
        ),
    }
}

/// A node that serves, or will by itself, needs no force.
async fn refuse_needless(record: &Record, pair: &Pair) -> Result<(), Failure> {
    let state = pair.picture().await.state();
    let why = match state {
        state if words::is_active(state) => "this node is active already",
        ReplicationState::Candidate | ReplicationState::Promoting => {
            "this node is about to become active"
        }
        ReplicationState::Repair => return Ok(()),
        _ if pair.in_sync() => {
            "this node is in sync and is elected by itself when no other node leads"
        }
        _ => return Ok(()),
    };
    Err(in_use(record, why.to_owned()))
}

/// A node that answers is not dead.
async fn refuse_reachable(
    record: &Record,
    settings: &Settings,
    pair: &Pair,
) -> Result<(), Failure> {
    if pair.follows() {
        let leader = pair.replica().leader.map(|leader| leader.node);
        let name = leader.map_or_else(String::new, |leader| settings.name_of(leader));
        let why = format!("node {name} leads, and this one follows it");
        return Err(in_use(record, why));
    }
    let in_sync = pair.others_in_sync();
    for node in settings
        .others()
        .filter(|n| in_sync.contains(&NodeId(n.id)))
    {
        if answers(&node.replication).await {
            let why = format!(
                "node {} has what this one lacks and is not dead: its agent answers at {}. Let it come \
                 back, or stop it first",
                node.name, node.replication
            );
            return Err(in_use(record, why));
        }
    }
    Ok(())
}

fn in_use(record: &Record, why: String) -> Failure {
    let name = record.name.as_str();
    let sentence = format!("broker {name:?} is not promoted by force: {why}");
    Failure::new(Reason::InUse, sentence).of("broker", name)
}

/// Whether somebody takes a connection there.
async fn answers(address: &str) -> bool {
    let text = address.to_owned();
    let found = tokio::task::spawn_blocking(move || text.to_socket_addrs().map(Vec::from_iter));
    let Ok(Ok(addresses)) = found.await else {
        return false;
    };
    let connected = TcpStream::connect(&*addresses);
    matches!(tokio::time::timeout(KNOCK, connected).await, Ok(Ok(_)))
}
