//! A message as text that can be reviewed by eye: each property by its name.

use mapi::known::{property_name, set_name, tag_name};
use mapi::{
    AttachedContent, MessageContent, PropertyBag, PropertyKey, PropertyNameKind, PropertyValue,
};

pub fn dump(content: &MessageContent) -> String {
    let mut out = String::new();
    message(&mut out, content, 0);
    out
}

fn message(out: &mut String, content: &MessageContent, depth: usize) {
    bag(out, &content.properties, depth);
    for recipient in &content.recipients {
        line(out, depth, "recipient");
        bag(out, &recipient.properties, depth + 1);
    }
    for attachment in &content.attachments {
        line(out, depth, "attachment");
        bag(out, &attachment.properties, depth + 1);
        match &attachment.content {
            AttachedContent::Message(embedded) => message(out, embedded, depth + 2),
            AttachedContent::Bytes(bytes) => {
                line(out, depth + 1, &format!("bytes: {}", binary(bytes)));
            }
            _ => line(out, depth + 1, "nothing"),
        }
    }
}

fn bag(out: &mut String, bag: &PropertyBag, depth: usize) {
    let mut lines: Vec<String> = bag
        .iter()
        // These follow from name and address, or are the same everywhere.
        .map(|(key, value)| format!("{}: {}", name(key, value), print(value)))
        .filter(|line| !line.contains("EntryId:") && !line.contains("SearchKey:"))
        .collect();
    lines.sort();
    lines.iter().for_each(|text| line(out, depth, text));
}

fn line(out: &mut String, depth: usize, text: &str) {
    out.push_str(&"    ".repeat(depth));
    out.push_str(text);
    out.push('\n');
}

fn name(key: &PropertyKey, value: &PropertyValue) -> String {
    match key {
        PropertyKey::Tag(_) => {
            let tag = key.tag(value.property_type()).expect("a tag");
            tag_name(tag).map_or_else(|| format!("{tag:?}"), str::to_owned)
        }
        PropertyKey::Named(name) => match (&name.kind, property_name(name)) {
            (_, Some(known)) => known.to_owned(),
            (PropertyNameKind::Id(lid), None) => {
                format!("{}:{lid:#x}", set_name(name.set).unwrap_or("?"))
            }
            (PropertyNameKind::Name(text), None) => {
                format!("{}:{}", set_name(name.set).unwrap_or("?"), text.to_string_lossy())
            }
        },
    }
}

fn print(value: &PropertyValue) -> String {
    match value {
        PropertyValue::String(text) => format!("{:?}", text.to_string_lossy()),
        PropertyValue::Time(time) => time.to_string(),
        PropertyValue::Integer32(number) if number.abs() > 0xffff => format!("{number:#x}"),
        PropertyValue::Integer32(number) => number.to_string(),
        PropertyValue::Boolean(value) => value.to_string(),
        PropertyValue::Binary(bytes) => binary(bytes),
        PropertyValue::MultipleString(texts) => {
            let texts: Vec<_> = texts.iter().map(|text| text.to_string_lossy()).collect();
            format!("{texts:?}")
        }
        other => format!("{other:?}"),
    }
}

fn binary(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') && text.len() < 2_000 => format!("{text:?}"),
        _ => {
            let digits: String = bytes.iter().take(200).map(|byte| format!("{byte:02x}")).collect();
            format!("{} bytes {digits}", bytes.len())
        }
    }
}
