//! What became of every message, and whether the brokers kept their word.
//!
//! Publishers, consumers and drains write into one [`Ledger`], over any number of faults. A message
//! is published once, whatever comes of it; so of each message a queue may hold one copy. Rules:
//!
//! | rule | says |
//! | --- | --- |
//! | loss | what was acknowledged is delivered by every queue it was routed to |
//! | phantom | what is delivered was sent, to this queue, with this body |
//! | order | deliveries for the first time come in the publisher's order, within each queue |
//! | duplicate | at most one delivery of a message by a queue is not marked as redelivered |
//!
//! Order holds on a connection. What a publisher has written to one that it gave up may still arrive,
//! behind what it sent on the next one: those messages ([`Ledger::give_up`]) may come at any place.
//!
//! Of the others, a delivery that is not marked is the first of its message, so it comes behind all
//! that the queue delivered unmarked before its consumer began. What is marked may be what another
//! consumer left, and come late. Only who drains a queue alone ([`Session::alone`]) sees all of it in
//! order, marked or not.

mod message;
mod numbers;
#[cfg(test)]
mod tests;
mod violation;

use std::collections::BTreeMap;

pub use message::{MessageId, PublisherId};
use numbers::Numbers;
pub use violation::Violation;

/// Of violations of one kind in one queue, so many are kept word by word.
const KEPT: usize = 20;

/// Everything that happened.
#[derive(Debug)]
pub struct Ledger {
    seed: u64,
    publishers: BTreeMap<PublisherId, Publisher>,
    queues: BTreeMap<String, Queue>,
    violations: Vec<Violation>,
    /// With those that were not kept word by word.
    violation_count: u64,
    duplicates: u64,
}

#[derive(Debug)]
struct Publisher {
    /// Numbers below were sent.
    sent: u64,
    acked: Numbers,
    /// Left unconfirmed on connections that are over.
    given_up: Numbers,
    /// All acknowledged below this number were looked for, and judged.
    judged: u64,
    /// Messages are persistent and queues durable: nothing acknowledged may be lost.
    durable: bool,
}

#[derive(Debug, Default)]
struct Queue {
    by_publisher: BTreeMap<PublisherId, Delivered>,
}

/// What one queue delivered of one publisher.
#[derive(Debug, Default)]
struct Delivered {
    ever: Numbers,
    unmarked: Numbers,
    /// Behind the last one that was not marked.
    unmarked_end: u64,
}

/// What one consumer got of one queue on one connection.
#[derive(Debug)]
pub struct Session {
    queue: String,
    alone: bool,
    /// For each publisher: where unmarked deliveries must begin, and where any must if it is alone.
    ends: BTreeMap<PublisherId, [u64; 2]>,
}

/// What happened so far, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Totals {
    /// Published, whatever came of it.
    pub sent: u64,
    /// Acknowledged by a broker.
    pub acked: u64,
    /// Of those, the ones that no fault may lose.
    pub acked_durable: u64,
    /// Different messages delivered, counted in each queue.
    pub delivered: u64,
    /// Deliveries of what was delivered before, marked as such.
    pub duplicates: u64,
}

