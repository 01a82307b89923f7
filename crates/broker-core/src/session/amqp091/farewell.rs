//! The end of a connection: `connection.close` is sent, only the peer's last word is awaited.

use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use wire::amqp091::{ConnectionClose, ConnectionCloseOk, Decoder, FrameKind, Method};

use super::Flow;
use super::fault::Fault;

/// How long a peer has for its `connection.close-ok`.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection whose broker side is gone and which swallows what still comes.
#[derive(Debug)]
pub(super) struct Farewell {
    deadline: Instant,
    decoder: Decoder,
}

impl Farewell {
    /// Tells the peer why.
    pub(super) fn new(now: Instant, fault: &Fault, out: &mut BytesMut) -> Self {
        let (class_id, method_id) = fault.method;
        let close = ConnectionClose {
            reply_code: fault.code as u16,
            reply_text: &fault.reply_text(),
            class_id,
            method_id,
        };
        close.encode(0, out);
        // What is on its way may have any size the peer believes in; it is skipped, not kept.
        Self {
            deadline: now + PATIENCE,
            decoder: Decoder {
                frame_max: u32::MAX,
            },
        }
    }

    /// When to stop waiting.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Skips frames until the peer agrees, closes by itself, or sends garbage.
    pub(super) fn on_bytes(&self, input: &mut BytesMut, out: &mut BytesMut) -> Flow {
        loop {
            let mut rest = &input[..];
            let frame = match self.decoder.decode(&mut rest) {
                Ok(Some(frame)) => frame,
                // A frame too long to wait for: whoever sends it does not listen.
                Ok(None) if input.len() > MAX_KEPT_BYTES => return Flow::Close,
                Ok(None) => return Flow::Continue,
                Err(_) => return Flow::Close,
            };
            if frame.kind == FrameKind::Method && frame.channel == 0 {
                match Method::decode(frame.payload) {
                    Ok(Method::ConnectionCloseOk(_)) => return Flow::Close,
                    Ok(Method::ConnectionClose(_)) => {
                        ConnectionCloseOk {}.encode(0, out);
                        return Flow::Close;
                    }
                    _ => {}
                }
            }
            let taken = input.len() - rest.len();
            input.advance(taken);
        }
    }
}

/// Largest unfinished frame that is kept while waiting for the last word.
const MAX_KEPT_BYTES: usize = 256 * 1024;
