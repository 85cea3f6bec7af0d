//! What was soft-deleted and can be brought back.

use std::collections::HashMap;
use std::ops::ControlFlow;

use mapi::{FileTime, FolderId, MessageId, PropertyValue, tags};

use crate::engine::{self, KeyRange, Reader, Space};
use crate::keys::{self, Kind};
use crate::mailbox::special::SpecialFolder;
use crate::{Mailbox, Result, StoreError, folder, message, retention};

/// A soft-deleted message, or a soft-deleted folder with all that it holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Deleted {
    pub object: Object,
    /// The folder that it was in.
    pub parent: FolderId,
    /// The path of that folder below the top of the user's folders, or below the root.
    pub path: String,
    /// That folder is soft-deleted or gone: a message comes back to the Inbox, a folder to the top.
    pub parent_deleted: bool,
    /// Subject or name.
    pub title: String,
    /// Bytes, of a folder those of the messages directly in it.
    pub size: u64,
    pub deleted: FileTime,
    /// When it goes for good.
    pub ends: FileTime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object {
    Message(MessageId),
    /// With how many messages directly in it.
    Folder(FolderId, u32),
}

/// Where something is after it was brought back.
#[derive(Debug, Clone, PartialEq)]
pub struct Recovered {
    /// The new id of a message; a folder keeps its own.
    pub object: Object,
    pub folder: FolderId,
    pub path: String,
    /// The name that a folder has now.
    pub name: Option<String>,
    /// It could not come back to where it was.
    pub elsewhere: bool,
}

/// Calls `each` for what was soft-deleted at or after a time: the folders by their time, then the messages.
/// What lies in a soft-deleted folder comes back with it, and is not listed, unless it was deleted before.
pub fn list(
    mailbox: &Mailbox,
    since: FileTime,
    each: &mut dyn FnMut(Deleted) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let reader = &*mailbox.store.engine().snapshot()?;
    let mut paths = Paths::default();
    for kind in [Kind::DeletedFolder, Kind::DeletedMessage] {
        let mut range = KeyRange::prefix(mailbox.key(kind, &[]));
        range.from = mailbox.key(kind, &[&since.0.to_be_bytes()]);
        engine::try_visit(reader, Space::Mailbox, &range, |key, _| {
            let Some((replica, counter)) = keys::tail_id(key) else {
                return Ok(ControlFlow::Continue(()));
            };
            let found = match kind {
                Kind::DeletedFolder => {
                    of_folder(mailbox, reader, &mut paths, FolderId::new(replica, counter))
                }
                _ => of_message(mailbox, reader, &mut paths, MessageId::new(replica, counter)),
            };
            match found? {
                Some(found) => each(found),
                None => Ok(ControlFlow::Continue(())),
            }
        })?;
    }
    Ok(())
}

fn of_folder(
    mailbox: &Mailbox,
    reader: &dyn Reader,
    paths: &mut Paths,
    id: FolderId,
) -> Result<Option<Deleted>> {
    let Some(record) = folder::any(mailbox, reader, id)? else { return Ok(None) };
    if !record.state.is_soft_deleted() {
        return Ok(None);
    }
    let (path, parent_deleted) = paths.of(mailbox, reader, record.parent)?;
    Ok(Some(Deleted {
        object: Object::Folder(id, record.contents),
        parent: record.parent,
        path,
        parent_deleted,
        size: record.size,
        deleted: record.deleted,
        ends: retention::ends(mailbox, record.deleted),
        title: record.name,
    }))
}

