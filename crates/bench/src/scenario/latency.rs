//! Latency: at a fixed rate, and of one message at a time.
//!
//! At the fixed rate every message has a time at which it is due, and its latency counts from
//! there, not from when the generator got round to it: a broker that stalls is charged for every
//! message that should have been sent meanwhile. The generator waits by spinning, since a sleep's
//! own delay would be larger than what is measured; how late it was itself is told beside.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::{Bench, Scenario};
use crate::amqp::{Client, Lifetime};
use crate::batch::{Protocol, Publish};
use crate::disk;
use crate::flow::{Consumer, Publisher};
use crate::mqtt;
use crate::poller::{Poller, Ready};
use crate::stats::percentile;
use crate::target::{Kind, Target};

/// One message each 200 µs.
const INTERVAL_NS: u64 = 200_000;

const BODY_BYTES: usize = 128;

/// Not counted: half a second.
const WARM_UP: u64 = 2_500;

/// How long the last messages may take to come.
const PATIENCE: Duration = Duration::from_secs(20);

const PUBLISHER: usize = 0;
const CONSUMER: usize = 1;

/// Samples of one run, nanoseconds.
#[derive(Debug, Default)]
struct Samples {
    deliveries: Vec<u64>,
    /// From when a message was due to when the generator came to it.
    lateness: Vec<u64>,
    confirms: Vec<u64>,
}

/// A publisher, a consumer and what they wait on.
struct Pair {
    publisher: Publisher,
    consumer: Consumer,
    poller: Poller,
    ready: Vec<Ready>,
    began: Instant,
    samples: Samples,
}

/// At 5,000 messages per second.
pub(super) fn run(bench: &mut Bench<'_>) -> Result<()> {
    use Kind::{Artemis, Ferrymq, Mosquitto, Nats, Null, NullJournal, Rabbitmq};
    let transient: &[Kind] = &[Ferrymq, Mosquitto, Nats, Null, Rabbitmq];
    let durable: &[Kind] = &[Artemis, Ferrymq, Mosquitto, NullJournal, Rabbitmq];
    for (variant, kinds) in [("transient", transient), ("durable", durable)] {
        if variant == "durable" {
            let disk = disk::measure(bench.dir)?;
            bench.record(Scenario::Latency, variant, "disk", &disk.metrics())?;
        }
        for target in bench.in_turn() {
            if kinds.contains(&target.kind) {
                bench.await_quiet()?;
                let queue = format!("bench.latency.{}.0", bench.run);
                let measured = at_fixed_rate(target, &queue, variant == "durable", bench.time);
                bench.take(Scenario::Latency, variant, target.kind.name(), measured)?;
            }
        }
    }
    Ok(())
}

/// One publish, its confirm, the next publish.
pub(super) fn run_single(bench: &mut Bench<'_>) -> Result<()> {
    const VARIANT: &str = "W=1";
    let disk = disk::measure(bench.dir)?;
    bench.record(Scenario::Single, VARIANT, "disk", &disk.metrics())?;
    for target in bench.in_turn() {
        if matches!(target.kind, Kind::Nats | Kind::Null) {
            continue;
        }
        bench.await_quiet()?;
        let queue = format!("bench.single.{}", bench.run);
        let measured = one_at_a_time(target, &queue, bench.time);
        bench.take(Scenario::Single, VARIANT, target.kind.name(), measured)?;
    }
    Ok(())
}

fn one_at_a_time(target: &Target, queue: &str, time: Duration) -> Result<Vec<(&'static str, f64)>> {
    let mut pair = Pair::open(queue, true, target)?;
    pair.one_at_a_time(time)?;
    let metrics = spread("confirm", &mut pair.samples.confirms);
    pair.close(queue, target)?;
    Ok(metrics)
}

fn at_fixed_rate(
    target: &Target,
    queue: &str,
    durable: bool,
    time: Duration,
) -> Result<Vec<(&'static str, f64)>> {
    let mut pair = Pair::open(queue, durable, target)?;
    let count = WARM_UP + time.as_nanos() as u64 / INTERVAL_NS;
    let before = target.usage()?;
    pair.at_fixed_rate(count)?;
    let cpu_s = target.usage()?.cpu_s - before.cpu_s;
    let mut metrics = spread("delivery", &mut pair.samples.deliveries);
    if durable {
        metrics.extend(spread("confirm", &mut pair.samples.confirms));
    }
    metrics.extend(spread("late", &mut pair.samples.lateness));
    metrics.push(("cpu_us_per_message", cpu_s * 1e6 / count as f64));
    pair.close(queue, target)?;
    Ok(metrics)
}

