//! The mailbox's counter, and replicas ([MS-OXCDATA] 2.2.1).

use mapi::{GlobalCounter, Guid, LongTermId, ReplId};

use crate::{Mailbox, Result, StoreError};

/// Takes `count` numbers out of the mailbox's counter, for good, and returns the first
/// ([MS-OXCFXICS] 2.2.3.3.5 RopGetLocalReplicaIds).
pub fn allocate(_mailbox: &Mailbox, _count: u32) -> Result<GlobalCounter> {
    Err(StoreError::NotImplemented("ids::allocate"))
}

/// The GUID behind a replica's number.
pub fn replica_guid(_mailbox: &Mailbox, _replica: ReplId) -> Result<Guid> {
    Err(StoreError::NotImplemented("ids::replica_guid"))
}

/// The number of a replica; a GUID that was not met before gets one.
pub fn replica_id(_mailbox: &Mailbox, _guid: Guid) -> Result<ReplId> {
    Err(StoreError::NotImplemented("ids::replica_id"))
}

/// A FID or MID as a LongTermID ([MS-OXCSTOR] 2.2.1.8).
pub fn to_long_term(
    _mailbox: &Mailbox,
    _replica: ReplId,
    _counter: GlobalCounter,
) -> Result<LongTermId> {
    Err(StoreError::NotImplemented("ids::to_long_term"))
}

/// The replica and counter of a FID or MID ([MS-OXCSTOR] 2.2.1.9).
pub fn from_long_term(_mailbox: &Mailbox, _id: &LongTermId) -> Result<(ReplId, GlobalCounter)> {
    Err(StoreError::NotImplemented("ids::from_long_term"))
}
