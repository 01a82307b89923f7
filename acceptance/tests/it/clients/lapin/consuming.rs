//! Who gets which message, and when again.

use anyhow::{Result, ensure};
use futures_util::{FutureExt, StreamExt};
use lapin::options::*;
use lapin::types::AMQPValue;
use lapin::{BasicProperties, Channel, Consumer};

use super::broker::{self, *};

async fn prefetch_of(channel: &Channel, count: u16) -> Result<()> {
    Ok(channel.basic_qos(count, BasicQosOptions::default()).await?)
}

async fn cancel(channel: &Channel, consumer: &Consumer) -> Result<()> {
    let options = BasicCancelOptions::default();
    Ok(channel.basic_cancel(consumer.tag(), options).await?)
}

pub(super) async fn get(broker: &Broker) -> Result<()> {
    let connection = broker.connect().await?;
    let channel = connection.create_channel().await?;
    let queue = queue(&channel, "get", []).await?;
    ensure!(
        broker::get(&channel, &queue, true).await?.is_none(),
        "an empty queue gave something"
    );
    publish_numbers(&channel, &queue, 3).await?;
    for number in 0..3 {
        let message = broker::get(&channel, &queue, false).await?;
        let message = message.ok_or_else(|| anyhow::anyhow!("{number} messages came"))?;
        equal(
            number.to_string().as_bytes(),
            message.delivery.data.as_slice(),
        )?;
        equal(2 - number, message.message_count)?;
        message.delivery.ack(BasicAckOptions::default()).await?;
    }
    ensure!(
        broker::get(&channel, &queue, true).await?.is_none(),
        "an empty queue gave something"
    );
    connection.close(200, "done".into()).await?;
    Ok(())
}

pub(super) async fn prefetch(broker: &Broker) -> Result<()> {
    let connection = broker.connect().await?;
    let channel = connection.create_channel().await?;
    let queue = queue(&channel, "prefetch", []).await?;
    publish_numbers(&channel, &queue, 20).await?;
    prefetch_of(&channel, 5).await?;
    let mut consumer = consume(&channel, &queue, false).await?;
    let first = expect(&mut consumer, 0..5).await?;
    // The broker has answered since, so what it had sent would be here.
    equal(15, depth(&channel, &queue).await?)?;
    ensure!(consumer.next().now_or_never().is_none(), "a sixth came");
    first[4].ack(BasicAckOptions { multiple: true }).await?;
    expect(&mut consumer, 5..10).await?;
    equal(10, depth(&channel, &queue).await?)?;
    ensure!(consumer.next().now_or_never().is_none(), "an eleventh came");
    connection.close(200, "done".into()).await?;
    Ok(())
}

pub(super) async fn settling(broker: &Broker) -> Result<()> {
    let connection = broker.connect().await?;
    let channel = connection.create_channel().await?;
    let queue = queue(&channel, "settling", []).await?;
    publish_numbers(&channel, &queue, 6).await?;
    let mut consumer = consume(&channel, &queue, false).await?;
    let messages = expect(&mut consumer, 0..6).await?;
    messages[1].ack(BasicAckOptions { multiple: true }).await?;
    messages[2]
        .reject(BasicRejectOptions { requeue: false })
        .await?;
    cancel(&channel, &consumer).await?;
    let back = BasicNackOptions {
        multiple: true,
        requeue: true,
    };
    messages[5].nack(back).await?;
    equal(3, depth(&channel, &queue).await?)?;
    let mut again = consume(&channel, &queue, true).await?;
    all_redelivered(&expect(&mut again, 3..6).await?)?;
    equal(0, delete(&channel, &queue).await?)?;
    connection.close(200, "done".into()).await?;
    Ok(())
}

pub(super) async fn recover(broker: &Broker) -> Result<()> {
    let connection = broker.connect().await?;
    let channel = connection.create_channel().await?;
    let queue = queue(&channel, "recover", []).await?;
    publish_numbers(&channel, &queue, 2).await?;
    let mut consumer = consume(&channel, &queue, false).await?;
    expect(&mut consumer, 0..2).await?;
    channel
        .basic_recover(BasicRecoverOptions { requeue: true })
        .await?;
    all_redelivered(&expect(&mut consumer, 0..2).await?)?;
    connection.close(200, "done".into()).await?;
    Ok(())
}

