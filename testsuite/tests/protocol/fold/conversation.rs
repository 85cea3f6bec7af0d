//! RopGetContentsTable of one conversation (ConversationMembers).

use mapi::restriction::Relation;
use mapi::sort::Direction;
use mapi::{PropertyRow, SortOrder, SortOrderSet};
use mapi_rop::folder::{GetTableRequest, GetTableResponse};
use mapi_rop::table::{AsyncFlags, Bookmark, RestrictRequest, SeekRowRequest, SortTableRequest};
use testsuite::on_both;
use testsuite::rig::ME;

use super::*;
use crate::perm::{grant, visitor};
use crate::stor::{administrator, make_folder};

const MEMBERS: TableFlags = TableFlags(0x80 | 0x40);
const INVALID_PARAMETER: ErrorCode = ErrorCode(0x8007_0057);
/// MD5 of "TOPIC" in UTF-16LE: of all messages with the subject "topic" ([MS-OXOMSG] 2.2.1.2).
const TOPIC: [u8; 16] = [
    0x5f, 0x49, 0x13, 0x4c, 0x1c, 0x67, 0x95, 0x3b, 0xee, 0xdb, 0xe8, 0xc4, 0xc4, 0xf5, 0xbb, 0x42,
];

fn restrict_to(conversation: [u8; 16]) -> RopRequest {
    let value = TaggedValue::new(tags::CONVERSATION_ID, conversation.to_vec());
    let tag = tags::CONVERSATION_ID;
    let restriction = Restriction::Property { relation: Relation::Equal, tag, value };
    let restriction = SizedRestriction(Some(restriction));
    RopRequest::Restrict(RestrictRequest { flags: AsyncFlags::NONE, restriction })
}

/// The table of a folder, restricted to the conversation. Before, it is of no conversation and has no rows.
fn members(client: &mut Client, folder: Handle) -> Answer<Handle> {
    let request = RopRequest::GetContentsTable(GetTableRequest { flags: MEMBERS });
    let (opened, table) = client.call_two(folder, Handle::NONE, request)?;
    assert_eq!(opened, RopResponse::GetContentsTable(GetTableResponse { row_count: 0 }));
    client.set_columns(table, &[tags::SUBJECT, tags::FOLDER_ID, tags::DEPTH])?;
    client.call(table, restrict_to(TOPIC))?;
    let orders = vec![SortOrder { tag: tags::SUBJECT, direction: Direction::Descending }];
    let order = SortOrderSet::new(orders);
    let request = SortTableRequest { flags: AsyncFlags::NONE, order };
    client.call(table, RopRequest::SortTable(request))?;
    Ok(table)
}

fn rows(client: &mut Client, table: Handle) -> Vec<PropertyRow> {
    let (origin, row_count) = (Bookmark::Beginning, 0);
    let seek = SeekRowRequest { origin, row_count, want_row_moved_count: false };
    client.call(table, RopRequest::SeekRow(seek)).expect("the beginning");
    client.query_rows(table, 100).expect("rows").rows
}

/// Subjects and folders.
fn shown(client: &mut Client, table: Handle) -> Vec<(String, FolderId)> {
    let shown = |row: PropertyRow| match (row.value(0), row.value(1)) {
        (Some(PropertyValue::String(text)), Some(PropertyValue::Integer64(id))) => {
            (text.to_string_lossy().into_owned(), FolderId::from_i64(*id))
        }
        other => panic!("{other:?}"),
    };
    rows(client, table).into_iter().map(shown).collect()
}

