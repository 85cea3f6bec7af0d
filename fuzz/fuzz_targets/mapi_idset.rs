//! Id sets, change lists, XIDs.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    mapi::oracle::check("idset", bytes);
    mapi::oracle::check("change", bytes);
});
