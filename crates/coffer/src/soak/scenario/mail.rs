//! Mail as the internet's programs move it: over LMTP in, over IMAP in and out.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, bail, ensure};
use mapi::tags;
use mapi_session::{MapiProp, Session};

use super::Stage;
use crate::soak::ground::{Ground, Kept, Visit, one_of_subject};
use crate::soak::mode::Mode;
use crate::soak::post::Office;
use crate::soak::talk::Talk;

/// Messages of a connection: each one's store is opened and closed.
const DELIVERIES: u64 = 2;
/// A message that is spooled, and read from the spool in pieces.
const LARGE: usize = 400_000;
/// How deep messages are nested in one.
const DEPTH: usize = 30;

/// Connects, delivers, and opens and closes a store for each message.
pub fn smtp_delivery(ground: &Ground) -> Result<Stage> {
    let office = ground.target.post()?;
    let lmtp = office.lmtp.clone().context("no LMTP")?;
    let (mark, next) = (ground.mark()?.to_owned(), AtomicU64::new(0));
    let session = ground.logon(&ground.target.profile(None))?;
    let inbox = session.open_default_msg_store()?.inbox()?.id();
    session.logoff()?;
    Stage::new(move |visit| {
        let session = visit.session()?;
        let mut talk = Talk::connect(&lmtp, visit.fuse)?;
        talk.expect("220")?;
        talk.say("LHLO soak.example.test", "250")?;
        visit.watch.note("being refused");
        match visit.number % 4 {
            0 => talk.say("NONSENSE of the soak", "500")?,
            1 => talk.say("DATA", "503")?,
            2 => talk.say(&format!("NOOP {}", "x".repeat(3_000)), "500")?,
            _ => {}
        }
        for delivery in 0..DELIVERIES {
            // Not that of a cycle that was broken off.
            let number = next.fetch_add(1, Ordering::Relaxed);
            let subject = format!("{mark}, message {number}.");
            visit.watch.note("delivering");
            deliver(visit, &mut talk, &office.user, &subject, delivery)?;
            visit.acknowledged.borrow_mut().push((inbox, Kept::Subject(subject.clone())));
            visit.watch.note("opening a store");
            arrived(visit, session, &subject)?;
        }
        match (visit.ground.mode, visit.number % 4) {
            (Mode::Abandon, _) | (_, 3) => drop(talk),
            _ => {
                talk.say("QUIT", "221")?;
                talk.closed()?;
            }
        }
        Ok(())
    })
}

fn deliver(
    visit: &Visit<'_>,
    talk: &mut Talk,
    user: &str,
    subject: &str,
    delivery: u64,
) -> Result<()> {
    if visit.number.is_multiple_of(3) {
        // One that is begun and given up.
        talk.say("MAIL FROM:<gone@example.test>", "250")?;
        talk.say(&format!("RCPT TO:<{user}>"), "250")?;
        talk.say("RSET", "250")?;
    }
    talk.say("MAIL FROM:<sender@example.test> BODY=8BITMIME", "250")?;
    talk.say("RCPT TO:<nobody-of-the-soak@nowhere.test>", "550")?;
    talk.say(&format!("RCPT TO:<{user}>"), "250")?;
    let message = message(subject, user, visit.number + delivery);
    if (visit.number + delivery).is_multiple_of(2) {
        talk.say("DATA", "354")?;
        talk.send(&[&message[..], b".\r\n"].concat())?;
    } else {
        let head = format!("BDAT {} LAST\r\n", message.len());
        talk.send(&[head.as_bytes(), &message].concat())?;
    }
    talk.expect("250").context("a delivery")
}

