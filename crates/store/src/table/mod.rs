//! Tables: shared views of a folder's messages or of a hierarchy, sorted and restricted.
//!
//! A view holds keys and ids only; the values of rows are read when rows are asked for, from the summaries
//! as far as they go. It follows the mailbox's change log, and each request sees one state of the mailbox.

mod collate;
mod evaluate;
mod find;
mod follow;
pub(crate) mod registry;
mod rows;
mod source;
#[cfg(test)]
mod tests;
mod view;

use std::sync::Arc;

use mapi::{Cell, FolderId, MessageId, PropertyTag, Restriction, SortOrderSet};

pub use self::follow::{Changed, Follower, RowChange, RowName, ToldRow};
use self::rows::Entry;
use self::source::{Context, RowSource};
use self::view::{Core, State};
use crate::engine::{self, Reader};
use crate::gauge::Counted;
use crate::{Mailbox, Result, StoreError, folder};

/// Which messages of a folder a contents table shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Contents {
    #[default]
    Normal,
    Associated,
    SoftDeleted,
    SoftDeletedAssociated,
}

impl Contents {
    pub fn of(associated: bool, deleted: bool) -> Contents {
        match (associated, deleted) {
            (false, false) => Contents::Normal,
            (true, false) => Contents::Associated,
            (false, true) => Contents::SoftDeleted,
            (true, true) => Contents::SoftDeletedAssociated,
        }
    }

    pub fn is_associated(self) -> bool {
        matches!(self, Contents::Associated | Contents::SoftDeletedAssociated)
    }

    /// Whether it is soft-deleted messages.
    pub fn is_deleted(self) -> bool {
        matches!(self, Contents::SoftDeleted | Contents::SoftDeletedAssociated)
    }

    /// As it stands in keys and records.
    pub(crate) fn to_byte(self) -> u8 {
        u8::from(self.is_associated()) | u8::from(self.is_deleted()) << 1
    }

    pub(crate) fn from_byte(byte: u8) -> Contents {
        Contents::of(byte & 1 != 0, byte & 2 != 0)
    }
}

/// What a table shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub folder: FolderId,
    pub rows: QueryRows,
    pub sort: SortOrderSet,
    pub restriction: Option<Restriction>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QueryRows {
    Contents(Contents),
    /// Direct children, or all descendants.
    Hierarchy {
        depth: bool,
    },
    /// Soft-deleted folders: those directly in the folder, or all below it. Of a folder that is soft-deleted
    /// itself, all that is in it.
    DeletedHierarchy {
        depth: bool,
    },
}

/// A row's place in a view's order, which stays meaningful when rows come and go: a table's cursor and
/// its bookmarks are kept as this and never as a position.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    /// Bytes that sort like the sort order.
    pub(crate) sort: Arc<[u8]>,
    /// FID or MID, as an ordered number.
    pub(crate) id: u64,
    pub(crate) instance: u32,
}

impl RowKey {
    /// Bytes of memory behind it.
    pub fn held(&self) -> usize {
        self.sort.len()
    }
}

/// What a row shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowObject {
    Message(MessageId),
    Folder(FolderId),
}

/// One row with the cells that were asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub key: RowKey,
    pub object: RowObject,
    pub cells: Vec<Cell>,
}

/// Where reading begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Beginning,
    End,
    /// At a row, or where it stood if it is gone: before the next one.
    Row(RowKey),
}

/// Rows that were read in one state of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// In the view's order, also those that were read backwards.
    pub rows: Vec<Row>,
    /// The position of the first of the rows, or where it would be.
    pub position: usize,
    /// Rows of the view.
    pub total: usize,
    /// Where reading goes on in the same direction.
    pub next: Place,
}

