//! Messages: opening, saving, importing, deleting, moving, and what is computed about them.

use mapi::{ChangeNumber, FileTime, FolderId, MessageContent, MessageId, PropertyTag};

use crate::value::{Properties, Value};
use crate::{Mailbox, Result, StoreError};

/// How deep messages may be embedded in messages.
pub const MAX_EMBEDDING: usize = 32;

/// A message in the hands of one client: what is saved plus what the client changed since. It belongs to
/// its owner; nothing is visible to others before [`save`].
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// NONE before the first save, and in an embedded message.
    pub id: MessageId,
    /// NONE in an embedded message.
    pub folder: FolderId,
    pub associated: bool,
    pub soft_deleted: bool,
    /// The change on which the edits stand; NONE before the first save.
    pub base: ChangeNumber,
    /// PidTagMessageFlags as they are saved, without those that are computed.
    pub flags: u32,
    /// PidTagMessageStatus.
    pub status: u32,
    pub read: bool,
    /// The IMAP UID, 0 before the first save.
    pub uid: u32,
    /// MODSEQ: the sequence of the message's newest change.
    pub sequence: u64,
    /// Bytes as of the last save (PidTagMessageSize).
    pub size: u64,
    pub body: MessageBody,
}

/// What a message consists of. An embedded message is just this.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MessageBody {
    pub properties: Properties,
    pub recipients: Vec<Recipient>,
    /// By number.
    pub attachments: Vec<Attachment>,
    /// The number of the next attachment; numbers are not reused while the message lives.
    pub next_attachment: u32,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Recipient {
    /// PidTagRowid.
    pub row: u32,
    pub properties: Properties,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Attachment {
    /// PidTagAttachNumber.
    pub number: u32,
    /// The data of a file or OLE object stands here as PidTagAttachDataBinary / PidTagAttachDataObject.
    pub properties: Properties,
    pub embedded: Option<Box<MessageBody>>,
}

impl Message {
    /// A new message in a folder, with the properties of a fresh one ([MS-OXCMSG] 3.2.5.2).
    pub fn new(mailbox: &Mailbox, folder: FolderId, associated: bool) -> Message {
        let _ = mailbox;
        Message {
            id: MessageId::NONE,
            folder,
            associated,
            soft_deleted: false,
            base: ChangeNumber::NONE,
            flags: 0,
            status: 0,
            read: false,
            uid: 0,
            sequence: 0,
            size: 0,
            body: MessageBody::default(),
        }
    }

    /// An embedded message as a client sees it: a message without folder and id.
    pub fn embedded(body: MessageBody) -> Message {
        Message {
            id: MessageId::NONE,
            folder: FolderId::NONE,
            associated: false,
            soft_deleted: false,
            base: ChangeNumber::NONE,
            flags: 0,
            status: 0,
            read: true,
            uid: 0,
            sequence: 0,
            size: 0,
            body,
        }
    }
}

/// How a save deals with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SaveOptions {
    /// Overwrite what somebody else saved since (ForceSave, [MS-OXCMSG] 2.2.3.3.1).
    pub force: bool,
}

/// What a save did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saved {
    pub id: MessageId,
    pub change: ChangeNumber,
    pub uid: u32,
}

/// Reads a message.
///
/// Errors: [`StoreError::NotFound`]; a soft-deleted message opens, and says so.
pub fn open(_mailbox: &Mailbox, _id: MessageId) -> Result<Message> {
    Err(StoreError::NotImplemented("message::open"))
}

/// Makes the message's state durable, then returns. On success `message` stands on the new change.
///
/// Errors: [`StoreError::ObjectModified`] if another saved it since `message.base`;
/// [`StoreError::ObjectDeleted`]; [`StoreError::TooBig`].
pub fn save(_mailbox: &Mailbox, _message: &mut Message, _options: SaveOptions) -> Result<Saved> {
    Err(StoreError::NotImplemented("message::save"))
}

/// The value of a property, stored or computed; None where there is none.
pub fn get(_mailbox: &Mailbox, _message: &Message, _tag: PropertyTag) -> Result<Option<Value>> {
    Err(StoreError::NotImplemented("message::get"))
}

/// Every property that the message has, computed ones included.
pub fn tags(_mailbox: &Mailbox, _message: &Message) -> Result<Vec<PropertyTag>> {
    Err(StoreError::NotImplemented("message::tags"))
}

/// Whether clients may not set or delete the property of a message, since it is computed.
pub fn is_computed(_tag: PropertyTag) -> bool {
    false
}

/// How a whole message is taken in.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// The same key in the same mailbox imports once; running an import again makes no doubles.
    pub key: Option<Vec<u8>>,
    pub associated: bool,
    /// The read state; else what PidTagMessageFlags says.
    pub read: Option<bool>,
    /// PidTagCreationTime, PidTagLastModificationTime and PidTagSearchKey are kept if they are there.
    pub received: Option<FileTime>,
}

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    pub id: MessageId,
    pub uid: u32,
    /// The key was imported before; nothing was written.
    pub existed: bool,
}

/// Takes a message in; it is durable when this returns. Named properties are mapped, large values become
/// blobs, the original MIME is kept.
pub fn import(
    _mailbox: &Mailbox,
    _folder: FolderId,
    _content: MessageContent,
    _options: &ImportOptions,
) -> Result<Imported> {
    Err(StoreError::NotImplemented("message::import"))
}

/// A whole message as a value, with names instead of local ids.
pub fn export(_mailbox: &Mailbox, _id: MessageId) -> Result<MessageContent> {
    Err(StoreError::NotImplemented("message::export"))
}

/// The Internet message as it was received, if it was.
pub fn mime(_mailbox: &Mailbox, _id: MessageId) -> Result<Option<Vec<u8>>> {
    Err(StoreError::NotImplemented("message::mime"))
}

/// Sets or clears the read flag with a read change of its own; returns whether it changed.
pub fn set_read(_mailbox: &Mailbox, _id: MessageId, _read: bool) -> Result<bool> {
    Err(StoreError::NotImplemented("message::set_read"))
}

/// Sets the masked bits of PidTagMessageStatus; returns the status before ([MS-OXCMSG] 2.2.3.8).
pub fn set_status(_mailbox: &Mailbox, _id: MessageId, _status: u32, _mask: u32) -> Result<u32> {
    Err(StoreError::NotImplemented("message::set_status"))
}

/// Deletes messages of a folder. Returns how many could not be (not there any more, or in another
/// folder); the others are deleted.
pub fn delete(
    _mailbox: &Mailbox,
    _folder: FolderId,
    _ids: &[MessageId],
    _hard: bool,
) -> Result<usize> {
    Err(StoreError::NotImplemented("message::delete"))
}

/// Moves messages to a folder of the same or another mailbox, each under a new id. Returns the new ids,
/// None for those that could not be moved.
pub fn move_to(
    _source: &Mailbox,
    _folder: FolderId,
    _ids: &[MessageId],
    _target: &Mailbox,
    _target_folder: FolderId,
) -> Result<Vec<Option<MessageId>>> {
    Err(StoreError::NotImplemented("message::move_to"))
}

/// Copies messages. Returns the copies, None for those that could not be copied.
pub fn copy_to(
    _source: &Mailbox,
    _folder: FolderId,
    _ids: &[MessageId],
    _target: &Mailbox,
    _target_folder: FolderId,
) -> Result<Vec<Option<MessageId>>> {
    Err(StoreError::NotImplemented("message::copy_to"))
}
