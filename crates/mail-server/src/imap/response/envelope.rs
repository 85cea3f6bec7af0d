//! ENVELOPE (RFC 9051 7.5.2): fields of a header as they stand, encoded words and all.

use formats::mime::Header;

use super::{nstring, put, string};

/// Entries of one list of addresses at most.
const MAX_ADDRESSES: usize = 10_000;

/// An entry of a list of addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    Mailbox { name: Option<Vec<u8>>, local: Vec<u8>, domain: Vec<u8> },
    GroupBegins(Vec<u8>),
    GroupEnds,
}

/// Appends the envelope of a message.
pub(crate) fn envelope(w: &mut Vec<u8>, header: &Header<'_>) {
    let from = addresses(header, "from");
    put(w, "(");
    field(w, header, "date");
    put(w, " ");
    field(w, header, "subject");
    put(w, " ");
    list(w, &from);
    for name in ["sender", "reply-to"] {
        put(w, " ");
        let own = addresses(header, name);
        // Both default to From.
        list(w, if own.is_empty() { &from } else { &own });
    }
    for name in ["to", "cc", "bcc"] {
        put(w, " ");
        list(w, &addresses(header, name));
    }
    put(w, " ");
    field(w, header, "in-reply-to");
    put(w, " ");
    field(w, header, "message-id");
    put(w, ")");
}

fn field(w: &mut Vec<u8>, header: &Header<'_>, name: &str) {
    let value = header.first(name).map(|field| unfolded(field.value));
    nstring(w, value.as_deref());
}

/// Without line ends and without blanks around it; nulls have no place in a string.
pub(crate) fn unfolded(value: &[u8]) -> Vec<u8> {
    let kept = value.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n' | 0));
    kept.collect::<Vec<u8>>().trim_ascii().to_vec()
}

fn list(w: &mut Vec<u8>, all: &[Address]) {
    if all.is_empty() {
        return put(w, "NIL");
    }
    put(w, "(");
    for address in all {
        match address {
            Address::Mailbox { name, local, domain } => {
                put(w, "(");
                nstring(w, name.as_deref());
                put(w, " NIL ");
                string(w, local);
                put(w, " ");
                string(w, domain);
                put(w, ")");
            }
            Address::GroupBegins(name) => {
                put(w, "(NIL NIL ");
                string(w, name);
                put(w, " NIL)");
            }
            Address::GroupEnds => put(w, "(NIL NIL NIL NIL)"),
        }
    }
    put(w, ")");
}

/// The addresses of all fields of a name (RFC 5322 3.4). What is broken is read as far as it goes.
pub(crate) fn addresses(header: &Header<'_>, name: &str) -> Vec<Address> {
    let mut all = Vec::new();
    for field in header.all(name) {
        read(&unfolded(field.value), &mut all);
    }
    all
}

fn read(text: &[u8], all: &mut Vec<Address>) {
    let mut reader = Reader { text, at: 0 };
    let mut phrase = Vec::new();
    let mut comment = None;
    let mut angle: Option<Vec<u8>> = None;
    let mut in_group = false;
    loop {
        let byte = reader.next();
        match byte {
            Some(b'"') => reader.quoted(&mut phrase),
            Some(b'(') => comment = Some(reader.comment()).filter(|text| !text.is_empty()),
            Some(b'<') => angle = Some(reader.angle()),
            Some(b':') if !in_group => {
                all.push(Address::GroupBegins(std::mem::take(&mut phrase).trim_ascii().to_vec()));
                in_group = true;
            }
            Some(b',' | b';') | None => {
                let name = std::mem::take(&mut phrase).trim_ascii().to_vec();
                let comment = comment.take();
                match angle.take() {
                    Some(address) => {
                        let name = Some(name).filter(|name| !name.is_empty()).or(comment);
                        all.push(mailbox(name, &address));
                    }
                    None if !name.is_empty() => all.push(mailbox(comment, &name)),
                    None => {}
                }
                if byte == Some(b';') && in_group {
                    all.push(Address::GroupEnds);
                    in_group = false;
                }
                if byte.is_none() || all.len() >= MAX_ADDRESSES {
                    if in_group {
                        all.push(Address::GroupEnds);
                    }
                    return;
                }
            }
            Some(other) => phrase.push(other),
        }
    }
}

