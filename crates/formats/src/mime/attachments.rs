//! Parts that are attached ([MS-OXCMAIL] 2.2.3.4).

use std::collections::HashSet;

use mapi::generated::tags;
use mapi::{AttachedContent, AttachmentContent, MessageContent, PropertyBag};

use super::fields::date_of;
use super::parts::Part;
use super::smime;

/// PidTagAttachMethod ([MS-OXCMSG] 2.2.2.9).
pub(crate) const BY_VALUE: i32 = 1;
pub(crate) const EMBEDDED_MESSAGE: i32 = 5;
/// attRenderedInBody of PidTagAttachFlags ([MS-OXCMSG] 2.2.2.18).
const RENDERED_IN_BODY: i32 = 4;
/// PidTagRenderingPosition of what is not rendered in the text ([MS-OXCMSG] 2.2.2.16).
const NOT_RENDERED: i32 = -1;
const MAX_NAME: usize = 255;

/// A file; `number` names it if nothing else does.
pub(crate) fn file(
    part: &Part<'_>,
    references: &HashSet<String>,
    number: usize,
) -> AttachmentContent {
    // A multipart whose parts were not found is kept with its header, which says what it was.
    let (mime_tag, data) = match part.content_type.kind.as_str() {
        "multipart" => (part.content_type.name(), part.whole.to_vec()),
        // What these are a piece of, or where it is, stands in the attributes of their type.
        "message" if is_pointer(&part.content_type.name()) => {
            (part.content_type.name(), with_type(part))
        }
        _ => (part.content_type.name(), part.decoded().into_owned()),
    };
    let name = part.file_name().unwrap_or_else(|| {
        format!("ATT{number:05}{}", extension_of_type(&part.content_type.name()))
    });
    let mut bag = PropertyBag::new();
    set_common(&mut bag, part, &name, BY_VALUE);
    bag.set(tags::ATTACH_MIME_TAG, mime_tag);
    bag.set(tags::ATTACH_SIZE, i32::try_from(data.len()).unwrap_or(i32::MAX));
    if let Some(charset) = part.content_type.attribute("charset")
        && part.content_type.kind == "text"
        && charset.len() <= 100
    {
        bag.set(tags::TEXT_ATTACHMENT_CHARSET, charset);
    }
    let hidden = is_shown(part, references);
    bag.set(tags::ATTACHMENT_HIDDEN, hidden);
    bag.set(tags::ATTACH_FLAGS, if hidden { RENDERED_IN_BODY } else { 0 });
    AttachmentContent { properties: bag, content: AttachedContent::Bytes(data) }
}

/// Messages that are elsewhere, or a piece of one ([RFC 2046] 5.2.2, 5.2.3).
pub(crate) fn is_pointer(mime_type: &str) -> bool {
    matches!(mime_type, "message/external-body" | "message/partial")
}

/// The type with its attributes, an empty line, and the body.
fn with_type(part: &Part<'_>) -> Vec<u8> {
    let value = part.header.plain("content-type").unwrap_or_default();
    // As it comes back from a header that is folded elsewhere.
    let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut data = format!("Content-Type: {value}\r\n\r\n").into_bytes();
    data.extend_from_slice(&part.decoded());
    data
}

/// A message in the message.
pub(crate) fn embedded(part: &Part<'_>, message: MessageContent) -> AttachmentContent {
    let subject = message.properties.text(tags::SUBJECT).filter(|subject| !subject.is_empty());
    let name = part.file_name().or(subject).unwrap_or_else(|| "Message".to_owned());
    let mut bag = PropertyBag::new();
    set_common(&mut bag, part, &name, EMBEDDED_MESSAGE);
    bag.set(tags::ATTACH_MIME_TAG, "message/rfc822");
    bag.set(tags::ATTACH_SIZE, i32::try_from(part.body.len()).unwrap_or(i32::MAX));
    bag.set(tags::ATTACHMENT_HIDDEN, false);
    bag.set(tags::ATTACH_FLAGS, 0);
    AttachmentContent { properties: bag, content: AttachedContent::Message(Box::new(message)) }
}

/// The whole of a protected multipart ([MS-OXOSMIME] 2.1.1). Clients look for this name.
pub(crate) fn protected(part: &Part<'_>) -> AttachmentContent {
    let data = smime::entity(part);
    let mut bag = PropertyBag::new();
    set_common(&mut bag, part, "smime.p7m", BY_VALUE);
    bag.set(tags::ATTACH_MIME_TAG, part.content_type.name());
    bag.set(tags::ATTACH_SIZE, i32::try_from(data.len()).unwrap_or(i32::MAX));
    bag.set(tags::ATTACHMENT_HIDDEN, false);
    bag.set(tags::ATTACH_FLAGS, 0);
    AttachmentContent { properties: bag, content: AttachedContent::Bytes(data) }
}

