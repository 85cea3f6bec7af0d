//! Commands of IMAP, read and written.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| mail_server::imap::oracle::command(bytes));
