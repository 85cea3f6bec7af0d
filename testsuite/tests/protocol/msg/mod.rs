//! [MS-OXCMSG]: messages, recipients, attachments.

mod attached;
mod attachment;
mod codes;
mod flags;
mod general;
mod kept;
mod message;
mod properties;
mod recipient;

use mapi::known::KnownName;
use mapi::{FolderId, MessageId, PropertyName, PropertyTag, PropertyType, PropertyValue, tags};
use mapi_rop::message::{
    LOGON_CODE_PAGE, OpenAttachmentFlags, OpenAttachmentRequest, OpenEmbeddedMessageRequest,
    OpenEmbeddedMessageResponse, OpenMessageFlags, OpenMessageRequest, OpenMessageResponse,
    SaveChangesRequest, SaveFlags,
};
use mapi_rop::property::{
    DeletePropertiesRequest, GetPropertyIdsFromNamesRequest, NameFlags, PropertyProblemsResponse,
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

/// A property by its tag, or by its name.
#[derive(Debug, Clone)]
enum Key {
    Tag(PropertyTag),
    Named(PropertyName, PropertyType),
}

impl Key {
    /// The tag in the mailbox of a client. Without [`NameFlags::CREATE`], the name has to be known.
    fn tag(&self, client: &mut Client, flags: NameFlags) -> Answer<PropertyTag> {
        let (name, kind) = match self {
            Key::Tag(tag) => return Ok(*tag),
            Key::Named(name, kind) => (name, *kind),
        };
        let body = GetPropertyIdsFromNamesRequest { flags, names: vec![name.clone()].into() };
        match client.call(client.logon, RopRequest::GetPropertyIdsFromNames(body))? {
            RopResponse::GetPropertyIdsFromNames(ids) => {
                assert!(ids.ids[0] >= 0x8000, "{name:?}");
                Ok(PropertyTag::from_parts(ids.ids[0], kind))
            }
            other => panic!("{other:?}"),
        }
    }
}

fn lid(name: KnownName) -> Key {
    Key::Named(PropertyName::id(name.set, name.lid), name.property_type)
}

fn name(set: mapi::Guid, name: &str, kind: PropertyType) -> Key {
    Key::Named(PropertyName::string(set, name), kind)
}

/// RopGetPropertiesList.
fn list(client: &mut Client, object: Handle) -> Vec<PropertyTag> {
    match client.call(object, RopRequest::GetPropertiesList(Empty)).expect("a list") {
        RopResponse::GetPropertiesList(answer) => answer.tags.items,
        other => panic!("{other:?}"),
    }
}

/// RopDeleteProperties of one. A problem is the error.
fn delete_property(client: &mut Client, object: Handle, tag: PropertyTag) -> Answer<()> {
    let body = DeletePropertiesRequest { tags: vec![tag].into() };
    match client.call(object, RopRequest::DeleteProperties(body))? {
        RopResponse::DeleteProperties(PropertyProblemsResponse { problems }) => {
            problems.first().map_or(Ok(()), |problem| Err(problem.error))
        }
        other => panic!("{other:?}"),
    }
}
