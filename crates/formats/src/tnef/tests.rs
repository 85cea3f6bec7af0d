use mapi::generated::named::PS_PUBLIC_STRINGS;
use mapi::{
    AttachedContent, AttachmentContent, FileTime, MessageContent, PropertyName, PropertyValue,
    RecipientContent, tags,
};

use super::attributes::{AttributeId, Level, begin, ids, push};
use super::{MAX_NESTING, TnefError, Writing, read, write, write_with};

fn stream(attributes: &[(Level, AttributeId, &[u8])]) -> Vec<u8> {
    let mut out = begin(1);
    attributes.iter().for_each(|(level, id, data)| push(&mut out, *level, *id, data));
    out
}

fn message(attributes: &[(AttributeId, &[u8])]) -> MessageContent {
    let attributes: Vec<_> =
        attributes.iter().map(|(id, data)| (Level::Message, *id, *data)).collect();
    let (content, report) = read(&stream(&attributes)).unwrap();
    assert!(report.is_whole(), "{report:?}");
    content
}

/// A stream of the days before MAPI: nothing is encapsulated ([MS-OXTNEF] 2.1.3.3).
#[test]
fn attributes_stand_for_properties() {
    let date = [0xd4, 7, 2, 0, 17, 0, 11, 0, 25, 0, 35, 0, 2, 0];
    let content = message(&[
        (ids::TNEF_VERSION, &[0, 0, 1, 0]),
        (ids::OEM_CODEPAGE, &[0xe3, 4, 0, 0, 0, 0, 0, 0]),
        (ids::MESSAGE_CLASS, b"IPM.Microsoft Schedule.MtgRespP\0"),
        (ids::ORIGINAL_MESSAGE_CLASS, b"IPM.Microsoft Mail.Note\0"),
        (ids::FROM, b"\x04\0\x1e\0\x04\0\x0a\0abc\0fax:12-34\0"),
        (ids::SUBJECT, b"\xcf\xf0\0"),
        (ids::BODY, b"\xcf\xf0\xe8\0"),
        (ids::MESSAGE_ID, b"0aFF\0"),
        (ids::PARENT_ID, b"01\0"),
        (ids::CONVERSATION_ID, b"02\0"),
        (ids::PRIORITY, &[1, 0]),
        (ids::MESSAGE_STATUS, &[0x24]),
        (ids::DATE_SENT, &date),
        (ids::DATE_RECEIVED, &date),
        (ids::DATE_MODIFIED, &date),
        (ids::DATE_START, &date),
        (ids::DATE_END, &date),
        (ids::REQUEST_RESPONSE, &[1, 0]),
        (ids::APPOINTMENT_ID_OWNER, &[7, 0, 0, 0]),
        (ids::OWNER, b"\x02\0o\0\x09\0smtp:o@x\0"),
        (ids::SENT_FOR, b"\x02\0s\0\x09\0smtp:s@x\0"),
    ]);
    let text = |tag| content.properties.text(tag).unwrap_or_default();
    assert_eq!(text(tags::MESSAGE_CLASS), "IPM.Schedule.Meeting.Resp.Pos");
    assert_eq!(text(tags::ORIGINAL_MESSAGE_CLASS), "IPM.Note");
    assert_eq!(text(tags::SENDER_NAME), "abc");
    assert_eq!(text(tags::SENDER_ADDRESS_TYPE), "FAX");
    assert_eq!(text(tags::SENDER_EMAIL_ADDRESS), "12-34");
    assert_eq!(text(tags::SUBJECT), "Пр");
    assert_eq!(text(tags::BODY), "При");
    // The owner of a meeting gets its answers.
    assert_eq!(text(tags::RECEIVED_REPRESENTING_EMAIL_ADDRESS), "o@x");
    assert_eq!(text(tags::SENT_REPRESENTING_EMAIL_ADDRESS), "s@x");
    let value = |tag| content.properties.get(tag).unwrap().clone();
    assert_eq!(value(tags::SEARCH_KEY), PropertyValue::Binary(vec![0x0a, 0xff]));
    assert_eq!(value(tags::PARENT_KEY), PropertyValue::Binary(vec![1]));
    assert_eq!(value(tags::CONVERSATION_KEY), PropertyValue::Binary(vec![2]));
    assert_eq!(value(tags::IMPORTANCE), PropertyValue::Integer32(2));
    // Read, unmodified, submitted.
    assert_eq!(value(tags::MESSAGE_FLAGS), PropertyValue::Integer32(7));
    assert_eq!(value(tags::RESPONSE_REQUESTED), PropertyValue::Boolean(true));
    assert_eq!(value(tags::OWNER_APPOINTMENT_ID), PropertyValue::Integer32(7));
    let time = PropertyValue::Time(FileTime::from_unix(1_077_017_135, 0));
    for tag in [
        tags::CLIENT_SUBMIT_TIME,
        tags::MESSAGE_DELIVERY_TIME,
        tags::LAST_MODIFICATION_TIME,
        tags::START_DATE,
        tags::END_DATE,
    ] {
        assert_eq!(value(tag), time, "{tag:?}");
    }
}

