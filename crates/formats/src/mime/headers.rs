//! Header fields to properties ([MS-OXCMAIL] 2.2.3.1 and 2.2.3.2).

use mapi::generated::named::PS_PUBLIC_STRINGS;
use mapi::generated::tags;
use mapi::{MessageContent, PropertyBag, PropertyName, PropertyTag, PropertyValue, WString};

use super::address::{
    self, READ_RECEIPT, SENDER, SENT_REPRESENTING, flat_entry_list, recipient, set_sender,
};
use super::fields::{Field, Header, Mailbox};
use super::parts::decode_base64;
use super::properties::{self, shorten};
use crate::text::charsets;

/// Of the header, PidTagTransportMessageHeaders holds this many bytes.
const MAX_TRANSPORT_HEADERS: usize = 256 * 1024;
/// Of a text in a field, a property holds this many bytes.
const MAX_TEXT: usize = 64 * 1024;
/// Recipients of one message.
const MAX_RECIPIENTS: usize = 20_000;

/// Sets what a header says: addresses, dates, ids, importance.
pub(crate) fn set_headers(content: &mut MessageContent, header: &Header<'_>) {
    set_subject(&mut content.properties, header);
    set_senders(&mut content.properties, header);
    set_recipients(content, header);
    let bag = &mut content.properties;
    set_dates(bag, header);
    set_ids(bag, header);
    set_importance(bag, header);
    set_requests(bag, header);
    set_categories(bag, header);
    properties::read(bag, header);
    let bytes = &header.bytes[..header.bytes.len().min(MAX_TRANSPORT_HEADERS)];
    let mut text = charsets::decode_label(None, bytes).text;
    text.retain(|c| c != '\0');
    if !text.is_empty() {
        bag.set(tags::TRANSPORT_MESSAGE_HEADERS, text);
    }
}

/// [MS-OXCMAIL] 2.2.3.2 and [MS-OXCMSG] 2.2.1.9, 2.2.1.10.
fn set_subject(bag: &mut PropertyBag, header: &Header<'_>) {
    let subject = header.text("subject").unwrap_or_default();
    let subject = shorten(&subject, MAX_TEXT).trim_end();
    let (prefix, normalized) = split_subject(subject);
    bag.set(tags::SUBJECT, subject);
    bag.set(tags::SUBJECT_PREFIX, prefix);
    bag.set(tags::NORMALIZED_SUBJECT, normalized);
    // [MS-OXOMSG] 2.2.1.5: without a Thread-Topic the topic is the normalized subject.
    let topic = header.text("thread-topic").unwrap_or_else(|| normalized.to_owned());
    bag.set(tags::CONVERSATION_TOPIC, shorten(&topic, MAX_TEXT));
    if let Some(index) = header.plain("thread-index") {
        let index = decode_base64(index.as_bytes());
        // 22 bytes of header and five a reply ([MS-OXOMSG] 2.2.1.3).
        if index.len() >= 22 && index.len() <= 22 + 5 * 1_000 {
            bag.set(tags::CONVERSATION_INDEX, index);
        }
    }
}

/// A subject's prefix, such as `Re: `, and the rest: at most three letters, a colon and a space
/// ([MS-OXCMSG] 2.2.1.9).
pub fn split_subject(subject: &str) -> (&str, &str) {
    let Some(colon) = subject.find(": ") else { return ("", subject) };
    let letters = subject[..colon].chars();
    let count = letters.clone().count();
    match (1..=3).contains(&count) && letters.clone().all(char::is_alphabetic) {
        true => subject.split_at(colon + 2),
        false => ("", subject),
    }
}

/// From is whom the message is of, Sender who sent it; one stands for the other where it is missing
/// ([MS-OXCMAIL] 2.2.3.1.3).
fn set_senders(bag: &mut PropertyBag, header: &Header<'_>) {
    let first = |name: &str| first_address(header, name);
    let (from, sender) = (first("from"), first("sender"));
    if let Some(from) = from.as_ref().or(sender.as_ref()) {
        set_sender(bag, &SENT_REPRESENTING, from);
    }
    if let Some(sender) = sender.as_ref().or(from.as_ref()) {
        set_sender(bag, &SENDER, sender);
    }
    let reply_to: Vec<Mailbox> = header.all("reply-to").flat_map(Field::addresses).collect();
    if !reply_to.is_empty() {
        let reply_to = &reply_to[..reply_to.len().min(100)];
        bag.set(tags::REPLY_RECIPIENT_ENTRIES, flat_entry_list(reply_to));
        bag.set(tags::REPLY_RECIPIENT_NAMES, names(reply_to.iter().map(|m| m.name.as_str())));
    }
}

fn first_address(header: &Header<'_>, name: &str) -> Option<Mailbox> {
    header.all(name).flat_map(Field::addresses).next()
}

/// To, Cc and Bcc ([MS-OXCMAIL] 2.2.3.1).
fn set_recipients(content: &mut MessageContent, header: &Header<'_>) {
    for (name, kind, display) in [
        ("to", address::TO, tags::DISPLAY_TO),
        ("cc", address::CC, tags::DISPLAY_CC),
        ("bcc", address::BCC, tags::DISPLAY_BCC),
    ] {
        let room = MAX_RECIPIENTS.saturating_sub(content.recipients.len());
        let mailboxes: Vec<Mailbox> =
            header.all(name).flat_map(Field::addresses).take(room).collect();
        content.properties.set(display, names(mailboxes.iter().map(|m| m.name.as_str())));
        content.recipients.extend(mailboxes.iter().map(|mailbox| recipient(kind, mailbox)));
    }
}

