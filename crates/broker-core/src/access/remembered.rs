//! Passwords that were right a short while ago, so that not every connection costs a password hash.
//!
//! Neither the password is kept nor anything to guess it by: only a keyed BLAKE2b of user name,
//! stored hash and password, under a key that is drawn when the broker opens and never leaves its
//! memory. The stored hash is part of it, so a password that is set anew, even to itself, is asked
//! for anew, and so is one of a user that was deleted and made again.
//!
//! Only success is remembered. Whoever guesses pays the full price for each guess, and the lookup
//! itself takes as long for a name that is known as for one that is not.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use blake2::Blake2bMac;
use blake2::digest::consts::U32;
use blake2::digest::{CtOutput, Mac};

use super::PasswordHash;
use crate::lock::lock;
use crate::refusal::{Reason, Refusal};

/// How long a password counts as right after it was checked.
const MEMORY: Duration = Duration::from_secs(300);

/// Most users remembered at a time.
const ENTRIES: usize = 4096;

type KeyedHash = Blake2bMac<U32>;

/// Compares in constant time.
type Tag = CtOutput<KeyedHash>;

/// The latest right password of each user.
pub(crate) struct Remembered {
    /// Knows the key already.
    keyed: KeyedHash,
    /// What a name that is not remembered is compared with.
    nobody: Tag,
    entries: Mutex<HashMap<Arc<str>, Entry>>,
}

struct Entry {
    tag: Tag,
    until: Instant,
}

impl Remembered {
    /// Remembers nobody, under a fresh key.
    pub(crate) fn new() -> Result<Self, Refusal> {
        let mut random = [0; 64];
        getrandom::fill(&mut random).map_err(|error| {
            Refusal::new(Reason::Unavailable, format!("no randomness: {error}"))
        })?;
        let (key, nobody) = random.split_at(32);
        let keyed = KeyedHash::new_from_slice(key).expect("BLAKE2b takes a key of 32 bytes");
        let nobody = keyed.clone().chain_update(nobody).finalize();
        Ok(Self {
            keyed,
            nobody,
            entries: Mutex::default(),
        })
    }

    /// Whether this password was right for this user and this stored hash of late.
    pub(crate) fn knows(
        &self,
        username: &str,
        hash: &PasswordHash,
        password: &[u8],
        now: Instant,
    ) -> bool {
        let tag = self.tag(username, hash, password);
        let entries = lock(&self.entries);
        let (known, until) = match entries.get(username) {
            Some(entry) => (&entry.tag, entry.until),
            None => (&self.nobody, now),
        };
        (tag == *known) & (now < until)
    }

    /// Takes note that the password was found to be right.
    pub(crate) fn add(
        &self,
        username: &Arc<str>,
        hash: &PasswordHash,
        password: &[u8],
        now: Instant,
    ) {
        let tag = self.tag(username, hash, password);
        let entry = Entry {
            tag,
            until: now + MEMORY,
        };
        let mut entries = lock(&self.entries);
        if entries.len() >= ENTRIES && !entries.contains_key(username) {
            make_room(&mut entries, now);
        }
        entries.insert(Arc::clone(username), entry);
    }

    fn tag(&self, username: &str, hash: &PasswordHash, password: &[u8]) -> Tag {
        let mut keyed = self.keyed.clone();
        // Each with its length: what is moved across a border is something else.
        for part in [username.as_bytes(), hash.as_str().as_bytes(), password] {
            keyed.update(&(part.len() as u64).to_be_bytes());
            keyed.update(part);
        }
        keyed.finalize()
    }
}

/// Forgets what is too old; if nothing is, the older half, so that the table is looked through only
/// now and then.
fn make_room(entries: &mut HashMap<Arc<str>, Entry>, now: Instant) {
    entries.retain(|_, entry| now < entry.until);
    if entries.len() < ENTRIES {
        return;
    }
    let mut ends: Vec<Instant> = entries.values().map(|entry| entry.until).collect();
    let (_, median, _) = ends.select_nth_unstable(ENTRIES / 2);
    let median = *median;
    entries.retain(|_, entry| entry.until > median);
}

impl fmt::Debug for Remembered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Remembered(…)")
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "there is no other way to begin with an Instant; tests move it by hand"
)]
mod tests {
    use super::*;
    use crate::access::fake_hash;

    #[test]
    fn only_the_same_name_hash_and_password_are_known_and_only_for_a_while() {
        let remembered = Remembered::new().unwrap();
        let (hash, other) = (fake_hash().unwrap(), fake_hash().unwrap());
        let now = Instant::now();
        assert!(!remembered.knows("ann", &hash, b"secret", now));
        remembered.add(&"ann".into(), &hash, b"secret", now);
        assert!(remembered.knows("ann", &hash, b"secret", now));
        assert!(!remembered.knows("ann", &hash, b"Secret", now));
        assert!(!remembered.knows("ann", &hash, b"", now));
        assert!(!remembered.knows("ann", &other, b"secret", now));
        assert!(!remembered.knows("bob", &hash, b"secret", now));
        let last = now + MEMORY - Duration::from_nanos(1);
        assert!(remembered.knows("ann", &hash, b"secret", last));
        assert!(!remembered.knows("ann", &hash, b"secret", now + MEMORY));
    }

    #[test]
    fn brokers_do_not_share_their_memory() {
        let (one, two) = (Remembered::new().unwrap(), Remembered::new().unwrap());
        let hash = fake_hash().unwrap();
        assert!(one.tag("ann", &hash, b"secret") == one.tag("ann", &hash, b"secret"));
        assert!(one.tag("ann", &hash, b"secret") != two.tag("ann", &hash, b"secret"));
    }

    #[test]
    fn the_newest_stay_when_there_are_too_many() {
        let remembered = Remembered::new().unwrap();
        let hash = fake_hash().unwrap();
        let mut now = Instant::now();
        let name = |n: usize| Arc::from(format!("user{n}"));
        for n in 0..3 * ENTRIES {
            now += Duration::from_micros(1);
            remembered.add(&name(n), &hash, b"x", now);
            assert!(lock(&remembered.entries).len() <= ENTRIES);
        }
        assert!(remembered.knows(&name(3 * ENTRIES - 1), &hash, b"x", now));
        assert!(!remembered.knows(&name(0), &hash, b"x", now));
        // All at one time, too.
        for n in 0..3 * ENTRIES {
            remembered.add(&name(n), &hash, b"x", now);
            assert!(lock(&remembered.entries).len() <= ENTRIES);
        }
    }
}
