//! Any bytes as every file of a backup repository.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    store::oracle::backup(bytes);
});
