//! POP3 (RFC 1939) over sockets.

use std::time::{Duration, Instant};

use mail_server::Protocol::Pop3;

use crate::rig::{Client, PASSWORD, Rig, USER};

const MAIL: [&str; 3] = [
    "From: a@there.test\r\nSubject: one\r\n\r\nHello\r\n",
    // Dots, and no line's end at its end.
    "From: b@there.test\r\nSubject: two\r\n\r\n.\r\n..dots\r\nlast",
    "From: c@there.test\r\nSubject: three\r\n\r\none\r\ntwo\r\nthree\r\n",
];

fn rig() -> Rig {
    let rig = Rig::new();
    MAIL.iter().for_each(|mail| rig.deliver(mail));
    rig
}

fn log_on(client: &mut Client) {
    assert_eq!(client.say(&format!("USER {USER}")), "+OK now the password: PASS");
    assert_eq!(client.say(&format!("PASS {PASSWORD}")), "+OK logged on");
}

fn logged_on(rig: &Rig) -> Client {
    let mut client = rig.plain(Pop3);
    assert_eq!(client.line().as_deref(), Some("+OK Coffer is ready"));
    log_on(&mut client);
    client
}

/// The lines of a listing behind its first one, which has to be good; with the dots undone.
fn listing(client: &mut Client, command: &str) -> Vec<String> {
    let first = client.say(command);
    assert!(first.starts_with("+OK"), "{command}: {first}");
    let mut lines = client.until(|line| line == ".");
    lines.pop();
    let undone = |line: String| line.strip_prefix('.').map(str::to_owned).unwrap_or(line);
    lines.into_iter().map(undone).collect()
}

#[test]
fn messages_are_counted_listed_and_sent_as_they_came() {
    let rig = rig();
    let mut client = logged_on(&rig);
    let sent: Vec<String> = MAIL.iter().map(|mail| format!("{}\r\n", mail.trim_end())).collect();
    let received: Vec<String> =
        (1..=3).map(|n| listing(&mut client, &format!("RETR {n}")).join("\r\n") + "\r\n").collect();
    for (sent, received) in sent.iter().zip(&received) {
        assert!(received.ends_with(sent), "{received}");
    }
    // RFC 1939 11: the sizes are those of what is sent, without the dots that are doubled.
    let sizes: Vec<usize> = received.iter().map(String::len).collect();
    let total: usize = sizes.iter().sum();
    assert_eq!(client.say("STAT"), format!("+OK 3 {total}"));
    let listed: Vec<String> =
        sizes.iter().zip(1..).map(|(size, n)| format!("{n} {size}")).collect();
    assert_eq!(listing(&mut client, "LIST"), listed);
    assert_eq!(client.say("LIST 2"), format!("+OK 2 {}", sizes[1]));
    // RFC 1939 7
    let header = received[2].find("\r\n\r\n").expect("a header") + 4;
    let top = |client: &mut Client, n: usize| {
        listing(client, &format!("TOP 3 {n}")).join("\r\n") + "\r\n"
    };
    assert_eq!(top(&mut client, 0), received[2][..header]);
    assert_eq!(top(&mut client, 2), received[2][..header + "one\r\ntwo\r\n".len()]);
    assert_eq!(top(&mut client, 9), received[2]);
    for wrong in ["RETR 4", "RETR 0", "LIST 4", "DELE 4", "UIDL 4", "TOP 4 0"] {
        assert_eq!(client.say(wrong), "-ERR there is no message of this number", "{wrong}");
    }
    // Pipelined commands are answered in their order (RFC 2449 6.6).
    client.send(b"NOOP\r\nLIST 1\r\nWHAT\r\nNOOP\r\n");
    let answers: Vec<_> = (0..4).map(|_| client.line().expect("an answer")).collect();
    let one = format!("+OK 1 {}", sizes[0]);
    let expected = ["+OK nothing done", &one, "-ERR there is no such command", "+OK nothing done"];
    assert_eq!(answers, expected);
    assert_eq!(client.say("QUIT"), "+OK bye; 0 messages deleted");
    assert_eq!(client.line(), None);
    rig.is_at_base();
}

