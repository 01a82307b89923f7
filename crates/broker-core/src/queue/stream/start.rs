//! Where a consumer begins to read a stream.

/// The place of a reader's first message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Start {
    /// The oldest message there is.
    First,
    /// The newest message there is.
    Last,
    /// The next message that comes.
    #[default]
    Next,
    /// The message of that offset, or the first behind it.
    Offset(u64),
}
