//! A replica: one node of a group, the protocol's [`Node`](super::node::Node) joined to the journal on
//! this node's disk.
//!
//! It does the disk's work itself, through a [`Disk`](crate::journal::Disk), and nothing else: no
//! sockets, no threads, no clock. What happens elsewhere comes in as an [`Input`], what is to be done
//! elsewhere goes out as an [`Output`]. It belongs to one thread.
//!
//! # How to drive it
//!
//! ```text
//! let mut out = Vec::new();
//! let mut replica = Replica::open(config, disk, now(), &mut out)?;
//! loop {
//!     carry_out(out.drain(..));                  // packets leave, connections are opened, …
//!     replica.upkeep(now(), &mut out)?;          // what nobody waits for
//!     carry_out(out.drain(..));
//!     for input in wait_for_inputs(until: replica.next_deadline()) {   // all there are; bounded
//!         replica.on(now(), input, &mut out)?;
//!     }
//!     if now() >= replica.next_deadline() { replica.on(now(), Input::Tick, &mut out)?; }
//!     replica.settle(now(), &mut out)?;          // one sync for all, then acknowledgements
//! }
//! ```
//!
//! [`Fatal`] from any of them ends the process: what is on the disk has to be read again (rule J3).
//!
//! # What a connection owes it
//!
//! A follower calls: [`Output::Connect`] says whom, and what the first packet is, always a hello. Its
//! [`Peer`](super::frame::Peer) names the conversation on both sides; the one who is called makes it of the caller's
//! node, as its certificate says, and of the session in the preface. Packets of one conversation arrive
//! in order or the conversation ends ([`Input::Disconnected`], told once, on either side). Packets to
//! a conversation that is over are dropped. What a connection cannot take now may be held back by it
//! without a bound of its own: never more than [`ReplicaConfig::window_bytes`] and a frame are on
//! their way to a follower.
//!
//! # What an engine owes it
//!
//! After [`Output::Lead`] the driver turns the writer on a thread of its own, and tells
//! [`Input::JournalMoved`] after each turn that wrote or committed (several turns may be told by
//! one). After [`Output::StopLeading`] it closes all clients and lets the writer turn until
//! [`Turn::Closed`](crate::journal::Turn::Closed); the broker is closed already. When the writer and
//! every handle to the broker are gone it tells [`Input::EngineStopped`]. Until then the replica is
//! deaf. When a turn fails, the process ends: the next start says what is damaged, and a peer in sync
//! takes over.

mod bulk;
mod config;
mod effects;
mod engine;
mod exchange;
mod kept;
mod operator;
mod packet;
mod packets;
mod scrub;
mod shipping;
mod start;
mod status;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::coordinator::{ReadError, Snapshot};
use super::frame::{Frame, Peer};
use super::node::{Event, Node};
use super::protocol::{Effect, State};
use super::record::{Incarnation, Member};
use super::rules::{AllRules, Rules};
use super::timing::Moment;
use crate::journal::{Disk, Epoch, Lsn, Run};
use bulk::{Fetch, Pin};
use engine::Engine;
use kept::Kept;
use operator::{Asked, Handover};
use shipping::Flow;

pub use config::{Fatal, OpenError, ReplicaConfig};
pub use exchange::{Input, News, Output};
pub use kept::forget;
pub use packet::{Bulk, Offer, Packet, Portion, Scrubbed};
pub use status::{BulkProgress, Notice, PeerStatus, ReplicaStatus};

/// Position of the first record of any journal.
const ORIGIN: Lsn = Lsn(4096);
/// How often the group writes down how far it has committed, if anything was.
const HINT_EVERY: Duration = Duration::from_secs(10);
/// A follower that refused records does not ask for more so soon.
const REFUSES_FOR: Duration = Duration::from_secs(5);
/// Upkeep that is not urgent is done so often.
const UPKEEP_EVERY: Duration = Duration::from_secs(1);

/// One node of a group. See the module's page.
#[derive(Debug)]
pub struct Replica<R = AllRules> {
    config: ReplicaConfig,
    disk: Arc<dyn Disk>,
    kept: Kept,
    rules: R,
    node: Node<R>,
    me: Member,
    engine: Engine,
    /// What the protocol wants done once the engine has stopped.
    deferred: Vec<Effect>,
    /// What the protocol is to be told when the effects at hand are carried out.
    untold: VecDeque<Event>,
    /// The records that came with the frame at hand.
    incoming: Option<Run>,
    /// Appended since the last sync.
    unsynced: bool,
    /// A standby may apply everything below.
    committed: Lsn,
    record: Reading,
    /// Of a leader.
    flows: BTreeMap<Peer, Flow>,
    /// Of a leader: whose records are not to be freed.
    pins: BTreeMap<Peer, Pin>,
    /// Of a follower.
    fetch: Option<Fetch>,
    /// It takes no records before.
    refuses_until: Option<Moment>,
    handover: Option<Handover>,
    /// The author of what an operator has written to the record.
    operator: Incarnation,
    asked: Vec<Asked>,
    notices: BTreeSet<Notice>,
    next_hint: Moment,
    next_upkeep: Moment,
}

