//! Property names, conversation indexes.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    mapi::oracle::check("named", bytes);
    mapi::oracle::check("conversation", bytes);
});
