//! ROP output buffers against a context that the first bytes make, and any answer from any bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    mapi_rop::oracle::response_buffer(bytes);
    mapi_rop::oracle::any_response(bytes);
});