/// The reading of the record.
#[derive(Debug)]
struct Reading {
    under_way: bool,
    /// Asked for again meanwhile.
    again: bool,
    failed: bool,
    /// A follower reads it then.
    look_at: Moment,
    last: Option<Snapshot>,
}

impl<R: Rules> Replica<R> {
    /// Something happened, at this moment.
    ///
    /// # Errors
    /// The process has to end.
    pub fn on(&mut self, now: Moment, input: Input, out: &mut Vec<Output>) -> Result<(), Fatal> {
        match input {
            Input::EngineStopped => return self.engine_stopped(now, out),
            Input::Cas(nonce, outcome) if nonce.incarnation == self.operator => {
                return self.on_asked(now, nonce, outcome, out);
            }
            Input::Read(answer) => return self.on_read(now, answer, out),
            _ if matches!(self.engine, Engine::Stopping) => return Ok(()),
            Input::Tick => return self.tick(now, out),
            Input::Packet(from, packet) => self.on_packet(now, from, packet, out)?,
            Input::Disconnected(peer) => self.on_disconnected(now, peer, out)?,
            Input::Cas(nonce, outcome) => self.tell(now, Event::Cas(nonce, outcome), out)?,
            Input::JournalMoved => self.journal_moved(now, out)?,
            Input::Drained => self.drained(),
            Input::Found { min_isr, endpoints } => self.found(min_isr, endpoints, out),
            Input::Durability(min_isr) => self.tell(now, Event::Durability(min_isr), out)?,
            Input::Resign { to, patience } => self.resign(now, to, patience, out),
            Input::ForcePromote => self.force_promote(out),
            Input::Leave => self.leave(out),
        }
        self.mind_handover(now, out)
    }

    /// To be called when the inputs at hand were told: one sync for all records that came, then
    /// acknowledgements; and what there is for followers.
    ///
    /// # Errors
    /// The process has to end.
    pub fn settle(&mut self, now: Moment, out: &mut Vec<Output>) -> Result<(), Fatal> {
        if self.unsynced
            && let Engine::Standby(standby) = &mut self.engine
        {
            let durable = standby.sync()?;
            self.unsynced = false;
            self.tell(now, Event::Durable(durable), out)?;
        }
        self.mind_handover(now, out)?;
        self.ship(now, out)?;
        self.mind_notices(out);
        Ok(())
    }

    /// What nobody waits for: a standby applies what is committed, checkpoints are taken, segments
    /// freed. To be called after what [`Self::settle`] wants sent has left.
    ///
    /// # Errors
    /// The process has to end.
    pub fn upkeep(&mut self, now: Moment, out: &mut Vec<Output>) -> Result<(), Fatal> {
        self.apply(now, out)?;
        if now < self.next_upkeep {
            return Ok(());
        }
        self.next_upkeep = now.plus(UPKEEP_EVERY);
        self.keep_journal(now)?;
        self.tell_first(now, out)?;
        self.look_again(now, out);
        self.tell_stretches(out)
    }

    /// When it wants [`Input::Tick`] next, if nothing happens before.
    pub fn next_deadline(&self) -> Moment {
        if let Some(fetch) = &self.fetch {
            return fetch.deadline();
        }
        match (&self.engine, &self.handover) {
            (Engine::Stopping, _) => Moment(u64::MAX),
            (Engine::Leading(_), Some(handover)) => (handover.give_up)
                .min(self.next_hint)
                .min(self.node.next_deadline()),
            (Engine::Leading(_), None) => self.next_hint.min(self.node.next_deadline()),
            _ => self.node.next_deadline(),
        }
    }

    /// How many members have to be in sync, while this node leads.
    pub fn min_isr(&self) -> Option<u8> {
        let protocol = self.node.protocol();
        protocol.leads()?;
        protocol.view().map(|(record, _)| record.min_isr)
    }

    /// The state machine inside, for tests.
    #[doc(hidden)]
    pub fn node(&self) -> &Node<R> {
        &self.node
    }

