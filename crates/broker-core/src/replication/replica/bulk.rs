//! The transfer of a checkpoint, to a follower that lacks records its leader has freed.
//!
//! Only the checkpoint is transferred here. The records the leader still has follow as any others do:
//! the follower makes a journal that begins where the leader's does, and says hello with it. Until it
//! has what the checkpoint stands for, its copy is not a whole one: that is written down before the
//! first byte of the old one goes, and if this node stops meanwhile it begins anew.

use std::sync::Arc;
use std::time::Duration;

use crc32c::crc32c;

use super::engine::Engine;
use super::{
    Bulk, BulkProgress, Fatal, News, Notice, ORIGIN, Offer, Output, Packet, Portion, REFUSES_FOR,
    Replica,
};
use crate::broker::Standby;
use crate::journal::{self, Lsn};
use crate::replication::frame::Peer;
use crate::replication::node::Event;
use crate::replication::rules::Rules;
use crate::replication::timing::Moment;

/// Nothing comes from a healthy leader for so long.
const SILENCE: Duration = Duration::from_secs(5);
/// When a leader is busy with another.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// A leader keeps records for a follower that asked, for so long after it did.
const PINNED_FOR: Duration = Duration::from_secs(60);
/// Most bytes of a checkpoint that are believed.
const PAYLOAD_MAX: u64 = 1 << 30;

/// A transfer to this node.
#[derive(Debug)]
pub(super) struct Fetch {
    pub(super) from: Peer,
    offer: Option<Offer>,
    payload: Vec<u8>,
    /// Broken off then.
    silent_at: Moment,
    /// Ask again then.
    ask_at: Option<Moment>,
}

/// A transfer from this node.
#[derive(Debug)]
pub(super) struct Pin {
    /// Records from there on stay.
    pub(super) from: Lsn,
    pub(super) until: Moment,
    covered: Lsn,
    payload: Arc<[u8]>,
}

impl Fetch {
    pub(super) fn deadline(&self) -> Moment {
        self.ask_at
            .map_or(self.silent_at, |at| at.min(self.silent_at))
    }

    pub(super) fn progress(&self) -> BulkProgress {
        BulkProgress {
            from: self.from.node,
            done_bytes: self.payload.len() as u64,
            total_bytes: self.offer.as_ref().map_or(0, |offer| offer.payload_bytes),
        }
    }
}

fn send(to: Peer, bulk: Bulk, out: &mut Vec<Output>) {
    let packet = Packet::Bulk(bulk);
    out.push(Output::Send { to, packet });
}

impl<R: Rules> Replica<R> {
    pub(super) fn fetch_from(&mut self, now: Moment, from: Peer, out: &mut Vec<Output>) {
        self.fetch = Some(Fetch {
            from,
            offer: None,
            payload: Vec::new(),
            silent_at: now.plus(SILENCE),
            ask_at: None,
        });
        send(from, Bulk::Ask, out);
    }

    pub(super) fn on_bulk(
        &mut self,
        now: Moment,
        from: Peer,
        bulk: Bulk,
        out: &mut Vec<Output>,
    ) -> Result<(), Fatal> {
        match bulk {
            Bulk::Ask => self.offer(now, from, out),
            Bulk::Want { covered, offset } => {
                self.give(now, from, covered, offset, out);
                Ok(())
            }
            Bulk::Offer(_) | Bulk::Portion(_) | Bulk::Gone => match self.fetch.take() {
                Some(fetch) if fetch.from == from => self.on_given(now, fetch, bulk, out),
                other => {
                    self.fetch = other;
                    Ok(())
                }
            },
        }
    }

    /// What this leader has; one follower at a time.
    fn offer(&mut self, now: Moment, to: Peer, out: &mut Vec<Output>) -> Result<(), Fatal> {
        let Engine::Leading(broker) = &self.engine else {
            return Ok(());
        };
        self.pins.retain(|_, pin| now < pin.until);
        if self.pins.keys().any(|peer| peer.node != to.node) {
            send(to, Bulk::Gone, out);
            return Ok(());
        }
        // Kept first, then looked at: what is there then stays.
        broker.retain_from(ORIGIN);
        let front = broker.extent().first;
        let (covered, payload) = match broker.read_checkpoint() {
            Ok(Some((covered, payload))) if covered >= front => (covered, payload),
            Ok(_) => {
                send(to, Bulk::Gone, out);
                return Ok(());
            }
            Err(error) => {
                self.notice(Notice::Damaged(error.to_string()), out);
                send(to, Bulk::Gone, out);
                return Ok(());
            }
        };
        let mut epochs = self.node.protocol().log().epochs.clone();
        epochs.cut(front);
        let offer = Offer {
            covered,
            front,
            payload_bytes: payload.len() as u64,
            payload_crc: crc32c(&payload),
            epochs,
        };
        self.pins.clear();
        self.pins.insert(
            to,
            Pin {
                from: front,
                until: now.plus(PINNED_FOR),
                covered,
                payload: payload.into(),
            },
        );
        send(to, Bulk::Offer(offer), out);
        self.retain(now)
    }

