//! One node of a group: who leads, what is committed, and why nothing acknowledged is lost.
//!
//! A pure state machine. What happened goes in through the `on_…` methods; what to do comes out as
//! [`Effect`]s. There is no clock in here: that a peer was silent for too long, or that it is time to
//! campaign, is told ([`super::node::Node`] does the telling), and whenever it is told, nothing
//! is lost. So the rules that protect data (F1-F14) do not rest on time.
//!
//! # What the driver owes it
//!
//! Effects are carried out in their order. Before the next one is begun, a [`Effect::Save`] is on the
//! disk, a [`Effect::Truncate`] or [`Effect::Write`] has reached the journal (not the disk: that is told
//! by [`Protocol::on_durable`]), and after a [`Effect::StopLeading`] the engine appends nothing more and
//! its last end was told by [`Protocol::on_appended`]. There is one [`Effect::Read`] under way
//! at a time; asked for again meanwhile, it is made again after the answer.
//!
//! # Where what is
//!
//! `standby` follows a leader, `election` makes one, `leading` is one, and `attempt` carries a change
//! of the record through an uncertain store.

mod attempt;
mod effect;
mod election;
mod leading;
mod log_view;
mod standby;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::coordinator::{Snapshot, Version};
use super::frame::{Frame, Peer, Reject};
use super::record::{Incarnation, Member, Nonce, Record};
use super::rules::{AllRules, Rule, Rules};
use crate::journal::{Epoch, Lsn};
use attempt::Attempt;
use leading::Leading;
use standby::Standby;

pub use effect::{Alarm, Effect};
pub use leading::NotNow;
pub use log_view::LogView;

/// What a node has promised, durable in a small file of its own beside the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Vow {
    /// It takes no part in any earlier epoch (rule F4).
    pub promised: Epoch,
    /// Its log may lack what it once acknowledged: it does not lead before a leader has refilled it
    /// (rules F2, F14).
    pub in_repair: bool,
    /// [`Region::generation`](super::record::Region::generation) of the reign in which its log was last
    /// agreed on, 0 before the first. It rises when an operator says whose data counts.
    pub generation: u64,
}

/// Choices that do not touch safety.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Settings {
    /// The position of the first record of any journal.
    pub origin: Lsn,
    /// A follower that lacks at most so many bytes is made to count, and is in sync a round trip
    /// later.
    pub join_lag: u64,
}

/// What a node knows when its process starts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Recovered {
    /// Who it is, with which disk.
    pub me: Member,
    /// Drawn for this start.
    pub incarnation: Incarnation,
    /// As last saved; the default if there is no file.
    pub vow: Vow,
    /// The journal as recovered, up to the first damage if there is any.
    pub log: LogView,
    /// Known to be committed: what a checkpoint stands for, and the marks by which segments were freed.
    pub committed: Lsn,
    /// Whether recovery met damage that is not a torn write.
    pub damaged: bool,
}

/// What a node is at the moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Role {
    Standby(Standby),
    /// Its election is submitted and not decided. It is deaf meanwhile.
    Candidate,
    Leading(Leading),
}

/// What a node is, for those who watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Knows of no leader it could follow.
    Searching,
    /// Follows, and has not got everything yet or is not known to.
    Syncing,
    /// Follows and is in the in-sync set.
    InSync,
    /// Its election is under way.
    Candidate,
    /// Leads, with others in sync.
    Replicated,
    /// Leads, and nobody else is in sync.
    Alone,
    /// Leads, and too few are in sync for anything to be acknowledged.
    Blocked,
    /// Leads, and is handing over.
    Draining,
    /// May not lead before a leader has refilled its log.
    Repair,
}

/// The state machine. See the module's page.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Protocol<R = AllRules> {
    rules: R,
    settings: Settings,
    me: Member,
    incarnation: Incarnation,
    nonces: u64,
    sessions: u64,
    vow: Vow,
    log: LogView,
    committed: Lsn,
    /// The record as last read, or for a leader as last confirmed, and its version.
    view: Option<(Record, Version)>,
    /// A change of the record whose outcome is not known yet. At most one.
    attempt: Option<Attempt>,
    role: Role,
}

impl Protocol {
    /// A node after its start. The driver calls [`Self::on_poll`] next.
    pub fn new(settings: Settings, recovered: Recovered, out: &mut Vec<Effect>) -> Self {
        Self::with_rules(AllRules, settings, recovered, out)
    }
}

