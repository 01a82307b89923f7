//! Clients of whoever leads: a publisher to two queues, a consumer of one. What they were told is kept,
//! and compared with what is found in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use broker_core::access::{PasswordHash, hash_password};
use broker_core::broker::{Attachment, Broker, BrokerConfig, Login};
use broker_core::call::{Consume, ConsumerId, DeclareQueue, Delivery, Outcome, Publish, Published};
use broker_core::definitions::{Expect, PasswordChange, PermissionSpec, UserUpdate};
use broker_core::journal::{Lsn, SimDisk};
use broker_core::message::{Body, Envelope, Properties};
use broker_core::outbox::{Event, Wake};
use broker_core::value::Arguments;

use crate::world::{Chance, Happening, Life, MS, World};

const USER: &str = "ferry";
pub(crate) const QUEUES: [&str; 2] = ["one", "two"];

#[derive(Debug)]
struct NoWake;

impl Wake for NoWake {
    fn wake(&self) {}
}

/// Those of one reign.
pub(crate) struct Client {
    attachment: Attachment,
    /// Number of each message that was published and not confirmed, and what its publisher waits for.
    waiting: Vec<(u64, Lsn)>,
    /// Where the definitions are safe, before which nothing is published.
    defined: Lsn,
    last_delivered: Option<u64>,
    /// Delivered and not settled.
    held: Vec<Delivery>,
}

/// What clients know.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    reigns: u64,
    published: u64,
    queue_of: BTreeMap<u64, usize>,
    pub(crate) confirmed: BTreeSet<u64>,
    delivered: BTreeSet<u64>,
    settled: BTreeSet<u64>,
    /// User and queues were confirmed.
    defined: bool,
    /// By epoch: when it was last served, and by whom.
    served: BTreeMap<u32, u64>,
    /// No more is published.
    pub(crate) closed: bool,
}

impl Ledger {
    pub(crate) fn next_reign(&mut self) -> u64 {
        self.reigns += 1;
        self.reigns
    }

    /// What was confirmed or delivered so far may be lost: an operator said so.
    pub(crate) fn forgive(&mut self) {
        self.confirmed.clear();
        self.delivered.clear();
        self.defined = false;
    }

    /// Who waited for a confirm from there does not get it any more.
    pub(crate) fn nobody_waits(&mut self, _machine: usize) {}
}

impl World {
    /// A step of the clients of this reign.
    pub(crate) fn client(&mut self, life: Life, reign: u64) {
        if !self.setup.clients {
            return;
        }
        let ledger_defined = self.ledger.defined;
        let Some(engine) = self.engine_of(life, reign) else {
            return;
        };
        if engine.stopping {
            return;
        }
        let (paused, epoch) = (engine.paused || engine.draining, engine.epoch);
        if !paused {
            if engine.client.is_none() {
                match attach(&engine.broker) {
                    Some(client) => engine.client = Some(client),
                    None => panic!("{}\nepoch {}: definitions are lost", self.story(), epoch.0),
                }
                assert!(!ledger_defined || self.ledger.defined, "{}", self.story());
            }
            self.check_alone(life, epoch.0);
            self.act(life, reign);
        }
        let pause = MS + self.chance.below(60 * MS);
        self.after(pause, Happening::Client(life, reign));
    }

    /// Once an epoch is served, no earlier one is.
    fn check_alone(&mut self, life: Life, epoch: u32) {
        let served = &mut self.ledger.served;
        let later = served
            .range(epoch + 1..)
            .next()
            .map(|(later, at)| (*later, *at));
        // A machine that was frozen may be a moment late to notice.
        let thawed = self.machines[life.machine].thawed_at;
        let excused = thawed > 0 && self.now < thawed + 500 * MS;
        if let Some((later, at)) = later
            && !excused
            && !self.setup.wild
        {
            let since = (self.now - at) as f64 / 1e9;
            panic!(
                "{}\nepoch {epoch} is served {since} s after epoch {later} was",
                self.story()
            );
        }
        served.entry(epoch).or_insert(self.now);
    }

