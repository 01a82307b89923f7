//! One consuming connection.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use bytes::BytesMut;
use wire::amqp091::BasicAck;

use crate::amqp::{CHANNEL, Client};
use crate::batch::{Protocol, Stamp};
use crate::mqtt;
use crate::nats;
use crate::receiver::{Incoming, Receiver};

/// Deliveries that may be unsettled, as a multiple of those acknowledged at once. Enough that a
/// broker never waits for an acknowledgement.
const PREFETCH_FACTOR: u64 = 20;

/// Longest a broker may leave no room for acknowledgements: it is stuck then.
const STUCK: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Consumer {
    stream: TcpStream,
    receiver: Receiver,
    received: u64,
    ack_every: Option<u64>,
    acked: u64,
}

impl Consumer {
    /// Subscribes: with automatic acknowledgement, or acknowledging so many at once.
    pub(crate) fn open(queue: &str, ack_every: Option<u64>, address: SocketAddr) -> Result<Self> {
        let mut client = Client::connect(address)?;
        let prefetch =
            ack_every.map(|every| u16::try_from(every * PREFETCH_FACTOR).unwrap_or(u16::MAX));
        client.consume(queue, prefetch)?;
        let (stream, rest) = client.into_parts();
        Self::new(stream, Receiver::new(Protocol::Amqp, &rest), ack_every)
    }

    /// Subscribes to a subject of NATS.
    pub(crate) fn open_nats(subject: &str, address: SocketAddr) -> Result<Self> {
        let stream = nats::connect(address, Some(subject))?;
        Self::new(stream, Receiver::new(Protocol::Nats, &[]), None)
    }

    /// Subscribes to a topic of MQTT; at QoS 1 with a session that survives the connection, since
    /// brokers may keep messages in memory for others.
    pub(crate) fn open_mqtt(
        client: &str,
        topic: &str,
        persistent: bool,
        address: SocketAddr,
    ) -> Result<Self> {
        let mut stream = mqtt::connect(address, client, !persistent)?;
        mqtt::subscribe(&mut stream, topic, u8::from(persistent))?;
        Self::new(stream, Receiver::new(Protocol::Mqtt, &[]), None)
    }

    fn new(stream: TcpStream, receiver: Receiver, ack_every: Option<u64>) -> Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            receiver,
            received: 0,
            ack_every,
            acked: 0,
        })
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Messages that have come.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Reads once, checks the order of what came and acknowledges what is due.
    pub(crate) fn receive(&mut self, mut report: impl FnMut(Stamp)) -> Result<()> {
        let mut wrong = None;
        let received = &mut self.received;
        self.receiver.receive(&self.stream, |incoming| {
            if let Incoming::Delivery(stamp) = incoming {
                if stamp.sequence != *received && wrong.is_none() {
                    wrong = Some((stamp.sequence, *received));
                }
                *received += 1;
                report(stamp);
            }
        })?;
        if let Some((found, expected)) = wrong {
            bail!("message {found} came where {expected} was due: lost, repeated or out of order");
        }
        if !self.receiver.owed.is_empty() {
            let owed = std::mem::take(&mut self.receiver.owed);
            self.send(&owed)?;
        }
        match self.ack_every {
            Some(every) if self.received - self.acked >= every => self.acknowledge_all(),
            _ => Ok(()),
        }
    }

    /// Acknowledges all that came, if that is not automatic.
    pub(crate) fn acknowledge_all(&mut self) -> Result<()> {
        if self.ack_every.is_none() || self.received == self.acked {
            return Ok(());
        }
        let mut frame = BytesMut::new();
        let ack = BasicAck {
            delivery_tag: self.received,
            multiple: true,
        };
        ack.encode(CHANNEL, &mut frame);
        self.send(&frame)?;
        self.acked = self.received;
        Ok(())
    }

    /// Writes all of it, which is so little that the socket nearly always takes it at once.
    fn send(&mut self, mut bytes: &[u8]) -> Result<()> {
        let began = Instant::now();
        while !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if began.elapsed() > STUCK {
                        bail!("the broker takes no acknowledgements");
                    }
                    thread::yield_now();
                }
                Err(error) => return Err(error).context("acknowledge"),
            }
        }
        Ok(())
    }
}
