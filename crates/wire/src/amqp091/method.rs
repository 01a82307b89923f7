//! The methods: one table of numbers, names and fields, and what follows from it.
//!
//! Fields carry the specification's names; `ticket` and other reserved fields are kept so that
//! what is read can be written back exactly. All structs are `Default`, so a caller names only the
//! fields that matter to it.

use bytes::{BufMut, BytesMut};

use super::error::DecodeError;
use super::frame::{FrameKind, encode_frame};
use super::primitive::{Field, LongStr, Reader, Writer};
use super::table::Table;

macro_rules! methods {
    (<$a:lifetime> $($class:literal $method:literal $text:literal $name:ident $(<$lt:lifetime>)?
        { $($field:ident: $ty:ty),* $(,)? })*) => {
        /// Any method, in the order of its numbers.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Method<$a> {
            $(#[doc = concat!("`", $text, "`")] $name($name $(<$lt>)?),)*
        }

        impl<$a> Method<$a> {
            /// Class and method number and name of every method, in the order of their numbers.
            pub const NAMES: &'static [((u16, u16), &'static str)] =
                &[$((($class, $method), $text)),*];

            /// Reads a method frame's payload.
            pub fn decode(payload: &$a [u8]) -> Result<Self, DecodeError> {
                let mut reader = Reader::new(payload);
                let ids = (reader.u16()?, reader.u16()?);
                let method = match ids {
                    $(($class, $method) => Self::$name(Fields::read(&mut reader)?),)*
                    (class, method) => return Err(DecodeError::UnknownMethod { class, method }),
                };
                reader.finish()?;
                Ok(method)
            }

            /// Class and method number.
            pub const fn ids(&self) -> (u16, u16) {
                match self {
                    $(Self::$name(_) => ($class, $method),)*
                }
            }

            /// The specification's name, `basic.publish` for one.
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => $text,)*
                }
            }

            /// Appends the method frame.
            pub fn encode(&self, channel: u16, out: &mut BytesMut) {
                match self {
                    $(Self::$name(fields) => fields.encode(channel, out),)*
                }
            }
        }

        $(
            #[doc = concat!("Fields of `", $text, "`.")]
            #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
            #[allow(missing_docs)]
            pub struct $name $(<$lt>)? {
                $(pub $field: $ty,)*
            }

            impl $(<$lt>)? $name $(<$lt>)? {
                /// Class and method number.
                pub const IDS: (u16, u16) = ($class, $method);

                /// Appends the method frame.
                pub fn encode(&self, channel: u16, out: &mut BytesMut) {
                    encode_frame(FrameKind::Method, channel, out, |out| {
                        out.put_slice(&[
                            ($class as u16).to_be_bytes()[0],
                            ($class as u16).to_be_bytes()[1],
                            ($method as u16).to_be_bytes()[0],
                            ($method as u16).to_be_bytes()[1],
                        ]);
                        #[allow(unused_mut, unused_variables)] // Methods without fields.
                        let mut writer = Writer::new(out);
                        $(self.$field.write(&mut writer);)*
                    });
                }
            }

            impl<$a> Fields<$a> for $name $(<$lt>)? {
                #[allow(unused_variables)] // Methods without fields.
                fn read(reader: &mut Reader<$a>) -> Result<Self, DecodeError> {
                    Ok(Self { $($field: Field::read(reader)?,)* })
                }
            }

            impl<$a> From<$name $(<$lt>)?> for Method<$a> {
                fn from(fields: $name $(<$lt>)?) -> Self {
                    Self::$name(fields)
                }
            }
        )*
    };
}

/// The fields of one method, read in order.
trait Fields<'a>: Sized {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError>;
}

