//! The brokers of this agent and their lives: made, changed, restarted, deleted, failed.
//!
//! Each broker has a slot. What happens to one broker happens in order (the slot's `change` lock,
//! held across starts and stops); different brokers do not wait for each other. Whoever only looks
//! reads the slot's view and never waits. Lock order: a slot's `change`, then the table of slots,
//! then a slot's view; the latter two are never held across an await.

mod encrypting;
mod failures;
mod operator;
mod pairs;
mod regroup;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use agent_api::Failure;
use agent_api::v1::Reason;
use broker_core::broker::BrokerConfig;
use broker_core::definitions::Expect;
use broker_net::ListenerConfig;
use tokio::sync::watch;
use tracing::{error, info};

use self::failures::{
    expected, not_found, refuse_messages, registry_failed, start_failed, unavailable,
};
pub(crate) use self::pairs::Links;
use crate::bounds::Bounds;
use crate::encryption::{Encryption, Unlocked, Vault};
use crate::host::{Engine, Host, StartFailure, broker_config};
use crate::listeners;
use crate::logs::{Logs, Wanted};
use crate::name::BrokerName;
use crate::registry::{Change, Listener, Record, Registry, RegistryError};
use crate::replication::pair::Pair;
use crate::replication::settings::Settings;
use crate::tls::Acceptors;

/// What a new broker is to be.
#[derive(Debug)]
pub(crate) struct New {
    pub(crate) name: BrokerName,
    pub(crate) listeners: Listeners,
    pub(crate) replication: Option<Settings>,
    pub(crate) logs: Wanted,
    pub(crate) encryption: Option<Encryption>,
    /// Of the call that makes it, empty for none.
    pub(crate) token: String,
}

/// Listeners of a broker by protocol, defaults filled in.
pub(crate) type Listeners = BTreeMap<String, Listener>;

/// How long a call waits for a broker that is starting before it is told so.
const START_PATIENCE: Duration = Duration::from_secs(30);

/// Longest stop of a single broker whose agent goes on.
const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// All brokers of the agent.
#[derive(Debug)]
pub(crate) struct Hosting {
    /// For what outlives the call that begins it.
    this: Weak<Self>,
    registry: Arc<Registry>,
    /// None where all listeners are in plaintext.
    acceptors: Option<Acceptors>,
    bounds: Bounds,
    /// None where no broker can be replicated.
    links: Option<Links>,
    /// None where logs go to standard error alone.
    logs: Option<Logs>,
    slots: Mutex<BTreeMap<BrokerName, Arc<Slot>>>,
    /// Told of every change of any view.
    changes: watch::Sender<()>,
}

/// A broker as it is now.
#[derive(Debug, Clone)]
pub(crate) struct View {
    /// What is registered.
    pub record: Arc<Record>,
    /// What it does.
    pub state: State,
    /// What is known of its keys, once the agent has them.
    pub unlocked: Option<Unlocked>,
}

/// What a broker does.
#[derive(Debug, Clone)]
pub(crate) enum State {
    /// It is gone; whoever still holds the slot must not touch it.
    Deleted,
    /// It does not serve, for this reason.
    Failed(String),
    /// It takes part in its group, serving or not.
    Paired(Arc<Pair>),
    /// It serves.
    Running(Arc<Host>),
    /// Its journal is being read or its listeners opened.
    Starting,
    /// Its connections are being closed.
    Stopping,
}

#[derive(Debug)]
struct Slot {
    change: tokio::sync::Mutex<()>,
    /// Held for a copy or a store only.
    view: Mutex<View>,
    /// Its keys, once the agent has them.
    vault: tokio::sync::Mutex<Option<Vault>>,
}

