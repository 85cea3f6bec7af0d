//! Backups: a repository of content-addressed objects, and snapshots of the whole store in it. The bytes
//! are drawn in docs/backup-format.md.
//!
//! What must stay true:
//!
//! * A snapshot is there whole or not at all, and all that it refers to was read back from the disk before.
//! * A backup never changes or removes what an earlier one wrote; only a prune does.
//! * Nothing damaged is restored without a word: every object is compared with its address when it is read.

mod adopt;
mod carry;
mod error;
mod fill;
mod object;
#[cfg(test)]
mod old_format;
mod prune;
mod reader;
mod repository;
mod restore;
mod snapshot;
mod verify;
mod write;

pub use adopt::{Adopted, adopt, find_mailbox};
pub use carry::{Carried, CarryOptions, Part, carry, find_folder};
pub use error::{BackupError, Result};
pub use prune::{Keep, Pruned, prune};
pub use reader::{Opened, open};
pub use repository::{FORMAT, Held, Repository, Written};
pub use restore::{Restored, WholeOptions, whole};
pub use snapshot::{SavedMailbox, Snapshot, SnapshotName};
pub use verify::{Verified, verify};
pub use write::{BackedUp, run};

/// How far a backup or restore has come.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// The mailbox at hand, by its address.
    pub what: &'a str,
    pub mailboxes_done: u64,
    pub mailboxes: u64,
    /// Of all mailboxes so far.
    pub records: u64,
}

/// Asked now and then; false ends the run with [`BackupError::Stopped`].
pub type Watch<'a> = dyn FnMut(Progress<'_>) -> bool + 'a;

/// What must hold of every parser of this module for any bytes.
pub(crate) fn oracle(bytes: &[u8]) {
    object::oracle(bytes);
    snapshot::oracle(bytes);
}
