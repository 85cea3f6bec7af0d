//! What a message says of itself: [MS-OXCMSG] 2.2.1, [MS-OXCPRPT] 2.2.1, and the conversation properties.

use mapi::{ErrorCode, PropertyTag, TaggedValue};
use testsuite::rig::{ME, Rig};
use testsuite::{Result, on_both};

use super::*;

fn text(client: &mut Client, object: Handle, tag: PropertyTag) -> Option<String> {
    match client.get(object, tag) {
        Ok(PropertyValue::String(text)) => Some(text.to_string_lossy().into_owned()),
        Err(ErrorCode::NOT_FOUND) => None,
        other => panic!("{other:?}"),
    }
}

/// What is set, and the subject, its prefix and the normalized subject that come of it.
type Case<'a> = (&'a [(PropertyTag, &'a str)], [&'a str; 3]);

on_both! {
    /// MS-OXCMSG 2.2.1.1: R1724
    /// MS-OXCPRPT 2.2.1.1
    /// MS-OXCPRPT 2.2.1.2
    /// MS-OXCPRPT 2.2.1.3
    /// MS-OXCPRPT 2.2.1.4
    fn general_properties_are_the_servers(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = post(&mut client, "subject");
        let message = open(&mut client, id);
        // Modify, read and delete.
        assert_eq!(number(&mut client, message, tags::ACCESS), Ok(7));
        assert_eq!(number(&mut client, message, tags::ACCESS_LEVEL), Ok(1));
        assert_eq!(number(&mut client, message, tags::OBJECT_TYPE), Ok(5));
        let binary = [tags::CHANGE_KEY, tags::RECORD_KEY, tags::SEARCH_KEY];
        for tag in binary {
            let before = client.get(message, tag).expect("a key");
            assert_eq!(client.set(message, tag, vec![1u8]), Err(ErrorCode::COMPUTED), "{tag:?}");
            assert_eq!(client.get(message, tag), Ok(before));
        }
        for tag in [tags::CREATION_TIME, tags::LAST_MODIFICATION_TIME] {
            let before = client.get(message, tag).expect("a time");
            let set = client.set(message, tag, mapi::FileTime(5));
            assert_eq!(set, Err(ErrorCode::COMPUTED), "{tag:?}");
            assert_eq!(client.get(message, tag), Ok(before));
        }
        let name = client.set(message, tags::LAST_MODIFIER_NAME, "somebody");
        assert_eq!(name, Err(ErrorCode::COMPUTED));
        for tag in [tags::ACCESS, tags::ACCESS_LEVEL, tags::OBJECT_TYPE, tags::MESSAGE_SIZE] {
            assert_eq!(client.set(message, tag, 1i32), Err(ErrorCode::COMPUTED), "{tag:?}");
        }
        // The change key is another one after each change; the others stay.
        let before: Vec<_> = binary.iter().map(|tag| client.get(message, *tag)).collect();
        client.save(message, SaveFlags::KEEP_OPEN_READ_WRITE).expect("a save");
        let after: Vec<_> = binary.iter().map(|tag| client.get(message, *tag)).collect();
        assert_ne!(before[0], after[0]);
        assert_eq!(before[1..], after[1..]);
        Ok(())
    }

    /// MS-OXCMSG 2.2.1.2: R498, R15, R16
    /// MS-OXCMSG 2.2.1.6: R522, R523
    fn a_message_says_whether_it_has_attachments(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = draft(&mut client);
        let refused = client.set(message, tags::HAS_ATTACHMENTS, true);
        assert_eq!(refused, Err(ErrorCode::COMPUTED));
        let (_, attachment) = create_attachment(&mut client, message).expect("one");
        assert_eq!(client.get(message, tags::HAS_ATTACHMENTS), Ok(false.into()));
        save_attachment(&mut client, attachment, message, SaveFlags::NONE).expect("a save");
        assert_eq!(client.get(message, tags::HAS_ATTACHMENTS), Ok(true.into()));
        let flags = number(&mut client, message, tags::MESSAGE_FLAGS).expect("flags");
        assert_eq!(flags & 0x10, 0x10);
        Ok(())
    }

    /// MS-OXCMSG 2.2.1.6: R31, R516, R519, R512, R527
    fn message_flags_are_the_clients_up_to_the_first_save(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = draft(&mut client);
        // mfUnsent and mfResend; what is computed stays computed.
        client.set(message, tags::MESSAGE_FLAGS, 0x88i32 | 0x10).expect("set");
        client.save(message, SaveFlags::KEEP_OPEN_READ_WRITE).expect("a save");
        let flags = number(&mut client, message, tags::MESSAGE_FLAGS).expect("flags");
        // mfUnmodified since it was just made.
        assert_eq!(flags, 0x88 | 0x02);
        let refused = client.set(message, tags::MESSAGE_FLAGS, 0i32);
        assert_eq!(refused, Err(ErrorCode::COMPUTED));
        client.set(message, tags::SUBJECT, "changed").expect("set");
        client.save(message, SaveFlags::KEEP_OPEN_READ_WRITE).expect("a save");
        let flags = number(&mut client, message, tags::MESSAGE_FLAGS).expect("flags");
        assert_eq!(flags, 0x88);
        let hidden = client.create_message(INBOX, true).expect("a message");
        let flags = number(&mut client, hidden, tags::MESSAGE_FLAGS).expect("flags");
        assert_eq!(flags & 0x40, 0x40);
        Ok(())
    }

    /// MS-OXCMSG 2.2.1.7: R540, R47
    fn the_size_follows_the_content(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = post(&mut client, "subject");
        let message = open(&mut client, id);
        let before = number(&mut client, message, tags::MESSAGE_SIZE).expect("a size");
        client.set(message, tags::INTERNET_MESSAGE_ID, "x".repeat(1000).as_str()).expect("set");
        client.save(message, SaveFlags::KEEP_OPEN_READ_WRITE).expect("a save");
        let after = number(&mut client, message, tags::MESSAGE_SIZE).expect("a size");
        assert!(after >= before + 1000, "{before} {after}");
        let folder = client.open_folder(INBOX).expect("the inbox");
        let table = client.contents(folder, mapi_rop::folder::TableFlags::NONE).expect("a table");
        client.set_columns(table, &[tags::MESSAGE_SIZE]).expect("columns");
        let rows = client.query_rows(table, 10).expect("rows").rows;
        assert_eq!(rows[0].value(0), Some(&after.into()));
        assert_eq!(client.set(message, tags::MESSAGE_SIZE, 1i32), Err(ErrorCode::COMPUTED));
        Ok(())
    }

    /// MS-OXCMSG 2.2.1.9: R58
    /// MS-OXCMSG 2.2.1.10: R64
    /// MS-OXCMSG 2.2.1.46: R1239, R1801, R1802
    fn subject_prefix_and_normalized_subject_make_the_subject(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let cases: [Case; 5] = [
            (&[(tags::SUBJECT, "RE: one")], ["RE: one", "RE: ", "one"]),
            (&[(tags::SUBJECT, "long: one")], ["long: one", "", "long: one"]),
            (
                &[(tags::SUBJECT_PREFIX, "Antw: "), (tags::NORMALIZED_SUBJECT, "two")],
                ["Antw: two", "Antw: ", "two"],
            ),
            (
                &[(tags::SUBJECT, "Antw: two"), (tags::SUBJECT_PREFIX, "Antw: ")],
                ["Antw: two", "Antw: ", "two"],
            ),
            (&[(tags::SUBJECT, "RE: x"), (tags::SUBJECT_PREFIX, "")], ["RE: x", "RE: ", "x"]),
        ];
        for (set, expected) in cases {
            let message = draft(&mut client);
            for (tag, value) in set {
                client.set(message, *tag, *value).expect("set");
            }
            let id = client.save(message, SaveFlags::NONE).expect("a save");
            let message = open(&mut client, id);
            let tags = [tags::SUBJECT, tags::SUBJECT_PREFIX, tags::NORMALIZED_SUBJECT];
            for (tag, expected) in tags.into_iter().zip(expected) {
                let value = text(&mut client, message, tag).unwrap_or_default();
                assert_eq!(value, expected, "{set:?} {tag:?}");
            }
        }
        Ok(())
    }

    /// MS-OXCMSG 2.2.1.31: R1182
    /// MS-OXCMSG 2.2.1.32: R1185
    /// MS-OXCMSG 2.2.1.51: R2041
    /// MS-OXCMSG 2.2.1.44: R1216
    /// MS-OXCMSG 2.2.1.53: R2045
    fn a_message_names_its_store_and_its_makers(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = post(&mut client, "subject");
        let message = open(&mut client, id);
        let account = rig.store.account_by_address(ME)?.ok_or("an account")?;
        let name = account.display_name.as_str();
        assert_eq!(text(&mut client, message, tags::CREATOR_NAME).as_deref(), Some(name));
        assert_eq!(text(&mut client, message, tags::LAST_MODIFIER_NAME).as_deref(), Some(name));
        let dn = account.legacy_dn.as_bytes();
        for tag in [tags::CREATOR_ENTRY_ID, tags::LAST_MODIFIER_ENTRY_ID] {
            let PropertyValue::Binary(id) = client.get(message, tag).expect("an id") else {
                panic!("an entry id is bytes");
            };
            assert!(id.windows(dn.len()).any(|part| part.eq_ignore_ascii_case(dn)));
        }
        let logon = client.logon;
        let store = client.get(logon, tags::STORE_ENTRY_ID).or(client.get(logon, tags::ENTRY_ID));
        assert_eq!(client.get(message, tags::STORE_ENTRY_ID), store);
        assert_eq!(client.get(message, tags::READ), Ok(true.into()));
        Ok(())
    }

    /// MS-OXCPRPT 3.2.5.1: R457003
    fn conversation_properties_are_computed(rig: &Rig) -> Result {
        // [MS-OXOMSG] 2.2.1.2, 2.2.1.5
        let mut client = rig.client(ME)?;
        let message = draft(&mut client);
        assert_eq!(client.get(message, tags::CONVERSATION_ID), Err(ErrorCode::NOT_FOUND));
        client.set(message, tags::SUBJECT, "RE: topic").expect("set");
        let topic = text(&mut client, message, tags::CONVERSATION_TOPIC);
        assert_eq!(topic.as_deref(), Some("topic"));
        // MD5 of "TOPIC" in UTF-16LE.
        let by_topic = vec![0x5f, 0x49, 0x13, 0x4c, 0x1c, 0x67, 0x95, 0x3b, 0xee, 0xdb, 0xe8, 0xc4, 0xc4, 0xf5, 0xbb, 0x42];
        assert_eq!(client.get(message, tags::CONVERSATION_ID), Ok(by_topic.clone().into()));
        client.set(message, tags::CONVERSATION_TOPIC, "TOPIC").expect("set");
        assert_eq!(client.get(message, tags::CONVERSATION_ID), Ok(by_topic.clone().into()));
        let mut index = vec![1, 0, 0, 0, 0, 0];
        index.extend(1u8..=16);
        client.set(message, tags::CONVERSATION_INDEX, index.clone()).expect("set");
        assert_eq!(client.get(message, tags::CONVERSATION_ID), Ok(by_topic.into()));
        client.set(message, tags::CONVERSATION_INDEX_TRACKING, true).expect("set");
        let id = client.save(message, SaveFlags::NONE).expect("a save");
        let message = open(&mut client, id);
        let tracked: Vec<u8> = (1..=16).collect();
        assert_eq!(client.get(message, tags::CONVERSATION_ID), Ok(tracked.into()));
        let refused = client.set(message, tags::CONVERSATION_ID, vec![0u8; 16]);
        assert_eq!(refused, Err(ErrorCode::COMPUTED));
        Ok(())
    }

    /// MS-OXCMSG 2.2.1.3: R500
    /// MS-OXCMSG 2.2.1.11: R70
    /// MS-OXCMSG 2.2.1.12: R76
    /// MS-OXCMSG 2.2.1.13: R82
    /// MS-OXCMSG 2.2.1.20: R1107
    fn what_clients_say_of_a_message_is_kept(rig: &Rig) -> Result {
        keeps(rig, &[
            TaggedValue::new(tags::MESSAGE_CLASS, "IPM.Note.Custom"),
            TaggedValue::new(tags::IMPORTANCE, 2i32),
            TaggedValue::new(tags::PRIORITY, -1i32),
            TaggedValue::new(tags::SENSITIVITY, 3i32),
            TaggedValue::new(tags::AUTO_FORWARDED, true),
        ])
    }

    /// MS-OXCMSG 2.2.1.4
    /// MS-OXCMSG 2.2.1.5
    /// MS-OXCMSG 2.2.1.21
    /// MS-OXCMSG 2.2.1.26
    /// MS-OXCMSG 2.2.1.29
    fn languages_references_and_keys_are_kept(rig: &Rig) -> Result {
        keeps(rig, &[
            TaggedValue::new(tags::MESSAGE_CODEPAGE, 1252i32),
            TaggedValue::new(tags::MESSAGE_LOCALE_ID, 0x407i32),
            TaggedValue::new(tags::AUTO_FORWARD_COMMENT, "forwarded"),
            TaggedValue::new(tags::INTERNET_REFERENCES, "<a> <b>"),
            TaggedValue::new(tags::TNEF_CORRELATION_KEY, vec![1u8, 2]),
        ])
    }

    /// MS-OXCMSG 2.2.1.30
    /// MS-OXCMSG 2.2.1.36
    /// MS-OXCMSG 2.2.1.37
    /// MS-OXCMSG 2.2.1.43
    /// MS-OXCMSG 2.2.1.45
    fn what_is_said_of_senders_and_transports_is_kept(rig: &Rig) -> Result {
        keeps(rig, &[
            TaggedValue::new(tags::ADDRESS_BOOK_DISPLAY_NAME_PRINTABLE, "name"),
            TaggedValue::new(tags::ALTERNATE_RECIPIENT_ALLOWED, true),
            TaggedValue::new(tags::RESPONSIBILITY, true),
            TaggedValue::new(tags::PURPORTED_SENDER_DOMAIN, "example.test"),
            TaggedValue::new(tags::TRUST_SENDER, 0i32),
        ])
    }

    /// MS-OXCPRPT 2.2.1.5: R857
    /// MS-OXCPRPT 2.2.1.6: R859
    /// MS-OXCPRPT 2.2.1.7: R45
    /// MS-OXCPRPT 2.2.1.8: R52
    /// MS-OXCPRPT 2.2.1.9: R863
    fn what_the_server_keeps_is_not_the_clients(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = post(&mut client, "subject");
        let message = open(&mut client, id);
        let computed = Err(ErrorCode::COMPUTED);
        assert_eq!(client.set(message, tags::LAST_MODIFIER_NAME, "somebody"), computed);
        let time = client.set(message, tags::LAST_MODIFICATION_TIME, mapi::FileTime(5));
        assert_eq!(time, computed);
        // A message object.
        assert_eq!(number(&mut client, message, tags::OBJECT_TYPE), Ok(5));
        for tag in [tags::RECORD_KEY, tags::SEARCH_KEY] {
            let before = client.get(message, tag).expect("a key");
            assert_eq!(client.set(message, tag, vec![1u8]), computed, "{tag:?}");
            assert_eq!(client.get(message, tag), Ok(before));
        }
        Ok(())
    }
}

/// Whether a message has these values after it was saved and opened.
fn keeps(rig: &Rig, values: &[TaggedValue]) -> Result {
    let mut client = rig.client(ME)?;
    let message = draft(&mut client);
    client.set_all(message, values).expect("set");
    let id = client.save(message, SaveFlags::NONE).expect("a save");
    let message = open(&mut client, id);
    for value in values {
        assert_eq!(client.get(message, value.tag), Ok(value.value.clone()), "{:?}", value.tag);
    }
    Ok(())
}
