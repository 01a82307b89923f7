//! Power lost at any point: what was promised is there, in order, and what was settled stays so.

use std::collections::BTreeSet;
use std::sync::Arc;

use broker_core::broker::{Broker, BrokerConfig};
use broker_core::call::{Destination, Outcome};
use broker_core::journal::{Lsn, Options, SimDisk, Survival, Trouble, Turn};
use broker_core::limits::Limits;
use proptest::prelude::*;

use crate::kit::{Client, World, binding, body, exchange, login, queue, small};

#[derive(Debug, Clone)]
enum Step {
    /// So many turns of the writer: what comes between two turns meets half-done upkeep.
    Commit(u8),
    /// The queue goes with all in it, and one of its name comes.
    Delete,
    /// From now on the disk takes no new file, or does again.
    Full(bool),
    /// The first message is taken and kept.
    Hold,
    Purge,
    Publish {
        both: bool,
        kib: usize,
    },
    Requeue,
    Settle,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..4u8).prop_map(Step::Commit),
        1 => any::<bool>().prop_map(Step::Full),
        1 => Just(Step::Delete),
        1 => Just(Step::Purge),
        12 => (any::<bool>(), 0..12usize).prop_map(|(both, kib)| Step::Publish { both, kib }),
        3 => Just(Step::Requeue),
        9 => Just(Step::Settle),
    ]
}

/// What a queue must and must not hold after the crash.
#[derive(Debug, Default)]
struct Model {
    /// With the position at which each becomes a promise.
    published: Vec<(u32, Lsn)>,
    /// Maybe settled: the settlement may or may not have reached the disk.
    settled: BTreeSet<u32>,
    /// Settled for good.
    surely_settled: BTreeSet<u32>,
    settling: Vec<(u32, Lsn)>,
}

impl Model {
    fn settle(&mut self, number: u32, lsn: Lsn) {
        self.settled.insert(number);
        self.settling.push((number, lsn));
    }

    fn durable(&mut self, durable: Lsn) {
        let done = self.settling.extract_if(.., |(_, lsn)| *lsn <= durable);
        self.surely_settled.extend(done.map(|(number, _)| number));
    }

    /// Compares with what recovery found.
    fn check(&self, durable: Lsn, found: &[u32]) -> Result<(), TestCaseError> {
        prop_assert!(found.is_sorted(), "order is lost: {:?}", found);
        let found: BTreeSet<_> = found.iter().copied().collect();
        for (number, lsn) in &self.published {
            if *lsn <= durable && !self.settled.contains(number) {
                prop_assert!(
                    found.contains(number),
                    "{} was promised and is lost",
                    number
                );
            }
        }
        for number in &self.surely_settled {
            prop_assert!(
                !found.contains(number),
                "{} was settled and is back",
                number
            );
        }
        let published: BTreeSet<_> = self.published.iter().map(|(number, _)| *number).collect();
        prop_assert!(found.is_subset(&published));
        Ok(())
    }
}

struct Run {
    client: Client,
    models: [Model; 2],
    next: u32,
    /// Both queues are there.
    whole: bool,
    /// What was taken from the first queue and is kept: no purge reaches it.
    held: Option<u32>,
}

const QUEUES: [&str; 2] = ["one", "two"];

