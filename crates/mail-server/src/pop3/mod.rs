//! POP3 (RFC 1939) over the Inbox, with CAPA (RFC 2449), SASL (RFC 5034) and STLS (RFC 2595).
//!
//! [`command`] reads a line; `connection` answers it; `maildrop` is what a session holds of the mailbox, and nobody
//! else meanwhile.

pub mod command;
mod connection;
mod maildrop;
#[doc(hidden)]
pub mod oracle;

pub use connection::Pop3;
