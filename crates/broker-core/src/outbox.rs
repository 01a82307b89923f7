//! What the broker has to say to a connection: a bounded mailbox drained once per turn.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Mutex;

use crate::call::{ConsumerId, Delivery};

/// Wakes the driver of a connection; `broker-net` implements it. Must be cheap and never block.
pub trait Wake: Send + Sync + fmt::Debug {
    /// There is something in the outbox, or the journal moved past a position the session waits for.
    fn wake(&self);
}

/// One thing the broker tells a connection.
#[derive(Debug, Clone)]
pub enum Event {
    /// A message for one of its consumers.
    Deliver(Delivery),
    /// A consumer ended because its queue went away.
    ConsumerCancelled(ConsumerId),
    /// The connection must close: an operator asked, or its virtual host or user was deleted.
    Close(String),
}

/// The mailbox of one connection. Queues push, the session drains.
#[derive(Debug)]
pub struct Outbox {
    inner: Mutex<Inner>,
    waker: Box<dyn Wake>,
    /// Bytes of undelivered messages above which queues stop pushing.
    limit_bytes: usize,
}

#[derive(Debug, Default)]
struct Inner {
    events: VecDeque<Event>,
    bytes: usize,
    closed: bool,
}
