//! A message to a stream ([MS-OXTNEF] 2.2).

use mapi::generated::tags;
use mapi::{
    AttachedContent, AttachmentContent, MessageContent, PropertyBag, PropertyKey, PropertyTag,
    PropertyValue, Wire,
};

use super::attributes::{Level, begin, ids, push};
use super::properties::{self, MESSAGE_INTERFACE, STORAGE_INTERFACE};
use super::{MAX_NESTING, legacy};
use crate::values;

/// [MS-OXTNEF] 2.1.3.3.4.
const VERSION: u32 = 0x0001_0000;
/// A number that is not 0: what it refers to (marks in the text) is not written.
const KEY: u16 = 1;
const DEFAULT_CLASS: &str = "IPM.Note";
const NOT_RENDERED: i32 = -1;

/// What is to stand in a stream.
#[derive(Debug, Clone, Copy)]
pub struct Writing<'w> {
    /// Mail names the recipients in its header, and not again in its TNEF.
    pub recipients: bool,
    /// PidTagTnefCorrelationKey in place of the message's ([MS-OXCMAIL] 2.1.3.2.26).
    pub correlation_key: Option<&'w [u8]>,
    /// Properties of the message that are left out; those of messages within it are not.
    pub without: &'w [PropertyTag],
}

impl Default for Writing<'_> {
    fn default() -> Self {
        Writing { recipients: true, correlation_key: None, without: &[] }
    }
}

/// The message as a TNEF stream, whole: [`read`](super::read) gives back every property that TNEF has a
/// form for (no PtypServerId, PtypRestriction, PtypRuleAction and PtypObject). The same content gives the
/// same bytes. The received MIME is not a part of it.
pub fn write(content: &MessageContent) -> Vec<u8> {
    write_with(content, Writing::default())
}

/// The same, of what [`Writing`] says.
pub fn write_with(content: &MessageContent, writing: Writing<'_>) -> Vec<u8> {
    write_at(content, writing, 0)
}

fn write_at(content: &MessageContent, writing: Writing<'_>, depth: usize) -> Vec<u8> {
    let bag = &content.properties;
    let code_page = values::code_page(bag).unwrap_or(values::DEFAULT_CODE_PAGE);
    let class = bag.text(tags::MESSAGE_CLASS).filter(|class| !class.is_empty());
    let class = class.as_deref().unwrap_or(DEFAULT_CLASS);
    let mut out = begin(KEY);
    push(&mut out, Level::Message, ids::TNEF_VERSION, &VERSION.to_le_bytes());
    let pages = [code_page.to_le_bytes(), [0; 4]].concat();
    push(&mut out, Level::Message, ids::OEM_CODEPAGE, &pages);
    legacy::write_message(&mut out, bag, code_page, class);
    if writing.recipients && !content.recipients.is_empty() {
        push(&mut out, Level::Message, ids::RECIPIENT_TABLE, &recipients(content));
    }
    // [MS-OXTNEF] 2.1.3: the encapsulated properties stand behind all other attributes.
    let list = message_properties(bag, writing, class);
    push(&mut out, Level::Message, ids::MSG_PROPS, &list);
    for attachment in &content.attachments {
        write_attachment(&mut out, attachment, code_page, depth);
    }
    out
}

fn message_properties(bag: &PropertyBag, writing: Writing<'_>, class: &str) -> Vec<u8> {
    let mut added = PropertyBag::new();
    if bag.text(tags::MESSAGE_CLASS).is_none_or(|class| class.is_empty()) {
        added.set(tags::MESSAGE_CLASS, class);
    }
    if let Some(key) = writing.correlation_key {
        added.set(tags::TNEF_CORRELATION_KEY, key.to_vec());
    }
    let is_left_out = |key: &PropertyKey| match key {
        PropertyKey::Tag(id) => {
            is_content(*id)
                || writing.without.iter().any(|tag| tag.id() == *id)
                || added.iter().any(|(known, _)| known == key)
        }
        PropertyKey::Named(_) => false,
    };
    let own = bag.iter().filter(|(key, _)| !is_left_out(key));
    let mut out = Vec::new();
    properties::write(&mut out, own.chain(added.iter()), None);
    out
}

fn recipients(content: &MessageContent) -> Vec<u8> {
    let mut out = Vec::new();
    (content.recipients.len() as u32).write(&mut out);
    for recipient in &content.recipients {
        properties::write(&mut out, recipient.properties.iter(), None);
    }
    out
}

fn write_attachment(
    out: &mut Vec<u8>,
    attachment: &AttachmentContent,
    code_page: u32,
    depth: usize,
) {
    let bag = &attachment.properties;
    let nested;
    let (method, data, object) = match &attachment.content {
        AttachedContent::Bytes(bytes) => (1, Some(bytes), None),
        AttachedContent::Ole(bytes) => (6, None, Some((STORAGE_INTERFACE, bytes.as_slice()))),
        AttachedContent::Message(message) if depth < MAX_NESTING => {
            nested = write_at(message, Writing::default(), depth + 1);
            (5, None, Some((MESSAGE_INTERFACE, nested.as_slice())))
        }
        // Nothing to refer to: what is nested too deep, and what is elsewhere.
        AttachedContent::Message(_) | AttachedContent::Nothing => (0, None, None),
    };
    let is_file = !matches!(attachment.content, AttachedContent::Ole(_));
    legacy::write_attachment(out, bag, code_page, is_file);
    if let Some(data) = data {
        push(out, Level::Attachment, ids::ATTACH_DATA, data);
    }
    let number = |tag| bag.get(tag).and_then(PropertyValue::as_i32);
    let mut added = PropertyBag::new();
    let is_elsewhere = data.is_none() && object.is_none();
    let kept = number(tags::ATTACH_METHOD).filter(|kept| *kept == method || is_elsewhere);
    // Data that are said to be here and are not would be missed.
    if kept.is_none_or(|kept| is_elsewhere && matches!(kept, 1 | 5 | 6)) {
        added.set(tags::ATTACH_METHOD, method);
    }
    if number(tags::RENDERING_POSITION).is_none() {
        added.set(tags::RENDERING_POSITION, NOT_RENDERED);
    }
    let own = bag.iter().filter(|(key, _)| {
        let is_added = added.iter().any(|(known, _)| known == key);
        !is_added && !matches!(key, PropertyKey::Tag(id) if is_content(*id))
    });
    let mut list = Vec::new();
    properties::write(&mut list, own.chain(added.iter()), object);
    push(out, Level::Attachment, ids::ATTACHMENT, &list);
}

/// PidTagAttachDataBinary and PidTagAttachDataObject are the attachment's content, not its properties.
fn is_content(id: u16) -> bool {
    id == tags::ATTACH_DATA_BINARY.id()
}
