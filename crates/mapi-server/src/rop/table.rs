//! Tables ([MS-OXCTABL] 3.2.5). A table's cursor names a row; positions are worked out for each ROP.

use std::ops::Range;
use std::sync::Arc;

use mapi::wire::{Counted, Wire};
use mapi::{
    Cell, ErrorCode, PropertyRow, PropertyTag, PropertyType, PropertyValue, Restriction,
    SortOrderSet, tags,
};
use mapi_rop::folder::{GetTableRequest, GetTableResponse, TableFlags};
use mapi_rop::message::{AttachmentTableFlags, GetAttachmentTableRequest};
use mapi_rop::parts::{Columns, Empty};
use mapi_rop::table::{
    Bookmark, FindRowFlags, FindRowRequest, FindRowResponse, QUERY_ROWS_OVERHEAD,
    QueryPositionResponse, QueryRowsFlags, QueryRowsRequest, QueryRowsResponse, RestrictRequest,
    SeekRowRequest, SeekRowResponse, SetColumnsRequest, SortTableRequest, TableStatus,
    TableStatusResponse, TagsResponse, row_size,
};
use store::Mailbox;
use store::table::{Contents, Query, QueryRows as Rows};

use crate::call::{Call, Opened};
use crate::convert::{TextWish, cell_of, stored_tag, to_client, truncate};
use crate::error::Result;
use crate::handles::NodeId;
use crate::ledger::Kind;
use crate::object::{BASE_BYTES, Cursor, Object, Table, TableKind, TableSource};

/// RopGetHierarchyTable ([MS-OXCFOLD] 3.2.5.13).
pub fn get_hierarchy_table(
    call: &mut Call<'_>,
    input: NodeId,
    request: &GetTableRequest,
) -> Result<Opened<GetTableResponse>> {
    const VALID: u8 = 0xfc;
    // MS-OXCFOLD R314
    if request.flags.0 & !VALID != 0 {
        return Err(ErrorCode::NOT_SUPPORTED.into());
    }
    let depth = request.flags.contains(TableFlags::DEPTH);
    // MS-OXCFOLD R806
    let rows = match request.flags.contains(TableFlags::SOFT_DELETES) {
        false => Rows::Hierarchy { depth },
        true => Rows::DeletedHierarchy { depth },
    };
    open(call, input, TableKind::Hierarchy, rows, request.flags)
}

/// RopGetContentsTable ([MS-OXCFOLD] 3.2.5.14).
pub fn get_contents_table(
    call: &mut Call<'_>,
    input: NodeId,
    request: &GetTableRequest,
) -> Result<Opened<GetTableResponse>> {
    const VALID: u8 = 0xfa;
    /// The bit that hierarchy tables have for SuppressesNotifications.
    const CONVERSATION_MEMBERS: TableFlags = TableFlags::SUPPRESSES_NOTIFICATIONS;
    let has = |flag| request.flags.contains(flag);
    // MS-OXCFOLD R330
    if request.flags.0 & !VALID != 0 {
        return Err(ErrorCode::INVALID_PARAMETER.into());
    }
    // A table of one conversation has other rows than the folder; no view makes them yet (R1174).
    if has(CONVERSATION_MEMBERS) {
        return Err(ErrorCode::NOT_SUPPORTED.into());
    }
    let contents = match (has(TableFlags::ASSOCIATED), has(TableFlags::SOFT_DELETES)) {
        (false, false) => Contents::Normal,
        (true, false) => Contents::Associated,
        (false, true) => Contents::SoftDeleted,
        (true, true) => Contents::SoftDeletedAssociated,
    };
    open(call, input, TableKind::Contents, Rows::Contents(contents), request.flags)
}

fn open(
    call: &mut Call<'_>,
    input: NodeId,
    kind: TableKind,
    rows: Rows,
    flags: TableFlags,
) -> Result<Opened<GetTableResponse>> {
    let folder = call.folder(input, ErrorCode::NOT_SUPPORTED)?;
    let sort = SortOrderSet::default();
    let view = view_of(&call.mailbox()?, folder, rows, &sort, None)?;
    let row_count = u32::try_from(view.len()?).unwrap_or(u32::MAX);
    let table = Table {
        kind,
        source: Some(TableSource { folder, rows, sort, restriction: None, view }),
        columns: None,
        cursor: Cursor::Beginning,
        unicode: flags.contains(TableFlags::USE_UNICODE),
        entry: call.count(Kind::Table)?,
    };
    call.open(None, Object::Table(Box::new(table)), GetTableResponse { row_count })
}

