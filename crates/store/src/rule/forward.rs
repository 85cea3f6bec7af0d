//! Messages that rules send on: OP_FORWARD and OP_DELEGATE ([MS-OXORULE] 3.2.5.1).

use mapi::rule_action::{
    FORWARD_AS_ATTACHMENT, FORWARD_AS_TEXT_MESSAGE, FORWARD_PRESERVE_SENDER, FORWARD_UNCHANGED,
    RecipientBlock,
};
use mapi::{PropertyTag, PropertyValue, tags};

use super::answer;
use super::deferred::Cause;
use super::run::Run;
use crate::delivery::Outgoing;
use crate::delivery::address::{self, RECEIVED_REPRESENTING, RECIPIENT, SENDER, TO};
use crate::message::{MessageBody, Recipient};
use crate::value::{Properties, Value};
use crate::{Result, Store};

/// afEmbeddedMessage ([MS-OXCMSG] 2.2.2.9)
const EMBEDDED: i32 = 5;

/// What belongs to the copy that was delivered here.
const OF_DELIVERY: &[PropertyTag] = &[
    tags::CREATION_TIME,
    tags::HAS_DEFERRED_ACTION_MESSAGES,
    tags::LAST_MODIFICATION_TIME,
    tags::MESSAGE_CC_ME,
    tags::MESSAGE_DELIVERY_TIME,
    tags::MESSAGE_RECIPIENT_ME,
    tags::MESSAGE_TO_ME,
    tags::RECEIVED_BY_ADDRESS_TYPE,
    tags::RECEIVED_BY_EMAIL_ADDRESS,
    tags::RECEIVED_BY_ENTRY_ID,
    tags::RECEIVED_BY_NAME,
    tags::RECEIVED_BY_SEARCH_KEY,
    tags::RECEIVED_BY_SMTP_ADDRESS,
    // Its sender did not ask these recipients.
    tags::NON_RECEIPT_NOTIFICATION_REQUESTED,
    tags::ORIGINATOR_DELIVERY_REPORT_REQUESTED,
    tags::READ_RECEIPT_REQUESTED,
];

/// The named properties of who sent it.
const OF_SENDER: &[PropertyTag] = &[
    tags::SENDER_ADDRESS_TYPE,
    tags::SENDER_EMAIL_ADDRESS,
    tags::SENDER_ENTRY_ID,
    tags::SENDER_NAME,
    tags::SENDER_SEARCH_KEY,
    tags::SENDER_SMTP_ADDRESS,
];

const OF_REPRESENTED: &[PropertyTag] = &[
    tags::SENT_REPRESENTING_ADDRESS_TYPE,
    tags::SENT_REPRESENTING_EMAIL_ADDRESS,
    tags::SENT_REPRESENTING_ENTRY_ID,
    tags::SENT_REPRESENTING_NAME,
    tags::SENT_REPRESENTING_SEARCH_KEY,
    tags::SENT_REPRESENTING_SMTP_ADDRESS,
];

pub(super) fn forward(
    run: &mut Run<'_>,
    recipients: &[RecipientBlock],
    flavor: u32,
) -> Result<std::result::Result<(), Cause>> {
    // There is no way to text messages.
    if flavor & FORWARD_AS_TEXT_MESSAGE != 0 {
        return Ok(Err(Cause::Executing));
    }
    let recipients = without_sender(run, recipients)?;
    // Nobody is left: it would go back to where it came from (R798).
    if recipients.is_empty() {
        return Ok(Ok(()));
    }
    let mut body = match flavor & FORWARD_AS_ATTACHMENT != 0 {
        true => as_attachment(&run.message.body),
        false => sent_on(&run.message.body),
    };
    let properties = &mut body.properties;
    if flavor & FORWARD_UNCHANGED == 0 {
        OF_SENDER.iter().for_each(|tag| drop(properties.remove(*tag)));
        if flavor & FORWARD_PRESERVE_SENDER == 0 {
            OF_REPRESENTED.iter().for_each(|tag| drop(properties.remove(*tag)));
            set_subject(properties, &run.message.body.properties);
        }
    }
    if flavor & (FORWARD_UNCHANGED | FORWARD_PRESERVE_SENDER) != FORWARD_UNCHANGED {
        properties.set(tags::AUTO_FORWARDED, true);
    }
    body.recipients = recipients;
    run.sends.push(Outgoing { body, silent: run.silent });
    Ok(Ok(()))
}

