//! Connections that end early, come slowly, or come while the server ends.

use std::sync::Arc;
use std::time::Duration;

use mail_server::smtp::{Limits, Role};

use crate::rig::Rig;

/// What a client says, cut behind each step: nothing is delivered, and nothing stays.
#[test]
fn a_connection_that_is_cut_leaves_nothing() {
    let rig = Rig::new();
    let steps: [&[u8]; 7] = [
        b"LHLO mta\r\n",
        b"MAIL FROM:<x@out.test>\r\n",
        b"RCPT TO:<ann@here.test>\r\n",
        b"BDAT 100\r\nSubject: half",
        b"DATA\r\nSubject: a message that has no end\r\n\r\n",
        b"DATA\r\nSubject: nearly\r\n\r\n.\r",
        b"AUTH PLAIN\r\n",
    ];
    for cut in 0..steps.len() {
        let mut client = rig.connect(Role::Lmtp);
        client.answer();
        for (index, step) in steps.iter().enumerate().take(cut + 1) {
            if index < 3 || index == cut {
                client.send(step);
            }
        }
        if cut < 3 {
            // So that it is cut behind the answer.
            (0..=cut).for_each(|_| drop(client.answer()));
        }
        drop(client);
        rig.is_at_base();
    }
    assert_eq!(rig.inbox("ann").len(), 0);
    // A file of the spool goes too.
    let mut client = rig.connect(Role::Lmtp);
    client.answer();
    for line in ["LHLO mta", "MAIL FROM:<x@out.test>", "RCPT TO:<ann@here.test>", "DATA"] {
        client.say(line);
    }
    client.send(&vec![b'x'; 90_000]);
    drop(client);
    rig.is_at_base();
    assert_eq!(rig.inbox("ann").len(), 0);
}

#[test]
fn who_says_nothing_is_told_and_left() {
    let soon = Duration::from_millis(50);
    let limits = Limits { command_within: soon, data_within: soon, ..Limits::default() };
    let rig = Rig::with(limits);
    let mut silent = rig.connect(Role::Smtp);
    silent.answer();
    assert!(silent.answer().starts_with("421 4.4.2 "));
    assert_eq!(silent.line(), None);

    let mut slow = rig.connect(Role::Lmtp);
    slow.answer();
    slow.send(b"LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<ann@here.test>\r\nDATA\r\nSubject: cut");
    (0..3).for_each(|_| drop(slow.answer()));
    assert!(slow.answer().starts_with("354 "));
    assert!(slow.answer().starts_with("421 4.4.2 "));
    assert_eq!(slow.line(), None);
    rig.is_at_base();
    assert_eq!(rig.inbox("ann").len(), 0);
}

#[test]
fn a_server_that_ends_says_so_and_leaves_no_socket() {
    let mut rig = Rig::new();
    let mut idle = rig.connect(Role::Smtp);
    idle.answer();
    let mut local = rig.connect_unix();
    local.answer();
    assert!(rig.socket().exists());
    rig.stop();
    for client in [&mut idle, &mut local] {
        assert!(client.answer().starts_with("421 4.3.2 "));
        assert_eq!(client.line(), None);
    }
    assert!(!rig.socket().exists());
    rig.is_at_base();
}

/// Many connections at once, each with many messages: each recipient has each of them once.
#[test]
fn eight_connections_deliver_side_by_side() {
    const EACH: usize = 20;
    let rig = Arc::new(Rig::new());
    std::thread::scope(|scope| {
        for number in 0..8 {
            let rig = Arc::clone(&rig);
            scope.spawn(move || {
                let mut client = rig.connect(Role::Lmtp);
                client.answer();
                client.say("LHLO mta");
                for message in 0..EACH {
                    client.send(
                        format!(
                            "MAIL FROM:<x@out.test>\r\nRCPT TO:<ann@here.test>\r\n\
                             RCPT TO:<bob@here.test>\r\nDATA\r\nSubject: s-{number}-{message}-\r\n\
                             \r\nText.\r\n.\r\n"
                        )
                        .as_bytes(),
                    );
                    let answers: Vec<String> = (0..6).map(|_| client.answer()).collect();
                    assert!(answers[4..].iter().all(|a| a.starts_with("250 ")), "{answers:?}");
                }
                client.say("QUIT");
            });
        }
    });
    for name in ["ann", "bob"] {
        let inbox = rig.inbox(name);
        assert_eq!(inbox.len(), 8 * EACH);
        let mut subjects: Vec<String> = inbox
            .iter()
            .filter_map(|message| {
                let text = String::from_utf8_lossy(message).into_owned();
                text.split("Subject: ").nth(1)?.split("\r\n").next().map(str::to_owned)
            })
            .collect();
        subjects.sort();
        subjects.dedup();
        assert_eq!(subjects.len(), 8 * EACH);
    }
    rig.is_at_base();
}
