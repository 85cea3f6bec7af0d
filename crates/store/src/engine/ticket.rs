use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use super::{Error, Outcome, Result};

/// A place in the order of commits; [`wait`](Ticket::wait) tells how the batch ended. Dropping
/// it does not take the batch back.
#[must_use = "the batch is not known to be durable before the ticket was waited for"]
#[derive(Debug)]
pub struct Ticket(Arc<Slot>);

impl Ticket {
    /// Blocks until the batch is durable or refused.
    ///
    /// Errors: [`Error::DiskFull`], or the failure of the disk or database.
    pub fn wait(self) -> Result<Outcome> {
        let mut result = self.0.result.lock();
        loop {
            match result.take() {
                Some(result) => return result,
                None => self.0.wakeup.wait(&mut result),
            }
        }
    }

    /// Whether [`wait`](Ticket::wait) would return at once.
    pub fn is_done(&self) -> bool {
        self.0.result.lock().is_some()
    }
}

#[derive(Debug, Default)]
struct Slot {
    result: Mutex<Option<Result<Outcome>>>,
    wakeup: Condvar,
}

/// The writer's end of a [`Ticket`]. Dropped unfinished, it answers [`Error::Closed`], so no
/// waiter waits for ever.
#[derive(Debug)]
pub(super) struct Completion(Arc<Slot>);

impl Completion {
    pub(super) fn new() -> (Completion, Ticket) {
        let slot = Arc::new(Slot::default());
        (Completion(slot.clone()), Ticket(slot))
    }

    pub(super) fn finish(self, result: Result<Outcome>) {
        *self.0.result.lock() = Some(result);
        self.0.wakeup.notify_one();
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        // A taken result means that the waiter is gone already: it holds no reference then.
        let mut result = self.0.result.lock();
        if result.is_none() && Arc::strong_count(&self.0) > 1 {
            *result = Some(Err(Error::Closed));
            self.0.wakeup.notify_one();
        }
    }
}
