//! Sending to other domains, to hosts that behave and to those that do not.

mod misbehaviour;
mod peer;
#[path = "../smtp/rig.rs"]
#[allow(dead_code)]
mod rig;
mod submission;

use std::sync::Arc;
use std::time::{Duration, Instant};

use mail_server::census::NoCensus;
use mail_server::dns::Zone;
use mail_server::outbound::{Options, Outbound, Schedule, Tools};
use mail_server::smtp::client::Times;
use store::outbound::{self, NewLetter, Notify, Recipient, Ret};

use peer::{Peer, Plan};
use rig::Rig;

/// A server that sends, and the host that it sends to.
pub struct World {
    pub rig: Rig,
    pub peer: Peer,
    pub outbound: Option<Outbound>,
    options: Options,
}

fn quick() -> Options {
    let pauses = vec![Duration::from_millis(20)];
    let long = Duration::from_secs(3_600);
    Options {
        loopback: true,
        schedule: Schedule { pauses, delay_after: long, give_up_after: long },
        times: Times::all(Duration::from_secs(30)),
        ..Options::default()
    }
}

fn zone() -> Zone {
    Zone::new()
        .mx("there.test", 10, "mx.there.test")
        .address("mx.there.test", "127.0.0.1")
        // Nobody listens at the first one.
        .mx("two.test", 10, "dead.two.test")
        .mx("two.test", 20, "mx.there.test")
        .address("dead.two.test", "127.0.0.2")
        .address("implicit.test", "127.0.0.1")
        .mx("null.test", 0, ".")
        .mx("loop.test", 10, "mail.here.test")
        .mx("loop.test", 20, "mx.there.test")
        .mx("behind.test", 10, "mx.there.test")
        .mx("behind.test", 20, "mail.here.test")
        .mx("nowhere.test", 10, "none.nowhere.test")
}

impl World {
    pub fn new(usual: Plan) -> World {
        World::with(usual, quick())
    }

    pub fn with(usual: Plan, options: Options) -> World {
        let rig = Rig::new();
        let peer = Peer::new(usual);
        outbound::set_tracking(&rig.store, true);
        let options = Options { port: peer.address.port(), ..options };
        let mut world = World { rig, peer, outbound: None, options };
        world.start();
        world
    }

    pub fn start(&mut self) {
        let tools =
            Tools { names: Arc::new(zone()), census: Arc::new(NoCensus), tls: None, signer: None };
        let host = Arc::clone(&self.rig.host);
        let outbound = Outbound::start(host, tools, self.options.clone());
        self.outbound = Some(outbound.expect("it starts"));
    }

    pub fn stop(&mut self) {
        if let Some(outbound) = self.outbound.take() {
            outbound.stop();
        }
    }

    /// Puts a message of ann's into the queue.
    pub fn send(&self, to: &[&str]) {
        let recipients = to.iter().map(|address| Recipient::new(*address)).collect();
        self.put(NewLetter { recipients, ..letter() }, MESSAGE);
    }

    pub fn put(&self, letter: NewLetter, message: &[u8]) {
        let ann = self.rig.store.account_by_address("ann@here.test").unwrap().unwrap();
        let mailbox = self.rig.store.mailbox(ann.mailbox).unwrap();
        outbound::enqueue(&mailbox, &letter, message).unwrap();
    }

    pub fn queued(&self) -> usize {
        outbound::all(&self.rig.store).unwrap().len()
    }

    pub fn wait(&self, what: &str, until: impl Fn(&World) -> bool) {
        let begun = Instant::now();
        while !until(self) {
            assert!(begun.elapsed() < Duration::from_secs(60), "{what}: {:?}", self.peer.taken());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn drain(&self, what: &str) {
        self.wait(what, |world| world.queued() == 0);
    }

    /// The reports that ann got.
    pub fn reports(&self) -> Vec<String> {
        let inbox = self.rig.inbox("ann");
        inbox.into_iter().map(|bytes| String::from_utf8(bytes).unwrap()).collect()
    }
}

pub const MESSAGE: &[u8] = b"From: ann@here.test\r\nSubject: out\r\n\r\n.dot\r\n..\r\n.\r\nend\r\n";

pub fn letter() -> NewLetter {
    NewLetter {
        from: "ann@here.test".into(),
        message_id: "<1@here.test>".into(),
        ..NewLetter::default()
    }
}

#[test]
fn a_message_arrives_as_it_was_and_once_with_and_without_pipelining() {
    for features in [&["PIPELINING", "SIZE"][..], &[]] {
        let world = World::new(Plan::with(features));
        world.send(&["bob@there.test", "cy@there.test"]);
        world.drain("sent");
        let taken = world.peer.taken();
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].message, MESSAGE);
        assert_eq!(taken[0].rcpt, ["RCPT TO:<bob@there.test>", "RCPT TO:<cy@there.test>"]);
        let size =
            if features.is_empty() { String::new() } else { format!(" SIZE={}", MESSAGE.len()) };
        assert_eq!(taken[0].mail, format!("MAIL FROM:<ann@here.test>{size}"));
        assert!(world.reports().is_empty());
    }
}

