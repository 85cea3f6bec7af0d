//! The ledger: what is open, counted by the objects themselves.
//!
//! Every object of the owner tree carries an [`Entry`]. Making the entry counts the object in, dropping it
//! counts it out; no list is kept beside the objects, so the ledger cannot say that something lives which
//! is gone, nor forget something which is there.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::limits::Limits;

/// What kind of node of the owner tree an entry stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(usize)]
pub enum Kind {
    /// A Session Context ([MS-OXCMAPIHTTP] 3.1.1).
    Session,
    /// A Logon object ([MS-OXCROPS] 1.3.1).
    Logon,
    /// The record that a logon keeps for as long as it holds a store open.
    Lock,
    Folder,
    Message,
    Attachment,
    Table,
    Stream,
}

impl Kind {
    pub const ALL: [Kind; 8] = [
        Kind::Session,
        Kind::Logon,
        Kind::Lock,
        Kind::Folder,
        Kind::Message,
        Kind::Attachment,
        Kind::Table,
        Kind::Stream,
    ];

    /// The name in metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Session => "session",
            Kind::Logon => "logon",
            Kind::Lock => "lock",
            Kind::Folder => "folder",
            Kind::Message => "message",
            Kind::Attachment => "attachment",
            Kind::Table => "table",
            Kind::Stream => "stream",
        }
    }
}

const KINDS: usize = Kind::ALL.len();

/// The counts of the whole process.
#[derive(Debug, Default)]
pub struct Ledger {
    live: [AtomicU64; KINDS],
    bytes: AtomicU64,
    refused: AtomicU64,
    panics: AtomicU64,
}

impl Ledger {
    pub fn new() -> Arc<Ledger> {
        Arc::new(Ledger::default())
    }

    /// How many objects of a kind are open now.
    pub fn live(&self, kind: Kind) -> u64 {
        self.live[kind as usize].load(Ordering::Relaxed)
    }

    /// How many objects of all kinds are open now, Session Contexts among them.
    pub fn live_total(&self) -> u64 {
        Kind::ALL.iter().map(|kind| self.live(*kind)).sum()
    }

