//! The counts of one Session Context: what it holds and what it did.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::{Entry, Kind, Ledger, LimitReached, Owner, Tally, Use};

/// Who is at the other end of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// What the client calls itself: program and version.
    pub name: Box<str>,
    /// Where the connection came from on which the session was made; None within a process.
    pub peer: Option<SocketAddr>,
}

impl Client {
    /// A client of one's own process.
    pub fn local(name: &str) -> Client {
        Client { name: Client::clean(name), peer: None }
    }

    /// A name as it may stand in logs, on terminals and in metrics: short, and without characters that
    /// control anything.
    pub fn clean(name: &str) -> Box<str> {
        const LONGEST: usize = 64;
        let printable = |c: char| if c.is_control() { '?' } else { c };
        match name.trim() {
            "" => "unnamed".into(),
            name => name.chars().take(LONGEST).map(printable).collect(),
        }
    }
}

/// The counts of one Session Context. Lives as long as the last entry of the session.
pub struct Account {
    owner: Arc<Owner>,
    session: u64,
    client: Client,
    born: Instant,
    pub(super) tally: Tally,
    pub work: Work,
}

/// What a session did since it was made.
#[derive(Debug, Default)]
pub struct Work {
    /// Requests to the session: Execute, Disconnect, NotificationWait, PING.
    pub requests: AtomicU64,
    pub rops: AtomicU64,
    /// ROPs that failed.
    pub errors: AtomicU64,
    /// ROPs that change a mailbox.
    pub writes: AtomicU64,
    /// Objects and bytes that a limit refused.
    pub refused: AtomicU64,
    /// Bytes of requests.
    pub received: AtomicU64,
    /// Bytes of answers.
    pub sent: AtomicU64,
    /// Microseconds that ROPs were at work.
    pub busy: AtomicU64,
}

/// A state of [`Work`], or a sum of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Done {
    pub requests: u64,
    pub rops: u64,
    pub errors: u64,
    pub writes: u64,
    pub refused: u64,
    pub received: u64,
    pub sent: u64,
    pub busy_micros: u64,
}

impl Work {
    pub fn read(&self) -> Done {
        let get = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Done {
            requests: get(&self.requests),
            rops: get(&self.rops),
            errors: get(&self.errors),
            writes: get(&self.writes),
            refused: get(&self.refused),
            received: get(&self.received),
            sent: get(&self.sent),
            busy_micros: get(&self.busy),
        }
    }
}

impl Done {
    pub fn add(&mut self, other: &Done) {
        self.requests += other.requests;
        self.rops += other.rops;
        self.errors += other.errors;
        self.writes += other.writes;
        self.refused += other.refused;
        self.received += other.received;
        self.sent += other.sent;
        self.busy_micros += other.busy_micros;
    }
}

impl Account {
    pub fn new(owner: Arc<Owner>, session: u64, client: Client) -> Arc<Account> {
        Arc::new(Account {
            owner,
            session,
            client,
            born: Instant::now(),
            tally: Tally::default(),
            work: Work::default(),
        })
    }

    pub fn ledger(&self) -> &Arc<Ledger> {
        self.owner.ledger()
    }

    pub fn owner(&self) -> &Arc<Owner> {
        &self.owner
    }

    pub fn session(&self) -> u64 {
        self.session
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    pub fn user(&self) -> &str {
        self.owner.address()
    }

    pub fn born(&self) -> Instant {
        self.born
    }

    pub fn live(&self, kind: Kind) -> u64 {
        self.tally.live(kind)
    }

    pub fn bytes(&self) -> u64 {
        self.tally.bytes()
    }

    pub fn usage(&self) -> Use {
        self.tally.read()
    }

    /// Counts an object in that holds `bytes` bytes.
    ///
    /// # Errors
    /// [`LimitReached`] if the session or its user holds as many objects of this kind, or as many bytes, as
    /// it may.
    pub fn open(self: &Arc<Self>, kind: Kind, bytes: u64) -> Result<Entry, LimitReached> {
        Entry::of_session(Arc::clone(self), kind, bytes)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account {{ session: {}, user: {:?} }}", self.session, self.user())
    }
}
