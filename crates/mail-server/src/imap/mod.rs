//! IMAP4rev1 and IMAP4rev2 (RFC 3501, RFC 9051) over the store.
//!
//! [`Imap`] reads a command's bytes from a connection; they become a [`command::Tagged`], which a [`session::Session`]
//! does over the store and answers. What it knows of the selected mailbox stands in `mailbox`, the tree of names in
//! `names`; `structure` takes messages apart, and [`response`] writes what is told of them.

pub mod command;
mod connection;
mod mailbox;
mod names;
#[doc(hidden)]
pub mod oracle;
pub mod response;
pub mod session;
mod structure;
mod subject;
mod thread;
mod url;
mod view;

pub use connection::Imap;
