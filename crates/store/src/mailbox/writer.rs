//! The mailbox's writer: a critical section that reads, checks, builds a batch and numbers it. The caller
//! waits for the disk outside the section.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use mapi::{ChangeNumber, FileTime, FolderId, MessageId};

use super::changes::{self, Change, ChangeKind};
use crate::engine::{Batch, Outcome, Reader, Space, Value};
use crate::keys::{self, Kind};
use crate::record::change;
use crate::record::folder::{FolderRecord, FolderState};
use crate::record::head::{Head, Sizes};
use crate::{Mailbox, Result, StoreError, notify, quota, search};

/// How often a batch is built again after another one failed below it.
const ATTEMPTS: usize = 16;

/// One batch in the making. It reads what is enqueued before it, and numbers what it writes.
pub(crate) struct Tx<'a> {
    pub(crate) mailbox: &'a Mailbox,
    pub(crate) batch: Batch,
    pub(crate) now: FileTime,
    reader: Box<dyn Reader + 'a>,
    head: Head,
    head_before: Head,
    folders: BTreeMap<u64, Cached>,
    changes: Vec<Change>,
    /// Messages whose records go with this batch.
    erased: Vec<MessageId>,
    /// Messages that this batch takes out of folders, as numbers.
    deleted: BTreeMap<u64, (FolderId, BTreeSet<u64>)>,
}

struct Cached {
    id: FolderId,
    record: FolderRecord,
    /// What is stored; None for a folder that this batch makes.
    before: Option<Value>,
    /// What the folder counted before this batch.
    sizes_before: Sizes,
}

