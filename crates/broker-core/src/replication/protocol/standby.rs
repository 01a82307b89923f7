//! Following: find the leader, agree on where to begin, take records, say what is durable.

use super::{Alarm, Effect, LogView, Protocol, Role};
use crate::journal::{Epoch, Lsn};
use crate::replication::coordinator::Version;
use crate::replication::frame::{Append, CatchUp, Frame, Hello, Peer, Reject, Session, Welcome};
use crate::replication::record::{Leader, Record};
use crate::replication::rules::{Rule, Rules};

/// What a standby is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Standby {
    /// It wants to be elected as soon as it has read the record.
    pub campaigning: bool,
    following: Option<Following>,
}

/// The leader it has said hello to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Following {
    leader: Leader,
    /// Of the record that names this leader.
    generation: u64,
    peer: Peer,
    welcomed: Option<Welcomed>,
}

/// What the leader answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Welcomed {
    pub epoch: Epoch,
    /// With all below durable, it has everything ever acknowledged before the welcome.
    complete_at: Lsn,
}

impl Standby {
    pub(super) fn welcomed(&self) -> Option<Welcomed> {
        self.following.as_ref()?.welcomed
    }
}

impl<R: Rules> Protocol<R> {
    /// Look for a leader: after the start, or because the conversation with the leader has ended or
    /// never began.
    pub fn on_poll(&mut self, out: &mut Vec<Effect>) {
        self.drop_leader(out);
        out.push(Effect::Read);
    }

    /// The journal is another now: replaced by what the leader had ([`Effect::Fetch`]), or without
    /// records that could not be written. What it does not have it cannot be asked to keep; the vow
    /// says whether it may lead.
    pub fn on_restored(&mut self, log: LogView, out: &mut Vec<Effect>) {
        self.committed = self.committed.min(log.end);
        self.log = log;
        self.on_poll(out);
    }

    /// The peer it follows, and in which epoch, once that one has welcomed it.
    pub fn follows(&self) -> Option<(Peer, Epoch)> {
        let Role::Standby(standby) = &self.role else {
            return None;
        };
        let following = standby.following.as_ref()?;
        Some((following.peer, following.welcomed?.epoch))
    }

    /// The conversation it is in, welcomed or not yet.
    pub fn conversation(&self) -> Option<Peer> {
        match &self.role {
            Role::Standby(standby) => standby.following.as_ref().map(|f| f.peer),
            _ => None,
        }
    }

    /// The leader it follows is alive, and says how far it has committed. An election that was
    /// wanted is not wanted any more: this node is about to grant that leader its time.
    pub fn on_heartbeat(&mut self, committed: Lsn, out: &mut Vec<Effect>) {
        if let Role::Standby(standby) = &mut self.role
            && self.rules.holds(Rule::GraceAfterGrant)
        {
            standby.campaigning = false;
        }
        self.learn_committed(committed, out);
    }

    /// The conversation has ended by itself.
    pub fn on_cut_off(&mut self, peer: Peer) {
        if let Role::Standby(standby) = &mut self.role {
            standby
                .following
                .take_if(|following| following.peer == peer);
        }
    }

    /// A standby has read the record: be elected, or follow whom it names.
    pub(super) fn look_for_leader(
        &mut self,
        record: Record,
        version: Version,
        out: &mut Vec<Effect>,
    ) {
        let seen_before = self.view.as_ref().is_some_and(|(_, seen)| *seen == version);
        self.view = Some((record.clone(), version));
        self.notice_regression(&record, out);
        let Role::Standby(standby) = &mut self.role else {
            return;
        };
        let wants = std::mem::take(&mut standby.campaigning);
        let free = self.attempt.is_none();
        if free && self.may_be_elected(&record) && self.is_its_turn(&record, wants, seen_before) {
            return self.campaign(record, out);
        }
        if let Some(leader) = record.leader.filter(|leader| leader.node != self.me.node) {
            self.say_hello(leader, record.region.generation, out);
        }
    }

    fn say_hello(&mut self, leader: Leader, generation: u64, out: &mut Vec<Effect>) {
        let Role::Standby(standby) = &mut self.role else {
            return;
        };
        if standby
            .following
            .as_ref()
            .is_some_and(|f| f.leader == leader)
        {
            return;
        }
        self.sessions += 1;
        let session = Session {
            incarnation: self.incarnation,
            count: self.sessions,
        };
        let peer = Peer {
            node: leader.node,
            session,
        };
        if let Some(old) = standby.following.replace(Following {
            leader,
            generation,
            peer,
            welcomed: None,
        }) {
            out.push(Effect::HangUp(old.peer));
        }
        let hello = Hello {
            member: self.me,
            promised: self.vow.promised,
            end: self.log.end,
            epochs: self.log.epochs.clone(),
        };
        out.push(Effect::Connect {
            leader,
            to: peer,
            frame: Frame::Hello(hello),
        });
    }

