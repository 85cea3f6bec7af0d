//! IMAP4rev1 and IMAP4rev2 (RFC 3501, RFC 9051) over the store.
//!
//! A command's bytes become a [`command::Tagged`]; [`response`] writes what is answered; [`structure`] takes messages
//! apart.

// The session that uses all of it comes next.
#![allow(dead_code)]

pub mod command;
#[doc(hidden)]
pub mod oracle;
pub mod response;
mod structure;
