//! Any bytes as a type and a value of it.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../promises.rs"]
mod promises;

fuzz_target!(|input: &[u8]| promises::check(input));
