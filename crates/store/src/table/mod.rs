//! Tables: shared views of a folder's messages or of a hierarchy, sorted and restricted.

pub(crate) mod registry;

use std::sync::Arc;

use mapi::{Cell, FolderId, MessageId, PropertyTag, Restriction, SortOrderSet};

use crate::{Mailbox, Result, StoreError};

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
    #[allow(dead_code, reason = "records of messages use it")]
    pub(crate) fn to_byte(self) -> u8 {
        u8::from(self.is_associated()) | u8::from(self.is_deleted()) << 1
    }

    #[allow(dead_code, reason = "records of messages use it")]
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

/// A shared, versioned, evictable view. It follows changes: each call sees what is durable then.
pub struct View {
    _private: (),
}

/// The view of a query; the same query on the same mailbox shares one.
///
/// Errors: [`StoreError::NotFound`] without the folder; [`StoreError::Invalid`] for a sort order or
/// restriction that makes no sense.
pub fn open(_mailbox: &Arc<Mailbox>, _query: Query) -> Result<Arc<View>> {
    Err(StoreError::NotImplemented("table::open"))
}

impl View {
    /// Rows now.
    pub fn len(&self) -> Result<usize> {
        Err(StoreError::NotImplemented("View::len"))
    }

    /// At most `count` rows from a position on, with the cells of `columns`.
    pub fn rows(&self, _start: usize, _count: usize, _columns: &[PropertyTag]) -> Result<Vec<Row>> {
        Err(StoreError::NotImplemented("View::rows"))
    }

    /// At most `count` rows before a position, in the view's order.
    pub fn key_at(&self, _position: usize) -> Result<Option<RowKey>> {
        Err(StoreError::NotImplemented("View::key_at"))
    }

    /// The position of a row, or of the next one if the row is gone; and whether the row is there.
    pub fn position_of(&self, _key: &RowKey) -> Result<(usize, bool)> {
        Err(StoreError::NotImplemented("View::position_of"))
    }

    /// The first row at or behind `start` (at or before it if `backward`) that fulfils a restriction.
    pub fn find(
        &self,
        _start: usize,
        _backward: bool,
        _restriction: &Restriction,
    ) -> Result<Option<usize>> {
        Err(StoreError::NotImplemented("View::find"))
    }
}
