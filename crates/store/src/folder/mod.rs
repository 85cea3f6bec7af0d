//! Folders: the hierarchy, their properties, and what is done to whole folders.

use mapi::{ChangeNumber, FileTime, FolderId, PropertyProblem, PropertyTag};

use crate::value::{Properties, Value};
use crate::{Mailbox, Result, StoreError};

/// PidTagFolderType ([MS-OXCFOLD] 2.2.2.2.2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderKind {
    Root,
    Generic,
    Search,
}

/// What a folder's record says, with its counters as of the same moment.
#[derive(Debug, Clone, PartialEq)]
pub struct FolderInfo {
    pub id: FolderId,
    /// The root is its own parent.
    pub parent: FolderId,
    pub kind: FolderKind,
    pub display_name: String,
    pub change: ChangeNumber,
    /// Messages, without associated and soft-deleted ones.
    pub contents: u32,
    pub unread: u32,
    pub associated: u32,
    pub soft_deleted: u32,
    /// Bytes of all messages, associated ones included.
    pub size: u64,
    /// Direct children.
    pub children: u32,
    /// Messages ever deleted (PidTagDeletedCountTotal).
    pub deleted_total: u32,
    pub created: FileTime,
    /// PidTagLocalCommitTimeMax: the newest change in the folder.
    pub last_commit: FileTime,
    pub uid_validity: u32,
    pub uid_next: u32,
    /// Sequence of the newest change of the folder or its contents.
    pub sequence: u64,
}

/// A folder to be made.
#[derive(Debug, Clone, Default)]
pub struct NewFolder {
    pub display_name: String,
    pub comment: String,
    /// PidTagContainerClass; that of the parent if None.
    pub container_class: Option<String>,
    /// A folder of that name is no error.
    pub open_existing: bool,
    pub search: bool,
    /// More properties, such as an import brings.
    pub properties: Properties,
}

/// What [`create`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Created {
    pub id: FolderId,
    pub existed: bool,
}

/// What may go when a folder is deleted or emptied ([MS-OXCFOLD] 2.2.1.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeleteOptions {
    /// Messages in it, else [`StoreError::NotEmpty`].
    pub messages: bool,
    /// Folders in it, else [`StoreError::NotEmpty`].
    pub folders: bool,
    /// For good; else messages are kept as soft-deleted.
    pub hard: bool,
    /// Associated messages as well (emptying).
    pub associated: bool,
}

/// Makes a folder.
///
/// Errors: [`StoreError::NotFound`] without the parent, [`StoreError::DuplicateName`],
/// [`StoreError::Invalid`] for an empty name.
pub fn create(_mailbox: &Mailbox, _parent: FolderId, _new: &NewFolder) -> Result<Created> {
    Err(StoreError::NotImplemented("folder::create"))
}

/// The folder's record.
///
/// Errors: [`StoreError::NotFound`].
pub fn info(_mailbox: &Mailbox, _id: FolderId) -> Result<FolderInfo> {
    Err(StoreError::NotImplemented("folder::info"))
}

/// The child of that name, case-insensitively.
pub fn child_by_name(
    _mailbox: &Mailbox,
    _parent: FolderId,
    _name: &str,
) -> Result<Option<FolderId>> {
    Err(StoreError::NotImplemented("folder::child_by_name"))
}

/// The direct children, by name.
pub fn children(_mailbox: &Mailbox, _parent: FolderId) -> Result<Vec<FolderInfo>> {
    Err(StoreError::NotImplemented("folder::children"))
}

/// Values by id, stored and computed, in the order of the tags; None where there is none.
pub fn get(_mailbox: &Mailbox, _id: FolderId, _tags: &[PropertyTag]) -> Result<Vec<Option<Value>>> {
    Err(StoreError::NotImplemented("folder::get"))
}

/// Every property that the folder has, computed ones included.
pub fn tags(_mailbox: &Mailbox, _id: FolderId) -> Result<Vec<PropertyTag>> {
    Err(StoreError::NotImplemented("folder::tags"))
}

/// Sets properties at once; those that cannot be set (computed ones) come back as problems.
///
/// Errors: [`StoreError::DuplicateName`] for a new display name.
pub fn set(
    _mailbox: &Mailbox,
    _id: FolderId,
    _values: Vec<(PropertyTag, Value)>,
) -> Result<Vec<PropertyProblem>> {
    Err(StoreError::NotImplemented("folder::set"))
}

pub fn delete_properties(
    _mailbox: &Mailbox,
    _id: FolderId,
    _tags: &[PropertyTag],
) -> Result<Vec<PropertyProblem>> {
    Err(StoreError::NotImplemented("folder::delete_properties"))
}

/// Deletes a folder. It disappears at once; its content goes in bounded batches, also after a restart.
///
/// Errors: [`StoreError::NotEmpty`], [`StoreError::Access`] for a special folder.
pub fn delete(_mailbox: &Mailbox, _id: FolderId, _options: DeleteOptions) -> Result<()> {
    Err(StoreError::NotImplemented("folder::delete"))
}

/// Deletes the messages and folders in a folder.
pub fn empty(_mailbox: &Mailbox, _id: FolderId, _options: DeleteOptions) -> Result<()> {
    Err(StoreError::NotImplemented("folder::empty"))
}

/// Moves a folder within its mailbox under another parent, with another name if one is given.
///
/// Errors: [`StoreError::FolderCycle`], [`StoreError::DuplicateName`], [`StoreError::Access`] for a
/// special folder.
pub fn move_to(
    _mailbox: &Mailbox,
    _id: FolderId,
    _parent: FolderId,
    _name: Option<&str>,
) -> Result<()> {
    Err(StoreError::NotImplemented("folder::move_to"))
}

/// Copies a folder with its messages, and with its subfolders if `recursive`, also into another mailbox.
/// Returns the copy.
pub fn copy_to(
    _source: &Mailbox,
    _id: FolderId,
    _target: &Mailbox,
    _parent: FolderId,
    _name: Option<&str>,
    _recursive: bool,
) -> Result<FolderId> {
    Err(StoreError::NotImplemented("folder::copy_to"))
}
