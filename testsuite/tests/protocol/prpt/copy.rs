//! RopCopyTo, RopCopyProperties, the ROPs without replication, RopProgress: [MS-OXCPRPT] 2.2.6, 2.2.8, 2.2.10,
//! 2.2.11, 2.2.23, 3.2.5.7, 3.2.5.8, 3.2.5.20.

use mapi::row::TaggedValue;
use mapi::{ErrorCode, PropertyName, PropertyType, PropertyValue, tags};
use mapi_rop::LogonId;
use mapi_rop::folder::{FolderType, TableFlags};
use mapi_rop::irregular::{CreateFolderRequest, FolderTexts};
use mapi_rop::message::{
    ModifyRecipientRow, ModifyRecipientsRequest, OpenEmbeddedMessageRequest, RecipientType,
};
use mapi_rop::parts::SizedValues;
use mapi_rop::property::{
    DeletePropertiesRequest, GetPropertyIdsFromNamesRequest, NameFlags, ProgressRequest,
    SetPropertiesRequest,
};
use testsuite::on_both;
use testsuite::rig::DELEGATE;

use super::*;

fn problem(index: u16, tag: PropertyTag, error: ErrorCode) -> PropertyProblem {
    PropertyProblem { index, tag, error }
}

fn add_recipient(client: &mut Client, message: Handle, row_id: u32, address: &str) {
    let row = recipient(address);
    let rows =
        vec![ModifyRecipientRow { row_id, recipient_type: RecipientType::TO, row: Some(row) }];
    let body = ModifyRecipientsRequest { columns: Vec::new(), rows };
    client.call(message, RopRequest::ModifyRecipients(body)).expect("recipients");
}

fn new_folder(client: &mut Client, parent: Handle, name: &str) -> (Handle, FolderId) {
    let body = CreateFolderRequest {
        folder_type: FolderType::Generic,
        open_existing: false,
        reserved: 0,
        texts: FolderTexts::Unicode { display_name: name.into(), comment: "".into() },
    };
    match client.call_two(parent, Handle::NONE, RopRequest::CreateFolder(body)).expect("a folder") {
        (RopResponse::CreateFolder(answer), handle) => (handle, answer.folder),
        other => panic!("{other:?}"),
    }
}

