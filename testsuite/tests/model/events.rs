//! What a subscriber to the whole store is told, operation by operation, and the counts of folders as told.

use std::collections::HashMap;

use mapi::{FolderId, MessageId};
use mapi_rop::irregular::NotificationScope;
use mapi_rop::notification::{NotificationData, NotificationFlags as Flags};
use testsuite::raw::Client;

use crate::compare::{same, words};
use crate::run::{Outcome, Run};

/// Something that happened to a folder or, with a message, to that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    NewMail(FolderId, MessageId),
    Created(FolderId, MessageId),
    Deleted(FolderId, MessageId),
    Modified(FolderId, MessageId),
    /// Where it is, and where it was.
    Moved(FolderId, MessageId, FolderId, MessageId),
    Copied(FolderId, MessageId, FolderId, MessageId),
    /// The folder and its parent.
    FolderCreated(FolderId, FolderId),
    FolderDeleted(FolderId, FolderId),
    /// The folder, its parent, and the parent that it had.
    FolderMoved(FolderId, FolderId, FolderId),
    /// The folder, its parent, and the folder that it was made of.
    FolderCopied(FolderId, FolderId, FolderId),
}

/// A session that listens, and knows of the folders' counts what it was told.
pub struct Ear {
    pub client: Client,
    counts: HashMap<FolderId, (u32, u32)>,
}

impl Ear {
    pub fn new(mut client: Client) -> Outcome<Ear> {
        let all = Flags::NEW_MAIL
            | Flags::OBJECT_CREATED
            | Flags::OBJECT_DELETED
            | Flags::OBJECT_MODIFIED
            | Flags::OBJECT_MOVED
            | Flags::OBJECT_COPIED;
        client.register(all, NotificationScope::WholeStore).map_err(words)?;
        Ok(Ear { client, counts: HashMap::new() })
    }
}

impl Run<'_> {
    /// What was told since the last operation is what the model says that happened.
    pub fn hear(&mut self) -> Outcome {
        let told: Vec<NotificationData> =
            self.ear.client.told().into_iter().map(|(_, data)| data).collect();
        let mut events: Vec<Event> = Vec::new();
        for data in &told {
            if let (None, true) = (data.message, data.flags.contains(Flags::OBJECT_MODIFIED)) {
                let folder = data.folder.unwrap_or(FolderId::NONE);
                if let Some((total, unread)) = self.ear.counts.get_mut(&folder) {
                    *total = data.total_count.unwrap_or(*total);
                    *unread = data.unread_count.unwrap_or(*unread);
                }
            } else {
                events.extend(event(data).filter(|event| self.is_known(event)));
            }
        }
        let mut expected = std::mem::take(&mut self.model.events);
        events.sort();
        expected.sort();
        // Modifications of one thing are told once.
        expected.dedup_by(|a, b| a == b && matches!(a, Event::Modified(..)));
        events.dedup_by(|a, b| a == b && matches!(a, Event::Modified(..)));
        same("what subscribers are told", events, expected)?;
        self.hear_counts()
    }

    /// Submitted messages on their way, and others that no table ever showed, are not the model's.
    fn is_known(&self, event: &Event) -> bool {
        let known = |folder: &FolderId| self.model.has_known(*folder);
        match event {
            Event::NewMail(folder, message)
            | Event::Created(folder, message)
            | Event::Deleted(folder, message)
            | Event::Modified(folder, message)
            | Event::Moved(folder, message, ..)
            | Event::Copied(folder, message, ..) => {
                known(folder) && self.model.knows_message(*message)
            }
            Event::FolderCreated(folder, _)
            | Event::FolderDeleted(folder, _)
            | Event::FolderMoved(folder, ..)
            | Event::FolderCopied(folder, ..) => known(folder),
        }
    }

    fn hear_counts(&mut self) -> Outcome {
        let mut counts = HashMap::new();
        for folder in &self.model.folders {
            let Some(id) = folder.id else { continue };
            let now = (folder.count(false) as u32, folder.unread() as u32);
            let told = self.ear.counts.get(&id).copied().unwrap_or(now);
            same(&format!("counts as told of {}", folder.name), told, now)?;
            counts.insert(id, now);
        }
        self.ear.counts = counts;
        Ok(())
    }
}

fn event(data: &NotificationData) -> Option<Event> {
    let folder = data.folder?;
    let kind = Flags(data.flags.0 & 0x0fff);
    // What a search folder shows has events of its own.
    if data.flags.contains(Flags::SEARCH_FOLDER) {
        return None;
    }
    let parent = data.parent.unwrap_or(FolderId::NONE);
    let old_folder = data.old_folder.unwrap_or(FolderId::NONE);
    Some(match (kind, data.message) {
        (Flags::NEW_MAIL, Some(message)) => Event::NewMail(folder, message),
        (Flags::OBJECT_CREATED, Some(message)) => Event::Created(folder, message),
        (Flags::OBJECT_DELETED, Some(message)) => Event::Deleted(folder, message),
        (Flags::OBJECT_MODIFIED, Some(message)) => Event::Modified(folder, message),
        (Flags::OBJECT_MOVED, Some(message)) => {
            Event::Moved(folder, message, old_folder, data.old_message?)
        }
        (Flags::OBJECT_COPIED, Some(message)) => {
            Event::Copied(folder, message, old_folder, data.old_message?)
        }
        (Flags::OBJECT_CREATED, None) => Event::FolderCreated(folder, parent),
        (Flags::OBJECT_DELETED, None) => Event::FolderDeleted(folder, parent),
        (Flags::OBJECT_MOVED, None) => Event::FolderMoved(folder, parent, data.old_parent?),
        (Flags::OBJECT_COPIED, None) => Event::FolderCopied(folder, parent, old_folder),
        _ => return None,
    })
}
