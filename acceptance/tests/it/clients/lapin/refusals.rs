//! What the broker will not do, and how it says so.

use anyhow::{Result, bail, ensure};
use lapin::options::*;
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, ExchangeKind};

use super::broker::*;

pub(super) async fn wrong_password(broker: &Broker) -> Result<()> {
    let refused = async |user, password, vhost| match broker.connect_as(user, password, vhost).await
    {
        Err(error) => refusal(&error),
        Ok(_) => bail!("{user} may come in to {vhost} with {password}"),
    };
    let (code, said) = refused("app", "wrong", "%2f").await?;
    ensure!(
        code == 403 && said.starts_with("ACCESS_REFUSED"),
        "{code} {said}"
    );
    equal((403, said), refused("nobody", "app", "%2f").await?)?;
    let (code, said) = refused("app", "app", "nowhere").await?;
    ensure!(code == 530, "{code} {said}");
    Ok(())
}

/// Something that may be refused.
#[derive(Debug, Clone, Copy)]
enum Attempt<'a> {
    Declare(&'a str),
    FindQueue(&'a str),
    Delete(&'a str),
    DeleteIfEmpty(&'a str),
    Purge(&'a str),
    Get(&'a str),
    Consume(&'a str),
    Bind { queue: &'a str, exchange: &'a str },
    PublishTo { exchange: &'a str },
    FindExchange(&'a str),
    MakeFanout(&'a str),
    DeleteExchange(&'a str),
    AcknowledgeTag(u64),
}

impl Attempt<'_> {
    async fn on(self, channel: &Channel) -> lapin::Result<()> {
        let none = FieldTable::default;
        match self {
            Self::Declare(queue) => {
                let options = QueueDeclareOptions::default();
                declare(channel, queue, options, none()).await.map(drop)
            }
            Self::FindQueue(queue) => depth(channel, queue).await.map(drop),
            Self::Delete(queue) => delete(channel, queue).await.map(drop),
            Self::DeleteIfEmpty(queue) => {
                let options = QueueDeleteOptions {
                    if_empty: true,
                    ..Default::default()
                };
                channel.queue_delete(queue.into(), options).await.map(drop)
            }
            Self::Purge(queue) => {
                let options = QueuePurgeOptions::default();
                channel.queue_purge(queue.into(), options).await.map(drop)
            }
            Self::Get(queue) => get(channel, queue, true).await.map(drop),
            Self::Consume(queue) => {
                let options = BasicConsumeOptions::default();
                let consumer = channel.basic_consume(queue.into(), "".into(), options, none());
                consumer.await.map(drop)
            }
            Self::Bind { queue, exchange } => bind(channel, queue, exchange, "key", none()).await,
            Self::PublishTo { exchange } => publish(channel, exchange, "key", b"x").await,
            exchange => exchange.on_an_exchange(channel).await,
        }
    }

    async fn on_an_exchange(self, channel: &Channel) -> lapin::Result<()> {
        let none = FieldTable::default;
        match self {
            Self::FindExchange(name) => {
                let options = ExchangeDeclareOptions {
                    passive: true,
                    ..Default::default()
                };
                let kind = ExchangeKind::Direct;
                channel
                    .exchange_declare(name.into(), kind, options, none())
                    .await
                    .map(drop)
            }
            Self::MakeFanout(name) => {
                let options = ExchangeDeclareOptions {
                    durable: true,
                    ..Default::default()
                };
                let kind = ExchangeKind::Fanout;
                channel
                    .exchange_declare(name.into(), kind, options, none())
                    .await
                    .map(drop)
            }
            Self::DeleteExchange(name) => {
                let options = ExchangeDeleteOptions::default();
                channel.exchange_delete(name.into(), options).await
            }
            Self::AcknowledgeTag(tag) => channel.basic_ack(tag, BasicAckOptions::default()).await,
            other => unreachable!("{other:?} is on no exchange"),
        }
    }
}

pub(super) async fn missing_permission(broker: &Broker) -> Result<()> {
    let owner = broker.connect().await?;
    let owned = owner.create_channel().await?;
    let theirs = &queue(&owned, "missing_permission", []).await?;
    let connection = broker.connect_as("limited", "limited", "%2f").await?;
    let refused = async |attempt: Attempt<'_>| {
        let said = channel_refused(&connection, 403, async |channel| attempt.on(channel).await);
        let said = said.await?;
        ensure!(said.starts_with("ACCESS_REFUSED"), "{said}");
        Ok::<_, anyhow::Error>(())
    };
    refused(Attempt::Declare("theirs")).await?;
    refused(Attempt::Delete(theirs)).await?;
    refused(Attempt::Purge(theirs)).await?;
    refused(Attempt::Get(theirs)).await?;
    refused(Attempt::Consume(theirs)).await?;
    let exchange = "amq.direct";
    refused(Attempt::PublishTo { exchange }).await?;
    let channel = connection.create_channel().await?;
    let mine = &queue(&channel, "mine", []).await?;
    let options = ExchangeDeclareOptions {
        auto_delete: true,
        ..Default::default()
    };
    let (kind, none) = (ExchangeKind::Direct, FieldTable::default);
    channel
        .exchange_declare("mine".into(), kind, options, none())
        .await?;
    bind(&channel, mine, "mine", "key", none()).await?;
    let queue = mine;
    refused(Attempt::Bind { queue, exchange }).await?;
    publish(&channel, "mine", "key", b"allowed").await?;
    equal(["allowed"].as_slice(), drain(&channel, mine).await?)?;
    delete(&channel, mine).await?;
    connection.close(200, "done".into()).await?;
    owner.close(200, "done".into()).await?;
    Ok(())
}

pub(super) async fn channel_errors(broker: &Broker) -> Result<()> {
    let connection = broker.connect().await?;
    let setup = connection.create_channel().await?;
    let queue = &durable_queue(&setup, "channel_errors", []).await?;
    publish(&setup, "", queue, b"kept").await?;
    let exchange = "missing";
    for (code, attempt) in [
        (404, Attempt::FindQueue("missing")),
        (404, Attempt::FindExchange("missing")),
        (404, Attempt::PublishTo { exchange }),
        (404, Attempt::Consume("missing")),
        (404, Attempt::Bind { queue, exchange }),
        (406, Attempt::Declare(queue)),
        (406, Attempt::MakeFanout("amq.direct")),
        (406, Attempt::DeleteIfEmpty(queue)),
        (406, Attempt::AcknowledgeTag(42)),
        (403, Attempt::Declare("amq.mine")),
        (403, Attempt::DeleteExchange("amq.direct")),
    ] {
        channel_refused(&connection, code, async |channel| attempt.on(channel).await).await?;
    }
    equal(1, delete(&setup, queue).await?)?;
    connection.close(200, "done".into()).await?;
    Ok(())
}

pub(super) async fn connection_errors(broker: &Broker) -> Result<()> {
    // This library cannot ask for a prefetch in bytes.
    let connection = broker.connect().await?;
    let mut events = std::pin::pin!(connection.events_listener());
    let channel = connection.create_channel().await?;
    let immediate = BasicPublishOptions {
        immediate: true,
        ..Default::default()
    };
    let (key, properties) = ("connection_errors", BasicProperties::default());
    let sent = channel.basic_publish("".into(), key.into(), immediate, b"x", properties);
    // Why it fails, if it does, is what the listener is told.
    let _ = sent.await;
    let (code, said) = refusal(&told_of_an_error(&mut events).await?)?;
    ensure!(code == 540, "{code} {said}");
    Ok(())
}
