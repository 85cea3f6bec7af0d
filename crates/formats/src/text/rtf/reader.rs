//! The de-encapsulating RTF reader ([MS-OXRTFEX] 2.1.3.2), and RTF to text for what was born as RTF.

use std::collections::HashMap;

use super::tokens::{Token, Tokens};
use crate::text::{charsets, html};

/// Groups in groups; deeper ones share the state of the deepest.
const MAX_GROUPS: usize = 2_000;
const MAX_FONTS: usize = 4_000;

/// What an RTF document was made from and carries inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encapsulated {
    Html(String),
    Text(String),
}

/// The HTML or text that an RTF document encapsulates; None for genuine RTF.
pub fn de_encapsulate(rtf: &[u8]) -> Option<Encapsulated> {
    match origin(rtf)? {
        Origin::Html => Some(Encapsulated::Html(Interpreter::run(rtf, Mode::Html, String::new()))),
        Origin::Text => Some(Encapsulated::Text(Interpreter::run(rtf, Mode::Text, String::new()))),
    }
}

/// The text of any RTF document.
pub fn to_text(rtf: &[u8]) -> String {
    match de_encapsulate(rtf) {
        Some(Encapsulated::Html(document)) => html::to_text(&document),
        Some(Encapsulated::Text(text)) => text,
        None => html::to_text(&super::to_html(rtf)),
    }
}

/// Takes what an interpreter reads.
pub(super) trait Sink {
    /// Characters of a destination, in a font.
    fn text(&mut self, destination: Destination, font: i32, text: &str);
    /// A control word, in genuine RTF only.
    fn word(&mut self, _destination: Destination, _word: &[u8], _number: Option<i32>) {}
    /// A group begins or ends, in genuine RTF only.
    fn open(&mut self) {}
    fn close(&mut self) {}
}

impl Sink for String {
    fn text(&mut self, _: Destination, _: i32, text: &str) {
        self.push_str(text);
    }
}

enum Origin {
    Html,
    Text,
}

/// FROMHTML or FROMTEXT stands among the first ten tokens, before any text ([MS-OXRTFEX] 2.1.3.2.1).
fn origin(rtf: &[u8]) -> Option<Origin> {
    for token in Tokens::new(rtf).take(10) {
        match token {
            Token::Word(b"fromhtml", Some(1)) => return Some(Origin::Html),
            Token::Word(b"fromtext", _) => return Some(Origin::Text),
            Token::Word(b"fonttbl", _) | Token::Text(_) | Token::Hex(_) => return None,
            _ => {}
        }
    }
    None
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// What encapsulated HTML says.
    Html,
    /// What encapsulated text says.
    Text,
    /// Everything, for a reader that looks at formatting.
    Genuine,
}

/// Where the characters of a group go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Destination {
    Body,
    /// The content of an HTMLTAG group, which is HTML.
    HtmlTag,
    FontTable,
    /// Looked at in genuine RTF only, like the next ones.
    ColorTable,
    /// What a field is made from.
    Instruction,
    /// What stands before an item of a list.
    Mark,
    Nowhere,
}

/// What a group inherits, and restores at its end.
#[derive(Debug, Clone, Copy)]
struct Group {
    destination: Destination,
    /// Suppressed by HTMLRTF ([MS-OXRTFEX] 2.1.3.1.2).
    html_rtf: bool,
    hidden: bool,
    font: i32,
    /// `\ucN`: how many characters stand for a `\u` in readers without Unicode.
    fallback: u32,
}

pub(super) struct Interpreter<S> {
    mode: Mode,
    sink: S,
    /// Bytes in the code page of `pending_page`: characters of more than one byte come in several tokens.
    pending: Vec<u8>,
    pending_page: u32,
    /// A high surrogate that waits for its other half.
    surrogate: Option<u16>,
    group: Group,
    stack: Vec<Group>,
    /// Groups beyond the limit.
    deeper: usize,
    default_page: u32,
    default_font: i32,
    /// The code page of each font.
    fonts: HashMap<i32, u32>,
    /// Characters to skip behind a `\u`.
    skip: u32,
    /// `\*` came: the next word opens a destination that may be ignored.
    starred: bool,
    /// A group has just begun, so a word may name its destination.
    fresh: bool,
}

