//! Leading: send records to followers, commit what everyone in sync has on disk, and change who
//! counts as in sync.
//!
//! A record is committed when it is durable here (rule F6) and on every member that may be the next
//! leader or is about to be one: the in-sync set as confirmed, that of a change under way (F7), and
//! whoever is joining (F8). So whoever is elected next has it.

use std::collections::{BTreeMap, BTreeSet};

use super::attempt::Change;
use super::{Effect, Protocol, Role, State};
use crate::journal::{Epoch, Lsn};
use crate::replication::frame::{Append, CatchUp, Frame, Hello, Peer, Session, Welcome};
use crate::replication::record::{Member, NodeId, Record, Transfer};
use crate::replication::rules::{Rule, Rules};

/// What a leader is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Leading {
    pub epoch: Epoch,
    /// Who is connected, and how far each is.
    followers: BTreeMap<Member, Follower>,
    /// Waited for already, not in the record yet.
    joiners: BTreeSet<Member>,
    /// Whether the grants it needs are all valid: without them nothing is acknowledged.
    leased: bool,
    /// It has stopped serving to hand over.
    draining: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Follower {
    session: Session,
    /// It has all below on its disk.
    acked: Lsn,
    /// It was sent all below.
    sent: Lsn,
}

/// Why a planned switchover cannot begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotNow {
    /// Only a leader resigns.
    #[error("this node does not lead")]
    NotLeading,
    /// The store has not answered the last change of the record.
    #[error("another change of the group is under way")]
    Changing,
    /// The target is not in the in-sync set.
    #[error("node {0} is not in sync")]
    NotInSync(NodeId),
    /// The target lacks records: publishers have to be stopped, and the end waited for.
    #[error("node {0} does not have everything yet")]
    Behind(NodeId),
}

impl Leading {
    pub(super) fn new(epoch: Epoch) -> Self {
        Self {
            epoch,
            followers: BTreeMap::new(),
            joiners: BTreeSet::new(),
            leased: true,
            draining: false,
        }
    }

    pub(super) fn state(&self, record: Option<&Record>) -> State {
        let in_sync = record.map_or(0, |record| record.isr.len());
        let least = record.map_or(1, |record| usize::from(record.min_isr));
        match in_sync {
            _ if self.draining => State::Draining,
            n if n < least => State::Blocked,
            0 | 1 => State::Alone,
            _ => State::Replicated,
        }
    }

    fn acked(&self, member: &Member) -> Lsn {
        self.followers
            .get(member)
            .map_or(Lsn(0), |follower| follower.acked)
    }

    fn by_peer(&self, from: Peer) -> Option<Member> {
        let mut all = self.followers.iter();
        let found = all.find(|(m, f)| m.node == from.node && f.session == from.session);
        found.map(|(member, _)| *member)
    }
}

impl<R: Rules> Protocol<R> {
    /// Whether the grants that [`Self::grants_needed`] names are valid. Without them it acknowledges
    /// nothing. The first election does not wait for this to be called.
    pub fn on_lease(&mut self, held: bool, out: &mut Vec<Effect>) {
        if let Role::Leading(leading) = &mut self.role {
            leading.leased = held;
            self.advance(out);
        }
    }

    /// Whose grants a leader needs to serve (rule L1): of everyone who may be the next leader, be it
    /// only once a change under way is decided.
    pub fn grants_needed(&self) -> BTreeSet<Member> {
        if self.rules.holds(Rule::JoinerGrants) {
            return self.electable_others();
        }
        let confirmed = self.view.iter().flat_map(|(record, _)| &record.isr);
        confirmed.copied().filter(|m| *m != self.me).collect()
    }

    /// Whether it leads and has not begun to hand over.
    pub fn is_serving(&self) -> bool {
        matches!(&self.role, Role::Leading(leading) if !leading.draining)
    }

    /// The followers it is in conversation with, and how far each is durable.
    pub fn followers(&self) -> impl Iterator<Item = (Member, Peer, Lsn)> {
        let leading = match &self.role {
            Role::Leading(leading) => Some(leading),
            _ => None,
        };
        let followers = leading.into_iter().flat_map(|leading| &leading.followers);
        followers.map(|(m, f)| {
            (
                *m,
                Peer {
                    node: m.node,
                    session: f.session,
                },
                f.acked,
            )
        })
    }

