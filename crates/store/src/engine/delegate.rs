/// Implements [`Reader`] and [`Engine`] for a type whose field `core` is a [`GroupCommit`](super::group::GroupCommit).
macro_rules! delegate_engine {
    ($engine:ty) => {
        impl Reader for $engine {
            fn get(&self, space: Space, key: &[u8]) -> Result<Option<Value>> {
                self.core.get(space, key)
            }

            fn contains(&self, space: Space, key: &[u8]) -> Result<bool> {
                self.core.contains(space, key)
            }

            fn keys(
                &self,
                space: Space,
                range: &KeyRange,
                direction: Direction,
                limit: usize,
            ) -> Result<Vec<Key>> {
                self.core.keys(space, range, direction, limit)
            }

            fn scan(
                &self,
                space: Space,
                range: &KeyRange,
                direction: Direction,
                limit: usize,
            ) -> Result<Vec<KeyValue>> {
                self.core.scan(space, range, direction, limit)
            }

            fn scan_each(
                &self,
                space: Space,
                range: &KeyRange,
                limit: usize,
            ) -> Result<Vec<crate::engine::Scanned>> {
                self.core.scan_each(space, range, limit)
            }

            fn get_unverified(&self, space: Space, key: &[u8]) -> Result<Option<Value>> {
                self.core.get_unverified(space, key)
            }
        }

        impl Engine for $engine {
            fn snapshot(&self) -> Result<Box<dyn Reader + Send + Sync>> {
                self.core.snapshot()
            }

            fn latest(&self) -> Box<dyn Reader + '_> {
                self.core.latest()
            }

            fn basis(&self) -> Basis {
                self.core.basis()
            }

            fn enqueue(&self, batch: Batch) -> Result<Ticket> {
                self.core.enqueue(batch)
            }

            fn lease(&self, mailbox: MailboxNumber) -> Result<Epoch> {
                self.core.lease(mailbox)
            }

            fn flush(&self) -> Result<()> {
                self.core.flush()
            }

            fn compact(&self) -> Result<()> {
                self.core.compact()
            }

            fn close(&self) -> Result<()> {
                self.core.close()
            }

            fn gauges(&self) -> Gauges {
                self.core.gauges()
            }
        }
    };
}
pub(super) use delegate_engine;
