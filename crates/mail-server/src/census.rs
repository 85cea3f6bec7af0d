//! Where connections are counted.
//!
//! The counts themselves are the program's: it passes a [`Census`] that opens a line in its ledger for each
//! connection. The line lives in the connection and goes with it.

use std::net::SocketAddr;

use store::Account;

use crate::listener::Protocol;

/// Counts connections.
pub trait Census: Send + Sync + 'static {
    /// Counts a connection in that belongs to nobody yet.
    fn open(&self, protocol: Protocol, peer: Option<SocketAddr>) -> Box<dyn Counted>;

    /// Counts a connection to another host in.
    fn open_out(&self) -> Box<dyn Counted> {
        Box::new(NoCensus)
    }
}

/// One connection's line. Dropping it counts the connection out.
pub trait Counted: Send {
    /// The connection is this user's from now on; `client` is what his program calls itself.
    ///
    /// # Errors
    /// [`Full`] if he has as many connections as he may. It still counts as before then.
    fn belongs_to(&mut self, account: &Account, client: &str) -> Result<(), Full>;

    /// Counts the maildrop that the connection's user holds alone (POP3), for as long as what comes back is there.
    fn maildrop(&self) -> Box<dyn Send> {
        Box::new(())
    }
}

/// A limit stands in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many connections of this user")]
pub struct Full;

/// Counts nothing: for programs without a ledger.
pub struct NoCensus;

impl Census for NoCensus {
    fn open(&self, _: Protocol, _: Option<SocketAddr>) -> Box<dyn Counted> {
        Box::new(NoCensus)
    }
}

impl Counted for NoCensus {
    fn belongs_to(&mut self, _: &Account, _: &str) -> Result<(), Full> {
        Ok(())
    }
}
