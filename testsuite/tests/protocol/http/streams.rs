//! Answers that are streamed ([MS-OXCMAPIHTTP] 2.2.7, 3.1.5.6, 3.2.5.2).

use std::time::Duration;

use mapi_server::http::{Config, Running};

use super::{connected, is_whole, quick, rest, set_cookies, wait_body};
use testsuite::wire::{Answer, Client, NOTHING};

/// A client whose NotificationWait has begun and goes on for a minute, and another one of its session.
fn waiting() -> (Running, Client, Client, Answer) {
    let config = Config { notification_wait: Duration::from_secs(60), ..quick() };
    let (running, client, account) = connected(config);
    let mut waiting = Client::of(&running, &account);
    waiting.cookies = client.cookies.clone();
    waiting.send("NotificationWait", &wait_body());
    let head = waiting.head();
    (running, client, waiting, head)
}

/// MS-OXCMAPIHTTP 2.2.7: R1130, R1131, R1134, R1135, R1136
#[test]
fn meta_tags_tell_how_far_a_request_is() {
    let (_running, mut client, mut waiting, _) = waiting();
    assert_eq!(waiting.chunk().as_deref(), Some(&b"PROCESSING\r\n"[..]));
    for _ in 0..3 {
        assert_eq!(waiting.chunk().as_deref(), Some(&b"PENDING\r\n"[..]));
    }
    client.disconnect();
    let chunks = rest(&mut waiting);
    let last = chunks.last().expect("an end");
    assert!(last.starts_with(b"DONE\r\nX-ResponseCode: 10\r\nX-ElapsedTime: "));
}

/// MS-OXCMAPIHTTP 3.2.5.2: R1230, R1237, R1238, R1241, R1244
#[test]
fn the_first_piece_comes_while_the_request_is_worked_on() {
    let (_running, mut client, mut waiting, head) = waiting();
    // All of this is there although nothing happens for a minute.
    assert_eq!((head.code(), head.header("Transfer-Encoding")), (0, Some("chunked")));
    assert_eq!(waiting.chunk().as_deref(), Some(&b"PROCESSING\r\n"[..]));
    assert_eq!(waiting.chunk().as_deref(), Some(&b"PENDING\r\n"[..]));
    client.disconnect();
    let chunks = rest(&mut waiting);
    assert!(chunks[chunks.len() - 1].starts_with(b"DONE\r\n"));
}

/// MS-OXCMAPIHTTP 3.1.5.6: R1173, R1174, R1178, R1182
/// MS-OXCMAPIHTTP 3.2.5.2: R1242
#[test]
fn a_streamed_answer_says_how_often_it_says_that_it_lives() {
    let (_running, _client, mut waiting, head) = waiting();
    assert_eq!(head.header("Transfer-Encoding"), Some("chunked"));
    assert_eq!(head.header("X-PendingPeriod"), Some("20"));
    assert_eq!(waiting.chunk().as_deref(), Some(&b"PROCESSING\r\n"[..]));
    assert_eq!(waiting.chunk().as_deref(), Some(&b"PENDING\r\n"[..]));
}

/// MS-OXCMAPIHTTP 3.2.5.2: R2226, R2229, R2230, R2231, R2232
#[test]
fn a_failure_after_the_head_stands_behind_done() {
    let (running, mut client, mut waiting, head) = waiting();
    assert_eq!(head.code(), 0);
    assert_eq!(waiting.chunk().as_deref(), Some(&b"PROCESSING\r\n"[..]));
    client.disconnect();
    let answer = Answer { body: rest(&mut waiting).concat(), ..head };
    assert_eq!(answer.inner().header("X-ResponseCode"), Some("10"));
    assert!(answer.inner().body.is_empty() && answer.body.ends_with(b"\r\n\r\n"));
    assert_eq!(running.processor().ledger.live_total(), 0);
}

/// MS-OXCMAPIHTTP 3.2.5.2: R1235, R1236
#[test]
fn what_is_ready_goes_out_whole_and_with_its_cookies() {
    let (_running, mut client, _) = connected(Config::default());
    let before = client.cookies.clone();
    let answer = client.execute(&NOTHING);
    assert!(is_whole(&answer));
    let set = set_cookies(&answer);
    assert_eq!((&set[0], set.len()), (&before[0], 2));
    assert_eq!(set, client.cookies);
}

/// MS-OXCMAPIHTTP 3.2.2: R1214
#[test]
fn the_periods_are_those_of_the_specification() {
    let (_running, mut client, _) = connected(Config::default());
    let answer = client.call("PING", &[]);
    assert_eq!((answer.code(), answer.header("X-PendingPeriod")), (0, Some("15000")));
    // R1215, which nobody waits for here.
    assert_eq!(Config::default().notification_wait, Duration::from_secs(5 * 60));
}
