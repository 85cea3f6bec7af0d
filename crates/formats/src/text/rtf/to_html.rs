//! Genuine RTF as an HTML document: characters' and paragraphs' formats, links, lists, tables. Pictures,
//! headers and footers are left out.

use std::collections::HashMap;
use std::fmt::Write;

use super::reader::{Destination, Interpreter, Mode, Sink};
use crate::text::html::push_escaped;
use crate::text::symbols::{self, Font};

/// Bytes of HTML; what is beyond is cut.
const MAX_OUT: usize = 64 << 20;
const MAX_FONTS: usize = 4_000;
const MAX_COLORS: usize = 4_000;
/// Characters of a font's name, of a field's instruction.
const MAX_NAME: usize = 64;
const MAX_INSTRUCTION: usize = 4_096;
const MAX_LISTS: usize = 9;
/// Half points; what RTF means when it says nothing.
const DEFAULT_SIZE: i32 = 24;

/// An RTF document as HTML. It names no character set: it is to be written in that of its message.
pub fn to_html(rtf: &[u8]) -> String {
    let mut writer = Interpreter::run(rtf, Mode::Genuine, Writer::default());
    writer.leave_table();
    writer.end_lists(0);
    let body = &writer.out;
    format!("<html>\r\n<head></head>\r\n<body>\r\n{body}</body>\r\n</html>\r\n")
}

/// The format of characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Format {
    link: Option<usize>,
    /// None for the document's default.
    font: Option<i32>,
    /// Half points.
    size: Option<i32>,
    color: usize,
    background: usize,
    bold: bool,
    italic: bool,
    underlined: bool,
    struck: bool,
    raised: bool,
    lowered: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Alignment {
    #[default]
    Left,
    Center,
    Right,
    Justified,
}

/// The format of paragraphs.
#[derive(Debug, Clone, Copy, Default)]
struct Paragraph {
    alignment: Alignment,
    /// Twips.
    indent: i32,
    in_table: bool,
    /// Of a list, from 0.
    level: usize,
}

/// What a group inherits, and restores at its end.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    format: Format,
    paragraph: Paragraph,
    field: Option<usize>,
}

#[derive(Default)]
struct Writer {
    out: String,
    state: State,
    stack: Vec<State>,
    default_font: Option<i32>,
    fonts: HashMap<i32, String>,
    colors: Vec<Option<[u8; 3]>>,
    /// The color of the table that is being read.
    color: Option<[u8; 3]>,
    /// The instructions of fields.
    fields: Vec<String>,
    links: Vec<String>,
    /// What stands before the item whose text comes next.
    mark: String,
    /// How the open paragraph ends; None between paragraphs.
    paragraph: Option<&'static str>,
    /// The inline elements that are open.
    inline: Format,
    /// Of a run of spaces, all but the first are kept by being no spaces.
    after_space: bool,
    lists: Vec<&'static str>,
    table: bool,
    row: bool,
    cell: bool,
}

impl Sink for Writer {
    fn open(&mut self) {
        self.stack.push(self.state);
    }

    fn close(&mut self) {
        if let Some(state) = self.stack.pop() {
            self.state = state;
        }
    }

    fn text(&mut self, destination: Destination, font: i32, text: &str) {
        match destination {
            Destination::FontTable => {
                if self.fonts.len() < MAX_FONTS {
                    let name = self.fonts.entry(font).or_default();
                    push_bounded(name, text.trim_end_matches(';'), MAX_NAME);
                }
            }
            Destination::ColorTable => {
                for _ in text.matches(';') {
                    if self.colors.len() < MAX_COLORS {
                        self.colors.push(self.color.take());
                    }
                }
            }
            Destination::Instruction => {
                if let Some(field) = self.state.field.and_then(|field| self.fields.get_mut(field)) {
                    push_bounded(field, text, MAX_INSTRUCTION);
                }
            }
            Destination::Mark => push_bounded(&mut self.mark, text, MAX_NAME),
            Destination::Body => self.characters(font, text),
            Destination::HtmlTag | Destination::Nowhere => {}
        }
    }

