//! From entries of the change log to events ([MS-OXCNOTIF] 2.2.1.1).

use std::collections::HashMap;

use mapi::{FolderId, MessageId};
use mapi_rop::irregular::NotificationScope;
use mapi_rop::notification::{NewMail, NotificationData, NotificationFlags};
use mapi_rop::parts::Text;
use store::mailbox::changes::{Change, ChangeKind};
use store::permission::{self, Action, Item, User};
use store::{Mailbox, SpecialFolder, StoreError, folder, message};

/// One event, with the objects in whose scope it is.
pub struct Happening {
    pub kind: NotificationFlags,
    /// A folder is in the scope of itself, and what is directly in it as well.
    pub folders: Vec<FolderId>,
    pub messages: Vec<MessageId>,
    pub data: NotificationData,
}

/// What the mailbox says of the objects in the log, as it is now; each asked for once.
pub struct Facts<'a> {
    mailbox: &'a Mailbox,
    folders: HashMap<FolderId, Option<FolderFacts>>,
}

#[derive(Clone, Copy)]
struct FolderFacts {
    parent: FolderId,
    contents: u32,
    /// None where it is counted for each user, until somebody asks.
    unread: Option<u32>,
}

impl<'a> Facts<'a> {
    pub fn new(mailbox: &'a Mailbox) -> Facts<'a> {
        Facts { mailbox, folders: HashMap::new() }
    }

    /// None if the folder is gone.
    fn folder(&mut self, id: FolderId) -> Result<Option<FolderFacts>, StoreError> {
        if let Some(known) = self.folders.get(&id) {
            return Ok(*known);
        }
        let facts = match folder::info(self.mailbox, id) {
            Ok(info) => Some(FolderFacts {
                parent: info.parent,
                contents: info.contents,
                unread: (!self.mailbox.is_public()).then_some(info.unread),
            }),
            Err(StoreError::NotFound(_)) => None,
            Err(error) => return Err(error),
        };
        self.folders.insert(id, facts);
        Ok(facts)
    }

    /// Messages of a folder that the one who is told has not read.
    fn unread(&mut self, id: FolderId, now: FolderFacts) -> Result<u32, StoreError> {
        if let Some(known) = now.unread {
            return Ok(known);
        }
        let counted = folder::unread(self.mailbox, id)?;
        self.folders.insert(id, Some(FolderFacts { unread: Some(counted), ..now }));
        Ok(counted)
    }
}

impl Facts<'_> {
    /// Whether a user may know of an event: who sees the folder, and of messages who may read those of others.
    pub fn may_know(&self, user: User, happening: &Happening) -> Result<bool, StoreError> {
        if user.is_full() {
            return Ok(true);
        }
        let action = match happening.messages.is_empty() {
            true => Action::SeeFolder,
            false => Action::ReadItem(Item { own: false, associated: false }),
        };
        // Where a folder is gone, whoever sees what it was in.
        for folder in &happening.folders {
            match permission::may(self.mailbox, user, *folder, action) {
                Ok(verdict) => return Ok(verdict.allowed),
                Err(StoreError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }
}

/// The events of one change, in the order in which they are told.
pub fn happenings(facts: &mut Facts<'_>, change: &Change) -> Result<Vec<Happening>, StoreError> {
    let mut all = Vec::new();
    match change.kind {
        ChangeKind::SearchCompleted => all.push(Happening {
            kind: NotificationFlags::SEARCH_COMPLETED,
            folders: vec![change.folder],
            messages: Vec::new(),
            data: NotificationData::search_completed(change.folder),
        }),
        ChangeKind::MailAnnounced => all.extend(new_mail(facts.mailbox, change)?),
        // The folder is another one for those who look at its counts.
        ChangeKind::LinksChanged => all.extend(counts(facts, change.folder, change)?),
        kind if kind.is_of_search() => {
            all.push(of_link(change));
            all.extend(counts(facts, change.folder, change)?);
        }
        kind if kind.is_folder() => all.push(of_folder(facts, change)?),
        _ => {
            if change.kind == ChangeKind::MessageDelivered {
                all.extend(new_mail(facts.mailbox, change)?);
            }
            all.push(of_message(change));
            all.extend(counts(facts, change.folder, change)?);
            if change.kind == ChangeKind::MessageMoved {
                all.extend(counts(facts, change.old_folder, change)?);
            }
        }
    }
    Ok(all)
}

fn of_folder(facts: &mut Facts<'_>, change: &Change) -> Result<Happening, StoreError> {
    let Change { folder, parent, old_folder, .. } = *change;
    // Entries of older programs do not know the parent.
    let parent = match parent.is_none() {
        true => facts.folder(folder)?.map_or(old_folder, |facts| facts.parent),
        false => parent,
    };
    let (kind, old) = match change.kind {
        ChangeKind::FolderModified => (NotificationFlags::OBJECT_MODIFIED, None),
        ChangeKind::FolderDeleted => (NotificationFlags::OBJECT_DELETED, None),
        // It keeps its id.
        ChangeKind::FolderMoved => (NotificationFlags::OBJECT_MOVED, Some((folder, old_folder))),
        ChangeKind::FolderCopied => {
            let old_parent = facts.folder(old_folder)?.map_or(FolderId::NONE, |facts| facts.parent);
            (NotificationFlags::OBJECT_COPIED, Some((old_folder, old_parent)))
        }
        _ => (NotificationFlags::OBJECT_CREATED, None),
    };
    let mut folders = vec![folder];
    if kind != NotificationFlags::OBJECT_MODIFIED {
        folders.push(parent);
        folders.extend(old.into_iter().flat_map(|(old, old_parent)| [old, old_parent]));
    }
    let data = NotificationData::folder(kind, folder, parent, old, None);
    Ok(Happening { kind, folders, messages: Vec::new(), data })
}

/// What a search folder shows came, changed or went. Who asks for the message itself is told of its own change.
fn of_link(change: &Change) -> Happening {
    let Change { folder, message, old_folder: home, .. } = *change;
    let kind = match change.kind {
        ChangeKind::LinkAdded => NotificationFlags::OBJECT_CREATED,
        ChangeKind::LinkRemoved => NotificationFlags::OBJECT_DELETED,
        _ => NotificationFlags::OBJECT_MODIFIED,
    };
    let data = NotificationData::link(kind, home, message, folder);
    Happening { kind, folders: vec![folder], messages: Vec::new(), data }
}

fn of_message(change: &Change) -> Happening {
    let Change { folder, message, old_folder, old_message, .. } = *change;
    let (kind, old) = match change.kind {
        ChangeKind::MessageCreated | ChangeKind::MessageDelivered => {
            (NotificationFlags::OBJECT_CREATED, None)
        }
        ChangeKind::MessageDeleted | ChangeKind::MessageSoftDeleted => {
            (NotificationFlags::OBJECT_DELETED, None)
        }
        ChangeKind::MessageMoved => {
            (NotificationFlags::OBJECT_MOVED, Some((old_folder, old_message)))
        }
        ChangeKind::MessageCopied => {
            (NotificationFlags::OBJECT_COPIED, Some((old_folder, old_message)))
        }
        _ => (NotificationFlags::OBJECT_MODIFIED, None),
    };
    Happening {
        kind,
        folders: [folder].into_iter().chain(old.map(|(folder, _)| folder)).collect(),
        messages: [message].into_iter().chain(old.map(|(_, message)| message)).collect(),
        data: NotificationData::message(kind, folder, message, old, None),
    }
}

/// NewMail with what the message says of itself; None if it is gone already, which is told next.
fn new_mail(mailbox: &Mailbox, change: &Change) -> Result<Option<Happening>, StoreError> {
    let Some(glance) = message::glance(mailbox, change.message)? else { return Ok(None) };
    let mail = NewMail { message_flags: glance.flags, message_class: Text::Unicode(glance.class) };
    Ok(Some(Happening {
        kind: NotificationFlags::NEW_MAIL,
        folders: vec![change.folder],
        messages: vec![change.message],
        data: NotificationData::new_mail(change.folder, change.message, mail),
    }))
}

/// What the change of a message does to the counts of a folder: the folder is modified, and its counts are
/// told as they are now.
fn counts(
    facts: &mut Facts<'_>,
    folder: FolderId,
    change: &Change,
) -> Result<Option<Happening>, StoreError> {
    let (total, unread) = match change.kind {
        ChangeKind::MessageModified | ChangeKind::MessageFlags => (false, false),
        ChangeKind::MessageRead | ChangeKind::LinkChanged => (false, true),
        _ => (true, true),
    };
    if change.associated || !(total || unread) {
        return Ok(None);
    }
    let Some(now) = facts.folder(folder)? else { return Ok(None) };
    let unread = unread.then(|| facts.unread(folder, now)).transpose()?;
    let kind = NotificationFlags::OBJECT_MODIFIED;
    let data = NotificationData::folder(kind, folder, now.parent, None, None)
        .with_counts(total.then_some(now.contents), unread);
    Ok(Some(Happening { kind, folders: vec![folder], messages: Vec::new(), data }))
}

/// What is told to a subscription when the log does not say any more what happened: that its folder, or the
/// root of the store, is modified.
pub fn anything(
    facts: &mut Facts<'_>,
    scope: NotificationScope,
) -> Result<NotificationData, StoreError> {
    let kind = NotificationFlags::OBJECT_MODIFIED;
    let (folder, message) = match scope {
        NotificationScope::WholeStore => (SpecialFolder::Root.id(), MessageId::NONE),
        NotificationScope::Object { folder, message } => (folder, message),
    };
    if !message.is_none() {
        return Ok(NotificationData::message(kind, folder, message, None, None));
    }
    let data = NotificationData::folder(kind, folder, FolderId::NONE, None, None);
    Ok(match facts.folder(folder)? {
        Some(now) => data.with_counts(Some(now.contents), Some(facts.unread(folder, now)?)),
        None => data,
    })
}

pub fn is_modification(data: &NotificationData) -> bool {
    data.flags.contains(NotificationFlags::OBJECT_MODIFIED)
}

/// Whether both are modifications of the same object. What a search folder shows of a message is not the message.
pub fn is_same_object(known: &NotificationData, other: &NotificationData) -> bool {
    let in_search = |data: &NotificationData| data.flags.contains(NotificationFlags::SEARCH_FOLDER);
    is_modification(known)
        && (known.folder, known.message) == (other.folder, other.message)
        && in_search(known) == in_search(other)
}

/// One modification in the place of two: with the counts that either has, those of the later one first.
pub fn merged(known: NotificationData, later: NotificationData) -> NotificationData {
    let total = later.total_count.or(known.total_count);
    let unread = later.unread_count.or(known.unread_count);
    later.with_counts(total, unread)
}
