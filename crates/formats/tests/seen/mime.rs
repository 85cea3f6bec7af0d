//! As scripts/expected-mime.py writes a message down.

use std::collections::BTreeMap;

use formats::text::charsets;
use mapi::generated::tags;
use mapi::{AttachedContent, AttachmentContent, MessageContent, PropertyBag, PropertyValue};
use serde_json::{Value, json};

use super::sha256;

/// The list of known differences, by file and field, of the files `seen`.
pub fn listed_differences(seen: &[String]) -> BTreeMap<(String, String), String> {
    let text = std::fs::read_to_string(super::data().join("differences-mime.tsv")).unwrap();
    let mut listed = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut columns = line.split('\t');
        let (name, field) = (columns.next().unwrap(), columns.next().unwrap());
        let reason = columns.next().unwrap_or_default();
        assert!(!reason.is_empty(), "a difference without a reason: {line}");
        if seen.iter().any(|file| *file == name.split('#').next().unwrap()) {
            listed.insert((name.to_owned(), field.to_owned()), reason.to_owned());
        }
    }
    listed
}

/// The differences between two descriptions, by field.
pub fn compare(ours: &Value, wanted: &Value, path: &str, report: &mut impl FnMut(String, String)) {
    match (ours, wanted) {
        (Value::Object(ours), Value::Object(wanted)) => {
            for (key, wanted) in wanted {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                compare(ours.get(key).unwrap_or(&Value::Null), wanted, &path, report);
            }
        }
        (Value::Array(ours), Value::Array(wanted)) => {
            if ours.len() != wanted.len() {
                report(format!("{path}.count"), format!("{} for {}", ours.len(), wanted.len()));
                return;
            }
            for (index, (ours, wanted)) in ours.iter().zip(wanted).enumerate() {
                compare(ours, wanted, &format!("{path}[{index}]"), report);
            }
        }
        // A name that the reader had to make.
        (Value::String(made), Value::Null) if path.ends_with("name") && is_made(made) => {}
        // Plain text derived from HTML, which Python does not do.
        (_, Value::Null) if path == "text" => {}
        _ if ours == wanted => {}
        _ => report(path.to_owned(), format!("{ours} for {wanted}")),
    }
}

fn is_made(name: &str) -> bool {
    name.starts_with("ATT0")
}

pub fn describe(content: &MessageContent) -> Value {
    let bag = &content.properties;
    let from = bag.text(tags::SENT_REPRESENTING_NAME).map(|name| {
        let address = bag.text(tags::SENT_REPRESENTING_EMAIL_ADDRESS).unwrap_or_default();
        mailbox(name, address)
    });
    json!({
        "subject": bag.text(tags::SUBJECT).unwrap_or_default(),
        "date": bag.get(tags::CLIENT_SUBMIT_TIME).and_then(PropertyValue::as_time).map(|t| t.to_string()),
        "from": from.into_iter().collect::<Vec<_>>(),
        "to": recipients(content, 1),
        "cc": recipients(content, 2),
        "text": text_digest(&bag.text(tags::BODY).unwrap_or_default()),
        "html": html(bag).map(|html| text_digest(&html)),
        "attachments": content.attachments.iter().map(attachment).collect::<Vec<_>>(),
    })
}

fn mailbox(name: String, address: String) -> Value {
    json!([if name == address { String::new() } else { name }, address])
}

fn recipients(content: &MessageContent, kind: i32) -> Vec<Value> {
    let of_kind = content
        .recipients
        .iter()
        .filter(|r| r.properties.get(tags::RECIPIENT_TYPE) == Some(&PropertyValue::from(kind)));
    of_kind
        .map(|recipient| {
            let text = |tag| recipient.properties.text(tag).unwrap_or_default();
            mailbox(text(tags::DISPLAY_NAME), text(tags::EMAIL_ADDRESS))
        })
        .collect()
}

fn html(bag: &PropertyBag) -> Option<String> {
    let bytes = bag.get(tags::HTML)?.as_binary()?;
    let page = bag.get(tags::INTERNET_CODEPAGE)?.as_i32()?;
    Some(charsets::decode(page as u32, bytes))
}

fn attachment(attachment: &AttachmentContent) -> Value {
    let bag = &attachment.properties;
    let name = bag.text(tags::ATTACH_LONG_FILENAME);
    let kind = bag.text(tags::ATTACH_MIME_TAG);
    match &attachment.content {
        AttachedContent::Message(message) => {
            let subject = message.properties.text(tags::SUBJECT).unwrap_or_default();
            let made = |name: &String| *name == subject || name == "Message";
            let name = bag.text(tags::DISPLAY_NAME).filter(|name| !made(name));
            json!({ "name": name, "type": kind, "subject": subject })
        }
        AttachedContent::Bytes(bytes) => json!({
            "name": name,
            "type": kind,
            "size": bytes.len(),
            "sha256": sha256(bytes),
        }),
        other => panic!("{other:?}"),
    }
}

fn text_digest(text: &str) -> Value {
    let text = text.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "");
    let text = text.trim_end();
    json!({
        "start": text.chars().take(60).collect::<String>(),
        "chars": text.chars().count(),
        "sha256": sha256(text.as_bytes()),
    })
}
