//! AMQP 0-9-1 as RabbitMQ speaks it.
//!
//! ```text
//! frame   = type:u8  channel:u16  size:u32  payload[size]  0xCE
//! method  = class:u16  method:u16  fields…
//! header  = class:u16  weight:u16  body-size:u64  property-flags:u16  properties…
//! content = one header frame, then body frames until body-size bytes have come
//! ```
//!
//! All integers are big-endian. [`Decoder`] cuts frames, [`Method`] and [`ContentHeader`] read
//! their payloads, [`Table`] walks field tables in place. The short strings of methods must be
//! UTF-8, as the specification says; those of properties and tables may be any bytes, as clients
//! of RabbitMQ are used to, and long strings are bytes. Field tables use RabbitMQ's type tags, which differ
//! from the specification's and are what every client sends.
//!
//! What is read can be written back byte for byte, with one exception: a boolean sent as any
//! octet other than 0 and 1 is written as 1.

mod content;
mod error;
mod frame;
mod method;
mod primitive;
mod properties;
mod reply;
mod table;
#[cfg(test)]
mod tests;

pub use content::{
    ContentHeader, DeliveryTemplate, body_piece_max, encode_body, encode_body_heading,
    encode_content,
};
pub use error::DecodeError;
pub use frame::{
    Decoder, FRAME_END, FRAME_MIN_BYTES, FRAME_OVERHEAD_BYTES, Frame, FrameKind, Heading,
    PROTOCOL_HEADER, encode_heartbeat, match_protocol_header,
};
pub use method::*;
pub use primitive::LongStr;
pub use properties::Properties;
pub use reply::{ReplyCode, Scope};
pub use table::{List, ListIter, MAX_DEPTH, Table, TableBuilder, TableIter, Value};
