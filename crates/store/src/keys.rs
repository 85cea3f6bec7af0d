//! The keys of a mailbox. Each begins with the mailbox's number (eight bytes, big-endian) and a kind.
//!
//! INVARIANT: ids stand as [`id_bytes`], so keys of one kind sort by replica, then by counter.

use mapi::{FileTime, FolderId, GlobalCounter, MessageId, ReplId};

use crate::MailboxNumber;

/// The byte behind the mailbox's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// The counter and the log's sequence: one record, in every batch.
    Head = 0x01,
    /// GUIDs and dates that never change.
    Info = 0x02,
    /// Replica number -> GUID.
    Replica = 0x03,
    /// Property id -> name.
    Name = 0x04,
    /// Properties of the store object, in parts.
    StoreProperties = 0x05,
    /// Message class -> receive folder.
    Receive = 0x06,
    /// Quotas and retention, where they are not the server's.
    Settings = 0x07,
    Folder = 0x10,
    /// Properties of a folder, in parts.
    FolderProperties = 0x11,
    /// (parent, hash of the folded name) -> folder.
    Child = 0x12,
    /// (parent, folder) of a soft-deleted folder, whose name is free for others.
    DeletedChild = 0x13,
    /// (time, folder) of a soft-deleted folder -> the folder it was in.
    DeletedFolder = 0x14,
    /// A folder's permissions list, where somebody changed it.
    Permissions = 0x15,
    /// Search folder -> its criteria.
    Criteria = 0x16,
    /// (search folder, message) -> where the message is, and its summary.
    Link = 0x17,
    /// Tells whether criteria changed.
    SearchStamp = 0x18,
    /// (folder, rule) -> a standard rule.
    Rule = 0x19,
    /// (folder, rule, hash of a sender) -> when the rule answered him.
    Answered = 0x1a,
    /// A message's hot record.
    Hot = 0x20,
    /// (viewing folder, class, message) -> summary.
    Summary = 0x21,
    /// (message, node) -> packed properties, in parts.
    Node = 0x22,
    /// (time, message) of a soft-deleted message -> its folder.
    DeletedMessage = 0x23,
    /// A message -> its size as Internet mail and its header, where they are known.
    Outline = 0x24,
    /// Sequence -> change.
    Log = 0x30,
    /// (folder, replica, first counter) -> last counter of a range of deleted messages.
    Deleted = 0x31,
    /// Hash of a persisted source key -> object.
    SourceKey = 0x40,
    /// Hash of an import key -> message.
    ImportKey = 0x41,
    /// Public folder -> what its user has read in it, in parts.
    PerUser = 0x50,
    /// (folder, mailbox GUID of a user) of the store of public folders -> what he has read in it, in parts.
    Seen = 0x51,
    /// What the full-text index consists of.
    TextState = 0x60,
    /// (part, block) -> messages of a part of the index.
    TextMessages = 0x61,
    /// (part, block) -> words of a part.
    TextWords = 0x62,
    /// (part, block) -> which messages have them.
    TextLists = 0x63,
    /// Part -> messages that are no longer what it says.
    TextDropped = 0x64,
    /// (part, block) -> the lists of the words of a block.
    TextGroups = 0x65,
    /// (part, block) -> which blocks may have a word.
    TextFilters = 0x66,
}

impl Kind {
    /// What the full-text index is made of: all of it can be made again.
    pub(crate) const TEXT: [Kind; 7] = [
        Kind::TextState,
        Kind::TextMessages,
        Kind::TextWords,
        Kind::TextLists,
        Kind::TextDropped,
        Kind::TextGroups,
        Kind::TextFilters,
    ];
}

pub(crate) fn mailbox_prefix(mailbox: MailboxNumber) -> Vec<u8> {
    mailbox.0.to_be_bytes().to_vec()
}

/// A key of one kind with the parts behind it.
pub(crate) fn key(mailbox: MailboxNumber, kind: Kind, parts: &[&[u8]]) -> Vec<u8> {
    let len = 9 + parts.iter().map(|part| part.len()).sum::<usize>();
    let mut key = Vec::with_capacity(len);
    key.extend_from_slice(&mailbox.0.to_be_bytes());
    key.push(kind as u8);
    parts.iter().for_each(|part| key.extend_from_slice(part));
    key
}

