//! What is to be told of a categorised table to who follows it: rows of its categories, and the rows below those
//! that are expanded.
//!
//! The journal of the view knows what became of the view's own rows, whoever sees them. From that and the
//! categories of now it is worked out what the categories were; no earlier state of the view is kept. What the
//! follower expanded and collapsed himself he knows: then he has read, or dropped, what is below it as of then.

use std::collections::BTreeMap;

use super::category::{CategoryId, Group, Groups};
use super::collate;
use super::follow::{History, Net, Outcome};
use super::outline::Outline;
use super::plan::Plan;
use super::rows::Entry;
use super::sight::Sight;
use super::{RowName, RowObject};

/// Rows of a category that stands in another place: all of them are told, so of more the whole table is.
const MOST_MOVED: usize = 128;

/// What is to be told to who saw the table in a version; None if that is too much, or not known.
pub(crate) fn outcome(
    plan: &Plan,
    sight: &Sight,
    (outline, version): (&Outline, u64),
    net: &Net,
) -> Option<Outcome> {
    if !outline.knows_since(version) {
        return None;
    }
    let groups = sight.state.groups.as_deref()?;
    let follow = Follow { plan, sight, groups, outline, version, net };
    let mut outcome = Outcome::default();
    for ((id, instance), history) in net {
        follow.leaf(*id, *instance, history, &mut outcome)?;
    }
    let categories = follow.categories();
    let mut moving = BTreeMap::new();
    for category in categories.values() {
        follow.header(category, &mut outcome, &mut moving)?;
    }
    follow.moved(moving, &mut outcome)?;
    Some(outcome)
}

struct Follow<'a> {
    plan: &'a Plan,
    sight: &'a Sight,
    groups: &'a Groups,
    outline: &'a Outline,
    version: u64,
    net: &'a Net,
}

/// A category that a touched row is in, or was.
struct Category {
    id: CategoryId,
    prefix: Box<[u8]>,
    /// Those that it is in.
    above: Vec<CategoryId>,
}

/// Lowest categories whose value in the order of them is another one: each with the bytes of the old one.
type Moving = BTreeMap<usize, Vec<u8>>;

