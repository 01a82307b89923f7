//! A short run of a fuzz target inside `cargo test`: its seeds, and damaged copies of them.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Runs `check` on every file of the directory and on `rounds` inputs made of them, the same in
/// every run. Fails with the input that failed.
pub(crate) fn replay(seeds: &Path, rounds: u64, check: impl Fn(&[u8])) {
    let mut files: Vec<_> = fs::read_dir(seeds)
        .unwrap_or_else(|error| panic!("{}: {error}", seeds.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let seeds: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    assert!(!seeds.is_empty(), "no seeds");
    let run = |input: &[u8]| {
        let outcome = catch_unwind(AssertUnwindSafe(|| check(input)));
        assert!(outcome.is_ok(), "input: {input:?}");
    };
    seeds.iter().for_each(|seed| run(seed));
    let mut dice = Dice(0x5eed_1234_5678_9abc);
    for _ in 0..rounds {
        let mut input = seeds[dice.roll(seeds.len())].clone();
        for _ in 0..=dice.roll(4) {
            mutate(&mut input, &seeds, &mut dice);
        }
        run(&input);
    }
}

/// A small generator of numbers (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

/// One of: another byte, a flipped bit, a byte less, a byte more, a part doubled, the end cut off,
/// the end of another seed.
fn mutate(input: &mut Vec<u8>, seeds: &[Vec<u8>], dice: &mut Dice) {
    let at = dice.roll(input.len() + 1);
    let byte = dice.roll(256) as u8;
    match dice.roll(7) {
        _ if at == input.len() => input.push(byte),
        0 => input[at] = byte,
        1 => input[at] ^= 1 << dice.roll(8),
        2 => drop(input.remove(at)),
        3 => input.insert(at, byte),
        4 => {
            let end = (at + dice.roll(16)).min(input.len());
            let part = input[at..end].to_vec();
            input.splice(at..at, part);
        }
        5 => input.truncate(at),
        _ => {
            let other = &seeds[dice.roll(seeds.len())];
            input.truncate(at);
            input.extend(&other[dice.roll(other.len() + 1)..]);
        }
    }
}
