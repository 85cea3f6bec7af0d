//! Categories ([MS-OXCTABL] 2.2.2.3.1): what rows of one value, or of one value under one value, have in
//! common. They belong to the shared view; which of them are expanded is the matter of each handle, see
//! [`Outline`](super::outline::Outline).

use std::ops::Range;

use super::collate;
use super::plan::Plan;
use super::rows::Entry;

/// What PidTagInstID shows of a category's row. The same value in the same place has the same id in every table,
/// also after a restart: a client may keep what was expanded ([MS-OXCTABL] 2.2.2.19).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CategoryId(pub(crate) u64);

impl CategoryId {
    /// Of the values of a category and those above it.
    pub(crate) fn of(level: usize, prefix: &[u8]) -> CategoryId {
        // FNV-1a, whose last step is too weak for the high bits, then mixed as MurmurHash3 does.
        let mut hash = 0xcbf2_9ce4_8422_2325 ^ level as u64;
        for byte in prefix {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        hash = (hash ^ hash >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash = (hash ^ hash >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        // The low 16 bits of a MID are a replica's number, and those are small: so it is never that of a message.
        CategoryId((hash ^ hash >> 33) | 0x8000)
    }

    pub fn to_i64(self) -> i64 {
        self.0 as i64
    }

    pub fn from_i64(id: i64) -> CategoryId {
        CategoryId(id as u64)
    }
}

/// A category: a row of its own, and the rows below it.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) id: CategoryId,
    /// The rows of the view that belong to it.
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// How many of them are not read.
    pub(crate) unread: u32,
    /// How many categories stand in the list from this one to the end of what is below it.
    pub(crate) span: u32,
    /// The row that has the largest value of the category's column of that kind.
    pub(crate) extreme: u32,
    /// Bytes of the rows' keys that all of them have.
    pub(crate) prefix: u32,
    /// How many categories it is in.
    pub(crate) level: u8,
}

impl Group {
    pub(crate) fn rows(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The part of a key that is the category's.
    pub(crate) fn prefix<'a>(&self, rows: &'a [Entry]) -> &'a [u8] {
        &rows[self.start as usize].key()[..self.prefix as usize]
    }
}

/// The categories of a view in the order in which their rows are shown, each before those below it.
#[derive(Debug)]
pub(crate) struct Groups {
    pub(crate) list: Vec<Group>,
    /// Those of the lowest level, in the order of their rows.
    lowest: Vec<u32>,
}

impl Groups {
    pub(crate) fn of(plan: &Plan, rows: &[Entry]) -> Groups {
        let mut groups = Groups { list: Vec::new(), lowest: Vec::new() };
        groups.add(plan, rows, 0..rows.len(), 0, 0);
        groups.list.shrink_to_fit();
        let list = &groups.list;
        let lowest = (0..list.len()).filter(|at| is_lowest(plan, &list[*at]));
        groups.lowest = lowest.map(|at| at as u32).collect();
        if plan.extreme.is_some() {
            groups.lowest.sort_unstable_by_key(|at| list[*at as usize].start);
        }
        groups
    }

    /// Bytes of memory.
    pub(crate) fn held(&self) -> u64 {
        (self.list.capacity() * size_of::<Group>() + self.lowest.capacity() * 4) as u64
    }

    /// The category of the lowest level that a row is in.
    pub(crate) fn of_row(&self, row: usize) -> Option<usize> {
        let after = self.lowest.partition_point(|at| self.list[*at as usize].start as usize <= row);
        let at = *self.lowest.get(after.checked_sub(1)?)? as usize;
        (row < self.list[at].end as usize).then_some(at)
    }

    /// The category of a level whose keys begin with `prefix`.
    pub(crate) fn of_prefix(&self, rows: &[Entry], level: usize, prefix: &[u8]) -> Option<usize> {
        let row = rows.partition_point(|row| row.key() < prefix);
        if !rows.get(row)?.key().starts_with(prefix) {
            return None;
        }
        let lowest = self.of_row(row)?;
        (0..=lowest).rev().find(|at| usize::from(self.list[*at].level) == level)
    }

    /// Those of the lowest level that are in the same one of the level above.
    pub(crate) fn siblings(&self, at: usize) -> Range<usize> {
        let level = self.list[at].level;
        let differs = |group: &Group| group.level != level;
        let start = self.list[..at].iter().rposition(differs).map_or(0, |before| before + 1);
        let end = self.list[at..].iter().position(differs).map_or(self.list.len(), |n| at + n);
        start..end
    }

