//! Carrying out what the protocol wants done, in its order.

use super::engine::Engine;
use super::{Fatal, News, Notice, Output, Packet, Replica};
use crate::replication::frame::{Frame, Peer};
use crate::replication::protocol::{Alarm, Effect};
use crate::replication::record::Leader;
use crate::replication::rules::Rules;
use crate::replication::timing::Moment;

impl<R: Rules> Replica<R> {
    pub(super) fn carry_out(
        &mut self,
        now: Moment,
        effects: Vec<Effect>,
        out: &mut Vec<Output>,
    ) -> Result<(), Fatal> {
        for effect in effects {
            if matches!(self.engine, Engine::Stopping) {
                // The engine may still append: what follows may depend on where it ends.
                self.deferred.push(effect);
                continue;
            }
            self.carry_out_one(now, effect, out)?;
        }
        Ok(())
    }

    fn carry_out_one(
        &mut self,
        now: Moment,
        effect: Effect,
        out: &mut Vec<Output>,
    ) -> Result<(), Fatal> {
        match effect {
            Effect::Save(vow) => self.kept.change(|kept| {
                kept.vow = vow;
                kept.replacing &= vow.in_repair;
            })?,
            Effect::Truncate(to) => self.truncate(to, out)?,
            Effect::Write => self.write(now, out)?,
            Effect::Fetch(from) => self.fetch_from(now, from, out),
            Effect::SetAside => {
                out.push(Output::News(News::SetAside));
                self.set_aside(out)?;
            }
            Effect::Connect { leader, to, frame } => self.connect(now, leader, to, frame, out),
            Effect::Send { to, frame } => {
                let packet = Packet::Frame(frame);
                out.push(Output::Send { to, packet });
            }
            Effect::Ship { to, append } => self.flow(to, &append),
            Effect::HangUp(peer) => {
                self.flows.remove(&peer);
                self.fetch.take_if(|fetch| fetch.from == peer);
                out.push(Output::HangUp(peer));
            }
            Effect::Read => self.read_record(out),
            Effect::Cas { expected, record } => out.push(Output::Cas { expected, record }),
            Effect::Lead(epoch) => self.lead(epoch, out)?,
            Effect::StopLeading => self.stop_leading(out),
            Effect::Pause => out.push(Output::Pause),
            Effect::Resume => {
                out.push(Output::Resume);
                if let Some(handover) = &mut self.handover {
                    handover.drained = false;
                    out.push(Output::Drain);
                }
            }
            Effect::Commit(committed) => self.commit(committed),
            Effect::Alarm(alarm) => self.notice(Notice::Protocol(alarm), out),
        }
        Ok(())
    }

    /// Calls the leader, unless this node could not take what it would send.
    fn connect(
        &mut self,
        now: Moment,
        leader: Leader,
        to: Peer,
        frame: Frame,
        out: &mut Vec<Output>,
    ) {
        if self.refuses_until.is_some_and(|until| now < until) {
            // The protocol looks for its leader again when it hears nothing.
            return;
        }
        let record = self.node.protocol().view().map(|(record, _)| record);
        let address = record.and_then(|record| record.endpoints.get(&leader.node).cloned());
        let packet = Packet::Frame(frame);
        out.push(Output::Connect {
            leader,
            address,
            to,
            packet,
        });
    }

    pub(super) fn notice(&mut self, notice: Notice, out: &mut Vec<Output>) {
        if self.notices.insert(notice.clone()) {
            out.push(Output::Raised(notice));
        }
    }

    pub(super) fn forget(&mut self, out: &mut Vec<Output>, over: impl Fn(&Notice) -> bool) {
        let gone = self.notices.extract_if(.., |notice| over(notice));
        out.extend(gone.map(Output::Cleared));
    }

    /// Takes back what is not the case any more.
    pub(super) fn mind_notices(&mut self, out: &mut Vec<Output>) {
        let protocol = self.node.protocol();
        if protocol.leads().is_some() || protocol.follows().is_some() {
            let is_past = |it: &Notice| matches!(it, Notice::Protocol(Alarm::PastEpoch { .. }));
            self.forget(out, is_past);
        }
        if self.notices.is_empty() || self.node.protocol().vow().in_repair {
            return;
        }
        self.forget(out, |notice| {
            matches!(
                notice,
                Notice::Damaged(_)
                    | Notice::Differs { .. }
                    | Notice::VowLost(_)
                    | Notice::Protocol(
                        Alarm::Damaged | Alarm::Regressed | Alarm::TruncatesCommitted { .. }
                    )
            )
        });
    }
}
