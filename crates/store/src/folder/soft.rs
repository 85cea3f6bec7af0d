//! Soft-deleted folders: out of the hierarchy and out of sight, kept with all that they hold until their time
//! is over, and brought back by [`restore`].
//!
//! The folder that was deleted stands in its parent's list of deleted ones, where its name is free for
//! others. The folders below it keep their names and places; each knows that it lies in a deleted one. A job
//! brings them into that state, and back, in bounded batches: it makes all below a folder follow it, so it can
//! begin again at any place.

use std::ops::ControlFlow;

use mapi::{FileTime, FolderId};

use super::{DeleteOptions, FolderKind, check_name, child_ids, find_child, is_within};
use crate::engine::{Direction, KeyRange, Reader, Space};
use crate::keys::{self, Kind};
use crate::mailbox::changes::{Change, ChangeKind};
use crate::mailbox::special::SpecialFolder;
use crate::mailbox::writer::{self, Tx};
use crate::record::folder::{FolderRecord, FolderState};
use crate::{Mailbox, Result, StoreError, jobs, quota};

/// Folders whose state is changed in one batch.
const BATCH: usize = 64;

/// Deletes a folder softly. Called with the mailbox's trees held.
pub(super) fn delete(mailbox: &Mailbox, id: FolderId, options: DeleteOptions) -> Result<()> {
    writer::reclaim(mailbox, |tx| {
        let record = tx.folder(id)?;
        super::delete::check_empty(record, options)?;
        let (parent, name) = (record.parent, record.name.clone());
        let (change, now) = (tx.next_change()?, tx.now);
        let record = tx.folder(id)?;
        record.state = FolderState::Deleted;
        record.deleted = now;
        record.change = change;
        let below = record.children > 0;
        let number = tx.mailbox.number();
        tx.delete(keys::child(number, parent, &name));
        tx.put(keys::deleted_child(number, parent, id), Vec::new());
        tx.put(keys::deleted_folder(number, now, id), keys::fid(parent));
        if let Some(parent) = tx.find_folder(parent)? {
            parent.children = parent.children.saturating_sub(1);
            parent.deleted_children += 1;
        }
        log_deleted(tx, id, parent)?;
        if below {
            jobs::add_folder_settling(tx, id);
        }
        Ok(())
    })?;
    settle(mailbox, id)
}

fn log_deleted(tx: &mut Tx<'_>, id: FolderId, parent: FolderId) -> Result<()> {
    let change = tx.find_folder(id)?.map_or(mapi::ChangeNumber::NONE, |record| record.change);
    let mut entry = Change::of_folder(ChangeKind::FolderDeleted, id, change);
    entry.old_folder = parent;
    tx.log(entry)?;
    Ok(())
}

/// Brings a soft-deleted folder back, with all that it holds, under a folder of the hierarchy. It keeps its
/// id, and its messages theirs. Returns its name.
///
/// Errors: [`StoreError::NotFound`] without a soft-deleted folder of that id, or without the parent;
/// [`StoreError::DuplicateName`]; [`StoreError::MailboxFull`] if what comes back has no room in the quota.
pub fn restore(
    mailbox: &Mailbox,
    id: FolderId,
    parent: FolderId,
    name: Option<&str>,
) -> Result<String> {
    let _trees = mailbox.trees.lock();
    let name = name.map(check_name).transpose()?;
    quota::may_receive(mailbox, size_of_tree(mailbox, id)?)?;
    // The sizes come back folder by folder; that there is room for all was seen above.
    let name = writer::reclaim(mailbox, |tx| {
        let record = tx
            .find_folder(id)?
            .filter(|record| record.state.is_soft_deleted())
            .ok_or(StoreError::NotFound("soft-deleted folder"))?
            .clone();
        let name = name.unwrap_or(&record.name);
        if tx.folder(parent)?.kind == FolderKind::Search {
            return Err(StoreError::SearchFolder);
        }
        // Below a folder whose deletion was interrupted there may be some that do not know of it yet.
        if is_within(tx.mailbox, tx.reader(), parent, id)? {
            return Err(StoreError::FolderCycle);
        }
        if find_child(tx.mailbox, tx.reader(), parent, name)?.is_some() {
            return Err(StoreError::DuplicateName);
        }
        take_from_parent(tx, id, &record)?;
        let (change, now) = (tx.next_change()?, tx.now);
        tx.folder(parent)?.children += 1;
        tx.put(keys::child(tx.mailbox.number(), parent, name), keys::fid(id));
        let back = tx.find_folder(id)?.ok_or(StoreError::NotFound("soft-deleted folder"))?;
        back.state = FolderState::Present;
        back.deleted = FileTime(0);
        back.parent = parent;
        back.name = name.into();
        back.change = change;
        back.modified = now;
        let mut entry = Change::of_folder(ChangeKind::FolderCreated, id, change);
        entry.old_folder = record.parent;
        tx.log(entry)?;
        if record.children > 0 {
            jobs::add_folder_settling(tx, id);
        }
        Ok(name.to_owned())
    })?;
    settle(mailbox, id)?;
    Ok(name)
}

