//! An engine over something that can only be read, such as a backup.

use std::sync::Arc;

use super::delegate::delegate_reader;
use super::{Basis, Batch, Engine, Epoch, Error, Gauges, MailboxNumber, Reader, Result, Ticket};

/// Reads as its reader does, and answers [`Error::ReadOnly`] to every write. What is read must not change.
pub struct ReadOnly<R>(Arc<R>);

impl<R: Reader + Send + Sync + 'static> ReadOnly<R> {
    pub fn new(reader: Arc<R>) -> ReadOnly<R> {
        ReadOnly(reader)
    }
}

delegate_reader!(impl[R: Reader] ReadOnly<R>, |this| this.0);

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
