//! Reading: attachments, embedded messages, tables, properties.

use std::io::Read;

use anyhow::{Context, Result, ensure};
use formats::text::{html, rtf};
use mapi::restriction::{FuzzyLevel, Relation};
use mapi::sort::Direction;
use mapi::{PropertyTag, Restriction, SortOrder, SortOrderSet, TaggedValue, tags};
use mapi_session::{MapiProp, Origin};

use super::{Stage, must_fail, open_folder};
use crate::soak::ground::{ATTACHED, EMBEDDED, Ground, MESSAGES};

pub fn attachments(ground: &Ground) -> Result<Stage> {
    let fixture = ground.fixture()?;
    Stage::new(move |visit| {
        let folder = open_folder(visit.session()?, fixture.folder)?;
        let message = folder.open_message(fixture.attached)?;
        let rows = message.attachment_table()?.query_rows(10)?;
        ensure!(rows.len() == 2, "{} attachments instead of two", rows.len());
        let attachment = message.open_attachment(0)?;
        let mut content = Vec::new();
        attachment.open_stream(tags::ATTACH_DATA_BINARY)?.read_to_end(&mut content)?;
        ensure!(content == ATTACHED, "the attachment reads {} bytes that differ", content.len());
        let embedded = message.open_attachment(1)?.open_message()?;
        ensure!(embedded.text(tags::SUBJECT)?.is_some(), "an embedded message without a subject");
        must_fail(message.open_attachment(99), "an attachment that does not exist")
    })
}

pub fn embedded(ground: &Ground) -> Result<Stage> {
    let fixture = ground.fixture()?;
    Stage::new(move |visit| {
        let folder = open_folder(visit.session()?, fixture.folder)?;
        let mut chain = vec![folder.open_message(fixture.attached)?];
        let mut attachments = Vec::new();
        for depth in 0..EMBEDDED {
            let outer = chain.last().context("a chain without a message")?;
            let attachment = outer.open_attachment(if depth == 0 { 1 } else { 0 })?;
            let inner = attachment.open_message()?;
            attachments.push(attachment);
            chain.push(inner);
        }
        let innermost = chain.last().context("a chain without a message")?;
        ensure!(innermost.text(tags::SUBJECT)?.as_deref() == Some("1 more"), "another message");
        match visit.number % 3 {
            0 => chain.into_iter().for_each(drop),
            1 => chain.into_iter().rev().for_each(drop),
            _ => drop((attachments, chain)),
        }
        Ok(())
    })
}

const COLUMNS: [PropertyTag; 4] =
    [tags::MID, tags::SUBJECT, tags::IMPORTANCE, tags::MESSAGE_DELIVERY_TIME];

pub fn tables(ground: &Ground) -> Result<Stage> {
    let fixture = ground.fixture()?;
    Stage::new(move |visit| {
        let folder = open_folder(visit.session()?, fixture.folder)?;
        let table = folder.contents_table()?.with_columns(&COLUMNS)?;
        table.restrict(Some(filter(visit.number)))?;
        table.sort(&order(visit.number))?;
        let rows = table.query_rows(20)?;
        ensure!(!rows.is_empty(), "no row passes the filter");
        table.seek(Origin::End, -1)?;
        table.find_row(subject_has("soak"), Origin::Beginning)?.context("no row is found")?;
        table.restrict(None)?;
        ensure!(table.row_count()? as usize == MESSAGES + 1, "the table lost rows");
        if visit.number.is_multiple_of(2) {
            table.close()?;
        }
        let hierarchy = folder.hierarchy_table()?;
        ensure!(hierarchy.query_rows(10)?.is_empty(), "a folder in the folder of messages");
        Ok(())
    })
}

