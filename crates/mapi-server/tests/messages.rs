//! Folders, messages, recipients, attachments and streams: over the processor, without a socket.

mod support;

use std::sync::Arc;

use mapi::text::String8;
use mapi::wire::Counted;
use mapi::{
    ErrorCode, FolderId, MessageId, PropertyName, PropertyRow, PropertyTag, PropertyType,
    PropertyValue, RecipientRow, names as sets, tags,
};
use mapi_rop::folder::{
    DeleteFolderFlags, DeleteFolderRequest, DeleteMessagesRequest, EmptyFolderRequest, FolderType,
    MoveCopyMessagesRequest,
};
use mapi_rop::irregular::{CreateFolderRequest, FolderTexts, ReadStreamRequest};
use mapi_rop::message::{
    AttachmentIdBody, ModifyRecipientRow, ModifyRecipientsRequest, OpenAttachmentFlags,
    OpenAttachmentRequest, OpenEmbeddedMessageRequest, OpenMessageFlags, ReadFlags,
    ReadRecipientsRequest, RecipientType, RemoveAllRecipientsRequest, SaveFlags,
    SetReadFlagsRequest,
};
use mapi_rop::parts::SizedValues;
use mapi_rop::property::{
    DeletePropertiesRequest, GetNamesFromPropertyIdsRequest, GetPropertiesAllRequest,
    GetPropertiesSpecificRequest, GetPropertyIdsFromNamesRequest, NameFlags, QueryNamedFlags,
    QueryNamedPropertiesRequest, SetPropertiesRequest,
};
use mapi_rop::stream::{
    CopyToStreamRequest, OpenStreamRequest, SeekStreamRequest, SetStreamSizeRequest, StreamMode,
    StreamOrigin, WriteStreamRequest,
};
use mapi_rop::{Empty, Handle, RopRequest, RopResponse};
use mapi_server::{Kind, Limits, Options, Processor};
use store::{Account, SpecialFolder};
use support::{Client, processor};

const READ_WRITE: SaveFlags = SaveFlags::KEEP_OPEN_READ_WRITE;

fn inbox() -> FolderId {
    SpecialFolder::Inbox.id()
}

fn start() -> (Arc<Processor>, Vec<Account>, Client) {
    let (processor, accounts) = processor(1, Options::default());
    let client = Client::connect(&processor, &accounts[0]);
    (processor, accounts, client)
}

/// A saved message with a subject.
fn saved(client: &mut Client, subject: &str) -> MessageId {
    let message = client.create_message(inbox());
    client.set(message, tags::SUBJECT, subject);
    let id = client.save(message, READ_WRITE).expect("a save");
    client.release(message);
    id
}

fn make_folder(client: &mut Client, name: &str, open_existing: bool) -> Result<Handle, ErrorCode> {
    let parent = client.open_folder(SpecialFolder::IpmSubtree.id())?;
    client.open(
        parent,
        RopRequest::CreateFolder(CreateFolderRequest {
            folder_type: FolderType::Generic,
            open_existing,
            reserved: 0,
            texts: FolderTexts::Unicode { display_name: name.into(), comment: "".into() },
        }),
    )
}

#[test]
fn folders_are_made_once() {
    let (_processor, _, mut client) = start();
    let folder = make_folder(&mut client, "Projects", false).expect("a folder");
    assert_eq!(client.get(folder, tags::DISPLAY_NAME), Ok("Projects".into()));
    // MS-OXCFOLD R481, R482
    let again = make_folder(&mut client, "projects", false);
    assert_eq!(again, Err(ErrorCode::DUPLICATE_NAME));
    assert!(make_folder(&mut client, "Projects", true).is_ok());
    // MS-OXCFOLD R469
    let nowhere = client.open_folder(FolderId::own(0xffff_ffff));
    assert_eq!(nowhere, Err(ErrorCode::NOT_FOUND));
    // MS-OXCFOLD R473: not on a message.
    let message = client.create_message(inbox());
    let on_message = RopRequest::OpenFolder(mapi_rop::folder::OpenFolderRequest {
        folder: inbox(),
        flags: mapi_rop::folder::OpenFolderFlags::NONE,
    });
    assert_eq!(client.open(message, on_message), Err(ErrorCode::NOT_SUPPORTED));
}

