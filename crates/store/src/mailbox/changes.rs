//! The change log, and what was deleted.

use mapi::{ChangeNumber, FolderId, MessageId};

use crate::{Mailbox, Result, StoreError};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    FolderCreated,
    FolderModified,
    FolderMoved,
    FolderDeleted,
    MessageCreated,
    MessageModified,
    /// Only the read state.
    MessageRead,
    /// Only flags or status.
    MessageFlags,
    MessageSoftDeleted,
    MessageDeleted,
}

/// An entry of the change log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Grows by one with each entry of the mailbox; IMAP's MODSEQ.
    pub sequence: u64,
    pub kind: ChangeKind,
    pub folder: FolderId,
    /// NONE for a change of the folder itself.
    pub message: MessageId,
    /// For a move or copy: where from.
    pub old_folder: FolderId,
    pub old_message: MessageId,
    pub change: ChangeNumber,
    pub read_change: ChangeNumber,
    /// The IMAP UID of the message in `folder`, 0 for a folder.
    pub uid: u32,
    pub associated: bool,
}

/// At most `limit` entries after a sequence number.
pub fn after(_mailbox: &Mailbox, _sequence: u64, _limit: usize) -> Result<Vec<Change>> {
    Err(StoreError::NotImplemented("changes::after"))
}

/// The newest sequence number that is durable.
pub fn latest(_mailbox: &Mailbox) -> Result<u64> {
    Err(StoreError::NotImplemented("changes::latest"))
}
