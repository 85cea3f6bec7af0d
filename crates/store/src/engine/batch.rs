use super::{Basis, Epoch, Error, MAX_BATCH, MAX_KEY, MAX_VALUE, MailboxNumber, Result, Space};

/// A condition that the writer thread evaluates before it applies a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// The key has exactly this value.
    Equals(Space, Vec<u8>, Vec<u8>),
    /// The key has no value.
    Absent(Space, Vec<u8>),
    /// The key has some value.
    Present(Space, Vec<u8>),
    /// Nobody has leased the mailbox since.
    Epoch(MailboxNumber, Epoch),
}

/// Puts and deletes that take effect together, if all checks hold. Of several writes to one key
/// the last one counts. Checks see the state before the batch.
#[derive(Default)]
#[must_use = "a batch does nothing until it is committed"]
pub struct Batch {
    pub(super) checks: Vec<Check>,
    pub(super) writes: Vec<Write>,
    pub(super) reclaiming: bool,
    pub(super) basis: Option<Basis>,
    pub(super) on_durable: Option<Box<dyn FnOnce() + Send>>,
    bytes: usize,
    too_large: Option<Error>,
}

/// One write of a batch; a delete has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Write {
    pub(super) space: Space,
    pub(super) key: Vec<u8>,
    pub(super) value: Option<Vec<u8>>,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Batch {
        Batch::default()
    }

    /// An empty batch that goes through below the free-space floor, because it makes room:
    /// deletes, and the few small puts that record them.
    pub fn reclaiming() -> Batch {
        Batch { reclaiming: true, ..Batch::default() }
    }

    /// Sets a key.
    pub fn put(&mut self, space: Space, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.write(space, key.into(), Some(value.into()));
    }

    /// Removes a key; harmless if it is absent.
    pub fn delete(&mut self, space: Space, key: impl Into<Vec<u8>>) {
        self.write(space, key.into(), None);
    }

    /// The batch applies only if the key has this value.
    pub fn check_equals(
        &mut self,
        space: Space,
        key: impl Into<Vec<u8>>,
        value: impl Into<Vec<u8>>,
    ) {
        self.check(Check::Equals(space, key.into(), value.into()));
    }

    /// The batch applies only if the key has no value.
    pub fn check_absent(&mut self, space: Space, key: impl Into<Vec<u8>>) {
        self.check(Check::Absent(space, key.into()));
    }

    /// The batch applies only if the key has a value, whichever.
    pub fn check_present(&mut self, space: Space, key: impl Into<Vec<u8>>) {
        self.check(Check::Present(space, key.into()));
    }

    /// The batch applies only if `epoch` is the newest lease of the mailbox.
    pub fn check_epoch(&mut self, mailbox: MailboxNumber, epoch: Epoch) {
        self.check(Check::Epoch(mailbox, epoch));
    }

    /// Names the moment before the reads through [`Engine::latest`](super::Engine::latest) that
    /// this batch was built on. The batch ends as a conflict if any batch failed since.
    pub fn built_on(&mut self, basis: Basis) {
        self.basis = Some(basis);
    }

    /// Adds a check.
    pub fn check(&mut self, check: Check) {
        self.bytes += match &check {
            Check::Equals(_, key, value) => key.len() + value.len(),
            Check::Absent(_, key) | Check::Present(_, key) => key.len(),
            Check::Epoch(..) => 16,
        };
        self.checks.push(check);
    }

    /// Calls `hook` on the writer thread when the batch is durable and visible, in the order of
    /// the commits and before its waiters wake; never if the batch fails. The hook must be
    /// short, must not block, and must not write to the engine.
    pub fn on_durable(&mut self, hook: impl FnOnce() + Send + 'static) {
        self.on_durable = Some(Box::new(hook));
    }

    /// Whether the batch has neither writes nor checks.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.checks.is_empty()
    }

    /// The number of puts and deletes.
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    /// The bytes of keys and values; at most [`MAX_BATCH`] can be committed.
    pub fn size_bytes(&self) -> usize {
        self.bytes
    }

    fn write(&mut self, space: Space, key: Vec<u8>, value: Option<Vec<u8>>) {
        let value_len = value.as_ref().map_or(0, Vec::len);
        if key.is_empty() || key.len() > MAX_KEY {
            self.too_large =
                Some(Error::TooLarge { what: "key", bytes: key.len(), limit: MAX_KEY });
        }
        if value_len > MAX_VALUE {
            self.too_large =
                Some(Error::TooLarge { what: "value", bytes: value_len, limit: MAX_VALUE });
        }
        self.bytes += key.len() + value_len;
        self.writes.push(Write { space, key, value });
    }

    /// Refuses what no engine takes.
    pub(super) fn validate(&self) -> Result<()> {
        if let Some(error) = &self.too_large {
            return Err(error.clone());
        }
        if self.bytes > MAX_BATCH {
            return Err(Error::TooLarge { what: "batch", bytes: self.bytes, limit: MAX_BATCH });
        }
        Ok(())
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch")
            .field("checks", &self.checks.len())
            .field("writes", &self.writes.len())
            .field("bytes", &self.bytes)
            .field("reclaiming", &self.reclaiming)
            .finish()
    }
}
