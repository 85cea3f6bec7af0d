//! The kinds of records of a mailbox, each in one line: how its key looks and how its value is read. A
//! kind that stands here is known to every check.

use std::ops::RangeInclusive;

use crate::Result;
use crate::engine::{Space, Value};
use crate::keys::Kind;
use crate::mailbox::{names, receive};
use crate::permission::Acl;
use crate::record::{change, folder, head, hot, node, outline, search, settings, summary};
use crate::rule::{self, Rule};
use crate::text;

/// A kind of record.
pub(super) struct Row {
    /// The byte behind the mailbox's number.
    pub(super) byte: u8,
    pub(super) name: &'static str,
    /// Bytes of the key behind that byte.
    key: RangeInclusive<usize>,
    /// Whether the value makes sense under its key. What stands in parts is read elsewhere.
    value: fn(&[u8], &[u8]) -> Result<()>,
}

const fn row(
    kind: Kind,
    name: &'static str,
    key: RangeInclusive<usize>,
    value: fn(&[u8], &[u8]) -> Result<()>,
) -> Row {
    Row { byte: kind as u8, name, key, value }
}

/// By ascending byte.
pub(super) const ROWS: &[Row] = &[
    row(Kind::Head, "head", 0..=0, |_, v| Ok(head::Head::read(v).map(drop)?)),
    row(Kind::Info, "info", 0..=0, |_, v| Ok(head::Info::read(v).map(drop)?)),
    row(Kind::Replica, "replica", 2..=2, |_, v| exactly(v, 16)),
    row(Kind::Name, "name", 2..=2, |_, v| names::from_bytes(v).map(drop)),
    row(Kind::StoreProperties, "store properties", 2..=2, |_, _| Ok(())),
    row(Kind::Receive, "receive folder", 0..=255, receive::check_entry),
    row(Kind::Settings, "settings", 0..=0, |_, v| Ok(settings::Settings::read(v).map(drop)?)),
    row(Kind::Folder, "folder", 8..=8, |_, v| Ok(folder::FolderRecord::read(v).map(drop)?)),
    row(Kind::FolderProperties, "folder properties", 10..=10, |_, _| Ok(())),
    row(Kind::Child, "child", 24..=24, |_, v| exactly(v, 8)),
    row(Kind::DeletedChild, "deleted child", 16..=16, |_, v| exactly(v, 0)),
    row(Kind::DeletedFolder, "deleted folder", 16..=16, |_, v| exactly(v, 8)),
    row(Kind::Permissions, "permissions", 8..=8, |_, v| Ok(Acl::read(v).map(drop)?)),
    row(Kind::Criteria, "search criteria", 8..=8, |_, v| {
        Ok(search::CriteriaRecord::read(v).map(drop)?)
    }),
    row(Kind::Link, "link", 16..=16, link),
    row(Kind::SearchStamp, "search stamp", 0..=0, |_, v| Ok(search::Stamp::read(v).map(drop)?)),
    row(Kind::Rule, "rule", 16..=16, |_, v| Ok(Rule::read(0, v).map(drop)?)),
    row(Kind::Answered, "answered sender", 32..=32, |_, v| rule::check_answered(v)),
    row(Kind::Hot, "hot", 8..=8, |_, v| Ok(hot::Hot::read(v).map(drop)?)),
    row(Kind::Summary, "summary", 17..=17, |_, v| Ok(summary::Summary::read(v).map(drop)?)),
    row(Kind::Node, "node", 11..=11 + 4 * crate::message::MAX_EMBEDDING, node_key),
    row(Kind::DeletedMessage, "deleted message", 16..=16, |_, v| exactly(v, 8)),
    row(Kind::Outline, "outline", 8..=8, |_, v| Ok(outline::Outline::read(v).map(drop)?)),
    row(Kind::Log, "log", 8..=8, |_, v| Ok(change::read(0, v).map(drop)?)),
    row(Kind::Deleted, "deleted", 16..=16, |_, v| exactly(v, 8)),
    row(Kind::SourceKey, "source key", 16..=16, |_, v| exactly(v, 9)),
    row(Kind::ImportKey, "import key", 16..=16, |_, v| exactly(v, 12)),
    row(Kind::PerUser, "per-user information", 26..=26, |_, _| Ok(())),
    row(Kind::Seen, "read state", 26..=26, |_, _| Ok(())),
    row(Kind::TextState, "full-text index", 0..=0, |_, v| text::State::read(v).map(drop)),
    row(Kind::TextMessages, "indexed messages", 8..=8, |_, v| text::check_messages(v)),
    row(Kind::TextWords, "indexed words", 8..=8, |_, v| text::check_words(v)),
    row(Kind::TextLists, "lists of words", 8..=8, |_, v| text::check_lists(v)),
    row(Kind::TextDropped, "dropped messages", 4..=4, |_, _| Ok(())),
    row(Kind::TextGroups, "words' lists", 8..=8, |_, v| text::check_lists(v)),
    row(Kind::TextFilters, "filters of words", 8..=8, |_, v| text::check_lists(v)),
    Row {
        byte: crate::blob::MARKER,
        name: "marker",
        key: 34..=33 + crate::blob::MAX_OWNER,
        value: |_, v| exactly(v, 0),
    },
];

fn exactly(value: &[u8], bytes: usize) -> Result<()> {
    match value.len() == bytes {
        true => Ok(()),
        false => Err(crate::StoreError::Corrupt(format!(
            "{} bytes where {bytes} were expected",
            value.len()
        ))),
    }
}

fn link(_: &[u8], value: &[u8]) -> Result<()> {
    let link = search::Link::read(value)?;
    Ok(summary::Summary::read(&link.summary).map(drop)?)
}

fn node_key(key: &[u8], _: &[u8]) -> Result<()> {
    match node::parse_key(key) {
        Some(_) => Ok(()),
        None => Err(crate::StoreError::Corrupt("a path that does not fit its depth".into())),
    }
}

pub(super) fn find(byte: u8) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.byte == byte)
}

impl Row {
    /// Whether a whole key has the form of this kind.
    pub(super) fn fits(&self, key: &[u8]) -> bool {
        let len = key.len().wrapping_sub(9);
        let form = self.key.contains(&len);
        form && (self.byte != Kind::Node as u8 || node::parse_key(key).is_some())
    }

    /// Errors: why the value cannot be read or makes no sense.
    pub(super) fn check(&self, key: &[u8], value: &crate::engine::Result<Value>) -> Result<()> {
        match value {
            Ok(value) => (self.value)(key, value),
            Err(error) => Err(error.clone().into()),
        }
    }
}

/// Whether a record is as bad as a check found it: its key has no form, or its value cannot be read.
pub(super) fn is_bad(space: Space, key: &[u8], value: &crate::engine::Result<Value>) -> bool {
    match (space, key.get(8).and_then(|byte| find(*byte))) {
        (Space::Mailbox, Some(row)) => !row.fits(key) || row.check(key, value).is_err(),
        _ => value.is_err(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_ascend_and_no_value_makes_them_panic() {
        assert!(ROWS.windows(2).all(|pair| pair[0].byte < pair[1].byte));
        for row in ROWS {
            for len in 0..80usize {
                let key = vec![1; 9 + len % 40];
                let value = Value::from(vec![1; len]);
                let _ = row.fits(&key);
                let _ = row.check(&key, &Ok(value));
            }
        }
    }
}
