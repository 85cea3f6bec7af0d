//! Finding a row ([MS-OXCTABL] 2.2.2.14): by binary search as far as the sort order answers, then row by
//! row, and over many rows by one pass over the folder.

use std::ops::Range;

use mapi::restriction::{FuzzyLevel, Relation};
use mapi::{PropertyValue, Restriction};

use super::outline::Line;
use super::plan::{Column, Plan};
use super::rows::Entry;
use super::sight::Sight;
use super::source::{self, Context};
use super::{Contents, QueryRows, collate, evaluate};
use crate::Result;

/// Rows that are looked at one by one before the whole folder is.
const SINGLY: usize = 128;

/// The first of the rows, or the last if `backward`, that lies in `range` and fulfils the restriction.
pub(crate) fn find(
    plan: &Plan,
    context: &Context<'_>,
    rows: &[Entry],
    range: Range<usize>,
    backward: bool,
    restriction: &Restriction,
) -> Result<Option<usize>> {
    let narrowed = narrow(plan, rows, restriction);
    let range = range.start.max(narrowed.start)..range.end.min(narrowed.end);
    let mut rest: Box<dyn Iterator<Item = usize>> = match backward {
        false => Box::new(range),
        true => Box::new(range.rev()),
    };
    for position in rest.by_ref().take(SINGLY) {
        if let Some(row) = plan.row(context, &rows[position])?
            && evaluate::matches(restriction, &*row)?
        {
            return Ok(Some(position));
        }
    }
    // Where rows of one message differ, each is looked at.
    let singly = evaluate::looks_at_instances(restriction);
    let (QueryRows::Contents(contents), false) = (plan.rows, singly) else {
        for position in rest {
            if let Some(row) = plan.row(context, &rows[position])?
                && evaluate::matches(restriction, &*row)?
            {
                return Ok(Some(position));
            }
        }
        return Ok(None);
    };
    let mut rest = rest.peekable();
    if rest.peek().is_none() {
        return Ok(None);
    }
    let matching = matching_ids(plan, context, contents, restriction)?;
    Ok(rest.find(|position| matching.binary_search(&rows[*position].id).is_ok()))
}

/// As [`find`], over the rows of a categorised table as a handle sees them.
pub(crate) fn find_line(
    plan: &Plan,
    context: &Context<'_>,
    sight: &Sight,
    range: Range<usize>,
    backward: bool,
    restriction: &Restriction,
) -> Result<Option<usize>> {
    let rows = &sight.state.rows;
    let positions: Box<dyn Iterator<Item = usize>> = match backward {
        false => Box::new(range),
        true => Box::new(range.rev()),
    };
    let (mut singly, mut matching) = (0, None);
    for position in positions {
        let fits = match (sight.line(position), &matching) {
            (Some(Line::Header(at)), _) => match sight.header(plan, context, at) {
                Some(row) => evaluate::matches(restriction, &row)?,
                None => false,
            },
            (Some(Line::Leaf(at)), None) => {
                singly += 1;
                if singly == SINGLY
                    && !evaluate::looks_at_instances(restriction)
                    && let QueryRows::Contents(contents) = plan.rows
                {
                    matching = Some(matching_ids(plan, context, contents, restriction)?);
                }
                match plan.row(context, &rows[at])? {
                    Some(row) => evaluate::matches(restriction, &*row)?,
                    None => false,
                }
            }
            (Some(Line::Leaf(at)), Some(ids)) => ids.binary_search(&rows[at].id).is_ok(),
            (None, _) => false,
        };
        if fits {
            return Ok(Some(position));
        }
    }
    Ok(None)
}

/// The messages of the folder that fulfil a restriction, in the order of their ids.
fn matching_ids(
    plan: &Plan,
    context: &Context<'_>,
    contents: Contents,
    restriction: &Restriction,
) -> Result<Vec<u64>> {
    let mut matching = Vec::new();
    plan.visit(context, contents, &mut |row, id| {
        if evaluate::matches(restriction, row)? {
            matching.push(id);
        }
        Ok(())
    })?;
    Ok(matching)
}

/// The rows that can fulfil the restriction, as far as the first sort column tells.
fn narrow(plan: &Plan, rows: &[Entry], restriction: &Restriction) -> Range<usize> {
    let all = 0..rows.len();
    let Some(column) = plan.columns.first().filter(|column| !source::is_instance(column.tag))
    else {
        return all;
    };
    match restriction {
        Restriction::And(parts) => parts.iter().fold(all, |range, part| {
            let part = narrow(plan, rows, part);
            range.start.max(part.start)..range.end.min(part.end)
        }),
        Restriction::Property { relation, tag, value } if tag.id() == column.tag.id() => {
            relational(rows, column, *relation, &value.value).unwrap_or(all)
        }
        Restriction::Content { level, tag, value }
            if tag.id() == column.tag.id()
                && level.low != FuzzyLevel::SUBSTRING
                && level.high & (FuzzyLevel::IGNORE_NON_SPACE | FuzzyLevel::LOOSE) == 0
                && !tag.property_type().is_multi_value() =>
        {
            match collate::text_prefix(&value.value, column.descending) {
                // A single sort column holds a property of one value only if its rows say so.
                Some(prefix) if texts_only(rows, column) => between(rows, &prefix, &prefix),
                _ => all,
            }
        }
        _ => all,
    }
}

/// Rows whose first column lies in a relation to a value. None where keys do not tell enough.
fn relational(
    rows: &[Entry],
    column: &Column,
    relation: Relation,
    value: &PropertyValue,
) -> Option<Range<usize>> {
    if !collate::is_whole(value) {
        return None;
    }
    let mut key = Vec::new();
    collate::push_column(&mut key, Some(value), column.descending);
    // Values of other kinds, such as a float beside integers, or lists, are compared one by one.
    let kind = between(rows, &key[..1], &key[..1]);
    let missing = missing(rows, column);
    if kind.len() + missing.len() != rows.len() {
        return None;
    }
    let same = between(rows, &key, &key);
    let (before, behind) = (kind.start..same.start, same.end..kind.end);
    let (less, greater) = match column.descending {
        false => (before, behind),
        true => (behind, before),
    };
    Some(match relation {
        Relation::Equal => same,
        Relation::Less => less,
        Relation::Greater => greater,
        Relation::LessOrEqual => less.start.min(same.start)..less.end.max(same.end),
        Relation::GreaterOrEqual => greater.start.min(same.start)..greater.end.max(same.end),
        _ => return None,
    })
}

fn texts_only(rows: &[Entry], column: &Column) -> bool {
    let Some(any) = collate::text_prefix(&"".into(), column.descending) else { return false };
    between(rows, &any, &any).len() + missing(rows, column).len() == rows.len()
}

fn missing(rows: &[Entry], column: &Column) -> Range<usize> {
    let mut key = Vec::new();
    collate::push_column(&mut key, None, column.descending);
    between(rows, &key, &key)
}

/// The rows whose keys begin with something from `first` to `last`.
fn between(rows: &[Entry], first: &[u8], last: &[u8]) -> Range<usize> {
    let start = rows.partition_point(|row| head(row, first.len()) < first);
    let end = rows.partition_point(|row| head(row, last.len()) <= last);
    start..end.max(start)
}

fn head(row: &Entry, len: usize) -> &[u8] {
    let key = row.key();
    &key[..len.min(key.len())]
}
