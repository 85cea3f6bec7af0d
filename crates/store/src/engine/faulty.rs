//! An engine whose calls can be made to fail, for tests and for `coffer soak --fault`.

use std::io;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::delegate::delegate_reader;
use super::ticket::Completion;
use super::{
    Basis, Batch, Engine, Epoch, Error, Gauges, MailboxNumber, Outcome, Reader, Result, Ticket,
};

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The disk does not answer: any call fails with [`Error::Io`].
    Io,
    /// The disk is full: a batch that grows fails with [`Error::DiskFull`].
    DiskFull,
    /// Somebody else was faster: a batch ends as [`Outcome::Conflict`].
    Conflict,
}

/// Says when a call fails. Clones share their state.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// Calls up to the one that fails, that one included; 0 when none is to fail.
    left: AtomicU64,
    fault: AtomicU64,
    struck: AtomicU64,
}

impl Faults {
    /// Lets one call fail: the one after `calls` others of the kind that can fail so.
    pub fn arm(&self, fault: Fault, calls: u64) {
        self.0.fault.store(fault as u64, Ordering::Relaxed);
        self.0.left.store(calls + 1, Ordering::Release);
    }

    /// Lets nothing fail.
    pub fn disarm(&self) {
        self.0.left.store(0, Ordering::Release);
    }

    /// How many calls were made to fail.
    pub fn struck(&self) -> u64 {
        self.0.struck.load(Ordering::Relaxed)
    }

    /// Whether this call fails.
    fn strikes(&self, fault: Fault) -> bool {
        if self.0.left.load(Ordering::Acquire) == 0
            || self.0.fault.load(Ordering::Relaxed) != fault as u64
        {
            return false;
        }
        let down = |left: u64| left.checked_sub(1);
        let last = self.0.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, down) == Ok(1);
        if last {
            self.0.struck.fetch_add(1, Ordering::Relaxed);
        }
        last
    }

    /// Any call may find that the disk does not answer.
    fn io(&self, doing: &'static str) -> Result<()> {
        match self.strikes(Fault::Io) {
            true => Err(Error::io(
                doing,
                Path::new("a disk that was made to fail"),
                io::ErrorKind::Other.into(),
            )),
            false => Ok(()),
        }
    }
}

/// Another engine whose calls fail when [`Faults`] says so. A call that fails does nothing: what the
/// trait promises of failed batches holds.
pub type FaultyEngine = Faulty<Arc<dyn Engine>>;

/// An engine or a reader of it whose calls can be made to fail.
pub struct Faulty<R> {
    inner: R,
    faults: Faults,
}

impl FaultyEngine {
    pub fn new(inner: Arc<dyn Engine>, faults: Faults) -> FaultyEngine {
        Faulty { inner, faults }
    }
}

impl<R: Deref> Faulty<R> {
    /// What answers a read, if the read does not fail.
    fn read(&self) -> Result<&R::Target> {
        self.faults.io("read from")?;
        Ok(&self.inner)
    }
}

delegate_reader!(impl[R: Deref<Target: Reader>] Faulty<R>, |this| this.read()?);

impl Engine for FaultyEngine {
    fn snapshot(&self) -> Result<Box<dyn Reader + Send + Sync>> {
        self.faults.io("take a snapshot of")?;
        let inner = self.inner.snapshot()?;
        Ok(Box::new(Faulty { inner, faults: self.faults.clone() }))
    }

    fn latest(&self) -> Box<dyn Reader + '_> {
        Box::new(Faulty { inner: self.inner.latest(), faults: self.faults.clone() })
    }

    fn basis(&self) -> Basis {
        self.inner.basis()
    }

    fn enqueue(&self, batch: Batch) -> Result<Ticket> {
        self.faults.io("write to")?;
        if !batch.reclaiming && self.faults.strikes(Fault::DiskFull) {
            return Ok(ended(Err(Error::DiskFull { free: 0, floor: 1 })));
        }
        // Without a check and a basis nothing can be in its way.
        let checked = !batch.checks.is_empty() || batch.basis.is_some();
        if checked && self.faults.strikes(Fault::Conflict) {
            return Ok(ended(Ok(Outcome::Conflict { check: batch.checks.len() })));
        }
        self.inner.enqueue(batch)
    }

    fn lease(&self, mailbox: MailboxNumber) -> Result<Epoch> {
        self.faults.io("write to")?;
        self.inner.lease(mailbox)
    }

    fn flush(&self) -> Result<()> {
        self.inner.flush()
    }

    fn compact(&self) -> Result<()> {
        self.inner.compact()
    }

    fn close(&self) -> Result<()> {
        self.inner.close()
    }

    fn gauges(&self) -> Gauges {
        self.inner.gauges()
    }
}

/// The ticket of a batch that has ended.
fn ended(result: Result<Outcome>) -> Ticket {
    let (completion, ticket) = Completion::new();
    completion.finish(result);
    ticket
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{MemoryEngine, Space};

    fn put(key: &[u8]) -> Batch {
        let mut batch = Batch::new();
        batch.put(Space::Queue, key, *b"value");
        batch
    }

    #[test]
    fn the_call_that_was_named_fails_and_no_other() {
        let faults = Faults::default();
        let engine = FaultyEngine::new(Arc::new(MemoryEngine::new()), faults.clone());
        faults.arm(Fault::Io, 1);
        assert!(engine.commit(put(b"a")).unwrap().is_committed());
        assert!(matches!(engine.get(Space::Queue, b"a"), Err(Error::Io { .. })));
        assert!(engine.get(Space::Queue, b"a").unwrap().is_some());
        assert_eq!(faults.struck(), 1);
    }

    #[test]
    fn a_batch_that_was_made_to_fail_left_nothing() {
        let faults = Faults::default();
        let engine = FaultyEngine::new(Arc::new(MemoryEngine::new()), faults.clone());
        faults.arm(Fault::Conflict, 0);
        let mut checked = put(b"a");
        checked.check_absent(Space::Queue, *b"a");
        assert!(!engine.commit(checked).unwrap().is_committed());
        faults.arm(Fault::DiskFull, 0);
        // What makes room goes through.
        assert!(engine.commit(Batch::reclaiming()).is_ok());
        assert!(matches!(engine.commit(put(b"a")), Err(Error::DiskFull { .. })));
        assert!(engine.get(Space::Queue, b"a").unwrap().is_none());
        faults.arm(Fault::Io, 0);
        faults.disarm();
        assert!(engine.snapshot().unwrap().get(Space::Queue, b"a").unwrap().is_none());
        assert_eq!(faults.struck(), 2);
    }
}
