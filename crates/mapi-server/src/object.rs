//! The Server objects ([MS-OXCROPS] 1.3.1): what a handle stands for.

use std::sync::Arc;

use mapi::{FolderId, Guid, LongTermId, MessageId, PropertyTag, Restriction, SortOrderSet};
use mapi_rop::parts::Columns;
use store::message::MessageBody;
use store::table::{RowKey, View};
use store::{Mailbox, Properties, StagedValue, Staging, Value};

use crate::bookmark::Bookmarks;
use crate::ledger::Entry;
use crate::lock::LockRecord;
use crate::notify::{Feed, Subscription, TableNotices};
use crate::operation::Operation;
use crate::region::RegionLock;

/// A node of the owner tree. Each variant holds its line in the ledger.
pub enum Object {
    Logon(Box<Logon>),
    Folder(Folder),
    Message(Box<Message>),
    Attachment(Box<Attachment>),
    Table(Box<Table>),
    Stream(Box<Stream>),
    Subscription(Box<Subscription>),
}

impl Object {
    pub fn entry(&self) -> &Entry {
        match self {
            Object::Logon(logon) => &logon.entry,
            Object::Folder(folder) => &folder.entry,
            Object::Message(message) => &message.entry,
            Object::Attachment(attachment) => &attachment.entry,
            Object::Table(table) => &table.entry,
            Object::Stream(stream) => &stream.entry,
            Object::Subscription(subscription) => &subscription.entry,
        }
    }
}

/// Bytes that an open object is counted with before it holds anything of size.
pub const BASE_BYTES: u64 = 256;

impl Object {
    /// Bytes of memory that it holds for its edits, if it has such.
    pub fn held(&self) -> Option<u64> {
        match self {
            Object::Message(message) => Some(BASE_BYTES + body_bytes(&message.edit.body)),
            Object::Attachment(attachment) => Some(BASE_BYTES + attachment_bytes(&attachment.edit)),
            Object::Logon(_)
            | Object::Folder(_)
            | Object::Table(_)
            | Object::Stream(_)
            | Object::Subscription(_) => None,
        }
    }
}

fn body_bytes(body: &MessageBody) -> u64 {
    let recipients = body.recipients.iter().map(|r| 32 + property_bytes(&r.properties));
    property_bytes(&body.properties)
        + recipients.sum::<u64>()
        + body.attachments.iter().map(attachment_bytes).sum::<u64>()
}

fn attachment_bytes(attachment: &store::message::Attachment) -> u64 {
    let embedded = attachment.embedded.as_deref().map_or(0, body_bytes);
    64 + property_bytes(&attachment.properties) + embedded
}

/// Large values are elsewhere: on disk, or staged and counted there.
fn property_bytes(properties: &Properties) -> u64 {
    let bytes = |(_, value): (u16, &Value)| match value {
        Value::Inline(_) => 48 + value.size(),
        Value::Large(_) => 96,
    };
    properties.iter().map(bytes).sum()
}

/// An open store.
pub struct Logon {
    pub mailbox: Arc<Mailbox>,
    /// Who logged on, as far as rights in the mailbox go.
    pub user: store::permission::User,
    /// Where streams of this logon keep what is not saved.
    pub staging: Staging,
    /// Read state of a public folder that goes over in several calls.
    pub per_user: Option<PerUserTransfer>,
    pub lock: LockRecord,
    /// Its client sends messages itself (RopSetSpooler).
    pub spooler: bool,
    /// Its client takes RopProgress as an answer to RopSetReadFlags (MS-OXCSTOR R1059).
    pub supports_progress: bool,
    /// What a ROP began and has not done yet.
    pub operation: Option<Box<Operation>>,
    /// What is to be told of the mailbox; None before something asked for it.
    pub feed: Option<Box<Feed>>,
    pub entry: Entry,
}

/// What came or went of a set of read messages until now ([MS-OXCSTOR] 2.2.1.12, 2.2.1.13).
pub enum PerUserTransfer {
    /// The whole set.
    Reading {
        folder: LongTermId,
        data: Vec<u8>,
    },
    Writing {
        folder: LongTermId,
        database: Guid,
        data: Vec<u8>,
    },
}