impl Slot {
    fn view(&self) -> View {
        self.view
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set_unlocked(&self, unlocked: Unlocked) {
        let mut view = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        view.unlocked = Some(unlocked);
    }
}

impl Hosting {
    /// Takes over what is registered and begins to start all of it.
    pub(crate) fn open(
        registry: Registry,
        records: Vec<Record>,
        acceptors: Option<Acceptors>,
        bounds: Bounds,
        links: Option<Links>,
        logs: Option<Logs>,
    ) -> Arc<Self> {
        let slots = records
            .into_iter()
            .map(|record| (record.name.clone(), slot(record)));
        let hosting = Arc::new_cyclic(|this| Self {
            this: Weak::clone(this),
            registry: Arc::new(registry),
            acceptors,
            bounds,
            links,
            logs,
            slots: Mutex::new(slots.collect()),
            changes: watch::Sender::new(()),
        });
        for slot in hosting.all_slots() {
            hosting.log(&slot.view().record);
            let hosting = Arc::clone(&hosting);
            tokio::spawn(async move {
                let _turn = slot.change.lock().await;
                let record = slot.view().record;
                if let Err(failure) = hosting.run(&slot, &record).await {
                    error!(broker = %record.name, reason = %failure, "broker does not start");
                    hosting.show(&slot, State::Failed(failure.to_string()));
                    hosting.start_again(&slot, &record);
                }
            });
        }
        hosting
    }

