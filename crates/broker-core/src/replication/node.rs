//! A node of a group in time: the [`Protocol`], and a clock that tells it when to act.
//!
//! What time decides is who *serves*. A leader serves while it holds unexpired grants of everyone who
//! might be elected in its place, and whoever grants does not campaign for longer than the grant
//! lasts (rules L1-L4). So two nodes never serve at once, as long as clocks run at about the same
//! speed; and if they do not, still nothing acknowledged is lost, since that rests on the protocol.
//!
//! The clock comes in as an argument. [`Node::on`] first looks at it, and only then at what
//! happened: a process that was frozen for a minute finds out before it acts on anything.

use std::collections::BTreeMap;
use std::time::Duration;

use super::coordinator::{CasOutcome, Snapshot};
use super::frame::{Frame, Heartbeat, Peer};
use super::protocol::{Effect, LogView, NotNow, Protocol, Recovered, Settings};
use super::record::{Member, NodeId, Nonce};
use super::rules::{AllRules, Rule, Rules};
use super::timing::{Moment, Timing};
use crate::journal::{Epoch, Lsn};

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// Time has passed: at the latest when [`Node::next_deadline`] is reached.
    Tick,
    /// A frame came. [`Effect::Write`] speaks of the records that came with it.
    Frame(Peer, Frame),
    /// A conversation has ended: its connection is gone.
    Disconnected(Peer),
    /// An [`Effect::Read`] was answered.
    Read(Snapshot),
    /// An [`Effect::Cas`] was answered, or not.
    Cas(Nonce, CasOutcome),
    /// The journal ends here.
    Appended(Lsn),
    /// The journal is on the disk up to here.
    Durable(Lsn),
    /// Damage was found in the journal of a follower.
    Damaged,
    /// The journal's oldest record is here.
    Freed(Lsn),
    /// An operator has made this node the only one in sync.
    Forced,
    /// An [`Effect::Fetch`] is finished, or an [`Effect::Write`] was refused, and this is the journal
    /// now.
    Restored(LogView),
    /// So many members have to be in sync from now on.
    Durability(u8),
    /// Time to write down how far the group has committed.
    HintDue,
}

/// What a leader knows of a member it waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Watch {
    /// Its grant lasts until then.
    granted_until: Option<Moment>,
    /// Its last sign of life, or when it was first waited for.
    alive: Moment,
    /// Since when it lacks something and gets no closer; `None` while it has everything.
    behind_since: Option<Moment>,
    acked: Lsn,
}

/// A node. See the module's page.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Node<R = AllRules> {
    rules: R,
    protocol: Protocol<R>,
    timing: Timing,
    /// Added to the grace, so that of several nodes one comes first.
    jitter: Duration,
    /// Rule L3: it does not campaign before.
    campaign_after: Moment,
    next_poll: Moment,
    next_heartbeat: Moment,
    watches: BTreeMap<Member, Watch>,
    /// What the engine was last told by [`Effect::Pause`] and [`Effect::Resume`].
    paused: bool,
    /// The epoch of the record when it was last looked at, to give a new leader its time.
    known_epoch: Epoch,
}

impl Node {
    /// A node that has just started. `jitter` is random, up to 300 ms.
    pub fn new(
        now: Moment,
        timing: Timing,
        jitter: Duration,
        settings: Settings,
        recovered: Recovered,
        out: &mut Vec<Effect>,
    ) -> Self {
        Self::with_rules(AllRules, now, timing, jitter, settings, recovered, out)
    }
}

impl<R: Rules> Node<R> {
    /// As [`Node::new`], with rules left out: for the model.
    #[doc(hidden)]
    pub fn with_rules(
        rules: R,
        now: Moment,
        timing: Timing,
        jitter: Duration,
        settings: Settings,
        recovered: Recovered,
        out: &mut Vec<Effect>,
    ) -> Self {
        // It may have granted just before it died, and has forgotten.
        let waits = rules.holds(Rule::GraceAfterStart);
        let grace = if waits {
            timing.grace + jitter
        } else {
            Duration::ZERO
        };
        Self {
            protocol: Protocol::with_rules(rules.clone(), settings, recovered, out),
            rules,
            timing,
            jitter,
            campaign_after: now.plus(grace),
            next_poll: now,
            next_heartbeat: now,
            watches: BTreeMap::new(),
            paused: false,
            known_epoch: Epoch(0),
        }
    }