    fn word(&mut self, destination: Destination, word: &[u8], number: Option<i32>) {
        match destination {
            Destination::ColorTable => {
                let part = match word {
                    b"red" => 0,
                    b"green" => 1,
                    b"blue" => 2,
                    _ => return,
                };
                let value = number.unwrap_or(0).clamp(0, 255) as u8;
                self.color.get_or_insert_default()[part] = value;
            }
            Destination::Body => self.body_word(word, number),
            _ => {}
        }
    }
}

fn push_bounded(out: &mut String, text: &str, limit: usize) {
    let room = limit.saturating_sub(out.len()).min(text.len());
    out.push_str(&text[..text.floor_char_boundary(room)]);
}

impl Writer {
    fn body_word(&mut self, word: &[u8], number: Option<i32>) {
        let on = number != Some(0);
        let index = usize::try_from(number.unwrap_or(0)).unwrap_or(0);
        let format = &mut self.state.format;
        let paragraph = &mut self.state.paragraph;
        match word {
            b"deff" => self.default_font = number,
            b"plain" => *format = Format { link: format.link, ..Format::default() },
            b"f" => format.font = number,
            b"fs" => format.size = number.filter(|size| (2..=400).contains(size)),
            b"cf" => format.color = index,
            b"cb" | b"highlight" | b"chcbpat" => format.background = index,
            b"b" => format.bold = on,
            b"i" => format.italic = on,
            b"ul" | b"uld" | b"uldb" | b"ulw" | b"uldash" | b"ulwave" => format.underlined = on,
            b"ulnone" => format.underlined = false,
            b"strike" | b"striked" => format.struck = on,
            b"super" => (format.raised, format.lowered) = (on, false),
            b"sub" => (format.lowered, format.raised) = (on, false),
            b"nosupersub" => (format.raised, format.lowered) = (false, false),
            b"pard" => *paragraph = Paragraph::default(),
            b"ql" => paragraph.alignment = Alignment::Left,
            b"qc" => paragraph.alignment = Alignment::Center,
            b"qr" => paragraph.alignment = Alignment::Right,
            b"qj" => paragraph.alignment = Alignment::Justified,
            b"li" => paragraph.indent = number.unwrap_or(0).clamp(0, 20_000),
            b"intbl" => paragraph.in_table = on,
            b"ilvl" => paragraph.level = index.min(MAX_LISTS - 1),
            b"field" => {
                self.state.field = Some(self.fields.len());
                self.fields.push(String::new());
            }
            b"fldrslt" => self.begin_result(),
            b"par" | b"sect" | b"page" => self.end_paragraph(true),
            b"line" | b"softline" => {
                self.need_paragraph();
                self.out.push_str("<br>\r\n");
                self.after_space = true;
            }
            b"tab" => {
                self.need_inline();
                self.out.push_str("<span style=\"white-space:pre\">\t</span>");
                self.after_space = true;
            }
            b"cell" => self.end_cell(),
            b"nestcell" => self.body_word(b"tab", None),
            b"nestrow" => self.body_word(b"line", None),
            b"row" => self.end_row(),
            _ => {}
        }
    }

    /// The result of a field is shown; that of a hyperlink leads somewhere.
    fn begin_result(&mut self) {
        let field = self.state.field.and_then(|field| self.fields.get(field));
        if let Some(target) = field.and_then(|instruction| target_of(instruction)) {
            self.state.format.link = Some(self.links.len());
            self.links.push(target);
        }
    }