#[test]
fn the_owner_of_a_request_sent_it() {
    let content = message(&[
        (ids::MESSAGE_CLASS, b"IPM.Microsoft Schedule.MtgReq\0"),
        (ids::OWNER, b"\x02\0o\0\x09\0smtp:o@x\0"),
    ]);
    let address = content.properties.text(tags::SENT_REPRESENTING_EMAIL_ADDRESS);
    assert_eq!(address.as_deref(), Some("o@x"));
}

/// [MS-OXTNEF] 2.1.3: encapsulated values are used instead of conflicting attributes.
#[test]
fn encapsulated_properties_win() {
    let mut list = vec![1, 0, 0, 0, 0x1e, 0, 0x37, 0, 1, 0, 0, 0, 5, 0, 0, 0];
    list.extend_from_slice(b"long\0\0\0\0");
    let content = message(&[(ids::SUBJECT, b"short\0"), (ids::MSG_PROPS, &list)]);
    assert_eq!(content.properties.text(tags::SUBJECT).as_deref(), Some("long"));
}

#[test]
fn attachments_of_old_are_read() {
    let date = [0xd4, 7, 2, 0, 17, 0, 11, 0, 25, 0, 35, 0, 2, 0];
    let rend_data = [1, 0, 5, 0, 0, 0, 32, 0, 32, 0, 1, 0, 0, 0];
    let ole = [2, 0, 0xff, 0xff, 0xff, 0xff, 32, 0, 32, 0, 0, 0, 0, 0];
    let (content, report) = read(&stream(&[
        (Level::Attachment, ids::ATTACH_REND_DATA, &rend_data),
        (Level::Attachment, ids::ATTACH_TITLE, b"a.txt\0"),
        (Level::Attachment, ids::ATTACH_TRANSPORT_FILENAME, b"t\0"),
        (Level::Attachment, ids::ATTACH_META_FILE, b"picture"),
        (Level::Attachment, ids::ATTACH_CREATE_DATE, &date),
        (Level::Attachment, ids::ATTACH_MODIFY_DATE, &date),
        (Level::Attachment, ids::ATTACH_DATA, b"data"),
        (Level::Attachment, ids::ATTACH_REND_DATA, &ole),
        (Level::Attachment, ids::ATTACH_DATA, b"object"),
    ]))
    .unwrap();
    assert!(report.is_whole(), "{report:?}");
    let [file, object] = content.attachments.as_slice() else { panic!("{content:?}") };
    assert_eq!(file.content, AttachedContent::Bytes(b"data".to_vec()));
    let bag = &file.properties;
    assert_eq!(bag.text(tags::ATTACH_FILENAME).as_deref(), Some("a.txt"));
    assert_eq!(bag.text(tags::ATTACH_TRANSPORT_NAME).as_deref(), Some("t"));
    assert_eq!(bag.get(tags::RENDERING_POSITION), Some(&PropertyValue::Integer32(5)));
    assert_eq!(bag.get(tags::ATTACH_METHOD), Some(&PropertyValue::Integer32(1)));
    let mac = super::legacy::MAC_BINARY_ENCODING.to_vec();
    assert_eq!(bag.get(tags::ATTACH_ENCODING), Some(&PropertyValue::Binary(mac)));
    assert!(bag.get(tags::CREATION_TIME).is_some() && bag.get(tags::ATTACH_RENDERING).is_some());
    assert_eq!(object.content, AttachedContent::Ole(b"object".to_vec()));
    assert_eq!(object.properties.get(tags::ATTACH_METHOD), Some(&PropertyValue::Integer32(6)));
}

#[test]
fn a_cut_attachment_is_kept_as_far_as_it_goes() {
    let rend_data = [1, 0, 0xff, 0xff, 0xff, 0xff, 32, 0, 32, 0, 0, 0, 0, 0];
    let whole = stream(&[
        (Level::Message, ids::SUBJECT, b"kept\0"),
        (Level::Attachment, ids::ATTACH_REND_DATA, &rend_data),
        (Level::Attachment, ids::ATTACH_DATA, b"0123456789"),
    ]);
    let (content, report) = read(&whole[..whole.len() - 6]).unwrap();
    assert_eq!(content.properties.text(tags::SUBJECT).as_deref(), Some("kept"));
    assert_eq!(content.attachments[0].content, AttachedContent::Bytes(b"012345".to_vec()));
    assert_eq!((report.attachments.expected, report.attachments.carried), (1, 0));
}

