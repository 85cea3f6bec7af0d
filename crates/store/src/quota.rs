//! Quotas: how much a mailbox may hold, and what is refused beyond ([MS-OXCSTOR] 2.2.2.1.1).
//!
//! What counts are the messages that folders show, associated ones included. What was soft-deleted counts
//! apart, so that deleting always makes room. The writer refuses a batch that would let the mailbox grow
//! beyond its last limit; whatever does not make it grow goes through.

use crate::mailbox::changes;
use crate::record::head::Sizes;
use crate::{Mailbox, Result, StoreError};

/// Limits in bytes; none where nothing is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quota {
    /// Beyond it the user is warned (PidTagStorageQuotaLimit).
    pub warn: Option<u64>,
    /// Beyond it nothing is sent (PidTagProhibitSendQuota).
    pub prohibit_send: Option<u64>,
    /// Up to here the mailbox may grow (PidTagProhibitReceiveQuota).
    pub prohibit_receive: Option<u64>,
}

impl Quota {
    /// Errors: [`StoreError::Invalid`] for limits that are not in their order.
    pub fn check(&self) -> Result<()> {
        let limits = [self.warn, self.prohibit_send, self.prohibit_receive];
        let set: Vec<u64> = limits.into_iter().flatten().collect();
        match set.is_sorted() {
            true => Ok(()),
            false => Err(StoreError::Invalid(
                "quotas grow from the warning over sending to receiving; nothing was changed",
            )),
        }
    }
}

/// How far a mailbox is with its quotas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Below,
    Warned,
    NoSending,
    /// Full: it does not grow any more.
    NoReceiving,
}

/// What a mailbox holds and may hold, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Messages that folders show, associated ones included (PidTagMessageSizeExtended).
    pub used: u64,
    /// What can still be recovered.
    pub deleted: u64,
    pub quota: Quota,
    /// The quota was set for this mailbox, and is not the server's.
    pub own: bool,
}

impl Usage {
    pub fn level(&self) -> Level {
        let beyond = |limit: Option<u64>| limit.is_some_and(|limit| self.used > limit);
        if self.quota.prohibit_receive.is_some_and(|limit| self.used >= limit) {
            Level::NoReceiving
        } else if beyond(self.quota.prohibit_send) {
            Level::NoSending
        } else if beyond(self.quota.warn) {
            Level::Warned
        } else {
            Level::Below
        }
    }
}

/// What the mailbox holds now. Costs the same for every mailbox.
pub fn usage(mailbox: &Mailbox) -> Result<Usage> {
    let sizes = changes::head(mailbox, mailbox.reader())?.sizes;
    let own = mailbox.settings().quota;
    Ok(Usage {
        used: sizes.live,
        deleted: sizes.deleted,
        quota: effective(mailbox),
        own: own.is_some(),
    })
}

/// Sets the mailbox's own quota, or gives it the server's again.
///
/// Errors: [`StoreError::Invalid`] for limits that are not in their order.
pub fn set(mailbox: &Mailbox, quota: Option<Quota>) -> Result<()> {
    quota.unwrap_or_default().check()?;
    mailbox.change_settings(|settings| settings.quota = quota)
}

/// Whether a message of `size` bytes may be sent.
///
/// Errors: [`StoreError::TooBigToSend`], [`StoreError::MayNotSend`].
pub fn may_send(mailbox: &Mailbox, size: u64) -> Result<()> {
    let limit = mailbox.store.inner.options.max_submit;
    if size > limit {
        return Err(StoreError::TooBigToSend { size, limit });
    }
    let usage = usage(mailbox)?;
    match usage.quota.prohibit_send {
        Some(limit) if usage.used > limit => {
            Err(StoreError::MayNotSend { used: usage.used, limit })
        }
        _ => Ok(()),
    }
}

/// Whether the mailbox has room for `size` more bytes.
///
/// Errors: [`StoreError::MailboxFull`].
pub fn may_receive(mailbox: &Mailbox, size: u64) -> Result<()> {
    let used = usage(mailbox)?.used;
    grow(
        mailbox,
        Sizes { live: used, deleted: 0 },
        Sizes { live: used.saturating_add(size), deleted: 0 },
    )
}

/// Refuses growth beyond the last limit.
pub(crate) fn grow(mailbox: &Mailbox, before: Sizes, after: Sizes) -> Result<()> {
    if after.live <= before.live {
        return Ok(());
    }
    match effective(mailbox).prohibit_receive {
        Some(limit) if after.live > limit => {
            Err(StoreError::MailboxFull { used: before.live, limit })
        }
        _ => Ok(()),
    }
}

/// Says so in the log when a mailbox grew beyond its first limit: once for each time.
pub(crate) fn tell(mailbox: &Mailbox, before: Sizes, after: Sizes) {
    let Some(limit) = effective(mailbox).warn else { return };
    if before.live > limit || after.live <= limit {
        return;
    }
    let owner = mailbox.store.account_by_mailbox_guid(mailbox.guid());
    let user = owner.ok().flatten().map(|account| account.address).unwrap_or_default();
    tracing::warn!(user, used = after.live, limit, "a mailbox is beyond its warning quota");
}

fn effective(mailbox: &Mailbox) -> Quota {
    mailbox.settings().quota.unwrap_or(mailbox.store.inner.options.quota)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_stand_in_their_order() {
        let quota =
            |warn, prohibit_send, prohibit_receive| Quota { warn, prohibit_send, prohibit_receive };
        assert!(quota(Some(1), Some(2), Some(3)).check().is_ok());
        assert!(quota(Some(5), None, Some(5)).check().is_ok());
        assert!(quota(None, Some(4), Some(3)).check().is_err());
        assert!(quota(Some(4), None, Some(3)).check().is_err());
    }

    #[test]
    fn a_level_is_reached_behind_its_limit() {
        let quota = Quota { warn: Some(10), prohibit_send: Some(20), prohibit_receive: Some(30) };
        let level = |used| Usage { used, deleted: 0, quota, own: true }.level();
        assert_eq!([level(10), level(11)], [Level::Below, Level::Warned]);
        assert_eq!([level(20), level(21)], [Level::Warned, Level::NoSending]);
        // At the last limit nothing fits any more.
        assert_eq!([level(29), level(30)], [Level::NoSending, Level::NoReceiving]);
    }
}
