//! The task that tells a broker when time has something to do in it.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use broker_core::broker::Broker;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::doorbell::Doorbell;

/// How long it sleeps at most, since the wall's clock, unlike a sleep's, may be set.
const LONGEST: Duration = Duration::from_secs(10);

/// Runs until the broker stops. Nothing wakes it while nothing waits for time.
pub(crate) async fn run(broker: Arc<Broker>, stop: CancellationToken) {
    let bell = Doorbell::default();
    broker.ring_on_time(Box::new(bell.clone()));
    loop {
        let rest = broker.on_time();
        let slept = async {
            match rest {
                Some(rest) => sleep(rest.min(LONGEST)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = poll_fn(|context| bell.poll_rung(context)) => {}
            () = slept => {}
        }
    }
}
