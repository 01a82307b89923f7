//! Keeping the journal short: checkpoints of the definitions, and the front of the journal freed.
//!
//! The journal can only be freed from its front, and only up to the oldest record anybody needs:
//! the oldest message that sits in a queue, and the oldest change no checkpoint covers. A few old
//! messages would keep everything behind them; when the journal outgrows what is alive in it
//! several times, the messages at its front are appended again at its end (*copied forward*).
//!
//! Everything here happens on the writer's thread, in small steps after commits. Three rules keep a
//! crash at any line harmless:
//!
//! - What was decided by looking at the live messages is only done when all that had been appended
//!   by then is durable: a message that went takes its segment with it only after its settlement.
//! - A copy is entered in the account after it was appended; until then its old record counts.
//! - A message settled between being looked at and being copied is settled once more behind the copy
//!   ([`Broker::moved`]). Nothing is freed before that is done for all copies, which is when they are
//!   durable: a queue that has a message in the journal alone must be able to read it.
//!
//! Once encryption is set up ([`Options::keys`](crate::journal::Options)), segments that were written
//! before are let go the same way, however small the journal is, until none is left
//! ([`Journal::plain_below`](crate::journal::Journal::plain_below)).
//!
//! Copies take ordinary room only: on a full disk what is left belongs to settlements.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::placed::{Appended, Places};
use super::{Broker, LiveQueue, Vhost};
use crate::access::Users;
use crate::admin::EncryptionStats;
use crate::definitions::{Stored, VhostSpec};
use crate::journal::{
    Admission, AppendError, CheckpointError, Haste, Lsn, ReadWindow, Record, SegmentSpan,
};
use crate::lock::{lock, read, write};
use crate::message::Message;
use crate::queue::State;
use crate::records::{self, Change, Checkpoint};

/// What is under way.
#[derive(Debug)]
pub(super) struct Upkeep {
    segment_bytes: u64,
    /// The journal's end when it was last looked over.
    looked: Lsn,
    /// The oldest record when messages were last gathered out of segments that are not encrypted.
    exposed: Lsn,
    /// What was last freed.
    released: Lsn,
    /// Free everything below the second position once the first is durable.
    free: Option<(Lsn, Lsn)>,
    /// Write this checkpoint once its position is durable.
    checkpoint: Option<(Lsn, Vec<u8>)>,
    /// Size of the last checkpoint.
    checkpoint_bytes: u64,
    /// Messages to be copied forward.
    copies: VecDeque<Copy>,
    /// Copies that are not durable yet.
    moves: VecDeque<Move>,
    /// Bytes of messages in memory when queues were last asked to keep less; 0 while that is not
    /// needed.
    tight_bytes: u64,
    record: Vec<u8>,
}

/// Writes down all virtual hosts with what is in them, and all users.
pub(super) fn write_definitions<'v>(
    checkpoint: &mut Checkpoint,
    vhosts: impl IntoIterator<Item = &'v (Stored<VhostSpec>, Arc<Vhost>)>,
    users: &Users,
) {
    for (definition, vhost) in vhosts {
        checkpoint.put(&Change::VhostPut(definition.clone()));
        if let Some(limits) = vhost.limits() {
            checkpoint.put(&Change::LimitsPut(limits));
        }
        read(&vhost.topology).write_to(checkpoint);
    }
    for user in users.values() {
        checkpoint.put(&Change::UserPut(user.definition.clone()));
        for granted in user.permissions.values() {
            checkpoint.put(&Change::PermissionPut(granted.definition.clone()));
        }
        for stored in user.topic_permissions.values() {
            checkpoint.put(&Change::TopicPermissionPut(stored.clone()));
        }
        if let Some(limits) = user.limits.clone() {
            checkpoint.put(&Change::LimitsPut(limits));
        }
    }
}

/// A message in the oldest segments.
#[derive(Debug)]
struct Copy {
    record: Lsn,
    size_bytes: usize,
    /// If it is in memory.
    message: Option<Arc<Message>>,
    places: Places,
}

/// A message that was copied.
#[derive(Debug)]
struct Move {
    copy: Appended,
    places: Places,
}

/// Changes after which a checkpoint is taken even if nothing else asks for one.
const CHANGES_PER_CHECKPOINT: u64 = 8192;

/// A checkpoint is taken for the journal's sake once it lets so many segments go…
const SEGMENTS_PER_CHECKPOINT: u64 = 4;

