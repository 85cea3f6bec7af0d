//! Contents tables: sorted and restricted, with categories that are expanded and collapsed, bookmarks, and rows that
//! are sought and found.

use mapi::sort::Direction;
use mapi::{ErrorCode, PropertyRow, PropertyTag, SortOrder, SortOrderSet, tags};
use mapi_rop::folder::TableFlags;
use mapi_rop::parts::SizedRestriction;
use mapi_rop::table::{
    AsyncFlags, Bookmark, CollapseRowRequest, CollapseStateBody, ExpandRowRequest, FindRowFlags,
    FindRowRequest, GetCollapseStateRequest, RestrictRequest, SeekRowBookmarkRequest,
    SeekRowFractionalRequest, SeekRowRequest, SortTableRequest,
};
use mapi_rop::{Empty, Handle, RopRequest, RopResponse};
use proptest::collection::vec;
use proptest::prelude::*;
use testsuite::raw::{Answer, Client};

use crate::compare::{all_rows, int, long, same, text};
use crate::run::{Outcome, Run};
use crate::store::Message;
use crate::want::{self, Want};

#[derive(Debug, Clone)]
pub struct Op {
    folder: u8,
    /// Only these messages.
    want: Option<Want>,
    /// Below rows of their importance.
    categorised: bool,
    /// The categories begin expanded.
    expanded: bool,
    importance_descending: bool,
    subject_descending: bool,
    steps: Vec<Step>,
}

#[derive(Debug, Clone)]
enum Step {
    /// The other way round than it is; by the row that a number means.
    Toggle(u8),
    Seek {
        from: Bookmark,
        rows: i8,
    },
    Fraction {
        numerator: u8,
        denominator: u8,
    },
    /// Makes a bookmark where the cursor stands.
    Mark,
    SeekMark {
        mark: u8,
        rows: i8,
    },
    Find {
        from: Bookmark,
        backward: bool,
        want: Want,
    },
    Query {
        forward: bool,
        rows: u8,
    },
    /// Keeps what is expanded, turns a row round, and has it back.
    Keep(u8),
}

pub fn one() -> impl Strategy<Value = Op> {
    let from =
        || prop_oneof![Just(Bookmark::Beginning), Just(Bookmark::Current), Just(Bookmark::End)];
    let step = prop_oneof![
        3 => (0..12u8).prop_map(Step::Toggle),
        2 => (from(), -9..9i8).prop_map(|(from, rows)| Step::Seek { from, rows }),
        1 => (0..6u8, 1..5u8)
            .prop_map(|(numerator, denominator)| Step::Fraction { numerator, denominator }),
        2 => Just(Step::Mark),
        2 => (0..4u8, -9..9i8).prop_map(|(mark, rows)| Step::SeekMark { mark, rows }),
        2 => (from(), any::<bool>(), want::one())
            .prop_map(|(from, backward, want)| Step::Find { from, backward, want }),
        3 => (any::<bool>(), 1..5u8).prop_map(|(forward, rows)| Step::Query { forward, rows }),
        1 => (0..12u8).prop_map(Step::Keep),
    ];
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (0..8u8, proptest::option::of(want::one()), flags, vec(step, 0..12)).prop_map(
        |(folder, want, flags, steps)| {
            let (categorised, expanded, importance_descending, subject_descending) = flags;
            Op {
                folder,
                want,
                categorised,
                expanded,
                importance_descending,
                subject_descending,
                steps,
            }
        },
    )
}

/// A row as it is shown, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Row {
    Category { importance: i32, expanded: bool, total: usize, unread: usize },
    Message { subject: String, importance: i32 },
}

/// A table of the model: all that it may show, in its order, and which categories are expanded.
struct Table {
    /// Messages, sorted.
    messages: Vec<Message>,
    categorised: bool,
    /// By importance.
    expanded: Vec<(i32, bool)>,
    /// The row that the cursor is on, wherever that stands; None is the end.
    at: Option<Row>,
    /// Rows that bookmarks name: the server's bytes, and what stands there; None is the end.
    marks: Vec<(Vec<u8>, Option<Row>)>,
}

