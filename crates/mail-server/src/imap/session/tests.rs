//! Dialogues without a socket: a line of the client, and all that he is answered.

use std::sync::Arc;

use mapi::FileTime;
use store::message::{self, MarkEdit, Marks};
use store::{Mailbox, NewAccount, SpecialFolder, Store, StoreOptions};

use super::*;
use crate::imap::command::parse;

mod conformance;
mod contexts;
mod dates_and_uses;
mod failing;
mod notes;
mod sharing;
mod sorting;
mod urls;

struct Talk {
    session: Session,
    mailbox: Arc<Mailbox>,
}

const INBOX: mapi::FolderId = SpecialFolder::Inbox.id();
const MAIL: &str = "From: Ann <ann@example.test>\r\nTo: bob@example.test\r\n\
Date: Tue, 14 Nov 2023 23:30:00 -0800\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nHello world\r\n";

impl Talk {
    fn new() -> Talk {
        let clock = Arc::new(|| FileTime::from_unix(1_700_000_000, 0));
        let store = Store::in_memory(StoreOptions { clock, ..StoreOptions::default() });
        let store = store.expect("a store");
        let new = NewAccount { address: "me@example.test".into(), ..NewAccount::default() };
        store.create_account(&new).expect("an account");
        Talk::with(&store)
    }

    fn with(store: &Store) -> Talk {
        Talk::of(store, "me@example.test")
    }

    fn of(store: &Store, address: &str) -> Talk {
        let account = store.account_by_address(address).expect("accounts").expect("an account");
        let mailbox = store.mailbox(account.mailbox).expect("a mailbox");
        let mut session = Session::new(store.clone(), Options::default());
        session.tag = "l".into();
        let mut w = Vec::new();
        session.log_in(account, &mut w);
        assert!(w.starts_with(b"l OK [CAPABILITY IMAP4rev1 "), "{}", w.escape_ascii());
        Talk { session, mailbox }
    }

    /// A second client of the same mailbox.
    fn other(&self) -> Talk {
        Talk::with(&self.session.store)
    }

    fn say(&mut self, line: &str) -> String {
        let tagged = parse(format!("a {line}\r\n").as_bytes()).expect(line);
        let mut w = Vec::new();
        let mut next = self.session.handle(tagged, &mut w);
        while next == Next::More {
            next = self.session.resume(&mut w);
        }
        String::from_utf8(w).expect("text")
    }

    /// The answer has to be these lines.
    fn expect(&mut self, line: &str, lines: &[&str]) {
        let answer = self.say(line);
        assert_eq!(answer.trim_end().split("\r\n").collect::<Vec<_>>(), lines, "{line}");
    }

    fn append(&mut self, flags: &str) -> String {
        self.say(&format!("APPEND INBOX ({flags}) {{{}}}\r\n{MAIL}", MAIL.len()))
    }
}

#[test]
fn who_is_not_logged_in_does_little() {
    let store = Store::in_memory(StoreOptions::default()).expect("a store");
    let mut session = Session::new(store.clone(), Options::default());
    let mut w = Vec::new();
    let mut say = |session: &mut Session, line: &str| {
        w.clear();
        let next = session.handle(parse(line.as_bytes()).expect(line), &mut w);
        (next, String::from_utf8(w.clone()).expect("text"))
    };
    for line in ["a SELECT INBOX", "a LIST \"\" *", "a IDLE", "a STORE 1 FLAGS ()", "a NAMESPACE"] {
        assert_eq!(say(&mut session, line).1, "a BAD log in first\r\n", "{line}");
    }
    let capabilities = say(&mut session, "a CAPABILITY").1;
    assert!(capabilities.contains(" AUTH=PLAIN ") && !capabilities.contains("LOGINDISABLED"));
    let verify = Next::Verify { user: "u".into(), password: "p".into() };
    assert_eq!(say(&mut session, "a LOGIN u p").0, verify);
    let mut out = Vec::new();
    session.refuse("AUTHENTICATIONFAILED", "no", &mut out);
    assert_eq!(out, b"a NO [AUTHENTICATIONFAILED] no\r\n");
    assert_eq!(say(&mut session, "b LOGOUT").0, Next::Logout);
    let options = Options { login_disabled: true, ..Options::default() };
    let mut session = Session::new(store, options);
    assert!(session.greeting().contains("LOGINDISABLED"));
    assert_eq!(say(&mut session, "a LOGIN u p").0, Next::Done);
}

