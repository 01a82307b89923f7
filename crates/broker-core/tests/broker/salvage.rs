//! What can be had from a journal that the broker refuses to open.

use std::collections::BTreeSet;
use std::sync::Arc;

use broker_core::broker::{Broker, Salvaged, salvage};
use broker_core::call::Outcome;
use broker_core::journal::{
    self, Admission, Haste, Kind, Lsn, Options, Record, RecordRef, Replay, SimDisk, Skipped,
    Survival, Trouble, Turn, Unreadable,
};
use broker_core::limits::Limits;
use proptest::prelude::*;

use crate::kit::{USER, World, small};

/// What was exported.
#[derive(Debug)]
struct Export {
    salvaged: Salvaged,
    /// Queue, sequence, body.
    messages: Vec<(Option<String>, u64, String)>,
}

impl Export {
    fn bodies(&self, queue: Option<&str>) -> Vec<String> {
        let messages = self.messages.iter();
        let of_queue = messages.filter(|(name, ..)| name.as_deref() == queue);
        of_queue.map(|(.., body)| body.clone()).collect()
    }

    fn skipped(&self) -> &[Skipped] {
        &self.salvaged.skipped
    }
}

/// Exports, and sees to it that nothing is changed.
fn export(disk: &SimDisk) -> Export {
    let (before, mut messages) = (disk.contents(), Vec::new());
    let salvaged = salvage(disk, None, &mut |message| {
        let body = String::from_utf8(message.body.to_vec()).unwrap();
        let queue = message.queue.map(|queue| queue.name.clone());
        messages.push((queue, message.sequence, body));
        Ok(())
    });
    let salvaged = salvaged.unwrap();
    assert!(disk.contents() == before, "a salvage changes nothing");
    assert_eq!(salvaged.messages, messages.len() as u64);
    Export { salvaged, messages }
}

fn options() -> Options {
    Options {
        segment_bytes: 20 << 10,
        batch_bytes: 8 << 10,
        ..small()
    }
}

fn body(number: usize) -> String {
    format!("message {number} {:<300}", "")
}

fn bodies(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(body).collect()
}

/// A broker closed in order: 200 messages in `q` over several segments, the first ten settled, and
/// some of them in `copy` too.
fn written() -> SimDisk {
    let mut world = World::with(Limits::default(), options());
    let client = world.client();
    client.queue("q", true);
    client.queue("copy", true);
    client.bind("amq.fanout", "q", "");
    client.bind("amq.fanout", "copy", "");
    for number in 0..200 {
        let exchange = if number >= 190 { "amq.fanout" } else { "" };
        client.publish(exchange, "q", &body(number)).unwrap();
        if number % 10 == 9 {
            world.commit();
        }
    }
    for _ in 0..10 {
        let (delivery, _) = client.attachment.get("q", false).unwrap().unwrap();
        client.settle(&[delivery], Outcome::Accept);
    }
    drop(client);
    close(world)
}

fn close(mut world: World) -> SimDisk {
    world.commit();
    world.broker.close();
    while world.writer.turn().unwrap() != Turn::Closed {}
    let disk = world.disk.after_power_loss(Survival::Everything);
    for name in disk.contents().into_keys() {
        // Or damage to full segments would go unnoticed until it is read.
        if name.starts_with("index-") {
            disk.lose(&name);
        }
    }
    disk
}

fn segments(disk: &SimDisk) -> Vec<String> {
    let names = disk.contents().into_keys();
    let begun = names.filter(|name| {
        let bytes = &disk.contents()[name];
        name.starts_with("segment-") && bytes[56..64] != [0; 8]
    });
    begun.collect()
}

/// Where these bytes are: file and offset.
fn place_of(disk: &SimDisk, needle: &str) -> (String, usize) {
    let needle = needle.as_bytes();
    let mut contents = disk.contents().into_iter();
    let found = contents.find_map(|(name, bytes)| {
        let mut windows = bytes.windows(needle.len());
        Some((name, windows.position(|window| window == needle)?))
    });
    found.expect("it is on disk")
}

fn refused(disk: &SimDisk) -> bool {
    let config = broker_core::broker::BrokerConfig {
        journal: options(),
        ..Default::default()
    };
    let copy = disk.after_power_loss(Survival::Everything);
    Broker::open(&config, Arc::new(copy)).is_err()
}