    fn characters(&mut self, font: i32, text: &str) {
        if text.is_empty() || self.out.len() > MAX_OUT {
            return;
        }
        self.state.format.font = Some(font).filter(|font| Some(*font) != self.default_font);
        self.need_inline();
        let symbols = self.fonts.get(&font).and_then(|name| Font::of_name(name));
        for c in text.chars() {
            let c = symbols.map_or(c, |font| symbols::shown(font, c));
            let space = c == ' ';
            let mut bytes = [0; 4];
            match c {
                ' ' if self.after_space => self.out.push_str("&nbsp;"),
                c if c.is_control() => {}
                c => push_escaped(&mut self.out, c.encode_utf8(&mut bytes)),
            }
            self.after_space = space;
        }
    }

    fn need_paragraph(&mut self) {
        if self.paragraph.is_some() {
            return;
        }
        let format = self.state.paragraph;
        match format.in_table {
            true => self.need_cell(),
            false => self.leave_table(),
        }
        // Spaces at the beginning count.
        self.after_space = true;
        let mark = std::mem::take(&mut self.mark);
        let mark = mark.trim();
        if !mark.is_empty() {
            self.begin_item(format.level, mark);
            self.paragraph = Some("");
            return;
        }
        self.end_lists(0);
        self.out.push_str("<p style=\"margin:0");
        match format.alignment {
            Alignment::Left => {}
            Alignment::Center => self.out.push_str(";text-align:center"),
            Alignment::Right => self.out.push_str(";text-align:right"),
            Alignment::Justified => self.out.push_str(";text-align:justify"),
        }
        if format.indent > 0 {
            let _ = write!(self.out, ";margin-left:{}pt", format.indent / 20);
        }
        self.out.push_str("\">");
        self.paragraph = Some("</p>");
    }

    /// Ends the open paragraph; where none is open, an empty one stands if it is `shown`.
    fn end_paragraph(&mut self, shown: bool) {
        if self.paragraph.is_none() && !shown || self.out.len() > MAX_OUT {
            return;
        }
        let empty = self.paragraph.is_none();
        self.need_paragraph();
        self.end_inline(Format::default());
        let end = self.paragraph.take().unwrap_or_default();
        if empty && !end.is_empty() {
            self.out.push_str("&nbsp;");
        }
        self.out.push_str(end);
        self.out.push_str("\r\n");
    }

    /// An item of a list, of which the mark tells the kind.
    fn begin_item(&mut self, level: usize, mark: &str) {
        let numbered = mark.chars().any(char::is_alphanumeric) && mark != "o";
        let (end, begin) = match numbered {
            true => ("</ol>", "<ol"),
            false => ("</ul>", "<ul"),
        };
        self.end_lists(level + 1);
        if self.lists.len() == level + 1 {
            match self.lists.last() == Some(&end) {
                true => self.out.push_str("</li>\r\n<li>"),
                false => self.end_lists(level),
            }
        }
        while self.lists.len() <= level {
            self.out.push_str(begin);
            let number: Option<u32> = mark.trim_matches(|c: char| !c.is_ascii_digit()).parse().ok();
            if let Some(number) = number.filter(|number| numbered && *number != 1) {
                let _ = write!(self.out, " start=\"{number}\"");
            }
            self.out.push_str(">\r\n<li>");
            self.lists.push(end);
        }
    }

    /// Ends lists until so many are open.
    fn end_lists(&mut self, count: usize) {
        while self.lists.len() > count {
            let end = self.lists.pop().unwrap_or_default();
            self.out.push_str("</li>\r\n");
            self.out.push_str(end);
            self.out.push_str("\r\n");
        }
    }

    fn need_cell(&mut self) {
        if !self.table {
            self.end_lists(0);
            self.out.push_str("<table border=\"1\" cellspacing=\"0\" cellpadding=\"4\">\r\n");
            self.table = true;
        }
        if !self.row {
            self.out.push_str("<tr>");
            self.row = true;
        }
        if !self.cell {
            self.out.push_str("<td>");
            self.cell = true;
        }
    }

    fn end_cell(&mut self) {
        if self.out.len() > MAX_OUT {
            return;
        }
        self.end_paragraph(false);
        self.mark.clear();
        self.need_cell();
        self.end_lists(0);
        self.out.push_str("</td>");
        self.cell = false;
    }