#[test]
fn mailboxes_are_listed_made_renamed_and_deleted() {
    let mut talk = Talk::new();
    talk.expect(
        "LIST \"\" \"\"",
        &["* LIST (\\Noselect) \"/\" \"\"", "a OK This is the delimiter"],
    );
    let all = talk.say("LIST \"\" *");
    assert!(all.contains("* LIST (\\HasNoChildren) \"/\" INBOX\r\n"), "{all}");
    assert!(all.contains("* LIST (\\HasNoChildren \\Sent) \"/\" \"Sent Items\"\r\n"), "{all}");
    assert!(talk.say("CREATE Work/&ANw-ber").starts_with("a OK [MAILBOXID (F1-"));
    talk.expect("CREATE work", &["a NO [ALREADYEXISTS] the mailbox exists already"]);
    talk.expect(
        "LIST \"\" (\"Work\" \"Work/%\")",
        &[
            "* LIST (\\HasChildren) \"/\" Work",
            "* LIST (\\HasNoChildren) \"/\" Work/&ANw-ber",
            "a OK Listed",
        ],
    );
    talk.expect(
        "DELETE Work",
        &["a NO [HASCHILDREN] there are mailboxes below it: delete them first"],
    );
    talk.expect("RENAME Work/&ANw-ber New/x", &["a OK Renamed"]);
    talk.expect("LIST New/ %", &["* LIST (\\HasNoChildren) \"/\" New/x", "a OK Listed"]);
    talk.expect("DELETE Work", &["a OK Deleted"]);
    talk.expect("DELETE Work", &["a NO [NONEXISTENT] there is no such mailbox"]);
    for special in ["INBOX", "Drafts"] {
        assert!(talk.say(&format!("DELETE {special}")).starts_with("a NO [CANNOT]"));
    }
    talk.expect(
        "LIST (SPECIAL-USE) \"\" * RETURN (STATUS (MESSAGES))",
        &[
            "* LIST (\\HasNoChildren \\Trash) \"/\" \"Deleted Items\"",
            "* STATUS \"Deleted Items\" (MESSAGES 0)",
            "* LIST (\\HasNoChildren \\Drafts) \"/\" Drafts",
            "* STATUS Drafts (MESSAGES 0)",
            "* LIST (\\HasNoChildren \\Junk) \"/\" \"Junk E-mail\"",
            "* STATUS \"Junk E-mail\" (MESSAGES 0)",
            "* LIST (\\HasNoChildren \\Sent) \"/\" \"Sent Items\"",
            "* STATUS \"Sent Items\" (MESSAGES 0)",
            "a OK Listed",
        ],
    );
    talk.expect("ENABLE IMAP4rev2 X", &["* ENABLED IMAP4rev2", "a OK Enabled what there is"]);
    talk.say("CREATE \"Über & mehr\"");
    talk.expect(
        "LIST \"\" \"Ü*\"",
        &["* LIST (\\HasNoChildren) \"/\" \"Über & mehr\"", "a OK Listed"],
    );
}

