//! Password checks, which are heavy by design, on few threads and with a bounded queue.

use broker_core::broker::{Login, PasswordCheck};
use broker_core::refusal::{Reason, Refusal};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Checks at a time: each takes 19 MiB and a core for some tens of milliseconds.
const RUNNING: usize = 2;

/// Checks running or waiting; beyond that a login is refused at once.
const PLACES: usize = 2048;

/// Runs password checks.
#[derive(Debug)]
pub(crate) struct Logins {
    places: Semaphore,
    running: Semaphore,
}

impl Default for Logins {
    fn default() -> Self {
        Self {
            places: Semaphore::new(PLACES),
            running: Semaphore::new(RUNNING),
        }
    }
}

impl Logins {
    /// Runs the check when its turn has come.
    pub(crate) async fn run(&self, check: PasswordCheck) -> Result<Login, Refusal> {
        let Ok(_place) = self.places.try_acquire() else {
            return Err(unavailable("too many logins at once"));
        };
        let Ok(_turn) = self.running.acquire().await else {
            return Err(unavailable("the broker is stopping"));
        };
        let check = spawn_blocking(move || check.run()).await;
        check.unwrap_or_else(|_| Err(unavailable("the password check failed")))
    }
}

fn unavailable(text: &str) -> Refusal {
    Refusal::new(Reason::Unavailable, text)
}
