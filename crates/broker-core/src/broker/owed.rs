//! What the journal has to get and has no room for now.
//!
//! A settlement that finds even the reserve of a full disk used up, and a message that comes while
//! the next segment is still being prepared, are in effect in memory and *owed* to the journal. They
//! are appended, on the writer's thread, as soon as there is room. A crash before that loses what
//! nobody was told to be safe: the message was not confirmed, the settled message comes back.
//!
//! Who waits for a debt is promised a position right behind all that was appended before it. While
//! the debt is open, nothing from there on counts as durable ([`Broker::durable`]), whatever the disk
//! holds: so a confirm or reply waits for it as it would for any record. Freeing the journal's front
//! does not wait, for that may be what makes the room.
//!
//! If the disk fills up in between, messages that were taken in are paid from the reserve: a confirm
//! of one of them must not keep all others waiting. A message that has left its queues meanwhile, by
//! a purge or a deletion, is owed no more.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::placed::{Appended, Placed};
use super::{Broker, LiveQueue};
use crate::journal::{Admission, AppendError, Journal, Lsn};
use crate::lock::lock;

/// All that one broker owes to its journal.
#[derive(Debug)]
pub(super) struct Owed {
    /// Nothing above counts as durable; `u64::MAX` without debts. Written under the lock of `debts`.
    floor: AtomicU64,
    debts: Mutex<Debts>,
}

/// Names one debt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct DebtId(u64);

/// A debt of which nobody has said yet what is due. If nobody will, because whoever was to say it has
/// panicked, there is none: everything behind it would wait for ever.
#[derive(Debug)]
pub(super) struct Announced {
    id: DebtId,
    owed: Arc<Owed>,
    journal: Arc<Journal>,
}

impl Drop for Announced {
    fn drop(&mut self) {
        if self.owed.forgive(self.id) {
            self.journal.recall();
        }
    }
}

/// Something to be appended.
#[derive(Debug)]
pub(super) enum Due {
    /// A message that stands in its queues already.
    Message(Placed),
    /// All settlements the queue has gathered.
    Settlements(Arc<LiveQueue>),
}

/// Oldest first, so that the first holds the floor.
#[derive(Debug, Default)]
struct Debts {
    next: u64,
    open: BTreeMap<DebtId, Debt>,
}

#[derive(Debug)]
struct Debt {
    /// The journal's end when it came about.
    floor: Lsn,
    state: DebtState,
}

#[derive(Debug)]
enum DebtState {
    /// Durable up to this position, it is settled.
    Appended(Lsn),
    Due(Due),
    /// Just being appended.
    Open,
    /// Not to be appended yet: see [`Announced`].
    Unsaid,
}

impl Owed {
    pub(super) fn new() -> Self {
        Self {
            floor: AtomicU64::new(u64::MAX),
            debts: Mutex::default(),
        }
    }

    /// Up to where the promises allow positions to count as durable.
    pub(super) fn floor(&self) -> Lsn {
        Lsn(self.floor.load(Ordering::SeqCst))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.floor() == Lsn(u64::MAX)
    }

    /// Takes out what is to be appended.
    fn take_due(&self) -> Vec<(DebtId, Due)> {
        let mut debts = lock(&self.debts);
        let open = debts.open.iter_mut();
        open.filter_map(
            |(id, debt)| match std::mem::replace(&mut debt.state, DebtState::Open) {
                DebtState::Due(due) => Some((*id, due)),
                other => {
                    debt.state = other;
                    None
                }
            },
        )
        .collect()
    }

    fn set(&self, id: DebtId, state: DebtState) {
        if let Some(debt) = lock(&self.debts).open.get_mut(&id) {
            debt.state = state;
        }
    }

    /// Forgets a debt if nobody has said what is due.
    fn forgive(&self, id: DebtId) -> bool {
        let mut debts = lock(&self.debts);
        let unsaid = |debt: &mut Debt| matches!(debt.state, DebtState::Unsaid);
        let forgiven = debts.open.get_mut(&id).is_some_and(unsaid);
        if forgiven {
            debts.open.remove(&id);
            self.lower_to_first(&debts);
        }
        forgiven
    }

    /// Forgets what is durable.
    fn close(&self, durable: Lsn) {
        let mut debts = lock(&self.debts);
        let settled =
            |state: &DebtState| matches!(state, DebtState::Appended(end) if *end <= durable);
        debts.open.retain(|_, debt| !settled(&debt.state));
        self.lower_to_first(&debts);
    }

    fn lower_to_first(&self, debts: &MutexGuard<'_, Debts>) {
        let first = debts.open.first_key_value();
        let floor = first.map_or(u64::MAX, |(_, debt)| debt.floor.0);
        self.floor.store(floor, Ordering::SeqCst);
    }
}

impl Broker {
    /// Announces a debt and answers the position promised for it. Nothing is durable there before
    /// [`Self::owe`] has said what is due and that is on the disk.
    pub(super) fn promise(&self) -> (Announced, Lsn) {
        let mut debts = lock(&self.owed.debts);
        let id = DebtId(debts.next);
        debts.next += 1;
        let (floor, state) = (self.journal.end(), DebtState::Unsaid);
        debts.open.insert(id, Debt { floor, state });
        self.owed.lower_to_first(&debts);
        let announced = Announced {
            id,
            owed: Arc::clone(&self.owed),
            journal: Arc::clone(&self.journal),
        };
        (announced, Lsn(floor.0 + 1))
    }

