//! Messages to other domains, and events of message tracking.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| store::oracle::check("letter", bytes));
