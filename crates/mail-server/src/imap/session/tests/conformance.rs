//! What a tester of the base protocol looks at (RFC 9051, RFC 3501): numbers that stand still, flags, sets, names.

use super::*;

fn filled(count: usize) -> Talk {
    let mut talk = Talk::new();
    for _ in 0..count {
        talk.append("");
    }
    talk.say("SELECT INBOX");
    talk
}

#[test]
fn numbers_stand_still_while_messages_are_named_by_them() {
    let mut talk = filled(4);
    let mut other = talk.other();
    other.say("SELECT INBOX");
    other.say("STORE 1 +FLAGS.SILENT (\\Deleted)");
    other.say("EXPUNGE");
    for line in [
        "FETCH 4 UID",
        "STORE 4 +FLAGS (\\Flagged)",
        "STORE 4 +FLAGS.SILENT (\\Answered)",
        "SEARCH ALL",
        "SORT (ARRIVAL) UTF-8 ALL",
        "THREAD REFERENCES UTF-8 ALL",
    ] {
        let answer = talk.say(line);
        assert!(!answer.contains("EXPUNGE") && answer.contains("a OK"), "{answer}");
    }
    talk.expect("SEARCH ALL", &["* SEARCH 2 3 4", "a OK Searched"]);
    talk.expect("FETCH 4 UID", &["* 4 FETCH (UID 4)", "a OK Fetched"]);
    talk.expect("UID FETCH 4 UID", &["* 4 FETCH (UID 4)", "* 1 EXPUNGE", "a OK Fetched"]);
    talk.expect("FETCH 3 UID", &["* 3 FETCH (UID 4)", "a OK Fetched"]);
}

#[test]
fn stars_and_ranges() {
    let mut talk = filled(3);
    for (set, numbers) in [
        ("*", vec![3]),
        ("*:2", vec![2, 3]),
        ("3:1", vec![1, 2, 3]),
        ("1,1:2,2", vec![1, 2]),
        ("*:*", vec![3]),
    ] {
        let lines: Vec<String> = numbers.iter().map(|n| format!("* {n} FETCH (UID {n})")).collect();
        let mut lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        lines.push("a OK Fetched");
        talk.expect(&format!("FETCH {set} UID"), &lines);
        talk.expect(&format!("UID FETCH {set} UID"), &lines);
    }
    // A UID that is too large is no error, and `9:*` has the last one (RFC 9051 9, seq-range).
    talk.expect("UID FETCH 9:* UID", &["* 3 FETCH (UID 3)", "a OK Fetched"]);
    talk.expect("UID SEARCH UID 9:*", &["* SEARCH 3", "a OK Searched"]);
    talk.expect("FETCH 2:9 UID", &["a BAD there is no message of such a number"]);
    talk.say("STORE 1:3 +FLAGS.SILENT (\\Deleted)");
    talk.say("EXPUNGE");
    talk.expect("UID FETCH 1:* UID", &["a OK Fetched"]);
    talk.expect("UID FETCH * UID", &["a OK Fetched"]);
    talk.expect("SEARCH ALL", &["* SEARCH", "a OK Searched"]);
    talk.expect("UID COPY 1:* INBOX", &["a OK There was nothing to do"]);
    // UIDNEXT does not go back.
    assert!(talk.say("SELECT INBOX").contains("[UIDNEXT 4]"));
    assert_eq!(talk.append(""), "* 1 EXISTS\r\na OK [APPENDUID 5 4] Appended\r\n");
}

#[test]
fn parts_beyond_the_end_are_empty() {
    let mut talk = filled(1);
    talk.expect(
        "FETCH 1 BODY.PEEK[TEXT]<11.9>",
        &["* 1 FETCH (BODY[TEXT]<11> {2}", "", ")", "a OK Fetched"],
    );
    for offset in ["13.1", "99.5", "4294967295.4294967295"] {
        let at = offset.split('.').next().expect("an offset");
        let answer = talk.say(&format!("FETCH 1 BODY.PEEK[TEXT]<{offset}>"));
        assert!(answer.contains(&format!("BODY[TEXT]<{at}> {{0}}\r\n)")), "{answer}");
    }
    talk.expect("FETCH 1 BODY.PEEK[2]<0.5>", &["* 1 FETCH (BODY[2]<0> NIL)", "a OK Fetched"]);
}

