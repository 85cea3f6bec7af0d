//! The common response and its headers ([MS-OXCMAPIHTTP] 2.2.2, 2.2.3).

use std::time::Instant;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use mapi_server::http::Config;

use super::{PING, POST, connected, is_whole, quick, rest, send, set_cookies, wait_body};
use testsuite::wire::{Client, NOTHING, connect_body, execute_body, start};

/// MS-OXCMAPIHTTP 2.1: R456
/// MS-OXCMAPIHTTP 2.2.3.3.3: R138
#[test]
fn only_post_is_taken() {
    let (_running, mut client, _) = connected(Config::default());
    for verb in ["GET", "PUT", "DELETE"] {
        let answer = send(&mut client, &format!("{verb} /mapi/emsmdb/"), PING, &[]);
        assert_eq!((answer.status, answer.code()), (200, 2), "{verb}");
    }
    assert_eq!(send(&mut client, POST, PING, &[]).code(), 0);
}

/// MS-OXCMAPIHTTP 2.2.2: R35, R36
/// MS-OXCMAPIHTTP 2.2.2.2: R50, R1331
#[test]
fn nobody_is_anonymous() {
    let (running, _, accounts) = start(Config::default());
    let mut client = Client::of(&running, &accounts[0]);
    client.authorization = String::new();
    let answer = client.connect(&accounts[0]);
    assert_eq!(answer.status, 401);
    assert!(answer.header("WWW-Authenticate").expect("a challenge").starts_with("Basic"));
    assert_eq!(answer.header("X-ResponseCode"), None);
    assert_eq!(running.processor().ledger.live_total(), 0);
    // As oneself, one is let in.
    assert_eq!(Client::of(&running, &accounts[0]).connect(&accounts[0]).code(), 0);
}

/// MS-OXCMAPIHTTP 2.2.2.2: R1345, R42, R44, R460
/// MS-OXCMAPIHTTP 2.2.3.2.1: R61
#[test]
fn an_answer_that_is_ready_has_a_length() {
    let (_running, mut client, _) = connected(Config::default());
    let answer = client.call("PING", &[]);
    assert_eq!((answer.version.as_str(), answer.status), ("HTTP/1.1", 200));
    let expected = [
        ("Content-Type", "application/mapi-http"),
        ("X-RequestType", "PING"),
        ("X-ResponseCode", "0"),
        ("X-RequestId", "{E2EA6C1C}:2"),
    ];
    for (name, value) in expected {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    // As many bytes as it says, and then the next answer.
    assert!(
        answer.body.starts_with(b"PROCESSING\r\nDONE\r\n") && answer.body.ends_with(b"\r\n\r\n")
    );
    assert!(is_whole(&answer));
    assert_eq!(answer.header("Transfer-Encoding"), None);
    assert_eq!(client.call("PING", &[]).code(), 0);
}

/// MS-OXCMAPIHTTP 2.2.2.2: R41, R1300
/// MS-OXCMAPIHTTP 2.2.3.2.1: R62
/// MS-OXCMAPIHTTP 2.2.3.2.5: R76
/// MS-OXCMAPIHTTP 3.2.5.2: R1232
#[test]
fn an_answer_that_takes_long_is_chunked() {
    let (_running, mut client, _) = connected(quick());
    client.send("NotificationWait", &wait_body());
    let head = client.head();
    assert_eq!(head.header("Transfer-Encoding"), Some("chunked"));
    assert_eq!(head.header("Content-Length"), None);
    assert_eq!(rest(&mut client)[0], b"PROCESSING\r\n");
}

/// MS-OXCMAPIHTTP 2.2.2.2: R49, R54, R56
/// MS-OXCMAPIHTTP 2.2.3.2.2: R2038
#[test]
fn a_failed_request_says_why_to_a_person() {
    let (_running, mut client, _) = connected(Config::default());
    client.cookies.clear();
    let answer = client.execute(&NOTHING);
    assert_eq!((answer.status, answer.code()), (200, 13));
    assert_eq!(answer.header("Content-Type"), Some("text/html"));
    let text = String::from_utf8(answer.body).expect("text");
    assert!(text.contains("lacks a cookie") && text.contains("X-ResponseCode 13"), "{text}");
}

/// MS-OXCMAPIHTTP 2.2.2.2: R48, R55
/// MS-OXCMAPIHTTP 2.2.3.2.2: R2037
/// MS-OXCMAPIHTTP 2.2.3.3.3: R133, R136
#[test]
fn a_request_that_was_taken_is_answered_in_binary() {
    let (_running, mut client, _) = connected(Config::default());
    let answer = client.execute(&NOTHING);
    assert_eq!((answer.status, answer.code()), (200, 0));
    assert_eq!(answer.header("Content-Type"), Some("application/mapi-http"));
}

/// MS-OXCMAPIHTTP 2.2.3.2.3: R68
#[test]
fn cookies_are_names_with_opaque_values() {
    let (running, _, accounts) = start(Config::default());
    let mut client = Client::of(&running, &accounts[0]);
    let answer = client.connect(&accounts[0]);
    let set = set_cookies(&answer);
    let names: Vec<&str> = set.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["MapiContext", "MapiSequence"]);
    // Whoever brings them back, as they are, goes on in the session.
    let mut other = Client::of(&running, &accounts[0]);
    other.cookies = set;
    assert_eq!(other.execute(&NOTHING).code(), 0);
}