    /// Resolves when no broker is starting any more.
    pub(crate) async fn settled(&self) {
        let starting = |view: &View| matches!(view.state, State::Starting);
        let mut changes = self.watch();
        while self.views().iter().any(starting) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Told of every change; ask [`Hosting::views`] what it was.
    pub(crate) fn watch(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// All brokers by name.
    pub(crate) fn views(&self) -> Vec<View> {
        let deleted = |view: &View| matches!(view.state, State::Deleted);
        let views = self.all_slots().into_iter().map(|slot| slot.view());
        views.filter(|view| !deleted(view)).collect()
    }

    /// One broker.
    pub(crate) fn view(&self, name: &str) -> Result<View, Failure> {
        self.slot(name).map(|slot| slot.view())
    }

    /// The broker's engine; waits a while for one that is starting.
    pub(crate) async fn running(&self, name: &str) -> Result<(Arc<Record>, Engine), Failure> {
        let mut changes = self.watch();
        let found = async {
            loop {
                let view = self.view(name)?;
                match view.state {
                    State::Running(host) => return Ok((view.record, Engine::Single(host))),
                    State::Paired(pair) => {
                        let engine = pairs::engine(&view.record, &pair).await?;
                        return Ok((view.record, engine));
                    }
                    State::Starting => {}
                    state => return Err(unavailable(name, &state)),
                }
                if changes.changed().await.is_err() {
                    return Err(unavailable(name, &State::Stopping));
                }
            }
        };
        let patient = tokio::time::timeout(START_PATIENCE, found).await;
        patient.unwrap_or_else(|_| Err(unavailable(name, &State::Starting)))
    }

    /// Makes, starts and registers a broker. Afterwards either all of it is there or nothing.
    pub(crate) async fn create(&self, new: New) -> Result<View, Failure> {
        let slot = match self.reserve(new)? {
            Reserved::New(slot) => slot,
            Reserved::Made(view) => return self.made(view).await,
        };
        let _turn = slot.change.lock().await;
        let record = slot.view().record;
        let result = match record.replication {
            None => self.create_single(&slot, &record).await,
            Some(_) => self.create_pair(&slot, &record).await,
        };
        if let Err(failure) = result {
            self.forget(&slot, &record);
            self.discard(&record).await;
            return Err(failure);
        }
        info!(broker = %record.name, "broker created");
        Ok(slot.view())
    }

    async fn create_single(&self, slot: &Arc<Slot>, record: &Arc<Record>) -> Result<(), Failure> {
        if let Err(failure) = self.run(slot, record).await {
            return Err(start_failed(record, &failure));
        }
        if let Err(error) = self.register(Arc::clone(record)).await {
            self.halt(slot.view().state, STOP_DEADLINE).await;
            return Err(registry_failed(record, &error));
        }
        Ok(())
    }

    /// What a creation answers that was carried out before.
    async fn made(&self, view: View) -> Result<View, Failure> {
        let name = view.record.name.as_str();
        if view.record.replication.is_none() {
            self.running(name).await?;
        }
        self.view(name)
    }

    /// Changes a broker's listeners, live, and how it is replicated.
    pub(crate) async fn update(
        &self,
        name: &str,
        change: Change,
        expect: Expect,
    ) -> Result<View, Failure> {
        let slot = self.slot(name)?;
        let _turn = slot.change.lock().await;
        let View {
            record: mut old,
            mut state,
            ..
        } = slot.view();
        expected(&old, &state, expect)?;
        let new = self.registry.changed(&old, change);
        if new.encryption != old.encryption {
            let mut encrypted = Record::clone(&old);
            encrypted.encryption.clone_from(&new.encryption);
            encrypted.generation = new.generation;
            let encrypted = Arc::new(encrypted);
            // It may be opened anew: nobody may hold it.
            drop(state);
            self.change_encryption(&slot, &old, &encrypted).await?;
            self.replace(&slot, Arc::clone(&encrypted));
            (old, state) = (encrypted, slot.view().state);
        }
        let new = Arc::new(new);
        let same_group = new.replication == old.replication;
        if new.listeners == old.listeners && same_group && new.logs == old.logs {
            return Ok(slot.view());
        }
        if !same_group {
            // What runs is opened anew: nobody may hold it.
            drop(state);
            self.change_group(&slot, &old, &new).await?;
        } else {
            match state {
                State::Paired(pair) => self.relisten_pair(&pair, &old, &new).await?,
                State::Running(host) => self.relisten(&host, &old, &new).await?,
                _ => self.revive(&slot, &state, &new).await?,
            }
        }
        self.replace(&slot, new);
        info!(broker = name, "broker updated");
        Ok(slot.view())
    }

    fn replace(&self, slot: &Slot, record: Arc<Record>) {
        let mut view = slot.view.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Paired(pair) = &view.state {
            pair.set_record(Arc::clone(&record));
        }
        self.log(&record);
        view.record = record;
        drop(view);
        self.changes.send_replace(());
    }

    /// Stops what runs in a slot.
    async fn halt(&self, state: State, deadline: Duration) {
        match state {
            State::Paired(pair) => pair.stop(deadline).await,
            State::Running(host) => host.stop(deadline).await,
            State::Deleted | State::Failed(_) | State::Starting | State::Stopping => {}
        }
    }

    /// Stops a broker and starts it from disk.
    pub(crate) async fn restart(&self, name: &str) -> Result<View, Failure> {
        let slot = self.slot(name)?;
        let _turn = slot.change.lock().await;
        let View { record, state, .. } = slot.view();
        expected(&record, &state, Expect::Any)?;
        if matches!(state, State::Paired(_) | State::Running(_)) {
            self.show(&slot, State::Stopping);
        }
        self.halt(state, STOP_DEADLINE).await;
        self.show(&slot, State::Starting);
        if let Err(failure) = self.run(&slot, &record).await {
            self.show(&slot, State::Failed(failure.to_string()));
            self.start_again(&slot, &record);
            return Err(unavailable(name, &slot.view().state));
        }
        info!(broker = name, "broker restarted");
        Ok(slot.view())
    }

    /// Stops a broker, takes it out of the registry and removes its data.
    pub(crate) async fn delete(
        &self,
        name: &str,
        expect: Expect,
        force: bool,
    ) -> Result<(), Failure> {
        let slot = self.slot(name)?;
        let _turn = slot.change.lock().await;
        let View { record, state, .. } = slot.view();
        expected(&record, &state, expect)?;
        match state {
            State::Paired(pair) => self.stop_node(&slot, &record, &pair, force).await?,
            State::Running(host) => {
                let engine = Engine::Single(Arc::clone(&host));
                drop(host);
                self.stop_empty(&slot, &record, engine, force).await?;
            }
            _ if force => {}
            state => {
                let mut failure = unavailable(name, &state);
                failure.message += "; its messages cannot be counted, so only force deletes it";
                return Err(failure);
            }
        }
        let registry = Arc::clone(&self.registry);
        let doomed = Arc::clone(&record);
        let removed = blocking(move || registry.remove(&doomed)).await;
        if let Err(error) = removed {
            let failure = registry_failed(&record, &error);
            self.show(&slot, State::Failed(failure.message.clone()));
            return Err(failure);
        }
        self.forget(&slot, &record);
        self.discard(&record).await;
        info!(broker = name, force, "broker deleted");
        Ok(())
    }

    /// Stops all brokers at once.
    pub(crate) async fn shutdown(self: &Arc<Self>, deadline: Duration) {
        let stops = self.all_slots().into_iter().map(|slot| {
            let hosting = Arc::clone(self);
            tokio::spawn(async move {
                let _turn = slot.change.lock().await;
                let state = slot.view().state;
                if matches!(state, State::Paired(_) | State::Running(_)) {
                    hosting.show(&slot, State::Stopping);
                }
                hosting.halt(state, deadline).await;
            })
        });
        let stops: Vec<_> = stops.collect();
        for stop in stops {
            if let Err(panic) = stop.await {
                error!(%panic, "broker did not stop in order");
            }
        }
    }

    fn all_slots(&self) -> Vec<Arc<Slot>> {
        self.slots
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }

    fn slot(&self, name: &str) -> Result<Arc<Slot>, Failure> {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let name = name.parse::<BrokerName>().map_err(|_| not_found(name))?;
        slots
            .get(&name)
            .cloned()
            .ok_or_else(|| not_found(name.as_str()))
    }

    /// Takes a name for a new broker, or finds that this very call was made before.
    fn reserve(&self, new: New) -> Result<Reserved, Failure> {
        let New {
            name,
            listeners,
            replication,
            logs,
            encryption,
            token,
        } = new;
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(&name) {
            let view = slot.view();
            let same = !token.is_empty() && view.record.token == token;
            let alike = view.record.listeners == listeners
                && view.record.replication == replication
                && view.record.logs == logs
                && view.record.encryption == encryption;
            if same && alike {
                return Ok(Reserved::Made(view));
            }
            let sentence = format!(
                "broker {:?} exists on this agent; import it or choose another name",
                name.as_str()
            );
            let failure = Failure::new(Reason::AlreadyExists, sentence).at("name");
            return Err(failure
                .of("broker", name.as_str())
                .now_at(view.record.generation));
        }
        let mut record = self
            .registry
            .new_record(name.clone(), token, listeners, replication)
            .map_err(|error| {
                Failure::new(
                    Reason::Unavailable,
                    format!("the broker cannot be made: {error}"),
                )
            })?;
        record.logs = logs;
        record.encryption = encryption;
        self.log(&record);
        let slot = slot(record);
        slots.insert(name, Arc::clone(&slot));
        drop(slots);
        self.changes.send_replace(());
        Ok(Reserved::New(slot))
    }

    /// Starts the broker of a slot whose turn it is, and from then on watches its disk.
    async fn run(&self, slot: &Arc<Slot>, record: &Arc<Record>) -> Result<(), StartFailure> {
        if record.replication.is_some() {
            return self.run_pair(slot, record).await;
        }
        let dir = self.data_dir(record);
        let listeners = self.to_open(record);
        let config = self.engine_config(slot, record).await?;
        let host = Host::start(&dir, config, listeners, &self.bounds).await?;
        let host = Arc::new(host);
        self.show(slot, State::Running(Arc::clone(&host)));
        tokio::spawn(watch_disk(Arc::clone(slot), host, self.changes.clone()));
        Ok(())
    }

    /// How the engine of a broker is opened, with its keys if it is encrypted.
    async fn engine_config(
        &self,
        slot: &Slot,
        record: &Record,
    ) -> Result<BrokerConfig, StartFailure> {
        let mut config = broker_config(&record.name, &self.bounds);
        config.journal.keys = self.unlock(slot, record).await?;
        Ok(config)
    }

    /// Has the log files kept that the record says.
    fn log(&self, record: &Record) {
        if let Some(logs) = &self.logs {
            logs.set(record.name.as_str(), record.logs);
        }
    }

    fn to_open(&self, record: &Record) -> Vec<ListenerConfig> {
        listeners::to_open(&record.listeners, self.acceptors.as_ref())
    }

    async fn relisten(
        &self,
        host: &Host,
        old: &Arc<Record>,
        new: &Arc<Record>,
    ) -> Result<(), Failure> {
        host.set_listeners(self.to_open(new))
            .await
            .map_err(|error| start_failed(new, &error))?;
        if let Err(error) = self.register(Arc::clone(new)).await {
            // Back to what the registry still says; the old addresses were ours a moment ago.
            if let Err(cause) = host.set_listeners(self.to_open(old)).await {
                error!(broker = %old.name, %cause, "listeners cannot be restored");
            }
            return Err(registry_failed(new, &error));
        }
        Ok(())
    }

    /// A broker that failed gets another chance with its new listeners.
    async fn revive(
        &self,
        slot: &Arc<Slot>,
        state: &State,
        new: &Arc<Record>,
    ) -> Result<(), Failure> {
        self.show(slot, State::Starting);
        if let Err(failure) = self.run(slot, new).await {
            self.show(slot, state.clone());
            return Err(start_failed(new, &failure));
        }
        if let Err(error) = self.register(Arc::clone(new)).await {
            self.halt(slot.view().state, STOP_DEADLINE).await;
            self.show(slot, state.clone());
            return Err(registry_failed(new, &error));
        }
        Ok(())
    }

    /// Stops a broker for good, unless that would lose messages nobody agreed to lose.
    async fn stop_empty(
        &self,
        slot: &Arc<Slot>,
        record: &Arc<Record>,
        engine: Engine,
        force: bool,
    ) -> Result<(), Failure> {
        let kept = |engine: &Engine| match force {
            true => Ok(()),
            false => refuse_messages(record, engine.admin()),
        };
        kept(&engine)?;
        let state = slot.view().state;
        self.show(slot, State::Stopping);
        self.halt(state, STOP_DEADLINE).await;
        // Again, now that nobody can publish any more: a message may have come in between.
        let late = kept(&engine);
        drop(engine);
        if late.is_err() {
            self.show(slot, State::Starting);
            if let Err(failure) = self.run(slot, record).await {
                self.show(slot, State::Failed(failure.to_string()));
                self.start_again(slot, record);
            }
        }
        late
    }

    async fn register(&self, record: Arc<Record>) -> Result<(), RegistryError> {
        let registry = Arc::clone(&self.registry);
        blocking(move || registry.put(&record)).await
    }

    fn forget(&self, slot: &Slot, record: &Record) {
        self.slots
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&record.name);
        self.show(slot, State::Deleted);
    }

    async fn discard(&self, record: &Arc<Record>) {
        let (registry, doomed) = (Arc::clone(&self.registry), Arc::clone(record));
        if let Err(cause) = blocking(move || registry.discard_data(&doomed)).await {
            error!(broker = %record.name, %cause, "data of a deleted broker cannot be removed");
        }
    }

    fn show(&self, slot: &Slot, state: State) {
        slot.view
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .state = state;
        self.changes.send_replace(());
    }

    fn data_dir(&self, record: &Record) -> PathBuf {
        self.registry.data_dir(record)
    }
}

enum Reserved {
    Made(View),
    New(Arc<Slot>),
}

fn slot(record: Record) -> Arc<Slot> {
    let view = View {
        record: Arc::new(record),
        state: State::Starting,
        unlocked: None,
    };
    Arc::new(Slot {
        change: tokio::sync::Mutex::new(()),
        view: Mutex::new(view),
        vault: tokio::sync::Mutex::default(),
    })
}

/// A failed disk ends the broker, and only that broker: what it confirmed is what the disk holds,
/// and only reading it again can tell (a restart).
async fn watch_disk(slot: Arc<Slot>, host: Arc<Host>, changes: watch::Sender<()>) {
    let Some(reason) = host.failed().await else {
        return;
    };
    let _turn = slot.change.lock().await;
    let record = {
        let mut view = slot.view.lock().unwrap_or_else(PoisonError::into_inner);
        let ours = matches!(&view.state, State::Running(running) if Arc::ptr_eq(running, &host));
        if !ours {
            return;
        }
        view.state = State::Failed(reason.clone());
        Arc::clone(&view.record)
    };
    changes.send_replace(());
    error!(broker = %record.name, reason, "broker stopped: its disk failed");
    host.stop(STOP_DEADLINE).await;
}

/// Runs disk work where it may block.
async fn blocking(
    work: impl FnOnce() -> Result<(), RegistryError> + Send + 'static,
) -> Result<(), RegistryError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}
