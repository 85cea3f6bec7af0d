//! Notifications ([MS-OXCROPS] 2.2.14, [MS-OXCNOTIF] 2.2.1).

use mapi::wire::{Counted, Reader, SizedBytes, Wire, WireError};
use mapi::{FolderId, MessageId, PropertyTag};

use crate::handle::{Handle, LogonId};
use crate::parts::Text;

rop_flags! {
    /// What to tell ([MS-OXCNOTIF] 2.2.1.2.1.1), or what is told in the low 12 bits and the flags above
    /// them ([MS-OXCNOTIF] 2.2.1.4.1.2).
    pub struct NotificationFlags: u16 {
        NEW_MAIL = 0x0002,
        OBJECT_CREATED = 0x0004,
        OBJECT_DELETED = 0x0008,
        OBJECT_MODIFIED = 0x0010,
        OBJECT_MOVED = 0x0020,
        OBJECT_COPIED = 0x0040,
        SEARCH_COMPLETED = 0x0080,
        TABLE_MODIFIED = 0x0100,
        EXTENDED = 0x0400,
        /// T: the total number of messages is there.
        TOTAL_COUNT = 0x1000,
        /// U: the number of unread messages is there.
        UNREAD_COUNT = 0x2000,
        /// S: from a search folder.
        SEARCH_FOLDER = 0x4000,
        /// M: about a message.
        MESSAGE = 0x8000,
    }
}

rop_enum! {
    /// [MS-OXCNOTIF] 2.2.1.1.1
    pub enum TableEventType: u16 {
        Changed = 0x0001,
        RowAdded = 0x0003,
        RowDeleted = 0x0004,
        RowModified = 0x0005,
        RestrictionChanged = 0x0007,
    }
}

rop_struct! {
    /// [MS-OXCROPS] 2.2.14.2.1
    pub struct NotifyResponse {
        /// The subscription, as RopRegisterNotification answered it.
        pub handle: Handle,
        pub logon: LogonId,
        pub data: NotificationData,
    }

    /// Another session has notifications ([MS-OXCROPS] 2.2.14.3.1).
    pub struct PendingResponse {
        pub session_index: u16,
    }
}

/// NotificationData ([MS-OXCNOTIF] 2.2.1.4.1.2). `flags` decide which of the fields are there:
///
/// INVARIANT: a field is there if and only if `flags` say so; the constructors see to it, and
/// [`NotificationData::read`].
#[derive(Debug, Clone, PartialEq)]
pub struct NotificationData {
    pub flags: NotificationFlags,
    pub table: Option<Box<TableEvent>>,
    pub folder: Option<FolderId>,
    pub message: Option<MessageId>,
    pub parent: Option<FolderId>,
    pub old_folder: Option<FolderId>,
    pub old_message: Option<MessageId>,
    pub old_parent: Option<FolderId>,
    pub tags: Option<ChangedTags>,
    pub total_count: Option<u32>,
    pub unread_count: Option<u32>,
    pub new_mail: Option<Box<NewMail>>,
}

/// What a NewMail event tells beside the ids.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMail {
    pub message_flags: u32,
    pub message_class: Text,
}

/// The properties that changed.
#[derive(Debug, Clone, PartialEq)]
pub enum ChangedTags {
    Listed(Vec<PropertyTag>),
    /// They are not listed (a count of 0xFFFF).
    Unlisted,
}

/// What happened to a table.
#[derive(Debug, Clone, PartialEq)]
pub struct TableEvent {
    pub event: TableEventType,
    /// Which row; only in events about a row.
    pub row: Option<RowId>,
    /// Where it is now and what is in it; only in RowAdded and RowModified.
    pub content: Option<RowContent>,
}

/// What names a row: a folder, or a message in a folder with the instance of its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowId {
    pub folder: FolderId,
    pub message: Option<(MessageId, u32)>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RowContent {
    /// The row before it.
    pub after: RowId,
    /// A PropertyRow of the table's columns.
    pub row: SizedBytes<u16>,
}

