//! Notifications of tables ([MS-OXCNOTIF] 3.1.4.3).

use mapi::wire::{Reader, Wire, WireWith};
use mapi::{
    FolderId, MessageId, PropertyRow, PropertyTag, SortOrder, SortOrderSet, TaggedValue, tags,
};
use mapi_rop::folder::TableFlags;
use mapi_rop::notification::{NotificationData, RowId, TableEventType};
use mapi_rop::parts::SizedRestriction;
use mapi_rop::table::{
    AsyncFlags, Bookmark, FindRowFlags, FindRowRequest, RestrictRequest, SeekRowBookmarkRequest,
    SeekRowFractionalRequest, SeekRowRequest, SortTableRequest,
};
use mapi_rop::{Empty, Handle, RopRequest, RopResponse};
use store::folder::NewFolder;
use store::{SpecialFolder, folder, message};
use testsuite::letter::Random;
use testsuite::on_both;
use testsuite::raw::Client;
use testsuite::rig::ME;

use super::{INBOX, mailbox, put};

const DRAFTS: FolderId = SpecialFolder::Drafts.id();

/// A contents table of the Inbox with the subject as the only column.
fn subjects(client: &mut Client, flags: TableFlags) -> Handle {
    let inbox = client.open_folder(INBOX).expect("the Inbox");
    let table = client.contents(inbox, flags | TableFlags::USE_UNICODE).expect("a table");
    client.set_columns(table, &[tags::SUBJECT]).expect("columns");
    table
}

fn sort(client: &mut Client, table: Handle, tag: PropertyTag) {
    let order = SortOrderSet::new(vec![SortOrder::ascending(tag)]);
    let request = SortTableRequest { flags: AsyncFlags::NONE, order };
    client.call(table, RopRequest::SortTable(request)).expect("a sort order");
}

fn only(mut told: Vec<(Handle, NotificationData)>) -> (Handle, NotificationData) {
    assert_eq!(told.len(), 1, "{told:?}");
    told.remove(0)
}

/// Folder, message and instance as they stand in a notification.
pub(super) fn row_id(folder: FolderId, message: MessageId, instance: u32) -> Vec<u8> {
    [folder.to_wire(), message.to_wire(), instance.to_wire()].concat()
}

/// A row of one text behind its size: a standard row, whose values follow one after the other.
fn text_row(text: &str) -> Vec<u8> {
    let units = text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes);
    let row: Vec<u8> = [0].into_iter().chain(units).collect();
    [&(row.len() as u16).to_le_bytes()[..], &row].concat()
}

fn kind(data: &NotificationData) -> Option<TableEventType> {
    data.table.as_ref().map(|event| event.event)
}

