//! Durable jobs: removals in bounded batches that survive a restart.
//!
//! A job's record stands in the queue space from the batch that began it to the batch that ends it, and
//! each step can be done again.

use std::ops::ControlFlow;

use mapi::{FolderId, MessageId};

use crate::engine::{Batch, Direction, KeyRange, Reader, Space};
use crate::mailbox::read_state;
use crate::mailbox::writer::Tx;
use crate::{Mailbox, MailboxNumber, Result, Store, StoreError, folder, keys, search};

/// Keys that go in one batch.
const BATCH: usize = 1024;

/// The first bytes of a job's key.
const MAILBOX: &[u8] = b"jm";
const FOLDER: &[u8] = b"jf";
const SETTLING: &[u8] = b"js";
/// Of a submitted message: what its delivery has come to is the value.
const SUBMISSION: &[u8] = b"jq";
/// Of a message to other domains: what is known of it is the value.
const OUTBOUND: &[u8] = b"jo";
/// A search folder that is being filled.
const SEARCH: &[u8] = b"jp";
/// A folder that was moved with all below it, which search folders have to look at.
const TREE: &[u8] = b"jt";

pub(crate) fn add_mailbox_removal(batch: &mut Batch, mailbox: MailboxNumber) {
    batch.put(Space::Queue, mailbox_job(mailbox), Vec::new());
}

pub(crate) fn add_folder_removal(tx: &mut Tx<'_>, id: FolderId) {
    tx.batch.put(Space::Queue, folder_job(tx.mailbox.number(), id), Vec::new());
}

pub(crate) fn end_folder_removal(tx: &mut Tx<'_>, id: FolderId) {
    tx.batch.delete(Space::Queue, folder_job(tx.mailbox.number(), id));
}

/// Says that all below a folder has to follow its state.
pub(crate) fn add_folder_settling(tx: &mut Tx<'_>, id: FolderId) {
    tx.batch.put(Space::Queue, settling_job(tx.mailbox.number(), id), Vec::new());
}

pub(crate) fn end_folder_settling(tx: &mut Tx<'_>, id: FolderId) {
    tx.batch.delete(Space::Queue, settling_job(tx.mailbox.number(), id));
}

pub(crate) fn has_folder_settling(mailbox: &Mailbox, id: FolderId) -> Result<bool> {
    let job = settling_job(mailbox.number(), id);
    Ok(mailbox.reader().get(Space::Queue, &job)?.is_some())
}

/// Whether a folder of the mailbox has to be followed yet.
pub(crate) fn settles_folders(mailbox: MailboxNumber, reader: &dyn Reader) -> Result<bool> {
    let range = KeyRange::prefix(in_mailbox(SETTLING, mailbox));
    Ok(!reader.scan(Space::Queue, &range, Direction::Forward, 1)?.is_empty())
}

/// Folders of a mailbox whose removal has begun and not ended.
pub(crate) fn folder_removals(mailbox: &Mailbox) -> Result<Vec<FolderId>> {
    let prefix = in_mailbox(FOLDER, mailbox.number());
    let found = jobs(&mailbox.store, &prefix)?;
    Ok(found
        .iter()
        .filter_map(|job| keys::tail_id(job))
        .map(|(r, c)| FolderId::new(r, c))
        .collect())
}

/// Finishes what a crash or a stop interrupted.
pub(crate) fn resume(store: &Store) -> Result<()> {
    let broken = mailbox_removals(store)?;
    for mailbox in &broken {
        pass_over_damage(&mailbox_job(*mailbox), remove_mailbox(store, *mailbox))?;
    }
    if let Some(last) = broken.last() {
        pass_over_damage(&mailbox_job(*last), read_state::forget_users(store, None))?;
    }
    each_folder(store, SETTLING, folder::settle)?;
    each_folder(store, FOLDER, folder::remove_detached)?;
    each_folder(store, TREE, search::look_again)?;
    each_folder(store, SEARCH, search::fill)
}

/// As [`resume`], for the folders of one mailbox: it came back from a backup that was taken amidst a job.
pub(crate) fn resume_in(store: &Store, mailbox: MailboxNumber) -> Result<()> {
    each_folder(store, &in_mailbox(SETTLING, mailbox), folder::settle)?;
    each_folder(store, &in_mailbox(FOLDER, mailbox), folder::remove_detached)?;
    settle_searches(store, mailbox)
}

/// Lets the search folders of a mailbox follow what was done to whole folders.
pub(crate) fn settle_searches(store: &Store, mailbox: MailboxNumber) -> Result<()> {
    each_folder(store, &in_mailbox(TREE, mailbox), search::look_again)?;
    each_folder(store, &in_mailbox(SEARCH, mailbox), search::fill)
}

