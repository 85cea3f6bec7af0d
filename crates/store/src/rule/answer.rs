//! Replies of rules: OP_REPLY and OP_OOF_REPLY ([MS-OXORULE] 3.2.5.1).

use mapi::entry_id::EntryId;
use mapi::rule_action::{REPLY_NOT_TO_SENDER, REPLY_STOCK_TEXT, Template};
use mapi::{FolderId, Guid, MessageId, PropertyTag, PropertyValue, tags};

use super::deferred::Cause;
use super::run::Run;
use crate::delivery::Outgoing;
use crate::delivery::address::{self, AddressTags, RECIPIENT, REPRESENTING, SENDER, TO};
use crate::keys;
use crate::mailbox::ids;
use crate::message::{self, Message, MessageBody, Recipient};
use crate::value::Properties;
use crate::{Mailbox, Result, StoreError};

/// PidTagAutoResponseSuppress ([MS-OXOMSG] 2.2.1.77): no OOF replies, no other automatic replies.
const SUPPRESS_OOF: i32 = 0x10;
const SUPPRESS_AUTO_REPLY: i32 = 0x20;
const SUPPRESS_ALL: i32 = -1;
/// What an OOF reply is (R795).
const OOF_CLASS: &str = "IPM.Note.rules.OOFTemplate";
const STOCK_TEXT: &str = "This is an automatic reply. Your message was received.\r\n";

/// What a template says about itself, and no reply.
const OF_TEMPLATE: &[PropertyTag] = &[
    tags::CREATION_TIME,
    tags::CREATOR_ENTRY_ID,
    tags::CREATOR_NAME,
    tags::INTERNET_MESSAGE_ID,
    tags::LAST_MODIFICATION_TIME,
    tags::LAST_MODIFIER_ENTRY_ID,
    tags::LAST_MODIFIER_NAME,
    tags::MESSAGE_CLASS,
    tags::MESSAGE_FLAGS,
    tags::NORMALIZED_SUBJECT,
    tags::PREDECESSOR_CHANGE_LIST,
    tags::REPLY_TEMPLATE_ID,
    tags::SEARCH_KEY,
    tags::SOURCE_KEY,
    tags::SUBJECT_PREFIX,
];

/// Sends a reply to the message that arrives, unless it wants none.
pub(super) fn answer(
    run: &mut Run<'_>,
    template: &Template,
    flavor: u32,
    oof: bool,
) -> Result<std::result::Result<(), Cause>> {
    let original = &run.message.body.properties;
    if !wants_answer(original, run.silent, oof) {
        return Ok(Ok(()));
    }
    let Some(template) = find(run.mailbox, template)? else { return Ok(Err(Cause::ReplyTemplate)) };
    let mut recipients = template.body.recipients.clone();
    if flavor & REPLY_NOT_TO_SENDER == 0 {
        let Some(sender) = sender_as_recipient(original) else { return Ok(Ok(())) };
        // Nobody answers himself.
        let found = address::resolve(run.mailbox.store(), &sender, &RECIPIENT)?;
        if found.is_ok_and(|found| found.id == run.account.id) {
            return Ok(Ok(()));
        }
        let row = recipients.iter().map(|one| one.row + 1).max().unwrap_or(0);
        recipients.push(Recipient { row, properties: sender });
    }
    // MS-OXORULE R663
    if recipients.is_empty() {
        return Ok(Err(Cause::ReplyTemplate));
    }
    let mut body = template.body;
    body.recipients = recipients;
    body.mime = None;
    dress(&mut body, original, flavor, oof);
    run.sends.push(Outgoing { body, silent: true });
    Ok(Ok(()))
}

/// R526, R533, R924: who asks for no answer gets none, and no machine answers another one's report. (R5281: a
/// message that was forwarded by a rule is answered by OP_REPLY.)
fn wants_answer(original: &Properties, silent: bool, oof: bool) -> bool {
    let suppress = original.inline(tags::AUTO_RESPONSE_SUPPRESS).and_then(PropertyValue::as_i32);
    let bit = if oof { SUPPRESS_OOF } else { SUPPRESS_AUTO_REPLY };
    let forwarded = original.inline(tags::AUTO_FORWARDED).and_then(PropertyValue::as_bool);
    let class = text(original, tags::MESSAGE_CLASS).unwrap_or_default().to_ascii_lowercase();
    if silent || oof && forwarded == Some(true) {
        return false;
    }
    suppress.unwrap_or(0) & bit == 0 && !class.starts_with("report.")
}

