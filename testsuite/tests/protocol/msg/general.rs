//! What holds of all messages: [MS-OXCMSG] 1.5, 1.8, 2.2, 3.1.1.1, 3.2.1, and the properties that stand for their
//! parts.

use mapi::restriction::FuzzyLevel;
use mapi::{ErrorCode, Restriction, TaggedValue, tags};
use mapi_rop::folder::{FolderType, SearchFlags, SetSearchCriteriaRequest, TableFlags};
use mapi_rop::irregular::{CreateFolderRequest, FolderTexts};
use mapi_rop::message::CreateMessageRequest;
use mapi_rop::parts::{SizedRestriction, SizedValues};
use mapi_rop::property::{GetNamesFromPropertyIdsRequest, SetPropertiesRequest};
use mapi_rop::table::{AsyncFlags, RestrictRequest};
use testsuite::on_both;
use testsuite::rig::{ME, STRANGER};

use super::*;

/// A saved message with a file of this name.
fn with_file(client: &mut Client, name: &str) -> Answer<MessageId> {
    let message = draft(client);
    let (_, attachment) = create_attachment(client, message)?;
    client.set(attachment, tags::ATTACH_LONG_FILENAME, name)?;
    save_attachment(client, attachment, message, SaveFlags::NONE)?;
    client.save(message, SaveFlags::NONE)
}

/// How many attachments the table of an open message shows.
fn attachments(client: &mut Client, message: Handle) -> Answer<usize> {
    use mapi_rop::message::{AttachmentTableFlags, GetAttachmentTableRequest};
    let body = GetAttachmentTableRequest { flags: AttachmentTableFlags::UNICODE };
    let table = client.open(message, RopRequest::GetAttachmentTable(body))?;
    client.set_columns(table, &[tags::ATTACH_NUMBER])?;
    Ok(client.query_rows(table, 100)?.rows.len())
}

/// The ids that a table of messages shows.
fn ids(client: &mut Client, table: Handle) -> Answer<Vec<MessageId>> {
    client.set_columns(table, &[tags::MID])?;
    let rows = client.query_rows(table, 100)?.rows;
    let id = |row: &mapi::PropertyRow| match row.value(0) {
        Some(PropertyValue::Integer64(id)) => MessageId::from_i64(*id),
        other => panic!("{other:?}"),
    };
    Ok(rows.iter().map(id).collect())
}

fn within(tag: PropertyTag, part: PropertyTag, text: &str) -> Restriction {
    let level = FuzzyLevel { low: FuzzyLevel::SUBSTRING, high: FuzzyLevel::IGNORE_CASE };
    let value = TaggedValue::new(part, text);
    let part = Restriction::Content { level, tag: part, value };
    Restriction::SubObject { tag, restriction: Box::new(part) }
}

/// What RopRestrict and a search folder find in the Inbox.
fn found(client: &mut Client, restriction: Restriction) -> Answer<Vec<MessageId>> {
    let inbox = client.open_folder(INBOX)?;
    let table = client.contents(inbox, TableFlags::NONE)?;
    let body = RestrictRequest {
        flags: AsyncFlags::NONE,
        restriction: SizedRestriction(Some(restriction.clone())),
    };
    client.call(table, RopRequest::Restrict(body))?;
    let by_table = ids(client, table)?;
    let parent = client.open_folder(SpecialFolder::Search.id())?;
    let body = CreateFolderRequest {
        folder_type: FolderType::Search,
        open_existing: true,
        reserved: 0,
        texts: FolderTexts::Unicode { display_name: "found".into(), comment: "".into() },
    };
    let search = client.open(parent, RopRequest::CreateFolder(body))?;
    let body = SetSearchCriteriaRequest {
        restriction: SizedRestriction(Some(restriction)),
        folders: vec![INBOX].into(),
        flags: SearchFlags::RESTART_OR_REBUILD | SearchFlags::SHALLOW,
    };
    client.call(search, RopRequest::SetSearchCriteria(body))?;
    let table = client.contents(search, TableFlags::NONE)?;
    assert_eq!(ids(client, table)?, by_table);
    Ok(by_table)
}

