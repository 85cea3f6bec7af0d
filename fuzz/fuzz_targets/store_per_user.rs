//! What users have read in public folders.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| store::oracle::check("per_user", bytes));
