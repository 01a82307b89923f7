//! What replication relies on, of any store: consistent reads and conditional writes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Barrier;
use std::thread;

use broker_core::journal::{Epoch, Lsn, StoreId};
use broker_core::replication::coordinator::{CasOutcome, Coordinator, Version};
use broker_core::replication::ending;
use broker_core::replication::record::{
    Incarnation, Leader, Member, NodeId, Nonce, Position, Record, Region, RegionRole, Transfer,
};

/// All of it. Each opening brings another client of one new, empty store.
pub(crate) fn holds(open: &dyn Fn() -> Box<dyn Coordinator>) {
    creates_once(open);
    compares_before_it_swaps(open);
    every_field_comes_back(open);
    of_sixteen_at_once_one_wins(open);
    no_update_is_lost(open);
    ends_and_is_founded_again(open);
}

/// A record of a pair.
pub(crate) fn record() -> Record {
    let member = |node: u16| Member {
        node: NodeId(node),
        store: StoreId([node.to_be_bytes()[1]; 16]),
    };
    let endpoints = BTreeMap::from([(NodeId(0), "a.example:7444".into())]);
    Record::founding(
        Incarnation(1),
        BTreeSet::from([member(0), member(1)]),
        1,
        endpoints,
    )
}

/// The same, as the so many-th write of this author.
pub(crate) fn by(author: u64, count: u64, record: &Record) -> Record {
    let writer_nonce = Nonce {
        incarnation: Incarnation(author),
        count,
    };
    Record {
        writer_nonce,
        ..record.clone()
    }
}

fn applied(outcome: CasOutcome) -> Version {
    match outcome {
        CasOutcome::Applied(version) => version,
        other => panic!("not applied: {other:?}"),
    }
}

fn creates_once(open: &dyn Fn() -> Box<dyn Coordinator>) {
    let (one, other) = (open(), open());
    let nothing = one.read().unwrap();
    assert_eq!((nothing.record, &nothing.version), (None, &Version::ABSENT));
    assert_eq!(
        one.cas(&Version::new("17"), &record()),
        CasOutcome::Conflict
    );

    let first = applied(one.cas(&Version::ABSENT, &by(1, 1, &record())));
    assert_eq!(
        other.cas(&Version::ABSENT, &by(2, 1, &record())),
        CasOutcome::Conflict
    );
    let seen = other.read().unwrap();
    assert_eq!(seen.version, first);
    assert_eq!(seen.record, Some(by(1, 1, &record())));
}

fn compares_before_it_swaps(open: &dyn Fn() -> Box<dyn Coordinator>) {
    let (one, other) = (open(), open());
    let old = one.read().unwrap().version;
    let new = applied(other.cas(&old, &by(2, 2, &record())));
    assert_ne!(new, old);
    // Neither the version before nor the same write again.
    assert_eq!(one.cas(&old, &by(1, 2, &record())), CasOutcome::Conflict);
    assert_eq!(other.cas(&old, &by(2, 2, &record())), CasOutcome::Conflict);
    assert_eq!(
        one.cas(&Version::ABSENT, &by(1, 2, &record())),
        CasOutcome::Conflict
    );
    let seen = one.read().unwrap();
    assert_eq!(
        (seen.version, seen.record),
        (new, Some(by(2, 2, &record())))
    );
}

/// A group that has ended leaves a record: no write that was meant for the group finds its place, be it
/// a change or a founding, and of two that would found it again one does.
fn ends_and_is_founded_again(open: &dyn Fn() -> Box<dyn Coordinator>) {
    let (one, other) = (open(), open());
    let before = one.read().unwrap().version;
    let survivor = *record().isr.first().unwrap();
    let alone = Record {
        isr: BTreeSet::from([survivor]),
        ..by(1, 20, &record())
    };
    let last = applied(one.cas(&before, &alone));
    ending::end(&*one, survivor, Incarnation(5)).unwrap();
    let seen = other.read().unwrap();
    let ended = seen.record.unwrap();
    assert_eq!(ended.ended, Some(survivor));
    assert_ne!(seen.version, last);
    for stale in [&Version::ABSENT, &before, &last] {
        let late = other.cas(stale, &by(2, 21, &alone));
        assert_eq!(late, CasOutcome::Conflict, "{stale:?}");
    }
    let again = |author| Record {
        founded: ended.epoch,
        epoch: ended.epoch,
        ..by(author, 22, &alone)
    };
    let founded = applied(one.cas(&seen.version, &again(3)));
    assert_eq!(other.cas(&seen.version, &again(4)), CasOutcome::Conflict);
    let seen = other.read().unwrap();
    assert_eq!((seen.version, seen.record), (founded, Some(again(3))));
}

