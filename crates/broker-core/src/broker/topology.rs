//! One virtual host's exchanges, queues and bindings.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::live_queue::LiveQueue;
use crate::arguments;
use crate::call::QueueId;
use crate::definitions::{BindingSpec, Endpoint, ExchangeKind, ExchangeSpec, Stored};
use crate::policy::{self, Applied, Policies};
use crate::records::{Change, Checkpoint, canonical};
use crate::routing::{Rule, Table};
use crate::value::Arguments;

/// What lives in one virtual host.
#[derive(Debug, Default)]
pub(crate) struct Topology {
    pub(super) exchanges: HashMap<Arc<str>, Exchange>,
    pub(super) queues: HashMap<Arc<str>, Arc<LiveQueue>>,
    /// Those for answers, by their addresses: only the default exchange knows them.
    pub(super) replies: HashMap<Arc<str>, Arc<LiveQueue>>,
    /// For each fed end its bindings, as source and identity there.
    fed_by: HashMap<Endpoint, BTreeSet<(Arc<str>, BindingId)>>,
    binding_count: usize,
    pub(super) policies: Policies,
    /// Exchanges stay although they should go with their last binding. So it is while changes are
    /// repeated from the journal: it does not know the bindings of transient queues that kept an
    /// exchange alive, and tells of every exchange that did go.
    pub(crate) keeps_idle: bool,
}

/// One exchange with the bindings it feeds.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) name: Arc<str>,
    pub(crate) definition: Stored<ExchangeSpec>,
    /// Where messages go that it finds no way for; it may not exist.
    pub(super) alternate: Option<Arc<str>>,
    /// The policies that apply to it.
    pub(super) applied: Applied,
    pub(super) table: Table<Target>,
    /// Where it keeps messages until they are due, if it is a delayed one.
    pub(super) delays: Option<Arc<LiveQueue>>,
    bindings: BTreeMap<BindingId, Stored<BindingSpec>>,
    /// Messages clients published to it.
    pub(super) published: Arc<AtomicU64>,
}

/// What makes a binding of one source the same as another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct BindingId {
    destination: Endpoint,
    routing_key: String,
    arguments: Vec<u8>,
}

/// What a table leads to.
#[derive(Debug, Clone)]
pub(super) enum Target {
    Exchange(Arc<str>),
    Queue(Arc<LiveQueue>),
}

