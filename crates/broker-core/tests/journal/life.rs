//! An ordinary life: append, commit, restart, free.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use broker_core::journal::{
    Admission, AppendError, Epoch, Haste, Kind, Lsn, OpenError, Options, Record, SimDisk, Stopped,
    StoreId, Survival, Trouble, Turn,
};
use bytes::Bytes;

use crate::harness::{Bench, open_on, payloads, small};

#[test]
fn nothing_is_durable_before_its_sync_and_everything_after() {
    let disk = SimDisk::new(1);
    let mut bench = Bench::open(&disk);
    let first = bench.publish(b"one").unwrap();
    let second = bench.publish(b"two").unwrap();
    assert!(bench.journal.durable() < first);
    assert!(bench.journal.backlog_bytes() > 0);
    let Turn::Committed(durable) = bench.writer.turn().unwrap() else {
        panic!("not committed")
    };
    assert!(durable >= second);
    assert_eq!(bench.journal.durable(), durable);
    assert_eq!(bench.journal.backlog_bytes(), 0);
    let after = Bench::open(&disk.after_power_loss(Survival::Nothing));
    assert_eq!(after.replayed_payloads(), [b"one", b"two"]);
    assert_eq!([first, second].to_vec(), ends(&after));
}

#[test]
fn one_sync_serves_all_that_wait() {
    let disk = SimDisk::new(1);
    let mut bench = Bench::open(&disk);
    bench.drain();
    for payload in payloads(20, 100) {
        bench.publish(&payload).unwrap();
    }
    let before = disk.operations();
    assert!(matches!(bench.writer.turn().unwrap(), Turn::Committed(_)));
    assert_eq!(disk.operations() - before, 2, "one write and one sync");
    assert_eq!(bench.journal.durable(), bench.journal.end());
}

#[test]
fn records_gather_while_a_batch_is_on_its_way() {
    let disk = SimDisk::new(1);
    let mut bench = Bench::open(&disk);
    bench.publish(b"one").unwrap();
    let Turn::Committed(first) = bench.writer.turn().unwrap() else {
        panic!("not committed")
    };
    let second = bench.publish(b"two").unwrap();
    assert!(second > first);
    assert_eq!(bench.journal.durable(), first);
}

#[test]
fn a_restart_goes_on_where_the_last_life_ended() {
    let disk = SimDisk::new(1);
    let all = payloads(9, 500);
    for life in all.chunks(3) {
        let mut bench = Bench::open(&disk);
        bench.publish_all(life);
        bench.close();
    }
    let bench = Bench::open(&disk);
    assert_eq!(bench.replayed_payloads(), all);
    assert_eq!(bench.replayed.epochs, [1, 1, 1, 2, 2, 2, 3, 3, 3]);
    assert_eq!(bench.journal.epoch(), Epoch(4));
}

#[test]
fn many_segments_replay_in_order() {
    let disk = SimDisk::new(1);
    let mut bench = Bench::open(&disk);
    let all = payloads(200, 1000);
    bench.publish_all(&all);
    let segments = bench.journal.segments();
    assert!(segments.len() > 10);
    assert!(segments.windows(2).all(|pair| pair[0].end == pair[1].start));
    let after = Bench::open(&disk.after_power_loss(Survival::Nothing));
    assert_eq!(after.replayed_payloads(), all);
    let starts = |bench: &Bench| -> Vec<_> {
        bench
            .journal
            .segments()
            .iter()
            .map(|segment| segment.start)
            .collect()
    };
    assert_eq!(starts(&after), starts(&bench));
}

