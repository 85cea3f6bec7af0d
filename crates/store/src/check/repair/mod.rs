//! Mending. Every repair looks again, under the lock that it needs, at what is there now: the snapshot in
//! which the problem was found may be old. What cannot be read is kept as far as it can be, and what is lost
//! is said.

mod directory;
mod folder;
mod identity;
mod index;
mod message;
mod salvage;
mod search;

use std::collections::BTreeSet;
use std::sync::Arc;

use mapi::FolderId;

use super::fix::Fix;
use super::report::Options;
use crate::engine::Space;
use crate::mailbox::writer::Tx;
use crate::{Mailbox, MailboxNumber, Result, Store, StoreError, blob, keys, text};

/// What a repair came to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Mended {
    /// `lost` says what is gone for good; empty if nothing is.
    Done {
        lost: String,
    },
    /// There was nothing to mend any more: another repair did it, or the object is gone.
    Fine,
    Cannot(String),
}

impl Mended {
    fn done() -> Mended {
        Mended::Done { lost: String::new() }
    }

    fn lost(lost: Vec<String>) -> Mended {
        Mended::Done { lost: lost.join("; ") }
    }
}

/// Mends the problems of one mailbox, or of what belongs to none.
pub(super) struct Mender<'a> {
    pub(super) store: &'a Store,
    pub(super) number: Option<MailboxNumber>,
    pub(super) options: Options,
    /// Folders whose counters have to be looked at again, by ordered number.
    touched: BTreeSet<u64>,
    mended: bool,
}

