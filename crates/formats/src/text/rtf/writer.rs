//! The encapsulating RTF writer ([MS-OXRTFEX] 2.1.3.3): HTML and text in RTF that shows them and gives them
//! back as they were.

use super::compressed::MAX_RTF;
use crate::text::html::reference;
use crate::text::html::tokens::{Tag, Token, Tokens};
use crate::text::links::{Piece, pieces};

/// Fonts 0 and 1 have the code page of the document, in which characters are written that it has.
const FONTS: &str = "{\\fonttbl\r\n{\\f0\\fswiss\\fcharset0 Arial;}\r\n\
{\\f1\\fmodern\\fcharset0 Courier New;}\r\n{\\f2\\fnil\\fcharset2 Symbol;}}\r\n";

/// A text as RTF that encapsulates it ([MS-OXRTFEX] 2.1.3.3.2). None beyond [`MAX_RTF`].
pub fn from_text(text: &str) -> Option<Vec<u8>> {
    let mut out = String::with_capacity(text.len() + text.len() / 8 + 512);
    out.push_str("{\\rtf1\\ansi\\ansicpg1252\\fromtext \\deff0");
    out.push_str(FONTS);
    out.push_str("{\\colortbl\\red0\\green0\\blue0;\\red0\\green0\\blue255;}\r\n");
    out.push_str("\\uc1\\pard\\plain\\deftab360 \\f0\\fs20 ");
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push_str("\\par\r\n");
        }
        for piece in pieces(line.strip_suffix('\r').unwrap_or(line)) {
            match piece {
                Piece::Text(text) => push_text(&mut out, text),
                Piece::Link(text, target) => {
                    begin_link(&mut out, &target);
                    push_text(&mut out, text);
                    out.push_str("}}");
                }
            }
        }
        if out.len() > MAX_RTF {
            return None;
        }
    }
    out.push('}');
    Some(out.into_bytes())
}

fn begin_link(out: &mut String, target: &str) {
    out.push_str("{\\field{\\*\\fldinst{HYPERLINK \"");
    push_text(out, &target.replace('"', "%22"));
    out.push_str("\"}}{\\fldrslt\\cf1\\ul ");
}

/// Characters as RTF writes them, in Windows-1252 or by their number.
fn push_text(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\\' | '{' | '}' => out.extend(['\\', c]),
            '\t' => out.push_str("\\tab "),
            '\0' => {}
            ' '..='~' => out.push(c),
            '\u{a0}'..='\u{ff}' | '\u{1}'..='\u{1f}' | '\u{7f}' => {
                push_hex(out, u32::from(c) as u8);
            }
            c => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    // RTF's numbers are signed.
                    out.push_str(&format!("\\u{}?", *unit as i16));
                }
            }
        }
    }
}

fn push_hex(out: &mut String, byte: u8) {
    out.push_str("\\'");
    for digit in [byte >> 4, byte & 0xf] {
        out.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
    }
}

/// An HTML document as RTF that encapsulates it ([MS-OXRTFEX] 2.1.3.3.1): de-encapsulated, it is the
/// document again, with CRLF at its lines' ends. What RTF shows of it are its words, the format of characters
/// and links. None beyond [`MAX_RTF`].
pub fn from_html(html: &str) -> Option<Vec<u8>> {
    let mut writer = HtmlWriter { place: Place::Outside, ..HtmlWriter::default() };
    for token in Tokens::new(html) {
        match token {
            Token::Text(text) => writer.text(text),
            Token::Open(tag) => writer.open(&tag),
            Token::Close(tag) => writer.close(&tag),
            Token::Other(raw) | Token::Raw(raw) => writer.preserve(raw, 0xf0),
        }
        if writer.out.len() > MAX_RTF {
            return None;
        }
    }
    writer.end_link();
    let mut out = String::with_capacity(writer.out.len() + 1024);
    out.push_str("{\\rtf1\\ansi\\ansicpg1252\\fromhtml1 \\deff0");
    out.push_str(FONTS);
    out.push_str("{\\colortbl\\red0\\green0\\blue0;\\red0\\green0\\blue255;");
    for [red, green, blue] in &writer.colors {
        out.push_str(&format!("\\red{red}\\green{green}\\blue{blue};"));
    }
    out.push_str("}\r\n\\uc1\\pard\\plain\\deftab360 \\f0\\fs24 {\\*\\htmltag64}\r\n");
    out.push_str(&writer.out);
    out.push('}');
    Some(out.into_bytes())
}

