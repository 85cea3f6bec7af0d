//! Attachments and embedded messages ([MS-OXCMSG] 3.2.5.12 to 3.2.5.16).
//!
//! An attachment in a client's hands is a copy; RopSaveChangesAttachment puts it into the message in the
//! client's hands, and only RopSaveChangesMessage on that one into the mailbox.

use mapi::{ErrorCode, FolderId, MessageId, PropertyValue, tags as pid};
use mapi_rop::message::{
    AttachmentIdBody, OpenAttachmentFlags, OpenAttachmentRequest, OpenEmbeddedMessageRequest,
    OpenEmbeddedMessageResponse, OpenMessageFlags, SaveChangesRequest, SaveFlags,
};
use mapi_rop::parts::Empty;
use store::message::{Attachment as Stored, MAX_EMBEDDING, Message as Edit, MessageBody};

use super::message::{code_page_of, opened};
use crate::call::{Call, Opened};
use crate::error::Result;
use crate::handles::NodeId;
use crate::ledger::Kind;
use crate::object::{Access, Attachment, Message, Object};

/// The most attachments of a message.
const MAX_ATTACHMENTS: usize = 10_000;

/// RopOpenAttachment ([MS-OXCMSG] 3.2.5.12).
pub fn open_attachment(
    call: &mut Call<'_>,
    input: NodeId,
    request: &OpenAttachmentRequest,
) -> Result<Opened<Empty>> {
    let message = call.message(input)?;
    let number = request.attachment;
    let found = message.edit.body.attachments.iter().find(|a| a.number == number);
    let edit = found.ok_or(ErrorCode::NOT_FOUND)?.clone();
    let access = access_of(request.flags, message.access)?;
    let entry = call.count(Kind::Attachment)?;
    let attachment = Attachment { edit, access, dirty: false, known: true, entry };
    call.open(Some(input), Object::Attachment(Box::new(attachment)), Empty)
}

fn access_of(flags: OpenAttachmentFlags, of_message: Access) -> Result<Access> {
    match (flags.0 & OpenAttachmentFlags::BEST_ACCESS.0, of_message) {
        (0, _) => Ok(Access::ReadOnly),
        (3, access) => Ok(access),
        (_, Access::ReadWrite) => Ok(Access::ReadWrite),
        (_, Access::ReadOnly) => Err(ErrorCode::ACCESS_DENIED.into()),
    }
}

/// RopCreateAttachment ([MS-OXCMSG] 3.2.5.13).
pub fn create_attachment(call: &mut Call<'_>, input: NodeId) -> Result<Opened<AttachmentIdBody>> {
    let now = call.processor.store.now();
    let message = call.message(input)?;
    if message.access == Access::ReadOnly {
        return Err(ErrorCode::ACCESS_DENIED.into());
    }
    let body = &mut message.edit.body;
    // MS-OXCMSG R1060
    if body.attachments.len() >= MAX_ATTACHMENTS {
        return Err(ErrorCode::MAX_ATTACHMENT_EXCEEDED.into());
    }
    // A number is given out once, also to an attachment that is never saved.
    let number = body.next_attachment;
    body.next_attachment += 1;
    let mut edit = Stored { number, ..Stored::default() };
    // MS-OXCMSG R451 to R453
    edit.properties.set(pid::RENDERING_POSITION, -1i32);
    edit.properties.set(pid::CREATION_TIME, now);
    edit.properties.set(pid::LAST_MODIFICATION_TIME, now);
    let response = AttachmentIdBody { attachment: number };
    let (access, entry) = (Access::ReadWrite, call.count(Kind::Attachment)?);
    let attachment = Attachment { edit, access, dirty: true, known: false, entry };
    call.open(Some(input), Object::Attachment(Box::new(attachment)), response)
}

/// RopDeleteAttachment ([MS-OXCMSG] 3.2.5.15).
pub fn delete_attachment(
    call: &mut Call<'_>,
    input: NodeId,
    request: &AttachmentIdBody,
) -> Result<()> {
    let message = call.message(input)?;
    if message.access == Access::ReadOnly {
        return Err(ErrorCode::ACCESS_DENIED.into());
    }
    let attachments = &mut message.edit.body.attachments;
    let before = attachments.len();
    attachments.retain(|attachment| attachment.number != request.attachment);
    if attachments.len() == before {
        return Err(ErrorCode::NOT_FOUND.into());
    }
    message.dirty = true;
    Ok(())
}

