//! The scrub reads what is beside the segments as well.

use std::io;
use std::sync::Arc;

use broker_core::journal::{Corrupt, Scrub, SimDisk, Trouble};

use crate::harness::{Bench, open_indexed, payloads, small};

/// What one whole round finds, and how many places are known to be damaged at its end.
fn round(scrub: &mut Scrub) -> (Vec<Corrupt>, u64) {
    let mut damaged = Vec::new();
    for _ in 0..10_000 {
        let step = scrub.step();
        damaged.extend(step.damaged);
        if step.round_ended {
            return (damaged, step.known_damaged);
        }
    }
    panic!("a round without an end");
}

/// Segments with indexes, and checkpoints.
fn filled(disk: &SimDisk) -> Bench {
    let mut bench = open_indexed(Arc::new(disk.clone()), &small()).unwrap();
    bench.publish_all(&payloads(60, 1100));
    let covered = bench.journal.durable();
    bench.journal.checkpoint(covered, b"definitions").unwrap();
    bench
}

fn names(disk: &SimDisk, prefix: &str) -> Vec<String> {
    let names = disk.contents().into_keys();
    names.filter(|name| name.starts_with(prefix)).collect()
}

#[test]
fn every_flipped_bit_of_a_checkpoint_is_found_once() {
    let disk = SimDisk::new(1);
    let bench = filled(&disk);
    let mut tried = 0;
    for name in names(&disk, "checkpoint-") {
        for bit in (0..disk.contents()[&name].len() * 8).step_by(5) {
            let mut scrub = Scrub::new(Arc::clone(&bench.journal));
            assert!(round(&mut scrub).0.is_empty());
            disk.flip(&name, bit);
            let (damaged, known) = round(&mut scrub);
            let files: Vec<_> = damaged.iter().map(|it| it.file.as_str()).collect();
            assert_eq!(
                (files.as_slice(), known),
                (&[name.as_str()][..], 1),
                "bit {bit}"
            );
            let (damaged, known) = round(&mut scrub);
            assert!(
                damaged.is_empty() && known == 1,
                "told once, and still there"
            );
            disk.flip(&name, bit);
            let (damaged, known) = round(&mut scrub);
            assert!(damaged.is_empty() && known == 0, "gone");
            tried += 1;
        }
    }
    assert!(tried > 200, "{tried} bits");
}

#[test]
fn a_checkpoint_that_is_gone_is_damage() {
    let disk = SimDisk::new(1);
    let bench = filled(&disk);
    disk.lose("checkpoint-b");
    let (damaged, _) = round(&mut Scrub::new(Arc::clone(&bench.journal)));
    assert_eq!(damaged.len(), 1);
    assert_eq!(damaged[0].file, "checkpoint-b");
}

#[test]
fn a_damaged_index_is_told_and_taken_away() {
    let disk = SimDisk::new(1);
    let bench = filled(&disk);
    let indexes = names(&disk, "index-");
    assert!(indexes.len() > 3, "{indexes:?}");
    for (number, name) in indexes.iter().enumerate() {
        // Header, contents, end; but not the reserved zeros of the header.
        let length = disk.contents()[name].len();
        let byte = [3, 20, 45, 53, 70, length - 1][number % 6];
        disk.flip(name, byte * 8 + 1);
        let mut scrub = Scrub::new(Arc::clone(&bench.journal));
        let (damaged, _) = round(&mut scrub);
        let files: Vec<_> = damaged.iter().map(|it| it.file.as_str()).collect();
        assert_eq!(files, [name.as_str()]);
        assert!(!names(&disk, "index-").contains(name));
        // One that is not there is none that is damaged.
        assert!(round(&mut scrub).0.is_empty());
    }
    // The next start reads the segments.
    bench.close();
    let after = open_indexed(Arc::new(disk), &small()).unwrap();
    assert_eq!(after.replayed_payloads(), payloads(60, 1100));
    assert_eq!(after.replayed.indexed, 0);
}

#[test]
fn what_cannot_be_read_just_now_is_neither_damaged_nor_taken_away() {
    let disk = SimDisk::new(1);
    let bench = filled(&disk);
    let before = disk.contents();
    let mut scrub = Scrub::new(Arc::clone(&bench.journal));
    let mut beside = 0;
    // The steps of a round that end without records: there, each operation of the disk goes wrong.
    for number in 0..100 {
        let mut rounds = Scrub::new(Arc::clone(&bench.journal));
        let ended = (0..number).any(|_| rounds.step().round_ended);
        if ended {
            break;
        }
        let from = disk.operations();
        rounds.step();
        if disk.operations() - from != 3 {
            continue;
        }
        beside += 1;
        for operation in 0..3 {
            let mut scrub = Scrub::new(Arc::clone(&bench.journal));
            (0..number).for_each(|_| drop(scrub.step()));
            let trouble = Trouble::Error(io::ErrorKind::Other);
            disk.plan(disk.operations() + operation, trouble);
            let step = scrub.step();
            disk.end_trouble();
            assert!(step.damaged.is_empty(), "{:?}", step.damaged);
            assert_eq!(step.known_damaged, 0);
        }
    }
    assert!(beside > 5, "{beside} files");
    assert_eq!(disk.contents(), before);
    assert!(round(&mut scrub).0.is_empty());
}

#[test]
fn an_end_that_is_missing_is_damage() {
    let disk = SimDisk::new(1);
    let bench = filled(&disk);
    let names = [
        "checkpoint-a".to_owned(),
        names(&disk, "index-").swap_remove(0),
    ];
    for name in &names {
        let bytes = &disk.contents()[name];
        disk.install(name, &bytes[..bytes.len() - 1]);
    }
    let (damaged, _) = round(&mut Scrub::new(Arc::clone(&bench.journal)));
    let files: Vec<_> = damaged.iter().map(|it| it.file.clone()).collect();
    assert_eq!(files, names);
}

#[test]
fn each_step_reads_one_file() {
    let disk = SimDisk::new(1);
    let bench = filled(&disk);
    let contents = disk.contents();
    let beside = contents
        .iter()
        .filter(|(name, _)| !name.starts_with("segment-"));
    let largest = beside.map(|(_, bytes)| bytes.len()).max().unwrap() as u64;
    let mut scrub = Scrub::new(Arc::clone(&bench.journal));
    let mut steps = Vec::new();
    loop {
        let step = scrub.step();
        steps.push(step.read_bytes);
        if step.round_ended {
            break;
        }
    }
    let files = names(&disk, "index-").len() + names(&disk, "checkpoint-").len();
    assert!(
        steps.iter().rev().take(files).all(|read| *read <= largest),
        "{steps:?}"
    );
}