fn every_field_comes_back(open: &dyn Fn() -> Box<dyn Coordinator>) {
    let store = open();
    let full = Record {
        epoch: Epoch(u32::MAX),
        leader: Some(Leader {
            node: NodeId(1),
            incarnation: Incarnation(u64::MAX),
        }),
        min_isr: 2,
        transfer: Some(Transfer {
            to: NodeId(0),
            patience_ms: 10_000,
        }),
        commit_hint: Position {
            epoch: Epoch(3),
            lsn: Lsn(1 << 50),
        },
        region: Region {
            role: RegionRole::Demoting,
            generation: 9,
        },
        founded: Epoch(2),
        ended: record().isr.first().copied(),
        unknown: BTreeMap::from([("later".into(), r#"{"a":[1,"ö"]}"#.into())]),
        ..by(u64::MAX, u64::MAX, &record())
    };
    let version = store.read().unwrap().version;
    let version = applied(store.cas(&version, &full));
    let seen = store.read().unwrap();
    assert_eq!((seen.version, seen.record), (version, Some(full)));
}

fn of_sixteen_at_once_one_wins(open: &dyn Fn() -> Box<dyn Coordinator>) {
    let clients: Vec<_> = (0..16).map(|_| open()).collect();
    for round in 0..10 {
        let before = clients[0].read().unwrap().version;
        let start = Barrier::new(clients.len());
        let outcomes: Vec<CasOutcome> = thread::scope(|scope| {
            let mut racers = Vec::new();
            for (author, client) in clients.iter().enumerate() {
                let record = by(author as u64, round, &record());
                let (start, before) = (&start, &before);
                racers.push(scope.spawn(move || {
                    start.wait();
                    client.cas(before, &record)
                }));
            }
            racers
                .into_iter()
                .map(|racer| racer.join().unwrap())
                .collect()
        });
        let won = |outcome: &&CasOutcome| matches!(outcome, CasOutcome::Applied(_));
        assert_eq!(outcomes.iter().filter(won).count(), 1, "{outcomes:?}");
        let winner = outcomes.iter().position(|outcome| won(&outcome)).unwrap();
        let seen = clients[15].read().unwrap();
        assert_eq!(
            seen.record.unwrap().writer_nonce.incarnation,
            Incarnation(winner as u64)
        );
        assert_eq!(outcomes[winner], CasOutcome::Applied(seen.version));
    }
}

fn no_update_is_lost(open: &dyn Fn() -> Box<dyn Coordinator>) {
    const WRITERS: u64 = 8;
    const EACH: u64 = 10;
    let store = open();
    let version = store.read().unwrap().version;
    applied(store.cas(&version, &by(0, 1, &record())));
    thread::scope(|scope| {
        for author in 1..=WRITERS {
            let client = open();
            scope.spawn(move || (1..=EACH).for_each(|count| raise_epoch(&*client, author, count)));
        }
    });
    let epoch = store.read().unwrap().record.unwrap().epoch;
    assert_eq!(u64::from(epoch.0), WRITERS * EACH);
}

/// Raises the epoch by one, once, whatever the store answers: as the state machine does it.
pub(crate) fn raise_epoch(client: &dyn Coordinator, author: u64, count: u64) {
    loop {
        let Ok(seen) = client.read() else { continue };
        let found = seen.record.unwrap();
        let next = Record {
            epoch: Epoch(found.epoch.0 + 1),
            ..by(author, count, &found)
        };
        if settle(client, &seen.version, &next) {
            return;
        }
    }
}

/// Whether the write was applied. Comes back only when that is certain.
fn settle(client: &dyn Coordinator, expected: &Version, next: &Record) -> bool {
    loop {
        let outcome = client.cas(expected, next);
        if let CasOutcome::Applied(_) = outcome {
            return true;
        }
        let seen = loop {
            if let Ok(seen) = client.read() {
                break seen;
            }
        };
        if seen.record.unwrap().writer_nonce == next.writer_nonce {
            return true;
        }
        if seen.version != *expected {
            return false;
        }
    }
}
