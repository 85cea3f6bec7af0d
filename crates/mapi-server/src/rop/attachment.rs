//! Attachments and embedded messages ([MS-OXCMSG] 3.2.5.12 to 3.2.5.16).
//!
//! An attachment in a client's hands is a copy; RopSaveChangesAttachment puts it into the message in the
//! client's hands, and only RopSaveChangesMessage on that one into the mailbox.

use mapi::{ErrorCode, FolderId, MessageId, PropertyTag, PropertyValue, tags as pid};
use mapi_rop::message::{
    AttachmentIdBody, OpenAttachmentFlags, OpenAttachmentRequest, OpenEmbeddedMessageRequest,
    OpenEmbeddedMessageResponse, OpenMessageFlags, SaveChangesRequest, SaveFlags,
};
use mapi_rop::parts::Empty;
use store::Value;
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
    open(call, input, edit, access, false, Empty)
}

fn access_of(flags: OpenAttachmentFlags, of_message: Access) -> Result<Access> {
    match (flags.0 & OpenAttachmentFlags::BEST_ACCESS.0, of_message) {
        (0, _) => Ok(Access::ReadOnly),
        (3, access) => Ok(access),
        (_, Access::ReadWrite) => Ok(Access::ReadWrite),
        (_, Access::ReadOnly) => Err(ErrorCode::ACCESS_DENIED.into()),
    }
}

fn open<T>(
    call: &mut Call<'_>,
    message: NodeId,
    edit: Stored,
    access: Access,
    dirty: bool,
    response: T,
) -> Result<Opened<T>> {
    let entry = call.count(Kind::Attachment)?;
    let attachment = Attachment { edit, access, dirty, entry };
    call.open(Some(message), Object::Attachment(Box::new(attachment)), response)
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
    open(call, input, edit, Access::ReadWrite, true, response)
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
    if attachment.dirty {
        attachment.edit.properties.set(pid::LAST_MODIFICATION_TIME, now);
    }
    let saved = attachment.edit.clone();
    let attachments = &mut message.edit.body.attachments;
    match attachments.binary_search_by_key(&saved.number, |a| a.number) {
        Ok(index) => attachments[index] = saved,
        Err(index) => attachments.insert(index, saved),
    }
    message.dirty = true;
    attachment.dirty = false;
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
    let message = Message { edit, access, dirty, code_page, entry: call.count(Kind::Message)? };
    let response = OpenEmbeddedMessageResponse {
        reserved: 0,
        message_id: MessageId::NONE,
        message: opened(call, &message)?,
    };
    call.open(Some(input), Object::Message(Box::new(message)), response)
}

/// How deep a node stands below the message of a folder.
fn depth_of(call: &Call<'_>, node: NodeId) -> usize {
    let owners = std::iter::successors(call.tree.owner(node), |owner| call.tree.owner(*owner));
    owners.filter(|owner| matches!(call.tree.get(*owner), Some(Object::Message(_)))).count()
}

/// The value of an attachment's property, stored or computed ([MS-OXCMSG] 2.2.2).
pub(super) fn get(attachment: &Stored, tag: PropertyTag) -> Option<Value> {
    match tag.id() {
        id if id == pid::ATTACH_NUMBER.id() => Some(Value::from(attachment.number as i32)),
        id if id == pid::ATTACH_SIZE.id() => Some(Value::from(size_of(attachment))),
        id if id == pid::ACCESS_LEVEL.id() => Some(Value::from(1i32)),
        // MAPI_ATTACH ([MS-OXCPRPT] 2.2.1.7)
        id if id == pid::OBJECT_TYPE.id() => Some(Value::from(7i32)),
        id if id == pid::RECORD_KEY.id() => {
            Some(Value::Inline(PropertyValue::Binary(attachment.number.to_le_bytes().to_vec())))
        }
        id if id == pid::ATTACH_DATA_OBJECT.id() && attachment.embedded.is_some() => {
            Some(Value::Inline(PropertyValue::Object))
        }
        id => attachment.properties.get_id(id).cloned(),
    }
}

const COMPUTED: [PropertyTag; 5] =
    [pid::ATTACH_NUMBER, pid::ATTACH_SIZE, pid::ACCESS_LEVEL, pid::OBJECT_TYPE, pid::RECORD_KEY];

pub(super) fn is_computed(tag: PropertyTag) -> bool {
    COMPUTED.iter().any(|computed| computed.id() == tag.id())
}

pub(super) fn tags(attachment: &Stored) -> Vec<PropertyTag> {
    let data = attachment.embedded.is_some().then_some(pid::ATTACH_DATA_OBJECT);
    let stored = attachment.properties.tags().filter(|tag| !is_computed(*tag));
    let stored = stored.filter(|tag| data.is_none_or(|data| data.id() != tag.id()));
    COMPUTED.into_iter().chain(data).chain(stored).collect()
}

/// PidTagAttachSize: the bytes of all properties ([MS-OXCMSG] 2.2.2.5).
fn size_of(attachment: &Stored) -> i32 {
    i32::try_from(bytes_of(attachment)).unwrap_or(i32::MAX)
}

fn bytes_of(attachment: &Stored) -> u64 {
    // MS-OXCMSG R449: an empty attachment has 64 bytes.
    const EMPTY: u64 = 0x40;
    let own: u64 = attachment.properties.iter().map(|(_, value)| value.size()).sum();
    EMPTY + own + attachment.embedded.as_deref().map_or(0, body_bytes)
}

fn body_bytes(body: &MessageBody) -> u64 {
    let own: u64 = body.properties.iter().map(|(_, value)| value.size()).sum();
    own + body.attachments.iter().map(bytes_of).sum::<u64>()
}
