//! Where the values of a row come from: what is computed for the row, the summary, and only then the
//! message's own records.

use std::cell::{OnceCell, RefCell};
use std::sync::Arc;

use mapi::restriction::FuzzyLevel;
use mapi::{
    Cell, ErrorCode, FolderId, MessageId, PropertyTag, PropertyType, PropertyValue, WString, tags,
};

use super::evaluate::{Source, value_size};
use super::places::Places;
use super::{Contents, collate, fold};
use crate::engine::{Reader, Space};
use crate::mailbox::{entry_ids, read_state, store_properties};
use crate::message::{self, Attachment, Message, body, flags};
use crate::record::search::Link;
use crate::record::summary::{Known, Packed};
use crate::record::{Stored, node, parts};
use crate::text::Searcher;
use crate::value::{Properties, Value};
use crate::{Mailbox, Result, StoreError, folder, keys, large};

/// Bytes of a large value that a restriction looks at.
const SEARCHED: u64 = 4 << 20;
/// [MS-OXCTABL] 2.2.2.5.2: a value in a row has at most so many bytes, the rest is cut off.
const CELL_BYTES: usize = 510;
/// PidTagRowType of a row of data ([MS-OXCTABL] 2.2.1.3).
pub(crate) const LEAF_ROW: i32 = 1;

/// What rows of one request have in common.
pub(crate) struct Context<'a> {
    pub(crate) mailbox: &'a Mailbox,
    pub(crate) reader: &'a dyn Reader,
    pub(crate) folder: FolderId,
    folder_name: OnceCell<Option<String>>,
    is_search: OnceCell<bool>,
    /// What the one who asks has read, by folder: the rows of a search folder are of many.
    seen: RefCell<Vec<(FolderId, Arc<read_state::Seen>)>>,
    /// Read state is that of the messages themselves, whoever asks.
    for_all: bool,
    /// Where many rows are asked for a text in their bodies.
    texts: Option<&'a Searcher<'a>>,
}

/// Folders of which a context remembers what was read.
const MAX_SEEN: usize = 16;

impl<'a> Context<'a> {
    pub(crate) fn new(mailbox: &'a Mailbox, reader: &'a dyn Reader, folder: FolderId) -> Self {
        Context {
            mailbox,
            reader,
            folder,
            folder_name: OnceCell::new(),
            is_search: OnceCell::new(),
            seen: RefCell::new(Vec::new()),
            for_all: false,
            texts: None,
        }
    }

    /// As [`new`](Self::new), for what all users of a mailbox share, such as what a search folder shows.
    pub(crate) fn for_all(mailbox: &'a Mailbox, reader: &'a dyn Reader, folder: FolderId) -> Self {
        Context { for_all: true, ..Context::new(mailbox, reader, folder) }
    }

    /// With the full-text index, for a restriction that many rows are asked for.
    pub(crate) fn with_texts(self, texts: &'a Searcher<'a>) -> Self {
        Context { texts: Some(texts), ..self }
    }

    /// Whether the rows of a kind are links to messages of other folders.
    pub(crate) fn shows_links(&self, contents: Contents) -> Result<bool> {
        if contents != Contents::Normal {
            return Ok(false);
        }
        if let Some(known) = self.is_search.get() {
            return Ok(*known);
        }
        let record = folder::any(self.mailbox, self.reader, self.folder)?;
        let search = record.is_some_and(|record| record.kind == folder::FolderKind::Search);
        Ok(*self.is_search.get_or_init(|| search))
    }

    /// What the one who asks has read in a folder, where that is his own matter.
    fn seen(&self, home: FolderId) -> Result<Option<Arc<read_state::Seen>>> {
        if self.for_all || self.mailbox.viewer().is_none() {
            return Ok(None);
        }
        let mut known = self.seen.borrow_mut();
        if let Some((_, seen)) = known.iter().find(|(folder, _)| *folder == home) {
            return Ok(Some(Arc::clone(seen)));
        }
        let Some(seen) = read_state::seen(self.mailbox, self.reader, home)?.map(Arc::new) else {
            return Ok(None);
        };
        if known.len() == MAX_SEEN {
            known.remove(0);
        }
        known.push((home, Arc::clone(&seen)));
        Ok(Some(seen))
    }