/// A store for one message, as the Internet Mail Service opened it.
fn arrived(visit: &Visit<'_>, session: &Session, subject: &str) -> Result<()> {
    let store = session.open_default_msg_store()?;
    let inbox = store.inbox()?;
    let id = one_of_subject(&inbox, subject)?.context("what was delivered is not there")?;
    let message = inbox.open_message(id)?;
    ensure!(message.text(tags::SUBJECT)?.as_deref() == Some(subject), "another subject");
    ensure!(!message.recipients()?.is_empty(), "a message to nobody");
    message.attachment_table()?.query_rows(10)?;
    let kept = (inbox.id(), Kept::Subject(subject.to_owned()));
    visit.acknowledged.borrow_mut().retain(|known| *known != kept);
    inbox.hard_delete_messages(&[id])?;
    match visit.number % 3 {
        0 => store.logoff()?,
        1 => drop((store, inbox, message)),
        _ => drop((message, inbox, store)),
    }
    Ok(())
}

/// A message in one of several shapes.
fn message(subject: &str, to: &str, shape: u64) -> Vec<u8> {
    let line = "A line of text that is as long as lines of mail often are, or nearly so.\r\n";
    let mut text = format!(
        "From: Sender <sender@example.test>\r\nTo: <{to}>\r\nSubject: {subject}\r\n\
         Date: Tue, 24 Nov 2026 12:00:00 +0000\r\nMIME-Version: 1.0\r\n"
    );
    let rest = match shape % 6 {
        0 => format!("\r\n{}", line.repeat(20)),
        1 => format!(
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html; \
             charset=utf-8\r\n\r\n<p>Text &amp; more</p>\r\n--b\r\nContent-Type: application/octet-stream; \
             name=\"soak.bin\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{}--b--\r\n",
            "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OQ==\r\n".repeat(100)
        ),
        2 => nested(),
        3 => format!("\r\n{}", line.repeat(LARGE / line.len())),
        // Broken: no end of the parts, bytes that are no characters, base64 that is cut off.
        4 => "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; \
              charset=nonsense\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD\r\nQ\r\n--b\r\nContent-Type: \
              multipart/x; boundary=b\r\n\r\n"
            .into(),
        _ => format!("X-Long: {}\r\n\r\nbegin 644 {}\r\n#0V%T\r\n`\r\nend\r\n", "x ".repeat(300), "n".repeat(900)),
    };
    text.push_str(&rest);
    text.into_bytes()
}

fn nested() -> String {
    let mut text = String::from("Content-Type: text/plain\r\n\r\nThe innermost.\r\n");
    for depth in 0..DEPTH {
        text = format!("Content-Type: message/rfc822\r\n\r\nSubject: {depth} deep\r\n{text}");
    }
    text
}

/// A mail program's session, in a folder that the thread has for itself.
pub fn imap(ground: &Ground) -> Result<Stage> {
    let office = ground.target.post()?;
    let address = office.imap.clone().context("no IMAP")?;
    let paths =
        (0..ground.threads).map(|thread| ground.path(thread)).collect::<Result<Vec<_>>>()?;
    let (mark, next) = (ground.mark()?.to_owned(), AtomicU64::new(0));
    Stage::new(move |visit| {
        let path = &paths[visit.thread];
        let mut talk = enter(visit, &address, &office)?;
        talk.ask("ENABLE CONDSTORE")?;
        let selected = talk.ask(&format!("SELECT \"{path}\""))?;
        if selected.count("EXISTS") != Some(0) {
            // What a broken cycle left.
            talk.ask("STORE 1:* +FLAGS.SILENT (\\Deleted)")?;
            talk.ask("EXPUNGE")?;
        }
        visit.watch.note("appending");
        let subject = format!("{mark}, message {}.", next.fetch_add(1, Ordering::Relaxed));
        let message = message(&subject, &office.user, visit.number);
        let appended = talk.ask_with(&format!("APPEND \"{path}\" (\\Seen)"), &message)?;
        let folder = visit.folder()?;
        visit.acknowledged.borrow_mut().push((folder, Kept::Subject(subject.clone())));
        let uid = appended.appended().context("no UID of what was appended")?;
        visit.watch.note("reading");
        read(&mut talk, uid, &message, &subject)?;
        visit.watch.note("marking");
        talk.ask(&format!("UID STORE {uid} +FLAGS (\\Flagged $Soak)"))?;
        talk.ask(&format!("UID STORE {uid} -FLAGS.SILENT (\\Seen)"))?;
        let flags = talk.ask(&format!("UID FETCH {uid} (FLAGS MODSEQ)"))?;
        ensure!(flags.has(b"\\Flagged") && !flags.has(b"\\Seen"), "flags got lost");
        visit.watch.note("waiting in IDLE");
        let idle = talk.begin("IDLE")?;
        if visit.number.is_multiple_of(4) {
            // Another connection of the same user.
            let mut other = enter(visit, &address, &office)?;
            other
                .ask_with(&format!("APPEND \"{path}\" ()"), b"Subject: another\r\n\r\nText.\r\n")?;
            while !talk.told()?.ends_with(" EXISTS") {}
            other.ask("LOGOUT")?;
            other.closed()?;
        }
        if is_silent(visit) && visit.number % 8 >= 4 {
            // From here on nobody is there.
            return Ok(());
        }
        talk.end(&idle, "DONE")?;
        visit.watch.note("expunging");
        visit.acknowledged.borrow_mut().clear();
        talk.ask("STORE 1:* +FLAGS.SILENT (\\Deleted)")?;
        talk.ask("EXPUNGE")?;
        if is_silent(visit) {
            return Ok(());
        }
        match visit.number % 4 {
            0 => {}
            1 => drop(talk.ask("CLOSE")?),
            2 => {
                talk.ask("UNSELECT")?;
                talk.ask("EXAMINE INBOX")?;
            }
            // Silent anyway.
            _ => bail!("a cycle that should have gone"),
        }
        talk.ask("LOGOUT")?;
        talk.closed()
    })
}

