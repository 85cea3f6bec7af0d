//! A message as it goes out to other hosts.

/// What is sent, and what a host has to be capable of to take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    pub bytes: Vec<u8>,
    /// Octets beyond ASCII stand somewhere ([RFC 6152]).
    pub eight_bit: bool,
    /// They stand in its header ([RFC 6531]).
    pub utf8: bool,
    /// With the brackets; empty if it has none.
    pub message_id: String,
}

/// Nobody learns who got a blind copy ([RFC 5322] 3.6.3), and a return path is of the last host ([RFC 5321] 4.4).
const LEFT_OUT: [&str; 3] = ["bcc", "resent-bcc", "return-path"];

/// A Message-ID that is longer is not looked for.
const MAX_ID: usize = 900;

/// Leaves out the fields that are nobody's business, ends every line in CR LF and drops nulls ([RFC 5321] 2.3.8: a CR
/// or LF alone is never sent, since some hosts take it for the end of a line; [RFC 5322] 2.2 knows no null).
pub fn outgoing(message: &[u8]) -> Outgoing {
    let mut out = Vec::with_capacity(message.len() + message.len() / 32);
    let mut message_id = String::new();
    let mut in_header = true;
    let mut left_out = false;
    let mut header_end = None;
    for line in lines(message) {
        if in_header {
            let first = line.first().copied();
            if line.is_empty() {
                in_header = false;
                header_end = Some(out.len());
            } else if !matches!(first, Some(b' ' | b'\t')) {
                let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
                let name = name.trim_ascii_end();
                left_out = LEFT_OUT.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()));
                if name.eq_ignore_ascii_case(b"message-id") && message_id.is_empty() {
                    message_id = id_of(line);
                }
            } else if message_id == PENDING {
                message_id = id_of(line);
            }
            if left_out && in_header {
                continue;
            }
        }
        out.extend(line.iter().filter(|byte| **byte != 0));
        out.extend_from_slice(b"\r\n");
    }
    if message_id == PENDING {
        message_id.clear();
    }
    let header = &out[..header_end.unwrap_or(out.len())];
    let utf8 = !header.is_ascii();
    let eight_bit = utf8 || !out.is_ascii();
    Outgoing { eight_bit, utf8, message_id, bytes: out }
}

/// The field is there, and its id stands in the next line.
const PENDING: &str = "\n";

fn id_of(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let id = text.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    match id {
        Some((id, _)) if id.len() <= MAX_ID => format!("<{id}>"),
        Some(_) => String::new(),
        None => PENDING.to_owned(),
    }
}

/// Lines without their ends, be they CR LF, CR or LF; a last line without one counts as well.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(rest.len());
        let line = &rest[..end];
        let crlf = rest[end..].starts_with(b"\r\n");
        rest = rest.get(end + 1 + usize::from(crlf)..).unwrap_or_default();
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blind_copies_and_return_paths_stay_here() {
        let message = b"Return-Path: <a@b>\r\nFrom: a@b\r\nBCC: c@d,\r\n e@f\r\nResent-Bcc: g@h\r\nSubject: x\r\n\r\nBcc: in the body\r\n";
        let sent = outgoing(message);
        assert_eq!(
            String::from_utf8(sent.bytes).unwrap(),
            "From: a@b\r\nSubject: x\r\n\r\nBcc: in the body\r\n"
        );
        assert!(!sent.eight_bit && !sent.utf8 && sent.message_id.is_empty());
    }

    #[test]
    fn lines_end_in_crlf_and_nothing_is_smuggled() {
        let sent = outgoing(b"A: b\n\nx\n.\ny\r.\rz\0\r\n\r\nend");
        assert_eq!(sent.bytes, b"A: b\r\n\r\nx\r\n.\r\ny\r\n.\r\nz\r\n\r\nend\r\n");
        assert_eq!(outgoing(b"").bytes, b"");
        // What it gives it leaves as it is.
        assert_eq!(outgoing(&sent.bytes), sent);
    }

    #[test]
    fn what_a_host_needs_to_be_capable_of_is_told() {
        let of = |text: &str| {
            let sent = outgoing(text.as_bytes());
            (sent.eight_bit, sent.utf8)
        };
        assert_eq!(of("A: b\r\n\r\nc\r\n"), (false, false));
        assert_eq!(of("A: b\r\n\r\nä\r\n"), (true, false));
        assert_eq!(of("A: ä\r\n\r\nc\r\n"), (true, true));
        let id = |text: &str| outgoing(text.as_bytes()).message_id;
        assert_eq!(id("Message-ID: <1@x>\r\n\r\n"), "<1@x>");
        assert_eq!(id("message-id:\r\n <2@x>\r\nTo: <c@d>\r\n\r\n"), "<2@x>");
        assert_eq!(id("Message-ID: none\r\n\r\n<3@x>\r\n"), "");
    }
}
