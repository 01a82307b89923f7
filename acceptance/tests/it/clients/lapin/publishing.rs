//! What publishers are told, and when.

use std::pin::pin;

use anyhow::{Context, Result, bail, ensure};
use futures_util::StreamExt;
use lapin::options::*;
use lapin::types::{AMQPValue, FieldArray};
use lapin::{BasicProperties, Channel, Confirmation, Event};

use super::broker::*;

async fn confirming(channel: &Channel) -> Result<()> {
    let options = ConfirmSelectOptions::default();
    Ok(channel.confirm_select(options).await?)
}

/// Publishes a persistent message and waits for its confirm.
async fn confirmed(channel: &Channel, queue: &str, body: &[u8]) -> Result<Confirmation> {
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    let properties = properties.with_delivery_mode(2);
    let sent = channel
        .basic_publish("".into(), queue.into(), options, body, properties)
        .await?;
    Ok(within(sent).await??)
}

pub(super) async fn confirms(broker: &Broker) -> Result<()> {
    let connection = broker.connect().await?;
    let channel = connection.create_channel().await?;
    let queue = durable_queue(&channel, "confirms", []).await?;
    confirming(&channel).await?;
    let mut waiting = Vec::new();
    for _ in 0..500 {
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
        let properties = properties.with_delivery_mode(2);
        let sent =
            channel.basic_publish("".into(), "confirms".into(), options, &[0; 100], properties);
        waiting.push(sent.await?);
    }
    for confirm in waiting {
        equal(Confirmation::Ack(None), within(confirm).await??)?;
    }
    equal(500, depth(&channel, &queue).await?)?;
    equal(
        Confirmation::Ack(None),
        confirmed(&channel, &queue, b"one").await?,
    )?;
    equal(501, delete(&channel, &queue).await?)?;
    connection.close(200, "done".into()).await?;
    Ok(())
}

pub(super) async fn mandatory_return(broker: &Broker) -> Result<()> {
    let connection = broker.connect().await?;
    let channel = connection.create_channel().await?;
    confirming(&channel).await?;
    let mandatory = BasicPublishOptions {
        mandatory: true,
        ..Default::default()
    };
    let (key, properties) = ("mandatory_return", BasicProperties::default());
    let sent = channel
        .basic_publish(
            "amq.direct".into(),
            key.into(),
            mandatory,
            b"lost",
            properties,
        )
        .await?;
    let Confirmation::Ack(Some(returned)) = within(sent).await?? else {
        bail!("the confirm came before the message");
    };
    equal(312, returned.reply_code)?;
    equal("amq.direct", returned.delivery.exchange.as_str())?;
    equal(key, returned.delivery.routing_key.as_str())?;
    equal(b"lost".as_slice(), returned.delivery.data)?;
    connection.close(200, "done".into()).await?;
    Ok(())
}

pub(super) async fn transactions(broker: &Broker) -> Result<()> {
    let connection = broker.connect().await?;
    let watching = connection.create_channel().await?;
    let channel = connection.create_channel().await?;
    let from = queue(&channel, "transactions.in", []).await?;
    let to = queue(&channel, "transactions.out", []).await?;
    publish(&watching, "", &from, b"order").await?;
    channel.tx_select().await?;
    for commit in [false, true] {
        let order = arrival(&channel, &from).await?;
        order.ack(BasicAckOptions::default()).await?;
        publish(&channel, "", &to, b"invoice").await?;
        publish(&channel, "", &to, b"receipt").await?;
        equal(0, depth(&watching, &to).await?)?;
        if commit {
            channel.tx_commit().await?;
        } else {
            channel.tx_rollback().await?;
            // What was acknowledged is held again, and given back on request.
            let options = BasicRecoverOptions { requeue: true };
            channel.basic_recover(options).await?;
        }
    }
    equal(
        ["invoice", "receipt"].as_slice(),
        drain(&watching, &to).await?,
    )?;
    channel.close(200, "done".into()).await?;
    equal(0, depth(&watching, &from).await?)?;
    connection.close(200, "done".into()).await?;
    Ok(())
}

pub(super) async fn copies(broker: &Broker) -> Result<()> {
    let connection = broker.connect().await?;
    let channel = connection.create_channel().await?;
    let queues = ["copies.to", "copies.cc", "copies.bcc"];
    for name in queues {
        queue(&channel, name, []).await?;
    }
    let list = |name| AMQPValue::FieldArray(FieldArray::from(vec![text(name)]));
    let headers = table([("CC", list(queues[1])), ("BCC", list(queues[2]))]);
    let properties = BasicProperties::default().with_headers(headers);
    send(&channel, "", queues[0], b"", properties).await?;
    for name in queues {
        let message = taken(&channel, name).await?;
        let seen = message.properties.headers().clone();
        equal(Some(table([("CC", list(queues[1]))])), seen)?;
    }
    connection.close(200, "done".into()).await?;
    Ok(())
}

pub(super) async fn full_queue(broker: &Broker) -> Result<()> {
    let connection = broker.connect().await?;
    let channel = connection.create_channel().await?;
    let one = [
        ("x-max-length", AMQPValue::LongInt(1)),
        ("x-overflow", text("reject-publish")),
    ];
    let queue = queue(&channel, "full_queue", one).await?;
    confirming(&channel).await?;
    equal(
        Confirmation::Ack(None),
        confirmed(&channel, &queue, b"first").await?,
    )?;
    equal(
        Confirmation::Nack(None),
        confirmed(&channel, &queue, b"second").await?,
    )?;
    equal(["first"].as_slice(), drain(&channel, &queue).await?)?;
    connection.close(200, "done".into()).await?;
    Ok(())
}

pub(super) async fn blocked(broker: &Broker) -> Result<()> {
    let publishing = broker.connect().await?;
    let other = broker.connect().await?;
    let mut events = pin!(publishing.events_listener());
    let channel = publishing.create_channel().await?;
    let queue = queue(&channel, "blocked", []).await?;
    let body = vec![0; 256 * 1024];
    // The library holds back what it may not send: a publish then waits until it is unblocked.
    let filling = async {
        for _ in 0..1000 {
            publish(&channel, "", &queue, &body).await?;
        }
        bail!("never blocked")
    };
    let told = async {
        loop {
            match events.next().await.context("the connection ended")? {
                Event::ConnectionBlocked(reason) => return Ok(reason),
                Event::ConnectionUnblocked => bail!("unblocked first"),
                _ => {}
            }
        }
    };
    let first = async {
        tokio::select! {
            reason = told => reason,
            never = filling => never,
        }
    };
    ensure!(!within(first).await??.is_empty(), "no reason is given");
    let purging = other.create_channel().await?;
    let unblocked = async {
        // What is on its way arrives once there is room.
        while publishing.status().blocked() {
            let name = queue.as_str().into();
            purging
                .queue_purge(name, QueuePurgeOptions::default())
                .await?;
        }
        Ok::<_, anyhow::Error>(())
    };
    within(unblocked).await??;
    delete(&channel, &queue).await?;
    publishing.close(200, "done".into()).await?;
    other.close(200, "done".into()).await?;
    Ok(())
}
