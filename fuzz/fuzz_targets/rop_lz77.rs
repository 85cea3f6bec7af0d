//! The decompressor, and the compressor against it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    mapi_rop::oracle::lz77(bytes);
});
