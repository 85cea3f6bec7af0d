//! What X-ResponseCode says of a request that cannot be taken ([MS-OXCMAPIHTTP] 2.2.3.3.3).

use mapi_server::http::Config;

use super::{PING, POST, connected, send};
use testsuite::wire::{Client, NOTHING, start};

/// MS-OXCMAPIHTTP 2.2.3.3.3: R140, R143
#[test]
fn headers_that_lack_or_lie() {
    let (_running, mut client, _) = connected(Config::default());
    for missing in ["X-RequestType", "X-RequestId"] {
        let headers: Vec<&str> =
            PING.iter().copied().filter(|line| !line.starts_with(missing)).collect();
        assert_eq!(send(&mut client, POST, &headers, &[]).code(), 7, "{missing}");
    }
    let headers: Vec<&str> =
        PING[..3].iter().copied().chain(["Content-Type: text/plain"]).collect();
    assert_eq!(send(&mut client, POST, &headers, &[]).code(), 4);
    assert_eq!(send(&mut client, POST, PING, &[]).code(), 0);
}

/// MS-OXCMAPIHTTP 2.2.3.3.3: R142, R146, R149
#[test]
fn cookies_that_lack_or_lie() {
    let (_running, mut client, _) = connected(Config::default());
    let cookies = std::mem::take(&mut client.cookies);
    assert_eq!(client.execute(&NOTHING).code(), 13);
    client.cookies = vec![cookies[0].clone()];
    assert_eq!(client.execute(&NOTHING).code(), 13);
    client.cookies = vec![(cookies[0].0.clone(), "mine".into()), cookies[1].clone()];
    assert_eq!(client.execute(&NOTHING).code(), 6);
    client.cookies = vec![(cookies[0].0.clone(), "0".repeat(32)), cookies[1].clone()];
    assert_eq!(client.execute(&NOTHING).code(), 10);
    client.cookies = cookies;
    assert_eq!(client.execute(&NOTHING).code(), 0);
}

/// MS-OXCMAPIHTTP 2.2.3.3.3: R145, R148
#[test]
fn bodies_that_are_too_large_or_none() {
    let (_running, mut client, _) = connected(Config::default());
    for kind in ["Connect", "Execute", "NotificationWait"] {
        assert_eq!(client.call(kind, &[1, 2]).code(), 12, "{kind}");
    }
    let config = Config { request_bytes: 1_000, ..Config::default() };
    let (_running, mut client, _) = connected(config);
    let answer = client.call("Execute", &[0; 1_001]);
    assert_eq!((answer.status, answer.code()), (200, 9));
}

/// MS-OXCMAPIHTTP 2.2.3.3.3: R151
/// MS-OXCMAPIHTTP 3.2.5.1: R1227, R1228
#[test]
fn one_request_at_a_time() {
    let (_running, mut client, _) = connected(Config::default());
    let old = client.cookies.clone();
    assert_eq!(client.execute(&NOTHING).code(), 0);
    // A second one that brings the number of the first came at the same time.
    let new = std::mem::replace(&mut client.cookies, old);
    assert_eq!(client.execute(&NOTHING).code(), 15);
    client.cookies = new;
    assert_eq!(client.execute(&NOTHING).code(), 0);
}

/// MS-OXCMAPIHTTP 3.2.5.1: R1223, R1224, R1225
#[test]
fn a_session_is_its_users_alone() {
    let (running, _, accounts) = start(Config::default());
    let mut client = Client::of(&running, &accounts[0]);
    client.connect(&accounts[0]);
    let mut other = Client::of(&running, &accounts[1]);
    other.cookies = client.cookies.clone();
    assert_eq!(other.execute(&NOTHING).code(), 10);
    assert_eq!(client.execute(&NOTHING).code(), 0);
}
