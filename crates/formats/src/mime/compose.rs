//! Properties to header fields ([MS-OXCMAIL] 2.1.3.1 and 2.1.3.2).

use std::borrow::Cow;

use mail_builder::encoders::base64::Base64Encoder;
use mail_builder::headers::address::Address;
use mail_builder::headers::date::Date;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;
use mail_builder::headers::{Header as _, HeaderType};
use mapi::entry_id::{OneOffEntryId, OneOffTexts};
use mapi::entry_list::FlatEntryList;
use mapi::generated::named::PS_PUBLIC_STRINGS;
use mapi::generated::tags;
use mapi::{FileTime, MessageContent, PropertyBag, PropertyName, PropertyTag, PropertyValue, Wire};

use super::address::{
    self, ORIGINAL_REPRESENTING, ORIGINAL_SENDER, READ_RECEIPT, SENDER, SENT_REPRESENTING,
    SenderTags,
};
use super::fields::{Field, Header, Mailbox, clean_address, split_header};
use super::{properties, report};

/// A field: its name and its value.
pub(crate) type Line = (String, HeaderType<'static>);

/// The fields of a message, without those of its body.
pub(crate) fn headers(content: &MessageContent) -> Vec<Line> {
    let bag = &content.properties;
    let mut lines: Vec<Line> = Vec::new();
    let mut own = Vec::new();
    set_addresses(&mut own, content);
    let subject = bag.text(tags::SUBJECT).unwrap_or_else(|| {
        let part = |tag| bag.text(tag).unwrap_or_default();
        part(tags::SUBJECT_PREFIX) + &part(tags::NORMALIZED_SUBJECT)
    });
    own.push(text("Subject", &subject));
    let dates = [tags::CLIENT_SUBMIT_TIME, tags::MESSAGE_DELIVERY_TIME, tags::CREATION_TIME];
    if let Some(time) = dates.iter().find_map(|tag| bag.get(*tag)?.as_time()) {
        own.push(date("Date", time));
    }
    for (field, tag) in [
        ("Message-ID", tags::INTERNET_MESSAGE_ID),
        ("In-Reply-To", tags::IN_REPLY_TO_ID),
        ("References", tags::INTERNET_REFERENCES),
    ] {
        if let Some(value) = bag.text(tag).map(|value| ascii(&value)).filter(|v| !v.is_empty()) {
            own.push(raw(field, &value));
        }
    }
    set_marks(&mut own, bag);
    let transport = bag.text(tags::TRANSPORT_MESSAGE_HEADERS).unwrap_or_default();
    let (received, _) = split_header(transport.as_bytes());
    properties::write(&mut own, bag, &received);
    lines.extend(received_fields(&received, &own));
    lines.extend(own);
    lines
}

pub(crate) fn to_header_types(lines: &[Line]) -> Vec<(Cow<'static, str>, HeaderType<'static>)> {
    lines.iter().map(|(name, value)| (name.clone().into(), value.clone())).collect()
}

pub(crate) fn write_lines(lines: &[Line], out: &mut Vec<u8>) {
    for (name, value) in lines {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        value.write_header(out, name.len() + 2);
    }
}

/// Text for one line of a header: a line end in it would begin another field.
pub(crate) fn one_line(text: &str) -> String {
    let spaced = text.chars().map(|c| if matches!(c, '\r' | '\n' | '\t') { ' ' } else { c });
    spaced.filter(|c| !c.is_control()).collect::<String>().trim().to_owned()
}

/// The same, for values that are no text and cannot be encoded.
pub(crate) fn ascii(text: &str) -> String {
    one_line(text).chars().filter(char::is_ascii).collect()
}

pub(crate) fn text(name: &str, value: &str) -> Line {
    let value = one_line(value);
    // What looks like an encoded word would be decoded.
    let value = match fits_lines(&value) && !value.contains("=?") {
        true => HeaderType::Text(Text::new(value)),
        false => HeaderType::Raw(Raw::new(encoded_words(&value))),
    };
    (name.to_owned(), value)
}

/// The longest word that goes into a line as it is; a line has 998 bytes ([RFC 5322] 2.1.1).
const MAX_WORD: usize = 900;

/// Whether the words can be put on lines. What is not ASCII is encoded in short words anyway.
fn fits_lines(value: &str) -> bool {
    !value.is_ascii() || value.split(' ').all(|word| word.len() <= MAX_WORD)
}

/// The text as encoded words ([RFC 2047]), which can be folded wherever the text could not.
fn encoded_words(value: &str) -> String {
    let mut words = Vec::new();
    let mut rest = value;
    while !rest.is_empty() {
        let (chunk, behind) = rest.split_at(rest.floor_char_boundary(45));
        let mut encoded = Vec::new();
        Base64Encoder::new().encode_into(chunk.as_bytes(), &mut encoded);
        words.push(format!("=?utf-8?B?{}?=", String::from_utf8_lossy(&encoded)));
        rest = behind;
    }
    words.join(" ")
}

pub(crate) fn raw(name: &str, value: &str) -> Line {
    let value = ascii(value);
    let words = value.split(' ').map(|word| &word[..word.len().min(MAX_WORD)]);
    (name.to_owned(), HeaderType::Raw(Raw::new(words.collect::<Vec<_>>().join(" "))))
}

/// A value that goes out as it is, unless it has to be encoded.
pub(crate) fn raw_or_text(name: &str, value: &str) -> Line {
    match value.is_ascii() && fits_lines(&one_line(value)) {
        true => raw(name, value),
        false => text(name, value),
    }
}

pub(crate) fn date(name: &str, time: FileTime) -> Line {
    (name.to_owned(), HeaderType::Date(Date::new(time.to_unix().0)))
}

/// [MS-OXCMAIL] 2.1.3.1: From, Sender where it is another, recipients, Reply-To.
fn set_addresses(lines: &mut Vec<Line>, content: &MessageContent) {
    let bag = &content.properties;
    let transport = bag.text(tags::TRANSPORT_MESSAGE_HEADERS).unwrap_or_default();
    let (received, _) = split_header(transport.as_bytes());
    let known = |field: &str, mailbox: Option<Mailbox>| {
        let mailboxes = resolved(&received, field, mailbox.into_iter().collect());
        mailboxes.into_iter().next()
    };
    let from = known("from", sender_of(bag, &SENT_REPRESENTING));
    let sender = known("sender", sender_of(bag, &SENDER));
    if let Some(from) = from.as_ref().or(sender.as_ref()) {
        lines.push(addresses("From", std::slice::from_ref(from)));
    }
    if let (Some(from), Some(sender)) = (&from, &sender)
        && !from.address.eq_ignore_ascii_case(&sender.address)
    {
        lines.push(addresses("Sender", std::slice::from_ref(sender)));
    }
    // The recipients of a delivery report are those whom it is about; it goes to whom sent the message.
    if report::kind_of(content) == Some(report::Kind::Delivery) {
        let original = sender_of(bag, &ORIGINAL_SENDER);
        if let Some(original) = original.or_else(|| sender_of(bag, &ORIGINAL_REPRESENTING)) {
            lines.push(addresses("To", &[original]));
        }
    } else {
        lines.extend(recipient_fields(content, &received));
    }
    let reply_to = reply_to_of(bag);
    if !reply_to.is_empty() {
        lines.push(addresses("Reply-To", &reply_to));
    }
    // [MS-OXCMAIL] 2.1.3.1.4, 2.1.3.1.5
    for (field, tag) in [
        ("Disposition-Notification-To", tags::READ_RECEIPT_REQUESTED),
        ("Return-Receipt-To", tags::ORIGINATOR_DELIVERY_REPORT_REQUESTED),
    ] {
        let asked = bag.get(tag).and_then(PropertyValue::as_bool) == Some(true);
        let to = sender_of(bag, &READ_RECEIPT).or_else(|| sender.clone()).or_else(|| from.clone());
        if let Some(mailbox) = to.filter(|_| asked) {
            lines.push(addresses(field, &[mailbox]));
        }
    }
}

/// To, Cc and Bcc.
fn recipient_fields(content: &MessageContent, received: &Header<'_>) -> Vec<Line> {
    let mut lines = Vec::new();
    for (field, kind) in [("To", address::TO), ("Cc", address::CC), ("Bcc", address::BCC)] {
        let of_kind = content.recipients.iter().filter(|recipient| {
            let found = recipient.properties.get(tags::RECIPIENT_TYPE);
            // The high bits are flags of delivery ([MS-OXOMSG] 2.2.3.1).
            found.and_then(PropertyValue::as_i32).is_some_and(|found| found & 0xf == kind)
        });
        let mailboxes: Vec<_> = of_kind.filter_map(|r| recipient_of(&r.properties)).collect();
        if !mailboxes.is_empty() {
            let mailboxes = resolved(received, &field.to_ascii_lowercase(), mailboxes);
            lines.push(addresses(field, &mailboxes));
        }
    }
    lines
}

/// Mailboxes of another system (an Exchange organisation, mostly) with their Internet addresses, if the
/// received header names as many.
fn resolved(received: &Header<'_>, field: &str, mailboxes: Vec<Mailbox>) -> Vec<Mailbox> {
    if !mailboxes.iter().any(|mailbox| mailbox.address.starts_with("IMCEA")) {
        return mailboxes;
    }
    let found: Vec<_> = received.all(field).flat_map(Field::addresses).collect();
    match found.len() == mailboxes.len() && found.iter().all(|m| m.address.contains('@')) {
        true => found,
        false => mailboxes,
    }
}

fn addresses(name: &str, mailboxes: &[Mailbox]) -> Line {
    let list = mailboxes.iter().map(|mailbox| {
        let name = (mailbox.name != mailbox.address).then(|| mailbox.name.clone());
        Address::new_address(name, mailbox.address.clone())
    });
    (name.to_owned(), HeaderType::Address(Address::new_list(list.collect())))
}

pub(crate) fn sender_of(bag: &PropertyBag, tags: &SenderTags) -> Option<Mailbox> {
    mailbox_of(
        bag,
        tags.name,
        tags.smtp_address,
        tags.address_type,
        tags.email_address,
        tags.entry_id,
    )
}

pub(crate) fn recipient_of(bag: &PropertyBag) -> Option<Mailbox> {
    let name = match bag.text(tags::DISPLAY_NAME) {
        Some(name) if !name.is_empty() => tags::DISPLAY_NAME,
        _ => tags::RECIPIENT_DISPLAY_NAME,
    };
    let smtp = Some(tags::SMTP_ADDRESS);
    mailbox_of(bag, name, smtp, tags::ADDRESS_TYPE, tags::EMAIL_ADDRESS, tags::ENTRY_ID)
}

/// The address by [MS-OXCMAIL] 2.1.3.1.1: the SMTP address, the address if its type is SMTP, the one-off
/// entry id's; an address of another system is encapsulated.
fn mailbox_of(
    bag: &PropertyBag,
    name: PropertyTag,
    smtp_address: Option<PropertyTag>,
    address_type: PropertyTag,
    email_address: PropertyTag,
    entry_id: PropertyTag,
) -> Option<Mailbox> {
    let filled = |tag| bag.text(tag).map(|text| one_line(&text)).filter(|text| !text.is_empty());
    let kind = filled(address_type).unwrap_or_default();
    let email = filled(email_address);
    let is_smtp = kind.is_empty() || kind.eq_ignore_ascii_case("SMTP");
    let address = smtp_address
        .and_then(filled)
        .or_else(|| email.clone().filter(|email| is_smtp && email.contains('@')))
        .or_else(|| one_off_address(bag.get(entry_id)?.as_binary()?).map(|m| m.address))
        .or_else(|| email.filter(|_| !is_smtp).map(|email| encapsulate(&kind, &email)))
        .or_else(|| filled(email_address))
        .unwrap_or_default();
    let address = clean_address(&address);
    let name = filled(name).unwrap_or_else(|| address.clone());
    (!name.is_empty() || !address.is_empty()).then_some(Mailbox { name, address })
}

/// The mailbox of a one-off entry id of type SMTP.
fn one_off_address(entry_id: &[u8]) -> Option<Mailbox> {
    let one_off = OneOffEntryId::from_wire(entry_id).ok()?;
    let OneOffTexts::Unicode { name, address_type, address } = one_off.texts else { return None };
    let (name, address) = (one_line(&name.to_string_lossy()), one_line(&address.to_string_lossy()));
    let is_smtp = address_type.to_string_lossy().eq_ignore_ascii_case("SMTP");
    (is_smtp && address.contains('@')).then_some(Mailbox { name, address })
}

/// IMCEA: an address of another system in the form of an SMTP address ([MS-OXCMAIL] 2.6.6).
fn encapsulate(kind: &str, address: &str) -> String {
    let kind: String = kind.chars().filter(char::is_ascii_alphanumeric).take(20).collect();
    let mut encoded = String::new();
    for byte in address.bytes().take(1_000) {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'=' | b'-' => encoded.push(char::from(byte)),
            b'/' => encoded.push('_'),
            _ => encoded.push_str(&format!("+{byte:02X}")),
        }
    }
    format!("IMCEA{kind}-{encoded}@invalid")
}