#[test]
fn subscriptions_are_kept_by_name() {
    let mut talk = Talk::new();
    // Until the first change, everything.
    assert!(talk.say("LSUB \"\" *").contains("* LSUB () \"/\" Drafts\r\n"));
    for name in ["Drafts", "Outbox", "Calendar", "Contacts", "Tasks", "Notes", "Journal"] {
        talk.expect(&format!("UNSUBSCRIBE {name}"), &["a OK Not subscribed any more"]);
    }
    talk.say("UNSUBSCRIBE \"Junk E-mail\"");
    talk.say("UNSUBSCRIBE \"Deleted Items\"");
    talk.say("UNSUBSCRIBE \"sent items\"");
    talk.expect("SUBSCRIBE Gone/x", &["a OK Subscribed"]);
    talk.expect(
        "LIST (SUBSCRIBED) \"\" *",
        &[
            "* LIST (\\HasNoChildren \\Subscribed) \"/\" INBOX",
            "* LIST (\\NonExistent \\Subscribed) \"/\" Gone/x",
            "a OK Listed",
        ],
    );
    talk.expect(
        "LSUB \"\" %",
        &["* LSUB (\\Noselect) \"/\" Gone", "* LSUB () \"/\" INBOX", "a OK Listed"],
    );
}

#[test]
fn messages_are_appended_selected_and_fetched() {
    let mut talk = Talk::new();
    talk.expect(
        &format!("APPEND nowhere {{{}}}\r\n{MAIL}", MAIL.len()),
        &["a NO [TRYCREATE] there is no such mailbox: create it first"],
    );
    let flags = "\\Seen \\Flagged $Forwarded Work";
    assert_eq!(talk.append(flags), "a OK [APPENDUID 5 1] Appended\r\n");
    let two = format!(
        "APPEND INBOX \"01-Jan-2000 00:00:00 +0100\" {{{0}}}\r\n{MAIL} {{{0}}}\r\n{MAIL}",
        MAIL.len()
    );
    talk.expect(&two, &["a OK [APPENDUID 5 2:3] Appended"]);
    let selected = talk.say("SELECT inbox");
    for line in [
        "* 3 EXISTS",
        "* OK [UNSEEN 2] The first unseen",
        "* OK [UIDVALIDITY 5] UIDs are valid",
        "* OK [UIDNEXT 4] The next UID",
        "a OK [READ-WRITE] Selected",
    ] {
        assert!(selected.lines().any(|l| l == line), "{line} in {selected}");
    }
    talk.expect(
        "FETCH 1:2 (FLAGS UID RFC822.SIZE INTERNALDATE)",
        &[
            &format!("* 1 FETCH (FLAGS (\\Flagged \\Seen $Forwarded Work) UID 1 RFC822.SIZE {} INTERNALDATE \"14-Nov-2023 22:13:20 +0000\")", MAIL.len()),
            &format!("* 2 FETCH (FLAGS () UID 2 RFC822.SIZE {} INTERNALDATE \"31-Dec-1999 23:00:00 +0000\")", MAIL.len()),
            "a OK Fetched",
        ],
    );
    assert_eq!(
        talk.say("UID FETCH 1 BODY.PEEK[]"),
        format!("* 1 FETCH (UID 1 BODY[] {{{}}}\r\n{MAIL})\r\na OK Fetched\r\n", MAIL.len())
    );
    talk.expect(
        "FETCH 3 BODY[TEXT]<6.5>",
        &["* 3 FETCH (BODY[TEXT]<6> {5}", "world FLAGS (\\Seen))", "a OK Fetched"],
    );
    talk.expect("FETCH 9 FLAGS", &["a BAD there is no message of such a number"]);
    talk.expect("UID FETCH 9 FLAGS", &["a OK Fetched"]);
    talk.expect(
        "FETCH 2 (BINARY[1]<0.5> BINARY.SIZE[1] BODY[2])",
        &[
            "* 2 FETCH (BINARY[1]<0> {5}",
            "Hello BINARY.SIZE[1] 13 BODY[2] NIL FLAGS (\\Seen))",
            "a OK Fetched",
        ],
    );
    talk.expect(
        "STATUS INBOX (MESSAGES UNSEEN UIDNEXT DELETED SIZE)",
        &[
            &format!(
                "* STATUS INBOX (MESSAGES 3 UNSEEN 0 UIDNEXT 4 DELETED 0 SIZE {})",
                3 * MAIL.len()
            ),
            "a OK This is the status",
        ],
    );
}

