//! BODY and BODYSTRUCTURE (RFC 9051 7.5.2).

use super::envelope::unfolded;
use super::{envelope, nstring, put, string};
use crate::imap::structure::Node;

/// Parameters of one field at most.
const MAX_PARAMETERS: usize = 256;

/// Appends the structure of a message, with its extension data or without.
pub(crate) fn body_structure(w: &mut Vec<u8>, node: &Node<'_>, extended: bool) {
    put(w, "(");
    match node.is_multipart() {
        true => multipart(w, node, extended),
        false => leaf(w, node, extended),
    }
    put(w, ")");
}

fn multipart(w: &mut Vec<u8>, node: &Node<'_>, extended: bool) {
    node.children.iter().for_each(|child| body_structure(w, child, extended));
    put(w, " ");
    string(w, node.part.content_type.subtype.as_bytes());
    if extended {
        put(w, " ");
        parameters(w, &Parameterized::of(node, "content-type"));
        extension(w, node);
    }
}

fn leaf(w: &mut Vec<u8>, node: &Node<'_>, extended: bool) {
    let declared = Parameterized::of(node, "content-type");
    let kind = &node.part.content_type;
    let nested = kind.is("message", "rfc822") || kind.is("message", "global");
    // A multipart without parts, and a message that is not looked into, have no structure to tell of.
    let (kind, subtype) = match (kind.kind.as_str(), kind.subtype.as_str()) {
        ("multipart", _) => ("text", "plain"),
        _ if nested && node.message.is_none() => ("application", "octet-stream"),
        (kind, "") => (kind, if kind == "text" { "plain" } else { "octet-stream" }),
        (kind, subtype) => (kind, subtype),
    };
    string(w, kind.as_bytes());
    put(w, " ");
    string(w, subtype.as_bytes());
    put(w, " ");
    match declared.parameters.is_empty() && kind == "text" {
        // RFC 2045 5.2.
        true => put(w, "(\"charset\" \"us-ascii\")"),
        false => parameters(w, &declared),
    }
    for name in ["content-id", "content-description"] {
        put(w, " ");
        field(w, node, name);
    }
    put(w, " ");
    let encoding = node.part.header.plain("content-transfer-encoding");
    string(w, encoding.as_deref().unwrap_or("7bit").as_bytes());
    put(w, &format!(" {}", node.part.body.len()));
    let lines = || node.part.body.iter().filter(|byte| **byte == b'\n').count();
    if let Some(message) = &node.message {
        put(w, " ");
        envelope(w, &message.part.header);
        put(w, " ");
        body_structure(w, message, extended);
        put(w, &format!(" {}", lines()));
    } else if kind == "text" {
        put(w, &format!(" {}", lines()));
    }
    if extended {
        put(w, " ");
        field(w, node, "content-md5");
        extension(w, node);
    }
}

/// Disposition, language and location.
fn extension(w: &mut Vec<u8>, node: &Node<'_>) {
    put(w, " ");
    match node.part.header.first("content-disposition") {
        Some(_) => {
            let disposition = Parameterized::of(node, "content-disposition");
            put(w, "(");
            string(w, &disposition.value);
            put(w, " ");
            parameters(w, &disposition);
            put(w, ")");
        }
        None => put(w, "NIL"),
    }
    put(w, " ");
    let languages: Vec<String> = node
        .part
        .header
        .plain("content-language")
        .iter()
        .flat_map(|all| all.split(','))
        .map(|one| one.trim().to_owned())
        .filter(|one| !one.is_empty())
        .collect();
    match languages.as_slice() {
        [] => put(w, "NIL"),
        [one] => string(w, one.as_bytes()),
        many => {
            for (index, one) in many.iter().enumerate() {
                put(w, if index == 0 { "(" } else { " " });
                string(w, one.as_bytes());
            }
            put(w, ")");
        }
    }
    put(w, " ");
    field(w, node, "content-location");
}

