//! Content: the header frame that announces a message, and the body frames that carry it.

use bytes::{BufMut, BytesMut};

use super::error::DecodeError;
use super::frame::{FRAME_END, FRAME_OVERHEAD_BYTES, FrameKind, encode_frame, encode_heading};
use super::method::BasicDeliver;
use super::primitive::Reader;
use super::properties::Properties;

/// What a header frame says about the content behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentHeader<'a> {
    /// Class of the method it belongs to; 60 is basic, the only one with content.
    pub class: u16,
    /// Bytes of body to come. A claim: nothing may be allocated by it.
    pub body_size: u64,
    /// Property flags and property list exactly as sent, see [`Properties::parse`].
    pub properties: &'a [u8],
}

impl<'a> ContentHeader<'a> {
    /// Reads a header frame's payload. The properties are not looked at yet.
    pub fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload);
        let class = reader.u16()?;
        let _weight = reader.u16()?;
        let body_size = reader.u64()?;
        if reader.rest().len() < size_of::<u16>() {
            return Err(DecodeError::Truncated);
        }
        Ok(Self {
            class,
            body_size,
            properties: reader.rest(),
        })
    }

    /// Appends the header frame. `properties` are written as they are.
    pub fn encode(&self, channel: u16, out: &mut BytesMut) {
        encode_frame(FrameKind::Header, channel, out, |out| {
            out.put_u16(self.class);
            out.put_u16(0);
            out.put_u64(self.body_size);
            out.put_slice(self.properties);
        });
    }
}

/// Appends the body frames of `body`, none longer than `frame_max` in all; an empty body has none.
pub fn encode_body(channel: u16, body: &[u8], frame_max: u32, out: &mut BytesMut) {
    // An agreed maximum is at least 8 KiB; the floor keeps a wrong caller from looping for ever.
    let piece = (frame_max as usize)
        .saturating_sub(FRAME_OVERHEAD_BYTES)
        .max(1);
    for chunk in body.chunks(piece) {
        encode_heading(FrameKind::Body, channel, chunk.len() as u32, out);
        out.put_slice(chunk);
        out.put_u8(FRAME_END);
    }
}

/// Appends header and body frames of a message with `properties` as [`Properties::encode`] wrote
/// them or as they were received.
pub fn encode_content(
    channel: u16,
    properties: &[u8],
    body: &[u8],
    frame_max: u32,
    out: &mut BytesMut,
) {
    out.reserve(properties.len() + body.len() + 64);
    let header = ContentHeader {
        class: Properties::CLASS,
        body_size: body.len() as u64,
        properties,
    };
    header.encode(channel, out);
    encode_body(channel, body, frame_max, out);
}

/// Appends a delivery: `basic.deliver`, header and body frames.
///
/// Does what [`BasicDeliver::encode`] and [`encode_content`] do, in a third of the instructions:
/// this is the one thing a broker writes by the million. Everything before the properties is put
/// together on the stack and appended at once.
pub fn encode_delivery(
    channel: u16,
    deliver: &BasicDeliver<'_>,
    properties: &[u8],
    body: &[u8],
    frame_max: u32,
    out: &mut BytesMut,
) {
    let [c0, c1] = channel.to_be_bytes();
    let mut head = Head {
        bytes: [0; HEAD_BYTES],
        len: 0,
    };
    head.put(&[FrameKind::Method as u8, c0, c1, 0, 0, 0, 0, 0, 60, 0, 60]);
    head.put_short_str(deliver.consumer_tag);
    head.put(&deliver.delivery_tag.to_be_bytes());
    head.put(&[u8::from(deliver.redelivered)]);
    head.put_short_str(deliver.exchange);
    head.put_short_str(deliver.routing_key);
    let payload = (head.len - (FRAME_OVERHEAD_BYTES - 1)) as u32;
    head.bytes[3..7].copy_from_slice(&payload.to_be_bytes());
    let [s0, s1, s2, s3] = (CONTENT_HEAD_BYTES as u32 + properties.len() as u32).to_be_bytes();
    head.put(&[
        FRAME_END,
        FrameKind::Header as u8,
        c0,
        c1,
        s0,
        s1,
        s2,
        s3,
        0,
        60,
        0,
        0,
    ]);
    head.put(&(body.len() as u64).to_be_bytes());
    out.reserve(head.len + properties.len() + body.len() + 2 * FRAME_OVERHEAD_BYTES);
    out.put_slice(&head.bytes[..head.len]);
    out.put_slice(properties);
    out.put_u8(FRAME_END);
    encode_body(channel, body, frame_max, out);
}

/// Class, weight and body size in a header frame.
const CONTENT_HEAD_BYTES: usize = 2 + 2 + 8;

/// The most that can stand before a delivery's properties: two frame headings, one frame end, the
/// method's numbers, tag, flag and three short strings, and a content header's fixed part.
const HEAD_BYTES: usize = 2 * FRAME_OVERHEAD_BYTES + 4 + 8 + 1 + 3 * 256 + CONTENT_HEAD_BYTES;

struct Head {
    bytes: [u8; HEAD_BYTES],
    len: usize,
}

impl Head {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    /// As the primitive of the same name: at most 255 bytes.
    #[inline]
    fn put_short_str(&mut self, text: &str) {
        let len = text.floor_char_boundary(usize::from(u8::MAX));
        self.put(&[len as u8]);
        self.put(&text.as_bytes()[..len]);
    }
}
