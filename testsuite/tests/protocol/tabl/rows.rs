//! Reading and finding rows, and every kind of restriction: [MS-OXCTABL] 2.1, 2.2.2.5, 2.2.2.14, 3.2.4, 3.2.5.5,
//! 3.2.5.14; [MS-OXCDATA] 2.12.

use mapi::PropertyValue;
use mapi::restriction::{BitTest, FuzzyLevel, Relation};
use mapi_rop::message::SaveFlags;
use mapi_rop::{HandleIndex, LogonId, Request};
use testsuite::on_both;
use testsuite::raw::code;

use super::*;

const BUFFER_TOO_SMALL: ErrorCode = ErrorCode(0x0000_047d);

fn content(low: u16, high: u16, text: &str) -> Restriction {
    let tag = tags::SUBJECT;
    let value = TaggedValue::new(tag, text);
    Restriction::Content { level: FuzzyLevel { low, high }, tag, value }
}

fn property(relation: Relation, tag: PropertyTag, value: impl Into<PropertyValue>) -> Restriction {
    Restriction::Property { relation, tag, value: TaggedValue::new(tag, value) }
}

/// The subjects that a restriction leaves, joined.
fn left(desk: &mut Desk, restriction: Restriction) -> String {
    assert_eq!(desk.restrict(Some(restriction)), Ok(TableStatus::Complete));
    desk.all().join(" ")
}

