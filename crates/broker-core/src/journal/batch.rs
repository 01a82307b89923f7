//! A batch: records gathered in memory until one write and one sync make them durable together.

use std::io::IoSlice;

use bytes::Bytes;

use super::cipher::{DataKey, Opening, TRAILER_LEN};
use super::entry::Record;
use super::index::RecordHead;
use super::record::{
    self, ALIGN, ENCRYPTED, ENDS_SEGMENT, HEADER_LEN, Header, MARK_KIND, Mark, framed_len,
};
use super::{Epoch, Kind, Lsn};

/// Bodies from this size on are not copied but kept as they are until written.
const SPLICE_MIN: usize = 16 * 1024;

static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// Records in order, all for one segment.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Position of its first byte.
    pub(super) base: Lsn,
    /// Its segment is to be begun with it.
    pub(super) starts_segment: bool,
    /// It goes to an encrypted segment.
    encrypted: bool,
    /// What its mark states as released.
    pub(super) front: Lsn,
    /// Everything but spliced bodies.
    head: Vec<u8>,
    /// Bodies that belong into `head` at `at`, in order.
    splices: Vec<Splice>,
    spliced_bytes: usize,
    /// Where in `head` record headers are.
    headers: Vec<usize>,
    mark_bytes: usize,
}

#[derive(Debug)]
struct Splice {
    at: usize,
    body: Bytes,
}

impl Batch {
    /// An empty batch at `base` that fills `buffer`, whose contents are dropped. Records of an
    /// `encrypted` one get room for what encryption adds to them.
    pub(super) fn new(base: Lsn, mut buffer: Vec<u8>, encrypted: bool) -> Self {
        buffer.clear();
        Self {
            base,
            encrypted,
            head: buffer,
            ..Self::default()
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.headers.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.head.len() + self.spliced_bytes
    }

    /// What its records take, its mark not counted.
    pub(super) fn records_bytes(&self) -> usize {
        self.len() - self.mark_bytes
    }

    /// Position behind its last byte.
    pub(super) fn end(&self) -> Lsn {
        Lsn(self.base.0 + self.len() as u64)
    }

    /// Adds a record whose payload has been measured and, unless it is to be encrypted, summed, and
    /// answers the position behind.
    pub(super) fn push(
        &mut self,
        record: &Record<'_>,
        flags: u8,
        epoch: Epoch,
        payload_len: u32,
        payload_crc: u32,
    ) -> Lsn {
        let kind = record.kind.number();
        let trailer: &[u8] = if self.encrypted {
            &[0; TRAILER_LEN]
        } else {
            &[]
        };
        let payload_len = payload_len + trailer.len() as u32;
        self.push_header(kind, flags, epoch, payload_len, payload_crc);
        for part in record.parts {
            self.head.extend_from_slice(part);
        }
        match record.body {
            Some(body) if body.len() >= SPLICE_MIN => {
                self.spliced_bytes += body.len();
                self.splices.push(Splice {
                    at: self.head.len(),
                    body: body.clone(),
                });
            }
            Some(body) => self.head.extend_from_slice(body),
            None => {}
        }
        self.head.extend_from_slice(trailer);
        let padding = self.len().next_multiple_of(ALIGN) - self.len();
        self.head.extend_from_slice(&[0; ALIGN][..padding]);
        self.end()
    }

    /// Adds the mark that closes it.
    pub(super) fn close(&mut self, epoch: Epoch, front: Lsn, ends_segment: bool) {
        let records = u32::try_from(self.headers.len()).unwrap_or(u32::MAX);
        let payload = Mark { records, front }.encode();
        let flags = if ends_segment { ENDS_SEGMENT } else { 0 };
        let crc = record::payload_crc([payload.as_slice()]);
        self.push_header(MARK_KIND, flags, epoch, payload.len() as u32, crc);
        self.head.extend_from_slice(&payload);
        self.front = front;
        self.mark_bytes = record::MARK_LEN as usize;
    }

    fn push_header(&mut self, kind: u8, flags: u8, epoch: Epoch, payload_len: u32, crc: u32) {
        let lsn = self.end();
        let flags = if self.encrypted {
            flags | ENCRYPTED
        } else {
            flags
        };
        let header = Header {
            payload_len,
            kind,
            flags,
            lsn,
            epoch,
            durable: lsn,
            payload_crc: crc,
        };
        self.headers.push(self.head.len());
        self.head.extend_from_slice(&header.unsealed());
    }

    /// Encrypts all payloads for the segment of this key that begins at `base`. Of large bodies it makes
    /// a copy, for others have them too.
    pub(super) fn encrypt(&mut self, key: &DataKey, opening: Opening, base: Lsn) {
        let mut splices = self.splices.iter_mut().peekable();
        for at in &self.headers {
            let record = &mut self.head[*at..];
            if record[4] == MARK_KIND {
                continue;
            }
            let payload_end = at + HEADER_LEN + record::u32_at(record, 0) as usize;
            match splices.next_if(|splice| splice.at <= payload_end) {
                None => key.encrypt_record(opening, base, record),
                Some(splice) => {
                    let (head, behind) = record.split_at_mut(splice.at - at);
                    let trailer = &mut behind[..TRAILER_LEN];
                    let body = key.encrypt_spliced(opening, base, head, &splice.body, trailer);
                    splice.body = body.into();
                }
            }
        }
    }

    /// Completes all headers for the segment with this `seed`, `durable` being what is on disk.
    pub(super) fn seal(&mut self, seed: u32, durable: Lsn) {
        for at in &self.headers {
            record::seal(&mut self.head[*at..*at + HEADER_LEN], seed, durable);
        }
    }

    /// The bytes to write, followed by `zeros` zero bytes.
    pub(super) fn slices(&self, zeros: usize) -> Vec<IoSlice<'_>> {
        let mut slices = Vec::with_capacity(2 * self.splices.len() + 1 + zeros / ZEROS.len() + 1);
        let mut from = 0;
        for splice in &self.splices {
            slices.push(IoSlice::new(&self.head[from..splice.at]));
            slices.push(IoSlice::new(&splice.body));
            from = splice.at;
        }
        slices.push(IoSlice::new(&self.head[from..]));
        slices.extend(self::zeros(zeros));
        slices
    }

