//! The model: folders and messages as lists. It knows nothing of how a store does it.

use std::collections::HashSet;

use mapi::{FolderId, MessageId};

use crate::contents::Content;
use crate::events::Event;

/// The folders in which nothing but their content changes: the top of the test, and the Inbox.
pub const FIXED: usize = 2;
pub const TOP: usize = 0;
pub const INBOX: usize = 1;

#[derive(Debug, Clone)]
pub struct Folder {
    /// None until the server was asked: a folder that came into being by a copy.
    pub id: Option<FolderId>,
    pub name: String,
    pub parent: Option<FolderKey>,
    pub key: FolderKey,
    pub messages: Vec<Message>,
    /// Soft-deleted messages, associated ones among them.
    pub deleted: Vec<Message>,
    /// Of which folder it is a copy, until the server was asked.
    pub copy_of: Option<FolderKey>,
    /// What STRANGER may do in it.
    pub rights: u32,
}

/// Names a folder of the model for good.
pub type FolderKey = u32;

#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// None until the server was asked: one that came into being by a copy, a move or a delivery.
    pub id: Option<MessageId>,
    pub subject: String,
    pub importance: i32,
    pub read: bool,
    pub associated: bool,
    /// Another one after each save.
    pub version: u32,
    /// Of which message it is a copy, until that was told.
    pub copy_of: Option<MessageId>,
    /// STRANGER made it.
    pub strangers: bool,
    pub content: Content,
}

/// A folder that was deleted softly, with all below it: the first one is the folder itself.
#[derive(Debug, Clone)]
pub struct Gone {
    pub parent: FolderKey,
    pub folders: Vec<Folder>,
}

#[derive(Debug, Default)]
pub struct Model {
    /// Those that are there; the fixed ones first.
    pub folders: Vec<Folder>,
    pub gone: Vec<Gone>,
    /// What subscribers have to be told of the operation that is under way.
    pub events: Vec<Event>,
    next_key: FolderKey,
    next_subject: u32,
    /// All folders and messages that there ever were.
    known_folders: HashSet<FolderId>,
    known_messages: HashSet<MessageId>,
}

impl Model {
    pub fn add(&mut self, id: Option<FolderId>, name: &str, parent: Option<FolderKey>) -> usize {
        self.next_key += 1;
        // It begins with the permissions of the folder that it is in.
        let rights = parent.map_or(0, |parent| self.folders[self.index(parent)].rights);
        self.folders.push(Folder {
            id,
            name: name.to_owned(),
            parent,
            key: self.next_key,
            messages: Vec::new(),
            deleted: Vec::new(),
            copy_of: None,
            rights,
        });
        self.folders.len() - 1
    }

    /// Notes the ids that the server gave.
    pub fn note_ids(&mut self) {
        for folder in &self.folders {
            self.known_folders.extend(folder.id);
            self.known_messages.extend(folder.messages.iter().filter_map(|message| message.id));
        }
    }

    pub fn has_known(&self, folder: FolderId) -> bool {
        self.known_folders.contains(&folder)
    }

    pub fn knows_message(&self, message: MessageId) -> bool {
        self.known_messages.contains(&message)
    }

    pub fn subject(&mut self) -> String {
        self.next_subject += 1;
        format!("message {:05}", self.next_subject)
    }

    /// The folder that a number means.
    pub fn pick(&self, number: u8) -> usize {
        usize::from(number) % self.folders.len()
    }

    pub fn has(&self, key: FolderKey) -> bool {
        self.folders.iter().any(|folder| folder.key == key)
    }

    pub fn index(&self, key: FolderKey) -> usize {
        self.folders.iter().position(|folder| folder.key == key).expect("a folder that is there")
    }

    pub fn children(&self, key: FolderKey) -> Vec<usize> {
        let child = |(_, folder): &(usize, &Folder)| folder.parent == Some(key);
        self.folders.iter().enumerate().filter(child).map(|(index, _)| index).collect()
    }

