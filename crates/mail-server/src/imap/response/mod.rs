//! Responses, as bytes (RFC 9051 7): strings, names of mailboxes, dates, and what FETCH says of a message.
//!
//! Everything is written for one client: names in modified UTF-7 until he enables IMAP4rev2 or UTF8=ACCEPT.

mod body;
mod envelope;
pub mod utf7;

pub(crate) use body::body_structure;
pub(crate) use envelope::{Address, addresses, envelope};

use mapi::FileTime;

use super::command::lexer::{MONTHS, is_atom_char};
use super::command::parser::is_astring;

/// Appends a text as it is.
pub(crate) fn put(w: &mut Vec<u8>, text: &str) {
    w.extend_from_slice(text.as_bytes());
}

/// A string: quoted where it can be, else a literal.
pub(crate) fn string(w: &mut Vec<u8>, bytes: &[u8]) {
    let quotable = bytes.len() <= 1_000
        && bytes.iter().all(|byte| byte.is_ascii() && !matches!(byte, 0 | b'\r' | b'\n'));
    match quotable {
        true => quoted(w, bytes),
        false => literal(w, bytes),
    }
}

pub(crate) fn quoted(w: &mut Vec<u8>, bytes: &[u8]) {
    w.push(b'"');
    for byte in bytes {
        if matches!(byte, b'"' | b'\\') {
            w.push(b'\\');
        }
        w.push(*byte);
    }
    w.push(b'"');
}

pub(crate) fn literal(w: &mut Vec<u8>, bytes: &[u8]) {
    put(w, &format!("{{{}}}\r\n", bytes.len()));
    w.extend_from_slice(bytes);
}

/// A string, or NIL.
pub(crate) fn nstring(w: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => string(w, bytes),
        None => put(w, "NIL"),
    }
}

/// A name of a mailbox: in UTF-8, or in modified UTF-7 (RFC 3501 5.1.3).
pub(crate) fn mailbox(w: &mut Vec<u8>, name: &str, utf8: bool) {
    let encoded = match utf8 {
        true => name.to_owned(),
        false => utf7::encode(name),
    };
    match is_astring(&encoded) {
        true => put(w, &encoded),
        // Names hold no line's end and no null.
        false => quoted(w, encoded.as_bytes()),
    }
}

/// INTERNALDATE (RFC 9051 9, `date-time`), in UTC.
pub(crate) fn date_time(w: &mut Vec<u8>, time: FileTime) {
    let (year, month, day, hour, minute, second) = time.to_civil();
    let month = MONTHS[usize::from(month - 1)];
    let year = year.min(9_999);
    put(w, &format!("\"{day:02}-{month}-{year:04} {hour:02}:{minute:02}:{second:02} +0000\""));
}

/// A category as a keyword: what an atom cannot hold stands in modified UTF-7, as `Red&ACA-Category`.
pub(crate) fn keyword(category: &str) -> String {
    utf7::encode_with(category, |byte| is_atom_char(byte) && byte != b'&')
}

/// The category of a keyword.
pub(crate) fn category(keyword: &str) -> String {
    utf7::decode(keyword).unwrap_or_else(|| keyword.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut w = Vec::new();
        write(&mut w);
        String::from_utf8(w).expect("text")
    }

    #[test]
    fn strings_are_quoted_or_literals() {
        assert_eq!(written(|w| string(w, b"a \"b\" \\")), "\"a \\\"b\\\" \\\\\"");
        assert_eq!(written(|w| string(w, b"a\r\nb")), "{4}\r\na\r\nb");
        assert_eq!(written(|w| string(w, "ä".as_bytes())), "{2}\r\nä");
        assert_eq!(written(|w| nstring(w, None)), "NIL");
        assert_eq!(written(|w| mailbox(w, "INBOX", false)), "INBOX");
        assert_eq!(written(|w| mailbox(w, "NIL", false)), "\"NIL\"");
        assert_eq!(written(|w| mailbox(w, "Entwürfe & mehr", false)), "\"Entw&APw-rfe &- mehr\"");
        assert_eq!(written(|w| mailbox(w, "Entwürfe", true)), "\"Entwürfe\"");
    }

    #[test]
    fn keywords_are_categories() {
        for text in ["Work", "$Forwarded", "Red Category", "Größe", "a&b", "(x)", "]"] {
            let atom = keyword(text);
            assert!(atom.bytes().all(is_atom_char), "{atom}");
            assert_eq!(category(&atom), text);
        }
        assert_eq!(keyword("$Forwarded"), "$Forwarded");
        assert_eq!(keyword("Red Category"), "Red&ACA-Category");
        assert_eq!(category("a&b"), "a&b");
    }

    #[test]
    fn times_are_utc() {
        let time = FileTime::from_unix(760_686_745, 0);
        assert_eq!(written(|w| date_time(w, time)), "\"08-Feb-1994 05:52:25 +0000\"");
    }
}
