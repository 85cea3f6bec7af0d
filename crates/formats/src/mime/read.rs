//! An Internet message to a message of MAPI.

use mapi::MessageContent;
use mapi::generated::tags;

use super::bodies::{Found, find_bodies, set_bodies};
use super::fields::Header;
use super::parts::{Part, parse};
use super::{attachments, headers};
use crate::text::html;

/// Messages in messages; what is nested deeper is kept as a file.
const MAX_EMBEDDED: usize = 12;

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MimeError {
    #[error("the message is empty: there is no header field and no text in it")]
    Empty,
}

/// Reads a message. Whatever is broken in it costs that part only; the bytes themselves are kept in
/// [`MessageContent::mime`].
///
/// # Errors
/// [`MimeError::Empty`] if there is nothing but blanks and nulls.
pub fn read(bytes: &[u8]) -> Result<MessageContent, MimeError> {
    let received = bytes;
    // Editors put a mark before UTF-8, which is no part of the first field's name.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let start = bytes.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0));
    let Some(start) = start else { return Err(MimeError::Empty) };
    // Empty lines before the header are no end of it; blanks before text are text.
    let bytes_read = match bytes[..start].iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
        true => &bytes[start..],
        false => bytes,
    };
    let mut content = read_message(bytes_read, 0, 0);
    content.mime = Some(received.to_vec());
    Ok(content)
}

/// Reads a message that may be embedded: `embedded` counts the messages around it, `levels` the multiparts.
pub(super) fn read_message(bytes: &[u8], embedded: usize, levels: usize) -> MessageContent {
    let part = parse(bytes, levels);
    let mut content = MessageContent::default();
    headers::set_headers(&mut content, &part.header);
    content.properties.set(tags::MESSAGE_CLASS, message_class(&part));
    let found = find_bodies(&part);
    set_bodies(&mut content.properties, &found);
    match clear_signed(&part) {
        // [MS-OXOSMIME] 2.1.3: the signed entity is one attachment, whole, or the signature would break.
        true => content.attachments.push(attachments::signed_message(&part)),
        false => add_attachments(&mut content, &found, embedded, levels),
    }
    let shown = content.attachments.iter().any(|attachment| {
        attachment.properties.get(tags::ATTACHMENT_HIDDEN).and_then(|v| v.as_bool()) != Some(true)
    });
    content.properties.set(tags::HAS_ATTACHMENTS, shown);
    content
}

fn add_attachments(
    content: &mut MessageContent,
    found: &Found<'_, '_>,
    embedded: usize,
    levels: usize,
) {
    let references = found.html.map(|part| html::references(&part.decoded())).unwrap_or_default();
    for part in &found.attached {
        let number = content.attachments.len() + 1;
        let may_nest = embedded < MAX_EMBEDDED;
        content.attachments.push(match part.content_type.name().as_str() {
            "message/rfc822" | "message/global" if may_nest => {
                let bytes = part.decoded();
                let message = read_message(&bytes, embedded + 1, levels + 1);
                attachments::embedded(part, message)
            }
            _ => attachments::file(part, &references, number),
        });
    }
}

/// [MS-OXCMAIL] 2.2.3.2: the class by Content-Class, by the type of a report, by S/MIME ([MS-OXOSMIME]
/// 2.1.1).
fn message_class(part: &Part<'_>) -> String {
    match part.content_type.name().as_str() {
        "multipart/report" => {
            if let Some(class) = report_class(part) {
                return class.to_owned();
            }
        }
        "multipart/signed" if clear_signed(part) => {
            return "IPM.Note.SMIME.MultipartSigned".to_owned();
        }
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => {
            return "IPM.Note.SMIME".to_owned();
        }
        _ => {}
    }
    class_of_content(&part.header).unwrap_or_else(|| "IPM.Note".to_owned())
}

fn class_of_content(header: &Header<'_>) -> Option<String> {
    let class = header.plain("content-class")?.to_ascii_lowercase();
    Some(match class.as_str() {
        "fax" | "fax-ca" => "IPM.Note.Microsoft.Fax".to_owned(),
        "missedcall" => "IPM.Note.Microsoft.Missed.Voice".to_owned(),
        "voice-uc" => "IPM.Note.Microsoft.Conversation.Voice".to_owned(),
        "voice" => "IPM.Note.Microsoft.Voicemail.UM".to_owned(),
        "voice-ca" => "IPM.Note.Microsoft.Voicemail.UM.CA".to_owned(),
        _ => {
            let custom = class.strip_prefix("urn:content-class:custom.")?;
            let safe = custom.len() <= 200
                && custom.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
            match safe {
                true => format!("IPM.Note.Custom.{custom}"),
                false => return None,
            }
        }
    })
}

/// Delivery reports and receipts ([MS-OXCMAIL] 2.2.3.7).
fn report_class(part: &Part<'_>) -> Option<&'static str> {
    let children = part.children.as_ref()?;
    children.iter().find_map(|child| match child.content_type.name().as_str() {
        "message/delivery-status" => delivery_class(&child.decoded()),
        "message/disposition-notification" => disposition_class(&child.decoded()),
        _ => None,
    })
}

/// The class by the gravest action of all recipients ([MS-OXCMAIL] 2.2.3.7.1).
fn delivery_class(status: &[u8]) -> Option<&'static str> {
    const BY_SEVERITY: [(&str, &str); 5] = [
        ("failed", "REPORT.IPM.Note.NDR"),
        ("delayed", "REPORT.IPM.Note.Delayed.DR"),
        ("expanded", "REPORT.IPM.Note.Expanded.DR"),
        ("relayed", "REPORT.IPM.Note.Relayed.DR"),
        ("delivered", "REPORT.IPM.Note.DR"),
    ];
    let actions: Vec<String> = status_fields(status, "action").collect();
    let gravest = BY_SEVERITY.iter().find(|(known, _)| actions.iter().any(|a| a == known));
    gravest.map(|(_, class)| *class)
}

fn disposition_class(status: &[u8]) -> Option<&'static str> {
    let disposition = status_fields(status, "disposition").next()?;
    let (_, kind) = disposition.split_once(';')?;
    Some(match kind.split(['/', ',']).next()?.trim() {
        "displayed" | "dispatched" | "processed" => "REPORT.IPM.Note.IPNRN",
        "deleted" | "denied" | "failed" => "REPORT.IPM.Note.IPNNRN",
        _ => return None,
    })
}

/// The values of a field in the groups of fields of a report, in lower case ([RFC 3464] 2.1).
fn status_fields<'a>(status: &'a [u8], name: &'a str) -> impl Iterator<Item = String> + 'a {
    let lines = status.split(|byte| *byte == b'\n').take(10_000);
    lines.filter_map(move |line| {
        let (field, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
        let matches = field.trim().eq_ignore_ascii_case(name);
        matches.then(|| value.trim().to_ascii_lowercase())
    })
}

/// Signed by S/MIME, the content in clear beside the signature.
fn clear_signed(part: &Part<'_>) -> bool {
    let is_signature = |name: &str| name.contains("pkcs7-signature");
    part.content_type.is("multipart", "signed")
        && part.children.as_ref().is_some_and(|children| {
            children.iter().any(|child| is_signature(&child.content_type.name()))
        })
}
