//! Moving and copying folders.

use mapi::FolderId;

use super::work::Work;
use super::{FolderKind, check_name, child_ids, find_child, insert, is_within, properties_of};
use crate::keys;
use crate::mailbox::changes::{Change, ChangeKind};
use crate::mailbox::names::Translation;
use crate::mailbox::special;
use crate::mailbox::writer;
use crate::value::Properties;
use crate::{Mailbox, Result, StoreError, large, permission, search};

/// Moves a folder within its mailbox under another parent, with another name if one is given. A soft-deleted
/// folder comes back that way.
///
/// Errors: [`StoreError::FolderCycle`], [`StoreError::DuplicateName`], [`StoreError::Access`] for a
/// special folder.
pub fn move_to(
    mailbox: &Mailbox,
    id: FolderId,
    parent: FolderId,
    name: Option<&str>,
) -> Result<()> {
    if special::find(mailbox.is_public(), id).is_some() {
        return Err(StoreError::Access);
    }
    if super::is_soft_deleted(mailbox, mailbox.reader(), id)? {
        return super::restore(mailbox, id, parent, name).map(drop);
    }
    let name = name.map(check_name).transpose()?;
    writer::write(mailbox, |tx| {
        let record = tx.folder(id)?;
        let (old_parent, old_name) = (record.parent, record.name.clone());
        let name = name.unwrap_or(&old_name);
        if tx.folder(parent)?.kind == FolderKind::Search {
            return Err(StoreError::SearchFolder);
        }
        if is_within(tx.mailbox, tx.reader(), parent, id)? {
            return Err(StoreError::FolderCycle);
        }
        let existing = find_child(tx.mailbox, tx.reader(), parent, name)?;
        if existing.is_some_and(|existing| existing != id) {
            return Err(StoreError::DuplicateName);
        }
        if existing == Some(id) && name == old_name {
            return Ok(());
        }
        let change = tx.next_change()?;
        let number = tx.mailbox.number();
        tx.delete(keys::child(number, old_parent, &old_name));
        tx.put(keys::child(number, parent, name), keys::fid(id));
        let before = tx.folder(old_parent)?;
        before.children = before.children.saturating_sub(1);
        tx.folder(parent)?.children += 1;
        let now = tx.now;
        let record = tx.folder(id)?;
        record.parent = parent;
        record.name = name.into();
        record.change = change;
        record.modified = now;
        let mut entry = Change::of_folder(ChangeKind::FolderMoved, id, change);
        entry.old_folder = old_parent;
        tx.log(entry)?;
        Ok(())
    })
}

/// Copies a folder with its messages, and with its subfolders if `recursive`, also into another mailbox.
/// Returns the copy.
///
/// Errors: [`StoreError::FolderCycle`] for a copy into itself, [`StoreError::DuplicateName`].
pub fn copy_to(
    source: &Mailbox,
    id: FolderId,
    target: &Mailbox,
    parent: FolderId,
    name: Option<&str>,
    recursive: bool,
) -> Result<FolderId> {
    let mut work = Work::copying(source, id, target, parent, name, recursive)?;
    work.run(source, target, usize::MAX)?;
    work.copied().ok_or(StoreError::NotFound("folder"))
}

/// What a folder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Messages,
    /// FAI messages.
    Associated,
    Subfolders,
}

/// Whether a folder is another one or stands somewhere under it.
pub fn contains(mailbox: &Mailbox, id: FolderId, inner: FolderId) -> Result<bool> {
    is_within(mailbox, mailbox.reader(), inner, id)
}

/// Whether subfolders of two folders have the same name.
pub fn names_collide(
    source: &Mailbox,
    id: FolderId,
    target: &Mailbox,
    to: FolderId,
) -> Result<bool> {
    for child in child_ids(source, source.reader(), id)? {
        let record = super::readable(source, source.reader(), child)?;
        if find_child(target, target.reader(), to, &record.name)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Copies a folder with its properties and without what is in it.
pub(crate) fn copy_empty(
    source: &Mailbox,
    id: FolderId,
    target: &Mailbox,
    parent: FolderId,
    name: Option<&str>,
) -> Result<FolderId> {
    let record = super::readable(source, source.reader(), id)?;
    let name = check_name(name.unwrap_or(&record.name))?;
    let (stored, _) = properties_of(source, source.reader(), id)?;
    let ids = stored.iter().map(|(id, _)| id);
    let mut properties: Properties = match Translation::between(source, target, ids)? {
        None => stored,
        Some(names) => {
            stored.into_iter().filter_map(|(id, value)| Some((names.id(id)?, value))).collect()
        }
    };
    // The copy has its own identity.
    properties.remove(mapi::tags::SOURCE_KEY);
    large::adopt_properties(source, target, &mut properties)?;
    // The folders that a search names are those of its own mailbox, or of a backup of it.
    let criteria = match source.guid() == target.guid() {
        true => search::stored(source, source.reader(), id)?,
        false => None,
    };
    let copied = writer::write(target, |tx| {
        if find_child(tx.mailbox, tx.reader(), parent, name)?.is_some() {
            return Err(StoreError::DuplicateName);
        }
        if tx.folder(parent)?.kind == FolderKind::Search {
            return Err(StoreError::SearchFolder);
        }
        let copied = insert(tx, parent, name, record.kind, &properties)?;
        permission::inherit(tx, parent, copied, None)?;
        // The folder of another mailbox has no id here.
        if source.is(target) {
            tx.tell_as(ChangeKind::FolderCopied, id);
        }
        if let Some(criteria) = &criteria {
            search::adopt(tx, copied, criteria)?;
        }
        Ok(copied)
    })?;
    if criteria.is_some() {
        search::fill(target, copied)?;
    }
    Ok(copied)
}