    /// Something happened, at this moment.
    pub fn on(&mut self, now: Moment, event: Event, out: &mut Vec<Effect>) {
        self.mind_lease(now, out);
        match event {
            Event::Tick => self.tick(now, out),
            Event::Frame(from, Frame::Heartbeat(beat)) => self.on_heartbeat(now, from, beat, out),
            Event::Frame(from, Frame::Grant { sent_at }) => self.on_grant(now, from, sent_at),
            Event::Frame(from, frame) => {
                if matches!(frame, Frame::Hello(_)) {
                    // So that a newcomer is asked for its grant at once.
                    self.next_heartbeat = now;
                }
                self.protocol.on_frame(from, frame, out);
            }
            Event::Disconnected(peer) => self.on_disconnected(now, peer),
            Event::Read(snapshot) => self.protocol.on_read(snapshot, out),
            Event::Cas(nonce, outcome) => self.protocol.on_cas(nonce, outcome, out),
            Event::Appended(end) => self.protocol.on_appended(end, out),
            Event::Durable(end) => self.protocol.on_durable(end, out),
            Event::Damaged => self.protocol.on_damaged(out),
            Event::Freed(front) => self.protocol.on_freed(front),
            Event::Forced => self.protocol.on_forced(out),
            Event::Restored(log) => self.protocol.on_restored(log, out),
            Event::Durability(min_isr) => self.protocol.on_durability(min_isr, out),
            Event::HintDue => self.protocol.on_hint_due(out),
        }
        self.follow_up(now, out);
    }

    /// Begins a planned switchover. The engine has stopped serving and answered whatever it owed.
    ///
    /// # Errors
    /// [`NotNow`] if the target could not take over at once; nothing has changed then.
    pub fn resign(
        &mut self,
        now: Moment,
        to: NodeId,
        patience: Duration,
        out: &mut Vec<Effect>,
    ) -> Result<(), NotNow> {
        self.mind_lease(now, out);
        let patience_ms = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
        let resigned = self.protocol.on_resign(to, patience_ms, out);
        self.follow_up(now, out);
        resigned
    }

    /// When it wants [`Event::Tick`] next, if nothing happens before.
    pub fn next_deadline(&self) -> Moment {
        if self.protocol.leads().is_none() {
            let (campaign, poll) = (self.campaign_after, self.next_poll);
            return match self.protocol.follows() {
                _ if self.protocol.is_changing() => poll,
                Some(_) => campaign,
                None => campaign.min(poll),
            };
        }
        let lapse = self.serves_until().filter(|_| !self.paused);
        let give_up = self
            .serves_until()
            .map(|until| until.plus(self.timing.stop));
        [lapse, give_up]
            .into_iter()
            .flatten()
            .fold(self.next_heartbeat, Moment::min)
    }

    /// Whether it may serve clients at this moment.
    pub fn serves(&self, now: Moment) -> bool {
        self.protocol.is_serving() && self.serves_until().is_none_or(|until| now < until)
    }

    /// Until when it may serve with the grants it has; `None` while it needs none. Means nothing for
    /// a node that does not lead.
    pub fn serves_until(&self) -> Option<Moment> {
        if !self.rules.holds(Rule::LeaseHeld) {
            return None;
        }
        let needed = self.protocol.grants_needed();
        let until = |member| {
            let watch: Option<&Watch> = self.watches.get(member);
            watch
                .and_then(|watch| watch.granted_until)
                .unwrap_or(Moment(0))
        };
        needed.iter().map(until).min()
    }

    /// The state machine inside.
    pub fn protocol(&self) -> &Protocol<R> {
        &self.protocol
    }

    /// Tells the protocol, before anything else, whether this node may still act as leader.
    fn mind_lease(&mut self, now: Moment, out: &mut Vec<Effect>) {
        if self.protocol.leads().is_none() {
            return;
        }
        let held = self.serves_until().is_none_or(|until| now < until);
        if held == self.paused {
            self.paused = !held;
            out.push(if held { Effect::Resume } else { Effect::Pause });
        }
        self.protocol.on_lease(held, out);
        let lapsed = self
            .serves_until()
            .is_some_and(|until| now >= until.plus(self.timing.stop));
        if !held && lapsed {
            self.protocol.on_lapsed(out);
        }
    }

    fn tick(&mut self, now: Moment, out: &mut Vec<Effect>) {
        if self.protocol.leads().is_some() {
            self.drop_silent(now, out);
            if now >= self.next_heartbeat {
                self.send_heartbeats(now, out);
                self.protocol.on_retry(out);
            }
            return;
        }
        if now >= self.campaign_after && !self.protocol.is_changing() {
            self.campaign_after = now.plus(self.timing.poll);
            self.protocol.on_campaign(out);
            return;
        }
        let lost = self.protocol.is_changing() || self.protocol.follows().is_none();
        if lost && now >= self.next_poll {
            self.next_poll = now.plus(self.timing.poll);
            if self.protocol.is_changing() {
                self.protocol.on_retry(out);
            } else {
                self.protocol.on_poll(out);
            }
        }
    }

