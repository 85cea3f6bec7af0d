//! The structure of an Internet message: header, body, parts ([RFC 2045], [RFC 2046]).
//!
//! Ours and not mail-parser's, since a message is what anyone may send: time is linear in the size of the
//! message for each level, levels and parts are counted, and what is beyond the limits is kept whole as one
//! opaque part.

use std::borrow::Cow;

use super::fields::{ContentType, Header, line_end, split_header, trim_line_end};

/// Multiparts in multiparts, counted through embedded messages.
const MAX_LEVELS: usize = 40;
/// Parts in one message.
const MAX_PARTS: usize = 10_000;
/// What RFC 2046 5.1.1 allows, and some more.
const MAX_BOUNDARY: usize = 200;

/// An entity: a message or one of its parts.
#[derive(Debug)]
pub struct Part<'a> {
    pub header: Header<'a>,
    pub content_type: ContentType,
    /// From the header's first byte to the body's last.
    pub whole: &'a [u8],
    /// As it stands, still encoded.
    pub body: &'a [u8],
    /// None for a leaf.
    pub children: Option<Vec<Part<'a>>>,
}

/// Parses a message, its parts included; embedded messages stay leaves. `levels_above` counts the multiparts around
/// it: a message that is found in another begins deeper.
pub fn parse(message: &[u8], levels_above: usize) -> Part<'_> {
    let mut parts = 0;
    parse_entity(message, "text/plain", levels_above, &mut parts)
}

/// The header of a message, or of its beginning.
pub fn header(message: &[u8]) -> Header<'_> {
    split_header(message).0
}

fn parse_entity<'a>(
    entity: &'a [u8],
    default_type: &str,
    level: usize,
    parts: &mut usize,
) -> Part<'a> {
    *parts += 1;
    let (header, body) = split_header(entity);
    let declared = header.first("content-type").and_then(|field| field.content_type());
    let content_type = match declared {
        Some(declared) if !declared.kind.is_empty() => declared,
        _ => match default_type {
            "message/rfc822" => ContentType::new("message", "rfc822"),
            _ => ContentType::new("text", "plain"),
        },
    };
    let children = match content_type.kind.as_str() {
        "multipart" if level < MAX_LEVELS => split_parts(&content_type, body, level, parts),
        _ => None,
    };
    Part { header, content_type, whole: entity, body, children }
}

/// The parts between the boundary's lines; None if there is no boundary, or no line with it.
fn split_parts<'a>(
    content_type: &ContentType,
    body: &'a [u8],
    level: usize,
    parts: &mut usize,
) -> Option<Vec<Part<'a>>> {
    let boundary = content_type.attribute("boundary")?.trim_end().as_bytes();
    if boundary.is_empty() || boundary.len() > MAX_BOUNDARY {
        return None;
    }
    let default_type = match content_type.subtype.as_str() {
        "digest" => "message/rfc822",
        _ => "text/plain",
    };
    let mut children = Vec::new();
    let mut start = None;
    let mut at = 0;
    while at < body.len() {
        let end = line_end(body, at);
        if let Some(last) = boundary_line(&body[at..end], boundary) {
            if let Some(start) = start {
                let entity = before_boundary(body, start, at);
                children.push(parse_entity(entity, default_type, level + 1, parts));
            }
            start = Some(end);
            if last {
                return Some(children);
            }
            if *parts >= MAX_PARTS {
                break;
            }
        }
        at = end;
    }
    // No closing line: what is there until the end is the last part.
    let rest = before_boundary(body, start?, body.len());
    if *parts >= MAX_PARTS {
        children.push(Part {
            header: Header::default(),
            content_type: ContentType::new("application", "octet-stream"),
            whole: rest,
            body: rest,
            children: None,
        });
    } else if !rest.is_empty() {
        children.push(parse_entity(rest, default_type, level + 1, parts));
    }
    Some(children)
}

/// The line's end before a boundary belongs to the boundary ([RFC 2046] 5.1.1).
fn before_boundary(body: &[u8], start: usize, boundary: usize) -> &[u8] {
    trim_line_end(&body[start..boundary])
}

/// Whether a line is the boundary's, and whether the last.
fn boundary_line(line: &[u8], boundary: &[u8]) -> Option<bool> {
    let rest = line.strip_prefix(b"--")?.strip_prefix(boundary)?;
    match rest.trim_ascii_end() {
        b"" => Some(false),
        b"--" => Some(true),
        _ => None,
    }
}

impl<'a> Part<'a> {
    pub fn disposition(&self) -> Option<ContentType> {
        self.header.first("content-disposition")?.content_type()
    }