#[test]
fn each_recipient_has_his_own_end() {
    let world = World::new(Plan::modern());
    let first = Plan::modern()
        .refuse("bad@there.test", "550 5.1.1 no such user")
        .refuse("later@there.test", "450 4.2.1 not now");
    world.peer.next([first]);
    world.send(&["good@there.test", "bad@there.test", "later@there.test"]);
    world.drain("sent");
    world.send(&["x@implicit.test"]);
    world.drain("to another domain");
    let mut got: Vec<String> = world.peer.taken().into_iter().flat_map(|one| one.rcpt).collect();
    got.sort();
    assert_eq!(
        got,
        ["RCPT TO:<good@there.test>", "RCPT TO:<later@there.test>", "RCPT TO:<x@implicit.test>"]
    );
    let reports = world.reports();
    assert_eq!(reports.len(), 1);
    let report = &reports[0];
    for line in [
        "Final-Recipient: rfc822;bad@there.test\r\n",
        "Status: 5.1.1\r\n",
        "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n",
        "Remote-MTA: dns; mx.there.test\r\n",
    ] {
        assert!(report.contains(line), "{line:?} in {report}");
    }
    assert!(!report.contains("good@") && !report.contains("later@"), "{report}");
}

#[test]
fn hosts_are_found_as_their_names_say() {
    let world = World::new(Plan::modern());
    world.send(&["a@two.test"]);
    world.drain("the second host takes it");
    world.send(&["b@behind.test"]);
    world.drain("a host before this one takes it");
    world.send(&["c@implicit.test"]);
    world.drain("no MX");
    world.send(&["d@[127.0.0.1]"]);
    world.drain("an address");
    assert_eq!(world.peer.taken().len(), 4);
    for (address, status) in [
        ("e@null.test", "5.1.10"),
        ("f@loop.test", "5.4.6"),
        ("g@nxdomain.test", "5.1.2"),
        ("h@nowhere.test", "5.4.4"),
    ] {
        let before = world.reports().len();
        world.send(&[address]);
        world.drain(address);
        let reports = world.reports();
        assert_eq!(reports.len(), before + 1, "{address}");
        let told =
            format!("Final-Recipient: rfc822;{address}\r\nAction: failed\r\nStatus: {status}\r\n");
        assert!(reports.iter().any(|report| report.contains(&told)), "{told:?} in {reports:?}");
    }
    assert_eq!(world.peer.taken().len(), 4);
}

#[test]
fn what_a_host_lacks_comes_back() {
    let eight = "From: ann@here.test\r\n\r\ngrün\r\n".as_bytes();
    let to = |address: &str| vec![Recipient::new(address)];
    for (features, letter, message, status) in [
        (
            &["SIZE 20"][..],
            NewLetter { recipients: to("a@there.test"), ..letter() },
            MESSAGE,
            "5.3.4",
        ),
        (
            &["SMTPUTF8"],
            NewLetter { eight_bit: true, recipients: to("a@there.test"), ..letter() },
            eight,
            "5.6.3",
        ),
        (
            &["8BITMIME"],
            NewLetter { eight_bit: true, utf8: true, recipients: to("ä@there.test"), ..letter() },
            eight,
            "5.6.7",
        ),
    ] {
        let world = World::new(Plan::with(features));
        world.put(letter, message);
        world.drain(status);
        assert!(world.peer.taken().is_empty());
        let reports = world.reports();
        assert_eq!(reports.len(), 1);
        assert!(reports[0].contains(&format!("Status: {status}\r\n")), "{}", reports[0]);
    }
    let world = World::new(Plan::modern());
    world.put(
        NewLetter { eight_bit: true, utf8: true, recipients: to("ä@there.test"), ..letter() },
        eight,
    );
    world.drain("a host that has all");
    let taken = world.peer.taken();
    assert_eq!(
        taken[0].mail,
        format!("MAIL FROM:<ann@here.test> SIZE={} BODY=8BITMIME SMTPUTF8", eight.len())
    );
    assert_eq!(taken[0].message, eight);
}

