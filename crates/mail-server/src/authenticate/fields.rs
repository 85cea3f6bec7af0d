//! Header fields that speak of authentication (RFC 8601), and those that only this server may write.

use std::ops::Range;

/// What Exchange writes for itself, such as a spam confidence level: nobody outside may.
const OURS: &[u8] = b"x-ms-exchange-organization-";

/// Bytes of the header with the empty line; of all that is there without one.
pub(super) fn header_length(message: &[u8]) -> usize {
    Fields { message, at: 0 }.last().map_or(0, |field| field.end)
}

/// Takes away the fields that claim to be of this host (RFC 8601 5), and those of [`OURS`].
pub(super) fn strip(message: &mut Vec<u8>, name: &str) {
    let fields = Fields { message, at: 0 };
    let forged: Vec<_> = fields.filter(|field| is_forged(&message[field.clone()], name)).collect();
    let Some(first) = forged.first() else { return };
    let end = header_length(message);
    let mut kept = Vec::with_capacity(end - first.start);
    let mut from = first.start;
    for field in &forged {
        kept.extend_from_slice(&message[from..field.start]);
        from = field.end;
    }
    kept.extend_from_slice(&message[from..end]);
    message.splice(first.start..end, kept);
}

/// The fields of a header, each with its folded lines and their ends; the last one is the empty line.
struct Fields<'a> {
    message: &'a [u8],
    at: usize,
}

impl Iterator for Fields<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        let rest = self.message.get(start..).filter(|rest| !rest.is_empty())?;
        if rest.starts_with(b"\r\n") || rest.starts_with(b"\n") {
            let empty = start + rest.iter().position(|byte| *byte == b'\n')? + 1;
            self.at = self.message.len();
            return Some(start..empty);
        }
        loop {
            let rest = &self.message[self.at..];
            let line = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |n| n + 1);
            self.at += line;
            if !matches!(self.message.get(self.at), Some(b' ' | b'\t')) {
                return Some(start..self.at);
            }
        }
    }
}

fn is_forged(field: &[u8], own: &str) -> bool {
    let Some(colon) = field.iter().position(|byte| *byte == b':') else { return false };
    let name = field[..colon].trim_ascii_end().to_ascii_lowercase();
    if name.starts_with(OURS) {
        return true;
    }
    name == b"authentication-results"
        && identifier(&field[colon + 1..]).eq_ignore_ascii_case(own.as_bytes())
}

/// The authserv-id, which comes first (RFC 8601 2.2): a word or a quoted string, with comments around it.
fn identifier(value: &[u8]) -> Vec<u8> {
    let plain = plain(value);
    let value = plain.trim_ascii_start();
    match value.strip_prefix(b"\"") {
        Some(quoted) => {
            let mut id = Vec::new();
            let mut bytes = quoted.iter();
            while let Some(byte) = bytes.next() {
                match byte {
                    b'"' => break,
                    b'\\' => id.extend(bytes.next()),
                    other => id.push(*other),
                }
            }
            id
        }
        None => {
            let ends = |byte: &u8| byte.is_ascii_whitespace() || *byte == b';';
            value[..value.iter().position(ends).unwrap_or(value.len())].to_vec()
        }
    }
}

/// A value without its comments (RFC 5322 3.2.2), which may hold others; quoted strings stay.
fn plain(value: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(value.len());
    let (mut depth, mut quoted) = (0_usize, false);
    let mut bytes = value.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                let next = bytes.next();
                if depth == 0 {
                    plain.push(byte);
                    plain.extend(next);
                }
            }
            b'"' if depth == 0 => {
                quoted = !quoted;
                plain.push(byte);
            }
            b'(' if !quoted => {
                depth += 1;
                plain.push(b' ');
            }
            b')' if !quoted && depth > 0 => depth -= 1,
            _ if depth == 0 => plain.push(byte),
            _ => {}
        }
    }
    plain
}

/// Whether a field of results says that DMARC found the message good.
pub(super) fn says_pass(value: &[u8]) -> bool {
    let plain = plain(value).to_ascii_lowercase();
    let said = |part: &[u8]| {
        let word: Vec<u8> = part.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
        let rest = word.strip_prefix(b"dmarc=pass")?;
        // What follows the result is a property, and its name begins with one of these words (RFC 8601 2.2).
        let properties: [&[u8]; 5] = [b"header.", b"policy.", b"smtp.", b"body.", b"reason="];
        Some(rest.is_empty() || properties.iter().any(|property| rest.starts_with(property)))
    };
    // The identifier comes first and is no result.
    plain.split(|byte| *byte == b';').skip(1).any(|part| said(part) == Some(true))
}

