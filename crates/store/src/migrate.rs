//! Brings the records of an older format to this one, when a data directory is opened.
//!
//! Records carry the version of their layout, so most of an older format is read as it is and written anew
//! when it changes. What cannot wait is done here, a mailbox at a time, in bounded batches of which the last
//! writes the mailbox's head. A crash at any place leaves mailboxes that are done and others that are not,
//! and the next start goes on. The directory's FORMAT is raised when all are done.

use mapi::{FolderId, MessageId};

use crate::engine::{Batch, Direction, Engine, KeyRange, Space};
use crate::keys::{self, Kind};
use crate::record::folder::FolderRecord;
use crate::record::head::{Head, Sizes};
use crate::record::hot::Hot;
use crate::table::Contents;
use crate::{MailboxNumber, Result, StoreError, directory};

/// Entries that go in one batch.
const BATCH: usize = 1024;

/// Migrates from a format to the newest.
pub(crate) fn run(engine: &dyn Engine, from: u32) -> Result<()> {
    for number in directory::mailboxes(engine)? {
        mailbox(engine, number, from)?;
    }
    Ok(())
}

/// Migrates one mailbox, which nobody has open.
pub(crate) fn mailbox(engine: &dyn Engine, mailbox: MailboxNumber, from: u32) -> Result<()> {
    if from < 2 { add_sizes(engine, mailbox) } else { Ok(()) }
}

/// Format 2: the head has the sizes of what the mailbox holds, folders those of their soft-deleted messages,
/// and these have entries by which they are found by their time.
fn add_sizes(engine: &dyn Engine, mailbox: MailboxNumber) -> Result<()> {
    let head_key = keys::key(mailbox, Kind::Head, &[]);
    // The account of a mailbox whose removal has begun is gone. One whose head is damaged says so when it is
    // used.
    let Some((mut head, sizes)) = get(engine, &head_key, Head::read_any)? else { return Ok(()) };
    if sizes.is_some() {
        return Ok(());
    }
    let mut sums = Sizes::default();
    let mut deleted_from = Vec::new();
    let mut rest = KeyRange::prefix(keys::key(mailbox, Kind::Folder, &[]));
    loop {
        let page = engine.keys(Space::Mailbox, &rest, Direction::Forward, BATCH)?;
        let Some(last) = page.last() else { break };
        rest = rest.beyond(last, Direction::Forward);
        for key in &page {
            let Some(record) = get(engine, key, FolderRecord::read)? else { continue };
            match keys::tail_id(key) {
                Some((replica, counter)) if record.soft_deleted > 0 => {
                    deleted_from.push(FolderId::new(replica, counter));
                }
                _ => sums = sums.replace(Sizes::default(), record.sizes()),
            }
        }
    }
    for id in deleted_from {
        let key = keys::folder(mailbox, id);
        let Some(mut record) = get(engine, &key, FolderRecord::read)? else { continue };
        record.deleted_size = index_deleted(engine, mailbox, id)?;
        sums = sums.replace(Sizes::default(), record.sizes());
        let mut batch = Batch::new();
        batch.put(Space::Mailbox, key, record.to_bytes());
        commit(engine, batch)?;
    }
    head.sizes = sums;
    let mut batch = Batch::new();
    batch.put(Space::Mailbox, head_key, head.to_bytes());
    commit(engine, batch)
}

/// Writes the entries of a folder's soft-deleted messages, and returns their bytes.
fn index_deleted(engine: &dyn Engine, mailbox: MailboxNumber, folder: FolderId) -> Result<u64> {
    let mut size = 0u64;
    for contents in [Contents::SoftDeleted, Contents::SoftDeletedAssociated] {
        let prefix =
            keys::key(mailbox, Kind::Summary, &[&keys::fid(folder), &[contents.to_byte()]]);
        let mut rest = KeyRange::prefix(prefix);
        loop {
            let page = engine.keys(Space::Mailbox, &rest, Direction::Forward, BATCH)?;
            let Some(last) = page.last() else { break };
            rest = rest.beyond(last, Direction::Forward);
            let mut batch = Batch::new();
            for key in &page {
                let Some((replica, counter)) = keys::tail_id(key) else { continue };
                let id = MessageId::new(replica, counter);
                let Some(hot) = get(engine, &keys::hot(mailbox, id), Hot::read)? else { continue };
                size = size.saturating_add(hot.size);
                let entry = keys::deleted_message(mailbox, hot.deleted, id);
                batch.put(Space::Mailbox, entry, keys::fid(folder));
            }
            commit(engine, batch)?;
        }
    }
    Ok(size)
}

/// A record, if it is there. One that is damaged is passed over: it is no reason to keep the others from their
/// owners, and it says so itself when it is read.
fn get<T>(
    engine: &dyn Engine,
    key: &[u8],
    read: impl Fn(&[u8]) -> Result<T, mapi::WireError>,
) -> Result<Option<T>> {
    let found = engine.get(Space::Mailbox, key).map_err(StoreError::from);
    let record = found.and_then(|bytes| Ok(bytes.map(|bytes| read(&bytes)).transpose()?));
    match record {
        Err(StoreError::Corrupt(reason)) => {
            tracing::warn!(reason, "a damaged record was passed over; what it says does not count");
            Ok(None)
        }
        record => record,
    }
}

