//! Mail with a fixed seed. Its text compresses to about 54 % by zstd -3, each message
//! alone: harder than the 45 % that the limits speak of.

use crate::random::Random;

/// A word that stands in one message of so many, and in no other.
pub const RARE: &str = "quetzalcoatlus";
pub const RARE_EVERY: usize = 125;

/// Messages of about the same size, no two alike.
pub struct Letters {
    random: Random,
    bytes: usize,
    number: usize,
}

impl Letters {
    pub fn new(seed: u64, bytes: usize) -> Letters {
        Letters { random: Random::new(seed), bytes, number: 0 }
    }

    /// The next message, with CR LF; no line begins with a dot.
    pub fn next(&mut self) -> String {
        self.number += 1;
        let (number, sender) = (self.number, self.random.below(500));
        let time = format!(
            "Thu, {} Jan 2026 {:02}:{:02}:{:02} +0000",
            1 + number / 1_440 % 28,
            number / 60 % 24,
            number % 60,
            self.random.below(60)
        );
        let subject = self.random.words(5);
        let mut message = format!(
            "Received: from out{}.example.test (out{}.example.test [192.0.2.{}])\r\n\
             \tby mx.example.test with ESMTPS id {:x}\r\n\tfor <user@example.test>; {time}\r\n\
             DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.test; s=k1;\r\n\tb={}\r\n\
             Message-ID: <{number}.{:016x}@example.test>\r\nDate: {time}\r\n\
             From: Sender Number {sender} <sender{sender}@example.test>\r\n\
             To: Some User <user@example.test>\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n",
            sender % 7,
            sender % 7,
            sender % 250,
            self.random.next() >> 16,
            self.token(172),
            self.random.next(),
        );
        match number % 2 {
            0 => {
                message.push_str("Content-Type: text/plain; charset=utf-8\r\n\r\n");
                self.text(&mut message, self.bytes, "");
            }
            _ => {
                let boundary = format!("=_{:016x}", self.random.next());
                message.push_str(&format!(
                    "Content-Type: multipart/alternative; boundary=\"{boundary}\"\r\n\r\n\
                     --{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
                ));
                let third = message.len() + (self.bytes - message.len()) / 3;
                self.text(&mut message, third, "");
                message.push_str(&format!(
                    "--{boundary}\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body>\r\n"
                ));
                self.text(&mut message, self.bytes - 60, "<p>");
                message.push_str(&format!("</body></html>\r\n--{boundary}--\r\n"));
            }
        }
        message
    }

    /// Lines until the message has so many bytes.
    fn text(&mut self, message: &mut String, end: usize, begin: &str) {
        if self.number.is_multiple_of(RARE_EVERY) {
            message.push_str(begin);
            message.push_str(RARE);
            message.push_str("\r\n");
        }
        while message.len() < end {
            message.push_str(begin);
            for _ in 0..8 {
                // Names, numbers and addresses: what no compressor knows.
                let word = match self.random.below(9) {
                    0 => self.token(9),
                    _ => self.random.word(),
                };
                message.push_str(&word);
                message.push(' ');
            }
            message.push_str("\r\n");
        }
    }

    fn token(&mut self, length: usize) -> String {
        const DIGITS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        (0..length).map(|_| DIGITS[self.random.below(64)] as char).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_compress_as_is_said() {
        let mut letters = Letters::new(1, 10_000);
        let (mut plain, mut packed, mut rare) = (0, 0, 0);
        for _ in 0..2 * RARE_EVERY {
            let message = letters.next();
            assert!((9_900..10_200).contains(&message.len()), "{}", message.len());
            assert!(message.lines().all(|line| line.len() < 900 && !line.starts_with('.')));
            plain += message.len();
            packed += zstd::bulk::compress(message.as_bytes(), 3).expect("compressed").len();
            rare += usize::from(message.contains(RARE));
        }
        let share = packed as f64 / plain as f64;
        assert!((0.52..0.56).contains(&share), "{share}");
        assert_eq!(rare, 2);
    }
}