    fn folder_name(&self) -> Result<Option<String>> {
        if let Some(name) = self.folder_name.get() {
            return Ok(name.clone());
        }
        let name = name_of(self.mailbox, self.reader, self.folder)?;
        Ok(self.folder_name.get_or_init(|| name).clone())
    }
}

pub(super) fn name_of(
    mailbox: &Mailbox,
    reader: &dyn Reader,
    id: FolderId,
) -> Result<Option<String>> {
    match folder::readable(mailbox, reader, id) {
        Ok(record) => Ok(Some(record.name)),
        Err(StoreError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A row of a contents table.
pub(crate) struct MessageRow<'a> {
    context: &'a Context<'a>,
    contents: Contents,
    id: MessageId,
    /// The folder of the message: another one than the table's if that is a search folder.
    home: FolderId,
    instance: u32,
    places: Places,
    /// How many categories it is in.
    depth: usize,
    summary: Packed<'a>,
    /// In a box, since most rows are moved about and never read it.
    message: OnceCell<Option<Box<Message>>>,
}

impl<'a> MessageRow<'a> {
    pub(crate) fn new(
        context: &'a Context<'a>,
        contents: Contents,
        id: MessageId,
        summary: impl Into<Stored<'a>>,
    ) -> Result<Self> {
        Self::at(context, contents, id, context.folder, summary.into())
    }

    /// A row of a message that may be in another folder than the table's.
    pub(crate) fn at(
        context: &'a Context<'a>,
        contents: Contents,
        id: MessageId,
        home: FolderId,
        summary: Stored<'a>,
    ) -> Result<Self> {
        let (summary, message) = (Packed::new(summary)?, OnceCell::new());
        let (instance, places) = (0, Places::default());
        Ok(MessageRow { context, contents, id, home, instance, places, depth: 0, summary, message })
    }

    /// A row of a table by what stands for it: a summary, or a link.
    pub(crate) fn of(
        context: &'a Context<'a>,
        contents: Contents,
        id: MessageId,
        stored: Stored<'a>,
    ) -> Result<Self> {
        if !context.shows_links(contents)? {
            return Self::new(context, contents, id, stored);
        }
        let link = Link::read(stored)?;
        Self::at(context, contents, id, link.home, link.summary)
    }

    /// None if the folder has no such row.
    pub(crate) fn read(
        context: &'a Context<'a>,
        contents: Contents,
        id: MessageId,
    ) -> Result<Option<Self>> {
        let number = context.mailbox.number();
        let key = match context.shows_links(contents)? {
            true => keys::link(number, context.folder, id),
            false => keys::summary(number, context.folder, contents.to_byte(), id),
        };
        match context.reader.get(Space::Mailbox, &key)? {
            Some(stored) => Ok(Some(Self::of(context, contents, id, stored.into())?)),
            None => Ok(None),
        }
    }

    /// The sequence of the message's newest change.
    pub(crate) fn sequence(&self) -> u64 {
        self.summary.sequence()
    }

    pub(crate) fn with_instance(mut self, instance: u32, places: Places) -> Self {
        self.instance = instance;
        self.places = places;
        self
    }

    pub(crate) fn with_depth(mut self, depth: usize) -> Self {
        self.depth = depth;
        self
    }

    /// The message without its attachments: none of the columns that the summary lacks looks at them.
    fn message(&self) -> Result<Option<&Message>> {
        if let Some(message) = self.message.get() {
            return Ok(message.as_deref());
        }
        let Context { mailbox, reader, .. } = *self.context;
        let message = match message::read_hot(mailbox, reader, self.id)? {
            Some(hot) => {
                let (bytes, _) = parts::get(reader, &node::key(mailbox.number(), self.id, &[]))?;
                let body = node::read_all(&[(Vec::new(), bytes)])?;
                Some(Box::new(Message::from_hot(self.id, &hot, body)))
            }
            None => None,
        };
        Ok(self.message.get_or_init(|| message).as_deref())
    }

    /// PidTagMessageFlags, as the one who asks sees them.
    fn flags(&self) -> Result<u32> {
        let all = self.summary.flags();
        let Some(seen) = self.context.seen(self.home)? else { return Ok(all) };
        let read = seen.has(self.context.mailbox, self.summary.change())?;
        Ok(all & !flags::READ | if read { flags::READ | flags::EVER_READ } else { 0 })
    }

    fn whole_message(&self) -> Result<Option<Message>> {
        match message::read_in(self.context.mailbox, self.context.reader, self.id) {
            Ok(message) => Ok(Some(message)),
            Err(StoreError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn computed(&self, tag: PropertyTag) -> Result<Option<Value>> {
        const MID: u16 = tags::MID.id();
        const INST_ID: u16 = tags::INST_ID.id();
        const INSTANCE_NUM: u16 = tags::INSTANCE_NUM.id();
        const INSTANCE_KEY: u16 = tags::INSTANCE_KEY.id();
        const ROW_TYPE: u16 = tags::ROW_TYPE.id();
        const DEPTH: u16 = tags::DEPTH.id();
        const FOLDER_ID: u16 = tags::FOLDER_ID.id();
        const PARENT_FOLDER_ID: u16 = tags::PARENT_FOLDER_ID.id();
        const ENTRY_ID: u16 = tags::ENTRY_ID.id();
        const RECORD_KEY: u16 = tags::RECORD_KEY.id();
        const LONG_TERM: u16 = tags::LONG_TERM_ENTRY_ID_FROM_TABLE.id();
        const PARENT_ENTRY_ID: u16 = tags::PARENT_ENTRY_ID.id();
        const PARENT_DISPLAY: u16 = tags::PARENT_DISPLAY.id();
        const OBJECT_TYPE: u16 = tags::OBJECT_TYPE.id();
        const ASSOCIATED: u16 = tags::ASSOCIATED.id();
        const READ: u16 = tags::READ.id();
        const MESSAGE_FLAGS: u16 = tags::MESSAGE_FLAGS.id();
        const CHANGE_KEY: u16 = tags::CHANGE_KEY.id();
        const MAPPING_SIGNATURE: u16 = tags::MAPPING_SIGNATURE.id();
        const STORE_RECORD_KEY: u16 = tags::STORE_RECORD_KEY.id();
        const STORE_ENTRY_ID: u16 = tags::STORE_ENTRY_ID.id();
        let Context { mailbox, folder, .. } = *self.context;
        let home = self.home;
        Ok(Some(match tag.id() {
            MID | INST_ID => self.id.to_i64().into(),
            INSTANCE_NUM => (self.instance as i32).into(),
            INSTANCE_KEY => instance_key(folder.to_i64(), self.id.to_i64(), self.instance).into(),
            ROW_TYPE => LEAF_ROW.into(),
            DEPTH => (self.depth as i32).into(),
            FOLDER_ID | PARENT_FOLDER_ID => home.to_i64().into(),
            ENTRY_ID | RECORD_KEY | LONG_TERM => entry_ids::message(mailbox, home, self.id)?.into(),
            // MS-OXCFOLD R1172
            PARENT_ENTRY_ID => entry_ids::folder(mailbox, home)?.into(),
            PARENT_DISPLAY if home != folder => {
                return Ok(name_of(mailbox, self.context.reader, home)?.map(Value::from));
            }
            PARENT_DISPLAY => return Ok(self.context.folder_name()?.map(Value::from)),
            // MAPI_MESSAGE ([MS-OXCPRPT] 2.2.1.7).
            OBJECT_TYPE => 5i32.into(),
            ASSOCIATED => self.contents.is_associated().into(),
            READ => (self.flags()? & flags::READ != 0).into(),
            MESSAGE_FLAGS if mailbox.viewer().is_some() => (self.flags()? as i32).into(),
            CHANGE_KEY => {
                let change = self.summary.change();
                entry_ids::gid(mailbox, change.replica, change.counter)?.into()
            }
            MAPPING_SIGNATURE | STORE_RECORD_KEY => mailbox.guid().0.to_vec().into(),
            STORE_ENTRY_ID => store_properties::store_entry_id(mailbox)?.into(),
            _ => return Ok(None),
        }))
    }
}

impl RowSource for MessageRow<'_> {
    fn find(&self, tag: PropertyTag) -> Result<Option<Value>> {
        if let Some(value) = self.computed(tag)? {
            return Ok(Some(value));
        }
        match self.summary.get(tag)? {
            Known::Value(value) => return Ok(Some(value.into())),
            // A message without recipients has an empty one, see `message::get`.
            Known::Absent if tag.id() == tags::DISPLAY_TO.id() => return Ok(Some("".into())),
            Known::Absent => return Ok(None),
            Known::Unknown => {}
        }
        let Some(message) = self.message()? else { return Ok(None) };
        body::in_table(self.context.mailbox, message, single(tag))
    }

    fn store(&self) -> &crate::Store {
        self.context.mailbox.store()
    }

    fn place(&self, id: u16) -> usize {
        self.places.place(id)
    }

    fn is_unread(&self) -> Result<bool> {
        Ok(self.flags()? & flags::READ == 0)
    }
}

impl Source for MessageRow<'_> {
    fn value(&self, tag: PropertyTag) -> Result<Option<PropertyValue>> {
        let value = searched(self.store(), self.find(tag)?)?;
        Ok(value.and_then(|value| self.of_instance(tag, value)))
    }

    fn test_text(&self, tag: PropertyTag, test: &mut dyn FnMut(&[u8]) -> bool) -> Option<bool> {
        self.summary.text(tag).map(test)
    }

    fn indexed(&self, level: FuzzyLevel, tag: PropertyTag, value: &PropertyValue) -> Option<bool> {
        let texts = self.context.texts.filter(|_| tag == tags::BODY)?;
        let PropertyValue::String(text) = value else { return None };
        texts.has_in_body(level, &fold::readable(text.as_bytes()), self.id, self.sequence())
    }

    fn size(&self, tag: PropertyTag) -> Result<Option<u64>> {
        Ok(without_error(self.find(tag)?).as_ref().map(size_of_value))
    }

    fn exists(&self, tag: PropertyTag) -> Result<bool> {
        if body::is_body(tag) {
            let message = self.message()?;
            return Ok(message.is_some_and(|message| body::has(&message.body.properties)));
        }
        Ok(self.size(tag)?.is_some())
    }

    fn any_part(
        &self,
        tag: PropertyTag,
        test: &mut dyn FnMut(&dyn Source) -> Result<bool>,
    ) -> Result<bool> {
        const RECIPIENTS: u16 = tags::MESSAGE_RECIPIENTS.id();
        const ATTACHMENTS: u16 = tags::MESSAGE_ATTACHMENTS.id();
        let store = self.store();
        match tag.id() {
            RECIPIENTS => {
                let Some(message) = self.message()? else { return Ok(false) };
                for recipient in &message.body.recipients {
                    if test(&RecipientPart(store, &recipient.properties))? {
                        return Ok(true);
                    }
                }
            }
            ATTACHMENTS => {
                let Some(message) = self.whole_message()? else { return Ok(false) };
                for attachment in &message.body.attachments {
                    if test(&AttachmentPart(store, attachment))? {
                        return Ok(true);
                    }
                }
            }
            _ => {}
        }
        Ok(false)
    }
}

/// A row of an object that has several, as a restriction sees it.
pub(crate) struct Instance<'a>(pub(crate) &'a dyn RowSource, pub(crate) &'a Places);

impl Source for Instance<'_> {
    fn value(&self, tag: PropertyTag) -> Result<Option<PropertyValue>> {
        let value = self.0.value(single(tag))?;
        Ok(match is_instance(tag) {
            true => value.and_then(|value| match collate::values(&value) {
                Some(values) => values.into_iter().nth(self.1.place(tag.id())),
                None => Some(value),
            }),
            false => value,
        })
    }
    fn any_part(
        &self,
        tag: PropertyTag,
        test: &mut dyn FnMut(&dyn Source) -> Result<bool>,
    ) -> Result<bool> {
        self.0.any_part(tag, test)
    }
}

pub(super) struct RecipientPart<'a>(pub(super) &'a crate::Store, pub(super) &'a Properties);
pub(super) struct AttachmentPart<'a>(pub(super) &'a crate::Store, pub(super) &'a Attachment);

impl Source for RecipientPart<'_> {
    fn value(&self, tag: PropertyTag) -> Result<Option<PropertyValue>> {
        searched(self.0, self.1.get(tag).cloned())
    }
    fn size(&self, tag: PropertyTag) -> Result<Option<u64>> {
        Ok(self.1.get(tag).map(size_of_value))
    }
    fn any_part(
        &self,
        _: PropertyTag,
        _: &mut dyn FnMut(&dyn Source) -> Result<bool>,
    ) -> Result<bool> {
        Ok(false)
    }
}

impl Source for AttachmentPart<'_> {
    fn value(&self, tag: PropertyTag) -> Result<Option<PropertyValue>> {
        searched(self.0, message::attachment_property(self.1, tag))
    }
    fn size(&self, tag: PropertyTag) -> Result<Option<u64>> {
        Ok(message::attachment_property(self.1, tag).as_ref().map(size_of_value))
    }
    fn any_part(
        &self,
        _: PropertyTag,
        _: &mut dyn FnMut(&dyn Source) -> Result<bool>,
    ) -> Result<bool> {
        Ok(false)
    }
}