    fn give(&mut self, now: Moment, to: Peer, covered: Lsn, offset: u64, out: &mut Vec<Output>) {
        let pin = self.pins.get_mut(&to).filter(|pin| pin.covered == covered);
        let Some(pin) = pin else {
            return send(to, Bulk::Gone, out);
        };
        pin.until = now.plus(PINNED_FOR);
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = pin.payload.get(from..).unwrap_or_default();
        let bytes = rest[..rest.len().min(Portion::BYTES_MAX)].to_vec();
        let portion = Portion {
            covered,
            offset,
            crc: crc32c(&bytes),
            bytes,
        };
        send(to, Bulk::Portion(portion), out);
    }

    /// Something came of what this node fetches; `fetch` is put back if it goes on.
    fn on_given(
        &mut self,
        now: Moment,
        mut fetch: Fetch,
        bulk: Bulk,
        out: &mut Vec<Output>,
    ) -> Result<(), Fatal> {
        fetch.silent_at = now.plus(SILENCE);
        fetch.ask_at = None;
        match bulk {
            Bulk::Offer(offer) => {
                let sound = offer.front > ORIGIN
                    && offer.covered >= offer.front
                    && offer.payload_bytes <= PAYLOAD_MAX
                    && offer
                        .epochs
                        .entries()
                        .iter()
                        .all(|(_, from)| *from < offer.front);
                if !sound {
                    return self.refuse(now, fetch.from, "an offer beyond reason".into(), out);
                }
                fetch.payload.clear();
                fetch.offer = Some(offer);
            }
            Bulk::Portion(portion) => {
                let expected = fetch.offer.as_ref().is_some_and(|offer| {
                    let done = fetch.payload.len() as u64;
                    let left = offer.payload_bytes - done;
                    portion.covered == offer.covered
                        && portion.offset == done
                        && portion.bytes.len() as u64 == left.min(Portion::BYTES_MAX as u64)
                });
                if !expected || crc32c(&portion.bytes) != portion.crc {
                    self.fetch = Some(fetch);
                    self.break_off("a portion is not what was asked for", out);
                    return self.tell_all(now, out);
                }
                fetch.payload.extend_from_slice(&portion.bytes);
            }
            Bulk::Ask | Bulk::Want { .. } | Bulk::Gone => {
                fetch.offer = None;
                fetch.payload.clear();
                fetch.ask_at = Some(now.plus(ASK_AGAIN));
                self.fetch = Some(fetch);
                return Ok(());
            }
        }
        match &fetch.offer {
            Some(offer) if offer.payload_bytes == fetch.payload.len() as u64 => {
                self.install(now, fetch, out)
            }
            Some(offer) => {
                let (covered, offset) = (offer.covered, fetch.payload.len() as u64);
                send(fetch.from, Bulk::Want { covered, offset }, out);
                self.fetch = Some(fetch);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Everything has come: the old journal goes, and a new one begins.
    fn install(&mut self, now: Moment, fetch: Fetch, out: &mut Vec<Output>) -> Result<(), Fatal> {
        let Fetch {
            from,
            offer: Some(offer),
            payload,
            ..
        } = fetch
        else {
            return Err(Fatal::Defect("a checkpoint came that was not offered"));
        };
        if crc32c(&payload) != offer.payload_crc {
            return self.refuse(now, from, "a checkpoint with a wrong checksum".into(), out);
        }
        self.throw_away(offer.epochs.clone())?;
        let checkpoint = (offer.covered, &payload[..]);
        let (disk, store) = (Arc::clone(&self.disk), self.me.store);
        let installed = Standby::install(&self.config.broker, disk, store, checkpoint, offer.front);
        match installed {
            Ok(standby) => self.engine = Engine::Standby(Box::new(standby)),
            Err(journal::OpenError::Unreadable(text)) => {
                self.refuses_until = Some(now.plus(REFUSES_FOR));
                self.notice(Notice::Refused(text), out);
            }
            Err(error) => return Err(error.into()),
        }
        let (covered, front) = (offer.covered, offer.front);
        out.push(Output::News(News::Installed { covered, front }));
        let log = self.engine.log(&self.kept.content.epochs);
        self.tell(now, Event::Restored(log), out)
    }

    /// Gives up what is being fetched, and looks for a leader again.
    pub(super) fn break_off(&mut self, why: &'static str, out: &mut Vec<Output>) {
        if let Some(fetch) = self.fetch.take() {
            out.push(Output::HangUp(fetch.from));
            out.push(Output::News(News::BulkBrokenOff(why)));
            let log = self.engine.log(&self.kept.content.epochs);
            self.untold.push_back(Event::Restored(log));
        }
    }

    pub(super) fn mind_fetch(&mut self, now: Moment, out: &mut Vec<Output>) -> Result<(), Fatal> {
        let Some(fetch) = &mut self.fetch else {
            return Ok(());
        };
        if now >= fetch.silent_at {
            self.break_off("nothing comes any more", out);
            return self.tell_all(now, out);
        }
        if fetch.ask_at.take_if(|at| now >= *at).is_some() {
            fetch.silent_at = now.plus(SILENCE);
            send(fetch.from, Bulk::Ask, out);
        }
        Ok(())
    }
}
