//! Header fields: found by us, so that a hostile header is bounded; their values parsed by mail-parser.

use std::borrow::Cow;

use mail_parser::parsers::MessageStream;
use mail_parser::{Addr, DateTime, HeaderValue};
use mapi::FileTime;

use super::words;
use crate::detect::is_mail_field;
use crate::hex;
use crate::text::charsets;

/// Fields beyond this many are not looked at; they stay in the transport headers.
const MAX_FIELDS: usize = 4_000;
/// The longest value that is parsed, in bytes. Lists of recipients are the longest there are.
const MAX_VALUE: usize = 1 << 20;

/// The longest name of a mailbox, and the longest address, in bytes: a line has room for each.
const MAX_NAME: usize = 700;
const MAX_ADDRESS: usize = 700;

/// One field of a header, its value as it stood.
#[derive(Debug, Clone)]
pub struct Field<'a> {
    /// In lower case.
    pub name: String,
    /// Behind the colon, with its folds, without the last line's end.
    pub value: &'a [u8],
}

/// A header and what follows it.
#[derive(Debug, Clone, Default)]
pub struct Header<'a> {
    pub fields: Vec<Field<'a>>,
    /// The header's bytes without the empty line.
    pub bytes: &'a [u8],
}

/// Splits an entity into its header and its body. A line that cannot belong to a header ends it and is the
/// body's first, so that a missing empty line costs nothing; unless fields of mail follow it.
pub(crate) fn split_header(entity: &[u8]) -> (Header<'_>, &[u8]) {
    let mut fields: Vec<Field<'_>> = Vec::new();
    let mut at = 0;
    let mut first = true;
    let mut start_of_value = None;
    while at < entity.len() {
        let end = line_end(entity, at);
        let line = trim_line_end(&entity[at..end]);
        if line.is_empty() {
            set_value(&mut fields, entity, start_of_value, at);
            return (Header { fields, bytes: &entity[..at] }, &entity[end..]);
        }
        let folded = matches!(line[0], b' ' | b'\t') && !first;
        match (folded, field_name(line)) {
            (true, _) => {}
            (false, Some((name, value_at))) => {
                set_value(&mut fields, entity, start_of_value.take(), at);
                if fields.len() < MAX_FIELDS {
                    fields.push(Field { name, value: &[] });
                    start_of_value = Some(at + value_at);
                }
            }
            // The envelope line of an mbox, with or without its quote.
            (false, None) if first && is_envelope(line) => {}
            // A line that a careless program broke; it belongs to the field before it.
            (false, None) if !first && fields_follow(&entity[end..]) => {}
            (false, None) => {
                set_value(&mut fields, entity, start_of_value, at);
                return (Header { fields, bytes: &entity[..at] }, &entity[at..]);
            }
        }
        first = false;
        at = end;
    }
    set_value(&mut fields, entity, start_of_value, at);
    (Header { fields, bytes: entity }, &[])
}

/// Gives the last field its value, once its last line is known.
fn set_value<'a>(fields: &mut [Field<'a>], entity: &'a [u8], start: Option<usize>, end: usize) {
    if let (Some(start), Some(field)) = (start, fields.last_mut()) {
        let value = trim_line_end(&entity[start..end]);
        field.value = &value[..value.len().min(MAX_VALUE)];
    }
}

/// The end of the line that starts at `at`, behind its line feed. A carriage return alone ends no line.
pub(crate) fn line_end(bytes: &[u8], at: usize) -> usize {
    match bytes[at..].iter().position(|byte| *byte == b'\n') {
        Some(length) => at + length + 1,
        None => bytes.len(),
    }
}

pub(crate) fn trim_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Whether a known field of mail stands in the next lines, before an empty one.
fn fields_follow(rest: &[u8]) -> bool {
    let lines = rest.split(|byte| *byte == b'\n').map(trim_line_end).take(20);
    let mut fields = lines.take_while(|line| !line.is_empty()).filter_map(field_name);
    fields.any(|(name, _)| is_mail_field(&name))
}

