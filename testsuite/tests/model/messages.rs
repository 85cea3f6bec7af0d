//! Messages: made, changed, moved, copied, read, deleted softly or for good, and had back.

use mapi::wire::Counted;
use mapi::{ErrorCode, FolderId, MessageId, TaggedValue, tags};
use mapi_rop::folder::{DeleteMessagesRequest, MoveCopyMessagesRequest};
use mapi_rop::message::{OpenMessageFlags, ReadFlags, SaveFlags, SetReadFlagsRequest};
use mapi_rop::{Handle, RopRequest};
use proptest::collection::vec;
use proptest::prelude::*;
use testsuite::raw::{Answer, Client};

use crate::compare::same;
use crate::contents::Content;
use crate::events::Event;
use crate::run::{Outcome, Run, partial};
use crate::store::Message;

#[derive(Debug, Clone)]
pub enum Op {
    Post {
        folder: u8,
        importance: u8,
        associated: bool,
    },
    Edit {
        folder: u8,
        message: u8,
        importance: u8,
    },
    Delete {
        folder: u8,
        messages: Vec<u8>,
        hard: bool,
    },
    Relocate {
        from: u8,
        to: u8,
        messages: Vec<u8>,
        copy: bool,
    },
    /// The same with what was deleted softly.
    Recover {
        from: u8,
        to: u8,
        messages: Vec<u8>,
        copy: bool,
    },
    /// Deletes for good what was deleted softly.
    Purge {
        folder: u8,
        messages: Vec<u8>,
    },
    /// Without messages, all of the folder.
    SetRead {
        folder: u8,
        messages: Vec<u8>,
        read: bool,
    },
    /// Opens a message, changes it, and keeps it open.
    Hold {
        folder: u8,
        message: u8,
        importance: u8,
    },
    SaveHeld {
        held: u8,
        force: bool,
    },
    LetGo {
        held: u8,
    },
}

pub fn one() -> impl Strategy<Value = Op> {
    let number = || 0..8u8;
    let some = || vec(0..8u8, 1..4);
    let importance = || 0..3u8;
    prop_oneof![
        8 => (number(), importance(), proptest::bool::weighted(0.2))
            .prop_map(|(folder, importance, associated)| Op::Post {
                folder, importance, associated
            }),
        3 => (number(), number(), importance())
            .prop_map(|(folder, message, importance)| Op::Edit { folder, message, importance }),
        3 => (number(), some(), any::<bool>())
            .prop_map(|(folder, messages, hard)| Op::Delete { folder, messages, hard }),
        5 => (number(), number(), some(), any::<bool>())
            .prop_map(|(from, to, messages, copy)| Op::Relocate { from, to, messages, copy }),
        2 => (number(), number(), some(), any::<bool>())
            .prop_map(|(from, to, messages, copy)| Op::Recover { from, to, messages, copy }),
        1 => (number(), some()).prop_map(|(folder, messages)| Op::Purge { folder, messages }),
        4 => (number(), vec(0..8u8, 0..4), any::<bool>())
            .prop_map(|(folder, messages, read)| Op::SetRead { folder, messages, read }),
        2 => (number(), number(), importance())
            .prop_map(|(folder, message, importance)| Op::Hold { folder, message, importance }),
        3 => (number(), any::<bool>()).prop_map(|(held, force)| Op::SaveHeld { held, force }),
        1 => number().prop_map(|held| Op::LetGo { held }),
    ]
}

/// A message that is open with a change.
pub struct Held {
    pub who: usize,
    pub handle: Handle,
    folder: FolderId,
    id: MessageId,
    /// On which the change stands.
    version: u32,
    importance: i32,
    /// What was in it when it was opened, or saved from here.
    content: Content,
}

