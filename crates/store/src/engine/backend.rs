use std::collections::BTreeMap;

use super::{Direction, Error, Gauges, Key, KeyRange, KeyValue, Page, Result, Space, Value};

/// Writes of one group of batches, sealed, one for each key.
pub(super) type Writes = BTreeMap<(Space, Key), Option<Value>>;

/// What a database must be able to do; everything else is [`GroupCommit`](super::group).
/// Values are sealed.
pub(super) trait Backend: Send + Sync + 'static {
    /// A frozen state. Holding it must not keep [`recover`](Backend::recover) or
    /// [`shutdown`](Backend::shutdown) from closing the files.
    type Snapshot: Send + Sync;

    /// Reads the newest durable state, or the frozen one.
    fn get(&self, at: Option<&Self::Snapshot>, space: Space, key: &[u8]) -> Result<Option<Value>>;

    /// Whether the key has a value.
    fn contains(&self, at: Option<&Self::Snapshot>, space: Space, key: &[u8]) -> Result<bool>;

    /// As [`Reader::keys`](super::Reader::keys); the range is not empty.
    fn keys(
        &self,
        at: Option<&Self::Snapshot>,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Key>>;

    /// As [`Reader::scan`](super::Reader::scan); the range is not empty.
    fn scan(
        &self,
        at: Option<&Self::Snapshot>,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<KeyValue>>;

    /// As [`Reader::scan_page`](super::Reader::scan_page); the range is not empty.
    fn scan_page(
        &self,
        at: Option<&Self::Snapshot>,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        room: usize,
        page: &mut Page,
    ) -> Result<bool>;

    fn snapshot(&self) -> Result<Self::Snapshot>;

    /// Writes all or nothing; durable when it returns, and visible only then. Called by one
    /// thread at a time.
    fn write(&self, writes: &Writes) -> Result<(), WriteFailure>;

    /// Makes the database usable again after a failed write, with no trace of that write. Called
    /// by the thread that writes.
    fn recover(&self) -> Result<()>;

    /// Whether reads and writes can work; false after a failed [`recover`](Backend::recover).
    fn is_open(&self) -> bool;

    /// Called when no write came for a while: lets go of memory that only a write would free.
    /// True if it should be called again.
    fn rest(&self) -> Result<bool>;

    /// Called when the disk is full and something was deleted: turns deletes into free space as
    /// far as that is possible with `free` bytes to do it in. May end snapshots.
    fn reclaim(&self, free: u64) -> Result<()>;

    fn flush(&self) -> Result<()>;

    /// Flushes and closes the files. Later calls answer [`Error::Closed`].
    fn shutdown(&self) -> Result<()>;

    fn gauges(&self, gauges: &mut Gauges);
}

/// Why a group could not be written.
#[derive(Debug)]
pub(super) enum WriteFailure {
    /// Nothing was attempted: the database is poisoned by an earlier failure.
    Poisoned(Error),
    /// There was no room.
    Full(Error),
    /// The disk or the database failed.
    Failed(Error),
}
