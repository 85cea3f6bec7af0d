//! As scripts/expected-tnef.py writes a stream down, and whole, for a reader's eye.

use std::fmt::Write;

use formats::report::Report;
use mapi::generated::tags;
use mapi::{
    AttachedContent, MessageContent, PropertyBag, PropertyKey, PropertyNameKind, PropertyTag,
    PropertyValue,
};
use serde_json::{Value, json};

use super::sha256;

pub fn message(content: &MessageContent) -> Value {
    let bag = &content.properties;
    json!({
        "class": bag.text(tags::MESSAGE_CLASS),
        "subject": bag.text(tags::SUBJECT),
        "sender": bag.text(tags::SENDER_NAME),
        "message_id": bag.text(tags::INTERNET_MESSAGE_ID),
        "attachments": content.attachments.iter().map(|attachment| {
            let bytes: &[u8] = match &attachment.content {
                AttachedContent::Bytes(bytes) | AttachedContent::Ole(bytes) => bytes,
                _ => &[],
            };
            json!({
                "name": attachment.properties.text(tags::ATTACH_LONG_FILENAME),
                "size": bytes.len(),
                "sha256": sha256(bytes),
                "mime": attachment.properties.text(tags::ATTACH_MIME_TAG),
            })
        }).collect::<Vec<_>>(),
    })
}

/// Every property with its name and value, a line each, and what was refused.
pub fn dump(content: &MessageContent, report: &Report) -> String {
    let mut out = String::new();
    write_message(&mut out, content, "");
    for refusal in &report.refused {
        writeln!(out, "refused\t{refusal}").unwrap();
    }
    out
}

fn write_message(out: &mut String, content: &MessageContent, place: &str) {
    write_bag(out, &content.properties, &format!("{place}message"));
    for (number, recipient) in content.recipients.iter().enumerate() {
        write_bag(out, &recipient.properties, &format!("{place}recipient {number}"));
    }
    for (number, attachment) in content.attachments.iter().enumerate() {
        let place = format!("{place}attachment {number}");
        write_bag(out, &attachment.properties, &place);
        let (kind, bytes): (_, &[u8]) = match &attachment.content {
            AttachedContent::Nothing => ("nothing", &[]),
            AttachedContent::Bytes(bytes) => ("bytes", bytes),
            AttachedContent::Ole(bytes) => ("OLE", bytes),
            AttachedContent::Message(inner) => {
                write_message(out, inner, &format!("{place}: "));
                continue;
            }
        };
        let hash = &sha256(bytes)[..16];
        writeln!(out, "{place}\tcontent\t{kind}, {} bytes, {hash}", bytes.len()).unwrap();
    }
}

fn write_bag(out: &mut String, bag: &PropertyBag, place: &str) {
    for (key, value) in bag.iter() {
        let name = match key {
            PropertyKey::Tag(id) => {
                let tag = PropertyTag::from_parts(*id, value.property_type());
                match mapi::known::tag_name(tag) {
                    Some(name) => name.to_owned(),
                    None => format!("{id:#06x}"),
                }
            }
            PropertyKey::Named(name) => match (mapi::known::property_name(name), &name.kind) {
                (Some(known), _) => known.to_string(),
                (None, PropertyNameKind::Id(number)) => format!("{}:{number:#x}", name.set),
                (None, PropertyNameKind::Name(text)) => {
                    format!("{}:{}", name.set, text.to_string_lossy())
                }
            },
        };
        let value = match value {
            PropertyValue::Binary(bytes) if bytes.len() > 64 => {
                format!("{} bytes, {}", bytes.len(), &sha256(bytes)[..16])
            }
            PropertyValue::Binary(bytes) => {
                bytes.iter().map(|byte| format!("{byte:02x}")).collect()
            }
            PropertyValue::String(text) => {
                format!("{:?}", text.to_string_lossy().chars().take(100).collect::<String>())
            }
            other => format!("{other:?}"),
        };
        writeln!(out, "{place}\t{name}\t{value}").unwrap();
    }
}
