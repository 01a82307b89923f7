//! An open connection: hands frames to channels, brings out what the broker has to say.

use std::mem;
use std::time::Instant;

use bytes::{Buf as _, BytesMut};
use wire::amqp091::{
    BasicPublish, ConnectionBlocked, ConnectionCloseOk, ConnectionUnblocked,
    ConnectionUpdateSecretOk, Decoder, FRAME_OVERHEAD_BYTES, Frame, FrameKind, Method, ReplyCode,
    Scope, encode_heartbeat,
};

use super::Flow;
use super::channel::Channel;
use super::channels::Channels;
use super::consumers::Consumers;
use super::content::Payload;
use super::fault::Fault;
use super::handshake::{Capabilities, Tuning};
use super::heartbeat::Heartbeat;
use super::overdue::Patience;
use super::publishes::Publishes;
use super::settlements::Settlements;
use crate::broker::Attachment;
use crate::durability::{Durability, Promise};
use crate::outbox::Event;
use crate::session::Output;

/// Bytes of output, held back or not yet written, above which neither frames are handled nor
/// deliveries fetched: a client that does not read costs this much and one more answer.
const OUTPUT_BYTES: usize = 512 * 1024;

/// Payloads of body frames above this size are kept as parts of the input buffer, if they make up
/// at least one part in so many of it; others are copied out of it. A message must not keep a buffer
/// alive that is many times its size.
const COPIED_BODY_BYTES: usize = 15 * 1024;
const KEPT_PART: usize = 16;

/// An authenticated connection to one virtual host.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) context: Context,
    pub(super) channels: Channels,
    decoder: Decoder,
    heartbeat: Heartbeat,
    /// Whole frames wait in the input: for room in the output or, at a publish, for the broker.
    stalled: bool,
    /// Channels with held frames or open confirms.
    pub(super) waiting: Vec<u16>,
    /// Scratch space for draining the outbox.
    pub(super) events: Vec<Event>,
    /// It is a publisher, so it can be told to wait.
    has_published: bool,
    /// Its publishes wait, and it was told so if it wanted to be.
    blocked: bool,
}

/// What the channels of a connection share.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) attachment: Attachment,
    pub(super) tuning: Tuning,
    pub(super) client: Capabilities,
    pub(super) consumers: Consumers,
    pub(super) settlements: Settlements,
    pub(super) publishes: Publishes,
    /// Bytes of bodies that have begun to arrive.
    pub(super) assembling_bytes: usize,
    /// Bytes of open transactions.
    pub(super) transaction_bytes: usize,
    pub(super) patience: Patience,
    /// The method just handled has to wait: it is to be handled again after the next wake.
    pub(super) put_back: bool,
}

impl Connection {
    pub(super) fn new(
        now: Instant,
        attachment: Attachment,
        tuning: Tuning,
        client: Capabilities,
    ) -> Self {
        let timeout_ms = attachment.broker().limits().consumer_timeout_ms;
        Self {
            context: Context {
                attachment,
                tuning,
                client,
                consumers: Consumers::default(),
                settlements: Settlements::default(),
                publishes: Publishes::default(),
                assembling_bytes: 0,
                transaction_bytes: 0,
                patience: Patience::new(now, timeout_ms),
                put_back: false,
            },
            channels: Channels::new(tuning.channel_max),
            decoder: Decoder {
                frame_max: tuning.frame_max_bytes,
            },
            heartbeat: Heartbeat::new(tuning.heartbeat_s, now),
            stalled: false,
            waiting: Vec::new(),
            events: Vec::new(),
            has_published: false,
            blocked: false,
        }
    }

    pub(super) fn on_bytes(
        &mut self,
        now: Instant,
        input: &mut BytesMut,
        out: &mut Output,
    ) -> Result<Flow, Fault> {
        self.heartbeat.received(now);
        self.on_wake(now, input, out)
    }

    pub(super) fn on_wake(
        &mut self,
        now: Instant,
        input: &mut BytesMut,
        out: &mut Output,
    ) -> Result<Flow, Fault> {
        let before = out.len();
        self.context.patience.set_now(now);
        self.look_at_publishing(out.buffer());
        let outcome = self.handle(input, out);
        if matches!(outcome, Ok(Flow::Continue)) {
            if self.has_room(out) {
                self.context.attachment.resume();
                self.deliver(out)?;
            }
            self.release(out.buffer());
            self.look_at_publishing(out.buffer());
        }
        if out.len() > before {
            self.heartbeat.sent(now);
        }
        outcome
    }

