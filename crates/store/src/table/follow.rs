//! What became of the rows of a view since somebody looked: for those who keep a copy of a table and are told
//! what changes in it ([MS-OXCNOTIF] 3.1.4.3).
//!
//! A view that is followed keeps a journal of the rows that came, went and changed, of bounded length. Who
//! follows it remembers the version that he has seen; what happened since is worked out when he asks.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use mapi::{Cell, PropertyTag};

use super::rows::Entry;
use super::source::{Context, RowSource};
use super::view::{Plan, State};
use super::{RowObject, View};
use crate::engine::{self, Reader};
use crate::keys;
use crate::mailbox::changes;
use crate::{Mailbox, Result, StoreError};

/// Rows that the journal of a view holds.
const JOURNAL: usize = 256;
/// Rows that a follower is told of at once; of more, he is told to read the table again.
const MOST: usize = 128;
/// Entries of the change log that say which folders of a hierarchy changed.
const MAX_LOG: usize = 1024;

/// What names a row to a client: an object, and which of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowName {
    pub object: RowObject,
    pub instance: u32,
}

impl super::Row {
    /// What names it to a client.
    pub fn name(&self) -> RowName {
        RowName { object: self.object, instance: self.key.instance }
    }
}

/// A row as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct ToldRow {
    pub name: RowName,
    /// The row before it; None for the first one.
    pub after: Option<RowName>,
    pub cells: Vec<Cell>,
}

/// Something that happened to a row. Whoever does what a list of these says, one after the other, to the rows
/// that he had, has the rows of now in their order: an added or modified row stands behind the one that it
/// names.
#[derive(Debug, Clone, PartialEq)]
pub enum RowChange {
    Deleted(RowName),
    Added(ToldRow),
    Modified(ToldRow),
}

/// What happened to a table.
#[derive(Debug, Clone, PartialEq)]
pub enum Changed {
    Rows(Vec<RowChange>),
    /// Too much, or it is not known any more: read it again.
    Everything,
}

/// Follows a view from a version on.
pub struct Follower {
    view: Arc<View>,
    version: u64,
}

/// The rows that came, went or changed, as far as somebody follows the view.
#[derive(Default)]
pub(crate) struct Journal {
    followers: usize,
    /// Everything since this version is known.
    base: u64,
    steps: VecDeque<Step>,
    rows: usize,
}

struct Step {
    from: u64,
    to: u64,
    touched: Vec<Touched>,
}

#[derive(Clone)]
struct Touched {
    id: u64,
    instance: u32,
    /// It was there before.
    was: bool,
    /// As it was there afterwards.
    now: Option<Entry>,
}

/// What became of the touched rows since a version, by their ids and instances; None if that is not known.
pub(crate) type Net = Option<BTreeMap<(u64, u32), (bool, Option<Entry>)>>;

impl Journal {
    pub(crate) fn is_followed(&self) -> bool {
        self.followers > 0
    }

    /// The messages `ids` have the rows `new` now, and had those among `rows` until version `from`.
    pub(crate) fn follow(
        &mut self,
        plan: &Plan,
        rows: &[Entry],
        ids: &[u64],
        new: &[Entry],
        (from, to): (u64, u64),
    ) {
        if !self.is_followed() {
            return;
        }
        let mut touched: Vec<Touched> = of_ids(rows, ids)
            .map(|row| Touched { id: row.id, instance: instance(plan, row), was: true, now: None })
            .collect();
        for row in new {
            let instance = instance(plan, row);
            let now = Some(row.clone());
            match touched.iter_mut().find(|t| t.id == row.id && t.instance == instance) {
                Some(touched) => touched.now = now,
                None => touched.push(Touched { id: row.id, instance, was: false, now }),
            }
        }
        self.push(Step { from, to, touched });
    }

    /// The rows of a hierarchy as they were and as they are.
    pub(crate) fn compare(
        &mut self,
        mailbox: &Mailbox,
        reader: &dyn Reader,
        before: &State,
        (rows, to): (&[Entry], u64),
    ) -> Result<()> {
        if !self.is_followed() {
            return Ok(());
        }
        let from = before.version;
        let Some(ids) = changed_folders(mailbox, reader, from)? else {
            self.begin_at(to);
            return Ok(());
        };
        let old: BTreeMap<u64, &Entry> = before.rows.iter().map(|row| (row.id, row)).collect();
        let new: BTreeMap<u64, &Entry> = rows.iter().map(|row| (row.id, row)).collect();
        let gone = old.keys().filter(|id| !new.contains_key(id)).map(|id| (*id, None));
        let there = new.iter().map(|(id, row)| (*id, Some(*row)));
        let touched = there.chain(gone).filter_map(|(id, now)| {
            let was = old.get(&id).copied();
            let same = was == now && ids.binary_search(&id).is_err();
            let (was, now) = (was.is_some(), now.cloned());
            (!same).then_some(Touched { id, instance: 0, was, now })
        });
        let touched = touched.collect();
        self.push(Step { from, to, touched });
        Ok(())
    }

    /// What happened before a version is not known.
    pub(crate) fn begin_at(&mut self, version: u64) {
        self.base = version;
        self.steps.clear();
        self.rows = 0;
    }

