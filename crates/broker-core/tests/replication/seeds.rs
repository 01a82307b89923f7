//! Runs by chance.

use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use broker_core::replication::rules::Rule;

use crate::mix::switchovers;
use crate::world::{Happening, MS, SECOND, Setup, World};

/// So many runs in every test run; `SIM_SEEDS` says another number, `SIM_FIRST` where to begin.
const SEEDS: u64 = 40;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn run(setup: Setup) -> World {
    let mut world = World::new(setup);
    world.network.slow_ms = world.chance.below(300);
    world.get_well();
    let end = world.now + 3 * SECOND + world.chance.below(20 * SECOND);
    let often = 100 * MS + world.chance.below(2 * SECOND);
    while world.now < end {
        let fault = world.any_fault();
        world.after(0, Happening::Fault(fault));
        let pause = world.chance.below(2 * often);
        world.pass(pause);
    }
    // What lasts ends by itself.
    world.pass(25 * SECOND);
    world.mend_all();
    world.check_all();
    world
}

fn setup(seed: u64) -> Setup {
    Setup {
        nodes: if seed.is_multiple_of(5) { 3 } else { 2 },
        min_isr: if matches!(seed % 20, 0 | 7 | 10 | 17) {
            2
        } else {
            1
        },
        drift: seed.is_multiple_of(2),
        wild: seed % 4 == 3,
        retain_bytes: if seed.is_multiple_of(3) { 0 } else { 100_000 },
        ..Setup::pair(seed)
    }
}

#[test]
fn whatever_fails_clients_find_what_they_were_promised() {
    let first = number("SIM_FIRST").unwrap_or(1);
    let seeds = number("SIM_SEEDS").unwrap_or(SEEDS);
    let counts = Mutex::new(BTreeMap::new());
    let failed = Mutex::new(Vec::new());
    let next = AtomicU64::new(first);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds {
                        break;
                    }
                    match catch_unwind(|| run(setup(seed))) {
                        Ok(world) => add(&mut counts.lock().unwrap(), &world),
                        Err(_) => failed.lock().unwrap().push(seed),
                    }
                }
            });
        }
    });
    let (counts, failed) = (counts.into_inner().unwrap(), failed.into_inner().unwrap());
    println!("{seeds} seeds from {first} on: {counts:?}");
    assert!(failed.is_empty(), "seeds that failed: {failed:?}");
    if seeds >= 1000 {
        let never: Vec<_> = switchovers()
            .filter(|it| !counts.contains_key(it))
            .collect();
        assert!(never.is_empty(), "no switchover was asked for {never:?}");
    }
}

fn add(counts: &mut BTreeMap<&'static str, u64>, world: &World) {
    for (what, count) in &world.counts {
        *counts.entry(what).or_default() += count;
    }
    *counts.entry("messages confirmed").or_default() += world.ledger.confirmed.len() as u64;
}

/// Rules, each with a seed of which the run fails when it is left out; see `RULES.md`.
const CAUGHT: &[(Rule, u64)] = &[
    (Rule::OwnEpochOnly, 3),
    (Rule::InSyncOnly, 1),
    (Rule::Promise, 3),
    (Rule::FollowerSync, 6),
    (Rule::InFlightCounts, 14),
    (Rule::JoinerCounts, 24),
    (Rule::CutAtDivergence, 20),
    (Rule::NoResume, 1),
    (Rule::DeliverCommitted, 5),
    (Rule::LeaseHeld, 5),
    (Rule::GraceAfterGrant, 2),
    (Rule::GraceAfterStart, 21),
];

/// Seeds that found something with the present choice of faults, to be run for ever; see `RULES.md`.
const REGRESSIONS: &[u64] = &[247, 339, 566, 1220, 1694, 1748, 1756];

#[test]
fn a_rule_left_out_is_noticed() {
    // Each of these runs panics, and says why at length.
    let all = [
        Rule::OwnEpochOnly,
        Rule::InSyncOnly,
        Rule::Promise,
        Rule::FollowerSync,
        Rule::LeaderSync,
        Rule::InFlightCounts,
        Rule::JoinerCounts,
        Rule::CutAtDivergence,
        Rule::NoResume,
        Rule::DeliverCommitted,
        Rule::LeaseHeld,
        Rule::GrantFromSending,
        Rule::GraceAfterGrant,
        Rule::GraceAfterStart,
    ];
    if let Some(seeds) = number("SIM_RULE_SEEDS") {
        for rule in all {
            let fails = |seed: &u64| {
                let setup = Setup {
                    without: Some(rule),
                    ..setup(*seed)
                };
                catch_unwind(|| run(setup)).is_err()
            };
            let found = (1..=seeds).find(fails);
            println!("CAUGHT {rule:?}: {found:?}");
        }
    }
    for (rule, seed) in CAUGHT {
        let setup = Setup {
            without: Some(*rule),
            ..setup(*seed)
        };
        let noticed = catch_unwind(|| run(setup)).is_err();
        assert!(noticed, "nobody notices that {rule:?} is left out");
    }
}

#[test]
fn what_failed_once_does_not_fail_again() {
    for seed in REGRESSIONS {
        run(setup(*seed));
    }
}

#[test]
fn a_seed_gives_the_same_run_again() {
    for seed in [1, 3, 5, 10] {
        let (once, again) = (run(setup(seed)), run(setup(seed)));
        let mut pairs = once.trace.iter().zip(&again.trace);
        let differs = pairs.find(|(one, other)| one != other);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(once.digest(), again.digest(), "seed {seed}");
        assert_eq!(once.counts, again.counts, "seed {seed}");
    }
}
