//! The dispatcher: any ROPs in any order on a session with an object of each kind.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mapi_server::oracle::Dispatcher;
use std::sync::LazyLock;

static DISPATCHER: LazyLock<Dispatcher> = LazyLock::new(Dispatcher::default);

fuzz_target!(|bytes: &[u8]| {
    DISPATCHER.any_rops(bytes);
});
