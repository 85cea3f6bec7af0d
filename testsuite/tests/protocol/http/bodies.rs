//! The bodies of the request types, byte for byte ([MS-OXCMAPIHTTP] 2.2.4, 2.2.6).

use mapi_server::Kind;
use mapi_server::http::Config;
use store::message::{self, ImportOptions};
use store::{Mailbox, SpecialFolder};

use super::{connected, is_whole, quick, wait_body};
use testsuite::wire::{Client, NOTHING, connect_body, execute_body, logon_rops, start};

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

/// The end of a null-terminated text of two-byte units.
fn wide_end(bytes: &[u8], from: usize) -> usize {
    from + bytes[from..].chunks(2).position(|unit| unit == [0, 0]).expect("an end") * 2 + 2
}

/// MS-OXCMAPIHTTP 2.2.4: R176, R1431, R1461
/// MS-OXCMAPIHTTP 2.2.4.1: R181
#[test]
fn a_body_stands_behind_a_blank_line() {
    let (running, _, accounts) = start(Config::default());
    let mut client = Client::of(&running, &accounts[0]);
    let answer = client.connect(&accounts[0]);
    assert_eq!(answer.header("X-RequestType"), Some("Connect"));
    let blank = answer.body.windows(4).position(|four| four == b"\r\n\r\n").expect("a blank line");
    let body = answer.inner().body;
    assert_eq!(body, answer.body[blank + 4..]);
    // StatusCode and ErrorCode.
    assert_eq!(body[..8], [0; 8]);
    assert_eq!(running.processor().ledger.live(Kind::Session), 1);
}

/// MS-OXCMAPIHTTP 2.2.4.1.2: R1349, R210, R211, R216, R1352
#[test]
fn a_connect() {
    let (running, _, accounts) = start(Config::default());
    let body = Client::of(&running, &accounts[0]).connect(&accounts[0]).inner().body;
    // StatusCode, ErrorCode, PollsMax, RetryCount, RetryDelay.
    let numbers: Vec<u32> = (0..5).map(|at| u32_at(&body, at * 4)).collect();
    assert_eq!(numbers, [0, 0, 60_000, 6, 10_000]);
    // DnPrefix is empty; DisplayName.
    assert_eq!(body[20], 0);
    let end = wide_end(&body, 21);
    let name: Vec<u8> = "User 1\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(body[21..end], name);
    assert_eq!(u32_at(&body, end) as usize, body.len() - end - 4);
}

/// MS-OXCMAPIHTTP 2.2.4.1.2: R1350
#[test]
fn a_connect_for_another_one_is_denied() {
    let (running, _, accounts) = start(Config::default());
    let mut client = Client::of(&running, &accounts[0]);
    let body = client.call("Connect", &connect_body(&accounts[1].legacy_dn)).inner().body;
    assert_eq!((u32_at(&body, 0), u32_at(&body, 4)), (0, 0x8007_0005));
    assert!(client.cookies.is_empty());
    let body = client.call("Connect", &connect_body("/o=none/cn=none")).inner().body;
    assert_eq!((u32_at(&body, 0), u32_at(&body, 4)), (0, 0x3eb));
}

/// An auxiliary buffer of more than 0x1008 bytes, behind what stands before it.
fn with_large_auxiliary(mut body: Vec<u8>) -> Vec<u8> {
    body.truncate(body.len() - 4);
    body.extend(0x1009u32.to_le_bytes());
    body.resize(body.len() + 0x1009, 0);
    body
}

/// MS-OXCMAPIHTTP 2.2.4.1.3: R220, R223, R221
/// MS-OXCMAPIHTTP 3.2.5.1: R1220
#[test]
fn a_connect_that_is_not_acceptable() {
    let (running, _, accounts) = start(Config::default());
    let mut client = Client::of(&running, &accounts[0]);
    let request = with_large_auxiliary(connect_body(&accounts[0].legacy_dn));
    let answer = client.call("Connect", &request);
    assert_eq!(answer.code(), 0);
    // StatusCode, AuxiliaryBufferSize.
    assert_eq!(answer.inner().body, [0xf7, 0x06, 0, 0, 0, 0, 0, 0]);
    assert_eq!(running.processor().ledger.live_total(), 0);
}

/// MS-OXCMAPIHTTP 2.2.4.2: R226
/// MS-OXCMAPIHTTP 2.2.4.2.2: R1356, R251, R1358, R1360
#[test]
fn an_execute() {
    let (running, mut client, account) = connected(Config::default());
    let body = client.execute(&logon_rops(&account)).inner().body;
    // StatusCode, ErrorCode, Flags.
    assert_eq!([0, 4, 8].map(|at| u32_at(&body, at)), [0, 0, 0]);
    let size = u32_at(&body, 12) as usize;
    // RopBuffer and an empty AuxiliaryBuffer.
    assert_eq!(body.len(), 16 + size + 4);
    assert_eq!(u32_at(&body, 16 + size), 0);
    assert_eq!(running.processor().ledger.live(Kind::Logon), 1);
}

/// MS-OXCMAPIHTTP 2.2.4.2.2: R1357
#[test]
fn an_execute_that_failed() {
    let (_running, mut client, _) = connected(Config::default());
    // A reserved RopId: ecRpcFormat.
    let body = client.execute(&[3, 0, 0x28]).inner().body;
    assert_eq!((u32_at(&body, 0), u32_at(&body, 4)), (0, 0x4b6));
}