/// The entries of PidTagReplyRecipientEntries that are one-off.
fn reply_to_of(bag: &PropertyBag) -> Vec<Mailbox> {
    let list = bag.get(tags::REPLY_RECIPIENT_ENTRIES).and_then(PropertyValue::as_binary);
    let entries =
        list.and_then(|list| FlatEntryList::from_wire(list).ok()).unwrap_or_default().entries;
    entries.iter().filter_map(|entry| one_off_address(&entry.bytes)).take(1_000).collect()
}

/// Importance, sensitivity, thread, categories ([MS-OXCMAIL] 2.1.3.2).
fn set_marks(lines: &mut Vec<Line>, bag: &PropertyBag) {
    let number = |tag| bag.get(tag).and_then(PropertyValue::as_i32);
    match number(tags::IMPORTANCE) {
        Some(0) => lines.extend([raw("Importance", "low"), raw("X-Priority", "5")]),
        Some(2) => lines.extend([raw("Importance", "high"), raw("X-Priority", "1")]),
        _ => {}
    }
    match number(tags::SENSITIVITY) {
        Some(1) => lines.push(raw("Sensitivity", "personal")),
        Some(2) => lines.push(raw("Sensitivity", "private")),
        Some(3) => lines.push(raw("Sensitivity", "company-confidential")),
        _ => {}
    }
    let topic = bag.text(tags::CONVERSATION_TOPIC).filter(|topic| !topic.is_empty());
    if let Some(topic) = topic {
        lines.push(text("Thread-Topic", &topic));
    }
    if let Some(index) = bag.get(tags::CONVERSATION_INDEX).and_then(PropertyValue::as_binary)
        && (1..=1_000).contains(&index.len())
    {
        let mut encoded = Vec::new();
        Base64Encoder::new().encode_into(index, &mut encoded);
        lines.push(raw("Thread-Index", &String::from_utf8_lossy(&encoded)));
    }
    let name = PropertyName::string(PS_PUBLIC_STRINGS, "Keywords");
    if let Some(PropertyValue::MultipleString(words)) = bag.get_named(&name) {
        let quoted = |word: &mapi::WString| match word.to_string_lossy().replace('"', "") {
            word if word.contains(',') => format!("\"{word}\""),
            word => word,
        };
        let words: Vec<_> = words.iter().map(quoted).collect();
        lines.push(text("Keywords", &words.join(", ")));
    }
    // mfUnsent ([MS-OXCMSG] 2.2.1.6): a draft stays one.
    if number(tags::MESSAGE_FLAGS).is_some_and(|flags| flags & 8 != 0) {
        lines.push(raw("X-Unsent", "1"));
    }
    // Items that are no mail and no report keep their class, which no standard field holds.
    if let Some(class) = bag.text(tags::MESSAGE_CLASS)
        && !class.to_ascii_lowercase().starts_with("ipm.note")
        && report::kind_of_class(&class).is_none()
    {
        lines.push(raw("X-Message-Class", &class));
    }
}

