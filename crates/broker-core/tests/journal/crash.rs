//! Power is lost at every operation, and of what was not synced anything may survive.

use std::sync::Arc;
use std::time::Duration;

use broker_core::journal::{Disk, Lsn, Options, SimDisk, Survival, Trouble, Turn};

use crate::harness::{Bench, Open, TRAILER, open_indexed, open_on, payloads, place_of, small};

/// All that follows holds with indexes and without.
const WAYS: [Open; 2] = [open_on, open_indexed];

/// What a life got done before the power went.
#[derive(Debug, Default)]
pub(crate) struct Life {
    /// Payloads in the order they were appended.
    appended: Vec<Vec<u8>>,
    /// How many of them were reported durable.
    acknowledged: usize,
    /// How many the journal was told to forget.
    released: usize,
    /// The checkpoint last reported durable.
    checkpoint: Option<Lsn>,
}

/// Two small lives with all a journal does: batches of several records, new segments, a
/// checkpoint, freed and reused segments, a clean end and a restart.
fn live(open: Open, disk: &SimDisk, life: &mut Life) {
    live_on(open, &|| Arc::new(disk.clone()), life);
}

/// The same on any disk.
pub(crate) fn live_on(open: Open, disk: &dyn Fn() -> Arc<dyn Disk>, life: &mut Life) {
    let all = payloads(36, 1200);
    for half in all.chunks(18) {
        if live_once(open, disk, life, half).is_none() {
            return;
        }
    }
}

fn live_once(
    open: Open,
    disk: &dyn Fn() -> Arc<dyn Disk>,
    life: &mut Life,
    half: &[Vec<u8>],
) -> Option<()> {
    let mut bench = open(disk(), &small()).ok()?;
    let before = life.appended.len();
    let mut ends = Vec::new();
    for three in half.chunks(3) {
        for payload in three {
            ends.push(bench.settle(payload).ok()?);
            life.appended.push(payload.clone());
        }
        while bench.writer.turn().ok()? != Turn::Idle {
            let durable = bench.journal.durable();
            life.acknowledged = before + ends.iter().filter(|end| **end <= durable).count();
        }
        while bench.journal.write_ahead(Duration::ZERO).ok()? {}
        if ends.len() == 9 {
            bench.journal.checkpoint(ends[8], b"nine").ok()?;
            life.checkpoint = Some(ends[8]);
            life.released = before + 9;
            bench.journal.release_before(ends[8]);
        }
    }
    bench.journal.close();
    while bench.writer.turn().ok()? != Turn::Closed {}
    Some(())
}

/// What a journal must come back with, whatever survived.
pub(crate) fn check(open: Open, disk: &SimDisk, life: &Life, context: &str) -> Bench {
    let bench =
        open(Arc::new(disk.clone()), &small()).unwrap_or_else(|error| panic!("{context}: {error}"));
    let found = bench.replayed_payloads();
    let from = life.appended.len().min(first_of(&found, life));
    let to = from + found.len();
    assert!(
        to <= life.appended.len(),
        "{context}: more than was appended"
    );
    assert!(
        found == life.appended[from..to],
        "{context}: other records, or another order"
    );
    assert!(
        from <= life.released,
        "{context}: a record is gone that was not released"
    );
    assert!(
        to >= life.acknowledged,
        "{context}: an acknowledged record is lost"
    );
    let covered = bench
        .replayed
        .checkpoint
        .as_ref()
        .map(|(covered, _)| *covered);
    assert!(
        covered >= life.checkpoint,
        "{context}: the checkpoint is lost"
    );
    bench
}

/// Index of the oldest record found.
fn first_of(found: &[Vec<u8>], life: &Life) -> usize {
    let Some(first) = found.first() else {
        return life.acknowledged;
    };
    life.appended
        .iter()
        .position(|payload| payload == first)
        .unwrap_or(usize::MAX)
}

fn operations_of_a_life(open: Open) -> u64 {
    let disk = SimDisk::new(7);
    let mut life = Life::default();
    live(open, &disk, &mut life);
    assert_eq!(
        life.acknowledged, 36,
        "an undisturbed life gets everything done"
    );
    disk.operations()
}

/// Each operation of such a life, with indexes and without.
fn every_operation() -> impl Iterator<Item = (Open, u64)> {
    WAYS.into_iter()
        .flat_map(|open| (0..operations_of_a_life(open)).map(move |at| (open, at)))
}