fn set_common(bag: &mut PropertyBag, part: &Part<'_>, name: &str, method: i32) {
    let name = &name[..name.floor_char_boundary(MAX_NAME)];
    bag.set(tags::ATTACH_METHOD, method);
    bag.set(tags::RENDERING_POSITION, NOT_RENDERED);
    bag.set(tags::DISPLAY_NAME, name);
    if method == BY_VALUE {
        bag.set(tags::ATTACH_LONG_FILENAME, name);
        bag.set(tags::ATTACH_FILENAME, short_name(name));
        if let Some(dot) = name.rfind('.') {
            bag.set(tags::ATTACH_EXTENSION, &name[dot..]);
        }
    }
    let plain = |name: &str| part.header.plain(name).filter(|text| text.len() <= 900);
    if let Some(id) = plain("content-id") {
        bag.set(tags::ATTACH_CONTENT_ID, id.trim_matches(['<', '>']));
    }
    if let Some(location) = plain("content-location") {
        bag.set(tags::ATTACH_CONTENT_LOCATION, location);
    }
    // When the file was made and changed, as its sender's disk had it ([RFC 2183] 2.4, 2.5).
    if let Some(disposition) = part.disposition() {
        for (attribute, tag) in [
            ("creation-date", tags::CREATION_TIME),
            ("modification-date", tags::LAST_MODIFICATION_TIME),
        ] {
            if let Some(time) = disposition.attribute(attribute).and_then(date_of) {
                bag.set(tag, time);
            }
        }
    }
    if let Some(base) = plain("content-base") {
        bag.set(tags::ATTACH_CONTENT_BASE, base);
    }
}

/// Whether the HTML shows the part: a picture, by its content id or its location ([MS-OXCMAIL]
/// 2.2.3.4.1.4.1). Not asked is whether a multipart/related holds it: a picture that is seen is seen.
fn is_shown(part: &Part<'_>, references: &HashSet<String>) -> bool {
    if references.is_empty() || part.content_type.kind != "image" {
        return false;
    }
    let named = |field: &str| {
        let value = part.header.plain(field).unwrap_or_default().to_lowercase();
        references.contains(value.trim_matches(['<', '>']))
    };
    named("content-id") || named("content-location")
}

/// A name of eight and three characters, for clients that want one ([MS-OXCMSG] 2.2.2.11).
fn short_name(name: &str) -> String {
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let keep = |text: &str, count: usize| -> String {
        let fits = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '~');
        text.chars().filter(fits).take(count).collect()
    };
    let fits = stem.len() <= 8 && keep(stem, 9) == stem;
    let short = match (fits, keep(stem, 6)) {
        (true, _) => stem.to_owned(),
        (false, stem) if stem.is_empty() => "FILE~1".to_owned(),
        (false, stem) => format!("{stem}~1"),
    };
    match keep(extension, 3) {
        extension if extension.is_empty() => short,
        extension => format!("{short}.{extension}"),
    }
}

/// What a part without a name is called by, so that a double click finds its program.
fn extension_of_type(mime_type: &str) -> &'static str {
    match mime_type {
        "text/plain" | "message/delivery-status" | "message/disposition-notification" => ".txt",
        "text/html" => ".htm",
        "text/calendar" => ".ics",
        "text/vcard" | "text/x-vcard" | "text/directory" => ".vcf",
        "text/csv" => ".csv",
        "text/xml" | "application/xml" => ".xml",
        "text/rtf" | "application/rtf" => ".rtf",
        "text/enriched" | "text/richtext" => ".txt",
        "image/jpeg" => ".jpg",
        "image/png" => ".png",
        "image/gif" => ".gif",
        "image/tiff" => ".tif",
        "image/bmp" => ".bmp",
        "image/svg+xml" => ".svg",
        "audio/mpeg" => ".mp3",
        "audio/basic" => ".au",
        "application/pdf" => ".pdf",
        "application/zip" => ".zip",
        "application/ms-tnef" => ".dat",
        "application/pgp-signature" => ".asc",
        "message/rfc822" | "message/global" => ".eml",
        _ => ".dat",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_short() {
        assert_eq!(short_name("a.txt"), "a.txt");
        assert_eq!(short_name("a long name.html"), "alongn~1.htm");
        assert_eq!(short_name("größe.pdf"), "gre~1.pdf");
        assert_eq!(short_name("あ"), "FILE~1");
    }
}
