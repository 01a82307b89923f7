//! What peers say. Nothing of it is believed that can be checked.

use super::{Fatal, Output, Packet, Replica};
use crate::journal::Run;
use crate::replication::frame::{Append, Frame, Peer};
use crate::replication::node::Event;
use crate::replication::rules::Rules;
use crate::replication::timing::Moment;

impl<R: Rules> Replica<R> {
    pub(super) fn on_packet(
        &mut self,
        now: Moment,
        from: Peer,
        packet: Packet,
        out: &mut Vec<Output>,
    ) -> Result<(), Fatal> {
        match packet {
            Packet::Append(append, run) => self.on_append(now, from, append, run, out),
            Packet::Frame(frame) => self.on_frame(now, from, frame, out),
            Packet::Bulk(bulk) => self.on_bulk(now, from, bulk, out),
            Packet::Scrub(scrubbed) => self.on_scrub(now, from, scrubbed, out),
        }
    }

    fn on_append(
        &mut self,
        now: Moment,
        from: Peer,
        append: Append,
        run: Run,
        out: &mut Vec<Output>,
    ) -> Result<(), Fatal> {
        let fits = run.start() == append.prev.lsn
            && run.end() == append.end
            && run.last_epoch() <= append.written_in
            && append.written_in <= append.epoch;
        if !fits {
            let text = format!("records of lsn {}, announced as others", run.start().0);
            return self.refuse(now, from, text, out);
        }
        self.incoming = Some(run);
        let told = self.tell(now, Event::Frame(from, Frame::Append(append)), out);
        self.incoming = None;
        told
    }

    fn on_frame(
        &mut self,
        now: Moment,
        from: Peer,
        frame: Frame,
        out: &mut Vec<Output>,
    ) -> Result<(), Fatal> {
        match &frame {
            Frame::Append(_) => {
                return self.refuse(now, from, "records that did not come".to_owned(), out);
            }
            Frame::Hello(hello) if hello.member.node != from.node => {
                let text = format!("node {} called itself {}", from.node, hello.member.node);
                return self.refuse(now, from, text, out);
            }
            Frame::Ack { durable, .. } => {
                if let Some(flow) = self.flows.get_mut(&from) {
                    flow.acked = flow.acked.max(*durable);
                }
            }
            _ => {}
        }
        self.tell(now, Event::Frame(from, frame), out)
    }
}