fn view_of(
    mailbox: &Arc<Mailbox>,
    folder: mapi::FolderId,
    rows: Rows,
    sort: &SortOrderSet,
    restriction: Option<&Restriction>,
) -> Result<Arc<store::table::View>> {
    let query = Query { folder, rows, sort: sort.clone(), restriction: restriction.cloned() };
    Ok(store::table::open(mailbox, query)?)
}

/// RopGetAttachmentTable ([MS-OXCMSG] 3.2.5.17). The table shows the attachments that its message has in
/// the client's hands, saved or not.
pub fn get_attachment_table(
    call: &mut Call<'_>,
    input: NodeId,
    request: &GetAttachmentTableRequest,
) -> Result<Opened<Empty>> {
    call.message(input)?;
    let table = Table {
        kind: TableKind::Attachments,
        source: None,
        columns: None,
        cursor: Cursor::Beginning,
        unicode: request.flags.contains(AttachmentTableFlags::UNICODE),
        entry: call.count(Kind::Table)?,
    };
    call.open(Some(input), Object::Table(Box::new(table)), Empty)
}

const COMPLETE: TableStatusResponse = TableStatusResponse { status: TableStatus::Complete };

/// The most columns that a table takes.
const MAX_COLUMNS: usize = 1_000;

/// RopSetColumns ([MS-OXCTABL] 3.2.5.2).
pub fn set_columns(
    call: &mut Call<'_>,
    input: NodeId,
    request: &SetColumnsRequest,
) -> Result<TableStatusResponse> {
    let table = call.table(input)?;
    // A failure takes the earlier columns away (MS-OXCTABL R429).
    table.columns = None;
    let columns = &request.columns.items;
    // MS-OXCTABL R49, R435
    if columns.is_empty() || columns.iter().any(|tag| !is_column(*tag)) {
        return Err(ErrorCode::INVALID_PARAMETER.into());
    }
    if columns.len() > MAX_COLUMNS {
        return Err(ErrorCode::TOO_MANY_COLUMNS.into());
    }
    table.columns = Some(columns.as_slice().into());
    Ok(COMPLETE)
}

/// A column has a type that values can have; PtypUnspecified and PtypErrorCode are none of these
/// (MS-OXCTABL R435).
fn is_column(tag: PropertyTag) -> bool {
    let kind = tag.property_type();
    let plain = PropertyType(kind.0 & !PropertyType::MULTI_VALUE_INSTANCE);
    let instance = kind != plain;
    plain.name().is_some()
        && !matches!(
            plain,
            PropertyType::UNSPECIFIED | PropertyType::ERROR_CODE | PropertyType::NULL
        )
        && (!instance || plain.is_multi_value())
}

/// RopSortTable ([MS-OXCTABL] 3.2.5.3): contents tables only (R450).
pub fn sort_table(
    call: &mut Call<'_>,
    input: NodeId,
    request: &SortTableRequest,
) -> Result<TableStatusResponse> {
    let order = &request.order;
    let mailbox = call.mailbox()?;
    let table = call.table(input)?;
    let (TableKind::Contents, Some(source)) = (table.kind, &mut table.source) else {
        return Err(ErrorCode::NOT_SUPPORTED.into());
    };
    let count = order.orders.len();
    // MS-OXCTABL R63, R65
    if usize::from(order.categories) > count || usize::from(order.expanded) > count {
        return Err(ErrorCode::INVALID_PARAMETER.into());
    }
    // Categories are rows of their own, which no view makes yet.
    if order.categories > 0 {
        return Err(ErrorCode::TOO_COMPLEX.into());
    }
    if order.orders.iter().any(|order| !is_column(order.tag)) {
        return Err(ErrorCode::INVALID_PARAMETER.into());
    }
    let mut sort = order.clone();
    sort.orders.iter_mut().for_each(|order| order.tag = stored_tag(order.tag));
    source.view =
        view_of(&mailbox, source.folder, source.rows, &sort, source.restriction.as_ref())?;
    source.sort = sort;
    // MS-OXCTABL R439
    table.cursor = Cursor::Beginning;
    Ok(COMPLETE)
}

