//! The task that drives the background scrub of a broker's journal.

use std::sync::Arc;
use std::time::Duration;

use broker_core::broker::Broker;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::server::Shared;

/// Scrubs until the broker stops; a start should not compete with a disk that is being read.
pub(crate) async fn run(broker: Arc<Broker>, first_rest: Duration, shared: Arc<Shared>) {
    let (mut scrub, mut rest) = (broker.scrubber(), first_rest);
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = sleep(rest) => {}
        }
        let broker = Arc::clone(&broker);
        let step = spawn_blocking(move || {
            let rest = broker.scrub(&mut scrub);
            (scrub, rest)
        });
        let done = tokio::select! {
            // A disk that hangs does not hold up a shutdown for longer than clients do.
            () = shared.abandoned() => return,
            done = step => done,
        };
        match done {
            Ok(done) => (scrub, rest) = done,
            // The broker works without; it must be seen all the same.
            Err(error) => return tracing::error!(%error, "scrub ended; this is a defect"),
        }
    }
}