const COLUMNS: [PropertyTag; 7] = [
    tags::ROW_TYPE,
    tags::SUBJECT,
    tags::IMPORTANCE,
    tags::CONTENT_COUNT,
    tags::CONTENT_UNREAD_COUNT,
    tags::INST_ID,
    tags::INSTANCE_NUM,
];
const LEAF: i32 = 1;
const EXPANDED: i32 = 3;

impl Table {
    fn new(op: &Op, messages: &[Message]) -> Table {
        let wanted = |message: &&Message| {
            !message.associated && op.want.as_ref().is_none_or(|want| want.holds(message))
        };
        let mut messages: Vec<Message> = messages.iter().filter(wanted).cloned().collect();
        let turned = |order: std::cmp::Ordering, descending: bool| match descending {
            true => order.reverse(),
            false => order,
        };
        messages.sort_by(|a, b| {
            let importance = turned(a.importance.cmp(&b.importance), op.importance_descending);
            let subject = turned(a.subject.cmp(&b.subject), op.subject_descending);
            importance.then(subject)
        });
        let mut importances: Vec<i32> = messages.iter().map(|m| m.importance).collect();
        importances.dedup();
        Table {
            messages,
            categorised: op.categorised,
            expanded: importances.into_iter().map(|one| (one, op.expanded)).collect(),
            at: None,
            marks: Vec::new(),
        }
    }

    fn rows(&self) -> Vec<Row> {
        let leaf = |message: &Message| Row::Message {
            subject: message.subject.clone(),
            importance: message.importance,
        };
        if !self.categorised {
            return self.messages.iter().map(leaf).collect();
        }
        let mut rows = Vec::new();
        for (importance, expanded) in &self.expanded {
            let of: Vec<&Message> =
                self.messages.iter().filter(|m| m.importance == *importance).collect();
            rows.push(Row::Category {
                importance: *importance,
                expanded: *expanded,
                total: of.len(),
                unread: of.iter().filter(|message| !message.read).count(),
            });
            if *expanded {
                rows.extend(of.into_iter().map(leaf));
            }
        }
        rows
    }

    fn is_expanded(&mut self, importance: i32) -> &mut bool {
        let found = self.expanded.iter_mut().find(|(one, _)| *one == importance);
        &mut found.expect("a category that is shown").1
    }

    fn origin(&self, from: Bookmark) -> usize {
        match from {
            Bookmark::Beginning => 0,
            Bookmark::End => self.rows().len(),
            _ => self.cursor(),
        }
    }

    /// Moves the cursor; how far it came, and whether that is less than was wanted.
    fn seek(&mut self, origin: usize, rows: i8) -> (i32, bool) {
        let wanted = origin as i64 + i64::from(rows);
        let to = wanted.clamp(0, self.rows().len() as i64);
        self.go(to as usize);
        ((to - origin as i64) as i32, to != wanted)
    }

    fn toggle(&mut self, importance: i32, expanded: bool) {
        *self.is_expanded(importance) = expanded;
    }

    fn cursor(&self) -> usize {
        self.at.as_ref().map_or(self.rows().len(), |row| self.position(row).0)
    }

    fn go(&mut self, position: usize) {
        self.at = self.rows().get(position).cloned();
    }

    /// Where a row is; or, if it is hidden, the next one that is not, and true.
    fn position(&self, row: &Row) -> (usize, bool) {
        let rows = self.rows();
        let same = |other: &Row| match (row, other) {
            (Row::Category { importance: a, .. }, Row::Category { importance: b, .. }) => a == b,
            (Row::Message { .. }, Row::Message { .. }) => row == other,
            _ => false,
        };
        if let Some(at) = rows.iter().position(same) {
            return (at, false);
        }
        let (Row::Category { importance: of, .. } | Row::Message { importance: of, .. }) = row;
        let hides =
            |other: &Row| matches!(other, Row::Category { importance, .. } if importance == of);
        (rows.iter().position(hides).expect("the category of a row") + 1, true)
    }
}

