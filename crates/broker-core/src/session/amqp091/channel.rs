//! One channel: its state, its ordered output, and the methods about itself.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use bytes::BytesMut;
use wire::amqp091::{
    AccessRequestOk, ChannelClose, ChannelCloseOk, ChannelFlow, ChannelFlowOk, ConfirmSelect,
    ConfirmSelectOk, Method, ReplyCode,
};

use super::confirms::Confirms;
use super::connection::Context;
use super::content::{Content, Payload};
use super::fault::Fault;
use super::lane::Lane;
use super::transaction::{Transaction, refused};
use super::unsettled::Unsettled;
use crate::broker::ChannelSlot;
use crate::call::{ConsumerId, Outcome, SharedPrefetch};
use crate::durability::{Promise, Reached};
use crate::journal::Lsn;

/// One channel of a connection.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) number: u16,
    /// Its place among its user's, given back when it goes.
    _slot: ChannelSlot,
    state: State,
    pub(super) lane: Lane,
    pub(super) content: Content,
    /// Present once the client asked for confirms.
    pub(super) confirms: Option<Confirms>,
    /// Present once the client asked for transactions; it never has both.
    pub(super) transaction: Option<Transaction>,
    pub(super) unsettled: Unsettled,
    /// Newest delivery tag.
    pub(super) last_delivery: u64,
    pub(super) consumers: HashMap<Box<str>, ConsumerId>,
    /// The queue declared last, which an empty name stands for.
    pub(super) last_queue: Option<Arc<str>>,
    /// For consumers to come.
    pub(super) prefetch: u16,
    /// For all consumers of the channel together.
    pub(super) shared: Arc<SharedPrefetch>,
    /// It stands in the connection's list of channels that wait.
    listed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// The broker closed it; everything is ignored until `close-ok`.
    Closing,
    /// Closed on both sides; held frames may remain.
    Closed,
}

impl Channel {
    pub(super) fn new(number: u16, slot: ChannelSlot) -> Self {
        Self {
            number,
            _slot: slot,
            state: State::Open,
            lane: Lane::default(),
            content: Content::default(),
            confirms: None,
            transaction: None,
            unsettled: Unsettled::default(),
            last_delivery: 0,
            consumers: HashMap::new(),
            last_queue: None,
            prefetch: 0,
            shared: Arc::default(),
            listed: false,
        }
    }

    /// Only its close-ok is awaited, by one side or the other.
    pub(super) fn is_closing(&self) -> bool {
        self.state != State::Open
    }

    /// Nothing is left to be sent or to come.
    pub(super) fn is_over(&self) -> bool {
        self.state == State::Closed && self.lane.waits_for().is_none()
    }

    /// Its confirms, if the client wants any and hears of them.
    pub(super) fn confirms(&mut self) -> Option<&mut Confirms> {
        self.confirms.as_mut()
    }

    /// Deliveries wait for the client's word, or what it has said for its commit.
    pub(super) fn holds_deliveries(&self) -> bool {
        let open = self.transaction.as_ref();
        !self.unsettled.is_empty() || open.is_some_and(|open| !open.is_empty())
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.lane.held_bytes()
    }

    /// The consumer with this tag.
    pub(super) fn consumer(&self, tag: &str) -> Option<ConsumerId> {
        self.consumers.get(tag).copied()
    }

    /// True once when it begins to hold frames or confirms.
    pub(super) fn starts_waiting(&mut self) -> bool {
        let starts = !self.listed && self.is_waiting();
        self.listed |= starts;
        starts
    }

    /// What the next things to be let go wait for.
    pub(super) fn waits_for(&self) -> impl Iterator<Item = Promise> {
        let confirms = self.confirms.as_ref().and_then(Confirms::waits_for);
        let lane = self.lane.waits_for().map(Promise::durable);
        lane.into_iter().chain(confirms)
    }

    /// Lets go what may go; false when nothing is left. Adds how many publishes were confirmed.
    pub(super) fn release(
        &mut self,
        reached: Reached,
        confirmed: &mut u64,
        out: &mut BytesMut,
    ) -> bool {
        self.lane.release(reached.durable, out);
        if let Some(confirms) = &mut self.confirms
            && confirms.is_due(reached)
        {
            let number = self.number;
            self.lane.send(Lsn(0), reached.durable, out, |out| {
                *confirmed += confirms.release(reached, number, out);
            });
        }
        self.listed = self.is_waiting();
        self.listed
    }

    fn is_waiting(&self) -> bool {
        self.waits_for().next().is_some()
    }

