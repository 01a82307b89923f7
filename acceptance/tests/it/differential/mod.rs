//! The same script against Debian's RabbitMQ and against us.
//!
//! `clients/python/differential` plays its scenarios against one broker and writes down every frame
//! that it answers: methods with all their fields, reply codes and texts, headers with the types of
//! their values, and the order of all that. Both brokers begin with what `definitions.json` says.
//! What differs has to be a row of `DIFFERENCES.md`, below the sentence that says why, and what is
//! in the table has to be seen: so the table is neither behind nor ahead of the broker.

mod ferrymq;
mod table;
mod transcript;

use std::fs;
use std::path::PathBuf;
use std::thread;

use acceptance::python::{self, Python};
use acceptance::rabbitmq::RabbitMq;
use anyhow::{Context, Result, anyhow, ensure};

use self::ferrymq::Ferrymq;
use self::table::Row;
use self::transcript::Transcript;

/// What the table is about.
const VERSION: &str = "3.10.";

const PLUGINS: &[&str] = &["rabbitmq_consistent_hash_exchange"];

fn file(name: &str) -> PathBuf {
    python::scripts().join("differential").join(name)
}

fn play(python: &Python, address: &str) -> Result<Transcript> {
    let played = python.script("differential/run.py", &[address])?;
    let played = played
        .success()
        .with_context(|| format!("play the scenarios against {address}"))?;
    Transcript::parse(&played.stdout)
}

#[test]
fn answers_are_those_of_rabbitmq_but_for_what_the_table_says() -> Result<()> {
    let definitions = file("definitions.json");
    let Some(python) = Python::prepare()? else {
        return Ok(());
    };
    let rabbitmq = || -> Result<_> {
        let Some(broker) = RabbitMq::start(PLUGINS, &definitions)? else {
            return Ok(None);
        };
        let version = RabbitMq::version()?;
        ensure!(
            version.starts_with(VERSION),
            "DIFFERENCES.md is about RabbitMQ {VERSION}x, and this is {version}"
        );
        play(&python, &broker.address()).map(Some)
    };
    let (theirs, ours) = thread::scope(|scope| {
        let theirs = scope.spawn(rabbitmq);
        let broker = Ferrymq::start(&fs::read_to_string(&definitions)?)?;
        let ours = play(&python, &broker.address());
        let theirs = theirs.join().map_err(|_| anyhow!("a panic"))?;
        Ok::<_, anyhow::Error>((theirs?, ours?))
    })?;
    let Some(theirs) = theirs else {
        return Ok(());
    };
    println!("{}", ours.size());
    let seen = theirs.differences(&ours)?;
    let listed = table::rows(include_str!("DIFFERENCES.md"))?;
    let missing: Vec<_> = seen.iter().filter(|row| !listed.contains(row)).collect();
    let gone: Vec<_> = listed.iter().filter(|row| !seen.contains(row)).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "differences that DIFFERENCES.md does not explain:\n{}\nrows of it that are no \
         differences:\n{}",
        Row::list(&missing),
        Row::list(&gone),
    );
    Ok(())
}