/// MS-OXCMAPIHTTP 2.2.4.2.3: R271, R257, R261
#[test]
fn an_execute_that_is_not_acceptable() {
    let (_running, mut client, _) = connected(Config::default());
    let request = with_large_auxiliary(execute_body(&NOTHING, 0x8000));
    assert_eq!(client.call("Execute", &request).inner().body, [0xf7, 0x06, 0, 0, 0, 0, 0, 0]);
}

/// MS-OXCMAPIHTTP 2.2.4.3: R304
/// MS-OXCMAPIHTTP 2.2.4.3.2: R1363, R288, R289
#[test]
fn a_disconnect() {
    let (running, mut client, _) = connected(Config::default());
    assert_eq!(client.disconnect().inner().body, [0; 12]);
    assert_eq!(running.processor().ledger.live_total(), 0);
}

/// MS-OXCMAPIHTTP 2.2.4.3.3: R273, R282, R263
/// MS-OXCMAPIHTTP 3.2.5.4: R1251
#[test]
fn a_disconnect_that_is_not_acceptable() {
    let (running, mut client, _) = connected(Config::default());
    let request = with_large_auxiliary(vec![0; 4]);
    assert_eq!(client.call("Disconnect", &request).inner().body, [0xf7, 0x06, 0, 0, 0, 0, 0, 0]);
    assert_eq!(running.processor().ledger.live(Kind::Session), 1);
    assert_eq!(client.disconnect().code(), 0);
}

/// RopRegisterNotification of created objects in the whole store, on the logon at index 0.
fn register_rops(logon: u32) -> Vec<u8> {
    let rop = [0x29, 0, 0, 1, 0x04, 0x00, 1];
    let handles = [logon.to_le_bytes(), [0xff; 4]].concat();
    [&[2 + rop.len() as u8, 0][..], &rop, &handles].concat()
}

/// The handle that stands in the first place of an answer.
fn first_handle(body: &[u8]) -> u32 {
    let payload =
        mapi_rop::ext::read_payloads(&body[16..body.len() - 4], 0x8000).expect("a payload");
    let rops = usize::from(u16::from_le_bytes([payload[0][0], payload[0][1]]));
    u32_at(&payload[0], rops)
}

fn put(mailbox: &Mailbox) {
    let content = mapi::MessageContent::default();
    let inbox = SpecialFolder::Inbox.id();
    message::import(mailbox, inbox, content, &ImportOptions::default()).expect("a message");
}

/// MS-OXCMAPIHTTP 2.2.4.4: R308
/// MS-OXCMAPIHTTP 2.2.4.4.1: R1368
/// MS-OXCMAPIHTTP 2.2.4.4.2: R1369, R297, R1371
#[test]
fn a_wait_with_an_event() {
    let (running, mut client, account) = connected(Config::default());
    let logon = first_handle(&client.execute(&logon_rops(&account)).inner().body);
    assert_eq!(client.execute(&register_rops(logon)).code(), 0);
    put(&running.processor().store.mailbox(account.mailbox).expect("a mailbox"));
    let mut request = wait_body();
    // Flags mean nothing.
    request[..4].fill(0xff);
    // StatusCode, ErrorCode, EventPending, AuxiliaryBufferSize.
    let body = client.call("NotificationWait", &request).inner().body;
    assert_eq!([0, 4, 8, 12].map(|at| u32_at(&body, at)), [0, 0, 1, 0]);
}

/// MS-OXCMAPIHTTP 2.2.4.4.2: R1372, R318
/// MS-OXCMAPIHTTP 3.2.5.5: R1256, R1258
#[test]
fn a_wait_tells_nothing_and_an_execute_tells_what() {
    let (running, mut client, account) = connected(quick());
    let logon = first_handle(&client.execute(&logon_rops(&account)).inner().body);
    client.execute(&register_rops(logon));
    let body = client.call("NotificationWait", &wait_body()).inner().body;
    assert_eq!(body, [0; 16]);
    put(&running.processor().store.mailbox(account.mailbox).expect("a mailbox"));
    let body = client.execute(&NOTHING).inner().body;
    let payload =
        mapi_rop::ext::read_payloads(&body[16..body.len() - 4], 0x8000).expect("a payload");
    // RopNotify.
    assert_eq!(payload[0][2], 0x2a);
    assert_eq!(client.call("NotificationWait", &wait_body()).inner().body, [0; 16]);
}

/// MS-OXCMAPIHTTP 2.2.4.4.3: R275, R284, R270
/// MS-OXCMAPIHTTP 3.2.5.5: R1257, R1262
#[test]
fn a_wait_that_is_not_acceptable() {
    let (_running, mut client, _) = connected(quick());
    let request = with_large_auxiliary(wait_body());
    let answer = client.call("NotificationWait", &request);
    assert!(is_whole(&answer));
    assert_eq!(answer.inner().body, [0xf7, 0x06, 0, 0, 0, 0, 0, 0]);
}

/// MS-OXCMAPIHTTP 2.2.6: R1124, R1460, R1127
/// MS-OXCMAPIHTTP 3.2.5.3: R1247, R1249
#[test]
fn a_ping_has_no_body() {
    let (_running, mut client, _) = connected(Config::default());
    let answer = client.call("PING", &[]);
    assert_eq!(answer.code(), 0);
    assert!(answer.inner().body.is_empty());
    assert!(answer.body.starts_with(b"PROCESSING\r\nDONE\r\n"));
}
