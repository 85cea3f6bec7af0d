//! TLS: at once, by a command, refused, slow, and with another certificate.

use std::time::Duration;

use mail_server::Protocol;

use crate::rig::{Client, Hello, PASSWORD, PROTOCOLS, Rig, USER};

/// Reads an answer of SMTP or LMTP, whose last line has no `-`.
fn answer(client: &mut Client) -> Vec<String> {
    client.until(|line| line.as_bytes().get(3) != Some(&b'-'))
}

fn hello(client: &mut Client, protocol: Protocol) -> Vec<String> {
    let word = if protocol == Protocol::Lmtp { "LHLO" } else { "EHLO" };
    client.send(format!("{word} client.test\r\n").as_bytes());
    answer(client)
}

fn has(lines: &[String], word: &str) -> bool {
    lines.iter().any(|line| line[4..] == *word)
}

const SMTPS: [Protocol; 3] = [Protocol::Lmtp, Protocol::Smtp, Protocol::Submission];

#[test]
fn every_protocol_is_served_with_tls_at_once_in_both_versions() {
    static ONLY: [[&rustls::SupportedProtocolVersion; 1]; 2] =
        [[&rustls::version::TLS12], [&rustls::version::TLS13]];
    let rig = Rig::new();
    for protocol in PROTOCOLS {
        for versions in &ONLY {
            let client = rig.bare(protocol, true);
            let hello = Hello { versions, ..Hello::default() };
            let mut client = client.handshake_as(&rig, &hello).expect("a handshake");
            let greeting = client.line().expect("a greeting");
            let good = ["220 ", "* OK ", "+OK "].iter().any(|start| greeting.starts_with(start));
            assert!(good, "{greeting}");
        }
    }
    rig.is_at_base();
}

#[test]
fn over_tls_a_user_logs_on_and_tls_is_not_offered_again() {
    let rig = Rig::new();
    let mut client = rig.secure(Protocol::Submission);
    answer(&mut client);
    let offers = hello(&mut client, Protocol::Submission);
    assert!(has(&offers, "AUTH PLAIN LOGIN") && !has(&offers, "STARTTLS"), "{offers:?}");
    assert_eq!(client.say("STARTTLS"), "503 5.5.1 the command is out of sequence");
    // "\0ann@here.test\0open sesame"
    let answered = client.say("AUTH PLAIN AGFubkBoZXJlLnRlc3QAb3BlbiBzZXNhbWU=");
    assert!(answered.starts_with("235 "), "{answered}");
    drop(client);

    let mut client = rig.secure(Protocol::Imap);
    let greeting = client.line().expect("a greeting");
    assert!(greeting.contains("AUTH=PLAIN") && !greeting.contains("STARTTLS"), "{greeting}");
    assert!(client.say("a STARTTLS").starts_with("a BAD "));
    let answered = client.say(&format!("b LOGIN {USER} {PASSWORD:?}"));
    assert!(answered.starts_with("b OK "), "{answered}");
    drop(client);
    rig.is_at_base();
}

#[test]
fn smtp_begins_anew_after_starttls_and_what_was_injected_is_gone() {
    let rig = Rig::new();
    for protocol in SMTPS {
        let mut client = rig.plain(protocol);
        answer(&mut client);
        assert!(has(&hello(&mut client, protocol), "STARTTLS"));
        // RFC 3207 4: a parameter is an error, and nothing begins.
        let answered = client.say("STARTTLS now");
        assert!(answered.starts_with("501 "), "{answered}");
        // CVE-2011-0411: who sits in between sends commands behind the client's.
        client.send(b"STARTTLS\r\nRSET\r\nNOOP\r\nMAIL FROM:<evil@there.test>\r\n");
        assert_eq!(client.line().as_deref(), Some("220 2.0.0 begin TLS"));
        let mut client = client.handshake(&rig).expect("a handshake");
        // RFC 3207 4.2: EHLO is forgotten, and no answer to what was injected comes first.
        let answered = client.say("MAIL FROM:<someone@there.test>");
        assert!(answered.starts_with("503 "), "{answered}");
        let offers = hello(&mut client, protocol);
        assert!(!has(&offers, "STARTTLS") && has(&offers, "PIPELINING"), "{offers:?}");
        assert!(client.say("STARTTLS").starts_with("503 "));
        assert!(client.say("NOOP").starts_with("250 "));
        // The client's own transaction: none was begun by another.
        if protocol != Protocol::Submission {
            assert!(client.say("MAIL FROM:<someone@there.test>").starts_with("250 "));
        }
    }
    rig.is_at_base();
}