impl<S: Sink> Interpreter<S> {
    pub(super) fn run(rtf: &[u8], mode: Mode, sink: S) -> S {
        let mut interpreter = Interpreter {
            mode,
            sink,
            pending: Vec::new(),
            pending_page: charsets::WESTERN,
            surrogate: None,
            group: Group {
                destination: Destination::Body,
                html_rtf: false,
                hidden: false,
                font: -1,
                fallback: 1,
            },
            stack: Vec::new(),
            deeper: 0,
            default_page: charsets::WESTERN,
            default_font: -1,
            fonts: HashMap::new(),
            skip: 0,
            starred: false,
            fresh: false,
        };
        Tokens::new(rtf).for_each(|token| interpreter.token(token));
        interpreter.flush();
        interpreter.sink
    }

    fn token(&mut self, token: Token<'_>) {
        match token {
            Token::Open => self.open(),
            Token::Close => self.close(),
            Token::Word(word, number) => self.word(word, number),
            Token::Symbol(symbol) => self.symbol(symbol),
            Token::Hex(byte) => self.bytes(&[byte]),
            Token::Text(text) => self.bytes(text),
        }
    }

    fn open(&mut self) {
        self.flush();
        self.skip = 0;
        self.fresh = true;
        self.starred = false;
        match self.stack.len() < MAX_GROUPS {
            true => {
                self.stack.push(self.group);
                self.sink.open();
            }
            false => self.deeper += 1,
        }
    }

    fn close(&mut self) {
        self.flush();
        self.skip = 0;
        self.fresh = false;
        if self.deeper > 0 {
            self.deeper -= 1;
        } else if let Some(group) = self.stack.pop() {
            self.group = group;
            self.sink.close();
        }
    }

    /// Characters in the current code page.
    fn bytes(&mut self, bytes: &[u8]) {
        self.fresh = false;
        let skipped = (self.skip as usize).min(bytes.len());
        self.skip -= skipped as u32;
        let bytes = &bytes[skipped..];
        if bytes.is_empty() || !self.shows() {
            return;
        }
        let page = self.code_page();
        if page != self.pending_page {
            self.flush();
            self.pending_page = page;
        }
        self.surrogate = None;
        self.pending.extend_from_slice(bytes);
    }

    /// Whether characters reach the output here.
    fn shows(&self) -> bool {
        match self.group.destination {
            Destination::Body => !self.group.html_rtf && !self.group.hidden,
            Destination::HtmlTag => !self.group.html_rtf,
            Destination::Nowhere => false,
            _ => self.mode == Mode::Genuine,
        }
    }

    /// Tags are in the document's code page, text in that of its font.
    fn code_page(&self) -> u32 {
        match self.group.destination {
            Destination::HtmlTag => self.default_page,
            _ => self.fonts.get(&self.font()).copied().unwrap_or(self.default_page),
        }
    }

    fn flush(&mut self) {
        if !self.pending.is_empty() {
            let text = charsets::decode(self.pending_page, &self.pending);
            self.pending.clear();
            self.emit(&text);
        }
    }

    fn emit(&mut self, text: &str) {
        self.sink.text(self.group.destination, self.font(), text);
    }

    fn font(&self) -> i32 {
        if self.group.font < 0 { self.default_font } else { self.group.font }
    }

    /// Text that a control word stands for; it is nothing that a `\u` would skip.
    fn push(&mut self, text: &str) {
        if self.skip > 0 {
            self.skip -= 1;
        } else if self.shows() {
            self.flush();
            self.emit(text);
        }
    }

    /// The same character in text and in HTML, where it is written as a reference.
    fn push_either(&mut self, text: &str, reference: &str) {
        match self.mode {
            Mode::Html => self.push(reference),
            Mode::Text | Mode::Genuine => self.push(text),
        }
    }

    fn symbol(&mut self, symbol: u8) {
        match symbol {
            b'*' => {
                self.starred = true;
                return;
            }
            b'~' => self.push_either("\u{a0}", "&nbsp;"),
            b'_' => self.push_either("\u{2011}", "&#8209;"),
            b'-' => self.push_either("", "&shy;"),
            b'{' | b'}' | b'\\' => self.bytes(&[symbol]),
            b'\r' | b'\n' => self.word(b"par", None),
            b'\t' => self.word(b"tab", None),
            _ => {}
        }
        self.fresh = false;
    }