    /// Bytes that the open objects hold, as they state it themselves.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How often a limit refused an object or a session since the start.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// How many panics were caught in handlers since the start. Each one is a bug.
    pub fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    pub(crate) fn count_panic(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_refusal(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}

/// The counts of one Session Context, with its limits. Lives as long as the last entry of the session.
pub struct Account {
    ledger: Arc<Ledger>,
    limits: Arc<Limits>,
    session: u64,
    client: String,
    user: String,
    live: [AtomicU64; KINDS],
    warned: [AtomicBool; KINDS],
    bytes: AtomicU64,
    bytes_warned: AtomicBool,
}

/// A limit stood in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session's limit is reached")]
pub struct LimitReached;

impl Account {
    /// `client` is the name that the client gave itself, for logs.
    pub fn new(
        ledger: Arc<Ledger>,
        limits: Arc<Limits>,
        session: u64,
        user: String,
        client: String,
    ) -> Arc<Account> {
        Arc::new(Account {
            ledger,
            limits,
            session,
            client,
            user,
            live: Default::default(),
            warned: Default::default(),
            bytes: AtomicU64::new(0),
            bytes_warned: AtomicBool::new(false),
        })
    }

    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    pub fn session(&self) -> u64 {
        self.session
    }

    pub fn client(&self) -> &str {
        &self.client
    }

    pub fn user(&self) -> &str {
        &self.user
    }

    pub fn live(&self, kind: Kind) -> u64 {
        self.live[kind as usize].load(Ordering::Relaxed)
    }

    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Counts an object in that holds `bytes` bytes.
    ///
    /// # Errors
    /// [`LimitReached`] if the session holds as many objects of this kind, or as many bytes, as it may.
    pub fn open(self: &Arc<Self>, kind: Kind, bytes: u64) -> Result<Entry, LimitReached> {
        let limit = self.limits.objects(kind);
        let live = self.live(kind) + 1;
        if live > limit || self.bytes() + bytes > self.limits.bytes_per_session {
            self.ledger.count_refusal();
            tracing::warn!(
                session = self.session,
                user = %self.user,
                client = %self.client,
                kind = kind.name(),
                live = live - 1,
                limit,
                bytes = self.bytes(),
                "limit reached, object refused"
            );
            return Err(LimitReached);
        }
        // A session is one session: that is no limit which comes near.
        if kind != Kind::Session {
            self.warn_early(&self.warned[kind as usize], kind.name(), live, limit);
        }
        self.live[kind as usize].fetch_add(1, Ordering::Relaxed);
        self.ledger.live[kind as usize].fetch_add(1, Ordering::Relaxed);
        let entry = Entry {
            account: Arc::clone(self),
            kind,
            born: Instant::now(),
            bytes: AtomicU64::new(0),
        };
        entry.add(bytes);
        Ok(entry)
    }

    /// One line when four fifths of a limit are used, and again only after the use fell below half.
    fn warn_early(&self, warned: &AtomicBool, what: &str, used: u64, limit: u64) {
        if used < limit / 2 {
            if warned.load(Ordering::Relaxed) {
                warned.store(false, Ordering::Relaxed);
            }
            return;
        }
        if used * 5 < limit * 4 || warned.swap(true, Ordering::Relaxed) {
            return;
        }
        tracing::warn!(
            session = self.session,
            user = %self.user,
            client = %self.client,
            what,
            used,
            limit,
            "four fifths of a session's limit are used"
        );
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account {{ session: {}, user: {:?} }}", self.session, self.user)
    }
}

/// One object's line in the ledger. It lives in the object and counts it out when it is dropped.
pub struct Entry {
    account: Arc<Account>,
    kind: Kind,
    born: Instant,
    bytes: AtomicU64,
}

impl Entry {
    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub fn age(&self) -> Duration {
        self.born.elapsed()
    }

    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// States that the object now holds `bytes` bytes.
    ///
    /// # Errors
    /// [`LimitReached`] if the session may not hold that many; the old number stays.
    pub fn resize(&self, bytes: u64) -> Result<(), LimitReached> {
        let old = self.bytes();
        if bytes <= old {
            self.remove(old - bytes);
            return Ok(());
        }
        let limit = self.account.limits.bytes_per_session;
        let used = self.account.bytes() + (bytes - old);
        if used > limit {
            self.account.ledger.count_refusal();
            tracing::warn!(
                session = self.account.session,
                user = %self.account.user,
                client = %self.account.client,
                kind = self.kind.name(),
                used,
                limit,
                "limit of bytes reached, growth refused"
            );
            return Err(LimitReached);
        }
        self.account.warn_early(&self.account.bytes_warned, "bytes", used, limit);
        self.add(bytes - old);
        Ok(())
    }

    fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.account.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.account.ledger.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn remove(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.account.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.account.ledger.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.remove(self.bytes());
        self.account.live[self.kind as usize].fetch_sub(1, Ordering::Relaxed);
        self.account.ledger.live[self.kind as usize].fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry {{ {}, {} bytes }}", self.kind.name(), self.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(limits: Limits) -> (Arc<Ledger>, Arc<Account>) {
        let ledger = Ledger::new();
        let account =
            Account::new(Arc::clone(&ledger), Arc::new(limits), 1, "user".into(), "test".into());
        (ledger, account)
    }

    #[test]
    fn an_entry_counts_itself_in_and_out() {
        let (ledger, account) = account(Limits::default());
        let entry = account.open(Kind::Folder, 100).unwrap();
        assert_eq!((ledger.live(Kind::Folder), ledger.bytes()), (1, 100));
        entry.resize(40).unwrap();
        assert_eq!(account.bytes(), 40);
        drop(entry);
        assert_eq!((ledger.live_total(), ledger.bytes(), account.bytes()), (0, 0, 0));
    }

    #[test]
    fn a_limit_refuses_and_counts_the_refusal() {
        let limits = Limits { folders: 2, bytes_per_session: 50, ..Limits::default() };
        let (ledger, account) = account(limits);
        let _first = account.open(Kind::Folder, 10).unwrap();
        let second = account.open(Kind::Folder, 10).unwrap();
        assert!(account.open(Kind::Folder, 0).is_err());
        assert!(second.resize(41).is_err());
        assert_eq!(second.bytes(), 10);
        assert!(account.open(Kind::Message, 31).is_err());
        assert_eq!(ledger.refused(), 3);
        drop(second);
        assert!(account.open(Kind::Folder, 0).is_ok());
    }
}
