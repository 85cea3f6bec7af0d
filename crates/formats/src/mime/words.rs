//! Encoded words ([RFC 2047]) in every form that is seen: in any character set, cut inside a character, with
//! blanks or 8-bit bytes in them, in quotes, without their end.
//!
//! INVARIANT: time is linear in the length of the value.

use super::parts::decode_base64;
use crate::hex;
use crate::text::charsets;

/// The longest name of a character set, with its language ([RFC 2231] 5).
const MAX_CHARSET: usize = 60;

/// The text of an unstructured value. What is no encoded word is UTF-8.
pub(crate) fn decode(value: &[u8]) -> String {
    let mut out = String::with_capacity(value.len());
    let mut runs = Runs::new(value);
    let mut at = 0;
    while let Some(start) = runs.next_start(at) {
        match runs.run(start) {
            Some(run) => {
                out.push_str(&String::from_utf8_lossy(&value[at..start]));
                out.push_str(&run.text);
                at = run.end;
            }
            None => {
                out.push_str(&String::from_utf8_lossy(&value[at..start + 2]));
                at = start + 2;
            }
        }
    }
    out.push_str(&String::from_utf8_lossy(&value[at..]));
    out
}

/// A structured value (mailboxes, a type with its attributes) whose encoded words are quoted strings with their
/// text, so that what they hold ends nothing.
pub(crate) fn quote(value: &[u8]) -> Vec<u8> {
    let mut runs = Runs::new(value);
    if runs.next_start(0).is_none() {
        return value.to_vec();
    }
    let mut out = Vec::with_capacity(value.len());
    let (mut quoted, mut comments, mut address) = (false, 0_usize, false);
    let mut at = 0;
    while let Some(byte) = value.get(at) {
        if *byte == b'='
            && !address
            && let Some(run) = runs.run(at)
        {
            let text = run.text.chars().filter(|c| !c.is_control());
            let text: String = match (quoted, comments) {
                (true, _) => text.flat_map(escaped).collect(),
                (false, 0) => {
                    let before = if goes_on(&out) { " " } else { "" };
                    let text: String = text.flat_map(escaped).collect();
                    format!("\"{before}{text} \"")
                }
                (false, _) => text.filter(|c| !matches!(c, '(' | ')' | '\\' | '"')).collect(),
            };
            out.extend_from_slice(text.as_bytes());
            at = run.end;
            continue;
        }
        out.push(*byte);
        at += 1;
        match byte {
            b'\\' => {
                out.extend(value.get(at));
                at += 1;
            }
            b'"' if comments == 0 => quoted = !quoted,
            b'(' if !quoted => comments += 1,
            b')' if !quoted => comments = comments.saturating_sub(1),
            b'<' if !quoted && comments == 0 => address = true,
            b'>' | b',' if !quoted && comments == 0 => address = false,
            _ => {}
        }
    }
    out
}

/// Whether a phrase that has begun goes on behind blanks: mail-parser drops those beside a quoted string, so they
/// go into it; names lose what is too many.
fn goes_on(before: &[u8]) -> bool {
    let phrase = before.trim_ascii_end();
    let last = phrase.last().filter(|_| phrase.len() < before.len());
    last.is_some_and(|byte| !matches!(byte, b'>' | b',' | b';' | b':' | b')' | b'='))
}

fn escaped(c: char) -> impl Iterator<Item = char> {
    let slash = matches!(c, '"' | '\\').then_some('\\');
    slash.into_iter().chain(std::iter::once(c))
}

/// Encoded words with nothing but blanks between them, decoded together.
struct Run {
    text: String,
    end: usize,
}

struct Runs<'a> {
    value: &'a [u8],
    /// No `?=` stands from here on, so that it is not looked for again and again.
    no_end_from: usize,
    /// Where the last byte stands that no encoded word may hold.
    last_stop: Option<usize>,
}

/// One encoded word, still encoded.
struct Word<'a> {
    charset: &'a str,
    base64: bool,
    text: &'a [u8],
    end: usize,
}

