//! The fuzz target's promises over seeded mutations of real values, so that every test run tries
//! some thousands.

use tfplugin_rs::value::{Dynamic, Type, Value, json, msgpack};

use crate::allocation::peak_bytes;
use crate::hostile::{BYTES_PER_BYTE, FIXED_BYTES};
use crate::promises;

const ROUNDS: u64 = 30_000;

/// A small generator of numbers (xorshift), the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).expect("less than sides")
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let object = Type::object([
        ("a", Type::list(Type::Number)),
        ("b", Type::map(Type::String)),
        ("c", Type::tuple([Type::Bool, Type::Dynamic])),
        (
            "d",
            Type::set(Type::object([("x", Type::String), ("y", Type::Number)])),
        ),
    ]);
    let dynamic = Dynamic::new(Type::list(Type::String), Value::list(["p", "q"]));
    let member = |x: &str, y: &str| {
        Value::object([
            ("x", x.into()),
            ("y", Value::Number(y.parse().expect("a number"))),
        ])
    };
    let value = Value::object([
        ("a", Value::List(vec![1.into(), (-300).into(), Value::Null])),
        ("b", Value::map([("k", "v"), ("l", "ä\n\"")])),
        ("c", Value::Tuple(vec![true.into(), dynamic.into()])),
        (
            "d",
            Value::set([member("s", "0.1"), member("t", "1e40"), member("u", "-1.5")]),
        ),
    ]);
    let with_type = |ty: &Type, value: Vec<u8>| [ty.to_json_bytes(), vec![0], value].concat();
    let packed = |value: &Value, ty: &Type| msgpack::encode(value, ty).expect("it fits");
    vec![
        with_type(&object, packed(&value, &object)),
        with_type(&object, json::encode(&value, &object).expect("it is known")),
        with_type(&object, packed(&Value::Unknown, &object)),
        with_type(&Type::Dynamic, packed(&Value::Null, &Type::Dynamic)),
        with_type(
            &Type::list(Type::Number),
            b"[1, 2.5, \"1e3\", null]".to_vec(),
        ),
    ]
}

/// One of: another byte, a byte less, a byte more, a part doubled, the end cut off.
fn mutate(input: &mut Vec<u8>, dice: &mut Dice) {
    if input.is_empty() {
        return;
    }
    let at = dice.roll(input.len());
    let byte = u8::try_from(dice.roll(256)).expect("a byte");
    match dice.roll(6) {
        0 => input[at] = byte,
        1 => input[at] ^= 1 << dice.roll(8),
        2 => drop(input.remove(at)),
        3 => input.insert(at, byte),
        4 => {
            let end = (at + dice.roll(16)).min(input.len());
            let part = input[at..end].to_vec();
            input.splice(at..at, part);
        }
        _ => input.truncate(at),
    }
}

/// What the fuzz target starts from.
fn corpus() -> Vec<Vec<u8>> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/values");
    let files = std::fs::read_dir(directory).expect("it is beside the sources");
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    // In another order the rolls would fall on other inputs.
    paths.sort_unstable();
    let read = |path| std::fs::read(path).expect("a file of the sources");
    paths.into_iter().map(read).collect()
}

/// A seed that is refused at its first byte teaches a fuzzer nothing.
#[test]
fn seeds_of_the_corpus_are_what_they_seem() {
    let all = corpus();
    assert!(all.len() >= 16, "{} seeds", all.len());
    let read = |seed: &&Vec<u8>| {
        let Some(end) = seed.iter().position(|byte| *byte == 0) else {
            return Type::from_json_bytes(seed).is_ok() || json::decode_any(seed).is_ok();
        };
        let ty = Type::from_json_bytes(&seed[..end]).expect("a seed begins with a type");
        let value = &seed[end + 1..];
        msgpack::decode(value, &ty).is_ok() || json::decode_lenient(value, &ty).is_ok()
    };
    let refused = all.iter().filter(|seed| !read(seed)).count();
    assert_eq!(refused, 1, "only the one whose lengths lie");
}

#[test]
fn promises_hold_for_mutated_values() {
    let seeds = [seeds(), corpus()].concat();
    for seed in &seeds {
        promises::check(seed);
    }
    let mut dice = Dice(0x5eed_1234_5678_9abc);
    for round in 0..ROUNDS {
        let mut input = seeds[dice.roll(seeds.len())].clone();
        for _ in 0..=dice.roll(4) {
            mutate(&mut input, &mut dice);
        }
        let (result, peak) =
            peak_bytes(|| std::panic::catch_unwind(|| promises::check(&input)).is_ok());
        assert!(result, "round {round}: {input:?}");
        assert!(
            peak < FIXED_BYTES + BYTES_PER_BYTE * input.len(),
            "round {round}: {peak} bytes"
        );
    }
}
