//! Opening a broker: definitions from the checkpoint and the changes after it, messages from the
//! publish records minus what is settled. A full segment's records are not read but for what an
//! index keeps of them (`SegmentIndexer`).
//!
//! Every recovered message is marked as redelivered: the journal does not note deliveries, and a
//! message that may have been delivered must say so.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasherDefault;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, RwLock};

use super::changes::Changes;
use super::contents::{Contents, Held};
use super::dead_letters::DeadLetters;
use super::delays;
use super::indexer::SegmentIndexer;
use super::owed::Owed;
use super::scrubbing::Scrubbing;
use super::standing::Standing;
use super::stream_contents::StreamContents;
use super::timers::Timers;
use super::topology::Removal;
use super::upkeep::{Upkeep, write_definitions};
use super::{Broker, BrokerConfig, ByReach, Connections, LiveQueue, Topology, Vhost, Vhosts};
use crate::access::{Granted, Remembered, User, Users, compile, fake_hash};
use crate::account::Account;
use crate::arguments;
use crate::call::{QueueId, Sequence};
use crate::clock::Timestamp;
use crate::definitions::{
    ExchangeSpec, Expect, Limited, LimitsSpec, PermissionSpec, PolicySpec, QueueSpec, Stored,
    TopicPermissionSpec, UserSpec, VhostSpec,
};
use crate::journal::{
    self, Disk, Indexer, Journal, Kind, Lsn, OpenError, RecordRef, Replay, SegmentSpan, Unreadable,
    Writer,
};
use crate::lock::{read, write};
use crate::number_hash::NumberHasher;
use crate::outbox::Waiting;
use crate::policy::{Applied, Policy};
use crate::queue::Stub;
use crate::records::{
    self, Change, Checkpoint, Found, Indexed, Malformed, PublishHead, read_change, read_checkpoint,
    read_index, read_publish_head, read_settle,
};

/// Why a broker cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum BrokerOpenError {
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] OpenError),
    /// Something else is in the way, such as a system without randomness.
    #[error("cannot open the broker: {0}")]
    Refused(#[from] crate::refusal::Refusal),
}

/// The virtual host a new broker begins with.
const FIRST_VHOST: &str = "/";

/// Buckets of the account per journal segment.
const BUCKETS_PER_SEGMENT: u64 = 32;

impl Broker {
    /// Opens the broker whose journal is on `disk`, a new one with the virtual host `/` if there is
    /// none. The writer belongs on a thread of its own, which calls [`Broker::committed`] after
    /// each turn that was not idle.
    pub fn open(
        config: &BrokerConfig,
        disk: Arc<dyn Disk>,
    ) -> Result<(Arc<Self>, Writer), BrokerOpenError> {
        let mut recovery = Recovery::of(config);
        let (journal, writer) = journal::open(disk, &config.journal, &mut recovery)?;
        Ok((Self::recovered(config, recovery, journal)?, writer))
    }

    /// The broker that the journal has told of.
    pub(super) fn recovered(
        config: &BrokerConfig,
        mut recovery: Recovery,
        journal: Arc<Journal>,
    ) -> Result<Arc<Self>, BrokerOpenError> {
        let fake_hash = fake_hash()?;
        let remembered = Arc::new(Remembered::new()?);
        let account = recovery.account;
        recovery.fill_queues();
        let Recovery {
            next_id,
            users,
            vhosts,
            fresh,
            ..
        } = recovery;
        let broker = Arc::new(Self {
            name: Arc::clone(&config.name),
            limits: config.limits.clone(),
            clock: Arc::clone(&config.clock),
            journal,
            account,
            changes: Mutex::new(Changes::new(next_id)),
            last_change: AtomicU64::new(0),
            users: RwLock::new(users),
            access_epoch: AtomicU64::new(1),
            vhosts: RwLock::new(vhosts),
            connections: Mutex::new(Connections::default()),
            queue_tallies: Mutex::default(),
            commits: AtomicU64::new(0),
            last_commit: AtomicU64::new(0),
            awaiting: Mutex::default(),
            watchers: ByReach::default(),
            scrubbing: Scrubbing::default(),
            timers: Timers::default(),
            dead_letters: DeadLetters::default(),
            journal_waiters: Waiting::default(),
            writer_waiters: Waiting::default(),
            commit_waiters: Waiting::default(),
            owed: Arc::new(Owed::new()),
            abandoned: Mutex::default(),
            upkeep: Mutex::new(Upkeep::new(config.journal.segment_bytes)),
            fake_hash,
            remembered,
        });
        broker.arm_queues();
        if fresh {
            broker.put_vhost(&VhostSpec::named(FIRST_VHOST), Expect::Any)?;
        }
        Ok(broker)
    }
}