/// Something about to be removed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Removal<'a> {
    Binding(&'a BindingSpec),
    Exchange(&'a str),
    Queue(&'a str),
}

/// Exchanges every virtual host has from the start.
const PRESETS: [(&str, ExchangeKind); 6] = [
    ("", ExchangeKind::Direct),
    ("amq.direct", ExchangeKind::Direct),
    ("amq.fanout", ExchangeKind::Fanout),
    ("amq.headers", ExchangeKind::Headers),
    ("amq.match", ExchangeKind::Headers),
    ("amq.topic", ExchangeKind::Topic),
];

impl Topology {
    /// A new virtual host's: nothing but the preset exchanges.
    pub(crate) fn with_presets(vhost: &str, generation: u64) -> Self {
        let mut topology = Self::default();
        for (name, kind) in PRESETS {
            let value = ExchangeSpec {
                vhost: vhost.to_owned(),
                name: name.to_owned(),
                kind,
                durable: true,
                auto_delete: false,
                internal: false,
                arguments: Arguments::new(),
            };
            topology.insert_exchange(Stored { value, generation }, None);
        }
        topology
    }

    /// Whether it is one of the exchanges that cannot be deleted.
    pub(crate) fn is_preset(exchange: &str) -> bool {
        PRESETS.iter().any(|(name, _)| *name == exchange)
    }

    pub(crate) fn exchange(&self, name: &str) -> Option<&Exchange> {
        self.exchanges.get(name)
    }

    pub(crate) fn exchanges(&self) -> impl ExactSizeIterator<Item = &Exchange> {
        self.exchanges.values()
    }

    pub(crate) fn queue(&self, name: &str) -> Option<&Arc<LiveQueue>> {
        self.queues.get(name)
    }

    pub(crate) fn queues(&self) -> impl ExactSizeIterator<Item = &Arc<LiveQueue>> {
        self.queues.values()
    }

    /// Everything that holds messages, what nobody sees by name included.
    pub(crate) fn holders(&self) -> impl Iterator<Item = &Arc<LiveQueue>> {
        self.queues
            .values()
            .chain(self.replies.values())
            .chain(self.delays())
    }

    /// Those that nobody sees by name.
    pub(super) fn unseen(&self) -> impl Iterator<Item = &Arc<LiveQueue>> {
        self.replies.values().chain(self.delays())
    }

    /// Messages that delayed exchanges keep.
    pub(crate) fn delayed_messages(&self) -> u64 {
        self.exchanges
            .values()
            .map(Exchange::delayed_messages)
            .sum()
    }

    /// Where delayed exchanges keep messages.
    fn delays(&self) -> impl Iterator<Item = &Arc<LiveQueue>> {
        let exchanges = self.exchanges.values();
        exchanges.filter_map(|exchange| exchange.delays.as_ref())
    }

    pub(crate) fn binding(&self, spec: &BindingSpec) -> Option<&Stored<BindingSpec>> {
        self.exchanges
            .get(spec.source.as_str())?
            .bindings
            .get(&BindingId::of(spec))
    }

    pub(crate) fn bindings(&self) -> impl Iterator<Item = &Stored<BindingSpec>> {
        self.exchanges
            .values()
            .flat_map(|exchange| exchange.bindings.values())
    }

    pub(crate) fn binding_count(&self) -> usize {
        self.binding_count
    }

    /// Adds an exchange whose name is free; a delayed one keeps messages in the queue `delays`.
    pub(crate) fn insert_exchange(
        &mut self,
        definition: Stored<ExchangeSpec>,
        delays: Option<Arc<LiveQueue>>,
    ) {
        let spec = &definition.value;
        let name: Arc<str> = spec.name.as_str().into();
        let mut exchange = Exchange {
            name: Arc::clone(&name),
            alternate: None,
            applied: Applied::default(),
            table: Table::new(spec.picks_like(), &spec.arguments),
            delays,
            bindings: BTreeMap::new(),
            published: Arc::default(),
            definition,
        };
        exchange.apply(self.applied_to(&exchange.definition.value));
        self.exchanges.insert(name, exchange);
    }

    /// The exchange has another definition, of which only arguments differ that its bindings do not
    /// depend on.
    pub(crate) fn change_exchange(&mut self, definition: Stored<ExchangeSpec>) {
        let applied = self.applied_to(&definition.value);
        if let Some(exchange) = self.exchanges.get_mut(definition.value.name.as_str()) {
            exchange.definition = definition;
            exchange.apply(applied);
        }
    }

    /// Adds a queue whose name is free.
    pub(crate) fn insert_queue(&mut self, queue: Arc<LiveQueue>) {
        self.queues.insert(Arc::clone(&queue.name), queue);
    }

    /// Adds a binding, or replaces one that is the same; false if one of its ends does not exist.
    pub(crate) fn insert_binding(&mut self, definition: Stored<BindingSpec>) -> bool {
        let spec = &definition.value;
        let Some(target) = self.target(&spec.destination) else {
            return false;
        };
        let Some(source) = self.exchanges.get_mut(spec.source.as_str()) else {
            return false;
        };
        let id = BindingId::of(spec);
        if let Some(known) = source.bindings.get_mut(&id) {
            *known = definition;
            return true;
        }
        let back = (Arc::clone(&source.name), id.clone());
        self.fed_by
            .entry(spec.destination.clone())
            .or_default()
            .insert(back);
        source.table.insert(Rule::of(spec), &target);
        source.bindings.insert(id, definition);
        self.binding_count += 1;
        true
    }

    /// The exchanges that will go with it, because they are to go with their last binding.
    pub(crate) fn going_with(&self, removal: Removal<'_>) -> Vec<&Stored<ExchangeSpec>> {
        let mut ends = Vec::new();
        let mut going = Vec::new();
        // How many of its bindings each exchange loses.
        let mut losses: HashMap<&str, usize> = HashMap::new();
        let mut lose = |source: &str, ends: &mut Vec<Endpoint>| {
            let Some(exchange) = self.exchanges.get(source) else {
                return;
            };
            let lost = losses.entry(&exchange.name).or_default();
            *lost += 1;
            if exchange.definition.value.auto_delete && *lost == exchange.bindings.len() {
                ends.push(Endpoint::Exchange(source.to_owned()));
                going.push(&exchange.definition);
            }
        };
        match removal {
            Removal::Binding(spec) => lose(&spec.source, &mut ends),
            Removal::Exchange(name) => ends.push(Endpoint::Exchange(name.to_owned())),
            Removal::Queue(name) => ends.push(Endpoint::Queue(name.to_owned())),
        }
        while let Some(end) = ends.pop() {
            let feeds = self.fed_by.get(&end).into_iter().flatten();
            feeds.for_each(|(source, _)| lose(source, &mut ends));
        }
        if let Removal::Exchange(name) = removal {
            // It may have been bound to itself.
            going.retain(|exchange| exchange.value.name != name);
        }
        going
    }

    /// Removes what [`Self::going_with`] was asked about, with its bindings, and what goes with it.
    /// Answers the queues in which exchanges kept messages that are gone now.
    pub(crate) fn remove(&mut self, removal: Removal<'_>) -> Vec<Arc<LiveQueue>> {
        match removal {
            Removal::Binding(spec) => self.remove_binding(spec),
            Removal::Exchange(name) => self.remove_idle(vec![Arc::from(name)]),
            Removal::Queue(name) => self.remove_queue(name),
        }
    }

    fn remove_queue(&mut self, name: &str) -> Vec<Arc<LiveQueue>> {
        let target = self.target(&Endpoint::Queue(name.to_owned()));
        self.queues.remove(name);
        let idle = target.map_or_else(Vec::new, |target| {
            self.unbind_all(&Endpoint::Queue(name.to_owned()), &target)
        });
        self.remove_idle(idle)
    }

    fn remove_binding(&mut self, spec: &BindingSpec) -> Vec<Arc<LiveQueue>> {
        let Some(target) = self.target(&spec.destination) else {
            return Vec::new();
        };
        let id = BindingId::of(spec);
        let Some(source) = self.exchanges.get_mut(spec.source.as_str()) else {
            return Vec::new();
        };
        let mut idle = Vec::new();
        if source.unbind(&id, &target) {
            self.binding_count -= 1;
            if source.is_idle() && !self.keeps_idle {
                idle.push(Arc::clone(&source.name));
            }
        }
        let back = (Arc::from(spec.source.as_str()), id);
        self.forget_feed(&spec.destination, &back);
        self.remove_idle(idle)
    }

    /// Writes what survives a restart, each thing after those it needs.
    pub(crate) fn write_to(&self, checkpoint: &mut Checkpoint) {
        for policy in [false, true]
            .map(|operator| self.policies.list(operator))
            .concat()
        {
            checkpoint.put(&Change::PolicyPut(policy.definition.clone()));
        }
        let durable = |exchange: &&Exchange| exchange.definition.value.durable;
        for exchange in self.exchanges.values().filter(durable) {
            if !Self::is_preset(&exchange.definition.value.name) {
                checkpoint.put(&exchange.declaration());
            }
        }
        for queue in self.queues.values().filter(|queue| queue.is_durable()) {
            checkpoint.put(&queue.declaration());
        }
        for binding in self
            .bindings()
            .filter(|binding| self.is_durable(&binding.value))
        {
            checkpoint.put(&Change::BindingPut(binding.clone()));
        }
    }

    /// Whether both ends survive a restart.
    fn is_durable(&self, binding: &BindingSpec) -> bool {
        let exchange = |name: &str| {
            self.exchanges
                .get(name)
                .is_some_and(|exchange| exchange.definition.value.durable)
        };
        exchange(&binding.source)
            && match &binding.destination {
                Endpoint::Exchange(name) => exchange(name),
                Endpoint::Queue(name) => self
                    .queues
                    .get(name.as_str())
                    .is_some_and(|queue| queue.is_durable()),
            }
    }

    fn target(&self, destination: &Endpoint) -> Option<Target> {
        match destination {
            Endpoint::Exchange(name) => {
                let exchange = self.exchanges.get(name.as_str())?;
                Some(Target::Exchange(Arc::clone(&exchange.name)))
            }
            Endpoint::Queue(name) => {
                Some(Target::Queue(Arc::clone(self.queues.get(name.as_str())?)))
            }
        }
    }

    /// Removes all bindings that feed the destination, and answers the exchanges left idle.
    fn unbind_all(&mut self, destination: &Endpoint, target: &Target) -> Vec<Arc<str>> {
        let mut idle = Vec::new();
        for (source, id) in self.fed_by.remove(destination).unwrap_or_default() {
            let Some(source) = self.exchanges.get_mut(&source) else {
                continue;
            };
            if source.unbind(&id, target) {
                self.binding_count -= 1;
                if source.is_idle() && !self.keeps_idle {
                    idle.push(Arc::clone(&source.name));
                }
            }
        }
        idle
    }

    /// Removes exchanges, and those that become idle with that.
    fn remove_idle(&mut self, mut names: Vec<Arc<str>>) -> Vec<Arc<LiveQueue>> {
        let mut delays = Vec::new();
        while let Some(name) = names.pop() {
            let Some(exchange) = self.exchanges.remove(&name) else {
                continue;
            };
            self.binding_count -= exchange.bindings.len();
            for id in exchange.bindings.keys() {
                self.forget_feed(&id.destination, &(Arc::clone(&name), id.clone()));
            }
            let destination = Endpoint::Exchange(name.to_string());
            names.extend(self.unbind_all(&destination, &Target::Exchange(name)));
            delays.extend(exchange.delays);
        }
        delays
    }

    fn forget_feed(&mut self, destination: &Endpoint, back: &(Arc<str>, BindingId)) {
        if let Some(feeds) = self.fed_by.get_mut(destination) {
            feeds.remove(back);
            if feeds.is_empty() {
                self.fed_by.remove(destination);
            }
        }
    }
}

impl Exchange {
    /// Bindings it feeds others by.
    pub(super) fn binding_count(&self) -> usize {
        self.bindings.len()
    }

    /// These policies apply to it now.
    pub(super) fn apply(&mut self, applied: Applied) {
        let definition = applied.definition();
        let own = arguments::alternate(&self.definition.value.arguments);
        self.alternate = policy::alternate(own, &definition).map(Arc::from);
        self.applied = applied;
    }

    /// The record that makes it from nothing.
    fn declaration(&self) -> Change {
        let definition = self.definition.clone();
        match &self.delays {
            Some(delays) if delays.id.0 != definition.generation => {
                let id = delays.id;
                Change::DelayedExchangePut { id, definition }
            }
            _ => Change::ExchangePut(definition),
        }
    }

    /// Messages that it keeps until they are due.
    pub(crate) fn delayed_messages(&self) -> u64 {
        let stats = self.delays.as_ref().map(|delays| delays.stats());
        stats.map_or(0, |stats| stats.ready + stats.unsettled)
    }

    /// Whether anything is bound to it.
    pub(crate) fn has_bindings(&self) -> bool {
        !self.bindings.is_empty()
    }

    fn unbind(&mut self, id: &BindingId, target: &Target) -> bool {
        let Some(gone) = self.bindings.remove(id) else {
            return false;
        };
        self.table.remove(Rule::of(&gone.value), target);
        true
    }

    fn is_idle(&self) -> bool {
        self.definition.value.auto_delete && self.bindings.is_empty()
    }
}

impl BindingId {
    fn of(spec: &BindingSpec) -> Self {
        Self {
            destination: spec.destination.clone(),
            routing_key: spec.routing_key.clone(),
            arguments: canonical(&spec.arguments),
        }
    }
}

impl Target {
    fn key(&self) -> (Option<QueueId>, &str) {
        match self {
            Self::Exchange(name) => (None, name),
            Self::Queue(queue) => (Some(queue.id), ""),
        }
    }
}

impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Target {}

impl PartialOrd for Target {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Target {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}
