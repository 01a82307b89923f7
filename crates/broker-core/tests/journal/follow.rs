//! A journal that follows another: what it takes, what it refuses, and what a crash leaves of it.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use broker_core::journal::{
    Admission, Epoch, FollowError, Follower, Haste, Lsn, OpenError, Options, Record, Run, Shipment,
    SimDisk, Survival, Trouble, ZerosAhead,
};

use crate::harness::{Bench, Memory, PUBLISH, open_on, payloads, small};

/// Asked for at a time: some records, or part of one.
const PORTION_BYTES: usize = 3000;

fn follow(disk: &SimDisk) -> Result<(Follower, Memory), OpenError> {
    let mut memory = Memory {
        indexes: true,
        ..Memory::default()
    };
    let follower = Follower::open(Arc::new(disk.clone()), &small(), &mut memory)?;
    Ok((follower, memory))
}

/// All records there are from `from` on, in portions.
fn ship(leader: &Bench, mut from: Lsn, portion_bytes: usize) -> Vec<Run> {
    let mut runs = Vec::new();
    loop {
        match leader.journal.ship(from, portion_bytes).unwrap() {
            Shipment::Run(run) => {
                // What a link does with it.
                let run = Run::new(from, run.bytes().to_vec()).unwrap();
                from = run.end();
                runs.push(run);
            }
            Shipment::Nothing => return runs,
            Shipment::Freed(first) => panic!("lsn {} was freed up to {}", from.0, first.0),
        }
    }
}

/// Takes all that the leader has.
fn catch_up(follower: &mut Follower, leader: &Bench) {
    catch_up_until(follower, leader, 1, &mut Lsn(0)).unwrap();
}

/// The same with one sync for so many runs, and upkeep if that is one; answers in `durable` how far
/// it got when the disk fails.
fn catch_up_until(
    follower: &mut Follower,
    leader: &Bench,
    runs_per_sync: usize,
    durable: &mut Lsn,
) -> Option<()> {
    let runs = ship(leader, follower.end(), PORTION_BYTES);
    for some in runs.chunks(runs_per_sync) {
        for run in some {
            follower.append(run.clone()).ok()?;
        }
        *durable = follower.sync().ok()?;
        if runs_per_sync == 1 {
            follower.upkeep().ok()?;
        }
    }
    Some(())
}

/// A leader with records over several segments, some of which count together.
fn leader(disk: &SimDisk) -> Bench {
    let mut leader = Bench::open(disk);
    for (number, payload) in payloads(40, 1200).iter().enumerate() {
        leader.publish(payload).unwrap();
        if number % 5 == 0 {
            let parts = [[&payload[..900]], [&payload[..30]], [&payload[..400]]];
            let records = parts.each_ref().map(|parts| Record {
                kind: PUBLISH,
                admission: Admission::Ordinary,
                parts,
                body: None,
            });
            leader
                .journal
                .append_together(&records, Haste::Now)
                .unwrap();
        }
        if number % 3 == 0 {
            leader.drain();
        }
    }
    leader.drain();
    leader
}

/// What is in the journal on that disk.
fn contents(disk: &SimDisk) -> Memory {
    let copy = disk.after_power_loss(Survival::Everything);
    open_on(Arc::new(copy), &small()).unwrap().replayed
}

#[test]
fn a_follower_has_all_that_the_leader_has_and_goes_on_when_promoted() {
    let (one, other) = (SimDisk::new(1), SimDisk::new(2));
    let leader = leader(&one);
    let (mut follower, replayed) = follow(&other).unwrap();
    assert!(replayed.records.is_empty());
    assert_eq!(follower.epoch(), Epoch(0));
    catch_up(&mut follower, &leader);
    assert_eq!(follower.end(), leader.journal.durable());
    assert_eq!(follower.epoch(), leader.journal.epoch());
    assert_ne!(follower.store(), leader.journal.store());
    let expected = contents(&one);
    assert_eq!(contents(&other).records, expected.records);

    let last = follower.epoch();
    let (journal, writer) = follower.promote(Epoch(last.0 + 3)).unwrap();
    let mut promoted = Bench {
        journal,
        writer,
        replayed: Memory::default(),
    };
    promoted.publish_all(&payloads(20, 2000));
    let after = contents(&other);
    assert_eq!(
        after.records[..expected.records.len()],
        expected.records[..]
    );
    assert_eq!(after.records.len(), expected.records.len() + 20);
    assert_eq!(after.epochs.last(), Some(&(last.0 + 3)));
    // The one that led before follows, with all it had.
    drop(leader);
    let (mut follower, _) = follow(&one).unwrap();
    catch_up(&mut follower, &promoted);
    assert_eq!(contents(&one).records, after.records);
}