on_both! {
    /// MS-OXCTABL 2.2.2.5: R95
    /// MS-OXCTABL 2.2.2.5.1: R108
    /// MS-OXCTABL 3.2.5.5: R462, R725, R726
    fn rows_are_read_from_the_cursor_on(rig: &Rig) -> Result {
        let mut desk = Desk::sorted(rig, 5)?;
        let mut read = |count| {
            let answer = desk.query(QueryRowsFlags::NONE, true, count).expect("rows");
            (texts(&answer.rows).join(" "), answer.origin)
        };
        assert_eq!(read(2), ("m0 m1".into(), Bookmark::Current));
        assert_eq!(read(2), ("m2 m3".into(), Bookmark::Current));
        assert_eq!(read(2), ("m4".into(), Bookmark::End));
        assert_eq!(read(2), (String::new(), Bookmark::End));
        Ok(())
    }

    /// MS-OXCTABL 3.2.5.5: R469, R467, R726
    /// MS-OXCTABL 2.2.2.5.2: R110
    /// MS-OXCTABL 6: R897
    fn rows_are_read_backward(rig: &Rig) -> Result {
        let mut desk = Desk::sorted(rig, 5)?;
        desk.seek(Bookmark::End, 0).expect("a seek");
        let mut read = |count| {
            let answer = desk.query(QueryRowsFlags::NONE, false, count).expect("rows");
            (texts(&answer.rows).join(" "), answer.origin)
        };
        assert_eq!(read(2), ("m3 m4".into(), Bookmark::Current));
        // The rows before the cursor, in the table's order.
        assert_eq!(read(9), ("m0 m1 m2".into(), Bookmark::End));
        assert_eq!(read(9), (String::new(), Bookmark::End));
        Ok(())
    }

    /// MS-OXCTABL 3.2.5.5: R470
    /// MS-OXCTABL 2.2.2.5.2: R112, R113
    /// MS-OXCTABL 2.2.2.5.1
    fn a_cursor_that_does_not_advance(rig: &Rig) -> Result {
        let mut desk = Desk::sorted(rig, 4)?;
        desk.seek(Bookmark::Beginning, 1).expect("a seek");
        for flags in [QueryRowsFlags::NO_ADVANCE, QueryRowsFlags::NONE] {
            let answer = desk.query(flags, true, 2).expect("rows");
            assert_eq!(texts(&answer.rows), ["m1", "m2"]);
        }
        assert_eq!(desk.position(), Ok((3, 4)));
        // Packed buffers change nothing for an answer that fits.
        let answer = desk.query(QueryRowsFlags::ENABLE_PACKED_BUFFERS, true, 2).expect("rows");
        assert_eq!(texts(&answer.rows), ["m3"]);
        Ok(())
    }

    /// MS-OXCTABL 3.2.5.5: R464, R465, R466, R478
    /// MS-OXCTABL 2.2.2.5.2: R122
    fn as_many_whole_rows_as_fit(rig: &Rig) -> Result {
        let long = "x".repeat(600);
        let values = vec![TaggedValue::new(tags::SUBJECT, long.as_str())];
        let mut desk = Desk::with(rig, &vec![values; 6])?;
        desk.set_columns(&[tags::SUBJECT]).expect("columns");
        let (flags, forward_read, row_count) = (QueryRowsFlags::NONE, true, 100);
        let body = RopRequest::QueryRows(QueryRowsRequest { flags, forward_read, row_count });
        let request = [Request::new(LogonId(0), HandleIndex(0), body)];
        let handles = [desk.table];
        // Flag, 510 bytes, two zeros: 513 bytes a row.
        let answer = desk.client.exchange_within(&request, &handles, 1_600)?;
        let Ok(rows) = answer!(answer.responses.into_iter().next().map(|r| r.body).ok_or(()), QueryRows)
        else { panic!("no rows") };
        assert!((1..=3).contains(&rows.rows.len()), "{}", rows.rows.len());
        assert_eq!(rows.origin, Bookmark::Current);
        assert!(texts(&rows.rows).iter().all(|text| text.len() == 255));
        let answer = desk.client.exchange_within(&request, &handles, 300)?;
        assert_eq!(code(&answer.responses[0]), Err(BUFFER_TOO_SMALL));
        Ok(())
    }

    /// MS-OXCTABL 3.2.5.5: R476, R477, R835
    /// MS-OXCTABL 2.2.2.5: R614
    fn only_tables_have_rows(rig: &Rig) -> Result {
        let mut desk = Desk::hierarchy(rig)?;
        assert_eq!(desk.query(QueryRowsFlags::NONE, true, 1).map(drop), Err(NULL_OBJECT));
        desk.set_columns(&[tags::DISPLAY_NAME]).expect("columns");
        assert!(desk.all().contains(&"Inbox".to_owned()));
        let (flags, forward_read, row_count) = (QueryRowsFlags::NONE, true, 1);
        let request = QueryRowsRequest { flags, forward_read, row_count };
        assert_eq!(desk.on_folder(RopRequest::QueryRows(request)), Err(NOT_SUPPORTED));
        Ok(())
    }

    /// MS-OXCTABL 2.2.2.14.1: R225, R226
    /// MS-OXCTABL 2.2.2.14.2: R243
    /// MS-OXCTABL 3.2.5.14: R534, R535
    fn a_row_is_found_both_ways(rig: &Rig) -> Result {
        let mut desk = Desk::sorted(rig, 7)?;
        let low = || Some(equals(tags::IMPORTANCE, 0));
        let answer = desk.find(Bookmark::Beginning, false, low()).expect("a row");
        assert!(answer.row.is_some() && !answer.row_no_longer_visible);
        assert_eq!(desk.position(), Ok((0, 7)));
        // From the cursor on, whose own row counts.
        assert_eq!(found(desk.find(Bookmark::Current, false, low())), Ok("m0".into()));
        desk.seek(Bookmark::Beginning, 1).expect("a seek");
        assert_eq!(found(desk.find(Bookmark::Current, false, low())), Ok("m3".into()));
        assert_eq!(desk.position(), Ok((3, 7)));
        // Backward, the row before.
        assert_eq!(found(desk.find(Bookmark::Current, true, low())), Ok("m0".into()));
        assert_eq!(found(desk.find(Bookmark::End, true, low())), Ok("m6".into()));
        assert_eq!(desk.position(), Ok((6, 7)));
        assert_eq!(desk.all().len(), 7);
        Ok(())
    }

    /// MS-OXCTABL 3.2.5.14: R536, R544, R544001, R858
    /// MS-OXCTABL 2.2.2.14: R682
    fn what_is_not_found(rig: &Rig) -> Result {
        let mut desk = Desk::sorted(rig, 3)?;
        let none = || Some(equals(tags::IMPORTANCE, 9));
        assert_eq!(desk.find(Bookmark::Beginning, false, none()), Err(NOT_FOUND));
        assert_eq!(desk.find(Bookmark::Beginning, true, None), Err(NOT_FOUND));
        let first = || Some(equals(tags::SUBJECT, "m0"));
        desk.seek(Bookmark::Beginning, 1).expect("a seek");
        assert_eq!(desk.find(Bookmark::Current, false, first()), Err(NOT_FOUND));
        let request = FindRowRequest {
            flags: FindRowFlags::NONE,
            restriction: SizedRestriction(None),
            origin: Bookmark::Beginning,
            bookmark: vec![].into(),
        };
        assert_eq!(desk.on_folder(RopRequest::FindRow(request)), Err(NOT_SUPPORTED));
        let mut desk = Desk::hierarchy(rig)?;
        desk.set_columns(&[tags::DISPLAY_NAME]).expect("columns");
        let inbox = Some(equals(tags::DISPLAY_NAME, "inbox"));
        assert_eq!(found(desk.find(Bookmark::Beginning, false, inbox)), Ok("Inbox".into()));
        Ok(())
    }

    /// MS-OXCTABL 2.2.2.14.2: R245, R246
    fn a_row_that_does_not_fit_is_found_without_its_data(rig: &Rig) -> Result {
        let values = vec![TaggedValue::new(tags::SUBJECT, "x".repeat(600).as_str())];
        let mut desk = Desk::with(rig, &[values])?;
        desk.set_columns(&[tags::SUBJECT]).expect("columns");
        let request = FindRowRequest {
            flags: FindRowFlags::NONE,
            restriction: SizedRestriction(Some(content(FuzzyLevel::PREFIX, 0, "xx"))),
            origin: Bookmark::Beginning,
            bookmark: vec![].into(),
        };
        let request = [Request::new(LogonId(0), HandleIndex(0), RopRequest::FindRow(request))];
        let handles = [desk.table];
        let mut find = |room| {
            let answer = desk.client.exchange_within(&request, &handles, room).expect("an answer");
            let body = answer.responses.into_iter().next().map(|r| r.body).ok_or(());
            answer!(body, FindRow).expect("a row").row.map(|row| text(&row, 0).len())
        };
        assert_eq!(find(2_000), Some(255));
        assert_eq!(find(300), None);
        Ok(())
    }

    /// MS-OXCTABL 2.2.2.4: R87
    /// MS-OXCTABL 3.2.5.4: R834
    fn texts_are_compared_as_exchange_does(rig: &Rig) -> Result {
        let subjects = ["Zoe", "zoë", "Zoe Grün", "a ZOE"];
        let message = |text: &&str| vec![TaggedValue::new(tags::SUBJECT, *text)];
        let mut desk = Desk::with(rig, &subjects.iter().map(message).collect::<Vec<_>>())?;
        desk.set_columns(&[tags::SUBJECT]).expect("columns");
        desk.sort(&[SortOrder::ascending(tags::CREATION_TIME)]).expect("a sort");
        use FuzzyLevel as F;
        let all = F::IGNORE_CASE | F::IGNORE_NON_SPACE;
        let cases = [
            (F::FULL_STRING, 0, "Zoe", "Zoe"),
            (F::FULL_STRING, F::IGNORE_CASE, "ZOE", "Zoe"),
            (F::FULL_STRING, F::IGNORE_NON_SPACE, "zoe", "zoë"),
            (F::FULL_STRING, all, "zoE", "Zoe zoë"),
            (F::FULL_STRING, F::LOOSE, "ZOË", "Zoe zoë"),
            (F::PREFIX, 0, "Zo", "Zoe Zoe Grün"),
            (F::PREFIX, F::IGNORE_CASE, "zO", "Zoe zoë Zoe Grün"),
            (F::SUBSTRING, 0, "oe", "Zoe Zoe Grün"),
            (F::SUBSTRING, F::IGNORE_CASE, "OE", "Zoe Zoe Grün a ZOE"),
            (F::SUBSTRING, F::LOOSE, "gRUN", "Zoe Grün"),
            (F::SUBSTRING, 0, "", "Zoe zoë Zoe Grün a ZOE"),
        ];
        for (low, high, wanted, expected) in cases {
            assert_eq!(left(&mut desk, content(low, high, wanted)), expected, "{low} {high} {wanted}");
        }
        // A whole value is compared without case.
        assert_eq!(left(&mut desk, equals(tags::SUBJECT, "zOe")), "Zoe");
        assert_eq!(desk.restrict(None), Ok(TableStatus::Complete));
        Ok(())
    }

    // [MS-OXCDATA] 2.12.4: FL_IGNORENONSPACE and FL_LOOSE, in any script.
    /// MS-OXCTABL 2.2.2.4: R87
    fn texts_of_all_scripts_are_compared(rig: &Rig) -> Result {
        let subjects = ["Stra\u{df}e", "e\u{301}te\u{301}", "\u{401}лка", "Ἀθῆναι", "Việt"];
        let message = |text: &&str| vec![TaggedValue::new(tags::SUBJECT, *text)];
        let mut desk = Desk::with(rig, &subjects.iter().map(message).collect::<Vec<_>>())?;
        desk.set_columns(&[tags::SUBJECT]).expect("columns");
        desk.sort(&[SortOrder::ascending(tags::SUBJECT)]).expect("a sort");
        assert_eq!(desk.all(), [subjects[1], subjects[0], subjects[4], subjects[3], subjects[2]]);
        use FuzzyLevel as F;
        let cases = [
            (F::FULL_STRING, F::IGNORE_CASE, "STRASSE", subjects[0]),
            (F::FULL_STRING, 0, "\u{e9}t\u{e9}", subjects[1]),
            (F::PREFIX, F::IGNORE_CASE, "E", ""),
            (F::PREFIX, F::LOOSE, "E", subjects[1]),
            (F::SUBSTRING, F::IGNORE_NON_SPACE, "\u{415}лк", subjects[2]),
            (F::SUBSTRING, F::LOOSE, "αθηναι", subjects[3]),
            (F::FULL_STRING, F::LOOSE, "VIET", subjects[4]),
            (F::FULL_STRING, F::IGNORE_CASE, "VIET", ""),
        ];
        for (low, high, wanted, expected) in cases {
            assert_eq!(left(&mut desk, content(low, high, wanted)), expected, "{low} {high} {wanted}");
        }
        assert_eq!(left(&mut desk, equals(tags::SUBJECT, "\u{c9}TE\u{301}")), subjects[1]);
        Ok(())
    }

    /// MS-OXCTABL 3.2.5.4: R459
    fn relations_bits_sizes_and_presence(rig: &Rig) -> Result {
        let mut desk = Desk::sorted(rig, 5)?;
        let by = |relation| property(relation, tags::IMPORTANCE, 1);
        assert_eq!(left(&mut desk, by(Relation::Less)), "m0 m3");
        assert_eq!(left(&mut desk, by(Relation::LessOrEqual)), "m0 m1 m3 m4");
        assert_eq!(left(&mut desk, by(Relation::Greater)), "m2");
        assert_eq!(left(&mut desk, by(Relation::GreaterOrEqual)), "m1 m2 m4");
        assert_eq!(left(&mut desk, by(Relation::Equal)), "m1 m4");
        assert_eq!(left(&mut desk, by(Relation::NotEqual)), "m0 m2 m3");
        let bits = |test, mask| Restriction::Bitmask { test, tag: tags::IMPORTANCE, mask };
        assert_eq!(left(&mut desk, bits(BitTest::AnySet, 2)), "m2");
        assert_eq!(left(&mut desk, bits(BitTest::AllClear, 1)), "m0 m2 m3");
        let size = |relation, size| Restriction::Size { relation, tag: tags::SUBJECT, size };
        assert_eq!(left(&mut desk, size(Relation::Equal, 4)), "m0 m1 m2 m3 m4");
        assert_eq!(left(&mut desk, size(Relation::Greater, 4)), "");
        assert_eq!(left(&mut desk, Restriction::Exist { tag: tags::HTML }), "");
        assert_eq!(left(&mut desk, Restriction::Exist { tag: tags::SUBJECT }).len(), 14);
        let (left_tag, right) = (tags::IMPORTANCE, tags::SENSITIVITY);
        let compare = |relation| {
            Restriction::CompareProperties { relation, left: left_tag, right }
        };
        assert_eq!(desk.restrict(None), Ok(TableStatus::Complete));
        let mid = desk.message("m1");
        let flags = mapi_rop::message::OpenMessageFlags::BEST_ACCESS;
        let message = desk.client.open_message(desk.id, mid, flags).expect("it opens");
        desk.client.set(message, tags::SENSITIVITY, 1).expect("set");
        desk.client.save(message, SaveFlags::NONE).expect("saved");
        // No sensitivity is one of 0.
        assert_eq!(left(&mut desk, compare(Relation::Equal)), "m0 m1 m3");
        assert_eq!(left(&mut desk, compare(Relation::Greater)), "m2 m4");
        Ok(())
    }

    /// MS-OXCTABL 2.2.2.4: R88
    fn conditions_are_joined_and_counted(rig: &Rig) -> Result {
        let mut desk = Desk::sorted(rig, 6)?;
        let is = |number: i32| equals(tags::IMPORTANCE, number);
        let not = |part| Restriction::Not(Box::new(part));
        assert_eq!(left(&mut desk, Restriction::And(vec![is(1), equals(tags::SUBJECT, "m4")])), "m4");
        assert_eq!(left(&mut desk, Restriction::Or(vec![is(1), is(2)])), "m1 m2 m4 m5");
        assert_eq!(left(&mut desk, not(is(1))), "m0 m2 m3 m5");
        assert_eq!(left(&mut desk, Restriction::And(vec![])).len(), 17);
        assert_eq!(left(&mut desk, Restriction::Or(vec![])), "");
        let values = vec![TaggedValue::new(tags::SUBJECT, "a note of the client's")];
        let comment = Restriction::Comment { values, restriction: Some(Box::new(is(2))) };
        assert_eq!(left(&mut desk, comment), "m2 m5");
        let bare = Restriction::Comment { values: vec![], restriction: None };
        assert_eq!(left(&mut desk, bare).len(), 17);
        let count = Restriction::Count { limit: 1, restriction: Box::new(is(0)) };
        assert_eq!(left(&mut desk, count), "m0");
        let deep = (0..40).fold(is(1), |inner, _| not(inner));
        assert_eq!(left(&mut desk, deep), "m1 m4");
        let folder = desk.folder;
        let restriction = SizedRestriction(None);
        let request = RestrictRequest { flags: AsyncFlags::NONE, restriction };
        let answer = desk.client.call(folder, RopRequest::Restrict(request));
        assert_eq!(answer, Err(NOT_SUPPORTED));
        Ok(())
    }

    /// MS-OXCTABL 2.1: R3
    /// MS-OXCTABL 3.2.4: R415
    fn a_change_of_a_table_is_told(rig: &Rig) -> Result {
        let mut desk = Desk::sorted(rig, 2)?;
        assert_eq!(desk.all().len(), 2);
        let mut other = rig.client(ME)?;
        other.post(desk.id, &[TaggedValue::new(tags::SUBJECT, "m9")]).expect("a message");
        for _ in 0..50 {
            desk.position().expect("a position");
            if !desk.client.notices.is_empty() {
                break;
            }
        }
        let notify = desk.client.notices.iter().find_map(|notice| match notice {
            RopResponse::Notify(notify) => Some(notify),
            _ => None,
        });
        assert_eq!(notify.expect("a notification").handle, desk.table);
        assert_eq!(desk.all(), ["m0", "m1", "m9"]);
        Ok(())
    }
}