#[test]
fn unique_ids_stay_and_messages_are_deleted_at_quit_only() {
    let rig = rig();
    let mut client = logged_on(&rig);
    let before = listing(&mut client, "UIDL");
    assert_eq!(before.len(), 3);
    assert_eq!(client.say("UIDL 2"), format!("+OK {}", before[1]));
    for id in &before {
        let id = id.split_once(' ').expect("two words").1;
        assert!(id.len() <= 70 && id.bytes().all(|b| b.is_ascii_graphic()), "{id}");
    }
    assert_eq!(client.say("DELE 1"), "+OK message 1 is deleted at QUIT");
    assert_eq!(client.say("DELE 1"), "-ERR the message was deleted in this session");
    assert_eq!(client.say("RETR 1"), "-ERR the message was deleted in this session");
    assert!(client.say("STAT").starts_with("+OK 2 "));
    // Numbers do not change.
    assert_eq!(listing(&mut client, "UIDL"), before[1..]);
    assert_eq!(client.say("RSET"), "+OK nothing is deleted");
    assert_eq!(listing(&mut client, "UIDL"), before);
    // A connection that breaks deletes nothing (RFC 1939 6), and gives the lock back.
    assert!(client.say("DELE 2").starts_with("+OK"));
    drop(client);
    rig.is_at_base();
    let mut client = logged_on(&rig);
    assert_eq!(listing(&mut client, "UIDL"), before);
    assert!(client.say("DELE 2").starts_with("+OK"));
    rig.deliver("Subject: four\r\n\r\n");
    // What came meanwhile is nobody's yet.
    assert!(client.say("STAT").starts_with("+OK 2 "));
    assert_eq!(client.say("QUIT"), "+OK bye; 1 messages deleted");
    rig.is_at_base();
    let mut client = logged_on(&rig);
    let after = listing(&mut client, "UIDL");
    let id = |line: &String| line.split_once(' ').expect("two words").1.to_owned();
    let ids: Vec<String> = after.iter().map(id).collect();
    assert_eq!(ids[..2], [id(&before[0]), id(&before[2])]);
    assert!(ids.len() == 3 && !before.iter().map(id).any(|known| known == ids[2]));
}

#[test]
fn a_maildrop_has_one_session_at_a_time() {
    let rig = rig();
    let first = logged_on(&rig);
    assert_eq!(rig.maildrops(), 1);
    let mut second = rig.secure(Pop3);
    second.line();
    second.say(&format!("USER {USER}"));
    let refused = second.say(&format!("PASS {PASSWORD}"));
    assert!(refused.starts_with("-ERR [IN-USE] "), "{refused}");
    assert_eq!(rig.maildrops(), 1);
    drop(first);
    // The server learns that it is gone when it looks.
    let begun = Instant::now();
    loop {
        second.say(&format!("USER {USER}"));
        if second.say(&format!("PASS {PASSWORD}")) == "+OK logged on" {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "the lock outlived its session");
        std::thread::sleep(Duration::from_millis(5));
    }
    // What another deletes over IMAP meanwhile is told, and is no error at QUIT.
    let mut imap = rig.secure(mail_server::Protocol::Imap);
    imap.line();
    for (tag, command) in [
        ("a", format!("LOGIN {USER} {PASSWORD:?}")),
        ("b", "SELECT INBOX".to_owned()),
        ("c", "STORE 1:2 +FLAGS.SILENT (\\Deleted)".to_owned()),
        ("d", "EXPUNGE".to_owned()),
    ] {
        imap.send(format!("{tag} {command}\r\n").as_bytes());
        let lines = imap.until(|line| line.starts_with(&format!("{tag} ")));
        assert!(
            lines.last().is_some_and(|line| line.starts_with(&format!("{tag} OK"))),
            "{lines:?}"
        );
    }
    assert!(second.say("DELE 2").starts_with("+OK"));
    assert!(second.say("RETR 1").starts_with("-ERR the message is gone"));
    assert!(second.say("STAT").starts_with("+OK 1 "));
    assert!(second.say("QUIT").starts_with("+OK"));
    drop((second, imap));
    rig.is_at_base();
}

