//! Streams at work: giving out offsets, reading for those who are behind, letting go what is old.

use std::sync::{Arc, MutexGuard};

use super::{Broker, LiveQueue};
use crate::clock::Timestamp;
use crate::journal::{Lsn, Stopped};
use crate::queue::{At, Effect, Probe, Reading, State};

/// Most readings of one who came for something else as well.
const READS: usize = 4;

/// The streams that a message, or several, are going to.
#[derive(Debug, Default)]
pub(super) struct Streams(Vec<Arc<LiveQueue>>);

/// The right to give out offsets of some streams, so that they stand in the journal in their order:
/// a crash takes messages from the end of a stream, and leaves no gap. What was given out is taken back
/// unless it is [`kept`](Self::keep).
#[derive(Debug)]
pub(super) struct Turn<'a>(Vec<Given<'a>>);

/// What is given out of one stream.
#[derive(Debug)]
struct Given<'a> {
    stream: &'a LiveQueue,
    /// The first offset of this turn.
    from: u64,
    _turn: MutexGuard<'a, ()>,
}

impl Streams {
    /// Those among these queues.
    pub(super) fn among<'a>(queues: impl Iterator<Item = &'a Arc<LiveQueue>>) -> Self {
        let mut streams: Vec<_> = queues.filter(|queue| queue.is_stream()).cloned().collect();
        // In one order, or two publishers could wait for each other.
        streams.sort_unstable_by_key(|stream| stream.id);
        streams.dedup_by_key(|stream| stream.id);
        Self(streams)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Waits for the right to give out offsets.
    pub(super) fn take_turn(&self) -> Turn<'_> {
        let streams = self.0.iter();
        Turn(streams.map(|stream| Given::of(stream)).collect())
    }
}

impl<'a> Given<'a> {
    fn of(stream: &'a LiveQueue) -> Self {
        let turn = stream.turn();
        Self {
            stream,
            from: stream.next_offset(),
            _turn: turn,
        }
    }
}

impl Turn<'_> {
    /// The records with these offsets are in the journal, or owed to it.
    pub(super) fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let given = self.0.iter();
        given.for_each(|given| given.stream.take_back_offsets(given.from));
    }
}

impl Broker {
    /// Whether a record for these streams has to wait for others that are owed to the journal: it
    /// would overtake them.
    pub(super) fn must_owe(&self, streams: &Streams) -> bool {
        !streams.is_empty() && !self.owed.is_empty()
    }
}

impl LiveQueue {
    /// As [`Self::run`] for who reads this queue, should it be a stream: what is behind the operation's
    /// reader is read for it here.
    pub(super) fn run_reading<R>(
        self: &Arc<Self>,
        broker: &Broker,
        operation: impl FnOnce(&mut State, At, &mut Vec<Effect>) -> R,
    ) -> (R, Lsn) {
        if !self.is_stream() {
            return self.run(broker, operation);
        }
        let done = self.run_alone(broker, operation);
        self.let_go_too_much(broker);
        self.read_some(broker);
        self.ask_readers();
        done
    }

    /// Lets go what is too much, until there is nothing of that.
    pub(super) fn let_go_too_much(self: &Arc<Self>, broker: &Broker) {
        while self.inspect(|state| state.has_too_much()) {
            self.run_alone(broker, |state, at, out| state.pump(at, out));
        }
    }

    /// Reads for readers that are behind and can take something: for so long only, since whoever does it
    /// has other things to do. Those for whom there is more [are asked](State::ask_readers). A journal that
    /// has stopped leaves them where they are.
    fn read_some(self: &Arc<Self>, broker: &Broker) {
        let keep_bytes = broker.window_bytes();
        let mut reading = self.begin_reading(keep_bytes, broker.durable());
        for turn in 1..=READS {
            let Some(read) = reading else { return };
            let Ok(entries) = broker.read_back(self, &read.stubs) else {
                return;
            };
            (reading, _) = self.run_alone(broker, |state, at, out| {
                state.read(&read, entries, keep_bytes, at, out);
                (turn < READS).then(|| state.begin_reading(keep_bytes, at.durable))?
            });
        }
    }

    /// The offset of the first message that came then or later, and when it came; behind the last one
    /// if there is none.
    pub(super) fn first_since(
        &self,
        time: Timestamp,
        broker: &Broker,
    ) -> Result<(u64, Option<Timestamp>), Stopped> {
        let (mut low, mut high) = self.inspect(|state| state.offsets());
        let mut came = None;
        while low < high {
            let middle = low + (high - low) / 2;
            match self.arrival(middle, broker)? {
                Some((offset, before)) if before < time => low = offset + 1,
                Some((_, then)) => (high, came) = (middle, Some(then)),
                None => high = middle,
            }
        }
        Ok((low, came))
    }

    /// The offset of the first message from that one on, and when it came.
    fn arrival(&self, offset: u64, broker: &Broker) -> Result<Option<(u64, Timestamp)>, Stopped> {
        let reading: Reading = match self.inspect(|state| state.probe(offset)) {
            None => return Ok(None),
            Some(Probe::Came(offset, came)) => return Ok(Some((offset, came))),
            Some(Probe::Read(reading)) => reading,
        };
        let entries = broker.read_back(self, &reading.stubs)?;
        let came = |message: &crate::message::Message| message.arrived.unwrap_or_default();
        let first = entries.first();
        Ok(first.map(|entry| (entry.sequence.0, came(&entry.message))))
    }

    /// Lets go what is too old.
    pub(super) fn retire(self: &Arc<Self>, broker: &Broker) {
        let Some(max_age_ms) = self.inspect(|state| state.max_age_ms()) else {
            return;
        };
        let now = broker.clock.now();
        let limit = Timestamp(now.0.saturating_sub(max_age_ms));
        let Ok((kept, _)) = self.first_since(limit, broker) else {
            return;
        };
        while self
            .run_alone(broker, |state, _, out| state.trim_before(kept, out))
            .0
        {}
        let first = self.inspect(|state| state.offsets().0);
        let Ok(first) = self.arrival(first, broker) else {
            return;
        };
        let came = first.map(|(_, came)| came);
        self.run_alone(broker, |state, at, _| state.age_checked(came, at.now));
    }
}