    fn word(&mut self, word: &[u8], number: Option<i32>) {
        let starred = std::mem::take(&mut self.starred);
        let fresh = std::mem::take(&mut self.fresh);
        if self.destination(word, starred, fresh) {
            return;
        }
        if self.mode == Mode::Genuine && self.group.destination != Destination::Nowhere {
            self.flush();
            self.sink.word(self.group.destination, word, number);
        }
        match word {
            b"htmlrtf" if self.mode != Mode::Genuine => {
                self.flush();
                self.group.html_rtf = number != Some(0);
            }
            b"ansicpg" => {
                let page = u32::try_from(number.unwrap_or(0)).unwrap_or(0);
                if charsets::is_known(page) {
                    self.default_page = page;
                }
            }
            b"mac" => self.default_page = 10000,
            b"pc" => self.default_page = 437,
            b"pca" => self.default_page = 850,
            b"deff" => self.default_font = number.unwrap_or(-1),
            b"f" => {
                self.flush();
                self.group.font = number.unwrap_or(-1);
            }
            b"plain" => {
                self.group.font = -1;
                self.group.hidden = false;
            }
            b"fcharset" | b"cpg" => self.font_page(word, number.unwrap_or(0)),
            b"v" => self.group.hidden = number != Some(0),
            b"uc" => self.group.fallback = u32::try_from(number.unwrap_or(1)).unwrap_or(0).min(16),
            b"u" => self.unicode(number.unwrap_or(0)),
            b"par" | b"line" | b"sect" | b"page" | b"softline" | b"row" | b"tab"
                if self.mode == Mode::Genuine => {}
            b"par" | b"line" | b"sect" | b"page" | b"softline" => self.push("\r\n"),
            b"row" if self.mode == Mode::Text => self.push("\r\n"),
            b"tab" => self.push("\t"),
            b"cell" | b"nestcell" if self.mode == Mode::Text => self.push("\t"),
            b"lquote" => self.push_either("\u{2018}", "&lsquo;"),
            b"rquote" => self.push_either("\u{2019}", "&rsquo;"),
            b"ldblquote" => self.push_either("\u{201c}", "&ldquo;"),
            b"rdblquote" => self.push_either("\u{201d}", "&rdquo;"),
            b"bullet" => self.push_either("\u{2022}", "&bull;"),
            b"endash" => self.push_either("\u{2013}", "&ndash;"),
            b"emdash" => self.push_either("\u{2014}", "&mdash;"),
            b"enspace" => self.push_either("\u{2002}", "&ensp;"),
            b"emspace" => self.push_either("\u{2003}", "&emsp;"),
            b"zwj" => self.push("\u{200d}"),
            b"zwnj" => self.push("\u{200c}"),
            _ => {}
        }
    }

    /// Words that say where a group's characters go. True if this was one.
    fn destination(&mut self, word: &[u8], starred: bool, fresh: bool) -> bool {
        let destination = match word {
            b"htmltag" if starred && self.mode == Mode::Html => Destination::HtmlTag,
            b"fonttbl" => Destination::FontTable,
            b"colortbl" if self.mode == Mode::Genuine => Destination::ColorTable,
            b"fldinst" if self.mode == Mode::Genuine => Destination::Instruction,
            b"pntext" | b"listtext" if self.mode == Mode::Genuine => Destination::Mark,
            b"colortbl" | b"stylesheet" | b"info" | b"pict" | b"object" | b"header" | b"footer"
            | b"headerl" | b"headerr" | b"headerf" | b"footerl" | b"footerr" | b"footerf"
            | b"footnote" | b"pntext" | b"listtext" | b"themedata" | b"datastore"
                if fresh =>
            {
                Destination::Nowhere
            }
            _ if starred => Destination::Nowhere,
            _ => return false,
        };
        self.flush();
        // What stands in a group that is ignored stays ignored.
        if self.group.destination != Destination::Nowhere {
            self.group.destination = destination;
        }
        true
    }

