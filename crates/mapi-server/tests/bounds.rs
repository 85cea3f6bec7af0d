//! What is bounded is driven to its bound, and the bound holds.
#![cfg(feature = "http")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use mapi::{ErrorCode, tags};
use mapi_rop::parts::SizedValues;
use mapi_rop::property::SetPropertiesRequest;
use mapi_rop::{Handle, RopRequest};
use mapi_server::http::Config;
use mapi_server::http::bounds::Bounded;
use mapi_server::{Kind, Limit, Limits, Options};
use store::SpecialFolder;
use support::wire::{Client, start};

fn until(holds: impl Fn() -> bool) {
    while !holds() {
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn row(running: &mapi_server::http::Running, name: &str) -> Bounded {
    let rows = running.watch().bounds().expect("a server");
    let found = rows.iter().find(|row| row.name == name);
    *found.expect("a row of that name")
}

#[test]
fn slow_senders_of_large_requests_keep_to_a_quarter_and_others_are_served() {
    let config = Config { request_memory: 8 << 20, ..Config::default() };
    let request_bytes = config.request_bytes;
    let (running, _, accounts) = start(config);
    Client::of(&running, &accounts[0]).call("PING", &[]);
    let mut slow: Vec<Client> = (0..64).map(|_| Client::of(&running, &accounts[0])).collect();
    for client in &mut slow {
        let head = format!(
            "POST /mapi/emsmdb/ HTTP/1.1\r\nHost: x\r\n{}Content-Length: {request_bytes}\r\n\
             X-RequestType: Execute\r\nX-RequestId: {{A}}:1\r\n\r\n",
            client.authorization
        );
        client.raw(head.as_bytes());
        client.raw(&[7; 1_000]);
    }
    // All are there, and as many as fit are read.
    until(|| running.processor().ledger.live(Kind::Connection) >= 64);
    until(|| row(&running, "requests").used > 0);
    for _ in 0..20 {
        let requests = row(&running, "requests");
        assert_eq!(requests.bound, 8 << 20);
        assert!(requests.used <= requests.bound / 4, "{requests:?}");
        // Another user's requests find room.
        let mut other = Client::of(&running, &accounts[1]);
        assert_eq!(other.connect(&accounts[1]).code(), 0);
        assert_eq!(other.disconnect().code(), 0);
    }
    drop(slow);
    until(|| row(&running, "requests").used == 0);
}

#[test]
fn a_client_that_reads_nothing_is_cut_off() {
    let config = Config { body_timeout: Duration::from_millis(100), ..Config::default() };
    let (running, _, _) = start(config);
    let mut stream = TcpStream::connect(running.metrics().expect("an address")).expect("connected");
    stream.set_write_timeout(Some(Duration::from_millis(100))).expect("a limit");
    // More pages than the system's buffers hold; the client sends and never reads.
    while stream.write_all(&b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(64)).is_ok() {}
    until(|| running.processor().ledger.live(Kind::Connection) == 0);
}

#[test]
fn a_connection_without_a_known_user_is_closed() {
    let config = Config { first_request_within: Duration::from_millis(100), ..Config::default() };
    let (running, _, accounts) = start(config);
    // A password's hash may take longer than the time is.
    while running.processor().ledger.live(Kind::Credential) == 0 {
        let mut first = Client::of(&running, &accounts[0]);
        first.send("PING", &[]);
        let _ = first.stream.read(&mut [0; 1]);
    }
    let mut known = Client::of(&running, &accounts[0]);
    assert_eq!(known.call("PING", &[]).status, 200);
    let mut stranger = TcpStream::connect(running.addresses()[0]).expect("connected");
    assert_eq!(stranger.read(&mut [0; 1]).expect("an end"), 0);
    assert_eq!(known.call("PING", &[]).status, 200);
}

#[test]
fn connections_beyond_the_bound_wait_for_one_that_ends() {
    // A listener holds a slot for the connection that it waits for: with one alone, all eight are to be had.
    let config = Config { connections: 8, metrics: None, ..Config::default() };
    let (running, _, accounts) = start(config);
    let ledger = &running.processor().ledger;
    let mut open: Vec<Client> = (0..8).map(|_| Client::of(&running, &accounts[0])).collect();
    for client in &mut open {
        assert_eq!(client.call("PING", &[]).status, 200);
    }
    let mut ninth = Client::of(&running, &accounts[1]);
    ninth.send("PING", &[]);
    assert_eq!(open[0].call("PING", &[]).status, 200);
    assert_eq!(ledger.live(Kind::Connection), 8);
    drop(open.pop());
    assert_eq!(ninth.receive().status, 200);
    assert!(ledger.live(Kind::Connection) <= 8);
}

#[test]
fn wrong_passwords_are_not_remembered_and_cost_the_user_nothing() {
    let (running, _, accounts) = start(Config::default());
    let mut client = Client::of(&running, &accounts[0]);
    assert_eq!(client.call("PING", &[]).status, 200);
    let mut guessing: Vec<Client> = (0..20)
        .map(|number| {
            let address = running.addresses()[0];
            let mut guess = Client::new(address, &accounts[0].address, &format!("guess {number}"));
            guess.send("PING", &[]);
            guess
        })
        .collect();
    for guess in &mut guessing {
        assert_eq!(guess.head().status, 401);
    }
    let ledger = &running.processor().ledger;
    assert_eq!(ledger.live(Kind::Credential), 1);
    let verified = running.processor().stats.passwords.read().total();
    assert_eq!(client.call("PING", &[]).status, 200);
    assert_eq!(running.processor().stats.passwords.read().total(), verified);
}

#[test]
fn uncommitted_values_keep_to_the_memory_of_all_objects() {
    let limits = Limits { object_bytes: 100_000, ..Limits::default() };
    let options = Options { limits, ..Options::default() };
    let (processor, accounts) = support::processor(2, options);
    let mut clients: Vec<support::Client> =
        accounts.iter().map(|account| support::Client::connect(&processor, account)).collect();
    let mut messages: Vec<Handle> = Vec::new();
    let refused = loop {
        let index = messages.len() % 2;
        let message = clients[index].create_message(SpecialFolder::Inbox.id());
        messages.push(message);
        let value = mapi::TaggedValue::new(tags::SUBJECT, "x".repeat(9_000).as_str());
        let body = SetPropertiesRequest { values: SizedValues(vec![value]) };
        let answer = clients[index].call(message, RopRequest::SetProperties(body));
        assert!(processor.ledger.bytes() <= 100_000 + 1_000, "{}", processor.ledger.bytes());
        if let Err(code) = answer {
            break code;
        }
        assert!(messages.len() < 50, "nothing is refused");
    };
    assert_eq!(refused, ErrorCode::NOT_ENOUGH_MEMORY);
    assert_eq!(processor.ledger.refused_by(Limit::ObjectBytes), 1);
    // What was good stays, and there is room again when something goes.
    clients[0].release(messages[0]);
    let last = messages[messages.len() - 1];
    clients[(messages.len() - 1) % 2].set(last, tags::SUBJECT, "x".repeat(5_000).as_str());
}
