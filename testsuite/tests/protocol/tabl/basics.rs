//! Columns, orders, restrictions, positions and states of tables: [MS-OXCTABL] 2.2.2.1 to 2.2.2.9, 2.2.2.13,
//! 2.2.2.16, 3.2.5.1 to 3.2.5.9, 3.2.5.13, 3.2.5.16.

use mapi::{PropertyType, PropertyValue};
use mapi_rop::message::{AttachmentTableFlags, GetAttachmentTableRequest};
use mapi_rop::table::SetColumnsRequest;
use mapi_rop::{HandleIndex, LogonId, Request};
use testsuite::on_both;
use testsuite::raw::code;

use super::*;

const UNABLE_TO_ABORT: ErrorCode = ErrorCode(0x8004_0114);
const TOO_COMPLEX: ErrorCode = ErrorCode(0x8004_0117);
/// PidNameKeywords would need a name; this one has many values too.
const MANY: PropertyTag = PropertyTag::new(0x0045_101f);

/// An attachment table, of a message without attachments.
fn attachments(desk: &mut Desk) -> Handle {
    let mid = desk.message("m0");
    let message = desk.client.open_message(desk.id, mid, Default::default()).expect("it opens");
    let flags = AttachmentTableFlags::NONE;
    let request = RopRequest::GetAttachmentTable(GetAttachmentTableRequest { flags });
    desk.client.open(message, request).expect("an attachment table")
}

fn status(desk: &mut Desk) -> Answer<TableStatus> {
    answer!(desk.call(RopRequest::GetStatus(Empty)), GetStatus).map(|answer| answer.status)
}

