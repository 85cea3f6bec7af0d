//! Categories: [MS-OXCTABL] 2.2.1, 2.2.2.3, 2.2.2.17 to 2.2.2.20, 3.2.5.17 to 3.2.5.20.

use mapi::{PropertyType, PropertyValue};
use mapi_rop::message::{ReadFlags, SetReadFlagsRequest};
use testsuite::on_both;

use super::*;

/// What rows of these tests show.
const COLUMNS: [PropertyTag; 8] = [
    tags::SENDER_NAME,
    tags::SUBJECT,
    tags::ROW_TYPE,
    tags::DEPTH,
    tags::CONTENT_COUNT,
    tags::CONTENT_UNREAD_COUNT,
    tags::INST_ID,
    tags::INSTANCE_NUM,
];

fn letter(sender: &str, subject: &str, importance: i32) -> Vec<TaggedValue> {
    vec![
        TaggedValue::new(tags::SENDER_NAME, sender),
        TaggedValue::new(tags::SUBJECT, subject),
        TaggedValue::new(tags::IMPORTANCE, importance),
    ]
}

/// Two letters of Ann's and three of Bob's.
fn letters() -> Vec<Vec<TaggedValue>> {
    [("Ann", "b", 1), ("Bob", "c", 0), ("Ann", "a", 0), ("Bob", "b", 2), ("Bob", "a", 0)]
        .map(|(sender, subject, importance)| letter(sender, subject, importance))
        .to_vec()
}

/// Them by sender, so many of the levels expanded.
fn by_sender(rig: &Rig, expanded: u16) -> Result<Desk> {
    let mut desk = Desk::with(rig, &letters())?;
    desk.set_columns(&COLUMNS).expect("columns");
    let orders = [SortOrder::ascending(tags::SENDER_NAME), SortOrder::ascending(tags::SUBJECT)];
    desk.sort_set(categorised(&orders, 1, expanded)).expect("a sort");
    Ok(desk)
}

/// A row in short: "+Ann" is a category that is expanded, "-Ann" one that is collapsed, else the subject.
fn short(row: &PropertyRow) -> String {
    match number(row, 2) {
        3 => format!("+{}", text(row, 0)),
        4 => format!("-{}", text(row, 0)),
        1 => text(row, 1),
        other => panic!("row type {other}"),
    }
}

fn shorts(rows: &[PropertyRow]) -> String {
    rows.iter().map(short).collect::<Vec<_>>().join(" ")
}

fn shown(desk: &mut Desk) -> String {
    desk.seek(Bookmark::Beginning, 0).expect("the beginning");
    let rows = desk.rows(100);
    shorts(&rows)
}

/// The PidTagInstID of the row at a position.
fn id_at(desk: &mut Desk, position: i32) -> i64 {
    desk.seek(Bookmark::Beginning, position).expect("a seek");
    number(&desk.rows(1)[0], 6)
}