/// Expands and collapses categories, keeps what was expanded, and lets bookmarks go in every way there is.
pub fn categories(ground: &Ground) -> Result<Stage> {
    let fixture = ground.fixture()?;
    Stage::new(move |visit| {
        let folder = open_folder(visit.session()?, fixture.folder)?;
        let columns = [tags::INST_ID, tags::ROW_TYPE, tags::SUBJECT];
        let table = folder.contents_table()?.with_columns(&columns)?;
        let orders = vec![
            SortOrder::ascending(tags::IMPORTANCE),
            SortOrder { tag: tags::MESSAGE_DELIVERY_TIME, direction: Direction::MaximumCategory },
            SortOrder::ascending(tags::SUBJECT),
        ];
        let expanded = (visit.number % 2) as u16;
        let order = SortOrderSet { orders, categories: 1, expanded };
        table.sort(&order)?;
        let head = table.query_rows(1)?.pop().context("a table without a category")?;
        let category = head.get(tags::INST_ID).and_then(|id| id.as_i64()).context("no id")?;
        let before = table.row_count()?;
        let rows = match expanded {
            0 => table.expand(category)?,
            _ => table.collapse(category)?,
        };
        ensure!(table.row_count()?.abs_diff(before) == rows && rows > 0, "{rows} rows");
        let state = table.collapse_state(category, 0)?;
        let freed = table.create_bookmark()?;
        let kept = table.create_bookmark()?;
        ensure!(table.seek_bookmark(&freed, 0)?.1, "the row of a bookmark is gone");
        table.free_bookmark(freed.clone())?;
        must_fail(table.seek_bookmark(&freed, 0), "a bookmark that was freed")?;
        table.sort(&order)?;
        must_fail(table.seek_bookmark(&kept, 0), "a bookmark of another order")?;
        let cursor = table.set_collapse_state(&state)?;
        ensure!(table.position()?.0 == 0, "the cursor is not at the row that was kept");
        match visit.number % 3 {
            0 => table.free_bookmark(cursor)?,
            1 => table.reset()?,
            _ => {}
        }
        Ok(())
    })
}

/// Another filter for other numbers, nested ones among them.
fn filter(number: u64) -> Restriction {
    let importance = Restriction::Property {
        relation: Relation::GreaterOrEqual,
        tag: tags::IMPORTANCE,
        value: TaggedValue { tag: tags::IMPORTANCE, value: ((number % 2) as i32).into() },
    };
    match number % 3 {
        0 => subject_has("soak"),
        1 => Restriction::Or(vec![
            Restriction::And(vec![importance, subject_has("Message")]),
            Restriction::Not(Box::new(Restriction::Exist { tag: tags::SUBJECT })),
        ]),
        _ => Restriction::And(vec![
            Restriction::Exist { tag: tags::SUBJECT },
            Restriction::Size { relation: Relation::Greater, tag: tags::SUBJECT, size: 1 },
        ]),
    }
}

fn subject_has(text: &str) -> Restriction {
    Restriction::Content {
        level: FuzzyLevel { low: FuzzyLevel::SUBSTRING, high: FuzzyLevel::IGNORE_CASE },
        tag: tags::SUBJECT,
        value: TaggedValue { tag: tags::SUBJECT, value: text.into() },
    }
}

fn order(number: u64) -> SortOrderSet {
    let orders = match number % 4 {
        0 => vec![],
        1 => vec![SortOrder::descending(tags::MESSAGE_DELIVERY_TIME)],
        2 => vec![SortOrder::ascending(tags::SUBJECT)],
        _ => vec![SortOrder::descending(tags::IMPORTANCE), SortOrder::ascending(tags::SUBJECT)],
    };
    SortOrderSet::new(orders)
}

pub fn properties(ground: &Ground) -> Result<Stage> {
    let fixture = ground.fixture()?;
    let large = "Too long for an answer. ".repeat(4000);
    Stage::new(move |visit| {
        let folder = open_folder(visit.session()?, fixture.folder)?;
        let at = (visit.number % fixture.messages.len() as u64) as usize;
        let message = folder.open_message(fixture.messages[at])?;
        ensure!(message.all_properties()?.text(tags::SUBJECT).is_some(), "no subject");
        ensure!(!message.property_list()?.is_empty(), "a message without properties");
        ensure!(message.properties(&COLUMNS)?.text(tags::SUBJECT).is_some(), "no subject");
        message.set(tags::SUBJECT, "Another one, never saved")?;
        message.set(tags::BODY, large.as_str())?;
        let body = message.text(tags::BODY)?;
        ensure!(body.is_some_and(|body| body.len() == large.len()), "the large body changed");
        message.delete_properties(&[tags::BODY])?;
        Ok(())
    })
}

