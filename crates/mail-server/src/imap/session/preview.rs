//! PREVIEW (RFC 8970): the beginning of what a message says.

use crate::imap::structure::Node;

/// Characters of a preview (RFC 8970 3.1).
const LENGTH: usize = 200;
/// Bytes of a part that are looked at.
const LOOKED_AT: usize = 64 << 10;

/// The preview of a message; empty if it has no text, or none that can be read.
pub(super) fn preview(root: &Node<'_>) -> String {
    let text = text_of(root, "plain").or_else(|| text_of(root, "html")).unwrap_or_default();
    let mut out = String::new();
    let mut length = 0;
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.is_empty() {
            continue;
        }
        if length > 0 {
            out.push(' ');
            length += 1;
        }
        for c in word.chars().take(LENGTH - length) {
            out.push(c);
            length += 1;
        }
        if length >= LENGTH - 1 {
            break;
        }
    }
    out
}

/// The first text of a kind that says anything and is no attachment.
fn text_of(node: &Node<'_>, subtype: &str) -> Option<String> {
    if node.is_multipart() {
        return node.children.iter().find_map(|child| text_of(child, subtype));
    }
    let part = &node.part;
    let attached = part.disposition().is_some_and(|disposition| disposition.kind == "attachment");
    if attached || !part.content_type.is("text", subtype) {
        return None;
    }
    let decoded = part.decoded();
    let decoded = &decoded[..decoded.len().min(LOOKED_AT)];
    let charset = part.content_type.attribute("charset");
    let text = formats::text::charsets::decode_label(charset, decoded).text;
    let text = match subtype {
        "html" => formats::text::html::to_text(&text),
        _ => text,
    };
    (!text.trim().is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::structure::parse;

    fn of(message: &str) -> String {
        preview(&parse(message.as_bytes()))
    }

    #[test]
    fn the_first_text_is_told() {
        assert_eq!(of("Subject: x\r\n\r\n  Hello,\r\n\r\n\tworld \r\n"), "Hello, world");
        assert_eq!(
            of("Content-Type: text/html\r\n\r\n<p>Gr&uuml;&szlig;e</p><script>x</script>"),
            "Grüße"
        );
        let both = "Content-Type: multipart/alternative; boundary=b\r\n\r\n\
--b\r\nContent-Type: text/html\r\n\r\n<p>html\r\n\
--b\r\nContent-Type: text/plain\r\n\r\nplain\r\n--b--\r\n";
        assert_eq!(of(both), "plain");
        let attached = "Content-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\nfile";
        assert_eq!(of(attached), "");
        assert_eq!(of("Content-Type: application/pkcs7-mime\r\n\r\nMIIB"), "");
    }

    #[test]
    fn a_preview_is_short() {
        for text in ["ä".repeat(1_000), "ab ".repeat(500), "a ".repeat(500), "abc d".repeat(100)] {
            let message = format!("Content-Type: text/plain; charset=utf-8\r\n\r\n{text}");
            let told = of(&message);
            let length = told.chars().count();
            assert!((LENGTH - 2..=LENGTH).contains(&length) && !told.ends_with(' '), "{told}");
        }
    }
}
