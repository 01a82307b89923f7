//! Damage to what was durable is refused by name, and nothing is touched.

use broker_core::journal::{Damage, Lsn, OpenError, SimDisk};

use crate::harness::{Bench, TRAILER, crc32c, payloads, place_of, refusal};

/// A closed journal of three segments and more.
fn sound() -> (SimDisk, Vec<Vec<u8>>) {
    let disk = SimDisk::new(3);
    let mut bench = Bench::open(&disk);
    let all = payloads(45, 1000);
    bench.publish_all(&all);
    bench.close();
    (disk, all)
}

#[test]
fn a_flipped_bit_in_any_durable_record_is_refused_by_name() {
    let (disk, all) = sound();
    for (number, payload) in all.iter().enumerate() {
        let (name, at) = place_of(&disk, payload);
        // In the payload, its length, kind, lsn, epoch and checksums.
        for byte in [at + 500, at - 32, at - 28, at - 24, at - 16, at - 8, at - 4] {
            disk.flip(&name, byte * 8 + 3);
            let before = disk.contents();
            let OpenError::Corrupt(corrupt) = refusal(&disk) else {
                panic!("not corrupt")
            };
            assert_eq!(corrupt.file, name, "record {number}");
            assert_eq!(corrupt.offset, at as u64 - 32, "record {number}");
            let lsn = corrupt.lsn.expect("known").0;
            assert_eq!(lsn % 8, 0);
            let text = corrupt.to_string();
            for word in [
                &*name,
                &format!("byte {}", at - 32),
                &format!("lsn {lsn}"),
                "backup",
            ] {
                assert!(text.contains(word), "{word} in {text}");
            }
            assert!(disk.contents() == before, "nothing may be changed");
            disk.flip(&name, byte * 8 + 3);
        }
    }
    assert_eq!(Bench::open(&disk).replayed_payloads(), all);
}

#[test]
fn a_flipped_bit_anywhere_is_either_refused_or_harmless() {
    let (disk, all) = sound();
    let files: Vec<_> = disk.contents().into_iter().collect();
    for (name, bytes) in files {
        for bit in (0..bytes.len() * 8).step_by(997) {
            let disk = copy(&disk);
            disk.flip(&name, bit);
            match crate::harness::open_on(std::sync::Arc::new(disk), &crate::harness::small()) {
                Ok(bench) => assert_eq!(bench.replayed_payloads(), all, "{name} bit {bit}"),
                Err(OpenError::Corrupt(corrupt)) => assert_eq!(corrupt.file, name),
                Err(other) => panic!("{name} bit {bit}: {other}"),
            }
        }
    }
}

#[test]
fn damage_to_the_newest_record_is_refused_once_it_is_stated_durable() {
    let disk = SimDisk::new(3);
    let mut bench = Bench::open(&disk);
    let all = payloads(3, 400);
    bench.publish_all(&all);
    bench.close();
    let (name, at) = place_of(&disk, &all[2]);
    disk.flip(&name, at * 8);
    let text = refusal(&disk).to_string();
    assert!(text.contains("says that everything below"), "{text}");
}

#[test]
fn a_wiped_page_in_the_last_segment_is_damage_and_not_the_end() {
    let disk = SimDisk::new(3);
    let mut bench = Bench::open(&disk);
    let all = payloads(12, 1000);
    bench.publish_all(&all);
    drop(bench);
    let (name, at) = place_of(&disk, &all[4]);
    let mut bytes = disk.contents().remove(&name).unwrap();
    bytes[at - 32..at + 3000].fill(0);
    disk.install(&name, &bytes);
    let OpenError::Corrupt(corrupt) = refusal(&disk) else {
        panic!("not corrupt")
    };
    assert_eq!((corrupt.file, corrupt.offset), (name, at as u64 - 32));
    assert!(matches!(corrupt.damage, Damage::Mismatch { found, .. } if found == "zeros"));
}

