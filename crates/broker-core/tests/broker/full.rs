//! A disk that fills up and gets room again: nothing that was said to be done is undone, and nothing
//! is half done.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use broker_core::admin::DeleteIf;
use broker_core::call::{DeclareExchange, DeclareQueue, Delivery, Destination, Outcome};
use broker_core::definitions::{BindingSpec, Endpoint, Expect, VhostSpec};
use broker_core::durability::Promise;
use broker_core::journal::{Lsn, Options, Trouble, Turn};
use broker_core::limits::Limits;
use broker_core::refusal::{Reason, Refusal};
use broker_core::value::{Arguments, Value};

use crate::kit::{Client, USER, World, binding, exchange, message, queue, small};

fn small_segments() -> World {
    let journal = Options {
        segment_bytes: 64 << 10,
        ..small()
    };
    World::with(Limits::default(), journal)
}

/// Lets nobody write a new file.
fn fill_up(world: &World) {
    world.disk.set_capacity_bytes(0);
}

fn give_room(world: &World) {
    world.disk.set_capacity_bytes(u64::MAX);
}

fn publish_until_refused(world: &mut World, client: &Client, queue: &str) -> usize {
    for count in 0.. {
        match client.try_publish(message("", queue, &"x".repeat(100))) {
            Ok(_) => world.commit(),
            Err(refusal) => {
                assert_eq!(refusal.reason, Reason::ResourceExhausted);
                return count;
            }
        }
    }
    unreachable!("the loop has no end")
}

/// Takes all messages of the queue out, unsettled.
fn take_all(client: &Client, queue: &str) -> Vec<Delivery> {
    std::iter::from_fn(|| client.attachment.get(queue, false).unwrap())
        .map(|(delivery, _)| delivery)
        .collect()
}

/// A disk so full that not even a settlement goes in, with `kept` in memory and in the journal.
fn brimful(world: &mut World, client: &Client, kept: &str, messages: usize) {
    client.queue(kept, true);
    client.queue("filler", true);
    for n in 0..messages {
        client.publish("", kept, &format!("m{n}"));
        world.commit();
    }
    fill_up(world);
    publish_until_refused(world, client, "filler");
    use_up_the_reserve(world, client);
}

/// Settles and publishes in a queue nobody else uses until the journal takes no settlement.
fn use_up_the_reserve(world: &mut World, client: &Client) {
    for delivery in take_all(client, "filler") {
        let lsn = client
            .attachment
            .settle(delivery.queue, &[delivery.sequence], Outcome::Accept);
        world.commit();
        if lsn > world.broker.durable() {
            return;
        }
    }
    panic!("there is room left");
}

#[test]
fn settlements_made_on_a_full_disk_are_journaled_once_there_is_room() {
    let mut world = small_segments();
    let client = world.client();
    brimful(&mut world, &client, "q", 50);
    let deliveries = take_all(&client, "q");
    assert_eq!(deliveries.len(), 50);
    let mut last = None;
    for delivery in &deliveries[..40] {
        last = Some(client.attachment.settle(
            delivery.queue,
            &[delivery.sequence],
            Outcome::Accept,
        ));
    }
    world.commit();
    assert!(last.unwrap() > world.broker.durable());
    give_room(&world);
    world.commit();
    assert!(last.unwrap() <= world.broker.durable());
    drop(client);

    let world = world.reopen();
    let expected: Vec<_> = (40..50).map(|n| format!("m{n}")).collect();
    assert_eq!(world.client().empty("q"), expected);
}

#[test]
fn who_waits_for_a_purge_on_a_full_disk_is_woken_once_there_is_room() {
    let mut world = small_segments();
    let client = world.client();
    brimful(&mut world, &client, "q", 5);
    let (purged, lsn) = client.attachment.purge_queue("q").unwrap();
    assert_eq!(purged, 5);
    let wakes = client.wakes.load(Ordering::SeqCst);
    for _ in 0..3 {
        client.attachment.watch(Promise::durable(lsn));
        world.commit();
    }
    assert_eq!(client.wakes.load(Ordering::SeqCst), wakes);
    give_room(&world);
    world.commit();
    assert_eq!(client.wakes.load(Ordering::SeqCst), wakes + 1);
    assert!(lsn <= client.attachment.durable());
    drop(client);
    assert!(world.reopen().client().empty("q").is_empty());
}

