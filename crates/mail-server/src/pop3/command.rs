//! The commands of a client (RFC 1939 3, RFC 2449, RFC 5034, RFC 2595), each as a value.

use std::fmt;

/// The longest argument of USER and PASS.
const MAX_TEXT: usize = 1_024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Capa,
    User(String),
    /// With its spaces, wherever they stand.
    Pass(String),
    /// Without a mechanism it asks which there are.
    Auth(Option<Auth>),
    Stls,
    Stat,
    List(Option<u32>),
    Uidl(Option<u32>),
    Retr(u32),
    Top {
        message: u32,
        lines: u32,
    },
    Dele(u32),
    Noop,
    Rset,
    Quit,
}

/// RFC 5034 4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    pub mechanism: String,
    /// In base64, `=` for an empty one.
    pub initial: Option<String>,
}

/// Why a line is no command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("there is no such command")]
    Unknown,
    #[error("the command takes no argument")]
    Arguments,
    #[error("name a message by its number")]
    Number,
    #[error("the argument is missing or too long, or no text")]
    Text,
}

impl Command {
    /// Reads a line without its end.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn read(line: &[u8]) -> Result<Command, Malformed> {
        let (verb, rest) = match line.iter().position(|byte| *byte == b' ') {
            Some(at) => (&line[..at], Some(&line[at + 1..])),
            None => (line, None),
        };
        let nothing = |command| match words(rest).next() {
            None => Ok(command),
            Some(_) => Err(Malformed::Arguments),
        };
        match verb.to_ascii_uppercase().as_slice() {
            b"CAPA" => nothing(Command::Capa),
            b"USER" => Ok(Command::User(text(rest)?)),
            b"PASS" => Ok(Command::Pass(text(rest)?)),
            b"AUTH" => auth(rest),
            b"STLS" => nothing(Command::Stls),
            b"STAT" => nothing(Command::Stat),
            b"LIST" => Ok(Command::List(at_most_one(rest)?)),
            b"UIDL" => Ok(Command::Uidl(at_most_one(rest)?)),
            b"RETR" => Ok(Command::Retr(one(rest)?)),
            b"TOP" => top(rest),
            b"DELE" => Ok(Command::Dele(one(rest)?)),
            b"NOOP" => nothing(Command::Noop),
            b"RSET" => nothing(Command::Rset),
            b"QUIT" => nothing(Command::Quit),
            _ => Err(Malformed::Unknown),
        }
    }
}

fn words(rest: Option<&[u8]>) -> impl Iterator<Item = &[u8]> {
    rest.unwrap_or_default().split(|byte| *byte == b' ').filter(|word| !word.is_empty())
}

fn text(rest: Option<&[u8]>) -> Result<String, Malformed> {
    let text = std::str::from_utf8(rest.ok_or(Malformed::Text)?).map_err(|_| Malformed::Text)?;
    let fine = !text.is_empty() && text.len() <= MAX_TEXT && !text.contains(['\0', '\r', '\n']);
    match fine {
        true => Ok(text.to_owned()),
        false => Err(Malformed::Text),
    }
}

/// Messages are numbered from 1; leading zeros are nobody's business.
fn number(word: &[u8]) -> Result<u32, Malformed> {
    let digits = word.iter().all(u8::is_ascii_digit) && word.len() <= 10;
    let word = digits.then(|| std::str::from_utf8(word).ok()).flatten();
    word.and_then(|word| word.parse().ok()).ok_or(Malformed::Number)
}

fn at_most_one(rest: Option<&[u8]>) -> Result<Option<u32>, Malformed> {
    let mut words = words(rest);
    let first = words.next().map(number).transpose()?;
    match words.next() {
        None => Ok(first),
        Some(_) => Err(Malformed::Number),
    }
}

fn one(rest: Option<&[u8]>) -> Result<u32, Malformed> {
    at_most_one(rest)?.ok_or(Malformed::Number)
}

fn top(rest: Option<&[u8]>) -> Result<Command, Malformed> {
    let mut words = words(rest);
    let mut next = || words.next().ok_or(Malformed::Number).and_then(number);
    let (message, lines) = (next()?, next()?);
    match words.next() {
        None => Ok(Command::Top { message, lines }),
        Some(_) => Err(Malformed::Number),
    }
}

fn auth(rest: Option<&[u8]>) -> Result<Command, Malformed> {
    let mut words = words(rest).map(|word| {
        let graphic = word.iter().all(u8::is_ascii_graphic);
        graphic.then(|| String::from_utf8_lossy(word).into_owned()).ok_or(Malformed::Text)
    });
    let Some(mechanism) = words.next().transpose()? else { return Ok(Command::Auth(None)) };
    let initial = words.next().transpose()?;
    match words.next() {
        None => Ok(Command::Auth(Some(Auth { mechanism, initial }))),
        Some(_) => Err(Malformed::Text),
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Command::Capa => f.write_str("CAPA"),
            Command::User(user) => write!(f, "USER {user}"),
            Command::Pass(password) => write!(f, "PASS {password}"),
            Command::Auth(None) => f.write_str("AUTH"),
            Command::Auth(Some(Auth { mechanism, initial: None })) => write!(f, "AUTH {mechanism}"),
            Command::Auth(Some(Auth { mechanism, initial: Some(initial) })) => {
                write!(f, "AUTH {mechanism} {initial}")
            }
            Command::Stls => f.write_str("STLS"),
            Command::Stat => f.write_str("STAT"),
            Command::List(None) => f.write_str("LIST"),
            Command::List(Some(message)) => write!(f, "LIST {message}"),
            Command::Uidl(None) => f.write_str("UIDL"),
            Command::Uidl(Some(message)) => write!(f, "UIDL {message}"),
            Command::Retr(message) => write!(f, "RETR {message}"),
            Command::Top { message, lines } => write!(f, "TOP {message} {lines}"),
            Command::Dele(message) => write!(f, "DELE {message}"),
            Command::Noop => f.write_str("NOOP"),
            Command::Rset => f.write_str("RSET"),
            Command::Quit => f.write_str("QUIT"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_whatever_their_case() {
        let read = |line: &str| Command::read(line.as_bytes());
        assert_eq!(read("capa"), Ok(Command::Capa));
        assert_eq!(read("NOOP  "), Ok(Command::Noop));
        assert_eq!(read("Retr 007"), Ok(Command::Retr(7)));
        assert_eq!(read("LIST"), Ok(Command::List(None)));
        assert_eq!(read("LIST "), Ok(Command::List(None)));
        assert_eq!(read("TOP 1 0"), Ok(Command::Top { message: 1, lines: 0 }));
        // RFC 1939 7: a password may hold spaces.
        assert_eq!(read("PASS  a b "), Ok(Command::Pass(" a b ".into())));
        let auth = Auth { mechanism: "PLAIN".into(), initial: Some("=".into()) };
        assert_eq!(read("AUTH PLAIN ="), Ok(Command::Auth(Some(auth))));
        assert_eq!(read("AUTH"), Ok(Command::Auth(None)));
        for (line, why) in [
            ("", Malformed::Unknown),
            ("APOP a b", Malformed::Unknown),
            ("STAT 1", Malformed::Arguments),
            ("RETR", Malformed::Number),
            ("RETR -1", Malformed::Number),
            ("RETR 99999999999", Malformed::Number),
            ("RETR 1 2", Malformed::Number),
            ("TOP 1", Malformed::Number),
            ("USER", Malformed::Text),
            ("USER ", Malformed::Text),
        ] {
            assert_eq!(read(line), Err(why), "{line:?}");
        }
    }
}
