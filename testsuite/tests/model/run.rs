//! Runs a case: each operation by ROPs and in the model, and compares.

use mapi::restriction::Relation;
use mapi::sort::{Direction, SortOrder};
use mapi::wire::Counted;
use mapi::{
    ErrorCode, FolderId, MessageId, PropertyRow, RecipientRow, Restriction, SortOrderSet,
    TaggedValue, tags,
};
use mapi_rop::folder::{
    DeleteFolderFlags, DeleteFolderRequest, DeleteMessagesRequest, EmptyFolderRequest, FolderType,
    MoveCopyMessagesRequest, TableFlags,
};
use mapi_rop::irregular::{CopyFolderRequest, CreateFolderRequest, FolderTexts, MoveFolderRequest};
use mapi_rop::message::{
    ModifyRecipientRow, ModifyRecipientsRequest, OpenMessageFlags, ReadFlags, RecipientType,
    SaveFlags, SetReadFlagsRequest,
};
use mapi_rop::parts::{SizedRestriction, Text};
use mapi_rop::table::{AsyncFlags, RestrictRequest, SortTableRequest};
use mapi_rop::transport::{SubmitFlags, SubmitMessageRequest};
use mapi_rop::{Handle, RopRequest, RopResponse};
use store::SpecialFolder;
use testsuite::raw::{Answer, Client};
use testsuite::rig::{DELEGATE, ME, Rig};

use crate::compare::{all_rows, same, text, words};
use crate::operation::Operation;
use crate::store::{FIXED, FolderKey, INBOX, Message, Model};

/// What differs, in words.
pub type Outcome<T = ()> = Result<T, String>;

const NAMES: [&str; 6] = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta"];

/// A message that is open with a change.
pub struct Held {
    pub who: usize,
    pub handle: Handle,
    id: MessageId,
    /// On which the change stands.
    version: u32,
    importance: i32,
}

/// A case at work: three sessions on one mailbox.
pub struct Run<'a> {
    pub rig: &'a Rig,
    pub clients: Vec<Client>,
    pub model: Model,
    pub held: Vec<Held>,
}

/// Runs a case to its end.
pub fn run(rig: &Rig, operations: &[Operation]) -> Outcome {
    let mut run = Run::new(rig)?;
    for (at, operation) in operations.iter().enumerate() {
        run.step(operation).map_err(|what| format!("operation {at}, {operation:?}: {what}"))?;
    }
    run.compare(0)?;
    run.end()
}