/// What the journal has told so far.
#[derive(Debug)]
pub(super) struct Recovery {
    account: &'static Account,
    /// Nothing was ever written.
    fresh: bool,
    /// The checkpoint holds all changes up to here.
    covered: Lsn,
    next_id: u64,
    pub(super) users: Users,
    pub(super) vhosts: Vhosts,
    // Looked into for each message.
    pub(super) contents: HashMap<QueueId, Contents, BuildHasherDefault<NumberHasher>>,
    /// Those of streams. What comes before the journal has told that a queue is one is in `contents`.
    pub(super) streams: HashMap<QueueId, StreamContents, BuildHasherDefault<NumberHasher>>,
    deleted: HashSet<QueueId, BuildHasherDefault<NumberHasher>>,
}

impl Replay for Recovery {
    fn checkpoint(&mut self, covered: Lsn, payload: &[u8]) -> Result<(), Unreadable> {
        self.fresh = false;
        self.covered = covered;
        let mut result = Ok(());
        let next_id = read_checkpoint(payload, |change| {
            if result.is_ok() {
                result = self.apply(change);
            }
        })
        .map_err(unreadable)?;
        self.next_id = self.next_id.max(next_id);
        result
    }

    fn record(&mut self, record: RecordRef<'_>) -> Result<(), Unreadable> {
        self.fresh = false;
        match record.kind {
            records::PUBLISH => {
                let head = read_publish_head(record.payload, record.payload.len());
                self.publish(&head.map_err(unreadable)?, record.start);
            }
            records::SETTLE => self.settle(record.payload).map_err(unreadable)?,
            records::CHANGE => self.change(record.end, record.payload)?,
            records::FILLER => {}
            Kind { .. } => return Err(Unreadable("a record of a kind this version lacks".into())),
        }
        Ok(())
    }

    fn indexer(&self) -> Option<Box<dyn Indexer>> {
        Some(Box::new(SegmentIndexer::new()))
    }

    /// Messages and settlements may be told twice and in any order, changes may not: they are
    /// repeated only when the whole index was found readable.
    fn index(&mut self, span: SegmentSpan, payload: &[u8]) -> Result<bool, Unreadable> {
        self.fresh = false;
        let mut changes = Vec::new();
        let read = read_index(span, payload, |one| {
            match one {
                Indexed::Change { end, payload } => changes.push((end, payload)),
                Indexed::Message(found) => self.hold(found),
                Indexed::Settle(payload) => return self.settle(payload),
            }
            Ok(())
        });
        if let Err(error) = read {
            tracing::warn!(%error, "index cannot be read");
            return Ok(false);
        }
        for (end, payload) in changes {
            self.change(end, payload)?;
        }
        Ok(true)
    }
}

impl Recovery {
    pub(super) fn of(config: &BrokerConfig) -> Self {
        let bucket_bytes = config.journal.segment_bytes / BUCKETS_PER_SEGMENT;
        Self::new(Account::new(config.limits.memory_bytes, bucket_bytes))
    }

    /// A checkpoint of the definitions there are now.
    pub(super) fn checkpoint(&self) -> Vec<u8> {
        let mut checkpoint = Checkpoint::new(self.next_id);
        write_definitions(&mut checkpoint, self.vhosts.values(), &self.users);
        checkpoint.finish()
    }

    pub(super) fn new(account: &'static Account) -> Self {
        Self {
            account,
            fresh: true,
            covered: Lsn(0),
            next_id: 1,
            users: Users::new(),
            vhosts: Vhosts::new(),
            contents: HashMap::default(),
            streams: HashMap::default(),
            deleted: HashSet::default(),
        }
    }

    fn publish(&mut self, head: &PublishHead<'_>, start: Lsn) {
        for (queue, sequence) in head.targets() {
            self.hold(Found {
                queue,
                sequence,
                record: start,
                size_bytes: u32::try_from(head.size_bytes).unwrap_or(u32::MAX),
                timed: head.timed,
            });
        }
    }

