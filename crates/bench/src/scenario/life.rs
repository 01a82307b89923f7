//! What a broker costs that does nothing yet: its start, its idle memory, connections and queues
//! that lie idle.

use std::thread;

use anyhow::{Context as _, Result};
use bytes::BytesMut;
use wire::amqp091::QueueDeclare;

use super::{Bench, Scenario};
use crate::amqp::{CHANNEL, Client};
use crate::target::Kind;

/// Idle connections, each with a channel.
const CONNECTIONS: usize = 300;

/// Queues declared in a row.
const QUEUES: usize = 10_000;

/// Starts with an empty directory.
pub(super) fn start(bench: &mut Bench<'_>) -> Result<()> {
    for kind in bench.kinds {
        let dir = bench.fresh_dir(&format!("start-{}", kind.name()))?;
        let target = kind.start(bench.programs, &dir)?;
        let usage = target.usage()?;
        let metrics = [
            ("start_s", target.started_in.as_secs_f64()),
            ("start_cpu_s", usage.cpu_s),
            ("rss_bytes", usage.rss_bytes),
            ("anon_bytes", usage.anon_bytes),
        ];
        bench.record(Scenario::Start, "empty", kind.name(), &metrics)?;
    }
    Ok(())
}

/// Opens connections that then do nothing.
pub(super) fn idle(bench: &mut Bench<'_>) -> Result<()> {
    for kind in own(bench) {
        let dir = bench.fresh_dir(&format!("idle-{}", kind.name()))?;
        let target = kind.start(bench.programs, &dir)?;
        // The first makes what all share.
        let first = Client::connect(target.address)?;
        let before = target.usage()?;
        let mut connections = Vec::with_capacity(CONNECTIONS);
        let began = std::time::Instant::now();
        for _ in 0..CONNECTIONS {
            connections.push(Client::connect(target.address)?);
        }
        let connect_s = began.elapsed().as_secs_f64();
        let after = target.usage()?;
        drop((first, connections));
        let count = CONNECTIONS as f64;
        let metrics = [
            (
                "bytes_per_connection",
                (after.rss_bytes - before.rss_bytes) / count,
            ),
            ("connected_per_s", count / connect_s),
            (
                "connected_per_cpu_s",
                count / (after.cpu_s - before.cpu_s).max(0.01),
            ),
        ];
        bench.record(Scenario::Idle, "connections", kind.name(), &metrics)?;
    }
    Ok(())
}

/// Declares durable queues without waiting for the answers in between.
pub(super) fn declares(bench: &mut Bench<'_>) -> Result<()> {
    for kind in own(bench) {
        let dir = bench.fresh_dir(&format!("declares-{}", kind.name()))?;
        let target = kind.start(bench.programs, &dir)?;
        let mut client = Client::connect(target.address)?;
        let mut frames = BytesMut::new();
        for number in 0..QUEUES {
            let declare = QueueDeclare {
                queue: &format!("bench.declares.{number}"),
                durable: true,
                ..Default::default()
            };
            declare.encode(CHANNEL, &mut frames);
        }
        let before = target.usage()?;
        let began = std::time::Instant::now();
        let mut sender = client.sender()?;
        // Answers are read meanwhile: a broker may stop reading from who does not.
        let sending = thread::spawn(move || std::io::Write::write_all(&mut sender, &frames));
        for number in 0..QUEUES {
            client
                .expect((50, 11))
                .with_context(|| format!("queue {number}"))?;
        }
        let declare_s = began.elapsed().as_secs_f64();
        let after = target.usage()?;
        sending.join().ok().context("the sender panicked")??;
        let count = QUEUES as f64;
        let metrics = [
            ("declared_per_s", count / declare_s),
            (
                "declared_per_cpu_s",
                count / (after.cpu_s - before.cpu_s).max(0.01),
            ),
            (
                "bytes_per_queue",
                (after.rss_bytes - before.rss_bytes) / count,
            ),
            (
                "anon_bytes_per_queue",
                (after.anon_bytes - before.anon_bytes) / count,
            ),
        ];
        bench.record(Scenario::Declares, "10,000", kind.name(), &metrics)?;
    }
    Ok(())
}

/// Brokers whose own cost is of interest; RabbitMQ's takes a minute, so only once.
fn own(bench: &Bench<'_>) -> Vec<Kind> {
    let wanted = |kind: &Kind| match kind {
        Kind::Ferrymq => true,
        Kind::Rabbitmq => bench.run == 1,
        _ => false,
    };
    bench.kinds.iter().copied().filter(wanted).collect()
}