on_both! {
    /// MS-OXCTABL 2.2.2.3.1: R66, R67, R71
    /// MS-OXCTABL 2.2.1.3: R15, R17
    fn rows_of_a_value_stand_below_a_row_of_their_own(rig: &Rig) -> Result {
        let mut desk = by_sender(rig, 1)?;
        assert_eq!(shown(&mut desk), "+Ann a b +Bob a b c");
        assert_eq!(desk.position(), Ok((7, 7)));
        let orders = [SortOrder::ascending(tags::SENDER_NAME), SortOrder::descending(tags::SUBJECT)];
        let sorted = desk.sort_set(categorised(&orders, 1, 0));
        assert_eq!(sorted, Ok(TableStatus::Complete));
        assert_eq!(shown(&mut desk), "-Ann -Bob");
        assert_eq!(desk.position(), Ok((2, 2)));
        // More than all levels is all levels (R65: up to the number of sort orders).
        desk.sort_set(categorised(&orders, 1, 2)).expect("a sort");
        assert_eq!(shown(&mut desk), "+Ann b a +Bob c b a");
        Ok(())
    }

    /// MS-OXCTABL 2.2.1.4: R19, R621
    /// MS-OXCTABL 2.2.1.5: R20, R21
    /// MS-OXCTABL 2.2.1: R4
    fn depth_and_count_of_categories(rig: &Rig) -> Result {
        let mut desk = by_sender(rig, 1)?;
        let rows = desk.rows(100);
        assert_eq!(rows.iter().map(|row| number(row, 3)).collect::<Vec<_>>(), [0, 1, 1, 0, 1, 1, 1]);
        assert_eq!((number(&rows[0], 4), number(&rows[3], 4)), (2, 3));
        // A message has no such counts.
        assert_eq!(rows[1].error(4), Some(NOT_FOUND));
        // Its own properties are not those of a category.
        assert_eq!(rows[0].error(1), Some(NOT_FOUND));
        let orders = [SortOrder::ascending(tags::SENDER_NAME)];
        desk.sort_set(categorised(&orders, 1, 0)).expect("a sort");
        let rows = desk.rows(100);
        assert_eq!((number(&rows[0], 4), number(&rows[1], 4)), (2, 3));
        let orders = [SortOrder::ascending(tags::SENDER_NAME), SortOrder::ascending(tags::SUBJECT)];
        desk.sort_set(categorised(&orders, 2, 2)).expect("a sort");
        let rows = desk.rows(3);
        assert_eq!(rows.iter().map(|row| number(row, 3)).collect::<Vec<_>>(), [0, 1, 2]);
        desk.sort(&orders).expect("a sort");
        assert!(desk.rows(100).iter().all(|row| number(row, 3) == 0 && number(row, 2) == 1));
        Ok(())
    }

    /// MS-OXCTABL 2.2.1.6: R22, R23
    fn a_category_counts_what_is_not_read(rig: &Rig) -> Result {
        let mut desk = by_sender(rig, 1)?;
        let mark = |desk: &mut Desk, subject: &str, flags| {
            let messages = vec![desk.message(subject)].into();
            let request = SetReadFlagsRequest { want_asynchronous: false, flags, messages };
            desk.on_folder(RopRequest::SetReadFlags(request)).expect("marked");
        };
        mark(&mut desk, "c", ReadFlags::CLEAR_READ_FLAG);
        let unread = |desk: &mut Desk| {
            desk.seek(Bookmark::Beginning, 0).expect("a seek");
            let rows = desk.rows(100);
            let heads = rows.iter().filter(|row| number(row, 2) != 1);
            heads.map(|row| number(row, 5)).collect::<Vec<_>>()
        };
        assert_eq!(unread(&mut desk), [0, 1]);
        let bob = id_at(&mut desk, 3);
        desk.collapse(bob).expect("it collapses");
        assert_eq!(unread(&mut desk), [0, 1]);
        mark(&mut desk, "c", ReadFlags::NONE);
        assert_eq!(unread(&mut desk), [0, 0]);
        Ok(())
    }

    /// MS-OXCTABL 2.2.1.1: R6, R8, R617
    /// MS-OXCTABL 2.2.1.2: R10, R12
    fn instances_of_a_row_have_one_id_and_numbers_of_their_own(rig: &Rig) -> Result {
        let keywords = PropertyTag::new(0x0045_101f);
        let many = PropertyValue::MultipleString(vec!["red".into(), "blue".into(), "green".into()]);
        let mut values = letter("Ann", "s", 0);
        values.push(TaggedValue { tag: keywords, value: many });
        let mut desk = Desk::with(rig, &[values])?;
        desk.set_columns(&COLUMNS).expect("columns");
        let instance = keywords.with_type(PropertyType(0x301f));
        desk.sort_set(categorised(&[SortOrder::ascending(instance)], 1, 1)).expect("a sort");
        let rows = desk.rows(100);
        assert_eq!(rows.len(), 6);
        let leaves: Vec<_> = rows.iter().filter(|row| number(row, 2) == 1).collect();
        assert_eq!(leaves.len(), 3);
        assert!(leaves.iter().all(|row| number(row, 6) == number(leaves[0], 6)));
        let mut numbers: Vec<_> = leaves.iter().map(|row| number(row, 7)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 3);
        let mut heads: Vec<_> =
            rows.iter().filter(|row| number(row, 2) != 1).map(|row| number(row, 6)).collect();
        heads.sort_unstable();
        heads.dedup();
        assert_eq!(heads.len(), 3);
        Ok(())
    }

    /// MS-OXCTABL 2.2.2.17: R272
    /// MS-OXCTABL 2.2.2.17.1: R275
    /// MS-OXCTABL 2.2.2.17.2: R278
    /// MS-OXCTABL 3.2.5.17: R567
    /// MS-OXCTABL 3.2.5.2: R825
    fn a_category_is_expanded(rig: &Rig) -> Result {
        let mut desk = by_sender(rig, 0)?;
        let bob = id_at(&mut desk, 1);
        let expanded = desk.expand(bob, 0).expect("it expands");
        assert_eq!((expanded.expanded_row_count, expanded.rows.len()), (3, 0));
        assert_eq!(shown(&mut desk), "-Ann +Bob a b c");
        desk.collapse(bob).expect("it collapses");
        let expanded = desk.expand(bob, 2).expect("it expands");
        assert_eq!(expanded.expanded_row_count, 3);
        assert_eq!(shorts(&expanded.rows), "a b");
        let ann = id_at(&mut desk, 0);
        let expanded = desk.expand(ann, 50).expect("it expands");
        assert_eq!(expanded.expanded_row_count, 2);
        assert_eq!(shorts(&expanded.rows), "a b");
        assert_eq!(shown(&mut desk), "+Ann a b +Bob a b c");
        Ok(())
    }

    /// MS-OXCTABL 2.2.2.18: R283
    /// MS-OXCTABL 2.2.2.18.2: R287
    /// MS-OXCTABL 3.2.5.18: R573, R574
    fn a_category_is_collapsed(rig: &Rig) -> Result {
        let mut desk = by_sender(rig, 1)?;
        let ann = id_at(&mut desk, 0);
        assert_eq!(desk.collapse(ann), Ok(2));
        assert_eq!(shown(&mut desk), "-Ann +Bob a b c");
        let bob = id_at(&mut desk, 1);
        assert_eq!(desk.collapse(bob), Ok(3));
        assert_eq!(shown(&mut desk), "-Ann -Bob");
        Ok(())
    }

    /// MS-OXCTABL 3.2.5.17: R569, R570, R571
    /// MS-OXCTABL 3.2.5.18: R575, R576
    fn what_cannot_be_expanded_or_collapsed(rig: &Rig) -> Result {
        let mut desk = by_sender(rig, 1)?;
        let (ann, leaf) = (id_at(&mut desk, 0), id_at(&mut desk, 1));
        assert_eq!(desk.expand(ann, 0), Err(NOT_COLLAPSED));
        assert_eq!(desk.expand(leaf, 0), Err(NOT_COLLAPSED));
        assert_eq!(desk.expand(77, 0), Err(NOT_FOUND));
        assert_eq!(desk.collapse(leaf), Err(NOT_EXPANDED));
        assert_eq!(desk.collapse(ann), Ok(2));
        assert_eq!(desk.collapse(ann), Err(NOT_EXPANDED));
        assert_eq!(desk.collapse(leaf), Err(NOT_FOUND));
        assert_eq!(desk.collapse(77), Err(NOT_FOUND));
        // Without categories there is none to be found.
        desk.sort(&[SortOrder::ascending(tags::SUBJECT)]).expect("a sort");
        assert_eq!(desk.collapse(ann), Err(NOT_FOUND));
        assert_eq!(desk.expand(ann, 0), Err(NOT_FOUND));
        Ok(())
    }

    /// MS-OXCTABL 3.2.5.17: R572
    /// MS-OXCTABL 3.2.5.18: R578
    /// MS-OXCTABL 3.2.5.19: R583
    /// MS-OXCTABL 3.2.5.20: R589
    /// MS-OXCTABL 2.2.2.17: R274
    fn other_tables_have_no_categories(rig: &Rig) -> Result {
        let mut desk = Desk::hierarchy(rig)?;
        desk.set_columns(&[tags::DISPLAY_NAME]).expect("columns");
        assert_eq!(desk.expand(1, 0), Err(NOT_SUPPORTED));
        assert_eq!(desk.collapse(1), Err(NOT_SUPPORTED));
        assert_eq!(desk.collapse_state(1, 0), Err(NOT_SUPPORTED));
        assert_eq!(desk.set_collapse_state(&[1]), Err(NOT_SUPPORTED));
        let request = ExpandRowRequest { max_row_count: 0, category: 1 };
        assert_eq!(desk.on_folder(RopRequest::ExpandRow(request)), Err(NOT_SUPPORTED));
        let request = CollapseRowRequest { category: 1 };
        assert_eq!(desk.on_folder(RopRequest::CollapseRow(request)), Err(NOT_SUPPORTED));
        Ok(())
    }

    /// MS-OXCTABL 2.2.2.18: R284
    /// MS-OXCTABL 2.2.2.19: R290
    /// MS-OXCTABL 2.2.2.20: R306
    fn other_objects_have_no_collapse_state(rig: &Rig) -> Result {
        let mut desk = Desk::with(rig, &[])?;
        let logon = desk.client.logon;
        for request in [
            RopRequest::CollapseRow(CollapseRowRequest { category: 1 }),
            RopRequest::GetCollapseState(GetCollapseStateRequest { row: 1, row_instance: 0 }),
            RopRequest::SetCollapseState(CollapseStateBody { state: vec![1].into() }),
        ] {
            assert_eq!(desk.on_folder(request.clone()), Err(NOT_SUPPORTED));
            assert_eq!(desk.client.call(logon, request), Err(NOT_SUPPORTED));
        }
        Ok(())
    }

    /// MS-OXCTABL 3.2.5.2: R8261, R8263, R8265
    /// MS-OXCTABL 6: R8271, R8273
    fn columns_come_before_categories_are_used(rig: &Rig) -> Result {
        let mut desk = Desk::with(rig, &letters())?;
        let orders = [SortOrder::ascending(tags::SENDER_NAME)];
        desk.sort_set(categorised(&orders, 1, 0)).expect("a sort");
        assert_eq!(desk.expand(1, 0), Err(NULL_OBJECT));
        assert_eq!(desk.collapse(1), Err(NULL_OBJECT));
        assert_eq!(desk.collapse_state(1, 0), Err(NULL_OBJECT));
        assert_eq!(desk.set_collapse_state(&[1]), Err(NULL_OBJECT));
        assert_eq!(desk.set_columns(&COLUMNS), Ok(TableStatus::Complete));
        assert_eq!(desk.expand(1, 0), Err(NOT_FOUND));
        Ok(())
    }

    /// MS-OXCTABL 2.2.2.19: R288
    /// MS-OXCTABL 2.2.2.19.2: R294
    /// MS-OXCTABL 2.2.2.20: R304
    /// MS-OXCTABL 3.2.5.19: R579
    /// MS-OXCTABL 3.2.5.20: R585
    fn a_collapse_state_is_kept_and_set_again(rig: &Rig) -> Result {
        let mut desk = by_sender(rig, 1)?;
        let (ann, leaf) = (id_at(&mut desk, 0), id_at(&mut desk, 4));
        desk.collapse(ann).expect("it collapses");
        let state = desk.collapse_state(leaf, 0).expect("a state");
        assert!(!state.is_empty());
        assert_eq!(desk.expand(ann, 0).expect("it expands").expanded_row_count, 2);
        let bob = id_at(&mut desk, 3);
        desk.collapse(bob).expect("it collapses");
        assert_eq!(shown(&mut desk), "+Ann a b -Bob");
        let bookmark = desk.set_collapse_state(&state).expect("it is set");
        assert_eq!(desk.position(), Ok((2, 5)));
        assert_eq!(shorts(&desk.rows(1)), "a");
        assert_eq!(shown(&mut desk), "-Ann +Bob a b c");
        let sought = desk.seek_bookmark(&bookmark, 0).expect("a seek");
        assert!(!sought.row_no_longer_visible);
        assert_eq!(desk.position(), Ok((2, 5)));
        assert_eq!(desk.free_bookmark(&bookmark), Ok(()));
        // The row of a category can be kept too.
        let state = desk.collapse_state(bob, 0).expect("a state");
        desk.set_collapse_state(&state).expect("it is set");
        assert_eq!(desk.position(), Ok((1, 5)));
        Ok(())
    }

    /// MS-OXCTABL 2.2.2.20: R307, R308, R309
    /// MS-OXCTABL 2.2.2.20.2: R314, R315
    fn a_collapse_state_fits_tables_of_the_same_order(rig: &Rig) -> Result {
        let mut desk = by_sender(rig, 1)?;
        let ann = id_at(&mut desk, 0);
        desk.collapse(ann).expect("it collapses");
        let state = desk.collapse_state(ann, 0).expect("a state");
        let orders = [SortOrder::ascending(tags::SENDER_NAME), SortOrder::ascending(tags::SUBJECT)];
        // Another table of the folder, in another session.
        let mut client = rig.client(ME)?;
        let folder = client.open_folder(desk.id).expect("the Inbox");
        let table = client.contents(folder, TableFlags::USE_UNICODE).expect("a table");
        let mut other = Desk { client, id: desk.id, folder, table };
        other.set_columns(&COLUMNS).expect("columns");
        other.sort_set(categorised(&orders, 1, 0)).expect("a sort");
        let bookmark = other.set_collapse_state(&state).expect("it is set");
        assert_eq!(bookmark.len(), 8);
        assert_eq!(shown(&mut other), "-Ann +Bob a b c");
        // A table of another folder: it is expanded alike, and the bookmark is none.
        let id = SpecialFolder::Drafts.id();
        for values in letters() {
            other.client.post(id, &values).expect("a message");
        }
        let folder = other.client.open_folder(id).expect("the drafts");
        other.table = other.client.contents(folder, TableFlags::USE_UNICODE).expect("a table");
        other.set_columns(&COLUMNS).expect("columns");
        other.sort_set(categorised(&orders, 1, 0)).expect("a sort");
        let bookmark = other.set_collapse_state(&state).expect("it is set");
        assert_eq!(other.seek_bookmark(&bookmark, 0), Err(INVALID_BOOKMARK));
        assert_eq!(shown(&mut other), "-Ann +Bob a b c");
        // Another order, another restriction, other bytes.
        assert_eq!(desk.set_collapse_state(&state[1..]), Err(INVALID_PARAMETER));
        assert_eq!(desk.set_collapse_state(&[]), Err(INVALID_PARAMETER));
        desk.restrict(Some(equals(tags::SENDER_NAME, "Bob"))).expect("a restriction");
        assert_eq!(desk.set_collapse_state(&state), Err(INVALID_PARAMETER));
        desk.restrict(None).expect("a restriction");
        assert!(desk.set_collapse_state(&state).is_ok());
        desk.sort_set(categorised(&orders[..1], 1, 1)).expect("a sort");
        assert_eq!(desk.set_collapse_state(&state), Err(INVALID_PARAMETER));
        Ok(())
    }

    /// MS-OXCTABL 2.2.2.3.1: R81, R82
    fn categories_by_the_largest_value_of_another_column(rig: &Rig) -> Result {
        let mut values = letters();
        values.push(letter("Cid", "z", 0));
        let mut desk = Desk::with(rig, &values)?;
        desk.set_columns(&COLUMNS).expect("columns");
        let largest = order(tags::IMPORTANCE, Direction::MaximumCategory);
        let orders = |first| [first, largest, SortOrder::descending(tags::SUBJECT)];
        desk.sort_set(categorised(&orders(SortOrder::ascending(tags::SENDER_NAME)), 1, 1))
            .expect("a sort");
        assert_eq!(shown(&mut desk), "+Cid z +Ann b a +Bob c b a");
        desk.sort_set(categorised(&orders(SortOrder::descending(tags::SENDER_NAME)), 1, 0))
            .expect("a sort");
        assert_eq!(shown(&mut desk), "-Bob -Ann -Cid");
        // MS-OXCTABL R78: only right behind the categories.
        let plain = SortOrder::ascending(tags::SENDER_NAME);
        let wrong = desk.sort_set(categorised(&[largest, plain], 0, 0));
        assert_eq!(wrong, Err(INVALID_PARAMETER));
        let wrong = desk.sort_set(categorised(&[plain, plain, largest], 1, 0));
        assert_eq!(wrong, Err(INVALID_PARAMETER));
        Ok(())
    }

    /// MS-OXCTABL 2.2.2.10.2: R182, R184
    /// MS-OXCTABL 2.2.2.14.2: R238
    /// MS-OXCTABL 3.2.5.10: R506
    fn a_bookmark_in_a_category_that_was_collapsed(rig: &Rig) -> Result {
        let mut desk = by_sender(rig, 1)?;
        desk.seek(Bookmark::Beginning, 2).expect("a seek");
        let bookmark = desk.create_bookmark().expect("a bookmark");
        let ann = id_at(&mut desk, 0);
        desk.collapse(ann).expect("it collapses");
        let sought = desk.seek_bookmark(&bookmark, 0).expect("a seek");
        assert!(sought.row_no_longer_visible);
        assert_eq!(shorts(&desk.rows(1)), "+Bob");
        let any = Some(equals(tags::SUBJECT, "b"));
        let found = desk.find_from(Bookmark::Custom, &bookmark, false, any).expect("a row");
        assert!(found.row_no_longer_visible);
        assert_eq!(short(&found.row.expect("its data")), "b");
        assert_eq!(desk.position(), Ok((3, 5)));
        desk.expand(ann, 0).expect("it expands");
        assert!(!desk.seek_bookmark(&bookmark, 0).expect("a seek").row_no_longer_visible);
        assert_eq!(desk.position(), Ok((2, 7)));
        Ok(())
    }

    /// MS-OXCTABL 2.2.2.5.2: R119
    /// MS-OXCTABL 2.2.2.14: R223
    fn rows_are_grouped_where_they_are_read_and_found(rig: &Rig) -> Result {
        let mut desk = by_sender(rig, 1)?;
        desk.seek(Bookmark::End, 0).expect("the end");
        let rows = desk.query(QueryRowsFlags::NONE, false, 4).expect("rows").rows;
        assert_eq!(shorts(&rows), "+Bob a b c");
        // A category's row is found by its id, and by what it shows.
        let bob = number(&rows[0], 6);
        let found = desk.find(Bookmark::Beginning, false, Some(equals(tags::INST_ID, bob)));
        assert_eq!(short(&found.expect("a row").row.expect("its data")), "+Bob");
        assert_eq!(desk.position(), Ok((3, 7)));
        // A message that comes stands in its category, which the other one is not moved by.
        let id = desk.id;
        desk.client.post(id, &letter("Ann", "ab", 0)).expect("a message");
        assert_eq!(desk.position(), Ok((4, 8)));
        assert_eq!(shown(&mut desk), "+Ann a ab b +Bob a b c");
        Ok(())
    }
}

