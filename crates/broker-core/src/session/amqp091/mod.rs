//! AMQP 0-9-1 sessions.
//!
//! What of the protocol there is, and where each of it is tested, stands in `README.md` beside this.
//!
//! A connection begins as a [`Handshake`]: protocol header, login, tuning, choice of the virtual
//! host. What comes out of it is a [`Connection`], which is authenticated by construction. A
//! connection that must end becomes a [`Farewell`], which only waits for the peer's last word.
//!
//! How to drive a [`Session`]: call [`Session::on_bytes`] when bytes were added to the input,
//! [`Session::on_wake`] when its [`Wake`] was called or the output has been written out, and
//! [`Session::on_tick`] at [`Session::next_tick`]. Each call handles all it can: it takes whole
//! frames from the front of `input`, appends to `output` and answers with a [`Step`]. While
//! [`Session::wants_input`] says no, bytes should stay in the socket.
//!
//! Order of what leaves: everything of one channel leaves in the order it came about. A reply that
//! must wait for the journal is held, and what is behind it on its channel waits too ([`lane::Lane`]);
//! other channels go on. Confirms are collected and leave once per turn, as few frames as possible.

mod basic;
mod channel;
mod channels;
mod confirms;
mod connection;
mod consumers;
mod content;
mod copies;
mod deliver;
mod exchange;
mod farewell;
mod fault;
mod handshake;
mod heartbeat;
mod lane;
mod named;
mod overdue;
mod publish;
mod publishes;
mod queue;
mod replies;
mod sasl;
mod settle;
mod settlements;
#[cfg(test)]
mod tests;
mod transaction;
mod unsettled;

pub use named::named_properties;

use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;

use self::connection::Connection;
use self::farewell::Farewell;
use self::fault::Fault;
use self::handshake::{Handshake, Progress};
use super::{Output, Step};
use crate::broker::{Broker, Login, Peer};
use crate::outbox::Wake;
use crate::refusal::Refusal;

/// What the broker offers in `connection.tune`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Most channels of one connection.
    pub channel_max: u16,
    /// Largest frame in bytes, heading and end included.
    pub frame_max_bytes: u32,
    /// Proposed heartbeat interval; the client's answer counts, 0 turns it off.
    pub heartbeat_s: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            channel_max: 2047,
            frame_max_bytes: 131_072,
            heartbeat_s: 60,
        }
    }
}

/// The state machine of one AMQP 0-9-1 connection.
#[derive(Debug)]
pub struct Session {
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Handshake(Box<Handshake>),
    Open(Box<Connection>),
    Farewell(Farewell),
    Over,
}

/// How far one call brought a connection that is open or about to be.
enum Flow {
    Continue,
    /// Both sides have said goodbye.
    Close,
}

impl Session {
    /// A connection that has not sent anything yet.
    pub fn new(
        broker: Arc<Broker>,
        settings: Settings,
        peer: impl Into<Peer>,
        wake: Box<dyn Wake>,
    ) -> Self {
        let peer = peer.into();
        Self {
            phase: Phase::Handshake(Box::new(Handshake::new(broker, settings, peer, wake))),
        }
    }

    /// The peer has proved by a certificate to be this user, and may log in without a password (SASL
    /// EXTERNAL). Only before its first bytes.
    pub fn certify(&mut self, username: String) {
        if let Phase::Handshake(handshake) = &mut self.phase {
            handshake.certify(username);
        }
    }

    /// Bytes were added to `input`.
    pub fn on_bytes(&mut self, now: Instant, input: &mut BytesMut, out: &mut Output) -> Step {
        match &mut self.phase {
            Phase::Handshake(handshake) => match handshake.on_bytes(now, input, out.buffer()) {
                Ok(Progress::Continue) => Step::Continue,
                Ok(Progress::Authenticate(check)) => Step::Authenticate(check),
                Ok(Progress::Opened(connection)) => {
                    self.phase = Phase::Open(connection);
                    // The client may have sent more behind `connection.open`.
                    self.on_bytes(now, input, out)
                }
                Ok(Progress::Close) => self.end(),
                Err(fault) => self.say_goodbye(now, &fault, out),
            },
            Phase::Open(connection) => {
                let outcome = connection.on_bytes(now, input, out);
                self.conclude(now, outcome, out)
            }
            Phase::Farewell(farewell) => match farewell.on_bytes(input, out.buffer()) {
                Flow::Continue => Step::Continue,
                Flow::Close => self.end(),
            },
            Phase::Over => Step::Close,
        }
    }

