//! Encryption at rest (rule J8): what is on the disk, what opens it, and what changed bytes come to.

use std::collections::HashSet;
use std::sync::Arc;

use broker_core::journal::{
    KeyError, Lsn, OpenError, Options, ReadWindow, SimDisk, Survival, Trouble, is_encrypted,
    salvage,
};
use proptest::prelude::*;

use crate::harness::{Bench, Memory, SEGMENT_BYTES, keys, open_indexed, open_on, payloads, small};

const CANARY: &[u8] = b"canary-0123456789";
const DATA_START: usize = 4096;

fn encrypted() -> Options {
    Options {
        keys: Some(keys()),
        ..small()
    }
}

fn open(disk: &SimDisk, options: &Options) -> Bench {
    open_on(Arc::new(disk.clone()), options).expect("the disk is sound")
}

fn refusal(disk: &SimDisk, options: &Options) -> OpenError {
    match open_on(Arc::new(disk.clone()), options) {
        Ok(bench) => panic!("opened with {} records", bench.replayed.records.len()),
        Err(error) => error,
    }
}

/// Payloads with the canary in each.
fn canaries(count: usize, size: usize) -> Vec<Vec<u8>> {
    let with = |mut payload: Vec<u8>| {
        payload.extend_from_slice(CANARY);
        payload
    };
    payloads(count, size).into_iter().map(with).collect()
}

/// Where in the files the canary is.
fn plaintext(disk: &SimDisk) -> Vec<String> {
    let found = |bytes: &[u8]| bytes.windows(CANARY.len()).any(|it| it == CANARY);
    let files = disk.contents().into_iter();
    let files = files.filter(|(_, bytes)| found(bytes));
    files.map(|(name, _)| name).collect()
}

/// Fills some segments, with indexes and a checkpoint.
fn fill(disk: &SimDisk, options: &Options) -> Vec<Vec<u8>> {
    let mut bench = open_indexed(Arc::new(disk.clone()), options).unwrap();
    let payloads = canaries(60, 700);
    bench.publish_all(&payloads);
    let first = bench.journal.first();
    bench.journal.checkpoint(first, CANARY).expect("room");
    bench.drain();
    bench.close();
    payloads
}

#[test]
fn nothing_of_it_is_on_the_disk_and_all_of_it_comes_back() {
    let disk = SimDisk::new(1);
    assert!(!is_encrypted(&disk).unwrap());
    let payloads = fill(&disk, &encrypted());
    let names: Vec<_> = disk.contents().into_keys().collect();
    for prefix in ["segment-", "index-", "checkpoint-"] {
        assert!(
            names.iter().any(|name| name.starts_with(prefix)),
            "{names:?}"
        );
    }
    assert!(is_encrypted(&disk).unwrap());
    assert_eq!(plaintext(&disk), [""; 0]);
    let indexed = open_indexed(Arc::new(disk.clone()), &encrypted()).unwrap();
    assert_eq!(indexed.replayed_payloads(), payloads);
    assert!(indexed.replayed.indexed > 1, "opened by its indexes");
    drop(indexed);
    let bench = open(&disk, &encrypted());
    assert_eq!(bench.replayed_payloads(), payloads);
    assert_eq!(bench.replayed.checkpoint.as_ref().unwrap().1, CANARY);
}

#[test]
fn the_canary_is_found_where_nothing_is_encrypted() {
    let disk = SimDisk::new(1);
    fill(&disk, &small());
    assert!(plaintext(&disk).len() > 3, "{:?}", plaintext(&disk));
    assert!(!is_encrypted(&disk).unwrap());
}

#[test]
fn large_bodies_are_encrypted_and_whoever_else_has_them_keeps_them_as_they_are() {
    use broker_core::journal::{Admission, Haste, Record};
    let options = Options {
        segment_bytes: 256 << 10,
        ..encrypted()
    };
    let disk = SimDisk::new(1);
    let mut bench = open(&disk, &options);
    let body = bytes::Bytes::from(CANARY.repeat(2000));
    let record = Record {
        kind: crate::harness::PUBLISH,
        admission: Admission::Ordinary,
        parts: &[b"head"],
        body: Some(&body),
    };
    bench.journal.append(&record, Haste::Now).unwrap();
    bench.publish(CANARY).unwrap();
    bench.journal.append(&record, Haste::Now).unwrap();
    bench.drain();
    bench.close();
    assert!(body[..CANARY.len()] == *CANARY);
    assert_eq!(plaintext(&disk), [""; 0]);
    let whole = [b"head", &body[..]].concat();
    let replayed = open(&disk, &options).replayed_payloads();
    assert!(replayed == [whole.clone(), CANARY.to_vec(), whole]);
}