#[test]
fn what_stands_for_nothing_is_named() {
    let (_, report) = read(&stream(&[
        (Level::Message, ids::PRIORITY, &[9, 0]),
        (Level::Message, ids::DATE_SENT, &[0; 14]),
        (Level::Message, ids::MESSAGE_ID, b"xy\0"),
        (Level::Message, ids::FROM, b"\x04\0"),
        (Level::Message, AttributeId(0x0006_7777), b""),
        (Level::Message, ids::TNEF_VERSION, &[0, 0, 2, 0]),
        (Level::Attachment, ids::ATTACH_DATA, b"x"),
    ]))
    .unwrap();
    assert_eq!(report.refused.len(), 7, "{report:?}");
    assert_eq!(read(b"x").unwrap_err(), TnefError::NotTnef);
    assert_eq!(read(&begin(1)).unwrap_err(), TnefError::Empty);
}

fn sample() -> MessageContent {
    let mut content = MessageContent::default();
    let bag = &mut content.properties;
    bag.set(tags::MESSAGE_CLASS, "IPM.Note");
    bag.set(tags::SUBJECT, "Größe ☺");
    bag.set_named(
        PropertyName::string(PS_PUBLIC_STRINGS, "Keywords"),
        PropertyValue::MultipleString(vec!["a".into(), "b".into()]),
    );
    let mut recipient = RecipientContent::default();
    recipient.properties.set(tags::DISPLAY_NAME, "Jörg");
    content.recipients.push(recipient);
    content
}

fn attached(content: AttachedContent, method: i32) -> AttachmentContent {
    let mut attachment = AttachmentContent { content, ..Default::default() };
    attachment.properties.set(tags::ATTACH_METHOD, method);
    attachment.properties.set(tags::RENDERING_POSITION, -1);
    attachment
}

#[test]
fn what_is_written_comes_back() {
    let mut inner = sample();
    inner.attachments.push(attached(AttachedContent::Bytes(vec![]), 1));
    let mut content = sample();
    content.attachments = vec![
        attached(AttachedContent::Bytes(b"data".to_vec()), 1),
        attached(AttachedContent::Message(Box::new(inner)), 5),
        attached(AttachedContent::Ole(b"storage".to_vec()), 6),
        attached(AttachedContent::Nothing, 2),
    ];
    let (again, report) = read(&write(&content)).unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert_eq!(again, content);
}

/// [MS-OXCMAIL] 2.1.3.2.26: the key; the recipients stand in the header.
#[test]
fn mail_has_its_own_form() {
    let without = [tags::SUBJECT];
    let writing = Writing { recipients: false, correlation_key: Some(b"key"), without: &without };
    let (content, report) = read(&write_with(&sample(), writing)).unwrap();
    assert!(content.recipients.is_empty() && report.is_whole());
    let key = content.properties.get(tags::TNEF_CORRELATION_KEY).unwrap();
    assert_eq!(key, &PropertyValue::Binary(b"key".to_vec()));
}

#[test]
fn nesting_is_bounded() {
    let mut content = sample();
    for _ in 0..MAX_NESTING {
        let mut outer = MessageContent::default();
        outer.attachments.push(attached(AttachedContent::Message(Box::new(content)), 5));
        content = outer;
    }
    let (_, report) = read(&write(&content)).unwrap();
    assert!(report.is_whole(), "{report:?}");
    // One more by hand: the writer leaves it out.
    let mut list = vec![1, 0, 0, 0, 0x0d, 0, 0x01, 0x37, 1, 0, 0, 0];
    let inner = write(&content);
    list.extend_from_slice(&(inner.len() as u32 + 16).to_le_bytes());
    list.extend_from_slice(&super::properties::MESSAGE_INTERFACE.0);
    list.extend_from_slice(&inner);
    let rend_data = [1, 0, 0xff, 0xff, 0xff, 0xff, 32, 0, 32, 0, 0, 0, 0, 0];
    let (_, report) = read(&stream(&[
        (Level::Attachment, ids::ATTACH_REND_DATA, &rend_data),
        (Level::Attachment, ids::ATTACHMENT, &list),
    ]))
    .unwrap();
    assert!(report.refused.iter().any(|refusal| refusal.why.contains("nest deeper")));
}

/// A table that says four thousand million recipients holds those that are there.
#[test]
fn a_recipient_table_is_read_as_far_as_it_goes() {
    let mut table = vec![0xff, 0xff, 0xff, 0xff];
    for _ in 0..2 {
        table.extend_from_slice(&[1, 0, 0, 0, 3, 0, 0x15, 0x0c, 1, 0, 0, 0]);
    }
    let (content, report) =
        read(&stream(&[(Level::Message, ids::RECIPIENT_TABLE, &table)])).unwrap();
    assert_eq!(content.recipients.len(), 2);
    assert!(report.refused[0].why.contains("are missing"), "{report:?}");
}
