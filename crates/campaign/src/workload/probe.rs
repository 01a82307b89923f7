//! Asks one node again and again whether it serves, past all proxies and cuts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;
use wire::amqp091::QueueDeclare;

use super::{Book, Connection, OUTLETS, Phase};
use crate::serving::Answer;

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(50);

/// Runs to the end.
pub(super) async fn run(book: Arc<Book>, node: usize, address: SocketAddr) {
    while book.phase() != Phase::End {
        // One that does not serve refuses, is silent or hangs up.
        let _ = ask(&book, node, address).await;
        sleep(PAUSE).await;
    }
}

async fn ask(book: &Book, node: usize, address: SocketAddr) -> Result<()> {
    let mut connection = Connection::open(address).await?;
    while book.phase() != Phase::End {
        let passive = QueueDeclare {
            queue: OUTLETS[0].queue,
            passive: true,
            ..Default::default()
        };
        let asked = book.now();
        connection.call(&passive.into()).await?;
        let answered = book.now();
        let answer = Answer {
            node,
            asked,
            answered,
        };
        book.answers().push(answer);
        sleep(PAUSE).await;
    }
    Ok(())
}