    /// The grants it needed are gone for longer than the engine takes to stop: somebody else may be
    /// elected any moment, so it leads no more.
    pub fn on_lapsed(&mut self, out: &mut Vec<Effect>) {
        if matches!(self.role, Role::Leading(_)) {
            self.step_down(out);
            out.push(Effect::Read);
        }
    }

    /// Whether this member is connected or waited for.
    pub fn knows(&self, member: &Member) -> bool {
        let connected = matches!(&self.role, Role::Leading(l) if l.followers.contains_key(member));
        connected || self.waits_for(member)
    }

    /// Whoever acknowledgements wait for.
    pub fn waited_for_all(&self) -> BTreeSet<Member> {
        let mut all = self.electable_others();
        if let Role::Leading(leading) = &self.role {
            all.extend(&leading.joiners);
        }
        all
    }

    /// Whether acknowledgements wait for this member.
    pub fn waits_for(&self, member: &Member) -> bool {
        let joins = matches!(&self.role, Role::Leading(l) if l.joiners.contains(member));
        joins || self.electable_others().contains(member)
    }

    /// This member said nothing, or made no progress, for too long: wait for it no more, once the
    /// store has confirmed that it cannot be elected.
    pub fn on_silent(&mut self, member: Member, out: &mut Vec<Effect>) {
        let Role::Leading(leading) = &mut self.role else {
            return;
        };
        if let Some(follower) = leading.followers.remove(&member) {
            let session = follower.session;
            out.push(Effect::HangUp(Peer {
                node: member.node,
                session,
            }));
        }
        // If its admission is already submitted, that attempt's set keeps it waited for.
        leading.joiners.remove(&member);
        self.shrink(&[member], out);
        self.advance(out);
    }

    /// Time to write down how far the group has committed.
    pub fn on_hint_due(&mut self, out: &mut Vec<Effect>) {
        let Some((record, _)) = &self.view else {
            return;
        };
        let due = self.committed > record.commit_hint.lsn;
        if due && self.leads().is_some() && self.attempt.is_none() {
            let record = record.clone();
            self.change(Change::Hint, record, out);
        }
    }

    /// From now on so many members have to be in sync (rule F12). Until the store has confirmed it, as
    /// many as before.
    pub fn on_durability(&mut self, min_isr: u8, out: &mut Vec<Effect>) {
        let Some((record, _)) = &self.view else {
            return;
        };
        if record.min_isr != min_isr && self.is_serving() && self.attempt.is_none() {
            let record = Record {
                min_isr,
                ..record.clone()
            };
            self.change(Change::Durability, record, out);
        }
    }

    /// Resigns in favour of a node, which then needs not wait out the grace. The engine has stopped
    /// serving and answered whatever it owed.
    ///
    /// # Errors
    /// [`NotNow`] if the target could not take over at once; nothing has changed then.
    pub fn on_resign(
        &mut self,
        to: NodeId,
        patience_ms: u64,
        out: &mut Vec<Effect>,
    ) -> Result<(), NotNow> {
        let (Role::Leading(leading), Some((record, _))) = (&mut self.role, &self.view) else {
            return Err(NotNow::NotLeading);
        };
        if self.attempt.is_some() {
            return Err(NotNow::Changing);
        }
        let target = record.isr.iter().find(|m| m.node == to && **m != self.me);
        let target = target.ok_or(NotNow::NotInSync(to))?;
        if leading.acked(target) < self.log.end || self.committed < self.log.end {
            return Err(NotNow::Behind(to));
        }
        leading.draining = true;
        let transfer = Some(Transfer { to, patience_ms });
        let record = Record {
            leader: None,
            transfer,
            ..record.clone()
        };
        self.change(Change::Resign, record, out);
        Ok(())
    }

    pub(super) fn on_hello(&mut self, from: Peer, hello: Hello, out: &mut Vec<Effect>) {
        if hello.promised > self.vow.promised && self.rules.holds(Rule::Promise) {
            return self.on_deposed(hello.promised, out);
        }
        let common = self
            .log
            .epochs
            .divergence(self.log.end, &hello.epochs, hello.end);
        let begin = common.max(self.settings.origin);
        let catch_up = if begin < self.log.front || self.is_of_an_earlier_group(&hello) {
            CatchUp::Whole
        } else {
            CatchUp::From(begin)
        };
        let Role::Leading(leading) = &mut self.role else {
            return;
        };
        let member = hello.member;
        // A node has one disk: members that were this node with another are gone for good.
        leading
            .followers
            .retain(|other, _| other.node != member.node);
        leading
            .joiners
            .retain(|other| other.node != member.node || *other == member);
        let (epoch, end) = (leading.epoch, self.log.end);
        if let CatchUp::From(sent) = catch_up {
            let follower = Follower {
                session: from.session,
                acked: Lsn(0),
                sent,
            };
            leading.followers.insert(member, follower);
        }
        let frame = Frame::Welcome(Welcome {
            epoch,
            catch_up,
            end,
        });
        out.push(Effect::Send { to: from, frame });
        self.ship(member, out);
        self.drop_replaced(out);
    }

