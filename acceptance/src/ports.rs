//! Ports for what cannot choose one itself: an agent must come back on the port it had.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Result, bail};

/// Below the kernel's range for outgoing connections, so that nobody is given one by chance.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A loopback port that nobody listens on, never given twice by one process. Processes that run at
/// the same time start at different places of the range.
pub fn free() -> Result<u16> {
    static NEXT: OnceLock<AtomicU16> = OnceLock::new();
    let start = u16::try_from(std::process::id() * 97 % u32::from(COUNT))?;
    let next = NEXT.get_or_init(|| AtomicU16::new(start));
    for _ in 0..COUNT {
        let port = FIRST + next.fetch_add(1, Ordering::Relaxed) % COUNT;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port between {FIRST} and {}", FIRST + COUNT)
}
