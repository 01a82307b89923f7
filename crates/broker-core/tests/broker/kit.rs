//! A broker over a simulated disk, driven step by step: nothing becomes durable unless the test
//! says `commit`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use broker_core::access::{PasswordHash, hash_password};
use broker_core::admin::Admin;
use broker_core::broker::{Attachment, Broker, BrokerConfig, Login};
use broker_core::call::{
    Bind, Consume, ConsumerId, DeclareExchange, DeclareQueue, Delivery, Destination, Outcome,
    Publish, Published,
};
use broker_core::clock::{SimClock, Timestamp};
use broker_core::definitions::{Expect, PasswordChange, PermissionSpec, UserUpdate};
use broker_core::durability::{Durability, Promise};
use broker_core::journal::{
    self, Keyring, Keys, Lsn, Master, Options, RecordRef, Replay, SecretKey, SimDisk, Turn,
    Unreadable, Writer,
};
use broker_core::limits::Limits;
use broker_core::message::{Body, Envelope, Properties};
use broker_core::outbox::{Event, Wake};
use broker_core::refusal::Refusal;
use broker_core::value::{Arguments, Value};
use bytes::BytesMut;

/// The user every world has, who may do anything in `/`.
pub(crate) const USER: &str = "ferry";

/// One broker and its disk.
pub(crate) struct World {
    pub(crate) broker: Arc<Broker>,
    pub(crate) writer: Writer,
    pub(crate) disk: SimDisk,
    pub(crate) config: BrokerConfig,
    pub(crate) clock: Arc<SimClock>,
}

/// A connection with its wakes counted and its deliveries collected.
pub(crate) struct Client {
    pub(crate) attachment: Attachment,
    pub(crate) wakes: Arc<AtomicUsize>,
}

#[derive(Debug)]
pub(crate) struct CountingWake(pub(crate) Arc<AtomicUsize>);

impl Wake for CountingWake {
    fn wake(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(
            Limits::default(),
            Options {
                segment_bytes: 64 << 10,
                ..small()
            },
        )
    }

    /// Queues keep next to nothing in memory, so that every test is one of reading back, too.
    pub(crate) fn with(limits: Limits, journal: Options) -> Self {
        let limits = Limits {
            queue_window_bytes: 600,
            ..limits
        };
        let clock = Arc::new(SimClock::new(Timestamp(1_700_000_000_123)));
        let config = BrokerConfig {
            name: Arc::default(),
            limits,
            journal,
            clock: Arc::<SimClock>::clone(&clock),
        };
        let mut world = Self::open(SimDisk::new(7), config);
        world.clock = clock;
        let admin = world.admin();
        let update = UserUpdate {
            password: Some(PasswordChange::Set(password().clone())),
            tags: None,
        };
        admin.put_user(USER, update, Expect::Absent).unwrap();
        world.permit(USER, "/", [".*", ".*", ".*"]);
        world.commit();
        world
    }

    pub(crate) fn open(disk: SimDisk, config: BrokerConfig) -> Self {
        let opened = Broker::open(&config, Arc::new(disk.clone())).unwrap();
        Self::open_with(opened, disk, config)
    }

    pub(crate) fn open_with(
        (broker, writer): (Arc<Broker>, Writer),
        disk: SimDisk,
        config: BrokerConfig,
    ) -> Self {
        Self {
            broker,
            writer,
            disk,
            config,
            clock: Arc::default(),
        }
    }

    /// Closes the broker cleanly and opens it again.
    pub(crate) fn reopen(mut self) -> Self {
        self.commit();
        self.broker.close();
        while self.writer.turn().unwrap() != Turn::Closed {}
        let Self {
            broker,
            writer,
            disk,
            config,
            clock,
        } = self;
        drop((broker, writer));
        Self {
            clock,
            ..Self::open(disk, config)
        }
    }

    pub(crate) fn admin(&self) -> Admin {
        self.broker.admin()
    }

    /// Makes everything durable that was appended.
    pub(crate) fn commit(&mut self) {
        while self.writer.turn().unwrap() != Turn::Idle {
            self.broker.committed();
        }
    }

    /// Lets time pass and does what it brings.
    pub(crate) fn pass_ms(&self, ms: u64) {
        self.clock.pass(Duration::from_millis(ms));
        while self.broker.on_time() == Some(Duration::ZERO) {}
    }

    pub(crate) fn permit(&self, user: &str, vhost: &str, [configure, write, read]: [&str; 3]) {
        let spec = PermissionSpec {
            user: user.into(),
            vhost: vhost.into(),
            configure: configure.into(),
            write: write.into(),
            read: read.into(),
        };
        self.admin().put_permission(&spec, Expect::Any).unwrap();
    }