on_both! {
    /// MS-OXCFOLD 2.2.1.14.1: R1023, R1025, R10251
    /// MS-OXCFOLD 3.2.5.14: R1174
    /// MS-OXCFOLD 6: R1174003
    fn a_conversation_has_messages_of_all_folders(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let below = folder(&mut client, INBOX, "below");
        post(&mut client, INBOX, "topic");
        post(&mut client, INBOX, "another");
        let answer = post(&mut client, below.id, "RE: topic");
        let root = client.open_folder(SpecialFolder::Root.id())?;
        let table = members(&mut client, root)?;
        let first = ("topic".to_owned(), INBOX);
        assert_eq!(shown(&mut client, table), [first.clone(), ("RE: topic".into(), below.id)]);
        assert_eq!(rows(&mut client, table)[0].value(2), Some(&0i32.into()));
        // It follows what happens in any folder.
        post(&mut client, TOP, "FW: topic");
        let third = ("FW: topic".to_owned(), TOP);
        let second = ("RE: topic".to_owned(), below.id);
        assert_eq!(shown(&mut client, table), [first.clone(), second, third.clone()]);
        client.call(below.handle, RopRequest::DeleteMessages(mapi_rop::folder::DeleteMessagesRequest {
            want_asynchronous: false,
            notify_non_read: false,
            messages: vec![answer].into(),
        }))?;
        assert_eq!(shown(&mut client, table), [first.clone(), third.clone()]);
        // What a deleted folder holds is not there.
        post(&mut client, below.id, "topic");
        assert_eq!(shown(&mut client, table).len(), 3);
        let inbox = client.open_folder(INBOX)?;
        delete(&mut client, inbox, below.id, 1)?;
        assert_eq!(shown(&mut client, table), [first, third]);
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.14.1: R1025
    /// MS-OXCFOLD 3.2.5.14: R330
    /// MS-OXCTABL 3.1.4.6
    fn a_conversation_is_named_by_a_restriction(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        post(&mut client, INBOX, "topic");
        let root = client.open_folder(SpecialFolder::Root.id())?;
        let table = client.contents(root, MEMBERS)?;
        client.set_columns(table, &[tags::SUBJECT])?;
        assert_eq!(rows(&mut client, table), []);
        let table = members(&mut client, root)?;
        assert_eq!(rows(&mut client, table).len(), 1);
        client.call(table, RopRequest::ResetTable(mapi_rop::Empty))?;
        client.set_columns(table, &[tags::SUBJECT])?;
        assert_eq!(rows(&mut client, table), []);
        // Of the root of a mailbox alone, and of no other messages than normal ones.
        for id in [INBOX, TOP] {
            let other = client.open_folder(id)?;
            assert_eq!(client.contents(other, MEMBERS), Err(ErrorCode::NOT_SUPPORTED));
        }
        for flags in [0x82, 0xa0] {
            let table = client.contents(root, TableFlags(flags));
            assert_eq!(table, Err(INVALID_PARAMETER));
        }
        assert!(client.contents(root, TableFlags(0x80 | 0x08)).is_ok());
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.14.1: R1025, R10252
    fn a_conversation_of_a_public_folder(rig: &Rig) -> Result {
        let (mut client, _) = administrator(rig)?;
        let (one, handle) = make_folder(&mut client, "one")?;
        let (other, _) = make_folder(&mut client, "other")?;
        for (folder, subject) in [(one, "topic"), (one, "RE: topic"), (one, "x"), (other, "topic")] {
            post(&mut client, folder, subject);
        }
        let table = members(&mut client, handle)?;
        let expected = [("topic".to_owned(), one), ("RE: topic".into(), one)];
        assert_eq!(shown(&mut client, table), expected);
        Ok(())
    }

    /// MS-OXCTABL 3.2.5.4: R723, R455
    fn a_conversation_that_is_not_there_is_told(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let root = client.open_folder(SpecialFolder::Root.id())?;
        post(&mut client, INBOX, "another");
        assert_eq!(members(&mut client, root), Err(ErrorCode(0x0000_0496)));
        let table = client.contents(root, MEMBERS)?;
        client.set_columns(table, &[tags::SUBJECT])?;
        let none = client.call(table, restrict_to(TOPIC));
        assert_eq!(none.map(drop), Err(ErrorCode(0x0000_0496)));
        // Until a restriction succeeds there are no rows, as after any that failed.
        assert_eq!(client.query_rows(table, 5).map(drop), Err(ErrorCode(0x0000_04b9)));
        post(&mut client, INBOX, "topic");
        client.call(table, restrict_to(TOPIC))?;
        assert_eq!(rows(&mut client, table).len(), 1);
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.14.1: R1023
    /// MS-OXCNOTIF 3.1.4.3: R261
    fn a_conversation_tells_of_its_messages(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let root = client.open_folder(SpecialFolder::Root.id())?;
        post(&mut client, INBOX, "topic");
        let table = members(&mut client, root)?;
        assert_eq!(rows(&mut client, table).len(), 1);
        post(&mut client, INBOX, "another");
        let id = post(&mut client, TOP, "topic");
        let told = client.told();
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].0, told[0].1.flags.0), (table, 0x8100));
        let event = told[0].1.table.as_ref().expect("a table's event");
        assert_eq!(event.event, mapi_rop::notification::TableEventType::RowAdded);
        assert_eq!(event.row.and_then(|row| row.message), Some((id, 0)));
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.14.1: R1023
    fn who_has_not_the_whole_mailbox_sees_no_conversations(rig: &Rig) -> Result {
        grant(rig, SpecialFolder::Root.id(), 0x0000_0401)?;
        let mut client = visitor(rig)?;
        let root = client.open_folder(SpecialFolder::Root.id())?;
        assert!(client.contents(root, TableFlags::USE_UNICODE).is_ok());
        assert_eq!(client.contents(root, MEMBERS), Err(ErrorCode(0x8007_0005)));
        Ok(())
    }
}
