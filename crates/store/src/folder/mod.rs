//! Folders: the hierarchy, their properties, and what is done to whole folders.

use std::ops::ControlFlow;

use mapi::{ChangeNumber, ErrorCode, FileTime, FolderId, PropertyProblem, PropertyTag, tags};

use crate::engine::{self, Direction, KeyRange, Reader, Space};
use crate::keys::{self, Kind};
use crate::mailbox::changes::{Change, ChangeKind};
use crate::mailbox::read_state;
use crate::mailbox::store_properties::problem;
use crate::mailbox::writer::{self, Tx};
use crate::record::folder::{FolderRecord, FolderState};
use crate::record::{parts, properties};
use crate::value::{Properties, Value};
use crate::{Mailbox, Result, StoreError, large, permission};

pub(crate) mod computed;
mod copy;
mod delete;
mod soft;
mod work;

pub use computed::is_computed;
pub(crate) use copy::copy_empty;
pub use copy::{Part, contains, copy_to, move_to, names_collide};
pub(crate) use delete::remove_detached;
pub(crate) use delete::{begin_removal, remove_some};
pub use delete::{delete, empty};
pub(crate) use soft::{deleted_child_ids, is_soft_deleted, settle};
pub use soft::{recover, restore};
pub use work::Work;

/// Characters of a display name at most, as Exchange has it.
const MAX_NAME: usize = 255;
/// Folders above a folder at most.
pub(crate) const MAX_DEPTH: usize = 128;

/// PidTagFolderType ([MS-OXCFOLD] 2.2.2.2.2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderKind {
    Root,
    Generic,
    Search,
}

/// What a folder's record says, with its counters as of the same moment.
#[derive(Debug, Clone, PartialEq)]
pub struct FolderInfo {
    pub id: FolderId,
    /// The root is its own parent.
    pub parent: FolderId,
    pub kind: FolderKind,
    pub display_name: String,
    pub change: ChangeNumber,
    /// Messages, without associated and soft-deleted ones.
    pub contents: u32,
    pub unread: u32,
    pub associated: u32,
    pub soft_deleted: u32,
    /// Bytes of all messages, associated ones included, soft-deleted ones not.
    pub size: u64,
    /// Bytes of the soft-deleted ones.
    pub deleted_size: u64,
    /// Soft-deleted folders directly in it.
    pub deleted_children: u32,
    /// When it was soft-deleted, by itself or with a folder above; None if it was not.
    pub deleted: Option<FileTime>,
    /// Direct children.
    pub children: u32,
    /// Messages ever deleted (PidTagDeletedCountTotal).
    pub deleted_total: u32,
    pub created: FileTime,
    /// PidTagLocalCommitTimeMax: the newest change in the folder.
    pub last_commit: FileTime,
    pub uid_validity: u32,
    pub uid_next: u32,
    /// Sequence of the newest change of the folder or its contents.
    pub sequence: u64,
}

/// A folder to be made.
#[derive(Debug, Clone, Default)]
pub struct NewFolder {
    pub display_name: String,
    pub comment: String,
    /// PidTagContainerClass; that of the parent if None.
    pub container_class: Option<String>,
    /// A folder of that name is no error.
    pub open_existing: bool,
    /// It shows what it finds in other folders, once it has criteria ([`search::set`](crate::search::set)).
    pub search: bool,
    /// The mailbox of who makes it, where that is another one: he has all rights in it.
    pub creator: Option<mapi::Guid>,
    /// More properties, such as an import brings.
    pub properties: Properties,
}

/// What [`create`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Created {
    pub id: FolderId,
    pub existed: bool,
}

/// What may go when a folder is deleted or emptied ([MS-OXCFOLD] 2.2.1.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeleteOptions {
    /// Messages in it, else [`StoreError::NotEmpty`].
    pub messages: bool,
    /// Folders in it, else [`StoreError::NotEmpty`].
    pub folders: bool,
    /// For good; else messages are kept as soft-deleted.
    pub hard: bool,
    /// Associated messages as well (emptying).
    pub associated: bool,
}

