//! Properties of messages and attachments that are computed.

use mapi::{PropertyTag, PropertyType, PropertyValue, Wire, tags};

use super::{Message, MessageBody, flags, subject};
use crate::delivery;
use crate::mailbox::entry_ids;
use crate::value::{Properties, Value};
use crate::{Mailbox, Result};

/// What a message computes, in the order of the tags.
const COMPUTED: &[PropertyTag] = &[
    tags::ACCESS,
    tags::ACCESS_LEVEL,
    tags::ASSOCIATED,
    tags::CHANGE_KEY,
    tags::CHANGE_NUMBER,
    tags::CONVERSATION_ID,
    tags::CONVERSATION_TOPIC,
    tags::DELETED_ON,
    tags::DISPLAY_BCC,
    tags::DISPLAY_CC,
    tags::DISPLAY_TO,
    tags::ENTRY_ID,
    tags::FOLDER_ID,
    tags::HAS_ATTACHMENTS,
    tags::HAS_NAMED_PROPERTIES,
    tags::INSTANCE_NUM,
    tags::INST_ID,
    tags::INTERNET_ARTICLE_NUMBER,
    tags::LOCAL_COMMIT_TIME,
    tags::MAPPING_SIGNATURE,
    tags::MESSAGE_FLAGS,
    tags::MESSAGE_SIZE,
    tags::MESSAGE_SIZE_EXTENDED,
    tags::MESSAGE_STATUS,
    tags::MID,
    tags::NORMALIZED_SUBJECT,
    tags::OBJECT_TYPE,
    tags::PARENT_ENTRY_ID,
    tags::PARENT_FOLDER_ID,
    tags::PARENT_SOURCE_KEY,
    tags::PREDECESSOR_CHANGE_LIST,
    tags::READ,
    tags::RECORD_KEY,
    tags::SOURCE_KEY,
    tags::STORE_ENTRY_ID,
    tags::STORE_RECORD_KEY,
    tags::SUBJECT_PREFIX,
    tags::SUBMIT_FLAGS,
];

/// Those of the computed ones that a client may set: the flags before the first save, the subject's parts,
/// and what clients keep in embedded messages and synchronisation brings.
const SETTABLE: &[PropertyTag] = &[
    tags::CONVERSATION_TOPIC,
    tags::DISPLAY_BCC,
    tags::DISPLAY_CC,
    tags::DISPLAY_TO,
    tags::MESSAGE_FLAGS,
    tags::NORMALIZED_SUBJECT,
    tags::SUBJECT_PREFIX,
];

/// Whether clients may not set or delete the property of a message, since it is computed.
pub fn is_computed(tag: PropertyTag) -> bool {
    let in_list = |list: &[PropertyTag]| list.iter().any(|known| known.id() == tag.id());
    in_list(COMPUTED) && !in_list(SETTABLE)
}

/// What the server keeps of a message and no client may write ([MS-OXCMSG] 2.2.1.1 R1724).
const KEPT_BY_SERVER: [PropertyTag; 4] =
    [tags::CREATION_TIME, tags::LAST_MODIFICATION_TIME, tags::LAST_MODIFIER_NAME, tags::SEARCH_KEY];

/// Whether clients may not write the property of a message: it is computed, or the server keeps it.
pub fn is_read_only(tag: PropertyTag) -> bool {
    is_computed(tag) || KEPT_BY_SERVER.iter().any(|kept| kept.id() == tag.id())
}

/// Every property that the message has, computed ones included.
pub fn tags(mailbox: &Mailbox, message: &Message) -> Result<Vec<PropertyTag>> {
    let mut tags = Vec::new();
    for tag in COMPUTED {
        if get(mailbox, message, *tag)?.is_some() {
            tags.push(*tag);
        }
    }
    let known = |tag: &PropertyTag| COMPUTED.iter().any(|known| known.id() == tag.id());
    tags.extend(message.body.properties.tags().filter(|tag| !known(tag)));
    tags.sort_unstable();
    Ok(tags)
}