    fn hold(&mut self, found: Found) {
        if let Some(stream) = self.streams.get_mut(&found.queue) {
            return stream.hold(Stub {
                sequence: found.sequence,
                record: found.record,
                size_bytes: found.size_bytes,
                redelivered: false,
                returns: 0,
                timed: found.timed,
            });
        }
        if let Some(contents) = self.contents_of(found.queue) {
            contents.hold(Held {
                sequence: found.sequence,
                record: found.record,
                size_bytes: found.size_bytes,
                timed: found.timed,
            });
        }
    }

    fn settle(&mut self, payload: &[u8]) -> Result<(), Malformed> {
        let settle = read_settle(payload)?;
        if let Some(stream) = self.streams.get_mut(&settle.queue) {
            stream.settle(settle.ranges);
            return Ok(());
        }
        if let Some(contents) = self.contents_of(settle.queue) {
            contents.settle(settle.ranges);
        }
        Ok(())
    }

    /// None if the queue was deleted.
    fn contents_of(&mut self, queue: QueueId) -> Option<&mut Contents> {
        if self.deleted.contains(&queue) {
            return None;
        }
        Some(self.contents.entry(queue).or_default())
    }

    /// Repeats a change that the checkpoint does not hold.
    fn change(&mut self, end: Lsn, payload: &[u8]) -> Result<(), Unreadable> {
        if end <= self.covered {
            return Ok(());
        }
        self.apply(read_change(payload).map_err(unreadable)?)
    }

    /// Repeats one change. Deleting what is gone already is right: an object may have gone with
    /// another before its own record comes. So is making what is there already: the new one takes
    /// the place of the old with all that hung on it.
    fn apply(&mut self, change: Change) -> Result<(), Unreadable> {
        match change {
            Change::IdsReserved(below) => self.next_id = self.next_id.max(below),
            Change::LimitsPut(stored) => self.set_limits(&stored.value.of.clone(), Some(stored)),
            Change::LimitsDeleted(of) => self.set_limits(&of, None),
            Change::TopicPermissionPut(stored) => self.put_topic_permission(stored)?,
            Change::TopicPermissionDeleted {
                user,
                vhost,
                exchange,
            } => {
                if let Some(user) = self.users.get_mut(user.as_str()) {
                    user.topic_permissions.remove(&(vhost, exchange));
                }
            }
            Change::VhostPut(stored) => self.put_vhost(stored),
            Change::VhostDeleted { name } => self.delete_vhost(&name),
            Change::UserPut(stored) => self.put_user(stored),
            Change::UserDeleted { name } => drop(self.users.remove(name.as_str())),
            Change::PermissionPut(stored) => self.put_permission(stored)?,
            Change::PermissionDeleted { user, vhost } => {
                if let Some(user) = self.users.get_mut(user.as_str()) {
                    user.permissions.remove(&vhost);
                }
            }
            Change::ExchangePut(stored) => {
                self.put_exchange(QueueId(stored.generation), stored)?;
            }
            Change::DelayedExchangePut { id, definition } => self.put_exchange(id, definition)?,
            Change::ExchangeChanged(stored) => {
                let vhost = stored.value.vhost.clone();
                self.in_vhost(&vhost, |it| it.change_exchange(stored))?;
            }
            Change::ExchangeDeleted { vhost, name } => {
                let gone = self.in_vhost(&vhost, |it| it.remove(Removal::Exchange(&name)))?;
                gone.iter().for_each(|delays| self.forget_queue(delays.id));
            }
            Change::PolicyPut(stored) => self.put_policy(stored)?,
            Change::PolicyDeleted {
                vhost,
                name,
                operator,
            } => self.in_vhost(&vhost, |it| it.policies.remove(&name, operator))?,
            Change::QueuePut(stored) => self.put_queue(QueueId(stored.generation), stored)?,
            Change::QueueChanged { id, definition } => self.change_queue(id, definition)?,
            Change::QueueDeleted { vhost, name, id } => {
                self.forget_queue(id);
                self.in_vhost(&vhost, |it| it.remove(Removal::Queue(&name)))?;
            }
            Change::BindingPut(stored) => {
                let vhost = stored.value.vhost.clone();
                if !self.in_vhost(&vhost, |it| it.insert_binding(stored))? {
                    return Err(orphan("a binding"));
                }
            }
            Change::BindingDeleted(spec) => {
                self.in_vhost(&spec.vhost, |it| it.remove(Removal::Binding(&spec)))?;
            }
            Change::Together(changes) => {
                return changes.into_iter().try_for_each(|one| self.apply(one));
            }
        }
        Ok(())
    }

