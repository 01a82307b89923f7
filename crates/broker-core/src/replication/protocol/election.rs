//! Becoming the leader: one compare-and-swap that names a new epoch, its leader, and itself as the
//! only one in sync.
//!
//! Both in one write is what makes it safe (rules F1, F3): whoever wins was in sync at the moment the
//! write was decided, and the leader before it can commit nothing more, since that takes an
//! acknowledgement of the winner, who from now on gives it none. The promise to the new epoch is
//! made only when the win is known: a loser that had promised would turn its rightful leader away.

use std::collections::BTreeSet;

use super::attempt::Change;
use super::{Effect, Leading, Protocol, Role};
use crate::journal::Epoch;
use crate::replication::record::{Leader, Record};
use crate::replication::rules::{Rule, Rules};

impl<R: Rules> Protocol<R> {
    /// The grace is over and no leader was heard: be elected, if the record allows. Whatever
    /// conversation there was is dead, or it would have been heard in it.
    pub fn on_campaign(&mut self, out: &mut Vec<Effect>) {
        self.drop_leader(out);
        if let Role::Standby(standby) = &mut self.role {
            standby.campaigning = true;
            out.push(Effect::Read);
        }
    }

    /// Rule F2: it is in sync with the disk it has, has what was committed, and knows of no damage.
    pub(super) fn may_be_elected(&self, record: &Record) -> bool {
        let in_sync = record.isr.contains(&self.me) || !self.rules.holds(Rule::InSyncOnly);
        let whole = self.log.holds(record.commit_hint) || !self.rules.holds(Rule::NotRegressed);
        in_sync && whole && !self.vow.in_repair
    }

    /// Whether it may try now: when the grace is over (`wants`), or when nobody else can be serving.
    pub(super) fn is_its_turn(&self, record: &Record, wants: bool, seen_before: bool) -> bool {
        let led_before = record.leader.is_some_and(|l| l.node == self.me.node);
        let only_one = record.isr.iter().all(|member| *member == self.me);
        match record.transfer {
            Some(transfer) if transfer.to == self.me.node => true,
            // The driver counts the other's time from when it first hears of the transfer.
            Some(_) => wants && seen_before,
            None => wants || led_before || only_one,
        }
    }

    /// Submits its own election.
    pub(super) fn campaign(&mut self, record: Record, out: &mut Vec<Effect>) {
        let led_before = record.leader.is_some_and(|l| l.node == self.me.node);
        if led_before && !self.rules.holds(Rule::NoResume) {
            return self.begin_reign(record.epoch, out);
        }
        let isr = if self.rules.holds(Rule::NoAssumedShrink) {
            BTreeSet::from([self.me])
        } else {
            record.isr.clone()
        };
        let next = Record {
            epoch: Epoch(record.epoch.0 + 1),
            leader: Some(Leader {
                node: self.me.node,
                incarnation: self.incarnation,
            }),
            isr,
            transfer: None,
            // With nobody else in sync, what is on this disk is what is committed.
            commit_hint: self.log.epochs.position(self.log.durable),
            ..record
        };
        self.drop_leader(out);
        self.role = Role::Candidate;
        self.submit(Change::Election, next, out);
    }

    /// The election is won, and known to be.
    pub(super) fn win(&mut self, out: &mut Vec<Effect>) {
        let Some((record, _)) = &mut self.view else {
            return;
        };
        if !self.rules.holds(Rule::NoAssumedShrink) {
            record.isr = BTreeSet::from([self.me]);
        }
        let epoch = record.epoch;
        self.vow.promised = epoch;
        self.vow.generation = record.region.generation;
        out.push(Effect::Save(self.vow));
        self.begin_reign(epoch, out);
    }

    fn begin_reign(&mut self, epoch: Epoch, out: &mut Vec<Effect>) {
        self.log.epochs.begin(epoch, self.log.end);
        self.role = Role::Leading(Leading::new(epoch));
        out.push(Effect::Lead(epoch));
        self.advance(out);
    }
}
