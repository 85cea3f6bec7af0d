//! The words of the grammar (RFC 9051 9), read from the bytes of one command.

use super::parser::BadCommand;
use super::{Flag, Name, Number, SequenceSet};

/// Ranges of one set at most; a line's length bounds them anyway.
const MAX_RANGES: usize = 16_384;

pub(super) type Parsed<T> = Result<T, BadCommand>;

/// What is left to read.
pub(super) struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Lexer { bytes, at: 0 }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Takes a byte if it is the next one.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let is = self.peek() == Some(byte);
        self.at += usize::from(is);
        is
    }

    pub(super) fn expect(&mut self, byte: u8, what: &'static str) -> Parsed<()> {
        match self.take(byte) {
            true => Ok(()),
            false => Err(BadCommand(what)),
        }
    }

    pub(super) fn space(&mut self) -> Parsed<()> {
        self.expect(b' ', "a space is missing between two words")
    }

    /// The end of the command, with or without its line's end.
    pub(super) fn end(&mut self) -> Parsed<()> {
        match &self.bytes[self.at..] {
            b"" | b"\r\n" | b"\n" => Ok(()),
            _ => Err(BadCommand("there is more on the line than the command takes")),
        }
    }

    pub(super) fn at_end(&self) -> bool {
        matches!(&self.bytes[self.at..], b"" | b"\r\n" | b"\n")
    }

    fn take_while(&mut self, is: impl Fn(u8) -> bool) -> &'a str {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|byte| !is(*byte)).unwrap_or(rest.len());
        self.at += length;
        // All that callers let through is ASCII.
        std::str::from_utf8(&rest[..length]).unwrap_or_default()
    }

    pub(super) fn atom(&mut self) -> Parsed<&'a str> {
        match self.take_while(is_atom_char) {
            "" => Err(BadCommand("a word is missing")),
            atom => Ok(atom),
        }
    }

    /// Letters, digits, dots and hyphens: the name of a command or an item.
    pub(super) fn word(&mut self) -> String {
        let is = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        self.take_while(is).to_ascii_uppercase()
    }

    /// Takes a word if it is the next one, whatever its case.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let rest = &self.bytes[self.at..];
        let is = rest.len() >= word.len()
            && rest[..word.len()].eq_ignore_ascii_case(word.as_bytes())
            && !rest.get(word.len()).is_some_and(|byte| is_atom_char(*byte));
        self.at += if is { word.len() } else { 0 };
        is
    }

    /// Takes a text if it is the next one, whatever its case and whatever is behind it.
    pub(super) fn take_text(&mut self, text: &str) -> bool {
        let is = self.bytes[self.at..]
            .get(..text.len())
            .is_some_and(|next| next.eq_ignore_ascii_case(text.as_bytes()));
        self.at += if is { text.len() } else { 0 };
        is
    }

    pub(super) fn number(&mut self) -> Parsed<u32> {
        let number = self.number64()?;
        u32::try_from(number).map_err(|_| BadCommand("a number is larger than 4294967295"))
    }

    pub(super) fn number64(&mut self) -> Parsed<u64> {
        let digits = self.take_while(|byte| byte.is_ascii_digit());
        if digits.is_empty() {
            return Err(BadCommand("a number is missing"));
        }
        let number = digits.parse().ok().filter(|number| *number <= i64::MAX as u64);
        number.ok_or(BadCommand("a number is larger than 9223372036854775807"))
    }

    /// A number that is not 0.
    pub(super) fn positive(&mut self) -> Parsed<u32> {
        match self.number()? {
            0 => Err(BadCommand("a number is 0 that begins at 1")),
            number => Ok(number),
        }
    }

    /// A quoted string or a literal. Its bytes, and whether it was a literal8.
    pub(super) fn string_or_literal8(&mut self) -> Parsed<(Vec<u8>, bool)> {
        match self.peek() {
            Some(b'"') => Ok((self.quoted()?, false)),
            Some(b'{') => Ok((self.literal()?.to_vec(), false)),
            Some(b'~') => {
                self.at += 1;
                Ok((self.literal()?.to_vec(), true))
            }
            _ => Err(BadCommand("a string is missing")),
        }
    }

    pub(super) fn string(&mut self) -> Parsed<Vec<u8>> {
        match self.string_or_literal8()? {
            (bytes, false) => Ok(bytes),
            (_, true) => Err(BadCommand("a literal8 stands where a string has to")),
        }
    }

    fn quoted(&mut self) -> Parsed<Vec<u8>> {
        self.at += 1;
        let mut text = Vec::new();
        loop {
            let Some(byte) = self.peek() else {
                return Err(BadCommand("a quoted string has no end"));
            };
            self.at += 1;
            match byte {
                b'"' => return Ok(text),
                b'\r' | b'\n' | 0 => return Err(BadCommand("a quoted string has no end")),
                b'\\' => match self.peek() {
                    Some(quoted @ (b'"' | b'\\')) => {
                        self.at += 1;
                        text.push(quoted);
                    }
                    _ => return Err(BadCommand("a backslash quotes neither \" nor \\")),
                },
                other => text.push(other),
            }
        }
    }

    /// The bytes behind `{n}` or `{n+}`, which have arrived.
    fn literal(&mut self) -> Parsed<&'a [u8]> {
        self.expect(b'{', "a literal is missing")?;
        let length = usize::try_from(self.number64()?).unwrap_or(usize::MAX);
        self.take(b'+');
        self.expect(b'}', "a literal's length has no end")?;
        self.take(b'\r');
        self.expect(b'\n', "a literal begins behind the line with its length")?;
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or(BadCommand("a literal is shorter than its length says"))?;
        let bytes = &self.bytes[self.at..end];
        self.at = end;
        Ok(bytes)
    }

    pub(super) fn astring(&mut self) -> Parsed<Vec<u8>> {
        match self.peek() {
            Some(b'"' | b'{') => self.string(),
            _ => match self.take_while(|byte| is_atom_char(byte) || byte == b']') {
                "" => Err(BadCommand("a word or a string is missing")),
                atom => Ok(atom.as_bytes().to_vec()),
            },
        }
    }

    /// An astring that is text.
    pub(super) fn text(&mut self) -> Parsed<String> {
        utf8(self.astring()?)
    }

    /// A string or NIL.
    pub(super) fn nstring(&mut self) -> Parsed<Option<String>> {
        match self.take_word("NIL") {
            true => Ok(None),
            false => utf8(self.string()?).map(Some),
        }
    }

    pub(super) fn name(&mut self) -> Parsed<Name> {
        let name = self.text()?;
        Ok(Name(match name.eq_ignore_ascii_case("INBOX") {
            true => "INBOX".into(),
            false => name,
        }))
    }

    /// A pattern of LIST: its wildcards stand in an atom as well.
    pub(super) fn pattern(&mut self) -> Parsed<String> {
        match self.peek() {
            Some(b'"' | b'{') => utf8(self.string()?),
            _ => {
                let is = |byte: u8| is_atom_char(byte) || matches!(byte, b'%' | b'*' | b']');
                match self.take_while(is) {
                    "" => Err(BadCommand("a pattern is missing")),
                    pattern => Ok(pattern.into()),
                }
            }
        }
    }

    pub(super) fn set(&mut self) -> Parsed<SequenceSet> {
        if self.take(b'$') {
            return Ok(SequenceSet::Saved);
        }
        let mut ranges = Vec::new();
        loop {
            let first = self.number_of_set()?;
            let last = if self.take(b':') { self.number_of_set()? } else { first };
            if ranges.len() == MAX_RANGES {
                return Err(BadCommand("a set has too many ranges"));
            }
            ranges.push((first, last));
            if !self.take(b',') {
                return Ok(SequenceSet::Ranges(ranges));
            }
        }
    }

    fn number_of_set(&mut self) -> Parsed<Number> {
        match self.take(b'*') {
            true => Ok(Number::Largest),
            false => self.positive().map(Number::Of),
        }
    }

    pub(super) fn flag(&mut self) -> Parsed<Flag> {
        match self.take(b'\\') {
            true => {
                let word = self.atom()?;
                Flag::system(word).ok_or(BadCommand("there is no such system flag"))
            }
            false => Ok(Flag::Keyword(self.atom()?.to_owned())),
        }
    }

    pub(super) fn flags(&mut self) -> Parsed<Vec<Flag>> {
        self.list(Lexer::flag)
    }

    /// Things in parentheses with a space between; none is a list as well.
    pub(super) fn list<T>(
        &mut self,
        mut one: impl FnMut(&mut Self) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        self.expect(b'(', "a list in parentheses is missing")?;
        let mut all = Vec::new();
        if self.take(b')') {
            return Ok(all);
        }
        loop {
            all.push(one(self)?);
            if self.take(b')') {
                return Ok(all);
            }
            self.space()?;
        }
    }

    /// A day, `1-Feb-1994`, quoted or not: days since 1970.
    pub(super) fn date(&mut self) -> Parsed<i32> {
        let quoted = self.take(b'"');
        let days = self.day()?;
        if quoted {
            self.expect(b'"', "a date has no end")?;
        }
        Ok(days)
    }

    fn day(&mut self) -> Parsed<i32> {
        const BAD: BadCommand = BadCommand("a date is not like 1-Feb-1994");
        let day = self.digits(1, 2).ok_or(BAD)?;
        self.expect(b'-', BAD.0)?;
        let month = self.take_while(|byte| byte.is_ascii_alphabetic());
        let month = MONTHS.iter().position(|known| known.eq_ignore_ascii_case(month)).ok_or(BAD)?;
        self.expect(b'-', BAD.0)?;
        let year = self.digits(4, 4).ok_or(BAD)?;
        days(year, month as u32 + 1, day).ok_or(BAD)
    }

    /// A quoted time, `" 7-Feb-1994 21:52:25 -0800"`: seconds since 1970.
    pub(super) fn date_time(&mut self) -> Parsed<i64> {
        const BAD: BadCommand = BadCommand("a time is not like \"07-Feb-1994 21:52:25 -0800\"");
        self.expect(b'"', BAD.0)?;
        self.take(b' ');
        let day = self.day()?;
        self.expect(b' ', BAD.0)?;
        let hour = self.digits(2, 2).filter(|hour| *hour < 24).ok_or(BAD)?;
        self.expect(b':', BAD.0)?;
        let minute = self.digits(2, 2).filter(|minute| *minute < 60).ok_or(BAD)?;
        self.expect(b':', BAD.0)?;
        let second = self.digits(2, 2).filter(|second| *second < 61).ok_or(BAD)?;
        self.expect(b' ', BAD.0)?;
        let west = self.take(b'-');
        if !west {
            self.expect(b'+', BAD.0)?;
        }
        let zone = self.digits(4, 4).filter(|zone| zone % 100 < 60).ok_or(BAD)?;
        self.expect(b'"', BAD.0)?;
        let zone = i64::from(zone / 100 * 3_600 + zone % 100 * 60);
        let local = i64::from(day) * 86_400 + i64::from(hour * 3_600 + minute * 60 + second);
        Ok(if west { local + zone } else { local - zone })
    }

    fn digits(&mut self, least: usize, most: usize) -> Option<u32> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
        let text = std::str::from_utf8(&rest[..length]).ok().filter(|_| length >= least)?;
        self.at += length;
        text.parse().ok()
    }
}

/// ATOM-CHAR (RFC 9051 9).
pub(crate) fn is_atom_char(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e)
        && !matches!(byte, b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\' | b']')
}

pub(super) fn utf8(bytes: Vec<u8>) -> Parsed<String> {
    let text = String::from_utf8(bytes).map_err(|_| BadCommand("a text is not in UTF-8"))?;
    match text.contains('\0') {
        true => Err(BadCommand("a text has a null in it")),
        false => Ok(text),
    }
}

pub(crate) const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Days since 1970 of a date of the Gregorian calendar; None if there is no such day, or before 1602, where FILETIME
/// begins.
pub(crate) fn days(year: u32, month: u32, day: u32) -> Option<i32> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let longest = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=longest).contains(&day) || !(1_602..=9_999).contains(&year) {
        return None;
    }
    let (year, month, day) = (i64::from(year), i64::from(month), i64::from(day));
    i32::try_from(mapi::time::days_since_1970(year, month, day)).ok()
}