#[test]
fn a_folder_with_content_is_not_deleted_by_the_way() {
    let (_processor, _, mut client) = start();
    let folder = make_folder(&mut client, "Full", false).expect("a folder");
    let Ok(PropertyValue::Integer64(id)) = client.get(folder, tags::FOLDER_ID) else { panic!() };
    let id = FolderId::from_i64(id);
    let message = client.create_message(id);
    client.save(message, READ_WRITE).expect("a save");
    let parent = client.open_folder(SpecialFolder::IpmSubtree.id()).expect("the subtree");
    let mut delete = |flags| {
        let request = DeleteFolderRequest { flags, folder: id };
        match client.call(parent, RopRequest::DeleteFolder(request)) {
            Ok(RopResponse::DeleteFolder(answer)) => Ok(answer.partial_completion),
            Ok(other) => panic!("{other:?}"),
            Err(code) => Err(code),
        }
    };
    // MS-OXCFOLD R123402, R816, R817
    assert_eq!(delete(DeleteFolderFlags(0x40)), Ok(true));
    assert_eq!(delete(DeleteFolderFlags::NONE), Ok(true));
    assert_eq!(delete(DeleteFolderFlags::DEL_MESSAGES | DeleteFolderFlags::DEL_FOLDERS), Ok(false));
    assert_eq!(client.open_folder(id), Err(ErrorCode::NOT_FOUND));
}

#[test]
fn a_message_is_there_when_it_is_saved() {
    let (processor, accounts, mut client) = start();
    let message = client.create_message(inbox());
    client.set(message, tags::SUBJECT, "Re: tea");
    // MS-OXCPRPT R476: seen at once through the same handle.
    assert_eq!(client.get(message, tags::SUBJECT), Ok("Re: tea".into()));
    let id = client.save(message, READ_WRITE).expect("a save");
    assert!(!id.is_none());

    let mut other = Client::connect(&processor, &accounts[0]);
    let seen = other.open_message(inbox(), id, OpenMessageFlags::NONE).expect("the message");
    assert_eq!(other.get(seen, tags::SUBJECT), Ok("Re: tea".into()));
    // MS-OXCPRPT R478: not before it is saved.
    client.set(message, tags::SUBJECT, "coffee");
    let seen = other.open_message(inbox(), id, OpenMessageFlags::NONE).expect("the message");
    assert_eq!(other.get(seen, tags::SUBJECT), Ok("Re: tea".into()));
    // MS-OXCMSG R1477: in its folder only.
    let elsewhere = SpecialFolder::Drafts.id();
    let wrong = other.open_message(elsewhere, id, OpenMessageFlags::NONE);
    assert_eq!(wrong, Err(ErrorCode::NOT_FOUND));
    let nothing = other.open_message(inbox(), MessageId::own(0xfff_ffff), OpenMessageFlags::NONE);
    assert_eq!(nothing, Err(ErrorCode::NOT_FOUND));
}

#[test]
fn of_two_saves_one_is_told_that_it_came_second() {
    let (processor, accounts, mut client) = start();
    let id = saved(&mut client, "one");
    let mut other = Client::connect(&processor, &accounts[0]);
    let mine = client.open_message(inbox(), id, OpenMessageFlags::READ_WRITE).expect("open");
    let theirs = other.open_message(inbox(), id, OpenMessageFlags::READ_WRITE).expect("open");
    client.set(mine, tags::SUBJECT, "mine");
    other.set(theirs, tags::SUBJECT, "theirs");
    assert_eq!(client.save(mine, READ_WRITE), Ok(id));
    // MS-OXCMSG R705
    assert_eq!(other.save(theirs, READ_WRITE), Err(ErrorCode::OBJECT_MODIFIED));
    let fresh = other.open_message(inbox(), id, OpenMessageFlags::NONE).expect("open");
    assert_eq!(other.get(fresh, tags::SUBJECT), Ok("mine".into()));
    // MS-OXCMSG R724
    assert_eq!(other.save(theirs, SaveFlags::FORCE_SAVE), Ok(id));
    let fresh = other.open_message(inbox(), id, OpenMessageFlags::NONE).expect("open");
    assert_eq!(other.get(fresh, tags::SUBJECT), Ok("theirs".into()));
}

#[test]
fn what_is_open_to_be_read_is_not_saved() {
    let (_processor, _, mut client) = start();
    let id = saved(&mut client, "one");
    let read = client.open_message(inbox(), id, OpenMessageFlags::NONE).expect("open");
    let values = SizedValues(vec![mapi::TaggedValue::new(tags::SUBJECT, "x")]);
    let set = RopRequest::SetProperties(SetPropertiesRequest { values });
    assert_eq!(client.call(read, set), Err(ErrorCode::ACCESS_DENIED));
    // MS-OXCMSG R1699
    assert_eq!(client.save(read, READ_WRITE), Err(ErrorCode::ERROR));
    // MS-OXCMSG R1671
    let write = client.open_message(inbox(), id, OpenMessageFlags::READ_WRITE).expect("open");
    assert_eq!(client.save(write, SaveFlags::KEEP_OPEN_READ_ONLY), Ok(id));
    assert_eq!(client.save(write, READ_WRITE), Err(ErrorCode::ERROR));
    assert_eq!(client.get(write, tags::ACCESS_LEVEL), Ok(0.into()));
}

