//! A broker whose journal commits on demand, and a client that speaks `wire`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::{Buf as _, BytesMut};
use wire::amqp091::*;

use super::super::{Session, Settings};
use crate::access::{PasswordHash, hash_password};
use crate::broker::{Broker, BrokerConfig, Login};
use crate::clock::{SimClock, Timestamp};
use crate::definitions::{Expect, PasswordChange, PermissionSpec, UserUpdate, VhostSpec};
use crate::journal::{self, SimDisk, Turn, Writer};
use crate::limits::Limits;
use crate::outbox::Wake;
use crate::refusal::Refusal;
use crate::session::{Output, Step};

/// A broker and the writer that its test turns by hand.
pub(super) struct World {
    pub(super) broker: Arc<Broker>,
    writer: Writer,
    start: Instant,
    pub(super) clock: Arc<SimClock>,
}

/// What one client connection is made of.
pub(super) struct Peer {
    pub(super) session: Session,
    rung: Arc<Rung>,
    pub(super) input: BytesMut,
    pub(super) out: BytesMut,
    pub(super) now: Instant,
    pub(super) closed: bool,
    frame_max: u32,
}

#[derive(Debug, Default)]
struct Rung(AtomicBool);

impl Wake for Arc<Rung> {
    fn wake(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Hashing is slow on purpose; one hash serves all tests.
fn guest_hash() -> PasswordHash {
    static HASH: OnceLock<PasswordHash> = OnceLock::new();
    HASH.get_or_init(|| hash_password(b"guest").unwrap())
        .clone()
}

#[allow(clippy::disallowed_methods)] // The one place where a test's clock begins.
fn clock() -> Instant {
    Instant::now()
}

impl World {
    /// With the user `guest`, all rights on `/`, none on `closed`.
    pub(super) fn new() -> Self {
        Self::with(Limits {
            message_bytes: 100_000,
            ..Limits::default()
        })
    }

    pub(super) fn with(limits: Limits) -> Self {
        Self::with_journal(limits, Self::journal())
    }

    /// How the journal is kept where a test does not say otherwise.
    pub(super) fn journal() -> journal::Options {
        journal::Options {
            segment_bytes: 1 << 20,
            batch_bytes: 1 << 18,
            ..Default::default()
        }
    }

    pub(super) fn with_journal(limits: Limits, journal: journal::Options) -> Self {
        let disk = Arc::new(SimDisk::new(1));
        let clock = Arc::new(SimClock::new(Timestamp(1_700_000_000_123)));
        let config = BrokerConfig {
            name: Arc::default(),
            limits,
            journal,
            clock: Arc::<SimClock>::clone(&clock),
        };
        let (broker, writer) = Broker::open(&config, disk).unwrap();
        let admin = broker.admin();
        let password = Some(PasswordChange::Set(guest_hash()));
        admin
            .put_user(
                "guest",
                UserUpdate {
                    password,
                    tags: None,
                },
                Expect::Any,
            )
            .unwrap();
        let vhost = VhostSpec::named("closed");
        admin.put_vhost(&vhost, Expect::Any).unwrap();
        let mut world = Self {
            broker,
            writer,
            start: self::clock(),
            clock,
        };
        world.permit(".*", ".*", ".*");
        world
    }

    pub(super) fn permit(&mut self, configure: &str, write: &str, read: &str) {
        let permission = PermissionSpec {
            user: "guest".to_owned(),
            vhost: "/".to_owned(),
            configure: configure.to_owned(),
            write: write.to_owned(),
            read: read.to_owned(),
        };
        self.broker
            .admin()
            .put_permission(&permission, Expect::Any)
            .unwrap();
        self.commit();
    }

    /// Makes everything appended so far durable.
    pub(super) fn commit(&mut self) {
        while self.writer.turn().unwrap() != Turn::Idle {
            self.broker.committed();
        }
    }

    /// A connection on which nothing was said.
    pub(super) fn connect(&self) -> Peer {
        let rung = Arc::new(Rung::default());
        let broker = Arc::clone(&self.broker);
        let session = Session::new(
            broker,
            Settings::default(),
            "test".to_owned(),
            Box::new(Arc::clone(&rung)),
        );
        Peer {
            session,
            rung,
            input: BytesMut::new(),
            out: BytesMut::new(),
            now: self.start,
            closed: false,
            frame_max: 8192,
        }
    }

    /// A connection to `/` with channel 1 open.
    pub(super) fn open(&self) -> Peer {
        self.open_with(8192)
    }

    /// The same with frames up to that size.
    pub(super) fn open_with(&self, frame_max: u32) -> Peer {
        let mut peer = self.connect();
        peer.frame_max = frame_max;
        peer.login(b"\0guest\0guest");
        peer.send(
            0,
            ConnectionTuneOk {
                channel_max: 2047,
                frame_max,
                heartbeat: 60,
            },
        );
        peer.send(
            0,
            ConnectionOpen {
                virtual_host: "/",
                ..Default::default()
            },
        );
        peer.turn();
        peer.expect(0, ConnectionOpenOk::default());
        peer.open_channel(1);
        peer
    }
}

impl Peer {
    /// Sends header and credentials, and takes what comes up to `connection.tune`.
    pub(super) fn login(&mut self, response: &[u8]) {
        self.input.extend_from_slice(&PROTOCOL_HEADER);
        self.turn();
        self.skip("connection.start");
        self.start_ok("PLAIN", response);
        self.turn();
        self.skip("connection.tune");
    }

    pub(super) fn start_ok(&mut self, mechanism: &str, response: &[u8]) {
        let yes = Value::Bool(true);
        let capabilities = TableBuilder::new()
            .entry("consumer_cancel_notify", yes)
            .entry("authentication_failure_close", yes)
            .entry("connection.blocked", yes);
        let properties =
            TableBuilder::new().entry("capabilities", Value::Table(capabilities.as_table()));
        let start_ok = ConnectionStartOk {
            client_properties: properties.as_table(),
            mechanism,
            response: LongStr(response),
            locale: "en_US",
        };
        start_ok.encode(0, &mut self.input);
    }

    pub(super) fn open_channel(&mut self, channel: u16) {
        self.call(channel, ChannelOpen::default(), ChannelOpenOk::default());
    }

    /// Appends a method to what the session will read.
    pub(super) fn send<'m>(&mut self, channel: u16, method: impl Into<Method<'m>>) {
        method.into().encode(channel, &mut self.input);
    }

    /// Appends a publish through the default exchange.
    pub(super) fn publish(&mut self, queue: &str, body: &[u8], persistent: bool) {
        let publish = BasicPublish {
            routing_key: queue,
            ..Default::default()
        };
        self.publish_to(
            publish,
            if persistent { b"\x10\0\x02" } else { b"\0\0" },
            body,
        );
    }

    pub(super) fn publish_to(&mut self, publish: BasicPublish<'_>, raw: &[u8], body: &[u8]) {
        publish.encode(1, &mut self.input);
        encode_content(1, raw, body, 8192, &mut self.input);
    }

    /// Lets the session handle all input, then every ring of the broker's.
    pub(super) fn turn(&mut self) {
        let step =
            self.with_output(|peer, out| peer.session.on_bytes(peer.now, &mut peer.input, out));
        self.follow(step);
        self.wake();
    }

    /// Lets the session hear the broker, without new input.
    pub(super) fn wake(&mut self) {
        while self.rung.0.swap(false, Ordering::SeqCst) {
            self.look();
        }
    }

    /// Tells the session that all of its output so far was written.
    pub(super) fn written(&mut self) {
        self.look();
        self.wake();
    }

    /// Wakes the session, whether it was rung for or not.
    pub(super) fn look(&mut self) {
        let step =
            self.with_output(|peer, out| peer.session.on_wake(peer.now, &mut peer.input, out));
        self.follow(step);
    }

    pub(super) fn authenticated(&mut self, result: Result<Login, Refusal>) {
        let step =
            self.with_output(|peer, out| peer.session.on_authenticated(peer.now, result, out));
        self.follow(step);
    }

    /// Lets the session add to `out`, which tests want in one piece.
    pub(super) fn with_output(
        &mut self,
        call: impl FnOnce(&mut Self, &mut Output) -> Step,
    ) -> Step {
        let mut output = Output::default();
        *output.buffer() = std::mem::take(&mut self.out);
        let step = call(self, &mut output);
        self.out = BytesMut::from(output.copy_to_bytes(output.len()));
        step
    }

    /// Takes methods of channel 0, as long as they are next.
    pub(super) fn skip_connection_frames(&mut self) {
        while self.out.get(1..3) == Some(&[0, 0]) {
            self.frame();
        }
    }

    /// Takes the confirms of channel 1 that have come.
    pub(super) fn skip_confirms(&mut self) {
        while !self.out.is_empty() {
            self.take(1, |method| assert_eq!(method.name(), "basic.ack"));
        }
    }

    pub(super) fn follow(&mut self, step: Step) {
        match step {
            Step::Continue => {}
            Step::Close => self.closed = true,
            Step::Authenticate(check) => {
                let result = check.run(self.now);
                self.authenticated(result);
            }
        }
    }

    pub(super) fn tick(&mut self, later: Duration, deaf: bool) {
        self.now += later;
        let step = self.with_output(|peer, out| peer.session.on_tick(peer.now, deaf, out));
        self.follow(step);
    }

    /// Sends a method and expects this answer and no more.
    pub(super) fn call<'m>(
        &mut self,
        channel: u16,
        method: impl Into<Method<'m>>,
        answer: impl Into<Method<'m>>,
    ) {
        self.send(channel, method);
        self.turn();
        self.expect(channel, answer);
        self.expect_nothing();
    }

