//! Deliveries that nobody has settled yet.
//!
//! What consumers hold is theirs for as long as they like. Beyond a budget their messages are left to
//! the journal, and what is kept is only what a settlement needs: a consumer without a limit on a long
//! queue takes no more of the broker's memory than that. A message that is wanted again comes back into
//! the queue as one that the journal has alone; one that dies is read back to go on as a dead letter.

use super::afar::Afar;
use super::entry::{Holder, Unsettled, UnsettledMap};
use super::{At, Effect, Entry, State, Stub, done};
use crate::account::{Account, Hold};
use crate::call::{ConnectionId, Outcome, Sequence};
use crate::death::DeathReason;
use crate::journal::Lsn;

/// What consumers hold of one queue.
#[derive(Debug)]
pub(super) struct Held {
    /// Messages in memory.
    near: UnsettledMap,
    /// Bytes of those that the journal has as well.
    near_bytes: u64,
    /// How many of these bytes could not be left to the journal when that was last tried.
    fast_bytes: u64,
    /// Those left to the journal.
    far: Afar<FarHeld>,
}

/// A delivery whose message is in the journal alone.
#[derive(Debug)]
pub(super) struct FarHeld {
    holder: Holder,
    body_bytes: u32,
}

/// A delivery taken back.
#[derive(Debug)]
pub(super) enum Taken {
    Near(Entry),
    Far { stub: Stub, body_bytes: u32 },
}

/// Bytes of held messages kept in memory for each byte a queue keeps at either end.
const WINDOWS: u64 = 16;

/// Bytes that may have to go for each message looked at.
const LOOK_BYTES: u64 = 64;

impl Taken {
    fn sequence(&self) -> Sequence {
        match self {
            Self::Near(entry) => entry.sequence,
            Self::Far { stub, .. } => stub.sequence,
        }
    }
}

impl Held {
    pub(super) fn new(account: &'static Account) -> Self {
        Self {
            near: UnsettledMap::default(),
            near_bytes: 0,
            fast_bytes: 0,
            far: Afar::new(account),
        }
    }

    pub(super) fn account(&self) -> &'static Account {
        self.far.account()
    }

    /// Bytes of those in memory that the journal has as well.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.near_bytes
    }

    pub(super) fn len(&self) -> usize {
        self.near.len() + self.far.len()
    }

    pub(super) fn contains(&self, sequence: Sequence) -> bool {
        self.near.contains_key(&sequence) || self.far.get(sequence).is_some()
    }

    /// Every sequence.
    pub(super) fn sequences(&self) -> impl Iterator<Item = Sequence> {
        let far = self.far.iter().map(|(stub, _)| stub.sequence);
        self.near.keys().copied().chain(far)
    }

    /// Messages in memory.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.near.values().map(|unsettled| &unsettled.entry)
    }

    pub(super) fn entry(&self, sequence: Sequence) -> Option<&Entry> {
        self.near.get(&sequence).map(|unsettled| &unsettled.entry)
    }

    /// All others.
    pub(super) fn stubs(&self) -> impl Iterator<Item = Stub> {
        self.far.iter().map(|(stub, _)| stub)
    }

    pub(super) fn moved(&mut self, sequence: Sequence, record: Lsn) -> bool {
        self.far.moved(sequence, record)
    }

    pub(super) fn insert(&mut self, entry: Entry, holder: Holder) {
        self.near_bytes += weight_bytes(&entry);
        self.near
            .insert(entry.sequence, Unsettled { entry, holder });
    }

    /// Whether the connection holds it and the journal has it.
    pub(super) fn is_journaled(&self, connection: ConnectionId, sequence: Sequence) -> bool {
        match self.near.get(&sequence) {
            Some(near) => near.entry.journaled && near.holder.connection() == connection,
            None => {
                let far = self.far.get(sequence);
                far.is_some_and(|far| far.holder.connection() == connection)
            }
        }
    }

    /// Takes a delivery back, if the connection holds it.
    pub(super) fn take(
        &mut self,
        connection: ConnectionId,
        sequence: Sequence,
    ) -> Option<(Taken, Holder)> {
        if let Some(near) = self.near.get(&sequence) {
            if near.holder.connection() != connection {
                return None;
            }
            let Unsettled { entry, holder } = self.near.remove(&sequence)?;
            self.near_bytes -= weight_bytes(&entry);
            return Some((Taken::Near(entry), holder));
        }
        let far = self.far.get(sequence)?;
        if far.holder.connection() != connection {
            return None;
        }
        let (stub, FarHeld { holder, body_bytes }) = self.far.remove(sequence)?;
        Some((Taken::Far { stub, body_bytes }, holder))
    }

    /// Takes back everything the connection holds.
    pub(super) fn take_all(&mut self, connection: ConnectionId) -> Vec<(Taken, Holder)> {
        let near = self.near.iter();
        let near = near.filter(|(_, it)| it.holder.connection() == connection);
        let mut sequences: Vec<_> = near.map(|(sequence, _)| *sequence).collect();
        let far = self.far.iter();
        let far = far.filter(|(_, it)| it.holder.connection() == connection);
        sequences.extend(far.map(|(stub, _)| stub.sequence));
        // In order, so that each has its place beside the one before.
        sequences.sort_unstable();
        let taken = sequences.into_iter();
        taken.filter_map(|it| self.take(connection, it)).collect()
    }

    /// Forgets everything and answers who held it.
    pub(super) fn clear(&mut self) -> Vec<Holder> {
        let near = std::mem::take(&mut self.near).into_values();
        let mut holders: Vec<_> = near.map(|unsettled| unsettled.holder).collect();
        let far: Vec<_> = self.stubs().map(|stub| stub.sequence).collect();
        let far = far.into_iter().filter_map(|it| self.far.remove(it));
        holders.extend(far.map(|(_, far)| far.holder));
        (self.near_bytes, self.fast_bytes) = (0, 0);
        holders
    }

    /// Leaves messages to the journal if those in memory are more than the budget of a queue that keeps
    /// so many bytes at either end.
    pub(super) fn page_out(&mut self, keep_bytes: usize, durable: Lsn) {
        self.fast_bytes = self.fast_bytes.min(self.near_bytes);
        // Looking at all of them has to be worth it: most may be such as stay in memory.
        let worth = LOOK_BYTES * self.near.len() as u64;
        if self.near_bytes <= self.fast_bytes + (WINDOWS * keep_bytes as u64).max(worth) {
            return;
        }
        let Self {
            near,
            near_bytes,
            far,
            ..
        } = self;
        near.retain(|_, Unsettled { entry, holder }| {
            let body_bytes = u32::try_from(entry.message.body.len());
            let (Some(stub), Ok(body_bytes)) = (entry.stub(durable), body_bytes) else {
                return true;
            };
            *near_bytes -= weight_bytes(entry);
            let holder = holder.clone();
            far.insert(stub, FarHeld { holder, body_bytes });
            false
        });
        self.fast_bytes = self.near_bytes;
    }
}