#[test]
fn no_acknowledged_record_is_lost_when_power_fails_at_any_operation() {
    assert!(every_operation().count() > 220);
    for (open, at) in every_operation() {
        let disk = SimDisk::new(7);
        disk.plan(at, Trouble::PowerLoss);
        let mut life = Life::default();
        live(open, &disk, &mut life);
        let torn = (0..12).map(|seed| Survival::Some(at * 100 + seed));
        for survival in torn.chain([Survival::Everything, Survival::Nothing]) {
            let context = format!("power lost at operation {at}, {survival:?}");
            check(open, &disk.after_power_loss(survival), &life, &context);
        }
    }
}

#[test]
fn no_acknowledged_record_is_lost_when_power_fails_again_during_recovery() {
    for (open, at) in every_operation().step_by(3) {
        let disk = SimDisk::new(7);
        disk.plan(at, Trouble::PowerLoss);
        let mut life = Life::default();
        live(open, &disk, &mut life);
        for second in 0..40 {
            let disk = disk.after_power_loss(Survival::Some(at));
            disk.plan(second, Trouble::PowerLoss);
            let opened = open(Arc::new(disk.clone()), &small()).is_ok();
            let context = format!("power lost at {at} and then at {second}");
            check(
                open,
                &disk.after_power_loss(Survival::Some(second)),
                &life,
                &context,
            );
            if opened {
                break;
            }
        }
    }
}

#[test]
fn no_acknowledged_record_is_lost_when_power_fails_after_a_kill() {
    // What the killed process wrote and named is seen by the next one, synced or not.
    for (open, at) in every_operation() {
        let disk = SimDisk::new(7);
        disk.plan(at, Trouble::PowerLoss);
        let mut life = Life::default();
        live(open, &disk, &mut life);
        disk.end_trouble();
        let mut bench = open(Arc::new(disk.clone()), &small()).unwrap();
        let mut expected = bench.replayed_payloads();
        for payload in payloads(6, 3300) {
            let end = bench.settle(&payload).unwrap();
            while bench.journal.durable() < end {
                bench.writer.turn().unwrap();
            }
            expected.push(payload);
            // At once: whatever else the writer would do next may hide what is not on disk.
            let after = disk.after_power_loss(Survival::Nothing);
            let after = open(Arc::new(after), &small()).unwrap();
            let after = after.replayed_payloads();
            assert!(expected.ends_with(&after), "killed at operation {at}");
            let gone = expected.len() - after.len();
            assert!(gone <= life.released, "killed at operation {at}");
        }
    }
}

#[test]
fn whatever_a_recovery_showed_stays() {
    for (open, at) in every_operation() {
        let disk = SimDisk::new(7);
        disk.plan(at, Trouble::PowerLoss);
        let mut life = Life::default();
        live(open, &disk, &mut life);
        let disk = disk.after_power_loss(Survival::Some(at));
        let shown = check(open, &disk, &life, "first recovery").replayed_payloads();
        let after = disk.after_power_loss(Survival::Nothing);
        let after = open(Arc::new(after), &small()).unwrap();
        // But for segments that were released and are freed now.
        let kept = after.replayed_payloads();
        assert!(shown.ends_with(&kept), "power lost at operation {at}");
        assert!(
            shown.len() - kept.len() <= life.released,
            "power lost at operation {at}"
        );
    }
}

#[test]
fn whatever_a_recovery_showed_after_a_failed_sync_stays() {
    // The sync fails, the process ends, and the next one reads from the page cache what the disk
    // never got.
    let disk = SimDisk::new(1);
    let mut bench = Bench::open(&disk);
    bench.commit(100);
    bench.publish(b"in the cache only").unwrap();
    disk.plan(
        disk.operations() + 1,
        Trouble::Error(std::io::ErrorKind::Other),
    );
    bench.writer.turn().unwrap_err();
    drop(bench);
    let restarted = Bench::open(&disk);
    let shown = restarted.replayed_payloads();
    assert_eq!(shown.len(), 2, "the cache still holds it");
    let after = Bench::open(&disk.after_power_loss(Survival::Nothing));
    assert_eq!(after.replayed_payloads(), shown);
}

