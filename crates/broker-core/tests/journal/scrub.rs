//! The background scrub finds every flipped bit, and nothing else.

use std::fmt;
use std::io::{self, IoSlice};
use std::mem;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use broker_core::journal::{
    Corrupt, Disk, DiskFile, FileEntry, Lsn, Options, Scrub, SimDisk, Space, Trouble, Turn,
};

use crate::harness::{Bench, TRAILER, open_on, payloads, small};

/// Most bytes of a step but for a record that is larger by itself.
const STEP_BYTES: u64 = 256 << 10;

/// One whole round: what it found, and bytes read.
fn round(scrub: &mut Scrub) -> (Vec<Corrupt>, u64) {
    let (mut damaged, mut bytes) = (Vec::new(), 0);
    for _ in 0..10_000 {
        let step = scrub.step();
        damaged.extend(step.damaged);
        bytes += step.read_bytes;
        if step.round_ended {
            return (damaged, bytes);
        }
    }
    panic!("a round without an end");
}

/// A journal of several segments.
fn filled(disk: &SimDisk) -> Bench {
    let mut bench = Bench::open(disk);
    bench.publish_all(&payloads(60, 1100));
    assert!(bench.journal.segments().len() > 3);
    bench
}

/// File, first byte and end of the records of each segment, oldest first. The file of a segment is
/// the one whose header has its base.
fn places(disk: &SimDisk, bench: &Bench) -> Vec<(String, usize, usize)> {
    let contents = disk.contents();
    let of = |base: u64| {
        let has = |bytes: &Vec<u8>| bytes.get(56..64) == Some(&base.to_le_bytes()[..]);
        contents.iter().find(|(_, bytes)| has(bytes)).unwrap().0
    };
    let spans = bench.journal.segments();
    let place =
        |start: Lsn, end: Lsn| (of(start.0).clone(), 4096, 4096 + (end.0 - start.0) as usize);
    spans.iter().map(|it| place(it.start, it.end)).collect()
}

#[test]
fn a_sound_journal_is_read_as_a_whole_and_nothing_is_found() {
    let disk = SimDisk::new(1);
    let bench = filled(&disk);
    let held = bench.journal.durable().0 - bench.journal.first().0;
    let mut scrub = Scrub::new(Arc::clone(&bench.journal));
    for _ in 0..2 {
        let (damaged, bytes) = round(&mut scrub);
        assert!(damaged.is_empty(), "{damaged:?}");
        assert!(bytes >= held, "{bytes} of {held}");
    }
}

#[test]
fn every_flipped_bit_is_found_at_its_record() {
    let disk = SimDisk::new(1);
    let bench = filled(&disk);
    let (mut tried, step) = (0, 97);
    for (file, start, end) in places(&disk, &bench) {
        let headers = (0..512).step_by(31).map(|byte| byte * 8 + 3);
        for bit in headers.chain((start * 8..end * 8).step_by(step)) {
            disk.flip(&file, bit);
            let mut scrub = Scrub::new(Arc::clone(&bench.journal));
            let (damaged, _) = round(&mut scrub);
            let [damage] = damaged.as_slice() else {
                panic!("bit {bit} of {file}: {damaged:?}");
            };
            assert_eq!(damage.file, file);
            // Its own record, none of which is longer than 1,200 bytes.
            let byte = (bit / 8) as u64;
            let near = damage.offset <= byte && byte < damage.offset + 1200;
            assert!(near, "bit {bit} of {file} told at byte {}", damage.offset);
            disk.flip(&file, bit);
            tried += 1;
        }
    }
    assert!(tried > 4_000, "{tried} bits");
}

#[test]
fn damage_hides_nothing_behind_it() {
    let disk = SimDisk::new(1);
    let bench = filled(&disk);
    let (file, start, _) = places(&disk, &bench)[1].clone();
    // Each message is committed by itself: a record of 1,132 bytes, padded, and a mark of 48.
    let record = |number: usize| start + number * (1136 + TRAILER + 48);
    let flips = [
        record(0) + 3,
        record(2) + 28,
        record(3) + 500,
        record(5) + 10,
        record(9) + 1000,
    ];
    flips.iter().for_each(|byte| disk.flip(&file, byte * 8));
    let mut scrub = Scrub::new(Arc::clone(&bench.journal));
    let found = |damaged: &[Corrupt]| {
        damaged
            .iter()
            .map(|it| it.offset as usize)
            .collect::<Vec<_>>()
    };
    let (damaged, _) = round(&mut scrub);
    assert_eq!(found(&damaged), [0, 2, 3, 5, 9].map(record));
    let text = damaged[1].to_string();
    assert!(
        text.contains(&file) && text.contains("damaged at byte"),
        "{text}"
    );
    // Told once, and still known.
    assert!(round(&mut scrub).0.is_empty());
    assert_eq!(scrub.step().known_damaged, 5);
}

#[test]
fn a_record_larger_than_a_step_is_checked_too() {
    let options = Options {
        segment_bytes: 4 << 20,
        batch_bytes: 2 << 20,
        ..small()
    };
    let disk = SimDisk::new(1);
    let mut bench = open_on(Arc::new(disk.clone()), &options).unwrap();
    bench.commit(1_000_000);
    bench.commit(100);
    let (file, start, _) = places(&disk, &bench)[0].clone();
    assert!(
        round(&mut Scrub::new(Arc::clone(&bench.journal)))
            .0
            .is_empty()
    );
    disk.flip(&file, (start + 900_000) * 8);
    let (damaged, _) = round(&mut Scrub::new(Arc::clone(&bench.journal)));
    assert_eq!(damaged.len(), 1);
}

