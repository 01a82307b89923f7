//! The fuzz target's promises over seeded mutations of real values, so that every test run tries
//! some thousands.

use tfplugin_rs::value::{Dynamic, Type, Value, json, msgpack};

use crate::allocation::peak_bytes;
use crate::hostile::{BYTES_PER_BYTE, FIXED_BYTES};
use crate::promises;

const ROUNDS: u64 = 20_000;

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

#[test]
fn promises_hold_for_mutated_values() {
    let seeds = seeds();
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
