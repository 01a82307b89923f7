//! Idempotency tokens of recent creations: whoever lost the answer may ask again.
//!
//! Kept in memory for one run of a broker. That is enough for a caller that repeats a call after a
//! broken connection; one that comes back after the agent crashed is told that the object exists.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use broker_core::definitions::{Changed, Stored};
use broker_core::journal::Lsn;
use broker_core::refusal::{Reason, Refusal};

/// Creations remembered per broker.
const KEPT: usize = 10_000;

/// Which token made which object.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    /// Held while the engine takes a creation, so that a repeated call cannot slip in between the
    /// creation and its token. The engine only buffers; it takes microseconds and no lock of ours.
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    made: HashMap<Creation, Lsn>,
    oldest: VecDeque<Creation>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Creation {
    token: String,
    object: String,
}

impl Tokens {
    /// Runs a creation under a token. When the object is there already, `made_equal` says what it
    /// is, if it equals what the caller wants: with the same token that is the answer.
    pub(crate) fn create<T>(
        &self,
        token: &str,
        object: &str,
        put: impl FnOnce() -> Result<Changed<T>, Refusal>,
        made_equal: impl FnOnce() -> Option<Stored<T>>,
    ) -> Result<Changed<T>, Refusal> {
        if token.is_empty() {
            return put();
        }
        let creation = Creation {
            token: token.to_owned(),
            object: object.to_owned(),
        };
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        match put() {
            Ok(changed) => {
                inner.remember(creation, changed.lsn);
                Ok(changed)
            }
            Err(refusal) if refusal.reason == Reason::Conflict => {
                let lsn = inner.made.get(&creation).copied();
                lsn.zip(made_equal())
                    .map(|(lsn, object)| Changed { object, lsn })
                    .ok_or(refusal)
            }
            Err(refusal) => Err(refusal),
        }
    }
}

impl Inner {
    fn remember(&mut self, creation: Creation, lsn: Lsn) {
        if self.made.insert(creation.clone(), lsn).is_none() {
            self.oldest.push_back(creation);
        }
        while self.oldest.len() > KEPT {
            if let Some(forgotten) = self.oldest.pop_front() {
                self.made.remove(&forgotten);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(value: &str) -> Stored<String> {
        Stored {
            value: value.to_owned(),
            generation: 1,
        }
    }

    fn fresh() -> Result<Changed<String>, Refusal> {
        Ok(Changed {
            object: made("q"),
            lsn: Lsn(7),
        })
    }

    fn exists() -> Result<Changed<String>, Refusal> {
        Err(Refusal::new(Reason::Conflict, "it exists"))
    }

    #[test]
    fn only_the_same_token_for_an_equal_object_is_answered_again() {
        let tokens = Tokens::default();
        let equal = || Some(made("q"));
        assert!(
            tokens
                .create("t", "queue q", fresh, || unreachable!())
                .is_ok()
        );
        let again = tokens.create("t", "queue q", exists, equal).unwrap();
        assert_eq!((again.lsn, again.object), (Lsn(7), made("q")));

        assert!(tokens.create("other", "queue q", exists, equal).is_err());
        assert!(tokens.create("t", "queue p", exists, equal).is_err());
        assert!(tokens.create("t", "queue q", exists, || None).is_err());
        assert!(tokens.create("", "queue q", exists, equal).is_err());
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let tokens = Tokens::default();
        for number in 0..=KEPT {
            tokens
                .create("t", &number.to_string(), fresh, || None)
                .unwrap();
        }
        assert!(tokens.create("t", "0", exists, || Some(made("q"))).is_err());
        assert!(tokens.create("t", "1", exists, || Some(made("q"))).is_ok());
        assert_eq!(tokens.inner.lock().unwrap().made.len(), KEPT);
    }
}
