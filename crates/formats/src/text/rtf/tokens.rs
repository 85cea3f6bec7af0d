//! RTF in tokens: groups, control words and symbols, characters.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Open,
    Close,
    /// `\word` with its number.
    Word(&'a [u8], Option<i32>),
    /// `\*` and the like.
    Symbol(u8),
    /// `\'xx`.
    Hex(u8),
    /// Characters as they stand, without line ends.
    Text(&'a [u8]),
}

pub(super) struct Tokens<'a> {
    rest: &'a [u8],
}

impl<'a> Tokens<'a> {
    pub(super) fn new(rtf: &'a [u8]) -> Self {
        Tokens { rest: rtf }
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    fn control(&mut self) -> Token<'a> {
        let letters = self.rest.iter().take(32).take_while(|b| b.is_ascii_alphabetic()).count();
        if letters == 0 {
            let symbol = self.take(1).first().copied().unwrap_or(b'\\');
            if symbol != b'\'' {
                return Token::Symbol(symbol);
            }
            let digit = |byte: Option<&u8>| byte.and_then(|b| char::from(*b).to_digit(16));
            return match (digit(self.rest.first()), digit(self.rest.get(1))) {
                (Some(high), Some(low)) => {
                    self.take(2);
                    Token::Hex((high << 4 | low) as u8)
                }
                _ => Token::Symbol(symbol),
            };
        }
        let word = self.take(letters);
        let minus = usize::from(self.rest.first() == Some(&b'-'));
        let digits = self.rest[minus..].iter().take_while(|b| b.is_ascii_digit()).count();
        let number = match digits {
            0 => None,
            _ => {
                let text = std::str::from_utf8(self.take(minus + digits)).unwrap_or("0");
                // What does not fit in 32 bits has no meaning in RTF.
                Some(text.parse().unwrap_or(0))
            }
        };
        if self.rest.first() == Some(&b' ') {
            self.take(1);
        }
        if word == b"bin" {
            // Raw bytes follow, which are nothing that mail shows.
            self.take(usize::try_from(number.unwrap_or(0)).unwrap_or(0));
        }
        Token::Word(word, number)
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let first = *self.rest.first()?;
            return Some(match first {
                b'\r' | b'\n' | 0 => {
                    self.take(1);
                    continue;
                }
                b'{' => {
                    self.take(1);
                    Token::Open
                }
                b'}' => {
                    self.take(1);
                    Token::Close
                }
                b'\\' => {
                    self.take(1);
                    self.control()
                }
                _ => {
                    let stop = |b: &u8| matches!(b, b'\\' | b'{' | b'}' | b'\r' | b'\n' | 0);
                    let count = self.rest.iter().position(stop).unwrap_or(self.rest.len());
                    Token::Text(self.take(count))
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_told_apart() {
        let tokens: Vec<_> = Tokens::new(b"{\\rtf1 a\\'e9\\*\\u-10 ?\\bin3 {{{b\\'z}").collect();
        assert_eq!(
            tokens,
            [
                Token::Open,
                Token::Word(b"rtf", Some(1)),
                Token::Text(b"a"),
                Token::Hex(0xe9),
                Token::Symbol(b'*'),
                Token::Word(b"u", Some(-10)),
                Token::Text(b"?"),
                Token::Word(b"bin", Some(3)),
                Token::Text(b"b"),
                Token::Symbol(b'\''),
                Token::Text(b"z"),
                Token::Close,
            ]
        );
    }
}
