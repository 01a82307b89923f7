//! Records on their way to followers. The protocol says once how far a follower is to be sent; they are
//! read and sent as the follower's acknowledgements make room, so that a slow one costs the leader
//! no memory.

use super::engine::Engine;
use super::{Fatal, ORIGIN, Output, Packet, PeerStatus, Replica, ReplicaStatus};
use crate::journal::{Lsn, Run, Shipment};
use crate::replication::frame::{Append, Peer};
use crate::replication::node::Event;
use crate::replication::protocol::State;
use crate::replication::rules::Rules;
use crate::replication::timing::Moment;

/// Of one follower.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flow {
    /// It was sent all below.
    next: Lsn,
    /// It is to be sent all below.
    until: Lsn,
    /// It has all below.
    pub(super) acked: Lsn,
    /// It was told last what is on the leader's disk up to here.
    pub(super) scrubbed: Lsn,
}

impl Flow {
    /// It has everything.
    pub(super) fn is_idle(&self) -> bool {
        self.acked >= self.until
    }
}

/// What there was to send.
enum Next {
    Append(Append, Run),
    /// It is not written yet.
    Nothing,
    /// It was freed, and the journal begins here.
    Freed(Lsn),
}

impl<R: Rules> Replica<R> {
    /// Notes how far a follower is to be sent.
    pub(super) fn flow(&mut self, to: Peer, append: &Append) {
        let start = append.prev.lsn;
        let flow = self.flows.entry(to).or_insert(Flow {
            next: start,
            until: start,
            acked: start,
            scrubbed: ORIGIN,
        });
        flow.until = flow.until.max(append.end);
    }

    /// Sends what there is room for.
    pub(super) fn ship(&mut self, now: Moment, out: &mut Vec<Output>) -> Result<(), Fatal> {
        let peers: Vec<Peer> = self.flows.keys().copied().collect();
        for to in peers {
            while let Some(flow) = self.flows.get(&to).copied() {
                let on_its_way = flow.next.0.saturating_sub(flow.acked.0);
                if flow.next >= flow.until || on_its_way >= self.config.window_bytes {
                    break;
                }
                match self.next_of(flow)? {
                    Next::Append(append, run) => {
                        if let Some(flow) = self.flows.get_mut(&to) {
                            flow.next = run.end();
                        }
                        let packet = Packet::Append(append, run);
                        out.push(Output::Send { to, packet });
                    }
                    Next::Nothing => break,
                    Next::Freed(first) => {
                        // It calls again, and is offered a checkpoint.
                        self.flows.remove(&to);
                        out.push(Output::HangUp(to));
                        self.tell(now, Event::Freed(first), out)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn next_of(&self, flow: Flow) -> Result<Next, Fatal> {
        let (Engine::Leading(broker), Some(epoch)) = (&self.engine, self.node.protocol().leads())
        else {
            return Ok(Next::Nothing);
        };
        let epochs = &self.node.protocol().log().epochs;
        let Some((written_in, reign_end)) = epochs.run_at(flow.next, flow.until) else {
            return Ok(Next::Nothing);
        };
        let there = reign_end.0 - flow.next.0;
        let most = usize::try_from(there).map_or(self.config.frame_bytes, |there| {
            self.config.frame_bytes.min(there)
        });
        Ok(match broker.ship(flow.next, most)? {
            Shipment::Run(run) if run.end() <= reign_end => {
                let append = Append {
                    epoch,
                    prev: epochs.position(flow.next),
                    written_in,
                    end: run.end(),
                    committed: self.node.protocol().committed(),
                };
                Next::Append(append, run)
            }
            Shipment::Run(_) | Shipment::Nothing => Next::Nothing,
            Shipment::Freed(first) => Next::Freed(first),
        })
    }

    /// Keeps records that followers may ask for, while the disk has room.
    pub(super) fn retain(&mut self, now: Moment) -> Result<(), Fatal> {
        self.pins.retain(|_, pin| now < pin.until);
        let Engine::Leading(broker) = &self.engine else {
            return Ok(());
        };
        let options = &self.config.broker.journal;
        let space = self.disk.space();
        let low = space.is_ok_and(|space| space.free_bytes < options.keep_free_bytes_of(space));
        let end = self.node.protocol().log().end;
        let floor = Lsn(end.0.saturating_sub(self.config.retain_bytes)).max(ORIGIN);
        let pinned = self.pins.values().map(|pin| pin.from);
        let flowing = self.flows.values().map(|flow| flow.acked);
        let floor = pinned.chain(flowing).fold(floor, Lsn::min);
        broker.retain_from(if low { Lsn(u64::MAX) } else { floor });
        Ok(())
    }

    /// How it is doing.
    pub fn status(&self, now: Moment) -> ReplicaStatus {
        let protocol = self.node.protocol();
        let log = protocol.log();
        let record = protocol.view().map(|(record, _)| record);
        let committed = protocol.committed();
        let stopping = matches!(self.engine, Engine::Stopping);
        let leads = protocol.leads().is_some();
        let lag_bytes = match leads {
            true => log.end.0.saturating_sub(committed.0),
            false => log.end.0.saturating_sub(log.durable.0),
        };
        let peers = protocol
            .followers()
            .map(|(member, peer, acked)| PeerStatus {
                member,
                acked,
                sent: self.flows.get(&peer).map_or(acked, |flow| flow.next),
                lag_bytes: log.end.0.saturating_sub(acked.0.max(ORIGIN.0)),
                waited_for: protocol.waits_for(&member),
            });
        ReplicaStatus {
            node: self.me.node,
            store: self.me.store,
            state: protocol.state(),
            serving: !stopping && self.handover.is_none() && self.node.serves(now),
            stopping,
            epoch: record.map(|record| record.epoch).unwrap_or_default(),
            promised: protocol.vow().promised,
            leader: record.and_then(|record| record.leader),
            in_sync: record.map(|record| record.isr.clone()).unwrap_or_default(),
            min_isr: record.map_or(0, |record| record.min_isr),
            front: log.front,
            committed,
            durable: log.durable,
            end: log.end,
            lag_bytes,
            peers: peers.collect(),
            notices: self.notices.iter().cloned().collect(),
            bulk: self.fetch.as_ref().map(|fetch| fetch.progress()),
            store_unreachable: self.record.failed,
        }
    }

    /// Whether it is what a standby should be: holds everything, and may be elected.
    pub fn is_in_sync(&self) -> bool {
        self.node.protocol().state() == State::InSync
    }
}
