//! SAVEDATE (RFC 8514), CREATE-SPECIAL-USE (RFC 6154), and what COMPRESS needs of a session (RFC 4978).

use std::sync::atomic::{AtomicI64, Ordering};

use super::*;

#[test]
fn the_save_date_is_when_a_message_came_to_its_mailbox() {
    let now = Arc::new(AtomicI64::new(1_700_000_000));
    let clock = Arc::clone(&now);
    let clock = Arc::new(move || FileTime::from_unix(clock.load(Ordering::SeqCst), 0));
    let store = Store::in_memory(StoreOptions { clock, ..StoreOptions::default() }).expect("store");
    let new = NewAccount { address: "me@example.test".into(), ..NewAccount::default() };
    store.create_account(&new).expect("an account");
    let mut talk = Talk::with(&store);
    talk.say(&format!("APPEND INBOX \"01-Jan-2000 00:00:00 +0000\" {{{}}}\r\n{MAIL}", MAIL.len()));
    talk.say("CREATE x");
    talk.say("SELECT INBOX");
    let first = "* 1 FETCH (SAVEDATE \"14-Nov-2023 22:13:20 +0000\")";
    talk.expect("FETCH 1 SAVEDATE", &[first, "a OK Fetched"]);
    now.fetch_add(86_400, Ordering::SeqCst);
    // A change of flags is none of the date.
    talk.say("STORE 1 +FLAGS (\\Flagged)");
    talk.expect("FETCH 1 SAVEDATE", &[first, "a OK Fetched"]);
    talk.say("COPY 1 x");
    talk.say("MOVE 1 x");
    talk.say("SELECT x");
    let later = |n| format!("* {n} FETCH (SAVEDATE \"15-Nov-2023 22:13:20 +0000\")");
    talk.expect("FETCH 1:2 SAVEDATE", &[&later(1), &later(2), "a OK Fetched"]);
    for (keys, found) in [
        ("SAVEDON 15-Nov-2023", " 1 2"),
        ("SAVEDBEFORE 15-Nov-2023", ""),
        ("SAVEDSINCE 15-Nov-2023 SAVEDATESUPPORTED", " 1 2"),
        ("NOT SAVEDATESUPPORTED", ""),
    ] {
        talk.expect(&format!("SEARCH {keys}"), &[&format!("* SEARCH{found}"), "a OK Searched"]);
    }
}

#[test]
fn one_mailbox_is_the_archive() {
    let mut talk = Talk::new();
    let refused = "a NO [USEATTR] another mailbox has this use, or none can have it";
    talk.expect("CREATE Sent2 (USE (\\Sent))", &[refused]);
    talk.expect("CREATE Both (USE (\\Archive \\All))", &[refused]);
    assert!(talk.say("CREATE Old (USE (\\Archive))").starts_with("a OK [MAILBOXID "));
    talk.expect("CREATE Older (USE (\\archive))", &[refused]);
    talk.expect(
        "LIST \"\" O*",
        &[
            "* LIST (\\HasNoChildren \\Archive) \"/\" Old",
            "* LIST (\\HasNoChildren) \"/\" Outbox",
            "a OK Listed",
        ],
    );
    assert!(talk.say("LIST (SPECIAL-USE) \"\" *").contains("\\Archive) \"/\" Old\r\n"));
    talk.say("RENAME Old Kept/Old");
    talk.expect(
        "LIST \"\" Kept/*",
        &["* LIST (\\HasNoChildren \\Archive) \"/\" Kept/Old", "a OK Listed"],
    );
    talk.expect("DELETE Kept/Old", &["a OK Deleted"]);
    assert!(talk.say("CREATE Older (USE (\\Archive))").starts_with("a OK [MAILBOXID "));
    // With COMPRESS the connection has a say.
    let mut w = Vec::new();
    let tagged = parse(b"c COMPRESS DEFLATE").expect("a command");
    assert_eq!(talk.session.handle(tagged.clone(), &mut w), Next::Compress);
    talk.session.compress(true, &mut w);
    assert_eq!(w, b"c OK What follows is compressed\r\n");
    assert!(!talk.say("CAPABILITY").contains("COMPRESS"));
    w.clear();
    assert_eq!(talk.session.handle(tagged, &mut w), Next::Done);
    assert_eq!(w, b"c NO [COMPRESSIONACTIVE] everything is compressed already\r\n");
    talk.expect("COMPRESS ZSTD", &["a BAD there is no such way to compress"]);
}
