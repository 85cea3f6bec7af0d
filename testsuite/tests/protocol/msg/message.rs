//! Opening, making and saving messages: [MS-OXCMSG] 2.2.3.1 to 2.2.3.3, 2.2.3.7, 3.2.5.1 to 3.2.5.3, 3.2.5.7.

use mapi::{ErrorCode, PropertyName, PropertyTag, PropertyType, TaggedValue};
use mapi_rop::folder::{DeleteMessagesRequest, TableFlags};
use mapi_rop::message::ReloadCachedInformationRequest;
use mapi_rop::property::{GetPropertyIdsFromNamesRequest, NameFlags};
use testsuite::octets::{self, Rop};
use testsuite::on_both;
use testsuite::rig::ME;

use super::*;

/// A new message, whose making tells that it has no id yet.
fn created(client: &mut Client, associated: bool) -> Handle {
    let inbox = octets::id(INBOX.counter.get());
    let rop = Rop::new(0x06, 0).u8(1).u16(LOGON_CODE_PAGE).bytes(&inbox).u8(associated.into());
    let mut answer = client.ask(rop, &[client.logon, Handle::NONE]);
    answer.head(0x06, 1, 0);
    // HasMessageId
    assert_eq!(answer.u8(), 0);
    let message = answer.handles[1];
    answer.end();
    message
}

fn delete(client: &mut Client, id: MessageId) {
    let folder = client.open_folder(INBOX).expect("the inbox");
    let body = DeleteMessagesRequest {
        want_asynchronous: false,
        notify_non_read: false,
        messages: vec![id].into(),
    };
    client.call(folder, RopRequest::DeleteMessages(body)).expect("deleted");
}

