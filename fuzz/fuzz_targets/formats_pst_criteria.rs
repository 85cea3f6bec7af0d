//! What search folders of PST files look for.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    formats::oracle::check("pst_criteria", bytes);
});
