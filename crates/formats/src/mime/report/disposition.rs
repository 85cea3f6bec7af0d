//! Message disposition notifications, which tell that a message was read or went unread ([RFC 8098];
//! [MS-OXCMAIL] 2.1.3.6.2, 2.2.3.7.2).

use mail_builder::encoders::base64::Base64Encoder;
use mapi::generated::tags;
use mapi::{MessageContent, PropertyBag, PropertyValue};

use super::super::address::{SENDER, SENT_REPRESENTING};
use super::super::compose::{self, Line};
use super::super::fields::{Header, Mailbox};
use super::super::parts::decode_base64;
use super::{ORIGINAL_MESSAGE_ID, recipient_lines, recipient_of};

/// The class by the disposition ([MS-OXCMAIL] 2.2.3.7.2.1).
pub(super) fn class(groups: &[Header<'_>]) -> Option<&'static str> {
    let (_, kind) = disposition(groups)?;
    Some(match kind.as_str() {
        "displayed" | "dispatched" | "processed" => "REPORT.IPM.Note.IPNRN",
        "deleted" | "denied" | "failed" => "REPORT.IPM.Note.IPNNRN",
        _ => return None,
    })
}

/// How it was disposed of and sent, and what became of it, modifiers left out ([RFC 8098] 3.2.6).
fn disposition(groups: &[Header<'_>]) -> Option<(String, String)> {
    let value = groups.iter().find_map(|group| group.plain("disposition"))?;
    let (mode, kind) = value.split_once(';')?;
    let kind = kind.split(['/', ',']).next()?.trim().to_ascii_lowercase();
    Some((mode.trim().to_owned(), kind))
}

pub(super) fn set(bag: &mut PropertyBag, groups: &[Header<'_>]) {
    let plain = |name: &str| {
        let value = groups.iter().find_map(|group| group.plain(name));
        value.filter(|value| !value.is_empty() && value.len() <= 900)
    };
    if let Some(value) = plain("disposition") {
        bag.set(tags::REPORT_TEXT, value);
    }
    if let Some((mode, kind)) = disposition(groups) {
        bag.set(tags::REPORT_DISPOSITION, kind);
        if mode.len() <= 200 {
            bag.set(tags::REPORT_DISPOSITION_MODE, mode);
        }
    }
    if let Some(key) = plain("x-msexch-correlation-key") {
        let key = decode_base64(key.as_bytes());
        if (1..=256).contains(&key.len()) {
            bag.set(tags::PARENT_KEY, key);
        }
    }
    if let Some(id) = plain("original-message-id") {
        bag.set(ORIGINAL_MESSAGE_ID, id.as_str());
        bag.set(tags::INTERNET_REFERENCES, id);
    }
    let reader = groups.iter().find_map(recipient_of);
    if let Some(Mailbox { name, .. }) = reader {
        bag.set(tags::ORIGINAL_DISPLAY_TO, name);
    }
    // When it was read is not said: the report is sent then.
    if let Some(time) = bag.get(tags::CLIENT_SUBMIT_TIME).and_then(PropertyValue::as_time) {
        for tag in [tags::REPORT_TIME, tags::RECEIPT_TIME, tags::ORIGINAL_DELIVERY_TIME] {
            bag.set(tag, time);
        }
    }
}

pub(super) fn write(content: &MessageContent) -> Vec<Vec<Line>> {
    let bag = &content.properties;
    let filled = |tag| bag.text(tag).map(|text| compose::ascii(&text)).filter(|t| !t.is_empty());
    let reader =
        compose::sender_of(bag, &SENDER).or_else(|| compose::sender_of(bag, &SENT_REPRESENTING));
    let mut lines = match reader {
        Some(reader) => recipient_lines(&reader),
        None => vec![compose::raw("Final-Recipient", "rfc822;")],
    };
    if let Some(id) = filled(ORIGINAL_MESSAGE_ID).or_else(|| filled(tags::IN_REPLY_TO_ID)) {
        lines.push(compose::raw("Original-Message-ID", &id));
    }
    lines.push(compose::raw("Disposition", &disposition_of(bag)));
    if let Some(key) = bag.get(tags::PARENT_KEY).and_then(PropertyValue::as_binary)
        && (1..=256).contains(&key.len())
    {
        let mut encoded = Vec::new();
        Base64Encoder::new().encode_into(key, &mut encoded);
        lines.push(compose::raw("X-MSExch-Correlation-Key", &String::from_utf8_lossy(&encoded)));
    }
    vec![lines]
}

/// [MS-OXCMAIL] 2.1.3.6.2.1; the words of a received notification where they are kept and agree with the
/// class.
fn disposition_of(bag: &PropertyBag) -> String {
    let class = bag.text(tags::MESSAGE_CLASS).unwrap_or_default().to_ascii_lowercase();
    let read = !class.ends_with(".ipnnrn");
    let (mode, kinds): (_, &[&str]) = match read {
        true => {
            ("automatic-action/MDN-sent-automatically", &["displayed", "dispatched", "processed"])
        }
        false => ("manual-action/MDN-sent-automatically", &["deleted", "denied", "failed"]),
    };
    let word = |tag| bag.text(tag).map(|text| compose::ascii(&text)).unwrap_or_default();
    let kept = word(tags::REPORT_DISPOSITION).to_ascii_lowercase();
    let kind = kinds.iter().find(|kind| **kind == kept).unwrap_or(&kinds[0]);
    let kept_mode = word(tags::REPORT_DISPOSITION_MODE);
    let is_mode = kept_mode.contains('/')
        && kept_mode.bytes().all(|b| b.is_ascii_alphabetic() || matches!(b, b'/' | b'-'));
    format!("{}; {kind}", if is_mode { &kept_mode } else { mode })
}
