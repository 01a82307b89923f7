//! What opening a journal promises for any bytes, with a small broker's journal to start from, and what reading
//! a replication connection does. The fuzz targets and `cargo test` run it.

pub mod records;
pub mod replication;
pub mod segments;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use broker_core::access::PasswordHash;
use broker_core::broker::{Attachment, Broker, BrokerConfig};
use broker_core::call::{
    Bind, DeclareExchange, DeclareQueue, Destination, Outcome, Publish, Published,
};
use broker_core::definitions::{Expect, PasswordChange, PermissionSpec, UserUpdate};
use broker_core::journal::{Keyring, Keys, Master, Options, SecretKey, SimDisk, Turn, Writer};
use broker_core::message::{Envelope, Properties};
use broker_core::outbox::Wake;
use broker_core::value::{Arguments, Value};
use bytes::Bytes;

/// Of the password `guest`, at the least cost there is.
const GUEST: &str = "$argon2id$v=19$m=8,t=1,p=1$vyPpraUDm/IJ71U0ra3BJg$\
                     7XGj/QjFn9nW59YdFUoV0mfifg8zcDl42LYm/C/4r4Y";

/// The smallest segments there are.
pub const SEGMENT_BYTES: u64 = 20 << 10;

/// Nobody to wake.
#[derive(Debug)]
struct Deaf;

impl Wake for Deaf {
    fn wake(&self) {}
}

/// How all journals here are kept.
pub fn options() -> Options {
    Options {
        segment_bytes: SEGMENT_BYTES,
        batch_bytes: 8 << 10,
        backlog_bytes: 64 << 10,
        keep_free_bytes: Some(0),
        ..Options::default()
    }
}

/// A broker with such a journal.
pub fn config() -> BrokerConfig {
    BrokerConfig {
        journal: options(),
        ..BrokerConfig::default()
    }
}

/// A disk with these files.
pub fn disk_of(files: &BTreeMap<String, Vec<u8>>) -> SimDisk {
    let disk = SimDisk::new(2);
    for (name, bytes) in files {
        disk.install(name, bytes);
    }
    disk
}

/// Lets the broker do all that is left to do, and close its journal.
pub fn finish(broker: &Broker, mut writer: Writer) {
    broker.close();
    while writer.turn().expect("the disk is sound") != Turn::Closed {
        broker.committed();
    }
}

/// The files of a broker that holds one of everything, some messages and some settlements.
pub fn sample() -> BTreeMap<String, Vec<u8>> {
    written(&SimDisk::new(1), &config())
}

/// What opens the keyring of [`encrypted_sample`].
pub fn master() -> (Master, SecretKey) {
    let master = Master {
        name: "file:fuzz".to_owned(),
        data: Vec::new(),
    };
    (master, SecretKey::new([3; 32]))
}

/// How an encrypted journal is kept.
pub fn encrypted(keys: Keys) -> Options {
    Options {
        keys: Some(Arc::new(keys)),
        ..options()
    }
}

/// The same files of a broker with encryption, and its keyring.
pub fn encrypted_sample() -> BTreeMap<String, Vec<u8>> {
    let disk = SimDisk::new(1);
    let (master, secret) = master();
    let (_, keys) = Keyring::create(&disk, master, &secret).expect("an empty disk is sound");
    let config = BrokerConfig {
        journal: encrypted(keys),
        ..BrokerConfig::default()
    };
    written(&disk, &config)
}

fn written(disk: &SimDisk, config: &BrokerConfig) -> BTreeMap<String, Vec<u8>> {
    let (broker, writer) =
        Broker::open(config, Arc::new(disk.clone())).expect("an empty disk is sound");
    let attachment = log_in(&broker);
    declare(&attachment);
    for size in [0, 1, 300, 3_000] {
        let published = attachment
            .publish_one(Publish {
                envelope: Arc::new(Envelope {
                    exchange: "e".into(),
                    routing_key: "a.b".into(),
                    properties: Properties::Amqp091(Bytes::from_static(b"\x10\0\x02")),
                    persistent: true,
                    further_keys: Box::default(),
                }),
                body: vec![7; size].into(),
            })
            .expect("it may publish");
        assert!(matches!(published, Published::Routed(_)));
    }
    let (got, _) = attachment
        .get("q", false)
        .expect("it may read")
        .expect("there are four");
    attachment.settle(got.queue, &[got.sequence], Outcome::Accept);
    drop(attachment);
    finish(&broker, writer);
    disk.contents()
}

fn log_in(broker: &Arc<Broker>) -> Attachment {
    let admin = broker.admin();
    let hash = PasswordHash::parse(GUEST).expect("it is one");
    let user = UserUpdate {
        password: Some(PasswordChange::Set(hash)),
        tags: None,
    };
    admin
        .put_user("guest", user, Expect::Any)
        .expect("users may be added");
    let permission = PermissionSpec {
        user: "guest".to_owned(),
        vhost: "/".to_owned(),
        configure: ".*".to_owned(),
        write: ".*".to_owned(),
        read: ".*".to_owned(),
    };
    admin
        .put_permission(&permission, Expect::Any)
        .expect("both ends exist");
    let check = broker.login("guest", b"guest");
    let login = check.run(clock()).expect("its password");
    broker
        .attach(&login, "/", "fuzz".into(), Box::new(Deaf))
        .expect("it has a permission")
}

#[allow(clippy::disallowed_methods)] // A login is remembered from some moment on; any will do.
fn clock() -> Instant {
    Instant::now()
}

fn declare(attachment: &Attachment) {
    let arguments = Arguments::from([("x".to_owned(), Value::List(vec![Value::Int(1)]))]);
    attachment
        .declare_exchange(&DeclareExchange {
            name: "e",
            kind: "topic",
            passive: false,
            durable: true,
            auto_delete: false,
            internal: false,
            arguments: Arguments::new(),
        })
        .expect("it may configure");
    attachment
        .declare_queue(&DeclareQueue {
            name: "q",
            passive: false,
            durable: true,
            exclusive: false,
            auto_delete: false,
            arguments: Arguments::new(),
        })
        .expect("it may configure");
    attachment
        .bind(&Bind {
            source: "e",
            destination: Destination::Queue("q"),
            routing_key: "a.#",
            arguments,
        })
        .expect("it may bind");
}
