//! Property values of every type, text and other scalars.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    mapi::oracle::check("value", bytes);
    mapi::oracle::check("scalars", bytes);
});
