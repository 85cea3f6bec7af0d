//! Whether a mailbox is whole: what `coffer check` asks while the server runs.

use std::collections::HashMap;
use std::ops::ControlFlow;

use mapi::{FolderId, MessageId};

use crate::engine::{Direction, KeyRange, Reader, Space};
use crate::keys::{self, Kind};
use crate::message::{read_hot, read_in};
use crate::record::folder::{FolderRecord, FolderState};
use crate::record::head::{Head, Sizes};
use crate::record::hot::Hot;
use crate::record::node;
use crate::record::summary::Summary;
use crate::table::Contents;
use crate::value::{LargeSource, LargeValue, Value};
use crate::{Mailbox, Result, StoreError, folder, jobs};

/// What was looked at and what is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub folders: u64,
    pub messages: u64,
    /// Large values whose every byte was compared with its address.
    pub blobs: u64,
    /// In words, at most [`MAX_PROBLEMS`].
    pub problems: Vec<String>,
}

/// Problems that are put into words; there may be more.
pub const MAX_PROBLEMS: usize = 1000;

/// What a folder's record must say.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    contents: u32,
    unread: u32,
    associated: u32,
    soft_deleted: u32,
    children: u32,
    size: u64,
    deleted_size: u64,
    deleted_children: u32,
}

/// Looks at every record of a mailbox, in one state; with `blobs` also at every large value.
///
/// Errors: those of the engine; what is wrong with the mailbox stands in the report.
pub fn check(mailbox: &Mailbox, blobs: bool) -> Result<Report> {
    let snapshot = mailbox.store().engine().snapshot()?;
    let mut check = Check {
        mailbox,
        reader: &*snapshot,
        blobs,
        counts: HashMap::new(),
        last_uids: HashMap::new(),
        sizes: Sizes::default(),
        settling: jobs::settles_folders(mailbox, &*snapshot)?,
        report: Report::default(),
    };
    check.each(Kind::Summary, Check::summary)?;
    check.each(Kind::Hot, Check::hot)?;
    check.each(Kind::Child, Check::child)?;
    check.each(Kind::DeletedChild, Check::deleted_child)?;
    check.each(Kind::Folder, Check::folder)?;
    check.each(Kind::Head, Check::head)?;
    check.each(Kind::DeletedMessage, Check::deleted_message)?;
    check.each(Kind::DeletedFolder, Check::deleted_folder)?;
    Ok(check.report)
}

struct Check<'a> {
    mailbox: &'a Mailbox,
    reader: &'a dyn Reader,
    blobs: bool,
    /// By folder, as an ordered number.
    counts: HashMap<u64, Counts>,
    last_uids: HashMap<u64, u32>,
    /// What the folders' records add up to.
    sizes: Sizes,
    /// A job lets folders follow a folder above them.
    settling: bool,
    report: Report,
}

