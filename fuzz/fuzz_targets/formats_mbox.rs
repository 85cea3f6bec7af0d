//! mbox files, Maildir names, telling formats apart.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    formats::oracle::check("mbox", bytes);
    formats::oracle::check("maildir", bytes);
    formats::oracle::check("detect", bytes);
});
