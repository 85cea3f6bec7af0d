//! A message of MAPI as an Internet message ([MS-OXCMAIL] 2.1).

use std::collections::HashSet;

use mail_builder::encoders::base64::Base64Encoder;
use mail_builder::headers::HeaderType;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::message_id::MessageId;
use mail_builder::headers::text::Text;
use mail_builder::mime::{BodyPart, MimePart};
use mapi::generated::tags;
use mapi::{
    AttachedContent, AttachmentContent, MessageContent, PropertyBag, PropertyTag, PropertyValue,
};

use super::attachments::is_pointer;
use super::fields::split_header;
use super::{calendar, compose, report, smime};
use crate::text::{html, rtf};

/// Messages in messages; deeper ones are left out with a note in their place.
const MAX_EMBEDDED: usize = 32;

/// The message as bytes of an Internet message: the very bytes if it came as one, else generated.
///
/// Generated messages hold UTF-8, the bodies as alternatives, pictures of the HTML beside it, and every
/// attachment byte for byte. Rich text that encapsulates HTML or text goes out as that; of genuine rich text
/// the words do. The same content gives the same bytes.
pub fn write(content: &MessageContent) -> Vec<u8> {
    write_at(content, 0)
}

fn write_at(content: &MessageContent, depth: usize) -> Vec<u8> {
    if let Some(bytes) = &content.mime {
        return bytes.clone();
    }
    let headers = compose::headers(content);
    if let Some(bytes) = smime::write(content, &headers) {
        return bytes;
    }
    let mut root = body_tree(content, depth);
    let mut all = compose::to_header_types(&headers);
    all.push(("MIME-Version".into(), HeaderType::Raw("1.0".into())));
    all.append(&mut root.headers);
    root.headers = all;
    let mut out = Vec::with_capacity(root.size() * 4 / 3 + 1_024);
    let word = free_word(&root);
    settle_boundaries(&mut root, &word, &mut 0);
    root.write_part(&mut out);
    out
}

/// The parts of a message, multiparts with a place for their boundary.
fn body_tree(content: &MessageContent, depth: usize) -> MimePart<'static> {
    let bodies = bodies(&content.properties);
    let meeting = calendar::part(content);
    let references = bodies.html.as_ref().map(|html| html::references(html.as_bytes()));
    // The exceptions of a series stand in its calendar.
    let kept = content.attachments.iter();
    let kept = kept.filter(|a| meeting.is_none() || !calendar::is_exception(a));
    let (related, attached): (Vec<_>, Vec<_>) = kept.partition(|attachment| match &references {
        Some(references) => is_related(&attachment.properties, references),
        None => false,
    });
    // A null has no place in a message ([RFC 5322] 2.2).
    let without_null = |text: String| text.replace('\0', "");
    let plain = bodies
        .plain
        .map(without_null)
        .map(|text| MimePart::new("text/plain", BodyPart::Text(text.into())));
    let html = bodies.html.map(without_null).map(|text| {
        let html = MimePart::new("text/html", BodyPart::Text(text.into()));
        match related.is_empty() {
            true => html,
            false => {
                let parts = related.iter().map(|attachment| part_of(attachment, depth, "inline"));
                let parts: Vec<_> = std::iter::once(html).chain(parts).collect();
                multipart("multipart/related", parts)
            }
        }
    });
    let mut alternatives: Vec<_> = [plain, html, meeting].into_iter().flatten().collect();
    let body = match alternatives.len() {
        0 | 1 => alternatives.pop(),
        _ => Some(multipart("multipart/alternative", alternatives)),
    };
    let empty = || MimePart::new("text/plain", BodyPart::Text(String::new().into()));
    let parts = attached.iter().map(|attachment| part_of(attachment, depth, "attachment"));
    if let Some(kind) = report::kind_of(content) {
        return report::multipart(kind, content, body.unwrap_or_else(empty), parts.collect());
    }
    if attached.is_empty() {
        return body.unwrap_or_else(empty);
    }
    let parts: Vec<_> = body.into_iter().chain(parts).collect();
    multipart("multipart/mixed", parts)
}

