//! HTML to text and back, and the little that MIME and RTF must know of HTML.

mod entities;
mod from_text;
mod to_text;
pub(super) mod tokens;

use std::collections::HashSet;

use crate::text::charsets;

pub(super) use entities::reference;
pub use from_text::from_text;
pub use to_text::to_text;

const MAX_REFERENCES: usize = 10_000;

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

/// Appends text with the characters that HTML takes for its own as references.
pub(super) fn push_escaped(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{a0}' => out.push_str("&nbsp;"),
            c => out.push(c),
        }
    }
}

/// A document in a code page. What the code page lacks is written as character references; so is all that is
/// not ASCII if the document names another character set than this one, so that both readings are right.
pub fn encode(html: &str, code_page: u32) -> Vec<u8> {
    let declared = declared_charset(html.as_bytes()).and_then(|l| charsets::code_page_of_label(&l));
    let agrees = declared.is_none_or(|declared| declared == code_page);
    if agrees && code_page == charsets::UTF_8 || html.is_ascii() {
        return html.as_bytes().to_vec();
    }
    let mut out = Vec::with_capacity(html.len());
    let mut bytes = [0; 4];
    for c in html.chars() {
        let own = match c {
            c if c.is_ascii() => Some(vec![c as u8]),
            _ if !agrees => None,
            c => charsets::encode(code_page, c.encode_utf8(&mut bytes)).filter(|own| own != b"?"),
        };
        match own {
            Some(own) => out.extend_from_slice(&own),
            None => out.extend_from_slice(format!("&#{};", u32::from(c)).as_bytes()),
        }
    }
    out
}

/// The text of a document's bytes, by the code page that the message names for it, else by what the document
/// itself says, else by what the bytes look like.
pub fn decode(bytes: &[u8], code_page: Option<u32>) -> String {
    match code_page.filter(|page| charsets::is_known(*page)) {
        Some(charsets::UTF_8) | Some(20127) | None => {
            let is_utf8 = std::str::from_utf8(bytes).is_ok();
            let label = declared_charset(bytes).filter(|_| !is_utf8);
            charsets::decode_label(label.as_deref(), bytes).text
        }
        Some(page) => charsets::decode(page, bytes),
    }
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
    fn charsets_and_references_are_found() {
        let html =
            br#"<META content="text/html; charset=ISO-8859-2"><img src="CID:A@b"> url(cid:c)"#;
        assert_eq!(declared_charset(html).as_deref(), Some("ISO-8859-2"));
        let found = references(html);
        assert!(found.contains("a@b") && found.contains("c"));
    }

    #[test]
    fn documents_are_written_in_code_pages() {
        assert_eq!(encode("<p>\u{e9}\u{431}", 1252), b"<p>\xe9&#1073;");
        assert_eq!(encode("<p>?\u{e9}", 65001), "<p>?\u{e9}".as_bytes());
        let named = "<meta charset=koi8-r>\u{431}";
        assert_eq!(encode(named, 1251), b"<meta charset=koi8-r>&#1073;");
        assert_eq!(encode(named, 20866), b"<meta charset=koi8-r>\xc2");
        assert_eq!(decode(b"<p>\xe9", Some(1252)), "<p>\u{e9}");
        assert_eq!(decode(b"<meta charset=koi8-r>\xc2", None), named);
    }

    #[test]
    fn text_comes_back_out_of_html() {
        for text in [
            "One\n\n\ntwo  three\n    four\tfive\n",
            "> quoted & <b>\n>> http://a.b/c?d=e&f.\n",
            "-- \nme <me@example.com> \u{20ac}\n",
        ] {
            let html = from_text(text, "utf-8");
            assert_eq!(to_text(&html), text, "{html}");
        }
        let html = from_text("www.a.example & <x>", "utf-8");
        assert!(
            html.contains(r#"<a href="http://www.a.example">www.a.example</a> &amp; &lt;x&gt;"#)
        );
    }

    #[test]
    fn hostile_documents_end() {
        for html in [
            "<div>",
            "<b><p>",
            "<table><tr><td>",
            "<a<",
            "<!--",
            "&",
            "<script>",
            "<blockquote>x",
            "<a =\"><a \"",
            "<li>",
            "<ul><li>x",
            "<a href=http:x>",
            "<p style='display:none'>",
            "</p>",
            "<td>x</td>",
            "<br>",
            "<tr>",
        ] {
            to_text(&html.repeat(20_000));
        }
    }
}
