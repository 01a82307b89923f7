//! Messages per second, and per second of the broker's processor time.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Bench, Scenario};
use crate::disk;
use crate::flow::{Flow, Progress, Running};
use crate::target::{Kind, Target};
use crate::usage::{Usage, machine_cpu_s};

/// Before the measurement: caches fill, windows open, code is compiled just in time.
const WARM_UP: Duration = Duration::from_millis(500);

/// What others used of the processors while something was measured.
const OTHER_CORES: &str = "other_cores";
/// How much of one that may be, and how often it is tried to stay below.
const OTHERS_MAY_USE: f64 = 0.2;
const ATTEMPTS: u32 = 3;

/// Messages and bytes that may be between publisher and consumer.
const UNDER_WAY: u64 = 20_000;
const UNDER_WAY_BYTES: u64 = 64 * 1024 * 1024;

/// The usual body sizes and their names.
const SIZES: [(usize, &str); 4] = [
    (16, "16 B"),
    (1024, "1 KiB"),
    (16 * 1024, "16 KiB"),
    (256 * 1024, "256 KiB"),
];

/// One variant.
struct Case {
    variant: String,
    flow: Flow,
    kinds: &'static [Kind],
}

pub(super) fn run(scenario: Scenario, bench: &mut Bench<'_>) -> Result<()> {
    for case in cases(scenario) {
        if scenario == Scenario::Bandwidth {
            let disk = disk::measure(bench.dir)?;
            bench.record(scenario, &case.variant, "disk", &disk.metrics())?;
        }
        for target in bench.in_turn() {
            if !case.kinds.contains(&target.kind) {
                continue;
            }
            // Another name each time: what a failed run left behind must not be taken for ours.
            let variant = case.variant.replace(' ', "");
            let name = format!("{}.{variant}.{}", scenario.name(), bench.run);
            let measured = measure_undisturbed(bench, &case.flow, &name, target);
            bench.take(scenario, &case.variant, target.kind.name(), measured)?;
        }
    }
    Ok(())
}

fn cases(scenario: Scenario) -> Vec<Case> {
    use Kind::{Artemis, Ferrymq, Mosquitto, Nats, Null, NullJournal, Rabbitmq};
    let all = &[Ferrymq, Mosquitto, Nats, Null, Rabbitmq];
    let durable = &[Artemis, Ferrymq, Mosquitto, NullJournal, Rabbitmq];
    let sized = |sizes: &[(usize, &str)], make: fn(usize) -> Flow, kinds| {
        let case = |(bytes, name): &(usize, &str)| Case {
            variant: (*name).to_owned(),
            flow: make(*bytes),
            kinds,
        };
        sizes.iter().map(case).collect()
    };
    match scenario {
        Scenario::Transient => sized(&SIZES, transient, all),
        Scenario::Confirmed => sized(&SIZES[..2], confirmed, durable),
        Scenario::Bandwidth => sized(&SIZES[2..3], bandwidth, &[Ferrymq, NullJournal]),
        Scenario::Fanout => sized(&SIZES[..2], fanout, all),
        Scenario::Routing => [
            (0, "direct"),
            (10, "10 bindings"),
            (10_000, "10,000 bindings"),
        ]
        .map(|(bindings, variant)| Case {
            variant: variant.to_owned(),
            flow: routing(bindings),
            kinds: &[Ferrymq, Rabbitmq],
        })
        .into(),
        // Not of throughput.
        _ => Vec::new(),
    }
}

/// Until code that is compiled just in time has seen what is measured.
pub(crate) fn warm_up(target: &Target, time: Duration) -> Result<()> {
    let mut running = Running::open(
        &confirmed(16),
        "warm",
        target.kind.protocol(),
        target.address,
    )?;
    running.run_for(time)?;
    running.finish()
}

pub(super) fn transient(body_bytes: usize) -> Flow {
    Flow {
        publishers: 1,
        queues: 1,
        bindings: 0,
        body_bytes,
        persistent: false,
        window: None,
        ack_every: None,
        under_way: UNDER_WAY.min(UNDER_WAY_BYTES / body_bytes as u64),
    }
}