    /// Names are the same whatever their case.
    pub fn child_named(&self, key: FolderKey, name: &str) -> Option<usize> {
        let same = |index: &usize| self.folders[*index].name.eq_ignore_ascii_case(name);
        self.children(key).into_iter().find(same)
    }

    /// Whether a folder is another one or below it.
    pub fn is_within(&self, mut key: FolderKey, top: FolderKey) -> bool {
        loop {
            if key == top {
                return true;
            }
            match self.folders[self.index(key)].parent {
                Some(parent) => key = parent,
                None => return false,
            }
        }
    }

    /// Takes a folder away with all below it; softly, and it can come back.
    pub fn remove(&mut self, key: FolderKey, hard: bool) {
        let below: Vec<FolderKey> = self.below(key);
        let parent = self.folders[self.index(key)].parent.expect("one that is not fixed");
        let taken = |folder: &&Folder| below.contains(&folder.key);
        let mut folders: Vec<Folder> = self.folders.iter().filter(taken).cloned().collect();
        self.folders.retain(|folder| !below.contains(&folder.key));
        folders.sort_by_key(|folder| folder.key != key);
        match hard {
            false => self.gone.push(Gone { parent, folders }),
            // What was deleted softly in it goes along.
            true => self.gone.retain(|gone| !below.contains(&gone.parent)),
        }
    }

    /// Brings back the folder that was deleted softly at a place in the list.
    pub fn restore(&mut self, at: usize, to: FolderKey, name: &str) {
        let mut gone = self.gone.remove(at);
        gone.folders[0].parent = Some(to);
        gone.folders[0].name = name.to_owned();
        self.folders.extend(gone.folders);
    }

    /// A folder and all below it.
    pub fn below(&self, key: FolderKey) -> Vec<FolderKey> {
        let keys = self.folders.iter().map(|folder| folder.key);
        keys.filter(|folder| self.is_within(*folder, key)).collect()
    }

    /// Copies a folder under another one; the copies have no ids yet.
    pub fn copy(&mut self, key: FolderKey, to: FolderKey, name: &str, recursive: bool) {
        let children = self.children(key);
        let children: Vec<FolderKey> = children.iter().map(|at| self.folders[*at].key).collect();
        let mut messages = self.folders[self.index(key)].messages.clone();
        for message in &mut messages {
            message.copy_of = message.id.take();
        }
        let copy = self.add(None, name, Some(to));
        self.folders[copy].messages = messages;
        self.folders[copy].copy_of = Some(key);
        let copy = self.folders[copy].key;
        if recursive {
            for child in children {
                let name = self.folders[self.index(child)].name.clone();
                self.copy(child, copy, &name, true);
            }
        }
    }

    /// A message by its id, wherever it is.
    pub fn message(&mut self, id: MessageId) -> Option<&mut Message> {
        let mut all = self.folders.iter_mut().flat_map(|folder| &mut folder.messages);
        all.find(|message| message.id == Some(id))
    }
}

impl Folder {
    /// The messages that numbers mean, each once.
    pub fn pick(&self, numbers: &[u8]) -> Vec<MessageId> {
        pick(&self.messages, numbers)
    }

    /// Those that were deleted softly.
    pub fn pick_deleted(&self, numbers: &[u8]) -> Vec<MessageId> {
        pick(&self.deleted, numbers)
    }

    pub fn count(&self, associated: bool) -> usize {
        self.messages.iter().filter(|message| message.associated == associated).count()
    }

    pub fn unread(&self) -> usize {
        self.messages.iter().filter(|message| !message.associated && !message.read).count()
    }
}

fn pick(messages: &[Message], numbers: &[u8]) -> Vec<MessageId> {
    let mut picked = Vec::new();
    if messages.is_empty() {
        return picked;
    }
    for number in numbers {
        let message = &messages[usize::from(*number) % messages.len()];
        let id = message.id.expect("the server was asked");
        if !picked.contains(&id) {
            picked.push(id);
        }
    }
    picked
}