pub(super) async fn priorities(broker: &Broker) -> Result<()> {
    let connection = broker.connect().await?;
    let channel = connection.create_channel().await?;
    let five = ("x-max-priority", AMQPValue::LongInt(5));
    let queue = queue(&channel, "priorities", [five]).await?;
    for priority in 0..=5u8 {
        let properties = BasicProperties::default().with_priority(priority);
        let body = priority.to_string();
        send(&channel, "", &queue, body.as_bytes(), properties).await?;
    }
    equal(
        ["5", "4", "3", "2", "1", "0"].as_slice(),
        drain(&channel, &queue).await?,
    )?;
    connection.close(200, "done".into()).await?;
    Ok(())
}

pub(super) async fn single_active_consumer(broker: &Broker) -> Result<()> {
    let connection = broker.connect().await?;
    let channel = connection.create_channel().await?;
    let single = ("x-single-active-consumer", AMQPValue::Boolean(true));
    let queue = queue(&channel, "single_active_consumer", [single]).await?;
    let mut active = consume(&channel, &queue, true).await?;
    let mut waiting = consume(&channel, &queue, true).await?;
    publish_numbers(&channel, &queue, 10).await?;
    expect(&mut active, 0..10).await?;
    ensure!(
        waiting.next().now_or_never().is_none(),
        "the second got something"
    );
    cancel(&channel, &active).await?;
    publish(&channel, "", &queue, b"last").await?;
    equal(b"last".as_slice(), next(&mut waiting).await?.data)?;
    connection.close(200, "done".into()).await?;
    Ok(())
}

pub(super) async fn cancel_notification(broker: &Broker) -> Result<()> {
    let (connection, other) = (broker.connect().await?, broker.connect().await?);
    let channel = connection.create_channel().await?;
    let queue = queue(&channel, "cancel_notification", []).await?;
    let mut consumer = consume(&channel, &queue, true).await?;
    let deleting = other.create_channel().await?;
    delete(&deleting, &queue).await?;
    ensure!(
        within(consumer.next()).await?.is_none(),
        "a deleted queue delivers"
    );
    // The channel itself goes on.
    broker::queue(&channel, &queue, []).await?;
    connection.close(200, "done".into()).await?;
    other.close(200, "done".into()).await?;
    Ok(())
}

pub(super) async fn shared_queue(broker: &Broker) -> Result<()> {
    let (first, second) = (broker.connect().await?, broker.connect().await?);
    let holding = first.create_channel().await?;
    let queue = queue(&holding, "shared_queue", []).await?;
    publish_numbers(&holding, &queue, 30).await?;
    prefetch_of(&holding, 10).await?;
    let mut held = consume(&holding, &queue, false).await?;
    expect(&mut held, 0..10).await?;
    let taking = second.create_channel().await?;
    let mut consumer = consume(&taking, &queue, true).await?;
    expect(&mut consumer, 10..30).await?;
    first.close(200, "gone".into()).await?;
    all_redelivered(&expect(&mut consumer, 0..10).await?)?;
    equal(0, delete(&taking, &queue).await?)?;
    second.close(200, "done".into()).await?;
    Ok(())
}

pub(super) async fn request_reply(broker: &Broker) -> Result<()> {
    let (serving, asking) = (broker.connect().await?, broker.connect().await?);
    let (server, client) = (
        serving.create_channel().await?,
        asking.create_channel().await?,
    );
    let queue = queue(&server, "request_reply", []).await?;
    let mut requests = consume(&server, &queue, true).await?;
    let mut answers = consume(&client, "amq.rabbitmq.reply-to", true).await?;
    let serve = async {
        for _ in 0..50 {
            let request = next(&mut requests).await?;
            let number: u32 = String::from_utf8(request.data)?.parse()?;
            let to = request.properties.reply_to().clone().unwrap_or_default();
            let id = request.properties.correlation_id().clone();
            let properties = BasicProperties::default().with_correlation_id(id.unwrap_or_default());
            let answer = (2 * number).to_string();
            send(&server, "", to.as_str(), answer.as_bytes(), properties).await?;
        }
        Ok(())
    };
    let ask = async {
        for number in 0..50 {
            let id = format!("c{number}");
            let properties = BasicProperties::default()
                .with_reply_to("amq.rabbitmq.reply-to".into())
                .with_correlation_id(id.as_str().into());
            send(
                &client,
                "",
                &queue,
                number.to_string().as_bytes(),
                properties,
            )
            .await?;
        }
        for number in 0..50 {
            let answer = next(&mut answers).await?;
            let id = answer.properties.correlation_id().clone();
            equal(format!("c{number}"), id.unwrap_or_default().as_str())?;
            equal((2 * number).to_string().as_bytes(), answer.data.as_slice())?;
        }
        Ok::<_, anyhow::Error>(())
    };
    tokio::try_join!(serve, ask)?;
    serving.close(200, "done".into()).await?;
    asking.close(200, "done".into()).await?;
    Ok(())
}
