//! Password checks, which are heavy by design, on few threads and with a bounded queue.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use broker_core::broker::{Login, PasswordCheck};
use broker_core::refusal::{Reason, Refusal};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use crate::throttle::Throttle;

/// Checks at a time: each takes 19 MiB and a core for some tens of milliseconds.
const RUNNING: usize = 2;

/// Checks running or waiting; beyond that a login is refused at once.
const PLACES: usize = 2048;

/// Runs password checks.
#[derive(Debug)]
pub(crate) struct Logins {
    places: Semaphore,
    running: Semaphore,
    throttle: Mutex<Throttle>,
}

/// A login that was refused.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) refusal: Refusal,
    /// How long to keep the peer waiting for its answer.
    pub(crate) after: Duration,
}

impl Default for Logins {
    fn default() -> Self {
        Self::with_places(PLACES)
    }
}

impl Logins {
    fn with_places(places: usize) -> Self {
        Self {
            places: Semaphore::new(places),
            running: Semaphore::new(RUNNING),
            throttle: Mutex::default(),
        }
    }

    /// Runs the check of somebody at `peer` when its turn has come.
    pub(crate) async fn run(&self, check: PasswordCheck, peer: IpAddr) -> Result<Login, Refused> {
        // Before anything else: whoever is known does not wait behind those who guess.
        if let Some(login) = recall(&check) {
            return Ok(login);
        }
        let username = check.username().to_owned();
        self.check(check).await.map_err(|refusal| {
            let after = match refusal.reason {
                Reason::AccessRefused => {
                    let mut throttle = self.throttle.lock().unwrap_or_else(PoisonError::into_inner);
                    throttle.failed(peer, &username, Instant::now())
                }
                _ => Duration::ZERO,
            };
            Refused { refusal, after }
        })
    }

    async fn check(&self, check: PasswordCheck) -> Result<Login, Refusal> {
        let Ok(_place) = self.places.try_acquire() else {
            return Err(unavailable("too many logins at once; try again"));
        };
        let Ok(_turn) = self.running.acquire().await else {
            return Err(unavailable("the broker is stopping"));
        };
        // Many connections of one user may have waited for the first of them.
        if let Some(login) = recall(&check) {
            return Ok(login);
        }
        let now = Instant::now().into_std();
        let check = spawn_blocking(move || check.run(now)).await;
        check.unwrap_or_else(|_| Err(unavailable("the password check failed")))
    }
}

fn recall(check: &PasswordCheck) -> Option<Login> {
    check.recall(Instant::now().into_std())
}

fn unavailable(text: &str) -> Refusal {
    Refusal::new(Reason::Unavailable, text)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Arc;

    use broker_core::access::hash_password;
    use broker_core::broker::{Broker, BrokerConfig};
    use broker_core::definitions::{Expect, PasswordChange, UserUpdate};
    use broker_core::journal::{SimDisk, Writer};
    use futures_util::FutureExt as _;

    use super::*;

    const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    /// The journal is open as long as its writer is there.
    fn broker() -> (Arc<Broker>, Writer) {
        let disk = Arc::new(SimDisk::new(1));
        Broker::open(&BrokerConfig::default(), disk).unwrap()
    }

    #[tokio::test]
    async fn only_a_wrong_password_is_refused_slowly_and_by_that_name() {
        let (broker, _writer) = broker();
        let nobody = || broker.login("nobody", b"guess");
        let crowded = Logins::with_places(0);
        for _ in 0..10 {
            let refused = crowded.run(nobody(), PEER).await.unwrap_err();
            assert_eq!(refused.refusal.reason, Reason::Unavailable);
            assert_eq!(refused.after, Duration::ZERO);
        }
        let logins = Logins::default();
        let mut after = Duration::ZERO;
        for _ in 0..5 {
            let refused = logins.run(nobody(), PEER).await.unwrap_err();
            assert_eq!(refused.refusal.reason, Reason::AccessRefused);
            after = refused.after;
        }
        assert!(after > Duration::ZERO);
    }

    #[tokio::test]
    async fn whoever_logged_in_before_does_not_wait_behind_guesses() {
        let (broker, _writer) = broker();
        let update = UserUpdate {
            password: Some(PasswordChange::Set(hash_password(b"secret").unwrap())),
            tags: None,
        };
        broker.admin().put_user("ann", update, Expect::Any).unwrap();
        let logins = Logins::default();
        let ann = || logins.run(broker.login("ann", b"secret"), PEER);
        let guesses = logins.running.acquire_many(RUNNING as u32).await.unwrap();
        assert!(ann().now_or_never().is_none(), "nobody knows her yet");
        drop(guesses);
        assert!(ann().await.is_ok());

        let _guesses = logins.running.acquire_many(RUNNING as u32).await.unwrap();
        let again = ann().now_or_never().expect("no check is needed");
        assert_eq!(again.unwrap().username(), "ann");
        let guess = logins.run(broker.login("ann", b"guess"), PEER);
        assert!(guess.now_or_never().is_none(), "a guess takes its turn");
    }
}
