//! The receive folder table ([MS-OXCSTOR] 2.2.1.2 to 2.2.1.4).

use mapi::{FileTime, FolderId};

use crate::{Mailbox, Result, StoreError};

/// Where messages of a class are delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiveFolder {
    /// A message class or the beginning of one; empty for all others.
    pub class: String,
    pub folder: FolderId,
    pub modified: FileTime,
}

/// The entry with the longest class that is a prefix of `class`, case-insensitively.
pub fn folder_for(_mailbox: &Mailbox, _class: &str) -> Result<ReceiveFolder> {
    Err(StoreError::NotImplemented("receive::folder_for"))
}

/// Sets the folder of a class; `None` removes the entry.
///
/// Errors: [`StoreError::Invalid`] for a class that is not allowed; [`StoreError::Access`] for "IPM" and
/// "Report.IPM"; [`StoreError::NotFound`].
pub fn set_folder(_mailbox: &Mailbox, _class: &str, _folder: Option<FolderId>) -> Result<()> {
    Err(StoreError::NotImplemented("receive::set_folder"))
}

pub fn all(_mailbox: &Mailbox) -> Result<Vec<ReceiveFolder>> {
    Err(StoreError::NotImplemented("receive::all"))
}
