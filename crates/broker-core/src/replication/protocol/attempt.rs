//! A change of the record, carried through a store that may not say what it did.
//!
//! An attempt is over when it is *known* to have been applied or to be impossible. After "unknown" the
//! record is read: with the attempt's nonce in it, it was applied. With the version it expected still
//! there, it may yet be applied, by a request that is still under way; so the very same write is
//! sent again, and whichever comes first makes the other impossible. With any other version it can
//! never be applied. Only a record of an epoch that is past says nothing: the store was restored from
//! a backup, and a leader reads on until that is undone.
//!
//! "Conflict" is handled like "unknown": after a repeated write it may mean that the first one won.

use super::{Effect, Protocol, Role, Standby};
use crate::replication::coordinator::{CasOutcome, Snapshot, Version};
use crate::replication::record::{Member, Nonce, Record};
use crate::replication::rules::{Rule, Rules};

/// What a change is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Change {
    /// Lead a new epoch.
    Election,
    /// Members are not waited for any more.
    Shrink,
    /// A member is in sync.
    Expand(Member),
    /// So many have to be in sync from now on.
    Durability,
    /// The commit hint is refreshed.
    Hint,
    /// The leader resigns.
    Resign,
}

/// A change whose outcome is not known yet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Attempt {
    pub change: Change,
    expected: Version,
    pub record: Record,
    unsure: bool,
}

impl Attempt {
    /// The store has answered, and only a read can tell what happened.
    pub(super) fn is_unsure(&self) -> bool {
        self.unsure
    }
}

impl<R: Rules> Protocol<R> {
    /// What the store said to the [`Effect::Cas`] with this nonce.
    pub fn on_cas(&mut self, nonce: Nonce, outcome: CasOutcome, out: &mut Vec<Effect>) {
        let Some(attempt) = &mut self.attempt else {
            return;
        };
        if attempt.record.writer_nonce != nonce {
            return;
        }
        match outcome {
            CasOutcome::Applied(version) => self.applied(version, out),
            CasOutcome::Conflict | CasOutcome::Unknown => {
                attempt.unsure = true;
                out.push(Effect::Read);
            }
        }
    }

    /// The last read did not get through, and something waits for one.
    pub fn on_retry(&mut self, out: &mut Vec<Effect>) {
        if self.attempt.as_ref().is_some_and(Attempt::is_unsure) {
            out.push(Effect::Read);
        }
    }

    /// Whether a change is under way; a second one is not begun.
    pub fn is_changing(&self) -> bool {
        self.attempt.is_some()
    }

    /// Sends a change of the record as this node last knew it.
    pub(super) fn submit(&mut self, change: Change, record: Record, out: &mut Vec<Effect>) {
        let Some((_, version)) = &self.view else {
            return;
        };
        let expected = version.clone();
        let record = Record {
            writer_nonce: self.next_nonce(),
            ..record
        };
        out.push(Effect::Cas {
            expected: expected.clone(),
            record: Box::new(record.clone()),
        });
        self.attempt = Some(Attempt {
            change,
            expected,
            record,
            unsure: false,
        });
    }

    /// A record was read to find out what became of an attempt.
    pub(super) fn resolve(&mut self, snapshot: Snapshot, out: &mut Vec<Effect>) {
        let past = self.leads().and_then(|_| self.rolled_back(&snapshot));
        let Some(attempt) = &mut self.attempt else {
            return;
        };
        let nonce = snapshot.record.as_ref().map(|record| record.writer_nonce);
        if nonce == Some(attempt.record.writer_nonce) {
            return self.applied(snapshot.version, out);
        }
        // A leader that only wants its write through would retry it over its successor's.
        let blind = !self.rules.holds(Rule::OwnEpochOnly) && attempt.change != Change::Election;
        if blind {
            attempt.expected = snapshot.version.clone();
        } else if let Some(alarm) = past {
            // F4: no action. Nothing is known of the attempt before an operator has set the store right.
            return out.push(Effect::Alarm(alarm));
        }
        if snapshot.version == attempt.expected {
            attempt.unsure = false;
            let (expected, record) = (attempt.expected.clone(), Box::new(attempt.record.clone()));
            return out.push(Effect::Cas { expected, record });
        }
        self.failed(snapshot, out);
    }

    fn applied(&mut self, version: Version, out: &mut Vec<Effect>) {
        let Some(attempt) = self.attempt.take() else {
            return;
        };
        self.view = Some((attempt.record, version));
        match attempt.change {
            Change::Election => self.win(out),
            Change::Resign => self.resigned(out),
            Change::Expand(member) => {
                self.admitted(member);
                self.after_change(out);
            }
            Change::Durability | Change::Hint | Change::Shrink => self.after_change(out),
        }
    }

    /// The attempt can never be applied: someone else has changed the record.
    fn failed(&mut self, snapshot: Snapshot, out: &mut Vec<Effect>) {
        self.attempt = None;
        let still_leads = self.leads().is_some_and(|epoch| {
            let record = snapshot.record.as_ref();
            record.is_some_and(|r| r.epoch == epoch && r.is_led_by(self.me.node, self.incarnation))
        });
        if let (true, Some(record)) = (still_leads, &snapshot.record) {
            // An operator's hand: what the store says is what is confirmed.
            self.view = Some((record.clone(), snapshot.version));
            self.serve_on();
            return self.after_change(out);
        }
        match self.role {
            Role::Candidate => self.role = Role::Standby(Standby::default()),
            Role::Leading(_) => self.step_down(out),
            Role::Standby(_) => {}
        }
        self.observe(snapshot, out);
    }
}
