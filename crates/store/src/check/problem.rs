//! What can be wrong with a data directory: one table of kinds, and a problem that was found.

use mapi::{FolderId, MessageId};

use crate::MailboxNumber;
use crate::engine::Space;

/// How much a problem matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something is left over. It takes room and nobody sees it.
    Leftover,
    /// A counter, an index or another thing that can be made again from what it was made of.
    Derived,
    /// Something that was saved, or what it needs to be found, cannot be read or makes no sense.
    Data,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Severity::Leftover => "leftover",
            Severity::Derived => "derived",
            Severity::Data => "data",
        }
    }
}

macro_rules! kinds {
    ($($name:ident, $code:literal, $severity:ident, $words:literal, $repair:literal;)*) => {
        /// A kind of problem.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum What {
            $(#[doc = $words] $name,)*
        }

        impl What {
            pub const ALL: &[What] = &[$(What::$name,)*];

            /// The name in lists and in JSON.
            pub fn code(self) -> &'static str {
                match self { $(What::$name => $code,)* }
            }

            pub fn severity(self) -> Severity {
                match self { $(What::$name => Severity::$severity,)* }
            }

            /// What is wrong.
            pub fn words(self) -> &'static str {
                match self { $(What::$name => $words,)* }
            }

            /// What a repair does about it.
            pub fn repair(self) -> &'static str {
                match self { $(What::$name => $repair,)* }
            }
        }
    };
}

