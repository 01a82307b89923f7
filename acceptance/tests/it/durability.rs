//! What is confirmed is on disk: kill -9 at any moment loses none of it.

use std::collections::BTreeSet;
use std::env;
use std::time::Duration;

use acceptance::dev::DevBroker;
use acceptance::python::Python;
use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use lapin::options::*;
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use tokio::time::timeout;

/// Messages of the long test: 100,000, or what `FERRYMQ_DURABLE_MESSAGES` says.
fn durable_messages() -> Result<String> {
    let count = env::var("FERRYMQ_DURABLE_MESSAGES").unwrap_or_else(|_| "100000".to_owned());
    ensure!(
        count.parse::<u32>().is_ok(),
        "FERRYMQ_DURABLE_MESSAGES is not a number: {count}"
    );
    Ok(count)
}

#[test]
fn confirmed_messages_survive_a_crash_in_order() -> Result<()> {
    let Some(python) = Python::prepare()? else {
        return Ok(());
    };
    let count = durable_messages()?;
    let mut broker = DevBroker::start()?;
    python
        .script("publish_many.py", &[&broker.uri()?, "q", &count])?
        .success()?;
    broker.crash()?;
    python
        .script("drain_many.py", &[&broker.uri()?, "q", &count])?
        .success()?;
    Ok(())
}

#[test]
fn what_was_drained_before_a_clean_stop_stays_gone() -> Result<()> {
    let Some(python) = Python::prepare()? else {
        return Ok(());
    };
    let mut broker = DevBroker::start()?;
    python
        .script("publish_many.py", &[&broker.uri()?, "q", "500"])?
        .success()?;
    python
        .script("drain_many.py", &[&broker.uri()?, "q", "500"])?
        .success()?;
    python
        .script("publish_many.py", &[&broker.uri()?, "q", "300"])?
        .success()?;
    broker.server_mut()?.terminate(Duration::from_secs(5))?;
    broker.restart()?;
    python
        .script("drain_many.py", &[&broker.uri()?, "q", "300"])?
        .success()?;
    Ok(())
}

async fn open(broker: &DevBroker) -> Result<Channel> {
    let uri = broker.uri()?;
    let connection = Connection::connect(&uri, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    let durable = QueueDeclareOptions {
        durable: true,
        ..Default::default()
    };
    channel
        .queue_declare("q".into(), durable, FieldTable::default())
        .await?;
    Ok(channel)
}

/// Publishes numbers from `first` on until the broker is gone; adds those confirmed to `acked`.
/// The broker is killed when `enough` of them are. Returns the first number never sent.
async fn publish_until_killed(
    broker: &mut DevBroker,
    first: u32,
    enough: usize,
    acked: &mut BTreeSet<u32>,
) -> Result<u32> {
    let channel = open(broker).await?;
    let mut confirms = FuturesUnordered::new();
    let mut round = BTreeSet::new();
    let mut next = first;
    let mut alive = true;
    while alive || !confirms.is_empty() {
        while alive && confirms.len() < 200 {
            let properties = BasicProperties::default().with_delivery_mode(2);
            let (body, options) = (next.to_be_bytes(), BasicPublishOptions::default());
            let sent = channel.basic_publish("".into(), "q".into(), options, &body, properties);
            match sent.await {
                Ok(confirm) => confirms.push(async move { (next, confirm.await) }),
                Err(_) => alive = false,
            }
            next += 1;
        }
        let confirmed = timeout(Duration::from_secs(30), confirms.next()).await;
        match confirmed.context("neither a confirm nor an end")? {
            Some((number, Ok(confirm))) if confirm.is_ack() => {
                round.insert(number);
            }
            Some((_, Ok(confirm))) => anyhow::bail!("not acknowledged: {confirm:?}"),
            Some((_, Err(_))) | None => alive = false,
        }
        if round.len() == enough {
            broker.server_mut()?.kill()?;
        }
    }
    ensure!(round.len() >= enough, "the broker went away by itself");
    acked.append(&mut round);
    Ok(next)
}

#[tokio::test]
async fn everything_acknowledged_is_delivered_after_crash_upon_crash() -> Result<()> {
    let mut broker = DevBroker::start()?;
    let (mut next, mut acked) = (0, BTreeSet::new());
    // Uneven numbers, so that the kill falls at different places of a batch.
    for enough in [1, 50, 333, 700, 1_234] {
        next = publish_until_killed(&mut broker, next, enough, &mut acked).await?;
        broker.restart()?;
    }
    let delivered = drain(&broker).await?;
    let unknown: Vec<_> = delivered.iter().filter(|number| **number >= next).collect();
    assert!(
        unknown.is_empty(),
        "delivered but never published: {unknown:?}"
    );
    assert!(
        delivered.is_sorted_by(|a, b| a < b),
        "out of order, or twice: {delivered:?}"
    );
    let delivered: BTreeSet<_> = delivered.into_iter().collect();
    let lost: Vec<_> = acked.difference(&delivered).collect();
    assert!(lost.is_empty(), "acknowledged but lost: {lost:?}");
    Ok(())
}

async fn drain(broker: &DevBroker) -> Result<Vec<u32>> {
    let channel = open(broker).await?;
    let mut numbers = Vec::new();
    let options = BasicGetOptions { no_ack: true };
    while let Some(message) = channel.basic_get("q".into(), options).await? {
        numbers.push(u32::from_be_bytes(
            message.delivery.data.as_slice().try_into()?,
        ));
    }
    Ok(numbers)
}

#[tokio::test]
async fn durable_objects_survive_a_crash_and_transient_ones_do_not() -> Result<()> {
    let mut broker = DevBroker::start()?;
    let channel = open(&broker).await?;
    let none = FieldTable::default;
    let durable = ExchangeDeclareOptions {
        durable: true,
        ..Default::default()
    };
    let topic = lapin::ExchangeKind::Topic;
    channel
        .exchange_declare("x".into(), topic, durable, none())
        .await?;
    let options = QueueBindOptions::default();
    channel
        .queue_bind("q".into(), "x".into(), "a.#".into(), options, none())
        .await?;
    let transient = QueueDeclareOptions::default();
    channel
        .queue_declare("passing".into(), transient, none())
        .await?;
    for (mode, body) in [(2, b"kept"), (1, b"lost")] {
        let properties = BasicProperties::default().with_delivery_mode(mode);
        let options = BasicPublishOptions::default();
        let sent = channel.basic_publish("x".into(), "a.b".into(), options, body, properties);
        sent.await?.await?;
    }
    broker.crash()?;

    let channel = open(&broker).await?;
    let bodies = async {
        let mut bodies = Vec::new();
        let options = BasicGetOptions { no_ack: true };
        while let Some(message) = channel.basic_get("q".into(), options).await? {
            bodies.push(String::from_utf8(message.delivery.data.clone())?);
        }
        anyhow::Ok(bodies)
    };
    assert_eq!(bodies.await?, ["kept"]);
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    channel
        .basic_publish("x".into(), "a".into(), options, b"bound", properties)
        .await?
        .await?;
    let got = channel
        .basic_get("q".into(), BasicGetOptions::default())
        .await?;
    assert_eq!(got.context("the binding is gone")?.delivery.data, b"bound");
    let passive = QueueDeclareOptions {
        passive: true,
        ..Default::default()
    };
    let gone = channel
        .queue_declare("passing".into(), passive, none())
        .await;
    assert!(gone.is_err_and(|error| error.to_string().contains("NOT_FOUND")));
    Ok(())
}
