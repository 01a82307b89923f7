//! Publishing messages that have arrived whole.

use bytes::BytesMut;
use wire::amqp091::{BasicPublish, BasicReturn, ReplyCode, encode_content};

use super::channel::Channel;
use super::connection::{Connection, Context};
use super::fault::Fault;
use super::publishes::{Origin, Publishes};
use crate::call::{Publish, Published};
use crate::durability::Promise;
use crate::journal::Lsn;
use crate::message::{Body, Properties};
use crate::refusal::{Reason, Refusal};
use crate::session::Output;

impl Connection {
    /// Tells the broker of the publishes gathered, and their channels what became of them.
    pub(super) fn flush_publishes(&mut self, out: &mut Output) -> Result<(), Fault> {
        while !self.context.publishes.is_empty() {
            let Context {
                publishes,
                attachment,
                ..
            } = &mut self.context;
            let Publishes { batch, told, .. } = publishes;
            let refused = attachment.publish(batch, told).err();
            self.tell(out.buffer());
            if let Some(refusal) = refused {
                self.on_refused(refusal, out)?;
            }
        }
        Ok(())
    }

    fn tell(&mut self, out: &mut BytesMut) {
        let mut told = std::mem::take(&mut self.context.publishes.told);
        for published in told.drain(..) {
            let Some(origin) = self.context.publishes.origins.pop_front() else {
                break;
            };
            if let Some(channel) = self.channels.get_mut(origin.channel) {
                channel.on_published(&self.context, published, origin.mandatory, out);
                if channel.starts_waiting() {
                    self.waiting.push(origin.channel);
                }
            }
        }
        self.context.publishes.told = told;
    }

    /// The broker does not take the next publish.
    fn on_refused(&mut self, refusal: Refusal, out: &mut Output) -> Result<(), Fault> {
        let Some(Origin { channel, .. }) = self.context.publishes.origins.pop_front() else {
            return Ok(());
        };
        // A broker that cannot take a message now says so by a nack where it can.
        let passing = matches!(
            refusal.reason,
            Reason::ResourceExhausted | Reason::Unavailable
        );
        let confirms = self.channels.get_mut(channel).and_then(Channel::confirms);
        if let Some(confirms) = confirms
            && passing
        {
            confirms.refuse();
            self.note_waiting(channel);
            return Ok(());
        }
        self.context.publishes.forget(channel);
        let fault = Fault::from(refusal).of(BasicPublish::IDS);
        self.close_channel(channel, Some(&fault), out)
    }
}

impl Channel {
    /// Gathers what the channel has assembled.
    pub(super) fn publish(&mut self, context: &mut Context, body: Body) -> Result<(), Fault> {
        let publish = Publish {
            envelope: self.content.envelope(),
            body,
        };
        if let Some(open) = &mut self.transaction {
            return open.publish(context, publish, self.content.mandatory);
        }
        let origin = Origin {
            channel: self.number,
            mandatory: self.content.mandatory,
        };
        context.publishes.add(publish, origin);
        Ok(())
    }

    /// A mandatory message that reaches no queue comes back, and its return leaves before its
    /// confirm.
    fn on_published(
        &mut self,
        context: &Context,
        published: Published,
        mandatory: bool,
        out: &mut BytesMut,
    ) {
        let after = match published {
            Published::Routed(after) => after,
            Published::Refused => {
                if let Some(confirms) = &mut self.confirms {
                    confirms.refuse();
                }
                return;
            }
            Published::Unroutable(publish) => {
                if mandatory {
                    self.give_back(context, &publish, out);
                }
                Promise::KEPT
            }
        };
        if let Some(confirms) = &mut self.confirms {
            confirms.accept(after);
        }
    }

    pub(super) fn give_back(&mut self, context: &Context, publish: &Publish, out: &mut BytesMut) {
        context.attachment.tally().returned.add(1);
        let number = self.number;
        let Publish { envelope, body } = publish;
        let Properties::Amqp091(properties) = &envelope.properties;
        self.lane
            .send(Lsn(0), context.attachment.durable(), out, |out| {
                let back = BasicReturn {
                    reply_code: ReplyCode::NoRoute as u16,
                    reply_text: ReplyCode::NoRoute.name(),
                    exchange: &envelope.exchange,
                    routing_key: &envelope.routing_key,
                };
                back.encode(number, out);
                let frame_max = context.tuning.frame_max_bytes;
                encode_content(number, properties, body, frame_max, out);
            });
    }
}
