//! Internet messages ([RFC 5322], MIME) to and from [`MessageContent`](mapi::MessageContent), after
//! [MS-OXCMAIL].
//!
//! [`read`] keeps the received bytes beside the properties, so writing gives the very bytes back;
//! a message that never was MIME is generated.

mod address;
mod attachments;
mod bodies;
mod fields;
mod headers;
mod parts;
mod read;

pub use headers::split_subject;
pub use read::{MimeError, read};
