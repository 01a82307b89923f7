//! What can be wrong with bytes from a peer, and which reply code tells it so.

use super::reply::ReplyCode;

/// Why bytes could not be read. Every variant ends the connection, see [`DecodeError::reply_code`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The octet behind the payload is not the frame end.
    #[error("frame ends in octet {found:#04x} instead of 0xce")]
    BadFrameEnd {
        /// What stood there.
        found: u8,
    },
    /// A property flag outside the fourteen of class basic.
    #[error("unknown property flags {flags:#06x}")]
    BadPropertyFlags {
        /// All flags of the header.
        flags: u16,
    },
    /// A short string that has to be text is not UTF-8.
    #[error("a short string is not valid UTF-8")]
    BadText,
    /// A tag that no field value has.
    #[error("unknown field value tag {tag:#04x}")]
    BadValueTag {
        /// The tag.
        tag: u8,
    },
    /// Tables or lists nested beyond [`super::MAX_DEPTH`].
    #[error("field tables are nested more than {} levels deep", super::MAX_DEPTH)]
    TooDeep,
    /// The frame is longer than the peers agreed.
    #[error("frame of {size} bytes is larger than the agreed maximum of {max} bytes")]
    TooLarge {
        /// Bytes of the whole frame.
        size: u64,
        /// The agreed maximum for the whole frame.
        max: u32,
    },
    /// Bytes are left behind the last field.
    #[error("{count} unexpected bytes behind the last field")]
    Trailing {
        /// How many.
        count: usize,
    },
    /// A field reaches beyond the end of its frame.
    #[error("a field reaches beyond the end of its frame")]
    Truncated,
    /// A frame type other than method, header, body and heartbeat.
    #[error("unknown frame type {kind}")]
    UnknownFrameKind {
        /// The type octet.
        kind: u8,
    },
    /// No method has these numbers.
    #[error("unknown method {method} of class {class}")]
    UnknownMethod {
        /// Class number.
        class: u16,
        /// Method number.
        method: u16,
    },
}

impl DecodeError {
    /// The reply code the specification has for this kind of damage.
    pub const fn reply_code(self) -> ReplyCode {
        match self {
            Self::BadFrameEnd { .. } | Self::TooLarge { .. } | Self::UnknownFrameKind { .. } => {
                ReplyCode::FrameError
            }
            Self::BadPropertyFlags { .. }
            | Self::BadText
            | Self::BadValueTag { .. }
            | Self::TooDeep
            | Self::Trailing { .. }
            | Self::Truncated => ReplyCode::SyntaxError,
            Self::UnknownMethod { .. } => ReplyCode::CommandInvalid,
        }
    }
}
