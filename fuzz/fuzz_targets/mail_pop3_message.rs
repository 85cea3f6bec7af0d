//! Messages as POP3 sends them: dots, sizes, and the lines of TOP.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| mail_server::pop3::oracle::message(bytes));
