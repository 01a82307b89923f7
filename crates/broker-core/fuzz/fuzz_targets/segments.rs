//! A good journal with patched files, and an encrypted one.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    broker_core_fuzz::segments::check(input);
    broker_core_fuzz::segments::check_encrypted(input);
});
