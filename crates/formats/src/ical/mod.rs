//! iCalendar (RFC 5545) to and from [`MessageContent`](mapi::MessageContent), after [MS-OXCICAL].

pub mod blob;
pub(crate) mod civil;
mod pattern;
mod read;
mod rule;
mod write;
mod zone;

pub(crate) use read::read_meeting;
pub use read::{Calendar, CalendarError, MAX_FILE, read};
pub use write::write;
pub(crate) use write::{Place, purpose, write_for};
