//! What an entry id of a session points at.

use mapi::entry_id::{EntryId, StoreEntryId};

use crate::{Error, Result};

/// The mailbox that a store's entry id names: its server and its distinguished name.
pub(crate) fn mailbox_of(entry_id: &[u8]) -> Result<(StoreEntryId, String)> {
    let EntryId::Store(store) = EntryId::parse(entry_id) else {
        return Err(Error::InvalidArgument("the entry id is not that of a message store"));
    };
    let dn = store.mailbox_dn().and_then(|dn| String::from_utf8(dn.0).ok());
    match dn {
        Some(dn) if dn.is_ascii() => Ok((store, dn)),
        _ => Err(Error::InvalidArgument("the store's entry id names no mailbox")),
    }
}
