//! Which parts are the message's text, and which are attached ([MS-OXCMAIL] 2.2.3.3.2).

use mapi::PropertyBag;
use mapi::generated::tags;

use super::flowed;
use super::parts::Part;
use crate::text::charsets::{self, Decoded};
use crate::text::html;

/// PidTagNativeBody ([MS-OXCMSG] 2.2.1.58.2).
const NATIVE_PLAIN: i32 = 1;
const NATIVE_HTML: i32 = 3;

/// The parts of a message by their use.
#[derive(Debug, Default)]
pub(crate) struct Found<'p, 'a> {
    /// More than one where texts follow each other in a multipart/mixed.
    pub plain: Vec<&'p Part<'a>>,
    pub html: Vec<&'p Part<'a>>,
    pub attached: Vec<&'p Part<'a>>,
}

/// Sorts the leaves of a message. The first text that stands where a body may stand is the body, in plain
/// text and in HTML if they are alternatives, with the texts of its kind that follow it in a multipart/mixed
/// ([MS-OXCMAIL] 2.2.3.3.2.2); everything else is attached, so that nothing is lost.
pub(crate) fn find_bodies<'p, 'a>(message: &'p Part<'a>) -> Found<'p, 'a> {
    let mut found = Found::default();
    walk(message, Place { body: true, alone: true }, &mut found);
    found
}

/// Where a part stands.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// A text here may be the body.
    body: bool,
    /// The message is this part alone, so a name does not make it a file.
    alone: bool,
}

fn walk<'p, 'a>(part: &'p Part<'a>, place: Place, found: &mut Found<'p, 'a>) {
    let Some(children) = &part.children else {
        leaf(part, place, found);
        return;
    };
    let inside = Place { alone: false, ..place };
    match part.content_type.subtype.as_str() {
        "alternative" => {
            let open = found.is_open() && place.body;
            for child in children {
                walk(child, Place { body: open, ..inside }, found);
            }
        }
        "related" => {
            let root = root_of_related(part, children);
            for (index, child) in children.iter().enumerate() {
                match index == root {
                    true => walk(child, inside, found),
                    false => walk(child, Place { body: false, ..inside }, found),
                }
            }
        }
        kind => {
            for child in children {
                let open = place.body && found.is_open();
                match kind == "mixed" && place.body && !open && goes_on(child, found) {
                    true if child.content_type.is("text", "html") => found.html.push(child),
                    true => found.plain.push(child),
                    // Any other text behind the body is a file of its own.
                    false => walk(child, Place { body: open, ..inside }, found),
                }
            }
        }
    }
}

impl Found<'_, '_> {
    fn is_open(&self) -> bool {
        self.plain.is_empty() && self.html.is_empty()
    }
}

/// Whether a text goes on with the body: one without a name, shown inline, of the only kind that the body has.
/// Behind a body in both kinds it would be missing in one of them.
fn goes_on(part: &Part<'_>, found: &Found<'_, '_>) -> bool {
    let same_kind = match part.content_type.kind.as_str() {
        "text" => match part.content_type.subtype.as_str() {
            "plain" => found.html.is_empty(),
            "html" => found.plain.is_empty(),
            _ => false,
        },
        _ => false,
    };
    let inline = part.children.is_none() && !part.is_attachment() && part.file_name().is_none();
    same_kind && inline && is_legible(&decode_text(part).text)
}

/// What cannot be read as text keeps its bytes as a file.
fn is_legible(text: &str) -> bool {
    let control = |c: char| c.is_control() && !matches!(c, '\t' | '\r' | '\n' | '\u{c}');
    !text.contains(|c| c == char::REPLACEMENT_CHARACTER || control(c))
}

/// The root of a multipart/related: named by `start`, else the first ([RFC 2387] 3.2).
fn root_of_related(part: &Part<'_>, children: &[Part<'_>]) -> usize {
    let Some(start) = part.content_type.attribute("start") else { return 0 };
    let id = |text: &str| text.trim().trim_matches(['<', '>']).to_owned();
    let wanted = id(start);
    let is_root = |child: &Part<'_>| {
        child.header.plain("content-id").is_some_and(|known| id(&known) == wanted)
    };
    children.iter().position(is_root).unwrap_or(0)
}

