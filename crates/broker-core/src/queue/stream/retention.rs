//! What a stream lets go: its oldest messages, when all together are too large or they are too old.
//!
//! Only durable messages count, or a crash that takes the newest away would have taken the oldest for
//! nothing. The newest of them always stays: it keeps the place of the next one over a restart.

use super::{Effect, Reading, Stream};
use crate::clock::Timestamp;

/// What a look at the message of an offset finds, to search for one by its time.
#[derive(Debug)]
pub(crate) enum Probe {
    /// The offset it has, and when it came.
    Came(u64, Timestamp),
    /// It is to be read from the journal.
    Read(Reading),
}

/// Most messages let go in one go, so that one go is short.
const MOST: usize = 4096;

/// Looks for messages that are too old are at least so far apart, in milliseconds.
const AGE_PERIOD_MS: u64 = 1000;

impl Stream {
    /// Lets the oldest messages go that are too much, some at a time.
    pub(in crate::queue) fn trim(&mut self, max_bytes: Option<u64>, out: &mut Vec<Effect>) {
        self.let_go_while(out, |stream| stream.has_too_much(max_bytes));
    }

    pub(in crate::queue) fn has_too_much(&self, max_bytes: Option<u64>) -> bool {
        self.may_let_go() && max_bytes.is_some_and(|most| self.safe_bytes > most)
    }

    /// Lets the messages before that offset go. Says whether there are more.
    pub(in crate::queue) fn trim_before(&mut self, offset: u64, out: &mut Vec<Effect>) -> bool {
        self.let_go_while(out, |stream| stream.first() < offset)
    }

    fn may_let_go(&self) -> bool {
        self.first() + 1 < self.safe
    }

    /// There will be too much once all is durable.
    pub(super) fn will_have_too_much(&self, max_bytes: Option<u64>) -> bool {
        let is_over = max_bytes.is_some_and(|most| self.bytes > most);
        is_over && self.safe < self.next
    }

    fn let_go_while(&mut self, out: &mut Vec<Effect>, goes: impl Fn(&Self) -> bool) -> bool {
        for _ in 0..MOST {
            if !self.may_let_go() || !goes(self) {
                return false;
            }
            out.extend(self.pop_first().map(Effect::Done));
        }
        true
    }

    /// When to look for messages that are too old.
    pub(in crate::queue) fn check_age_at(&self) -> Timestamp {
        self.check_age_at
    }

    /// The limit of age is another one.
    pub(in crate::queue) fn set_max_age(&mut self, max_age_ms: Option<u64>, now: Timestamp) {
        self.check_age_at = max_age_ms.map_or(Timestamp::NEVER, |_| now);
    }

    /// Messages came that will be too old one day: see to it that somebody looks.
    pub(in crate::queue) fn grows_old(&mut self, now: Timestamp) {
        if self.check_age_at == Timestamp::NEVER && self.len() > 1 {
            self.check_age_at = now.plus_ms(AGE_PERIOD_MS);
        }
    }

    /// Somebody has looked: the first message that is left came at `first`. None: it is the only one.
    pub(in crate::queue) fn age_checked(
        &mut self,
        first: Option<Timestamp>,
        max_age_ms: u64,
        now: Timestamp,
    ) {
        let due = |first: Timestamp| first.plus_ms(max_age_ms).max(now.plus_ms(AGE_PERIOD_MS));
        self.check_age_at = first.map_or(Timestamp::NEVER, due);
    }

    /// Offsets of the first message and behind the last one.
    pub(in crate::queue) fn bounds(&self) -> (u64, u64) {
        (self.first(), self.next)
    }

    /// Looks at the message of that offset, or the first behind it.
    pub(in crate::queue) fn probe(&self, offset: u64) -> Option<Probe> {
        if let Some(stub) = self.index.from(offset).next() {
            return Some(Probe::Read(Reading::new(None, vec![stub], self.account)));
        }
        let entry = self.in_tail(offset.max(self.tail_first()))?;
        // What was taken in before arrivals were noted came before anything.
        let came = entry.message.arrived.unwrap_or_default();
        Some(Probe::Came(entry.sequence.0, came))
    }
}
