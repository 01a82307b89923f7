//! Lives of replicated brokers: how a node of one is made, started again, and taken away.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use agent_api::v1::{self, Reason};
use agent_api::{Active, Failure};
use broker_net::replication::ReplicationListener;
use tracing::{error, info, warn};

use super::failures::{registry_failed, start_failed};
use super::regroup::{has_ended, settings_of};
use super::{Hosting, STOP_DEADLINE, Slot, State, blocking};
use crate::host::{Engine, StartFailure};
use crate::registry::Record;
use crate::replication::pair::{Pair, settings};
use crate::replication::settings::Settings;
use crate::replication::words;

/// How long a creation waits for a founder to be active.
pub(super) const FOUNDING_PATIENCE: Duration = Duration::from_secs(20);

/// Before the first attempt to start a node again that has failed, and before later ones at most.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(60);

/// What it takes to talk to other agents.
#[derive(Debug)]
pub(crate) struct Links {
    /// Takes their connections, and has the certificates to call them with.
    pub listener: ReplicationListener,
    /// Where this agent is managed.
    pub grpc: SocketAddr,
    /// Name clients reach this machine by.
    pub advertised_host: String,
}

/// A pair's engine, if its node is active.
pub(super) async fn engine(record: &Record, pair: &Pair) -> Result<Engine, Failure> {
    match pair.active().await {
        Some(active) => Ok(Engine::Active(active)),
        None => Err(not_active(record, &pair.picture().await)),
    }
}

/// Tells who is active, as far as this node knows.
pub(super) fn not_active(record: &Record, picture: &v1::ReplicationStatus) -> Failure {
    let name = record.name.as_str();
    let own = record
        .replication
        .as_ref()
        .map_or(0, |settings| settings.node);
    let leader = picture.nodes.iter().find(|node| node.id == picture.leader);
    let leader = leader.filter(|node| node.id != u32::from(own));
    let state = words::state(picture.state());
    let sentence = match leader {
        Some(node) => format!(
            "broker {name:?} is served by node {}, agent {}; here it is {state}",
            node.name, node.agent
        ),
        None => format!(
            "broker {name:?} is served by no node that this one knows of; here it is {state}. Try \
             again in a few seconds, on each of its nodes"
        ),
    };
    let active = leader.map(|node| Active {
        node: node.name.clone(),
        agent: node.agent.clone(),
    });
    Failure::new(Reason::NotActive, sentence)
        .of("broker", name)
        .served_by(active)
}

impl Hosting {
    /// Starts this agent's node of a broker, and from then on looks after it.
    pub(super) async fn run_pair(
        &self,
        slot: &Arc<Slot>,
        record: &Arc<Record>,
    ) -> Result<(), StartFailure> {
        let links = self.links.as_ref().ok_or_else(|| {
            let sentence = "this agent's replication listener is switched off; set replication.listen \
                            in its configuration";
            StartFailure::Pair(sentence.to_owned())
        })?;
        let dir = self.data_dir(record);
        let listeners = self.to_open(record);
        let config = self.engine_config(slot, record).await?;
        let with = (config, listeners, &self.bounds);
        let pair = Pair::start(&dir, record, with, &links.listener).await?;
        let pair = Arc::new(pair);
        self.show(slot, State::Paired(Arc::clone(&pair)));
        let changes = self.changes.clone();
        let watched = Arc::clone(&pair);
        tokio::spawn(async move {
            watched.watch(move || changes.send_replace(())).await;
        });
        if let Some(hosting) = self.this.upgrade() {
            tokio::spawn(hosting.mind(Arc::clone(slot), pair));
        }
        Ok(())
    }

    /// A node whose disk or replica fails is started again from what its disk holds; meanwhile
    /// another one serves, if it is in sync.
    async fn mind(self: Arc<Self>, slot: Arc<Slot>, pair: Arc<Pair>) {
        let Some(reason) = pair.failed().await else {
            return;
        };
        let _turn = slot.change.lock().await;
        let view = slot.view();
        if !matches!(&view.state, State::Paired(running) if Arc::ptr_eq(running, &pair)) {
            return;
        }
        error!(broker = %view.record.name, reason, "this node of the broker has failed");
        self.show(&slot, State::Failed(reason));
        pair.stop(STOP_DEADLINE).await;
        self.start_again(&slot, &view.record);
    }

