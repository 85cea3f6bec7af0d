//! METADATA (RFC 5464).

use super::*;

#[test]
fn notes_are_kept_and_told() {
    let mut talk = Talk::new();
    talk.expect(
        "SETMETADATA INBOX (/private/comment \"mine\" /shared/comment {3}\r\nour)",
        &["a OK Noted"],
    );
    talk.expect("GETMETADATA INBOX (/shared/comment /private/Comment /private/none)", &[
        "* METADATA INBOX (/private/comment \"mine\" /shared/comment \"our\" /private/none NIL)",
        "a OK These are the notes",
    ]);
    talk.expect("SETMETADATA INBOX (/private/a/b \"deep\" /private/a \"x\")", &["a OK Noted"]);
    talk.expect(
        "GETMETADATA (DEPTH 1) INBOX /private",
        &[
            "* METADATA INBOX (/private/comment \"mine\" /private/a \"x\")",
            "a OK These are the notes",
        ],
    );
    talk.expect(
        "GETMETADATA (DEPTH infinity MAXSIZE 3) INBOX /private",
        &["* METADATA INBOX (/private/a \"x\")", "a OK [METADATA LONGENTRIES 4] Some are longer"],
    );
    talk.expect("SETMETADATA INBOX (/private/comment NIL)", &["a OK Noted"]);
    talk.expect(
        "GETMETADATA INBOX /private/comment",
        &["* METADATA INBOX (/private/comment NIL)", "a OK These are the notes"],
    );
    // Bytes that are no text come back as literal8.
    talk.expect("SETMETADATA INBOX (/private/comment ~{3}\r\na\0b)", &["a OK Noted"]);
    talk.expect(
        "GETMETADATA INBOX /private/comment",
        &["* METADATA INBOX (/private/comment ~{3}", "a\0b)", "a OK These are the notes"],
    );
    // Of the server, and of a special use.
    talk.expect("SETMETADATA \"\" (/private/comment \"all\")", &["a OK Noted"]);
    talk.expect(
        "GETMETADATA \"\" /private/comment",
        &["* METADATA \"\" (/private/comment \"all\")", "a OK These are the notes"],
    );
    talk.expect(
        "SETMETADATA \"\" (/shared/comment \"all\")",
        &["a NO [NOPERM] notes of the server are not yours to change"],
    );
    talk.expect(
        "GETMETADATA Drafts /private/specialuse",
        &["* METADATA Drafts (/private/specialuse \"\\\\Drafts\")", "a OK These are the notes"],
    );
    talk.expect("GETMETADATA gone /private/x", &["a NO [NONEXISTENT] there is no such mailbox"]);
}

#[test]
fn notes_are_bounded() {
    let mut talk = Talk::new();
    let long = "x".repeat((16 << 10) + 1);
    talk.expect(
        &format!("SETMETADATA INBOX (/private/x {{{}}}\r\n{long})", long.len()),
        &["a NO [METADATA MAXSIZE 16384] a note is longer than 16384 bytes"],
    );
    let most = &long[1..];
    for n in 0..15 {
        talk.expect(
            &format!("SETMETADATA INBOX (/private/{n} {{{}}}\r\n{most})", most.len()),
            &["a OK Noted"],
        );
    }
    let many = "a NO [METADATA TOOMANY] there are too many notes on this mailbox";
    let answer = talk.say(&format!("SETMETADATA INBOX (/private/y {{{}}}\r\n{most})", most.len()));
    assert_eq!(answer, format!("{many}\r\n"));
    for n in 15..64 {
        talk.expect(&format!("SETMETADATA INBOX (/private/{n} \"x\")"), &["a OK Noted"]);
    }
    talk.expect("SETMETADATA INBOX (/private/z \"x\")", &[many]);
    assert!(talk.say("GETMETADATA INBOX /private/14").contains(most));
}

#[test]
fn private_notes_are_each_users_own() {
    let mut me = Talk::new();
    let store = me.session.store.clone();
    let new = NewAccount { address: "ann@example.test".into(), ..NewAccount::default() };
    store.create_account(&new).expect("an account");
    let mut ann = Talk::of(&store, "ann@example.test");
    me.say("SETACL INBOX ann@example.test lr");
    let inbox = "\"Other Users/me@example.test/INBOX\"";
    me.say("SETMETADATA INBOX (/private/x \"mine\" /shared/x \"ours\")");
    ann.expect(&format!("SETMETADATA {inbox} (/private/x \"hers\")"), &["a OK Noted"]);
    ann.expect(
        &format!("GETMETADATA {inbox} (/private/x /shared/x)"),
        &[
            &format!("* METADATA {inbox} (/shared/x \"ours\" /private/x \"hers\")"),
            "a OK These are the notes",
        ],
    );
    ann.expect(
        &format!("SETMETADATA {inbox} (/shared/x \"hers\")"),
        &["a NO [NOPERM] the mailbox does not grant you this right"],
    );
    assert!(me.say("GETMETADATA INBOX /private/x").contains("\"mine\""));
}