    /// The parts without parts of their own, itself if it has none.
    pub(crate) fn leaves(&self) -> impl Iterator<Item = &Part<'a>> {
        let mut waiting = vec![self];
        std::iter::from_fn(move || {
            loop {
                let part = waiting.pop()?;
                match &part.children {
                    Some(children) => waiting.extend(children.iter().rev()),
                    None => return Some(part),
                }
            }
        })
    }

    pub(crate) fn is_attachment(&self) -> bool {
        self.disposition().is_some_and(|d| d.kind == "attachment")
    }

    pub fn file_name(&self) -> Option<String> {
        let disposition = self.disposition();
        let name = disposition.as_ref().and_then(|d| d.attribute("filename"));
        let name = name.or_else(|| self.content_type.attribute("name"))?;
        let name: String = name.chars().filter(|c| !c.is_control()).collect();
        let name = name.trim();
        (!name.is_empty()).then(|| name.to_owned())
    }

    /// The bytes of the body with the transfer encoding undone; what is not of the encoding is skipped or
    /// kept as it is.
    pub fn decoded(&self) -> Cow<'a, [u8]> {
        let encoding = self.header.plain("content-transfer-encoding").unwrap_or_default();
        match encoding.to_ascii_lowercase().as_str() {
            "base64" => Cow::Owned(decode_base64(self.body)),
            "quoted-printable" => Cow::Owned(decode_quoted_printable(self.body)),
            "x-uuencode" | "uuencode" | "x-uue" | "uue" => Cow::Owned(decode_uu(self.body)),
            _ => Cow::Borrowed(self.body),
        }
    }
}

/// Base64 as it comes: foreign characters are skipped, padding may stand in the middle or be missing.
pub(crate) fn decode_base64(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() / 4 * 3 + 3);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in bytes {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                flush_base64(&mut out, bits, count);
                (bits, count) = (0, 0);
                continue;
            }
            _ => continue,
        };
        bits = bits << 6 | u32::from(value);
        count += 1;
        if count == 4 {
            out.extend_from_slice(&bits.to_be_bytes()[1..]);
            (bits, count) = (0, 0);
        }
    }
    flush_base64(&mut out, bits, count);
    out
}

fn flush_base64(out: &mut Vec<u8>, bits: u32, count: u32) {
    match count {
        2 => out.push((bits >> 4) as u8),
        3 => out.extend_from_slice(&[(bits >> 10) as u8, (bits >> 2) as u8]),
        _ => {}
    }
}

/// Quoted-printable as it comes: an escape that is none stays as it is ([RFC 2045] 6.7).
pub(crate) fn decode_quoted_printable(bytes: &[u8]) -> Vec<u8> {
    let hex = |byte: Option<&u8>| byte.and_then(|b| char::from(*b).to_digit(16));
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        if *byte != b'=' {
            out.push(*byte);
            continue;
        }
        let rest = &bytes[at..];
        match (hex(rest.first()), hex(rest.get(1))) {
            (Some(high), Some(low)) => {
                out.push((high << 4 | low) as u8);
                at += 2;
            }
            _ => {
                // A soft line break, with blanks that a transport may have added.
                let blanks = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
                match rest[blanks..] {
                    [b'\r', b'\n', ..] => at += blanks + 2,
                    [b'\n', ..] => at += blanks + 1,
                    [] => at += blanks,
                    _ => out.push(b'='),
                }
            }
        }
    }
    out
}

/// uuencode: lines that start with their length, between `begin` and `end`.
fn decode_uu(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() / 4 * 3);
    let lines = bytes.split(|byte| *byte == b'\n').map(trim_line_end);
    for line in lines.skip_while(|line| !line.starts_with(b"begin ")).skip(1) {
        let Some((length, data)) = line.split_first() else { continue };
        if line == b"end" {
            break;
        }
        let length = usize::from(length.wrapping_sub(32) & 63);
        let mut decoded = Vec::with_capacity(data.len() / 4 * 3 + 3);
        for group in data.chunks(4) {
            let mut bits = 0_u32;
            for index in 0..4 {
                let byte = group.get(index).copied().unwrap_or(32);
                bits = bits << 6 | u32::from(byte.wrapping_sub(32) & 63);
            }
            decoded.extend_from_slice(&bits.to_be_bytes()[1..]);
        }
        out.extend(decoded.into_iter().take(length));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_split_by_exact_boundaries() {
        let message =
            b"Content-Type: multipart/mixed; boundary=a\n\npreamble\n--a\n\none\n\n--ab\n--a \n\
Content-Type: multipart/alternative; boundary=ab\n\n--ab\n\ntwo\n--a--\nepilogue";
        let part = parse(message, 0);
        let children = part.children.unwrap();
        assert_eq!(children.len(), 2);
        assert_eq!(children[0].body, b"one\n\n--ab");
        let inner = children[1].children.as_ref().unwrap();
        assert_eq!(inner[0].body, b"two");
    }

    #[test]
    fn encodings_are_forgiving() {
        assert_eq!(decode_base64(b"aGk=\r\naG!k"), b"hihi");
        assert_eq!(decode_base64(b"aGVsbG8"), b"hello");
        assert_eq!(decode_quoted_printable(b"a=3Db=\r\nc=zz=  \nd="), b"a=bc=zzd");
        assert_eq!(decode_uu(b"begin 644 a\n#0V%T\n`\nend\n"), b"Cat");
    }

    #[test]
    fn nesting_and_counts_are_bounded() {
        let deep = b"Content-Type: multipart/mixed; boundary=a\n\n--a\n".repeat(5_000);
        assert!(parse(&deep, 0).children.is_some());
        let mut wide = b"Content-Type: multipart/mixed; boundary=a\n\n".to_vec();
        wide.extend(b"--a\n\nx\n".repeat(20_000));
        assert_eq!(parse(&wide, 0).children.map(|c| c.len()), Some(MAX_PARTS));
    }
}
