//! Content: the header frame that announces a message, and the body frames that carry it.

use bytes::{BufMut, BytesMut};

use super::error::DecodeError;
use super::frame::{FRAME_END, FRAME_OVERHEAD_BYTES, FrameKind, encode_frame, encode_heading};
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
