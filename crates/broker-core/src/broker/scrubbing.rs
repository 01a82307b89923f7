//! The background scrub of the broker's journal: what it finds is logged and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Broker;
use crate::admin::ScrubStats;
use crate::journal::Scrub;

/// What it has seen so far.
#[derive(Debug, Default)]
pub(super) struct Scrubbing {
    bytes: AtomicU64,
    rounds: AtomicU64,
    damaged: AtomicU64,
}

impl Scrubbing {
    pub(super) fn stats(&self) -> ScrubStats {
        ScrubStats {
            bytes: self.bytes.load(Ordering::Relaxed),
            rounds: self.rounds.load(Ordering::Relaxed),
            damaged: self.damaged.load(Ordering::Relaxed),
        }
    }
}

impl Broker {
    /// A scrub of the broker's journal, to be driven by [`Self::scrub`].
    pub fn scrubber(&self) -> Scrub {
        Scrub::new(Arc::clone(&self.journal))
    }

    /// One step of the scrub: reads from the disk, so it belongs on a thread that may wait. Answers
    /// how long to rest until the next.
    pub fn scrub(&self, scrub: &mut Scrub) -> Duration {
        let step = scrub.step();
        for damage in &step.damaged {
            tracing::error!(
                file = damage.file,
                offset = damage.offset,
                lsn = damage.lsn.map(|lsn| lsn.0),
                damage = %damage.damage,
                "scrub found damage in the journal"
            );
        }
        let Scrubbing {
            bytes,
            rounds,
            damaged,
        } = &self.scrubbing;
        bytes.fetch_add(step.read_bytes, Ordering::Relaxed);
        rounds.fetch_add(u64::from(step.round_ended), Ordering::Relaxed);
        damaged.store(step.known_damaged, Ordering::Relaxed);
        step.rest
    }
}
