//! An HTML document as text that people like to read.

use super::entities::unescape;
use super::tokens::{Tag, Token, Tokens};
use crate::text::symbols::{self, Font};

/// The text of an HTML document as a mail program shows it without HTML: paragraphs and lines, lists with
/// their marks, quotations behind `>`, rows of tables as lines with tabs, targets behind links where the link
/// does not show them. Lines are as long as they are. What a browser does not show is left out.
///
/// One pass without a tree, in time and memory proportional to the document.
pub fn to_text(html: &str) -> String {
    let mut writer = Writer::default();
    for token in Tokens::new(html) {
        match token {
            Token::Text(text) => writer.text(text),
            Token::Open(tag) => writer.open(&tag),
            Token::Close(tag) => writer.close(&tag),
            Token::Other(_) | Token::Raw(_) => {}
        }
        if writer.out.len() > MAX_OUT {
            break;
        }
    }
    writer.finish()
}

/// Bytes of text; what is beyond is cut.
const MAX_OUT: usize = 64 << 20;
/// Elements in elements; deeper ones have no effect.
const MAX_DEPTH: usize = 100;
/// Deeper quotations and lists are shown as these, so that a line's beginning has a bound.
const MAX_LEVEL: usize = 8;
/// Longer targets are not shown.
const MAX_TARGET: usize = 2_048;
/// As Outlook draws a rule.
const RULE: &str = "________________________________";

/// How elements are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Begins and ends a line.
    Block,
    /// An empty line before and after.
    Paragraph,
    Quote,
    List,
    Item,
    Row,
    Cell,
    Table,
    Link,
    /// Only its style counts.
    Inline,
    /// Never shown.
    Hidden,
}

#[rustfmt::skip]
static ELEMENTS: &[(&str, Kind)] = &[
    ("a", Kind::Link), ("address", Kind::Block), ("article", Kind::Block), ("aside", Kind::Block),
    ("blockquote", Kind::Quote), ("caption", Kind::Block), ("center", Kind::Block),
    ("dd", Kind::Block), ("dir", Kind::List), ("div", Kind::Block), ("dl", Kind::Paragraph),
    ("dt", Kind::Block), ("fieldset", Kind::Block), ("figcaption", Kind::Block),
    ("figure", Kind::Paragraph), ("footer", Kind::Block), ("form", Kind::Block),
    ("h1", Kind::Paragraph), ("h2", Kind::Paragraph), ("h3", Kind::Paragraph),
    ("h4", Kind::Paragraph), ("h5", Kind::Paragraph), ("h6", Kind::Paragraph),
    ("header", Kind::Block), ("li", Kind::Item), ("main", Kind::Block), ("menu", Kind::List),
    ("nav", Kind::Block), ("object", Kind::Hidden), ("ol", Kind::List), ("p", Kind::Paragraph),
    ("pre", Kind::Paragraph), ("section", Kind::Block), ("select", Kind::Hidden),
    ("span", Kind::Inline), ("table", Kind::Table), ("td", Kind::Cell), ("template", Kind::Hidden),
    ("th", Kind::Cell), ("tr", Kind::Row), ("ul", Kind::List),
];

/// What may stand before the next text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Gap {
    #[default]
    None,
    Line,
    Empty,
}

/// An element that is open.
struct Element {
    name: &'static str,
    kind: Kind,
    hidden: bool,
    pre: bool,
    /// Its letters show symbols.
    font: Option<Font>,
    gap: Gap,
    /// The target of a link.
    target: Option<String>,
    /// Where what the element holds begins.
    start: usize,
    /// How many lines were begun before it.
    lines: usize,
    /// The number of an ordered list's next item.
    next: Option<i32>,
    /// Columns by which an item's lines are moved in.
    indent: usize,
    /// Something was written in a row.
    filled: bool,
}

#[derive(Default)]
struct Writer {
    out: String,
    stack: Vec<Element>,
    gap: Gap,
    /// How deep in quotations the gap is.
    gap_quote: usize,
    /// White space came behind the last word.
    space: bool,
    /// A cell of the row came before.
    tab: bool,
    /// The mark of an item that has no text yet.
    mark: Option<String>,
    /// Where the current line begins, if something was written in it.
    line: Option<usize>,
    /// The length of the current line's beginning.
    prefix: usize,
    lines: usize,
    quote: usize,
    hidden: usize,
    pre: usize,
    /// Nothing was written in the cell yet.
    empty_cell: bool,
    /// The same of a cell behind another one, so that blocks in it do not begin a line.
    fresh_cell: bool,
    /// A line's end right behind `<pre>` does not count.
    fresh_pre: bool,
}

