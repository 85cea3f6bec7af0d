//! The messages of a folder as Internet mail programs see them: by UID, from the summaries alone.

use std::ops::ControlFlow;

use mapi::{FileTime, FolderId, MessageId, tags};

use super::{Marks, outline};
use crate::engine::{self, KeyRange, Space};
use crate::keys::{self, Kind};
use crate::record::summary::Packed;
use crate::table::Contents;
use crate::{Mailbox, Result, StoreError};

/// What a folder says of one of its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    pub id: MessageId,
    pub uid: u32,
    /// MODSEQ.
    pub sequence: u64,
    /// PidTagMessageFlags.
    pub flags: u32,
    /// PidTagMessageStatus.
    pub status: u32,
    /// PidTagMessageSize.
    pub size: u64,
    /// When it was delivered, or else made.
    pub received: FileTime,
    /// PidTagIconIndex.
    pub icon: Option<i32>,
    /// PidTagFlagStatus.
    pub flag_status: Option<i32>,
    /// Whether [`categories`](super::categories) has to be asked.
    pub may_have_categories: bool,
}

/// The messages of a folder by ascending UID, without associated and soft-deleted ones. Reads one summary of at
/// most 256 bytes for each.
///
/// Errors: [`StoreError::NotFound`] without the folder.
pub fn list(mailbox: &Mailbox, folder: FolderId) -> Result<Vec<Listed>> {
    let mut all = each(mailbox, folder, |listed, _| listed)?;
    // Ids and UIDs ascend together but where a message came with an id.
    all.sort_unstable_by_key(|message| message.uid);
    Ok(all)
}

fn each<T>(
    mailbox: &Mailbox,
    folder: FolderId,
    of: impl Fn(Listed, &Packed<'_>) -> T,
) -> Result<Vec<T>> {
    let reader = mailbox.store().engine().snapshot()?;
    let record = crate::folder::record(mailbox, &*reader, folder)?;
    let mut all = Vec::with_capacity(record.contents as usize);
    let prefix = mailbox.key(Kind::Summary, &[&keys::fid(folder), &[Contents::Normal.to_byte()]]);
    engine::try_visit(&*reader, Space::Mailbox, &KeyRange::prefix(prefix), |key, value| {
        let (replica, counter) = keys::tail_id(key)
            .ok_or_else(|| StoreError::Corrupt("a summary with a damaged key".into()))?;
        let summary = Packed::new(value)?;
        all.push(of(of_summary(MessageId::new(replica, counter), &summary), &summary));
        Ok::<_, StoreError>(ControlFlow::Continue(()))
    })?;
    Ok(all)
}

/// As [`list`], with each message's subject where the summary has the whole of it.
///
/// Errors: as [`list`].
pub fn list_subjects(
    mailbox: &Mailbox,
    folder: FolderId,
) -> Result<Vec<(Listed, Option<Box<str>>)>> {
    let subject = |summary: &Packed<'_>| {
        let text = summary.text(tags::SUBJECT)?;
        std::str::from_utf8(text).ok().map(Box::from)
    };
    let mut all = each(mailbox, folder, |listed, summary| (listed, subject(summary)))?;
    all.sort_unstable_by_key(|(message, _)| message.uid);
    Ok(all)
}

/// Some messages of a folder in the order of `ids`; None for one that is not there, or deleted.
pub fn list_some(
    mailbox: &Mailbox,
    folder: FolderId,
    ids: &[MessageId],
) -> Result<Vec<Option<Listed>>> {
    let prefix = mailbox.key(Kind::Summary, &[&keys::fid(folder), &[Contents::Normal.to_byte()]]);
    outline::some(mailbox.reader(), &prefix, ids, listed)
}

/// When a message came into its folder, by whatever way; None where that was not kept, or without the message.
pub fn saved(mailbox: &Mailbox, id: MessageId) -> Result<Option<FileTime>> {
    let hot = super::read_hot(mailbox, mailbox.reader(), id)?;
    Ok(hot.map(|hot| hot.saved).filter(|saved| saved.0 != 0))
}

fn listed(id: MessageId, summary: &[u8]) -> Result<Listed> {
    Ok(of_summary(id, &Packed::new(summary)?))
}

fn of_summary(id: MessageId, summary: &Packed<'_>) -> Listed {
    Listed {
        id,
        uid: summary.uid(),
        sequence: summary.sequence(),
        flags: summary.flags(),
        status: summary.status(),
        size: summary.size(),
        received: FileTime(summary.received()),
        icon: summary.icon(),
        flag_status: summary.flag_status(),
        may_have_categories: summary.may_have_categories(),
    }
}

impl Listed {
    /// The marks that the summary knows: all but categories.
    pub fn marks(&self) -> Marks {
        Marks::of(self.flags, self.status, self.icon, self.flag_status)
    }
}