#[test]
fn who_is_there_is_asked_in_every_way() {
    let rig = rig();
    let mut client = rig.plain(Pop3);
    client.line();
    for early in ["STAT", "RETR 1", "UIDL", "DELE 1", "NOOP", "RSET"] {
        assert_eq!(client.say(early), "-ERR log on first", "{early}");
    }
    assert_eq!(client.say("PASS x"), "-ERR USER comes first");
    assert_eq!(listing(&mut client, "AUTH"), ["PLAIN", "LOGIN"]);
    assert_eq!(client.say("AUTH CRAM-MD5"), "-ERR there is no such mechanism");
    assert_eq!(client.say("AUTH PLAIN"), "+ ");
    assert_eq!(client.say("*"), "-ERR the exchange was broken off");
    assert_eq!(client.say("AUTH PLAIN ="), "-ERR this is no answer of the mechanism");
    let wrong = "-ERR [AUTH] the user name or the password is wrong";
    client.say("USER nobody@here.test");
    assert_eq!(client.say("PASS x"), wrong);
    client.say(&format!("USER {USER}"));
    assert_eq!(client.say("PASS x"), wrong);
    // "\0ann@here.test\0open sesame"
    let plain = "AGFubkBoZXJlLnRlc3QAb3BlbiBzZXNhbWU=";
    assert_eq!(client.say(&format!("AUTH PLAIN {plain}")), "+OK logged on");
    assert_eq!(client.say(&format!("USER {USER}")), "-ERR you are logged on already");
    let capabilities = listing(&mut client, "CAPA");
    assert!(!capabilities.contains(&"STLS".to_owned()), "{capabilities:?}");
    drop(client);
    rig.is_at_base();
    let mut client = rig.secure(Pop3);
    client.line();
    assert_eq!(client.say("AUTH PLAIN"), "+ ");
    assert_eq!(client.say(plain), "+OK logged on");
    drop(client);
    // Three wrong passwords are enough.
    let mut client = rig.plain(Pop3);
    client.line();
    for _ in 0..3 {
        client.say(&format!("USER {USER}"));
        assert_eq!(client.say("PASS x"), wrong);
    }
    assert_eq!(client.line(), None);
    rig.is_at_base();
}

#[test]
fn capabilities_are_what_is_there() {
    let rig = rig();
    let mut plain = rig.plain(Pop3);
    plain.line();
    let all = [
        "TOP",
        "UIDL",
        "RESP-CODES",
        "AUTH-RESP-CODE",
        "PIPELINING",
        "EXPIRE NEVER",
        "STLS",
        "USER",
        "SASL PLAIN LOGIN",
        "IMPLEMENTATION Coffer",
    ];
    assert_eq!(listing(&mut plain, "CAPA"), all);
    let mut secure = rig.secure(Pop3);
    secure.line();
    let offered: Vec<&str> = all.into_iter().filter(|word| *word != "STLS").collect();
    assert_eq!(listing(&mut secure, "CAPA"), offered);
}

#[test]
fn pop3_begins_anew_after_stls_and_what_was_injected_is_gone() {
    let rig = rig();
    let mut client = rig.plain(Pop3);
    client.line();
    client.say(&format!("USER {USER}"));
    client.send(format!("STLS\r\nPASS {PASSWORD}\r\nNOOP\r\n").as_bytes());
    assert_eq!(client.line().as_deref(), Some("+OK begin TLS"));
    let mut client = client.handshake(&rig).expect("a handshake");
    // Neither what was injected nor USER from before counts.
    assert_eq!(client.say(&format!("PASS {PASSWORD}")), "-ERR USER comes first");
    assert!(!listing(&mut client, "CAPA").contains(&"STLS".to_owned()));
    assert!(client.say("STLS").starts_with("-ERR "));
    log_on(&mut client);
    assert!(client.say("STLS").starts_with("-ERR "));
    drop(client);
    rig.is_at_base();
}

#[test]
fn a_server_that_ends_says_so_and_deletes_nothing() {
    let mut rig = rig();
    let mut client = logged_on(&rig);
    assert!(client.say("DELE 1").starts_with("+OK"));
    rig.stop();
    assert_eq!(client.line().as_deref(), Some("-ERR [SYS/TEMP] the server ends"));
    assert_eq!(client.line(), None);
    rig.is_at_base();
    assert_eq!(rig.inbox().len(), 3);
}

#[test]
fn lines_that_are_too_long_are_refused_and_wrong_ones_are_counted() {
    let rig = rig();
    let mut client = logged_on(&rig);
    assert_eq!(client.say(&"x".repeat(300)), "-ERR the line is too long");
    for _ in 0..31 {
        assert_eq!(client.say("WHAT"), "-ERR there is no such command");
    }
    assert_eq!(client.line(), None);
    rig.is_at_base();
}