    fn end_row(&mut self) {
        if self.cell {
            self.end_cell();
        }
        if std::mem::take(&mut self.row) {
            self.out.push_str("</tr>\r\n");
        }
    }

    fn leave_table(&mut self) {
        self.end_paragraph(false);
        if std::mem::take(&mut self.table) {
            self.end_row();
            // The last row has brought the table back only if it had something to end.
            self.table = false;
            self.out.push_str("</table>\r\n");
        }
    }

    /// The elements of the current format are open.
    fn need_inline(&mut self) {
        self.need_paragraph();
        let format = self.state.format;
        if format == self.inline {
            return;
        }
        self.end_inline(format);
        let old = self.inline;
        if format.link != old.link
            && let Some(target) = format.link.and_then(|link| self.links.get(link))
        {
            self.out.push_str("<a href=\"");
            push_escaped(&mut self.out, target);
            self.out.push_str("\">");
        }
        let kept = format.link == old.link && style_of(&format) == style_of(&old);
        if !kept {
            let style = self.style(&format);
            if !style.is_empty() {
                let _ = write!(self.out, "<span style=\"{style}\">");
            }
        }
        for (on, name) in flags_of(&format) {
            if on {
                let _ = write!(self.out, "<{name}>");
            }
        }
        self.inline = format;
    }

    /// Ends inline elements as far as another format needs it; what both have stays open.
    fn end_inline(&mut self, next: Format) {
        let old = self.inline;
        for (on, name) in flags_of(&old).into_iter().rev() {
            if on {
                let _ = write!(self.out, "</{name}>");
            }
        }
        let mut left = Format { link: old.link, ..Format::default() };
        if next.link == old.link && style_of(&next) == style_of(&old) {
            let Format { font, size, color, background, .. } = old;
            left = Format { font, size, color, background, ..left };
        } else if !self.style(&old).is_empty() {
            self.out.push_str("</span>");
        }
        if next.link != old.link {
            if old.link.is_some() {
                self.out.push_str("</a>");
            }
            left.link = None;
        }
        self.inline = left;
    }

    fn style(&self, format: &Format) -> String {
        let mut style = String::new();
        if let Some(name) = format.font.and_then(|font| self.fonts.get(&font)) {
            let known = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
            let name: String = name.chars().filter(known).collect();
            // Symbols are written as the characters that they show.
            if !name.trim().is_empty() && Font::of_name(&name).is_none() {
                let _ = write!(style, "font-family:'{}';", name.trim());
            }
        }
        if let Some(size) = format.size.filter(|size| *size != DEFAULT_SIZE) {
            let half = if size % 2 == 1 { ".5" } else { "" };
            let _ = write!(style, "font-size:{}{half}pt;", size / 2);
        }
        for (color, name) in [(format.color, "color"), (format.background, "background-color")] {
            // The first of the table is the reader's own.
            if color > 0
                && let Some(Some([red, green, blue])) = self.colors.get(color)
            {
                let _ = write!(style, "{name}:#{red:02x}{green:02x}{blue:02x};");
            }
        }
        style
    }
}

fn style_of(format: &Format) -> (Option<i32>, Option<i32>, usize, usize) {
    (format.font, format.size, format.color, format.background)
}

