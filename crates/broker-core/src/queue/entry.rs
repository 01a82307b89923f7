//! A message's place in a queue.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use super::{Consumer, Stub};
use crate::account::MESSAGE_BYTES;
use crate::call::{ConnectionId, Delivery, QueueId, Sequence};
use crate::clock::Timestamp;
use crate::journal::Lsn;
use crate::message::Message;
use crate::number_hash::NumberHasher;

/// One message in one queue.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) sequence: Sequence,
    pub(crate) message: Arc<Message>,
    /// When it is no more for anyone who has not got it yet; see [`Timestamp::NEVER`].
    pub(crate) expires: Timestamp,
    /// The journal holds the message for this queue, and must be told when it is done.
    pub(crate) journaled: bool,
    /// It was, or may have been, handed out before.
    pub(crate) redelivered: bool,
    /// How often it came back since the broker was opened, in a queue that counts that.
    pub(crate) returns: u32,
}

/// An entry that was handed out.
#[derive(Debug)]
pub(super) struct Unsettled {
    pub(super) entry: Entry,
    pub(super) holder: Holder,
}

/// Who has to settle an entry.
#[derive(Debug, Clone)]
pub(super) enum Holder {
    /// A connection that asked for one message.
    Connection(ConnectionId),
    /// A consumer, possibly cancelled since.
    Consumer(Arc<Consumer>),
}

/// Unsettled entries by sequence.
pub(super) type UnsettledMap = HashMap<Sequence, Unsettled, BuildHasherDefault<NumberHasher>>;

impl Entry {
    pub(super) fn into_delivery(self, queue: QueueId, consumer: Option<&Consumer>) -> Delivery {
        Delivery {
            consumer: consumer.map(|consumer| consumer.id),
            queue,
            sequence: self.sequence,
            redelivered: self.redelivered,
            returns: self.returns,
            offset: None,
            message: self.message,
        }
    }

    /// It may expire.
    pub(super) fn is_timed(&self) -> bool {
        self.expires < Timestamp::NEVER
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
            returns: self.returns,
            timed: self.is_timed(),
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
