//! Commands of SMTP and LMTP.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| mail_server::smtp::oracle::command(bytes));
