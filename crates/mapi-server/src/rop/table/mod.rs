//! Tables ([MS-OXCTABL] 3.2.5). A table's cursor and its bookmarks name rows; positions are worked out for
//! each ROP.

mod category;
mod columns;
mod cursor;
mod open;
mod reader;
mod rows;

use std::sync::Arc;

use mapi::restriction::Relation;
use mapi::wire::Wire;
use mapi::{ErrorCode, PropertyTag, PropertyType, Restriction, SortOrder, SortOrderSet, tags};
use mapi_rop::table::{
    RestrictRequest, SetColumnsRequest, SortTableRequest, TableStatus, TableStatusResponse,
};

use store::Mailbox;
use store::table::{MAX_SORT, QueryRows, View};

pub use self::category::{collapse_row, expand_row, get_collapse_state, set_collapse_state};
pub use self::columns::query_columns_all;
pub use self::cursor::{
    create_bookmark, free_bookmark, query_position, seek_row, seek_row_bookmark,
    seek_row_fractional,
};
use self::open::view_of;
pub use self::open::{get_attachment_table, get_contents_table, get_hierarchy_table, open_list};
pub(crate) use self::reader::client_row;
pub use self::rows::{find_row, query_rows};
use crate::call::Call;
use crate::convert::stored_tag;
use crate::error::Result;
use crate::handles::NodeId;
use crate::object::{BASE_BYTES, Cursor, FailedSteps, Table, TableKind, TableSource};

const COMPLETE: TableStatusResponse = TableStatusResponse { status: TableStatus::Complete };

/// The most columns that a table takes.
const MAX_COLUMNS: usize = 1_000;

/// RopSetColumns ([MS-OXCTABL] 3.2.5.2).
pub fn set_columns(
    call: &mut Call<'_>,
    input: NodeId,
    request: &SetColumnsRequest,
) -> Result<TableStatusResponse> {
    let mailbox = call.mailbox()?;
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
    if let (TableKind::Contents, Some(source)) = (table.kind, &mut table.source) {
        let sort = expanding(&source.sort, Some(columns));
        // Other rows than there were (MS-OXCTABL R433).
        if sort != source.view.query().sort {
            source.view = source.view_by(&mailbox, &sort)?;
            table.notices.end();
            table.begin_anew()?;
        }
    }
    table.columns = Some(columns.as_slice().into());
    Ok(COMPLETE)
}

/// The sort order of a view whose rows are expanded for a column of instances: the last order, if the table is not
/// sorted by that property anyway.
fn expanding(sort: &SortOrderSet, columns: Option<&[PropertyTag]>) -> SortOrderSet {
    let mut sort = sort.clone();
    let orders = columns.into_iter().flatten().map(|tag| SortOrder::ascending(stored_tag(*tag)));
    for order in orders.filter(|order| order.is_instance()) {
        if !sort.orders.iter().any(|known| known.tag == order.tag) {
            sort.orders.push(order);
        }
    }
    sort
}

impl TableSource {
    fn view_by(&self, mailbox: &Arc<Mailbox>, sort: &SortOrderSet) -> Result<Arc<View>> {
        let (restriction, guard) = (self.restriction.as_ref(), self.guard.as_ref());
        view_of(mailbox, self.folder, self.rows, sort, restriction, guard)
    }
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
    let mailbox = call.mailbox()?;
    let table = call.table(input)?;
    let (TableKind::Contents, Some(source)) = (table.kind, &mut table.source) else {
        return Err(ErrorCode::NOT_SUPPORTED.into());
    };
    // Until a sort succeeds, there are no rows (MS-OXCTABL R443).
    table.failed.sort = true;
    let sort = stored_sort(&request.order)?;
    let expanding = expanding(&sort, table.columns.as_deref());
    source.view = source.view_by(&mailbox, &expanding)?;
    source.sort = sort;
    table.failed.sort = false;
    table.begin_anew()?;
    Ok(COMPLETE)
}

