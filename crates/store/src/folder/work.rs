//! Emptying, copying and moving whole folders, as many messages at a time as the caller likes: large work of which
//! somebody wants to hear how far it is, or which he may stop. What is done stays done.

use mapi::{FolderId, MessageId};

use super::{
    DeleteOptions, FolderKind, Part, any, child_ids, copy_empty, deleted_child_ids, is_within,
    move_to, record, remove_some,
};
use crate::engine::{Direction, KeyRange, Space};
use crate::keys::{self, Kind};
use crate::mailbox::special;
use crate::record::folder::FolderRecord;
use crate::table::Contents;
use crate::{Mailbox, Result, StoreError, message};

/// The end of a walk is as long as a summary's key.
const KEY_BYTES: usize = 26;
/// Messages that are looked for at once.
const BATCH: usize = 64;

/// What is still to be done with folders. A message is a task, and so is a folder; below a folder whose messages
/// are told of before they go, each is two.
#[derive(Default)]
pub struct Work {
    /// The next one last.
    steps: Vec<Step>,
    done: u64,
    total: u64,
    partial: bool,
    /// The first folder that was made.
    copied: Option<FolderId>,
}

enum Step {
    /// Messages of a folder.
    Messages {
        folder: FolderId,
        walk: Walk,
        act: Act,
    },
    /// Tells of the messages of a folder, and of those below it, that go with it.
    Tell {
        folder: FolderId,
    },
    /// Takes a folder away. One that may not go stays, and the work is not whole.
    Delete {
        folder: FolderId,
        options: DeleteOptions,
    },
    /// Takes a folder away whose messages and folders went elsewhere. What came into it meanwhile stays, and the
    /// folder with it: then the work is not whole.
    Clear {
        folder: FolderId,
    },
    /// What a folder holds that was taken away for good.
    Remove {
        folder: FolderId,
    },
    Copy {
        folder: FolderId,
        parent: FolderId,
        name: Option<String>,
        recursive: bool,
        /// The messages go over one by one, and the folder when it is empty.
        moving: bool,
    },
    Move {
        folder: FolderId,
        parent: FolderId,
    },
}

#[derive(Clone, Copy)]
enum Act {
    /// Senders hear of what went unread, if they asked for it.
    Delete {
        hard: bool,
        tell: bool,
    },
    Tell,
    Copy(FolderId),
    Move(FolderId),
}

impl Work {
    /// Deletes the messages and folders in a folder, as the options say.
    ///
    /// Errors: [`StoreError::SearchFolder`]: what a search folder shows is not in it (MS-OXCFOLD R1249).
    pub fn emptying(mailbox: &Mailbox, id: FolderId, options: DeleteOptions) -> Result<Work> {
        Work::empty(mailbox, id, options, false)
    }

    /// As [`emptying`](Self::emptying); senders who asked for it hear of messages that go without having been read
    /// ([MS-OXOMSG] 2.2.1.29).
    pub fn emptying_told(mailbox: &Mailbox, id: FolderId, options: DeleteOptions) -> Result<Work> {
        Work::empty(mailbox, id, options, true)
    }

    fn empty(mailbox: &Mailbox, id: FolderId, options: DeleteOptions, tell: bool) -> Result<Work> {
        let record = record(mailbox, mailbox.reader(), id)?;
        if record.kind == FolderKind::Search {
            return Err(StoreError::SearchFolder);
        }
        let mut work = Work::default();
        if options.folders {
            let mut children = child_ids(mailbox, mailbox.reader(), id)?;
            if options.hard {
                children.extend(deleted_child_ids(mailbox, mailbox.reader(), id)?);
            }
            let options = DeleteOptions { messages: true, folders: true, ..options };
            for folder in children {
                // What a special folder holds stays, and its senders have nothing to hear of.
                let tell = tell && special::find(mailbox.is_public(), folder).is_none();
                let below = if options.hard || tell { tasks_below(mailbox, folder)? } else { 1 };
                work.total += if options.hard { below } else { 1 };
                work.steps.push(Step::Delete { folder, options });
                if tell {
                    work.total += below;
                    work.steps.push(Step::Tell { folder });
                }
            }
        }
        let deleted = options.hard;
        let kinds = [
            (Contents::SoftDeletedAssociated, deleted && options.associated, 0),
            (Contents::SoftDeleted, deleted && options.messages, record.soft_deleted),
            (Contents::Associated, options.associated, record.associated),
            (Contents::Normal, options.messages, record.contents),
        ];
        for (contents, wanted, count) in kinds {
            if wanted {
                work.total += u64::from(count);
                let tell = tell && contents == Contents::Normal;
                work.messages(mailbox, id, contents, Act::Delete { hard: options.hard, tell })?;
            }
        }
        Ok(work)
    }

