use std::time::Duration;

use bytes::Bytes;

/// A key as read. Cheap to clone.
pub type Key = Bytes;
/// A value as read. Cheap to clone.
pub type Value = Bytes;
/// A pair of a scan.
pub type KeyValue = (Key, Value);

/// A pair of a scan that goes on behind damage.
pub type Scanned = (Key, super::Result<Value>);

/// The key spaces. Few, because each costs memory in the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Space {
    /// Everything owned by a mailbox; keys begin with its [`MailboxNumber`], big-endian.
    Mailbox,
    /// Accounts, addresses, grants.
    Directory,
    /// Outbound messages and durable jobs.
    Queue,
    /// Chunks and manifests of large values, and the staging area.
    Blobs,
}

impl Space {
    /// All spaces, in the order of their discriminants.
    pub const ALL: [Space; 4] = [Space::Mailbox, Space::Directory, Space::Queue, Space::Blobs];

    /// The name in the data directory and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Space::Mailbox => "mailbox",
            Space::Directory => "directory",
            Space::Queue => "queue",
            Space::Blobs => "blobs",
        }
    }
}

/// The number of a mailbox, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailboxNumber(pub u64);

/// Which lease of a mailbox a writer holds; grows with each lease, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

/// A moment between failures of batches; see [`Engine::basis`](super::Engine::basis).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Basis(pub(super) u64);

/// How a batch that met no error ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a batch may have been refused by its checks"]
pub enum Outcome {
    /// The batch is on disk.
    Committed,
    /// A check failed, nothing was written.
    Conflict {
        /// The index of the first failed check, in the order in which they were added; or the
        /// number of checks, if a batch failed that this one may have been built on.
        check: usize,
    },
}

impl Outcome {
    /// Whether the batch is on disk.
    pub fn is_committed(self) -> bool {
        self == Outcome::Committed
    }
}

/// The order of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Ascending keys.
    Forward,
    /// Descending keys.
    Reverse,
}

/// A range of keys: from `from`, inclusive, up to `to`, exclusive; without `to` up to the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    /// The first key.
    pub from: Vec<u8>,
    /// The first key behind the range.
    pub to: Option<Vec<u8>>,
}

impl KeyRange {
    /// All keys.
    pub fn all() -> KeyRange {
        KeyRange { from: Vec::new(), to: None }
    }

    /// The keys from `from`, inclusive, to `to`, exclusive.
    pub fn new(from: impl Into<Vec<u8>>, to: impl Into<Vec<u8>>) -> KeyRange {
        KeyRange { from: from.into(), to: Some(to.into()) }
    }

    /// The keys that begin with `prefix`.
    pub fn prefix(prefix: impl Into<Vec<u8>>) -> KeyRange {
        let from = prefix.into();
        let mut to = from.clone();
        // The first key behind all of them: the prefix with its last byte below 0xFF raised.
        while to.last() == Some(&0xFF) {
            to.pop();
        }
        let to = match to.last_mut() {
            Some(byte) => {
                *byte += 1;
                Some(to)
            }
            None => None,
        };
        KeyRange { from, to }
    }

    /// The part of this range that a scan in `direction` meets after `key`.
    pub fn beyond(&self, key: &[u8], direction: Direction) -> KeyRange {
        match direction {
            Direction::Forward => KeyRange { from: [key, &[0]].concat(), to: self.to.clone() },
            Direction::Reverse => KeyRange { from: self.from.clone(), to: Some(key.to_vec()) },
        }
    }

    /// Whether `key` lies in the range.
    pub fn contains(&self, key: &[u8]) -> bool {
        key >= self.from.as_slice() && self.to.as_deref().is_none_or(|to| key < to)
    }

    /// Whether no key can lie in the range.
    pub fn is_empty(&self) -> bool {
        self.to.as_deref().is_some_and(|to| to <= &self.from[..])
    }
}

/// What an engine holds. All sizes in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Held by write buffers that are not yet in tables.
    pub memtable_bytes: u64,
    /// Held by the cache of blocks read.
    pub cache_bytes: u64,
    /// The bound of the cache of blocks.
    pub cache_capacity_bytes: u64,
    /// Held by batches that are enqueued and not yet durable.
    pub pending_bytes: u64,
    /// Used on disk by tables and journals, without the reserve file.
    pub disk_bytes: u64,
    /// Used on disk by journals alone.
    pub journal_bytes: u64,
    /// Free on the file system of the data directory, if known.
    pub free_bytes: Option<u64>,
    /// Batches committed since open.
    pub commits: u64,
    /// Syncs done for them; group commit keeps it below `commits` under load.
    pub syncs: u64,
    /// What these took: writing the journal and waiting for the disk.
    pub sync_time: Duration,
    /// How often a failed write made the engine open its files again.
    pub reopened: u64,
    /// Whether writes that grow are refused now because of the free-space floor.
    pub below_floor: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_before_its_successor() {
        assert_eq!(KeyRange::prefix(*b"ab").to, Some(b"ac".to_vec()));
        assert_eq!(KeyRange::prefix([1, 0xFF, 0xFF]).to, Some(vec![2]));
        assert_eq!(KeyRange::prefix([0xFF]).to, None);
        assert!(KeyRange::prefix(*b"ab").contains(b"ab\xFF\xFF\xFF"));
        assert!(!KeyRange::prefix(*b"ab").contains(b"ac"));
    }
}