impl<'a> Mender<'a> {
    pub(super) fn new(
        store: &'a Store,
        number: Option<MailboxNumber>,
        options: Options,
    ) -> Mender<'a> {
        Mender { store, number, options, touched: BTreeSet::new(), mended: false }
    }

    /// Mends one thing.
    ///
    /// Errors: only what makes it senseless to go on: the store was closed, or the disk is full.
    pub(super) fn mend(&mut self, fix: &Fix) -> Result<Mended> {
        let mended = match self.try_mend(fix) {
            Ok(mended) => mended,
            Err(error @ (StoreError::Closed | StoreError::DiskFull)) => return Err(error),
            Err(error) => Mended::Cannot(error.to_string()),
        };
        self.mended |= matches!(mended, Mended::Done { .. });
        Ok(mended)
    }

    /// Counts what folders hold whose content was mended, and lets go of what the mailbox remembers from
    /// before.
    pub(super) fn finish(&mut self) -> Result<()> {
        if !std::mem::take(&mut self.mended) {
            return Ok(());
        }
        let Some(number) = self.number else { return Ok(()) };
        let Ok(mailbox) = self.store.mailbox(number) else { return Ok(()) };
        for at in std::mem::take(&mut self.touched) {
            let (replica, counter) = keys::id_parts(at);
            self.count(|| folder::count(&mailbox, FolderId::new(replica, counter)))?;
        }
        self.count(|| folder::sizes(&mailbox))?;
        mailbox.forget();
        // What was mended has no entry in the change log.
        self.count(|| {
            text::forget(&mailbox)?;
            text::catch_up(&mailbox)?;
            Ok(Mended::Fine)
        })
    }

    /// Errors: as those of [`mend`](Self::mend). Of others the next look at the mailbox says what is wrong.
    fn count(&self, count: impl FnOnce() -> Result<Mended>) -> Result<()> {
        match count() {
            Err(error @ (StoreError::Closed | StoreError::DiskFull)) => Err(error),
            _ => Ok(()),
        }
    }

    fn try_mend(&mut self, fix: &Fix) -> Result<Mended> {
        let store = self.store;
        match fix {
            Fix::Blob { key } => {
                return Ok(match blob::check::remove(store.engine(), key)? {
                    true => Mended::done(),
                    false => Mended::Fine,
                });
            }
            Fix::Remove { space: space @ (Space::Directory | Space::Queue), key, was } => {
                return directory::remove(store, *space, key, was.as_ref());
            }
            Fix::Account { id } => return directory::account(store, *id),
            Fix::AccountIndex { key, id } => return directory::index(store, key, *id),
            Fix::Aliases { id } => return directory::aliases(store, *id),
            Fix::Numbers { account, mailbox } => {
                return directory::numbers(store, *account, *mailbox);
            }
            Fix::Site => return directory::site(store),
            _ => {}
        }
        let Some(number) = self.number else {
            return Ok(Mended::Cannot("it belongs to no mailbox".into()));
        };
        if *fix == Fix::Info {
            return identity::info(store, number);
        }
        if let Fix::Bad { key } = fix
            && *key == keys::key(number, keys::Kind::Settings, &[])
        {
            return identity::settings(store, number);
        }
        let mailbox = store.mailbox(number)?;
        self.try_mend_in(&mailbox, fix)
    }

    fn try_mend_in(&mut self, mailbox: &Arc<Mailbox>, fix: &Fix) -> Result<Mended> {
        let blobs = self.options.blobs;
        let touched = &mut self.touched;
        match fix {
            Fix::Head => identity::head(mailbox),
            Fix::RaiseHead { counter, sequence } => identity::raise(mailbox, *counter, *sequence),
            Fix::Names { up_to } => index::names(mailbox, *up_to),
            Fix::Replica { number } => index::replica(mailbox, *number),
            Fix::StoreProperties => folder::store_properties(mailbox, blobs),
            Fix::Receive { class } => index::receive(mailbox, class),
            Fix::Folder { id } => folder::whole(mailbox, *id, blobs, touched),
            Fix::Attach { id } => folder::attach(mailbox, *id, touched),
            Fix::Child { key } => folder::child(mailbox, key, touched),
            Fix::DeletedFolder { key } => folder::deleted_entry(mailbox, key, touched),
            Fix::Settle { top } => folder::follow(mailbox, *top, touched),
            Fix::Detached { id } => folder::detached(mailbox, *id, touched),
            Fix::PerUser { name } => index::per_user(mailbox, name),
            Fix::Search { id } => search::whole(mailbox, *id, touched),
            // With what else is mended, when all is.
            Fix::Text => Ok(Mended::done()),
            Fix::Count { id } => folder::count(mailbox, *id),
            Fix::Message { id } => message::whole(mailbox, *id, blobs, touched),
            Fix::Uid { id } => message::uid(mailbox, *id),
            Fix::Summary { key } => message::summary(mailbox, key, touched),
            Fix::DeletedMessage { key } => message::deleted_entry(mailbox, key),
            Fix::Sizes => folder::sizes(mailbox),
            Fix::Marker { key } => index::marker(mailbox, key),
            Fix::Letter { number } => index::letter(mailbox, *number),
            Fix::SourceKey { key } => index::source_key(mailbox, key),
            Fix::Log { up_to } => index::log(mailbox, *up_to),
            Fix::Deleted { id } => index::deleted(mailbox, *id),
            Fix::Bad { key } => index::bad(mailbox, key),
            Fix::Remove { key, was, .. } => index::remove(mailbox, key, was.as_ref()),
            Fix::Info
            | Fix::Blob { .. }
            | Fix::Account { .. }
            | Fix::AccountIndex { .. }
            | Fix::Aliases { .. }
            | Fix::Numbers { .. }
            | Fix::Site => Ok(Mended::Cannot("it belongs to no mailbox".into())),
        }
    }
}

/// A record as it is now; an empty error where it cannot be read.
fn read<T>(
    tx: &Tx<'_>,
    key: &[u8],
    read: impl Fn(&[u8]) -> std::result::Result<T, mapi::WireError>,
) -> Result<Option<std::result::Result<T, ()>>> {
    match tx.reader().get(Space::Mailbox, key) {
        Ok(None) => Ok(None),
        Ok(Some(value)) => Ok(Some(read(&value).map_err(drop))),
        Err(crate::engine::Error::Corrupt { .. }) => Ok(Some(Err(()))),
        Err(error) => Err(error.into()),
    }
}