#[test]
fn a_sound_journal_is_exported_whole() {
    let disk = written();
    assert!(!refused(&disk) && segments(&disk).len() >= 4);
    let export = export(&disk);
    assert_eq!(export.skipped(), []);
    assert_eq!(export.bodies(Some("q")), bodies(10..200));
    assert_eq!(export.bodies(Some("copy")), bodies(190..200));
    let definitions = &export.salvaged.definitions;
    assert_eq!(definitions.vhosts[0].name, "/");
    assert_eq!(definitions.users[0].name, USER);
    assert!(definitions.users[0].password.is_some());
    assert_eq!(definitions.permissions[0].configure, ".*");
    assert_eq!(
        (definitions.queues.len(), definitions.bindings.len()),
        (2, 2)
    );
    assert_eq!(definitions.exchanges, []);
}

#[test]
fn a_damaged_record_is_passed_over_and_no_other() {
    let disk = written();
    let (name, at) = place_of(&disk, &body(57));
    // In the body, and in the header before it: its checksum, its epoch, its length.
    for byte in [at + 100, at - 70] {
        let disk = disk.after_power_loss(Survival::Everything);
        disk.flip(&name, byte * 8);
        assert!(refused(&disk));
        let export = export(&disk);
        let [skipped] = export.skipped() else {
            panic!("{:?}", export.skipped())
        };
        assert_eq!(skipped.file, name);
        let range = skipped.offset..skipped.offset + skipped.bytes;
        assert!(range.contains(&(byte as u64)), "{skipped:?}");
        let left = export.bodies(Some("q"));
        assert!(left.len() >= 188 && left.len() < 190, "{} left", left.len());
    }
    disk.flip(&name, (at + 100) * 8);
    assert_eq!(
        export(&disk).bodies(Some("q")),
        bodies((10..57).chain(58..200))
    );
}

#[test]
fn a_wiped_page_takes_what_was_on_it() {
    let disk = written();
    let (name, at) = place_of(&disk, &body(60));
    let mut bytes = disk.contents().remove(&name).unwrap();
    bytes[at..at + 2000].fill(0);
    disk.install(&name, &bytes);
    assert!(refused(&disk));
    let export = export(&disk);
    let [skipped] = export.skipped() else {
        panic!("{:?}", export.skipped())
    };
    assert!(
        skipped.reason.contains("expected a record, found"),
        "{skipped:?}"
    );
    assert!(skipped.bytes >= 2000 && skipped.bytes < 3500, "{skipped:?}");
    let left = export.bodies(Some("q"));
    assert_eq!(left[..50], bodies(10..60));
    assert!(left.ends_with(&bodies(70..200)));
}

#[test]
fn a_segment_with_a_damaged_header_is_found_by_its_records() {
    let disk = written();
    let name = segments(&disk)[1].clone();
    // Its magic, sequence, base, checksum.
    for byte in [0, 48, 57, 508] {
        let disk = disk.after_power_loss(Survival::Everything);
        disk.flip(&name, byte * 8);
        assert!(refused(&disk));
        let export = export(&disk);
        assert_eq!(export.bodies(Some("q")), bodies(10..200), "byte {byte}");
        let skipped = Skipped {
            file: name.clone(),
            offset: 0,
            bytes: 512,
            reason: "its header is damaged".into(),
        };
        assert_eq!(export.skipped(), [skipped]);
    }
    // Without the uid, no record can be told from what the file held before.
    disk.flip(&name, 16 * 8);
    let export = export(&disk);
    let reasons: Vec<_> = export.skipped().iter().map(|it| &*it.reason).collect();
    let gap = format!(
        "the segments between {} and it are missing",
        segments(&disk)[0]
    );
    assert_eq!(
        reasons,
        ["its header is damaged, and no record in it is good", &gap]
    );
    assert!(export.bodies(Some("q")).len() > 100);
}