/// The Destination flag of HTMLTagParameter ([MS-OXRTFEX] 2.1.3.1.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    #[default]
    Body = 0,
    Head = 1,
    Html = 2,
    Outside = 3,
}

const MAX_STACK: usize = 100;
const MAX_COLORS: usize = 1_000;
/// The first color of the table that a document names.
const FIRST_COLOR: usize = 2;

#[derive(Default)]
struct HtmlWriter {
    out: String,
    place: Place,
    colors: Vec<[u8; 3]>,
    /// The colors before elements that set one, by their names.
    stack: Vec<(String, usize)>,
    color: usize,
    bold: u32,
    italic: u32,
    underlined: u32,
    struck: u32,
    in_link: bool,
    /// Something is shown in the current line.
    line: bool,
    preformatted: u32,
}

impl HtmlWriter {
    /// Puts a part of the document into an HTMLTAG group; `kind` has the TagType and the other flags.
    fn preserve(&mut self, raw: &str, kind: u32) {
        let parameter = kind | self.place as u32;
        self.out.push_str(&format!("{{\\*\\htmltag{parameter} "));
        let mut rest = raw;
        while let Some(at) = rest.find(['\r', '\n']) {
            push_text(&mut self.out, &rest[..at]);
            let end = if rest[at..].starts_with("\r\n") { at + 2 } else { at + 1 };
            self.out.push_str("\\par ");
            rest = &rest[end..];
        }
        push_text(&mut self.out, rest);
        self.out.push('}');
    }

    /// What only RTF shows.
    fn show(&mut self, rtf: &str) {
        self.out.push_str("\\htmlrtf ");
        self.out.push_str(rtf);
        self.out.push_str("\\htmlrtf0 ");
    }

    fn text(&mut self, text: &str) {
        let in_body = self.place == Place::Body || !text.trim().is_empty();
        let mut rest = text;
        while let Some(at) = rest.find(['&', '\r', '\n']) {
            self.shared(&rest[..at]);
            rest = &rest[at..];
            if let Some((c, length)) = reference(rest) {
                self.preserve(&rest[..length], 0x50 | 4);
                let mut shown = String::new();
                let mut bytes = [0; 4];
                push_text(&mut shown, c.encode_utf8(&mut bytes));
                self.show(&shown);
                self.line = true;
                rest = &rest[length..];
            } else if rest.starts_with('&') {
                self.shared("&");
                rest = &rest[1..];
            } else {
                // Line ends are white space to HTML and nothing to RTF.
                let end = rest.find(|c| !matches!(c, '\r' | '\n')).unwrap_or(rest.len());
                self.preserve(&rest[..end], 0x50 | 4);
                match in_body {
                    true if self.preformatted > 0 => self.show("\\par "),
                    true if self.line => self.show(" "),
                    _ => {}
                }
                rest = &rest[end..];
            }
        }
        self.shared(rest);
    }

    /// Text that is the same in HTML and RTF.
    fn shared(&mut self, text: &str) {
        if !text.is_empty() {
            push_text(&mut self.out, text);
            self.line |= !text.trim().is_empty();
        }
    }

    fn new_line(&mut self) {
        if std::mem::take(&mut self.line) {
            self.show("\\par ");
        }
    }

    fn open(&mut self, tag: &Tag<'_>) {
        match () {
            () if tag.is("head") => self.place = Place::Html,
            () if tag.is("body") => self.place = Place::Html,
            () if tag.is("html") => self.place = Place::Outside,
            () => {}
        }
        self.preserve(tag.raw, kind_of(tag));
        if tag.is("head") {
            self.place = Place::Head;
            return;
        }
        if tag.is("html") {
            self.place = Place::Html;
            return;
        }
        self.place = match self.place {
            Place::Head if !tag.is("body") && !is_block(tag) => return,
            _ => Place::Body,
        };
        match () {
            () if tag.is("br") => {
                self.line = false;
                self.show("\\par ");
            }
            () if tag.is("a") => self.begin_link(tag),
            () if tag.is("li") => {
                self.new_line();
                self.show("\\bullet\\tab ");
            }
            () if tag.is("td") || tag.is("th") => {
                if self.line {
                    self.show("\\tab ");
                }
            }
            () if tag.is("pre") => {
                self.new_line();
                self.preformatted = self.preformatted.saturating_add(1);
                self.show("\\f1 ");
            }
            () if is_block(tag) => self.new_line(),
            () => {}
        }
        if let Some((count, begin, _)) = self.toggle(tag) {
            *count = count.saturating_add(1);
            self.show(begin);
        }
        self.begin_color(tag);
    }

