//! How long a broker with a long backlog takes to open: with the indexes of its journal, and, as
//! after an upgrade or a power loss, without.
//!
//! ```text
//! cargo run --release -p broker-core --example reopen -- DIRECTORY [MESSAGES [BODY_BYTES]]
//! ```
//!
//! The directory must be empty; what is made there stays.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "it is about files, takes times, and tells them"
)]

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use broker_core::access::hash_password;
use broker_core::broker::{Attachment, Broker, BrokerConfig, Login};
use broker_core::call::{DeclareQueue, Publish, Published};
use broker_core::definitions::{Expect, PasswordChange, PermissionSpec, UserUpdate};
use broker_core::journal::{FileDisk, Stopped, Turn, Writer};
use broker_core::message::{Envelope, Properties};
use broker_core::outbox::Wake;
use broker_core::value::Arguments;

const QUEUE: &str = "backlog";

#[derive(Debug)]
struct NoWake;

impl Wake for NoWake {
    fn wake(&self) {}
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().ok_or("which directory?")?;
    let directory = Path::new(&directory);
    let messages = arguments.next().map_or(Ok(1_000_000), |it| it.parse())?;
    let body_bytes = arguments.next().map_or(Ok(1024), |it| it.parse())?;
    fill(directory, messages, body_bytes)?;
    for round in 1..=5 {
        report("with indexes", round, directory)?;
    }
    for round in 1..=3 {
        let mut bytes = 0;
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with("index-") {
                bytes += entry.metadata()?.len();
                fs::remove_file(entry.path())?;
            }
        }
        println!("{bytes} bytes of indexes removed");
        report("without", round, directory)?;
    }
    Ok(())
}

fn fill(directory: &Path, messages: u64, body_bytes: usize) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let (broker, writer) = Broker::open(&BrokerConfig::default(), FileDisk::open(directory)?)?;
    let committer = Arc::clone(&broker);
    let committer = thread::spawn(move || commit_all(&committer, writer));
    let client = log_in(&broker)?;
    client.declare_queue(&DeclareQueue {
        name: QUEUE,
        passive: false,
        durable: true,
        exclusive: false,
        auto_delete: false,
        arguments: Arguments::new(),
    })?;
    let envelope = Envelope {
        exchange: "".into(),
        routing_key: QUEUE.into(),
        properties: Properties::Amqp091(vec![0x10, 0, 2].into()),
        persistent: true,
        further_keys: Box::default(),
    };
    let publish = Publish {
        envelope: Arc::new(envelope),
        body: vec![b'x'; body_bytes].into(),
    };
    for _ in 0..messages {
        while client.publish_paused(|| false) {
            thread::yield_now();
        }
        let published = client.publish_one(publish.clone())?;
        if !matches!(published, Published::Routed(_)) {
            return Err("the queue did not take it".into());
        }
    }
    drop(client);
    broker.close();
    committer.join().map_err(|_| "the committer panicked")??;
    let seconds = started.elapsed().as_secs_f64();
    println!("{messages} messages of {body_bytes} bytes in {seconds:.1} s");
    Ok(())
}

fn commit_all(broker: &Broker, mut writer: Writer) -> Result<(), Stopped> {
    loop {
        match writer.turn()? {
            Turn::Closed => return Ok(()),
            Turn::Committed(_) | Turn::SpaceReturned => broker.committed(),
            Turn::Written(_) => broker.written(),
            Turn::Idle => {}
        }
        writer.wait(Duration::from_secs(1));
    }
}

fn log_in(broker: &Arc<Broker>) -> Result<Attachment, Box<dyn Error>> {
    let admin = broker.admin();
    let update = UserUpdate {
        password: Some(PasswordChange::Set(hash_password(b"secret")?)),
        tags: None,
    };
    admin.put_user("u", update, Expect::Any)?;
    let all = || ".*".to_owned();
    let spec = PermissionSpec {
        user: "u".into(),
        vhost: "/".into(),
        configure: all(),
        write: all(),
        read: all(),
    };
    admin.put_permission(&spec, Expect::Any)?;
    let login: Login = broker.login("u", b"secret").run(Instant::now())?;
    Ok(broker.attach(&login, "/", "reopen".into(), Box::new(NoWake))?)
}

fn report(what: &str, round: u32, directory: &Path) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let (broker, writer) = Broker::open(&BrokerConfig::default(), FileDisk::open(directory)?)?;
    let opened = started.elapsed();
    let ready = broker.admin().queue("/", QUEUE)?.stats.ready;
    println!("{what}, round {round}: {ready} messages ready in {opened:.0?}");
    broker.close();
    commit_all(&broker, writer)?;
    Ok(())
}
