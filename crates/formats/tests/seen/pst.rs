//! As scripts/expected-pst.py writes a message down.

use mapi::generated::tags;
use mapi::{
    AttachedContent, AttachmentContent, MessageContent, PropertyBag, PropertyKey, PropertyValue,
};
use serde_json::{Value, json};

use super::{sha256, time};

pub fn message(content: &MessageContent) -> Value {
    let bag = &content.properties;
    let hash = |tag| match bag.get(tag) {
        Some(PropertyValue::Binary(bytes)) => Some(sha256(bytes)),
        _ => None,
    };
    let (count, digest) = digest(bag);
    json!({
        "class": bag.text(tags::MESSAGE_CLASS),
        "subject": bag.text(tags::SUBJECT),
        "submitted": time(bag, tags::CLIENT_SUBMIT_TIME),
        "delivered": time(bag, tags::MESSAGE_DELIVERY_TIME),
        "flags": bag.get(tags::MESSAGE_FLAGS).and_then(PropertyValue::as_i32),
        "body_sha256": bag.text(tags::BODY).map(|text| sha256(text.as_bytes())),
        "html_sha256": hash(tags::HTML),
        "rtf_sha256": hash(tags::RTF_COMPRESSED),
        "properties": count,
        "properties_sha256": digest,
        "recipients": content
            .recipients
            .iter()
            .map(|recipient| recipient.properties.text(tags::DISPLAY_NAME))
            .collect::<Vec<_>>(),
        "attachments": content.attachments.iter().map(attachment).collect::<Vec<_>>(),
    })
}

fn attachment(attachment: &AttachmentContent) -> Value {
    let bag = &attachment.properties;
    let name = bag.text(tags::ATTACH_LONG_FILENAME).or(bag.text(tags::ATTACH_FILENAME));
    let mut seen = json!({
        "name": name,
        "method": bag.get(tags::ATTACH_METHOD).and_then(PropertyValue::as_i32),
    });
    match &attachment.content {
        AttachedContent::Nothing => {}
        AttachedContent::Bytes(bytes) | AttachedContent::Ole(bytes) => {
            seen["size"] = bytes.len().into();
            seen["sha256"] = sha256(bytes).into();
        }
        AttachedContent::Message(inner) => seen["message"] = embedded(inner),
    }
    seen
}

/// What the other tool's export shows of a message in a message.
fn embedded(content: &MessageContent) -> Value {
    let whole = message(content);
    let mut seen = json!({});
    for key in ["subject", "submitted", "delivered", "flags", "recipients", "attachments"] {
        seen[key] = whole[key].clone();
    }
    for attachment in seen["attachments"].as_array_mut().unwrap() {
        attachment.as_object_mut().unwrap().remove("method");
    }
    seen
}

/// How many properties the file holds, and one hash over those with a fixed id, but for the subject: id,
/// type and bytes of each as they stand in the file.
fn digest(bag: &PropertyBag) -> (usize, String) {
    // Split from the subject's mark, so they stand in the file only where it has none.
    let derived = [tags::SUBJECT_PREFIX.id(), tags::NORMALIZED_SUBJECT.id()];
    let mut lines: Vec<(u16, u16, Vec<u8>)> = Vec::new();
    let mut count = 0;
    for (key, value) in bag.iter() {
        let PropertyKey::Tag(id) = key else {
            count += 1;
            continue;
        };
        if derived.contains(id) {
            continue;
        }
        count += 1;
        if *id != tags::SUBJECT.id() {
            lines.push((*id, value.property_type().0, raw(value)));
        }
    }
    lines.sort();
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let lines: Vec<String> = lines
        .iter()
        .map(|(id, kind, bytes)| format!("{id:04x} {kind:04x} {}", hex(bytes)))
        .collect();
    (count, sha256(lines.join("\n").as_bytes()))
}

fn raw(value: &PropertyValue) -> Vec<u8> {
    match value {
        PropertyValue::Integer16(n) => n.to_le_bytes().to_vec(),
        PropertyValue::Integer32(n) => n.to_le_bytes().to_vec(),
        PropertyValue::Integer64(n) | PropertyValue::Currency(n) => n.to_le_bytes().to_vec(),
        PropertyValue::Floating64(n) | PropertyValue::FloatingTime(n) => n.to_le_bytes().to_vec(),
        PropertyValue::Boolean(b) => vec![u8::from(*b)],
        PropertyValue::Time(time) => time.0.to_le_bytes().to_vec(),
        PropertyValue::String(text) => text.to_utf16le(),
        PropertyValue::Binary(bytes) => bytes.clone(),
        PropertyValue::Guid(guid) => guid.0.to_vec(),
        PropertyValue::MultipleInteger16(row) => row.iter().flat_map(|n| n.to_le_bytes()).collect(),
        PropertyValue::MultipleInteger32(row) => row.iter().flat_map(|n| n.to_le_bytes()).collect(),
        PropertyValue::MultipleString(row) => several(row.iter().map(|t| t.to_utf16le()).collect()),
        PropertyValue::MultipleBinary(row) => several(row.clone()),
        other => panic!("the samples have no {other:?}"),
    }
}

/// Values of sizes of their own: a count, the offset of each, the values ([MS-PST] 2.3.3.4.2).
fn several(values: Vec<Vec<u8>>) -> Vec<u8> {
    let mut bytes = (values.len() as u32).to_le_bytes().to_vec();
    let mut offset = 4 + 4 * values.len();
    for value in &values {
        bytes.extend((offset as u32).to_le_bytes());
        offset += value.len();
    }
    bytes.extend(values.concat());
    bytes
}