on_both! {
    /// MS-OXCMSG 1.5: R1122
    /// MS-OXCMSG 2.2.3: R645
    /// MS-OXCMSG 3.1.1.1: R1375, R1376
    /// MS-OXCMSG 3.2.1.1: R1470
    fn a_handle_is_good_in_its_own_session_after_a_logon(rig: &Rig) -> Result {
        let mut client = rig.bare_client(ME)?;
        let request = CreateMessageRequest {
            code_page: LOGON_CODE_PAGE,
            folder: INBOX,
            associated: false,
        };
        for handle in [Handle::NONE, Handle(0), Handle(1)] {
            let body = RopRequest::CreateMessage(request.clone());
            let refused = client.call_two(handle, Handle::NONE, body).map(drop);
            assert_eq!(refused, Err(ErrorCode::NULL_OBJECT));
        }
        client.logon = client.log_on(&rig.legacy_dn(ME)?)?;
        let folder = client.open_folder(INBOX)?;
        let body = RopRequest::CreateMessage(request);
        let message = client.open(folder, body)?;
        client.set(message, tags::SUBJECT, "mine")?;
        // Another session of the same user has no object behind it.
        let mut other = rig.client(ME)?;
        assert_eq!(other.get(message, tags::SUBJECT), Err(ErrorCode::NULL_OBJECT));
        assert_eq!(client.get(message, tags::SUBJECT), Ok("mine".into()));
        client.release(message);
        assert_eq!(client.get(message, tags::SUBJECT), Err(ErrorCode::INVALID_OBJECT));
        Ok(())
    }

    /// MS-OXCMSG 3.2.1: R1469
    /// MS-OXCMSG 3.2.1.2: R1471, R1473
    fn each_mailbox_has_its_own_messages(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let ids = ["one", "two"].map(|subject| post(&mut client, subject));
        assert_ne!(ids[0], ids[1]);
        let mut other = rig.client(STRANGER)?;
        for id in ids {
            let missing = other.open_message(INBOX, id, BOTH);
            assert_eq!(missing, Err(ErrorCode::NOT_FOUND));
        }
        for (id, subject) in ids.into_iter().zip(["one", "two"]) {
            let message = open(&mut client, id);
            assert_eq!(client.get(message, tags::SUBJECT), Ok(subject.into()));
        }
        Ok(())
    }

    /// MS-OXCMSG 3.2.1.3: R1456, R1458, R1459, R1460, R1461
    fn each_handle_has_its_own_transaction_and_attachments(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = post(&mut client, "subject");
        let (one, two) = (open(&mut client, id), open(&mut client, id));
        let (_, attachment) = create_attachment(&mut client, one)?;
        save_attachment(&mut client, attachment, one, SaveFlags::NONE)?;
        assert_eq!(attachments(&mut client, one), Ok(1));
        assert_eq!(attachments(&mut client, two), Ok(0));
        client.set(two, tags::SUBJECT, "two")?;
        assert_eq!(client.save(one, SaveFlags::KEEP_OPEN_READ_WRITE), Ok(id));
        let modified = client.save(two, SaveFlags::KEEP_OPEN_READ_WRITE);
        assert_eq!(modified, Err(ErrorCode::OBJECT_MODIFIED));
        let seen = open(&mut client, id);
        assert_eq!(attachments(&mut client, seen), Ok(1));
        assert_eq!(client.get(seen, tags::SUBJECT), Ok("subject".into()));
        Ok(())
    }

    /// MS-OXCMSG 1.8: R242, R243
    fn messages_are_extended_by_names_and_classes(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let set = mapi::Guid::random();
        let own = name(set, "Own Property", PropertyType::STRING);
        let tag = own.tag(&mut client, NameFlags::CREATE)?;
        let id = client.post(INBOX, &[
            TaggedValue::new(tags::MESSAGE_CLASS, "IPM.Vendor.Thing"),
            TaggedValue::new(tag, "own"),
        ])?;
        let mut client = rig.client(ME)?;
        assert_eq!(own.tag(&mut client, NameFlags::NONE), Ok(tag));
        let body = GetNamesFromPropertyIdsRequest { ids: vec![tag.id()].into() };
        match client.call(client.logon, RopRequest::GetNamesFromPropertyIds(body))? {
            RopResponse::GetNamesFromPropertyIds(answer) => {
                let told = PropertyName::string(set, "Own Property");
                assert_eq!(answer.names.items, [Some(told)]);
            }
            other => panic!("{other:?}"),
        }
        let message = open(&mut client, id);
        assert_eq!(client.get(message, tag), Ok("own".into()));
        assert_eq!(client.get(message, tags::MESSAGE_CLASS), Ok("IPM.Vendor.Thing".into()));
        Ok(())
    }

    /// MS-OXCMSG 2.2: R4, R7, R8, R1128
    fn what_is_read_only_is_told_and_the_rest_is_set(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = post(&mut client, "before");
        let message = open(&mut client, id);
        let made = client.get(message, tags::LAST_MODIFICATION_TIME)?;
        let values = SizedValues(vec![
            TaggedValue::new(tags::SUBJECT, "after"),
            TaggedValue::new(tags::MESSAGE_SIZE, 1i32),
            // Of a user of an address book, which means nothing here.
            TaggedValue::new(tags::DEPARTMENT_NAME, "sales"),
            TaggedValue::new(tags::HAS_ATTACHMENTS, true),
        ]);
        let body = RopRequest::SetProperties(SetPropertiesRequest { values });
        match client.call(message, body)? {
            RopResponse::SetProperties(answer) => {
                let told: Vec<_> =
                    answer.problems.iter().map(|p| (p.index, p.tag, p.error)).collect();
                assert_eq!(told, [
                    (1, tags::MESSAGE_SIZE, ErrorCode::COMPUTED),
                    (3, tags::HAS_ATTACHMENTS, ErrorCode::COMPUTED),
                ]);
            }
            other => panic!("{other:?}"),
        }
        client.save(message, SaveFlags::NONE)?;
        let message = open(&mut client, id);
        assert_eq!(client.get(message, tags::SUBJECT), Ok("after".into()));
        assert_eq!(client.get(message, tags::DEPARTMENT_NAME), Ok("sales".into()));
        assert_eq!(client.get(message, tags::HAS_ATTACHMENTS), Ok(false.into()));
        assert!(number(&mut client, message, tags::MESSAGE_SIZE)? > 1);
        // The server changes it as well.
        assert_ne!(client.get(message, tags::LAST_MODIFICATION_TIME)?, made);
        Ok(())
    }

    /// MS-OXCMSG 2.2.1.39: R1203, R1204, R1799, R1800
    fn whether_there_are_named_properties_is_computed(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = draft(&mut client);
        let told = |client: &mut Client, message| client.get(message, tags::HAS_NAMED_PROPERTIES);
        assert_eq!(told(&mut client, message), Ok(false.into()));
        let refused = client.set(message, tags::HAS_NAMED_PROPERTIES, true);
        assert_eq!(refused, Err(ErrorCode::COMPUTED));
        let tag = name(mapi::Guid::random(), "x", PropertyType::BOOLEAN);
        let tag = tag.tag(&mut client, NameFlags::CREATE)?;
        client.set(message, tag, false)?;
        assert_eq!(told(&mut client, message), Ok(true.into()));
        let id = client.save(message, SaveFlags::NONE)?;
        let inbox = client.open_folder(INBOX)?;
        let table = client.contents(inbox, TableFlags::NONE)?;
        client.set_columns(table, &[tags::HAS_NAMED_PROPERTIES])?;
        assert_eq!(client.query_rows(table, 10)?.rows[0].value(0), Some(&true.into()));
        let message = open(&mut client, id);
        assert_eq!(told(&mut client, message), Ok(true.into()));
        delete_property(&mut client, message, tag)?;
        assert_eq!(told(&mut client, message), Ok(false.into()));
        Ok(())
    }

    /// MS-OXCMSG 2.2.1.47: R1244, R1245, R1247
    /// MS-OXCMSG 2.2.1.52: R2042, R2043
    fn recipients_and_attachments_are_found_by_what_they_have(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = draft(&mut client);
        super::recipient::add(&mut client, message, "anna")?;
        let to_anna = client.save(message, SaveFlags::NONE)?;
        let with_file = with_file(&mut client, "Report.txt")?;
        let parts = [
            (tags::MESSAGE_RECIPIENTS, tags::DISPLAY_NAME, "ANN", to_anna),
            (tags::MESSAGE_ATTACHMENTS, tags::ATTACH_LONG_FILENAME, "report", with_file),
        ];
        for (tag, part, text, id) in parts {
            assert_eq!(found(&mut client, within(tag, part, text)), Ok(vec![id]));
            assert_eq!(found(&mut client, within(tag, part, "nobody")), Ok(vec![]));
            // They stand for the tables and have no value of their own.
            let message = open(&mut client, id);
            assert_eq!(client.get(message, tag), Err(ErrorCode::NOT_FOUND));
            let set = client.set(message, tag, PropertyValue::Object);
            assert_eq!(set, Err(ErrorCode::INVALID_TYPE));
        }
        Ok(())
    }
}
