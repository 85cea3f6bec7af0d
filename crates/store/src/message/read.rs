//! Read state and status: the hot record and the summary move, the properties do not.

use std::collections::BTreeMap;

use mapi::{ChangeNumber, FolderId, Guid, MessageId};

use super::computed::summary_flags;
use super::flags;
use super::open::read_hot;
use super::save::{count, put_hot};
use crate::delivery::receipt::{self, Ready, Receipt};
use crate::keys;
use crate::mailbox::changes::{Change, ChangeKind};
use crate::mailbox::read_state::{self, Seen};
use crate::mailbox::writer::{self, Tx};
use crate::record::hot::Hot;
use crate::record::summary::Summary;
use crate::{Mailbox, Result, StoreError, delivery, search};

/// Messages that change in one batch.
const BATCH: usize = 256;

/// What is to be done with the read flag and pending receipts of messages ([MS-OXCMSG] 2.2.3.10.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marking {
    /// None leaves the flag as it is.
    pub read: Option<bool>,
    pub receipt: Pending,
    /// Nobody is told when it is deleted without having been read.
    pub clear_nonread: bool,
}

/// What becomes of a read receipt that somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pending {
    Keep,
    Send,
    /// It is never sent.
    Cancel,
}

impl Marking {
    /// Only the flag.
    pub fn flag(read: bool) -> Marking {
        Marking { read: Some(read), receipt: Pending::Keep, clear_nonread: false }
    }
}

/// Sets or clears the read flag with a read change of its own; returns whether it changed.
///
/// Errors: [`StoreError::NotFound`].
pub fn set_read(mailbox: &Mailbox, id: MessageId, read: bool) -> Result<bool> {
    let changed = mark(mailbox, None, &[id], Marking::flag(read))?;
    changed.into_iter().next().flatten().ok_or(StoreError::NotFound("message"))
}

/// Marks messages, of one folder or of those that a search folder shows if it is named; for each whether anything changed, or None where there is no
/// such message (in the folder). Receipts that are to be sent are in the queue when this returns.
pub fn mark(
    mailbox: &Mailbox,
    folder: Option<FolderId>,
    ids: &[MessageId],
    marking: Marking,
) -> Result<Vec<Option<bool>>> {
    if let Some(folder) = folder
        && let Some(homes) = search::homes(mailbox, folder, ids)?
    {
        let mut changed = std::collections::HashMap::new();
        for (home, ids) in homes.iter().filter(|(home, _)| !home.is_none()) {
            changed.extend(ids.iter().zip(mark(mailbox, Some(*home), ids, marking)?));
        }
        return Ok(ids.iter().map(|id| changed.get(id).copied().flatten()).collect());
    }
    let mut changed = Vec::with_capacity(ids.len());
    let mut sent = false;
    for batch in ids.chunks(BATCH) {
        let receipts = match marking.receipt {
            // Who reads public folders is nobody's recipient.
            Pending::Send if mailbox.is_public() => BTreeMap::new(),
            Pending::Send => receipts(mailbox, folder, batch, Receipt::Read)?,
            Pending::Keep | Pending::Cancel => BTreeMap::new(),
        };
        sent |= !receipts.is_empty();
        // Within one batch an id counts once: the second time it reads the state before the batch.
        let mut seen = std::collections::HashSet::new();
        changed.extend(writer::write(mailbox, |tx| {
            if let (Some(viewer), Some(read)) = (tx.mailbox.viewer(), marking.read) {
                return set_seen(tx, viewer, folder, batch, read);
            }
            seen.clear();
            batch
                .iter()
                .map(|id| match seen.insert(*id) {
                    true => mark_one(tx, folder, *id, marking, receipts.get(id)),
                    false => Ok(Some(false)),
                })
                .collect::<Result<Vec<_>>>()
        })?);
    }
    if sent {
        delivery::start(mailbox.store());
    }
    Ok(changed)
}

/// Tells the senders who want to know it that messages of a folder go without having been read: called before
/// these are deleted ([MS-OXCFOLD] 2.2.1.11.1 NotifyNonRead, [MS-OXOMSG] 2.2.1.29). Nobody is told of public
/// folders: who reads them is nobody's recipient.
pub fn tell_unread(mailbox: &Mailbox, folder: FolderId, ids: &[MessageId]) -> Result<()> {
    if mailbox.is_public() {
        return Ok(());
    }
    let mut sent = false;
    for batch in ids.chunks(BATCH) {
        let receipts = receipts(mailbox, Some(folder), batch, Receipt::NotRead)?;
        if receipts.is_empty() {
            continue;
        }
        sent = true;
        writer::write(mailbox, |tx| {
            for (id, ready) in &receipts {
                let Some(mut hot) = read_hot(tx.mailbox, tx.reader(), *id)? else { continue };
                if hot.flags & flags::NOTIFY_UNREAD != 0 && !read_state::is_read(&hot) {
                    hot.flags &= !flags::NOTIFY_UNREAD;
                    receipt::send(tx, ready)?;
                    commit(tx, *id, &mut hot, ChangeKind::MessageFlags)?;
                }
            }
            Ok(())
        })?;
    }
    if sent {
        delivery::start(mailbox.store());
    }
    Ok(())
}

