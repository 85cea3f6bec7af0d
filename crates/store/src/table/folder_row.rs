//! A row of a hierarchy table: what is computed for the row, and the folder's own properties.

use mapi::{FolderId, PropertyTag, PropertyValue, tags};

use super::evaluate::Source;
use super::source::{
    Context, LEAF_ROW, RowSource, instance_key, name_of, searched, single, size_of_value,
};
use crate::folder::computed::FolderView;
use crate::mailbox::entry_ids;
use crate::value::Value;
use crate::{Result, StoreError, folder};

/// A row of a hierarchy table.
pub(crate) struct FolderRow<'a> {
    context: &'a Context<'a>,
    view: FolderView<'a>,
}

impl<'a> FolderRow<'a> {
    /// None if the folder is gone.
    pub(crate) fn read(context: &'a Context<'a>, id: FolderId) -> Result<Option<Self>> {
        let Context { mailbox, reader, .. } = *context;
        match folder::readable(mailbox, reader, id) {
            Ok(record) => {
                let view = FolderView::new(mailbox, reader, id, record);
                Ok(Some(FolderRow { context, view }))
            }
            Err(StoreError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.view.record.name
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.view.record.state.is_soft_deleted()
    }

    /// Levels below the table's folder: 1 for its children.
    fn depth(&self) -> Result<i32> {
        let Context { mailbox, reader, folder: top, .. } = *self.context;
        let (mut depth, mut above) = (1, self.view.record.parent);
        while above != top && depth < folder::MAX_DEPTH as i32 {
            let parent = folder::readable(mailbox, reader, above)?.parent;
            if parent == above {
                break;
            }
            (depth, above) = (depth + 1, parent);
        }
        Ok(depth)
    }
}

impl RowSource for FolderRow<'_> {
    fn find(&self, tag: PropertyTag) -> Result<Option<Value>> {
        const INST_ID: u16 = tags::INST_ID.id();
        const INSTANCE_NUM: u16 = tags::INSTANCE_NUM.id();
        const INSTANCE_KEY: u16 = tags::INSTANCE_KEY.id();
        const ROW_TYPE: u16 = tags::ROW_TYPE.id();
        const DEPTH: u16 = tags::DEPTH.id();
        const PARENT_DISPLAY: u16 = tags::PARENT_DISPLAY.id();
        const LONG_TERM: u16 = tags::LONG_TERM_ENTRY_ID_FROM_TABLE.id();
        let Context { mailbox, reader, .. } = *self.context;
        let id = self.view.id;
        Ok(Some(match tag.id() {
            INST_ID => id.to_i64().into(),
            INSTANCE_NUM => 0i32.into(),
            INSTANCE_KEY => instance_key(self.context.folder.to_i64(), id.to_i64(), 0).into(),
            ROW_TYPE => LEAF_ROW.into(),
            DEPTH => self.depth()?.into(),
            PARENT_DISPLAY => {
                return Ok(name_of(mailbox, reader, self.view.record.parent)?.map(Value::from));
            }
            LONG_TERM => entry_ids::folder(mailbox, id)?.into(),
            _ => return self.view.get(single(tag)),
        }))
    }

    fn store(&self) -> &crate::Store {
        self.context.mailbox.store()
    }

    fn place(&self, _: u16) -> usize {
        0
    }
}

impl Source for FolderRow<'_> {
    fn value(&self, tag: PropertyTag) -> Result<Option<PropertyValue>> {
        searched(self.store(), self.find(tag)?)
    }
    fn size(&self, tag: PropertyTag) -> Result<Option<u64>> {
        Ok(self.find(tag)?.as_ref().map(size_of_value))
    }
    fn any_part(
        &self,
        _: PropertyTag,
        _: &mut dyn FnMut(&dyn Source) -> Result<bool>,
    ) -> Result<bool> {
        Ok(false)
    }
}