impl<R: Rules> Protocol<R> {
    /// As [`Protocol::new`], with rules left out: for the model.
    #[doc(hidden)]
    pub fn with_rules(
        rules: R,
        settings: Settings,
        recovered: Recovered,
        out: &mut Vec<Effect>,
    ) -> Self {
        let Recovered {
            me,
            incarnation,
            vow,
            log,
            committed,
            damaged,
        } = recovered;
        let mut node = Self {
            rules,
            settings,
            me,
            incarnation,
            nonces: 0,
            sessions: 0,
            vow,
            log,
            committed: committed.max(settings.origin),
            view: None,
            attempt: None,
            role: Role::Standby(Standby::default()),
        };
        if damaged && node.rules.holds(Rule::DamageIsRepaired) {
            node.enter_repair(Alarm::Damaged, out);
        }
        node
    }

    /// A frame of a peer's. After an [`Effect::Write`] the records that came with it are written.
    pub fn on_frame(&mut self, from: Peer, frame: Frame, out: &mut Vec<Effect>) {
        match (&self.role, frame) {
            // Whatever it said now might count for a reign that its own election has ended.
            (Role::Candidate, _) => {}
            (Role::Leading(_), Frame::Hello(hello)) => self.on_hello(from, hello, out),
            (Role::Leading(_), Frame::Ack { epoch, durable }) => {
                self.on_ack(from, epoch, durable, out);
            }
            (Role::Leading(_), Frame::Reject(reject)) => self.on_deposed(reject.known_epoch, out),
            (Role::Leading(_), Frame::Leave) => self.on_leave(from, out),
            (Role::Standby(_), Frame::Hello(_)) => {
                let frame = Frame::Reject(Reject {
                    known_epoch: self.vow.promised,
                });
                out.push(Effect::Send { to: from, frame });
            }
            (Role::Standby(_), Frame::Welcome(welcome)) => self.on_welcome(from, welcome, out),
            (Role::Standby(_), Frame::Append(append)) => self.on_append(from, &append, out),
            (Role::Standby(_), turned @ (Frame::Reject(_) | Frame::Transfer { .. })) => {
                self.on_turned_away(from, &turned, out);
            }
            // Late words to what this node was a moment ago.
            _ => {}
        }
    }

    /// The answer to an [`Effect::Read`].
    pub fn on_read(&mut self, snapshot: Snapshot, out: &mut Vec<Effect>) {
        if self.attempt.as_ref().is_some_and(Attempt::is_unsure) {
            self.resolve(snapshot, out);
        } else {
            self.observe(snapshot, out);
        }
    }

    /// The journal ends here now, in memory: the leader's engine has appended.
    pub fn on_appended(&mut self, end: Lsn, out: &mut Vec<Effect>) {
        self.log.end = self.log.end.max(end);
        self.ship_to_all(out);
    }

    /// Everything below is on this node's disk.
    pub fn on_durable(&mut self, durable: Lsn, out: &mut Vec<Effect>) {
        self.log.durable = durable.min(self.log.end);
        match self.role {
            Role::Standby(_) => {
                self.finish_repair(out);
                self.acknowledge(out);
            }
            Role::Candidate => {}
            Role::Leading(_) => self.advance(out),
        }
    }

    /// The oldest records were freed: the log begins here.
    pub fn on_freed(&mut self, front: Lsn) {
        self.log.front = self.log.front.max(front);
    }

    /// What is on this node's disk is not what was written: it does not lead before a leader has
    /// refilled it.
    pub fn on_damaged(&mut self, out: &mut Vec<Effect>) {
        if matches!(self.role, Role::Standby(_)) && self.rules.holds(Rule::DamageIsRepaired) {
            self.enter_repair(Alarm::Damaged, out);
        }
    }

    /// An operator has made this node the only one in sync, as it is: what its log may lack is given
    /// up.
    pub fn on_forced(&mut self, out: &mut Vec<Effect>) {
        if self.vow.in_repair {
            self.vow.in_repair = false;
            out.push(Effect::Save(self.vow));
        }
        out.push(Effect::Read);
    }

