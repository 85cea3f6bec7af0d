//! HTML: as text, and through RTF that encapsulates it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    formats::oracle::check("html", bytes);
});
