//! Two journals, one following the other, of which one or both are encrypted.

use std::sync::Arc;

use broker_core::journal::{
    Epoch, FollowError, Follower, Lsn, Options, Run, Shipment, SimDisk, Survival, Turn, open,
};

use crate::harness::{Bench, Memory, keys, open_on, payloads, small};

fn options(encrypted: bool) -> Options {
    Options {
        keys: encrypted.then(keys),
        ..small()
    }
}

fn bench(disk: &SimDisk, encrypted: bool) -> Bench {
    open_on(Arc::new(disk.clone()), &options(encrypted)).expect("the disk is sound")
}

fn follower(disk: &SimDisk, encrypted: bool) -> Follower {
    let mut memory = Memory::default();
    Follower::open(Arc::new(disk.clone()), &options(encrypted), &mut memory).unwrap()
}

/// Takes what the leader has, until it refuses.
fn catch_up(follower: &mut Follower, leader: &Bench) -> Result<(), FollowError> {
    loop {
        match leader.journal.ship(follower.end(), 3000).unwrap() {
            Shipment::Run(run) => {
                let run = Run::new(follower.end(), run.bytes().to_vec()).unwrap();
                follower.append(run)?;
                follower.sync()?;
            }
            Shipment::Nothing => return Ok(()),
            Shipment::Freed(first) => panic!("freed up to {}", first.0),
        }
    }
}

/// A leader that was not encrypted for a while, and is.
fn leader(disk: &SimDisk) -> (Bench, Vec<Vec<u8>>) {
    let all = payloads(60, 900);
    let mut plain = bench(disk, false);
    plain.publish_all(&all[..30]);
    plain.close();
    let mut leader = bench(disk, true);
    leader.publish_all(&all[30..]);
    (leader, all)
}

fn holds(disk: &SimDisk, text: &[u8]) -> bool {
    let contents = disk.contents();
    let mut files = contents.values();
    files.any(|bytes| bytes.windows(text.len()).any(|it| it == text))
}

#[test]
fn a_follower_keeps_each_segment_as_the_leader_does_with_a_key_of_its_own() {
    let (one, other) = (SimDisk::new(1), SimDisk::new(2));
    let (leader, all) = leader(&one);
    let mut following = follower(&other, true);
    catch_up(&mut following, &leader).unwrap();
    assert!(holds(&other, b"message 29 ") && !holds(&other, b"message 30 "));
    let header = |disk: &SimDisk, at: u64| {
        let contents = disk.contents();
        let mut found = contents.values().filter(|it| it.len() > 512);
        found
            .find(|it| it[56..64] == at.to_le_bytes())
            .cloned()
            .unwrap()
    };
    for span in leader.journal.segments() {
        let (ours, theirs) = (header(&one, span.start.0), header(&other, span.start.0));
        assert_eq!(ours[8], theirs[8], "format");
        assert!(
            ours[8] == 1 || ours[80..156] != theirs[80..156],
            "its own key"
        );
    }
    drop(following);
    assert_eq!(bench(&other, true).replayed_payloads(), all);
}

#[test]
fn a_follower_goes_on_after_a_restart_and_is_promoted_in_the_middle_of_a_segment() {
    let (one, other) = (SimDisk::new(1), SimDisk::new(2));
    let mut leader = bench(&one, true);
    let all = payloads(80, 500);
    for some in all.chunks(7) {
        leader.publish_all(some);
        catch_up(&mut follower(&other, true), &leader).unwrap();
    }
    let following = follower(&other, true);
    let epoch = Epoch(following.epoch().0 + 1);
    let (journal, writer) = following.promote(epoch).unwrap();
    let mut promoted = Bench {
        journal,
        writer,
        replayed: Memory::default(),
    };
    promoted.publish_all(&payloads(3, 100));
    promoted.close();
    let replayed = bench(&other, true).replayed_payloads();
    assert_eq!(replayed, [all, payloads(3, 100)].concat());
    assert!(!holds(&other, b"message "));
}

