//! What operators ask for: a group is founded, led by another, or goes on with what one node has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::engine::Engine;
use super::{Fatal, News, Output, Replica};
use crate::journal::Epoch;
use crate::replication::coordinator::{CasOutcome, Snapshot, Version};
use crate::replication::node::Event;
use crate::replication::protocol::{Alarm, NotNow};
use crate::replication::record::{NodeId, Nonce, Record};
use crate::replication::rules::Rules;
use crate::replication::timing::Moment;

use super::Notice;

/// A switchover under way.
#[derive(Debug)]
pub(super) struct Handover {
    to: NodeId,
    patience: Duration,
    /// The target has to have everything by then.
    pub(super) give_up: Moment,
    /// The engine serves nobody any more.
    pub(super) drained: bool,
    /// The resignation is submitted.
    resigned: bool,
}

/// What an operator's write of the record is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Founding,
    Forcing,
}

impl<R: Rules> Replica<R> {
    pub(super) fn found(
        &mut self,
        min_isr: u8,
        endpoints: BTreeMap<NodeId, Arc<str>>,
        out: &mut Vec<Output>,
    ) {
        let protocol = self.node.protocol();
        let ended = self.record.last.clone().and_then(|last| {
            let record = last.record?;
            Some((record.ended?, record, last.version))
        });
        let why_not = match &self.engine {
            _ if protocol.view().is_some() => Some("this node is in a group already"),
            _ if ended
                .as_ref()
                .is_some_and(|(by, ..)| by.store != self.me.store) =>
            {
                Some("the group has ended, and another node has its data")
            }
            _ if protocol.vow().promised > Epoch(0) && ended.is_none() => {
                Some("this node is in a group already")
            }
            _ if protocol.vow().in_repair => Some("this node's data is damaged"),
            Engine::Standby(_) => None,
            Engine::Absent | Engine::Leading(_) | Engine::Stopping => {
                Some("this node has no data of its own")
            }
        };
        if let Some(why_not) = why_not {
            out.push(Output::News(News::NotFounded(why_not)));
            return;
        }
        let isr = BTreeSet::from([self.me]);
        let log = self.node.protocol().log();
        // Those of an adopted journal are past, and those of a group that has ended.
        let written = log.epochs.position(log.end).epoch;
        let mut record = Record::founding(self.operator, isr, min_isr, endpoints);
        record.epoch = written;
        let mut expected = Version::ABSENT;
        if let Some((_, ended, version)) = ended {
            record.epoch = written.max(ended.epoch);
            // An operator says whose data counts.
            record.region.generation = ended.region.generation + 1;
            expected = version;
        }
        record.founded = record.epoch;
        self.ask(Asked::Founding, expected, record, out);
    }

    pub(super) fn force_promote(&mut self, out: &mut Vec<Output>) {
        let protocol = self.node.protocol();
        let seen = self.record.last.as_ref();
        let record = seen.and_then(|seen| Some((seen.record.clone()?, seen.version.clone())));
        let Some((record, version)) = record else {
            out.push(Output::News(News::NotForced(
                "the group's record was not read",
            )));
            return;
        };
        let Engine::Standby(_) = &self.engine else {
            let why = match protocol.leads() {
                Some(_) => "this node leads already",
                None => "this node has no journal that could be served",
            };
            out.push(Output::News(News::NotForced(why)));
            return;
        };
        if self.kept.content.replacing {
            out.push(Output::News(News::NotForced(
                "this node's copy is not whole",
            )));
            return;
        }
        if record.ended.is_some() {
            let why = "the group has ended, and another node has its data";
            out.push(Output::News(News::NotForced(why)));
            return;
        }
        let log = protocol.log();
        let mut next = record.clone();
        next.epoch = record.epoch.max(protocol.vow().promised);
        next.leader = None;
        next.transfer = None;
        next.isr = BTreeSet::from([self.me]);
        next.commit_hint = log.epochs.position(log.durable);
        next.region.generation += 1;
        self.ask(Asked::Forcing, version, next, out);
    }

    fn ask(&mut self, asked: Asked, expected: Version, record: Record, out: &mut Vec<Output>) {
        self.asked.push(asked);
        let record = Box::new(Record {
            writer_nonce: Nonce {
                incarnation: self.operator,
                count: self.asked.len() as u64,
            },
            ..record
        });
        out.push(Output::Cas { expected, record });
    }

