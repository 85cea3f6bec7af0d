//! Notifications of tables ([MS-OXCNOTIF] 3.1.4.3). Each table of folders or messages subscribes by itself when
//! its rows are first asked for, unless it was opened without notifications.

use std::ops::RangeInclusive;
use std::sync::Arc;

use mapi::{FolderId, MessageId, PropertyRow, PropertyTag};
use mapi_rop::folder::TableFlags;
use mapi_rop::notification::{NotificationData, RowContent, RowId, TableEvent, TableEventType};
use mapi_rop::{Handle, RopId};
use store::StoreError;
use store::mailbox::changes::Change;
use store::notify::Own;
use store::table::{Changed, Follower, QueryRows, RowChange, RowName, RowObject, ToldRow};

use super::Feed;
use super::feed::Notice;
use crate::call::Call;
use crate::convert::{TextWish, stored_tag};
use crate::handles::{NodeId, Tree};
use crate::object::{Object, Table, TableKind, TableSource};
use crate::processor::Processor;
use crate::rop::permission::overlay_row;
use crate::rop::table::client_row;
use crate::session::SessionContext;

/// Bytes of rows that are told of one table at once; of more, the client is told to read it again.
const MOST_BYTES: usize = 64 << 10;
/// Bytes of one row: with more, it would not fit into an answer beside others.
const MOST_OF_ROW: usize = 16 << 10;

/// What a table is told of.
#[derive(Default)]
pub struct TableNotices {
    /// The client wants none.
    refused: bool,
    /// It wants none of what it does itself.
    others_only: bool,
    told: Option<Told>,
}

struct Told {
    follower: Follower,
    /// It shows messages of other folders.
    search: bool,
    /// Something happened that may have changed its rows.
    dirty: bool,
    /// Of the change log since it was told last, what its client did and is not to be told of.
    own: Vec<RangeInclusive<u64>>,
}

/// Changes of the client's own that are kept for one table; of more it is told.
const MAX_OWN: usize = 1024;

impl TableNotices {
    /// For a table that was opened with these flags.
    pub fn new(kind: TableKind, flags: TableFlags) -> TableNotices {
        // In contents tables the bit has another meaning ([MS-OXCFOLD] 2.2.1.13.1, 2.2.1.14.1).
        let others_only =
            kind == TableKind::Hierarchy && flags.contains(TableFlags::SUPPRESSES_NOTIFICATIONS);
        let refused = flags.contains(TableFlags::NO_NOTIFICATIONS);
        TableNotices { refused, others_only, told: None }
    }

    /// Ends what follows the rows, since the table has others now.
    pub fn end(&mut self) {
        self.told = None;
    }
}

/// Whether a ROP makes a table's view ([MS-OXCNOTIF] 3.1.4.3 R246 to R255).
fn makes_view(id: RopId) -> bool {
    matches!(
        id,
        RopId::CollapseRow
            | RopId::ExpandRow
            | RopId::FindRow
            | RopId::QueryColumnsAll
            | RopId::QueryPosition
            | RopId::QueryRows
            | RopId::SeekRow
            | RopId::SeekRowFractional
            | RopId::SeekRowBookmark
    )
}

/// Whether the view that a table had is no more: what changes is not told until another one is made (R272 to
/// R286). Whoever sorts or restricts reads the rows anew.
fn ends_view(id: RopId) -> bool {
    matches!(id, RopId::ResetTable | RopId::SortTable | RopId::Restrict | RopId::SetCollapseState)
}

/// Before a ROP is run: begins to follow the rows of its table, if the ROP makes a view. What changes while it
/// reads is told afterwards.
pub(crate) fn before(call: &mut Call<'_>, node: NodeId, id: RopId) -> Option<Begun> {
    if !makes_view(id) {
        return None;
    }
    let Some(Object::Table(table)) = call.tree.get(node) else { return None };
    let Table { notices, columns: Some(_), source: Some(source), .. } = &**table else {
        return None;
    };
    if notices.refused || notices.told.is_some() {
        return None;
    }
    let (view, folder) = (Arc::clone(&source.view), source.folder);
    // A failure shows with the ROP itself.
    call.listen().ok()?;
    let kind = store::folder::info(&*call.mailbox().ok()?, folder).ok()?.kind;
    let search = kind == store::folder::FolderKind::Search;
    Some(Begun(Told {
        follower: Follower::new(&view).ok()?,
        search,
        dirty: false,
        own: Vec::new(),
    }))
}

