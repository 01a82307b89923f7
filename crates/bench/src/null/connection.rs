//! One connection of the null broker.

use std::io::{self, Write as _};
use std::net::TcpStream;

use anyhow::{Context as _, Result, bail};
use bytes::BytesMut;
use wire::amqp091::{
    BasicAck, BasicDeliver, ContentHeader, Decoder, Frame, FrameKind, Method, PROTOCOL_HEADER,
};

use super::journal::Journal;
use super::{Topology, methods};
use crate::amqp::{CHANNEL, FRAME_MAX_BYTES};
use crate::input::{Fill, Input};
use crate::poller::{Interest, Poller};

/// Holds the longest message with room for a large read.
const INPUT_BYTES: usize = 1024 * 1024;

const PUBLISH: [u8; 4] = [0, 60, 0, 40];
const ACK: [u8; 4] = [0, 60, 0, 80];

/// Where the delivery tag of an encoded `basic.deliver` stands: behind heading, class and method
/// numbers and the consumer tag `c` with its length.
const TAG_AT: usize = 7 + 4 + 2;

#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    input: Option<Input>,
    pub(super) output: BytesMut,
    /// Bytes of the output that are gone.
    written: usize,
    greeted: bool,
    /// The `basic.deliver` frame of its consumer.
    deliver: Vec<u8>,
    deliveries: u64,
    pub(super) confirming: bool,
    published: u64,
    confirmed: u64,
    route: Route,
    interest: Interest,
}

/// Where the last publish went. The next one is nearly always the same.
#[derive(Debug, Default)]
struct Route {
    method: Vec<u8>,
    consumers: Vec<usize>,
    version: u64,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            input: Some(Input::new(INPUT_BYTES)),
            output: BytesMut::new(),
            written: 0,
            greeted: false,
            deliver: Vec::new(),
            deliveries: 0,
            confirming: false,
            published: 0,
            confirmed: 0,
            route: Route::default(),
            interest: Interest::READ,
        }
    }

    /// Whether it ever published.
    pub(super) fn publishes(&self) -> bool {
        self.published > 0
    }

    /// Bytes that could not be written yet.
    pub(super) fn waiting(&self) -> usize {
        self.output.len() - self.written
    }

    /// One read and all that is whole in it. False when the connection is over.
    pub(super) fn read(
        &mut self,
        token: usize,
        others: &mut [Option<Self>],
        topology: &mut Topology,
        mut journal: Option<&mut Journal>,
    ) -> bool {
        let Some(mut input) = self.input.take() else {
            return false;
        };
        let outcome = match input.fill(&self.stream) {
            Ok(Fill::End) | Err(_) => Ok(false),
            Ok(Fill::Dry) => Ok(true),
            Ok(Fill::Some) => self
                .take(&mut input, token, others, topology, &mut journal)
                .map(|()| true),
        };
        self.input = Some(input);
        outcome.unwrap_or(false)
    }

    fn take(
        &mut self,
        input: &mut Input,
        token: usize,
        others: &mut [Option<Self>],
        topology: &mut Topology,
        journal: &mut Option<&mut Journal>,
    ) -> Result<()> {
        if !self.greeted {
            if input.as_slice().len() < PROTOCOL_HEADER.len() {
                return Ok(());
            }
            input.advance(PROTOCOL_HEADER.len());
            self.greeted = true;
            methods::greet(&mut self.output);
        }
        let decoder = Decoder {
            frame_max: FRAME_MAX_BYTES,
        };
        let mut rest = input.as_slice();
        let mut whole = rest.len();
        while let Some(frame) = decoder.decode(&mut rest)? {
            if frame.payload.starts_with(&PUBLISH) && frame.kind == FrameKind::Method {
                let Some(content) = content(&decoder, &mut rest)? else {
                    break;
                };
                self.publish(frame.payload, content, others, topology)?;
                if let Some(journal) = journal {
                    journal.append(content);
                }
            } else if frame.kind == FrameKind::Method && !frame.payload.starts_with(&ACK) {
                self.answer(&frame, token, topology)?;
            }
            whole = rest.len();
        }
        let used = input.as_slice().len() - whole;
        input.advance(used);
        Ok(())
    }

    fn publish(
        &mut self,
        method: &[u8],
        content: &[u8],
        others: &mut [Option<Self>],
        topology: &Topology,
    ) -> Result<()> {
        self.published += 1;
        if self.route.version != topology.version || self.route.method != method {
            let Method::BasicPublish(publish) = Method::decode(method)? else {
                bail!("not a publish");
            };
            self.route = Route {
                method: method.to_vec(),
                consumers: topology.route(publish.exchange, publish.routing_key),
                version: topology.version,
            };
        }
        for token in &self.route.consumers {
            if let Some(consumer) = &mut others[*token] {
                consumer.deliver(content);
            }
        }
        Ok(())
    }

    /// Content leaves as it came: on the same channel, in frames of the same size.
    fn deliver(&mut self, content: &[u8]) {
        self.deliveries += 1;
        let start = self.output.len();
        self.output.reserve(self.deliver.len() + content.len());
        self.output.extend_from_slice(&self.deliver);
        self.output[start + TAG_AT..start + TAG_AT + 8]
            .copy_from_slice(&self.deliveries.to_be_bytes());
        self.output.extend_from_slice(content);
    }

    fn answer(&mut self, frame: &Frame<'_>, token: usize, topology: &mut Topology) -> Result<()> {
        let method = Method::decode(frame.payload)?;
        match method {
            Method::BasicConsume(consume) => {
                let mut deliver = BytesMut::new();
                let method = BasicDeliver {
                    consumer_tag: "c",
                    routing_key: consume.queue,
                    ..Default::default()
                };
                method.encode(CHANNEL, &mut deliver);
                self.deliver = deliver.to_vec();
                topology.consume(consume.queue, token);
            }
            Method::QueueBind(bind) => topology.bind(bind.queue, bind.exchange),
            Method::QueueDelete(delete) => topology.delete(delete.queue),
            Method::ConfirmSelect(_) => self.confirming = true,
            _ => {}
        }
        methods::answer(&method, frame.channel, &mut self.output)
            .with_context(|| format!("no answer to {}", method.name()))
    }

    /// One confirm for all that was published since the last.
    pub(super) fn confirm(&mut self) {
        if self.confirming && self.confirmed < self.published {
            let ack = BasicAck {
                delivery_tag: self.published,
                multiple: true,
            };
            ack.encode(CHANNEL, &mut self.output);
        }
        self.confirmed = self.published;
    }

    /// Writes what the socket takes.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while self.waiting() > 0 {
            match (&self.stream).write(&self.output[self.written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.output.clear();
        self.written = 0;
        Ok(())
    }

    pub(super) fn watch(
        &mut self,
        poller: &Poller,
        token: usize,
        interest: Interest,
    ) -> io::Result<()> {
        if self.interest != interest {
            self.interest = interest;
            poller.watch(&self.stream, token, interest)?;
        }
        Ok(())
    }
}

/// Takes a whole content off `rest`: header frame and body frames, as they are.
fn content<'a>(decoder: &Decoder, rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>> {
    let start = *rest;
    let mut ahead = start;
    let Some(header) = decoder.decode(&mut ahead)? else {
        return Ok(None);
    };
    let mut left = ContentHeader::decode(header.payload)?.body_size;
    while left > 0 {
        let Some(body) = decoder.decode(&mut ahead)? else {
            return Ok(None);
        };
        left = left.saturating_sub(body.payload.len() as u64);
    }
    *rest = ahead;
    Ok(Some(&start[..start.len() - ahead.len()]))
}
