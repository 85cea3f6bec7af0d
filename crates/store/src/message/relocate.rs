//! Moving and copying messages, also between mailboxes. Either way the message gets a new id.

use mapi::{FolderId, MessageId, tags};

use super::delete::{erase, is_queued, take_out};
use super::open::{Nodes, read_hot};
use super::save::{count, next_uid, put_hot_and_summary, put_nodes};
use super::{Message, MessageBody, flags, open, outline, save};
use crate::mailbox::changes::{Change, ChangeKind};
use crate::mailbox::writer::{self, Tx};
use crate::record::hot::Hot;
use crate::table::Contents;
use crate::{Mailbox, Result, StoreError, engine, large, search};

/// Messages in one batch.
const BATCH: usize = 16;

/// Moves messages of a folder, or those that a search folder shows, to a folder of the same or another mailbox,
/// each under a new id. Returns the new ids, None for those that could not be moved.
///
/// Errors: [`StoreError::NotFound`] without one of the folders; [`StoreError::SearchFolder`] for a search
/// folder as the target.
pub fn move_to(
    source: &Mailbox,
    folder: FolderId,
    ids: &[MessageId],
    target: &Mailbox,
    target_folder: FolderId,
) -> Result<Vec<Option<MessageId>>> {
    if let Some(homes) = search::homes(source, folder, ids)? {
        return by_home(ids, homes, |home, ids| move_to(source, home, ids, target, target_folder));
    }
    if source.is(target) {
        return in_batches(source, folder, ids, target_folder, true);
    }
    let mut moved = Vec::with_capacity(ids.len());
    for id in ids {
        let copied = copy_across(source, folder, *id, target, target_folder)?;
        // A crash between the two leaves the message in both, never in none.
        if copied.is_some() {
            super::delete(source, folder, &[*id], true)?;
        }
        moved.push(copied);
    }
    Ok(moved)
}

/// Copies messages. Returns the copies, None for those that could not be copied.
pub fn copy_to(
    source: &Mailbox,
    folder: FolderId,
    ids: &[MessageId],
    target: &Mailbox,
    target_folder: FolderId,
) -> Result<Vec<Option<MessageId>>> {
    if let Some(homes) = search::homes(source, folder, ids)? {
        return by_home(ids, homes, |home, ids| copy_to(source, home, ids, target, target_folder));
    }
    if source.is(target) {
        return in_batches(source, folder, ids, target_folder, false);
    }
    ids.iter().map(|id| copy_across(source, folder, *id, target, target_folder)).collect()
}

/// Does something to messages of a search folder where they are; the results in the order of `ids`.
fn by_home(
    ids: &[MessageId],
    homes: search::Homes,
    mut act: impl FnMut(FolderId, &[MessageId]) -> Result<Vec<Option<MessageId>>>,
) -> Result<Vec<Option<MessageId>>> {
    let mut done = vec![None; ids.len()];
    for (home, group) in homes.into_iter().filter(|(home, _)| !home.is_none()) {
        let results = act(home, &group)?;
        // An id that is named twice is dealt with twice, in its order.
        let mut results = group.iter().zip(results);
        let mut next = results.next();
        for (id, slot) in ids.iter().zip(&mut done) {
            if let Some((first, result)) = next
                && first == id
            {
                *slot = result;
                next = results.next();
            }
        }
    }
    Ok(done)
}

