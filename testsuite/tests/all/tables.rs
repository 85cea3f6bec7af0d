//! Tables: columns, rows, sort orders, restrictions, searches, positions.

use mapi::restriction::{FuzzyLevel, Relation};
use mapi::row::TaggedValue;
use mapi::{PropertyTag, Restriction, SortOrder, SortOrderSet, tags};
use mapi_session::{CONTENTS_COLUMNS, Folder, MapiProp, Origin, Table};

use testsuite::on_both;
use testsuite::rig::ME;

fn fill(folder: &Folder, count: i32) -> testsuite::Result {
    for n in 0..count {
        let message = folder.create_message()?;
        message.set_properties(vec![
            TaggedValue::new(tags::SUBJECT, format!("row {n:03}")),
            TaggedValue::new(tags::IMPORTANCE, n % 3),
        ])?;
        message.save()?;
    }
    Ok(())
}

fn table(folder: &Folder) -> mapi_session::Result<Table> {
    folder.contents_table()?.with_columns(&[tags::SUBJECT, tags::IMPORTANCE, tags::MID])
}

fn subjects(table: &Table) -> testsuite::Result<Vec<String>> {
    let mut subjects = Vec::new();
    for row in table.rows() {
        subjects.push(row?.text(tags::SUBJECT).ok_or("a row without a subject")?);
    }
    Ok(subjects)
}

fn by_subject() -> SortOrderSet {
    SortOrderSet::new(vec![SortOrder::ascending(tags::SUBJECT)])
}

fn is(tag: PropertyTag, relation: Relation, value: impl Into<mapi::PropertyValue>) -> Restriction {
    Restriction::Property { relation, tag, value: TaggedValue::new(tag, value) }
}

