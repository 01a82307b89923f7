//! Very many at a time: strangers who never log in, channels that nobody uses. What they may take is
//! bounded, and whoever works notices nothing.

use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;

use acceptance::dev::DevBroker;
use acceptance::poll;
use acceptance::raw::{HEADER, Raw, method};
use anyhow::{Context, Result, ensure};
use rustix::process::{Resource, getrlimit, setrlimit};

/// Of one address; see `half_open_per_address` in the agent's configuration.
const HALF_OPEN: usize = 1024;
const STRANGERS: usize = 10_000;

/// What strangers may take besides the broker itself: 16 KiB each, as the limits promise.
const FOR_STRANGERS_BYTES: u64 = 1024 * 16 * 1024;

/// What an idle channel may take.
const FOR_A_CHANNEL_BYTES: u64 = 4 * 1024;

/// As many open files as we may have: these tests need some hundreds more than is usual.
fn raise_open_files() {
    let mut limits = getrlimit(Resource::Nofile);
    limits.current = limits.maximum;
    // If this cannot be, connecting fails and tells.
    let _ = setrlimit(Resource::Nofile, limits);
}

/// Publishes into a queue and gets it back.
fn works(inside: &mut Raw) -> Result<()> {
    inside.open_channel(1)?;
    inside.send(&method(1, 20, 40, &[&[0, 200, 0][..], &[0; 4]].concat()))?;
    inside.expect(20, 41)?;
    Ok(())
}

#[test]
fn ten_thousand_strangers_take_little_and_keep_nobody_inside_waiting() -> Result<()> {
    raise_open_files();
    let broker = DevBroker::start()?;
    let mut inside = Raw::open(broker.address()?, 2_047, 131_072, 0)?;
    works(&mut inside)?;
    let before = broker.server()?.resident_bytes()?;

    let mut waiting = Vec::new();
    for _ in 0..HALF_OPEN {
        let mut raw = Raw::connect(broker.address()?)?;
        // The beginning of a frame that is as large as one may be before the login.
        raw.send(&[HEADER, &[1, 0, 0, 0, 0, 0x1f, 0xf8], &[0; 4_000]].concat())?;
        waiting.push(raw);
    }
    for raw in &mut waiting {
        raw.expect(10, 10)?;
    }
    for _ in HALF_OPEN..STRANGERS {
        let mut turned_away = TcpStream::connect(broker.address()?)?;
        turned_away.set_read_timeout(Some(Duration::from_secs(20)))?;
        // A reset is as good as an end.
        let read = turned_away.read(&mut [0; 8]).unwrap_or(0);
        ensure!(read == 0, "one too many was greeted");
    }
    works(&mut inside)?;
    let took = broker.server()?.resident_bytes()?.saturating_sub(before);
    ensure!(took < FOR_STRANGERS_BYTES, "{took} bytes for strangers");

    drop(waiting);
    poll::until("room for a client", Duration::from_secs(20), || {
        Ok(Raw::open(broker.address()?, 2_047, 131_072, 0).ok())
    })?;
    Ok(())
}

#[test]
fn sixty_five_thousand_channels_take_little() -> Result<()> {
    const CHANNELS: u16 = 2_047;
    const CONNECTIONS: u64 = 32;
    let broker = DevBroker::start()?;
    let before = broker.server()?.resident_bytes()?;
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut raw = Raw::open(broker.address()?, CHANNELS, 131_072, 0)?;
        let opens: Vec<u8> = (1..=CHANNELS)
            .flat_map(|channel| method(channel, 20, 10, &[0]))
            .collect();
        raw.send(&opens)?;
        for _ in 1..=CHANNELS {
            raw.expect(20, 11)?;
        }
        clients.push(raw);
    }
    let took = broker.server()?.resident_bytes()?.saturating_sub(before);
    let bound = CONNECTIONS * u64::from(CHANNELS) * FOR_A_CHANNEL_BYTES;
    ensure!(took < bound, "{took} bytes for idle channels");

    let mut one = clients.pop().context("there are some")?;
    one.send(&method(CHANNELS + 1, 20, 10, &[0]))?;
    assert_eq!(one.close_code()?, Some(530));
    works(&mut Raw::open(broker.address()?, 10, 131_072, 0)?)
}
