//! Attachments and the messages in them: [MS-OXCMSG] 2.2.2, 2.2.3.12 to 2.2.3.18, 3.2.5.12 to 3.2.5.17.

use mapi::{ErrorCode, TaggedValue};
use mapi_rop::message::{AttachmentIdBody, AttachmentTableFlags, GetAttachmentTableRequest};
use testsuite::on_both;
use testsuite::rig::ME;

use super::*;

const CREATE: OpenMessageFlags = OpenMessageFlags(0x03);

fn delete(client: &mut Client, message: Handle, attachment: u32) -> Answer<()> {
    let body = AttachmentIdBody { attachment };
    client.call(message, RopRequest::DeleteAttachment(body)).map(drop)
}

/// A message with one attachment, saved; its id and the attachment's number.
fn with_attachment(client: &mut Client, name: &str) -> (MessageId, u32) {
    let message = draft(client);
    let (number, attachment) = create_attachment(client, message).expect("an attachment");
    client.set(attachment, tags::ATTACH_LONG_FILENAME, name).expect("set");
    save_attachment(client, attachment, message, SaveFlags::NONE).expect("a save");
    (client.save(message, SaveFlags::NONE).expect("a save"), number)
}

on_both! {
    /// MS-OXCMSG 3.2.5.13: R447
    /// MS-OXCMSG 2.2.2.2
    /// MS-OXCMSG 2.2.2.3
    /// MS-OXCMSG 2.2.2.16
    /// MS-OXCMSG 2.2.3.13.2
    fn a_new_attachment_has_what_the_server_initializes(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = draft(&mut client);
        let (first, attachment) = create_attachment(&mut client, message).expect("an attachment");
        assert_eq!(number(&mut client, attachment, tags::ATTACH_NUMBER), Ok(first as i32));
        assert_eq!(number(&mut client, attachment, tags::ACCESS_LEVEL), Ok(1));
        assert_eq!(number(&mut client, attachment, tags::RENDERING_POSITION), Ok(-1));
        assert!(number(&mut client, attachment, tags::ATTACH_SIZE).expect("a size") >= 0x40);
        let made = client.get(attachment, tags::CREATION_TIME).expect("a time");
        assert_eq!(client.get(attachment, tags::LAST_MODIFICATION_TIME), Ok(made));
        let logon = client.logon;
        let refused = create_attachment(&mut client, logon).map(drop);
        assert_eq!(refused, Err(ErrorCode::NULL_OBJECT));
        Ok(())
    }

    /// MS-OXCMSG 2.2.2.1: R1825
    /// MS-OXCMSG 2.2.2.6: R1836
    /// MS-OXCMSG 2.2.2.5
    /// MS-OXCPRPT 2.2.1.7
    /// MS-OXCMSG 2.2.2.7
    fn attachments_have_numbers_and_keys_of_their_own(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = draft(&mut client);
        let (first, one) = create_attachment(&mut client, message).expect("an attachment");
        let (second, two) = create_attachment(&mut client, message).expect("an attachment");
        assert_ne!(first, second);
        let key = client.get(one, tags::RECORD_KEY).expect("a key");
        assert_ne!(client.get(two, tags::RECORD_KEY), Ok(key));
        // MAPI_ATTACH
        assert_eq!(number(&mut client, one, tags::OBJECT_TYPE), Ok(7));
        let before = number(&mut client, one, tags::ATTACH_SIZE).expect("a size");
        client.set(one, tags::ATTACH_DATA_BINARY, vec![0u8; 100]).expect("set");
        let after = number(&mut client, one, tags::ATTACH_SIZE).expect("a size");
        assert!(after >= before + 100);
        for tag in [tags::ACCESS_LEVEL, tags::OBJECT_TYPE, tags::ATTACH_SIZE, tags::ATTACH_NUMBER] {
            assert_eq!(client.set(one, tag, 1i32), Err(ErrorCode::COMPUTED), "{tag:?}");
        }
        let key = client.set(one, tags::RECORD_KEY, vec![1u8]);
        assert_eq!(key, Err(ErrorCode::COMPUTED));
        Ok(())
    }

    /// MS-OXCMSG 2.2.3.13
    /// MS-OXCMSG 2.2.3.14
    /// MS-OXCMSG 3.2.5.13: R446
    /// MS-OXCMSG 3.2.5.14: R1062
    /// MS-OXCMSG 2.2.3.14.2
    fn an_attachment_is_stored_by_two_saves(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = post(&mut client, "subject");
        let message = open(&mut client, id);
        let (number, attachment) = create_attachment(&mut client, message).expect("one");
        let best = OpenAttachmentFlags::BEST_ACCESS;
        let missing = open_attachment(&mut client, message, number, best);
        assert_eq!(missing, Err(ErrorCode::NOT_FOUND));
        save_attachment(&mut client, attachment, message, SaveFlags::NONE).expect("a save");
        open_attachment(&mut client, message, number, best).expect("in this message");
        let other = open(&mut client, id);
        let missing = open_attachment(&mut client, other, number, best);
        assert_eq!(missing, Err(ErrorCode::NOT_FOUND));
        client.save(message, SaveFlags::NONE).expect("a save");
        let other = open(&mut client, id);
        open_attachment(&mut client, other, number, best).expect("in the store");
        let no_attachment = save_attachment(&mut client, other, other, SaveFlags::NONE);
        assert_eq!(no_attachment, Err(ErrorCode::NOT_SUPPORTED));
        Ok(())
    }

    /// MS-OXCMSG 3.2.5.14: R462, R466
    /// MS-OXCMSG 2.2.3.3.1: R1671, R719
    fn save_flags_hold_for_attachments(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = draft(&mut client);
        let cases = [
            (SaveFlags::KEEP_OPEN_READ_ONLY, 0),
            (SaveFlags::KEEP_OPEN_READ_WRITE, 1),
            (SaveFlags::FORCE_SAVE, 1),
        ];
        for (flags, level) in cases {
            let (_, attachment) = create_attachment(&mut client, message).expect("one");
            let both = SaveFlags(0x03);
            let refused = save_attachment(&mut client, attachment, message, both);
            assert_eq!(refused, Err(ErrorCode::NOT_SUPPORTED));
            save_attachment(&mut client, attachment, message, flags).expect("a save");
            assert_eq!(number(&mut client, attachment, tags::ACCESS_LEVEL), Ok(level));
            let again = save_attachment(&mut client, attachment, message, flags);
            assert_eq!(again.is_ok(), level == 1, "{again:?}");
        }
        Ok(())
    }

    /// MS-OXCMSG 2.2.3.12: R853, R1842
    /// MS-OXCMSG 2.2.3.12.1: R917
    /// MS-OXCMSG 3.2.5.12: R440
    /// MS-OXCMSG 2.2.3.12.2
    fn attachments_are_opened_by_mode(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let (id, number_of) = with_attachment(&mut client, "a.txt");
        let modes = [OpenAttachmentFlags::NONE, OpenAttachmentFlags(1), OpenAttachmentFlags(3)];
        let message = open(&mut client, id);
        for (flags, level) in modes.into_iter().zip([0, 1, 1]) {
            let opened = open_attachment(&mut client, message, number_of, flags).expect("opened");
            assert_eq!(number(&mut client, opened, tags::ACCESS_LEVEL), Ok(level));
            let name = client.get(opened, tags::ATTACH_LONG_FILENAME);
            assert_eq!(name, Ok("a.txt".into()));
        }
        let reader = client.open_message(INBOX, id, OpenMessageFlags::NONE).expect("opened");
        let denied = open_attachment(&mut client, reader, number_of, modes[1]);
        assert_eq!(denied, Err(ErrorCode::ACCESS_DENIED));
        let best = open_attachment(&mut client, reader, number_of, modes[2]).expect("opened");
        assert_eq!(number(&mut client, best, tags::ACCESS_LEVEL), Ok(0));
        let missing = open_attachment(&mut client, message, number_of + 1, modes[0]);
        assert_eq!(missing, Err(ErrorCode::NOT_FOUND));
        let logon = client.logon;
        let refused = open_attachment(&mut client, logon, number_of, modes[0]);
        assert_eq!(refused, Err(ErrorCode::NULL_OBJECT));
        Ok(())
    }

    /// MS-OXCMSG 2.2.3.15
    /// MS-OXCMSG 3.2.5.15: R469, R1523, R1063
    /// MS-OXCMSG 2.2.3.15.2
    fn an_attachment_is_deleted_with_the_save(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let (id, number_of) = with_attachment(&mut client, "a.txt");
        let message = open(&mut client, id);
        assert_eq!(client.get(message, tags::HAS_ATTACHMENTS), Ok(true.into()));
        let flags = number(&mut client, message, tags::MESSAGE_FLAGS).expect("flags");
        assert_eq!(flags & 0x10, 0x10);
        delete(&mut client, message, number_of).expect("deleted");
        assert_eq!(client.get(message, tags::HAS_ATTACHMENTS), Ok(false.into()));
        let other = open(&mut client, id);
        assert_eq!(client.get(other, tags::HAS_ATTACHMENTS), Ok(true.into()));
        client.save(message, SaveFlags::NONE).expect("a save");
        let other = open(&mut client, id);
        assert_eq!(client.get(other, tags::HAS_ATTACHMENTS), Ok(false.into()));
        assert_eq!(delete(&mut client, other, number_of), Err(ErrorCode::NOT_FOUND));
        let reader = client.open_message(INBOX, id, OpenMessageFlags::NONE).expect("opened");
        assert_eq!(delete(&mut client, reader, number_of), Err(ErrorCode::ACCESS_DENIED));
        let logon = client.logon;
        assert_eq!(delete(&mut client, logon, number_of), Err(ErrorCode::NULL_OBJECT));
        Ok(())
    }

    /// MS-OXCMSG 2.2.3.17
    /// MS-OXCMSG 3.2.5.17: R490
    /// MS-OXCMSG 2.2.2.10
    /// MS-OXCMSG 2.2.3.17.1
    /// MS-OXCMSG 2.2.3.17.2
    fn the_table_of_attachments_has_a_row_for_each(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let (id, number_of) = with_attachment(&mut client, "a.txt");
        let message = open(&mut client, id);
        let table = |client: &mut Client, object| {
            let body = GetAttachmentTableRequest { flags: AttachmentTableFlags::UNICODE };
            client.open(object, RopRequest::GetAttachmentTable(body))
        };
        let rows = table(&mut client, message).expect("a table");
        let columns = [tags::ATTACH_NUMBER, tags::ATTACH_LONG_FILENAME];
        client.set_columns(rows, &columns).expect("columns");
        let rows = client.query_rows(rows, 10).expect("rows").rows;
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].value(0), Some(&(number_of as i32).into()));
        assert_eq!(rows[0].value(1), Some(&"a.txt".into()));
        let logon = client.logon;
        assert_eq!(table(&mut client, logon), Err(ErrorCode::NULL_OBJECT));
        Ok(())
    }

    /// MS-OXCMSG 2.2.3.18: R1367
    /// MS-OXCMSG 2.2.3.18.2
    fn the_list_of_valid_attachments_is_not_there_as_in_exchange(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = draft(&mut client);
        let answer = client.call(message, RopRequest::GetValidAttachments(Empty));
        assert_eq!(answer, Err(ErrorCode::NOT_IMPLEMENTED));
        Ok(())
    }

    /// MS-OXCMSG 2.2.3.16: R881, R1845
    /// MS-OXCMSG 2.2.3.16.1: R911
    /// MS-OXCMSG 2.2.3.16.2: R1363
    /// MS-OXCMSG 3.2.5.16: R479
    fn a_message_is_made_and_opened_in_an_attachment(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = draft(&mut client);
        let (number_of, attachment) = create_attachment(&mut client, message).expect("one");
        for flags in [OpenMessageFlags::NONE, OpenMessageFlags::READ_WRITE] {
            let missing = embedded(&mut client, attachment, flags).map(drop);
            assert_eq!(missing, Err(ErrorCode::NOT_FOUND));
        }
        let (_, inner) = embedded(&mut client, attachment, CREATE).expect("a message");
        assert_eq!(number(&mut client, inner, tags::ACCESS_LEVEL), Ok(1));
        client.set_all(inner, &[TaggedValue::new(tags::SUBJECT, "RE: in")]).expect("set");
        client.save(inner, SaveFlags::NONE).expect("a save");
        save_attachment(&mut client, attachment, message, SaveFlags::NONE).expect("a save");
        let id = client.save(message, SaveFlags::NONE).expect("a save");
        let message = open(&mut client, id);
        let read_only = OpenAttachmentFlags::NONE;
        let reader = open_attachment(&mut client, message, number_of, read_only).expect("opened");
        let (answer, inner) =
            embedded(&mut client, reader, OpenMessageFlags::NONE).expect("a message");
        assert_eq!(number(&mut client, inner, tags::ACCESS_LEVEL), Ok(0));
        assert_eq!(answer.message.subject_prefix, typed("RE: "));
        assert_eq!(answer.message.normalized_subject, typed("in"));
        assert_eq!(answer.message.recipient_count, 0);
        let denied = embedded(&mut client, reader, OpenMessageFlags::READ_WRITE).map(drop);
        assert_eq!(denied, Err(ErrorCode::ACCESS_DENIED));
        let no_attachment = embedded(&mut client, message, CREATE).map(drop);
        assert_eq!(no_attachment, Err(ErrorCode::NULL_OBJECT));
        Ok(())
    }

    /// MS-OXCMSG 3.2.5.16: R481
    /// MS-OXCMSG 3.2.5.3: R1848
    fn an_embedded_message_is_stored_by_three_saves(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = draft(&mut client);
        let (number_of, attachment) = create_attachment(&mut client, message).expect("one");
        let (_, inner) = embedded(&mut client, attachment, CREATE).expect("a message");
        client.set(inner, tags::SUBJECT, "in").expect("set");
        save_attachment(&mut client, attachment, message, SaveFlags::KEEP_OPEN_READ_WRITE)
            .expect("a save");
        let best = OpenAttachmentFlags::BEST_ACCESS;
        let again = open_attachment(&mut client, message, number_of, best).expect("opened");
        let unsaved = embedded(&mut client, again, OpenMessageFlags::NONE).map(drop);
        assert_eq!(unsaved, Err(ErrorCode::NOT_FOUND));
        client.save(inner, SaveFlags::NONE).expect("a save");
        save_attachment(&mut client, attachment, message, SaveFlags::NONE).expect("a save");
        let id = client.save(message, SaveFlags::NONE).expect("a save");
        let message = open(&mut client, id);
        let attachment = open_attachment(&mut client, message, number_of, best).expect("opened");
        let (_, inner) = embedded(&mut client, attachment, OpenMessageFlags::NONE).expect("opened");
        assert_eq!(client.get(inner, tags::SUBJECT), Ok("in".into()));
        Ok(())
    }

    /// MS-OXCMSG 3.2.5.16: R1066
    fn messages_are_embedded_to_a_limit(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mut outer = draft(&mut client);
        let top = outer;
        let mut chain = Vec::new();
        let refused = loop {
            let (_, attachment) = create_attachment(&mut client, outer).expect("one");
            match embedded(&mut client, attachment, CREATE) {
                Ok((_, inner)) => {
                    chain.push((outer, attachment, inner));
                    outer = inner;
                }
                Err(code) => break code,
            }
        };
        assert_eq!(refused, ErrorCode::MAX_ATTACHMENT_EXCEEDED);
        assert_eq!(chain.len(), store::message::MAX_EMBEDDING);
        client.set(outer, tags::SUBJECT, "deepest").expect("set");
        for (outer, attachment, inner) in chain.into_iter().rev() {
            client.save(inner, SaveFlags::NONE).expect("a save");
            save_attachment(&mut client, attachment, outer, SaveFlags::NONE).expect("a save");
        }
        let id = client.save(top, SaveFlags::NONE).expect("a save");
        let mut message = open(&mut client, id);
        let best = OpenAttachmentFlags::BEST_ACCESS;
        for _ in 0..store::message::MAX_EMBEDDING {
            let attachment = open_attachment(&mut client, message, 0, best).expect("opened");
            message = embedded(&mut client, attachment, BOTH).expect("opened").1;
        }
        assert_eq!(client.get(message, tags::SUBJECT), Ok("deepest".into()));
        Ok(())
    }

    /// MS-OXCMSG 3.2.5.16: R1068
    fn an_unknown_code_page_is_refused(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = post(&mut client, "subject");
        let message = open(&mut client, id);
        let (_, attachment) = create_attachment(&mut client, message).expect("one");
        let body = OpenEmbeddedMessageRequest { code_page: 0x1234, flags: CREATE };
        let answer = client.open(attachment, RopRequest::OpenEmbeddedMessage(body));
        assert_eq!(answer, Err(ErrorCode::UNKNOWN_CODE_PAGE));
        let logon = client.logon;
        let body =
            OpenMessageRequest { code_page: 0x1234, folder: INBOX, flags: BOTH, message: id };
        let answer = client.call_two(logon, Handle::NONE, RopRequest::OpenMessage(body));
        assert_eq!(answer.map(drop), Err(ErrorCode::UNKNOWN_CODE_PAGE));
        Ok(())
    }

    /// MS-OXCMSG 2.2.3.14
    /// MS-OXCMSG 2.2.3.15: R875
    fn a_deleted_attachment_does_not_come_back_by_its_handle(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let (id, number_of) = with_attachment(&mut client, "a.txt");
        let message = open(&mut client, id);
        let best = OpenAttachmentFlags::BEST_ACCESS;
        let attachment = open_attachment(&mut client, message, number_of, best).expect("opened");
        delete(&mut client, message, number_of).expect("deleted");
        client.set(attachment, tags::ATTACH_LONG_FILENAME, "b.txt").expect("set");
        let gone = save_attachment(&mut client, attachment, message, SaveFlags::NONE);
        assert_eq!(gone, Err(ErrorCode::OBJECT_DELETED));
        assert_eq!(client.get(message, tags::HAS_ATTACHMENTS), Ok(false.into()));
        client.save(message, SaveFlags::KEEP_OPEN_READ_WRITE).expect("a save");
        let gone = save_attachment(&mut client, attachment, message, SaveFlags::NONE);
        assert_eq!(gone, Err(ErrorCode::OBJECT_DELETED));
        // So it is with one that was made by this handle.
        let (number_of, attachment) = create_attachment(&mut client, message).expect("one");
        let keep = SaveFlags::KEEP_OPEN_READ_WRITE;
        save_attachment(&mut client, attachment, message, keep).expect("a save");
        save_attachment(&mut client, attachment, message, keep).expect("a second save");
        delete(&mut client, message, number_of).expect("deleted");
        let gone = save_attachment(&mut client, attachment, message, keep);
        assert_eq!(gone, Err(ErrorCode::OBJECT_DELETED));
        client.save(message, SaveFlags::NONE).expect("a save");
        let other = open(&mut client, id);
        assert_eq!(client.get(other, tags::HAS_ATTACHMENTS), Ok(false.into()));
        Ok(())
    }

    /// MS-OXCMSG 2.2.3.16.2: R889
    /// MS-OXCMSG 2.2.3.3.2
    fn embedded_messages_have_ids_of_their_own(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = draft(&mut client);
        let mut numbers = Vec::new();
        for subject in ["one", "two"] {
            let (number_of, attachment) = create_attachment(&mut client, message).expect("one");
            let (answer, inner) = embedded(&mut client, attachment, CREATE).expect("a message");
            client.set(inner, tags::SUBJECT, subject).expect("set");
            let saved = client.save(inner, SaveFlags::KEEP_OPEN_READ_WRITE).expect("a save");
            assert_eq!(saved, answer.message_id);
            assert_eq!(client.get(inner, tags::MID), Ok(saved.to_i64().into()));
            save_attachment(&mut client, attachment, message, SaveFlags::NONE).expect("a save");
            numbers.push(number_of);
        }
        let id = client.save(message, SaveFlags::NONE).expect("a save");
        let mut seen = vec![id];
        for _ in 0..2 {
            let message = open(&mut client, id);
            for number_of in &numbers {
                let best = OpenAttachmentFlags::BEST_ACCESS;
                let attachment =
                    open_attachment(&mut client, message, *number_of, best).expect("opened");
                let (answer, inner) = embedded(&mut client, attachment, BOTH).expect("a message");
                assert!(!answer.message_id.is_none());
                let told = client.get(inner, tags::MID);
                assert_eq!(told, Ok(answer.message_id.to_i64().into()));
                seen.push(answer.message_id);
            }
        }
        // The same each time, others than all others, and none by which a message is opened.
        assert_eq!(seen[1..3], seen[3..5]);
        assert!(seen[0] != seen[1] && seen[0] != seen[2] && seen[1] != seen[2]);
        let opened = client.open_message(INBOX, seen[1], BOTH);
        assert_eq!(opened, Err(ErrorCode::NOT_FOUND));
        Ok(())
    }

    /// MS-OXCMSG 3.1.4.12: R297
    /// MS-OXCMSG 3.1.4.14: R302
    /// MS-OXCMSG 3.1.4.15: R1396
    /// MS-OXCMSG 3.1.5.11: R298, R301
    fn a_file_is_attached_by_its_content_and_two_saves(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = post(&mut client, "subject");
        let message = open(&mut client, id);
        let (number_of, attachment) = create_attachment(&mut client, message).expect("one");
        let content: Vec<u8> = (0..=255).collect();
        let values = [
            TaggedValue::new(tags::ATTACH_METHOD, 1i32),
            TaggedValue::new(tags::ATTACH_DATA_BINARY, content.clone()),
        ];
        client.set_all(attachment, &values).expect("set");
        save_attachment(&mut client, attachment, message, SaveFlags::KEEP_OPEN_READ_WRITE)
            .expect("a save");
        // The new one is still of use.
        let data = client.get(attachment, tags::ATTACH_DATA_BINARY);
        assert_eq!(data, Ok(content.clone().into()));
        assert_eq!(client.save(message, SaveFlags::NONE), Ok(id));
        let other = open(&mut client, id);
        let best = OpenAttachmentFlags::BEST_ACCESS;
        let attachment = open_attachment(&mut client, other, number_of, best).expect("opened");
        assert_eq!(number(&mut client, attachment, tags::ATTACH_METHOD), Ok(1));
        assert_eq!(client.get(attachment, tags::ATTACH_DATA_BINARY), Ok(content.into()));
        Ok(())
    }

    /// MS-OXCMSG 3.1.5.12: R303, R304
    /// MS-OXCMSG 3.1.5.14: R306
    /// MS-OXCMSG 3.1.4.11: R292
    fn an_attachment_is_changed_by_properties_and_two_saves(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let (id, number_of) = with_attachment(&mut client, "a.txt");
        let message = open(&mut client, id);
        let best = OpenAttachmentFlags::BEST_ACCESS;
        let attachment = open_attachment(&mut client, message, number_of, best).expect("opened");
        client.set(attachment, tags::ATTACH_METHOD, 7i32).expect("set");
        client.set(attachment, tags::ATTACH_LONG_PATHNAME, "https://x.test/a").expect("set");
        save_attachment(&mut client, attachment, message, SaveFlags::NONE).expect("a save");
        let method = |client: &mut Client, message| {
            let attachment = open_attachment(client, message, number_of, best).expect("opened");
            number(client, attachment, tags::ATTACH_METHOD)
        };
        // In the message, and with the message's save in the store.
        assert_eq!(method(&mut client, message), Ok(7));
        let other = open(&mut client, id);
        assert_eq!(method(&mut client, other), Ok(0));
        client.save(message, SaveFlags::NONE).expect("a save");
        let other = open(&mut client, id);
        assert_eq!(method(&mut client, other), Ok(7));
        // PidTagMessageStatus is not set by properties (R549).
        let set = client.set(other, tags::MESSAGE_STATUS, 0x1000i32);
        assert_eq!(set, Err(ErrorCode::COMPUTED));
        Ok(())
    }

    /// MS-OXCMSG 3.1.4.13: R1395
    /// MS-OXCMSG 3.1.4.17: R311
    /// MS-OXCMSG 3.1.5.16: R312, R313
    fn attachments_are_listed_and_deleted_without_being_opened(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = draft(&mut client);
        for name in ["a.txt", "b.txt", "c.txt"] {
            let (_, attachment) = create_attachment(&mut client, message).expect("one");
            client.set(attachment, tags::ATTACH_LONG_FILENAME, name).expect("set");
            save_attachment(&mut client, attachment, message, SaveFlags::NONE).expect("a save");
        }
        let id = client.save(message, SaveFlags::NONE).expect("a save");
        let message = open(&mut client, id);
        let body = GetAttachmentTableRequest { flags: AttachmentTableFlags::UNICODE };
        let listed = |client: &mut Client| {
            let table = client.open(message, RopRequest::GetAttachmentTable(body.clone()));
            let table = table.expect("a table");
            let columns = [tags::ATTACH_NUMBER, tags::ATTACH_LONG_FILENAME, tags::ATTACH_SIZE];
            client.set_columns(table, &columns).expect("columns");
            let rows = client.query_rows(table, 10).expect("rows").rows;
            assert!(rows.iter().all(|row| row.value(2).and_then(|v| v.as_i32()) > Some(0x40)));
            let row = |row: &mapi::PropertyRow| {
                let number = row.value(0).and_then(|value| value.as_i32()).expect("a number");
                (number, row.value(1).expect("a name").clone())
            };
            rows.iter().map(row).collect::<Vec<_>>()
        };
        let rows = listed(&mut client);
        let names: Vec<_> = rows.iter().map(|(_, name)| name.clone()).collect();
        assert_eq!(names, ["a.txt", "b.txt", "c.txt"].map(PropertyValue::from));
        delete(&mut client, message, rows[1].0 as u32).expect("deleted");
        assert_eq!(listed(&mut client), [rows[0].clone(), rows[2].clone()]);
        Ok(())
    }

    /// MS-OXCMSG 3.1.4.16: R307
    /// MS-OXCMSG 3.1.4.18: R314
    /// MS-OXCMSG 3.1.4.19: R317, R318
    /// MS-OXCMSG 3.1.5.11: R315
    fn a_message_is_put_into_another_one(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = draft(&mut client);
        let (number_of, attachment) = create_attachment(&mut client, message).expect("one");
        client.set(attachment, tags::ATTACH_METHOD, 5i32).expect("set");
        let (answer, inner) = embedded(&mut client, attachment, CREATE).expect("a message");
        assert_eq!(answer.message.recipient_count, 0);
        client.set(inner, tags::SUBJECT, "FW: in").expect("set");
        let kept = client.save(inner, SaveFlags::KEEP_OPEN_READ_WRITE).expect("a save");
        assert_eq!(kept, answer.message_id);
        save_attachment(&mut client, attachment, message, SaveFlags::NONE).expect("a save");
        let id = client.save(message, SaveFlags::NONE).expect("a save");
        let message = open(&mut client, id);
        let best = OpenAttachmentFlags::BEST_ACCESS;
        let attachment = open_attachment(&mut client, message, number_of, best).expect("opened");
        assert_eq!(number(&mut client, attachment, tags::ATTACH_METHOD), Ok(5));
        let (answer, inner) = embedded(&mut client, attachment, BOTH).expect("a message");
        assert_eq!(answer.message.subject_prefix, typed("FW: "));
        assert_eq!(answer.message.normalized_subject, typed("in"));
        assert_eq!(client.get(inner, tags::MESSAGE_CLASS), Ok("IPM.Note".into()));
        Ok(())
    }
}
