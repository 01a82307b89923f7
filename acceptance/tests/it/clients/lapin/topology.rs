//! Exchanges, queues, bindings and policies.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, ExchangeKind};

use super::broker::*;

async fn exchange(
    channel: &Channel,
    name: &str,
    kind: ExchangeKind,
    arguments: FieldTable,
) -> Result<()> {
    let options = ExchangeDeclareOptions::default();
    channel
        .exchange_declare(name.into(), kind, options, arguments)
        .await?;
    Ok(())
}

async fn plain_exchange(channel: &Channel, name: &str, kind: ExchangeKind) -> Result<()> {
    exchange(channel, name, kind, FieldTable::default()).await
}

const KINDS: [(&str, ExchangeKind); 4] = [
    ("declare_and_bind.direct", ExchangeKind::Direct),
    ("declare_and_bind.fanout", ExchangeKind::Fanout),
    ("declare_and_bind.topic", ExchangeKind::Topic),
    ("declare_and_bind.headers", ExchangeKind::Headers),
];

pub(super) async fn declare_and_bind(broker: &Broker) -> Result<()> {
    let connection = broker.connect().await?;
    let channel = connection.create_channel().await?;
    for (name, kind) in KINDS {
        plain_exchange(&channel, name, kind.clone()).await?;
        plain_exchange(&channel, name, kind.clone()).await?;
        let passive = ExchangeDeclareOptions {
            passive: true,
            ..Default::default()
        };
        channel
            .exchange_declare(name.into(), kind, passive, FieldTable::default())
            .await?;
    }
    let queue = durable_queue(&channel, "declare_and_bind", []).await?;
    equal(
        &queue,
        &durable_queue(&channel, "declare_and_bind", []).await?,
    )?;
    equal(0, depth(&channel, &queue).await?)?;
    let exclusive = QueueDeclareOptions::exclusive();
    let named = declare(&channel, "", exclusive, FieldTable::default()).await?;
    ensure!(named.starts_with("amq.gen-"), "server-named: {named}");
    routes(&channel, &queue).await?;

    publish_numbers(&channel, &queue, 3).await?;
    let purged = channel.queue_purge(queue.as_str().into(), QueuePurgeOptions::default());
    equal(3, purged.await?)?;
    publish_numbers(&channel, &queue, 2).await?;
    equal(2, delete(&channel, &queue).await?)?;
    for (name, _) in KINDS {
        let options = ExchangeDeleteOptions::default();
        channel.exchange_delete(name.into(), options).await?;
    }
    connection.close(200, "done".into()).await?;
    Ok(())
}

async fn routes(channel: &Channel, queue: &str) -> Result<()> {
    let none = FieldTable::default;
    let (topic, fanout) = ("declare_and_bind.topic", "declare_and_bind.fanout");
    bind(channel, queue, topic, "order.*", none()).await?;
    let options = ExchangeBindOptions::default();
    channel
        .exchange_bind(topic.into(), fanout.into(), "".into(), options, none())
        .await?;
    publish(channel, topic, "order.new", b"direct").await?;
    publish(channel, fanout, "order.paid", b"through two").await?;
    publish(channel, topic, "order.new.eu", b"too long").await?;
    let options = ExchangeUnbindOptions::default();
    channel
        .exchange_unbind(topic.into(), fanout.into(), "".into(), options, none())
        .await?;
    publish(channel, fanout, "order.paid", b"undone").await?;
    channel
        .queue_unbind(queue.into(), topic.into(), "order.*".into(), none())
        .await?;
    publish(channel, topic, "order.new", b"undone").await?;
    equal(
        ["direct", "through two"].as_slice(),
        drain(channel, queue).await?,
    )
}

pub(super) async fn alternate_exchange(broker: &Broker) -> Result<()> {
    let connection = broker.connect().await?;
    let channel = connection.create_channel().await?;
    plain_exchange(&channel, "alternate_exchange.other", ExchangeKind::Fanout).await?;
    let alternate = table([("alternate-exchange", text("alternate_exchange.other"))]);
    exchange(
        &channel,
        "alternate_exchange",
        ExchangeKind::Direct,
        alternate,
    )
    .await?;
    let bound = queue(&channel, "alternate_exchange.bound", []).await?;
    let rest = queue(&channel, "alternate_exchange.rest", []).await?;
    let none = FieldTable::default;
    bind(&channel, &bound, "alternate_exchange", "known", none()).await?;
    bind(&channel, &rest, "alternate_exchange.other", "", none()).await?;
    publish(&channel, "alternate_exchange", "known", b"a").await?;
    publish(&channel, "alternate_exchange", "unknown", b"b").await?;
    equal(["a"].as_slice(), drain(&channel, &bound).await?)?;
    equal(["b"].as_slice(), drain(&channel, &rest).await?)?;
    connection.close(200, "done".into()).await?;
    Ok(())
}

