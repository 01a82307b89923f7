//! Letting clients have what is owed to them before another node takes over.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::engine::{self, Slot};
use super::inbox::{Inbox, Item};
use crate::brake::Brake;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// When nothing was sent for so long and nothing is owed, clients have everything.
const QUIET: Duration = Duration::from_millis(20);

/// Consumers of a long queue are never quiet, and nobody is to wait longer for the next active.
const LONGEST: Duration = Duration::from_millis(500);

/// Clients are not read any more; what they sent before is about to be answered.
pub(super) struct Drain {
    pub(super) number: u64,
    pub(super) slot: Slot,
    pub(super) brake: Brake,
    pub(super) inbox: Inbox,
}

impl Drain {
    /// Tells when answers have gone out.
    pub(super) async fn run(self) {
        let until = Instant::now() + LONGEST;
        let (mut sent, mut quiet_since) = (self.brake.sent(), Instant::now());
        loop {
            sleep(LOOK_EVERY).await;
            let now = Instant::now();
            if self.brake.sent() != sent || self.owes() {
                (sent, quiet_since) = (self.brake.sent(), now);
            }
            if now >= until || now >= quiet_since + QUIET {
                return self.inbox.push(Item::Drained(self.number));
            }
        }
    }

    /// Whether something waits for the disk, or for the others.
    fn owes(&self) -> bool {
        let server = engine::lock(&self.slot);
        server.as_ref().is_some_and(|server| {
            let broker = server.broker();
            broker.durable() < broker.extent().written
        })
    }
}