impl Pair {
    fn open(queue: &str, durable: bool, target: &Target) -> Result<Self> {
        let address = target.address;
        let publish = publish(queue, durable);
        let window = durable.then_some(u64::MAX);
        let (consumer, publisher) = match target.kind.protocol() {
            Protocol::Amqp => {
                Client::connect(address)?.declare_queue(queue, Lifetime::Durable)?;
                let ack_every = durable.then_some(50);
                let consumer = Consumer::open(queue, ack_every, address)?;
                (consumer, Publisher::open(&publish, window, address)?)
            }
            Protocol::Mqtt => {
                let consumer = Consumer::open_mqtt(queue, queue, durable, address)?;
                (consumer, Publisher::open_mqtt(&publish, window, address)?)
            }
            Protocol::Nats => {
                let consumer = Consumer::open_nats(queue, address)?;
                (consumer, Publisher::open_nats(&publish, address)?)
            }
        };
        Self::new(publisher, consumer)
    }

    /// Removes what it left in the broker.
    fn close(self, queue: &str, target: &Target) -> Result<()> {
        drop(self);
        match target.kind.protocol() {
            Protocol::Amqp => Client::connect(target.address)?.delete_queue(queue),
            Protocol::Mqtt => mqtt::forget(target.address, queue),
            Protocol::Nats => Ok(()),
        }
    }

    fn new(publisher: Publisher, consumer: Consumer) -> Result<Self> {
        let poller = Poller::new()?;
        poller.add(publisher.stream(), PUBLISHER)?;
        poller.add(consumer.stream(), CONSUMER)?;
        Ok(Self {
            publisher,
            consumer,
            poller,
            ready: Vec::new(),
            began: Instant::now(),
            samples: Samples::default(),
        })
    }

    fn at_fixed_rate(&mut self, count: u64) -> Result<()> {
        self.began = Instant::now();
        let deadline = Duration::from_nanos(count * INTERVAL_NS) + PATIENCE;
        while self.consumer.received() < count || !self.publisher.is_idle() {
            let now_ns = self.began.elapsed().as_nanos() as u64;
            let due = (now_ns / INTERVAL_NS + 1).min(count);
            // One by one: each has a time of its own.
            while self.publisher.published < due {
                let sent_ns = self.publisher.published * INTERVAL_NS;
                let number = self.publisher.published;
                let late_ns = self.began.elapsed().as_nanos() as u64 - sent_ns;
                let more = self.publisher.publish(1, sent_ns)?;
                if self.publisher.published > number && number >= WARM_UP {
                    self.samples.lateness.push(late_ns);
                }
                if !more {
                    break;
                }
            }
            self.publisher.unblock();
            self.receive(WARM_UP)?;
            ensure!(
                self.began.elapsed() < deadline,
                "{} of {count} messages came",
                self.consumer.received()
            );
        }
        Ok(())
    }

    fn one_at_a_time(&mut self, time: Duration) -> Result<()> {
        let began = Instant::now();
        while began.elapsed() < time {
            self.began = Instant::now();
            self.publisher.publish(1, 0)?;
            while !self.publisher.is_idle() {
                self.receive(0)?;
                ensure!(self.began.elapsed() < PATIENCE, "no confirm came");
            }
            let took = self.began.elapsed();
            self.samples.confirms.push(took.as_nanos() as u64);
        }
        Ok(())
    }

    /// Takes what has come; the first `skipped` messages are not counted.
    fn receive(&mut self, skipped: u64) -> Result<()> {
        self.poller.wait(Some(Duration::ZERO), &mut self.ready)?;
        let now_ns = self.began.elapsed().as_nanos() as u64;
        let samples = &mut self.samples;
        for event in &self.ready {
            if event.token == CONSUMER {
                self.consumer.receive(|stamp| {
                    if stamp.sequence >= skipped && skipped > 0 {
                        let took = now_ns.saturating_sub(stamp.sent_ns);
                        samples.deliveries.push(took);
                    }
                })?;
            } else {
                let mut next = self.publisher.confirmed();
                self.publisher.receive(|confirmed| {
                    let counted = next.max(skipped)..confirmed;
                    if skipped > 0 {
                        let took = |number| now_ns.saturating_sub(number * INTERVAL_NS);
                        samples.confirms.extend(counted.map(took));
                    }
                    next = confirmed;
                })?;
            }
        }
        Ok(())
    }
}

fn publish(queue: &str, persistent: bool) -> Publish<'_> {
    Publish {
        exchange: "",
        key: queue,
        keys: 1,
        persistent,
        body_bytes: BODY_BYTES,
    }
}

fn spread(what: &str, samples: &mut [u64]) -> Vec<(&'static str, f64)> {
    let names = match what {
        "confirm" => ["confirm_p50_us", "confirm_p99_us", "confirm_p999_us"],
        "late" => [
            "generator_late_p50_us",
            "generator_late_p99_us",
            "generator_late_p999_us",
        ],
        _ => ["delivery_p50_us", "delivery_p99_us", "delivery_p999_us"],
    };
    let percents = [50.0, 99.0, 99.9];
    let at = |percent| percentile(samples, percent).map(|ns| ns as f64 / 1e3);
    let values: Vec<_> = percents.into_iter().map(at).collect();
    let known = names.into_iter().zip(values);
    known
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}
