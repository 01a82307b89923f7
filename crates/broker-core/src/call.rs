//! The neutral calls: what sessions ask of the broker, as plain data.
//!
//! No word of a protocol here. A protocol that needs a new verb adds it here in neutral words.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use crate::clock::Timestamp;
use crate::durability::Promise;
use crate::journal::Lsn;
use crate::message::{Body, Envelope, Message};
use crate::value::Arguments;

/// Number of a connection, unique for the life of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// Number of a queue, never reused for the life of the broker's data, across restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueueId(pub u64);

/// Place of a message in its queue, kept across requeues and restarts: the message's rank in the
/// upper eight bits, the lower the sooner, and below a number that rises with every publish. Most
/// queues know one rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sequence(pub u64);

impl Sequence {
    const NUMBER_BITS: u32 = 56;
    const DUE_NUMBER_BITS: u32 = 22;

    /// The place of a message of that rank and number.
    pub(crate) const fn ranked(rank: u8, number: u64) -> Self {
        Self((rank as u64) << Self::NUMBER_BITS | number)
    }

    /// The place of a message that is due then, in a queue ordered by that: the milliseconds above,
    /// until the year 2109, and below as much of a rising number as fits.
    pub(crate) const fn due(due: Timestamp, number: u64) -> Self {
        const MAX_MS: u64 = u64::MAX >> Sequence::DUE_NUMBER_BITS;
        let ms = if due.0 < MAX_MS { due.0 } else { MAX_MS };
        let low = number & ((1 << Self::DUE_NUMBER_BITS) - 1);
        Self(ms << Self::DUE_NUMBER_BITS | low)
    }

    /// When that message is due.
    pub(crate) const fn due_time(self) -> Timestamp {
        Timestamp(self.0 >> Self::DUE_NUMBER_BITS)
    }

    /// The number, which no other message of the queue has.
    pub(crate) const fn number(self) -> u64 {
        self.0 & ((1 << Self::NUMBER_BITS) - 1)
    }
}

/// Number of a consumer within its connection, chosen by the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConsumerId(pub u64);

/// Declare an exchange, or check that it exists when `passive`.
#[derive(Debug, Clone, PartialEq)]
pub struct DeclareExchange<'a> {
    /// Its name; the empty name is the default exchange and cannot be declared.
    pub name: &'a str,
    /// The name of an [`ExchangeKind`](crate::definitions::ExchangeKind).
    pub kind: &'a str,
    /// Only check.
    pub passive: bool,
    /// Survives a restart.
    pub durable: bool,
    /// Deleted when its last binding goes.
    pub auto_delete: bool,
    /// Publishers may not use it; only bindings feed it.
    pub internal: bool,
    /// Extra arguments.
    pub arguments: Arguments,
}

/// Declare a queue, or check that it exists when `passive`.
#[derive(Debug, Clone, PartialEq)]
pub struct DeclareQueue<'a> {
    /// Its name; empty asks the broker to choose one (`amq.gen-…`).
    pub name: &'a str,
    /// Only check.
    pub passive: bool,
    /// Survives a restart.
    pub durable: bool,
    /// Only this connection may use it; deleted with the connection.
    pub exclusive: bool,
    /// Deleted when its last consumer goes.
    pub auto_delete: bool,
    /// Extra arguments (`x-…`).
    pub arguments: Arguments,
}

/// What a declaration found or made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueDeclared {
    /// The queue's name, chosen by the broker where none was given.
    pub name: Arc<str>,
    /// Messages ready for delivery.
    pub messages: u32,
    /// Consumers attached.
    pub consumers: u32,
    /// Reply only when the journal is durable up to here; 0 for no wait.
    pub lsn: Lsn,
}

/// The other end of a binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination<'a> {
    /// An exchange of the same virtual host.
    Exchange(&'a str),
    /// A queue of the same virtual host.
    Queue(&'a str),
}

/// Join a source exchange to a destination, or part them again.
#[derive(Debug, Clone, PartialEq)]
pub struct Bind<'a> {
    /// The exchange that feeds.
    pub source: &'a str,
    /// What it feeds.
    pub destination: Destination<'a>,
    /// The rule; its meaning is the exchange's.
    pub routing_key: &'a str,
    /// Extra arguments; part of the binding's identity.
    pub arguments: Arguments,
}

/// Publish one message.
#[derive(Debug, Clone)]
pub struct Publish {
    /// Where to, and how. Messages in a row that share it are routed once.
    pub envelope: Arc<Envelope>,
    /// The payload.
    pub body: Body,
}

/// What became of a publish.
#[derive(Debug)]
pub enum Published {
    /// In at least one queue. Confirm when the promise is kept.
    Routed(Promise),
    /// A queue it reached turned it away: it holds as much as it may. Others may have it.
    Refused,
    /// In no queue; the message comes back for a protocol that returns such messages.
    Unroutable(Publish),
}

/// Attach a consumer to a queue.
#[derive(Debug, Clone)]
pub struct Consume<'a> {
    /// Which queue.
    pub queue: &'a str,
    /// The session's number for this consumer; deliveries name it.
    pub consumer: ConsumerId,
    /// Deliveries count as settled when sent.
    pub auto_settle: bool,
    /// No other consumer beside this one.
    pub exclusive: bool,
    /// Most unsettled deliveries this consumer may hold; 0 = no limit of its own.
    pub prefetch: u32,
    /// A further limit shared by several consumers (a channel), if there is one.
    pub shared: Option<Arc<SharedPrefetch>>,
    /// Extra arguments.
    pub arguments: Arguments,
}

/// A limit on unsettled deliveries shared by the consumers of one channel.
#[derive(Debug, Default)]
pub struct SharedPrefetch {
    /// Most unsettled deliveries; 0 = no limit.
    pub limit: AtomicU32,
    /// Unsettled now.
    pub unsettled: AtomicU32,
}

/// One handing of a message to one consumer, or to a `get` when `consumer` is none.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// For which consumer of the connection.
    pub consumer: Option<ConsumerId>,
    /// From which queue; give it back with the settlement.
    pub queue: QueueId,
    /// Which message of the queue; which delivery, if the queue is a stream.
    pub sequence: Sequence,
    /// It was handed out before.
    pub redelivered: bool,
    /// How often it came back, in a queue that counts that; else 0.
    pub returns: u32,
    /// Its place, if the queue is a stream.
    pub offset: Option<u64>,
    /// The message.
    pub message: Arc<Message>,
}

/// Settlements of deliveries of one queue with one outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settle {
    /// Which queue.
    pub queue: QueueId,
    /// The word on all of them.
    pub outcome: Outcome,
    /// Which deliveries.
    pub sequences: Vec<Sequence>,
}

/// The consumer's word on a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done; forget the message.
    Accept,
    /// Not wanted; forget it (or dead-letter it, where that is set up).
    Reject,
    /// Back to its place in the queue, for anyone.
    Requeue,
}