fn in_batches(
    mailbox: &Mailbox,
    folder: FolderId,
    ids: &[MessageId],
    target: FolderId,
    moving: bool,
) -> Result<Vec<Option<MessageId>>> {
    let mut done = Vec::with_capacity(ids.len());
    for batch in ids.chunks(BATCH) {
        match writer::write(mailbox, |tx| relocate(tx, folder, batch, target, moving)) {
            Ok(ids) => done.extend(ids),
            // Large records: one at a time.
            Err(StoreError::Engine(engine::Error::TooLarge { .. })) => {
                for id in batch {
                    done.extend(writer::write(mailbox, |tx| {
                        relocate(tx, folder, &[*id], target, moving)
                    })?);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

fn relocate(
    tx: &mut Tx<'_>,
    folder: FolderId,
    ids: &[MessageId],
    target: FolderId,
    moving: bool,
) -> Result<Vec<Option<MessageId>>> {
    tx.any_folder(folder)?;
    if tx.folder(target)?.kind == crate::folder::FolderKind::Search {
        return Err(StoreError::SearchFolder);
    }
    let mut done = Vec::with_capacity(ids.len());
    let mut gone = Vec::new();
    for id in ids {
        let hot = read_hot(tx.mailbox, tx.reader(), *id)?;
        let Some(old) = hot.filter(|hot| hot.folder == folder && !gone.contains(id)) else {
            done.push(None);
            continue;
        };
        // What waits to be sent stays until it is taken back; its copy is a draft.
        if moving && is_queued(tx, *id, &old)? {
            done.push(None);
            continue;
        }
        let how = Relocation { id: None, clear_flags: flags::SUBMITTED };
        done.push(Some(relocate_read(tx, *id, &old, target, moving, how)?));
        if moving {
            gone.push(*id);
        }
    }
    tx.note_deleted(folder, &gone);
    Ok(done)
}

/// How a message becomes another one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Relocation {
    /// The id of the new one; it must be free. Else it gets the next one.
    pub(crate) id: Option<MessageId>,
    /// Flags that the new one does not have.
    pub(crate) clear_flags: u32,
}

/// Moves one message of a folder with a batch, or copies it, also one that was submitted.
pub(crate) fn relocate_one(
    tx: &mut Tx<'_>,
    folder: FolderId,
    id: MessageId,
    target: FolderId,
    moving: bool,
    how: Relocation,
) -> Result<MessageId> {
    let hot = read_hot(tx.mailbox, tx.reader(), id)?.filter(|hot| hot.folder == folder);
    let new =
        relocate_read(tx, id, &hot.ok_or(StoreError::NotFound("message"))?, target, moving, how)?;
    if moving {
        tx.note_deleted(folder, &[id]);
    }
    Ok(new)
}

fn relocate_read(
    tx: &mut Tx<'_>,
    id: MessageId,
    old: &Hot,
    target: FolderId,
    moving: bool,
    how: Relocation,
) -> Result<MessageId> {
    let nodes = Nodes::read(tx.mailbox, tx.reader(), id)?;
    let mut body = nodes.body()?;
    // The new one has its own identity.
    body.properties.remove(tags::SOURCE_KEY);
    body.properties.remove(tags::PREDECESSOR_CHANGE_LIST);
    let new = match how.id {
        Some(id) => id,
        None => tx.next_message()?,
    };
    let change = tx.next_change()?;
    large::mark_message(tx, new, &MessageBody::default(), &mut body)?;
    put_nodes(tx, new, &Nodes::default(), &body)?;
    outline::copy(tx, id, new, &body)?;
    let mut hot = *old;
    hot.folder = target;
    hot.flags &= !how.clear_flags;
    hot.size = body.size();
    // Out of the deleted ones, a message comes back to life.
    hot.contents = Contents::of(old.contents.is_associated(), false);
    hot.deleted = mapi::FileTime(0);
    hot.committed = tx.now;
    hot.saved = tx.now;
    hot.change = change;
    hot.read_change = change;
    hot.uid = next_uid(tx.folder(target)?)?;
    hot.sequence = tx.next_sequence();
    put_hot_and_summary(tx, new, &hot, &body);
    count(tx.folder(target)?, &hot, true);
    let kind = if moving { ChangeKind::MessageMoved } else { ChangeKind::MessageCopied };
    let mut entry = Change::of_message(kind, new, &hot);
    entry.old_folder = old.folder;
    entry.old_message = id;
    if moving {
        take_out(tx, id, old)?;
        erase(tx, id)?;
    }
    tx.log(entry)?;
    Ok(new)
}

/// Copies a message into another mailbox, soft-deleted or not; None if it is not in the folder.
pub(crate) fn copy_across(
    source: &Mailbox,
    folder: FolderId,
    id: MessageId,
    target: &Mailbox,
    target_folder: FolderId,
) -> Result<Option<MessageId>> {
    let original = match open(source, id) {
        Ok(message) if message.folder == folder => message,
        Ok(_) | Err(StoreError::NotFound(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut body = original.body;
    super::carry_body(source, target, &mut body)?;
    let mut copy = Message {
        folder: target_folder,
        associated: original.associated,
        flags: original.flags & !flags::SUBMITTED,
        status: original.status,
        read: original.read,
        ..Message::embedded(body)
    };
    save::prepare(target, &mut copy)?;
    let new = writer::write(target, |tx| {
        let mut copy = copy.clone();
        save::write(tx, &mut copy, false)?;
        Ok(copy.id)
    })?;
    Ok(Some(new))
}