#[test]
fn memory_that_becomes_free_wakes_nobody_who_waits_for_the_disk() {
    let mut world = small_segments();
    let client = world.client();
    brimful(&mut world, &client, "q", 10);
    let publisher = world.client();
    assert!(publisher.attachment.publish_paused(|| false));
    for _ in 0..10 {
        client.empty("filler");
        client.attachment.get("q", true).unwrap().unwrap();
        assert!(publisher.attachment.publish_paused(|| false));
    }
    assert_eq!(publisher.wakes.load(Ordering::SeqCst), 0);
    give_room(&world);
    world.commit();
    assert_eq!(publisher.wakes.load(Ordering::SeqCst), 1);
    assert!(!publisher.attachment.publish_paused(|| false));
}

/// Deletes one object of every kind that is there.
fn delete_each(world: &World) -> Vec<Result<Lsn, Refusal>> {
    let admin = world.admin();
    let any = DeleteIf::default();
    vec![
        admin.delete_binding(&bound("kept", "q"), Expect::Any),
        admin.delete_binding(&bound("fading", "q"), Expect::Any),
        admin.delete_queue("/", "q", Expect::Any, any),
        admin.delete_exchange("/", "kept", Expect::Any, any),
        admin.delete_permission("other", "v", Expect::Any),
        admin.delete_user("other", Expect::Any),
        admin.delete_vhost("v", Expect::Any, DeleteIf::default()),
    ]
}

fn bound(source: &str, queue: &str) -> BindingSpec {
    BindingSpec {
        vhost: "/".into(),
        source: source.into(),
        destination: Endpoint::Queue(queue.into()),
        routing_key: "k".into(),
        arguments: Arguments::new(),
    }
}

/// One object of every kind, among them an exchange that goes with its last binding.
fn make_each(world: &World, client: &Client) {
    let admin = world.admin();
    client.queue("q", true);
    client.exchange("kept", "direct");
    let fading = DeclareExchange {
        auto_delete: true,
        ..exchange("fading", "direct")
    };
    client.attachment.declare_exchange(&fading).unwrap();
    client.bind("kept", "q", "k");
    client.bind("fading", "q", "k");
    let vhost = VhostSpec::named("v");
    admin.put_vhost(&vhost, Expect::Absent).unwrap();
    admin
        .put_user("other", Default::default(), Expect::Absent)
        .unwrap();
    world.permit("other", "v", [".*", ".*", ".*"]);
}

fn all_is_there(world: &World, client: &Client, messages: usize) {
    let admin = world.admin();
    let names: Vec<_> = ["kept", "fading"]
        .map(|name| admin.exchange("/", name).unwrap().value.name)
        .into();
    assert_eq!(names, ["kept", "fading"]);
    assert_eq!(admin.bindings("/").unwrap().len(), 2);
    assert_eq!(admin.permissions(Some("v")).len(), 1);
    let passive = DeclareQueue {
        passive: true,
        ..queue("q", true)
    };
    let declared = client.attachment.declare_queue(&passive).unwrap();
    assert_eq!(declared.messages as usize, messages);
}

#[test]
fn a_deletion_the_full_disk_cannot_take_changes_nothing() {
    let mut world = small_segments();
    let client = world.client();
    make_each(&world, &client);
    brimful(&mut world, &client, "q", 3);
    for refused in delete_each(&world) {
        assert_eq!(refused.unwrap_err().reason, Reason::ResourceExhausted);
        all_is_there(&world, &client, 3);
    }
    give_room(&world);
    world.commit();
    for deleted in delete_each(&world) {
        deleted.unwrap();
    }
    world.commit();
    drop(client);
    let admin = world.reopen().admin();
    assert!(admin.exchange("/", "kept").is_err());
    assert!(admin.exchange("/", "fading").is_err());
    assert!(admin.queue("/", "q").is_err());
    assert!(admin.vhost("v").is_err() && admin.user("other").is_err());
}