impl Run {
    fn step(&mut self, world: &mut World, step: &Step) -> Result<(), ()> {
        match step {
            Step::Commit(turns) => {
                for _ in 0..*turns {
                    match world.writer.turn() {
                        Err(_) => return Err(()),
                        Ok(Turn::Idle) => break,
                        Ok(_) => world.broker.committed(),
                    }
                }
            }
            Step::Full(full) => {
                let capacity_bytes = if *full { 0 } else { u64::MAX };
                world.disk.set_capacity_bytes(capacity_bytes);
            }
            Step::Publish { both, kib } => self.publish(*both, *kib),
            Step::Delete => self.delete(),
            Step::Hold => {
                if let Ok(Some((delivery, _))) = self.client.attachment.get(QUEUES[0], false) {
                    self.held = Some(number(&body(&delivery)));
                }
            }
            Step::Purge => {
                for (queue, model) in QUEUES.iter().zip(&mut self.models) {
                    let Ok((_, lsn)) = self.client.attachment.purge_queue(queue) else {
                        continue;
                    };
                    let numbers: Vec<_> = model.published.iter().map(|(n, _)| *n).collect();
                    for number in numbers {
                        if !model.settled.contains(&number) && self.held != Some(number) {
                            model.settle(number, lsn);
                        }
                    }
                }
            }
            Step::Requeue | Step::Settle => {
                for (queue, model) in QUEUES.iter().zip(&mut self.models) {
                    // Nothing can be read once the power is off.
                    let got = self.client.attachment.get(queue, false);
                    let Ok(Some((delivery, _))) = got else {
                        continue;
                    };
                    let number = number(&body(&delivery));
                    let outcome = match step {
                        Step::Requeue => Outcome::Requeue,
                        _ => Outcome::Accept,
                    };
                    let sequences = [delivery.sequence];
                    let lsn = self
                        .client
                        .attachment
                        .settle(delivery.queue, &sequences, outcome);
                    if outcome == Outcome::Accept {
                        model.settle(number, lsn);
                    }
                }
            }
        }
        Ok(())
    }
}

impl Run {
    fn publish(&mut self, both: bool, kib: usize) {
        self.whole = self.whole || declare(&self.client);
        let exchange = if both { "all" } else { "" };
        let text = format!("{:08}{}", self.next, "x".repeat(kib * 1024));
        let call = crate::kit::message(exchange, "one", &text);
        // A refusal for want of room or because the disk is gone promises nothing.
        let Ok(Some(lsn)) = self.client.try_publish(call) else {
            return;
        };
        let queues = if both && self.whole { 2 } else { 1 };
        self.models[..queues]
            .iter_mut()
            .for_each(|m| m.published.push((self.next, lsn)));
        self.next += 1;
    }

    fn delete(&mut self) {
        let [_, model] = &mut self.models;
        // Refused when the disk is full or gone.
        let deleted = self.client.attachment.delete_queue(QUEUES[1], false, false);
        let Ok((_, lsn)) = deleted else {
            return;
        };
        let numbers: Vec<_> = model.published.iter().map(|(n, _)| *n).collect();
        for number in numbers {
            if !model.settled.contains(&number) {
                model.settle(number, lsn);
            }
        }
        self.whole = declare(&self.client);
    }
}

/// Whatever of the queues and bindings is not there. False when the disk is full or gone.
fn declare(client: &Client) -> bool {
    let all = exchange("all", "fanout");
    let mut whole = client.attachment.declare_exchange(&all).is_ok();
    for name in QUEUES {
        whole &= client.try_queue(queue(name, true)).is_ok();
        let bind = binding("all", Destination::Queue(name), "");
        whole &= client.attachment.bind(&bind).is_ok();
    }
    whole
}

fn number(text: &str) -> u32 {
    text[..8].parse().unwrap()
}

fn tiny() -> Options {
    Options {
        segment_bytes: 48 << 10,
        ..small()
    }
}

/// Runs the steps with the power going at some disk operation, then recovers and compares. Answers
/// whether it came to that operation.
fn crash(steps: &[Step], operation: u64, survival: Survival) -> Result<bool, TestCaseError> {
    let mut world = World::with(Limits::default(), tiny());
    let client = world.client();
    declare(&client);
    world.commit();
    let at = world.disk.operations() + operation;
    world.disk.plan(at, Trouble::PowerLoss);
    let mut run = Run {
        client,
        models: Default::default(),
        next: 0,
        whole: true,
        held: None,
    };
    for step in steps {
        let failed = run.step(&mut world, step).is_err();
        let durable = world.broker.durable();
        run.models
            .iter_mut()
            .for_each(|model| model.durable(durable));
        if failed {
            break;
        }
    }
    let durable = world.broker.durable();
    let came = world.disk.operations() > at;
    world.disk.set_capacity_bytes(u64::MAX);
    let disk = world.disk.after_power_loss(survival);
    let config = world.config.clone();
    let Run { client, models, .. } = run;
    drop((client, world));
    recover(disk, config, durable, &models)?;
    Ok(came)
}

