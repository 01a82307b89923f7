//! From the outbox to frames.

use std::mem;

use bytes::BytesMut;
use wire::amqp091::{BasicCancel, BasicDeliver, ReplyCode, encode_delivery};

use super::channel::Channel;
use super::connection::{Connection, Context};
use super::consumers::Consumer;
use super::fault::Fault;
use crate::call::{ConsumerId, Delivery, Outcome};
use crate::journal::Lsn;
use crate::message::Properties;
use crate::outbox::Event;

impl Connection {
    /// Turns everything the outbox holds into frames. It holds no more than its limit.
    pub(super) fn deliver(&mut self, out: &mut BytesMut) -> Result<(), Fault> {
        let mut events = mem::take(&mut self.events);
        self.context.attachment.outbox().drain(&mut events);
        let mut result = Ok(());
        for event in events.drain(..) {
            match event {
                Event::Deliver(delivery) => self.on_delivery(&delivery, out),
                Event::ConsumerCancelled(consumer) => self.on_cancelled(consumer, out),
                Event::Close(reason) => {
                    result = Err(Fault::new(ReplyCode::ConnectionForced, reason));
                }
            }
        }
        self.events = events;
        self.context.settlements.flush(&self.context.attachment);
        result
    }

    fn on_delivery(&mut self, delivery: &Delivery, out: &mut BytesMut) {
        let Context {
            consumers,
            attachment,
            tuning,
            settlements,
            ..
        } = &mut self.context;
        let consumer = delivery.consumer.and_then(|id| consumers.get(id));
        let target = consumer.and_then(|consumer| {
            self.channels
                .get_mut(consumer.channel)
                .map(|channel| (consumer, channel))
        });
        match target {
            Some((consumer, channel)) => {
                let durable = attachment.durable();
                channel.deliver(consumer, delivery, durable, tuning.frame_max_bytes, out);
            }
            // Its consumer is gone: the message goes back.
            None => settlements.add(delivery.queue, delivery.sequence, Outcome::Requeue),
        }
    }

    fn on_cancelled(&mut self, id: ConsumerId, out: &mut BytesMut) {
        let Some(consumer) = self.context.consumers.remove(id) else {
            return;
        };
        self.context.attachment.cancel(id);
        let Some(channel) = self.channels.get_mut(consumer.channel) else {
            return;
        };
        channel.consumers.remove(&consumer.tag);
        if self.context.client.consumer_cancel_notify {
            let cancel = BasicCancel {
                consumer_tag: &consumer.tag,
                no_wait: true,
            };
            channel.send(&self.context, Lsn(0), cancel, out);
        }
    }
}

impl Channel {
    /// Gives the delivery its tag and sends it.
    fn deliver(
        &mut self,
        consumer: &Consumer,
        delivery: &Delivery,
        durable: Lsn,
        frame_max_bytes: u32,
        out: &mut BytesMut,
    ) {
        self.last_delivery += 1;
        if !consumer.auto_settle {
            self.unsettled
                .push(self.last_delivery, delivery.queue, delivery.sequence);
        }
        let (number, message) = (self.number, &delivery.message);
        let Properties::Amqp091(properties) = &message.properties;
        let deliver = BasicDeliver {
            consumer_tag: &consumer.tag,
            delivery_tag: self.last_delivery,
            redelivered: delivery.redelivered,
            exchange: &message.exchange,
            routing_key: &message.routing_key,
        };
        self.lane.send(Lsn(0), durable, out, |out| {
            encode_delivery(
                number,
                &deliver,
                properties,
                &message.body,
                frame_max_bytes,
                out,
            );
        });
    }
}