impl Run<'_> {
    pub fn message_step(&mut self, who: usize, op: &Op) -> Outcome {
        match op {
            Op::Post { folder, importance, associated } => {
                self.post(who, *folder, *importance, *associated)
            }
            Op::Edit { folder, message, importance } => {
                self.edit(who, *folder, *message, *importance)
            }
            Op::Delete { folder, messages, hard } => self.delete(who, *folder, messages, *hard),
            Op::Relocate { from, to, messages, copy } => {
                self.relocate(who, *from, *to, messages, *copy)
            }
            Op::Recover { from, to, messages, copy } => {
                self.recover(who, *from, *to, messages, *copy)
            }
            Op::Purge { folder, messages } => self.purge(who, *folder, messages),
            Op::SetRead { folder, messages, read } => self.set_read(who, *folder, messages, *read),
            Op::Hold { folder, message, importance } => {
                self.hold(who, *folder, *message, *importance)
            }
            Op::SaveHeld { held, force } => self.save_held(*held, *force),
            Op::LetGo { held } => self.let_go(*held),
        }
    }

    fn post(&mut self, who: usize, folder: u8, importance: u8, associated: bool) -> Outcome {
        let folder = self.model.pick(folder);
        let subject = self.model.subject();
        let importance = i32::from(importance);
        let client = &mut self.clients[who];
        let id = self.model.folders[folder].id.expect("the server was asked");
        let posted = new_message(client, id, &subject, importance, associated);
        let posted = posted.map_err(|code| format!("a new message: {code}"))?;
        self.model.events.push(Event::Created(id, posted));
        let message = Message::new(Some(posted), subject, importance);
        self.model.folders[folder].messages.push(Message { associated, ..message });
        Ok(())
    }

    fn edit(&mut self, who: usize, folder: u8, message: u8, importance: u8) -> Outcome {
        let Some((folder, id)) = self.pick(folder, message) else { return Ok(()) };
        let folder = self.id(folder);
        let importance = i32::from(importance);
        let saved = change_message(&mut self.clients[who], folder, id, importance);
        same("a change", saved, Ok(id))?;
        self.note_saved(folder, id).importance = importance;
        Ok(())
    }

    /// A message was saved.
    pub fn note_saved(&mut self, folder: FolderId, id: MessageId) -> &mut Message {
        self.model.events.push(Event::Modified(folder, id));
        let message = self.model.message(id).expect("a message that was picked");
        message.version += 1;
        message
    }

    fn delete(&mut self, who: usize, folder: u8, messages: &[u8], hard: bool) -> Outcome {
        let folder = self.model.pick(folder);
        let ids = self.model.folders[folder].pick(messages);
        let (id, body) = (self.id(folder), deleting(&ids, hard));
        let answer = self.with_folder(who, id, |client, handle| client.call(handle, body))?;
        same("deleting messages", partial(answer), Ok(false))?;
        self.note_deleted(folder, &ids, hard);
        Ok(())
    }

    /// Messages of a folder were deleted.
    pub fn note_deleted(&mut self, folder: usize, ids: &[MessageId], hard: bool) {
        let place = self.id(folder);
        for id in ids {
            self.model.events.push(Event::Deleted(place, *id));
            let folder = &mut self.model.folders[folder];
            let message = take(&mut folder.messages, *id);
            if !hard {
                folder.deleted.push(message);
            }
        }
    }

    fn relocate(&mut self, who: usize, from: u8, to: u8, messages: &[u8], copy: bool) -> Outcome {
        let ids = self.model.folders[self.model.pick(from)].pick(messages);
        self.carry(who, (from, to), &ids, copy, |folder| &mut folder.messages)
    }

    fn recover(&mut self, who: usize, from: u8, to: u8, messages: &[u8], copy: bool) -> Outcome {
        let ids = self.model.folders[self.model.pick(from)].pick_deleted(messages);
        self.carry(who, (from, to), &ids, copy, |folder| &mut folder.deleted)
    }

    /// Moves or copies messages that stand in one of the lists of a folder.
    fn carry(
        &mut self,
        who: usize,
        (from, to): (u8, u8),
        ids: &[MessageId],
        copy: bool,
        list: fn(&mut crate::store::Folder) -> &mut Vec<Message>,
    ) -> Outcome {
        let (from, to) = (self.model.pick(from), self.model.pick(to));
        let answer = self.move_or_copy(who, from, to, ids, copy)?;
        same("moving or copying messages", answer, Ok(false))?;
        for id in ids {
            let list = list(&mut self.model.folders[from]);
            let message = match copy {
                true => find(list, *id).clone(),
                false => take(list, *id),
            };
            self.model.folders[to].messages.push(Message { id: None, ..message });
        }
        self.arrived(who, from, to, ids, copy)
    }

    fn move_or_copy(
        &mut self,
        who: usize,
        from: usize,
        to: usize,
        ids: &[MessageId],
        copy: bool,
    ) -> Outcome<Answer<bool>> {
        let (body, target) = (relocating(ids, copy), self.id(to));
        let answer = self.with_folder(who, self.id(from), |client, source| {
            let target = client.open_folder(target)?;
            let answer = client.call_two(source, target, body).map(|(answer, _)| answer);
            client.release(target);
            answer
        })?;
        Ok(partial(answer))
    }

    /// Messages came into a folder, the last ones of its list: which ids have they?
    pub fn arrived(
        &mut self,
        who: usize,
        from: usize,
        to: usize,
        ids: &[MessageId],
        copy: bool,
    ) -> Outcome {
        self.compare_folder(who, to)?;
        let (source, target) = (self.id(from), self.id(to));
        let messages = &self.model.folders[to].messages;
        let new = &messages[messages.len() - ids.len()..];
        for (message, old) in new.iter().zip(ids) {
            let id = message.id.expect("the server was asked");
            self.model.events.push(match copy {
                true => Event::Copied(target, id, source, *old),
                false => Event::Moved(target, id, source, *old),
            });
        }
        Ok(())
    }

    fn purge(&mut self, who: usize, folder: u8, messages: &[u8]) -> Outcome {
        let folder = self.model.pick(folder);
        let ids = self.model.folders[folder].pick_deleted(messages);
        let (id, body) = (self.id(folder), deleting(&ids, true));
        let answer = self.with_folder(who, id, |client, handle| client.call(handle, body))?;
        same("deleting for good", partial(answer), Ok(false))?;
        let place = self.id(folder);
        for id in ids {
            take(&mut self.model.folders[folder].deleted, id);
            self.model.events.push(Event::Deleted(place, id));
        }
        Ok(())
    }

    fn set_read(&mut self, who: usize, folder: u8, messages: &[u8], read: bool) -> Outcome {
        let folder = self.model.pick(folder);
        let ids = self.model.folders[folder].pick(messages);
        let flags = match read {
            true => ReadFlags::NONE,
            false => ReadFlags::CLEAR_READ_FLAG,
        };
        let request = SetReadFlagsRequest {
            want_asynchronous: false,
            flags: flags | ReadFlags::SUPPRESS_RECEIPT,
            messages: Counted::from(ids.clone()),
        };
        let place = self.id(folder);
        let answer = self.with_folder(who, place, |client, handle| {
            client.call(handle, RopRequest::SetReadFlags(request))
        })?;
        same("setting read flags", partial(answer), Ok(false))?;
        for message in &mut self.model.folders[folder].messages {
            let id = message.id.expect("the server was asked");
            let meant = match ids.is_empty() {
                true => !message.associated,
                false => ids.contains(&id),
            };
            if meant && message.read != read {
                message.read = read;
                self.model.events.push(Event::Modified(place, id));
            }
        }
        Ok(())
    }

    fn hold(&mut self, who: usize, folder: u8, message: u8, importance: u8) -> Outcome {
        let Some((folder, id)) = self.pick(folder, message) else { return Ok(()) };
        if self.held.len() >= 4 {
            self.let_go(0)?;
        }
        let (folder, importance) = (self.id(folder), i32::from(importance));
        let client = &mut self.clients[who];
        let mut open = || -> Answer<Handle> {
            let handle = client.open_message(folder, id, OpenMessageFlags::READ_WRITE)?;
            client.set(handle, tags::IMPORTANCE, importance)?;
            Ok(handle)
        };
        let handle = open().map_err(|code| format!("a message opens: {code}"))?;
        let message = self.model.message(id).expect("a message that was picked");
        let (version, content) = (message.version, message.content.clone());
        self.held.push(Held { who, handle, folder, id, version, importance, content });
        Ok(())
    }

    fn save_held(&mut self, held: u8, force: bool) -> Outcome {
        if self.held.is_empty() {
            return Ok(());
        }
        let at = usize::from(held) % self.held.len();
        let held = &self.held[at];
        let (folder, id, importance) = (held.folder, held.id, held.importance);
        let mut flags = SaveFlags::KEEP_OPEN_READ_WRITE;
        if force {
            flags = flags | SaveFlags::FORCE_SAVE;
        }
        let answer = self.clients[held.who].save(held.handle, flags);
        let Some(message) = self.model.message(id) else {
            // Deleted, moved away, or in a folder that was deleted.
            return match answer {
                Err(ErrorCode::OBJECT_DELETED | ErrorCode::NOT_FOUND) => Ok(()),
                other => Err(format!("the save of what is gone: {other:?}")),
            };
        };
        if message.version != held.version && !force {
            return same("a stale save", answer, Err(ErrorCode::OBJECT_MODIFIED));
        }
        same("a save", answer, Ok(id))?;
        // A save by force takes no part of what others saved meanwhile.
        let content = self.held[at].content.clone();
        let saved = self.note_saved(folder, id);
        (saved.importance, saved.content) = (importance, content);
        self.held[at].version = saved.version;
        Ok(())
    }

    pub fn let_go(&mut self, held: u8) -> Outcome {
        if self.held.is_empty() {
            return Ok(());
        }
        let held = self.held.remove(usize::from(held) % self.held.len());
        self.clients[held.who].release(held.handle);
        Ok(())
    }
}

