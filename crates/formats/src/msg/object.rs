//! Messages, recipients and attachments: storages with a property stream and a stream for each value that
//! does not fit there ([MS-OXMSG] 2.1, 2.2, 2.4).

use std::collections::HashSet;

use mapi::generated::tags;
use mapi::{
    AttachedContent, AttachmentContent, MessageContent, PropertyBag, PropertyTag, PropertyType,
    PropertyValue, RecipientContent,
};

use super::compound::{Compound, EntryId, EntryKind, ROOT};
use super::{MAX_NESTING, MsgError, ole};
use crate::guard::guarded;
use crate::names::Names;
use crate::report::{Kind, Report};
use crate::values;

const PROPERTIES: &str = "__properties_version1.0";
const VALUE: &str = "__substg1.0_";
const RECIPIENT: &str = "__recip_version1.0_#";
const ATTACHMENT: &str = "__attach_version1.0_#";
const NAMES: &str = "__nameid_version1.0";
// [MS-OXMSG] 2.2.3.1: the streams of the named property mapping storage.
const NAME_GUIDS: &str = "__substg1.0_00020102";
const NAME_ENTRIES: &str = "__substg1.0_00030102";
const NAME_STRINGS: &str = "__substg1.0_00040102";

// [MS-OXMSG] 2.4.1: what stands before the records depends on the storage.
const TOP_HEADER: usize = 32;
const EMBEDDED_HEADER: usize = 24;
const PART_HEADER: usize = 8;

/// Why a recipient or attachment without a single property is not carried.
const NOTHING_LEFT: &str = "nothing of it is left";

/// afEmbeddedMessage ([MS-OXCMSG] 2.2.2.9).
const EMBEDDED_MESSAGE: i32 = 5;

struct Source<'f, 'b> {
    file: &'f Compound<'b>,
    names: Names,
}

/// Reads the message that the file's root storage holds.
pub fn read_message(file: &Compound<'_>, report: &mut Report) -> Result<MessageContent, MsgError> {
    let has_values =
        || file.children(ROOT).iter().any(|id| file.entry(*id).name.starts_with(VALUE));
    if file.child(ROOT, PROPERTIES).is_none() && !has_values() {
        return Err(MsgError::NotAMessage);
    }
    let source = Source { file, names: names(file, report) };
    Ok(message(&source, ROOT, TOP_HEADER, values::DEFAULT_CODE_PAGE, 0, report))
}

fn names(file: &Compound<'_>, report: &mut Report) -> Names {
    let Some(storage) = file.child(ROOT, NAMES) else { return Names::default() };
    let stream =
        |name| file.stream_child(storage, name).map(|id| file.stream(id).bytes).unwrap_or_default();
    Names::read(&stream(NAME_GUIDS), &stream(NAME_ENTRIES), &stream(NAME_STRINGS), report)
}

fn message(
    source: &Source<'_, '_>,
    storage: EntryId,
    header: usize,
    outer_code_page: u32,
    depth: usize,
    report: &mut Report,
) -> MessageContent {
    let (raw, announced) = properties(source, storage, header, report);
    let code_page = values::code_page(&raw).unwrap_or(outer_code_page);
    let mut content =
        MessageContent { properties: values::to_unicode(raw, code_page), ..Default::default() };

    let (recipients, attachments) =
        (parts(source, storage, RECIPIENT), parts(source, storage, ATTACHMENT));
    missing(Kind::Recipient, "recipients", announced.recipients, recipients.len(), report);
    missing(Kind::Attachment, "attachments", announced.attachments, attachments.len(), report);
    for (number, part) in recipients {
        let mut of_part = Report::default();
        let (raw, _) = properties(source, part, PART_HEADER, &mut of_part);
        if raw.is_empty() {
            of_part.refuse(Kind::Recipient, "storage", NOTHING_LEFT);
        } else {
            of_part.carry(Kind::Recipient);
            let properties = values::to_unicode(raw, code_page);
            content.recipients.push(RecipientContent { properties });
        }
        report.absorb(of_part, &format!("recipient {number}"));
    }
    for (number, part) in attachments {
        let mut of_part = Report::default();
        let read = attachment(source, part, code_page, depth, &mut of_part);
        content.attachments.extend(read);
        report.absorb(of_part, &format!("attachment {number}"));
    }
    strangers(source, storage, report);
    content
}

fn attachment(
    source: &Source<'_, '_>,
    storage: EntryId,
    code_page: u32,
    depth: usize,
    report: &mut Report,
) -> Option<AttachmentContent> {
    let (raw, _) = properties(source, storage, PART_HEADER, report);
    let properties = values::to_unicode(raw, code_page);
    let method = properties.get(tags::ATTACH_METHOD).and_then(PropertyValue::as_i32);
    let content = match attached(source, storage, method, code_page, depth, report) {
        Ok(AttachedContent::Nothing) if properties.is_empty() => {
            report.refuse(Kind::Attachment, "storage", NOTHING_LEFT);
            return None;
        }
        Ok(content) => {
            report.carry(Kind::Attachment);
            content
        }
        Err((kept, why)) => {
            report.refuse(Kind::Attachment, "content", why);
            kept
        }
    };
    Some(AttachmentContent { properties, content })
}