impl Writer {
    fn text(&mut self, text: &str) {
        if self.hidden > 0 {
            return;
        }
        let resolved;
        let text = match text.contains('&') {
            true => {
                resolved = unescape(text);
                &resolved
            }
            false => text,
        };
        let fresh_pre = std::mem::take(&mut self.fresh_pre);
        let font = self.stack.last().and_then(|element| element.font);
        for (at, c) in text.char_indices() {
            match font.map_or(c, |font| symbols::shown(font, c)) {
                '\n' if self.pre > 0 => {
                    if !(fresh_pre && at <= 1 && text[..at].trim_end_matches('\r').is_empty()) {
                        self.line_break();
                    }
                }
                '\r' => self.space |= self.pre == 0 && self.line.is_some(),
                ' ' | '\t' if self.pre > 0 => self.push(c),
                ' ' | '\t' | '\n' | '\u{c}' => self.space |= self.line.is_some(),
                '\u{ad}' | '\u{200b}' | '\u{feff}' => {}
                // A cell that holds nothing else is an empty one.
                '\u{a0}' if self.empty_cell => {}
                '\u{a0}' => self.push(' '),
                c if c.is_control() => {}
                c => self.push(c),
            }
        }
    }

    fn push(&mut self, c: char) {
        let inside = self.line.is_some() && self.gap == Gap::None && !self.empty_cell;
        if !inside || self.space || self.tab {
            self.begin();
        }
        self.out.push(c);
    }

    /// What has to stand before the next character.
    fn begin(&mut self) {
        self.apply_gap();
        if self.line.is_none() {
            self.line = Some(self.out.len());
            self.lines += 1;
            self.push_prefix();
            if let Some(mark) = self.mark.take() {
                self.out.push_str(&mark);
            }
            self.prefix = self.out.len() - self.line.unwrap_or(0);
        } else if self.tab {
            self.out.push('\t');
        } else if self.space {
            self.out.push(' ');
        }
        self.space = false;
        self.tab = false;
        self.fresh_cell = false;
        self.empty_cell = false;
        if let Some(row) = self.stack.iter_mut().rev().find(|e| e.kind == Kind::Row) {
            row.filled = true;
        }
    }

    fn push_prefix(&mut self) {
        let quote = self.quote.min(MAX_LEVEL);
        self.out.extend(std::iter::repeat_n('>', quote));
        if quote > 0 {
            self.out.push(' ');
        }
        let own = usize::from(self.mark.is_some());
        let items = self.stack.iter().filter(|e| e.kind == Kind::Item);
        let count = items.clone().count();
        let indent: usize =
            items.take(count - own.min(count)).map(|e| e.indent).take(MAX_LEVEL).sum();
        self.out.extend(std::iter::repeat_n(' ', indent));
    }

    /// Ends the current line; an empty line if there is none.
    fn line_break(&mut self) {
        self.apply_gap();
        self.end_line(self.quote);
    }

    fn end_line(&mut self, quote: usize) {
        match self.line.take() {
            Some(start) => {
                // A line of spaces is an empty line.
                let text = (start + self.prefix).min(self.out.len());
                let written = self.out[text..].trim_end_matches([' ', '\t']).len();
                if written == 0 {
                    let kept = self.out[..text].trim_end_matches(' ').len();
                    self.out.truncate(kept.max(start));
                } else if self.out[text + written..].contains('\t') {
                    // Empty cells at the end of a row.
                    self.out.truncate(text + written);
                }
            }
            None => self.out.extend(std::iter::repeat_n('>', quote.min(MAX_LEVEL))),
        }
        self.out.push('\n');
        self.space = false;
        self.tab = false;
    }

    fn apply_gap(&mut self) {
        let gap = std::mem::take(&mut self.gap);
        if self.line.is_some() && gap > Gap::None {
            self.end_line(0);
        }
        // Two empty lines in a row come of `<br>` only.
        if gap == Gap::Empty && !self.out.is_empty() && !self.ends_with_empty_line() {
            self.end_line(self.gap_quote.min(self.quote));
        }
    }

    fn ends_with_empty_line(&self) -> bool {
        let before = self.out.strip_suffix('\n').unwrap_or(&self.out);
        before.trim_end_matches('>').ends_with('\n')
    }

    /// The next text stands in a line of its own.
    fn separate(&mut self, gap: Gap) {
        if self.fresh_cell || self.hidden > 0 || gap == Gap::None {
            return;
        }
        if gap > self.gap || self.gap == Gap::None {
            self.gap_quote = self.quote;
        }
        self.gap_quote = self.gap_quote.min(self.quote);
        self.gap = self.gap.max(gap);
        self.space = false;
    }

