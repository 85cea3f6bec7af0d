//! IMAP URLs that name a message or a part of one (RFC 5092), with the access that URLAUTH grants (RFC 4467).

use std::fmt;

use mapi::FileTime;

use super::command::{Section, parse_section_text};

/// Bytes of a URL.
const MAX_URL: usize = 4_096;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Url {
    /// None where it is relative to the server that reads it.
    pub(crate) server: Option<Server>,
    pub(crate) mailbox: String,
    pub(crate) uid_validity: Option<u32>,
    pub(crate) uid: u32,
    pub(crate) section: Section,
    /// Offset, and length if it is bounded.
    pub(crate) partial: Option<(u32, Option<u32>)>,
    /// Seconds since 1970.
    pub(crate) expire: Option<i64>,
    pub(crate) access: Option<Access>,
    pub(crate) token: Option<Token>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) user: Option<String>,
    /// With its port, in lower case.
    pub(crate) host: String,
}

/// Who may use a URL (RFC 4467 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Access {
    Submit(String),
    User(String),
    AnyUser,
    Anonymous,
}

/// What proves that the owner of the mailbox allows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// In capitals.
    pub(crate) mechanism: String,
    /// Hexadecimal digits, in lower case.
    pub(crate) value: String,
}

/// Reads a URL; None for what is none, or names no message.
pub(crate) fn parse(text: &str) -> Option<Url> {
    if text.len() > MAX_URL || !text.bytes().all(|byte| matches!(byte, b'!'..=b'~')) {
        return None;
    }
    let mut url = Url::default();
    let path = match strip(text, "imap://") {
        None => text.strip_prefix('/')?,
        Some(rest) => {
            let (authority, path) = rest.split_once('/')?;
            url.server = Some(server(authority)?);
            path
        }
    };
    // The last of `/;UID=` begins the message; what stands before is the mailbox.
    let at = find(path, "/;uid=")?;
    let (mailbox, message) = (&path[..at], &path[at + 2..]);
    let (name, validity) = match find(mailbox, ";uidvalidity=") {
        Some(at) => (&mailbox[..at], Some(number(&mailbox[at + 13..])?)),
        None => (mailbox, None),
    };
    (url.mailbox, url.uid_validity) = (decoded(name)?, validity);
    if url.mailbox.is_empty() || url.mailbox.contains(char::is_control) {
        return None;
    }
    // Each parameter once, in the order of the grammar: those of the message stand behind `/;`, those of its access
    // behind `;`.
    let (mut rest, mut slash, mut last) = (Some(message), true, 0);
    while let Some(text) = rest {
        let (parameter, behind) = match text.split_once(';') {
            Some((parameter, behind)) => (parameter, Some(behind)),
            None => (text, None),
        };
        let stripped = parameter.strip_suffix('/').filter(|_| behind.is_some());
        let parameter_behind_slash = std::mem::replace(&mut slash, stripped.is_some());
        let parameter = stripped.unwrap_or(parameter);
        rest = behind;
        let (name, value) = parameter.split_once('=')?;
        let place = match name.to_ascii_lowercase().as_str() {
            "uid" => {
                url.uid = number(value)?;
                1
            }
            "section" => {
                url.section = parse_section_text(&decoded(value)?)?;
                2
            }
            "partial" => {
                url.partial = Some(match value.split_once('.') {
                    Some((offset, length)) => (digits(offset)?, Some(number(length)?)),
                    None => (digits(value)?, None),
                });
                3
            }
            "expire" => {
                url.expire = Some(expiry(value)?);
                4
            }
            "urlauth" => {
                let mut words = value.splitn(3, ':');
                url.access = Some(access(words.next()?)?);
                url.token = match (words.next(), words.next()) {
                    (None, _) => None,
                    (Some(mechanism), Some(value)) => Some(token(mechanism, value)?),
                    (Some(_), None) => return None,
                };
                5
            }
            _ => return None,
        };
        if place <= last || (place <= 3) != parameter_behind_slash {
            return None;
        }
        last = place;
    }
    // An expiry without access means nothing.
    (url.uid > 0 && (url.expire.is_none() || url.access.is_some())).then_some(url)
}

