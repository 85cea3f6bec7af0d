//! An Internet message to a message of MAPI.

use mapi::MessageContent;
use mapi::generated::tags;

use super::bodies::{Found, find_bodies, set_bodies};
use super::parts::parse;
use super::report::Report;
use super::smime::{self, Protection};
use super::{attachments, calendar, class, headers, tnef};
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
    let report = Report::find(&part);
    let protection = smime::protection(&part);
    let mut content = MessageContent::default();
    headers::set_headers(&mut content, &part.header);
    let message_class = class::message_class(&part, report.as_ref(), protection);
    content.properties.set(tags::MESSAGE_CLASS, message_class);
    match (protection, part.children.as_deref()) {
        // The text that is signed can be read, as if it were a message of its own ([MS-OXOSMIME] 2.1.1).
        (Some(Protection::Signed), Some([signed, ..])) => {
            set_bodies(&mut content.properties, &find_bodies(signed));
            content.attachments.push(attachments::protected(&part));
        }
        // Nothing of it can be read ([MS-OXOSMIME] 2.1.2).
        (Some(Protection::Signed | Protection::Encrypted), _) => {
            content.attachments.push(attachments::protected(&part));
        }
        (Some(Protection::Opaque), _) => {
            smime::set_content_type(&mut content.properties, &part);
            content.attachments.push(attachments::file(&part, &Default::default(), 1));
        }
        (None, _) => {
            let mut found = find_bodies(&part);
            if let Some(report) = &report {
                found.attached.retain(|part| !report.is_status(part));
                report.set(&mut content);
            }
            let meeting = report.is_none().then(|| calendar::take(&mut found)).flatten();
            set_bodies(&mut content.properties, &found);
            // Its own TNEF, of which there is one at most, is no attachment.
            if let Some(at) = found.attached.iter().position(|part| tnef::is_tnef(part))
                && tnef::merge(&mut content, found.attached[at], &part.header)
            {
                found.attached.remove(at);
            }
            if let Some(meeting) = meeting {
                calendar::apply(&mut content, meeting, &found);
            }
            add_attachments(&mut content, &found, embedded, levels);
        }
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
    let references = found.html.iter().flat_map(|part| html::references(&part.decoded())).collect();
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