    fn open(&mut self, tag: &Tag<'_>) {
        if self.hidden > 0 && is_void(tag) {
            return;
        }
        if tag.is("br") {
            return self.line_break();
        }
        if tag.is("hr") {
            self.separate(Gap::Line);
            self.word(RULE);
            return self.separate(Gap::Line);
        }
        if tag.is("img") {
            return self.image(tag);
        }
        let known = ELEMENTS.iter().find(|(name, _)| tag.is(name));
        let Some((name, kind)) = known.copied() else { return };
        self.end_implied(kind);
        if self.stack.len() >= MAX_DEPTH {
            return self.separate(gap_of(kind, tag));
        }
        let style = tag.attribute("style").unwrap_or_default();
        let style: String = style.chars().filter(|c| !c.is_whitespace()).take(1_000).collect();
        let style = style.to_ascii_lowercase();
        let gap = match style.contains("margin:0") || style.contains("margin-top:0") {
            true => gap_of(kind, tag).min(Gap::Line),
            false => gap_of(kind, tag),
        };
        self.separate(gap);
        let hidden = kind == Kind::Hidden || style.contains("display:none");
        let pre = name == "pre" || style.contains("white-space:pre");
        let font = match style.split_once("font-family:") {
            Some((_, name)) => Font::of_name(name),
            None => self.stack.last().and_then(|element| element.font),
        };
        let mut element = Element {
            name,
            kind,
            hidden,
            pre,
            font,
            gap,
            target: None,
            start: self.out.len(),
            lines: self.lines,
            next: None,
            indent: 0,
            filled: false,
        };
        match kind {
            Kind::Quote => self.quote += 1,
            Kind::List if name == "ol" => {
                let start = tag.attribute("start").and_then(|start| start.trim().parse().ok());
                element.next = Some(start.unwrap_or(1));
            }
            Kind::Item => {
                let mark = self.mark_of_item();
                element.indent = mark.len().min(4);
                if self.hidden == 0 {
                    self.mark = Some(mark);
                }
            }
            Kind::Cell => self.open_cell(),
            Kind::Link => {
                element.target = tag.attribute("href").map(|target| target.trim().to_owned());
            }
            _ => {}
        }
        self.hidden += usize::from(hidden);
        self.pre += usize::from(pre);
        self.fresh_pre = name == "pre";
        self.stack.push(element);
    }

    fn mark_of_item(&mut self) -> String {
        let list = self.stack.iter_mut().rev().find(|element| element.kind == Kind::List);
        match list.and_then(|list| list.next.as_mut()) {
            Some(number) => {
                let mark = format!("{number}. ");
                *number = number.saturating_add(1);
                mark
            }
            None => "* ".into(),
        }
    }

    fn open_cell(&mut self) {
        let filled =
            self.stack.iter().rev().find(|e| e.kind == Kind::Row).is_some_and(|e| e.filled);
        if self.line.is_some() && filled && self.gap == Gap::None {
            self.tab = true;
        }
        self.fresh_cell = self.gap == Gap::None || self.line.is_none();
        self.empty_cell = true;
    }

    fn image(&mut self, tag: &Tag<'_>) {
        let Some(alternative) = tag.attribute("alt") else { return };
        let alternative = alternative.trim();
        if self.hidden == 0 && !alternative.is_empty() && alternative.len() <= 500 {
            let words: Vec<_> = alternative.split_whitespace().collect();
            self.word(&format!("[{}]", words.join(" ")));
        }
    }

    fn word(&mut self, word: &str) {
        if self.hidden == 0 {
            self.begin();
            self.out.push_str(word);
        }
    }

    /// Elements that end where another begins, though nothing says so.
    fn end_implied(&mut self, kind: Kind) {
        let ends: &[Kind] = match kind {
            Kind::Inline | Kind::Hidden => return,
            Kind::Link => &[Kind::Link],
            Kind::Item => &[Kind::Item],
            Kind::Cell => &[Kind::Cell],
            Kind::Row => &[Kind::Row],
            _ => &[Kind::Paragraph],
        };
        let stops = |element: &Element| match kind {
            Kind::Item => element.kind == Kind::List || element.kind == Kind::Cell,
            Kind::Cell | Kind::Row => element.kind == Kind::Table,
            _ => matches!(element.kind, Kind::Cell | Kind::Item | Kind::Quote | Kind::Block),
        };
        for index in (0..self.stack.len()).rev() {
            let element = &self.stack[index];
            // Of paragraphs only `<p>` ends where a block begins.
            let is_p = element.kind != Kind::Paragraph || element.name == "p";
            if ends.contains(&element.kind) && is_p {
                return self.pop_to(index);
            }
            if stops(element) {
                return;
            }
        }
    }