/// A follower whose next segment is filled with zeros beside it.
fn follow_filled(disk: &SimDisk) -> (Follower, ZerosAhead) {
    let zeros = ZerosAhead::default();
    let options = Options {
        zeros_ahead: Some(zeros.clone()),
        ..small()
    };
    let mut memory = Memory {
        indexes: true,
        ..Memory::default()
    };
    let follower = Follower::open(Arc::new(disk.clone()), &options, &mut memory).unwrap();
    (follower, zeros)
}

#[test]
fn a_next_segment_filled_with_zeros_changes_nothing() {
    let (one, other) = (SimDisk::new(1), SimDisk::new(2));
    let leader = leader(&one);
    let (mut follower, zeros) = follow_filled(&other);
    let mut filled = 0;
    for run in ship(&leader, follower.end(), PORTION_BYTES) {
        follower.append(run).unwrap();
        follower.sync().unwrap();
        // Sometimes it gets there before the segment is begun, and sometimes not.
        for _ in 0..filled % 3 {
            zeros.write(Duration::ZERO).unwrap();
        }
        filled += 1;
    }
    assert!(filled > 3);
    assert_eq!(contents(&other).records, contents(&one).records);
    // Whoever takes over begins where nothing is filled any more.
    let before = other.operations();
    let (journal, writer) = follower.promote(Epoch(9)).unwrap();
    drop((journal, writer));
    let promoted = other.operations();
    assert!(promoted >= before);
    assert!(!zeros.write(Duration::ZERO).unwrap());
    assert_eq!(other.operations(), promoted);
}

#[test]
fn a_disk_that_fails_under_the_zeros_fails_the_next_sync() {
    let (one, other) = (SimDisk::new(1), SimDisk::new(2));
    let leader = leader(&one);
    let (mut follower, zeros) = follow_filled(&other);
    let mut runs = ship(&leader, follower.end(), PORTION_BYTES).into_iter();
    let written = loop {
        follower
            .append(runs.next().expect("a segment's worth"))
            .unwrap();
        follower.sync().unwrap();
        let at = other.operations();
        other.plan(at + 1, Trouble::Error(ErrorKind::Other));
        match zeros.write(Duration::ZERO) {
            Ok(false) => other.plan(u64::MAX, Trouble::PowerLoss),
            written => break written,
        }
    };
    let fault = written.unwrap_err().to_string();
    assert_eq!(follower.sync().unwrap_err().to_string(), fault);
}

#[test]
fn portions_may_be_of_any_size() {
    let (one, other) = (SimDisk::new(1), SimDisk::new(2));
    let leader = leader(&one);
    let (follower, _) = follow(&other).unwrap();
    let whole = |portion: usize| {
        let runs = ship(&leader, follower.end(), portion);
        runs.iter().map(|run| run.records().count()).sum::<usize>()
    };
    let expected = contents(&one).records.len();
    for portion in [0, 1, 33, 1300, 5000, 1 << 20] {
        assert_eq!(whole(portion), expected, "portions of {portion} bytes");
    }
}

#[test]
fn what_was_synced_survives_a_power_loss_at_any_operation() {
    let one = SimDisk::new(1);
    let leader = leader(&one);
    let expected = contents(&one).records;
    for runs_per_sync in [1, 4, 100] {
        let take_all = |disk: &SimDisk, durable: &mut Lsn| {
            let (mut follower, _) = follow(disk).ok()?;
            catch_up_until(&mut follower, &leader, runs_per_sync, durable)
        };
        let whole = SimDisk::new(2);
        take_all(&whole, &mut Lsn(0)).unwrap();
        assert!(whole.operations() > 30);
        for at in 0..whole.operations() {
            let disk = SimDisk::new(2);
            disk.plan(at, Trouble::PowerLoss);
            let mut durable = Lsn(0);
            assert!(take_all(&disk, &mut durable).is_none());
            for survival in (0..6).map(|seed| Survival::Some(at * 10 + seed)) {
                let context = format!("{runs_per_sync} per sync, operation {at}, {survival:?}");
                let disk = disk.after_power_loss(survival);
                let (mut follower, found) =
                    follow(&disk).unwrap_or_else(|error| panic!("{context}: {error}"));
                assert!(follower.end() >= durable, "{context}: something is lost");
                let prefix = &expected[..found.records.len()];
                assert_eq!(found.records[..], *prefix, "{context}");
                catch_up(&mut follower, &leader);
                assert_eq!(contents(&disk).records, expected, "{context}");
            }
        }
    }
}

