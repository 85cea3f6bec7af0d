//! Attributes that stand for properties ([MS-OXTNEF] 2.1.3.3), both ways.

use std::fmt::Write as _;

use mapi::generated::tags;
use mapi::{PropertyBag, PropertyTag, PropertyValue};

use super::addresses::{self, Address, CorrespondentTags};
use super::attributes::{Attribute, AttributeId, Level, ids, push};
use super::classes::{self, Meeting};
use super::dates;
use crate::hex;

const SENDER: CorrespondentTags = CorrespondentTags {
    name: tags::SENDER_NAME,
    address_type: tags::SENDER_ADDRESS_TYPE,
    email_address: tags::SENDER_EMAIL_ADDRESS,
    entry_id: tags::SENDER_ENTRY_ID,
};
const SENT_REPRESENTING: CorrespondentTags = CorrespondentTags {
    name: tags::SENT_REPRESENTING_NAME,
    address_type: tags::SENT_REPRESENTING_ADDRESS_TYPE,
    email_address: tags::SENT_REPRESENTING_EMAIL_ADDRESS,
    entry_id: tags::SENT_REPRESENTING_ENTRY_ID,
};
const RECEIVED_REPRESENTING: CorrespondentTags = CorrespondentTags {
    name: tags::RECEIVED_REPRESENTING_NAME,
    address_type: tags::RECEIVED_REPRESENTING_ADDRESS_TYPE,
    email_address: tags::RECEIVED_REPRESENTING_EMAIL_ADDRESS,
    entry_id: tags::RECEIVED_REPRESENTING_ENTRY_ID,
};

/// attPriority, and PidTagImportance ([MS-OXTNEF] 2.1.3.3.10).
const PRIORITIES: &[(u16, i32)] = &[(3, 0), (2, 1), (1, 2)];

/// Bits of attMessageStatus, and of PidTagMessageFlags ([MS-OXTNEF] 2.1.3.3.9, [MS-OXCMSG] 2.2.1.6).
const STATUS: &[(u8, i32)] = &[(0x20, 0x01), (0x04, 0x04), (0x02, 0x08), (0x80, 0x10)];
const STATUS_MODIFIED: u8 = 0x01;
const FLAG_UNMODIFIED: i32 = 0x02;

const DATES: &[(AttributeId, PropertyTag)] = &[
    (ids::DATE_SENT, tags::CLIENT_SUBMIT_TIME),
    (ids::DATE_RECEIVED, tags::MESSAGE_DELIVERY_TIME),
    (ids::DATE_MODIFIED, tags::LAST_MODIFICATION_TIME),
];
const MEETING_DATES: &[(AttributeId, PropertyTag)] =
    &[(ids::DATE_START, tags::START_DATE), (ids::DATE_END, tags::END_DATE)];
const ATTACHMENT_DATES: &[(AttributeId, PropertyTag)] = &[
    (ids::ATTACH_CREATE_DATE, tags::CREATION_TIME),
    (ids::ATTACH_MODIFY_DATE, tags::LAST_MODIFICATION_TIME),
];

/// Binary keys that stand as hexadecimal text ([MS-OXTNEF] 2.1.3.3.8).
const KEYS: &[(AttributeId, PropertyTag)] = &[
    (ids::MESSAGE_ID, tags::SEARCH_KEY),
    (ids::PARENT_ID, tags::PARENT_KEY),
    (ids::CONVERSATION_ID, tags::CONVERSATION_KEY),
];

/// Sets what an attribute of a message stands for. `class` is the message's: attOwner depends on it.
///
/// # Errors
/// Why it stands for nothing.
pub fn set_message(
    bag: &mut PropertyBag,
    attribute: &Attribute<'_>,
    code_page: u32,
    class: &str,
) -> Result<(), String> {
    let data = attribute.data;
    let text = || addresses::text(code_page, data);
    if let Some((_, tag)) =
        DATES.iter().chain(MEETING_DATES).find(|(known, _)| *known == attribute.id)
    {
        bag.set(*tag, dates::read(data).ok_or(NO_DATE)?);
        return Ok(());
    }
    if let Some((_, tag)) = KEYS.iter().find(|(known, _)| *known == attribute.id) {
        bag.set(*tag, from_hex(data).ok_or("it is no hexadecimal text")?);
        return Ok(());
    }
    match attribute.id {
        ids::SUBJECT => bag.set(tags::SUBJECT, text()),
        ids::BODY => bag.set(tags::BODY, text()),
        ids::MESSAGE_CLASS => bag.set(tags::MESSAGE_CLASS, classes::from_legacy(&text())),
        ids::ORIGINAL_MESSAGE_CLASS => {
            bag.set(tags::ORIGINAL_MESSAGE_CLASS, classes::from_legacy(&text()));
        }
        ids::FROM => addresses::read_triple(data, code_page)?.set(bag, &SENDER),
        ids::SENT_FOR => addresses::read_counted(data, code_page)?.set(bag, &SENT_REPRESENTING),
        ids::OWNER => {
            let owner = match classes::meeting(class) {
                Some(Meeting::Response) => &RECEIVED_REPRESENTING,
                _ => &SENT_REPRESENTING,
            };
            addresses::read_counted(data, code_page)?.set(bag, owner);
        }
        ids::DELEGATE => bag.set(tags::RECEIVED_REPRESENTING_ENTRY_ID, data.to_vec()),
        ids::PRIORITY => {
            let priority = u16::from_le_bytes(*data.first_chunk().ok_or(SHORT)?);
            let found = PRIORITIES.iter().find(|(known, _)| *known == priority);
            let (_, importance) = found.ok_or("it is no priority")?;
            bag.set(tags::IMPORTANCE, *importance);
        }
        ids::MESSAGE_STATUS => {
            let status = *data.first().ok_or(SHORT)?;
            let set = STATUS.iter().filter(|(bit, _)| status & bit != 0);
            let unmodified = if status & STATUS_MODIFIED == 0 { FLAG_UNMODIFIED } else { 0 };
            bag.set(tags::MESSAGE_FLAGS, set.map(|(_, flag)| flag).sum::<i32>() | unmodified);
        }
        ids::REQUEST_RESPONSE => {
            bag.set(tags::RESPONSE_REQUESTED, *data.first().ok_or(SHORT)? != 0);
        }
        ids::APPOINTMENT_ID_OWNER => {
            let id = i32::from_le_bytes(*data.first_chunk().ok_or(SHORT)?);
            bag.set(tags::OWNER_APPOINTMENT_ID, id);
        }
        _ => return Err("it is unknown".into()),
    }
    Ok(())
}

