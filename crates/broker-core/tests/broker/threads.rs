//! Many threads at once: every message exactly once, and nobody waits for ever.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use broker_core::admin::DeleteIf;
use broker_core::call::{Consume, DeclareQueue, Destination, Outcome};
use broker_core::definitions::{Expect, VhostSpec};
use broker_core::journal::{Turn, Writer};
use broker_core::limits::Limits;
use broker_core::outbox::Event;
use broker_core::refusal::{Reason, Refusal};

use crate::kit::{
    Client, USER, World, binding, body, consume, login, message, publish, queue, small,
};

/// Longest a test of this kind may take before it counts as stuck.
const DEADLINE: Duration = Duration::from_secs(60);

const PUBLISHERS: usize = 3;
const EACH: usize = 1500;

/// Commits until told to stop.
fn write(world: &World, writer: &mut Writer, stop: &AtomicBool) {
    while !stop.load(Ordering::SeqCst) {
        match writer.turn().unwrap() {
            Turn::Idle => writer.wait(Duration::from_millis(5)),
            _ => world.broker.committed(),
        }
    }
}

#[test]
fn every_message_is_settled_exactly_once() {
    let limits = Limits {
        outbox_bytes: 4000,
        ..Limits::default()
    };
    let mut world = World::with(limits, small());
    let client = world.client();
    client.exchange("all", "fanout");
    for name in ["a", "b"] {
        client.queue(name, true);
        client.bind("all", name, "");
    }
    world.commit();
    let (mut writer, spare) = (world.writer, World::new().writer);
    world.writer = spare;
    let world = &world;
    let expected = 2 * PUBLISHERS * EACH;
    let (stop, settled) = (AtomicBool::new(false), AtomicUsize::new(0));
    let seen: Mutex<HashMap<(String, String), usize>> = Mutex::default();
    thread::scope(|scope| {
        scope.spawn(|| write(world, &mut writer, &stop));
        for publisher in 0..PUBLISHERS {
            scope.spawn(move || {
                let client = world.client();
                for n in 0..EACH {
                    while client.attachment.publish_paused(|| false) {
                        thread::yield_now();
                    }
                    let text = format!("{publisher}-{n:05}");
                    let call = publish("all", "", &text, n % 3 > 0);
                    assert!(client.try_publish(call).unwrap().is_some());
                }
            });
        }
        for number in 0..4 {
            let (seen, settled, stop) = (&seen, &settled, &stop);
            scope.spawn(move || {
                let name = ["a", "b"][number % 2];
                consume_all(world, name, number, expected, seen, settled);
                stop.store(true, Ordering::SeqCst);
            });
        }
    });
    let seen = seen.into_inner().unwrap();
    assert_eq!(seen.len(), expected);
    assert!(seen.values().all(|count| *count == 1));
}

/// Settles everything of one queue until all consumers together have seen all; the odd ones put
/// every seventh message back first and reconnect now and then.
fn consume_all(
    world: &World,
    name: &str,
    number: usize,
    expected: usize,
    seen: &Mutex<HashMap<(String, String), usize>>,
    settled: &AtomicUsize,
) {
    let deadline = Instant::now() + DEADLINE;
    let connect = || {
        let client = world.client();
        client.consume(name, 1, 20);
        client
    };
    let mut client = connect();
    let mut count = 0;
    while settled.load(Ordering::SeqCst) < expected {
        assert!(
            Instant::now() < deadline,
            "stuck at {}",
            settled.load(Ordering::SeqCst)
        );
        let deliveries = client.deliveries();
        if deliveries.is_empty() {
            thread::yield_now();
        }
        for delivery in deliveries {
            count += 1;
            if number >= 2 && count % 7 == 0 && !delivery.redelivered {
                client.settle(&[delivery], Outcome::Requeue);
                continue;
            }
            let key = (name.to_owned(), body(&delivery));
            *seen.lock().unwrap().entry(key).or_default() += 1;
            client.settle(&[delivery], Outcome::Accept);
            settled.fetch_add(1, Ordering::SeqCst);
        }
        if number == 3 && count > 300 {
            count = 0;
            client = connect();
        }
    }
}