/// …and so many times its own size.
const CHECKPOINT_FACTOR: u64 = 8;

/// The journal is let grow to so many times its live bytes…
const LIVE_FACTOR: u64 = 4;

/// …and to so many segments in any case.
const MIN_SEGMENTS: u64 = 6;

/// Bytes copied forward per commit: small beside what one commit writes at full load.
const COPY_BYTES: usize = 1 << 20;

impl Upkeep {
    pub(super) fn new(segment_bytes: u64) -> Self {
        Self {
            segment_bytes,
            looked: Lsn(0),
            exposed: Lsn(0),
            released: Lsn(0),
            free: None,
            checkpoint: None,
            checkpoint_bytes: 0,
            copies: VecDeque::new(),
            moves: VecDeque::new(),
            tight_bytes: 0,
            record: Vec::new(),
        }
    }
}

impl Broker {
    /// One step of upkeep. Whoever finds another at it leaves it to him.
    pub(super) fn upkeep(&self) {
        let Ok(mut upkeep) = self.upkeep.try_lock() else {
            return;
        };
        self.keep_less(&mut upkeep);
        let durable = self.journal.durable();
        while let Some(moved) = upkeep.moves.pop_front_if(|it| it.copy.end <= durable) {
            self.moved(&moved.places, moved.copy.start);
        }
        if !upkeep.copies.is_empty() {
            if !upkeep.copies.is_empty() {
                self.copy_forward(&mut upkeep);
            }
        } else if !upkeep.moves.is_empty() {
            // Nothing is freed before every queue knows where its messages are.
        } else if upkeep.free.is_none() && upkeep.checkpoint.is_none() {
            self.look_over(&mut upkeep);
        }
        if let Some((covered, payload)) = upkeep.checkpoint.take_if(|(when, _)| *when <= durable) {
            upkeep.checkpoint_bytes = payload.len() as u64;
            self.write_checkpoint(covered, &payload);
        }
        let mut released = false;
        if let Some((_, below)) = upkeep.free.take_if(|(when, _)| *when <= durable) {
            self.journal.release_before(below);
            released = below > upkeep.released;
            upkeep.released = below;
        }
        let more = released || !upkeep.copies.is_empty() || upkeep.free.is_some();
        if more && self.is_exposed() {
            // Though nobody may be using the broker.
            self.journal.recall();
        }
    }

    /// Records lie on the disk unencrypted that should not.
    fn is_exposed(&self) -> bool {
        self.journal.encrypts() && self.journal.plain_below() > Lsn(0)
    }

    /// Fills the journal up to where the account tells copies from what is not encrypted, for that may
    /// end anywhere. True if it has to grow yet.
    fn set_apart(&self) -> bool {
        let from = self.account.bucket_end(self.journal.plain_below());
        let missing = from.0.saturating_sub(self.journal.end().0);
        if missing == 0 {
            return false;
        }
        let size = (missing as usize).min(self.journal.payload_max_bytes() / 2);
        let filler = Record {
            kind: records::FILLER,
            admission: Admission::Ordinary,
            parts: &[&vec![0; size]],
            body: None,
        };
        // Tried again with the next commit.
        if let Err(error) = self.journal.append(&filler, Haste::Now) {
            tracing::debug!(%error, "what is not encrypted waits to be rewritten");
        }
        true
    }

    /// What of the journal is encrypted.
    pub(crate) fn encryption(&self) -> EncryptionStats {
        let plain_below = self.journal.plain_below();
        EncryptionStats {
            encrypts: self.journal.encrypts(),
            plain_bytes: plain_below.0.saturating_sub(self.journal.first().0),
        }
    }

