//! Indexes spare reading full segments, and never show anything but what the segments hold.

#![allow(clippy::disallowed_methods, reason = "the golden files are files")]

use std::path::Path;
use std::sync::Arc;

use broker_core::journal::{
    Lsn, OpenError, Options, ReadWindow, SimDisk, Stopped, Survival, Trouble, Unreadable,
};

use crate::harness::{Bench, TRAILER, crc32c, open_indexed, open_on, payloads, place_of, small};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/journal/golden");

fn open(disk: &SimDisk) -> Bench {
    open_indexed(Arc::new(disk.clone()), &small()).expect("the disk is sound")
}

/// A closed journal of four segments or more, all but the last with indexes.
fn written() -> (SimDisk, Vec<Vec<u8>>) {
    let disk = SimDisk::new(3);
    let all = payloads(60, 1000);
    let mut bench = open(&disk);
    bench.publish_all(&all);
    bench.close();
    (disk, all)
}

fn copy(disk: &SimDisk) -> SimDisk {
    disk.after_power_loss(Survival::Everything)
}

fn indexes_of(disk: &SimDisk) -> Vec<(String, Vec<u8>)> {
    let contents = disk.contents().into_iter();
    contents
        .filter(|(name, _)| name.starts_with("index-"))
        .collect()
}

/// The same indexes; encrypted ones have new keys each time they are written.
fn assert_same(one: &[(String, Vec<u8>)], other: &[(String, Vec<u8>)], what: &str) {
    if crate::ENCRYPTED {
        let sizes = |all: &[(String, Vec<u8>)]| {
            let sizes = all.iter().map(|(name, bytes)| (name.clone(), bytes.len()));
            sizes.collect::<Vec<_>>()
        };
        assert_eq!(sizes(one), sizes(other), "{what}");
    } else {
        assert_eq!(one, other, "{what}");
    }
}

/// Opens it both ways: what comes back must be the same. Answers how many segments were not read.
fn indexed(disk: &SimDisk, expected: &[Vec<u8>]) -> usize {
    let read = open_on(Arc::new(copy(disk)), &small()).expect("the segments are sound");
    let bench = open(&copy(disk));
    assert_eq!(bench.replayed.records, read.replayed.records);
    assert_eq!(bench.replayed_payloads(), expected);
    assert_eq!(bench.journal.end(), read.journal.end());
    assert_eq!(bench.journal.segments(), read.journal.segments());
    assert_eq!(bench.journal.epoch(), read.journal.epoch());
    bench.replayed.indexed
}

#[test]
fn a_full_segment_is_not_read() {
    let (disk, all) = written();
    let indexes = indexes_of(&disk);
    let begun = Bench::open(&copy(&disk)).journal.segments().len();
    assert!(begun >= 4);
    assert_eq!(indexes.len(), begun - 1);
    let bench = open(&disk);
    assert_eq!(bench.replayed.indexed, begun - 1);
    assert_eq!(bench.replayed_payloads(), all);
    bench.close();
    assert_eq!(indexes_of(&disk), indexes, "nothing is written anew");
}

#[test]
fn an_index_is_made_when_it_is_missing() {
    let (disk, all) = written();
    let indexes = indexes_of(&disk);
    for (name, _) in &indexes {
        disk.lose(name);
    }
    assert_eq!(indexed(&disk, &all), 0);
    open(&disk).close();
    assert_same(&indexes_of(&disk), &indexes, "made");
    assert_eq!(indexed(&disk, &all), indexes.len());
}

#[test]
fn a_segment_that_fills_over_several_lives_has_one_index() {
    let disk = SimDisk::new(3);
    let all = payloads(40, 1000);
    for few in all.chunks(4) {
        let mut bench = open(&disk);
        bench.publish_all(few);
        // Killed, not closed.
    }
    assert!(indexed(&disk, &all) >= 2);
}

#[test]
fn a_damaged_index_is_left_aside_and_written_anew() {
    let (disk, all) = written();
    let sound = indexes_of(&disk);
    let (name, bytes) = &sound[1];
    let check = |what: &str, spoil: &dyn Fn(&SimDisk)| {
        let disk = copy(&disk);
        spoil(&disk);
        assert_eq!(indexed(&disk, &all), sound.len() - 1, "{what}");
        open(&disk).close();
        let again = format!("{what}: it is as it should be again");
        assert_same(&indexes_of(&disk), &sound, &again);
    };
    for bit in (0..64 * 8).chain((64 * 8..bytes.len() * 8).step_by(1009)) {
        check(&format!("bit {bit}"), &|disk| disk.flip(name, bit));
    }
    for len in [0, 1, 63, 64, 65, bytes.len() - 1] {
        let cut = |disk: &SimDisk| disk.install(name, &bytes[..len]);
        check(&format!("{len} bytes"), &cut);
    }
    check("zeros", &|disk| disk.install(name, &vec![0; bytes.len()]));
}

