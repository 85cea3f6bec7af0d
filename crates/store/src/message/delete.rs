//! Deleting messages.

use std::collections::BTreeMap;

use mapi::{FileTime, FolderId, MessageId};

use super::open::{Nodes, read_hot};
use super::save::{count, index_source_key, put_hot};
use super::{MessageBody, flags};
use crate::delivery::queue;
use crate::engine::{Direction, KeyRange, Space};
use crate::keys::{self, Kind};
use crate::mailbox::changes::{Change, ChangeKind};
use crate::mailbox::writer::{self, Tx};
use crate::record::hot::Hot;
use crate::record::summary::Summary;
use crate::record::{node, parts};
use crate::table::Contents;
use crate::{Mailbox, Result, StoreError, large, search};

/// Messages that go in one batch.
const BATCH: usize = 64;

/// Deletes messages of a folder, or those that a search folder shows. Returns how many could not be (not there
/// any more, or in another folder); the others are deleted. Soft-deleted messages go only with `hard`.
pub fn delete(mailbox: &Mailbox, folder: FolderId, ids: &[MessageId], hard: bool) -> Result<usize> {
    let mut missed = 0;
    if let Some(homes) = search::homes(mailbox, folder, ids)? {
        for (home, ids) in homes {
            missed += match home.is_none() {
                true => ids.len(),
                false => delete(mailbox, home, &ids, hard)?,
            };
        }
        return Ok(missed);
    }
    for ids in ids.chunks(BATCH) {
        missed += writer::reclaim(mailbox, |tx| delete_batch(tx, folder, ids, hard))?;
    }
    Ok(missed)
}

/// Deletes for good what was soft-deleted before a time, oldest first, at most `limit` messages; returns how
/// many. Looks only at what is due. Messages in a soft-deleted folder go with it.
pub fn purge(mailbox: &Mailbox, before: FileTime, limit: usize) -> Result<usize> {
    let mut purged = 0;
    // What lies in a soft-deleted folder stays, so the next page begins behind it.
    let mut rest = KeyRange {
        from: mailbox.key(Kind::DeletedMessage, &[]),
        to: Some(mailbox.key(Kind::DeletedMessage, &[&before.0.to_be_bytes()])),
    };
    while purged < limit {
        let page = BATCH.min(limit - purged);
        let due = mailbox.reader().scan(Space::Mailbox, &rest, Direction::Forward, page)?;
        let Some((last, _)) = due.last() else { break };
        rest = rest.beyond(last, Direction::Forward);
        let mut by_folder: BTreeMap<u64, Vec<MessageId>> = BTreeMap::new();
        for (key, folder) in &due {
            if let (Some(id), Some(folder)) = (keys::tail_id(key), keys::tail_id(folder)) {
                let ids = by_folder.entry(keys::id_number(folder.0, folder.1)).or_default();
                ids.push(MessageId::new(id.0, id.1));
            }
        }
        for (folder, ids) in by_folder {
            let (replica, counter) = keys::id_parts(folder);
            purged += purge_some(mailbox, FolderId::new(replica, counter), &ids)?;
        }
    }
    Ok(purged)
}

/// Deletes messages of one folder for good; returns how many. One that is damaged stays, and keeps no other
/// one.
fn purge_some(mailbox: &Mailbox, folder: FolderId, ids: &[MessageId]) -> Result<usize> {
    match (delete(mailbox, folder, ids, true), ids) {
        (Ok(missed), _) => Ok(ids.len() - missed),
        (Err(StoreError::NotFound(_)), _) => Ok(0),
        (Err(StoreError::Corrupt(reason)), [id]) => {
            tracing::warn!(%id, reason, "a soft-deleted message cannot be removed");
            Ok(0)
        }
        (Err(StoreError::Corrupt(_)), _) => {
            ids.iter().map(|id| purge_some(mailbox, folder, std::slice::from_ref(id))).sum()
        }
        (Err(error), _) => Err(error),
    }
}

