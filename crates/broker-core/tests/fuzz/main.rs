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

fn run(target: &str, check: fn(&[u8])) {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    replay::replay(&seeds.join(target), ROUNDS, check);
}

#[test]
fn records() {
    run("records", targets::records::check);
}

#[test]
fn segments() {
    run("segments", targets::segments::check);
}