    fn font_page(&mut self, word: &[u8], number: i32) {
        if self.group.destination != Destination::FontTable || self.fonts.len() >= MAX_FONTS {
            return;
        }
        let page = match word {
            b"cpg" => u32::try_from(number).ok().filter(|page| charsets::is_known(*page)),
            _ => page_of_charset(number),
        };
        if let Some(page) = page {
            self.fonts.insert(self.group.font, page);
        }
    }

    /// `\uN`: a UTF-16 unit, signed; what stands for it follows and is skipped.
    fn unicode(&mut self, number: i32) {
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        self.skip = self.group.fallback;
        if !self.shows() {
            return;
        }
        self.flush();
        let unit = number as u16;
        match (self.surrogate.take(), unit) {
            (Some(high), 0xdc00..=0xdfff) => {
                let text: String = char::decode_utf16([high, unit]).flatten().collect();
                self.emit(&text);
            }
            (_, 0xd800..=0xdbff) => self.surrogate = Some(unit),
            (_, 0) => {}
            _ => {
                let mut bytes = [0; 4];
                let c = char::from_u32(u32::from(unit)).unwrap_or('\u{fffd}');
                self.emit(c.encode_utf8(&mut bytes));
            }
        }
    }
}

/// The code page of a font's character set (the CharSet of [MS-WMF] 2.1.1.5).
fn page_of_charset(charset: i32) -> Option<u32> {
    Some(match charset {
        0 => 1252,
        77 => 10000,
        128 => 932,
        129 => 949,
        134 => 936,
        136 => 950,
        161 => 1253,
        162 => 1254,
        163 => 1258,
        177 => 1255,
        178 => 1256,
        186 => 1257,
        204 => 1251,
        222 => 874,
        238 => 1250,
        254 => 437,
        255 => 850,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html_of(rtf: &[u8]) -> String {
        match de_encapsulate(rtf) {
            Some(Encapsulated::Html(html)) => html,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn encapsulated_html_comes_out() {
        let rtf = br"{\rtf1\ansi\ansicpg1252\fromhtml1 \deff0{\fonttbl{\f0\fswiss Arial;}
{\f1\fcharset204 Cyr;}{\f2\fcharset128 Jp;}}{\colortbl\red0;}
{\*\htmltag64}{\*\htmltag50 <p class=a>}\htmlrtf {\b\htmlrtf0 One\'e9 {\f1\'c0}{\f2\'82\'a0\'83A}
{\*\htmltag84 &lt;}\htmlrtf <\htmlrtf0 \endash\~\{x\}\u8364 ?\htmlrtf\par }\htmlrtf0 {\*\htmltag4 \par }
{\*\htmltag58 </p>}{\*\mhtmltag58 gone}{\*\unknown gone}}";
        let html = html_of(rtf);
        let expected = "<p class=a>Oneé Аあア&lt;&ndash;&nbsp;{x}€\r\n</p>";
        assert_eq!(html, expected);
    }

    #[test]
    fn encapsulated_text_and_genuine_rtf_come_out() {
        let rtf = br"{\rtf1\ansi\fromtext{\fonttbl{\f0 Courier;}}Two\par lines\line\tab{\*\x y}}";
        let text = Encapsulated::Text("Two\r\nlines\r\n\t".into());
        assert_eq!(de_encapsulate(rtf), Some(text));
        let rtf =
            br"{\rtf1\ansi\ansicpg1251{\info{\title no}}{\pict 00ff}\uc1 \'cf\u1088\'f0 {\v no}
\u-10179 ?\u-8704 ?\par}";
        assert_eq!(de_encapsulate(rtf), None);
        assert_eq!(to_text(rtf), "Пр 😀\n");
    }

    #[test]
    fn hostile_documents_end() {
        for piece in ["{", "}", "{\\*\\htmltag ", "\\u", "\\'8", "\\f1 \\'82", "\\uc9999 \\u1 "] {
            let rtf = format!("{{\\rtf1\\fromhtml1 {}", piece.repeat(50_000));
            de_encapsulate(rtf.as_bytes());
            to_text(&rtf.as_bytes()[1..]);
        }
    }
}