/// Two journals that agree up to some record, behind which one has records that the other, which was
/// elected, never had. Answers the disk of the former, where they part, and the other.
fn parted(tail: usize) -> (SimDisk, Lsn, SimDisk, Bench) {
    let (old, new) = (SimDisk::new(1), SimDisk::new(2));
    let mut leader = leader(&old);
    let (mut follower, _) = follow(&new).unwrap();
    catch_up(&mut follower, &leader);
    let parts = follower.end();
    leader.publish_all(&payloads(tail, 1500));
    let epoch = Epoch(follower.epoch().0 + 1);
    let (journal, writer) = follower.promote(epoch).unwrap();
    let mut elected = Bench {
        journal,
        writer,
        replayed: Memory::default(),
    };
    elected.publish_all(&payloads(9, 700));
    (old, parts, new, elected)
}

#[test]
fn what_the_elected_leader_never_had_is_cut_off() {
    for tail in [1, 3, 40] {
        let (old, parts, new, elected) = parted(tail);
        let (follower, before) = follow(&old).unwrap();
        let run = ship(&elected, parts, PORTION_BYTES).remove(0);
        follower.truncate(parts).unwrap();
        let (mut follower, after) = follow(&old).unwrap();
        assert_eq!(follower.end(), parts);
        assert_eq!(before.records.len() - after.records.len(), tail);
        follower.append(run).unwrap();
        follower.sync().unwrap();
        catch_up(&mut follower, &elected);
        assert_eq!(contents(&old).records, contents(&new).records);
    }
}

#[test]
fn a_cut_is_made_whole_after_a_power_loss_at_any_operation() {
    for tail in [2, 40] {
        let (old, parts, new, elected) = parted(tail);
        let before = contents(&old).records;
        let kept = before.len() - tail;
        let expected = contents(&new).records;
        for at in 0.. {
            let disk = old.after_power_loss(Survival::Everything);
            let (follower, _) = follow(&disk).unwrap();
            disk.plan(disk.operations() + at, Trouble::PowerLoss);
            let done = follower.truncate(parts).is_ok();
            for seed in 0..4 {
                let survival = Survival::Some(at * 7 + seed);
                let context = format!("tail of {tail}, power lost at {at}, {survival:?}");
                let disk = disk.after_power_loss(survival);
                let (mut follower, found) =
                    follow(&disk).unwrap_or_else(|error| panic!("{context}: {error}"));
                assert!(
                    found.records[..] == before[..kept] || !done && found.records == before,
                    "{context}: neither before nor after"
                );
                if follower.end() > parts {
                    follower.truncate(parts).unwrap();
                    follower = follow(&disk).unwrap().0;
                }
                // Less than was cut off, then the power goes: no record of old says that it is damage.
                let run = ship(&elected, parts, 1).remove(0);
                follower.append(run).unwrap();
                let torn = disk.after_power_loss(Survival::Some(seed));
                let (mut follower, _) =
                    follow(&torn).unwrap_or_else(|error| panic!("{context}: {error}"));
                catch_up(&mut follower, &elected);
                assert_eq!(contents(&torn).records, expected, "{context}");
            }
            if done {
                assert!(at > 5, "the power is lost on the way");
                break;
            }
        }
    }
}