    fn close(&mut self, tag: &Tag<'_>) {
        let known = ELEMENTS.iter().find(|(name, _)| tag.is(name));
        let Some((name, kind)) = known.copied() else {
            return if tag.is("br") {
                self.line_break()
            };
        };
        let barrier = |element: &Element| match kind {
            Kind::Table => false,
            Kind::Row | Kind::Cell => element.kind == Kind::Table,
            _ => element.kind == Kind::Cell,
        };
        for index in (0..self.stack.len()).rev() {
            if self.stack[index].name == name {
                return self.pop_to(index);
            }
            if barrier(&self.stack[index]) {
                return;
            }
        }
    }

    /// Ends the elements from a place of the stack on.
    fn pop_to(&mut self, index: usize) {
        while self.stack.len() > index {
            let Some(element) = self.stack.pop() else { return };
            if element.kind == Kind::Link {
                self.end_link(&element);
            }
            self.hidden -= usize::from(element.hidden);
            self.pre -= usize::from(element.pre);
            self.fresh_pre = false;
            match element.kind {
                Kind::Quote => {
                    self.quote -= 1;
                    self.separate(element.gap);
                }
                // The next cell stands beside it, unless it has several lines.
                Kind::Cell => {
                    self.fresh_cell = false;
                    self.empty_cell = false;
                    if self.lines > element.lines + 1 {
                        self.separate(Gap::Line);
                    } else if self.out.len() > element.start && self.line.is_some() {
                        self.gap = Gap::None;
                    }
                }
                Kind::Item => {
                    self.mark = None;
                    self.separate(element.gap);
                }
                Kind::Row | Kind::Table => {
                    self.fresh_cell = false;
                    self.empty_cell = false;
                    self.tab = false;
                    self.separate(element.gap);
                }
                _ => self.separate(element.gap),
            }
        }
    }

    fn end_link(&mut self, link: &Element) {
        let Some(target) = &link.target else { return };
        let scheme = target.split([':', '/', '?', '#']).next().unwrap_or_default();
        let known = ["http", "https", "ftp", "mailto", "tel", "file"];
        if self.hidden > 0
            || target.len() > MAX_TARGET
            || !target.contains(':')
            || !known.iter().any(|known| scheme.eq_ignore_ascii_case(known))
        {
            return;
        }
        let text = self.out.get(link.start.min(self.out.len())..).unwrap_or_default();
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '>');
        if shows(text, target) {
            return;
        }
        let target = format!("<{target}>");
        match text.is_empty() {
            true => self.word(&target),
            false => {
                // A link around blocks has its target behind the last line.
                if self.line.is_none() {
                    self.begin();
                } else if !self.out.ends_with(' ') {
                    self.out.push(' ');
                }
                self.out.push_str(&target);
            }
        }
    }

    fn finish(mut self) -> String {
        self.pop_to(0);
        if self.line.is_some() {
            self.end_line(0);
        }
        let end = self.out.trim_end_matches(['\n', ' ']).len();
        self.out.truncate(end);
        let start = self.out.len() - self.out.trim_start_matches('\n').len();
        self.out.drain(..start);
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        self.out
    }
}

/// Whether a link's text tells its target.
fn shows(text: &str, target: &str) -> bool {
    fn bare(text: &str) -> &str {
        let at = ["http://", "https://", "mailto:", "tel:"]
            .iter()
            .find_map(|scheme| {
                let start = text.get(..scheme.len())?;
                start.eq_ignore_ascii_case(scheme).then_some(scheme.len())
            })
            .unwrap_or(0);
        text[at..].trim_end_matches('/')
    }
    bare(text).eq_ignore_ascii_case(bare(target))
}

fn gap_of(kind: Kind, tag: &Tag<'_>) -> Gap {
    match kind {
        Kind::Inline | Kind::Link | Kind::Cell | Kind::Hidden => Gap::None,
        Kind::Block | Kind::Item | Kind::Row | Kind::Table => Gap::Line,
        // Word's paragraphs have no space between them.
        Kind::Paragraph => {
            match tag.is("p") && tag.attribute("class").is_some_and(|c| c.starts_with("Mso")) {
                true => Gap::Line,
                false => Gap::Empty,
            }
        }
        Kind::Quote => Gap::Empty,
        Kind::List => Gap::Line,
    }
}

fn is_void(tag: &Tag<'_>) -> bool {
    ["br", "hr", "img"].iter().any(|name| tag.is(name))
}
