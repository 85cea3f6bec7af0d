//! The information store: mailboxes, folders, messages, tables, change tracking, directory.
//!
//! It knows no ROP, no socket and no MIME header. The way in: [`Store`] opens a data directory;
//! [`Store::mailbox`] gives a [`Mailbox`]; the functions on it stand in modules by subject.

pub mod backup;
pub mod blob;
pub mod check;
pub mod delivery;
pub mod directory;
pub mod engine;
pub mod folder;
pub mod mailbox;
pub mod manifest;
pub mod message;
pub mod notify;
pub mod outbound;
pub mod permission;
pub mod pool;
pub mod quota;
pub mod recover;
pub mod retention;
pub mod rule;
pub mod search;
pub mod table;
pub mod text;

mod error;
mod gauge;
mod jobs;
mod keys;
mod large;
mod migrate;
#[doc(hidden)]
pub mod oracle;
mod record;
mod staging;
mod store;
mod value;

pub use blob::{Meter, Metered};
pub use directory::{Account, AccountId, Grants, NewAccount, Sending};
pub use engine::MailboxNumber;
pub use error::{Result, StoreError};
pub use mailbox::Mailbox;
pub use mailbox::special::{PublicFolder, SpecialFolder};
pub use staging::{StagedValue, Staging};
pub use store::{Clock, Store, StoreGauges, StoreOptions};
pub use value::{INLINE_LIMIT, LargeValue, Properties, Value};
