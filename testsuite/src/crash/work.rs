//! What the program that is killed does: saves, imports, edits, marks, moves, copies and deletes letters,
//! makes and deletes folders, and says so before and after.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mapi::{MessageId, tags};
use mapi_session::{Folder, MapiProp, MsgStore, Profile, Session};
use store::message::ImportOptions;
use store::{Mailbox, Store};

use super::USER;
use super::found::{INBOX, SENT, reader_folders};
use super::model::{Effect, Group, Key, Model, State, intention};
use crate::Result;
use crate::letter::{Letter, READERS, Random};

/// What only a process with the store can do.
#[derive(Clone)]
pub struct Local {
    pub store: Store,
    pub mailbox: Arc<Mailbox>,
}

impl Local {
    pub fn new(store: &Store) -> Result<Local> {
        let account = store.account_by_address(USER)?.ok_or("no account")?;
        Ok(Local { store: store.clone(), mailbox: store.mailbox(account.mailbox)? })
    }
}

/// One thread, with letters and folders of its own.
pub struct Worker {
    thread: u64,
    /// Of this thread alone: it is part of the folders' names.
    seed: u64,
    random: Random,
    next: Arc<AtomicU64>,
    pub mailbox: MsgStore,
    local: Option<Local>,
    folders: BTreeMap<String, Arc<Folder>>,
    letters: BTreeMap<Key, (State, Option<MessageId>)>,
    /// Folders made so far.
    made: u64,
    /// Called between what is said and what is done.
    pub before: Option<Box<dyn Fn()>>,
}

/// In the store's time, which runs faster.
const GRACE: Duration = Duration::from_secs(20);

const DESK: &str = "desk";
const DRAWER: &str = "drawer";

/// Whether a folder was made here.
pub fn is_ours(folder: &str) -> bool {
    folder.starts_with(DESK) || folder.starts_with(DRAWER)
}

/// Works until something fails. `next` gives numbers to letters.
pub fn work(
    thread: u64,
    seed: u64,
    profile: Profile,
    local: Option<Local>,
    next: Arc<AtomicU64>,
) -> Result {
    let session = Session::logon(profile)?;
    let mut worker = Worker::new(thread, seed, session.open_default_msg_store()?, local, next)?;
    worker.make_folder(format!("{DESK}{seed:x}"))?;
    loop {
        worker.one_change()?;
    }
}

impl Worker {
    pub fn new(
        thread: u64,
        seed: u64,
        mailbox: MsgStore,
        local: Option<Local>,
        next: Arc<AtomicU64>,
    ) -> Result<Worker> {
        let folders = [(INBOX.to_owned(), Arc::new(mailbox.inbox()?))].into();
        Ok(Worker {
            thread,
            seed,
            random: Random(seed),
            next,
            mailbox,
            local,
            folders,
            letters: BTreeMap::new(),
            made: 0,
            before: None,
        })
    }

    /// Takes over letters and folders that are there.
    pub fn adopt(&mut self, model: &Model) -> Result {
        for name in model.folders.iter().filter(|name| is_ours(name)) {
            let folder = self.mailbox.ipm_subtree()?.open_or_create_folder(name)?;
            self.folders.insert(name.clone(), Arc::new(folder));
        }
        let own = |(_, folder): &&Key| self.folders.contains_key(folder);
        let letters = model.letters.iter().filter(|(key, _)| own(key));
        self.letters = letters.map(|(key, state)| (key.clone(), (*state, None))).collect();
        Ok(())
    }

    fn one_change(&mut self) -> Result {
        match self.random.below(100) {
            0..28 => self.save(),
            28..35 => self.send(),
            35..45 => self.import(),
            45..57 => self.edit(),
            57..67 => self.mark(),
            67..77 => self.transfer(false),
            77..83 => self.transfer(true),
            83..88 => self.delete(false),
            88..92 => self.delete(true),
            92..95 => {
                self.made += 1;
                self.make_folder(format!("{DRAWER}{:x}.{}", self.seed, self.made))
            }
            95..98 => self.delete_folder(),
            _ => self.collect(),
        }
    }

    /// Says what is to be done, does it, and says that it was acknowledged.
    pub fn change(
        &mut self,
        doing: &str,
        groups: Vec<Group>,
        work: impl FnOnce(&mut Worker) -> Result,
    ) -> Result {
        say(&intention(self.thread, doing, &groups))?;
        if let Some(before) = &self.before {
            before();
        }
        work(self).map_err(|error| format!("{doing}: {error}"))?;
        for effect in groups.iter().flatten() {
            match effect {
                // What was sent is others' to work with.
                Effect::Put((_, folder), _) if !self.folders.contains_key(folder) => {}
                Effect::Put(key, state) => {
                    let id = self.letters.get(key).and_then(|(_, id)| *id);
                    self.letters.insert(key.clone(), (*state, id));
                }
                Effect::Gone(key) => drop(self.letters.remove(key)),
                Effect::Folder(_) | Effect::NoFolder(_) => {}
            }
        }
        say(&format!("{} ack\n", self.thread))
    }

