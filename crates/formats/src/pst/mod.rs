//! Outlook's data files, .pst ([MS-PST]).
//!
//! [`PstFile::walk`] goes through the folders and hands one message at a time to a [`Visitor`], so that
//! memory does not grow with the file. Every node of the types folder, search folder, message, associated
//! message and attachment is carried or named in the report: the node B-tree tells what there is, folders'
//! tables only the order. A message that no folder's table lists comes in a folder "Recovered".
//!
//! The crate `outlook_pst` opens the file and decodes its pages and blocks; see [`ndb`] and [`heap`] for
//! what is read here and why. A password is not needed: it is a hash that asks a program to refuse.
//!
//! A file belongs to one thread.

use std::io::{Read, Seek};
use std::ops::ControlFlow;

use mapi::{MessageContent, PropertyBag};

pub(crate) mod criteria;
mod folders;
mod heap;
mod message;
mod ndb;
mod object;

pub use criteria::Criteria;
pub use folders::PstFile;
pub use ndb::NodeId;

/// How deep messages in messages are followed.
pub const MAX_NESTING: usize = 32;
/// Folders deeper than this below the root are carried as children of "Recovered".
pub const MAX_FOLDER_DEPTH: usize = 128;

/// Why a file cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum PstError {
    #[error("the file cannot be read: {0}")]
    Io(#[from] std::io::Error),
    #[error("not a PST file")]
    NotPst,
    #[error("an OST or PAB file; only PST files are read")]
    OtherClient,
    #[error("a file of version {0}; versions 14, 15 (ANSI) and 23 (Unicode) are read")]
    Version(u16),
    #[error("the header is damaged: {0}")]
    Header(String),
}

/// How much of one message is held in memory. What is larger is refused by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one value, such as an attachment.
    pub value: u64,
    /// Bytes of all values of a message.
    pub message: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { value: 512 << 20, message: 1 << 30 }
    }
}

/// Whether the bytes begin like a PST, OST or PAB file ([MS-PST] 2.2.2.6 dwMagic, wMagicClient).
pub fn has_signature(bytes: &[u8]) -> bool {
    bytes.starts_with(b"!BDN") && bytes.get(8) == Some(&b'S')
}

/// Opens a PST for reading; nothing is ever written.
///
/// ```no_run
/// use std::ops::ControlFlow;
/// use formats::pst::{self, Folder, Item, Visitor};
///
/// struct Print;
///
/// impl Visitor for Print {
///     fn folder(&mut self, folder: &Folder) -> ControlFlow<()> {
///         println!("{}", folder.path.join("/"));
///         ControlFlow::Continue(())
///     }
///     fn message(&mut self, _folder: &Folder, item: Item) -> ControlFlow<()> {
///         println!("  {:?}", item.content.properties.text(mapi::generated::tags::SUBJECT));
///         ControlFlow::Continue(())
///     }
/// }
///
/// let file = pst::open(std::fs::File::open("archive.pst")?)?;
/// let report = file.walk(&mut Print);
/// println!("{} messages, {} refusals", report.messages, report.refused.len());
/// # Ok::<(), pst::PstError>(())
/// ```
///
/// # Errors
/// If the header does not say where the nodes and blocks are.
pub fn open<R: Read + Seek + 'static>(reader: R) -> Result<PstFile, PstError> {
    PstFile::open(reader, Limits::default())
}

/// Takes in what a walk finds: a folder before what is in it.
pub trait Visitor {
    /// Whether the message is to be read; one that is not (since it was carried before) counts as carried.
    fn wants(&mut self, _id: NodeId, _associated: bool) -> bool {
        true
    }

    /// Break ends the walk.
    fn folder(&mut self, folder: &Folder) -> ControlFlow<()>;

    /// Break ends the walk.
    fn message(&mut self, folder: &Folder, item: Item) -> ControlFlow<()>;
}

/// A folder, with its place in the tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Folder {
    pub id: NodeId,
    /// None for the root and for "Recovered".
    pub parent: Option<NodeId>,
    /// Names from the root's children down to this folder; empty for the root.
    pub path: Vec<String>,
    /// PidTagDisplayName, or something to call the folder by.
    pub name: String,
    /// PidTagContainerClass.
    pub class: Option<String>,
    pub kind: FolderKind,
    pub role: Option<Role>,
    pub properties: PropertyBag,
    /// What a search folder looks for; None if that was never said, or of another folder. An error says what of
    /// it cannot be read.
    pub criteria: Result<Option<Criteria>, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderKind {
    Normal,
    /// Its contents are links to messages of other folders, which are not visited again.
    Search,
    /// Made here for messages and folders that hang nowhere.
    Recovered,
}

/// What a folder is to its store ([MS-PST] 2.4.3; [MS-OXOSFLD] 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    Root,
    /// The top of what a user sees.
    IpmSubtree,
    Inbox,
    Outbox,
    SentItems,
    DeletedItems,
    Drafts,
    Calendar,
    Contacts,
    Tasks,
    Notes,
    Journal,
    /// Where search folders are.
    Finder,
    Views,
    CommonViews,
}

/// A message of a folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Stays the same as long as the file lives: a key to resume by.
    pub id: NodeId,
    /// Whether it is folder associated information.
    pub associated: bool,
    pub content: MessageContent,
}

#[cfg(test)]
mod tests;