#[test]
fn a_place_that_cannot_be_read_is_damage_and_ends_nothing() {
    let disk = SimDisk::new(1);
    let mut bench = filled(&disk);
    disk.plan(disk.operations() + 1, Trouble::Error(io::ErrorKind::Other));
    let mut scrub = Scrub::new(Arc::clone(&bench.journal));
    let (damaged, _) = round(&mut scrub);
    assert_eq!(damaged.len(), 1, "{damaged:?}");
    assert!(bench.journal.stopped().is_none());
    bench.commit(100);
}

#[test]
fn what_is_freed_meanwhile_is_no_damage_and_forgotten() {
    let disk = SimDisk::new(1);
    let mut bench = filled(&disk);
    let (file, start, _) = places(&disk, &bench)[0].clone();
    disk.flip(&file, start * 8);
    let mut scrub = Scrub::new(Arc::clone(&bench.journal));
    assert_eq!(round(&mut scrub).0.len(), 1);
    let third = bench.journal.segments()[3].start;
    bench.journal.checkpoint(third, b"all").unwrap();
    bench.journal.release_before(third);
    // Freed, and used again for other records.
    bench.publish_all(&payloads(60, 1100));
    assert!(bench.journal.first() >= third);
    assert!(round(&mut scrub).0.is_empty());
    assert_eq!(scrub.step().known_damaged, 0);
}

#[test]
fn segments_are_freed_and_used_again_under_a_scrub() {
    let disk = SimDisk::new(1);
    let mut bench = filled(&disk);
    let mut scrub = Scrub::new(Arc::clone(&bench.journal));
    for payload in payloads(300, 900) {
        let end = bench.publish(&payload).unwrap();
        bench.drain();
        if end.0.is_multiple_of(5) {
            bench.journal.checkpoint(end, b"all").unwrap();
        }
        bench.journal.release_before(end);
        assert!(scrub.step().damaged.is_empty());
    }
}

#[test]
fn it_rests_between_steps_and_between_rounds() {
    let disk = SimDisk::new(1);
    let bench = filled(&disk);
    let mut scrub = Scrub::new(Arc::clone(&bench.journal));
    loop {
        let step = scrub.step();
        assert!(step.read_bytes <= 2 * STEP_BYTES);
        let least = Duration::from_nanos(step.read_bytes * 200);
        assert!(step.rest >= least, "faster than 5 MB/s: {step:?}");
        if step.round_ended {
            assert!(step.rest >= Duration::from_secs(3600));
            return;
        }
    }
}

/// What happens in the moment of the scrub's next read.
type Meanwhile = Arc<Mutex<Option<Box<dyn FnOnce() + Send>>>>;

/// A disk on which something happens meanwhile.
struct Busy {
    disk: SimDisk,
    meanwhile: Meanwhile,
}

struct BusyFile {
    file: Box<dyn DiskFile>,
    meanwhile: Meanwhile,
}

impl fmt::Debug for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.disk.fmt(f)
    }
}

impl fmt::Debug for BusyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.file.fmt(f)
    }
}

impl Busy {
    fn file(&self, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        let meanwhile = Arc::clone(&self.meanwhile);
        Box::new(BusyFile { file, meanwhile })
    }
}

impl Disk for Busy {
    fn list(&self) -> io::Result<Vec<FileEntry>> {
        self.disk.list()
    }
    fn create(&self, name: &str, length_bytes: u64) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.file(self.disk.create(name, length_bytes)?))
    }
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.file(self.disk.open(name)?))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }
    fn sync_dir(&self) -> io::Result<()> {
        self.disk.sync_dir()
    }
    fn space(&self) -> io::Result<Space> {
        self.disk.space()
    }
    fn unique(&self) -> io::Result<[u8; 16]> {
        self.disk.unique()
    }
}

impl DiskFile for BusyFile {
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_at(offset, out)
    }
    fn read_from_disk(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let meanwhile = mem::take(&mut *self.meanwhile.lock().unwrap());
        if let Some(meanwhile) = meanwhile {
            meanwhile();
        }
        self.file.read_from_disk(offset, out)
    }
    fn write_at(&self, offset: u64, parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        self.file.write_at(offset, parts)
    }
    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}

#[test]
fn a_segment_freed_in_the_moment_it_is_read_is_no_damage() {
    let meanwhile = Meanwhile::default();
    let busy = Busy {
        disk: SimDisk::new(1),
        meanwhile: Arc::clone(&meanwhile),
    };
    let mut bench = open_on(Arc::new(busy), &small()).unwrap();
    bench.publish_all(&payloads(60, 1100));
    let journal = Arc::clone(&bench.journal);
    let third = journal.segments()[3].start;
    journal.checkpoint(third, b"all").unwrap();
    journal.release_before(third);
    let mut writer = bench.writer;
    *meanwhile.lock().unwrap() = Some(Box::new(move || {
        while writer.turn().unwrap() != Turn::Idle {}
        // A writer that is dropped closes the journal.
        mem::forget(writer);
    }));
    let mut scrub = Scrub::new(Arc::clone(&journal));
    let step = scrub.step();
    assert!(journal.first() >= third, "it was freed meanwhile");
    assert!(step.damaged.is_empty(), "{:?}", step.damaged);
}
