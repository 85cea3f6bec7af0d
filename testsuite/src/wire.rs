//! A plain socket to a server: requests and answers as they stand on the wire.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use base64::Engine;
use mapi::wire::Wire;
use mapi_rop::buffer::write_requests;
use mapi_rop::ext::{Packing, write_payloads};
use mapi_rop::http::{
    Body, ConnectRequest, DisconnectRequest, ExecuteFlags, ExecuteRequest, ResponseStream,
};
use mapi_rop::logon::LogonRequest;
use mapi_rop::{Handle, HandleIndex, LogonId, Request, RopRequest};
use mapi_server::http::{Config, Running, Server};
use store::{Account, NewAccount, Store, StoreOptions};

use crate::prove;
pub use crate::rig::PASSWORD;

/// A store with accounts user1@example.test and so on.
pub fn store(users: usize) -> (Store, Vec<Account>) {
    let store = Store::in_memory(StoreOptions::default()).expect("a store in memory");
    let account = |number| {
        let new = NewAccount {
            address: format!("user{number}@example.test"),
            display_name: format!("User {number}"),
            password: Some(PASSWORD.into()),
        };
        store.create_account(&new).expect("an account")
    };
    let accounts = (1..=users).map(account).collect();
    (store, accounts)
}

pub fn start(config: Config) -> (Running, Store, Vec<Account>) {
    let (store, accounts) = store(2);
    let running = Server::start(store.clone(), config).expect("a server");
    (running, store, accounts)
}

/// A connection that keeps its cookies.
pub struct Client {
    pub stream: BufReader<TcpStream>,
    pub authorization: String,
    pub cookies: Vec<(String, String)>,
    pub requests: u32,
    /// X-ClientApplication.
    pub application: String,
    /// Whether faults by which tests are proved reach what this client asks and is answered.
    pub proved: bool,
}

pub struct Answer {
    /// HTTP/1.1
    pub version: String,
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// X-ResponseCode.
    pub fn code(&self) -> u32 {
        self.header("X-ResponseCode").expect("a code").parse().expect("a number")
    }

    /// What stands behind the meta-tags, and the headers there.
    pub fn inner(&self) -> mapi_rop::http::FinalResponse {
        let mut stream = ResponseStream::new(1 << 20);
        stream.push(&self.body).expect("meta-tags");
        stream.finish().expect("a whole body")
    }

    pub fn read<T: Wire>(&self) -> T {
        match Body::<T>::from_wire(&self.inner().body).expect("a body") {
            Body::Success(body) => body,
            Body::Failed(status, _) => panic!("status {status:#x}"),
        }
    }
}

impl Client {
    pub fn new(address: SocketAddr, user: &str, password: &str) -> Client {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time limit");
        let plain = format!("{user}:{password}");
        let encoded = base64::prelude::BASE64_STANDARD.encode(plain);
        Client {
            stream: BufReader::new(stream),
            authorization: format!("Authorization: Basic {encoded}\r\n"),
            cookies: Vec::new(),
            requests: 0,
            application: "Test/1".into(),
            proved: true,
        }
    }

    pub fn of(running: &Running, account: &Account) -> Client {
        Client::new(running.addresses()[0], &account.address, PASSWORD)
    }

    pub fn send(&mut self, request_type: &str, body: &[u8]) {
        self.requests += 1;
        let number = self.requests;
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = match cookies.is_empty() {
            true => String::new(),
            false => format!("Cookie: {}\r\n", cookies.join("; ")),
        };
        let head = format!(
            "POST /mapi/emsmdb/?MailboxId=0 HTTP/1.1\r\nHost: x\r\n{}{cookies}\
             Content-Type: application/mapi-http\r\nContent-Length: {}\r\n\
             X-RequestType: {request_type}\r\nX-RequestId: {{E2EA6C1C}}:{number}\r\n\
             X-ClientInfo: {{2EF33C39}}:7\r\nX-ClientApplication: {}\r\n\r\n",
            self.authorization,
            body.len(),
            self.application,
        );
        self.raw(&[head.as_bytes(), body].concat());
    }

