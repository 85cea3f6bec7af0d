//! What IMAP asks of a message before anything else: its size as Internet mail, and its header. It stands beside the
//! summary, so that nobody opens ten thousand messages to list them.
//!
//! A message without it is opened. INVARIANT: it goes with any change after which the message reads otherwise.

use mapi::{Reader, Wire, WireError};

const VERSION: u8 = 1;

/// A longer header is read in the message.
pub const MAX_HEADER: usize = 8 << 10;

/// A message as Internet mail has it, with CR LF at the end of each line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// 0 for a message that is kept as it was received; else the revision of the program's writing of messages that
    /// made it of its properties, and another revision makes it anew.
    pub writer: u8,
    /// RFC822.SIZE.
    pub size: u64,
    /// With the empty line behind it. None for one that is too long, or that is none from its first line to the empty
    /// one.
    pub header: Option<Vec<u8>>,
}

impl Outline {
    /// That of a message, whose lines may end in LF alone.
    pub fn of(message: &[u8], writer: u8) -> Outline {
        let bare = bare_line_feeds(message);
        let header = header(message).map(with_crlf).filter(|header| header.len() <= MAX_HEADER);
        Outline { writer, size: (message.len() + bare) as u64, header }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let header = self.header.as_deref().unwrap_or_default();
        let mut w = Vec::with_capacity(12 + header.len());
        w.push(VERSION);
        w.push(self.writer);
        self.size.write(&mut w);
        w.push(u8::from(self.header.is_some()));
        w.extend_from_slice(header);
        w
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Outline, WireError> {
        let mut r = Reader::new(bytes);
        super::version(&mut r, VERSION)?;
        let writer = u8::read(&mut r)?;
        let size = u64::read(&mut r)?;
        let has = bool::read(&mut r)?;
        let header = r.rest();
        if header.len() > MAX_HEADER || (!has && !header.is_empty()) {
            return Err(r.bad("a header of an outline", header.len() as u64, header.len()));
        }
        Ok(Outline { writer, size, header: has.then(|| header.to_vec()) })
    }
}

/// Line feeds without a carriage return before them. Looks at blocks, since most messages have none.
pub fn bare_line_feeds(message: &[u8]) -> usize {
    let first = usize::from(message.first() == Some(&b'\n'));
    let pairs = message.iter().zip(message.iter().skip(1));
    first + pairs.filter(|(before, byte)| **byte == b'\n' && **before != b'\r').count()
}

/// The header with its empty line, if every line until there is a field or goes on with one. How a broken header is
/// divided from the body is not this record's to say.
fn header(message: &[u8]) -> Option<&[u8]> {
    let mut at = 0;
    while at < message.len() && at <= MAX_HEADER {
        let end = at + message[at..].iter().position(|byte| *byte == b'\n')? + 1;
        let line = message[at..end].strip_suffix(b"\n")?;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match line {
            [] => return Some(&message[..end]),
            [b' ' | b'\t', ..] if at > 0 => {}
            _ => {
                let colon =
                    line.iter().position(|byte| *byte == b':').filter(|colon| *colon > 0)?;
                if !line[..colon].iter().all(u8::is_ascii_graphic) {
                    return None;
                }
            }
        }
        at = end;
    }
    None
}

fn with_crlf(header: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(header.len());
    for (at, byte) in header.iter().enumerate() {
        if *byte == b'\n' && (at == 0 || header[at - 1] != b'\r') {
            out.push(b'\r');
        }
        out.push(*byte);
    }
    out
}

/// What is known of a message beside it, and is no part of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Aside(pub(crate) Option<Outline>);

impl PartialEq for Aside {
    fn eq(&self, _: &Aside) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_taken_if_it_is_one() {
        let of = |message: &str| {
            let outline = Outline::of(message.as_bytes(), 0);
            assert_eq!(Outline::read(&outline.to_bytes()), Ok(outline.clone()));
            let header = outline.header.map(|header| String::from_utf8(header).expect("text"));
            (outline.size, header)
        };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(of("A: b\r\n c\r\n\r\nd\r\n"), (15, text("A: b\r\n c\r\n\r\n")));
        assert_eq!(of("A: b\n c\n\nd\n"), (15, text("A: b\r\n c\r\n\r\n")));
        assert_eq!(of("\nx"), (3, text("\r\n")));
        for none in [
            "",
            "A: b\r\n",
            " a\r\n\r\n",
            "A: b\r\nno field\r\n\r\n",
            "a b: c\r\n\r\n",
            ":\r\n\r\n",
        ] {
            assert_eq!(of(none).1, None, "{none:?}");
        }
        assert_eq!(of(&format!("A: {}\r\n\r\n", "x".repeat(MAX_HEADER))).1, None);
        assert_eq!(bare_line_feeds(b"\n\r\n\n\r"), 2);
    }

    #[test]
    fn what_is_no_outline_is_refused() {
        let good = Outline { writer: 3, size: 9, header: None }.to_bytes();
        for cut in 0..good.len() {
            assert!(Outline::read(&good[..cut]).is_err());
        }
        assert!(Outline::read(&[&good[..], b"x"].concat()).is_err());
        let long = Outline { writer: 0, size: 9, header: Some(vec![b'x'; MAX_HEADER + 1]) };
        assert!(Outline::read(&long.to_bytes()).is_err());
    }
}
