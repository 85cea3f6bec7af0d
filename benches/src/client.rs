//! MAPI over HTTP on a bare socket, so that the client takes as little of the machine as it can.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use base64::Engine;
use mapi::wire::Wire;
use mapi_rop::ext::{Packing, read_payloads, write_payloads};
use mapi_rop::http::{
    Body, ConnectRequest, ConnectResponse, DisconnectRequest, DisconnectResponse, ExecuteFlags,
    ExecuteRequest, ExecuteResponse, RequestType,
};
use mapi_rop::{Handle, ResponseBuffer};

use crate::mailbox::{PASSWORD, User};
use crate::rops::{Batch, logon};

/// The cookies of a session: what a client needs to go on with it on any connection.
#[derive(Debug, Clone, Default)]
pub struct Cookies(Vec<(String, String)>);

/// A connection that is kept, and the session that is spoken of on it.
pub struct Client {
    stream: TcpStream,
    /// Host, Authorization and what else never changes.
    fixed: String,
    pub cookies: Cookies,
    dn: String,
    requests: u64,
    request: Vec<u8>,
    received: Vec<u8>,
}

/// How answers to an Execute may come: plain, as a program on the same machine asks for it.
pub const PLAIN: ExecuteFlags = ExecuteFlags(0x3);
/// Compressed if that makes them shorter, as Outlook asks for it.
pub const PACKED: ExecuteFlags = ExecuteFlags::NONE;

impl Client {
    pub fn new(address: SocketAddr, user: &User) -> anyhow::Result<Client> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(120)))?;
        let plain = format!("{}:{PASSWORD}", user.address);
        let fixed = format!(
            "Host: {address}\r\nAuthorization: Basic {}\r\nContent-Type: application/mapi-http\r\n\
             X-ClientInfo: {{2EF33C39-49C8-421C-B876-CDF7F2AC3AA0}}:1\r\n\
             X-ClientApplication: Outlook/15.0.4815.1002\r\n",
            base64::prelude::BASE64_STANDARD.encode(plain)
        );
        Ok(Client {
            stream,
            fixed,
            cookies: Cookies::default(),
            dn: user.dn.clone(),
            requests: 0,
            request: Vec::with_capacity(4096),
            received: Vec::with_capacity(64 << 10),
        })
    }

    /// A client with a session and a logon; the logon's handle.
    pub fn logged_on(address: SocketAddr, user: &User) -> anyhow::Result<(Client, Handle)> {
        let mut client = Client::new(address, user)?;
        client.connect()?;
        let answer = client.execute(&logon(&user.dn))?;
        let handle = answer.handles.first().copied().context("a logon without a handle")?;
        Ok((client, handle))
    }

    pub fn connect(&mut self) -> anyhow::Result<()> {
        self.cookies = Cookies::default();
        let body = connect_body(&self.dn);
        let answer = self.call(RequestType::Connect, &body)?;
        let answer: ConnectResponse = success(answer)?;
        ensure!(answer.error.is_success(), "the Connect failed: {:?}", answer.error);
        Ok(())
    }

    pub fn execute(&mut self, batch: &Batch) -> anyhow::Result<ResponseBuffer> {
        let body = execute_body(&batch.bytes()?, PLAIN)?;
        let answer = self.execute_bytes(&body)?;
        batch.read(&answer)
    }

    /// A whole Execute body there, the ROP buffer back.
    pub fn execute_bytes(&mut self, body: &[u8]) -> anyhow::Result<Vec<u8>> {
        rops_of(self.call(RequestType::Execute, body)?)
    }

    pub fn ping(&mut self) -> anyhow::Result<()> {
        self.call(RequestType::Ping, &[]).map(drop)
    }

    pub fn disconnect(&mut self) -> anyhow::Result<()> {
        let answer = self.call(RequestType::Disconnect, &disconnect_body())?;
        let answer: DisconnectResponse = success(answer)?;
        ensure!(answer.error.is_success(), "the Disconnect failed: {:?}", answer.error);
        Ok(())
    }

    /// One request and what stands behind the meta-tags of its answer.
    pub fn call(&mut self, kind: RequestType, body: &[u8]) -> anyhow::Result<&[u8]> {
        self.send(kind, body)?;
        self.receive().with_context(|| format!("{} was answered otherwise", kind.name()))
    }

    /// Sends a request whose answer is received later.
    pub fn send(&mut self, kind: RequestType, body: &[u8]) -> anyhow::Result<()> {
        self.requests += 1;
        let (w, number, length) = (&mut self.request, self.requests, body.len());
        w.clear();
        write!(w, "POST /mapi/emsmdb/?MailboxId=0 HTTP/1.1\r\n{}", self.fixed)?;
        write!(w, "X-RequestType: {}\r\nContent-Length: {length}\r\n", kind.name())?;
        write!(w, "X-RequestId: {{E2EA6C1C-E61B-49E9-9CFB-38184F907552}}:{number}\r\n")?;
        for (index, (name, value)) in self.cookies.0.iter().enumerate() {
            write!(w, "{}{name}={value}", if index == 0 { "Cookie: " } else { "; " })?;
        }
        w.extend_from_slice(if self.cookies.0.is_empty() { b"\r\n" } else { b"\r\n\r\n" });
        w.extend_from_slice(body);
        Ok(self.stream.write_all(w)?)
    }

    pub fn receive(&mut self) -> anyhow::Result<&[u8]> {
        self.received.clear();
        let end = self.until_blank_line(0)?;
        let head = std::str::from_utf8(&self.received[..end])?;
        ensure!(head.starts_with("HTTP/1.1 200 "), "the server says: {head}");
        let (mut length, mut code) = (None, None);
        for line in head.lines().skip(1) {
            let Some((name, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                length = Some(value.parse::<usize>()?);
            } else if name.eq_ignore_ascii_case("x-responsecode") {
                code = Some(value.parse::<u32>()?);
            } else if name.eq_ignore_ascii_case("set-cookie") {
                self.cookies.learn(value);
            }
        }
        ensure!(code == Some(0), "the server says: {head}");
        match length {
            Some(length) => {
                self.until(end + length)?;
                self.received.drain(..end);
            }
            None => self.unchunk(end)?,
        }
        let Some(at) = find(&self.received, b"\r\n\r\n") else { bail!("no end of the meta-tags") };
        let tags = String::from_utf8_lossy(&self.received[..at]);
        ensure!(tags.contains("DONE") && !tags.contains("X-ResponseCode"), "it failed: {tags}");
        Ok(&self.received[at + 4..])
    }

    /// Puts the chunks behind a head together; the head goes.
    fn unchunk(&mut self, start: usize) -> anyhow::Result<()> {
        let (mut at, mut body) = (start, Vec::new());
        loop {
            while find(&self.received[at..], b"\r\n").is_none() {
                self.more()?;
            }
            let line = at + find(&self.received[at..], b"\r\n").unwrap_or(0);
            let size = usize::from_str_radix(std::str::from_utf8(&self.received[at..line])?, 16)?;
            self.until(line + 2 + size + 2)?;
            body.extend_from_slice(&self.received[line + 2..line + 2 + size]);
            at = line + 2 + size + 2;
            if size == 0 {
                self.received = body;
                return Ok(());
            }
        }
    }

    /// Reads on to the first blank line; where what comes behind it begins.
    fn until_blank_line(&mut self, start: usize) -> anyhow::Result<usize> {
        loop {
            if let Some(at) = find(&self.received[start..], b"\r\n\r\n") {
                return Ok(start + at + 4);
            }
            self.more()?;
        }
    }

    fn until(&mut self, length: usize) -> anyhow::Result<()> {
        while self.received.len() < length {
            self.more()?;
        }
        Ok(())
    }

    fn more(&mut self) -> anyhow::Result<()> {
        let filled = self.received.len();
        self.received.resize(filled + (32 << 10), 0);
        let read = self.stream.read(&mut self.received[filled..]);
        self.received.truncate(filled + *read.as_ref().unwrap_or(&0));
        ensure!(read? > 0, "the server closed the connection");
        Ok(())
    }
}

