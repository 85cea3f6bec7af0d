//! One thing's line in the ledger.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mapi::FileTime;

use super::tally::{Verdict, What};
use super::{Account, Kind, Ledger, LimitReached, Owner, Tally};
use crate::limits::Limit;

/// One thing's line in the ledger. It lives in the thing and counts it out when it is dropped.
pub struct Entry {
    holder: Holder,
    kind: Kind,
    born: Instant,
    bytes: AtomicU64,
}

/// To whom a thing belongs.
enum Holder {
    Session(Arc<Account>),
    Owner(Arc<Owner>),
    Process(Arc<Ledger>),
}

impl Holder {
    fn session(&self) -> Option<&Account> {
        match self {
            Holder::Session(account) => Some(account),
            Holder::Owner(_) | Holder::Process(_) => None,
        }
    }

    fn owner(&self) -> Option<&Owner> {
        match self {
            Holder::Session(account) => Some(account.owner()),
            Holder::Owner(owner) => Some(owner),
            Holder::Process(_) => None,
        }
    }

    fn ledger(&self) -> &Ledger {
        match self {
            Holder::Session(account) => account.ledger(),
            Holder::Owner(owner) => owner.ledger(),
            Holder::Process(ledger) => ledger,
        }
    }

    /// The levels at which something counts, with what bounds it there.
    fn levels(&self, what: What) -> [Option<(&Tally, Option<Limit>)>; 3] {
        let limits = match what {
            What::Live(kind) => {
                (Limit::of_session(kind), Limit::of_user(kind), Limit::of_all(kind))
            }
            What::Bytes => {
                (Some(Limit::BytesPerSession), Some(Limit::BytesPerUser), Some(Limit::ObjectBytes))
            }
            What::Staged => (Some(Limit::StagedPerSession), Some(Limit::StagedPerUser), None),
        };
        [
            self.session().map(|account| (&account.tally, limits.0)),
            self.owner().map(|owner| (&owner.tally, limits.1)),
            Some((&self.ledger().tally, limits.2)),
        ]
    }

    /// Counts what is there already, whatever the limits say.
    fn add_anyway(&self, what: What, amount: u64) {
        for (tally, _) in self.levels(what).into_iter().flatten() {
            tally.add(what, amount);
        }
    }

    /// Counts at all levels, or at none if one of them has no room.
    fn add(&self, what: What, amount: u64, client: &str) -> Result<(), LimitReached> {
        if self.session().is_some() && self.ledger().refuses() {
            let limit = Limit::BytesPerSession;
            self.ledger().refused[limit as usize].fetch_add(1, Ordering::Relaxed);
            return Err(LimitReached(limit));
        }
        let levels = self.levels(what);
        for (index, level) in levels.iter().enumerate() {
            let Some((tally, limit)) = level else { continue };
            let used = tally.add(what, amount);
            let Some(limit) = *limit else { continue };
            let most = self.ledger().limits.get(limit);
            match tally.judge(what, used, most) {
                Verdict::Fine => {}
                Verdict::Near => self.warn(limit, used, most, client),
                Verdict::Refused { first } => {
                    for (tally, _) in levels[..=index].iter().flatten() {
                        tally.remove(what, amount);
                    }
                    self.refuse(limit, used - amount, most, client, first);
                    return Err(LimitReached(limit));
                }
            }
        }
        Ok(())
    }

    fn remove(&self, what: What, amount: u64) {
        for (tally, limit) in self.levels(what).into_iter().flatten() {
            let used = tally.remove(what, amount);
            if let Some(limit) = limit {
                tally.fell(what, used, self.ledger().limits.get(limit));
            }
        }
    }

    #[cold]
    fn warn(&self, limit: Limit, used: u64, most: u64, client: &str) {
        self.ledger().warned.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(
            limit = limit.name(),
            used,
            most,
            user = self.owner().map(Owner::address),
            client,
            session = self.session().map(Account::session),
            "four fifths of a limit are used"
        );
    }

    /// Logged once for as long as the limit stays near: a client that tries again and again must not fill
    /// the log. Counted each time.
    #[cold]
    fn refuse(&self, limit: Limit, used: u64, most: u64, client: &str, first: bool) {
        self.ledger().refused[limit as usize].fetch_add(1, Ordering::Relaxed);
        if let Some(account) = self.session() {
            account.work.refused.fetch_add(1, Ordering::Relaxed);
        }
        if !first {
            return;
        }
        tracing::warn!(
            limit = limit.name(),
            used,
            most,
            user = self.owner().map(Owner::address),
            client,
            session = self.session().map(Account::session),
            "a limit is reached; what goes beyond it is refused"
        );
    }