    /// What the record says, when nothing depends on it but what to do next.
    fn observe(&mut self, snapshot: Snapshot, out: &mut Vec<Effect>) {
        if let Some(alarm) = self.rolled_back(&snapshot) {
            return out.push(Effect::Alarm(alarm));
        }
        let Some(record) = snapshot.record else {
            if self.vow.promised > Epoch(0) {
                out.push(Effect::Alarm(Alarm::RecordGone));
            }
            return;
        };
        if let Some(survivor) = record.ended {
            return self.on_ended(survivor, out);
        }
        match &self.role {
            Role::Leading(leading) if record.epoch > leading.epoch => {
                self.step_down(out);
                self.look_for_leader(record, snapshot.version, out);
            }
            Role::Leading(_) | Role::Candidate => {}
            Role::Standby(_) => self.look_for_leader(record, snapshot.version, out),
        }
    }

    /// Says so if the record is of an epoch that this node has promised to leave behind.
    fn rolled_back(&self, snapshot: &Snapshot) -> Option<Alarm> {
        let (found, promised) = (snapshot.record.as_ref()?.epoch, self.vow.promised);
        let past = self.rules.holds(Rule::Promise) && found < promised;
        past.then_some(Alarm::RecordRolledBack { found, promised })
    }

    /// Nobody is elected any more, and nobody leads whom one could follow.
    fn on_ended(&mut self, survivor: Member, out: &mut Vec<Effect>) {
        match self.role {
            Role::Standby(_) => self.drop_leader(out),
            Role::Leading(_) => self.step_down(out),
            // It finds out when its election has failed.
            Role::Candidate => return,
        }
        self.view = None;
        out.push(Effect::Alarm(Alarm::GroupEnded(survivor.node)));
    }

    /// Leaves the leadership, for whatever reason. What the store decides about an attempt under
    /// way no longer matters: it concerns a version that is past, or this node finds out by reading.
    fn step_down(&mut self, out: &mut Vec<Effect>) {
        if matches!(self.role, Role::Leading(_)) {
            out.push(Effect::StopLeading);
        }
        self.attempt = None;
        self.role = Role::Standby(Standby::default());
    }

    fn enter_repair(&mut self, why: Alarm, out: &mut Vec<Effect>) {
        out.push(Effect::Alarm(why));
        self.distrust_log(out);
    }

    fn distrust_log(&mut self, out: &mut Vec<Effect>) {
        if !self.vow.in_repair {
            self.vow.in_repair = true;
            out.push(Effect::Save(self.vow));
        }
    }

    fn next_nonce(&mut self) -> Nonce {
        self.nonces += 1;
        Nonce {
            incarnation: self.incarnation,
            count: self.nonces,
        }
    }

    /// The in-sync set as confirmed, and that of a change under way: whoever is in either may be
    /// the next leader. Without this node.
    fn electable_others(&self) -> BTreeSet<Member> {
        let confirmed = self.view.iter().flat_map(|(record, _)| &record.isr);
        let in_flight = self.attempt.iter().flat_map(|attempt| &attempt.record.isr);
        confirmed
            .chain(in_flight)
            .copied()
            .filter(|m| *m != self.me)
            .collect()
    }

    /// Who it is, with its disk.
    pub fn me(&self) -> Member {
        self.me
    }

    /// The epoch it leads, if it does.
    pub fn leads(&self) -> Option<Epoch> {
        match &self.role {
            Role::Leading(leading) => Some(leading.epoch),
            _ => None,
        }
    }

    /// Where its journal ends, is durable, and who wrote it.
    pub fn log(&self) -> &LogView {
        &self.log
    }

    /// Everything below is acknowledged or may be.
    pub fn committed(&self) -> Lsn {
        self.committed
    }

    /// Everything below may be delivered to consumers (rule F13).
    pub fn deliverable(&self) -> Lsn {
        if self.rules.holds(Rule::DeliverCommitted) {
            self.committed
        } else {
            self.log.durable
        }
    }

    /// What it has promised.
    pub fn vow(&self) -> Vow {
        self.vow
    }

    /// The record as this node knows it, and its version.
    pub fn view(&self) -> Option<&(Record, Version)> {
        self.view.as_ref()
    }

    /// How many conversations it has opened.
    pub fn sessions(&self) -> u64 {
        self.sessions
    }

    /// What it is at the moment.
    pub fn state(&self) -> State {
        let record = self.view.as_ref().map(|(record, _)| record);
        match &self.role {
            Role::Candidate => State::Candidate,
            Role::Leading(leading) => leading.state(record),
            Role::Standby(_) if self.vow.in_repair => State::Repair,
            Role::Standby(standby) if standby.welcomed().is_none() => State::Searching,
            Role::Standby(_) if record.is_some_and(|r| r.isr.contains(&self.me)) => State::InSync,
            Role::Standby(_) => State::Syncing,
        }
    }
}
