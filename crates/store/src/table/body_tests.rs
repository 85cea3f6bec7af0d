//! Bodies in formats that are not stored, in rows and restrictions.

use mapi::restriction::{FuzzyLevel, Relation};
use mapi::{Cell, ErrorCode, PropertyTag, PropertyValue, Restriction, TaggedValue, tags};

use super::tests::{INBOX, add, contents, mailbox};
use super::*;

fn content(tag: PropertyTag, value: impl Into<PropertyValue>) -> Restriction {
    let level = FuzzyLevel { low: FuzzyLevel::SUBSTRING, high: 0 };
    Restriction::Content { level, tag, value: TaggedValue { tag, value: value.into() } }
}

#[test]
fn of_a_large_body_the_beginning_counts() {
    let mailbox = mailbox();
    let html = |text: String| (tags::HTML, PropertyValue::Binary(text.into_bytes()));
    let filler = "<p>0123456789</p>".repeat(20_000);
    add(&mailbox, INBOX, &[html(format!("<p>early</p>{filler}<p>late</p>"))]);
    let view = open(&mailbox, contents(INBOX, &[], None)).expect("open");
    let row = view.rows(0, 1, &[tags::BODY]).expect("rows").remove(0);
    let Cell::Value(PropertyValue::String(text)) = &row.cells[0] else { panic!("{row:?}") };
    let text = text.to_string_lossy();
    assert!(text.starts_with("early\r\n\r\n0123456789\r\n"), "{text}");
    assert_eq!(text.len(), 255);
    let found = |restriction| view.find(0, false, &restriction).expect("a search");
    assert_eq!(found(content(tags::BODY, "early")), Some(0));
    assert_eq!(found(content(tags::BODY, "late")), None);
    // What is stored is looked at up to 4 MB.
    assert_eq!(found(content(tags::HTML, b"late".to_vec())), Some(0));
    assert_eq!(found(content(tags::BODY_HTML, "early")), Some(0));
}

#[test]
fn long_rich_text_is_shown_and_found_by_its_beginning() {
    let mailbox = mailbox();
    let mut noise = 1u32;
    let mut words = || {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        format!("{noise:x} ")
    };
    let middle: String = (0..120_000).map(|_| words()).collect();
    let bytes =
        formats::text::rtf::compress(format!(r"{{\rtf1\ansi early\par {middle}late}}").as_bytes());
    assert!(bytes.len() > 300_000, "{}", bytes.len());
    add(&mailbox, INBOX, &[(tags::RTF_COMPRESSED, PropertyValue::Binary(bytes))]);
    let view = open(&mailbox, contents(INBOX, &[], None)).expect("open");
    let row = view.rows(0, 1, &[tags::BODY]).expect("rows").remove(0);
    let Cell::Value(PropertyValue::String(text)) = &row.cells[0] else { panic!("{row:?}") };
    assert!(text.to_string_lossy().starts_with("early\r\n"), "{text:?}");
    let found = |restriction| view.find(0, false, &restriction).expect("a search");
    assert_eq!(found(content(tags::BODY, "early")), Some(0));
    assert_eq!(found(content(tags::BODY, "late")), None);
}

#[test]
fn a_body_that_cannot_be_made_is_an_error_in_its_cell_and_is_not_found() {
    let mailbox = mailbox();
    for bytes in [vec![1u8; 40], vec![1u8; 300_000]] {
        add(&mailbox, INBOX, &[(tags::RTF_COMPRESSED, PropertyValue::Binary(bytes))]);
    }
    let view = open(&mailbox, contents(INBOX, &[], None)).expect("open");
    let rows = view.rows(0, 2, &[tags::BODY, tags::MESSAGE_SIZE]).expect("rows");
    let codes: Vec<_> = rows.iter().map(|row| row.cells[0].clone()).collect();
    let expected = [ErrorCode::CORRUPT_DATA; 2].map(Cell::Error);
    assert_eq!(codes, expected);
    assert!(rows.iter().all(|row| matches!(row.cells[1], Cell::Value(_))));
    let found = |restriction| view.find(0, false, &restriction).expect("a search");
    assert_eq!(found(content(tags::BODY, "")), None);
    let size = |relation| Restriction::Size { relation, tag: tags::BODY, size: 0 };
    assert_eq!(found(size(Relation::GreaterOrEqual)), None);
    // There is a body, in whatever format it is asked for.
    assert_eq!(found(Restriction::Exist { tag: tags::BODY }), Some(0));
}
