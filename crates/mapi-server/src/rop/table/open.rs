//! Opening tables: [MS-OXCFOLD] 3.2.5.13 and 3.2.5.14, [MS-OXCMSG] 3.2.5.17.

use std::sync::Arc;

use mapi::{ErrorCode, Restriction, SortOrderSet};
use mapi_rop::folder::{GetTableRequest, GetTableResponse, TableFlags};
use mapi_rop::message::{AttachmentTableFlags, GetAttachmentTableRequest};
use mapi_rop::parts::Empty;
use store::Mailbox;
use store::table::{Contents, Query, QueryRows as Rows};

use crate::bookmark::Bookmarks;
use crate::call::{Call, Opened};
use crate::error::Result;
use crate::handles::NodeId;
use crate::ledger::Kind;
use crate::notify::TableNotices;
use crate::object::{Cursor, FailedSteps, Object, Table, TableKind, TableSource};
use crate::rop::permission;

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
    if has(CONVERSATION_MEMBERS) {
        return conversation(call, input, request.flags);
    }
    let contents = match (has(TableFlags::ASSOCIATED), has(TableFlags::SOFT_DELETES)) {
        (false, false) => Contents::Normal,
        (true, false) => Contents::Associated,
        (false, true) => Contents::SoftDeleted,
        (true, true) => Contents::SoftDeletedAssociated,
    };
    open(call, input, TableKind::Contents, Rows::Contents(contents), request.flags)
}

/// The messages of one conversation, once RopRestrict says which one (R1174, [MS-OXCTABL] 3.1.4.6).
fn conversation(
    call: &mut Call<'_>,
    input: NodeId,
    flags: TableFlags,
) -> Result<Opened<GetTableResponse>> {
    // MS-OXCFOLD R1024: neither FAI messages nor deleted ones.
    let others = [TableFlags::ASSOCIATED, TableFlags::SOFT_DELETES];
    if others.into_iter().any(|flag| flags.contains(flag)) {
        return Err(ErrorCode::INVALID_PARAMETER.into());
    }
    let folder = call.folder(input, ErrorCode::NOT_SUPPORTED)?;
    // MS-OXCFOLD R1025
    let everywhere = store::table::conversation_scope(&*call.mailbox()?, folder);
    let everywhere = everywhere.ok_or(ErrorCode::NOT_SUPPORTED)?;
    // What a delegate may read is said folder by folder, and these are rows of all of them.
    if everywhere && !call.is_full() {
        return Err(ErrorCode::ACCESS_DENIED.into());
    }
    open(call, input, TableKind::Contents, Rows::Conversation { everywhere }, flags)
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
    let guard = permission::guard(call, folder, kind == TableKind::Contents)?;
    let view = view_of(&call.mailbox()?, folder, rows, &sort, None, guard.as_ref())?;
    let row_count = u32::try_from(view.len()?).unwrap_or(u32::MAX);
    let table = Table {
        kind,
        source: Some(TableSource { folder, rows, sort, restriction: None, guard, view }),
        columns: None,
        cursor: Cursor::Beginning,
        bookmarks: Bookmarks::default(),
        failed: FailedSteps::default(),
        notices: TableNotices::new(kind, flags),
        restriction_bytes: 0,
        unicode: flags.contains(TableFlags::USE_UNICODE),
        entry: call.count(Kind::Table)?,
    };
    call.open(None, Object::Table(Box::new(table)), GetTableResponse { row_count })
}

pub(super) fn view_of(
    mailbox: &Arc<Mailbox>,
    folder: mapi::FolderId,
    rows: Rows,
    sort: &SortOrderSet,
    restriction: Option<&Restriction>,
    guard: Option<&Restriction>,
) -> Result<Arc<store::table::View>> {
    // Without a conversation there are no rows, whoever asks.
    let guard =
        guard.filter(|_| restriction.is_some() || !matches!(rows, Rows::Conversation { .. }));
    let restriction = match (restriction, guard) {
        (Some(restriction), Some(guard)) => {
            Some(Restriction::And(vec![guard.clone(), restriction.clone()]))
        }
        (one, other) => one.or(other).cloned(),
    };
    let query = Query { folder, rows, sort: sort.clone(), restriction };
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
    let unicode = request.flags.contains(AttachmentTableFlags::UNICODE);
    open_list(call, Some(input), TableKind::Attachments, unicode)
}

/// A table whose rows are no query: they stand in a list that is small, and is read for each ROP.
pub fn open_list(
    call: &mut Call<'_>,
    owner: Option<NodeId>,
    kind: TableKind,
    unicode: bool,
) -> Result<Opened<Empty>> {
    let table = Table {
        kind,
        source: None,
        columns: None,
        cursor: Cursor::Beginning,
        bookmarks: Bookmarks::default(),
        failed: FailedSteps::default(),
        notices: TableNotices::default(),
        restriction_bytes: 0,
        unicode,
        entry: call.count(Kind::Table)?,
    };
    call.open(owner, Object::Table(Box::new(table)), Empty)
}