    fn client(&self) -> &str {
        self.session().map_or("", |account| &account.client().name)
    }
}

impl Account {
    /// Counts a ROP in that changes a mailbox.
    ///
    /// # Errors
    /// [`LimitReached`] if the user has written as much within the hour as he may.
    pub fn write(self: &Arc<Self>, now: FileTime) -> Result<(), LimitReached> {
        let limit = Limit::WritesPerHour;
        let most = self.ledger().limits.get(limit);
        let (verdict, used) = self.owner().spend(now, most);
        let holder = || Holder::Session(Arc::clone(self));
        match verdict {
            Verdict::Fine => Ok(()),
            Verdict::Near => {
                holder().warn(limit, used, most, &self.client().name);
                Ok(())
            }
            Verdict::Refused { first } => {
                holder().refuse(limit, used, most, &self.client().name, first);
                Err(LimitReached(limit))
            }
        }
    }
}

impl Entry {
    pub(super) fn of_session(
        account: Arc<Account>,
        kind: Kind,
        bytes: u64,
    ) -> Result<Entry, LimitReached> {
        let holder = Holder::Session(account);
        holder.add(What::Live(kind), 1, holder.client())?;
        // Drop counts out what was counted in so far.
        let entry = Entry::new(holder, kind);
        entry.resize(bytes)?;
        Ok(entry)
    }

    pub(super) fn of_owner(
        owner: Arc<Owner>,
        kind: Kind,
        client: &str,
    ) -> Result<Entry, LimitReached> {
        let holder = Holder::Owner(owner);
        holder.add(What::Live(kind), 1, client)?;
        Ok(Entry::new(holder, kind))
    }

    pub(super) fn of_process(ledger: Arc<Ledger>, kind: Kind) -> Entry {
        ledger.tally.add(What::Live(kind), 1);
        Entry::new(Holder::Process(ledger), kind)
    }

    fn new(holder: Holder, kind: Kind) -> Entry {
        Entry { holder, kind, born: Instant::now(), bytes: AtomicU64::new(0) }
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The user to whom it belongs.
    pub fn owner(&self) -> Option<&Owner> {
        self.holder.owner()
    }

    pub fn age(&self) -> Duration {
        self.born.elapsed()
    }

    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// States that the thing now holds `bytes` bytes.
    ///
    /// # Errors
    /// [`LimitReached`] if the session or its user may not hold that many; the old number stays.
    pub fn resize(&self, bytes: u64) -> Result<(), LimitReached> {
        let old = self.bytes();
        if bytes > old {
            self.holder.add(self.what(), bytes - old, self.holder.client())?;
        } else if bytes < old {
            self.holder.remove(self.what(), old - bytes);
        }
        self.bytes.store(bytes, Ordering::Relaxed);
        Ok(())
    }

    /// States what the thing holds, though it may be more than it should: it is there, and what comes next
    /// is refused.
    pub fn state(&self, bytes: u64) {
        let old = self.bytes();
        if bytes > old {
            self.holder.add_anyway(self.what(), bytes - old);
            self.bytes.store(bytes, Ordering::Relaxed);
        } else {
            // Less is never refused.
            let _ = self.resize(bytes);
        }
    }

    fn what(&self) -> What {
        match self.kind {
            Kind::Staged => What::Staged,
            _ => What::Bytes,
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let bytes = self.bytes();
        if bytes > 0 {
            self.holder.remove(self.what(), bytes);
        }
        self.holder.remove(What::Live(self.kind), 1);
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry {{ {}, {} bytes }}", self.kind.name(), self.bytes())
    }
}

/// A staged value counts as its session's for as long as it lives, also when the stream that wrote it is
/// gone.
impl store::Metered for Entry {
    fn resize(&mut self, bytes: u64) -> bool {
        Entry::resize(self, bytes).is_ok()
    }
}

impl store::Meter for Account {
    fn begin(self: Arc<Self>) -> Option<Box<dyn store::Metered>> {
        let entry = self.open(Kind::Staged, 0).ok()?;
        Some(Box::new(entry))
    }
}
