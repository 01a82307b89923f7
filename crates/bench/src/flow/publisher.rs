//! One publishing connection.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};

use anyhow::Result;
use wire::amqp091::ConfirmSelect;

use crate::amqp::Client;
use crate::batch::{Batch, Protocol, Publish};
use crate::mqtt;
use crate::nats;
use crate::poller::Interest;
use crate::receiver::{Incoming, Receiver};

#[derive(Debug)]
pub(crate) struct Publisher {
    stream: TcpStream,
    receiver: Receiver,
    batch: Batch,
    window: Option<u64>,
    confirms: Confirms,
    /// Publishes written or being written.
    pub(crate) published: u64,
    /// No more than this are published.
    pub(crate) limit: u64,
    /// The part of the batch that still has to be written.
    pending: std::ops::Range<usize>,
    blocked: bool,
    pub(crate) interest: Interest,
}

/// Publishes confirmed without a gap, and those beyond the first gap.
#[derive(Debug, Default)]
pub(crate) struct Confirms {
    without_gap: u64,
    beyond: BTreeSet<u64>,
}

impl Confirms {
    pub(crate) fn add(&mut self, tag: u64, multiple: bool) {
        if multiple {
            self.without_gap = self.without_gap.max(tag);
            self.beyond = self.beyond.split_off(&(self.without_gap + 1));
        } else if tag > self.without_gap {
            self.beyond.insert(tag);
        }
        while self.beyond.remove(&(self.without_gap + 1)) {
            self.without_gap += 1;
        }
    }

    /// By packet identifier: the first number beyond the gapless ones that has it.
    pub(crate) fn add_identifier(&mut self, identifier: u16) {
        let next = mqtt::identifier(self.without_gap);
        let ahead =
            (u64::from(identifier) + mqtt::IDENTIFIERS - u64::from(next)) % mqtt::IDENTIFIERS;
        self.add(self.without_gap + ahead + 1, false);
    }

    /// All publishes up to this one are confirmed.
    pub(crate) fn without_gap(&self) -> u64 {
        self.without_gap
    }
}

impl Publisher {
    pub(crate) fn open(
        publish: &Publish<'_>,
        window: Option<u64>,
        address: SocketAddr,
    ) -> Result<Self> {
        let mut client = Client::connect(address)?;
        if window.is_some() {
            client.call(&ConfirmSelect::default().into())?;
        }
        let (stream, rest) = client.into_parts();
        let receiver = Receiver::new(Protocol::Amqp, &rest);
        Self::new(
            stream,
            receiver,
            Batch::new(publish, Protocol::Amqp),
            window,
        )
    }

    pub(crate) fn open_nats(publish: &Publish<'_>, address: SocketAddr) -> Result<Self> {
        let stream = nats::connect(address, None)?;
        let receiver = Receiver::new(Protocol::Nats, &[]);
        Self::new(stream, receiver, Batch::new(publish, Protocol::Nats), None)
    }

    /// At QoS 1 and with a window if the messages are persistent.
    pub(crate) fn open_mqtt(
        publish: &Publish<'_>,
        window: Option<u64>,
        address: SocketAddr,
    ) -> Result<Self> {
        let client = format!("{}.publisher", publish.key);
        let stream = mqtt::connect(address, &client, true)?;
        let receiver = Receiver::new(Protocol::Mqtt, &[]);
        // An identifier must not come again before it is acknowledged.
        let window = window.map(|window| window.min(mqtt::IDENTIFIERS));
        Self::new(
            stream,
            receiver,
            Batch::new(publish, Protocol::Mqtt),
            window,
        )
    }

    fn new(
        stream: TcpStream,
        receiver: Receiver,
        batch: Batch,
        window: Option<u64>,
    ) -> Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            receiver,
            batch,
            window,
            confirms: Confirms::default(),
            published: 0,
            limit: u64::MAX,
            pending: 0..0,
            blocked: false,
            interest: Interest::READ,
        })
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(crate) fn confirmed(&self) -> u64 {
        self.confirms.without_gap()
    }

    /// The socket takes no more for now.
    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked
    }

    pub(crate) fn unblock(&mut self) {
        self.blocked = false;
    }

    /// Everything is written, and confirmed if confirms were asked for.
    pub(crate) fn is_idle(&self) -> bool {
        let confirmed = self.window.is_none() || self.confirmed() == self.published;
        self.pending.is_empty() && confirmed
    }

    /// One write of at most `room` messages. True when the next call may write more.
    pub(crate) fn publish(&mut self, room: u64, sent_ns: u64) -> Result<bool> {
        if self.blocked {
            return Ok(false);
        }
        if self.pending.is_empty() {
            let window = self.window.map_or(u64::MAX, |window| {
                window.saturating_sub(self.published - self.confirmed())
            });
            let room = room.min(window).min(self.limit - self.published);
            let count = room.min(self.batch.capacity());
            if count == 0 {
                return Ok(false);
            }
            self.pending = 0..self.batch.stamp(count, self.published, sent_ns);
            self.published += count;
        }
        match self.stream.write(&self.batch.bytes()[self.pending.clone()]) {
            Ok(count) => self.pending.start += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.blocked = true,
            Err(error) => return Err(error.into()),
        }
        Ok(!self.blocked)
    }

    /// Reads confirms; reports how many publishes are confirmed without a gap after each.
    pub(crate) fn receive(&mut self, mut report: impl FnMut(u64)) -> Result<()> {
        let confirms = &mut self.confirms;
        self.receiver.receive(&self.stream, |incoming| {
            match incoming {
                Incoming::Acknowledged(identifier) => confirms.add_identifier(identifier),
                Incoming::Confirm { tag, multiple } => confirms.add(tag, multiple),
                Incoming::Delivery(_) => return,
            }
            report(confirms.without_gap());
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confirms_count_up_to_the_first_gap() {
        let mut confirms = Confirms::default();
        let mut check = |tag, multiple, expected| {
            confirms.add(tag, multiple);
            assert_eq!(confirms.without_gap(), expected, "after {tag} {multiple}");
        };
        check(2, false, 0);
        check(1, false, 2);
        check(5, false, 2);
        check(9, false, 2);
        check(4, true, 5);
        check(3, true, 5);
        check(8, true, 9);
        check(7, false, 9);
    }

    #[test]
    fn identifiers_count_on_beyond_their_range() {
        let mut confirms = Confirms::default();
        for number in 0..3 * mqtt::IDENTIFIERS {
            confirms.add_identifier(mqtt::identifier(number));
            assert_eq!(confirms.without_gap(), number + 1);
        }
        let base = confirms.without_gap();
        confirms.add_identifier(mqtt::identifier(base + 1));
        assert_eq!(confirms.without_gap(), base);
        confirms.add_identifier(mqtt::identifier(base));
        assert_eq!(confirms.without_gap(), base + 2);
    }
}