    /// Copies a folder with its messages, and with its subfolders if `recursive`, also into another mailbox.
    ///
    /// Errors: [`StoreError::FolderCycle`] for a copy into itself.
    pub fn copying(
        source: &Mailbox,
        id: FolderId,
        target: &Mailbox,
        parent: FolderId,
        name: Option<&str>,
        recursive: bool,
    ) -> Result<Work> {
        if source.is(target) && is_within(source, source.reader(), parent, id)? {
            return Err(StoreError::FolderCycle);
        }
        let total = match recursive {
            true => tasks_below(source, id)?,
            false => any(source, source.reader(), id)?.map_or(1, |record| tasks_of(&record)),
        };
        let name = name.map(str::to_owned);
        let steps = vec![Step::Copy { folder: id, parent, name, recursive, moving: false }];
        Ok(Work { steps, total, ..Work::default() })
    }

    /// Moves a folder into another mailbox: makes it there, moves what it holds, and removes what is empty then.
    /// Mail that comes into it meanwhile stays where it is, and the work is not whole.
    pub fn moving_across(
        source: &Mailbox,
        id: FolderId,
        parent: FolderId,
        name: Option<&str>,
    ) -> Result<Work> {
        let mut work = Work::default();
        work.move_across(source, id, parent, name)?;
        Ok(work)
    }

    fn move_across(
        &mut self,
        source: &Mailbox,
        folder: FolderId,
        parent: FolderId,
        name: Option<&str>,
    ) -> Result<()> {
        // Each folder is made, and taken away.
        let tasks = |record: &FolderRecord| 1 + tasks_of(record);
        self.total += sum_below(source, folder, tasks)?;
        let name = name.map(str::to_owned);
        self.steps.push(Step::Copy { folder, parent, name, recursive: true, moving: true });
        Ok(())
    }

    /// Copies or moves all of some parts of a folder into another folder, also of another mailbox.
    pub fn of_parts(
        source: &Mailbox,
        id: FolderId,
        target: &Mailbox,
        to: FolderId,
        parts: &[Part],
        moving: bool,
    ) -> Result<Work> {
        let record = super::readable(source, source.reader(), id)?;
        let act = if moving { Act::Move(to) } else { Act::Copy(to) };
        let mut work = Work::default();
        for part in parts.iter().rev() {
            match part {
                Part::Messages => {
                    work.total += u64::from(record.contents);
                    work.messages(source, id, Contents::Normal, act)?;
                }
                Part::Associated => {
                    work.total += u64::from(record.associated);
                    work.messages(source, id, Contents::Associated, act)?;
                }
                Part::Subfolders => work.subfolders(source, id, target, to, moving)?,
            }
        }
        Ok(work)
    }

    fn subfolders(
        &mut self,
        source: &Mailbox,
        id: FolderId,
        target: &Mailbox,
        to: FolderId,
        moving: bool,
    ) -> Result<()> {
        for folder in child_ids(source, source.reader(), id)? {
            if moving && source.is(target) {
                self.total += 1;
                self.steps.push(Step::Move { folder, parent: to });
                continue;
            }
            if moving {
                self.move_across(source, folder, to, None)?;
                continue;
            }
            self.total += tasks_below(source, folder)?;
            let (parent, name) = (to, None);
            self.steps.push(Step::Copy { folder, parent, name, recursive: true, moving });
        }
        Ok(())
    }

