//! A good journal with patched files: it opens or is refused by name, and what opened once opens
//! again with the same records.
//!
//! An input is a list of patches: which file, where, how many bytes, and whether to mend the
//! checksums of the record header or segment header around it, so that what lies behind them is
//! reached.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use broker_core::journal::{Keyring, Keys, Lsn, RecordRef, Replay, SimDisk, Unreadable, open};
use crc32c::{crc32c, crc32c_append};

use super::{disk_of, encrypted, encrypted_sample, master, options, sample};

/// Where the records of a segment begin.
const DATA_START: usize = 4096;

/// Everything that was read back.
#[derive(Debug, Default, PartialEq)]
struct Seen(Vec<(u8, Lsn, Vec<u8>)>);

impl Replay for Seen {
    fn checkpoint(&mut self, covered: Lsn, payload: &[u8]) -> Result<(), Unreadable> {
        self.0.push((0, covered, payload.to_vec()));
        Ok(())
    }
    fn record(&mut self, record: RecordRef<'_>) -> Result<(), Unreadable> {
        let RecordRef {
            kind, end, payload, ..
        } = record;
        self.0.push((kind.number(), end, payload.to_vec()));
        Ok(())
    }
}

/// Runs one input.
pub fn check(input: &[u8]) {
    static SAMPLE: OnceLock<BTreeMap<String, Vec<u8>>> = OnceLock::new();
    let mut files = SAMPLE.get_or_init(sample).clone();
    patch(&mut files, input);
    let disk = disk_of(&files);
    let mut first = Seen::default();
    if open(Arc::new(disk.clone()), &options(), &mut first).is_ok() {
        let mut second = Seen::default();
        open(Arc::new(disk), &options(), &mut second).expect("what was opened once");
        assert_eq!(first, second);
    }
}

/// The same input for the files of an encrypted journal and its keyring. Whatever it does, what comes
/// back is what was written: damage and forgery are refused.
pub fn check_encrypted(input: &[u8]) {
    static SAMPLE: OnceLock<(BTreeMap<String, Vec<u8>>, Seen)> = OnceLock::new();
    let (sample, written) = SAMPLE.get_or_init(|| {
        let files = encrypted_sample();
        let mut written = Seen::default();
        let disk = disk_of(&files);
        let keys = keys(&disk).expect("it is sound");
        open(Arc::new(disk), &encrypted(keys), &mut written).expect("it is sound");
        (files, written)
    });
    let mut files = sample.clone();
    patch(&mut files, input);
    // A file that says that it is not encrypted is read as one that was written before encryption was
    // set up.
    if files.values().any(|file| is_plain(file)) {
        return;
    }
    let disk = disk_of(&files);
    let Some(keys) = keys(&disk) else {
        return;
    };
    let mut seen = Seen::default();
    let _ = open(Arc::new(disk), &encrypted(keys), &mut seen);
    for record in seen.0 {
        assert!(written.0.contains(&record), "{record:?} was not written");
    }
}

fn is_plain(file: &[u8]) -> bool {
    let magics = [b"FerryJnl", b"FerryCkp", b"FerryIdx"];
    magics.iter().any(|magic| file.starts_with(*magic)) && file.get(8) != Some(&2)
}

fn keys(disk: &SimDisk) -> Option<Keys> {
    let (master, secret) = master();
    let keyring = Keyring::load(disk).ok()??;
    keyring.open(&master.name, &secret).ok()
}

fn patch(files: &mut BTreeMap<String, Vec<u8>>, mut input: &[u8]) {
    while let [which, mend, high, low, len, rest @ ..] = input {
        let (bytes, rest) = rest.split_at(rest.len().min(usize::from(*len)));
        input = rest;
        let which = usize::from(*which) % files.len();
        let Some(file) = files.values_mut().nth(which) else {
            return;
        };
        let at = usize::from(u16::from_be_bytes([*high, *low]));
        if let Some(place) = file.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
        match mend % 3 {
            1 => mend_segment(file),
            2 => mend_record(file, at / 8 * 8),
            _ => {}
        }
    }
}

/// Makes the checksum of a segment's header right.
fn mend_segment(file: &mut [u8]) {
    if file.len() >= 512 {
        let crc = crc32c(&file[..508]);
        file[508..512].copy_from_slice(&crc.to_le_bytes());
    }
}

/// Makes the checksums of the record at this place right.
fn mend_record(file: &mut [u8], at: usize) {
    if at < DATA_START || at + 32 > file.len() {
        return;
    }
    let seed = crc32c(&file[16..32]);
    let (head, payload) = file[at..].split_at_mut(32);
    let len = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
    if let Some(payload) = payload.get(..len as usize) {
        head[24..28].copy_from_slice(&crc32c(payload).to_le_bytes());
    }
    let crc = crc32c_append(seed, &head[..28]);
    head[28..32].copy_from_slice(&crc.to_le_bytes());
}