#[test]
fn records_are_read_back_one_by_one_and_more_than_once() {
    let disk = SimDisk::new(1);
    let mut bench = open(&disk, &encrypted());
    let payloads = canaries(40, 300);
    let mut places = Vec::new();
    for payload in &payloads {
        let end = bench.publish(payload).unwrap();
        places.push((bench.journal.start_of(end, payload.len()), end));
        bench.drain();
    }
    let mut window = ReadWindow::default();
    for _ in 0..2 {
        for ((start, end), payload) in places.iter().zip(&payloads) {
            let read = bench
                .journal
                .read(*start, bench.journal.end(), &mut window, |record| {
                    assert_eq!((record.start, record.end), (*start, *end));
                    Ok(record.payload.to_vec())
                });
            assert_eq!(&read.unwrap(), payload);
        }
    }
}

#[test]
fn without_its_keys_it_is_refused_by_name_and_nothing_changes() {
    let disk = SimDisk::new(1);
    fill(&disk, &encrypted());
    let before = disk.contents();
    let other = broker_core::journal::Keyring::create(
        &SimDisk::new(8),
        crate::harness::master(),
        &crate::harness::secret(1),
    );
    let other = Options {
        keys: Some(Arc::new(other.unwrap().1)),
        ..small()
    };
    for (options, reason) in [(small(), "no key was given"), (other, "not in the keyring")] {
        let error = refusal(&disk, &options);
        assert!(matches!(error, OpenError::Key { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(reason), "{text}");
        assert!(
            text.contains("checkpoint-") && text.contains("with the keyring"),
            "{text}"
        );
        assert!(disk.contents() == before);
    }
}

#[test]
fn salvage_reads_with_keys_and_tells_what_it_cannot_read_without() {
    let disk = SimDisk::new(1);
    let payloads = fill(&disk, &encrypted());
    let mut seen = Memory::default();
    let salvaged = salvage(&disk, Some(&keys()), &mut seen).unwrap();
    assert_eq!(salvaged.skipped, []);
    let found: Vec<_> = seen.records.iter().map(|it| &it.payload).collect();
    assert!(found.iter().copied().eq(&payloads));
    let start = Lsn(4096 + 48);
    let first = salvaged.record(start, |record| record.payload.to_vec());
    assert_eq!(first.as_ref(), Some(&payloads[0]));

    let mut seen = Memory::default();
    let salvaged = salvage(&disk, None, &mut seen).unwrap();
    assert!(seen.records.is_empty() && seen.checkpoint.is_none());
    let reason = KeyError::NoKeys.to_string();
    assert!(
        salvaged
            .skipped
            .iter()
            .all(|it| it.reason.contains(&reason))
    );
    assert!(salvaged.skipped.len() > 3);
}

#[test]
fn a_plain_journal_goes_on_encrypted_and_in_the_end_nothing_plain_is_left() {
    let disk = SimDisk::new(1);
    let mut payloads = fill(&disk, &small());
    let mut bench = open(&disk, &encrypted());
    let plain_end = bench.journal.end();
    assert!(bench.journal.plain_below() > Lsn(0));
    let more = canaries(60, 650);
    bench.publish_all(&more);
    payloads.extend(more);
    bench.close();
    let mut bench = open(&disk, &encrypted());
    assert_eq!(bench.replayed_payloads(), payloads);

    let end = bench.journal.end();
    bench.journal.checkpoint(end, CANARY).unwrap();
    bench.journal.release_before(plain_end);
    bench.drain();
    assert_eq!(bench.journal.plain_below(), Lsn(0));
    assert_eq!(plaintext(&disk), [""; 0]);
    let first = bench.journal.first();
    bench.close();
    let bench = open(&disk, &encrypted());
    assert_eq!(bench.journal.first(), first);
    let left = bench.replayed_payloads();
    assert!(!left.is_empty() && payloads.ends_with(&left));
}

/// Nonces on these disks, each with what it encrypts: for one there is never another.
fn nonces(disk: &SimDisk, into: &mut HashSet<(Vec<u8>, Vec<u8>, Vec<u8>)>) {
    for (name, bytes) in disk.contents() {
        if !name.starts_with("segment-") || bytes[76] != 1 || bytes[56..64] == [0; 8] {
            continue;
        }
        let wrapped = bytes[80..156].to_vec();
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        let base = number(56);
        let mut at = DATA_START;
        while at + 32 <= bytes.len() {
            let len = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
            if number(at + 8) != base + (at - DATA_START) as u64 || at + 32 + len > bytes.len() {
                at += 8;
                continue;
            }
            let payload = &bytes[at + 32..at + 32 + len];
            if bytes[at + 4] != 0 && len >= 24 {
                let nonce = [&payload[len - 8..], &(at as u64).to_le_bytes()].concat();
                into.insert((wrapped.clone(), nonce, payload.to_vec()));
            }
            at += (32 + len).next_multiple_of(8);
        }
    }
}

#[test]
fn no_nonce_is_used_twice_though_torn_writes_are_written_over() {
    let mut seen = HashSet::new();
    for operation in 0..60 {
        let mut disk = SimDisk::new(operation);
        let mut bench = open(&disk, &encrypted());
        bench.publish_all(&canaries(8, 100));
        drop(bench);
        for life in 0..4_u8 {
            let mut bench = open(&disk, &encrypted());
            disk.plan(disk.operations() + operation % 12, Trouble::PowerLoss);
            for _ in 0..6 {
                let payload = [life, operation as u8].repeat(60);
                if bench.publish(&payload).is_err() || bench.writer.turn().is_err() {
                    break;
                }
            }
            nonces(&disk, &mut seen);
            disk = disk.after_power_loss(Survival::Some(operation * 7 + u64::from(life)));
            nonces(&disk, &mut seen);
        }
    }
    let distinct: HashSet<_> = seen.iter().map(|(key, nonce, _)| (key, nonce)).collect();
    assert!(distinct.len() > 200, "{} records", distinct.len());
    // A torn write leaves a part of what one nonce encrypted, and zeros: not another ciphertext.
    let whole = seen
        .iter()
        .filter(|(_, _, payload)| !payload.ends_with(&[0; 8]));
    let mut by_nonce = std::collections::HashMap::new();
    for (key, nonce, payload) in whole {
        let other = by_nonce.insert((key, nonce), payload);
        if let Some(other) = other {
            let torn = other.chunks(8).zip(payload.chunks(8));
            assert!(
                torn.into_iter()
                    .all(|(a, b)| a == b || is_zero(a) || is_zero(b)),
                "two ciphertexts under one nonce"
            );
        }
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// Makes the checksums of the record at that offset right.
fn mend(bytes: &mut [u8], at: usize) {
    let seed = crc32c::crc32c(&bytes[16..32]);
    let (head, payload) = bytes[at..].split_at_mut(32);
    let len = u32::from_le_bytes(head[..4].try_into().unwrap()) as usize;
    let crc = crc32c::crc32c(&payload[..len]);
    head[24..28].copy_from_slice(&crc.to_le_bytes());
    let crc = crc32c::crc32c_append(seed, &head[..28]);
    head[28..32].copy_from_slice(&crc.to_le_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever is changed in what its tag covers, checksums mended: refused, never another payload.
    #[test]
    fn what_was_changed_by_design_is_refused(
        record in 0_usize..12,
        at in 0_usize..132,
        flip in 1_u8..,
    ) {
        let disk = SimDisk::new(1);
        let mut bench = open(&disk, &encrypted());
        let mut starts = Vec::new();
        for payload in canaries(12, 50) {
            let end = bench.publish(&payload).unwrap();
            starts.push(bench.journal.start_of(end, payload.len()));
            bench.drain();
        }
        bench.close();
        let name = "segment-00000001";
        let mut bytes = disk.contents()[name].clone();
        let offset = starts[record].0 as usize;
        // Epoch and kind, or the payload and what encryption added.
        let len = u32::from_le_bytes(bytes[offset..offset + 4].try_into().unwrap()) as usize;
        let place = if at < 4 { 16 + at } else { 32 + at % len };
        bytes[offset + place] ^= flip;
        mend(&mut bytes, offset);
        disk.install(name, &bytes);
        let error = refusal(&disk, &encrypted());
        prop_assert!(matches!(error, OpenError::Corrupt(_)), "{error}");
    }
}

#[test]
fn a_prepared_segment_without_a_key_is_not_used() {
    let disk = SimDisk::new(1);
    let mut bench = open(&disk, &small());
    bench.commit(100);
    bench.drain();
    bench.close();
    let mut bench = open(&disk, &encrypted());
    let payloads = canaries(40, 900);
    bench.publish_all(&payloads);
    bench.close();
    assert_eq!(plaintext(&disk), [""; 0]);
    let spans = open(&disk, &encrypted()).journal.segments();
    assert!(spans.len() > 2 && spans[1].start.0 - spans[0].start.0 < SEGMENT_BYTES);
}
