//! Properties of attachments that clients write and read, and the server keeps as they are: [MS-OXCMSG] 2.2.2.

use mapi::names::PSETID_ATTACHMENT;
use mapi::{ErrorCode, PropertyRow, TaggedValue};
use mapi_rop::irregular::ReadStreamRequest;
use mapi_rop::message::{AttachmentTableFlags, GetAttachmentTableRequest};
use mapi_rop::stream::{OpenStreamRequest, StreamMode, WriteStreamRequest};
use testsuite::rig::{ME, Rig};
use testsuite::{Result, on_both};

use super::*;

const BEST: OpenAttachmentFlags = OpenAttachmentFlags::BEST_ACCESS;

/// A saved message with an attachment for each list of values; the attachments' numbers.
fn with_attachments(client: &mut Client, all: &[Vec<TaggedValue>]) -> (MessageId, Vec<u32>) {
    let message = draft(client);
    let mut numbers = Vec::new();
    for values in all {
        let (number, attachment) = create_attachment(client, message).expect("an attachment");
        client.set_all(attachment, values).expect("set");
        save_attachment(client, attachment, message, SaveFlags::NONE).expect("a save");
        numbers.push(number);
    }
    (client.save(message, SaveFlags::NONE).expect("a save"), numbers)
}

/// All rows of a message's attachment table.
fn table(client: &mut Client, message: Handle, columns: &[PropertyTag]) -> Vec<PropertyRow> {
    let body = GetAttachmentTableRequest { flags: AttachmentTableFlags::UNICODE };
    let table = client.open(message, RopRequest::GetAttachmentTable(body)).expect("a table");
    client.set_columns(table, columns).expect("columns");
    let rows = client.query_rows(table, 100).expect("rows").rows;
    client.release(table);
    rows
}

/// Whether attachments keep these values, one each: over the saves, for another session, in the list of their
/// properties, and as a column of the attachment table; and have none when it is taken away.
fn keeps(rig: &Rig, cases: &[(Key, PropertyValue)]) -> Result {
    let mut writer = rig.client(ME)?;
    let mut all = Vec::new();
    for (key, value) in cases {
        let tag = key.tag(&mut writer, NameFlags::CREATE)?;
        all.push(vec![TaggedValue::new(tag, value.clone())]);
    }
    let (id, numbers) = with_attachments(&mut writer, &all);
    let mut client = rig.client(ME)?;
    let message = open(&mut client, id);
    for (at, (key, value)) in cases.iter().enumerate() {
        let tag = key.tag(&mut client, NameFlags::NONE)?;
        let attachment = open_attachment(&mut client, message, numbers[at], BEST)?;
        assert_eq!(client.get(attachment, tag), Ok(value.clone()), "{tag:?}");
        assert!(list(&mut client, attachment).contains(&tag), "{tag:?}");
        let rows = table(&mut client, message, &[tags::ATTACH_NUMBER, tag]);
        assert_eq!(rows[at].value(0), Some(&(numbers[at] as i32).into()));
        assert_eq!(rows[at].value(1), Some(value), "{tag:?}");
        delete_property(&mut client, attachment, tag)?;
        save_attachment(&mut client, attachment, message, SaveFlags::NONE)?;
    }
    client.save(message, SaveFlags::NONE)?;
    let message = open(&mut client, id);
    for (at, (key, value)) in cases.iter().enumerate() {
        let tag = key.tag(&mut client, NameFlags::NONE)?;
        let attachment = open_attachment(&mut client, message, numbers[at], BEST)?;
        assert_ne!(client.get(attachment, tag), Ok(value.clone()), "{tag:?}");
    }
    Ok(())
}

fn numbers(tag: PropertyTag, values: &[i32]) -> Vec<(Key, PropertyValue)> {
    values.iter().map(|value| (Key::Tag(tag), (*value).into())).collect()
}

fn of_web(field: &str, kind: PropertyType) -> Key {
    name(PSETID_ATTACHMENT, field, kind)
}