fn is_envelope(line: &[u8]) -> bool {
    line.starts_with(b"From ") || line.starts_with(b">From ")
}

/// The name of a field in lower case and where its value starts ([RFC 5322] 2.2; blanks before the colon
/// are obsolete but seen).
fn field_name(line: &[u8]) -> Option<(String, usize)> {
    let colon = line.iter().take(256).position(|byte| *byte == b':')?;
    let name = line[..colon].trim_ascii_end();
    if name.is_empty() || !name.iter().all(|byte| matches!(byte, 33..=57 | 59..=126)) {
        return None;
    }
    Some((String::from_utf8_lossy(name).to_ascii_lowercase(), colon + 1))
}

impl<'a> Header<'a> {
    pub fn first(&self, name: &str) -> Option<&Field<'a>> {
        self.fields.iter().find(|field| field.name == name)
    }

    pub fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s Field<'a>> {
        self.fields.iter().filter(move |field| field.name == name)
    }

    /// The first field of this name that holds something, as text with encoded words decoded.
    pub fn text(&self, name: &str) -> Option<String> {
        self.all(name).map(Field::text).find(|text| !text.is_empty())
    }

    /// The first field of this name, unfolded and otherwise as it is.
    pub fn plain(&self, name: &str) -> Option<String> {
        self.all(name).map(Field::plain).find(|text| !text.is_empty())
    }
}

impl Field<'_> {
    /// The value as UTF-8, ended as mail-parser wants it. 8-bit bytes that are not UTF-8 are taken for
    /// Windows-1252, since no label says what they are.
    fn source(&self) -> Vec<u8> {
        let mut source = match std::str::from_utf8(self.value) {
            Ok(_) => self.value.to_vec(),
            Err(_) => unlabelled_to_utf8(self.value),
        };
        // NUL has no place in a property's text and would end it on the wire.
        source.retain(|byte| *byte != 0);
        source.push(b'\n');
        source
    }

    pub fn text(&self) -> String {
        clean(&words::decode(&unfolded(&self.source())))
    }

    pub fn plain(&self) -> String {
        String::from_utf8_lossy(&unfolded(&self.source())).trim().to_owned()
    }

    /// Mailboxes, groups laid flat. Empty entries are left out.
    pub(crate) fn addresses(&self) -> Vec<Mailbox> {
        let source = words::quote(&self.source());
        let parsed = match MessageStream::new(&source).parse_address() {
            HeaderValue::Address(address) => address.into_list(),
            _ => Vec::new(),
        };
        parsed.into_iter().filter_map(mailbox).collect()
    }

    pub fn date(&self) -> Option<FileTime> {
        match MessageStream::new(&self.source()).parse_date() {
            HeaderValue::DateTime(date) => file_time(&date),
            _ => None,
        }
    }

    /// The time behind the semicolon of a Received field ([RFC 5321] 4.4).
    pub(crate) fn received(&self) -> Option<FileTime> {
        let source = self.source();
        let at = source.iter().rposition(|byte| *byte == b';')?;
        match MessageStream::new(&source[at + 1..]).parse_date() {
            HeaderValue::DateTime(date) => file_time(&date),
            _ => None,
        }
    }

    pub(crate) fn comma_separated(&self) -> Vec<String> {
        let text = self.text();
        let mut quoted = false;
        let comma = |c: char| {
            quoted ^= c == '"';
            c == ',' && !quoted
        };
        text.split(comma)
            .map(|word| word.trim().trim_matches('"').to_owned())
            .filter(|word| !word.is_empty())
            .collect()
    }

    pub(crate) fn content_type(&self) -> Option<ContentType> {
        let source = words::quote(&self.source());
        let parsed = match MessageStream::new(&source).parse_content_type() {
            HeaderValue::ContentType(parsed) => parsed,
            _ => return None,
        };
        let attributes = parsed.attributes.unwrap_or_default().into_iter();
        let value = |name: &str, value: Cow<'_, str>| match value.contains('\u{fffd}') {
            true => continued(&source, name).unwrap_or_else(|| value.into_owned()),
            false => value.into_owned(),
        };
        Some(ContentType {
            kind: parsed.c_type.trim().to_ascii_lowercase(),
            subtype: parsed.c_subtype.unwrap_or(Cow::Borrowed("")).trim().to_ascii_lowercase(),
            attributes: attributes
                .map(|a| (a.name.to_ascii_lowercase(), value(&a.name, a.value)))
                .collect(),
        })
    }
}

