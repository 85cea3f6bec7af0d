//! A message's TNEF body part ([MS-OXCMAIL] 2.1.3.2.26, 2.1.3.3.2): what it says of the message, and its
//! attachments in place of the part.

use mapi::generated::tags;
use mapi::{AttachedContent, MessageContent, PropertyBag, PropertyKey, PropertyTag, PropertyValue};

use super::fields::Header;
use super::parts::Part;
use crate::tnef;

/// What the TNEF says better than the rest of the mail: what kind of item it is, and its bodies.
const BETTER: &[PropertyTag] =
    &[tags::MESSAGE_CLASS, tags::BODY, tags::HTML, tags::RTF_COMPRESSED, tags::NATIVE_BODY];

/// What a sender has no say in: where the message was kept, and who sent it, which the header says.
const NOT_FROM_OUTSIDE: &[PropertyTag] = &[
    tags::ENTRY_ID,
    tags::PARENT_ENTRY_ID,
    tags::STORE_ENTRY_ID,
    tags::STORE_RECORD_KEY,
    tags::RECORD_KEY,
    tags::MAPPING_SIGNATURE,
    tags::OBJECT_TYPE,
    tags::SOURCE_KEY,
    tags::CHANGE_KEY,
    tags::PREDECESSOR_CHANGE_LIST,
    tags::MESSAGE_FLAGS,
    tags::MESSAGE_STATUS,
    tags::MESSAGE_DELIVERY_TIME,
    tags::CREATION_TIME,
    tags::LAST_MODIFICATION_TIME,
    tags::TRANSPORT_MESSAGE_HEADERS,
    tags::SENDER_NAME,
    tags::SENDER_ADDRESS_TYPE,
    tags::SENDER_EMAIL_ADDRESS,
    tags::SENDER_SMTP_ADDRESS,
    tags::SENDER_ENTRY_ID,
    tags::SENDER_SEARCH_KEY,
    tags::SENT_REPRESENTING_NAME,
    tags::SENT_REPRESENTING_ADDRESS_TYPE,
    tags::SENT_REPRESENTING_EMAIL_ADDRESS,
    tags::SENT_REPRESENTING_SMTP_ADDRESS,
    tags::SENT_REPRESENTING_ENTRY_ID,
    tags::SENT_REPRESENTING_SEARCH_KEY,
];

/// Named properties that one message may bring, those of messages within it included: a mailbox has a
/// bounded number of names. Outlook writes some forty.
const MAX_NAMES: usize = 256;

pub(crate) fn is_tnef(part: &Part<'_>) -> bool {
    matches!(part.content_type.name().as_str(), "application/ms-tnef" | "application/vnd.ms-tnef")
}

/// Takes the part's TNEF into the message. False, and nothing is changed, if it is damaged or another
/// message's: it stays a file then.
pub(crate) fn merge(content: &mut MessageContent, part: &Part<'_>, header: &Header<'_>) -> bool {
    let Ok((found, report)) = tnef::read(&part.decoded()) else { return false };
    if !report.is_whole() || !belongs(&found.properties, header) || names(&found) > MAX_NAMES {
        return false;
    }
    let has = |tag| found.properties.get(tag).is_some();
    // The code page is that of the HTML beside it.
    let has_html = has(tags::HTML);
    if has_html || has(tags::RTF_COMPRESSED) {
        content.properties.remove(tags::HTML);
        content.properties.remove(tags::NATIVE_BODY);
    }
    for (key, value) in found.properties {
        let is = |tags: &[PropertyTag]| tags.iter().any(|tag| key == PropertyKey::Tag(tag.id()));
        let is_present = content.properties.iter().any(|(known, _)| *known == key);
        let is_better = is(BETTER) || has_html && is(&[tags::INTERNET_CODEPAGE]);
        if !is(NOT_FROM_OUTSIDE) && (!is_present || is_better) {
            content.properties.insert(key, value);
        }
    }
    content.attachments.extend(found.attachments);
    true
}

fn names(content: &MessageContent) -> usize {
    let named = |bag: &PropertyBag| {
        bag.iter().filter(|(key, _)| matches!(key, PropertyKey::Named(_))).count()
    };
    let of_attachments = content.attachments.iter().map(|attachment| {
        named(&attachment.properties)
            + match &attachment.content {
                AttachedContent::Message(message) => names(message),
                _ => 0,
            }
    });
    let of_recipients = content.recipients.iter().map(|recipient| named(&recipient.properties));
    named(&content.properties) + of_attachments.sum::<usize>() + of_recipients.sum::<usize>()
}

