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
    for chunk in body.chunks(body_piece_max(frame_max)) {
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

/// The frames of a delivery up to its body, written once for messages that share an envelope: each
/// differs from the last by its tag and the size of its body only.
///
/// This is the one thing a broker writes by the million. What [`BasicDeliver::encode`] and
/// [`encode_content`] do with some twenty small writes takes three.
#[derive(Debug, Clone)]
pub struct DeliveryTemplate {
    head: BytesMut,
    /// Where the delivery tag is, and behind it the flag of a redelivery.
    tag_at: usize,
    /// Where the body's size is.
    size_at: usize,
}

impl DeliveryTemplate {
    /// `deliver` with any tag and flag; `properties` as for [`encode_content`].
    pub fn new(channel: u16, deliver: &BasicDeliver<'_>, properties: &[u8]) -> Self {
        let mut head = BytesMut::with_capacity(128);
        deliver.encode(channel, &mut head);
        let header = ContentHeader {
            class: Properties::CLASS,
            body_size: 0,
            properties,
        };
        header.encode(channel, &mut head);
        let tag_bytes = usize::from(head[CONSUMER_TAG_AT]);
        Self {
            tag_at: CONSUMER_TAG_AT + 1 + tag_bytes,
            size_at: head.len() - 1 - properties.len() - size_of::<u64>(),
            head,
        }
    }

    /// Appends `basic.deliver` and the header frame of a body of that size.
    #[inline]
    pub fn encode_head(
        &self,
        delivery_tag: u64,
        redelivered: bool,
        body_size: usize,
        out: &mut BytesMut,
    ) {
        let start = out.len();
        out.extend_from_slice(&self.head);
        let head = &mut out[start..];
        head[self.tag_at..self.tag_at + 8].copy_from_slice(&delivery_tag.to_be_bytes());
        head[self.tag_at + 8] = u8::from(redelivered);
        let body_size = body_size as u64;
        head[self.size_at..self.size_at + 8].copy_from_slice(&body_size.to_be_bytes());
    }

    /// Appends a whole delivery.
    #[inline]
    pub fn encode(
        &self,
        channel: u16,
        delivery_tag: u64,
        redelivered: bool,
        body: &[u8],
        frame_max: u32,
        out: &mut BytesMut,
    ) {
        out.reserve(self.head.len() + body.len() + FRAME_OVERHEAD_BYTES);
        self.encode_head(delivery_tag, redelivered, body.len(), out);
        encode_body(channel, body, frame_max, out);
    }
}

/// Where a delivery's consumer tag begins: behind a frame's heading and the method's numbers.
const CONSUMER_TAG_AT: usize = FRAME_OVERHEAD_BYTES - 1 + 4;

/// Longest piece of a body that a frame of `frame_max` bytes in all holds.
pub fn body_piece_max(frame_max: u32) -> usize {
    // An agreed maximum is at least 8 KiB; the floor keeps a wrong caller from looping for ever.
    (frame_max as usize)
        .saturating_sub(FRAME_OVERHEAD_BYTES)
        .max(1)
}

/// Appends the heading of a body frame whose payload, of that size, and end octet follow.
pub fn encode_body_heading(channel: u16, size: usize, out: &mut BytesMut) {
    encode_heading(FrameKind::Body, channel, size as u32, out);
}
