//! Messages that nobody accepted and that go on to another queue: dead letters.
//!
//! One that the journal holds for this queue stays its until it stands elsewhere, so that a crash in
//! between finds it here. So does every one of a queue that lets them go at least once: while there is
//! no queue to go to, or one of them is full, they are tried again, some at a time and ever less often.

use std::collections::{HashSet, VecDeque};

use super::{Effect, Entry, Features, State, Stub, done};
use crate::account::Hold;
use crate::call::Sequence;
use crate::clock::Timestamp;
use crate::death::DeathReason;
use crate::journal::Lsn;

/// What became of a dead letter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Left {
    pub(crate) place: Sequence,
    pub(crate) reason: DeathReason,
    pub(crate) fate: Fate,
}

/// Whether it has left its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It has; the journal is to be told.
    Gone,
    /// It has, and the journal was told so there.
    Moved(Lsn),
    /// It has not: it cannot go where it is to go now.
    Stays,
}

/// Dead letters that could not go.
#[derive(Debug)]
pub(super) struct Stuck {
    /// Those that have waited longest first.
    waiting: VecDeque<(Sequence, DeathReason)>,
    /// Those that are being tried again.
    tried: HashSet<Sequence>,
    /// One of those went.
    progress: bool,
    /// When to try again; see [`Timestamp::NEVER`].
    retry: Timestamp,
    pause_ms: u64,
}

/// Most dead letters read back at a time, and most bytes of them, though never less than one.
const BATCH_LEN: usize = 64;
const BATCH_BYTES: usize = 256 * 1024;

/// Shortest and longest time between two tries.
const PAUSE_MS: (u64, u64) = (250, 30_000);

/// Dead letters of one queue on their way for which it still reads back more.
const MANY: usize = 256;

impl State {
    /// A message is done with here: it goes on as a dead letter, or it is gone.
    pub(super) fn let_go(&mut self, entry: Entry, reason: DeathReason, out: &mut Vec<Effect>) {
        match &mut self.features {
            Some(features) if features.rules.dead_letter.is_some() => {
                if entry.journaled || features.rules.at_least_once {
                    features.leaving.insert(entry.sequence, entry.clone());
                }
                out.push(Effect::Died(entry, reason));
            }
            _ => done(&entry, out),
        }
    }

    /// Dead letters stand elsewhere now, or nowhere, or stay.
    pub(crate) fn buried(&mut self, left: &[Left], now: Timestamp, out: &mut Vec<Effect>) {
        let Some(features) = &mut self.features else {
            return;
        };
        for Left {
            place,
            reason,
            fate,
        } in left
        {
            features.stuck.tell(*place, *fate);
            if *fate == Fate::Stays {
                features.stuck.waiting.push_back((*place, *reason));
                continue;
            }
            let Some(entry) = features.leaving.remove(place) else {
                continue;
            };
            // The message's record may have been copied behind what the journal was told.
            let record = entry.message.hold.as_ref().and_then(Hold::record);
            let is_told = match fate {
                Fate::Moved(told) => record.is_none_or(|record| record <= *told),
                Fate::Gone | Fate::Stays => false,
            };
            if !is_told {
                done(&entry, out);
            }
        }
        features.stuck.rest(now);
    }

    /// Whether messages are to be read back that have died.
    pub(super) fn has_dying(&self) -> bool {
        let features = self.features.as_ref();
        features.is_some_and(|it| !it.dying.is_empty()) && !self.has_many_leaving()
    }

    /// How many are to be.
    pub(super) fn dying_len(&self) -> usize {
        let features = self.features.as_ref();
        features.map_or(0, |features| features.dying.len() + features.risen.len())
    }

    /// Some of them.
    pub(super) fn dying(&self) -> Vec<Stub> {
        let mut bytes = 0;
        let fits = |stub: &Stub| {
            let before = bytes;
            bytes += stub.size_bytes as usize;
            before == 0 || bytes <= BATCH_BYTES
        };
        self.dying_stubs()
            .take(BATCH_LEN)
            .take_while(fits)
            .collect()
    }

