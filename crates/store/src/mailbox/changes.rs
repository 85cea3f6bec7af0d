//! The change log, and what was deleted.

use mapi::{ChangeNumber, FolderId, GlobalCounter, MessageId, ReplId};

use super::writer::Tx;
use crate::engine::{Direction, KeyRange, Reader, Space};
use crate::keys::{self, Kind};
use crate::record;
use crate::record::head::Head;
use crate::record::hot::Hot;
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

/// A range of ids of which a folder holds none any more: messages that were deleted from it or moved away, and ids
/// between them that never were a message's there. A message that is put back under its old id is in the folder all
/// the same: whoever reads ranges asks the folder too.
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

/// How far two ids may be from each other for one range to hold both: each save takes numbers of the same counter.
const FARTHEST: u64 = 1024;

/// Messages that are looked at between two ids before they go into ranges of their own.
const BETWEEN: usize = 16;

/// Adds what the batch takes out of folders to their sets of deleted messages. What lies between two ids and is no
/// message of the folder goes with them, so a folder has about as many ranges as messages at most, whatever was
/// ever deleted from it.
pub(crate) fn write_deleted(tx: &mut Tx<'_>) -> Result<()> {
    for (folder, numbers) in tx.take_deleted() {
        let mut current: Option<Range> = None;
        for number in numbers {
            let range = match current {
                Some(range) if number <= range.last => continue,
                Some(range) if joins(tx, folder, range.last, number)? => {
                    Range { last: number, ..range }
                }
                before => {
                    if let Some(before) = before {
                        put_range(tx, folder, before);
                    }
                    begin_range(tx, folder, number, before)?
                }
            };
            current = Some(swallow(tx, folder, range)?);
        }
        if let Some(range) = current {
            put_range(tx, folder, range);
        }
    }
    Ok(())
}

/// Ids as numbers, both among them.
#[derive(Debug, Clone, Copy)]
struct Range {
    first: u64,
    last: u64,
}

fn range_key(tx: &Tx<'_>, folder: FolderId, first: u64) -> Vec<u8> {
    tx.mailbox.key(Kind::Deleted, &[&keys::fid(folder), &first.to_be_bytes()])
}

fn put_range(tx: &mut Tx<'_>, folder: FolderId, range: Range) {
    let key = range_key(tx, folder, range.first);
    tx.put(key, (range.last & GlobalCounter::MAX).to_be_bytes());
}

/// The first or last stored range that begins between two numbers, both among them.
fn stored(
    tx: &Tx<'_>,
    folder: FolderId,
    from: u64,
    to: u64,
    direction: Direction,
) -> Result<Option<Range>> {
    let keys = KeyRange {
        from: range_key(tx, folder, from),
        to: Some(range_key(tx, folder, to.saturating_add(1))),
    };
    let found = tx.reader().scan(Space::Mailbox, &keys, direction, 1)?;
    let range = found.first().and_then(|(key, value)| deleted_range(key, value));
    Ok(range.map(|range| Range {
        first: keys::id_number(range.replica, range.first),
        last: keys::id_number(range.replica, range.last),
    }))
}

/// A range with a number behind the range that this batch wrote before: the stored one that reaches it, if any.
fn begin_range(tx: &Tx<'_>, folder: FolderId, number: u64, before: Option<Range>) -> Result<Range> {
    let from = before.map_or(0, |before| before.last + 1);
    match stored(tx, folder, from, number, Direction::Reverse)? {
        Some(range) if range.last >= number => Ok(range),
        Some(range) if joins(tx, folder, range.last, number)? => {
            Ok(Range { last: number, ..range })
        }
        _ => Ok(Range { first: number, last: number }),
    }
}

/// Takes the stored ranges in that begin inside of a range, or so close behind it that they join.
fn swallow(tx: &mut Tx<'_>, folder: FolderId, mut range: Range) -> Result<Range> {
    let mut from = range.first + 1;
    loop {
        let to = range.last.saturating_add(1 + FARTHEST);
        let Some(next) = stored(tx, folder, from, to, Direction::Forward)? else {
            return Ok(range);
        };
        if !joins(tx, folder, range.last, next.first)? {
            return Ok(range);
        }
        let key = range_key(tx, folder, next.first);
        tx.delete(key);
        range.last = range.last.max(next.last);
        from = next.first + 1;
    }
}

/// Whether the folder holds nothing between two ids, as far as that is soon said.
fn joins(tx: &Tx<'_>, folder: FolderId, last: u64, next: u64) -> Result<bool> {
    if next <= last.saturating_add(1) {
        return Ok(true);
    }
    let ((replica, _), (next_replica, _)) = (keys::id_parts(last), keys::id_parts(next));
    if replica != next_replica || next - last > FARTHEST {
        return Ok(false);
    }
    let key = |number: u64| tx.mailbox.key(Kind::Hot, &[&number.to_be_bytes()]);
    let holds = |bytes: &[u8]| -> Result<bool> {
        let hot = Hot::read(bytes)?;
        Ok(hot.folder == folder && !hot.contents.is_deleted())
    };
    if next == last + 2 {
        let between = tx.get(&key(last + 1))?;
        return Ok(!between.map_or(Ok(false), |bytes| holds(&bytes))?);
    }
    let between = KeyRange { from: key(last + 1), to: Some(key(next)) };
    let between = tx.reader().scan(Space::Mailbox, &between, Direction::Forward, BETWEEN)?;
    for (_, bytes) in &between {
        if holds(bytes)? {
            return Ok(false);
        }
    }
    Ok(between.len() < BETWEEN)
}
