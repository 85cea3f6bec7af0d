//! A mailbox: the unit of consistency, of writing and of placement.

use mapi::Guid;

use crate::{MailboxNumber, Store};

pub mod changes;
pub mod ids;
pub mod names;
pub mod receive;
pub mod special;
pub mod store_properties;

/// An open mailbox. The functions on it stand in the modules of their subjects: [`crate::folder`],
/// [`crate::message`], [`crate::table`], [`ids`], [`names`], [`receive`], [`store_properties`].
pub struct Mailbox {
    pub(crate) store: Store,
    number: MailboxNumber,
    guid: Guid,
    replica: Guid,
}

impl Mailbox {
    pub fn number(&self) -> MailboxNumber {
        self.number
    }

    /// The mailbox GUID (MailboxId of MAPI/HTTP, PidTagMailboxGuid).
    pub fn guid(&self) -> Guid {
        self.guid
    }

    /// The GUID of the mailbox's own replica: the origin of its ids.
    pub fn replica(&self) -> Guid {
        self.replica
    }

    pub fn store(&self) -> &Store {
        &self.store
    }
}