/// What is attached; on failure what is left of it, and why that is not all.
fn attached(
    source: &Source<'_, '_>,
    storage: EntryId,
    method: Option<i32>,
    code_page: u32,
    depth: usize,
    report: &mut Report,
) -> Result<AttachedContent, (AttachedContent, String)> {
    let file = source.file;
    let child = |tag| file.child(storage, &value_name(tag));
    if let Some(object) = child(tags::ATTACH_DATA_OBJECT) {
        if file.entry(object).kind == EntryKind::Stream {
            return bytes_of(file, object, AttachedContent::Ole);
        }
        let is_message =
            file.child(object, PROPERTIES).is_some() || method == Some(EMBEDDED_MESSAGE);
        if !is_message {
            return guarded(|| ole::standalone(file, object))
                .map(AttachedContent::Ole)
                .map_err(|why| (AttachedContent::Nothing, why));
        }
        if depth >= MAX_NESTING {
            let why = format!("messages nest deeper than {MAX_NESTING}");
            return Err((AttachedContent::Nothing, why));
        }
        let mut inner = Report::default();
        let content = message(source, object, EMBEDDED_HEADER, code_page, depth + 1, &mut inner);
        report.absorb(inner, "message");
        return Ok(AttachedContent::Message(Box::new(content)));
    }
    if let Some(data) = child(tags::ATTACH_DATA_BINARY) {
        return bytes_of(file, data, AttachedContent::Bytes);
    }
    match method {
        Some(1) => Err((AttachedContent::Nothing, "its data stream is missing".into())),
        Some(5 | 6) => Err((AttachedContent::Nothing, "its storage is missing".into())),
        // By reference: the properties say where the data are.
        _ => Ok(AttachedContent::Nothing),
    }
}

fn bytes_of(
    file: &Compound<'_>,
    stream: EntryId,
    make: impl Fn(Vec<u8>) -> AttachedContent,
) -> Result<AttachedContent, (AttachedContent, String)> {
    let data = file.stream(stream);
    match data.is_whole() {
        true => Ok(make(data.bytes)),
        false => {
            let why = cut(data.bytes.len(), data.size);
            Err((make(data.bytes), why))
        }
    }
}

/// How many recipients and attachments the property stream's header announces.
#[derive(Default)]
struct Announced {
    recipients: u32,
    attachments: u32,
}

/// The properties of a storage, with 8-bit strings as they stand.
fn properties(
    source: &Source<'_, '_>,
    storage: EntryId,
    header: usize,
    report: &mut Report,
) -> (PropertyBag, Announced) {
    let file = source.file;
    let mut bag = PropertyBag::new();
    let mut seen = HashSet::new();
    let stream = match file.stream_child(storage, PROPERTIES) {
        Some(id) => file.stream(id),
        None => {
            report.refuse(Kind::Structure, "property stream", "it is missing");
            super::compound::StreamBytes { bytes: Vec::new(), size: 0 }
        }
    };
    if !stream.is_whole() {
        report.refuse(Kind::Structure, "property stream", cut(stream.bytes.len(), stream.size));
    }
    let number = |at: usize| match stream.bytes.get(at..at + 4) {
        Some(b) if header > PART_HEADER => u32::from_le_bytes([b[0], b[1], b[2], b[3]]),
        _ => 0,
    };
    // [MS-OXMSG] 2.4.1.1.
    let announced = Announced { recipients: number(16), attachments: number(20) };
    let records = stream.bytes.get(header..).unwrap_or(&[]);
    for record in records.as_chunks::<16>().0 {
        let tag =
            PropertyTag::new(u32::from_le_bytes([record[0], record[1], record[2], record[3]]));
        if tag.0 == 0 || is_content(tag) || !seen.insert(tag) {
            continue;
        }
        let mut value = [0; 8];
        value.copy_from_slice(&record[8..]);
        take(source, storage, tag, Some(value), &mut bag, report);
    }
    // A value whose record is lost is carried all the same.
    for child in file.children(storage) {
        let entry = file.entry(*child);
        let tag = entry.name.strip_prefix(VALUE).filter(|tag| tag.len() == 8);
        let Some(tag) = tag.and_then(|tag| u32::from_str_radix(tag, 16).ok()) else { continue };
        let tag = PropertyTag::new(tag);
        if entry.kind == EntryKind::Stream && !is_content(tag) && seen.insert(tag) {
            take(source, storage, tag, None, &mut bag, report);
        }
    }
    (bag, announced)
}

/// PidTagAttachDataBinary and PidTagAttachDataObject are the attachment's content, not its properties.
fn is_content(tag: PropertyTag) -> bool {
    tag == tags::ATTACH_DATA_BINARY || tag == tags::ATTACH_DATA_OBJECT
}