impl Cookies {
    fn learn(&mut self, line: &str) {
        let pair = line.split(';').next().unwrap_or(line);
        let Some((name, value)) = pair.split_once('=') else { return };
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => value.clone_into(known),
            None => self.0.push((name.to_owned(), value.to_owned())),
        }
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

pub fn connect_body(dn: &str) -> Vec<u8> {
    ConnectRequest {
        user_dn: dn.into(),
        flags: 0,
        code_page: 1252,
        lcid_sort: 1033,
        lcid_string: 1033,
        auxiliary: Vec::new().into(),
    }
    .to_wire()
}

pub fn disconnect_body() -> Vec<u8> {
    DisconnectRequest { auxiliary: Vec::new().into() }.to_wire()
}

pub fn execute_body(rops: &[u8], flags: ExecuteFlags) -> anyhow::Result<Vec<u8>> {
    let rop_buffer = write_payloads(&[rops], Packing::default()).context("too many ROPs")?;
    let request = ExecuteRequest {
        flags,
        rop_buffer: rop_buffer.into(),
        max_rop_out: 0x8007,
        auxiliary: Vec::new().into(),
    };
    Ok(request.to_wire())
}

/// The ROP buffer in the answer to an Execute.
fn rops_of(body: &[u8]) -> anyhow::Result<Vec<u8>> {
    let answer: ExecuteResponse = success(body)?;
    ensure!(answer.error.is_success(), "the Execute failed: {:?}", answer.error);
    let mut payloads = read_payloads(&answer.rop_buffer.bytes, 1 << 20)?;
    payloads.pop().context("an answer without a ROP buffer")
}

fn success<T: Wire>(body: &[u8]) -> anyhow::Result<T> {
    match Body::<T>::from_wire(body)? {
        Body::Success(answer) => Ok(answer),
        Body::Failed(status, _) => bail!("status {status:#x}"),
    }
}
