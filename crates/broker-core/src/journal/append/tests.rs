//! When the writer is woken, and what it waits for.

use std::time::Instant;

use super::*;
use crate::journal::{Kind, Lsn, Options, RecordRef, Replay, SimDisk, Unreadable, Writer, open};

struct Nothing;

impl Replay for Nothing {
    fn checkpoint(&mut self, _: Lsn, _: &[u8]) -> Result<(), Unreadable> {
        Ok(())
    }

    fn record(&mut self, _: RecordRef<'_>) -> Result<(), Unreadable> {
        Ok(())
    }
}

fn journal() -> (Arc<Journal>, Writer) {
    let disk = Arc::new(SimDisk::new(1));
    let (journal, mut writer) = open(disk, &Options::default(), &mut Nothing).unwrap();
    while writer.turn().unwrap() != crate::journal::Turn::Idle {}
    (journal, writer)
}

fn append(journal: &Journal, haste: Haste) {
    let record = Record {
        kind: Kind::new(1),
        admission: Admission::Ordinary,
        parts: &[b"x"],
        body: None,
    };
    journal.append(&record, haste).unwrap();
}

/// Whether the writer would wait for company.
fn waits(journal: &Journal) -> bool {
    !journal.lock().urgent
}

#[test]
#[expect(clippy::disallowed_methods, reason = "it is about time")]
fn what_nobody_waits_for_waits_for_company() {
    let (journal, mut writer) = journal();
    append(&journal, Haste::Soon);
    let began = Instant::now();
    writer.wait(Duration::from_secs(3600));
    assert!(began.elapsed() >= PATIENCE);
    assert!(waits(&journal) && journal.has_records());
}

#[test]
fn what_somebody_waits_for_does_not() {
    let (journal, mut writer) = journal();
    append(&journal, Haste::Soon);
    assert!(waits(&journal));
    append(&journal, Haste::OnCall);
    assert!(waits(&journal), "not before the call");
    journal.hurry();
    assert!(!waits(&journal));
    writer.turn().unwrap();
    append(&journal, Haste::Soon);
    assert!(waits(&journal), "it was the others' haste");
    append(&journal, Haste::Now);
    assert!(!waits(&journal));
}

/// None of them ever leaves a sleeping writer asleep.
#[test]
fn the_writer_is_woken_in_any_case() {
    for haste in [Haste::Now, Haste::OnCall, Haste::Soon] {
        let (journal, mut writer) = journal();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| writer.wait(Duration::from_secs(3600)));
            while !journal.lock().parked {
                std::thread::yield_now();
            }
            append(&journal, haste);
            journal.hurry();
            waiting.join().unwrap();
        });
        assert!(journal.has_records());
    }
}