    pub fn raw(&mut self, bytes: &[u8]) {
        let written = match self.proved {
            true => self.stream.get_mut().write_all(&prove::http::request(bytes)),
            false => self.stream.get_mut().write_all(bytes),
        };
        written.expect("a request");
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    /// The head of a response.
    pub fn head(&mut self) -> Answer {
        let head = self.true_head();
        self.shown(head)
    }

    fn true_head(&mut self) -> Answer {
        let line = self.line();
        let (version, status) = line.split_once(' ').expect("a status line");
        let status = status.split(' ').next().expect("a status").parse().expect("a number");
        let version = version.to_owned();
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        for (_, value) in headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case("set-cookie")) {
            let pair = value.split(';').next().expect("a cookie");
            let (name, value) = pair.split_once('=').expect("a cookie");
            self.cookies.retain(|(known, _)| known != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
        Answer { version, status, headers, body: Vec::new() }
    }

    /// What a test sees of an answer.
    fn shown(&self, mut answer: Answer) -> Answer {
        if self.proved {
            prove::http::alter(&mut answer);
        }
        answer
    }

    /// One chunk of a chunked body; none at its end.
    pub fn chunk(&mut self) -> Option<Vec<u8>> {
        let mut chunk = self.true_chunk()?;
        if self.proved {
            prove::http::alter_body(&mut chunk);
        }
        Some(chunk)
    }

    fn true_chunk(&mut self) -> Option<Vec<u8>> {
        let size = usize::from_str_radix(&self.line(), 16).expect("a size");
        let mut chunk = vec![0; size + 2];
        self.stream.read_exact(&mut chunk).expect("a chunk");
        chunk.truncate(size);
        (size > 0).then_some(chunk)
    }

    pub fn receive(&mut self) -> Answer {
        let mut answer = self.true_head();
        match answer.header("Content-Length").map(str::to_owned) {
            Some(length) => {
                answer.body = vec![0; length.parse().expect("a number")];
                self.stream.read_exact(&mut answer.body).expect("a body");
            }
            None => {
                assert_eq!(answer.header("Transfer-Encoding"), Some("chunked"));
                while let Some(chunk) = self.true_chunk() {
                    answer.body.extend_from_slice(&chunk);
                }
            }
        }
        self.shown(answer)
    }

    pub fn call(&mut self, request_type: &str, body: &[u8]) -> Answer {
        self.send(request_type, body);
        self.receive()
    }

    pub fn connect(&mut self, account: &Account) -> Answer {
        self.call("Connect", &connect_body(&account.legacy_dn))
    }

    pub fn execute(&mut self, rops: &[u8]) -> Answer {
        self.call("Execute", &execute_body(rops, 0x8000))
    }

    pub fn disconnect(&mut self) -> Answer {
        self.call("Disconnect", &DisconnectRequest { auxiliary: Vec::new().into() }.to_wire())
    }
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

pub fn execute_body(rops: &[u8], max_rop_out: u32) -> Vec<u8> {
    let rop_buffer = write_payloads(&[rops], Packing { compress: true, obfuscate: true });
    ExecuteRequest {
        flags: ExecuteFlags::NONE,
        rop_buffer: rop_buffer.expect("small").into(),
        max_rop_out,
        auxiliary: Vec::new().into(),
    }
    .to_wire()
}

pub fn logon_rops(account: &Account) -> Vec<u8> {
    let body = RopRequest::Logon(LogonRequest::mailbox_of(&account.legacy_dn));
    let request = Request::new(LogonId(0), HandleIndex(0), body);
    write_requests(&[request], &[Handle::NONE]).expect("small")
}

/// No ROP at all, which is a valid buffer.
pub const NOTHING: [u8; 2] = [2, 0];

/// The metrics page.
pub fn scrape(running: &Running) -> String {
    let mut client = Client::new(running.metrics().expect("an address"), "", "");
    client.raw(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let answer = client.receive();
    assert_eq!(answer.status, 200);
    String::from_utf8(answer.body).expect("text")
}