#[test]
fn flags_are_stored_and_are_mapis() {
    let mut talk = Talk::new();
    for _ in 0..3 {
        talk.append("");
    }
    talk.say("SELECT INBOX");
    talk.expect(
        "STORE 1:2 +FLAGS (\\Seen \\Answered Red&ACA-Category)",
        &[
            "* 1 FETCH (UID 1 FLAGS (\\Answered \\Seen Red&ACA-Category))",
            "* 2 FETCH (UID 2 FLAGS (\\Answered \\Seen Red&ACA-Category))",
            "a OK Stored",
        ],
    );
    let id = message::list(&talk.mailbox, INBOX).expect("listed")[0].id;
    assert_eq!(message::categories(&talk.mailbox, id).expect("read"), ["Red Category"]);
    assert!(message::open(&talk.mailbox, id).expect("open").read);
    talk.expect("UID STORE 2 -FLAGS.SILENT (\\Answered)", &["a OK Stored"]);
    talk.expect(
        "UID STORE 3 FLAGS \\Deleted",
        &["* 3 FETCH (UID 3 FLAGS (\\Deleted))", "a OK Stored"],
    );
    talk.expect("EXPUNGE", &["* 3 EXPUNGE", "a OK Expunged"]);
    talk.expect("SEARCH ANSWERED", &["* SEARCH 1", "a OK Searched"]);
    talk.say("EXAMINE INBOX");
    talk.expect("STORE 1 FLAGS ()", &["a NO [READ-ONLY] the mailbox was opened for reading"]);
    talk.expect("CLOSE", &["a OK Closed"]);
    talk.expect("CLOSE", &["a BAD select a mailbox first"]);
}

#[test]
fn what_others_do_is_told_at_the_right_moment() {
    let mut talk = Talk::new();
    for _ in 0..3 {
        talk.append("");
    }
    talk.say("SELECT INBOX");
    let ids: Vec<_> =
        message::list(&talk.mailbox, INBOX).expect("listed").iter().map(|l| l.id).collect();
    // MAPI changes the read state of one, deletes another, and a third one comes.
    message::set_read(&talk.mailbox, ids[1], true).expect("set");
    message::delete(&talk.mailbox, INBOX, &[ids[0]], false).expect("deleted");
    talk.other().append("");
    // RFC 9051 7.5.1: no EXPUNGE while messages are named by number.
    talk.expect(
        "FETCH 1 UID",
        &[
            "* 4 EXISTS",
            "* 2 FETCH (UID 2 FLAGS (\\Seen))",
            "a OK [EXPUNGEISSUED] Some messages are not there any more",
        ],
    );
    talk.expect("NOOP", &["* 1 EXPUNGE", "a OK Nothing done"]);
    talk.expect("FETCH 1 UID", &["* 1 FETCH (UID 2)", "a OK Fetched"]);
    // One that comes and goes in between is not told of.
    talk.other().append("");
    let id = message::list(&talk.mailbox, INBOX).expect("listed").last().expect("one").id;
    message::delete(&talk.mailbox, INBOX, &[id], false).expect("deleted");
    talk.expect("NOOP", &["a OK Nothing done"]);
    let flagged = MarkEdit::Add(Marks { flagged: true, ..Marks::default() });
    message::edit_marks(&talk.mailbox, INBOX, &[ids[2]], &flagged, None).expect("marked");
    // IDLE tells it without being asked.
    let tagged = parse(b"i IDLE").expect("idle");
    let mut w = Vec::new();
    assert_eq!(talk.session.handle(tagged, &mut w), Next::Idle);
    message::delete(&talk.mailbox, INBOX, &[ids[1]], true).expect("deleted");
    assert!(talk.session.watch().expect("selected").is_behind());
    talk.session.news(&mut w);
    talk.session.idle_ends(&mut w);
    assert_eq!(
        String::from_utf8(w).expect("text"),
        "+ idling\r\n* 2 FETCH (UID 3 FLAGS (\\Flagged))\r\n* 1 EXPUNGE\r\ni OK Idled\r\n"
    );
}

