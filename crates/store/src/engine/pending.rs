//! Writes of batches that are enqueued and not yet durable.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Bound;

use super::{Direction, Key, KeyRange, Space, Value};

/// The writes of a key, oldest first, each with the number of its batch.
type Queued = Vec<(u64, Option<Value>)>;

/// The writes on their way, by space and key.
#[derive(Default)]
pub(super) struct Pending {
    spaces: [BTreeMap<Key, Queued>; Space::ALL.len()],
}

/// The newest pending writes in a range, in ascending order; a delete has no value.
pub(super) type PendingRange = Vec<(Key, Option<Value>)>;

impl Pending {
    pub(super) fn add(&mut self, number: u64, space: Space, key: Key, value: Option<Value>) {
        let writes = self.spaces[space as usize].entry(key).or_default();
        writes.push((number, value));
    }

    /// Forgets one batch's write.
    pub(super) fn remove(&mut self, number: u64, space: Space, key: &Key) {
        if let Entry::Occupied(mut entry) = self.spaces[space as usize].entry(key.clone()) {
            entry.get_mut().retain(|(other, _)| *other != number);
            if entry.get().is_empty() {
                entry.remove();
            }
        }
    }

    /// The newest write of a key, if one is on its way.
    pub(super) fn get(&self, space: Space, key: &[u8]) -> Option<Option<Value>> {
        let (_, value) = self.spaces[space as usize].get(key)?.last()?;
        Some(value.clone())
    }

    pub(super) fn range(&self, space: Space, range: &KeyRange) -> PendingRange {
        if range.is_empty() {
            return Vec::new();
        }
        let to = match &range.to {
            Some(to) => Bound::Excluded(&to[..]),
            None => Bound::Unbounded,
        };
        self.spaces[space as usize]
            .range::<[u8], _>((Bound::Included(&range.from[..]), to))
            .filter_map(|(key, writes)| Some((key.clone(), writes.last()?.1.clone())))
            .collect()
    }
}

/// Lays pending writes over what a scan of the durable state gave. The scan must have been asked
/// for `limit` pairs and one more for each pending write in its range.
pub(super) fn merge<V>(
    durable: Vec<(Key, V)>,
    pending: Vec<(Key, Option<V>)>,
    direction: Direction,
    limit: usize,
) -> Vec<(Key, V)> {
    let mut merged: BTreeMap<Key, Option<V>> =
        durable.into_iter().map(|(key, value)| (key, Some(value))).collect();
    merged.extend(pending);
    let present = merged.into_iter().filter_map(|(key, value)| Some((key, value?)));
    match direction {
        Direction::Forward => present.take(limit).collect(),
        Direction::Reverse => present.rev().take(limit).collect(),
    }
}
