//! The structure and envelope that IMAP tells of a message.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| mail_server::imap::oracle::message(bytes));