methods! {
    <'a>
    10 10 "connection.start" ConnectionStart<'a> {
        version_major: u8, version_minor: u8, server_properties: Table<'a>,
        mechanisms: LongStr<'a>, locales: LongStr<'a>,
    }
    10 11 "connection.start-ok" ConnectionStartOk<'a> {
        client_properties: Table<'a>, mechanism: &'a str, response: LongStr<'a>, locale: &'a str,
    }
    10 20 "connection.secure" ConnectionSecure<'a> { challenge: LongStr<'a> }
    10 21 "connection.secure-ok" ConnectionSecureOk<'a> { response: LongStr<'a> }
    10 30 "connection.tune" ConnectionTune { channel_max: u16, frame_max: u32, heartbeat: u16 }
    10 31 "connection.tune-ok" ConnectionTuneOk { channel_max: u16, frame_max: u32, heartbeat: u16 }
    10 40 "connection.open" ConnectionOpen<'a> {
        virtual_host: &'a str, capabilities: &'a str, insist: bool,
    }
    10 41 "connection.open-ok" ConnectionOpenOk<'a> { known_hosts: &'a str }
    10 50 "connection.close" ConnectionClose<'a> {
        reply_code: u16, reply_text: &'a str, class_id: u16, method_id: u16,
    }
    10 51 "connection.close-ok" ConnectionCloseOk {}
    10 60 "connection.blocked" ConnectionBlocked<'a> { reason: &'a str }
    10 61 "connection.unblocked" ConnectionUnblocked {}
    10 70 "connection.update-secret" ConnectionUpdateSecret<'a> {
        new_secret: LongStr<'a>, reason: &'a str,
    }
    10 71 "connection.update-secret-ok" ConnectionUpdateSecretOk {}

    20 10 "channel.open" ChannelOpen<'a> { out_of_band: &'a str }
    20 11 "channel.open-ok" ChannelOpenOk<'a> { channel_id: LongStr<'a> }
    20 20 "channel.flow" ChannelFlow { active: bool }
    20 21 "channel.flow-ok" ChannelFlowOk { active: bool }
    20 40 "channel.close" ChannelClose<'a> {
        reply_code: u16, reply_text: &'a str, class_id: u16, method_id: u16,
    }
    20 41 "channel.close-ok" ChannelCloseOk {}

    30 10 "access.request" AccessRequest<'a> {
        realm: &'a str, exclusive: bool, passive: bool, active: bool, write: bool, read: bool,
    }
    30 11 "access.request-ok" AccessRequestOk { ticket: u16 }

    40 10 "exchange.declare" ExchangeDeclare<'a> {
        ticket: u16, exchange: &'a str, kind: &'a str, passive: bool, durable: bool,
        auto_delete: bool, internal: bool, no_wait: bool, arguments: Table<'a>,
    }
    40 11 "exchange.declare-ok" ExchangeDeclareOk {}
    40 20 "exchange.delete" ExchangeDelete<'a> {
        ticket: u16, exchange: &'a str, if_unused: bool, no_wait: bool,
    }
    40 21 "exchange.delete-ok" ExchangeDeleteOk {}
    40 30 "exchange.bind" ExchangeBind<'a> {
        ticket: u16, destination: &'a str, source: &'a str, routing_key: &'a str, no_wait: bool,
        arguments: Table<'a>,
    }
    40 31 "exchange.bind-ok" ExchangeBindOk {}
    40 40 "exchange.unbind" ExchangeUnbind<'a> {
        ticket: u16, destination: &'a str, source: &'a str, routing_key: &'a str, no_wait: bool,
        arguments: Table<'a>,
    }
    40 51 "exchange.unbind-ok" ExchangeUnbindOk {}

    50 10 "queue.declare" QueueDeclare<'a> {
        ticket: u16, queue: &'a str, passive: bool, durable: bool, exclusive: bool,
        auto_delete: bool, no_wait: bool, arguments: Table<'a>,
    }
    50 11 "queue.declare-ok" QueueDeclareOk<'a> {
        queue: &'a str, message_count: u32, consumer_count: u32,
    }
    50 20 "queue.bind" QueueBind<'a> {
        ticket: u16, queue: &'a str, exchange: &'a str, routing_key: &'a str, no_wait: bool,
        arguments: Table<'a>,
    }
    50 21 "queue.bind-ok" QueueBindOk {}
    50 30 "queue.purge" QueuePurge<'a> { ticket: u16, queue: &'a str, no_wait: bool }
    50 31 "queue.purge-ok" QueuePurgeOk { message_count: u32 }
    50 40 "queue.delete" QueueDelete<'a> {
        ticket: u16, queue: &'a str, if_unused: bool, if_empty: bool, no_wait: bool,
    }
    50 41 "queue.delete-ok" QueueDeleteOk { message_count: u32 }
    50 50 "queue.unbind" QueueUnbind<'a> {
        ticket: u16, queue: &'a str, exchange: &'a str, routing_key: &'a str,
        arguments: Table<'a>,
    }
    50 51 "queue.unbind-ok" QueueUnbindOk {}

    60 10 "basic.qos" BasicQos { prefetch_size: u32, prefetch_count: u16, global: bool }
    60 11 "basic.qos-ok" BasicQosOk {}
    60 20 "basic.consume" BasicConsume<'a> {
        ticket: u16, queue: &'a str, consumer_tag: &'a str, no_local: bool, no_ack: bool,
        exclusive: bool, no_wait: bool, arguments: Table<'a>,
    }
    60 21 "basic.consume-ok" BasicConsumeOk<'a> { consumer_tag: &'a str }
    60 30 "basic.cancel" BasicCancel<'a> { consumer_tag: &'a str, no_wait: bool }
    60 31 "basic.cancel-ok" BasicCancelOk<'a> { consumer_tag: &'a str }
    60 40 "basic.publish" BasicPublish<'a> {
        ticket: u16, exchange: &'a str, routing_key: &'a str, mandatory: bool, immediate: bool,
    }
    60 50 "basic.return" BasicReturn<'a> {
        reply_code: u16, reply_text: &'a str, exchange: &'a str, routing_key: &'a str,
    }
    60 60 "basic.deliver" BasicDeliver<'a> {
        consumer_tag: &'a str, delivery_tag: u64, redelivered: bool, exchange: &'a str,
        routing_key: &'a str,
    }
    60 70 "basic.get" BasicGet<'a> { ticket: u16, queue: &'a str, no_ack: bool }
    60 71 "basic.get-ok" BasicGetOk<'a> {
        delivery_tag: u64, redelivered: bool, exchange: &'a str, routing_key: &'a str,
        message_count: u32,
    }
    60 72 "basic.get-empty" BasicGetEmpty<'a> { cluster_id: &'a str }
    60 80 "basic.ack" BasicAck { delivery_tag: u64, multiple: bool }
    60 90 "basic.reject" BasicReject { delivery_tag: u64, requeue: bool }
    60 100 "basic.recover-async" BasicRecoverAsync { requeue: bool }
    60 110 "basic.recover" BasicRecover { requeue: bool }
    60 111 "basic.recover-ok" BasicRecoverOk {}
    60 120 "basic.nack" BasicNack { delivery_tag: u64, multiple: bool, requeue: bool }

    85 10 "confirm.select" ConfirmSelect { no_wait: bool }
    85 11 "confirm.select-ok" ConfirmSelectOk {}

    90 10 "tx.select" TxSelect {}
    90 11 "tx.select-ok" TxSelectOk {}
    90 20 "tx.commit" TxCommit {}
    90 21 "tx.commit-ok" TxCommitOk {}
    90 30 "tx.rollback" TxRollback {}
    90 31 "tx.rollback-ok" TxRollbackOk {}
}
