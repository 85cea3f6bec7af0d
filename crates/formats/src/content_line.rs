//! Content lines (RFC 5545 3.1, RFC 6350 3.2, and those of vCard 2.1): what iCalendar and vCard are written
//! in, and the components that BEGIN and END make of them.
//!
//! Bounded for hostile input: the length of a line, its parameters, the lines of a file, nesting.

use crate::hex;
use crate::text::charsets;

/// A longer line is cut: a photo fits.
const MAX_LINE: usize = 32 << 20;
/// Lines of a file that are kept.
pub(crate) const MAX_LINES: usize = 1_000_000;
const MAX_PARAMETERS: usize = 64;
/// Parameters of all lines of a file: each takes a hundred times the byte that it may be written in.
const MAX_ALL_PARAMETERS: usize = 1_000_000;
/// Components in components; what is deeper is not looked at.
const MAX_DEPTH: usize = 6;
/// Octets of a line that is written, without its end (RFC 5545 3.1).
const FOLD: usize = 75;

#[derive(Debug, Clone, Default)]
pub(crate) struct ContentLine {
    /// In upper case.
    pub name: String,
    /// Names in upper case, and the values between commas.
    pub parameters: Vec<(String, Vec<String>)>,
    /// Decoded from quoted-printable, in the line's charset.
    pub value: Vec<u8>,
}

/// What stands between BEGIN and END.
#[derive(Debug, Clone, Default)]
pub(crate) struct Component {
    /// In upper case.
    pub name: String,
    pub lines: Vec<ContentLine>,
    pub children: Vec<Component>,
}

/// The outermost components, and whether lines had to be left out.
pub(crate) fn components(bytes: &[u8]) -> (Vec<Component>, bool) {
    let mut roots: Vec<Component> = Vec::new();
    let mut open: Vec<Component> = Vec::new();
    // Components below MAX_DEPTH that are open.
    let mut hidden = 0usize;
    let mut left_out = false;
    let mut parameters = 0usize;
    for (index, line) in Lines::new(bytes).enumerate() {
        parameters += line.parameters.len();
        if index >= MAX_LINES || parameters > MAX_ALL_PARAMETERS {
            left_out = true;
            break;
        }
        match line.name.as_str() {
            "BEGIN" if open.len() >= MAX_DEPTH && unended(&open, &line.upper()).is_none() => {
                hidden += 1;
                left_out = true;
            }
            "BEGIN" => {
                let name = line.upper();
                // Some lost its END: it is over, and what begins stands beside it.
                if let Some(at) = unended(&open, &name) {
                    close(&mut open, &mut roots, at);
                }
                open.push(Component { name, ..Component::default() });
            }
            "END" if hidden > 0 => hidden -= 1,
            "END" => {
                // An END that nothing began is nobody's; one that skips others ends them, too.
                let name = line.upper();
                if let Some(at) = open.iter().rposition(|component| component.name == name) {
                    close(&mut open, &mut roots, at);
                }
            }
            _ if hidden > 0 => {}
            _ => {
                if let Some(component) = open.last_mut() {
                    component.lines.push(line);
                }
            }
        }
    }
    close(&mut open, &mut roots, 0);
    (roots, left_out)
}

/// Which of the open components has to be over where another one begins: none of these stands in one of its kind,
/// but for the agent's card in a card (RFC 2426 3.5.4).
fn unended(open: &[Component], name: &str) -> Option<usize> {
    const ALONE: [&str; 7] =
        ["VCALENDAR", "VEVENT", "VTODO", "VJOURNAL", "VTIMEZONE", "VALARM", "VCARD"];
    let at = open.iter().rposition(|component| component.name == name)?;
    let agent = |component: &Component| {
        component.lines.last().is_some_and(|line| line.name == "AGENT" && line.value.is_empty())
    };
    (ALONE.contains(&name) && !(name == "VCARD" && agent(&open[at]))).then_some(at)
}

fn close(open: &mut Vec<Component>, roots: &mut Vec<Component>, down_to: usize) {
    while open.len() > down_to {
        let Some(ended) = open.pop() else { return };
        match open.last_mut() {
            Some(parent) => parent.children.push(ended),
            None => roots.push(ended),
        }
    }
}

