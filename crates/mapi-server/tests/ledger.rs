//! Who holds what, as a server counts it: by user, by client, by session and by connection.
#![cfg(feature = "http")]

mod support;

use std::net::Shutdown;
use std::time::Duration;

use mapi::ErrorCode;
use mapi::wire::Wire;
use mapi_rop::http::{ConnectResponse, NotificationWaitRequest};
use mapi_server::http::Config;
use mapi_server::{Kind, Limit, Limits, Options};
use support::wire::{Client, logon_rops, start};

fn limited(limits: Limits) -> Config {
    Config { options: Options { limits, ..Options::default() }, ..Config::default() }
}

/// Waits until something holds; a test that waits for ever is ended by whoever runs it.
fn until(holds: impl Fn() -> bool) {
    while !holds() {
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn everything_is_counted_by_user_and_client_and_gone_at_the_end() {
    let (running, _, accounts) = start(Config::default());
    let ledger = &running.processor().ledger;
    let mut first = Client::of(&running, &accounts[0]);
    first.connect(&accounts[0]);
    first.execute(&logon_rops(&accounts[0]));
    let mut waiting = Client::of(&running, &accounts[0]);
    waiting.cookies = first.cookies.clone();
    let wait = NotificationWaitRequest { flags: 0, auxiliary: Vec::new().into() }.to_wire();
    waiting.send("NotificationWait", &wait);
    waiting.head();
    let mut second = Client::of(&running, &accounts[1]);
    second.application = "Other\u{fc}/2".into();
    second.connect(&accounts[1]);
    let mut nobody = Client::new(running.addresses()[0], "user1@example.test", "wrong");
    nobody.send("PING", &[]);
    assert_eq!(nobody.head().status, 401);

    let (report, connections) = running.watch().look(None).expect("a server");
    let user = &report.users["user1@example.test"].usage;
    assert_eq!((user.of(Kind::Session), user.of(Kind::Logon), user.of(Kind::Lock)), (1, 1, 1));
    assert_eq!((user.of(Kind::Connection), user.of(Kind::Credential)), (2, 1));
    assert_eq!(user.of(Kind::Wait), 1);
    assert_eq!(report.users["user2@example.test"].usage.nodes(), 1);
    assert_eq!(report.clients["Test/1"].usage.nodes(), 3);
    assert_eq!(report.sessions.len(), 2);
    let session = &report.sessions[0];
    assert_eq!((session.user.as_str(), session.client.as_str()), ("user1@example.test", "Test/1"));
    assert_eq!((session.done.requests, session.done.rops, session.done.errors), (2, 1, 0));
    assert_eq!(session.peer, Some(first.stream.get_ref().local_addr().expect("an address")));
    assert_eq!(connections.len(), 4);
    assert_eq!(connections.iter().filter(|c| c.user.is_none()).count(), 1);
    assert_eq!(report.total.of(Kind::Connection), 4);

    let (his, connections) = running.watch().look(Some("USER2@example.test")).expect("a server");
    assert_eq!((his.users.len(), his.sessions.len(), connections.len()), (1, 1, 1));

    first.disconnect();
    second.disconnect();
    for client in [first, second, waiting, nobody] {
        drop(client.stream.get_ref().shutdown(Shutdown::Both));
    }
    until(|| ledger.live(Kind::Connection) == 0 && ledger.live(Kind::Wait) == 0);
    assert_eq!((ledger.live_total(), ledger.bytes()), (0, 0));
    // The remembered credentials alone are left, and go with the server.
    assert_eq!(ledger.live(Kind::Credential), 2);
    let ledger = std::sync::Arc::clone(ledger);
    let watch = running.watch();
    running.stop();
    assert_eq!(ledger.usage(), Default::default());
    assert!(ledger.owners().is_empty());
    assert!(watch.look(None).is_none());
}

#[test]
fn a_user_with_too_many_connections_is_told_so_and_others_are_not() {
    let limits = Limits { connections_per_user: 3, ..Limits::default() };
    let (running, _, accounts) = start(limited(limits));
    let mut open: Vec<Client> = (0..3).map(|_| Client::of(&running, &accounts[0])).collect();
    for client in &mut open {
        assert_eq!(client.call("PING", &[]).status, 200);
    }
    let mut fourth = Client::of(&running, &accounts[0]);
    fourth.send("PING", &[]);
    let answer = fourth.receive();
    assert_eq!((answer.status, answer.header("Connection")), (503, Some("close")));
    assert_eq!(Client::of(&running, &accounts[1]).call("PING", &[]).status, 200);
    let ledger = &running.processor().ledger;
    assert_eq!(ledger.refused_by(Limit::ConnectionsPerUser), 1);
    drop(open.pop());
    until(|| ledger.live(Kind::Connection) <= 3);
    until(|| Client::of(&running, &accounts[0]).call("PING", &[]).status == 200);
}

#[test]
fn connect_beyond_the_limit_answers_the_specified_code() {
    let limits = Limits { sessions_per_user: 2, sessions: 3, ..Limits::default() };
    let (running, _, accounts) = start(limited(limits));
    let connect = |index: usize| {
        let mut client = Client::of(&running, &accounts[index]);
        let answer = client.connect(&accounts[index]);
        (client, answer.read::<ConnectResponse>().error)
    };
    let mut held: Vec<(Client, ErrorCode)> = (0..2).map(|_| connect(0)).collect();
    // [MS-OXCDATA] 2.4: MAPI_E_SESSION_LIMIT
    assert_eq!(connect(0).1, ErrorCode::TOO_MANY_SESSIONS);
    held.push(connect(1));
    assert_eq!(connect(1).1, ErrorCode::TOO_MANY_SESSIONS);
    assert!(held.iter().all(|(_, code)| *code == ErrorCode(0)));
    let ledger = &running.processor().ledger;
    assert_eq!(ledger.refused_by(Limit::SessionsPerUser), 1);
    assert_eq!(ledger.refused_by(Limit::Sessions), 1);
    held[0].0.disconnect();
    assert_eq!(connect(1).1, ErrorCode(0));
}

#[test]
fn a_session_waits_for_notifications_as_often_as_it_may() {
    let limits = Limits { waits: 2, ..Limits::default() };
    let (running, _, accounts) = start(limited(limits));
    let mut client = Client::of(&running, &accounts[0]);
    client.connect(&accounts[0]);
    let wait = NotificationWaitRequest { flags: 0, auxiliary: Vec::new().into() }.to_wire();
    let begin = || {
        let mut waiting = Client::of(&running, &accounts[0]);
        waiting.cookies = client.cookies.clone();
        waiting.send("NotificationWait", &wait);
        let code = waiting.head().code();
        (waiting, code)
    };
    let held: Vec<(Client, u32)> = (0..2).map(|_| begin()).collect();
    assert!(held.iter().all(|(_, code)| *code == 0));
    assert_eq!(begin().1, 15);
    assert_eq!(running.processor().ledger.refused_by(Limit::Waits), 1);
}