/// Sets what an attribute of an attachment stands for; its data are not among them.
///
/// # Errors
/// Why it stands for nothing.
pub fn set_attachment(
    bag: &mut PropertyBag,
    attribute: &Attribute<'_>,
    code_page: u32,
) -> Result<(), String> {
    let data = attribute.data;
    let text = || addresses::text(code_page, data);
    if let Some((_, tag)) = ATTACHMENT_DATES.iter().find(|(known, _)| *known == attribute.id) {
        bag.set(*tag, dates::read(data).ok_or(NO_DATE)?);
        return Ok(());
    }
    match attribute.id {
        ids::ATTACH_TITLE => bag.set(tags::ATTACH_FILENAME, text()),
        ids::ATTACH_TRANSPORT_FILENAME => bag.set(tags::ATTACH_TRANSPORT_NAME, text()),
        ids::ATTACH_META_FILE => bag.set(tags::ATTACH_RENDERING, data.to_vec()),
        ids::ATTACH_REND_DATA => {
            let position = data.get(2..6).and_then(<[u8]>::first_chunk).ok_or(SHORT)?;
            bag.set(tags::RENDERING_POSITION, i32::from_le_bytes(*position));
            let flags = data.get(10..14).and_then(<[u8]>::first_chunk).ok_or(SHORT)?;
            if u32::from_le_bytes(*flags) & MAC_BINARY != 0 {
                bag.set(tags::ATTACH_ENCODING, MAC_BINARY_ENCODING.to_vec());
            }
        }
        _ => return Err("it is unknown".into()),
    }
    Ok(())
}

/// AttachType of attAttachRendData ([MS-OXTNEF] 2.1.3.3.15).
const TYPE_FILE: u16 = 1;
const TYPE_OLE: u16 = 2;
/// FileDataMacBinary of attAttachRendData, and the encoding that it stands for ([MS-OXCMSG] 2.2.2.20).
const MAC_BINARY: u32 = 1;
pub const MAC_BINARY_ENCODING: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x14, 0x03, 0x0b, 0x01];
const NO_POSITION: i32 = -1;

/// Whether attAttachRendData speaks of an OLE object, which a picture is too.
pub fn is_ole(rend_data: &[u8]) -> bool {
    rend_data.first_chunk().is_some_and(|kind| u16::from_le_bytes(*kind) >= TYPE_OLE)
}

const SHORT: &str = "it is cut off";
const NO_DATE: &str = "it is no date";

