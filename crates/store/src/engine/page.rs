use std::ops::ControlFlow;

use super::{Direction, KeyRange, Reader, Result, Space, seal};

/// Pairs of a scan, one behind the other in one piece of memory that the next page takes again: a scan of many
/// small pairs allocates nothing for each.
#[derive(Debug, Default)]
pub struct Page {
    bytes: Vec<u8>,
    pairs: Vec<Pair>,
}

/// Where a pair stands in the bytes.
#[derive(Debug, Clone, Copy)]
struct Pair {
    key: u32,
    value: u32,
    end: u32,
}

/// The most that a page is asked for. With one pair of the largest size more, all places fit their type.
pub(super) const MAX_ROOM: usize = 1 << 30;

impl Page {
    /// Forgets the pairs and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.pairs.clear();
    }

    /// Bytes of keys and values.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// How many pairs there are.
    pub(super) fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Key and value of each pair.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.pairs.iter().map(|pair| self.pair(*pair))
    }

    /// The last pair's key.
    pub fn last_key(&self) -> Option<&[u8]> {
        self.pairs.last().map(|pair| self.pair(*pair).0)
    }

    fn pair(&self, pair: Pair) -> (&[u8], &[u8]) {
        let place = |from: u32, to: u32| &self.bytes[from as usize..to as usize];
        (place(pair.key, pair.value), place(pair.value, pair.end))
    }

    /// Appends a pair.
    pub fn push(&mut self, key: &[u8], value: &[u8]) {
        let from = self.bytes.len();
        self.bytes.extend_from_slice(key);
        let value_at = self.bytes.len();
        self.bytes.extend_from_slice(value);
        let [key, value, end] = [from, value_at, self.bytes.len()].map(|place| place as u32);
        self.pairs.push(Pair { key, value, end });
    }

    /// Appends pairs until they take `room` bytes; whether that many were there.
    pub(super) fn fill<E>(
        &mut self,
        room: usize,
        pairs: impl Iterator<Item = std::result::Result<(impl AsRef<[u8]>, impl AsRef<[u8]>), E>>,
    ) -> std::result::Result<bool, E> {
        let room = room.min(MAX_ROOM);
        for pair in pairs {
            let (key, value) = pair?;
            self.push(key.as_ref(), value.as_ref());
            if self.bytes.len() >= room {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Turns sealed values into plain ones, from a pair on.
    pub(super) fn open(&mut self, space: Space, from: usize) -> Result<()> {
        for at in from..self.pairs.len() {
            let pair = self.pairs[at];
            let (key, sealed) = self.pair(pair);
            let plain = seal::check(space, key, sealed)?.len();
            self.pairs[at].end = pair.value + plain as u32;
        }
        Ok(())
    }
}

/// As [`Reader::visit`] in ascending order, for a visitor that can fail.
pub(crate) fn try_visit<E: From<super::Error>>(
    reader: &dyn Reader,
    space: Space,
    range: &KeyRange,
    mut each: impl FnMut(&[u8], &[u8]) -> std::result::Result<ControlFlow<()>, E>,
) -> std::result::Result<(), E> {
    let mut failure = None;
    reader.visit(space, range, Direction::Forward, &mut |key, value| {
        each(key, value).unwrap_or_else(|error| {
            failure = Some(error);
            ControlFlow::Break(())
        })
    })?;
    failure.map_or(Ok(()), Err)
}