fn confirmed(body_bytes: usize) -> Flow {
    Flow {
        persistent: true,
        window: Some(256),
        ack_every: Some(50),
        ..transient(body_bytes)
    }
}

/// A window of 64 MiB: the disk is never without work.
fn bandwidth(body_bytes: usize) -> Flow {
    Flow {
        window: Some(UNDER_WAY_BYTES / body_bytes as u64),
        ..confirmed(body_bytes)
    }
}

/// Each message has another key than the one before.
fn routing(bindings: usize) -> Flow {
    Flow {
        bindings,
        ..transient(16)
    }
}

/// As many deliveries under way as the bound allows for one consumer of a hundred.
fn fanout(body_bytes: usize) -> Flow {
    Flow {
        queues: 100,
        under_way: UNDER_WAY / 20,
        ..transient(body_bytes)
    }
}

/// What everything stood at.
struct Sample {
    at: Instant,
    progress: Progress,
    broker: Usage,
    generator: Usage,
    machine_cpu_s: f64,
}

impl Sample {
    fn take(running: &Running, target: &Target) -> Result<Self> {
        Ok(Self {
            at: Instant::now(),
            progress: running.progress(),
            broker: target.usage()?,
            generator: Usage::of(&[std::process::id()])?,
            machine_cpu_s: machine_cpu_s()?,
        })
    }
}

/// Measures again, and once more, when somebody else used the processors meanwhile, and answers with
/// what was disturbed least.
fn measure_undisturbed(
    bench: &Bench<'_>,
    flow: &Flow,
    name: &str,
    target: &Target,
) -> Result<Vec<(&'static str, f64)>> {
    let disturbed = |metrics: &[(&str, f64)]| {
        let others = metrics.iter().find(|(name, _)| *name == OTHER_CORES);
        others.map_or(0.0, |(_, cores)| *cores)
    };
    let mut tries = Vec::new();
    for attempt in 1..=ATTEMPTS {
        bench.await_quiet()?;
        let metrics = measure(flow, &format!("{name}.{attempt}"), target, bench.time)?;
        let cores = disturbed(&metrics);
        tries.push(metrics);
        if cores <= OTHERS_MAY_USE {
            break;
        }
    }
    let least = tries
        .into_iter()
        .min_by(|one, other| disturbed(one).total_cmp(&disturbed(other)));
    Ok(least.unwrap_or_default())
}

pub(super) fn measure(
    flow: &Flow,
    name: &str,
    target: &Target,
    time: Duration,
) -> Result<Vec<(&'static str, f64)>> {
    let mut running = Running::open(flow, name, target.kind.protocol(), target.address)?;
    running.run_for(WARM_UP)?;
    let before = Sample::take(&running, target)?;
    running.run_for(time)?;
    let after = Sample::take(&running, target)?;
    running.finish()?;
    Ok(compare(&before, &after))
}

fn compare(before: &Sample, after: &Sample) -> Vec<(&'static str, f64)> {
    let wall_s = (after.at - before.at).as_secs_f64();
    let delivered = (after.progress.delivered - before.progress.delivered) as f64;
    let confirmed = (after.progress.confirmed - before.progress.confirmed) as f64;
    let broker_cpu_s = after.broker.cpu_s - before.broker.cpu_s;
    let generator_cpu_s = after.generator.cpu_s - before.generator.cpu_s;
    let all_cpu_s = after.machine_cpu_s - before.machine_cpu_s;
    let mut metrics = vec![
        ("delivered_per_s", delivered / wall_s),
        // A tick is the least that can have been used.
        ("delivered_per_cpu_s", delivered / broker_cpu_s.max(0.01)),
        ("broker_cores", broker_cpu_s / wall_s),
        ("generator_cores", generator_cpu_s / wall_s),
        (
            OTHER_CORES,
            (all_cpu_s - broker_cpu_s - generator_cpu_s).max(0.0) / wall_s,
        ),
    ];
    if confirmed > 0.0 {
        metrics.push(("confirmed_per_s", confirmed / wall_s));
    }
    metrics
}
