//! The task that drives the background scrub of a broker's journal.

use std::sync::Arc;
use std::time::Duration;

use broker_core::broker::Broker;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Scrubs until the broker stops; a start should not compete with a disk that is being read.
pub(crate) async fn run(broker: Arc<Broker>, first_rest: Duration, stop: CancellationToken) {
    let (mut scrub, mut rest) = (broker.scrubber(), first_rest);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(rest) => {}
        }
        let broker = Arc::clone(&broker);
        let step = spawn_blocking(move || {
            let rest = broker.scrub(&mut scrub);
            (scrub, rest)
        });
        match step.await {
            Ok(done) => (scrub, rest) = done,
            // The broker works without; it must be seen all the same.
            Err(error) => return tracing::error!(%error, "scrub ended; this is a defect"),
        }
    }
}