on_both! {
    /// MS-OXCMSG 2.2.3.1: R647, R648, R651
    /// MS-OXCMSG 3.2.5.1: R321, R1475
    fn a_message_is_opened_by_its_ids(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = post(&mut client, "subject");
        let folder = client.open_folder(INBOX).expect("the inbox");
        let logon = client.logon;
        let mut handles = Vec::new();
        for input in [logon, folder] {
            let (answer, handle) = opened(&mut client, input, INBOX, id, BOTH).expect("opened");
            assert_eq!(answer.recipient_count, 0);
            assert_eq!(answer.normalized_subject, typed("subject"));
            assert_eq!(client.get(handle, tags::SUBJECT), Ok("subject".into()));
            handles.push(handle);
        }
        // Each has a transaction of its own.
        assert_ne!(handles[0], handles[1]);
        client.set(handles[0], tags::SUBJECT, "other").expect("set");
        assert_eq!(client.get(handles[1], tags::SUBJECT), Ok("subject".into()));
        Ok(())
    }

    /// MS-OXCMSG 3.2.5.1: R333, R1477, R1478, R323
    fn a_message_that_is_not_there_is_not_opened(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = post(&mut client, "subject");
        let logon = client.logon;
        let missing = MessageId::own(0x00ff_ffff);
        let not_found = Err(ErrorCode::NOT_FOUND);
        let result = opened(&mut client, logon, INBOX, missing, BOTH).map(drop);
        assert_eq!(result, not_found);
        let drafts = SpecialFolder::SentItems.id();
        let result = opened(&mut client, logon, drafts, id, BOTH).map(drop);
        assert_eq!(result, not_found);
        let message = open(&mut client, id);
        let result = opened(&mut client, message, INBOX, id, BOTH).map(drop);
        assert_eq!(result, Err(ErrorCode::NULL_OBJECT));
        Ok(())
    }

    /// MS-OXCMSG 2.2.3.1.1: R668
    /// MS-OXCMSG 3.2.5.1: R325, R326, R335
    fn soft_deleted_messages_are_opened_on_demand(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = post(&mut client, "subject");
        delete(&mut client, id);
        let logon = client.logon;
        let hidden = opened(&mut client, logon, INBOX, id, BOTH).map(drop);
        assert_eq!(hidden, Err(ErrorCode::NOT_FOUND));
        let flags = OpenMessageFlags::OPEN_SOFT_DELETED;
        let (_, message) = opened(&mut client, logon, INBOX, id, flags).expect("opened");
        assert_eq!(client.get(message, tags::SUBJECT), Ok("subject".into()));
        Ok(())
    }

    /// MS-OXCMSG 2.2.3.1.1: R661, R1293, R1838
    /// MS-OXCPRPT 2.2.1.2: R27, R28
    fn the_open_mode_is_the_access_level(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = post(&mut client, "subject");
        let logon = client.logon;
        let modes = [(0x00, 0), (0x01, 1), (0x03, 1), (0x80, 0), (0x81, 1), (0x40, 0)];
        for (flags, level) in modes {
            let flags = OpenMessageFlags(flags);
            let (answer, message) = opened(&mut client, logon, INBOX, id, flags).expect("opened");
            assert_eq!(answer.normalized_subject, typed("subject"));
            assert_eq!(number(&mut client, message, tags::ACCESS_LEVEL), Ok(level));
            let set = client.set(message, tags::SUBJECT, "other");
            let expected = if level == 1 { Ok(()) } else { Err(ErrorCode::ACCESS_DENIED) };
            assert_eq!(set, expected);
        }
        Ok(())
    }

    /// MS-OXCMSG 2.2.3.1.2: R673, R1668, R676, R678
    /// MS-OXCMSG 3.2.5.1
    fn opening_tells_the_subject_and_whether_there_are_named_properties(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let logon = client.logon;
        let id = post(&mut client, "Re: subject");
        let (answer, message) = opened(&mut client, logon, INBOX, id, BOTH).expect("opened");
        assert!(!answer.has_named_properties);
        assert_eq!(answer.subject_prefix, typed("Re: "));
        assert_eq!(answer.normalized_subject, typed("subject"));
        let names = vec![PropertyName::string(mapi::Guid::random(), "name")];
        let body = GetPropertyIdsFromNamesRequest { flags: NameFlags::CREATE, names: names.into() };
        let RopResponse::GetPropertyIdsFromNames(ids) =
            client.call(logon, RopRequest::GetPropertyIdsFromNames(body)).expect("ids")
        else {
            panic!("the answer of another ROP");
        };
        let tag = PropertyTag::from_parts(ids.ids[0], PropertyType::INTEGER32);
        client.set(message, tag, 5i32).expect("set");
        assert_eq!(client.get(message, tags::HAS_NAMED_PROPERTIES), Ok(true.into()));
        client.save(message, SaveFlags::NONE).expect("a save");
        let (answer, _) = opened(&mut client, logon, INBOX, id, BOTH).expect("opened");
        assert!(answer.has_named_properties);
        Ok(())
    }

    /// MS-OXCMSG 2.2.3.2: R687, R1839
    /// MS-OXCMSG 2.2.3.2.1: R987, R988
    /// MS-OXCMSG 2.2.3.2.2: R991
    fn a_new_message_is_normal_or_associated(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        for associated in [false, true] {
            // It gets its MID when it is saved.
            let message = created(&mut client, associated);
            assert_eq!(client.get(message, tags::ASSOCIATED), Ok(associated.into()));
            assert_eq!(client.get(message, tags::MID), Err(ErrorCode::NOT_FOUND));
            let id = client.save(message, SaveFlags::NONE).expect("a save");
            let message = open(&mut client, id);
            assert_eq!(client.get(message, tags::ASSOCIATED), Ok(associated.into()));
            assert_eq!(client.get(message, tags::MID), Ok(id.to_i64().into()));
        }
        Ok(())
    }

    /// MS-OXCMSG 3.2.5.2: R341, R342, R347, R353, R339
    fn a_new_message_has_what_the_server_initializes(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = created(&mut client, false);
        let numbers = [
            (tags::IMPORTANCE, 1),
            (tags::SENSITIVITY, 0),
            (tags::MESSAGE_FLAGS, 0x409),
            (tags::TRUST_SENDER, 1),
            (tags::ACCESS, 3),
            (tags::ACCESS_LEVEL, 1),
            (tags::MESSAGE_LOCALE_ID, 0x409),
            (tags::LOCALE_ID, 0x409),
        ];
        for (tag, expected) in numbers {
            assert_eq!(number(&mut client, message, tag), Ok(expected), "{tag:?}");
        }
        assert_eq!(client.get(message, tags::MESSAGE_CLASS), Ok("IPM.Note".into()));
        for tag in [tags::HAS_ATTACHMENTS, tags::HAS_NAMED_PROPERTIES] {
            assert_eq!(client.get(message, tag), Ok(false.into()), "{tag:?}");
        }
        let made = client.get(message, tags::CREATION_TIME).expect("a time");
        assert_eq!(client.get(message, tags::LAST_MODIFICATION_TIME), Ok(made));
        let name = client.get(message, tags::CREATOR_NAME).expect("a name");
        assert_eq!(client.get(message, tags::LAST_MODIFIER_NAME), Ok(name));
        let id = client.get(message, tags::CREATOR_ENTRY_ID).expect("an id");
        assert_eq!(client.get(message, tags::LAST_MODIFIER_ENTRY_ID), Ok(id));
        assert!(client.get(message, tags::SEARCH_KEY).is_ok());
        assert!(number(&mut client, message, tags::MESSAGE_SIZE).expect("a size") > 0);
        // Nobody sees it before the save.
        let folder = client.open_folder(INBOX).expect("the inbox");
        assert_eq!(number(&mut client, folder, tags::CONTENT_COUNT), Ok(0));
        Ok(())
    }

    /// MS-OXCMSG 3.2.5.2: R340
    /// MS-OXCMSG 6: R164101
    fn names_of_recipients_are_not_initialized(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let shown = [tags::DISPLAY_TO, tags::DISPLAY_CC, tags::DISPLAY_BCC];
        let told = |client: &mut Client, message| shown.map(|tag| client.get(message, tag));
        let message = created(&mut client, false);
        assert_eq!(told(&mut client, message), shown.map(|_| Err(ErrorCode::NOT_FOUND)));
        super::recipient::add(&mut client, message, "anna").expect("a recipient");
        let names = ["anna", "", ""].map(|name| Ok(name.into()));
        assert_eq!(told(&mut client, message), names);
        let message = created(&mut client, false);
        let id = client.save(message, SaveFlags::KEEP_OPEN_READ_WRITE).expect("a save");
        assert_eq!(told(&mut client, message), ["", "", ""].map(|name| Ok(name.into())));
        let message = open(&mut client, id);
        assert_eq!(told(&mut client, message), ["", "", ""].map(|name| Ok(name.into())));
        Ok(())
    }

    /// MS-OXCMSG 2.2.3.3: R700, R701
    /// MS-OXCMSG 2.2.3.3.2: R728
    /// MS-OXCMSG 3.2.5.3: R372, R704
    fn changes_are_seen_by_others_after_the_save(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = post(&mut client, "before");
        let message = open(&mut client, id);
        client.set(message, tags::SUBJECT, "after").expect("set");
        let other = open(&mut client, id);
        assert_eq!(client.get(other, tags::SUBJECT), Ok("before".into()));
        assert_eq!(client.save(message, SaveFlags::NONE), Ok(id));
        let third = open(&mut client, id);
        assert_eq!(client.get(third, tags::SUBJECT), Ok("after".into()));
        // An open one stays as it is.
        assert_eq!(client.get(other, tags::SUBJECT), Ok("before".into()));
        Ok(())
    }

    /// MS-OXCMSG 3.2.5.3: R705, R1053
    /// MS-OXCMSG 2.2.3.3.1: R724, R718, R719
    fn the_second_of_two_saves_fails_unless_it_is_forced(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = post(&mut client, "subject");
        let (one, two) = (open(&mut client, id), open(&mut client, id));
        client.set(one, tags::SUBJECT, "one").expect("set");
        client.set(two, tags::SUBJECT, "two").expect("set");
        assert_eq!(client.save(one, SaveFlags::KEEP_OPEN_READ_WRITE), Ok(id));
        let modified = Err(ErrorCode::OBJECT_MODIFIED);
        for flags in [SaveFlags::NONE, SaveFlags::KEEP_OPEN_READ_ONLY] {
            assert_eq!(client.save(two, flags), modified);
            // The failed save left it as it was.
            assert_eq!(number(&mut client, two, tags::ACCESS_LEVEL), Ok(1));
        }
        assert_eq!(client.save(two, SaveFlags::KEEP_OPEN_READ_WRITE), modified);
        let seen = open(&mut client, id);
        assert_eq!(client.get(seen, tags::SUBJECT), Ok("one".into()));
        assert_eq!(client.save(two, SaveFlags::FORCE_SAVE), Ok(id));
        let seen = open(&mut client, id);
        assert_eq!(client.get(seen, tags::SUBJECT), Ok("two".into()));
        Ok(())
    }

    /// MS-OXCMSG 2.2.3.3.1: R1671, R719, R723, R1906
    /// MS-OXCMSG 3.2.5.3: R1699
    fn save_flags_say_what_may_be_done_afterwards(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let cases = [
            (SaveFlags::KEEP_OPEN_READ_ONLY, 0),
            (SaveFlags::KEEP_OPEN_READ_WRITE, 1),
            (SaveFlags::FORCE_SAVE, 1),
            (SaveFlags(0x10 | 0x01), 0),
            (SaveFlags(0x80 | 0x02), 1),
        ];
        for (flags, level) in cases {
            let message = draft(&mut client);
            client.save(message, flags).expect("a save");
            assert_eq!(number(&mut client, message, tags::ACCESS_LEVEL), Ok(level));
            let again = client.save(message, SaveFlags::NONE).map(drop);
            assert_eq!(again, if level == 1 { Ok(()) } else { Err(ErrorCode::ERROR) });
        }
        let id = post(&mut client, "subject");
        let reader = client.open_message(INBOX, id, OpenMessageFlags::NONE).expect("opened");
        assert_eq!(client.save(reader, SaveFlags::FORCE_SAVE), Err(ErrorCode::ERROR));
        Ok(())
    }

    /// MS-OXCMSG 2.2.3.7
    /// MS-OXCMSG 3.2.5.7: R1498
    /// MS-OXCMSG 2.2.3.7.2
    fn reloading_tells_what_opening_told(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = post(&mut client, "AW: subject");
        let logon = client.logon;
        let (answer, message) = opened(&mut client, logon, INBOX, id, BOTH).expect("opened");
        let reload =
            || RopRequest::ReloadCachedInformation(ReloadCachedInformationRequest { reserved: 0 });
        match client.call(message, reload()).expect("an answer") {
            RopResponse::ReloadCachedInformation(again) => assert_eq!(again, answer),
            other => panic!("{other:?}"),
        }
        client.set_all(message, &[TaggedValue::new(tags::SUBJECT, "new")]).expect("set");
        client.save(message, SaveFlags::KEEP_OPEN_READ_WRITE).expect("a save");
        match client.call(message, reload()).expect("an answer") {
            RopResponse::ReloadCachedInformation(again) => {
                assert_eq!(again.normalized_subject, typed("new"));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(client.call(logon, reload()), Err(ErrorCode::NULL_OBJECT));
        Ok(())
    }

    /// MS-OXCMSG 3.1.4.1: R1387
    /// MS-OXCMSG 3.1.5.1: R250, R251, R256
    fn messages_are_opened_by_what_the_contents_table_tells(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let ids = ["Re: one", "two"].map(|subject| post(&mut client, subject));
        let folder = client.open_folder(INBOX).expect("the inbox");
        let table = client.contents(folder, TableFlags::NONE).expect("a table");
        client.set_columns(table, &[tags::MID, tags::NORMALIZED_SUBJECT]).expect("columns");
        let rows = client.query_rows(table, 10).expect("rows").rows;
        let mut told: Vec<MessageId> = Vec::new();
        for row in rows {
            let Some(PropertyValue::Integer64(id)) = row.value(0) else { panic!("{row:?}") };
            let id = MessageId::from_i64(*id);
            let logon = client.logon;
            let (answer, message) = opened(&mut client, logon, INBOX, id, BOTH).expect("opened");
            let subject = row.value(1).and_then(|value| value.as_text()).expect("a subject");
            assert_eq!(answer.normalized_subject, typed(&subject.to_string_lossy()));
            client.release(message);
            let gone = client.get(message, tags::SUBJECT);
            assert_eq!(gone, Err(ErrorCode::INVALID_OBJECT));
            told.push(id);
        }
        told.sort_unstable();
        assert_eq!(told, ids);
        Ok(())
    }

    /// MS-OXCMSG 3.1.4.2: R1388
    /// MS-OXCMSG 3.1.4.3: R1389
    /// MS-OXCMSG 3.1.5.2: R1407
    /// MS-OXCMSG 3.1.5.3: R260
    fn a_new_message_is_saved_and_used_on(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let folder = client.open_folder(INBOX).expect("the inbox");
        let message = draft(&mut client);
        client.set(message, tags::SUBJECT, "first").expect("set");
        assert_eq!(number(&mut client, folder, tags::CONTENT_COUNT), Ok(0));
        let id = client.save(message, SaveFlags::KEEP_OPEN_READ_WRITE).expect("a save");
        assert_eq!(number(&mut client, folder, tags::CONTENT_COUNT), Ok(1));
        assert_eq!(client.get(message, tags::MID), Ok(id.to_i64().into()));
        client.set(message, tags::SUBJECT, "second").expect("set");
        // The flags of the save are the access afterwards.
        assert_eq!(client.save(message, SaveFlags::KEEP_OPEN_READ_ONLY), Ok(id));
        assert_eq!(number(&mut client, message, tags::ACCESS_LEVEL), Ok(0));
        let set = client.set(message, tags::SUBJECT, "third");
        assert_eq!(set, Err(ErrorCode::ACCESS_DENIED));
        let other = open(&mut client, id);
        assert_eq!(client.get(other, tags::SUBJECT), Ok("second".into()));
        Ok(())
    }

    /// MS-OXCMSG 3.1.4.7: R279
    /// MS-OXCMSG 3.1.5.13: R62, R68
    fn subjects_are_told_alike_by_opening_reloading_and_properties(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = post(&mut client, "RE: subject");
        let logon = client.logon;
        let (answer, message) = opened(&mut client, logon, INBOX, id, BOTH).expect("opened");
        let told = |answer: &OpenMessageResponse, prefix: &str, rest: &str| {
            assert_eq!(answer.subject_prefix, typed(prefix));
            assert_eq!(answer.normalized_subject, typed(rest));
        };
        told(&answer, "RE: ", "subject");
        assert_eq!(client.get(message, tags::SUBJECT_PREFIX), Ok("RE: ".into()));
        assert_eq!(client.get(message, tags::NORMALIZED_SUBJECT), Ok("subject".into()));
        // What is not saved yet is the state of this handle.
        client.set(message, tags::SUBJECT, "FW: other").expect("set");
        let body = ReloadCachedInformationRequest { reserved: 0 };
        match client.call(message, RopRequest::ReloadCachedInformation(body)).expect("an answer") {
            RopResponse::ReloadCachedInformation(again) => told(&again, "FW: ", "other"),
            other => panic!("{other:?}"),
        }
        // A part that is written makes another subject.
        client.set(message, tags::NORMALIZED_SUBJECT, "third").expect("set");
        assert_eq!(client.get(message, tags::SUBJECT), Ok("FW: third".into()));
        client.set(message, tags::SUBJECT_PREFIX, "AW: ").expect("set");
        client.save(message, SaveFlags::NONE).expect("a save");
        let message = open(&mut client, id);
        assert_eq!(client.get(message, tags::SUBJECT), Ok("AW: third".into()));
        Ok(())
    }
}