impl PerUserTransfer {
    pub fn data(&self) -> &[u8] {
        match self {
            PerUserTransfer::Reading { data, .. } | PerUserTransfer::Writing { data, .. } => data,
        }
    }
}

/// An open folder. Its content is read anew by every ROP.
pub struct Folder {
    pub id: FolderId,
    pub entry: Entry,
}

/// What may be done with a message or an attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    ReadOnly,
    ReadWrite,
}

/// An open message with its uncommitted changes; an embedded message if an attachment owns it.
pub struct Message {
    pub edit: store::message::Message,
    pub access: Access,
    /// There are changes that no save has taken.
    pub dirty: bool,
    /// Of 8-bit strings, if it is not that of the logon ([MS-OXCPRPT] 3.2.5.1 R461).
    pub code_page: u32,
    /// The id of an embedded message; None for a message of a folder, whose id stands in `edit`.
    pub embedded: Option<MessageId>,
    pub entry: Entry,
}

/// An open attachment with the changes that its message does not have yet.
pub struct Attachment {
    pub edit: store::message::Attachment,
    pub access: Access,
    pub dirty: bool,
    /// The message has it, or had it: what it has no more is not saved into it again.
    pub known: bool,
    pub entry: Entry,
}

/// A stream on one property.
pub struct Stream {
    pub tag: PropertyTag,
    pub data: StreamData,
    /// The seek pointer, in bytes.
    pub position: u64,
    /// Written since the property was set.
    pub dirty: bool,
    /// Regions that this stream locked.
    pub locks: Vec<RegionLock>,
    pub entry: Entry,
}

pub enum StreamData {
    ReadOnly(Value),
    Writable(StagedValue),
    /// A clone: the bytes are those of the stream that owns this one.
    OfOwner,
}

/// What a table shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableKind {
    Contents,
    Hierarchy,
    /// Of the message that owns the table.
    Attachments,
    /// The permissions list of a folder, with free/busy rights or without.
    Permissions {
        folder: FolderId,
        free_busy: bool,
    },
    /// The standard rules of a folder.
    Rules {
        folder: FolderId,
    },
}

/// A table: its columns, its cursor, and the view that it looks at.
pub struct Table {
    pub kind: TableKind,
    /// None for what is no query: attachments stand in the message, permissions in their list.
    pub source: Option<TableSource>,
    /// None until RopSetColumns succeeds ([MS-OXCTABL] 3.2.5.2 R428).
    pub columns: Option<Columns>,
    pub cursor: Cursor,
    pub bookmarks: Bookmarks,
    /// Steps of the last kind that failed: there are no rows until one of the kind succeeds, or the table is
    /// reset (MS-OXCTABL R443, R456, R559).
    pub failed: FailedSteps,
    /// What is told of its rows.
    pub notices: TableNotices,
    /// Bytes of memory that the restriction takes.
    pub restriction_bytes: u64,
    /// Strings of PtypUnspecified columns and of QueryColumnsAll are Unicode.
    pub unicode: bool,
    pub entry: Entry,
}

/// Which of the steps that make a table's rows failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FailedSteps {
    pub sort: bool,
    pub restrict: bool,
}

/// The query behind a table of folders or messages.
pub struct TableSource {
    pub folder: FolderId,
    pub rows: store::table::QueryRows,
    pub sort: SortOrderSet,
    pub restriction: Option<Restriction>,
    /// What rows have to fulfil beside for the user to see them.
    pub guard: Option<Restriction>,
    pub view: Arc<View>,
}

/// Where a table stands. It names a row and not a position, so that rows that come and go before it do
/// not move it.
#[derive(Debug, Clone, PartialEq)]
pub enum Cursor {
    Beginning,
    Row(RowKey),
    /// An attachment's number.
    Attachment(u32),
    /// A position in a list.
    At(usize),
    End,
}
