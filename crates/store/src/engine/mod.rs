//! The key-value engine below the store.
//!
//! Everything above speaks to [`Engine`]: four spaces of ordered keys, reads that see only what
//! is durable, and batches that are checked, numbered and synced by one writer thread, many
//! batches to one sync.
//!
//! What must stay true, on every engine:
//!
//! * A batch whose [`Ticket::wait`] (or [`Engine::commit`]) returned [`Outcome::Committed`]
//!   survives kill -9 and the loss of power. A batch is there whole or not at all.
//! * Reads and snapshots see a prefix of the committed batches, and only durable ones.
//! * Batches take effect in the order in which they were enqueued; a check sees every batch
//!   enqueued before it.
//! * A batch built on what [`Engine::latest`] showed names its [`Basis`]. If any batch failed
//!   since (by a check, a full disk, a failed write), it ends as [`Outcome::Conflict`], since it
//!   may have been built on something that never came to be.
//! * A batch that failed has left no trace, on disk neither. (Exception: after the loss of power
//!   or kill -9, a batch whose outcome nobody was told may be there, whole.)
//! * A value read is the value written, or the read answers [`Error::Corrupt`].

mod backend;
mod batch;
mod damage;
mod delegate;
mod directory;
mod embedded;
#[cfg(test)]
mod embedded_tests;
mod error;
mod faulty;
pub mod garbage;
mod group;
mod journal;
mod memory;
mod options;
mod overlay;
mod page;
mod pending;
pub mod power_loss;
mod read_only;
mod reads;
mod room;
mod seal;
#[cfg(test)]
mod suite;
mod ticket;
mod types;

pub use batch::{Batch, Check};
pub use directory::{FORMAT, set_format};
pub use embedded::FjallEngine;
pub use error::{Error, Result};
pub use faulty::{Fault, Faults, Faulty, FaultyEngine};
pub use memory::MemoryEngine;
pub use options::{DiskSpace, Options, SpaceProbe};
pub(crate) use overlay::Overlay;
pub use page::Page;
pub(crate) use page::try_visit;
pub use read_only::ReadOnly;
pub use ticket::Ticket;
pub use types::{
    Basis, Direction, Epoch, Gauges, Key, KeyRange, KeyValue, MailboxNumber, Outcome, Scanned,
    Space, Value,
};

use std::ops::ControlFlow;

/// The longest key that an engine takes, in bytes.
pub const MAX_KEY: usize = 1024;
/// The longest value that an engine takes, in bytes. A chunk of 64 KiB and its header fit.
pub const MAX_VALUE: usize = 96 * 1024;
/// The largest batch that an engine takes: the sum of its keys and values, in bytes.
pub const MAX_BATCH: usize = 8 * 1024 * 1024;

/// What looks at the pairs of a range, key and value, until it breaks.
pub type Visitor<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// Consistent reads. Implemented by the engine (each call sees the newest durable state), by
/// its snapshots, and by [`Engine::latest`].
pub trait Reader {
    /// The value of one key.
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Value>>;

    /// The values of several keys, in the order of `keys`.
    fn multi_get(&self, space: Space, keys: &[&[u8]]) -> Result<Vec<Option<Value>>> {
        keys.iter().map(|key| self.get(space, key)).collect()
    }

    /// Whether a key has a value; does not read it.
    fn contains(&self, space: Space, key: &[u8]) -> Result<bool> {
        Ok(self.get(space, key)?.is_some())
    }