    pub(super) fn next_tick(&self) -> Option<Instant> {
        let times = [
            self.heartbeat.next_tick(),
            self.context.patience.next_look(),
        ];
        times.into_iter().flatten().min()
    }

    /// The peer took bytes it had left waiting: as good a sign of life as one that comes in.
    pub(super) fn on_progress(&mut self, now: Instant) {
        self.heartbeat.received(now);
    }

    pub(super) fn has_heartbeat(&self) -> bool {
        self.heartbeat.next_tick().is_some()
    }

    pub(super) fn on_tick(
        &mut self,
        now: Instant,
        deaf: bool,
        out: &mut Output,
    ) -> Result<Flow, Fault> {
        // Who is not listened to is not silent. But with bytes left waiting for it, a peer could
        // show life by taking some.
        if out.is_empty() && (deaf || !self.wants_input()) {
            self.heartbeat.received(now);
        }
        if self.heartbeat.is_dead(now) {
            return Ok(Flow::Close);
        }
        if self.heartbeat.is_due(now) {
            encode_heartbeat(out.buffer());
            self.heartbeat.sent(now);
        }
        self.context.patience.set_now(now);
        self.look_at_overdue(out)?;
        Ok(Flow::Continue)
    }

    pub(super) fn wants_input(&self) -> bool {
        !self.stalled
    }

    /// How many bytes more the frame at the front of `input` has, as far as it says so.
    pub(super) fn missing_bytes(&self, input: &[u8]) -> usize {
        let heading = self.decoder.heading(input).ok().flatten();
        heading.map_or(0, |heading| {
            let whole = heading.size as usize + FRAME_OVERHEAD_BYTES;
            whole.saturating_sub(input.len())
        })
    }

    /// Handles the whole frames in `input`, and takes them out.
    fn handle(&mut self, input: &mut BytesMut, out: &mut Output) -> Result<Flow, Fault> {
        let (mut done, quiet) = (0, input.is_empty());
        let mut outcome = self.handle_frames(input, &mut done, out);
        input.advance(done);
        // Also when a fault ends the connection: what the client published and settled before it
        // is published and settled.
        if self.context.publishes.is_empty() {
            // The client has said something else: it may be done publishing.
            if !quiet {
                self.context.publishes.release();
            }
        } else if let Err(fault) = self.flush_publishes(out)
            && outcome.is_ok()
        {
            outcome = Err(fault);
        }
        self.context.settlements.flush(&self.context.attachment);
        outcome
    }

    /// The same while there is room for answers, and up to a publish that has to wait. The first
    /// `done` bytes of the input have been handled.
    fn handle_frames(
        &mut self,
        input: &mut BytesMut,
        done: &mut usize,
        out: &mut Output,
    ) -> Result<Flow, Fault> {
        self.stalled = false;
        loop {
            let mut left = &input[*done..];
            let Some(frame) = self.decoder.decode(&mut left)? else {
                return Ok(Flow::Continue);
            };
            let publishes = begins_publish(&frame);
            if !self.has_room(out) || publishes && self.has_to_wait(out.buffer()) {
                self.stalled = true;
                return Ok(Flow::Continue);
            }
            let (begin, end) = (*done, input.len() - left.len());
            let (number, size) = (frame.channel, frame.payload.len());
            let result = match frame.kind {
                _ if number == 0 => {
                    *done = end;
                    if let Flow::Close = self.on_connection_frame(frame, out)? {
                        return Ok(Flow::Close);
                    }
                    continue;
                }
                FrameKind::Heartbeat => {
                    return Err(Fault::unexpected_frame("a heartbeat belongs on channel 0"));
                }
                FrameKind::Body
                    if size > COPIED_BODY_BYTES && size * KEPT_PART >= input.capacity() =>
                {
                    let handled = input.split_to(end).freeze();
                    *done = 0;
                    let payload = handled.slice(end - 1 - size..end - 1);
                    self.on_body(number, Payload::Shared(payload))
                }
                _ => {
                    *done = end;
                    self.on_channel_frame(frame, publishes, out)
                }
            };
            self.conclude_frame(number, result, out)?;
            if mem::take(&mut self.context.put_back) {
                *done = begin;
                self.stalled = true;
                return Ok(Flow::Continue);
            }
            if self.context.publishes.is_full() {
                self.flush_publishes(out)?;
            }
        }
    }

    fn has_room(&self, out: &Output) -> bool {
        let held = |number: &u16| self.channels.get(*number).map_or(0, Channel::held_bytes);
        out.len() + self.waiting.iter().map(held).sum::<usize>() < OUTPUT_BYTES
    }