#[test]
fn an_index_of_another_segment_is_left_aside() {
    let (disk, all) = written();
    let sound = indexes_of(&disk);
    disk.install(&sound[0].0, &sound[1].1);
    disk.install(&sound[1].0, &sound[0].1);
    assert_eq!(indexed(&disk, &all), sound.len() - 2);
    // One for the last segment, and one for none.
    for number in [sound.len() + 1, 99] {
        disk.install(&format!("index-{number:08}"), &sound[0].1);
    }
    assert_eq!(indexed(&disk, &all), sound.len() - 2);
    open(&disk).close();
    assert_same(&indexes_of(&disk), &sound, "useless files are removed");
}

#[test]
fn an_index_that_says_anything_else_is_left_aside_though_its_checksums_are_right() {
    let (disk, all) = written();
    let (name, sound) = indexes_of(&disk).remove(0);
    let full = indexes_of(&disk).len();
    // Format, uid, base, end, length.
    for byte in [8, 9, 16, 31, 32, 33, 40, 41, 48, 51] {
        let mut bytes = sound.clone();
        bytes[byte] ^= 8;
        let crc = crc32c(0, &bytes[..60]);
        bytes[60..64].copy_from_slice(&crc.to_le_bytes());
        disk.install(&name, &bytes);
        assert_eq!(indexed(&disk, &all), full - 1, "byte {byte}");
    }
}

#[test]
fn an_index_of_the_files_former_life_is_left_aside() {
    let (disk, all) = written();
    let former = indexes_of(&disk);
    let mut bench = open(&disk);
    let end = bench.journal.durable();
    bench.journal.checkpoint(end, b"all").unwrap();
    bench.journal.release_before(end);
    bench.drain();
    let kept: Vec<_> = indexes_of(&disk)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert!(kept.is_empty(), "freed with their segments: {kept:?}");
    // The files are used again, and the indexes of their former lives come back.
    bench.publish_all(&all);
    bench.close();
    let anew = indexes_of(&disk);
    let again = former.iter().filter(|(name, bytes)| {
        let other = anew.iter().find(|(other, _)| other == name);
        other.is_some_and(|(_, other)| other != bytes)
    });
    let again: Vec<_> = again.collect();
    assert!(!again.is_empty(), "a file was used again");
    for (name, bytes) in &again {
        disk.install(name, bytes);
    }
    let bench = open(&copy(&disk));
    assert_eq!(bench.replayed.indexed, anew.len() - again.len());
    let read = Bench::open(&disk);
    assert_eq!(bench.replayed.records, read.replayed.records);
}

#[test]
fn a_segment_without_the_mark_that_ends_it_is_refused_whatever_its_index_says() {
    let (disk, _) = written();
    let spans = Bench::open(&copy(&disk)).journal.segments();
    let span = spans[1];
    let mark = 4096 + (span.end.0 - span.start.0) - 48;
    for byte in [0, 5, 8, 28, 32, 47] {
        let disk = copy(&disk);
        disk.flip("segment-00000002", (mark as usize + byte) * 8);
        let refused = open_indexed(Arc::new(disk), &small());
        let Err(OpenError::Corrupt(corrupt)) = refused else {
            panic!("byte {byte}: {refused:?}")
        };
        assert_eq!((&*corrupt.file, corrupt.offset), ("segment-00000002", mark));
    }
}

#[test]
fn damage_in_a_full_segment_stops_the_journal_when_it_is_read_and_is_refused_from_then_on() {
    let (disk, all) = written();
    let (name, at) = place_of(&disk, &all[3]);
    disk.flip(&name, at * 8);
    let bench = open(&disk);
    assert_eq!(bench.replayed_payloads(), all, "nobody has looked yet");
    let read = |index: usize| {
        let start = Lsn(bench.replayed.records[index].end.0 - (1032 + TRAILER) as u64);
        let mut window = ReadWindow::default();
        let whole = |record: broker_core::journal::RecordRef<'_>| {
            Ok::<_, Unreadable>(record.payload.to_vec())
        };
        bench.journal.read(start, start, &mut window, whole)
    };
    assert_eq!(read(2).unwrap(), all[2]);
    let stopped = read(3).unwrap_err();
    assert!(matches!(stopped, Stopped::Failed(_)));
    let place = format!("damaged at byte {}", at - 32);
    for word in [&*name, &place] {
        assert!(stopped.to_string().contains(word), "{stopped}");
    }
    drop(bench);
    for _ in 0..2 {
        let refused = open_indexed(Arc::new(disk.clone()), &small());
        let Err(OpenError::Corrupt(corrupt)) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!((&corrupt.file, corrupt.offset), (&name, at as u64 - 32));
    }
}

