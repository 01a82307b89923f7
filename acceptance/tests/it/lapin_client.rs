//! lapin, the Rust client: many messages in flight both ways, and what only a client in this
//! process can time.

use std::time::Duration;

use acceptance::dev::DevBroker;
use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use lapin::options::*;
use lapin::types::FieldTable;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer,
    ExchangeKind,
};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(30);

async fn connect(broker: &DevBroker) -> Result<Connection> {
    Ok(Connection::connect(&broker.uri()?, ConnectionProperties::default()).await?)
}

/// A channel in confirm mode with a durable queue.
async fn channel_with_queue(connection: &Connection, queue: &str) -> Result<Channel> {
    let channel = connection.create_channel().await?;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    let durable = QueueDeclareOptions {
        durable: true,
        ..Default::default()
    };
    channel
        .queue_declare(queue.into(), durable, FieldTable::default())
        .await?;
    Ok(channel)
}

async fn consume(channel: &Channel, queue: &str) -> Result<Consumer> {
    let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
    Ok(channel
        .basic_consume(queue.into(), "".into(), options, arguments)
        .await?)
}

async fn next(consumer: &mut Consumer) -> Result<lapin::message::Delivery> {
    let delivery = timeout(PATIENCE, consumer.next())
        .await
        .context("no delivery came")?;
    Ok(delivery.context("the consumer ended")??)
}

#[tokio::test]
async fn ten_thousand_messages_pass_while_they_are_published() -> Result<()> {
    const COUNT: u32 = 10_000;
    let broker = DevBroker::start()?;
    let connection = connect(&broker).await?;
    let publisher = channel_with_queue(&connection, "q").await?;
    let consuming = connect(&broker).await?;
    let channel = consuming.create_channel().await?;
    channel.basic_qos(500, BasicQosOptions::default()).await?;
    let mut consumer = consume(&channel, "q").await?;

    let publish = async {
        let mut confirms = FuturesOrdered::new();
        for number in 0..COUNT {
            let properties = BasicProperties::default().with_delivery_mode(2);
            let (body, options) = (number.to_be_bytes(), BasicPublishOptions::default());
            let sent = publisher.basic_publish("".into(), "q".into(), options, &body, properties);
            confirms.push_back(sent.await?);
        }
        while let Some(confirm) = confirms.next().await {
            ensure!(matches!(confirm?, Confirmation::Ack(None)), "not confirmed");
        }
        Ok(())
    };
    let receive = async {
        for number in 0..COUNT {
            let delivery = next(&mut consumer).await?;
            ensure!(
                delivery.data == number.to_be_bytes(),
                "out of order at {number}"
            );
            delivery.ack(BasicAckOptions::default()).await?;
        }
        Ok(())
    };
    tokio::try_join!(publish, receive)?;
    channel.close(200, "done".into()).await?;
    let passive = QueueDeclareOptions {
        passive: true,
        ..Default::default()
    };
    let left = publisher
        .queue_declare("q".into(), passive, FieldTable::default())
        .await?;
    assert_eq!(left.message_count(), 0);
    Ok(())
}

#[tokio::test]
async fn an_unroutable_mandatory_message_is_returned_and_confirmed() -> Result<()> {
    let broker = DevBroker::start()?;
    let connection = connect(&broker).await?;
    let channel = channel_with_queue(&connection, "q").await?;
    let mandatory = BasicPublishOptions {
        mandatory: true,
        ..Default::default()
    };
    let properties = BasicProperties::default();
    let sent = channel
        .basic_publish("".into(), "nowhere".into(), mandatory, b"lost", properties)
        .await?;
    let Confirmation::Ack(Some(returned)) = sent.await? else {
        anyhow::bail!("the message was not returned");
    };
    assert_eq!(returned.reply_code, 312);
    assert_eq!(returned.delivery.data, b"lost");
    Ok(())
}

#[tokio::test]
async fn two_consumers_share_a_queue_and_a_lost_connection_gives_back() -> Result<()> {
    let broker = DevBroker::start()?;
    let first = connect(&broker).await?;
    let channel = channel_with_queue(&first, "q").await?;
    for number in 0..6u8 {
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
        channel
            .basic_publish("".into(), "q".into(), options, &[number], properties)
            .await?
            .await?;
    }
    let one = first.create_channel().await?;
    one.basic_qos(3, BasicQosOptions::default()).await?;
    let mut held = consume(&one, "q").await?;
    for number in 0..3u8 {
        assert_eq!(next(&mut held).await?.data, [number]);
    }
    let second = connect(&broker).await?;
    let two = second.create_channel().await?;
    let mut consumer = consume(&two, "q").await?;
    for number in 3..6u8 {
        assert_eq!(next(&mut consumer).await?.data, [number]);
    }
    first.close(200, "gone".into()).await?;
    for number in 0..3u8 {
        let delivery = next(&mut consumer).await?;
        assert_eq!(
            (delivery.data.as_slice(), delivery.redelivered),
            (&[number][..], true)
        );
    }
    Ok(())
}

#[tokio::test]
async fn exchanges_are_bound_to_exchanges() -> Result<()> {
    let broker = DevBroker::start()?;
    let connection = connect(&broker).await?;
    let channel = channel_with_queue(&connection, "q").await?;
    for (name, kind) in [("in", ExchangeKind::Topic), ("out", ExchangeKind::Fanout)] {
        let options = ExchangeDeclareOptions::default();
        channel
            .exchange_declare(name.into(), kind, options, FieldTable::default())
            .await?;
    }
    let none = FieldTable::default;
    let options = ExchangeBindOptions::default();
    channel
        .exchange_bind("out".into(), "in".into(), "a.#".into(), options, none())
        .await?;
    let options = QueueBindOptions::default();
    channel
        .queue_bind("q".into(), "out".into(), "".into(), options, none())
        .await?;
    for key in ["a.b", "b"] {
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
        let sent = channel.basic_publish("in".into(), key.into(), options, b"", properties);
        sent.await?.await?;
    }
    let got = channel
        .basic_get("q".into(), BasicGetOptions::default())
        .await?;
    let message = got.context("nothing came through")?;
    assert_eq!(
        (message.delivery.routing_key.as_str(), message.message_count),
        ("a.b", 0)
    );
    Ok(())
}
