//! Restrictions and rule conditions in every form, sort orders.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    mapi::oracle::check("restriction", bytes);
    mapi::oracle::check("sort", bytes);
});
