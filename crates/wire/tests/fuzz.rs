//! A short run of the fuzz targets; `make fuzz` is the long one.

#![allow(
    clippy::unwrap_used,
    reason = "what the tests share may fail like the tests"
)]

#[path = "../fuzz/promises.rs"]
mod promises;
#[path = "../fuzz/replay.rs"]
mod replay;

use std::path::Path;

/// Seconds in a debug build.
const ROUNDS: u64 = 100_000;

fn run(target: &str, check: fn(&[u8])) {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    replay::replay(&seeds.join(target), ROUNDS, check);
}

#[test]
fn streams() {
    run("amqp091_stream", promises::stream);
}

#[test]
fn tables() {
    run("amqp091_table", promises::table);
}
