//! Walks over ranges of a snapshot in pages of bounded size, through damage.

use std::collections::VecDeque;

use crate::Result;
use crate::engine::{Key, KeyRange, Reader, Scanned, Space};

/// Bytes of values beyond which the next page is short.
const PAGE_BYTES: usize = 256 * 1024;
const SHORT: usize = 16;
const LONG: usize = 512;

/// The pairs of a range, in their order.
pub(super) struct Cursor<'a> {
    reader: &'a dyn Reader,
    space: Space,
    rest: KeyRange,
    page: VecDeque<Scanned>,
    limit: usize,
    done: bool,
    /// Pairs given out.
    pub(super) read: u64,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(reader: &'a dyn Reader, space: Space, range: KeyRange) -> Cursor<'a> {
        Cursor {
            reader,
            space,
            rest: range,
            page: VecDeque::new(),
            limit: SHORT,
            done: false,
            read: 0,
        }
    }

    pub(super) fn peek(&mut self) -> Result<Option<&Scanned>> {
        if self.page.is_empty() && !self.done {
            let page = self.reader.scan_each(self.space, &self.rest, self.limit)?;
            self.done = page.len() < self.limit;
            let bytes: usize = page
                .iter()
                .map(|(key, value)| key.len() + value.as_ref().map_or(0, |v| v.len()))
                .sum();
            self.limit = if bytes > PAGE_BYTES { SHORT } else { LONG };
            if let Some((last, _)) = page.last() {
                self.rest = self.rest.beyond(last, crate::engine::Direction::Forward);
            }
            self.page = page.into();
        }
        Ok(self.page.front())
    }

    pub(super) fn next(&mut self) -> Result<Option<Scanned>> {
        self.peek()?;
        let next = self.page.pop_front();
        self.read += u64::from(next.is_some());
        Ok(next)
    }

    /// The next pair, if `wanted` says so of its key.
    pub(super) fn next_if(&mut self, wanted: impl Fn(&[u8]) -> bool) -> Result<Option<Scanned>> {
        match self.peek()? {
            Some((key, _)) if wanted(key) => self.next(),
            _ => Ok(None),
        }
    }
}

/// All pairs of a range that holds few, such as the nodes of a message.
pub(super) fn collect(reader: &dyn Reader, space: Space, range: KeyRange) -> Result<Vec<Scanned>> {
    let mut cursor = Cursor::new(reader, space, range);
    let mut pairs = Vec::new();
    while let Some(pair) = cursor.next()? {
        pairs.push(pair);
    }
    Ok(pairs)
}

/// Calls `each` for the keys of a range.
pub(super) fn each_key(
    reader: &dyn Reader,
    space: Space,
    mut range: KeyRange,
    mut each: impl FnMut(Key) -> Result<()>,
) -> Result<()> {
    loop {
        // Values that cannot be read have keys that can.
        let page = match reader.keys(space, &range, crate::engine::Direction::Forward, LONG) {
            Ok(page) => page,
            Err(crate::engine::Error::Corrupt { .. }) => {
                let page = reader.scan_each(space, &range, LONG)?;
                page.into_iter().map(|(key, _)| key).collect()
            }
            Err(error) => return Err(error.into()),
        };
        let full = page.len() >= LONG;
        let Some(last) = page.last() else { return Ok(()) };
        range = range.beyond(last, crate::engine::Direction::Forward);
        page.into_iter().try_for_each(&mut each)?;
        if !full {
            return Ok(());
        }
    }
}