/// Takes a folder out of the lists and counters of the folder that it is in, whatever its state.
pub(super) fn take_from_parent(tx: &mut Tx<'_>, id: FolderId, record: &FolderRecord) -> Result<()> {
    let number = tx.mailbox.number();
    let deleted = record.state == FolderState::Deleted;
    match deleted {
        true => {
            tx.delete(keys::deleted_child(number, record.parent, id));
            tx.delete(keys::deleted_folder(number, record.deleted, id));
        }
        false => tx.delete(keys::child(number, record.parent, &record.name)),
    }
    if let Some(parent) = tx.find_folder(record.parent)? {
        let counter = if deleted { &mut parent.deleted_children } else { &mut parent.children };
        *counter = counter.saturating_sub(1);
    }
    Ok(())
}

/// Lets all below a folder follow its state, in bounded batches. Safe to run again after a crash at any place.
pub(crate) fn settle(mailbox: &Mailbox, top: FolderId) -> Result<()> {
    if !jobs::has_folder_settling(mailbox, top)? {
        return Ok(());
    }
    let mut pending = vec![top];
    while let Some(id) = pending.pop() {
        // A folder is marked before what is in it is listed, so nothing new comes under it meanwhile.
        for children in child_ids(mailbox, mailbox.reader(), id)?.chunks(BATCH) {
            follow(mailbox, id, children)?;
            pending.extend(children);
        }
    }
    writer::reclaim(mailbox, |tx| {
        jobs::end_folder_settling(tx, top);
        Ok(())
    })
}

/// Brings folders that were listed in another one into the state that it implies. Those that moved out of it
/// since they were listed go their own way.
fn follow(mailbox: &Mailbox, parent: FolderId, children: &[FolderId]) -> Result<()> {
    writer::reclaim(mailbox, |tx| {
        let above = tx.find_folder(parent)?.map(|record| (record.state, record.deleted));
        let (state, deleted) = match above {
            Some((FolderState::Present, _)) => (FolderState::Present, FileTime(0)),
            Some((FolderState::Deleted | FolderState::Within, at)) => (FolderState::Within, at),
            // It is being removed for good, with all below.
            Some((FolderState::Detached, _)) | None => return Ok(()),
        };
        children.iter().try_for_each(|child| follow_one(tx, *child, parent, state, deleted))
    })
}

