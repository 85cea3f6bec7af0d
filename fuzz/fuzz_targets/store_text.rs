//! Records of the full-text index.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| store::oracle::check("text", bytes));
