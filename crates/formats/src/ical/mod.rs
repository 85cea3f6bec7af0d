//! iCalendar (RFC 5545) to and from [`MessageContent`](mapi::MessageContent), after [MS-OXCICAL].

pub mod blob;
