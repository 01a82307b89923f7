//! What is in a message comes as it went.

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use lapin::types::{AMQPValue, DecimalValue, FieldArray, FieldTable};
use lapin::{BasicProperties, Channel};

use super::broker::*;

pub(super) async fn properties(broker: &Broker) -> Result<()> {
    let connection = broker.connect().await?;
    let channel = connection.create_channel().await?;
    let queue = queue(&channel, "properties", []).await?;
    let sent = BasicProperties::default()
        .with_content_type("text/plain; charset=utf-8".into())
        .with_content_encoding("identity".into())
        .with_headers(table([("größe", AMQPValue::LongInt(1))]))
        .with_delivery_mode(2)
        .with_priority(7)
        .with_correlation_id("Zusammenhang ß".into())
        .with_reply_to("返信".into())
        .with_expiration("60000".into())
        .with_message_id("🚢".into())
        .with_timestamp(1_700_000_000)
        .with_type("τύπος".into())
        .with_user_id("app".into())
        .with_app_id("приложение".into())
        .with_cluster_id("x".into());
    let body = "grüße 世界".as_bytes();
    send(&channel, "", &queue, body, sent.clone()).await?;
    let came = taken(&channel, &queue).await?;
    equal(sent, came.properties)?;
    equal(body, came.data)?;
    connection.close(200, "done".into()).await?;
    Ok(())
}

/// A value of every type the library can write, but short strings, which no broker reads.
fn one_of_each() -> [(&'static str, AMQPValue); 17] {
    let decimal = DecimalValue {
        scale: 3,
        value: 12_345,
    };
    [
        ("boolean", AMQPValue::Boolean(true)),
        ("octet", AMQPValue::ShortShortUInt(200)),
        ("byte", AMQPValue::ShortShortInt(-7)),
        ("short", AMQPValue::ShortInt(-300)),
        ("ushort", AMQPValue::ShortUInt(60_000)),
        ("int", AMQPValue::LongInt(-70_000)),
        ("uint", AMQPValue::LongUInt(4_000_000_000)),
        ("long", AMQPValue::LongLongInt(1 << 40)),
        ("float", AMQPValue::Float(0.5)),
        ("double", AMQPValue::Double(0.1)),
        ("decimal", AMQPValue::DecimalValue(decimal)),
        ("text", text("grüße 世界 🚢")),
        ("empty", text("")),
        ("binary", AMQPValue::ByteArray(vec![0, 255, 0xCE].into())),
        ("time", AMQPValue::Timestamp(1_700_000_000)),
        ("nothing", AMQPValue::Void),
        ("ключ", AMQPValue::LongInt(1)),
    ]
}

pub(super) async fn header_types(broker: &Broker) -> Result<()> {
    let connection = broker.connect().await?;
    let channel = connection.create_channel().await?;
    let queue = queue(&channel, "header_types", []).await?;
    let mut sent: FieldTable = table(one_of_each());
    sent.insert("table".into(), AMQPValue::FieldTable(table(one_of_each())));
    let inner = FieldArray::from(vec![AMQPValue::Boolean(true)]);
    let list = vec![
        AMQPValue::LongInt(1),
        AMQPValue::Void,
        AMQPValue::FieldArray(inner),
        AMQPValue::FieldTable(table(one_of_each())),
    ];
    sent.insert("list".into(), AMQPValue::FieldArray(FieldArray::from(list)));
    let properties = BasicProperties::default().with_headers(sent.clone());
    send(&channel, "", &queue, b"", properties).await?;
    let message = taken(&channel, &queue).await?;
    let came = message
        .properties
        .headers()
        .as_ref()
        .context("no headers")?;
    for (name, value) in sent.inner() {
        equal((name, Some(value)), (name, came.inner().get(name)))?;
    }
    equal(sent.inner().len(), came.inner().len())?;
    connection.close(200, "done".into()).await?;
    Ok(())
}

pub(super) async fn large_messages(broker: &Broker) -> Result<()> {
    let connection = broker.connect().await?;
    let channel = connection.create_channel().await?;
    let queue = queue(&channel, "large_messages", []).await?;
    let frame = usize::try_from(connection.configuration().frame_max())? - 8;
    for size in [0, 1, frame - 1, frame, frame + 1, 5 << 20] {
        // 251 is a prime, so no two frames begin alike.
        let body: Vec<u8> = (0..=250).cycle().take(size).collect();
        publish(&channel, "", &queue, &body).await?;
        let came = taken(&channel, &queue).await?.data;
        ensure!(came == body, "{size} bytes came back otherwise");
    }
    connection.close(200, "done".into()).await?;
    Ok(())
}

pub(super) async fn many_channels(broker: &Broker) -> Result<()> {
    let connection = broker.connect().await?;
    let mut channels = Vec::new();
    for _ in 0..200 {
        channels.push(connection.create_channel().await?);
    }
    let talking = channels.iter().enumerate();
    try_join_all(talking.map(|(number, channel)| send_to_itself(channel, number))).await?;
    connection.close(200, "done".into()).await?;
    Ok(())
}

async fn send_to_itself(channel: &Channel, number: usize) -> Result<()> {
    let name = format!("many_channels.{number}");
    let queue = queue(channel, &name, []).await?;
    publish(channel, "", &queue, name.as_bytes()).await?;
    equal([name.as_str()].as_slice(), drain(channel, &queue).await?)?;
    delete(channel, &queue).await?;
    Ok(())
}

pub(super) async fn update_secret(broker: &Broker) -> Result<()> {
    let connection = broker.connect().await?;
    connection
        .update_secret("app".into(), "the old one is due".into())
        .await?;
    let channel = connection.create_channel().await?;
    queue(&channel, "update_secret", []).await?;
    connection.close(200, "done".into()).await?;
    Ok(())
}
