//! Reads of a database in one of its states: values opened, and bounds that ask for nothing kept from it.

use super::backend::Backend;
use super::{
    Direction, Key, KeyRange, KeyValue, Page, Reader, Result, Scanned, Space, Value, damage, seal,
};

/// A snapshot of a database, or its newest durable state.
pub(super) struct At<'a, B: Backend> {
    pub(super) backend: &'a B,
    pub(super) snapshot: Option<&'a B::Snapshot>,
}

impl<B: Backend> Reader for At<'_, B> {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Value>> {
        let sealed = self.backend.get(self.snapshot, space, key)?;
        sealed.map(|sealed| seal::open(space, key, sealed)).transpose()
    }

    fn contains(&self, space: Space, key: &[u8]) -> Result<bool> {
        self.backend.contains(self.snapshot, space, key)
    }

    fn keys(
        &self,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Key>> {
        if range.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        self.backend.keys(self.snapshot, space, range, direction, limit)
    }

    fn scan(
        &self,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<KeyValue>> {
        if range.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        let mut pairs = self.backend.scan(self.snapshot, space, range, direction, limit)?;
        for (key, value) in &mut pairs {
            *value = seal::open(space, key, std::mem::take(value))?;
        }
        Ok(pairs)
    }

    fn scan_page(
        &self,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        room: usize,
        page: &mut Page,
    ) -> Result<bool> {
        if range.is_empty() {
            return Ok(false);
        }
        let from = page.len();
        let more = self.backend.scan_page(self.snapshot, space, range, direction, room, page)?;
        page.open(space, from)?;
        Ok(more)
    }

    fn scan_each(&self, space: Space, range: &KeyRange, limit: usize) -> Result<Vec<Scanned>> {
        if range.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        damage::scan(self.backend, self.snapshot, space, range, limit)
    }

    fn get_unverified(&self, space: Space, key: &[u8]) -> Result<Option<Value>> {
        let sealed = self.backend.get(self.snapshot, space, key)?;
        Ok(sealed.map(|sealed| seal::strip(&sealed)))
    }
}