    /// Declares a transient queue on channel 1.
    pub(super) fn queue(&mut self, queue: &str) {
        let ok = QueueDeclareOk {
            queue,
            message_count: 0,
            consumer_count: 0,
        };
        self.call(
            1,
            QueueDeclare {
                queue,
                ..Default::default()
            },
            ok,
        );
    }

    /// Declares a durable queue on channel 1 and commits.
    pub(super) fn durable_queue(&mut self, world: &mut World, queue: &str) {
        self.send(
            1,
            QueueDeclare {
                queue,
                durable: true,
                ..Default::default()
            },
        );
        self.turn();
        world.commit();
        self.wake();
        self.expect(
            1,
            QueueDeclareOk {
                queue,
                message_count: 0,
                consumer_count: 0,
            },
        );
    }

    /// How many messages a queue has ready, as a passive declaration says.
    pub(super) fn ready(&mut self, queue: &str) -> u32 {
        self.send(
            1,
            QueueDeclare {
                queue,
                passive: true,
                ..Default::default()
            },
        );
        self.turn();
        self.take(1, |method| match method {
            Method::QueueDeclareOk(ok) => ok.message_count,
            other => panic!("{other:?}"),
        })
    }

    /// Takes the next frame, a method on `channel`, through `read`.
    pub(super) fn take<T>(&mut self, channel: u16, read: impl FnOnce(Method<'_>) -> T) -> T {
        let frame = self.frame();
        assert_eq!((frame.kind, frame.channel), (FrameKind::Method, channel));
        let payload = frame.payload.to_vec();
        read(Method::decode(&payload).unwrap())
    }

    fn frame(&mut self) -> OwnedFrame {
        let mut rest = &self.out[..];
        let decoder = Decoder { frame_max: 131_072 };
        let frame = decoder
            .decode(&mut rest)
            .unwrap()
            .expect("a frame should have come");
        let owned = OwnedFrame {
            kind: frame.kind,
            channel: frame.channel,
            payload: frame.payload.into(),
        };
        let taken = self.out.len() - rest.len();
        let _ = self.out.split_to(taken);
        owned
    }

    pub(super) fn expect<'m>(&mut self, channel: u16, expected: impl Into<Method<'m>>) {
        let expected = expected.into();
        self.take(channel, |method| assert_eq!(method, expected));
    }