impl<'a> Runs<'a> {
    fn new(value: &'a [u8]) -> Self {
        let stops = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'<');
        Runs { value, no_end_from: value.len(), last_stop: value.iter().rposition(stops) }
    }

    fn next_start(&self, from: usize) -> Option<usize> {
        let rest = self.value.get(from..)?;
        rest.windows(2).position(|two| two == b"=?").map(|at| from + at)
    }

    /// The words from `start` on. A character may be cut between two words of one character set, so their bytes
    /// are put together before they are decoded.
    fn run(&mut self, start: usize) -> Option<Run> {
        let mut word = self.word(start)?;
        let mut text = String::new();
        let mut encoded = word.text.to_vec();
        loop {
            let end = word.end;
            let next = self.behind_blanks(end).and_then(|at| self.word(at));
            match next {
                Some(next) if next.base64 == word.base64 && same(next.charset, word.charset) => {
                    encoded.extend_from_slice(next.text);
                    word = next;
                }
                next => {
                    let bytes = match word.base64 {
                        true => decode_base64(&encoded),
                        false => decode_q(&encoded),
                    };
                    let label = word.charset.split('*').next();
                    text.push_str(&charsets::decode_label(label, &bytes).text);
                    match next {
                        Some(next) => {
                            encoded = next.text.to_vec();
                            word = next;
                        }
                        None => return Some(Run { text, end }),
                    }
                }
            }
        }
    }

    fn behind_blanks(&self, from: usize) -> Option<usize> {
        let rest = &self.value[from..];
        rest.iter().position(|byte| !byte.is_ascii_whitespace()).map(|at| from + at)
    }

    fn word(&mut self, start: usize) -> Option<Word<'a>> {
        let rest = self.value[start..].strip_prefix(b"=?")?;
        let length = rest.iter().take(MAX_CHARSET).position(|byte| *byte == b'?')?;
        let charset = std::str::from_utf8(&rest[..length]).ok()?.trim();
        if charset.is_empty() || charset.contains(|c: char| c.is_whitespace() || c == '=') {
            return None;
        }
        let [encoding, b'?', text @ ..] = &rest[length + 1..] else { return None };
        let base64 = match encoding {
            b'b' | b'B' => true,
            b'q' | b'Q' => false,
            _ => return None,
        };
        let text_at = self.value.len() - text.len();
        let end = match text_at >= self.no_end_from {
            true => None,
            false => text.windows(2).position(|two| two == b"?="),
        };
        if let Some(length) = end {
            return Some(Word {
                charset,
                base64,
                text: &text[..length],
                end: text_at + length + 2,
            });
        }
        self.no_end_from = self.no_end_from.min(text_at);
        // A value that was cut off ends inside of its last word.
        let cut = !text.is_empty() && self.last_stop.is_none_or(|stop| stop < text_at);
        let text = text.strip_suffix(b"?").unwrap_or(text);
        cut.then_some(Word { charset, base64, text, end: self.value.len() })
    }
}

fn same(a: &str, b: &str) -> bool {
    let name = |text: &str| text.split('*').next().unwrap_or_default().to_ascii_lowercase();
    name(a) == name(b)
}

/// The encoding Q ([RFC 2047] 4.2). An escape that is none stays.
fn decode_q(text: &[u8]) -> Vec<u8> {
    // RFC 2047 4.2: an underscore is a blank, and a marked one is an underscore.
    let blank = |byte: &u8| if *byte == b'_' { b' ' } else { *byte };
    hex::unmarked(&text.iter().map(blank).collect::<Vec<_>>(), b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_decoded_in_all_their_forms() {
        for (value, text) in [
            ("=?utf-8?q?caf=C3=A9?= and =?ISO-8859-1?B?6Q==?=", "café and é"),
            // Nothing stands between two words, whatever their sets.
            ("=?utf-8?q?=C3=A9?=  =?iso-8859-1*fr?q?=E9?=", "éé"),
            // A character cut in two, in both encodings.
            ("=?utf-8?q?=C3?= =?UTF-8?Q?=A9?=", "é"),
            ("=?utf-8?b?w?= =?utf-8?b?6k=?=", "é"),
            ("=?iso-2022-jp?b?GyRCJCIbKEI=?=", "あ"),
            ("=?gb18030?b?gTCBMA==?=", "\u{80}"),
            ("=?koi8-r?q?=F2?==?koi8-r?q?=D5?=", "Ру"),
            ("=?utf-7?q?+AOk-?=", "é"),
            ("=?unknown-8bit?q?=E9?=", "é"),
            ("=?us-ascii?q?=C3=A9?=", "é"),
            // Blanks in it, no end to it, an escape that is none.
            ("=?utf-8?q?a b?=", "a b"),
            ("x =?utf-8?q?caf=C3=A9", "x café"),
            ("=?utf-8?q?a=zz?=", "a=zz"),
            ("=?utf-8?q??=", ""),
            // No encoded words.
            ("a =? b", "a =? b"),
            ("=?x?= y", "=?x?= y"),
            ("=?utf-8?z?a?=", "=?utf-8?z?a?="),
            ("=? utf-8 x?q?a?=", "=? utf-8 x?q?a?="),
            ("é", "é"),
        ] {
            assert_eq!(decode(value.as_bytes()), text, "{value}");
        }
    }

    #[test]
    fn words_in_structured_values_end_nothing() {
        for (value, quoted) in [
            ("=?utf-8?q?A=2C_B?= <a@b>", "\"A, B \" <a@b>"),
            ("\"=?utf-8?q?A=22?=\" <a@b>", "\"A\\\"\" <a@b>"),
            ("a@b (=?utf-8?q?A=29?=)", "a@b (A)"),
            ("\"a\\\"\" =?utf-8?q?b?= <=?x?q?y?=@z>", "\"a\\\"\" \" b \" <=?x?q?y?=@z>"),
            ("x, a =?utf-8?q?b?= c", "x, a \" b \" c"),
            ("a@b", "a@b"),
        ] {
            assert_eq!(String::from_utf8(quote(value.as_bytes())).unwrap(), quoted, "{value}");
        }
    }

    /// Would take hours if each start looked for its end by itself.
    #[test]
    fn many_starts_without_an_end_take_linear_time() {
        let value = "=?utf-8?q? ".repeat(100_000);
        assert_eq!(decode(value.as_bytes()), value);
        assert_eq!(quote(value.as_bytes()), value.as_bytes());
        // Each might be the last word of a value that was cut off, but for what stands at the end.
        let value = "=?a?q?x".repeat(100_000) + "\"";
        assert_eq!(decode(value.as_bytes()), value);
        assert_eq!(quote(value.as_bytes()), value.as_bytes());
    }
}
