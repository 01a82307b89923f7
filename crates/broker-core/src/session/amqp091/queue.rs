//! `queue.*`.

use std::sync::Arc;

use bytes::BytesMut;
use wire::amqp091::{
    QueueBind, QueueBindOk, QueueDeclare, QueueDeclareOk, QueueDelete, QueueDeleteOk, QueuePurge,
    QueuePurgeOk, QueueUnbind, QueueUnbindOk,
};

use super::channel::Channel;
use super::connection::Context;
use super::fault::Fault;
use crate::call::{Bind, DeclareQueue, Destination};
use crate::field_table::arguments;
use crate::names::REPLY_TO;

impl Channel {
    pub(super) fn declare_queue(
        &mut self,
        context: &Context,
        method: &QueueDeclare<'_>,
        out: &mut BytesMut,
    ) -> Result<(), Fault> {
        if method.queue.starts_with(REPLY_TO) {
            return self.declare_replies(context, method, out);
        }
        // An empty name makes a new queue, but cannot check for one.
        let last = if method.passive {
            Some(self.queue_name(method.queue)?)
        } else {
            None
        };
        let declared = context.attachment.declare_queue(&DeclareQueue {
            name: last.as_deref().unwrap_or(method.queue),
            passive: method.passive,
            durable: method.durable,
            exclusive: method.exclusive,
            auto_delete: method.auto_delete,
            arguments: arguments(method.arguments)?,
        })?;
        self.last_queue = Some(Arc::clone(&declared.name));
        if !method.no_wait {
            let ok = QueueDeclareOk {
                queue: &declared.name,
                message_count: declared.messages,
                consumer_count: declared.consumers,
            };
            self.send(context, declared.lsn, ok, out);
        }
        Ok(())
    }

    pub(super) fn bind_queue(
        &mut self,
        context: &Context,
        method: &QueueBind<'_>,
        out: &mut BytesMut,
    ) -> Result<(), Fault> {
        let queue = self.queue_name(method.queue)?;
        // With neither queue nor key named, the queue's name is the key as well.
        let shortcut = method.queue.is_empty() && method.routing_key.is_empty();
        let after = context.attachment.bind(&Bind {
            source: method.exchange,
            destination: Destination::Queue(&queue),
            routing_key: if shortcut { &queue } else { method.routing_key },
            arguments: arguments(method.arguments)?,
        })?;
        if !method.no_wait {
            self.send(context, after, QueueBindOk {}, out);
        }
        Ok(())
    }

    pub(super) fn unbind_queue(
        &mut self,
        context: &Context,
        method: &QueueUnbind<'_>,
        out: &mut BytesMut,
    ) -> Result<(), Fault> {
        let queue = self.queue_name(method.queue)?;
        let shortcut = method.queue.is_empty() && method.routing_key.is_empty();
        let after = context.attachment.unbind(&Bind {
            source: method.exchange,
            destination: Destination::Queue(&queue),
            routing_key: if shortcut { &queue } else { method.routing_key },
            arguments: arguments(method.arguments)?,
        })?;
        self.send(context, after, QueueUnbindOk {}, out);
        Ok(())
    }

    pub(super) fn purge_queue(
        &mut self,
        context: &Context,
        method: QueuePurge<'_>,
        out: &mut BytesMut,
    ) -> Result<(), Fault> {
        let queue = self.queue_name(method.queue)?;
        let (message_count, after) = context.attachment.purge_queue(&queue)?;
        if !method.no_wait {
            self.send(context, after, QueuePurgeOk { message_count }, out);
        }
        Ok(())
    }

    pub(super) fn delete_queue(
        &mut self,
        context: &Context,
        method: QueueDelete<'_>,
        out: &mut BytesMut,
    ) -> Result<(), Fault> {
        let queue = self.queue_name(method.queue)?;
        let (message_count, after) =
            context
                .attachment
                .delete_queue(&queue, method.if_unused, method.if_empty)?;
        if !method.no_wait {
            self.send(context, after, QueueDeleteOk { message_count }, out);
        }
        Ok(())
    }
}
