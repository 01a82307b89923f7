//! `data "ferrymq_replication_status"`: how the nodes of a pair fare.

use agent_api::v1;
use tfplugin_rs::prelude::*;

use crate::agents::Agents;
use crate::failure::Doing;
use crate::id::BrokerId;
use crate::object::ObjectId as _;
use crate::pair::view::{Found, Seen, View, replication};
use crate::status::optional;

/// The data source.
pub(crate) struct ReplicationStatus;

/// How the nodes of a pair fare: who serves, who has everything, who is behind, and what should be
/// looked at. A node whose agent does not answer is shown with the reason and does not fail the read
/// as long as the other one answers.
#[derive(Debug, Clone, Model)]
pub(crate) struct ReplicationStatusModel {
    /// Name of the node that serves; null while no node does.
    active_node: Attr<String>,
    /// What should be looked at, by any node; empty when all is well.
    alarms: Attr<Vec<Alarm>>,
    /// Id of the broker, `ferrymq_broker.<label>.id`.
    broker: Text<BrokerId>,
    /// Up to where what was confirmed is on the disks of all nodes in sync, bytes from the journal's
    /// origin.
    committed_position: Attr<u64>,
    /// Number of the present reign; it rises with each change of the active node.
    epoch: Attr<u64>,
    /// Whether every node has all that was confirmed.
    in_sync: Attr<bool>,
    /// Names of the nodes that have all that was confirmed.
    in_sync_nodes: Attr<Vec<String>>,
    /// Name of the node that leads, as far as the nodes know: the active one, or the one that is about
    /// to serve; null for none.
    leader: Attr<String>,
    /// Nodes in sync that a confirmation needs at least.
    min_in_sync: Attr<u32>,
    /// The nodes.
    nodes: Attr<Vec<Node>>,
    /// How far the node that is most behind is behind, seconds; 0 when none is.
    replication_lag_seconds: Attr<f64>,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Model)]
pub(crate) struct Node {
    /// Its agent, `host:port`.
    agent: Attr<String>,
    /// Why its agent did not answer; null if it did.
    error: Attr<String>,
    /// Whether it has all that was confirmed.
    in_sync: Attr<bool>,
    /// What it lacks of the active's journal, bytes; null if it is not known.
    lag_bytes: Attr<u64>,
    /// For how long it has lacked something, seconds; null if it is not known.
    lag_seconds: Attr<f64>,
    /// Its name.
    name: Attr<String>,
    /// What it waits for or why it is in this state; null where the state says all.
    reason: Attr<String>,
    /// `INIT`, `RECOVERING`, `SYNCING`, `IN_SYNC`, `CANDIDATE`, `PROMOTING`, `ACTIVE_REPLICATED`,
    /// `ACTIVE_ALONE`, `ACTIVE_BLOCKED`, `DRAINING`, `FENCED` or `REPAIR`; `MISSING` if its agent has no
    /// such broker; null if its agent did not answer.
    state: Attr<String>,
}

/// Something that should be looked at.
#[derive(Debug, Clone, PartialEq, Model)]
pub(crate) struct Alarm {
    /// One word for programs, such as `alone`, `blocked` or `peer_unreachable`.
    kind: Attr<String>,
    /// Name of the node that tells it.
    node: Attr<String>,
    /// What is wrong, and what to do.
    text: Attr<String>,
}

impl DataSource for ReplicationStatus {
    const NAME: &'static str = "replication_status";
    type Data = Agents;
    type Model = ReplicationStatusModel;

    async fn read(
        &self,
        config: ReplicationStatusModel,
        cx: &mut Context<Agents>,
    ) -> Result<ReplicationStatusModel> {
        let id = &config.broker.0;
        let view = View::look(&cx.shared_data(), id).await;
        let Some(best) = view.best() else {
            let failed = view.failed(&id.task(Doing::Read));
            return Err(failed.at("broker").into());
        };
        let Some(status) = replication(best) else {
            let detail = format!(
                "The broker {:?} is on one node alone; a broker with deployment_mode = \
                 \"ACTIVE_STANDBY_MULTI_AZ\" has a replication status.",
                id.name()
            );
            return Err(Diagnostic::error("Not a pair", detail).at("broker").into());
        };
        Ok(of(config, &view, status))
    }
}

fn of(
    config: ReplicationStatusModel,
    view: &View,
    status: &v1::ReplicationStatus,
) -> ReplicationStatusModel {
    let named = |number: u32| view.name_of(number).map(str::to_owned);
    let active = view.active().and_then(|agent| view.node_of(agent));
    let in_sync = view.seen.iter().filter(|seen| view.is_in_sync(&seen.agent));
    let names: Vec<String> = in_sync.filter_map(|seen| name_of(seen, view)).collect();
    let all = names.len() == status.nodes.len();
    ReplicationStatusModel {
        active_node: active.and_then(named).into(),
        alarms: view
            .seen
            .iter()
            .flat_map(|it| alarms(it, view))
            .collect::<Vec<_>>()
            .into(),
        committed_position: status.committed_position.into(),
        epoch: status.epoch.into(),
        in_sync: all.into(),
        in_sync_nodes: names.into(),
        leader: named(status.leader).into(),
        min_in_sync: status.min_in_sync.into(),
        nodes: view
            .seen
            .iter()
            .map(|seen| node(seen, view, status))
            .collect::<Vec<_>>()
            .into(),
        replication_lag_seconds: status.replication_lag_seconds.into(),
        ..config
    }
}

fn name_of(seen: &Seen, view: &View) -> Option<String> {
    let number = view.node_of(&seen.agent)?;
    view.name_of(number).map(str::to_owned)
}

fn alarms<'a>(seen: &'a Seen, view: &'a View) -> impl Iterator<Item = Alarm> + 'a {
    let status = seen.broker().and_then(replication);
    let alarms = status.into_iter().flat_map(|status| &status.alarms);
    alarms.map(|alarm| Alarm {
        kind: alarm.kind.clone().into(),
        node: name_of(seen, view).into(),
        text: alarm.text.clone().into(),
    })
}

fn node(seen: &Seen, view: &View, status: &v1::ReplicationStatus) -> Node {
    let number = view.node_of(&seen.agent);
    let known = status.nodes.iter().find(|node| Some(node.id) == number);
    let own = seen.broker().and_then(replication);
    let state = match &seen.found {
        Found::Broker(_) => own.map(|own| {
            let state = own.state().as_str_name();
            state.trim_start_matches("REPLICATION_STATE_").to_owned()
        }),
        Found::Missing => Some("MISSING".to_owned()),
        Found::Unknown(_) => None,
    };
    Node {
        agent: seen.agent.to_string().into(),
        error: seen.error().map(ToString::to_string).into(),
        in_sync: view.is_in_sync(&seen.agent).into(),
        lag_bytes: known.and_then(|node| node.lag_bytes).into(),
        lag_seconds: known.and_then(|node| node.lag_seconds).into(),
        name: name_of(seen, view).into(),
        reason: optional(own.map(|own| own.reason.as_str()).unwrap_or_default()),
        state: state.into(),
    }
}
