//! What a second processor is worth.
//!
//! One publisher, queue and consumer against a broker that is confined to one processor from its
//! start, four of each against one on two. The generator keeps to the other processors; where
//! there are no others it shares the last, and what it and the rest of the machine use is taken off
//! what the broker is said to have had. Compared is the rate for each processor that was free, so
//! that a machine of two can tell what one of three would measure.

use std::num::NonZero;
use std::thread::available_parallelism;

use anyhow::{Result, ensure};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::throughput::{measure, transient};
use super::{Bench, Scenario};
use crate::flow::Flow;
use crate::target::Kind;

const BODY_BYTES: usize = 16;

pub(super) fn run(bench: &mut Bench<'_>) -> Result<()> {
    let processors = available_parallelism().map_or(1, NonZero::get);
    ensure!(processors >= 2, "it takes two processors");
    for kind in [Kind::Ferrymq, Kind::Nats] {
        if !bench.kinds.contains(&kind) {
            continue;
        }
        for (publishers, confined_to) in [(1, 1), (4, 2)] {
            let variant = format!("{publishers}→{publishers} 16 B");
            let measured = confined(bench, kind, publishers, confined_to);
            bench.take(Scenario::Scaling, &variant, kind.name(), measured)?;
        }
    }
    Ok(())
}

fn confined(
    bench: &Bench<'_>,
    kind: Kind,
    publishers: usize,
    confined_to: usize,
) -> Result<Vec<(&'static str, f64)>> {
    let all = sched_getaffinity(None)?;
    let processors: Vec<usize> = (0..CpuSet::MAX_CPU)
        .filter(|cpu| all.is_set(*cpu))
        .collect();
    let (brokers, others) = processors.split_at(confined_to.min(processors.len()));
    let generators = if others.is_empty() {
        &processors
    } else {
        others
    };
    let dir = bench.fresh_dir("scaling")?;
    let _restored = Restored(all);
    // The broker inherits this thread's processors, and makes as many threads of its own.
    sched_setaffinity(None, &set(brokers))?;
    let target = kind.start(bench.programs, dir.path())?;
    sched_setaffinity(None, &set(generators))?;
    let flow = Flow {
        publishers,
        ..transient(BODY_BYTES)
    };
    let mut metrics = measure(&flow, "scaling", &target, bench.time)?;
    let of = |wanted: &str| {
        let found = metrics.iter().find(|(name, _)| *name == wanted);
        found.map_or(0.0, |(_, value)| *value)
    };
    let left = processors.len() as f64 - of("generator_cores") - of("other_cores");
    let free_cores = left.min(confined_to as f64).max(0.1);
    let per_free_core = of("delivered_per_s") / free_cores;
    metrics.push(("free_cores", free_cores));
    metrics.push(("delivered_per_free_core_s", per_free_core));
    Ok(metrics)
}

/// Gives this thread its processors back.
struct Restored(CpuSet);

impl Drop for Restored {
    fn drop(&mut self) {
        // They were ours a moment ago.
        let _ = sched_setaffinity(None, &self.0);
    }
}

fn set(processors: &[usize]) -> CpuSet {
    let mut set = CpuSet::new();
    for processor in processors {
        set.set(*processor);
    }
    set
}
