//! Opening a data directory, and saying what to do where that fails.

use std::path::Path;
use std::sync::OnceLock;

use mapi_server::budget::Budget;
use store::quota::Quota;
use store::{Store, StoreError, StoreOptions, engine};

use crate::cli::Defaults;

/// Memory for a command that runs by itself, in bytes: it divides as a server's does.
pub const COMMAND_BUDGET: u64 = 384 << 20;

/// What the command line says for all mailboxes: the same for every store that this process opens.
static DEFAULTS: OnceLock<Defaults> = OnceLock::new();

/// Called once, before a store is opened.
pub fn set_defaults(defaults: Defaults) {
    let _ = DEFAULTS.set(defaults);
}

/// Opens the store in `data`, which is made if it is not there.
pub fn store(data: &Path, memory_budget: u64) -> Result<Store, OpenError> {
    let defaults = DEFAULTS.get();
    let mut options: StoreOptions = Budget::of(memory_budget).store_options();
    if let Some(defaults) = defaults {
        options.retention_days = defaults.retention_days;
        options.quota = Quota {
            warn: defaults.quota_warn.0,
            prohibit_send: defaults.quota_send.0,
            prohibit_receive: defaults.quota_receive.0,
        };
    }
    Store::open(data, options).map_err(OpenError)
}

/// Why a data directory could not be opened.
#[derive(Debug)]
pub struct OpenError(StoreError);

impl OpenError {
    /// Whether another process holds the directory.
    pub fn is_locked(&self) -> bool {
        matches!(&self.0, StoreError::Engine(engine::Error::Locked { .. }))
    }
}

/// The error with what to do.
pub fn explain(data: &Path, error: OpenError) -> anyhow::Error {
    let advice = match &error.0 {
        StoreError::DiskFull => "; make room on the disk and try again",
        _ => "",
    };
    anyhow::anyhow!("cannot open the data directory {}: {}{advice}", data.display(), error.0)
}
