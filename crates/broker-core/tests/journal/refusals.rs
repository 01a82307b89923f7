//! Every directory that is refused, and in which words. Nothing of it is changed.
//!
//! The words are in `golden/refusals.txt`. After a change of them on purpose:
//! `cargo test -p broker-core --test journal -- --ignored write_refusals`.

#![allow(clippy::disallowed_methods, reason = "the golden file is a file")]

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use broker_core::journal::{FileDisk, Options, SimDisk, StoreId, Survival, Trouble};

use crate::harness::{Bench, crc32c, open_on, payloads, small};

const GOLDEN: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/journal/golden/refusals.txt"
);

/// A way to spoil a directory.
type Spoil = fn(&SimDisk);

/// A closed journal of four segments with a checkpoint; the first segment is not freed yet.
fn sound() -> SimDisk {
    let disk = SimDisk::new(3);
    let mut bench = Bench::open(&disk);
    bench.publish_all(&payloads(45, 1000));
    let middle = bench.journal.segments()[1].start;
    bench.journal.checkpoint(middle, b"summary").unwrap();
    bench.close();
    disk.after_power_loss(Survival::Everything)
}

/// The same with its first segment freed.
fn freed() -> SimDisk {
    let disk = sound();
    let mut bench = Bench::open(&disk);
    bench
        .journal
        .release_before(bench.journal.segments()[1].start);
    bench.drain();
    bench.close();
    disk.after_power_loss(Survival::Everything)
}

fn change_header(disk: &SimDisk, name: &str, crc_at: usize, at: usize, byte: u8) {
    let mut bytes = disk.contents().remove(name).unwrap();
    bytes[at] = byte;
    let crc = crc32c(0, &bytes[..crc_at]);
    bytes[crc_at..crc_at + 4].copy_from_slice(&crc.to_le_bytes());
    disk.install(name, &bytes);
}

fn lose_all(disk: &SimDisk, prefix: &str) {
    let names = disk.contents().into_keys();
    names
        .filter(|name| name.starts_with(prefix))
        .for_each(|name| disk.lose(&name));
}

const SPOILT: [(&str, Spoil); 13] = [
    ("a bit of a record flipped", |disk| {
        disk.flip("segment-00000002", 9000 * 8);
    }),
    ("a segment of other bytes", |disk| {
        disk.install("segment-00000002", &[b'?'; 20 << 10]);
    }),
    ("a segment with a damaged header", |disk| {
        disk.flip("segment-00000002", 60 * 8);
    }),
    ("a short segment", |disk| {
        disk.install("segment-00000002", b"short");
    }),
    ("a segment of a newer format", |disk| {
        change_header(disk, "segment-00000002", 508, 8, 9);
    }),
    ("the oldest segment missing", |disk| {
        disk.lose("segment-00000001");
    }),
    ("a segment in between missing", |disk| {
        disk.lose("segment-00000002");
    }),
    ("the newest segment missing", |disk| {
        let names = disk.contents().into_iter();
        let begun =
            names.filter(|(name, bytes)| name.starts_with("segment-") && bytes[56..64] != [0; 8]);
        let newest = begun.max_by_key(|(_, bytes)| bytes[48]).unwrap();
        disk.lose(&newest.0);
        lose_all(disk, "segment-00000006");
    }),
    ("all segments missing", |disk| lose_all(disk, "segment-")),
    ("both checkpoints damaged", |disk| {
        disk.flip("checkpoint-a", 66 * 8);
        disk.flip("checkpoint-b", 66 * 8);
    }),
    ("a checkpoint of a newer format", |disk| {
        change_header(disk, "checkpoint-a", 60, 8, 9);
    }),
    ("a segment of another broker", |disk| {
        let other = SimDisk::new(4);
        drop(Bench::open(&other));
        disk.install("segment-00000099", &other.contents()["segment-00000001"]);
    }),
    ("the checkpoints of another broker", |disk| {
        let other = SimDisk::new(4);
        let bench = Bench::open(&other);
        let end = bench.journal.durable();
        bench.journal.checkpoint(end, b"other").unwrap();
        for name in ["checkpoint-a", "checkpoint-b"] {
            disk.install(name, &other.contents()[name]);
        }
    }),
];

/// The words for a disk that is not to be opened, and must stay as it is.
fn words(disk: &SimDisk, options: &Options) -> String {
    let before = disk.contents();
    let words = match open_on(Arc::new(disk.clone()), options) {
        Ok(bench) => panic!("opened with {} records", bench.replayed.records.len()),
        Err(error) => error.to_string(),
    };
    assert!(disk.contents() == before, "changed though refused: {words}");
    words
}

/// All of it, as it stands in the golden file.
fn all_words() -> String {
    let mut text = String::new();
    let mut add = |what: &str, words: String| {
        let _ = writeln!(text, "{what}:\n    {words}\n");
    };
    for (what, spoil) in SPOILT {
        let disk = sound();
        spoil(&disk);
        add(what, words(&disk, &small()));
    }
    let disk = freed();
    lose_all(&disk, "checkpoint-");
    add("the checkpoints missing", words(&disk, &small()));
    let other_store = Options {
        store: Some(StoreId([7; 16])),
        ..small()
    };
    let what = "the data directory of another broker";
    add(what, words(&sound(), &other_store));
    for (what, kind) in [
        ("a read-only disk", ErrorKind::ReadOnlyFilesystem),
        ("no permission", ErrorKind::PermissionDenied),
        ("a broken disk", ErrorKind::Other),
    ] {
        let disk = sound();
        disk.plan(0, Trouble::Error(kind));
        add(what, words(&disk, &small()));
    }
    let disk = SimDisk::new(3);
    disk.set_capacity_bytes(1000);
    add("no room for a new journal", words(&disk, &small()));
    add("two processes on one directory", held());
    text
}

fn held() -> String {
    let directory = tempfile::tempdir().unwrap();
    let _first = FileDisk::open(directory.path()).unwrap();
    let words = FileDisk::open(directory.path()).unwrap_err().to_string();
    let words = words.replace(&directory.path().display().to_string(), "DIR");
    words.replace(&std::process::id().to_string(), "PID")
}

#[test]
fn the_words_of_every_refusal_are_as_agreed() {
    assert_eq!(all_words(), std::fs::read_to_string(GOLDEN).unwrap());
}

#[test]
#[ignore = "writes down changed words"]
fn write_refusals() {
    std::fs::write(Path::new(GOLDEN), all_words()).unwrap();
}
