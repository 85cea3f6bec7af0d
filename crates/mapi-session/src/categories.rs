//! Bookmarks and categories of a table ([MS-OXCTABL] 2.2.2.10 to 2.2.2.20).

use mapi_rop::RopRequest;
use mapi_rop::table::{
    BookmarkBody, CollapseRowRequest, CollapseStateBody, ExpandRowRequest, GetCollapseStateRequest,
    SeekRowBookmarkRequest,
};

use crate::Result;
use crate::object::answer;
use crate::table::Table;

/// Names a row of one table until the table is sorted, restricted or reset, or goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableBookmark(Vec<u8>);

impl Table {
    /// A bookmark of the row at the cursor. It stays until it is freed or invalid.
    pub fn create_bookmark(&self) -> Result<TableBookmark> {
        let request = RopRequest::CreateBookmark(Default::default());
        Ok(TableBookmark(answer!(self.object.call(request), CreateBookmark).bookmark.bytes))
    }

    /// Moves the cursor to a bookmark and by rows from there, backwards if negative: by how many it moved; and
    /// whether the row of the bookmark is there. If it is not, the next row takes its place.
    ///
    /// Fails with ecNullObject before there are columns, see [`Table::set_columns`].
    pub fn seek_bookmark(&self, bookmark: &TableBookmark, rows: i32) -> Result<(i32, bool)> {
        let request = SeekRowBookmarkRequest {
            bookmark: bookmark.0.clone().into(),
            row_count: rows,
            want_row_moved_count: true,
        };
        let answer =
            answer!(self.object.call(RopRequest::SeekRowBookmark(request)), SeekRowBookmark);
        Ok((answer.rows_sought, !answer.row_no_longer_visible))
    }

    pub fn free_bookmark(&self, bookmark: TableBookmark) -> Result<()> {
        let request = BookmarkBody { bookmark: bookmark.0.into() };
        answer!(self.object.call(RopRequest::FreeBookmark(request)), FreeBookmark);
        Ok(())
    }

    /// Expands a category, by the PidTagInstID of its row: how many rows came.
    pub fn expand(&self, category: i64) -> Result<u32> {
        let request = ExpandRowRequest { max_row_count: 0, category: category as u64 };
        let request = RopRequest::ExpandRow(request);
        Ok(answer!(self.object.call(request), ExpandRow).expanded_row_count)
    }

    /// Collapses a category, by the PidTagInstID of its row: how many rows went.
    pub fn collapse(&self, category: i64) -> Result<u32> {
        let request = RopRequest::CollapseRow(CollapseRowRequest { category: category as u64 });
        Ok(answer!(self.object.call(request), CollapseRow).collapsed_row_count)
    }

    /// What is expanded, and a row by its PidTagInstID and PidTagInstanceNum, for [`Table::set_collapse_state`] on
    /// this or another table of the same order and restriction.
    pub fn collapse_state(&self, row: i64, instance: u32) -> Result<Vec<u8>> {
        let request = GetCollapseStateRequest { row: row as u64, row_instance: instance };
        let request = RopRequest::GetCollapseState(request);
        Ok(answer!(self.object.call(request), GetCollapseState).state.bytes)
    }

    /// Expands and collapses as it was when the state was kept; the cursor goes to the row that was kept along,
    /// which the bookmark names.
    pub fn set_collapse_state(&self, state: &[u8]) -> Result<TableBookmark> {
        let request = CollapseStateBody { state: state.to_vec().into() };
        let request = RopRequest::SetCollapseState(request);
        Ok(TableBookmark(answer!(self.object.call(request), SetCollapseState).bookmark.bytes))
    }
}