#[test]
fn damage_to_the_mark_that_ends_a_segment_is_refused_by_that_segment() {
    let (disk, _) = sound();
    let ends = Bench::open(&disk).journal.segments();
    for (name, end) in disk.contents().into_keys().zip(&ends[..ends.len() - 1]) {
        let start = ends
            .iter()
            .find(|segment| segment.end == end.end)
            .unwrap()
            .start;
        let mark = 4096 + end.end.0 - start.0 - 48;
        for byte in [0, 5, 28, 32, 47] {
            let disk = copy(&disk);
            disk.flip(&name, (mark as usize + byte) * 8);
            let OpenError::Corrupt(corrupt) = refusal(&disk) else {
                panic!("not corrupt")
            };
            assert_eq!((&corrupt.file, corrupt.offset), (&name, mark));
        }
    }
}

#[test]
fn a_record_in_the_place_of_another_is_refused() {
    let disk = SimDisk::new(3);
    let mut bench = Bench::open(&disk);
    let all = payloads(6, 400);
    bench.publish_all(&all);
    bench.close();
    // As a disk does that writes a sector to the wrong place: same segment, right checksums.
    let (name, from) = place_of(&disk, &all[1]);
    let (_, to) = place_of(&disk, &all[3]);
    let mut bytes = disk.contents().remove(&name).unwrap();
    bytes.copy_within(from - 32..from + 400 + TRAILER, to - 32);
    disk.install(&name, &bytes);
    let text = refusal(&disk).to_string();
    assert!(text.contains(&format!("byte {}", to - 32)), "{text}");
    assert!(text.contains("found a record of lsn"), "{text}");
}

#[test]
fn padding_that_is_not_zero_is_refused() {
    let disk = SimDisk::new(3);
    let mut bench = Bench::open(&disk);
    let all = payloads(2, 401);
    bench.publish_all(&all);
    bench.close();
    let (name, at) = place_of(&disk, &all[0]);
    for padding in TRAILER + 401..TRAILER + 408 {
        disk.flip(&name, (at + padding) * 8);
        let text = refusal(&disk).to_string();
        assert!(text.contains("padding that is not zero"), "{text}");
        disk.flip(&name, (at + padding) * 8);
    }
}

#[test]
fn a_segment_of_a_copy_that_went_its_own_way_is_refused() {
    // Same store, same sequence number, other records: a mix of two backups.
    let disk = SimDisk::new(3);
    let mut bench = Bench::open(&disk);
    bench.publish_all(&payloads(5, 1000));
    bench.close();
    let other = copy(&disk);
    for (disk, size) in [(&disk, 1000), (&other, 1300)] {
        let mut bench = Bench::open(disk);
        bench.publish_all(&payloads(40, size));
        bench.close();
    }
    disk.install("segment-00000003", &other.contents()["segment-00000003"]);
    let OpenError::Corrupt(corrupt) = refusal(&disk) else {
        panic!("not corrupt")
    };
    assert_eq!(corrupt.file, "segment-00000003");
    assert!(
        corrupt.to_string().contains("expected a segment from lsn"),
        "{corrupt}"
    );
}

#[test]
fn a_missing_segment_is_refused_wherever_it_was() {
    let (disk, _) = sound();
    let names: Vec<_> = disk
        .contents()
        .into_keys()
        .filter(|name| name.starts_with("segment"))
        .collect();
    assert!(names.len() >= 4);
    // The last file is the prepared one: it holds nothing.
    for name in &names[..names.len() - 1] {
        let disk = copy(&disk);
        disk.lose(name);
        let newest_begun = name == &names[names.len() - 2];
        match refusal(&disk) {
            OpenError::Corrupt(corrupt) => {
                assert!(
                    matches!(corrupt.damage, Damage::Missing(_)),
                    "{name}: {corrupt}"
                );
            }
            other => panic!("{name}: {other}"),
        }
        assert!(!newest_begun || disk.contents().len() == names.len() - 1);
    }
}

#[test]
fn a_shortened_segment_is_refused() {
    let (disk, _) = sound();
    let (name, mut bytes) = disk.contents().into_iter().next().unwrap();
    bytes.truncate(10_000);
    disk.install(&name, &bytes);
    let OpenError::Corrupt(corrupt) = refusal(&disk) else {
        panic!("not corrupt")
    };
    assert_eq!((corrupt.file, corrupt.offset), (name, 10_000));
}