    fn messages(
        &mut self,
        mailbox: &Mailbox,
        folder: FolderId,
        contents: Contents,
        act: Act,
    ) -> Result<()> {
        let walk = Walk::new(mailbox, folder, contents)?;
        if !walk.is_over() {
            self.steps.push(Step::Messages { folder, walk, act });
        }
        Ok(())
    }

    /// Does about `limit` tasks more; whether all is done. `source` and `target` are those of the beginning.
    pub fn run(&mut self, source: &Mailbox, target: &Mailbox, limit: usize) -> Result<bool> {
        let mut left = limit;
        while left > 0 {
            let Some(step) = self.steps.pop() else { break };
            let tasks = self.step(step, source, target, left)?;
            self.done += tasks as u64;
            left = left.saturating_sub(tasks);
        }
        Ok(self.steps.is_empty())
    }

    /// Tasks that are done.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// How many tasks there are in all, as far as counters told at the beginning; never fewer than are done.
    pub fn total(&self) -> u64 {
        self.total.max(self.done)
    }

    /// Bytes of memory that it holds: a folder below is a step of its own.
    pub fn bytes(&self) -> u64 {
        let names = self.steps.iter().map(|step| match step {
            Step::Messages { walk, .. } => walk.rest.from.len() + KEY_BYTES,
            Step::Copy { name, .. } => name.as_ref().map_or(0, String::len),
            _ => 0,
        });
        (size_of::<Work>() + self.steps.len() * size_of::<Step>() + names.sum::<usize>()) as u64
    }

    /// Something stayed that was to go.
    pub fn is_partial(&self) -> bool {
        self.partial
    }

    /// The copy of the folder, once it is made.
    pub fn copied(&self) -> Option<FolderId> {
        self.copied
    }

    /// Does a part of a step, and returns how many tasks that was. What is left of it comes next.
    fn step(
        &mut self,
        step: Step,
        source: &Mailbox,
        target: &Mailbox,
        left: usize,
    ) -> Result<usize> {
        match step {
            Step::Messages { folder, mut walk, act } => {
                let ids = walk.next(source, left.min(BATCH))?;
                match act {
                    Act::Tell => message::tell_unread(source, folder, &ids)?,
                    Act::Delete { hard, tell } => {
                        if tell {
                            message::tell_unread(source, folder, &ids)?;
                        }
                        self.partial |= message::delete(source, folder, &ids, hard)? > 0;
                    }
                    Act::Copy(to) => {
                        message::copy_to(source, folder, &ids, target, to)?;
                    }
                    Act::Move(to) => {
                        message::move_to(source, folder, &ids, target, to)?;
                    }
                }
                if !walk.is_over() {
                    self.steps.push(Step::Messages { folder, walk, act });
                }
                Ok(ids.len())
            }
            Step::Tell { folder } => {
                let record = any(source, source.reader(), folder)?;
                // What a search folder shows stays elsewhere.
                if record.is_some_and(|record| record.kind != FolderKind::Search) {
                    for folder in child_ids(source, source.reader(), folder)? {
                        self.steps.push(Step::Tell { folder });
                    }
                    self.messages(source, folder, Contents::Normal, Act::Tell)?;
                }
                Ok(1)
            }
            Step::Delete { folder, options } => {
                let _trees = source.trees.lock();
                match super::delete::begin(source, folder, options) {
                    Ok(true) => self.steps.push(Step::Remove { folder }),
                    Ok(false) | Err(StoreError::NotFound(_)) => {}
                    Err(StoreError::Access) => self.partial = true,
                    Err(error) => return Err(error),
                }
                Ok(1)
            }
            Step::Clear { folder } => {
                let _trees = source.trees.lock();
                match super::delete::begin_empty(source, folder) {
                    Ok(()) => self.steps.push(Step::Remove { folder }),
                    Err(StoreError::NotFound(_)) => {}
                    Err(StoreError::NotEmpty | StoreError::Access) => self.partial = true,
                    Err(error) => return Err(error),
                }
                Ok(1)
            }
            Step::Remove { folder } => {
                let _trees = source.trees.lock();
                // Retention may have removed it meanwhile.
                if any(source, source.reader(), folder)?.is_none() {
                    return Ok(0);
                }
                let (messages, whole) = remove_some(source, folder, left)?;
                if !whole {
                    self.steps.push(Step::Remove { folder });
                }
                // What goes beside messages is not told.
                Ok(if whole { messages } else { left })
            }
            Step::Copy { folder, parent, name, recursive, moving } => {
                let copied = copy_empty(source, folder, target, parent, name.as_deref())?;
                self.copied.get_or_insert(copied);
                if moving {
                    self.steps.push(Step::Clear { folder });
                }
                if recursive {
                    for folder in child_ids(source, source.reader(), folder)? {
                        let (parent, name) = (copied, None);
                        self.steps.push(Step::Copy { folder, parent, name, recursive, moving });
                    }
                }
                let act = if moving { Act::Move(copied) } else { Act::Copy(copied) };
                for contents in [Contents::Associated, Contents::Normal] {
                    self.messages(source, folder, contents, act)?;
                }
                Ok(1)
            }
            Step::Move { folder, parent } => {
                move_to(source, folder, parent, None)?;
                Ok(1)
            }
        }
    }
}

