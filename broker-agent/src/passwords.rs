//! Passwords on their way to the engine: hashed on a bounded pool, shown as keyed digests.

use aws_lc_rs::hmac;
use broker_core::access::{PasswordHash, hash_password};
use broker_core::refusal::{Reason, Refusal};
use tokio::sync::Semaphore;

use crate::registry::Secret;

/// Hashes computed at a time: each takes tens of milliseconds of CPU and 19 MiB.
const AT_A_TIME: usize = 2;

/// Longest plaintext, bytes.
const PLAINTEXT_MAX_BYTES: usize = 1024;

/// The bounded pool.
#[derive(Debug)]
pub(crate) struct Hashing {
    permits: Semaphore,
}

impl Default for Hashing {
    fn default() -> Self {
        Self {
            permits: Semaphore::new(AT_A_TIME),
        }
    }
}

impl Hashing {
    /// Hashes a password with a fresh salt, off the threads that serve calls.
    pub(crate) async fn hash(&self, plaintext: String) -> Result<PasswordHash, Refusal> {
        if plaintext.is_empty() || plaintext.len() > PLAINTEXT_MAX_BYTES {
            let length = plaintext.len();
            let sentence = format!(
                "a password of {length} bytes is not allowed; use 1 to {PLAINTEXT_MAX_BYTES} bytes"
            );
            return Err(Refusal::new(Reason::Invalid, sentence));
        }
        let stopping = || Refusal::new(Reason::Unavailable, "the agent is stopping");
        let _permit = self.permits.acquire().await.map_err(|_| stopping())?;
        tokio::task::spawn_blocking(move || hash_password(plaintext.as_bytes()))
            .await
            .map_err(|_| stopping())?
    }
}

/// The key of a new broker's digests. It is made of the broker's uid, so that all nodes of a group have
/// the same one. That the uid is no secret does no harm: what is digested is a hash with a random salt
/// that nobody outside the broker sees.
pub(crate) fn digest_key(uid: &str) -> Secret {
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"ferrymq password digests");
    Secret(hex(hmac::sign(&key, uid.as_bytes()).as_ref()))
}

/// What shows that a password was changed without showing anything about it: an HMAC-SHA256 of
/// its hash, under a key of the broker.
pub(crate) fn digest(key: &Secret, hash: &PasswordHash) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.0.as_bytes());
    hex(hmac::sign(&key, hash.as_str().as_bytes()).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bounds_are_checked_before_any_work() {
        let hashing = Hashing::default();
        assert_eq!(
            hashing.hash(String::new()).await.unwrap_err().reason,
            Reason::Invalid
        );
        assert_eq!(
            hashing.hash("x".repeat(1025)).await.unwrap_err().reason,
            Reason::Invalid
        );
        assert!(hashing.hash("x".repeat(1024)).await.is_ok());
    }

    #[tokio::test]
    async fn a_digest_depends_on_key_and_hash() {
        let hashing = Hashing::default();
        let (one, two) = (
            hashing.hash("same".into()).await,
            hashing.hash("same".into()).await,
        );
        let (one, two) = (one.unwrap(), two.unwrap());
        let (key, other) = (Secret("k".into()), Secret("l".into()));
        assert_eq!(digest(&key, &one), digest(&key, &one));
        assert_eq!(digest(&key, &one).len(), 64);
        assert_ne!(digest(&key, &one), digest(&key, &two));
        assert_ne!(digest(&key, &one), digest(&other, &one));
    }
}
