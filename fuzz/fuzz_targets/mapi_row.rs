//! Property rows and recipient rows; the first bytes choose the columns.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    mapi::oracle::check("row", bytes);
    mapi::oracle::check("recipient", bytes);
});
