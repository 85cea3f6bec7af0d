//! MAPI over HTTP as a plain socket sees it.
#![cfg(feature = "http")]

mod support;

use std::io::Read;
use std::time::Duration;

use mapi::ErrorCode;
use mapi::wire::Wire;
use mapi_rop::ext::read_payloads;
use mapi_rop::http::{
    ConnectResponse, DisconnectResponse, ExecuteResponse, NotificationWaitRequest,
    NotificationWaitResponse,
};
use mapi_server::http::Config;
use mapi_server::{Kind, Limits, Options};
use support::wire::{
    Answer, Client, NOTHING, PASSWORD, connect_body, execute_body, logon_rops, start,
};

#[test]
fn a_session_from_connect_to_disconnect() {
    let (running, _, accounts) = start(Config::default());
    let ledger = &running.processor().ledger;
    let mut client = Client::of(&running, &accounts[0]);
    let answer = client.connect(&accounts[0]);
    assert_eq!((answer.status, answer.code()), (200, 0));
    // R44, R2040, R156, R164, R165, R158, R167, R2037
    assert_eq!(answer.header("Content-Type"), Some("application/mapi-http"));
    assert_eq!(answer.header("X-RequestType"), Some("Connect"));
    assert_eq!(answer.header("X-RequestId"), Some("{E2EA6C1C}:1"));
    assert_eq!(answer.header("X-ClientInfo"), Some("{2EF33C39}:7"));
    assert!(answer.header("X-ServerApplication").expect("a version").starts_with("Exchange/15."));
    assert!(answer.header("X-PendingPeriod").is_some());
    assert_eq!(answer.header("X-ExpirationInfo"), Some("900000"));
    // R2228
    assert!(answer.inner().header("X-ElapsedTime").is_some());
    assert!(answer.inner().header("X-StartTime").expect("a time").ends_with(" GMT"));
    let body: ConnectResponse = answer.read();
    assert_eq!(body.error, ErrorCode(0));
    assert_eq!(body.display_name, mapi::WString::from("User 1"));
    assert_eq!(client.cookies.len(), 2);
    let context = client.cookies[0].clone();

    let before = client.cookies.clone();
    let answer = client.execute(&logon_rops(&accounts[0]));
    // R1236
    assert_eq!((answer.code(), client.cookies.len()), (0, 2));
    assert_eq!(client.cookies.iter().find(|(n, _)| *n == context.0), Some(&context));
    assert_ne!(client.cookies, before, "the sequence moves on");
    let body: ExecuteResponse = answer.read();
    assert_eq!((body.error, body.flags), (ErrorCode(0), 0));
    let payload = read_payloads(&body.rop_buffer.bytes, 0x8000).expect("a payload").remove(0);
    // RopLogon, handle index 0, no error.
    assert_eq!(payload[2..8], [0xfe, 0, 0, 0, 0, 0]);
    assert_eq!(ledger.live(Kind::Logon), 1);

    let answer = client.call("PING", &[]);
    // R1249
    assert_eq!((answer.code(), answer.inner().body.len()), (0, 0));
    let answer = client.disconnect();
    assert_eq!(answer.code(), 0);
    assert_eq!(answer.read::<DisconnectResponse>().error, ErrorCode(0));
    assert_eq!(ledger.live_total(), 0);
    // R1253, R2236
    assert_eq!(client.execute(&NOTHING).code(), 10);
}

#[test]
fn who_does_not_say_who_he_is_stays_outside() {
    let (running, store, accounts) = start(Config::default());
    let mut client = Client::of(&running, &accounts[0]);
    client.authorization.clear();
    let answer = client.connect(&accounts[0]);
    // R35, R36, R1331
    assert_eq!(answer.status, 401);
    assert!(answer.header("WWW-Authenticate").expect("a challenge").starts_with("Basic realm="));
    let mut client = Client::new(running.addresses()[0], &accounts[0].address, "wrong");
    assert_eq!(client.connect(&accounts[0]).status, 401);
    let mut client = Client::new(running.addresses()[0], "nobody@example.test", PASSWORD);
    assert_eq!(client.connect(&accounts[0]).status, 401);

    // A change of the password ends what was remembered of the old one.
    let mut client = Client::of(&running, &accounts[0]);
    assert_eq!(client.connect(&accounts[0]).code(), 0);
    store.set_password(accounts[0].id, "another").expect("a new password");
    assert_eq!(client.execute(&NOTHING).status, 401);
    let mut client = Client::new(running.addresses()[0], &accounts[0].address, "another");
    assert_eq!(client.connect(&accounts[0]).code(), 0);
    store.set_disabled(accounts[0].id, true).expect("a disabled account");
    assert_eq!(client.connect(&accounts[0]).status, 401);
}