#[test]
fn large_bodies_come_back_whole() {
    let disk = SimDisk::new(1);
    let options = Options {
        segment_bytes: 1 << 20,
        batch_bytes: 1 << 20,
        ..small()
    };
    let body = Bytes::from((0..200_000_u32).map(|at| at as u8).collect::<Vec<_>>());
    let mut bench = open_on(Arc::new(disk.clone()), &options).unwrap();
    for head in [b"first", b"again"] {
        let record = Record {
            kind: Kind::new(1),
            admission: Admission::Ordinary,
            parts: &[head],
            body: Some(&body),
        };
        bench.journal.append(&record, Haste::Now).unwrap();
    }
    bench.drain();
    let disk = disk.after_power_loss(Survival::Nothing);
    let after = open_on(Arc::new(disk), &options).unwrap();
    let expected = [
        [b"first", &body[..]].concat(),
        [b"again", &body[..]].concat(),
    ];
    assert!(after.replayed_payloads() == expected);
}

#[test]
fn a_payload_no_segment_can_hold_is_refused() {
    let bench = Bench::open(&SimDisk::new(1));
    let max = bench.journal.payload_max_bytes();
    assert!(matches!(
        bench.settle(&vec![0; max + 8]),
        Err(AppendError::TooLarge { max_bytes, .. }) if max_bytes == max
    ));
    bench.settle(&vec![0; max]).unwrap();
}

#[test]
fn released_segments_are_freed_and_used_again() {
    let disk = SimDisk::new(1);
    let mut bench = Bench::open(&disk);
    let mut lives = BTreeSet::new();
    for round in 0..50 {
        let end = bench.commit(5000);
        bench
            .journal
            .checkpoint(end, format!("round {round}").as_bytes())
            .unwrap();
        bench.journal.release_before(end);
        bench.drain();
        assert!(bench.journal.segments().len() <= 3);
        for (name, bytes) in disk.contents() {
            if name.starts_with("segment") {
                // The sequence number and the uid that seeds all checksums.
                lives.insert((bytes[48..56].to_vec(), bytes[16..32].to_vec()));
            }
        }
    }
    let uids: BTreeSet<_> = lives.iter().map(|(_, uid)| uid).collect();
    assert!(
        lives.len() > 10 && uids.len() == lives.len(),
        "a new uid with each life of a file"
    );
    let files = disk
        .contents()
        .into_keys()
        .filter(|name| name.starts_with("segment"))
        .count();
    assert!(files <= 4, "{files} segment files");
    assert!(bench.journal.first() > Lsn(4096));
    bench.close();
    let after = Bench::open(&disk);
    assert_eq!(after.replayed.checkpoint.as_ref().unwrap().1, b"round 49");
}

#[test]
fn what_no_checkpoint_covers_is_never_freed() {
    let disk = SimDisk::new(1);
    let mut bench = Bench::open(&disk);
    let all = payloads(60, 1000);
    bench.publish_all(&all);
    bench.journal.release_before(bench.journal.end());
    bench.drain();
    assert_eq!(Bench::open(&disk).replayed_payloads(), all);
}

#[test]
fn a_segment_is_freed_only_when_a_durable_mark_says_so() {
    let disk = SimDisk::new(1);
    let mut bench = Bench::open(&disk);
    bench.publish_all(&payloads(40, 1000));
    let durable = bench.journal.durable();
    bench.journal.checkpoint(durable, b"all").unwrap();
    let first = bench.journal.first();
    bench.journal.release_before(durable);
    assert!(
        matches!(bench.writer.turn().unwrap(), Turn::Committed(_)),
        "the mark"
    );
    assert_eq!(bench.journal.first(), first, "not before it is durable");
    bench.drain();
    assert!(bench.journal.first() > first);
    Bench::open(&disk.after_power_loss(Survival::Nothing));
}

#[test]
fn a_quiet_journal_says_that_its_last_batch_was_durable() {
    let disk = SimDisk::new(1);
    let mut bench = Bench::open(&disk);
    let end = bench.commit(100);
    bench.writer.wait(Duration::ZERO);
    let Turn::Committed(marked) = bench.writer.turn().unwrap() else {
        panic!("no mark")
    };
    assert!(marked > end);
    bench.writer.wait(Duration::ZERO);
    assert_eq!(bench.writer.turn().unwrap(), Turn::Idle, "once is enough");
}

