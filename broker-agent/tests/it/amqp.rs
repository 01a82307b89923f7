//! A stock AMQP client.

use lapin::options::{BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};

/// Logs in and opens a channel with confirms.
pub(crate) async fn connect(
    port: u16,
    user: &str,
    password: &str,
) -> Result<(Connection, Channel), lapin::Error> {
    let uri = format!("amqp://{user}:{password}@127.0.0.1:{port}/%2f");
    let connection = Connection::connect(&uri, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    Ok((connection, channel))
}

/// Publishes persistent messages to a queue and waits for their confirms.
pub(crate) async fn publish(channel: &Channel, queue: &str, bodies: &[&str]) {
    let persistent = BasicProperties::default().with_delivery_mode(2);
    for body in bodies {
        let options = BasicPublishOptions {
            mandatory: true,
            ..Default::default()
        };
        let confirm = channel
            .basic_publish(
                "".into(),
                queue.into(),
                options,
                body.as_bytes(),
                persistent.clone(),
            )
            .await
            .unwrap();
        assert!(confirm.await.unwrap().is_ack());
    }
}

/// Takes the next message of a queue, if there is one.
pub(crate) async fn get(channel: &Channel, queue: &str) -> Option<String> {
    let options = BasicGetOptions { no_ack: true };
    let message = channel.basic_get(queue.into(), options).await.unwrap()?;
    Some(String::from_utf8(message.delivery.data).unwrap())
}