impl NotificationData {
    fn empty(flags: NotificationFlags) -> Self {
        NotificationData {
            flags,
            table: None,
            folder: None,
            message: None,
            parent: None,
            old_folder: None,
            old_message: None,
            old_parent: None,
            tags: None,
            total_count: None,
            unread_count: None,
            new_mail: None,
        }
    }

    pub fn new_mail(folder: FolderId, message: MessageId, mail: NewMail) -> Self {
        NotificationData {
            folder: Some(folder),
            message: Some(message),
            new_mail: Some(Box::new(mail)),
            ..Self::empty(NotificationFlags::NEW_MAIL | NotificationFlags::MESSAGE)
        }
    }

    pub fn search_completed(folder: FolderId) -> Self {
        let flags = NotificationFlags::SEARCH_COMPLETED;
        NotificationData { folder: Some(folder), ..Self::empty(flags) }
    }

    /// An event about a table; the rows of a contents table are `messages`, and their ids have one.
    pub fn table(event: TableEvent, messages: bool) -> Self {
        let kind = match messages {
            true => NotificationFlags::MESSAGE,
            false => NotificationFlags::NONE,
        };
        let flags = NotificationFlags::TABLE_MODIFIED | kind;
        NotificationData { table: Some(Box::new(event)), ..Self::empty(flags) }
    }

    /// Something happened to a message: `event` is one of the OBJECT flags. `old` is where it was, which
    /// moved and copied messages have.
    pub fn message(
        event: NotificationFlags,
        folder: FolderId,
        message: MessageId,
        old: Option<(FolderId, MessageId)>,
        tags: Option<ChangedTags>,
    ) -> Self {
        let old = old.unwrap_or((FolderId::NONE, MessageId::NONE));
        let moved = is_moved(event);
        NotificationData {
            folder: Some(folder),
            message: Some(message),
            old_folder: moved.then_some(old.0),
            old_message: moved.then_some(old.1),
            tags: has_tags(event).then(|| tags.unwrap_or(ChangedTags::Listed(Vec::new()))),
            ..Self::empty(event | NotificationFlags::MESSAGE)
        }
    }

    /// Something happened to a message that the search folder `parent` shows, and that is in `folder`: `event` is
    /// OBJECT_CREATED, OBJECT_MODIFIED or OBJECT_DELETED.
    pub fn link(
        event: NotificationFlags,
        folder: FolderId,
        message: MessageId,
        parent: FolderId,
    ) -> Self {
        let event = event | NotificationFlags::SEARCH_FOLDER;
        let found = event | NotificationFlags::MESSAGE;
        NotificationData {
            parent: has_parent(found).then_some(parent),
            ..Self::message(event, folder, message, None, None)
        }
    }

    /// Something happened to a folder: `event` is one of the OBJECT flags. `old` is where it was: its id
    /// and its parent.
    pub fn folder(
        event: NotificationFlags,
        folder: FolderId,
        parent: FolderId,
        old: Option<(FolderId, FolderId)>,
        tags: Option<ChangedTags>,
    ) -> Self {
        let old = old.unwrap_or((FolderId::NONE, FolderId::NONE));
        let moved = is_moved(event);
        NotificationData {
            folder: Some(folder),
            parent: has_parent(event).then_some(parent),
            old_folder: moved.then_some(old.0),
            old_parent: moved.then_some(old.1),
            tags: has_tags(event).then(|| tags.unwrap_or(ChangedTags::Listed(Vec::new()))),
            ..Self::empty(event)
        }
    }

    /// The same with the folder's counts: only for OBJECT_MODIFIED of a folder.
    pub fn with_counts(mut self, total: Option<u32>, unread: Option<u32>) -> Self {
        if total.is_some() {
            self.flags = self.flags | NotificationFlags::TOTAL_COUNT;
        }
        if unread.is_some() {
            self.flags = self.flags | NotificationFlags::UNREAD_COUNT;
        }
        self.total_count = total;
        self.unread_count = unread;
        self
    }
}

const KIND: u16 = 0x0fff;