/// A row of a view of either kind.
pub(crate) trait RowSource: Source {
    /// The value by the tag's id, large ones by reference.
    fn find(&self, tag: PropertyTag) -> Result<Option<Value>>;
    fn store(&self) -> &crate::Store;
    /// Which value of a multi-value property that makes instances this row shows.
    fn place(&self, id: u16) -> usize;

    /// Whether it counts in PidTagContentUnreadCount of its categories.
    fn is_unread(&self) -> Result<bool> {
        Ok(false)
    }

    /// The value as far as a sort key looks at it.
    fn sorted(&self, tag: PropertyTag) -> Result<Option<PropertyValue>> {
        match without_error(self.find(tag)?) {
            Some(Value::Inline(value)) => Ok(Some(value)),
            Some(Value::Large(value)) => large::beginning(self.store(), &value),
            None => Ok(None),
        }
    }

    /// The one value that the row shows, for a column of instances; None if there is none.
    fn of_instance(&self, tag: PropertyTag, value: PropertyValue) -> Option<PropertyValue> {
        match is_instance(tag).then(|| collate::values(&value)).flatten() {
            Some(values) => values.into_iter().nth(self.place(tag.id())),
            None => Some(value),
        }
    }

    fn cell(&self, tag: PropertyTag) -> Result<Cell> {
        let value = match self.find(tag)? {
            Some(Value::Inline(value)) => value,
            Some(Value::Large(value)) => match large::beginning(self.store(), &value)? {
                Some(value) => value,
                None => return Ok(Cell::Error(ErrorCode::OUT_OF_MEMORY)),
            },
            None => return Ok(Cell::Error(ErrorCode::NOT_FOUND)),
        };
        let Some(value) = self.of_instance(tag, value) else {
            return Ok(Cell::Error(ErrorCode::NOT_FOUND));
        };
        Ok(match value {
            PropertyValue::Object => Cell::Error(ErrorCode::NOT_FOUND),
            // A body that could not be made.
            PropertyValue::ErrorCode(code) => Cell::Error(code),
            value => Cell::Value(shorten(value)),
        })
    }
}

