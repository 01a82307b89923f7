//! The clock of leases: it goes on while the machine is suspended.

use broker_core::replication::timing::Moment;
use rustix::time::{ClockId, clock_gettime};

/// Now, by `CLOCK_BOOTTIME`. `std::time::Instant` stands still in a suspended machine, and would keep
/// an old right to serve alive.
pub(super) fn now() -> Moment {
    let time = clock_gettime(ClockId::Boottime);
    Moment(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn it_goes_on() {
        let (start, deadline) = (now(), Instant::now() + Duration::from_secs(10));
        while now() <= start.plus(Duration::from_millis(2)) {
            assert!(Instant::now() < deadline, "it stands still");
            std::thread::yield_now();
        }
    }
}
