//! One connection's view of the broker: attaching, permissions, declaring, detaching.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use super::exchanges::{check_not_default, no_exchange, parse_kind};
use super::publish::Batch;
use super::queues::{DeleteTarget, check_owner};
use super::route::Route;
use super::{Broker, ChannelSlot, Connection, LiveQueue, Login, Peer};
use crate::access::{AccessCache, Action, DEFAULT_EXCHANGE, Rights, TopicPermission, Variables};
use crate::admin::DeleteIf;
use crate::arguments;
use crate::call::{
    Bind, ConnectionId, ConsumerId, DeclareExchange, DeclareQueue, Destination, QueueDeclared,
    QueueId, Sequence,
};
use crate::definitions::{BindingSpec, Endpoint, ExchangeSpec, Expect, QueueSpec};
use crate::durability::{Promise, Reached};
use crate::journal::Lsn;
use crate::lock::{lock, read};
use crate::log::AUDIT;
use crate::metrics::Tally;
use crate::names;
use crate::outbox::{Outbox, Wake};
use crate::queue_kind::QueueKind;
use crate::refusal::{Reason, Refusal};
use crate::rules;

/// One connection's view of the broker. Dropping it detaches: its consumers end, its unsettled
/// messages go back to their places, its exclusive queues are deleted.
#[derive(Debug)]
pub struct Attachment {
    pub(super) broker: Arc<Broker>,
    pub(super) connection: Arc<Connection>,
    pub(super) own: Mutex<Own>,
}

/// What belongs to one connection alone; locked only for the compiler's sake, since a connection
/// makes one call at a time.
#[derive(Debug, Default)]
pub(super) struct Own {
    pub(super) access: AccessCache,
    pub(super) consumers: HashMap<ConsumerId, Arc<LiveQueue>>,
    /// Queues of which it may hold unsettled messages.
    pub(super) queues: HashMap<QueueId, Arc<LiveQueue>>,
    pub(super) exclusive: Vec<Arc<LiveQueue>>,
    /// Working memory of publishing.
    pub(super) route: Route,
    pub(super) batch: Batch,
    pub(super) targets: Vec<(QueueId, Sequence)>,
    pub(super) record: Vec<u8>,
}

/// Tag of users who may publish in another's name.
const IMPERSONATOR: &str = "impersonator";

