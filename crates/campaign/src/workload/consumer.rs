//! Takes messages out of a queue and settles them.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::Instant;
use wire::amqp091::{BasicAck, BasicConsume, BasicQos, Method, QueueDeclare};

use super::connection::Incoming;
use super::{Book, Client, Connection, Phase};
use crate::ledger::Session;

/// Longest time without looking up.
const TURN: Duration = Duration::from_millis(50);

/// Deliveries not settled yet, at most.
const PREFETCH: u16 = 100;

/// One who drains asks so often whether the queue is empty.
const LOOK: Duration = Duration::from_millis(100);

/// Takes from this queue.
pub(super) struct Consuming(pub(super) &'static str);

impl Client for Consuming {
    async fn work(&self, book: &Book, _: usize, mut connection: Connection) -> Result<()> {
        let mut session = subscribe(book, &mut connection, self.0, false).await?;
        while book.phase() != Phase::End {
            take(book, &mut connection, &mut session).await?;
        }
        Ok(())
    }
}

impl Book {
    /// Takes all out of a queue that nobody else takes from, up to `deadline`, on whatever
    /// connections it needs. What was on its way to a connection that ended is in the queue again, so
    /// a queue that seems empty while something is owed is looked at once more.
    pub(crate) async fn drain(&self, queue: &'static str, deadline: Instant) {
        while Instant::now() < deadline {
            if let Ok((_, connection)) = self.connect().await
                && self.drain_on(connection, queue, deadline).await.is_ok()
                && self.ledger().owed_by(queue) == 0
            {
                return;
            }
            tokio::time::sleep(super::RETRY).await;
        }
    }

    async fn drain_on(
        &self,
        mut connection: Connection,
        queue: &'static str,
        deadline: Instant,
    ) -> Result<()> {
        // What another connection, lost a moment ago, still holds comes back when its end is noticed.
        while counts(&mut connection, queue).await?.1 > 0 {
            ensure!(Instant::now() < deadline, "a lost consumer is still there");
            tokio::time::sleep(LOOK).await;
        }
        let mut asking = self.connect().await?.1;
        let mut session = subscribe(self, &mut connection, queue, true).await?;
        while Instant::now() < deadline {
            let came = take(self, &mut connection, &mut session).await?;
            if !came && counts(&mut asking, queue).await?.0 == 0 {
                connection.flush().await?;
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Messages that are ready, and consumers.
async fn counts(connection: &mut Connection, queue: &str) -> Result<(u32, u32)> {
    let passive = QueueDeclare {
        queue,
        passive: true,
        ..Default::default()
    };
    let answer = connection.call(&passive.into()).await?;
    match Method::decode(&answer)? {
        Method::QueueDeclareOk(ok) => Ok((ok.message_count, ok.consumer_count)),
        other => anyhow::bail!("unexpected answer: {}", other.name()),
    }
}

async fn subscribe(
    book: &Book,
    connection: &mut Connection,
    queue: &'static str,
    alone: bool,
) -> Result<Session> {
    let qos = BasicQos {
        prefetch_count: PREFETCH,
        ..Default::default()
    };
    connection.call(&qos.into()).await?;
    // Before the broker can deliver anything to it.
    let session = book.ledger().begin(queue, alone);
    let consume = BasicConsume {
        queue,
        consumer_tag: "c",
        ..Default::default()
    };
    connection.put(&consume.into());
    Ok(session)
}

/// Waits for deliveries, settles what came; false if nothing did.
async fn take(book: &Book, connection: &mut Connection, session: &mut Session) -> Result<bool> {
    let mut incoming = connection.next(Instant::now() + TURN).await?;
    let mut last = None;
    while let Some(one) = incoming {
        if let Incoming::Delivery {
            tag,
            redelivered,
            body,
        } = one
        {
            book.ledger().deliver(session, &body, redelivered);
            last = Some(tag);
        }
        incoming = connection.ready()?;
    }
    if let Some(delivery_tag) = last {
        let ack = BasicAck {
            delivery_tag,
            multiple: true,
        };
        connection.put(&ack.into());
        connection.flush().await?;
    }
    Ok(last.is_some())
}
