//! The mailbox's counter, and replicas ([MS-OXCDATA] 2.2.1).

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use mapi::ids::OWN_REPLICA;
use mapi::{GlobalCounter, Guid, LongTermId, ReplId};

use super::writer;
use crate::engine::{Direction, KeyRange, Reader, Space};
use crate::keys::Kind;
use crate::{Mailbox, Result, StoreError};

/// Other replicas that a mailbox knows at most: each costs memory, and a client can bring new ones.
const MAX_REPLICAS: usize = 4096;
/// Numbers that one call gives out at most.
pub const MAX_ALLOCATION: u32 = 1 << 24;

/// Takes `count` numbers out of the mailbox's counter, for good, and returns the first
/// ([MS-OXCFXICS] 2.2.3.3.5 RopGetLocalReplicaIds).
///
/// Errors: [`StoreError::TooBig`] beyond [`MAX_ALLOCATION`].
pub fn allocate(mailbox: &Mailbox, count: u32) -> Result<GlobalCounter> {
    if count > MAX_ALLOCATION {
        return Err(StoreError::TooBig {
            what: "range of ids",
            size: u64::from(count),
            limit: u64::from(MAX_ALLOCATION),
        });
    }
    writer::write(mailbox, |tx| Ok(GlobalCounter::new(tx.take_numbers(u64::from(count.max(1)))?)))
}

/// The GUID behind a replica's number.
///
/// Errors: [`StoreError::NotFound`].
pub fn replica_guid(mailbox: &Mailbox, replica: ReplId) -> Result<Guid> {
    if replica == OWN_REPLICA {
        return Ok(mailbox.replica());
    }
    with_replicas(mailbox, |replicas| replicas.get(&replica.0).copied())?
        .ok_or(StoreError::NotFound("replica"))
}

/// The number of a replica; a GUID that was not met before gets one.
///
/// Errors: [`StoreError::Quota`] when too many are known.
pub fn replica_id(mailbox: &Mailbox, guid: Guid) -> Result<ReplId> {
    if let Some(known) = known_replica(mailbox, guid)? {
        return Ok(known);
    }
    let id = writer::write(mailbox, |tx| {
        let known = load_replicas(mailbox, tx.reader())?;
        if let Some((id, _)) = known.iter().find(|(_, known)| **known == guid) {
            return Ok(*id);
        }
        if known.len() >= MAX_REPLICAS {
            return Err(StoreError::Quota("replicas"));
        }
        let id = known.keys().next_back().map_or(OWN_REPLICA.0, |last| *last) + 1;
        tx.put(mailbox.key(Kind::Replica, &[&id.to_be_bytes()]), guid.0);
        Ok(id)
    })?;
    if let Some(known) = &mut *mailbox.replicas.write() {
        known.insert(id, guid);
    }
    Ok(ReplId(id))
}

/// The number of a replica that was met before.
pub fn known_replica(mailbox: &Mailbox, guid: Guid) -> Result<Option<ReplId>> {
    if guid == mailbox.replica() {
        return Ok(Some(OWN_REPLICA));
    }
    with_replicas(mailbox, |replicas| {
        replicas.iter().find(|(_, known)| **known == guid).map(|(id, _)| ReplId(*id))
    })
}

/// A FID or MID as a LongTermID ([MS-OXCSTOR] 2.2.1.8).
///
/// Errors: [`StoreError::NotFound`] for an unknown replica.
pub fn to_long_term(
    mailbox: &Mailbox,
    replica: ReplId,
    counter: GlobalCounter,
) -> Result<LongTermId> {
    Ok(LongTermId::new(replica_guid(mailbox, replica)?, counter))
}

/// The replica and counter of a FID or MID ([MS-OXCSTOR] 2.2.1.9).
///
/// Errors: [`StoreError::NotFound`] for a replica that the mailbox never met.
pub fn from_long_term(mailbox: &Mailbox, id: &LongTermId) -> Result<(ReplId, GlobalCounter)> {
    let replica = known_replica(mailbox, id.replica)?.ok_or(StoreError::NotFound("replica"))?;
    Ok((replica, id.counter))
}

/// Every replica that the mailbox knows, its own first.
pub(crate) fn mapping(mailbox: &Mailbox) -> Result<Vec<(u16, Guid)>> {
    let own = (OWN_REPLICA.0, mailbox.replica());
    with_replicas(mailbox, |others| {
        std::iter::once(own).chain(others.iter().map(|(id, guid)| (*id, *guid))).collect()
    })
}

fn with_replicas<T>(mailbox: &Mailbox, ask: impl FnOnce(&BTreeMap<u16, Guid>) -> T) -> Result<T> {
    if let Some(replicas) = &*mailbox.replicas.read() {
        return Ok(ask(replicas));
    }
    let mut slot = mailbox.replicas.write();
    let replicas = match slot.take() {
        Some(replicas) => replicas,
        None => load_replicas(mailbox, mailbox.reader())?,
    };
    Ok(ask(slot.insert(replicas)))
}

fn load_replicas(mailbox: &Mailbox, reader: &dyn Reader) -> Result<BTreeMap<u16, Guid>> {
    let prefix = mailbox.key(Kind::Replica, &[]);
    let mut replicas = BTreeMap::new();
    reader.visit(
        Space::Mailbox,
        &KeyRange::prefix(prefix),
        Direction::Forward,
        &mut |key, value| {
            let id = key.get(9..11).map(|b| u16::from_be_bytes([b[0], b[1]]));
            let guid = <[u8; 16]>::try_from(value).ok();
            if let (Some(id), Some(guid)) = (id, guid) {
                replicas.insert(id, Guid(guid));
            }
            ControlFlow::Continue(())
        },
    )?;
    Ok(replicas)
}
