//! What became of the rows of a view since somebody looked: for those who keep a copy of a table and are told
//! what changes in it ([MS-OXCNOTIF] 3.1.4.3).
//!
//! A view that is followed keeps a journal of the rows that came, went and changed, of bounded length. Who
//! follows it remembers the version that he has seen; what happened since is worked out when he asks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::RangeInclusive;
use std::sync::Arc;

use mapi::{Cell, PropertyTag};

use super::outline::Outline;
use super::plan::Plan;
use super::rows::Entry;
use super::sight::Sight;
use super::source::Context;
use super::view::State;
use super::{RowObject, View, regroup};
use crate::engine::{self, Reader};
use crate::keys;
use crate::mailbox::changes::{self, Change};
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
    /// As it was there before.
    was: Option<Entry>,
    /// As it was there afterwards.
    now: Option<Entry>,
}

/// What became of the touched rows since a version, by their ids and instances.
pub(crate) type Net = BTreeMap<(u64, u32), History>;

/// What a row was, and from which version on it was something else; None is that it was not there.
#[derive(Debug)]
pub(crate) struct History {
    was: Option<Entry>,
    later: Vec<(u64, Option<Entry>)>,
}

impl History {
    pub(crate) fn was(&self) -> Option<&Entry> {
        self.was.as_ref()
    }

    pub(crate) fn now(&self) -> Option<&Entry> {
        self.later.last().map_or(&self.was, |(_, entry)| entry).as_ref()
    }

    /// As it was at a version.
    pub(crate) fn at(&self, version: u64) -> Option<&Entry> {
        let later = self.later.iter().rev().find(|(from, _)| *from <= version);
        later.map_or(&self.was, |(_, entry)| entry).as_ref()
    }

    /// All that it was.
    pub(crate) fn each(&self) -> impl Iterator<Item = &Entry> {
        self.was.iter().chain(self.later.iter().filter_map(|(_, entry)| entry.as_ref()))
    }
}

