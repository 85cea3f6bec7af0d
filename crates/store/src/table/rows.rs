//! The rows of a view in their order: sort keys and ids, packed.

use std::cmp::Ordering;

/// A row: the bytes of its sort columns, and its FID or MID as an ordered number. 32 bytes and what a
/// long key needs.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    key: Key,
    pub(crate) id: u64,
}

/// Bytes of a key that need no memory of their own: two numbers or times fit.
const INLINE: usize = 21;

/// Beside the bytes, whether the message is not read, where categories ask for it.
#[derive(Debug, Clone)]
enum Key {
    Inline(bool, u8, [u8; INLINE]),
    Heap(bool, Box<[u8]>),
}

impl Entry {
    pub(crate) fn new(key: &[u8], id: u64) -> Entry {
        let key = match key.len() <= INLINE {
            true => {
                let mut bytes = [0; INLINE];
                bytes[..key.len()].copy_from_slice(key);
                Key::Inline(false, key.len() as u8, bytes)
            }
            false => Key::Heap(false, key.into()),
        };
        Entry { key, id }
    }

    pub(crate) fn with_unread(mut self, is: bool) -> Entry {
        let (Key::Inline(unread, ..) | Key::Heap(unread, _)) = &mut self.key;
        *unread = is;
        self
    }

    pub(crate) fn is_unread(&self) -> bool {
        let (Key::Inline(unread, ..) | Key::Heap(unread, _)) = self.key;
        unread
    }

    pub(crate) fn key(&self) -> &[u8] {
        match &self.key {
            Key::Inline(_, len, bytes) => &bytes[..usize::from(*len)],
            Key::Heap(_, bytes) => bytes,
        }
    }

    fn heap_bytes(&self) -> usize {
        match &self.key {
            Key::Inline(..) => 0,
            Key::Heap(_, bytes) => bytes.len(),
        }
    }

    /// The order of the keys, then that of the ids.
    fn order(&self, other: &Entry) -> Ordering {
        let keys = match (&self.key, &other.key) {
            (Key::Inline(_, len, bytes), Key::Inline(_, other_len, other)) => {
                // INVARIANT: what is behind an inline key is zero, so the bytes in words, then the lengths,
                // are the order of the keys.
                words(bytes).cmp(&words(other)).then(len.cmp(other_len))
            }
            _ => self.key().cmp(other.key()),
        };
        keys.then(self.id.cmp(&other.id))
    }
}

/// Inline bytes as numbers that sort like them.
fn words(bytes: &[u8; INLINE]) -> (u64, u64, u64) {
    let word = |at: usize| {
        let mut word = [0; 8];
        let part = &bytes[at..INLINE.min(at + 8)];
        word[..part.len()].copy_from_slice(part);
        u64::from_be_bytes(word)
    };
    (word(0), word(8), word(16))
}

/// Whether it is read does not matter: it is the same row.
impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.order(other).is_eq()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order(other)
    }
}

/// Bytes that rows hold.
pub(crate) fn held(rows: &Vec<Entry>) -> u64 {
    let heap: usize = rows.iter().map(Entry::heap_bytes).sum();
    (rows.capacity() * size_of::<Entry>() + heap) as u64
}

/// Takes the rows of some ids out, and puts others in. `ids` and `new` are sorted.
pub(crate) fn apply(rows: &mut Vec<Entry>, ids: &[u64], new: Vec<Entry>) {
    if let (Some(first), Some(last)) = (ids.first(), ids.last()) {
        let span = *first..=*last;
        rows.retain(|row| !span.contains(&row.id) || ids.binary_search(&row.id).is_err());
    }
    // Each single insert moves the rows behind it; beyond a few, moving all of them once is less.
    if new.len() <= 4 {
        for row in new {
            let at = rows.partition_point(|other| *other < row);
            rows.insert(at, row);
        }
        return;
    }
    let mut merged = Vec::with_capacity(rows.len() + new.len());
    let mut new = new.into_iter().peekable();
    for row in rows.drain(..) {
        while let Some(before) = new.next_if(|other| *other < row) {
            merged.push(before);
        }
        merged.push(row);
    }
    merged.extend(new);
    *rows = merged;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_sort_like_their_keys() {
        let keys: Vec<Vec<u8>> = (0..3000u32)
            .map(|n| {
                let hash = n.wrapping_mul(0x9e37_79b1).to_be_bytes();
                let long = [&[0, 1, 0xff, 0][..], &hash].concat().repeat(4);
                long[..(n % 27) as usize].iter().map(|byte| byte & (n % 3) as u8).collect()
            })
            .collect();
        for (a, b) in keys.iter().zip(keys.iter().rev()) {
            let (left, right) = (Entry::new(a, 1), Entry::new(b, 2));
            assert_eq!(left.cmp(&right), (a, 1).cmp(&(b, 2)), "{a:?} {b:?}");
        }
    }

    #[test]
    fn rows_stay_sorted_and_packed() {
        assert_eq!(size_of::<Entry>(), 32);
        let row = |n: u64| {
            Entry::new(format!("{:0width$}", n % 7, width = 20 + n as usize % 5).as_bytes(), n)
        };
        let mut rows: Vec<Entry> = (0..100).map(row).collect();
        rows.sort_unstable();
        for (gone, new) in [(0..10u64, 100..102u64), (5..60, 102..140), (0..0, 140..141)] {
            let ids: Vec<u64> = gone.collect();
            let mut added: Vec<Entry> = new.map(row).collect();
            added.sort_unstable();
            let mut expected: Vec<Entry> = rows
                .iter()
                .filter(|row| !ids.contains(&row.id))
                .cloned()
                .chain(added.clone())
                .collect();
            expected.sort_unstable();
            apply(&mut rows, &ids, added);
            assert_eq!(rows, expected);
        }
        assert!(held(&rows) >= rows.len() as u64 * 32);
    }
}
