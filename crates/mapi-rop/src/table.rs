//! Tables ([MS-OXCROPS] 2.2.5).

use mapi::row::PropertyRow;
use mapi::sort::SortOrderSet;
use mapi::wire::{Counted, Reader, SizedBytes, Wire, WireError, WireWith};
use mapi::{ErrorCode, PropertyTag};

use crate::parts::{AnswerBody, Columns, SizedRestriction};

rop_flags! {
    /// [MS-OXCTABL] 2.2.2.1.4
    pub struct AsyncFlags: u8 {
        TBL_ASYNC = 0x01,
    }

    /// [MS-OXCTABL] 2.2.2.5.1
    pub struct QueryRowsFlags: u8 {
        NO_ADVANCE = 0x01,
        ENABLE_PACKED_BUFFERS = 0x02,
    }

    /// [MS-OXCTABL] 2.2.2.14.1
    pub struct FindRowFlags: u8 {
        BACKWARDS = 0x01,
    }
}

rop_enum! {
    /// [MS-OXCTABL] 2.2.2.1.1 and 2.2.2.1.2
    pub enum Bookmark: u8 {
        Beginning = 0x00,
        Current = 0x01,
        End = 0x02,
        /// The bookmark whose bytes stand in the request.
        Custom = 0x03,
    }

    /// [MS-OXCTABL] 2.2.2.1.3
    pub enum TableStatus: u8 {
        Complete = 0x00,
        Sorting = 0x09,
        SortError = 0x0a,
        SettingColumns = 0x0b,
        SetColumnsError = 0x0d,
        Restricting = 0x0e,
        RestrictError = 0x0f,
    }
}

rop_struct! {
    /// [MS-OXCROPS] 2.2.5.1.1
    pub struct SetColumnsRequest {
        pub flags: AsyncFlags,
        pub columns: Counted<u16, PropertyTag>,
    }

    /// The answer of RopSetColumns, RopSortTable, RopRestrict, RopAbort and RopGetStatus
    /// ([MS-OXCROPS] 2.2.5.1.2 and others).
    pub struct TableStatusResponse {
        pub status: TableStatus,
    }

    /// [MS-OXCROPS] 2.2.5.2.1
    pub struct SortTableRequest {
        pub flags: AsyncFlags,
        pub order: SortOrderSet,
    }

    /// [MS-OXCROPS] 2.2.5.3.1
    pub struct RestrictRequest {
        pub flags: AsyncFlags,
        /// None takes an earlier restriction away.
        pub restriction: SizedRestriction,
    }

    /// [MS-OXCROPS] 2.2.5.4.1
    pub struct QueryRowsRequest {
        pub flags: QueryRowsFlags,
        pub forward_read: bool,
        /// The most rows to answer.
        pub row_count: u16,
    }

    /// [MS-OXCROPS] 2.2.5.7.2
    pub struct QueryPositionResponse {
        pub numerator: u32,
        pub denominator: u32,
    }

    /// [MS-OXCROPS] 2.2.5.8.1
    pub struct SeekRowRequest {
        pub origin: Bookmark,
        pub row_count: i32,
        pub want_row_moved_count: bool,
    }

    /// [MS-OXCROPS] 2.2.5.8.2
    pub struct SeekRowResponse {
        pub has_sought_less: bool,
        pub rows_sought: i32,
    }

    /// [MS-OXCROPS] 2.2.5.9.1
    pub struct SeekRowBookmarkRequest {
        pub bookmark: SizedBytes<u16>,
        pub row_count: i32,
        pub want_row_moved_count: bool,
    }

    /// [MS-OXCROPS] 2.2.5.9.2
    pub struct SeekRowBookmarkResponse {
        pub row_no_longer_visible: bool,
        pub has_sought_less: bool,
        pub rows_sought: i32,
    }

    /// [MS-OXCROPS] 2.2.5.10.1
    pub struct SeekRowFractionalRequest {
        pub numerator: u32,
        pub denominator: u32,
    }

    /// The answer of RopCreateBookmark ([MS-OXCROPS] 2.2.5.11.2) and RopSetCollapseState (2.2.5.19.2),
    /// and the request of RopFreeBookmark (2.2.5.14.1).
    pub struct BookmarkBody {
        pub bookmark: SizedBytes<u16>,
    }

    /// The answer of RopQueryColumnsAll ([MS-OXCROPS] 2.2.5.12.2) and RopGetPropertiesList (2.2.8.5.2).
    pub struct TagsResponse {
        pub tags: Counted<u16, PropertyTag>,
    }

    /// [MS-OXCROPS] 2.2.5.13.1
    pub struct FindRowRequest {
        pub flags: FindRowFlags,
        pub restriction: SizedRestriction,
        pub origin: Bookmark,
        pub bookmark: SizedBytes<u16>,
    }

    /// [MS-OXCROPS] 2.2.5.16.1
    pub struct ExpandRowRequest {
        pub max_row_count: u16,
        pub category: u64,
    }

    /// [MS-OXCROPS] 2.2.5.17.1
    pub struct CollapseRowRequest {
        pub category: u64,
    }

    /// [MS-OXCROPS] 2.2.5.17.2
    pub struct CollapseRowResponse {
        pub collapsed_row_count: u32,
    }

    /// [MS-OXCROPS] 2.2.5.18.1
    pub struct GetCollapseStateRequest {
        pub row: u64,
        pub row_instance: u32,
    }

    /// The answer of RopGetCollapseState ([MS-OXCROPS] 2.2.5.18.2) and the request of
    /// RopSetCollapseState (2.2.5.19.1).
    pub struct CollapseStateBody {
        pub state: SizedBytes<u16>,
    }
}