impl Message {
    /// One that its maker has read, with nothing in it.
    pub fn new(id: Option<MessageId>, subject: String, importance: i32) -> Message {
        Message {
            id,
            subject,
            importance,
            read: true,
            associated: false,
            version: 1,
            copy_of: None,
            strangers: false,
            content: Default::default(),
        }
    }
}

fn find(messages: &[Message], id: MessageId) -> &Message {
    messages.iter().find(|message| message.id == Some(id)).expect("a message that was picked")
}

pub fn take(messages: &mut Vec<Message>, id: MessageId) -> Message {
    let at = messages.iter().position(|message| message.id == Some(id));
    messages.remove(at.expect("a message that was picked"))
}

pub fn new_message(
    client: &mut Client,
    folder: FolderId,
    subject: &str,
    importance: i32,
    associated: bool,
) -> Answer<MessageId> {
    let message = client.create_message(folder, associated)?;
    let values =
        [TaggedValue::new(tags::SUBJECT, subject), TaggedValue::new(tags::IMPORTANCE, importance)];
    let mut save = || {
        client.set_all(message, &values)?;
        client.save(message, SaveFlags::NONE)
    };
    let saved = save();
    client.release(message);
    saved
}

pub fn change_message(
    client: &mut Client,
    folder: FolderId,
    id: MessageId,
    importance: i32,
) -> Answer<MessageId> {
    let message = client.open_message(folder, id, OpenMessageFlags::READ_WRITE)?;
    let mut save = || {
        client.set(message, tags::IMPORTANCE, importance)?;
        client.save(message, SaveFlags::NONE)
    };
    let saved = save();
    client.release(message);
    saved
}

pub fn deleting(ids: &[MessageId], hard: bool) -> RopRequest {
    let request = DeleteMessagesRequest {
        want_asynchronous: false,
        notify_non_read: false,
        messages: Counted::from(ids.to_vec()),
    };
    match hard {
        true => RopRequest::HardDeleteMessages(request),
        false => RopRequest::DeleteMessages(request),
    }
}

pub fn relocating(ids: &[MessageId], copy: bool) -> RopRequest {
    RopRequest::MoveCopyMessages(MoveCopyMessagesRequest {
        messages: Counted::from(ids.to_vec()),
        want_asynchronous: false,
        want_copy: copy,
    })
}