/// A shared, versioned, evictable view. It follows changes: each call sees what is durable then.
///
/// Errors of each call: [`StoreError::NotFound`] after the folder was deleted.
pub struct View {
    mailbox: Arc<Mailbox>,
    core: Arc<Core>,
    /// Under what the registry has it; None for one that is not shared.
    name: Option<Vec<u8>>,
    _counted: Counted,
}

/// The view of a query; the same query on the same mailbox shares one.
///
/// Without a sort order, messages stand in the order in which they came into the mailbox, and folders by
/// name.
///
/// Errors: [`StoreError::NotFound`] without the folder;
/// [`StoreError::Invalid`] for a sort order or restriction that makes no sense;
/// [`StoreError::NotImplemented`] for categories, regular expressions
/// and membership in distribution lists.
pub fn open(mailbox: &Arc<Mailbox>, query: Query) -> Result<Arc<View>> {
    registry::open(mailbox, query)
}

impl View {
    /// What it shows.
    pub fn query(&self) -> &Query {
        &self.core.query
    }

    /// Grows when rows came, went or changed. For a hierarchy also when the contents of folders changed.
    pub fn version(&self) -> Result<u64> {
        Ok(self.state()?.changed)
    }

    /// Rows now. Where no restriction asks for more, the folder's counters tell without reading rows.
    pub fn len(&self) -> Result<usize> {
        let plan = &self.core.plan;
        let record = folder::readable(&self.mailbox, self.mailbox.reader(), plan.folder)?;
        match plan.count(&record) {
            Some(count) => Ok(count),
            None => Ok(self.state()?.rows.len()),
        }
    }

    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// At most `count` rows from a position on, with the cells of `columns`. A cell holds at most 510 bytes
    /// ([MS-OXCTABL] 2.2.2.5.2), in the type that the property has, text as Unicode; an error says why a
    /// row has no value.
    pub fn rows(&self, start: usize, count: usize, columns: &[PropertyTag]) -> Result<Vec<Row>> {
        self.read(
            |state| {
                let start = start.min(state.rows.len());
                (start..start.saturating_add(count).min(state.rows.len()), Place::End)
            },
            columns,
        )
        .map(|page| page.rows)
    }

    /// At most `count` rows before a position, in the view's order.
    pub fn rows_before(
        &self,
        end: usize,
        count: usize,
        columns: &[PropertyTag],
    ) -> Result<Vec<Row>> {
        self.read(
            |state| {
                let end = end.min(state.rows.len());
                (end.saturating_sub(count)..end, Place::Beginning)
            },
            columns,
        )
        .map(|page| page.rows)
    }

    /// At most `count` rows from a place on, the row of the place first; or if `backward` those before it.
    /// All in one state of the table, so rows that come and go meanwhile make no doubles and no gaps.
    pub fn page(
        &self,
        from: &Place,
        backward: bool,
        count: usize,
        columns: &[PropertyTag],
    ) -> Result<Page> {
        let plan = &self.core.plan;
        let key_at = |state: &State, at: usize| match state.rows.get(at) {
            Some(entry) => Place::Row(plan.row_key(entry)),
            None => Place::End,
        };
        self.read(
            |state| {
                let at = match from {
                    Place::Beginning => 0,
                    Place::End => state.rows.len(),
                    Place::Row(key) => self.position_in(state, key).0,
                };
                match backward {
                    false => {
                        let end = at.saturating_add(count).min(state.rows.len());
                        (at..end, key_at(state, end))
                    }
                    true => {
                        let start = at.saturating_sub(count);
                        (start..at, key_at(state, start))
                    }
                }
            },
            columns,
        )
    }

    /// The key of the row at a position; None behind the last one.
    pub fn key_at(&self, position: usize) -> Result<Option<RowKey>> {
        Ok(self.state()?.rows.get(position).map(|entry| self.core.plan.row_key(entry)))
    }

    /// Another number when rows came, went or changed: positions that were asked for before mean other rows
    /// then.
    pub fn changed(&self) -> Result<u64> {
        Ok(self.state()?.changed)
    }