#[test]
fn flags_have_no_case_and_silence_is_kept() {
    let mut talk = filled(2);
    let mut other = talk.other();
    other.say("SELECT INBOX");
    talk.say("STORE 1 +FLAGS.SILENT (Work)");
    talk.expect(
        "STORE 1 +FLAGS (wORK \\SEEN)",
        &["* 1 FETCH (UID 1 FLAGS (\\Seen Work))", "a OK Stored"],
    );
    // The other session is told, silent or not, and once.
    other.expect("NOOP", &["* 1 FETCH (UID 1 FLAGS (\\Seen Work))", "a OK Nothing done"]);
    other.expect("NOOP", &["a OK Nothing done"]);
    // What somebody else changed meanwhile is told although one's own change is silent.
    other.say("STORE 2 +FLAGS.SILENT (\\Flagged)");
    talk.expect(
        "STORE 1 -FLAGS.SILENT (Work)",
        &["* 2 FETCH (UID 2 FLAGS (\\Flagged))", "a OK Stored"],
    );
    talk.expect("STORE 1 -FLAGS (WORK none)", &["* 1 FETCH (UID 1 FLAGS (\\Seen))", "a OK Stored"]);
    talk.expect("SEARCH UNKEYWORD work", &["* SEARCH 1 2", "a OK Searched"]);
    talk.expect(
        "STORE 1:2 FLAGS ()",
        &["* 1 FETCH (UID 1 FLAGS ())", "* 2 FETCH (UID 2 FLAGS ())", "a OK Stored"],
    );
}

#[test]
fn reading_marks_and_looking_does_not() {
    let mut talk = filled(1);
    for item in [
        "BODY.PEEK[]",
        "RFC822.HEADER",
        "BODY",
        "BODYSTRUCTURE",
        "ENVELOPE",
        "RFC822.SIZE",
        "BINARY.PEEK[1]",
        "PREVIEW",
    ] {
        let answer = talk.say(&format!("FETCH 1 {item}"));
        assert!(!answer.contains("FLAGS"), "{answer}");
    }
    talk.expect("SEARCH SEEN", &["* SEARCH", "a OK Searched"]);
    talk.say("EXAMINE INBOX");
    assert!(!talk.say("FETCH 1 BODY[]").contains("FLAGS"));
    talk.say("SELECT INBOX");
    for item in ["BODY[]", "BODY[HEADER]", "RFC822", "RFC822.TEXT", "BINARY[1]", "BODY[1]<0.1>"] {
        talk.say("STORE 1 -FLAGS.SILENT (\\Seen)");
        let answer = talk.say(&format!("FETCH 1 {item}"));
        assert!(answer.contains("FLAGS (\\Seen)"), "{answer}");
    }
}

#[test]
fn an_empty_field_is_not_a_missing_one() {
    let mut talk = Talk::new();
    let mail =
        "Subject:\r\nFrom: \"a \\\"b\\\" \\\\c\" <x@y>\r\nReply-To:\r\nIn-Reply-To: <q@r>\r\n\r\n";
    talk.say(&format!("APPEND INBOX {{{}}}\r\n{mail}", mail.len()));
    talk.say("SELECT INBOX");
    let from = "((\"a \\\"b\\\" \\\\c\" NIL \"x\" \"y\"))";
    talk.expect(
        "FETCH 1 ENVELOPE",
        &[
            &format!(
                "* 1 FETCH (ENVELOPE (NIL \"\" {from} {from} {from} NIL NIL NIL \"<q@r>\" NIL))"
            ),
            "a OK Fetched",
        ],
    );
    talk.expect(
        "FETCH 1 BODY[TEXT]",
        &["* 1 FETCH (BODY[TEXT] {0}", " FLAGS (\\Seen))", "a OK Fetched"],
    );
}

