//! The internet's mail protocols over the store.
//!
//! The core is the same for all of them: [`listener`] accepts connections and hands each to the [`Service`] of its
//! socket; [`line`] reads and writes it; [`tls`] encrypts it; [`auth`] asks who is there; [`work`] runs what touches the store on threads
//! of its own; [`letters`] bounds what messages on their way in take; [`census`] counts the connections where the
//! program counts everything else; [`dns`] looks names up for those features that need it; [`dkim`] signs what goes
//! out, and [`authenticate`] judges what comes in.
//!
//! INVARIANT: nothing that asks the engine or waits for the disk runs on the reactor.

pub mod auth;
pub mod authenticate;
pub mod census;
#[doc(hidden)]
pub mod deflate;
pub mod dkim;
pub mod dns;
pub mod host;
pub mod imap;
pub mod letters;
pub mod line;
pub mod listener;
pub mod outbound;
pub mod pop3;
pub mod smtp;
mod spool;
pub mod tls;
pub mod work;

pub use host::Host;
pub use listener::{
    Address, Bounds, Connection, Listen, Protocol, Running, Security, Service, start,
};
pub use tls::Tls;
