//! `exchange.*`.

use bytes::BytesMut;
use wire::amqp091::{
    ExchangeBind, ExchangeBindOk, ExchangeDeclare, ExchangeDeclareOk, ExchangeDelete,
    ExchangeDeleteOk, ExchangeUnbind, ExchangeUnbindOk,
};

use super::channel::Channel;
use super::connection::Context;
use super::fault::Fault;
use crate::call::{Bind, DeclareExchange, Destination};
use crate::field_table::arguments;

impl Channel {
    pub(super) fn declare_exchange(
        &mut self,
        context: &Context,
        method: &ExchangeDeclare<'_>,
        out: &mut BytesMut,
    ) -> Result<(), Fault> {
        let after = context.attachment.declare_exchange(&DeclareExchange {
            name: method.exchange,
            kind: method.kind,
            passive: method.passive,
            durable: method.durable,
            auto_delete: method.auto_delete,
            internal: method.internal,
            arguments: arguments(method.arguments)?,
        })?;
        if !method.no_wait {
            self.send(context, after, ExchangeDeclareOk {}, out);
        }
        Ok(())
    }

    pub(super) fn delete_exchange(
        &mut self,
        context: &Context,
        method: ExchangeDelete<'_>,
        out: &mut BytesMut,
    ) -> Result<(), Fault> {
        let after = context
            .attachment
            .delete_exchange(method.exchange, method.if_unused)?;
        if !method.no_wait {
            self.send(context, after, ExchangeDeleteOk {}, out);
        }
        Ok(())
    }

    pub(super) fn bind_exchange(
        &mut self,
        context: &Context,
        method: &ExchangeBind<'_>,
        out: &mut BytesMut,
    ) -> Result<(), Fault> {
        let after = context.attachment.bind(&Bind {
            source: method.source,
            destination: Destination::Exchange(method.destination),
            routing_key: method.routing_key,
            arguments: arguments(method.arguments)?,
        })?;
        if !method.no_wait {
            self.send(context, after, ExchangeBindOk {}, out);
        }
        Ok(())
    }

    pub(super) fn unbind_exchange(
        &mut self,
        context: &Context,
        method: &ExchangeUnbind<'_>,
        out: &mut BytesMut,
    ) -> Result<(), Fault> {
        let after = context.attachment.unbind(&Bind {
            source: method.source,
            destination: Destination::Exchange(method.destination),
            routing_key: method.routing_key,
            arguments: arguments(method.arguments)?,
        })?;
        if !method.no_wait {
            self.send(context, after, ExchangeUnbindOk {}, out);
        }
        Ok(())
    }
}
