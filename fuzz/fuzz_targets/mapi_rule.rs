//! Actions of rules, standard and extended.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| mapi::oracle::check("rule", bytes));