fn mailbox(name: Option<Vec<u8>>, address: &[u8]) -> Address {
    let spaced = |part: &[u8]| part.trim_ascii().to_vec();
    let at = address.iter().rposition(|byte| *byte == b'@');
    let (local, domain) = match at {
        Some(at) => (spaced(&address[..at]), spaced(&address[at + 1..])),
        None => (spaced(address), Vec::new()),
    };
    Address::Mailbox { name, local, domain }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<u8> {
        let byte = self.text.get(self.at).copied();
        self.at += 1;
        byte
    }

    fn quoted(&mut self, out: &mut Vec<u8>) {
        while let Some(byte) = self.next() {
            match byte {
                b'"' => return,
                b'\\' => out.extend(self.next()),
                other => out.push(other),
            }
        }
    }

    /// Comments nest; what they hold is the name where there is no other.
    fn comment(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut depth = 1_usize;
        while let Some(byte) = self.next() {
            match byte {
                b'(' => depth += 1,
                b')' => depth -= 1,
                b'\\' => {
                    out.extend(self.next());
                    continue;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
            out.push(byte);
        }
        out.trim_ascii().to_vec()
    }

    /// An address in angle brackets, without a route before it.
    fn angle(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        while let Some(byte) = self.next() {
            match byte {
                b'>' => break,
                b'"' => {
                    self.quoted(&mut out);
                }
                b':' if out.starts_with(b"@") => out.clear(),
                other => out.push(other),
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(header: &str) -> String {
        let mut w = Vec::new();
        envelope(&mut w, &formats::mime::parse(header.as_bytes(), 0).header);
        String::from_utf8(w).expect("text")
    }

    #[test]
    fn the_envelope_of_the_rfc() {
        // RFC 3501 7.4.2
        let header = "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n\
From: Terry Gray <gray@cac.washington.edu>\r\n\
Subject: IMAP4rev1 WG mtg summary and minutes\r\n\
To: imap@cac.washington.edu\r\n\
cc: minutes@CNRI.Reston.VA.US, \"John Klensin\" <KLENSIN@MIT.EDU>\r\n\
Message-Id: <B27397-0100000@cac.washington.edu>\r\n\r\n";
        assert_eq!(
            of(header),
            "(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \
             \"IMAP4rev1 WG mtg summary and minutes\" \
             ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) \
             ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) \
             ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) \
             ((NIL NIL \"imap\" \"cac.washington.edu\")) \
             ((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")\
             (\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) NIL NIL \
             \"<B27397-0100000@cac.washington.edu>\")"
        );
    }

    #[test]
    fn odd_addresses() {
        let to = |value: &str| {
            let text = of(&format!("To: {value}\r\n\r\n"));
            text.strip_prefix("(NIL NIL NIL NIL NIL ")
                .and_then(|rest| rest.strip_suffix(" NIL NIL NIL NIL)"))
                .expect("only To")
                .to_owned()
        };
        assert_eq!(to("a@b (Ann)"), "((\"Ann\" NIL \"a\" \"b\"))");
        assert_eq!(to("<@x,@y:a@b>"), "((NIL NIL \"a\" \"b\"))");
        assert_eq!(
            to("Team: a@b, \"x, y\" <c@d>;"),
            "((NIL NIL \"Team\" NIL)(NIL NIL \"a\" \"b\")(\"x, y\" NIL \"c\" \"d\")(NIL NIL NIL NIL))"
        );
        assert_eq!(to("none:;"), "((NIL NIL \"none\" NIL)(NIL NIL NIL NIL))");
        assert_eq!(to("=?utf-8?q?=C3=A4?= <a@b>"), "((\"=?utf-8?q?=C3=A4?=\" NIL \"a\" \"b\"))");
        assert_eq!(to("just a name"), "((NIL NIL \"just a name\" \"\"))");
        assert_eq!(to("\"unended <a@b"), "((NIL NIL \"unended <a\" \"b\"))");
        assert_eq!(to(" , ,"), "NIL");
    }
}
