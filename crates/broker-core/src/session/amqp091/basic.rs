//! `basic.*` on the consuming side: qos, consume, cancel, get.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::BytesMut;
use wire::amqp091::{
    BasicCancel, BasicCancelOk, BasicConsume, BasicConsumeOk, BasicGet, BasicGetEmpty, BasicGetOk,
    BasicQos, BasicQosOk, ReplyCode, encode_content,
};

use super::channel::Channel;
use super::connection::Context;
use super::consumers::Consumer;
use super::fault::Fault;
use super::unsettled::Delivered;
use crate::call::Consume;
use crate::field_table::arguments;
use crate::journal::Lsn;
use crate::message::Properties;
use crate::names::REPLY_TO;

impl Channel {
    /// Limits unsettled deliveries: of consumers to come, or of the whole channel when global,
    /// which is RabbitMQ's reading of the specification.
    pub(super) fn qos(
        &mut self,
        context: &Context,
        method: BasicQos,
        out: &mut BytesMut,
    ) -> Result<(), Fault> {
        if method.prefetch_size != 0 {
            return Err(Fault::not_implemented(format_args!(
                "prefetch_size!=0 ({})",
                method.prefetch_size
            )));
        }
        if method.global {
            self.shared
                .limit
                .store(method.prefetch_count.into(), Ordering::Release);
            context.attachment.prefetch_changed();
        } else {
            self.prefetch = method.prefetch_count;
        }
        self.send(context, Lsn(0), BasicQosOk {}, out);
        Ok(())
    }

    pub(super) fn consume(
        &mut self,
        context: &mut Context,
        method: &BasicConsume<'_>,
        out: &mut BytesMut,
    ) -> Result<(), Fault> {
        let tag = match method.consumer_tag {
            "" => Cow::Owned(context.consumers.free_tag(context.attachment.id())),
            given => Cow::Borrowed(given),
        };
        if self.consumers.contains_key(tag.as_ref()) {
            return Err(Fault::new(
                ReplyCode::NotAllowed,
                format_args!("attempt to reuse consumer tag '{tag}'"),
            ));
        }
        if method.queue == REPLY_TO {
            return self.consume_replies(context, method, &tag, out);
        }
        let queue = self.queue_name(method.queue)?;
        let arguments = arguments(method.arguments)?;
        let consumer = Consumer::new(self.number, &tag, method.no_ack);
        let consumer = context.consumers.add(consumer);
        let consumed = context.attachment.consume(&Consume {
            queue: &queue,
            consumer,
            auto_settle: method.no_ack,
            exclusive: method.exclusive,
            prefetch: self.prefetch.into(),
            shared: Some(Arc::clone(&self.shared)),
            arguments,
        });
        if let Err(refusal) = consumed {
            context.consumers.remove(consumer);
            return Err(refusal.into());
        }
        // Deliveries may wait in the outbox by now; they leave at the end of the turn, behind this.
        if !method.no_wait {
            self.send(context, Lsn(0), BasicConsumeOk { consumer_tag: &tag }, out);
        }
        self.consumers.insert(tag.as_ref().into(), consumer);
        Ok(())
    }

    /// The connection has ended the consumer already and let its deliveries out.
    pub(super) fn cancel(
        &mut self,
        context: &mut Context,
        method: BasicCancel<'_>,
        out: &mut BytesMut,
    ) -> Result<(), Fault> {
        if let Some(consumer) = self.consumers.remove(method.consumer_tag) {
            context.consumers.remove(consumer);
            self.end_replies(method.consumer_tag);
        }
        if !method.no_wait {
            let ok = BasicCancelOk {
                consumer_tag: method.consumer_tag,
            };
            self.send(context, Lsn(0), ok, out);
        }
        Ok(())
    }

    pub(super) fn get(
        &mut self,
        context: &mut Context,
        method: BasicGet<'_>,
        out: &mut BytesMut,
    ) -> Result<(), Fault> {
        let queue = self.queue_name(method.queue)?;
        let Some((delivery, message_count)) = context.attachment.get(&queue, method.no_ack)? else {
            self.send(context, Lsn(0), BasicGetEmpty::default(), out);
            return Ok(());
        };
        self.last_delivery += 1;
        if !method.no_ack {
            self.unsettled.push(Delivered {
                tag: self.last_delivery,
                queue: delivery.queue,
                sequence: delivery.sequence,
                since_s: context.patience.begin(),
            });
        }
        let (number, message) = (self.number, &delivery.message);
        let envelope = delivery.envelope();
        let Properties::Amqp091(properties) = &envelope.properties;
        let ok = BasicGetOk {
            delivery_tag: self.last_delivery,
            redelivered: delivery.redelivered,
            exchange: &envelope.exchange,
            routing_key: &envelope.routing_key,
            message_count,
        };
        // A message still on its way to the disk is spoken for, but not shown before it is there.
        self.lane
            .send(message.lsn, context.attachment.durable(), out, |out| {
                ok.encode(number, out);
                let frame_max = context.tuning.frame_max_bytes;
                encode_content(number, properties, &message.body, frame_max, out);
            });
        Ok(())
    }
}