/// The URL up to its token, which is what the token stands for (RFC 4467 3).
pub(crate) fn rump(text: &str) -> Option<&str> {
    let at = find(text, ";urlauth=")? + 9;
    let length = text[at..].find(':').unwrap_or(text.len() - at);
    Some(&text[..at + length])
}

fn strip<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let begin = text.get(..prefix.len())?;
    begin.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

/// The last place of a lower-case needle, whatever the case of the text.
fn find(text: &str, needle: &str) -> Option<usize> {
    text.to_ascii_lowercase().rfind(needle)
}

fn number(text: &str) -> Option<u32> {
    digits(text).filter(|number| *number > 0)
}

fn digits(text: &str) -> Option<u32> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn server(authority: &str) -> Option<Server> {
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => {
            let user = match find(user, ";auth=") {
                Some(at) => &user[..at],
                None => user,
            };
            (Some(decoded(user)?), host)
        }
        None => (None, authority),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte);
    let is = !host.is_empty() && host.bytes().all(plain) && user.as_deref() != Some("");
    is.then(|| Server { user, host: host.to_ascii_lowercase() })
}

fn access(text: &str) -> Option<Access> {
    Some(match text.to_ascii_lowercase().as_str() {
        "anonymous" => Access::Anonymous,
        "authuser" => Access::AnyUser,
        _ => match (strip(text, "submit+"), strip(text, "user+")) {
            (Some(user), _) if !user.is_empty() => Access::Submit(decoded(user)?),
            (_, Some(user)) if !user.is_empty() => Access::User(decoded(user)?),
            _ => return None,
        },
    })
}

fn token(mechanism: &str, value: &str) -> Option<Token> {
    let is = !mechanism.is_empty()
        && mechanism.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && value.len() >= 32
        && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    is.then(|| Token {
        mechanism: mechanism.to_ascii_uppercase(),
        value: value.to_ascii_lowercase(),
    })
}

/// A time of RFC 3339, in whole seconds.
fn expiry(text: &str) -> Option<i64> {
    let time: jiff::Timestamp = text.parse().ok()?;
    (0..=253_402_300_799).contains(&time.as_second()).then(|| time.as_second())
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, behind) = rest.split_first_chunk::<2>()?;
        let digit = |byte: u8| char::from(byte).to_digit(16);
        bytes.push((digit(digits[0])? * 16 + digit(digits[1])?) as u8);
        rest = behind;
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

