//! A journal with sound checksums, whose records say anything: the broker opens it or refuses it by
//! name, and what it opened once it opens again.
//!
//! An input is a list of records: what kind, of which record of the sample to take the payload,
//! how many bytes to keep of it, and bytes to write over and behind it.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use broker_core::broker::Broker;
use broker_core::journal::{
    Admission, Haste, Kind, Lsn, Record, RecordRef, Replay, SimDisk, Turn, Unreadable, open,
};

use super::{config, disk_of, finish, options, sample};

struct Sample {
    files: BTreeMap<String, Vec<u8>>,
    payloads: Vec<Vec<u8>>,
}

/// Keeps all payloads.
#[derive(Default)]
struct Payloads(Vec<Vec<u8>>);

impl Replay for Payloads {
    fn checkpoint(&mut self, _: Lsn, _: &[u8]) -> Result<(), Unreadable> {
        Ok(())
    }
    fn record(&mut self, record: RecordRef<'_>) -> Result<(), Unreadable> {
        self.0.push(record.payload.to_vec());
        Ok(())
    }
}

fn start() -> &'static Sample {
    static SAMPLE: OnceLock<Sample> = OnceLock::new();
    SAMPLE.get_or_init(|| {
        let files = sample();
        let mut payloads = Payloads::default();
        open(Arc::new(disk_of(&files)), &options(), &mut payloads).expect("the sample is sound");
        Sample {
            files,
            payloads: payloads.0,
        }
    })
}

/// Runs one input.
pub fn check(input: &[u8]) {
    let disk = disk_of(&start().files);
    append(&disk, input);
    if let Ok((broker, writer)) = Broker::open(&config(), Arc::new(disk.clone())) {
        finish(&broker, writer);
        drop(broker);
        Broker::open(&config(), Arc::new(disk)).expect("what was opened once");
    }
}

fn append(disk: &SimDisk, mut input: &[u8]) {
    let (journal, mut writer) = open(Arc::new(disk.clone()), &options(), &mut Payloads::default())
        .expect("the sample is sound");
    while let [kind, template, keep, at, len, rest @ ..] = input {
        let (patch, rest) = rest.split_at(rest.len().min(usize::from(*len)));
        input = rest;
        let payloads = &start().payloads;
        let mut payload = payloads[usize::from(*template) % payloads.len()].clone();
        if *keep > 0 {
            payload.truncate(usize::from(*keep) - 1);
        }
        let at = usize::from(*at).min(payload.len());
        payload.resize(payload.len().max(at + patch.len()), 0);
        payload[at..at + patch.len()].copy_from_slice(patch);
        let record = Record {
            kind: Kind::new(1 + kind % 4),
            admission: Admission::Essential,
            parts: &[&payload],
            body: None,
        };
        // Refused when there is no more room: then the journal is long enough.
        let _ = journal.append(&record, Haste::Now);
    }
    journal.close();
    while writer.turn().expect("the disk is sound") != Turn::Closed {}
}
