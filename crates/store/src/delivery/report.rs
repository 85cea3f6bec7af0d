//! Reports about what was sent ([MS-OXOMSG] 2.2.2): a report that a message could not be delivered, and one that
//! it was.

use mapi::{FileTime, Guid, PropertyTag, PropertyValue, tags};

use super::address::{REPRESENTING, SENDER, TO};
use super::queue::{Entry, Outcome, Reason};
use crate::message::{MAX_EMBEDDING, Message, MessageBody, Recipient};
use crate::value::{Properties, Value};

/// afEmbeddedMessage ([MS-OXCMSG] 2.2.2.9)
const EMBEDDED: i32 = 5;
/// Recipients that the text of a report names; its recipient table has all.
const NAMED_IN_TEXT: usize = 100;

/// What goes back to the sender, if anything does: first what failed.
pub(crate) fn reports(message: &Message, entry: &Entry, now: FileTime) -> Vec<MessageBody> {
    if entry.silent {
        return Vec::new();
    }
    let with = |index: u32| message.body.recipients.get(index as usize);
    let mut failed = Vec::new();
    let mut delivered = Vec::new();
    for (index, outcome) in &entry.outcomes {
        match (with(*index), outcome) {
            (Some(recipient), Outcome::Failed(reason)) => failed.push((recipient, *reason)),
            (Some(recipient), Outcome::Delivered) => delivered.push(recipient),
            (_, Outcome::Outbound) | (None, _) => {}
        }
    }
    let mut reports = Vec::new();
    if !failed.is_empty() && wants_failures(&message.body.properties) {
        reports.push(non_delivery(message, &failed, now));
    }
    if !delivered.is_empty() {
        reports.push(delivery(message, &delivered, now));
    }
    reports
}

/// Whether a sender asked to be told of deliveries ([MS-OXOMSG] 2.2.1).
pub(crate) fn wants_deliveries(properties: &Properties) -> bool {
    flag(properties, tags::ORIGINATOR_DELIVERY_REPORT_REQUESTED) == Some(true)
}

/// Failures are told unless the sender said that he does not want to know ([MS-OXOMSG] 2.2.1).
pub(crate) fn wants_failures(properties: &Properties) -> bool {
    flag(properties, tags::ORIGINATOR_NON_DELIVERY_REPORT_REQUESTED) != Some(false)
}

fn flag(properties: &Properties, tag: PropertyTag) -> Option<bool> {
    properties.inline(tag).and_then(PropertyValue::as_bool)
}

/// [MS-OXOMSG] 2.2.2
fn non_delivery(message: &Message, failed: &[(&Recipient, Reason)], now: FileTime) -> MessageBody {
    let mut body = about(message, "NDR", "Undeliverable: ", now);
    let mut text = String::from(
        "Your message was not delivered to some of those whom it was sent to. It is attached.\r\n",
    );
    for (row, (recipient, reason)) in failed.iter().enumerate() {
        let words = words_of(*reason);
        let mut reported = reported(recipient, row, now);
        let properties = &mut reported.properties;
        let (reason_code, diagnostic, status) = codes_of(*reason);
        properties.set(tags::NON_DELIVERY_REPORT_REASON_CODE, reason_code);
        properties.set(tags::NON_DELIVERY_REPORT_DIAG_CODE, diagnostic);
        properties.set(tags::NON_DELIVERY_REPORT_STATUS_CODE, status);
        properties.set(tags::SUPPLEMENTARY_INFO, words);
        properties.set(tags::REPORT_TEXT, words);
        body.recipients.push(reported);
        if row < NAMED_IN_TEXT {
            text += &format!("\r\n{}\r\n    {words}\r\n", name_of(recipient));
        }
    }
    body.properties.set(tags::BODY, text.as_str());
    attach(&mut body, message);
    body
}

/// [MS-OXOMSG] 2.2.2
fn delivery(message: &Message, delivered: &[&Recipient], now: FileTime) -> MessageBody {
    let mut body = about(message, "DR", "Delivered: ", now);
    let mut text = String::from("Your message was delivered to:\r\n\r\n");
    for (row, recipient) in delivered.iter().enumerate() {
        let mut reported = reported(recipient, row, now);
        reported.properties.set(tags::DELIVER_TIME, now);
        body.recipients.push(reported);
        if row < NAMED_IN_TEXT {
            text += &format!("{}\r\n", name_of(recipient));
        }
    }
    body.properties.set(tags::DELIVER_TIME, now);
    body.properties.set(tags::BODY, text.as_str());
    body
}