fn leaf<'p, 'a>(part: &'p Part<'a>, place: Place, found: &mut Found<'p, 'a>) {
    // A text with a name is a file, unless it is all there is; [MS-OXCMAIL] 2.2.3.3.2 would make the first
    // the body and lose its name.
    let named = !place.alone && part.file_name().is_some();
    let may_be_body = place.body && !part.is_attachment() && !named;
    // A multipart without its boundary is text that someone has to read.
    let broken = part.content_type.kind == "multipart" && place.alone;
    let is_html = part.content_type.is("text", "html");
    let is_plain = part.content_type.kind == "text" && !is_html;
    // Other kinds of text are for reading only if there is nothing else.
    let plain_kind = match part.content_type.subtype.as_str() {
        "plain" | "" => true,
        "calendar" | "vcard" | "x-vcard" | "directory" | "csv" | "rtf" | "xml" => false,
        _ => place.alone,
    };
    match may_be_body {
        true if is_html && found.html.is_empty() => found.html.push(part),
        true if (is_plain && plain_kind || broken) && found.plain.is_empty() => {
            found.plain.push(part);
        }
        _ => found.attached.push(part),
    }
}

/// Sets the bodies that are there, and the plain text where only HTML is: clients that show text only, and
/// previews, need it.
pub(crate) fn set_bodies(bag: &mut PropertyBag, found: &Found<'_, '_>) {
    let plain = found.plain.iter().map(|part| decode_text(part)).reduce(join);
    let html = found.html.iter().map(|part| decode_html(part)).reduce(join_html);
    let code_page = match (&html, &plain) {
        (Some(html), _) => html.decoded.code_page,
        (None, Some(plain)) => plain.code_page,
        (None, None) => charsets::UTF_8,
    };
    bag.set(tags::INTERNET_CODEPAGE, code_page as i32);
    let native = if html.is_some() { NATIVE_HTML } else { NATIVE_PLAIN };
    bag.set(tags::NATIVE_BODY, native);
    let text = match (&plain, &html) {
        (Some(plain), _) => plain.text.clone(),
        (None, Some(html)) => html::to_text(&html.decoded.text),
        (None, None) => String::new(),
    };
    bag.set(tags::BODY, with_crlf(&text));
    if let Some(html) = html {
        bag.set(tags::HTML, html.bytes);
    }
}

fn decode_text(part: &Part<'_>) -> Decoded {
    let kind = &part.content_type;
    let mut decoded = charsets::decode_label(kind.attribute("charset"), &part.decoded());
    let is = |name: &str, word: &str| {
        kind.attribute(name).is_some_and(|value| value.eq_ignore_ascii_case(word))
    };
    if is("format", "flowed") {
        decoded.text = flowed::unflow(&decoded.text, is("delsp", "yes"));
    }
    decoded
}

/// Two texts one behind the other. In two code pages they are in none but Unicode's.
fn join(mut first: Decoded, second: Decoded) -> Decoded {
    if !first.text.is_empty() && !first.text.ends_with('\n') {
        first.text.push_str("\r\n");
    }
    first.text.push_str(&second.text);
    if first.code_page != second.code_page {
        first.code_page = charsets::UTF_8;
    }
    first
}

fn join_html(first: DecodedHtml, second: DecodedHtml) -> DecodedHtml {
    let mut decoded = join(first.decoded, second.decoded);
    decoded.code_page = charsets::UTF_8;
    DecodedHtml { bytes: decoded.text.as_bytes().to_vec(), decoded }
}

struct DecodedHtml {
    decoded: Decoded,
    /// In the code page of `decoded`.
    bytes: Vec<u8>,
}

/// PidTagHtml holds the bytes as they came if PidTagInternetCodepage can say what they are, otherwise
/// UTF-8.
fn decode_html(part: &Part<'_>) -> DecodedHtml {
    let bytes = part.decoded();
    let declared = part.content_type.attribute("charset");
    let label = match declared.and_then(charsets::code_page_of_label) {
        Some(_) => declared.map(str::to_owned),
        None => html::declared_charset(&bytes),
    };
    let mut decoded = charsets::decode_label(label.as_deref(), &bytes);
    // A document whose bytes do not begin like ASCII is no document to most readers.
    let bytes = match decoded.code_page {
        1200 | 1201 | 65000 => {
            decoded.code_page = charsets::UTF_8;
            decoded.text.as_bytes().to_vec()
        }
        _ => bytes.into_owned(),
    };
    DecodedHtml { bytes, decoded }
}

/// Text of properties has CRLF at its lines' ends, and no null.
fn with_crlf(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 32);
    let mut last = ' ';
    for c in text.chars().filter(|c| *c != '\0') {
        if c == '\n' && last != '\r' {
            out.push('\r');
        }
        out.push(c);
        last = c;
    }
    out
}