/// RopSaveChangesAttachment ([MS-OXCMSG] 3.2.5.14).
pub fn save_changes_attachment(
    call: &mut Call<'_>,
    input: NodeId,
    request: &SaveChangesRequest,
) -> Result<()> {
    // MS-OXCMSG R467
    let access = call.attachment(input, ErrorCode::NOT_SUPPORTED)?.access;
    if access == Access::ReadOnly {
        return Err(ErrorCode::ACCESS_DENIED.into());
    }
    // MS-OXCMSG R466: it cannot be both afterwards.
    let both = SaveFlags::KEEP_OPEN_READ_ONLY.0 | SaveFlags::KEEP_OPEN_READ_WRITE.0;
    if request.flags.0 & both == both {
        return Err(ErrorCode::NOT_SUPPORTED.into());
    }
    super::stream::flush(call, input)?;
    let now = call.processor.store.now();
    let owner = call.tree.owner(input).ok_or(ErrorCode::NULL_OBJECT)?;
    let (Object::Attachment(attachment), Object::Message(message)) =
        call.tree.get_two_mut(input, owner).ok_or(ErrorCode::NULL_OBJECT)?
    else {
        return Err(ErrorCode::NULL_OBJECT.into());
    };
    let attachments = &mut message.edit.body.attachments;
    let place = attachments.binary_search_by_key(&attachment.edit.number, |a| a.number);
    // RopDeleteAttachment took it out of the message, or a copy into the message did.
    if attachment.known && place.is_err() {
        return Err(ErrorCode::OBJECT_DELETED.into());
    }
    // Others may have been saved since it was made.
    if place.is_err() && attachments.len() >= MAX_ATTACHMENTS {
        return Err(ErrorCode::MAX_ATTACHMENT_EXCEEDED.into());
    }
    if attachment.dirty {
        attachment.edit.properties.set(pid::LAST_MODIFICATION_TIME, now);
    }
    let saved = attachment.edit.clone();
    match place {
        Ok(index) => attachments[index] = saved,
        Err(index) => attachments.insert(index, saved),
    }
    message.dirty = true;
    attachment.dirty = false;
    attachment.known = true;
    attachment.access = access_after(request.flags);
    Ok(())
}

/// The access that a save leaves ([MS-OXCMSG] 2.2.3.3.1).
pub(super) fn access_after(flags: SaveFlags) -> Access {
    let read_write = SaveFlags::KEEP_OPEN_READ_WRITE.0 | SaveFlags::FORCE_SAVE.0;
    match flags.0 & read_write {
        0 if flags.contains(SaveFlags::KEEP_OPEN_READ_ONLY) => Access::ReadOnly,
        _ => Access::ReadWrite,
    }
}

/// RopOpenEmbeddedMessage ([MS-OXCMSG] 3.2.5.16).
pub fn open_embedded_message(
    call: &mut Call<'_>,
    input: NodeId,
    request: &OpenEmbeddedMessageRequest,
) -> Result<Opened<OpenEmbeddedMessageResponse>> {
    let code_page = code_page_of(call, request.code_page)?;
    let mailbox = call.mailbox()?;
    let depth = depth_of(call, input);
    let id = embedded_id(call, input);
    // MS-OXCMSG R1525
    let attachment = call.attachment(input, ErrorCode::NULL_OBJECT)?;
    let wanted = request.flags.0 & OpenMessageFlags::BEST_ACCESS.0;
    let create = request.flags.contains(OpenMessageFlags::CREATE);
    let access = match (wanted, attachment.access) {
        (0, _) => Access::ReadOnly,
        (_, Access::ReadWrite) => Access::ReadWrite,
        (3, Access::ReadOnly) if attachment.edit.embedded.is_some() => Access::ReadOnly,
        (_, Access::ReadOnly) => return Err(ErrorCode::ACCESS_DENIED.into()),
    };
    let (body, dirty) = match &attachment.edit.embedded {
        Some(body) => (MessageBody::clone(body), false),
        None if create && depth > MAX_EMBEDDING => {
            return Err(ErrorCode::MAX_ATTACHMENT_EXCEEDED.into());
        }
        // It begins as any new message ([MS-OXCMSG] 3.2.5.2 R340), without a folder.
        None if create => (Edit::new(&mailbox, FolderId::NONE, false).body, true),
        None => return Err(ErrorCode::NOT_FOUND.into()),
    };
    let edit = Edit::embedded(body);
    let entry = call.count(Kind::Message)?;
    let message = Message { edit, access, dirty, code_page, embedded: Some(id), entry };
    let response = OpenEmbeddedMessageResponse {
        reserved: 0,
        message_id: id,
        message: opened(call, &message)?,
    };
    call.open(Some(input), Object::Message(Box::new(message)), response)
}

/// The id of the message in an attachment (MS-OXCMSG R889). Nothing is found by it, so nothing keeps it: it
/// is made of the id of the folder's message and of the numbers of the attachments on the way. Before that
/// message is saved first, its search key stands for its id, so the id is another one from then on.
fn embedded_id(call: &Call<'_>, attachment: NodeId) -> MessageId {
    /// No counter of a mailbox is ever given out up to here.
    const EMBEDDED: u64 = 1 << 47;
    // FNV-1a
    let add = |hash: u64, bytes: &[u8]| {
        bytes
            .iter()
            .fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
    };
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let owners = |node: &NodeId| call.tree.owner(*node);
    for node in std::iter::successors(Some(attachment), owners) {
        match call.tree.get(node) {
            Some(Object::Attachment(attachment)) => {
                hash = add(hash, &attachment.edit.number.to_le_bytes());
            }
            Some(Object::Message(message)) if message.embedded.is_none() => {
                let edit = &message.edit;
                let key = edit.body.properties.inline(pid::SEARCH_KEY);
                hash = match edit.id.is_none() {
                    false => add(hash, &edit.id.to_i64().to_le_bytes()),
                    true => add(hash, key.and_then(PropertyValue::as_binary).unwrap_or_default()),
                };
            }
            _ => {}
        }
    }
    MessageId::own(hash & (EMBEDDED - 1) | EMBEDDED)
}

/// How deep a node stands below the message of a folder.
fn depth_of(call: &Call<'_>, node: NodeId) -> usize {
    let owners = std::iter::successors(call.tree.owner(node), |owner| call.tree.owner(*owner));
    owners.filter(|owner| matches!(call.tree.get(*owner), Some(Object::Message(_)))).count()
}
