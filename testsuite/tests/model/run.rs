//! A case at work: each operation by ROPs and in the model, which are compared.

use mapi::{FolderId, MessageId};
use mapi_rop::{Handle, RopResponse};
use store::SpecialFolder;
use testsuite::raw::{Answer, Client};
use testsuite::rig::{DELEGATE, ME, Rig};

use crate::compare::{same, words};
use crate::events::Ear;
use crate::messages::Held;
use crate::operation::Operation;
use crate::permissions::Visitor;
use crate::public::Commons;
use crate::rules::Mail;
use crate::searches::Search;
use crate::store::{FolderKey, Model};
use crate::watches::Watch;

/// What differs, in words.
pub type Outcome<T = ()> = Result<T, String>;

/// Three sessions on one mailbox, others beside it, and what they have open.
pub struct Run<'a> {
    pub rig: &'a Rig,
    pub clients: Vec<Client>,
    pub model: Model,
    pub held: Vec<Held>,
    pub searches: Vec<Search>,
    pub watches: Vec<Watch>,
    pub ear: Ear,
    pub visitor: Visitor,
    pub mail: Mail,
    pub commons: Option<Commons>,
}

/// Runs a case to its end.
pub fn run(rig: &Rig, operations: &[Operation]) -> Outcome {
    let mut run = Run::new(rig)?;
    for (at, operation) in operations.iter().enumerate() {
        run.step(operation).map_err(|what| format!("operation {at}, {operation:?}: {what}"))?;
    }
    run.compare(0)?;
    run.compare_contents()?;
    run.end()
}

impl<'a> Run<'a> {
    fn new(rig: &'a Rig) -> Outcome<Run<'a>> {
        let dn = rig.legacy_dn(ME).map_err(words)?;
        let mut logged_on = |user: &str| -> Outcome<Client> {
            let mut client = rig.bare_client(user).map_err(words)?;
            client.logon = client.log_on(&dn).map_err(words)?;
            Ok(client)
        };
        let clients =
            [ME, ME, DELEGATE].into_iter().map(&mut logged_on).collect::<Outcome<Vec<_>>>()?;
        let ear = Ear::new(logged_on(ME)?)?;
        let mut run = Run {
            rig,
            clients,
            model: Model::default(),
            held: Vec::new(),
            searches: Vec::new(),
            watches: Vec::new(),
            ear,
            visitor: Visitor::new(rig)?,
            mail: Mail::new(rig)?,
            commons: None,
        };
        let parent = SpecialFolder::IpmSubtree.id();
        let top = run.create(0, parent, "the model", false)?.map_err(words)?;
        run.model.add(Some(top), "the model", None);
        run.model.add(Some(SpecialFolder::Inbox.id()), "Inbox", None);
        run.ear.client.told();
        Ok(run)
    }

    fn step(&mut self, operation: &Operation) -> Outcome {
        match operation {
            Operation::Folder(who, op) => self.folder_step(of(*who), op),
            Operation::Message(who, op) => self.message_step(of(*who), op),
            Operation::Content(who, op) => self.content_step(of(*who), op),
            Operation::Search(who, op) => self.search_step(of(*who), op),
            Operation::Table(who, op) => self.table_step(of(*who), op),
            Operation::Watch(who, op) => self.watch_step(of(*who), op),
            Operation::Permission(op) => self.permission_step(op),
            Operation::Mail(who, op) => self.mail_step(of(*who), op),
            Operation::Public(op) => self.public_step(op),
            Operation::Compare(who) => self.compare(of(*who)),
        }?;
        self.model.note_ids();
        self.hear()
    }

    pub fn id(&self, folder: usize) -> FolderId {
        self.model.folders[folder].id.expect("the server was asked")
    }

    pub fn id_of(&self, key: FolderKey) -> FolderId {
        self.id(self.model.index(key))
    }

    pub fn key(&self, folder: usize) -> FolderKey {
        self.model.folders[folder].key
    }

    /// A message that two numbers mean, with the folder that it is in.
    pub fn pick(&self, folder: u8, message: u8) -> Option<(usize, MessageId)> {
        let folder = self.model.pick(folder);
        let id = self.model.folders[folder].pick(&[message]).pop()?;
        Some((folder, id))
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

    /// Nothing is left of it, and the store is whole.
    fn end(mut self) -> Outcome {
        for held in std::mem::take(&mut self.held) {
            self.clients[held.who].release(held.handle);
        }
        for watch in std::mem::take(&mut self.watches) {
            self.clients[watch.who].release(watch.table);
        }
        let mut clients = std::mem::take(&mut self.clients);
        clients.extend([self.ear.client, self.visitor.client, self.mail.client]);
        clients.extend(self.commons.into_iter().flat_map(|commons| commons.clients));
        for client in &mut clients {
            let logon = client.logon;
            client.release(logon);
        }
        // Of each Session Context nothing but itself is left.
        same("live objects", self.rig.live(), clients.len() as u64)?;
        clients.clear();
        same("panics", self.rig.ledger().panics(), 0)?;
        let report = store::check::store(&self.rig.store, &Default::default(), &mut |_| {});
        same("problems of the store", report.map_err(words)?.left_in_words(), Vec::new())
    }
}

/// Whether an answer says that a part was left.
pub fn partial(answer: Answer) -> Answer<bool> {
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