#[test]
fn segments_go_when_the_leader_let_them_go_and_a_checkpoint_stands_for_them() {
    let (one, other) = (SimDisk::new(1), SimDisk::new(2));
    let mut leader = leader(&one);
    let (mut follower, _) = follow(&other).unwrap();
    catch_up(&mut follower, &leader);
    let files = |disk: &SimDisk| {
        let contents = disk.contents();
        let is_segment = |name: &&String| name.starts_with("segment");
        contents.keys().filter(is_segment).count()
    };
    let (before, covered) = (files(&other), leader.journal.durable());
    leader.journal.checkpoint(covered, b"leader's").unwrap();
    leader.journal.release_before(covered);
    leader.publish_all(&payloads(2, 100));
    let first = leader.journal.first();
    assert!(first > Lsn(4096), "the leader has freed segments");
    let runs = ship(&leader, follower.end(), 1000);
    catch_up(&mut follower, &leader);
    assert!(files(&other) >= before, "no checkpoint of its own yet");
    let ahead = follower.checkpoint(Lsn(follower.durable().0 + 8), b"");
    assert!(ahead.is_err());
    follower.checkpoint(covered, b"follower's").unwrap();
    follower.upkeep().unwrap();
    let (_, replayed) = follow(&other).unwrap();
    let first_kept = replayed.records.first().unwrap().end;
    assert!(first_kept < first, "what says so may be cut off yet");
    runs.iter().for_each(|run| follower.release(run));
    follower.upkeep().unwrap();
    let (_, replayed) = follow(&other).unwrap();
    assert_eq!(replayed.checkpoint, Some((covered, b"follower's".to_vec())));
    let start = leader.journal.ship(Lsn(4096), 100).unwrap();
    assert_eq!(start, Shipment::Freed(first));
    let first_kept = replayed.records.first().unwrap().end;
    assert!(first_kept > first, "the follower has freed as much");
    let cut = follower.truncate(Lsn(covered.0 - 8)).unwrap_err();
    assert!(cut.to_string().contains("checkpoint"));
    // Without the mark that says so, what was freed would be missing.
    let settled = follow(&other).unwrap().0.settled();
    assert!(settled > covered, "the mark came later");
    let cut = follow(&other).unwrap().0.truncate(covered).unwrap_err();
    assert!(cut.to_string().contains("mark"), "{cut}");
    follow(&other).unwrap().0.truncate(settled).unwrap();
    assert_eq!(follow(&other).unwrap().0.end(), settled);
}

/// The old leader's marks say what may be freed once a checkpoint stands for it: the own one, which is
/// older.
#[test]
fn a_promoted_follower_frees_only_what_its_own_checkpoint_stands_for() {
    let (one, other) = (SimDisk::new(1), SimDisk::new(2));
    let mut leader = leader(&one);
    let (mut follower, _) = follow(&other).unwrap();
    catch_up(&mut follower, &leader);
    let covered = leader.journal.durable();
    leader.journal.checkpoint(covered, b"leader's").unwrap();
    leader.journal.release_before(covered);
    leader.publish_all(&payloads(2, 100));
    assert!(
        leader.journal.first() > Lsn(4096),
        "the leader has freed segments"
    );
    catch_up(&mut follower, &leader);
    let epoch = Epoch(follower.epoch().0 + 1);
    let (journal, writer) = follower.promote(epoch).unwrap();
    let mut promoted = Bench {
        journal,
        writer,
        replayed: Memory::default(),
    };
    promoted.publish_all(&payloads(9, 700));
    promoted.writer.wait(Duration::ZERO);
    promoted.drain();
    let records = contents(&one).records.len();
    assert!(
        contents(&other).records.len() > records,
        "all of them, and more"
    );
    let own = promoted.journal.durable();
    promoted.journal.checkpoint(own, b"its own").unwrap();
    promoted.journal.release_before(own);
    promoted.publish_all(&payloads(3, 700));
    assert!(promoted.journal.first() > covered);
    assert_eq!(
        contents(&other).checkpoint,
        Some((own, b"its own".to_vec()))
    );
}

