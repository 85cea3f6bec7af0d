//! Messages: opening, making, saving, read flags ([MS-OXCMSG] 3.2.5.1 to 3.2.5.3, 3.2.5.7 to 3.2.5.11).

use mapi::{ErrorCode, MessageId, WString, tags};
use mapi_rop::LogonId;
use mapi_rop::message::{
    CreateMessageRequest, CreateMessageResponse, GetMessageStatusRequest, LOGON_CODE_PAGE,
    MessageStatusResponse, OpenMessageFlags, OpenMessageRequest, OpenMessageResponse, ReadFlags,
    ReadStatusChange, SaveChangesRequest, SaveFlags, SetMessageReadFlagRequest,
    SetMessageReadFlagResponse, SetMessageStatusRequest, SetReadFlagsRequest,
};
use mapi_rop::parts::{Flagged, TypedString};
use store::folder::{self, FolderKind};
use store::message::{self, Marking, Pending, SaveOptions, flags};
use store::{Properties, search};

use super::attachment::access_after;
use super::copy_move::{Act, listed};
use super::{permission, recipient};
use crate::call::{Call, Opened};
use crate::error::Result;
use crate::handles::NodeId;
use crate::ledger::Kind;
use crate::object::{Access, Message, Object};
use crate::operation::Work;
use crate::session::SessionContext;

/// RopOpenMessage ([MS-OXCMSG] 3.2.5.1). Called on a logon or any folder of the same store (R650).
pub fn open_message(
    call: &mut Call<'_>,
    input: NodeId,
    request: &OpenMessageRequest,
) -> Result<Opened<OpenMessageResponse>> {
    need_store(call, input)?;
    let code_page = code_page_of(call, request.code_page)?;
    let mailbox = call.mailbox()?;
    let edit = message::open(&mailbox, request.message)?;
    // MS-OXCMSG R1477, R335
    let hidden = edit.soft_deleted && !request.flags.contains(OpenMessageFlags::OPEN_SOFT_DELETED);
    let elsewhere =
        edit.folder != request.folder && !search::shows(&mailbox, request.folder, request.message)?;
    if elsewhere || hidden {
        return Err(ErrorCode::NOT_FOUND.into());
    }
    // BestAccess has the bit of ReadWrite; other bits mean nothing here (MS-OXCMSG R1293).
    let access = match request.flags.contains(OpenMessageFlags::READ_WRITE) {
        false => Access::ReadOnly,
        true if permission::may_edit(call, &edit)? => Access::ReadWrite,
        // MS-OXCMSG R666
        true if request.flags.contains(OpenMessageFlags::BEST_ACCESS) => Access::ReadOnly,
        true => return Err(ErrorCode::ACCESS_DENIED.into()),
    };
    let entry = call.count(Kind::Message)?;
    let message = Message { edit, access, dirty: false, code_page, embedded: None, entry };
    let response = opened(call, &message)?;
    call.open(None, Object::Message(Box::new(message)), response)
}

fn need_store(call: &Call<'_>, input: NodeId) -> Result<()> {
    match call.tree.get(input) {
        Some(Object::Folder(_) | Object::Logon(_)) => Ok(()),
        // MS-OXCMSG R1478
        _ => Err(ErrorCode::NULL_OBJECT.into()),
    }
}

/// The code page that a request names ([MS-OXCMSG] 2.2.3.1.1 R656).
pub(super) fn code_page_of(call: &Call<'_>, asked: u16) -> Result<u32> {
    let logon = call.session.locale.code_page;
    match asked {
        LOGON_CODE_PAGE | 0 => Ok(logon),
        asked if formats::text::charsets::is_known(u32::from(asked)) => Ok(u32::from(asked)),
        // UTF-16 is no code page of 8-bit strings; the message opens as if none had been named.
        1200 | 1201 => Ok(logon),
        _ => Err(ErrorCode::UNKNOWN_CODE_PAGE.into()),
    }
}

