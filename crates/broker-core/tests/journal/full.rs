//! A disk that fills up: publishers stop first, settlements go on, and space that comes back is
//! used.

use std::sync::Arc;

use broker_core::journal::{AppendError, Options, SimDisk, Survival, Turn};

use crate::harness::{Bench, SEGMENT_BYTES, open_on, small};

/// Publishes until the journal refuses, and answers how many it took.
fn fill(bench: &mut Bench) -> usize {
    let mut taken = 0;
    loop {
        match bench.publish(&[b'p'; 500]) {
            Ok(_) => taken += 1,
            Err(AppendError::Full) => return taken,
            Err(other) => panic!("{other}"),
        }
        bench.drain();
    }
}

#[test]
fn publishers_are_refused_before_the_disk_is_full_and_settlements_go_on() {
    let disk = SimDisk::new(1);
    disk.set_capacity_bytes(3 * SEGMENT_BYTES);
    let mut bench = Bench::open(&disk);
    let published = fill(&mut bench);
    assert!(
        published > 60,
        "two segments and a half of them: {published}"
    );
    assert!(bench.journal.is_full() && !bench.journal.takes_publishes());
    let mut settled = 0;
    while bench.settle(&[b's'; 16]).is_ok() {
        settled += 1;
        bench.drain();
    }
    assert!(settled > 30, "a reserve for settlements: {settled}");
    let after = Bench::open(&disk.after_power_loss(Survival::Nothing));
    assert_eq!(
        after.replayed.records.len(),
        published + settled,
        "nothing taken is lost"
    );
}

#[test]
fn it_is_full_once_half_of_the_last_segment_is_used() {
    let disk = SimDisk::new(1);
    disk.set_capacity_bytes(SEGMENT_BYTES);
    let mut bench = Bench::open(&disk);
    assert!(bench.journal.takes_publishes());
    while bench.journal.takes_publishes() {
        bench.commit(100);
    }
    let used = bench.journal.end().0 - bench.journal.first().0;
    assert!((7_500..9_000).contains(&used), "{used} of 16384 bytes");
}

#[test]
fn publishers_go_on_when_space_returns() {
    let disk = SimDisk::new(1);
    disk.set_capacity_bytes(2 * SEGMENT_BYTES);
    let mut bench = Bench::open(&disk);
    fill(&mut bench);
    assert_eq!(bench.writer.turn().unwrap(), Turn::Idle);
    disk.set_capacity_bytes(4 * SEGMENT_BYTES);
    assert_eq!(bench.writer.turn().unwrap(), Turn::SpaceReturned);
    assert!(bench.journal.takes_publishes());
    assert!(fill(&mut bench) > 20);
}

#[test]
fn a_full_journal_is_relieved_by_releasing_its_front() {
    let disk = SimDisk::new(1);
    // Room for the checkpoint files as well.
    disk.set_capacity_bytes(3 * SEGMENT_BYTES + 1000);
    let mut bench = Bench::open(&disk);
    for round in 0..20 {
        assert!(fill(&mut bench) > 10, "round {round}");
        while bench.settle(&[b's'; 16]).is_ok() {
            bench.drain();
        }
        let durable = bench.journal.durable();
        bench.journal.checkpoint(durable, b"all settled").unwrap();
        bench.journal.release_before(durable);
        bench.drain();
        assert!(bench.journal.takes_publishes(), "round {round}");
    }
    drop(bench);
    Bench::open(&disk.after_power_loss(Survival::Nothing));
}

#[test]
fn below_the_watermark_publishers_are_refused_and_settlements_get_new_segments() {
    let disk = SimDisk::new(1);
    disk.set_capacity_bytes(40 * SEGMENT_BYTES);
    let options = Options {
        keep_free_bytes: Some(30 * SEGMENT_BYTES),
        ..small()
    };
    let mut bench = open_on(Arc::new(disk.clone()), &options).unwrap();
    fill(&mut bench);
    let segments = bench.journal.segments().len();
    assert!((8..=10).contains(&segments), "{segments} segments");
    for _ in 0..200 {
        bench.settle(&[b's'; 300]).unwrap();
        bench.drain();
    }
    assert!(bench.journal.segments().len() >= segments + 3);
    assert!(!bench.journal.takes_publishes());
}

#[test]
fn the_default_watermark_is_a_share_of_the_disk() {
    // A quarter of 40 segments, for 2 GiB would be more than all.
    let disk = SimDisk::new(1);
    disk.set_capacity_bytes(40 * SEGMENT_BYTES);
    let options = Options {
        keep_free_bytes: None,
        ..small()
    };
    let mut bench = open_on(Arc::new(disk), &options).unwrap();
    fill(&mut bench);
    let segments = bench.journal.segments().len();
    assert!((28..=30).contains(&segments), "{segments} segments");
}

