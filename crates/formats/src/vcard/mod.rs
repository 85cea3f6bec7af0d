//! vCard (2.1, 3.0 of RFC 2426, 4.0 of RFC 6350) to and from contacts, after [MS-OXVCARD].

mod names;
mod read;
mod write;

pub use read::{Cards, VcardError, read};
pub use write::write;