#[test]
fn a_deletion_on_a_failed_disk_changes_nothing() {
    let mut world = small_segments();
    let client = world.client();
    make_each(&world, &client);
    client.publish("", "q", "m");
    world.commit();
    let next = world.disk.operations();
    world
        .disk
        .plan(next, Trouble::Error(std::io::ErrorKind::Other));
    client.publish("", "q", "never durable");
    world.writer.turn().unwrap_err();
    for refused in delete_each(&world) {
        assert_eq!(refused.unwrap_err().reason, Reason::Unavailable);
        all_is_there(&world, &client, 2);
    }
}

#[test]
fn an_abandoned_queue_is_deleted_once_the_disk_can_take_note_of_it() {
    let mut world = small_segments();
    let client = world.client();
    let leaving = world.client();
    let own = DeclareQueue {
        exclusive: true,
        ..queue("own", false)
    };
    leaving.try_queue(own).unwrap();
    let fading = DeclareExchange {
        auto_delete: true,
        ..exchange("fading", "direct")
    };
    leaving.attachment.declare_exchange(&fading).unwrap();
    let call = binding("fading", Destination::Queue("own"), "k");
    leaving.attachment.bind(&call).unwrap();
    brimful(&mut world, &client, "q", 1);
    drop(leaving);
    world.commit();
    let admin = world.admin();
    assert!(admin.queue("/", "own").is_ok() && admin.exchange("/", "fading").is_ok());
    give_room(&world);
    world.commit();
    assert!(admin.queue("/", "own").is_err() && admin.exchange("/", "fading").is_err());
    drop((client, admin));
    let world = world.reopen();
    assert!(world.admin().exchange("/", "fading").is_err());
    assert!(world.admin().user(USER).is_ok());
}

#[test]
fn an_unused_queue_on_a_full_disk_goes_a_whole_time_later() {
    let mut world = small_segments();
    let client = world.client();
    client.queue_with("unused", [("x-expires", Value::Int(1000))]);
    brimful(&mut world, &client, "q", 1);
    world.clock.pass(Duration::from_millis(1000));
    let exists = |world: &World| world.admin().queue("/", "unused").is_ok();
    world.broker.on_time();
    assert!(exists(&world));
    // No sooner: nobody turns in circles.
    assert_eq!(world.broker.on_time(), Some(Duration::from_millis(1000)));
    give_room(&world);
    world.commit();
    assert!(exists(&world));
    world.pass_ms(1000);
    assert!(!exists(&world));
}

#[test]
fn a_publish_waits_for_the_next_segment_and_is_not_refused() {
    let mut world = small_segments();
    let client = world.client();
    client.queue("q", true);
    world.commit();
    let mut expected = Vec::new();
    for round in 0..10 {
        // The disk is slow: several segments come while it does nothing at all.
        let mut last = Lsn(0);
        for n in 0..100 {
            let body = format!("{round}:{n} {}", "x".repeat(3000));
            last = client.publish("", "q", &body).unwrap();
            expected.push(body);
        }
        assert!(client.attachment.publish_paused(|| false), "round {round}");
        assert!(last > client.attachment.durable());
        client.attachment.watch(Promise::durable(last));
        let wakes = client.wakes.load(Ordering::SeqCst);
        world.commit();
        assert!(last <= client.attachment.durable());
        assert!(client.wakes.load(Ordering::SeqCst) > wakes);
        assert!(!client.attachment.publish_paused(|| false));
    }
    drop(client);
    let world = world.reopen();
    assert_eq!(world.client().empty("q"), expected);
}

