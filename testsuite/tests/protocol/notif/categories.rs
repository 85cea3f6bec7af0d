//! Notifications of categorised tables ([MS-OXCNOTIF] 3.1.4.3): rows of categories come, change and go like those
//! of messages, and what is below a collapsed category is not told.

use mapi::sort::Direction;
use mapi::wire::Wire;
use mapi::{
    Cell, FolderId, MessageId, PropertyRow, PropertyTag, PropertyValue, SortOrder, SortOrderSet,
    tags,
};
use mapi_rop::folder::TableFlags;
use mapi_rop::notification::{RowId, TableEventType};
use mapi_rop::table::{
    AsyncFlags, CollapseRowRequest, ExpandRowRequest, SortTableRequest, TableStatus,
    TableStatusResponse,
};
use mapi_rop::{Handle, RopRequest, RopResponse};
use store::{Mailbox, message};
use testsuite::letter::Random;
use testsuite::raw::Client;
use testsuite::rig::ME;
use testsuite::{Result, on_both};

use super::tables::{apply, read_row, row_id};
use super::{INBOX, mailbox, put_with};

/// What rows of these tests show.
const COLUMNS: [PropertyTag; 7] = [
    tags::INST_ID,
    tags::INSTANCE_NUM,
    tags::ROW_TYPE,
    tags::DEPTH,
    tags::SENDER_NAME,
    tags::CONTENT_COUNT,
    tags::CONTENT_UNREAD_COUNT,
];

/// A contents table of the Inbox by sender, with so many levels expanded; and the rows that are there.
fn by_sender(client: &mut Client, expanded: u16) -> (Handle, Vec<(RowId, PropertyRow)>) {
    let orders = vec![
        SortOrder::ascending(tags::SENDER_NAME),
        SortOrder { tag: tags::IMPORTANCE, direction: Direction::MaximumCategory },
        SortOrder::descending(tags::IMPORTANCE),
    ];
    categorised(client, SortOrderSet { orders, categories: 1, expanded })
}

fn categorised(client: &mut Client, order: SortOrderSet) -> (Handle, Vec<(RowId, PropertyRow)>) {
    let inbox = client.open_folder(INBOX).expect("the Inbox");
    let table = client.contents(inbox, TableFlags::USE_UNICODE).expect("a table");
    client.set_columns(table, &COLUMNS).expect("columns");
    let request = SortTableRequest { flags: AsyncFlags::NONE, order };
    let sorted = client.call(table, RopRequest::SortTable(request));
    let complete = TableStatusResponse { status: TableStatus::Complete };
    assert_eq!(sorted, Ok(RopResponse::SortTable(complete)));
    let rows = client.query_rows(table, 500).expect("rows").rows;
    (table, rows.into_iter().map(named).collect())
}

fn number(row: &PropertyRow, at: usize) -> i64 {
    match row.clone().into_cells().get(at) {
        Some(Cell::Value(PropertyValue::Integer64(n))) => *n,
        Some(Cell::Value(PropertyValue::Integer32(n))) => i64::from(*n),
        _ => -1,
    }
}

/// A row with what names it.
fn named(row: PropertyRow) -> (RowId, PropertyRow) {
    let id = MessageId::from_i64(number(&row, 0));
    let message = Some((id, number(&row, 1) as u32));
    (RowId { folder: INBOX, message }, row)
}

fn bytes(row: RowId) -> Vec<u8> {
    let (message, instance) = row.message.expect("a row of a contents table");
    row_id(row.folder, message, instance)
}

fn letter(mailbox: &Mailbox, sender: &str, importance: i32) -> Result<MessageId> {
    let values = [(tags::SENDER_NAME, sender.into()), (tags::IMPORTANCE, importance.into())];
    put_with(mailbox, INBOX, &values)
}

/// What is told: the event, and in short the row and the one before it.
fn told(client: &mut Client) -> Vec<String> {
    let short = |content: &[u8]| {
        let row = read_row(content, &COLUMNS);
        let [kind, count, unread] = [2, 5, 6].map(|at| number(&row, at));
        format!("{kind}/{count}/{unread}")
    };
    let event = |data: mapi_rop::notification::NotificationData| {
        let event = *data.table.expect("a table's event");
        let row = event.content.map(|content| short(&content.row.bytes)).unwrap_or_default();
        match event.event {
            TableEventType::RowAdded => format!("added {row}"),
            TableEventType::RowDeleted => "deleted".into(),
            TableEventType::RowModified => format!("modified {row}"),
            other => format!("{other:?}"),
        }
    };
    client.told().into_iter().map(|(_, data)| event(data)).collect()
}