pub(crate) struct Bodies {
    pub plain: Option<String>,
    pub html: Option<String>,
}

/// The bodies as text ([MS-OXCMAIL] 2.1.3.3): HTML as it is, or out of rich text.
pub(crate) fn bodies(bag: &PropertyBag) -> Bodies {
    let plain = bag.text(tags::BODY).filter(|text| !text.is_empty());
    if let Some(html) = html_of(bag) {
        return Bodies { plain: plain.or_else(|| Some(html::to_text(&html))), html: Some(html) };
    }
    let compressed = bag.get(tags::RTF_COMPRESSED).and_then(PropertyValue::as_binary);
    let Some(document) = compressed.and_then(|bytes| rtf::decompress(bytes).ok()) else {
        return Bodies { plain, html: None };
    };
    match rtf::de_encapsulate(&document) {
        Some(rtf::Encapsulated::Html(html)) => {
            Bodies { plain: plain.or_else(|| Some(html::to_text(&html))), html: Some(html) }
        }
        Some(rtf::Encapsulated::Text(text)) => Bodies { plain: plain.or(Some(text)), html: None },
        None => Bodies { plain: plain.or_else(|| Some(rtf::to_text(&document))), html: None },
    }
}

fn html_of(bag: &PropertyBag) -> Option<String> {
    match bag.get(tags::HTML)? {
        PropertyValue::Binary(bytes) if !bytes.is_empty() => {
            let page = bag.get(tags::INTERNET_CODEPAGE).and_then(PropertyValue::as_i32);
            Some(html::decode(bytes, page.and_then(|page| u32::try_from(page).ok())))
        }
        // PidTagBodyHtml has the same id ([MS-OXCMSG] 2.2.1.58.3).
        PropertyValue::String(text) if !text.is_empty() => Some(text.to_string_lossy().into()),
        _ => None,
    }
}

/// Whether an attachment belongs beside the HTML: it has an id or a location, and is marked as rendered there
/// or referred to ([MS-OXCMAIL] 2.1.3.4.1.2: the mark alone is not to be relied on).
fn is_related(bag: &PropertyBag, references: &HashSet<String>) -> bool {
    let flags = bag.get(tags::ATTACH_FLAGS).and_then(PropertyValue::as_i32).unwrap_or(0);
    let hidden = bag.get(tags::ATTACHMENT_HIDDEN).and_then(PropertyValue::as_bool) == Some(true);
    let named = [tags::ATTACH_CONTENT_ID, tags::ATTACH_CONTENT_LOCATION];
    let mut names = named.iter().filter_map(|tag| filled(bag, *tag));
    let marked = flags & 4 != 0 || hidden;
    names.any(|name| marked || references.contains(&name.to_lowercase()))
}

fn part_of(
    attachment: &AttachmentContent,
    depth: usize,
    disposition: &'static str,
) -> MimePart<'static> {
    match &attachment.content {
        AttachedContent::Bytes(data) => file_part(attachment, data, disposition),
        AttachedContent::Message(message) if depth < MAX_EMBEDDED => {
            message_part(attachment, message, depth)
        }
        AttachedContent::Message(_) => {
            note_part("A message that is nested too deep was left out here.")
        }
        AttachedContent::Ole(data) => {
            let description = format!("OLE object: {}", file_name(attachment));
            let mut part = file_part(attachment, data, disposition);
            part.headers.push(("Content-Description".into(), Text::new(description).into()));
            part
        }
        AttachedContent::Nothing => {
            let path = filled(&attachment.properties, tags::ATTACH_LONG_PATHNAME);
            let name = path.unwrap_or_else(|| file_name(attachment));
            note_part(&format!("An attachment without data stood here: {name}"))
        }
    }
}

