//! Publishers and consumers that write into a ledger, over crashes of the broker.

use std::sync::Arc;
use std::time::Duration;

use acceptance::ledger::{Ledger, MessageId, Stream};
use acceptance::poll;
use anyhow::{Context, Result, bail};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use lapin::options::*;
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use tokio::task::{JoinSet, block_in_place};
use tokio::time::timeout;

/// The one queue of these tests.
pub(crate) const QUEUE: &str = "q";

/// Longer than anything here takes on a busy machine, unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// For clients to notice that the broker is gone.
const GRACE: Duration = Duration::from_secs(5);

/// How a client ends that was told nothing.
const ENDED: &str = "the deliveries ended";

/// Unconfirmed messages of a publisher, and unsettled ones of a consumer.
const WINDOW: u16 = 100;

/// A connection and a channel of it with confirms, and the queue.
pub(crate) async fn open(uri: &str) -> lapin::Result<(Connection, Channel)> {
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
    Ok((connection, channel))
}

/// Publishes until the broker is gone; the error is what ended it.
pub(crate) async fn publish(uri: String, publisher: u32, ledger: Arc<Ledger>) -> lapin::Result<()> {
    let (_connection, channel) = open(&uri).await?;
    let mut confirms = FuturesUnordered::new();
    loop {
        while confirms.len() < usize::from(WINDOW) {
            let id = ledger.send(publisher);
            let confirm = send(&channel, id).await?;
            confirms.push(async move { (id, confirm.await) });
        }
        if let Some((id, confirm)) = confirms.next().await
            && confirm?.is_ack()
        {
            ledger.confirm(id);
        }
    }
}

/// The broker's word on a publish.
pub(crate) type Confirm = BoxFuture<'static, lapin::Result<Confirmation>>;

/// Publishes one message.
pub(crate) async fn send(channel: &Channel, id: MessageId) -> lapin::Result<Confirm> {
    let properties = BasicProperties::default().with_delivery_mode(2);
    let options = BasicPublishOptions::default();
    let body = id.body();
    let sent = channel.basic_publish("".into(), QUEUE.into(), options, &body, properties);
    Ok(sent.await?.boxed())
}

/// Consumes and settles until the broker is gone.
pub(crate) async fn consume(uri: String, ledger: Arc<Ledger>) -> Result<()> {
    let (_connection, channel) = open(&uri).await?;
    channel
        .basic_qos(WINDOW, BasicQosOptions::default())
        .await?;
    let options = BasicConsumeOptions::default();
    let none = FieldTable::default();
    let mut deliveries = channel
        .basic_consume(QUEUE.into(), "".into(), options, none)
        .await?;
    let mut stream = Stream::default();
    while let Some(delivery) = deliveries.next().await {
        let delivery = delivery?;
        let id = MessageId::of(&delivery.data)?;
        ledger.deliver(&mut stream, id, delivery.redelivered);
        delivery.ack(BasicAckOptions::default()).await?;
    }
    bail!(ENDED)
}

/// Takes out and settles what is in the queue.
pub(crate) async fn drain(uri: &str, ledger: &Ledger) -> Result<()> {
    let (connection, channel) = open(uri).await?;
    let mut stream = Stream::default();
    while take(&channel, &mut stream, ledger).await? {}
    connection.close(200, "done".into()).await?;
    Ok(())
}

/// Takes out and settles one message; false if there is none.
pub(crate) async fn take(channel: &Channel, stream: &mut Stream, ledger: &Ledger) -> Result<bool> {
    let got = channel.basic_get(QUEUE.into(), BasicGetOptions::default());
    let Some(message) = got.await? else {
        return Ok(false);
    };
    let id = MessageId::of(&message.delivery.data)?;
    ledger.deliver(stream, id, message.delivery.redelivered);
    message.delivery.ack(BasicAckOptions::default()).await?;
    Ok(true)
}

/// Several publishers and consumers at work.
pub(crate) struct Traffic(JoinSet<anyhow::Error>);

impl Traffic {
    /// Starts them.
    pub(crate) fn start(uri: &str, publishers: u32, consumers: u32, ledger: &Arc<Ledger>) -> Self {
        let mut tasks = JoinSet::new();
        for publisher in 0..publishers {
            let ended = publish(uri.to_owned(), publisher, Arc::clone(ledger));
            tasks.spawn(async move {
                match ended.await {
                    Ok(()) => anyhow::anyhow!(ENDED),
                    Err(error) => error.into(),
                }
            });
        }
        for _ in 0..consumers {
            let ended = consume(uri.to_owned(), Arc::clone(ledger));
            tasks.spawn(async move {
                let ended = ended.await.err();
                ended.unwrap_or_else(|| anyhow::anyhow!(ENDED))
            });
        }
        Self(tasks)
    }

    /// Waits until the condition holds; none of them may end before.
    pub(crate) fn until(&mut self, what: &str, holds: impl Fn() -> bool) -> Result<()> {
        block_in_place(|| {
            poll::until(what, PATIENCE, || match self.0.try_join_next() {
                Some(ended) => Err(ended?).context("a client ended before the broker did"),
                None => Ok(holds().then_some(())),
            })
        })
    }

    /// Waits for them to end, now that the broker is gone, so that all it said is in the ledger. What
    /// a consumer got must have been whole. A client that was in the middle of asking something may
    /// wait for ever: it is let go.
    pub(crate) async fn ended(mut self) -> Result<()> {
        while let Ok(Some(ended)) = timeout(GRACE, self.0.join_next()).await {
            let ended = ended?;
            let by_the_broker = ended.downcast_ref::<lapin::Error>().is_some();
            if !by_the_broker && ended.to_string() != ENDED {
                return Err(ended);
            }
        }
        self.0.shutdown().await;
        Ok(())
    }
}
