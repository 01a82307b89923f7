//! Power lost at any point of a stream's life: what was promised is there at its offset, nothing is
//! missing in between, and the next message gets the next offset.

use std::sync::Arc;

use broker_core::broker::{Broker, BrokerConfig};
use broker_core::journal::{Lsn, Options, SimDisk, Survival, Trouble, Turn};
use broker_core::limits::Limits;
use broker_core::value::Value;
use proptest::prelude::*;

use crate::kit::{Client, World, login, message, small};
use crate::streams::{read, text};

#[derive(Debug, Clone)]
enum Step {
    /// So many turns of the writer.
    Commit(u8),
    /// The other queue is emptied: what stays in the journal is the stream's.
    Empty,
    /// From now on the disk takes no new file, or does again.
    Full(bool),
    /// To the stream, or to the other queue as well.
    Publish { both: bool, kib: usize },
    /// Somebody reads all there is.
    Read,
    /// Some messages in one transaction.
    Transaction(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..4u8).prop_map(Step::Commit),
        4 => Just(Step::Empty),
        1 => any::<bool>().prop_map(Step::Full),
        12 => (any::<bool>(), 0..8usize).prop_map(|(both, kib)| Step::Publish { both, kib }),
        1 => Just(Step::Read),
        1 => (1..5u8).prop_map(Step::Transaction),
    ]
}

/// Bytes the stream may hold.
const LIMIT_BYTES: u64 = 60_000;

/// Of a message beside its body: its properties.
const OVERHEAD_BYTES: u64 = 2;

struct Run {
    client: Client,
    /// Bodies by offset, with the position at which each becomes a promise.
    published: Vec<(String, Lsn)>,
}

impl Run {
    fn new(world: &mut World) -> Self {
        let client = world.client();
        let limit = Value::Int(LIMIT_BYTES.into());
        let arguments = [
            ("x-queue-type", text("stream")),
            ("x-max-length-bytes", limit),
        ];
        client.queue_with("s", arguments);
        client.queue("q", true);
        client.exchange("both", "fanout");
        client.bind("both", "s", "");
        client.bind("both", "q", "");
        client.exchange("one", "fanout");
        client.bind("one", "s", "");
        world.commit();
        Self {
            client,
            published: Vec::new(),
        }
    }

    fn next_body(&self, further: usize, kib: usize) -> String {
        let number = self.published.len() + further;
        format!("{number:08}{}", "x".repeat(kib * 1024))
    }

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
            Step::Empty => while let Ok(Some(_)) = self.client.attachment.get("q", true) {},
            Step::Full(full) => {
                let capacity_bytes = if *full { 0 } else { u64::MAX };
                world.disk.set_capacity_bytes(capacity_bytes);
            }
            Step::Publish { both, kib } => {
                let exchange = if *both { "both" } else { "one" };
                let body = self.next_body(0, *kib);
                // A refusal for want of room or because the disk is gone promises nothing.
                if let Ok(Some(lsn)) = self.client.try_publish(message(exchange, "", &body)) {
                    self.published.push((body, lsn));
                }
            }
            Step::Read => {
                if world.broker.stopped().is_none() {
                    let found = read(world, "s", text("first"));
                    // Only what is durable is shown.
                    self.check_kept(&found).unwrap();
                }
            }
            Step::Transaction(count) => {
                let bodies: Vec<_> = (0..*count).map(|it| self.next_body(it.into(), 1)).collect();
                let all: Vec<_> = bodies.iter().map(|body| message("one", "", body)).collect();
                if let Ok(committed) = self.client.attachment.commit(&all, &[]) {
                    let lsn = committed.lsn;
                    self.published
                        .extend(bodies.into_iter().map(|body| (body, lsn)));
                }
            }
        }
        Ok(())
    }

    fn check_kept(&self, found: &[(u64, String)]) -> Result<(), TestCaseError> {
        let gaps = found.windows(2).any(|pair| pair[0].0 + 1 != pair[1].0);
        prop_assert!(
            !gaps,
            "{:?}",
            found.iter().map(|it| it.0).collect::<Vec<_>>()
        );
        for (offset, body) in found {
            let published = self.published.get(*offset as usize);
            prop_assert_eq!(published.map(|(body, _)| body), Some(body));
        }
        Ok(())
    }

    /// Compares with what recovery found.
    fn check(&self, durable: Lsn, found: &[(u64, String)]) -> Result<(), TestCaseError> {
        self.check_kept(found)?;
        let promised = self.published.iter().filter(|(_, lsn)| *lsn <= durable);
        let promised = promised.count() as u64;
        let end = found.last().map_or(0, |(offset, _)| offset + 1);
        prop_assert!(end >= promised, "{} of {} are there", end, promised);
        // Nothing was let go that need not have been.
        let mut bytes = 0;
        let kept = self.published[..end as usize]
            .iter()
            .rev()
            .take_while(|(body, _)| {
                bytes += body.len() as u64 + OVERHEAD_BYTES;
                bytes <= LIMIT_BYTES
            });
        let kept = kept.count();
        let (first, len) = (found.first().map(|it| it.0), found.len());
        prop_assert!(
            len >= kept,
            "{} of {} are kept: {:?} to {}",
            len,
            kept,
            first,
            end
        );
        Ok(())
    }
}