/// Reads one property into the bag, or reports why not.
fn take(
    source: &Source<'_, '_>,
    storage: EntryId,
    tag: PropertyTag,
    record: Option<[u8; 8]>,
    bag: &mut PropertyBag,
    report: &mut Report,
) {
    let Some(key) = source.names.key(tag.id()) else {
        let what = format!("property {:#06x}", tag.id());
        report.refuse(Kind::Property, what, "the file does not say what this id is called");
        return;
    };
    let what = || values::describe(&key, tag.property_type());
    if bag.len() >= values::MAX_PROPERTIES {
        report.refuse(Kind::Property, what(), "the object has too many properties");
        return;
    }
    let value = match value(source.file, storage, tag, record) {
        Ok(Value { value, cut: None }) => {
            report.carry(Kind::Property);
            value
        }
        Ok(Value { value, cut: Some(why) }) => {
            report.refuse(Kind::Property, what(), why);
            value
        }
        Err(why) => return report.refuse(Kind::Property, what(), why),
    };
    // Some writers keep a string in both forms; the Unicode one is the better.
    let is_present = bag.iter().any(|(present, _)| *present == key);
    if !is_present || tag.property_type() == PropertyType::STRING {
        bag.insert(key, value);
    }
}

struct Value {
    value: PropertyValue,
    /// Why it is not all there was.
    cut: Option<String>,
}

fn value(
    file: &Compound<'_>,
    storage: EntryId,
    tag: PropertyTag,
    record: Option<[u8; 8]>,
) -> Result<Value, String> {
    let property_type = tag.property_type();
    if values::fixed_size(property_type).is_some() {
        let record = record.ok_or("its record is missing")?;
        let value = values::fixed(property_type, record).ok_or("its type is unknown")?;
        return Ok(Value { value, cut: None });
    }
    let stream = file.stream_child(storage, &value_name(tag)).ok_or("its stream is missing")?;
    let stream = file.stream(stream);
    if stream.bytes.is_empty() && stream.size > 0 {
        return Err(cut(0, stream.size));
    }
    let why = (!stream.is_whole()).then(|| cut(stream.bytes.len(), stream.size));
    // [MS-OXMSG] 2.1.4.2: the stream of the tag's own name holds lengths, each value has a stream.
    let length_size = match property_type {
        PropertyType::MULTIPLE_STRING | PropertyType::MULTIPLE_STRING8 => 4,
        PropertyType::MULTIPLE_BINARY => 8,
        _ => {
            return values::whole(property_type, &stream.bytes)
                .map(|value| Value { value, cut: why });
        }
    };
    let mut parts = Vec::new();
    for index in 0..stream.bytes.len() / length_size {
        let name = format!("{}-{index:08X}", value_name(tag));
        let part = file.stream_child(storage, &name).map(|id| file.stream(id));
        match part {
            Some(part) if part.is_whole() => parts.push(part.bytes),
            Some(_) => return Err(format!("its value {index} is cut off")),
            None => return Err(format!("its value {index} is missing")),
        }
    }
    values::several(property_type, parts.iter().map(Vec::as_slice))
        .map(|value| Value { value, cut: why })
}

fn value_name(tag: PropertyTag) -> String {
    format!("{VALUE}{:08X}", tag.0)
}

/// The storages of recipients or attachments, by the number in their names.
fn parts(source: &Source<'_, '_>, storage: EntryId, prefix: &str) -> Vec<(u32, EntryId)> {
    let mut found: Vec<(u32, EntryId)> = source
        .file
        .children(storage)
        .iter()
        .filter(|id| source.file.entry(**id).kind == EntryKind::Storage)
        .filter_map(|id| {
            let number = source.file.entry(*id).name.strip_prefix(prefix)?;
            Some((u32::from_str_radix(number, 16).ok()?, *id))
        })
        .collect();
    found.sort();
    found
}

fn missing(kind: Kind, what: &str, announced: u32, found: usize, report: &mut Report) {
    let announced = announced as usize;
    if announced > found {
        report.refuse(kind, what, format!("{announced} are announced, {found} are there"));
    }
}

/// Names what stands in a message's storage and has no place there.
fn strangers(source: &Source<'_, '_>, storage: EntryId, report: &mut Report) {
    for child in source.file.children(storage) {
        let entry = source.file.entry(*child);
        let is_known = match entry.kind {
            EntryKind::Stream => entry.name == PROPERTIES || entry.name.starts_with(VALUE),
            EntryKind::Storage => {
                [RECIPIENT, ATTACHMENT, NAMES].iter().any(|known| entry.name.starts_with(known))
            }
            EntryKind::Unused => true,
        };
        if !is_known {
            let what = format!("entry {:?} of {} bytes", entry.name, entry.size);
            report.refuse(Kind::Structure, what, "[MS-OXMSG] has no such entry");
        }
    }
}

fn cut(left: usize, size: u64) -> String {
    format!("only {left} of {size} bytes are there")
}
