//! The journal's side of a replica: a standby's, or that of the broker that leads.

use std::sync::Arc;

use super::{Fatal, News, Notice, ORIGIN, Output, REFUSES_FOR, Replica};
use crate::broker::{Broker, Standby};
use crate::journal::{self, CheckpointError, Epoch, FollowError, Lsn, Stopped};
use crate::replication::epochs::EpochTable;
use crate::replication::node::Event;
use crate::replication::rules::{Rule, Rules};
use crate::replication::timing::Moment;

/// Who works on the journal.
#[derive(Debug)]
pub(super) enum Engine {
    /// Nobody: what is on the disk is of no use, and stays until a leader gives something else.
    Absent,
    /// The broker that serves, and its writer on another thread.
    Leading(Arc<Broker>),
    /// This replica.
    Standby(Box<Standby>),
    /// The same as before, until its end is told.
    Stopping,
}

impl<R: Rules> Replica<R> {
    /// Writes the records of the append at hand. If they are refused, the protocol is told what the
    /// journal is instead.
    pub(super) fn write(&mut self, now: Moment, out: &mut Vec<Output>) -> Result<(), Fatal> {
        let run =
            (self.incoming.take()).ok_or(Fatal::Defect("records to write that never came"))?;
        if matches!(self.engine, Engine::Absent) {
            self.start_over(out)?;
        }
        let epochs = self.node.protocol().log().epochs.clone();
        // Before the first record of an epoch that is new here.
        self.kept.change(|kept| kept.epochs = epochs)?;
        let Engine::Standby(standby) = &mut self.engine else {
            return Err(Fatal::Defect("records for a node that leads"));
        };
        let notice = match standby.append(run) {
            Ok(()) => {
                self.unsynced = true;
                self.refuses_until = None;
                self.forget(out, |it| {
                    matches!(it, Notice::DiskFull | Notice::Refused(_))
                });
                return Ok(());
            }
            Err(FollowError::Failed(fault)) => return Err(fault.into()),
            Err(FollowError::Full) => Notice::DiskFull,
            Err(refused) => Notice::Refused(refused.to_string()),
        };
        self.refuses_until = Some(now.plus(REFUSES_FOR));
        self.notice(notice, out);
        self.withdraw(out)
    }

    /// Has the leader not wait for this node, and tells the protocol what the journal really is.
    fn withdraw(&mut self, out: &mut Vec<Output>) -> Result<(), Fatal> {
        self.leave(out);
        if let Engine::Standby(standby) = &mut self.engine {
            standby.sync()?;
            self.unsynced = false;
        }
        let log = self.engine.log(&self.kept.content.epochs);
        self.untold.push_back(Event::Restored(log));
        Ok(())
    }

    /// Makes a new and empty journal in the place of what there is.
    fn start_over(&mut self, out: &mut Vec<Output>) -> Result<(), Fatal> {
        self.throw_away(EpochTable::default())?;
        let standby = Standby::open(&self.config.broker, Arc::clone(&self.disk))?;
        self.engine = Engine::Standby(Box::new(standby));
        self.kept.change(|kept| kept.replacing = false)?;
        out.push(Output::News(News::StartedOver));
        Ok(())
    }

    /// Removes the journal. From the first byte on, until somebody says otherwise, it is not to be
    /// opened again.
    pub(super) fn throw_away(&mut self, epochs: EpochTable) -> Result<(), Fatal> {
        if !self.kept.content.vow.in_repair {
            return Err(Fatal::Defect(
                "a journal is to be thrown away outside of a repair",
            ));
        }
        self.kept.change(|kept| {
            kept.replacing = true;
            kept.epochs = epochs;
        })?;
        self.engine = Engine::Absent;
        self.unsynced = false;
        self.committed = ORIGIN;
        Ok(journal::wipe(&*self.disk)?)
    }

    pub(super) fn truncate(&mut self, to: Lsn, out: &mut Vec<Output>) -> Result<(), Fatal> {
        let Engine::Standby(standby) = std::mem::replace(&mut self.engine, Engine::Absent) else {
            return Err(Fatal::Defect("a cut of a journal that is not there"));
        };
        self.engine = Engine::Standby(Box::new(standby.truncate(to)?));
        self.unsynced = false;
        self.committed = self.committed.min(to);
        let epochs = self.node.protocol().log().epochs.clone();
        self.kept.change(|kept| kept.epochs = epochs)?;
        out.push(Output::News(News::Truncated(to)));
        Ok(())
    }