impl<'a> Run<'a> {
    fn new(rig: &'a Rig) -> Outcome<Run<'a>> {
        let dn = rig.legacy_dn(ME).map_err(words)?;
        let mut clients = Vec::new();
        for user in [ME, ME, DELEGATE] {
            let mut client = rig.bare_client(user).map_err(words)?;
            client.logon = client.log_on(&dn).map_err(words)?;
            clients.push(client);
        }
        let mut run = Run { rig, clients, model: Model::default(), held: Vec::new() };
        let parent = SpecialFolder::IpmSubtree.id();
        let top = run.create(0, parent, "the model", false)?.map_err(words)?;
        run.model.add(Some(top), "the model", None);
        run.model.add(Some(SpecialFolder::Inbox.id()), "Inbox", None);
        Ok(run)
    }

    fn step(&mut self, operation: &Operation) -> Outcome {
        match operation {
            Operation::CreateFolder { who, parent, name, open_existing } => {
                self.create_folder(of(*who), *parent, *name, *open_existing)
            }
            Operation::DeleteFolder { who, folder, contents, hard } => {
                self.delete_folder(of(*who), *folder, *contents, *hard)
            }
            Operation::MoveFolder { who, folder, to, name } => {
                self.move_folder(of(*who), *folder, *to, *name)
            }
            Operation::CopyFolder { who, folder, to, name, recursive } => {
                self.copy_folder(of(*who), *folder, *to, *name, *recursive)
            }
            Operation::EmptyFolder { who, folder, associated, hard } => {
                self.empty_folder(of(*who), *folder, *associated, *hard)
            }
            Operation::Post { who, folder, importance, associated } => {
                self.post(of(*who), *folder, *importance, *associated)
            }
            Operation::Edit { who, folder, message, importance } => {
                self.edit(of(*who), *folder, *message, *importance)
            }
            Operation::Delete { who, folder, messages, hard } => {
                self.delete(of(*who), *folder, messages, *hard)
            }
            Operation::Relocate { who, from, to, messages, copy } => {
                self.relocate(of(*who), *from, *to, messages, *copy)
            }
            Operation::SetRead { who, folder, messages, read } => {
                self.set_read(of(*who), *folder, messages, *read)
            }
            Operation::Hold { who, folder, message, importance } => {
                self.hold(of(*who), *folder, *message, *importance)
            }
            Operation::SaveHeld { held, force } => self.save_held(*held, *force),
            Operation::LetGo { held } => self.let_go(*held),
            Operation::Submit { who, folder, importance } => {
                self.submit(of(*who), *folder, *importance)
            }
            Operation::Search { who, folder, importance, descending } => {
                self.search(of(*who), *folder, *importance, *descending)
            }
            Operation::Compare { who } => self.compare(of(*who)),
        }
    }

    pub fn id(&self, folder: usize) -> FolderId {
        self.model.folders[folder].id.expect("the server was asked")
    }

    pub fn key(&self, folder: usize) -> FolderKey {
        self.model.folders[folder].key
    }

    /// Works with an open folder, and releases it.
    pub fn with_folder<T>(
        &mut self,
        who: usize,
        id: FolderId,
        work: impl FnOnce(&mut Client, Handle) -> Answer<T>,
    ) -> Outcome<Answer<T>> {
        let client = &mut self.clients[who];
        let folder = client.open_folder(id).map_err(|code| format!("a folder opens: {code}"))?;
        let answer = work(client, folder);
        client.release(folder);
        Ok(answer)
    }

    fn create(
        &mut self,
        who: usize,
        parent: FolderId,
        name: &str,
        open_existing: bool,
    ) -> Outcome<Answer<FolderId>> {
        let request = CreateFolderRequest {
            folder_type: FolderType::Generic,
            open_existing,
            reserved: 0,
            texts: FolderTexts::Unicode { display_name: name.into(), comment: "".into() },
        };
        self.with_folder(who, parent, |client, folder| {
            let body = RopRequest::CreateFolder(request);
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
                self.model.add(Some(id), &name, Some(key));
                Ok(())
            }
        }
    }

    fn delete_folder(&mut self, who: usize, folder: u8, contents: bool, hard: bool) -> Outcome {
        let folder = self.model.pick(folder);
        let Some(parent) = self.model.folders[folder].parent else { return Ok(()) };
        let (key, parent) = (self.key(folder), self.id(self.model.index(parent)));
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
            self.model.remove(key);
        }
        Ok(())
    }

    fn move_folder(&mut self, who: usize, folder: u8, to: u8, name: Option<u8>) -> Outcome {
        let (folder, to) = (self.model.pick(folder), self.model.pick(to));
        if folder < FIXED {
            return Ok(());
        }
        let (key, target) = (self.key(folder), self.key(to));
        let new_name = name.map_or_else(String::new, name_of);
        let request = MoveFolderRequest {
            want_asynchronous: false,
            folder: self.id(folder),
            new_name: Text::Unicode(new_name.as_str().into()),
        };
        let answer =
            self.with_parent_and_other(who, folder, to, RopRequest::MoveFolder(request))?;
        let name = match name {
            Some(_) => new_name,
            None => self.model.folders[folder].name.clone(),
        };
        if self.model.is_within(target, key) {
            return same("a folder into itself", answer, Err(ErrorCode::FOLDER_CYCLE));
        }
        if self.model.child_named(target, &name).is_some_and(|other| other != folder) {
            return same("a name twice", answer, Err(ErrorCode::DUPLICATE_NAME));
        }
        same("moving a folder", answer, Ok(false))?;
        let folder = &mut self.model.folders[folder];
        (folder.parent, folder.name) = (Some(target), name);
        Ok(())
    }

