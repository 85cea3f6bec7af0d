//! Internet messages ([RFC 5322], MIME) to and from [`MessageContent`](mapi::MessageContent), after
//! [MS-OXCMAIL].
//!
//! [`read`] keeps the received bytes beside the properties, so [`write()`] gives the very bytes back;
//! a message that never was MIME is generated.

pub(crate) mod address;
pub(crate) mod attachments;
mod bodies;
mod calendar;
mod class;
mod compose;
pub(crate) mod fields;
mod flowed;
mod headers;
mod locale;
mod outgoing;
pub(crate) mod parts;
mod properties;
mod read;
mod report;
mod searched;
mod smime;
mod tnef;
mod words;
mod write;

pub use fields::{ContentType, Field, Header};
pub use headers::split_subject;
pub use outgoing::{Outgoing, outgoing};
pub use parts::{Part, header, parse};
pub use read::{MimeError, read};
pub use searched::{Place, any_text, message_in, with_crlf};
pub use write::write;

pub(crate) use compose::{recipient_of, sender_of};
pub(crate) use write::{base64_line, bodies};
