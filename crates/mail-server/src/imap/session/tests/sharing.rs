//! ACL (RFC 4314), LIST-MYRIGHTS (RFC 8440) and the namespaces of others (RFC 2342).

use super::*;

/// Two users of one store.
fn two() -> (Talk, Talk) {
    let mut me = Talk::new();
    let store = me.session.store.clone();
    let new = NewAccount { address: "ann@example.test".into(), ..NewAccount::default() };
    store.create_account(&new).expect("an account");
    let ann = Talk::of(&store, "ann@example.test");
    me.append("\\Seen");
    me.append("");
    me.say("CREATE Team");
    (me, ann)
}

const MINE: &str = "\"Other Users/me@example.test/INBOX\"";

#[test]
fn rights_are_granted_told_and_taken() {
    let (mut me, ann) = two();
    me.expect("MYRIGHTS INBOX", &["* MYRIGHTS INBOX lrswipkxteacd", "a OK These are your rights"]);
    me.expect("SETACL INBOX ann@example.test lr", &["a OK The list is changed"]);
    me.expect("SETACL INBOX ann@example.test +i", &["a OK The list is changed"]);
    me.expect("SETACL INBOX anyone l", &["a OK The list is changed"]);
    me.expect("GETACL INBOX", &[
        "* ACL INBOX \"me@example.test\" \"lrswipkxteacd\" \"anyone\" \"l\" \"ann@example.test\" \"lrip\"",
        "a OK This is the list",
    ]);
    me.expect("SETACL INBOX ann@example.test -ip", &["a OK The list is changed"]);
    me.expect(
        "LISTRIGHTS INBOX ann@example.test",
        &[
            "* LISTRIGHTS INBOX \"ann@example.test\" \"\" l r sw ip kc xa ted",
            "a OK These can be granted",
        ],
    );
    me.expect(
        "LISTRIGHTS INBOX me@example.test",
        &["* LISTRIGHTS INBOX \"me@example.test\" lrswipkxteacd", "a OK These can be granted"],
    );
    me.expect(
        "SETACL INBOX me@example.test l",
        &["a NO [NOPERM] the owner has all rights, and keeps them"],
    );
    me.expect("SETACL INBOX ann@example.test z", &["a BAD there is no such right"]);
    assert!(me.say("SETACL INBOX nobody@x l").starts_with("a NO [CANNOT]"));
    // MAPI sees the same list.
    let acl = store::permission::list(&me.mailbox, INBOX).expect("read").expect("a list");
    let ann = store::permission::Member::Account(ann.mailbox.guid());
    let rights = acl.effective(ann, false).expect("an entry");
    assert_eq!(rights, store::permission::Rights(0x401));
    me.expect("DELETEACL INBOX ann@example.test", &["a OK The list is changed"]);
    assert!(!me.say("GETACL INBOX").contains("ann@"));
}

#[test]
fn what_is_not_granted_is_not_there() {
    let (mut me, mut ann) = two();
    let nowhere = "a NO [NONEXISTENT] there is no such mailbox";
    ann.expect(
        "NAMESPACE",
        &[
            "* NAMESPACE ((\"\" \"/\")) ((\"Other Users/\" \"/\")) ((\"Public Folders/\" \"/\"))",
            "a OK These are the namespaces",
        ],
    );
    for line in ["SELECT", "MYRIGHTS", "GETACL", "DELETE", "GETQUOTAROOT", "EXAMINE"] {
        ann.expect(&format!("{line} {MINE}"), &[nowhere]);
    }
    ann.expect(&format!("STATUS {MINE} (MESSAGES)"), &[nowhere]);
    ann.expect("LIST \"\" \"Other Users/*\"", &["a OK Listed"]);
    me.say("SETACL INBOX ann@example.test l");
    ann.expect(
        "LIST \"\" \"Other Users/*\" RETURN (MYRIGHTS)",
        &[
            "* LIST (\\HasChildren \\Noselect) \"/\" \"Other Users/me@example.test\"",
            "* LIST (\\HasNoChildren \\Noselect) \"/\" \"Other Users/me@example.test/INBOX\"",
            "* MYRIGHTS \"Other Users/me@example.test/INBOX\" l",
            "a OK Listed",
        ],
    );
    let refused = "a NO [NOPERM] the mailbox does not grant you this right";
    for line in ["SELECT", "GETACL", "DELETE"] {
        ann.expect(&format!("{line} {MINE}"), &[refused]);
    }
    // One's own mailboxes are listed without those of others.
    assert!(!ann.say("LIST \"\" *").contains("Other Users"));
}

