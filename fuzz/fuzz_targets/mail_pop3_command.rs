//! Commands of POP3.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| mail_server::pop3::oracle::command(bytes));
