//! A few steps as an AMQP client, for tests whose subject is something else.

use anyhow::{Context, Result};
use lapin::options::*;
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use tokio::runtime::Runtime;

/// Runs an action on a channel of a connection of its own.
pub(crate) fn on_channel<T>(
    uri: &str,
    action: impl AsyncFnOnce(&Channel) -> Result<T>,
) -> Result<T> {
    Runtime::new()?.block_on(async {
        let connection = Connection::connect(uri, ConnectionProperties::default())
            .await
            .with_context(|| format!("connect to {uri}"))?;
        let channel = connection.create_channel().await?;
        let result = action(&channel).await?;
        connection.close(200, "done".into()).await?;
        Ok(result)
    })
}

/// Whether a client may connect.
pub(crate) fn can_connect(uri: &str) -> bool {
    on_channel(uri, async |_| Ok(())).is_ok()
}

/// Publishes persistent messages and waits for their confirms; none may be unroutable.
pub(crate) fn publish(uri: &str, exchange: &str, key: &str, count: usize) -> Result<()> {
    on_channel(uri, async |channel| {
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        for number in 0..count {
            let options = BasicPublishOptions {
                mandatory: true,
                ..Default::default()
            };
            let properties = BasicProperties::default().with_delivery_mode(2);
            let body = number.to_string();
            let sent = channel
                .basic_publish(
                    exchange.into(),
                    key.into(),
                    options,
                    body.as_bytes(),
                    properties,
                )
                .await?;
            let confirm = sent.await?;
            anyhow::ensure!(confirm.is_ack(), "not confirmed: {confirm:?}");
            anyhow::ensure!(confirm.take_message().is_none(), "no queue took it");
        }
        Ok(())
    })
}

/// Takes everything out of a queue.
pub(crate) fn drain(uri: &str, queue: &str) -> Result<usize> {
    on_channel(uri, async |channel| {
        let mut count = 0;
        let options = BasicGetOptions { no_ack: true };
        while channel.basic_get(queue.into(), options).await?.is_some() {
            count += 1;
        }
        Ok(count)
    })
}

/// Deletes a queue, whatever is in it.
pub(crate) fn delete_queue(uri: &str, queue: &str) -> Result<()> {
    on_channel(uri, async |channel| {
        channel
            .queue_delete(queue.into(), QueueDeleteOptions::default())
            .await?;
        Ok(())
    })
}

/// Declares a durable queue.
pub(crate) fn declare_queue(uri: &str, queue: &str, arguments: FieldTable) -> Result<()> {
    on_channel(uri, async |channel| {
        let durable = QueueDeclareOptions {
            durable: true,
            ..Default::default()
        };
        channel
            .queue_declare(queue.into(), durable, arguments)
            .await?;
        Ok(())
    })
}