#[test]
fn missing_segments_are_told_and_the_others_exported() {
    let disk = written();
    let names = segments(&disk);
    for (at, name) in names.iter().enumerate() {
        let disk = disk.after_power_loss(Survival::Everything);
        disk.lose(name);
        assert!(refused(&disk));
        let export = export(&disk);
        let told = export
            .skipped()
            .iter()
            .any(|it| it.reason.contains("missing"));
        assert!(told, "{name}: {:?}", export.skipped());
        let queue = (at > 0).then_some("q");
        let left = export.bodies(queue).len();
        assert!((100..190).contains(&left), "{name}: {left} left");
        if at == 0 {
            // The definitions went with it.
            assert!(export.salvaged.definitions.queues.is_empty());
            let told = export
                .skipped()
                .iter()
                .any(|it| it.reason.contains("definitions"));
            assert!(told, "{:?}", export.skipped());
        }
    }
}

#[test]
fn what_a_newer_version_or_another_broker_wrote_is_left_aside() {
    let disk = written();
    let name = segments(&disk)[1].clone();
    let mut newer = disk.contents().remove(&name).unwrap();
    newer[8] = 9;
    let crc = crc32c(&newer[..508]);
    newer[508..512].copy_from_slice(&crc.to_le_bytes());
    let changed = disk.after_power_loss(Survival::Everything);
    changed.install(&name, &newer);
    let reasons = |disk: &SimDisk| {
        let export = export(disk);
        let reasons = export.skipped().iter().map(|it| it.reason.clone());
        reasons.collect::<Vec<_>>()
    };
    assert!(reasons(&changed)[0].contains("format 9 is newer"));

    let other = SimDisk::new(99);
    drop(World::open(other.clone(), World::new().config));
    let (_, foreign) = other
        .contents()
        .into_iter()
        .find(|(name, _)| name.contains("segment"))
        .unwrap();
    disk.install("segment-00000099", &foreign);
    assert!(refused(&disk));
    let found = reasons(&disk);
    assert!(
        found.len() == 1 && found[0].contains("it belongs to store"),
        "{found:?}"
    );
    assert_eq!(export(&disk).bodies(Some("q")), bodies(10..200));
}

#[test]
fn a_torn_write_at_the_end_is_no_loss() {
    let mut world = World::with(Limits::default(), options());
    let client = world.client();
    client.queue("q", true);
    client.publish("", "q", &body(0)).unwrap();
    world.commit();
    for number in 1..9 {
        client.publish("", "q", &body(number)).unwrap();
    }
    let operation = world.disk.operations() + 1;
    world.disk.plan(operation, Trouble::PowerLoss);
    world.writer.turn().unwrap_err();
    for seed in 0..40 {
        let disk = world.disk.after_power_loss(Survival::Some(seed));
        let export = export(&disk);
        assert_eq!(export.skipped(), [], "seed {seed}");
        let left = export.bodies(Some("q"));
        assert_eq!(left, bodies(0..left.len()), "seed {seed}");
        assert!(!left.is_empty());
    }
}

#[test]
fn a_shortened_file_gives_what_is_left_of_it() {
    let disk = written();
    for name in segments(&disk) {
        let disk = disk.after_power_loss(Survival::Everything);
        let bytes = disk.contents().remove(&name).unwrap();
        disk.install(&name, &bytes[..10_000]);
        assert!(refused(&disk));
        let export = export(&disk);
        assert!(export.skipped().iter().any(|it| it.file == name), "{name}");
        assert!(export.bodies(Some("q")).len() >= 150, "{name}");
        disk.install(&name, b"short");
        assert!(
            self::export(&disk)
                .skipped()
                .iter()
                .any(|it| it.file == name)
        );
    }
}

/// A journal the front of which is freed: the definitions are in checkpoints.
fn with_checkpoints() -> SimDisk {
    let mut world = World::with(Limits::default(), options());
    let client = world.client();
    client.queue("q", true);
    for number in 0..400 {
        client.publish("", "q", &body(number)).unwrap();
        world.commit();
        if number < 395 {
            let (delivery, _) = client.attachment.get("q", false).unwrap().unwrap();
            client.settle(&[delivery], Outcome::Accept);
        }
    }
    drop(client);
    let disk = close(world);
    assert!(!disk.contents().contains_key("segment-00000001") || segments(&disk).len() < 10);
    assert!(disk.contents().contains_key("checkpoint-b"));
    disk
}

