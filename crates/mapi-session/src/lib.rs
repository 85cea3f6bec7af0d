//! A MAPI session for programs, in MAPI's own terms: [`Session`] -> [`MsgStore`] -> [`Folder`] ->
//! [`Message`], with [`Table`], [`Attachment`] and [`Stream`], over a store in this process
//! ([`Loopback`]) or a server ([`Http`]).
//!
//! ```
//! # #[cfg(feature = "loopback")] {
//! use mapi::tags;
//! use mapi_session::{MapiProp, Profile, Session};
//!
//! let session = Session::logon(Profile::in_memory("me@example.test")?)?;
//! let inbox = session.open_default_msg_store()?.inbox()?;
//! let message = inbox.create_message()?;
//! message.set(tags::SUBJECT, "Hello, MAPI")?;
//! message.save()?;
//! for row in inbox.contents_table()?.rows() {
//!     println!("{}", row?.text(tags::SUBJECT).unwrap_or_default());
//! }
//! # }
//! # Ok::<(), mapi_session::Error>(())
//! ```
//!
//! For a server, the profile is another, and nothing else changes:
//!
//! ```no_run
//! # #[cfg(feature = "http-client")] {
//! use mapi_session::{Profile, Session};
//!
//! let profile = Profile::http("http://127.0.0.1:8480", "me@example.test", "the password")?;
//! let session = Session::logon(profile)?;
//! # }
//! # Ok::<(), mapi_session::Error>(())
//! ```
//!
//! Everything is synchronous and can be used from many threads. Everything is released by Drop, in any
//! order, and `close` or `logoff` do it at once and say whether it worked (docs/q237174.md).

mod attachment;
mod categories;
mod connection;
mod emptying;
mod entry_ids;
mod error;
mod folder;
mod folder_lists;
#[cfg(feature = "http-client")]
mod http;
#[cfg(feature = "loopback")]
mod loopback;
mod message;
mod notification;
mod object;
mod profile;
mod props;
mod provider;
mod public;
mod recipient;
mod releases;
mod row;
mod session;
mod store;
mod stream;
mod table;

pub use attachment::Attachment;
pub use categories::TableBookmark;
pub use emptying::Progress;
pub use error::{Error, Result};
pub use folder::Folder;
pub use folder_lists::{PERMISSION_COLUMNS, RULE_COLUMNS};
#[cfg(feature = "http-client")]
pub use http::{Fuse, Http, Limits};
#[cfg(feature = "loopback")]
pub use loopback::Loopback;
pub use mapi_rop::logon::SpecialFolder;
pub use message::Message;
pub use notification::{Event, EventKinds, Place, Scope, Subscription};
pub use object::live_objects;
pub use profile::Profile;
pub use props::MapiProp;
pub use provider::{Connected, MessageStoreProvider, Transport, Waiter};
pub use public::PublicStore;
pub use recipient::{NewRecipient, Recipient, RecipientKind};
pub use row::Row;
pub use session::{MSG_STORES_COLUMNS, OpenFlags, Session};
pub use store::{Entry, MsgStore};
pub use stream::Stream;
pub use table::{ATTACHMENT_COLUMNS, CONTENTS_COLUMNS, HIERARCHY_COLUMNS, Origin, Rows, Table};
