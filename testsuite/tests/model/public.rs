//! A public folder: everybody has read or not read for himself.

use mapi::wire::Counted;
use mapi::{ErrorCode, FolderId, MessageId, PropertyValue, tags};
use mapi_rop::folder::{FolderType, TableFlags};
use mapi_rop::logon::LogonRequest;
use mapi_rop::message::{ReadFlags, SetReadFlagsRequest};
use mapi_rop::{Handle, RopRequest, RopResponse};
use proptest::collection::vec;
use proptest::prelude::*;
use store::PublicFolder;
use testsuite::raw::{Answer, Client};
use testsuite::rig::{ME, Rig, STRANGER};

use crate::compare::{all_rows, int, long, same, text, words};
use crate::folders::new_folder;
use crate::messages::{change_message, deleting, new_message};
use crate::run::{Outcome, Run, partial};

/// By whom: ME, who is an administrator, or STRANGER, an author like everybody.
#[derive(Debug, Clone)]
pub enum Op {
    Post { stranger: bool },
    Edit { stranger: bool, message: u8 },
    SetRead { stranger: bool, messages: Vec<u8>, read: bool },
    Delete { stranger: bool, message: u8 },
}

pub fn one() -> impl Strategy<Value = Op> {
    let who = any::<bool>;
    prop_oneof![
        3 => who().prop_map(|stranger| Op::Post { stranger }),
        2 => (who(), 0..8u8).prop_map(|(stranger, message)| Op::Edit { stranger, message }),
        4 => (who(), vec(0..8u8, 0..3), any::<bool>())
            .prop_map(|(stranger, messages, read)| Op::SetRead { stranger, messages, read }),
        1 => (who(), 0..8u8).prop_map(|(stranger, message)| Op::Delete { stranger, message }),
    ]
}

/// The folder, and two sessions on the public folders.
pub struct Commons {
    pub clients: [Client; 2],
    folder: FolderId,
    posts: Vec<Post>,
}

#[derive(Clone)]
struct Post {
    id: MessageId,
    subject: String,
    strangers: bool,
    /// By ME, by STRANGER.
    read: [bool; 2],
}

impl Commons {
    fn new(rig: &Rig) -> Outcome<Commons> {
        let me = rig.store.account_by_address(ME).map_err(words)?.ok_or("no such account")?;
        rig.store.set_administrator(me.id, true).map_err(words)?;
        let log_on = |user: &str| -> Outcome<Client> {
            let mut client = rig.bare_client(user).map_err(words)?;
            (_, client.logon) = client.log_on_with(LogonRequest::public()).map_err(words)?;
            Ok(client)
        };
        let mut clients = [log_on(ME)?, log_on(STRANGER)?];
        let folder = make_folder(&mut clients[0]).map_err(words)?;
        Ok(Commons { clients, folder, posts: Vec::new() })
    }

    fn pick(&self, message: u8) -> Option<usize> {
        match self.posts.len() {
            0 => None,
            some => Some(usize::from(message) % some),
        }
    }
}

impl Run<'_> {
    pub fn public_step(&mut self, op: &Op) -> Outcome {
        if self.commons.is_none() {
            self.commons = Some(Commons::new(self.rig)?);
        }
        let subject = self.model.subject();
        match &mut self.commons {
            Some(commons) => commons.step(op, subject),
            None => Ok(()),
        }
    }

    /// Each sees what is there, and what he has read of it.
    pub fn compare_commons(&mut self) -> Outcome {
        let Some(commons) = &mut self.commons else { return Ok(()) };
        for who in 0..2 {
            let asked = look(&mut commons.clients[who], commons.folder);
            let (mut found, unread) = asked.map_err(|code| format!("a public folder: {code}"))?;
            found.sort();
            let posts = commons.posts.iter();
            let mut expected: Vec<(MessageId, String, bool)> =
                posts.map(|post| (post.id, post.subject.clone(), post.read[who])).collect();
            expected.sort();
            let not_read = expected.iter().filter(|(.., read)| !read).count();
            same(&format!("the public folder of {who}"), found, expected)?;
            same("its unread count", unread, PropertyValue::Integer32(not_read as i32))?;
        }
        Ok(())
    }
}

