//! Extended buffers and auxiliary blocks.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    mapi_rop::oracle::extended_buffer(bytes);
});
