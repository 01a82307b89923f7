//! Transactions: publishes and settlements that are there together after a crash, or not at all.

use std::sync::Arc;

use broker_core::broker::{Broker, Committed, Uncommitted};
use broker_core::call::{Delivery, Outcome, Settle};
use broker_core::journal::{Lsn, Options, Survival, Trouble};
use broker_core::limits::Limits;
use broker_core::refusal::Reason;
use broker_core::value::Value;

use crate::kit::{Client, World, body, login, message, small};

fn settle(delivery: &Delivery, outcome: Outcome) -> Settle {
    Settle {
        queue: delivery.queue,
        outcome,
        sequences: vec![delivery.sequence],
    }
}

fn take(client: &Client, queue: &str) -> Delivery {
    client.attachment.get(queue, false).unwrap().unwrap().0
}

/// What one step of work does: takes the number, and passes it on twice.
fn pass_on(client: &Client, delivery: &Delivery) -> Result<Committed, Uncommitted> {
    let number = body(delivery);
    let publishes = [message("", "to", &number), message("", "to", &number)];
    client
        .attachment
        .commit(&publishes, &[settle(delivery, Outcome::Accept)])
}

/// Works with the power going at some disk operation. Answers whether it came to that operation, and
/// how many transactions were cut off.
fn crash(operation: u64, survival: Survival) -> (bool, usize) {
    let journal = Options {
        segment_bytes: 48 << 10,
        ..small()
    };
    let mut world = World::with(Limits::default(), journal);
    let client = world.client();
    client.queue("from", true);
    client.queue("to", true);
    for number in 0..30 {
        client.publish("", "from", &format!("{number:<900}"));
        world.commit();
    }
    let at = world.disk.operations() + operation;
    world.disk.plan(at, Trouble::PowerLoss);
    let mut promised = Vec::new();
    while let Ok(Some((delivery, _))) = client.attachment.get("from", false) {
        match pass_on(&client, &delivery) {
            Ok(done) => promised.push((body(&delivery), done.lsn)),
            Err(Uncommitted::NotYet) => client.settle(&[delivery], Outcome::Requeue),
            Err(Uncommitted::Refused(_)) => break,
        }
        if promised.len() % 3 == 0 {
            if world.writer.turn().is_err() {
                break;
            }
            world.broker.committed();
        }
    }
    let (durable, came) = (world.broker.durable(), world.disk.operations() > at);
    let disk = world.disk.after_power_loss(survival);
    let config = world.config.clone();
    drop((client, world));
    let opened = Broker::open(&config, Arc::new(disk.clone())).unwrap();
    let world = World::open_with(opened, disk, config);
    let client = world.try_client(&login(), "/").unwrap();
    let (from, to) = (client.empty("from"), client.empty("to"));
    let mut cut_off = 0;
    for number in 0..30 {
        let number = format!("{number:<900}");
        let count = |all: &[String]| all.iter().filter(|it| **it == number).count();
        let places = (count(&from), count(&to));
        let context = format!("{} at {operation}, {survival:?}", number.trim_end());
        assert!([(1, 0), (0, 2)].contains(&places), "{context}: {places:?}");
        let promise = promised.iter().find(|(body, _)| *body == number);
        if promise.is_some_and(|(_, lsn)| *lsn <= durable) {
            assert_eq!(places, (0, 2), "{context}: it was promised");
        }
        cut_off += usize::from(promise.is_some() && places == (1, 0));
    }
    (came, cut_off)
}

#[test]
fn no_transaction_is_halved_when_power_fails_at_any_operation() {
    let (mut operation, mut cut_off) = (0, 0);
    loop {
        let survivals = [
            Survival::Nothing,
            Survival::Everything,
            Survival::Some(operation),
            Survival::Some(operation + 1000),
        ];
        let came = survivals.map(|survival| {
            let (came, lost) = crash(operation, survival);
            cut_off += lost;
            came
        });
        if came == [false; 4] {
            break;
        }
        operation += 1;
    }
    assert!(
        operation > 20 && cut_off > 20,
        "{operation} operations, {cut_off} cut off"
    );
}