/// Makes a folder.
///
/// Errors: [`StoreError::NotFound`] without the parent, [`StoreError::DuplicateName`],
/// [`StoreError::Invalid`] for an empty name, [`StoreError::TooBig`] for a long one,
/// [`StoreError::SearchFolder`] for a parent that is one, which has no folders in it.
pub fn create(mailbox: &Mailbox, parent: FolderId, new: &NewFolder) -> Result<Created> {
    let name = check_name(&new.display_name)?;
    let mut given = new.properties.clone();
    let computed: Vec<PropertyTag> = given.tags().filter(|tag| is_stored_by_record(*tag)).collect();
    computed.into_iter().for_each(|tag| drop(given.remove(tag)));
    if !new.comment.is_empty() {
        given.set(tags::COMMENT, new.comment.as_str());
    }
    large::store_properties(&mailbox.store, &mut given)?;
    writer::write(mailbox, |tx| {
        if let Some(existing) = find_child(tx.mailbox, tx.reader(), parent, name)? {
            return match new.open_existing {
                true => Ok(Created { id: existing, existed: true }),
                false => Err(StoreError::DuplicateName),
            };
        }
        if tx.folder(parent)?.kind == FolderKind::Search {
            return Err(StoreError::SearchFolder);
        }
        if depth(tx, parent)? >= MAX_DEPTH {
            return Err(StoreError::TooBig {
                what: "depth of folders",
                size: MAX_DEPTH as u64 + 1,
                limit: MAX_DEPTH as u64,
            });
        }
        let mut properties = given.clone();
        let class = match &new.container_class {
            Some(class) => Some(Value::from(class.as_str())),
            None => properties_of(tx.mailbox, tx.reader(), parent)?
                .0
                .get(tags::CONTAINER_CLASS)
                .cloned(),
        };
        if let Some(class) = class
            && properties.get(tags::CONTAINER_CLASS).is_none()
        {
            properties.set(tags::CONTAINER_CLASS, class);
        }
        let kind = match new.search {
            true => FolderKind::Search,
            false => FolderKind::Generic,
        };
        let id = insert(tx, parent, name, kind, &properties)?;
        permission::inherit(tx, parent, id, new.creator)?;
        Ok(Created { id, existed: false })
    })
}

/// Adds a folder under a parent that has no child of that name.
pub(crate) fn insert(
    tx: &mut Tx<'_>,
    parent: FolderId,
    name: &str,
    kind: FolderKind,
    properties: &Properties,
) -> Result<FolderId> {
    let id = tx.next_folder()?;
    let change = tx.next_change()?;
    let now = tx.now;
    let record = FolderRecord {
        parent,
        kind,
        state: FolderState::Present,
        change,
        contents: 0,
        unread: 0,
        associated: 0,
        soft_deleted: 0,
        size: 0,
        children: 0,
        deleted_total: 0,
        created: now,
        modified: now,
        last_commit: now,
        // Grows with each folder, so a folder that takes the name of a deleted one is told apart from it.
        uid_validity: id.counter.get() as u32,
        uid_next: 1,
        sequence: tx.next_sequence(),
        name: name.into(),
        deleted_size: 0,
        deleted_children: 0,
        deleted: FileTime(0),
    };
    tx.add_folder(id, record);
    tx.folder(parent)?.children += 1;
    tx.put(keys::child(tx.mailbox.number(), parent, name), keys::fid(id));
    put_properties(tx, id, properties, 0);
    large::mark_folder(tx, id, &Properties::new(), properties)?;
    tx.log(Change::of_folder(ChangeKind::FolderCreated, id, change))?;
    Ok(id)
}

/// The folder's record. A soft-deleted folder can be read, and says that it is.
///
/// Errors: [`StoreError::NotFound`].
pub fn info(mailbox: &Mailbox, id: FolderId) -> Result<FolderInfo> {
    Ok(to_info(id, readable(mailbox, mailbox.reader(), id)?))
}

/// Messages that a folder shows and the one who asks has not read. In public folders they are counted.
///
/// Errors: [`StoreError::NotFound`].
pub fn unread(mailbox: &Mailbox, id: FolderId) -> Result<u32> {
    let record = readable(mailbox, mailbox.reader(), id)?;
    let own = read_state::unread(mailbox, mailbox.reader(), id, record.kind)?;
    Ok(own.unwrap_or(record.unread))
}