    fn act(&mut self, life: Life, reign: u64) {
        let mut chance = self.chance.clone();
        self.chance.next();
        let mut ledger = std::mem::take(&mut self.ledger);
        let verdict = match self.engine_of(life, reign) {
            Some(engine) => {
                let broker = Arc::clone(&engine.broker);
                let publishes = !ledger.closed && broker.stopped().is_none();
                match &mut engine.client {
                    Some(client) => client.step(&mut ledger, &broker, publishes, &mut chance),
                    None => Ok(()),
                }
            }
            None => Ok(()),
        };
        self.ledger = ledger;
        if let Err(why) = verdict {
            panic!("{}\nnode {}: {why}", self.story(), life.machine + 1);
        }
    }

    /// What a broker has to have and may have, found by looking at all of it.
    pub(crate) fn check_contents(&self, broker: &Arc<Broker>, context: &str) {
        let ledger = &self.ledger;
        let attachment = broker.attach(&login(), "/", "check".into(), Box::new(NoWake));
        let attachment =
            attachment.unwrap_or_else(|it| panic!("{}\n{context}: {it:?}", self.story()));
        for (index, queue) in QUEUES.iter().enumerate() {
            let found: Vec<u64> =
                std::iter::from_fn(|| attachment.get(queue, false).expect("it is there"))
                    .map(|(delivery, _)| number_of(&delivery))
                    .collect();
            let fail = |what: String| panic!("{}\n{context}, queue {queue}: {what}", self.story());
            if !found.is_sorted() {
                fail(format!("not in order: {found:?}"));
            }
            if found.windows(2).any(|pair| pair[0] == pair[1]) {
                fail(format!("twice: {found:?}"));
            }
            let found: BTreeSet<u64> = found.into_iter().collect();
            if found
                .iter()
                .any(|it| ledger.queue_of.get(it) != Some(&index))
            {
                fail(format!("a phantom: {found:?}"));
            }
            for number in ledger.confirmed.union(&ledger.delivered) {
                let here = ledger.queue_of.get(number) == Some(&index);
                if here && !ledger.settled.contains(number) && !found.contains(number) {
                    fail(format!(
                        "message {number} was confirmed or delivered, and is lost"
                    ));
                }
            }
        }
    }
}

/// The clients of a broker; the first one defines what they need.
fn attach(broker: &Arc<Broker>) -> Option<Client> {
    let attachment = match broker.attach(&login(), "/", "client".into(), Box::new(NoWake)) {
        Ok(attachment) => attachment,
        Err(_) => {
            define_user(broker);
            broker
                .attach(&login(), "/", "client".into(), Box::new(NoWake))
                .ok()?
        }
    };
    for queue in QUEUES {
        attachment.declare_queue(&durable(queue)).ok()?;
    }
    let consume = Consume {
        queue: QUEUES[0],
        consumer: ConsumerId(1),
        auto_settle: false,
        exclusive: false,
        prefetch: 5,
        shared: None,
        arguments: Arguments::new(),
    };
    attachment.consume(&consume).ok()?;
    Some(Client {
        defined: broker.extent().written,
        attachment,
        waiting: Vec::new(),
        last_delivered: None,
        held: Vec::new(),
    })
}

fn define_user(broker: &Arc<Broker>) {
    let update = UserUpdate {
        password: Some(PasswordChange::Set(password().clone())),
        tags: None,
    };
    // Refused where the disk is full; then attaching fails, too.
    let _ = broker.admin().put_user(USER, update, Expect::Any);
    let spec = PermissionSpec {
        user: USER.into(),
        vhost: "/".into(),
        configure: ".*".into(),
        write: ".*".into(),
        read: ".*".into(),
    };
    let _ = broker.admin().put_permission(&spec, Expect::Any);
}

impl Client {
    fn step(
        &mut self,
        ledger: &mut Ledger,
        broker: &Arc<Broker>,
        publishes: bool,
        chance: &mut Chance,
    ) -> Result<(), String> {
        let durable = broker.durable();
        for (number, lsn) in std::mem::take(&mut self.waiting) {
            if lsn <= durable {
                ledger.confirmed.insert(number);
            } else {
                self.waiting.push((number, lsn));
            }
        }
        ledger.defined |= durable >= self.defined;
        let paused = self.attachment.publish_paused(|| !self.held.is_empty());
        if publishes && ledger.defined && !paused {
            for _ in 0..chance.below(10) {
                self.publish(ledger, chance);
            }
        }
        // The second queue is emptied now and then.
        if chance.one_in(3) && ledger.published / 300 % 2 == 1 {
            self.fetch(ledger)?;
        }
        self.consume(ledger, chance)
    }