#[test]
fn who_may_read_reads_and_no_more() {
    let (mut me, mut ann) = two();
    me.say("SETACL INBOX ann@example.test lr");
    let selected = ann.say(&format!("SELECT {MINE}"));
    assert!(selected.contains("* 2 EXISTS\r\n"), "{selected}");
    assert!(selected.contains("[PERMANENTFLAGS ()]"), "{selected}");
    assert!(selected.ends_with("a OK [READ-ONLY] Opened for reading\r\n"), "{selected}");
    let answer = ann.say("FETCH 2 BODY[TEXT]");
    assert!(answer.contains("Hello world") && !answer.contains("FLAGS"), "{answer}");
    let read_only = "a NO [READ-ONLY] the mailbox was opened for reading";
    ann.expect("STORE 2 +FLAGS (\\Seen)", &[read_only]);
    ann.expect("EXPUNGE", &[read_only]);
    let refused = "a NO [NOPERM] the mailbox does not grant you this right";
    ann.expect(&format!("COPY 1 {MINE}"), &[refused]);
    assert!(ann.say("COPY 1 INBOX").starts_with("a OK [COPYUID 5 1 1]"));
    // What comes is told, and what is taken away is gone at once.
    me.append("");
    ann.expect("NOOP", &["* 3 EXISTS", "a OK Nothing done"]);
    me.say("SETACL INBOX ann@example.test l");
    ann.expect("FETCH 1 FLAGS", &[refused]);
    me.append("");
    ann.expect("NOOP", &["a OK Nothing done"]);
}

#[test]
fn flags_are_changed_as_far_as_granted() {
    let (mut me, mut ann) = two();
    me.say("SETACL INBOX ann@example.test lrsw");
    let selected = ann.say(&format!("SELECT {MINE}"));
    assert!(
        selected.contains("(\\Answered \\Flagged \\Seen \\Draft $Forwarded \\*)"),
        "{selected}"
    );
    ann.expect(
        "STORE 1 +FLAGS (\\Flagged \\Deleted)",
        &["* 1 FETCH (UID 1 FLAGS (\\Flagged \\Seen))", "a OK Stored what you may"],
    );
    let refused = "a NO [NOPERM] the mailbox does not grant you this right";
    ann.expect("STORE 1 +FLAGS (\\Deleted)", &[refused]);
    ann.expect("EXPUNGE", &[refused]);
    ann.expect("MOVE 1 INBOX", &[refused]);
    assert!(ann.say("FETCH 2 BODY[TEXT]").contains("FLAGS (\\Seen)"));
    me.say("SETACL INBOX ann@example.test +te");
    ann.expect("STORE 1 +FLAGS.SILENT (\\Deleted)", &["a OK Stored"]);
    ann.expect("EXPUNGE", &["* 1 EXPUNGE", "a OK Expunged"]);
    assert!(ann.say("MOVE 1 INBOX").contains("* 1 EXPUNGE\r\n"));
}

#[test]
fn mailboxes_are_made_and_filled_where_granted() {
    let (mut me, mut ann) = two();
    let refused = "a NO [NOPERM] the mailbox does not grant you this right";
    let team = "Other Users/me@example.test/Team";
    me.say("SETACL Team ann@example.test lrk");
    let append = format!("APPEND \"{team}\" {{{}}}\r\n{MAIL}", MAIL.len());
    ann.expect(&append, &[refused]);
    me.say("SETACL Team ann@example.test +i");
    assert!(ann.say(&append).starts_with("a OK [APPENDUID"));
    assert!(ann.say(&format!("CREATE \"{team}/New\"")).starts_with("a OK [MAILBOXID"));
    ann.expect(
        "CREATE \"Other Users/me@example.test/Top\"",
        &["a NO [NONEXISTENT] there is no such mailbox"],
    );
    // Who makes a mailbox may do everything in it, and its owner still may.
    ann.expect(
        &format!("MYRIGHTS \"{team}/New\""),
        &[&format!("* MYRIGHTS \"{team}/New\" lrswipkxteacd"), "a OK These are your rights"],
    );
    assert!(me.say("LIST \"\" Team/*").contains(" Team/New\r\n"));
    ann.expect(
        &format!("RENAME \"{team}/New\" Mine"),
        &["a NO [CANNOT] a mailbox stays with whom it belongs to: copy its messages"],
    );
    ann.expect(&format!("DELETE \"{team}/New\""), &["a OK Deleted"]);
    ann.expect(&format!("DELETE \"{team}\""), &[refused]);
}

