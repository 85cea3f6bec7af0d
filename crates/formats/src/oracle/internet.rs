//! What must hold of Internet messages: the received bytes come back, and what is written without them says all
//! that MIME can say.

use mapi::generated::tags;
use mapi::{AttachedContent, MessageContent, PropertyTag, PropertyValue};

use crate::mime;

/// What a message written anew says as the first did.
const CARRIED: [PropertyTag; 18] = [
    tags::MESSAGE_CLASS,
    tags::SUBJECT,
    tags::IMPORTANCE,
    tags::SENSITIVITY,
    tags::MESSAGE_FLAGS,
    tags::SENT_REPRESENTING_NAME,
    tags::SENT_REPRESENTING_EMAIL_ADDRESS,
    tags::SENDER_EMAIL_ADDRESS,
    tags::DISPLAY_TO,
    tags::DISPLAY_CC,
    tags::READ_RECEIPT_REQUESTED,
    tags::ORIGINATOR_DELIVERY_REPORT_REQUESTED,
    tags::AUTO_RESPONSE_SUPPRESS,
    tags::FLAG_STATUS,
    tags::CLIENT_SUBMIT_TIME,
    tags::EXPIRY_TIME,
    tags::REPLY_TIME,
    tags::REPORTING_MESSAGE_TRANSFER_AGENT,
];

pub(super) fn check(bytes: &[u8]) {
    let sent = mime::outgoing(bytes);
    assert_eq!(mime::outgoing(&sent.bytes).bytes, sent.bytes, "what goes out changed once more");
    let Ok(mut content) = mime::read(bytes) else { return };
    assert_eq!(mime::write(&content), bytes, "the received bytes changed");
    content.mime = None;
    generated(&content);
    without_header(&mut content);
    generated(&content);
}

/// As a message is that never was received: nothing of its header.
fn without_header(content: &mut MessageContent) {
    content.properties.remove(tags::TRANSPORT_MESSAGE_HEADERS);
    for attachment in &mut content.attachments {
        if let AttachedContent::Message(message) = &mut attachment.content {
            without_header(message);
        }
    }
}

fn generated(content: &MessageContent) {
    let written = mime::write(content);
    assert_eq!(mime::write(content), written, "the same content gave other bytes");
    if !holds_protected(content) {
        let longest = written.split(|byte| *byte == b'\n').map(<[u8]>::len).max();
        assert!(longest <= Some(999), "a line of {longest:?} bytes");
        assert!(!written.contains(&0), "a null");
    }
    let again = mime::read(&written).expect("a generated message");
    same(content, &again);
}

/// What is signed or encrypted keeps its lines, whatever they are.
fn holds_protected(content: &MessageContent) -> bool {
    let class = content.properties.text(tags::MESSAGE_CLASS).unwrap_or_default();
    class.to_ascii_lowercase().contains(".smime")
        || content.attachments.iter().any(|attachment| match &attachment.content {
            AttachedContent::Message(message) => holds_protected(message),
            _ => false,
        })
}

fn same(first: &MessageContent, second: &MessageContent) {
    // What looks like an encoded word in a name may be decoded on its way back.
    let looks_encoded = |value: &PropertyValue| {
        value.as_text().is_some_and(|text| text.to_string_lossy().contains("=?"))
    };
    for tag in CARRIED {
        if let Some(value) = first.properties.get(tag).filter(|value| !looks_encoded(value)) {
            assert_eq!(second.properties.get(tag), Some(value), "{tag:?}");
        }
    }
    assert_eq!(second.recipients.len(), first.recipients.len(), "recipients");
    for (second, first) in second.recipients.iter().zip(&first.recipients) {
        if !first.properties.iter().any(|(_, value)| looks_encoded(value)) {
            assert_eq!(second, first, "a recipient");
        }
    }
    assert_eq!(second.attachments.len(), first.attachments.len(), "attachments");
    // Pictures of the HTML stand before the other attachments.
    let contents = |content: &MessageContent| {
        let bytes = |content: &AttachedContent| match content {
            AttachedContent::Bytes(bytes) => Some(bytes.clone()),
            _ => None,
        };
        let mut all: Vec<_> =
            content.attachments.iter().filter_map(|a| bytes(&a.content)).collect();
        all.sort();
        all
    };
    assert_eq!(contents(second), contents(first), "what is attached");
}