/// The child of that name, case-insensitively.
pub fn child_by_name(mailbox: &Mailbox, parent: FolderId, name: &str) -> Result<Option<FolderId>> {
    find_child(mailbox, mailbox.reader(), parent, name)
}

/// The direct children, by name; soft-deleted ones only of a soft-deleted folder, which went with it.
pub fn children(mailbox: &Mailbox, parent: FolderId) -> Result<Vec<FolderInfo>> {
    let reader = mailbox.store.engine().snapshot()?;
    readable(mailbox, &*reader, parent)?;
    let mut children = Vec::new();
    for id in child_ids(mailbox, &*reader, parent)? {
        children.push(to_info(id, readable(mailbox, &*reader, id)?));
    }
    children.sort_by_cached_key(|child| keys::fold_name(&child.display_name));
    Ok(children)
}

/// Values by id, stored and computed, in the order of the tags; None where there is none.
pub fn get(mailbox: &Mailbox, id: FolderId, tags: &[PropertyTag]) -> Result<Vec<Option<Value>>> {
    let reader = mailbox.reader();
    let view = computed::FolderView::new(mailbox, reader, id, readable(mailbox, reader, id)?);
    tags.iter().map(|tag| view.get(*tag)).collect()
}

/// Every property that the folder has, computed ones included.
pub fn tags(mailbox: &Mailbox, id: FolderId) -> Result<Vec<PropertyTag>> {
    let reader = mailbox.reader();
    computed::FolderView::new(mailbox, reader, id, readable(mailbox, reader, id)?).tags()
}

/// Sets properties at once; those that cannot be set (computed ones) come back as problems.
///
/// Errors: [`StoreError::DuplicateName`] for a new display name.
pub fn set(
    mailbox: &Mailbox,
    id: FolderId,
    values: Vec<(PropertyTag, Value)>,
) -> Result<Vec<PropertyProblem>> {
    let (accepted, problems) = split_computed(values, is_computed);
    let mut new: Properties = accepted.into_iter().collect();
    let name = match new.remove(tags::DISPLAY_NAME) {
        Some(name) => {
            let text = name.inline().and_then(|value| value.as_text()).cloned();
            Some(text.ok_or(StoreError::Invalid("a display name is a text"))?)
        }
        None => None,
    };
    let name = name.as_ref().map(|text| text.to_string_lossy());
    let name = name.as_deref().map(check_name).transpose()?;
    if new.is_empty() && name.is_none() {
        info(mailbox, id)?;
        return Ok(problems);
    }
    large::store_properties(&mailbox.store, &mut new)?;
    change(mailbox, id, |tx, properties| {
        if let Some(name) = name {
            rename(tx, id, name)?;
        }
        for (id, value) in new.iter() {
            properties.set_id(id, value.clone());
        }
        Ok(())
    })?;
    Ok(problems)
}

pub fn delete_properties(
    mailbox: &Mailbox,
    id: FolderId,
    tags: &[PropertyTag],
) -> Result<Vec<PropertyProblem>> {
    let fixed = |tag: PropertyTag| is_stored_by_record(tag);
    let problems = computed_problems(tags, fixed);
    change(mailbox, id, |_, properties| {
        for tag in tags.iter().filter(|tag| !fixed(**tag)) {
            properties.remove(*tag);
        }
        Ok(())
    })?;
    Ok(problems)
}

