//! How long soft-deleted messages and folders are kept, and their removal when that is over.

use std::time::Duration;

use mapi::{FileTime, FolderId};

use crate::engine::{Direction, KeyRange, Space};
use crate::folder::DeleteOptions;
use crate::keys::{self, Kind};
use crate::{Mailbox, Result, StoreError, folder, jobs, message};

/// What one call of [`purge`] removed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Purged {
    pub messages: usize,
    /// Soft-deleted folders, each with all below it.
    pub folders: usize,
    /// There is more to remove; another call goes on.
    pub more: bool,
}

/// Days that a setting may name at most: about a hundred years.
pub const MAX_DAYS: u32 = 36_500;

/// How long the mailbox keeps what is soft-deleted, in days.
pub fn days(mailbox: &Mailbox) -> u32 {
    own_days(mailbox).unwrap_or(mailbox.store.inner.options.retention_days)
}

/// What was set for this mailbox in the place of the server's days.
pub fn own_days(mailbox: &Mailbox) -> Option<u32> {
    mailbox.settings().retention_days
}

/// Sets the mailbox's own days, or gives it the server's again. What was deleted before is kept as long.
pub fn set_days(mailbox: &Mailbox, days: Option<u32>) -> Result<()> {
    let days = days.map(|days| days.min(MAX_DAYS));
    mailbox.change_settings(|settings| settings.retention_days = days)
}

/// When something that was deleted at a time goes for good.
pub fn ends(mailbox: &Mailbox, deleted: FileTime) -> FileTime {
    FileTime(deleted.0.saturating_add(ticks(days(mailbox))))
}

