//! Somebody else's session on the mailbox, which gains and loses rights while it is at work.

use mapi::wire::Counted;
use mapi::{ErrorCode, MessageId, TaggedValue, tags};
use mapi_rop::folder::{FolderType, TableFlags};
use mapi_rop::message::OpenMessageFlags;
use mapi_rop::permission::{
    ModifyPermissionsFlags, ModifyPermissionsRequest, PermissionData, PermissionDataFlags,
};
use mapi_rop::{Handle, RopRequest, RopResponse};
use proptest::prelude::*;
use store::SpecialFolder;
use testsuite::raw::{Answer, Client};
use testsuite::rig::{ME, Rig, STRANGER};

use crate::compare::{all_rows, same, text, words};
use crate::events::Event;
use crate::folders::new_folder;
use crate::messages::{change_message, deleting, new_message, relocating};
use crate::run::{Outcome, Run, partial};
use crate::store::{FolderKey, Message};

const READ_ANY: u32 = 0x0001;
const CREATE: u32 = 0x0002;
const EDIT_OWNED: u32 = 0x0008;
const DELETE_OWNED: u32 = 0x0010;
const EDIT_ANY: u32 = 0x0020;
const DELETE_ANY: u32 = 0x0040;
const CREATE_SUBFOLDER: u32 = 0x0080;
const VISIBLE: u32 = 0x0400;
/// What who makes a folder may do there.
const ALL: u32 = 0x05fb;

/// What is granted, from nothing to everything.
const LEVELS: [u32; 10] = [
    0,
    VISIBLE,
    VISIBLE | READ_ANY,
    VISIBLE | CREATE,
    VISIBLE | CREATE | EDIT_OWNED,
    VISIBLE | CREATE | EDIT_OWNED | DELETE_OWNED,
    VISIBLE | READ_ANY | CREATE | EDIT_OWNED | DELETE_OWNED,
    VISIBLE | READ_ANY | EDIT_OWNED | EDIT_ANY,
    VISIBLE | READ_ANY | CREATE | EDIT_OWNED | EDIT_ANY | DELETE_OWNED | DELETE_ANY,
    VISIBLE | READ_ANY | CREATE_SUBFOLDER,
];

#[derive(Debug, Clone)]
pub enum Op {
    Grant {
        folder: u8,
        level: u8,
    },
    /// Opens a folder and keeps it.
    Keep {
        folder: u8,
    },
    /// Looks into the folder that is kept.
    Look,
    List {
        folder: u8,
    },
    Post {
        folder: u8,
        importance: u8,
    },
    Read {
        folder: u8,
        message: u8,
    },
    Edit {
        folder: u8,
        message: u8,
        importance: u8,
    },
    Delete {
        folder: u8,
        message: u8,
        hard: bool,
    },
    Copy {
        from: u8,
        to: u8,
        message: u8,
    },
    Create {
        parent: u8,
    },
}

pub fn one() -> impl Strategy<Value = Op> {
    let number = || 0..8u8;
    prop_oneof![
        8 => (number(), 0..10u8).prop_map(|(folder, level)| Op::Grant { folder, level }),
        1 => number().prop_map(|folder| Op::Keep { folder }),
        2 => Just(Op::Look),
        2 => number().prop_map(|folder| Op::List { folder }),
        4 => (number(), 0..3u8).prop_map(|(folder, importance)| Op::Post { folder, importance }),
        2 => (number(), number()).prop_map(|(folder, message)| Op::Read { folder, message }),
        3 => (number(), number(), 0..3u8)
            .prop_map(|(folder, message, importance)| Op::Edit { folder, message, importance }),
        3 => (number(), number(), any::<bool>())
            .prop_map(|(folder, message, hard)| Op::Delete { folder, message, hard }),
        2 => (number(), number(), number())
            .prop_map(|(from, to, message)| Op::Copy { from, to, message }),
        2 => number().prop_map(|parent| Op::Create { parent }),
    ]
}

