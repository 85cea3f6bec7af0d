//! Why a backup or a restore failed.

use std::io;
use std::path::{Path, PathBuf};

use crate::{StoreError, engine};

/// The result of a call on backups.
pub type Result<T, E = BackupError> = std::result::Result<T, E>;

/// The causes of a failure, each with what to do where that can be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// A call of the operating system failed.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    /// The directory holds something else, or nothing.
    #[error("{} is not a backup repository: {reason}", path.display())]
    NotARepository { path: PathBuf, reason: String },
    /// The repository or a snapshot was written by a newer program.
    #[error(
        "{what} has format {found}, this program knows formats up to {known}; use a newer version"
    )]
    NewerFormat { what: String, found: u32, known: u32 },
    /// Another process holds the repository.
    #[error("the repository {} is in use: {what}; wait until it has ended", path.display())]
    Busy { path: PathBuf, what: &'static str },
    /// Bytes in the repository are not what was written, or are not there.
    #[error("{what} is damaged or missing: {reason}")]
    Damaged { what: String, reason: String },
    /// What was just written reads back as something else.
    #[error("{} reads back as something else than was written ({reason}); the disk or file system below it is faulty, use another", path.display())]
    WriteFault { path: PathBuf, reason: &'static str },
    /// No snapshot fits.
    #[error("{0}")]
    NoSnapshot(String),
    /// The target of a restore is there already.
    #[error("{} is there already and is not empty; name a directory that does not exist", .0.display())]
    Exists(PathBuf),
    /// What was asked for is not in the backup, or cannot be done.
    #[error("{0}")]
    Refused(String),
    /// Whoever watches the progress wants no more.
    #[error("stopped")]
    Stopped,
    #[error(transparent)]
    Store(StoreError),
}

impl BackupError {
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BackupError {
        move |source| BackupError::Io { doing, path: path.to_owned(), source }
    }

    pub(super) fn damaged(what: impl Into<String>, reason: impl Into<String>) -> BackupError {
        BackupError::Damaged { what: what.into(), reason: reason.into() }
    }
}

impl From<StoreError> for BackupError {
    fn from(error: StoreError) -> Self {
        BackupError::Store(error)
    }
}

impl From<engine::Error> for BackupError {
    fn from(error: engine::Error) -> Self {
        BackupError::Store(error.into())
    }
}