impl Commons {
    fn step(&mut self, op: &Op, subject: String) -> Outcome {
        match op {
            Op::Post { stranger } => {
                let who = usize::from(*stranger);
                let posted = new_message(&mut self.clients[who], self.folder, &subject, 1, false);
                let id = posted.map_err(|code| format!("a public message: {code}"))?;
                let mut read = [false; 2];
                read[who] = true;
                self.posts.push(Post { id, subject, strangers: *stranger, read });
                Ok(())
            }
            Op::Edit { stranger, message } => {
                let Some(at) = self.pick(*message) else { return Ok(()) };
                let (who, post) = (usize::from(*stranger), &mut self.posts[at]);
                let changed = change_message(&mut self.clients[who], self.folder, post.id, 2);
                if *stranger && !post.strangers {
                    return same("somebody else's message", changed, Err(ErrorCode::ACCESS_DENIED));
                }
                same("a change of a public message", changed, Ok(post.id))?;
                // For the others it is a new one.
                post.read[1 - who] = false;
                Ok(())
            }
            Op::SetRead { stranger, messages, read } => {
                let who = usize::from(*stranger);
                let picked: Vec<usize> =
                    messages.iter().filter_map(|message| self.pick(*message)).collect();
                let ids: Vec<MessageId> = picked.iter().map(|at| self.posts[*at].id).collect();
                let answer = set_read(&mut self.clients[who], self.folder, ids, *read);
                same("read flags of public messages", answer, Ok(false))?;
                for (at, post) in self.posts.iter_mut().enumerate() {
                    if picked.is_empty() || picked.contains(&at) {
                        post.read[who] = *read;
                    }
                }
                Ok(())
            }
            Op::Delete { stranger, message } => {
                let Some(at) = self.pick(*message) else { return Ok(()) };
                let (who, post) = (usize::from(*stranger), self.posts[at].clone());
                let answer =
                    on_folder(&mut self.clients[who], self.folder, deleting(&[post.id], true));
                if *stranger && !post.strangers {
                    return same("somebody else's message", answer, Err(ErrorCode::ACCESS_DENIED));
                }
                self.posts.remove(at);
                same("deleting a public message", answer, Ok(false))
            }
        }
    }
}

fn make_folder(client: &mut Client) -> Answer<FolderId> {
    let top = client.open_folder(PublicFolder::IpmSubtree.id())?;
    let body = new_folder(FolderType::Generic, "the commons", false);
    let (answer, handle) = client.call_two(top, Handle::NONE, body)?;
    client.release(handle);
    client.release(top);
    match answer {
        RopResponse::CreateFolder(made) => Ok(made.folder),
        other => panic!("{other:?}"),
    }
}

fn on_folder(client: &mut Client, folder: FolderId, body: RopRequest) -> Answer<bool> {
    let folder = client.open_folder(folder)?;
    let answer = client.call(folder, body);
    client.release(folder);
    partial(answer)
}

fn set_read(
    client: &mut Client,
    folder: FolderId,
    ids: Vec<MessageId>,
    read: bool,
) -> Answer<bool> {
    let flags = match read {
        true => ReadFlags::NONE,
        false => ReadFlags::CLEAR_READ_FLAG,
    };
    let messages = Counted::from(ids);
    let request = SetReadFlagsRequest { want_asynchronous: false, flags, messages };
    on_folder(client, folder, RopRequest::SetReadFlags(request))
}

type Seen = (MessageId, String, bool);

fn look(client: &mut Client, folder: FolderId) -> Answer<(Vec<Seen>, PropertyValue)> {
    let folder = client.open_folder(folder)?;
    let table = client.contents(folder, TableFlags::NONE)?;
    client.set_columns(table, &[tags::MID, tags::SUBJECT, tags::MESSAGE_FLAGS])?;
    let rows = all_rows(client, table)?;
    client.release(table);
    let unread = client.get(folder, tags::CONTENT_UNREAD_COUNT)?;
    client.release(folder);
    let seen = |row: &mapi::PropertyRow| {
        (MessageId::from_i64(long(row, 0)), text(row, 1), int(row, 2) & 1 != 0)
    };
    Ok((rows.iter().map(seen).collect(), unread))
}
