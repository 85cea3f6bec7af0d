//! Expanding and collapsing categories ([MS-OXCTABL] 3.2.5.17 to 3.2.5.20): of one handle, whoever else looks at
//! the same view.

use std::sync::Arc;

use mapi::{MessageId, Wire};

use super::category::CategoryId;
use super::outline::{KeptState, MAX_TOGGLED};
use super::sight::Sight;
use super::{RowKey, RowObject, View};
use crate::mailbox::changes;
use crate::{Result, StoreError};

/// What became of a category that was to be expanded or collapsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Toggled {
    /// It stands at a position, and so many rows came or went behind it.
    Done { position: usize, rows: usize },
    /// No row of that id is shown.
    Missing,
    /// It was like that, or is the row of a message.
    Already,
    /// Too many are the other way round than they began.
    TooMany,
}

impl View {
    /// Expands a category that is shown; collapses it if not `expand`.
    pub fn expand(&self, id: CategoryId, expand: bool) -> Result<Toggled> {
        let plan = &self.core.plan;
        let before = self.sight()?;
        let Some(groups) = &before.state.groups else { return Ok(Toggled::Missing) };
        let Some(position) = before.position_of_object(plan, RowObject::Category(id)) else {
            let leaf = RowObject::Message(MessageId::from_i64(id.to_i64()));
            return Ok(match before.position_of_object(plan, leaf) {
                Some(_) => Toggled::Already,
                None => Toggled::Missing,
            });
        };
        let Some(group) = groups.list.iter().find(|group| group.id == id) else {
            return Ok(Toggled::Missing);
        };
        let outline = {
            let mut outline = self.outline.lock();
            if outline.is_expanded(group.level, id) == expand {
                return Ok(Toggled::Already);
            }
            let changed = Arc::make_mut(&mut outline);
            if !changed.toggle(id, groups) {
                return Ok(Toggled::TooMany);
            }
            if self.core.journal.lock().is_followed() {
                changed.toggled_at(before.state.version, id);
            }
            outline.clone()
        };
        let now = Sight::of(&self.core, before.state.clone(), self.handle, outline);
        Ok(Toggled::Done { position, rows: now.len().abs_diff(before.len()) })
    }

    /// Bytes of memory that the handle holds for what was expanded and collapsed.
    pub fn outline_bytes(&self) -> u64 {
        self.outline.lock().held()
    }

    /// Which categories are expanded, and the row of an instance, as bytes for [`View::restore_outline`] on this
    /// or another view of the same sort order and restriction.
    pub fn keep_outline(&self, row: (i64, u32)) -> Vec<u8> {
        let outline = self.outline.lock().clone();
        KeptState {
            query: self.order_number(),
            folder: self.core.plan.folder.to_i64(),
            row,
            expanded: outline.expanded,
            toggled: outline.toggled.clone(),
        }
        .to_wire()
    }

    /// Expands and collapses what was so when it was kept, and tells what names the row that was kept along, if
    /// it was in this folder and is there.
    ///
    /// Errors: [`StoreError::Invalid`] for other bytes, and those of another sort order or restriction.
    pub fn restore_outline(&self, kept: &[u8]) -> Result<Option<RowKey>> {
        let kept = KeptState::from_wire(kept)
            .map_err(|_| StoreError::Invalid("bytes that are no collapse state"))?;
        if kept.query != self.order_number() {
            return Err(StoreError::Invalid("the collapse state of a table of another order"));
        }
        debug_assert!(kept.toggled.len() <= MAX_TOGGLED);
        let (folder, (row, instance)) = (kept.folder, kept.row);
        let version = changes::latest(&self.mailbox)?;
        {
            let mut outline = self.outline.lock();
            *outline = Arc::new(outline.restored(kept, version));
        }
        if folder != self.core.plan.folder.to_i64() {
            return Ok(None);
        }
        Ok(self.sight()?.key_of_instance(&self.core.plan, row, instance))
    }

    /// A number that views of the same sort order and restriction have.
    fn order_number(&self) -> u64 {
        let query = &self.core.query;
        let mut sort = query.sort.clone();
        // How many begin expanded is part of what is kept.
        sort.expanded = 0;
        let mut bytes = sort.to_wire();
        if let Some(restriction) = &query.restriction {
            restriction.write(&mut bytes);
        }
        CategoryId::of(usize::MAX, &bytes).0
    }
}