impl Ledger {
    /// An empty one, for the campaign with this seed.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            publishers: BTreeMap::new(),
            queues: BTreeMap::new(),
            violations: Vec::new(),
            violation_count: 0,
            duplicates: 0,
        }
    }

    /// The seed that bodies carry.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Takes a publisher into the books: where its messages are routed to, and whether they must
    /// survive every fault.
    pub fn open(&mut self, id: PublisherId, queues: &[&str], durable: bool) {
        let publisher = Publisher {
            sent: 0,
            acked: Numbers::default(),
            given_up: Numbers::default(),
            judged: 0,
            durable,
        };
        self.publishers.insert(id, publisher);
        for name in queues {
            let queue = self.queues.entry((*name).to_owned()).or_default();
            queue.by_publisher.insert(id, Delivered::default());
        }
    }

    /// The next message of this publisher, which is about to be sent.
    ///
    /// # Panics
    /// If the publisher was not opened.
    pub fn send(&mut self, id: PublisherId) -> MessageId {
        let publisher = self.publisher_mut(id);
        let number = publisher.sent;
        publisher.sent += 1;
        MessageId {
            publisher: id,
            number,
        }
    }

    /// A broker says that it is safe.
    ///
    /// # Panics
    /// If the publisher was not opened.
    pub fn acknowledge(&mut self, id: MessageId) {
        self.publisher_mut(id.publisher).acked.insert(id.number);
    }

    /// The connection that it was sent on is over, and nobody will say whether it is safe.
    ///
    /// # Panics
    /// If the publisher was not opened.
    pub fn give_up(&mut self, id: MessageId) {
        self.publisher_mut(id.publisher).given_up.insert(id.number);
    }

    /// A consumer begins on this queue.
    pub fn begin(&self, queue: &str, alone: bool) -> Session {
        let end = |(id, delivered): (&PublisherId, &Delivered)| (*id, [delivered.unmarked_end, 0]);
        let known = self.queues.get(queue);
        Session {
            queue: queue.to_owned(),
            alone,
            ends: known.map_or_else(BTreeMap::new, |q| q.by_publisher.iter().map(end).collect()),
        }
    }

    /// A consumer got this body. Answers with the message, if it is one of ours.
    pub fn deliver(
        &mut self,
        session: &mut Session,
        body: &[u8],
        redelivered: bool,
    ) -> Option<MessageId> {
        let queue = session.queue.clone();
        let Some(id) = MessageId::of(body, self.seed) else {
            let bytes = body.len();
            self.report(Violation::Corrupt { queue, bytes });
            return None;
        };
        let publisher = self.publishers.get(&id.publisher);
        let sent = publisher.map_or(0, |p| p.sent);
        let given_up = publisher.is_some_and(|p| p.given_up.contains(id.number));
        let known = self.queues.get_mut(&queue);
        let delivered = known.and_then(|known| known.by_publisher.get_mut(&id.publisher));
        let Some(delivered) = delivered.filter(|_| id.number < sent) else {
            self.report(Violation::Phantom { queue, id });
            return None;
        };
        if !delivered.ever.insert(id.number) {
            self.duplicates += 1;
        }
        let first = redelivered || delivered.unmarked.insert(id.number);
        let mut before = None;
        if !given_up {
            let [unmarked_end, any_end] = session.ends.entry(id.publisher).or_default();
            let due = match (redelivered, session.alone) {
                (true, true) => *any_end,
                (true, false) => 0,
                (false, true) => (*unmarked_end).max(*any_end),
                (false, false) => *unmarked_end,
            };
            before = (id.number < due).then_some(due);
            *any_end = id.number + 1;
            if !redelivered {
                delivered.unmarked_end = delivered.unmarked_end.max(id.number + 1);
                *unmarked_end = id.number + 1;
            }
        }
        if let Some(before) = before {
            let queue = queue.clone();
            self.report(Violation::Order { queue, id, before });
        }
        if !first {
            self.report(Violation::Duplicate { queue, id });
        }
        Some(id)
    }

    /// Something went wrong that no number tells.
    pub fn report(&mut self, violation: Violation) {
        self.violation_count += 1;
        let alike = |other: &&Violation| violation.is_like(other);
        if self.violations.iter().filter(alike).count() < KEPT {
            self.violations.push(violation);
        }
    }

    /// How many acknowledged durable messages some queue has not delivered yet.
    pub fn owed(&self) -> u64 {
        let missing = |(queue, id): (&Queue, &PublisherId)| self.missing(queue, *id).len() as u64;
        let durable = |id: &PublisherId| self.publishers[id].durable;
        let pairs = self.queues.values().flat_map(|queue| {
            let ids = queue.by_publisher.keys().filter(|id| durable(id));
            ids.map(move |id| (queue, id))
        });
        pairs.map(missing).sum()
    }

    /// Of those, the ones that this queue has not delivered.
    pub fn owed_by(&self, queue: &str) -> u64 {
        let Some(queue) = self.queues.get(queue) else {
            return 0;
        };
        let ids = queue.by_publisher.keys();
        let durable = ids.filter(|id| self.publishers[id].durable);
        durable
            .map(|id| self.missing(queue, *id).len() as u64)
            .sum()
    }

    /// All queues were drained to their ends: what was acknowledged and did not come is lost.
    pub fn judge(&mut self) {
        let mut lost = Vec::new();
        for (name, queue) in &self.queues {
            for id in queue.by_publisher.keys() {
                let numbers = self.missing(queue, *id);
                if self.publishers[id].durable && !numbers.is_empty() {
                    lost.push((name.clone(), *id, numbers));
                }
            }
        }
        for (queue, publisher, numbers) in lost {
            for number in numbers {
                let id = MessageId { publisher, number };
                let queue = queue.clone();
                self.report(Violation::Lost { queue, id });
            }
        }
        for publisher in self.publishers.values_mut() {
            publisher.judged = publisher.sent;
        }
    }

    /// What went wrong, the first of each kind word by word.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// How often something went wrong.
    pub fn violation_count(&self) -> u64 {
        self.violation_count
    }

    /// How many messages of this publisher were acknowledged.
    pub fn acked_of(&self, id: PublisherId) -> u64 {
        self.publishers.get(&id).map_or(0, |p| p.acked.count())
    }

    /// What happened so far.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals {
            duplicates: self.duplicates,
            ..Totals::default()
        };
        for publisher in self.publishers.values() {
            totals.sent += publisher.sent;
            totals.acked += publisher.acked.count();
            totals.acked_durable += if publisher.durable {
                publisher.acked.count()
            } else {
                0
            };
        }
        for queue in self.queues.values() {
            totals.delivered += queue
                .by_publisher
                .values()
                .map(|d| d.ever.count())
                .sum::<u64>();
        }
        totals
    }

    /// Acknowledged, not judged yet and not delivered.
    fn missing(&self, queue: &Queue, id: PublisherId) -> Vec<u64> {
        let publisher = &self.publishers[&id];
        let delivered = &queue.by_publisher[&id];
        publisher
            .acked
            .missing_in(&delivered.ever, publisher.judged)
    }

    fn publisher_mut(&mut self, id: PublisherId) -> &mut Publisher {
        let publisher = self.publishers.get_mut(&id);
        publisher.expect("a publisher opens its account before it sends")
    }
}
