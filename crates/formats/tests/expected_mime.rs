//! What is read from Internet messages, compared with what Python's email package sees
//! (testsuite/data/expected-mime.json, made by scripts/expected-mime.py).
//!
//! Where the two differ, testsuite/data/differences-mime.tsv says why; a difference that stands there and is
//! gone fails as well.

mod common;

use std::collections::BTreeMap;

use formats::mbox::MboxReader;
use formats::mime;
use formats::text::charsets;
use mapi::generated::tags;
use mapi::{AttachedContent, AttachmentContent, MessageContent, PropertyBag, PropertyValue};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

#[test]
fn messages_are_what_python_sees() {
    let (corpus, whole) = common::corpus();
    let text = std::fs::read_to_string(common::data().join("expected-mime.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    let mut found = BTreeMap::new();
    let mut seen = Vec::new();
    for kind in ["eml", "mbox"] {
        for (name, bytes) in common::files(&corpus, kind) {
            let messages = read_all(kind, &bytes);
            let wanted = expected["files"][&name].as_array().expect("a file of the corpus");
            if messages.len() != wanted.len() {
                let value = format!("{} for {}", messages.len(), wanted.len());
                found.insert((name.clone(), "messages".to_owned()), value);
            }
            for (index, (content, wanted)) in messages.iter().zip(wanted).enumerate() {
                let name = format!("{name}#{index}");
                compare(&describe(content), wanted, "", &mut |field, value| {
                    found.insert((name.clone(), field), value);
                });
            }
            seen.push(name);
        }
    }
    if whole {
        assert_eq!(seen.len(), 87);
    }
    let listed = listed_differences(&seen);
    let unlisted: Vec<_> = found
        .iter()
        .filter(|(key, _)| !listed.contains_key(*key))
        .map(|((name, field), value)| format!("{name}\t{field}\t{value}"))
        .collect();
    let gone: Vec<_> = listed.keys().filter(|key| !found.contains_key(*key)).collect();
    assert!(unlisted.is_empty(), "differences without a reason:\n{}", unlisted.join("\n"));
    assert!(gone.is_empty(), "listed differences that are gone: {gone:#?}");
    println!("{} files compared, {} differences, each with its reason", seen.len(), listed.len());
}

fn listed_differences(seen: &[String]) -> BTreeMap<(String, String), String> {
    let text = std::fs::read_to_string(common::data().join("differences-mime.tsv")).unwrap();
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

fn read_all(kind: &str, bytes: &[u8]) -> Vec<MessageContent> {
    match kind {
        "mbox" => MboxReader::new(bytes, 1 << 20)
            .map(|message| mime::read(&message.unwrap().bytes).unwrap())
            .collect(),
        _ => vec![mime::read(bytes).unwrap()],
    }
}

/// The differences between two descriptions, by field.
fn compare(ours: &Value, wanted: &Value, path: &str, report: &mut impl FnMut(String, String)) {
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

fn describe(content: &MessageContent) -> Value {
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
            "sha256": hex(bytes),
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
        "sha256": hex(text.as_bytes()),
    })
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