fn specific(
    client: &mut Client,
    object: Handle,
    tags: &[PropertyTag],
    size_limit: u16,
    want_unicode: u16,
) -> PropertyRow {
    let request = GetPropertiesSpecificRequest {
        size_limit,
        want_unicode,
        tags: Counted::from(tags.to_vec()),
    };
    match client.call(object, RopRequest::GetPropertiesSpecific(request)) {
        Ok(RopResponse::GetPropertiesSpecific(answer)) => answer.row,
        other => panic!("{other:?}"),
    }
}

#[test]
fn properties_go_out_as_they_are_asked_for() {
    let (_processor, _, mut client) = start();
    let message = client.create_message(inbox());
    let subject8 = tags::SUBJECT.with_type(PropertyType::STRING8);
    client.set(message, subject8, PropertyValue::String8(String8(vec![b'a', 0xe9])));
    let open = tags::SUBJECT.with_type(PropertyType::UNSPECIFIED);
    let missing = PropertyTag::new(0x7ff0_0003);
    let row = specific(&mut client, message, &[tags::SUBJECT, subject8, open, missing], 0, 0);
    let eight = PropertyValue::String8(String8(vec![b'a', 0xe9]));
    assert_eq!(row.value(0), Some(&"a\u{e9}".into()));
    assert_eq!(row.value(1), Some(&eight));
    // MS-OXCPRPT R459
    assert_eq!(row.value(2), Some(&eight));
    assert_eq!(row.error(3), Some(ErrorCode::NOT_FOUND));
    // MS-OXCPRPT R458, and a standard row where nothing is missing.
    let row = specific(&mut client, message, &[open], 0, 1);
    assert_eq!(row, PropertyRow::Standard(vec!["a\u{e9}".into()]));
    // MS-OXCPRPT R9070102
    let row = specific(&mut client, message, &[tags::SUBJECT], 1, 1);
    assert_eq!(row.value(0), Some(&"a\u{e9}".into()));

    // MS-OXCPRPT R874, R487
    let delete = DeletePropertiesRequest { tags: Counted::from(vec![tags::SUBJECT]) };
    client.call(message, RopRequest::DeleteProperties(delete)).expect("a deletion");
    assert_eq!(client.get(message, tags::SUBJECT), Err(ErrorCode::NOT_FOUND));
    // MS-OXCPRPT R47506: what is computed is a problem, and nothing is set.
    let values = SizedValues(vec![
        mapi::TaggedValue::new(tags::IMPORTANCE, 2),
        mapi::TaggedValue::new(tags::MID, 5i64),
    ]);
    let set = RopRequest::SetProperties(SetPropertiesRequest { values });
    match client.call(message, set) {
        Ok(RopResponse::SetProperties(answer)) => {
            assert_eq!(answer.problems.len(), 1);
            assert_eq!((answer.problems[0].index, answer.problems[0].tag), (1, tags::MID));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(client.get(message, tags::IMPORTANCE), Ok(2.into()));
}

#[test]
fn large_values_are_told_as_errors_and_read_as_streams() {
    let (_processor, _, mut client) = start();
    let message = client.create_message(inbox());
    let body = "0123456789".repeat(20_000);
    let stream = open_stream(&mut client, message, tags::BODY, StreamMode::Create).expect("create");
    let bytes: Vec<u8> = body.encode_utf16().flat_map(u16::to_le_bytes).collect();
    write_all(&mut client, stream, &bytes);
    client.call(stream, RopRequest::CommitStream(Empty)).expect("a commit");
    client.release(stream);
    let id = client.save(message, READ_WRITE).expect("a save");

    let message = client.open_message(inbox(), id, OpenMessageFlags::NONE).expect("open");
    assert_eq!(client.get(message, tags::BODY), Err(ErrorCode::OUT_OF_MEMORY));
    let all = GetPropertiesAllRequest { size_limit: 0, want_unicode: 1 };
    let Ok(RopResponse::GetPropertiesAll(all)) =
        client.call(message, RopRequest::GetPropertiesAll(all))
    else {
        panic!()
    };
    let told = all.values.iter().find(|v| v.tag.id() == tags::BODY.id()).expect("the body");
    assert_eq!(told.value, PropertyValue::ErrorCode(ErrorCode::OUT_OF_MEMORY));
    let stream = open_stream(&mut client, message, tags::BODY, StreamMode::ReadOnly).expect("open");
    assert_eq!(read_all(&mut client, stream), bytes);
    let write = WriteStreamRequest { data: vec![1].into() };
    // MS-OXCPRPT R900
    assert_eq!(
        client.call(stream, RopRequest::WriteStream(write)),
        Err(ErrorCode::STORAGE_ACCESS_DENIED)
    );
}

fn open_stream(
    client: &mut Client,
    object: Handle,
    tag: PropertyTag,
    mode: StreamMode,
) -> Result<Handle, ErrorCode> {
    client.open(object, RopRequest::OpenStream(OpenStreamRequest { tag, mode }))
}

fn write_all(client: &mut Client, stream: Handle, bytes: &[u8]) {
    for piece in bytes.chunks(16 * 1024) {
        let write = WriteStreamRequest { data: piece.to_vec().into() };
        match client.call(stream, RopRequest::WriteStream(write)) {
            Ok(RopResponse::WriteStream(answer)) => {
                assert_eq!(usize::from(answer.written), piece.len());
            }
            other => panic!("{other:?}"),
        }
    }
}

fn read_all(client: &mut Client, stream: Handle) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let read = ReadStreamRequest::Count(0xf000);
        match client.call(stream, RopRequest::ReadStream(read)) {
            Ok(RopResponse::ReadStream(answer)) if answer.data.bytes.is_empty() => return bytes,
            Ok(RopResponse::ReadStream(answer)) => bytes.extend_from_slice(&answer.data.bytes),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn streams_seek_grow_and_copy() {
    let (_processor, _, mut client) = start();
    let message = client.create_message(inbox());
    // MS-OXCPRPT R549, R548
    let tag = tags::HTML;
    let missing = open_stream(&mut client, message, tag, StreamMode::ReadOnly);
    assert_eq!(missing, Err(ErrorCode::NOT_FOUND));
    let number = open_stream(&mut client, message, tags::IMPORTANCE, StreamMode::Create);
    assert_eq!(number, Err(ErrorCode::NOT_SUPPORTED));
    let stream = open_stream(&mut client, message, tag, StreamMode::Create).expect("create");
    write_all(&mut client, stream, b"abcdef");
    let seek = |client: &mut Client, origin, offset| match client
        .call(stream, RopRequest::SeekStream(SeekStreamRequest { origin, offset }))
    {
        Ok(RopResponse::SeekStream(answer)) => Ok(answer.position),
        Ok(other) => panic!("{other:?}"),
        Err(code) => Err(code),
    };
    assert_eq!(seek(&mut client, StreamOrigin::Beginning, 2), Ok(2));
    assert_eq!(seek(&mut client, StreamOrigin::Current, -1), Ok(1));
    assert_eq!(seek(&mut client, StreamOrigin::End, -2), Ok(4));
    // MS-OXCPRPT R584, R902
    let seek_error = Err(ErrorCode::STREAM_SEEK_ERROR);
    assert_eq!(seek(&mut client, StreamOrigin::Beginning, -1), seek_error);
    assert_eq!(seek(&mut client, StreamOrigin::Current, i64::MAX), seek_error);
    let odd = seek(&mut client, StreamOrigin::Unknown(7), 0);
    assert_eq!(odd, Err(ErrorCode::STORAGE_INVALID_PARAMETER));
    // MS-OXCPRPT R583: zeros up to the pointer.
    assert_eq!(seek(&mut client, StreamOrigin::Beginning, 8), Ok(8));
    write_all(&mut client, stream, b"!");
    // MS-OXCPRPT R57707
    let size = SetStreamSizeRequest { size: 9 };
    client.call(stream, RopRequest::SetStreamSize(size)).expect("a size");
    match client.call(stream, RopRequest::GetStreamSize(Empty)) {
        Ok(RopResponse::GetStreamSize(answer)) => assert_eq!(answer.size, 9),
        other => panic!("{other:?}"),
    }
    assert_eq!(seek(&mut client, StreamOrigin::Beginning, 0), Ok(0));
    assert_eq!(read_all(&mut client, stream), b"abcdef\0\0!");
    // MS-OXCPRPT R56401: the owner has the value without a commit.
    assert_eq!(client.get(message, tag), Ok(b"abcdef\0\0!".to_vec().into()));

    let copy = client.create_message(inbox());
    let target = open_stream(&mut client, copy, tag, StreamMode::Create).expect("create");
    assert_eq!(seek(&mut client, StreamOrigin::Beginning, 1), Ok(1));
    let request = CopyToStreamRequest { byte_count: 3 };
    match client.call_two(stream, target, RopRequest::CopyToStream(request.clone())) {
        Ok((RopResponse::CopyToStream(answer), _)) => {
            assert_eq!((answer.read, answer.written), (3, 3));
        }
        other => panic!("{other:?}"),
    }
    // MS-OXCPRPT R593
    let nowhere = client.call_two(stream, Handle::NONE, RopRequest::CopyToStream(request));
    assert_eq!(nowhere.err(), Some(ErrorCode::NULL_DESTINATION_OBJECT));
    assert_eq!(client.get(copy, tag), Ok(b"bcd".to_vec().into()));
}

fn recipient(row_id: u32, address: &str, extra: i32) -> ModifyRecipientRow {
    let row = RecipientRow::smtp(address, address, PropertyRow::Standard(vec![extra.into()]));
    ModifyRecipientRow { row_id, recipient_type: RecipientType::TO, row: Some(row) }
}

#[test]
fn recipients_come_and_go_by_row_id() {
    let (_processor, _, mut client) = start();
    let message = client.create_message(inbox());
    let columns = vec![tags::OBJECT_TYPE];
    let modify = |rows| {
        RopRequest::ModifyRecipients(ModifyRecipientsRequest { columns: columns.clone(), rows })
    };
    let read = |client: &mut Client, row_id| {
        client.learn(message, &columns);
        let request = ReadRecipientsRequest { row_id, reserved: 0 };
        match client.call(message, RopRequest::ReadRecipients(request)) {
            Ok(RopResponse::ReadRecipients(answer)) => {
                Ok(answer.rows.iter().map(|row| row.row_id).collect::<Vec<_>>())
            }
            Ok(other) => panic!("{other:?}"),
            Err(code) => Err(code),
        }
    };
    // MS-OXCMSG R403
    assert_eq!(read(&mut client, 0), Err(ErrorCode::NOT_FOUND));
    let rows = vec![recipient(4, "d@example.test", 6), recipient(1, "a@example.test", 6)];
    client.call(message, modify(rows)).expect("two recipients");
    assert_eq!(read(&mut client, 0), Ok(vec![1, 4]));
    // MS-OXCMSG R1054, R1055
    assert_eq!(read(&mut client, 4), Ok(vec![4]));
    assert_eq!(read(&mut client, 2), Err(ErrorCode::NOT_FOUND));
    let mut gone = recipient(1, "", 0);
    gone.row = None;
    let rows = vec![gone, recipient(4, "e@example.test", 6)];
    client.call(message, modify(rows)).expect("one less");
    assert_eq!(read(&mut client, 0), Ok(vec![4]));
    let id = client.save(message, READ_WRITE).expect("a save");

    let request = RopRequest::OpenMessage(mapi_rop::message::OpenMessageRequest {
        code_page: 1252,
        folder: inbox(),
        flags: OpenMessageFlags::NONE,
        message: id,
    });
    let logon = client.logon;
    let Ok((RopResponse::OpenMessage(opened), _)) = client.call_two(logon, Handle::NONE, request)
    else {
        panic!()
    };
    assert_eq!(opened.recipient_count, 1);
    let row = &opened.rows[0].row;
    assert_eq!(row.email_address, Some("e@example.test".into()));
    assert_eq!(row.address, mapi::recipient::RecipientAddress::Smtp);
    let at = opened.columns.iter().position(|tag| *tag == tags::OBJECT_TYPE).expect("the column");
    assert_eq!(row.properties.value(at), Some(&6.into()));

    // MS-OXCMSG R1491
    for _ in 0..2 {
        let request = RemoveAllRecipientsRequest { reserved: 0 };
        client.call(message, RopRequest::RemoveAllRecipients(request)).expect("none left");
    }
    assert_eq!(read(&mut client, 0), Err(ErrorCode::NOT_FOUND));
}

#[test]
fn attachments_are_saved_into_their_message() {
    let (_processor, _, mut client) = start();
    let message = client.create_message(inbox());
    let attachment =
        client.open(message, RopRequest::CreateAttachment(Empty)).expect("an attachment");
    client.set(attachment, tags::ATTACH_LONG_FILENAME, "a.bin");
    client.set(attachment, tags::ATTACH_METHOD, 1);
    let stream = open_stream(&mut client, attachment, tags::ATTACH_DATA_BINARY, StreamMode::Create)
        .expect("a stream");
    let data: Vec<u8> = (0..100_000u32).map(|n| n as u8).collect();
    write_all(&mut client, stream, &data);
    client.call(stream, RopRequest::CommitStream(Empty)).expect("a commit");
    let table = client
        .open(
            message,
            RopRequest::GetAttachmentTable(mapi_rop::message::GetAttachmentTableRequest {
                flags: mapi_rop::message::AttachmentTableFlags::UNICODE,
            }),
        )
        .expect("a table");
    let columns = [tags::ATTACH_NUMBER, tags::ATTACH_LONG_FILENAME];
    client.set_columns(table, &columns).expect("columns");
    assert_eq!(client.rows(table, true, 10).expect("rows").rows.len(), 0);
    client.save_attachment(attachment, message).expect("a save");
    let rows = client.rows(table, true, 10).expect("rows").rows;
    assert_eq!(rows, [PropertyRow::Standard(vec![0.into(), "a.bin".into()])]);
    client.release(stream);
    let id = client.save(message, READ_WRITE).expect("a save");

    let message = client.open_message(inbox(), id, OpenMessageFlags::READ_WRITE).expect("open");
    let open = |number| {
        RopRequest::OpenAttachment(OpenAttachmentRequest {
            flags: OpenAttachmentFlags::NONE,
            attachment: number,
        })
    };
    // MS-OXCMSG R440
    assert_eq!(client.open(message, open(7)), Err(ErrorCode::NOT_FOUND));
    let attachment = client.open(message, open(0)).expect("open");
    let tag = tags::ATTACH_DATA_BINARY;
    let stream = open_stream(&mut client, attachment, tag, StreamMode::ReadOnly).expect("open");
    assert_eq!(read_all(&mut client, stream), data);
    let delete = AttachmentIdBody { attachment: 0 };
    client.call(message, RopRequest::DeleteAttachment(delete.clone())).expect("a deletion");
    // MS-OXCMSG R1063
    let again = client.call(message, RopRequest::DeleteAttachment(delete));
    assert_eq!(again, Err(ErrorCode::NOT_FOUND));
    assert_eq!(client.get(message, tags::HAS_ATTACHMENTS), Ok(false.into()));
}

#[test]
fn an_embedded_message_is_saved_inside_out() {
    let (_processor, _, mut client) = start();
    let message = client.create_message(inbox());
    let attachment =
        client.open(message, RopRequest::CreateAttachment(Empty)).expect("an attachment");
    client.set(attachment, tags::ATTACH_METHOD, 5);
    let open = |flags| {
        RopRequest::OpenEmbeddedMessage(OpenEmbeddedMessageRequest { code_page: 0x0fff, flags })
    };
    assert_eq!(
        client.open(attachment, open(OpenMessageFlags::READ_WRITE)),
        Err(ErrorCode::NOT_FOUND)
    );
    let inner = client.open(attachment, open(OpenMessageFlags::CREATE)).expect("a new one");
    client.set(inner, tags::SUBJECT, "inside");
    client.save(inner, READ_WRITE).expect("into the attachment");
    client.release(inner);
    client.save_attachment(attachment, message).expect("into the message");
    client.release(attachment);
    let id = client.save(message, READ_WRITE).expect("into the mailbox");
    client.release(message);

    let message = client.open_message(inbox(), id, OpenMessageFlags::NONE).expect("open");
    let attachment = client
        .open(
            message,
            RopRequest::OpenAttachment(OpenAttachmentRequest {
                flags: OpenAttachmentFlags::BEST_ACCESS,
                attachment: 0,
            }),
        )
        .expect("open");
    let inner = client.open(attachment, open(OpenMessageFlags::NONE)).expect("open");
    assert_eq!(client.get(inner, tags::SUBJECT), Ok("inside".into()));
    // A message that is read-only has nothing in it that is not.
    let create = client.open(attachment, open(OpenMessageFlags::CREATE));
    assert_eq!(create, Err(ErrorCode::ACCESS_DENIED));
}

#[test]
fn messages_move_are_copied_and_deleted() {
    let (_processor, _, mut client) = start();
    let ids = vec![saved(&mut client, "one"), saved(&mut client, "two")];
    let from = client.inbox();
    let drafts = SpecialFolder::Drafts.id();
    let to = client.open_folder(drafts).expect("drafts");
    let count = |client: &mut Client, folder| {
        client.get(folder, tags::CONTENT_COUNT).map(|value| value.as_i32())
    };
    let request = |messages: &[MessageId], want_copy| {
        RopRequest::MoveCopyMessages(MoveCopyMessagesRequest {
            messages: Counted::from(messages.to_vec()),
            want_asynchronous: false,
            want_copy,
        })
    };
    let partial = |answer: Result<(RopResponse, Handle), ErrorCode>| match answer {
        Ok((RopResponse::MoveCopyMessages(answer), _)) => Ok(answer.partial_completion),
        Ok(other) => panic!("{other:?}"),
        Err(code) => Err(code),
    };
    assert_eq!(partial(client.call_two(from, to, request(&ids, true))), Ok(false));
    assert_eq!((count(&mut client, from), count(&mut client, to)), (Ok(Some(2)), Ok(Some(2))));
    assert_eq!(partial(client.call_two(from, to, request(&ids[..1], false))), Ok(false));
    assert_eq!((count(&mut client, from), count(&mut client, to)), (Ok(Some(1)), Ok(Some(3))));
    // MS-OXCFOLD R586: the first is not there any more.
    assert_eq!(partial(client.call_two(from, to, request(&ids[..1], false))), Ok(true));
    let nowhere = partial(client.call_two(from, Handle::NONE, request(&ids, true)));
    assert_eq!(nowhere, Err(ErrorCode::NULL_DESTINATION_OBJECT));

    let delete = |messages: &[MessageId]| {
        RopRequest::DeleteMessages(DeleteMessagesRequest {
            want_asynchronous: false,
            notify_non_read: false,
            messages: Counted::from(messages.to_vec()),
        })
    };
    match client.call(from, delete(&ids)) {
        Ok(RopResponse::DeleteMessages(answer)) => assert!(answer.partial_completion),
        other => panic!("{other:?}"),
    }
    assert_eq!(count(&mut client, from), Ok(Some(0)));
    let empty = EmptyFolderRequest { want_asynchronous: false, want_delete_associated: true };
    match client.call(to, RopRequest::EmptyFolder(empty)) {
        Ok(RopResponse::EmptyFolder(answer)) => assert!(!answer.partial_completion),
        other => panic!("{other:?}"),
    }
    assert_eq!(count(&mut client, to), Ok(Some(0)));
}

#[test]
fn read_flags_are_set_for_some_or_for_all() {
    let (_processor, _, mut client) = start();
    let ids = [saved(&mut client, "one"), saved(&mut client, "two")];
    let folder = client.inbox();
    let unread = |client: &mut Client| {
        client.get(folder, tags::CONTENT_UNREAD_COUNT).map(|value| value.as_i32())
    };
    let set = |flags: u8, messages: &[MessageId]| {
        RopRequest::SetReadFlags(SetReadFlagsRequest {
            want_asynchronous: false,
            flags: ReadFlags(flags),
            messages: Counted::from(messages.to_vec()),
        })
    };
    client.call(folder, set(0x05, &[])).expect("all unread");
    assert_eq!(unread(&mut client), Ok(Some(2)));
    client.call(folder, set(0x01, &ids[..1])).expect("one read");
    assert_eq!(unread(&mut client), Ok(Some(1)));
    // MS-OXCMSG R1514
    match client.call(folder, set(0x01, &[MessageId::own(0xfff_ffff)])) {
        Ok(RopResponse::SetReadFlags(answer)) => assert!(answer.partial_completion),
        other => panic!("{other:?}"),
    }
    // A message of another folder is none of this one's.
    let drafts = client.open_folder(SpecialFolder::Drafts.id()).expect("drafts");
    match client.call(drafts, set(0x01, &ids)) {
        Ok(RopResponse::SetReadFlags(answer)) => assert!(answer.partial_completion),
        other => panic!("{other:?}"),
    }
    assert_eq!(unread(&mut client), Ok(Some(1)));
    // MS-OXCMSG R812
    assert_eq!(client.call(folder, set(0x14, &[])), Err(ErrorCode::INVALID_PARAMETER));
    // MS-OXCMSG R1516
    let logon = client.logon;
    assert_eq!(client.call(logon, set(0x01, &[])), Err(ErrorCode::NULL_OBJECT));
}

#[test]
fn names_get_ids_and_keep_them() {
    let (_processor, _, mut client) = start();
    let logon = client.logon;
    let names = vec![
        PropertyName::string(sets::PS_PUBLIC_STRINGS, "Keywords"),
        PropertyName::id(sets::PSETID_COMMON, 0x8503),
        PropertyName::id(sets::PS_MAPI, 0x0037),
        PropertyName::string(sets::PS_MAPI, "no"),
    ];
    let ids = |client: &mut Client, flags| {
        let request = GetPropertyIdsFromNamesRequest { flags, names: Counted::from(names.clone()) };
        match client.call(logon, RopRequest::GetPropertyIdsFromNames(request)) {
            Ok(RopResponse::GetPropertyIdsFromNames(answer)) => {
                (answer.ids, answer.errors_returned)
            }
            other => panic!("{other:?}"),
        }
    };
    let unmapped = PropertyName::string(sets::PS_PUBLIC_STRINGS, "never seen before");
    let request = GetPropertyIdsFromNamesRequest {
        flags: NameFlags::NONE,
        names: Counted::from(vec![unmapped]),
    };
    match client.call(logon, RopRequest::GetPropertyIdsFromNames(request)) {
        // MS-OXCPRPT R226
        Ok(RopResponse::GetPropertyIdsFromNames(answer)) => {
            assert_eq!((answer.ids, answer.errors_returned), (vec![0], true));
        }
        other => panic!("{other:?}"),
    }
    let (made, errors) = ids(&mut client, NameFlags::CREATE);
    assert!(made[0] >= 0x8000 && made[1] >= 0x8000 && made[0] != made[1]);
    // MS-OXCPRPT R642, R225
    assert_eq!((made[2], made[3], errors), (0x0037, 0, true));
    assert_eq!(ids(&mut client, NameFlags::NONE).0, made);

    let request =
        GetNamesFromPropertyIdsRequest { ids: Counted::from(vec![made[0], 0x0037, 0xfff0]) };
    match client.call(logon, RopRequest::GetNamesFromPropertyIds(request)) {
        Ok(RopResponse::GetNamesFromPropertyIds(answer)) => {
            assert_eq!(answer.names[0], Some(names[0].clone()));
            // MS-OXCPRPT R518 to R520, R523
            assert_eq!(answer.names[1], Some(PropertyName::id(sets::PS_MAPI, 0x0037)));
            assert_eq!(answer.names[2], None);
        }
        other => panic!("{other:?}"),
    }
    let request = QueryNamedPropertiesRequest {
        flags: QueryNamedFlags::NO_IDS,
        set: mapi_rop::parts::Flagged(Some(sets::PS_PUBLIC_STRINGS)),
    };
    match client.call(logon, RopRequest::QueryNamedProperties(request)) {
        // MS-OXCPRPT R877, R878
        Ok(RopResponse::QueryNamedProperties(answer)) => {
            assert!(answer.properties.contains(&(made[0], names[0].clone())));
            assert!(answer.properties.iter().all(|(_, n)| n.set == sets::PS_PUBLIC_STRINGS));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_message_holds_is_counted_as_it_is() {
    let (processor, _, mut client) = start();
    let message = client.create_message(SpecialFolder::Inbox.id());
    let before = processor.ledger.bytes();
    // The same property again and again is one property.
    for _ in 0..50 {
        client.set(message, tags::SUBJECT, "x".repeat(1_000).as_str());
    }
    let held = processor.ledger.bytes() - before;
    assert!((1_000..4_000).contains(&held), "{held}");
    client.set(message, tags::SUBJECT, "x");
    assert!(processor.ledger.bytes() - before < 500);

    // A staged value counts until the message that took it is gone, whatever becomes of the stream.
    let stream = open_stream(&mut client, message, tags::BODY, StreamMode::Create).expect("open");
    write_all(&mut client, stream, &vec![b'y'; 20_000]);
    let usage = processor.ledger.usage();
    assert_eq!((usage.of(Kind::Staged), usage.staged), (1, 20_000));
    assert_eq!(client.call(stream, RopRequest::CommitStream(Empty)).map(|_| ()), Ok(()));
    client.release(stream);
    let usage = processor.ledger.usage();
    assert_eq!((usage.of(Kind::Stream), usage.of(Kind::Staged), usage.staged), (0, 1, 20_000));
    client.release(message);
    drop(client);
    assert_eq!(processor.ledger.usage(), Default::default());
    assert_eq!(processor.store.gauges().staged_bytes, 0);
}

/// Who may have no operation that goes on has it done as a whole.
#[test]
fn a_limit_of_operations_makes_them_whole() {
    for operations in [0, 1] {
        let limits = Limits { operations, ..Limits::default() };
        let (processor, accounts) = processor(1, Options { limits, ..Options::default() });
        let mailbox = processor.store.mailbox(accounts[0].mailbox).unwrap();
        for _ in 0..300 {
            let content = mapi::MessageContent::default();
            store::message::import(&mailbox, inbox(), content, &Default::default()).unwrap();
        }
        let mut client = Client::connect(&processor, &accounts[0]);
        let folder = client.inbox();
        let empty = EmptyFolderRequest { want_asynchronous: true, want_delete_associated: false };
        let answer = client.call(folder, RopRequest::EmptyFolder(empty));
        let goes_on = operations == 1;
        let left = store::folder::info(&mailbox, inbox()).unwrap().contents;
        match answer {
            Ok(RopResponse::Progress(_)) if goes_on => assert_eq!(left, 44),
            Ok(RopResponse::EmptyFolder(_)) if !goes_on => assert_eq!(left, 0),
            other => panic!("{other:?} with {operations} operations"),
        }
        assert_eq!(processor.ledger.live(Kind::Operation), u64::from(goes_on));
        drop(client);
        assert_eq!(processor.ledger.live(Kind::Operation), 0);
    }
}