/// Removes for good what was soft-deleted longer ago than the mailbox keeps it, oldest first, about `limit`
/// messages; folders that are soft-deleted go with all that they hold, in more than one call if they hold much.
/// Does nothing while somebody deletes or restores a tree of folders.
pub fn purge(mailbox: &Mailbox, limit: usize) -> Result<Purged> {
    let mut purged = Purged::default();
    let now = mailbox.store.now();
    let before = FileTime(now.0.saturating_sub(ticks(days(mailbox))));
    let Some(_trees) = mailbox.trees.try_lock() else { return Ok(purged) };
    // What an earlier call began.
    for id in jobs::folder_removals(mailbox)? {
        remove(mailbox, id, limit, &mut purged)?;
    }
    if purged.messages < limit {
        purged.messages += message::purge(mailbox, before, limit - purged.messages)?;
    }
    purged.more |= purged.messages >= limit;
    let mut due = KeyRange {
        from: mailbox.key(Kind::DeletedFolder, &[]),
        to: Some(mailbox.key(Kind::DeletedFolder, &[&before.0.to_be_bytes()])),
    };
    let all = DeleteOptions { messages: true, folders: true, associated: true, hard: true };
    while purged.messages + purged.folders < limit {
        let first = mailbox.reader().scan(Space::Mailbox, &due, Direction::Forward, 1)?;
        let Some((key, _)) = first.first() else { break };
        due = due.beyond(key, Direction::Forward);
        let Some((replica, counter)) = keys::tail_id(key) else { continue };
        let id = FolderId::new(replica, counter);
        match folder::begin_removal(mailbox, id, all) {
            Ok(()) => remove(mailbox, id, limit, &mut purged)?,
            // It goes with a folder above it whose removal has begun.
            Err(StoreError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    purged.more |= purged.messages + purged.folders >= limit;
    Ok(purged)
}

fn remove(mailbox: &Mailbox, id: FolderId, limit: usize, purged: &mut Purged) -> Result<()> {
    let left = limit.saturating_sub(purged.messages);
    let (messages, whole) = folder::remove_some(mailbox, id, left)?;
    purged.messages += messages;
    purged.folders += usize::from(whole);
    purged.more |= !whole;
    Ok(())
}

/// Days in the units of a FILETIME, 100 ns.
fn ticks(days: u32) -> u64 {
    let day = Duration::from_secs(24 * 60 * 60).as_nanos() as u64 / 100;
    // More days than there are in a FILETIME keep everything.
    u64::from(days).saturating_mul(day)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::engine::MemoryEngine;
    use crate::folder::NewFolder;
    use crate::message::ImportOptions;
    use crate::{NewAccount, SpecialFolder, Store, StoreOptions};

    fn store(engine: Arc<MemoryEngine>) -> (Arc<Mailbox>, Arc<AtomicU64>) {
        let now = Arc::new(AtomicU64::new(ticks(1000)));
        let clock = now.clone();
        let options = StoreOptions {
            clock: Arc::new(move || FileTime(clock.load(Ordering::SeqCst))),
            retention_days: 14,
            ..StoreOptions::default()
        };
        let store = Store::with_engine(engine, options).unwrap();
        let new = NewAccount { address: "me@example.test".into(), ..NewAccount::default() };
        let mailbox = store.mailbox(store.create_account(&new).unwrap().mailbox).unwrap();
        (mailbox, now)
    }

    #[test]
    fn a_removal_that_has_begun_does_not_end_the_next_round() {
        let (mailbox, now) = store(Arc::new(MemoryEngine::new()));
        let new = |parent, name: &str| {
            let new = NewFolder { display_name: name.into(), ..NewFolder::default() };
            folder::create(&mailbox, parent, &new).unwrap().id
        };
        let top = new(SpecialFolder::Inbox.id(), "top");
        let low = new(top, "low");
        for _ in 0..3 {
            let content = mapi::MessageContent::default();
            message::import(&mailbox, low, content, &ImportOptions::default()).unwrap();
        }
        let all = DeleteOptions { messages: true, folders: true, associated: true, hard: false };
        folder::delete(&mailbox, low, all).unwrap();
        // The lower one is detached by the removal of the upper one, which a fault ends there.
        folder::begin_removal(&mailbox, top, all).unwrap();
        folder::remove_some(&mailbox, top, 1).unwrap();
        now.fetch_add(ticks(15), Ordering::SeqCst);
        for _ in 0..4 {
            purge(&mailbox, 2).unwrap();
        }
        assert_eq!(folder::any(&mailbox, mailbox.reader(), top).unwrap(), None);
        assert_eq!(folder::any(&mailbox, mailbox.reader(), low).unwrap(), None);
    }

    #[test]
    fn a_damaged_message_does_not_keep_the_others() {
        let engine = Arc::new(MemoryEngine::new());
        let (mailbox, now) = store(engine.clone());
        let inbox = SpecialFolder::Inbox.id();
        let ids = [(); 5].map(|()| {
            let content = mapi::MessageContent::default();
            message::import(&mailbox, inbox, content, &ImportOptions::default()).unwrap().id
        });
        message::delete(&mailbox, inbox, &ids, false).unwrap();
        let damaged = keys::hot(mailbox.number(), ids[1]);
        assert!(engine.corrupt(Space::Mailbox, &damaged));
        now.fetch_add(ticks(15), Ordering::SeqCst);
        assert_eq!(purge(&mailbox, 100).unwrap(), Purged { messages: 4, ..Purged::default() });
        assert_eq!(folder::info(&mailbox, inbox).unwrap().soft_deleted, 1);
        // It is no work that is done again and again.
        assert_eq!(purge(&mailbox, 100).unwrap(), Purged::default());
    }

    /// Folders lie up to 128 deep, and a step may be shorter than the way down.
    #[test]
    fn each_step_comes_further_in_a_deep_tree() {
        let (mailbox, now) = store(Arc::new(MemoryEngine::new()));
        let new = |parent, name: &str| {
            let new = NewFolder { display_name: name.into(), ..NewFolder::default() };
            folder::create(&mailbox, parent, &new).unwrap().id
        };
        let top = new(SpecialFolder::Inbox.id(), "top");
        let lowest = (0..100).fold(top, |parent, _| new(parent, "below"));
        let all = DeleteOptions { messages: true, folders: true, associated: true, hard: false };
        folder::delete(&mailbox, top, all).unwrap();
        now.fetch_add(ticks(15), Ordering::SeqCst);
        let mut steps = 0;
        while purge(&mailbox, 16).unwrap().more {
            steps += 1;
            assert!(steps < 100);
        }
        assert!(steps > 5, "{steps}");
        for id in [top, lowest] {
            assert_eq!(folder::any(&mailbox, mailbox.reader(), id).unwrap(), None);
        }
        assert_eq!(purge(&mailbox, 16).unwrap(), Purged::default());
    }

    #[test]
    fn endless_days_keep_everything() {
        let (mailbox, _) = store(Arc::new(MemoryEngine::new()));
        mailbox.change_settings(|settings| settings.retention_days = Some(u32::MAX)).unwrap();
        let inbox = SpecialFolder::Inbox.id();
        let content = mapi::MessageContent::default();
        let id = message::import(&mailbox, inbox, content, &ImportOptions::default()).unwrap().id;
        message::delete(&mailbox, inbox, &[id], false).unwrap();
        assert_eq!(purge(&mailbox, 16).unwrap(), Purged::default());
        assert_eq!(ends(&mailbox, mailbox.store().now()), FileTime(u64::MAX));
    }
}