    /// A ROP on the parent of a folder and on another folder.
    fn with_parent_and_other(
        &mut self,
        who: usize,
        folder: usize,
        to: usize,
        body: RopRequest,
    ) -> Outcome<Answer<bool>> {
        let parent = self.model.folders[folder].parent.expect("one that is not fixed");
        let (parent, to) = (self.id(self.model.index(parent)), self.id(to));
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
        let new_name = name.map_or_else(String::new, name_of);
        let request = CopyFolderRequest {
            want_asynchronous: false,
            want_recursive: recursive,
            folder: self.id(folder),
            new_name: Text::Unicode(new_name.as_str().into()),
        };
        if self.model.is_within(target, key) {
            let answer =
                self.with_parent_and_other(who, folder, to, RopRequest::CopyFolder(request))?;
            return same("a folder into itself", answer, Err(ErrorCode::FOLDER_CYCLE));
        }
        let answer =
            self.with_parent_and_other(who, folder, to, RopRequest::CopyFolder(request))?;
        let name = match name {
            Some(_) => new_name,
            None => self.model.folders[folder].name.clone(),
        };
        if self.model.child_named(target, &name).is_some() {
            return same("a name twice", answer, Err(ErrorCode::DUPLICATE_NAME));
        }
        same("copying a folder", answer, Ok(false))?;
        self.model.copy(key, target, &name, recursive);
        self.learn(who)
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
        children.into_iter().for_each(|child| self.model.remove(child));
        let at = self.model.index(key);
        let folder = &mut self.model.folders[at];
        for fai in [false, true] {
            if fai && !associated {
                continue;
            }
            let gone = folder.count(fai);
            folder.messages.retain(|message| message.associated != fai);
            match hard {
                true => folder.deleted[usize::from(fai)] = 0,
                false => folder.deleted[usize::from(fai)] += gone,
            }
        }
        Ok(())
    }

    fn post(&mut self, who: usize, folder: u8, importance: u8, associated: bool) -> Outcome {
        let folder = self.model.pick(folder);
        let (id, subject) = (self.id(folder), self.model.subject());
        let client = &mut self.clients[who];
        let mut post = || -> Answer<MessageId> {
            let message = client.create_message(id, associated)?;
            let values = [
                TaggedValue::new(tags::SUBJECT, subject.as_str()),
                TaggedValue::new(tags::IMPORTANCE, i32::from(importance)),
            ];
            client.set_all(message, &values)?;
            let id = client.save(message, SaveFlags::NONE)?;
            client.release(message);
            Ok(id)
        };
        let id = post().map_err(|code| format!("a new message: {code}"))?;
        self.model.folders[folder].messages.push(Message {
            id: Some(id),
            subject,
            importance: i32::from(importance),
            read: true,
            associated,
            version: 1,
        });
        Ok(())
    }

    fn edit(&mut self, who: usize, folder: u8, message: u8, importance: u8) -> Outcome {
        let folder = self.model.pick(folder);
        let Some(id) = self.model.folders[folder].pick(&[message]).pop() else { return Ok(()) };
        let folder = self.id(folder);
        let client = &mut self.clients[who];
        let mut edit = || -> Answer<MessageId> {
            let message = client.open_message(folder, id, OpenMessageFlags::READ_WRITE)?;
            client.set(message, tags::IMPORTANCE, i32::from(importance))?;
            let saved = client.save(message, SaveFlags::NONE)?;
            client.release(message);
            Ok(saved)
        };
        same("a change", edit(), Ok(id))?;
        let message = self.model.message(id).expect("a message that was picked");
        message.importance = i32::from(importance);
        message.version += 1;
        Ok(())
    }