on_both! {
    /// MS-OXCNOTIF 2.2.1.1.1: R23, R24, R25
    /// MS-OXCNOTIF 3.1.4.3: R268
    /// MS-OXCTABL 2.2.1.5
    fn rows_of_categories_are_told(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        let (table, rows) = by_sender(&mut client, 0);
        assert!(rows.is_empty());
        // The category alone, since it is collapsed.
        let a = letter(&mailbox, "ann", 1)?;
        let mut news = client.told();
        assert_eq!(news.len(), 1);
        let (handle, data) = news.remove(0);
        assert_eq!((handle, data.flags.0), (table, 0x8100));
        let event = *data.table.expect("a table's event");
        let category = event.row.expect("a row").message.expect("a message's or category's").0;
        let content = event.content.expect("a row");
        let none = RowId { folder: FolderId::NONE, message: Some((MessageId::NONE, 0)) };
        assert_eq!(content.after, none);
        let row = read_row(&content.row.bytes, &COLUMNS);
        assert_eq!(number(&row, 0), category.to_i64());
        assert_eq!([1, 2, 3, 5, 6].map(|at| number(&row, at)), [0, 4, 0, 1, 1]);
        letter(&mailbox, "ann", 1)?;
        assert_eq!(told(&mut client), ["modified 4/2/2"]);
        message::set_read(&mailbox, a, true)?;
        assert_eq!(told(&mut client), ["modified 4/2/1"]);
        // What the client expands it knows; from now on the rows below are told as well.
        let request = ExpandRowRequest { max_row_count: 9, category: category.to_i64() as u64 };
        let expanded = client.call(table, RopRequest::ExpandRow(request)).expect("rows");
        let RopResponse::ExpandRow(expanded) = expanded else { panic!("{expanded:?}") };
        assert_eq!((expanded.expanded_row_count, expanded.rows.len()), (2, 2));
        assert!(told(&mut client).is_empty());
        let b = letter(&mailbox, "ann", 0)?;
        assert_eq!(told(&mut client), ["modified 3/3/2", "added 1/-1/-1"]);
        message::set_read(&mailbox, b, true)?;
        assert_eq!(told(&mut client), ["modified 3/3/1", "modified 1/-1/-1"]);
        message::delete(&mailbox, INBOX, &[a], false)?;
        assert_eq!(told(&mut client), ["deleted", "modified 3/2/1"]);
        let request = CollapseRowRequest { category: category.to_i64() as u64 };
        client.call(table, RopRequest::CollapseRow(request)).expect("collapsed");
        message::delete(&mailbox, INBOX, &[b], false)?;
        assert_eq!(told(&mut client), ["modified 4/1/1"]);
        Ok(())
    }

    /// MS-OXCNOTIF 2.2.1.4.1.2: R14602, R15002
    /// MS-OXCTABL 2.2.2.3.1: R78
    fn a_category_in_another_place_brings_its_rows(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        let (a, b) = (letter(&mailbox, "ann", 1)?, letter(&mailbox, "bob", 5)?);
        let (_, mut copy) = by_sender(&mut client, 1);
        assert_eq!(copy.len(), 4);
        let names = |copy: &[(RowId, PropertyRow)]| -> Vec<RowId> {
            copy.iter().map(|(id, _)| *id).collect()
        };
        let [ann, first, bob, second] = names(&copy)[..] else { panic!("four rows") };
        let leaf = |id: MessageId| RowId { folder: INBOX, message: Some((id, 0)) };
        assert_eq!((first, second), (leaf(a), leaf(b)));
        // By their greatest importance, Ann's come behind Bob's now.
        let c = letter(&mailbox, "ann", 9)?;
        let news = client.told();
        let events = news.iter().map(|(_, data)| data.table.as_ref().map(|event| event.event));
        let (added, modified) = (Some(TableEventType::RowAdded), Some(TableEventType::RowModified));
        assert_eq!(events.collect::<Vec<_>>(), [modified, added, modified]);
        news.into_iter().for_each(|(_, data)| apply(&mut copy, data, &COLUMNS));
        assert_eq!(names(&copy), [bob, second, ann, leaf(c), first]);
        // With the last of them the category goes.
        message::delete(&mailbox, INBOX, &[b], false)?;
        let news = client.told();
        let gone: Vec<Vec<u8>> = news.iter().map(|(_, data)| data.to_wire()).collect();
        let event = |row: RowId| [&[0x00, 0x81, 0x04, 0x00][..], &bytes(row)].concat();
        assert_eq!(gone, [event(leaf(b)), event(bob)]);
        Ok(())
    }

    /// MS-OXCNOTIF 3.1.4.3: R260, R261, R262, R263, R268
    fn a_copy_of_a_categorised_table_is_the_table(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        let (table, mut copy) = by_sender(&mut client, 1);
        let mut random = Random(41);
        let mut there: Vec<MessageId> = Vec::new();
        for _ in 0..60 {
            for _ in 0..random.below(5) {
                let sender = ["ann", "Ann", "bob", "cid", "dan"][random.below(5) as usize];
                let at = random.below(there.len() as u64) as usize;
                match (random.below(5), there.get(at).copied()) {
                    (0..=2, _) | (_, None) => {
                        there.push(letter(&mailbox, sender, random.below(30) as i32)?);
                    }
                    (3, Some(id)) => drop(message::set_read(&mailbox, id, true)?),
                    (_, Some(id)) => {
                        message::delete(&mailbox, INBOX, &[id], true)?;
                        there.remove(at);
                    }
                }
            }
            client.told().into_iter().for_each(|(_, data)| apply(&mut copy, data, &COLUMNS));
            if random.below(3) == 0 {
                collapse_or_expand(&mut client, table, &mut copy, random.below(100) as usize);
            }
        }
        let collapsed = |copy: &[(RowId, PropertyRow)]| {
            let headers = copy.iter().filter(|(_, row)| number(row, 2) != 1);
            headers.map(|(_, row)| number(row, 2)).position(|kind| kind == 4)
        };
        while let Some(picked) = collapsed(&copy) {
            collapse_or_expand(&mut client, table, &mut copy, picked);
        }
        let rows = again(&mut client, table);
        assert!(rows.len() > there.len() && there.len() > 20);
        assert_eq!(copy, rows);
        Ok(())
    }
}

