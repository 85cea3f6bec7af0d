//! The change log, and what was deleted.

use mapi::{ChangeNumber, FolderId, GlobalCounter, MessageId, ReplId};

use super::writer::Tx;
use crate::engine::{Direction, KeyRange, Reader, Space};
use crate::keys::{self, Kind};
use crate::record;
use crate::record::head::Head;
use crate::{Mailbox, Result, StoreError};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    FolderCreated,
    FolderModified,
    FolderMoved,
    FolderDeleted,
    MessageCreated,
    MessageModified,
    /// Only the read state.
    MessageRead,
    /// Only flags or status.
    MessageFlags,
    MessageSoftDeleted,
    MessageDeleted,
    /// To `folder` under a new id, from `old_folder` and `old_message`.
    MessageMoved,
    /// A new message in `folder`, made from `old_message` in `old_folder`.
    MessageCopied,
    /// A new message that came in for the mailbox's owner.
    MessageDelivered,
    /// A new folder, made from `old_folder`.
    FolderCopied,
    /// A message that is in `old_folder` came into the search folder `folder`. What made it match has an entry
    /// of its own before this one.
    LinkAdded,
    /// A message in `old_folder`, which the search folder `folder` shows, changed.
    LinkChanged,
    /// A message left the search folder `folder`; `old_folder` is where it was last.
    LinkRemoved,
    /// Many messages came into the search folder `folder` or left it: look at all of it again.
    LinksChanged,
    /// A search folder holds all that its criteria find. Nothing else changed.
    SearchCompleted,
    /// A client that transports mail said of a message that it is new mail. Nothing changed.
    MailAnnounced,
}

impl ChangeKind {
    pub fn is_folder(self) -> bool {
        matches!(
            self,
            ChangeKind::FolderCreated
                | ChangeKind::FolderModified
                | ChangeKind::FolderMoved
                | ChangeKind::FolderDeleted
                | ChangeKind::FolderCopied
        )
    }

    /// Whether what `old_folder` names stays as it was.
    pub(crate) fn is_copy(self) -> bool {
        matches!(self, ChangeKind::MessageCopied | ChangeKind::FolderCopied)
    }

    /// Whether it is about what a search folder shows. The messages themselves are in other folders.
    pub fn is_of_search(self) -> bool {
        matches!(
            self,
            ChangeKind::LinkAdded
                | ChangeKind::LinkChanged
                | ChangeKind::LinkRemoved
                | ChangeKind::LinksChanged
                | ChangeKind::SearchCompleted
        )
    }
}

/// An entry of the change log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Grows by one with each entry of the mailbox; IMAP's MODSEQ.
    pub sequence: u64,
    pub kind: ChangeKind,
    pub folder: FolderId,
    /// NONE for a change of the folder itself.
    pub message: MessageId,
    /// Where from: of a message that was moved or copied, its folder; of a folder that was copied, the folder
    /// itself; of one that was moved, deleted or brought back, the parent that it had.
    pub old_folder: FolderId,
    pub old_message: MessageId,
    pub change: ChangeNumber,
    pub read_change: ChangeNumber,
    /// The IMAP UID of the message in `folder`, 0 for a folder.
    pub uid: u32,
    pub associated: bool,
    /// Of a folder, the one that it is or was in. NONE in entries of older programs.
    pub parent: FolderId,
}

impl Change {
    /// An entry about a folder.
    pub(crate) fn of_folder(kind: ChangeKind, folder: FolderId, change: ChangeNumber) -> Change {
        Change {
            sequence: 0,
            kind,
            folder,
            message: MessageId::NONE,
            old_folder: FolderId::NONE,
            old_message: MessageId::NONE,
            change,
            read_change: ChangeNumber::NONE,
            uid: 0,
            associated: false,
            parent: FolderId::NONE,
        }
    }

    /// An entry about a message with the state that it has now.
    pub(crate) fn of_message(
        kind: ChangeKind,
        message: MessageId,
        hot: &record::hot::Hot,
    ) -> Change {
        Change {
            sequence: 0,
            kind,
            folder: hot.folder,
            message,
            old_folder: FolderId::NONE,
            old_message: MessageId::NONE,
            change: hot.change,
            read_change: hot.read_change,
            uid: hot.uid,
            associated: hot.contents.is_associated(),
            parent: FolderId::NONE,
        }
    }
}

/// At most `limit` entries after a sequence number, oldest first. Entries may have been trimmed: compare
/// the first one's sequence.
pub fn after(mailbox: &Mailbox, sequence: u64, limit: usize) -> Result<Vec<Change>> {
    read_after(mailbox, mailbox.reader(), sequence, limit)
}

pub(crate) fn read_after(
    mailbox: &Mailbox,
    reader: &dyn Reader,
    sequence: u64,
    limit: usize,
) -> Result<Vec<Change>> {
    let prefix = mailbox.key(Kind::Log, &[]);
    let mut range = KeyRange::prefix(prefix);
    range.from = keys::log(mailbox.number(), sequence.saturating_add(1));
    reader
        .scan(Space::Mailbox, &range, Direction::Forward, limit)?
        .iter()
        .map(|(key, value)| {
            let sequence = log_sequence(key);
            Ok(record::change::read(sequence, value)?)
        })
        .collect()
}

/// The newest sequence number that is durable.
pub fn latest(mailbox: &Mailbox) -> Result<u64> {
    Ok(head(mailbox, mailbox.reader())?.sequence)
}

