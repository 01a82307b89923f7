//! A pair whose active node is killed: stock clients that know both addresses go on by themselves
//! within seconds, and nothing that was confirmed is lost.

mod health;
mod lapin_client;
mod pair;

use std::process::Command;

use acceptance::go;
use acceptance::java::Java;
use acceptance::process::Finished;
use acceptance::python::Python;
use anyhow::{Context, Result, ensure};

use self::pair::Pair;

/// Longest time between two confirms. A peer takes over within five seconds, clients look for it all
/// the time, and the machine may be busy.
const LONGEST_MS: u64 = 15_000;

/// Arguments of the programs: both addresses and the control socket.
fn arguments(pair: &Pair) -> [String; 3] {
    let [one, other] = pair.uris();
    [one, other, pair.control()]
}

/// A program has ended well, and the time it prints is short enough.
fn went_on(ran: Finished) -> Result<()> {
    let ran = ran.success()?;
    let longest: u64 = ran.stdout.trim().parse().with_context(|| ran.to_string())?;
    ensure!(longest < LONGEST_MS, "no confirm for {longest} ms");
    // Without a gap nothing was killed.
    ensure!(longest > 100, "no confirm for {longest} ms only");
    Ok(())
}

#[test]
fn pika_goes_on() -> Result<()> {
    let Some(python) = Python::prepare()? else {
        return Ok(());
    };
    let pair = Pair::start()?;
    let arguments = arguments(&pair);
    went_on(python.script("failover.py", &arguments.each_ref().map(String::as_str))?)
}

#[test]
fn the_java_client_goes_on() -> Result<()> {
    let Some(java) = Java::scenarios()? else {
        return Ok(());
    };
    let pair = Pair::start()?;
    let arguments = arguments(&pair);
    went_on(java.run("Failover", &arguments.each_ref().map(String::as_str))?)
}

#[test]
fn the_go_client_goes_on() -> Result<()> {
    let Some(program) = go::scenarios()? else {
        return Ok(());
    };
    let pair = Pair::start()?;
    let mut command = Command::new(program);
    command.arg("failover").args(arguments(&pair));
    went_on(Finished::run(&mut command)?)
}