    /// Decides what to do next, once the journal has grown by a part of a segment, or when room is
    /// wanted.
    fn look_over(&self, upkeep: &mut Upkeep) {
        let end = self.journal.end();
        let many_changes = lock(&self.changes).since_checkpoint >= CHANGES_PER_CHECKPOINT;
        if many_changes {
            upkeep.checkpoint = Some(self.take_checkpoint());
        }
        let full = self.journal.is_full();
        let grown = end.0 - upkeep.looked.0 >= upkeep.segment_bytes / 4;
        let exposed = self.is_exposed();
        if !grown && !full && !exposed || exposed && self.set_apart() {
            return;
        }
        if grown {
            upkeep.looked = end;
        }
        let segments = self.journal.segments();
        let [oldest, .., newest] = segments.as_slice() else {
            return;
        };
        let needed = self.account.oldest().unwrap_or(end);
        let kept = newest.end.0 - oldest.start.0;
        let bound = LIVE_FACTOR * self.account.journaled_bytes();
        let outgrown = exposed || kept > bound.max(MIN_SEGMENTS * upkeep.segment_bytes);
        if oldest.end <= needed {
            upkeep.free = Some((end, needed));
            let uncovered = needed.0.saturating_sub(self.journal.checkpointed().0);
            let worth = (SEGMENTS_PER_CHECKPOINT * upkeep.segment_bytes)
                .max(CHECKPOINT_FACTOR * upkeep.checkpoint_bytes);
            let pressed = full || outgrown;
            if upkeep.checkpoint.is_none() && (uncovered >= worth || pressed && uncovered > 0) {
                upkeep.checkpoint = Some(self.take_checkpoint());
            }
            return;
        }
        // Looking at every message is dear: not after each commit while the disk is full.
        let first_time = exposed && upkeep.exposed < oldest.start;
        if (grown || first_time) && outgrown {
            upkeep.exposed = oldest.start;
            self.gather_copies(upkeep, &segments);
        }
    }

    /// Everything needed to make the definitions from nothing, and the position it stands for.
    fn take_checkpoint(&self) -> (Lsn, Vec<u8>) {
        // With the changes held, no record of one can be appended while we look.
        let mut changes = lock(&self.changes);
        let covered = self.journal.end();
        changes.since_checkpoint = 0;
        let mut checkpoint = Checkpoint::new(changes.reserved);
        let vhosts: Vec<_> = read(&self.vhosts).values().cloned().collect();
        write_definitions(&mut checkpoint, &vhosts, &read(&self.users));
        (covered, checkpoint.finish())
    }

    fn write_checkpoint(&self, covered: Lsn, payload: &[u8]) {
        match self.journal.checkpoint(covered, payload) {
            Ok(()) => {}
            // The one before still stands, and nothing it does not cover is freed.
            Err(error @ (CheckpointError::Full(_) | CheckpointError::Ahead { .. })) => {
                tracing::warn!(%error, "checkpoint was not written");
            }
            // Reported by the writer.
            Err(CheckpointError::Stopped(_)) => {}
        }
    }

    /// Finds the messages whose records lie in the oldest segments: so many segments as hold no
    /// more live bytes than one segment can take, at least one.
    fn gather_copies(&self, upkeep: &mut Upkeep, segments: &[SegmentSpan]) {
        let fits = |segment: &&SegmentSpan| {
            self.account.journaled_bytes_below(segment.end) <= upkeep.segment_bytes
        };
        let below = segments
            .iter()
            .take_while(fits)
            .last()
            .unwrap_or(&segments[0])
            .end;
        // What the account counts there may begin a little above.
        let below = self.account.bucket_end(below);
        let mut copies: BTreeMap<Lsn, Copy> = BTreeMap::new();
        for vhost in self.all_vhosts() {
            // Who is just publishing keeps the topology until all queues have the message: after this
            // no copy can leave out one that is still to get it.
            let queues: Vec<_> = write(&vhost.topology).holders().cloned().collect();
            for queue in queues.iter().filter(|queue| queue.is_journaled()) {
                queue.inspect_used(|state| gather_from(queue, state, below, &mut copies));
            }
        }
        upkeep.copies = copies.into_values().collect();
    }

    /// Appends some of the gathered messages again.
    fn copy_forward(&self, upkeep: &mut Upkeep) {
        self.copy_some(upkeep);
        // Segments are freed behind the copies.
        self.journal.hurry();
    }

    fn copy_some(&self, upkeep: &mut Upkeep) {
        let mut window = ReadWindow::default();
        let mut copied = 0;
        while copied < COPY_BYTES {
            let Some(copy) = upkeep.copies.front() else {
                return;
            };
            match self.append_copy(copy, &mut window, &mut upkeep.record) {
                Ok(appended) => {
                    copied += copy.size_bytes;
                    if let Some(Copy { places, .. }) = upkeep.copies.pop_front() {
                        let copy = appended;
                        upkeep.moves.push_back(Move { copy, places });
                    }
                }
                Err(AppendError::NotYet) => return,
                // Looked for again once there is room.
                Err(_) => return upkeep.copies.clear(),
            }
        }
    }

