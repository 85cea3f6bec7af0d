//! HTML in tokens: tags, text, and what is neither. Nothing is lost: the tokens of a document, one after the
//! other, are the document.

use std::borrow::Cow;

use super::entities::unescape;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// Characters, with their character references.
    Text(&'a str),
    /// `<name attributes>`
    Open(Tag<'a>),
    /// `</name>`
    Close(Tag<'a>),
    /// Comments, declarations, processing instructions.
    Other(&'a str),
    /// What stands in a script, a style sheet, a title: no tags in there.
    Raw(&'a str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag<'a> {
    /// As it is written, in any case of letters.
    pub name: &'a str,
    pub attributes: &'a str,
    pub raw: &'a str,
}

impl<'a> Token<'a> {
    #[cfg(test)]
    pub fn raw(&self) -> &'a str {
        match self {
            Token::Text(raw) | Token::Other(raw) | Token::Raw(raw) => raw,
            Token::Open(tag) | Token::Close(tag) => tag.raw,
        }
    }
}

impl<'a> Tag<'a> {
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The value of an attribute with its character references resolved; empty for one without a value.
    pub fn attribute(&self, name: &str) -> Option<Cow<'a, str>> {
        let mut rest = self.attributes;
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
            if rest.is_empty() {
                return None;
            }
            // The first character belongs to the name whatever it is, so there is always progress.
            let first = rest.chars().next().map_or(1, char::len_utf8);
            let stop = |c: char| c.is_ascii_whitespace() || matches!(c, '=' | '/' | '>');
            let end = rest[first..].find(stop).map_or(rest.len(), |at| at + first);
            let (key, after) = rest.split_at(end);
            let after_space = after.trim_start();
            let (value, next) = match after_space.strip_prefix('=') {
                Some(value) => value_of(value.trim_start()),
                None => ("", after),
            };
            if key.eq_ignore_ascii_case(name) {
                return Some(match value.contains('&') {
                    true => unescape(value).into(),
                    false => value.into(),
                });
            }
            rest = next;
        }
    }
}

/// A value of an attribute, and what follows it.
fn value_of(text: &str) -> (&str, &str) {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''));
    let Some(quote) = quote else {
        return text.split_at(text.find(|c: char| c.is_ascii_whitespace()).unwrap_or(text.len()));
    };
    let inside = &text[1..];
    match inside.find(quote) {
        Some(end) => (&inside[..end], &inside[end + 1..]),
        None => (inside, ""),
    }
}

pub(crate) struct Tokens<'a> {
    rest: &'a str,
    /// The element whose raw content comes next.
    raw_in: Option<&'a str>,
    /// There is no `>` any more, so nothing can be a tag.
    no_more_tags: bool,
    /// A tag's quotes led to the document's end: they mean nothing from there on, so that no second tag
    /// is looked for so far.
    no_quotes: bool,
}

impl<'a> Tokens<'a> {
    pub fn new(html: &'a str) -> Self {
        Tokens { rest: html, raw_in: None, no_more_tags: false, no_quotes: false }
    }

    fn take(&mut self, end: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// A tag or another thing in `<>` at the beginning of what is left; its length and the token's kind.
    fn markup(&mut self) -> Option<Token<'a>> {
        let bytes = self.rest.as_bytes();
        let second = *bytes.get(1)?;
        if self.rest.starts_with("<!--") {
            // `<!-->` and `<!--->` are comments too; one without an end goes to the end.
            let end = match bytes.get(4..) {
                Some([b'>', ..]) => 5,
                Some([b'-', b'>', ..]) => 6,
                _ => self.rest[4..].find("-->").map_or(self.rest.len(), |at| at + 7),
            };
            return Some(Token::Other(self.take(end)));
        }
        let closes = second == b'/';
        let first = *bytes.get(if closes { 2 } else { 1 })?;
        if !first.is_ascii_alphabetic() {
            if !matches!(second, b'!' | b'?' | b'/') {
                return None;
            }
            let end = self.end_of_markup(0, false)?;
            return Some(Token::Other(self.take(end)));
        }
        let start = if closes { 2 } else { 1 };
        let name_end = bytes[start..]
            .iter()
            .position(|b| b.is_ascii_whitespace() || matches!(b, b'/' | b'>' | b'<'))
            .map_or(bytes.len(), |at| at + start);
        let end = self.end_of_markup(name_end, true)?;
        let raw = self.take(end);
        let name_end = name_end.min(end - 1);
        let tag = Tag { name: &raw[start..name_end], attributes: &raw[name_end..end - 1], raw };
        if closes {
            return Some(Token::Close(tag));
        }
        let raw_names = ["script", "style", "title", "textarea", "xmp", "noembed", "noframes"];
        if raw_names.iter().any(|name| tag.is(name)) {
            self.raw_in = Some(tag.name);
        }
        Some(Token::Open(tag))
    }