kinds! {
    UnknownRecord, "unknown-record", Leftover, "a key of a kind that this version does not know",
        "left alone";
    BadKey, "bad-key", Derived, "a key that has not the form of its kind", "removed";
    Unreadable, "unreadable", Data, "a part of a table of the engine cannot be read",
        "what it held is treated as missing; see the other problems";
    Info, "info", Data, "the record with the mailbox's identity is missing or damaged",
        "made again from the account and from entry ids that folders hold";
    Head, "head", Data, "the record with the mailbox's last numbers is missing or damaged",
        "made again beyond every number in use";
    HeadBehind, "head-behind", Data, "the mailbox's last number or sequence is behind one in use",
        "raised";
    NumberAhead, "number-ahead", Data, "a change number or sequence far beyond the mailbox's last one",
        "the object gets a new one";
    Name, "name", Data, "the name of a named property is missing or damaged",
        "gets a made-up name, so that all other names keep their ids";
    DoubleName, "double-name", Data, "two named properties have the same name", "left alone";
    Replica, "replica", Data, "the GUID of a replica is missing or damaged", "gets a new GUID";
    StoreProperties, "store-properties", Data, "the properties of the store object are damaged",
        "what can be read is kept";
    Settings, "settings", Data, "what is set for the mailbox (quotas, retention) is damaged",
        "removed, so that the server's defaults hold";
    Receive, "receive-folder", Derived, "an entry of the receive folder table is damaged or leads to no folder",
        "points to the Inbox, or is removed";
    SpecialFolder, "special-folder", Data, "a folder that every mailbox has is missing", "made again";
    Folder, "folder", Data, "the record of a folder is missing or damaged",
        "made again from what names it and what it holds; a name that is lost is made up";
    FolderProperties, "folder-properties", Data, "the properties of a folder are missing or damaged",
        "what can be read is kept";
    Permissions, "permissions", Data, "the permissions of a folder are damaged, or of no folder",
        "removed: the folder is its owner's alone; nobody gets rights by a repair";
    Rule, "rule", Data, "a rule of a folder, or whom it answered, is damaged or of no folder",
        "removed: what cannot be read is not run";
    PerUser, "per-user", Data, "what a client keeps of a public folder is damaged",
        "removed: the client keeps it anew";
    ReadState, "read-state", Data, "what a user has read in a public folder is damaged, or of no folder or account",
        "removed: to him the messages are unread";
    OrphanFolder, "orphan-folder", Data, "a folder whose parent does not exist",
        "put under \"Lost and found\"";
    FolderCycle, "folder-cycle", Data, "folders that contain each other",
        "one of them is put under \"Lost and found\"";
    ChildName, "child-name", Derived, "a folder that is not listed under its parent",
        "listed again, under another name if its own is taken";
    ChildEntry, "child-entry", Derived, "an entry in a folder's list of subfolders that leads nowhere or to another folder",
        "removed";
    Counters, "counters", Derived, "the counters of a folder are not what it holds", "counted again";
    Sizes, "sizes", Derived, "the mailbox's size is not that of its folders", "added up again";
    UidNext, "uid-next", Data, "a folder would give an IMAP UID a second time", "raised";
    DoubleUid, "double-uid", Data, "two messages of a folder have the same IMAP UID",
        "the later one gets a new one";
    FolderState, "folder-state", Data, "a folder that is deleted, or there, while the one above it is not",
        "follows the one above it";
    StrayDetached, "stray-detached", Leftover, "a deleted folder that no job removes",
        "removed if it is empty, else put under \"Lost and found\"";
    Hot, "hot", Data, "the record with a message's folder and state is missing or damaged",
        "made again from the summary, or the message is put under \"Lost and found\"";
    Node, "node", Data, "the properties of a message or attachment are missing or damaged",
        "what can be read is kept; what is lost is named";
    OrphanMessage, "orphan-message", Data, "a message whose folder does not exist",
        "put under \"Lost and found\"";
    Size, "size", Data, "the size of a message is not that of its properties: one may be missing",
        "computed again";
    Summary, "summary", Derived, "the summary of a message is missing, damaged or says something else",
        "made again";
    StraySummary, "stray-summary", Derived, "a folder lists a message that it does not hold", "removed";
    SearchCriteria, "search-criteria", Data, "what a search folder looks for cannot be read, or is that of no search folder",
        "removed; the folder shows nothing until it gets new criteria";
    SearchLinks, "search-links", Derived, "a search folder does not show what it looks for",
        "filled again";
    TextIndex, "text-index", Derived, "the full-text index cannot be read, or says something else than the messages",
        "made again";
    DeletedEntry, "deleted-entry", Derived, "something soft-deleted that is not found where it was, or by its time",
        "written again";
    StrayDeleted, "stray-deleted", Derived, "an entry of something that was not soft-deleted then",
        "removed";
    State, "state", Data, "the state of a message makes no sense", "set right";
    Unqueued, "unqueued", Data, "a message is marked as submitted, and nothing is going to send it",
        "unsent again: its sender may send it once more";
    UnknownId, "unknown-id", Data, "a property id or replica in use that the mailbox does not know",
        "gets a made-up name or GUID";
    Mime, "mime", Data, "the original Internet message does not fit its message", "dropped";
    Value, "value", Data, "the content of a large value is missing or damaged",
        "the property is dropped, the rest of the message is kept";
    Marker, "marker", Derived, "a large value without its marker, so that a collector would remove it",
        "written again";
    StrayMarker, "stray-marker", Leftover, "a marker of a large value that nothing refers to", "removed";
    SourceKey, "source-key", Derived, "an entry of the index of source keys is missing or wrong",
        "written again, or removed";
    ImportKey, "import-key", Derived, "an entry of the index of import keys is damaged",
        "removed; importing its file again brings that message a second time";
    Log, "log", Derived, "an entry of the change log is missing or damaged",
        "older entries are removed; clients that synchronise compare whole folders once";
    Deleted, "deleted", Data, "a set of deleted messages is damaged or out of order",
        "what can be read is kept and put in order";
    Blob, "blob", Data, "a chunk or manifest of large values is damaged or incomplete",
        "removed once nothing refers to it, so that the same content can be stored again";
    Condemned, "condemned", Leftover, "a collector's mark on a large value that is not there", "removed";
    Account, "account", Data, "the record of an account is missing or damaged",
        "made again from the directory's indices, disabled";
    AccountIndex, "account-index", Derived, "an entry by which an account is found is missing or wrong",
        "written again, or removed";
    Credential, "credential", Data, "a credential is damaged or belongs to no account",
        "removed; set a new password with `coffer user passwd`";
    Grant, "grant", Derived, "a grant is damaged, one-sided, or for an account or mailbox that does not exist",
        "removed: nobody gets rights by a repair";
    Numbers, "numbers", Data, "the directory's last account or mailbox number is missing or behind one in use",
        "raised";
    Site, "site", Data, "the record with the organisation's name is missing or damaged",
        "made again from an account's legacy DN";
    Lease, "lease", Data, "the lease of a mailbox is damaged", "removed; it is taken anew";
    MissingMailbox, "missing-mailbox", Data, "an account whose mailbox does not exist",
        "left alone: restore it from a backup, or remove the account";
    StrayMailbox, "stray-mailbox", Data, "a mailbox that belongs to no account and that no job removes",
        "left alone";
    Job, "job", Leftover, "a job that refers to nothing, or to what must not be removed", "removed";
    Letter, "letter", Data, "the bytes of a message to other domains are damaged, or a collector would remove them",
        "kept from the collector; taken out of the queue if they are lost";
    Event, "event", Leftover, "an event of message tracking is damaged", "removed";
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    pub what: What,
    /// None for what belongs to no mailbox.
    pub mailbox: Option<MailboxNumber>,
    pub folder: Option<FolderId>,
    pub message: Option<MessageId>,
    /// The message's subject, if it can be read.
    pub subject: Option<String>,
    /// What exactly was expected and found.
    pub detail: String,
    /// The record that shows it.
    pub record: Option<(Space, Vec<u8>)>,
    /// A repair mended it.
    pub repaired: bool,
    /// What is lost for good, or would be by a repair that was not asked for; empty if nothing is.
    pub lost: String,
    /// Why a repair could not mend it, if one was tried.
    pub left: Option<String>,
}

