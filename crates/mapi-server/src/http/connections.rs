//! The TCP connections that are open: each with its line in the ledger, on the account of the user who made
//! the last request on it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::ledger::{Client, Entry, Kind, Ledger, LimitReached, Owner};

/// Where the connections are found. A slot leaves with its connection.
pub struct Connections {
    ledger: Arc<Ledger>,
    next: AtomicU64,
    slots: Mutex<HashMap<u64, Weak<Connection>>>,
}

/// A TCP connection.
pub struct Connection {
    table: Arc<Connections>,
    number: u64,
    pub peer: SocketAddr,
    born: Instant,
    requests: AtomicU64,
    caller: Mutex<Caller>,
}

/// Who is at the other end.
struct Caller {
    /// Of the process alone until a user is known.
    entry: Entry,
    client: Box<str>,
}

/// What is told of a connection.
#[derive(Debug, Clone)]
pub struct ConnectionInfo {
    pub number: u64,
    pub peer: SocketAddr,
    /// None until a request brought credentials that were right.
    pub user: Option<String>,
    pub client: String,
    pub age: Duration,
    pub requests: u64,
}

impl Connections {
    pub fn new(ledger: Arc<Ledger>) -> Arc<Connections> {
        Arc::new(Connections { ledger, next: AtomicU64::new(1), slots: Mutex::default() })
    }

    /// Counts a connection in.
    pub fn open(self: &Arc<Self>, peer: SocketAddr) -> Arc<Connection> {
        let connection = Arc::new(Connection {
            table: Arc::clone(self),
            number: self.next.fetch_add(1, Ordering::Relaxed),
            peer,
            born: Instant::now(),
            requests: AtomicU64::new(0),
            caller: Mutex::new(Caller {
                entry: self.ledger.open(Kind::Connection),
                client: Box::default(),
            }),
        });
        self.slots.lock().insert(connection.number, Arc::downgrade(&connection));
        connection
    }

    pub fn len(&self) -> usize {
        self.slots.lock().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The connections that are open now.
    pub fn list(&self) -> Vec<ConnectionInfo> {
        // Upgraded ones are dropped outside of the lock: the last one's Drop takes it as well.
        let open: Vec<Arc<Connection>> =
            self.slots.lock().values().filter_map(Weak::upgrade).collect();
        open.iter().map(|connection| connection.info()).collect()
    }
}

impl Connection {
    /// A request of a known user came: the connection counts as his from now on.
    ///
    /// # Errors
    /// [`LimitReached`] if he has as many connections as he may.
    pub fn belongs_to<'a>(
        &self,
        owner: &Arc<Owner>,
        client: impl FnOnce() -> &'a str,
    ) -> Result<(), LimitReached> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let mut caller = self.caller.lock();
        if caller.entry.owner().is_some_and(|known| std::ptr::eq(known, &**owner)) {
            return Ok(());
        }
        let client = Client::clean(client());
        *caller = Caller { entry: owner.open(Kind::Connection, &client)?, client };
        Ok(())
    }

    /// A request that needs no user came.
    pub fn count_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether a request brought credentials that were right, or needed none.
    pub fn is_known(&self) -> bool {
        self.requests.load(Ordering::Relaxed) > 0
    }

    fn info(&self) -> ConnectionInfo {
        let caller = self.caller.lock();
        ConnectionInfo {
            number: self.number,
            peer: self.peer,
            user: caller.entry.owner().map(|owner| owner.address().to_owned()),
            client: caller.client.to_string(),
            age: self.born.elapsed(),
            requests: self.requests.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.table.slots.lock().remove(&self.number);
    }
}