/// RopRestrict ([MS-OXCTABL] 3.2.5.4): contents and hierarchy tables (R461).
pub fn restrict(
    call: &mut Call<'_>,
    input: NodeId,
    request: &RestrictRequest,
) -> Result<TableStatusResponse> {
    let mailbox = call.mailbox()?;
    let code_page = call.session.locale.code_page;
    let table = call.table(input)?;
    let Some(source) = &mut table.source else { return Err(ErrorCode::NOT_SUPPORTED.into()) };
    let restriction = request.restriction.0.clone().map(|r| stored_restriction(r, code_page));
    // The next one counts for this one: a table holds one at a time.
    table.entry.resize(BASE_BYTES + restriction.as_ref().map_or(0, restriction_bytes))?;
    source.view =
        view_of(&mailbox, source.folder, source.rows, &source.sort, restriction.as_ref())?;
    source.restriction = restriction;
    // MS-OXCTABL R453
    table.cursor = Cursor::Beginning;
    Ok(COMPLETE)
}

/// Bytes of memory that a restriction takes at most: it stands in the table, in the view, and as bytes in the
/// view's name, and its shortest condition, of five bytes, takes a whole node.
fn restriction_bytes(restriction: &Restriction) -> u64 {
    const NODE: usize = size_of::<Restriction>();
    (restriction.to_wire().len() * (2 * NODE.div_ceil(5) + 1)) as u64
}

/// RopGetStatus ([MS-OXCTABL] 3.2.5.7). Everything is done when it is answered, so nothing is under way.
pub fn get_status(call: &mut Call<'_>, input: NodeId) -> Result<TableStatusResponse> {
    call.table(input)?;
    Ok(COMPLETE)
}

/// RopAbort ([MS-OXCTABL] 3.2.5.6): there is nothing to abort (R485).
pub fn abort(call: &mut Call<'_>, input: NodeId) -> Result<TableStatusResponse> {
    match call.table(input)?.kind {
        // MS-OXCTABL R486
        TableKind::Attachments => Err(ErrorCode::NOT_SUPPORTED.into()),
        TableKind::Contents | TableKind::Hierarchy => Err(ErrorCode::ABORT_FAILED.into()),
    }
}

/// RopResetTable ([MS-OXCTABL] 3.2.5.15): no columns, no restriction, no sort order, at the beginning.
pub fn reset_table(call: &mut Call<'_>, input: NodeId) -> Result<()> {
    let mailbox = call.mailbox()?;
    let table = call.table(input)?;
    table.columns = None;
    table.cursor = Cursor::Beginning;
    if let Some(source) = &mut table.source {
        let sort = SortOrderSet::default();
        source.view = view_of(&mailbox, source.folder, source.rows, &sort, None)?;
        source.sort = sort;
        source.restriction = None;
        // Less is never refused.
        table.entry.resize(BASE_BYTES)?;
    }
    Ok(())
}

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
    // MS-OXCTABL R725, R784, R726
    let origin = match request.forward_read {
        true if end >= len => Bookmark::End,
        false if end == 0 => Bookmark::Beginning,
        _ => Bookmark::Current,
    };
    let cursor = reader.cursor_at(end, len)?;
    Ok((QueryRowsResponse { origin, columns, rows }, cursor))
}

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
    let to = (from as i64).saturating_add(i64::from(request.row_count)).clamp(0, len as i64);
    let moved = to - from as i64;
    let cursor = reader.cursor_at(to as usize, len)?;
    call.table(input)?.cursor = cursor;
    // MS-OXCTABL R497
    let has_sought_less = request.want_row_moved_count && moved != i64::from(request.row_count);
    Ok(SeekRowResponse { has_sought_less, rows_sought: moved as i32 })
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
    let start = match request.origin {
        Bookmark::Beginning => 0,
        Bookmark::Current => reader.position()?.min(len),
        Bookmark::End => len,
        // No bookmark was ever made (MS-OXCTABL R537).
        Bookmark::Custom => return Err(ErrorCode::INVALID_BOOKMARK.into()),
        Bookmark::Unknown(_) => return Err(ErrorCode::INVALID_PARAMETER.into()),
    };
    // Backward, the search begins with the row before the cursor.
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
    Ok(FindRowResponse { row_no_longer_visible: false, columns, row })
}