    /// Sends a method in its turn, not before the journal has reached `after`.
    pub(super) fn send<'m>(
        &mut self,
        context: &Context,
        after: Lsn,
        method: impl Into<Method<'m>>,
        out: &mut BytesMut,
    ) {
        let (method, number) = (method.into(), self.number);
        self.lane
            .send(after, context.attachment.durable(), out, |out| {
                method.encode(number, out)
            });
    }

    /// A method while the channel is open.
    pub(super) fn on_method(
        &mut self,
        context: &mut Context,
        method: Method<'_>,
        out: &mut BytesMut,
    ) -> Result<(), Fault> {
        if self.content.is_awaited() {
            return Err(self.content.interrupted());
        }
        match method {
            Method::BasicAck(m) => return self.ack(context, m),
            Method::BasicNack(m) => return self.nack(context, m),
            Method::BasicReject(m) => return self.reject(context, m),
            _ => {}
        }
        // Whoever asks must find everything settled that was settled before.
        context.settlements.flush(&context.attachment);
        match method {
            Method::ChannelFlow(m) => self.flow(context, m, out),
            Method::AccessRequest(_) => {
                self.send(context, Lsn(0), AccessRequestOk { ticket: 1 }, out);
                Ok(())
            }
            Method::ExchangeDeclare(m) => self.declare_exchange(context, &m, out),
            Method::ExchangeDelete(m) => self.delete_exchange(context, m, out),
            Method::ExchangeBind(m) => self.bind_exchange(context, &m, out),
            Method::ExchangeUnbind(m) => self.unbind_exchange(context, &m, out),
            Method::QueueDeclare(m) => self.declare_queue(context, &m, out),
            Method::QueueBind(m) => self.bind_queue(context, &m, out),
            Method::QueueUnbind(m) => self.unbind_queue(context, &m, out),
            Method::QueuePurge(m) => self.purge_queue(context, m, out),
            Method::QueueDelete(m) => self.delete_queue(context, m, out),
            Method::BasicQos(m) => self.qos(context, m, out),
            Method::BasicConsume(m) => self.consume(context, &m, out),
            Method::BasicCancel(m) => self.cancel(context, m, out),
            Method::BasicGet(m) => self.get(context, m, out),
            Method::BasicRecover(m) => self.recover(context, m, out),
            Method::BasicRecoverAsync(m) => self.recover_async(context, m.requeue),
            Method::ConfirmSelect(m) => self.select_confirms(context, m, out),
            Method::TxSelect(_) => self.select_transactions(context, out),
            Method::TxCommit(_) => self.commit(context, out),
            Method::TxRollback(_) => self.roll_back(context, out),
            other => Err(Fault::unexpected_method(other.name())),
        }
    }

    /// A frame with `basic.publish`, this is its payload.
    pub(super) fn on_publish(&mut self, payload: &[u8]) -> Result<(), Fault> {
        if self.is_closing() {
            return Ok(());
        }
        self.content.begin(payload)
    }

    /// A header frame.
    pub(super) fn on_header(&mut self, context: &mut Context, payload: &[u8]) -> Result<(), Fault> {
        if !self.is_closing()
            && let Some(body) = self.content.on_header(context, payload)?
        {
            self.publish(context, body)?;
        }
        Ok(())
    }

    /// A body frame.
    pub(super) fn on_body(
        &mut self,
        context: &mut Context,
        payload: Payload<'_>,
    ) -> Result<(), Fault> {
        if !self.is_closing()
            && let Some(body) = self.content.on_body(context, payload)?
        {
            self.publish(context, body)?;
        }
        Ok(())
    }

    /// A method after `channel.close`; `None` is one that cannot be read.
    pub(super) fn on_closing_method(&mut self, method: Option<Method<'_>>, out: &mut BytesMut) {
        match method {
            Some(Method::ChannelCloseOk(_)) => self.state = State::Closed,
            // Both sides closed at once; the client's close-ok is still to come.
            Some(Method::ChannelClose(_)) => {
                let number = self.number;
                // Behind everything held: no journal position to wait for by itself.
                self.lane.send(Lsn(0), Lsn(0), out, |out| {
                    ChannelCloseOk {}.encode(number, out)
                });
            }
            _ => {}
        }
    }

    /// Ends all consumers on the broker's side; deliveries already made still come.
    pub(super) fn stop_consumers(&self, context: &Context) {
        for &consumer in self.consumers.values() {
            context.attachment.cancel(consumer);
        }
    }

    /// Gives everything back and says the last word: close-ok, or close with the fault.
    pub(super) fn close(
        &mut self,
        context: &mut Context,
        fault: Option<&Fault>,
        out: &mut BytesMut,
    ) {
        for (_, consumer) in self.consumers.drain() {
            context.consumers.remove(consumer);
        }
        if let Some(open) = self.transaction.take() {
            self.unsettled.put_back(open.end(context));
        }
        let settlements = &mut context.settlements;
        self.unsettled
            .take_all(|it| settlements.add(it.queue, it.sequence, Outcome::Requeue));
        settlements.flush(&context.attachment);
        self.content.forget(context);
        self.confirms = None;
        let Some(fault) = fault else {
            self.state = State::Closed;
            return self.send(context, Lsn(0), ChannelCloseOk {}, out);
        };
        self.state = State::Closing;
        let (class_id, method_id) = fault.method;
        let reply_text = fault.reply_text();
        let reply_code = fault.code as u16;
        let close = ChannelClose {
            reply_code,
            reply_text: &reply_text,
            class_id,
            method_id,
        };
        self.send(context, Lsn(0), close, out);
    }

    /// The queue a method names; an empty name stands for the one declared last.
    pub(super) fn queue_name<'n>(&self, name: &'n str) -> Result<Cow<'n, str>, Fault> {
        match &self.last_queue {
            _ if !name.is_empty() => Ok(Cow::Borrowed(name)),
            Some(last) => Ok(Cow::Owned(last.as_ref().to_owned())),
            None => Err(Fault::new(
                ReplyCode::NotFound,
                "no previously declared queue",
            )),
        }
    }

    /// Only consumers could be told to pause, and nobody does: prefetch is the better valve.
    fn flow(
        &mut self,
        context: &Context,
        flow: ChannelFlow,
        out: &mut BytesMut,
    ) -> Result<(), Fault> {
        if !flow.active {
            return Err(Fault::not_implemented("active=false"));
        }
        self.send(context, Lsn(0), ChannelFlowOk { active: true }, out);
        Ok(())
    }

    fn select_confirms(
        &mut self,
        context: &Context,
        select: ConfirmSelect,
        out: &mut BytesMut,
    ) -> Result<(), Fault> {
        if self.transaction.is_some() {
            return Err(refused("cannot switch from tx to confirm mode"));
        }
        self.confirms.get_or_insert_default();
        if !select.no_wait {
            self.send(context, Lsn(0), ConfirmSelectOk {}, out);
        }
        Ok(())
    }
}