/// The value of a property, stored or computed; None where there is none.
pub fn get(mailbox: &Mailbox, message: &Message, tag: PropertyTag) -> Result<Option<Value>> {
    let stored = || message.body.properties.get(tag).cloned();
    let Some(known) = COMPUTED.iter().find(|known| known.id() == tag.id()) else {
        return Ok(stored());
    };
    let (id, folder) = (message.id, message.folder);
    let embedded = folder.is_none();
    let saved = !id.is_none();
    let gid = |replica, counter| -> Result<Option<Value>> {
        Ok(Some(entry_ids::gid(mailbox, replica, counter)?.into()))
    };
    Ok(Some(match *known {
        // [MS-OXCPRPT] 2.2.1.1: modify and read, and delete what is there.
        tags::ACCESS => (if saved { 7 } else { 3 }).into(),
        tags::ACCESS_LEVEL => 1i32.into(),
        // MAPI_MESSAGE ([MS-OXCPRPT] 2.2.1.7).
        tags::OBJECT_TYPE => 5i32.into(),
        tags::ASSOCIATED => message.associated.into(),
        tags::HAS_ATTACHMENTS => (!message.body.attachments.is_empty()).into(),
        tags::HAS_NAMED_PROPERTIES => {
            message.body.properties.iter().any(|(id, _)| id >= 0x8000).into()
        }
        tags::MESSAGE_FLAGS => match message.body.properties.get(tag) {
            // Set by the client and not saved yet, or kept in an embedded message.
            Some(Value::Inline(PropertyValue::Integer32(set))) => {
                let computed = flags::HAS_ATTACHMENTS | flags::ASSOCIATED;
                let own = summary_flags(
                    message.flags,
                    message.read,
                    message.associated,
                    !message.body.attachments.is_empty(),
                );
                ((*set as u32 & !computed | own & computed) as i32).into()
            }
            _ => (summary_flags(
                message.flags,
                message.read,
                message.associated,
                !message.body.attachments.is_empty(),
            ) as i32)
                .into(),
        },
        tags::READ => message.read.into(),
        tags::DELETED_ON => match message.deleted {
            Some(at) => at.into(),
            None => return Ok(None),
        },
        tags::MESSAGE_STATUS => (message.status as i32).into(),
        tags::MESSAGE_SIZE | tags::MESSAGE_SIZE_EXTENDED => {
            let size = if saved { message.size } else { message.body.size() };
            match tag.property_type() == PropertyType::INTEGER64 {
                true => (size as i64).into(),
                false => i32::try_from(size).unwrap_or(i32::MAX).into(),
            }
        }
        tags::NORMALIZED_SUBJECT => match stored() {
            Some(set) => set,
            None => match subject::normalized(&message.body.properties) {
                Some(text) => text.into(),
                None => return Ok(message.body.properties.get(tags::SUBJECT).cloned()),
            },
        },
        // Settled by the save; an embedded message is saved with what its client said alone.
        tags::SUBJECT_PREFIX => match subject::prefix(&message.body.properties) {
            Some(prefix) => prefix.into(),
            None => return Ok(stored()),
        },
        tags::CONVERSATION_TOPIC => return Ok(topic_of(&message.body.properties)),
        tags::CONVERSATION_ID => match conversation_id(&message.body.properties) {
            Some(id) => id.to_vec().into(),
            None => return Ok(None),
        },
        tags::DISPLAY_TO => return Ok(shown(message, 1, stored())),
        tags::DISPLAY_CC => return Ok(shown(message, 2, stored())),
        tags::DISPLAY_BCC => return Ok(shown(message, 3, stored())),
        tags::STORE_RECORD_KEY | tags::MAPPING_SIGNATURE => mailbox.guid().0.to_vec().into(),
        tags::STORE_ENTRY_ID => crate::mailbox::store_properties::store_entry_id(mailbox)?.into(),
        // From here on only messages of a folder have them.
        _ if embedded => return Ok(stored()),
        tags::FOLDER_ID | tags::PARENT_FOLDER_ID => folder.to_i64().into(),
        tags::PARENT_ENTRY_ID => entry_ids::folder(mailbox, folder)?.into(),
        tags::PARENT_SOURCE_KEY => return gid(folder.replica, folder.counter),
        // And from here on only saved ones.
        _ if !saved => return Ok(stored()),
        // A message that was stored before this was kept: its last change is what is known.
        tags::LOCAL_COMMIT_TIME if message.committed.0 == 0 => {
            return Ok(message.body.properties.get(tags::LAST_MODIFICATION_TIME).cloned());
        }
        tags::LOCAL_COMMIT_TIME => message.committed.into(),
        tags::MID | tags::INST_ID => id.to_i64().into(),
        tags::INSTANCE_NUM => 0i32.into(),
        tags::INTERNET_ARTICLE_NUMBER => (message.uid as i32).into(),
        tags::ENTRY_ID | tags::RECORD_KEY => entry_ids::message(mailbox, folder, id)?.into(),
        tags::CHANGE_NUMBER => message.base.to_i64().into(),
        tags::CHANGE_KEY => return gid(message.base.replica, message.base.counter),
        // A persisted source key wins over the derived one.
        tags::SUBMIT_FLAGS => match delivery::submit_flags(mailbox, message)? {
            Some(flags) => (flags as i32).into(),
            None => return Ok(None),
        },
        tags::SOURCE_KEY => match stored() {
            Some(kept) => kept,
            None => return gid(id.replica, id.counter),
        },
        tags::PREDECESSOR_CHANGE_LIST => match stored() {
            Some(kept) => kept,
            None => {
                let own = entry_ids::xid(mailbox, message.base.replica, message.base.counter)?;
                mapi::change::ChangeList::new(own).to_wire().into()
            }
        },
        _ => return Ok(None),
    }))
}