/// Builds a batch in the critical section, commits it, and waits until it is durable.
pub(crate) fn write<T>(
    mailbox: &Mailbox,
    build: impl FnMut(&mut Tx<'_>) -> Result<T>,
) -> Result<T> {
    run(mailbox, false, build)
}

/// As [`write`], also below the free-space floor: for batches that make room.
pub(crate) fn reclaim<T>(
    mailbox: &Mailbox,
    build: impl FnMut(&mut Tx<'_>) -> Result<T>,
) -> Result<T> {
    run(mailbox, true, build)
}

fn run<T>(
    mailbox: &Mailbox,
    reclaiming: bool,
    mut build: impl FnMut(&mut Tx<'_>) -> Result<T>,
) -> Result<T> {
    let engine = mailbox.store.engine();
    let epoch = mailbox.store.epoch(mailbox.number())?;
    for _ in 0..ATTEMPTS {
        let section = mailbox.writing.lock();
        let basis = engine.basis();
        let mut tx = Tx::begin(mailbox, engine.latest(), reclaiming)?;
        // The first check: its index tells a lost lease from other conflicts.
        tx.batch.check_epoch(mailbox.number(), epoch);
        tx.batch.built_on(basis);
        let result = build(&mut tx)?;
        changes::write_deleted(&mut tx)?;
        let searches = search::follow(&mut tx)?;
        let sequences = tx.head_before.sequence + 1..=tx.head.sequence;
        let (before, after, batch) = tx.finish();
        let Some(batch) = batch else { return Ok(result) };
        if !reclaiming {
            quota::grow(mailbox, before, after)?;
        }
        let ticket = engine.enqueue(batch)?;
        drop(section);
        match ticket.wait()? {
            Outcome::Committed => {
                notify::is_own(mailbox.number(), sequences);
                quota::tell(mailbox, before, after);
                if searches == search::Follow::Later {
                    search::settle(mailbox);
                }
                return Ok(result);
            }
            Outcome::Conflict { check: 0 } => {
                // Whoever holds it now may have added names and replicas.
                mailbox.store.forget_epoch(mailbox.number());
                *mailbox.names.write() = None;
                *mailbox.replicas.write() = None;
                return Err(StoreError::LeaseLost);
            }
            Outcome::Conflict { .. } => {}
        }
    }
    Err(StoreError::ObjectModified)
}

impl<'a> Tx<'a> {
    fn begin(
        mailbox: &'a Mailbox,
        reader: Box<dyn Reader + 'a>,
        reclaiming: bool,
    ) -> Result<Tx<'a>> {
        let key = mailbox.key(Kind::Head, &[]);
        let head = reader.get(Space::Mailbox, &key)?.ok_or(StoreError::NotFound("mailbox"))?;
        let head = Head::read(&head)?;
        Ok(Tx {
            mailbox,
            batch: if reclaiming { Batch::reclaiming() } else { Batch::new() },
            now: mailbox.store.now(),
            reader,
            head,
            head_before: head,
            folders: BTreeMap::new(),
            changes: Vec::new(),
            erased: Vec::new(),
            deleted: BTreeMap::new(),
        })
    }

    /// The batch with the folders, the log and the head, None if nothing is to be written; and the mailbox's
    /// sizes before and after it.
    fn finish(mut self) -> (Sizes, Sizes, Option<Batch>) {
        for cached in self.folders.into_values() {
            let sizes = cached.record.sizes();
            self.head.sizes = self.head.sizes.replace(cached.sizes_before, sizes);
            let bytes = cached.record.to_bytes();
            if cached.before.is_none_or(|before| before != bytes) {
                let key = keys::folder(self.mailbox.number(), cached.id);
                self.batch.put(Space::Mailbox, key, bytes);
            }
        }
        for entry in &self.changes {
            let key = keys::log(self.mailbox.number(), entry.sequence);
            self.batch.put(Space::Mailbox, key, change::write(entry));
        }
        if self.head != self.head_before {
            let key = self.mailbox.key(Kind::Head, &[]);
            self.batch.put(Space::Mailbox, key, self.head.to_bytes());
        }
        let (before, after) = (self.head_before.sizes, self.head.sizes);
        // A batch without writes still has its checks, so it is not empty.
        let writes = self.batch.len();
        if writes == 0 {
            return (before, after, None);
        }
        if !self.changes.is_empty() {
            let hub = self.mailbox.hub.clone();
            let changes = self.changes;
            let number = self.mailbox.number();
            let feed = self.mailbox.store.inner.text.clone();
            self.batch.on_durable(move || {
                hub.publish(&changes);
                feed.note(number, changes.len());
            });
        }
        (before, after, Some(self.batch))
    }

    pub(crate) fn reader(&self) -> &dyn Reader {
        &*self.reader
    }

    /// What is stored under a key, without what this batch writes.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Value>> {
        Ok(self.reader.get(Space::Mailbox, key)?)
    }

    pub(crate) fn put(&mut self, key: Vec<u8>, value: impl Into<Vec<u8>>) {
        self.batch.put(Space::Mailbox, key, value);
    }

    pub(crate) fn delete(&mut self, key: Vec<u8>) {
        self.batch.delete(Space::Mailbox, key);
    }

    /// The next numbers of the counter; the first of them.
    pub(crate) fn take_numbers(&mut self, count: u64) -> Result<u64> {
        let first = self.head.counter + 1;
        let last = self.head.counter.checked_add(count);
        self.head.counter = last
            .filter(|last| *last <= mapi::GlobalCounter::MAX)
            .ok_or(StoreError::Quota("ids"))?;
        Ok(first)
    }

    pub(crate) fn next_change(&mut self) -> Result<ChangeNumber> {
        Ok(ChangeNumber::own(self.take_numbers(1)?))
    }

    pub(crate) fn next_message(&mut self) -> Result<MessageId> {
        Ok(MessageId::own(self.take_numbers(1)?))
    }

    pub(crate) fn next_folder(&mut self) -> Result<FolderId> {
        Ok(FolderId::own(self.take_numbers(1)?))
    }

    /// Puts and deletes so far, without the folders, the log and the head.
    pub(crate) fn writes(&self) -> usize {
        self.batch.len()
    }

    /// The head with what this batch took of it until now.
    pub(crate) fn last_numbers(&self) -> Head {
        self.head
    }

    /// For repairs: raises the last numbers to what is in use.
    pub(crate) fn raise_numbers(&mut self, counter: u64, sequence: u64) {
        self.head.counter = self.head.counter.max(counter);
        self.head.sequence = self.head.sequence.max(sequence);
    }

    /// For repairs: sets the sizes to what the folders' records add up to, without those of this batch.
    pub(crate) fn set_sizes(&mut self, sizes: Sizes) {
        self.head.sizes = sizes;
    }

    /// The sequence that the next call of [`Tx::log`] will use.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.head.sequence + 1
    }

    /// The last entry of the log that was trimmed.
    pub(crate) fn trimmed(&self) -> u64 {
        self.head.trimmed
    }

    pub(crate) fn set_trimmed(&mut self, sequence: u64) {
        self.head.trimmed = self.head.trimmed.max(sequence);
    }

    /// Adds an entry to the change log, with the next sequence, and moves the folder's own sequence on.
    pub(crate) fn log(&mut self, mut entry: Change) -> Result<u64> {
        self.head.sequence += 1;
        entry.sequence = self.head.sequence;
        if entry.kind.is_folder() {
            self.head.hierarchy = entry.sequence;
        }
        if entry.kind.is_folder() && entry.parent.is_none() {
            let record = self.find_folder(entry.folder)?;
            entry.parent = record.map_or(entry.old_folder, |record| record.parent);
        }
        // What a search folder shows is no change of the folder that has it.
        let old_folder = match entry.kind.is_copy() || entry.kind.is_of_search() {
            true => FolderId::NONE,
            false => entry.old_folder,
        };
        // What is directly in a folder is among what changes in it (MS-OXCFOLD R3003).
        for id in [entry.folder, old_folder, entry.parent] {
            if id.is_none() || (entry.kind == ChangeKind::FolderDeleted && id == entry.folder) {
                continue;
            }
            let now = self.now;
            if let Some(record) = self.find_folder(id)? {
                record.sequence = entry.sequence;
                record.last_commit = record.last_commit.max(now);
            }
        }
        self.changes.push(entry);
        Ok(entry.sequence)
    }

    /// Tells what was logged last as something more particular: a new message as one that was delivered, a
    /// new folder as the copy of `old_folder`.
    pub(crate) fn tell_as(&mut self, kind: ChangeKind, old_folder: FolderId) {
        if let Some(entry) = self.changes.last_mut() {
            entry.kind = kind;
            entry.old_folder = old_folder;
        }
    }

    /// A folder's record. What is changed in it is written with the batch.
    ///
    /// Errors: [`StoreError::NotFound`], also for a folder that was taken out of the hierarchy or soft-deleted.
    pub(crate) fn folder(&mut self, id: FolderId) -> Result<&mut FolderRecord> {
        self.find_folder(id)?
            .filter(|record| record.state == FolderState::Present)
            .ok_or(StoreError::NotFound("folder"))
    }

    /// As [`Tx::folder`], also a soft-deleted one.
    pub(crate) fn any_folder(&mut self, id: FolderId) -> Result<&mut FolderRecord> {
        self.find_folder(id)?
            .filter(|record| record.state != FolderState::Detached)
            .ok_or(StoreError::NotFound("folder"))
    }

    /// As [`Tx::folder`], detached and soft-deleted ones included.
    pub(crate) fn find_folder(&mut self, id: FolderId) -> Result<Option<&mut FolderRecord>> {
        let number = keys::id_number(id.replica, id.counter);
        if !self.folders.contains_key(&number) {
            let key = keys::folder(self.mailbox.number(), id);
            let Some(bytes) = self.reader.get(Space::Mailbox, &key)? else { return Ok(None) };
            let record = FolderRecord::read(&bytes)?;
            let sizes_before = record.sizes();
            self.folders.insert(number, Cached { id, record, before: Some(bytes), sizes_before });
        }
        Ok(self.folders.get_mut(&number).map(|cached| &mut cached.record))
    }

    /// A folder's record as this batch leaves it, in whatever state; it is not written again.
    pub(crate) fn peek_folder(&self, id: FolderId) -> Result<Option<Cow<'_, FolderRecord>>> {
        if let Some(cached) = self.folders.get(&keys::id_number(id.replica, id.counter)) {
            return Ok(Some(Cow::Borrowed(&cached.record)));
        }
        let bytes = self.get(&keys::folder(self.mailbox.number(), id))?;
        Ok(bytes.map(|bytes| FolderRecord::read(&bytes).map(Cow::Owned)).transpose()?)
    }

    /// The entries of the log until now.
    pub(crate) fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Says that a message's records go with this batch.
    pub(crate) fn note_erased(&mut self, id: MessageId) {
        self.erased.push(id);
    }

    /// Says that messages go out of a folder with this batch, for its set of deleted ones.
    pub(crate) fn note_deleted(&mut self, folder: FolderId, ids: &[MessageId]) {
        if ids.is_empty() {
            return;
        }
        let number = keys::id_number(folder.replica, folder.counter);
        let (_, numbers) = self.deleted.entry(number).or_insert((folder, BTreeSet::new()));
        numbers.extend(ids.iter().map(|id| keys::id_number(id.replica, id.counter)));
    }

    pub(crate) fn take_deleted(&mut self) -> Vec<(FolderId, BTreeSet<u64>)> {
        std::mem::take(&mut self.deleted).into_values().collect()
    }

    pub(crate) fn erased(&self) -> &[MessageId] {
        &self.erased
    }

    /// A folder that this batch makes.
    pub(crate) fn add_folder(&mut self, id: FolderId, record: FolderRecord) {
        let number = keys::id_number(id.replica, id.counter);
        let sizes_before = Sizes::default();
        self.folders.insert(number, Cached { id, record, before: None, sizes_before });
    }

    /// Removes a folder's record with the batch.
    pub(crate) fn remove_folder(&mut self, id: FolderId) -> Result<()> {
        self.find_folder(id)?;
        if let Some(cached) = self.folders.remove(&keys::id_number(id.replica, id.counter)) {
            self.head.sizes = self.head.sizes.replace(cached.sizes_before, Sizes::default());
        }
        let key = keys::folder(self.mailbox.number(), id);
        self.batch.delete(Space::Mailbox, key);
        self.batch.delete(Space::Mailbox, crate::permission::key(self.mailbox, id));
        crate::rule::remove_all(self, id)?;
        Ok(())
    }
}
