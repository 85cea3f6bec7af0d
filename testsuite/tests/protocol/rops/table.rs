//! Table ROPs: [MS-OXCROPS] 2.2.5.

use mapi_rop::Handle;
use store::SpecialFolder;
use testsuite::octets::{Octets, Rop};
use testsuite::on_both;
use testsuite::rig::{ME, Rig};

use super::*;

/// PidTagSubject in UTF-16, and PidTagMessageSize.
const SUBJECT: u32 = 0x0037_001f;
const SIZE: u32 = 0x0e08_0003;
/// PidTagInstID.
const INSTANCE_ID: u32 = 0x674d_0014;

/// A client with a contents table of three messages, `a`, `b` and `c`, by subject, the columns set.
struct Desk {
    client: Client,
    inbox: Handle,
    table: Handle,
}

impl Desk {
    fn new(rig: &Rig) -> testsuite::Result<Desk> {
        let mut client = rig.client(ME)?;
        let inbox = inbox(&mut client);
        for subject in ["b", "a", "c"] {
            message(&mut client, SpecialFolder::Inbox.id(), subject);
        }
        let mut answer = client.ask(Rop::new(0x05, 0).u8(1).u8(0), &[inbox, Handle::NONE]);
        answer.head(0x05, 1, code::SUCCESS);
        let table = answer.handles[1];
        let mut desk = Desk { client, inbox, table };
        desk.ask(columns(&[SUBJECT])).head(0x12, 1, code::SUCCESS);
        desk.ask(sort()).head(0x13, 1, code::SUCCESS);
        Ok(desk)
    }

    /// Asks the table, which is the second in the handle table.
    fn ask(&mut self, rop: Rop) -> Octets {
        let table = self.table;
        self.client.ask(rop, &[Handle::NONE, table])
    }

    /// Asks the folder, which is no table.
    fn ask_folder(&mut self, rop: Rop) -> Octets {
        let inbox = self.inbox;
        self.client.ask(rop, &[Handle::NONE, inbox])
    }

    /// The subjects of the next rows.
    fn next(&mut self, count: u16) -> Vec<String> {
        let mut answer = self.ask(Rop::new(0x15, 1).u8(0).u8(1).u16(count));
        answer.head(0x15, 1, code::SUCCESS);
        answer.u8();
        let rows = answer.u16();
        (0..rows).map(|_| subject_row(&mut answer)).collect()
    }

    /// Sorts by subject in categories, all collapsed; PidTagInstID of each header row. The cursor stands at
    /// the end.
    fn categories(&mut self) -> Vec<[u8; 8]> {
        self.ask(columns(&[INSTANCE_ID])).head(0x12, 1, code::SUCCESS);
        let rop = Rop::new(0x13, 1).u8(0).u16(1).u16(1).u16(0).u16(0x001f).u16(0x0037).u8(0);
        self.ask(rop).head(0x13, 1, code::SUCCESS);
        let mut answer = self.ask(Rop::new(0x15, 1).u8(0).u8(1).u16(9));
        answer.head(0x15, 1, code::SUCCESS);
        answer.u8();
        let rows = answer.u16();
        let id = |answer: &mut Octets| {
            assert_eq!(answer.u8(), 0, "the flag of a row without errors");
            answer.bytes(8).try_into().expect("eight octets")
        };
        (0..rows).map(|_| id(&mut answer)).collect()
    }

    /// RopGetCollapseState: RowId, RowInstanceNumber; CollapseStateSize, CollapseState.
    fn collapse_state(&mut self, row: &[u8; 8]) -> Vec<u8> {
        let mut answer = self.ask(Rop::new(0x6b, 1).bytes(row).u32(0));
        answer.head(0x6b, 1, code::SUCCESS);
        let size = answer.u16();
        let state = answer.bytes(usize::from(size));
        answer.end();
        state
    }

    /// RopCreateBookmark: BookmarkSize, Bookmark.
    fn bookmark(&mut self) -> Vec<u8> {
        let mut answer = self.ask(Rop::new(0x1b, 1));
        answer.head(0x1b, 1, code::SUCCESS);
        let size = answer.u16();
        let bookmark = answer.bytes(usize::from(size));
        answer.end();
        bookmark
    }