pub(crate) fn head(mailbox: &Mailbox, reader: &dyn Reader) -> Result<Head> {
    let key = mailbox.key(Kind::Head, &[]);
    let bytes = reader.get(Space::Mailbox, &key)?.ok_or(StoreError::NotFound("mailbox"))?;
    Ok(Head::read(&bytes)?)
}

/// Removes the oldest entries, at most `limit` and at most [`TRIM_BATCH`], up to and with a sequence; returns
/// how many. The sets of deleted messages stay.
pub fn trim(mailbox: &Mailbox, up_to: u64, limit: usize) -> Result<usize> {
    super::writer::reclaim(mailbox, |tx| {
        let range = KeyRange {
            // What was removed before need not be passed over again.
            from: keys::log(mailbox.number(), tx.trimmed().saturating_add(1)),
            to: Some(keys::log(mailbox.number(), up_to.saturating_add(1))),
        };
        let limit = limit.min(TRIM_BATCH);
        let entries = tx.reader().scan(Space::Mailbox, &range, Direction::Forward, limit)?;
        for (key, _) in &entries {
            tx.delete(key.to_vec());
            tx.set_trimmed(log_sequence(key));
        }
        Ok(entries.len())
    })
}

/// Removes the oldest entries beyond the newest `keep`, at most `limit`; returns how many. Whoever follows
/// the log sees by the first entry's sequence that some are gone.
pub fn trim_to(mailbox: &Mailbox, keep: u64, limit: usize) -> Result<usize> {
    let head = head(mailbox, mailbox.reader())?;
    let up_to = head.sequence.saturating_sub(keep);
    if up_to <= head.trimmed {
        return Ok(0);
    }
    trim(mailbox, up_to, limit)
}

/// Entries that one call of [`trim`] removes at most.
pub const TRIM_BATCH: usize = 1024;

fn log_sequence(key: &[u8]) -> u64 {
    key.get(9..17).and_then(|b| b.try_into().ok()).map_or(0, u64::from_be_bytes)
}

/// A range of messages that were deleted from a folder for good, or moved away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeletedRange {
    pub replica: ReplId,
    pub first: GlobalCounter,
    pub last: GlobalCounter,
}

/// What was ever deleted from a folder, as ranges of ids in their order.
pub fn deleted(mailbox: &Mailbox, folder: FolderId) -> Result<Vec<DeletedRange>> {
    let prefix = mailbox.key(Kind::Deleted, &[&keys::fid(folder)]);
    let mut ranges = Vec::new();
    mailbox.reader().visit(
        Space::Mailbox,
        &KeyRange::prefix(prefix),
        Direction::Forward,
        &mut |key, value| {
            ranges.extend(deleted_range(key, value));
            std::ops::ControlFlow::Continue(())
        },
    )?;
    Ok(ranges)
}

fn deleted_range(key: &[u8], value: &[u8]) -> Option<DeletedRange> {
    let (replica, first) = keys::tail_id(key)?;
    let last: [u8; 8] = value.try_into().ok()?;
    Some(DeletedRange { replica, first, last: GlobalCounter::new(u64::from_be_bytes(last)) })
}

/// Adds messages to a folder's set of deleted ones; ranges that touch become one.
pub(crate) fn add_deleted(tx: &mut Tx<'_>, folder: FolderId, ids: &[MessageId]) -> Result<()> {
    let mut numbers: Vec<u64> =
        ids.iter().map(|id| keys::id_number(id.replica, id.counter)).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut at = 0;
    while at < numbers.len() {
        let mut end = at;
        while end + 1 < numbers.len() && numbers[end + 1] == numbers[end] + 1 {
            end += 1;
        }
        add_deleted_range(tx, folder, numbers[at], numbers[end])?;
        at = end + 1;
    }
    Ok(())
}

/// `first` and `last` are ids as numbers. Ranges of one call do not touch each other, so what this batch
/// wrote before need not be read again.
fn add_deleted_range(tx: &mut Tx<'_>, folder: FolderId, first: u64, last: u64) -> Result<()> {
    let key_of = |tx: &Tx<'_>, number: u64| {
        tx.mailbox.key(Kind::Deleted, &[&keys::fid(folder), &number.to_be_bytes()])
    };
    let prefix = tx.mailbox.key(Kind::Deleted, &[&keys::fid(folder)]);
    let (mut from, mut to) = (first, last);
    // The range that begins at or before this one, if it reaches it.
    let before = KeyRange { from: prefix.clone(), to: Some(key_of(tx, first.saturating_add(1))) };
    let before = tx.reader().scan(Space::Mailbox, &before, Direction::Reverse, 1)?;
    if let Some((key, value)) = before.first()
        && let Some(range) = deleted_range(key, value)
    {
        let range_first = keys::id_number(range.replica, range.first);
        let range_last = keys::id_number(range.replica, range.last);
        if range_last >= last {
            return Ok(());
        }
        if range_last + 1 >= first {
            from = range_first;
        }
    }
    // The ranges that begin inside this one or directly behind it.
    let behind = KeyRange {
        from: key_of(tx, first.saturating_add(1)),
        to: Some(key_of(tx, last.saturating_add(2))),
    };
    for (key, value) in tx.reader().scan(Space::Mailbox, &behind, Direction::Forward, usize::MAX)? {
        if let Some(range) = deleted_range(&key, &value) {
            to = to.max(keys::id_number(range.replica, range.last));
        }
        tx.delete(key.to_vec());
    }
    let key = key_of(tx, from);
    let last = to & GlobalCounter::MAX;
    tx.put(key, last.to_be_bytes());
    Ok(())
}
