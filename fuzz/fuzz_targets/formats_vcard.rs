//! vCard files, read and written.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    formats::oracle::check("vcard", bytes);
});
