//! How long soft-deleted messages and folders are kept, and their removal when that is over.

use std::time::Duration;

use mapi::{FileTime, FolderId};

use crate::engine::{Direction, KeyRange, Space};
use crate::folder::DeleteOptions;
use crate::keys::{self, Kind};
use crate::{Mailbox, Result, folder, jobs, message};

/// What one call of [`purge`] removed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Purged {
    pub messages: usize,
    /// Soft-deleted folders, each with all below it.
    pub folders: usize,
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
    let due = KeyRange {
        from: mailbox.key(Kind::DeletedFolder, &[]),
        to: Some(mailbox.key(Kind::DeletedFolder, &[&before.0.to_be_bytes()])),
    };
    let all = DeleteOptions { messages: true, folders: true, associated: true, hard: true };
    while purged.messages + purged.folders < limit {
        let first = mailbox.reader().scan(Space::Mailbox, &due, Direction::Forward, 1)?;
        let Some((replica, counter)) = first.first().and_then(|(key, _)| keys::tail_id(key)) else {
            break;
        };
        let id = FolderId::new(replica, counter);
        folder::begin_removal(mailbox, id, all)?;
        remove(mailbox, id, limit, &mut purged)?;
    }
    Ok(purged)
}

fn remove(mailbox: &Mailbox, id: FolderId, limit: usize, purged: &mut Purged) -> Result<()> {
    let left = limit.saturating_sub(purged.messages);
    let (messages, whole) = folder::remove_some(mailbox, id, left)?;
    purged.messages += messages;
    purged.folders += usize::from(whole);
    Ok(())
}

/// Days in the units of a FILETIME, 100 ns.
fn ticks(days: u32) -> u64 {
    let day = Duration::from_secs(24 * 60 * 60).as_nanos() as u64 / 100;
    u64::from(days) * day
}
