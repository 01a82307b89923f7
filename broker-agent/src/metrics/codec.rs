//! The rows of a period as bytes: for the history on disk, and for what waits to be sent.
//!
//! Rows are in the order of their subjects, so that a subject is told by how much it shares with the
//! one before. Of the values those follow that are not 0; an idle queue takes some bytes a minute.
//!
//! | field              | form                                                                     |
//! | ------------------ | ------------------------------------------------------------------------ |
//! | `at_ms`, `seconds` | varints                                                                  |
//! | number of rows     | varint                                                                   |
//! | of each subject    | bytes shared with the one before, bytes that differ: two varints; these  |
//! | of each value      | a varint of bits, lowest column first; a varint for each bit set         |
//! | of each stretch    | one byte of three bits; for each: sum, number of buckets, and of each    |
//! |                    | its place behind the one before and its count: varints                   |
//!
//! A subject's bytes are its scope's number and its three texts, each ended by FF, which UTF-8 never has.

use std::sync::Arc;

use broker_core::metrics::{BUCKETS, Histogram, Latencies};

use super::columns::Scope;
use super::rows::{Row, Rows, Subject};

const END: u8 = 0xFF;

/// The bytes end early, or say what cannot be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("rows of metrics are damaged")]
pub(crate) struct Damaged;

/// The rows as bytes.
pub(crate) fn encode(rows: &Rows) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, rows.at_ms);
    put(&mut out, rows.seconds.into());
    put(&mut out, rows.rows.len() as u64);
    let (mut key, mut before) = (Vec::new(), Vec::new());
    for row in &rows.rows {
        std::mem::swap(&mut key, &mut before);
        write_key(&mut key, &row.subject);
        let shared = key.iter().zip(&before);
        let shared = shared.take_while(|(one, other)| one == other).count();
        put(&mut out, shared as u64);
        put(&mut out, (key.len() - shared) as u64);
        out.extend_from_slice(&key[shared..]);
        let values = row.values.iter().enumerate();
        let bits = values.fold(0, |bits, (place, value)| {
            bits | u64::from(*value > 0) << place
        });
        put(&mut out, bits);
        let set = row.values.iter().filter(|value| **value > 0);
        set.for_each(|value| put(&mut out, *value));
        put_latencies(&mut out, row.latencies.as_deref());
    }
    out
}

/// The rows that were encoded.
pub(crate) fn decode(bytes: &[u8]) -> Result<Rows, Damaged> {
    decode_some(bytes, |_| true)
}

/// The bytes by which [`decode_some`] knows a subject.
pub(crate) fn key(subject: &Subject) -> Vec<u8> {
    let mut key = Vec::new();
    write_key(&mut key, subject);
    key
}

/// Those of the rows that were encoded whose keys are wanted; the others are passed over.
pub(crate) fn decode_some(
    mut bytes: &[u8],
    wanted: impl Fn(&[u8]) -> bool,
) -> Result<Rows, Damaged> {
    let input = &mut bytes;
    let at_ms = take(input)?;
    let seconds = u32::try_from(take(input)?).map_err(|_| Damaged)?;
    let count = take(input)?;
    let (mut rows, mut key) = (Vec::new(), Vec::new());
    let mut before: Option<Subject> = None;
    for _ in 0..count {
        let shared = len(take(input)?, key.len())?;
        let more = len(take(input)?, input.len())?;
        key.truncate(shared);
        key.extend_from_slice(&input[..more]);
        *input = &input[more..];
        if !wanted(&key) {
            let bits = take(input)?;
            skip(input, bits)?;
            continue;
        }
        let subject = read_key(&key, before.as_ref())?;
        before = Some(subject.clone());
        let columns = subject.scope.columns().len();
        let bits = take(input)?;
        if columns < 64 && bits >> columns > 0 {
            return Err(Damaged);
        }
        let value = |place| match bits >> place & 1 {
            0 => Ok(0),
            _ => take(input),
        };
        let values = (0..columns).map(value).collect::<Result<_, _>>()?;
        let latencies = take_latencies(input)?;
        rows.push(Row {
            subject,
            values,
            latencies,
        });
    }
    Ok(Rows {
        at_ms,
        seconds,
        rows,
    })
}

/// Passes over so many values and what follows.
fn skip(input: &mut &[u8], bits: u64) -> Result<(), Damaged> {
    for _ in 0..bits.count_ones() {
        take(input)?;
    }
    take_latencies(input).map(|_| ())
}