    /// What became of an operator's write. Without an answer the next read shows it.
    pub(super) fn on_asked(
        &mut self,
        now: Moment,
        nonce: Nonce,
        outcome: CasOutcome,
        out: &mut Vec<Output>,
    ) -> Result<(), Fatal> {
        let index = usize::try_from(nonce.count.saturating_sub(1)).unwrap_or(usize::MAX);
        let Some(asked) = self.asked.get(index).copied() else {
            return Ok(());
        };
        let why_not = match outcome {
            CasOutcome::Applied(_) => None,
            CasOutcome::Conflict => Some("somebody else has written the group's record"),
            CasOutcome::Unknown => Some("the store did not say whether it was written"),
        };
        out.push(Output::News(match (asked, why_not) {
            (Asked::Founding, None) => News::Founded,
            (Asked::Founding, Some(why_not)) => News::NotFounded(why_not),
            (Asked::Forcing, None) => News::Forced,
            (Asked::Forcing, Some(why_not)) => News::NotForced(why_not),
        }));
        if matches!(self.engine, Engine::Stopping) {
            return Ok(());
        }
        match (asked, why_not) {
            (Asked::Forcing, None) => self.tell(now, Event::Forced, out),
            _ => {
                self.read_record(out);
                Ok(())
            }
        }
    }

    pub(super) fn resign(
        &mut self,
        now: Moment,
        to: NodeId,
        patience: Duration,
        out: &mut Vec<Output>,
    ) {
        let protocol = self.node.protocol();
        let record = protocol.view().map(|(record, _)| record);
        let in_sync = record.is_some_and(|r| r.isr.iter().any(|m| m.node == to && *m != self.me));
        let why_not = match protocol.leads() {
            None => Some(NotNow::NotLeading),
            Some(_) if !in_sync => Some(NotNow::NotInSync(to)),
            Some(_) if self.handover.is_some() => Some(NotNow::Changing),
            Some(_) => None,
        };
        if let Some(why_not) = why_not {
            out.push(Output::News(News::NotSwitchedOver(why_not)));
            return;
        }
        self.handover = Some(Handover {
            to,
            patience,
            give_up: now.plus(patience),
            drained: false,
            resigned: false,
        });
        out.push(Output::Drain);
    }

    /// Takes a switchover a step further, if one is under way.
    pub(super) fn mind_handover(
        &mut self,
        now: Moment,
        out: &mut Vec<Output>,
    ) -> Result<(), Fatal> {
        let Some(handover) = &mut self.handover else {
            return Ok(());
        };
        let (to, patience) = (handover.to, handover.patience);
        if self.node.protocol().leads().is_none() {
            let news = match handover.resigned {
                true => News::SwitchedOver(to),
                false => News::NotSwitchedOver(NotNow::NotLeading),
            };
            self.handover = None;
            out.push(Output::News(news));
            return Ok(());
        }
        if handover.resigned {
            if self.node.protocol().is_serving() {
                // The resignation was not written, and never will be.
                self.serve_on(NotNow::Changing, out);
            }
            return Ok(());
        }
        let mut effects = Vec::new();
        if !handover.drained && now < handover.give_up {
            return Ok(());
        }
        if !handover.drained {
            self.serve_on(NotNow::Behind(to), out);
            return Ok(());
        }
        let resigned = self.node.resign(now, to, patience, &mut effects);
        if resigned.is_ok() {
            handover.resigned = true;
        }
        self.carry_out(now, effects, out)?;
        match resigned {
            Err(NotNow::Behind(_) | NotNow::Changing) if now < self.give_up() => {}
            Err(why_not) => self.serve_on(why_not, out),
            Ok(()) => {}
        }
        Ok(())
    }

    pub(super) fn drained(&mut self) {
        if let Some(handover) = &mut self.handover {
            handover.drained = true;
        }
    }

    fn give_up(&self) -> Moment {
        self.handover.as_ref().map_or(Moment(0), |it| it.give_up)
    }

    fn serve_on(&mut self, why_not: NotNow, out: &mut Vec<Output>) {
        self.handover = None;
        out.push(Output::Resume);
        out.push(Output::News(News::NotSwitchedOver(why_not)));
    }

    /// A usable record takes back what was said of earlier ones.
    pub(super) fn mind_record(&mut self, snapshot: &Snapshot, out: &mut Vec<Output>) {
        if !matches!(&snapshot.record, Some(record) if record.ended.is_some()) {
            let is_end = |notice: &Notice| matches!(notice, Notice::Protocol(Alarm::GroupEnded(_)));
            self.forget(out, is_end);
        }
        let promised = self.node.protocol().vow().promised;
        if snapshot
            .record
            .as_ref()
            .is_some_and(|record| record.epoch >= promised)
        {
            self.forget(out, |notice| {
                matches!(
                    notice,
                    Notice::Protocol(Alarm::RecordGone | Alarm::RecordRolledBack { .. })
                )
            });
        }
    }
}