on_both! {
    fn rows_come_by_the_hundred(rig: &Rig) -> Result {
        let inbox = rig.inbox()?;
        fill(&inbox, 250)?;
        let table = table(&inbox)?;
        table.sort(&by_subject())?;
        let expected: Vec<String> = (0..250).map(|n| format!("row {n:03}")).collect();
        assert_eq!(subjects(&table)?, expected);
        assert_eq!(table.position()?, (250, 250));
        // The iterator starts where the cursor is.
        assert_eq!(subjects(&table)?, Vec::<String>::new());
        assert_eq!(table.seek(Origin::End, -2)?, -2);
        assert_eq!(subjects(&table)?, expected[248..]);
        assert_eq!(table.seek(Origin::Beginning, 1000)?, 250);
        let back = table.query_rows(-3)?;
        assert_eq!(back.len(), 3);
        Ok(())
    }

    fn rows_are_sorted_restricted_and_found(rig: &Rig) -> Result {
        let inbox = rig.inbox()?;
        fill(&inbox, 30)?;
        let table = table(&inbox)?;
        table.sort(&SortOrderSet::new(vec![
            SortOrder::descending(tags::IMPORTANCE),
            SortOrder::ascending(tags::SUBJECT),
        ]))?;
        assert_eq!(subjects(&table)?[..3], ["row 002", "row 005", "row 008"]);

        table.restrict(Some(Restriction::And(vec![
            is(tags::IMPORTANCE, Relation::Equal, 1),
            is(tags::SUBJECT, Relation::Greater, "row 020"),
        ])))?;
        assert_eq!(table.row_count()?, 3);
        assert_eq!(subjects(&table)?, ["row 022", "row 025", "row 028"]);
        table.restrict(None)?;
        assert_eq!(table.row_count()?, 30);

        let contains = Restriction::Content {
            level: FuzzyLevel { low: FuzzyLevel::SUBSTRING, high: FuzzyLevel::IGNORE_CASE },
            tag: tags::SUBJECT,
            value: TaggedValue::new(tags::SUBJECT, "W 01"),
        };
        let found = table.find_row(contains.clone(), Origin::Beginning)?.ok_or("not found")?;
        assert_eq!(found.text(tags::SUBJECT).as_deref(), Some("row 011"));
        // The cursor is on the row that was found.
        assert_eq!(table.query_rows(1)?[0].text(tags::SUBJECT).as_deref(), Some("row 011"));
        let next = table.find_row(contains, Origin::Current)?.ok_or("not found")?;
        assert_eq!(next.text(tags::SUBJECT).as_deref(), Some("row 014"));
        let nothing = is(tags::SUBJECT, Relation::Equal, "nowhere");
        assert_eq!(table.find_row(nothing, Origin::Beginning)?, None);
        Ok(())
    }

    fn a_table_has_columns_of_its_own_until_some_are_chosen(rig: &Rig) -> Result {
        let store = rig.store_of(ME)?;
        let inbox = store.inbox()?;
        fill(&inbox, 1)?;
        let table = inbox.contents_table()?;
        assert!(table.all_columns()?.contains(&tags::SUBJECT));
        assert_eq!(table.columns(), []);
        let row = table.query_rows(1)?.remove(0);
        assert_eq!(row.columns(), CONTENTS_COLUMNS);
        assert_eq!(row.text(tags::SUBJECT).as_deref(), Some("row 000"));
        table.set_columns(&[tags::IMPORTANCE])?;
        table.seek(Origin::Beginning, 0)?;
        assert_eq!(table.query_rows(1)?[0].columns(), [tags::IMPORTANCE]);
        table.reset()?;
        assert_eq!(table.query_rows(1)?[0].columns(), CONTENTS_COLUMNS);

        let folders = store.ipm_subtree()?.hierarchy_table()?;
        let mut names = Vec::new();
        for row in folders.rows() {
            names.push(row?.text(tags::DISPLAY_NAME));
        }
        assert!(names.contains(&Some("Inbox".into())));
        Ok(())
    }

    fn a_table_sees_what_comes_and_goes(rig: &Rig) -> Result {
        let inbox = rig.inbox()?;
        fill(&inbox, 3)?;
        let table = table(&inbox)?;
        table.sort(&by_subject())?;
        assert_eq!(table.query_rows(1)?[0].text(tags::SUBJECT).as_deref(), Some("row 000"));
        let first = mapi::MessageId::from_i64({
            table.seek(Origin::Beginning, 0)?;
            table.query_rows(1)?[0].integer(tags::MID).ok_or("no id")?
        });
        inbox.delete_messages(&[first])?;
        assert_eq!(subjects(&table)?, ["row 001", "row 002"]);
        fill(&inbox, 1)?;
        table.seek(Origin::Beginning, 0)?;
        assert_eq!(subjects(&table)?, ["row 000", "row 001", "row 002"]);
        Ok(())
    }

    fn associated_messages_have_a_table_of_their_own(rig: &Rig) -> Result {
        let inbox = rig.inbox()?;
        let message = inbox.create_associated_message()?;
        message.set(tags::SUBJECT, "a view")?;
        message.save()?;
        assert_eq!(inbox.contents_table()?.row_count()?, 0);
        let table = inbox.associated_contents_table()?.with_columns(&[tags::SUBJECT])?;
        assert_eq!(subjects(&table)?, ["a view"]);
        Ok(())
    }

    /// Large cells do not fit into a row; the row comes all the same.
    fn a_row_with_a_large_value_says_that_it_is_large(rig: &Rig) -> Result {
        let store = rig.store_of(ME)?;
        let inbox = store.inbox()?;
        let message = inbox.create_message()?;
        message.set(tags::SUBJECT, "large")?;
        message.set(tags::BODY, "z".repeat(100_000))?;
        message.save()?;
        let table = inbox.contents_table()?.with_columns(&[tags::SUBJECT, tags::BODY])?;
        let rows = table.query_rows(5)?;
        assert_eq!(rows[0].text(tags::SUBJECT).as_deref(), Some("large"));
        // Cut at 255 characters ([MS-OXCTABL] 2.2.1), or an error: never the whole.
        assert!(rows[0].text(tags::BODY).is_none_or(|text| text.len() <= 512));
        Ok(())
    }
}