/// What every report says of the message that it is about.
pub(crate) fn about(message: &Message, kind: &str, prefix: &str, now: FileTime) -> MessageBody {
    let original = &message.body.properties;
    let text = |tag| original.inline(tag).and_then(PropertyValue::as_text).cloned();
    let mut properties = Properties::new();
    let class = text(tags::MESSAGE_CLASS).unwrap_or_else(|| "IPM.Note".into());
    let report = format!("REPORT.{}.{kind}", class.to_string_lossy());
    properties.set(tags::MESSAGE_CLASS, report.as_str());
    let subject = text(tags::SUBJECT).unwrap_or_default();
    properties.set(tags::SUBJECT_PREFIX, prefix);
    properties.set(tags::SUBJECT, format!("{prefix}{}", subject.to_string_lossy()).as_str());
    properties.set(tags::REPORT_TIME, now);
    properties.set(tags::CLIENT_SUBMIT_TIME, now);
    properties.set(tags::IMPORTANCE, 1);
    properties.set(tags::SENSITIVITY, 0);
    properties.set(tags::SEARCH_KEY, Guid::random().0.to_vec());
    properties.set(tags::SENDER_NAME, "Mail Delivery System");
    properties.set(tags::SENT_REPRESENTING_NAME, "Mail Delivery System");
    let copied: &[(PropertyTag, PropertyTag)] = &[
        (tags::SUBJECT, tags::ORIGINAL_SUBJECT),
        (tags::MESSAGE_CLASS, tags::ORIGINAL_MESSAGE_CLASS),
        (tags::CLIENT_SUBMIT_TIME, tags::ORIGINAL_SUBMIT_TIME),
        (tags::DISPLAY_TO, tags::ORIGINAL_DISPLAY_TO),
        (tags::DISPLAY_CC, tags::ORIGINAL_DISPLAY_CC),
        (tags::DISPLAY_BCC, tags::ORIGINAL_DISPLAY_BCC),
        (tags::SENSITIVITY, tags::ORIGINAL_SENSITIVITY),
        (tags::SEARCH_KEY, tags::PARENT_KEY),
        (tags::SEARCH_KEY, tags::ORIGINAL_SEARCH_KEY),
        (tags::REPORT_TAG, tags::REPORT_TAG),
        (tags::CONVERSATION_TOPIC, tags::CONVERSATION_TOPIC),
        (tags::CONVERSATION_INDEX, tags::CONVERSATION_INDEX),
        (tags::INTERNET_MESSAGE_ID, tags::IN_REPLY_TO_ID),
        (SENDER.name, tags::ORIGINAL_SENDER_NAME),
        (SENDER.entry_id, tags::ORIGINAL_SENDER_ENTRY_ID),
        (SENDER.search_key, tags::ORIGINAL_SENDER_SEARCH_KEY),
        (SENDER.address_type, tags::ORIGINAL_SENDER_ADDRESS_TYPE),
        (SENDER.email_address, tags::ORIGINAL_SENDER_EMAIL_ADDRESS),
        (REPRESENTING.name, tags::ORIGINAL_SENT_REPRESENTING_NAME),
        (REPRESENTING.entry_id, tags::ORIGINAL_SENT_REPRESENTING_ENTRY_ID),
        (REPRESENTING.search_key, tags::ORIGINAL_SENT_REPRESENTING_SEARCH_KEY),
        (REPRESENTING.address_type, tags::ORIGINAL_SENT_REPRESENTING_ADDRESS_TYPE),
        (REPRESENTING.email_address, tags::ORIGINAL_SENT_REPRESENTING_EMAIL_ADDRESS),
    ];
    for (from, to) in copied {
        if let Some(value) = original.get(*from) {
            properties.set(*to, value.clone());
        }
    }
    MessageBody { properties, ..MessageBody::default() }
}