#[test]
fn the_end_of_a_torn_batch_may_be_there_without_its_start() {
    let (mut whole, mut cut) = (0, 0);
    for seed in 0..300 {
        let disk = SimDisk::new(1);
        let mut bench = Bench::open(&disk);
        let kept = payloads(2, 700);
        bench.publish_all(&kept);
        let torn: Vec<_> = payloads(8, 900).split_off(2);
        for payload in &torn {
            bench.publish(payload).unwrap();
        }
        disk.plan(disk.operations() + 1, Trouble::PowerLoss);
        bench.writer.turn().unwrap_err();
        let found = Bench::open(&disk.after_power_loss(Survival::Some(seed))).replayed_payloads();
        let all = [kept, torn].concat();
        assert!(
            found.len() >= 2 && found == all[..found.len()],
            "seed {seed}"
        );
        if found.len() == all.len() {
            whole += 1
        } else {
            cut += 1
        }
    }
    assert!(cut > 200, "{cut} cut, {whole} whole");
}

#[test]
fn what_a_torn_batch_left_behind_never_comes_back() {
    // The second life writes less than the torn batch of the first, in a batch too large to write
    // zeros ahead of itself. It ends exactly where a record of the first is, whole and valid.
    const RECORD: usize = 100 << 10;
    let options = Options {
        segment_bytes: 4 << 20,
        batch_bytes: 2 << 20,
        ..small()
    };
    let disk = SimDisk::new(1);
    let mut bench = open_on(Arc::new(disk.clone()), &options).unwrap();
    bench.drain();
    for payload in payloads(10, RECORD - 32) {
        bench.publish(&payload).unwrap();
    }
    disk.plan(disk.operations() + 1, Trouble::PowerLoss);
    bench.writer.turn().unwrap_err();
    let disk = disk.after_power_loss(Survival::Everything);
    // The first record of the batch is lost.
    let (name, at) = place_of(&disk, &payloads(1, RECORD - 32)[0]);
    let stale = at + 4 * (RECORD + TRAILER);
    disk.flip(&name, at * 8);

    let mut bench = open_on(Arc::new(disk.clone()), &options).unwrap();
    assert_eq!(bench.replayed.records.len(), 0);
    // Two marks of 48 bytes and this record take as much as four of the others.
    let new = vec![b'n'; 4 * (RECORD + TRAILER) - 2 * 48 - 32 - TRAILER];
    bench.publish_all(std::slice::from_ref(&new));
    let durable = bench.journal.durable().0 as usize;
    assert_eq!(
        durable,
        stale - 32,
        "the stale record is where the next would be"
    );
    let disk = disk.after_power_loss(Survival::Nothing);
    let after = open_on(Arc::new(disk), &options).unwrap();
    assert!(after.replayed_payloads() == [new]);
}

#[test]
fn the_n_th_failing_operation_stops_the_journal_and_loses_nothing() {
    for (open, at) in every_operation() {
        let disk = SimDisk::new(7);
        disk.plan(at, Trouble::Error(std::io::ErrorKind::Other));
        let mut life = Life::default();
        live(open, &disk, &mut life);
        for survival in [Survival::Everything, Survival::Some(at), Survival::Nothing] {
            let context = format!("operation {at} failed, {survival:?}");
            check(open, &disk.after_power_loss(survival), &life, &context);
        }
    }
}

#[test]
fn a_disk_error_is_final() {
    for (operation, word) in [(0, "write"), (1, "sync")] {
        let disk = SimDisk::new(1);
        let mut bench = Bench::open(&disk);
        let before = bench.commit(10);
        let lost = bench.publish(b"lost").unwrap();
        disk.plan(
            disk.operations() + operation,
            Trouble::Error(std::io::ErrorKind::Other),
        );
        let error = bench.writer.turn().unwrap_err().to_string();
        assert!(
            error.contains(&format!("cannot {word} segment-0000000")),
            "{error}"
        );
        // The disk works again, and yet nothing is tried again.
        let operations = disk.operations();
        assert_eq!(bench.writer.turn().unwrap_err().to_string(), error);
        assert_eq!(bench.publish(b"more").unwrap_err().to_string(), error);
        assert_eq!(bench.journal.stopped().unwrap().to_string(), error);
        assert_eq!(disk.operations(), operations);
        assert!(before <= bench.journal.durable() && bench.journal.durable() < lost);
    }
}