#[test]
fn an_emptied_journal_gives_its_spare_segments_back_to_a_small_disk() {
    let disk = SimDisk::new(1);
    disk.set_capacity_bytes(8 * SEGMENT_BYTES);
    let options = Options {
        keep_free_bytes: None,
        ..small()
    };
    let open = || open_on(Arc::new(disk.clone()), &options).unwrap();
    let mut bench = open();
    for round in 0..5 {
        let taken = fill(&mut bench);
        assert!(taken > 100, "round {round}: {taken}");
        assert!(!bench.journal.takes_publishes());
        let durable = bench.journal.durable();
        bench.journal.checkpoint(durable, b"all settled").unwrap();
        bench.journal.release_before(durable);
        bench.drain();
        assert!(bench.journal.takes_publishes(), "round {round}");
        drop(bench);
        bench = open();
        bench.drain();
        assert!(bench.journal.takes_publishes(), "reopened, round {round}");
    }
}

#[test]
fn spare_segments_go_when_others_fill_the_disk_and_leave_no_gap() {
    let disk = SimDisk::new(1);
    disk.set_capacity_bytes(20 * SEGMENT_BYTES);
    let options = Options {
        keep_free_bytes: Some(SEGMENT_BYTES),
        ..small()
    };
    let mut bench = open_on(Arc::new(disk.clone()), &options).unwrap();
    fill(&mut bench);
    // Freed at leisure, with room on the disk.
    disk.set_capacity_bytes(60 * SEGMENT_BYTES);
    let durable = bench.journal.durable();
    bench.journal.checkpoint(durable, b"all settled").unwrap();
    bench.journal.release_before(durable);
    let segments = || {
        let names = disk.contents().into_keys();
        names.filter(|name| name.starts_with("segment-")).count()
    };
    bench.drain();
    assert_eq!(segments(), 6, "the current one and five to follow");
    // Somebody else takes the room.
    disk.set_capacity_bytes(5 * SEGMENT_BYTES);
    bench.drain();
    assert!(bench.journal.takes_publishes());
    assert_eq!(segments(), 3, "no more are given back than have to be");
    disk.set_capacity_bytes(20 * SEGMENT_BYTES);
    let taken = fill(&mut bench);
    assert!(taken > 100, "{taken}");
    let after = open_on(Arc::new(disk.after_power_loss(Survival::Nothing)), &options);
    assert!(after.unwrap().replayed.records.len() >= taken);
}

#[test]
fn nothing_on_a_full_disk_is_a_disk_error() {
    let disk = SimDisk::new(1);
    disk.set_capacity_bytes(SEGMENT_BYTES);
    let mut bench = Bench::open(&disk);
    fill(&mut bench);
    bench.close();
    let mut bench = Bench::open(&disk);
    bench.settle(b"still").unwrap();
    bench.drain();
    assert!(bench.journal.stopped().is_none());
}

#[test]
fn a_largest_record_is_taken_after_any_filling() {
    for filling in (0..40).map(|step| step * 400) {
        let disk = SimDisk::new(1);
        let mut bench = Bench::open(&disk);
        bench.drain();
        let max = bench.journal.payload_max_bytes();
        let mut left = filling;
        while left > 0 {
            bench.commit(left.min(4000));
            left -= left.min(4000);
        }
        bench
            .publish(&vec![b'l'; max])
            .unwrap_or_else(|error| panic!("after {filling}: {error}"));
        bench.drain();
        assert_eq!(
            Bench::open(&disk).replayed_payloads().last().map(Vec::len),
            Some(max)
        );
    }
}

#[test]
fn a_segment_that_is_only_being_prepared_is_waited_for() {
    let mut bench = Bench::open(&SimDisk::new(1));
    let mut taken = 0;
    for round in 0..20 {
        // Nothing is written meanwhile, as while a slow disk syncs.
        let refused = loop {
            match bench.publish(&[b'p'; 500]) {
                Ok(_) => taken += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(refused, AppendError::NotYet), "{refused}");
        assert!(!bench.journal.takes_publishes() && !bench.journal.is_full());
        let mut told = false;
        loop {
            match bench.writer.turn().unwrap() {
                Turn::Idle => break,
                Turn::SpaceReturned => told = true,
                _ => {}
            }
        }
        assert!(told && bench.journal.takes_publishes(), "round {round}");
    }
    assert!(taken > 20 * 25, "most of a segment in each round: {taken}");
}

#[test]
fn who_was_refused_is_called_again_if_room_came_before_he_asked() {
    let disk = SimDisk::new(1);
    disk.set_capacity_bytes(2 * SEGMENT_BYTES);
    let mut bench = Bench::open(&disk);
    fill(&mut bench);
    while bench.settle(&[b's'; 16]).is_ok() {
        bench.drain();
    }
    assert!(bench.journal.is_stuck());
    disk.set_capacity_bytes(4 * SEGMENT_BYTES);
    bench.drain();
    assert!(!bench.journal.is_stuck());
    assert_eq!(bench.writer.turn().unwrap(), Turn::Idle);
    bench.journal.recall();
    assert_eq!(bench.writer.turn().unwrap(), Turn::SpaceReturned);
    assert_eq!(bench.writer.turn().unwrap(), Turn::Idle);
}
