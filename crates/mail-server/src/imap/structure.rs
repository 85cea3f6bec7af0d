//! The parts of a message as IMAP numbers them (RFC 9051 6.4.5.1).

use std::borrow::Cow;

use formats::mime::Part;

use super::command::{Section, SectionText};

/// A part of a message, or the message itself.
pub(crate) struct Node<'a> {
    pub(crate) part: Part<'a>,
    /// Of a multipart that has parts; else empty.
    pub(crate) children: Vec<Node<'a>>,
    /// Of a message/rfc822, what it holds.
    pub(crate) message: Option<Box<Node<'a>>>,
}

/// Takes a message apart.
pub(crate) fn parse(message: &[u8]) -> Node<'_> {
    node(formats::mime::parse(message, 0), 0)
}

fn node(mut part: Part<'_>, messages: usize) -> Node<'_> {
    let children = part.children.take().unwrap_or_default();
    let message = formats::mime::message_in(&part, messages);
    let message = message.map(|inner| Box::new(node(inner, messages + 1)));
    let children = children.into_iter().map(|child| node(child, messages)).collect();
    Node { part, children, message }
}

impl<'a> Node<'a> {
    pub(crate) fn is_multipart(&self) -> bool {
        !self.children.is_empty()
    }

    /// The header with the empty line behind it.
    pub(crate) fn header(&self) -> &'a [u8] {
        let length = self.part.whole.len() - self.part.body.len();
        &self.part.whole[..length]
    }

    /// The part of a number. `self` is a message.
    pub(crate) fn find(&self, number: &[u32]) -> Option<&Node<'a>> {
        let (first, rest) = number.split_first()?;
        let index = usize::try_from(first.checked_sub(1)?).ok()?;
        let node = match self.is_multipart() {
            true => self.children.get(index)?,
            false if index == 0 => self,
            false => return None,
        };
        match (rest, &node.message) {
            ([], _) => Some(node),
            (_, Some(message)) => message.find(rest),
            // A multipart in a multipart numbers its parts itself.
            (_, None) if node.is_multipart() => node.find(rest),
            _ => None,
        }
    }

    /// What a section names; None if there is no such thing. `self` is a message.
    pub(crate) fn section(&self, section: &Section) -> Option<Cow<'a, [u8]>> {
        let Section { part, text } = section;
        if part.is_empty() {
            return Some(self.text(text.as_ref()));
        }
        let node = self.find(part)?;
        match text {
            None => Some(node.part.body.into()),
            Some(SectionText::Mime) => Some(node.header().into()),
            Some(_) => Some(node.message.as_ref()?.text(text.as_ref())),
        }
    }

    fn text(&self, text: Option<&SectionText>) -> Cow<'a, [u8]> {
        match text {
            None => self.part.whole.into(),
            Some(SectionText::Header | SectionText::Mime) => self.header().into(),
            Some(SectionText::Text) => self.part.body.into(),
            Some(SectionText::HeaderFields(names)) => fields(self.header(), names, true).into(),
            Some(SectionText::HeaderFieldsNot(names)) => fields(self.header(), names, false).into(),
        }
    }
}

/// What a section names of a message without its parts: `message` is the whole of it, or only its header where that
/// is asked for.
pub(crate) fn of_message<'a>(message: &'a [u8], text: Option<&SectionText>) -> Cow<'a, [u8]> {
    match text {
        Some(SectionText::HeaderFields(names)) => fields(message, names, true).into(),
        Some(SectionText::HeaderFieldsNot(names)) => fields(message, names, false).into(),
        _ => message.into(),
    }
}

