//! What a file is, by its first bytes and not by its name.

use crate::mbox::looks_like_envelope;

/// How many of a file's first bytes [`detect`] wants to see.
pub const HEAD: usize = 64 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One Internet message.
    Eml,
    Mbox,
    /// A compound file: a .msg, if it holds a message.
    Msg,
    /// A personal store, or an offline one (OST), which has the same beginning.
    Pst,
    Tnef,
    ICalendar,
    VCard,
}

/// Why a file is none of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotMail {
    #[error("the file is empty")]
    Empty,
    #[error("this is {0}, not a message or a mailbox")]
    Other(&'static str),
    #[error("neither a message nor a mailbox: it does not begin with header fields")]
    Unknown,
}

/// Tells a file's format by its first bytes ([`HEAD`] of them are enough).
///
/// # Errors
/// [`NotMail`] with the reason, for files that have a mail program's name and another's content.
pub fn detect(head: &[u8]) -> Result<Format, NotMail> {
    for (magic, format) in MAGIC {
        if head.starts_with(magic) {
            return Ok(*format);
        }
    }
    for (magic, name) in FOREIGN {
        if head.starts_with(magic) {
            return Err(NotMail::Other(name));
        }
    }
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let text = head.trim_ascii_start();
    if text.iter().all(|byte| *byte == 0) {
        return Err(NotMail::Empty);
    }
    let starts = |word: &str| {
        text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
    };
    if starts("BEGIN:VCALENDAR") {
        return Ok(Format::ICalendar);
    }
    if starts("BEGIN:VCARD") {
        return Ok(Format::VCard);
    }
    if text.starts_with(b"From ") && is_mbox(text) {
        return Ok(Format::Mbox);
    }
    if has_mail_field(text) {
        return Ok(Format::Eml);
    }
    if starts("<!doctype html") || starts("<html") || starts("<head") || starts("<body") {
        return Err(NotMail::Other("an HTML page"));
    }
    if starts("<?xml") {
        return Err(NotMail::Other("an XML document"));
    }
    Err(NotMail::Unknown)
}

/// PST: [MS-PST] 2.2.2.6 dwMagic. TNEF: [MS-OXTNEF] 2.1.3.1 TNEFSignature. Compound file: [MS-CFB] 2.2.
const MAGIC: &[(&[u8], Format)] = &[
    (b"!BDN", Format::Pst),
    (b"\x78\x9f\x3e\x22", Format::Tnef),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Format::Msg),
];

const FOREIGN: &[(&[u8], &str)] = &[
    (b"PK\x03\x04", "a ZIP archive: unpack it first"),
    (b"\x1f\x8b", "a gzip file: unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive: unpack it first"),
    (b"Rar!", "a RAR archive: unpack it first"),
    (b"BZh", "a bzip2 file: unpack it first"),
    (b"\xfd7zXZ", "an xz file: unpack it first"),
    (b"%PDF", "a PDF document"),
    (b"{\\rtf", "an RTF document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"\xff\xfe", "a text in UTF-16"),
    (b"\xfe\xff", "a text in UTF-16"),
    (b"\xcf\xad\x12\xfe", "an Outlook Express mailbox (DBX)"),
    (b"SQLite format 3", "an SQLite database"),
];

/// An envelope line, or a `From ` line with header fields or an empty line behind it.
fn is_mbox(text: &[u8]) -> bool {
    let mut lines = text.split(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let second = lines.next().unwrap_or_default().trim_ascii_end();
    looks_like_envelope(first) || second.is_empty() || field_name(second).is_some()
}

/// Whether one of the first lines is a field of mail.
fn has_mail_field(text: &[u8]) -> bool {
    for (index, line) in text.split(|byte| *byte == b'\n').take(400).enumerate() {
        let line = line.trim_ascii_end();
        if line.is_empty() {
            return false;
        }
        let folded = line.starts_with(b" ") || line.starts_with(b"\t");
        if folded && index > 0 {
            continue;
        }
        match field_name(line) {
            Some(name) if is_mail_field(&name) => return true,
            Some(_) => {}
            None if index == 0 && (line.starts_with(b">From ") || line.starts_with(b"From ")) => {}
            None => return false,
        }
    }
    false
}

fn field_name(line: &[u8]) -> Option<String> {
    let colon = line.iter().take(100).position(|byte| *byte == b':')?;
    let name = line[..colon].trim_ascii_end();
    let fits = !name.is_empty() && name.iter().all(|b| b.is_ascii_graphic());
    fits.then(|| String::from_utf8_lossy(name).to_ascii_lowercase())
}

/// Whether a field, its name in lower case, is one that mail has.
pub(crate) fn is_mail_field(name: &str) -> bool {
    const FIELDS: &[&str] = &[
        "from",
        "to",
        "cc",
        "bcc",
        "subject",
        "date",
        "sender",
        "reply-to",
        "received",
        "return-path",
        "message-id",
        "in-reply-to",
        "references",
        "mime-version",
        "delivered-to",
        "envelope-to",
        "authentication-results",
        "dkim-signature",
        "organization",
        "importance",
        "priority",
        "status",
        "comments",
        "keywords",
        "thread-topic",
        "thread-index",
        "errors-to",
        "newsgroups",
        "path",
        "lines",
        "domainkey-signature",
        "delivery-date",
    ];
    FIELDS.contains(&name)
        || ["x-", "content-", "list-", "resent-", "arc-", "received-"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_content() {
        assert_eq!(detect(b"!BDN\0\0\0\0SM"), Ok(Format::Pst));
        assert_eq!(detect(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), Ok(Format::Msg));
        assert_eq!(detect(b"\x78\x9f\x3e\x22"), Ok(Format::Tnef));
        assert_eq!(detect(b"BEGIN:VCALENDAR\r\n"), Ok(Format::ICalendar));
        assert_eq!(detect(b"From a Mon Jun 01 10:00:00 2009\n\nx"), Ok(Format::Mbox));
        assert_eq!(detect(b"\nReturn-Path: <a@b>\nFrom: a\n\n"), Ok(Format::Eml));
        assert_eq!(detect(b"\xef\xbb\xbfSubject: a\n\n"), Ok(Format::Eml));
        assert_eq!(detect(b"From a\nSubject: b\n"), Ok(Format::Mbox));
    }

    #[test]
    fn others_are_refused_with_a_reason() {
        assert_eq!(detect(b" \n\0"), Err(NotMail::Empty));
        assert_eq!(detect(b"<!DOCTYPE HTML><html>"), Err(NotMail::Other("an HTML page")));
        assert_eq!(detect(b"From here on\nthis is prose\n"), Err(NotMail::Unknown));
        assert_eq!(detect(b"Note: this is\nno mail"), Err(NotMail::Unknown));
        assert!(detect(b"PK\x03\x04").unwrap_err().to_string().contains("ZIP"));
    }
}
