//! The engine without sockets, threads and clock: two sessions, one publishing, one consuming, and
//! the journal's writer turned by hand. What is left is what the engine itself does for a message,
//! and callgrind counts it to the instruction.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use broker_core::access::hash_password;
use broker_core::broker::{Broker, BrokerConfig};
use broker_core::definitions::{Expect, PasswordChange, PermissionSpec, UserUpdate};
use broker_core::journal::{FileDisk, Keyring, Master, SecretKey, Turn, Writer};
use broker_core::outbox::Wake;
use broker_core::session::amqp091::{Session, Settings};
use broker_core::session::{Output, Step};
use bytes::{Buf as _, BytesMut};
use wire::amqp091::{
    BasicAck, BasicConsume, ChannelOpen, ConfirmSelect, ConnectionOpen, ConnectionStartOk,
    ConnectionTuneOk, LongStr, Method, PROTOCOL_HEADER, QueueDeclare,
};

use crate::amqp::{CHANNEL, FRAME_MAX_BYTES};
use crate::batch::{Batch, Protocol, Publish};

const QUEUE: &str = "bench";
const PASSWORD: &[u8] = b"guest";
/// What the journal leaves free of the disk: little, so that nearly full ones will do.
const KEEP_FREE_BYTES: u64 = 64 << 20;

/// What messages go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// How many, rounded up to whole writes of the generator.
    pub messages: u64,
    /// Length of each.
    pub body_bytes: usize,
    /// Persistent, confirmed and acknowledged instead of transient.
    pub durable: bool,
    /// The journal is encrypted.
    pub encrypted: bool,
}

/// One broker in a directory, and who turns its journal.
struct World {
    broker: Arc<Broker>,
    writer: Writer,
}

/// One connection.
struct Peer {
    session: Session,
    rung: Rung,
    input: BytesMut,
    output: Output,
    now: Instant,
}

#[derive(Debug, Default, Clone)]
struct Rung(Arc<AtomicBool>);