/// What a message weighs here that could be left to the journal.
fn weight_bytes(entry: &Entry) -> u64 {
    let hold = entry.message.hold.as_ref().filter(|_| entry.journaled);
    hold.map_or(0, Hold::bytes)
}

impl State {
    /// Does with a delivery taken back what its consumer says.
    pub(super) fn settle_taken(&mut self, taken: Taken, outcome: Outcome, out: &mut Vec<Effect>) {
        self.meter.settled(taken.sequence(), outcome);
        match (taken, outcome) {
            (Taken::Near(entry), Outcome::Accept) => done(&entry, out),
            (Taken::Near(entry), Outcome::Reject) => {
                self.let_go(entry, DeathReason::Rejected, out);
            }
            (Taken::Near(entry), Outcome::Requeue) => self.take_back(entry, out),
            (Taken::Far { stub, .. }, Outcome::Accept) => out.push(Effect::Done(stub.sequence)),
            (Taken::Far { stub, .. }, Outcome::Reject) => {
                self.let_go_far(stub, DeathReason::Rejected, out);
            }
            (Taken::Far { stub, body_bytes }, Outcome::Requeue) => {
                self.take_back_far(stub, body_bytes, out);
            }
        }
    }

    /// Puts what the connection took out back at its place, as if nobody had taken it.
    pub(crate) fn put_back(
        &mut self,
        connection: ConnectionId,
        sequences: &[Sequence],
        at: At,
        out: &mut Vec<Effect>,
    ) {
        for sequence in sequences {
            match self.held.take(connection, *sequence) {
                Some((Taken::Near(entry), _)) => self.insert(entry),
                Some((Taken::Far { stub, body_bytes }, _)) => self.insert_far(stub, body_bytes),
                None => {}
            }
        }
        self.pump(at, out);
    }

    /// The same as [`Self::take_back`] of a message that the journal has alone.
    fn take_back_far(&mut self, stub: Stub, body_bytes: u32, out: &mut Vec<Effect>) {
        let mut stub = Stub {
            redelivered: true,
            ..stub
        };
        if self.counts_return(&mut stub.returns) {
            return self.let_go_far(stub, DeathReason::DeliveryLimit, out);
        }
        self.insert_far(stub, body_bytes);
    }

    /// The same as [`Self::insert`] of such a message.
    fn insert_far(&mut self, stub: Stub, body_bytes: u32) {
        self.timed |= stub.timed;
        if let Some(features) = &mut self.features {
            features.entered_far(&stub, body_bytes);
        }
        self.ready.put_back(stub);
    }

    /// The same as [`Self::let_go`] of such a message: it has to be read to go on.
    fn let_go_far(&mut self, stub: Stub, reason: DeathReason, out: &mut Vec<Effect>) {
        let goes_on = self.buries();
        self.meter.died(stub.sequence, reason, goes_on);
        match &mut self.features {
            Some(features) if features.rules.dead_letter.is_some() => {
                features.dying.insert(stub, reason);
            }
            _ => out.push(Effect::Done(stub.sequence)),
        }
    }
}