fn put_latencies(out: &mut Vec<u8>, latencies: Option<&Latencies>) {
    let Some(it) = latencies else {
        return out.push(0);
    };
    let stretches = [&it.publish_durable, &it.durable_deliver, &it.deliver_ack];
    let bits = stretches.iter().enumerate();
    let bits = bits.fold(0, |bits, (place, times)| {
        bits | u8::from(times.count() > 0) << place
    });
    out.push(bits);
    for times in stretches.into_iter().filter(|times| times.count() > 0) {
        put(out, times.sum_us);
        let set = times.counts.iter().enumerate().filter(|(_, it)| **it > 0);
        put(out, set.clone().count() as u64);
        let mut next = 0;
        for (bucket, count) in set {
            put(out, (bucket - next) as u64);
            put(out, *count);
            next = bucket + 1;
        }
    }
}

fn take_latencies(input: &mut &[u8]) -> Result<Option<Box<Latencies>>, Damaged> {
    let (bits, rest) = input.split_first().ok_or(Damaged)?;
    *input = rest;
    if *bits == 0 {
        return Ok(None);
    }
    let mut latencies = Box::<Latencies>::default();
    let stretches: [&mut Histogram; 3] = [
        &mut latencies.publish_durable,
        &mut latencies.durable_deliver,
        &mut latencies.deliver_ack,
    ];
    for (place, times) in stretches.into_iter().enumerate() {
        if bits >> place & 1 == 0 {
            continue;
        }
        times.sum_us = take(input)?;
        let mut next = 0;
        for _ in 0..take(input)? {
            let bucket = next + len(take(input)?, BUCKETS)?;
            *times.counts.get_mut(bucket).ok_or(Damaged)? = take(input)?;
            next = bucket + 1;
        }
    }
    Ok(Some(latencies))
}

fn write_key(key: &mut Vec<u8>, subject: &Subject) {
    key.clear();
    key.push(subject.scope as u8);
    for text in [&subject.broker, &subject.vhost, &subject.name] {
        key.extend_from_slice(text.as_bytes());
        key.push(END);
    }
}

/// The subject; what it shares with the one before takes no memory of its own.
fn read_key(key: &[u8], before: Option<&Subject>) -> Result<Subject, Damaged> {
    let (scope, texts) = key.split_first().ok_or(Damaged)?;
    let mut texts = texts.split(|byte| *byte == END);
    let mut text = |before: Option<&Arc<str>>| -> Result<Arc<str>, Damaged> {
        let text = std::str::from_utf8(texts.next().ok_or(Damaged)?).map_err(|_| Damaged)?;
        Ok(match before {
            Some(before) if **before == *text => Arc::clone(before),
            _ => text.into(),
        })
    };
    Ok(Subject {
        scope: Scope::of(*scope).ok_or(Damaged)?,
        broker: text(before.map(|it| &it.broker))?,
        vhost: text(before.map(|it| &it.vhost))?,
        name: text(before.map(|it| &it.name))?,
    })
}

/// A length that is at most `most`.
fn len(value: u64, most: usize) -> Result<usize, Damaged> {
    let value = usize::try_from(value).map_err(|_| Damaged)?;
    (value <= most).then_some(value).ok_or(Damaged)
}

fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take(input: &mut &[u8]) -> Result<u64, Damaged> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = input.split_first().ok_or(Damaged)?;
        *input = rest;
        value |= u64::from(byte & 0x7F) << shift;
        if *byte < 0x80 {
            return Ok(value);
        }
    }
    Err(Damaged)
}

#[cfg(test)]
mod tests {
    use super::super::columns::queue;
    use super::super::rows::tests::queue_row;
    use super::*;

    fn rows() -> Rows {
        let mut rows: Vec<_> = (0..1000)
            .map(|number| queue_row(&format!("orders.{number:04}"), &[(queue::CONSUMERS, 1)]))
            .collect();
        let mut latencies = Latencies::default();
        latencies.publish_durable.record(3);
        latencies.deliver_ack.record(u64::MAX);
        latencies.deliver_ack.record(700);
        rows[7].latencies = Some(Box::new(latencies));
        rows[7]
            .values
            .iter_mut()
            .for_each(|value| *value = u64::MAX);
        Rows {
            at_ms: 1_700_000_000_000,
            seconds: 60,
            rows,
        }
    }

    #[test]
    fn rows_come_back_and_idle_queues_take_few_bytes() {
        let rows = rows();
        let bytes = encode(&rows);
        assert_eq!(decode(&bytes).unwrap(), rows);
        assert!(bytes.len() < 10_000, "{} bytes", bytes.len());
    }

    #[test]
    fn whatever_is_missing_or_changed_is_noticed_or_harmless() {
        let mut rows = rows();
        rows.rows.truncate(12);
        let bytes = encode(&rows);
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end]).is_err(), "{end}");
        }
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 0x55;
            let _ = decode(&changed);
        }
    }
}