/// The fields that the message was received with, except those that are made from properties or belong to
/// the body.
fn received_fields(header: &Header<'_>, own: &[Line]) -> Vec<Line> {
    let is_own = |name: &str| own.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    let made = |name: &str| {
        name.starts_with("content-")
            || matches!(
                name,
                "mime-version"
                    | "from"
                    | "sender"
                    | "to"
                    | "cc"
                    | "bcc"
                    | "reply-to"
                    | "subject"
                    | "date"
                    | "x-priority"
                    | "x-msmail-priority"
                    | "importance"
                    | "priority"
                    | "sensitivity"
                    | "keywords"
                    | "disposition-notification-to"
                    | "return-receipt-to"
                    | "x-unsent"
                    | "expires"
                    | "expiry-date"
                    | "reply-by"
                    | "deferred-delivery"
                    | "x-message-flag"
                    | "x-auto-response-suppress"
                    | "status"
                    | "x-status"
                    | "lines"
            )
            || is_own(name)
    };
    let kept = header.fields.iter().filter(|field| !made(&field.name)).take(1_000);
    kept.map(|field| raw_or_text(&title_case(&field.name), &field.plain())).collect()
}

/// `x-mailer` as `X-Mailer`.
pub(crate) fn title_case(name: &str) -> String {
    let mut up = true;
    let raise = |c: char| match std::mem::replace(&mut up, c == '-') {
        true => c.to_ascii_uppercase(),
        false => c,
    };
    name.chars().map(raise).collect()
}
