//! The broker under test, and what all scenarios expect and wait with.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::pin::pin;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures_util::{Stream, StreamExt};
use lapin::message::{BasicGetMessage, Delivery};
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties, Consumer, ErrorKind, Event,
};
use tokio::time::{Instant, timeout};

use crate::clients::stage::Stage;

/// Long enough for a busy machine, short enough to end a run that hangs.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Where it is.
pub(super) struct Broker {
    pub(super) uri: String,
    /// The same without the cable.
    pub(super) direct: String,
    control: String,
}

impl Broker {
    pub(super) fn of(stage: &Stage) -> Self {
        Self {
            uri: stage.uri(),
            direct: stage.direct_uri(),
            control: stage.control(),
        }
    }

    pub(super) async fn connect(&self) -> Result<Connection> {
        Ok(self.connect_as("app", "app", "%2f").await?)
    }

    pub(super) async fn connect_as(
        &self,
        user: &str,
        password: &str,
        vhost: &str,
    ) -> lapin::Result<Connection> {
        let uri = self.uri.replace("app:app@", &format!("{user}:{password}@"));
        let uri = uri.replace("%2f", vhost);
        Connection::connect(&uri, ConnectionProperties::default()).await
    }

    /// A connection that recovers by itself.
    pub(super) async fn connect_for_good(&self, uri: &str) -> Result<Connection> {
        let often = ConnectionProperties::default().configure_backoff(|backoff| {
            backoff
                .with_min_delay(Duration::from_millis(200))
                .with_max_delay(Duration::from_millis(400))
                .with_max_times(300)
        });
        Ok(Connection::connect(uri, often.enable_auto_recover()).await?)
    }

    /// Has the test kit do something to the broker, and waits until it is done.
    pub(super) async fn command(&self, word: &'static str) -> Result<()> {
        let control = self.control.clone();
        let commanding = move || {
            let mut socket = TcpStream::connect(control)?;
            writeln!(socket, "{word}")?;
            let mut answer = String::new();
            BufReader::new(socket).read_line(&mut answer)?;
            ensure!(answer == "done\n", "{word}: {answer}");
            Ok(())
        };
        tokio::task::spawn_blocking(commanding).await?
    }
}

/// Declares a queue.
pub(super) async fn declare(
    channel: &Channel,
    name: &str,
    options: QueueDeclareOptions,
    arguments: FieldTable,
) -> lapin::Result<String> {
    let queue = channel.queue_declare(name.into(), options, arguments);
    Ok(queue.await?.name().to_string())
}

/// Declares a transient queue with these arguments.
pub(super) async fn queue<const N: usize>(
    channel: &Channel,
    name: &str,
    arguments: [(&str, AMQPValue); N],
) -> Result<String> {
    let options = QueueDeclareOptions::default();
    Ok(declare(channel, name, options, table(arguments)).await?)
}

/// Declares a durable queue with these arguments.
pub(super) async fn durable_queue<const N: usize>(
    channel: &Channel,
    name: &str,
    arguments: [(&str, AMQPValue); N],
) -> Result<String> {
    let options = QueueDeclareOptions::durable();
    Ok(declare(channel, name, options, table(arguments)).await?)
}

pub(super) fn table<const N: usize>(entries: [(&str, AMQPValue); N]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in entries {
        table.insert(name.into(), value);
    }
    table
}

pub(super) fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

pub(super) async fn bind(
    channel: &Channel,
    queue: &str,
    exchange: &str,
    key: &str,
    arguments: FieldTable,
) -> lapin::Result<()> {
    let options = QueueBindOptions::default();
    channel
        .queue_bind(
            queue.into(),
            exchange.into(),
            key.into(),
            options,
            arguments,
        )
        .await
}

/// Publishes; on a channel with confirms, it does not wait for one.
pub(super) async fn publish(
    channel: &Channel,
    exchange: &str,
    key: &str,
    body: &[u8],
) -> lapin::Result<()> {
    send(channel, exchange, key, body, BasicProperties::default()).await
}

/// The same with properties.
pub(super) async fn send(
    channel: &Channel,
    exchange: &str,
    key: &str,
    body: &[u8],
    properties: BasicProperties,
) -> lapin::Result<()> {
    let options = BasicPublishOptions::default();
    channel
        .basic_publish(exchange.into(), key.into(), options, body, properties)
        .await?;
    Ok(())
}

/// Publishes "0", "1" and so on to a queue.
pub(super) async fn publish_numbers(channel: &Channel, queue: &str, count: usize) -> Result<()> {
    for number in 0..count {
        publish(channel, "", queue, number.to_string().as_bytes()).await?;
    }
    Ok(())
}

/// Messages ready in the queue.
pub(super) async fn depth(channel: &Channel, queue: &str) -> lapin::Result<u32> {
    let passive = QueueDeclareOptions::default().passive();
    let queue = channel.queue_declare(queue.into(), passive, FieldTable::default());
    Ok(queue.await?.message_count())
}

