//! The views of a mailbox: shared by query, and kept for a while without users, as memory allows.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mapi::Wire;
use parking_lot::Mutex;

use super::view::{Core, Plan};
use super::{Query, QueryRows, View};
use crate::{Mailbox, Result};

/// Views without users that a mailbox keeps at most.
const MAX_IDLE: usize = 16;

/// The views of a mailbox. What nobody uses goes when memory is short, and with the mailbox.
#[derive(Default)]
pub(crate) struct Views {
    slots: Mutex<HashMap<Vec<u8>, Slot>>,
    clock: AtomicU64,
}

struct Slot {
    core: Arc<Core>,
    /// Handles to it.
    users: usize,
    /// When a handle to it was taken or dropped last.
    used: u64,
}

/// The view of a query, shared with all who ask the same.
pub(crate) fn open(mailbox: &Arc<Mailbox>, query: Query) -> Result<Arc<View>> {
    let plan = Plan::of(&query)?;
    let gauges = &mailbox.store().inner.gauges;
    let views = &mailbox.views;
    let name = name(&query);
    let now = views.clock.fetch_add(1, Ordering::Relaxed);
    let core = {
        let mut slots = views.slots.lock();
        match slots.get_mut(&name) {
            Some(slot) if slot.core.query == query => {
                slot.users += 1;
                slot.used = now;
                Some(slot.core.clone())
            }
            // What has the name of another one, or compares to nothing, is not shared.
            Some(_) => None,
            None => {
                let core = Arc::new(Core::new(query.clone(), plan, gauges.view_bytes.count(0)));
                slots.insert(name.clone(), Slot { core: core.clone(), users: 1, used: now });
                Some(core)
            }
        }
    };
    let (core, name) = match core {
        Some(core) => (core, Some(name)),
        None => {
            let plan = Plan::of(&query)?;
            (Arc::new(Core::new(query, plan, gauges.view_bytes.count(0))), None)
        }
    };
    let view = View { mailbox: mailbox.clone(), core, name, _counted: gauges.views.count(1) };
    // Rows are read when they are asked for: whoever opens a table often sorts it next.
    crate::folder::record(mailbox, mailbox.reader(), view.core.plan.folder)?;
    Ok(Arc::new(view))
}

/// A handle was dropped.
pub(crate) fn leave(mailbox: &Mailbox, name: &[u8], core: &Arc<Core>) {
    let views = &mailbox.views;
    let now = views.clock.fetch_add(1, Ordering::Relaxed);
    if let Some(slot) = views.slots.lock().get_mut(name) {
        slot.users -= 1;
        slot.used = now;
    }
    shrink(mailbox, core);
}

/// Lets views go that nobody uses, until all views of the store keep to the budget. Then those in use let
/// their rows go, except the one that was used just now, until those of this mailbox keep to it.
pub(crate) fn shrink(mailbox: &Mailbox, keep: &Arc<Core>) {
    let store = &mailbox.store().inner;
    let budget = store.options.memory_budget / 4;
    let within = || store.gauges.view_bytes.get() <= budget;
    loop {
        // Dropped outside the lock: a core frees all its rows.
        let gone = {
            let mut slots = mailbox.views.slots.lock();
            let idle = slots.values().filter(|slot| slot.users == 0).count();
            if within() && idle <= MAX_IDLE {
                return;
            }
            let oldest = slots
                .iter()
                .filter(|(_, slot)| slot.users == 0)
                .min_by_key(|(_, slot)| slot.used)
                .map(|(name, _)| name.clone());
            oldest.and_then(|name| slots.remove(&name))
        };
        if gone.is_none() {
            break;
        }
    }
    let mut busy: Vec<(u64, Arc<Core>)> = {
        let slots = mailbox.views.slots.lock();
        slots.values().map(|slot| (slot.used, slot.core.clone())).collect()
    };
    busy.sort_unstable_by_key(|(used, _)| *used);
    let mut held: u64 = busy.iter().map(|(_, core)| core.held()).sum();
    for (_, core) in busy {
        if held <= budget {
            return;
        }
        if !Arc::ptr_eq(&core, keep) {
            held -= core.held().min(held);
            core.evict();
        }
    }
}

/// Whether views hold more than they should.
pub(crate) fn over_budget(mailbox: &Mailbox) -> bool {
    let store = &mailbox.store().inner;
    store.gauges.view_bytes.get() > store.options.memory_budget / 4
}

/// The query as bytes.
fn name(query: &Query) -> Vec<u8> {
    let mut name = query.folder.to_wire();
    name.push(match query.rows {
        QueryRows::Contents(contents) => contents.to_byte(),
        QueryRows::Hierarchy { depth } => 0x80 | u8::from(depth),
    });
    query.sort.write(&mut name);
    if let Some(restriction) = &query.restriction {
        restriction.write(&mut name);
    }
    name
}

#[cfg(test)]
impl Views {
    pub(crate) fn count(&self) -> usize {
        self.slots.lock().len()
    }
}