/// What is to be told of some rows.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) gone: Vec<RowName>,
    /// Positions of the rows that came (false) or that were there and changed (true).
    pub(crate) there: BTreeMap<usize, bool>,
}

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
            .map(|row| {
                let was = Some(row.clone());
                Touched { id: row.id, instance: plan.instance(row), was, now: None }
            })
            .collect();
        for row in new {
            let instance = plan.instance(row);
            let now = Some(row.clone());
            match touched.iter_mut().find(|t| t.id == row.id && t.instance == instance) {
                Some(touched) => touched.now = now,
                None => touched.push(Touched { id: row.id, instance, was: None, now }),
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
            let (was, now) = (was.cloned(), now.cloned());
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

    /// None if that is not known.
    pub(crate) fn since(&self, version: u64) -> Option<Net> {
        if version < self.base {
            return None;
        }
        let mut net = Net::new();
        for step in self.steps.iter().filter(|step| step.from >= version) {
            for touched in &step.touched {
                let history = net
                    .entry((touched.id, touched.instance))
                    .or_insert_with(|| History { was: touched.was.clone(), later: Vec::new() });
                history.later.push((step.to, touched.now.clone()));
            }
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
    let Some(log) = log_since(mailbox, reader, version, MAX_LOG)? else { return Ok(None) };
    let mut ids: Vec<u64> = log.iter().flat_map(named).collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(Some(ids))
}

/// The changes after a version; None if they are as many as `most`, or were trimmed.
pub(super) fn log_since(
    mailbox: &Mailbox,
    reader: &dyn Reader,
    version: u64,
    most: usize,
) -> Result<Option<Vec<Change>>> {
    let log = changes::read_after(mailbox, reader, version, most)?;
    let whole = log.len() < most && log.first().is_some_and(|entry| entry.sequence == version + 1);
    Ok(whole.then_some(log))
}

/// The folders that an entry of the log is about.
fn named(entry: &Change) -> impl Iterator<Item = u64> + use<> {
    let ids = [entry.folder, entry.old_folder, entry.parent];
    ids.into_iter().map(|id| keys::id_number(id.replica, id.counter))
}

/// What others did, beside the changes of somebody's own.
enum Others {
    Unknown,
    None,
    /// Folders by who touched them.
    Touched {
        own: BTreeSet<u64>,
        others: BTreeSet<u64>,
    },
}

fn others(
    mailbox: &Mailbox,
    reader: &dyn Reader,
    version: u64,
    own: &[RangeInclusive<u64>],
) -> Result<Others> {
    let Some(log) = log_since(mailbox, reader, version, MAX_LOG)? else {
        return Ok(Others::Unknown);
    };
    let is_own = |entry: &&Change| own.iter().any(|range| range.contains(&entry.sequence));
    let (mine, theirs): (Vec<&Change>, Vec<&Change>) = log.iter().partition(is_own);
    if theirs.is_empty() {
        return Ok(Others::None);
    }
    let ids = |entries: Vec<&Change>| entries.into_iter().flat_map(named).collect();
    Ok(Others::Touched { own: ids(mine), others: ids(theirs) })
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
        self.take_others(columns, &[])
    }

    /// As [`Follower::take`], of a hierarchy without the rows that nobody touched but who wrote these sequences of
    /// the change log.
    pub fn take_others(
        &mut self,
        columns: &[PropertyTag],
        own: &[RangeInclusive<u64>],
    ) -> Result<Changed> {
        // A snapshot is lost when the engine had to be opened again below it, which is rare.
        const ATTEMPTS: usize = 3;
        let mut attempt = 1;
        loop {
            match self.take_once(columns, own) {
                Err(StoreError::Engine(engine::Error::SnapshotLost)) if attempt < ATTEMPTS => {
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    fn take_once(
        &mut self,
        columns: &[PropertyTag],
        own: &[RangeInclusive<u64>],
    ) -> Result<Changed> {
        let View { core, mailbox, handle, .. } = &*self.view;
        let outline = self.view.outline.lock().clone();
        let (state, snapshot, net) = core.followed(mailbox, self.version)?;
        self.view.keep_to_budget();
        let version = state.version;
        let sight = Sight::of(core, state, *handle, outline.clone());
        let outcome = || net.and_then(|net| self.outcome(&sight, &outline, &net));
        let others = match own.is_empty() {
            true => Others::Unknown,
            false => others(mailbox, &*snapshot, self.version, own)?,
        };
        let outcome = match others {
            Others::Unknown => outcome(),
            Others::None => Some(Outcome::default()),
            Others::Touched { own, others } => outcome().map(|mut outcome| {
                let plan = &core.plan;
                let remains = |object: RowObject| match object {
                    RowObject::Folder(id) => {
                        let id = keys::id_number(id.replica, id.counter);
                        others.contains(&id) || !own.contains(&id)
                    }
                    _ => true,
                };
                let object = |at| sight.name(plan, at).map(|name| name.object);
                outcome.gone.retain(|name| remains(name.object));
                outcome.there.retain(|at, _| object(*at).is_none_or(remains));
                outcome
            }),
        };
        let changed = match outcome {
            Some(outcome) => self.read(&sight, &*snapshot, outcome, columns)?,
            None => Changed::Everything,
        };
        self.version = version;
        Ok(changed)
    }

    /// None if it is too much, or not known.
    fn outcome(&self, sight: &Sight, outline: &Outline, net: &Net) -> Option<Outcome> {
        let plan = &self.view.core.plan;
        let outcome = match &sight.lines {
            Some(_) => regroup::outcome(plan, sight, (outline, self.version), net)?,
            None if net.len() > MOST => return None,
            None => rows_of(plan, &sight.state, net)?,
        };
        (outcome.gone.len() + outcome.there.len() <= MOST).then_some(outcome)
    }

    fn read(
        &self,
        sight: &Sight,
        reader: &dyn Reader,
        outcome: Outcome,
        columns: &[PropertyTag],
    ) -> Result<Changed> {
        let plan = &self.view.core.plan;
        let context = Context::new(&self.view.mailbox, reader, plan.folder);
        let mut told: Vec<RowChange> = outcome.gone.into_iter().map(RowChange::Deleted).collect();
        // In the order of the table, so that the row before each is in its place already.
        for (at, was) in outcome.there {
            let Some(row) = self.view.row(&context, sight, at, columns)? else {
                return Ok(Changed::Everything);
            };
            let before = at.checked_sub(1).and_then(|before| sight.name(plan, before));
            let row = ToldRow { name: row.name(), after: before, cells: row.cells };
            told.push(if was { RowChange::Modified(row) } else { RowChange::Added(row) });
        }
        Ok(Changed::Rows(told))
    }
}

/// What is to be told of a table without categories.
fn rows_of(plan: &Plan, state: &State, net: &Net) -> Option<Outcome> {
    let mut outcome = Outcome::default();
    for ((id, instance), history) in net {
        match history.now() {
            Some(row) => {
                let at = state.rows.binary_search(row).ok()?;
                outcome.there.insert(at, history.was().is_some());
            }
            None if history.was().is_some() => {
                let object = plan.object(&Entry::new(&[], *id));
                outcome.gone.push(RowName { object, instance: *instance });
            }
            None => {}
        }
    }
    Some(outcome)
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.view.core.journal.lock().leave();
    }
}