#[test]
fn a_transaction_has_one_position_and_is_there_from_then_on() {
    let mut world = World::new();
    let client = world.client();
    client.queue("from", true);
    client.queue("to", true);
    client.queue("memory", false);
    client.publish("", "from", "a");
    world.commit();
    let delivery = take(&client, "from");
    let before = world.broker.durable();
    let publishes = [
        message("", "to", "b"),
        message("", "memory", "c"),
        message("", "nowhere", "d"),
    ];
    let settles = [settle(&delivery, Outcome::Accept)];
    let done = client.attachment.commit(&publishes, &settles).unwrap();
    assert_eq!(done.unroutable, [2]);
    assert!(done.lsn > before);
    assert_eq!(client.empty("memory"), ["c"]);
    let lost = World::open(
        world.disk.after_power_loss(Survival::Nothing),
        world.config.clone(),
    );
    let again = lost.try_client(&login(), "/").unwrap();
    assert_eq!(
        (again.empty("from"), again.empty("to")),
        (vec!["a".into()], vec![])
    );
    drop((again, lost));
    world.commit();
    assert!(world.broker.durable() >= done.lsn);
    drop(client);
    let world = world.reopen();
    let client = world.client();
    assert_eq!(
        (client.empty("from"), client.empty("to")),
        (vec![], vec!["b".into()])
    );
}

#[test]
fn what_is_rejected_in_a_transaction_goes_to_the_dead_letters() {
    let mut world = World::new();
    let client = world.client();
    client.queue("dead", true);
    let text = |text: &str| Value::Text(text.into());
    client.queue_with(
        "from",
        [
            ("x-dead-letter-exchange", text("")),
            ("x-dead-letter-routing-key", text("dead")),
        ],
    );
    for number in ["a", "b", "c"] {
        client.publish("", "from", number);
    }
    world.commit();
    let outcomes = [Outcome::Reject, Outcome::Accept, Outcome::Requeue];
    let settles = outcomes.map(|outcome| settle(&take(&client, "from"), outcome));
    let done = client.attachment.commit(&[], &settles).unwrap();
    assert!(done.lsn > Lsn(0));
    drop(client);
    let world = world.reopen();
    let client = world.client();
    assert_eq!(
        (client.empty("from"), client.empty("dead")),
        (vec!["c".into()], vec!["a".into()])
    );
}

#[test]
fn one_that_no_segment_holds_is_refused_and_changes_nothing() {
    let journal = Options {
        segment_bytes: 48 << 10,
        ..small()
    };
    let mut world = World::with(Limits::default(), journal);
    let client = world.client();
    client.queue("from", true);
    client.queue("to", true);
    client.publish("", "from", "a");
    world.commit();
    let delivery = take(&client, "from");
    let publishes: Vec<_> = (0..5)
        .map(|_| message("", "to", &"x".repeat(9000)))
        .collect();
    let settles = [settle(&delivery, Outcome::Accept)];
    let refused = client.attachment.commit(&publishes, &settles);
    let Err(Uncommitted::Refused(refusal)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(refusal.reason, Reason::Invalid);
    client.settle(&[delivery], Outcome::Requeue);
    world.commit();
    assert_eq!(
        (client.empty("from"), client.empty("to")),
        (vec!["a".into()], vec![])
    );
}

#[test]
fn a_full_disk_refuses_it_whole() {
    let journal = Options {
        segment_bytes: 48 << 10,
        ..small()
    };
    let mut world = World::with(Limits::default(), journal);
    let client = world.client();
    client.queue("from", true);
    client.queue("to", true);
    client.publish("", "from", "a");
    world.commit();
    let delivery = take(&client, "from");
    world.disk.set_capacity_bytes(0);
    while client
        .try_publish(message("", "to", &"x".repeat(1000)))
        .is_ok()
    {
        world.commit();
    }
    let publishes = [message("", "to", &"y".repeat(1000))];
    let settles = [settle(&delivery, Outcome::Accept)];
    let outcome = client.attachment.commit(&publishes, &settles);
    let Err(Uncommitted::Refused(refusal)) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(refusal.reason, Reason::ResourceExhausted);
    // Settlements alone may use what is left.
    client.attachment.commit(&[], &settles).unwrap();
    world.commit();
    assert_eq!(client.empty("from"), [""; 0]);
}

#[test]
fn a_message_of_a_transaction_is_delivered_once_it_is_durable() {
    let mut world = World::new();
    let client = world.client();
    client.queue("to", true);
    world.commit();
    client.consume("to", 1, 0);
    client
        .attachment
        .commit(&[message("", "to", "a")], &[])
        .unwrap();
    assert!(
        client.events().is_empty(),
        "not delivered before it is durable"
    );
    world.commit();
    assert_eq!(client.bodies(), ["a"]);
}
