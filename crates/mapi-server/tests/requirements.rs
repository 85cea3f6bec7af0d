//! Requirements of the specifications that only unusual requests meet, a test a chapter.

mod support;

use std::sync::Arc;

use mapi::entry_id::AddressBookEntryId;
use mapi::row::TaggedValue;
use mapi::text::String8;
use mapi::{
    ErrorCode, FolderId, GlobalCounter, Guid, LongTermId, PropertyProblem, PropertyRow,
    PropertyType, PropertyValue, RecipientRow, ReplId, SortOrder, SortOrderSet, Wire, tags,
};
use mapi_rop::folder::{GetTableRequest, TableFlags};
use mapi_rop::logon::{IdFromLongTermIdRequest, LongTermIdFromIdRequest};
use mapi_rop::message::{
    ModifyRecipientRow, ModifyRecipientsRequest, OpenAttachmentFlags, OpenAttachmentRequest,
    OpenMessageFlags, ReadRecipientsRequest, RecipientType, SaveFlags,
};
use mapi_rop::parts::SizedValues;
use mapi_rop::property::SetPropertiesRequest;
use mapi_rop::stream::{OpenStreamRequest, StreamMode, WriteStreamRequest};
use mapi_rop::table::{AsyncFlags, SortTableRequest};
use mapi_rop::{Empty, RopRequest, RopResponse};
use mapi_server::{Options, Processor};
use store::{Account, SpecialFolder};
use support::{Client, processor};

fn start() -> (Arc<Processor>, Vec<Account>, Client) {
    let (processor, accounts) = processor(1, Options::default());
    let client = Client::connect(&processor, &accounts[0]);
    (processor, accounts, client)
}

fn short_id(client: &mut Client, id: LongTermId) -> Result<FolderId, ErrorCode> {
    let body = RopRequest::IdFromLongTermId(IdFromLongTermIdRequest { long_term_id: id });
    let logon = client.logon;
    match client.call(logon, body)? {
        RopResponse::IdFromLongTermId(answer) => Ok(answer.id.folder()),
        other => panic!("{other:?}"),
    }
}

fn long_id(client: &mut Client, id: FolderId) -> Result<LongTermId, ErrorCode> {
    let body = RopRequest::LongTermIdFromId(LongTermIdFromIdRequest { id: id.into() });
    let logon = client.logon;
    match client.call(logon, body)? {
        RopResponse::LongTermIdFromId(answer) => Ok(answer.long_term_id),
        other => panic!("{other:?}"),
    }
}

#[test]
fn ids_of_other_replicas_get_a_number() {
    let (_processor, _, mut client) = start();
    let inbox = SpecialFolder::Inbox.id();
    let own = long_id(&mut client, inbox).expect("a long-term id");
    assert_eq!(short_id(&mut client, own), Ok(inbox));
    // MS-OXCSTOR R950, R1246, R952, R1253
    let foreign = LongTermId::new(Guid([7; 16]), GlobalCounter::new(0x1234));
    let id = short_id(&mut client, foreign).expect("a new replica");
    assert_ne!(id.replica, inbox.replica);
    assert_eq!(id.counter, foreign.counter);
    assert_eq!(short_id(&mut client, foreign), Ok(id));
    assert_eq!(long_id(&mut client, id), Ok(foreign));
    // MS-OXCSTOR R1245: nothing has to be there, and nothing is.
    assert_eq!(client.open_folder(id), Err(ErrorCode::NOT_FOUND));
    // MS-OXCSTOR R94801001: Exchange 2016 takes it.
    let nobody = LongTermId::new(Guid::NULL, GlobalCounter::new(1));
    let zero = FolderId::new(ReplId(0), GlobalCounter::new(1));
    assert_eq!(short_id(&mut client, nobody), Ok(zero));
    // MS-OXCSTOR R946
    let unknown = FolderId::new(ReplId(999), GlobalCounter::new(1));
    assert_eq!(long_id(&mut client, unknown), Err(ErrorCode::NOT_FOUND));
}

#[test]
fn table_flags_are_checked() {
    let (_processor, _, mut client) = start();
    let inbox = client.inbox();
    let table = |client: &mut Client, contents: bool, flags: u8| {
        let request = GetTableRequest { flags: TableFlags(flags) };
        let body = match contents {
            true => RopRequest::GetContentsTable(request),
            false => RopRequest::GetHierarchyTable(request),
        };
        client.open(inbox, body).map(|handle| client.release(handle))
    };
    for valid in [0x00, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80] {
        assert_eq!(table(&mut client, false, valid), Ok(()), "{valid:#x}");
    }
    // MS-OXCFOLD R314
    for other in [0x01, 0x02] {
        assert_eq!(table(&mut client, false, other), Err(ErrorCode::NOT_SUPPORTED), "{other:#x}");
    }
    for valid in [0x00, 0x02, 0x08, 0x10, 0x20, 0x22, 0x40] {
        assert_eq!(table(&mut client, true, valid), Ok(()), "{valid:#x}");
    }
    // MS-OXCFOLD R330
    for invalid in [0x01, 0x04] {
        assert_eq!(table(&mut client, true, invalid), Err(ErrorCode::INVALID_PARAMETER));
    }
    assert_eq!(table(&mut client, true, 0x80), Err(ErrorCode::NOT_SUPPORTED));
}

