//! Frames: cutting them out of a stream, and writing their envelope.

use bytes::{BufMut, BytesMut};

use super::error::DecodeError;

/// What a client sends first, and what a server answers to anything else.
pub const PROTOCOL_HEADER: [u8; 8] = *b"AMQP\x00\x00\x09\x01";

/// The octet behind every payload.
pub const FRAME_END: u8 = 0xCE;

/// Type, channel and size before a payload, the end octet behind it.
pub const FRAME_OVERHEAD_BYTES: usize = HEADER_LEN + 1;

/// Smallest frame maximum that may be agreed, and the limit in force until then (RabbitMQ 4's).
pub const FRAME_MIN_BYTES: u32 = 8192;

const HEADER_LEN: usize = 7;

/// Compares the first bytes of a connection with the protocol header.
///
/// `Some(false)` comes with the first byte that differs, `None` while more bytes are needed.
pub fn match_protocol_header(input: &[u8]) -> Option<bool> {
    let seen = input.len().min(PROTOCOL_HEADER.len());
    if input[..seen] != PROTOCOL_HEADER[..seen] {
        return Some(false);
    }
    (seen == PROTOCOL_HEADER.len()).then_some(true)
}

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FrameKind {
    /// A method and its fields.
    Method = 1,
    /// Size and properties of the content that follows.
    Header = 2,
    /// A piece of content.
    Body = 3,
    /// A sign of life.
    Heartbeat = 8,
}

impl FrameKind {
    const fn from_octet(kind: u8) -> Option<Self> {
        match kind {
            1 => Some(Self::Method),
            2 => Some(Self::Header),
            3 => Some(Self::Body),
            8 => Some(Self::Heartbeat),
            _ => None,
        }
    }
}

/// One frame, borrowed from the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What the payload is.
    pub kind: FrameKind,
    /// Channel number; 0 is the connection itself.
    pub channel: u16,
    /// The bytes between heading and frame end.
    pub payload: &'a [u8],
}

/// The first seven bytes of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heading {
    /// What the payload is.
    pub kind: FrameKind,
    /// Channel number.
    pub channel: u16,
    /// Bytes of payload, already checked against the limit.
    pub size: u32,
}

/// Cuts frames. Owns no socket, clock or buffer; its only state is the agreed limit.
#[derive(Debug, Clone, Copy)]
pub struct Decoder {
    /// Largest whole frame in bytes, checked before any byte of payload is waited for.
    pub frame_max: u32,
}

impl Default for Decoder {
    /// The limit before `connection.tune`.
    fn default() -> Self {
        Self {
            frame_max: FRAME_MIN_BYTES,
        }
    }
}

impl Decoder {
    /// Reads a frame's heading. `Ok(None)` means "not enough bytes yet".
    pub fn heading(&self, input: &[u8]) -> Result<Option<Heading>, DecodeError> {
        let Some(&[kind, c0, c1, s0, s1, s2, s3]) = input.first_chunk::<HEADER_LEN>() else {
            return match input.first() {
                Some(&kind) if FrameKind::from_octet(kind).is_none() => {
                    Err(DecodeError::UnknownFrameKind { kind })
                }
                _ => Ok(None),
            };
        };
        let kind = FrameKind::from_octet(kind).ok_or(DecodeError::UnknownFrameKind { kind })?;
        let size = u32::from_be_bytes([s0, s1, s2, s3]);
        let whole = u64::from(size) + FRAME_OVERHEAD_BYTES as u64;
        if whole > u64::from(self.frame_max) {
            return Err(DecodeError::TooLarge {
                size: whole,
                max: self.frame_max,
            });
        }
        Ok(Some(Heading {
            kind,
            channel: u16::from_be_bytes([c0, c1]),
            size,
        }))
    }

    /// Takes the first frame off `input`. `Ok(None)` means "not enough bytes yet".
    pub fn decode<'a>(&self, input: &mut &'a [u8]) -> Result<Option<Frame<'a>>, DecodeError> {
        let Some(heading) = self.heading(input)? else {
            return Ok(None);
        };
        let end = HEADER_LEN + heading.size as usize;
        let Some(&last) = input.get(end) else {
            return Ok(None);
        };
        if last != FRAME_END {
            return Err(DecodeError::BadFrameEnd { found: last });
        }
        let payload = &input[HEADER_LEN..end];
        *input = &input[end + 1..];
        Ok(Some(Frame {
            kind: heading.kind,
            channel: heading.channel,
            payload,
        }))
    }
}

/// Appends a frame whose payload `write` appends; its size is filled in afterwards.
pub(super) fn encode_frame(
    kind: FrameKind,
    channel: u16,
    out: &mut BytesMut,
    write: impl FnOnce(&mut BytesMut),
) {
    let start = out.len();
    encode_heading(kind, channel, 0, out);
    write(out);
    let size = (out.len() - start - HEADER_LEN) as u32;
    out[start + 3..start + HEADER_LEN].copy_from_slice(&size.to_be_bytes());
    out.put_u8(FRAME_END);
}

/// Appends type, channel and size.
pub(super) fn encode_heading(kind: FrameKind, channel: u16, size: u32, out: &mut BytesMut) {
    let [c0, c1] = channel.to_be_bytes();
    let [s0, s1, s2, s3] = size.to_be_bytes();
    out.put_slice(&[kind as u8, c0, c1, s0, s1, s2, s3]);
}

/// Appends a heartbeat frame.
pub fn encode_heartbeat(out: &mut BytesMut) {
    encode_heading(FrameKind::Heartbeat, 0, 0, out);
    out.put_u8(FRAME_END);
}