    fn tick(&mut self, now: Moment, out: &mut Vec<Output>) -> Result<(), Fatal> {
        // While it fetches it wants nothing of the protocol: to be elected it may not, and its
        // leader it has.
        if self.fetch.is_some() {
            return self.mind_fetch(now, out);
        }
        self.tell(now, Event::Tick, out)?;
        if now >= self.next_hint {
            self.next_hint = now.plus(HINT_EVERY);
            self.tell(now, Event::HintDue, out)?;
        }
        self.mind_handover(now, out)
    }

    /// Tells the protocol what happened, and carries out what it wants.
    fn tell(&mut self, now: Moment, event: Event, out: &mut Vec<Output>) -> Result<(), Fatal> {
        self.untold.push_back(event);
        self.tell_all(now, out)
    }

    fn tell_all(&mut self, now: Moment, out: &mut Vec<Output>) -> Result<(), Fatal> {
        while let Some(event) = self.untold.pop_front() {
            let mut effects = Vec::new();
            self.node.on(now, event, &mut effects);
            self.carry_out(now, effects, out)?;
        }
        Ok(())
    }

    fn on_read(
        &mut self,
        now: Moment,
        answer: Result<Snapshot, ReadError>,
        out: &mut Vec<Output>,
    ) -> Result<(), Fatal> {
        self.record.under_way = false;
        let again = std::mem::take(&mut self.record.again);
        self.record.failed = answer.is_err();
        self.forget(out, |notice| matches!(notice, Notice::RecordUnreadable(_)));
        if let Err(ReadError::Unreadable(text)) = &answer {
            self.notice(Notice::RecordUnreadable(text.clone()), out);
        }
        if matches!(self.engine, Engine::Stopping) {
            // Whatever it says now is asked for again when the engine has stopped.
            self.deferred.push(Effect::Read);
            return Ok(());
        }
        if again {
            // Of use only what was read since it was last asked for.
            self.read_record(out);
            return Ok(());
        }
        let Ok(snapshot) = answer else {
            return Ok(());
        };
        self.record.last = Some(snapshot.clone());
        self.mind_record(&snapshot, out);
        if self.is_of_an_earlier_group(&snapshot) {
            let text = "it is of a group of this name that has ended".to_owned();
            self.notice(Notice::Damaged(text), out);
            self.tell(now, Event::Damaged, out)?;
            self.set_aside(out)?;
            return self.tell_all(now, out);
        }
        self.tell(now, Event::Read(snapshot), out)?;
        self.mind_handover(now, out)
    }

    /// Whether this disk has what a group had before it was made single and founded again. In between
    /// a single broker wrote, who counts no epochs: nothing can be said of where the two part, so this
    /// node begins with nothing.
    fn is_of_an_earlier_group(&self, snapshot: &Snapshot) -> bool {
        let protocol = self.node.protocol();
        snapshot.record.as_ref().is_some_and(|record| {
            // Of one that has ended this may be the only copy.
            record.ended.is_none()
                && matches!(self.engine, Engine::Standby(_))
                && protocol.vow().promised <= record.founded
                && record.founded > Epoch(0)
                && protocol.log().end > ORIGIN
                && !record.isr.contains(&self.me)
        })
    }

    /// A follower looks at the record now and then: that it was admitted nobody tells it.
    fn look_again(&mut self, now: Moment, out: &mut Vec<Output>) {
        let protocol = self.node.protocol();
        let due = protocol.state() == State::Syncing || now >= self.record.look_at;
        if protocol.follows().is_some() && due {
            self.record.look_at = now.plus(HINT_EVERY);
            self.read_record(out);
        }
    }

    fn read_record(&mut self, out: &mut Vec<Output>) {
        if self.record.under_way {
            self.record.again = true;
            return;
        }
        self.record.under_way = true;
        out.push(Output::Read);
    }

    fn on_disconnected(
        &mut self,
        now: Moment,
        peer: Peer,
        out: &mut Vec<Output>,
    ) -> Result<(), Fatal> {
        self.flows.remove(&peer);
        if self.fetch.as_ref().is_some_and(|fetch| fetch.from == peer) {
            self.break_off("its connection is gone", out);
        }
        self.tell(now, Event::Disconnected(peer), out)
    }

    /// Ends a conversation with a peer that says what none should.
    fn refuse(
        &mut self,
        now: Moment,
        from: Peer,
        what: String,
        out: &mut Vec<Output>,
    ) -> Result<(), Fatal> {
        self.notice(Notice::Refused(what), out);
        out.push(Output::HangUp(from));
        self.on_disconnected(now, from, out)
    }

    fn leave(&mut self, out: &mut Vec<Output>) {
        if let Some((to, _)) = self.node.protocol().follows() {
            let packet = Packet::Frame(Frame::Leave);
            out.push(Output::Send { to, packet });
        }
    }
}