/// Says that a search folder has to be filled.
pub(crate) fn add_search(tx: &mut Tx<'_>, id: FolderId) {
    tx.batch.put(Space::Queue, search_job(tx.mailbox.number(), id), Vec::new());
}

pub(crate) fn end_search(tx: &mut Tx<'_>, id: FolderId) {
    tx.batch.delete(Space::Queue, search_job(tx.mailbox.number(), id));
}

/// Says that search folders have to look at a folder, and all below it, again.
pub(crate) fn add_tree(tx: &mut Tx<'_>, id: FolderId) {
    tx.batch.put(Space::Queue, tree_job(tx.mailbox.number(), id), Vec::new());
}

pub(crate) fn end_tree(tx: &mut Tx<'_>, id: FolderId) {
    tx.batch.delete(Space::Queue, tree_job(tx.mailbox.number(), id));
}

/// Whether something has yet to be done before the search folders of a mailbox show what they should.
pub(crate) fn settles_searches(mailbox: MailboxNumber, reader: &dyn Reader) -> Result<bool> {
    for kind in [SEARCH, TREE] {
        let range = KeyRange::prefix(in_mailbox(kind, mailbox));
        if !reader.scan(Space::Queue, &range, Direction::Forward, 1)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Mailboxes whose removal has begun and not ended.
pub(crate) fn mailbox_removals(store: &Store) -> Result<Vec<MailboxNumber>> {
    let number = |job: &Vec<u8>| job.get(2..10)?.try_into().ok().map(u64::from_be_bytes);
    Ok(jobs(store, MAILBOX)?.iter().filter_map(number).map(MailboxNumber).collect())
}

fn each_folder(
    store: &Store,
    kind: &[u8],
    finish: impl Fn(&Mailbox, FolderId) -> Result<()>,
) -> Result<()> {
    for job in jobs(store, kind)? {
        let number = job.get(2..10).and_then(|b| b.try_into().ok()).map(u64::from_be_bytes);
        let (Some(number), Some((replica, counter))) = (number, keys::tail_id(&job)) else {
            continue;
        };
        match store.mailbox(MailboxNumber(number)) {
            Ok(mailbox) => {
                let done = finish(&mailbox, FolderId::new(replica, counter));
                pass_over_damage(&job, done)?;
            }
            // The mailbox was removed with all its folders.
            Err(StoreError::NotFound(_)) => {
                let mut batch = Batch::reclaiming();
                batch.delete(Space::Queue, job);
                let _ = store.engine().commit(batch)?;
            }
            Err(error) => pass_over_damage(&job, Err(error))?,
        }
    }
    Ok(())
}

/// A damaged record keeps its job, for a time when it was repaired. It must not keep a store from its users.
fn pass_over_damage(job: &[u8], done: Result<()>) -> Result<()> {
    match done {
        Err(StoreError::Corrupt(reason)) => {
            tracing::warn!(job = %job.escape_ascii(), reason, "a job cannot go on; `coffer check` says more");
            Ok(())
        }
        done => done,
    }
}

/// Removes all keys of a mailbox; its blobs are free for the collector then.
pub(crate) fn remove_mailbox(store: &Store, mailbox: MailboxNumber) -> Result<()> {
    let all = KeyRange::prefix(keys::mailbox_prefix(mailbox));
    loop {
        // A damaged value goes like any other.
        let page = store.engine().keys(Space::Mailbox, &all, Direction::Forward, BATCH)?;
        let mut batch = Batch::reclaiming();
        page.iter().for_each(|key| batch.delete(Space::Mailbox, key.to_vec()));
        if page.len() < BATCH {
            batch.delete(Space::Queue, mailbox_job(mailbox));
            // Its messages that were not sent yet are gone.
            for kind in [SUBMISSION, OUTBOUND] {
                for entry in jobs(store, &in_mailbox(kind, mailbox))? {
                    batch.delete(Space::Queue, entry);
                }
            }
        }
        let _ = store.engine().commit(batch)?;
        if page.len() < BATCH {
            store.forget_epoch(mailbox);
            return Ok(());
        }
    }
}

/// Whether a key of the queue is a job on a mailbox or in it.
pub(crate) fn is_of_mailbox(key: &[u8]) -> bool {
    let all = [MAILBOX, FOLDER, OUTBOUND, SEARCH, SUBMISSION, SETTLING, TREE];
    all.iter().any(|kind| key.starts_with(kind))
}

/// What the jobs on folders of a mailbox begin with, in the order of keys.
pub(crate) fn folder_prefixes(mailbox: MailboxNumber) -> [Vec<u8>; 6] {
    [FOLDER, OUTBOUND, SEARCH, SUBMISSION, SETTLING, TREE].map(|kind| in_mailbox(kind, mailbox))
}

/// What the entries of submitted messages begin with, of a mailbox or of all.
pub(crate) fn submissions(mailbox: Option<MailboxNumber>) -> Vec<u8> {
    mailbox.map_or_else(|| SUBMISSION.to_vec(), |mailbox| in_mailbox(SUBMISSION, mailbox))
}

pub(crate) fn submission_job(mailbox: MailboxNumber, id: MessageId) -> Vec<u8> {
    [&in_mailbox(SUBMISSION, mailbox)[..], &keys::mid(id)].concat()
}

/// Whether a key of the queue is the entry of a submitted message.
pub(crate) fn is_submission(key: &[u8]) -> bool {
    key.starts_with(SUBMISSION) && key.len() == 18
}

/// What messages to other domains begin with, of a mailbox or of all.
pub(crate) fn outbound(mailbox: Option<MailboxNumber>) -> Vec<u8> {
    mailbox.map_or_else(|| OUTBOUND.to_vec(), |mailbox| in_mailbox(OUTBOUND, mailbox))
}

pub(crate) fn outbound_job(mailbox: MailboxNumber, number: u64) -> Vec<u8> {
    [&in_mailbox(OUTBOUND, mailbox)[..], &number.to_be_bytes()].concat()
}

/// Whether a key of the queue is a message to other domains.
pub(crate) fn is_outbound(key: &[u8]) -> bool {
    key.starts_with(OUTBOUND) && key.len() == 18
}

fn in_mailbox(kind: &[u8], mailbox: MailboxNumber) -> Vec<u8> {
    [kind, &mailbox.0.to_be_bytes()].concat()
}

/// A job on a folder without the number of the mailbox, as a backup keeps it.
pub(crate) fn without_mailbox(job: &[u8]) -> Vec<u8> {
    let (kind, folder) = (job.get(..2), job.get(10..));
    [kind.unwrap_or_default(), folder.unwrap_or_default()].concat()
}

/// The reverse of [`without_mailbox`]; None for what is no job on a folder.
pub(crate) fn with_mailbox(job: &[u8], mailbox: MailboxNumber) -> Option<Vec<u8>> {
    let (kind, folder) = job.split_at_checked(2)?;
    let all = [FOLDER, OUTBOUND, SEARCH, SUBMISSION, SETTLING, TREE];
    let known = all.contains(&kind) && folder.len() == 8;
    known.then(|| [&in_mailbox(kind, mailbox)[..], folder].concat())
}

fn jobs(store: &Store, kind: &[u8]) -> Result<Vec<Vec<u8>>> {
    let mut jobs = Vec::new();
    store.engine().visit(
        Space::Queue,
        &KeyRange::prefix(kind),
        Direction::Forward,
        &mut |key, _| {
            jobs.push(key.to_vec());
            ControlFlow::Continue(())
        },
    )?;
    Ok(jobs)
}

pub(crate) fn mailbox_job(mailbox: MailboxNumber) -> Vec<u8> {
    in_mailbox(MAILBOX, mailbox)
}

pub(crate) fn folder_job(mailbox: MailboxNumber, id: FolderId) -> Vec<u8> {
    [&in_mailbox(FOLDER, mailbox)[..], &keys::fid(id)].concat()
}

fn settling_job(mailbox: MailboxNumber, id: FolderId) -> Vec<u8> {
    [&in_mailbox(SETTLING, mailbox)[..], &keys::fid(id)].concat()
}

fn search_job(mailbox: MailboxNumber, id: FolderId) -> Vec<u8> {
    [&in_mailbox(SEARCH, mailbox)[..], &keys::fid(id)].concat()
}

fn tree_job(mailbox: MailboxNumber, id: FolderId) -> Vec<u8> {
    [&in_mailbox(TREE, mailbox)[..], &keys::fid(id)].concat()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::MemoryEngine;
    use crate::folder::NewFolder;
    use crate::mailbox::writer;
    use crate::record::folder::FolderState;
    use crate::{NewAccount, SpecialFolder, StoreOptions, backup};

    #[test]
    fn a_backup_knows_every_job_that_is_of_a_mailbox() {
        let (one, two) = (MailboxNumber(1), MailboxNumber(2));
        let id = FolderId::own(300);
        for job in [folder_job, settling_job, search_job, tree_job] {
            assert!(is_of_mailbox(&job(one, id)));
            assert!(folder_prefixes(one).iter().any(|prefix| job(one, id).starts_with(prefix)));
            let kept = without_mailbox(&job(one, id));
            assert_eq!(with_mailbox(&kept, two), Some(job(two, id)));
        }
        assert!(folder_prefixes(one).is_sorted());
        assert!(is_of_mailbox(&mailbox_job(one)));
        // A repository may hold anything; a mailbox is not removed for it.
        for bad in [&b"jm12345678"[..], b"jf", b"j", b"jf123456789"] {
            assert_eq!(with_mailbox(bad, one), None);
        }
    }

    /// One damaged record must not keep all users from their mail.
    #[test]
    fn a_store_opens_whose_jobs_meet_damage() {
        let engine = Arc::new(MemoryEngine::new());
        let open = || Store::with_engine(engine.clone(), StoreOptions::default());
        let store = open().unwrap();
        let new = |name: &str| {
            let address = format!("{name}@example.test");
            store.create_account(&NewAccount { address, ..NewAccount::default() }).unwrap()
        };
        let (me, gone) = (new("me"), new("gone"));
        let mailbox = store.mailbox(me.mailbox).unwrap();
        let folder = |parent, name: &str| {
            let new = NewFolder { display_name: name.into(), ..NewFolder::default() };
            folder::create(&mailbox, parent, &new).unwrap().id
        };
        let top = folder(SpecialFolder::Inbox.id(), "top");
        let low = folder(top, "low");
        writer::write(&mailbox, |tx| {
            add_folder_settling(tx, top);
            add_mailbox_removal(&mut tx.batch, gone.mailbox);
            Ok(())
        })
        .unwrap();
        let damaged = keys::folder(me.mailbox, low);
        assert!(engine.corrupt(Space::Mailbox, &damaged));
        let of_the_other = keys::folder(gone.mailbox, SpecialFolder::Inbox.id());
        assert!(engine.corrupt(Space::Mailbox, &of_the_other));
        let store = open().unwrap();
        assert!(has_folder_settling(&store.mailbox(me.mailbox).unwrap(), top).unwrap());
        // What is removed need not be whole.
        let left = KeyRange::prefix(keys::mailbox_prefix(gone.mailbox));
        assert!(engine.keys(Space::Mailbox, &left, Direction::Forward, 1).unwrap().is_empty());
        assert!(!engine.contains(Space::Queue, &mailbox_job(gone.mailbox)).unwrap());
    }

    /// The job ends between the moment of the mailbox and that of the directory: what is restored must have
    /// it all the same, or the folders that it did not reach yet are lost between two states.
    #[test]
    fn a_backup_has_the_jobs_of_the_moment_of_its_mailbox() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::in_memory(StoreOptions::default()).unwrap();
        let new = NewAccount { address: "me@example.test".into(), ..NewAccount::default() };
        let number = store.create_account(&new).unwrap().mailbox;
        let mailbox = store.mailbox(number).unwrap();
        let folder = |parent, name: &str| {
            let new = NewFolder { display_name: name.into(), ..NewFolder::default() };
            folder::create(&mailbox, parent, &new).unwrap().id
        };
        let top = folder(SpecialFolder::Inbox.id(), "top");
        let low = folder(top, "low");
        let mut content = mapi::MessageContent::default();
        content.properties.set(mapi::tags::HTML, vec![7; 100_000]);
        crate::message::import(&mailbox, low, content, &Default::default()).unwrap();
        let all = folder::DeleteOptions { folders: true, ..Default::default() };
        folder::delete(&mailbox, top, all).unwrap();
        writer::write(&mailbox, |tx| {
            let record = tx.find_folder(low)?.unwrap();
            (record.state, record.deleted) = (FolderState::Present, mapi::FileTime(0));
            add_folder_settling(tx, top);
            Ok(())
        })
        .unwrap();
        let repository = backup::Repository::create(&dir.path().join("repository")).unwrap();
        // Called when the records of the mailbox are written, for its large value.
        backup::run(&store, &repository, &mut |_| folder::settle(&mailbox, top).is_ok()).unwrap();
        assert!(!has_folder_settling(&mailbox, top).unwrap());
        let to = dir.path().join("copy");
        let whole = backup::whole(&repository, &to, &Default::default(), &mut |_| true).unwrap();
        assert!(whole.is_whole(), "{whole:?}");
        let copy = Store::open(&to, StoreOptions::default()).unwrap();
        let mailbox = copy.mailbox(number).unwrap();
        let record = folder::any(&mailbox, mailbox.reader(), low).unwrap().unwrap();
        assert_eq!(record.state, FolderState::Within);
        assert!(!has_folder_settling(&mailbox, top).unwrap());
    }
}
