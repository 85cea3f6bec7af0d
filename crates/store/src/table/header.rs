//! The row of a category ([MS-OXCTABL] 2.2.1): what it counts, and the values that its rows have in common.

use std::cell::OnceCell;

use mapi::{PropertyTag, PropertyValue, tags};

use super::category::Group;
use super::evaluate::Source;
use super::plan::Plan;
use super::rows::Entry;
use super::source::{self, Context, RowSource};
use crate::Result;
use crate::value::Value;

/// PidTagRowType ([MS-OXCTABL] 2.2.1.3). There is no TBL_EMPTY_CATEGORY: a category is there because of its rows.
const EXPANDED_CATEGORY: i32 = 3;
const COLLAPSED_CATEGORY: i32 = 4;

/// A category's row.
pub(crate) struct HeaderRow<'a> {
    plan: &'a Plan,
    context: &'a Context<'a>,
    rows: &'a [Entry],
    group: &'a Group,
    expanded: bool,
    /// Whose values the category's columns show.
    first: OnceCell<Option<Box<dyn RowSource + 'a>>>,
    /// Whose value sorts the category, if not its own column does.
    extreme: OnceCell<Option<Box<dyn RowSource + 'a>>>,
}

impl<'a> HeaderRow<'a> {
    pub(crate) fn new(
        plan: &'a Plan,
        context: &'a Context<'a>,
        rows: &'a [Entry],
        group: &'a Group,
        expanded: bool,
    ) -> Self {
        let (first, extreme) = (OnceCell::new(), OnceCell::new());
        HeaderRow { plan, context, rows, group, expanded, first, extreme }
    }

    /// Reads a row only when a value of it is asked for: a search looks at many categories.
    fn row<'s>(
        &'s self,
        cell: &'s OnceCell<Option<Box<dyn RowSource + 'a>>>,
        at: u32,
    ) -> Result<Option<&'s dyn RowSource>> {
        if cell.get().is_none() {
            let row = match self.rows.get(at as usize) {
                Some(entry) => self.plan.row(self.context, entry)?,
                None => None,
            };
            // It was empty.
            let _ = cell.set(row);
        }
        Ok(cell.get().and_then(|row| row.as_deref()))
    }

    fn is_own(&self, tag: PropertyTag) -> bool {
        let own = &self.plan.columns[..=usize::from(self.group.level)];
        own.iter().any(|column| column.tag.id() == tag.id())
    }

    /// The row that has the value.
    fn giver(&self, tag: PropertyTag) -> Result<Option<&dyn RowSource>> {
        let lowest = usize::from(self.group.level) + 1 == self.plan.categories;
        match &self.plan.extreme {
            _ if self.is_own(tag) => self.row(&self.first, self.group.start),
            Some(extreme) if lowest && extreme.tag.id() == tag.id() => {
                self.row(&self.extreme, self.group.extreme)
            }
            _ => Ok(None),
        }
    }
}

impl RowSource for HeaderRow<'_> {
    fn find(&self, tag: PropertyTag) -> Result<Option<Value>> {
        const INST_ID: u16 = tags::INST_ID.id();
        const INSTANCE_NUM: u16 = tags::INSTANCE_NUM.id();
        const INSTANCE_KEY: u16 = tags::INSTANCE_KEY.id();
        const ROW_TYPE: u16 = tags::ROW_TYPE.id();
        const DEPTH: u16 = tags::DEPTH.id();
        const FOLDER_ID: u16 = tags::FOLDER_ID.id();
        const CONTENT_COUNT: u16 = tags::CONTENT_COUNT.id();
        const UNREAD_COUNT: u16 = tags::CONTENT_UNREAD_COUNT.id();
        let id = self.group.id.to_i64();
        let folder = self.context.folder.to_i64();
        Ok(Some(match tag.id() {
            INST_ID => id.into(),
            INSTANCE_NUM => 0i32.into(),
            INSTANCE_KEY => source::instance_key(folder, id, 0).into(),
            ROW_TYPE => if self.expanded { EXPANDED_CATEGORY } else { COLLAPSED_CATEGORY }.into(),
            DEPTH => i32::from(self.group.level).into(),
            FOLDER_ID => folder.into(),
            CONTENT_COUNT => (self.group.rows().len() as i32).into(),
            UNREAD_COUNT => (self.group.unread as i32).into(),
            _ => match self.giver(tag)? {
                Some(row) => return row.find(tag),
                None => return Ok(None),
            },
        }))
    }

    fn store(&self) -> &crate::Store {
        self.context.mailbox.store()
    }

    /// Those that its first row shows.
    fn place(&self, id: u16) -> usize {
        let first = self.row(&self.first, self.group.start).ok().flatten();
        first.map_or(0, |row| row.place(id))
    }
}

impl Source for HeaderRow<'_> {
    fn value(&self, tag: PropertyTag) -> Result<Option<PropertyValue>> {
        source::searched(self.store(), self.find(tag)?)
    }
    fn size(&self, tag: PropertyTag) -> Result<Option<u64>> {
        Ok(self.find(tag)?.as_ref().map(source::size_of_value))
    }
    fn any_part(
        &self,
        _: PropertyTag,
        _: &mut dyn FnMut(&dyn Source) -> Result<bool>,
    ) -> Result<bool> {
        Ok(false)
    }
}