/// RFC 3461 5.2
#[test]
fn wishes_for_reports_are_passed_on_or_told_about() {
    let wish = |notify| Recipient {
        original: "rfc822;bob+2B@there.test".into(),
        notify,
        ..Recipient::new("bob@there.test")
    };
    let success = Notify { given: true, success: true, failure: true, delay: false };
    let never = Notify { given: true, ..Notify::default() };
    let with = |recipients| NewLetter {
        ret: Some(Ret::Headers),
        envelope_id: "QQ1".into(),
        recipients,
        ..letter()
    };
    let world = World::new(Plan::modern());
    world.put(with(vec![wish(success)]), MESSAGE);
    world.drain("passed on");
    let taken = &world.peer.taken()[0];
    assert!(taken.mail.ends_with(" RET=HDRS ENVID=QQ1"), "{}", taken.mail);
    assert_eq!(
        taken.rcpt,
        ["RCPT TO:<bob@there.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;bob+2B@there.test"]
    );
    assert!(world.reports().is_empty());
    // A host without DSN: the sender hears that nobody will tell more.
    let world = World::new(Plan::with(&[]));
    world.put(with(vec![wish(success)]), MESSAGE);
    world.drain("relayed");
    let reports = world.reports();
    assert_eq!(reports.len(), 1);
    for line in [
        "Action: relayed\r\n",
        "Original-Envelope-Id: QQ1\r\n",
        "Original-Recipient: rfc822;bob+@there.test\r\n",
    ] {
        assert!(reports[0].contains(line), "{line:?} in {}", reports[0]);
    }
    // Who wants to hear nothing hears nothing.
    let world = World::new(Plan::modern().refuse("bob@", "550 5.1.1 no"));
    world.put(with(vec![wish(never)]), MESSAGE);
    world.put(
        NewLetter { from: String::new(), recipients: vec![wish(success)], ..letter() },
        MESSAGE,
    );
    world.drain("refused");
    assert!(world.reports().is_empty());
    // And RET=HDRS keeps the body back.
    world.put(with(vec![wish(success)]), MESSAGE);
    world.drain("refused");
    let reports = world.reports();
    assert!(reports.len() == 1 && !reports[0].contains("..\r\n"), "{reports:?}");
}

#[test]
fn what_takes_long_is_told_once_and_then_comes_back() {
    let mut options = quick();
    options.schedule.delay_after = Duration::ZERO;
    options.schedule.give_up_after = Duration::from_secs(3);
    let world = World::with(Plan::modern().refuse("bob@", "451 4.3.0 not now"), options);
    world.send(&["bob@there.test"]);
    world.drain("given up");
    let reports = world.reports();
    let with = |text: &str| reports.iter().filter(|report| report.contains(text)).count();
    assert_eq!((reports.len(), with("Action: delayed\r\n"), with("Action: failed\r\n")), (2, 1, 1));
    assert_eq!(with("Status: 4.4.7\r\n"), 1, "{reports:?}");
    assert!(world.peer.connections() > 1);
}

#[test]
fn connections_to_one_domain_are_bounded_and_carry_many_messages() {
    let options = Options { connections_of_one: 2, messages: 10, ..quick() };
    let world = World::with(Plan::modern(), options);
    for _ in 0..60 {
        world.send(&["bob@there.test"]);
    }
    world.drain("all");
    assert_eq!(world.peer.taken().len(), 60);
    assert!(world.peer.most_open() <= 2, "{}", world.peer.most_open());
    assert!(world.peer.connections() < 60, "{}", world.peer.connections());
    world.wait("nobody works", |world| {
        world.outbound.as_ref().is_some_and(|outbound| outbound.workers() == 0)
    });
}

#[test]
fn what_waits_is_sent_by_the_next_start_and_what_is_held_is_not() {
    let mut world = World::new(Plan::modern());
    world.stop();
    world.send(&["bob@there.test"]);
    world.send(&["held@there.test"]);
    let ids = outbound::all(&world.rig.store).unwrap();
    outbound::order(&world.rig.store, ids[1], outbound::Order::Hold).unwrap();
    world.start();
    world.wait("one", |world| world.queued() == 1);
    outbound::order(&world.rig.store, ids[1], outbound::Order::Release).unwrap();
    world.drain("the other");
    assert_eq!(world.peer.taken().len(), 2);
}

#[test]
fn a_smart_host_gets_everything() {
    let peer = Peer::new(Plan::modern());
    let smart = format!("127.0.0.1:{}", peer.address.port()).parse().unwrap();
    let options = Options { smart_host: Some(smart), loopback: false, ..quick() };
    let world = World::with(Plan::modern(), options);
    world.send(&["a@there.test", "b@nxdomain.test"]);
    world.drain("sent");
    assert_eq!(peer.taken().len(), 1);
    assert_eq!(peer.taken()[0].rcpt.len(), 2);
    assert!(world.peer.taken().is_empty());
}