    fn put_user(&mut self, stored: Stored<UserSpec>) {
        let name = stored.value.name.as_str().into();
        let user = self
            .users
            .entry(name)
            .or_insert_with(|| User::new(stored.clone()));
        user.definition = stored;
    }

    fn put_permission(&mut self, definition: Stored<PermissionSpec>) -> Result<(), Unreadable> {
        // Whatever the limit is now: what was let in once stays.
        let compiled =
            compile(&definition.value, usize::MAX).map_err(|refusal| Unreadable(refusal.text))?;
        let user = self.users.get_mut(definition.value.user.as_str());
        let user = user.ok_or_else(|| orphan("a permission"))?;
        let vhost = definition.value.vhost.clone();
        let compiled = Arc::new(compiled);
        user.permissions.insert(
            vhost,
            Granted {
                definition,
                compiled,
            },
        );
        Ok(())
    }

    fn put_topic_permission(
        &mut self,
        stored: Stored<TopicPermissionSpec>,
    ) -> Result<(), Unreadable> {
        let user = self.users.get_mut(stored.value.user.as_str());
        let user = user.ok_or_else(|| orphan("a topic permission"))?;
        let key = (stored.value.vhost.clone(), stored.value.exchange.clone());
        user.topic_permissions.insert(key, stored);
        Ok(())
    }

    fn put_policy(&mut self, definition: Stored<PolicySpec>) -> Result<(), Unreadable> {
        // Whatever the limit is now, as with permissions.
        let policy = Policy::new(definition, usize::MAX);
        let policy = policy.map_err(|refusal| Unreadable(refusal.text))?;
        let vhost = policy.definition.value.vhost.clone();
        self.in_vhost(&vhost, |it| it.policies.put(policy))
    }

    /// A delayed exchange's messages name it by the number `id`.
    fn put_exchange(
        &mut self,
        id: QueueId,
        stored: Stored<ExchangeSpec>,
    ) -> Result<(), Unreadable> {
        let delays = delays::queue_of(&stored, id, self.account);
        let gone = self.in_vhost(&stored.value.vhost.clone(), |it| {
            let gone = it.remove(Removal::Exchange(&stored.value.name));
            it.insert_exchange(stored, delays);
            gone
        })?;
        let others = gone.iter().filter(|delays| delays.id != id);
        others.for_each(|delays| self.forget_queue(delays.id));
        Ok(())
    }

    fn put_queue(&mut self, id: QueueId, mut stored: Stored<QueueSpec>) -> Result<(), Unreadable> {
        // Earlier versions kept what only says the default.
        arguments::normalize_queue(&mut stored.value.arguments, true);
        let standing = Standing::new(stored, Applied::default());
        let queue = Arc::new(LiveQueue::new(id, standing, None, self.account));
        if queue.is_stream() {
            let earlier = self.contents.remove(&id).unwrap_or_default();
            let stream = self.streams.entry(id).or_default();
            stream.begin_with(earlier);
        }
        let old = self.in_vhost(&queue.vhost, |it| {
            let old = it.queue(&queue.name).map(|old| old.id);
            it.remove(Removal::Queue(&queue.name));
            it.insert_queue(Arc::clone(&queue));
            old
        })?;
        if let Some(old) = old.filter(|old| *old != queue.id) {
            self.forget_queue(old);
        }
        Ok(())
    }

    /// A queue that is there keeps its bindings; a checkpoint tells of one that is not.
    fn change_queue(&mut self, id: QueueId, stored: Stored<QueueSpec>) -> Result<(), Unreadable> {
        let spec = &stored.value;
        let there = self.in_vhost(&spec.vhost, |it| it.queue(&spec.name).cloned())?;
        match there.filter(|queue| queue.id == id) {
            Some(queue) => {
                let standing = Standing::new(stored, Applied::default());
                queue.set_standing(standing, Timestamp::NEVER);
                Ok(())
            }
            None => self.put_queue(id, stored),
        }
    }

