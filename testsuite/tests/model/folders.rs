//! Folders: made, moved, copied, emptied, deleted softly or for good, and had back.

use mapi::{ErrorCode, FolderId, MessageId};
use mapi_rop::folder::{DeleteFolderFlags, DeleteFolderRequest, EmptyFolderRequest, FolderType};
use mapi_rop::irregular::{CopyFolderRequest, CreateFolderRequest, FolderTexts, MoveFolderRequest};
use mapi_rop::parts::Text;
use mapi_rop::{Handle, RopRequest, RopResponse};
use proptest::prelude::*;
use testsuite::raw::Answer;

use crate::compare::same;
use crate::events::Event;
use crate::run::{Outcome, Run, partial};
use crate::store::{FIXED, FolderKey, Gone};

const NAMES: [&str; 6] = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta"];

#[derive(Debug, Clone)]
pub enum Op {
    Create {
        parent: u8,
        name: u8,
        open_existing: bool,
    },
    Delete {
        folder: u8,
        contents: bool,
        hard: bool,
    },
    Move {
        folder: u8,
        to: u8,
        name: Option<u8>,
    },
    Copy {
        folder: u8,
        to: u8,
        name: Option<u8>,
        recursive: bool,
    },
    Empty {
        folder: u8,
        associated: bool,
        hard: bool,
    },
    /// Has one back that was deleted softly.
    Restore {
        gone: u8,
        to: u8,
        name: Option<u8>,
    },
}

pub fn one() -> impl Strategy<Value = Op> {
    let folder = || 0..8u8;
    let name = || 0..12u8;
    let new_name = || proptest::option::of(0..12u8);
    prop_oneof![
        4 => (folder(), name(), any::<bool>())
            .prop_map(|(parent, name, open_existing)| Op::Create { parent, name, open_existing }),
        2 => (folder(), any::<bool>(), any::<bool>())
            .prop_map(|(folder, contents, hard)| Op::Delete { folder, contents, hard }),
        2 => (folder(), folder(), new_name())
            .prop_map(|(folder, to, name)| Op::Move { folder, to, name }),
        2 => (folder(), folder(), new_name(), any::<bool>())
            .prop_map(|(folder, to, name, recursive)| Op::Copy { folder, to, name, recursive }),
        1 => (folder(), any::<bool>(), any::<bool>())
            .prop_map(|(folder, associated, hard)| Op::Empty { folder, associated, hard }),
        2 => (folder(), folder(), new_name())
            .prop_map(|(gone, to, name)| Op::Restore { gone, to, name }),
    ]
}