/// MS-OXCMAPIHTTP 2.2.3.3.1: R82, R84, R86, R88, R90
#[test]
fn every_request_type_of_the_mailbox_is_known() {
    let (_running, mut client, account) = connected(quick());
    let known: [(&str, Vec<u8>); 5] = [
        ("PING", Vec::new()),
        ("Connect", connect_body(&account.legacy_dn)),
        ("Execute", execute_body(&NOTHING, 0x8000)),
        ("NotificationWait", wait_body()),
        ("Disconnect", vec![0; 4]),
    ];
    for (kind, body) in known {
        let answer = client.call(kind, &body);
        assert_eq!(answer.code(), 0, "{kind}");
        assert_eq!(answer.header("X-RequestType"), Some(kind));
    }
}

/// MS-OXCMAPIHTTP 2.2.3.3.1: R79, R92
/// MS-OXCMAPIHTTP 2.2.3.3.3: R141
#[test]
fn other_request_types_are_refused() {
    let (_running, mut client, _) = connected(Config::default());
    for kind in ["Bind", "GetMatches", "Nothing"] {
        assert_eq!(client.call(kind, &[]).code(), 5, "{kind}");
    }
    assert_eq!(client.call("PING", &[]).code(), 0);
}

/// MS-OXCMAPIHTTP 2.2.3.3.2: R2040
/// MS-OXCMAPIHTTP 2.2.3.3.4: R156
/// MS-OXCMAPIHTTP 3.1.5.1: R1146
/// MS-OXCMAPIHTTP 2.2.3.3.11: R2239, R2050
#[test]
fn what_names_the_request_comes_back_and_what_names_the_device_does_not() {
    let (_running, mut client, _) = connected(Config::default());
    let id = "{e2ea6c1c-e61b-49e9-9cfb-38184f907552}:77";
    let info = "{2ef33c39-49c8-421c-b876-cdf7f2ac3aa0}:123";
    let headers = [
        "X-RequestType: PING".to_owned(),
        format!("X-RequestId: {id}"),
        format!("X-ClientInfo: {info}"),
        "X-DeviceInfo: a box in between".to_owned(),
        "Content-Type: application/mapi-http".to_owned(),
    ];
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let answer = send(&mut client, POST, &headers, &[]);
    assert_eq!(answer.code(), 0);
    assert_eq!(answer.header("X-RequestId"), Some(id));
    assert_eq!(answer.header("X-ClientInfo"), Some(info));
    assert_eq!(answer.header("X-DeviceInfo"), None);
}

/// MS-OXCMAPIHTTP 2.2.3.3.5: R157
/// MS-OXCMAPIHTTP 2.2.3.3.8: R167
/// MS-OXCMAPIHTTP 2.2.3.3.7: R164, R165
/// MS-OXCMAPIHTTP 6: R158001
#[test]
fn every_answer_tells_of_the_server_and_its_periods() {
    let (_running, mut client, account) = connected(Config::default());
    let connect = client.connect(&account);
    let ping = client.call("PING", &[]);
    let wrong = client.call("Nothing", &[]);
    assert_eq!([&connect, &ping, &wrong].map(|answer| answer.code()), [0, 0, 5]);
    for answer in [connect, ping, wrong] {
        assert_eq!(answer.header("X-PendingPeriod"), Some("15000"));
        assert_eq!(answer.header("X-ExpirationInfo"), Some("900000"));
        let version = answer.header("X-ServerApplication").expect("a version");
        assert_eq!(version, "Exchange/15.00.0847.4040");
    }
}

/// MS-OXCMAPIHTTP 2.2.3.3.9: R168, R169
/// MS-OXCMAPIHTTP 2.2.3.3.10: R170, R171
/// MS-OXCMAPIHTTP 3.2.5.2: R2228
#[test]
fn the_time_that_it_took_stands_behind_done() {
    let (_running, mut client, _) = connected(quick());
    let (before, begun) = (Timestamp::now(), Instant::now());
    let answer = client.call("NotificationWait", &wait_body());
    let (after, took) = (Timestamp::now(), begun.elapsed().as_millis());
    let inner = answer.inner();
    // Milliseconds: not less than the wait, not more than it took from here.
    let elapsed: u128 = inner.header("X-ElapsedTime").expect("a time").parse().expect("a number");
    assert!((90..=took).contains(&elapsed), "{elapsed}");
    let start = inner.header("X-StartTime").expect("a time");
    assert!(start.ends_with(" GMT") && start.len() == 29, "{start}");
    let start = DateTimeParser::new().parse_timestamp(start).expect("a date");
    assert!((before.as_second()..=after.as_second()).contains(&start.as_second()), "{start}");
    assert_eq!(answer.header("X-ElapsedTime"), None);
}