    /// Starts a node of a pair, or a broker whose keys are not to be had, again and again until it runs
    /// or something else is done about it.
    pub(super) fn start_again(&self, slot: &Arc<Slot>, record: &Arc<Record>) {
        if record.replication.is_none() && record.encryption.is_none() {
            return;
        }
        let Some(hosting) = self.this.upgrade() else {
            return;
        };
        let (slot, record) = (Arc::clone(slot), Arc::clone(record));
        tokio::spawn(async move {
            let mut pause = AGAIN_AFTER;
            loop {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(AGAIN_AFTER_MAX);
                let _turn = slot.change.lock().await;
                let view = slot.view();
                let ours = Arc::ptr_eq(&view.record, &record);
                if !ours || !matches!(view.state, State::Failed(_)) {
                    return;
                }
                info!(broker = %record.name, "starting this node of the broker again");
                match hosting.run(&slot, &record).await {
                    Ok(()) => return,
                    Err(failure) => {
                        warn!(broker = %record.name, reason = %failure, "it does not start");
                        hosting.show(&slot, State::Failed(failure.to_string()));
                    }
                }
            }
        });
    }

    /// Makes this agent's node of a new broker. It is registered before anybody hears of it: a
    /// founder that forgot that it has founded would leave a group that nobody can lead.
    pub(super) async fn create_pair(
        &self,
        slot: &Arc<Slot>,
        record: &Arc<Record>,
    ) -> Result<(), Failure> {
        let seen = self.check(record).await?;
        if let Some(ended) = seen.record.and_then(|seen| seen.ended) {
            return Err(has_ended(settings_of(record)?, ended));
        }
        if let Err(error) = self.register(Arc::clone(record)).await {
            return Err(registry_failed(record, &error));
        }
        if let Err(failure) = self.run_pair(slot, record).await {
            let (registry, doomed) = (Arc::clone(&self.registry), Arc::clone(record));
            if let Err(error) = blocking(move || registry.remove(&doomed)).await {
                return Err(registry_failed(record, &error));
            }
            return Err(start_failed(record, &failure));
        }
        self.await_founding(slot, record).await;
        Ok(())
    }

    /// A founder of a new group is active soon; what keeps it from that is in its status.
    pub(super) async fn await_founding(&self, slot: &Slot, record: &Record) {
        let founds = record.replication.as_ref().is_some_and(Settings::founds);
        if let State::Paired(pair) = slot.view().state
            && founds
        {
            let patience = if pair.replica().epoch.0 == 0 {
                FOUNDING_PATIENCE
            } else {
                Duration::ZERO
            };
            pair.becomes(patience, words::is_active).await;
        }
    }

    /// Changes where a pair's clients connect, now or once its node is active.
    pub(super) async fn relisten_pair(
        &self,
        pair: &Pair,
        old: &Arc<Record>,
        new: &Arc<Record>,
    ) -> Result<(), Failure> {
        let listening = pair.set_listeners(self.to_open(new)).await;
        listening.map_err(|error| start_failed(new, &error))?;
        if let Err(error) = self.register(Arc::clone(new)).await {
            if let Err(cause) = pair.set_listeners(self.to_open(old)).await {
                error!(broker = %old.name, %cause, "listeners cannot be restored");
            }
            return Err(registry_failed(new, &error));
        }
        Ok(())
    }

    /// Takes a node's copy away for good, unless it is needed.
    pub(super) async fn stop_node(
        &self,
        slot: &Arc<Slot>,
        record: &Arc<Record>,
        pair: &Arc<Pair>,
        force: bool,
    ) -> Result<(), Failure> {
        if !force {
            refuse_needed(record, pair).await?;
        }
        if !force && let Some(active) = pair.active().await {
            return self
                .stop_empty(slot, record, Engine::Active(active), force)
                .await;
        }
        self.show(slot, State::Stopping);
        pair.stop(STOP_DEADLINE).await;
        Ok(())
    }
}

/// Fails if others rely on this node's copy.
async fn refuse_needed(record: &Record, pair: &Pair) -> Result<(), Failure> {
    let name = record.name.as_str();
    let others = pair.others_in_sync();
    let in_use = |sentence: String| {
        let failure = Failure::new(Reason::InUse, sentence);
        Err(failure.of("broker", name))
    };
    let named = |id| settings(record).map_or_else(|_| format!("{id}"), |s| s.name_of(id));
    if pair.active().await.is_some() {
        return match others.first() {
            None => Ok(()),
            Some(other) => in_use(format!(
                "broker {name:?} is active here and node {} is in sync; delete it there first, or \
                 switch over to that node and delete this copy then",
                named(*other)
            )),
        };
    }
    if pair.in_sync() && (others.is_empty() || !pair.follows()) {
        return in_use(format!(
            "this is the last copy of broker {name:?} that is known to be complete: no other node \
             that is in sync answers; bring one back, or delete it with force"
        ));
    }
    Ok(())
}