on_both! {
    /// MS-OXCNOTIF 2.2.1.4.1.2: R110, R129, R14601, R161002
    /// MS-OXCNOTIF 2.2.1.1.1: R23
    fn an_added_row(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        let table = subjects(&mut client, TableFlags::NONE);
        sort(&mut client, table, tags::SUBJECT);
        client.query_rows(table, 50).expect("no rows");
        let b = put(&mailbox, INBOX, "b")?;
        // Flags, event, the row, the one before it (none), and what is in it.
        let (handle, data) = only(client.told());
        let none = row_id(FolderId::NONE, MessageId::NONE, 0);
        let head = [0x00, 0x81, 0x03, 0x00];
        let expected = [&head[..], &row_id(INBOX, b, 0), &none, &text_row("b")].concat();
        assert_eq!((handle, data.to_wire()), (table, expected));
        let c = put(&mailbox, INBOX, "c")?;
        let expected =
            [&head[..], &row_id(INBOX, c, 0), &row_id(INBOX, b, 0), &text_row("c")].concat();
        assert_eq!(only(client.told()).1.to_wire(), expected);
        Ok(())
    }

    /// MS-OXCNOTIF 2.2.1.4.1.2: R130, R14202, R14602, R15002
    /// MS-OXCNOTIF 2.2.1.1.1: R24
    fn a_deleted_row(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        let id = put(&mailbox, INBOX, "a")?;
        let gone = put(&mailbox, INBOX, "b")?;
        let table = subjects(&mut client, TableFlags::NONE);
        client.query_rows(table, 50).expect("rows");
        message::delete(&mailbox, INBOX, &[id], false)?;
        let expected = [&[0x00, 0x81, 0x04, 0x00][..], &row_id(INBOX, id, 0)].concat();
        assert_eq!(only(client.told()).1.to_wire(), expected);
        // What moved away is gone from here as well.
        message::move_to(&mailbox, INBOX, &[gone], &mailbox, DRAFTS)?;
        let expected = [&[0x00, 0x81, 0x04, 0x00][..], &row_id(INBOX, gone, 0)].concat();
        assert_eq!(only(client.told()).1.to_wire(), expected);
        Ok(())
    }

    /// MS-OXCNOTIF 2.2.1.4.1.2: R131, R15802, R16702, R166001
    /// MS-OXCNOTIF 2.2.1.1.1: R25
    fn a_modified_row(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        let (a, b) = (put(&mailbox, INBOX, "a")?, put(&mailbox, INBOX, "b")?);
        let table = subjects(&mut client, TableFlags::NONE);
        sort(&mut client, table, tags::SUBJECT);
        client.query_rows(table, 50).expect("rows");
        let mut open = message::open(&mailbox, a)?;
        open.body.properties.set(tags::SUBJECT, "c");
        message::save(&mailbox, &mut open, message::SaveOptions::default())?;
        // It stands behind the other one now.
        let head = [0x00, 0x81, 0x05, 0x00];
        let expected =
            [&head[..], &row_id(INBOX, a, 0), &row_id(INBOX, b, 0), &text_row("c")].concat();
        assert_eq!(only(client.told()).1.to_wire(), expected);
        // The values are those of the columns that are set now.
        client.set_columns(table, &[tags::IMPORTANCE]).expect("columns");
        message::set_read(&mailbox, b, true)?;
        let (_, data) = only(client.told());
        let content = data.table.and_then(|event| event.content).expect("a row");
        let row = read_row(&content.row.bytes, &[tags::IMPORTANCE]);
        assert_eq!(row.into_cells().len(), 1);
        Ok(())
    }

    /// MS-OXCNOTIF 2.2.1.4.1.2: R141, R153, R15401, R161004
    /// MS-OXCNOTIF 3.1.4.3: R261
    fn rows_of_a_hierarchy_have_folders_only(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        let table = client.hierarchy(inbox, TableFlags::USE_UNICODE).expect("a table");
        client.set_columns(table, &[tags::DISPLAY_NAME]).expect("columns");
        client.query_rows(table, 50).expect("no rows");
        let new = |name: &str| NewFolder { display_name: name.into(), ..NewFolder::default() };
        let a = folder::create(&mailbox, INBOX, &new("a"))?.id;
        let expected = |event: u8, ids: &[FolderId], row: &[u8]| {
            let ids: Vec<u8> = ids.iter().flat_map(Wire::to_wire).collect();
            [&[0x00, 0x01, event, 0x00][..], &ids, row].concat()
        };
        let added = expected(3, &[a, FolderId::NONE], &text_row("a"));
        assert_eq!(only(client.told()).1.to_wire(), added);
        let b = folder::create(&mailbox, INBOX, &new("b"))?.id;
        let added = expected(3, &[b, a], &text_row("b"));
        assert_eq!(only(client.told()).1.to_wire(), added);
        folder::set(&mailbox, a, vec![(tags::DISPLAY_NAME, "c".into())])?;
        let modified = expected(5, &[a, b], &text_row("c"));
        assert_eq!(only(client.told()).1.to_wire(), modified);
        folder::move_to(&mailbox, b, DRAFTS, None)?;
        assert_eq!(only(client.told()).1.to_wire(), expected(4, &[b], &[]));
        Ok(())
    }

    /// MS-OXCNOTIF 2.2.1.4.1.2: R128, R14204, R16703
    /// MS-OXCNOTIF 2.2.1.1.1: R22
    /// MS-OXCNOTIF 3.1.4.3: R264
    fn too_much_is_a_changed_table(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        let table = subjects(&mut client, TableFlags::NONE);
        client.query_rows(table, 50).expect("no rows");
        for n in 0..300 {
            put(&mailbox, INBOX, &n.to_string())?;
        }
        let (handle, data) = only(client.told());
        assert_eq!((handle, data.to_wire()), (table, vec![0x00, 0x81, 0x01, 0x00]));
        // It goes on from there.
        put(&mailbox, INBOX, "one more")?;
        assert_eq!(kind(&only(client.told()).1), Some(TableEventType::RowAdded));
        Ok(())
    }

    /// MS-OXCNOTIF 3.1.4.3: R256, R258, R243
    /// MS-OXCNOTIF 2.2.1.2.1.1: R40001
    /// MS-OXCNOTIF 2.2.1.4.1.1: R97
    fn tables_subscribe_by_themselves_unless_they_refuse(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        let deaf = subjects(&mut client, TableFlags::NO_NOTIFICATIONS);
        let unread = subjects(&mut client, TableFlags::NONE);
        let table = subjects(&mut client, TableFlags::NONE);
        client.query_rows(deaf, 50).expect("no rows");
        client.query_rows(table, 50).expect("no rows");
        put(&mailbox, INBOX, "a")?;
        // Not the one that has no view yet.
        let (handle, data) = only(client.told());
        assert_eq!((handle, kind(&data)), (table, Some(TableEventType::RowAdded)));
        client.release(table);
        put(&mailbox, INBOX, "b")?;
        assert!(client.told().is_empty());
        client.query_rows(unread, 50).expect("rows");
        put(&mailbox, INBOX, "c")?;
        let (handle, data) = only(client.told());
        assert_eq!((handle, kind(&data)), (unread, Some(TableEventType::RowAdded)));
        Ok(())
    }

    /// MS-OXCNOTIF 3.1.4.3: R249, R250, R251, R252
    /// MS-OXCNOTIF 6: R245
    fn each_rop_that_makes_a_view_subscribes(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        put(&mailbox, INBOX, "first")?;
        for name in ["find", "columns", "position", "rows"] {
            let table = subjects(&mut client, TableFlags::NONE);
            make_view(&mut client, table, name);
            put(&mailbox, INBOX, name)?;
            let (handle, data) = only(client.told());
            assert_eq!((handle, data.flags.0), (table, 0x8100), "{name}");
            assert_eq!(kind(&data), Some(TableEventType::RowAdded), "{name}");
            client.release(table);
        }
        Ok(())
    }

    /// MS-OXCNOTIF 3.1.4.3: R253, R254, R255
    fn each_seek_that_makes_a_view_subscribes(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        put(&mailbox, INBOX, "first")?;
        for name in ["seek", "fraction", "bookmark"] {
            let table = subjects(&mut client, TableFlags::NONE);
            make_view(&mut client, table, name);
            put(&mailbox, INBOX, name)?;
            let (handle, data) = only(client.told());
            assert_eq!((handle, data.flags.0), (table, 0x8100), "{name}");
            client.release(table);
        }
        Ok(())
    }

    /// MS-OXCNOTIF 3.1.4.3: R274, R276, R278, R280
    /// MS-OXCNOTIF 6: R275
    fn a_reset_table_is_silent_until_it_has_a_view(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        put(&mailbox, INBOX, "first")?;
        let table = subjects(&mut client, TableFlags::NONE);
        for name in ["find", "columns", "position", "rows"] {
            client.query_rows(table, 50).expect("rows");
            client.call(table, RopRequest::ResetTable(Empty)).expect("a reset");
            put(&mailbox, INBOX, name)?;
            assert!(client.told().is_empty(), "{name}");
            client.set_columns(table, &[tags::SUBJECT]).expect("columns");
            put(&mailbox, INBOX, name)?;
            assert!(client.told().is_empty(), "{name}");
            make_view(&mut client, table, name);
            put(&mailbox, INBOX, name)?;
            let (handle, data) = only(client.told());
            assert_eq!((handle, kind(&data)), (table, Some(TableEventType::RowAdded)), "{name}");
        }
        Ok(())
    }

    /// MS-OXCNOTIF 3.1.4.3: R282, R284, R285
    /// MS-OXCNOTIF 6: R283, R286
    fn a_reset_table_hears_again_after_a_seek(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        put(&mailbox, INBOX, "first")?;
        let table = subjects(&mut client, TableFlags::NONE);
        for name in ["seek", "fraction", "bookmark"] {
            client.query_rows(table, 50).expect("rows");
            client.call(table, RopRequest::ResetTable(Empty)).expect("a reset");
            put(&mailbox, INBOX, name)?;
            client.set_columns(table, &[tags::SUBJECT]).expect("columns");
            assert!(client.told().is_empty(), "{name}");
            make_view(&mut client, table, name);
            put(&mailbox, INBOX, name)?;
            let (handle, data) = only(client.told());
            assert_eq!((handle, kind(&data)), (table, Some(TableEventType::RowAdded)), "{name}");
        }
        Ok(())
    }

    /// MS-OXCNOTIF 3.1.4.3: R256
    fn a_table_that_is_sorted_or_restricted_anew_is_read_anew(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        let table = subjects(&mut client, TableFlags::NONE);
        client.query_rows(table, 50).expect("no rows");
        sort(&mut client, table, tags::SUBJECT);
        put(&mailbox, INBOX, "a")?;
        assert!(client.told().is_empty());
        client.query_rows(table, 50).expect("rows");
        let restriction = mapi::Restriction::Property {
            relation: mapi::restriction::Relation::Equal,
            tag: tags::SUBJECT,
            value: TaggedValue::new(tags::SUBJECT, "b"),
        };
        let restriction = SizedRestriction(Some(restriction));
        let request = RestrictRequest { flags: AsyncFlags::NONE, restriction };
        client.call(table, RopRequest::Restrict(request)).expect("a restriction");
        put(&mailbox, INBOX, "b")?;
        assert!(client.told().is_empty());
        client.query_rows(table, 50).expect("rows");
        // Only what the table shows.
        put(&mailbox, INBOX, "c")?;
        assert!(client.told().is_empty());
        let b = put(&mailbox, INBOX, "b")?;
        let (_, data) = only(client.told());
        let row = data.table.and_then(|event| event.row).expect("a row");
        assert_eq!(row.message, Some((b, 0)));
        Ok(())
    }

    /// MS-OXCNOTIF 3.1.4.3: R260, R262, R263, R268
    fn a_copy_kept_by_notifications_alone_is_the_table(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        let columns = [tags::SUBJECT, tags::MESSAGE_FLAGS];
        let table = subjects(&mut client, TableFlags::NONE);
        client.set_columns(table, &columns).expect("columns");
        sort(&mut client, table, tags::SUBJECT);
        client.query_rows(table, 50).expect("no rows");
        let mut copy: Vec<(RowId, PropertyRow)> = Vec::new();
        let mut random = Random(5);
        let mut there: Vec<MessageId> = Vec::new();
        for _ in 0..60 {
            for _ in 0..random.below(5) {
                let subject = format!("m{}", random.below(30));
                let at = random.below(there.len() as u64) as usize;
                match (random.below(6), there.get(at).copied()) {
                    (0..=2, _) | (_, None) => there.push(put(&mailbox, INBOX, &subject)?),
                    (3, Some(id)) => {
                        let mut open = message::open(&mailbox, id)?;
                        open.body.properties.set(tags::SUBJECT, subject.as_str());
                        message::save(&mailbox, &mut open, message::SaveOptions::default())?;
                    }
                    (4, Some(id)) => drop(message::set_read(&mailbox, id, true)?),
                    (_, Some(id)) => {
                        message::delete(&mailbox, INBOX, &[id], true)?;
                        there.remove(at);
                    }
                }
            }
            client.told().into_iter().for_each(|(_, data)| apply(&mut copy, data, &columns));
        }
        let seek =
            SeekRowRequest { origin: Bookmark::Beginning, row_count: 0, want_row_moved_count: false };
        client.call(table, RopRequest::SeekRow(seek)).expect("the beginning");
        let rows = client.query_rows(table, 500).expect("rows").rows;
        assert!(rows.len() > 10);
        assert_eq!(copy.into_iter().map(|(_, row)| row).collect::<Vec<_>>(), rows);
        Ok(())
    }
}