/// STRANGER, logged on to the mailbox.
pub struct Visitor {
    pub client: Client,
    entry_id: Vec<u8>,
    kept: Option<(FolderKey, Handle)>,
}

impl Visitor {
    pub fn new(rig: &Rig) -> Outcome<Visitor> {
        let stranger = rig.store.account_by_address(STRANGER).map_err(words)?;
        let entry_id = store::permission::entry_id(&stranger.ok_or("no such account")?);
        // Something has to be granted before he logs on.
        let mut owner = rig.client(ME).map_err(words)?;
        let drafts = owner.open_folder(SpecialFolder::Drafts.id()).map_err(words)?;
        grant(&mut owner, drafts, &entry_id, VISIBLE).map_err(words)?;
        let mut client = rig.bare_client(STRANGER).map_err(words)?;
        client.logon = client.log_on(&rig.legacy_dn(ME).map_err(words)?).map_err(words)?;
        Ok(Visitor { client, entry_id, kept: None })
    }
}

impl Message {
    fn may_be_read(&self, rights: u32) -> bool {
        rights & READ_ANY != 0 || self.strangers && rights & VISIBLE != 0
    }

    fn may_be_changed(&self, rights: u32) -> bool {
        let needed = match self.associated {
            true => 0x100,
            false if self.strangers => EDIT_ANY | EDIT_OWNED,
            false => EDIT_ANY,
        };
        rights & needed != 0
    }

    fn may_be_deleted(&self, rights: u32) -> bool {
        let needed = match self.associated {
            true => 0x100,
            false if self.strangers => DELETE_ANY | DELETE_OWNED,
            false => DELETE_ANY,
        };
        rights & needed != 0
    }
}