/// The topic of a conversation is the normalized subject of the message that began it ([MS-OXOMSG] 2.2.1.5).
fn topic_of(properties: &Properties) -> Option<Value> {
    match properties.get(tags::CONVERSATION_TOPIC) {
        Some(kept) => Some(kept.clone()),
        None => match properties.get(tags::NORMALIZED_SUBJECT) {
            Some(set) => Some(set.clone()),
            None => subject::normalized(properties).map(Value::from),
        },
    }
}

/// [MS-OXOMSG] 2.2.1.2
pub(crate) fn conversation_id(properties: &Properties) -> Option<[u8; 16]> {
    let tracking = properties.inline(tags::CONVERSATION_INDEX_TRACKING);
    let index = properties.inline(tags::CONVERSATION_INDEX).and_then(PropertyValue::as_binary);
    if tracking.and_then(PropertyValue::as_bool) == Some(true)
        && let Some(id) = index.and_then(mapi::conversation::tracked_id)
    {
        return Some(id);
    }
    let topic = topic_of(properties)?;
    Some(mapi::conversation::id_of_topic(topic.inline()?.as_text()?))
}

/// PidTagMessageFlags from what is kept and what is computed.
pub(crate) fn summary_flags(kept: u32, read: bool, associated: bool, attachments: bool) -> u32 {
    let mut all = kept & !flags::COMPUTED;
    if read {
        all |= flags::READ | flags::EVER_READ;
    }
    if associated {
        all |= flags::ASSOCIATED;
    }
    if attachments {
        all |= flags::HAS_ATTACHMENTS;
    }
    all
}

/// The names of the recipients of a type, or what is stored where the message has no recipients at all. A new
/// message has none before it has recipients or is saved (MS-OXCMSG R164101).
fn shown(message: &Message, recipient_type: i32, stored: Option<Value>) -> Option<Value> {
    let is_new = message.id.is_none() && !message.folder.is_none();
    match message.body.recipients.is_empty() {
        false => Some(display_names(&message.body, recipient_type).into()),
        true => stored.or_else(|| (!is_new).then(|| "".into())),
    }
}

/// "A; B" ([MS-OXOMSG] 2.2.1.7 to 2.2.1.9).
pub(crate) fn display_names(body: &MessageBody, recipient_type: i32) -> String {
    let mut names = String::new();
    for recipient in &body.recipients {
        let properties = &recipient.properties;
        let kind = properties.inline(tags::RECIPIENT_TYPE).and_then(PropertyValue::as_i32);
        // The high bits are flags ([MS-OXCMSG] 2.2.3.1.2).
        if kind.map(|kind| kind & 0x0f) != Some(recipient_type) {
            continue;
        }
        let text = |tag| properties.inline(tag).and_then(PropertyValue::as_text);
        let name = text(tags::DISPLAY_NAME)
            .filter(|name| !name.is_empty())
            .or_else(|| text(tags::SMTP_ADDRESS))
            .or_else(|| text(tags::EMAIL_ADDRESS));
        if let Some(name) = name {
            if !names.is_empty() {
                names.push_str("; ");
            }
            names.push_str(&name.to_string_lossy());
        }
    }
    names
}
