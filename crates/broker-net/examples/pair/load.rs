//! Publishes persistent messages with confirms, and takes them from their queue.

use std::collections::VecDeque;
use std::fmt;
use std::io::Read as _;
use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

use wire::amqp091::{BasicConsume, ConfirmSelect};

use crate::Result;
use crate::client::Client;

const QUEUE: &str = "load";

/// What was measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    /// Messages a second.
    pub(crate) rate: f64,
    /// From publish to confirm, in microseconds: median, 99th percentile, the longest.
    pub(crate) confirm_us: [f64; 3],
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99, most] = self.confirm_us;
        write!(
            f,
            "{:.0} messages a second; confirm p50 {p50:.0} us, p99 {p99:.0} us, most {most:.0} us",
            self.rate
        )
    }
}

impl FromStr for Measured {
    type Err = Box<dyn std::error::Error + Send + Sync>;

    /// Reads what it is displayed as.
    fn from_str(text: &str) -> Result<Self> {
        let words = text.split_whitespace();
        let numbers: Vec<f64> = words.filter_map(|word| word.parse().ok()).collect();
        match numbers[..] {
            [rate, p50, p99, most] => Ok(Self {
                rate,
                confirm_us: [p50, p99, most],
            }),
            _ => Err(format!("no measurement: {text}").into()),
        }
    }
}

/// Publishes for so long, and a second before that counts.
pub(crate) fn run(port: u16, window: usize, body: &[u8], duration: Duration) -> Result<Measured> {
    let mut publisher = Client::open(port)?;
    publisher.declare(QUEUE)?;
    publisher.call(ConfirmSelect::default())?;
    thread::spawn(move || consume(port));
    let mut waits = publish(&mut publisher, body, window, duration)?;
    waits.sort_unstable();
    let at = |part: f64| {
        let wait = waits.get((waits.len().saturating_sub(1) as f64 * part) as usize);
        wait.map_or(f64::NAN, |wait| wait.as_secs_f64() * 1e6)
    };
    Ok(Measured {
        rate: waits.len() as f64 / duration.as_secs_f64(),
        confirm_us: [0.5, 0.99, 1.0].map(at),
    })
}

/// How long each confirm took, but for those of the first second.
fn publish(
    client: &mut Client,
    body: &[u8],
    window: usize,
    duration: Duration,
) -> Result<Vec<Duration>> {
    let (mut sent, mut waits) = (VecDeque::new(), Vec::new());
    let counts_from = Instant::now() + Duration::from_secs(1);
    let mut confirmed = 0;
    loop {
        let now = Instant::now();
        if now >= counts_from + duration {
            return Ok(waits);
        }
        while sent.len() < window {
            client.publish(QUEUE, body);
            sent.push_back(now);
        }
        client.flush()?;
        let tag = client.confirmed()?;
        let now = Instant::now();
        for sent in sent.drain(..(tag - confirmed) as usize) {
            if now >= counts_from {
                waits.push(now - sent);
            }
        }
        confirmed = tag;
    }
}

/// Takes all messages, acknowledged by their delivery.
fn consume(port: u16) -> Result<()> {
    let mut client = Client::open(port)?;
    let consume = BasicConsume {
        queue: QUEUE,
        consumer_tag: "c",
        no_ack: true,
        ..Default::default()
    };
    client.call(consume)?;
    let mut scratch = vec![0; 1 << 20];
    while client.stream.read(&mut scratch)? > 0 {}
    Ok(())
}
