//! Transactions: publishes and settlements of a connection that take effect together or not at all,
//! after a crash too.
//!
//! They are collected by whoever speaks the protocol; the broker hears of them when they are
//! committed. Then all their records go to the journal in one piece, which recovery takes whole or
//! not at all, before any queue knows of it. What is settled has its record there, and once more when
//! its queue is told: a copy the journal makes of the message in between is settled by the second.
//!
//! What is rejected to where its queue's dead letters go is told to that queue after the piece is
//! appended. A crash in between finds it where it was.

use std::collections::HashMap;
use std::sync::Arc;

use super::attachment::Attachment;
use super::dispatch::Dispatch;
use super::exchanges::no_exchange;
use super::placed::Appended;
use super::route::Route;
use super::streams::Streams;
use super::{Broker, LiveQueue, Topology, refuse_append};
use crate::account::Hold;
use crate::call::{Outcome, Publish, QueueId, Settle};
use crate::journal::{Admission, AppendError, Haste, Lsn, Record};
use crate::lock::lock;
use crate::message::{Body, Message};
use crate::queue::State;
use crate::records::{self, write_publish_head, write_settle};
use crate::refusal::{Reason, Refusal};

/// A transaction that took effect.
#[derive(Debug)]
pub struct Committed {
    /// Say so once everything is durable up to here.
    pub lsn: Lsn,
    /// Which of the messages reached no queue, in order.
    pub unroutable: Vec<usize>,
}

/// A transaction that did not take effect, nothing of it.
#[derive(Debug)]
pub enum Uncommitted {
    /// The journal has to prepare a segment first: try again when the connection is woken.
    NotYet,
    /// It never will.
    Refused(Refusal),
}

/// A message and its queues.
type Routed = (Message, Vec<Arc<LiveQueue>>);

/// A record to be: what stands before its body, and the body.
#[derive(Debug)]
struct Draft {
    head: Vec<u8>,
    body: Body,
}

impl Attachment {
    /// Whether a message may become part of a transaction; if so it counts against the broker's
    /// memory until what is answered is dropped.
    pub(crate) fn hold_back(&self, publish: &Publish) -> Result<Hold, Refusal> {
        let envelope = &publish.envelope;
        self.check_size(publish.body.len())?;
        self.check_far_over()?;
        let mut own = lock(&self.own);
        let topology = self.connection.vhost.open()?;
        self.check_envelope(&topology, envelope, &mut own.access)?;
        if topology.exchange(&envelope.exchange).is_none() {
            return Err(no_exchange(&envelope.exchange, self.vhost()));
        }
        let size_bytes = envelope.size_bytes() + publish.body.len();
        Ok(self.broker.account.hold(size_bytes, None))
    }

    /// Publishes and settles all of it, or nothing.
    pub fn commit(
        &self,
        publishes: &[Publish],
        settles: &[Settle],
    ) -> Result<Committed, Uncommitted> {
        let broker = &self.broker;
        let queues = lock(&self.own).queues.clone();
        // Held until the queues have the messages, as by any publisher.
        let topology = (self.connection.vhost.open()).map_err(Uncommitted::Refused)?;
        let (routed, unroutable) = broker.route_all(&topology, publishes)?;
        let streams = Streams::among(routed.iter().flat_map(|(_, queues)| queues));
        let turn = streams.take_turn();
        let mut dispatches: Vec<_> = routed
            .into_iter()
            .map(|(message, queues)| broker.dispatch(message, queues))
            .collect();
        let call_off = || dispatches.iter().for_each(Dispatch::call_off);
        let drafts: Vec<_> = dispatches.iter().filter_map(Draft::of_publish).collect();
        let settled = self.draft_settles(&queues, settles);
        let ends = self
            .wait_for_debts(&streams)
            .and_then(|()| self.append_drafts(&drafts, &settled))
            .inspect_err(|_| call_off())?;
        turn.keep();
        let journaled = dispatches.iter_mut().filter(|it| !it.places.is_empty());
        for ((dispatch, draft), end) in journaled.zip(&drafts).zip(&ends) {
            let start = broker.journal.start_of(*end, draft.len());
            dispatch.appended(Appended { start, end: *end });
        }
        broker.deliver_all(dispatches);
        drop(topology);
        for settle in settles {
            self.settle(settle.queue, &settle.sequences, settle.outcome);
        }
        broker.bury();
        let tally = &self.connection.tally;
        tally.published.add(publishes.len() as u64);
        tally.unroutable.add(unroutable.len() as u64);
        let lsn = ends.last().copied().unwrap_or_default();
        Ok(Committed { lsn, unroutable })
    }

