//! The reply codes: number, name, and what they close.

/// What a reply code puts an end to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Only the channel it happened on.
    Channel,
    /// The whole connection.
    Connection,
}

macro_rules! reply_codes {
    ($($number:literal $scope:ident $name:literal $variant:ident: $doc:literal,)*) => {
        /// Reply code of a close or return, in the order of its number.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum ReplyCode {
            $(#[doc = $doc] $variant = $number,)*
        }

        impl ReplyCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name that opens reply texts, as in `NOT_FOUND - no queue …`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// Whether it closes the channel or the connection.
            pub const fn scope(self) -> Scope {
                match self {
                    $(Self::$variant => Scope::$scope,)*
                }
            }
        }
    };
}

#[rustfmt::skip] // A table is read by column.
reply_codes! {
    311 Channel    "CONTENT_TOO_LARGE"   ContentTooLarge:    "The content is too large.",
    312 Channel    "NO_ROUTE"            NoRoute:            "A mandatory message reached no queue.",
    313 Channel    "NO_CONSUMERS"        NoConsumers:        "An immediate message reached no consumer.",
    320 Connection "CONNECTION_FORCED"   ConnectionForced:   "An operator closed the connection.",
    402 Connection "INVALID_PATH"        InvalidPath:        "The virtual host is malformed or unknown.",
    403 Channel    "ACCESS_REFUSED"      AccessRefused:      "The user lacks a permission.",
    404 Channel    "NOT_FOUND"           NotFound:           "The object does not exist.",
    405 Channel    "RESOURCE_LOCKED"     ResourceLocked:     "Another connection has it for itself.",
    406 Channel    "PRECONDITION_FAILED" PreconditionFailed: "The object is not in the state the call needs.",
    501 Connection "FRAME_ERROR"         FrameError:         "A malformed frame.",
    502 Connection "SYNTAX_ERROR"        SyntaxError:        "A malformed field in a frame.",
    503 Connection "COMMAND_INVALID"     CommandInvalid:     "A method at a wrong time or an unknown one.",
    504 Connection "CHANNEL_ERROR"       ChannelError:       "A channel that is not open, or opened twice.",
    505 Connection "UNEXPECTED_FRAME"    UnexpectedFrame:    "A frame that does not belong here.",
    506 Connection "RESOURCE_ERROR"      ResourceError:      "The broker lacks the means.",
    530 Connection "NOT_ALLOWED"         NotAllowed:         "A thing the broker's rules forbid.",
    540 Connection "NOT_IMPLEMENTED"     NotImplemented:     "A thing the broker does not offer.",
    541 Connection "INTERNAL_ERROR"      InternalError:      "The broker failed.",
}
