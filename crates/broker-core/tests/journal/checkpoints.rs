//! Checkpoints: two files, of which one may be lost.

use broker_core::journal::{CheckpointError, Damage, Lsn, OpenError, SimDisk, Survival, Trouble};

use crate::harness::{Bench, payloads, refusal};

#[test]
fn the_newest_checkpoint_is_replayed() {
    let disk = SimDisk::new(1);
    let mut bench = Bench::open(&disk);
    let first = bench.commit(10);
    bench.journal.checkpoint(first, b"one").unwrap();
    let second = bench.commit(10);
    bench.journal.checkpoint(second, b"two").unwrap();
    assert_eq!(bench.journal.checkpointed(), second);
    let after = Bench::open(&disk.after_power_loss(Survival::Nothing));
    assert_eq!(after.replayed.checkpoint, Some((second, b"two".to_vec())));
    assert_eq!(after.journal.checkpointed(), second);
    assert_eq!(
        after.replayed.records.len(),
        2,
        "records are replayed all the same"
    );
}

#[test]
fn an_older_checkpoint_never_replaces_a_newer_one() {
    let disk = SimDisk::new(1);
    let mut bench = Bench::open(&disk);
    let first = bench.commit(10);
    let second = bench.commit(10);
    bench.journal.checkpoint(second, b"two").unwrap();
    bench.journal.checkpoint(first, b"one").unwrap();
    assert_eq!(
        Bench::open(&disk).replayed.checkpoint,
        Some((second, b"two".to_vec()))
    );
}

#[test]
fn a_checkpoint_must_not_be_ahead_of_the_records() {
    let bench = Bench::open(&SimDisk::new(1));
    let end = bench.publish(b"not durable").unwrap();
    assert!(matches!(
        bench.journal.checkpoint(end, b"ahead"),
        Err(CheckpointError::Ahead { covered, .. }) if covered == end
    ));
}

#[test]
fn damage_to_either_checkpoint_file_is_survived_and_to_both_refused() {
    let disk = SimDisk::new(1);
    let mut bench = Bench::open(&disk);
    bench.publish_all(&payloads(40, 1000));
    let durable = bench.journal.durable();
    bench.journal.checkpoint(durable, b"summary").unwrap();
    bench.journal.release_before(durable);
    bench.drain();
    assert!(bench.journal.first() > Lsn(4096));
    bench.close();
    for name in ["checkpoint-a", "checkpoint-b"] {
        for bit in 0..(64 + 7) * 8 {
            disk.flip(name, bit);
            let copy = disk.after_power_loss(Survival::Everything);
            let after = Bench::open(&copy);
            assert_eq!(
                after.replayed.checkpoint,
                Some((durable, b"summary".to_vec()))
            );
            assert_eq!(
                after.journal.checkpointed(),
                Lsn(0),
                "one file is not enough to free by"
            );
            disk.flip(name, bit);
        }
    }
    disk.flip("checkpoint-a", 500);
    disk.flip("checkpoint-b", 500);
    let OpenError::Corrupt(corrupt) = refusal(&disk) else {
        panic!("not corrupt")
    };
    assert!(corrupt.file.starts_with("checkpoint-"));
}

#[test]
fn half_a_checkpoint_frees_nothing() {
    let disk = SimDisk::new(1);
    let mut bench = Bench::open(&disk);
    let first = bench.commit(10);
    bench.journal.checkpoint(first, b"first").unwrap();
    bench.publish_all(&payloads(40, 1000));
    let durable = bench.journal.durable();
    // One file is replaced; for the other there is no room.
    disk.plan(
        disk.operations() + 5,
        Trouble::Error(std::io::ErrorKind::StorageFull),
    );
    let error = bench.journal.checkpoint(durable, b"second").unwrap_err();
    assert!(matches!(error, CheckpointError::Full(_)), "{error}");
    assert_eq!(bench.journal.checkpointed(), first);
    bench.journal.release_before(durable);
    bench.drain();
    bench.close();
    let newest = |disk: &SimDisk| Bench::open(disk).replayed.checkpoint.unwrap().1;
    assert_eq!(newest(&disk), b"second");
    let mut bench = Bench::open(&disk);
    bench.journal.release_before(durable);
    bench.drain();
    bench.close();
    // Should the new file be lost, the old one and the segments it needs are still there.
    let (name, _) = disk
        .contents()
        .into_iter()
        .filter(|(name, _)| name.starts_with("checkpoint-"))
        .max_by_key(|(_, bytes)| bytes[32])
        .unwrap();
    disk.flip(&name, 100);
    assert_eq!(newest(&disk), b"first");
}

