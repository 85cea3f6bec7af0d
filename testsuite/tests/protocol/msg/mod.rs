//! [MS-OXCMSG]: messages, recipients, attachments.

mod attachment;
mod flags;
mod message;
mod properties;
mod recipient;

use mapi::{FolderId, MessageId, PropertyValue, tags};
use mapi_rop::message::{
    LOGON_CODE_PAGE, OpenAttachmentFlags, OpenAttachmentRequest, OpenEmbeddedMessageRequest,
    OpenEmbeddedMessageResponse, OpenMessageFlags, OpenMessageRequest, OpenMessageResponse,
    SaveChangesRequest, SaveFlags,
};
use mapi_rop::{Empty, Handle, RopRequest, RopResponse};
use store::SpecialFolder;
use testsuite::raw::{Answer, Client};

const INBOX: FolderId = SpecialFolder::Inbox.id();
const BOTH: OpenMessageFlags = OpenMessageFlags::READ_WRITE;

/// A new message in the inbox.
fn draft(client: &mut Client) -> Handle {
    client.create_message(INBOX, false).expect("a message")
}

/// A new message with a subject, saved and released.
fn post(client: &mut Client, subject: &str) -> MessageId {
    let values = [mapi::TaggedValue::new(tags::SUBJECT, subject)];
    client.post(INBOX, &values).expect("a message")
}

fn open(client: &mut Client, id: MessageId) -> Handle {
    client.open_message(INBOX, id, BOTH).expect("the message")
}

/// What opening a message tells.
fn opened(
    client: &mut Client,
    input: Handle,
    folder: FolderId,
    message: MessageId,
    flags: OpenMessageFlags,
) -> Answer<(OpenMessageResponse, Handle)> {
    let request = OpenMessageRequest { code_page: LOGON_CODE_PAGE, folder, flags, message };
    match client.call_two(input, Handle::NONE, RopRequest::OpenMessage(request))? {
        (RopResponse::OpenMessage(answer), handle) => {
            client.learn(handle, &answer.columns.clone());
            Ok((answer, handle))
        }
        other => panic!("{other:?}"),
    }
}

fn create_attachment(client: &mut Client, message: Handle) -> Answer<(u32, Handle)> {
    match client.call_two(message, Handle::NONE, RopRequest::CreateAttachment(Empty))? {
        (RopResponse::CreateAttachment(made), handle) => Ok((made.attachment, handle)),
        other => panic!("{other:?}"),
    }
}

fn save_attachment(
    client: &mut Client,
    attachment: Handle,
    message: Handle,
    flags: SaveFlags,
) -> Answer<()> {
    let body = RopRequest::SaveChangesAttachment(SaveChangesRequest { flags });
    client.call_two(attachment, message, body).map(drop)
}

fn open_attachment(
    client: &mut Client,
    message: Handle,
    attachment: u32,
    flags: OpenAttachmentFlags,
) -> Answer<Handle> {
    let body = OpenAttachmentRequest { flags, attachment };
    client.open(message, RopRequest::OpenAttachment(body))
}

fn embedded(
    client: &mut Client,
    attachment: Handle,
    flags: OpenMessageFlags,
) -> Answer<(OpenEmbeddedMessageResponse, Handle)> {
    let body = OpenEmbeddedMessageRequest { code_page: LOGON_CODE_PAGE, flags };
    match client.call_two(attachment, Handle::NONE, RopRequest::OpenEmbeddedMessage(body))? {
        (RopResponse::OpenEmbeddedMessage(answer), handle) => {
            client.learn(handle, &answer.message.columns.clone());
            Ok((answer, handle))
        }
        other => panic!("{other:?}"),
    }
}

fn number(client: &mut Client, object: Handle, tag: mapi::PropertyTag) -> Answer<i32> {
    match client.get(object, tag)? {
        PropertyValue::Integer32(number) => Ok(number),
        other => panic!("{other:?}"),
    }
}

fn typed(text: &str) -> mapi_rop::parts::TypedString {
    mapi::WString::from(text).into()
}
