use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Space;

/// The result of an engine call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an engine call failed. Cloneable, since one failed sync answers many waiters.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Writes that grow are refused until there is room; deletes go through.
    #[error(
        "the disk is full: {free} bytes are free and {floor} must stay free; delete something or make room, deleting still works"
    )]
    DiskFull {
        /// Free bytes on the file system.
        free: u64,
        /// The floor below which writes are refused.
        floor: u64,
    },
    /// A value is not what was written.
    #[error("the record at key {} of space {} is damaged: {reason}", hex(key), space.name())]
    Corrupt {
        /// The space of the record.
        space: Space,
        /// The key of the record.
        key: Vec<u8>,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The directory was written by a newer program.
    #[error(
        "{} has format {found}, this program knows formats up to {known}; open it with a newer version",
        path.display()
    )]
    NewerFormat {
        /// The data directory.
        path: PathBuf,
        /// The format in the directory.
        found: u32,
        /// The newest format that this program opens.
        known: u32,
    },
    /// The directory holds something, but no data of ours.
    #[error("{} is not a data directory: {reason}", path.display())]
    NotADataDirectory {
        /// The directory.
        path: PathBuf,
        /// What was expected and what is there.
        reason: String,
    },
    /// Another process has the directory open.
    #[error(
        "{} is in use{}; stop that process or use another directory",
        path.display(),
        pid.map(|pid| format!(" by process {pid}")).unwrap_or_default()
    )]
    Locked {
        /// The data directory.
        path: PathBuf,
        /// The process that holds it, if it could be read.
        pid: Option<u32>,
    },
    /// A key, value or batch is beyond the engine's bounds.
    #[error("a {what} of {bytes} bytes is refused (allowed: 1 to {limit})")]
    TooLarge {
        /// Which.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The largest size allowed.
        limit: usize,
    },
    /// The engine was opened again since the snapshot was taken; take a new one.
    #[error("the snapshot is gone because the engine was opened again; read again")]
    SnapshotLost,
    /// A blob, or a part of it, is not there. A reference to it that is not saved yet is too
    /// old: write the blob again.
    #[error("the content of a large value is gone; write it again")]
    BlobLost,
    /// A staging area is at its bound.
    #[error(
        "{wanted} more bytes of unsaved data are refused: {used} are in use, {limit} are allowed"
    )]
    StagingFull {
        /// Bytes in use.
        used: u64,
        /// Bytes asked for.
        wanted: u64,
        /// The bound.
        limit: u64,
    },
    /// What was opened for reading only cannot be written.
    #[error("this was opened for reading only")]
    ReadOnly,
    /// The engine was closed.
    #[error("the engine is closed")]
    Closed,
    /// A journal is damaged in the middle: what stands behind the damage was acknowledged.
    #[error(
        "{} is damaged at byte {offset} and whole batches stand behind the damage; nothing was changed, restore the data directory from a backup",
        path.display()
    )]
    DamagedJournal {
        /// The journal.
        path: PathBuf,
        /// Where its whole part ends.
        offset: u64,
    },
    /// A call of the operating system failed.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// The answer of the system.
        source: Arc<io::Error>,
    },
    /// The embedded database failed.
    #[error("the embedded database failed: {reason}")]
    Database {
        /// Its own words.
        reason: String,
    },
}

impl Error {
    pub(crate) fn io(doing: &'static str, path: &Path, source: io::Error) -> Error {
        Error::Io { doing, path: path.to_owned(), source: Arc::new(source) }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