    /// Says what is due, and has the writer's thread look after it even if the room came back in
    /// between.
    pub(super) fn owe(&self, announced: &Announced, due: Due) {
        self.owed.set(announced.id, DebtState::Due(due));
        self.journal.recall();
    }

    /// Whether publishers may go on.
    pub(super) fn takes_publishes(&self) -> bool {
        self.journal.takes_publishes() && self.owed.is_empty()
    }

    /// Appends what is due, as far as there is room. Only the writer's thread calls it, so debts are
    /// settled one after the other.
    pub(super) fn pay(&self) {
        if self.owed.is_empty() {
            return;
        }
        let mut record = Vec::new();
        let journal = &self.journal;
        let mut settles = !journal.is_stuck();
        let mut publishes = journal.takes_publishes() || journal.is_full();
        for (id, mut due) in self.owed.take_due() {
            let appended = match &mut due {
                Due::Settlements(queue) if settles => queue.pay(self),
                Due::Message(placed) => self.pay_message(placed, publishes, &mut record),
                Due::Settlements(_) => None,
            };
            match (&due, appended) {
                (_, Some(_)) => {}
                (Due::Settlements(_), None) => settles = false,
                (Due::Message(_), None) => publishes = false,
            }
            let state = appended.map_or(DebtState::Due(due), DebtState::Appended);
            self.owed.set(id, state);
        }
        self.journal.hurry();
        self.owed.close(self.journal.durable());
    }

    /// Appends a message that is owed, if its queues still have it and there may be room.
    fn pay_message(&self, placed: &mut Placed, try_it: bool, record: &mut Vec<u8>) -> Option<Lsn> {
        placed
            .places
            .retain(|(queue, sequence)| queue.inspect(|state| state.holds(*sequence)));
        if placed.places.is_empty() {
            // Owed no more; but if it has died, its dead letter is somewhere before this.
            return Some(self.journal.end());
        }
        if !try_it {
            return None;
        }
        let Placed { message, places } = placed;
        let mut append = |admission| self.append_placed(message, places, admission, record);
        let appended = match append(Admission::Ordinary) {
            Err(AppendError::Full) => append(Admission::Essential),
            appended => appended,
        };
        let Appended { start, end } = appended.ok()?;
        self.moved(places, start);
        Some(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::BrokerConfig;
    use crate::definitions::{Expect, VhostSpec};
    use crate::journal::{SimDisk, Turn};
    use crate::message::{Body, Envelope, Message, Properties};

    fn put_vhost(broker: &Arc<Broker>, name: &str) -> Lsn {
        let spec = VhostSpec::named(name);
        broker.put_vhost(&spec, Expect::Any).unwrap().lsn
    }

    #[test]
    fn a_message_that_stands_nowhere_any_more_is_paid_once_its_dead_letter_is_durable() {
        let disk = Arc::new(SimDisk::new(1));
        let (broker, mut writer) = Broker::open(&BrokerConfig::default(), disk).unwrap();
        let (debt, promised) = broker.promise();
        put_vhost(&broker, "between");
        while writer.turn().unwrap() != Turn::Idle {}
        assert!(broker.journal.durable() >= promised, "the disk has more");
        // Its dead letter, for one: that was appended before the message left its queue.
        let dead_letter = put_vhost(&broker, "behind");
        let envelope = Envelope {
            exchange: "".into(),
            routing_key: "q".into(),
            properties: Properties::Amqp091(vec![0, 0].into()),
            persistent: true,
            further_keys: Box::default(),
        };
        let message = Message::new(Arc::new(envelope), Body::copy_from_slice(b"a"));
        let placed = Placed {
            message: Arc::new(message),
            places: Vec::new(),
        };
        broker.owe(&debt, Due::Message(placed));
        broker.pay();
        assert!(broker.durable() < promised, "nobody is told yet");
        while writer.turn().unwrap() != Turn::Idle {
            broker.committed();
        }
        assert!(broker.durable() >= dead_letter && broker.takes_publishes());
    }

    #[test]
    fn a_debt_of_which_nobody_says_what_is_due_keeps_nobody_waiting() {
        let disk = Arc::new(SimDisk::new(1));
        let (broker, mut writer) = Broker::open(&BrokerConfig::default(), disk).unwrap();
        let (announced, promised) = broker.promise();
        let behind = put_vhost(&broker, "behind");
        while writer.turn().unwrap() != Turn::Idle {}
        assert!(broker.journal.durable() >= behind, "the disk has it");
        assert!(broker.durable() < promised && !broker.takes_publishes());

        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _announced = announced;
            panic!("before anything was said");
        }));
        assert!(panicked.is_err());
        assert!(broker.durable() >= behind && broker.takes_publishes());
        // Those who wait for it are told.
        assert_eq!(writer.turn().unwrap(), Turn::SpaceReturned);
    }
}