#[test]
fn what_is_journaled_past_a_waiting_message_does_not_make_it_durable() {
    let mut world = small_segments();
    let client = world.client();
    client.queue("q", true);
    world.commit();
    let mut waiting = Lsn(0);
    for _ in 0..60 {
        waiting = client.publish("", "q", &"x".repeat(3000)).unwrap();
    }
    // Small enough for what is left of the segment.
    let declared = client.attachment.declare_queue(&queue("other", true));
    let declared = declared.unwrap().lsn;
    while world.writer.turn().unwrap() != Turn::Idle {}
    assert!(waiting < declared && waiting > world.broker.durable());
    world.broker.committed();
    assert!(waiting > world.broker.durable(), "appended, not synced");
    world.commit();
    assert!(declared <= world.broker.durable());
}

#[test]
fn a_message_that_waits_for_its_segment_can_be_had_and_settled_and_stays_so() {
    let mut world = small_segments();
    let client = world.client();
    client.queue("q", true);
    client.consume("q", 1, 0);
    world.commit();
    for n in 0..60 {
        client.publish("", "q", &format!("{n:02}{}", "x".repeat(3000)));
    }
    assert!(client.attachment.publish_paused(|| false));
    assert!(client.deliveries().is_empty(), "nothing is durable");
    let (waiting, _) = std::iter::from_fn(|| client.attachment.get("q", false).unwrap())
        .last()
        .unwrap();
    assert!(waiting.message.lsn > world.broker.durable());
    client
        .attachment
        .settle(waiting.queue, &[waiting.sequence], Outcome::Accept);
    world.commit();
    drop(client);
    let world = world.reopen();
    let left: Vec<_> = world
        .client()
        .empty("q")
        .iter()
        .map(|body| body[..2].to_owned())
        .collect();
    assert_eq!(left, (0..59).map(|n| format!("{n:02}")).collect::<Vec<_>>());
}

/// Publishes without letting the disk do anything, more than two segments can take.
fn publish_at_once(client: &Client, messages: usize) -> (Vec<String>, Lsn) {
    let body = |n| format!("{n:02}{}", "x".repeat(3000));
    let bodies: Vec<_> = (0..messages).map(body).collect();
    let publish = |body: &String| client.publish("", "q", body).unwrap();
    let last = bodies.iter().map(publish).last().unwrap();
    assert!(last > client.attachment.durable());
    (bodies, last)
}

#[test]
fn a_message_taken_before_the_disk_was_full_is_paid_from_the_reserve() {
    let mut world = small_segments();
    let client = world.client();
    client.queue("q", true);
    world.commit();
    let (bodies, last) = publish_at_once(&client, 37);
    fill_up(&world);
    world.commit();
    assert!(last <= client.attachment.durable());
    assert!(client.attachment.publish_paused(|| false));
    drop(client);
    assert_eq!(world.reopen().client().empty("q"), bodies);
}

#[test]
fn a_message_that_has_left_its_queue_is_owed_no_more() {
    let mut world = small_segments();
    let client = world.client();
    client.queue("q", true);
    client.queue("other", true);
    world.commit();
    // More than the reserve can take.
    let (_, last) = publish_at_once(&client, 80);
    fill_up(&world);
    world.commit();
    assert!(last > client.attachment.durable());
    client.attachment.purge_queue("q").unwrap();
    world.commit();
    assert!(last <= client.attachment.durable());
    drop(client);
    assert!(world.reopen().client().empty("q").is_empty());
}

#[test]
fn nothing_is_kept_of_a_connection_that_waited_and_is_gone() {
    let mut world = small_segments();
    let client = world.client();
    client.queue("other", true);
    brimful(&mut world, &client, "q", 5);
    let leaving = world.client();
    leaving.consume("other", 1, 10);
    assert!(leaving.attachment.publish_paused(|| false));
    let (_, never) = leaving.attachment.purge_queue("q").unwrap();
    assert!(never > world.broker.durable());
    leaving.attachment.watch(Promise::durable(never));
    // The outbox owns the second reference.
    let wakes = Arc::clone(&leaving.wakes);
    drop(leaving);
    assert_eq!(Arc::strong_count(&wakes), 1);
    give_room(&world);
    world.commit();
    assert!(never <= world.broker.durable());
    assert_eq!(wakes.load(Ordering::SeqCst), 0);
}
