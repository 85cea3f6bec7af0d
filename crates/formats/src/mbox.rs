//! mbox: many messages in a file, each behind a line that begins with `From `.
//!
//! Four dialects are in use, and none says which it is. mboxo and mboxrd quote lines that begin with `From `
//! by `>`; mboxcl does so too and counts the body in Content-Length; mboxcl2 counts and quotes nothing.
//! Written is mboxrd, the only one that loses nothing.

use std::io::{self, BufRead, Write};

use mapi::FileTime;

use crate::flags::MailFlags;

/// A line is read in pieces of at most this many bytes.
const MAX_PIECE: usize = 64 * 1024;

/// One message of an mbox.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MboxMessage {
    /// What stands behind `From ` in the envelope line: a sender and a date, mostly.
    pub envelope: String,
    /// Where the envelope line begins in the file.
    pub offset: u64,
    /// The message, its quoting undone.
    pub bytes: Vec<u8>,
}

/// Why a message could not be had, or no more of them.
#[derive(Debug, thiserror::Error)]
pub enum MboxError {
    /// The message is skipped; the next one follows.
    #[error("the message at offset {offset} has {size} bytes; at most {limit} are read")]
    TooLarge { offset: u64, size: u64, limit: usize },
    /// The last item.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The messages of an mbox, one at a time, each in at most `limit` bytes of memory.
///
/// Bytes before the first envelope line come as a message with an empty envelope, if they hold anything but
/// blanks.
pub struct MboxReader<R> {
    source: Source<R>,
    limit: usize,
    /// The envelope of the next message, and where it stood.
    next: Option<(String, u64)>,
    started: bool,
    ended: bool,
    /// Content-Length is believed until it is wrong once: reading again what it covers is paid once only.
    trusts_length: bool,
}

impl<R: BufRead> MboxReader<R> {
    pub fn new(reader: R, limit: usize) -> Self {
        MboxReader {
            source: Source { reader, again: Vec::new(), again_at: 0, offset: 0 },
            limit,
            next: None,
            started: false,
            ended: false,
            trusts_length: true,
        }
    }

    fn read_message(&mut self) -> Result<Option<MboxMessage>, MboxError> {
        let (envelope, offset) = self.next.take().unwrap_or_default();
        let mut message = Collector::new(self.limit);
        let mut piece = Vec::new();
        let mut line_start = true;
        loop {
            piece.clear();
            let at = self.source.offset;
            let ended = !self.source.piece(&mut piece)?;
            if ended || line_start && self.separates(&piece, &message) {
                if let Some(from) = message.wrong_length() {
                    self.believe_no_more(&mut message, &piece, from);
                    line_start = true;
                    continue;
                }
                self.ended = ended;
                self.next = (!ended).then(|| (envelope_text(&piece), at));
                break;
            }
            message.push(&piece, line_start, self.trusts_length);
            line_start = piece.ends_with(b"\n");
        }
        if message.size > self.limit as u64 {
            return Err(MboxError::TooLarge { offset, size: message.size, limit: self.limit });
        }
        let bytes = message.finish();
        if offset == 0 && envelope.is_empty() && bytes.trim_ascii().is_empty() {
            return Ok(None);
        }
        Ok(Some(MboxMessage { envelope, offset, bytes }))
    }

    /// Whether a line begins the next message: it begins with `From `, and an empty line stands before it or
    /// it looks like an envelope.
    fn separates(&self, line: &[u8], message: &Collector) -> bool {
        line.starts_with(b"From ")
            && !message.expects_more()
            && (message.last_line_empty || looks_like_envelope(line))
    }

