//! The rows of a view as one of its handles sees them: all of them, or with categories those of the categories
//! that are expanded, and the rows of the categories themselves.

use std::sync::Arc;

use super::category::Group;
use super::header::HeaderRow;
use super::outline::{Line, Lines, Outline};
use super::plan::Plan;
use super::source::Context;
use super::view::{Core, State};
use super::{RowKey, RowName, RowObject, source};

/// One state of a view, and what a handle sees of it.
pub(crate) struct Sight {
    pub(crate) state: Arc<State>,
    /// Of a table with categories.
    pub(crate) lines: Option<Arc<Lines>>,
    outline: Arc<Outline>,
}

impl Sight {
    pub(crate) fn of(core: &Core, state: Arc<State>, handle: u64, outline: Arc<Outline>) -> Sight {
        let groups = state.groups.as_ref();
        let lines = groups.map(|groups| core.lines(handle, &state, groups, &outline));
        Sight { state, lines, outline }
    }

    pub(crate) fn len(&self) -> usize {
        match &self.lines {
            Some(lines) => lines.len(),
            None => self.state.rows.len(),
        }
    }

    pub(crate) fn line(&self, position: usize) -> Option<Line> {
        match (&self.lines, &self.state.groups) {
            (Some(lines), Some(groups)) => lines.at(groups, position),
            _ => (position < self.state.rows.len()).then_some(Line::Leaf(position)),
        }
    }

    fn group(&self, at: usize) -> Option<&Group> {
        self.state.groups.as_ref()?.list.get(at)
    }

