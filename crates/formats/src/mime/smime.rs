//! Signed and encrypted messages: the protected entity is one attachment, byte for byte ([MS-OXOSMIME] 2.1).
//!
//! INVARIANT: nothing of a protected entity is decoded and encoded again, or its signature would not hold.

use mail_builder::headers::HeaderType;
use mapi::generated::named::PS_INTERNET_HEADERS;
use mapi::generated::tags;
use mapi::{
    AttachedContent, AttachmentContent, MessageContent, PropertyBag, PropertyName, PropertyValue,
};

use super::compose;
use super::parts::Part;

/// How the whole of a message is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protection {
    /// multipart/signed ([RFC 1847]): the text stands in clear beside its signature, be it of S/MIME or PGP.
    Signed,
    /// multipart/encrypted ([RFC 1847]), as PGP/MIME writes it.
    Encrypted,
    /// One CMS object that holds everything: enveloped, or signed and opaque ([RFC 8551] 3.3, 3.5.2).
    Opaque,
}

const SIGNED: &str = "IPM.Note.SMIME.MultipartSigned";
const OPAQUE: &str = "IPM.Note.SMIME";

impl Protection {
    pub(crate) fn class(self) -> &'static str {
        match self {
            Protection::Signed => SIGNED,
            Protection::Encrypted | Protection::Opaque => OPAQUE,
        }
    }
}

/// How a message is protected, by its outermost type.
pub(crate) fn protection(part: &Part<'_>) -> Option<Protection> {
    let children = part.children.as_ref().map_or(0, Vec::len);
    let kind = &part.content_type;
    match (kind.kind.as_str(), kind.subtype.as_str()) {
        ("multipart", "signed") if children >= 2 => Some(Protection::Signed),
        ("multipart", "encrypted") if children >= 1 => Some(Protection::Encrypted),
        ("application", "pkcs7-mime" | "x-pkcs7-mime") => {
            // A message of nothing but certificates protects nothing ([MS-OXOSMIME] 2.1.2).
            let certificates = kind
                .attribute("smime-type")
                .is_some_and(|kind| kind.eq_ignore_ascii_case("certs-only"));
            (!certificates).then_some(Protection::Opaque)
        }
        ("application", "octet-stream") => {
            let name = part.file_name().unwrap_or_default().to_ascii_lowercase();
            name.ends_with(".p7m").then_some(Protection::Opaque)
        }
        _ => None,
    }
}

/// The whole of a protected multipart as it goes into its attachment: its Content-Type, an empty line, its body
/// ([MS-OXOSMIME] 2.1.1).
pub(crate) fn entity(part: &Part<'_>) -> Vec<u8> {
    let mut data = Vec::with_capacity(part.body.len() + 256);
    if let Some(field) = part.header.first("content-type") {
        data.extend_from_slice(b"Content-Type:");
        data.extend_from_slice(field.value);
        data.extend_from_slice(b"\r\n\r\n");
    }
    data.extend_from_slice(part.body);
    data
}

/// Keeps the parameters of an opaque message's Content-Type, which say what is in it ([MS-OXOSMIME] 2.1.2).
pub(crate) fn set_content_type(bag: &mut PropertyBag, part: &Part<'_>) {
    if let Some(value) = part.header.plain("content-type").filter(|value| value.len() <= 900) {
        bag.set_named(content_type_name(), value);
    }
}

fn content_type_name() -> PropertyName {
    PropertyName::string(PS_INTERNET_HEADERS, "content-type")
}

/// A protected message as it came; None if the content is none, or was changed so that it cannot be.
pub(crate) fn write(content: &MessageContent, headers: &[compose::Line]) -> Option<Vec<u8>> {
    let class = content.properties.text(tags::MESSAGE_CLASS)?.to_ascii_lowercase();
    if !is_protected_class(&class) {
        return None;
    }
    let [attachment] = content.attachments.as_slice() else { return None };
    let AttachedContent::Bytes(data) = &attachment.content else { return None };
    let mut out = Vec::with_capacity(data.len() * 4 / 3 + 1_024);
    compose::write_lines(headers, &mut out);
    out.extend_from_slice(b"MIME-Version: 1.0\r\n");
    match is_entity(data) {
        true => out.extend_from_slice(data),
        false if class.ends_with(".multipartsigned") => return None,
        false => write_opaque(content, attachment, data, &mut out),
    }
    Some(out)
}

/// [MS-OXCMAIL] 2.1.3.2.1: forms of InfoPath may be protected too.
fn is_protected_class(class: &str) -> bool {
    let infopath = class.starts_with("ipm.infopathform.");
    matches!(class, "ipm.note.smime" | "ipm.note.smime.multipartsigned")
        || infopath && (class.ends_with(".smime") || class.ends_with(".smime.multipartsigned"))
}

/// Whether the bytes are an entity with its header, as [`entity`] makes them.
fn is_entity(data: &[u8]) -> bool {
    let start = data.get(..13).unwrap_or_default();
    start.eq_ignore_ascii_case(b"content-type:")
}

fn write_opaque(
    content: &MessageContent,
    attachment: &AttachmentContent,
    data: &[u8],
    out: &mut Vec<u8>,
) {
    let mut part = super::write::file_part(attachment, data, "attachment");
    let received = content.properties.get_named(&content_type_name());
    let received = received.and_then(PropertyValue::as_text).map(|text| text.to_string_lossy());
    if let Some(received) = received.filter(|value| is_opaque_type(value)) {
        for (name, value) in &mut part.headers {
            if name == "Content-Type" {
                *value = HeaderType::Raw(compose::ascii(&received).into());
            }
        }
    }
    part.write_part(out);
}

fn is_opaque_type(value: &str) -> bool {
    let kind = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let known = ["application/pkcs7-mime", "application/x-pkcs7-mime", "application/octet-stream"];
    value.is_ascii() && known.contains(&kind.as_str())
}