/// A file ([MS-OXCMAIL] 2.1.3.4): in base64, so that no line end changes.
pub(crate) fn file_part(
    attachment: &AttachmentContent,
    data: &[u8],
    disposition: &'static str,
) -> MimePart<'static> {
    let bag = &attachment.properties;
    let name = file_name(attachment);
    if let Some(part) = pointer_part(bag, data) {
        return part;
    }
    let mime_tag = match attachment.content {
        AttachedContent::Ole(_) => "application/x-ole-storage".to_owned(),
        _ => mime_tag(bag),
    };
    let mut content_type = ContentType::new(mime_tag).attribute("name", name.clone());
    let charset = filled(bag, tags::TEXT_ATTACHMENT_CHARSET).filter(|name| name.len() <= 100);
    if let Some(charset) = charset {
        content_type = content_type.attribute("charset", charset);
    }
    // Parts of type message/ are to stay readable without decoding ([RFC 2046] 5.2).
    let kind = content_type.c_type.as_ref();
    let plain = (kind.starts_with("message/") && !is_pointer(kind)
        || kind == "text/rfc822-headers")
        && is_seven_bit(data);
    let (body, encoding) = match plain {
        true => (data.to_vec(), "7bit"),
        false => (base64(data), "base64"),
    };
    let mut part = MimePart::raw(BodyPart::Binary(body.into()))
        .header("Content-Type", content_type)
        .header("Content-Transfer-Encoding", HeaderType::Raw(encoding.into()));
    part = part
        .header("Content-Disposition", ContentType::new(disposition).attribute("filename", name));
    for (tag, field) in [
        (tags::ATTACH_CONTENT_LOCATION, "Content-Location"),
        (tags::ATTACH_CONTENT_BASE, "Content-Base"),
    ] {
        if let Some(value) = filled(bag, tag).filter(|value| value.len() <= 900) {
            part = part.header(field, HeaderType::Raw(compose::ascii(&value).into()));
        }
    }
    if let Some(id) = filled(bag, tags::ATTACH_CONTENT_ID).filter(|id| id.len() <= 900) {
        let id = compose::ascii(id.trim_matches(['<', '>']));
        part = part.header("Content-ID", MessageId::new(id));
    }
    part
}

/// A pointer to a message elsewhere, with the type that its data begins with.
fn pointer_part(bag: &PropertyBag, data: &[u8]) -> Option<MimePart<'static>> {
    let tag = bag.text(tags::ATTACH_MIME_TAG)?.to_ascii_lowercase();
    if !is_pointer(&tag) || !is_seven_bit(data) {
        return None;
    }
    let (header, body) = split_header(data);
    let [field] = header.fields.as_slice() else { return None };
    let is_type = field.name == "content-type"
        && field.content_type().is_some_and(|found| found.name() == tag);
    let value = compose::ascii(&field.plain());
    is_type.then(|| {
        MimePart::raw(BodyPart::Binary(body.to_vec().into()))
            .header("Content-Type", HeaderType::Raw(value.into()))
            .header("Content-Disposition", ContentType::new("attachment"))
    })
}

/// In one line, as content lines have it.
pub(crate) fn base64_line(data: &[u8]) -> String {
    let mut encoded = Vec::with_capacity(data.len() / 3 * 4 + 8);
    Base64Encoder::new().encode_into(data, &mut encoded);
    String::from_utf8(encoded).unwrap_or_default()
}

pub(super) fn base64(data: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(data.len() / 3 * 4 + data.len() / 50 + 8);
    Base64Encoder::new().wrap_lines().encode_into(data, &mut encoded);
    encoded
}

/// What 7bit allows ([RFC 2045] 2.7): ASCII without null, in lines of at most 998 bytes.
fn is_seven_bit(data: &[u8]) -> bool {
    data.is_ascii()
        && !data.contains(&0)
        && data.split(|byte| *byte == b'\n').all(|line| line.len() <= 998)
}

/// A message in the message, in 7 or 8 bits as RFC 2046 5.2.1 wants it.
fn message_part(
    attachment: &AttachmentContent,
    message: &MessageContent,
    depth: usize,
) -> MimePart<'static> {
    let bytes = write_at(message, depth + 1);
    let encoding = if bytes.is_ascii() { "7bit" } else { "8bit" };
    let subject = message.properties.text(tags::SUBJECT).unwrap_or_default();
    let name = filled(&attachment.properties, tags::DISPLAY_NAME).filter(|name| *name != subject);
    let mut disposition = ContentType::new("attachment");
    if let Some(name) = name {
        disposition = disposition.attribute("filename", name);
    }
    MimePart::raw(BodyPart::Binary(bytes.into()))
        .header("Content-Type", ContentType::new("message/rfc822"))
        .header("Content-Transfer-Encoding", HeaderType::Raw(encoding.into()))
        .header("Content-Disposition", disposition)
}