pub(super) async fn headers_exchange(broker: &Broker) -> Result<()> {
    let connection = broker.connect().await?;
    let channel = connection.create_channel().await?;
    plain_exchange(&channel, "headers_exchange", ExchangeKind::Headers).await?;
    let pages = |count: i32| ("pages", AMQPValue::LongInt(count));
    for match_ in ["all", "any"] {
        let queue = queue(&channel, &format!("headers_exchange.{match_}"), []).await?;
        let headers = table([("x-match", text(match_)), ("kind", text("pdf")), pages(4)]);
        bind(&channel, &queue, "headers_exchange", "", headers).await?;
    }
    let sent = [
        table([("kind", text("pdf")), pages(4), ("more", true.into())]),
        table([("kind", text("pdf")), pages(5)]),
        table([pages(4)]),
        table([("kind", text("zip"))]),
    ];
    for (number, headers) in sent.into_iter().enumerate() {
        let properties = BasicProperties::default().with_headers(headers);
        let body = number.to_string();
        send(
            &channel,
            "headers_exchange",
            "",
            body.as_bytes(),
            properties,
        )
        .await?;
    }
    equal(
        ["0"].as_slice(),
        drain(&channel, "headers_exchange.all").await?,
    )?;
    let any = drain(&channel, "headers_exchange.any").await?;
    equal(["0", "1", "2"].as_slice(), any)?;
    connection.close(200, "done".into()).await?;
    Ok(())
}

pub(super) async fn consistent_hash(broker: &Broker) -> Result<()> {
    let connection = broker.connect().await?;
    let channel = connection.create_channel().await?;
    let kind = ExchangeKind::Custom("x-consistent-hash".to_owned());
    plain_exchange(&channel, "consistent_hash", kind).await?;
    for name in ["consistent_hash.one", "consistent_hash.two"] {
        let queue = queue(&channel, name, []).await?;
        bind(
            &channel,
            &queue,
            "consistent_hash",
            "1",
            FieldTable::default(),
        )
        .await?;
    }
    for number in 0..200 {
        let key = format!("key-{}", number % 100);
        publish(&channel, "consistent_hash", &key, key.as_bytes()).await?;
    }
    let one = drain(&channel, "consistent_hash.one").await?;
    let two = drain(&channel, "consistent_hash.two").await?;
    equal(200, one.len() + two.len())?;
    ensure!(
        !one.is_empty() && !two.is_empty(),
        "one queue got everything"
    );
    let (one, two): (BTreeSet<_>, BTreeSet<_>) = (one.iter().collect(), two.iter().collect());
    ensure!(one.is_disjoint(&two), "keys went both ways");
    connection.close(200, "done".into()).await?;
    Ok(())
}

pub(super) async fn exclusive_queue(broker: &Broker) -> Result<()> {
    let (other, owner) = (broker.connect().await?, broker.connect().await?);
    let name = "exclusive_queue";
    let exclusive = async |channel: &Channel| {
        declare(
            channel,
            name,
            QueueDeclareOptions::exclusive(),
            FieldTable::default(),
        )
        .await
        .map(drop)
    };
    let owning = owner.create_channel().await?;
    exclusive(&owning).await?;
    channel_refused(&other, 405, exclusive).await?;
    channel_refused(&other, 405, async |c| get(c, name, true).await.map(drop)).await?;
    owner.close(200, "done".into()).await?;
    channel_refused(&other, 404, async |c| depth(c, name).await.map(drop)).await?;
    other.close(200, "done".into()).await?;
    Ok(())
}

pub(super) async fn policies(broker: &Broker) -> Result<()> {
    let connection = broker.connect().await?;
    let channel = connection.create_channel().await?;
    let queue_ = queue(&channel, "policies.q", []).await?;
    let dead = queue(&channel, "dead-policies", []).await?;
    publish_numbers(&channel, &queue_, 5).await?;
    reaches(&channel, &dead, 3).await?;
    equal(["0", "1", "2"].as_slice(), drain(&channel, &dead).await?)?;
    equal(["3", "4"].as_slice(), drain(&channel, &queue_).await?)?;
    connection.close(200, "done".into()).await?;
    Ok(())
}
