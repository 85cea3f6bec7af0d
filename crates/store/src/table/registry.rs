//! The views of a mailbox: shared by query, and kept for a while without users, as memory allows. The
//! memory is that of the store: one bound for all mailboxes together.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mapi::Wire;
use parking_lot::Mutex;

use super::outline::Outline;
use super::plan::Plan;
use super::view::Core;
use super::{Query, QueryRows, View};
use crate::{Mailbox, Result};

/// Views without users that a mailbox keeps at most.
const MAX_IDLE: usize = 16;

/// The views of a mailbox. What nobody uses goes when memory is short, and with the mailbox.
#[derive(Default)]
pub(crate) struct Views {
    slots: Mutex<HashMap<Vec<u8>, Slot>>,
}

struct Slot {
    core: Arc<Core>,
    /// Handles to it.
    users: usize,
}

/// Keeps the views of all mailboxes of a store to its budget together.
#[derive(Default)]
pub(crate) struct Eviction {
    /// Held by the one who lets views go; others need not.
    turn: Mutex<()>,
    /// Moves on with each use of a view.
    clock: AtomicU64,
    evicted: AtomicU64,
}

impl Eviction {
    /// The next moment.
    pub(crate) fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn count(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }
}

/// The view of a query, shared with all who ask the same.
pub(crate) fn open(mailbox: &Arc<Mailbox>, query: Query) -> Result<Arc<View>> {
    let plan = Plan::of(&query)?;
    let gauges = &mailbox.store().inner.gauges;
    let views = &mailbox.views;
    let name = name(mailbox, &query);
    let core = {
        let mut slots = views.slots.lock();
        match slots.get_mut(&name) {
            Some(slot) if slot.core.query == query => {
                slot.users += 1;
                Some(slot.core.clone())
            }
            // What has the name of another one, or compares to nothing, is not shared.
            Some(_) => None,
            None => {
                let core = Arc::new(Core::new(query.clone(), plan, gauges.view_bytes.count(0)));
                slots.insert(name.clone(), Slot { core: core.clone(), users: 1 });
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
    let view = View {
        mailbox: mailbox.clone(),
        outline: Mutex::new(Arc::new(Outline::new(core.query.sort.expanded))),
        core,
        name,
        handle: mailbox.store().inner.eviction.tick(),
        _counted: gauges.views.count(1),
    };
    // Rows are read when they are asked for: whoever opens a table often sorts it next.
    crate::folder::readable(mailbox, mailbox.reader(), view.core.plan.folder)?;
    Ok(Arc::new(view))
}

/// A handle was dropped.
pub(crate) fn leave(mailbox: &Mailbox, name: &[u8], core: &Arc<Core>) {
    core.touch(mailbox.store().inner.eviction.tick());
    if let Some(slot) = mailbox.views.slots.lock().get_mut(name) {
        slot.users -= 1;
    }
    while let Some(oldest) = mailbox.views.take_idle_beyond(MAX_IDLE) {
        drop(oldest);
    }
    if over_budget(mailbox) {
        shrink(mailbox, core);
    }
}

/// Whether the views of all mailboxes hold more than they should.
pub(crate) fn over_budget(mailbox: &Mailbox) -> bool {
    let store = &mailbox.store().inner;
    store.gauges.view_bytes.get() > store.options.view_budget
}

/// Lets views go until those of all mailboxes keep to the budget, except `keep`, which was used just now; if it
/// has no rows, except the one that was used last.
///
/// Views that nobody uses go first, the one that was used longest ago before the others. Then rows of those
/// in use, which are built again when they are asked for: of the mailbox that holds the most, what it used
/// longest ago; so a mailbox that keeps to its share is not emptied for one that does not.
pub(crate) fn shrink(mailbox: &Mailbox, keep: &Arc<Core>) {
    let store = &mailbox.store().inner;
    // Who is at it now lets enough go for all.
    let Some(_turn) = store.eviction.turn.try_lock() else { return };
    let budget = store.options.view_budget;
    // A little more than needed, or the next row would begin anew.
    let goal = budget - budget / 8;
    let within = || store.gauges.view_bytes.get() <= goal;
    let open = mailbox.store().open_mailboxes();
    let mut all = Vec::new();
    for (index, mailbox) in open.iter().enumerate() {
        for (name, slot) in mailbox.views.slots.lock().iter() {
            if slot.core.held() > 0 {
                all.push((index, name.clone(), slot.core.clone(), slot.users));
            }
        }
    }
    // Whoever opens a table makes a view without rows before he sorts it. That one needs nothing, and must not
    // drive out what he reads from: a view that is larger than the budget would be built for each page anew.
    let kept = match keep.held() {
        0 => all.iter().map(|(_, _, core, _)| core).max_by_key(|core| core.used()).cloned(),
        _ => Some(keep.clone()),
    };
    let is_kept = |core: &Arc<Core>| kept.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, core));
    let mut idle = Vec::new();
    let mut busy = Vec::new();
    for (index, name, core, users) in all {
        match users {
            _ if is_kept(&core) => {}
            0 => idle.push((core.used(), index, name)),
            _ => busy.push((index, core)),
        }
    }
    idle.sort_unstable();
    for (_, index, name) in idle {
        if within() {
            return;
        }
        // Dropped outside of the lock: a core frees all its rows.
        let gone = open[index].views.take_idle(&name);
        store.eviction.evicted.fetch_add(u64::from(gone.is_some()), Ordering::Relaxed);
    }
    let mut held = vec![0; open.len()];
    busy.iter().for_each(|(index, core)| held[*index] += core.held());
    // Newest first, so that the oldest of a mailbox is the last of its own.
    busy.sort_unstable_by_key(|(_, core)| std::cmp::Reverse(core.used()));
    while !within() && !busy.is_empty() {
        let greatest = busy.iter().map(|(index, _)| *index).max_by_key(|index| held[*index]);
        let oldest = busy.iter().rposition(|(index, _)| Some(*index) == greatest);
        let Some((index, core)) = oldest.map(|at| busy.remove(at)) else { return };
        held[index] -= core.held().min(held[index]);
        store.eviction.evicted.fetch_add(u64::from(core.evict()), Ordering::Relaxed);
    }
}

/// Lets the rows of all views of a mailbox go, also of those in use; they are built again when they are asked
/// for.
pub(crate) fn forget_rows(mailbox: &Mailbox) {
    let cores: Vec<Arc<Core>> =
        mailbox.views.slots.lock().values().map(|slot| slot.core.clone()).collect();
    cores.iter().for_each(|core| core.forget());
}

/// Lets all views of a mailbox go that nobody uses.
pub(crate) fn forget_idle(mailbox: &Mailbox) {
    // Dropped outside of the lock, as everywhere.
    while let Some(oldest) = mailbox.views.take_idle_beyond(0) {
        drop(oldest);
    }
}

impl Views {
    /// Takes a view out that nobody uses.
    fn take_idle(&self, name: &[u8]) -> Option<Slot> {
        let mut slots = self.slots.lock();
        match slots.get(name) {
            Some(slot) if slot.users == 0 => take(&mut slots, name),
            _ => None,
        }
    }

    /// Takes the view out that nobody uses and that was used longest ago, if there are more than `most`
    /// of them.
    fn take_idle_beyond(&self, most: usize) -> Option<Slot> {
        let mut slots = self.slots.lock();
        let idle = || slots.iter().filter(|(_, slot)| slot.users == 0);
        if idle().count() <= most {
            return None;
        }
        let oldest = idle().min_by_key(|(_, slot)| slot.core.used())?.0.clone();
        take(&mut slots, &oldest)
    }
}

/// Takes a view out. Room for as many views as were ever in use at once is not kept for the life of the mailbox.
fn take(slots: &mut HashMap<Vec<u8>, Slot>, name: &[u8]) -> Option<Slot> {
    let slot = slots.remove(name);
    if slots.capacity() > 4 * slots.len().max(MAX_IDLE) {
        slots.shrink_to(2 * slots.len().max(MAX_IDLE));
    }
    slot
}

/// The query as bytes.
fn name(mailbox: &Mailbox, query: &Query) -> Vec<u8> {
    // Where everybody has his own read state, everybody has his own rows.
    let mut name = mailbox.viewer().map(|viewer| viewer.0.to_vec()).unwrap_or_default();
    query.folder.write(&mut name);
    name.push(match query.rows {
        QueryRows::Contents(contents) => contents.to_byte(),
        QueryRows::Conversation { everywhere } => 0x40 | u8::from(everywhere),
        QueryRows::Hierarchy { depth } => 0x80 | u8::from(depth),
        QueryRows::DeletedHierarchy { depth } => 0x90 | u8::from(depth),
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

    pub(crate) fn room(&self) -> usize {
        self.slots.lock().capacity()
    }
}
