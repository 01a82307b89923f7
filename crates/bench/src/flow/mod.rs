//! Messages as fast as they go: publishers and consumers in one thread, and a bound on what is
//! under way between them.
//!
//! Every consumer checks that the numbers of its messages rise by one: a broker that loses,
//! repeats or reorders a message fails the run instead of winning it.

mod backlog;
mod consumer;
mod publisher;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

pub use self::backlog::{Filled, drain, fill};
pub(crate) use self::consumer::Consumer;
pub(crate) use self::publisher::Publisher;

use crate::amqp::{Client, Lifetime};
use crate::batch::{Protocol, Publish};
use crate::mqtt;
use crate::poller::{Interest, Poller, Ready};

/// Longest pause of a broker that does not count as broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where messages go, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Flow {
    /// Publishers, each with a route of its own.
    pub publishers: usize,
    /// Queues that each publisher's messages go to, each with one consumer; more than one are
    /// bound to a fan-out exchange.
    pub queues: usize,
    /// Messages go to their queue through a topic exchange with so many bindings, as many as
    /// possible of which get a message in turn; none: through the default exchange.
    pub bindings: usize,
    /// Bytes of each message.
    pub body_bytes: usize,
    /// Persistent messages.
    pub persistent: bool,
    /// Publisher confirms with at most this many publishes unconfirmed.
    pub window: Option<u64>,
    /// Consumers acknowledge after this many deliveries; automatically if none.
    pub ack_every: Option<u64>,
    /// At most this many messages are between a publisher and its slowest consumer.
    pub under_way: u64,
}

/// A flow with its connections open.
#[derive(Debug)]
pub struct Running {
    flow: Flow,
    /// Where the brokers are reached.
    address: SocketAddr,
    /// Declared the queues, and deletes them; only AMQP has any.
    control: Option<Client>,
    protocol: Protocol,
    names: Vec<String>,
    poller: Poller,
    publishers: Vec<Publisher>,
    consumers: Vec<Consumer>,
    ready: Vec<Ready>,
}

/// How far a flow has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Messages delivered, to all consumers together.
    pub delivered: u64,
    /// Messages confirmed.
    pub confirmed: u64,
}

impl Running {
    /// Declares, connects and subscribes; `name` tells this flow's queues from others'.
    pub fn open(flow: &Flow, name: &str, protocol: Protocol, address: SocketAddr) -> Result<Self> {
        let control = match protocol {
            Protocol::Amqp => Some(Client::connect(address)?),
            Protocol::Mqtt | Protocol::Nats => None,
        };
        let mut running = Self {
            flow: flow.clone(),
            address,
            control,
            protocol,
            names: Vec::new(),
            poller: Poller::new()?,
            publishers: Vec::new(),
            consumers: Vec::new(),
            ready: Vec::new(),
        };
        for publisher in 0..flow.publishers {
            for queue in 0..flow.queues {
                let queue = format!("bench.{name}.{publisher}.{queue}");
                running.add_consumer(&queue)?;
                running.names.push(queue);
            }
        }
        for publisher in 0..flow.publishers {
            running.add_publisher(publisher)?;
        }
        Ok(running)
    }

    fn add_consumer(&mut self, queue: &str) -> Result<()> {
        let address = self.address;
        // All of one publisher's subscribers have its subject.
        let consumer = match &mut self.control {
            Some(control) => {
                control.declare_queue(queue, Lifetime::Durable)?;
                if self.flow.queues > 1 {
                    control.bind_queue(queue, "amq.fanout")?;
                } else if self.flow.bindings > 0 {
                    control.bind_by_topics(queue, self.flow.bindings)?;
                }
                Consumer::open(queue, self.flow.ack_every, address)?
            }
            None if self.protocol == Protocol::Mqtt => {
                Consumer::open_mqtt(queue, subject(queue), self.flow.persistent, address)?
            }
            None => Consumer::open_nats(subject(queue), address)?,
        };
        self.poller.add(consumer.stream(), self.consumers.len())?;
        self.consumers.push(consumer);
        Ok(())
    }

