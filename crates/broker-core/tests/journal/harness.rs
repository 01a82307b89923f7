//! A small journal on a simulated disk, and a replay that remembers everything.

use std::sync::{Arc, OnceLock};

use broker_core::journal::{
    Admission, AppendError, Disk, Haste, Indexer, Journal, Keyring, Keys, Kind, Lsn, Master,
    OpenError, Options, Record, RecordHead, RecordRef, Replay, SecretKey, SegmentSpan, SimDisk,
    Turn, Unreadable, Writer, open, salvage,
};

pub(crate) const PUBLISH: Kind = Kind::new(1);
pub(crate) const SETTLE: Kind = Kind::new(2);
/// The smallest segments there are: what takes megabytes in life happens within kilobytes.
pub(crate) const SEGMENT_BYTES: u64 = 20 << 10;

/// What encryption adds to each record.
pub(crate) const TRAILER: usize = if crate::ENCRYPTED { 24 } else { 0 };

/// The keys of all encrypted journals here.
pub(crate) fn keys() -> Arc<Keys> {
    static KEYS: OnceLock<Arc<Keys>> = OnceLock::new();
    let make = || {
        let (_, keys) = Keyring::create(&SimDisk::new(7), master(), &secret(1)).unwrap();
        Arc::new(keys)
    };
    Arc::clone(KEYS.get_or_init(make))
}

pub(crate) fn master() -> Master {
    Master {
        name: "file:one".to_owned(),
        data: Vec::new(),
    }
}

/// A master key of that byte.
pub(crate) fn secret(byte: u8) -> SecretKey {
    SecretKey::new([byte; 32])
}

pub(crate) fn small() -> Options {
    Options {
        keys: crate::ENCRYPTED.then(keys),
        segment_bytes: SEGMENT_BYTES,
        batch_bytes: 8 << 10,
        backlog_bytes: 64 << 10,
        keep_free_bytes: Some(0),
        ..Options::default()
    }
}

/// A record as it came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) end: Lsn,
    pub(crate) kind: Kind,
    pub(crate) payload: Vec<u8>,
}

/// Remembers what it is shown.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) checkpoint: Option<(Lsn, Vec<u8>)>,
    pub(crate) records: Vec<Seen>,
    pub(crate) epochs: Vec<u32>,
    /// It makes and takes indexes, which hold everything.
    pub(crate) indexes: bool,
    /// Segments that were not read but for their index.
    pub(crate) indexed: usize,
}

impl Replay for Memory {
    fn checkpoint(&mut self, covered: Lsn, payload: &[u8]) -> Result<(), Unreadable> {
        assert!(self.records.is_empty(), "the checkpoint comes first");
        self.checkpoint = Some((covered, payload.to_vec()));
        Ok(())
    }

    fn record(&mut self, record: RecordRef<'_>) -> Result<(), Unreadable> {
        assert!(record.start < record.end);
        assert!(
            self.records
                .last()
                .is_none_or(|last| last.end <= record.start)
        );
        let RecordRef {
            kind, end, payload, ..
        } = record;
        self.records.push(Seen {
            end,
            kind,
            payload: payload.to_vec(),
        });
        self.epochs.push(record.epoch.0);
        Ok(())
    }

    fn indexer(&self) -> Option<Box<dyn Indexer>> {
        self.indexes
            .then(|| Box::new(Notes::default()) as Box<dyn Indexer>)
    }

    fn index(&mut self, _: SegmentSpan, payload: &[u8]) -> Result<bool, Unreadable> {
        let mut rest = payload;
        while let Some((head, more)) = rest.split_first_chunk::<16>() {
            let number = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().unwrap());
            let (kind, size) = (number(8) as u8, (number(8) >> 8) as usize);
            let (payload, more) = more.split_at(size);
            self.records.push(Seen {
                end: Lsn(number(0)),
                kind: Kind::new(kind),
                payload: payload.to_vec(),
            });
            rest = more;
        }
        self.indexed += 1;
        Ok(true)
    }
}

/// Indexes that hold all records whole: end, kind and length, payload.
#[derive(Debug, Default)]
struct Notes(Vec<u8>);

impl Indexer for Notes {
    fn record(&mut self, record: RecordHead<'_>) {
        assert_eq!(record.head.len(), record.payload_bytes, "no body is apart");
        let kind_and_size = u64::from(record.kind.number()) | (record.head.len() as u64) << 8;
        self.0.extend(record.end.0.to_le_bytes());
        self.0.extend(kind_and_size.to_le_bytes());
        self.0.extend(record.head);
    }

    fn finish(&mut self) -> Option<Vec<u8>> {
        Some(std::mem::take(&mut self.0))
    }
}

/// An open journal with its writer.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) journal: Arc<Journal>,
    pub(crate) writer: Writer,
    pub(crate) replayed: Memory,
}

/// How to open: [`open_on`] or [`open_indexed`].
pub(crate) type Open = fn(Arc<dyn Disk>, &Options) -> Result<Bench, OpenError>;

