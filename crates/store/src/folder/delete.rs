//! Deleting and emptying folders.

use mapi::{FolderId, MessageId};

use super::work::Work;
use super::{DeleteOptions, FolderKind, soft};
use crate::engine::{Direction, KeyRange, Space};
use crate::keys::{self, Kind};
use crate::mailbox::changes::{Change, ChangeKind};
use crate::mailbox::receive;
use crate::mailbox::writer::{self, Tx};
use crate::mailbox::{read_state, special};
use crate::record::folder::{FolderRecord, FolderState};
use crate::record::parts;
use crate::value::Properties;
use crate::{Mailbox, Result, StoreError, jobs, large, message, search};

/// Messages that go in one batch.
const BATCH: usize = 64;

/// Deletes a folder. It disappears at once. Without `hard` it is kept as soft-deleted with all that it holds;
/// with it, its content goes in bounded batches, also after a restart. A soft-deleted folder goes only with
/// `hard`.
///
/// Errors: [`StoreError::NotEmpty`], [`StoreError::Access`] for a special folder.
pub fn delete(mailbox: &Mailbox, id: FolderId, options: DeleteOptions) -> Result<()> {
    let _trees = mailbox.trees.lock();
    match begin(mailbox, id, options)? {
        true => remove_detached(mailbox, id),
        false => Ok(()),
    }
}

/// Lets a folder disappear; whether what it holds has to be removed yet ([`remove_some`]). Called with the
/// mailbox's trees held.
pub(super) fn begin(mailbox: &Mailbox, id: FolderId, options: DeleteOptions) -> Result<bool> {
    if special::find(mailbox.is_public(), id).is_some() {
        return Err(StoreError::Access);
    }
    match options.hard {
        true => begin_removal(mailbox, id, options)?,
        false => soft::delete(mailbox, id, options)?,
    }
    Ok(options.hard)
}

/// Takes a folder out of the hierarchy, or out of the soft-deleted ones, for good. A job removes it.
pub(crate) fn begin_removal(mailbox: &Mailbox, id: FolderId, options: DeleteOptions) -> Result<()> {
    begin_if(mailbox, id, |record| check_empty(record, options))
}

/// As [`begin`] with `hard`, of a folder that holds nothing, not even associated messages. What was soft-deleted
/// goes with it.
///
/// Errors: as [`delete`].
pub(super) fn begin_empty(mailbox: &Mailbox, id: FolderId) -> Result<()> {
    if special::find(mailbox.is_public(), id).is_some() {
        return Err(StoreError::Access);
    }
    begin_if(mailbox, id, |record| {
        let messages = record.kind != FolderKind::Search && record.contents > 0;
        match messages || record.associated > 0 || record.children > 0 {
            true => Err(StoreError::NotEmpty),
            false => Ok(()),
        }
    })
}

fn begin_if(
    mailbox: &Mailbox,
    id: FolderId,
    check: impl Fn(&FolderRecord) -> Result<()>,
) -> Result<()> {
    writer::reclaim(mailbox, |tx| {
        let record = tx.any_folder(id)?;
        check(record)?;
        let record = record.clone();
        soft::take_from_parent(tx, id, &record)?;
        detach(tx, id)?;
        jobs::add_folder_removal(tx, id);
        jobs::end_folder_settling(tx, id);
        Ok(())
    })
}

pub(super) fn check_empty(record: &FolderRecord, options: DeleteOptions) -> Result<()> {
    let full = record.contents > 0 && record.kind != FolderKind::Search;
    match (full && !options.messages) || (record.children > 0 && !options.folders) {
        true => Err(StoreError::NotEmpty),
        false => Ok(()),
    }
}

/// Deletes the messages and folders in a folder.
///
/// Errors: [`StoreError::PartialCompletion`] if something stayed, else those of [`Work::emptying`].
pub fn empty(mailbox: &Mailbox, id: FolderId, options: DeleteOptions) -> Result<()> {
    let mut work = Work::emptying(mailbox, id, options)?;
    work.run(mailbox, mailbox, usize::MAX)?;
    if work.is_partial() { Err(StoreError::PartialCompletion) } else { Ok(()) }
}

/// Marks a folder as one that is being removed. What it holds stays, out of sight, for a job; the lists of its
/// parent are the caller's.
fn detach(tx: &mut Tx<'_>, id: FolderId) -> Result<()> {
    let change = tx.next_change()?;
    let Some(record) = tx.find_folder(id)? else { return Ok(()) };
    record.state = FolderState::Detached;
    record.change = change;
    let mut entry = Change::of_folder(ChangeKind::FolderDeleted, id, change);
    entry.old_folder = record.parent;
    tx.log(entry)?;
    receive::leave_folder(tx, id)
}

/// Removes a detached folder and all below it, in bounded batches. Safe to run again after a crash at any
/// place.
pub(crate) fn remove_detached(mailbox: &Mailbox, top: FolderId) -> Result<()> {
    while !remove_some(mailbox, top, usize::MAX)?.1 {}
    Ok(())
}

