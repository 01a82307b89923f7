//! The next segment is filled with zeros before it is begun, by whoever has the time.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use broker_core::journal::{Disk as _, SimDisk, Stopped, Survival, Trouble, Turn};

use crate::harness::{Bench, SEGMENT_BYTES, payloads};

/// Enough for the next segment to be wanted, far from enough to fill one.
const SOME: usize = 4 << 10;

/// A journal that uses its first segment, and the name of the next.
fn used(disk: &SimDisk) -> (Bench, String) {
    let mut bench = Bench::open(disk);
    bench.drain();
    let names = disk.list().unwrap().into_iter().map(|entry| entry.name);
    let next = names.max().expect("two segments");
    bench.commit(SOME);
    (bench, next)
}

/// Fills what is to be filled; answers with the operations that took.
fn fill(bench: &Bench, disk: &SimDisk) -> u64 {
    let before = disk.operations();
    while bench.journal.write_ahead(Duration::ZERO).unwrap() {}
    disk.operations() - before
}

#[test]
fn a_journal_that_is_hardly_used_writes_nothing_ahead() {
    let disk = SimDisk::new(1);
    let mut bench = Bench::open(&disk);
    bench.commit(10);
    assert_eq!(fill(&bench, &disk), 0);
}

#[test]
fn what_was_filled_is_not_filled_again() {
    let disk = SimDisk::new(1);
    let (mut bench, next) = used(&disk);
    assert_eq!(fill(&bench, &disk), 2, "a write and a sync");
    assert_eq!(fill(&bench, &disk), 0);
    // Seen as long as nobody writes zeros there.
    disk.flip(&next, (SEGMENT_BYTES as usize - 1) * 8);
    let written = |disk: &SimDisk| disk.contents()[&next].contains(&b'x');
    while !written(&disk) {
        bench.commit(SOME);
    }
    assert_eq!(disk.contents()[&next].last(), Some(&1));
}

#[test]
fn a_segment_that_is_begun_is_left_alone() {
    let disk = SimDisk::new(1);
    let (mut bench, _) = used(&disk);
    // Offered, and not filled. The last record is too small for the segment after it to be wanted.
    let all = payloads(60, 300);
    let mut published = 0;
    while bench.journal.segments().len() < 2 {
        bench.publish_all(&all[published..=published]);
        published += 1;
    }
    assert_eq!(fill(&bench, &disk), 0);
    drop(bench);
    let after = Bench::open(&disk.after_power_loss(Survival::Nothing));
    assert_eq!(after.replayed_payloads()[1..], all[..published]);
}

#[test]
fn a_disk_error_on_the_way_is_final() {
    for operation in 0..2 {
        let disk = SimDisk::new(1);
        let (mut bench, _) = used(&disk);
        let trouble = Trouble::Error(std::io::ErrorKind::Other);
        disk.plan(disk.operations() + operation, trouble);
        let stopped = bench.journal.write_ahead(Duration::ZERO).unwrap_err();
        assert!(matches!(stopped, Stopped::Failed(_)), "{stopped}");
        assert!(bench.publish(b"x").is_err());
        assert!(bench.writer.turn().is_err());
    }
}

#[test]
fn no_room_ends_it_unless_a_sync_tells() {
    for (operation, failed) in [(0, false), (1, true)] {
        let disk = SimDisk::new(1);
        let (mut bench, _) = used(&disk);
        let trouble = Trouble::Error(std::io::ErrorKind::StorageFull);
        disk.plan(disk.operations() + operation, trouble);
        let answer = bench.journal.write_ahead(Duration::ZERO);
        assert_eq!(answer.is_err(), failed, "{answer:?}");
        assert_eq!(bench.writer.turn().is_err(), failed);
        assert_eq!(bench.publish(b"x").is_err(), failed);
    }
}

#[test]
fn who_waits_for_a_segment_is_woken_when_the_journal_ends() {
    let mut bench = Bench::open(&SimDisk::new(1));
    let journal = Arc::clone(&bench.journal);
    let waiting =
        thread::spawn(move || while journal.write_ahead(Duration::from_secs(3600)).is_ok() {});
    bench.journal.close();
    while bench.writer.turn().unwrap() != Turn::Closed {}
    waiting.join().unwrap();
}
