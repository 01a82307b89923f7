//! Sessions: one state machine per connection, one module per protocol.
//!
//! A session turns frames into the broker's neutral calls and what the broker has to say into
//! frames. It owns no socket, clock or task: bytes, time and wake-ups come in, bytes and a
//! [`Step`] go out, and whoever drives it moves the bytes.

pub mod amqp091;
mod output;

pub use self::output::Output;
use crate::broker::PasswordCheck;

/// What the driver must do after it called a session.
#[derive(Debug)]
pub enum Step {
    /// Nothing but write the output and go on.
    Continue,
    /// Run the check where it may take its time, then hand its result to `on_authenticated`.
    Authenticate(PasswordCheck),
    /// Write the output, then close the connection.
    Close,
}
