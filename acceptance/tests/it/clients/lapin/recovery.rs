//! The client's own recovery, against what it has to recover from.

use acceptance::poll;
use anyhow::{Context, Result, bail, ensure};
use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::*;
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, Consumer, ExchangeKind};
use tokio::task::block_in_place;

use super::broker::*;

/// Publishes a persistent message until a queue has it. The library's channel is open again before
/// its bindings are there: what comes in between is returned.
async fn publish_confirmed(
    channel: &Channel,
    exchange: &str,
    key: &str,
    number: usize,
) -> Result<()> {
    let body = number.to_string();
    let publishing = async {
        loop {
            let mandatory = BasicPublishOptions {
                mandatory: true,
                ..Default::default()
            };
            let properties = BasicProperties::default().with_delivery_mode(2);
            let (exchange, key) = (exchange.into(), key.into());
            let sent = channel.basic_publish(exchange, key, mandatory, body.as_bytes(), properties);
            match sent.await?.await? {
                Confirmation::Ack(None) => return Ok(()),
                Confirmation::Ack(Some(_)) => {}
                refused => bail!("not confirmed but {refused:?}"),
            }
        }
    };
    within(publishing).await?
}

/// Cuts the connection and waits until the library knows, and then until it has made up for it.
async fn cut(broker: &Broker, channel: &Channel) -> Result<()> {
    broker.command("cut").await?;
    for (what, connected) in [("loss", false), ("recovery", true)] {
        block_in_place(|| {
            poll::until(what, PATIENCE, || {
                Ok((channel.status().connected() == connected).then_some(()))
            })
        })?;
    }
    Ok(())
}

/// The next delivery must be this one; it is acknowledged. What the consumer is told of a loss that
/// is being recovered is passed over.
async fn take(consumer: &mut Consumer, number: usize) -> Result<()> {
    let delivery = loop {
        let item = within(consumer.next()).await?;
        if let Ok(delivery) = item.context("the consumer ended")? {
            break delivery;
        }
    };
    equal(number.to_string().as_bytes(), delivery.data.as_slice())?;
    acknowledge(&delivery).await
}

async fn acknowledge(delivery: &Delivery) -> Result<()> {
    let known = delivery.ack(BasicAckOptions::default()).await?;
    ensure!(known, "the library no longer knows the delivery");
    Ok(())
}

async fn confirming(channel: &Channel) -> Result<()> {
    let options = ConfirmSelectOptions::default();
    Ok(channel.confirm_select(options).await?)
}

pub(super) async fn cut_connection(broker: &Broker) -> Result<()> {
    let connection = broker.connect_for_good(&broker.uri).await?;
    let channel = connection.create_channel().await?;
    confirming(&channel).await?;
    let exchange = "cut_connection";
    let (kind, none) = (ExchangeKind::Topic, FieldTable::default);
    let options = ExchangeDeclareOptions::default();
    channel
        .exchange_declare(exchange.into(), kind, options, none())
        .await?;
    // The library declares a queue again by the name it had, also one that the broker had named, and
    // those names are reserved.
    let exclusive = QueueDeclareOptions::exclusive();
    let queue = declare(&channel, "cut_connection", exclusive, none()).await?;
    bind(&channel, &queue, exchange, "a.#", none()).await?;
    let mut consumer = consume(&channel, &queue, false).await?;
    for round in 0..3 {
        publish_confirmed(&channel, exchange, "a.b", round).await?;
        take(&mut consumer, round).await?;
        cut(broker, &channel).await?;
    }
    publish_confirmed(&channel, exchange, "a.b", 3).await?;
    take(&mut consumer, 3).await?;
    connection.close(200, "done".into()).await?;
    Ok(())
}

pub(super) async fn restarted_broker(broker: &Broker) -> Result<()> {
    // The library tries again when nobody listens, but not when somebody hangs up.
    let connection = broker.connect_for_good(&broker.direct).await?;
    let channel = connection.create_channel().await?;
    let queue = durable_queue(&channel, "restarted_broker", []).await?;
    confirming(&channel).await?;
    for number in 0..10 {
        publish_confirmed(&channel, "", &queue, number).await?;
    }
    channel.basic_qos(1, BasicQosOptions::default()).await?;
    let mut consumer = consume(&channel, &queue, false).await?;
    expect(&mut consumer, 0..1).await?;
    broker.command("restart").await?;
    for number in 0..10 {
        take(&mut consumer, number).await?;
    }
    reaches(&channel, &queue, 0).await?;
    equal(0, delete(&channel, &queue).await?)?;
    connection.close(200, "done".into()).await?;
    Ok(())
}
