//! What views of one query share: the rows in their order, as of a sequence of the change log.
//!
//! INVARIANT: a core holds no mailbox, since the mailbox's registry holds the cores; whoever asks brings
//! the mailbox along. So a mailbox goes with its last user, and its views with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::category::Groups;
use super::follow::{Journal, Net};
use super::outline::{Lines, Outline};
use super::plan::Plan;
use super::rows::{self, Entry};
use super::{Query, QueryRows};
use crate::engine::Reader;
use crate::gauge::Counted;
use crate::mailbox::changes;
use crate::{Mailbox, Result, folder};

/// A frozen state of the mailbox, for one request.
pub(crate) type Snapshot = Box<dyn Reader + Send + Sync>;

/// The rows at a moment.
#[derive(Clone)]
pub(crate) struct State {
    /// The change log's sequence up to which this is what the mailbox holds.
    pub(crate) version: u64,
    /// The version at which rows came, went or changed last.
    pub(crate) changed: u64,
    pub(crate) rows: Vec<Entry>,
    /// Of a table with categories.
    pub(crate) groups: Option<Arc<Groups>>,
}

pub(crate) struct Core {
    pub(crate) query: Query,
    pub(crate) plan: Plan,
    slot: Mutex<Slot>,
    /// Taken after that of the slot.
    pub(super) journal: Mutex<Journal>,
    /// Bytes of the rows.
    held: AtomicU64,
    /// When it was used last, see [`Eviction::tick`](super::registry::Eviction::tick).
    used: AtomicU64,
}

struct Slot {
    /// None before the first use, and after an eviction.
    state: Option<Arc<State>>,
    /// What handles see of the categories.
    lines: Vec<Seen>,
    /// Bytes of the rows.
    row_bytes: u64,
    bytes: Counted,
}

/// What a handle saw last.
struct Seen {
    handle: u64,
    /// Of the state, and of the handle's outline.
    version: (u64, u64),
    lines: Arc<Lines>,
}

/// Handles of a view whose categories are kept as they see them; what others see is worked out each time.
const MAX_SEEN: usize = 32;

impl Core {
    pub(crate) fn new(query: Query, plan: Plan, bytes: Counted) -> Core {
        Core {
            query,
            plan,
            slot: Mutex::new(Slot { state: None, lines: Vec::new(), row_bytes: 0, bytes }),
            journal: Mutex::default(),
            held: 0.into(),
            used: 0.into(),
        }
    }

    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    pub(crate) fn touch(&self, now: u64) {
        self.used.store(now, Ordering::Relaxed);
    }

    /// Bytes of the rows.
    pub(crate) fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// Counts what the slot holds.
    fn count(&self, slot: &mut Slot) {
        let groups = slot.state.as_ref().and_then(|state| state.groups.as_ref());
        let lines = slot.lines.iter().map(|seen| seen.lines.held());
        let held = slot.row_bytes + groups.map_or(0, |groups| groups.held()) + lines.sum::<u64>();
        slot.bytes.set(held);
        self.held.store(held, Ordering::Relaxed);
    }

    fn count_rows(&self, slot: &mut Slot) {
        slot.row_bytes = slot.state.as_ref().map_or(0, |state| rows::held(&state.rows));
        self.count(slot);
    }

    /// What a handle sees of the categories of a state.
    pub(crate) fn lines(
        &self,
        handle: u64,
        state: &State,
        groups: &Groups,
        outline: &Outline,
    ) -> Arc<Lines> {
        let version = (state.version, outline.generation);
        let mut slot = self.slot.lock();
        if let Some(seen) = slot.lines.iter().find(|seen| seen.handle == handle)
            && seen.version == version
        {
            return seen.lines.clone();
        }
        let lines = Arc::new(Lines::of(groups, outline, self.plan.categories));
        slot.lines.retain(|seen| seen.handle != handle);
        if slot.lines.len() >= MAX_SEEN {
            slot.lines.remove(0);
        }
        slot.lines.push(Seen { handle, version, lines: lines.clone() });
        self.count(&mut slot);
        lines
    }

    /// A handle is gone.
    pub(crate) fn forget_lines(&self, handle: u64) {
        let mut slot = self.slot.lock();
        slot.lines.retain(|seen| seen.handle != handle);
        self.count(&mut slot);
    }

    /// The rows as they are now, and the state of the mailbox that they belong to.
    ///
    /// Errors: [`StoreError::NotFound`](crate::StoreError::NotFound) if the folder was deleted.
    pub(crate) fn current(&self, mailbox: &Mailbox) -> Result<(Arc<State>, Snapshot)> {
        self.touch(mailbox.store().inner.eviction.tick());
        // Those who ask for the same view wait for one building.
        let mut slot = self.slot.lock();
        let snapshot = mailbox.store().engine().snapshot()?;
        let state = self.advance(&mut slot, mailbox, &*snapshot)?;
        Ok((state, snapshot))
    }

