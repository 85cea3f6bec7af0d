//! The mailbox's map of named properties: append-only, bounded, ids never reused.

use mapi::PropertyName;

use crate::{Mailbox, Result, StoreError};

/// The ids of names, in their order. An unknown name gets an id if `create`, else None
/// ([MS-OXCPRPT] 2.2.13 RopGetPropertyIdsFromNames).
///
/// Errors: [`StoreError::Quota`] when all ids are given out.
pub fn ids_of(
    _mailbox: &Mailbox,
    _names: &[PropertyName],
    _create: bool,
) -> Result<Vec<Option<u16>>> {
    Err(StoreError::NotImplemented("names::ids_of"))
}

/// The names of ids from 0x8000 on, in their order. An id below 0x8000 has the name PS_MAPI with
/// itself as LID ([MS-OXCPRPT] 3.2.5.9).
pub fn names_of(_mailbox: &Mailbox, _ids: &[u16]) -> Result<Vec<Option<PropertyName>>> {
    Err(StoreError::NotImplemented("names::names_of"))
}

/// The whole map, by id.
pub fn all(_mailbox: &Mailbox) -> Result<Vec<(u16, PropertyName)>> {
    Err(StoreError::NotImplemented("names::all"))
}
