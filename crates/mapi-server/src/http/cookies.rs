//! The two cookies of a Session Context: who it is, and which request comes next.

use hyper::HeaderMap;
use hyper::header::COOKIE;

use crate::session::Token;

/// The session context cookie ([MS-OXCMAPIHTTP] 3.2.5.1).
pub const CONTEXT: &str = "MapiContext";
/// The sequence validation cookie ([MS-OXCMAPIHTTP] 3.1.5.1).
pub const SEQUENCE: &str = "MapiSequence";

/// What a request's cookies say.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Cookies {
    pub context: Option<ContextCookie>,
    /// None if it is not there or is no number of ours.
    pub sequence: Option<u64>,
    pub has_sequence: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub enum ContextCookie {
    Token(Token),
    /// Not of our making.
    Malformed,
}

/// Reads the Cookie headers. Other cookies are not looked at; of two with one name, the first counts.
pub fn read(headers: &HeaderMap) -> Cookies {
    let mut cookies = Cookies::default();
    let lines = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    for (name, value) in
        lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='))
    {
        let value = value.trim_matches('"');
        match name {
            CONTEXT if cookies.context.is_none() => {
                let token = Token::parse(value).map(ContextCookie::Token);
                cookies.context = Some(token.unwrap_or(ContextCookie::Malformed));
            }
            SEQUENCE if !cookies.has_sequence => {
                cookies.has_sequence = true;
                cookies.sequence = u64::from_str_radix(value, 16).ok();
            }
            _ => {}
        }
    }
    cookies
}

/// The values of two Set-Cookie headers.
pub fn write(token: Token, sequence: u64) -> [String; 2] {
    let attributes = "path=/mapi/emsmdb; HttpOnly";
    [format!("{CONTEXT}={token}; {attributes}"), format!("{SEQUENCE}={sequence:08x}; {attributes}")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_come_back_from_one_line_or_several() {
        let token = Token::parse("00112233445566778899aabbccddeeff").unwrap();
        let [context, sequence] = write(token, 0x1f);
        let pair = |cookie: &str| cookie.split(';').next().unwrap().to_owned();
        let mut headers = HeaderMap::new();
        let line = format!("x=1; {}; {}", pair(&context), pair(&sequence));
        headers.append(COOKIE, line.parse().unwrap());
        let expected = Cookies {
            context: Some(ContextCookie::Token(token)),
            sequence: Some(0x1f),
            has_sequence: true,
        };
        assert_eq!(read(&headers), expected);

        let mut headers = HeaderMap::new();
        headers.append(COOKIE, pair(&sequence).parse().unwrap());
        headers.append(COOKIE, pair(&context).parse().unwrap());
        assert_eq!(read(&headers), expected);
    }

    #[test]
    fn foreign_values_are_malformed() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, "MapiContext=zz; MapiSequence=-".parse().unwrap());
        let cookies = read(&headers);
        assert_eq!(cookies.context, Some(ContextCookie::Malformed));
        assert!(cookies.has_sequence && cookies.sequence.is_none());
    }
}