#[test]
fn message_flags_are_the_clients_up_to_the_first_save() {
    let (_processor, _, mut client) = start();
    let inbox = SpecialFolder::Inbox.id();
    let message = client.create_message(inbox);
    // MS-OXCMSG R347, R1480: mfUnsent, mfRead and mfEverRead.
    assert_eq!(client.get(message, tags::MESSAGE_FLAGS), Ok(0x0409.into()));
    client.save(message, SaveFlags::KEEP_OPEN_READ_WRITE).expect("a save");
    // MS-OXCMSG R519: not modified since the first save.
    assert_eq!(client.get(message, tags::MESSAGE_FLAGS), Ok(0x040b.into()));
    // MS-OXCMSG R31, R516: read-only from now on.
    let values = SizedValues(vec![TaggedValue::new(tags::MESSAGE_FLAGS, 0x0021)]);
    let body = RopRequest::SetProperties(SetPropertiesRequest { values });
    let problems = match client.call(message, body) {
        Ok(RopResponse::SetProperties(answer)) => answer.problems.items,
        other => panic!("{other:?}"),
    };
    let problem =
        PropertyProblem { index: 0, tag: tags::MESSAGE_FLAGS, error: ErrorCode::COMPUTED };
    assert_eq!(problems, [problem]);
    client.set(message, tags::SUBJECT, "changed");
    client.save(message, SaveFlags::KEEP_OPEN_READ_WRITE).expect("a save");
    assert_eq!(client.get(message, tags::MESSAGE_FLAGS), Ok(0x0409.into()));

    let sent = client.create_message(inbox);
    client.set(sent, tags::MESSAGE_FLAGS, 0x0001);
    client.save(sent, SaveFlags::KEEP_OPEN_READ_WRITE).expect("a save");
    assert_eq!(client.get(sent, tags::MESSAGE_FLAGS), Ok(0x0403.into()));
}

#[test]
fn a_message_says_who_made_it() {
    let (_processor, accounts, mut client) = start();
    let message = client.create_message(SpecialFolder::Inbox.id());
    let name: PropertyValue = accounts[0].display_name.as_str().into();
    // MS-OXCMSG R341 to R343, R352, R360, R362, R365
    assert_eq!(client.get(message, tags::IMPORTANCE), Ok(1.into()));
    assert_eq!(client.get(message, tags::MESSAGE_CLASS), Ok("IPM.Note".into()));
    assert_eq!(client.get(message, tags::SENSITIVITY), Ok(0.into()));
    assert_eq!(client.get(message, tags::TRUST_SENDER), Ok(1.into()));
    assert_eq!(client.get(message, tags::CREATOR_NAME), Ok(name.clone()));
    assert_eq!(client.get(message, tags::LAST_MODIFIER_NAME), Ok(name.clone()));
    assert_eq!(client.get(message, tags::LOCALE_ID), Ok(0x0409.into()));
    // MS-OXCMSG R361, R363
    let entry_id = AddressBookEntryId::new(&accounts[0].legacy_dn, 0).to_wire();
    assert_eq!(client.get(message, tags::CREATOR_ENTRY_ID), Ok(entry_id.clone().into()));
    assert_eq!(client.get(message, tags::LAST_MODIFIER_ENTRY_ID), Ok(entry_id.into()));
    // MS-OXCMSG R1185: the last who changed it, whatever it said of that.
    client.set(message, tags::LAST_MODIFIER_ENTRY_ID, vec![1u8]);
    client.save(message, SaveFlags::KEEP_OPEN_READ_WRITE).expect("a save");
    assert_eq!(client.get(message, tags::LAST_MODIFIER_NAME), Ok(name));
}

