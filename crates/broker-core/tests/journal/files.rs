//! The same journal on real files.

#![allow(clippy::disallowed_methods, reason = "these tests are about files")]

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use broker_core::journal::{Disk, FileDisk, Haste, LockError, Options, Survival};

use crate::harness::{Bench, open_on, payloads, small};

fn open_in(directory: &std::path::Path) -> Bench {
    let disk = FileDisk::open(directory).expect("not in use");
    open_on(disk, &small()).expect("the files are sound")
}

#[test]
fn a_journal_of_real_files_comes_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data/journal");
    let all = payloads(60, 1000);
    for life in all.chunks(20) {
        let mut bench = open_in(&path);
        bench.publish_all(life);
        let durable = bench.journal.durable();
        bench.journal.checkpoint(durable, b"summary").unwrap();
        bench.close();
    }
    let bench = open_in(&path);
    assert_eq!(bench.replayed_payloads(), all);
    assert_eq!(bench.replayed.checkpoint.as_ref().unwrap().1, b"summary");
}

#[test]
fn large_bodies_are_written_in_many_slices() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options {
        segment_bytes: 64 << 20,
        batch_bytes: 60 << 20,
        ..small()
    };
    let disk = FileDisk::open(directory.path()).unwrap();
    let mut bench = open_on(disk, &options).unwrap();
    let body = bytes::Bytes::from(vec![b'b'; 17 << 10]);
    // More slices than the system takes in one call.
    for number in 0..1500_u32 {
        let record = broker_core::journal::Record {
            kind: crate::harness::PUBLISH,
            admission: broker_core::journal::Admission::Ordinary,
            parts: &[&number.to_le_bytes()],
            body: Some(&body),
        };
        bench.journal.append(&record, Haste::Now).unwrap();
    }
    bench.drain();
    drop(bench);
    let bench = open_on(FileDisk::open(directory.path()).unwrap(), &options).unwrap();
    let found = &bench.replayed.records;
    assert_eq!(found.len(), 1500);
    for (number, seen) in found.iter().enumerate() {
        assert_eq!(seen.payload[..4], (number as u32).to_le_bytes());
        assert!(seen.payload[4..] == body);
    }
}

#[test]
fn a_second_journal_on_the_same_directory_is_refused_by_process() {
    let directory = tempfile::tempdir().unwrap();
    let disk = FileDisk::open(directory.path()).unwrap();
    let refused = FileDisk::open(directory.path()).unwrap_err();
    assert!(matches!(&refused, LockError::Held { .. }));
    let text = refused.to_string();
    assert!(
        text.contains(&format!("in use by process {}", std::process::id())),
        "{text}"
    );
    drop(disk);
    FileDisk::open(directory.path()).unwrap();
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let text = FileDisk::open(&file.join("journal"))
        .unwrap_err()
        .to_string();
    assert!(text.contains(&file.display().to_string()), "{text}");
}

#[test]
fn nobody_else_may_read_the_files() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    drop(open_in(&path));
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    for entry in std::fs::read_dir(&path).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}

#[test]
fn the_simulated_disk_and_the_real_one_hold_the_same_bytes() {
    let sim = broker_core::journal::SimDisk::new(1);
    let mut bench = Bench::open(&sim);
    let all = payloads(30, 700);
    bench.publish_all(&all);
    bench.close();
    let directory = tempfile::tempdir().unwrap();
    for (name, bytes) in sim.after_power_loss(Survival::Nothing).contents() {
        std::fs::write(directory.path().join(name), bytes).unwrap();
    }
    assert_eq!(open_in(directory.path()).replayed_payloads(), all);
}

#[test]
fn a_full_file_system_is_told_from_a_broken_one() {
    let directory = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = FileDisk::open(directory.path()).unwrap();
    let error = disk.create("huge", 1 << 50).unwrap_err();
    use std::io::ErrorKind::{FileTooLarge, StorageFull};
    assert!(
        matches!(error.kind(), StorageFull | FileTooLarge),
        "{error}"
    );
    assert!(
        !directory.path().join("huge").exists(),
        "nothing is left behind"
    );
    assert!(disk.space().unwrap().free_bytes <= disk.space().unwrap().total_bytes);
}