/// The lines of a folded value with one blank between them.
fn unfolded(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    for line in value.split(|byte| *byte == b'\n') {
        if !out.is_empty() {
            out.push(b' ');
        }
        out.extend_from_slice(line.trim_ascii());
    }
    out
}

/// The value of an attribute whose sections ([RFC 2231] 3, 4.1) were cut inside a character: mail-parser
/// decodes each by itself.
fn continued(source: &[u8], name: &str) -> Option<String> {
    let text = std::str::from_utf8(source).ok()?;
    let mut sections: Vec<(u32, Vec<u8>)> = Vec::new();
    for part in text.split(';').take(1_000) {
        let Some((key, value)) = part.trim().split_once('=') else { continue };
        let Some((known, section)) = key.trim().split_once('*') else { continue };
        if !known.eq_ignore_ascii_case(name) {
            continue;
        }
        let Ok(number) = section.trim_end_matches('*').parse() else { continue };
        let value = value.trim().trim_matches('"');
        let bytes = match section.ends_with('*') {
            true => hex::unmarked(value.as_bytes(), b'%'),
            false => value.as_bytes().to_vec(),
        };
        sections.push((number, bytes));
    }
    sections.sort();
    let joined: Vec<u8> = sections.into_iter().flat_map(|(_, bytes)| bytes).collect();
    // `charset'language'` stands before the first section.
    let mut parts = joined.splitn(3, |byte| *byte == b'\'');
    let (charset, _, value) = (parts.next()?, parts.next()?, parts.next()?);
    let charset = std::str::from_utf8(charset).ok()?;
    Some(charsets::decode_label(Some(charset), value).text)
}

/// 8-bit bytes as UTF-8, except those in encoded words, which name their character set and wrongly hold such
/// bytes.
fn unlabelled_to_utf8(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() * 2);
    let mut rest = value;
    // Behind the last end of a word none is looked for: a value may be full of begins.
    let last = value.windows(2).rposition(|window| window == b"?=");
    while !rest.is_empty() {
        let start = find(rest, b"=?").unwrap_or(rest.len());
        let (plain, word) = rest.split_at(start);
        out.extend(charsets::decode_label(None, plain).text.into_bytes());
        // The third `?` ends the word's encoding, the next `?=` its text.
        let marks = word.iter().enumerate().filter(|(_, byte)| **byte == b'?').map(|(at, _)| at);
        let text = marks.take(200).nth(2).map_or(word.len(), |third| third + 1);
        let at = value.len() - word.len() + text;
        let end = last.filter(|last| *last >= at).and_then(|_| find(&word[text..], b"?="));
        let end = end.map_or(word.len().min(2), |end| text + end + 2);
        out.extend_from_slice(&word[..end]);
        rest = &word[end..];
    }
    out
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

/// A Content-Type or Content-Disposition, its words in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContentType {
    pub kind: String,
    pub subtype: String,
    attributes: Vec<(String, String)>,
}

impl ContentType {
    pub(crate) fn new(kind: &str, subtype: &str) -> Self {
        ContentType { kind: kind.into(), subtype: subtype.into(), attributes: Vec::new() }
    }

    pub fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind == kind && self.subtype == subtype
    }

    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.kind, self.subtype)
    }
}

/// Whom a field names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mailbox {
    /// The name, or the address where there is none.
    pub name: String,
    pub address: String,
}