on_both! {
    /// MS-OXCPRPT 2.2.11: R171, R17201
    /// MS-OXCPRPT 2.2.11.1: R191, R185
    /// MS-OXCPRPT 3.2.5.8: R5070501
    fn a_message_is_copied_without_what_is_excluded(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let (from, to) = (new_message(&mut client), new_message(&mut client));
        client.set(from, tags::SUBJECT, "subject").expect("set");
        client.set(from, tags::SENSITIVITY, 2i32).expect("set");
        client.set(to, tags::SUBJECT, "there before").expect("set");
        let excluded = [tags::SENSITIVITY];
        let problems = copy_to(&mut client, from, to, CopyFlags::NONE, true, &excluded);
        assert_eq!(problems, Ok(vec![]));
        assert_eq!(client.get(to, tags::SUBJECT), Ok("subject".into()));
        assert_eq!(client.get(to, tags::SENSITIVITY), Ok(0i32.into()));
        assert_eq!(client.get(from, tags::SUBJECT), Ok("subject".into()));
        // Nothing is stored before the save.
        let other = reopen(&mut client, to);
        assert_eq!(client.get(other, tags::SUBJECT), Ok("subject".into()));
        let change = client.get(from, tags::CHANGE_KEY);
        assert_eq!(change, Err(ErrorCode::NOT_FOUND));
        Ok(())
    }

    /// MS-OXCPRPT 2.2.1.8: R51
    /// MS-OXCPRPT 2.2.1.9: R55
    fn a_copy_has_a_record_key_of_its_own_and_the_search_key_of_its_source(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let (from, to) = (new_message(&mut client), new_message(&mut client));
        copy_to(&mut client, from, to, CopyFlags::NONE, true, &[]).expect("a copy");
        let key = client.get(from, tags::SEARCH_KEY).expect("a key");
        let (from, to) = (reopen(&mut client, from), reopen(&mut client, to));
        assert_eq!(client.get(from, tags::SEARCH_KEY), Ok(key.clone()));
        assert_eq!(client.get(to, tags::SEARCH_KEY), Ok(key));
        let record = client.get(from, tags::RECORD_KEY).expect("a key");
        assert_ne!(client.get(to, tags::RECORD_KEY), Ok(record));
        Ok(())
    }

    /// MS-OXCPRPT 2.2.11.1: R181, R182, R191
    fn sub_objects_of_a_message_go_along_if_wanted(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let from = new_message(&mut client);
        add_recipient(&mut client, from, 1, "anna@example.test");
        let (attachment, number) = new_attachment(&mut client, from);
        client.set(attachment, tags::ATTACH_LONG_FILENAME, "a.txt").expect("set");
        save_attachment(&mut client, attachment, from);
        let to = new_message(&mut client);
        assert_eq!(copy_to(&mut client, from, to, CopyFlags::NONE, false, &[]), Ok(vec![]));
        assert_eq!(client.get(to, tags::HAS_ATTACHMENTS), Ok(false.into()));
        assert_eq!(client.get(to, tags::DISPLAY_TO), Err(ErrorCode::NOT_FOUND));
        let excluded = [tags::MESSAGE_RECIPIENTS];
        assert_eq!(copy_to(&mut client, from, to, CopyFlags::NONE, true, &excluded), Ok(vec![]));
        assert_eq!(client.get(to, tags::HAS_ATTACHMENTS), Ok(true.into()));
        assert_eq!(client.get(to, tags::DISPLAY_TO), Err(ErrorCode::NOT_FOUND));
        let named = [tags::MESSAGE_RECIPIENTS];
        let problems = copy_properties(&mut client, from, to, CopyFlags::NONE, &named);
        assert_eq!(problems, Ok(vec![]));
        assert_eq!(client.get(to, tags::DISPLAY_TO), Ok("anna@example.test".into()));
        let copied = open_attachment(&mut client, to, number).expect("the copy");
        assert_eq!(client.get(copied, tags::ATTACH_LONG_FILENAME), Ok("a.txt".into()));
        Ok(())
    }

    /// MS-OXCPRPT 2.2.10: R146, R14901
    /// MS-OXCPRPT 2.2.10.1: R15901
    /// MS-OXCPRPT 2.2.10.2: R16502
    /// MS-OXCPRPT 3.2.5.7: R500
    fn named_properties_are_copied_and_problems_told(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let (from, to) = (new_message(&mut client), new_message(&mut client));
        client.set(from, tags::SUBJECT, "one").expect("set");
        client.set(from, tags::INTERNET_MESSAGE_ID, "<id>").expect("set");
        client.set(to, tags::SUBJECT, "two").expect("set");
        let asked = [tags::SUBJECT, tags::ENTRY_ID, tags::BODY, tags::INTERNET_MESSAGE_ID];
        let no_overwrite = CopyFlags::NO_OVERWRITE;
        let problems = copy_properties(&mut client, from, to, no_overwrite, &asked);
        let expected = vec![
            problem(1, tags::ENTRY_ID, ErrorCode::COMPUTED),
            problem(2, tags::BODY, ErrorCode::NOT_FOUND),
        ];
        assert_eq!(problems, Ok(expected));
        assert_eq!(client.get(to, tags::SUBJECT), Ok("two".into()));
        assert_eq!(client.get(to, tags::INTERNET_MESSAGE_ID), Ok("<id>".into()));
        let problems = copy_properties(&mut client, from, to, CopyFlags::NONE, &asked[..1]);
        assert_eq!(problems, Ok(vec![]));
        assert_eq!(client.get(to, tags::SUBJECT), Ok("one".into()));
        Ok(())
    }

    /// MS-OXCPRPT 2.2.10.1: R159
    /// MS-OXCPRPT 3.2.5.7: R501
    /// MS-OXCPRPT 2.2.11.1: R185, R624
    /// MS-OXCPRPT 3.2.5.8: R5070502
    fn moved_properties_are_gone_from_the_source(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let (from, to) = (new_message(&mut client), new_message(&mut client));
        client.set(from, tags::SUBJECT, "one").expect("set");
        client.set(from, tags::INTERNET_MESSAGE_ID, "<id>").expect("set");
        let moved = [tags::SUBJECT];
        assert_eq!(copy_properties(&mut client, from, to, CopyFlags::MOVE, &moved), Ok(vec![]));
        assert_eq!(client.get(to, tags::SUBJECT), Ok("one".into()));
        assert_eq!(client.get(from, tags::SUBJECT), Err(ErrorCode::NOT_FOUND));
        assert_eq!(client.get(from, tags::INTERNET_MESSAGE_ID), Ok("<id>".into()));
        client.set(from, tags::SUBJECT, "again").expect("set");
        assert_eq!(copy_to(&mut client, from, to, CopyFlags::NO_OVERWRITE, true, &[]), Ok(vec![]));
        assert_eq!(client.get(to, tags::SUBJECT), Ok("one".into()));
        assert_eq!(client.get(to, tags::INTERNET_MESSAGE_ID), Ok("<id>".into()));
        assert_eq!(copy_to(&mut client, from, to, CopyFlags::MOVE, true, &[]), Ok(vec![]));
        assert_eq!(client.get(to, tags::SUBJECT), Ok("again".into()));
        assert_eq!(client.get(from, tags::INTERNET_MESSAGE_ID), Err(ErrorCode::NOT_FOUND));
        Ok(())
    }

    /// MS-OXCPRPT 3.2.5.7: R880
    /// MS-OXCPRPT 3.2.5.8: R5070505
    /// MS-OXCPRPT 2.2.10: R150
    /// MS-OXCPRPT 2.2.10.1: R86501
    /// MS-OXCPRPT 2.2.11.1: R18401
    fn copies_that_make_no_sense_are_refused(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let (from, to) = (new_message(&mut client), new_message(&mut client));
        let folder = client.open_folder(INBOX).expect("the inbox");
        let both = CopyFlags(CopyFlags::MOVE.0 | CopyFlags::NO_OVERWRITE.0);
        for flags in [CopyFlags(0x04), CopyFlags(0x81), both] {
            let refused = Err(ErrorCode::INVALID_PARAMETER);
            assert_eq!(copy_to(&mut client, from, to, flags, true, &[]), refused);
            assert_eq!(copy_properties(&mut client, from, to, flags, &[]), refused);
        }
        let none = CopyFlags::NONE;
        for (a, b) in [(from, folder), (folder, to), (client.logon, client.logon)] {
            let refused = Err(ErrorCode::NOT_SUPPORTED);
            assert_eq!(copy_to(&mut client, a, b, none, true, &[]), refused);
            assert_eq!(copy_properties(&mut client, a, b, none, &[tags::SUBJECT]), refused);
        }
        Ok(())
    }

    /// MS-OXCPRPT 2.2.10.2: R737, R738, R168
    /// MS-OXCPRPT 2.2.11.2: R739, R740
    fn a_destination_that_is_not_there_is_told_by_its_index(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let from = new_message(&mut client);
        let none = CopyFlags::NONE;
        let null = Err(ErrorCode::NULL_DESTINATION_OBJECT);
        assert_eq!(copy_to(&mut client, from, Handle::NONE, none, true, &[]), null);
        assert_eq!(copy_properties(&mut client, from, Handle::NONE, none, &[]), null);
        let body = RopRequest::CopyTo(CopyToRequest {
            want_asynchronous: false,
            want_sub_objects: false,
            flags: none,
            excluded: Default::default(),
        });
        let answer = client.respond(from, Handle::NONE, body);
        let RopResponse::Failed(failure) = &answer.body else { panic!("{answer:?}") };
        // RopId, SourceHandleIndex, ReturnValue, DestHandleIndex in four bytes, and nothing else.
        let mut bytes = Vec::new();
        answer.write(&mut bytes);
        assert_eq!(bytes, [0x39, 0, 0x03, 0x05, 0, 0, 1, 0, 0, 0], "{failure:?}");
        Ok(())
    }

    /// MS-OXCPRPT 3.2.5.8: R896
    fn a_message_does_not_go_into_what_it_holds(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let outer = new_message(&mut client);
        let (attachment, _) = new_attachment(&mut client, outer);
        let inner = embedded(&mut client, attachment);
        let cycle = Err(ErrorCode::MESSAGE_CYCLE);
        assert_eq!(copy_to(&mut client, outer, inner, CopyFlags::NONE, true, &[]), cycle);
        let (deeper, _) = new_attachment(&mut client, inner);
        let innermost = embedded(&mut client, deeper);
        assert_eq!(copy_to(&mut client, outer, innermost, CopyFlags::NONE, true, &[]), cycle);
        assert_eq!(copy_to(&mut client, attachment, deeper, CopyFlags::NONE, true, &[]), cycle);
        client.set(inner, tags::SUBJECT, "inner").expect("set");
        copy_to(&mut client, inner, outer, CopyFlags::NONE, false, &[]).expect("outwards");
        assert_eq!(client.get(outer, tags::SUBJECT), Ok("inner".into()));
        Ok(())
    }

    /// MS-OXCPRPT 2.2.10: R14903
    /// MS-OXCPRPT 2.2.11: R17202
    /// MS-OXCPRPT 3.2.5.7: R848
    /// MS-OXCPRPT 3.2.5.8: R5070508
    fn attachments_are_copied_with_the_message_in_them(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = new_message(&mut client);
        let (from, _) = new_attachment(&mut client, message);
        client.set(from, tags::ATTACH_LONG_FILENAME, "a.txt").expect("set");
        let inner = embedded(&mut client, from);
        client.set(inner, tags::SUBJECT, "inner").expect("set");
        client.save(inner, SaveFlags::NONE).expect("a save");
        let (to, number) = new_attachment(&mut client, message);
        assert_eq!(copy_to(&mut client, from, to, CopyFlags::NONE, true, &[]), Ok(vec![]));
        assert_eq!(client.get(to, tags::ATTACH_LONG_FILENAME), Ok("a.txt".into()));
        assert_eq!(client.get(to, tags::ATTACH_NUMBER), Ok((number as i32).into()));
        // The message does not have it before both saves.
        assert_eq!(open_attachment(&mut client, message, number), Err(ErrorCode::NOT_FOUND));
        save_attachment(&mut client, to, message);
        let message = reopen(&mut client, message);
        let copied = open_attachment(&mut client, message, number).expect("the copy");
        let inner = embedded(&mut client, copied);
        assert_eq!(client.get(inner, tags::SUBJECT), Ok("inner".into()));
        let (other, _) = new_attachment(&mut client, message);
        let name = [tags::ATTACH_LONG_FILENAME];
        assert_eq!(copy_properties(&mut client, copied, other, CopyFlags::MOVE, &name), Ok(vec![]));
        assert_eq!(client.get(other, name[0]), Ok("a.txt".into()));
        assert_eq!(client.get(copied, name[0]), Err(ErrorCode::NOT_FOUND));
        Ok(())
    }

    /// MS-OXCPRPT 2.2.10: R14902
    /// MS-OXCPRPT 3.2.5.7: R503, R881
    /// MS-OXCPRPT 2.2.11: R17203
    /// MS-OXCPRPT 3.2.5.8: R5070509
    fn folders_are_copied_at_once(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(INBOX).expect("the inbox");
        let (from, from_id) = new_folder(&mut client, inbox, "from");
        let (to, to_id) = new_folder(&mut client, inbox, "to");
        let (child, _) = new_folder(&mut client, from, "child");
        client.set(from, tags::COMMENT, "comment").expect("set");
        client.post(from_id, &[TaggedValue::new(tags::SUBJECT, "post")]).expect("a message");
        let none = CopyFlags::NONE;
        let named = [tags::COMMENT, tags::FOLDER_ID];
        let computed = vec![problem(1, tags::FOLDER_ID, ErrorCode::COMPUTED)];
        assert_eq!(copy_properties(&mut client, from, to, none, &named), Ok(computed));
        let again = client.open_folder(to_id).expect("the folder");
        assert_eq!(client.get(again, tags::COMMENT), Ok("comment".into()));
        let refused = Err(ErrorCode::NOT_SUPPORTED);
        assert_eq!(copy_properties(&mut client, from, to, CopyFlags::MOVE, &named), refused);
        let cycle = Err(ErrorCode::FOLDER_CYCLE);
        assert_eq!(copy_to(&mut client, from, child, none, true, &[]), cycle);
        copy_to(&mut client, from, to, none, true, &[tags::DISPLAY_NAME]).expect("a copy");
        assert_eq!(client.get(to, tags::CONTENT_COUNT), Ok(1i32.into()));
        assert_eq!(client.get(to, tags::SUBFOLDERS), Ok(true.into()));
        assert_eq!(client.get(from, tags::CONTENT_COUNT), Ok(1i32.into()));
        let colliding = Err(ErrorCode::COLLIDING_NAMES);
        assert_eq!(copy_to(&mut client, from, to, none, true, &[]), colliding);
        let taken = vec![problem(0, tags::DISPLAY_NAME, ErrorCode::DUPLICATE_NAME)];
        let name = [tags::DISPLAY_NAME];
        assert_eq!(copy_properties(&mut client, from, to, none, &name), Ok(taken));
        let (empty, _) = new_folder(&mut client, inbox, "empty");
        let excluded = [tags::DISPLAY_NAME, tags::CONTAINER_HIERARCHY];
        copy_to(&mut client, from, empty, CopyFlags::MOVE, true, &excluded).expect("a move");
        assert_eq!(client.get(empty, tags::CONTENT_COUNT), Ok(1i32.into()));
        assert_eq!(client.get(from, tags::CONTENT_COUNT), Ok(0i32.into()));
        assert_eq!(client.get(from, tags::SUBFOLDERS), Ok(true.into()));
        assert_eq!(client.get(from, tags::COMMENT), Err(ErrorCode::NOT_FOUND));
        let table = client.hierarchy(empty, TableFlags::NONE).expect("a table");
        client.set_columns(table, &[tags::DISPLAY_NAME]).expect("columns");
        assert!(client.query_rows(table, 5).expect("rows").rows.is_empty());
        Ok(())
    }

    /// MS-OXCPRPT 3.2.5.7: R500
    fn names_are_mapped_between_stores(rig: &Rig) -> Result {
        let mut client = rig.client(DELEGATE)?;
        let set = mapi::Guid::random();
        let id_of = |client: &mut Client, logon: Handle, text: &str| {
            let body = GetPropertyIdsFromNamesRequest {
                flags: NameFlags::CREATE,
                names: Counted::from(vec![PropertyName::string(set, text)]),
            };
            match client.call(logon, RopRequest::GetPropertyIdsFromNames(body)).expect("ids") {
                RopResponse::GetPropertyIdsFromNames(answer) => answer.ids[0],
                other => panic!("{other:?}"),
            }
        };
        // The ids of the two stores differ.
        let own = client.logon;
        id_of(&mut client, own, "first");
        let here = id_of(&mut client, own, "shared");
        let from = new_message(&mut client);
        let tag = |id| PropertyTag::from_parts(id, PropertyType::STRING);
        client.set(from, tag(here), "value").expect("set");
        client.logon_id = LogonId(1);
        let dn = rig.legacy_dn(ME)?;
        client.logon = client.log_on(&dn).expect("a second logon");
        let to = new_message(&mut client);
        client.logon_id = LogonId(0);
        copy_to(&mut client, from, to, CopyFlags::NONE, true, &[]).expect("a copy");
        client.logon_id = LogonId(1);
        let other = client.logon;
        let there = id_of(&mut client, other, "shared");
        assert_ne!(here, there);
        assert_eq!(client.get(to, tag(there)), Ok("value".into()));
        let to = reopen(&mut client, to);
        assert_eq!(client.get(to, tag(there)), Ok("value".into()));
        Ok(())
    }

    /// MS-OXCPRPT 2.2.6: R822, R823
    /// MS-OXCPRPT 2.2.8: R836
    /// MS-OXCPRPT 2.2.6.2
    /// MS-OXCPRPT 2.2.8.2
    fn properties_without_replication_of_a_message(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = new_message(&mut client);
        let message = reopen(&mut client, message);
        set_quietly(&mut client, message, tags::SUBJECT, "quiet");
        assert_eq!(client.get(message, tags::SUBJECT), Ok("quiet".into()));
        let PropertyValue::Integer64(id) = client.get(message, tags::MID).expect("an id") else {
            panic!("an id is a number");
        };
        let id = mapi::MessageId::from_i64(id);
        let flags = OpenMessageFlags::READ_WRITE;
        let other = client.open_message(INBOX, id, flags).expect("the message");
        assert_eq!(client.get(other, tags::SUBJECT), Err(ErrorCode::NOT_FOUND));
        client.save(message, SaveFlags::KEEP_OPEN_READ_WRITE).expect("a save");
        let other = client.open_message(INBOX, id, flags).expect("the message");
        assert_eq!(client.get(other, tags::SUBJECT), Ok("quiet".into()));
        delete_quietly(&mut client, other, tags::SUBJECT);
        assert_eq!(client.get(other, tags::SUBJECT), Err(ErrorCode::NOT_FOUND));
        let third = client.open_message(INBOX, id, flags).expect("the message");
        assert_eq!(client.get(third, tags::SUBJECT), Ok("quiet".into()));
        client.save(other, SaveFlags::NONE).expect("a save");
        let third = client.open_message(INBOX, id, flags).expect("the message");
        assert_eq!(client.get(third, tags::SUBJECT), Err(ErrorCode::NOT_FOUND));
        Ok(())
    }

    /// MS-OXCPRPT 2.2.6: R825, R82501, R828
    /// MS-OXCPRPT 2.2.8: R83607, R83608
    fn properties_without_replication_of_other_objects(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = new_message(&mut client);
        let (attachment, number) = new_attachment(&mut client, message);
        let folder = client.open_folder(INBOX).expect("the inbox");
        let name = tags::ATTACH_LONG_FILENAME;
        set_quietly(&mut client, attachment, name, "a.txt");
        assert_eq!(client.get(attachment, name), Ok("a.txt".into()));
        assert_eq!(open_attachment(&mut client, message, number), Err(ErrorCode::NOT_FOUND));
        save_attachment(&mut client, attachment, message);
        delete_quietly(&mut client, attachment, name);
        assert_eq!(client.get(attachment, name), Err(ErrorCode::NOT_FOUND));
        let saved = open_attachment(&mut client, message, number).expect("as it was saved");
        assert_eq!(client.get(saved, name), Ok("a.txt".into()));
        for object in [folder, client.logon] {
            set_quietly(&mut client, object, tags::COMPANY_NAME, "quiet");
        }
        let mut second = rig.client(ME)?;
        let seen = second.open_folder(INBOX).expect("the inbox");
        assert_eq!(second.get(seen, tags::COMPANY_NAME), Ok("quiet".into()));
        assert_eq!(second.get(second.logon, tags::COMPANY_NAME), Ok("quiet".into()));
        for object in [folder, client.logon] {
            delete_quietly(&mut client, object, tags::COMPANY_NAME);
        }
        assert_eq!(second.get(seen, tags::COMPANY_NAME), Err(ErrorCode::NOT_FOUND));
        assert_eq!(second.get(second.logon, tags::COMPANY_NAME), Err(ErrorCode::NOT_FOUND));
        Ok(())
    }

    /// MS-OXCPRPT 2.2.23: R353
    /// MS-OXCPRPT 3.2.5.20: R597
    /// MS-OXCPRPT 3.1.5
    fn nothing_is_in_progress_behind_an_answer(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let (from, to) = (new_message(&mut client), new_message(&mut client));
        client.set(from, tags::SUBJECT, "one").expect("set");
        // Asynchronous work is done when it is answered.
        let named = [tags::SUBJECT];
        copy_properties(&mut client, from, to, CopyFlags::NONE, &named).expect("a copy");
        assert_eq!(client.get(to, tags::SUBJECT), Ok("one".into()));
        for want_cancel in [false, true] {
            let body = RopRequest::Progress(ProgressRequest { want_cancel });
            assert_eq!(client.call(to, body), Err(ErrorCode::NOT_SUPPORTED));
        }
        let body = RopRequest::Progress(ProgressRequest { want_cancel: false });
        assert_eq!(client.call(Handle::NONE, body), Err(ErrorCode::NULL_OBJECT));
        Ok(())
    }
}

