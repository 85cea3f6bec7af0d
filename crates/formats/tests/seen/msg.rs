//! As scripts/expected-msg.py writes a message down.

use mapi::generated::tags;
use mapi::{AttachedContent, AttachmentContent, MessageContent, PropertyValue};
use serde_json::{Value, json};

use super::{sha256, time};

pub fn message(content: &MessageContent) -> Value {
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
