//! Search folders.

use std::collections::BTreeSet;

use mapi::FolderId;

use super::{Mended, folder, read};
use crate::engine::{Direction, KeyRange, Space};
use crate::folder::FolderKind;
use crate::keys::{self, Kind};
use crate::mailbox::writer;
use crate::record::search::{CriteriaRecord, Link, Stamp};
use crate::record::summary::Summary;
use crate::search::{self, SearchState};
use crate::{Mailbox, Result};

/// Links that are looked at in one batch.
const PAGE: usize = 1024;

/// Removes criteria that cannot be read, or that are those of no search folder, and links that nothing asks
/// for; then fills the folder again.
pub(super) fn whole(
    mailbox: &Mailbox,
    id: FolderId,
    touched: &mut BTreeSet<u64>,
) -> Result<Mended> {
    touched.insert(keys::id_number(id.replica, id.counter));
    let (criteria, lost) = writer::write(mailbox, |tx| {
        let key = tx.mailbox.key(Kind::Criteria, &[&keys::fid(id)]);
        let stored = read(tx, &key, CriteriaRecord::read)?;
        let kind = tx.find_folder(id)?.map(|record| record.kind);
        let criteria = match (stored, kind) {
            (Some(Ok(criteria)), Some(FolderKind::Search)) => criteria,
            (stored, kind) => {
                if stored.is_some() {
                    tx.delete(key);
                    tx.put(tx.mailbox.key(Kind::SearchStamp, &[]), Stamp::fresh().to_bytes());
                }
                return Ok((None, stored.is_some() && kind == Some(FolderKind::Search)));
            }
        };
        if criteria.is_followed() {
            search::restart(tx, id, criteria.clone());
        } else {
            tx.put(tx.mailbox.key(Kind::SearchStamp, &[]), Stamp::fresh().to_bytes());
        }
        Ok((Some(criteria), false))
    })?;
    remove_links(mailbox, id, criteria.is_some())?;
    folder::count(mailbox, id)?;
    if criteria.is_some_and(|criteria| criteria.state != SearchState::Stopped) {
        search::fill(mailbox, id)?;
    }
    let lost = if lost { vec!["what the search folder looks for".into()] } else { Vec::new() };
    Ok(Mended::lost(lost))
}

/// Removes the links that are damaged, or all of them.
fn remove_links(mailbox: &Mailbox, id: FolderId, keep: bool) -> Result<()> {
    let mut rest = KeyRange::prefix(mailbox.key(Kind::Link, &[&keys::fid(id)]));
    loop {
        let page = mailbox.reader().scan_each(Space::Mailbox, &rest, PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        rest = rest.beyond(last, Direction::Forward);
        let whole = |value: &crate::engine::Value| {
            Link::read(value).is_ok_and(|link| Summary::read(&link.summary).is_ok())
        };
        let bad = page.iter().filter(|(_, value)| !keep || !value.as_ref().is_ok_and(whole));
        let bad: Vec<_> = bad.map(|(key, _)| key.to_vec()).collect();
        if !bad.is_empty() {
            writer::write(mailbox, |tx| {
                bad.iter().for_each(|key| tx.delete(key.clone()));
                Ok(())
            })?;
        }
    }
}