/// What opening a message tells of it ([MS-OXCMSG] 2.2.3.1.2).
pub(super) fn opened(call: &Call<'_>, message: &Message) -> Result<OpenMessageResponse> {
    let mailbox = call.mailbox()?;
    let text = |tag| -> Result<WString> {
        let value = message::get(&mailbox, &message.edit, tag)?;
        let inline = value.as_ref().and_then(|value| value.inline());
        Ok(inline.and_then(|value| value.as_text()).cloned().unwrap_or_default())
    };
    let has_named_properties = message.edit.body.properties.tags().any(|tag| tag.is_named());
    let mut response = OpenMessageResponse {
        has_named_properties,
        subject_prefix: TypedString::from(text(tags::SUBJECT_PREFIX)?),
        normalized_subject: TypedString::from(text(tags::NORMALIZED_SUBJECT)?),
        recipient_count: u16::try_from(message.edit.body.recipients.len()).unwrap_or(u16::MAX),
        columns: recipient::columns(&message.edit.body.recipients),
        rows: Vec::new(),
    };
    let head = mapi::Wire::to_wire(&response).len() + ANSWER_HEAD;
    response.rows = recipient::open_rows(message, &response.columns, call.room, head);
    Ok(response)
}

/// RopId, handle index, ReturnValue, and what an embedded message has before.
const ANSWER_HEAD: usize = 6 + 9;

/// RopReloadCachedInformation ([MS-OXCMSG] 3.2.5.7).
pub fn reload_cached_information(
    call: &mut Call<'_>,
    input: NodeId,
) -> Result<OpenMessageResponse> {
    match call.tree.get(input) {
        Some(Object::Message(message)) => opened(call, message),
        // MS-OXCMSG R1498
        _ => Err(ErrorCode::NULL_OBJECT.into()),
    }
}

/// RopCreateMessage ([MS-OXCMSG] 3.2.5.2). Nothing is stored before RopSaveChangesMessage (R339).
pub fn create_message(
    call: &mut Call<'_>,
    input: NodeId,
    request: &CreateMessageRequest,
) -> Result<Opened<CreateMessageResponse>> {
    need_store(call, input)?;
    let code_page = code_page_of(call, request.code_page)?;
    let mailbox = call.mailbox()?;
    let parent = folder::info(&mailbox, request.folder)?;
    if parent.deleted.is_some() {
        return Err(ErrorCode::NOT_FOUND.into());
    }
    if parent.kind == FolderKind::Search {
        return Err(ErrorCode::SEARCH_FOLDER.into());
    }
    let mut edit = message::Message::new(&mailbox, request.folder, request.associated);
    name_creator(call, &mut edit.body.properties);
    let entry = call.count(Kind::Message)?;
    let access = Access::ReadWrite;
    let message = Message { edit, access, dirty: true, code_page, embedded: None, entry };
    let response = CreateMessageResponse { message: Flagged(None) };
    call.open(None, Object::Message(Box::new(message)), response)
}

/// What a new message says of who makes it ([MS-OXCMSG] 3.2.5.2 R352, R359 to R363, R365).
fn name_creator(call: &Call<'_>, properties: &mut Properties) {
    let user = &call.session.user;
    let locale = call.session.locale.lcid_string as i32;
    properties.set(tags::TRUST_SENDER, 1);
    properties.set(tags::MESSAGE_LOCALE_ID, locale);
    properties.set(tags::LOCALE_ID, locale);
    properties.set(tags::CREATOR_NAME, user.display_name.as_str());
    properties.set(tags::CREATOR_ENTRY_ID, store::permission::entry_id(user));
    name_modifier(call.session, properties);
}

