//! One line for a request or a response, with names: what a trace of ROPs prints.

use std::fmt::{self, Write};

use crate::request::Request;
use crate::response::Response;
use crate::rops::{HandleShape, RopResponse};

/// Numbers of a list that are printed before it is cut.
const LIST: usize = 24;

/// Bytes of a line before it is cut.
const LINE: usize = 4096;

/// `RopOpenFolder logon 0 #0 #1 { folder: folder 1-0xc, flags: 0x0 }`
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {:?}", self.id().name(), self.logon, self.input)?;
        match self.id().handle_shape() {
            HandleShape::Input | HandleShape::Output | HandleShape::None => {}
            _ => write!(f, " {:?}", self.other)?,
        }
        write_body(f, self.body.body())
    }
}

/// `RopOpenFolder #1 { has_rules: false, ... }`, or `RopOpenFolder #1 failed: ecNotFound (0x8004010f)`
impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id().name())?;
        if self.id().handle_shape() != HandleShape::None {
            write!(f, " {:?}", self.handle)?;
        }
        let RopResponse::Failed(failure) = &self.body else {
            return write_body(f, self.body.body());
        };
        write!(f, " failed: {}", failure.code)?;
        if let Some(destination) = failure.detail.destination {
            write!(f, " destination #{destination}")?;
        }
        if let Some(redirect) = &failure.detail.redirect {
            write_body(f, redirect)?;
        }
        match &failure.detail.body {
            Some(body) => write_body(f, body.body()),
            None => Ok(()),
        }
    }
}

/// The Debug form without the structure's name in front, long lists of numbers cut.
fn write_body(f: &mut fmt::Formatter<'_>, body: &dyn fmt::Debug) -> fmt::Result {
    let mut text = String::new();
    // What does not fit ends the writing with an error: the text so far is what is wanted.
    if write!(Shortened { out: &mut text, number: false, count: 0 }, "{body:?}").is_err() {
        text.push_str("...");
    }
    match text.find([' ', '(']) {
        None => Ok(()),
        Some(at) if text[at..].starts_with(' ') => f.write_str(&text[at..]),
        Some(at) => write!(f, " {}", &text[at..]),
    }
}

/// Passes Debug text on, but for numbers in a list beyond the first of them. A list is told by its
/// separators: a number behind `[` or behind `, `, and nothing else between.
struct Shortened<'a> {
    out: &'a mut String,
    number: bool,
    count: usize,
}

impl Write for Shortened<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if self.out.len() >= LINE {
                return Err(fmt::Error);
            }
            match c {
                '[' => {
                    self.number = true;
                    self.count = 0;
                }
                ',' if self.number => {
                    self.count += 1;
                    if self.count == LIST {
                        self.out.push_str(", ...");
                    }
                }
                ' ' | '0'..='9' if self.number => {}
                _ => {
                    self.number = false;
                    self.count = 0;
                }
            }
            if !self.number || self.count < LIST {
                self.out.push(c);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handle::{HandleIndex, LogonId};
    use crate::logon::{GetReceiveFolderRequest, LogonRequest};
    use crate::rops::RopRequest;
    use crate::stream::WriteStreamRequest;

    #[test]
    fn long_bytes_are_cut() {
        let body = RopRequest::WriteStream(WriteStreamRequest { data: vec![7; 5000].into() });
        let line = Request::new(LogonId(0), HandleIndex(2), body).to_string();
        assert!(line.starts_with("RopWriteStream logon 0 #2 { data: "), "{line}");
        assert!(line.len() < 200 && line.contains("7, ...]"), "{line}");
    }

    #[test]
    fn long_lines_are_cut() {
        let request = GetReceiveFolderRequest { message_class: "x".repeat(10_000).as_str().into() };
        let body = RopRequest::GetReceiveFolder(request);
        let line = Request::new(LogonId(0), HandleIndex(2), body).to_string();
        assert!(line.len() < LINE + 100 && line.ends_with("xxx..."), "{line}");
    }

    #[test]
    fn a_logon_names_its_mailbox() {
        let dn = "/o=Coffer/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn=me";
        let line = |logon: LogonRequest| {
            Request::new(LogonId(0), HandleIndex(0), RopRequest::Logon(logon)).to_string()
        };
        let text = line(LogonRequest::mailbox_of(dn));
        assert!(text.contains(&format!("essdn: {dn:?}")), "{text}");
        let text = line(LogonRequest::public());
        assert!(text.contains("essdn: \"\""), "{text}");
        let other = LogonRequest { essdn: vec![0xff, 1].into(), ..LogonRequest::public() };
        assert!(line(other).contains("essdn: [255, 1]"));
    }

    #[test]
    fn failures_are_named() {
        let body = RopRequest::GetStatus(crate::Empty);
        let request = Request::new(LogonId(0), HandleIndex(1), body);
        let line = Response::failed(&request, mapi::ErrorCode::NOT_FOUND).to_string();
        assert!(line.starts_with("RopGetStatus #1 failed: ecNotFound"), "{line}");
    }
}
