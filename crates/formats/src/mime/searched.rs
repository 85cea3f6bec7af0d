//! The texts of a message that a search looks at (RFC 9051 6.4.4, BODY and TEXT), in one place for whoever looks
//! through a message and whoever makes an index of it.

use super::Part;
use crate::text::charsets;

/// Bytes of one text of a message that a search looks at.
const SEARCHED: usize = 4 << 20;
/// Messages in messages that are taken apart; a deeper one is a file.
const MAX_MESSAGES: usize = 16;

/// What a text of a message belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The header of the message, or of one of its parts.
    Header,
    /// Its body: decoded text parts, and all of the messages in it.
    Body,
}

/// Calls `found` with the texts of a message, decoded, until one says true; whether one did. Header fields are texts
/// of their own, `name: value` with the name in lower case (whoever searches ignores case). Without `headers` only the
/// body's are looked at.
pub fn any_text(message: &[u8], headers: bool, found: &mut dyn FnMut(Place, &str) -> bool) -> bool {
    let part = super::parse(message, 0);
    any_text_of(&part, 0, Place::Header, headers, found)
}

fn any_text_of(
    part: &Part<'_>,
    messages: usize,
    header: Place,
    headers: bool,
    found: &mut dyn FnMut(Place, &str) -> bool,
) -> bool {
    let mut in_header = || {
        let mut fields = part.header.fields.iter();
        fields.any(|field| found(header, &format!("{}: {}", field.name, field.text())))
    };
    if headers && in_header() {
        return true;
    }
    if let Some(message) = message_in(part, messages) {
        // The header of a message in the message is part of this one's body.
        return any_text_of(&message, messages + 1, Place::Body, true, found);
    }
    if let Some(children) = part.children.as_ref().filter(|children| !children.is_empty()) {
        let mut children = children.iter();
        return children.any(|child| any_text_of(child, messages, header, headers, found));
    }
    if part.content_type.kind != "text" {
        return false;
    }
    let decoded = part.decoded();
    let decoded = &decoded[..decoded.len().min(SEARCHED)];
    let charset = part.content_type.attribute("charset");
    found(Place::Body, &charsets::decode_label(charset, decoded).text)
}

/// The message that a part holds, of which `messages` are around it already; None for any other part, and where it
/// would be too deep.
pub fn message_in<'a>(part: &Part<'a>, messages: usize) -> Option<Part<'a>> {
    let nested =
        part.content_type.is("message", "rfc822") || part.content_type.is("message", "global");
    // Only what is not encoded can be looked into by number (RFC 2046 5.2.1).
    let plain = !matches!(
        part.header.plain("content-transfer-encoding").map(|e| e.to_ascii_lowercase()).as_deref(),
        Some("base64" | "quoted-printable")
    );
    // Each message around it counts as two levels, so that depth is bounded over both.
    (nested && plain && messages < MAX_MESSAGES)
        .then(|| super::parse(part.body, 2 * (messages + 1)))
}

/// A message with CR LF at the end of each line, as IMAP has it. Mail that came from files may have LF alone.
pub fn with_crlf(message: Vec<u8>) -> Vec<u8> {
    // Most messages have none: looked for in pairs, which takes a tenth of the time.
    let first = usize::from(message.first() == Some(&b'\n'));
    let pairs = message.iter().zip(message.iter().skip(1));
    let bare = first + pairs.filter(|(before, byte)| **byte == b'\n' && **before != b'\r').count();
    if bare == 0 {
        return message;
    }
    let mut out = Vec::with_capacity(message.len() + bare);
    for (at, byte) in message.iter().enumerate() {
        if *byte == b'\n' && (at == 0 || message[at - 1] != b'\r') {
            out.push(b'\r');
        }
        out.push(*byte);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_of_the_header_and_of_the_body() {
        let message = b"Subject: =?utf-8?Q?caf=C3=A9?=\r\n\
Content-Type: multipart/mixed; boundary=a\r\n\r\n\
--a\r\nContent-Type: text/plain\r\nX: part\r\n\r\none\r\n\
--a\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ntwo\r\n\
--a\r\nContent-Type: image/png\r\n\r\nthree\r\n--a--\r\n";
        let all = |headers| {
            let mut all = Vec::new();
            any_text(message, headers, &mut |place, text| {
                all.push((place, text.trim_end().to_owned()));
                false
            });
            all
        };
        let body = |text: &str| (Place::Body, text.to_owned());
        let inner = [body("one"), body("subject: inner"), body("two")];
        assert_eq!(all(false), inner);
        let with = all(true);
        assert_eq!(with[0], (Place::Header, "subject: café".to_owned()));
        assert!(with.contains(&(Place::Header, "x: part".to_owned())));
        assert!(inner.iter().all(|text| with.contains(text)));
        assert!(!with.contains(&body("three")));
        assert!(any_text(message, false, &mut |_, text| text.contains("two")));
    }

    #[test]
    fn line_ends_become_those_of_mail() {
        assert_eq!(with_crlf(b"a\nb\r\nc\n".to_vec()), b"a\r\nb\r\nc\r\n");
        assert_eq!(with_crlf(b"\n\n".to_vec()), b"\r\n\r\n");
        assert_eq!(with_crlf(b"a\r".to_vec()), b"a\r");
    }
}
