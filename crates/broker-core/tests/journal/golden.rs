//! A journal written by an earlier build must open in every later one.
//!
//! The files under `golden/` are committed. A new format gets a new directory beside them, made
//! by `cargo test -p broker-core --test journal -- --ignored write_golden`.

#![allow(clippy::disallowed_methods, reason = "the golden files are files")]

use std::path::Path;
use std::sync::Arc;

use broker_core::journal::{Epoch, SimDisk};

use crate::harness::{Bench, PUBLISH, SETTLE, crc32c, open_on, payloads, small};

const FORMAT_1: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/journal/golden/format-1");

/// What the golden journal holds: publishes over three segments, settlements, a checkpoint.
fn write(disk: &SimDisk) {
    let mut bench = Bench::open(disk);
    for payload in payloads(34, 900) {
        bench.publish(&payload).expect("room");
        bench.settle(&payload[..10]).expect("room");
        bench.drain();
    }
    bench.close();
    let bench = Bench::open(disk);
    bench
        .journal
        .checkpoint(bench.journal.first(), b"golden summary")
        .expect("room");
    bench.close();
}

#[test]
fn a_journal_of_format_1_opens() {
    let disk = SimDisk::new(1);
    for entry in std::fs::read_dir(FORMAT_1).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        disk.install(name, &std::fs::read(&path).unwrap());
    }
    let bench = open_on(Arc::new(disk), &small()).unwrap();
    let expected = payloads(34, 900);
    assert_eq!(bench.replayed.records.len(), 68);
    for (pair, payload) in bench.replayed.records.chunks(2).zip(&expected) {
        assert_eq!((pair[0].kind, pair[1].kind), (PUBLISH, SETTLE));
        assert!(pair[0].payload == *payload && pair[1].payload == payload[..10]);
    }
    assert_eq!(
        bench.replayed.checkpoint.as_ref().unwrap().1,
        b"golden summary"
    );
    assert_eq!(bench.replayed.records[0].end.0, 4096 + 48 + 32 + 904);
    assert_eq!(bench.journal.epoch(), Epoch(3));
    assert_eq!(
        bench.journal.store().to_string(),
        "238d949198559cdb5d4535ed7d92bc78"
    );
}

#[test]
fn the_bytes_lie_where_the_documentation_draws_them() {
    let bytes = std::fs::read(Path::new(FORMAT_1).join("segment-00000001")).unwrap();
    let number = |at: usize, len: usize| {
        bytes[at..at + len]
            .iter()
            .rev()
            .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte))
    };
    assert_eq!(&bytes[..8], b"FerryJnl");
    assert_eq!(
        (number(8, 2), number(48, 8), number(56, 8)),
        (1, 1, 4096),
        "format, sequence, base"
    );
    assert_eq!(
        (number(64, 8), number(72, 4)),
        (16 << 10, 1),
        "capacity, epoch"
    );
    assert_eq!(number(508, 4), u64::from(crc32c(0, &bytes[..508])));
    let seed = crc32c(0, &bytes[16..32]);

    // The opening mark, and the first record behind it.
    let first = 4096 + 48;
    assert_eq!(
        (number(4096, 4), bytes[4096 + 4], bytes[4096 + 5]),
        (16, 0, 0),
        "a mark"
    );
    assert_eq!(
        (number(4096 + 32, 4), number(4096 + 40, 8)),
        (0, 4096),
        "no records, front"
    );
    assert_eq!(
        (number(first, 4), bytes[first + 4]),
        (900, PUBLISH.number())
    );
    assert_eq!(
        (number(first + 8, 8), number(first + 16, 4)),
        (first as u64, 1),
        "lsn, epoch"
    );
    assert_eq!(number(first + 20, 4), 0, "all before it was durable");
    assert_eq!(
        number(first + 24, 4),
        u64::from(crc32c(0, &bytes[first + 32..][..900]))
    );
    assert_eq!(
        number(first + 28, 4),
        u64::from(crc32c(seed, &bytes[first..][..28]))
    );
    assert_eq!(&bytes[first + 32..first + 42], b"message 0 ");
    // The settlement behind it was in the same batch, so it vouches for no more.
    let second = first + 32 + 904;
    assert_eq!(
        (bytes[second + 4], number(second + 20, 4)),
        (SETTLE.number(), 936)
    );
}

#[test]
fn this_build_writes_the_same_bytes() {
    let disk = SimDisk::new(2026);
    write(&disk);
    for (name, bytes) in disk.contents() {
        let golden = std::fs::read(Path::new(FORMAT_1).join(&name)).unwrap();
        assert!(
            golden == bytes,
            "{name} differs: the format has changed and needs a new number"
        );
    }
}

#[test]
#[ignore = "makes the golden files of a new format"]
fn write_golden() {
    let disk = SimDisk::new(2026);
    write(&disk);
    std::fs::create_dir_all(FORMAT_1).unwrap();
    for (name, bytes) in disk.contents() {
        std::fs::write(Path::new(FORMAT_1).join(name), bytes).unwrap();
    }
}