    /// At most `limit` keys of `range`, as [`scan`](Self::scan) gives them; does not read the
    /// values.
    fn keys(
        &self,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Key>> {
        let pairs = self.scan(space, range, direction, limit)?;
        Ok(pairs.into_iter().map(|(key, _)| key).collect())
    }

    /// At most `limit` pairs of `range`: its first ones in ascending order, or with
    /// [`Direction::Reverse`] its last ones in descending order.
    fn scan(
        &self,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<KeyValue>>;

    /// As [`scan`](Self::scan) in ascending order, for checks: a value that cannot be read stands in
    /// its place as its [`Error::Corrupt`], and the scan goes on behind it. Where a table is damaged,
    /// so that its keys are not known, one error stands for all of them, at the key where the
    /// unreadable part begins or a little before it.
    fn scan_each(&self, space: Space, range: &KeyRange, limit: usize) -> Result<Vec<Scanned>> {
        let pairs = self.scan(space, range, Direction::Forward, limit)?;
        Ok(pairs.into_iter().map(|(key, value)| (key, Ok(value))).collect())
    }

    /// The value of a key, even if its checksum does not match, for repairs: what is left of it may
    /// be worth keeping. Never answer a client from it.
    fn get_unverified(&self, space: Space, key: &[u8]) -> Result<Option<Value>> {
        self.get(space, key)
    }

    /// Appends pairs of `range` to a page until it takes `room` bytes; whether it does, so that there may be
    /// more. As [`scan`](Self::scan) otherwise, and cheaper: nothing is allocated for each pair.
    fn scan_page(
        &self,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        room: usize,
        page: &mut Page,
    ) -> Result<bool> {
        const PAIRS: usize = 64;
        let mut rest = range.clone();
        loop {
            let pairs = self.scan(space, &rest, direction, PAIRS)?;
            for (key, value) in &pairs {
                page.push(key, value);
                if page.bytes() >= room {
                    return Ok(true);
                }
            }
            match pairs.last() {
                Some((key, _)) if pairs.len() == PAIRS => rest = rest.beyond(key, direction),
                _ => return Ok(false),
            }
        }
    }

    /// Calls `each` for every pair of `range` until it breaks; the bytes are lent for the call. It holds only a
    /// page of pairs in memory and no lock during the call. On the engine itself, pages may see different
    /// states; on a snapshot all see the same one.
    fn visit(
        &self,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        each: &mut Visitor<'_>,
    ) -> Result<()> {
        // Whoever looks at a few pairs reads few; the begin of each page costs as much as some hundred pairs.
        const FIRST_ROOM: usize = 4 << 10;
        const LAST_ROOM: usize = 1 << 20;
        let mut rest = range.clone();
        let mut room = FIRST_ROOM;
        let mut page = Page::default();
        loop {
            page.clear();
            let more = self.scan_page(space, &rest, direction, room, &mut page)?;
            for (key, value) in page.iter() {
                if each(key, value).is_break() {
                    return Ok(());
                }
            }
            match page.last_key() {
                Some(key) if more => rest = rest.beyond(key, direction),
                _ => return Ok(()),
            }
            room = LAST_ROOM.min(room * 4);
        }
    }
}

/// A store of ordered keys with durable, checked batches. See the module for what must hold.
pub trait Engine: Reader + Send + Sync {
    /// A state of all spaces, frozen. Keep it for one request, seconds at most: it holds back
    /// the removal of old versions. After the engine had to be opened again below its users, a
    /// read on an older snapshot answers [`Error::SnapshotLost`]; take a new one.
    fn snapshot(&self) -> Result<Box<dyn Reader + Send + Sync>>;

    /// Reads that also see batches which are enqueued and not yet durable: what a mailbox's
    /// writer must read inside its critical section, since the batch before its own may still
    /// be waiting for the sync. Never answer a client from it.
    ///
    /// The writer's pattern: lock the mailbox; `let basis = engine.basis()`; read through
    /// `latest()`; build the batch and name its [`basis`](Batch::built_on); `enqueue`; unlock;
    /// `wait`. On [`Outcome::Conflict`] begin again at the lock.
    fn latest(&self) -> Box<dyn Reader + '_>;

    /// The state of failures now; take it before the first read through [`latest`](Self::latest).
    fn basis(&self) -> Basis;

    /// Hands a batch to the writer thread and returns at once (or, when the queue's bound of
    /// bytes is reached, after the writer made room). The batch takes its place in the order
    /// here, so a critical section may end after this call.
    ///
    /// Errors: [`Error::TooLarge`], [`Error::Closed`].
    fn enqueue(&self, batch: Batch) -> Result<Ticket>;

    /// Enqueues a batch and waits until it is durable or refused.
    fn commit(&self, batch: Batch) -> Result<Outcome> {
        self.enqueue(batch)?.wait()
    }

    /// Takes over a mailbox: a new epoch, durable when this returns. Batches that check an
    /// older epoch of that mailbox answer [`Outcome::Conflict`] from then on.
    fn lease(&self, mailbox: MailboxNumber) -> Result<Epoch>;

    /// Writes what is held in memory into its final place, so that the next open is fast. Not
    /// needed for durability.
    fn flush(&self) -> Result<()>;

    /// Flushes, gives back what the engine holds in memory, and rewrites small spaces without what is dead
    /// in them: afterwards memory and files depend on the data alone. Reads that are under way meanwhile
    /// may fail. For checks of memory; the engine does it by itself when the disk is full.
    fn compact(&self) -> Result<()> {
        self.flush()
    }

    /// Finishes what is enqueued, flushes, and ends the writer thread. Later writes answer
    /// [`Error::Closed`]. Dropping the last handle does the same without reporting errors.
    fn close(&self) -> Result<()>;

    /// What the engine holds now.
    fn gauges(&self) -> Gauges;
}