fn note_part(note: &str) -> MimePart<'static> {
    MimePart::new("text/plain", BodyPart::Text(note.to_owned().into()))
        .header("Content-Disposition", ContentType::new("attachment"))
}

fn filled(bag: &PropertyBag, tag: PropertyTag) -> Option<String> {
    bag.text(tag).map(|text| compose::one_line(&text)).filter(|text| !text.is_empty())
}

fn file_name(attachment: &AttachmentContent) -> String {
    let named = [tags::ATTACH_LONG_FILENAME, tags::ATTACH_FILENAME, tags::DISPLAY_NAME];
    let name = named.iter().find_map(|tag| filled(&attachment.properties, *tag));
    name.unwrap_or_else(|| "attachment".to_owned())
}

/// PidTagAttachMimeTag if it can stand in a Content-Type. Types whose parts have a structure of their own
/// would be taken apart by the reader, so they go as bytes.
fn mime_tag(bag: &PropertyBag) -> String {
    let tag = filled(bag, tags::ATTACH_MIME_TAG).unwrap_or_default().to_ascii_lowercase();
    let token = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-+._!#$&^".contains(&b))
    };
    match tag.split_once('/') {
        Some((kind, subtype))
            if tag.len() <= 200
                && token(kind)
                && token(subtype)
                && kind != "multipart"
                && tag != "message/rfc822"
                && tag != "message/global"
                // It would be taken for what the message itself says.
                && !tag.ends_with("ms-tnef")
                && !is_pointer(&tag) =>
        {
            tag
        }
        _ => "application/octet-stream".to_owned(),
    }
}

/// A multipart whose boundary is settled when all its parts are there.
fn multipart(kind: &'static str, parts: Vec<MimePart<'static>>) -> MimePart<'static> {
    MimePart::raw(BodyPart::Multipart(parts)).header("Content-Type", ContentType::new(kind))
}

/// A word for the boundaries that stands in no part. `=_` cannot stand in quoted-printable or base64, and a
/// number is counted up until the word is in no part that is written as it is.
fn free_word(root: &MimePart<'_>) -> String {
    let mut number = 0_u32;
    loop {
        let word = format!("=_coffer_{number:04}");
        if !contains(root, word.as_bytes()) {
            return word;
        }
        number = number.saturating_add(1);
    }
}

fn contains(part: &MimePart<'_>, word: &[u8]) -> bool {
    let found = |bytes: &[u8]| bytes.windows(word.len()).any(|window| window == word);
    match &part.contents {
        BodyPart::Text(text) => found(text.as_bytes()),
        BodyPart::Binary(_) if is_base64(part) => false,
        BodyPart::Binary(bytes) => found(bytes),
        BodyPart::Multipart(parts) => parts.iter().any(|part| contains(part, word)),
    }
}

fn is_base64(part: &MimePart<'_>) -> bool {
    part.headers.iter().any(|(name, value)| {
        let value = matches!(value, HeaderType::Raw(raw) if raw.raw == "base64");
        value && name == "Content-Transfer-Encoding"
    })
}

/// Gives each multipart its boundary. They are three deep: mixed, alternative, related.
fn settle_boundaries(part: &mut MimePart<'_>, word: &str, number: &mut u32) {
    let BodyPart::Multipart(parts) = &mut part.contents else { return };
    *number += 1;
    for (name, value) in &mut part.headers {
        if let HeaderType::ContentType(content_type) = value
            && name == "Content-Type"
        {
            let boundary = format!("{word}_{number}");
            content_type.attributes.push(("boundary".into(), boundary.into()));
        }
    }
    for part in parts {
        settle_boundaries(part, word, number);
    }
}
