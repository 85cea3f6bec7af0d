//! Deleting and emptying folders.

use mapi::{FolderId, MessageId};

use super::{DeleteOptions, FolderKind, child_ids, record};
use crate::engine::{Direction, KeyRange, Space};
use crate::keys::{self, Kind};
use crate::mailbox::changes::{Change, ChangeKind};
use crate::mailbox::special::SpecialFolder;
use crate::mailbox::writer::{self, Tx};
use crate::record::folder::FolderState;
use crate::record::parts;
use crate::table::Contents;
use crate::value::Properties;
use crate::{Mailbox, Result, StoreError, jobs, large, message};

/// Messages that go in one batch.
const BATCH: usize = 64;

/// Deletes a folder. It disappears at once; its content goes in bounded batches, also after a restart.
/// Folders go for good, also without `hard`.
///
/// Errors: [`StoreError::NotEmpty`], [`StoreError::Access`] for a special folder.
pub fn delete(mailbox: &Mailbox, id: FolderId, options: DeleteOptions) -> Result<()> {
    if SpecialFolder::from_id(id).is_some() {
        return Err(StoreError::Access);
    }
    writer::reclaim(mailbox, |tx| {
        let record = tx.folder(id)?;
        let full = record.contents > 0 && record.kind != FolderKind::Search;
        if (full && !options.messages) || (record.children > 0 && !options.folders) {
            return Err(StoreError::NotEmpty);
        }
        detach(tx, id)?;
        jobs::add_folder_removal(tx, id);
        Ok(())
    })?;
    remove_detached(mailbox, id)
}

/// Deletes the messages and folders in a folder.
pub fn empty(mailbox: &Mailbox, id: FolderId, options: DeleteOptions) -> Result<()> {
    record(mailbox, mailbox.reader(), id)?;
    let mut partial = false;
    if options.messages {
        partial |= !delete_all(mailbox, id, Contents::Normal, options.hard)?;
    }
    if options.associated {
        partial |= !delete_all(mailbox, id, Contents::Associated, options.hard)?;
    }
    if options.hard && options.messages {
        partial |= !delete_all(mailbox, id, Contents::SoftDeleted, true)?;
    }
    if options.folders {
        for child in child_ids(mailbox, mailbox.reader(), id)? {
            let all = DeleteOptions { messages: true, folders: true, ..options };
            match delete(mailbox, child, all) {
                Ok(()) | Err(StoreError::NotFound(_)) => {}
                Err(StoreError::Access) => partial = true,
                Err(error) => return Err(error),
            }
        }
    }
    if partial { Err(StoreError::PartialCompletion) } else { Ok(()) }
}

/// Deletes what a folder shows now; false if something stayed.
fn delete_all(mailbox: &Mailbox, id: FolderId, contents: Contents, hard: bool) -> Result<bool> {
    let mut from = mailbox.key(Kind::Summary, &[&keys::fid(id), &[contents.to_byte()]]);
    let to = KeyRange::prefix(from.clone()).to;
    let mut whole = true;
    loop {
        let range = KeyRange { from: from.clone(), to: to.clone() };
        let rows = mailbox.reader().scan(Space::Mailbox, &range, Direction::Forward, BATCH)?;
        let Some((last, _)) = rows.last() else { return Ok(whole) };
        from = [&last[..], &[0]].concat();
        let ids: Vec<MessageId> = rows
            .iter()
            .filter_map(|(key, _)| keys::tail_id(key))
            .map(|(replica, counter)| MessageId::new(replica, counter))
            .collect();
        whole &= message::delete(mailbox, id, &ids, hard)? == 0;
    }
}

/// Takes a folder out of the hierarchy. What it holds stays, out of sight, for a job.
fn detach(tx: &mut Tx<'_>, id: FolderId) -> Result<()> {
    let change = tx.next_change()?;
    let record = tx.folder(id)?;
    let (parent, name) = (record.parent, record.name.clone());
    record.state = FolderState::Detached;
    record.change = change;
    tx.delete(keys::child(tx.mailbox.number(), parent, &name));
    if let Some(parent) = tx.find_folder(parent)? {
        parent.children = parent.children.saturating_sub(1);
    }
    let mut entry = Change::of_folder(ChangeKind::FolderDeleted, id, change);
    entry.old_folder = parent;
    tx.log(entry)?;
    Ok(())
}

/// Removes a detached folder and all below it, in bounded batches. Safe to run again after a crash at any
/// place.
pub(crate) fn remove_detached(mailbox: &Mailbox, top: FolderId) -> Result<()> {
    let mut pending = vec![top];
    while let Some(id) = pending.last().copied() {
        let children = child_ids(mailbox, mailbox.reader(), id)?;
        if !children.is_empty() {
            for child in &children {
                writer::reclaim(mailbox, |tx| match tx.find_folder(*child)? {
                    Some(record) if record.state != FolderState::Detached => detach(tx, *child),
                    // The record is gone already: only the name is left.
                    _ => {
                        delete_child_entry(tx, id, *child)?;
                        Ok(())
                    }
                })?;
                pending.push(*child);
            }
            continue;
        }
        if remove_batch(mailbox, id)? {
            continue;
        }
        writer::reclaim(mailbox, |tx| {
            tx.remove_folder(id)?;
            let (properties, old) = super::properties_of(tx.mailbox, tx.reader(), id)?;
            let prefix = tx.mailbox.key(Kind::FolderProperties, &[&keys::fid(id)]);
            parts::delete(&mut tx.batch, &prefix, old);
            large::mark_folder(tx, id, &properties, &Properties::new())?;
            if id == top {
                jobs::end_folder_removal(tx, id);
            }
            Ok(())
        })?;
        pending.pop();
    }
    Ok(())
}

/// Removes some messages of a detached folder, or some of its deletion set; false if nothing was left.
fn remove_batch(mailbox: &Mailbox, id: FolderId) -> Result<bool> {
    writer::reclaim(mailbox, |tx| {
        let rows = KeyRange::prefix(tx.mailbox.key(Kind::Summary, &[&keys::fid(id)]));
        let rows = tx.reader().scan(Space::Mailbox, &rows, Direction::Forward, BATCH)?;
        for (key, _) in &rows {
            tx.delete(key.to_vec());
            if let Some((replica, counter)) = keys::tail_id(key) {
                let message = MessageId::new(replica, counter);
                if let Some(hot) = message::read_hot(tx.mailbox, tx.reader(), message)?
                    && hot.contents.is_deleted()
                {
                    tx.delete(keys::deleted_message(tx.mailbox.number(), hot.deleted, message));
                }
                message::erase(tx, message)?;
            }
        }
        if !rows.is_empty() {
            return Ok(true);
        }
        let ranges = KeyRange::prefix(tx.mailbox.key(Kind::Deleted, &[&keys::fid(id)]));
        let ranges = tx.reader().scan(Space::Mailbox, &ranges, Direction::Forward, BATCH * 8)?;
        ranges.iter().for_each(|(key, _)| tx.delete(key.to_vec()));
        Ok(!ranges.is_empty())
    })
}

fn delete_child_entry(tx: &mut Tx<'_>, parent: FolderId, child: FolderId) -> Result<()> {
    let prefix = tx.mailbox.key(Kind::Child, &[&keys::fid(parent)]);
    let range = KeyRange::prefix(prefix);
    for (key, value) in tx.reader().scan(Space::Mailbox, &range, Direction::Forward, usize::MAX)? {
        if value[..] == keys::fid(child) {
            tx.delete(key.to_vec());
        }
    }
    Ok(())
}
