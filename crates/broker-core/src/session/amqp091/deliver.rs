//! From the outbox to frames.

use std::mem;

use bytes::{BufMut as _, BytesMut};
use wire::amqp091::{BasicCancel, FRAME_END, ReplyCode, body_piece_max, encode_body_heading};

use super::channel::Channel;
use super::connection::{Connection, Context};
use super::consumers::Consumer;
use super::fault::Fault;
use super::unsettled::Delivered;
use crate::call::{ConsumerId, Delivery, Outcome};
use crate::journal::Lsn;
use crate::outbox::Event;
use crate::session::Output;

/// Bodies from this size on are not copied to the output: the system takes them from where they are.
const ATTACHED_BODY_BYTES: usize = 8 * 1024;

impl Connection {
    /// Turns everything the outbox holds into frames. It holds no more than its limit.
    pub(super) fn deliver(&mut self, out: &mut Output) -> Result<(), Fault> {
        let mut events = mem::take(&mut self.events);
        self.context.attachment.outbox().drain(&mut events);
        let mut result = Ok(());
        let durable = self.context.attachment.durable();
        let mut count = 0;
        for event in events.drain(..) {
            match event {
                Event::Deliver(delivery) => {
                    count += 1;
                    self.on_delivery(&delivery, durable, out);
                }
                Event::ConsumerCancelled(consumer) => self.on_cancelled(consumer, out.buffer()),
                Event::Close(reason) => {
                    result = Err(Fault::new(ReplyCode::ConnectionForced, reason));
                }
            }
        }
        self.events = events;
        self.context.attachment.tally().delivered.add(count);
        self.context.settlements.flush(&self.context.attachment);
        result
    }

    fn on_delivery(&mut self, delivery: &Delivery, durable: Lsn, out: &mut Output) {
        let Context {
            consumers,
            tuning,
            settlements,
            patience,
            ..
        } = &mut self.context;
        let consumer = delivery.consumer.and_then(|id| consumers.get_mut(id));
        let target = consumer.and_then(|consumer| {
            self.channels
                .get_mut(consumer.channel)
                .map(|channel| (consumer, channel))
        });
        match target {
            Some((consumer, channel)) => {
                let since_s = match consumer.auto_settle {
                    true => 0,
                    false => patience.begin(),
                };
                let frame_max = tuning.frame_max_bytes;
                channel.deliver(consumer, delivery, durable, frame_max, since_s, out);
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
        channel.end_replies(&consumer.tag);
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
        consumer: &mut Consumer,
        delivery: &Delivery,
        durable: Lsn,
        frame_max: u32,
        since_s: u32,
        out: &mut Output,
    ) {
        self.last_delivery += 1;
        if !consumer.auto_settle {
            self.unsettled.push(Delivered {
                tag: self.last_delivery,
                queue: delivery.queue,
                sequence: delivery.sequence,
                since_s,
            });
        }
        let (envelope, body) = (delivery.envelope(), &delivery.message.body);
        let (number, tag, again) = (self.number, self.last_delivery, delivery.redelivered);
        let template = consumer.template(&envelope);
        match body.shared() {
            Some(body) if body.len() >= ATTACHED_BODY_BYTES && self.lane.is_clear() => {
                template.encode_head(tag, again, body.len(), out.buffer());
                let piece_max = body_piece_max(frame_max);
                for start in (0..body.len()).step_by(piece_max) {
                    let piece = body.slice(start..body.len().min(start + piece_max));
                    encode_body_heading(number, piece.len(), out.buffer());
                    out.attach(piece);
                    out.buffer().put_u8(FRAME_END);
                }
            }
            _ => self.lane.send(Lsn(0), durable, out.buffer(), |out| {
                template.encode(number, tag, again, body, frame_max, out);
            }),
        }
        consumer.sent(&envelope);
    }
}