#[test]
fn a_connect_is_for_oneself() {
    let (running, _, accounts) = start(Config::default());
    let mut client = Client::of(&running, &accounts[0]);
    let answer = client.connect(&accounts[1]);
    assert_eq!(answer.read::<ConnectResponse>().error, ErrorCode::ACCESS_DENIED);
    let answer = client.call("Connect", &connect_body("/o=x/cn=nobody"));
    assert_eq!(answer.read::<ConnectResponse>().error, ErrorCode::UNKNOWN_USER);
    assert!(client.cookies.is_empty());
    assert_eq!(running.processor().sessions.len(), 0);
}

#[test]
fn cookies_are_needed_and_checked() {
    let (running, _, accounts) = start(Config::default());
    let mut client = Client::of(&running, &accounts[0]);
    // R149
    assert_eq!(client.execute(&NOTHING).code(), 13);
    client.connect(&accounts[0]);
    let good = client.cookies.clone();
    let with = |client: &mut Client, name: &str, value: &str| {
        client.cookies = good.clone();
        client.cookies.retain(|(known, _)| known != name);
        if !value.is_empty() {
            client.cookies.push((name.into(), value.into()));
        }
        let code = client.execute(&NOTHING).code();
        client.cookies = good.clone();
        code
    };
    // R142, R146, R149, R151
    assert_eq!(with(&mut client, "MapiContext", "nonsense"), 6);
    assert_eq!(with(&mut client, "MapiContext", "00112233445566778899aabbccddeeff"), 10);
    assert_eq!(with(&mut client, "MapiSequence", ""), 13);
    assert_eq!(with(&mut client, "MapiSequence", "ffff"), 15);
    // R1225: the same cookies with another user's credentials.
    let mut other = Client::of(&running, &accounts[1]);
    other.cookies = good.clone();
    assert_eq!(other.execute(&NOTHING).code(), 10);
    client.cookies = good.clone();
    assert_eq!(client.execute(&NOTHING).code(), 0);
    // The sequence moved on: the old one is out of order.
    client.cookies = good;
    assert_eq!(client.execute(&NOTHING).code(), 15);
    // The answer set the cookies right (R1236).
    assert_eq!(client.execute(&NOTHING).code(), 0);
}

#[test]
fn headers_paths_and_bodies_are_checked() {
    let config = Config { request_bytes: 4_096, ..Config::default() };
    let (running, _, accounts) = start(config);
    let mut client = Client::of(&running, &accounts[0]);
    // R141, R140, R143, R138, R148, R145
    assert_eq!(client.call("Conect", &[]).code(), 5);
    assert_eq!(client.call("Bind", &[]).code(), 5);
    let answer = client.call("Connect", &[1, 2, 3]);
    assert_eq!(answer.code(), 12);
    // R2038
    assert_eq!(answer.header("Content-Type"), Some("text/html"));
    assert!(String::from_utf8_lossy(&answer.body).contains("X-ResponseCode 12"));
    let authorization = client.authorization.clone();
    let mut odd = |method: &str, path: &str, headers: &str| {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\n{authorization}{headers}Content-Length: 0\r\n\r\n"
        );
        client.raw(head.as_bytes());
        client.receive()
    };
    assert_eq!(odd("GET", "/mapi/emsmdb", "").code(), 2);
    assert_eq!(odd("POST", "/mapi/emsmdb", "X-RequestId: a:1\r\n").code(), 7);
    assert_eq!(odd("POST", "/mapi/emsmdb", "X-RequestType: PING\r\n").code(), 7);
    let typed = "X-RequestType: PING\r\nX-RequestId: a:1\r\nContent-Type: text/plain\r\n";
    assert_eq!(odd("POST", "/mapi/emsmdb", typed).code(), 4);
    assert_eq!(
        odd("POST", "/mapi/emsmdb", "X-RequestType: PING\r\nX-RequestId: a:1\r\n").code(),
        0
    );
    assert_eq!(odd("GET", "/elsewhere", "").status, 404);
    // R35, R1331: who calls comes before what for.
    client.raw(b"GET /mapi/emsmdb HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(client.receive().status, 401);
    assert_eq!(client.call("Connect", &[0; 5_000]).code(), 9);
}

