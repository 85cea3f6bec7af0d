//! The store of the crash tests: how the program that is killed and the test that looks at the rest open
//! it.

use std::path::Path;

use store::{NewAccount, Store, StoreOptions};

use crate::Result;

pub const USER: &str = "crash@example.test";

/// Opens the store in a directory. With `record` the engine notes how far each sync reached.
pub fn open_store(dir: &Path, record: bool) -> Result<Store> {
    Ok(Store::open(dir, StoreOptions { record_syncs: record, ..StoreOptions::default() })?)
}

pub fn make_account(store: &Store) -> Result {
    if store.account_by_address(USER)?.is_none() {
        store.create_account(&NewAccount {
            address: USER.into(),
            display_name: "Crash".into(),
            password: None,
        })?;
    }
    Ok(())
}