/// Whether the correlation key is that of the header ([MS-OXCMAIL] 2.1.3.2.26). A TNEF without one belongs.
fn belongs(bag: &PropertyBag, header: &Header<'_>) -> bool {
    let Some(key) = bag.get(tags::TNEF_CORRELATION_KEY).and_then(PropertyValue::as_binary) else {
        return true;
    };
    let end = key.iter().position(|byte| *byte == 0).unwrap_or(key.len());
    let key = String::from_utf8_lossy(&key[..end]);
    ["x-ms-tnef-correlator", "message-id"]
        .iter()
        .any(|field| header.plain(field).is_some_and(|value| value.trim() == key.trim()))
}

#[cfg(test)]
mod tests {
    use mail_builder::encoders::base64::Base64Encoder;
    use mapi::{AttachmentContent, PropertyName};

    use super::*;
    use crate::mime;

    fn inner() -> MessageContent {
        let mut content = MessageContent::default();
        content.properties.set(tags::MESSAGE_CLASS, "IPM.Task");
        content.properties.set(tags::SENDER_NAME, "Somebody else");
        content.properties.set(tags::SUBJECT, "of the TNEF");
        content.properties.set(tags::HTML, b"<p>html</p>".to_vec());
        content.properties.set(tags::TNEF_CORRELATION_KEY, b"<key@x>\0".to_vec());
        content.properties.set_named(PropertyName::id(mapi::names::PSETID_COMMON, 0x8501), 7);
        let content_of = AttachedContent::Bytes(b"file".to_vec());
        content.attachments.push(AttachmentContent { content: content_of, ..Default::default() });
        content
    }

    fn mail(stream: &[u8], correlator: &str) -> Vec<u8> {
        let mut data = Vec::new();
        Base64Encoder::new().encode_into(stream, &mut data);
        let text = format!(
            "From: A <a@x>\r\nSubject: of the header\r\n{correlator}MIME-Version: 1.0\r\n\
Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\ntext\r\n\
--b\r\nContent-Type: application/ms-tnef; name=winmail.dat\r\n\
Content-Transfer-Encoding: base64\r\n\r\n{}\r\n--b--\r\n",
            String::from_utf8(data).unwrap()
        );
        text.into_bytes()
    }

    #[test]
    fn the_content_becomes_the_messages() {
        let bytes = mail(&tnef::write(&inner()), "X-MS-TNEF-Correlator: <key@x>\r\n");
        let content = mime::read(&bytes).unwrap();
        let text = |tag| content.properties.text(tag).unwrap();
        assert_eq!(text(tags::MESSAGE_CLASS), "IPM.Task");
        assert_eq!(text(tags::SENDER_NAME), "A");
        assert_eq!(text(tags::SUBJECT), "of the header");
        assert_eq!(text(tags::BODY).trim_end(), "text");
        assert_eq!(
            content.properties.get(tags::HTML).and_then(PropertyValue::as_binary),
            Some(&b"<p>html</p>"[..])
        );
        let name = PropertyName::id(mapi::names::PSETID_COMMON, 0x8501);
        assert_eq!(content.properties.get_named(&name), Some(&PropertyValue::Integer32(7)));
        let [file] = content.attachments.as_slice() else { panic!("{:?}", content.attachments) };
        assert_eq!(file.content, AttachedContent::Bytes(b"file".to_vec()));
        // What was received goes out as it came.
        assert_eq!(mime::write(&content), bytes);
    }

    #[test]
    fn a_tnef_of_another_message_or_a_damaged_one_stays_a_file() {
        let stream = tnef::write(&inner());
        let mut many = inner();
        for number in 0..=MAX_NAMES as u32 {
            let name = PropertyName::id(mapi::names::PSETID_COMMON, 0x9000 + number);
            many.properties.set_named(name, 1);
        }
        let own = "Message-ID: <key@x>\r\n";
        for (stream, correlator) in [
            (&stream[..], ""),
            (&stream[..], "X-MS-TNEF-Correlator: <other@x>\r\n"),
            (&stream[..stream.len() - 1], own),
            (&tnef::write(&many)[..], own),
            (b"x", own),
        ] {
            let mut content = mime::read(&mail(stream, correlator)).unwrap();
            assert_eq!(content.properties.text(tags::MESSAGE_CLASS).unwrap(), "IPM.Note");
            let [file] = content.attachments.as_slice() else { panic!() };
            assert_eq!(file.content, AttachedContent::Bytes(stream.to_vec()));
            // A message that is made anew does not claim it for its own.
            content.mime = None;
            let again = mime::read(&mime::write(&content)).unwrap();
            assert_eq!(again.attachments[0].content, AttachedContent::Bytes(stream.to_vec()));
        }
    }
}
