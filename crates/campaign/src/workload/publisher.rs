//! Publishes numbered messages, each once, and takes note of each confirm.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::Instant;
use wire::amqp091::{BasicPublish, ConfirmSelect};

use super::connection::Incoming;
use super::{Book, Client, Connection, Flow, Phase};
use crate::ledger::{MessageId, PublisherId};

/// Longest time without looking up.
const TURN: Duration = Duration::from_millis(20);

/// Bytes that are written at once.
const WRITE_BYTES: usize = 64 * 1024;

/// A publisher that waits so long for a confirm gives its connection up, unless it was told to wait.
const PATIENCE: Duration = Duration::from_secs(10);

/// A publisher.
pub(super) struct Publishing {
    pub(super) id: PublisherId,
    pub(super) flow: Flow,
    /// Messages a second at most.
    pub(super) rate: Option<u64>,
}

impl Client for Publishing {
    async fn work(&self, book: &Book, node: usize, connection: Connection) -> Result<()> {
        let mut publisher = Publisher {
            book,
            id: self.id,
            flow: self.flow,
            node,
            connection,
            unconfirmed: VecDeque::new(),
            published: 0,
            blocked: false,
            last_confirm: Instant::now(),
        };
        let ended = publisher.publish(self.rate).await;
        publisher.forget();
        ended
    }
}

struct Publisher<'a> {
    book: &'a Book,
    id: PublisherId,
    flow: Flow,
    node: usize,
    connection: Connection,
    /// With the tag of each.
    unconfirmed: VecDeque<(u64, MessageId)>,
    /// On this connection.
    published: u64,
    blocked: bool,
    last_confirm: Instant,
}

impl Publisher<'_> {
    async fn publish(&mut self, rate: Option<u64>) -> Result<()> {
        let confirms = ConfirmSelect::default();
        self.connection.call(&confirms.into()).await?;
        let (mut start, mut before) = (Instant::now(), 0);
        while self.book.phase() != Phase::End {
            if self.book.hurry.load(Ordering::Relaxed) {
                self.fill(u64::MAX);
                // Its time counts from behind what was published in a hurry.
                (start, before) = (Instant::now(), self.published);
            } else {
                self.fill(rate.map_or(u64::MAX, |rate| {
                    before + (start.elapsed().as_millis() as u64 * rate) / 1000 + 1
                }));
            }
            let incoming = self.connection.next(Instant::now() + TURN).await?;
            if let Some(incoming) = incoming {
                self.take(&incoming);
                while let Some(incoming) = self.connection.ready()? {
                    self.take(&incoming);
                }
            }
            let waits = self.unconfirmed.is_empty() || self.blocked;
            ensure!(
                waits || self.last_confirm.elapsed() < PATIENCE,
                "no confirm"
            );
        }
        Ok(())
    }

    /// Adds publishes up to the window, and up to what is due.
    fn fill(&mut self, due: u64) {
        let seed = self.book.ledger().seed();
        while self.book.phase() == Phase::Work
            && !self.blocked
            && self.unconfirmed.len() < self.flow.window
            && self.published < due
            && self.connection.unwritten() < WRITE_BYTES
        {
            let message = self.book.ledger().send(self.id);
            if self.unconfirmed.is_empty() {
                self.last_confirm = Instant::now();
            }
            self.published += 1;
            self.unconfirmed.push_back((self.published, message));
            self.book.unconfirmed.fetch_add(1, Ordering::AcqRel);
            let publish = BasicPublish {
                exchange: self.flow.exchange,
                routing_key: self.flow.queues[0],
                ..Default::default()
            };
            // Sizes differ from message to message, over the whole range.
            let bytes = (message.number as usize * 7919) % self.flow.body_bytes;
            let mode = if self.flow.durable { 2 } else { 1 };
            let body = message.body(seed, bytes);
            self.connection.put_message(&publish, mode, &body);
        }
    }

    fn take(&mut self, incoming: &Incoming) {
        match *incoming {
            Incoming::Blocked(blocked) => self.block(blocked),
            Incoming::Confirm {
                tag,
                multiple,
                positive,
            } => self.confirm(tag, multiple, positive),
            Incoming::Answer(_) | Incoming::Delivery { .. } => {}
        }
    }

    fn confirm(&mut self, tag: u64, multiple: bool, positive: bool) {
        self.last_confirm = Instant::now();
        let mut left = VecDeque::with_capacity(self.unconfirmed.len());
        let mut settled = Vec::new();
        for (number, message) in self.unconfirmed.drain(..) {
            if number == tag || (multiple && number < tag) {
                settled.push(message);
            } else {
                left.push_back((number, message));
            }
        }
        self.unconfirmed = left;
        let count = settled.len() as u64;
        if positive {
            let mut ledger = self.book.ledger();
            settled.into_iter().for_each(|id| ledger.acknowledge(id));
            drop(ledger);
            // Transient messages wait for no disk and no other node.
            if self.flow.durable {
                let now = self.book.now();
                self.book.timeline().acknowledged(now, self.node);
            }
        }
        self.book.unconfirmed.fetch_sub(count, Ordering::AcqRel);
    }

    /// The broker says that it has to wait, or may go on.
    fn block(&mut self, blocked: bool) {
        match (self.blocked, blocked) {
            (false, true) => _ = self.book.blocked.fetch_add(1, Ordering::Relaxed),
            (true, false) => _ = self.book.blocked.fetch_sub(1, Ordering::Relaxed),
            _ => {}
        }
        self.blocked = blocked;
        self.last_confirm = Instant::now();
    }

    /// The connection is over: of what is unconfirmed nobody will ever say more.
    fn forget(&mut self) {
        self.block(false);
        let count = self.unconfirmed.len() as u64;
        let mut ledger = self.book.ledger();
        self.unconfirmed
            .drain(..)
            .for_each(|(_, id)| ledger.give_up(id));
        drop(ledger);
        self.book.unconfirmed.fetch_sub(count, Ordering::AcqRel);
    }
}