    fn delete(&mut self, who: usize, folder: u8, messages: &[u8], hard: bool) -> Outcome {
        let folder = self.model.pick(folder);
        let ids = self.model.folders[folder].pick(messages);
        let request = DeleteMessagesRequest {
            want_asynchronous: false,
            notify_non_read: false,
            messages: Counted::from(ids.clone()),
        };
        let body = match hard {
            true => RopRequest::HardDeleteMessages(request),
            false => RopRequest::DeleteMessages(request),
        };
        let answer =
            self.with_folder(who, self.id(folder), |client, handle| client.call(handle, body))?;
        same("deleting messages", partial(answer), Ok(false))?;
        let folder = &mut self.model.folders[folder];
        for id in ids {
            let at = folder.messages.iter().position(|message| message.id == Some(id));
            let message = folder.messages.remove(at.expect("a message that was picked"));
            if !hard {
                folder.deleted[usize::from(message.associated)] += 1;
            }
        }
        Ok(())
    }

    fn relocate(&mut self, who: usize, from: u8, to: u8, messages: &[u8], copy: bool) -> Outcome {
        let (from, to) = (self.model.pick(from), self.model.pick(to));
        let ids = self.model.folders[from].pick(messages);
        let request = MoveCopyMessagesRequest {
            messages: Counted::from(ids.clone()),
            want_asynchronous: false,
            want_copy: copy,
        };
        let target = self.id(to);
        let answer = self.with_folder(who, self.id(from), |client, source| {
            let target = client.open_folder(target)?;
            let body = RopRequest::MoveCopyMessages(request);
            let answer = client.call_two(source, target, body).map(|(answer, _)| answer);
            client.release(target);
            answer
        })?;
        same("moving or copying messages", partial(answer), Ok(false))?;
        for id in ids {
            let source = &mut self.model.folders[from].messages;
            let at = source.iter().position(|message| message.id == Some(id));
            let at = at.expect("a message that was picked");
            let mut message = match copy {
                true => source[at].clone(),
                false => source.remove(at),
            };
            message.id = None;
            self.model.folders[to].messages.push(message);
        }
        self.compare_folder(who, to)
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
        let answer = self.with_folder(who, self.id(folder), |client, handle| {
            client.call(handle, RopRequest::SetReadFlags(request))
        })?;
        same("setting read flags", partial(answer), Ok(false))?;
        for message in &mut self.model.folders[folder].messages {
            let meant = match ids.is_empty() {
                true => !message.associated,
                false => message.id.is_some_and(|id| ids.contains(&id)),
            };
            if meant {
                message.read = read;
            }
        }
        Ok(())
    }

    fn hold(&mut self, who: usize, folder: u8, message: u8, importance: u8) -> Outcome {
        let folder = self.model.pick(folder);
        let Some(id) = self.model.folders[folder].pick(&[message]).pop() else { return Ok(()) };
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
        let version = self.model.message(id).expect("a message that was picked").version;
        self.held.push(Held { who, handle, id, version, importance });
        Ok(())
    }

    fn save_held(&mut self, held: u8, force: bool) -> Outcome {
        if self.held.is_empty() {
            return Ok(());
        }
        let at = usize::from(held) % self.held.len();
        let held = &mut self.held[at];
        let mut flags = SaveFlags::KEEP_OPEN_READ_WRITE;
        if force {
            flags = flags | SaveFlags::FORCE_SAVE;
        }
        let answer = self.clients[held.who].save(held.handle, flags);
        let Some(message) = self.model.message(held.id) else {
            // Deleted, moved away, or in a folder that was deleted.
            return match answer {
                Err(ErrorCode::OBJECT_DELETED | ErrorCode::NOT_FOUND) => Ok(()),
                other => Err(format!("the save of what is gone: {other:?}")),
            };
        };
        if message.version != held.version && !force {
            return same("a stale save", answer, Err(ErrorCode::OBJECT_MODIFIED));
        }
        same("a save", answer, Ok(held.id))?;
        message.version += 1;
        message.importance = held.importance;
        held.version = message.version;
        Ok(())
    }

    fn let_go(&mut self, held: u8) -> Outcome {
        if self.held.is_empty() {
            return Ok(());
        }
        let held = self.held.remove(usize::from(held) % self.held.len());
        self.clients[held.who].release(held.handle);
        Ok(())
    }