on_both! {
    /// MS-OXCMSG 2.2.2.4: R226, R227, R228
    /// MS-OXCMSG 2.2.2.10
    fn the_name_that_is_shown_is_the_long_one_unless_it_is_set(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let long = TaggedValue::new(tags::ATTACH_LONG_FILENAME, "a long name.txt");
        let shown = TaggedValue::new(tags::DISPLAY_NAME, "shown");
        let (id, numbers) = with_attachments(&mut client, &[
            vec![long.clone()],
            vec![shown.clone(), long.clone()],
            vec![],
        ]);
        let message = open(&mut client, id);
        let told = [Ok(long.value), Ok(shown.value), Err(ErrorCode::NOT_FOUND)];
        let rows = table(&mut client, message, &[tags::DISPLAY_NAME]);
        for (at, told) in told.into_iter().enumerate() {
            let attachment = open_attachment(&mut client, message, numbers[at], BEST)?;
            assert_eq!(client.get(attachment, tags::DISPLAY_NAME), told);
            let listed = list(&mut client, attachment).contains(&tags::DISPLAY_NAME);
            assert_eq!(listed, told.is_ok());
            assert_eq!(rows[at].value(0), told.ok().as_ref());
        }
        Ok(())
    }

    /// MS-OXCMSG 2.2.2.9: R239, R241, R588, R590, R59801
    fn every_method_is_kept_and_a_new_attachment_has_none(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = draft(&mut client);
        let (_, attachment) = create_attachment(&mut client, message)?;
        assert_eq!(number(&mut client, attachment, tags::ATTACH_METHOD), Ok(0));
        assert!(list(&mut client, attachment).contains(&tags::ATTACH_METHOD));
        keeps(rig, &numbers(tags::ATTACH_METHOD, &[1, 2, 4, 5, 6, 7]))
    }

    /// MS-OXCMSG 2.2.2.8: R237, R238
    /// MS-OXCMSG 2.2.2.9: R598
    fn ole_data_is_an_object_that_is_read_as_a_stream(rig: &Rig) -> Result {
        const DATA: PropertyTag = tags::ATTACH_DATA_OBJECT;
        let mut client = rig.client(ME)?;
        let message = draft(&mut client);
        let (number_of, attachment) = create_attachment(&mut client, message)?;
        client.set(attachment, tags::ATTACH_METHOD, 6i32)?;
        let stream = |mode| RopRequest::OpenStream(OpenStreamRequest { tag: DATA, mode });
        let open_stream = |client: &mut Client, attachment, mode| {
            client.call_two(attachment, Handle::NONE, stream(mode)).map(|answer| match answer {
                (RopResponse::OpenStream(opened), handle) => (handle, opened.size),
                other => panic!("{other:?}"),
            })
        };
        let missing = open_stream(&mut client, attachment, StreamMode::ReadOnly);
        assert_eq!(missing, Err(ErrorCode::NOT_FOUND));
        let bytes = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1storage".to_vec();
        let (writer, _) = open_stream(&mut client, attachment, StreamMode::Create)?;
        let data = bytes.clone().into();
        client.call(writer, RopRequest::WriteStream(WriteStreamRequest { data }))?;
        client.call(writer, RopRequest::CommitStream(Empty))?;
        save_attachment(&mut client, attachment, message, SaveFlags::NONE)?;
        let id = client.save(message, SaveFlags::NONE)?;
        let message = open(&mut client, id);
        let attachment = open_attachment(&mut client, message, number_of, BEST)?;
        let (reader, size) = open_stream(&mut client, attachment, StreamMode::ReadOnly)?;
        assert_eq!(size as usize, bytes.len());
        match client.call(reader, RopRequest::ReadStream(ReadStreamRequest::Count(100)))? {
            RopResponse::ReadStream(answer) => assert_eq!(answer.data.bytes, bytes),
            other => panic!("{other:?}"),
        }
        Ok(())
    }

    /// MS-OXCMSG 2.2.2.11: R601
    /// MS-OXCMSG 2.2.2.12: R603
    /// MS-OXCMSG 2.2.2.13: R605
    /// MS-OXCMSG 2.2.2.14: R607
    /// MS-OXCMSG 2.2.2.19: R622
    fn names_and_paths_are_kept(rig: &Rig) -> Result {
        keeps(rig, &[
            (Key::Tag(tags::ATTACH_FILENAME), "LONGNA~1.TXT".into()),
            (Key::Tag(tags::ATTACH_EXTENSION), ".txt".into()),
            (Key::Tag(tags::ATTACH_LONG_PATHNAME), "\\\\server\\share\\long name.txt".into()),
            (Key::Tag(tags::ATTACH_PATHNAME), "\\\\server\\share\\LONGNA~1.TXT".into()),
            (Key::Tag(tags::ATTACH_TRANSPORT_NAME), "ATT00001.txt".into()),
        ])
    }

    /// MS-OXCMSG 2.2.2.15: R609, R612, R953, R954, R955
    fn every_tag_of_the_supplying_application_is_kept(rig: &Rig) -> Result {
        let base: [u8; 7] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x14, 0x03];
        let with = |rest: &[u8]| [&base[..], rest].concat();
        let known = [
            with(&[0x0a, 0x01]),
            with(&[0x0a, 0x03, 0x02, 0x01]),
            with(&[0x0a, 0x04]),
        ];
        let cases = known.map(|value| (Key::Tag(tags::ATTACH_TAG), value.into()));
        keeps(rig, &cases)
    }

    /// MS-OXCMSG 2.2.2.17: R616
    /// MS-OXCMSG 2.2.2.20: R624, R626
    /// MS-OXCMSG 2.2.2.21: R629, R631
    fn pictures_and_macintosh_encodings_are_kept(rig: &Rig) -> Result {
        let mac = vec![0x2a, 0x86, 0x48, 0x86, 0xf7, 0x14, 0x03, 0x0b, 0x01];
        let picture: Vec<u8> = [&[0xd7, 0xcd, 0xc6, 0x9a][..], &[0x55; 200]].concat();
        keeps(rig, &[
            (Key::Tag(tags::ATTACH_RENDERING), picture.into()),
            (Key::Tag(tags::ATTACH_ENCODING), mac.into()),
            (Key::Tag(tags::ATTACH_ADDITIONAL_INFORMATION), b":CREA:TYPE".to_vec().into()),
            (Key::Tag(tags::ATTACH_ADDITIONAL_INFORMATION), Vec::new().into()),
        ])
    }

    /// MS-OXCMSG 2.2.2.18: R620, R621, R2031, R2032, R2033
    fn every_flag_of_rendering_is_kept(rig: &Rig) -> Result {
        keeps(rig, &numbers(tags::ATTACH_FLAGS, &[1, 2, 4, 7, 0]))?;
        // It can be left out.
        let mut client = rig.client(ME)?;
        let (id, numbers) = with_attachments(&mut client, &[vec![]]);
        let message = open(&mut client, id);
        let attachment = open_attachment(&mut client, message, numbers[0], BEST)?;
        assert_eq!(client.get(attachment, tags::ATTACH_FLAGS), Err(ErrorCode::NOT_FOUND));
        Ok(())
    }

    /// MS-OXCMSG 2.2.2.22: R632
    /// MS-OXCMSG 2.2.2.23: R635
    /// MS-OXCMSG 2.2.2.24: R638
    /// MS-OXCMSG 2.2.2.25: R1278
    fn links_flags_and_character_sets_are_kept(rig: &Rig) -> Result {
        let mut cases = numbers(tags::ATTACHMENT_LINK_ID, &[0, 1]);
        // [MS-OXOCAL] 2.2.10.1.2: an exception of a calendar item.
        cases.extend(numbers(tags::ATTACHMENT_FLAGS, &[0, 2]));
        cases.extend([true, false].map(|on| (Key::Tag(tags::ATTACHMENT_HIDDEN), on.into())));
        cases.push((Key::Tag(tags::TEXT_ATTACHMENT_CHARSET), "iso-8859-1".into()));
        keeps(rig, &cases)
    }

    /// MS-OXCMSG 2.2.2.26: R128001, R128003, R128005
    /// MS-OXCMSG 2.2.2.27: R128007
    /// MS-OXCMSG 2.2.2.28: R128015
    fn what_web_references_have_is_kept(rig: &Rig) -> Result {
        let provider = of_web("AttachmentProviderType", PropertyType::STRING);
        let mut cases = vec![
            (provider.clone(), "OneDrivePro".into()),
            (provider, "OneDriveConsumer".into()),
        ];
        for field in ["AttachmentOriginalPermissionType", "AttachmentPermissionType"] {
            let key = of_web(field, PropertyType::INTEGER32);
            cases.extend((0..=2).map(|value: i32| (key.clone(), value.into())));
        }
        keeps(rig, &cases)
    }

    /// MS-OXCMSG 2.2.2.29: R959, R960, R961, R962
    fn mime_information_is_kept(rig: &Rig) -> Result {
        keeps(rig, &[
            (Key::Tag(tags::ATTACH_MIME_TAG), "image/png".into()),
            (Key::Tag(tags::ATTACH_CONTENT_ID), "picture@example.test".into()),
            (Key::Tag(tags::ATTACH_CONTENT_LOCATION), "pictures/1.png".into()),
            (Key::Tag(tags::ATTACH_CONTENT_BASE), "http://example.test/".into()),
        ])
    }

    /// MS-OXCMSG 2.2.2.29: R641, R1554, R1553, R1552, R1551
    fn information_of_payloads_and_macintosh_files_is_kept(rig: &Rig) -> Result {
        let guid = "{00020329-0000-0000-C000-000000000046}";
        keeps(rig, &[
            (Key::Tag(tags::ATTACH_PAYLOAD_CLASS), "IPM.Payload".into()),
            (Key::Tag(tags::ATTACH_PAYLOAD_PROVIDER_GUID_STRING), guid.into()),
            (
                of_web("AttachmentMacContentType", PropertyType::STRING),
                "application/applefile".into(),
            ),
            (of_web("AttachmentMacInfo", PropertyType::BINARY), vec![0u8, 5, 0x16, 7].into()),
        ])
    }
}