impl Follow<'_> {
    /// A row of the view.
    fn leaf(&self, id: u64, instance: u32, history: &History, outcome: &mut Outcome) -> Option<()> {
        // Some of what it was is what the follower saw, if he saw the category that it was in then.
        let was = history.each().any(|entry| {
            let path = path(self.plan, entry.key());
            self.is_open(&path) && history.at(self.seen(&path)).is_some_and(|at| same(at, entry))
        });
        let now = history.now().filter(|entry| self.is_open(&path(self.plan, entry.key())));
        match now {
            Some(entry) => {
                let (position, shown) = self.position(entry)?;
                shown.then(|| outcome.there.insert(position, was))?;
            }
            None if was => {
                let object = self.plan.object(&Entry::new(&[], id));
                outcome.gone.push(RowName { object, instance });
            }
            None => {}
        }
        Some(())
    }

    fn position(&self, entry: &Entry) -> Option<(usize, bool)> {
        let row = self.sight.state.rows.binary_search(entry).ok()?;
        let group = self.groups.of_row(row)?;
        let number = row - self.groups.list[group].start as usize;
        Some(self.sight.lines.as_ref()?.of_leaf(group, number))
    }

    /// All that touched rows are in or were.
    fn categories(&self) -> BTreeMap<CategoryId, Category> {
        let mut all = BTreeMap::new();
        for entry in self.net.values().flat_map(History::each) {
            let mut above = Vec::new();
            for (id, end) in ends(self.plan, entry.key()) {
                all.entry(id).or_insert_with(|| {
                    let prefix = entry.key()[..end].into();
                    Category { id, prefix, above: above.clone() }
                });
                above.push(id);
            }
        }
        all
    }

    /// The row of a category.
    fn header(
        &self,
        category: &Category,
        outcome: &mut Outcome,
        moving: &mut Moving,
    ) -> Option<()> {
        if !self.is_open(&category.above) {
            return Some(());
        }
        let rows = &self.sight.state.rows;
        let seen = self.seen(&category.above);
        let at = self.groups.of_prefix(rows, category.above.len(), &category.prefix);
        let group = at.map(|at| &self.groups.list[at]);
        let belongs = |entry: &&Entry| entry.key().starts_with(&category.prefix);
        let came = self.net.values().filter_map(|row| row.now().filter(belongs));
        let went = self.net.values().filter_map(|row| row.at(seen).filter(belongs));
        let unread = |entry: &&Entry| entry.is_unread();
        let counts = group.map_or((0, 0), |group| (group.rows().len(), group.unread as usize));
        let old_counts = (
            (counts.0 + went.clone().count()).checked_sub(came.clone().count())?,
            (counts.1 + went.clone().filter(unread).count())
                .checked_sub(came.clone().filter(unread).count())?,
        );
        let (Some(at), Some(group)) = (at, group) else {
            if old_counts.0 > 0 {
                let object = RowObject::Category(category.id);
                outcome.gone.push(RowName { object, instance: 0 });
            }
            return Some(());
        };
        let was = old_counts.0 > 0;
        let mut changed = !was || counts != old_counts;
        // Its values are those of its first row.
        let first = &rows[group.start as usize];
        changed |= went.clone().chain(came.clone()).any(|entry| entry <= first);
        if let Some(extreme) = &self.plan.extreme
            && usize::from(group.level) + 1 == self.plan.categories
        {
            let value = |entry: &'_ Entry| {
                extreme.value(self.plan, entry.key(), group.prefix as usize).to_vec()
            };
            let now = value(&rows[group.extreme as usize]);
            let touched = went.clone().chain(came).any(|entry| value(entry) == now);
            let untouched = self.extreme_of_untouched(group).map(value);
            let old = untouched.into_iter().chain(went.map(value));
            let old = if extreme.smallest { old.min() } else { old.max() };
            if let Some(old) = old.filter(|old| was && *old != now) {
                moving.insert(at, old);
                changed = true;
            }
            changed |= touched;
        }
        if changed {
            let (position, shown) = self.sight.lines.as_ref()?.of_group(at);
            shown.then(|| outcome.there.insert(position, was))?;
        }
        Some(())
    }

    /// Of the rows of a category that nothing happened to, the one by which it would be sorted.
    fn extreme_of_untouched(&self, group: &Group) -> Option<&Entry> {
        let (plan, rows) = (self.plan, &self.sight.state.rows);
        let extreme = plan.extreme.as_ref()?;
        let untouched = |row: &&Entry| !self.net.contains_key(&(row.id, plan.instance(row)));
        let own = &rows[group.rows()];
        let known = &rows[group.extreme as usize];
        if untouched(&known) {
            return Some(known);
        }
        if let Some(rising) = extreme.rises_in(plan) {
            return match rising {
                true => own.iter().rev().find(untouched),
                false => own.iter().find(untouched),
            };
        }
        let value = |row: &&Entry| extreme.value(plan, row.key(), group.prefix as usize).to_vec();
        match extreme.smallest {
            true => own.iter().filter(untouched).min_by_key(value),
            false => own.iter().filter(untouched).max_by_key(value),
        }
    }

    /// Categories that stand in another place among those beside them, with all that is shown below them.
    fn moved(&self, moving: Moving, outcome: &mut Outcome) -> Option<()> {
        let mut rest = moving;
        while let Some((at, _)) = rest.first_key_value() {
            let siblings = self.groups.siblings(*at);
            let behind = rest.split_off(&siblings.end);
            let moving = std::mem::replace(&mut rest, behind);
            let still: Vec<usize> = siblings.filter(|at| !moving.contains_key(at)).collect();
            // Between which of those that stand still it was, and is.
            let places: Vec<(usize, (usize, usize))> = moving
                .iter()
                .map(|(at, old)| {
                    let was = still.partition_point(|other| self.stands_before(*other, *at, old));
                    (*at, (was, still.partition_point(|other| other < at)))
                })
                .collect();
            for (at, (was, is)) in &places {
                let alone = |(other, (from, to)): &(usize, (usize, usize))| {
                    other == at || ![*was, *is].iter().any(|place| place == from || place == to)
                };
                if was != is || !places.iter().all(alone) {
                    self.tell_whole(*at, outcome)?;
                }
            }
        }
        Some(())
    }

    /// Whether a category stands before what another one was with a value.
    fn stands_before(&self, other: usize, at: usize, old: &[u8]) -> bool {
        let rows = &self.sight.state.rows;
        let Some(extreme) = &self.plan.extreme else { return other < at };
        let group = &self.groups.list[other];
        let key = rows[group.extreme as usize].key();
        let value = extreme.value(self.plan, key, group.prefix as usize);
        let order = match self.plan.columns[usize::from(group.level)].descending {
            false => value.cmp(old),
            true => old.cmp(value),
        };
        // As in the order of the categories, those of the same value by their own.
        order.then_with(|| group.start.cmp(&self.groups.list[at].start)).is_lt()
    }

    fn tell_whole(&self, at: usize, outcome: &mut Outcome) -> Option<()> {
        let lines = self.sight.lines.as_ref()?;
        let (position, _) = lines.of_group(at);
        let below = lines.below(at);
        if below.len() > MOST_MOVED {
            return None;
        }
        [position].into_iter().chain(below).for_each(|position| {
            outcome.there.entry(position).or_insert(true);
        });
        Some(())
    }

    fn is_open(&self, path: &[CategoryId]) -> bool {
        let levels = path.iter().zip(0..);
        levels.into_iter().all(|(id, level)| self.outline.is_expanded(level, *id))
    }

    /// As of which version the follower knows what is below some categories, one in the other.
    fn seen(&self, path: &[CategoryId]) -> u64 {
        let expanded = path.iter().filter_map(|id| self.outline.when(*id)).max();
        expanded.unwrap_or(0).max(self.version)
    }
}

/// The same in the order; whether it is read or not is of no matter.
fn same(a: &Entry, b: &Entry) -> bool {
    a == b
}

/// The categories that a key's row is in, each with the end of its part of the key.
fn ends<'a>(plan: &'a Plan, key: &'a [u8]) -> impl Iterator<Item = (CategoryId, usize)> + 'a {
    let mut end = 0;
    plan.columns[..plan.categories].iter().enumerate().map(move |(level, column)| {
        end += collate::column_len(&key[end..], column.descending);
        (CategoryId::of(level, &key[..end]), end)
    })
}

fn path(plan: &Plan, key: &[u8]) -> Vec<CategoryId> {
    ends(plan, key).map(|(id, _)| id).collect()
}