    pub fn folder(&self, name: &str) -> Result<Arc<Folder>> {
        self.folders.get(name).cloned().ok_or_else(|| format!("no folder {name}").into())
    }

    fn some_folder(&mut self) -> String {
        let index = self.random.below(self.folders.len() as u64) as usize;
        self.folders.keys().nth(index).cloned().unwrap_or_default()
    }

    /// Up to `most` letters of one folder.
    fn some_letters(&mut self, most: u64) -> Option<(String, Vec<u64>)> {
        let index = self.random.below(self.letters.len() as u64) as usize;
        let (_, folder) = self.letters.keys().nth(index)?.clone();
        let count = self.random.below(most) as usize + 1;
        let mut numbers: Vec<u64> =
            self.letters.keys().filter(|(_, f)| *f == folder).map(|(number, _)| *number).collect();
        let start = self.random.below(numbers.len() as u64) as usize;
        numbers.rotate_left(start);
        numbers.truncate(count);
        Some((folder, numbers))
    }

    fn state(&self, number: u64, folder: &str) -> State {
        self.letters[&(number, folder.to_owned())].0
    }

    /// The ids of letters, which moves and imports do not tell.
    fn ids(&mut self, folder: &str, numbers: &[u64]) -> Result<Vec<MessageId>> {
        let key = |number: u64| (number, folder.to_owned());
        if numbers.iter().any(|number| self.letters[&key(*number)].1.is_none()) {
            let open = self.folder(folder)?;
            let table = open.contents_table()?;
            let table = table.with_columns(&[tags::SUBJECT, tags::MID])?;
            for row in table.rows() {
                let row = row?;
                let subject = row.text(tags::SUBJECT).unwrap_or_default();
                let id = row.integer(tags::MID).map(MessageId::from_i64);
                let known = Letter::number_of(&subject)
                    .and_then(|number| self.letters.get_mut(&key(number)));
                if let Some(known) = known {
                    known.1 = id;
                }
            }
        }
        let id = |number: &u64| {
            let known = self.letters[&key(*number)].1;
            known.ok_or_else(|| format!("letter {number} has no row in {folder}").into())
        };
        numbers.iter().map(id).collect()
    }

    pub fn save(&mut self) -> Result {
        let letter = Letter::new(self.next.fetch_add(1, Ordering::Relaxed));
        let folder = self.some_folder();
        let key = (letter.number, folder.clone());
        // Who writes a message has read it.
        let state = State { version: 0, read: true };
        let mut saved = None;
        self.change("save", vec![vec![Effect::Put(key.clone(), state)]], |worker| {
            let folder = worker.folder(&folder)?;
            saved = Some(letter.save(&folder)?);
            Ok(())
        })?;
        if let Some(known) = self.letters.get_mut(&key) {
            known.1 = saved;
        }
        Ok(())
    }

    /// To all readers. When it was acknowledged, each of them gets it once, and so does Sent Items; if not, all of
    /// them do, or none.
    pub fn send(&mut self) -> Result {
        let letter = Letter::to_readers(self.next.fetch_add(1, Ordering::Relaxed));
        let put =
            |folder: String, read| Effect::Put((letter.number, folder), State { version: 0, read });
        let arrived = READERS.iter().flat_map(|address| reader_folders(address));
        let mut group: Group = arrived.map(|folder| put(folder, false)).collect();
        group.push(put(SENT.to_owned(), true));
        self.change("send", vec![group], |worker| letter.send(&worker.mailbox.outbox()?))
    }

    /// Groups of one to six: a group is acknowledged when all of it is durable.
    pub fn import(&mut self) -> Result {
        let Some(local) = self.local.clone() else { return self.save() };
        let count = self.random.below(6) + 1;
        let first = self.next.fetch_add(count, Ordering::Relaxed);
        let folder = self.some_folder();
        let state = State { version: 0, read: false };
        let put = |number| vec![Effect::Put((number, folder.clone()), state)];
        let groups = (first..first + count).map(put).collect();
        self.change("import", groups, |worker| {
            let id = worker.folder(&folder)?.id();
            let messages = (first..first + count).map(|number| {
                let key = Some(number.to_le_bytes().to_vec());
                let options = ImportOptions { key, ..ImportOptions::default() };
                (id, Letter::new(number).content(), options)
            });
            for result in store::message::import_all(&local.mailbox, messages.collect())? {
                result?;
            }
            Ok(())
        })
    }