impl Check<'_> {
    /// Calls `look` for all records of a kind. What it finds wrong goes into the report.
    fn each(
        &mut self,
        kind: Kind,
        look: impl Fn(&mut Self, &[u8], &[u8]) -> Result<()>,
    ) -> Result<()> {
        let range = KeyRange::prefix(self.mailbox.key(kind, &[]));
        let reader = self.reader;
        let mut failure = None;
        reader.visit(Space::Mailbox, &range, Direction::Forward, &mut |key, value| match look(
            self, &key, &value,
        ) {
            Ok(()) => ControlFlow::Continue(()),
            Err(StoreError::Engine(error)) => {
                failure = Some(StoreError::Engine(error));
                ControlFlow::Break(())
            }
            Err(wrong) => {
                self.problem(format!("{wrong} (record {})", hex(&key)));
                ControlFlow::Continue(())
            }
        })?;
        match failure {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn problem(&mut self, words: String) {
        if self.report.problems.len() < MAX_PROBLEMS {
            self.report.problems.push(words);
        }
    }

    /// Each message that a folder shows is there, whole, and says the same.
    fn summary(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.report.messages += 1;
        let folder = key.get(9..17).and_then(keys::tail_id);
        let (Some(folder), Some(class), Some(id)) = (folder, key.get(17), keys::tail_id(key))
        else {
            return Err(corrupt("a summary with a damaged key"));
        };
        let id = MessageId::new(id.0, id.1);
        let hot = read_hot(self.mailbox, self.reader, id)?
            .ok_or_else(|| corrupt("a summary without its message"))?;
        let number = keys::id_number(folder.0, folder.1);
        self.count(number, &hot);
        if hot.folder != FolderId::new(folder.0, folder.1) || hot.contents.to_byte() != *class {
            return Err(corrupt("a summary in a folder that its message is not in"));
        }
        let summary = Summary::read(value)?;
        if summary.change() != hot.change || summary.uid != hot.uid || summary.size != hot.size {
            return Err(corrupt("a summary that differs from its message"));
        }
        let message = read_in(self.mailbox, self.reader, id)?;
        if message.body.size() != hot.size {
            return Err(corrupt("a message whose size is not that of its properties"));
        }
        for value in node::values(&message.body) {
            self.value(value)?;
        }
        Ok(())
    }

    fn count(&mut self, folder: u64, hot: &Hot) {
        let counts = self.counts.entry(folder).or_default();
        match hot.contents {
            Contents::Normal => {
                counts.contents += 1;
                counts.unread += u32::from(!super::read_state::is_read(hot));
            }
            Contents::Associated => counts.associated += 1,
            Contents::SoftDeleted | Contents::SoftDeletedAssociated => counts.soft_deleted += 1,
        }
        match hot.contents.is_deleted() {
            true => counts.deleted_size += hot.size,
            false => counts.size += hot.size,
        }
        let last = self.last_uids.entry(folder).or_default();
        *last = (*last).max(hot.uid);
    }

    fn value(&mut self, value: &Value) -> Result<()> {
        if let Value::Large(LargeValue { source: LargeSource::Blob(blob), .. }) = value
            && self.blobs
        {
            self.mailbox.store().inner.blobs.verify(blob)?;
            self.report.blobs += 1;
        }
        Ok(())
    }

    /// Each message is shown by its folder.
    fn hot(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let hot = Hot::read(value)?;
        let (replica, counter) =
            keys::tail_id(key).ok_or_else(|| corrupt("a message with a damaged key"))?;
        let id = MessageId::new(replica, counter);
        let number = self.mailbox.number();
        let key = keys::summary(number, hot.folder, hot.contents.to_byte(), id);
        if self.reader.get(Space::Mailbox, &key)?.is_none() {
            return Err(corrupt("a message that its folder does not show"));
        }
        if hot.contents.is_deleted() {
            let key = keys::deleted_message(number, hot.deleted, id);
            let entry = self.reader.get(Space::Mailbox, &key)?;
            if entry.is_none_or(|folder| folder[..] != keys::fid(hot.folder)) {
                return Err(corrupt("a soft-deleted message that is not found by its time"));
            }
        }
        Ok(())
    }

    /// Each entry leads to a message that was soft-deleted then.
    fn deleted_message(&mut self, key: &[u8], _: &[u8]) -> Result<()> {
        let (replica, counter) =
            keys::tail_id(key).ok_or_else(|| corrupt("an entry with a damaged key"))?;
        let hot = read_hot(self.mailbox, self.reader, MessageId::new(replica, counter))?;
        match hot.filter(|hot| hot.contents.is_deleted()).map(|hot| hot.deleted) {
            Some(at) if keys::deleted_at(key) == Some(at) => Ok(()),
            _ => Err(corrupt("an entry of a message that was not soft-deleted then")),
        }
    }

    /// The mailbox's sizes are those of its folders.
    fn head(&mut self, _: &[u8], value: &[u8]) -> Result<()> {
        let kept = Head::read(value)?.sizes;
        match kept == self.sizes {
            true => Ok(()),
            false => Err(corrupt(&format!("the mailbox says {kept:?} and holds {:?}", self.sizes))),
        }
    }

    /// Each name leads to a folder that has it.
    fn child(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let parent = key.get(9..17).and_then(keys::tail_id);
        let (Some(parent), Some(child)) = (parent, keys::tail_id(value)) else {
            return Err(corrupt("a damaged name of a folder"));
        };
        let parent_number = keys::id_number(parent.0, parent.1);
        self.counts.entry(parent_number).or_default().children += 1;
        let parent = FolderId::new(parent.0, parent.1);
        let above = folder::any(self.mailbox, self.reader, parent)?;
        // What a job is about to remove stays in its lists until it is gone.
        let Some(above) = above.filter(|above| above.state != FolderState::Detached) else {
            return Ok(());
        };
        let record = folder::readable(self.mailbox, self.reader, FolderId::new(child.0, child.1))?;
        let goes_with_it = match above.state {
            FolderState::Present => record.state == FolderState::Present,
            _ => record.state == FolderState::Within && record.deleted == above.deleted,
        };
        if !goes_with_it && !self.settling {
            return Err(corrupt("a folder that is not deleted, or there, as the one above it"));
        }
        let own = keys::child(self.mailbox.number(), parent, &record.name);
        if record.parent != parent || own != key {
            return Err(corrupt("a name that is not that of its folder"));
        }
        Ok(())
    }

    /// Each entry leads to a folder that was soft-deleted there.
    fn deleted_child(&mut self, key: &[u8], _: &[u8]) -> Result<()> {
        let parent = key.get(9..17).and_then(keys::tail_id);
        let (Some(parent), Some(child)) = (parent, keys::tail_id(key)) else {
            return Err(corrupt("a damaged entry of a deleted folder"));
        };
        let parent_number = keys::id_number(parent.0, parent.1);
        self.counts.entry(parent_number).or_default().deleted_children += 1;
        let child = FolderId::new(child.0, child.1);
        let record = folder::any(self.mailbox, self.reader, child)?;
        let parent = FolderId::new(parent.0, parent.1);
        match record {
            Some(record) if record.parent == parent && record.state == FolderState::Deleted => {}
            Some(record) if record.state == FolderState::Detached => {}
            _ => return Err(corrupt("an entry of a deleted folder that is not there")),
        }
        Ok(())
    }

    /// Each entry leads to a folder that was soft-deleted then.
    fn deleted_folder(&mut self, key: &[u8], _: &[u8]) -> Result<()> {
        let (replica, counter) =
            keys::tail_id(key).ok_or_else(|| corrupt("an entry with a damaged key"))?;
        let record = folder::any(self.mailbox, self.reader, FolderId::new(replica, counter))?;
        match record {
            Some(record) if record.state == FolderState::Detached => Ok(()),
            Some(record)
                if record.state == FolderState::Deleted
                    && keys::deleted_at(key) == Some(record.deleted) =>
            {
                Ok(())
            }
            _ => Err(corrupt("an entry of a folder that was not soft-deleted then")),
        }
    }

    /// Each folder's counters are exact.
    fn folder(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.report.folders += 1;
        let record = FolderRecord::read(value)?;
        self.sizes = self.sizes.replace(Sizes::default(), record.sizes());
        // What a job is about to remove no longer counts.
        if record.state == FolderState::Detached {
            return Ok(());
        }
        let (replica, counter) =
            keys::tail_id(key).ok_or_else(|| corrupt("a folder with a damaged key"))?;
        let number = keys::id_number(replica, counter);
        let counted = self.counts.remove(&number).unwrap_or_default();
        let kept = Counts {
            contents: record.contents,
            unread: record.unread,
            associated: record.associated,
            soft_deleted: record.soft_deleted,
            children: record.children,
            size: record.size,
            deleted_size: record.deleted_size,
            deleted_children: record.deleted_children,
        };
        let id = FolderId::new(replica, counter);
        if record.state == FolderState::Deleted {
            let mailbox = self.mailbox.number();
            let by_time = keys::deleted_folder(mailbox, record.deleted, id);
            for key in [keys::deleted_child(mailbox, record.parent, id), by_time] {
                if self.reader.get(Space::Mailbox, &key)?.is_none() {
                    return Err(corrupt("a soft-deleted folder that is not found"));
                }
            }
        }
        if counted != kept {
            return Err(corrupt(&format!("{id:?} says {kept:?} and holds {counted:?}")));
        }
        if self.last_uids.get(&number).is_some_and(|last| *last >= record.uid_next) {
            return Err(corrupt("a folder that would give a UID again"));
        }
        Ok(())
    }
}

fn corrupt(words: &str) -> StoreError {
    StoreError::Corrupt(words.into())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
