//! Tables: shared views of a folder's messages or of a hierarchy, sorted and restricted.
//!
//! A view holds keys and ids only; the values of rows are read when rows are asked for, from the summaries
//! as far as they go. It follows the mailbox's change log, and each request sees one state of the mailbox.

#[cfg(test)]
mod body_tests;
#[cfg(test)]
mod budget_tests;
mod category;
#[cfg(test)]
mod category_tests;
mod collate;
pub(crate) mod evaluate;
mod expand;
mod find;
pub(crate) mod fold;
mod folder_row;
mod follow;
mod header;
mod members;
pub(crate) mod outline;
mod places;
mod plan;
pub(crate) mod registry;
mod regroup;
mod rows;
mod sight;
pub(crate) mod source;
#[cfg(test)]
mod tests;
mod unsaved;
mod view;

use std::sync::Arc;

pub(crate) use self::unsaved::{check as check_restriction, fulfils};

use mapi::{Cell, FolderId, MessageId, PropertyTag, Restriction, SortOrderSet};
use parking_lot::Mutex;

pub use self::category::CategoryId;
pub use self::expand::Toggled;
pub use self::follow::{Changed, Follower, RowChange, RowName, ToldRow};
pub use self::members::conversation_scope;
use self::outline::{Line, Outline};
pub use self::plan::MAX_SORT;
use self::sight::Sight;
use self::source::{Context, RowSource};
use self::view::Core;
use crate::engine::{self, Reader};
use crate::gauge::Counted;
use crate::text::Searcher;
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
    /// Messages that the restriction picks: those of the folder, or of all folders below it as well. None without
    /// a restriction.
    Conversation {
        everywhere: bool,
    },
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

impl QueryRows {
    /// Whether rows are messages, and not folders.
    pub fn are_messages(self) -> bool {
        matches!(self, QueryRows::Contents(_) | QueryRows::Conversation { .. })
    }
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
    /// Of a category's row, how many categories it is in.
    pub(crate) header: Option<u8>,
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
    /// A category's own row.
    Category(CategoryId),
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
    /// Among the handles of the store.
    handle: u64,
    /// Which categories are expanded for this handle.
    outline: Mutex<Arc<Outline>>,
    _counted: Counted,
}

