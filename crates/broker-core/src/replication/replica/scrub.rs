//! Comparing disks: a leader tells its followers, a stretch at a time and slowly, what it has; a follower
//! that has something else is refilled.
//!
//! It finds what no checksum can: records that are sound and not the same. And it reads what nobody has
//! read for long. Only what is committed is compared, with followers that have nothing else to do.

use crc32c::crc32c;

use super::engine::Engine;
use super::{Fatal, Notice, Output, Packet, Replica, Scrubbed};
use crate::journal::{Lsn, Shipment, Stretch};
use crate::replication::epochs::EpochTable;
use crate::replication::frame::Peer;
use crate::replication::node::Event;
use crate::replication::rules::Rules;
use crate::replication::timing::Moment;

impl<R: Rules> Replica<R> {
    /// Tells each follower that has everything of the next stretch.
    pub(super) fn tell_stretches(&mut self, out: &mut Vec<Output>) -> Result<(), Fatal> {
        let (most, committed) = (self.config.scrub_bytes, self.node.protocol().committed());
        let Engine::Leading(broker) = &self.engine else {
            return Ok(());
        };
        for (to, flow) in &mut self.flows {
            if most == 0 || !flow.is_idle() {
                continue;
            }
            match broker.ship(flow.scrubbed, most)? {
                Shipment::Run(run) if run.end() <= committed.min(flow.acked) => {
                    flow.scrubbed = run.end();
                    let scrubbed = Scrubbed {
                        from: run.start(),
                        to: run.end(),
                        crc: crc32c(run.bytes()),
                    };
                    let packet = Packet::Scrub(scrubbed);
                    out.push(Output::Send { to: *to, packet });
                }
                // Once through; from the beginning again.
                Shipment::Run(_) | Shipment::Nothing => flow.scrubbed = broker.extent().first,
                Shipment::Freed(first) => flow.scrubbed = first,
            }
        }
        Ok(())
    }

    pub(super) fn on_scrub(
        &mut self,
        now: Moment,
        from: Peer,
        scrubbed: Scrubbed,
        out: &mut Vec<Output>,
    ) -> Result<(), Fatal> {
        let follows = self.node.protocol().follows();
        let Engine::Standby(standby) = &self.engine else {
            return Ok(());
        };
        // More than a segment is in none.
        let long = scrubbed.to.0.saturating_sub(scrubbed.from.0) > LONGEST_BYTES;
        if follows.is_none_or(|(peer, _)| peer != from) || long {
            return Ok(());
        }
        let Scrubbed { from, to, crc } = scrubbed;
        let notice = match standby.stretch(from, to)? {
            Stretch::Elsewhere => return Ok(()),
            Stretch::Run(run) if crc32c(run.bytes()) == crc => return Ok(()),
            Stretch::Run(_) => Notice::Differs { from, to },
            Stretch::Damaged(found) => Notice::Damaged(format!(
                "the journal is damaged between lsn {} and {}: {found}",
                from.0, to.0
            )),
        };
        self.notice(notice, out);
        self.tell(now, Event::Damaged, out)?;
        self.set_aside(out)?;
        self.tell_all(now, out)
    }

    /// What is on the disk is of no use any more. It stays there until a leader gives something else,
    /// for a person to look at if none does.
    pub(super) fn set_aside(&mut self, out: &mut Vec<Output>) -> Result<(), Fatal> {
        self.leave(out);
        self.kept.change(|kept| kept.replacing = true)?;
        self.engine = Engine::Absent;
        self.unsynced = false;
        self.committed = Lsn(0);
        let log = self.engine.log(&EpochTable::default());
        self.untold.push_back(Event::Restored(log));
        Ok(())
    }
}

/// No segment is longer.
const LONGEST_BYTES: u64 = 1 << 30;
