//! `basic.ack`, `basic.nack`, `basic.reject`, `basic.recover`.

use bytes::BytesMut;
use wire::amqp091::{BasicAck, BasicNack, BasicRecover, BasicRecoverOk, BasicReject, ReplyCode};

use super::channel::Channel;
use super::connection::Context;
use super::fault::Fault;
use super::unsettled::Delivered;
use crate::call::Outcome;
use crate::journal::Lsn;

impl Channel {
    pub(super) fn ack(&mut self, context: &mut Context, method: BasicAck) -> Result<(), Fault> {
        self.settle(
            context,
            method.delivery_tag,
            method.multiple,
            Outcome::Accept,
        )
    }

    pub(super) fn nack(&mut self, context: &mut Context, method: BasicNack) -> Result<(), Fault> {
        self.settle(
            context,
            method.delivery_tag,
            method.multiple,
            refusal(method.requeue),
        )
    }

    pub(super) fn reject(
        &mut self,
        context: &mut Context,
        method: BasicReject,
    ) -> Result<(), Fault> {
        self.settle(context, method.delivery_tag, false, refusal(method.requeue))
    }

    /// Gives all unsettled deliveries of the channel back to their queues.
    pub(super) fn recover(
        &mut self,
        context: &mut Context,
        method: BasicRecover,
        out: &mut BytesMut,
    ) -> Result<(), Fault> {
        self.recover_async(context, method.requeue)?;
        self.send(context, Lsn(0), BasicRecoverOk {}, out);
        Ok(())
    }

    /// As [`Self::recover`], without an answer.
    pub(super) fn recover_async(
        &mut self,
        context: &mut Context,
        requeue: bool,
    ) -> Result<(), Fault> {
        if !requeue {
            return Err(Fault::not_implemented("requeue=false"));
        }
        let settlements = &mut context.settlements;
        self.unsettled
            .take_all(|it| settlements.add(it.queue, it.sequence, Outcome::Requeue));
        settlements.flush(&context.attachment);
        Ok(())
    }

    /// Notes settlements; the broker is told at the end of the turn, or with the transaction. Tag 0 with `multiple` means
    /// all there are.
    fn settle(
        &mut self,
        context: &mut Context,
        tag: u64,
        multiple: bool,
        outcome: Outcome,
    ) -> Result<(), Fault> {
        let Self {
            unsettled,
            transaction,
            ..
        } = self;
        let mut grown = Ok(());
        let mut add = |it: Delivered| match transaction {
            None => context.settlements.add(it.queue, it.sequence, outcome),
            Some(open) => {
                let settled = open.settle(context, it, outcome);
                if grown.is_ok() {
                    grown = settled;
                }
            }
        };
        let known = match (tag, multiple) {
            (0, true) => {
                unsettled.take_all(add);
                true
            }
            (_, true) => unsettled.take_through(tag, add),
            (_, false) => unsettled.take(tag).map(&mut add).is_some(),
        };
        grown?;
        if known {
            return Ok(());
        }
        Err(Fault::new(
            ReplyCode::PreconditionFailed,
            format_args!("unknown delivery tag {tag}"),
        ))
    }
}

fn refusal(requeue: bool) -> Outcome {
    if requeue {
        Outcome::Requeue
    } else {
        Outcome::Reject
    }
}