    fn put_vhost(&mut self, stored: Stored<VhostSpec>) {
        let name = stored.value.name.as_str();
        let vhost = match self.vhosts.get(name) {
            Some((_, vhost)) => Arc::clone(vhost),
            None => Vhost::new(name, stored.generation),
        };
        self.vhosts.insert(Arc::clone(&vhost.name), (stored, vhost));
    }

    fn delete_vhost(&mut self, name: &str) {
        if let Some((_, vhost)) = self.vhosts.remove(name) {
            let queues: Vec<_> = read(&vhost.topology)
                .holders()
                .map(|queue| queue.id)
                .collect();
            queues
                .into_iter()
                .for_each(|queue| self.forget_queue(queue));
        }
        self.users.values_mut().for_each(|user| {
            user.leave(name);
        });
    }

    /// Those of what went meanwhile went with it.
    fn set_limits(&mut self, of: &Limited, limits: Option<Stored<LimitsSpec>>) {
        match of {
            Limited::User(name) => {
                if let Some(user) = self.users.get_mut(name.as_str()) {
                    user.limits = limits;
                }
            }
            Limited::Vhost(name) => {
                if let Some((_, vhost)) = self.vhosts.get(name.as_str()) {
                    vhost.set_limits(limits);
                }
            }
        }
    }

    fn forget_queue(&mut self, id: QueueId) {
        self.contents.remove(&id);
        self.streams.remove(&id);
        self.deleted.insert(id);
    }

    fn in_vhost<R>(
        &self,
        name: &str,
        change: impl FnOnce(&mut Topology) -> R,
    ) -> Result<R, Unreadable> {
        let (_, vhost) = self.vhosts.get(name).ok_or_else(|| orphan("something"))?;
        let mut topology = write(&vhost.topology);
        topology.keeps_idle = true;
        let result = change(&mut topology);
        topology.keeps_idle = false;
        Ok(result)
    }

    /// Takes out where a queue's messages are, in order; none if nothing is known of any.
    pub(super) fn take_places(&mut self, id: QueueId) -> Option<Vec<(Sequence, Lsn)>> {
        if let Some(stream) = self.streams.remove(&id) {
            let (index, _) = stream.into_index();
            return Some(index.iter().map(|it| (it.sequence, it.record)).collect());
        }
        let held = self.contents.remove(&id)?.into_held().into_iter();
        Some(held.map(|held| (held.sequence, held.record)).collect())
    }

    /// Hands every queue its messages, which stay in the journal until they are due. What is left
    /// belongs to queues deleted before the checkpoint.
    fn fill_queues(&mut self) {
        for (_, vhost) in self.vhosts.values() {
            // Before they get their messages, of which they count what their rules limit.
            write(&vhost.topology).settle_policies();
            for queue in read(&vhost.topology).holders() {
                if let Some(contents) = self.streams.remove(&queue.id) {
                    let (index, next) = contents.into_index();
                    queue.restore_stream(index, next);
                }
                let Some(contents) = self.contents.remove(&queue.id) else {
                    continue;
                };
                let (next, settled) = (contents.next(), contents.last_settled());
                let stubs = contents.into_held().into_iter().map(|held| Stub {
                    sequence: held.sequence,
                    record: held.record,
                    size_bytes: held.size_bytes,
                    redelivered: true,
                    returns: 0,
                    timed: held.timed,
                });
                queue.restore(next, settled, stubs);
            }
        }
        self.contents.clear();
    }
}

fn unreadable(error: Malformed) -> Unreadable {
    Unreadable(error.to_string())
}

