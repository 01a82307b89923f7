//! What a queue is told to do: its definition, the policies that apply to it and the rules that
//! follow from both. All of it may change while the queue works.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, RwLock};

use crate::definitions::{QueueSpec, Stored};
use crate::lock::{read, write};
use crate::policy::Applied;
use crate::rules::{Overflow, Rules};

/// What a queue is told to do, at one moment.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) definition: Stored<QueueSpec>,
    /// The policies that apply to it.
    pub(crate) applied: Applied,
    /// Beyond keeping messages.
    pub(crate) rules: Option<Arc<Rules>>,
}

/// The present standing, and what of it publishers ask for with each message: those take no lock.
#[derive(Debug)]
pub(super) struct Present {
    standing: RwLock<Arc<Standing>>,
    flags: AtomicU8,
}

/// It has rules at all.
const RULED: u8 = 1;
/// Messages expire in it even if their publishers do not ask for it.
const LETS_EXPIRE: u8 = 2;
/// Publishers have to ask before a message comes.
const TURNS_AWAY: u8 = 4;
/// What it turns away goes on as a dead letter.
const BURIES: u8 = 8;

impl Standing {
    /// What follows from a definition and the policies that apply.
    pub(crate) fn new(definition: Stored<QueueSpec>, applied: Applied) -> Self {
        let arguments = &definition.value.arguments;
        let rules = if applied.is_none() {
            Rules::of(arguments)
        } else {
            Rules::of(&applied.effective(arguments))
        };
        Self {
            rules: rules.map(Arc::new),
            applied,
            definition,
        }
    }

    fn flags(&self) -> u8 {
        let Some(rules) = &self.rules else { return 0 };
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        RULED
            | flag(rules.lets_expire(), LETS_EXPIRE)
            | flag(rules.turns_away(), TURNS_AWAY)
            | flag(rules.overflow == Overflow::RejectPublishDeadLetter, BURIES)
    }
}

impl Present {
    pub(super) fn new(standing: Standing) -> Self {
        Self {
            flags: AtomicU8::new(standing.flags()),
            standing: RwLock::new(Arc::new(standing)),
        }
    }

    /// All of it.
    pub(super) fn get(&self) -> Arc<Standing> {
        Arc::clone(&read(&self.standing))
    }

    /// From now on it is this. Nobody may be on the way to the queue with a message that was
    /// [let in](super::LiveQueue::admit) by other rules: the caller holds the topology to write.
    pub(super) fn set(&self, standing: Standing) {
        self.flags.store(standing.flags(), Ordering::Release);
        *write(&self.standing) = Arc::new(standing);
    }

    pub(super) fn is_ruled(&self) -> bool {
        self.has(RULED)
    }

    pub(super) fn lets_expire(&self) -> bool {
        self.has(LETS_EXPIRE)
    }

    pub(super) fn turns_away(&self) -> bool {
        self.has(TURNS_AWAY)
    }

    pub(super) fn buries_turned_away(&self) -> bool {
        self.has(BURIES)
    }

    fn has(&self, flag: u8) -> bool {
        self.flags.load(Ordering::Acquire) & flag != 0
    }
}
