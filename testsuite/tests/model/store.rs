//! The model: folders and messages as lists. It knows nothing of how a store does it.

use mapi::{FolderId, MessageId};

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
    /// Soft-deleted messages, and associated ones.
    pub deleted: [usize; 2],
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
}

#[derive(Debug, Default)]
pub struct Model {
    /// Those that are there; the fixed ones first.
    pub folders: Vec<Folder>,
    next_key: FolderKey,
    next_subject: u32,
}

impl Model {
    pub fn add(&mut self, id: Option<FolderId>, name: &str, parent: Option<FolderKey>) -> usize {
        self.next_key += 1;
        self.folders.push(Folder {
            id,
            name: name.to_owned(),
            parent,
            key: self.next_key,
            messages: Vec::new(),
            deleted: [0; 2],
        });
        self.folders.len() - 1
    }

    pub fn subject(&mut self) -> String {
        self.next_subject += 1;
        format!("message {:05}", self.next_subject)
    }

    /// The folder that a number means.
    pub fn pick(&self, number: u8) -> usize {
        usize::from(number) % self.folders.len()
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

    /// Takes a folder away with all below it.
    pub fn remove(&mut self, key: FolderKey) {
        let gone: Vec<FolderKey> = self
            .folders
            .iter()
            .map(|folder| folder.key)
            .filter(|folder| self.is_within(*folder, key))
            .collect();
        self.folders.retain(|folder| !gone.contains(&folder.key));
    }

    /// Copies a folder under another one; the copies have no ids yet.
    pub fn copy(&mut self, key: FolderKey, to: FolderKey, name: &str, recursive: bool) {
        let children = self.children(key);
        let children: Vec<FolderKey> = children.iter().map(|at| self.folders[*at].key).collect();
        let mut messages = self.folders[self.index(key)].messages.clone();
        for message in &mut messages {
            message.id = None;
        }
        let copy = self.add(None, name, Some(to));
        self.folders[copy].messages = messages;
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
        let mut picked = Vec::new();
        if self.messages.is_empty() {
            return picked;
        }
        for number in numbers {
            let message = &self.messages[usize::from(*number) % self.messages.len()];
            let id = message.id.expect("the server was asked");
            if !picked.contains(&id) {
                picked.push(id);
            }
        }
        picked
    }

    pub fn count(&self, associated: bool) -> usize {
        self.messages.iter().filter(|message| message.associated == associated).count()
    }

    pub fn unread(&self) -> usize {
        self.messages.iter().filter(|message| !message.associated && !message.read).count()
    }
}