    pub(crate) fn client(&self) -> Client {
        self.try_client(&login(), "/").unwrap()
    }

    pub(crate) fn try_client(&self, login: &Login, vhost: &str) -> Result<Client, Refusal> {
        let wakes = Arc::new(AtomicUsize::new(0));
        let wake = Box::new(CountingWake(Arc::clone(&wakes)));
        let attachment = self.broker.attach(login, vhost, "test".into(), wake)?;
        Ok(Client { attachment, wakes })
    }
}

impl Client {
    pub(crate) fn queue(&self, name: &str, durable: bool) {
        self.try_queue(queue(name, durable)).unwrap();
    }

    pub(crate) fn try_queue(&self, call: DeclareQueue<'_>) -> Result<String, Refusal> {
        self.attachment
            .declare_queue(&call)
            .map(|declared| declared.name.to_string())
    }

    pub(crate) fn exchange(&self, name: &str, kind: &str) {
        self.attachment
            .declare_exchange(&exchange(name, kind))
            .unwrap();
    }

    pub(crate) fn bind(&self, source: &str, queue: &str, key: &str) {
        self.attachment
            .bind(&binding(source, Destination::Queue(queue), key))
            .unwrap();
    }

    /// Publishes and answers the position at which it is safe; `None` if no queue took it.
    pub(crate) fn publish(&self, exchange: &str, key: &str, body: &str) -> Option<Lsn> {
        self.try_publish(message(exchange, key, body)).unwrap()
    }

    /// Publishes to a queue and answers what the publisher waits for.
    pub(crate) fn promised(&self, exchange: &str, key: &str, body: &str) -> Promise {
        match self.attachment.publish_one(message(exchange, key, body)) {
            Ok(Published::Routed(promise)) => promise,
            other => panic!("unexpected {other:?}"),
        }
    }

    /// Declares a durable queue with such arguments.
    pub(crate) fn queue_with<const N: usize>(&self, name: &str, arguments: [(&str, Value); N]) {
        let arguments = arguments.map(|(name, value)| (name.to_owned(), value));
        let call = DeclareQueue {
            arguments: arguments.into(),
            ..queue(name, true)
        };
        self.try_queue(call).unwrap();
    }

    /// Declares a durable queue of that level.
    pub(crate) fn queue_at(&self, name: &str, level: Durability) {
        let level = Value::Text(level.name().to_owned());
        self.queue_with(name, [("x-durability", level)]);
    }

    pub(crate) fn try_publish(&self, call: Publish) -> Result<Option<Lsn>, Refusal> {
        Ok(match self.attachment.publish_one(call)? {
            Published::Routed(promise) => Some(promise.lsn),
            Published::Refused | Published::Unroutable(_) => None,
        })
    }

    pub(crate) fn consume(&self, queue: &str, consumer: u64, prefetch: u32) {
        let call = Consume {
            prefetch,
            ..consume(queue, consumer)
        };
        self.attachment.consume(&call).unwrap();
    }

    /// Everything in the outbox.
    pub(crate) fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        self.attachment.outbox().drain(&mut events);
        self.attachment.resume();
        events
    }

    /// The deliveries in the outbox; anything else there fails the test.
    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        let deliver = |event| match event {
            Event::Deliver(delivery) => delivery,
            other => panic!("unexpected {other:?}"),
        };
        self.events().into_iter().map(deliver).collect()
    }

    pub(crate) fn bodies(&self) -> Vec<String> {
        self.deliveries().iter().map(body).collect()
    }

    pub(crate) fn settle(&self, deliveries: &[Delivery], outcome: Outcome) {
        for delivery in deliveries {
            self.attachment
                .settle(delivery.queue, &[delivery.sequence], outcome);
        }
    }

    /// Takes everything ready out of a queue.
    pub(crate) fn empty(&self, queue: &str) -> Vec<String> {
        std::iter::from_fn(|| self.attachment.get(queue, true).unwrap())
            .map(|(delivery, _)| body(&delivery))
            .collect()
    }
}

pub(crate) fn body(delivery: &Delivery) -> String {
    String::from_utf8(delivery.message.body.to_vec()).unwrap()
}

/// Finds the record that holds some text.
struct Find<'n> {
    needle: &'n [u8],
    at: Option<Lsn>,
}

impl Replay for Find<'_> {
    fn checkpoint(&mut self, _: Lsn, _: &[u8]) -> Result<(), Unreadable> {
        Ok(())
    }

    fn record(&mut self, record: RecordRef<'_>) -> Result<(), Unreadable> {
        let mut windows = record.payload.windows(self.needle.len());
        if windows.any(|window| window == self.needle) {
            self.at.get_or_insert(record.start);
        }
        Ok(())
    }
}

