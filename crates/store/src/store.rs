//! The store: an engine, a directory, and the mailboxes that are open.

use std::path::Path;
use std::sync::Arc;

use mapi::FileTime;

use crate::mailbox::Mailbox;
use crate::staging::Staging;
use crate::value::{LargeValue, Value};
use crate::{MailboxNumber, Result, StoreError};

/// Tells the time; replaced in tests.
pub type Clock = Arc<dyn Fn() -> FileTime + Send + Sync>;

/// How a store is opened.
#[derive(Clone)]
pub struct StoreOptions {
    /// Bound in bytes of the engine's buffers and caches and of the tables' views together.
    pub memory_budget: u64,
    /// Bound in bytes of what streams hold before they are saved, over all sessions.
    pub staging_budget: u64,
    /// The organisation's name in legacy DNs; used when the store is made.
    pub organization: String,
    pub clock: Clock,
}

impl Default for StoreOptions {
    fn default() -> Self {
        StoreOptions {
            memory_budget: 32 << 20,
            staging_budget: 256 << 20,
            organization: "Coffer".into(),
            clock: Arc::new(|| FileTime::from_system(std::time::SystemTime::now())),
        }
    }
}

/// What is open in a store now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreGauges {
    pub mailboxes: u64,
    pub views: u64,
    /// Bytes of rows that views hold.
    pub view_bytes: u64,
    pub subscribers: u64,
    /// Bytes of values that are not saved yet.
    pub staged_bytes: u64,
}

/// A store. Cloning gives another handle to the same one.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<StoreInner>,
}

pub(crate) struct StoreInner {
    pub(crate) options: StoreOptions,
}

impl Store {
    /// Opens the store in a data directory, or makes one there.
    pub fn open(_dir: &Path, _options: StoreOptions) -> Result<Store> {
        Err(StoreError::NotImplemented("Store::open"))
    }

    /// A store in memory, for tests and throw-away servers. Large values are in memory as well.
    pub fn in_memory(_options: StoreOptions) -> Result<Store> {
        Err(StoreError::NotImplemented("Store::in_memory"))
    }

    /// Finishes what is under way and writes what is held in memory; later calls answer
    /// [`StoreError::Closed`].
    pub fn close(&self) -> Result<()> {
        Err(StoreError::NotImplemented("Store::close"))
    }

    /// An open mailbox. All handles to one mailbox are the same object.
    pub fn mailbox(&self, _number: MailboxNumber) -> Result<Arc<Mailbox>> {
        Err(StoreError::NotImplemented("Store::mailbox"))
    }

    /// A place for values that are written piece by piece and not saved yet. What it holds is dropped
    /// with it. `limit` bounds its bytes.
    pub fn staging(&self, limit: u64) -> Staging {
        Staging::new(self, limit)
    }

    /// At most `len` bytes of a large value from `offset` on.
    pub fn read_large(&self, _value: &LargeValue, _offset: u64, _len: usize) -> Result<Vec<u8>> {
        Err(StoreError::NotImplemented("Store::read_large"))
    }

    /// The whole value, large or not, if it has at most `limit` bytes; else [`StoreError::TooBig`].
    pub fn load(&self, _value: &Value, _limit: u64) -> Result<mapi::PropertyValue> {
        Err(StoreError::NotImplemented("Store::load"))
    }

    pub fn now(&self) -> FileTime {
        (self.inner.options.clock)()
    }

    pub fn gauges(&self) -> StoreGauges {
        StoreGauges::default()
    }
}
