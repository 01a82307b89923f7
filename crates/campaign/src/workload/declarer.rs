//! Declares and deletes queues while everything else goes on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;
use wire::amqp091::{Method, QueueDeclare, QueueDelete};

use super::connection::Closed;
use super::{Book, Client, Connection, Phase, durable};
use crate::ledger::Violation;

/// Between two changes.
const PAUSE: Duration = Duration::from_millis(50);

/// Names in use; one comes again after so many changes.
const NAMES: u64 = 40;

/// `queue.declare` with `passive` says so of a queue that is not there.
const NOT_FOUND: u16 = 404;

/// Who changes definitions; counts the changes.
#[derive(Default)]
pub(super) struct Declaring(AtomicU64);

impl Client for Declaring {
    async fn work(&self, book: &Book, _: usize, mut connection: Connection) -> Result<()> {
        while book.phase() != Phase::End {
            if book.phase() == Phase::Work {
                let turn = self.0.fetch_add(1, Ordering::Relaxed);
                change(book, &mut connection, turn).await?;
            }
            sleep(PAUSE).await;
        }
        Ok(())
    }
}

/// Declares a queue, or deletes one that was declared some changes before.
async fn change(book: &Book, connection: &mut Connection, turn: u64) -> Result<()> {
    // Of three names in a row, two are declared and one of them is deleted again.
    let (number, declare) = if turn % 3 == 2 {
        (turn - 2, false)
    } else {
        (turn, true)
    };
    let queue = format!("changed.{}", number % NAMES);
    book.definitions().ask(&queue);
    let delete = QueueDelete {
        queue: &queue,
        ..Default::default()
    };
    let method = if declare {
        durable(&queue)
    } else {
        delete.into()
    };
    connection.call(&method).await?;
    book.definitions().confirm(&queue, declare);
    Ok(())
}

impl Book {
    /// Looks at each queue of which something is known, and reports broken promises. Only while
    /// nobody changes any.
    pub(crate) async fn look_at_definitions(&self) -> Result<()> {
        let known = self.definitions().known();
        let mut connection = self.connect().await?.1;
        for queue in known {
            let there = match is_there(&mut connection, &queue).await {
                Ok(()) => true,
                Err(error) => match error.downcast_ref::<Closed>() {
                    Some(closed) if closed.code == NOT_FOUND => {
                        connection = self.connect().await?.1;
                        false
                    }
                    _ => return Err(error),
                },
            };
            let looked = self.definitions().look(&queue, there);
            if let Err(violation) = looked {
                let violation: Violation = violation;
                self.ledger().report(violation);
            }
        }
        Ok(())
    }
}

async fn is_there(connection: &mut Connection, queue: &str) -> Result<()> {
    let passive = QueueDeclare {
        queue,
        passive: true,
        ..Default::default()
    };
    let method: Method<'_> = passive.into();
    connection.call(&method).await.map(drop)
}