/// What is expanded counts as memory of its table, and has a bound.
#[test]
fn only_so_many_categories_are_the_other_way_round() -> Result {
    let rig = Rig::loopback()?;
    let mailbox = {
        let account = rig.store.account_by_address(ME)?.expect("an account");
        rig.store.mailbox(account.mailbox)?
    };
    let inbox = SpecialFolder::Inbox.id();
    for number in 0..3_010 {
        let mut message = store::message::Message::new(&mailbox, inbox, false);
        let value = PropertyValue::from(format!("s{number}"));
        message.body.properties.set(tags::SUBJECT, value);
        store::message::save(&mailbox, &mut message, Default::default())?;
    }
    let mut desk = Desk::with(&rig, &[])?;
    desk.set_columns(&COLUMNS).expect("columns");
    let orders = [SortOrder::ascending(tags::SUBJECT)];
    desk.sort_set(categorised(&orders, 1, 0)).expect("a sort");
    let before = rig.ledger().bytes();
    let mut ids = Vec::new();
    loop {
        let rows = desk.rows(1_000);
        match rows.is_empty() {
            true => break,
            false => ids.extend(rows.iter().map(|row| number(row, 6))),
        }
    }
    assert_eq!(ids.len(), 3_010);
    let done: Vec<_> = ids.iter().map(|id| desk.expand(*id, 0).map(drop)).collect();
    assert!(done[..3_000].iter().all(|done| done.is_ok()));
    assert_eq!(done[3_000], Err(ErrorCode::MAX_OBJS_EXCEEDED));
    assert!(rig.ledger().bytes() >= before + 3_000 * 8);
    // The largest state there is fits into an answer, and a request.
    let state = desk.collapse_state(ids[0], 0).expect("a state");
    desk.sort_set(categorised(&orders, 1, 0)).expect("a sort");
    assert_eq!(rig.ledger().bytes(), before);
    desk.set_collapse_state(&state).expect("it is set");
    assert_eq!(desk.position().expect("a position").1, 6_010);
    Ok(())
}