/// The file and the offset of the payload that holds this text, encrypted or not.
pub(crate) fn place_of(disk: &SimDisk, needle: &str) -> (String, usize) {
    let needle = needle.as_bytes();
    let mut find = Find { needle, at: None };
    journal::salvage(disk, Some(&keys()), &mut find).unwrap();
    let start = find.at.unwrap().0;
    let bases = disk.contents().into_iter().filter_map(|(name, bytes)| {
        let base = u64::from_le_bytes(bytes.get(56..64)?.try_into().ok()?);
        (name.starts_with("segment-") && base > 0 && base <= start).then_some((base, name))
    });
    let (base, name) = bases.max().unwrap();
    (name, (4096 + 32 + start - base) as usize)
}

/// The keys of all encrypted journals here.
pub(crate) fn keys() -> Arc<Keys> {
    static KEYS: OnceLock<Arc<Keys>> = OnceLock::new();
    let master = || Master {
        name: "file:test".to_owned(),
        data: Vec::new(),
    };
    let make = || Keyring::create(&SimDisk::new(7), master(), &SecretKey::default());
    Arc::clone(KEYS.get_or_init(|| Arc::new(make().unwrap().1)))
}

pub(crate) fn small() -> Options {
    Options {
        keys: crate::ENCRYPTED.then(keys),
        batch_bytes: 16 << 10,
        keep_free_bytes: Some(0),
        ..Options::default()
    }
}

/// A persistent message.
pub(crate) fn message(exchange: &str, routing_key: &str, body: &str) -> Publish {
    publish(exchange, routing_key, body, true)
}

pub(crate) fn publish(exchange: &str, routing_key: &str, body: &str, persistent: bool) -> Publish {
    let envelope = Envelope {
        exchange: exchange.into(),
        routing_key: routing_key.into(),
        properties: Properties::Amqp091(vec![0, 0].into()),
        persistent,
        further_keys: Box::default(),
    };
    Publish {
        envelope: Arc::new(envelope),
        body: Body::copy_from_slice(body.as_bytes()),
    }
}

/// A message for a queue whose publisher lets it wait for so long; `ms` in a client's digits.
pub(crate) fn expiring(queue: &str, body: &str, ms: &str, persistent: bool) -> Publish {
    let mut encoded = BytesMut::new();
    let properties = wire::amqp091::Properties {
        expiration: Some(ms.as_bytes()),
        ..Default::default()
    };
    properties.encode(&mut encoded);
    let envelope = Envelope {
        exchange: "".into(),
        routing_key: queue.into(),
        properties: Properties::Amqp091(encoded.freeze()),
        persistent,
        further_keys: Box::default(),
    };
    Publish {
        envelope: Arc::new(envelope),
        body: Body::copy_from_slice(body.as_bytes()),
    }
}

pub(crate) fn queue(name: &str, durable: bool) -> DeclareQueue<'_> {
    DeclareQueue {
        name,
        passive: false,
        durable,
        exclusive: false,
        auto_delete: false,
        arguments: Arguments::new(),
    }
}

pub(crate) fn exchange<'a>(name: &'a str, kind: &'a str) -> DeclareExchange<'a> {
    DeclareExchange {
        name,
        kind,
        passive: false,
        durable: true,
        auto_delete: false,
        internal: false,
        arguments: Arguments::new(),
    }
}

pub(crate) fn binding<'a>(
    source: &'a str,
    destination: Destination<'a>,
    routing_key: &'a str,
) -> Bind<'a> {
    Bind {
        source,
        destination,
        routing_key,
        arguments: Arguments::new(),
    }
}

pub(crate) fn consume(queue: &str, consumer: u64) -> Consume<'_> {
    Consume {
        queue,
        consumer: ConsumerId(consumer),
        auto_settle: false,
        exclusive: false,
        prefetch: 0,
        shared: None,
        arguments: Arguments::new(),
    }
}

/// The hash of the password `secret`, made once: it is slow on purpose.
pub(crate) fn password() -> &'static PasswordHash {
    static HASH: OnceLock<PasswordHash> = OnceLock::new();
    HASH.get_or_init(|| hash_password(b"secret").unwrap())
}

/// The proof that `USER` logged in, made once.
pub(crate) fn login() -> Login {
    static LOGIN: OnceLock<Login> = OnceLock::new();
    LOGIN
        .get_or_init(|| {
            let check = World::new().broker.login(USER, b"secret");
            check.run(Instant::now()).unwrap()
        })
        .clone()
}
