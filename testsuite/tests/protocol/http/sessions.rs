//! Session Contexts from Connect to their end ([MS-OXCMAPIHTTP] 3.1.5, 3.2.5, 3.2.6).

use std::time::{Duration, Instant};

use mapi_server::http::Config;
use mapi_server::{Kind, Limits, Options};

use super::{connected, is_whole, quick, set_cookies, wait_body};
use testsuite::wire::{Client, NOTHING, connect_body, logon_rops, start};

/// A server that ends sessions which are idle for a tenth of a second.
fn forgetful() -> Config {
    let limits = Limits { session_idle: Duration::from_millis(100), ..Limits::default() };
    Config { options: Options { limits, ..Options::default() }, ..quick() }
}

/// MS-OXCMAPIHTTP 3.2.5.1: R1218, R1219, R2224, R1221
/// MS-OXCMAPIHTTP 3.1.5.1: R1147
#[test]
fn a_connect_makes_a_session_that_its_cookie_names() {
    let (running, _, accounts) = start(Config::default());
    let mut client = Client::of(&running, &accounts[0]);
    let answer = client.connect(&accounts[0]);
    assert_eq!((answer.code(), answer.header("X-RequestType")), (0, Some("Connect")));
    // StatusCode and ErrorCode.
    assert_eq!(answer.inner().body[..8], [0; 8]);
    assert_eq!(running.processor().ledger.live(Kind::Session), 1);
    client.cookies = set_cookies(&answer);
    let mut other = Client::of(&running, &accounts[0]);
    other.connect(&accounts[0]);
    assert_ne!(other.cookies[0].1, client.cookies[0].1);
    assert_eq!((client.execute(&NOTHING).code(), other.execute(&NOTHING).code()), (0, 0));
    assert_eq!(running.processor().ledger.live(Kind::Session), 2);
}

/// MS-OXCMAPIHTTP 3.2.5.4: R1250, R2233, R2236, R1253, R1255
#[test]
fn a_disconnect_takes_everything_along() {
    let (running, mut client, account) = connected(Config::default());
    client.execute(&logon_rops(&account));
    let before = client.cookies.clone();
    let answer = client.disconnect();
    assert_eq!((answer.code(), answer.inner().body), (0, vec![0; 12]));
    // The same session, the next number.
    let set = set_cookies(&answer);
    assert_eq!((&set[0], set.len()), (&before[0], 2));
    assert_eq!(set, client.cookies);
    assert_eq!(running.processor().ledger.live_total(), 0);
    assert_eq!(client.execute(&NOTHING).code(), 10);
}

/// MS-OXCMAPIHTTP 3.2.5.4: R2234, R1254
#[test]
fn a_disconnect_is_answered_whole() {
    let (_running, mut client, _) = connected(Config::default());
    let answer = client.disconnect();
    assert!(is_whole(&answer));
    assert_eq!(answer.inner().body, [0; 12]);
}

/// MS-OXCMAPIHTTP 3.2.5.6: R1277, R1278, R1279, R1280
/// MS-OXCMAPIHTTP 3.1.5.7: R1195
#[test]
fn a_connect_with_old_cookies_takes_the_old_sessions_place() {
    let (running, mut client, account) = connected(Config::default());
    client.execute(&logon_rops(&account));
    let old = client.cookies.clone();
    // The sequence in them does not matter.
    client.cookies[1].1 = "0000ffff".into();
    let answer = client.connect(&account);
    assert_eq!(answer.code(), 0);
    client.cookies = set_cookies(&answer);
    assert_ne!(client.cookies[0].1, old[0].1);
    assert_eq!(running.processor().ledger.live(Kind::Session), 1);
    assert_eq!(running.processor().ledger.live(Kind::Logon), 0);
    assert_eq!(client.execute(&NOTHING).code(), 0);
    client.cookies = old;
    assert_eq!(client.execute(&NOTHING).code(), 10);
}

/// MS-OXCMAPIHTTP 3.2.5.6: R1329, R1281
#[test]
fn a_connect_without_the_sequence_reconnects() {
    let (running, mut client, account) = connected(Config::default());
    client.cookies.truncate(1);
    let answer = client.call("Connect", &connect_body(&account.legacy_dn));
    assert_eq!(answer.code(), 0);
    assert!(is_whole(&answer));
    assert_eq!(running.processor().ledger.live(Kind::Session), 1);
}

/// MS-OXCMAPIHTTP 3.2.6: R1284, R1285
/// MS-OXCMAPIHTTP 3.2.5.6: R1283
/// MS-OXCMAPIHTTP 3.1.2: R1141
/// MS-OXCMAPIHTTP 3.2.2: R1217
#[test]
fn an_idle_session_ends() {
    let (running, mut client, account) = connected(forgetful());
    client.execute(&logon_rops(&account));
    while running.processor().ledger.live_total() > 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(client.execute(&NOTHING).code(), 10);
}

/// MS-OXCMAPIHTTP 3.2.5.5: R1259, R1260, R1261
/// MS-OXCMAPIHTTP 3.1.5.5: R1171
#[test]
fn a_wait_keeps_its_session_alive() {
    let (running, mut client, account) = connected(quick());
    let session = running.processor().sessions.list().remove(0);
    let begun = Instant::now();
    let answer = client.call("NotificationWait", &wait_body());
    // Nothing happened.
    assert_eq!((answer.code(), answer.inner().body), (0, vec![0; 16]));
    // The idle time began anew with its end, not with its begin.
    assert!(session.idle() < begun.elapsed());
    assert_eq!(set_cookies(&answer), client.cookies);
    // One that waits is not idle.
    let config = Config { notification_wait: Duration::from_secs(60), ..quick() };
    let (running, client, _) = connected(config);
    let mut waiting = Client::of(&running, &account);
    waiting.cookies = client.cookies.clone();
    waiting.send("NotificationWait", &wait_body());
    waiting.head();
    assert!(running.processor().sessions.reap_idle_for(Duration::ZERO).is_empty());
}

/// MS-OXCMAPIHTTP 3.2.5.3: R1248
#[test]
fn a_ping_keeps_its_session_alive() {
    let (running, mut client, _) = connected(Config::default());
    let session = running.processor().sessions.list().remove(0);
    let begun = Instant::now();
    assert!(session.idle() > Duration::ZERO);
    assert_eq!(client.call("PING", &[]).code(), 0);
    assert!(session.idle() < begun.elapsed());
}
