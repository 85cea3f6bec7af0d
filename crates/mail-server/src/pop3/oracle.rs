//! What must hold of the parser and of what is sent for any bytes; property tests and fuzz targets call these.

use super::command::Command;
use super::maildrop::{Stuffed, top, whole};

/// A line: no panic, and what was read is written so that it is read again.
pub fn command(line: &[u8]) {
    if let Ok(command) = Command::read(line) {
        let written = command.to_string();
        assert!(!written.contains(['\r', '\n', '\0']), "{written:?}");
        assert_eq!(Command::read(written.as_bytes()), Ok(command), "{written:?}");
    }
}

/// A message: a client that undoes the dots has as many bytes as were told, and the very ones.
pub fn message(bytes: &[u8]) {
    let message = whole(bytes.to_vec());
    let lines = bytes.first().copied().unwrap_or(0) / 16;
    for sent in [&message[..], top(&message, u32::from(lines))] {
        let mut wire = Vec::new();
        let mut stuffed = Stuffed::of(sent);
        while let Some(piece) = stuffed.next_piece() {
            wire.extend_from_slice(&piece);
        }
        assert_eq!(unstuffed(&wire), sent, "{}", bytes.escape_ascii());
    }
    assert!(
        message.starts_with(top(&message, u32::MAX))
            && message.len() == top(&message, u32::MAX).len()
    );
}

/// As RFC 1939 3 has it.
fn unstuffed(wire: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    for line in wire.split_inclusive(|byte| *byte == b'\n') {
        if line == b".\r\n" {
            return message;
        }
        message.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
    }
    panic!("no end in {}", wire.escape_ascii());
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
            verb in "(USER|PASS|AUTH|RETR|TOP|LIST|UIDL|DELE|QUIT)",
            rest in "( [0-9a-z=\u{e9}]{0,9}){0,3} ?",
        ) {
            super::command(format!("{verb}{rest}").as_bytes());
        }

        #[test]
        fn any_message_comes_back(parts in proptest::collection::vec(
            proptest::sample::select(&["\r", "\n", ".", "\r\n", "\r\n.", "a", "\0", "Subject: x\r\n"][..]), 0..30)
        ) {
            super::message(parts.concat().as_bytes());
        }
    }
}
