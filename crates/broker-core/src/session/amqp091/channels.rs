//! The channels of a connection by number.

use bytes::BytesMut;
use wire::amqp091::{ChannelOpenOk, ReplyCode};

use super::channel::Channel;
use super::fault::Fault;
use crate::broker::ChannelSlot;
use crate::refusal::Refusal;

/// Channels by number; clients number them from 1 up, so the vector stays short.
#[derive(Debug)]
pub(super) struct Channels {
    by_number: Vec<Option<Box<Channel>>>,
    max: u16,
}

impl Channels {
    /// Up to `max` channels, numbered 1 to `max`.
    pub(super) fn new(max: u16) -> Self {
        Self {
            by_number: Vec::new(),
            max,
        }
    }

    pub(super) fn get(&self, number: u16) -> Option<&Channel> {
        self.by_number.get(usize::from(number))?.as_deref()
    }

    pub(super) fn get_mut(&mut self, number: u16) -> Option<&mut Channel> {
        self.by_number.get_mut(usize::from(number))?.as_deref_mut()
    }

    /// Whether any channel has deliveries that wait for the client's word, or a transaction open: what
    /// comes next may make room.
    pub(super) fn hold_deliveries(&self) -> bool {
        let mut open = self.by_number.iter().flatten();
        open.any(|channel| channel.holds_deliveries())
    }

    /// The numbers of those there are.
    pub(super) fn numbers(&self) -> Vec<u16> {
        let open = self.by_number.iter().flatten();
        open.map(|channel| channel.number).collect()
    }

    /// Opens a channel and says so; `reserve` gives it its place among those of its user.
    pub(super) fn open(
        &mut self,
        number: u16,
        reserve: impl FnOnce() -> Result<ChannelSlot, Refusal>,
        out: &mut BytesMut,
    ) -> Result<(), Fault> {
        if self.get(number).is_some() {
            return Err(Fault::new(
                ReplyCode::ChannelError,
                "second 'channel.open' seen",
            ));
        }
        if number > self.max {
            return Err(Fault::new(
                ReplyCode::NotAllowed,
                format_args!(
                    "channel number {number} is higher than the negotiated channel_max ({})",
                    self.max
                ),
            ));
        }
        // A client that may have no more channels is told so as RabbitMQ does: with the connection.
        let slot = reserve().map_err(|refusal| Fault::new(ReplyCode::NotAllowed, refusal.text))?;
        let index = usize::from(number);
        if self.by_number.len() <= index {
            self.by_number.resize_with(index + 1, || None);
        }
        self.by_number[index] = Some(Box::new(Channel::new(number, slot)));
        ChannelOpenOk::default().encode(number, out);
        Ok(())
    }

    /// Forgets a channel that is closed and has nothing left to say.
    pub(super) fn sweep(&mut self, number: u16) {
        if self.get(number).is_some_and(Channel::is_over) {
            self.by_number[usize::from(number)] = None;
        }
    }
}
