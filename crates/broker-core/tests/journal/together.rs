//! Records that count together: all of them come back, or none.

use std::sync::Arc;

use broker_core::journal::{
    Admission, AppendError, Haste, Lsn, Record, SimDisk, Survival, Trouble, Turn,
};

use crate::harness::{Bench, Open, PUBLISH, open_indexed, open_on, small};

/// Appends so many records of that size that count together, and answers the end of the last.
fn append(bench: &Bench, group: usize, count: usize, size: usize) -> Result<Lsn, AppendError> {
    let payload = |part: usize| {
        let mut payload = format!("{group} {part}/{count} ").into_bytes();
        payload.resize(size.max(payload.len()), b'x');
        payload
    };
    let payloads: Vec<_> = (0..count).map(payload).collect();
    let parts: Vec<_> = payloads.iter().map(|payload| [&payload[..]]).collect();
    let record = |parts| Record {
        kind: PUBLISH,
        admission: Admission::Ordinary,
        parts,
        body: None,
    };
    let records: Vec<_> = parts.iter().map(|parts| record(parts)).collect();
    let ends = bench.journal.append_together(&records, Haste::Now)?;
    assert!(ends.len() == count && ends.is_sorted());
    Ok(ends[count - 1])
}

/// How many of each group came back: group, and of how many.
fn groups(bench: &Bench) -> Vec<(usize, usize, usize)> {
    let mut groups: Vec<(usize, usize, usize)> = Vec::new();
    for payload in bench.replayed_payloads() {
        let text = String::from_utf8(payload).unwrap();
        let (group, rest) = text.split_once(' ').unwrap();
        let (part, rest) = rest.split_once('/').unwrap();
        let number = |text: &str| text.parse::<usize>().unwrap();
        let (group, part, count) = (
            number(group),
            number(part),
            number(rest.split(' ').next().unwrap()),
        );
        match groups.last_mut() {
            Some((last, _, seen)) if *last == group => {
                assert_eq!(*seen, part, "in order");
                *seen += 1;
            }
            _ => {
                assert_eq!(part, 0, "the first of {group} is missing");
                groups.push((group, count, 1));
            }
        }
    }
    groups
}

/// Groups over several segments, in two lives, until the power goes; answers which are durable.
fn live(open: Open, disk: &SimDisk) -> (usize, usize) {
    let (mut appended, mut durable) = (0, 0);
    for _ in 0..2 {
        let Ok(mut bench) = open(Arc::new(disk.clone()), &small()) else {
            return (appended, durable);
        };
        let first = appended;
        let mut ends = Vec::new();
        for count in [1, 2, 5, 3, 7, 4] {
            let Ok(end) = append(&bench, appended, count, 900) else {
                return (appended, durable);
            };
            ends.push(end);
            appended += 1;
            loop {
                let turn = bench.writer.turn();
                let at = bench.journal.durable();
                durable = durable.max(first + ends.iter().filter(|end| **end <= at).count());
                match turn {
                    Err(_) => return (appended, durable),
                    Ok(Turn::Idle) => break,
                    Ok(_) => {}
                }
            }
        }
        bench.journal.close();
        while !matches!(bench.writer.turn(), Ok(Turn::Closed) | Err(_)) {}
    }
    (appended, durable)
}

#[test]
fn power_lost_at_any_operation_leaves_all_of_a_group_or_none() {
    for open in [open_on as Open, open_indexed] {
        let mut torn = 0;
        for operation in 0.. {
            let mut came = false;
            for seed in 0..12 {
                let disk = SimDisk::new(3);
                disk.plan(operation, Trouble::PowerLoss);
                let (appended, durable) = live(open, &disk);
                came |= disk.operations() > operation;
                let survival = match seed {
                    0 => Survival::Nothing,
                    1 => Survival::Everything,
                    seed => Survival::Some(operation * 31 + seed),
                };
                let disk = disk.after_power_loss(survival);
                let mut bench = open(Arc::new(disk.clone()), &small()).unwrap();
                let found = groups(&bench);
                assert!((durable..=appended).contains(&found.len()), "{found:?}");
                for (at, (group, count, seen)) in found.iter().enumerate() {
                    assert_eq!(
                        (at, count),
                        (*group, seen),
                        "operation {operation}, {survival:?}"
                    );
                }
                torn += usize::from(found.len() < appended);
                // What is appended behind a torn group does not complete it.
                append(&bench, found.len(), 2, 900).unwrap();
                bench.drain();
                bench.close();
                let bench = open(Arc::new(disk), &small()).unwrap();
                assert_eq!(groups(&bench).last(), Some(&(found.len(), 2, 2)));
            }
            if !came {
                assert!(
                    operation > 20 && torn > 20,
                    "{operation} operations, {torn} torn"
                );
                break;
            }
        }
    }
}

#[test]
fn a_group_is_refused_whole_when_it_is_too_large_for_one_segment() {
    let disk = SimDisk::new(1);
    let mut bench = Bench::open(&disk);
    let end = bench.journal.end();
    let most = bench.journal.payload_max_bytes();
    let refused = append(&bench, 0, 4, most / 3).unwrap_err();
    assert!(matches!(refused, AppendError::TooLarge { .. }), "{refused}");
    assert_eq!(bench.journal.end(), end, "nothing was taken");
    append(&bench, 0, 3, most / 3 - 64).unwrap();
    bench.drain();
    bench.close();
    assert_eq!(groups(&Bench::open(&disk)), [(0, 3, 3)]);
}