    /// Behind the `>` that ends what begins here; `>` in quotes does not count, unless a quote has no end.
    fn end_of_markup(&mut self, from: usize, quotes: bool) -> Option<usize> {
        let bytes = self.rest.as_bytes();
        let mut at = from;
        // A quote begins a value only behind an equals sign.
        let mut after_equals = false;
        while at < bytes.len() {
            match bytes[at] {
                b'>' => return Some(at + 1),
                quote @ (b'"' | b'\'') if quotes && after_equals && !self.no_quotes => {
                    match self.rest[at + 1..].find(char::from(quote)) {
                        Some(length) => at += length + 1,
                        None => break,
                    }
                    after_equals = false;
                }
                b'=' => after_equals = true,
                byte if byte.is_ascii_whitespace() => {}
                _ => after_equals = false,
            }
            at += 1;
        }
        self.no_quotes = true;
        let end = self.rest[from..].find('>').map(|at| at + from + 1);
        self.no_more_tags |= end.is_none();
        end
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        if let Some(name) = self.raw_in.take() {
            let end = end_of_raw(self.rest, name);
            if end > 0 {
                return Some(Token::Raw(self.take(end)));
            }
        }
        if self.rest.starts_with('<')
            && !self.no_more_tags
            && let Some(token) = self.markup()
        {
            return Some(token);
        }
        // The first character is text even if it is a `<`.
        let first = self.rest.chars().next().map_or(1, char::len_utf8);
        let end = match self.no_more_tags {
            true => self.rest.len(),
            false => self.rest[first..].find('<').map_or(self.rest.len(), |at| at + first),
        };
        Some(Token::Text(self.take(end)))
    }
}

/// Where the end tag of an element with raw content stands.
fn end_of_raw(text: &str, name: &str) -> usize {
    let mut from = 0;
    while let Some(at) = text[from..].find("</") {
        let at = from + at;
        let after = &text.as_bytes()[at + 2..];
        if after.len() >= name.len() && after[..name.len()].eq_ignore_ascii_case(name.as_bytes()) {
            return at;
        }
        from = at + 2;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_told_apart() {
        let html =
            "<!DOCTYPE html><p Class='a>b' id=x>1 < 2</P ><style>a<b</style><!-- c --><br/>&amp;<";
        let tokens: Vec<_> = Tokens::new(html).collect();
        assert_eq!(tokens.iter().map(Token::raw).collect::<String>(), html);
        let kinds: String = tokens
            .iter()
            .map(|token| match token {
                Token::Text(_) => 't',
                Token::Open(_) => '<',
                Token::Close(_) => '/',
                Token::Other(_) => '!',
                Token::Raw(_) => 'r',
            })
            .collect();
        assert_eq!(kinds, "!<tt/<r/!<tt");
        let Token::Open(tag) = tokens[1] else { panic!() };
        assert_eq!(tag.attribute("class").as_deref(), Some("a>b"));
        assert_eq!(tag.attribute("ID").as_deref(), Some("x"));
        assert_eq!(tag.attribute("href"), None);
    }

    #[test]
    fn damaged_tags_end_somewhere() {
        for html in ["<a href=\"x>y</a>", "<a href='>'", "<b", "</", "<!--", "<a =\"=>", "<é>"] {
            let tokens: Vec<_> = Tokens::new(html).collect();
            assert_eq!(tokens.iter().map(Token::raw).collect::<String>(), html);
        }
        let tokens: Vec<_> = Tokens::new("<a href=\"x>y</a>").collect();
        assert_eq!(tokens[1], Token::Text("y"));
    }
}