#[test]
fn public_folders_are_shared() {
    let (mut me, mut ann) = two();
    me.expect("LIST \"\" \"Public Folders/*\"", &["a OK Listed"]);
    let store = me.session.store.clone();
    let public = store.make_public_folders().expect("made");
    let mailbox = store.mailbox(public.mailbox).expect("a mailbox");
    let new = store::folder::NewFolder { display_name: "News".into(), ..Default::default() };
    let top = store::PublicFolder::IpmSubtree.id();
    store::folder::create(&mailbox, top, &new).expect("created");
    // A new store of public folders lets everybody read and post, and change his own.
    ann.expect(
        "LIST \"\" \"Public Folders/%\" RETURN (MYRIGHTS)",
        &[
            "* LIST (\\HasNoChildren) \"/\" \"Public Folders/News\"",
            "* MYRIGHTS \"Public Folders/News\" lrip",
            "a OK Listed",
        ],
    );
    let append = format!("APPEND \"Public Folders/News\" {{{}}}\r\n{MAIL}", MAIL.len());
    assert!(ann.say(&append).starts_with("a OK [APPENDUID"));
    assert!(me.say("SELECT \"Public Folders/News\"").contains("* 1 EXISTS\r\n"));
    assert!(me.say("FETCH 1 BODY[TEXT]").contains("Hello world"));
    assert!(me.say("CREATE \"Public Folders/Mine\"").starts_with("a NO [NOPERM]"));
    assert!(me.say("SELECT \"Public Folders/INBOX\"").starts_with("* OK [CLOSED]"));
}

#[test]
fn a_copy_that_is_not_whole_is_taken_back_where_it_was_made() {
    let (mut me, mut ann) = two();
    me.say("SETACL INBOX ann@example.test lr");
    me.append("");
    ann.say(&format!("SELECT {MINE}"));
    me.say("SELECT INBOX");
    assert!(me.say("MOVE 1 Team").contains("* 1 EXPUNGE\r\n"));
    ann.expect(
        "COPY 1:3 INBOX",
        &["* 1 EXPUNGE", "a NO [EXPUNGEISSUED] some of the messages are not there any more"],
    );
    ann.expect(
        "STATUS INBOX (MESSAGES)",
        &["* STATUS INBOX (MESSAGES 0)", "a OK This is the status"],
    );
    me.expect(
        "STATUS INBOX (MESSAGES)",
        &["* STATUS INBOX (MESSAGES 2)", "a OK This is the status"],
    );
}

#[test]
fn who_may_not_read_any_more_is_not_behind() {
    let (mut me, mut ann) = two();
    for gone in ["SETACL Team ann@example.test l", "DELETE Team"] {
        me.say("SETACL Team ann@example.test lr");
        let team = "\"Other Users/me@example.test/Team\"";
        assert!(ann.say(&format!("SELECT {team}")).contains("a OK"));
        let mut w = Vec::new();
        let tagged = parse(b"i IDLE\r\n").expect("a command");
        assert_eq!(ann.session.handle(tagged, &mut w), Next::Idle);
        me.say(gone);
        ann.session.news(&mut w);
        assert_eq!(w, b"+ idling\r\n", "{gone}");
        assert!(!ann.session.watch().expect("selected").is_behind(), "{gone}");
    }
}

#[test]
fn full_access_that_is_taken_ends_at_once() {
    let (mut me, mut ann) = two();
    let store = me.session.store.clone();
    let id = |address: &str| {
        store.account_by_address(address).expect("accounts").expect("an account").id
    };
    let (owner, grantee) = (id("me@example.test"), id("ann@example.test"));
    store.grant_full_access(owner, grantee).expect("granted");
    assert!(ann.say(&format!("SELECT {MINE}")).contains("a OK [READ-WRITE]"));
    store.revoke_full_access(owner, grantee).expect("revoked");
    me.append("");
    ann.expect("NOOP", &["a OK Nothing done"]);
    assert!(ann.say("FETCH 1 FLAGS").starts_with("a NO [NONEXISTENT]"));
}