fn follow_one(
    tx: &mut Tx<'_>,
    id: FolderId,
    parent: FolderId,
    state: FolderState,
    deleted: FileTime,
) -> Result<()> {
    let Some(record) = tx.find_folder(id)?.filter(|record| {
        record.parent == parent
            && matches!(record.state, FolderState::Present | FolderState::Within)
            && (record.state, record.deleted) != (state, deleted)
    }) else {
        return Ok(());
    };
    record.state = state;
    record.deleted = deleted;
    let change = tx.next_change()?;
    if let Some(record) = tx.find_folder(id)? {
        record.change = change;
    }
    match state {
        FolderState::Present => {
            tx.log(Change::of_folder(ChangeKind::FolderCreated, id, change))?;
            Ok(())
        }
        _ => log_deleted(tx, id, parent),
    }
}

/// Bytes that come back with a soft-deleted folder.
fn size_of_tree(mailbox: &Mailbox, top: FolderId) -> Result<u64> {
    let mut size = 0u64;
    let mut pending = vec![top];
    while let Some(id) = pending.pop() {
        let reader = mailbox.reader();
        let Some(record) = super::any(mailbox, reader, id)? else { continue };
        size = size.saturating_add(record.size);
        pending.extend(child_ids(mailbox, reader, id)?);
    }
    Ok(size)
}

/// The soft-deleted folders directly in a folder, in the order of their ids; not those that lie in these.
pub(crate) fn deleted_child_ids(
    mailbox: &Mailbox,
    reader: &dyn Reader,
    parent: FolderId,
) -> Result<Vec<FolderId>> {
    let range = KeyRange::prefix(mailbox.key(Kind::DeletedChild, &[&keys::fid(parent)]));
    let mut ids = Vec::new();
    reader.visit(Space::Mailbox, &range, Direction::Forward, &mut |key, _| {
        ids.extend(keys::tail_id(key).map(|(r, c)| FolderId::new(r, c)));
        ControlFlow::Continue(())
    })?;
    Ok(ids)
}

/// Brings a soft-deleted folder back to where it was, or to a folder that is given, under its name or one like
/// it. Where it was is gone if the folder above it was deleted as well; then it comes under the top of the
/// user's folders. Returns where it is and its name.
pub fn recover(
    mailbox: &Mailbox,
    id: FolderId,
    to: Option<FolderId>,
) -> Result<(FolderId, String)> {
    let reader = mailbox.reader();
    let record = super::any(mailbox, reader, id)?
        .filter(|record| record.state.is_soft_deleted())
        .ok_or(StoreError::NotFound("soft-deleted folder"))?;
    let is_there = |parent| super::record(mailbox, reader, parent).is_ok();
    let parent = match to {
        Some(parent) => parent,
        None if is_there(record.parent) => record.parent,
        None => SpecialFolder::IpmSubtree.id(),
    };
    let mut name = record.name.clone();
    for number in 2..=MAX_NAMES {
        match restore(mailbox, id, parent, Some(&name)) {
            Err(StoreError::DuplicateName) => {
                // Within what a name may have.
                let kept: String = record.name.chars().take(super::MAX_NAME - 12).collect();
                name = format!("{kept} ({number})");
            }
            Ok(name) => return Ok((parent, name)),
            Err(error) => return Err(error),
        }
    }
    Err(StoreError::DuplicateName)
}

/// Names that are tried for a folder that comes back.
const MAX_NAMES: usize = 10_000;