/// What a permission is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Resource<'a> {
    Exchange(&'a str),
    Queue(&'a str),
}

impl Broker {
    /// Attaches a connection to a virtual host. `wake` is called
    /// when the outbox gets something to drain or a watched commit is reached.
    pub fn attach(
        self: &Arc<Self>,
        login: &Login,
        vhost: &str,
        peer: Peer,
        wake: Box<dyn Wake>,
    ) -> Result<Attachment, Refusal> {
        let (username, listener) = (Arc::clone(&login.username), Arc::clone(&peer.listener));
        let attached = self.try_attach(login, vhost, peer, wake);
        let mut connections = lock(&self.connections);
        let admitted = attached.is_ok();
        (connections.tallies).attached(&username, &listener, admitted);
        drop(connections);
        attached
    }

    fn try_attach(
        self: &Arc<Self>,
        login: &Login,
        vhost: &str,
        peer: Peer,
        wake: Box<dyn Wake>,
    ) -> Result<Attachment, Refusal> {
        let vhost = self.vhost(vhost)?;
        let username = Arc::clone(&login.username);
        let outbox = Arc::new(Outbox::new(wake, self.limits.outbox_bytes));
        let most = self.limits.connections;
        let connection = {
            let mut connections = lock(&self.connections);
            self.check_connections(&connections, &username, &vhost)?;
            connections.add(most, username, vhost, peer, outbox)?
        };
        let own = Mutex::default();
        let attachment = Attachment {
            broker: Arc::clone(self),
            connection,
            own,
        };
        attachment.connection.log(self.name(), "connection opened");
        // Looked at after the connection is on the list: a deletion before that is seen here, one
        // after it tells the connection to close.
        attachment.check_admitted()?;
        Ok(attachment)
    }
}

impl Attachment {
    /// Its number.
    pub fn id(&self) -> ConnectionId {
        self.connection.id
    }

    /// What the broker has to say to this connection.
    pub fn outbox(&self) -> &Outbox {
        &self.connection.outbox
    }

    /// Position up to which everything is durable.
    pub fn durable(&self) -> Lsn {
        self.broker.durable()
    }

    /// How far the journal is for queues of each level.
    pub fn reached(&self) -> Reached {
        self.broker.reached()
    }

    /// Who is connected.
    pub fn username(&self) -> &str {
        &self.connection.username
    }

    /// A place for one more channel; see [`ChannelSlot`].
    pub fn open_channel(&self) -> Result<ChannelSlot, Refusal> {
        self.broker.open_channel(self.username())
    }

    /// Whether the user may publish in another's name, by its tag.
    pub fn may_impersonate(&self) -> bool {
        let users = read(&self.broker.users);
        let user = users.get(self.username());
        user.is_some_and(|user| user.definition.value.tags.contains(IMPERSONATOR))
    }

    /// So many messages were handed to the client, were told to be safe, came back to it.
    pub(crate) fn tally(&self) -> &Tally {
        &self.connection.tally
    }

    /// The virtual host it is attached to.
    pub fn vhost(&self) -> &str {
        &self.connection.vhost.name
    }

    /// The broker it is attached to.
    pub fn broker(&self) -> &Arc<Broker> {
        &self.broker
    }

    /// Asks to be woken once, when the promise is kept. Ask again after each wake for what is still
    /// open.
    pub fn watch(&self, promise: Promise) {
        self.broker.watch(&self.connection, promise);
    }

    /// Declares an exchange, or checks it when passive. Reply once durable up to the position. One
    /// with an alternate passes messages on from itself to that: its user must be able to do so.
    pub fn declare_exchange(&self, call: &DeclareExchange<'_>) -> Result<Lsn, Refusal> {
        let vhost = &self.connection.vhost;
        check_not_default(call.name)?;
        if call.passive {
            let known = read(&vhost.topology).exchange(call.name).is_some();
            return if known {
                Ok(self.broker.last_change())
            } else {
                Err(no_exchange(call.name, &vhost.name))
            };
        }
        self.require(Action::Configure, Resource::Exchange(call.name))?;
        if let Some(alternate) = arguments::alternate(&call.arguments) {
            self.require(Action::Read, Resource::Exchange(call.name))?;
            self.require(Action::Write, Resource::Exchange(alternate))?;
        }
        let spec = ExchangeSpec {
            vhost: vhost.name.to_string(),
            name: call.name.to_owned(),
            kind: parse_kind(call.kind)?,
            durable: call.durable,
            auto_delete: call.auto_delete,
            internal: call.internal,
            arguments: call.arguments.clone(),
        };
        let is_new = read(&vhost.topology).exchange(call.name).is_none();
        let lsn = self.broker.put_exchange(vhost, spec, Expect::Any)?.lsn;
        if is_new {
            self.note("exchange declared", call.name);
        }
        Ok(lsn)
    }

    /// Deletes an exchange and its bindings. One that does not exist is deleted already.
    pub fn delete_exchange(&self, name: &str, if_unused: bool) -> Result<Lsn, Refusal> {
        self.require(Action::Configure, Resource::Exchange(name))?;
        let only_if = DeleteIf {
            unused: if_unused,
            empty: false,
        };
        let result =
            self.broker
                .delete_exchange(&self.connection.vhost, name, Expect::Any, only_if);
        if result.is_ok() {
            self.note("exchange deleted", name);
        }
        self.missing_is_gone(result)
    }

    /// Joins two ends. A binding that exists stays.
    pub fn bind(&self, call: &Bind<'_>) -> Result<Lsn, Refusal> {
        let spec = self.binding_spec(call)?;
        let changed = self
            .broker
            .put_binding(&self.connection.vhost, &spec, Expect::Any)?;
        Ok(changed.lsn)
    }

    /// Parts two ends. A binding that does not exist is gone already.
    pub fn unbind(&self, call: &Bind<'_>) -> Result<Lsn, Refusal> {
        let spec = self.binding_spec(call)?;
        let result = self
            .broker
            .delete_binding(&self.connection.vhost, &spec, Expect::Any);
        self.missing_is_gone(result)
    }

    /// Declares a queue, or checks it when passive.
    pub fn declare_queue(&self, call: &DeclareQueue<'_>) -> Result<QueueDeclared, Refusal> {
        let vhost = &self.connection.vhost;
        if call.passive {
            let queue = self.broker.queue(vhost, call.name)?;
            check_owner(&queue, Some(self.id()))?;
            queue.touch(&self.broker);
            return Ok(declared(&queue, self.broker.last_change()));
        }
        let generated;
        let name = if call.name.is_empty() {
            generated = names::generate_queue()?;
            generated.as_str()
        } else {
            call.name
        };
        self.require(Action::Configure, Resource::Queue(name))?;
        if call.name.is_empty() && QueueKind::of(&call.arguments) == QueueKind::Stream {
            let text = "Cannot declare a server-named queue for type rabbit_stream_queue";
            return Err(Refusal::new(Reason::Invalid, text));
        }
        let is_new = vhost.queue(name).is_none();
        if is_new {
            self.check_new_queue(call, name)?;
        }
        let spec = QueueSpec {
            vhost: vhost.name.to_string(),
            name: name.to_owned(),
            durable: call.durable,
            exclusive: call.exclusive,
            auto_delete: call.auto_delete,
            arguments: call.arguments.clone(),
        };
        let (queue, lsn) = self
            .broker
            .put_queue(vhost, spec, Some(self.id()), Expect::Any)?;
        if queue.owner.is_none() && is_new {
            self.note("queue declared", name);
        }
        if queue.owner.is_some() {
            let mut own = lock(&self.own);
            if !own.exclusive.iter().any(|known| Arc::ptr_eq(known, &queue)) {
                own.exclusive.push(Arc::clone(&queue));
            }
        }
        Ok(declared(&queue, lsn))
    }

    /// What a user must be able to do who makes a queue. One with dead letters passes messages on
    /// from itself to their exchange.
    fn check_new_queue(&self, call: &DeclareQueue<'_>, name: &str) -> Result<(), Refusal> {
        if !call.name.is_empty() {
            names::check_reserved("queue", name)?;
        }
        if let Some(exchange) = rules::dead_letter_exchange(&call.arguments) {
            self.require(Action::Read, Resource::Queue(name))?;
            self.require(Action::Write, Resource::Exchange(exchange))?;
        }
        Ok(())
    }

    /// Deletes a queue and says how many ready messages went with it; 0 for one that does not exist.
    pub fn delete_queue(
        &self,
        name: &str,
        if_unused: bool,
        if_empty: bool,
    ) -> Result<(u32, Lsn), Refusal> {
        let vhost = &self.connection.vhost;
        self.require(Action::Configure, Resource::Queue(name))?;
        let Some(queue) = vhost.queue(name) else {
            return Ok((0, self.broker.last_change()));
        };
        check_owner(&queue, Some(self.id()))?;
        let only_if = DeleteIf {
            unused: if_unused,
            empty: if_empty,
        };
        let target = DeleteTarget::This(&queue);
        match self
            .broker
            .delete_queue(vhost, target, Expect::Any, only_if)
        {
            Ok((stats, lsn)) => {
                if queue.owner.is_none() {
                    self.note("queue deleted", name);
                }
                Ok((u32::try_from(stats.ready).unwrap_or(u32::MAX), lsn))
            }
            Err(refusal) if refusal.reason == Reason::NotFound => {
                Ok((0, self.broker.last_change()))
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// Forgets the queue's ready messages and says how many.
    pub fn purge_queue(&self, name: &str) -> Result<(u32, Lsn), Refusal> {
        self.require(Action::Read, Resource::Queue(name))?;
        let queue = self.usable_queue(name)?;
        let purged = self.broker.purge(&queue)?;
        self.note("queue purged", name);
        Ok(purged)
    }

    /// Refuses the action unless the user's permission in this virtual host covers it.
    pub(super) fn require(&self, action: Action, resource: Resource<'_>) -> Result<(), Refusal> {
        self.require_with(&mut lock(&self.own).access, action, resource)
    }

    pub(super) fn require_with(
        &self,
        cache: &mut AccessCache,
        action: Action,
        resource: Resource<'_>,
    ) -> Result<(), Refusal> {
        let epoch = self.broker.access_epoch.load(Ordering::SeqCst);
        let Connection {
            username, vhost, ..
        } = &*self.connection;
        let (kind, name) = match resource {
            Resource::Exchange("") => ("exchange", DEFAULT_EXCHANGE),
            Resource::Exchange(name) => ("exchange", name),
            Resource::Queue(name) => ("queue", name),
        };
        if cache.allows(action, name, epoch, || self.rights()) {
            return Ok(());
        }
        self.connection.tally.access_refused.add(1);
        let (verb, vhost) = (action.verb(), &vhost.name);
        let text = format!(
            "{verb} access to {kind} '{name}' in vhost '{vhost}' refused for user '{username}'"
        );
        Err(self.denied(text))
    }

    /// Refuses a routing key at a topic exchange unless the user's topic permission covers it.
    pub(super) fn require_key(
        &self,
        cache: &mut AccessCache,
        action: Action,
        exchange: &str,
        key: &str,
    ) -> Result<(), Refusal> {
        let epoch = self.broker.access_epoch.load(Ordering::SeqCst);
        if cache.allows_key(action, exchange, key, epoch, || self.rights()) {
            return Ok(());
        }
        self.connection.tally.access_refused.add(1);
        let (verb, vhost, username) = (action.verb(), self.vhost(), self.username());
        let text = format!(
            "{verb} access to topic '{key}' in exchange '{exchange}' in vhost '{vhost}' refused \
             for user '{username}'"
        );
        Err(self.denied(text))
    }

    /// Its user may not do that.
    fn denied(&self, text: String) -> Refusal {
        let (broker, peer) = (self.broker.name(), &self.connection.peer.address);
        let (user, vhost) = (self.username(), self.vhost());
        tracing::warn!(target: AUDIT, broker, user, vhost, %peer, reason = text, "access refused");
        Refusal::new(Reason::AccessRefused, text)
    }

    /// Notes what its user did.
    fn note(&self, what: &'static str, object: &str) {
        let (broker, peer) = (self.broker.name(), &self.connection.peer.address);
        let (user, vhost) = (self.username(), self.vhost());
        tracing::info!(target: AUDIT, broker, user, vhost, %peer, object, "{what}");
    }

    /// What the user may do here now.
    fn rights(&self) -> Rights {
        let (username, vhost) = (self.username(), self.vhost());
        let users = read(&self.broker.users);
        let Some(user) = users.get(username) else {
            return Rights::default();
        };
        let variables = Variables {
            username,
            vhost,
            client_id: None,
        };
        let granted = user.permissions.get(vhost);
        let topics = user.topic_permissions.values().map(|stored| &stored.value);
        let topics = topics.filter(|spec| spec.vhost == vhost).map(|spec| {
            let compiled = TopicPermission::of(spec, variables);
            (spec.exchange.clone(), compiled)
        });
        Rights {
            permission: granted.map(|granted| Arc::clone(&granted.compiled)),
            topics: topics.collect(),
        }
    }

    /// A queue that exists and is not another connection's.
    pub(super) fn usable_queue(&self, name: &str) -> Result<Arc<LiveQueue>, Refusal> {
        let queue = self.broker.queue(&self.connection.vhost, name)?;
        check_owner(&queue, Some(self.id()))?;
        Ok(queue)
    }

    /// The user still exists, has a permission here, and so does the virtual host.
    fn check_admitted(&self) -> Result<(), Refusal> {
        let Connection {
            username, vhost, ..
        } = &*self.connection;
        vhost.check_alive()?;
        let admitted = read(&self.broker.users)
            .get(username)
            .is_some_and(|user| user.permissions.contains_key(&*vhost.name));
        if admitted {
            return Ok(());
        }
        let text = format!(
            "access to vhost '{}' refused for user '{username}'",
            vhost.name
        );
        Err(self.denied(text))
    }

    /// Checks the permissions of joining or parting two ends, and names them.
    fn binding_spec(&self, call: &Bind<'_>) -> Result<BindingSpec, Refusal> {
        let destination = match call.destination {
            Destination::Exchange(name) => {
                self.require(Action::Write, Resource::Exchange(name))?;
                Endpoint::Exchange(name.to_owned())
            }
            Destination::Queue(name) => {
                self.require(Action::Write, Resource::Queue(name))?;
                if let Some(queue) = self.connection.vhost.queue(name) {
                    check_owner(&queue, Some(self.id()))?;
                }
                Endpoint::Queue(name.to_owned())
            }
        };
        self.require(Action::Read, Resource::Exchange(call.source))?;
        if read(&self.connection.vhost.topology).is_topic(call.source) {
            let cache = &mut lock(&self.own).access;
            self.require_key(cache, Action::Read, call.source, call.routing_key)?;
        }
        Ok(BindingSpec {
            vhost: self.vhost().to_owned(),
            source: call.source.to_owned(),
            destination,
            routing_key: call.routing_key.to_owned(),
            arguments: call.arguments.clone(),
        })
    }

    fn missing_is_gone(&self, result: Result<Lsn, Refusal>) -> Result<Lsn, Refusal> {
        match result {
            Err(refusal) if refusal.reason == Reason::NotFound => Ok(self.broker.last_change()),
            other => other,
        }
    }
}

fn declared(queue: &LiveQueue, lsn: Lsn) -> QueueDeclared {
    let stats = queue.stats();
    let saturate = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    QueueDeclared {
        name: Arc::clone(&queue.name),
        messages: saturate(stats.ready),
        consumers: saturate(stats.consumers),
        lsn,
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        self.connection.log(self.broker.name(), "connection closed");
        self.broker.remove_connection(&self.connection);
        let own = std::mem::take(&mut *lock(&self.own));
        let id = self.id();
        for queue in own.queues.values() {
            let (unused, _) = queue.run(&self.broker, |state, at, out| state.detach(id, at, out));
            if unused {
                self.broker.delete_unused(&self.connection.vhost, queue);
            }
        }
        for queue in &own.exclusive {
            self.broker
                .delete_abandoned(&self.connection.vhost, queue, DeleteIf::default());
        }
        self.connection.outbox.clear();
    }
}