impl Component {
    pub(crate) fn line(&self, name: &str) -> Option<&ContentLine> {
        self.lines.iter().find(|line| line.name == name)
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a ContentLine> {
        self.lines.iter().filter(move |line| line.name == name)
    }

    /// The value of a line as text without escapes, if it is there and not empty.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        Some(unescape(&self.line(name)?.text())).filter(|text| !text.is_empty())
    }

    /// A value that is a word: in upper case.
    pub(crate) fn word(&self, name: &str) -> Option<String> {
        self.line(name).map(ContentLine::upper)
    }

    pub(crate) fn below<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Component> {
        self.children.iter().filter(move |child| child.name == name)
    }
}

impl ContentLine {
    /// The value as it stands, escapes and all.
    pub(crate) fn text(&self) -> String {
        charsets::decode_label(self.parameter("CHARSET"), &self.value).text
    }

    pub(crate) fn upper(&self) -> String {
        self.text().trim().to_ascii_uppercase()
    }

    /// The first value of a parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let (_, values) = self.parameters.iter().find(|(known, _)| known == name)?;
        values.first().map(String::as_str)
    }

    /// Whether one of the values of TYPE is this one, in any case of letters.
    pub(crate) fn has_type(&self, wanted: &str) -> bool {
        let types = self.parameters.iter().filter(|(name, _)| name == "TYPE");
        // Between quotes a list is one value (RFC 6350 5.6).
        let mut words = types.flat_map(|(_, values)| values).flat_map(|value| value.split(','));
        words.any(|word| word.trim().eq_ignore_ascii_case(wanted))
    }

    pub(crate) fn parameter_is(&self, name: &str, wanted: &str) -> bool {
        self.parameter(name).is_some_and(|value| value.eq_ignore_ascii_case(wanted))
    }
}

/// The lines of a file.
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Lines<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Lines { rest: bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes) }
    }

    /// A line as it stands in the file, without its end.
    fn physical(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        // A carriage return alone ends a line, too: old Macintosh programs wrote such files.
        let end = self.rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let (line, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = match rest {
            [b'\r', b'\n', rest @ ..] => rest,
            [_, rest @ ..] => rest,
            [] => rest,
        };
        Some(line)
    }
}

impl Iterator for Lines<'_> {
    type Item = ContentLine;

    fn next(&mut self) -> Option<ContentLine> {
        loop {
            let mut line = self.physical()?.to_vec();
            let quoted = is_quoted(&line);
            loop {
                let soft = quoted && line.last() == Some(&b'=');
                let folded = matches!(self.rest.first(), Some(b' ' | b'\t'));
                if !soft && !folded {
                    break;
                }
                let Some(more) = self.physical() else { break };
                if soft {
                    line.pop();
                }
                // The blank of a fold is none of the value.
                let more = if soft { more } else { &more[1..] };
                if line.len() + more.len() <= MAX_LINE {
                    line.extend_from_slice(more);
                }
            }
            if let Some(line) = parse(&line) {
                return Some(line);
            }
        }
    }
}

/// Whether the value is quoted-printable, whose lines end with `=` where they go on (vCard 2.1).
fn is_quoted(line: &[u8]) -> bool {
    let head = line.split(|byte| *byte == b':').next().unwrap_or_default();
    let head = &head[..head.len().min(1_000)];
    head.windows(16).any(|window| window.eq_ignore_ascii_case(b"QUOTED-PRINTABLE"))
}

