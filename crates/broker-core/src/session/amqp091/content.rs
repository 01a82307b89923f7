//! Putting a published message together from its frames.

use bytes::Bytes;
use wire::amqp091::{BasicPublish, ContentHeader, Properties, ReplyCode};

use super::connection::Context;
use super::fault::Fault;

/// Bodies up to this size are copied out of the input buffer, so that a small message never keeps
/// a large buffer alive; larger ones are kept as slices of it.
const COPIED_BODY_BYTES: usize = 16 * 1024;

/// How many of the largest messages may be on their way on all channels of a connection together.
const ASSEMBLED_MESSAGES: usize = 4;

/// The message a channel is receiving, with buffers that serve all of its messages in turn.
#[derive(Debug, Default)]
pub(super) struct Content {
    stage: Stage,
    pub(super) exchange: String,
    pub(super) routing_key: String,
    pub(super) mandatory: bool,
    /// Of this message, and kept for the next: publishers tend to send the same ones again.
    pub(super) properties: Bytes,
    pub(super) persistent: bool,
    /// Bytes the body will have.
    expected: usize,
    /// What has come of a body in several frames.
    body: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    #[default]
    Idle,
    Header,
    Body,
}

impl Content {
    /// Whether a method would come at a wrong time.
    pub(super) fn is_awaited(&self) -> bool {
        self.stage != Stage::Idle
    }

    /// The fault for a frame of another kind than the expected one.
    pub(super) fn interrupted(&self) -> Fault {
        let (expected, found) = match self.stage {
            Stage::Idle => ("method frame", "non method"),
            Stage::Header => ("content header for class 60", "non content header"),
            Stage::Body => ("content body", "non content body"),
        };
        Fault::unexpected_frame(format_args!(
            "expected {expected}, got {found} frame instead"
        ))
        .of(if self.is_awaited() {
            BasicPublish::IDS
        } else {
            (0, 0)
        })
    }

    /// `basic.publish` came: a header must follow.
    pub(super) fn begin(&mut self, publish: &BasicPublish<'_>) -> Result<(), Fault> {
        if publish.immediate {
            return Err(Fault::not_implemented("immediate=true"));
        }
        self.exchange.clear();
        self.exchange.push_str(publish.exchange);
        self.routing_key.clear();
        self.routing_key.push_str(publish.routing_key);
        self.mandatory = publish.mandatory;
        self.stage = Stage::Header;
        Ok(())
    }

    /// The header came. The body is complete already when it is empty.
    pub(super) fn on_header(
        &mut self,
        context: &Context,
        payload: &[u8],
    ) -> Result<Option<Bytes>, Fault> {
        if self.stage != Stage::Header {
            return Err(self.interrupted());
        }
        let header = ContentHeader::decode(payload)?;
        if header.class != Properties::CLASS {
            return Err(Fault::unexpected_frame(format_args!(
                "expected content header for class 60, got one for class {} instead",
                header.class
            ))
            .of(BasicPublish::IDS));
        }
        let max = context.attachment.broker().limits().message_bytes;
        match usize::try_from(header.body_size) {
            Ok(size) if size <= max => self.expected = size,
            _ => {
                return Err(Fault::new(
                    ReplyCode::PreconditionFailed,
                    format_args!(
                        "message size {} is larger than max size {max}",
                        header.body_size
                    ),
                )
                .of(BasicPublish::IDS));
            }
        }
        self.keep_properties(context, header.properties)?;
        if self.expected == 0 {
            self.stage = Stage::Idle;
            return Ok(Some(Bytes::new()));
        }
        self.stage = Stage::Body;
        Ok(None)
    }

    /// A piece of the body came; the whole of it is the answer when it was the last.
    pub(super) fn on_body(
        &mut self,
        context: &mut Context,
        payload: &[u8],
        batch: &Bytes,
    ) -> Result<Option<Bytes>, Fault> {
        if self.stage != Stage::Body {
            return Err(self.interrupted());
        }
        let missing = self.expected - self.body.len();
        if payload.len() > missing {
            return Err(Fault::new(
                ReplyCode::FrameError,
                format_args!(
                    "body frames exceed the announced size of {} bytes",
                    self.expected
                ),
            )
            .of(BasicPublish::IDS));
        }
        if payload.len() == self.expected {
            self.stage = Stage::Idle;
            return Ok(Some(match payload.len() {
                ..=COPIED_BODY_BYTES => Bytes::copy_from_slice(payload),
                _ => batch.slice_ref(payload),
            }));
        }
        self.gather(context, payload)?;
        if self.body.len() < self.expected {
            return Ok(None);
        }
        self.stage = Stage::Idle;
        context.assembling_bytes -= self.body.len();
        Ok(Some(Bytes::from(std::mem::take(&mut self.body))))
    }

    /// Drops what has come of a message.
    pub(super) fn forget(&mut self, context: &mut Context) {
        context.assembling_bytes -= self.body.len();
        *self = Self::default();
    }

    /// Appends to the body. Its buffer doubles with what has really come, and ends up at exactly
    /// the announced size.
    fn gather(&mut self, context: &mut Context, payload: &[u8]) -> Result<(), Fault> {
        let max = context.attachment.broker().limits().message_bytes * ASSEMBLED_MESSAGES;
        if context.assembling_bytes + payload.len() > max {
            return Err(Fault::new(
                ReplyCode::ResourceError,
                format_args!("unfinished messages of this connection exceed {max} bytes"),
            ));
        }
        let len = self.body.len();
        if self.body.capacity() < len + payload.len() {
            let wanted = (len + payload.len()).max(len * 2).min(self.expected);
            self.body.reserve_exact(wanted - len);
        }
        self.body.extend_from_slice(payload);
        context.assembling_bytes += payload.len();
        Ok(())
    }

    /// Checks the properties and keeps them as they came.
    fn keep_properties(&mut self, context: &Context, raw: &[u8]) -> Result<(), Fault> {
        if self.properties == raw {
            return Ok(());
        }
        let properties = Properties::parse(raw)?;
        let username = context.attachment.username();
        if let Some(user_id) = properties.user_id
            && user_id != username.as_bytes()
        {
            let user_id = String::from_utf8_lossy(user_id);
            return Err(Fault::new(
                ReplyCode::PreconditionFailed,
                format_args!(
                    "user_id property set to '{user_id}' but authenticated user was '{username}'"
                ),
            )
            .of(BasicPublish::IDS));
        }
        self.persistent = properties.delivery_mode == Some(Properties::PERSISTENT);
        self.properties = Bytes::copy_from_slice(raw);
        Ok(())
    }
}
