//! The commands of a client (RFC 9051 6, RFC 3501 6 and the extensions), each as a value.
//!
//! [`parse`] reads one command whose literals have arrived already ([`Framer`](super::frame::Framer) sees to
//! that); [`write`](Command::write) gives the bytes of a command, for tests and oracles. What the grammar allows in
//! many ways comes out in one.

mod fetch;
pub(crate) mod lexer;
mod list;
mod notes;
pub(crate) mod parser;
mod search;
pub(crate) mod set;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use fetch::parse_section_text;
pub use fetch::{BodySection, FetchModifiers, Fetched, Section, SectionText};
pub use list::{List, ListReturn, StatusItem};
pub use parser::{BadCommand, parse};
pub use search::{Key, Program, Return, SortBy, SortKey, ThreadBy};
pub use set::{Number, SequenceSet};

/// A command with its tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagged {
    pub tag: String,
    pub command: Command,
}

/// The name of a mailbox as the client wrote it: in modified UTF-7, or in UTF-8, which [`parse`] cannot know.
/// INBOX in any case is `INBOX`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Name(pub String);

/// A key of ID and its value.
pub type IdPair = (String, Option<String>);

/// Messages are named by UID, or by their number in the selected mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Sequence,
    Uid,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Capability,
    Noop,
    Logout,
    StartTls,
    Login {
        user: Vec<u8>,
        password: Vec<u8>,
    },
    /// With the initial response in its base64, `=` for an empty one (RFC 4959).
    Authenticate {
        mechanism: String,
        initial: Option<String>,
    },
    Enable(Vec<String>),
    /// RFC 2971; None for NIL.
    Id(Option<Vec<IdPair>>),
    Namespace,
    Select {
        name: Name,
        examine: bool,
        condstore: bool,
        qresync: Option<Qresync>,
    },
    /// With the special uses that the client asks for (RFC 6154 3).
    Create {
        name: Name,
        uses: Vec<String>,
    },
    Delete(Name),
    Rename {
        from: Name,
        to: Name,
    },
    Subscribe(Name),
    Unsubscribe(Name),
    List(List),
    Lsub {
        reference: Name,
        pattern: String,
    },
    Status {
        name: Name,
        items: Vec<StatusItem>,
    },
    Append {
        name: Name,
        messages: Vec<Appended>,
    },
    Idle,
    /// Tags of searches that need not be kept up to date any more (RFC 5267 4.3.5).
    CancelUpdate(Vec<String>),
    /// RFC 4978; the mechanism in capitals.
    Compress(String),
    Check,
    Close,
    Unselect,
    /// UID EXPUNGE names messages, EXPUNGE does not.
    Expunge(Option<SequenceSet>),
    Search {
        by: By,
        program: Program,
    },
    Sort {
        by: By,
        order: Vec<SortKey>,
        program: Program,
    },
    Thread {
        by: By,
        algorithm: ThreadBy,
        program: Program,
    },
    Fetch {
        by: By,
        set: SequenceSet,
        items: Vec<Fetched>,
        modifiers: FetchModifiers,
    },
    Store {
        by: By,
        set: SequenceSet,
        unchanged_since: Option<u64>,
        action: StoreAction,
        silent: bool,
        flags: Vec<Flag>,
    },
    Copy {
        by: By,
        set: SequenceSet,
        to: Name,
        moving: bool,
    },
    GetQuota(String),
    GetQuotaRoot(Name),
    /// RFC 4467: URLs and their mechanisms.
    GenUrlAuth(Vec<(String, String)>),
    UrlFetch(Vec<String>),
    ResetKey {
        name: Option<Name>,
        mechanisms: Vec<String>,
    },
    /// RFC 4314.
    GetAcl(Name),
    MyRights(Name),
    ListRights {
        name: Name,
        identifier: String,
    },
    SetAcl {
        name: Name,
        identifier: String,
        change: AclChange,
        rights: String,
    },
    DeleteAcl {
        name: Name,
        identifier: String,
    },
    /// RFC 5464; an empty name is the server. Entries are in lower case.
    GetMetadata {
        name: Name,
        entries: Vec<String>,
        depth: Depth,
        max_size: Option<u32>,
    },
    /// With None for an entry that goes.
    SetMetadata {
        name: Name,
        entries: Vec<(String, Option<Vec<u8>>)>,
    },
}

/// What SETACL does with rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AclChange {
    Set,
    Add,
    Remove,
}

/// Which entries below the named ones GETMETADATA gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Depth {
    #[default]
    Zero,
    One,
    Infinity,
}

/// What a client knows of a mailbox from before (RFC 7162 3.2.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Qresync {
    pub uid_validity: u32,
    pub modseq: u64,
    pub known: Option<SequenceSet>,
    /// Numbers of messages and their UIDs, which help a server that forgot what was expunged. They are not looked
    /// at.
    pub matches: Option<(SequenceSet, SequenceSet)>,
}

/// A message to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    pub flags: Vec<Flag>,
    /// INTERNALDATE, in seconds since 1970.
    pub date: Option<i64>,
    pub bytes: Vec<u8>,
    /// It came as literal8: with UTF-8 in its header (RFC 6855 4), or with bytes that are not text.
    pub binary: bool,
    /// Of what it is to be put together; `bytes` is empty then.
    pub pieces: Vec<Piece>,
}

/// A piece of a message that is put together (RFC 4469 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Text(Vec<u8>),
    Url(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreAction {
    Set,
    Add,
    Remove,
}

/// A flag as it may be stored. `\Recent` cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flag {
    Answered,
    Flagged,
    Deleted,
    Seen,
    Draft,
    /// An atom, as it was written.
    Keyword(String),
}

impl Flag {
    /// Of the word behind the backslash, whatever its case.
    pub(crate) fn system(word: &str) -> Option<Flag> {
        let all = [Flag::Answered, Flag::Flagged, Flag::Deleted, Flag::Seen, Flag::Draft];
        all.into_iter().find(|flag| flag.name()[1..].eq_ignore_ascii_case(word))
    }

    pub fn name(&self) -> &str {
        match self {
            Flag::Answered => "\\Answered",
            Flag::Flagged => "\\Flagged",
            Flag::Deleted => "\\Deleted",
            Flag::Seen => "\\Seen",
            Flag::Draft => "\\Draft",
            Flag::Keyword(word) => word,
        }
    }
}