/// What follows the rows of a table whose view is being made.
pub(crate) struct Begun(Told);

/// After it: the table is told of what happens from now on, or of nothing.
pub(crate) fn after(
    call: &mut Call<'_>,
    node: NodeId,
    (id, failed): (RopId, bool),
    begun: Option<Begun>,
) {
    let Some(Object::Table(table)) = call.tree.get_mut(node) else { return };
    if ends_view(id) || table.columns.is_none() {
        table.notices.told = None;
    } else if let Some(Begun(told)) = begun
        && !failed
    {
        table.notices.told = Some(told);
    }
}

/// What a client's ROP did, for its tables that are not to be told of that.
pub(crate) fn done_by_client(tree: &mut Tree<Object>, own: Vec<Own>) {
    if own.is_empty() {
        return;
    }
    let logons: Vec<(u8, NodeId)> = tree.logons().collect();
    for (logon_id, node) in logons {
        let Some(Object::Logon(logon)) = tree.get(node) else { continue };
        let mailbox = logon.mailbox.number();
        let done = own.iter().filter(|own| own.mailbox == mailbox);
        let done: Vec<RangeInclusive<u64>> = done.map(|own| own.sequences.clone()).collect();
        for object in tree.objects_mut(logon_id) {
            if let Object::Table(table) = object
                && table.notices.others_only
                && let Some(told) = &mut table.notices.told
                && told.own.len() < MAX_OWN
            {
                told.own.extend(done.iter().cloned());
            }
        }
    }
}

/// Marks the tables whose rows a change may have touched; whether there is one.
pub(super) fn mark(tree: &mut Tree<Object>, logon_id: u8, changes: &[Change]) -> bool {
    let mut any = false;
    for object in tree.objects_mut(logon_id) {
        let Object::Table(table) = object else { continue };
        let Table { notices, source: Some(source), .. } = &mut **table else { continue };
        let Some(told) = &mut notices.told else { continue };
        let search = told.search;
        told.dirty |= changes.iter().any(|change| touches(source, search, change));
        any |= told.dirty;
    }
    any
}

/// Marks all tables that are told of something.
pub(super) fn mark_all(tree: &mut Tree<Object>, logon_id: u8) -> bool {
    let mut any = false;
    for object in tree.objects_mut(logon_id) {
        let Object::Table(table) = object else { continue };
        if let Some(told) = &mut table.notices.told {
            told.dirty = true;
            any = true;
        }
    }
    any
}

fn touches(source: &TableSource, search: bool, change: &Change) -> bool {
    match source.rows {
        QueryRows::Contents(_) => {
            search || [change.folder, change.old_folder].contains(&source.folder)
        }
        QueryRows::Conversation { .. } => true,
        // The counts in the rows move with every message.
        QueryRows::Hierarchy { .. } | QueryRows::DeletedHierarchy { .. } => true,
    }
}

/// Works out what happened to the marked tables, and puts it into the queue; false if some are left since the
/// queue is full.
pub(super) fn collect(
    processor: &Processor,
    session: &SessionContext,
    feed: &mut Feed,
    tree: &mut Tree<Object>,
    logon_id: u8,
) -> bool {
    let handles: Vec<Handle> = tree
        .handles(logon_id)
        .filter_map(|(handle, object)| match object {
            Object::Table(table) if table.notices.told.as_ref().is_some_and(|t| t.dirty) => {
                Some(handle)
            }
            _ => None,
        })
        .collect();
    for handle in handles {
        if feed.is_full() {
            return false;
        }
        let Ok(node) = tree.resolve(handle, logon_id) else { continue };
        for data in take(processor, session, tree, (logon_id, node)) {
            feed.add(processor, Notice { handle, data });
        }
    }
    true
}

