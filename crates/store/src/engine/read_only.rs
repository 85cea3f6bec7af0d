//! An engine over something that can only be read, such as a backup.

use std::sync::Arc;

use super::{
    Basis, Batch, Direction, Engine, Epoch, Error, Gauges, Key, KeyRange, KeyValue, MailboxNumber,
    Reader, Result, Space, Ticket, Value,
};

/// Reads as its reader does, and answers [`Error::ReadOnly`] to every write. What is read must not change.
pub struct ReadOnly<R>(Arc<R>);

impl<R: Reader + Send + Sync + 'static> ReadOnly<R> {
    pub fn new(reader: Arc<R>) -> ReadOnly<R> {
        ReadOnly(reader)
    }
}

impl<R: Reader> Reader for ReadOnly<R> {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Value>> {
        self.0.get(space, key)
    }

    fn contains(&self, space: Space, key: &[u8]) -> Result<bool> {
        self.0.contains(space, key)
    }

    fn keys(
        &self,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Key>> {
        self.0.keys(space, range, direction, limit)
    }

    fn scan(
        &self,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<KeyValue>> {
        self.0.scan(space, range, direction, limit)
    }
}

impl<R: Reader + Send + Sync + 'static> Engine for ReadOnly<R> {
    fn snapshot(&self) -> Result<Box<dyn Reader + Send + Sync>> {
        Ok(Box::new(ReadOnly(self.0.clone())))
    }

    fn latest(&self) -> Box<dyn Reader + '_> {
        Box::new(ReadOnly(self.0.clone()))
    }

    fn basis(&self) -> Basis {
        Basis(0)
    }

    fn enqueue(&self, _: Batch) -> Result<Ticket> {
        Err(Error::ReadOnly)
    }

    fn lease(&self, _: MailboxNumber) -> Result<Epoch> {
        Err(Error::ReadOnly)
    }

    fn flush(&self) -> Result<()> {
        Ok(())
    }

    fn close(&self) -> Result<()> {
        Ok(())
    }

    fn gauges(&self) -> Gauges {
        Gauges::default()
    }
}
