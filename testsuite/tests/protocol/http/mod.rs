//! [MS-OXCMAPIHTTP], the mailbox server endpoint: what a plain socket sees. The address book has its own.

mod bodies;
mod headers;
mod requests;
mod sessions;
mod streams;

use std::time::Duration;

use mapi::wire::Wire;
use mapi_rop::http::NotificationWaitRequest;
use mapi_server::http::{Config, Running};
use store::Account;
use testsuite::wire::{Answer, Client, start};

/// A server whose waits are short.
fn quick() -> Config {
    Config {
        pending_period: Duration::from_millis(20),
        notification_wait: Duration::from_millis(90),
        ..Config::default()
    }
}

/// A server, a client that has connected, and its account.
fn connected(config: Config) -> (Running, Client, Account) {
    let (running, _, mut accounts) = start(config);
    let account = accounts.remove(0);
    let mut client = Client::of(&running, &account);
    // The Connect is not what such a test is about.
    client.proved = false;
    assert_eq!(client.connect(&account).code(), 0);
    client.proved = true;
    (running, client, account)
}

fn wait_body() -> Vec<u8> {
    NotificationWaitRequest { flags: 0, auxiliary: Vec::new().into() }.to_wire()
}

/// A request of our own making: a request line and headers, and a body with its length.
fn request(client: &Client, line: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{line} HTTP/1.1\r\nHost: x\r\n{}", client.authorization);
    for (name, value) in &client.cookies {
        head.push_str(&format!("Cookie: {name}={value}\r\n"));
    }
    for header in headers {
        head.push_str(&format!("{header}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    [head.as_bytes(), body].concat()
}

fn send(client: &mut Client, line: &str, headers: &[&str], body: &[u8]) -> Answer {
    let bytes = request(client, line, headers, body);
    client.raw(&bytes);
    client.receive()
}

const POST: &str = "POST /mapi/emsmdb/";
const PING: &[&str] = &[
    "X-RequestType: PING",
    "X-RequestId: {A}:1",
    "X-ClientInfo: {B}:1",
    "Content-Type: application/mapi-http",
];

/// The cookies that an answer sets.
fn set_cookies(answer: &Answer) -> Vec<(String, String)> {
    let named = answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
    let pair = |(_, value): &(String, String)| {
        let (name, value) = value.split(';').next().and_then(|pair| pair.split_once('='))?;
        Some((name.to_owned(), value.to_owned()))
    };
    named.map(|header| pair(header).expect("a cookie")).collect()
}

/// Content-Length is as long as the body.
fn is_whole(answer: &Answer) -> bool {
    answer.header("Content-Length") == Some(answer.body.len().to_string().as_str())
}

/// The chunks of a streamed body, to its end.
fn rest(client: &mut Client) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| client.chunk()).collect()
}