    fn close(&mut self, tag: &Tag<'_>) {
        match () {
            () if tag.is("head") => self.place = Place::Html,
            () if tag.is("body") => self.place = Place::Html,
            () if tag.is("html") => self.place = Place::Outside,
            () => {}
        }
        if tag.is("a") {
            self.end_link();
        }
        self.preserve(tag.raw, kind_of(tag) | 8);
        if let Some((count, _, end)) = self.toggle(tag)
            && *count > 0
        {
            *count -= 1;
            if *count == 0 {
                self.show(end);
            }
        }
        if self.stack.last().is_some_and(|(name, _)| tag.is(name))
            && let Some((_, color)) = self.stack.pop()
        {
            self.set_color(color);
        }
        if tag.is("pre") && self.preformatted > 0 {
            self.preformatted -= 1;
            if self.preformatted == 0 {
                self.show("\\f0 ");
            }
        }
        if is_block(tag) {
            self.new_line();
        }
    }

    /// The counter of an element that turns a format on, and the words that begin and end it.
    fn toggle(&mut self, tag: &Tag<'_>) -> Option<(&mut u32, &'static str, &'static str)> {
        let name = tag.name.to_ascii_lowercase();
        Some(match name.as_str() {
            "b" | "strong" | "th" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                (&mut self.bold, "\\b ", "\\b0 ")
            }
            "i" | "em" | "cite" => (&mut self.italic, "\\i ", "\\i0 "),
            "u" | "ins" => (&mut self.underlined, "\\ul ", "\\ulnone "),
            "s" | "strike" | "del" => (&mut self.struck, "\\strike ", "\\strike0 "),
            _ => return None,
        })
    }

    /// Groups have to be balanced whatever the document does, so there is one link at a time.
    fn begin_link(&mut self, tag: &Tag<'_>) {
        self.end_link();
        let Some(target) = tag.attribute("href").filter(|target| target.len() < 2_048) else {
            return;
        };
        let mut begin = String::new();
        begin_link(&mut begin, target.trim());
        self.show(&begin);
        self.in_link = true;
    }

    fn end_link(&mut self) {
        if std::mem::take(&mut self.in_link) {
            self.show("}}");
        }
    }

    fn begin_color(&mut self, tag: &Tag<'_>) {
        let element = ["font", "span", "p", "div", "td", "h1", "h2", "h3"];
        if self.stack.len() >= MAX_STACK || !element.iter().any(|name| tag.is(name)) {
            return;
        }
        let named = match tag.is("font") {
            true => tag.attribute("color").and_then(|color| color_of(&color)),
            false => tag.attribute("style").and_then(|style| {
                let mut parts = style.split(';').filter_map(|part| part.split_once(':'));
                let color = parts.find(|(key, _)| key.trim().eq_ignore_ascii_case("color"))?;
                color_of(color.1)
            }),
        };
        // Elements that set no color stand here too, so that ends find their beginnings.
        self.stack.push((tag.name.to_owned(), self.color));
        let Some(color) = named else { return };
        let known = self.colors.iter().position(|known| *known == color);
        let index = match known {
            Some(index) => index,
            None if self.colors.len() < MAX_COLORS => {
                self.colors.push(color);
                self.colors.len() - 1
            }
            None => return,
        };
        self.set_color(index + FIRST_COLOR);
    }

    fn set_color(&mut self, color: usize) {
        if color != self.color {
            self.color = color;
            self.show(&format!("\\cf{color} "));
        }
    }
}

/// The TagType of HTMLTagParameter ([MS-OXRTFEX] 2.1.3.1.4.1), which readers may ignore.
fn kind_of(tag: &Tag<'_>) -> u32 {
    let name = tag.name.to_ascii_lowercase();
    match name.as_str() {
        "html" => 0x10,
        "head" => 0x20,
        "body" => 0x30,
        "p" => 0x40,
        "br" => 0x70,
        "pre" => 0x80,
        "font" => 0x90,
        "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => 0xa0,
        "title" => 0xb0,
        "meta" | "link" | "style" | "script" => 0xf0,
        _ if is_block(tag) => 0x60,
        _ => 0x50 | 4,
    }
}