/// Whether the column shows one value of a multi-value property in each row ([MS-OXCTABL] 2.2.2.2.1.1).
pub(crate) fn is_instance(tag: PropertyTag) -> bool {
    tag.property_type().0 & PropertyType::MULTI_VALUE_INSTANCE != 0
}

/// The tag of the property itself.
pub(super) fn single(tag: PropertyTag) -> PropertyTag {
    match is_instance(tag) {
        true => {
            let kind = tag.property_type().0 & !PropertyType::MULTI_VALUE_INSTANCE;
            tag.with_type(PropertyType(kind))
        }
        false => tag,
    }
}

/// Identifies a row within its table.
pub(crate) fn instance_key(folder: i64, id: i64, instance: u32) -> Vec<u8> {
    [&folder.to_le_bytes()[..], &id.to_le_bytes(), &instance.to_le_bytes()].concat()
}

pub(crate) fn size_of_value(value: &Value) -> u64 {
    match value {
        Value::Inline(value) => value_size(value),
        Value::Large(value) => value.size,
    }
}

/// Nothing in the place of what could not be made: a body.
fn without_error(value: Option<Value>) -> Option<Value> {
    value.filter(|value| !matches!(value, Value::Inline(PropertyValue::ErrorCode(_))))
}

/// The value for a restriction: of a very large one the beginning.
pub(crate) fn searched(
    store: &crate::Store,
    value: Option<Value>,
) -> Result<Option<PropertyValue>> {
    match without_error(value) {
        None => Ok(None),
        Some(Value::Inline(value)) => Ok(Some(value)),
        Some(Value::Large(value)) if value.size <= SEARCHED => {
            Ok(Some(store.load(&Value::Large(value), SEARCHED)?))
        }
        Some(Value::Large(value)) => large::up_to(store, &value, SEARCHED as usize),
    }
}

