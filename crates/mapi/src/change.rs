//! Change keys: XIDs and lists of the changes that went into an object ([MS-OXCFXICS] 2.2.2.2 and 2.2.2.3).

use std::collections::BTreeMap;

use crate::guid::Guid;
use crate::ids::{GlobalCounter, LongTermId};
use crate::wire::{Reader, Wire, WireError};

/// The longest local id of an XID, in bytes ([MS-OXCFXICS] 2.2.2.2 R157).
pub const MAX_LOCAL_ID: usize = 8;

/// An XID: a namespace, and an id in it of one to eight bytes. Its size is told by what it stands in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Xid {
    pub namespace: Guid,
    /// One to eight bytes, the most significant first.
    pub local_id: Vec<u8>,
}

impl Xid {
    /// The XID of a GID: a replica's GUID and a counter ([MS-OXCDATA] 2.2.1.3).
    pub fn from_gid(replica: Guid, counter: GlobalCounter) -> Self {
        Xid { namespace: replica, local_id: counter.to_bytes().to_vec() }
    }

    /// The GID, if the local id has the size of a counter.
    pub fn to_gid(&self) -> Option<LongTermId> {
        let counter = self.local_id.as_slice().try_into().ok()?;
        Some(LongTermId::new(self.namespace, GlobalCounter::from_bytes(counter)))
    }
}

/// The XID fills what is left, as in the value of PidTagChangeKey or PidTagSourceKey.
impl Wire for Xid {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let namespace = Guid::read(r)?;
        let size = r.remaining();
        if !(1..=MAX_LOCAL_ID).contains(&size) {
            return Err(r.bad("a local id of one to eight bytes", size as u64, 0));
        }
        Ok(Xid { namespace, local_id: r.rest().to_vec() })
    }

    fn write(&self, w: &mut Vec<u8>) {
        self.namespace.write(w);
        w.extend_from_slice(&self.local_id);
    }
}

/// How two versions of an object relate, by their predecessor change lists ([MS-OXCFXICS] 3.1.5.6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Succession {
    Equal,
    /// The left list has every change of the right one, and more.
    Newer,
    /// The right list has every change of the left one, and more.
    Older,
    /// Each has a change that the other lacks.
    Conflict,
}

/// A PredecessorChangeList: the newest change of each namespace that went into an object
/// ([MS-OXCFXICS] 2.2.2.3). On the wire sorted by namespace, each XID behind its size in one byte.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChangeList {
    // INVARIANT: local ids have one to eight bytes.
    changes: BTreeMap<Guid, Vec<u8>>,
}

impl ChangeList {
    pub fn new(change: Xid) -> Self {
        let mut list = ChangeList::default();
        list.add(change);
        list
    }

    /// Adds a change; of two in one namespace the newer stays. An XID whose local id has no valid size
    /// adds nothing.
    pub fn add(&mut self, change: Xid) {
        if !(1..=MAX_LOCAL_ID).contains(&change.local_id.len()) {
            return;
        }
        match self.changes.get_mut(&change.namespace) {
            Some(known) if number(known) >= number(&change.local_id) => {}
            Some(known) => *known = change.local_id,
            None => {
                self.changes.insert(change.namespace, change.local_id);
            }
        }
    }

    /// Takes over every change of the other list ([MS-OXCFXICS] 3.1.5.6.2).
    pub fn merge(&mut self, other: &ChangeList) {
        other.iter().for_each(|change| self.add(change));
    }

    /// Whether this list has the change, or a later one of the same namespace.
    pub fn includes_change(&self, change: &Xid) -> bool {
        self.changes
            .get(&change.namespace)
            .is_some_and(|known| number(known) >= number(&change.local_id))
    }

    /// Whether this list has every change of the other ([MS-OXCFXICS] 3.1.5.6.1 R1788).
    pub fn includes(&self, other: &ChangeList) -> bool {
        other.iter().all(|change| self.includes_change(&change))
    }

    /// How a version with this list relates to one with the other.
    pub fn compare(&self, other: &ChangeList) -> Succession {
        match (self.includes(other), other.includes(self)) {
            (true, true) => Succession::Equal,
            (true, false) => Succession::Newer,
            (false, true) => Succession::Older,
            (false, false) => Succession::Conflict,
        }
    }

    /// The changes, sorted by namespace.
    pub fn iter(&self) -> impl Iterator<Item = Xid> + '_ {
        self.changes
            .iter()
            .map(|(namespace, local_id)| Xid { namespace: *namespace, local_id: local_id.clone() })
    }

    pub fn len(&self) -> usize {
        self.changes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// A local id as a number: ids of one namespace have one length, so this is their order.
fn number(local_id: &[u8]) -> u64 {
    local_id.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The list fills what is left, as in the value of PidTagPredecessorChangeList.
impl Wire for ChangeList {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut list = ChangeList::default();
        while !r.is_empty() {
            let size = usize::from(u8::read(r)?);
            list.add(Xid::read(&mut r.sub(size, "an XID as long as its size says")?)?);
        }
        Ok(list)
    }

    fn write(&self, w: &mut Vec<u8>) {
        for (namespace, local_id) in &self.changes {
            w.push((16 + local_id.len()) as u8);
            namespace.write(w);
            w.extend_from_slice(local_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xid(namespace: u8, counter: u64) -> Xid {
        Xid::from_gid(Guid([namespace; 16]), GlobalCounter::new(counter))
    }

    /// MS-OXCFXICS R169: sorted by namespace, each XID behind its size.
    #[test]
    fn lists_are_sorted_and_sized() {
        let mut list = ChangeList::new(xid(2, 7));
        list.add(xid(1, 0x102));
        let bytes = list.to_wire();
        assert_eq!(bytes[0], 22);
        assert_eq!(bytes[17..23], [0, 0, 0, 0, 1, 2]);
        assert_eq!(ChangeList::from_wire(&bytes), Ok(list));
    }

    /// MS-OXCFXICS R1788 (includes), R1791 to R1793 (which version wins), R1809 and R1810 (merge).
    #[test]
    fn succession_of_versions() {
        let base = ChangeList::new(xid(1, 5));
        let mut newer = base.clone();
        newer.add(xid(2, 1));
        assert_eq!(base.compare(&base), Succession::Equal);
        assert_eq!(newer.compare(&base), Succession::Newer);
        assert_eq!(base.compare(&newer), Succession::Older);
        let other = ChangeList::new(xid(1, 6));
        assert_eq!(other.compare(&newer), Succession::Conflict);
        let mut merged = other.clone();
        merged.merge(&newer);
        assert!(merged.includes(&other) && merged.includes(&newer));
        assert_eq!(merged.len(), 2);
    }

    #[test]
    fn an_older_change_does_not_replace_a_newer_one() {
        let mut list = ChangeList::new(xid(1, 5));
        list.add(xid(1, 4));
        assert!(list.includes_change(&xid(1, 5)));
        assert!(!list.includes_change(&xid(1, 6)));
    }

    /// MS-OXCFXICS R157.
    #[test]
    fn an_xid_needs_a_local_id() {
        assert!(Xid::from_wire(&[0; 16]).is_err());
        assert!(Xid::from_wire(&[0; 25]).is_err());
        assert_eq!(Xid::from_wire(&[0; 22]).map(|xid| xid.to_gid().is_some()), Ok(true));
    }
}