#[test]
fn messages_are_copied_and_moved() {
    let mut talk = Talk::new();
    for flags in ["\\Seen", "\\Flagged", ""] {
        talk.append(flags);
    }
    talk.say("CREATE x");
    talk.say("SELECT INBOX");
    talk.expect("COPY 1 y", &["a NO [TRYCREATE] there is no such mailbox: create it first"]);
    let validity = store::folder::info(
        &talk.mailbox,
        names::find(&talk.mailbox, "x").expect("found").expect("there"),
    );
    let validity = validity.expect("info").uid_validity;
    talk.expect("COPY 1:2 x", &[&format!("a OK [COPYUID {validity} 1:2 1:2] Copied")]);
    talk.expect(
        "UID MOVE 1,3 x",
        &[
            &format!("* OK [COPYUID {validity} 1,3 3:4] Moved"),
            "* 3 EXPUNGE",
            "* 1 EXPUNGE",
            "a OK Moved",
        ],
    );
    talk.say("SELECT x");
    talk.expect(
        "FETCH 1:* FLAGS",
        &[
            "* 1 FETCH (FLAGS (\\Seen))",
            "* 2 FETCH (FLAGS (\\Flagged))",
            "* 3 FETCH (FLAGS (\\Seen))",
            "* 4 FETCH (FLAGS ())",
            "a OK Fetched",
        ],
    );
    // UID EXPUNGE takes only what it names and what is marked.
    talk.say("STORE 1:3 +FLAGS.SILENT (\\Deleted)");
    talk.expect("UID EXPUNGE 2:4", &["* 3 EXPUNGE", "* 2 EXPUNGE", "a OK Expunged"]);
    talk.expect("UNSELECT", &["a OK Closed, and nothing expunged"]);
    talk.expect(
        "STATUS x (MESSAGES DELETED)",
        &["* STATUS x (MESSAGES 2 DELETED 1)", "a OK This is the status"],
    );
}

