//! What must hold of the parsers for any bytes; property tests and fuzz targets call these.

use super::client::Collect;
use super::command::Command;
use super::data::{Unstuff, stuff};

/// A line: no panic, and what was read is written so that it is read again.
pub fn command(line: &[u8]) {
    if let Ok(command) = Command::read(line) {
        let written = command.to_string();
        assert!(!written.contains(['\r', '\n', '\0']), "{written:?}");
        assert_eq!(Command::read(written.as_bytes()), Ok(command), "{written:?}");
    }
}

/// What another host answers, in lines: no panic, and what is kept has a bound and no control characters.
pub fn answer(bytes: &[u8]) {
    let mut collect = Collect::default();
    for line in bytes.split(|byte| *byte == b'\n') {
        match collect.line(line) {
            Ok(Some((answer, _))) => {
                let text = answer.to_string();
                assert!(text.len() < 1_024 && !text.chars().any(char::is_control), "{text:?}");
                assert!((200..600).contains(&answer.code));
                collect = Collect::default();
            }
            Ok(None) => {}
            Err(_) => return,
        }
    }
}

/// The octets of a message: they come back whatever they are, by pieces of whatever size, and what follows the end is
/// left alone.
pub fn data(message: &[u8]) {
    let mut sent = stuff(message);
    let end = sent.len();
    sent.extend_from_slice(b"QUIT\r\n");
    let piece = usize::from(message.first().copied().unwrap_or(0)) + 1;
    let (mut unstuff, mut out, mut taken) = (Unstuff::default(), Vec::new(), 0);
    let ended = sent.chunks(piece).any(|part| {
        let (count, ended) = unstuff.take(part, &mut out);
        taken += count;
        ended
    });
    assert!(ended && taken == end, "{taken} of {end} octets");
    let added = if out.len() > message.len() { &b"\r\n"[..] } else { b"" };
    assert!(out == [message, added].concat(), "{message:?} came as {out:?}");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_line_keeps_the_oracle(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            super::command(&line);
        }

        #[test]
        fn any_words_keep_the_oracle(
            verb in "(MAIL FROM:|RCPT TO:|BDAT |AUTH |EHLO )",
            rest in "[<>@a.\"\\\\:,= 0-9\u{e9}\\[\\]-]{0,20}( (SIZE|BODY|RET|NOTIFY|ORCPT|ENVID)=[A-Z0-9+;,]{0,9})?",
        ) {
            super::command(format!("{verb}{rest}").as_bytes());
        }

        #[test]
        fn any_message_comes_back(parts in proptest::collection::vec(
            proptest::sample::select(&["\r", "\n", ".", "\r\n", "\r\n.", "a", "\0"][..]), 0..30)
        ) {
            super::data(parts.concat().as_bytes());
        }
    }
}