/// Whether a folder is, or lies in, one that is soft-deleted.
pub(crate) fn is_soft_deleted(
    mailbox: &Mailbox,
    reader: &dyn Reader,
    id: FolderId,
) -> Result<bool> {
    Ok(super::any(mailbox, reader, id)?.is_some_and(|record| record.state.is_soft_deleted()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check;
    use crate::folder::{self, NewFolder};
    use crate::{NewAccount, Store, StoreOptions};

    /// Another client takes a folder out of a tree between the moment at which the tree's deletion listed it and
    /// the one at which it would have marked it.
    #[test]
    fn a_folder_that_moved_away_does_not_follow() {
        let store = Store::in_memory(StoreOptions::default()).unwrap();
        let account = NewAccount { address: "me@example.test".into(), ..NewAccount::default() };
        let mailbox = store.mailbox(store.create_account(&account).unwrap().mailbox).unwrap();
        let new = |parent, name: &str| {
            let new = NewFolder { display_name: name.into(), ..NewFolder::default() };
            folder::create(&mailbox, parent, &new).unwrap().id
        };
        let inbox = SpecialFolder::Inbox.id();
        let (top, other) = (new(inbox, "top"), new(inbox, "other"));
        let (moves, stays) = (new(top, "moves"), new(top, "stays"));
        let below = new(moves, "below");
        let listed = child_ids(&mailbox, mailbox.reader(), top).unwrap();
        folder::move_to(&mailbox, moves, other, None).unwrap();
        // As the deletion begins, without what follows.
        let deleted = FileTime(1);
        writer::write(&mailbox, |tx| {
            let record = tx.find_folder(top)?.unwrap();
            (record.state, record.deleted) = (FolderState::Deleted, deleted);
            Ok(())
        })
        .unwrap();
        follow(&mailbox, top, &listed).unwrap();
        follow(&mailbox, moves, &[below]).unwrap();
        let state = |id| folder::any(&mailbox, mailbox.reader(), id).unwrap().unwrap().state;
        assert_eq!([state(moves), state(below)], [FolderState::Present; 2]);
        assert_eq!(state(stays), FolderState::Within);
    }

    /// A crash between the first batch and the job's end: the next start lets the folders below follow.
    #[test]
    fn a_job_goes_on_after_a_crash() {
        let engine: std::sync::Arc<dyn crate::engine::Engine> =
            std::sync::Arc::new(crate::engine::MemoryEngine::new());
        let open = || Store::with_engine(engine.clone(), StoreOptions::default()).unwrap();
        let store = open();
        let account = NewAccount { address: "me@example.test".into(), ..NewAccount::default() };
        let number = store.create_account(&account).unwrap().mailbox;
        let mailbox = store.mailbox(number).unwrap();
        let new = |parent, name: &str| {
            let new = NewFolder { display_name: name.into(), ..NewFolder::default() };
            folder::create(&mailbox, parent, &new).unwrap().id
        };
        let top = new(SpecialFolder::Inbox.id(), "top");
        let middle = new(top, "middle");
        let low = new(middle, "low");
        folder::delete(&mailbox, top, DeleteOptions { folders: true, ..DeleteOptions::default() })
            .unwrap();
        // Whoever opens the mailbox anew takes it over.
        let again = || open().mailbox(number).unwrap();
        let state = |id| folder::any(&mailbox, mailbox.reader(), id).unwrap().unwrap().state;
        let states = || [state(top), state(middle), state(low)];
        let whole = || {
            assert!(!jobs::has_folder_settling(&mailbox, top).unwrap());
            let all = check::store(&mailbox.store, &check::Options::default(), &mut |_| {});
            assert_eq!(all.unwrap().left_in_words(), Vec::<String>::new());
        };
        let deleted = [FolderState::Deleted, FolderState::Within, FolderState::Within];
        assert_eq!(states(), deleted);
        // As if the process had ended behind the first batch, and behind the second one.
        for undone in [&[middle, low][..], &[low][..]] {
            writer::write(&again(), |tx| {
                for id in undone {
                    let record = tx.find_folder(*id)?.unwrap();
                    (record.state, record.deleted) = (FolderState::Present, FileTime(0));
                }
                jobs::add_folder_settling(tx, top);
                Ok(())
            })
            .unwrap();
            drop(open());
            assert_eq!(states(), deleted);
            whole();
        }
        // The same on the way back.
        let mailbox = again();
        restore(&mailbox, top, SpecialFolder::Inbox.id(), None).unwrap();
        writer::write(&mailbox, |tx| {
            tx.find_folder(low)?.unwrap().state = FolderState::Within;
            jobs::add_folder_settling(tx, top);
            Ok(())
        })
        .unwrap();
        drop(open());
        assert_eq!(states(), [FolderState::Present; 3]);
        whole();
    }
}