    /// The position of a row, or of the next one if the row is gone; and whether the row is there.
    pub fn position_of(&self, key: &RowKey) -> Result<(usize, bool)> {
        Ok(self.position_in(&*self.state()?, key))
    }

    /// The position of the row of an object, the first one if it has several; None if it has none.
    pub fn position_of_object(&self, object: RowObject) -> Result<Option<usize>> {
        let plan = &self.core.plan;
        Ok(self.state()?.rows.iter().position(|entry| plan.object(entry) == object))
    }

    /// The first row at or behind `start` (at or before it if `backward`) that fulfils a restriction.
    ///
    /// Errors: as [`open`] for the restriction.
    pub fn find(
        &self,
        start: usize,
        backward: bool,
        restriction: &Restriction,
    ) -> Result<Option<usize>> {
        evaluate::check(restriction)?;
        self.with_rows(|state, reader| {
            let rows = &state.rows;
            let range = match backward {
                false => start.min(rows.len())..rows.len(),
                true => 0..start.saturating_add(1).min(rows.len()),
            };
            let context = Context::new(&self.mailbox, reader, self.core.plan.folder);
            find::find(&self.core.plan, &context, rows, range, backward, restriction)
        })
    }

    fn state(&self) -> Result<Arc<State>> {
        let state = self.core.state(&self.mailbox)?;
        self.keep_to_budget();
        Ok(state)
    }

    /// Calls `read` with the rows and the state of the mailbox that they belong to; no lock is held.
    fn with_rows<T>(&self, read: impl Fn(&State, &dyn Reader) -> Result<T>) -> Result<T> {
        // A snapshot is lost when the engine had to be opened again below it, which is rare.
        const ATTEMPTS: usize = 3;
        let mut attempt = 1;
        loop {
            let current = self.core.current(&self.mailbox);
            self.keep_to_budget();
            match current.and_then(|(state, snapshot)| read(&state, &*snapshot)) {
                Err(StoreError::Engine(engine::Error::SnapshotLost)) if attempt < ATTEMPTS => {
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    /// Rows may have come since the view was opened.
    fn keep_to_budget(&self) {
        if registry::over_budget(&self.mailbox) {
            registry::shrink(&self.mailbox, &self.core);
        }
    }

    fn position_in(&self, state: &State, key: &RowKey) -> (usize, bool) {
        match state.rows.binary_search(&self.core.plan.entry(key)) {
            Ok(at) => (at, true),
            Err(at) => (at, false),
        }
    }

    /// Reads the rows that `choose` names, without a lock.
    fn read(
        &self,
        choose: impl Fn(&State) -> (std::ops::Range<usize>, Place),
        columns: &[PropertyTag],
    ) -> Result<Page> {
        self.with_rows(|state, reader| {
            let (range, next) = choose(state);
            let context = Context::new(&self.mailbox, reader, self.core.plan.folder);
            let (position, total) = (range.start, state.rows.len());
            let mut rows = Vec::with_capacity(range.len().min(4096));
            for entry in &state.rows[range] {
                rows.extend(self.row(&context, entry, columns)?);
            }
            Ok(Page { rows, position, total, next })
        })
    }

    /// A row with its cells. It is there in the state of the context, since the entry is of that state.
    fn row(
        &self,
        context: &Context<'_>,
        entry: &Entry,
        columns: &[PropertyTag],
    ) -> Result<Option<Row>> {
        let plan = &self.core.plan;
        let Some(source) = plan.row(context, entry)? else { return Ok(None) };
        let cell = |tag: &PropertyTag| RowSource::cell(&*source, *tag);
        Ok(Some(Row {
            key: plan.row_key(entry),
            object: plan.object(entry),
            cells: columns.iter().map(cell).collect::<Result<_>>()?,
        }))
    }
}

impl Drop for View {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            registry::leave(&self.mailbox, name, &self.core);
        }
    }
}
