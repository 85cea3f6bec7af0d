//! Properties of folders that are computed from their records ([MS-OXCFOLD] 2.2.2).

use std::cell::OnceCell;

use mapi::{FolderId, PropertyTag, PropertyType, tags};

use super::{FolderKind, properties_of};
use crate::engine::Reader;
use crate::mailbox::special::SpecialFolder;
use crate::mailbox::{entry_ids, read_state};
use crate::record::folder::FolderRecord;
use crate::value::{Properties, Value};
use crate::{Mailbox, Result, permission, rule};

/// PidTagFolderChildCount, which [MS-OXPROPS] lacks.
const FOLDER_CHILD_COUNT: PropertyTag = PropertyTag::new(0x6638_0003);
/// PidTagDeletedMsgCount: soft-deleted messages.
const DELETED_MSG_COUNT: PropertyTag = PropertyTag::new(0x6640_0003);
/// PidTagDeletedFolderCount: soft-deleted folders directly in this one.
const DELETED_FOLDER_COUNT: PropertyTag = PropertyTag::new(0x6641_0003);
/// PR_DELETED_MESSAGE_SIZE_EXTENDED: bytes of soft-deleted messages.
const DELETED_MESSAGE_SIZE: PropertyTag = PropertyTag::new(0x669b_0014);

/// All that a folder computes; none of it can be set by clients except the display name.
const COMPUTED: &[PropertyTag] = &[
    tags::ACCESS,
    tags::ACCESS_LEVEL,
    tags::ASSOCIATED_CONTENT_COUNT,
    tags::CHANGE_KEY,
    tags::CHANGE_NUMBER,
    tags::CONTENT_COUNT,
    tags::CONTENT_UNREAD_COUNT,
    tags::CREATION_TIME,
    tags::DELETED_COUNT_TOTAL,
    DELETED_FOLDER_COUNT,
    DELETED_MESSAGE_SIZE,
    DELETED_MSG_COUNT,
    tags::DELETED_ON,
    tags::DISPLAY_NAME,
    tags::ENTRY_ID,
    tags::FOLDER_ID,
    FOLDER_CHILD_COUNT,
    tags::FOLDER_FLAGS,
    tags::FOLDER_TYPE,
    tags::HAS_RULES,
    tags::HIERARCHY_CHANGE_NUMBER,
    tags::HIER_REV,
    tags::LAST_MODIFICATION_TIME,
    tags::LOCAL_COMMIT_TIME,
    tags::LOCAL_COMMIT_TIME_MAX,
    tags::MAPPING_SIGNATURE,
    tags::MESSAGE_SIZE,
    tags::MESSAGE_SIZE_EXTENDED,
    tags::OBJECT_TYPE,
    tags::PARENT_ENTRY_ID,
    tags::PARENT_FOLDER_ID,
    tags::PARENT_SOURCE_KEY,
    tags::PREDECESSOR_CHANGE_LIST,
    tags::RECORD_KEY,
    tags::RIGHTS,
    tags::SOURCE_KEY,
    tags::STORE_ENTRY_ID,
    tags::STORE_RECORD_KEY,
    tags::SUBFOLDERS,
];

/// What messages alone have ([MS-OXCMSG] 2.2.1.60.4, 2.2.1.60.5 and 2.2.1.60.8: R2133, R2137, R2175).
const OF_MESSAGES: &[PropertyTag] =
    &[tags::START_DATE_ETC, tags::RETENTION_DATE, tags::ARCHIVE_DATE];

/// Whether clients may not set or delete the property of a folder. The display name is computed from the
/// record but may be set.
pub fn is_computed(tag: PropertyTag) -> bool {
    let among = |list: &[PropertyTag]| list.iter().any(|known| known.id() == tag.id());
    tag.id() != tags::DISPLAY_NAME.id() && (among(COMPUTED) || among(OF_MESSAGES))
}

/// A folder whose properties are read when first asked for.
pub(crate) struct FolderView<'a> {
    pub(crate) mailbox: &'a Mailbox,
    pub(crate) reader: &'a dyn Reader,
    pub(crate) id: FolderId,
    pub(crate) record: FolderRecord,
    stored: OnceCell<Properties>,
}

impl<'a> FolderView<'a> {
    pub(crate) fn new(
        mailbox: &'a Mailbox,
        reader: &'a dyn Reader,
        id: FolderId,
        record: FolderRecord,
    ) -> Self {
        FolderView { mailbox, reader, id, record, stored: OnceCell::new() }
    }

    pub(crate) fn stored(&self) -> Result<&Properties> {
        if let Some(stored) = self.stored.get() {
            return Ok(stored);
        }
        let stored = properties_of(self.mailbox, self.reader, self.id)?.0;
        Ok(self.stored.get_or_init(|| stored))
    }

    pub(crate) fn tags(&self) -> Result<Vec<PropertyTag>> {
        let mut tags = COMPUTED.to_vec();
        tags.retain(|tag| *tag != tags::DELETED_ON || self.record.state.is_soft_deleted());
        let known = |tag: &PropertyTag| COMPUTED.iter().any(|known| known.id() == tag.id());
        tags.extend(self.stored()?.tags().filter(|tag| !known(tag)));
        Ok(tags)
    }

