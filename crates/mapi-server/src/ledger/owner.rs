//! The counts of one user, over all his sessions and connections.

use std::fmt;
use std::sync::Arc;

use mapi::FileTime;
use parking_lot::Mutex;
use store::AccountId;

use super::spending::Bucket;
use super::tally::Verdict;
use super::{Entry, Kind, Ledger, LimitReached, Tally, Use};
use crate::limits::Limit;

/// Lives as long as the last thing that the user holds.
pub struct Owner {
    ledger: Arc<Ledger>,
    id: AccountId,
    address: Box<str>,
    pub(super) tally: Tally,
    /// None before the first write.
    spent: Mutex<Option<Bucket>>,
}

impl Owner {
    pub(super) fn new(ledger: Arc<Ledger>, id: AccountId, address: &str) -> Arc<Owner> {
        Arc::new(Owner {
            ledger,
            id,
            address: address.into(),
            tally: Tally::default(),
            spent: Mutex::default(),
        })
    }

    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    pub fn id(&self) -> AccountId {
        self.id
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn live(&self, kind: Kind) -> u64 {
        self.tally.live(kind)
    }

    pub fn usage(&self) -> Use {
        self.tally.read()
    }

    /// One more ROP that changes a mailbox; how many there were.
    pub(super) fn spend(&self, now: FileTime, most: u64) -> (Verdict, u64) {
        let mut spent = self.spent.lock();
        spent.get_or_insert_with(|| self.ledger.left.take(self.id)).spend(now, most)
    }

    /// Counts something in that belongs to the user and to no session. `client` is named in logs.
    ///
    /// # Errors
    /// [`LimitReached`] if the user holds as many of them as he may.
    pub fn open(self: &Arc<Self>, kind: Kind, client: &str) -> Result<Entry, LimitReached> {
        Entry::of_owner(Arc::clone(self), kind, client)
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        if let Some(bucket) = self.spent.get_mut().take() {
            let most = self.ledger.limits.get(Limit::WritesPerHour);
            self.ledger.left.keep(self.id, bucket, most);
        }
        self.ledger.forget_owner(self.id);
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Owner {{ {:?}, {:?} }}", self.address, self.tally)
    }
}