fn is_block(tag: &Tag<'_>) -> bool {
    let name = tag.name.to_ascii_lowercase();
    matches!(
        name.as_str(),
        "p" | "div"
            | "tr"
            | "li"
            | "ul"
            | "ol"
            | "dl"
            | "dt"
            | "dd"
            | "table"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "blockquote"
            | "pre"
            | "hr"
            | "center"
    )
}

/// `#rgb`, `#rrggbb`, or one of the sixteen names of HTML 4.
fn color_of(text: &str) -> Option<[u8; 3]> {
    let text = text.trim().to_ascii_lowercase();
    if let Some(digits) = text.strip_prefix('#') {
        let number = u32::from_str_radix(digits, 16).ok()?;
        return match digits.len() {
            3 => Some([8, 4, 0].map(|shift| (number >> shift & 0xf) as u8 * 17)),
            6 => Some([16, 8, 0].map(|shift| (number >> shift) as u8)),
            _ => None,
        };
    }
    Some(match text.as_str() {
        "black" => [0, 0, 0],
        "silver" => [192, 192, 192],
        "gray" | "grey" => [128, 128, 128],
        "white" => [255, 255, 255],
        "maroon" => [128, 0, 0],
        "red" => [255, 0, 0],
        "purple" => [128, 0, 128],
        "fuchsia" => [255, 0, 255],
        "green" => [0, 128, 0],
        "lime" => [0, 255, 0],
        "olive" => [128, 128, 0],
        "yellow" => [255, 255, 0],
        "navy" => [0, 0, 128],
        "blue" => [0, 0, 255],
        "teal" => [0, 128, 128],
        "aqua" => [0, 255, 255],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::rtf::{Encapsulated, de_encapsulate, to_html, to_text};

    fn round_trip(html: &str) {
        let rtf = from_html(html).unwrap();
        let whole = Encapsulated::Html(html.to_owned());
        assert_eq!(de_encapsulate(&rtf), Some(whole), "{}", String::from_utf8_lossy(&rtf));
    }

    #[test]
    fn html_survives_encapsulation() {
        round_trip(
            "<html>\r\n<head><title>A {b} \\c</title>\r\n<style>p { color: red }</style></head>\r\n\
<body>\r\n\r\n<p class=\"x\ny\">One &amp; <b>two</b>&nbsp;\u{e9}\u{20ac}\u{1f600}\u{a0}\tx & y < z\r\n\
<a href=\"http://a.b/?c=d&amp;e\">link</a><ul><li>1</ul><font color=red>red</font></body></html>\r\n"
                .replace("x\ny", "x\r\ny")
                .as_str(),
        );
        for html in ["", "text", "</b></a>}{\\", "<a href=x><a href=y>", "<b", "&nbsp;1", "<p>&#1;"]
        {
            round_trip(html);
        }
    }

    #[test]
    fn encapsulated_html_is_shown_by_readers_of_rtf() {
        let html = "<p>One <b>bold</b> &amp; <a href=\"http://a.b/\">link</a><br>two</p>\
<font color=\"#ff0000\">red</font>";
        let rtf = String::from_utf8(from_html(html).unwrap()).unwrap();
        // Without its mark it is genuine RTF.
        let shown = to_html(rtf.replace("\\fromhtml1", "").as_bytes());
        for part in ["<b>bold</b>", "&amp;", "<a href=\"http://a.b/\">", "color:#ff0000;\">red"] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }

    #[test]
    fn text_survives_encapsulation() {
        for text in [
            "",
            "one",
            "One {two} \\three\r\n\r\n\tfour  five \u{e9}\u{431}\u{1f600}\u{a0}\r\n",
            "see http://a.b/c?d=e, me@example.com",
        ] {
            let rtf = from_text(text).unwrap();
            assert_eq!(de_encapsulate(&rtf), Some(Encapsulated::Text(text.into())));
        }
        let rtf = from_text("a\nb").unwrap();
        assert_eq!(to_text(&rtf), "a\r\nb");
    }
}
