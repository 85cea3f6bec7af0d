//! Entry ids and lists of them.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    mapi::oracle::check("entry_id", bytes);
    mapi::oracle::check("entry_list", bytes);
});