fn of_message(
    mailbox: &Mailbox,
    reader: &dyn Reader,
    paths: &mut Paths,
    id: MessageId,
) -> Result<Option<Deleted>> {
    let Some(hot) = message::read_hot(mailbox, reader, id)? else { return Ok(None) };
    if !hot.contents.is_deleted() {
        return Ok(None);
    }
    let (path, parent_deleted) = paths.of(mailbox, reader, hot.folder)?;
    // A message that is damaged is listed all the same.
    let subject = message::read_in(mailbox, reader, id).ok().and_then(|message| {
        let subject = message.body.properties.inline(tags::SUBJECT).cloned();
        subject.as_ref().and_then(PropertyValue::as_text).map(|text| text.to_string_lossy().into())
    });
    Ok(Some(Deleted {
        object: Object::Message(id),
        parent: hot.folder,
        path,
        parent_deleted,
        title: subject.unwrap_or_default(),
        size: hot.size,
        deleted: hot.deleted,
        ends: retention::ends(mailbox, hot.deleted),
    }))
}

/// Brings a soft-deleted message back: to `to`, or to where it was, or to the Inbox if that folder is deleted
/// as well. It comes under a new id, as a message does that moves: its old one is known to clients as one that
/// was deleted, and must not appear again.
///
/// Errors: [`StoreError::NotFound`] without a soft-deleted message of that id, or without the folder;
/// [`StoreError::MailboxFull`].
pub fn message(mailbox: &Mailbox, id: MessageId, to: Option<FolderId>) -> Result<Recovered> {
    let found = message::open(mailbox, id)?;
    if !found.soft_deleted {
        return Err(StoreError::NotFound("soft-deleted message"));
    }
    let is_there = folder::record(mailbox, mailbox.reader(), found.folder).is_ok();
    let target = match to {
        Some(to) => to,
        None if is_there => found.folder,
        None => SpecialFolder::Inbox.id(),
    };
    let moved = message::move_to(mailbox, found.folder, &[id], mailbox, target)?;
    let new = moved.first().copied().flatten().ok_or(StoreError::NotFound("message"))?;
    Ok(Recovered {
        object: Object::Message(new),
        folder: target,
        path: Paths::default().of(mailbox, mailbox.reader(), target)?.0,
        name: None,
        elsewhere: to.is_none() && !is_there,
    })
}

/// Brings a soft-deleted folder back with all that it holds: under `to`, or to where it was, or under the top
/// of the user's folders if the folder above it is deleted as well. It keeps its id; if its name is taken it
/// gets a number.
///
/// Errors: [`StoreError::NotFound`], [`StoreError::MailboxFull`].
pub fn folder(mailbox: &Mailbox, id: FolderId, to: Option<FolderId>) -> Result<Recovered> {
    let before = folder::info(mailbox, id)?;
    let (parent, name) = folder::recover(mailbox, id, to)?;
    let after = folder::info(mailbox, id)?;
    Ok(Recovered {
        object: Object::Folder(id, after.contents),
        folder: parent,
        path: Paths::default().of(mailbox, mailbox.reader(), parent)?.0,
        elsewhere: to.is_none() && (parent != before.parent || name != before.display_name),
        name: Some(name),
    })
}

/// Paths of folders, each worked out once.
#[derive(Default)]
struct Paths(HashMap<FolderId, (String, bool)>);

impl Paths {
    /// The names from the top on, and whether the folder is deleted or gone.
    fn of(
        &mut self,
        mailbox: &Mailbox,
        reader: &dyn Reader,
        id: FolderId,
    ) -> Result<(String, bool)> {
        if let Some(known) = self.0.get(&id) {
            return Ok(known.clone());
        }
        let mut names = Vec::new();
        let mut deleted = false;
        let mut at = id;
        while names.len() <= folder::MAX_DEPTH && at != SpecialFolder::IpmSubtree.id() {
            let Some(record) = folder::any(mailbox, reader, at)? else {
                deleted = true;
                break;
            };
            deleted |= record.state != crate::record::folder::FolderState::Present;
            if record.parent == at {
                break;
            }
            at = record.parent;
            names.push(record.name);
        }
        names.reverse();
        let path = (names.join("/"), deleted);
        self.0.insert(id, path.clone());
        Ok(path)
    }
}
