//! The binary properties of a calendar: recurrences, time zones, ids of meetings.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    formats::oracle::check("recurrence", bytes);
});