impl Wake for Rung {
    fn wake(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Publishes and consumes; answers with how many messages went through.
pub fn run(work: Work, dir: &Path) -> Result<u64> {
    let mut world = World::open(dir, work.encrypted)?;
    let mut consumer = world.connect();
    consumer.set_up(work.durable, true);
    world.settle(&mut [&mut consumer])?;
    let mut publisher = world.connect();
    publisher.set_up(work.durable, false);
    world.settle(&mut [&mut publisher])?;
    consumer.output.advance(consumer.output.len());

    let publish = Publish {
        exchange: "",
        key: QUEUE,
        keys: 1,
        persistent: work.durable,
        body_bytes: work.body_bytes,
    };
    let mut batch = Batch::new(&publish, Protocol::Amqp);
    let (mut sent, mut of_one) = (0, 0);
    while sent < work.messages {
        let len = batch.stamp(batch.capacity(), sent, 0);
        sent += batch.capacity();
        publisher.input.extend_from_slice(&batch.bytes()[..len]);
        publisher.turn()?;
        if work.durable {
            world.commit()?;
            publisher.wake()?;
        }
        consumer.wake()?;
        let delivered = consumer.take_output()?;
        if of_one == 0 {
            of_one = delivered;
        }
        // All deliveries of a size look alike: every batch must come back as long as the first.
        ensure!(
            delivered == of_one && delivered as u64 > batch.capacity() * work.body_bytes as u64,
            "{delivered} bytes came out where {of_one} were due"
        );
        publisher.output.advance(publisher.output.len());
        if work.durable {
            consumer.send(&Method::from(BasicAck {
                delivery_tag: sent,
                multiple: true,
            }));
            consumer.turn()?;
        }
    }
    Ok(sent)
}

impl World {
    fn open(dir: &Path, encrypted: bool) -> Result<Self> {
        let disk = FileDisk::open(dir).context("open the journal's directory")?;
        let mut config = BrokerConfig::default();
        config.journal.keep_free_bytes = Some(KEEP_FREE_BYTES);
        if encrypted {
            let master = Master {
                name: "file:bench".to_owned(),
                data: Vec::new(),
            };
            let (_, keys) = Keyring::create(&*disk, master, &SecretKey::default())?;
            config.journal.keys = Some(Arc::new(keys));
        }
        let (broker, writer) = Broker::open(&config, disk)?;
        let admin = broker.admin();
        let update = UserUpdate {
            password: Some(PasswordChange::Set(hash_password(PASSWORD)?)),
            tags: None,
        };
        admin.put_user("guest", update, Expect::Any)?;
        let all = || ".*".to_owned();
        let permission = PermissionSpec {
            user: "guest".to_owned(),
            vhost: "/".to_owned(),
            configure: all(),
            write: all(),
            read: all(),
        };
        admin.put_permission(&permission, Expect::Any)?;
        let mut world = Self { broker, writer };
        world.commit()?;
        Ok(world)
    }

    fn connect(&self) -> Peer {
        let rung = Rung::default();
        let session = Session::new(
            Arc::clone(&self.broker),
            Settings::default(),
            "bench".to_owned(),
            Box::new(rung.clone()),
        );
        Peer {
            session,
            rung,
            input: BytesMut::new(),
            output: Output::default(),
            now: Instant::now(),
        }
    }

    fn commit(&mut self) -> Result<()> {
        loop {
            match self.writer.turn()? {
                Turn::Idle | Turn::Closed => return Ok(()),
                Turn::Committed(_) | Turn::SpaceReturned => self.broker.committed(),
                Turn::Written(_) => self.broker.written(),
            }
        }
    }

    /// Handles all input and everything that follows from it.
    fn settle(&mut self, peers: &mut [&mut Peer]) -> Result<()> {
        for peer in peers.iter_mut() {
            peer.turn()?;
        }
        self.commit()?;
        for peer in peers {
            peer.wake()?;
        }
        // What was held for the first commit may have brought about more to be committed.
        self.commit()
    }
}

impl Peer {
    /// Says everything up to the first message, without waiting for answers.
    fn set_up(&mut self, durable: bool, consumes: bool) {
        self.input.extend_from_slice(&PROTOCOL_HEADER);
        let login = ConnectionStartOk {
            mechanism: "PLAIN",
            response: LongStr(b"\0guest\0guest"),
            locale: "en_US",
            ..Default::default()
        };
        login.encode(0, &mut self.input);
        let tuned = ConnectionTuneOk {
            channel_max: 1,
            frame_max: FRAME_MAX_BYTES,
            heartbeat: 0,
        };
        tuned.encode(0, &mut self.input);
        let open = ConnectionOpen {
            virtual_host: "/",
            ..Default::default()
        };
        open.encode(0, &mut self.input);
        self.send(&ChannelOpen::default().into());
        if consumes {
            let declare = QueueDeclare {
                queue: QUEUE,
                durable: true,
                ..Default::default()
            };
            self.send(&declare.into());
            let consume = BasicConsume {
                queue: QUEUE,
                consumer_tag: "c",
                no_ack: !durable,
                ..Default::default()
            };
            self.send(&consume.into());
        } else if durable {
            self.send(&ConfirmSelect::default().into());
        }
    }

    fn send(&mut self, method: &Method<'_>) {
        method.encode(CHANNEL, &mut self.input);
    }

    fn turn(&mut self) -> Result<()> {
        let step = self
            .session
            .on_bytes(self.now, &mut self.input, &mut self.output);
        self.follow(step)?;
        self.wake()
    }

    fn wake(&mut self) -> Result<()> {
        while self.rung.0.swap(false, Ordering::SeqCst) {
            self.written()?;
        }
        Ok(())
    }

    /// The session may have more when its output is gone.
    fn written(&mut self) -> Result<()> {
        let step = self
            .session
            .on_wake(self.now, &mut self.input, &mut self.output);
        self.follow(step)
    }

    fn follow(&mut self, step: Step) -> Result<()> {
        match step {
            Step::Continue => Ok(()),
            Step::Close => anyhow::bail!("the session closed"),
            Step::Authenticate(check) => {
                let result = check.run(self.now);
                let step = self
                    .session
                    .on_authenticated(self.now, result, &mut self.output);
                self.follow(step)?;
                // The rest came while the password was checked.
                self.written()
            }
        }
    }

    /// Takes all output there is, as a socket would; answers with its length.
    fn take_output(&mut self) -> Result<usize> {
        let mut sum = 0;
        while !self.output.is_empty() {
            sum += self.output.len();
            self.output.advance(self.output.len());
            self.written()?;
        }
        Ok(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_go_through_without_sockets() {
        for durable in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let work = Work {
                messages: 2_000,
                body_bytes: 100,
                durable,
                encrypted: durable,
            };
            assert!(
                run(work, dir.path()).unwrap() >= 2_000,
                "durable: {durable}"
            );
        }
    }
}