fn delete_batch(tx: &mut Tx<'_>, folder: FolderId, ids: &[MessageId], hard: bool) -> Result<usize> {
    match hard {
        true => tx.any_folder(folder)?,
        false => tx.folder(folder)?,
    };
    let mut deleted = Vec::with_capacity(ids.len());
    let mut seen = std::collections::HashSet::new();
    for id in ids {
        // An id that is named twice is deleted once.
        if !seen.insert(*id) {
            continue;
        }
        let Some(hot) = read_hot(tx.mailbox, tx.reader(), *id)?.filter(|hot| hot.folder == folder)
        else {
            continue;
        };
        // A message that waits to be sent is taken back first (ecNoDelSubmitMsg).
        if is_queued(tx, *id, &hot)? {
            continue;
        }
        match (hard, hot.contents.is_deleted()) {
            (true, _) => erase_whole(tx, *id, &hot)?,
            (false, false) => soft_delete(tx, *id, hot)?,
            (false, true) => continue,
        }
        deleted.push(*id);
    }
    tx.note_deleted(folder, &deleted);
    Ok(seen.len() - deleted.len())
}

/// Removes one message for good with a batch, also one that was submitted. It must be in the folder.
pub(crate) fn remove(tx: &mut Tx<'_>, folder: FolderId, id: MessageId) -> Result<()> {
    let hot = read_hot(tx.mailbox, tx.reader(), id)?.filter(|hot| hot.folder == folder);
    erase_whole(tx, id, &hot.ok_or(StoreError::NotFound("message"))?)?;
    tx.note_deleted(folder, &[id]);
    Ok(())
}

fn erase_whole(tx: &mut Tx<'_>, id: MessageId, hot: &Hot) -> Result<()> {
    take_out(tx, id, hot)?;
    erase(tx, id)?;
    tx.log(Change::of_message(ChangeKind::MessageDeleted, id, hot))?;
    Ok(())
}

/// Whether a message was submitted and is not sent yet.
pub(crate) fn is_queued(tx: &Tx<'_>, id: MessageId, hot: &Hot) -> Result<bool> {
    let item = (tx.mailbox.number(), id);
    Ok(hot.flags & flags::SUBMITTED != 0 && queue::find(tx.reader(), item)?.is_some())
}

/// Takes a message out of its folder's contents and counters.
pub(crate) fn take_out(tx: &mut Tx<'_>, id: MessageId, hot: &Hot) -> Result<()> {
    let number = tx.mailbox.number();
    tx.delete(keys::summary(number, hot.folder, hot.contents.to_byte(), id));
    if hot.contents.is_deleted() {
        tx.delete(keys::deleted_message(number, hot.deleted, id));
    }
    let record = tx.any_folder(hot.folder)?;
    count(record, hot, false);
    if !hot.contents.is_deleted() {
        record.deleted_total = record.deleted_total.saturating_add(1);
    }
    Ok(())
}

fn soft_delete(tx: &mut Tx<'_>, id: MessageId, mut hot: Hot) -> Result<()> {
    let old_key = keys::summary(tx.mailbox.number(), hot.folder, hot.contents.to_byte(), id);
    let summary = tx.get(&old_key)?;
    take_out(tx, id, &hot)?;
    hot.contents = Contents::of(hot.contents.is_associated(), true);
    hot.deleted = tx.now;
    hot.committed = tx.now;
    hot.change = tx.next_change()?;
    hot.sequence = tx.next_sequence();
    put_hot(tx, id, &hot);
    let entry = keys::deleted_message(tx.mailbox.number(), hot.deleted, id);
    tx.put(entry, keys::fid(hot.folder));
    if let Some(bytes) = summary {
        let mut summary = Summary::read(&bytes)?;
        let flags = summary.flags;
        summary.follow(&hot, flags);
        let key = keys::summary(tx.mailbox.number(), hot.folder, hot.contents.to_byte(), id);
        tx.put(key, summary.to_bytes());
    }
    count(tx.folder(hot.folder)?, &hot, true);
    tx.log(Change::of_message(ChangeKind::MessageSoftDeleted, id, &hot))?;
    Ok(())
}

/// Removes a message's hot record, nodes and markers. What the folder knows of it is the caller's.
pub(crate) fn erase(tx: &mut Tx<'_>, id: MessageId) -> Result<()> {
    let number = tx.mailbox.number();
    tx.note_erased(id);
    tx.delete(keys::hot(number, id));
    tx.delete(keys::outline(number, id));
    let nodes = Nodes::read(tx.mailbox, tx.reader(), id)?;
    for ((path, _), count) in nodes.records.iter().zip(&nodes.parts) {
        parts::delete(&mut tx.batch, &node::key(number, id, path), *count);
    }
    // A damaged message can be deleted as well; its blobs stay marked then.
    if let Ok(body) = nodes.body() {
        let mut nothing = MessageBody::default();
        large::mark_message(tx, id, &body, &mut nothing)?;
        index_source_key(tx, id, &body, &nothing)?;
    }
    Ok(())
}
