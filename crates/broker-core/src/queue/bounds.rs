//! A queue that may hold only so much: what is too much goes at its head, or is turned away before
//! it comes.
//!
//! Messages ready count, those handed out do not, as in RabbitMQ. Bytes are those of bodies; of
//! messages that were there before a restart, or before the limit was set, those of properties and routing key as well, since only
//! their sum is known until they are read.

use super::{Effect, Entry, Features, State, Stub};
use crate::death::DeathReason;
use crate::journal::Lsn;
use crate::rules::Overflow;

/// What counts against the limits.
#[derive(Debug, Default)]
pub(super) struct Load {
    /// Of messages ready, if bytes are limited.
    bytes: u64,
    /// Of messages that were let in and are on their way.
    coming: u64,
    coming_bytes: u64,
    /// Numbers of messages that came before a restart, or before bytes were limited, are below this.
    restored: u64,
}

impl State {
    /// Lets a message come, or does not: then it is too much. One that was let in must
    /// [be pushed](Self::push) or [called off](Self::call_off).
    pub(crate) fn admit(&mut self, body_bytes: usize) -> bool {
        let ready = self.ready.len() as u64;
        let Some(features) = &mut self.features else {
            return true;
        };
        // Dead letters that are kept until they have arrived hold publishers back as well.
        let kept = if features.rules.at_least_once {
            features.kept_len() as u64
        } else {
            0
        };
        let (rules, load) = (&features.rules, &mut features.load);
        let bytes = body_bytes as u64;
        let len = ready + kept + load.coming + 1;
        let all_bytes = load.bytes + load.coming_bytes + bytes;
        if rules.max_len.is_some_and(|most| len > most)
            || rules.max_bytes.is_some_and(|most| all_bytes > most)
        {
            self.meter.counts.turned_away += 1;
            return false;
        }
        load.coming += 1;
        load.coming_bytes += bytes;
        true
    }

    /// A message that was let in does not come after all.
    pub(crate) fn call_off(&mut self, body_bytes: usize) {
        if let Some(features) = &mut self.features {
            features.load.came(body_bytes);
        }
    }

    /// Lets the messages at the head go that are too much. Not while a consumer would have the first
    /// but for the journal: the next commit hands it out, and then looks again.
    pub(super) fn trim(&mut self, durable: Lsn, out: &mut Vec<Effect>) {
        while self.is_overfull()
            && !self.awaits_commit(durable)
            && let Some(entry) = self.take_first()
        {
            self.let_go(entry, DeathReason::MaxLen, out);
        }
    }

    /// The queue holds more than it may, and its head is to go for that.
    pub(super) fn is_overfull(&self) -> bool {
        let Some(features) = &self.features else {
            return false;
        };
        let Features { rules, load, .. } = &**features;
        let len = self.ready.len() as u64;
        rules.overflow == Overflow::DropHead
            && (rules.max_len.is_some_and(|most| len > most)
                || rules.max_bytes.is_some_and(|most| load.bytes > most))
    }
}

#[cfg(test)]
impl State {
    pub(super) fn counted_bytes(&self) -> u64 {
        self.features.as_ref().map_or(0, |it| it.load.bytes)
    }
}

impl Features {
    /// A message came that had to be let in before.
    pub(super) fn came(&mut self, entry: &Entry) {
        if self.rules.turns_away() {
            self.load.came(entry.message.body.len());
        }
    }

    /// A message is ready.
    pub(super) fn entered(&mut self, entry: &Entry) {
        if self.rules.max_bytes.is_some() {
            self.load.bytes += self.load.weigh(entry);
        }
    }

    /// The same of one that the journal has alone.
    pub(super) fn entered_far(&mut self, stub: &Stub, body_bytes: u32) {
        if self.rules.max_bytes.is_some() {
            let is_restored = stub.sequence.number() < self.load.restored;
            let bytes = if is_restored {
                stub.size_bytes
            } else {
                body_bytes
            };
            self.load.bytes += u64::from(bytes);
        }
    }

    /// It is not any more.
    pub(super) fn left(&mut self, entry: &Entry) {
        if self.rules.max_bytes.is_some() {
            self.load.bytes = self.load.bytes.saturating_sub(self.load.weigh(entry));
        }
    }

    /// A message was there before the restart.
    pub(super) fn restored(&mut self, stub: &Stub) {
        self.load.restored = self.load.restored.max(stub.sequence.number() + 1);
        self.load.bytes += u64::from(stub.size_bytes);
    }

    /// None is ready any more.
    pub(super) fn cleared(&mut self) {
        self.load.bytes = 0;
    }
}

impl Load {
    /// So much of messages whose numbers are below that.
    pub(super) fn of(bytes: u64, restored: u64) -> Self {
        Self {
            bytes,
            restored,
            ..Self::default()
        }
    }

    fn came(&mut self, body_bytes: usize) {
        self.coming = self.coming.saturating_sub(1);
        self.coming_bytes = self.coming_bytes.saturating_sub(body_bytes as u64);
    }

    fn weigh(&self, entry: &Entry) -> u64 {
        let message = &entry.message;
        if entry.sequence.number() < self.restored {
            message.size_bytes() as u64
        } else {
            message.body.len() as u64
        }
    }
}