    fn fetch(&mut self, ledger: &mut Ledger) -> Result<(), String> {
        for _ in 0..12 {
            let Ok(Some((delivery, _))) = self.attachment.get(QUEUES[1], true) else {
                break;
            };
            let number = number_of(&delivery);
            if ledger.queue_of.get(&number) != Some(&1) {
                return Err(format!("message {number} was got and never published"));
            }
            ledger.delivered.insert(number);
            ledger.settled.insert(number);
        }
        Ok(())
    }

    fn publish(&mut self, ledger: &mut Ledger, chance: &mut Chance) {
        let queue = chance.below(2) as usize;
        let number = ledger.published;
        ledger.published += 1;
        let size = if chance.one_in(30) {
            6000
        } else {
            chance.below(500)
        };
        let body = format!("{number} {}", "x".repeat(size as usize));
        let envelope = Envelope {
            exchange: "".into(),
            routing_key: QUEUES[queue].into(),
            properties: Properties::Amqp091(vec![0, 0].into()),
            persistent: true,
            further_keys: Box::default(),
        };
        let message = Publish {
            envelope: Arc::new(envelope),
            body: Body::copy_from_slice(body.as_bytes()),
        };
        ledger.queue_of.insert(number, queue);
        if let Ok(Published::Routed(promise)) = self.attachment.publish_one(message) {
            self.waiting.push((number, promise.lsn));
        }
    }

    fn consume(&mut self, ledger: &mut Ledger, chance: &mut Chance) -> Result<(), String> {
        let mut events = Vec::new();
        self.attachment.outbox().drain(&mut events);
        self.attachment.resume();
        for event in events {
            let Event::Deliver(delivery) = event else {
                continue;
            };
            let number = number_of(&delivery);
            if ledger.queue_of.get(&number) != Some(&0) {
                return Err(format!(
                    "message {number} was delivered and never published"
                ));
            }
            if self.last_delivered.is_some_and(|last| last >= number) {
                return Err(format!("message {number} after {:?}", self.last_delivered));
            }
            self.last_delivered = Some(number);
            ledger.delivered.insert(number);
            self.held.push(delivery);
        }
        let settles = self.held.len().min(chance.below(6) as usize);
        for delivery in self.held.drain(..settles) {
            ledger.settled.insert(number_of(&delivery));
            self.attachment
                .settle(delivery.queue, &[delivery.sequence], Outcome::Accept);
        }
        Ok(())
    }
}

fn number_of(delivery: &Delivery) -> u64 {
    let body = String::from_utf8(delivery.message.body.to_vec()).expect("as published");
    let number = body.split(' ').next().expect("as published");
    number.parse().expect("as published")
}

fn durable(name: &str) -> DeclareQueue<'_> {
    DeclareQueue {
        name,
        passive: false,
        durable: true,
        exclusive: false,
        auto_delete: false,
        arguments: Arguments::new(),
    }
}

/// Made once: it is slow on purpose.
fn password() -> &'static PasswordHash {
    static HASH: OnceLock<PasswordHash> = OnceLock::new();
    HASH.get_or_init(|| hash_password(b"secret").expect("there is randomness"))
}

/// The proof that the user logged in, made once; no other time is looked at.
#[allow(clippy::disallowed_methods)]
fn login() -> Login {
    static LOGIN: OnceLock<Login> = OnceLock::new();
    LOGIN
        .get_or_init(|| {
            let config = BrokerConfig::default();
            let (broker, _writer) =
                Broker::open(&config, Arc::new(SimDisk::new(1))).expect("it is empty");
            define_user(&broker);
            let check = broker.login(USER, b"secret");
            check.run(Instant::now()).expect("it is the password")
        })
        .clone()
}