    pub fn edit(&mut self) -> Result {
        let Some((folder, numbers)) = self.some_letters(1) else { return self.save() };
        let number = numbers[0];
        let id = self.ids(&folder, &numbers)?[0];
        let mut state = self.state(number, &folder);
        state.version += 1;
        let letter = Letter::edited(number, state.version);
        let effect = Effect::Put((number, folder.clone()), state);
        self.change("edit", vec![vec![effect]], |worker| {
            let message = worker.folder(&folder)?.open_message(id)?;
            message.set(tags::BODY, letter.body.as_str())?;
            message.save()?;
            Ok(())
        })
    }

    pub fn mark(&mut self) -> Result {
        let Some((folder, numbers)) = self.some_letters(5) else { return self.save() };
        let ids = self.ids(&folder, &numbers)?;
        let read = self.random.below(2) == 0;
        let put = |number: &u64| {
            let state = State { read, ..self.state(*number, &folder) };
            vec![Effect::Put((*number, folder.clone()), state)]
        };
        let groups = numbers.iter().map(put).collect();
        self.change("mark", groups, |worker| {
            Ok(worker.folder(&folder)?.set_read_flags(&ids, read)?)
        })
    }

    /// Moves or copies.
    fn transfer(&mut self, copy: bool) -> Result {
        let Some((from, mut numbers)) = self.some_letters(4) else { return self.save() };
        let to = self.some_folder();
        numbers.retain(|number| !self.letters.contains_key(&(*number, to.clone())));
        match numbers.is_empty() || from == to {
            true => self.save(),
            false => self.transfer_letters(from, to, numbers, copy),
        }
    }

    /// All letters of a folder.
    pub fn transfer_between(&mut self, from: &str, to: &str, copy: bool) -> Result {
        let numbers = self.letters.keys().filter(|(_, folder)| folder == from);
        let numbers = numbers.map(|(number, _)| *number).collect();
        self.transfer_letters(from.to_owned(), to.to_owned(), numbers, copy)
    }

    fn transfer_letters(
        &mut self,
        from: String,
        to: String,
        numbers: Vec<u64>,
        copy: bool,
    ) -> Result {
        let ids = self.ids(&from, &numbers)?;
        let group = |number: &u64| {
            let put = Effect::Put((*number, to.clone()), self.state(*number, &from));
            match copy {
                true => vec![put],
                false => vec![put, Effect::Gone((*number, from.clone()))],
            }
        };
        let groups = numbers.iter().map(group).collect();
        self.change(if copy { "copy" } else { "move" }, groups, |worker| {
            let (from, to) = (worker.folder(&from)?, worker.folder(&to)?);
            match copy {
                true => from.copy_messages(&ids, &to)?,
                false => from.move_messages(&ids, &to)?,
            }
            Ok(())
        })
    }

    pub fn delete(&mut self, hard: bool) -> Result {
        let Some((folder, numbers)) = self.some_letters(3) else { return self.save() };
        let ids = self.ids(&folder, &numbers)?;
        let gone = |number: &u64| vec![Effect::Gone((*number, folder.clone()))];
        let groups = numbers.iter().map(gone).collect();
        self.change(if hard { "hard-delete" } else { "delete" }, groups, |worker| {
            let folder = worker.folder(&folder)?;
            match hard {
                true => folder.hard_delete_messages(&ids)?,
                false => folder.delete_messages(&ids)?,
            }
            Ok(())
        })
    }

    pub fn make_folder(&mut self, name: String) -> Result {
        self.change("make-folder", vec![vec![Effect::Folder(name.clone())]], |worker| {
            let folder = worker.mailbox.ipm_subtree()?.create_folder(&name)?;
            worker.folders.insert(name, Arc::new(folder));
            Ok(())
        })
    }

    pub fn delete_folder(&mut self) -> Result {
        let drawers: Vec<&String> =
            self.folders.keys().filter(|name| name.starts_with(DRAWER)).collect();
        let index = self.random.below(drawers.len() as u64) as usize;
        let Some(name) = drawers.get(index).map(|name| (*name).clone()) else {
            return self.save();
        };
        let inside = self.letters.keys().filter(|(_, folder)| *folder == name);
        let mut group: Group = inside.cloned().map(Effect::Gone).collect();
        group.push(Effect::NoFolder(name.clone()));
        self.change("delete-folder", vec![group], |worker| {
            let folder = worker.folders.remove(&name).ok_or("no folder")?;
            let id = folder.id();
            drop(folder);
            Ok(worker.mailbox.ipm_subtree()?.delete_folder(id)?)
        })
    }

    /// A pass of the collector; one thread's business.
    pub fn collect(&mut self) -> Result {
        match self.local.clone() {
            Some(local) if self.thread == 0 => self.change("collect", vec![Vec::new()], |_| {
                local.store.collect_blobs(GRACE)?;
                Ok(())
            }),
            _ => self.save(),
        }
    }
}

/// One write, so that a kill does not tear a line.
pub fn say(line: &str) -> Result {
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes())?;
    Ok(out.flush()?)
}