/// [MS-OXCROPS] 2.2.5.4.2. The rows have the table's columns; see [`row_size`] for how many fit.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryRowsResponse {
    pub origin: Bookmark,
    pub columns: Columns,
    pub rows: Vec<PropertyRow>,
}

/// [MS-OXCROPS] 2.2.5.13.2
#[derive(Debug, Clone, PartialEq)]
pub struct FindRowResponse {
    pub row_no_longer_visible: bool,
    pub columns: Columns,
    pub row: Option<PropertyRow>,
}

/// [MS-OXCROPS] 2.2.5.16.2
#[derive(Debug, Clone, PartialEq)]
pub struct ExpandRowResponse {
    pub expanded_row_count: u32,
    pub columns: Columns,
    pub rows: Vec<PropertyRow>,
}

/// How many bytes a row takes on the wire; `scratch` is written over.
pub fn row_size(row: &PropertyRow, columns: &[PropertyTag], scratch: &mut Vec<u8>) -> usize {
    scratch.clear();
    row.write_with(scratch, columns);
    scratch.len()
}

/// Bytes of a RopQueryRows answer without rows: RopId, handle index, ReturnValue, Origin, RowCount.
pub const QUERY_ROWS_OVERHEAD: usize = 9;

fn read_rows(r: &mut Reader<'_>, columns: &Columns) -> Result<Vec<PropertyRow>, WireError> {
    let count = usize::from(u16::read(r)?);
    let mut rows = Vec::with_capacity(r.capacity(count, size_of::<PropertyRow>()));
    for _ in 0..count {
        rows.push(PropertyRow::read_with(r, columns)?);
    }
    Ok(rows)
}

fn write_rows(w: &mut Vec<u8>, rows: &[PropertyRow], columns: &Columns) {
    let count = u16::try_from(rows.len()).unwrap_or(u16::MAX);
    count.write(w);
    rows.iter().take(usize::from(count)).for_each(|row| row.write_with(w, columns));
}

impl AnswerBody for QueryRowsResponse {
    fn read_body(r: &mut Reader<'_>, _: ErrorCode, columns: &Columns) -> Result<Self, WireError> {
        let origin = Bookmark::read(r)?;
        Ok(QueryRowsResponse { origin, rows: read_rows(r, columns)?, columns: columns.clone() })
    }
    fn write_body(&self, w: &mut Vec<u8>) {
        self.origin.write(w);
        write_rows(w, &self.rows, &self.columns);
    }
}

impl AnswerBody for FindRowResponse {
    fn read_body(r: &mut Reader<'_>, _: ErrorCode, columns: &Columns) -> Result<Self, WireError> {
        let row_no_longer_visible = bool::read(r)?;
        let row = match bool::read(r)? {
            true => Some(PropertyRow::read_with(r, columns)?),
            false => None,
        };
        Ok(FindRowResponse { row_no_longer_visible, columns: columns.clone(), row })
    }
    fn write_body(&self, w: &mut Vec<u8>) {
        self.row_no_longer_visible.write(w);
        self.row.is_some().write(w);
        if let Some(row) = &self.row {
            row.write_with(w, &self.columns);
        }
    }
}

impl AnswerBody for ExpandRowResponse {
    fn read_body(r: &mut Reader<'_>, _: ErrorCode, columns: &Columns) -> Result<Self, WireError> {
        Ok(ExpandRowResponse {
            expanded_row_count: u32::read(r)?,
            rows: read_rows(r, columns)?,
            columns: columns.clone(),
        })
    }
    fn write_body(&self, w: &mut Vec<u8>) {
        self.expanded_row_count.write(w);
        write_rows(w, &self.rows, &self.columns);
    }
}

#[cfg(any(test, feature = "sample"))]
mod samples {
    use super::*;
    use crate::sample::{Sample, Source, row_of};

    impl Sample for QueryRowsResponse {
        fn sample(source: &mut Source<'_>) -> Self {
            let columns = Columns::sample(source);
            let origin = Bookmark::sample(source);
            QueryRowsResponse { origin, rows: source.some(|s| row_of(s, &columns)), columns }
        }
    }

    impl Sample for FindRowResponse {
        fn sample(source: &mut Source<'_>) -> Self {
            let columns = Columns::sample(source);
            FindRowResponse {
                row_no_longer_visible: Sample::sample(source),
                row: bool::sample(source).then(|| row_of(source, &columns)),
                columns,
            }
        }
    }

    impl Sample for ExpandRowResponse {
        fn sample(source: &mut Source<'_>) -> Self {
            let columns = Columns::sample(source);
            ExpandRowResponse {
                expanded_row_count: Sample::sample(source),
                rows: source.some(|s| row_of(s, &columns)),
                columns,
            }
        }
    }
}
