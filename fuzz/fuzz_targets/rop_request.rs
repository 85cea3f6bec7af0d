//! ROP input buffers, and any request from any bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    mapi_rop::oracle::request_buffer(bytes);
    mapi_rop::oracle::any_request(bytes);
});