    /// All of them.
    pub(super) fn dying_stubs(&self) -> impl Iterator<Item = Stub> {
        let features = self.features.iter();
        features.flat_map(|features| features.dying.iter().map(|(stub, _)| stub))
    }

    pub(super) fn dying_moved(&mut self, sequence: Sequence, record: Lsn) -> bool {
        let features = self.features.as_mut();
        features.is_some_and(|features| features.dying.moved(sequence, record))
    }

    /// These were read back.
    pub(super) fn rise(&mut self, entries: Vec<Entry>) {
        let Some(features) = &mut self.features else {
            return;
        };
        for entry in entries {
            if let Some((_, reason)) = features.dying.remove(entry.sequence) {
                features.risen.push((entry, reason));
            }
        }
    }

    /// Has go on what was read back for that.
    pub(super) fn bury_risen(&mut self, out: &mut Vec<Effect>) {
        let Some(features) = &mut self.features else {
            return;
        };
        for (entry, reason) in std::mem::take(&mut features.risen) {
            self.let_go(entry, reason, out);
        }
    }

    /// Whether that message is on its way from here.
    pub(super) fn is_leaving(&self, sequence: Sequence) -> bool {
        self.features.as_ref().is_some_and(|features| {
            features.leaving.contains_key(&sequence) || features.dying.get(sequence).is_some()
        })
    }

    /// Has some that could not go try again, if it is time.
    pub(super) fn retry(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        let Some(features) = &mut self.features else {
            return;
        };
        let Features { stuck, leaving, .. } = &mut **features;
        if now < stuck.retry {
            return;
        }
        stuck.retry = Timestamp::NEVER;
        let some = stuck.waiting.len().min(MANY);
        for (place, reason) in stuck.waiting.drain(..some) {
            if let Some(entry) = leaving.get(&place) {
                stuck.tried.insert(place);
                out.push(Effect::Died(entry.clone(), reason));
            }
        }
    }

    /// When to try again.
    pub(super) fn retry_deadline(&self) -> Timestamp {
        let features = self.features.as_ref();
        features.map_or(Timestamp::NEVER, |features| features.stuck.retry)
    }

    /// So many are on their way that what else may die is left where it is.
    pub(crate) fn has_many_leaving(&self) -> bool {
        self.leaving_len() >= MANY
    }

    /// Messages on their way from here.
    pub(crate) fn leaving_len(&self) -> usize {
        let features = self.features.as_ref();
        features.map_or(0, |features| features.leaving.len())
    }

    /// The same, each of them.
    pub(super) fn leaving(&self) -> impl Iterator<Item = &Entry> {
        let features = self.features.iter();
        features.flat_map(|features| features.leaving.values())
    }

    pub(super) fn leaving_entry(&self, sequence: Sequence) -> Option<&Entry> {
        self.features.as_ref()?.leaving.get(&sequence)
    }
}

impl Stuck {
    /// This is the fate of one that may have been tried again.
    fn tell(&mut self, place: Sequence, fate: Fate) {
        self.progress |= self.tried.remove(&place) && fate != Fate::Stays;
    }

    /// When all have been tried that were to be: those behind them are next, at once if some of these
    /// could go.
    fn rest(&mut self, now: Timestamp) {
        if self.waiting.is_empty() || !self.tried.is_empty() || self.retry < Timestamp::NEVER {
            return;
        }
        let (least, most) = PAUSE_MS;
        if std::mem::take(&mut self.progress) {
            self.pause_ms = least;
            self.retry = now;
        } else {
            self.retry = now.plus_ms(self.pause_ms);
            self.pause_ms = (2 * self.pause_ms).min(most);
        }
    }
}

impl Default for Stuck {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            tried: HashSet::new(),
            progress: false,
            retry: Timestamp::NEVER,
            pause_ms: PAUSE_MS.0,
        }
    }
}
