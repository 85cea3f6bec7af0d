//! The cursor and what names other rows than its own: [MS-OXCTABL] 3.2.5.8 to 3.2.5.12, 3.2.5.15.

use mapi::ErrorCode;
use mapi_rop::table::{
    Bookmark, BookmarkBody, QueryPositionResponse, SeekRowBookmarkRequest, SeekRowBookmarkResponse,
    SeekRowFractionalRequest, SeekRowRequest, SeekRowResponse,
};

use super::reader::TableReader;
use crate::bookmark::Bookmarks;
use crate::call::Call;
use crate::error::Result;
use crate::handles::NodeId;

/// RopQueryPosition ([MS-OXCTABL] 3.2.5.8).
pub fn query_position(call: &mut Call<'_>, input: NodeId) -> Result<QueryPositionResponse> {
    let reader = TableReader::new(call, input)?;
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let len = reader.len()?;
    Ok(QueryPositionResponse {
        numerator: number(reader.position()?.min(len)),
        denominator: number(len),
    })
}

/// RopSeekRow ([MS-OXCTABL] 3.2.5.9).
pub fn seek_row(
    call: &mut Call<'_>,
    input: NodeId,
    request: &SeekRowRequest,
) -> Result<SeekRowResponse> {
    let reader = TableReader::new(call, input)?;
    let len = reader.len()?;
    let from = match request.origin {
        Bookmark::Beginning => 0,
        Bookmark::Current => reader.position()?.min(len),
        Bookmark::End => len,
        Bookmark::Custom | Bookmark::Unknown(_) => {
            return Err(ErrorCode::INVALID_PARAMETER.into());
        }
    };
    seek(call, input, from, request.row_count, request.want_row_moved_count)
}

/// RopSeekRowBookmark ([MS-OXCTABL] 3.2.5.10): contents and hierarchy tables (R512).
pub fn seek_row_bookmark(
    call: &mut Call<'_>,
    input: NodeId,
    request: &SeekRowBookmarkRequest,
) -> Result<SeekRowBookmarkResponse> {
    let reader = TableReader::new(call, input)?;
    reader.table.need_folder_table()?;
    reader.table.need_columns()?;
    // MS-OXCTABL R511
    let bookmark = reader.table.bookmarks.get(&request.bookmark);
    // MS-OXCTABL R506: from the next row, if the row itself is gone.
    let (from, visible) = reader.locate(bookmark.ok_or(ErrorCode::INVALID_BOOKMARK)?)?;
    let SeekRowResponse { has_sought_less, rows_sought } =
        seek(call, input, from, request.row_count, request.want_row_moved_count)?;
    Ok(SeekRowBookmarkResponse { row_no_longer_visible: !visible, has_sought_less, rows_sought })
}

/// Moves the cursor `count` rows from a position on.
fn seek(
    call: &mut Call<'_>,
    input: NodeId,
    from: usize,
    count: i32,
    want_moved: bool,
) -> Result<SeekRowResponse> {
    let reader = TableReader::new(call, input)?;
    let len = reader.len()?;
    let from = from.min(len);
    let to = (from as i64).saturating_add(i64::from(count)).clamp(0, len as i64);
    let moved = to - from as i64;
    let cursor = reader.cursor_at(to as usize, len)?;
    call.table(input)?.cursor = cursor;
    // MS-OXCTABL R497
    let has_sought_less = want_moved && moved != i64::from(count);
    Ok(SeekRowResponse { has_sought_less, rows_sought: moved as i32 })
}

/// RopSeekRowFractional ([MS-OXCTABL] 3.2.5.11), as Exchange does it since 2010 SP1 (R914).
pub fn seek_row_fractional(
    call: &mut Call<'_>,
    input: NodeId,
    request: &SeekRowFractionalRequest,
) -> Result<()> {
    let reader = TableReader::new(call, input)?;
    // MS-OXCTABL R206
    if request.denominator == 0 {
        return Err(ErrorCode::INVALID_PARAMETER.into());
    }
    let len = reader.len()?;
    // MS-OXCTABL R514 to R516
    let position = match request.numerator >= request.denominator {
        true => len,
        false => {
            let rows = len as u128 * u128::from(request.numerator);
            (rows / u128::from(request.denominator)) as usize
        }
    };
    let cursor = reader.cursor_at(position, len)?;
    call.table(input)?.cursor = cursor;
    Ok(())
}

/// RopCreateBookmark ([MS-OXCTABL] 3.2.5.12): contents and hierarchy tables (R529).
pub fn create_bookmark(call: &mut Call<'_>, input: NodeId) -> Result<BookmarkBody> {
    let reader = TableReader::new(call, input)?;
    reader.table.need_folder_table()?;
    reader.table.need_rows()?;
    let at = reader.name_of(reader.position()?)?;
    let table = call.table(input)?;
    table.recount(Bookmarks::cost(&at))?;
    let bookmark = table.bookmarks.create(at);
    table.recount(0)?;
    let bookmark = bookmark.ok_or(ErrorCode::MAX_OBJS_EXCEEDED)?;
    Ok(BookmarkBody { bookmark: bookmark.into() })
}

/// RopFreeBookmark ([MS-OXCTABL] 3.2.5.15): contents tables too, as Exchange does since 2010 (R549).
pub fn free_bookmark(call: &mut Call<'_>, input: NodeId, request: &BookmarkBody) -> Result<()> {
    let table = call.table(input)?;
    table.need_folder_table()?;
    table.need_columns()?;
    // MS-OXCTABL R5521
    match table.bookmarks.free(&request.bookmark) {
        true => table.recount(0),
        false => Err(ErrorCode::INVALID_BOOKMARK.into()),
    }
}