impl Run<'_> {
    pub fn table_step(&mut self, who: usize, op: &Op) -> Outcome {
        let folder = self.model.pick(op.folder);
        let mut model = Table::new(op, &self.model.folders[folder].messages);
        // Rows that sort alike have an order of their own, which the model does not know.
        let mut subjects: Vec<&String> = model.messages.iter().map(|m| &m.subject).collect();
        subjects.sort();
        if subjects.windows(2).any(|two| two[0] == two[1]) {
            return Ok(());
        }
        let id = self.id(folder);
        let client = &mut self.clients[who];
        let folder = client.open_folder(id).map_err(|code| format!("a folder opens: {code}"))?;
        let table = open(client, folder, op).map_err(|code| format!("a table: {code}"))?;
        let mut outcome = compare(client, table, &mut model);
        for step in &op.steps {
            outcome = outcome
                .and_then(|()| take_step(client, table, &mut model, step))
                .map_err(|what| format!("{step:?}: {what}"));
        }
        outcome = outcome.and_then(|()| compare(client, table, &mut model));
        client.release(table);
        client.release(folder);
        outcome
    }
}

fn open(client: &mut Client, folder: Handle, op: &Op) -> Answer<Handle> {
    let table = client.contents(folder, TableFlags::NONE)?;
    client.set_columns(table, &COLUMNS)?;
    let order = |tag, descending| SortOrder {
        tag,
        direction: if descending { Direction::Descending } else { Direction::Ascending },
    };
    let orders = vec![
        order(tags::IMPORTANCE, op.importance_descending),
        order(tags::SUBJECT, op.subject_descending),
    ];
    let categories = u16::from(op.categorised);
    let expanded = u16::from(op.categorised && op.expanded);
    let order = SortOrderSet { orders, categories, expanded };
    client
        .call(table, RopRequest::SortTable(SortTableRequest { flags: AsyncFlags::NONE, order }))?;
    if let Some(want) = &op.want {
        let restriction = SizedRestriction(Some(want.restriction()));
        let request = RestrictRequest { flags: AsyncFlags::NONE, restriction };
        client.call(table, RopRequest::Restrict(request))?;
    }
    Ok(table)
}

fn shown(row: &PropertyRow) -> Row {
    let importance = int(row, 2);
    match int(row, 0) {
        LEAF => Row::Message { subject: text(row, 1), importance },
        kind => Row::Category {
            importance,
            expanded: kind == EXPANDED,
            total: int(row, 3) as usize,
            unread: int(row, 4) as usize,
        },
    }
}

/// All rows from the beginning on; the cursor stands at the end.
fn compare(client: &mut Client, table: Handle, model: &mut Table) -> Outcome {
    let rows = ids(client, table)?;
    same("the rows of a table", rows.iter().map(shown).collect(), model.rows())?;
    model.go(rows.len());
    compare_position(client, table, model)
}

fn compare_position(client: &mut Client, table: Handle, model: &Table) -> Outcome {
    let position = match client.call(table, RopRequest::QueryPosition(Empty)) {
        Ok(RopResponse::QueryPosition(at)) => (at.numerator as usize, at.denominator as usize),
        other => return Err(format!("a position: {other:?}")),
    };
    same("the cursor", position, (model.cursor(), model.rows().len()))
}

fn ids(client: &mut Client, table: Handle) -> Outcome<Vec<PropertyRow>> {
    let request =
        SeekRowRequest { origin: Bookmark::Beginning, row_count: 0, want_row_moved_count: false };
    client.call(table, RopRequest::SeekRow(request)).map_err(|code| format!("a seek: {code}"))?;
    all_rows(client, table).map_err(|code| format!("rows: {code}"))
}