/// Whether the client goes without a word.
fn is_silent(visit: &Visit<'_>) -> bool {
    visit.ground.mode == Mode::Abandon || visit.number % 4 == 3
}

/// Connects and logs on; by turns the server refuses something first.
fn enter(visit: &Visit<'_>, address: &mail_server::Address, office: &Office) -> Result<Talk> {
    let mut talk = Talk::connect(address, visit.fuse)?;
    let greeting = talk.told()?;
    ensure!(greeting.starts_with("* OK"), "{greeting:?} is no greeting");
    visit.watch.note("logging on");
    match visit.number % 8 {
        1 => ensure!(!talk.ask_for("SELECT INBOX")?.is_ok(), "a folder for nobody"),
        3 => ensure!(!talk.ask_for("NONSENSE {0} (((")?.is_ok(), "nonsense was understood"),
        5 => {
            let wrong = format!("LOGIN \"{}\" \"not the password\"", office.user);
            ensure!(!talk.ask_for(&wrong)?.is_ok(), "a wrong password was taken");
        }
        _ => {}
    }
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let (user, password) = (quoted(&office.user), quoted(&office.password));
    talk.ask(&format!("LOGIN \"{user}\" \"{password}\""))?;
    talk.ask("ID (\"name\" \"soak\")")?;
    talk.ask("LIST \"\" \"*\"")?;
    Ok(talk)
}

fn read(talk: &mut Talk, uid: u32, message: &[u8], subject: &str) -> Result<()> {
    let parts = "FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY.PEEK[HEADER]";
    let fetched = talk.ask(&format!("UID FETCH {uid} ({parts})"))?;
    ensure!(fetched.has(subject.as_bytes()), "an envelope without its subject");
    let size = format!("RFC822.SIZE {}", message.len());
    ensure!(fetched.has(size.as_bytes()), "not {size}");
    ensure!(talk.ask(&format!("UID FETCH {uid} BODY[]"))?.has(message), "other bytes came back");
    talk.ask(&format!("UID FETCH {uid} (BODY.PEEK[1]<10.100> BODY.PEEK[TEXT])"))?;
    let found = talk.ask(&format!("UID SEARCH UID {uid} SUBJECT \"{subject}\""))?;
    ensure!(found.has(uid.to_string().as_bytes()), "a search found nothing");
    talk.ask(&format!("UID SEARCH UID {uid} BODY \"no such text\""))?;
    Ok(())
}