#[test]
fn searches_find() {
    let mut talk = Talk::new();
    talk.append("\\Seen Work");
    talk.append("\\Flagged");
    let other = "Subject: other\r\nX-A: b\r\n\r\nGrüße\r\n";
    talk.say(&format!(
        "APPEND INBOX \"01-Jan-2000 00:00:00 +0000\" {{{}}}\r\n{other}",
        other.len()
    ));
    talk.say("SELECT INBOX");
    // With the full-text index as without it.
    for indexed in [false, true] {
        if indexed {
            assert_eq!(store::text::catch_up(&talk.mailbox).expect("indexed").messages, 3);
        }
        for (keys, found) in [
            ("ALL", "1 2 3"),
            ("SEEN", "1"),
            ("UNSEEN FLAGGED", "2"),
            ("OR SEEN FLAGGED", "1 2"),
            ("NOT KEYWORD work", "2 3"),
            ("CHARSET UTF-8 SUBJECT {4+}\r\nGRÜ", "1 2"),
            ("SUBJECT {6+}\r\ngrüß", "1 2"),
            ("FROM ann@EXAMPLE", "1 2"),
            ("TO bob FROM ann", "1 2"),
            ("BODY {6+}\r\ngrüß", "3"),
            ("TEXT {6+}\r\ngrüß", "1 2 3"),
            ("BODY WORLD", "1 2"),
            ("BODY \"lo wor\"", "1 2"),
            ("NOT BODY hello", "3"),
            ("TEXT bob@example", "1 2"),
            ("BODY bob", ""),
            ("HEADER x-a \"\"", "3"),
            ("HEADER x-a B", "3"),
            ("BEFORE 2-Jan-2000", "3"),
            ("SINCE 14-Nov-2023", "1 2"),
            ("ON 1-Jan-2000", "3"),
            ("SENTON 14-Nov-2023", "1 2"),
            ("YOUNGER 60", "1 2"),
            ("OLDER 60", "3"),
            ("SMALLER 60", "3"),
            ("2:*", "2 3"),
            ("UID 1,9", "1"),
            ("RECENT", ""),
        ] {
            let line =
                if found.is_empty() { "* SEARCH".into() } else { format!("* SEARCH {found}") };
            talk.expect(&format!("SEARCH {keys}"), &[&line, "a OK Searched"]);
        }
    }
    talk.expect(
        "SEARCH RETURN (MIN MAX COUNT ALL) UNSEEN",
        &["* ESEARCH (TAG \"a\") MIN 2 MAX 3 COUNT 2 ALL 2:3", "a OK Searched"],
    );
    talk.expect("UID SEARCH RETURN (SAVE) FLAGGED", &["a OK Searched"]);
    talk.expect("FETCH $ UID", &["* 2 FETCH (UID 2)", "a OK Fetched"]);
    talk.expect("SEARCH $", &["* SEARCH 2", "a OK Searched"]);
    talk.expect(
        "SEARCH RETURN (PARTIAL -1:-2) ALL",
        &["* ESEARCH (TAG \"a\") PARTIAL (-1:-2 2:3)", "a OK Searched"],
    );
    talk.expect(
        "SEARCH CHARSET latin1 ALL",
        &["a NO [BADCHARSET (US-ASCII UTF-8)] the charset is not known"],
    );
    talk.expect("SEARCH 7", &["a BAD there is no message of such a number"]);
    talk.say("ENABLE IMAP4rev2");
    talk.expect("SEARCH SEEN", &["* ESEARCH (TAG \"a\") ALL 1", "a OK Searched"]);
}

fn modseq(selected: &str) -> u64 {
    let at = selected.find("HIGHESTMODSEQ ").expect("told") + 14;
    selected[at..].split(']').next().and_then(|n| n.parse().ok()).expect("a number")
}

#[test]
fn bodies_of_what_did_not_change_are_not_told() {
    let mut talk = Talk::new();
    for _ in 0..3 {
        talk.append("");
    }
    let before = modseq(&talk.say("SELECT INBOX (CONDSTORE)"));
    talk.say("STORE 2 +FLAGS (\\Flagged)");
    let answer = talk.say(&format!("FETCH 1:* (BODY[]) (CHANGEDSINCE {before})"));
    assert!(answer.contains("* 2 FETCH (BODY[] "), "{answer}");
    assert!(!answer.contains("* 1 FETCH") && !answer.contains("* 3 FETCH"), "{answer}");
}

#[test]
fn a_message_is_not_told_many_times_over() {
    let mut talk = Talk::new();
    talk.append("");
    talk.say("SELECT INBOX");
    let answer = talk.say(&format!("FETCH 1 ({})", ["BODY.PEEK[]"; 100].join(" ")));
    assert_eq!(answer.matches("BODY[] ").count(), 1, "{answer}");
    let parts: Vec<String> = (0..33).map(|n| format!("BODY.PEEK[]<{n}.5>")).collect();
    let fetch = |parts: &[String]| format!("a FETCH 1 ({})\r\n", parts.join(" "));
    assert!(parse(fetch(&parts[1..]).as_bytes()).is_ok());
    assert!(parse(fetch(&parts).as_bytes()).is_err());
}

