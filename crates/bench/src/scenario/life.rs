//! What a broker costs that does nothing yet: its start, its idle memory, connections and queues
//! that lie idle.

use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result};
use bytes::BytesMut;
use wire::amqp091::QueueDeclare;

use super::{Bench, Scenario};
use crate::amqp::{CHANNEL, Client};
use crate::batch::Protocol;
use crate::target::Kind;
use crate::{mqtt, nats};

/// Idle connections; those of AMQP each with a channel.
const CONNECTIONS: usize = 1_000;

/// Queues declared in a row, and how many where each costs milliseconds.
const QUEUES: usize = 10_000;
const QUEUES_OF_PEERS: usize = 1_000;

/// Starts with an empty directory.
pub(super) fn start(bench: &mut Bench<'_>) -> Result<()> {
    for kind in affordable(bench, bench.kinds) {
        let measured = started(bench, kind);
        bench.take(Scenario::Start, "empty", kind.name(), measured)?;
    }
    Ok(())
}

fn started(bench: &Bench<'_>, kind: Kind) -> Result<Vec<(&'static str, f64)>> {
    let dir = bench.fresh_dir(kind.name())?;
    let target = kind.start(bench.programs, dir.path())?;
    let usage = target.usage()?;
    Ok(vec![
        ("start_s", target.started_in.as_secs_f64()),
        ("start_cpu_s", usage.cpu_s),
        ("rss_bytes", usage.rss_bytes),
        ("anon_bytes", usage.anon_bytes),
    ])
}

/// Opens connections that then do nothing.
pub(super) fn idle(bench: &mut Bench<'_>) -> Result<()> {
    let real = |kind: &&Kind| !matches!(kind, Kind::Null | Kind::NullJournal);
    let kinds: Vec<Kind> = bench.kinds.iter().filter(real).copied().collect();
    for kind in affordable(bench, &kinds) {
        let measured = connected(bench, kind);
        bench.take(Scenario::Idle, "connections", kind.name(), measured)?;
    }
    Ok(())
}

fn connected(bench: &Bench<'_>, kind: Kind) -> Result<Vec<(&'static str, f64)>> {
    let dir = bench.fresh_dir(kind.name())?;
    let target = kind.start(bench.programs, dir.path())?;
    // The first makes what all share.
    let first = connect(kind, 0, target.address)?;
    let before = target.usage()?;
    let mut connections = Vec::with_capacity(CONNECTIONS);
    let began = Instant::now();
    for number in 1..=CONNECTIONS {
        let opened = connect(kind, number, target.address);
        connections.push(opened.with_context(|| format!("connection {number}"))?);
    }
    let connect_s = began.elapsed().as_secs_f64();
    let after = target.usage()?;
    drop((first, connections));
    let count = CONNECTIONS as f64;
    let cpu_s = (after.cpu_s - before.cpu_s).max(0.01);
    Ok(vec![
        (
            "bytes_per_connection",
            (after.rss_bytes - before.rss_bytes) / count,
        ),
        ("connected_per_s", count / connect_s),
        ("connected_per_cpu_s", count / cpu_s),
    ])
}

/// A connection that is logged in.
fn connect(kind: Kind, number: usize, address: SocketAddr) -> Result<TcpStream> {
    match kind.protocol() {
        Protocol::Amqp => Ok(Client::connect(address)?.into_parts().0),
        Protocol::Mqtt => mqtt::connect(address, &format!("idle.{number}"), true),
        Protocol::Nats => nats::connect(address, None),
    }
}

/// Declares durable queues without waiting for the answers in between.
pub(super) fn declares(bench: &mut Bench<'_>) -> Result<()> {
    let declarable = |kind: &&Kind| matches!(kind, Kind::Ferrymq | Kind::Rabbitmq);
    let kinds: Vec<Kind> = bench.kinds.iter().filter(declarable).copied().collect();
    for kind in affordable(bench, &kinds) {
        let (variant, queues) = match kind {
            Kind::Ferrymq => ("10,000", QUEUES),
            _ => ("1,000", QUEUES_OF_PEERS),
        };
        let measured = declared(bench, kind, queues);
        bench.take(Scenario::Declares, variant, kind.name(), measured)?;
    }
    Ok(())
}

fn declared(bench: &Bench<'_>, kind: Kind, queues: usize) -> Result<Vec<(&'static str, f64)>> {
    let dir = bench.fresh_dir(kind.name())?;
    let target = kind.start(bench.programs, dir.path())?;
    let mut client = Client::connect(target.address)?;
    let mut frames = BytesMut::new();
    for number in 0..queues {
        let declare = QueueDeclare {
            queue: &format!("bench.declares.{number}"),
            durable: true,
            ..Default::default()
        };
        declare.encode(CHANNEL, &mut frames);
    }
    let before = target.usage()?;
    let began = Instant::now();
    let mut sender = client.sender()?;
    // Answers are read meanwhile: a broker may stop reading from who does not.
    let sending = thread::spawn(move || std::io::Write::write_all(&mut sender, &frames));
    for number in 0..queues {
        let answered = client.expect((50, 11));
        answered.with_context(|| format!("queue {number}"))?;
    }
    let declare_s = began.elapsed().as_secs_f64();
    let after = target.usage()?;
    sending.join().ok().context("the sender panicked")??;
    let count = queues as f64;
    let cpu_s = (after.cpu_s - before.cpu_s).max(0.01);
    Ok(vec![
        ("declared_per_s", count / declare_s),
        ("declared_per_cpu_s", count / cpu_s),
        (
            "bytes_per_queue",
            (after.rss_bytes - before.rss_bytes) / count,
        ),
        (
            "anon_bytes_per_queue",
            (after.anon_bytes - before.anon_bytes) / count,
        ),
    ])
}

/// Brokers that take many seconds to start have one repetition of what needs a start of their own.
fn affordable(bench: &Bench<'_>, kinds: &[Kind]) -> Vec<Kind> {
    let slow = |kind: &Kind| matches!(kind, Kind::Artemis | Kind::Rabbitmq);
    let wanted = |kind: &Kind| bench.run == 1 || !slow(kind);
    kinds.iter().copied().filter(wanted).collect()
}