    /// Categories of one level in a range of rows that have all above it in common: the first `from` bytes of
    /// their keys.
    fn add(&mut self, plan: &Plan, rows: &[Entry], range: Range<usize>, level: usize, from: usize) {
        let first = self.list.len();
        let descending = plan.columns[level].descending;
        let mut start = range.start;
        while start < range.end {
            let key = rows[start].key();
            let prefix = from + collate::column_len(&key[from..], descending);
            let end = end_of_run(rows, start..range.end, &key[..prefix]);
            let at = self.list.len();
            self.list.push(Group {
                id: CategoryId::of(level, &key[..prefix]),
                start: start as u32,
                end: end as u32,
                unread: 0,
                span: 1,
                extreme: start as u32,
                prefix: prefix as u32,
                level: level as u8,
            });
            match level + 1 < plan.categories {
                true => {
                    self.add(plan, rows, start..end, level + 1, prefix);
                    let below = &self.list[at + 1..];
                    let unread = below
                        .iter()
                        .filter(|g| usize::from(g.level) == level + 1)
                        .map(|g| g.unread);
                    self.list[at].unread = unread.sum();
                    self.list[at].span = (self.list.len() - at) as u32;
                }
                false => {
                    let unread = rows[start..end].iter().filter(|row| row.is_unread()).count();
                    self.list[at].unread = unread as u32;
                    if let Some(extreme) = &plan.extreme {
                        self.list[at].extreme = extreme.row(plan, rows, start..end, prefix) as u32;
                    }
                }
            }
            start = end;
        }
        if let Some(extreme) = plan.extreme.as_ref().filter(|_| level + 1 == plan.categories) {
            let value = |group: &Group| {
                let key = rows[group.extreme as usize].key();
                extreme.value(plan, key, group.prefix as usize)
            };
            // Categories of the same value stand by their own.
            self.list[first..].sort_by(|a, b| match descending {
                false => value(a).cmp(value(b)),
                true => value(b).cmp(value(a)),
            });
        }
    }
}

fn is_lowest(plan: &Plan, group: &Group) -> bool {
    usize::from(group.level) + 1 == plan.categories
}

/// The end of the rows from `range.start` on whose keys begin with `prefix`, which the first one does: by steps
/// that double, since most categories are small.
fn end_of_run(rows: &[Entry], range: Range<usize>, prefix: &[u8]) -> usize {
    let belongs = |row: &Entry| row.key().starts_with(prefix);
    let (mut known, mut step) = (range.start, 1);
    loop {
        let next = known + step;
        if next >= range.end {
            break known + rows[known..range.end].partition_point(belongs);
        }
        if !belongs(&rows[next]) {
            break known + rows[known..next].partition_point(belongs);
        }
        (known, step) = (next, step * 2);
    }
}

/// The column by whose largest value categories of the lowest level are sorted, instead of their own column
/// ([MS-OXCTABL] 2.2.2.3.1 R78 to R82). In keys it stands behind all others, rising.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extreme {
    pub(crate) tag: mapi::PropertyTag,
    /// By the smallest value instead.
    pub(crate) smallest: bool,
}

impl Extreme {
    /// The bytes of the value in a key whose first `prefix` bytes are those of the categories.
    pub(crate) fn value<'a>(&self, plan: &Plan, key: &'a [u8], prefix: usize) -> &'a [u8] {
        let mut at = prefix;
        for column in &plan.columns[plan.categories..] {
            at += collate::column_len(&key[at.min(key.len())..], column.descending);
        }
        let rest = &key[at.min(key.len())..];
        &rest[..collate::column_len(rest, false)]
    }

    /// Whether the value is that of the last row of a category, or of the first one, if its rows are in the order
    /// of the same column: that of most clients.
    pub(crate) fn rises_in(&self, plan: &Plan) -> Option<bool> {
        let next = plan.columns.get(plan.categories).filter(|next| next.tag == self.tag)?;
        Some(next.descending == self.smallest)
    }

    /// The row of a category that has the value.
    fn row(&self, plan: &Plan, rows: &[Entry], range: Range<usize>, prefix: usize) -> usize {
        if let Some(rising) = self.rises_in(plan) {
            return if rising { range.end - 1 } else { range.start };
        }
        let value = |row: &usize| self.value(plan, rows[*row].key(), prefix);
        let found = match self.smallest {
            true => range.clone().min_by_key(value),
            // The first of several.
            false => range.clone().rev().max_by_key(value),
        };
        found.unwrap_or(range.start)
    }
}