/// Replica, then counter, both big-endian.
pub(crate) fn id_bytes(replica: ReplId, counter: GlobalCounter) -> [u8; 8] {
    (u64::from(replica.0) << 48 | counter.get()).to_be_bytes()
}

pub(crate) fn fid(id: FolderId) -> [u8; 8] {
    id_bytes(id.replica, id.counter)
}

pub(crate) fn mid(id: MessageId) -> [u8; 8] {
    id_bytes(id.replica, id.counter)
}

/// An id as a number that sorts like its key.
pub(crate) fn id_number(replica: ReplId, counter: GlobalCounter) -> u64 {
    u64::from(replica.0) << 48 | counter.get()
}

pub(crate) fn id_parts(number: u64) -> (ReplId, GlobalCounter) {
    (ReplId((number >> 48) as u16), GlobalCounter::new(number))
}

/// The last eight bytes of a key as an id.
pub(crate) fn tail_id(key: &[u8]) -> Option<(ReplId, GlobalCounter)> {
    let tail: [u8; 8] = key.get(key.len().checked_sub(8)?..)?.try_into().ok()?;
    Some(id_parts(u64::from_be_bytes(tail)))
}

/// How names are compared within a folder: without regard to case.
pub(crate) fn fold_name(name: &str) -> String {
    name.to_lowercase()
}

pub(crate) fn short_hash(bytes: &[u8]) -> [u8; 16] {
    let hash = blake3::hash(bytes);
    let mut short = [0; 16];
    short.copy_from_slice(&hash.as_bytes()[..16]);
    short
}

pub(crate) fn child(mailbox: MailboxNumber, parent: FolderId, name: &str) -> Vec<u8> {
    key(mailbox, Kind::Child, &[&fid(parent), &short_hash(fold_name(name).as_bytes())])
}

pub(crate) fn folder(mailbox: MailboxNumber, id: FolderId) -> Vec<u8> {
    key(mailbox, Kind::Folder, &[&fid(id)])
}

pub(crate) fn hot(mailbox: MailboxNumber, id: MessageId) -> Vec<u8> {
    key(mailbox, Kind::Hot, &[&mid(id)])
}

pub(crate) fn outline(mailbox: MailboxNumber, id: MessageId) -> Vec<u8> {
    key(mailbox, Kind::Outline, &[&mid(id)])
}

pub(crate) fn summary(
    mailbox: MailboxNumber,
    folder: FolderId,
    class: u8,
    id: MessageId,
) -> Vec<u8> {
    key(mailbox, Kind::Summary, &[&fid(folder), &[class], &mid(id)])
}

pub(crate) fn link(mailbox: MailboxNumber, folder: FolderId, id: MessageId) -> Vec<u8> {
    key(mailbox, Kind::Link, &[&fid(folder), &mid(id)])
}

/// The entry that finds a soft-deleted message by its time.
pub(crate) fn deleted_message(mailbox: MailboxNumber, at: FileTime, id: MessageId) -> Vec<u8> {
    key(mailbox, Kind::DeletedMessage, &[&at.0.to_be_bytes(), &mid(id)])
}

/// The entry that finds a soft-deleted folder by its time.
pub(crate) fn deleted_folder(mailbox: MailboxNumber, at: FileTime, id: FolderId) -> Vec<u8> {
    key(mailbox, Kind::DeletedFolder, &[&at.0.to_be_bytes(), &fid(id)])
}

pub(crate) fn deleted_child(mailbox: MailboxNumber, parent: FolderId, id: FolderId) -> Vec<u8> {
    key(mailbox, Kind::DeletedChild, &[&fid(parent), &fid(id)])
}

/// The time in the key of an entry that finds something soft-deleted.
pub(crate) fn deleted_at(key: &[u8]) -> Option<FileTime> {
    Some(FileTime(u64::from_be_bytes(key.get(9..17)?.try_into().ok()?)))
}

pub(crate) fn log(mailbox: MailboxNumber, sequence: u64) -> Vec<u8> {
    key(mailbox, Kind::Log, &[&sequence.to_be_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_replica_and_counter() {
        let a = mid(MessageId::own(0xffff));
        let b = mid(MessageId::own(0x10000));
        let c = mid(MessageId::new(ReplId(2), GlobalCounter::new(1)));
        assert!(a < b && b < c);
        let key = hot(MailboxNumber(7), MessageId::own(9));
        assert_eq!(tail_id(&key), Some((ReplId(1), GlobalCounter::new(9))));
    }
}
