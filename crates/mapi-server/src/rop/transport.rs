//! Sending messages ([MS-OXCROPS] 2.2.7, [MS-OXOMSG] 2.2.4, 2.2.5).
//!
//! Between the mailboxes of a store a message is delivered before its submission is answered, unless it has
//! many recipients. What was answered is in the queue, on disk, whatever happens then.

use mapi::row::TaggedValue;
use mapi::text::String8;
use mapi::wire::{Counted, SizedBytes};
use mapi::{ErrorCode, PropertyTag, tags};
use mapi_rop::transport::{
    AbortSubmitRequest, GetAddressTypesResponse, GetTransportFolderResponse, LockState,
    OptionsDataRequest, OptionsDataResponse, SpoolerLockMessageRequest, SubmitFlags,
    SubmitMessageRequest, TransportNewMailRequest, TransportSendResponse,
};
use store::SpecialFolder;
use store::delivery::{self, Locked, Submission};
use store::permission::Action;

use crate::call::Call;
use crate::error::Result;
use crate::handles::NodeId;
use crate::object::{Access, Object};

use super::permission;

/// What recipients may have as PidTagAddressType here.
const ADDRESS_TYPES: [&str; 2] = ["EX", "SMTP"];

/// RopSubmitMessage ([MS-OXOMSG] 2.2.4.1): saves the message with its changes and sends it.
pub fn submit_message(
    call: &mut Call<'_>,
    input: NodeId,
    request: &SubmitMessageRequest,
) -> Result<()> {
    need_sendable(call, input)?;
    let mailbox = call.mailbox()?;
    let session = call.session;
    let message = call.message(input)?;
    if message.access == Access::ReadOnly {
        return Err(ErrorCode::ACCESS_DENIED.into());
    }
    let mut edit = message.edit.clone();
    super::message::name_modifier(session, &mut edit.body.properties);
    edit.body.properties.set(tags::MESSAGE_LOCALE_ID, session.locale.lcid_string as i32);
    let spooler = request.flags.contains(SubmitFlags::NEEDS_SPOOLER);
    let submission = Submission { spooler };
    let saved = delivery::submit(&mailbox, &mut edit, &session.user, submission)?;
    message.edit = edit;
    message.dirty = false;
    // From here on it is nobody's to change.
    message.access = Access::ReadOnly;
    delivery::deliver_now(&mailbox, saved.id);
    Ok(())
}

/// The input object is a message of a folder, and what its streams hold is in it.
fn need_sendable(call: &mut Call<'_>, input: NodeId) -> Result<()> {
    call.message(input)?;
    // An embedded message goes with the one that holds it.
    if call.tree.owner(input).is_some() {
        return Err(ErrorCode::NOT_SUPPORTED.into());
    }
    super::stream::flush(call, input)
}

/// RopAbortSubmit ([MS-OXOMSG] 2.2.4.2).
pub fn abort_submit(call: &Call<'_>, input: NodeId, request: &AbortSubmitRequest) -> Result<()> {
    call.need_logon(input)?;
    permission::allowed_items(call, &[request.message], &[Action::EditItem])?;
    Ok(delivery::abort(&*call.mailbox()?, request.folder, request.message)?)
}

/// RopGetAddressTypes ([MS-OXOMSG] 2.2.4.3).
pub fn get_address_types(call: &Call<'_>, input: NodeId) -> Result<GetAddressTypesResponse> {
    call.need_logon(input)?;
    let string = |name: &str| String8(name.as_bytes().to_vec());
    Ok(GetAddressTypesResponse { address_types: ADDRESS_TYPES.map(string).to_vec() })
}

/// RopSetSpooler ([MS-OXOMSG] 2.2.5.1).
pub fn set_spooler(call: &mut Call<'_>, input: NodeId) -> Result<()> {
    match call.tree.get_mut(input) {
        Some(Object::Logon(logon)) => {
            logon.spooler = true;
            Ok(())
        }
        _ => Err(ErrorCode::NOT_SUPPORTED.into()),
    }
}

/// RopGetTransportFolder ([MS-OXOMSG] 2.2.5.2).
pub fn get_transport_folder(call: &Call<'_>, input: NodeId) -> Result<GetTransportFolderResponse> {
    call.need_private_logon(input)?;
    Ok(GetTransportFolderResponse { folder: SpecialFolder::Outbox.id() })
}