#[test]
fn a_connect_with_old_cookies_ends_the_old_session() {
    // R1277 to R1279
    let (running, _, accounts) = start(Config::default());
    let mut client = Client::of(&running, &accounts[0]);
    client.connect(&accounts[0]);
    let old = client.cookies.clone();
    client.execute(&logon_rops(&accounts[0]));
    client.cookies = old.clone();
    client.connect(&accounts[0]);
    assert_ne!(client.cookies, old);
    assert_eq!(running.processor().sessions.len(), 1);
    assert_eq!(running.processor().ledger.live(Kind::Logon), 0);
    client.cookies = old;
    assert_eq!(client.execute(&NOTHING).code(), 10);
    // Somebody else's cookies end nothing.
    let mut other = Client::of(&running, &accounts[1]);
    other.connect(&accounts[1]);
    let mut client = Client::of(&running, &accounts[0]);
    client.cookies = other.cookies.clone();
    client.connect(&accounts[0]);
    assert_eq!(other.execute(&NOTHING).code(), 0);
}

#[test]
fn an_answer_that_takes_long_is_streamed() {
    // R1230, R1237 to R1244, R1256 to R1262
    let config = Config {
        pending_period: Duration::from_millis(20),
        notification_wait: Duration::from_millis(90),
        ..Config::default()
    };
    let (running, _, accounts) = start(config);
    let mut client = Client::of(&running, &accounts[0]);
    client.connect(&accounts[0]);
    let wait = NotificationWaitRequest { flags: 0, auxiliary: Vec::new().into() }.to_wire();
    let mut waiting = Client::of(&running, &accounts[0]);
    waiting.cookies = client.cookies.clone();
    waiting.send("NotificationWait", &wait);
    let head = waiting.head();
    assert_eq!((head.status, head.code()), (200, 0));
    assert_eq!(head.header("Transfer-Encoding"), Some("chunked"));
    assert_eq!(head.header("X-PendingPeriod"), Some("20"));
    assert_eq!(waiting.chunk().as_deref(), Some(&b"PROCESSING\r\n"[..]));
    assert_eq!(waiting.chunk().as_deref(), Some(&b"PENDING\r\n"[..]));
    // An Execute and a PING go by beside it.
    assert_eq!(client.execute(&NOTHING).code(), 0);
    assert_eq!(client.call("PING", &[]).code(), 0);
    let mut answer = Answer { body: Vec::new(), ..head };
    while let Some(chunk) = waiting.chunk() {
        answer.body.extend_from_slice(&chunk);
    }
    let body: NotificationWaitResponse = answer.read();
    assert_eq!((body.error, body.event_pending), (ErrorCode(0), 0));
    assert_eq!(answer.inner().header("X-ResponseCode"), None);

    // One that waits when its session ends is told so behind DONE (R2229).
    waiting.send("NotificationWait", &wait);
    let head = waiting.head();
    assert_eq!(waiting.chunk().as_deref(), Some(&b"PROCESSING\r\n"[..]));
    client.disconnect();
    let mut answer = Answer { body: Vec::new(), ..head };
    while let Some(chunk) = waiting.chunk() {
        answer.body.extend_from_slice(&chunk);
    }
    assert_eq!(answer.inner().header("X-ResponseCode"), Some("10"));
    assert_eq!(running.processor().ledger.live_total(), 0);
}

#[test]
fn abandoned_sessions_are_reaped() {
    // R1285
    let limits = Limits { session_idle: Duration::from_millis(100), ..Limits::default() };
    let options = Options { limits, ..Options::default() };
    let (running, _, accounts) = start(Config { options, ..Config::default() });
    let mut client = Client::of(&running, &accounts[0]);
    let answer = client.connect(&accounts[0]);
    assert_eq!(answer.header("X-ExpirationInfo"), Some("100"));
    client.execute(&logon_rops(&accounts[0]));
    drop(client.stream.get_ref().shutdown(std::net::Shutdown::Both));
    let ledger = &running.processor().ledger;
    while ledger.live_total() > 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(running.processor().sessions.len(), 0);
}