/// Writes the attributes of a message that stand for its properties, for readers that know no others.
pub fn write_message(out: &mut Vec<u8>, bag: &PropertyBag, code_page: u32, class: &str) {
    let mut add = |id, data: &[u8]| push(out, Level::Message, id, data);
    let encoded = |tag| encoded_text(bag, tag, code_page);
    let number = |tag| bag.get(tag).and_then(PropertyValue::as_i32);
    let null_ended = |text: &str| [text.as_bytes(), &[0]].concat();
    if class.is_ascii() {
        add(ids::MESSAGE_CLASS, &null_ended(classes::to_legacy(class)));
    }
    if let Some(original) = bag.text(tags::ORIGINAL_MESSAGE_CLASS).filter(|class| class.is_ascii())
    {
        add(ids::ORIGINAL_MESSAGE_CLASS, &null_ended(classes::to_legacy(&original)));
    }
    let importance = number(tags::IMPORTANCE);
    if let Some((priority, _)) = PRIORITIES.iter().find(|(_, known)| Some(*known) == importance) {
        add(ids::PRIORITY, &priority.to_le_bytes());
    }
    if let Some(subject) = encoded(tags::SUBJECT) {
        add(ids::SUBJECT, &subject);
    }
    for (id, tag) in DATES {
        if let Some(date) = bag.get(*tag).and_then(PropertyValue::as_time).and_then(dates::write) {
            add(*id, &date);
        }
    }
    if let Some(flags) = number(tags::MESSAGE_FLAGS) {
        let set = STATUS.iter().filter(|(_, flag)| flags & flag != 0);
        let modified = if flags & FLAG_UNMODIFIED == 0 { STATUS_MODIFIED } else { 0 };
        add(ids::MESSAGE_STATUS, &[set.map(|(bit, _)| bit).sum::<u8>() | modified]);
    }
    for (id, tag) in KEYS {
        if let Some(key) = bag.get(*tag).and_then(PropertyValue::as_binary)
            && key.len() <= 256
        {
            add(*id, &to_hex(key));
        }
    }
    let address = |tags| Address::of(bag, tags);
    if let Some(from) = address(&SENDER).and_then(|a| addresses::write_triple(&a, code_page)) {
        add(ids::FROM, &from);
    }
    let counted = |tags| address(tags).and_then(|a| addresses::write_counted(&a, code_page));
    let Some(meeting) = classes::meeting(class) else { return };
    let owner = match meeting {
        Meeting::FromOrganizer => &SENT_REPRESENTING,
        Meeting::Response => &RECEIVED_REPRESENTING,
    };
    if let Some(owner) = counted(owner) {
        add(ids::OWNER, &owner);
    }
    if let Some(sent_for) = counted(&SENT_REPRESENTING) {
        add(ids::SENT_FOR, &sent_for);
    }
    for (id, tag) in MEETING_DATES {
        if let Some(date) = bag.get(*tag).and_then(PropertyValue::as_time).and_then(dates::write) {
            add(*id, &date);
        }
    }
    if let Some(id) = number(tags::OWNER_APPOINTMENT_ID) {
        add(ids::APPOINTMENT_ID_OWNER, &id.to_le_bytes());
    }
    if let Some(asked) = bag.get(tags::RESPONSE_REQUESTED).and_then(PropertyValue::as_bool) {
        add(ids::REQUEST_RESPONSE, &u16::from(asked).to_le_bytes());
    }
}

/// Writes the attributes of an attachment without its data. attAttachRendData begins it.
pub fn write_attachment(out: &mut Vec<u8>, bag: &PropertyBag, code_page: u32, is_file: bool) {
    let mut add = |id, data: &[u8]| push(out, Level::Attachment, id, data);
    let position = bag.get(tags::RENDERING_POSITION).and_then(PropertyValue::as_i32);
    let encoding = bag.get(tags::ATTACH_ENCODING).and_then(PropertyValue::as_binary);
    let flags = if encoding == Some(&MAC_BINARY_ENCODING) { MAC_BINARY } else { 0 };
    let mut rend_data = Vec::with_capacity(14);
    let kind = if is_file { TYPE_FILE } else { TYPE_OLE };
    rend_data.extend_from_slice(&kind.to_le_bytes());
    rend_data.extend_from_slice(&position.unwrap_or(NO_POSITION).to_le_bytes());
    // The size of its picture, which stands as 32 pixels where nobody knows.
    rend_data.extend_from_slice(&[32, 0, 32, 0]);
    rend_data.extend_from_slice(&flags.to_le_bytes());
    add(ids::ATTACH_REND_DATA, &rend_data);
    for (id, tag) in [
        (ids::ATTACH_TITLE, tags::ATTACH_FILENAME),
        (ids::ATTACH_TRANSPORT_FILENAME, tags::ATTACH_TRANSPORT_NAME),
    ] {
        if let Some(text) = encoded_text(bag, tag, code_page) {
            add(id, &text);
        }
    }
    for (id, tag) in ATTACHMENT_DATES {
        if let Some(date) = bag.get(*tag).and_then(PropertyValue::as_time).and_then(dates::write) {
            add(*id, &date);
        }
    }
    if let Some(rendering) = bag.get(tags::ATTACH_RENDERING).and_then(PropertyValue::as_binary) {
        add(ids::ATTACH_META_FILE, rendering);
    }
}

fn encoded_text(bag: &PropertyBag, tag: PropertyTag, code_page: u32) -> Option<Vec<u8>> {
    let text = bag.text(tag)?.replace('\0', "");
    let mut bytes = crate::text::charsets::encode(code_page, &text)?;
    bytes.push(0);
    Some(bytes)
}

fn from_hex(data: &[u8]) -> Option<Vec<u8>> {
    let end = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    let (pairs, []) = data[..end].as_chunks::<2>() else { return None };
    pairs.iter().map(|pair| hex::byte(pair)).collect()
}

fn to_hex(key: &[u8]) -> Vec<u8> {
    let mut text = String::with_capacity(key.len() * 2 + 1);
    for byte in key {
        let _ = write!(text, "{byte:02X}");
    }
    text.push('\0');
    text.into_bytes()
}