/// Whoever saves a message changed it last ([MS-OXCMSG] 2.2.1.32, [MS-OXCPRPT] 2.2.1.5).
pub(super) fn name_modifier(session: &SessionContext, properties: &mut Properties) {
    properties.set(tags::LAST_MODIFIER_NAME, session.user.display_name.as_str());
    properties.set(tags::LAST_MODIFIER_ENTRY_ID, store::permission::entry_id(&session.user));
}

/// RopSaveChangesMessage ([MS-OXCMSG] 3.2.5.3). The answer goes out when the message is on disk; for an
/// embedded message, when it is in its attachment.
pub fn save_changes_message(
    call: &mut Call<'_>,
    input: NodeId,
    request: &SaveChangesRequest,
) -> Result<MessageId> {
    // MS-OXCMSG R1699
    if call.message(input)?.access == Access::ReadOnly {
        return Err(ErrorCode::ERROR.into());
    }
    super::stream::flush(call, input)?;
    if let Some(attachment) = call.tree.owner(input) {
        return save_embedded(call, input, attachment, request.flags);
    }
    let mailbox = call.mailbox()?;
    let session = call.session;
    let creator = permission::kept_creator(call, input)?;
    let object = call.message(input)?;
    let properties = &mut object.edit.body.properties;
    name_modifier(session, properties);
    if let Some(creator) = creator {
        permission::put_creator(creator, properties);
    }
    super::rule::check_extended(&object.edit)?;
    let options = SaveOptions { force: request.flags.contains(SaveFlags::FORCE_SAVE) };
    let saved = message::save(&mailbox, &mut object.edit, options)?;
    object.dirty = false;
    object.access = access_after(request.flags);
    Ok(saved.id)
}

/// An embedded message goes into its attachment, which has to be saved in its turn (MS-OXCMSG R481).
fn save_embedded(
    call: &mut Call<'_>,
    input: NodeId,
    owner: NodeId,
    flags: SaveFlags,
) -> Result<MessageId> {
    let (Object::Message(object), Object::Attachment(attachment)) =
        call.tree.get_two_mut(input, owner).ok_or(ErrorCode::NULL_OBJECT)?
    else {
        return Err(ErrorCode::NULL_OBJECT.into());
    };
    attachment.edit.embedded = Some(Box::new(object.edit.body.clone()));
    attachment.dirty = true;
    object.dirty = false;
    object.access = access_after(flags);
    Ok(object.embedded.unwrap_or(MessageId::NONE))
}

/// RopSetMessageStatus ([MS-OXCMSG] 3.2.5.8). The message need not be open, and the change is stored at once.
pub fn set_message_status(
    call: &mut Call<'_>,
    input: NodeId,
    request: &SetMessageStatusRequest,
) -> Result<MessageStatusResponse> {
    // MS-OXCMSG R1505
    let folder = call.folder(input, ErrorCode::NULL_OBJECT)?;
    let mailbox = call.mailbox()?;
    message::status_in(&mailbox, folder, request.message)?;
    /// The server's (MS-OXCMSG R545).
    const IN_CONFLICT: u32 = 0x0000_0800;
    let mask = request.mask & !IN_CONFLICT;
    let flags = message::set_status(&mailbox, request.message, request.flags, mask)?;
    Ok(MessageStatusResponse { flags })
}

/// RopGetMessageStatus ([MS-OXCMSG] 3.2.5.9).
pub fn get_message_status(
    call: &mut Call<'_>,
    input: NodeId,
    request: &GetMessageStatusRequest,
) -> Result<MessageStatusResponse> {
    // MS-OXCMSG R1507
    let folder = call.folder(input, ErrorCode::NULL_OBJECT)?;
    let flags = message::status_in(&*call.mailbox()?, folder, request.message)?;
    Ok(MessageStatusResponse { flags })
}