/// The same message for somebody who acts for the mailbox's owner (R539 to R545).
pub(super) fn delegate(
    run: &mut Run<'_>,
    recipients: &[RecipientBlock],
) -> Result<std::result::Result<(), Cause>> {
    let mut body = sent_on(&run.message.body);
    address::name(&mut body.properties, &RECEIVED_REPRESENTING, run.account);
    body.properties.set(tags::DELEGATED_BY_RULE, true);
    body.recipients = recipients_of(recipients);
    run.sends.push(Outgoing { body, silent: run.silent });
    Ok(Ok(()))
}

fn sent_on(body: &MessageBody) -> MessageBody {
    let mut body = body.clone();
    body.mime = None;
    OF_DELIVERY.iter().for_each(|tag| drop(body.properties.remove(*tag)));
    body
}

fn as_attachment(original: &MessageBody) -> MessageBody {
    let mut inner = original.clone();
    inner.mime = None;
    let mut body = MessageBody::default();
    body.properties.set(tags::MESSAGE_CLASS, "IPM.Note");
    body.properties.set(tags::IMPORTANCE, 1);
    body.properties.set(tags::SENSITIVITY, 0);
    body.properties.set(tags::BODY, "");
    let name = original.properties.get(tags::SUBJECT).cloned();
    let attachment = body.add_attachment();
    attachment.properties.set(tags::ATTACH_METHOD, EMBEDDED);
    attachment.properties.set(tags::RENDERING_POSITION, -1);
    attachment.properties.set(tags::DISPLAY_NAME, name.unwrap_or_else(|| Value::from("")));
    attachment.embedded = Some(Box::new(inner));
    body
}

fn set_subject(properties: &mut Properties, original: &Properties) {
    let text = |tag| original.inline(tag).and_then(PropertyValue::as_text);
    let subject = text(tags::NORMALIZED_SUBJECT).or_else(|| text(tags::SUBJECT));
    let subject = subject.map(|text| text.to_string_lossy().into_owned()).unwrap_or_default();
    properties.remove(tags::NORMALIZED_SUBJECT);
    properties.set(tags::SUBJECT_PREFIX, "FW: ");
    properties.set(tags::SUBJECT, format!("FW: {subject}").as_str());
}

fn recipients_of(blocks: &[RecipientBlock]) -> Vec<Recipient> {
    let recipient = |(row, block): (usize, &RecipientBlock)| {
        let mut properties: Properties = Properties::new();
        block.values.iter().for_each(|value| properties.set(value.tag, value.value.clone()));
        if properties.get(tags::RECIPIENT_TYPE).is_none() {
            properties.set(tags::RECIPIENT_TYPE, TO);
        }
        Recipient { row: row as u32, properties }
    };
    blocks.iter().enumerate().map(recipient).collect()
}

/// R537, R798: nothing goes back to who sent it.
fn without_sender(run: &Run<'_>, blocks: &[RecipientBlock]) -> Result<Vec<Recipient>> {
    let store = run.mailbox.store();
    let original = &run.message.body.properties;
    let mut senders = Vec::new();
    senders.extend(answer::sender_as_recipient(original));
    senders.extend(address::is_named(original, &SENDER).then(|| {
        let mut sender = Properties::new();
        for (from, to) in [
            (SENDER.email_address, RECIPIENT.email_address),
            (SENDER.address_type, RECIPIENT.address_type),
            (SENDER.entry_id, RECIPIENT.entry_id),
            (SENDER.smtp_address, RECIPIENT.smtp_address),
        ] {
            if let Some(value) = original.get(from) {
                sender.set(to, value.clone());
            }
        }
        sender
    }));
    let mut kept = Vec::new();
    for recipient in recipients_of(blocks) {
        let mut is_sender = false;
        for sender in &senders {
            is_sender |= is_same(store, sender, &recipient.properties)?;
        }
        if !is_sender {
            kept.push(recipient);
        }
    }
    Ok(kept)
}

fn is_same(store: &Store, one: &Properties, other: &Properties) -> Result<bool> {
    let account = |properties| address::resolve(store, properties, &RECIPIENT);
    if let (Ok(one), Ok(other)) = (account(one)?, account(other)?) {
        return Ok(one.id == other.id);
    }
    let address = |properties: &Properties| {
        let text = |tag| {
            let value = properties.inline(tag).and_then(PropertyValue::as_text)?;
            Some(value.to_string_lossy().to_lowercase())
        };
        text(RECIPIENT.email_address).or_else(|| text(RECIPIENT.smtp_address))
    };
    Ok(address(one).is_some_and(|one| Some(one) == address(other)))
}
