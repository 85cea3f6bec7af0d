//! Bodies of MAPI/HTTP and response streams.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    mapi_rop::oracle::http(bytes);
});
