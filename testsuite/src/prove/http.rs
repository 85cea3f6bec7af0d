//! Faults of MAPI over HTTP ([MS-OXCMAPIHTTP]): a request type that the server does not know, and one element
//! of an answer that is another one when the test sees it.
//!
//! A client reads answers, and goes on with its cookies, by what the server sent: an altered length or cookie
//! breaks no connection, it is only shown to the test.

use super::{FAULT, Fault, note_line};
use crate::wire::Answer;

/// An element of an answer, as `alter:ELEMENT` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Element {
    /// `version`: HTTP/1.1.
    Version,
    /// `status`
    Status,
    /// `header NAME`: another value; a header that is not there is.
    Header(String),
    /// `text`: the numbers in a body for people.
    Text,
    /// `tag NAME`: a meta-tag (2.2.7).
    Tag(String),
    /// `done NAME`: a header behind DONE.
    Done(String),
    /// `blank line`: there is a second one before the response body.
    BlankLine,
    /// `body N`: the octet at N of the response body, from its end if N is negative.
    Body(isize),
}

impl Element {
    pub(super) fn parse(text: &str) -> Option<Element> {
        Some(match text.split_once(' ') {
            None if text == "version" => Element::Version,
            None if text == "status" => Element::Status,
            None if text == "text" => Element::Text,
            Some(("header", name)) => Element::Header(name.to_owned()),
            Some(("tag", name)) => Element::Tag(name.to_owned()),
            Some(("done", name)) => Element::Done(name.to_owned()),
            Some(("blank", "line")) => Element::BlankLine,
            Some(("body", at)) => Element::Body(at.parse().ok()?),
            _ => return None,
        })
    }
}

/// The request as it goes out. Its type is noted, and another one if the server is not to know it.
pub(crate) fn request(bytes: &[u8]) -> Vec<u8> {
    const NAME: &[u8] = b"X-RequestType: ";
    let Some(begin) = find(bytes, NAME).map(|at| at + NAME.len()) else { return bytes.to_vec() };
    let end = begin + find(&bytes[begin..], b"\r\n").unwrap_or(0);
    let kind = String::from_utf8_lossy(&bytes[begin..end]);
    note_line("sends", &kind);
    match &*FAULT {
        Some(Fault::RefuseRequest(refused)) if *refused == kind => {
            [&bytes[..begin], b"Unknown", &bytes[end..]].concat()
        }
        _ => bytes.to_vec(),
    }
}

/// Alters the element of an answer that is to be altered.
pub(crate) fn alter(answer: &mut Answer) {
    let Some(Fault::AlterElement(element)) = &*FAULT else { return };
    match element {
        Element::Version => answer.version = "HTTP/1.0".to_owned(),
        Element::Status => answer.status ^= 1,
        Element::Header(name) => {
            let mut there = false;
            for (known, value) in &mut answer.headers {
                if known.eq_ignore_ascii_case(name) {
                    *value = other(name, value);
                    there = true;
                }
            }
            if !there {
                answer.headers.push((name.clone(), "0".to_owned()));
            }
        }
        Element::Text => {
            for octet in answer.body.iter_mut().filter(|octet| octet.is_ascii_digit()) {
                *octet = b'0' + (*octet - b'0' + 1) % 10;
            }
        }
        _ => alter_body(&mut answer.body),
    }
}

/// As [`alter`], of a body or of a chunk of it that begins with a meta-tag.
pub(crate) fn alter_body(body: &mut Vec<u8>) {
    let Some(Fault::AlterElement(element)) = &*FAULT else { return };
    // Meta-tags and headers, then a blank line, then the response body.
    let behind = find(body, b"\r\n\r\n").map(|at| at + 4);
    let head = &body[..behind.unwrap_or(body.len())];
    match element {
        Element::Tag(name) => {
            if let Some(at) = find(head, name.as_bytes()) {
                body[at] = b'X';
            }
        }
        Element::Done(name) => {
            let Some(begin) = find(head, format!("\r\n{name}: ").as_bytes()) else { return };
            let begin = begin + name.len() + 4;
            let end = begin + find(&head[begin..], b"\r\n").unwrap_or(0);
            let value = other(name, &String::from_utf8_lossy(&head[begin..end]));
            body.splice(begin..end, value.into_bytes());
        }
        Element::BlankLine => {
            if let Some(behind) = behind {
                body.splice(behind..behind, *b"\r\n");
            }
        }
        Element::Body(at) => {
            let Some(behind) = behind else { return };
            let begin = if *at < 0 { body.len() } else { behind };
            let octet = begin.checked_add_signed(*at).filter(|octet| *octet >= behind);
            if let Some(octet) = octet.and_then(|octet| body.get_mut(octet)) {
                *octet ^= 0x01;
            }
        }
        _ => {}
    }
}

/// Another value of the same form.
fn other(name: &str, value: &str) -> String {
    match name {
        // Microseconds.
        "X-ElapsedTime" => format!("{value}000"),
        // Of another year.
        "X-StartTime" => value.replacen(" 20", " 21", 1),
        // The value, not the attributes behind it; the first of its octets.
        "Set-Cookie" => match value.split_once('=') {
            Some((cookie, rest)) => format!("{cookie}={}", next(rest, 0)),
            None => value.to_owned(),
        },
        _ => next(value, value.len().saturating_sub(1)),
    }
}

/// With another letter or digit at this place.
fn next(value: &str, at: usize) -> String {
    let mut bytes = value.as_bytes().to_vec();
    if let Some(octet) = bytes.get_mut(at) {
        *octet = match *octet {
            b'9' => b'0',
            b'z' => b'a',
            b'Z' => b'A',
            other => other + 1,
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
