//! How long soft-deleted messages and folders are kept, and their removal when that is over.

use std::time::Duration;

use mapi::FileTime;

use crate::{Mailbox, Result, message};

/// What one call of [`purge`] removed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Purged {
    pub messages: usize,
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

/// Removes for good what was soft-deleted longer ago than the mailbox keeps it, oldest first, at most
/// `limit` messages.
pub fn purge(mailbox: &Mailbox, limit: usize) -> Result<Purged> {
    let now = mailbox.store.now();
    let before = FileTime(now.0.saturating_sub(ticks(days(mailbox))));
    Ok(Purged { messages: message::purge(mailbox, before, limit)? })
}

/// Days in the units of a FILETIME, 100 ns.
fn ticks(days: u32) -> u64 {
    let day = Duration::from_secs(24 * 60 * 60).as_nanos() as u64 / 100;
    u64::from(days) * day
}
