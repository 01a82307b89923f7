//! What becomes of messages that nobody accepts.

use std::time::SystemTime;

use anyhow::{Context, Result, bail, ensure};
use lapin::message::Delivery;
use lapin::options::*;
use lapin::types::{AMQPValue, FieldArray, FieldTable};

use super::broker::*;

fn header<'a>(message: &'a Delivery, name: &str) -> Option<&'a AMQPValue> {
    let headers = message.properties.headers().as_ref()?;
    headers.inner().get(name)
}

pub(super) async fn dead_letters(broker: &Broker) -> Result<()> {
    let connection = broker.connect().await?;
    let channel = connection.create_channel().await?;
    let (work, retry) = ("dead_letters.work", "dead_letters.retry");
    let to = |key| {
        [
            ("x-dead-letter-exchange", text("")),
            ("x-dead-letter-routing-key", text(key)),
        ]
    };
    queue(&channel, work, to(retry)).await?;
    let [exchange, key] = to(work);
    let ttl = ("x-message-ttl", AMQPValue::LongInt(1));
    queue(&channel, retry, [exchange, key, ttl]).await?;
    publish(&channel, "", work, b"job").await?;
    let for_good = BasicRejectOptions { requeue: false };
    arrival(&channel, work).await?.reject(for_good).await?;
    for round in 1..=2 {
        let message = arrival(&channel, work).await?;
        equal(b"job".as_slice(), message.data.as_slice())?;
        let Some(AMQPValue::FieldArray(deaths)) = header(&message, "x-death") else {
            bail!("no `x-death` in {:?}", message.properties);
        };
        let [expired, rejected] = deaths.as_slice() else {
            bail!("not two deaths: {deaths:?}");
        };
        death(expired, "expired", retry, round)?;
        death(rejected, "rejected", work, round)?;
        equal(
            Some(&text("rejected")),
            header(&message, "x-first-death-reason"),
        )?;
        equal(Some(&text(work)), header(&message, "x-first-death-queue"))?;
        equal(Some(&text("")), header(&message, "x-first-death-exchange"))?;
        message.reject(for_good).await?;
    }
    delete(&channel, work).await?;
    delete(&channel, retry).await?;
    connection.close(200, "done".into()).await?;
    Ok(())
}

/// An entry of `x-death`: the message died in that queue, to which its name was the key.
fn death(entry: &AMQPValue, reason: &str, queue: &str, count: i64) -> Result<()> {
    let AMQPValue::FieldTable(entry) = entry else {
        bail!("not a table: {entry:?}");
    };
    let time = entry.inner().get("time").context("no time of death")?;
    let AMQPValue::Timestamp(died) = time else {
        bail!("not a time: {time:?}");
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    ensure!(died.abs_diff(now.as_secs()) < 600, "died at {died}");
    let expected: FieldTable = table([
        ("reason", text(reason)),
        ("queue", text(queue)),
        ("exchange", text("")),
        (
            "routing-keys",
            AMQPValue::FieldArray(FieldArray::from(vec![text(queue)])),
        ),
        ("count", AMQPValue::LongLongInt(count)),
        ("time", time.clone()),
    ]);
    equal(&expected, entry)
}

pub(super) async fn delivery_limit(broker: &Broker) -> Result<()> {
    let connection = broker.connect().await?;
    let channel = connection.create_channel().await?;
    let dead = queue(&channel, "delivery_limit.dead", []).await?;
    let arguments = [
        ("x-queue-type", text("quorum")),
        ("x-delivery-limit", AMQPValue::LongInt(2)),
        ("x-dead-letter-exchange", text("")),
        ("x-dead-letter-routing-key", text(&dead)),
    ];
    let queue = durable_queue(&channel, "delivery_limit", arguments).await?;
    publish(&channel, "", &queue, b"poison").await?;
    for returns in [None, Some(1), Some(2)] {
        let message = arrival(&channel, &queue).await?;
        let count = returns.map(AMQPValue::LongLongInt);
        equal(count.as_ref(), header(&message, "x-delivery-count"))?;
        let back = BasicNackOptions {
            multiple: false,
            requeue: true,
        };
        message.nack(back).await?;
    }
    let letter = arrival(&channel, &dead).await?;
    equal(b"poison".as_slice(), letter.data.as_slice())?;
    equal(
        Some(&text("delivery_limit")),
        header(&letter, "x-first-death-reason"),
    )?;
    equal(0, delete(&channel, &queue).await?)?;
    connection.close(200, "done".into()).await?;
    Ok(())
}
