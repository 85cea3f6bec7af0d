//! What must hold of every structure for any bytes: reading does not panic, and what was read, once
//! written, reads back to the same bytes. Property tests and fuzz targets call these; a function that
//! finds a fault panics, and that is its only purpose.

use crate::change::{ChangeList, Xid};
use crate::conversation::ConversationIndex;
use crate::entry_id::EntryId;
use crate::entry_list::{EntryList, FlatEntryList};
use crate::error::ErrorCode;
use crate::guid::Guid;
use crate::ids::{ChangeNumber, FolderId, GlobalCounter, LongTermId, MessageId, ReplId};
use crate::idset::{GlobSet, IdSet};
use crate::named::PropertyName;
use crate::recipient::RecipientRow;
use crate::restriction::{Restriction, RestrictionForm};
use crate::row::{PropertyProblem, PropertyRow, TaggedValue, TypedValue};
use crate::rule::RuleCondition;
use crate::rule_action::{ExtendedRuleActions, RuleActions, RuleForm};
use crate::server_id::ServerId;
use crate::sort::SortOrderSet;
use crate::tag::{PropertyTag, PropertyType};
use crate::text::{String8, WString};
use crate::time::FileTime;
use crate::value::{CountWidth, PropertyValue};
use crate::wire::{Reader, Wire, WireError, WireWith, read_items};