/// The messages of a folder by their ids, up to the one that is the last now: what comes into the folder while
/// the work goes on is none of its business.
struct Walk {
    rest: KeyRange,
}

impl Walk {
    fn new(mailbox: &Mailbox, folder: FolderId, contents: Contents) -> Result<Walk> {
        let prefix = mailbox.key(Kind::Summary, &[&keys::fid(folder), &[contents.to_byte()]]);
        let all = KeyRange::prefix(prefix);
        let last = mailbox.reader().scan(Space::Mailbox, &all, Direction::Reverse, 1)?;
        let to = match last.first() {
            Some((last, _)) => all.beyond(last, Direction::Forward).from,
            None => all.from.clone(),
        };
        Ok(Walk { rest: KeyRange { from: all.from, to: Some(to) } })
    }

    fn is_over(&self) -> bool {
        self.rest.is_empty()
    }

    fn next(&mut self, mailbox: &Mailbox, limit: usize) -> Result<Vec<MessageId>> {
        let rows = mailbox.reader().scan(Space::Mailbox, &self.rest, Direction::Forward, limit)?;
        self.rest.from = match rows.last() {
            Some((last, _)) => self.rest.beyond(last, Direction::Forward).from,
            // The last ones went by another way.
            None => self.rest.to.clone().unwrap_or_default(),
        };
        let ids = rows.iter().filter_map(|(key, _)| keys::tail_id(key));
        Ok(ids.map(|(replica, counter)| MessageId::new(replica, counter)).collect())
    }
}

/// Tasks that a folder is, with all below it, as its counters tell.
fn tasks_below(mailbox: &Mailbox, top: FolderId) -> Result<u64> {
    sum_below(mailbox, top, tasks_of)
}

fn sum_below(
    mailbox: &Mailbox,
    top: FolderId,
    tasks_of: impl Fn(&FolderRecord) -> u64,
) -> Result<u64> {
    let mut tasks = 0;
    let mut pending = vec![top];
    while let Some(id) = pending.pop() {
        let Some(record) = any(mailbox, mailbox.reader(), id)? else { continue };
        tasks += tasks_of(&record);
        pending.extend(child_ids(mailbox, mailbox.reader(), id)?);
    }
    Ok(tasks)
}

fn tasks_of(record: &FolderRecord) -> u64 {
    1 + u64::from(record.contents) + u64::from(record.associated)
}