    /// Epochs of a group that has ended say nothing about this one's data: in between, a single broker
    /// wrote it, who counts none.
    fn is_of_an_earlier_group(&self, hello: &Hello) -> bool {
        let record = self.view.as_ref().map(|(record, _)| record);
        let founded = record.map_or(Epoch(0), |record| record.founded);
        founded > Epoch(0) && hello.promised <= founded && hello.end > self.settings.origin
    }

    pub(super) fn on_ack(&mut self, from: Peer, epoch: Epoch, durable: Lsn, out: &mut Vec<Effect>) {
        let end = self.log.end;
        let Role::Leading(leading) = &mut self.role else {
            return;
        };
        let Some(member) = leading.by_peer(from).filter(|_| epoch == leading.epoch) else {
            return;
        };
        if let Some(follower) = leading.followers.get_mut(&member) {
            follower.acked = follower.acked.max(durable.min(end));
        }
        self.after_change(out);
    }

    pub(super) fn on_leave(&mut self, from: Peer, out: &mut Vec<Effect>) {
        if let Role::Leading(leading) = &self.role
            && let Some(member) = leading.by_peer(from)
        {
            self.on_silent(member, out);
        }
    }

    /// A peer knows of a later epoch: somebody else was elected.
    pub(super) fn on_deposed(&mut self, known: Epoch, out: &mut Vec<Effect>) {
        if self.leads().is_some_and(|epoch| epoch < known) {
            self.step_down(out);
            out.push(Effect::Read);
        }
    }

    /// Commits what everyone has who may lead next.
    pub(super) fn advance(&mut self, out: &mut Vec<Effect>) {
        let (Role::Leading(leading), Some((record, _))) = (&self.role, &self.view) else {
            return;
        };
        let enough = record.isr.len() >= usize::from(record.min_isr);
        let allowed = enough || !self.rules.holds(Rule::LeastInSync);
        if !allowed || !leading.leased || leading.draining {
            return;
        }
        let own = if self.rules.holds(Rule::LeaderSync) {
            self.log.durable
        } else {
            self.log.end
        };
        let others = self.waited_for(leading, record);
        let least = others
            .iter()
            .map(|member| leading.acked(member))
            .fold(own, Lsn::min);
        if least > self.committed {
            self.committed = least;
            out.push(Effect::Commit(least));
        }
    }

    fn waited_for(&self, leading: &Leading, record: &Record) -> BTreeSet<Member> {
        let mut waited = if self.rules.holds(Rule::InFlightCounts) {
            self.electable_others()
        } else {
            let sets = self
                .attempt
                .as_ref()
                .map_or(&record.isr, |attempt| &attempt.record.isr);
            sets.iter()
                .copied()
                .filter(|member| *member != self.me)
                .collect()
        };
        if self.rules.holds(Rule::JoinerCounts) {
            waited.extend(&leading.joiners);
        } else if let Some(Change::Expand(joiner)) = self.attempt.as_ref().map(|a| a.change) {
            waited.retain(|member| *member != joiner);
        }
        waited
    }

    /// What may follow from an acknowledgement or a decided change: commits, joins, another change.
    pub(super) fn after_change(&mut self, out: &mut Vec<Effect>) {
        self.let_join();
        self.advance(out);
        self.drop_replaced(out);
    }

    /// Makes followers count that have nearly everything (rule F8).
    fn let_join(&mut self) {
        let (Role::Leading(leading), Some((record, _))) = (&mut self.role, &self.view) else {
            return;
        };
        let near = self.log.end.0.saturating_sub(self.settings.join_lag);
        let followers = leading.followers.iter();
        let nearly = followers.filter(|(m, f)| f.acked.0 >= near && !record.isr.contains(m));
        let nearly: Vec<Member> = nearly.map(|(member, _)| *member).collect();
        leading.joiners.extend(nearly);
    }