#[test]
fn a_follower_without_keys_takes_nothing_that_is_encrypted() {
    let (one, other) = (SimDisk::new(1), SimDisk::new(2));
    let (leader, all) = leader(&one);
    let mut following = follower(&other, false);
    let refused = catch_up(&mut following, &leader).unwrap_err();
    assert!(
        matches!(refused, FollowError::Encryption { found: true }),
        "{refused}"
    );
    assert!(refused.to_string().contains("on both nodes"), "{refused}");
    drop(following);
    let copy = other.after_power_loss(Survival::Everything);
    assert_eq!(bench(&copy, false).replayed_payloads(), all[..30]);
    assert!(!holds(&other, b"message 30 "));
    // With keys it goes on where it was.
    let mut following = follower(&other, true);
    catch_up(&mut following, &leader).unwrap();
    drop(following);
    assert_eq!(bench(&other, true).replayed_payloads(), all);
}

#[test]
fn a_follower_with_keys_of_a_leader_without_encrypts_once_it_leads() {
    let (one, other) = (SimDisk::new(1), SimDisk::new(2));
    let mut leader = bench(&one, false);
    leader.publish_all(&payloads(10, 500));
    let mut following = follower(&other, true);
    catch_up(&mut following, &leader).unwrap();
    let epoch = Epoch(following.epoch().0 + 1);
    let (journal, writer) = following.promote(epoch).unwrap();
    assert!(journal.plain_below() > Lsn(0) && journal.encrypts());
    let mut promoted = Bench {
        journal,
        writer,
        replayed: Memory::default(),
    };
    promoted.publish(b"from now on").unwrap();
    promoted.drain();
    assert!(!holds(&other, b"from now on"));
    // And the other follows it.
    drop(leader);
    let mut back = follower(&one, true);
    catch_up(&mut back, &promoted).unwrap();
    drop(back);
    let replayed = bench(&one, true).replayed_payloads();
    assert_eq!(
        replayed,
        [payloads(10, 500), vec![b"from now on".to_vec()]].concat()
    );
}

#[test]
fn what_disks_have_is_compared_as_it_was_written_and_not_as_it_lies_there() {
    let (one, other) = (SimDisk::new(1), SimDisk::new(2));
    let mut leader = bench(&one, true);
    leader.publish_all(&payloads(12, 400));
    let mut following = follower(&other, true);
    catch_up(&mut following, &leader).unwrap();
    let from = leader.journal.first();
    let Shipment::Run(run) = leader.journal.ship(from, 4000).unwrap() else {
        panic!("there are records")
    };
    let stretch = following.stretch(from, run.end()).unwrap();
    assert_eq!(stretch, broker_core::journal::Stretch::Run(run));
}

#[test]
fn a_journal_installed_from_another_keeps_segments_as_the_other_does() {
    let (one, other) = (SimDisk::new(1), SimDisk::new(2));
    let (mut leader, all) = leader(&one);
    let second = leader.journal.segments()[1].start;
    assert!(
        second < leader.journal.plain_below(),
        "the first that is kept is not encrypted"
    );
    let covered = leader.journal.durable();
    leader.journal.checkpoint(covered, b"leader's").unwrap();
    leader.journal.release_before(second);
    leader.drain();
    let given = (second, &b"checkpoint text"[..]);
    let store = broker_core::journal::StoreId([9; 16]);
    let mut memory = Memory::default();
    let disk = Arc::new(other.clone());
    let mut following =
        Follower::install(disk, &options(true), store, given, second, &mut memory).unwrap();
    catch_up(&mut following, &leader).unwrap();
    drop(following);
    assert!(!holds(&other, b"checkpoint text"));
    let mut memory = Memory::default();
    let (_, mut writer) = open(Arc::new(other.clone()), &options(true), &mut memory).unwrap();
    while writer.turn().unwrap() != Turn::Idle {}
    assert!(holds(&other, b"message 29 ") && !holds(&other, b"message 30 "));
    let found: Vec<_> = memory.records.into_iter().map(|it| it.payload).collect();
    assert!(all.ends_with(&found) && found.len() > 30);
    assert_eq!(memory.checkpoint.unwrap().1, b"checkpoint text");
}
