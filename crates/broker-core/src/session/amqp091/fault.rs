//! What ends a channel or a connection, and where refusals become reply codes.

use std::fmt;

use wire::amqp091::{DecodeError, ReplyCode};

use crate::refusal::{Reason, Refusal};

/// Why a channel or connection must end. The code decides which of the two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) code: ReplyCode,
    /// What follows the code's name in the reply text.
    pub(super) text: String,
    /// Class and method number of the method at fault, 0 when there is none.
    pub(super) method: (u16, u16),
}

impl Fault {
    pub(super) fn new(code: ReplyCode, text: impl fmt::Display) -> Self {
        Self {
            code,
            text: text.to_string(),
            method: (0, 0),
        }
    }

    /// An operator, or the end of the broker.
    pub(super) fn forced(reason: &str) -> Self {
        Self::new(
            ReplyCode::ConnectionForced,
            format_args!("broker forced connection closure with reason '{reason}'"),
        )
    }

    /// A frame that does not belong where it came.
    pub(super) fn unexpected_frame(text: impl fmt::Display) -> Self {
        Self::new(ReplyCode::UnexpectedFrame, text)
    }

    /// A method that no client sends, or not in this place.
    pub(super) fn unexpected_method(name: &str) -> Self {
        Self::new(
            ReplyCode::CommandInvalid,
            format_args!("unexpected method {name}"),
        )
    }

    pub(super) fn not_implemented(what: impl fmt::Display) -> Self {
        Self::new(ReplyCode::NotImplemented, what)
    }

    /// Names the method at fault, unless one is named already.
    pub(super) fn of(mut self, method: (u16, u16)) -> Self {
        if self.method == (0, 0) {
            self.method = method;
        }
        self
    }

    /// The reply text: `NOT_FOUND - no queue 'x' in vhost '/'`.
    pub(super) fn reply_text(&self) -> String {
        format!("{} - {}", self.code.name(), self.text)
    }
}

impl From<DecodeError> for Fault {
    fn from(error: DecodeError) -> Self {
        Self::new(error.reply_code(), error)
    }
}

/// The one place where refusals meet this protocol's reply codes.
impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        #[rustfmt::skip] // A table is read by column.
        let code = match refusal.reason {
            Reason::AccessRefused     => ReplyCode::AccessRefused,
            Reason::Conflict          => ReplyCode::PreconditionFailed,
            Reason::InUse             => ReplyCode::PreconditionFailed,
            Reason::Invalid           => ReplyCode::PreconditionFailed,
            Reason::Locked            => ReplyCode::ResourceLocked,
            Reason::Mismatch          => ReplyCode::PreconditionFailed,
            Reason::NotEmpty          => ReplyCode::PreconditionFailed,
            Reason::NotFound          => ReplyCode::NotFound,
            Reason::NotImplemented    => ReplyCode::NotImplemented,
            Reason::ResourceExhausted => ReplyCode::PreconditionFailed,
            Reason::Unavailable       => ReplyCode::InternalError,
        };
        Self::new(code, refusal.text)
    }
}