    fn on_channel_frame(
        &mut self,
        frame: Frame<'_>,
        publishes: bool,
        out: &mut Output,
    ) -> Result<(), Fault> {
        let payload = frame.payload;
        match frame.kind {
            FrameKind::Method if publishes => match self.channels.get_mut(frame.channel) {
                Some(channel) => channel.on_publish(payload),
                None => Err(not_open().of(BasicPublish::IDS)),
            },
            FrameKind::Header => match self.channels.get_mut(frame.channel) {
                Some(channel) => channel.on_header(&mut self.context, payload),
                None => Err(not_open()),
            },
            FrameKind::Body => self.on_body(frame.channel, Payload::Borrowed(payload)),
            FrameKind::Method | FrameKind::Heartbeat => self.on_channel_method(frame, out),
        }
    }

    fn on_body(&mut self, number: u16, payload: Payload<'_>) -> Result<(), Fault> {
        match self.channels.get_mut(number) {
            Some(channel) => channel.on_body(&mut self.context, payload),
            None => Err(not_open()),
        }
    }

    /// A fault of a channel closes the channel, any other one the connection.
    fn conclude_frame(
        &mut self,
        number: u16,
        result: Result<(), Fault>,
        out: &mut Output,
    ) -> Result<(), Fault> {
        match result {
            Err(fault) if fault.code.scope() == Scope::Channel => {
                self.flush_publishes(out)?;
                // What was published before the fault may have closed it already.
                if self.channels.get(number).is_some_and(Channel::is_closing) {
                    return Ok(());
                }
                self.close_channel(number, Some(&fault), out)
            }
            result => result,
        }
    }

    fn on_connection_frame(&mut self, frame: Frame<'_>, out: &mut Output) -> Result<Flow, Fault> {
        match frame.kind {
            FrameKind::Heartbeat => return Ok(Flow::Continue),
            FrameKind::Method => {}
            FrameKind::Header | FrameKind::Body => {
                return Err(Fault::unexpected_frame("channel 0 carries no content"));
            }
        }
        let method = Method::decode(frame.payload)?;
        self.flush_publishes(out)?;
        let fault = match method {
            Method::ConnectionClose(_) => {
                ConnectionCloseOk {}.encode(0, out.buffer());
                return Ok(Flow::Close);
            }
            // Passwords do not expire on open connections, so there is nothing to renew.
            Method::ConnectionUpdateSecret(_) => {
                ConnectionUpdateSecretOk {}.encode(0, out.buffer());
                return Ok(Flow::Continue);
            }
            other => Fault::unexpected_method(other.name()),
        };
        Err(fault.of(method.ids()))
    }

    fn on_channel_method(&mut self, frame: Frame<'_>, out: &mut Output) -> Result<(), Fault> {
        let number = frame.channel;
        let is_closing =
            |channels: &Channels| channels.get(number).is_some_and(Channel::is_closing);
        if !is_closing(&self.channels) {
            let method = Method::decode(frame.payload)?;
            // Who settles may go on publishing; whoever asks must find everything published.
            if !is_settlement(&method) {
                self.flush_publishes(out)?;
            }
            if !is_closing(&self.channels) {
                let result = self.on_open_method(number, method, out);
                self.note_waiting(number);
                return result.map_err(|fault| fault.of(method.ids()));
            }
        }
        if let Some(channel) = self.channels.get_mut(number) {
            channel.on_closing_method(Method::decode(frame.payload).ok(), out.buffer());
        }
        self.channels.sweep(number);
        Ok(())
    }

    fn on_open_method(
        &mut self,
        number: u16,
        method: Method<'_>,
        out: &mut Output,
    ) -> Result<(), Fault> {
        match method {
            Method::ChannelOpen(_) => {
                let attachment = &self.context.attachment;
                let reserve = || attachment.open_channel();
                self.channels.open(number, reserve, out.buffer())
            }
            Method::ChannelClose(_) => self.close_channel(number, None, out),
            _ => {
                if let Method::BasicCancel(cancel) = method {
                    self.end_consumer(number, cancel.consumer_tag, out)?;
                }
                match self.channels.get_mut(number) {
                    Some(channel) => channel.on_method(&mut self.context, method, out.buffer()),
                    None => Err(not_open()),
                }
            }
        }
    }

