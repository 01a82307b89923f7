//! The file store: the contract, crashes between its steps, and files that are no records.

use std::fs;
use std::time::Duration;

use broker_core::replication::coordinator::{CasOutcome, Coordinator, ReadError, Version};
use coordination::file::FileCoordinator;
use rustix::fs::{FlockOperation, flock};

use crate::contract::{self, record};

const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn the_file_keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    contract::holds(&|| Box::new(FileCoordinator::open(dir.path(), PATIENCE).unwrap()));
}

#[test]
fn what_a_crash_left_half_written_is_not_the_record() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileCoordinator::open(dir.path(), PATIENCE).unwrap();
    fs::write(dir.path().join("record.new"), "1\n{\"half\":").unwrap();
    assert_eq!(store.read().unwrap().version, Version::ABSENT);
    let outcome = store.cas(&Version::ABSENT, &record());
    assert!(matches!(outcome, CasOutcome::Applied(_)), "{outcome:?}");
    assert_eq!(store.read().unwrap().record, Some(record()));
}

#[test]
fn a_file_that_is_no_record_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileCoordinator::open(dir.path(), PATIENCE).unwrap();
    let path = dir.path().join("record");
    fs::write(&path, "5\n{\"format_version\": 9}").unwrap();
    let Err(ReadError::Unreadable(why)) = store.read() else {
        panic!("it was read");
    };
    assert!(why.contains("format version 9"), "{why}");
    for content in ["", "0\n{}", "-1\n{}", "no version", "7"] {
        fs::write(&path, content).unwrap();
        assert!(store.read().is_err(), "{content:?}");
        assert_eq!(
            store.cas(&Version::ABSENT, &record()),
            CasOutcome::Unknown,
            "{content:?}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
}

#[test]
fn a_writer_that_hangs_makes_the_others_unsure_and_not_wait_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileCoordinator::open(dir.path(), Duration::from_millis(20)).unwrap();
    let lock = fs::File::create(dir.path().join("record.lock")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    assert!(matches!(store.read(), Err(ReadError::Unreachable(_))));
    assert_eq!(store.cas(&Version::ABSENT, &record()), CasOutcome::Unknown);
    drop(lock);
    assert_eq!(store.read().unwrap().version, Version::ABSENT);
}
