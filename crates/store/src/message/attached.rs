//! Properties of attachments ([MS-OXCMSG] 2.2.2).

use mapi::{PropertyTag, PropertyValue, tags};

use super::{Attachment, MessageBody};
use crate::value::Value;

/// What an attachment computes; no client writes it.
const COMPUTED: [PropertyTag; 5] = [
    tags::ATTACH_NUMBER,
    tags::ATTACH_SIZE,
    tags::ACCESS_LEVEL,
    tags::OBJECT_TYPE,
    tags::RECORD_KEY,
];

/// Whether clients may not set or delete the property of an attachment.
pub fn is_computed_of_attachment(tag: PropertyTag) -> bool {
    COMPUTED.iter().any(|computed| computed.id() == tag.id())
}

/// The value of an attachment's property, stored or computed. PidTagAccessLevel is that of one that may be
/// changed.
pub fn attachment_property(attachment: &Attachment, tag: PropertyTag) -> Option<Value> {
    const NUMBER: u16 = tags::ATTACH_NUMBER.id();
    const SIZE: u16 = tags::ATTACH_SIZE.id();
    const ACCESS_LEVEL: u16 = tags::ACCESS_LEVEL.id();
    const OBJECT_TYPE: u16 = tags::OBJECT_TYPE.id();
    const RECORD_KEY: u16 = tags::RECORD_KEY.id();
    const DATA: u16 = tags::ATTACH_DATA_OBJECT.id();
    match tag.id() {
        NUMBER => Some((attachment.number as i32).into()),
        SIZE => Some(i32::try_from(bytes_of(attachment)).unwrap_or(i32::MAX).into()),
        ACCESS_LEVEL => Some(1i32.into()),
        // MAPI_ATTACH ([MS-OXCPRPT] 2.2.1.7).
        OBJECT_TYPE => Some(7i32.into()),
        RECORD_KEY => Some(attachment.number.to_le_bytes().to_vec().into()),
        DATA if attachment.embedded.is_some() => Some(Value::Inline(PropertyValue::Object)),
        id => attachment.properties.get_id(id).cloned().or_else(|| unset(attachment, tag)),
    }
}

/// What holds of properties that nobody set.
fn unset(attachment: &Attachment, tag: PropertyTag) -> Option<Value> {
    const METHOD: u16 = tags::ATTACH_METHOD.id();
    const DISPLAY_NAME: u16 = tags::DISPLAY_NAME.id();
    match tag.id() {
        // afNone: it was just created (MS-OXCMSG R588).
        METHOD => Some(0i32.into()),
        // MS-OXCMSG R228
        DISPLAY_NAME => attachment.properties.get(tags::ATTACH_LONG_FILENAME).cloned(),
        _ => None,
    }
}

/// Every property that an attachment has, computed ones included.
pub fn attachment_tags(attachment: &Attachment) -> Vec<PropertyTag> {
    let data = attachment.embedded.is_some().then_some(tags::ATTACH_DATA_OBJECT);
    let stored = attachment.properties.tags().filter(|tag| !is_computed_of_attachment(*tag));
    let stored = stored.filter(|tag| data.is_none_or(|data| data.id() != tag.id()));
    let unset = [tags::ATTACH_METHOD, tags::DISPLAY_NAME].into_iter().filter(|tag| {
        attachment.properties.get_id(tag.id()).is_none() && unset(attachment, *tag).is_some()
    });
    let mut all: Vec<PropertyTag> =
        COMPUTED.into_iter().chain(data).chain(stored).chain(unset).collect();
    all.sort_unstable();
    all
}

/// PidTagAttachSize: the bytes of all properties ([MS-OXCMSG] 2.2.2.5).
fn bytes_of(attachment: &Attachment) -> u64 {
    // MS-OXCMSG R449: an empty attachment has 64 bytes.
    const EMPTY: u64 = 0x40;
    let own: u64 = attachment.properties.iter().map(|(_, value)| value.size()).sum();
    EMPTY + own + attachment.embedded.as_deref().map_or(0, body_bytes)
}

fn body_bytes(body: &MessageBody) -> u64 {
    let own: u64 = body.properties.iter().map(|(_, value)| value.size()).sum();
    own + body.attachments.iter().map(bytes_of).sum::<u64>()
}
