//! Durable jobs: removals in bounded batches that survive a restart.
//!
//! A job's record stands in the queue space from the batch that began it to the batch that ends it, and
//! each step can be done again.

use std::ops::ControlFlow;

use mapi::FolderId;

use crate::engine::{Batch, Direction, KeyRange, Reader, Space};
use crate::mailbox::writer::Tx;
use crate::{Mailbox, MailboxNumber, Result, Store, StoreError, folder, keys};

/// Keys that go in one batch.
const BATCH: usize = 1024;

/// The first bytes of a job's key.
const MAILBOX: &[u8] = b"jm";
const FOLDER: &[u8] = b"jf";
const SETTLING: &[u8] = b"js";

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
    let range = KeyRange::prefix([SETTLING, &mailbox.0.to_be_bytes()].concat());
    Ok(!reader.scan(Space::Queue, &range, Direction::Forward, 1)?.is_empty())
}

/// Folders of a mailbox whose removal has begun and not ended.
pub(crate) fn folder_removals(mailbox: &Mailbox) -> Result<Vec<FolderId>> {
    let prefix = [FOLDER, &mailbox.number().0.to_be_bytes()].concat();
    let found = jobs(&mailbox.store, &prefix)?;
    Ok(found
        .iter()
        .filter_map(|job| keys::tail_id(job))
        .map(|(r, c)| FolderId::new(r, c))
        .collect())
}

/// Finishes what a crash or a stop interrupted.
pub(crate) fn resume(store: &Store) -> Result<()> {
    for job in jobs(store, MAILBOX)? {
        if let Some(number) = job.get(2..10).and_then(|b| b.try_into().ok()) {
            remove_mailbox(store, MailboxNumber(u64::from_be_bytes(number)))?;
        }
    }
    each_folder(store, SETTLING, folder::settle)?;
    each_folder(store, FOLDER, folder::remove_detached)
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
            Ok(mailbox) => finish(&mailbox, FolderId::new(replica, counter))?,
            // The mailbox was removed with all its folders.
            Err(StoreError::NotFound(_)) => {
                let mut batch = Batch::reclaiming();
                batch.delete(Space::Queue, job);
                let _ = store.engine().commit(batch)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Removes all keys of a mailbox; its blobs are free for the collector then.
pub(crate) fn remove_mailbox(store: &Store, mailbox: MailboxNumber) -> Result<()> {
    let all = KeyRange::prefix(keys::mailbox_prefix(mailbox));
    loop {
        // Only keys are needed, but values come along: pages are small enough.
        let page = store.engine().scan(Space::Mailbox, &all, Direction::Forward, BATCH)?;
        let mut batch = Batch::reclaiming();
        page.iter().for_each(|(key, _)| batch.delete(Space::Mailbox, key.to_vec()));
        if page.len() < BATCH {
            batch.delete(Space::Queue, mailbox_job(mailbox));
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
    key.starts_with(MAILBOX) || key.starts_with(FOLDER)
}

/// What the jobs on folders of a mailbox begin with.
pub(crate) fn folder_prefix(mailbox: MailboxNumber) -> Vec<u8> {
    [FOLDER, &mailbox.0.to_be_bytes()].concat()
}

/// A job on a folder without the number of the mailbox, as a backup keeps it.
pub(crate) fn without_mailbox(job: &[u8]) -> Vec<u8> {
    [FOLDER, job.get(10..).unwrap_or_default()].concat()
}

/// The reverse of [`without_mailbox`].
pub(crate) fn with_mailbox(job: &[u8], mailbox: MailboxNumber) -> Vec<u8> {
    [&folder_prefix(mailbox)[..], job.get(2..).unwrap_or_default()].concat()
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
    [MAILBOX, &mailbox.0.to_be_bytes()].concat()
}

pub(crate) fn folder_job(mailbox: MailboxNumber, id: FolderId) -> Vec<u8> {
    [&folder_prefix(mailbox)[..], &keys::fid(id)].concat()
}

fn settling_job(mailbox: MailboxNumber, id: FolderId) -> Vec<u8> {
    [SETTLING, &mailbox.0.to_be_bytes(), &keys::fid(id)].concat()
}
