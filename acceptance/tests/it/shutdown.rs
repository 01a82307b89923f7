//! A broker that is asked to end tells its clients, and ends in time even if they do not listen.

use std::time::{Duration, Instant};

use acceptance::dev::DevBroker;
use acceptance::raw::{Raw, method};
use anyhow::{Context, Result};

const CONNECTION_FORCED: u16 = 320;

/// What `broker-agent dev` promises.
const DEADLINE: Duration = Duration::from_secs(5);

#[test]
fn clients_are_told_and_the_broker_ends_when_they_have_gone() -> Result<()> {
    let mut broker = DevBroker::start()?;
    let mut raw = Raw::open(broker.address()?, 2_047, 131_072, 0)?;
    broker.server_mut()?.signal_end()?;
    let close = raw.expect(10, 50)?;
    assert_eq!(close.close_code(), Some(CONNECTION_FORCED));
    raw.send(&method(0, 10, 51, &[]))?;
    drop(raw);
    let start = Instant::now();
    let status = broker.server_mut()?.wait(DEADLINE)?;
    assert!(status.success(), "{status}");
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "ended only after {:?}",
        start.elapsed()
    );
    Ok(())
}

#[test]
fn clients_that_do_not_answer_do_not_hold_it_up() -> Result<()> {
    let mut broker = DevBroker::start()?;
    let _silent = Raw::open(broker.address()?, 2_047, 131_072, 0)?;
    let _not_even_started = Raw::connect(broker.address()?)?;
    let status = broker
        .server_mut()?
        .terminate(DEADLINE)
        .context("end within the deadline")?;
    assert!(status.success(), "{status}");
    Ok(())
}