/// Any bytes as a message: neither panics nor loses the body, and what was stripped once is stripped.
pub fn oracle(bytes: &[u8]) {
    const NAME: &str = "mail.here.test";
    let body = &bytes[header_length(bytes)..];
    says_pass(bytes);
    let mut message = bytes.to_vec();
    strip(&mut message, NAME);
    assert!(message.ends_with(body));
    let once = message.clone();
    strip(&mut message, NAME);
    assert_eq!(once, message);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(message: &str) -> String {
        let mut bytes = message.as_bytes().to_vec();
        strip(&mut bytes, "mail.here.test");
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn what_claims_to_be_ours_goes_and_nothing_else() {
        for forged in [
            "Authentication-Results: mail.here.test; spf=pass\r\n",
            "authentication-results : MAIL.here.TEST 1; spf=pass\r\n",
            "Authentication-Results:\r\n\tmail.here.test;\r\n\tspf=pass\r\n",
            "Authentication-Results: (a (nested) comment) \"mail.here.test\"; none\r\n",
            "Authentication-Results: \"mail.\\here.test\"; none\r\n",
            "Authentication-Results: (a \\) comment)mail.here.test(x); none\r\n",
            "Authentication-Results: mail.here.test\n",
            "X-MS-Exchange-Organization-SCL: -1\r\n",
            "X-Ms-Exchange-Organization-AuthAs: Internal\r\n",
        ] {
            let message = format!("From: a\r\n{forged}To: b\r\n\r\n{forged}");
            assert_eq!(stripped(&message), format!("From: a\r\nTo: b\r\n\r\n{forged}"));
            let message = format!("{forged}{forged}To: b\r\n\r\n");
            assert_eq!(stripped(&message), "To: b\r\n\r\n");
            assert_eq!(stripped(forged), "");
        }
        for kept in [
            "Authentication-Results: mail.there.test; spf=pass\r\n",
            "Authentication-Results: mail.here.test.evil; spf=pass\r\n",
            "Authentication-Results: (mail.here.test) x; none\r\n",
            "X-Authentication-Results: mail.here.test; spf=pass\r\n",
            "Subject: x\r\n Authentication-Results: mail.here.test\r\n",
            "",
            "no field at all",
        ] {
            let message = format!("{kept}\r\n\r\nbody");
            assert_eq!(stripped(&message), message);
        }
    }

    #[test]
    fn a_header_ends_at_the_empty_line() {
        for (message, length) in
            [("", 0), ("\r\nx", 2), ("a: b\r\n\r\nx", 8), ("a: b\n\nx", 6), ("a: b", 4), ("\r", 1)]
        {
            assert_eq!(header_length(message.as_bytes()), length, "{message:?}");
        }
    }

    #[test]
    fn only_a_result_is_a_result() {
        for good in [
            "i=1; x; dmarc=pass",
            "i=1; x; spf=fail; DMARC = pass (p=none) header.from=y",
            "i=1; x;\r\n\tdmarc=pass\r\n\theader.from=a",
        ] {
            assert!(says_pass(good.as_bytes()), "{good}");
        }
        for bad in [
            "dmarc=pass",
            "i=1; x; (dmarc=pass) dmarc=fail",
            "i=1; x; dmarc=passable",
            "i=1; x; spf=pass reason=\"dmarc=pass\"",
            "i=1; x; xdmarc=pass",
        ] {
            assert!(!says_pass(bad.as_bytes()), "{bad}");
        }
    }

    /// Neither panics nor loses the body, whatever comes.
    #[test]
    fn any_bytes_are_taken() {
        let pieces: [&[u8]; 9] = [
            b"Authentication-Results:",
            b" mail.here.test",
            b"\r\n",
            b"\n",
            b"(",
            b"\"",
            b"\\",
            b";dmarc=pass",
            b"\xff",
        ];
        let mut state = 1_u32;
        for _ in 0..20_000 {
            let mut message = Vec::new();
            for _ in 0..10 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                message.extend_from_slice(pieces[(state >> 24) as usize % pieces.len()]);
            }
            oracle(&message);
        }
    }
}
