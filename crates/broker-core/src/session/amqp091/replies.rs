//! Direct reply-to: answers without a queue of one's own.
//!
//! A client consumes from the name `amq.rabbitmq.reply-to` and publishes requests that name it as
//! where answers should go. The broker gives the consumer an address and puts that into the channel's
//! requests; an answer is an ordinary publish to the default exchange. While the consumer is there, it
//! is one that reaches a queue; afterwards, one that reaches none.

use std::sync::Arc;

use bytes::BytesMut;
use wire::amqp091::{
    BasicConsume, BasicConsumeOk, BasicPublish, Properties, QueueDeclare, QueueDeclareOk, ReplyCode,
};

use super::channel::Channel;
use super::connection::Context;
use super::consumers::Consumer;
use super::fault::Fault;
use crate::journal::Lsn;
use crate::names::REPLY_TO;

/// The answers of one channel.
#[derive(Debug)]
pub(super) struct Replies {
    /// The consumer that gets them.
    tag: Box<str>,
    address: Arc<str>,
}

impl Channel {
    /// Attaches a consumer of answers to requests of this channel, of which there is one at most.
    pub(super) fn consume_replies(
        &mut self,
        context: &mut Context,
        method: &BasicConsume<'_>,
        tag: &str,
        out: &mut BytesMut,
    ) -> Result<(), Fault> {
        if !method.no_ack {
            return Err(refused("reply consumer cannot acknowledge"));
        }
        if self.content.replies().is_some() {
            return Err(refused("reply consumer already set"));
        }
        let consumer = Consumer::new(self.number, tag, true);
        let consumer = context.consumers.add(consumer);
        let address = context.attachment.consume_replies(consumer);
        let address = address.inspect_err(|_| drop(context.consumers.remove(consumer)))?;
        let tag: Box<str> = tag.into();
        if !method.no_wait {
            self.send(context, Lsn(0), BasicConsumeOk { consumer_tag: &tag }, out);
        }
        self.consumers.insert(tag.clone(), consumer);
        self.content.set_replies(Some(Replies { tag, address }));
        Ok(())
    }

    /// A consumer is gone; it may be the one that got the answers.
    pub(super) fn end_replies(&mut self, tag: &str) {
        let replies = self.content.replies();
        if replies.is_some_and(|replies| *replies.tag == *tag) {
            self.content.set_replies(None);
        }
    }

    /// Says whether somebody waits for answers: no message is ever kept for him.
    pub(super) fn declare_replies(
        &mut self,
        context: &Context,
        method: &QueueDeclare<'_>,
        out: &mut BytesMut,
    ) -> Result<(), Fault> {
        let queue = method.queue;
        let attachment = &context.attachment;
        if !attachment.is_reply_address(queue) {
            let text = format_args!("no queue '{queue}' in vhost '{}'", attachment.vhost());
            return Err(Fault::new(ReplyCode::NotFound, text));
        }
        if !method.no_wait {
            let ok = QueueDeclareOk {
                queue,
                message_count: 0,
                consumer_count: 1,
            };
            self.send(context, Lsn(0), ok, out);
        }
        Ok(())
    }
}

/// Puts the channel's address into a request for answers; true if it is one.
pub(super) fn address<'a>(
    properties: &mut Properties<'a>,
    replies: Option<&'a Replies>,
) -> Result<bool, Fault> {
    if properties.reply_to != Some(REPLY_TO.as_bytes()) {
        return Ok(false);
    }
    let Some(replies) = replies else {
        return Err(refused("fast reply consumer does not exist").of(BasicPublish::IDS));
    };
    properties.reply_to = Some(replies.address.as_bytes());
    Ok(true)
}

fn refused(why: &str) -> Fault {
    Fault::new(ReplyCode::PreconditionFailed, why)
}