fn world() -> World {
    let options = Options {
        segment_bytes: 32 << 10,
        ..small()
    };
    World::with(Limits::default(), options)
}

/// Runs the steps with the power going at some disk operation, then recovers and compares. Answers
/// whether it came to that operation.
fn crash(steps: &[Step], operation: u64, survival: Survival) -> Result<bool, TestCaseError> {
    let mut world = world();
    let mut run = Run::new(&mut world);
    let at = world.disk.operations() + operation;
    world.disk.plan(at, Trouble::PowerLoss);
    for step in steps {
        if run.step(&mut world, step).is_err() {
            break;
        }
    }
    let durable = world.broker.durable();
    let came = world.disk.operations() > at;
    world.disk.set_capacity_bytes(u64::MAX);
    let disk = world.disk.after_power_loss(survival);
    let config = world.config.clone();
    let Run { client, published } = run;
    drop((client, world));
    recover(disk, config, durable, published)?;
    Ok(came)
}

fn recover(
    disk: SimDisk,
    config: BrokerConfig,
    durable: Lsn,
    published: Vec<(String, Lsn)>,
) -> Result<(), TestCaseError> {
    let opened = Broker::open(&config, Arc::new(disk.clone()));
    prop_assert!(opened.is_ok(), "{:?}", opened.err());
    let mut world = World::open_with(opened.unwrap(), disk, config);
    world.commit();
    let client = world.try_client(&login(), "/").unwrap();
    let mut run = Run { client, published };
    let found = read(&world, "s", text("first"));
    run.check(durable, &found)?;
    // And it goes on behind that.
    run.published
        .truncate(found.last().map_or(0, |it| it.0 + 1) as usize);
    for _ in 0..3 {
        let step = Step::Publish {
            both: false,
            kib: 0,
        };
        prop_assert!(run.step(&mut world, &step).is_ok());
    }
    world.commit();
    run.check(world.broker.durable(), &read(&world, "s", text("first")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn offsets_are_dense_and_stable_after_a_power_loss(
        steps in prop::collection::vec(step(), 20..200),
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

/// A life in which the stream is copied forward, let go in part, and shares its disk's worst days.
fn eventful() -> Vec<Step> {
    let mut steps = Vec::new();
    for round in 0..60 {
        steps.push(Step::Publish {
            both: false,
            kib: round % 2,
        });
        steps.extend((0..3).map(|kib| Step::Publish {
            both: round % 8 == 0,
            kib: 2 * kib,
        }));
        steps.push(Step::Commit(1 + (round % 3) as u8));
        match round {
            20 => steps.push(Step::Full(true)),
            22 => steps.push(Step::Full(false)),
            round if round % 5 == 0 => steps.push(Step::Transaction(3)),
            round if round % 7 == 0 => steps.push(Step::Read),
            _ => {}
        }
        steps.extend([Step::Empty, Step::Commit(3)]);
    }
    steps
}

#[test]
fn no_offset_moves_when_power_fails_at_any_operation_of_an_eventful_life() {
    let steps = eventful();
    let mut operation = 0_u64;
    loop {
        let torn = (operation.is_multiple_of(3)).then_some(Survival::Some(operation));
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