on_both! {
    /// MS-OXCTABL 2.2.2.1.3: R33
    /// MS-OXCTABL 2.2.2.1.4: R781
    /// MS-OXCTABL 3.2.5.1: R416
    /// MS-OXCTABL 2.2.2.2.2: R55
    /// MS-OXCTABL 2.2.2.3.2: R84
    fn what_was_to_be_done_asynchronously_is_done(rig: &Rig) -> Result {
        let mut desk = Desk::with(rig, &numbered(3))?;
        for flags in [AsyncFlags::NONE, AsyncFlags::TBL_ASYNC] {
            let columns = vec![tags::SUBJECT].into();
            let request = RopRequest::SetColumns(SetColumnsRequest { flags, columns });
            let set = answer!(desk.call(request), SetColumns).expect("columns");
            assert_eq!(set.status, TableStatus::Complete);
            let order = SortOrderSet::new(vec![SortOrder::descending(tags::SUBJECT)]);
            let request = RopRequest::SortTable(SortTableRequest { flags, order });
            let sorted = answer!(desk.call(request), SortTable).expect("a sort");
            assert_eq!(sorted.status, TableStatus::Complete);
            let restriction = SizedRestriction(Some(equals(tags::IMPORTANCE, 0)));
            let request = RopRequest::Restrict(RestrictRequest { flags, restriction });
            let restricted = answer!(desk.call(request), Restrict).expect("a restriction");
            assert_eq!(restricted.status, TableStatus::Complete);
        }
        let table = desk.table;
        desk.client.learn(table, &[tags::SUBJECT]);
        assert_eq!(status(&mut desk), Ok(TableStatus::Complete));
        assert_eq!(desk.all(), ["m0"]);
        Ok(())
    }

    /// MS-OXCTABL 2.2.2.7: R128, R129
    /// MS-OXCTABL 2.2.2.7.2: R132
    /// MS-OXCTABL 3.2.5.7: R487, R490
    fn the_status_of_a_table(rig: &Rig) -> Result {
        let mut desk = Desk::with(rig, &numbered(1))?;
        assert_eq!(status(&mut desk), Ok(TableStatus::Complete));
        let table = attachments(&mut desk);
        let told = answer!(desk.client.call(table, RopRequest::GetStatus(Empty)), GetStatus);
        assert_eq!(told.expect("a status").status, TableStatus::Complete);
        assert_eq!(desk.on_folder(RopRequest::GetStatus(Empty)), Err(NOT_SUPPORTED));
        let mut desk = Desk::hierarchy(rig)?;
        assert_eq!(status(&mut desk), Ok(TableStatus::Complete));
        Ok(())
    }

    /// MS-OXCTABL 2.2.2.6: R123
    /// MS-OXCTABL 3.1.5: R402
    /// MS-OXCTABL 3.2.5.6: R485, R486
    /// MS-OXCTABL 2.2.2.6.2
    fn there_is_nothing_to_abort(rig: &Rig) -> Result {
        let mut desk = Desk::with(rig, &numbered(1))?;
        assert_eq!(desk.call(RopRequest::Abort(Empty)), Err(UNABLE_TO_ABORT));
        // What was set before is as it was.
        desk.set_columns(&[tags::SUBJECT]).expect("columns");
        assert_eq!(desk.call(RopRequest::Abort(Empty)), Err(UNABLE_TO_ABORT));
        assert_eq!(desk.all(), ["m0"]);
        let table = attachments(&mut desk);
        assert_eq!(desk.client.call(table, RopRequest::Abort(Empty)), Err(NOT_SUPPORTED));
        assert_eq!(desk.on_folder(RopRequest::Abort(Empty)), Err(NOT_SUPPORTED));
        let mut desk = Desk::hierarchy(rig)?;
        assert_eq!(desk.call(RopRequest::Abort(Empty)), Err(UNABLE_TO_ABORT));
        Ok(())
    }

    /// MS-OXCTABL 2.2.2.2: R44, R45
    /// MS-OXCTABL 2.2.2.2.1: R50
    /// MS-OXCTABL 3.2.5.2: R427, R435
    fn columns_are_those_that_were_set(rig: &Rig) -> Result {
        let mut desk = Desk::sorted(rig, 2)?;
        desk.set_columns(&[tags::IMPORTANCE, tags::SUBJECT, tags::IMPORTANCE]).expect("columns");
        let rows = desk.rows(10);
        assert_eq!(rows.len(), 2);
        assert_eq!((number(&rows[1], 0), text(&rows[1], 1)), (1, "m1".into()));
        assert_eq!(number(&rows[1], 2), 1);
        for kind in [PropertyType::UNSPECIFIED, PropertyType::ERROR_CODE, PropertyType(0x7777)] {
            let wrong = tags::SUBJECT.with_type(kind);
            assert_eq!(desk.set_columns(&[tags::SUBJECT, wrong]), Err(INVALID_PARAMETER));
        }
        assert_eq!(desk.set_columns(&[]), Err(INVALID_PARAMETER));
        let columns = vec![tags::SUBJECT].into();
        let request = SetColumnsRequest { flags: AsyncFlags::NONE, columns };
        assert_eq!(desk.on_folder(RopRequest::SetColumns(request)), Err(NOT_SUPPORTED));
        Ok(())
    }

    /// MS-OXCTABL 3.2.5.2: R428, R826, R429, R829
    /// MS-OXCTABL 6: R610
    fn rows_need_columns(rig: &Rig) -> Result {
        for mut desk in [Desk::with(rig, &numbered(1))?, Desk::hierarchy(rig)?] {
            let query = |desk: &mut Desk| desk.query(QueryRowsFlags::NONE, true, 1).map(drop);
            assert_eq!(query(&mut desk), Err(NULL_OBJECT));
            assert_eq!(desk.find(Bookmark::Beginning, false, None), Err(NULL_OBJECT));
            desk.set_columns(&[tags::MESSAGE_SIZE]).expect("columns");
            assert_eq!(query(&mut desk), Ok(()));
            // What fails takes the columns away.
            let wrong = tags::SUBJECT.with_type(PropertyType::UNSPECIFIED);
            assert_eq!(desk.set_columns(&[wrong]), Err(INVALID_PARAMETER));
            assert_eq!(query(&mut desk), Err(NULL_OBJECT));
        }
        Ok(())
    }

    /// MS-OXCTABL 3.2.5.2: R433
    /// MS-OXCTABL 3.2.5.3: R448
    /// MS-OXCTABL 2.2.1.1
    fn a_column_of_instances_expands_rows(rig: &Rig) -> Result {
        let values = |subject: &str, colors: &[&str]| {
            let many = PropertyValue::MultipleString(colors.iter().map(|c| (*c).into()).collect());
            vec![TaggedValue::new(tags::SUBJECT, subject), TaggedValue { tag: MANY, value: many }]
        };
        let none = vec![TaggedValue::new(tags::SUBJECT, "n")];
        let messages = [values("a", &["red", "blue"]), values("b", &["green"]), none];
        let mut desk = Desk::with(rig, &messages)?;
        let instance = MANY.with_type(PropertyType(0x301f));
        desk.set_columns(&[tags::SUBJECT]).expect("columns");
        assert_eq!(desk.all().len(), 3);
        let set = desk.set_columns(&[instance, tags::SUBJECT, tags::INSTANCE_NUM]);
        assert_eq!(set, Ok(TableStatus::Complete));
        assert_eq!(desk.position(), Ok((0, 4)));
        desk.sort(&[SortOrder::descending(tags::SUBJECT)]).expect("a sort");
        let rows = desk.rows(10);
        let shown = |rows: &[PropertyRow]| -> Vec<String> {
            rows.iter().map(|row| format!("{}{}", text(row, 1), text(row, 0))).collect()
        };
        assert_eq!(shown(&rows), ["n", "bgreen", "ablue", "ared"]);
        desk.sort(&[SortOrder::ascending(instance)]).expect("a sort");
        let rows = desk.rows(10);
        assert_eq!(shown(&rows), ["n", "ablue", "bgreen", "ared"]);
        // One value of many is found in its own row, and it is restricted by.
        let red = || Some(equals_instance(instance, "red"));
        let row = desk.find(Bookmark::Beginning, false, red()).expect("a row").row.expect("data");
        assert_eq!(text(&row, 0), "red");
        desk.restrict(red()).expect("a restriction");
        let rows = desk.rows(10);
        assert_eq!(shown(&rows), ["ared"]);
        desk.restrict(None).expect("a restriction");
        desk.sort(&[SortOrder::ascending(tags::SUBJECT)]).expect("a sort");
        desk.set_columns(&[tags::SUBJECT]).expect("columns");
        assert_eq!(desk.all(), ["a", "b", "n"]);
        Ok(())
    }

    /// MS-OXCTABL 3.2.5.2: R433
    /// MS-OXCTABL 2.2.1.2: R12
    fn columns_of_instances_of_two_properties(rig: &Rig) -> Result {
        let other = PropertyTag::new(MANY.0 + 0x0001_0000);
        let many = |texts: &[&str]| {
            PropertyValue::MultipleString(texts.iter().map(|text| (*text).into()).collect())
        };
        let message = vec![
            TaggedValue { tag: MANY, value: many(&["red", "blue"]) },
            TaggedValue { tag: other, value: many(&["x", "y"]) },
        ];
        let mut desk = Desk::with(rig, &[message])?;
        let [colors, letters] = [MANY, other].map(|tag| tag.with_type(PropertyType(0x301f)));
        let set = desk.set_columns(&[colors, letters, tags::INSTANCE_NUM]);
        assert_eq!(set, Ok(TableStatus::Complete));
        desk.sort(&[SortOrder::ascending(colors), SortOrder::descending(letters)]).expect("a sort");
        let rows = desk.rows(10);
        let shown: Vec<_> = rows.iter().map(|row| text(row, 0) + &text(row, 1)).collect();
        assert_eq!(shown, ["bluey", "bluex", "redy", "redx"]);
        let mut numbers: Vec<i64> = rows.iter().map(|row| number(row, 2)).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [0, 1, 2, 3]);
        // Categories are those of one of them.
        let orders = [SortOrder::ascending(colors), SortOrder::ascending(letters)];
        assert_eq!(desk.sort_set(categorised(&orders, 1, 1)), Ok(TableStatus::Complete));
        assert_eq!(desk.rows(10).len(), 6);
        assert_eq!(desk.sort_set(categorised(&orders, 2, 2)), Err(INVALID_PARAMETER));
        Ok(())
    }

    /// MS-OXCTABL 2.2.2.3: R56
    /// MS-OXCTABL 2.2.2.3.1: R76, R77
    /// MS-OXCTABL 3.2.5.3: R437, R438
    fn rows_are_sorted_by_several_columns(rig: &Rig) -> Result {
        let mut desk = Desk::sorted(rig, 6)?;
        assert_eq!(desk.all(), ["m0", "m1", "m2", "m3", "m4", "m5"]);
        let orders = [SortOrder::descending(tags::IMPORTANCE), SortOrder::ascending(tags::SUBJECT)];
        desk.sort(&orders).expect("a sort");
        assert_eq!(desk.all(), ["m2", "m5", "m1", "m4", "m0", "m3"]);
        let orders = [SortOrder::ascending(tags::IMPORTANCE), SortOrder::descending(tags::SUBJECT)];
        desk.sort(&orders).expect("a sort");
        assert_eq!(desk.all(), ["m3", "m0", "m4", "m1", "m5", "m2"]);
        let many = vec![SortOrder::ascending(tags::SUBJECT); 65];
        assert_eq!(desk.sort(&many), Err(TOO_COMPLEX));
        assert_eq!(desk.sort(&many[..64]), Ok(TableStatus::Complete));
        assert_eq!(desk.all()[0], "m0");
        Ok(())
    }

    /// MS-OXCTABL 3.2.5.3: R439, R442, R450
    /// MS-OXCTABL 6: R443
    /// MS-OXCTABL 3.2.5.16: R559
    fn a_sort_that_failed_leaves_no_rows(rig: &Rig) -> Result {
        let mut desk = Desk::sorted(rig, 3)?;
        desk.seek(Bookmark::End, 0).expect("a seek");
        desk.sort(&[SortOrder::ascending(tags::SUBJECT)]).expect("a sort");
        assert_eq!(desk.position(), Ok((0, 3)));
        let wrong = SortOrder::ascending(tags::SUBJECT.with_type(PropertyType::UNSPECIFIED));
        let query = |desk: &mut Desk| desk.query(QueryRowsFlags::NONE, true, 9).map(|r| r.rows.len());
        assert_eq!(desk.sort(&[wrong]), Err(INVALID_PARAMETER));
        assert_eq!(query(&mut desk), Err(NULL_OBJECT));
        assert_eq!(desk.find(Bookmark::Beginning, false, None), Err(NULL_OBJECT));
        desk.sort(&[]).expect("a sort");
        assert_eq!(query(&mut desk), Ok(3));
        let more = categorised(&[SortOrder::ascending(tags::SUBJECT)], 2, 0);
        assert_eq!(desk.sort_set(more), Err(INVALID_PARAMETER));
        assert_eq!(query(&mut desk), Err(NULL_OBJECT));
        desk.reset().expect("a reset");
        desk.set_columns(&[tags::SUBJECT]).expect("columns");
        assert_eq!(query(&mut desk), Ok(3));
        let mut desk = Desk::hierarchy(rig)?;
        assert_eq!(desk.sort(&[SortOrder::ascending(tags::DISPLAY_NAME)]), Err(NOT_SUPPORTED));
        Ok(())
    }

    /// MS-OXCTABL 2.2.2.4: R85, R87
    /// MS-OXCTABL 2.2.2.4.2: R94
    /// MS-OXCTABL 3.2.5.4: R451, R452
    fn a_restriction_leaves_rows_out(rig: &Rig) -> Result {
        let mut desk = Desk::sorted(rig, 6)?;
        let restricted = desk.restrict(Some(equals(tags::IMPORTANCE, 1)));
        assert_eq!(restricted, Ok(TableStatus::Complete));
        assert_eq!(desk.all(), ["m1", "m4"]);
        assert_eq!(desk.position(), Ok((2, 2)));
        desk.sort(&[SortOrder::descending(tags::SUBJECT)]).expect("a sort");
        assert_eq!(desk.all(), ["m4", "m1"]);
        desk.restrict(Some(equals(tags::IMPORTANCE, 9))).expect("a restriction");
        assert_eq!(desk.all(), [""; 0]);
        desk.restrict(None).expect("a restriction");
        assert_eq!(desk.all().len(), 6);
        Ok(())
    }

    /// MS-OXCTABL 3.2.5.4: R453, R455, R461, R833
    /// MS-OXCTABL 6: R456
    fn a_restriction_that_failed_leaves_no_rows(rig: &Rig) -> Result {
        let mut desk = Desk::sorted(rig, 3)?;
        desk.seek(Bookmark::End, 0).expect("a seek");
        desk.restrict(None).expect("a restriction");
        assert_eq!(desk.position(), Ok((0, 3)));
        let relation = mapi::restriction::Relation::MatchesExpression;
        let value = TaggedValue::new(tags::SUBJECT, "m.*");
        let wrong = Restriction::Property { relation, tag: tags::SUBJECT, value };
        assert_eq!(desk.restrict(Some(wrong)), Err(TOO_COMPLEX));
        let query = desk.query(QueryRowsFlags::NONE, true, 9).map(drop);
        assert_eq!(query, Err(NULL_OBJECT));
        desk.restrict(None).expect("a restriction");
        assert_eq!(desk.all().len(), 3);
        let table = attachments(&mut desk);
        let restriction = SizedRestriction(None);
        let request = RestrictRequest { flags: AsyncFlags::NONE, restriction };
        let answer = desk.client.call(table, RopRequest::Restrict(request));
        assert_eq!(answer, Err(NOT_SUPPORTED));
        let mut desk = Desk::hierarchy(rig)?;
        desk.set_columns(&[tags::DISPLAY_NAME]).expect("columns");
        desk.restrict(Some(equals(tags::DISPLAY_NAME, "Inbox"))).expect("a restriction");
        assert_eq!(desk.all(), ["Inbox"]);
        Ok(())
    }

    /// MS-OXCTABL 2.2.2.8: R133, R612
    /// MS-OXCTABL 2.2.2.8.2: R136, R138
    /// MS-OXCTABL 3.2.5.8: R495
    fn the_position_of_the_cursor(rig: &Rig) -> Result {
        let mut desk = Desk::sorted(rig, 5)?;
        assert_eq!(desk.position(), Ok((0, 5)));
        desk.rows(2);
        assert_eq!(desk.position(), Ok((2, 5)));
        desk.rows(9);
        assert_eq!(desk.position(), Ok((5, 5)));
        assert_eq!(desk.on_folder(RopRequest::QueryPosition(Empty)), Err(NOT_SUPPORTED));
        let table = attachments(&mut desk);
        let at = answer!(desk.client.call(table, RopRequest::QueryPosition(Empty)), QueryPosition);
        let at = at.expect("a position");
        assert_eq!((at.numerator, at.denominator), (0, 0));
        Ok(())
    }

    /// MS-OXCTABL 2.2.2.9: R140, R141
    /// MS-OXCTABL 2.2.2.1.1: R27, R28, R29
    fn a_seek_moves_the_cursor(rig: &Rig) -> Result {
        let mut desk = Desk::sorted(rig, 5)?;
        let cases = [
            (Bookmark::Beginning, 2, false, 2, 2),
            (Bookmark::Current, 1, false, 1, 3),
            (Bookmark::Current, -2, false, -2, 1),
            (Bookmark::End, -1, false, -1, 4),
            (Bookmark::End, 0, false, 0, 5),
            (Bookmark::Beginning, 0, false, 0, 0),
        ];
        for (origin, count, less, moved, position) in cases {
            let sought = desk.seek(origin, count).expect("a seek");
            assert_eq!((sought.has_sought_less, sought.rows_sought), (less, moved));
            assert_eq!(desk.position(), Ok((position, 5)), "{origin:?} {count}");
        }
        assert_eq!(desk.seek(Bookmark::Custom, 0), Err(INVALID_PARAMETER));
        Ok(())
    }

    /// MS-OXCTABL 2.2.2.9.1: R150, R152
    /// MS-OXCTABL 2.2.2.9.2: R154, R160
    /// MS-OXCTABL 3.2.5.9: R497
    fn a_seek_ends_with_the_table(rig: &Rig) -> Result {
        let mut desk = Desk::sorted(rig, 5)?;
        let cases = [
            (Bookmark::Beginning, 9, true, 5),
            (Bookmark::Beginning, -1, true, 0),
            (Bookmark::End, -9, true, -5),
            (Bookmark::End, i32::MIN, true, -5),
            (Bookmark::Beginning, i32::MAX, true, 5),
            (Bookmark::Beginning, 5, false, 5),
        ];
        for (origin, count, less, moved) in cases {
            let sought = desk.seek(origin, count).expect("a seek");
            assert_eq!((sought.has_sought_less, sought.rows_sought), (less, moved), "{count}");
        }
        Ok(())
    }

    /// MS-OXCTABL 2.2.2.9: R142
    /// MS-OXCTABL 3.2.5.9: R501, R502, R848
    fn only_tables_are_sought_in(rig: &Rig) -> Result {
        let mut desk = Desk::hierarchy(rig)?;
        assert_eq!(desk.seek(Bookmark::Beginning, 2).expect("a seek").rows_sought, 2);
        let (origin, row_count, want_row_moved_count) = (Bookmark::Beginning, 0, true);
        let request = SeekRowRequest { origin, row_count, want_row_moved_count };
        let requests = [
            Request::new(LogonId(0), HandleIndex(0), RopRequest::SeekRow(request)),
            Request::new(LogonId(0), HandleIndex(1), RopRequest::QueryPosition(Empty)),
        ];
        let handles = [desk.folder, desk.table];
        let answer = desk.client.exchange(&requests, &handles);
        // Nothing behind it is done.
        assert_eq!(answer.responses.len(), 1);
        assert_eq!(code(&answer.responses[0]), Err(NOT_SUPPORTED));
        Ok(())
    }

    /// MS-OXCTABL 2.2.2.13: R216, R217
    /// MS-OXCTABL 2.2.2.13.2: R221
    /// MS-OXCTABL 3.2.5.13: R531, R533
    fn all_columns_of_a_table(rig: &Rig) -> Result {
        let mut desk = Desk::with(rig, &numbered(1))?;
        let all = |client: &mut Client, table| {
            answer!(client.call(table, RopRequest::QueryColumnsAll(Empty)), QueryColumnsAll)
                .map(|answer| answer.tags.items)
        };
        let table = desk.table;
        let contents = all(&mut desk.client, table).expect("columns");
        for tag in [tags::SUBJECT, tags::MID, tags::INST_ID, tags::MESSAGE_DELIVERY_TIME] {
            assert!(contents.contains(&tag), "{tag:?}");
        }
        // Each of them can be set, and which are set does not matter.
        desk.set_columns(&contents).expect("columns");
        assert_eq!(all(&mut desk.client, table), Ok(contents));
        let table = attachments(&mut desk);
        let attachments = all(&mut desk.client, table).expect("columns");
        assert!(attachments.contains(&tags::ATTACH_NUMBER));
        let on_folder = desk.on_folder(RopRequest::QueryColumnsAll(Empty));
        assert_eq!(on_folder, Err(NOT_SUPPORTED));
        let mut desk = Desk::hierarchy(rig)?;
        let table = desk.table;
        let hierarchy = all(&mut desk.client, table).expect("columns");
        assert!(hierarchy.contains(&tags::DISPLAY_NAME) && hierarchy.contains(&tags::FOLDER_ID));
        Ok(())
    }

    /// MS-OXCTABL 2.2.2.16: R256, R258
    /// MS-OXCTABL 3.2.5.16: R553, R555, R557
    fn a_reset_takes_everything_back(rig: &Rig) -> Result {
        let mut desk = Desk::with(rig, &numbered(4))?;
        desk.set_columns(&[tags::SUBJECT]).expect("columns");
        let first = desk.all();
        desk.sort(&[SortOrder::descending(tags::SUBJECT)]).expect("a sort");
        desk.restrict(Some(equals(tags::IMPORTANCE, 0))).expect("a restriction");
        assert_eq!(desk.all(), ["m3", "m0"]);
        desk.reset().expect("a reset");
        assert_eq!(desk.position(), Ok((0, 4)));
        let query = desk.query(QueryRowsFlags::NONE, true, 1).map(drop);
        assert_eq!(query, Err(NULL_OBJECT));
        desk.set_columns(&[tags::SUBJECT]).expect("columns");
        assert_eq!(desk.all(), first);
        Ok(())
    }

    /// MS-OXCTABL 3.2.5.16: R562, R566
    /// MS-OXCTABL 2.2.2.16: R257, R259
    fn a_reset_ends_bookmarks(rig: &Rig) -> Result {
        let mut desk = Desk::sorted(rig, 2)?;
        let bookmark = desk.create_bookmark().expect("a bookmark");
        desk.reset().expect("a reset");
        desk.set_columns(&[tags::SUBJECT]).expect("columns");
        assert_eq!(desk.seek_bookmark(&bookmark, 0), Err(INVALID_BOOKMARK));
        assert_eq!(desk.on_folder(RopRequest::ResetTable(Empty)), Err(NOT_SUPPORTED));
        Ok(())
    }
}

/// A condition on one value of a property of many.
fn equals_instance(tag: PropertyTag, value: &str) -> Restriction {
    Restriction::Property {
        relation: mapi::restriction::Relation::Equal,
        tag,
        value: TaggedValue { tag: tag.with_type(PropertyType::STRING), value: value.into() },
    }
}
