//! Foreign bytes to and from [`MessageContent`](mapi::MessageContent): MIME, mbox, MSG, PST, TNEF, HTML, RTF.
//!
//! INVARIANT: no I/O and no clock in this crate. Functions take bytes, or a reader where a file does not
//! fit in memory; whatever the bytes are, they return.

mod content_line;
pub mod detect;
pub mod flags;
mod guard;
mod hex;
pub mod ical;
pub mod maildir;
pub mod mbox;
pub mod mime;
pub mod msg;
mod names;
pub mod oracle;
pub mod pst;
pub mod report;
pub mod text;
pub mod tnef;
mod values;
pub mod vcard;