    fn push(&mut self, step: Step) {
        if step.touched.is_empty() {
            return;
        }
        self.rows += step.touched.len();
        self.steps.push_back(step);
        while self.rows > JOURNAL
            && let Some(oldest) = self.steps.pop_front()
        {
            self.rows -= oldest.touched.len();
            self.base = oldest.to;
        }
    }

    pub(crate) fn since(&self, version: u64) -> Net {
        if version < self.base {
            return None;
        }
        let mut net: BTreeMap<(u64, u32), (bool, Option<Entry>)> = BTreeMap::new();
        for touched in self.steps.iter().filter(|s| s.from >= version).flat_map(|s| &s.touched) {
            let known = net.entry((touched.id, touched.instance)).or_insert((touched.was, None));
            known.1.clone_from(&touched.now);
        }
        Some(net)
    }

    pub(crate) fn join(&mut self, version: u64) {
        if !self.is_followed() {
            self.begin_at(version);
        }
        self.followers += 1;
    }

    fn leave(&mut self) {
        self.followers -= 1;
        if !self.is_followed() {
            self.begin_at(u64::MAX);
        }
    }
}

fn instance(plan: &Plan, row: &Entry) -> u32 {
    plan.row_key(row).instance
}

/// The rows of some ids, which are sorted.
fn of_ids<'a>(rows: &'a [Entry], ids: &'a [u64]) -> impl Iterator<Item = &'a Entry> {
    let span = ids.first().copied().unwrap_or(1)..=ids.last().copied().unwrap_or(0);
    rows.iter().filter(move |row| span.contains(&row.id) && ids.binary_search(&row.id).is_ok())
}

/// The folders whose rows of a hierarchy table may look different since a version, as sorted ids; None if the log
/// does not say.
fn changed_folders(
    mailbox: &Mailbox,
    reader: &dyn Reader,
    version: u64,
) -> Result<Option<Vec<u64>>> {
    let log = changes::read_after(mailbox, reader, version, MAX_LOG)?;
    if log.len() == MAX_LOG || log.first().is_none_or(|entry| entry.sequence != version + 1) {
        return Ok(None);
    }
    let named = log.iter().flat_map(|entry| [entry.folder, entry.old_folder, entry.parent]);
    let mut ids: Vec<u64> = named.map(|id| keys::id_number(id.replica, id.counter)).collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(Some(ids))
}

impl Follower {
    /// From now on.
    pub fn new(view: &Arc<View>) -> Result<Follower> {
        let version = view.core.join(&view.mailbox)?;
        Ok(Follower { view: Arc::clone(view), version })
    }

    /// What happened since the last call, or since the follower was made.
    ///
    /// Errors: [`StoreError::NotFound`] after the folder was deleted.
    pub fn take(&mut self, columns: &[PropertyTag]) -> Result<Changed> {
        // A snapshot is lost when the engine had to be opened again below it, which is rare.
        const ATTEMPTS: usize = 3;
        let mut attempt = 1;
        loop {
            match self.take_once(columns) {
                Err(StoreError::Engine(engine::Error::SnapshotLost)) if attempt < ATTEMPTS => {
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    fn take_once(&mut self, columns: &[PropertyTag]) -> Result<Changed> {
        let (state, snapshot, net) = self.view.core.followed(&self.view.mailbox, self.version)?;
        self.view.keep_to_budget();
        let changed = match net {
            Some(net) => self.read(&state, &*snapshot, net, columns)?,
            None => Changed::Everything,
        };
        self.version = state.version;
        Ok(changed)
    }

    fn read(
        &self,
        state: &State,
        reader: &dyn Reader,
        net: BTreeMap<(u64, u32), (bool, Option<Entry>)>,
        columns: &[PropertyTag],
    ) -> Result<Changed> {
        // Which rows of a categorised table a handle sees, and what the rows of its categories count, no journal
        // tells.
        if net.len() > MOST || !net.is_empty() && self.view.core.plan.categories > 0 {
            return Ok(Changed::Everything);
        }
        let plan = &self.view.core.plan;
        let context = Context::new(&self.view.mailbox, reader, plan.folder);
        let mut told = Vec::new();
        let mut there = Vec::new();
        for ((id, instance), (was, now)) in net {
            match now {
                Some(row) => there.push((row, was)),
                None if was => {
                    let object = plan.object(&Entry::new(&[], id));
                    told.push(RowChange::Deleted(RowName { object, instance }));
                }
                None => {}
            }
        }
        // In the order of the table, so that the row before each is in its place already.
        there.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        for (row, was) in there {
            let Ok(at) = state.rows.binary_search(&row) else { return Ok(Changed::Everything) };
            let Some(source) = plan.row(&context, &row)? else { return Ok(Changed::Everything) };
            let cell = |tag: &PropertyTag| RowSource::cell(&*source, *tag);
            let row = ToldRow {
                name: name(plan, &row),
                after: at.checked_sub(1).map(|before| name(plan, &state.rows[before])),
                cells: columns.iter().map(cell).collect::<Result<_>>()?,
            };
            told.push(if was { RowChange::Modified(row) } else { RowChange::Added(row) });
        }
        Ok(Changed::Rows(told))
    }
}

fn name(plan: &Plan, row: &Entry) -> RowName {
    RowName { object: plan.object(row), instance: instance(plan, row) }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.view.core.journal.lock().leave();
    }
}
