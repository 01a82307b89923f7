//! The fourteen properties of a basic message.

use bytes::{BufMut, BytesMut};

use super::error::DecodeError;
use super::primitive::{Reader, put_long_str, put_short_bytes};
use super::table::Table;

macro_rules! properties {
    ($($flag:literal $name:ident: $ty:ident $doc:literal,)*) => {
        /// Properties read in place: nothing is copied, and a header table stays bytes until asked.
        /// Short strings are bytes too: clients put raw ids where the specification has text.
        ///
        /// In the order of their flags, which is the order on the wire.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct Properties<'a> {
            $(#[doc = $doc] pub $name: Option<properties!(@type $ty)>,)*
        }

        impl<'a> Properties<'a> {
            /// Reads and checks property flags and list as a content header carries them.
            pub fn parse(raw: &'a [u8]) -> Result<Self, DecodeError> {
                let mut reader = Reader::new(raw);
                let flags = reader.u16()?;
                // Bit 1 is unused; bit 0 announces a second flag word, which basic has no use for.
                if flags & 0b11 != 0 {
                    return Err(DecodeError::BadPropertyFlags { flags });
                }
                let mut found = Self::default();
                $(if flags & (1 << $flag) != 0 {
                    found.$name = Some(properties!(@read $ty reader));
                })*
                reader.finish()?;
                Ok(found)
            }

            /// Appends flags and list.
            pub fn encode(&self, out: &mut BytesMut) {
                let mut flags = 0u16;
                $(if self.$name.is_some() {
                    flags |= 1 << $flag;
                })*
                out.put_u16(flags);
                $(if let Some(value) = self.$name {
                    properties!(@write $ty out value);
                })*
            }
        }
    };
    (@type short) => { &'a [u8] };
    (@type table) => { Table<'a> };
    (@type octet) => { u8 };
    (@type timestamp) => { u64 };
    (@read short $reader:ident) => { $reader.short_bytes()? };
    (@read table $reader:ident) => { Table::parse($reader.long_str()?)? };
    (@read octet $reader:ident) => { $reader.u8()? };
    (@read timestamp $reader:ident) => { $reader.u64()? };
    (@write short $out:ident $value:ident) => { put_short_bytes($out, $value) };
    (@write table $out:ident $value:ident) => { put_long_str($out, $value.as_bytes()) };
    (@write octet $out:ident $value:ident) => { $out.put_u8($value) };
    (@write timestamp $out:ident $value:ident) => { $out.put_u64($value) };
}

#[rustfmt::skip] // A table is read by column.
properties! {
    15 content_type:     short     "MIME type of the body.",
    14 content_encoding: short     "MIME encoding of the body.",
    13 headers:          table     "The application's own named values.",
    12 delivery_mode:    octet     "1 transient, 2 persistent.",
    11 priority:         octet     "0 lowest; queues with priorities look at it.",
    10 correlation_id:   short     "Which request this answers.",
     9 reply_to:         short     "Where answers should go.",
     8 expiration:       short     "Milliseconds to live, in decimal digits.",
     7 message_id:       short     "The application's name for the message.",
     6 timestamp:        timestamp "When it was made, seconds since 1970 UTC.",
     5 kind:             short     "Message type; the wire's name is `type`.",
     4 user_id:          short     "Who sent it; the broker holds the sender to it.",
     3 app_id:           short     "Which application sent it.",
     2 cluster_id:       short     "Unused, carried along.",
}

impl Properties<'_> {
    /// Number of class basic, the one whose content has these properties.
    pub const CLASS: u16 = 60;
    /// The delivery mode of messages that must survive a restart.
    pub const PERSISTENT: u8 = 2;
}