    pub(crate) fn get(&self, tag: PropertyTag) -> Result<Option<Value>> {
        let r = &self.record;
        let count = |n: u32| Value::from(i32::try_from(n).unwrap_or(i32::MAX));
        if [permission::SEEN_BY, permission::LISTED].contains(&tag) {
            return Ok(Some(permission::members(self.mailbox, self.reader, self.id, tag)?.into()));
        }
        let Some(known) = COMPUTED.iter().find(|known| known.id() == tag.id()) else {
            let stored = self.stored()?.get(tag).cloned();
            // MS-OXCFOLD R1033
            return Ok(stored.or_else(|| {
                (tag.id() == tags::ATTRIBUTE_HIDDEN.id()).then(|| Value::from(false))
            }));
        };
        Ok(Some(match *known {
            tags::DISPLAY_NAME => r.name.clone().into(),
            tags::FOLDER_ID => self.id.to_i64().into(),
            tags::PARENT_FOLDER_ID => r.parent.to_i64().into(),
            tags::ENTRY_ID | tags::RECORD_KEY => entry_ids::folder(self.mailbox, self.id)?.into(),
            tags::PARENT_ENTRY_ID => entry_ids::folder(self.mailbox, r.parent)?.into(),
            tags::STORE_RECORD_KEY | tags::MAPPING_SIGNATURE => {
                self.mailbox.guid().0.to_vec().into()
            }
            tags::STORE_ENTRY_ID => {
                crate::mailbox::store_properties::store_entry_id(self.mailbox)?.into()
            }
            // MAPI_FOLDER ([MS-OXCPRPT] 2.2.1.7).
            tags::OBJECT_TYPE => 3i32.into(),
            tags::FOLDER_TYPE => match r.kind {
                FolderKind::Root => 0i32.into(),
                FolderKind::Generic => 1i32.into(),
                FolderKind::Search => 2i32.into(),
            },
            // In the IPM subtree 1, search folder 2, normal folder 4.
            tags::FOLDER_FLAGS => match r.kind {
                FolderKind::Search => 2i32.into(),
                _ => (4 | i32::from(self.in_ipm_subtree()?)).into(),
            },
            tags::CONTENT_COUNT => count(r.contents),
            tags::CONTENT_UNREAD_COUNT => {
                let own = read_state::unread(self.mailbox, self.reader, self.id, r.kind)?;
                count(own.unwrap_or(r.unread))
            }
            tags::ASSOCIATED_CONTENT_COUNT => count(r.associated),
            DELETED_MSG_COUNT => count(r.soft_deleted),
            DELETED_FOLDER_COUNT => count(r.deleted_children),
            DELETED_MESSAGE_SIZE => (r.deleted_size as i64).into(),
            tags::DELETED_ON => match r.state.is_soft_deleted() {
                true => r.deleted.into(),
                false => return Ok(None),
            },
            tags::DELETED_COUNT_TOTAL => count(r.deleted_total),
            tags::SUBFOLDERS => (r.children > 0).into(),
            FOLDER_CHILD_COUNT => count(r.children),
            tags::HIERARCHY_CHANGE_NUMBER => ((r.sequence & 0x7fff_ffff) as i32).into(),
            tags::HIER_REV | tags::LAST_MODIFICATION_TIME => r.modified.into(),
            tags::CREATION_TIME => r.created.into(),
            tags::LOCAL_COMMIT_TIME => r.modified.into(),
            tags::LOCAL_COMMIT_TIME_MAX => r.last_commit.into(),
            tags::MESSAGE_SIZE | tags::MESSAGE_SIZE_EXTENDED => {
                match tag.property_type() == PropertyType::INTEGER64 {
                    true => (r.size as i64).into(),
                    false => i32::try_from(r.size).unwrap_or(i32::MAX).into(),
                }
            }
            tags::CHANGE_NUMBER => r.change.to_i64().into(),
            tags::CHANGE_KEY => self.gid(r.change.replica, r.change.counter)?,
            tags::PREDECESSOR_CHANGE_LIST => {
                let xid = entry_ids::xid(self.mailbox, r.change.replica, r.change.counter)?;
                mapi::Wire::to_wire(&mapi::change::ChangeList::new(xid)).into()
            }
            tags::SOURCE_KEY => match self.stored()?.get(tag) {
                // A persisted source key wins over the derived one.
                Some(kept) => kept.clone(),
                None => self.gid(self.id.replica, self.id.counter)?,
            },
            // [MS-OXCFXICS] 2.2.1.2.6: of no bytes if the parent is the root of the synchronisation.
            tags::PARENT_SOURCE_KEY => self.gid(r.parent.replica, r.parent.counter)?,
            // [MS-OXCPERM] 2.2.7: all rights of an owner.
            tags::RIGHTS => 0x7fbi32.into(),
            // [MS-OXCPRPT] 2.2.1.1: all operations.
            tags::ACCESS => 0x3fi32.into(),
            tags::ACCESS_LEVEL => 1i32.into(),
            // [MS-OXORULE] 2.2.8.1
            tags::HAS_RULES => rule::has_any_in(self.mailbox, self.reader, self.id)?.into(),
            _ => return Ok(None),
        }))
    }

    fn gid(&self, replica: mapi::ReplId, counter: mapi::GlobalCounter) -> Result<Value> {
        Ok(entry_ids::gid(self.mailbox, replica, counter)?.into())
    }

    fn in_ipm_subtree(&self) -> Result<bool> {
        let top = SpecialFolder::IpmSubtree.id();
        super::is_within(self.mailbox, self.reader, self.id, top)
    }
}
