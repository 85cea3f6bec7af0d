//! LIST with its selection and return options (RFC 9051 6.3.9, RFC 5258, RFC 5819, RFC 6154), and STATUS.

use super::Name;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct List {
    /// Selection options: SUBSCRIBED, REMOTE, RECURSIVEMATCH, SPECIAL-USE.
    pub subscribed: bool,
    pub remote: bool,
    pub recursive: bool,
    pub special_use: bool,
    pub reference: Name,
    /// More than one only in the extended form.
    pub patterns: Vec<String>,
    /// Whether it is written in the extended form: an empty pattern does not ask for the delimiter then.
    pub extended: bool,
    pub returned: ListReturn,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListReturn {
    pub subscribed: bool,
    pub children: bool,
    pub special_use: bool,
    /// RFC 8440.
    pub my_rights: bool,
    pub status: Option<Vec<StatusItem>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusItem {
    Messages,
    Recent,
    UidNext,
    UidValidity,
    Unseen,
    Deleted,
    Size,
    HighestModSeq,
    AppendLimit,
    MailboxId,
    DeletedStorage,
}

impl StatusItem {
    pub(crate) const ALL: [(StatusItem, &'static str); 11] = [
        (StatusItem::Messages, "MESSAGES"),
        (StatusItem::Recent, "RECENT"),
        (StatusItem::UidNext, "UIDNEXT"),
        (StatusItem::UidValidity, "UIDVALIDITY"),
        (StatusItem::Unseen, "UNSEEN"),
        (StatusItem::Deleted, "DELETED"),
        (StatusItem::Size, "SIZE"),
        (StatusItem::HighestModSeq, "HIGHESTMODSEQ"),
        (StatusItem::AppendLimit, "APPENDLIMIT"),
        (StatusItem::MailboxId, "MAILBOXID"),
        (StatusItem::DeletedStorage, "DELETED-STORAGE"),
    ];

    pub fn name(self) -> &'static str {
        let known = StatusItem::ALL.iter().find(|(item, _)| *item == self);
        known.map_or("", |(_, name)| name)
    }
}
