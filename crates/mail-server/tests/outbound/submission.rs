//! From a user's program to another host.

use mail_server::smtp::Role;
use store::outbound::{self, track};

use crate::World;
use crate::peer::Plan;
use crate::rig::{Client, PASSWORD};

fn log_on(world: &World) -> Client {
    let mut client = world.rig.connect(Role::Submission);
    client.answer();
    client.say("EHLO laptop.test");
    // NUL ann@here.test NUL password
    use base64::Engine as _;
    let sent = format!("\0ann@here.test\0{PASSWORD}");
    let sent = base64::prelude::BASE64_STANDARD.encode(sent);
    assert!(client.say(&format!("AUTH PLAIN {sent}")).starts_with("235"));
    client
}

fn message(client: &mut Client, text: &str) -> String {
    assert!(client.say("DATA").starts_with("354"));
    client.say(&format!("{text}\r\n."))
}

#[test]
fn a_users_message_goes_to_other_domains_and_to_this_one() {
    let world = World::new(Plan::modern());
    let mut client = log_on(&world);
    assert!(client.say("MAIL FROM:<ann@here.test> ENVID=E1").starts_with("250"));
    for to in ["bob@here.test", "x@there.test", "blind@there.test", "x@there.test"] {
        assert!(client.say(&format!("RCPT TO:<{to}>")).starts_with("250"), "{to}");
    }
    let text = "From: ann@here.test\r\nBcc: blind@there.test\r\nSubject: both\r\n\r\nhello";
    assert!(message(&mut client, text).starts_with("250"));
    world.drain("sent");
    let taken = world.peer.taken();
    assert_eq!((taken.len(), taken[0].rcpt.len()), (1, 2));
    let sent = String::from_utf8(taken[0].message.clone()).unwrap();
    assert!(!sent.contains("blind") && !sent.contains("Return-Path"), "{sent}");
    for line in ["Received: from laptop.test ", "Date: ", "Message-ID: <", "Subject: both\r\n"] {
        assert!(sent.contains(line), "{line:?} in {sent}");
    }
    assert!(taken[0].mail.contains(" ENVID=E1"), "{}", taken[0].mail);
    assert_eq!(world.rig.inbox("bob").len(), 1);
    let mut steps = Vec::new();
    track::find(&world.rig.store, &track::Wanted::default(), &mut |event| {
        steps.push(format!("{} {}", event.what.name(), event.recipient));
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    steps.sort();
    assert_eq!(
        steps,
        [
            "delivered bob@here.test",
            "queued blind@there.test",
            "queued x@there.test",
            "relayed blind@there.test",
            "relayed x@there.test",
            "submitted ",
        ]
    );
    client.say("QUIT");
}

/// RFC 3461 5.2.6
#[test]
fn a_delivery_here_is_told_to_whoever_asks() {
    let world = World::new(Plan::modern());
    let mut client = world.rig.connect(Role::Smtp);
    client.answer();
    client.send(b"EHLO there.test\r\n");
    let mut extensions = Vec::new();
    loop {
        let line = client.line().expect("an answer");
        extensions.push(line[4..].to_owned());
        if line.as_bytes()[3] == b' ' {
            break;
        }
    }
    assert!(extensions.iter().any(|one| one == "DSN"), "{extensions:?}");
    client.say("MAIL FROM:<xe@there.test> RET=HDRS ENVID=Q7");
    client.say("RCPT TO:<bob@here.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;robert@here.test");
    // Nobody is relayed for, whatever he asks.
    assert!(client.say("RCPT TO:<a@there.test> NOTIFY=SUCCESS").starts_with("550"));
    assert!(message(&mut client, "Subject: x\r\n\r\nhello").starts_with("250"));
    world.wait("the report", |world| world.peer.taken().len() == 1);
    let taken = &world.peer.taken()[0];
    assert_eq!(taken.mail.split(' ').nth(1), Some("FROM:<>"));
    assert_eq!(taken.rcpt, ["RCPT TO:<xe@there.test>"]);
    let report = String::from_utf8(taken.message.clone()).unwrap();
    for line in [
        "Original-Envelope-Id: Q7\r\n",
        "Original-Recipient: rfc822;robert@here.test\r\n",
        "Final-Recipient: rfc822;bob@here.test\r\n",
        "Action: delivered\r\n",
    ] {
        assert!(report.contains(line), "{line:?} in {report}");
    }
    client.say("QUIT");
    world.drain("nothing is left");
}

#[test]
fn without_outbound_nothing_is_taken_for_other_domains() {
    let mut world = World::new(Plan::modern());
    world.stop();
    let mut client = log_on(&world);
    assert!(client.say("MAIL FROM:<ann@here.test> RET=FULL").starts_with("555"));
    assert!(client.say("MAIL FROM:<ann@here.test>").starts_with("250"));
    assert!(client.say("RCPT TO:<x@there.test>").starts_with("550 5.7.1"));
    assert_eq!(outbound::all(&world.rig.store).unwrap(), []);
    client.say("QUIT");
}
