//! Challenges: each is good once, for a minute.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const LIFETIME: Duration = Duration::from_secs(60);

/// Most challenges that are out at a time: each costs a few bytes, but anyone may ask.
const MAX: usize = 4096;

/// Those that are out.
#[derive(Default)]
pub(super) struct Challenges(Mutex<HashMap<String, Instant>>);

impl Challenges {
    /// A new one.
    pub(super) fn give(&self) -> Result<String, String> {
        self.give_at(Instant::now())
    }

    fn give_at(&self, now: Instant) -> Result<String, String> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| error.to_string())?;
        let challenge: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if out.len() >= MAX {
            out.retain(|_, given| now.duration_since(*given) < LIFETIME);
        }
        if out.len() >= MAX {
            return Err("too many machines ask at a time; ask again in a minute".to_owned());
        }
        out.insert(challenge.clone(), now);
        Ok(challenge)
    }

    /// Whether it is out; it is not any more.
    pub(super) fn take(&self, challenge: &str) -> bool {
        self.take_at(challenge, Instant::now())
    }

    fn take_at(&self, challenge: &str, now: Instant) -> bool {
        let mut out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let given = out.remove(challenge);
        given.is_some_and(|given| now.duration_since(given) < LIFETIME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_good_once_and_for_a_minute() {
        let challenges = Challenges::default();
        let now = Instant::now();
        let one = challenges.give_at(now).unwrap();
        assert!(challenges.take_at(&one, now + Duration::from_secs(59)));
        assert!(!challenges.take_at(&one, now));
        let late = challenges.give_at(now).unwrap();
        assert!(!challenges.take_at(&late, now + LIFETIME));
        assert!(!challenges.take_at("made up", now));
    }

    #[test]
    fn a_crowd_is_told_to_come_again_and_leaves_nothing() {
        let challenges = Challenges::default();
        let now = Instant::now();
        for _ in 0..MAX {
            challenges.give_at(now).unwrap();
        }
        assert!(challenges.give_at(now).is_err());
        assert!(challenges.give_at(now + LIFETIME).is_ok());
    }
}