fn kind(flags: NotificationFlags) -> NotificationFlags {
    NotificationFlags(flags.0 & KIND)
}

fn is_moved(flags: NotificationFlags) -> bool {
    matches!(kind(flags), NotificationFlags::OBJECT_MOVED | NotificationFlags::OBJECT_COPIED)
}

fn has_tags(flags: NotificationFlags) -> bool {
    matches!(kind(flags), NotificationFlags::OBJECT_CREATED | NotificationFlags::OBJECT_MODIFIED)
}

/// Events about a folder, and about a message in a search folder, have a parent.
fn has_parent(flags: NotificationFlags) -> bool {
    let kind = matches!(
        kind(flags),
        NotificationFlags::OBJECT_CREATED
            | NotificationFlags::OBJECT_DELETED
            | NotificationFlags::OBJECT_MOVED
            | NotificationFlags::OBJECT_COPIED
    );
    let search = flags.contains(NotificationFlags::SEARCH_FOLDER);
    kind && search == flags.contains(NotificationFlags::MESSAGE)
}

fn maybe<T: Wire>(r: &mut Reader<'_>, there: bool) -> Result<Option<T>, WireError> {
    match there {
        true => Ok(Some(T::read(r)?)),
        false => Ok(None),
    }
}

fn put<T: Wire>(w: &mut Vec<u8>, value: &Option<T>) {
    if let Some(value) = value {
        value.write(w);
    }
}

impl Wire for NotificationData {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let flags = NotificationFlags::read(r)?;
        let about_message = flags.contains(NotificationFlags::MESSAGE);
        let table = match kind(flags) {
            NotificationFlags::TABLE_MODIFIED => Some(Box::new(read_table(r, about_message)?)),
            _ => None,
        };
        let object =
            !matches!(kind(flags), NotificationFlags::TABLE_MODIFIED | NotificationFlags::EXTENDED);
        let moved = is_moved(flags);
        Ok(NotificationData {
            flags,
            table,
            folder: maybe(r, object)?,
            message: maybe(r, object && about_message)?,
            parent: maybe(r, has_parent(flags))?,
            old_folder: maybe(r, moved)?,
            old_message: maybe(r, moved && about_message)?,
            old_parent: maybe(r, moved && !about_message)?,
            tags: maybe(r, has_tags(flags))?,
            total_count: maybe(r, flags.contains(NotificationFlags::TOTAL_COUNT))?,
            unread_count: maybe(r, flags.contains(NotificationFlags::UNREAD_COUNT))?,
            new_mail: maybe(r, kind(flags) == NotificationFlags::NEW_MAIL)?.map(Box::new),
        })
    }

    fn write(&self, w: &mut Vec<u8>) {
        self.flags.write(w);
        if let Some(table) = &self.table {
            write_table(w, table);
        }
        put(w, &self.folder);
        put(w, &self.message);
        put(w, &self.parent);
        put(w, &self.old_folder);
        put(w, &self.old_message);
        put(w, &self.old_parent);
        put(w, &self.tags);
        put(w, &self.total_count);
        put(w, &self.unread_count);
        if let Some(mail) = &self.new_mail {
            mail.write(w);
        }
    }
}

fn read_table(r: &mut Reader<'_>, about_message: bool) -> Result<TableEvent, WireError> {
    let event = TableEventType::read(r)?;
    let has_content = matches!(event, TableEventType::RowAdded | TableEventType::RowModified);
    let has_row = has_content || event == TableEventType::RowDeleted;
    let row_id = |r: &mut Reader<'_>| {
        let folder = FolderId::read(r)?;
        let message = match about_message {
            true => Some((MessageId::read(r)?, u32::read(r)?)),
            false => None,
        };
        Ok(RowId { folder, message })
    };
    let row = if has_row { Some(row_id(r)?) } else { None };
    let content = match has_content {
        true => Some(RowContent { after: row_id(r)?, row: SizedBytes::read(r)? }),
        false => None,
    };
    Ok(TableEvent { event, row, content })
}

