//! The mailbox's hub: durable changes are handed to subscriptions, which their owners hold.
//!
//! INVARIANT: the hub holds weak slots only, and a slot leaves with its subscription; a queue is bounded,
//! and what does not fit is dropped and said so.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::gauge::Counted;
use crate::mailbox::changes::Change;

/// Changes that a subscription holds before it says that some were lost.
pub const QUEUE: usize = 256;

#[derive(Default)]
pub(crate) struct Hub {
    slots: Mutex<Vec<Weak<Slot>>>,
}

type Waker = Box<dyn Fn() + Send + Sync>;

struct Slot {
    queue: Mutex<Queue>,
    waker: Mutex<Option<Waker>>,
}

#[derive(Default)]
struct Queue {
    changes: VecDeque<Change>,
    overflowed: bool,
}

/// What a subscription got since it was asked last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pending {
    pub changes: Vec<Change>,
    /// Changes were dropped since the queue was full: look at everything again.
    pub overflowed: bool,
}

/// Receives changes until it is dropped.
pub struct Subscription {
    slot: Arc<Slot>,
    hub: Weak<Hub>,
    _counted: Counted,
}

impl Hub {
    pub(crate) fn subscribe(hub: &Arc<Hub>, counted: Counted) -> Subscription {
        let slot = Arc::new(Slot { queue: Mutex::default(), waker: Mutex::new(None) });
        hub.slots.lock().push(Arc::downgrade(&slot));
        Subscription { slot, hub: Arc::downgrade(hub), _counted: counted }
    }

    /// Runs on the engine's writer thread: it must be short and must not write.
    pub(crate) fn publish(&self, changes: &[Change]) {
        // Upgraded slots are dropped after the lock: dropping the last one would lock again.
        let slots: Vec<Arc<Slot>> = self.slots.lock().iter().filter_map(Weak::upgrade).collect();
        for slot in slots {
            let mut queue = slot.queue.lock();
            for change in changes {
                match queue.changes.len() < QUEUE {
                    true => queue.changes.push_back(*change),
                    false => queue.overflowed = true,
                }
            }
            drop(queue);
            if let Some(wake) = &*slot.waker.lock() {
                wake();
            }
        }
    }
}

impl Subscription {
    /// Takes what is there; does not wait.
    pub fn take(&self) -> Pending {
        let mut queue = self.slot.queue.lock();
        Pending {
            changes: queue.changes.drain(..).collect(),
            overflowed: std::mem::take(&mut queue.overflowed),
        }
    }

    pub fn is_empty(&self) -> bool {
        let queue = self.slot.queue.lock();
        queue.changes.is_empty() && !queue.overflowed
    }

    /// Calls `wake` after each commit that brought changes. It must be short, must not block, and must not
    /// call the store.
    pub fn on_change(&self, wake: impl Fn() + Send + Sync + 'static) {
        *self.slot.waker.lock() = Some(Box::new(wake));
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(hub) = self.hub.upgrade() {
            let own = Arc::as_ptr(&self.slot);
            hub.slots.lock().retain(|slot| slot.as_ptr() != own);
        }
    }
}
