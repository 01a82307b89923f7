//! lapin, which is told another address when its connection breaks.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use lapin::options::*;
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use tokio::task::spawn_blocking;
use tokio::time::{interval, timeout};

use super::pair::Pair;

const QUEUE: &str = "failover";
const COUNT: u32 = 1500;

/// Longest wait for one thing: a confirm, a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between two tries to connect, at least.
const TURN: Duration = Duration::from_millis(50);

/// Longest wait for all of it.
const DEADLINE: Duration = Duration::from_secs(90);

/// A channel on whichever node lets us in, one after the other.
async fn open(uris: &[String; 2]) -> Result<Channel> {
    let mut failure = None;
    for uri in uris {
        match timeout(PATIENCE, declared(uri)).await {
            Ok(Ok(channel)) => return Ok(channel),
            Ok(Err(error)) => failure = Some(error),
            Err(_) => {}
        }
    }
    Err(failure.map_or_else(|| anyhow::anyhow!("no answer"), Into::into))
}

async fn declared(uri: &str) -> lapin::Result<Channel> {
    let connection = Connection::connect(uri, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let confirms = ConfirmSelectOptions::default();
    channel.confirm_select(confirms).await?;
    let durable = QueueDeclareOptions {
        durable: true,
        ..Default::default()
    };
    let none = FieldTable::default();
    channel.queue_declare(QUEUE.into(), durable, none).await?;
    Ok(channel)
}

/// Publishes all numbers, each until it is confirmed; the longest time between two confirms.
async fn publish(pair: Arc<Pair>) -> Result<Duration> {
    let uris = pair.uris();
    let start = Instant::now();
    let (mut confirmed, mut last, mut longest) = (0, start, Duration::ZERO);
    let mut turns = interval(TURN);
    while confirmed < COUNT {
        ensure!(start.elapsed() < DEADLINE, "{confirmed} confirmed, no more");
        turns.tick().await;
        let Ok(channel) = open(&uris).await else {
            continue;
        };
        while confirmed < COUNT {
            match timeout(PATIENCE, send(&channel, confirmed)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => break,
            }
            longest = longest.max(last.elapsed());
            last = Instant::now();
            confirmed += 1;
            if confirmed == COUNT / 3 {
                let pair = Arc::clone(&pair);
                spawn_blocking(move || pair.kill_active()).await??;
            }
        }
    }
    Ok(longest)
}

async fn send(channel: &Channel, number: u32) -> Result<()> {
    let properties = BasicProperties::default().with_delivery_mode(2);
    let (body, options) = (number.to_be_bytes(), BasicPublishOptions::default());
    let sent = channel.basic_publish("".into(), QUEUE.into(), options, &body, properties);
    ensure!(sent.await?.await?.is_ack(), "refused");
    Ok(())
}

/// Takes and settles until all numbers came.
async fn consume(uris: [String; 2]) -> Result<()> {
    let start = Instant::now();
    let mut seen = BTreeSet::new();
    let mut turns = interval(TURN);
    while seen.len() < COUNT as usize {
        turns.tick().await;
        ensure!(start.elapsed() < DEADLINE, "{} came, no more", seen.len());
        if let Ok(channel) = open(&uris).await {
            take(&channel, &mut seen).await?;
        }
    }
    Ok(())
}

/// Takes until the connection breaks.
async fn take(channel: &Channel, seen: &mut BTreeSet<u32>) -> Result<()> {
    let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
    let consuming = channel.basic_consume(QUEUE.into(), "".into(), options, none);
    let Ok(Ok(mut deliveries)) = timeout(PATIENCE, consuming).await else {
        return Ok(());
    };
    while seen.len() < COUNT as usize {
        let Ok(Some(Ok(delivery))) = timeout(PATIENCE, deliveries.next()).await else {
            return Ok(());
        };
        let number = u32::from_be_bytes(delivery.data.as_slice().try_into()?);
        let in_order = seen.contains(&number) || number as usize == seen.len();
        ensure!(in_order, "{number} came as number {}", seen.len());
        seen.insert(number);
        if delivery.ack(BasicAckOptions::default()).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_goes_on() -> Result<()> {
    let pair = Arc::new(spawn_blocking(Pair::start).await??);
    let consuming = tokio::spawn(consume(pair.uris()));
    let longest = publish(Arc::clone(&pair)).await?;
    consuming.await?.context("consume")?;
    let longest = longest.as_millis() as u64;
    ensure!(longest < super::LONGEST_MS, "no confirm for {longest} ms");
    // It ends processes, and waits for them.
    spawn_blocking(move || drop(pair)).await?;
    Ok(())
}
