//! The ledger: what is open, counted by the objects themselves, by kind, by user and by client.
//!
//! Every object of the owner tree carries an [`Entry`], and so does a connection, a cached credential, a
//! staged value and whoever waits for notifications. Making the entry counts the object in, dropping it counts
//! it out; no list is kept beside the objects, so the ledger cannot say that something lives which is gone,
//! nor forget something which is there.
//!
//! An entry counts at three levels, each of which may refuse it: the session ([`Account`]), the user
//! ([`Owner`]), and the process ([`Ledger`]).

mod account;
mod entry;
mod owner;
mod spending;
mod tally;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use store::{Account as User, AccountId};

use crate::limits::{LIMITS, Limit, Limits};
use spending::Left;

pub use account::{Account, Client, Done, Work};
pub use entry::Entry;
pub use owner::Owner;
pub use tally::{Tally, Use};

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident $name:literal,)*) => {
        /// What kind of thing an entry stands for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(usize)]
        pub enum Kind {
            $($(#[$doc])* $variant,)*
        }

        impl Kind {
            pub const ALL: [Kind; KINDS] = [$(Kind::$variant),*];

            /// The name in metrics and logs.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Kind::$variant => $name,)*
                }
            }
        }

        const KINDS: usize = [$($name),*].len();
    };
}

kinds! {
    /// A Session Context ([MS-OXCMAPIHTTP] 3.1.1).
    Session "session",
    /// A Logon object ([MS-OXCROPS] 1.3.1).
    Logon "logon",
    /// The record that a logon keeps for as long as it holds a store open.
    Lock "lock",
    Folder "folder",
    Message "message",
    Attachment "attachment",
    Table "table",
    Stream "stream",
    /// A Notification Subscription object ([MS-OXCNOTIF] 3.1.1).
    Subscription "subscription",
    /// A locked region of a stream ([MS-OXCPRPT] 2.2.24).
    Region "region",
    /// Work of a ROP that goes on with the client's next requests ([MS-OXCPRPT] 2.2.23).
    Operation "operation",
    /// A value that is written and not saved yet.
    Staged "staged",
    /// A NotificationWait request that waits.
    Wait "wait",
    /// A TCP connection.
    Connection "connection",
    /// A user whose verified credentials are remembered.
    Credential "credential",
    /// A connection of an MTA that delivers over LMTP.
    Lmtp "lmtp",
    /// A connection of SMTP, submission among it.
    Smtp "smtp",
    Imap "imap",
    Pop3 "pop3",
    /// The Inbox that a session of POP3 holds alone (RFC 1939 8).
    Maildrop "maildrop",
    /// A connection to a host of another domain.
    Outbound "outbound",
}

impl Kind {
    /// Whether it is a node of the owner tree: what has to be gone when every client has closed what it
    /// opened.
    pub const fn is_node(self) -> bool {
        !self.is_connection()
            && !matches!(
                self,
                Kind::Region | Kind::Staged | Kind::Wait | Kind::Credential | Kind::Maildrop
            )
    }

    /// Whether it is a connection from outside, over whatever protocol.
    pub const fn is_connection(self) -> bool {
        matches!(
            self,
            Kind::Connection | Kind::Lmtp | Kind::Smtp | Kind::Imap | Kind::Pop3 | Kind::Outbound
        )
    }
}

/// The counts of the whole process.
pub struct Ledger {
    limits: Arc<Limits>,
    tally: Tally,
    /// Who holds something. A slot leaves with its user's last entry.
    owners: Mutex<HashMap<AccountId, Weak<Owner>>>,
    left: Left<AccountId>,
    refused: [AtomicU64; LIMITS],
    warned: AtomicU64,
    panics: AtomicU64,
    /// Refusals on purpose: openings and growths up to the one that is refused; 0 when none is.
    refusing: AtomicU64,
}

impl Ledger {
    pub fn new(limits: Arc<Limits>) -> Arc<Ledger> {
        Arc::new(Ledger {
            limits,
            tally: Tally::default(),
            owners: Mutex::default(),
            left: Left::default(),
            refused: Default::default(),
            warned: AtomicU64::new(0),
            panics: AtomicU64::new(0),
            refusing: AtomicU64::new(0),
        })
    }

    pub fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    /// How many things of a kind are open now.
    pub fn live(&self, kind: Kind) -> u64 {
        self.tally.live(kind)
    }

    /// How many nodes of owner trees are open now, Session Contexts among them.
    pub fn live_total(&self) -> u64 {
        Kind::ALL.iter().filter(|kind| kind.is_node()).map(|kind| self.live(*kind)).sum()
    }

    /// Bytes of memory that everything counted holds, as it states them itself.
    pub fn bytes(&self) -> u64 {
        self.tally.bytes()
    }

    pub fn usage(&self) -> Use {
        self.tally.read()
    }

    /// How often limits refused something since the start.
    pub fn refused(&self) -> u64 {
        Limit::ALL.iter().map(|limit| self.refused_by(*limit)).sum()
    }

    pub fn refused_by(&self, limit: Limit) -> u64 {
        self.refused[limit as usize].load(Ordering::Relaxed)
    }

    /// How many warnings there were that four fifths of a limit are used.
    pub fn warned(&self) -> u64 {
        self.warned.load(Ordering::Relaxed)
    }

    /// How many panics were caught in handlers since the start. Each one is a bug.
    pub fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    /// Refuses a session one opening or growth of an object as if a limit were reached: the one after `count`
    /// others. For checks that every refusal leaves nothing behind.
    pub fn refuse_after(&self, count: u64) {
        self.refusing.store(count + 1, Ordering::Release);
    }

    /// Takes [`Ledger::refuse_after`] back.
    pub fn refuse_nothing(&self) {
        self.refusing.store(0, Ordering::Release);
    }

    fn refuses(&self) -> bool {
        let down = |left: u64| left.checked_sub(1);
        self.refusing.load(Ordering::Relaxed) != 0
            && self.refusing.fetch_update(Ordering::AcqRel, Ordering::Acquire, down) == Ok(1)
    }

    pub(crate) fn count_panic(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    /// The counts of a user, made if he holds nothing yet.
    pub fn owner(self: &Arc<Self>, user: &User) -> Arc<Owner> {
        let mut owners = self.owners.lock();
        if let Some(owner) = owners.get(&user.id).and_then(Weak::upgrade) {
            return owner;
        }
        let owner = Owner::new(Arc::clone(self), user.id, &user.address);
        owners.insert(user.id, Arc::downgrade(&owner));
        owner
    }

    /// The users who hold something now.
    pub fn owners(&self) -> Vec<Arc<Owner>> {
        // Upgraded ones are dropped outside of the lock: the last one's Drop takes it as well.
        let owners = self.owners.lock();
        owners.values().filter_map(Weak::upgrade).collect()
    }

    /// Called by an owner that is being dropped.
    fn forget_owner(&self, id: AccountId) {
        let mut owners = self.owners.lock();
        if owners.get(&id).is_some_and(|owner| owner.strong_count() == 0) {
            owners.remove(&id);
        }
    }

    /// Counts something in that belongs to nobody yet.
    pub fn open(self: &Arc<Self>, kind: Kind) -> Entry {
        Entry::of_process(Arc::clone(self), kind)
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ledger {{ {:?} }}", self.tally)
    }
}

/// A limit stood in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the limit {0} is reached")]
pub struct LimitReached(pub Limit);

#[cfg(test)]
mod tests;