#[test]
fn a_checkpoint_excuses_no_segment_that_was_not_released() {
    let disk = SimDisk::new(1);
    let mut bench = Bench::open(&disk);
    bench.publish_all(&payloads(40, 1000));
    bench
        .journal
        .checkpoint(bench.journal.durable(), b"definitions")
        .unwrap();
    bench.close();
    disk.lose("segment-00000001");
    let OpenError::Corrupt(corrupt) = refusal(&disk) else {
        panic!("not corrupt")
    };
    assert_eq!(corrupt.file, "segment-00000002");
    assert!(
        corrupt
            .to_string()
            .contains("the segments from lsn 4096 on"),
        "{corrupt}"
    );
}

#[test]
fn a_missing_checkpoint_is_refused_when_segments_were_freed() {
    let disk = SimDisk::new(1);
    let mut bench = Bench::open(&disk);
    bench.publish_all(&payloads(40, 1000));
    let durable = bench.journal.durable();
    bench.journal.checkpoint(durable, b"summary").unwrap();
    bench.journal.release_before(durable);
    bench.drain();
    bench.close();
    disk.lose("checkpoint-a");
    disk.lose("checkpoint-b");
    let OpenError::Corrupt(corrupt) = refusal(&disk) else {
        panic!("not corrupt")
    };
    assert!(matches!(corrupt.damage, Damage::Missing(_)), "{corrupt}");
}

#[test]
fn a_checkpoint_without_its_segments_is_refused() {
    let disk = SimDisk::new(1);
    let mut bench = Bench::open(&disk);
    let end = bench.commit(10);
    bench.journal.checkpoint(end, b"summary").unwrap();
    bench.close();
    for name in disk
        .contents()
        .into_keys()
        .filter(|name| name.starts_with("segment"))
    {
        disk.lose(&name);
    }
    let text = refusal(&disk).to_string();
    assert!(text.contains("all segments are missing"), "{text}");
}

#[test]
fn a_checkpoint_beyond_the_records_is_refused() {
    // The segments are from before, the checkpoint from later: a half restored backup.
    let disk = SimDisk::new(1);
    let mut bench = Bench::open(&disk);
    bench.commit(10);
    let earlier = disk.after_power_loss(Survival::Everything);
    let end = bench.commit(2000);
    bench.journal.checkpoint(end, b"later").unwrap();
    for name in ["checkpoint-a", "checkpoint-b"] {
        earlier.install(name, &disk.contents()[name]);
    }
    let text = refusal(&earlier).to_string();
    assert!(text.contains("where records end"), "{text}");
}

#[test]
fn a_failed_checkpoint_stops_the_journal() {
    let disk = SimDisk::new(1);
    let mut bench = Bench::open(&disk);
    let end = bench.commit(10);
    disk.plan(
        disk.operations() + 2,
        Trouble::Error(std::io::ErrorKind::Other),
    );
    let error = bench.journal.checkpoint(end, b"summary").unwrap_err();
    assert!(matches!(error, CheckpointError::Stopped(_)), "{error}");
    bench.publish(b"more").unwrap_err();
    bench.writer.turn().unwrap_err();
}

#[test]
fn no_room_for_a_checkpoint_stops_nothing() {
    let disk = SimDisk::new(1);
    let mut bench = Bench::open(&disk);
    let end = bench.commit(10);
    bench.journal.checkpoint(end, b"first").unwrap();
    disk.set_capacity_bytes(0);
    let later = bench.commit(10);
    let error = bench.journal.checkpoint(later, b"second").unwrap_err();
    assert!(matches!(error, CheckpointError::Full(_)), "{error}");
    bench.commit(10);
    assert_eq!(bench.journal.checkpointed(), end);
    assert_eq!(
        Bench::open(&disk).replayed.checkpoint,
        Some((end, b"first".to_vec()))
    );
}