fn mailbox(address: Addr<'_>) -> Option<Mailbox> {
    let name = clean(address.name.as_deref().unwrap_or(""));
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let name = name[..name.floor_char_boundary(MAX_NAME)].trim_end().to_owned();
    let address = clean_address(address.address.as_deref().unwrap_or(""));
    match (name.is_empty(), address.is_empty()) {
        (true, true) => None,
        // A bare word is a mailbox of the sender's own system.
        (false, true) if !name.contains(char::is_whitespace) => {
            Some(Mailbox { address: clean_address(&name), name })
        }
        (true, false) => Some(Mailbox { name: address.clone(), address }),
        (false, _) => Some(Mailbox { name, address }),
    }
}

/// An address without what would end it early; one that no line can hold is none.
pub(crate) fn clean_address(address: &str) -> String {
    let address = clean(address);
    let quoted = address.strip_prefix('"').and_then(|rest| rest.split_once("\"@"));
    let is_plain = |text: &str| !text.contains(['<', '>', ' ', '\t', ',', ';', '"', '\\']);
    let kept = match quoted {
        Some((local, domain)) if !local.contains(['"', '\\', '<', '>']) && is_plain(domain) => {
            address
        }
        _ => address.chars().filter(|c| is_plain(c.encode_utf8(&mut [0; 4]))).collect(),
    };
    if kept.len() <= MAX_ADDRESS { kept } else { String::new() }
}

/// A date that stands in an attribute.
pub(crate) fn date_of(text: &str) -> Option<FileTime> {
    file_time(&DateTime::parse_rfc822(text)?)
}

fn file_time(date: &DateTime) -> Option<FileTime> {
    date.is_valid().then(|| FileTime::from_unix(date.to_timestamp(), 0))
}

/// Text for a property: tabs are blanks, as they are when it is written; no other control characters (an encoded
/// word may hold them), no blanks around it.
fn clean(text: &str) -> String {
    let spaced = text.chars().map(|c| if c == '\t' { ' ' } else { c });
    spaced.filter(|c| !c.is_control()).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_split() {
        let (header, body) = split_header(b"From me\nSubject: a\n b\nX: \xe9\r\n\r\nbody");
        assert_eq!(header.text("subject").as_deref(), Some("a b"));
        assert_eq!(header.text("x").as_deref(), Some("é"));
        assert_eq!(body, b"body");
        let (header, body) = split_header(b"Subject: a\nnot a field\n");
        assert_eq!((header.fields.len(), body), (1, &b"not a field\n"[..]));
        let (header, body) = split_header(b"X-A: a\nbroken\nSubject: b\n\nbody");
        assert_eq!((header.text("subject").as_deref(), body), (Some("b"), &b"body"[..]));
        let (header, body) = split_header(b"\nbody");
        assert_eq!((header.fields.len(), body), (0, &b"body"[..]));
        assert!(split_header(b"").0.fields.is_empty());
    }

    #[test]
    fn values_are_parsed() {
        let field = |value: &'static str| Field { name: String::new(), value: value.as_bytes() };
        assert_eq!(field(" =?utf-8?q?=C3=A9?= =?utf-8?q?=C3=A9?=").text(), "éé");
        let boxes = field("\"B, A\" <a@b.c>, G: d@e.f;, x").addresses();
        assert_eq!(boxes[0], Mailbox { name: "B, A".into(), address: "a@b.c".into() });
        assert_eq!(boxes[1].address, "d@e.f");
        let date = field("Tue, 9 Jun 2009 23:58:45 -0400").date().unwrap();
        assert_eq!(date.to_string(), "2009-06-10T03:58:45Z");
        assert_eq!(field("from a by b; Tue, 9 Jun 2009 23:58:45 -0400").received(), Some(date));
        assert_eq!(field("yesterday").date(), None);
        assert_eq!(field("root").addresses()[0].address, "root");
        let raw = Field { name: String::new(), value: b"\xe9 =?iso-8859-1?q?\xe9?= \xe9" };
        assert_eq!(raw.text(), "é é é");
        let ct = field("Text/HTML; name*0*=utf-8''%C3%A9; name*1=\".txt\"").content_type().unwrap();
        assert!(ct.is("text", "html"));
        assert_eq!(ct.attribute("name"), Some("é.txt"));
    }
}