#[test]
fn what_does_not_follow_is_refused_and_changes_nothing() {
    let (one, other) = (SimDisk::new(1), SimDisk::new(2));
    let leader = leader(&one);
    let (mut follower, _) = follow(&other).unwrap();
    let runs = ship(&leader, follower.end(), PORTION_BYTES);
    let gap = follower.append(runs[1].clone()).unwrap_err();
    assert!(matches!(gap, FollowError::Gap { .. }), "{gap}");
    follower.append(runs[0].clone()).unwrap();
    let again = follower.append(runs[0].clone()).unwrap_err();
    assert!(matches!(again, FollowError::Gap { .. }), "{again}");
    let epoch = follower.epoch();
    drop(follower.promote(Epoch(epoch.0 + 1)).unwrap());
    let (mut follower, _) = follow(&other).unwrap();
    let end = follower.end();
    let stale = Run::new(end, moved(&runs[1], end)).unwrap();
    let stale = follower.append(stale).unwrap_err();
    assert!(matches!(stale, FollowError::Stale { .. }), "{stale}");
    assert_eq!(follower.end(), end);
}

/// The bytes of a run as if it stood elsewhere.
fn moved(run: &Run, to: Lsn) -> Vec<u8> {
    let mut bytes = run.bytes().to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let lsn = to.0 + at as u64;
        bytes[at + 8..at + 16].copy_from_slice(&lsn.to_le_bytes());
        at += framed_len(&bytes[at..]);
    }
    bytes
}

/// Of the record at the beginning of these bytes.
fn framed_len(bytes: &[u8]) -> usize {
    let payload = u32::from_le_bytes(bytes[..4].try_into().unwrap()) as usize;
    (32 + payload).next_multiple_of(8)
}

#[test]
fn a_follower_with_smaller_segments_says_so() {
    let (one, other) = (SimDisk::new(1), SimDisk::new(2));
    let large = Options {
        segment_bytes: 60 << 10,
        ..small()
    };
    let mut leader = open_on(Arc::new(one.clone()), &large).unwrap();
    leader.publish_all(&payloads(30, 1500));
    let (mut follower, _) = follow(&other).unwrap();
    let refused = ship(&leader, follower.end(), PORTION_BYTES)
        .into_iter()
        .find_map(|run| follower.append(run).err());
    let refused = refused.unwrap().to_string();
    assert!(refused.contains("set the same segment size"), "{refused}");
}

#[test]
fn a_disk_without_room_is_told_and_gone_on_with() {
    let (one, other) = (SimDisk::new(1), SimDisk::new(2));
    let leader = leader(&one);
    let (mut follower, _) = follow(&other).unwrap();
    other.set_capacity_bytes(50 << 10);
    let runs = ship(&leader, follower.end(), PORTION_BYTES);
    let full = runs.into_iter().find_map(|run| follower.append(run).err());
    assert!(matches!(full, Some(FollowError::Full)), "{full:?}");
    other.set_capacity_bytes(u64::MAX);
    catch_up(&mut follower, &leader);
    assert_eq!(contents(&other).records, contents(&one).records);
}

#[test]
fn every_flipped_bit_of_a_run_is_seen_or_changes_only_what_is_completed() {
    let one = SimDisk::new(1);
    let mut leader = Bench::open(&one);
    leader.publish_all(&payloads(2, 60));
    let start = Lsn(4096);
    let run = ship(&leader, start, 1 << 20).remove(0);
    let mut heads = vec![0];
    while let Some(at) = heads.last().copied().filter(|at| *at < run.bytes().len()) {
        heads.push(at + framed_len(&run.bytes()[at..]));
    }
    for bit in 0..run.bytes().len() * 8 {
        let mut bytes = run.bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let head = heads.iter().rev().find(|head| **head <= bit / 8).unwrap();
        let field = bit / 8 - head;
        // Kind, flags that join, epoch, and what is completed in the segment: the link's own checksum
        // guards them.
        let unguarded = matches!(field, 4..8 | 16..24 | 28..32);
        assert!(unguarded || Run::new(start, bytes).is_err(), "bit {bit}");
    }
}

#[test]
fn damage_is_not_shipped() {
    let one = SimDisk::new(1);
    let mut leader = Bench::open(&one);
    leader.publish_all(&payloads(3, 200));
    let contents = one.contents();
    let (name, _) = contents
        .iter()
        .find(|(name, _)| name.starts_with("segment"))
        .unwrap();
    one.flip(name, (4096 + 150) * 8);
    let stopped = leader.journal.ship(Lsn(4096), 1 << 20).unwrap_err();
    assert!(stopped.to_string().contains("damaged"), "{stopped}");
    assert!(leader.publish(b"more").is_err());
}