/// The sort order with text in the form that the store keeps.
fn stored_sort(order: &SortOrderSet) -> Result<SortOrderSet> {
    let count = order.orders.len();
    // MS-OXCTABL R63, R65
    if usize::from(order.categories) > count || usize::from(order.expanded) > count {
        return Err(ErrorCode::INVALID_PARAMETER.into());
    }
    if count > MAX_SORT {
        return Err(ErrorCode::TOO_COMPLEX.into());
    }
    if order.orders.iter().any(|order| !is_column(order.tag)) {
        return Err(ErrorCode::INVALID_PARAMETER.into());
    }
    let mut sort = order.clone();
    // MS-OXCTABL R67: more than all of them is all of them.
    sort.expanded = sort.expanded.min(sort.categories);
    sort.orders.iter_mut().for_each(|order| order.tag = stored_tag(order.tag));
    Ok(sort)
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
    // Until one succeeds, there are no rows (MS-OXCTABL R456).
    table.failed.restrict = true;
    let restriction = request.restriction.0.clone().map(|r| stored_restriction(r, code_page));
    // The next one counts for this one: a table holds one at a time.
    let bytes = restriction.as_ref().map_or(0, restriction_bytes);
    table.entry.resize(BASE_BYTES + bytes + table.bookmarks.held())?;
    table.restriction_bytes = bytes;
    source.view = view_of(
        &mailbox,
        source.folder,
        source.rows,
        &source.view.query().sort.clone(),
        restriction.as_ref(),
        source.guard.as_ref(),
    )?;
    // MS-OXCTABL R723
    let conversation = matches!(source.rows, QueryRows::Conversation { .. });
    if conversation && restriction.as_ref().is_some_and(is_conversation) && source.view.len()? == 0
    {
        return Err(CONVERSATION_NOT_FOUND.into());
    }
    source.restriction = restriction;
    table.failed.restrict = false;
    table.begin_anew()?;
    Ok(COMPLETE)
}

/// ecConversationNotFound ([MS-OXCTABL] 3.2.5.4).
const CONVERSATION_NOT_FOUND: ErrorCode = ErrorCode(0x0000_0496);

/// Whether a restriction says which conversation, and nothing else.
fn is_conversation(restriction: &Restriction) -> bool {
    matches!(restriction, Restriction::Property { relation: Relation::Equal, tag, .. }
        if tag.id() == tags::CONVERSATION_ID.id())
}

impl Table {
    /// To the beginning, and no bookmark is valid any more (MS-OXCTABL R439, R453, R561, R562).
    fn begin_anew(&mut self) -> Result<()> {
        self.cursor = Cursor::Beginning;
        self.bookmarks.clear();
        self.recount(0)
    }

    /// States the memory that the table holds, and that it is to hold `more`.
    fn recount(&mut self, more: u64) -> Result<()> {
        let outline = self.source.as_ref().map_or(0, |source| source.view.outline_bytes());
        let bytes = BASE_BYTES + self.restriction_bytes + self.bookmarks.held() + outline + more;
        Ok(self.entry.resize(bytes)?)
    }

    /// Refuses while the table has no rows, since a sort or a restriction failed.
    fn need_rows(&self) -> Result<()> {
        match self.failed == FailedSteps::default() {
            true => Ok(()),
            false => Err(ErrorCode::NULL_OBJECT.into()),
        }
    }

    /// Refuses before columns are set (MS-OXCTABL R428, R8261 to R8267).
    fn need_columns(&self) -> Result<()> {
        match self.columns {
            Some(_) => self.need_rows(),
            None => Err(ErrorCode::NULL_OBJECT.into()),
        }
    }

    /// Refuses on other tables than contents and hierarchy tables.
    fn need_folder_table(&self) -> Result<()> {
        match self.kind {
            TableKind::Contents | TableKind::Hierarchy => Ok(()),
            TableKind::Attachments | TableKind::Permissions { .. } | TableKind::Rules { .. } => {
                Err(ErrorCode::NOT_SUPPORTED.into())
            }
        }
    }
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
        TableKind::Attachments | TableKind::Permissions { .. } | TableKind::Rules { .. } => {
            Err(ErrorCode::NOT_SUPPORTED.into())
        }
        TableKind::Contents | TableKind::Hierarchy => Err(ErrorCode::ABORT_FAILED.into()),
    }
}

/// RopResetTable ([MS-OXCTABL] 3.2.5.16): no columns, no restriction, no sort order, no bookmarks, at the
/// beginning.
pub fn reset_table(call: &mut Call<'_>, input: NodeId) -> Result<()> {
    let mailbox = call.mailbox()?;
    let table = call.table(input)?;
    table.columns = None;
    if let Some(source) = &mut table.source {
        let sort = SortOrderSet::default();
        source.view =
            view_of(&mailbox, source.folder, source.rows, &sort, None, source.guard.as_ref())?;
        source.sort = sort;
        source.restriction = None;
    }
    table.restriction_bytes = 0;
    table.failed = FailedSteps::default();
    // Less is never refused.
    table.begin_anew()
}

/// A restriction with text in the form that the store keeps.
fn stored_restriction(restriction: Restriction, code_page: u32) -> Restriction {
    super::property::map_restriction(restriction, code_page)
}