    fn append_copy(
        &self,
        copy: &Copy,
        window: &mut ReadWindow,
        record: &mut Vec<u8>,
    ) -> Result<Appended, AppendError> {
        let read;
        let message = match (&copy.message, copy.places.first()) {
            (Some(message), _) => &**message,
            (None, Some((queue, sequence))) => {
                read = self.read_copy(copy.record, (queue.id, *sequence), window)?;
                &read
            }
            (None, None) => return Err(AppendError::NotYet),
        };
        self.append_placed(message, &copy.places, Admission::Ordinary, record)
    }

    /// Has all queues keep less in memory each time that much more of it is used, and with each
    /// commit while there is too little.
    fn keep_less(&self, upkeep: &mut Upkeep) {
        if !self.account.is_tight() {
            upkeep.tight_bytes = 0;
            return;
        }
        let bytes = self.account.bytes();
        let step_bytes = self.limits.memory_bytes / 16;
        upkeep.tight_bytes = upkeep.tight_bytes.min(bytes);
        if self.account.is_over() || bytes >= upkeep.tight_bytes + step_bytes {
            self.page_out_all();
            upkeep.tight_bytes = self.account.bytes();
        }
    }
}

/// The queue's messages whose records begin below that position.
fn gather_from(
    queue: &Arc<LiveQueue>,
    state: &State,
    below: Lsn,
    copies: &mut BTreeMap<Lsn, Copy>,
) {
    let in_memory = state.entries().filter(|entry| entry.journaled);
    let in_memory = in_memory.filter_map(|entry| {
        let record = entry.message.hold.as_ref()?.record()?;
        let size_bytes = entry.message.size_bytes();
        Some((entry.sequence, record, size_bytes, Some(&entry.message)))
    });
    let paged = state
        .stubs_below(below)
        .map(|stub| (stub.sequence, stub.record, stub.size_bytes as usize, None));
    let old = in_memory
        .chain(paged)
        .filter(|(_, record, ..)| *record < below);
    for (sequence, record, size_bytes, message) in old {
        let copy = copies.entry(record).or_insert_with(|| Copy {
            record,
            size_bytes,
            message: None,
            places: Vec::new(),
        });
        copy.places.push((Arc::clone(queue), sequence));
        if copy.message.is_none() {
            copy.message = message.cloned();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::{Attachment, BrokerConfig, Login};
    use crate::call::{DeclareQueue, Outcome, Publish};
    use crate::definitions::{Expect, PermissionSpec, UserUpdate};
    use crate::journal::{
        self, Kind, Options, RecordRef, Replay, SimDisk, Survival, Turn, Unreadable, Writer,
    };
    use crate::message::{Envelope, Properties};
    use crate::outbox::Wake;
    use crate::records;
    use crate::value::Arguments;

    #[derive(Debug)]
    struct NoWake;

    impl Wake for NoWake {
        fn wake(&self) {}
    }

    /// The kinds of all records of a journal.
    #[derive(Default)]
    struct Kinds(Vec<Kind>);

    impl Replay for Kinds {
        fn checkpoint(&mut self, _: Lsn, _: &[u8]) -> Result<(), Unreadable> {
            Ok(())
        }

        fn record(&mut self, record: RecordRef<'_>) -> Result<(), Unreadable> {
            self.0.push(record.kind);
            Ok(())
        }
    }

    /// Segments so small that the account tells positions apart.
    fn config() -> BrokerConfig {
        let journal = Options {
            segment_bytes: 32 << 10,
            batch_bytes: 16 << 10,
            keep_free_bytes: Some(0),
            ..Options::default()
        };
        BrokerConfig {
            journal,
            ..BrokerConfig::default()
        }
    }

    /// A broker with a queue `q` and one message in it, all durable.
    fn with_message(disk: &SimDisk) -> (Attachment, Writer) {
        let disk = Arc::new(disk.clone());
        let (broker, mut writer) = Broker::open(&config(), disk).unwrap();
        let all = || ".*".to_owned();
        let (user, vhost) = ("u".to_owned(), "/".to_owned());
        let (configure, write, read) = (all(), all(), all());
        let spec = PermissionSpec {
            user,
            vhost,
            configure,
            write,
            read,
        };
        broker
            .put_user("u", UserUpdate::default(), Expect::Any)
            .unwrap();
        broker.put_permission(&spec, Expect::Any).unwrap();
        let login = Login {
            username: "u".into(),
        };
        let attachment = broker
            .attach(&login, "/", String::new().into(), Box::new(NoWake))
            .unwrap();
        let queue = DeclareQueue {
            name: "q",
            passive: false,
            durable: true,
            exclusive: false,
            auto_delete: false,
            arguments: Arguments::new(),
        };
        attachment.declare_queue(&queue).unwrap();
        attachment.publish_one(message(3000)).unwrap();
        writer.turn().unwrap();
        (attachment, writer)
    }

    fn message(size: usize) -> Publish {
        let envelope = Envelope {
            exchange: "".into(),
            routing_key: "q".into(),
            properties: Properties::Amqp091(vec![0, 0].into()),
            persistent: true,
            further_keys: Box::default(),
        };
        Publish {
            envelope: Arc::new(envelope),
            body: vec![b'x'; size].into(),
        }
    }

    /// Chooses the queue's message to be copied.
    fn chosen(broker: &Broker) -> Vec<Copy> {
        let queue = broker.vhost("/").unwrap().queue("q").unwrap();
        let mut copies = BTreeMap::new();
        queue.inspect(|state| gather_from(&queue, state, Lsn(u64::MAX), &mut copies));
        copies.into_values().collect()
    }

    /// Copies it, and has the queue know.
    fn copy(broker: &Broker, copies: &[Copy]) {
        for copy in copies {
            let appended = broker
                .append_copy(copy, &mut ReadWindow::default(), &mut Vec::new())
                .unwrap();
            broker.moved(&copy.places, appended.start);
        }
    }

    fn kinds_after(disk: &SimDisk, mut writer: Writer, attachment: Attachment) -> Vec<Kind> {
        while writer.turn().unwrap() != Turn::Idle {}
        let options = config().journal;
        let disk = disk.after_power_loss(Survival::Nothing);
        drop((attachment, writer));
        let mut kinds = Kinds::default();
        journal::open(Arc::new(disk), &options, &mut kinds).unwrap();
        kinds.0.retain(|kind| *kind != records::CHANGE);
        kinds.0
    }

    #[test]
    fn a_message_settled_before_its_copy_is_settled_once_more_behind_it() {
        let disk = SimDisk::new(1);
        let (attachment, writer) = with_message(&disk);
        let broker = Arc::clone(attachment.broker());
        let copies = chosen(&broker);
        attachment.get("q", true).unwrap().unwrap();
        copy(&broker, &copies);
        let kinds = kinds_after(&disk, writer, attachment);
        let (publish, settle) = (records::PUBLISH, records::SETTLE);
        assert_eq!(kinds, [publish, settle, publish, settle]);
    }

    #[test]
    fn a_message_that_is_still_there_is_copied_and_counts_at_its_new_place() {
        let disk = SimDisk::new(1);
        let (attachment, writer) = with_message(&disk);
        let broker = Arc::clone(attachment.broker());
        let (delivery, _) = attachment.get("q", false).unwrap().unwrap();
        let before = broker.account.oldest().unwrap();
        copy(&broker, &chosen(&broker));
        assert!(broker.account.oldest().unwrap() > before);
        attachment.settle(delivery.queue, &[delivery.sequence], Outcome::Requeue);
        let kinds = kinds_after(&disk, writer, attachment);
        assert_eq!(kinds, [records::PUBLISH, records::PUBLISH]);
    }

    #[test]
    fn copies_leave_the_reserve_of_a_full_disk_to_settlements() {
        let disk = SimDisk::new(1);
        let (attachment, mut writer) = with_message(&disk);
        let broker = Arc::clone(attachment.broker());
        disk.set_capacity_bytes(0);
        let publish = || attachment.publish_one(message(500));
        while publish().is_ok() {
            while writer.turn().unwrap() != Turn::Idle {}
        }
        let mut upkeep = lock(&broker.upkeep);
        upkeep.copies = chosen(&broker).into();
        broker.copy_forward(&mut upkeep);
        assert!(upkeep.copies.is_empty(), "put off until there is room");
        drop(upkeep);
        attachment.get("q", true).unwrap().unwrap();
        assert!(!broker.journal.is_stuck(), "the settlement went in");
    }
}
