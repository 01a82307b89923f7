//! Which nodes were refused of late, and why: a node whose certificate is wrong is not taken for one
//! that is down.

use std::collections::HashMap;
use std::hash::Hash;
use std::io;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use broker_core::replication::record::NodeId;
use rustls::pki_types::ServerName;

use super::address::NodeAddress;

/// A refusal is of interest for so long. A node that has no leader calls more often than that.
const FRESH: Duration = Duration::from_secs(15);

/// Most refusals remembered; what comes on top is in the log alone.
const MOST: usize = 64;

/// Refusals by whom they concern, the last one of each.
#[derive(Debug)]
pub(super) struct Refusals<K>(Mutex<HashMap<K, (Instant, String)>>);

impl<K> Default for Refusals<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash + Copy> Refusals<K> {
    /// It was refused, or has refused this node.
    pub(super) fn note(&self, who: K, why: String, now: Instant) {
        let mut noted = self.lock();
        noted.retain(|_, (at, _)| now.saturating_duration_since(*at) < FRESH);
        if noted.len() < MOST || noted.contains_key(&who) {
            noted.insert(who, (now, why));
        }
    }

    /// A conversation with it has begun.
    pub(super) fn clear(&self, who: K) {
        self.lock().remove(&who);
    }

    /// Why it was refused, if it was of late.
    pub(super) fn of(&self, who: K, now: Instant) -> Option<String> {
        let noted = self.lock();
        let (at, why) = noted.get(&who)?;
        (now.saturating_duration_since(*at) < FRESH).then(|| why.clone())
    }

    /// The newest refusal of late, of anybody.
    fn newest(&self, now: Instant) -> Option<(K, String)> {
        let noted = self.lock();
        let (who, (at, why)) = noted.iter().max_by_key(|(_, (at, _))| *at)?;
        (now.saturating_duration_since(*at) < FRESH).then(|| (*who, why.clone()))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, (Instant, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether TLS failed because somebody did not like what he was shown, not because a connection broke.
pub(super) fn is_tls(error: &io::Error) -> bool {
    let cause = error.get_ref();
    cause.is_some_and(|cause| cause.is::<rustls::Error>())
}

/// Why a node was refused, or has refused this one: by what was said between them, else by what was
/// said to somebody at its address before it could say who it was. Of a node that is given by name,
/// nobody knows the address: whoever was refused last may have been it.
pub(super) fn of(
    node: NodeId,
    address: &NodeAddress,
    known: &Refusals<NodeId>,
    strangers: &Refusals<IpAddr>,
    now: Instant,
) -> Option<String> {
    let told = |(ip, why): (IpAddr, String)| format!("a connection from {ip} was refused: {why}");
    known.of(node, now).or_else(|| match &address.host {
        ServerName::IpAddress(ip) => {
            let ip = IpAddr::from(*ip);
            strangers.of(ip, now).map(|why| told((ip, why)))
        }
        _ => strangers.newest(now).map(told),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_for_a_while_and_of_whom_it_concerns() {
        let (known, strangers) = (Refusals::default(), Refusals::default());
        let now = Instant::now();
        let by_address = NodeAddress::parse("10.0.0.7:7444").unwrap();
        let by_name = NodeAddress::parse("mq-b.example.com:7444").unwrap();
        let told = |address, now| of(NodeId(2), address, &known, &strangers, now);
        assert_eq!(told(&by_name, now), None);

        strangers.note("10.0.0.8".parse().unwrap(), "TLS".to_owned(), now);
        assert_eq!(told(&by_address, now), None);
        let text = "a connection from 10.0.0.8 was refused: TLS";
        assert_eq!(told(&by_name, now).as_deref(), Some(text));
        known.note(NodeId(2), "the certificate".to_owned(), now);
        assert_eq!(told(&by_address, now).as_deref(), Some("the certificate"));
        assert_eq!(told(&by_address, now + FRESH), None);
        known.clear(NodeId(2));
        assert_eq!(told(&by_address, now), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (refusals, now) = (Refusals::default(), Instant::now());
        for who in 0..1000 {
            refusals.note(who, String::new(), now);
        }
        assert_eq!(refusals.lock().len(), MOST);
        refusals.note(1000, String::new(), now + FRESH);
        assert_eq!(refusals.lock().len(), 1);
    }
}