fn orphan(what: &str) -> Unreadable {
    Unreadable(format!("{what} belongs to nothing that exists"))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::definitions::{BindingSpec, Endpoint, QueueSpec};
    use crate::value::Arguments;

    /// The contents of queue 1 after these records, as sequences.
    fn recovered(records: &[(Kind, Vec<u8>)]) -> Vec<u64> {
        let mut recovery = Recovery::new(Account::new(u64::MAX, 1024));
        for (index, (kind, payload)) in records.iter().enumerate() {
            let (start, end) = (Lsn(index as u64 * 100 + 1), Lsn(index as u64 * 100 + 101));
            let (kind, epoch) = (*kind, journal::Epoch(1));
            let record = RecordRef {
                kind,
                epoch,
                start,
                end,
                payload,
            };
            recovery.record(record).unwrap();
        }
        let contents = recovery.contents.remove(&QueueId(1)).unwrap_or_default();
        let held = contents.into_held().into_iter();
        held.map(|held| held.sequence.0).collect()
    }

    fn publish(sequence: u64) -> (Kind, Vec<u8>) {
        let mut payload = Vec::new();
        let targets = [(QueueId(1), Sequence(sequence))];
        let envelope = crate::message::Envelope {
            exchange: "".into(),
            routing_key: "q".into(),
            properties: crate::message::Properties::Amqp091(Bytes::new()),
            persistent: true,
            further_keys: Box::default(),
        };
        records::write_publish_head(&mut payload, None, &targets, &envelope);
        (records::PUBLISH, payload)
    }

    fn settle(sequences: &[u64]) -> (Kind, Vec<u8>) {
        let mut payload = Vec::new();
        let mut sequences: Vec<_> = sequences.iter().copied().map(Sequence).collect();
        records::write_settle(&mut payload, QueueId(1), &mut sequences);
        (records::SETTLE, payload)
    }

    #[test]
    fn a_message_lives_unless_any_record_settles_it() {
        assert_eq!(recovered(&[publish(1), publish(0), publish(2)]), [0, 1, 2]);
        assert_eq!(recovered(&[publish(0), publish(1), publish(0)]), [0, 1]);
        assert_eq!(recovered(&[publish(0), publish(1), settle(&[0])]), [1]);
        // A copy forward of a message that had been settled meanwhile.
        let copied = [publish(0), settle(&[0]), publish(0), publish(1)];
        assert_eq!(recovered(&copied), [1]);
        // The settled message itself was freed already.
        assert_eq!(recovered(&[settle(&[0, 1, 5]), publish(6)]), [6]);
    }

    #[test]
    fn what_is_put_over_an_old_name_takes_its_place_with_all_that_hung_on_it() {
        let mut recovery = Recovery::new(Account::new(u64::MAX, 1024));
        let vhost = VhostSpec::named("/");
        let queue = |generation| {
            Change::QueuePut(Stored {
                value: QueueSpec {
                    vhost: "/".into(),
                    name: "q".into(),
                    durable: true,
                    exclusive: false,
                    auto_delete: false,
                    arguments: Arguments::new(),
                },
                generation,
            })
        };
        let binding = |generation| {
            let spec = BindingSpec {
                vhost: "/".into(),
                source: "amq.fanout".into(),
                destination: Endpoint::Queue("q".into()),
                routing_key: String::new(),
                arguments: Arguments::new(),
            };
            let value = spec;
            Change::BindingPut(Stored { value, generation })
        };
        let put = |recovery: &mut Recovery, change| recovery.apply(change).unwrap();
        let (value, generation) = (vhost, 1);
        put(
            &mut recovery,
            Change::VhostPut(Stored { value, generation }),
        );
        put(&mut recovery, queue(2));
        put(&mut recovery, binding(3));
        put(&mut recovery, binding(4));
        recovery.contents.entry(QueueId(2)).or_default();
        let bindings = |recovery: &Recovery| {
            let topology = read(&recovery.vhosts["/"].1.topology);
            let generations: Vec<_> = topology.bindings().map(|one| one.generation).collect();
            (topology.binding_count(), generations)
        };
        assert_eq!(bindings(&recovery), (1, vec![4]));
        put(&mut recovery, queue(5));
        assert_eq!(bindings(&recovery), (0, vec![]));
        assert!(recovery.contents.is_empty());
        put(&mut recovery, binding(6));
        assert_eq!(bindings(&recovery), (1, vec![6]));
    }

    #[test]
    fn a_record_of_another_kind_is_refused() {
        let mut recovery = Recovery::new(Account::new(u64::MAX, 1024));
        let (kind, epoch) = (Kind::new(200), journal::Epoch(1));
        let record = RecordRef {
            kind,
            epoch,
            start: Lsn(1),
            end: Lsn(2),
            payload: &[1],
        };
        assert!(recovery.record(record).is_err());
        let record = RecordRef {
            kind: records::CHANGE,
            payload: &[99],
            ..record
        };
        assert!(
            recovery.record(record).is_err(),
            "a layout this version does not know"
        );
    }
}