fn take_step(client: &mut Client, table: Handle, model: &mut Table, step: &Step) -> Outcome {
    match step {
        Step::Toggle(row) => toggle(client, table, model, *row)?,
        Step::Seek { from, rows } => {
            let request = SeekRowRequest {
                origin: *from,
                row_count: i32::from(*rows),
                want_row_moved_count: true,
            };
            let answer = match client.call(table, RopRequest::SeekRow(request)) {
                Ok(RopResponse::SeekRow(answer)) => (answer.rows_sought, answer.has_sought_less),
                other => return Err(format!("{other:?}")),
            };
            same("a seek", answer, model.seek(model.origin(*from), *rows))?;
        }
        Step::Fraction { numerator, denominator } => {
            let (numerator, denominator) = (u32::from(*numerator), u32::from(*denominator));
            let request = SeekRowFractionalRequest { numerator, denominator };
            let answer = client.call(table, RopRequest::SeekRowFractional(request));
            answer.map_err(|code| format!("{code}"))?;
            let len = model.rows().len();
            model.go((len * numerator as usize / denominator as usize).min(len));
        }
        Step::Mark => match client.call(table, RopRequest::CreateBookmark(Empty)) {
            Ok(RopResponse::CreateBookmark(made)) => {
                // What is hidden is not marked, but what stands behind it.
                let row = model.rows().get(model.cursor()).cloned();
                model.marks.push((made.bookmark.bytes, row));
            }
            other => return Err(format!("{other:?}")),
        },
        Step::SeekMark { mark, rows } => seek_mark(client, table, model, *mark, *rows)?,
        Step::Find { from, backward, want } => {
            find(client, table, model, *from, *backward, want)?;
        }
        Step::Query { forward, rows } => query(client, table, model, *forward, *rows)?,
        Step::Keep(row) => keep(client, table, model, *row)?,
    }
    compare_position(client, table, model)
}

/// The row that a number means, and its PidTagInstID and PidTagInstanceNum. The cursor is where it was,
/// or behind the row that is hidden.
fn pick(
    client: &mut Client,
    table: Handle,
    model: &mut Table,
    row: u8,
) -> Outcome<Option<(Row, i64, u32)>> {
    let rows = ids(client, table)?;
    model.go(model.cursor());
    let request = SeekRowRequest {
        origin: Bookmark::Beginning,
        row_count: model.cursor() as i32,
        want_row_moved_count: false,
    };
    client.call(table, RopRequest::SeekRow(request)).map_err(|code| format!("a seek: {code}"))?;
    if rows.is_empty() {
        return Ok(None);
    }
    let row = &rows[usize::from(row) % rows.len()];
    Ok(Some((shown(row), long(row, 5), int(row, 6) as u32)))
}

fn toggle(client: &mut Client, table: Handle, model: &mut Table, row: u8) -> Outcome {
    let Some((row, id, _)) = pick(client, table, model, row)? else { return Ok(()) };
    let category = id as u64;
    match row {
        Row::Category { importance, expanded: false, total, .. } => {
            let request = ExpandRowRequest { max_row_count: 0, category };
            let rows = match client.call(table, RopRequest::ExpandRow(request)) {
                Ok(RopResponse::ExpandRow(answer)) => answer.expanded_row_count as usize,
                other => return Err(format!("{other:?}")),
            };
            model.toggle(importance, true);
            same("rows that come", rows, total)
        }
        Row::Category { importance, total, .. } => {
            let request = CollapseRowRequest { category };
            let rows = match client.call(table, RopRequest::CollapseRow(request)) {
                Ok(RopResponse::CollapseRow(answer)) => answer.collapsed_row_count as usize,
                other => return Err(format!("{other:?}")),
            };
            model.toggle(importance, false);
            same("rows that go", rows, total)
        }
        Row::Message { .. } if !model.categorised => Ok(()),
        Row::Message { .. } => {
            let request = CollapseRowRequest { category };
            let answer = client.call(table, RopRequest::CollapseRow(request)).map(drop);
            same("collapsing a message", answer, Err(NOT_EXPANDED))
        }
    }
}

const NOT_EXPANDED: ErrorCode = ErrorCode(0x0000_04f7);