    /// Puts what was read behind `from` back, to be read again without belief in Content-Length.
    fn believe_no_more(&mut self, message: &mut Collector, piece: &[u8], from: usize) {
        self.trusts_length = false;
        let mut again = message.bytes.split_off(from);
        again.extend_from_slice(piece);
        self.source.unread(again);
        message.forget_length(from);
    }
}

impl<R: BufRead> Iterator for MboxReader<R> {
    type Item = Result<MboxMessage, MboxError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.ended && self.next.is_none() {
                return None;
            }
            let first = !std::mem::replace(&mut self.started, true);
            match self.read_message() {
                Ok(Some(message)) => return Some(Ok(message)),
                Ok(None) if first || !self.ended => {}
                Ok(None) => return None,
                Err(MboxError::Io(error)) => {
                    self.ended = true;
                    self.next = None;
                    return Some(Err(error.into()));
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// Appends a message in mboxrd form with its flags as Status and X-Status; those that it brought are
/// replaced.
///
/// # Errors
/// What `out` answers.
pub fn write_message(
    out: &mut impl Write,
    sender: &str,
    received: FileTime,
    flags: MailFlags,
    message: &[u8],
) -> io::Result<()> {
    let sender: String = sender.chars().filter(char::is_ascii_graphic).collect();
    let sender = if sender.is_empty() { "MAILER-DAEMON" } else { &sender };
    writeln!(out, "From {sender} {}", asctime(received))?;
    write_status(out, flags)?;
    let mut in_header = true;
    let mut dropping = false;
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        let is_folded = line.starts_with(b" ") || line.starts_with(b"\t");
        if in_header {
            in_header = !line.trim_ascii().is_empty();
            dropping = match is_folded {
                true => dropping && in_header,
                false => field_is(line, b"status:") || field_is(line, b"x-status:"),
            };
            if dropping {
                continue;
            }
        }
        if quoted(line).is_some() {
            out.write_all(b">")?;
        }
        out.write_all(line)?;
    }
    let ended = message.ends_with(b"\n");
    out.write_all(if ended { b"\n" } else { b"\n\n" })
}

/// The flags in Status, X-Status and X-Mozilla-Status of a message's header.
pub fn flags_of_message(message: &[u8]) -> MailFlags {
    let mut flags = MailFlags::default();
    for line in message.split(|byte| *byte == b'\n').take(10_000) {
        if line.trim_ascii().is_empty() {
            break;
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let value = String::from_utf8_lossy(&line[colon + 1..]);
        let value = value.trim();
        match line[..colon].to_ascii_lowercase().as_slice() {
            b"status" => flags.read |= value.contains('R'),
            b"x-status" => {
                flags.answered |= value.contains('A');
                flags.flagged |= value.contains('F');
                flags.draft |= value.contains('T');
                flags.deleted |= value.contains('D');
            }
            b"x-mozilla-status" => {
                let bits = u32::from_str_radix(value, 16).unwrap_or(0);
                flags.read |= bits & 0x0001 != 0;
                flags.answered |= bits & 0x0002 != 0;
                flags.flagged |= bits & 0x0004 != 0;
                flags.deleted |= bits & 0x0008 != 0;
                flags.forwarded |= bits & 0x1000 != 0;
            }
            _ => {}
        }
    }
    flags
}

/// The lines of a file, with a way back.
struct Source<R> {
    reader: R,
    again: Vec<u8>,
    again_at: usize,
    offset: u64,
}

impl<R: BufRead> Source<R> {
    /// Reads the next line, or as much of it as a piece may be. False at the end.
    fn piece(&mut self, piece: &mut Vec<u8>) -> io::Result<bool> {
        while piece.len() < MAX_PIECE {
            let waiting = &self.again[self.again_at..];
            let from_again = !waiting.is_empty();
            let available = match from_again {
                true => waiting,
                false => match self.reader.fill_buf() {
                    Ok(buffer) => buffer,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(error),
                },
            };
            if available.is_empty() {
                break;
            }
            let room = available.len().min(MAX_PIECE - piece.len());
            let end = available[..room].iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(room, |at| at + 1);
            piece.extend_from_slice(&available[..taken]);
            match from_again {
                true => self.again_at += taken,
                false => self.reader.consume(taken),
            }
            if end.is_some() {
                break;
            }
        }
        if self.again_at == self.again.len() {
            self.again = Vec::new();
            self.again_at = 0;
        }
        self.offset += piece.len() as u64;
        Ok(!piece.is_empty())
    }

    fn unread(&mut self, mut bytes: Vec<u8>) {
        self.offset -= bytes.len() as u64;
        bytes.extend_from_slice(&self.again[self.again_at..]);
        self.again = bytes;
        self.again_at = 0;
    }
}

/// Gathers one message's lines.
struct Collector {
    bytes: Vec<u8>,
    limit: usize,
    size: u64,
    last_line_empty: bool,
    /// The body's first byte, once the header has ended.
    body: Option<usize>,
    /// What Content-Length says.
    length: Option<u64>,
    /// Where a line that begins with `From ` stood inside the length.
    inner_from: Option<usize>,
    /// Such lines stood unquoted in the body, so nothing is quoted (mboxcl2).
    unquoted: bool,
}

impl Collector {
    fn new(limit: usize) -> Self {
        Collector {
            bytes: Vec::new(),
            limit,
            size: 0,
            last_line_empty: true,
            body: None,
            length: None,
            inner_from: None,
            unquoted: false,
        }
    }

    fn push(&mut self, piece: &[u8], line_start: bool, trusts_length: bool) {
        let empty = line_start && matches!(piece, b"\n" | b"\r\n");
        if self.body.is_none() && trusts_length && field_is(piece, b"content-length:") {
            let text = String::from_utf8_lossy(&piece["content-length:".len()..]);
            // A length that does not fit is no reason to wait for it.
            self.length = text.trim().parse().ok().filter(|length| *length <= self.limit as u64);
        }
        if line_start && self.expects_more() && piece.starts_with(b"From ") {
            self.inner_from.get_or_insert(self.bytes.len());
        }
        self.size += piece.len() as u64;
        // Beyond the limit bytes are counted only.
        if self.size <= self.limit as u64 {
            self.bytes.extend_from_slice(piece);
        } else {
            self.bytes = Vec::new();
            self.length = None;
            self.inner_from = None;
        }
        if empty && self.body.is_none() {
            self.body = Some(self.bytes.len());
        }
        self.last_line_empty = empty;
    }

    /// Whether the body is shorter than its announced length.
    fn expects_more(&self) -> bool {
        match (self.body, self.length) {
            (Some(body), Some(length)) => ((self.bytes.len() - body) as u64) < length,
            _ => false,
        }
    }

    /// At the end of a message: if its length covered a line that begins with `From ` and did not end where
    /// the message ends, the length was wrong and that line is the next message's.
    fn wrong_length(&mut self) -> Option<usize> {
        let inner = self.inner_from?;
        let (body, length) = (self.body?, usize::try_from(self.length?).ok()?);
        let rest = self.bytes.get(body + length..);
        match rest.is_some_and(|rest| rest.trim_ascii().is_empty()) {
            true => {
                self.unquoted = true;
                None
            }
            false => Some(inner),
        }
    }

    fn forget_length(&mut self, size: usize) {
        self.size = size as u64;
        self.length = None;
        self.inner_from = None;
        self.last_line_empty = self.bytes.ends_with(b"\n\n") || self.bytes.ends_with(b"\r\n\r\n");
    }

    /// The message without the empty line before the next envelope, and without quotes.
    fn finish(mut self) -> Vec<u8> {
        let body_is_there = self.body.is_some_and(|body| body < self.bytes.len());
        if self.last_line_empty && body_is_there {
            let line = if self.bytes.ends_with(b"\r\n") { 2 } else { 1 };
            self.bytes.truncate(self.bytes.len() - line);
        }
        if self.unquoted {
            return self.bytes;
        }
        let mut out = Vec::with_capacity(self.bytes.len());
        for line in self.bytes.split_inclusive(|byte| *byte == b'\n') {
            match quoted(line) {
                Some(true) => out.extend_from_slice(&line[1..]),
                _ => out.extend_from_slice(line),
            }
        }
        out
    }
}

/// Whether a line is `From ` behind any number of `>`: None if not, and whether there are some.
fn quoted(line: &[u8]) -> Option<bool> {
    let quotes = line.iter().take_while(|byte| **byte == b'>').count();
    line[quotes..].starts_with(b"From ").then_some(quotes > 0)
}

fn field_is(line: &[u8], name: &[u8]) -> bool {
    line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
}

/// `From someone Mon Jun  1 10:00:00 2009`: a time of day and a year stand in it.
pub(crate) fn looks_like_envelope(line: &[u8]) -> bool {
    let line = &line[..line.len().min(1_000)];
    let time = line.windows(6).any(|w| {
        w[0] == b' '
            && w[1].is_ascii_digit()
            && w[2].is_ascii_digit()
            && w[3] == b':'
            && w[4].is_ascii_digit()
            && w[5].is_ascii_digit()
    });
    let year = line
        .split(|byte| byte.is_ascii_whitespace())
        .any(|word| word.len() == 4 && word.iter().all(u8::is_ascii_digit));
    time && year
}

fn envelope_text(line: &[u8]) -> String {
    let text = line.strip_prefix(b"From ").unwrap_or(line).trim_ascii();
    String::from_utf8_lossy(&text[..text.len().min(1_000)]).into_owned()
}

fn write_status(out: &mut impl Write, flags: MailFlags) -> io::Result<()> {
    if flags.read {
        out.write_all(b"Status: RO\n")?;
    }
    let letters =
        [(flags.answered, 'A'), (flags.flagged, 'F'), (flags.draft, 'T'), (flags.deleted, 'D')];
    let set: String = letters.iter().filter(|(set, _)| *set).map(|(_, letter)| letter).collect();
    match set.is_empty() {
        true => Ok(()),
        false => writeln!(out, "X-Status: {set}"),
    }
}

/// A date as C's asctime prints it, in UTC.
fn asctime(time: FileTime) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (year, month, day, hour, minute, second) = time.to_civil();
    let weekday = DAYS[time.to_unix().0.div_euclid(86_400).rem_euclid(7) as usize];
    let month = MONTHS[usize::from(month.clamp(1, 12)) - 1];
    format!("{weekday} {month} {day:2} {hour:02}:{minute:02}:{second:02} {year:04}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mbox: &[u8], limit: usize) -> Vec<Result<MboxMessage, String>> {
        let reader = MboxReader::new(io::BufReader::with_capacity(7, mbox), limit);
        reader.map(|item| item.map_err(|error| error.to_string())).collect()
    }

    fn bodies(mbox: &[u8]) -> Vec<Vec<u8>> {
        read(mbox, 1_000_000).into_iter().map(|item| item.unwrap().bytes).collect()
    }

    #[test]
    fn messages_are_split_and_unquoted() {
        let mbox = b"From a Mon Jun 01 10:00:00 2009\nSubject: 1\n\nx\n>From y\n>>From z\nFrom here on\n\n\
From b Mon Jun 01 10:00:00 2009\nSubject: 2\n\nlast";
        let found = read(mbox, 1_000);
        assert_eq!(found.len(), 2);
        let first = found[0].as_ref().unwrap();
        assert_eq!(first.bytes, b"Subject: 1\n\nx\nFrom y\n>From z\nFrom here on\n");
        assert_eq!(first.envelope, "a Mon Jun 01 10:00:00 2009");
        assert_eq!(found[1].as_ref().unwrap().bytes, b"Subject: 2\n\nlast");
        assert_eq!(found[1].as_ref().unwrap().offset, 77);
    }

    #[test]
    fn a_right_length_covers_unquoted_lines() {
        let mbox = b"From a Mon Jun 01 10:00:00 2009\nContent-Length: 17\n\na\n\nFrom b c\n>From\n\
From b Mon Jun 01 10:00:00 2009\n\nx\n";
        let found = bodies(mbox);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].ends_with(b"\n\na\n\nFrom b c\n>From\n"));
    }