    /// Takes over.
    pub(super) fn lead(&mut self, epoch: Epoch, out: &mut Vec<Output>) -> Result<(), Fatal> {
        let Engine::Standby(standby) = std::mem::replace(&mut self.engine, Engine::Absent) else {
            return Err(Fatal::Defect("a node without a journal was elected"));
        };
        let epochs = self.node.protocol().log().epochs.clone();
        self.kept.change(|kept| kept.epochs = epochs)?;
        self.unsynced = false;
        let committed = match self.rules.holds(Rule::DeliverCommitted) {
            true => self.node.protocol().committed(),
            false => Lsn(u64::MAX),
        };
        let (broker, writer) = standby.promote(epoch, committed)?;
        self.engine = Engine::Leading(Arc::clone(&broker));
        out.push(Output::Lead {
            epoch,
            broker,
            writer: Box::new(writer),
        });
        self.tell_extent();
        Ok(())
    }

    /// Ends the reign: nothing is appended any more, and what was is told when the engine has
    /// stopped.
    pub(super) fn stop_leading(&mut self, out: &mut Vec<Output>) {
        if let Engine::Leading(broker) = &self.engine {
            broker.close();
            self.engine = Engine::Stopping;
            self.flows.clear();
            self.pins.clear();
            out.push(Output::StopLeading);
        }
    }

    pub(super) fn engine_stopped(
        &mut self,
        now: Moment,
        out: &mut Vec<Output>,
    ) -> Result<(), Fatal> {
        match &self.engine {
            Engine::Stopping => {}
            // It stopped by itself.
            Engine::Leading(_) => return Err(Stopped::Closed.into()),
            Engine::Absent | Engine::Standby(_) => return Ok(()),
        }
        let standby = Standby::open(&self.config.broker, Arc::clone(&self.disk))?;
        let end = standby.end();
        self.committed = self.node.protocol().committed();
        self.engine = Engine::Standby(Box::new(standby));
        self.tell(now, Event::Appended(end), out)?;
        self.tell(now, Event::Durable(end), out)?;
        let deferred = std::mem::take(&mut self.deferred);
        self.carry_out(now, deferred, out)?;
        self.tell(now, Event::Tick, out)
    }

    pub(super) fn journal_moved(
        &mut self,
        now: Moment,
        out: &mut Vec<Output>,
    ) -> Result<(), Fatal> {
        if let Engine::Leading(broker) = &self.engine
            && let Some(stopped @ Stopped::Failed(_)) = broker.stopped()
        {
            return Err(stopped.into());
        }
        self.tell_extent();
        self.tell_all(now, out)
    }

    fn tell_extent(&mut self) {
        let Engine::Leading(broker) = &self.engine else {
            return;
        };
        if !self.flows.is_empty() {
            broker.announce_written();
        }
        let extent = broker.extent();
        let log = self.node.protocol().log();
        if extent.first > log.front {
            self.untold.push_back(Event::Freed(extent.first));
        }
        if extent.written > log.end {
            self.untold.push_back(Event::Appended(extent.written));
        }
        if extent.synced > log.durable {
            self.untold.push_back(Event::Durable(extent.synced));
        }
    }

    /// Segments are freed when nothing else happens, too.
    pub(super) fn tell_first(&mut self, now: Moment, out: &mut Vec<Output>) -> Result<(), Fatal> {
        let first = match &self.engine {
            Engine::Leading(broker) => broker.extent().first,
            Engine::Standby(standby) => standby.first(),
            Engine::Absent | Engine::Stopping => return Ok(()),
        };
        if first > self.node.protocol().log().front {
            self.tell(now, Event::Freed(first), out)?;
        }
        Ok(())
    }

    /// All below is committed.
    pub(super) fn commit(&mut self, committed: Lsn) {
        self.committed = committed;
        if let Engine::Leading(broker) = &self.engine
            && self.rules.holds(Rule::DeliverCommitted)
        {
            broker.hold_durable(committed);
        }
    }

    /// A standby makes something of what is committed.
    pub(super) fn apply(&mut self, now: Moment, out: &mut Vec<Output>) -> Result<(), Fatal> {
        let Engine::Standby(standby) = &mut self.engine else {
            return Ok(());
        };
        let Err(unreadable) = standby.commit(self.committed) else {
            return Ok(());
        };
        // A newer version wrote it. A node that cannot read it must not come to lead.
        self.refuses_until = Some(Moment(u64::MAX));
        self.notice(Notice::Refused(unreadable.to_string()), out);
        self.withdraw(out)?;
        self.tell_all(now, out)
    }

    pub(super) fn keep_journal(&mut self, now: Moment) -> Result<(), Fatal> {
        match &mut self.engine {
            Engine::Standby(standby) => match standby.upkeep() {
                Ok(()) | Err(CheckpointError::Full(_) | CheckpointError::Ahead { .. }) => {}
                Err(CheckpointError::Stopped(stopped)) => return Err(stopped.into()),
            },
            Engine::Leading(_) => self.retain(now)?,
            Engine::Absent | Engine::Stopping => {}
        }
        Ok(())
    }
}
