//! The mailbox's hub: how far the durable change log reaches, and who waits for it to grow.
//!
//! Nobody has a queue of his own. Who follows a mailbox keeps the sequence up to which he has seen the change
//! log, and reads on from there when he likes: from the last changes, which the hub holds, or from the log. So
//! a thousand followers cost nothing while nothing happens, a change is put down once for all of them, and
//! whoever is slow loses nothing but what the log was trimmed of.
//!
//! INVARIANT: whoever waits is woken when the hub's lock is free again; the hub holds no mailbox and no session.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::gauge::Counted;
use crate::mailbox::changes::{self, Change};
use crate::{Mailbox, MailboxNumber, Result};

/// Changes that the hub holds for those who are not far behind.
const RECENT: usize = 64;

#[derive(Default)]
pub(crate) struct Hub {
    /// The newest sequence that was published; 0 before the first.
    latest: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    watches: usize,
    /// Without gaps, up to the newest. Empty without watches.
    recent: VecDeque<Change>,
    next: u64,
    waiting: HashMap<u64, Wake>,
}

/// Told once that there is something new. It must be short, must not block, and must not call the store.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// Follows a mailbox's change log from a moment on, until it is dropped.
pub struct Watch {
    hub: Arc<Hub>,
    seen: u64,
    _counted: Counted,
}

/// What a watch had not seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Taken {
    pub changes: Vec<Change>,
    /// The log was trimmed before all was seen: look at everything again.
    pub lost: bool,
}

/// Wakes somebody with the next change; does not once it is dropped.
pub struct Alarm {
    hub: Arc<Hub>,
    number: u64,
}

/// The entries of a mailbox's change log that one batch wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    pub mailbox: MailboxNumber,
    pub sequences: RangeInclusive<u64>,
}

thread_local! {
    /// What was written since [`own_changes`] began on this thread; None outside of it.
    static OWN: RefCell<Option<Vec<Own>>> = const { RefCell::new(None) };
}

/// Runs some work, and tells which changes it made itself on this thread: whoever is not to be told of what he
/// did knows them by that.
pub fn own_changes<T>(work: impl FnOnce() -> T) -> (T, Vec<Own>) {
    OWN.with_borrow_mut(|own| *own = Some(Vec::new()));
    let done = work();
    (done, OWN.with_borrow_mut(Option::take).unwrap_or_default())
}

/// A batch of this thread is durable.
pub(crate) fn is_own(mailbox: MailboxNumber, sequences: RangeInclusive<u64>) {
    if sequences.is_empty() {
        return;
    }
    OWN.with_borrow_mut(|own| {
        if let Some(own) = own {
            own.push(Own { mailbox, sequences });
        }
    });
}

impl Hub {
    pub(crate) fn watch(hub: &Arc<Hub>, seen: u64, counted: Counted) -> Watch {
        hub.state.lock().watches += 1;
        Watch { hub: Arc::clone(hub), seen, _counted: counted }
    }

    /// Runs on the engine's writer thread: it must be short and must not write.
    pub(crate) fn publish(&self, changes: &[Change]) {
        let Some(last) = changes.last() else { return };
        let mut state = self.state.lock();
        self.latest.store(last.sequence, Ordering::Release);
        if state.watches > 0 {
            for change in changes {
                let gap = |newest: &Change| newest.sequence + 1 != change.sequence;
                if state.recent.back().is_some_and(gap) {
                    state.recent.clear();
                }
                if state.recent.len() == RECENT {
                    state.recent.pop_front();
                }
                state.recent.push_back(*change);
            }
        }
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_values().for_each(|wake| wake());
    }
}

impl Watch {
    /// Whether there are changes that it has not seen. Asks no engine.
    pub fn is_behind(&self) -> bool {
        self.hub.latest.load(Ordering::Acquire) > self.seen
    }

    /// The sequence up to which it has seen the log.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Back to a sequence that it had seen the log up to: what follows is taken again.
    pub fn rewind(&mut self, seen: u64) {
        self.seen = self.seen.min(seen);
    }

    /// The next changes, at most `limit`; does not wait.
    pub fn take(&mut self, mailbox: &Mailbox, limit: usize) -> Result<Taken> {
        let latest = self.hub.latest.load(Ordering::Acquire);
        if latest <= self.seen {
            return Ok(Taken::default());
        }
        let next = self.seen + 1;
        if let Some(changes) = self.recent(next, limit) {
            self.seen = changes.last().map_or(self.seen, |change| change.sequence);
            return Ok(Taken { changes, lost: false });
        }
        let changes = changes::after(mailbox, self.seen, limit)?;
        let lost = changes.first().is_none_or(|change| change.sequence != next);
        self.seen = changes.last().map_or(latest, |change| change.sequence);
        Ok(Taken { changes, lost })
    }

    fn recent(&self, next: u64, limit: usize) -> Option<Vec<Change>> {
        let state = self.hub.state.lock();
        let first = state.recent.front()?.sequence;
        let from = usize::try_from(next.checked_sub(first)?).ok()?;
        (from < state.recent.len())
            .then(|| state.recent.iter().skip(from).take(limit).copied().collect())
    }

    /// Calls `wake` at the next change that becomes durable. One that is durable already is not told: ask
    /// [`Watch::is_behind`] afterwards.
    pub fn alarm(&self, wake: Wake) -> Alarm {
        let mut state = self.hub.state.lock();
        state.next += 1;
        let number = state.next;
        state.waiting.insert(number, wake);
        Alarm { hub: Arc::clone(&self.hub), number }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut state = self.hub.state.lock();
        state.watches -= 1;
        if state.watches == 0 {
            state.recent = VecDeque::new();
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        // What the closure holds is dropped behind the lock.
        let wake = self.hub.state.lock().waiting.remove(&self.number);
        drop(wake);
    }
}