#[test]
fn the_writer_sleeps_until_something_is_appended() {
    let Bench {
        journal,
        mut writer,
        ..
    } = Bench::open(&SimDisk::new(1));
    let (told, commits) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        loop {
            match writer.turn().unwrap() {
                Turn::Committed(durable) => told.send(durable).unwrap(),
                Turn::Closed => break,
                Turn::Idle | Turn::SpaceReturned => {}
                Turn::Written(_) => panic!("nobody asked"),
            }
            writer.wait(Duration::from_secs(600));
        }
    });
    let record = Record {
        kind: Kind::new(1),
        admission: Admission::Ordinary,
        parts: &[b"x"],
        body: None,
    };
    // Between two rounds the writer is sometimes asleep already and sometimes not yet.
    for round in 0..200 {
        let haste = [Haste::Now, Haste::Soon, Haste::OnCall][round % 3];
        let end = journal.append(&record, haste).unwrap();
        if haste == Haste::OnCall {
            journal.hurry();
        }
        // The mark that ends a segment is a commit of its own.
        let mut durable = Lsn(0);
        while durable < end {
            let told = commits.recv_timeout(Duration::from_secs(20));
            durable = told.unwrap_or_else(|_| panic!("round {round}: the writer sleeps on"));
        }
    }
    journal.close();
}

#[test]
fn threads_append_side_by_side() {
    let disk = SimDisk::new(1);
    let options = Options {
        segment_bytes: 1 << 20,
        batch_bytes: 64 << 10,
        ..small()
    };
    let bench = open_on(Arc::new(disk.clone()), &options).unwrap();
    let (journal, mut writer) = (bench.journal, bench.writer);
    let closer = journal.clone();
    let writing = std::thread::spawn(move || {
        while writer.turn().unwrap() != Turn::Closed {
            writer.wait(Duration::from_secs(60));
        }
    });
    std::thread::scope(|scope| {
        for thread in 0..4_u32 {
            let journal = &journal;
            scope.spawn(move || {
                for number in 0..500_u32 {
                    let parts: &[&[u8]] = &[&thread.to_le_bytes(), &number.to_le_bytes()];
                    let record = Record {
                        kind: Kind::new(1),
                        admission: Admission::Essential,
                        parts,
                        body: None,
                    };
                    journal.append(&record, Haste::Now).unwrap();
                }
            });
        }
    });
    closer.close();
    writing.join().unwrap();
    let after = open_on(Arc::new(disk), &options).unwrap();
    for thread in 0..4_u32 {
        let own = after
            .replayed_payloads()
            .into_iter()
            .filter(|p| p[..4] == thread.to_le_bytes());
        let numbers: Vec<_> = own
            .map(|p| u32::from_le_bytes(p[4..].try_into().unwrap()))
            .collect();
        assert_eq!(numbers, (0..500).collect::<Vec<_>>());
    }
}

#[test]
fn a_closed_journal_takes_nothing_and_keeps_everything() {
    let disk = SimDisk::new(1);
    let mut bench = Bench::open(&disk);
    bench.publish(b"last").unwrap();
    bench.journal.close();
    assert!(matches!(
        bench.publish(b"too late"),
        Err(AppendError::Stopped(Stopped::Closed))
    ));
    while bench.writer.turn().unwrap() != Turn::Closed {}
    let after = Bench::open(&disk.after_power_loss(Survival::Nothing));
    assert_eq!(after.replayed_payloads(), [b"last"]);
}

#[test]
fn a_journal_whose_writer_is_gone_takes_nothing() {
    let bench = Bench::open(&SimDisk::new(1));
    drop(bench.writer);
    assert!(matches!(bench.journal.stopped(), Some(Stopped::Closed)));
    assert!(!bench.journal.takes_publishes());
}

#[test]
fn publishers_wait_while_the_writer_is_far_behind() {
    let disk = SimDisk::new(1);
    let options = Options {
        segment_bytes: 1 << 20,
        backlog_bytes: 10_000,
        ..small()
    };
    let mut bench = open_on(Arc::new(disk), &options).unwrap();
    while bench.journal.backlog_bytes() < 10_000 {
        assert!(bench.journal.takes_publishes());
        bench.publish(&[0; 1000]).unwrap();
    }
    assert!(!bench.journal.takes_publishes());
    bench.drain();
    assert!(bench.journal.takes_publishes());
}