    /// Closes a channel: on the client's word, or with a fault on the broker's.
    pub(super) fn close_channel(
        &mut self,
        number: u16,
        fault: Option<&Fault>,
        out: &mut Output,
    ) -> Result<(), Fault> {
        let Some(channel) = self.channels.get_mut(number) else {
            return Err(not_open());
        };
        channel.stop_consumers(&self.context);
        // What the broker handed out until now goes first: deliveries that need no settlement
        // would be lost otherwise.
        self.context.settlements.flush(&self.context.attachment);
        self.deliver(out)?;
        if let Some(channel) = self.channels.get_mut(number) {
            channel.close(&mut self.context, fault, out.buffer());
        }
        self.note_waiting(number);
        self.channels.sweep(number);
        Ok(())
    }

    /// Cancels a consumer so that everything it was given still leaves before `cancel-ok`.
    fn end_consumer(&mut self, number: u16, tag: &str, out: &mut Output) -> Result<(), Fault> {
        let consumer = self
            .channels
            .get(number)
            .and_then(|channel| channel.consumer(tag));
        let Some(consumer) = consumer else {
            return Ok(());
        };
        self.context.attachment.cancel(consumer);
        self.deliver(out)
    }

    pub(super) fn note_waiting(&mut self, number: u16) {
        if let Some(channel) = self.channels.get_mut(number)
            && channel.starts_waiting()
        {
            self.waiting.push(number);
        }
    }

    /// Lets go what the journal has caught up with, and asks to be woken for what it has not.
    fn release(&mut self, out: &mut BytesMut) {
        while !self.waiting.is_empty() {
            let reached = self.context.attachment.reached();
            let (channels, mut confirmed) = (&mut self.channels, 0);
            self.waiting.retain(|&number| {
                let waits = channels
                    .get_mut(number)
                    .is_some_and(|channel| channel.release(reached, &mut confirmed, out));
                if !waits {
                    channels.sweep(number);
                }
                waits
            });
            let attachment = &self.context.attachment;
            attachment.tally().confirmed.add(confirmed);
            let firsts = [Durability::Fsync, Durability::Os].map(|level| self.first_wait(level));
            firsts.iter().flatten().for_each(|it| attachment.watch(*it));
            // The commit may have come before the watch.
            let reached = attachment.reached();
            if !firsts.into_iter().flatten().any(|it| reached.keeps(it)) {
                return;
            }
        }
    }

    /// The first thing of that level that anything waits for.
    fn first_wait(&self, level: Durability) -> Option<Promise> {
        let channels = self.waiting.iter();
        let channels = channels.filter_map(|number| self.channels.get(*number));
        channels
            .flat_map(Channel::waits_for)
            .filter(|wait| wait.durability == level)
            .min_by_key(|wait| wait.lsn)
    }

    /// Whether a publish has to wait. The first one makes the connection a publisher.
    fn has_to_wait(&mut self, out: &mut BytesMut) -> bool {
        if !self.has_published {
            self.has_published = true;
            self.look_at_publishing(out);
        }
        self.blocked
    }

    /// Has publishes wait while the broker takes none, and tells the client when that begins and
    /// ends. Everything else is still read, up to the first publish, so that a client that both
    /// publishes and consumes can make the room it waits for.
    fn look_at_publishing(&mut self, out: &mut BytesMut) {
        let channels = &self.channels;
        let holds = || channels.hold_deliveries();
        let blocked = self.has_published && self.context.attachment.publish_paused(holds);
        if blocked == self.blocked {
            return;
        }
        self.blocked = blocked;
        if !self.context.client.connection_blocked {
            return;
        }
        if blocked {
            ConnectionBlocked {
                reason: "low on memory or disk",
            }
            .encode(0, out);
        } else {
            ConnectionUnblocked {}.encode(0, out);
        }
    }
}

/// Told by its first bytes, since a publish that waits is looked at many times.
fn begins_publish(frame: &Frame<'_>) -> bool {
    const CLASS_AND_METHOD: [u8; 4] = {
        let (class, method) = BasicPublish::IDS;
        let ([c0, c1], [m0, m1]) = (class.to_be_bytes(), method.to_be_bytes());
        [c0, c1, m0, m1]
    };
    frame.kind == FrameKind::Method && frame.payload.starts_with(&CLASS_AND_METHOD)
}

fn is_settlement(method: &Method<'_>) -> bool {
    matches!(
        method,
        Method::BasicAck(_) | Method::BasicNack(_) | Method::BasicReject(_)
    )
}

fn not_open() -> Fault {
    Fault::new(ReplyCode::ChannelError, "expected 'channel.open'")
}