/// Cuts a value to what a row may hold.
fn shorten(value: PropertyValue) -> PropertyValue {
    match value {
        PropertyValue::String(text) if text.as_bytes().len() > CELL_BYTES / 2 => {
            let units = text.to_utf16();
            match units.len() > CELL_BYTES / 2 {
                true => WString::from_utf16(units.into_iter().take(CELL_BYTES / 2)).into(),
                false => text.into(),
            }
        }
        PropertyValue::String8(mut text) => {
            text.0.truncate(CELL_BYTES);
            PropertyValue::String8(text)
        }
        PropertyValue::Binary(mut bytes) => {
            bytes.truncate(CELL_BYTES);
            PropertyValue::Binary(bytes)
        }
        PropertyValue::MultipleString(texts) => {
            let mut left = CELL_BYTES;
            PropertyValue::MultipleString(
                texts
                    .into_iter()
                    .take_while(|text| fits(&mut left, text.to_utf16().len() * 2))
                    .collect(),
            )
        }
        PropertyValue::MultipleBinary(values) => {
            let mut left = CELL_BYTES;
            PropertyValue::MultipleBinary(
                values.into_iter().take_while(|value| fits(&mut left, value.len())).collect(),
            )
        }
        other => other,
    }
}

fn fits(left: &mut usize, bytes: usize) -> bool {
    let fits = bytes <= *left;
    *left = left.saturating_sub(bytes);
    fits
}

/// A shared sort key, as cursors hold it.
pub(crate) fn shared(bytes: &[u8]) -> Arc<[u8]> {
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_cut_to_what_a_row_may_hold() {
        let cases: [(PropertyValue, usize); 4] = [
            ("ä".repeat(300).into(), 510),
            (PropertyValue::String8("x".repeat(600).as_str().into()), 510),
            (vec![1u8; 600].into(), 510),
            (PropertyValue::MultipleBinary(vec![vec![0; 300]; 3]), 302),
        ];
        for (value, bytes) in cases {
            assert_eq!(value_size(&shorten(value)) as usize / 2 * 2, bytes);
        }
        let short = PropertyValue::from("ä".repeat(255));
        assert_eq!(shorten(short.clone()), short);
    }
}