fn set_quietly(client: &mut Client, object: Handle, tag: PropertyTag, text: &str) {
    let values = SizedValues(vec![TaggedValue::new(tag, text)]);
    let body = RopRequest::SetPropertiesNoReplicate(SetPropertiesRequest { values });
    match client.call(object, body).expect("set") {
        RopResponse::SetPropertiesNoReplicate(answer) => assert!(answer.problems.is_empty()),
        other => panic!("{other:?}"),
    }
}

fn delete_quietly(client: &mut Client, object: Handle, tag: PropertyTag) {
    let tags = Counted::from(vec![tag]);
    let body = RopRequest::DeletePropertiesNoReplicate(DeletePropertiesRequest { tags });
    match client.call(object, body).expect("deleted") {
        RopResponse::DeletePropertiesNoReplicate(answer) => assert!(answer.problems.is_empty()),
        other => panic!("{other:?}"),
    }
}

/// The message in an attachment, made if it is not there.
fn embedded(client: &mut Client, attachment: Handle) -> Handle {
    let flags = OpenMessageFlags(OpenMessageFlags::READ_WRITE.0 | OpenMessageFlags::CREATE.0);
    let body = OpenEmbeddedMessageRequest { code_page: mapi_rop::message::LOGON_CODE_PAGE, flags };
    client.open(attachment, RopRequest::OpenEmbeddedMessage(body)).expect("an embedded message")
}