    /// Expects header and body frames, none above the agreed size.
    pub(super) fn expect_content(&mut self, raw: &[u8], body: &[u8]) {
        let header = self.frame();
        assert_eq!(header.kind, FrameKind::Header);
        let header = ContentHeader::decode(&header.payload).unwrap();
        assert_eq!(
            (header.properties, header.body_size),
            (raw, body.len() as u64)
        );
        let mut came = Vec::new();
        while came.len() < body.len() {
            let frame = self.frame();
            assert_eq!(frame.kind, FrameKind::Body);
            assert!(frame.payload.len() <= self.frame_max as usize - 8);
            came.extend_from_slice(&frame.payload);
        }
        assert_eq!(came, body);
    }

    /// Takes header and body frames: the properties, and the body.
    pub(super) fn take_content(&mut self) -> (Vec<u8>, Vec<u8>) {
        let header = self.frame();
        assert_eq!(header.kind, FrameKind::Header);
        let header = ContentHeader::decode(&header.payload).unwrap();
        let mut body = Vec::new();
        while (body.len() as u64) < header.body_size {
            body.extend_from_slice(&self.frame().payload);
        }
        (header.properties.to_vec(), body)
    }

    /// Expects a delivery to consumer `t` on channel 1 of a transient message.
    pub(super) fn expect_delivery(&mut self, tag: u64, redelivered: bool, body: &[u8]) {
        self.take(1, |method| match method {
            Method::BasicDeliver(deliver) => assert_eq!(
                (
                    deliver.consumer_tag,
                    deliver.delivery_tag,
                    deliver.redelivered
                ),
                ("t", tag, redelivered)
            ),
            other => panic!("{other:?} instead of delivery {tag}"),
        });
        self.expect_content(b"\0\0", body);
    }