/// A recipient as a report lists it.
fn reported(recipient: &Recipient, row: usize, now: FileTime) -> Recipient {
    let mut reported = Recipient { row: row as u32, ..recipient.clone() };
    // Also one who got a blind copy: the report goes to nobody but the sender.
    reported.properties.set(tags::RECIPIENT_TYPE, TO);
    reported.properties.set(tags::REPORT_TIME, now);
    reported
}

fn name_of(recipient: &Recipient) -> String {
    let text = |tag| {
        let value = recipient.properties.inline(tag).and_then(PropertyValue::as_text);
        value.map(|text| text.to_string_lossy().into_owned()).filter(|text| !text.is_empty())
    };
    let name = text(tags::DISPLAY_NAME);
    let address = text(tags::SMTP_ADDRESS).or_else(|| text(tags::EMAIL_ADDRESS));
    match (name, address) {
        (Some(name), Some(address)) if name != address => format!("{name} ({address})"),
        (Some(name), _) => name,
        (None, Some(address)) => address,
        (None, None) => "somebody without an address".into(),
    }
}

/// The message that failed, as it was sent.
fn attach(body: &mut MessageBody, message: &Message) {
    let mut original = message.body.clone();
    original.mime = None;
    for tag in [tags::SENT_MAIL_ENTRY_ID, tags::SENT_MAIL_SVR_EID, tags::TARGET_ENTRY_ID] {
        original.properties.remove(tag);
    }
    // One that is as deep as a message may be cannot stand in another one.
    if original.check_depth(1).is_err() {
        return;
    }
    let name = original.properties.get(tags::SUBJECT).cloned();
    let attachment = body.add_attachment();
    attachment.properties.set(tags::ATTACH_METHOD, EMBEDDED);
    attachment.properties.set(tags::RENDERING_POSITION, -1);
    attachment.properties.set(tags::DISPLAY_NAME, name.unwrap_or_else(|| Value::from("")));
    attachment.embedded = Some(Box::new(original));
    debug_assert!(body.check_depth(0).is_ok(), "{MAX_EMBEDDING}");
}

/// What a sender reads.
fn words_of(reason: Reason) -> &'static str {
    match reason {
        Reason::Unknown => "There is no such recipient. Check the address.",
        Reason::Outside => {
            "The recipient is outside of this server, which does not send to other servers."
        }
        Reason::Full => "The recipient's mailbox is full.",
        Reason::Loop => "The message was forwarded in a circle.",
        Reason::RuleSize => "The recipient does not accept messages of this size.",
        Reason::RuleForm => "The recipient cannot show messages of this kind.",
        Reason::RuleDenied => "The recipient does not accept this message.",
        Reason::TooBig => "The message is too large, or holds messages too deeply in messages.",
    }
}

/// PidTagNonDeliveryReportReasonCode, PidTagNonDeliveryReportDiagCode, and the status of RFC 3463 as its three
/// digits (PidTagNonDeliveryReportStatusCode).
fn codes_of(reason: Reason) -> (i32, i32, i32) {
    const TRANSFER_FAILED: i32 = 0;
    const TRANSFER_IMPOSSIBLE: i32 = 1;
    const RESTRICTED_DELIVERY: i32 = 7;
    const NAME_UNRECOGNIZED: i32 = 0;
    const LOOP_DETECTED: i32 = 3;
    const RECIPIENT_UNAVAILABLE: i32 = 4;
    const CONTENT_TOO_LONG: i32 = 7;
    const NO_DIAGNOSTIC: i32 = -1;
    match reason {
        Reason::Unknown => (TRANSFER_FAILED, NAME_UNRECOGNIZED, 511),
        Reason::Outside => (TRANSFER_IMPOSSIBLE, NO_DIAGNOSTIC, 544),
        Reason::Full => (TRANSFER_FAILED, RECIPIENT_UNAVAILABLE, 522),
        Reason::Loop => (TRANSFER_FAILED, LOOP_DETECTED, 546),
        Reason::RuleSize => (RESTRICTED_DELIVERY, CONTENT_TOO_LONG, 523),
        Reason::RuleForm => (RESTRICTED_DELIVERY, NO_DIAGNOSTIC, 561),
        Reason::RuleDenied => (RESTRICTED_DELIVERY, NO_DIAGNOSTIC, 571),
        Reason::TooBig => (TRANSFER_FAILED, CONTENT_TOO_LONG, 534),
    }
}