fn seek_mark(client: &mut Client, table: Handle, model: &mut Table, mark: u8, rows: i8) -> Outcome {
    if model.marks.is_empty() {
        return Ok(());
    }
    let (bytes, row) = model.marks[usize::from(mark) % model.marks.len()].clone();
    let request = SeekRowBookmarkRequest {
        bookmark: bytes.into(),
        row_count: i32::from(rows),
        want_row_moved_count: true,
    };
    let answer = match client.call(table, RopRequest::SeekRowBookmark(request)) {
        Ok(RopResponse::SeekRowBookmark(answer)) => answer,
        other => return Err(format!("{other:?}")),
    };
    let end = (model.rows().len(), false);
    let (origin, hidden) = row.as_ref().map_or(end, |row| model.position(row));
    let expected = model.seek(origin, rows);
    let found = (answer.rows_sought, answer.has_sought_less);
    same("a seek from a bookmark", (found, answer.row_no_longer_visible), (expected, hidden))
}

fn find(
    client: &mut Client,
    table: Handle,
    model: &mut Table,
    from: Bookmark,
    backward: bool,
    want: &Want,
) -> Outcome {
    // What a condition says of the row of a category is not the model's.
    if model.categorised {
        return Ok(());
    }
    let request = FindRowRequest {
        flags: if backward { FindRowFlags::BACKWARDS } else { FindRowFlags::NONE },
        restriction: SizedRestriction(Some(want.restriction())),
        origin: from,
        bookmark: Vec::new().into(),
    };
    let answer = match client.call(table, RopRequest::FindRow(request)) {
        Ok(RopResponse::FindRow(found)) => Ok(found.row.map(|row| shown(&row))),
        Ok(other) => return Err(format!("{other:?}")),
        Err(code) => Err(code),
    };
    let origin = model.origin(from);
    let mut places: Vec<usize> = match backward {
        false => (origin..model.messages.len()).collect(),
        true => (0..origin).rev().collect(),
    };
    places.retain(|at| want.holds(&model.messages[*at]));
    match places.first() {
        None => same("a row that is not there", answer, Err(ErrorCode::NOT_FOUND)),
        Some(at) => {
            model.go(*at);
            same("a row that is found", answer, Ok(Some(model.rows()[*at].clone())))
        }
    }
}

fn query(
    client: &mut Client,
    table: Handle,
    model: &mut Table,
    forward: bool,
    rows: u8,
) -> Outcome {
    use mapi_rop::table::{QueryRowsFlags, QueryRowsRequest};
    let request = QueryRowsRequest {
        flags: QueryRowsFlags::NONE,
        forward_read: forward,
        row_count: u16::from(rows),
    };
    let found: Vec<Row> = match client.call(table, RopRequest::QueryRows(request)) {
        Ok(RopResponse::QueryRows(answer)) => answer.rows.iter().map(shown).collect(),
        other => return Err(format!("{other:?}")),
    };
    let all = model.rows();
    let count = usize::from(rows);
    let at = model.cursor();
    let (from, to) = match forward {
        true => (at, (at + count).min(all.len())),
        false => (at.saturating_sub(count), at),
    };
    let expected = all[from..to].to_vec();
    model.go(if forward { to } else { from });
    same("the next rows", found, expected)
}

fn keep(client: &mut Client, table: Handle, model: &mut Table, row: u8) -> Outcome {
    if !model.categorised {
        return Ok(());
    }
    let Some((row, id, instance)) = pick(client, table, model, row)? else { return Ok(()) };
    let request = GetCollapseStateRequest { row: id as u64, row_instance: instance };
    let state = match client.call(table, RopRequest::GetCollapseState(request)) {
        Ok(RopResponse::GetCollapseState(answer)) => answer.state,
        other => return Err(format!("{other:?}")),
    };
    let kept = model.expanded.clone();
    toggle(client, table, model, 0)?;
    let request = CollapseStateBody { state };
    let mark = match client.call(table, RopRequest::SetCollapseState(request)) {
        Ok(RopResponse::SetCollapseState(answer)) => answer.bookmark.bytes,
        other => return Err(format!("{other:?}")),
    };
    for (importance, expanded) in kept {
        model.toggle(importance, expanded);
    }
    // The cursor is on the row that was kept along.
    model.at = Some(row.clone());
    model.marks.push((mark, Some(row)));
    Ok(())
}
