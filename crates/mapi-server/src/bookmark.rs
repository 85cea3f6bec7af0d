//! Custom bookmarks of a table ([MS-OXCTABL] 2.2.2.1.2). A bookmark names a row, as the cursor does, and no
//! position: rows that come and go before it do not move it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::object::Cursor;

/// Bookmarks that a table has at most.
pub const MAX_BOOKMARKS: usize = 1_000;

/// The bookmarks of one table.
#[derive(Debug, Default)]
pub struct Bookmarks {
    rows: BTreeMap<Number, Cursor>,
    /// Of what they point to.
    bytes: u64,
}

/// What stands in a bookmark: a number that no other bookmark of the process has or had, so that one that was
/// freed, or that another table made, is never taken for a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Number(u64);

impl Number {
    fn next() -> Number {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Number(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    fn of(bookmark: &[u8]) -> Option<Number> {
        bookmark.try_into().ok().map(|bytes| Number(u64::from_le_bytes(bytes)))
    }
}

impl Bookmarks {
    /// Bytes of memory that they hold.
    pub fn held(&self) -> u64 {
        self.bytes
    }

    /// Bytes that one more would hold.
    pub fn cost(at: &Cursor) -> u64 {
        /// The node of a tree, and the row's name without its sort key.
        const NODE: u64 = 96;
        match at {
            Cursor::Row(key) => NODE + key.held() as u64,
            Cursor::Beginning | Cursor::Attachment(_) | Cursor::At(_) | Cursor::End => NODE,
        }
    }

    /// Makes one; None if there are too many.
    pub fn create(&mut self, at: Cursor) -> Option<Vec<u8>> {
        if self.rows.len() >= MAX_BOOKMARKS {
            return None;
        }
        let number = Number::next();
        self.bytes += Self::cost(&at);
        self.rows.insert(number, at);
        Some(number.0.to_le_bytes().to_vec())
    }

    /// A bookmark that points nowhere, in any table and for ever.
    pub fn invalid() -> Vec<u8> {
        Number::next().0.to_le_bytes().to_vec()
    }

    /// Where it points to; None if there is no such bookmark, or none any more.
    pub fn get(&self, bookmark: &[u8]) -> Option<&Cursor> {
        self.rows.get(&Number::of(bookmark)?)
    }

    /// Frees one; false if there is none such.
    pub fn free(&mut self, bookmark: &[u8]) -> bool {
        let gone = Number::of(bookmark).and_then(|number| self.rows.remove(&number));
        self.bytes -= gone.as_ref().map_or(0, Self::cost);
        gone.is_some()
    }

    pub fn clear(&mut self) {
        *self = Bookmarks::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bookmark_is_never_taken_for_another() {
        let (mut one, mut other) = (Bookmarks::default(), Bookmarks::default());
        let first = one.create(Cursor::End).expect("room");
        assert_eq!(one.get(&first), Some(&Cursor::End));
        assert_eq!(other.get(&first), None);
        let second = other.create(Cursor::Attachment(3)).expect("room");
        assert_ne!(first, second);
        assert!(one.held() > 0);
        assert!(one.free(&first));
        assert!(!one.free(&first));
        assert_eq!((one.get(&first), one.held()), (None, 0));
        assert_ne!(one.create(Cursor::End), Some(first));
        assert!(!other.free(&second[1..]));
        other.clear();
        assert_eq!((other.get(&second), other.held()), (None, 0));
    }

    #[test]
    fn there_is_a_bound() {
        let mut bookmarks = Bookmarks::default();
        let made = (0..MAX_BOOKMARKS + 5).filter_map(|_| bookmarks.create(Cursor::End)).count();
        assert_eq!(made, MAX_BOOKMARKS);
    }
}
