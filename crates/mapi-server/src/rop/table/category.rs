//! Categories: [MS-OXCTABL] 3.2.5.17 to 3.2.5.20. Contents tables only; what is expanded belongs to the table.

use mapi::ErrorCode;
use mapi_rop::table::{
    BookmarkBody, CollapseRowRequest, CollapseRowResponse, CollapseStateBody, ExpandRowRequest,
    ExpandRowResponse, GetCollapseStateRequest, row_size,
};
use store::table::{CategoryId, Toggled};

use super::reader::TableReader;
use crate::bookmark::Bookmarks;
use crate::call::Call;
use crate::error::Result;
use crate::handles::NodeId;
use crate::object::{Cursor, Table, TableKind, TableSource};

/// RopExpandRow ([MS-OXCTABL] 3.2.5.17). The rows that came stand behind the category's own; at most as many of
/// them are answered as were asked for and fit.
pub fn expand_row(
    call: &mut Call<'_>,
    input: NodeId,
    request: &ExpandRowRequest,
) -> Result<ExpandRowResponse> {
    let room = call.room.saturating_sub(EXPAND_ROW_OVERHEAD);
    let (position, count) = toggle(call, input, request.category, true)?;
    let reader = TableReader::new(call, input)?;
    let columns = reader.columns()?;
    let wanted = count.min(usize::from(request.max_row_count));
    let mut rows = reader.rows(position + 1..position + 1 + wanted, &columns)?;
    let (mut used, mut scratch) = (0, Vec::new());
    let fitting = rows.iter().take_while(|row| {
        used += row_size(row, &columns, &mut scratch);
        used <= room
    });
    let fitting = fitting.count();
    rows.truncate(fitting);
    let expanded_row_count = u32::try_from(count).unwrap_or(u32::MAX);
    Ok(ExpandRowResponse { expanded_row_count, columns, rows })
}

/// RopId, handle index, ReturnValue, ExpandedRowCount, RowCount.
const EXPAND_ROW_OVERHEAD: usize = 12;

/// RopCollapseRow ([MS-OXCTABL] 3.2.5.18).
pub fn collapse_row(
    call: &mut Call<'_>,
    input: NodeId,
    request: &CollapseRowRequest,
) -> Result<CollapseRowResponse> {
    let (_, count) = toggle(call, input, request.category, false)?;
    Ok(CollapseRowResponse { collapsed_row_count: u32::try_from(count).unwrap_or(u32::MAX) })
}

/// Expands or collapses a category: its position, and how many rows came or went.
fn toggle(
    call: &mut Call<'_>,
    input: NodeId,
    category: u64,
    expand: bool,
) -> Result<(usize, usize)> {
    let table = call.table(input)?;
    let source = categorised(table)?;
    table.need_columns()?;
    let toggled = source.view.expand(CategoryId::from_i64(category as i64), expand)?;
    let done = match toggled {
        Toggled::Done { position, rows } => (position, rows),
        // MS-OXCTABL R570, R576
        Toggled::Missing => return Err(ErrorCode::NOT_FOUND.into()),
        // MS-OXCTABL R571, R577
        Toggled::Already if expand => return Err(ErrorCode::NOT_COLLAPSED.into()),
        Toggled::Already => return Err(ErrorCode::NOT_EXPANDED.into()),
        Toggled::TooMany => return Err(ErrorCode::MAX_OBJS_EXCEEDED.into()),
    };
    table.recount(0)?;
    Ok(done)
}

/// RopGetCollapseState ([MS-OXCTABL] 3.2.5.19).
pub fn get_collapse_state(
    call: &mut Call<'_>,
    input: NodeId,
    request: &GetCollapseStateRequest,
) -> Result<CollapseStateBody> {
    let table = call.table(input)?;
    let source = categorised(table)?;
    table.need_columns()?;
    let state = source.view.keep_outline((request.row as i64, request.row_instance));
    Ok(CollapseStateBody { state: state.into() })
}

/// RopSetCollapseState ([MS-OXCTABL] 3.2.5.20). The state of another folder's table leaves the cursor where it is,
/// and its bookmark is none (R309).
pub fn set_collapse_state(
    call: &mut Call<'_>,
    input: NodeId,
    request: &CollapseStateBody,
) -> Result<BookmarkBody> {
    let table = call.table(input)?;
    let source = categorised(table)?;
    table.need_columns()?;
    // MS-OXCTABL R308
    let row = source.view.restore_outline(&request.state)?.map(Cursor::Row);
    let Some(row) = row else {
        table.recount(0)?;
        return Ok(BookmarkBody { bookmark: Bookmarks::invalid().into() });
    };
    table.recount(Bookmarks::cost(&row))?;
    table.cursor = row.clone();
    let bookmark = table.bookmarks.create(row).ok_or(ErrorCode::MAX_OBJS_EXCEEDED)?;
    Ok(BookmarkBody { bookmark: bookmark.into() })
}

/// The source of a table that may have categories (MS-OXCTABL R572, R578, R584, R590).
fn categorised(table: &Table) -> Result<&TableSource> {
    match (table.kind, &table.source) {
        (TableKind::Contents, Some(source)) => Ok(source),
        _ => Err(ErrorCode::NOT_SUPPORTED.into()),
    }
}