/// Does so with one of the categories that a copy has, and with the copy.
fn collapse_or_expand(
    client: &mut Client,
    table: Handle,
    copy: &mut Vec<(RowId, PropertyRow)>,
    picked: usize,
) {
    let is_header = |row: &PropertyRow| number(row, 2) != 1;
    let headers: Vec<usize> = (0..copy.len()).filter(|at| is_header(&copy[*at].1)).collect();
    let Some(at) = headers.get(picked % headers.len().max(1)).copied() else { return };
    let category = number(&copy[at].1, 0) as u64;
    let expand = number(&copy[at].1, 2) == 4;
    if expand {
        let request = ExpandRowRequest { max_row_count: 500, category };
        let done = client.call(table, RopRequest::ExpandRow(request)).expect("rows");
        let RopResponse::ExpandRow(done) = done else { panic!("{done:?}") };
        copy.splice(at + 1..at + 1, done.rows.into_iter().map(named));
    } else {
        let request = CollapseRowRequest { category };
        client.call(table, RopRequest::CollapseRow(request)).expect("collapsed");
        let below = copy[at + 1..].iter().take_while(|(_, row)| !is_header(row)).count();
        copy.drain(at + 1..at + 1 + below);
    }
    let mut cells = copy[at].1.clone().into_cells();
    cells[2] = Cell::Value((if expand { 3i32 } else { 4 }).into());
    copy[at].1 = PropertyRow::from_cells(cells);
}

/// All rows of the table.
fn again(client: &mut Client, table: Handle) -> Vec<(RowId, PropertyRow)> {
    use mapi_rop::table::{Bookmark, SeekRowRequest};
    let (origin, row_count) = (Bookmark::Beginning, 0);
    let seek = SeekRowRequest { origin, row_count, want_row_moved_count: false };
    client.call(table, RopRequest::SeekRow(seek)).expect("the beginning");
    let rows = client.query_rows(table, 500).expect("rows").rows;
    rows.into_iter().map(named).collect()
}