#[test]
fn a_client_that_comes_back_learns_what_changed() {
    let mut talk = Talk::new();
    for _ in 0..4 {
        talk.append("");
    }
    let before = modseq(&talk.say("SELECT INBOX (CONDSTORE)"));
    let answer = talk.say("STORE 1 +FLAGS (\\Seen)");
    let now = before + 1;
    assert_eq!(
        answer,
        format!("* 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ ({now}))\r\na OK Stored\r\n")
    );
    talk.expect(
        &format!("STORE 1:2 (UNCHANGEDSINCE {before}) +FLAGS.SILENT (\\Flagged)"),
        &[
            &format!("* 2 FETCH (UID 2 MODSEQ ({}))", now + 1),
            "a OK [MODIFIED 1] Some changed meanwhile",
        ],
    );
    talk.expect(
        &format!("FETCH 1:* FLAGS (CHANGEDSINCE {now})"),
        &[&format!("* 2 FETCH (FLAGS (\\Flagged) MODSEQ ({}))", now + 1), "a OK Fetched"],
    );
    talk.expect(
        &format!("SEARCH MODSEQ {now}"),
        &[&format!("* SEARCH 1 2 (MODSEQ {})", now + 1), "a OK Searched"],
    );
    talk.say("STORE 3 +FLAGS.SILENT (\\Deleted)");
    talk.say("EXPUNGE");
    let mut other = talk.other();
    talk.expect(
        &format!("SELECT INBOX (QRESYNC (5 {before} 1:4))"),
        &["a BAD ENABLE QRESYNC comes first"],
    );
    other.expect("ENABLE QRESYNC", &["* ENABLED QRESYNC", "a OK Enabled what there is"]);
    let answer = other.say(&format!("SELECT INBOX (QRESYNC (5 {before} 1:4))"));
    assert!(answer.contains("* VANISHED (EARLIER) 3\r\n"), "{answer}");
    assert!(
        answer.contains(&format!("* 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ ({now}))\r\n")),
        "{answer}"
    );
    assert!(answer.contains("* 2 FETCH (UID 2 FLAGS (\\Flagged)") && !answer.contains("* 3 FETCH"));
    let id = message::list(&other.mailbox, INBOX).expect("listed")[0].id;
    message::delete(&other.mailbox, INBOX, &[id], false).expect("deleted");
    other.expect("NOOP", &["* VANISHED 1", "a OK Nothing done"]);
    other.expect(
        &format!("UID FETCH 1:* (FLAGS) (CHANGEDSINCE {} VANISHED)", now + 50),
        &["* VANISHED (EARLIER) 1,3", "a OK Fetched"],
    );
}

#[test]
fn messages_of_mapi_are_made_into_mail() {
    let mut talk = Talk::new();
    let mut content = mapi::MessageContent::default();
    content.properties.set(mapi::tags::SUBJECT, "Made");
    content.properties.set(mapi::tags::BODY, "by MAPI");
    let options = message::ImportOptions::default();
    message::import(&talk.mailbox, INBOX, content, &options).expect("imported");
    let lf = mapi::MessageContent {
        mime: Some(b"Subject: lf\n\nline\n".to_vec()),
        ..mapi::MessageContent::default()
    };
    message::import(&talk.mailbox, INBOX, lf, &options).expect("imported");
    talk.say("SELECT INBOX");
    let answer = talk.say("FETCH 1 (RFC822.SIZE BODY.PEEK[])");
    assert!(answer.contains("Subject: Made\r\n") && answer.contains("by MAPI"), "{answer}");
    let size: usize = answer[answer.find("SIZE ").expect("told") + 5..]
        .split(' ')
        .next()
        .and_then(|n| n.parse().ok())
        .expect("a number");
    assert!(answer.contains(&format!("BODY[] {{{size}}}")));
    talk.expect(
        "FETCH 2 (RFC822.SIZE BODY.PEEK[TEXT])",
        &["* 2 FETCH (RFC822.SIZE 21 BODY[TEXT] {6}", "line", ")", "a OK Fetched"],
    );
    talk.expect(
        "GETQUOTAROOT INBOX",
        &["* QUOTAROOT INBOX \"\"", "* QUOTA \"\" ()", "a OK This is the quota"],
    );
}
