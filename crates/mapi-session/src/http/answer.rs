//! What stands around a MAPI/HTTP response body: meta-tags, late headers, response codes, cookies.

use mapi_rop::http::{CONTENT_TYPE, FinalResponse, ResponseCode, ResponseStream, headers};

use super::client::{Headers, Response};
use crate::{Error, Result};

/// The binary body of a response that succeeded.
///
/// [MS-OXCMAPIHTTP] 2.2.2.2: the body begins with meta-tags (PROCESSING, PENDING, DONE), each on a line;
/// after DONE come late headers, an empty line, and the body proper.
pub(super) fn into_body(response: Response, user: &str) -> Result<Vec<u8>> {
    let Response { status, headers: head, body } = response;
    match status {
        200 => {}
        401 => return Err(Error::Credentials { user: user.to_owned() }),
        403 => return Err(Error::Forbidden { user: user.to_owned(), detail: excerpt(&body) }),
        _ => {
            let detail = excerpt(&body);
            return Err(Error::Protocol(format!("HTTP status {status}{detail}")));
        }
    }
    check(head.get(headers::RESPONSE_CODE), user, &body)?;
    let kind = head.get("Content-Type").unwrap_or("no type");
    if kind.split(';').next().is_none_or(|kind| kind.trim() != CONTENT_TYPE) {
        return Err(Error::Protocol(format!("content of {kind:?} instead of {CONTENT_TYPE}")));
    }
    let malformed = |error| Error::Protocol(format!("{error}"));
    let mut stream = ResponseStream::new(body.len());
    stream.push(&body).map_err(malformed)?;
    let last = stream.finish().map_err(malformed)?;
    // [MS-OXCMAPIHTTP] 3.2.5.2 R2229: a failure after the first bytes went out stands in a late header.
    check(last.header(headers::RESPONSE_CODE), user, &last.body)?;
    let FinalResponse { body, .. } = last;
    Ok(body)
}

/// Looks at an X-ResponseCode ([MS-OXCMAPIHTTP] 2.2.3.3.3).
fn check(value: Option<&str>, user: &str, body: &[u8]) -> Result<()> {
    let Some(value) = value else { return Ok(()) };
    let Some(code) = ResponseCode::parse(value) else {
        return Err(Error::Protocol(format!("the X-ResponseCode {value:?}")));
    };
    match code {
        ResponseCode::Success => Ok(()),
        ResponseCode::InvalidContextCookie
        | ResponseCode::ContextNotFound
        | ResponseCode::MissingCookie
        | ResponseCode::InvalidSequence => Err(Error::SessionLost {
            reason: format!("X-ResponseCode {}: {}", code.value(), code.name()),
        }),
        ResponseCode::NoPrivilege => {
            Err(Error::Forbidden { user: user.to_owned(), detail: excerpt(body) })
        }
        _ => Err(Error::Refused { code: code.value(), name: code.name(), detail: excerpt(body) }),
    }
}

/// A few words of a diagnostic body, for a message; never its control characters.
fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(4096)]).into_owned();
    let mut words = String::new();
    let mut tag = false;
    for c in text.chars() {
        match c {
            '<' => tag = true,
            '>' => tag = false,
            _ if tag => {}
            _ if c.is_whitespace() || c.is_control() => {
                if !words.ends_with(' ') && !words.is_empty() {
                    words.push(' ');
                }
            }
            _ => words.push(c),
        }
        if words.len() > 200 {
            break;
        }
    }
    match words.trim() {
        "" => String::new(),
        words => format!(": {words}"),
    }
}

/// The cookies of a session context: names and opaque values ([MS-OXCMAPIHTTP] 2.2.3.2.3).
#[derive(Debug, Default)]
pub(super) struct Cookies(Vec<(String, String)>);

impl Cookies {
    const MOST: usize = 32;

    /// Takes over what the response sets: a later value replaces an earlier one.
    pub(super) fn learn(&mut self, headers: &Headers) -> Result<()> {
        for cookie in headers.all("Set-Cookie") {
            let pair = cookie.split(';').next().unwrap_or_default();
            let Some((name, value)) = pair.split_once('=') else {
                return Err(Error::Protocol(format!("a cookie without a value: {pair:?}")));
            };
            let (name, value) = (name.trim(), value.trim());
            let known = self.0.iter().position(|(known, _)| known == name);
            match known {
                Some(at) => value.clone_into(&mut self.0[at].1),
                None if self.0.len() < Self::MOST => self.0.push((name.into(), value.into())),
                None => return Err(Error::Protocol("more than 32 cookies".into())),
            }
        }
        Ok(())
    }