/// A check of one structure, or of a few that belong together, by name.
pub type Check = (&'static str, fn(&[u8]));

/// Every check of this crate.
pub const CHECKS: &[Check] = &[
    ("scalars", scalars),
    ("value", value),
    ("row", row),
    ("recipient", recipient),
    ("restriction", restriction),
    ("rule", rule),
    ("sort", stable::<SortOrderSet>),
    ("named", named),
    ("entry_id", entry_id),
    ("entry_list", entry_list),
    ("change", change),
    ("idset", idset),
    ("conversation", stable::<ConversationIndex>),
];

/// Runs every check.
pub fn all(bytes: &[u8]) {
    CHECKS.iter().for_each(|(_, check)| check(bytes));
}

/// Runs one check of [`CHECKS`] by its name.
pub fn check(name: &str, bytes: &[u8]) {
    match CHECKS.iter().find(|(known, _)| *known == name) {
        Some((_, check)) => check(bytes),
        None => panic!("there is no check {name}"),
    }
}

/// Reads a structure from the start of the bytes and checks that it is stable.
pub fn stable<T: Wire>(bytes: &[u8]) {
    stable_as(bytes, T::read, T::write);
}

/// The same for a structure that needs a context. What was read is given back for further checks.
pub fn stable_as<T>(
    bytes: &[u8],
    read: impl Fn(&mut Reader<'_>) -> Result<T, WireError>,
    write: impl Fn(&T, &mut Vec<u8>),
) -> Option<T> {
    let mut r = Reader::new(bytes);
    let first = match read(&mut r) {
        Ok(value) => value,
        Err(error) => {
            assert!(error.offset <= bytes.len(), "an error beyond the bytes: {error}");
            return None;
        }
    };
    let mut written = Vec::new();
    write(&first, &mut written);
    let mut r = Reader::new(&written);
    let second = match read(&mut r) {
        Ok(value) => value,
        Err(error) => panic!("what was written is not readable: {error}: {written:02x?}"),
    };
    assert!(r.is_empty(), "what was written has bytes left over: {written:02x?}");
    let mut again = Vec::new();
    write(&second, &mut again);
    assert_eq!(written, again, "a second round trip gives other bytes");
    Some(first)
}

fn scalars(bytes: &[u8]) {
    stable::<PropertyTag>(bytes);
    stable::<PropertyType>(bytes);
    stable::<ErrorCode>(bytes);
    stable::<FileTime>(bytes);
    stable::<Guid>(bytes);
    stable::<WString>(bytes);
    stable::<String8>(bytes);
    stable::<FolderId>(bytes);
    stable::<MessageId>(bytes);
    stable::<ChangeNumber>(bytes);
    stable::<LongTermId>(bytes);
    stable::<ServerId>(bytes);
    stable::<PropertyProblem>(bytes);
    let text = WString::from_utf16le(bytes);
    let units = bytes.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    assert!(text.to_utf16().into_iter().eq(units), "UTF-16 units are lost");
    assert_eq!(WString::from_bytes(text.as_bytes()), text);
    // Bytes that no text was kept as are repaired, and stay so.
    let repaired = WString::from_bytes(bytes);
    assert_eq!(WString::from_bytes(repaired.as_bytes()), repaired);
    assert_eq!(WString::from_utf16(repaired.to_utf16()), repaired);
}

fn value(bytes: &[u8]) {
    stable::<TypedValue>(bytes);
    stable::<TaggedValue>(bytes);
    stable_as(
        bytes,
        |r| TaggedValue::read_as(r, CountWidth::Four),
        |value, w| value.write_as(w, CountWidth::Four),
    );
    for width in [CountWidth::Two, CountWidth::Four] {
        let Some((kind, rest)) = bytes.split_first_chunk() else { return };
        let kind = PropertyType(u16::from_le_bytes(*kind));
        stable_as(
            rest,
            |r| PropertyValue::read_typed(r, kind, width),
            |value, w| value.write_typed(w, width),
        );
    }
}

/// The first bytes choose up to eight columns: some of the usual types, or any tag.
fn columns<'a>(r: &mut Reader<'a>) -> Option<(Vec<PropertyTag>, &'a [u8])> {
    let count = u8::read(r).ok()? % 9;
    let columns = read_items(r, usize::from(count)).ok()?;
    Some((columns, r.rest()))
}

fn row(bytes: &[u8]) {
    let Some((columns, rest)) = columns(&mut Reader::new(bytes)) else { return };
    stable_as(
        rest,
        |r| PropertyRow::read_with(r, columns.as_slice()),
        |row, w| row.write_with(w, &columns),
    );
}

fn recipient(bytes: &[u8]) {
    let Some((columns, rest)) = columns(&mut Reader::new(bytes)) else { return };
    stable_as(
        rest,
        |r| RecipientRow::read_with(r, columns.as_slice()),
        |row, w| row.write_with(w, &columns),
    );
}

fn restriction(bytes: &[u8]) {
    for form in [RestrictionForm::Rop, RestrictionForm::Rule, RestrictionForm::ExtendedRule] {
        stable_as(
            bytes,
            |r| Restriction::read_as(r, form),
            |restriction, w| restriction.write_as(w, form),
        );
        stable_as(
            bytes,
            |r| RuleCondition::read_as(r, form),
            |condition, w| condition.write_as(w, form),
        );
    }
}

fn rule(bytes: &[u8]) {
    stable::<ExtendedRuleActions>(bytes);
    for form in [RuleForm::Standard, RuleForm::Extended] {
        let actions = stable_as(
            bytes,
            |r| RuleActions::read_as(r, form),
            |actions, w| actions.write_as(w, form),
        );
        actions.iter().flat_map(|actions| &actions.0).for_each(|block| {
            let _ = block.fault();
        });
    }
}

fn named(bytes: &[u8]) {
    stable::<Option<PropertyName>>(bytes);
    stable::<PropertyName>(bytes);
}

fn entry_id(bytes: &[u8]) {
    assert_eq!(EntryId::parse(bytes).to_bytes(), bytes, "an entry id lost bytes");
}

fn entry_list(bytes: &[u8]) {
    stable::<EntryList>(bytes);
    stable::<FlatEntryList>(bytes);
}

fn change(bytes: &[u8]) {
    stable::<Xid>(bytes);
    let Some(list) = stable_as(bytes, ChangeList::read, ChangeList::write) else { return };
    assert!(list.includes(&list));
    let mut merged = list.clone();
    merged.merge(&list);
    assert_eq!(merged, list);
}

fn idset(bytes: &[u8]) {
    stable::<IdSet<ReplId>>(bytes);
    stable::<IdSet<Guid>>(bytes);
    let Some(set) = stable_as(bytes, GlobSet::read, GlobSet::write) else { return };
    // Ranges are in order, do not touch each other, and are what the set says that it holds.
    let mut end: Option<GlobalCounter> = None;
    for (first, last) in set.iter() {
        assert!(first <= last && set.contains(first) && set.contains(last));
        assert!(end.is_none_or(|end| end.get() + 1 < first.get()));
        end = Some(last);
    }
    let mut rest = set.clone();
    rest.subtract(&set);
    assert!(rest.is_empty());
    rest.union(&set);
    assert_eq!(rest, set);
}