    /// Its records but for marks, each up to its spliced body. Not after it was encrypted.
    pub(super) fn heads(&self) -> impl Iterator<Item = RecordHead<'_>> {
        let trailer = if self.encrypted { TRAILER_LEN } else { 0 };
        let mut splices = self.splices.iter().map(|splice| splice.at).peekable();
        self.headers.iter().filter_map(move |at| {
            let header = &self.head[*at..];
            let payload_len = record::u32_at(header, 0) as usize;
            let payload_bytes = payload_len.saturating_sub(trailer);
            let from = at + HEADER_LEN;
            while splices.next_if(|splice| *splice < from).is_some() {}
            let to = from + payload_bytes;
            let to = splices.peek().map_or(to, |splice| to.min(*splice));
            let start = record::lsn_of(header);
            (header[4] != MARK_KIND).then(|| RecordHead {
                kind: Kind(header[4]),
                start,
                end: Lsn(start.0 + framed_len(payload_len)),
                head: &self.head[from..to],
                payload_bytes,
            })
        })
    }

    /// Its buffer, to be filled again.
    pub(super) fn into_buffer(self) -> Vec<u8> {
        self.head
    }
}

/// So many zero bytes.
pub(super) fn zeros<'z>(count: usize) -> impl Iterator<Item = IoSlice<'z>> {
    let starts = (0..count).step_by(ZEROS.len());
    starts.map(move |start| IoSlice::new(&ZEROS[..ZEROS.len().min(count - start)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Admission;

    fn push(batch: &mut Batch, parts: &[&[u8]], body: Option<&Bytes>) -> Lsn {
        let record = Record {
            kind: Kind::new(1),
            admission: Admission::Ordinary,
            parts,
            body,
        };
        let all = || parts.iter().copied().chain(body.map(|body| &body[..]));
        let len = all().map(<[u8]>::len).sum::<usize>();
        batch.push(&record, 0, Epoch(1), len as u32, record::payload_crc(all()))
    }

    fn written(batch: &Batch, zeros: usize) -> Vec<u8> {
        batch
            .slices(zeros)
            .iter()
            .flat_map(|slice| slice.to_vec())
            .collect()
    }

    #[test]
    fn heads_end_where_a_large_body_begins() {
        let mut batch = Batch::new(Lsn(4096), Vec::new(), false);
        let large = Bytes::from(vec![b'l'; SPLICE_MIN]);
        let small = Bytes::from_static(b"s");
        push(&mut batch, &[b"one"], None);
        push(&mut batch, &[], Some(&large));
        push(&mut batch, &[b"three"], Some(&large));
        push(&mut batch, &[b"four"], Some(&small));
        let end = push(&mut batch, &[b"five"], Some(&large));
        batch.close(Epoch(1), Lsn(4096), false);
        let heads: Vec<_> = batch.heads().collect();
        let texts: Vec<_> = heads.iter().map(|it| it.head).collect();
        assert_eq!(texts, [&b"one"[..], b"", b"three", b"fours", b"five"]);
        let sizes: Vec<_> = heads.iter().map(|it| it.payload_bytes).collect();
        let body = SPLICE_MIN;
        assert_eq!(sizes, [3, body, 5 + body, 5, 4 + body]);
        assert!(heads.windows(2).all(|two| two[0].end == two[1].start));
        assert_eq!((heads[0].start, heads[4].end), (Lsn(4096), end));
    }

    #[test]
    fn copied_and_spliced_bodies_make_the_same_bytes_on_disk() {
        let small = Bytes::from(vec![7; SPLICE_MIN - 1]);
        let large = Bytes::from(vec![8; SPLICE_MIN + 3]);
        let mut batch = Batch::new(Lsn(4096), Vec::new(), false);
        push(&mut batch, &[b"ab", b"c"], Some(&large));
        push(&mut batch, &[b"d"], Some(&small));
        let end = push(&mut batch, &[], Some(&large));
        batch.seal(5, Lsn(4096));
        let bytes = written(&batch, 0);
        assert_eq!(end, Lsn(4096 + bytes.len() as u64));

        let mut at = 0;
        for expected in [
            [b"abc", &large[..]].concat(),
            [b"d", &small[..]].concat(),
            large.to_vec(),
        ] {
            let header = bytes[at..at + HEADER_LEN].try_into().unwrap();
            let header = Header::decode(header, 5).expect("sealed");
            assert_eq!(header.lsn, Lsn(4096 + at as u64));
            assert_eq!(header.durable, Lsn(4096));
            let payload = &bytes[at + HEADER_LEN..][..header.payload_len as usize];
            assert!(payload == expected);
            assert_eq!(header.payload_crc, record::payload_crc([payload]));
            at += framed_len(payload.len()) as usize;
        }
        assert_eq!(at, bytes.len());
    }

    #[test]
    fn zeros_follow_the_records() {
        let mut batch = Batch::new(Lsn(4096), Vec::new(), false);
        batch.close(Epoch(1), Lsn(4096), false);
        let bytes = written(&batch, 100_000);
        assert_eq!(bytes.len(), batch.len() + 100_000);
        assert!(bytes[batch.len()..].iter().all(|byte| *byte == 0));
    }
}
