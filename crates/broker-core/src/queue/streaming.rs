//! A queue that is a stream: what its rules and consumers ask of it.

use super::{At, Effect, Entry, Index, Probe, Reading, State};
use crate::clock::Timestamp;
use crate::journal::Lsn;

impl State {
    /// Takes messages in, and lets go what is too much for that.
    pub(super) fn push_to_stream(
        &mut self,
        entries: impl Iterator<Item = Entry>,
        at: At,
        out: &mut Vec<Effect>,
    ) {
        let grows_old = self.max_age_ms().is_some();
        if let Some(stream) = &mut self.stream {
            let mut count = 0;
            stream.push(entries.inspect(|_| count += 1));
            self.meter.came_to_stream(count);
            if grows_old {
                stream.grows_old(at.now);
            }
        }
        self.pump_stream(at, out);
    }

    /// Hands out what can be handed out from memory, and lets go what is too much.
    pub(super) fn pump_stream(&mut self, at: At, out: &mut Vec<Effect>) {
        let max_bytes = self.max_bytes();
        if let Some(stream) = &mut self.stream {
            let before = out.len();
            stream.pump(at, out);
            self.meter.handed_out_of_stream(deliveries(&out[before..]));
            stream.trim(max_bytes, out);
        }
    }

    /// There was more to let go than goes at a time.
    pub(crate) fn has_too_much(&self) -> bool {
        let stream = self.stream.as_ref();
        stream.is_some_and(|stream| stream.has_too_much(self.max_bytes()))
    }

    /// Most bytes of messages.
    pub(super) fn max_bytes(&self) -> Option<u64> {
        self.features.as_ref()?.rules.max_bytes
    }

    /// Takes in the messages found in the journal. Nothing else has come yet.
    pub(crate) fn restore_stream(&mut self, index: Index, next: u64) {
        if let Some(stream) = &mut self.stream {
            stream.restore(index, next);
        }
    }

    /// What is to be read from the journal for a reader, without the queue's lock. Answer with
    /// [`Self::read`].
    pub(crate) fn begin_reading(&mut self, keep_bytes: usize, durable: Lsn) -> Option<Reading> {
        self.stream.as_mut()?.begin_reading(keep_bytes, durable)
    }

    /// Has those see to their reading for whom there is something to read.
    pub(crate) fn ask_readers(&mut self) {
        if let Some(stream) = &mut self.stream {
            stream.ask_readers();
        }
    }

    /// What was to be read is there.
    pub(crate) fn read(
        &mut self,
        reading: &Reading,
        entries: Vec<Entry>,
        keep_bytes: usize,
        at: At,
        out: &mut Vec<Effect>,
    ) {
        if let Some(stream) = &mut self.stream {
            let before = out.len();
            stream.read(reading, entries, keep_bytes, at, out);
            self.meter.handed_out_of_stream(deliveries(&out[before..]));
        }
    }

    /// Offsets of the first message and behind the last one.
    pub(crate) fn offsets(&self) -> (u64, u64) {
        let stream = self.stream.as_ref();
        stream.map_or((0, 0), |stream| stream.bounds())
    }

    /// Looks at the message of that offset, or the first behind it.
    pub(crate) fn probe(&self, offset: u64) -> Option<Probe> {
        self.stream.as_ref()?.probe(offset)
    }

    /// The age at which messages are let go, in milliseconds.
    pub(crate) fn max_age_ms(&self) -> Option<u64> {
        self.features.as_ref()?.rules.max_age_ms
    }

    /// Lets the messages before that offset go, which are too old. Says whether there are more.
    pub(crate) fn trim_before(&mut self, offset: u64, out: &mut Vec<Effect>) -> bool {
        let stream = self.stream.as_mut();
        stream.is_some_and(|stream| stream.trim_before(offset, out))
    }

    /// All that is too old is gone; the first message that is left came at `first`.
    pub(crate) fn age_checked(&mut self, first: Option<Timestamp>, now: Timestamp) {
        if let (Some(max_age_ms), Some(stream)) = (self.max_age_ms(), &mut self.stream) {
            stream.age_checked(first, max_age_ms, now);
        }
    }
}

fn deliveries(effects: &[Effect]) -> u64 {
    let deliveries = effects.iter();
    deliveries
        .filter(|effect| matches!(effect, Effect::Deliver(..)))
        .count() as u64
}