fn flags_of(format: &Format) -> [(bool, &'static str); 6] {
    [
        (format.bold, "b"),
        (format.italic, "i"),
        (format.underlined && format.link.is_none(), "u"),
        (format.struck, "s"),
        (format.raised, "sup"),
        (format.lowered, "sub"),
    ]
}

/// The target of a field `HYPERLINK "target"`, unless it could run something.
fn target_of(instruction: &str) -> Option<String> {
    let instruction = instruction.trim_start();
    let name = instruction.get(..9).filter(|name| name.eq_ignore_ascii_case("HYPERLINK"))?;
    let rest = instruction[name.len()..].trim_start();
    let target = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => rest.split_whitespace().next().filter(|word| !word.starts_with('\\'))?,
    };
    let scheme = target.split([':', '/', '?', '#']).next().unwrap_or_default();
    let has_scheme = target[scheme.len()..].starts_with(':');
    let known = ["http", "https", "ftp", "mailto", "tel", "file", "cid"];
    let allowed = !has_scheme || known.iter().any(|known| scheme.eq_ignore_ascii_case(known));
    (allowed && !target.is_empty()).then(|| target.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::rtf::to_text;

    fn body(rtf: &str) -> String {
        let html = to_html(rtf.as_bytes());
        let start = html.find("<body>\r\n").unwrap() + "<body>\r\n".len();
        html[start..html.find("</body>").unwrap()].to_owned()
    }

    #[test]
    fn formats_of_characters() {
        let rtf = r"{\rtf1\ansi\deff0{\fonttbl{\f0\fswiss Arial;}{\f1\froman\fcharset204 Times New Roman;}}
{\colortbl;\red255\green0\blue0;}\f0\fs24 a <{\b b\i c}\i0  d{\cf1\fs21 e}{\f1 \'e6}\super 2\nosupersub\par}";
        assert_eq!(
            body(rtf),
            "<p style=\"margin:0\">a &lt;<b>b</b><b><i>c</i></b> d\
<span style=\"font-size:10.5pt;color:#ff0000;\">e</span>\
<span style=\"font-family:'Times New Roman';\">ж</span><sup>2</sup></p>\r\n"
        );
    }

    #[test]
    fn paragraphs_and_links() {
        let rtf = r#"{\rtf1 \qc one  two\par\pard\li720 \par a{\field{\*\fldinst{HYPERLINK "http://a.b/?c&d"}}{\fldrslt{\ul here}}}.{\field{\*\fldinst HYPERLINK "javascript:x"}{\fldrslt no}}\line\tab x}"#;
        assert_eq!(
            body(rtf),
            "<p style=\"margin:0;text-align:center\">one &nbsp;two</p>\r\n\
<p style=\"margin:0;margin-left:36pt\">&nbsp;</p>\r\n\
<p style=\"margin:0;margin-left:36pt\">a<a href=\"http://a.b/?c&amp;d\">here</a>.no<br>\r\n\
<span style=\"white-space:pre\">\t</span>x</p>\r\n"
        );
    }

    #[test]
    fn lists_and_tables() {
        let rtf = r"{\rtf1{\fonttbl{\f3\fcharset2 Symbol;}}Before\par
{\pntext\f3\'b7\tab}{\*\pn\pnlvlblt{\pntxtb\'b7}}one\par{\listtext\f3\'b7\tab}\ilvl0 two\par
\ilvl1{\listtext 3.\tab}\ilvl1 three\par\pard after\par
\trowd\cellx100\cellx200\intbl a\cell b{\b c}\cell\row\trowd\intbl\cell d\cell\row\pard end\par}";
        assert_eq!(
            body(rtf),
            "<p style=\"margin:0\">Before</p>\r\n<ul>\r\n<li>one\r\n</li>\r\n<li>two\r\n\
<ol start=\"3\">\r\n<li>three\r\n</li>\r\n</ol>\r\n</li>\r\n</ul>\r\n<p style=\"margin:0\">after</p>\r\n\
<table border=\"1\" cellspacing=\"0\" cellpadding=\"4\">\r\n<tr><td><p style=\"margin:0\">a</p>\r\n</td>\
<td><p style=\"margin:0\">b<b>c</b></p>\r\n</td></tr>\r\n\
<tr><td></td><td><p style=\"margin:0\">d</p>\r\n</td></tr>\r\n</table>\r\n\
<p style=\"margin:0\">end</p>\r\n"
        );
        assert_eq!(
            to_text(rtf.as_bytes()),
            "Before\n* one\n* two\n  3. three\nafter\na\tbc\nd\nend\n"
        );
    }
}