    /// What follows from whatever happened.
    fn follow_up(&mut self, now: Moment, out: &mut Vec<Effect>) {
        self.mind_lease(now, out);
        if self.protocol.leads().is_some() {
            self.watch(now);
            self.admit(now, out);
        } else {
            self.watches.clear();
            self.paused = false;
        }
        let epoch = self
            .protocol
            .view()
            .map_or(Epoch(0), |(record, _)| record.epoch);
        if epoch > self.known_epoch {
            // Someone was elected just now: leave it the time to be heard.
            let first_look = self.known_epoch == Epoch(0);
            self.known_epoch = epoch;
            if !first_look {
                let until = now.plus(self.timing.grace + self.jitter);
                self.campaign_after = self.campaign_after.max(until);
            }
        }
    }

    fn send_heartbeats(&mut self, now: Moment, out: &mut Vec<Effect>) {
        self.next_heartbeat = now.plus(self.timing.heartbeat);
        let Some(epoch) = self.protocol.leads() else {
            return;
        };
        let beat = Heartbeat {
            epoch,
            sent_at: now.0,
            committed: self.protocol.committed(),
        };
        for (_, to, _) in self.protocol.followers() {
            out.push(Effect::Send {
                to,
                frame: Frame::Heartbeat(beat),
            });
        }
    }

    /// A leader's sign of life: grant it, and do not campaign while the grant lasts.
    fn on_heartbeat(&mut self, now: Moment, from: Peer, beat: Heartbeat, out: &mut Vec<Effect>) {
        if self.protocol.follows() != Some((from, beat.epoch)) {
            return;
        }
        if self.rules.holds(Rule::GraceAfterGrant) {
            self.campaign_after = now.plus(self.timing.grace + self.jitter);
        }
        self.protocol.on_heartbeat(beat.committed, out);
        out.push(Effect::Send {
            to: from,
            frame: Frame::Grant {
                sent_at: beat.sent_at,
            },
        });
    }

    fn on_grant(&mut self, now: Moment, from: Peer, sent_at: u64) {
        let mut followers = self.protocol.followers();
        let Some((member, ..)) = followers.find(|(_, peer, _)| *peer == from) else {
            return;
        };
        drop(followers);
        // A peer that returns a time to come gets no longer lease for it.
        let counted = if self.rules.holds(Rule::GrantFromSending) {
            sent_at.min(now.0)
        } else {
            now.0
        };
        let until = Moment(counted).plus(self.timing.lease);
        let watch = self
            .watches
            .entry(member)
            .or_insert_with(|| Watch::new(now));
        watch.granted_until = watch.granted_until.max(Some(until));
        watch.alive = now;
    }

    fn on_disconnected(&mut self, now: Moment, peer: Peer) {
        // A leader notices by silence; a follower looks at the record soon.
        if self.protocol.conversation() == Some(peer) {
            self.protocol.on_cut_off(peer);
            self.next_poll = self.next_poll.min(now.plus(self.timing.heartbeat));
        }
    }

    /// Notes who is waited for, and how far each has come.
    fn watch(&mut self, now: Moment) {
        let end = self.protocol.log().end;
        let protocol = &self.protocol;
        self.watches.retain(|member, _| protocol.knows(member));
        for (member, _, acked) in protocol.followers() {
            let watch = self
                .watches
                .entry(member)
                .or_insert_with(|| Watch::new(now));
            if acked >= end {
                watch.behind_since = None;
            } else if acked > watch.acked || watch.behind_since.is_none() {
                watch.behind_since = Some(now);
            }
            watch.acked = acked;
        }
        for member in protocol.waited_for_all() {
            self.watches
                .entry(member)
                .or_insert_with(|| Watch::new(now));
        }
    }

    /// Lets joiners in that have granted and have everything.
    fn admit(&mut self, now: Moment, out: &mut Vec<Effect>) {
        let watches = &self.watches;
        let any = !self.rules.holds(Rule::JoinerGrants);
        let granted = |member: &Member| {
            let until = watches.get(member).and_then(|watch| watch.granted_until);
            any || until.is_some_and(|until| now < until)
        };
        self.protocol.admit(granted, out);
    }

    /// Rule L4: the leader stops waiting for a silent member before that one would campaign.
    fn drop_silent(&mut self, now: Moment, out: &mut Vec<Effect>) {
        let silence = self.timing.silence;
        let too_long = |since: Moment| now >= since.plus(silence);
        let silent =
            |watch: &Watch| too_long(watch.alive) || watch.behind_since.is_some_and(too_long);
        let members = self.watches.iter().filter(|(_, watch)| silent(watch));
        let members: Vec<Member> = members.map(|(member, _)| *member).collect();
        for member in members {
            self.protocol.on_silent(member, out);
        }
    }
}

impl Watch {
    fn new(now: Moment) -> Self {
        Self {
            granted_until: None,
            alive: now,
            behind_since: None,
            acked: Lsn(0),
        }
    }
}

#[cfg(test)]
#[path = "node_tests.rs"]
mod tests;
