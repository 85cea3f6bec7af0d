//! The octets of a message of SMTP: dots and the end.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| mail_server::smtp::oracle::data(bytes));