    /// The check of [`Step::Authenticate`] is done.
    pub fn on_authenticated(
        &mut self,
        now: Instant,
        result: Result<Login, Refusal>,
        out: &mut Output,
    ) -> Step {
        let Phase::Handshake(handshake) = &mut self.phase else {
            return Step::Continue;
        };
        match handshake.on_authenticated(result, out.buffer()) {
            Ok(Progress::Close) => self.end(),
            Ok(_) => Step::Continue,
            Err(fault) => self.say_goodbye(now, &fault, out),
        }
    }

    /// The broker has news for this connection, or the output has been written out. `input` is
    /// what [`Self::on_bytes`] left: frames may have waited there for room in the output.
    pub fn on_wake(&mut self, now: Instant, input: &mut BytesMut, out: &mut Output) -> Step {
        match &mut self.phase {
            Phase::Open(connection) => {
                let outcome = connection.on_wake(now, input, out);
                self.conclude(now, outcome, out)
            }
            // What the client sent while its password was checked.
            Phase::Handshake(_) if !input.is_empty() => self.on_bytes(now, input, out),
            _ => self.step(),
        }
    }

    /// When [`Self::on_tick`] is due.
    pub fn next_tick(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Open(connection) => connection.next_tick(),
            Phase::Farewell(farewell) => Some(farewell.deadline()),
            Phase::Handshake(_) | Phase::Over => None,
        }
    }

    /// The peer took bytes of the output that it had left waiting.
    pub fn on_progress(&mut self, now: Instant) {
        if let Phase::Open(connection) = &mut self.phase {
            connection.on_progress(now);
        }
    }

    /// Whether heartbeats decide how long a peer that takes no bytes is put up with; if not, the
    /// driver does.
    pub fn has_heartbeat(&self) -> bool {
        matches!(&self.phase, Phase::Open(connection) if connection.has_heartbeat())
    }

    /// Time passed: sends a heartbeat if one is due, gives up on a peer that showed no life for two
    /// intervals: nothing came from it, and it took nothing of what was left waiting in `out`.
    /// `deaf` says that the driver does not read at present, so that silence alone proves nothing.
    pub fn on_tick(&mut self, now: Instant, deaf: bool, out: &mut Output) -> Step {
        match &mut self.phase {
            Phase::Open(connection) => {
                let outcome = connection.on_tick(now, deaf, out);
                self.conclude(now, outcome, out)
            }
            Phase::Farewell(farewell) if now >= farewell.deadline() => self.end(),
            _ => self.step(),
        }
    }

    /// Ends the connection from this side, for a reason the peer is told.
    pub fn stop(&mut self, now: Instant, reason: &str, out: &mut Output) -> Step {
        match &mut self.phase {
            Phase::Handshake(_) => self.end(),
            Phase::Open(_) => self.say_goodbye(now, &Fault::forced(reason), out),
            Phase::Farewell(_) | Phase::Over => self.step(),
        }
    }

    /// Whether more bytes should be read: not while a password is being checked, or while input is
    /// left over because a publish has to wait or the output has no room.
    pub fn wants_input(&self) -> bool {
        match &self.phase {
            Phase::Handshake(handshake) => handshake.wants_input(),
            Phase::Open(connection) => connection.wants_input(),
            Phase::Farewell(_) => true,
            Phase::Over => false,
        }
    }

    /// How many bytes more complete the frame at the front of `input`, as far as that is known. No
    /// more than the agreed size of frames.
    pub fn missing_bytes(&self, input: &[u8]) -> usize {
        match &self.phase {
            Phase::Open(connection) => connection.missing_bytes(input),
            _ => 0,
        }
    }

    /// Whether the login is behind it.
    pub fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open(_))
    }

    fn conclude(&mut self, now: Instant, outcome: Result<Flow, Fault>, out: &mut Output) -> Step {
        match outcome {
            Ok(Flow::Continue) => Step::Continue,
            Ok(Flow::Close) => self.end(),
            Err(fault) => self.say_goodbye(now, &fault, out),
        }
    }

    fn say_goodbye(&mut self, now: Instant, fault: &Fault, out: &mut Output) -> Step {
        tracing::debug!(code = fault.code as u16, text = %fault.text, "closing connection");
        // Drops the attachment: consumers end and unsettled messages go back at once.
        self.phase = Phase::Farewell(Farewell::new(now, fault, out.buffer()));
        Step::Continue
    }

    fn end(&mut self) -> Step {
        self.phase = Phase::Over;
        Step::Close
    }

    fn step(&self) -> Step {
        match self.phase {
            Phase::Over => Step::Close,
            _ => Step::Continue,
        }
    }
}
