//! HTML as text, and the little that MIME and RTF must know of HTML.

use std::collections::HashSet;

/// What html2text is given; it builds a tree several times this size. Larger documents are stripped of
/// their tags instead.
const MAX_RENDERED: usize = 1 << 20;
const MAX_TAGS: usize = 20_000;
const MAX_DEPTH: usize = 300;
const COLUMNS: usize = 78;
const MAX_REFERENCES: usize = 10_000;

/// The text of an HTML document as a mail program would show it without HTML: paragraphs, lists and links'
/// texts, lines of at most 78 columns.
pub fn to_text(html: &str) -> String {
    if html.len() > MAX_RENDERED || html.matches('<').count() > MAX_TAGS || depth(html) > MAX_DEPTH
    {
        return strip(html);
    }
    let config = html2text::config::plain_no_decorate()
        .raw_mode(true)
        .no_link_wrapping()
        .allow_width_overflow();
    match config.string_from_read(html.as_bytes(), COLUMNS) {
        Ok(text) => text,
        Err(_) => strip(html),
    }
}

/// Text without tags, scripts, styles and comments, character references resolved; blocks begin new lines.
pub fn strip(html: &str) -> String {
    let mut out = String::with_capacity(html.len() / 2);
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        push_text(&mut out, &rest[..at]);
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let Some(end) = rest.find('>') else { break };
        let tag = &rest[1..end];
        rest = &rest[end + 1..];
        let name = tag_name(tag);
        if is_block(&name) && !out.ends_with('\n') && !out.is_empty() {
            out.push('\n');
        }
        if matches!(name.as_str(), "script" | "style" | "title") && !tag.starts_with('/') {
            let close = format!("</{name}");
            rest = find_ignoring_case(rest, &close).map_or("", |at| &rest[at..]);
        }
    }
    if !rest.starts_with('<') {
        push_text(&mut out, rest);
    }
    out.trim().to_owned()
}

/// The character set that a document names in its first 2 kB, by `charset=`.
pub fn declared_charset(html: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(&html[..html.len().min(2_048)]).into_owned();
    let at = find_ignoring_case(&head, "charset=")? + "charset=".len();
    let label: String = head[at..]
        .trim_start_matches(['"', '\'', ' '])
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '.'))
        .collect();
    (!label.is_empty()).then_some(label)
}

/// What a document refers to, in lower case: content ids behind `cid:`, values of `src` and `background`.
pub(crate) fn references(html: &[u8]) -> HashSet<String> {
    let lower = String::from_utf8_lossy(html).to_ascii_lowercase();
    let mut found = HashSet::new();
    for key in ["cid:", "src=", "background="] {
        for (at, _) in lower.match_indices(key).take(MAX_REFERENCES) {
            let value = lower[at + key.len()..].trim_start_matches(['"', '\'']);
            let end = value.find(['"', '\'', '>', ' ', ')', '\r', '\n']).unwrap_or(value.len());
            let value = value[..end.min(value.floor_char_boundary(500))].trim();
            if !value.is_empty() {
                found.insert(value.to_owned());
            }
        }
    }
    found
}

/// How deep elements could be nested at most, void elements aside.
fn depth(html: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for (at, _) in html.match_indices('<') {
        let next = html.as_bytes().get(at + 1).copied().unwrap_or(b' ');
        match next {
            b'/' => depth = depth.saturating_sub(1),
            b'!' | b'?' => {}
            _ => {
                let tag = &html[at + 1..html.floor_char_boundary(at + 12)];
                let name = tag_name(tag);
                let void = matches!(
                    name.as_str(),
                    "br" | "img"
                        | "hr"
                        | "meta"
                        | "link"
                        | "input"
                        | "col"
                        | "area"
                        | "base"
                        | "p"
                        | "li"
                        | "td"
                        | "tr"
                );
                if !void {
                    depth += 1;
                    deepest = deepest.max(depth);
                }
            }
        }
    }
    deepest
}

fn tag_name(tag: &str) -> String {
    let name = tag.trim_start_matches('/').chars().take(12);
    name.take_while(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

fn is_block(name: &str) -> bool {
    matches!(
        name,
        "p" | "br"
            | "div"
            | "tr"
            | "li"
            | "ul"
            | "ol"
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
    )
}

/// Appends text with white space run together and character references resolved.
fn push_text(out: &mut String, text: &str) {
    let text = unescape(text);
    for c in text.chars() {
        match c.is_whitespace() && c != '\u{a0}' {
            true if out.is_empty() || out.ends_with([' ', '\n']) => {}
            true => out.push(' '),
            false => out.push(c),
        }
    }
}

/// Character references as their characters; those that are unknown stay.
pub(crate) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(12).position(|byte| byte == b';');
        match end.and_then(|end| character(&rest[1..end]).map(|c| (c, end))) {
            Some((c, end)) => {
                out.push(c);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn character(reference: &str) -> Option<char> {
    if let Some(number) = reference.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code).filter(|c| *c != '\0');
    }
    Some(match reference {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        "copy" => '©',
        "reg" => '®',
        "euro" => '€',
        "ndash" => '–',
        "mdash" => '—',
        "lsquo" => '‘',
        "rsquo" => '’',
        "ldquo" => '“',
        "rdquo" => '”',
        "bull" => '•',
        "hellip" => '…',
        "auml" => 'ä',
        "ouml" => 'ö',
        "uuml" => 'ü',
        "Auml" => 'Ä',
        "Ouml" => 'Ö',
        "Uuml" => 'Ü',
        "szlig" => 'ß',
        "eacute" => 'é',
        _ => return None,
    })
}

fn find_ignoring_case(text: &str, needle: &str) -> Option<usize> {
    let (text, needle) = (text.as_bytes(), needle.as_bytes());
    let at = text.windows(needle.len()).position(|w| w.eq_ignore_ascii_case(needle))?;
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_becomes_text() {
        let html = "<html><head><style>p{}</style></head><body><p>One &amp; two</p><p>Three</p>";
        assert_eq!(to_text(html), "One & two\n\nThree\n");
        assert_eq!(strip(html), "One & two\nThree");
        assert_eq!(strip("a<!-- <b> -->b<br>c &#233; &nope; <"), "ab\nc é &nope;");
    }

    #[test]
    fn charsets_and_references_are_found() {
        let html =
            br#"<META content="text/html; charset=ISO-8859-2"><img src="CID:A@b"> url(cid:c)"#;
        assert_eq!(declared_charset(html).as_deref(), Some("ISO-8859-2"));
        let found = references(html);
        assert!(found.contains("a@b") && found.contains("c"));
    }

    #[test]
    fn hostile_documents_end() {
        for html in ["<div>", "<b><p>", "<table><tr><td>", "<a<", "<!--", "&", "<script>"] {
            to_text(&html.repeat(20_000));
        }
    }
}