/// As [`remove_detached`], about `limit` messages and folders of it. Returns how many messages are gone, and
/// whether all is done. Each call comes further, however deep the folders lie: what an earlier one detached is
/// passed through for nothing.
///
/// INVARIANT: a folder stays in its parent's list until nothing is left of it, so that it is found again.
pub(crate) fn remove_some(mailbox: &Mailbox, top: FolderId, limit: usize) -> Result<(usize, bool)> {
    let (mut messages, mut folders) = (0, 0);
    // From the top to the folder that is being removed.
    let mut path = vec![top];
    while let Some(id) = path.last().copied() {
        if messages + folders >= limit {
            return Ok((messages, false));
        }
        if let Some(child) = first_below(mailbox, id)? {
            // Folders that contain each other, or an entry without a folder: only the entry goes.
            let known = path.contains(&child);
            let (below, changed) = writer::reclaim(mailbox, |tx| {
                match tx.find_folder(child)?.map(|record| record.state) {
                    Some(_) if known => {}
                    Some(FolderState::Detached) => return Ok((true, 0)),
                    Some(_) => return detach(tx, child).map(|()| (true, 1)),
                    None => {}
                }
                delete_entries(tx, id, child)?;
                Ok((false, 1))
            })?;
            folders += changed;
            if below {
                path.push(child);
            }
            continue;
        }
        let removed = remove_batch(mailbox, id)?;
        if removed > 0 {
            messages += removed;
            continue;
        }
        let parent = path.len().checked_sub(2).map(|at| path[at]);
        writer::reclaim(mailbox, |tx| {
            let record = tx.find_folder(id)?.map(|record| record.clone());
            tx.remove_folder(id)?;
            let (properties, old) = super::properties_of(tx.mailbox, tx.reader(), id)?;
            let prefix = tx.mailbox.key(Kind::FolderProperties, &[&keys::fid(id)]);
            parts::delete(&mut tx.batch, &prefix, old);
            large::mark_folder(tx, id, &properties, &Properties::new())?;
            search::forget(tx, id)?;
            read_state::forget_folder(tx, id)?;
            match (parent, record) {
                (None, _) => jobs::end_folder_removal(tx, id),
                (Some(parent), None) => delete_entries(tx, parent, id)?,
                (Some(parent), Some(record)) => {
                    let number = tx.mailbox.number();
                    tx.delete(keys::child(number, parent, &record.name));
                    tx.delete(keys::deleted_child(number, parent, id));
                    tx.delete(keys::deleted_folder(number, record.deleted, id));
                }
            }
            Ok(())
        })?;
        folders += 1;
        path.pop();
    }
    Ok((messages, true))
}

/// A folder in a folder that is being removed, soft-deleted ones included.
fn first_below(mailbox: &Mailbox, id: FolderId) -> Result<Option<FolderId>> {
    let reader = mailbox.reader();
    let named = KeyRange::prefix(mailbox.key(Kind::Child, &[&keys::fid(id)]));
    let named = reader.scan(Space::Mailbox, &named, Direction::Forward, 1)?;
    if let Some((_, child)) = named.first() {
        return Ok(keys::tail_id(child).map(|(r, c)| FolderId::new(r, c)));
    }
    let deleted = KeyRange::prefix(mailbox.key(Kind::DeletedChild, &[&keys::fid(id)]));
    let deleted = reader.scan(Space::Mailbox, &deleted, Direction::Forward, 1)?;
    Ok(deleted.first().and_then(|(key, _)| keys::tail_id(key)).map(|(r, c)| FolderId::new(r, c)))
}

/// Removes some messages of a detached folder, or some of its deletion set; returns how many.
fn remove_batch(mailbox: &Mailbox, id: FolderId) -> Result<usize> {
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
            return Ok(rows.len());
        }
        let links = search::remove_links(tx, id, BATCH * 8)?;
        if links > 0 {
            return Ok(links);
        }
        let ranges = KeyRange::prefix(tx.mailbox.key(Kind::Deleted, &[&keys::fid(id)]));
        let ranges = tx.reader().scan(Space::Mailbox, &ranges, Direction::Forward, BATCH * 8)?;
        ranges.iter().for_each(|(key, _)| tx.delete(key.to_vec()));
        Ok(ranges.len())
    })
}

/// Removes what names a folder that is not there.
fn delete_entries(tx: &mut Tx<'_>, parent: FolderId, child: FolderId) -> Result<()> {
    let range = KeyRange::prefix(tx.mailbox.key(Kind::Child, &[&keys::fid(parent)]));
    for (key, value) in tx.reader().scan(Space::Mailbox, &range, Direction::Forward, usize::MAX)? {
        if value[..] == keys::fid(child) {
            tx.delete(key.to_vec());
        }
    }
    tx.delete(keys::deleted_child(tx.mailbox.number(), parent, child));
    Ok(())
}
