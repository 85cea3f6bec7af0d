//! What a compressed connection inflates.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| mail_server::deflate::inflates(bytes));