/// What makes a reply of a template's copy.
fn dress(body: &mut MessageBody, original: &Properties, flavor: u32, oof: bool) {
    let properties = &mut body.properties;
    OF_TEMPLATE.iter().for_each(|tag| drop(properties.remove(*tag)));
    properties.set(tags::MESSAGE_CLASS, if oof { OOF_CLASS } else { "IPM.Note" });
    properties.set(tags::AUTO_RESPONSE_SUPPRESS, SUPPRESS_ALL);
    let about = text(original, tags::NORMALIZED_SUBJECT).or_else(|| text(original, tags::SUBJECT));
    let own = text(properties, tags::SUBJECT).filter(|subject| !subject.is_empty());
    let subject = own.unwrap_or_else(|| format!("RE: {}", about.unwrap_or_default()));
    properties.set(tags::SUBJECT, subject.as_str());
    for (from, to) in [
        (tags::INTERNET_MESSAGE_ID, tags::IN_REPLY_TO_ID),
        (tags::CONVERSATION_TOPIC, tags::CONVERSATION_TOPIC),
        (tags::CONVERSATION_INDEX, tags::CONVERSATION_INDEX),
        (tags::SEARCH_KEY, tags::PARENT_KEY),
    ] {
        if let Some(value) = original.get(from) {
            properties.set(to, value.clone());
        }
    }
    if flavor & REPLY_STOCK_TEXT != 0 {
        for tag in [tags::HTML, tags::RTF_COMPRESSED, tags::NATIVE_BODY] {
            properties.remove(tag);
        }
        properties.set(tags::BODY, STOCK_TEXT);
    }
}

/// The template, if it is there and is the one that the rule means (R309, R928).
fn find(mailbox: &Mailbox, template: &Template) -> Result<Option<Message>> {
    let (folder, id, guid) = match template {
        Template::Ids { folder, message, id } => (*folder, *message, *id),
        Template::Entry { message, id } => {
            let EntryId::Message(entry) = EntryId::parse(message) else { return Ok(None) };
            let found = [&entry.folder, &entry.message].map(|id| ids::from_long_term(mailbox, id));
            let [Ok(folder), Ok(message)] = found else { return Ok(None) };
            (FolderId::new(folder.0, folder.1), MessageId::new(message.0, message.1), *id)
        }
    };
    let found = match message::open(mailbox, id) {
        Ok(found) => found,
        Err(StoreError::NotFound(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let own = found.body.properties.inline(tags::REPLY_TEMPLATE_ID);
    let is_meant = own.and_then(PropertyValue::as_binary).is_none_or(|own| own == guid.0)
        || guid == Guid::NULL;
    Ok((found.folder == folder && !found.soft_deleted && is_meant).then_some(found))
}

/// Whom the message is from: for whom it was sent, or who sent it.
fn sender_tags(properties: &Properties) -> Option<&'static AddressTags> {
    [&REPRESENTING, &SENDER].into_iter().find(|tags| address::is_named(properties, tags))
}

pub(super) fn sender_as_recipient(original: &Properties) -> Option<Properties> {
    let from = sender_tags(original)?;
    let mut recipient = Properties::new();
    for (from, to) in [
        (from.name, RECIPIENT.name),
        (from.entry_id, RECIPIENT.entry_id),
        (from.search_key, RECIPIENT.search_key),
        (from.address_type, RECIPIENT.address_type),
        (from.email_address, RECIPIENT.email_address),
        (from.smtp_address, RECIPIENT.smtp_address),
    ] {
        if let Some(value) = original.get(from) {
            recipient.set(to, value.clone());
        }
    }
    recipient.set(tags::RECIPIENT_TYPE, TO);
    Some(recipient)
}

/// By what a sender is known again.
pub(super) fn sender_key(original: &Properties) -> Option<[u8; 16]> {
    let from = sender_tags(original)?;
    let address = text(original, from.email_address).or_else(|| text(original, from.smtp_address));
    let key = match address {
        Some(address) => address.to_lowercase().into_bytes(),
        None => original.inline(from.entry_id).and_then(PropertyValue::as_binary)?.to_vec(),
    };
    Some(keys::short_hash(&key))
}

fn text(properties: &Properties, tag: PropertyTag) -> Option<String> {
    let text = properties.inline(tag).and_then(PropertyValue::as_text);
    text.map(|text| text.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn original(values: &[(PropertyTag, PropertyValue)]) -> Properties {
        let mut properties = Properties::new();
        values.iter().for_each(|(tag, value)| properties.set(*tag, value.clone()));
        properties
    }

    #[test]
    fn who_wants_no_answer_gets_none() {
        let plain = original(&[]);
        assert!(wants_answer(&plain, false, false) && wants_answer(&plain, false, true));
        assert!(!wants_answer(&plain, true, false));
        let suppress = |bits: i32| original(&[(tags::AUTO_RESPONSE_SUPPRESS, bits.into())]);
        assert!(!wants_answer(&suppress(0x20), false, false));
        assert!(wants_answer(&suppress(0x20), false, true));
        assert!(!wants_answer(&suppress(0x10), false, true));
        assert!(wants_answer(&suppress(0x10), false, false));
        let forwarded = original(&[(tags::AUTO_FORWARDED, true.into())]);
        assert!(wants_answer(&forwarded, false, false) && !wants_answer(&forwarded, false, true));
        let report = original(&[(tags::MESSAGE_CLASS, "REPORT.IPM.Note.NDR".into())]);
        assert!(!wants_answer(&report, false, false));
    }

    #[test]
    fn a_sender_is_known_again_however_he_is_written() {
        let of = |address: &str| {
            sender_key(&original(&[
                (tags::SENT_REPRESENTING_EMAIL_ADDRESS, address.into()),
                (tags::SENT_REPRESENTING_ADDRESS_TYPE, "SMTP".into()),
            ]))
        };
        assert_eq!(of("Ann@example.test"), of("ann@EXAMPLE.test"));
        assert_ne!(of("ann@example.test"), of("bob@example.test"));
        assert_eq!(sender_key(&Properties::new()), None);
    }
}
