//! A message's place in a queue.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use super::{Consumer, Stub};
use crate::account::MESSAGE_BYTES;
use crate::call::{ConnectionId, Delivery, QueueId, Sequence};
use crate::journal::Lsn;
use crate::message::Message;

/// One message in one queue.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) sequence: Sequence,
    pub(crate) message: Arc<Message>,
    /// The journal holds the message for this queue, and must be told when it is done.
    pub(crate) journaled: bool,
    /// It was, or may have been, handed out before.
    pub(crate) redelivered: bool,
}

/// An entry that was handed out.
#[derive(Debug)]
pub(super) struct Unsettled {
    pub(super) entry: Entry,
    pub(super) holder: Holder,
}

/// Who has to settle an entry.
#[derive(Debug)]
pub(super) enum Holder {
    /// A connection that asked for one message.
    Connection(ConnectionId),
    /// A consumer, possibly cancelled since.
    Consumer(Arc<Consumer>),
}

/// Unsettled entries by sequence.
pub(super) type UnsettledMap = HashMap<Sequence, Unsettled, BuildHasherDefault<SequenceHasher>>;

/// Sequences are numbers the broker counts up itself: nobody can craft collisions, so one
/// multiplication spreads them well enough.
#[derive(Debug, Default)]
pub(super) struct SequenceHasher(u64);

impl Entry {
    pub(super) fn delivery(&self, queue: QueueId, consumer: Option<&Consumer>) -> Delivery {
        Delivery {
            consumer: consumer.map(|consumer| consumer.id),
            queue,
            sequence: self.sequence,
            redelivered: self.redelivered,
            message: Arc::clone(&self.message),
        }
    }

    /// Bytes it takes in memory, the message's own structures included.
    pub(super) fn weight_bytes(&self) -> usize {
        self.message.size_bytes() + MESSAGE_BYTES as usize
    }

    /// What is left of it when it is in the journal alone; none unless its record is there for good.
    pub(super) fn stub(&self, durable: Lsn) -> Option<Stub> {
        if !self.journaled || self.message.lsn > durable {
            return None;
        }
        let record = self.message.hold.as_ref()?.record()?;
        (record < durable).then_some(Stub {
            sequence: self.sequence,
            record,
            size_bytes: u32::try_from(self.message.size_bytes()).ok()?,
            redelivered: self.redelivered,
        })
    }
}

impl Holder {
    pub(super) fn connection(&self) -> ConnectionId {
        match self {
            Self::Connection(connection) => *connection,
            Self::Consumer(consumer) => consumer.connection,
        }
    }
}

impl Hasher for SequenceHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes
            .iter()
            .for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
