//! What FETCH asks for (RFC 9051 6.4.5).

use super::lexer::{Lexer, Parsed};
use super::parser::{BadCommand, distinct};
use super::{By, Command};

/// An item. Macros are taken apart, and the items of RFC 3501 that are sections of the body stand as those with
/// the name under which they are answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    Envelope,
    Flags,
    InternalDate,
    Size,
    Uid,
    /// BODYSTRUCTURE, or BODY without its extension data.
    Structure {
        extended: bool,
    },
    /// BODY[...] and BODY.PEEK[...].
    Body(BodySection),
    /// RFC822, RFC822.HEADER, RFC822.TEXT (RFC 3501 6.4.5).
    Whole,
    Header,
    Text,
    /// BINARY[...] and BINARY.PEEK[...] (RFC 9051 6.4.5).
    Binary {
        part: Vec<u32>,
        partial: Option<(u32, u32)>,
        peek: bool,
    },
    BinarySize(Vec<u32>),
    ModSeq,
    /// RFC 8474 5.2.
    EmailId,
    ThreadId,
    /// RFC 8514 4.3.
    SaveDate,
    /// RFC 8970 3.
    Preview {
        lazy: bool,
    },
}

/// What FETCH takes behind its items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FetchModifiers {
    /// RFC 7162 3.1.4.1.
    pub changed_since: Option<u64>,
    /// RFC 7162 3.2.6.
    pub vanished: bool,
    /// Only some of the messages, counted from the first or, if negative, from the last (RFC 9394 3.3).
    pub partial: Option<(i32, i32)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodySection {
    pub section: Section,
    /// Offset and length (at least 1) in bytes.
    pub partial: Option<(u32, u32)>,
    pub peek: bool,
}

/// A part and what of it. The part is empty for the message itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Section {
    pub part: Vec<u32>,
    pub text: Option<SectionText>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SectionText {
    Header,
    HeaderFields(Vec<String>),
    HeaderFieldsNot(Vec<String>),
    Text,
    Mime,
}

impl Section {
    /// Whether the header of the message itself is all that it is about.
    pub fn is_header(&self) -> bool {
        use SectionText::{Header, HeaderFields, HeaderFieldsNot};
        let header = matches!(self.text, Some(Header | HeaderFields(_) | HeaderFieldsNot(_)));
        self.part.is_empty() && header
    }

    /// As it stands between the brackets.
    pub fn spec(&self) -> String {
        let mut spec = String::new();
        for number in &self.part {
            if !spec.is_empty() {
                spec.push('.');
            }
            spec.push_str(&number.to_string());
        }
        let Some(text) = &self.text else { return spec };
        if !spec.is_empty() {
            spec.push('.');
        }
        let (word, fields) = match text {
            SectionText::Header => ("HEADER", None),
            SectionText::HeaderFields(fields) => ("HEADER.FIELDS", Some(fields)),
            SectionText::HeaderFieldsNot(fields) => ("HEADER.FIELDS.NOT", Some(fields)),
            SectionText::Text => ("TEXT", None),
            SectionText::Mime => ("MIME", None),
        };
        spec.push_str(word);
        if let Some(fields) = fields {
            spec.push_str(" (");
            for (index, field) in fields.iter().enumerate() {
                if index > 0 {
                    spec.push(' ');
                }
                // Names of fields are checked when they are read: no byte that would need quoting beyond this.
                match super::parser::is_astring(field) {
                    true => spec.push_str(field),
                    false => {
                        spec.push('"');
                        spec.push_str(&field.replace('\\', "\\\\").replace('"', "\\\""));
                        spec.push('"');
                    }
                }
            }
            spec.push(')');
        }
        spec
    }
}

/// Different items of one FETCH: each may be a whole message.
const MAX_ITEMS: usize = 32;

pub(super) fn parse_fetch(l: &mut Lexer<'_>, by: By) -> Parsed<Command> {
    let set = l.set()?;
    l.space()?;
    let items = match l.peek() {
        Some(b'(') => l.list(parse_item)?,
        _ => parse_macro_or_item(l)?,
    };
    let items = distinct(items);
    match items.len() {
        0 => return Err(BadCommand("FETCH needs an item")),
        len if len > MAX_ITEMS => return Err(BadCommand("FETCH takes 32 items at most")),
        _ => {}
    }
    let mut modifiers = FetchModifiers::default();
    if l.take(b' ') {
        l.list(|l| {
            match l.word().as_str() {
                "CHANGEDSINCE" => {
                    l.space()?;
                    modifiers.changed_since = Some(l.number64()?);
                }
                "VANISHED" => modifiers.vanished = true,
                "PARTIAL" if modifiers.partial.is_none() => {
                    modifiers.partial = Some(super::search::parse_part(l)?);
                }
                _ => {
                    return Err(BadCommand(
                        "there is no such modifier of FETCH, or it is there twice",
                    ));
                }
            }
            Ok(())
        })?;
    }
    // RFC 7162 3.2.6.
    if modifiers.vanished && (by != By::Uid || modifiers.changed_since.is_none()) {
        return Err(BadCommand("VANISHED needs UID FETCH and CHANGEDSINCE"));
    }
    Ok(Command::Fetch { by, set, items, modifiers })
}