    pub(super) fn expect_nothing(&mut self) {
        if !self.out.is_empty() {
            let frame = self.frame();
            panic!("unexpected: {:?}", Method::decode(&frame.payload));
        }
    }

    /// Expects the channel to be closed with this reply text, and answers.
    pub(super) fn expect_channel_close(&mut self, channel: u16, text: &str) {
        self.take(channel, |method| match method {
            Method::ChannelClose(close) => {
                assert_eq!(close.reply_text, text);
                assert_code(close.reply_code, text);
            }
            other => panic!("{other:?} instead of {text}"),
        });
        self.send(channel, ChannelCloseOk {});
        self.turn();
        self.expect_nothing();
        self.open_channel(channel);
    }

    /// Expects the connection to be closed with this reply text, and answers.
    pub(super) fn expect_connection_close(&mut self, text: &str) {
        self.take(0, |method| match method {
            Method::ConnectionClose(close) => {
                assert_eq!(close.reply_text, text);
                assert_code(close.reply_code, text);
            }
            other => panic!("{other:?} instead of {text}"),
        });
        self.expect_nothing();
        assert!(!self.closed);
        self.send(0, ConnectionCloseOk {});
        self.turn();
        assert!(self.closed);
    }

    fn skip(&mut self, name: &str) {
        self.take(0, |method| assert_eq!(method.name(), name));
    }
}

struct OwnedFrame {
    kind: FrameKind,
    channel: u16,
    payload: Vec<u8>,
}

/// The number and the name at the head of a reply text belong together.
fn assert_code(number: u16, text: &str) {
    let code = ReplyCode::ALL
        .iter()
        .find(|code| **code as u16 == number)
        .unwrap();
    assert!(
        text.starts_with(&format!("{} - ", code.name())),
        "{number} {text}"
    );
}