/// The view of a query; the same query on the same mailbox shares one.
///
/// Without a sort order, messages stand in the order in which they came into the mailbox, and folders by
/// name.
///
/// Errors: [`StoreError::NotFound`] without the folder;
/// [`StoreError::Invalid`] for a sort order or restriction that makes no sense;
/// [`StoreError::TooComplex`] for regular expressions and membership in distribution lists.
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
        let state = self.core.state(&self.mailbox)?;
        self.keep_to_budget();
        Ok(state.changed)
    }

    /// Rows now. Where no restriction asks for more, the folder's counters tell without reading rows.
    pub fn len(&self) -> Result<usize> {
        let plan = &self.core.plan;
        let record = folder::readable(&self.mailbox, self.mailbox.reader(), plan.folder)?;
        match plan.count(&record) {
            Some(count) => Ok(count),
            None => Ok(self.sight()?.len()),
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
            |sight| {
                let start = start.min(sight.len());
                (start..start.saturating_add(count).min(sight.len()), Place::End)
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
            |sight| {
                let end = end.min(sight.len());
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
        let key_at = |sight: &Sight, at: usize| match sight.key_at(plan, at) {
            Some(key) => Place::Row(key),
            None => Place::End,
        };
        self.read(
            |sight| {
                let at = match from {
                    Place::Beginning => 0,
                    Place::End => sight.len(),
                    Place::Row(key) => sight.position_of(plan, key).0,
                };
                match backward {
                    false => {
                        let end = at.saturating_add(count).min(sight.len());
                        (at..end, key_at(sight, end))
                    }
                    true => {
                        let start = at.saturating_sub(count);
                        (start..at, key_at(sight, start))
                    }
                }
            },
            columns,
        )
    }

    /// The key of the row at a position; None behind the last one.
    pub fn key_at(&self, position: usize) -> Result<Option<RowKey>> {
        Ok(self.sight()?.key_at(&self.core.plan, position))
    }

    /// Another number when rows came, went or changed: positions that were asked for before mean other rows
    /// then.
    pub fn changed(&self) -> Result<u64> {
        self.version()
    }

    /// The position of a row, or of the next one if the row is gone or its category collapsed; and whether the
    /// row is there.
    pub fn position_of(&self, key: &RowKey) -> Result<(usize, bool)> {
        Ok(self.sight()?.position_of(&self.core.plan, key))
    }

    /// The position of the row of an object, the first one if it has several; None if it has none.
    pub fn position_of_object(&self, object: RowObject) -> Result<Option<usize>> {
        Ok(self.sight()?.position_of_object(&self.core.plan, object))
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
        let plan = &self.core.plan;
        self.with_rows(|sight, reader| {
            let range = match backward {
                false => start.min(sight.len())..sight.len(),
                true => 0..start.saturating_add(1).min(sight.len()),
            };
            let texts = Searcher::reading(&self.mailbox, reader);
            let context = Context::new(&self.mailbox, reader, plan.folder).with_texts(&texts);
            match sight.lines {
                Some(_) => find::find_line(plan, &context, sight, range, backward, restriction),
                None => find::find(plan, &context, &sight.state.rows, range, backward, restriction),
            }
        })
    }

    /// The rows as this handle sees them now.
    fn sight(&self) -> Result<Sight> {
        let state = self.core.state(&self.mailbox)?;
        self.keep_to_budget();
        Ok(Sight::of(&self.core, state, self.handle, self.outline.lock().clone()))
    }

    /// Calls `read` with the rows and the state of the mailbox that they belong to; no lock is held.
    fn with_rows<T>(&self, read: impl Fn(&Sight, &dyn Reader) -> Result<T>) -> Result<T> {
        // A snapshot is lost when the engine had to be opened again below it, which is rare.
        const ATTEMPTS: usize = 3;
        let outline = self.outline.lock().clone();
        let mut attempt = 1;
        loop {
            let current = self.core.current(&self.mailbox);
            self.keep_to_budget();
            let done = current.and_then(|(state, snapshot)| {
                read(&Sight::of(&self.core, state, self.handle, outline.clone()), &*snapshot)
            });
            match done {
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

    /// Reads the rows that `choose` names, without a lock.
    fn read(
        &self,
        choose: impl Fn(&Sight) -> (std::ops::Range<usize>, Place),
        columns: &[PropertyTag],
    ) -> Result<Page> {
        self.with_rows(|sight, reader| {
            let (range, next) = choose(sight);
            let context = Context::new(&self.mailbox, reader, self.core.plan.folder);
            let (position, total) = (range.start, sight.len());
            let mut rows = Vec::with_capacity(range.len().min(4096));
            for position in range {
                rows.extend(self.row(&context, sight, position, columns)?);
            }
            Ok(Page { rows, position, total, next })
        })
    }

    /// A row with its cells. It is there in the state of the context, since the sight is of that state.
    fn row(
        &self,
        context: &Context<'_>,
        sight: &Sight,
        position: usize,
        columns: &[PropertyTag],
    ) -> Result<Option<Row>> {
        let plan = &self.core.plan;
        let Some(line) = sight.line(position) else { return Ok(None) };
        let (key, object) = (sight.key_of(plan, line), sight.object(plan, line));
        let cells = |source: &dyn RowSource| {
            columns.iter().map(|tag| RowSource::cell(source, *tag)).collect::<Result<_>>()
        };
        let cells = match line {
            Line::Leaf(at) => match plan.row(context, &sight.state.rows[at])? {
                Some(source) => cells(&*source)?,
                None => return Ok(None),
            },
            Line::Header(at) => match sight.header(plan, context, at) {
                Some(source) => cells(&source)?,
                None => return Ok(None),
            },
        };
        Ok(Some(Row { key, object, cells }))
    }
}

impl Drop for View {
    fn drop(&mut self) {
        if self.core.plan.categories > 0 {
            self.core.forget_lines(self.handle);
        }
        if let Some(name) = &self.name {
            registry::leave(&self.mailbox, name, &self.core);
        }
    }
}