#[test]
fn no_message_goes_with_a_virtual_host_deleted_as_empty() {
    race_with_deletion(|world| {
        world.admin().delete_vhost("v", Expect::Any, EMPTY)?;
        Ok(())
    });
}

#[test]
fn no_message_goes_with_a_queue_deleted_as_empty() {
    race_with_deletion(|world| {
        world.admin().delete_queue("v", "q", Expect::Any, EMPTY)?;
        Ok(())
    });
}

const EMPTY: DeleteIf = DeleteIf {
    unused: false,
    empty: true,
};

/// Deletes what a queue is in, or the queue, while somebody publishes to it and takes the message
/// out again: whatever the queue took can be taken out.
fn race_with_deletion(delete: impl Fn(&World) -> Result<(), Refusal> + Sync) {
    let mut world = World::new();
    let deadline = Instant::now() + DEADLINE;
    for _ in 0..300 {
        let spec = VhostSpec::named("v");
        world.admin().put_vhost(&spec, Expect::Any).unwrap();
        world.permit(USER, "v", [".*", ".*", ".*"]);
        let client = world.try_client(&login(), "v").unwrap();
        client.queue("q", false);
        thread::scope(|scope| {
            scope.spawn(|| publish_until_deleted(client, deadline));
            while let Err(refusal) = delete(&world) {
                assert_eq!(refusal.reason, Reason::NotEmpty, "{refusal}");
                assert!(Instant::now() < deadline, "never empty");
            }
        });
        world.commit();
    }
}

fn publish_until_deleted(client: Client, deadline: Instant) {
    while let Ok(Some(_)) = client.try_publish(message("", "q", "m")) {
        assert!(Instant::now() < deadline, "never deleted");
        let taken = client.attachment.get("q", true);
        assert!(matches!(taken, Ok(Some(_))), "a message is lost: {taken:?}");
    }
}

#[test]
fn declaring_deleting_publishing_and_consuming_at_once_ends() {
    let mut world = World::new();
    let (mut writer, spare) = (world.writer, World::new().writer);
    world.writer = spare;
    let world = &world;
    let stop = AtomicBool::new(false);
    let running = AtomicUsize::new(4);
    thread::scope(|scope| {
        scope.spawn(|| write(world, &mut writer, &stop));
        for number in 0..4u64 {
            let (running, stop) = (&running, &stop);
            scope.spawn(move || {
                for round in 0..150 {
                    churn(world, number, round);
                }
                if running.fetch_sub(1, Ordering::SeqCst) == 1 {
                    stop.store(true, Ordering::SeqCst);
                }
            });
        }
    });
    assert!(world.admin().connections().is_empty());
}

/// Two names for four threads, so that everything happens while another does the same.
fn churn(world: &World, number: u64, round: u64) {
    let client = world.client();
    let name = ["left", "right"][(number % 2) as usize];
    let call = DeclareQueue {
        auto_delete: number > 1,
        ..queue(name, true)
    };
    // Any of these may be refused because of what another thread does; none may hang or panic.
    let _ = client.try_queue(call);
    let _ = client
        .attachment
        .bind(&binding("amq.topic", Destination::Queue(name), "#"));
    let _ = client.attachment.consume(&Consume {
        prefetch: 2,
        ..consume(name, 1)
    });
    for n in 0..5 {
        let _ = client.try_publish(message("amq.topic", "k", &n.to_string()));
    }
    for event in client.events() {
        if let Event::Deliver(delivery) = event {
            client.settle(&[delivery], Outcome::Requeue);
        }
    }
    match round % 3 {
        0 => drop(client.attachment.purge_queue(name)),
        1 => drop(
            world
                .admin()
                .delete_queue("/", name, Expect::Any, DeleteIf::default()),
        ),
        _ => {}
    }
}
