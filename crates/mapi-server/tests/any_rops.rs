//! Any ROPs in any order on any objects: what the oracle of the fuzz target wants, from random bytes.

use mapi_server::oracle::Dispatcher;
use proptest::prelude::*;
use std::sync::LazyLock;

// One for each test, since each wants to be alone with its ledger.
static ROPS: LazyLock<Dispatcher> = LazyLock::new(Dispatcher::default);
static BUFFERS: LazyLock<Dispatcher> = LazyLock::new(Dispatcher::default);

proptest! {
    #[test]
    fn any_rops_are_safe(bytes in prop::collection::vec(any::<u8>(), 0..700)) {
        ROPS.any_rops(&bytes);
    }

    #[test]
    fn any_bytes_are_safe(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        BUFFERS.any_buffer(&bytes);
    }
}
