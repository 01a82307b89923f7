//! Moving messages from one queue to another, before the first is deleted.

use std::sync::Arc;

use broker_core::broker::Broker;
use broker_core::definitions::Expect;
use broker_core::journal::{Options, Survival, Trouble};
use broker_core::limits::Limits;
use broker_core::refusal::Reason;
use broker_core::value::Value;

use crate::kit::{World, small};

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn a_message_that_cannot_be_moved_is_as_if_nobody_had_tried() {
    let mut world = World::new();
    let client = world.client();
    let quorum = ("x-queue-type", text("quorum"));
    client.queue_with("old", [quorum, ("x-delivery-limit", Value::Int(2))]);
    let full = ("x-overflow", text("reject-publish"));
    client.queue_with("new", [full, ("x-max-length", Value::Int(0))]);
    // So many that the first has to be read back.
    for n in 0..20 {
        client.publish("", "old", &format!("{n:<900}"));
    }
    world.commit();
    let admin = world.admin();
    for _ in 0..5 {
        let refused = admin.drain_queue("/", "old", "new", Expect::Any);
        assert_eq!(refused.unwrap_err().reason, Reason::ResourceExhausted);
        world.commit();
    }
    let stats = admin.queue("/", "old").unwrap().stats;
    assert_eq!((stats.ready, stats.unsettled), (20, 0));
    let (first, _) = client.attachment.get("old", false).unwrap().unwrap();
    assert_eq!((first.redelivered, first.returns), (false, 0));
}

/// Moves messages with the power going at some disk operation. Answers whether it came to that
/// operation, and how many messages were moved that came back to where they were.
fn crash(operation: u64, survival: Survival) -> (bool, usize) {
    // Small messages and batches, so that a batch may end between any two records.
    let journal = Options {
        segment_bytes: 48 << 10,
        batch_bytes: 1 << 10,
        ..small()
    };
    let mut world = World::with(Limits::default(), journal);
    let client = world.client();
    client.queue("old", true);
    client.queue("new", true);
    let bodies: Vec<_> = (0..90).map(|n| n.to_string()).collect();
    for body in &bodies {
        client.publish("", "old", body);
    }
    world.commit();
    let at = world.disk.operations() + operation;
    world.disk.plan(at, Trouble::PowerLoss);
    let (admin, mut moved) = (world.admin(), 0);
    while let Ok(drained) = admin.drain_queue("/", "old", "new", Expect::Any) {
        moved += drained.moved as usize;
        if world.writer.turn().is_err() {
            break;
        }
        world.broker.committed();
        if drained.rest == 0 && world.broker.durable() >= drained.lsn {
            break;
        }
    }
    let came = world.disk.operations() > at;
    let disk = world.disk.after_power_loss(survival);
    let config = world.config.clone();
    drop((client, world));
    let opened = Broker::open(&config, Arc::new(disk.clone())).unwrap();
    let world = World::open_with(opened, disk, config);
    let client = world.client();
    let (old, new) = (client.empty("old"), client.empty("new"));
    for body in &bodies {
        let count = |all: &[String]| all.iter().filter(|it| *it == body).count();
        let (in_old, in_new) = (count(&old), count(&new));
        let context = format!("{body} at {operation}, {survival:?}");
        assert_eq!(in_old + in_new, 1, "{context}: ({in_old}, {in_new})");
    }
    assert!(new.is_sorted_by_key(|body| body.parse::<u32>().unwrap()));
    (came, moved.saturating_sub(new.len()))
}

#[test]
fn every_message_is_in_one_queue_when_power_fails_at_any_operation() {
    let (mut operation, mut came_back) = (0, 0);
    loop {
        let survivals = [
            Survival::Nothing,
            Survival::Everything,
            Survival::Some(operation),
            Survival::Some(operation + 1000),
        ];
        let came = survivals.map(|survival| {
            let (came, back) = crash(operation, survival);
            came_back += back;
            came
        });
        if came == [false; 4] {
            break;
        }
        operation += 1;
    }
    assert!(
        operation > 5 && came_back > 20,
        "{operation} operations, {came_back} came back"
    );
}