fn parse_macro_or_item(l: &mut Lexer<'_>) -> Parsed<Vec<Fetched>> {
    let fast = [Fetched::Flags, Fetched::InternalDate, Fetched::Size];
    let mut all = fast.to_vec();
    if l.take_word("FAST") {
        return Ok(all);
    }
    all.push(Fetched::Envelope);
    if l.take_word("ALL") {
        return Ok(all);
    }
    all.push(Fetched::Structure { extended: false });
    match l.take_word("FULL") {
        true => Ok(all),
        false => Ok(vec![parse_item(l)?]),
    }
}

fn parse_item(l: &mut Lexer<'_>) -> Parsed<Fetched> {
    let word = l.word();
    let peek = word.ends_with(".PEEK");
    Ok(match word.as_str() {
        "ENVELOPE" => Fetched::Envelope,
        "FLAGS" => Fetched::Flags,
        "INTERNALDATE" => Fetched::InternalDate,
        "RFC822.SIZE" => Fetched::Size,
        "UID" => Fetched::Uid,
        "MODSEQ" => Fetched::ModSeq,
        "EMAILID" => Fetched::EmailId,
        "THREADID" => Fetched::ThreadId,
        "SAVEDATE" => Fetched::SaveDate,
        "PREVIEW" => Fetched::Preview { lazy: l.take_text(" (LAZY)") },
        "BODYSTRUCTURE" => Fetched::Structure { extended: true },
        "RFC822" => Fetched::Whole,
        "RFC822.HEADER" => Fetched::Header,
        "RFC822.TEXT" => Fetched::Text,
        "BODY" if l.peek() != Some(b'[') => Fetched::Structure { extended: false },
        "BODY" | "BODY.PEEK" => {
            let section = parse_section(l)?;
            Fetched::Body(BodySection { section, partial: parse_partial(l)?, peek })
        }
        "BINARY" | "BINARY.PEEK" => {
            Fetched::Binary { part: parse_binary(l)?, partial: parse_partial(l)?, peek }
        }
        "BINARY.SIZE" => Fetched::BinarySize(parse_binary(l)?),
        _ => return Err(BadCommand("there is no such item of FETCH")),
    })
}

/// Levels of parts that a section names at most.
const MAX_LEVELS: usize = 64;
/// Names of fields that a section names at most, and the bytes of one.
const MAX_FIELDS: usize = 256;
const MAX_FIELD: usize = 256;

fn parse_section(l: &mut Lexer<'_>) -> Parsed<Section> {
    l.expect(b'[', "a section is missing")?;
    let mut part = Vec::new();
    while l.peek().is_some_and(|byte| byte.is_ascii_digit()) {
        if part.len() == MAX_LEVELS {
            return Err(BadCommand("a section is too deep"));
        }
        part.push(l.positive()?);
        if !l.take(b'.') {
            break;
        }
        if !l.peek().is_some_and(|byte| byte.is_ascii_alphanumeric()) {
            return Err(BadCommand("a section ends in a dot"));
        }
    }
    let text = match l.word().as_str() {
        "" => None,
        "HEADER" => Some(SectionText::Header),
        "TEXT" => Some(SectionText::Text),
        "MIME" if !part.is_empty() => Some(SectionText::Mime),
        "HEADER.FIELDS" => Some(SectionText::HeaderFields(parse_fields(l)?)),
        "HEADER.FIELDS.NOT" => Some(SectionText::HeaderFieldsNot(parse_fields(l)?)),
        _ => return Err(BadCommand("there is no such section")),
    };
    l.expect(b']', "a section has no end")?;
    Ok(Section { part, text })
}

/// A section as a URL has it: without brackets, nothing for the whole message (RFC 5092 11).
pub(crate) fn parse_section_text(text: &str) -> Option<Section> {
    let bracketed = format!("[{text}]");
    let mut lexer = Lexer::new(bracketed.as_bytes());
    let section = parse_section(&mut lexer).ok()?;
    lexer.end().ok().map(|()| section)
}

fn parse_fields(l: &mut Lexer<'_>) -> Parsed<Vec<String>> {
    l.space()?;
    let fields = l.list(|l| {
        let field = l.text()?;
        // They come back in the answer.
        let plain =
            field.len() <= MAX_FIELD && field.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if plain { Ok(field) } else { Err(BadCommand("a name of a field is not ASCII")) }
    })?;
    match fields.len() {
        1..=MAX_FIELDS => Ok(fields),
        _ => Err(BadCommand("a section names no field, or too many")),
    }
}

fn parse_binary(l: &mut Lexer<'_>) -> Parsed<Vec<u32>> {
    match parse_section(l)? {
        Section { part, text: None } => Ok(part),
        _ => Err(BadCommand("BINARY takes the number of a part")),
    }
}

fn parse_partial(l: &mut Lexer<'_>) -> Parsed<Option<(u32, u32)>> {
    if !l.take(b'<') {
        return Ok(None);
    }
    let offset = l.number()?;
    l.expect(b'.', "a partial fetch is <offset.length>")?;
    let length = l.positive()?;
    l.expect(b'>', "a partial fetch is <offset.length>")?;
    Ok(Some((offset, length)))
}
