//! A field table.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code, reason = "the other target runs the rest of it")]
#[path = "../promises.rs"]
mod promises;

fuzz_target!(|input: &[u8]| promises::table(input));