#[test]
fn an_index_that_cannot_be_written_or_read_stops_nothing() {
    use std::io::ErrorKind::{Other, StorageFull};
    // Creating it, writing it, giving it its name.
    for (operation, trouble) in [(0, Other), (0, StorageFull), (1, StorageFull), (2, Other)] {
        let (disk, all) = written();
        let full = indexes_of(&disk).len();
        for (name, _) in indexes_of(&disk) {
            disk.lose(&name);
        }
        let mut bench = open(&disk);
        disk.plan(disk.operations() + operation, Trouble::Error(trouble));
        bench.drain();
        bench.close();
        assert_eq!(indexes_of(&disk).len(), full - 1);
        assert_eq!(indexed(&disk, &all), full - 1);
        open(&disk).close();
        assert_eq!(indexed(&disk, &all), full);
    }
    let (disk, all) = written();
    let full = indexes_of(&disk).len();
    let mut unread = 0;
    for operation in 0..60 {
        let disk = copy(&disk);
        disk.plan(operation, Trouble::Error(Other));
        if let Ok(bench) = open_indexed(Arc::new(disk), &small()) {
            assert_eq!(bench.replayed_payloads(), all);
            unread += full - bench.replayed.indexed;
        }
    }
    // Opening each, its header, its payload.
    assert_eq!(unread, 3 * full);
}

#[test]
fn a_full_disk_keeps_its_room_for_records() {
    let (disk, all) = written();
    let full = indexes_of(&disk).len();
    for (name, _) in indexes_of(&disk) {
        disk.lose(&name);
    }
    disk.set_capacity_bytes(1 << 30);
    let low = Options {
        keep_free_bytes: Some(2 << 30),
        ..small()
    };
    let mut bench = open_indexed(Arc::new(disk.clone()), &low).unwrap();
    assert!(bench.journal.is_full());
    bench.settle(b"still taken").unwrap();
    bench.drain();
    bench.close();
    assert_eq!(indexes_of(&disk), []);
    // They are made when there is room.
    open(&disk).close();
    let all = [all, vec![b"still taken".to_vec()]].concat();
    assert_eq!(indexed(&disk, &all), full);
}

/// What the golden journal of `golden` holds, written by this build with indexes.
fn write_golden_journal(disk: &SimDisk) {
    let plain = Options {
        keys: None,
        ..small()
    };
    let mut bench = open_indexed(Arc::new(disk.clone()), &plain).unwrap();
    for payload in payloads(34, 900) {
        bench.publish(&payload).expect("room");
        bench.settle(&payload[..10]).expect("room");
        bench.drain();
    }
    bench.close();
}

fn golden(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(GOLDEN).join("index-1").join(name)).unwrap()
}

#[test]
fn indexes_of_format_1_are_used() {
    let disk = SimDisk::new(1);
    for directory in ["format-1", "index-1"] {
        for entry in std::fs::read_dir(Path::new(GOLDEN).join(directory)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            disk.install(name, &std::fs::read(&path).unwrap());
        }
    }
    assert_eq!(open(&copy(&disk)).replayed.indexed, 2);
    let read = Bench::open(&disk);
    assert_eq!(open(&disk).replayed.records, read.replayed.records);
}

#[test]
fn this_build_writes_the_same_indexes() {
    let disk = SimDisk::new(2026);
    write_golden_journal(&disk);
    let written = indexes_of(&disk);
    assert_eq!(written.len(), 2);
    for (name, bytes) in written {
        assert!(
            golden(&name) == bytes,
            "{name}: the format needs a new number"
        );
    }
}

#[test]
fn the_bytes_of_an_index_lie_where_the_documentation_draws_them() {
    let bytes = golden("index-00000002");
    let segment = std::fs::read(Path::new(GOLDEN).join("format-1/segment-00000002")).unwrap();
    let next = std::fs::read(Path::new(GOLDEN).join("format-1/segment-00000003")).unwrap();
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!(&bytes[..8], b"FerryIdx");
    assert_eq!(bytes[8..16], [1, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bytes[16..32], segment[16..32], "uid");
    assert_eq!(bytes[32..40], segment[56..64], "base");
    assert_eq!(
        bytes[40..48],
        next[56..64],
        "the base of the next is the end"
    );
    assert_eq!(number(48) as usize, bytes.len() - 64);
    assert_eq!(number(52), crc32c(0, &bytes[64..]));
    assert_eq!(number(56), 0);
    assert_eq!(number(60), crc32c(0, &bytes[..60]));
}

#[test]
#[ignore = "makes the golden files of a new format"]
fn write_golden_indexes() {
    let disk = SimDisk::new(2026);
    write_golden_journal(&disk);
    let directory = Path::new(GOLDEN).join("index-1");
    std::fs::create_dir_all(&directory).unwrap();
    for (name, bytes) in indexes_of(&disk) {
        std::fs::write(directory.join(name), bytes).unwrap();
    }
}