#[test]
fn names_are_found_whatever_stands_around_them() {
    let mut talk = Talk::new();
    for name in ["{3}\r\nA b", "\"q\\\"uote\\\\\"", "a/b/c"] {
        assert!(talk.say(&format!("CREATE {name}")).starts_with("a OK"), "{name}");
    }
    talk.expect("LIST \"\" {3}\r\nA b", &["* LIST (\\HasNoChildren) \"/\" \"A b\"", "a OK Listed"]);
    talk.expect(
        "LIST \"\" \"q*\"",
        &["* LIST (\\HasNoChildren) \"/\" \"q\\\"uote\\\\\"", "a OK Listed"],
    );
    talk.expect("LIST \"a/\" \"%\"", &["* LIST (\\HasChildren) \"/\" a/b", "a OK Listed"]);
    talk.expect("LIST \"\" a*c", &["* LIST (\\HasNoChildren) \"/\" a/b/c", "a OK Listed"]);
    talk.expect("LIST \"\" nothing", &["a OK Listed"]);
    // What is renamed takes along what is below it, and may not come below itself.
    talk.expect("RENAME a/b d/e", &["a OK Renamed"]);
    talk.expect(
        "LIST \"\" d/*",
        &[
            "* LIST (\\HasChildren) \"/\" d/e",
            "* LIST (\\HasNoChildren) \"/\" d/e/c",
            "a OK Listed",
        ],
    );
    assert!(talk.say("RENAME d d/e/f").starts_with("a NO"), "into itself");
    assert!(talk.say("RENAME d/e INBOX").starts_with("a NO [ALREADYEXISTS]"));
    talk.append("");
    talk.expect("RENAME INBOX d/old", &["a OK What was in INBOX is there now"]);
    talk.expect(
        "STATUS INBOX (MESSAGES)",
        &["* STATUS INBOX (MESSAGES 0)", "a OK This is the status"],
    );
    talk.expect(
        "STATUS d/old (MESSAGES)",
        &["* STATUS d/old (MESSAGES 1)", "a OK This is the status"],
    );
}

#[test]
fn what_is_deleted_meanwhile_ends_with_no() {
    let mut talk = filled(0);
    talk.say("CREATE x");
    talk.say(&format!("APPEND x {{{}}}\r\n{MAIL}", MAIL.len()));
    talk.say("SELECT x");
    talk.other().say("DELETE x");
    let answer = talk.say("FETCH 1 BODY[]");
    assert!(answer.contains("a NO") || answer.contains("[EXPUNGEISSUED]"), "{answer}");
    assert!(talk.say("NOOP").contains("a OK"));
    assert!(talk.say("SELECT x").contains("a NO [NONEXISTENT]"));
    // Nothing is selected after a SELECT that failed.
    talk.expect("CHECK", &["a BAD select a mailbox first"]);
}

#[test]
fn the_status_of_what_is_selected_is_told_as_well() {
    let mut talk = filled(2);
    talk.expect(
        "STATUS INBOX (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN)",
        &[
            "* STATUS INBOX (MESSAGES 2 RECENT 0 UIDNEXT 3 UIDVALIDITY 5 UNSEEN 2)",
            "a OK This is the status",
        ],
    );
    talk.other().append("");
    talk.expect(
        "STATUS INBOX (MESSAGES UIDNEXT)",
        &["* STATUS INBOX (MESSAGES 3 UIDNEXT 4)", "* 3 EXISTS", "a OK This is the status"],
    );
    let before = talk.say("STATUS INBOX (HIGHESTMODSEQ)");
    talk.say("STORE 1 +FLAGS.SILENT (\\Seen)");
    assert_ne!(talk.say("STATUS INBOX (HIGHESTMODSEQ)"), before);
}

#[test]
fn utf8_everywhere_needs_no_charset() {
    let mut talk = filled(1);
    talk.say("ENABLE UTF8=ACCEPT");
    talk.expect("SEARCH CHARSET UTF-8 ALL", &["a BAD everything is UTF-8 since UTF8=ACCEPT"]);
    talk.expect("SEARCH SUBJECT \"grüße\"", &["* SEARCH 1", "a OK Searched"]);
}