/// What read flags ask for ([MS-OXCMSG] 2.2.3.10.1); bits that mean nothing are ignored (R820).
fn marking_of(flags: ReadFlags) -> Result<Marking> {
    let about_receipts = ReadFlags::GENERATE_RECEIPT_ONLY
        | ReadFlags::CLEAR_NOTIFY_READ
        | ReadFlags::CLEAR_NOTIFY_UNREAD;
    let only_receipts = flags.0 & about_receipts.0 != 0;
    let unread = flags.contains(ReadFlags::CLEAR_READ_FLAG);
    // MS-OXCMSG R812
    if only_receipts && unread {
        return Err(ErrorCode::INVALID_PARAMETER.into());
    }
    let read = (!only_receipts).then_some(!unread);
    let cancel = ReadFlags::SUPPRESS_RECEIPT.0 | ReadFlags::CLEAR_NOTIFY_READ.0;
    let receipt = match read {
        // MS-OXCMSG R817, R827
        _ if flags.0 & cancel != 0 => Pending::Cancel,
        // MS-OXCMSG R815
        Some(true) => Pending::Send,
        // MS-OXCMSG R825
        None if flags.contains(ReadFlags::GENERATE_RECEIPT_ONLY) => Pending::Send,
        _ => Pending::Keep,
    };
    let clear_nonread = flags.contains(ReadFlags::CLEAR_NOTIFY_UNREAD);
    Ok(Marking { read, receipt, clear_nonread })
}

/// RopSetReadFlags ([MS-OXCMSG] 3.2.5.10).
pub fn set_read_flags(
    call: &mut Call<'_>,
    input: NodeId,
    request: &SetReadFlagsRequest,
) -> Result<Work> {
    // MS-OXCMSG R1516
    let folder = call.folder(input, ErrorCode::NULL_OBJECT)?;
    let marking = marking_of(request.flags)?;
    let all;
    let ids: &[MessageId] = match request.messages.items.as_slice() {
        [] => {
            all = all_messages(&call.mailbox()?, folder)?;
            &all
        }
        some => some,
    };
    listed(call, folder, ids, Act::Mark(marking))
}

/// Without ids, RopSetReadFlags is for all messages of the folder.
fn all_messages(
    mailbox: &std::sync::Arc<store::Mailbox>,
    folder: mapi::FolderId,
) -> Result<Vec<MessageId>> {
    let query = store::table::Query {
        folder,
        rows: store::table::QueryRows::Contents(store::table::Contents::Normal),
        sort: Default::default(),
        restriction: None,
    };
    let view = store::table::open(mailbox, query)?;
    let rows = view.rows(0, view.len()?, &[])?;
    Ok(rows
        .into_iter()
        .filter_map(|row| match row.object {
            store::table::RowObject::Message(id) => Some(id),
            _ => None,
        })
        .collect())
}

/// RopSetMessageReadFlag ([MS-OXCMSG] 3.2.5.11). In public folders the answer says whether the
/// state changed, with the client's data; in a mailbox it says nothing (R1841).
pub fn set_message_read_flag(
    call: &mut Call<'_>,
    input: NodeId,
    request: &SetMessageReadFlagRequest,
) -> Result<SetMessageReadFlagResponse> {
    let mailbox = call.mailbox()?;
    let marking = marking_of(request.flags)?;
    let logon = LogonId(call.logon_id);
    let object = call.message(input)?;
    let mut changed = false;
    if !object.edit.id.is_none() {
        changed = message::mark(&mailbox, None, &[object.edit.id], marking)?.contains(&Some(true));
        if let Some(now) = message::glance(&mailbox, object.edit.id)? {
            let pending = flags::NOTIFY_READ | flags::NOTIFY_UNREAD;
            object.edit.flags = object.edit.flags & !pending | now.flags & pending;
        }
    }
    if let Some(read) = marking.read {
        object.edit.read = read;
    }
    let told = request.client_data.filter(|_| changed);
    let change = told.map(|client_data| ReadStatusChange { logon, client_data });
    Ok(SetMessageReadFlagResponse { changed: Flagged(change) })
}