fn take(
    processor: &Processor,
    session: &SessionContext,
    tree: &mut Tree<Object>,
    (logon_id, node): (u8, NodeId),
) -> Vec<NotificationData> {
    let Some(Object::Table(table)) = tree.get_mut(node) else { return Vec::new() };
    let wish = TextWish { unicode: table.unicode, code_page: session.locale.code_page };
    let Table { notices, columns: Some(columns), source: Some(source), .. } = &mut **table else {
        return Vec::new();
    };
    let Some(told) = &mut notices.told else { return Vec::new() };
    told.dirty = false;
    let (folder, columns) = (source.folder, columns.clone());
    let stored: Vec<PropertyTag> = columns.iter().map(|tag| stored_tag(*tag)).collect();
    let messages = source.rows.are_messages();
    let taken = told.follower.take_others(&stored, &std::mem::take(&mut told.own));
    if let Err(error) = &taken {
        // There is nothing to follow any more; whoever reads the table is told why.
        if !matches!(error, StoreError::NotFound(_)) {
            tracing::warn!(%error, "the changes of a table cannot be read");
        }
        notices.told = None;
    }
    let events = match taken {
        Ok(Changed::Rows(changes)) => {
            let call = Call { processor, session, tree, logon_id, room: 0 };
            overlaid(&call, changes, &stored)
                .and_then(|changes| rows(folder, changes, &columns, wish))
        }
        Ok(Changed::Everything) | Err(_) => None,
    };
    let events = events.unwrap_or_else(|| vec![everything()]);
    events.into_iter().map(|event| NotificationData::table(event, messages)).collect()
}

/// The rows with what depends on who reads them; None if that cannot be told.
fn overlaid(
    call: &Call<'_>,
    mut changes: Vec<RowChange>,
    columns: &[PropertyTag],
) -> Option<Vec<RowChange>> {
    for change in &mut changes {
        if let RowChange::Added(row) | RowChange::Modified(row) = change {
            overlay_row(call, row.name.object, columns, &mut row.cells).ok()?;
        }
    }
    Some(changes)
}

fn everything() -> TableEvent {
    TableEvent { event: TableEventType::Changed, row: None, content: None }
}

/// The events of rows; None if they are too long.
fn rows(
    folder: FolderId,
    changes: Vec<RowChange>,
    columns: &[PropertyTag],
    wish: TextWish,
) -> Option<Vec<TableEvent>> {
    let mut left = MOST_BYTES;
    let mut events = Vec::with_capacity(changes.len());
    for change in changes {
        let (event, row) = match change {
            RowChange::Deleted(name) => {
                let event = TableEventType::RowDeleted;
                events.push(TableEvent { event, row: Some(row_id(folder, name)), content: None });
                continue;
            }
            RowChange::Added(row) => (TableEventType::RowAdded, row),
            RowChange::Modified(row) => (TableEventType::RowModified, row),
        };
        let ToldRow { name, after, cells } = row;
        let row = client_row(columns, cells, wish);
        let bytes = encoded(&row, columns);
        if bytes.len() > MOST_OF_ROW {
            return None;
        }
        left = left.checked_sub(bytes.len())?;
        let id = row_id(folder, name);
        let first = match id.message {
            Some(_) => RowId { folder: FolderId::NONE, message: Some((MessageId::NONE, 0)) },
            None => RowId { folder: FolderId::NONE, message: None },
        };
        let after = after.map_or(first, |name| row_id(folder, name));
        let content = Some(RowContent { after, row: bytes.into() });
        events.push(TableEvent { event, row: Some(id), content });
    }
    Some(events)
}

fn encoded(row: &PropertyRow, columns: &[PropertyTag]) -> Vec<u8> {
    let mut bytes = Vec::new();
    mapi::wire::WireWith::write_with(row, &mut bytes, columns);
    bytes
}

fn row_id(folder: FolderId, name: RowName) -> RowId {
    match name.object {
        RowObject::Message(id) => RowId { folder, message: Some((id, name.instance)) },
        RowObject::Folder(id) => RowId { folder: id, message: None },
        // As its PidTagInstID shows it.
        RowObject::Category(id) => {
            let id = MessageId::from_i64(id.to_i64());
            RowId { folder, message: Some((id, name.instance)) }
        }
    }
}