impl Run<'_> {
    pub fn permission_step(&mut self, op: &Op) -> Outcome {
        match op {
            Op::Grant { folder, level } => self.grant(*folder, *level),
            Op::Keep { folder } => self.keep_folder(*folder),
            Op::Look => self.look(),
            Op::List { folder } => self.list(*folder),
            Op::Post { folder, importance } => self.post_as_stranger(*folder, *importance),
            Op::Read { folder, message } => self.read_as_stranger(*folder, *message),
            Op::Edit { folder, message, importance } => {
                self.edit_as_stranger(*folder, *message, *importance)
            }
            Op::Delete { folder, message, hard } => {
                self.delete_as_stranger(*folder, *message, *hard)
            }
            Op::Copy { from, to, message } => self.copy_as_stranger(*from, *to, *message),
            Op::Create { parent } => self.create_as_stranger(*parent),
        }
    }

    fn rights(&self, folder: usize) -> u32 {
        self.model.folders[folder].rights
    }

    fn grant(&mut self, folder: u8, level: u8) -> Outcome {
        let folder = self.model.pick(folder);
        let rights = LEVELS[usize::from(level) % LEVELS.len()];
        let entry_id = self.visitor.entry_id.clone();
        let granted = self.with_folder(0, self.id(folder), |client, folder| {
            grant(client, folder, &entry_id, rights)
        })?;
        self.model.folders[folder].rights = rights;
        same("granting rights", granted, Ok(()))
    }

    fn keep_folder(&mut self, folder: u8) -> Outcome {
        let folder = self.model.pick(folder);
        let opened = self.visitor.client.open_folder(self.id(folder));
        let visible = self.rights(folder) & VISIBLE != 0;
        match (opened, visible) {
            (Ok(handle), true) => {
                let kept = self.visitor.kept.replace((self.key(folder), handle));
                if let Some((_, handle)) = kept {
                    self.visitor.client.release(handle);
                }
                Ok(())
            }
            (opened, visible) => same(
                "opening what is hidden",
                (opened, visible),
                (Err(ErrorCode::NOT_FOUND), false),
            ),
        }
    }

    /// A handle does not help whom the rights were taken from.
    fn look(&mut self) -> Outcome {
        let Some((key, handle)) = self.visitor.kept else { return Ok(()) };
        if !self.model.has(key) {
            return Ok(());
        }
        let folder = self.model.index(key);
        let shown = subjects(&mut self.visitor.client, handle);
        same(
            "what a kept handle shows",
            shown,
            self.shown_to_stranger(folder, ErrorCode::ACCESS_DENIED),
        )
    }

    fn list(&mut self, folder: u8) -> Outcome {
        let folder = self.model.pick(folder);
        let id = self.id(folder);
        let client = &mut self.visitor.client;
        let shown = client.open_folder(id).and_then(|handle| {
            let shown = subjects(client, handle);
            client.release(handle);
            shown
        });
        same("what STRANGER is shown", shown, self.shown_to_stranger(folder, ErrorCode::NOT_FOUND))
    }

    fn shown_to_stranger(&self, folder: usize, hidden: ErrorCode) -> Answer<Vec<String>> {
        let rights = self.rights(folder);
        if rights & VISIBLE == 0 {
            return Err(hidden);
        }
        let messages = self.model.folders[folder].messages.iter();
        let shown = messages.filter(|m| !m.associated && m.may_be_read(rights));
        let mut subjects: Vec<String> = shown.map(|message| message.subject.clone()).collect();
        subjects.sort();
        Ok(subjects)
    }

    fn post_as_stranger(&mut self, folder: u8, importance: u8) -> Outcome {
        let folder = self.model.pick(folder);
        let (id, importance) = (self.id(folder), i32::from(importance));
        let subject = self.model.subject();
        let posted = new_message(&mut self.visitor.client, id, &subject, importance, false);
        if self.rights(folder) & CREATE == 0 {
            return same("a message where none may be made", posted, Err(ErrorCode::ACCESS_DENIED));
        }
        let posted = posted.map_err(|code| format!("a message of STRANGER's: {code}"))?;
        self.model.events.push(Event::Created(id, posted));
        let message = Message::new(Some(posted), subject, importance);
        self.model.folders[folder].messages.push(Message { strangers: true, ..message });
        Ok(())
    }

    /// A message that two numbers mean: its folder, its id and itself.
    fn pick_message(&self, folder: u8, message: u8) -> Option<(usize, MessageId, Message)> {
        let (folder, id) = self.pick(folder, message)?;
        let messages = &self.model.folders[folder].messages;
        let message = messages.iter().find(|message| message.id == Some(id))?;
        Some((folder, id, message.clone()))
    }

    fn read_as_stranger(&mut self, folder: u8, message: u8) -> Outcome {
        let Some((folder, id, message)) = self.pick_message(folder, message) else { return Ok(()) };
        let place = self.id(folder);
        let client = &mut self.visitor.client;
        let read = client.open_message(place, id, OpenMessageFlags::NONE).and_then(|handle| {
            let subject = client.get(handle, tags::SUBJECT);
            client.release(handle);
            subject
        });
        let expected = match message.may_be_read(self.rights(folder)) {
            true => Ok(message.subject.as_str().into()),
            false => Err(ErrorCode::ACCESS_DENIED),
        };
        same("reading a message", read, expected)
    }

    fn edit_as_stranger(&mut self, folder: u8, message: u8, importance: u8) -> Outcome {
        let Some((folder, id, message)) = self.pick_message(folder, message) else { return Ok(()) };
        let (place, importance) = (self.id(folder), i32::from(importance));
        let rights = self.rights(folder);
        let changed = change_message(&mut self.visitor.client, place, id, importance);
        if !(message.may_be_read(rights) && message.may_be_changed(rights)) {
            return same("changing a message", changed, Err(ErrorCode::ACCESS_DENIED));
        }
        same("changing a message", changed, Ok(id))?;
        self.note_saved(place, id).importance = importance;
        Ok(())
    }

    fn delete_as_stranger(&mut self, folder: u8, message: u8, hard: bool) -> Outcome {
        let Some((folder, id, message)) = self.pick_message(folder, message) else { return Ok(()) };
        let rights = self.rights(folder);
        let place = self.id(folder);
        let client = &mut self.visitor.client;
        let answer = client.open_folder(place).and_then(|handle| {
            let answer = client.call(handle, deleting(&[id], hard));
            client.release(handle);
            partial(answer)
        });
        if rights & VISIBLE == 0 {
            return same("deleting in a hidden folder", answer, Err(ErrorCode::NOT_FOUND));
        }
        if !message.may_be_deleted(rights) {
            return same("deleting a message", answer, Err(ErrorCode::ACCESS_DENIED));
        }
        same("deleting a message", answer, Ok(false))?;
        self.note_deleted(folder, &[id], hard);
        Ok(())
    }

    fn copy_as_stranger(&mut self, from: u8, to: u8, message: u8) -> Outcome {
        let Some((from, id, message)) = self.pick_message(from, message) else { return Ok(()) };
        let to = self.model.pick(to);
        let (here, there) = (self.rights(from), self.rights(to));
        if here & VISIBLE == 0 || there & VISIBLE == 0 || message.associated {
            return Ok(());
        }
        let (source, target) = (self.id(from), self.id(to));
        let client = &mut self.visitor.client;
        let mut copy = || -> Answer<bool> {
            let source = client.open_folder(source)?;
            let target = client.open_folder(target)?;
            let answer = client.call_two(source, target, relocating(&[id], true));
            client.release(target);
            client.release(source);
            partial(answer.map(|(answer, _)| answer))
        };
        let answer = copy();
        if !message.may_be_read(here) || there & CREATE == 0 {
            return same("copying a message", answer, Err(ErrorCode::ACCESS_DENIED));
        }
        same("copying a message", answer, Ok(false))?;
        self.model.folders[to].messages.push(Message { id: None, ..message });
        self.arrived(0, from, to, &[id], true)
    }

    fn create_as_stranger(&mut self, parent: u8) -> Outcome {
        let parent = self.model.pick(parent);
        let (id, rights) = (self.id(parent), self.rights(parent));
        let name = self.model.subject();
        let client = &mut self.visitor.client;
        let made = client.open_folder(id).and_then(|handle| {
            let body = new_folder(FolderType::Generic, &name, false);
            let answer = client.call_two(handle, Handle::NONE, body);
            client.release(handle);
            let (answer, made) = answer?;
            client.release(made);
            match answer {
                RopResponse::CreateFolder(made) => Ok(made.folder),
                other => panic!("{other:?}"),
            }
        });
        if rights & VISIBLE == 0 {
            return same("a folder in a hidden one", made, Err(ErrorCode::NOT_FOUND));
        }
        if rights & CREATE_SUBFOLDER == 0 {
            return same("a folder of STRANGER's", made, Err(ErrorCode::ACCESS_DENIED));
        }
        let made = made.map_err(|code| format!("a folder of STRANGER's: {code}"))?;
        let key = self.key(parent);
        let folder = self.model.add(Some(made), &name, Some(key));
        self.model.folders[folder].rights = ALL;
        self.model.events.push(Event::FolderCreated(made, id));
        Ok(())
    }
}

fn grant(client: &mut Client, folder: Handle, entry_id: &[u8], rights: u32) -> Answer<()> {
    let values = vec![
        TaggedValue::new(tags::ENTRY_ID, entry_id.to_vec()),
        TaggedValue::new(tags::MEMBER_RIGHTS, rights as i32),
    ];
    let row = PermissionData { flags: PermissionDataFlags::ADD_ROW, values: Counted::from(values) };
    let request = ModifyPermissionsRequest {
        flags: ModifyPermissionsFlags::NONE,
        permissions: Counted::from(vec![row]),
    };
    client.call(folder, RopRequest::ModifyPermissions(request)).map(drop)
}

/// Sorted.
fn subjects(client: &mut Client, folder: Handle) -> Answer<Vec<String>> {
    let table = client.contents(folder, TableFlags::NONE)?;
    let mut rows = || {
        client.set_columns(table, &[tags::SUBJECT])?;
        all_rows(client, table)
    };
    let rows = rows();
    client.release(table);
    let mut subjects: Vec<String> = rows?.iter().map(|row| text(row, 0)).collect();
    subjects.sort();
    Ok(subjects)
}
