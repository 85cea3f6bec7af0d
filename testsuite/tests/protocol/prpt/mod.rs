//! [MS-OXCPRPT]: properties, copying them, streams.

mod copy;
mod lock;
mod named;
mod product;
mod progress;
mod property;
mod stream;

use mapi::wire::Counted;
use mapi::{FolderId, PropertyProblem, PropertyTag};
use mapi_rop::irregular::ReadStreamRequest;
use mapi_rop::message::{
    OpenAttachmentFlags, OpenAttachmentRequest, OpenMessageFlags, SaveChangesRequest, SaveFlags,
};
use mapi_rop::property::{CopyFlags, CopyPropertiesRequest, CopyToRequest};
use mapi_rop::stream::{
    OpenStreamRequest, SeekStreamRequest, StreamMode, StreamOrigin, WriteStreamRequest,
};
use mapi_rop::{Empty, Handle, RopRequest, RopResponse};
use store::SpecialFolder;
use testsuite::Result;
use testsuite::raw::{Answer, Client};
use testsuite::rig::{ME, Rig};

const INBOX: FolderId = SpecialFolder::Inbox.id();

fn new_message(client: &mut Client) -> Handle {
    client.create_message(INBOX, false).expect("a message")
}

/// A message saved, and opened anew to be written.
fn reopen(client: &mut Client, message: Handle) -> Handle {
    let id = client.save(message, SaveFlags::FORCE_SAVE).expect("a save");
    client.open_message(INBOX, id, OpenMessageFlags::READ_WRITE).expect("the message")
}

fn recipient(address: &str) -> mapi::RecipientRow {
    mapi::RecipientRow::smtp(address, address, mapi::PropertyRow::from_cells(Vec::new()))
}

fn new_attachment(client: &mut Client, message: Handle) -> (Handle, u32) {
    let body = RopRequest::CreateAttachment(Empty);
    let (answer, handle) = client.call_two(message, Handle::NONE, body).expect("an attachment");
    match answer {
        RopResponse::CreateAttachment(made) => (handle, made.attachment),
        other => panic!("{other:?}"),
    }
}

fn save_attachment(client: &mut Client, attachment: Handle, message: Handle) {
    let flags = SaveFlags::KEEP_OPEN_READ_WRITE;
    let body = RopRequest::SaveChangesAttachment(SaveChangesRequest { flags });
    client.call_two(attachment, message, body).expect("a save");
}

fn open_attachment(client: &mut Client, message: Handle, attachment: u32) -> Answer<Handle> {
    let flags = OpenAttachmentFlags::BEST_ACCESS;
    let body = OpenAttachmentRequest { flags, attachment };
    client.open(message, RopRequest::OpenAttachment(body))
}

fn copy_to(
    client: &mut Client,
    from: Handle,
    to: Handle,
    flags: CopyFlags,
    want_sub_objects: bool,
    excluded: &[PropertyTag],
) -> Answer<Vec<PropertyProblem>> {
    let body = CopyToRequest {
        want_asynchronous: false,
        want_sub_objects,
        flags,
        excluded: Counted::from(excluded.to_vec()),
    };
    match client.call_two(from, to, RopRequest::CopyTo(body))?.0 {
        RopResponse::CopyTo(answer) => Ok(answer.problems.items),
        other => panic!("{other:?}"),
    }
}

fn copy_properties(
    client: &mut Client,
    from: Handle,
    to: Handle,
    flags: CopyFlags,
    tags: &[PropertyTag],
) -> Answer<Vec<PropertyProblem>> {
    let want_asynchronous = true;
    let tags = Counted::from(tags.to_vec());
    let body = CopyPropertiesRequest { want_asynchronous, flags, tags };
    match client.call_two(from, to, RopRequest::CopyProperties(body))?.0 {
        RopResponse::CopyProperties(answer) => Ok(answer.problems.items),
        other => panic!("{other:?}"),
    }
}

fn open_stream(
    client: &mut Client,
    object: Handle,
    tag: PropertyTag,
    mode: StreamMode,
) -> Answer<(Handle, u32)> {
    let body = RopRequest::OpenStream(OpenStreamRequest { tag, mode });
    match client.call_two(object, Handle::NONE, body)? {
        (RopResponse::OpenStream(answer), handle) => Ok((handle, answer.size)),
        other => panic!("{other:?}"),
    }
}

fn read(client: &mut Client, stream: Handle, count: u16) -> Answer<Vec<u8>> {
    let body = RopRequest::ReadStream(ReadStreamRequest::Count(count));
    match client.call(stream, body)? {
        RopResponse::ReadStream(answer) => Ok(answer.data.bytes),
        other => panic!("{other:?}"),
    }
}

fn write(client: &mut Client, stream: Handle, bytes: &[u8]) -> Answer<u16> {
    let body = RopRequest::WriteStream(WriteStreamRequest { data: bytes.to_vec().into() });
    match client.call(stream, body)? {
        RopResponse::WriteStream(answer) => Ok(answer.written),
        other => panic!("{other:?}"),
    }
}

fn seek(client: &mut Client, stream: Handle, origin: StreamOrigin, offset: i64) -> Answer<u64> {
    let body = RopRequest::SeekStream(SeekStreamRequest { origin, offset });
    match client.call(stream, body)? {
        RopResponse::SeekStream(answer) => Ok(answer.position),
        other => panic!("{other:?}"),
    }
}

fn size(client: &mut Client, stream: Handle) -> Answer<u32> {
    match client.call(stream, RopRequest::GetStreamSize(Empty))? {
        RopResponse::GetStreamSize(answer) => Ok(answer.size),
        other => panic!("{other:?}"),
    }
}
