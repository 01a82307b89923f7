//! How long a refused login is kept waiting for its answer.
//!
//! The wait grows with the failures of the peer's address and of the user name, whichever has more,
//! up to [`LONGEST`]. Only refusals wait: a correct password is let in at once, whatever others
//! tried before, so that nobody can lock a user out. What bounds guessing from many connections at a
//! time is the number of checks at a time ([`super::logins`]) and of half-open connections per
//! address, whose places the waiting ones keep.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use tokio::time::Instant;

/// Failures that cost nothing: people mistype.
const FREE_FAILURES: u32 = 3;

/// The wait after the first failure that costs something; it doubles with each further one.
const SHORTEST: Duration = Duration::from_millis(250);

/// Below the time that clients wait for an answer to their login, mostly ten seconds.
const LONGEST: Duration = Duration::from_secs(4);

/// Failures are forgotten when none was added for so long.
const MEMORY: Duration = Duration::from_secs(300);

/// Most addresses and user names remembered together.
const ENTRIES: usize = 8192;

/// Failed logins of late.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    failures: HashMap<Key, Failures>,
    /// User names are kept as hashes, so that long ones cost nothing.
    hasher: RandomState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Address(IpAddr),
    User(u64),
}

#[derive(Debug)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Throttle {
    /// Counts a failure, and says how long its answer has to wait.
    pub(crate) fn failed(&mut self, peer: IpAddr, username: &str, now: Instant) -> Duration {
        let user = Key::User(self.hasher.hash_one(username));
        let address = Key::Address(network(peer));
        let count = self.count(user, now).max(self.count(address, now));
        match count.checked_sub(FREE_FAILURES + 1) {
            None => Duration::ZERO,
            Some(doublings) => LONGEST.min(SHORTEST * 2u32.saturating_pow(doublings.min(16))),
        }
    }

    fn count(&mut self, key: Key, now: Instant) -> u32 {
        if !self.failures.contains_key(&key) && self.failures.len() >= ENTRIES {
            self.make_room(now);
        }
        let entry = self.failures.entry(key).or_insert(Failures {
            count: 0,
            last: now,
        });
        if entry.is_old(now) {
            entry.count = 0;
        }
        entry.count = entry.count.saturating_add(1);
        entry.last = now;
        entry.count
    }

    /// Forgets what is old; if nothing is, the half that failed longest ago, so that a flood of
    /// names pays for looking through the table only now and then.
    fn make_room(&mut self, now: Instant) {
        self.failures.retain(|_, entry| !entry.is_old(now));
        if self.failures.len() < ENTRIES {
            return;
        }
        let mut times: Vec<Instant> = self.failures.values().map(|entry| entry.last).collect();
        let (_, median, _) = times.select_nth_unstable(ENTRIES / 2);
        let median = *median;
        self.failures.retain(|_, entry| entry.last > median);
    }
}

impl Failures {
    fn is_old(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last) >= MEMORY
    }
}

/// Whoever has one IPv6 address has the 64 bits below its network.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_wait_grows_by_address_and_by_name_and_is_forgotten() {
        let mut throttle = Throttle::default();
        let now = Instant::now();
        let waits: Vec<u128> = (0..10)
            .map(|n| throttle.failed(address("10.0.0.1"), &format!("user{n}"), now))
            .map(|wait| wait.as_millis())
            .collect();
        assert_eq!(waits, [0, 0, 0, 250, 500, 1000, 2000, 4000, 4000, 4000]);
        // The same name from elsewhere, and elsewhere by other names.
        assert_eq!(
            throttle.failed(address("10.0.0.2"), "user1", now),
            Duration::ZERO
        );
        for _ in 0..3 {
            throttle.failed(address("2001:db8::1"), "admin", now);
        }
        let neighbour = address("2001:db8::ffff:1");
        assert_eq!(throttle.failed(neighbour, "new", now), SHORTEST);
        assert_eq!(throttle.failed(address("10.0.0.3"), "admin", now), SHORTEST);
        let later = now + MEMORY;
        assert_eq!(
            throttle.failed(address("10.0.0.1"), "admin", later),
            Duration::ZERO
        );
    }

    #[test]
    fn a_flood_of_names_keeps_the_table_small() {
        let mut throttle = Throttle::default();
        let mut now = Instant::now();
        for n in 0..3 * ENTRIES {
            now += Duration::from_millis(1);
            let peer = IpAddr::from(std::net::Ipv4Addr::from_bits(n as u32));
            throttle.failed(peer, &n.to_string(), now);
            assert!(throttle.failures.len() <= ENTRIES);
        }
        // All at one time, too.
        for n in 0..3 * ENTRIES {
            throttle.failed(address("::1"), &format!("u{n}"), now);
            assert!(throttle.failures.len() <= ENTRIES);
        }
    }
}
