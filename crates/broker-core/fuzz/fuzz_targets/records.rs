//! A journal with sound checksums, whose records say anything.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| broker_core_fuzz::records::check(input));