    fn add_publisher(&mut self, number: usize) -> Result<()> {
        let queue = self.names[number * self.flow.queues].clone();
        let (exchange, key) = match (self.protocol, self.flow.queues) {
            (Protocol::Mqtt | Protocol::Nats, _) => ("", subject(&queue)),
            (Protocol::Amqp, 1) if self.flow.bindings > 0 => (queue.as_str(), queue.as_str()),
            (Protocol::Amqp, 1) => ("", queue.as_str()),
            (Protocol::Amqp, _) => ("amq.fanout", ""),
        };
        let publish = Publish {
            exchange,
            key,
            keys: self.flow.bindings.max(1),
            persistent: self.flow.persistent,
            body_bytes: self.flow.body_bytes,
        };
        let publisher = match self.protocol {
            Protocol::Amqp => Publisher::open(&publish, self.flow.window, self.address)?,
            Protocol::Mqtt => Publisher::open_mqtt(&publish, self.flow.window, self.address)?,
            Protocol::Nats => Publisher::open_nats(&publish, self.address)?,
        };
        let token = self.consumers.len() + number;
        self.poller.add(publisher.stream(), token)?;
        self.publishers.push(publisher);
        Ok(())
    }

    /// Publishes and consumes for this long.
    pub fn run_for(&mut self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        self.run_until(|_| Instant::now() >= end, true)
    }

    /// Publishes and consumes this many messages more, and waits until all are there.
    pub fn run_count(&mut self, count: u64) -> Result<()> {
        for publisher in &mut self.publishers {
            publisher.limit = publisher.published + count;
        }
        let all_published = |running: &Self| {
            let mut publishers = running.publishers.iter();
            publishers.all(|publisher| publisher.published == publisher.limit)
        };
        self.run_until(
            |running| all_published(running) && running.is_settled(),
            true,
        )
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        Progress {
            delivered: self.consumers.iter().map(|c| c.received()).sum(),
            confirmed: self.publishers.iter().map(|p| p.confirmed()).sum(),
        }
    }

    /// Stops publishing, waits until all that was published has come, and deletes the queues.
    pub fn finish(mut self) -> Result<()> {
        self.run_until(Self::is_settled, false)?;
        for consumer in &mut self.consumers {
            consumer.acknowledge_all()?;
        }
        if let Some(control) = &mut self.control {
            for name in &self.names {
                control.delete_queue(name)?;
            }
        }
        if self.protocol == Protocol::Mqtt && self.flow.persistent {
            drop(self.consumers);
            for name in &self.names {
                mqtt::forget(self.address, name)?;
            }
        }
        Ok(())
    }

    /// All that was published has been delivered, and confirmed if asked.
    fn is_settled(&self) -> bool {
        self.publishers
            .iter()
            .enumerate()
            .all(|(number, publisher)| {
                let queues = self.flow.queues;
                let mut consumers = self.consumers[number * queues..][..queues].iter();
                publisher.is_idle() && consumers.all(|c| c.received() == publisher.published)
            })
    }

    fn run_until(&mut self, done: impl Fn(&Self) -> bool, publish: bool) -> Result<()> {
        let mut last = Instant::now();
        while !done(self) {
            let mut busy = false;
            for number in 0..self.publishers.len() {
                busy |= self.publish(number, publish)?;
            }
            let timeout = if busy { Duration::ZERO } else { PATIENCE / 100 };
            let mut ready = std::mem::take(&mut self.ready);
            self.poller.wait(Some(timeout), &mut ready)?;
            if busy || !ready.is_empty() {
                last = Instant::now();
            }
            for event in &ready {
                self.serve(*event)?;
            }
            self.ready = ready;
            ensure!(
                last.elapsed() < PATIENCE,
                "nothing moved for {PATIENCE:?}: {:?}",
                self.progress()
            );
        }
        Ok(())
    }

    /// True when the publisher could go on at once.
    fn publish(&mut self, number: usize, more: bool) -> Result<bool> {
        let queues = self.flow.queues;
        let consumers = self.consumers[number * queues..][..queues].iter();
        let slowest = consumers.map(|c| c.received()).min().unwrap_or(0);
        let publisher = &mut self.publishers[number];
        let room = if more {
            (slowest + self.flow.under_way).saturating_sub(publisher.published)
        } else {
            0
        };
        let busy = publisher.publish(room, 0)?;
        let interest = Interest {
            read: true,
            write: publisher.is_blocked(),
        };
        let token = self.consumers.len() + number;
        if publisher.interest != interest {
            publisher.interest = interest;
            self.poller.watch(publisher.stream(), token, interest)?;
        }
        Ok(busy)
    }

    fn serve(&mut self, event: Ready) -> Result<()> {
        if let Some(consumer) = self.consumers.get_mut(event.token) {
            return consumer.receive(|_| {});
        }
        let number = event.token - self.consumers.len();
        let publisher = self.publishers.get_mut(number).context("unknown socket")?;
        if event.writable {
            publisher.unblock();
        }
        if event.readable {
            publisher.receive(|_| {})?;
        }
        Ok(())
    }
}

/// A queue's name without its last part, the number of the queue.
fn subject(queue: &str) -> &str {
    queue.rsplit_once('.').map_or(queue, |(subject, _)| subject)
}