    fn submit(&mut self, who: usize, folder: u8, importance: u8) -> Outcome {
        let folder = self.id(self.model.pick(folder));
        let subject = self.model.subject();
        let client = &mut self.clients[who];
        let mut submit = || -> Answer<()> {
            let message = client.create_message(folder, false)?;
            let values = [
                TaggedValue::new(tags::SUBJECT, subject.as_str()),
                TaggedValue::new(tags::IMPORTANCE, i32::from(importance)),
                TaggedValue::new(tags::DELETE_AFTER_SUBMIT, true),
            ];
            client.set_all(message, &values)?;
            let row = RecipientRow::smtp(ME, ME, PropertyRow::Standard(vec![]));
            let row =
                ModifyRecipientRow { row_id: 0, recipient_type: RecipientType::TO, row: Some(row) };
            let request = ModifyRecipientsRequest { columns: Vec::new(), rows: vec![row] };
            client.call(message, RopRequest::ModifyRecipients(request))?;
            let request = SubmitMessageRequest { flags: SubmitFlags::NONE };
            client.call(message, RopRequest::SubmitMessage(request))?;
            client.release(message);
            Ok(())
        };
        same("a submission", submit(), Ok(()))?;
        self.model.folders[INBOX].messages.push(Message {
            id: None,
            subject,
            importance: i32::from(importance),
            read: false,
            associated: false,
            version: 1,
        });
        self.compare_folder(who, INBOX)
    }

    fn search(&mut self, who: usize, folder: u8, importance: u8, descending: bool) -> Outcome {
        let folder = self.model.pick(folder);
        let wanted = i32::from(importance);
        let direction = if descending { Direction::Descending } else { Direction::Ascending };
        let rows = self.with_folder(who, self.id(folder), |client, folder| {
            let table = client.contents(folder, TableFlags::NONE)?;
            client.set_columns(table, &[tags::SUBJECT])?;
            let restriction = Restriction::Property {
                relation: Relation::Equal,
                tag: tags::IMPORTANCE,
                value: TaggedValue::new(tags::IMPORTANCE, wanted),
            };
            let request = RestrictRequest {
                flags: AsyncFlags::NONE,
                restriction: SizedRestriction(Some(restriction)),
            };
            client.call(table, RopRequest::Restrict(request))?;
            let orders = vec![SortOrder { tag: tags::SUBJECT, direction }];
            let order = SortOrderSet::new(orders);
            let request = SortTableRequest { flags: AsyncFlags::NONE, order };
            client.call(table, RopRequest::SortTable(request))?;
            let rows = all_rows(client, table)?;
            client.release(table);
            Ok(rows)
        })?;
        let rows = rows.map_err(|code| format!("a table: {code}"))?;
        let found: Vec<String> = rows.iter().map(|row| text(row, 0)).collect();
        let messages = self.model.folders[folder].messages.iter();
        let found_in_model = messages.filter(|m| !m.associated && m.importance == wanted);
        let mut expected: Vec<String> = found_in_model.map(|m| m.subject.clone()).collect();
        expected.sort();
        if descending {
            expected.reverse();
        }
        same("a table that is sorted and restricted", found, expected)
    }
}

/// Whether an answer says that a part was left.
fn partial(answer: Answer) -> Answer<bool> {
    Ok(match answer? {
        RopResponse::DeleteFolder(answer)
        | RopResponse::EmptyFolder(answer)
        | RopResponse::HardDeleteMessagesAndSubfolders(answer)
        | RopResponse::MoveFolder(answer)
        | RopResponse::CopyFolder(answer)
        | RopResponse::MoveCopyMessages(answer)
        | RopResponse::DeleteMessages(answer)
        | RopResponse::HardDeleteMessages(answer)
        | RopResponse::SetReadFlags(answer) => answer.partial_completion,
        other => panic!("{other:?}"),
    })
}

fn of(who: u8) -> usize {
    usize::from(who) % 3
}

/// Twelve names, of which each two are the same.
fn name_of(number: u8) -> String {
    let name = NAMES[usize::from(number) % NAMES.len()];
    match usize::from(number) / NAMES.len() % 2 {
        0 => name.to_owned(),
        _ => name.to_uppercase(),
    }
}
