//! Read state and status: the hot record and the summary move, the properties do not.

use mapi::{FolderId, MessageId};

use super::computed::summary_flags;
use super::flags;
use super::open::read_hot;
use super::save::{count, put_hot};
use crate::keys;
use crate::mailbox::changes::{Change, ChangeKind};
use crate::mailbox::read_state;
use crate::mailbox::writer::{self, Tx};
use crate::record::hot::Hot;
use crate::record::summary::Summary;
use crate::{Mailbox, Result, StoreError, search};

/// Messages that change in one batch.
const BATCH: usize = 256;

/// Sets or clears the read flag with a read change of its own; returns whether it changed.
///
/// Errors: [`StoreError::NotFound`].
pub fn set_read(mailbox: &Mailbox, id: MessageId, read: bool) -> Result<bool> {
    writer::write(mailbox, |tx| set_one(tx, None, id, read))?.ok_or(StoreError::NotFound("message"))
}

/// As [`set_read`] for many messages of a folder, or that a search folder shows; for each whether it changed, or None where there is no such
/// message in the folder.
pub fn set_read_many(
    mailbox: &Mailbox,
    folder: FolderId,
    ids: &[MessageId],
    read: bool,
) -> Result<Vec<Option<bool>>> {
    if let Some(homes) = search::homes(mailbox, folder, ids)? {
        let mut changed = std::collections::HashMap::new();
        for (home, ids) in homes.iter().filter(|(home, _)| !home.is_none()) {
            changed.extend(ids.iter().zip(set_read_many(mailbox, *home, ids, read)?));
        }
        return Ok(ids.iter().map(|id| changed.get(id).copied().flatten()).collect());
    }
    let mut changed = Vec::with_capacity(ids.len());
    for batch in ids.chunks(BATCH) {
        // Within one batch an id counts once: the second time it reads the state before the batch.
        let mut seen = std::collections::HashSet::new();
        changed.extend(writer::write(mailbox, |tx| {
            seen.clear();
            batch
                .iter()
                .map(|id| match seen.insert(*id) {
                    true => set_one(tx, Some(folder), *id, read),
                    false => Ok(Some(false)),
                })
                .collect::<Result<Vec<_>>>()
        })?);
    }
    Ok(changed)
}

/// Sets the masked bits of PidTagMessageStatus; returns the status before ([MS-OXCMSG] 2.2.3.8).
///
/// Errors: [`StoreError::NotFound`].
pub fn set_status(mailbox: &Mailbox, id: MessageId, status: u32, mask: u32) -> Result<u32> {
    writer::write(mailbox, |tx| {
        let mut hot =
            read_hot(tx.mailbox, tx.reader(), id)?.ok_or(StoreError::NotFound("message"))?;
        let before = hot.status;
        let after = before & !mask | status & mask;
        if after == before {
            return Ok(before);
        }
        hot.status = after;
        // Clients that synchronise learn of a new status by a change of the message.
        hot.change = tx.next_change()?;
        commit(tx, id, &mut hot, ChangeKind::MessageFlags)?;
        Ok(before)
    })
}

/// PidTagMessageStatus of a message of a folder, soft-deleted or not.
///
/// Errors: [`StoreError::NotFound`] if there is no such message in the folder.
pub fn status_in(mailbox: &Mailbox, folder: FolderId, id: MessageId) -> Result<u32> {
    let hot = read_hot(mailbox, mailbox.reader(), id)?.filter(|hot| hot.folder == folder);
    hot.map(|hot| hot.status).ok_or(StoreError::NotFound("message"))
}

/// None where there is no such message, or it is in another folder than the one that is named.
fn set_one(
    tx: &mut Tx<'_>,
    folder: Option<FolderId>,
    id: MessageId,
    read: bool,
) -> Result<Option<bool>> {
    let Some(mut hot) = read_hot(tx.mailbox, tx.reader(), id)? else { return Ok(None) };
    if folder.is_some_and(|folder| folder != hot.folder) {
        return Ok(None);
    }
    if read_state::is_read(&hot) == read {
        return Ok(Some(false));
    }
    let before = hot;
    read_state::set(&mut hot, read);
    hot.read_change = tx.next_change()?;
    let record = tx.folder(hot.folder)?;
    count(record, &before, false);
    count(record, &hot, true);
    commit(tx, id, &mut hot, ChangeKind::MessageRead)?;
    Ok(Some(true))
}

/// Sets and clears kept flags of a message with a batch; a change of the message.
pub(crate) fn change_flags(tx: &mut Tx<'_>, id: MessageId, set: u32, clear: u32) -> Result<()> {
    let hot = read_hot(tx.mailbox, tx.reader(), id)?;
    let mut hot = hot.ok_or(StoreError::NotFound("message"))?;
    hot.flags = hot.flags & !clear | set;
    hot.change = tx.next_change()?;
    commit(tx, id, &mut hot, ChangeKind::MessageFlags)
}

fn commit(tx: &mut Tx<'_>, id: MessageId, hot: &mut Hot, kind: ChangeKind) -> Result<()> {
    hot.sequence = tx.next_sequence();
    put_hot(tx, id, hot);
    let key = keys::summary(tx.mailbox.number(), hot.folder, hot.contents.to_byte(), id);
    if let Some(bytes) = tx.get(&key)? {
        let mut summary = Summary::read(&bytes)?;
        let attachments = summary.flags & flags::HAS_ATTACHMENTS != 0;
        let associated = hot.contents.is_associated();
        let all = summary_flags(hot.flags, read_state::is_read(hot), associated, attachments);
        summary.follow(hot, all);
        tx.put(key, summary.to_bytes());
    }
    tx.log(Change::of_message(kind, id, hot))?;
    Ok(())
}
