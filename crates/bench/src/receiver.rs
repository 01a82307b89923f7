//! What comes back from a broker, counted with as little work as possible.

use std::io::Read;

use anyhow::{Context as _, Result, bail};
use wire::amqp091::{ContentHeader, Decoder, FrameKind, Method};

use crate::amqp::FRAME_MAX_BYTES;
use crate::batch::{Protocol, Stamp};
use crate::input::{Fill, Input};
use crate::mqtt::{self, Packet};
use crate::nats;

/// Large reads: the fewer there are, the cheaper the generator.
const INPUT_BYTES: usize = 512 * 1024;

/// Cuts frames and reports what matters.
#[derive(Debug)]
pub struct Receiver {
    input: Input,
    protocol: Protocol,
    body_left: u64,
    stamp: Option<Stamp>,
    /// Acknowledgements of deliveries that MQTT wants one by one, encoded.
    pub(crate) owed: Vec<u8>,
}

/// What came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incoming {
    /// A whole message.
    Delivery(Stamp),
    /// A confirm, for this publish or for all up to it.
    Confirm {
        /// Number of the publish on its channel, from 1 on.
        tag: u64,
        /// All up to it.
        multiple: bool,
    },
    /// The same by the packet identifier of MQTT.
    Acknowledged(u16),
}

impl Receiver {
    /// `rest` are bytes of the connection that were read before.
    pub fn new(protocol: Protocol, rest: &[u8]) -> Self {
        Self {
            input: Input::with_rest(INPUT_BYTES, rest),
            protocol,
            body_left: 0,
            stamp: None,
            owed: Vec::new(),
        }
    }

    /// Reads once and reports all that is whole. False when the socket had nothing.
    pub fn receive(&mut self, socket: impl Read, report: impl FnMut(Incoming)) -> Result<bool> {
        let fill = self.input.fill(socket)?;
        if fill == Fill::End {
            bail!("the broker closed the connection");
        }
        match self.protocol {
            Protocol::Amqp => self.report_amqp(report)?,
            Protocol::Mqtt => self.report_mqtt(report)?,
            Protocol::Nats => self.report_nats(report)?,
        }
        Ok(fill == Fill::Some)
    }

    fn report_mqtt(&mut self, mut report: impl FnMut(Incoming)) -> Result<()> {
        let mut rest = self.input.as_slice();
        let whole = rest.len();
        while let Some(packet) = mqtt::take(&mut rest)? {
            match packet {
                Packet::PubAck(identifier) => report(Incoming::Acknowledged(identifier)),
                Packet::Publish {
                    identifier,
                    payload,
                } => {
                    let stamp = Stamp::read(payload).context("a body without our stamp")?;
                    if let Some(identifier) = identifier {
                        self.owed.extend_from_slice(&mqtt::puback(identifier));
                    }
                    report(Incoming::Delivery(stamp));
                }
            }
        }
        let used = whole - rest.len();
        self.input.advance(used);
        Ok(())
    }

    fn report_nats(&mut self, mut report: impl FnMut(Incoming)) -> Result<()> {
        let mut rest = self.input.as_slice();
        let whole = rest.len();
        while let Some(operation) = nats::take(&mut rest)? {
            if let Some(body) = operation {
                let stamp = Stamp::read(body).context("a body without our stamp")?;
                report(Incoming::Delivery(stamp));
            }
        }
        let used = whole - rest.len();
        self.input.advance(used);
        Ok(())
    }

    fn report_amqp(&mut self, mut report: impl FnMut(Incoming)) -> Result<()> {
        let decoder = Decoder {
            frame_max: FRAME_MAX_BYTES,
        };
        let mut rest = self.input.as_slice();
        let whole = rest.len();
        while let Some(frame) = decoder.decode(&mut rest)? {
            match frame.kind {
                FrameKind::Method => {
                    if let Some(confirm) = confirm(frame.payload)? {
                        report(confirm);
                    }
                }
                FrameKind::Header => {
                    self.body_left = ContentHeader::decode(frame.payload)?.body_size;
                    self.stamp = None;
                }
                FrameKind::Body => {
                    if self.stamp.is_none() {
                        self.stamp = Stamp::read(frame.payload);
                    }
                    self.body_left = self.body_left.saturating_sub(frame.payload.len() as u64);
                    if self.body_left == 0 {
                        let stamp = self.stamp.take().context("a body without our stamp")?;
                        report(Incoming::Delivery(stamp));
                    }
                }
                FrameKind::Heartbeat => {}
            }
        }
        let used = whole - rest.len();
        self.input.advance(used);
        Ok(())
    }
}

/// Deliveries are told by their bodies; their methods are not even decoded.
fn confirm(payload: &[u8]) -> Result<Option<Incoming>> {
    const DELIVER: [u8; 4] = [0, 60, 0, 60];
    if payload.starts_with(&DELIVER) {
        return Ok(None);
    }
    match Method::decode(payload)? {
        Method::BasicAck(ack) => Ok(Some(Incoming::Confirm {
            tag: ack.delivery_tag,
            multiple: ack.multiple,
        })),
        Method::ConnectionBlocked(_) | Method::ConnectionUnblocked(_) => Ok(None),
        other => bail!("the broker sent {other:?}"),
    }
}
