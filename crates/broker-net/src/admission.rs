//! Who may come in: bounds on connections, and stricter ones before their login.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bounds on connections of one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdmissionLimits {
    /// Connections in all.
    pub connections: usize,
    /// Connections in all whose login is not behind them: bounds the memory strangers can take.
    pub half_open: usize,
    /// The same for one peer address.
    pub half_open_per_address: usize,
}

impl Default for AdmissionLimits {
    /// Half-open connections cost at most 16 KiB each, 64 KiB with TLS: 64 MiB to 256 MiB in all.
    fn default() -> Self {
        Self {
            connections: 20_000,
            half_open: 4096,
            half_open_per_address: 1024,
        }
    }
}

/// Counts connections.
#[derive(Debug)]
pub(crate) struct Gate {
    limits: AdmissionLimits,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    connections: usize,
    half_open: usize,
    half_open_by_address: HashMap<IpAddr, usize>,
}

/// Why a connection was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Connections,
    HalfOpen,
    HalfOpenPerAddress,
}

/// A counted connection; dropping it uncounts it.
#[derive(Debug)]
pub(crate) struct Admission {
    gate: Arc<Gate>,
    address: IpAddr,
    half_open: bool,
}

impl Gate {
    pub(crate) fn new(limits: AdmissionLimits) -> Self {
        Self {
            limits,
            counts: Mutex::default(),
        }
    }

    /// Counts a new connection, or says which bound it would break.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Admission, Refused> {
        let mut counts = self.lock();
        if counts.connections >= self.limits.connections {
            return Err(Refused::Connections);
        }
        if counts.half_open >= self.limits.half_open {
            return Err(Refused::HalfOpen);
        }
        let of_address = counts.half_open_by_address.entry(address).or_default();
        if *of_address >= self.limits.half_open_per_address {
            return Err(Refused::HalfOpenPerAddress);
        }
        *of_address += 1;
        counts.half_open += 1;
        counts.connections += 1;
        Ok(Admission {
            gate: Arc::clone(self),
            address,
            half_open: true,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn close_half(&mut self, address: IpAddr) {
        self.half_open -= 1;
        if let Some(count) = self.half_open_by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.half_open_by_address.remove(&address);
            }
        }
    }
}

impl Admission {
    /// Where the peer is.
    pub(crate) fn address(&self) -> IpAddr {
        self.address
    }

    /// The login is behind it.
    pub(crate) fn opened(&mut self) {
        if std::mem::take(&mut self.half_open) {
            self.gate.lock().close_half(self.address);
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut counts = self.gate.lock();
        counts.connections -= 1;
        if self.half_open {
            counts.close_half(self.address);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn address(last: u8) -> IpAddr {
        Ipv4Addr::new(10, 0, 0, last).into()
    }

    #[test]
    fn a_login_makes_room_for_the_next_stranger() {
        let limits = AdmissionLimits {
            connections: 3,
            half_open: 2,
            half_open_per_address: 1,
        };
        let gate = Arc::new(Gate::new(limits));
        let mut first = gate.admit(address(1)).unwrap();
        assert_eq!(
            gate.admit(address(1)).unwrap_err(),
            Refused::HalfOpenPerAddress
        );
        let second = gate.admit(address(2)).unwrap();
        assert_eq!(gate.admit(address(3)).unwrap_err(), Refused::HalfOpen);
        first.opened();
        first.opened();
        let third = gate.admit(address(1)).unwrap();
        assert_eq!(gate.admit(address(4)).unwrap_err(), Refused::Connections);
        drop((first, second, third));
        let counts = gate.lock();
        assert_eq!((counts.connections, counts.half_open), (0, 0));
        assert!(counts.half_open_by_address.is_empty());
    }
}
