//! `tx.*`: publishes and settlements of a channel that take effect together, when it commits.
//!
//! Until then they wait here, within the bounds of [`Limits::transaction_bytes`] for all channels of
//! a connection. What cannot become part of a transaction, a publish to an exchange that is not
//! there for one, is refused at once. After a rollback, and when the channel closes, what was settled
//! is unsettled again.
//!
//! [`Limits::transaction_bytes`]: crate::limits::Limits::transaction_bytes

use std::mem;

use bytes::BytesMut;
use wire::amqp091::{BasicPublish, ReplyCode, TxCommitOk, TxRollbackOk, TxSelectOk};

use super::channel::Channel;
use super::connection::Context;
use super::fault::Fault;
use super::settlements::Settlements;
use super::unsettled::Delivered;
use crate::account::Hold;
use crate::broker::{Committed, Uncommitted};
use crate::call::{Outcome, Publish};
use crate::journal::Lsn;

/// What a channel's client has said since its last commit or rollback.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    publishes: Vec<Publish>,
    /// Which of them come back if they reach no queue.
    mandatory: Vec<bool>,
    /// Their shares of the broker's memory.
    holds: Vec<Hold>,
    settled: Vec<(Delivered, Outcome)>,
    /// What it takes of the connection's room for transactions.
    bytes: usize,
}

/// Bytes that a publish and a settlement take beside what they say.
const PUBLISH_BYTES: usize = 256;
const SETTLED_BYTES: usize = size_of::<(Delivered, Outcome)>();

impl Transaction {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Takes a publish in.
    pub(super) fn publish(
        &mut self,
        context: &mut Context,
        publish: Publish,
        mandatory: bool,
    ) -> Result<(), Fault> {
        let bytes = publish.envelope.size_bytes() + publish.body.len();
        let held = context.attachment.hold_back(&publish);
        let hold = held.map_err(|refusal| Fault::from(refusal).of(BasicPublish::IDS))?;
        self.grow(context, bytes + PUBLISH_BYTES)?;
        self.publishes.push(publish);
        self.mandatory.push(mandatory);
        self.holds.push(hold);
        Ok(())
    }

    /// Takes a settlement in.
    pub(super) fn settle(
        &mut self,
        context: &mut Context,
        delivered: Delivered,
        outcome: Outcome,
    ) -> Result<(), Fault> {
        self.settled.push((delivered, outcome));
        self.grow(context, SETTLED_BYTES)
    }

    /// Ends it without effect, and gives back what it had settled.
    pub(super) fn end(self, context: &mut Context) -> impl Iterator<Item = Delivered> {
        context.transaction_bytes -= self.bytes;
        self.settled.into_iter().map(|(delivered, _)| delivered)
    }

    fn grow(&mut self, context: &mut Context, bytes: usize) -> Result<(), Fault> {
        self.bytes += bytes;
        context.transaction_bytes += bytes;
        let most = context.attachment.broker().limits().transaction_bytes;
        if context.transaction_bytes <= most {
            return Ok(());
        }
        Err(refused(format_args!(
            "open transactions of this connection exceed {most} bytes"
        )))
    }
}

impl Channel {
    pub(super) fn select_transactions(
        &mut self,
        context: &Context,
        out: &mut BytesMut,
    ) -> Result<(), Fault> {
        if self.confirms.is_some() {
            return Err(refused("cannot switch from confirm to tx mode"));
        }
        self.transaction.get_or_insert_default();
        self.send(context, Lsn(0), TxSelectOk {}, out);
        Ok(())
    }

    /// Has everything take effect. The answer waits until the disk has it; the next transaction does
    /// not. If the journal has to prepare a segment first, the method is to be put back.
    pub(super) fn commit(
        &mut self,
        context: &mut Context,
        out: &mut BytesMut,
    ) -> Result<(), Fault> {
        let Some(open) = &self.transaction else {
            return Err(not_transactional());
        };
        let mut settles = Settlements::default();
        for (delivered, outcome) in &open.settled {
            settles.add(delivered.queue, delivered.sequence, *outcome);
        }
        let committed = context.attachment.commit(&open.publishes, settles.groups());
        let Committed { lsn, unroutable } = match committed {
            Ok(committed) => committed,
            Err(Uncommitted::NotYet) => {
                context.put_back = true;
                return Ok(());
            }
            Err(Uncommitted::Refused(refusal)) => return Err(refusal.into()),
        };
        let done = self.transaction.replace(Transaction::default());
        if let Some(done) = done {
            context.transaction_bytes -= done.bytes;
            let back = unroutable.into_iter().filter(|at| done.mandatory[*at]);
            back.for_each(|at| self.give_back(context, &done.publishes[at], out));
        }
        self.send(context, lsn, TxCommitOk {}, out);
        Ok(())
    }

    pub(super) fn roll_back(
        &mut self,
        context: &mut Context,
        out: &mut BytesMut,
    ) -> Result<(), Fault> {
        let Some(open) = &mut self.transaction else {
            return Err(not_transactional());
        };
        let settled = mem::take(open).end(context);
        self.unsettled.put_back(settled);
        self.send(context, Lsn(0), TxRollbackOk {}, out);
        Ok(())
    }
}

pub(super) fn refused(why: impl std::fmt::Display) -> Fault {
    Fault::new(ReplyCode::PreconditionFailed, why)
}

fn not_transactional() -> Fault {
    refused("channel is not transactional")
}
