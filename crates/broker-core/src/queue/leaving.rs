//! Messages that nobody accepted and that go on to another queue: dead letters.
//!
//! One that the journal holds for this queue stays its until it stands elsewhere, so that a crash in
//! between finds it here. So does every one of a queue that lets them go at least once: while there is
//! no queue to go to, or one of them is full, they are tried again, some at a time and ever less often.
//! Those that wait for that are left to the journal beyond what a queue keeps in memory.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::BuildHasherDefault;

use super::afar::Afar;
use super::{Effect, Entry, Features, State, Stub, done};
use crate::account::{Account, Hold};
use crate::call::Sequence;
use crate::clock::Timestamp;
use crate::death::DeathReason;
use crate::journal::Lsn;
use crate::number_hash::NumberHasher;

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

/// Dead letters by place.
pub(super) type Leaving = HashMap<Sequence, Entry, BuildHasherDefault<NumberHasher>>;

/// Dead letters that could not go.
#[derive(Debug)]
pub(super) struct Stuck {
    /// Those that have waited longest first.
    waiting: VecDeque<(Sequence, DeathReason)>,
    /// So many of them are in memory,
    near: usize,
    /// with so many bytes that may be left to the journal:
    near_bytes: usize,
    /// those of these.
    leavable: HashSet<Sequence>,
    /// The others are in the journal alone.
    far: Afar<()>,
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
        let goes_on = self.buries();
        self.meter.died(entry.sequence, reason, goes_on);
        self.bury(entry, reason, out);
    }

    /// What dies here goes on as a dead letter.
    pub(super) fn buries(&self) -> bool {
        let features = self.features.as_ref();
        features.is_some_and(|features| features.rules.dead_letter.is_some())
    }

    /// The same for one of which that was said already.
    fn bury(&mut self, entry: Entry, reason: DeathReason, out: &mut Vec<Effect>) {
        match &mut self.features {
            Some(features) if features.rules.dead_letter.is_some() => {
                let kept = entry.journaled || features.rules.at_least_once;
                if kept {
                    features.leaving.insert(entry.sequence, entry.clone());
                }
                out.push(Effect::Died {
                    entry,
                    reason,
                    kept,
                });
            }
            _ => done(&entry, out),
        }
    }

    /// Dead letters stand elsewhere now, or nowhere, or stay.
    pub(crate) fn buried(&mut self, left: &[Left], now: Timestamp, out: &mut Vec<Effect>) {
        let Some(features) = &mut self.features else {
            return;
        };
        let Features { stuck, leaving, .. } = &mut **features;
        for Left {
            place,
            reason,
            fate,
        } in left
        {
            stuck.tell(*place, *fate);
            if *fate == Fate::Stays {
                stuck.wait(leaving.get(place), *reason);
                continue;
            }
            let Some(entry) = leaving.remove(place) else {
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
        stuck.rest(now);
    }

    /// Leaves those that could not go to the journal, if there are more bytes of them than that.
    pub(super) fn page_out_stuck(&mut self, keep_bytes: usize, durable: Lsn) {
        if let Some(features) = &mut self.features {
            let Features { stuck, leaving, .. } = &mut **features;
            stuck.page_out(leaving, keep_bytes, durable);
        }
    }

    /// Whether messages are to be read back that have died.
    pub(super) fn has_dying(&self) -> bool {
        let features = self.features.as_ref();
        features.is_some_and(|it| !it.dying.is_empty() && it.leaving.len() - it.stuck.near < MANY)
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
        let features = self.features.iter();
        let stubs = features.flat_map(|features| features.dying.iter().map(|(stub, _)| stub));
        stubs.take(BATCH_LEN).take_while(fits).collect()
    }

    /// All dead letters that are in the journal alone.
    pub(super) fn departed_stubs(&self) -> impl Iterator<Item = Stub> {
        let features = self.features.iter();
        features.flat_map(|features| {
            let dying = features.dying.iter().map(|(stub, _)| stub);
            dying.chain(features.stuck.far.iter().map(|(stub, ())| stub))
        })
    }

    /// The record of one of them is at another place now; false if there is no such message.
    pub(super) fn departed_moved(&mut self, sequence: Sequence, record: Lsn) -> bool {
        self.features.as_mut().is_some_and(|features| {
            features.dying.moved(sequence, record) || features.stuck.far.moved(sequence, record)
        })
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
    pub(super) fn bury_risen(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        let Some(features) = &mut self.features else {
            return;
        };
        let risen = std::mem::take(&mut features.risen);
        if features.rules.dead_letter.is_none() {
            // Nobody will say what became of those that were to be tried again.
            for (entry, _) in &risen {
                features.stuck.tell(entry.sequence, Fate::Gone);
            }
            features.stuck.rest(now);
        }
        for (entry, reason) in risen {
            self.bury(entry, reason, out);
        }
    }

    /// Whether that message is on its way from here.
    pub(super) fn is_leaving(&self, sequence: Sequence) -> bool {
        self.features.as_ref().is_some_and(|features| {
            features.leaving.contains_key(&sequence)
                || features.dying.get(sequence).is_some()
                || features.stuck.far.get(sequence).is_some()
        })
    }

    /// Has some that could not go try again, if it is time.
    pub(super) fn retry(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        let Some(features) = &mut self.features else {
            return;
        };
        if now < features.stuck.retry {
            return;
        }
        let Features {
            stuck,
            leaving,
            dying,
            ..
        } = &mut **features;
        stuck.retry = Timestamp::NEVER;
        let some = stuck.waiting.len().min(MANY);
        for (place, reason) in stuck.waiting.drain(..some) {
            if let Some(entry) = leaving.get(&place) {
                stuck.near -= 1;
                stuck.near_bytes -= weight_bytes(entry);
                stuck.leavable.remove(&place);
                let (entry, kept) = (entry.clone(), true);
                out.push(Effect::Died {
                    entry,
                    reason,
                    kept,
                });
            } else if let Some((stub, ())) = stuck.far.remove(place) {
                dying.insert(stub, reason);
            } else {
                continue;
            }
            stuck.tried.insert(place);
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
        features.map_or(0, |it| it.leaving.len() + it.stuck.far.len())
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

impl Features {
    /// How many that died are here.
    pub(super) fn kept_len(&self) -> usize {
        self.leaving.len() + self.stuck.far.len() + self.dying.len() + self.risen.len()
    }
}

impl Stuck {
    pub(super) fn new(account: &'static Account) -> Self {
        Self {
            waiting: VecDeque::new(),
            near: 0,
            near_bytes: 0,
            leavable: HashSet::new(),
            far: Afar::new(account),
            tried: HashSet::new(),
            progress: false,
            retry: Timestamp::NEVER,
            pause_ms: PAUSE_MS.0,
        }
    }

    /// One that could not go waits.
    fn wait(&mut self, entry: Option<&Entry>, reason: DeathReason) {
        let Some(entry) = entry else { return };
        self.near += 1;
        self.near_bytes += weight_bytes(entry);
        if entry.journaled {
            self.leavable.insert(entry.sequence);
        }
        self.waiting.push_back((entry.sequence, reason));
    }

    fn page_out(&mut self, leaving: &mut Leaving, keep_bytes: usize, durable: Lsn) {
        if self.near_bytes <= keep_bytes {
            return;
        }
        let Self {
            near,
            near_bytes,
            leavable,
            far,
            ..
        } = self;
        leavable.retain(|place| {
            let Some(entry) = leaving.get(place) else {
                return false;
            };
            let Some(stub) = entry.stub(durable) else {
                return true;
            };
            *near -= 1;
            *near_bytes -= weight_bytes(entry);
            leaving.remove(place);
            far.insert(stub, ());
            false
        });
    }

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

/// What a message weighs here that could be left to the journal.
fn weight_bytes(entry: &Entry) -> usize {
    if entry.journaled {
        entry.weight_bytes()
    } else {
        0
    }
}