/// Appends a text with what has a meaning in URLs written by its number.
fn encode(f: &mut fmt::Formatter<'_>, text: &str, slash: bool) -> fmt::Result {
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-._~!$'()*+,".contains(&byte);
        match plain || slash && byte == b'/' {
            true => write!(f, "{}", char::from(byte))?,
            false => write!(f, "%{byte:02X}")?,
        }
    }
    Ok(())
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(server) = &self.server {
            f.write_str("imap://")?;
            if let Some(user) = &server.user {
                encode(f, user, false)?;
                f.write_str("@")?;
            }
            f.write_str(&server.host)?;
        }
        f.write_str("/")?;
        encode(f, &self.mailbox, true)?;
        if let Some(validity) = self.uid_validity {
            write!(f, ";UIDVALIDITY={validity}")?;
        }
        write!(f, "/;UID={}", self.uid)?;
        if self.section != Section::default() {
            f.write_str("/;SECTION=")?;
            encode(f, &self.section.spec(), false)?;
        }
        match self.partial {
            Some((offset, Some(length))) => write!(f, "/;PARTIAL={offset}.{length}")?,
            Some((offset, None)) => write!(f, "/;PARTIAL={offset}")?,
            None => {}
        }
        if let Some(expire) = self.expire {
            let (year, month, day, hour, minute, second) =
                FileTime::from_unix(expire, 0).to_civil();
            write!(f, ";EXPIRE={year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")?;
        }
        let Some(access) = &self.access else { return Ok(()) };
        f.write_str(";URLAUTH=")?;
        match access {
            Access::Anonymous => f.write_str("anonymous")?,
            Access::AnyUser => f.write_str("authuser")?,
            Access::Submit(user) => {
                f.write_str("submit+")?;
                encode(f, user, false)?;
            }
            Access::User(user) => {
                f.write_str("user+")?;
                encode(f, user, false)?;
            }
        }
        match &self.token {
            Some(token) => write!(f, ":{}:{}", token.mechanism, token.value),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_the_rfcs_are_read() {
        for text in [
            "/INBOX;UIDVALIDITY=785799047/;UID=113330/;section=1.5.9",
            "/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER",
            "/a%2Fb/c/;uid=5/;SECTION=HEADER.FIELDS%20(SUBJECT%20TO)/;PARTIAL=0.1024",
            "/x/;uid=5/;partial=7",
            "imap://minbari.example.org/gray-council;UIDVALIDITY=385759045/;UID=20",
            "imap://joe@example.com/INBOX/;uid=20/;section=1.2;urlauth=submit+fred",
            "imap://joe@example.com/INBOX/;uid=20;urlauth=anonymous:internal:91354a473744909de610943775f92038",
            "imap://joe;auth=*@example.com:993/INBOX/;uid=20/;section=1.2;expire=2005-09-23T12:00:00Z;urlauth=user+j%40x:INTERNAL:91354a473744909de610943775f92038",
        ] {
            let url = parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(parse(&url.to_string()), Some(url), "{text}");
        }
        let text = "imap://joe@h/INBOX/;uid=20;urlauth=submit+fred:internal:91354a473744909de610943775f92038";
        assert_eq!(rump(text), Some("imap://joe@h/INBOX/;uid=20;urlauth=submit+fred"));
        let url = parse(text).expect("a URL");
        assert_eq!(url.access, Some(Access::Submit("fred".into())));
        assert_eq!(url.server.expect("a server").user.as_deref(), Some("joe"));
    }

    #[test]
    fn what_is_no_url_of_a_message_is_refused() {
        for text in [
            "",
            "/",
            "INBOX/;uid=1",
            "/INBOX",
            "/INBOX/;uid=0",
            "/INBOX/;uid=x",
            "/INBOX/;uid=1;section=1",
            "/INBOX/;uid=1/;partial=1/;section=1",
            "/INBOX/;uid=1/;uid=2/;uid=",
            "/INBOX/;uid=1/",
            "/INBOX/;uid=1;",
            "/%zz/;uid=1",
            "/%ff/;uid=1",
            "/INBOX/;uid=1/;section=1.x",
            "/INBOX/;uid=1;expire=2005-09-23T12:00:00Z",
            "/INBOX/;uid=1;expire=soon;urlauth=anonymous",
            "/INBOX/;uid=1;urlauth=everybody",
            "/INBOX/;uid=1;urlauth=user+",
            "/INBOX/;uid=1;urlauth=anonymous:internal",
            "/INBOX/;uid=1;urlauth=anonymous:internal:abc",
            "http://x/INBOX/;uid=1",
            "imap:///INBOX/;uid=1",
            "/a b/;uid=1",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_keeps_the_oracle(words in proptest::collection::vec(proptest::sample::select(vec![
            "/", "INBOX", ";uid=", "1", ";section=", "TEXT", ";partial=", "0.5", ";expire=", "imap://",
            "2005-09-23T12:00:00Z", ";urlauth=", "user+", "anonymous", ":internal:", "a@b", "%41", "%",
            "91354a473744909de610943775f92038", ";uidvalidity=", "\u{e4}",
        ]), 0..14)) {
            crate::imap::oracle::url(words.concat().as_bytes());
        }
    }
}
