//! Runs by chance.

use crate::faults::Fault;
use crate::world::{Happening, MS, SECOND, Setup, World};

/// So many runs in every test run; `SIM_SEEDS` says another number, `SIM_FIRST` where to begin.
const SEEDS: u64 = 200;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn run(seed: u64) -> World {
    let mut world = World::new(setup(seed));
    world.network.slow_ms = world.chance.below(300);
    world.get_well();
    let end = world.now + 5 * SECOND + world.chance.below(25 * SECOND);
    let often = 100 * MS + world.chance.below(3 * SECOND);
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
        min_isr: if seed.is_multiple_of(10) { 2 } else { 1 },
        drift: seed.is_multiple_of(2),
        retain_bytes: if seed.is_multiple_of(3) { 0 } else { 100_000 },
        ..Setup::pair(seed)
    }
}

#[test]
fn whatever_fails_clients_find_what_they_were_promised() {
    let first = number("SIM_FIRST").unwrap_or(1);
    let seeds = number("SIM_SEEDS").unwrap_or(SEEDS);
    let mut counts = std::collections::BTreeMap::new();
    for seed in first..first + seeds {
        let world = run(seed);
        for (what, count) in world.counts {
            *counts.entry(what).or_insert(0) += count;
        }
        *counts.entry("messages confirmed").or_insert(0) += world.ledger.confirmed.len() as u64;
    }
    println!("{seeds} seeds: {counts:?}");
    let _ = Fault::Reset;
}
