//! Bytes of a replication connection: a preface, an answer to one, and frames, with any contents. What is
//! read is written as the same bytes again.
//!
//! The first byte of an input says what it is: 0 a preface, 1 an answer, else frames one behind the
//! other. In 0 and in even ones checksums are mended, so that what is behind them is looked at.

use broker_core::replication::codec::{
    HEAD_LEN, Head, decode, decode_answer, encode, encode_answer,
};
use broker_core::replication::preface::{Answer, Preface};

/// A segment's size: no records are larger.
const MOST_RECORDS: usize = 24 << 10;
/// At its end a frame, and a preface, has a checksum.
const CRC_LEN: usize = 4;

/// Runs one input.
pub fn check(input: &[u8]) {
    let Some((kind, bytes)) = input.split_first() else {
        return;
    };
    let mends = kind.is_multiple_of(2);
    match kind {
        0 => preface(bytes),
        1 => {
            frame(bytes, true, answer);
        }
        _ => frames(bytes, mends),
    }
}

fn answer(head: &Head, rest: Vec<u8>) -> Option<()> {
    let answer = decode_answer(head, rest).ok()?;
    // A text loses what is not for people, once; what replaces it may be longer than what is sent.
    let again = encode_answer(answer.clone()).pieces().concat();
    let (head, rest) = parts(&again).expect("what is sent is read");
    let read = decode_answer(&head, rest.to_vec()).expect("what is sent is read");
    match (answer, read) {
        (
            Answer::Refused { why, text },
            Answer::Refused {
                why: same,
                text: cut,
            },
        ) => {
            assert_eq!(why, same);
            assert!(text.starts_with(&cut), "{text:?} became {cut:?}");
        }
        (answer, read) => assert_eq!(answer, read),
    }
    Some(())
}

fn preface(bytes: &[u8]) {
    let Some(bytes) = bytes.first_chunk::<{ Preface::LEN }>() else {
        return;
    };
    let mut bytes = *bytes;
    drop(Preface::decode(&bytes));
    bytes[..8].copy_from_slice(b"FerryRpl");
    mend(&mut bytes);
    let preface = Preface::decode(&bytes).expect("magic and checksum are right");
    assert_eq!(preface.encode(), bytes);
}

fn frames(mut bytes: &[u8], mends: bool) {
    let same = |head: &Head, rest: Vec<u8>| {
        let mut all = bytes_of(head, &rest);
        let packet = decode(head, rest).ok()?;
        let again = encode(packet).pieces().concat();
        mend(&mut all);
        assert_eq!(again, all);
        Some(())
    };
    while let Some(rest) = frame(bytes, mends, same) {
        bytes = rest;
    }
}

/// Reads one frame as a connection does, and answers what is behind it.
fn frame(bytes: &[u8], mends: bool, read: impl Fn(&Head, Vec<u8>) -> Option<()>) -> Option<&[u8]> {
    let (head, rest) = parts(bytes)?;
    let (rest, behind) = rest.split_at_checked(head.rest())?;
    let mut all = bytes_of(&head, rest);
    if mends {
        mend(&mut all);
    }
    read(&head, all.split_off(HEAD_LEN))?;
    Some(behind)
}

fn parts(bytes: &[u8]) -> Option<(Head, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<HEAD_LEN>()?;
    Some((Head::parse(*head, MOST_RECORDS).ok()?, rest))
}

fn bytes_of(head: &Head, rest: &[u8]) -> Vec<u8> {
    let length = (1 + rest.len()) as u32;
    let mut all = length.to_be_bytes().to_vec();
    all.push(head.kind() as u8);
    all.extend(rest);
    all
}

fn mend(bytes: &mut [u8]) {
    if let Some(at) = bytes.len().checked_sub(CRC_LEN) {
        let crc = crc32c::crc32c(&bytes[..at]);
        bytes[at..].copy_from_slice(&crc.to_be_bytes());
    }
}
