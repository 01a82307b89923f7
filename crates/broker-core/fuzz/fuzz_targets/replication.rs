//! Bytes of a replication connection, with any contents.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| broker_core_fuzz::replication::check(input));