    pub(super) fn on_welcome(&mut self, from: Peer, welcome: Welcome, out: &mut Vec<Effect>) {
        let Some(following) = self.following_mut(from) else {
            return;
        };
        let generation = following.generation;
        // A second welcome would cut off what was acknowledged since the first.
        if following.welcomed.is_some() {
            return;
        }
        if welcome.epoch < self.vow.promised && self.rules.holds(Rule::Promise) {
            let frame = Frame::Reject(Reject {
                known_epoch: self.vow.promised,
            });
            out.push(Effect::Send { to: from, frame });
            out.push(Effect::Alarm(Alarm::PastEpoch {
                node: from.node,
                offered: welcome.epoch,
                promised: self.vow.promised,
            }));
            return self.drop_leader(out);
        }
        let begin = match welcome.catch_up {
            CatchUp::From(lsn) => Some(self.where_to_begin(lsn, welcome.end)),
            CatchUp::Whole => None,
        };
        let least = self.committed.max(self.log.front);
        let mut vow = self.vow;
        vow.promised = vow.promised.max(welcome.epoch);
        if begin.is_some_and(|lsn| lsn >= least) {
            vow.generation = generation;
        }
        if vow != self.vow {
            self.vow = vow;
            out.push(Effect::Save(vow));
        }
        let Some(from_lsn) = begin else {
            return self.fetch(from, out);
        };
        if from_lsn < least {
            return self.give_up(from_lsn, least, generation, out);
        }
        if from_lsn < self.log.end {
            self.log.truncate(from_lsn);
            out.push(Effect::Truncate(from_lsn));
        }
        if let Some(following) = self.following_mut(from) {
            let (epoch, complete_at) = (welcome.epoch, welcome.end);
            following.welcomed = Some(Welcomed { epoch, complete_at });
        }
        self.finish_repair(out);
        self.acknowledge(out);
    }

    /// Its log and the leader's part below `least`, what it knows to be committed: all it has freed was.
    /// To give that up is right only if an operator has said, since it agreed on its log, that other
    /// data counts. Otherwise somebody has lost what must not be lost, and this copy stays as it is.
    fn give_up(&mut self, to: Lsn, least: Lsn, generation: u64, out: &mut Vec<Effect>) {
        if generation > self.vow.generation {
            self.distrust_log(out);
            return out.push(Effect::SetAside);
        }
        let alarm = Alarm::TruncatesCommitted {
            to,
            committed: least,
        };
        self.enter_repair(alarm, out);
        self.drop_leader(out);
    }

    /// Where its log and the leader's part (rule F10).
    fn where_to_begin(&self, common: Lsn, leaders_end: Lsn) -> Lsn {
        if self.rules.holds(Rule::CutAtDivergence) {
            common.min(self.log.end)
        } else {
            leaders_end.min(self.log.end)
        }
    }

    fn fetch(&mut self, from: Peer, out: &mut Vec<Effect>) {
        // Half of a log must not lead, and a crash may leave half of one.
        self.distrust_log(out);
        out.push(Effect::Fetch(from));
    }

    pub(super) fn on_append(&mut self, from: Peer, append: &Append, out: &mut Vec<Effect>) {
        if self.follows() != Some((from, append.epoch)) {
            return;
        }
        if append.end > self.log.end {
            if append.prev != self.log.epochs.position(self.log.end) {
                // Something is missing, or the disk does not have what was agreed on: begin anew.
                return self.drop_leader(out);
            }
            self.log.epochs.begin(append.written_in, append.prev.lsn);
            self.log.end = append.end;
            out.push(Effect::Write);
            if !self.rules.holds(Rule::FollowerSync) {
                let (epoch, durable) = (append.epoch, self.log.end);
                out.push(Effect::Send {
                    to: from,
                    frame: Frame::Ack { epoch, durable },
                });
            }
        }
        self.learn_committed(append.committed, out);
    }

    /// The peer is no leader, or none any more. The next poll may find out who is; at once only if
    /// this node was asked to take over.
    pub(super) fn on_turned_away(&mut self, from: Peer, frame: &Frame, out: &mut Vec<Effect>) {
        if self.following_mut(from).is_none() {
            return;
        }
        match frame {
            Frame::Transfer { .. } => self.on_poll(out),
            _ => self.drop_leader(out),
        }
    }

    /// Tells the leader what is on this disk, and never more (rule F5).
    pub(super) fn acknowledge(&self, out: &mut Vec<Effect>) {
        if let Some((to, epoch)) = self.follows() {
            let frame = Frame::Ack {
                epoch,
                durable: self.log.durable,
            };
            out.push(Effect::Send { to, frame });
        }
    }

    /// Ends a repair when the disk has everything the leader had when it welcomed this node.
    pub(super) fn finish_repair(&mut self, out: &mut Vec<Effect>) {
        let Role::Standby(standby) = &self.role else {
            return;
        };
        let complete = standby
            .welcomed()
            .is_some_and(|w| self.log.durable >= w.complete_at);
        if self.vow.in_repair && complete {
            self.vow.in_repair = false;
            out.push(Effect::Save(self.vow));
        }
    }

    /// A member that lacks what was committed on its disk was rolled back behind everyone's back.
    fn notice_regression(&mut self, record: &Record, out: &mut Vec<Effect>) {
        let regressed = record.isr.contains(&self.me) && !self.log.holds(record.commit_hint);
        if regressed && !self.vow.in_repair && self.rules.holds(Rule::NotRegressed) {
            self.enter_repair(Alarm::Regressed, out);
        }
    }

    fn learn_committed(&mut self, committed: Lsn, out: &mut Vec<Effect>) {
        let committed = committed.min(self.log.end);
        if committed > self.committed {
            self.committed = committed;
            out.push(Effect::Commit(committed));
        }
    }

    /// Ends the conversation with the leader.
    pub(super) fn drop_leader(&mut self, out: &mut Vec<Effect>) {
        if let Role::Standby(standby) = &mut self.role
            && let Some(following) = standby.following.take()
        {
            out.push(Effect::HangUp(following.peer));
        }
    }

    fn following_mut(&mut self, from: Peer) -> Option<&mut Following> {
        let Role::Standby(standby) = &mut self.role else {
            return None;
        };
        standby
            .following
            .as_mut()
            .filter(|following| following.peer == from)
    }
}