/// A mailbox is sent from by whoever may do everything in it.
fn need_full(call: &Call<'_>) -> Result<()> {
    match call.is_full() {
        true => Ok(()),
        false => Err(ErrorCode::ACCESS_DENIED.into()),
    }
}

/// RopSpoolerLockMessage ([MS-OXOMSG] 2.2.5.3), on a logon that is a spooler's.
pub fn spooler_lock_message(
    call: &Call<'_>,
    input: NodeId,
    request: &SpoolerLockMessageRequest,
) -> Result<()> {
    match call.tree.get(input) {
        Some(Object::Logon(logon)) if logon.spooler => {}
        _ => return Err(ErrorCode::NOT_SUPPORTED.into()),
    }
    need_full(call)?;
    let mailbox = call.mailbox()?;
    match request.state {
        LockState::Lock => match delivery::lock(&mailbox, request.message)? {
            Locked::Now => Ok(()),
            // Two that send it would send it twice.
            Locked::Already => Err(ErrorCode::BUSY.into()),
        },
        LockState::Unlock => Ok(delivery::unlock(&mailbox, request.message)?),
        LockState::Finished => Ok(delivery::finish(&mailbox, request.message)?),
        LockState::Unknown(_) => Err(ErrorCode::INVALID_PARAMETER.into()),
    }
}

/// What the server writes into a message that it sends.
const SIGNED: [PropertyTag; 13] = [
    tags::CLIENT_SUBMIT_TIME,
    tags::SENDER_NAME,
    tags::SENDER_ENTRY_ID,
    tags::SENDER_SEARCH_KEY,
    tags::SENDER_ADDRESS_TYPE,
    tags::SENDER_EMAIL_ADDRESS,
    tags::SENT_REPRESENTING_NAME,
    tags::SENT_REPRESENTING_ENTRY_ID,
    tags::SENT_REPRESENTING_SEARCH_KEY,
    tags::SENT_REPRESENTING_ADDRESS_TYPE,
    tags::SENT_REPRESENTING_EMAIL_ADDRESS,
    tags::INTERNET_MESSAGE_ID,
    tags::CONTENT_FILTER_SPAM_CONFIDENCE_LEVEL,
];

/// RopTransportSend ([MS-OXOMSG] 2.2.5.4): sends a message as it is and leaves it with its client, which gets
/// what was written into the one that was sent.
pub fn transport_send(call: &mut Call<'_>, input: NodeId) -> Result<TransportSendResponse> {
    need_sendable(call, input)?;
    let mailbox = call.mailbox()?;
    let session = call.session;
    let message = call.message(input)?;
    let (id, sent) = delivery::send_now(&mailbox, &message.edit, &session.user)?;
    delivery::deliver_now(&mailbox, id);
    let values: Vec<TaggedValue> = SIGNED
        .iter()
        .filter_map(|tag| {
            let value = sent.body.properties.inline(*tag)?;
            Some(TaggedValue::new(*tag, value.clone()))
        })
        .collect();
    let no_properties_returned = values.is_empty();
    Ok(TransportSendResponse { no_properties_returned, values: Counted::from(values) })
}

/// RopTransportNewMail ([MS-OXOMSG] 2.2.5.5): subscriptions to new mail are told.
pub fn transport_new_mail(
    call: &Call<'_>,
    input: NodeId,
    request: &TransportNewMailRequest,
) -> Result<()> {
    call.need_logon(input)?;
    need_full(call)?;
    Ok(delivery::announce(&*call.mailbox()?, request.folder, request.message)?)
}

/// RopOptionsData ([MS-OXCROPS] 2.2.7.9): no address type has options, nor help about them (R2578).
pub fn options_data(
    call: &Call<'_>,
    input: NodeId,
    request: &OptionsDataRequest,
) -> Result<OptionsDataResponse> {
    call.need_logon(input)?;
    let asked = String::from_utf8_lossy(&request.address_type.0);
    if !ADDRESS_TYPES.iter().any(|known| asked.eq_ignore_ascii_case(known)) {
        return Err(ErrorCode::NOT_FOUND.into());
    }
    Ok(OptionsDataResponse { reserved: 1, options_info: SizedBytes::default(), help: None })
}