#[test]
fn what_cannot_be_executed_is_told_in_the_body() {
    let (running, _, accounts) = start(Config::default());
    let mut client = Client::of(&running, &accounts[0]);
    client.connect(&accounts[0]);
    // MS-OXCROPS R18, R4551
    let answer = client.execute(&[5, 0, 0x28, 0, 0]);
    assert_eq!(answer.code(), 0);
    assert_eq!(answer.read::<ExecuteResponse>().error, ErrorCode::RPC_FORMAT);
    // MS-OXCRPC R666
    let answer = client.call("Execute", &execute_body(&NOTHING, 0x40001));
    let body = answer.inner().body;
    assert_eq!(body[..4], 0x6f7u32.to_le_bytes());
    assert_eq!(client.execute(&NOTHING).code(), 0);
}

#[test]
fn metrics_tell_what_is_open() {
    let config =
        Config { allocated_bytes: Some(std::sync::Arc::new(|| 4_711)), ..Config::default() };
    let (running, _, accounts) = start(config);
    let mut client = Client::of(&running, &accounts[0]);
    client.connect(&accounts[0]);
    client.execute(&logon_rops(&accounts[0]));
    let mut scrape = Client::new(running.metrics().expect("an address"), "", "");
    scrape.raw(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    let answer = scrape.receive();
    assert_eq!(answer.status, 200);
    let text = String::from_utf8(answer.body).expect("text");
    for line in [
        "coffer_live_objects{kind=\"logon\"} 1",
        "coffer_sessions 1",
        "coffer_allocated_bytes 4711",
        "coffer_panics_total 0",
        "coffer_credential_cache_entries 1",
        "coffer_http_connections 2",
    ] {
        assert!(text.lines().any(|known| known == line), "{line} in {text}");
    }
    for name in ["coffer_resident_bytes ", "coffer_descriptors ", "coffer_threads "] {
        assert!(text.contains(name), "{name}");
    }
    // Nothing of it stands where mail is served.
    scrape = Client::new(running.addresses()[0], "", "");
    scrape.raw(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(scrape.receive().status, 404);
}

#[test]
fn a_server_ends_while_clients_are_there() {
    let (running, _, accounts) = start(Config::default());
    let mut client = Client::of(&running, &accounts[0]);
    client.connect(&accounts[0]);
    let mut waiting = Client::of(&running, &accounts[0]);
    waiting.cookies = client.cookies.clone();
    let wait = NotificationWaitRequest { flags: 0, auxiliary: Vec::new().into() }.to_wire();
    waiting.send("NotificationWait", &wait);
    waiting.head();
    let ledger = std::sync::Arc::clone(&running.processor().ledger);
    running.stop();
    assert_eq!(ledger.live_total(), 0);
}

#[test]
fn any_bytes_do_no_harm() {
    let (running, _, accounts) = start(Config::default());
    let ledger = &running.processor().ledger;
    // A generator that gives the same bytes every time.
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut client = Client::of(&running, &accounts[0]);
    for round in 0..200u64 {
        let len = (next() % 300) as usize;
        let bytes: Vec<u8> = (0..len).map(|_| next() as u8).collect();
        let request_type = ["Connect", "Execute", "Disconnect", "PING"][(round % 4) as usize];
        let answer = client.call(request_type, &bytes);
        assert!(matches!(answer.code(), 0 | 10 | 12 | 13), "{request_type}: {}", answer.code());
        if client.cookies.is_empty() {
            client.connect(&accounts[0]);
        }
        // A whole body around bytes that are no ROPs.
        let answer = client.execute(&bytes);
        assert!(matches!(answer.code(), 0 | 10), "{}", answer.code());
        if answer.code() == 10 {
            client.connect(&accounts[0]);
        }
    }
    for head in ["\r\n\r\n", "POST", "POST / HTTP/9.9\r\n\r\n", "\u{0}\u{1}\u{2}\r\n\r\n"] {
        let mut garbage = Client::new(running.addresses()[0], "", "");
        garbage.raw(head.as_bytes());
        let _ = garbage.stream.get_ref().shutdown(std::net::Shutdown::Write);
        let _ = garbage.stream.read_to_end(&mut Vec::new());
    }
    client.cookies.clear();
    assert_eq!(client.connect(&accounts[0]).code(), 0);
    assert_eq!(ledger.panics(), 0);
}
