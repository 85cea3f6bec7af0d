//! The searches of a mailbox, read once for many batches.

use std::sync::Arc;

use mapi::FolderId;
use parking_lot::Mutex;

use crate::engine::{self, KeyRange, Reader, Space};
use crate::keys::{self, Kind};
use crate::record::search::{CriteriaRecord, Stamp};
use crate::table::evaluate;
use crate::{Mailbox, Result};

/// A search folder that has criteria.
pub(crate) struct Search {
    pub(crate) folder: FolderId,
    pub(crate) criteria: CriteriaRecord,
    /// Messages that it shows at most.
    pub(crate) limit: u32,
}

impl Search {
    pub(crate) fn new(folder: FolderId, criteria: CriteriaRecord) -> Search {
        let limit = evaluate::limit(&criteria.restriction);
        let limit = limit.and_then(|limit| u32::try_from(limit).ok()).unwrap_or(u32::MAX);
        Search { folder, criteria, limit }
    }
}

/// What was read of the criteria, as long as their stamp stands.
#[derive(Default)]
pub(crate) struct Known(Mutex<Option<(u64, Arc<[Search]>)>>);

impl Known {
    /// The searches in a state of the mailbox. Costs one look at a key while nothing about them changes. What
    /// is damaged is left out: a change of a message must not fail for it.
    pub(crate) fn get(&self, mailbox: &Mailbox, reader: &dyn Reader) -> Result<Arc<[Search]>> {
        let key = mailbox.key(Kind::SearchStamp, &[]);
        let stamp = match reader.get(Space::Mailbox, &key) {
            Ok(None) => return Ok(Arc::default()),
            Ok(Some(bytes)) => Stamp::read(&bytes).ok().map(|stamp| stamp.0),
            Err(engine::Error::Corrupt { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        if let Some((known, searches)) = &*self.0.lock()
            && Some(*known) == stamp
        {
            return Ok(searches.clone());
        }
        let searches: Arc<[Search]> = read(mailbox, reader)?.into();
        *self.0.lock() = stamp.map(|stamp| (stamp, searches.clone()));
        Ok(searches)
    }

    pub(crate) fn forget(&self) {
        *self.0.lock() = None;
    }
}

fn read(mailbox: &Mailbox, reader: &dyn Reader) -> Result<Vec<Search>> {
    let range = KeyRange::prefix(mailbox.key(Kind::Criteria, &[]));
    let mut searches = Vec::new();
    for (key, value) in reader.scan_each(Space::Mailbox, &range, usize::MAX)? {
        let Some((replica, counter)) = keys::tail_id(&key) else { continue };
        let folder = FolderId::new(replica, counter);
        match value.ok().and_then(|value| CriteriaRecord::read(&value).ok()) {
            Some(criteria) => searches.push(Search::new(folder, criteria)),
            None => tracing::warn!(%folder, "damaged search criteria; `coffer check` says more"),
        }
    }
    Ok(searches)
}