fn write_table(w: &mut Vec<u8>, table: &TableEvent) {
    let row_id = |w: &mut Vec<u8>, id: &RowId| {
        id.folder.write(w);
        if let Some((message, instance)) = id.message {
            message.write(w);
            instance.write(w);
        }
    };
    table.event.write(w);
    if let Some(row) = &table.row {
        row_id(w, row);
    }
    if let Some(content) = &table.content {
        row_id(w, &content.after);
        content.row.write(w);
    }
}

impl Wire for ChangedTags {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        if r.peek_rest().starts_with(&[0xff, 0xff]) {
            u16::read(r)?;
            return Ok(ChangedTags::Unlisted);
        }
        Ok(ChangedTags::Listed(Counted::<u16, PropertyTag>::read(r)?.items))
    }
    fn write(&self, w: &mut Vec<u8>) {
        match self {
            // So many tags have the count that says that they are not listed.
            ChangedTags::Listed(tags) if tags.len() < 0xffff => {
                Counted::<u16, _>::from(tags.clone()).write(w);
            }
            ChangedTags::Listed(_) | ChangedTags::Unlisted => 0xffffu16.write(w),
        }
    }
}

impl Wire for NewMail {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let message_flags = u32::read(r)?;
        let unicode = bool::read(r)?;
        Ok(NewMail { message_flags, message_class: Text::read_as(r, unicode)? })
    }
    fn write(&self, w: &mut Vec<u8>) {
        self.message_flags.write(w);
        self.message_class.is_unicode().write(w);
        self.message_class.write_bare(w);
    }
}

#[cfg(any(test, feature = "sample"))]
mod samples {
    use super::*;
    use crate::sample::{Sample, Source};

    const EVENTS: [NotificationFlags; 5] = [
        NotificationFlags::OBJECT_CREATED,
        NotificationFlags::OBJECT_DELETED,
        NotificationFlags::OBJECT_MODIFIED,
        NotificationFlags::OBJECT_MOVED,
        NotificationFlags::OBJECT_COPIED,
    ];

    impl Sample for NotificationData {
        fn sample(s: &mut Source<'_>) -> Self {
            let event = EVENTS[s.below(EVENTS.len())];
            let tags = match s.below(3) {
                0 => None,
                1 => Some(ChangedTags::Unlisted),
                _ => Some(ChangedTags::Listed(s.some(PropertyTag::sample))),
            };
            match s.below(5) {
                0 => NotificationData::new_mail(
                    Sample::sample(s),
                    Sample::sample(s),
                    NewMail { message_flags: Sample::sample(s), message_class: Sample::sample(s) },
                ),
                1 => NotificationData::search_completed(Sample::sample(s)),
                2 => {
                    let old = (Sample::sample(s), Sample::sample(s));
                    let (folder, message) = (Sample::sample(s), Sample::sample(s));
                    NotificationData::message(event, folder, message, Some(old), tags)
                }
                3 => {
                    let old = (Sample::sample(s), Sample::sample(s));
                    let (folder, parent) = (Sample::sample(s), Sample::sample(s));
                    NotificationData::folder(event, folder, parent, Some(old), tags)
                        .with_counts(Sample::sample(s), Sample::sample(s))
                }
                _ => {
                    let messages = bool::sample(s);
                    let id = |s: &mut Source<'_>| RowId {
                        folder: Sample::sample(s),
                        message: messages.then(|| (Sample::sample(s), Sample::sample(s))),
                    };
                    let event = match s.below(3) {
                        0 => {
                            TableEvent { event: TableEventType::Changed, row: None, content: None }
                        }
                        1 => TableEvent {
                            event: TableEventType::RowDeleted,
                            row: Some(id(s)),
                            content: None,
                        },
                        _ => TableEvent {
                            event: TableEventType::RowAdded,
                            row: Some(id(s)),
                            content: Some(RowContent { after: id(s), row: Sample::sample(s) }),
                        },
                    };
                    NotificationData::table(event, messages)
                }
            }
        }
    }
}