impl Problem {
    pub(crate) fn new(what: What, detail: impl Into<String>) -> Problem {
        Problem {
            what,
            mailbox: None,
            folder: None,
            message: None,
            subject: None,
            detail: detail.into(),
            record: None,
            repaired: false,
            lost: String::new(),
            left: None,
        }
    }

    pub(crate) fn folder(mut self, folder: FolderId) -> Problem {
        self.folder = Some(folder);
        self
    }

    pub(crate) fn message(mut self, message: MessageId) -> Problem {
        self.message = Some(message);
        self
    }

    pub(crate) fn record(mut self, space: Space, key: &[u8]) -> Problem {
        self.record = Some((space, key.to_vec()));
        self
    }

    pub fn severity(&self) -> Severity {
        self.what.severity()
    }

    /// By which two looks know that they found the same thing.
    pub(crate) fn name(&self) -> Name {
        (self.what, self.mailbox, self.folder, self.message, self.record.clone())
    }
}

/// What a problem is about, without words.
pub(crate) type Name =
    (What, Option<MailboxNumber>, Option<FolderId>, Option<MessageId>, Option<(Space, Vec<u8>)>);

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(mailbox) = self.mailbox {
            write!(f, "mailbox {}: ", mailbox.0)?;
        }
        if let Some(folder) = self.folder {
            write!(f, "folder {folder}: ")?;
        }
        if let Some(message) = self.message {
            write!(f, "message {message}: ")?;
        }
        write!(f, "{}: {}", self.what.code(), self.what.words())?;
        if !self.detail.is_empty() {
            write!(f, " ({})", self.detail)?;
        }
        if let Some((space, key)) = &self.record {
            write!(f, " [{} ", space.name())?;
            key.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
            write!(f, "]")?;
        }
        Ok(())
    }
}