#[test]
fn a_transaction_ends_with_starttls_and_who_logged_on_cannot_begin_it() {
    let rig = Rig::new();
    let mut client = rig.plain(Protocol::Smtp);
    answer(&mut client);
    hello(&mut client, Protocol::Smtp);
    assert!(client.say("MAIL FROM:<evil@there.test>").starts_with("250 "));
    assert!(client.say(&format!("RCPT TO:<{USER}>")).starts_with("250 "));
    assert!(client.say("STARTTLS").starts_with("220 "));
    let mut client = client.handshake(&rig).expect("a handshake");
    hello(&mut client, Protocol::Smtp);
    assert!(client.say("DATA").starts_with("503 "));
    let mut client = rig.plain(Protocol::Submission);
    answer(&mut client);
    hello(&mut client, Protocol::Submission);
    let answered = client.say("AUTH PLAIN AGFubkBoZXJlLnRlc3QAb3BlbiBzZXNhbWU=");
    assert!(answered.starts_with("235 "), "{answered}");
    assert!(client.say("STARTTLS").starts_with("503 "));
}

#[test]
fn imap_begins_anew_after_starttls_and_what_was_injected_is_gone() {
    let rig = Rig::new();
    let mut client = rig.plain(Protocol::Imap);
    assert!(client.line().expect("a greeting").contains(" STARTTLS "));
    let injected = format!("a STARTTLS\r\nb LOGIN {USER} {PASSWORD:?}\r\nc NOOP\r\n");
    client.send(injected.as_bytes());
    assert_eq!(client.line().as_deref(), Some("a OK Begin TLS"));
    let mut client = client.handshake(&rig).expect("a handshake");
    // Nobody is logged in, and no answer of b or c comes.
    assert_eq!(client.say("d NAMESPACE"), "d BAD log in first");
    let capabilities = client.say("e CAPABILITY");
    assert!(!capabilities.contains("STARTTLS") && capabilities.contains("AUTH=PLAIN"));
    client.line();
    assert!(client.say("f STARTTLS").starts_with("f BAD "));
    assert!(client.say(&format!("g LOGIN {USER} {PASSWORD:?}")).starts_with("g OK "));
    assert!(client.say("h STARTTLS").starts_with("h BAD "));
    drop(client);
    rig.is_at_base();
}

#[test]
fn who_wants_to_speak_another_protocol_is_refused() {
    let rig = Rig::new();
    let browser = Hello { alpn: &["h2", "http/1.1"], ..Hello::default() };
    for protocol in PROTOCOLS {
        let refused = rig.bare(protocol, true).handshake_as(&rig, &browser);
        assert!(refused.is_err(), "{protocol:?}");
    }
    let mail = Hello { alpn: &["imap"], ..Hello::default() };
    rig.bare(Protocol::Imap, true).handshake_as(&rig, &mail).expect("a handshake");
    rig.is_at_base();
}

#[test]
fn what_is_no_handshake_ends_the_connection() {
    let mut rig = Rig::with(Duration::from_millis(50));
    for protocol in PROTOCOLS {
        // Plain text on a socket of TLS.
        let mut client = rig.bare(protocol, true);
        client.send(b"EHLO client.test\r\n");
        client.ends();
        // Nothing at all, at once and after the command.
        rig.bare(protocol, true).ends();
        let mut client = rig.plain(protocol);
        client.line();
        match protocol {
            Protocol::Imap => assert!(client.say("a STARTTLS").starts_with("a OK ")),
            Protocol::Pop3 => assert!(client.say("STLS").starts_with("+OK ")),
            _ => {
                hello(&mut client, protocol);
                assert!(client.say("STARTTLS").starts_with("220 "));
            }
        }
        client.ends();
    }
    rig.is_at_base();
    // Those who are in the middle of one do not keep the server from ending.
    let mut rig2 = Rig::new();
    let waiting = PROTOCOLS.map(|protocol| rig2.bare(protocol, true));
    rig2.stop();
    waiting.into_iter().for_each(Client::ends);
    rig2.is_at_base();
    rig.stop();
}

#[test]
fn another_certificate_is_shown_to_who_comes_later() {
    let rig = Rig::new();
    let mut before = rig.secure(Protocol::Imap);
    before.line();
    let names = ["localhost".to_owned()];
    let folder = rig.folder().join("other");
    let (other, _) = mail_server::tls::Certificates::self_signed(&folder, &names).expect("made");
    let (ours, theirs) = (rig.certificates.source(), other.source());
    std::fs::copy(&theirs.certificates, &ours.certificates).expect("copied");
    std::fs::copy(&theirs.key, &ours.key).expect("copied");
    // The client trusts what the file says now; the server shows the old one still.
    assert!(rig.bare(Protocol::Imap, true).handshake(&rig).is_err());
    assert!(rig.certificates.reload().expect("good"));
    let mut after = rig.secure(Protocol::Imap);
    assert!(after.line().expect("a greeting").starts_with("* OK "));
    assert!(before.say("a NOOP").starts_with("a OK "));
}