    /// Records of what leaves its queue for good.
    fn draft_settles(
        &self,
        queues: &HashMap<QueueId, Arc<LiveQueue>>,
        settles: &[Settle],
    ) -> Vec<Vec<u8>> {
        let draft = |settle: &Settle| {
            let queue = queues.get(&settle.queue)?;
            let is_done = match settle.outcome {
                Outcome::Accept => true,
                Outcome::Reject => !queue.buries(),
                Outcome::Requeue => false,
            };
            let held = |state: &State| state.held_in_journal(self.id(), &settle.sequences);
            let mut sequences = queue.inspect(held);
            if !is_done || !queue.is_journaled() || sequences.is_empty() {
                return None;
            }
            let mut record = Vec::new();
            write_settle(&mut record, queue.id, &mut sequences);
            Some(record)
        };
        settles.iter().filter_map(draft).collect()
    }

    /// Messages for streams do not overtake others that are owed to the journal.
    fn wait_for_debts(&self, streams: &Streams) -> Result<(), Uncommitted> {
        let (broker, outbox) = (&self.broker, &self.connection.outbox);
        let waits = || broker.must_owe(streams);
        match broker.commit_waiters.wait_while(outbox, waits) {
            true => Err(Uncommitted::NotYet),
            false => Ok(()),
        }
    }

    /// Appends messages, then settlements, and answers where each of them ends.
    fn append_drafts(
        &self,
        publishes: &[Draft],
        settles: &[Vec<u8>],
    ) -> Result<Vec<Lsn>, Uncommitted> {
        let (broker, outbox) = (&self.broker, &self.connection.outbox);
        let parts: Vec<_> = publishes.iter().map(Draft::parts).collect();
        let settles: Vec<_> = settles.iter().map(|record| [&record[..]]).collect();
        let publishes = publishes.iter().zip(&parts).map(|(draft, parts)| Record {
            kind: records::PUBLISH,
            admission: Admission::Ordinary,
            parts,
            body: draft.body.shared(),
        });
        let settles = settles.iter().map(|parts| Record {
            kind: records::SETTLE,
            admission: Admission::Essential,
            parts,
            body: None,
        });
        let all: Vec<_> = publishes.chain(settles).collect();
        if all.is_empty() {
            return Ok(Vec::new());
        }
        loop {
            match broker.journal.append_together(&all, Haste::Now) {
                Ok(ends) => return Ok(ends),
                Err(AppendError::NotYet) => {}
                Err(error) => return Err(Uncommitted::Refused(refuse_append(&error))),
            }
            // The segment may have been prepared just now.
            let waits = || !broker.journal.takes_publishes() && !broker.journal.is_full();
            if broker.commit_waiters.wait_while(outbox, waits) {
                return Err(Uncommitted::NotYet);
            }
        }
    }
}

impl Broker {
    /// Finds the queues of each message. Answers as well which messages reach none. A queue that is
    /// full refuses the whole.
    fn route_all(
        &self,
        topology: &Topology,
        publishes: &[Publish],
    ) -> Result<(Vec<Routed>, Vec<usize>), Uncommitted> {
        let mut route = Route::default();
        let (mut routed, mut unroutable) = (Vec::<Routed>::new(), Vec::new());
        for (index, Publish { envelope, body }) in publishes.iter().enumerate() {
            // The exchange was there when the message came; one that is gone since has no queues.
            if topology.route(envelope, &mut route).is_err() {
                route.queues.clear();
            }
            if route.queues.is_empty() {
                unroutable.push(index);
                continue;
            }
            let queues = std::mem::take(&mut route.queues);
            if let Some(full) = queues.iter().position(|queue| !queue.admit(body.len())) {
                queues[..full].iter().for_each(|it| it.call_off(body.len()));
                for (message, queues) in &routed {
                    queues.iter().for_each(|it| it.call_off(message.body.len()));
                }
                return Err(Uncommitted::Refused(full_queue(&queues[full])));
            }
            routed.push((Message::new(Arc::clone(envelope), body.clone()), queues));
        }
        Ok((routed, unroutable))
    }
}

impl Draft {
    /// The record of a message, if the journal keeps it.
    fn of_publish(dispatch: &Dispatch) -> Option<Self> {
        let Dispatch {
            message, places, ..
        } = dispatch;
        if places.is_empty() {
            return None;
        }
        let targets: Vec<_> = places.iter().map(|(queue, at)| (queue.id, *at)).collect();
        let mut head = Vec::new();
        write_publish_head(&mut head, message.arrived, &targets, &message.envelope);
        let body = message.body.clone();
        Some(Self { head, body })
    }

    fn len(&self) -> usize {
        self.head.len() + self.body.len()
    }

    /// What goes into the journal's own buffer.
    fn parts(&self) -> [&[u8]; 2] {
        match self.body.shared() {
            Some(_) => [&self.head, &[]],
            None => [&self.head, &self.body],
        }
    }
}

fn full_queue(queue: &LiveQueue) -> Refusal {
    let text = format!(
        "transaction refused: queue '{}' in vhost '{}' is full",
        queue.name, queue.vhost
    );
    Refusal::new(Reason::ResourceExhausted, text)
}