    /// The rows as they are now.
    pub(crate) fn state(&self, mailbox: &Mailbox) -> Result<Arc<State>> {
        self.touch(mailbox.store().inner.eviction.tick());
        let mut slot = self.slot.lock();
        if let Some(state) = &slot.state
            && state.version == changes::latest(mailbox)?
        {
            return Ok(state.clone());
        }
        let snapshot = mailbox.store().engine().snapshot()?;
        self.advance(&mut slot, mailbox, &*snapshot)
    }

    /// As [`Core::current`], with what became of the rows since a version.
    pub(super) fn followed(
        &self,
        mailbox: &Mailbox,
        version: u64,
    ) -> Result<(Arc<State>, Snapshot, Option<Net>)> {
        self.touch(mailbox.store().inner.eviction.tick());
        let mut slot = self.slot.lock();
        let snapshot = mailbox.store().engine().snapshot()?;
        let state = self.advance(&mut slot, mailbox, &*snapshot)?;
        let net = self.journal.lock().since(version);
        Ok((state, snapshot, net))
    }

    /// One more follows the view; from which version on. Rows that nobody read yet are not read for that.
    pub(super) fn join(&self, mailbox: &Mailbox) -> Result<u64> {
        let mut slot = self.slot.lock();
        let version = match slot.state {
            Some(_) => {
                let snapshot = mailbox.store().engine().snapshot()?;
                self.advance(&mut slot, mailbox, &*snapshot)?.version
            }
            None => changes::latest(mailbox)?,
        };
        self.journal.lock().join(version);
        Ok(version)
    }

    fn advance(
        &self,
        slot: &mut Slot,
        mailbox: &Mailbox,
        reader: &dyn Reader,
    ) -> Result<Arc<State>> {
        let head = changes::head(mailbox, reader)?;
        if let Some(state) = &slot.state
            && state.version == head.sequence
        {
            return Ok(state.clone());
        }
        folder::readable(mailbox, reader, self.plan.folder)?;
        if let Some(state) = &mut slot.state
            && state.version < head.sequence
            && self.catch_up(state, mailbox, reader, &head)?
        {
            let state = state.clone();
            self.count_rows(slot);
            return Ok(state);
        }
        let state = Arc::new(self.plan.build(mailbox, reader, head.sequence)?);
        match &slot.state {
            Some(before) if !self.plan.rows.are_messages() => {
                let now = (&state.rows[..], state.version);
                self.journal.lock().compare(mailbox, reader, before, now)?;
            }
            _ => self.journal.lock().begin_at(state.version),
        }
        slot.state = Some(state.clone());
        self.count_rows(slot);
        Ok(state)
    }

    /// Brings the rows to the log's end; false if they have to be built anew.
    fn catch_up(
        &self,
        state: &mut Arc<State>,
        mailbox: &Mailbox,
        reader: &dyn Reader,
        head: &crate::record::head::Head,
    ) -> Result<bool> {
        match self.plan.rows {
            QueryRows::Contents(_) | QueryRows::Conversation { .. } => {
                let Some((ids, new)) = self.plan.follow(mailbox, reader, state)? else {
                    return Ok(false);
                };
                let span = (state.version, head.sequence);
                self.journal.lock().follow(&self.plan, &state.rows, &ids, &new, span);
                // Copied only if some request still reads the rows as they were.
                let state = Arc::make_mut(state);
                let before = state.rows.len();
                let shown = !new.is_empty();
                rows::apply(&mut state.rows, &ids, new);
                state.version = head.sequence;
                if shown || state.rows.len() != before {
                    state.changed = head.sequence;
                    state.groups = self.plan.groups(&state.rows);
                }
                Ok(true)
            }
            QueryRows::Hierarchy { .. } | QueryRows::DeletedHierarchy { .. } => {
                // Counters of folders move with every message, but rows are read when they are asked for.
                let fixed = self.plan.columns.is_empty() && self.plan.restriction.is_none();
                if head.hierarchy > state.version || !fixed {
                    return Ok(false);
                }
                let now = (&state.rows[..], head.sequence);
                self.journal.lock().compare(mailbox, reader, state, now)?;
                let state = Arc::make_mut(state);
                state.version = head.sequence;
                // The counters in the rows may have changed.
                state.changed = head.sequence;
                Ok(true)
            }
        }
    }

    /// Lets the rows go, once nobody works on them.
    pub(crate) fn forget(&self) {
        self.empty(&mut self.slot.lock());
    }

    /// Lets the rows go, if nobody is working on them; they are built again when they are asked for.
    pub(crate) fn evict(&self) -> bool {
        let Some(mut slot) = self.slot.try_lock() else { return false };
        let held = slot.state.is_some();
        self.empty(&mut slot);
        held
    }

    fn empty(&self, slot: &mut Slot) {
        slot.state = None;
        slot.lines = Vec::new();
        self.count_rows(slot);
    }
}