    /// The row of a category.
    pub(crate) fn header<'a>(
        &'a self,
        plan: &'a Plan,
        context: &'a Context<'a>,
        at: usize,
    ) -> Option<HeaderRow<'a>> {
        let group = self.group(at)?;
        let expanded = self.outline.is_expanded(group.level, group.id);
        Some(HeaderRow::new(plan, context, &self.state.rows, group, expanded))
    }

    pub(crate) fn key_at(&self, plan: &Plan, position: usize) -> Option<RowKey> {
        self.line(position).map(|line| self.key_of(plan, line))
    }

    pub(crate) fn key_of(&self, plan: &Plan, line: Line) -> RowKey {
        let rows = &self.state.rows;
        match (line, line.header().and_then(|at| self.group(at))) {
            (_, Some(group)) => RowKey {
                sort: source::shared(group.prefix(rows)),
                id: group.id.0,
                instance: 0,
                header: Some(group.level),
            },
            (Line::Leaf(at) | Line::Header(at), None) => plan.row_key(&rows[at]),
        }
    }

    pub(crate) fn object(&self, plan: &Plan, line: Line) -> RowObject {
        match (line, line.header().and_then(|at| self.group(at))) {
            (_, Some(group)) => RowObject::Category(group.id),
            (Line::Leaf(at) | Line::Header(at), None) => plan.object(&self.state.rows[at]),
        }
    }

    /// What names the row at a position to a client.
    pub(crate) fn name(&self, plan: &Plan, position: usize) -> Option<RowName> {
        let line = self.line(position)?;
        let instance = match line {
            Line::Header(_) => 0,
            Line::Leaf(at) => plan.instance(&self.state.rows[at]),
        };
        Some(RowName { object: self.object(plan, line), instance })
    }

    /// The position of a row, or of the next one; and whether the row is there.
    pub(crate) fn position_of(&self, plan: &Plan, key: &RowKey) -> (usize, bool) {
        let rows = &self.state.rows;
        let (Some(lines), Some(groups)) = (&self.lines, &self.state.groups) else {
            return match rows.binary_search(&plan.entry(key)) {
                Ok(at) => (at, true),
                Err(at) => (at, false),
            };
        };
        // What begins with a row that stands behind something that is gone.
        let behind = |row: usize| match groups.of_row(row) {
            Some(lowest) => {
                let start = groups.list[lowest].start as usize;
                match start == row {
                    // The outermost category that begins there.
                    true => lines.of_group(self.outermost(lowest, row)).0,
                    false => lines.of_leaf(lowest, row - start).0,
                }
            }
            None => lines.len(),
        };
        if key.header.is_some() {
            let own = groups
                .list
                .iter()
                .position(|group| group.id.0 == key.id && Some(group.level) == key.header);
            return match own {
                Some(group) => lines.of_group(group),
                None => (behind(rows.partition_point(|row| row.key() < &key.sort[..])), false),
            };
        }
        let in_group = |row: usize| {
            let lowest = groups.of_row(row)?;
            let start = groups.list[lowest].start as usize;
            Some((lowest, row - start))
        };
        match rows.binary_search(&plan.entry(key)) {
            Ok(row) => match in_group(row) {
                Some((group, number)) => lines.of_leaf(group, number),
                None => (lines.len(), false),
            },
            // Between the rows of its category, or behind the last of them.
            Err(row) => match row.checked_sub(1).and_then(in_group) {
                Some((group, number)) if key.sort.starts_with(groups.list[group].prefix(rows)) => {
                    (lines.of_leaf(group, number + 1).0, false)
                }
                _ => match in_group(row) {
                    // Before the first of its category.
                    Some((group, 0)) if key.sort.starts_with(groups.list[group].prefix(rows)) => {
                        (lines.of_leaf(group, 0).0, false)
                    }
                    _ => (behind(row), false),
                },
            },
        }
    }

    /// The category of the highest level whose first row is `row`, among those that a lowest one is in.
    fn outermost(&self, lowest: usize, row: usize) -> usize {
        let Some(groups) = &self.state.groups else { return lowest };
        let level = groups.list[lowest].level;
        // Those that it is in stand before it, each of a level less.
        let (mut found, mut wanted) = (lowest, level);
        for at in (0..lowest).rev() {
            let group = &groups.list[at];
            if group.level < wanted {
                wanted = group.level;
                match group.start as usize == row {
                    true => found = at,
                    false => break,
                }
            }
            if wanted == 0 {
                break;
            }
        }
        found
    }

    pub(crate) fn position_of_object(&self, plan: &Plan, object: RowObject) -> Option<usize> {
        let rows = &self.state.rows;
        let (Some(lines), Some(groups)) = (&self.lines, &self.state.groups) else {
            return rows.iter().position(|entry| plan.object(entry) == object);
        };
        if let RowObject::Category(id) = object {
            let group = groups.list.iter().position(|group| group.id == id)?;
            let (position, shown) = lines.of_group(group);
            return shown.then_some(position);
        }
        let is_it = |at: &usize| plan.object(&rows[*at]) == object;
        (0..rows.len()).filter(is_it).find_map(|row| {
            let group = groups.of_row(row)?;
            let start = groups.list[group].start as usize;
            let (position, shown) = lines.of_leaf(group, row - start);
            shown.then_some(position)
        })
    }

    /// What names the row with these values of PidTagInstID and PidTagInstanceNum, shown or not.
    pub(crate) fn key_of_instance(&self, plan: &Plan, id: i64, instance: u32) -> Option<RowKey> {
        let groups = self.state.groups.iter().flat_map(|groups| &groups.list).enumerate();
        let mut headers = groups.filter(|(_, group)| group.id.to_i64() == id);
        if let Some((at, _)) = headers.next() {
            return Some(self.key_of(plan, Line::Header(at)));
        }
        let is_it = |row: &&super::rows::Entry| {
            let object = match plan.object(row) {
                RowObject::Message(message) => message.to_i64(),
                RowObject::Folder(folder) => folder.to_i64(),
                RowObject::Category(category) => category.to_i64(),
            };
            object == id && plan.instance(row) == instance
        };
        self.state.rows.iter().find(is_it).map(|row| plan.row_key(row))
    }
}

impl Line {
    fn header(self) -> Option<usize> {
        match self {
            Line::Header(at) => Some(at),
            Line::Leaf(_) => None,
        }
    }
}
