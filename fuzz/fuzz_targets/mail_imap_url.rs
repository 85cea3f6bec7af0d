//! IMAP URLs (RFC 5092, RFC 4467).
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| mail_server::imap::oracle::url(bytes));