    fn position(&mut self) -> (u32, u32) {
        let mut answer = self.ask(Rop::new(0x17, 1));
        answer.head(0x17, 1, code::SUCCESS);
        (answer.u32(), answer.u32())
    }
}

fn columns(tags: &[u32]) -> Rop {
    let rop = Rop::new(0x12, 1).u8(0).u16(tags.len() as u16);
    tags.iter().fold(rop, |rop, tag| rop.u32(*tag))
}

/// By subject, ascending: SortTableFlags, SortOrderCount, CategoryCount, ExpandedCount; PropertyType,
/// PropertyId, Order.
fn sort() -> Rop {
    Rop::new(0x13, 1).u8(0).u16(1).u16(0).u16(0).u16(0x001f).u16(0x0037).u8(0)
}

/// A subject that is at least this: RES_PROPERTY, RELOP_GE, tag, and the tagged value.
fn at_least(subject: &str) -> Vec<u8> {
    let mut restriction = vec![0x04, 0x03];
    for _ in 0..2 {
        restriction.extend_from_slice(&SUBJECT.to_le_bytes());
    }
    restriction.extend(subject.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
    restriction
}

/// A StandardPropertyRow with a subject.
fn subject_row(answer: &mut Octets) -> String {
    assert_eq!(answer.u8(), 0, "the flag of a row without errors");
    answer.text16()
}

/// The answer is success and TBLSTAT_COMPLETE.
#[track_caller]
fn complete(mut answer: Octets, rop: u8) {
    answer.head(rop, 1, code::SUCCESS);
    assert_eq!(answer.u8(), 0, "TableStatus");
    answer.end();
}

on_both! {
    /// MS-OXCROPS 2.2.5.1: R1045
    /// MS-OXCROPS 2.2.5.1.1: R1062
    /// MS-OXCROPS 2.2.5.1.2: R1065, R1067, R1070
    fn set_columns(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        complete(desk.ask(columns(&[SIZE, SUBJECT])), 0x12);
        let mut answer = desk.ask(Rop::new(0x15, 1).u8(0).u8(1).u16(1));
        answer.head(0x15, 1, code::SUCCESS);
        assert_eq!((answer.u8(), answer.u16(), answer.u8()), (1, 1, 0), "origin, rows, flag");
        assert!(answer.u32() > 0, "PidTagMessageSize stands first");
        assert_eq!(answer.text16(), "a");
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.5.1.3: R1076, R1078, R1081
    fn set_columns_fails(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        desk.ask_folder(columns(&[SUBJECT])).only(0x12, 1, code::NOT_SUPPORTED);
        Ok(())
    }

    /// MS-OXCROPS 2.2.5.2: R1082
    /// MS-OXCROPS 2.2.5.2.1: R1103
    /// MS-OXCROPS 2.2.5.2.2: R1106, R1108, R1111
    fn sort_table(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        complete(desk.ask(sort()), 0x13);
        assert_eq!(desk.next(9), ["a", "b", "c"]);
        // Descending.
        let rop = Rop::new(0x13, 1).u8(0).u16(1).u16(0).u16(0).u16(0x001f).u16(0x0037).u8(1);
        complete(desk.ask(rop), 0x13);
        assert_eq!(desk.next(9), ["c", "b", "a"]);
        Ok(())
    }

    /// MS-OXCROPS 2.2.5.2.3: R1117, R1119, R1122
    fn sort_table_fails(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        desk.ask_folder(sort()).only(0x13, 1, code::NOT_SUPPORTED);
        Ok(())
    }

    /// MS-OXCROPS 2.2.5.3: R1123
    /// MS-OXCROPS 2.2.5.3.1: R1140
    /// MS-OXCROPS 2.2.5.3.2: R1143, R1145, R1148
    fn restrict(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        complete(desk.ask(Rop::new(0x14, 1).u8(0).sized(&at_least("b"))), 0x14);
        assert_eq!(desk.next(9), ["b", "c"]);
        // RestrictionDataSize 0 takes it away.
        complete(desk.ask(Rop::new(0x14, 1).u8(0).u16(0)), 0x14);
        assert_eq!(desk.next(9), ["a", "b", "c"]);
        Ok(())
    }

    /// MS-OXCROPS 2.2.5.3.3: R1154, R1156, R1159
    fn restrict_fails(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        desk.ask_folder(Rop::new(0x14, 1).u8(0).u16(0)).only(0x14, 1, code::NOT_SUPPORTED);
        Ok(())
    }

    /// MS-OXCROPS 2.2.5.4: R1160
    /// MS-OXCROPS 2.2.5.4.1: R1168
    /// MS-OXCROPS 2.2.5.4.2: R1178, R1188, R1192
    fn query_rows(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        let mut answer = desk.ask(Rop::new(0x15, 1).u8(0).u8(1).u16(2));
        answer.head(0x15, 1, code::SUCCESS);
        assert_eq!((answer.u8(), answer.u16()), (1, 2), "Origin, RowCount");
        assert_eq!([subject_row(&mut answer), subject_row(&mut answer)], ["a", "b"]);
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.5.4.1: R1170, R1173
    /// MS-OXCROPS 2.2.5.4.2: R1180, R1183, R1186
    fn query_rows_backward_and_in_place(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        assert_eq!(desk.next(2), ["a", "b"]);
        // ForwardRead FALSE, with NoAdvance and then with Advance: the rows before the cursor, in the
        // table's order.
        for (flags, at) in [(0x01, 2), (0x00, 0)] {
            let mut answer = desk.ask(Rop::new(0x15, 1).u8(flags).u8(0).u16(9));
            answer.head(0x15, 1, code::SUCCESS);
            answer.u8();
            assert_eq!(answer.u16(), 2, "RowCount");
            assert_eq!([subject_row(&mut answer), subject_row(&mut answer)], ["a", "b"]);
            answer.end();
            assert_eq!(desk.position(), (at, 3));
        }
        let mut answer = desk.ask(Rop::new(0x15, 1).u8(0).u8(1).u16(9));
        answer.head(0x15, 1, code::SUCCESS);
        assert_eq!((answer.u8(), answer.u16()), (2, 3), "Origin, RowCount");
        Ok(())
    }

    /// MS-OXCROPS 2.2.5.4.3: R1195, R1197, R1200
    fn query_rows_fails(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        let rop = Rop::new(0x15, 1).u8(0).u8(1).u16(2);
        desk.ask_folder(rop).only(0x15, 1, code::NOT_SUPPORTED);
        Ok(())
    }

    /// MS-OXCROPS 2.2.5.5: R1201
    /// MS-OXCROPS 2.2.5.5.1: R1209
    /// MS-OXCROPS 2.2.5.5.3: R1223, R1225, R1229
    fn abort(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        // Nothing runs that could be aborted: ecUnableToAbort.
        desk.ask(Rop::new(0x38, 1)).only(0x38, 1, 0x8004_0114);
        desk.ask_folder(Rop::new(0x38, 1)).only(0x38, 1, code::NOT_SUPPORTED);
        Ok(())
    }

    /// MS-OXCROPS 2.2.5.6: R1230
    /// MS-OXCROPS 2.2.5.6.1: R1238
    /// MS-OXCROPS 2.2.5.6.2: R1241, R1243, R1246
    fn get_status(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        complete(desk.ask(Rop::new(0x16, 1)), 0x16);
        Ok(())
    }

    /// MS-OXCROPS 2.2.5.6.3: R1252, R1254, R1257
    fn get_status_fails(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        desk.ask_folder(Rop::new(0x16, 1)).only(0x16, 1, code::NOT_SUPPORTED);
        Ok(())
    }

    /// MS-OXCROPS 2.2.5.7: R1258
    /// MS-OXCROPS 2.2.5.7.1: R1266
    /// MS-OXCROPS 2.2.5.7.2: R1269, R1271, R1274
    fn query_position(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        desk.next(2);
        let mut answer = desk.ask(Rop::new(0x17, 1));
        answer.head(0x17, 1, code::SUCCESS);
        assert_eq!((answer.u32(), answer.u32()), (2, 3), "Numerator, Denominator");
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.5.7.3: R1281, R1283, R1286
    fn query_position_fails(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        desk.ask_folder(Rop::new(0x17, 1)).only(0x17, 1, code::NOT_SUPPORTED);
        Ok(())
    }

    /// MS-OXCROPS 2.2.5.8: R1287
    /// MS-OXCROPS 2.2.5.8.1: R1297, R1300
    /// MS-OXCROPS 2.2.5.8.2: R1305, R1307
    fn seek_row(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        // Origin, RowCount, WantRowMovedCount: HasSoughtLess, RowsSought, and where that is.
        let cases = [(0, 2, (0, 2), 2), (1, -1, (0, -1), 1), (2, -9, (1, -3), 0), (1, 7, (1, 3), 3)];
        for (origin, count, sought, at) in cases {
            let mut answer = desk.ask(Rop::new(0x18, 1).u8(origin).u32(count as u32).u8(1));
            answer.head(0x18, 1, code::SUCCESS);
            assert_eq!((answer.u8(), answer.u32() as i32), sought, "{count} from {origin}");
            answer.end();
            assert_eq!(desk.position(), (at, 3));
        }
        Ok(())
    }

    /// MS-OXCROPS 2.2.5.8.3: R1317, R1319, R1322
    fn seek_row_fails(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        let rop = Rop::new(0x18, 1).u8(0).u32(1).u8(1);
        desk.ask_folder(rop).only(0x18, 1, code::NOT_SUPPORTED);
        Ok(())
    }

    /// MS-OXCROPS 2.2.5.9: R1323
    /// MS-OXCROPS 2.2.5.9.1: R1336, R1338
    /// MS-OXCROPS 2.2.5.9.2: R1343, R1345
    fn seek_row_bookmark(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        desk.next(1);
        let bookmark = desk.bookmark();
        desk.next(2);
        // Bookmark, RowCount, WantRowMovedCount: RowNoLongerVisible, HasSoughtLess, RowsSought.
        let rop = Rop::new(0x19, 1).sized(&bookmark).u32(1).u8(1);
        let mut answer = desk.ask(rop);
        answer.head(0x19, 1, code::SUCCESS);
        assert_eq!((answer.u8(), answer.u8(), answer.u32()), (0, 0, 1));
        answer.end();
        assert_eq!(desk.position(), (2, 3));
        Ok(())
    }

    /// MS-OXCROPS 2.2.5.11: R1383
    /// MS-OXCROPS 2.2.5.11.1: R1391
    /// MS-OXCROPS 2.2.5.11.2: R1394, R1396, R1399
    fn create_bookmark(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        let bookmark = desk.bookmark();
        assert!(!bookmark.is_empty(), "BookmarkSize");
        assert_ne!(desk.bookmark(), bookmark);
        Ok(())
    }

    /// MS-OXCROPS 2.2.5.9.3: R1357, R1359
    /// MS-OXCROPS 2.2.5.11.3: R1407, R1409, R1412
    fn bookmarks_fail(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        desk.ask_folder(Rop::new(0x1b, 1)).only(0x1b, 1, code::NOT_SUPPORTED);
        // ecInvalidBookmark
        let rop = Rop::new(0x19, 1).sized(&[9; 8]).u32(1).u8(1);
        desk.ask(rop).only(0x19, 1, 0x8004_0405);
        Ok(())
    }

    /// MS-OXCROPS 2.2.5.10: R1363
    /// MS-OXCROPS 2.2.5.10.1: R1373, R1375
    /// MS-OXCROPS 2.2.5.10.2: R1378, R1380
    fn seek_row_fractional(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        for (numerator, denominator, at) in [(2, 3, 2), (0, 7, 0), (7, 7, 3)] {
            let rop = Rop::new(0x1a, 1).u32(numerator).u32(denominator);
            desk.ask(rop).only(0x1a, 1, code::SUCCESS);
            assert_eq!(desk.position(), (at, 3));
        }
        let rop = Rop::new(0x1a, 1).u32(1).u32(2);
        desk.ask_folder(rop).only(0x1a, 1, code::NOT_SUPPORTED);
        Ok(())
    }

    /// MS-OXCROPS 2.2.5.12: R1414
    /// MS-OXCROPS 2.2.5.12.1: R1422
    /// MS-OXCROPS 2.2.5.12.2: R1425, R1427, R1430
    fn query_columns_all(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        let mut answer = desk.ask(Rop::new(0x37, 1));
        answer.head(0x37, 1, code::SUCCESS);
        let count = answer.u16();
        let tags: Vec<u32> = (0..count).map(|_| answer.u32()).collect();
        answer.end();
        assert!(tags.contains(&SUBJECT) || tags.contains(&0x0037_001e), "{tags:x?}");
        assert!(tags.contains(&SIZE), "{tags:x?}");
        Ok(())
    }

    /// MS-OXCROPS 2.2.5.12.3: R1439, R1441, R1444
    fn query_columns_all_fails(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        desk.ask_folder(Rop::new(0x37, 1)).only(0x37, 1, code::NOT_SUPPORTED);
        Ok(())
    }

    /// MS-OXCROPS 2.2.5.13: R1445
    /// MS-OXCROPS 2.2.5.13.1: R1462, R1464
    /// MS-OXCROPS 2.2.5.13.2: R1473, R1478
    fn find_row(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        // FindRowFlags, RestrictionData, Origin, Bookmark: RowNoLongerVisible, HasRowData, RowData.
        for (flags, origin, found) in [(0x00, 0, "b"), (0x01, 2, "c")] {
            let rop = Rop::new(0x4f, 1).u8(flags).sized(&at_least("b")).u8(origin).sized(&[]);
            let mut answer = desk.ask(rop);
            answer.head(0x4f, 1, code::SUCCESS);
            assert_eq!((answer.u8(), answer.u8()), (0, 1));
            assert_eq!(subject_row(&mut answer), found);
            answer.end();
        }
        Ok(())
    }

    /// MS-OXCROPS 2.2.5.13.3: R1489, R1491, R1494
    fn find_row_fails(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        let rop = || Rop::new(0x4f, 1).u8(0).sized(&at_least("x")).u8(0).sized(&[]);
        desk.ask(rop()).only(0x4f, 1, code::NOT_FOUND);
        desk.ask_folder(rop()).only(0x4f, 1, code::NOT_SUPPORTED);
        Ok(())
    }

    /// MS-OXCROPS 2.2.5.14: R1495
    /// MS-OXCROPS 2.2.5.14.1: R1508
    /// MS-OXCROPS 2.2.5.14.2: R1511, R1513
    fn free_bookmark(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        let bookmark = desk.bookmark();
        desk.ask(Rop::new(0x89, 1).sized(&bookmark)).only(0x89, 1, code::SUCCESS);
        // It is gone: ecInvalidBookmark.
        let rop = Rop::new(0x19, 1).sized(&bookmark).u32(1).u8(1);
        desk.ask(rop).only(0x19, 1, 0x8004_0405);
        Ok(())
    }

    /// MS-OXCROPS 2.2.5.15: R1516
    /// MS-OXCROPS 2.2.5.15.1: R1524
    /// MS-OXCROPS 2.2.5.15.2: R1527, R1529
    fn reset_table(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        desk.ask(Rop::new(0x14, 1).u8(0).sized(&at_least("b"))).head(0x14, 1, code::SUCCESS);
        desk.ask(Rop::new(0x81, 1)).only(0x81, 1, code::SUCCESS);
        // Without columns, restriction and sort order; in the order of arrival.
        desk.ask(columns(&[SUBJECT])).head(0x12, 1, code::SUCCESS);
        assert_eq!(desk.next(9), ["b", "a", "c"]);
        desk.ask_folder(Rop::new(0x81, 1)).only(0x81, 1, code::NOT_SUPPORTED);
        Ok(())
    }

    /// MS-OXCROPS 2.2.5.16: R1532
    /// MS-OXCROPS 2.2.5.16.1: R1542
    /// MS-OXCROPS 2.2.5.16.2: R1547, R1549, R1552
    fn expand_row(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        let headers = desk.categories();
        assert_eq!(desk.position(), (3, 3));
        // MaxRowCount, CategoryId: ExpandedRowCount, RowCount, RowData.
        let rop = Rop::new(0x59, 1).u16(9).bytes(&headers[1]);
        let mut answer = desk.ask(rop);
        answer.head(0x59, 1, code::SUCCESS);
        assert_eq!((answer.u32(), answer.u16()), (1, 1), "ExpandedRowCount, RowCount");
        assert_eq!(answer.rest()[0], 0, "the flag of a row without errors");
        assert_eq!(desk.position().1, 4);
        Ok(())
    }

    /// MS-OXCROPS 2.2.5.16.3: R1563, R1565, R1568
    fn expand_row_fails(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        let rop = Rop::new(0x59, 1).u16(9).bytes(&[9; 8]);
        desk.ask_folder(rop).only(0x59, 1, code::NOT_SUPPORTED);
        Ok(())
    }

    /// MS-OXCROPS 2.2.5.17: R1569
    /// MS-OXCROPS 2.2.5.17.1: R1579
    /// MS-OXCROPS 2.2.5.17.2: R1582, R1584, R1587
    fn collapse_row(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        let headers = desk.categories();
        let rop = Rop::new(0x59, 1).u16(0).bytes(&headers[0]);
        desk.ask(rop).head(0x59, 1, code::SUCCESS);
        let mut answer = desk.ask(Rop::new(0x5a, 1).bytes(&headers[0]));
        answer.head(0x5a, 1, code::SUCCESS);
        assert_eq!(answer.u32(), 1, "CollapsedRowCount");
        answer.end();
        assert_eq!(desk.position().1, 3);
        Ok(())
    }

    /// MS-OXCROPS 2.2.5.17.3: R1592, R1594, R1597
    fn collapse_row_fails(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        let headers = desk.categories();
        // ecNotExpanded
        let rop = Rop::new(0x5a, 1).bytes(&headers[0]);
        desk.ask(rop).only(0x5a, 1, 0x0000_04f7);
        Ok(())
    }

    /// MS-OXCROPS 2.2.5.18: R1598
    /// MS-OXCROPS 2.2.5.18.1: R1608
    /// MS-OXCROPS 2.2.5.18.2: R1614, R1616, R1619
    fn get_collapse_state(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        let headers = desk.categories();
        let state = desk.collapse_state(&headers[0]);
        assert!(!state.is_empty(), "CollapseState");
        Ok(())
    }

    /// MS-OXCROPS 2.2.5.18.3: R1627, R1629, R1632
    fn get_collapse_state_fails(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        let rop = Rop::new(0x6b, 1).bytes(&[9; 8]).u32(0);
        desk.ask_folder(rop).only(0x6b, 1, code::NOT_SUPPORTED);
        Ok(())
    }

    /// MS-OXCROPS 2.2.5.19: R1633
    /// MS-OXCROPS 2.2.5.19.1: R1641, R1646
    /// MS-OXCROPS 2.2.5.19.2: R1649, R1651
    fn set_collapse_state(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        let headers = desk.categories();
        let rop = Rop::new(0x59, 1).u16(0).bytes(&headers[2]);
        desk.ask(rop).head(0x59, 1, code::SUCCESS);
        let state = desk.collapse_state(&headers[2]);
        desk.ask(Rop::new(0x5a, 1).bytes(&headers[2])).head(0x5a, 1, code::SUCCESS);
        assert_eq!(desk.position().1, 3);
        // CollapseState: BookmarkSize, Bookmark, at the row that was named.
        let mut answer = desk.ask(Rop::new(0x6c, 1).sized(&state));
        answer.head(0x6c, 1, code::SUCCESS);
        let size = answer.u16();
        let bookmark = answer.bytes(usize::from(size));
        answer.end();
        assert_eq!(desk.position().1, 4);
        let rop = Rop::new(0x19, 1).sized(&bookmark).u32(0).u8(1);
        desk.ask(rop).head(0x19, 1, code::SUCCESS);
        assert_eq!(desk.position(), (2, 4));
        Ok(())
    }

    /// MS-OXCROPS 2.2.5.19.3: R1662, R1664, R1667
    fn set_collapse_state_fails(rig: &Rig) -> Result {
        let mut desk = Desk::new(rig)?;
        let rop = Rop::new(0x6c, 1).sized(&[9; 40]);
        desk.ask_folder(rop).only(0x6c, 1, code::NOT_SUPPORTED);
        Ok(())
    }
}
