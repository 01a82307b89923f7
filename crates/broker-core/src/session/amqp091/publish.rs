//! Publishing a message that has arrived whole.

use bytes::{Bytes, BytesMut};
use wire::amqp091::{BasicPublish, BasicReturn, ReplyCode, encode_content};

use super::channel::Channel;
use super::connection::Context;
use super::fault::Fault;
use crate::call::{Publish, Published};
use crate::durability::Promise;
use crate::journal::Lsn;
use crate::message::{Message, Properties};
use crate::refusal::Reason;

impl Channel {
    /// Publishes what the channel has assembled. A mandatory message that reaches no queue comes
    /// back, and its return leaves before its confirm.
    pub(super) fn publish(
        &mut self,
        context: &mut Context,
        body: Bytes,
        out: &mut BytesMut,
    ) -> Result<(), Fault> {
        let published = context.attachment.publish(Publish {
            exchange: &self.content.exchange,
            routing_key: &self.content.routing_key,
            properties: Properties::Amqp091(self.content.properties.clone()),
            body,
            persistent: self.content.persistent,
        });
        let after = match published {
            Ok(Published::Routed(after)) => after,
            Ok(Published::Unroutable(message)) => {
                if self.content.mandatory {
                    self.give_back(context, &message, out);
                }
                Promise::KEPT
            }
            Err(refusal) => {
                // A broker that cannot take a message now says so by a nack where it can.
                let passing = matches!(
                    refusal.reason,
                    Reason::ResourceExhausted | Reason::Unavailable
                );
                if let Some(confirms) = &mut self.confirms
                    && passing
                {
                    confirms.refuse();
                    return Ok(());
                }
                return Err(Fault::from(refusal).of(BasicPublish::IDS));
            }
        };
        if let Some(confirms) = &mut self.confirms {
            confirms.accept(after);
        }
        Ok(())
    }

    fn give_back(&mut self, context: &Context, message: &Message, out: &mut BytesMut) {
        let number = self.number;
        let Properties::Amqp091(properties) = &message.properties;
        self.lane
            .send(Lsn(0), context.attachment.durable(), out, |out| {
                let back = BasicReturn {
                    reply_code: ReplyCode::NoRoute as u16,
                    reply_text: ReplyCode::NoRoute.name(),
                    exchange: &message.exchange,
                    routing_key: &message.routing_key,
                };
                back.encode(number, out);
                let frame_max = context.tuning.frame_max_bytes;
                encode_content(number, properties, &message.body, frame_max, out);
            });
    }
}