fn make_view(client: &mut Client, table: Handle, by: &str) {
    let request = match by {
        "rows" => return drop(client.query_rows(table, 5).expect("rows")),
        "columns" => RopRequest::QueryColumnsAll(Empty),
        "position" => RopRequest::QueryPosition(Empty),
        "find" => RopRequest::FindRow(FindRowRequest {
            flags: FindRowFlags::NONE,
            restriction: SizedRestriction(None),
            origin: Bookmark::Beginning,
            bookmark: Vec::new().into(),
        }),
        "seek" => RopRequest::SeekRow(SeekRowRequest {
            origin: Bookmark::Beginning,
            row_count: 1,
            want_row_moved_count: true,
        }),
        "fraction" => {
            RopRequest::SeekRowFractional(SeekRowFractionalRequest { numerator: 0, denominator: 1 })
        }
        "bookmark" => {
            let RopResponse::CreateBookmark(made) =
                client.call(table, RopRequest::CreateBookmark(Empty)).expect("a bookmark")
            else {
                panic!("no bookmark");
            };
            RopRequest::SeekRowBookmark(SeekRowBookmarkRequest {
                bookmark: made.bookmark,
                row_count: 0,
                want_row_moved_count: false,
            })
        }
        other => panic!("{other}"),
    };
    client.call(table, request).expect("a view");
}

/// What a client does that never reads a table again.
pub(super) fn apply(
    copy: &mut Vec<(RowId, PropertyRow)>,
    data: NotificationData,
    columns: &[PropertyTag],
) {
    let event = *data.table.expect("a table's event");
    let row = event.row.expect("an event of a row");
    let at = |copy: &[(RowId, PropertyRow)], row: &RowId| copy.iter().position(|(id, _)| id == row);
    let old = at(copy, &row);
    assert_eq!(old.is_none(), event.event == TableEventType::RowAdded);
    if let Some(old) = old {
        copy.remove(old);
    }
    let Some(content) = event.content else { return };
    let behind = match content.after.folder.is_none() {
        true => 0,
        false => at(copy, &content.after).expect("the row before it") + 1,
    };
    let values = read_row(&content.row.bytes, columns);
    copy.insert(behind, (row, values));
}

pub(super) fn read_row(bytes: &[u8], columns: &[PropertyTag]) -> PropertyRow {
    let mut r = Reader::new(bytes);
    let row = PropertyRow::read_with(&mut r, columns).expect("a row");
    assert!(r.peek_rest().is_empty(), "a row and nothing else");
    row
}
