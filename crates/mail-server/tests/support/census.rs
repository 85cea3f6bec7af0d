//! Passwords of the store, and a ledger that is nothing but counts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use mail_server::Protocol;
use mail_server::auth::{Refused, Verification, Verifier};
use mail_server::census::{Census, Counted, Full};
use store::{Account, Store};

pub struct ByStore(pub Store);

impl Verifier for ByStore {
    fn verify(&self, user: String, password: String) -> Verification {
        let store = self.0.clone();
        Box::pin(async move { store.verify_password(&user, &password).map_err(|_| Refused::Wrong) })
    }
}

#[derive(Default)]
pub struct Counts {
    open: AtomicI64,
    known: AtomicI64,
    maildrops: AtomicI64,
}

impl Counts {
    /// Connections, those of which the user is known, and maildrops that are held.
    pub fn now(&self) -> [i64; 3] {
        [&self.open, &self.known, &self.maildrops].map(|count| count.load(Ordering::SeqCst))
    }
}

pub struct Counting(pub Arc<Counts>);
struct Entry(Arc<Counts>, bool);
struct Held(Arc<Counts>);

impl Census for Counting {
    fn open(&self, _: Protocol, _: Option<SocketAddr>) -> Box<dyn Counted> {
        self.0.open.fetch_add(1, Ordering::SeqCst);
        Box::new(Entry(Arc::clone(&self.0), false))
    }
}

impl Counted for Entry {
    // Who is known twice is never counted out again.
    fn belongs_to(&mut self, _: &Account, _: &str) -> Result<(), Full> {
        self.1 = true;
        self.0.known.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn maildrop(&self) -> Box<dyn Send> {
        self.0.maildrops.fetch_add(1, Ordering::SeqCst);
        Box::new(Held(Arc::clone(&self.0)))
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
        self.0.known.fetch_sub(i64::from(self.1), Ordering::SeqCst);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.maildrops.fetch_sub(1, Ordering::SeqCst);
    }
}
