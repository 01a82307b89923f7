//! Only publishing, and only consuming.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::{Consumer, PATIENCE, Publisher};
use crate::batch::Publish;
use crate::poller::{Interest, Poller};

/// A broker that confirms nothing for this long has had enough: its memory or disk is full.
const ENOUGH: Duration = Duration::from_secs(10);

/// How far filling came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Filled {
    /// Messages confirmed.
    pub confirmed: u64,
    /// Messages written to the socket; those beyond the confirmed may or may not be in the queue.
    pub published: u64,
    /// Up to the last confirm.
    pub took: Duration,
}

/// Publishes `count` messages and waits until all are confirmed, or the broker takes no more.
pub fn fill(publish: &Publish<'_>, window: u64, count: u64, address: SocketAddr) -> Result<Filled> {
    let mut publisher = Publisher::open(publish, Some(window), address)?;
    let mut poller = Poller::new()?;
    poller.add(publisher.stream(), 0)?;
    publisher.limit = count;
    let mut ready = Vec::new();
    let began = Instant::now();
    let mut last = began;
    while publisher.confirmed() < count && last.elapsed() < ENOUGH {
        let busy = publisher.publish(u64::MAX, 0)?;
        let interest = Interest {
            read: true,
            write: publisher.is_blocked(),
        };
        poller.watch(publisher.stream(), 0, interest)?;
        let timeout = if busy { Duration::ZERO } else { PATIENCE / 100 };
        poller.wait(Some(timeout), &mut ready)?;
        for event in &ready {
            if event.writable {
                publisher.unblock();
            }
            if event.readable {
                publisher.receive(|_| last = Instant::now())?;
            }
        }
    }
    Ok(Filled {
        confirmed: publisher.confirmed(),
        published: publisher.published,
        took: last - began,
    })
}

/// Consumes and acknowledges the `count` messages of a queue, which must come in order.
pub fn drain(queue: &str, ack_every: u64, count: u64, address: SocketAddr) -> Result<()> {
    let mut consumer = Consumer::open(queue, Some(ack_every), address)?;
    let mut poller = Poller::new()?;
    poller.add(consumer.stream(), 0)?;
    let mut ready = Vec::new();
    while consumer.received() < count {
        poller.wait(Some(PATIENCE), &mut ready)?;
        let received = consumer.received();
        ensure!(!ready.is_empty(), "{received} of {count} messages came");
        consumer.receive(|_| {})?;
    }
    ensure!(consumer.received() == count, "more came than was published");
    consumer.acknowledge_all()
}