    pub(super) fn header(&self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let mut header = String::new();
        for (name, value) in &self.0 {
            if !header.is_empty() {
                header.push_str("; ");
            }
            header.push_str(name);
            header.push('=');
            header.push_str(value);
        }
        Some(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(head: &[&str], body: &[u8]) -> Response {
        let mut headers = Headers::default();
        head.iter().for_each(|line| headers.push_line(line).unwrap());
        Response { status: 200, headers, body: body.to_vec() }
    }

    const MAPI: &str = "Content-Type: application/mapi-http";

    #[test]
    fn the_body_follows_the_late_headers() {
        let whole = b"PROCESSING\r\nPENDING\r\nPENDING\r\nDONE\r\nX-ElapsedTime: 3\r\n\r\n\r\nbody";
        let body = into_body(response(&[MAPI, "X-ResponseCode: 0"], whole), "me").unwrap();
        assert_eq!(body, b"\r\nbody");
    }

    #[test]
    fn every_failure_has_its_error() {
        let fails = |head: &[&str], body: &[u8]| into_body(response(head, body), "me").unwrap_err();
        let done = b"DONE\r\n\r\n";
        assert!(fails(&[MAPI, "X-ResponseCode: 10"], b"").ends_session());
        assert!(fails(&[MAPI], b"PROCESSING\r\nDONE\r\nX-ResponseCode: 15\r\n\r\n").ends_session());
        assert!(matches!(fails(&[MAPI, "X-ResponseCode: 5"], b""), Error::Refused { code: 5, .. }));
        assert!(matches!(fails(&[MAPI, "X-ResponseCode: 11"], b""), Error::Forbidden { .. }));
        assert!(matches!(fails(&["Content-Type: text/html"], done), Error::Protocol(_)));
        for cut in
            [b"".as_slice(), b"PROCESSING\r\n", b"DONE\r\n", b"DONE\r\nX-A: b\r\n", b"\0\xff\r\n"]
        {
            assert!(matches!(fails(&[MAPI], cut), Error::Protocol(_)));
        }
        let mut unauthorised = response(&[], b"");
        unauthorised.status = 401;
        assert!(matches!(into_body(unauthorised, "me"), Err(Error::Credentials { .. })));
    }

    /// Any bytes that a server may send: an error or a body, never a panic.
    #[test]
    fn any_answer_is_taken_apart_without_a_panic() {
        let valid = b"PROCESSING\r\nPENDING\r\nDONE\r\nX-ResponseCode: 0\r\n\r\nbody";
        let mut state = 1_u64;
        let mut draw = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize % below
        };
        for _ in 0..20_000 {
            let mut body = valid[..draw(valid.len() + 1)].to_vec();
            for _ in 0..draw(4) {
                match draw(3) {
                    0 => body.push(draw(256) as u8),
                    1 => body.truncate(draw(body.len() + 1)),
                    _ if body.is_empty() => {}
                    _ => {
                        let at = draw(body.len());
                        body[at] = draw(256) as u8;
                    }
                }
            }
            let _ = into_body(response(&[MAPI], &body), "me");
            let _ = excerpt(&body);
        }
    }

    #[test]
    fn an_excerpt_has_neither_markup_nor_control_characters() {
        assert_eq!(excerpt(b"<h1>Too\r\n\x1b[2J  many</h1>"), ": Too [2J many");
        assert_eq!(excerpt(b"<p> </p>"), "");
    }

    #[test]
    fn cookies_are_replaced_by_name_and_bounded() {
        let mut cookies = Cookies::default();
        let learn = |cookies: &mut Cookies, line: &str| {
            let mut headers = Headers::default();
            headers.push_line(line).unwrap();
            cookies.learn(&headers)
        };
        learn(&mut cookies, "Set-Cookie: sid=a=1; path=/mapi; HttpOnly").unwrap();
        learn(&mut cookies, "Set-Cookie: seq=1").unwrap();
        learn(&mut cookies, "set-cookie: seq=2").unwrap();
        assert_eq!(cookies.header().unwrap(), "sid=a=1; seq=2");
        let flood = (0..40).try_for_each(|i| learn(&mut cookies, &format!("Set-Cookie: c{i}=x")));
        assert!(flood.is_err());
    }
}