pub(crate) fn open_on(disk: Arc<dyn Disk>, options: &Options) -> Result<Bench, OpenError> {
    open_with(disk, options, false)
}

/// Opens with the indexes there are, and makes those that are missing.
pub(crate) fn open_indexed(disk: Arc<dyn Disk>, options: &Options) -> Result<Bench, OpenError> {
    open_with(disk, options, true)
}

fn open_with(disk: Arc<dyn Disk>, options: &Options, indexes: bool) -> Result<Bench, OpenError> {
    let mut replayed = Memory {
        indexes,
        ..Memory::default()
    };
    let (journal, writer) = open(disk, options, &mut replayed)?;
    Ok(Bench {
        journal,
        writer,
        replayed,
    })
}

impl Bench {
    pub(crate) fn open(disk: &SimDisk) -> Self {
        open_on(Arc::new(disk.clone()), &small()).expect("the disk is sound")
    }

    pub(crate) fn publish(&self, payload: &[u8]) -> Result<Lsn, AppendError> {
        self.append(PUBLISH, Admission::Ordinary, payload)
    }

    pub(crate) fn settle(&self, payload: &[u8]) -> Result<Lsn, AppendError> {
        self.append(SETTLE, Admission::Essential, payload)
    }

    pub(crate) fn append(
        &self,
        kind: Kind,
        admission: Admission,
        payload: &[u8],
    ) -> Result<Lsn, AppendError> {
        // Cut in two, as records are made of parts in life.
        let (front, back) = payload.split_at(payload.len() / 3);
        let record = Record {
            kind,
            admission,
            parts: &[front, back],
            body: None,
        };
        self.journal.append(&record, Haste::Now)
    }

    /// Turns until there is nothing left to do.
    pub(crate) fn drain(&mut self) {
        while self.writer.turn().expect("the disk is sound") != Turn::Idle {}
    }

    /// Publishes and commits one by one.
    pub(crate) fn publish_all(&mut self, payloads: &[Vec<u8>]) {
        for payload in payloads {
            self.publish(payload).expect("room");
            self.drain();
        }
    }

    /// Publishes and commits one record of `size` bytes, and answers its position.
    pub(crate) fn commit(&mut self, size: usize) -> Lsn {
        let end = self.publish(&vec![b'x'; size]).expect("room");
        self.drain();
        end
    }

    /// Ends as a clean shutdown does.
    pub(crate) fn close(mut self) {
        self.journal.close();
        while self.writer.turn().expect("the disk is sound") != Turn::Closed {}
    }

    pub(crate) fn replayed_payloads(&self) -> Vec<Vec<u8>> {
        self.replayed
            .records
            .iter()
            .map(|seen| seen.payload.clone())
            .collect()
    }
}

/// Different payloads of `size` bytes.
pub(crate) fn payloads(count: usize, size: usize) -> Vec<Vec<u8>> {
    let payload = |number: usize| {
        let mut payload = format!("message {number} ").into_bytes();
        payload.resize(size.max(payload.len()), b'a' + (number % 26) as u8);
        payload
    };
    (0..count).map(payload).collect()
}

/// Finds the place of one payload.
struct Find<'p> {
    payload: &'p [u8],
    at: Option<Lsn>,
}

impl Replay for Find<'_> {
    fn checkpoint(&mut self, _: Lsn, _: &[u8]) -> Result<(), Unreadable> {
        Ok(())
    }

    fn record(&mut self, record: RecordRef<'_>) -> Result<(), Unreadable> {
        if record.payload == self.payload {
            self.at.get_or_insert(record.start);
        }
        Ok(())
    }
}

/// The file and the offset where the bytes of a payload are, encrypted or not.
pub(crate) fn place_of(disk: &SimDisk, payload: &[u8]) -> (String, usize) {
    let mut find = Find { payload, at: None };
    salvage(disk, Some(&keys()), &mut find).expect("a directory");
    let start = find.at.expect("it is on disk").0;
    let bases = disk.contents().into_iter().filter_map(|(name, bytes)| {
        let base = u64::from_le_bytes(bytes.get(56..64)?.try_into().ok()?);
        (name.starts_with("segment-") && base > 0 && base <= start).then_some((base, name))
    });
    let (base, name) = bases.max().expect("it is in a segment");
    (name, (4096 + 32 + start - base) as usize)
}

/// The refusal of a disk that must not open.
pub(crate) fn refusal(disk: &SimDisk) -> OpenError {
    match open_on(Arc::new(disk.clone()), &small()) {
        Ok(bench) => panic!("opened with {} records", bench.replayed.records.len()),
        Err(error) => error,
    }
}

/// CRC32C going on from `crc`, bit by bit: a second opinion on the library's.
pub(crate) fn crc32c(crc: u32, bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!crc, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0x82f6_3b78 & 0_u32.wrapping_sub(crc & 1))
        })
    })
}