/// Deletes the queue, and tells how many messages it had.
pub(super) async fn delete(channel: &Channel, queue: &str) -> lapin::Result<u32> {
    let options = QueueDeleteOptions::default();
    channel.queue_delete(queue.into(), options).await
}

pub(super) async fn get(
    channel: &Channel,
    queue: &str,
    no_ack: bool,
) -> lapin::Result<Option<BasicGetMessage>> {
    let options = BasicGetOptions { no_ack };
    channel.basic_get(queue.into(), options).await
}

/// A message of the queue that has to be there, taken.
pub(super) async fn taken(channel: &Channel, queue: &str) -> Result<Delivery> {
    let message = get(channel, queue, true).await?;
    Ok(message
        .with_context(|| format!("nothing is in {queue}"))?
        .delivery)
}

/// The next message of the queue, not settled, once it is there.
pub(super) async fn arrival(channel: &Channel, queue: &str) -> Result<Delivery> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(message) = get(channel, queue, false).await? {
            return Ok(message.delivery);
        }
        ensure!(Instant::now() < deadline, "nothing comes to {queue}");
    }
}

/// Waits until the queue has that many messages ready.
pub(super) async fn reaches(channel: &Channel, queue: &str, count: u32) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while depth(channel, queue).await? != count {
        ensure!(
            Instant::now() < deadline,
            "{queue} never has {count} messages"
        );
    }
    Ok(())
}

/// Bodies of all that the queue has, taken.
pub(super) async fn drain(channel: &Channel, queue: &str) -> Result<Vec<String>> {
    let mut bodies = Vec::new();
    while let Some(message) = get(channel, queue, true).await? {
        bodies.push(String::from_utf8(message.delivery.data)?);
    }
    Ok(bodies)
}

pub(super) async fn consume(channel: &Channel, queue: &str, no_ack: bool) -> Result<Consumer> {
    let options = BasicConsumeOptions {
        no_ack,
        ..Default::default()
    };
    let consumer = channel.basic_consume(queue.into(), "".into(), options, FieldTable::default());
    Ok(consumer.await?)
}

pub(super) async fn next(consumer: &mut Consumer) -> Result<Delivery> {
    let delivery = within(consumer.next()).await?;
    Ok(delivery.context("the consumer ended")??)
}

/// The next deliveries, which must have these numbers as bodies.
pub(super) async fn expect(
    consumer: &mut Consumer,
    numbers: std::ops::Range<usize>,
) -> Result<Vec<Delivery>> {
    let mut deliveries = Vec::new();
    for number in numbers {
        let delivery = next(consumer).await?;
        equal(number.to_string().as_bytes(), delivery.data.as_slice())?;
        deliveries.push(delivery);
    }
    Ok(deliveries)
}

pub(super) fn all_redelivered(deliveries: &[Delivery]) -> Result<()> {
    let marked = deliveries.iter().all(|delivery| delivery.redelivered);
    ensure!(marked, "not marked redelivered");
    Ok(())
}

pub(super) async fn within<T>(future: impl Future<Output = T>) -> Result<T> {
    timeout(PATIENCE, future).await.context("nothing came")
}

pub(super) fn equal<A: std::fmt::Debug + PartialEq<B>, B: std::fmt::Debug>(
    expected: A,
    actual: B,
) -> Result<()> {
    ensure!(expected == actual, "expected {expected:?}, got {actual:?}");
    Ok(())
}

/// The code and text of the broker's refusal.
pub(super) fn refusal(error: &lapin::Error) -> Result<(u16, String)> {
    match error.kind() {
        ErrorKind::ProtocolError(refused) => {
            Ok((refused.get_id(), refused.get_message().to_string()))
        }
        other => bail!("not refused, but {other:?}"),
    }
}

/// The action must end in the channel being closed with this code; the connection goes on.
pub(super) async fn channel_refused(
    connection: &Connection,
    code: u16,
    action: impl AsyncFnOnce(&Channel) -> lapin::Result<()>,
) -> Result<String> {
    let channel = connection.create_channel().await?;
    // The listener is told last of all, so nothing of this refusal is left for the next one. A call
    // may also find the channel on its way out, and says that instead of the reason.
    let mut events = pin!(connection.events_listener());
    let done = within(action(&channel)).await?;
    let refused = told_of_an_error(&mut events).await;
    let refused = refused.with_context(|| format!("not refused with {code}, but {done:?}"))?;
    let (was, text) = refusal(&refused)?;
    ensure!(was == code, "expected {code}, got {was} {text}");
    ensure!(
        connection.status().connected(),
        "the connection is closed as well"
    );
    Ok(text)
}

/// The error that the connection's listener is told next.
pub(super) async fn told_of_an_error(
    events: &mut (impl Stream<Item = Event> + Unpin),
) -> Result<lapin::Error> {
    let errors = events.filter_map(async |event| match event {
        Event::Error(error) => Some(error),
        _ => None,
    });
    within(pin!(errors).next())
        .await?
        .context("the connection ended without a word")
}
