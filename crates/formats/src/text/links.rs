//! Addresses in plain text that a reader can follow.

/// What may be a link in a word ends with none of these.
const TRAILING: &[char] = &['.', ',', ';', ':', '!', '?', '\'', '"', '>', ']', '}', '*', '_'];

/// A piece of a line of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Text(&'a str),
    /// What is shown, and where it leads.
    Link(&'a str, String),
}

/// The pieces of a line, in order; together they are the line.
pub(super) fn pieces(line: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut from = 0;
    let mut at = 0;
    for word in line.split(|c: char| c.is_whitespace()) {
        if let Some((start, end, target)) = link_in(word) {
            let (start, end) = (at + start, at + end);
            if start > from {
                found.push(Piece::Text(&line[from..start]));
            }
            found.push(Piece::Link(&line[start..end], target));
            from = end;
        }
        at += word.len();
        at += line[at..].chars().next().map_or(0, char::len_utf8);
    }
    if from < line.len() {
        found.push(Piece::Text(&line[from..]));
    }
    found
}

/// The link of a word: where it begins and ends in it, and where it leads.
fn link_in(word: &str) -> Option<(usize, usize, String)> {
    if !word.is_ascii() && !word.contains("://") || word.len() < 5 {
        return None;
    }
    for (scheme, prefix) in [("http://", ""), ("https://", ""), ("ftp://", ""), ("www.", "http://")]
    {
        let Some(start) = find_ignoring_case(word, scheme) else { continue };
        if word[..start].ends_with(|c: char| c.is_alphanumeric()) {
            continue;
        }
        let end = end_of(word, start);
        if end > start + scheme.len() {
            return Some((start, end, format!("{prefix}{}", &word[start..end])));
        }
    }
    mail_address(word)
}

fn find_ignoring_case(word: &str, needle: &str) -> Option<usize> {
    let needle = needle.as_bytes();
    word.as_bytes().windows(needle.len()).position(|part| part.eq_ignore_ascii_case(needle))
}

/// Where a link that begins in a word ends: before what closes a sentence, before a parenthesis that began in front
/// of it, and before a control character, which no document shows.
fn end_of(word: &str, start: usize) -> usize {
    let link = &word[start..];
    let ends = |c: char| matches!(c, '<' | '>' | '"') || c.is_control();
    let mut end = link.find(ends).unwrap_or(link.len());
    let opened = link[..end].matches('(').count();
    let mut closed = link[..end].matches(')').count();
    loop {
        let trimmed = link[..end].trim_end_matches(TRAILING).len();
        let parenthesis = link[..trimmed].ends_with(')') && closed > opened;
        if parenthesis {
            closed -= 1;
        } else if trimmed == end {
            return start + end;
        }
        end = trimmed - usize::from(parenthesis);
    }
}

fn mail_address(word: &str) -> Option<(usize, usize, String)> {
    let local = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'%' | b'+' | b'-');
    let domain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
    let bytes = word.as_bytes();
    let at = bytes.iter().position(|b| *b == b'@')?;
    let start = bytes[..at].iter().rposition(|b| !local(*b)).map_or(0, |found| found + 1);
    let length = bytes[at + 1..].iter().position(|b| !domain(*b));
    let end = length.map_or(word.len(), |length| at + 1 + length);
    let end = word[..end].trim_end_matches(['.', '-']).len();
    let top = word.get(at + 1..end)?.rsplit_once('.')?.1;
    let is_top = top.len() >= 2 && top.bytes().all(|b| b.is_ascii_alphabetic());
    (start < at && is_top).then(|| (start, end, format!("mailto:{}", &word[start..end])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_in_text() {
        for (line, shown, target) in [
            ("see http://a.b/c?d=e&f.", "http://a.b/c?d=e&f", "http://a.b/c?d=e&f"),
            ("(HTTPS://a.b/c_(d)) x", "HTTPS://a.b/c_(d)", "HTTPS://a.b/c_(d)"),
            ("<www.example.com>, yes", "www.example.com", "http://www.example.com"),
            ("mail <a.b@example.com>!", "a.b@example.com", "mailto:a.b@example.com"),
            // Found by fuzzing: a text that goes through HTML again and again grew with each pass.
            ("http://a.b/c\u{1a}>", "http://a.b/c", "http://a.b/c"),
        ] {
            let found = pieces(line);
            let links: Vec<_> =
                found.iter().filter(|piece| matches!(piece, Piece::Link(..))).collect();
            assert_eq!(links, [&Piece::Link(shown, target.into())], "{line}");
            let whole: String = found
                .iter()
                .map(|piece| match piece {
                    Piece::Text(text) | Piece::Link(text, _) => *text,
                })
                .collect();
            assert_eq!(whole, line);
        }
        for line in ["http:// x", "a@b", "@example.com", "xhttp://a", "é@example.com", ""] {
            assert!(pieces(line).iter().all(|piece| matches!(piece, Piece::Text(_))), "{line}");
        }
    }
}
