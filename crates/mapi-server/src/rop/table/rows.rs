//! Reading and finding rows ([MS-OXCTABL] 3.2.5.5, 3.2.5.14).

use mapi::ErrorCode;
use mapi_rop::table::{
    Bookmark, FindRowFlags, FindRowRequest, FindRowResponse, QUERY_ROWS_OVERHEAD, QueryRowsFlags,
    QueryRowsRequest, QueryRowsResponse, row_size,
};

use super::reader::TableReader;
use super::stored_restriction;
use crate::call::Call;
use crate::error::Result;
use crate::handles::NodeId;
use crate::object::Cursor;

/// How many rows are read from a view at once, so that a row count of 65,535 costs no more memory than an
/// answer can hold.
const ROWS_AT_ONCE: usize = 64;

/// RopQueryRows ([MS-OXCTABL] 3.2.5.5): as many whole rows as fit.
pub fn query_rows(
    call: &mut Call<'_>,
    input: NodeId,
    request: &QueryRowsRequest,
) -> Result<QueryRowsResponse> {
    let room = call.room.saturating_sub(QUERY_ROWS_OVERHEAD);
    let reader = TableReader::new(call, input)?;
    let mut attempts = 0;
    let (response, cursor) = loop {
        let before = reader.changed()?;
        let read = read_rows(&reader, request, room)?;
        // Other sessions may have changed the folder meanwhile. Then the positions in between were of
        // different states, and rows that were there all the time would be left out.
        attempts += 1;
        if attempts == MOST_READS || reader.changed()? == before {
            break read;
        }
    };
    if !request.flags.contains(QueryRowsFlags::NO_ADVANCE) {
        call.table(input)?.cursor = cursor;
    }
    Ok(response)
}

/// How often rows are read again because they changed while they were read.
const MOST_READS: u32 = 20;

/// Rows from the cursor on, and where the cursor stands behind them.
fn read_rows(
    reader: &TableReader<'_>,
    request: &QueryRowsRequest,
    room: usize,
) -> Result<(QueryRowsResponse, Cursor)> {
    // MS-OXCTABL R476
    let columns = reader.columns()?;
    let (position, len) = (reader.position()?, reader.len()?);
    let wanted = usize::from(request.row_count);
    // Backward, the rows are those before the cursor, in the table's order (MS-OXCTABL R469). If not all
    // fit, the nearest to the cursor are told, so that reading on skips none.
    let range = match request.forward_read {
        true => position..position.saturating_add(wanted).min(len),
        false => position.saturating_sub(wanted)..position,
    };
    let mut rows = Vec::new();
    let (mut used, mut scratch) = (0, Vec::new());
    let mut rest = range.clone();
    'full: while !rest.is_empty() {
        let part = match request.forward_read {
            true => rest.start..rest.end.min(rest.start + ROWS_AT_ONCE),
            false => rest.end.saturating_sub(ROWS_AT_ONCE).max(rest.start)..rest.end,
        };
        let mut read = reader.rows(part.clone(), &columns)?;
        // The view may have become shorter meanwhile.
        let short = read.len() < part.len();
        if !request.forward_read {
            read.reverse();
        }
        for row in read {
            let size = row_size(&row, &columns, &mut scratch);
            if used + size > room {
                break 'full;
            }
            used += size;
            rows.push(row);
        }
        if short {
            break;
        }
        match request.forward_read {
            true => rest.start = part.end,
            false => rest.end = part.start,
        }
    }
    // MS-OXCTABL R466: no row fits although there are some.
    if rows.is_empty() && !range.is_empty() && len > 0 && wanted > 0 {
        return Err(ErrorCode::BUFFER_TOO_SMALL.into());
    }
    if !request.forward_read {
        rows.reverse();
    }
    let end = match request.forward_read {
        true => range.start + rows.len(),
        false => range.end - rows.len(),
    };
    // MS-OXCTABL R725, R726. In both directions End where no more rows are, as Exchange says since 2010 (R897).
    let origin = match request.forward_read {
        true if end >= len => Bookmark::End,
        false if end == 0 => Bookmark::End,
        _ => Bookmark::Current,
    };
    let cursor = reader.cursor_at(end, len)?;
    Ok((QueryRowsResponse { origin, columns, rows }, cursor))
}

/// RopFindRow ([MS-OXCTABL] 3.2.5.14).
pub fn find_row(
    call: &mut Call<'_>,
    input: NodeId,
    request: &FindRowRequest,
) -> Result<FindRowResponse> {
    let room = call.room.saturating_sub(FIND_ROW_OVERHEAD);
    let code_page = call.session.locale.code_page;
    let reader = TableReader::new(call, input)?;
    let Some(source) = reader.table.source.as_ref() else {
        return Err(ErrorCode::NOT_SUPPORTED.into());
    };
    // MS-OXCTABL R428 (R826)
    let columns = reader.columns()?;
    let len = reader.len()?;
    let backward = request.flags.contains(FindRowFlags::BACKWARDS);
    let (start, visible) = match request.origin {
        Bookmark::Beginning => (0, true),
        Bookmark::Current => (reader.position()?.min(len), true),
        Bookmark::End => (len, true),
        // MS-OXCTABL R537, R538
        Bookmark::Custom => {
            let bookmark = reader.table.bookmarks.get(&request.bookmark);
            reader.locate(bookmark.ok_or(ErrorCode::INVALID_BOOKMARK)?)?
        }
        Bookmark::Unknown(_) => return Err(ErrorCode::INVALID_PARAMETER.into()),
    };
    // Backward, the search begins with the row before (MS-OXCTABL R241).
    let start = match backward {
        true => start.checked_sub(1).ok_or(ErrorCode::NOT_FOUND)?,
        false => start,
    };
    let found = match &request.restriction.0 {
        Some(restriction) => {
            let restriction = stored_restriction(restriction.clone(), code_page);
            source.view.find(start, backward, &restriction)?
        }
        None => (start < len).then_some(start),
    };
    // MS-OXCTABL R536
    let position = found.ok_or(ErrorCode::NOT_FOUND)?;
    let row = reader.rows(position..position + 1, &columns)?.pop();
    let row = row.filter(|row| row_size(row, &columns, &mut Vec::new()) <= room);
    let cursor = reader.cursor_at(position, len)?;
    call.table(input)?.cursor = cursor;
    Ok(FindRowResponse { row_no_longer_visible: !visible, columns, row })
}

/// RopId, handle index, ReturnValue, RowNoLongerVisible, HasRowData.
const FIND_ROW_OVERHEAD: usize = 8;