/// RopId, handle index, ReturnValue, RowNoLongerVisible, HasRowData.
const FIND_ROW_OVERHEAD: usize = 8;

/// RopQueryColumnsAll ([MS-OXCTABL] 3.2.5.13).
pub fn query_columns_all(call: &mut Call<'_>, input: NodeId) -> Result<TagsResponse> {
    let columns: &[PropertyTag] = match call.table(input)?.kind {
        TableKind::Contents => CONTENTS_COLUMNS,
        TableKind::Hierarchy => HIERARCHY_COLUMNS,
        TableKind::Attachments => ATTACHMENT_COLUMNS,
    };
    Ok(TagsResponse { tags: Counted::from(columns.to_vec()) })
}

/// The columns that every contents table can show. Any other property of a message can be asked for too.
const CONTENTS_COLUMNS: &[PropertyTag] = &[
    tags::FOLDER_ID,
    tags::MID,
    tags::INST_ID,
    tags::INSTANCE_NUM,
    tags::ENTRY_ID,
    tags::INSTANCE_KEY,
    tags::RECORD_KEY,
    tags::SEARCH_KEY,
    tags::SOURCE_KEY,
    tags::CHANGE_KEY,
    tags::CHANGE_NUMBER,
    tags::MESSAGE_CLASS,
    tags::SUBJECT,
    tags::NORMALIZED_SUBJECT,
    tags::CONVERSATION_TOPIC,
    tags::SENDER_NAME,
    tags::SENT_REPRESENTING_NAME,
    tags::DISPLAY_TO,
    tags::DISPLAY_CC,
    tags::MESSAGE_DELIVERY_TIME,
    tags::CLIENT_SUBMIT_TIME,
    tags::CREATION_TIME,
    tags::LAST_MODIFICATION_TIME,
    tags::MESSAGE_SIZE,
    tags::MESSAGE_FLAGS,
    tags::MESSAGE_STATUS,
    tags::HAS_ATTACHMENTS,
    tags::IMPORTANCE,
    tags::SENSITIVITY,
    tags::ICON_INDEX,
];

const HIERARCHY_COLUMNS: &[PropertyTag] = &[
    tags::FOLDER_ID,
    tags::PARENT_FOLDER_ID,
    tags::DISPLAY_NAME,
    tags::COMMENT,
    tags::CONTAINER_CLASS,
    tags::FOLDER_TYPE,
    tags::CONTENT_COUNT,
    tags::CONTENT_UNREAD_COUNT,
    tags::SUBFOLDERS,
    tags::DEPTH,
    tags::ENTRY_ID,
    tags::INSTANCE_KEY,
    tags::RECORD_KEY,
    tags::SOURCE_KEY,
    tags::CHANGE_KEY,
    tags::CREATION_TIME,
    tags::LAST_MODIFICATION_TIME,
    tags::MESSAGE_SIZE,
];

const ATTACHMENT_COLUMNS: &[PropertyTag] = &[
    tags::ATTACH_NUMBER,
    tags::ATTACH_METHOD,
    tags::ATTACH_SIZE,
    tags::ATTACH_FILENAME,
    tags::ATTACH_LONG_FILENAME,
    tags::ATTACH_MIME_TAG,
    tags::DISPLAY_NAME,
    tags::RENDERING_POSITION,
    tags::OBJECT_TYPE,
];

/// Reads rows and positions of a table, whatever it shows.
struct TableReader<'a> {
    table: &'a Table,
    /// Of the message, for an attachment table.
    attachments: &'a [store::message::Attachment],
    wish: TextWish,
}