/// Fields of a header, those that are named or the others, with an empty line behind them.
pub(crate) fn fields(header: &[u8], names: &[String], named: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut chosen = false;
    for line in header.split_inclusive(|byte| *byte == b'\n') {
        if matches!(line, b"\r\n" | b"\n") {
            break;
        }
        if !matches!(line[0], b' ' | b'\t') {
            let colon = line.iter().position(|byte| *byte == b':');
            let name = colon.map_or(&[][..], |colon| line[..colon].trim_ascii_end());
            let is = |known: &String| name.eq_ignore_ascii_case(known.as_bytes());
            chosen = colon.is_some() && names.iter().any(is) == named;
        }
        if chosen {
            out.extend_from_slice(line);
        }
    }
    if !out.is_empty() && !out.ends_with(b"\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 9051 6.4.5.1, cut down.
    pub(crate) const NESTED: &[u8] = b"Subject: outer\r\n\
Content-Type: multipart/mixed; boundary=a\r\n\r\n\
--a\r\nContent-Type: text/plain\r\n\r\none\r\n\
--a\r\nContent-Type: message/rfc822\r\n\r\n\
Subject: inner\r\nX: y\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
--b\r\n\r\ninner one\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>\r\n--b--\r\n\
--a\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\n\r\nalt\r\n--c--\r\n\
--a--\r\n";

    fn text(spec: &str) -> Option<String> {
        let line = format!("a FETCH 1 BODY[{spec}]");
        let tagged = crate::imap::command::parse(line.as_bytes()).expect("a command");
        let crate::imap::command::Command::Fetch { items, .. } = tagged.command else {
            panic!("no FETCH")
        };
        let crate::imap::command::Fetched::Body(body) = &items[0] else { panic!("no section") };
        let found = parse(NESTED).section(&body.section)?.into_owned();
        Some(String::from_utf8(found).expect("text"))
    }

    #[test]
    fn sections_are_numbered_as_in_the_rfc() {
        assert_eq!(text("").expect("there").len(), NESTED.len());
        assert_eq!(text("1").as_deref(), Some("one"));
        assert_eq!(text("1.MIME").as_deref(), Some("Content-Type: text/plain\r\n\r\n"));
        assert!(text("2").expect("there").starts_with("Subject: inner\r\n"));
        assert_eq!(text("2.HEADER.FIELDS (x)").as_deref(), Some("X: y\r\n\r\n"));
        assert!(text("2.HEADER").expect("there").ends_with("boundary=b\r\n\r\n"));
        assert!(text("2.TEXT").expect("there").starts_with("--b\r\n"));
        assert_eq!(text("2.1").as_deref(), Some("inner one"));
        assert_eq!(text("2.2").as_deref(), Some("<p>"));
        assert_eq!(text("3.1").as_deref(), Some("alt"));
        for missing in ["4", "1.1", "2.3", "3.2", "1.TEXT", "2.1.HEADER"] {
            assert_eq!(text(missing), None, "{missing}");
        }
        assert_eq!(
            text("HEADER.FIELDS.NOT (subject)").as_deref(),
            Some("Content-Type: multipart/mixed; boundary=a\r\n\r\n")
        );
    }

    proptest::proptest! {
        #[test]
        fn any_lines_have_a_structure(lines in proptest::collection::vec(proptest::sample::select(vec![
            "Content-Type: multipart/mixed; boundary=a", "Content-Type: message/rfc822", "", "--a",
            "--a--", "From: a <b@c>, \"d", "To: x:y@z;", "Subject: \\ (\" {", "text", " folded",
            "References: <a@b> <c@d>", "X: <c@d> <a@b>", "Y: <a@b>",
            "Content-Disposition: inline; x=\"y", "Content-Transfer-Encoding: base64", "\u{e4}",
        ]), 0..20)) {
            crate::imap::oracle::message(lines.join("\r\n").as_bytes());
            crate::imap::oracle::message(lines.join("\n").as_bytes());
        }
    }

    #[test]
    fn depth_is_bounded() {
        let mut deep = b"Content-Type: message/rfc822\r\n\r\n".repeat(2_000);
        deep.extend_from_slice(b"end");
        let mut w = Vec::new();
        crate::imap::response::body_structure(&mut w, &parse(&deep), true);
        assert!(w.len() < 1_000_000);
    }
}