    /// Submits the admission of a joiner that has everything committed and whose grant this leader
    /// holds: once the write is decided it may be elected, and only a grant keeps it from trying
    /// at once (rule L1). Asked after everything that happens, since either may come last.
    pub fn admit(&mut self, granted: impl Fn(&Member) -> bool, out: &mut Vec<Effect>) {
        let (Role::Leading(leading), Some((record, _))) = (&self.role, &self.view) else {
            return;
        };
        if self.attempt.is_some() || leading.draining {
            return;
        }
        let floor = self.committed.max(record.commit_hint.lsn);
        let mut joiners = leading.joiners.iter().filter(|joiner| {
            let replaced = record.isr.iter().any(|m| m.node == joiner.node);
            !replaced && granted(joiner) && leading.acked(joiner) >= floor
        });
        let Some(joiner) = joiners.next().copied() else {
            return;
        };
        let mut record = record.clone();
        record.isr.insert(joiner);
        self.change(Change::Expand(joiner), record, out);
    }

    /// Removes members from the in-sync set whose node has come back with another disk.
    fn drop_replaced(&mut self, out: &mut Vec<Effect>) {
        let (Role::Leading(leading), Some((record, _))) = (&self.role, &self.view) else {
            return;
        };
        let connected = |m: &Member| leading.followers.keys().any(|f| f.node == m.node && f != m);
        let gone: Vec<Member> = record
            .isr
            .iter()
            .filter(|m| connected(m))
            .copied()
            .collect();
        if !gone.is_empty() {
            self.shrink(&gone, out);
        }
    }

    fn shrink(&mut self, gone: &[Member], out: &mut Vec<Effect>) {
        let Some((record, _)) = &self.view else {
            return;
        };
        if self.attempt.is_some() || !gone.iter().any(|member| record.isr.contains(member)) {
            return;
        }
        let mut record = record.clone();
        record.isr.retain(|member| !gone.contains(member));
        self.change(Change::Shrink, record, out);
        self.advance(out);
    }

    /// Submits a change of a leader's, with the newest commit hint.
    fn change(&mut self, change: Change, mut record: Record, out: &mut Vec<Effect>) {
        if self.committed > record.commit_hint.lsn {
            record.commit_hint = self.log.epochs.position(self.committed);
        }
        self.submit(change, record, out);
    }

    pub(super) fn admitted(&mut self, member: Member) {
        if let Role::Leading(leading) = &mut self.role {
            leading.joiners.remove(&member);
        }
    }

    /// Whatever it had submitted is not in the record, its resignation included.
    pub(super) fn serve_on(&mut self) {
        if let Role::Leading(leading) = &mut self.role {
            leading.draining = false;
        }
    }

    /// The resignation is in the record: tell the target, and follow it.
    pub(super) fn resigned(&mut self, out: &mut Vec<Effect>) {
        let to = self
            .view
            .as_ref()
            .and_then(|(record, _)| record.transfer)
            .map(|t| t.to);
        if let Some(epoch) = self.leads() {
            let target = self
                .followers()
                .find(|(member, ..)| Some(member.node) == to);
            if let Some((_, to, _)) = target {
                out.push(Effect::Send {
                    to,
                    frame: Frame::Transfer { epoch },
                });
            }
        }
        self.step_down(out);
        out.push(Effect::Read);
    }

    pub(super) fn ship_to_all(&mut self, out: &mut Vec<Effect>) {
        let members: Vec<Member> = self.followers().map(|(member, ..)| member).collect();
        for member in members {
            self.ship(member, out);
        }
    }

    /// Sends a follower what it was not sent yet, a reign's records at a time.
    fn ship(&mut self, member: Member, out: &mut Vec<Effect>) {
        let committed = self.committed;
        let Role::Leading(leading) = &mut self.role else {
            return;
        };
        let epoch = leading.epoch;
        let Some(follower) = leading.followers.get_mut(&member) else {
            return;
        };
        let to = Peer {
            node: member.node,
            session: follower.session,
        };
        while let Some((written_in, end)) = self.log.epochs.run_at(follower.sent, self.log.end) {
            let prev = self.log.epochs.position(follower.sent);
            let append = Append {
                epoch,
                prev,
                written_in,
                end,
                committed,
            };
            out.push(Effect::Ship { to, append });
            follower.sent = end;
        }
    }
}