#[test]
fn access_is_what_was_asked_for() {
    let (_processor, _, mut client) = start();
    let inbox = SpecialFolder::Inbox.id();
    let message = client.create_message(inbox);
    let attachment = client.open(message, RopRequest::CreateAttachment(Empty)).expect("one");
    client.save_attachment(attachment, message).expect("a save");
    let id = client.save(message, SaveFlags::KEEP_OPEN_READ_WRITE).expect("a save");
    // MS-OXCMSG R661, R663, R665, R1293: bits that mean nothing are ignored.
    for (flags, level) in [(0x00, 0), (0x01, 1), (0x02, 0), (0x03, 1), (0x80, 0), (0x81, 1)] {
        let opened = client.open_message(inbox, id, OpenMessageFlags(flags)).expect("a message");
        assert_eq!(client.get(opened, tags::ACCESS_LEVEL), Ok(level.into()), "{flags:#x}");
        client.release(opened);
    }
    // MS-OXCPRPT R26, MS-OXCMSG R917, R918
    for (flags, level) in [(0x00, 0), (0x01, 1), (0x03, 1)] {
        let flags = OpenAttachmentFlags(flags);
        let request = OpenAttachmentRequest { flags, attachment: 0 };
        let opened = client.open(message, RopRequest::OpenAttachment(request)).expect("one");
        assert_eq!(client.get(opened, tags::ACCESS_LEVEL), Ok(level.into()));
        client.release(opened);
    }
}

#[test]
fn recipients_come_in_fewer_than_255_rows() {
    let (_processor, _, mut client) = start();
    let message = client.create_message(SpecialFolder::Inbox.id());
    let row = |row_id| ModifyRecipientRow {
        row_id,
        recipient_type: RecipientType::TO,
        row: Some(RecipientRow::smtp("a@b.c", "a", PropertyRow::Standard(Vec::new()))),
    };
    let rows = (0..300).map(row).collect();
    let request = ModifyRecipientsRequest { columns: Vec::new(), rows };
    client.call(message, RopRequest::ModifyRecipients(request)).expect("recipients");
    let mut read = |row_id| {
        client.learn(message, &[]);
        let request = ReadRecipientsRequest { row_id, reserved: 0 };
        match client.call(message, RopRequest::ReadRecipients(request)) {
            Ok(RopResponse::ReadRecipients(answer)) => answer.rows.len(),
            other => panic!("{other:?}"),
        }
    };
    // MS-OXCMSG R763
    assert_eq!(read(0), 254);
    assert_eq!(read(254), 46);
}

#[test]
fn instances_of_multivalue_text_come_in_eight_bits_too() {
    let (_processor, _, mut client) = start();
    let message = client.create_message(SpecialFolder::Inbox.id());
    let names = tags::SCHEDULE_INFO_DELEGATE_NAMES;
    client.set(message, names, PropertyValue::MultipleString(vec!["b".into(), "a".into()]));
    client.save(message, SaveFlags::KEEP_OPEN_READ_WRITE).expect("a save");
    let inbox = client.inbox();
    let table = client.contents(inbox);
    // PtypMultipleString8 with the MultivalueInstance bit.
    let instance = names.with_type(PropertyType(0x301e));
    client.set_columns(table, &[instance]).expect("a column");
    let orders = vec![SortOrder::ascending(instance)];
    let order = SortOrderSet { orders, categories: 0, expanded: 0 };
    let request = SortTableRequest { flags: AsyncFlags::NONE, order };
    client.call(table, RopRequest::SortTable(request)).expect("an order");
    // MS-OXCTABL R433, R448
    let rows = client.rows(table, true, 10).expect("rows").rows;
    let row = |text: &str| {
        PropertyRow::Standard(vec![PropertyValue::String8(String8(text.as_bytes().to_vec()))])
    };
    assert_eq!(rows, [row("a"), row("b")]);
}

#[test]
fn streams_on_computed_properties_are_for_reading() {
    let (_processor, _, mut client) = start();
    let message = client.create_message(SpecialFolder::Inbox.id());
    client.save(message, SaveFlags::KEEP_OPEN_READ_WRITE).expect("a save");
    let open = |client: &mut Client, mode| {
        let request = OpenStreamRequest { tag: tags::CHANGE_KEY, mode };
        client.open(message, RopRequest::OpenStream(request))
    };
    // MS-OXCPRPT R47506: clients may not set them.
    for mode in [StreamMode::ReadWrite, StreamMode::Create] {
        assert_eq!(open(&mut client, mode), Err(ErrorCode::ACCESS_DENIED));
    }
    let stream = open(&mut client, StreamMode::BestAccess).expect("a stream");
    let write = WriteStreamRequest { data: vec![1].into() };
    let written = client.call(stream, RopRequest::WriteStream(write));
    // MS-OXCPRPT R900
    assert_eq!(written, Err(ErrorCode::STORAGE_ACCESS_DENIED));
    client.save(message, SaveFlags::KEEP_OPEN_READ_WRITE).expect("another save");
}