impl Run<'_> {
    pub fn folder_step(&mut self, who: usize, op: &Op) -> Outcome {
        match op {
            Op::Create { parent, name, open_existing } => {
                self.create_folder(who, *parent, *name, *open_existing)
            }
            Op::Delete { folder, contents, hard } => {
                self.delete_folder(who, *folder, *contents, *hard)
            }
            Op::Move { folder, to, name } => self.move_folder(who, *folder, *to, *name),
            Op::Copy { folder, to, name, recursive } => {
                self.copy_folder(who, *folder, *to, *name, *recursive)
            }
            Op::Empty { folder, associated, hard } => {
                self.empty_folder(who, *folder, *associated, *hard)
            }
            Op::Restore { gone, to, name } => self.restore_folder(who, *gone, *to, *name),
        }
    }

    pub fn create(
        &mut self,
        who: usize,
        parent: FolderId,
        name: &str,
        open_existing: bool,
    ) -> Outcome<Answer<FolderId>> {
        self.with_folder(who, parent, |client, folder| {
            let body = new_folder(FolderType::Generic, name, open_existing);
            let (answer, handle) = client.call_two(folder, Handle::NONE, body)?;
            client.release(handle);
            match answer {
                RopResponse::CreateFolder(created) => Ok(created.folder),
                other => panic!("{other:?}"),
            }
        })
    }

    fn create_folder(&mut self, who: usize, parent: u8, name: u8, open_existing: bool) -> Outcome {
        let parent = self.model.pick(parent);
        let (key, name) = (self.key(parent), name_of(name));
        let known = self.model.child_named(key, &name);
        let answer = self.create(who, self.id(parent), &name, open_existing)?;
        match (known, open_existing) {
            (Some(known), true) => same("the folder that is there", answer, Ok(self.id(known))),
            (Some(_), false) => same("a name twice", answer, Err(ErrorCode::DUPLICATE_NAME)),
            (None, _) => {
                let id = answer.map_err(|code| format!("a new folder: {code}"))?;
                let parent = self.id(parent);
                self.model.add(Some(id), &name, Some(key));
                self.model.events.push(Event::FolderCreated(id, parent));
                Ok(())
            }
        }
    }

    fn delete_folder(&mut self, who: usize, folder: u8, contents: bool, hard: bool) -> Outcome {
        let folder = self.model.pick(folder);
        let Some(parent) = self.model.folders[folder].parent else { return Ok(()) };
        let (key, parent) = (self.key(folder), self.id_of(parent));
        let mut flags = DeleteFolderFlags::NONE;
        if contents {
            flags = DeleteFolderFlags::DEL_MESSAGES | DeleteFolderFlags::DEL_FOLDERS;
        }
        if hard {
            flags = flags | DeleteFolderFlags::DELETE_HARD_DELETE;
        }
        let request = DeleteFolderRequest { flags, folder: self.id(folder) };
        let answer = self.with_folder(who, parent, |client, folder| {
            client.call(folder, RopRequest::DeleteFolder(request))
        })?;
        let full =
            self.model.folders[folder].count(false) > 0 || !self.model.children(key).is_empty();
        let stays = full && !contents;
        same("deleting a folder", partial(answer), Ok(stays))?;
        if !stays {
            self.note_removed(key, hard);
        }
        Ok(())
    }

    /// A folder and all below it are deleted.
    fn note_removed(&mut self, key: FolderKey, hard: bool) {
        for below in self.model.below(key) {
            let folder = self.model.index(below);
            let parent = self.model.folders[folder].parent.expect("one that is not fixed");
            let (id, parent) = (self.id(folder), self.id_of(parent));
            self.model.events.push(Event::FolderDeleted(id, parent));
            if hard {
                self.purge_deleted(below, id);
            }
        }
        self.model.remove(key, hard);
    }

    fn move_folder(&mut self, who: usize, folder: u8, to: u8, name: Option<u8>) -> Outcome {
        let (folder, to) = (self.model.pick(folder), self.model.pick(to));
        if folder < FIXED {
            return Ok(());
        }
        let (key, target) = (self.key(folder), self.key(to));
        let parent = self.model.folders[folder].parent.expect("one that is not fixed");
        let body = moving(self.id(folder), name);
        let answer = self.with_two_folders(who, self.id_of(parent), self.id(to), body)?;
        let name = name.map_or_else(|| self.model.folders[folder].name.clone(), name_of);
        if self.model.is_within(target, key) {
            return same("a folder into itself", answer, Err(ErrorCode::FOLDER_CYCLE));
        }
        if self.model.child_named(target, &name).is_some_and(|other| other != folder) {
            return same("a name twice", answer, Err(ErrorCode::DUPLICATE_NAME));
        }
        same("moving a folder", answer, Ok(false))?;
        // Where it is already, under the name that it has, nothing happens.
        if (Some(target), &name) != (Some(parent), &self.model.folders[folder].name) {
            let event = Event::FolderMoved(self.id(folder), self.id(to), self.id_of(parent));
            self.model.events.push(event);
        }
        let folder = &mut self.model.folders[folder];
        (folder.parent, folder.name) = (Some(target), name);
        Ok(())
    }

    /// A ROP on the parent of a folder and on another folder.
    fn with_two_folders(
        &mut self,
        who: usize,
        parent: FolderId,
        to: FolderId,
        body: RopRequest,
    ) -> Outcome<Answer<bool>> {
        let answer = self.with_folder(who, parent, |client, parent| {
            let to = client.open_folder(to)?;
            let answer = client.call_two(parent, to, body).map(|(answer, _)| answer);
            client.release(to);
            answer
        })?;
        Ok(partial(answer))
    }

    fn copy_folder(
        &mut self,
        who: usize,
        folder: u8,
        to: u8,
        name: Option<u8>,
        recursive: bool,
    ) -> Outcome {
        let (folder, to) = (self.model.pick(folder), self.model.pick(to));
        // Each copy doubles what there is.
        if folder < FIXED || self.model.folders.len() > 12 {
            return Ok(());
        }
        let (key, target) = (self.key(folder), self.key(to));
        let parent = self.model.folders[folder].parent.expect("one that is not fixed");
        let new_name = name.map_or_else(String::new, name_of);
        let request = CopyFolderRequest {
            want_asynchronous: false,
            want_recursive: recursive,
            folder: self.id(folder),
            new_name: Text::Unicode(new_name.as_str().into()),
        };
        let body = RopRequest::CopyFolder(request);
        let answer = self.with_two_folders(who, self.id_of(parent), self.id(to), body)?;
        if self.model.is_within(target, key) {
            return same("a folder into itself", answer, Err(ErrorCode::FOLDER_CYCLE));
        }
        let name = name.map_or_else(|| self.model.folders[folder].name.clone(), name_of);
        if self.model.child_named(target, &name).is_some() {
            return same("a name twice", answer, Err(ErrorCode::DUPLICATE_NAME));
        }
        same("copying a folder", answer, Ok(false))?;
        self.model.copy(key, target, &name, recursive);
        self.learn(who)?;
        self.tell_copied();
        Ok(())
    }

    /// What was copied, once its ids are known.
    fn tell_copied(&mut self) {
        for at in 0..self.model.folders.len() {
            let Some(original) = self.model.folders[at].copy_of.take() else { continue };
            let parent = self.model.folders[at].parent.expect("a copy is in a folder");
            let (copy, original) = (self.id(at), self.id_of(original));
            let event = Event::FolderCopied(copy, self.id_of(parent), original);
            self.model.events.push(event);
            let ids: Vec<(MessageId, MessageId)> = self.model.folders[at]
                .messages
                .iter_mut()
                .filter_map(|message| Some((message.id?, message.copy_of.take()?)))
                .collect();
            for (id, from) in ids {
                self.model.events.push(Event::Copied(copy, id, original, from));
            }
        }
    }

    fn empty_folder(&mut self, who: usize, folder: u8, associated: bool, hard: bool) -> Outcome {
        let folder = self.model.pick(folder);
        let request =
            EmptyFolderRequest { want_asynchronous: false, want_delete_associated: associated };
        let body = match hard {
            true => RopRequest::HardDeleteMessagesAndSubfolders(request),
            false => RopRequest::EmptyFolder(request),
        };
        let answer =
            self.with_folder(who, self.id(folder), |client, handle| client.call(handle, body))?;
        same("emptying a folder", partial(answer), Ok(false))?;
        let key = self.key(folder);
        let children = self.model.children(key);
        let children: Vec<FolderKey> = children.into_iter().map(|at| self.key(at)).collect();
        for child in children {
            self.note_removed(child, hard);
        }
        if hard {
            self.purge_deleted(key, self.id_of(key));
        }
        let at = self.model.index(key);
        let id = self.id(at);
        let folder = &mut self.model.folders[at];
        let all = std::mem::take(&mut folder.messages);
        let goes = |fai: bool| associated || !fai;
        let (gone, stay): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|message| goes(message.associated));
        folder.messages = stay;
        let purged = folder.deleted.iter().filter(|message| hard && goes(message.associated));
        let events = gone
            .iter()
            .chain(purged)
            .map(|message| Event::Deleted(id, message.id.expect("the server was asked")));
        self.model.events.extend(events);
        match hard {
            true => folder.deleted.retain(|message| !goes(message.associated)),
            false => folder.deleted.extend(gone),
        }
        Ok(())
    }

    /// What was deleted softly in a folder goes for good, with all below it.
    fn purge_deleted(&mut self, key: FolderKey, id: FolderId) {
        let in_it = |gone: &Gone| gone.parent == key;
        let (gone, stays): (Vec<Gone>, Vec<Gone>) =
            std::mem::take(&mut self.model.gone).into_iter().partition(in_it);
        self.model.gone = stays;
        for folder in gone.iter().flat_map(|gone| &gone.folders) {
            let mut above = gone.iter().flat_map(|gone| &gone.folders);
            let parent = above.find(|above| Some(above.key) == folder.parent);
            let parent = parent.and_then(|parent| parent.id).unwrap_or(id);
            let own = folder.id.expect("the server was asked");
            self.model.events.push(Event::FolderDeleted(own, parent));
            self.purge_deleted(folder.key, own);
        }
    }

    fn restore_folder(&mut self, who: usize, gone: u8, to: u8, name: Option<u8>) -> Outcome {
        let there = |key: FolderKey| self.model.folders.iter().any(|folder| folder.key == key);
        let gones: Vec<usize> =
            (0..self.model.gone.len()).filter(|at| there(self.model.gone[*at].parent)).collect();
        if gones.is_empty() || self.model.folders.len() > 16 {
            return Ok(());
        }
        let at = gones[usize::from(gone) % gones.len()];
        let to = self.model.pick(to);
        let (parent, top) = (self.model.gone[at].parent, self.model.gone[at].folders[0].clone());
        let id = top.id.expect("the server was asked");
        let answer =
            self.with_two_folders(who, self.id_of(parent), self.id(to), moving(id, name))?;
        let name = name.map_or_else(|| top.name.clone(), name_of);
        if self.model.child_named(self.key(to), &name).is_some() {
            return same("a name twice", answer, Err(ErrorCode::DUPLICATE_NAME));
        }
        same("having a folder back", answer, Ok(false))?;
        self.model.restore(at, self.key(to), &name);
        for below in self.model.below(top.key) {
            let folder = self.model.index(below);
            let parent = self.model.folders[folder].parent.expect("one that is not fixed");
            let event = Event::FolderCreated(self.id(folder), self.id_of(parent));
            self.model.events.push(event);
        }
        Ok(())
    }
}

fn moving(folder: FolderId, name: Option<u8>) -> RopRequest {
    let new_name = name.map_or_else(String::new, name_of);
    let new_name = Text::Unicode(new_name.as_str().into());
    RopRequest::MoveFolder(MoveFolderRequest { want_asynchronous: false, folder, new_name })
}

pub fn new_folder(folder_type: FolderType, name: &str, open_existing: bool) -> RopRequest {
    RopRequest::CreateFolder(CreateFolderRequest {
        folder_type,
        open_existing,
        reserved: 0,
        texts: FolderTexts::Unicode { display_name: name.into(), comment: "".into() },
    })
}

/// Twelve names, of which each two are the same.
fn name_of(number: u8) -> String {
    let name = NAMES[usize::from(number) % NAMES.len()];
    match usize::from(number) / NAMES.len() % 2 {
        0 => name.to_owned(),
        _ => name.to_uppercase(),
    }
}