#[test]
fn an_epoch_never_goes_back() {
    let disk = SimDisk::new(1);
    let options = |epoch| Options {
        epoch: Some(Epoch(epoch)),
        ..small()
    };
    let mut bench = open_on(Arc::new(disk.clone()), &options(7)).unwrap();
    assert_eq!(bench.journal.epoch(), Epoch(7));
    bench.commit(10);
    bench.close();
    assert!(matches!(
        open_on(Arc::new(disk.clone()), &options(6)),
        Err(OpenError::Options(_))
    ));
    assert_eq!(
        open_on(Arc::new(disk), &options(9))
            .unwrap()
            .journal
            .epoch(),
        Epoch(9)
    );
}

#[test]
fn another_store_is_refused() {
    let disk = SimDisk::new(1);
    let (ours, theirs) = (StoreId([1; 16]), StoreId([2; 16]));
    let options = |store| Options {
        store: Some(store),
        ..small()
    };
    assert_eq!(
        open_on(Arc::new(disk.clone()), &options(ours))
            .unwrap()
            .journal
            .store(),
        ours
    );
    let refused = open_on(Arc::new(disk.clone()), &options(theirs)).unwrap_err();
    assert!(matches!(
        refused,
        OpenError::Foreign { expected, found, .. } if expected == theirs && found == ours
    ));
    assert_eq!(Bench::open(&disk).journal.store(), ours);
}

#[test]
fn segments_of_another_size_are_read_and_then_replaced() {
    let disk = SimDisk::new(1);
    let all = payloads(40, 1000);
    let mut bench = Bench::open(&disk);
    bench.publish_all(&all[..20]);
    bench.close();
    let larger = Options {
        segment_bytes: 64 << 10,
        ..small()
    };
    let mut bench = open_on(Arc::new(disk.clone()), &larger).unwrap();
    assert_eq!(bench.replayed_payloads(), &all[..20]);
    bench.publish_all(&all[20..]);
    bench.close();
    assert_eq!(Bench::open(&disk).replayed_payloads(), all);
}

/// Found by fuzzing: the new segment took the name of a prepared one of the old size, and was
/// removed under it.
#[test]
fn a_journal_stopped_between_two_segments_goes_on_in_one_of_another_size() {
    let all = payloads(30, 1000);
    let larger = Options {
        segment_bytes: 64 << 10,
        ..small()
    };
    let mut stopped_between = 0;
    for at in 0..60 {
        let disk = SimDisk::new(1);
        let mut bench = Bench::open(&disk);
        disk.plan(disk.operations() + at, Trouble::PowerLoss);
        let mut ends = Vec::new();
        while let Some(payload) = all.get(ends.len())
            && bench.journal.stopped().is_none()
        {
            ends.push(bench.publish(payload).unwrap());
            while bench.writer.turn().is_ok_and(|turn| turn != Turn::Idle) {}
        }
        let durable = bench.journal.durable();
        let kept = ends.iter().filter(|end| **end <= durable).count();
        let disk = disk.after_power_loss(Survival::Nothing);
        let begun = bench.journal.segments().len();

        let mut bench = open_on(Arc::new(disk.clone()), &larger).unwrap();
        assert!(bench.replayed_payloads() == all[..kept], "operation {at}");
        stopped_between += usize::from(begun < bench.journal.segments().len());
        bench.publish_all(&all[kept..]);
        let after = open_on(Arc::new(disk), &larger).unwrap();
        assert!(after.replayed_payloads() == all, "operation {at}");
    }
    assert!(stopped_between > 0, "no segment was full and none begun");
}

fn ends(bench: &Bench) -> Vec<Lsn> {
    bench.replayed.records.iter().map(|seen| seen.end).collect()
}