    #[test]
    fn a_wrong_length_is_not_believed() {
        let mbox = b"From a Mon Jun 01 10:00:00 2009\nContent-Length: 900\n\na\n\n\
From b Mon Jun 01 10:00:00 2009\n\nx\n\nFrom c Mon Jun 01 10:00:00 2009\n\ny\n";
        let found = bodies(mbox);
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(found[0], b"Content-Length: 900\n\na\n");
        assert_eq!(found[2], b"\ny\n");
    }

    #[test]
    fn large_messages_are_skipped_in_bounded_memory() {
        let mut mbox = b"From a Mon Jun 01 10:00:00 2009\n\n".to_vec();
        mbox.extend(vec![b'x'; 300_000]);
        mbox.extend_from_slice(b"\n\nFrom b Mon Jun 01 10:00:00 2009\n\nx\n");
        let found = read(&mbox, 1_000);
        assert!(found[0].as_ref().unwrap_err().contains("at most 1000"));
        assert_eq!(found[1].as_ref().unwrap().bytes, b"\nx\n");
        assert_eq!(read(b"", 10).len(), 0);
        assert_eq!(read(b"\n\n", 10).len(), 0);
        assert_eq!(read(b"no envelope\n", 100).len(), 1);
    }

    #[test]
    fn what_is_written_reads_back() {
        let message = b"Status: O\nSubject: a\n\nFrom me\n>From you\nend";
        let flags = MailFlags { read: true, answered: true, ..Default::default() };
        let mut mbox = Vec::new();
        write_message(&mut mbox, "a@b", FileTime::from_unix(951_782_400, 0), flags, message)
            .unwrap();
        write_message(&mut mbox, "", FileTime(0), MailFlags::default(), b"\nx\n").unwrap();
        assert!(mbox.starts_with(b"From a@b Tue Feb 29 00:00:00 2000\nStatus: RO\nX-Status: A\n"));
        let found = bodies(&mbox);
        assert_eq!(found[0], b"Status: RO\nX-Status: A\nSubject: a\n\nFrom me\n>From you\nend\n");
        assert_eq!(found[1], b"\nx\n");
        assert_eq!(flags_of_message(&found[0]), flags);
    }
}
