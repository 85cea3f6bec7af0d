//! Header fields that speak of authentication (RFC 8601).
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| mail_server::authenticate::oracle(bytes));