/// Nothing else writes yet.
fn commit(engine: &dyn Engine, batch: Batch) -> Result<()> {
    match engine.commit(batch)?.is_committed() {
        true => Ok(()),
        false => Err(StoreError::ObjectModified),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{MemoryEngine, Reader};
    use crate::message::{self, ImportOptions};
    use crate::{NewAccount, SpecialFolder, Store, StoreOptions, quota};
    use std::sync::Arc;

    /// A mailbox as format 1 had it comes to the same sizes and entries, also if a crash came between any
    /// two batches.
    #[test]
    fn what_was_not_counted_is_counted_again() {
        let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
        let store = Store::with_engine(engine.clone(), StoreOptions::default()).unwrap();
        let new = NewAccount { address: "me@example.test".into(), ..NewAccount::default() };
        let number = store.create_account(&new).unwrap().mailbox;
        let mailbox = store.mailbox(number).unwrap();
        let inbox = SpecialFolder::Inbox.id();
        let ids: Vec<MessageId> = (0..4)
            .map(|n| {
                let mut content = mapi::MessageContent::default();
                content.properties.set(mapi::tags::BODY, "x".repeat(n * 100));
                let options = ImportOptions { associated: n == 3, ..ImportOptions::default() };
                message::import(&mailbox, inbox, content, &options).unwrap().id
            })
            .collect();
        message::delete(&mailbox, inbox, &ids[2..], false).unwrap();
        let before = quota::usage(&mailbox).unwrap();
        assert!(before.used > 0 && before.deleted > 0);
        let all = |kind| {
            let range = KeyRange::prefix(keys::key(number, kind, &[]));
            engine.scan(Space::Mailbox, &range, Direction::Forward, usize::MAX).unwrap()
        };
        let (entries, folders) = (all(Kind::DeletedMessage), all(Kind::Folder));
        assert_eq!(entries.len(), 2);
        let make_old = || {
            let mut batch = Batch::new();
            for (key, _) in all(Kind::DeletedMessage) {
                batch.delete(Space::Mailbox, key.to_vec());
            }
            for (key, value) in all(Kind::Folder) {
                let mut old = value[..value.len() - 20].to_vec();
                old[0] = 1;
                batch.put(Space::Mailbox, key.to_vec(), old);
            }
            let key = keys::key(number, Kind::Head, &[]);
            let mut head = engine.get(Space::Mailbox, &key).unwrap().unwrap()[..25].to_vec();
            head[0] = 1;
            batch.put(Space::Mailbox, key, head);
            commit(&*engine, batch).unwrap();
        };
        let compare = || {
            assert_eq!(all(Kind::DeletedMessage), entries);
            assert_eq!(quota::usage(&mailbox).unwrap(), before);
            for ((_, old), (_, new)) in folders.iter().zip(all(Kind::Folder)) {
                let read = |bytes: &[u8]| FolderRecord::read(bytes).unwrap();
                assert_eq!(read(old), read(&new));
            }
        };
        make_old();
        assert!(quota::usage(&mailbox).is_err());
        run(&*engine, 1).unwrap();
        compare();
        // All but the head was written when the crash came.
        let head_key = keys::key(number, Kind::Head, &[]);
        let head = engine.get(Space::Mailbox, &head_key).unwrap().unwrap();
        let mut old = head[..25].to_vec();
        old[0] = 1;
        let mut batch = Batch::new();
        batch.put(Space::Mailbox, head_key, old);
        commit(&*engine, batch).unwrap();
        run(&*engine, 1).unwrap();
        compare();
        // Done is done.
        run(&*engine, 1).unwrap();
        compare();
    }

    /// A directory with damage in it, which an older program opened, opens with this one as well.
    #[test]
    fn damage_keeps_nobody_from_the_rest() {
        let engine = Arc::new(MemoryEngine::new());
        let store = Store::with_engine(engine.clone(), StoreOptions::default()).unwrap();
        let new = NewAccount { address: "me@example.test".into(), ..NewAccount::default() };
        let number = store.create_account(&new).unwrap().mailbox;
        let mailbox = store.mailbox(number).unwrap();
        let inbox = SpecialFolder::Inbox.id();
        let ids = [(); 3].map(|()| {
            let options = ImportOptions::default();
            message::import(&mailbox, inbox, mapi::MessageContent::default(), &options).unwrap().id
        });
        message::delete(&mailbox, inbox, &ids, false).unwrap();
        let before = quota::usage(&mailbox).unwrap();
        let head_key = keys::key(number, Kind::Head, &[]);
        let mut old = engine.get(Space::Mailbox, &head_key).unwrap().unwrap()[..25].to_vec();
        old[0] = 1;
        let mut batch = Batch::new();
        batch.put(Space::Mailbox, head_key, old);
        commit(&*engine, batch).unwrap();
        for damaged in [keys::hot(number, ids[1]), keys::folder(number, SpecialFolder::Outbox.id())]
        {
            assert!(engine.corrupt(Space::Mailbox, &damaged));
        }
        run(&*engine, 1).unwrap();
        assert_eq!(quota::usage(&mailbox).unwrap().deleted, before.deleted / 3 * 2);
    }
}
