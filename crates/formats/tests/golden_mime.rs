//! Every message of the corpus as the properties that it becomes, compared with testsuite/data/golden-mime.txt.
//!
//! `COFFER_BLESS=1 cargo test -p formats --test golden_mime` writes the file anew, to be read before it is taken
//! over.

mod common;
// Each test uses a part of it.
#[allow(unused_imports)]
mod seen;

use std::fmt::Write;

use formats::mbox::MboxReader;
use formats::mime;
use mapi::generated::tags;
use mapi::{
    AttachedContent, AttachmentContent, MessageContent, PropertyBag, PropertyKey, PropertyTag,
    PropertyValue, RecipientContent,
};

/// Properties that say again what others say: keys, entry ids and addresses made of an address, the received
/// header as a whole.
const REPEATED: [PropertyTag; 17] = [
    tags::TRANSPORT_MESSAGE_HEADERS,
    tags::SENDER_ENTRY_ID,
    tags::SENDER_SEARCH_KEY,
    tags::SENDER_SMTP_ADDRESS,
    tags::SENDER_ADDRESS_TYPE,
    tags::SENT_REPRESENTING_ENTRY_ID,
    tags::SENT_REPRESENTING_SEARCH_KEY,
    tags::SENT_REPRESENTING_SMTP_ADDRESS,
    tags::SENT_REPRESENTING_ADDRESS_TYPE,
    tags::READ_RECEIPT_ENTRY_ID,
    tags::READ_RECEIPT_SEARCH_KEY,
    tags::REPLY_RECIPIENT_ENTRIES,
    tags::ORIGINAL_SENDER_ENTRY_ID,
    tags::ORIGINAL_SENDER_SEARCH_KEY,
    tags::NORMALIZED_SUBJECT,
    tags::PRIORITY,
    tags::RENDERING_POSITION,
];

#[test]
fn the_corpus_becomes_these_properties() {
    let (corpus, whole) = common::corpus();
    if !whole {
        println!("SKIPPED: the golden results are of ../shared/corpus, which is absent");
        return;
    }
    let mut text = String::new();
    for (name, bytes) in common::files(&corpus, "eml") {
        describe(&name, &mime::read(&bytes).unwrap(), 0, &mut text);
    }
    for (name, bytes) in common::files(&corpus, "mbox") {
        for (index, message) in MboxReader::new(&bytes[..], 1 << 20).enumerate() {
            let content = mime::read(&message.unwrap().bytes).unwrap();
            describe(&format!("{name}#{index}"), &content, 0, &mut text);
        }
    }
    seen::golden("golden-mime.txt", &text);
}

fn describe(name: &str, content: &MessageContent, depth: usize, out: &mut String) {
    let indent = "    ".repeat(depth);
    writeln!(out, "{indent}{name}").unwrap();
    describe_bag(&content.properties, depth + 1, out);
    for RecipientContent { properties } in &content.recipients {
        let text = |tag| properties.text(tag).unwrap_or_default();
        let kind = properties.get(tags::RECIPIENT_TYPE).and_then(PropertyValue::as_i32);
        let (name, address) = (text(tags::DISPLAY_NAME), text(tags::SMTP_ADDRESS));
        writeln!(out, "{indent}    recipient {}: {name} <{address}>", kind.unwrap()).unwrap();
    }
    for AttachmentContent { properties, content } in &content.attachments {
        let size = match content {
            AttachedContent::Bytes(bytes) => format!("{} {}", bytes.len(), digest(bytes)),
            _ => String::new(),
        };
        writeln!(out, "{indent}    attachment {size}").unwrap();
        describe_bag(properties, depth + 2, out);
        if let AttachedContent::Message(message) = content {
            describe("message", message, depth + 2, out);
        }
    }
}

fn describe_bag(bag: &PropertyBag, depth: usize, out: &mut String) {
    let mut lines: Vec<String> = bag.iter().filter_map(|(key, value)| line(key, value)).collect();
    lines.sort();
    for line in lines {
        writeln!(out, "{}{line}", "    ".repeat(depth)).unwrap();
    }
}

fn line(key: &PropertyKey, value: &PropertyValue) -> Option<String> {
    let name = match key {
        PropertyKey::Tag(id) => {
            if REPEATED.iter().any(|tag| tag.id() == *id) {
                return None;
            }
            let tag = PropertyTag::from_parts(*id, value.property_type());
            mapi::known::tag_name(tag).map_or(format!("{id:#06x}"), str::to_owned)
        }
        PropertyKey::Named(name) => match mapi::known::property_name(name) {
            Some(known) => known.to_string(),
            None => format!("{:?}", name.kind),
        },
    };
    let value = match value {
        PropertyValue::String(text) => {
            let text = text.to_string_lossy();
            let short: String = text.chars().take(70).collect();
            match short.len() == text.len() {
                true => format!("{text:?}"),
                false => format!("{short:?}... {} {}", text.len(), digest(text.as_bytes())),
            }
        }
        PropertyValue::Binary(bytes) => format!("{} bytes {}", bytes.len(), digest(bytes)),
        PropertyValue::MultipleString(words) => {
            format!("{:?}", words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>())
        }
        PropertyValue::Integer32(number) => number.to_string(),
        PropertyValue::Boolean(set) => set.to_string(),
        PropertyValue::Time(time) => time.to_string(),
        other => format!("{other:?}"),
    };
    Some(format!("{name} = {value}"))
}

fn digest(bytes: &[u8]) -> String {
    seen::sha256(bytes)[..12].to_owned()
}