#[test]
fn one_damaged_checkpoint_is_made_good_by_the_other_and_two_cost_the_definitions() {
    let disk = with_checkpoints();
    let whole = export(&disk);
    assert_eq!(
        (whole.skipped(), whole.bodies(Some("q"))),
        (&[][..], bodies(395..400))
    );
    let lost = disk.after_power_loss(Survival::Everything);
    for (damaged, name) in ["checkpoint-a", "checkpoint-b"].iter().enumerate() {
        disk.flip(name, 70 * 8);
        let export = export(&disk);
        assert_eq!(export.skipped()[damaged].file, *name);
        let queue = (damaged == 0).then_some("q");
        assert_eq!(export.bodies(queue), bodies(395..400));
        lost.lose(name);
    }
    assert!(refused(&disk) && refused(&lost));
    let export = export(&lost);
    assert!(
        export.skipped()[0].reason.contains("the checkpoint"),
        "{:?}",
        export.skipped()
    );
    assert_eq!(
        export.bodies(None),
        bodies(395..400),
        "their queue has no name any more"
    );
}

/// Passes everything.
struct Blind;

impl Replay for Blind {
    fn checkpoint(&mut self, _: Lsn, _: &[u8]) -> Result<(), Unreadable> {
        Ok(())
    }

    fn record(&mut self, _: RecordRef<'_>) -> Result<(), Unreadable> {
        Ok(())
    }
}

#[test]
fn a_record_this_version_cannot_read_is_passed_over() {
    let disk = written();
    let (journal, mut writer) =
        journal::open(Arc::new(disk.clone()), &options(), &mut Blind).unwrap();
    let record = Record {
        kind: Kind::new(77),
        admission: Admission::Essential,
        parts: &[b"from the future"],
        body: None,
    };
    journal.append(&record, Haste::Now).unwrap();
    journal.close();
    while writer.turn().unwrap() != Turn::Closed {}
    assert!(refused(&disk));
    let export = export(&disk);
    let [skipped] = export.skipped() else {
        panic!("{:?}", export.skipped())
    };
    assert!(
        skipped.reason.contains("a record of kind 77"),
        "{skipped:?}"
    );
    assert_eq!(export.bodies(Some("q")), bodies(10..200));
}

#[test]
fn a_disk_that_fails_now_and_then_is_asked_again() {
    let disk = written();
    let all = export(&disk).messages;
    let operations = disk.operations();
    export(&disk);
    for operation in 0..(disk.operations() - operations).min(40) {
        let trouble = Trouble::Error(std::io::ErrorKind::Other);
        disk.plan(disk.operations() + operation, trouble);
        let export = export(&disk);
        let whole = export.messages == all;
        assert!(
            whole || !export.skipped().is_empty(),
            "operation {operation}"
        );
    }
}

/// One way to spoil a file: which, where, how long, with what.
fn spoil() -> impl Strategy<Value = (usize, usize, usize, u8)> {
    (0..16_usize, 0..20_480_usize, 1..3000_usize, any::<u8>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..Default::default() })]

    #[test]
    fn nothing_is_made_up_whatever_the_damage(spoils in prop::collection::vec(spoil(), 1..5)) {
        static WRITTEN: std::sync::OnceLock<SimDisk> = std::sync::OnceLock::new();
        let disk = WRITTEN.get_or_init(written).after_power_loss(Survival::Everything);
        for (file, at, len, byte) in spoils {
            let contents: Vec<_> = disk.contents().into_iter().collect();
            let (name, mut bytes) = contents[file % contents.len()].clone();
            let at = at.min(bytes.len());
            let end = (at + len).min(bytes.len());
            bytes[at..end].fill(byte);
            disk.install(&name, &bytes);
        }
        let export = export(&disk);
        let published: BTreeSet<_> = bodies(0..200).into_iter().collect();
        for (queue, _, body) in &export.messages {
            prop_assert!(published.contains(body), "{queue:?}: {body}");
        }
        if refused(&disk) {
            prop_assert!(!export.skipped().is_empty(), "a refusal has a reason");
        }
    }
}

/// CRC32C, bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0x82f6_3b78 & 0_u32.wrapping_sub(crc & 1))
        })
    })
}
