//! Lives of replicated brokers: how a node of one is made, started again, and taken away.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use agent_api::v1::{self, Reason};
use agent_api::{Active, Failure};
use broker_core::replication::coordinator::{Coordinator, Snapshot};
use broker_net::replication::ReplicationListener;
use tokio::runtime::Handle;
use tracing::{error, info, warn};

use super::failures::{registry_failed, start_failed};
use super::operator::hand_over;
use super::{Hosting, STOP_DEADLINE, Slot, State, blocking};
use crate::host::{Engine, StartFailure};
use crate::registry::Record;
use crate::replication::pair::{Pair, settings};
use crate::replication::settings::Settings;
use crate::replication::{store, words};

/// How long a creation waits for a founder to be active.
pub(super) const FOUNDING_PATIENCE: Duration = Duration::from_secs(20);

/// How long a node that is preferred from now on has to take over.
const PREFERENCE_PATIENCE: Duration = Duration::from_secs(30);

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
        let pair = Pair::start(&dir, record, listeners, &self.bounds, &links.listener).await?;
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

    /// Starts a node of a pair again and again until it runs or something else is done about it.
    pub(super) fn start_again(&self, slot: &Arc<Slot>, record: &Arc<Record>) {
        if record.replication.is_none() {
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
                match hosting.run_pair(&slot, &record).await {
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
        self.check(record, true).await?;
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
    async fn await_founding(&self, slot: &Slot, record: &Record) {
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

    /// What can be known to be wrong with a pair before it is begun. Gives out the group's record.
    async fn check(&self, record: &Record, new: bool) -> Result<Snapshot, Failure> {
        let settings = settings(record).map_err(|failure| start_failed(record, &failure))?;
        self.check_self(settings)?;
        let opened = store::open(&settings.coordination, &settings.group, &Handle::current());
        let store = opened.map_err(|error| store_failed(settings, &error))?;
        let snapshot = read(settings, store).await?;
        if !new && snapshot.record.is_some() {
            let sentence = format!(
                "{} holds a record of group {} already, of which this broker's data is not; it would be \
                 thrown away for that group's. Remove the record if no node of that group runs any more, \
                 or use another store",
                store::place(&settings.coordination),
                settings.group
            );
            return Err(Failure::new(Reason::Mismatch, sentence).at("replication.group"));
        }
        Ok(snapshot)
    }

    /// Whether the settings mean this agent when they say so.
    fn check_self(&self, settings: &Settings) -> Result<(), Failure> {
        let index = settings
            .nodes
            .iter()
            .position(|node| node.id == settings.node);
        let field = |name: &str| format!("replication.nodes.{}.{name}", index.unwrap_or(0));
        let own = settings.own();
        let Some(links) = &self.links else {
            let sentence = "this agent's replication listener is switched off; set replication.listen \
                            in its configuration and start it again";
            return Err(Failure::new(Reason::Unsupported, sentence).at("replication"));
        };
        let agent: Option<agent_api::Address> = own.agent.parse().ok();
        let elsewhere = agent.is_some_and(|agent| {
            agent.host == links.advertised_host && agent.port != links.grpc.port()
        });
        if elsewhere {
            let sentence = format!(
                "node {} is said to be this agent, and its agent is {}; this one is {}:{}. Give each \
                 agent its own number in `node`",
                own.id,
                own.agent,
                links.advertised_host,
                links.grpc.port()
            );
            return Err(Failure::new(Reason::Invalid, sentence).at("replication.node"));
        }
        let Some(acceptors) = &self.acceptors else {
            let sentence = "an agent without certificates hosts no replicated brokers";
            return Err(Failure::new(Reason::Unsupported, sentence).at("replication"));
        };
        let host = own.replication_host();
        if !acceptors.is_valid_for(&host) {
            let sentence = format!(
                "node {} is said to be this agent, and this agent's certificate is not valid for {host}, \
                 so other nodes would refuse it; name the agent that it is, or give this one a \
                 certificate for that host",
                own.id
            );
            return Err(Failure::new(Reason::Invalid, sentence).at(field("replication")));
        }
        if !acceptors.is_good_for_links() {
            let sentence = "this agent's certificate is good as a server's only, and other nodes want \
                            one that is also good as a client's; make one with `broker-agent init \
                            --authority`";
            return Err(Failure::new(Reason::Unsupported, sentence).at("replication"));
        }
        Ok(())
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

    /// A single broker becomes a node of a group, a node's settings change, or it becomes single.
    pub(super) async fn change_group(
        &self,
        slot: &Arc<Slot>,
        old: &Arc<Record>,
        new: &Arc<Record>,
    ) -> Result<(), Failure> {
        match (&old.replication, &new.replication) {
            (None, _) => {
                self.check_founder(new)?;
                self.check(new, false).await?;
                self.exchange(slot, old, new).await?;
                self.await_founding(slot, new).await;
                Ok(())
            }
            (Some(_), None) => {
                self.check_last(slot, old).await?;
                self.exchange(slot, old, new).await
            }
            (Some(before), Some(after)) => {
                if before.durability != after.durability {
                    let sentence = "the durability of a pair cannot be changed; make it a single \
                                    broker, and a pair again";
                    let failure = Failure::new(Reason::Mismatch, sentence);
                    return Err(failure
                        .at("replication.durability")
                        .of("broker", old.name.as_str()));
                }
                self.check_self(after)?;
                self.prefer(slot, old, before, after).await?;
                let quiet = Settings {
                    preferred_active: before.preferred_active,
                    founder: before.founder,
                    ..after.clone()
                };
                if quiet != *before {
                    self.check(new, true).await?;
                    self.exchange(slot, old, new).await?;
                } else {
                    let registered = self.register(Arc::clone(new)).await;
                    registered.map_err(|error| registry_failed(new, &error))?;
                }
                Ok(())
            }
        }
    }

    /// Another preferred node: the active hands over to it.
    async fn prefer(
        &self,
        slot: &Slot,
        record: &Record,
        before: &Settings,
        after: &Settings,
    ) -> Result<(), Failure> {
        let moved = after
            .preferred_active
            .filter(|_| before.preferred_active != after.preferred_active);
        let target = moved
            .filter(|id| *id != after.node)
            .and_then(|id| after.find(id));
        let State::Paired(pair) = slot.view().state else {
            return Ok(());
        };
        match target {
            Some(target) if pair.active().await.is_some() => {
                hand_over(record, after, &pair, target, PREFERENCE_PATIENCE).await?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Only a node that founds has data of its own.
    fn check_founder(&self, new: &Record) -> Result<(), Failure> {
        let founder = new
            .replication
            .as_ref()
            .filter(|settings| !settings.founds());
        let Some(settings) = founder else {
            return Ok(());
        };
        let sentence = format!(
            "broker {:?} has data here, and node {} is to found the group; name this node, {}, as the \
             founder, and create the broker on the others",
            new.name.as_str(),
            settings.founder,
            settings.node
        );
        Err(Failure::new(Reason::Invalid, sentence).at("replication.founder"))
    }

    /// A pair becomes single where its data is, when no other node has it any more.
    async fn check_last(&self, slot: &Slot, old: &Record) -> Result<(), Failure> {
        let State::Paired(pair) = slot.view().state else {
            return Err(super::unavailable(old.name.as_str(), &slot.view().state));
        };
        engine(old, &pair).await?;
        let Some(other) = pair.others_in_sync().first().copied() else {
            return Ok(());
        };
        let name = settings(old).map_or_else(|_| other.to_string(), |s| s.name_of(other));
        let sentence = format!(
            "node {name} is in sync and could become active meanwhile; delete broker {:?} on its agent \
             first",
            old.name.as_str()
        );
        Err(Failure::new(Reason::InUse, sentence)
            .at("replication")
            .of("broker", old.name.as_str()))
    }

    /// Stops a broker as it was and starts it as it is to be; if that fails, as it was.
    async fn exchange(
        &self,
        slot: &Arc<Slot>,
        old: &Arc<Record>,
        new: &Arc<Record>,
    ) -> Result<(), Failure> {
        let state = slot.view().state;
        self.show(slot, State::Stopping);
        self.halt(state, STOP_DEADLINE).await;
        self.show(slot, State::Starting);
        let failure = match self.register(Arc::clone(new)).await {
            Err(error) => registry_failed(new, &error),
            Ok(()) => match self.run(slot, new).await {
                Ok(()) => return Ok(()),
                Err(failure) => start_failed(new, &failure),
            },
        };
        if let Err(error) = self.register(Arc::clone(old)).await {
            error!(broker = %old.name, %error, "registry cannot be restored");
        }
        if let Err(failure) = self.run(slot, old).await {
            error!(broker = %old.name, %failure, "broker cannot be started as it was");
            self.show(slot, State::Failed(failure.to_string()));
            self.start_again(slot, old);
        }
        Err(failure)
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

/// The group's record, if the store answers within a few seconds.
async fn read(settings: &Settings, store: Arc<dyn Coordinator>) -> Result<Snapshot, Failure> {
    let coordination = settings.coordination.clone();
    let reading = tokio::task::spawn_blocking(move || store::read(&*store, &coordination));
    match reading.await {
        Ok(read) => read.map_err(|error| store_failed(settings, &error)),
        Err(panic) => Err(Failure::new(Reason::Internal, panic.to_string())),
    }
}

fn store_failed(settings: &Settings, error: &store::StoreError) -> Failure {
    use crate::replication::settings::Coordination;
    let field = match &settings.coordination {
        Coordination::Etcd(_) => "replication.coordination.etcd",
        Coordination::File(_) => "replication.coordination.file.path",
    };
    let reason = match error {
        store::StoreError::Directory { .. } | store::StoreError::Options(_) => Reason::Invalid,
        store::StoreError::Read { .. } => Reason::Unavailable,
    };
    Failure::new(reason, error.to_string()).at(field)
}
