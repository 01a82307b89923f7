//! Putting a published message together from its frames.

use std::ops::Deref;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use wire::amqp091::{BasicPublish, ContentHeader, Method, Properties, ReplyCode};

use super::connection::Context;
use super::copies::Copies;
use super::fault::Fault;
use super::replies::{self, Replies};
use crate::expiration;
use crate::message::{self, Body, Envelope};

/// How many of the largest messages may be on their way on all channels of a connection together.
const ASSEMBLED_MESSAGES: usize = 4;

/// The message a channel is receiving, with buffers that serve all of its messages in turn.
#[derive(Debug, Default)]
pub(super) struct Content {
    stage: Stage,
    /// The payload of the latest `basic.publish`. Publishers tend to send the same one again, and the
    /// same properties: all that follows from them is kept until they differ.
    method: Vec<u8>,
    exchange: Arc<str>,
    routing_key: Box<str>,
    pub(super) mandatory: bool,
    /// The latest properties as they came, and as they go on.
    received: Bytes,
    properties: Bytes,
    further_keys: Box<[Box<str>]>,
    persistent: bool,
    envelope: Option<Arc<Envelope>>,
    /// Where answers to the channel's requests go, if it waits for any.
    replies: Option<Replies>,
    /// Bytes the body will have.
    expected: usize,
    /// What has come of a body in several frames.
    body: Vec<u8>,
}

/// The payload of a body frame.
#[derive(Debug)]
pub(super) enum Payload<'a> {
    /// To be copied, so that a small message never keeps a large input buffer alive.
    Borrowed(&'a [u8]),
    /// Large enough to be kept as the part of the input buffer that it is.
    Shared(Bytes),
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

    pub(super) fn replies(&self) -> Option<&Replies> {
        self.replies.as_ref()
    }

    /// Requests published from now on say something else about where answers go.
    pub(super) fn set_replies(&mut self, replies: Option<Replies>) {
        self.replies = replies;
        // Properties that are the same as before do not mean the same.
        self.received = Bytes::new();
    }

    /// `basic.publish` came, this is its frame's payload: a header must follow.
    pub(super) fn begin(&mut self, payload: &[u8]) -> Result<(), Fault> {
        if self.is_awaited() {
            return Err(self.interrupted());
        }
        if self.method != payload {
            let publish = match Method::decode(payload)? {
                Method::BasicPublish(publish) => publish,
                other => return Err(Fault::unexpected_method(other.name())),
            };
            if publish.immediate {
                return Err(Fault::not_implemented("immediate=true").of(BasicPublish::IDS));
            }
            if *self.exchange != *publish.exchange {
                self.exchange = publish.exchange.into();
            }
            self.routing_key = publish.routing_key.into();
            self.mandatory = publish.mandatory;
            self.envelope = None;
            self.method.clear();
            self.method.extend_from_slice(payload);
        }
        self.stage = Stage::Header;
        Ok(())
    }

    /// The envelope of the message that has come.
    pub(super) fn envelope(&mut self) -> Arc<Envelope> {
        let envelope = self.envelope.get_or_insert_with(|| {
            Arc::new(Envelope {
                exchange: Arc::clone(&self.exchange),
                routing_key: self.routing_key.clone(),
                properties: message::Properties::Amqp091(self.properties.clone()),
                persistent: self.persistent,
                further_keys: self.further_keys.clone(),
            })
        });
        Arc::clone(envelope)
    }

    /// The header came. The body is complete already when it is empty.
    pub(super) fn on_header(
        &mut self,
        context: &Context,
        payload: &[u8],
    ) -> Result<Option<Body>, Fault> {
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
            return Ok(Some(Body::default()));
        }
        self.stage = Stage::Body;
        Ok(None)
    }

    /// A piece of the body came; the whole of it is the answer when it was the last.
    pub(super) fn on_body(
        &mut self,
        context: &mut Context,
        payload: Payload<'_>,
    ) -> Result<Option<Body>, Fault> {
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
            return Ok(Some(match payload {
                Payload::Borrowed(payload) => Body::copy_from_slice(payload),
                Payload::Shared(payload) => payload.into(),
            }));
        }
        self.gather(context, &payload)?;
        if self.body.len() < self.expected {
            return Ok(None);
        }
        self.stage = Stage::Idle;
        context.assembling_bytes -= self.body.len();
        Ok(Some(std::mem::take(&mut self.body).into()))
    }

    /// Drops what has come of a message.
    pub(super) fn forget(&mut self, context: &mut Context) {
        context.assembling_bytes -= self.body.len();
        *self = Self::default();
    }

    /// Appends to the body. Its buffer has at most four times the size of what has really come, and
    /// ends up at exactly the announced size.
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
            let wanted = ((len + payload.len()) * 4).min(self.expected);
            self.body.reserve_exact(wanted - len);
        }
        self.body.extend_from_slice(payload);
        context.assembling_bytes += payload.len();
        Ok(())
    }

    /// Checks the properties and keeps them, as they came and as they go on.
    fn keep_properties(&mut self, context: &Context, raw: &[u8]) -> Result<(), Fault> {
        if self.received == raw {
            return Ok(());
        }
        let mut properties = Properties::parse(raw)?;
        let addressed = replies::address(&mut properties, self.replies.as_ref())?;
        check_user(context, &properties)?;
        check_expiration(&properties)?;
        let Copies { keys, cleaned } = Copies::of(&properties)?;
        self.received = Bytes::copy_from_slice(raw);
        self.properties = match cleaned {
            Some(cleaned) => cleaned,
            None if addressed => encoded(&properties),
            None => self.received.clone(),
        };
        self.further_keys = keys;
        self.persistent = properties.delivery_mode == Some(Properties::PERSISTENT);
        self.envelope = None;
        if properties
            .user_id
            .is_some_and(|id| id != context.attachment.username().as_bytes())
        {
            // To be checked each time: whose name may be used can change.
            self.received = Bytes::new();
        }
        Ok(())
    }
}

fn encoded(properties: &Properties<'_>) -> Bytes {
    let mut out = BytesMut::new();
    properties.encode(&mut out);
    out.freeze()
}

/// The user id, if there is one, is that of the connection's user, unless that one may borrow names.
fn check_user(context: &Context, properties: &Properties<'_>) -> Result<(), Fault> {
    let username = context.attachment.username();
    let Some(user_id) = properties.user_id else {
        return Ok(());
    };
    if user_id == username.as_bytes() || context.attachment.may_impersonate() {
        return Ok(());
    }
    let user_id = String::from_utf8_lossy(user_id);
    let text =
        format_args!("user_id property set to '{user_id}' but authenticated user was '{username}'");
    Err(Fault::new(ReplyCode::PreconditionFailed, text).of(BasicPublish::IDS))
}

/// The time to live, if there is one, is a time.
fn check_expiration(properties: &Properties<'_>) -> Result<(), Fault> {
    let Some(text) = properties.expiration else {
        return Ok(());
    };
    expiration::parse(text).map(drop).map_err(|why| {
        let text = String::from_utf8_lossy(text);
        let text = format_args!("invalid expiration '{text}': {why}");
        Fault::new(ReplyCode::PreconditionFailed, text).of(BasicPublish::IDS)
    })
}

impl Deref for Payload<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(payload) => payload,
            Self::Shared(payload) => payload,
        }
    }
}