impl<'a> TableReader<'a> {
    fn new(call: &'a Call<'_>, node: NodeId) -> Result<Self> {
        let Some(Object::Table(table)) = call.tree.get(node) else {
            return Err(ErrorCode::NOT_SUPPORTED.into());
        };
        let message = call.tree.owner(node).and_then(|owner| call.tree.get(owner));
        let (attachments, wish) = match message {
            Some(Object::Message(message)) => (
                message.edit.body.attachments.as_slice(),
                TextWish { unicode: table.unicode, code_page: message.code_page },
            ),
            _ => (&[][..], call.wish(table.unicode)),
        };
        Ok(TableReader { table, attachments, wish })
    }

    fn columns(&self) -> Result<Columns> {
        Ok(self.table.columns.clone().ok_or(ErrorCode::NULL_OBJECT)?)
    }

    fn len(&self) -> Result<usize> {
        Ok(match &self.table.source {
            Some(source) => source.view.len()?,
            None => self.attachments.len(),
        })
    }

    /// Another number when the rows of a folder's table changed.
    fn changed(&self) -> Result<u64> {
        match &self.table.source {
            Some(source) => Ok(source.view.changed()?),
            None => Ok(0),
        }
    }

    fn position(&self) -> Result<usize> {
        Ok(match (&self.table.cursor, &self.table.source) {
            (Cursor::Beginning, _) => 0,
            (Cursor::Row(key), Some(source)) => source.view.position_of(key)?.0,
            (Cursor::Attachment(number), _) => {
                self.attachments.partition_point(|attachment| attachment.number < *number)
            }
            (Cursor::End | Cursor::Row(_), _) => self.len()?,
        })
    }

    /// The cursor that stands at a position.
    fn cursor_at(&self, position: usize, len: usize) -> Result<Cursor> {
        if position == 0 {
            return Ok(Cursor::Beginning);
        }
        if position >= len {
            return Ok(Cursor::End);
        }
        let cursor = match &self.table.source {
            Some(source) => source.view.key_at(position)?.map(Cursor::Row),
            None => self.attachments.get(position).map(|a| Cursor::Attachment(a.number)),
        };
        Ok(cursor.unwrap_or(Cursor::End))
    }

    fn rows(&self, range: Range<usize>, columns: &[PropertyTag]) -> Result<Vec<PropertyRow>> {
        let Some(source) = &self.table.source else {
            let attachments = self.attachments.get(range).unwrap_or_default();
            let row = |attachment| {
                PropertyRow::from_cells(
                    columns.iter().map(|tag| self.attachment_cell(attachment, *tag)).collect(),
                )
            };
            return Ok(attachments.iter().map(row).collect());
        };
        let stored: Vec<PropertyTag> = columns.iter().map(|tag| stored_tag(*tag)).collect();
        let rows = source.view.rows(range.start, range.len(), &stored)?;
        let client_cell = |(tag, cell)| match cell {
            Cell::Value(value) => self.client_cell(value, tag),
            // [MS-OXCDATA] 2.11.5: a property that the row does not have is an error with ecNotFound.
            Cell::Absent => Cell::Error(ErrorCode::NOT_FOUND),
            Cell::Error(code) => Cell::Error(code),
        };
        let row = |row: store::table::Row| {
            let cells = columns.iter().copied().zip(row.cells).map(client_cell).collect();
            PropertyRow::from_cells(cells)
        };
        Ok(rows.into_iter().map(row).collect())
    }

    fn client_cell(&self, value: PropertyValue, tag: PropertyTag) -> Cell {
        match to_client(value, tag, self.wish) {
            Ok(value) => Cell::Value(truncate(value)),
            Err(code) => Cell::Error(code),
        }
    }

    fn attachment_cell(&self, attachment: &store::message::Attachment, tag: PropertyTag) -> Cell {
        let value = super::attachment::get(attachment, tag);
        match cell_of(value, tag, self.wish) {
            Cell::Value(value) => Cell::Value(truncate(value)),
            other => other,
        }
    }
}

/// A restriction with text in the form that the store keeps.
fn stored_restriction(restriction: Restriction, code_page: u32) -> Restriction {
    super::property::map_restriction(restriction, code_page)
}
