//! What each level of durability promises, and what a kill and a power loss leave of it.

use std::sync::atomic::Ordering;

use broker_core::call::{DeclareQueue, Outcome};
use broker_core::durability::{Durability, Promise};
use broker_core::journal::{Lsn, Survival, Trouble, Turn};
use broker_core::refusal::Reason;
use broker_core::value::{Arguments, Value};

use crate::kit::{Client, World, queue};

/// A world with a queue of each level, named after it.
fn levels() -> (World, Client) {
    let mut world = World::new();
    let client = world.client();
    client.exchange("all", "fanout");
    for level in Durability::ALL {
        client.queue_at(level.name(), level);
        client.bind("all", level.name(), "");
    }
    world.commit();
    (world, client)
}

impl World {
    /// One turn of the writer, and the broker is told of it.
    fn turn(&mut self) -> Turn {
        let turn = self.writer.turn().unwrap();
        match turn {
            Turn::Written(_) => self.broker.written(),
            Turn::Committed(_) | Turn::SpaceReturned => self.broker.committed(),
            Turn::Idle | Turn::Closed => {}
        }
        turn
    }

    /// Opens the broker on what the disk is after that.
    fn after(self, survival: Survival) -> Self {
        let disk = self.disk.after_power_loss(survival);
        Self::open(disk, self.config.clone())
    }
}

#[test]
fn each_queue_delivers_by_its_own_level_and_the_confirm_waits_for_the_strictest() {
    let (mut world, client) = levels();
    for (consumer, level) in Durability::ALL.into_iter().enumerate() {
        client.consume(level.name(), consumer as u64, 0);
    }
    let promise = client.promised("all", "", "m");
    assert_eq!(promise.durability, Durability::Fsync);
    let told = |client: &Client| -> Vec<_> {
        let deliveries = client.deliveries().into_iter();
        deliveries.map(|it| it.consumer.unwrap().0).collect()
    };
    assert_eq!(told(&client), [2], "memory waits for nothing");
    assert!(matches!(world.turn(), Turn::Written(_)));
    assert_eq!(told(&client), [1], "os waits for the write");
    assert!(!world.broker.reached().keeps(promise));
    assert!(matches!(world.turn(), Turn::Committed(_)));
    assert_eq!(told(&client), [0], "fsync waits for the sync");
    assert!(world.broker.reached().keeps(promise));
}

#[test]
fn a_publish_to_one_queue_waits_for_no_more_than_its_level_asks() {
    let (_world, client) = levels();
    assert_eq!(client.promised("", "memory", "m"), Promise::KEPT);
    assert_eq!(client.promised("", "os", "m").durability, Durability::Os);
    let strict = client.promised("", "fsync", "m");
    assert_eq!(strict.durability, Durability::Fsync);
    assert!(strict.lsn > Lsn(0));
}

#[test]
fn who_waits_for_the_write_is_woken_by_it() {
    let (mut world, client) = levels();
    let promise = client.promised("", "os", "m");
    client.attachment.watch(promise);
    assert_eq!(client.wakes.load(Ordering::SeqCst), 0);
    assert!(matches!(world.turn(), Turn::Written(_)));
    assert_eq!(client.wakes.load(Ordering::SeqCst), 1);
    assert!(world.broker.reached().keeps(promise));
    assert!(world.broker.durable() < promise.lsn);
    // Once written, a watch is answered at once.
    client.attachment.watch(promise);
    assert_eq!(client.wakes.load(Ordering::SeqCst), 2);
}

#[test]
fn nobody_who_waits_for_the_disk_costs_a_turn_of_its_own() {
    let (mut world, client) = levels();
    client.attachment.watch(client.promised("", "fsync", "m"));
    client.consume("fsync", 1, 0);
    assert!(matches!(world.turn(), Turn::Committed(_)));
}