fn parse(line: &[u8]) -> Option<ContentLine> {
    let mut quoted = false;
    let mut marks = Vec::new();
    let colon = line.iter().position(|byte| {
        quoted ^= *byte == b'"';
        !quoted && *byte == b':'
    });
    // A quote that nobody closed: the first colon has to do.
    let colon = colon.or_else(|| line.iter().position(|byte| *byte == b':'))?;
    let head = &line[..colon];
    quoted = false;
    for (at, byte) in head.iter().enumerate() {
        quoted ^= *byte == b'"';
        if !quoted && *byte == b';' && marks.len() <= MAX_PARAMETERS {
            marks.push(at);
        }
    }
    let name = String::from_utf8_lossy(&head[..marks.first().copied().unwrap_or(head.len())]);
    let name = name.trim().to_ascii_uppercase();
    // What stands before a dot only groups lines (RFC 6350 3.3).
    let name = name.split_once('.').map_or(name.as_str(), |(_, name)| name).to_owned();
    if name.is_empty() || name.len() > 200 {
        return None;
    }
    let mut found = ContentLine { name, ..ContentLine::default() };
    for (index, start) in marks.iter().take(MAX_PARAMETERS).enumerate() {
        let end = marks.get(index + 1).copied().unwrap_or(head.len());
        if head[start + 1..end].trim_ascii().is_empty() {
            continue;
        }
        found.parameters.push(parameter(&charsets::decode_label(None, &head[start + 1..end]).text));
    }
    let value = &line[colon + 1..];
    found.value = match found.parameter_is("ENCODING", "QUOTED-PRINTABLE") {
        true => hex::unmarked(value, b'='),
        false => value.to_vec(),
    };
    Some(found)
}

fn parameter(text: &str) -> (String, Vec<String>) {
    let Some((name, values)) = text.split_once('=') else {
        // vCard 2.1 gives values alone.
        let word = text.trim().to_ascii_uppercase();
        let encodings = ["QUOTED-PRINTABLE", "BASE64", "B", "8BIT", "7BIT"];
        let name = if encodings.contains(&word.as_str()) { "ENCODING" } else { "TYPE" };
        return (name.to_owned(), vec![word]);
    };
    let mut found = vec![String::new()];
    let mut quoted = false;
    let mut characters = values.trim().chars();
    while let Some(c) = characters.next() {
        let last = found.len() - 1;
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted && found.len() < MAX_PARAMETERS => found.push(String::new()),
            // RFC 6868.
            '^' => match characters.clone().next() {
                Some(next @ ('n' | '^' | '\'')) => {
                    characters.next();
                    found[last].push(match next {
                        'n' => '\n',
                        '\'' => '"',
                        other => other,
                    });
                }
                _ => found[last].push('^'),
            },
            c => found[last].push(c),
        }
    }
    (name.trim().to_ascii_uppercase(), found)
}

/// Text without its escapes (RFC 5545 3.3.11). A backslash before anything else stands for itself.
pub(crate) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match characters.next() {
            Some('n' | 'N') => out.push('\n'),
            Some(c @ (',' | ';' | '\\' | ':')) => out.push(c),
            Some(c) => out.extend(['\\', c]),
            None => out.push('\\'),
        }
    }
    out
}

/// The parts of a value between marks that are not escaped, without their escapes.
pub(crate) fn split(text: &str, mark: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut escaped = false;
    for c in text.chars() {
        if c == mark && !escaped && parts.len() < 1_000 {
            parts.push(String::new());
            continue;
        }
        escaped = c == '\\' && !escaped;
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts.iter().map(|part| unescape(part).trim().to_owned()).collect()
}

/// Writes lines, folded.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    out: Vec<u8>,
}

impl Writer {
    pub(crate) fn finish(self) -> Vec<u8> {
        self.out
    }

    /// A line whose value stands as it is: a number, a date, words.
    pub(crate) fn raw(&mut self, head: &str, value: &str) {
        let clean: String = value.chars().filter(|c| !matches!(c, '\r' | '\n' | '\0')).collect();
        let line = format!("{head}:{clean}");
        let mut rest = line.as_str();
        let mut room = FOLD;
        while rest.len() > room {
            let at = rest.floor_char_boundary(room);
            self.out.extend_from_slice(&rest.as_bytes()[..at]);
            self.out.extend_from_slice(b"\r\n ");
            rest = &rest[at..];
            room = FOLD - 1;
        }
        self.out.extend_from_slice(rest.as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }

    pub(crate) fn text(&mut self, head: &str, value: &str) {
        self.raw(head, &escape(value));
    }
}

/// Text with its escapes (RFC 5545 3.3.11).
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\r' => {
                if characters.peek() != Some(&'\n') {
                    out.push_str("\\n");
                }
            }
            '\n' => out.push_str("\\n"),
            ',' | ';' | '\\' => out.extend(['\\', c]),
            c if c.is_control() && c != '\t' => {}
            c => out.push(c),
        }
    }
    out
}