fn field(w: &mut Vec<u8>, node: &Node<'_>, name: &str) {
    let value = node.part.header.first(name).map(|field| unfolded(field.value));
    nstring(w, value.as_deref().filter(|value| !value.is_empty()));
}

fn parameters(w: &mut Vec<u8>, field: &Parameterized) {
    if field.parameters.is_empty() {
        return put(w, "NIL");
    }
    for (index, (name, value)) in field.parameters.iter().enumerate() {
        put(w, if index == 0 { "(" } else { " " });
        string(w, name);
        put(w, " ");
        string(w, value);
    }
    put(w, ")");
}

/// A field with parameters as they stand: sections and encodings of RFC 2231 are the client's to undo.
struct Parameterized {
    value: Vec<u8>,
    parameters: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Parameterized {
    fn of(node: &Node<'_>, name: &str) -> Parameterized {
        let value = node.part.header.first(name).map(|field| unfolded(field.value));
        let mut pieces = split(&value.unwrap_or_default()).into_iter();
        let value = pieces.next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
        let parameters = pieces.take(MAX_PARAMETERS).filter_map(|piece| {
            let equals = piece.iter().position(|byte| *byte == b'=')?;
            let name = piece[..equals].trim_ascii().to_ascii_lowercase();
            let value = piece[equals + 1..].trim_ascii().to_vec();
            (!name.is_empty()).then_some((name, value))
        });
        Parameterized { value, parameters: parameters.collect() }
    }
}

/// The pieces between semicolons, without quotes and comments.
fn split(text: &[u8]) -> Vec<Vec<u8>> {
    let mut pieces = vec![Vec::new()];
    let (mut quoted, mut comments) = (false, 0_usize);
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        let piece = pieces.last_mut().expect("there is always one");
        match byte {
            b'\\' if quoted => piece.extend(bytes.next()),
            b'"' if comments == 0 => quoted = !quoted,
            b'(' if !quoted => comments += 1,
            b')' if !quoted && comments > 0 => comments -= 1,
            _ if comments > 0 => {}
            b';' if !quoted => pieces.push(Vec::new()),
            other => piece.push(other),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::structure::parse;

    fn of(message: &[u8], extended: bool) -> String {
        let mut w = Vec::new();
        body_structure(&mut w, &parse(message), extended);
        String::from_utf8(w).expect("text")
    }

    #[test]
    fn structures() {
        assert_eq!(
            of(b"Subject: x\r\n\r\na\r\nb\r\n", false),
            "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 6 2)"
        );
        let mixed = b"Content-Type: multipart/mixed; boundary=\"a;b\"\r\n\r\n\
--a;b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Language: de, en\r\n\r\n<p>\r\n\
--a;b\r\nContent-Type: application/pdf; name*0=\"x\"; name*1=y (c)\r\n\
Content-Transfer-Encoding: base64\r\nContent-ID: <1>\r\n\
Content-Disposition: attachment; filename=\"a \\\"b\"\r\n\r\nQUJD\r\n--a;b--\r\n";
        assert_eq!(
            of(mixed, true),
            "((\"text\" \"html\" (\"charset\" \"utf-8\") NIL NIL \"7bit\" 3 0 NIL NIL \
             (\"de\" \"en\") NIL)(\"application\" \"pdf\" (\"name*0\" \"x\" \"name*1\" \"y\") \
             \"<1>\" NIL \"base64\" 4 NIL (\"attachment\" (\"filename\" \"a \\\"b\")) NIL NIL) \
             \"mixed\" (\"boundary\" \"a;b\") NIL NIL NIL)"
        );
        assert_eq!(
            of(b"Content-Type: message/rfc822\r\n\r\nSubject: i\r\n\r\nx\r\n", false),
            "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 17 (NIL \"i\" NIL NIL NIL NIL NIL NIL NIL \
             NIL) (\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 3 1) 3)"
        );
        assert_eq!(
            of(b"Content-Type: multipart/mixed\r\n\r\nx", false),
            "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 1 0)"
        );
    }
}
