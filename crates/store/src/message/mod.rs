//! Messages: opening, saving, importing, deleting, moving, and what is computed about them.

use mapi::{ChangeNumber, FolderId, Guid, MessageId, tags};

use crate::record::hot::Hot;
pub use crate::record::mime::Mime;
use crate::record::node;
use crate::value::Properties;
use crate::{Mailbox, Result, StoreError};

mod attached;
pub mod body;
mod computed;
mod copy;
mod delete;
mod find;
pub mod flags;
mod glance;
mod import;
mod listing;
mod marks;
mod open;
mod outline;
mod read;
mod relocate;
mod save;
pub(crate) mod subject;

pub use crate::record::outline::{Outline, bare_line_feeds};
pub use attached::{attachment_property, attachment_tags, is_computed_of_attachment};
pub(crate) use computed::{conversation_id, summary_flags};
pub use computed::{get, is_computed, is_read_only, tags};
pub use copy::{carry, carry_body};
pub use delete::{delete, purge};
pub(crate) use delete::{erase, remove};
pub use find::by_source_key;
pub use glance::{Glance, glance};
pub use import::{ImportOptions, Imported, MAX_IMPORTED_TOGETHER, export, import, import_all};
pub(crate) use import::{body_in, content};
pub use listing::{Listed, list, list_some, list_subjects, saved};
pub use marks::{
    ANSWERED_AND_FORWARDED, DELETE_MARKED, MAX_CATEGORIES, MAX_CATEGORY, MarkEdit, Marked, Marks,
    categories, categories_name, edit_marks,
};
pub use open::{mime, open, received};
pub(crate) use open::{read as read_in, read_hot};
pub use outline::{keep_outlines, outlines};
pub(crate) use read::change_flags;
pub use read::{Marking, Pending, mark, set_read, set_status, status_in, tell_unread};
pub(crate) use relocate::{Relocation, copy_across, relocate_one};
pub use relocate::{copy_to, move_to};
pub use save::{SaveOptions, Saved, save};
pub(crate) use save::{next_uid, prepare, write};
pub use subject::subject_written;

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
    /// When it was soft-deleted by itself.
    pub deleted: Option<mapi::FileTime>,
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
    /// When anything of it was stored last, the read state too (PidTagLocalCommitTime); 0 before the first save,
    /// and where it was not kept yet.
    pub committed: mapi::FileTime,
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
    /// The Internet message as it was received, if it came as one and was not edited since.
    pub mime: Option<Mime>,
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
    /// A new message in a folder, with the properties of a fresh one ([MS-OXCMSG] 3.2.5.2). Nothing is
    /// written.
    pub fn new(mailbox: &Mailbox, folder: FolderId, associated: bool) -> Message {
        let now = mailbox.store().now();
        let mut properties = Properties::new();
        properties.set(tags::IMPORTANCE, 1);
        properties.set(tags::MESSAGE_CLASS, "IPM.Note");
        properties.set(tags::SENSITIVITY, 0);
        properties.set(tags::CREATION_TIME, now);
        properties.set(tags::LAST_MODIFICATION_TIME, now);
        properties.set(tags::SEARCH_KEY, Guid::random().0.to_vec());
        Message {
            folder,
            associated,
            flags: flags::UNSENT,
            read: true,
            ..Message::embedded(MessageBody { properties, ..MessageBody::default() })
        }
    }

    /// An embedded message as a client sees it: a message without folder and id.
    pub fn embedded(body: MessageBody) -> Message {
        Message {
            id: MessageId::NONE,
            folder: FolderId::NONE,
            associated: false,
            soft_deleted: false,
            deleted: None,
            base: ChangeNumber::NONE,
            flags: 0,
            status: 0,
            read: true,
            uid: 0,
            sequence: 0,
            size: body.size(),
            committed: mapi::FileTime(0),
            body,
        }
    }

    pub(crate) fn from_hot(id: MessageId, hot: &Hot, body: MessageBody) -> Message {
        Message {
            id,
            folder: hot.folder,
            associated: hot.contents.is_associated(),
            soft_deleted: hot.contents.is_deleted(),
            deleted: hot.contents.is_deleted().then_some(hot.deleted),
            base: hot.change,
            flags: hot.flags,
            status: hot.status,
            read: crate::mailbox::read_state::is_read(hot),
            uid: hot.uid,
            sequence: hot.sequence,
            size: hot.size,
            committed: hot.committed,
            body,
        }
    }
}

impl MessageBody {
    /// Bytes of all values, recipients, attachments and embedded messages (PidTagMessageSize). The MIME
    /// is the same content once more and does not count.
    pub fn size(&self) -> u64 {
        let mime = self.mime.as_ref().map_or(0, |mime| 4 + mime.skeleton.size());
        node::values(self).iter().map(|value| 4 + value.size()).sum::<u64>() - mime
    }

    /// Errors: [`StoreError::TooBig`] for messages embedded more deeply than [`MAX_EMBEDDING`].
    pub(crate) fn check_depth(&self, depth: usize) -> Result<()> {
        if depth > MAX_EMBEDDING {
            return Err(StoreError::TooBig {
                what: "depth of embedded messages",
                size: depth as u64,
                limit: MAX_EMBEDDING as u64,
            });
        }
        let embedded = self.attachments.iter().filter_map(|a| a.embedded.as_deref());
        embedded.into_iter().try_for_each(|body| body.check_depth(depth + 1))
    }

    /// The attachment of a number.
    pub fn attachment(&self, number: u32) -> Option<&Attachment> {
        self.attachments.iter().find(|attachment| attachment.number == number)
    }

    pub fn attachment_mut(&mut self, number: u32) -> Option<&mut Attachment> {
        self.attachments.iter_mut().find(|attachment| attachment.number == number)
    }

    /// Adds an empty attachment and returns it.
    pub fn add_attachment(&mut self) -> &mut Attachment {
        let number = self.next_attachment;
        self.next_attachment += 1;
        let at = self.attachments.len();
        self.attachments.push(Attachment { number, ..Attachment::default() });
        &mut self.attachments[at]
    }
}
