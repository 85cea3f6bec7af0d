/// Implements [`Reader`](super::Reader) for a type by handing each call to another reader.
macro_rules! delegate_reader {
    (impl[$($generics:tt)*] $reader:ty, |$this:ident| $to:expr) => {
        impl<$($generics)*> $crate::engine::Reader for $reader {
            fn get(
                &self,
                space: $crate::engine::Space,
                key: &[u8],
            ) -> $crate::engine::Result<Option<$crate::engine::Value>> {
                let $this = self;
                $to.get(space, key)
            }

            fn multi_get(
                &self,
                space: $crate::engine::Space,
                keys: &[&[u8]],
            ) -> $crate::engine::Result<Vec<Option<$crate::engine::Value>>> {
                let $this = self;
                $to.multi_get(space, keys)
            }

            fn contains(
                &self,
                space: $crate::engine::Space,
                key: &[u8],
            ) -> $crate::engine::Result<bool> {
                let $this = self;
                $to.contains(space, key)
            }

            fn keys(
                &self,
                space: $crate::engine::Space,
                range: &$crate::engine::KeyRange,
                direction: $crate::engine::Direction,
                limit: usize,
            ) -> $crate::engine::Result<Vec<$crate::engine::Key>> {
                let $this = self;
                $to.keys(space, range, direction, limit)
            }

            fn scan(
                &self,
                space: $crate::engine::Space,
                range: &$crate::engine::KeyRange,
                direction: $crate::engine::Direction,
                limit: usize,
            ) -> $crate::engine::Result<Vec<$crate::engine::KeyValue>> {
                let $this = self;
                $to.scan(space, range, direction, limit)
            }

            fn scan_page(
                &self,
                space: $crate::engine::Space,
                range: &$crate::engine::KeyRange,
                direction: $crate::engine::Direction,
                room: usize,
                page: &mut $crate::engine::Page,
            ) -> $crate::engine::Result<bool> {
                let $this = self;
                $to.scan_page(space, range, direction, room, page)
            }

            fn scan_each(
                &self,
                space: $crate::engine::Space,
                range: &$crate::engine::KeyRange,
                limit: usize,
            ) -> $crate::engine::Result<Vec<$crate::engine::Scanned>> {
                let $this = self;
                $to.scan_each(space, range, limit)
            }

            fn get_unverified(
                &self,
                space: $crate::engine::Space,
                key: &[u8],
            ) -> $crate::engine::Result<Option<$crate::engine::Value>> {
                let $this = self;
                $to.get_unverified(space, key)
            }
        }
    };
}

/// Implements [`Reader`](super::Reader) and [`Engine`](super::Engine) for a type whose field `core` is a
/// [`GroupCommit`](super::group::GroupCommit).
macro_rules! delegate_engine {
    ($engine:ty) => {
        crate::engine::delegate::delegate_reader!(impl[] $engine, |this| this.core);

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
pub(super) use {delegate_engine, delegate_reader};