/// What each queue holds after messages were promised, the process ended between a write and its
/// sync, and the disk kept what `survival` says.
fn left_after_a_crash(survival: Survival) -> Vec<(Durability, Vec<String>)> {
    let (mut world, client) = levels();
    client.promised("all", "", "synced");
    world.commit();
    client
        .attachment
        .watch(client.promised("", "os", "written"));
    assert!(matches!(world.turn(), Turn::Written(_)));
    client.promised("", "fsync", "gathered");
    drop(client);
    let world = world.after(survival);
    let client = world.client();
    let left = |level: Durability| (level, client.empty(level.name()));
    Durability::ALL.map(left).to_vec()
}

#[test]
fn what_is_written_survives_a_kill() {
    let left = left_after_a_crash(Survival::Everything);
    let expected = [
        (Durability::Fsync, vec!["synced".to_owned()]),
        (Durability::Os, vec!["synced".into(), "written".into()]),
        (Durability::Memory, vec![]),
    ];
    assert_eq!(left, expected);
}

#[test]
fn only_what_is_synced_survives_a_power_loss() {
    let left = left_after_a_crash(Survival::Nothing);
    let expected = [
        (Durability::Fsync, vec!["synced".to_owned()]),
        (Durability::Os, vec!["synced".into()]),
        (Durability::Memory, vec![]),
    ];
    assert_eq!(left, expected);
}

#[test]
fn a_failed_sync_behind_a_write_stops_the_broker() {
    let (mut world, client) = levels();
    let promise = client.promised("", "os", "m");
    client.attachment.watch(promise);
    assert!(matches!(world.turn(), Turn::Written(_)));
    let sync = world.disk.operations();
    let error = Trouble::Error(std::io::ErrorKind::Other);
    world.disk.plan(sync, error);
    let stopped = world.writer.turn().unwrap_err().to_string();
    assert!(stopped.contains("cannot sync"), "{stopped}");
    assert!(world.broker.durable() < promise.lsn);
    assert!(
        client
            .attachment
            .publish_one(crate::kit::message("", "fsync", "n"))
            .is_err()
    );
}

#[test]
fn a_queue_in_memory_comes_back_empty_with_its_bindings() {
    let (mut world, client) = levels();
    for _ in 0..50 {
        client.promised("all", "", "m");
    }
    world.commit();
    let journaled = world.admin().queue("/", "os").unwrap().stats.ready;
    assert_eq!(
        world.admin().queue("/", "memory").unwrap().stats.ready,
        journaled
    );
    drop(client);
    let mut world = world.reopen();
    assert_eq!(world.admin().queue("/", "memory").unwrap().stats.ready, 0);
    assert_eq!(world.admin().queue("/", "os").unwrap().stats.ready, 50);
    let client = world.client();
    client.promised("all", "", "again");
    world.commit();
    assert_eq!(client.empty("memory"), ["again"]);
}

#[test]
fn settling_in_memory_writes_nothing() {
    let (mut world, client) = levels();
    let before = world.broker.durable();
    client.promised("", "memory", "m");
    let (delivery, _) = client.attachment.get("memory", false).unwrap().unwrap();
    let settled = client
        .attachment
        .settle(delivery.queue, &[delivery.sequence], Outcome::Accept);
    assert_eq!(settled, Lsn(0));
    assert_eq!(world.turn(), Turn::Idle);
    assert_eq!(world.broker.durable(), before);
}

#[test]
fn leaving_the_default_out_declares_the_same_queue() {
    let (_world, client) = levels();
    client.queue("fsync", true);
    client.queue("plain", true);
    client.queue_at("plain", Durability::Fsync);
    let other = client.try_queue(queue("os", true)).unwrap_err();
    assert_eq!(other.reason, Reason::Mismatch);
    assert!(other.text.contains("x-durability"), "{}", other.text);
}

#[test]
fn a_queue_that_goes_with_its_connection_promises_nothing() {
    let (_world, client) = levels();
    let level = Value::Text("os".to_owned());
    let call = DeclareQueue {
        exclusive: true,
        arguments: Arguments::from([("x-durability".to_owned(), level)]),
        ..queue("own", true)
    };
    let refused = client.try_queue(call).unwrap_err();
    assert_eq!(refused.reason, Reason::Invalid);
    assert!(refused.text.contains("must be durable"), "{}", refused.text);
}
