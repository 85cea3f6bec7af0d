//! MAPI/HTTP by hand, for clients that break it.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use mapi::text::String8;
use mapi::wire::Wire as _;
use mapi_rop::http::{ConnectRequest, headers};

use super::target::Address;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// An answer longer than this is none.
const MOST_BYTES: usize = 1 << 20;

pub struct Wire {
    pub stream: TcpStream,
    /// The header line, without its end.
    pub authorization: String,
    authority: String,
    path: String,
    user_dn: String,
    cookies: Vec<(String, String)>,
    requests: u64,
}

pub struct Answer {
    pub status: u16,
    code: Option<u32>,
    body: Vec<u8>,
}

impl Answer {
    /// Status 200, X-ResponseCode 0, and a body whose StatusCode and ErrorCode are 0.
    pub fn is_success(&self) -> bool {
        let code = |at: usize| self.body.get(at..at + 4).is_some_and(|code| code == [0; 4]);
        self.status == 200 && self.code == Some(0) && code(0) && code(4)
    }
}

impl Wire {
    pub fn connect(address: &Address) -> Result<Wire> {
        let resolved =
            address.authority.to_socket_addrs()?.next().context("the name has no address")?;
        let stream = TcpStream::connect_timeout(&resolved, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Wire {
            stream,
            authorization: address.authorization.clone(),
            authority: address.authority.clone(),
            path: address.path.clone(),
            user_dn: address.user_dn.clone(),
            cookies: Vec::new(),
            requests: 0,
        })
    }

    /// Another connection in the same session.
    pub fn beside(&self, address: &Address) -> Result<Wire> {
        let mut other = Wire::connect(address)?;
        other.cookies.clone_from(&self.cookies);
        Ok(other)
    }

    pub fn connect_body(&self) -> Vec<u8> {
        let request = ConnectRequest {
            user_dn: String8::from(self.user_dn.as_str()),
            flags: 0,
            code_page: 1252,
            lcid_sort: 0x0409,
            lcid_string: 0x0409,
            auxiliary: Vec::new().into(),
        };
        request.to_wire()
    }

    /// The head of a request.
    pub fn head(&mut self, request: &str, length: usize) -> Vec<u8> {
        self.requests += 1;
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = match cookies.is_empty() {
            true => String::new(),
            false => format!("Cookie: {}\r\n", cookies.join("; ")),
        };
        format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\n{}\r\n{cookies}Content-Type: application/mapi-http\r\n\
             Content-Length: {length}\r\nX-RequestType: {request}\r\n\
             X-RequestId: {{9F5A3B80-7C1B-4D4E-9F2E-3F2C7B1D5A01}}:{}\r\n\
             X-ClientInfo: {{9F5A3B80-7C1B-4D4E-9F2E-3F2C7B1D5A02}}:1\r\n\
             X-ClientApplication: Soak/1.0.0.0\r\n\r\n",
            self.path, self.authority, self.authorization, self.requests
        )
        .into_bytes()
    }

    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(bytes)?)
    }

    pub fn request(&mut self, request: &str, body: &[u8]) -> Result<Answer> {
        self.begin(request, body)?;
        self.answer_after(&[])
    }

    /// Sends a request whose answer is read later, or never.
    pub fn begin(&mut self, request: &str, body: &[u8]) -> Result<()> {
        let head = self.head(request, body.len());
        self.send(&[&head[..], body].concat())
    }

    /// The answer whose first bytes were read already.
    pub fn answer_after(&mut self, first: &[u8]) -> Result<Answer> {
        let mut bytes = first.to_vec();
        let head = loop {
            if let Some(end) = find(&bytes, b"\r\n\r\n") {
                break end;
            }
            self.more(&mut bytes)?;
        };
        let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
        let mut rest = bytes.split_off(head + 4);
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
        for cookie in fields(&text, "Set-Cookie") {
            let pair = cookie.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                self.cookies.retain(|(known, _)| known != name);
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        let body =
            match fields(&text, "Content-Length").next().and_then(|length| length.parse().ok()) {
                Some(length) => {
                    while rest.len() < length {
                        self.more(&mut rest)?;
                    }
                    rest.truncate(length);
                    rest
                }
                None if fields(&text, "Transfer-Encoding").next().is_some() => self.chunks(rest)?,
                None => Vec::new(),
            };
        let mut code =
            fields(&text, headers::RESPONSE_CODE).next().and_then(|code| code.parse().ok());
        // Behind the meta-tags and the headers after them ([MS-OXCMAPIHTTP] 2.2.2.2).
        let start = find(&body, b"\r\n\r\n").map_or(0, |at| at + 4);
        let told = String::from_utf8_lossy(&body[..start]).into_owned();
        for line in told.lines() {
            if let Some(value) = line.strip_prefix("X-ResponseCode:") {
                code = value.trim().parse().ok();
            }
        }
        let status = status.context("an answer without a status")?;
        Ok(Answer { status, code, body: body[start..].to_vec() })
    }

    fn chunks(&mut self, mut rest: Vec<u8>) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let end = loop {
                match find(&rest, b"\r\n") {
                    Some(end) => break end,
                    None => self.more(&mut rest)?,
                }
            };
            let line = String::from_utf8_lossy(&rest[..end]).into_owned();
            let size = usize::from_str_radix(line.trim(), 16).context("a chunk without a size")?;
            if size > MOST_BYTES {
                bail!("a chunk of {size} bytes");
            }
            while rest.len() < end + 2 + size + 2 {
                self.more(&mut rest)?;
            }
            body.extend_from_slice(&rest[end + 2..end + 2 + size]);
            rest.drain(..end + 2 + size + 2);
            if size == 0 {
                return Ok(body);
            }
        }
    }

    fn more(&mut self, bytes: &mut Vec<u8>) -> Result<()> {
        let mut piece = [0; 4096];
        let count = self.stream.read(&mut piece)?;
        if count == 0 || bytes.len() > MOST_BYTES {
            bail!("the answer ended after {} bytes", bytes.len());
        }
        bytes.extend_from_slice(&piece[..count]);
        Ok(())
    }
}

/// The values of a header.
fn fields<'a>(head: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    head.lines().skip(1).filter_map(move |line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
