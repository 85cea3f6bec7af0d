//! The octets of DATA: taking off the dots, and finding the end (RFC 5321 4.5.2 and 4.1.1.4).
//!
//! INVARIANT: only CR LF `.` CR LF ends the data, and only a dot behind CR LF is taken off. A line feed or a carriage
//! return alone is a character like others: who takes one for the end of a line lets a second message be smuggled
//! in behind a first.

/// Where in a line the next octet stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    /// Behind CR LF, or at the begin: the command's own line ended there.
    #[default]
    Start,
    /// Behind a dot at the start, which is no part of the message.
    Dot,
    /// Behind that dot and a CR.
    DotCr,
    Cr,
    Middle,
}

/// Takes the dots off. Holds no octets.
#[derive(Debug, Default)]
pub struct Unstuff {
    place: Place,
}

impl Unstuff {
    /// Takes octets up to the end of the data or of `input`, and puts the message's into `out`. Returns how many
    /// were taken, and whether the data ended with them.
    pub fn take(&mut self, input: &[u8], out: &mut Vec<u8>) -> (usize, bool) {
        let mut at = 0;
        while let Some(octet) = input.get(at) {
            at += 1;
            self.place = match (self.place, octet) {
                (Place::Start, b'.') => {
                    self.place = Place::Dot;
                    continue;
                }
                (Place::Dot, b'\r') => {
                    self.place = Place::DotCr;
                    continue;
                }
                (Place::DotCr, b'\n') => {
                    self.place = Place::Start;
                    return (at, true);
                }
                (Place::DotCr, _) => {
                    out.push(b'\r');
                    after_cr(*octet)
                }
                (Place::Cr, _) => after_cr(*octet),
                (_, b'\r') => Place::Cr,
                (_, _) => {
                    // The rest of the line at once.
                    let rest = &input[at..];
                    let run = rest.iter().position(|b| *b == b'\r').unwrap_or(rest.len());
                    out.extend_from_slice(&input[at - 1..at + run]);
                    at += run;
                    self.place = Place::Middle;
                    continue;
                }
            };
            out.push(*octet);
        }
        (at, false)
    }
}

fn after_cr(octet: u8) -> Place {
    match octet {
        b'\n' => Place::Start,
        b'\r' => Place::Cr,
        _ => Place::Middle,
    }
}

/// The other way: what a client sends for a message, with the end.
pub fn stuff(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 16);
    let mut start = true;
    for (at, octet) in message.iter().enumerate() {
        if start && *octet == b'.' {
            out.push(b'.');
        }
        start = *octet == b'\n' && at > 0 && message[at - 1] == b'\r';
        out.push(*octet);
    }
    if !start {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By pieces of each size: the message and what is left behind the end.
    fn all(input: &[u8]) -> Option<(Vec<u8>, usize)> {
        let mut results = Vec::new();
        for piece in 1..=input.len() {
            let mut unstuff = Unstuff::default();
            let mut out = Vec::new();
            let mut taken = 0;
            let mut ended = false;
            for part in input.chunks(piece) {
                let (count, end) = unstuff.take(part, &mut out);
                taken += count;
                ended = end;
                if end {
                    break;
                }
            }
            results.push(ended.then_some((out, taken)));
        }
        assert!(results.windows(2).all(|pair| pair[0] == pair[1]), "{input:?}");
        results.pop().flatten()
    }

    #[test]
    fn ends_at_crlf_dot_crlf_alone() {
        let message = |input: &[u8]| all(input).map(|(message, _)| message);
        assert_eq!(message(b".\r\n"), Some(b"".to_vec()));
        assert_eq!(message(b"a\r\n.\r\n"), Some(b"a\r\n".to_vec()));
        assert_eq!(message(b"a\r\n..\r\n.b\r\n.\r\n"), Some(b"a\r\n.\r\nb\r\n".to_vec()));
        assert_eq!(all(b"a\r\n.\r\nQUIT\r\n").map(|(_, taken)| taken), Some(6));
        // What smugglers try.
        for open in [
            "a\n.\n",
            "a\n.\r\n",
            "a\r\n.\n",
            "a\r.\r",
            "a\r\n.\r",
            "a\r.\r\n",
            "\n.\r\n",
            "a\r\n.\r\r\n",
            "a\r\n.\0\r\n",
            "a\r\n. \r\n",
        ] {
            assert_eq!(message(open.as_bytes()), None, "{open:?}");
        }
        let open = b"a\n.\r\nMAIL FROM:<x@y>\r\n\r\n.\r\n";
        assert_eq!(message(open), Some(b"a\n.\r\nMAIL FROM:<x@y>\r\n\r\n".to_vec()));
        assert_eq!(message(b"a\r\n.\r\r\n.\r\n"), Some(b"a\r\n\r\r\n".to_vec()));
    }

    #[test]
    fn comes_back() {
        for text in ["", "x\r\n", ".\r\n", "..a\r\n.\r\n\r\n", "\r\n.\n.\r.\r\n", "a\0\r\n"] {
            let sent = stuff(text.as_bytes());
            assert_eq!(all(&sent), Some((text.as_bytes().to_vec(), sent.len())), "{text:?}");
        }
    }
}