/// A parameter's value, between quotes where it needs them, with what quotes cannot hold as RFC 6868 writes
/// it.
pub(crate) fn quote(text: &str) -> String {
    if !text.contains([':', ';', ',', '^', '"']) && !text.contains(char::is_control) {
        return text.to_owned();
    }
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '^' => out.push_str("^^"),
            '"' => out.push_str("^'"),
            '\n' => out.push_str("^n"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> ContentLine {
        Lines::new(text.as_bytes()).next().expect("a line")
    }

    #[test]
    fn lines_are_unfolded_and_taken_apart() {
        let line = one("a.Attendee;CN=\"B; C: \r\n ^'D^'\";X=1,\"2,3\":mail\r\n\tto:x\r\nNEXT:1");
        assert_eq!(line.name, "ATTENDEE");
        assert_eq!(line.parameter("CN"), Some("B; C: \"D\""));
        assert_eq!(line.parameters[1].1, ["1", "2,3"]);
        assert_eq!(line.text(), "mailto:x");
    }

    #[test]
    fn lines_of_vcard_2_1() {
        let line = one("NOTE;QUOTED-PRINTABLE;CHARSET=ISO-8859-1:a=\r\n=E4=3D=\r\n b\r\n");
        assert_eq!(line.text(), "aä= b");
        let line = one("TEL;WORK;VOICE:1");
        assert!(line.has_type("work") && line.has_type("VOICE"));
    }

    #[test]
    fn text_comes_back() {
        for text in ["a, b; c\\n\nd", "", "\\", "x".repeat(400).as_str(), "ü".repeat(200).as_str()]
        {
            let mut writer = Writer::default();
            writer.text("SUMMARY", text);
            let written = writer.finish();
            assert!(written.split(|b| *b == b'\n').all(|line| line.len() <= FOLD + 1));
            assert_eq!(unescape(&one(std::str::from_utf8(&written).unwrap()).text()), text);
        }
        assert_eq!(split("a\\;b;c;", ';'), ["a;b", "c", ""]);
        let line = one(&format!("A;CN={}:", quote("x \"y\" ^ z,\n")));
        assert_eq!(line.parameter("CN"), Some("x \"y\" ^ z,\n"));
    }

    #[test]
    fn components_nest_and_forgive() {
        let (roots, left_out) =
            components(b"BEGIN:a\nBEGIN:B\nX:1\nEND:A\nEND:Q\nBEGIN:C\nBROKEN\nY:2");
        assert!(!left_out);
        let names: Vec<_> = roots.iter().map(|root| root.name.as_str()).collect();
        assert_eq!(names, ["A", "C"]);
        assert_eq!(roots[0].children[0].lines.len(), 1);
        // An END is missing, and nothing is lost.
        let (roots, left_out) = components(
            b"BEGIN:VCARD\nFN:1\nBEGIN:VCARD\nFN:2\nEND:VCARD\nBEGIN:VCARD\nAGENT:\nBEGIN:VCARD\nFN:4\nEND:VCARD\nFN:3\nEND:VCARD",
        );
        let names: Vec<_> = roots.iter().map(|root| root.text("FN").unwrap_or_default()).collect();
        assert_eq!((names.join(" ").as_str(), left_out), ("1 2 3", false));
        let (roots, _) = components(
            b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nBEGIN:VALARM\nBEGIN:VEVENT\nUID:2\nEND:VEVENT\nEND:VCALENDAR",
        );
        assert_eq!(roots[0].below("VEVENT").count(), 2);
        let (roots, left_out) = components("BEGIN:A\n".repeat(100_000).as_bytes());
        assert!(left_out && roots.len() == 1);
    }
}
