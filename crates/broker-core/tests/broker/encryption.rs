//! What a broker with encryption leaves on its disk, and how one that had none gets there.

use broker_core::journal::{Options, SimDisk, Survival};
use broker_core::limits::Limits;
use broker_core::value::Value;

use crate::kit::{World, keys, message, small};

const CANARY: &str = "canary-0123456789";

/// Small segments, or such as a broker has.
fn options(encrypted: bool) -> Options {
    sized(encrypted, 20 << 10)
}

fn sized(encrypted: bool, segment_bytes: u64) -> Options {
    Options {
        segment_bytes,
        batch_bytes: 8 << 10,
        keys: encrypted.then(keys),
        ..small()
    }
}

/// Files in which the canary is.
fn plaintext(disk: &SimDisk) -> Vec<String> {
    let found = |bytes: &[u8]| {
        bytes
            .windows(CANARY.len())
            .any(|it| it == CANARY.as_bytes())
    };
    let files = disk.contents().into_iter();
    let files = files.filter(|(_, bytes)| found(bytes));
    files.map(|(name, _)| name).collect()
}

/// Fills queues and a stream whose names, keys and messages hold the canary.
fn filled(journal: Options) -> World {
    let mut world = World::with(Limits::default(), journal);
    let client = world.client();
    client.queue(&format!("queue-{CANARY}"), true);
    client.queue_with(
        &format!("stream-{CANARY}"),
        [("x-queue-type", Value::Text("stream".to_owned()))],
    );
    for queue in ["queue", "stream"] {
        let queue = format!("{queue}-{CANARY}");
        client.bind("amq.topic", &queue, &format!("{CANARY}.#"));
    }
    for number in 0..120 {
        let body = format!("{number} {CANARY} {:<300}", "");
        client
            .try_publish(message("amq.topic", &format!("{CANARY}.key"), &body))
            .unwrap()
            .unwrap();
        if number % 7 == 0 {
            world.commit();
        }
    }
    world.commit();
    drop(client);
    world
}

#[test]
fn neither_a_stop_nor_a_kill_leaves_any_of_it_on_the_disk() {
    let world = filled(options(true));
    let killed = world.disk.after_power_loss(Survival::Everything);
    assert_eq!(plaintext(&killed), [""; 0]);
    let world = world.reopen();
    assert_eq!(plaintext(&world.disk), [""; 0]);
    let found = world.client().empty(&format!("queue-{CANARY}"));
    assert_eq!(found.len(), 120);
}

#[test]
fn a_broker_that_was_not_encrypted_becomes_so_by_itself_and_loses_nothing() {
    becomes_encrypted(20 << 10);
}

#[test]
fn so_does_one_whose_messages_fill_a_small_part_of_a_segment() {
    becomes_encrypted(8 << 20);
}

fn becomes_encrypted(segment_bytes: u64) {
    let mut world = filled(sized(false, segment_bytes)).reopen();
    assert!(!plaintext(&world.disk).is_empty());
    assert!(!world.admin().encryption().encrypts);
    world.config.journal = sized(true, segment_bytes);
    let mut world = world.reopen();
    let before = world.admin().encryption();
    assert!(before.encrypts && before.plain_bytes > 20 << 10);
    // Nobody uses it: what the journal's thread does by itself has to be enough.
    world.broker.committed();
    world.commit();
    assert_eq!(world.admin().encryption().plain_bytes, 0);
    assert_eq!(plaintext(&world.disk), [""; 0]);
    let world = world.reopen();
    let client = world.client();
    let stream = format!("stream-{CANARY}");
    let stats = world.admin().queue("/", &stream).unwrap().stats;
    assert_eq!(stats.ready, 120);
    let found = client.empty(&format!("queue-{CANARY}"));
    let numbers: Vec<_> = found
        .iter()
        .map(|body| body.split(' ').next().unwrap())
        .collect();
    let expected: Vec<_> = (0..120).map(|number| number.to_string()).collect();
    assert_eq!(numbers, expected);
}
