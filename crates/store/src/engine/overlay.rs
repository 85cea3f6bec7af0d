//! A batch that is being built, laid over the state that it is built on.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::pending::merge;
use super::{Batch, Direction, KeyRange, KeyValue, Reader, Result, Space, Value};

/// Reads as if the batch had been committed.
pub(crate) struct Overlay<'a> {
    below: &'a dyn Reader,
    /// The last write of each key; a delete has no value.
    writes: BTreeMap<(Space, &'a [u8]), Option<&'a [u8]>>,
}

impl<'a> Overlay<'a> {
    pub(crate) fn new(below: &'a dyn Reader, batch: &'a Batch) -> Overlay<'a> {
        let writes = batch.writes.iter();
        let writes = writes.map(|w| ((w.space, &w.key[..]), w.value.as_deref())).collect();
        Overlay { below, writes }
    }
}

impl Reader for Overlay<'_> {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Value>> {
        match self.writes.get(&(space, key)) {
            Some(written) => Ok(written.map(Value::copy_from_slice)),
            None => self.below.get(space, key),
        }
    }

    fn scan(
        &self,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<KeyValue>> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let to = match &range.to {
            Some(to) => Bound::Excluded((space, &to[..])),
            None => Bound::Unbounded,
        };
        let written: Vec<_> = self
            .writes
            .range((Bound::Included((space, &range.from[..])), to))
            .take_while(|((of, _), _)| *of == space)
            .map(|((_, key), value)| {
                (Value::copy_from_slice(key), value.map(Value::copy_from_slice))
            })
            .collect();
        let asked = limit.saturating_add(written.len());
        let below = self.below.scan(space, range, direction, asked)?;
        Ok(merge(below, written, direction, limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Engine, MemoryEngine};

    #[test]
    fn a_batch_is_read_over_what_is_below_it() {
        let engine = MemoryEngine::new();
        let mut below = Batch::new();
        for key in [b"a", b"b", b"d"] {
            below.put(Space::Mailbox, *key, *b"below");
        }
        below.put(Space::Queue, *b"b", *b"other");
        assert!(engine.commit(below).unwrap().is_committed());
        let mut batch = Batch::new();
        batch.put(Space::Mailbox, *b"b", *b"first");
        batch.put(Space::Mailbox, *b"b", *b"last");
        batch.put(Space::Mailbox, *b"c", *b"new");
        batch.delete(Space::Mailbox, *b"d");
        let over = Overlay::new(&engine, &batch);
        let get = |space, key: &[u8]| over.get(space, key).unwrap().map(|v| v.to_vec());
        assert_eq!(get(Space::Mailbox, b"a"), Some(b"below".to_vec()));
        assert_eq!(get(Space::Mailbox, b"b"), Some(b"last".to_vec()));
        assert_eq!(get(Space::Mailbox, b"d"), None);
        assert_eq!(get(Space::Queue, b"b"), Some(b"other".to_vec()));
        let keys = |direction, limit| {
            let all = over.scan(Space::Mailbox, &KeyRange::all(), direction, limit).unwrap();
            all.iter().map(|(key, _)| key[0] as char).collect::<String>()
        };
        assert_eq!(keys(Direction::Forward, 9), "abc");
        assert_eq!(keys(Direction::Reverse, 2), "cb");
        assert_eq!(keys(Direction::Forward, 1), "a");
    }
}
