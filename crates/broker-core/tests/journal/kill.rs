//! A process that is killed in the middle of it: what it was told is safe is there afterwards.

#![allow(
    clippy::disallowed_methods,
    reason = "the test is about a process and its files"
)]

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use broker_core::journal::{FileDisk, Haste, Lsn, Turn};

use crate::harness::{Bench, open_on, small};

const DIRECTORY: &str = "FERRYMQ_TEST_JOURNAL";

fn open_in(directory: &std::path::Path) -> Bench {
    open_on(FileDisk::open(directory).expect("not in use"), &small()).expect("sound")
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let directory = tempfile::tempdir().unwrap();
    let mut expected = 0;
    for round in 0..6 {
        let acknowledged = run_and_kill(directory.path(), expected, 20 + 60 * round);
        let bench = open_in(directory.path());
        let found: Vec<_> = bench.replayed_payloads();
        for (number, payload) in found.iter().enumerate() {
            assert_eq!(payload[..8], (number as u64).to_le_bytes(), "round {round}");
        }
        assert!(
            found.len() as u64 >= acknowledged,
            "round {round}: {acknowledged} acknowledged"
        );
        expected = found.len() as u64;
    }
    assert!(expected > 1000, "{expected} records in six lives");
}

/// Starts a process that appends from `next` on, kills it once it has acknowledged `lines` times,
/// and answers how many records it has acknowledged in all.
fn run_and_kill(directory: &std::path::Path, next: u64, lines: usize) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "kill::append_until_killed",
            "--ignored",
            "--nocapture",
        ])
        .env(DIRECTORY, directory)
        .env("FERRYMQ_TEST_NEXT", next.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = next;
    let output = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told = output
        .map_while(Result::ok)
        .filter_map(|line| line.parse::<u64>().ok());
    for _ in 0..lines {
        acknowledged = told.next().expect("it goes on until killed");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What it said before it died counts as well.
    told.last().unwrap_or(acknowledged)
}

#[test]
#[ignore = "the process that the test above kills"]
fn append_until_killed() {
    let directory = std::env::var_os(DIRECTORY).expect("run by the test above");
    let mut next: u64 = std::env::var("FERRYMQ_TEST_NEXT").unwrap().parse().unwrap();
    let Bench {
        journal,
        mut writer,
        ..
    } = open_in(directory.as_ref());
    let shared = journal.clone();
    std::thread::spawn(move || {
        loop {
            if writer.turn().unwrap() == Turn::Idle {
                writer.wait(Duration::from_secs(1));
            }
        }
    });
    let mut pending: Vec<(Lsn, u64)> = Vec::new();
    loop {
        let mut payload = next.to_le_bytes().to_vec();
        payload.resize(8 + (next % 700) as usize, next as u8);
        let record = broker_core::journal::Record {
            kind: crate::harness::PUBLISH,
            admission: broker_core::journal::Admission::Ordinary,
            parts: &[&payload],
            body: None,
        };
        if let Ok(end) = shared.append(&record, Haste::Now) {
            next += 1;
            pending.push((end, next));
        }
        let durable = shared.durable();
        let safe = pending.partition_point(|(end, _)| *end <= durable);
        if let Some((_, count)) = pending.drain(..safe).next_back() {
            println!("{count}");
            std::io::stdout().flush().unwrap();
        }
    }
}
