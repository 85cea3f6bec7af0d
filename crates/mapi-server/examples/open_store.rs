//! How long it takes to open a store and to close it again: Connect, RopLogon, RopRelease, Disconnect.
//!
//!     cargo run --release -p mapi-server --example open_store -- [CYCLES]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use base64::Engine;
use mapi::wire::Wire;
use mapi_rop::buffer::write_requests;
use mapi_rop::ext::{Packing, write_payloads};
use mapi_rop::http::{ConnectRequest, DisconnectRequest, ExecuteFlags, ExecuteRequest};
use mapi_rop::logon::LogonRequest;
use mapi_rop::{Empty, Handle, HandleIndex, LogonId, Request, RopRequest};
use mapi_server::http::{Config, Server};
use mapi_server::session::Locale;
use mapi_server::{InProcess, Options, Processor};
use store::{Account, NewAccount, Store, StoreOptions};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let cycles: u32 = std::env::args().nth(1).map_or(Ok(5_000), |text| text.parse())?;
    let store = Store::in_memory(StoreOptions::default())?;
    let account = store.create_account(&NewAccount {
        address: "user@example.test".into(),
        password: Some("secret".into()),
        ..NewAccount::default()
    })?;

    let processor = Processor::new(store.clone(), Options::default());
    let user = Arc::new(account.clone());
    report("in this process", cycles, || in_process(&processor, &user))?;

    // The client reads whole answers only.
    let ready_within = std::time::Duration::from_secs(60);
    let running = Server::start(store, Config { ready_within, ..Config::default() })?;
    let mut client = Client::new(running.addresses()[0], &account)?;
    report("over MAPI/HTTP", cycles, || client.cycle())?;
    running.stop();
    Ok(())
}

fn report(what: &str, cycles: u32, mut cycle: impl FnMut() -> Outcome) -> Outcome {
    for _ in 0..cycles / 10 {
        cycle()?;
    }
    let start = Instant::now();
    for _ in 0..cycles {
        cycle()?;
    }
    println!("{what}: {:?} a cycle", start.elapsed() / cycles);
    Ok(())
}

fn logon(dn: &str) -> Vec<u8> {
    let body = RopRequest::Logon(LogonRequest::mailbox_of(dn));
    let request = Request::new(LogonId(0), HandleIndex(0), body);
    write_requests(&[request], &[Handle::NONE]).unwrap_or_default()
}

fn release(handle: Handle) -> Vec<u8> {
    let request = Request::new(LogonId(0), HandleIndex(0), RopRequest::Release(Empty));
    write_requests(&[request], &[handle]).unwrap_or_default()
}

/// The handle table is the end of an answer.
fn last_handle(answer: &[u8]) -> Handle {
    let bytes = answer.last_chunk().copied().unwrap_or([0xff; 4]);
    Handle(u32::from_le_bytes(bytes))
}

fn in_process(processor: &Arc<Processor>, user: &Arc<Account>) -> Outcome {
    let session = InProcess::connect(processor, user.clone(), Locale::default(), "open_store")?;
    let answer = session.execute(&logon(&user.legacy_dn), 0x8000)?;
    session.execute(&release(last_handle(&answer)), 0x8000)?;
    Ok(())
}

struct Client {
    stream: BufReader<TcpStream>,
    head: String,
    cookies: String,
    dn: String,
}

impl Client {
    fn new(address: SocketAddr, account: &Account) -> Outcome<Client> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let plain = format!("{}:secret", account.address);
        let encoded = base64::prelude::BASE64_STANDARD.encode(plain);
        let head = format!(
            "POST /mapi/emsmdb HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {encoded}\r\n\
             Content-Type: application/mapi-http\r\nX-RequestId: {{E2EA6C1C}}:1\r\n"
        );
        let dn = account.legacy_dn.clone();
        Ok(Client { stream: BufReader::new(stream), head, cookies: String::new(), dn })
    }

    fn cycle(&mut self) -> Outcome {
        self.cookies.clear();
        let connect = ConnectRequest {
            user_dn: self.dn.as_str().into(),
            flags: 0,
            code_page: 1252,
            lcid_sort: 1033,
            lcid_string: 1033,
            auxiliary: Vec::new().into(),
        };
        self.call("Connect", &connect.to_wire())?;
        let rops = logon(&self.dn);
        let answer = self.execute(&rops)?;
        // The answer ends with the handle table and the size of an empty auxiliary buffer.
        let handle = last_handle(&answer[..answer.len().saturating_sub(4)]);
        self.execute(&release(handle))?;
        self.call("Disconnect", &DisconnectRequest { auxiliary: Vec::new().into() }.to_wire())?;
        Ok(())
    }

    fn execute(&mut self, rops: &[u8]) -> Outcome<Vec<u8>> {
        let rop_buffer = write_payloads(&[rops], Packing::default()).unwrap_or_default();
        let request = ExecuteRequest {
            flags: ExecuteFlags::NO_COMPRESSION | ExecuteFlags::NO_XOR_MAGIC,
            rop_buffer: rop_buffer.into(),
            max_rop_out: 0x8000,
            auxiliary: Vec::new().into(),
        };
        self.call("Execute", &request.to_wire())
    }

    fn call(&mut self, request_type: &str, body: &[u8]) -> Outcome<Vec<u8>> {
        let head = format!(
            "{}X-RequestType: {request_type}\r\n{}Content-Length: {}\r\n\r\n",
            self.head,
            self.cookies,
            body.len()
        );
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        self.stream.get_mut().write_all(&bytes)?;
        let (mut length, mut cookies, mut line) = (0, Vec::new(), String::new());
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                if line == "\r\n" {
                    break;
                }
                if !line.starts_with("HTTP/1.1 200") {
                    return Err(line.into());
                }
                continue;
            };
            match name {
                "content-length" => length = value.parse()?,
                "x-responsecode" if value != "0" => return Err(line.into()),
                "set-cookie" => cookies.push(value.split(';').next().unwrap_or("").to_owned()),
                _ => {}
            }
        }
        self.cookies = format!("Cookie: {}\r\n", cookies.join("; "));
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(body)
    }
}