/// A message whose body is by turns HTML, rich text and text, read in all three formats and as a stream.
pub fn bodies(ground: &Ground) -> Result<Stage> {
    let fixture = ground.fixture()?;
    let line = "<p>A line of <b>HTML</b> &amp; more.</p>\r\n";
    // By turns within what a row takes, and so large that only streams do.
    let documents = [line.repeat(20), line.repeat(4_000)];
    Stage::new(move |visit| {
        let folder = open_folder(visit.session()?, fixture.folder)?;
        let message = folder.create_message()?;
        let document = &documents[(visit.number % 4 / 3) as usize];
        match visit.number % 3 {
            0 => message.set(tags::HTML, document.as_bytes())?,
            1 => {
                let rich = rtf::from_html(document).context("a document that is too large")?;
                message.set(tags::RTF_COMPRESSED, rtf::compress(&rich).as_slice())?;
            }
            // Lines of a body end as mail's do; what is written is kept as it is.
            _ => message.set(tags::BODY, html::to_text(document).replace('\n', "\r\n").as_str())?,
        }
        let text = message.text(tags::BODY)?.context("no text")?;
        ensure!(text.starts_with("A line of HTML & more.\r\n"), "the text says {text:.50}");
        let mut rich = Vec::new();
        message.open_stream(tags::RTF_COMPRESSED)?.read_to_end(&mut rich)?;
        let rich = rtf::to_text(&rtf::decompress(&rich)?);
        ensure!(rich.contains("A line of HTML & more."), "the rich text says {rich:.50}");
        let mut shown = Vec::new();
        message.open_stream(tags::HTML)?.read_to_end(&mut shown)?;
        ensure!(html::decode(&shown, None).contains("&amp; more."), "the HTML says something else");
        if visit.number.is_multiple_of(2) {
            // What is written replaces it.
            message.set(tags::BODY, "Short")?;
            ensure!(message.property(tags::HTML)?.is_some(), "no HTML of a text");
        }
        Ok(())
    })
}

/// Reads in every way, and looks whether that wrote anything.
pub fn read_only(ground: &Ground) -> Result<Stage> {
    let fixture = ground.fixture()?;
    Stage::new(move |visit| {
        let local = visit.ground.target.local().ok();
        let commits = || local.map(|local| local.store.engine_gauges().commits);
        let before = commits();
        let folder = open_folder(visit.session()?, fixture.folder)?;
        let at = (visit.number % fixture.messages.len() as u64) as usize;
        let key = || -> Result<_> {
            let message = folder.open_message(fixture.messages[at])?;
            message.property(tags::CHANGE_KEY)?.context("a message without a change key")
        };
        let first = key()?;
        let message = folder.open_message(fixture.messages[at])?;
        message.all_properties()?;
        message.recipients()?;
        message.attachment_table()?.query_rows(10)?;
        folder.contents_table()?.query_rows(50)?;
        drop(message);
        ensure!(key()? == first, "reading made a version");
        ensure!(commits() == before, "reading wrote into the store");
        Ok(())
    })
}

/// Many orders of one folder, from several threads.
pub fn eviction(ground: &Ground) -> Result<Stage> {
    let fixture = ground.fixture()?;
    Stage::new(move |visit| {
        let folder = open_folder(visit.session()?, fixture.folder)?;
        let mut open = Vec::new();
        for number in visit.number..visit.number + 4 {
            let table = folder.contents_table()?.with_columns(&COLUMNS)?;
            table.restrict(Some(filter(number)))?;
            table.sort(&order(number / 3))?;
            ensure!(!table.query_rows(3)?.is_empty(), "no row passes the filter");
            open.push(table);
        }
        for table in &open {
            table.query_rows(30)?;
        }
        Ok(())
    })
}