pub(crate) fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join("; ")
}

/// Date is when it was sent, the topmost Received when it came ([MS-OXCMAIL] 2.2.3.2).
fn set_dates(bag: &mut PropertyBag, header: &Header<'_>) {
    let sent = header.all("date").find_map(Field::date);
    let received = header.all("received").find_map(Field::received);
    if let Some(time) = sent.or(received) {
        bag.set(tags::CLIENT_SUBMIT_TIME, time);
    }
    if let Some(time) = received.or(sent) {
        bag.set(tags::MESSAGE_DELIVERY_TIME, time);
    }
}

/// Message ids with their angle brackets ([MS-OXCMAIL] 2.2.3.2).
fn set_ids(bag: &mut PropertyBag, header: &Header<'_>) {
    for (name, tag) in [
        ("message-id", tags::INTERNET_MESSAGE_ID),
        ("in-reply-to", tags::IN_REPLY_TO_ID),
        ("references", tags::INTERNET_REFERENCES),
    ] {
        set_plain(bag, header, name, tag);
    }
}

fn set_plain(bag: &mut PropertyBag, header: &Header<'_>, name: &str, tag: PropertyTag) {
    if let Some(text) = header.plain(name) {
        bag.set(tag, shorten(&text, MAX_TEXT));
    }
}

/// [MS-OXCMAIL] 2.2.3.2.5 (the Importance field before the others).
fn set_importance(bag: &mut PropertyBag, header: &Header<'_>) {
    let word = |name: &str| header.plain(name).map(|value| value.to_ascii_lowercase());
    let by_importance = |value: String| match value.as_str() {
        "low" => Some(0),
        "normal" => Some(1),
        "high" => Some(2),
        _ => None,
    };
    let by_priority = |value: String| match value.as_str() {
        "non-urgent" => Some(0),
        "normal" => Some(1),
        "urgent" => Some(2),
        _ => None,
    };
    // `1 (Highest)` is what many programs write.
    let by_number = |value: String| match value.bytes().next() {
        Some(b'1' | b'2') => Some(2),
        Some(b'3') => Some(1),
        Some(b'4' | b'5') => Some(0),
        _ => None,
    };
    let importance = (word("importance").and_then(by_importance))
        .or_else(|| word("x-priority").and_then(by_number))
        .or_else(|| word("x-msmail-priority").and_then(by_importance))
        .or_else(|| word("priority").and_then(by_priority))
        .unwrap_or(1);
    bag.set(tags::IMPORTANCE, importance);
    // The same scale from -1 ([MS-OXCMSG] 2.2.1.12).
    bag.set(tags::PRIORITY, importance - 1);
    let sensitivity = match word("sensitivity").unwrap_or_default().as_str() {
        "personal" => 1,
        "private" => 2,
        "company-confidential" => 3,
        _ => 0,
    };
    bag.set(tags::SENSITIVITY, sensitivity);
}

/// Receipts asked for ([MS-OXCMAIL] 2.2.3.1), drafts (X-Unsent).
fn set_requests(bag: &mut PropertyBag, header: &Header<'_>) {
    if let Some(mailbox) = first_address(header, "disposition-notification-to") {
        bag.set(tags::READ_RECEIPT_REQUESTED, true);
        // Who wants to know that it was read wants to know as well that it went unread.
        bag.set(tags::NON_RECEIPT_NOTIFICATION_REQUESTED, true);
        set_sender(bag, &READ_RECEIPT, &mailbox);
    }
    if first_address(header, "return-receipt-to").is_some() {
        bag.set(tags::ORIGINATOR_DELIVERY_REPORT_REQUESTED, true);
    }
    let unsent = header.plain("x-unsent").is_some_and(|value| value == "1");
    // mfUnsent ([MS-OXCMSG] 2.2.1.6).
    bag.set(tags::MESSAGE_FLAGS, if unsent { 8 } else { 0 });
}

/// Keywords to categories ([MS-OXCMAIL] 2.2.3.2).
fn set_categories(bag: &mut PropertyBag, header: &Header<'_>) {
    let mut words: Vec<WString> = Vec::new();
    for word in header.all("keywords").flat_map(Field::comma_separated) {
        let word = WString::from(shorten(&word, 255));
        if words.len() < 256 && !words.contains(&word) {
            words.push(word);
        }
    }
    if !words.is_empty() {
        let name = PropertyName::string(PS_PUBLIC_STRINGS, "Keywords");
        bag.set_named(name, PropertyValue::MultipleString(words));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_short_words() {
        assert_eq!(split_subject("Re: a: b"), ("Re: ", "a: b"));
        assert_eq!(split_subject("WG: x"), ("WG: ", "x"));
        assert_eq!(split_subject("Fwd: x"), ("Fwd: ", "x"));
        assert_eq!(split_subject("Note: x"), ("", "Note: x"));
        assert_eq!(split_subject("12: x"), ("", "12: x"));
        assert_eq!(split_subject(": x"), ("", ": x"));
    }
}