#[test]
fn a_file_that_is_no_segment_is_refused() {
    let (disk, _) = sound();
    disk.install("segment-00000099", &[0; 20 << 10]);
    let OpenError::Corrupt(corrupt) = refusal(&disk) else {
        panic!("not corrupt")
    };
    assert_eq!(corrupt.file, "segment-00000099");
    disk.install("segment-00000099", b"short");
    assert!(matches!(refusal(&disk), OpenError::Corrupt(_)));
}

#[test]
fn two_copies_of_a_segment_are_refused() {
    let (disk, _) = sound();
    let (_, bytes) = disk.contents().into_iter().next().unwrap();
    disk.install("segment-00000099", &bytes);
    let text = refusal(&disk).to_string();
    assert!(text.contains("a place of its own"), "{text}");
}

#[test]
fn a_segment_of_another_store_is_refused() {
    let (disk, _) = sound();
    let other = SimDisk::new(4);
    drop(Bench::open(&other));
    let (_, bytes) = other.contents().into_iter().next().unwrap();
    disk.install("segment-00000099", &bytes);
    assert!(matches!(refusal(&disk), OpenError::Foreign { .. }));
}

#[test]
fn a_newer_format_is_refused_by_its_number() {
    let (disk, _) = sound();
    let (name, mut bytes) = disk.contents().into_iter().next().unwrap();
    bytes[8] = 9;
    let crc = crc32c(0, &bytes[..508]);
    bytes[508..512].copy_from_slice(&crc.to_le_bytes());
    disk.install(&name, &bytes);
    match refusal(&disk) {
        OpenError::Newer { file, found, .. } => assert_eq!((file, found), (name, 9)),
        other => panic!("{other}"),
    }
}

/// Found by fuzzing: sound checksums, and a position or a number no segment can have.
#[test]
fn a_segment_where_no_journal_can_be_is_refused() {
    for (field, value) in [(56, 40), (56, u64::MAX), (48, u64::MAX)] {
        let disk = SimDisk::new(3);
        Bench::open(&disk).close();
        let (name, mut bytes) = disk.contents().into_iter().next().unwrap();
        bytes[field..field + 8].copy_from_slice(&value.to_le_bytes());
        let crc = crc32c(0, &bytes[..508]);
        bytes[508..512].copy_from_slice(&crc.to_le_bytes());
        disk.install(&name, &bytes);
        let OpenError::Corrupt(corrupt) = refusal(&disk) else {
            panic!("not corrupt")
        };
        assert_eq!(corrupt.file, name);
        assert!(corrupt.to_string().contains("contradicts"), "{corrupt}");
    }
}

#[test]
fn what_the_broker_cannot_read_is_refused_with_its_words() {
    use broker_core::journal::{RecordRef, Replay, Unreadable};
    struct Strict;
    impl Replay for Strict {
        fn checkpoint(&mut self, _: Lsn, _: &[u8]) -> Result<(), Unreadable> {
            Ok(())
        }
        fn record(&mut self, record: RecordRef<'_>) -> Result<(), Unreadable> {
            let text = String::from_utf8_lossy(record.payload);
            if text.starts_with("message 7 ") {
                return Err(Unreadable("a queue of 300 bytes' name".into()));
            }
            Ok(())
        }
    }
    let (disk, all) = sound();
    let (name, at) = place_of(&disk, &all[7]);
    let opened = broker_core::journal::open(
        std::sync::Arc::new(disk),
        &crate::harness::small(),
        &mut Strict,
    );
    let OpenError::Corrupt(corrupt) = opened.unwrap_err() else {
        panic!("not corrupt")
    };
    assert_eq!((&corrupt.file, corrupt.offset), (&name, at as u64 - 32));
    assert!(corrupt.to_string().contains("a queue of 300 bytes' name"));
}

/// The disk as it is, to be changed apart.
fn copy(disk: &SimDisk) -> SimDisk {
    disk.after_power_loss(broker_core::journal::Survival::Everything)
}