/// The receipts that some of these messages have pending, ready to be sent.
fn receipts(
    mailbox: &Mailbox,
    folder: Option<FolderId>,
    ids: &[MessageId],
    receipt: Receipt,
) -> Result<BTreeMap<MessageId, Ready>> {
    let mut all = BTreeMap::new();
    for id in ids {
        let Some(hot) = read_hot(mailbox, mailbox.reader(), *id)? else { continue };
        let here = folder.is_none_or(|folder| folder == hot.folder);
        let wanted = receipt == Receipt::Read || !read_state::is_read(&hot);
        if !here || !wanted || hot.flags & receipt.flag() == 0 {
            continue;
        }
        if let Some(ready) = receipt::prepare(mailbox, *id, receipt)? {
            all.insert(*id, ready);
        }
    }
    Ok(all)
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
fn mark_one(
    tx: &mut Tx<'_>,
    folder: Option<FolderId>,
    id: MessageId,
    marking: Marking,
    ready: Option<&Ready>,
) -> Result<Option<bool>> {
    let Some(mut hot) = read_hot(tx.mailbox, tx.reader(), id)? else { return Ok(None) };
    if folder.is_some_and(|folder| folder != hot.folder) {
        return Ok(None);
    }
    let before = hot;
    if marking.receipt == Pending::Cancel {
        hot.flags &= !flags::NOTIFY_READ;
    }
    if let Some(ready) = ready.filter(|_| hot.flags & flags::NOTIFY_READ != 0) {
        receipt::send(tx, ready)?;
        // Nobody hears of the same message that it was read and that it was not.
        hot.flags &= !(flags::NOTIFY_READ | flags::NOTIFY_UNREAD);
    }
    if marking.clear_nonread {
        hot.flags &= !flags::NOTIFY_UNREAD;
    }
    if let Some(read) = marking.read.filter(|read| *read != read_state::is_read(&hot)) {
        read_state::set(&mut hot, read);
        let record = tx.folder(hot.folder)?;
        count(record, &before, false);
        count(record, &hot, true);
    }
    if hot == before {
        return Ok(Some(false));
    }
    // Not a change of the message: who has it open can still save it.
    hot.read_change = tx.next_change()?;
    let kind = match read_state::is_read(&hot) == read_state::is_read(&before) {
        true => ChangeKind::MessageFlags,
        false => ChangeKind::MessageRead,
    };
    commit(tx, id, &mut hot, kind)?;
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

/// Public folders: the messages stay as they are, and the user's set has them or not. All ids are of one folder.
fn set_seen(
    tx: &mut Tx<'_>,
    viewer: Guid,
    folder: Option<FolderId>,
    ids: &[MessageId],
    read: bool,
) -> Result<Vec<Option<bool>>> {
    let mut changes: Vec<(ChangeNumber, bool)> = Vec::new();
    let mut results = Vec::with_capacity(ids.len());
    let mut place = folder;
    // The user's set of the folder, which is loaded once.
    let mut seen: Option<(FolderId, Option<Seen>)> = None;
    for id in ids {
        let hot = read_hot(tx.mailbox, tx.reader(), *id)?;
        let Some(hot) = hot.filter(|hot| folder.is_none_or(|folder| folder == hot.folder)) else {
            results.push(None);
            continue;
        };
        place = Some(hot.folder);
        let told = changes.iter().any(|(change, _)| *change == hot.change);
        let set = match seen.take() {
            Some((folder, set)) if folder == hot.folder => set,
            _ => read_state::seen(tx.mailbox, tx.reader(), hot.folder)?,
        };
        let was_read = match &set {
            Some(set) => set.has(tx.mailbox, hot.change)?,
            None => read_state::is_read(&hot),
        };
        seen = Some((hot.folder, set));
        let changed = !told && was_read != read;
        if changed {
            changes.push((hot.change, read));
            tx.log(Change::of_message(ChangeKind::MessageRead, *id, &hot))?;
        }
        results.push(Some(changed));
    }
    if let Some(folder) = place.filter(|_| !changes.is_empty()) {
        read_state::mark(tx, viewer, folder, &changes)?;
    }
    Ok(results)
}

/// Puts a changed hot record, with the summary that follows it and an entry of the log.
pub(crate) fn commit(
    tx: &mut Tx<'_>,
    id: MessageId,
    hot: &mut Hot,
    kind: ChangeKind,
) -> Result<()> {
    hot.sequence = tx.next_sequence();
    hot.committed = tx.now;
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