fn recover(
    disk: SimDisk,
    config: BrokerConfig,
    durable: Lsn,
    models: &[Model; 2],
) -> Result<(), TestCaseError> {
    let opened = Broker::open(&config, Arc::new(disk.clone()));
    prop_assert!(opened.is_ok(), "{:?}", opened.err());
    let mut world = World::open_with(opened.unwrap(), disk, config);
    world.commit();
    let client = world.try_client(&login(), "/").unwrap();
    // The crash may have come between the deletion of a queue and its declaration.
    declare(&client);
    for (queue, model) in QUEUES.iter().zip(models) {
        let found: Vec<_> = client
            .empty(queue)
            .iter()
            .map(|text| number(text))
            .collect();
        model.check(durable, &found)?;
    }
    // And it works on.
    client.publish("all", "", "99999999");
    world.commit();
    prop_assert_eq!(client.empty("two"), ["99999999"]);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_promised_survives_a_power_loss(
        steps in prop::collection::vec(step(), 20..250),
        operation in 0u64..160,
        chance in any::<u64>(),
        kind in 0..3,
    ) {
        let survival = match kind {
            0 => Survival::Everything,
            1 => Survival::Nothing,
            _ => Survival::Some(chance),
        };
        crash(&steps, operation, survival)?;
    }
}

/// A life in which the journal has all its work: segments begun, freed and used again, checkpoints,
/// old messages copied forward, messages left to it and read back, queues purged and deleted, a
/// disk that fills up.
fn eventful() -> Vec<Step> {
    let publish = |both, kib| Step::Publish { both, kib };
    // One message stays at the front, so that it has to be copied.
    let mut steps = vec![publish(false, 1), Step::Commit(3), Step::Hold];
    for round in 0..20 {
        steps.extend((0..4).map(|n| publish(n % 2 == 0, 3 + 2 * n)));
        steps.push(Step::Commit(1 + round % 3));
        steps.push(Step::Requeue);
        steps.extend(std::iter::repeat_n(Step::Settle, 4));
        match round {
            6 => steps.push(Step::Delete),
            10 => steps.push(Step::Purge),
            13 => steps.push(Step::Full(true)),
            15 => steps.push(Step::Full(false)),
            _ => {}
        }
        steps.push(Step::Commit(3));
    }
    steps
}

/// What is said of the life below is true of it.
#[test]
fn the_eventful_life_has_all_its_events() {
    let mut world = World::with(Limits::default(), tiny());
    let client = world.client();
    declare(&client);
    world.commit();
    let mut run = Run {
        client,
        models: Default::default(),
        next: 0,
        whole: true,
        held: None,
    };
    for step in eventful() {
        run.step(&mut world, &step).expect("nothing goes wrong");
    }
    let contents = world.disk.contents();
    let files = |prefix| {
        contents
            .iter()
            .filter(move |(name, _)| name.starts_with(prefix))
    };
    assert_eq!(files("checkpoint-").count(), 2);
    let number =
        |bytes: &[u8], at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let segments: Vec<_> = files("segment-")
        .map(|(_, bytes)| (number(bytes, 48), number(bytes, 56)))
        .collect();
    let begun = segments
        .iter()
        .map(|(sequence, _)| *sequence)
        .max()
        .unwrap();
    assert!(begun > segments.len() as u64, "files were used again");
    // The first message is still held, and the segment that it came in is gone: it was copied.
    assert_eq!(run.held, Some(0));
    let (_, first) = run.models[0].published[0];
    let front = segments.iter().filter(|(_, base)| *base > 0);
    let front = front.map(|(_, base)| *base).min().unwrap();
    assert!(front > first.0, "{front} is not behind {first:?}");
}

#[test]
fn no_promise_is_broken_when_power_fails_at_any_operation_of_an_eventful_life() {
    let steps = eventful();
    let mut operation = 0_u64;
    loop {
        // What is torn differs from state to state: a part of them will do.
        let torn = operation
            .is_multiple_of(3)
            .then_some(Survival::Some(operation));
        let mut came = false;
        for survival in [Survival::Nothing].into_iter().chain(torn) {
            let outcome = crash(&steps, operation, survival);
            came = outcome.unwrap_or_else(|error| panic!("{operation}, {survival:?}: {error}"));
        }
        if !came {
            break;
        }
        operation += 1;
    }
    assert!(operation > 150, "{operation} operations");
}
