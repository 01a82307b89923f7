//! A short run of the fuzz targets; `make fuzz` is the long one.

#![allow(
    clippy::unwrap_used,
    unreachable_pub,
    reason = "what the tests share may fail like the tests, and is public to the fuzz targets"
)]

#[allow(clippy::disallowed_methods, reason = "the seeds are files")]
#[path = "../../../wire/fuzz/replay.rs"]
mod replay;
#[path = "../../fuzz/src/lib.rs"]
mod targets;

use std::path::Path;

/// Seconds in a debug build: each input opens a journal, most of them a broker.
const ROUNDS: u64 = 1_500;

/// The same for bytes that are only read.
const READING_ROUNDS: u64 = 100_000;

fn run(target: &str, rounds: u64, check: fn(&[u8])) {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    replay::replay(&seeds.join(target), rounds, check);
}

#[test]
fn records() {
    run("records", ROUNDS, targets::records::check);
}

#[test]
fn segments() {
    run("segments", ROUNDS, targets::segments::check);
}

#[test]
fn encrypted_segments() {
    run("segments", ROUNDS, targets::segments::check_encrypted);
}

#[test]
fn replication() {
    run("replication", READING_ROUNDS, targets::replication::check);
}
