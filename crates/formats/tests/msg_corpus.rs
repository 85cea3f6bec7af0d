//! The sample .msg files: their counts, what another tool sees in them, and what harm does to them.

mod support;

use std::fmt::Write;
use std::fs;

use formats::{msg, oracle};
use mapi::generated::tags;
use mapi::{
    AttachedContent, AttachmentContent, MessageContent, PropertyBag, PropertyTag, PropertyValue,
};
use serde_json::{Value, json};

use support::{Random, compare, corpus, data, files, golden, harm, sha256};

/// What each file gives: a change shows as a change of a line.
#[test]
fn counts() {
    let Some(directory) = corpus("msg") else { return };
    let mut lines = String::from("file\trecipients\tattachments\tproperties\trefused\n");
    for (name, path) in files(&directory, &["msg"]) {
        let line = match msg::read(&fs::read(path).unwrap()) {
            Ok((_, report)) => format!(
                "{name}\t{}\t{}\t{}\t{}",
                report.recipients,
                report.attachments,
                report.properties,
                report.refused.len()
            ),
            Err(error) => format!("{name}\trefused: {error}"),
        };
        writeln!(lines, "{line}").unwrap();
    }
    golden("msg-counts.tsv", &lines);
}

/// The same values as `scripts/expected-msg.py` wrote down.
#[test]
fn as_another_tool_sees_them() {
    let Some(directory) = corpus("msg") else { return };
    let mut ours = serde_json::Map::new();
    for (name, path) in files(&directory, &["msg"]) {
        let bytes = fs::read(path).unwrap();
        let mut seen = match msg::read(&bytes) {
            Ok((content, _)) => message(&content),
            Err(error) => json!({ "error": error.to_string() }),
        };
        seen["sha256"] = sha256(&bytes).into();
        ours.insert(name, seen);
    }
    let expected = support::json("expected-msg.json");
    compare(&expected["files"], &Value::Object(ours), "differences-msg.tsv");
}

#[test]
fn shipped_samples_are_read() {
    for (name, path) in files(&data().join("corpus/msg"), &["msg"]) {
        let (content, report) = msg::read(&fs::read(path).unwrap()).unwrap();
        assert!(report.properties.carried > 5, "{name}: {report:?}");
        assert_eq!(report.messages.carried, 1);
        assert_eq!(content.recipients.len() as u64, report.recipients.carried);
    }
}

/// Whatever is done to the bytes, reading ends with a message or a reason.
#[test]
fn harmed_files_never_panic() {
    let mut random = Random::new(7);
    let samples = files(&data().join("corpus/msg"), &["msg"]);
    for (_, path) in &samples {
        let bytes = fs::read(path).unwrap();
        for _ in 0..400 {
            oracle::check("msg", &harm(&bytes, &mut random));
        }
    }
}

/// A file that is cut anywhere still gives what stands before the cut, or says why not.
#[test]
fn what_is_lost_is_named() {
    let bytes = fs::read(data().join("corpus/msg/simple_test_msg.msg")).unwrap();
    let (_, whole) = msg::read(&bytes).unwrap();
    assert!(whole.is_whole(), "{whole:?}");
    for length in (512..bytes.len()).step_by(512) {
        if let Ok((_, report)) = msg::read(&bytes[..length]) {
            assert!(!report.is_whole(), "cut at {length}, and no word about it");
        }
    }
}

fn message(content: &MessageContent) -> Value {
    let bag = &content.properties;
    let hash = |tag| match bag.get(tag) {
        Some(PropertyValue::Binary(bytes)) => Some(sha256(bytes)),
        _ => None,
    };
    let body = bag.text(tags::BODY);
    let recipient = |r: &mapi::RecipientContent| {
        (
            r.properties.get(tags::RECIPIENT_TYPE).and_then(PropertyValue::as_i32),
            r.properties.text(tags::DISPLAY_NAME),
            r.properties.text(tags::EMAIL_ADDRESS),
        )
    };
    let recipients: Vec<_> = content.recipients.iter().map(recipient).collect();
    let lines: String = recipients
        .iter()
        .map(|(kind, name, email)| {
            let kind = kind.map_or("None".to_string(), |kind| kind.to_string());
            format!(
                "{kind}\t{}\t{}\n",
                name.as_deref().unwrap_or(""),
                email.as_deref().unwrap_or("")
            )
        })
        .collect();
    json!({
        "class": bag.text(tags::MESSAGE_CLASS),
        "subject": bag.text(tags::SUBJECT),
        "sender": bag.text(tags::SENDER_NAME),
        "submitted": time(bag, tags::CLIENT_SUBMIT_TIME),
        "delivered": time(bag, tags::MESSAGE_DELIVERY_TIME),
        "body_sha256": body.as_deref().map(|text| sha256(text.as_bytes())),
        "body_start": body.map(|text| text.chars().take(60).collect::<String>()),
        "html_sha256": hash(tags::HTML),
        "rtf_sha256": hash(tags::RTF_COMPRESSED),
        "properties": bag.len(),
        "recipient_count": recipients.len(),
        "recipients": recipients
            .iter()
            .take(20)
            .map(|(kind, name, email)| json!({ "type": kind, "name": name, "email": email }))
            .collect::<Vec<_>>(),
        "recipients_sha256": sha256(lines.as_bytes()),
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
        AttachedContent::Message(inner) => seen["message"] = message(inner),
    }
    seen
}

/// To the second, as the other tool gives it.
fn time(bag: &PropertyBag, tag: PropertyTag) -> Option<String> {
    let time = bag.get(tag)?.as_time()?;
    let text = time.to_string();
    Some(format!("{}Z", &text[..19.min(text.len())]))
}