/// Edits a folder's properties under a new change number.
fn change(
    mailbox: &Mailbox,
    id: FolderId,
    edit: impl Fn(&mut Tx<'_>, &mut Properties) -> Result<()>,
) -> Result<()> {
    writer::write(mailbox, |tx| {
        let before_name = tx.folder(id)?.name.clone();
        let (mut properties, old_parts) = properties_of(tx.mailbox, tx.reader(), id)?;
        let before = properties.clone();
        edit(tx, &mut properties)?;
        if properties == before && tx.folder(id)?.name == before_name {
            return Ok(());
        }
        let change = tx.next_change()?;
        let now = tx.now;
        let record = tx.folder(id)?;
        record.change = change;
        record.modified = now;
        if properties != before {
            put_properties(tx, id, &properties, old_parts);
            large::mark_folder(tx, id, &before, &properties)?;
        }
        tx.log(Change::of_folder(ChangeKind::FolderModified, id, change))?;
        Ok(())
    })
}

fn rename(tx: &mut Tx<'_>, id: FolderId, name: &str) -> Result<()> {
    let record = tx.folder(id)?;
    let (parent, old) = (record.parent, record.name.clone());
    if old == name {
        return Ok(());
    }
    if record.kind == FolderKind::Root {
        return Err(StoreError::Access);
    }
    let existing = find_child(tx.mailbox, tx.reader(), parent, name)?;
    if existing.is_some_and(|existing| existing != id) {
        return Err(StoreError::DuplicateName);
    }
    tx.delete(keys::child(tx.mailbox.number(), parent, &old));
    tx.put(keys::child(tx.mailbox.number(), parent, name), keys::fid(id));
    tx.folder(id)?.name = name.into();
    Ok(())
}

/// The record of a folder of the hierarchy.
///
/// Errors: [`StoreError::NotFound`], also for one that is soft-deleted or being removed.
pub(crate) fn record(mailbox: &Mailbox, reader: &dyn Reader, id: FolderId) -> Result<FolderRecord> {
    any(mailbox, reader, id)?
        .filter(|record| record.state == FolderState::Present)
        .ok_or(StoreError::NotFound("folder"))
}

/// The record of a folder that can be read: one of the hierarchy, or a soft-deleted one.
///
/// Errors: [`StoreError::NotFound`], also for one that is being removed.
pub(crate) fn readable(
    mailbox: &Mailbox,
    reader: &dyn Reader,
    id: FolderId,
) -> Result<FolderRecord> {
    any(mailbox, reader, id)?
        .filter(|record| record.state != FolderState::Detached)
        .ok_or(StoreError::NotFound("folder"))
}

/// A folder's record, whatever its state.
pub(crate) fn any(
    mailbox: &Mailbox,
    reader: &dyn Reader,
    id: FolderId,
) -> Result<Option<FolderRecord>> {
    let bytes = reader.get(Space::Mailbox, &keys::folder(mailbox.number(), id))?;
    Ok(bytes.map(|bytes| FolderRecord::read(&bytes)).transpose()?)
}

/// The stored properties and how many parts they have.
pub(crate) fn properties_of(
    mailbox: &Mailbox,
    reader: &dyn Reader,
    id: FolderId,
) -> Result<(Properties, usize)> {
    let prefix = mailbox.key(Kind::FolderProperties, &[&keys::fid(id)]);
    let (bytes, parts) = parts::get(reader, &prefix)?;
    match parts {
        0 => Ok((Properties::new(), 0)),
        _ => Ok((properties::read(&mut mapi::Reader::new(&bytes))?, parts)),
    }
}

fn put_properties(tx: &mut Tx<'_>, id: FolderId, properties: &Properties, old_parts: usize) {
    let mut w = Vec::new();
    properties::write(&mut w, properties);
    let prefix = tx.mailbox.key(Kind::FolderProperties, &[&keys::fid(id)]);
    parts::put(&mut tx.batch, &prefix, &w, old_parts);
}

fn find_child(
    mailbox: &Mailbox,
    reader: &dyn Reader,
    parent: FolderId,
    name: &str,
) -> Result<Option<FolderId>> {
    let key = keys::child(mailbox.number(), parent, name);
    let value = reader.get(Space::Mailbox, &key)?;
    Ok(value.and_then(|value| keys::tail_id(&value)).map(|(r, c)| FolderId::new(r, c)))
}

/// The ids of the direct children, in no order that means anything.
pub(crate) fn child_ids(
    mailbox: &Mailbox,
    reader: &dyn Reader,
    parent: FolderId,
) -> Result<Vec<FolderId>> {
    let prefix = mailbox.key(Kind::Child, &[&keys::fid(parent)]);
    let mut ids = Vec::new();
    reader.visit(
        Space::Mailbox,
        &KeyRange::prefix(prefix),
        Direction::Forward,
        &mut |_, value| {
            ids.extend(keys::tail_id(value).map(|(r, c)| FolderId::new(r, c)));
            ControlFlow::Continue(())
        },
    )?;
    Ok(ids)
}

/// Whether a folder is another one or lies below it.
pub(crate) fn is_within(
    mailbox: &Mailbox,
    reader: &dyn Reader,
    id: FolderId,
    top: FolderId,
) -> Result<bool> {
    let mut at = id;
    for _ in 0..=MAX_DEPTH {
        if at == top {
            return Ok(true);
        }
        let parent = readable(mailbox, reader, at)?.parent;
        if parent == at {
            return Ok(false);
        }
        at = parent;
    }
    Ok(false)
}

fn depth(tx: &mut Tx<'_>, id: FolderId) -> Result<usize> {
    let mut at = id;
    for depth in 0..=MAX_DEPTH {
        let key = keys::folder(tx.mailbox.number(), at);
        let Some(bytes) = tx.get(&key)? else { return Ok(depth) };
        let parent = FolderRecord::read(&bytes)?.parent;
        if parent == at {
            return Ok(depth);
        }
        at = parent;
    }
    Ok(MAX_DEPTH)
}

pub(crate) fn to_info(id: FolderId, record: FolderRecord) -> FolderInfo {
    FolderInfo {
        id,
        parent: record.parent,
        kind: record.kind,
        display_name: record.name,
        change: record.change,
        contents: record.contents,
        unread: record.unread,
        associated: record.associated,
        soft_deleted: record.soft_deleted,
        size: record.size,
        deleted_size: record.deleted_size,
        deleted_children: record.deleted_children,
        deleted: record.state.is_soft_deleted().then_some(record.deleted),
        children: record.children,
        deleted_total: record.deleted_total,
        created: record.created,
        last_commit: record.last_commit,
        uid_validity: record.uid_validity,
        uid_next: record.uid_next,
        sequence: record.sequence,
    }
}

fn check_name(name: &str) -> Result<&str> {
    if name.is_empty() {
        return Err(StoreError::Invalid("a folder needs a name"));
    }
    let length = name.chars().count();
    if length > MAX_NAME {
        return Err(StoreError::TooBig {
            what: "name of a folder",
            size: length as u64,
            limit: MAX_NAME as u64,
        });
    }
    Ok(name)
}

/// Properties that stand in the record, so none of them is kept among the stored ones. (A source key that
/// a client brings is kept.)
fn is_stored_by_record(tag: PropertyTag) -> bool {
    is_computed(tag) || tag.id() == tags::DISPLAY_NAME.id()
}

/// Messages of all folders that are shown, without associated ones (PidTagContentCount of a store).
pub(crate) fn message_count(mailbox: &Mailbox) -> Result<u64> {
    let mut count = 0;
    let range = KeyRange::prefix(mailbox.key(Kind::Folder, &[]));
    engine::try_visit(mailbox.reader(), Space::Mailbox, &range, |_, value| {
        let record = FolderRecord::read(value)?;
        if record.state == FolderState::Present && record.kind != FolderKind::Search {
            count += u64::from(record.contents);
        }
        Ok::<_, StoreError>(ControlFlow::Continue(()))
    })?;
    Ok(count)
}

/// Parts what may be set from what is computed.
pub(crate) fn split_computed(
    values: Vec<(PropertyTag, Value)>,
    is_computed: impl Fn(PropertyTag) -> bool,
) -> (Vec<(u16, Value)>, Vec<PropertyProblem>) {
    let mut accepted = Vec::new();
    let mut problems = Vec::new();
    for (index, (tag, value)) in values.into_iter().enumerate() {
        match is_computed(tag) {
            true => problems.push(problem(index, tag, ErrorCode::COMPUTED)),
            false => accepted.push((tag.id(), value)),
        }
    }
    (accepted, problems)
}

pub(crate) fn computed_problems(
    tags: &[PropertyTag],
    is_computed: impl Fn(PropertyTag) -> bool,
) -> Vec<PropertyProblem> {
    let computed = tags.iter().enumerate().filter(|(_, tag)| is_computed(**tag));
    computed.map(|(index, tag)| problem(index, *tag, ErrorCode::COMPUTED)).collect()
}
