//! Arbitrary damage: whatever the bytes, opening answers and never panics, and a refusal leaves
//! every file as it was.

use std::sync::{Arc, OnceLock};

use broker_core::journal::{OpenError, SimDisk, Survival};
use proptest::prelude::*;

use crate::harness::{Bench, open_on, payloads, small};

/// One way to spoil a file.
#[derive(Debug, Clone)]
enum Spoil {
    Cut {
        keep: usize,
    },
    Fill {
        at: usize,
        len: usize,
        byte: u8,
    },
    Flip {
        bit: usize,
    },
    Lose,
    /// Parts of the same or another file end up here.
    Misplace {
        from_file: usize,
        from: usize,
        at: usize,
        len: usize,
    },
}

fn spoil() -> impl Strategy<Value = (usize, Spoil)> {
    let place = 0..20_480_usize;
    let spoil = prop_oneof![
        1 => place.clone().prop_map(|keep| Spoil::Cut { keep }),
        4 => (place.clone(), 1..5000_usize, any::<u8>())
            .prop_map(|(at, len, byte)| Spoil::Fill { at, len, byte }),
        6 => (0..20_480 * 8_usize).prop_map(|bit| Spoil::Flip { bit }),
        1 => Just(Spoil::Lose),
        4 => (0..8_usize, place.clone(), place, 1..6000_usize)
            .prop_map(|(from_file, from, at, len)| Spoil::Misplace { from_file, from, at, len }),
    ];
    (0..8_usize, spoil)
}

fn written() -> SimDisk {
    let disk = SimDisk::new(5);
    let mut bench = Bench::open(&disk);
    bench.publish_all(&payloads(40, 900));
    let durable = bench.journal.segments()[1].end;
    bench
        .journal
        .checkpoint(durable, b"a summary")
        .expect("room");
    bench.journal.release_before(durable);
    bench.drain();
    bench.close();
    disk
}

fn apply(disk: &SimDisk, file: usize, spoil: &Spoil) {
    let contents: Vec<_> = disk.contents().into_iter().collect();
    let Some((name, bytes)) = contents.get(file % contents.len().max(1)) else {
        return;
    };
    let mut bytes = bytes.clone();
    let clip = |at: usize, len: usize, size: usize| at.min(size)..(at + len).min(size);
    match *spoil {
        Spoil::Cut { keep } => bytes.truncate(keep),
        Spoil::Fill { at, len, byte } => {
            let place = clip(at, len, bytes.len());
            bytes[place].fill(byte);
        }
        Spoil::Flip { bit } if bit / 8 < bytes.len() => bytes[bit / 8] ^= 1 << (bit % 8),
        Spoil::Flip { .. } => {}
        Spoil::Lose => return disk.lose(name),
        Spoil::Misplace {
            from_file,
            from,
            at,
            len,
        } => {
            let source = &contents[from_file % contents.len()].1;
            let found = source[clip(from, len, source.len())].to_vec();
            let place = clip(at, found.len(), bytes.len());
            bytes[place.clone()].copy_from_slice(&found[..place.len()]);
        }
    }
    disk.install(name, &bytes);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1500,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_bytes_make_opening_panic(spoils in prop::collection::vec(spoil(), 1..5)) {
        static WRITTEN: OnceLock<SimDisk> = OnceLock::new();
        let disk = WRITTEN.get_or_init(written).after_power_loss(Survival::Everything);
        let sound = payloads(40, 900);
        for (file, spoil) in &spoils {
            apply(&disk, *file, spoil);
        }
        let before = disk.contents();
        match open_on(Arc::new(disk.clone()), &small()) {
            // What is shown was written, and comes in the order it was written.
            Ok(bench) => {
                let found = bench.replayed_payloads();
                let all_lost = before.is_empty() || !before.keys().any(|name| name.contains('-'));
                prop_assert!(all_lost || sound.windows(found.len()).any(|part| part == found));
            }
            Err(OpenError::Corrupt(corrupt)) => {
                prop_assert!(before.contains_key(&corrupt.file), "{corrupt}");
                prop_assert!(disk.contents() == before, "a refusal changes nothing");
            }
            Err(_) => prop_assert!(disk.contents() == before, "a refusal changes nothing"),
        }
    }
}
