//! SORT, THREAD and what they return (RFC 5256, RFC 5267, RFC 5957), PARTIAL (RFC 9394), PREVIEW (RFC 8970).

use super::*;

fn put(talk: &mut Talk, header: &str, body: &str) {
    let mail = format!("{header}\r\n\r\n{body}\r\n");
    let answer = talk.say(&format!("APPEND INBOX {{{}}}\r\n{mail}", mail.len()));
    assert!(answer.starts_with("a OK [APPENDUID "), "{answer}");
}

fn filled() -> Talk {
    let mut talk = Talk::new();
    for (header, body) in [
        (
            "From: \"Zoe\" <alpha@x.test>\r\nTo: bob@x.test\r\nSubject: Re: beta\r\n\
             Date: Tue, 14 Nov 2023 12:00:00 +0000\r\nMessage-ID: <2@x>\r\nReferences: <1@x>",
            "two",
        ),
        (
            "From: beta@x.test\r\nTo: =?utf-8?q?=C3=84rger?= <z@x.test>\r\nSubject: beta\r\n\
             Date: Tue, 14 Nov 2023 10:00:00 -0100\r\nMessage-ID: <1@x>",
            "one, which is longer",
        ),
        ("From: Ann <gamma@x.test>\r\nCc: a@x.test\r\nSubject: Alpha", "without a date"),
        ("Subject: [list] alpha (fwd)\r\nDate: Mon, 13 Nov 2023 00:00:00 +0000", "x"),
    ] {
        put(&mut talk, header, body);
    }
    talk.say("SELECT INBOX");
    talk
}

#[test]
fn messages_are_sorted() {
    let mut talk = filled();
    for (order, sorted) in [
        ("ARRIVAL", "1 2 3 4"),
        ("REVERSE ARRIVAL", "1 2 3 4"),
        // The second one is an hour before the first in UTC; the third came when it came.
        ("DATE", "4 2 1 3"),
        ("REVERSE DATE", "3 1 2 4"),
        ("SUBJECT", "3 4 1 2"),
        ("SUBJECT DATE", "4 3 2 1"),
        ("SUBJECT REVERSE DATE", "3 4 1 2"),
        ("FROM", "4 1 2 3"),
        ("DISPLAYFROM", "4 3 2 1"),
        ("DISPLAYTO", "3 4 2 1"),
        ("CC", "1 2 4 3"),
        ("SIZE", "4 3 1 2"),
    ] {
        talk.expect(
            &format!("SORT ({order}) UTF-8 ALL"),
            &[&format!("* SORT {sorted}"), "a OK Sorted"],
        );
    }
    talk.expect("UID SORT (SUBJECT) US-ASCII TEXT one", &["* SORT 2", "a OK Sorted"]);
    talk.expect("SORT (SUBJECT) UTF-8 DELETED", &["* SORT", "a OK Sorted"]);
    talk.expect(
        "SORT (DATE) KOI8-R ALL",
        &["a NO [BADCHARSET (US-ASCII UTF-8)] the charset is not known"],
    );
    talk.expect("SORT (DATE) UTF-8 9", &["a BAD there is no message of such a number"]);
}

#[test]
fn sorted_results_are_returned_in_their_order() {
    let mut talk = filled();
    talk.expect(
        "SORT RETURN (MIN MAX ALL COUNT) (DATE) UTF-8 ALL",
        &["* ESEARCH (TAG \"a\") MIN 4 MAX 3 ALL 4,2,1,3 COUNT 4", "a OK Sorted"],
    );
    talk.expect(
        "UID SORT RETURN () (ARRIVAL) UTF-8 ALL",
        &["* ESEARCH (TAG \"a\") UID ALL 1:4", "a OK Sorted"],
    );
    talk.expect(
        "UID SORT RETURN (PARTIAL 2:3 COUNT) (DATE) UTF-8 ALL",
        &["* ESEARCH (TAG \"a\") UID PARTIAL (2:3 2,1) COUNT 4", "a OK Sorted"],
    );
    talk.expect(
        "SORT RETURN (PARTIAL 9:12) (DATE) UTF-8 ALL",
        &["* ESEARCH (TAG \"a\") PARTIAL (9:12 NIL)", "a OK Sorted"],
    );
    talk.expect(
        "SORT RETURN (SAVE MIN) (DATE) UTF-8 ALL",
        &["* ESEARCH (TAG \"a\") MIN 4", "a OK Sorted"],
    );
    talk.expect("SEARCH $", &["* SEARCH 4", "a OK Searched"]);
    talk.expect(
        "SEARCH RETURN (SAVE PARTIAL 1:2 MAX) ALL",
        &["* ESEARCH (TAG \"a\") PARTIAL (1:2 1:2) MAX 4", "a OK Searched"],
    );
    talk.expect("SEARCH $", &["* SEARCH 1 2 4", "a OK Searched"]);
    talk.expect("SEARCH RETURN (MIN) DELETED", &["* ESEARCH (TAG \"a\")", "a OK Searched"]);
}

#[test]
fn messages_are_threaded() {
    let mut talk = filled();
    talk.expect("THREAD ORDEREDSUBJECT UTF-8 ALL", &["* THREAD (4 3)(2 1)", "a OK Threaded"]);
    talk.expect("UID THREAD REFERENCES UTF-8 ALL", &["* THREAD (2 1)(3 4)", "a OK Threaded"]);
    talk.expect("THREAD REFERENCES UTF-8 DELETED", &["* THREAD", "a OK Threaded"]);
    // No number moves while messages are named by number (RFC 5256 3).
    let id = message::list(&talk.mailbox, INBOX).expect("listed")[0].id;
    message::delete(&talk.mailbox, INBOX, &[id], true).expect("deleted");
    let answer = talk.say("THREAD REFERENCES UTF-8 ALL");
    assert!(!answer.contains("EXPUNGE"), "{answer}");
    talk.expect("UID THREAD REFERENCES UTF-8 2", &["* THREAD (2)", "* 1 EXPUNGE", "a OK Threaded"]);
}

#[test]
fn comparisons_know_unicode() {
    let mut talk = Talk::new();
    put(&mut talk, "Subject: =?utf-8?q?=C3=89T=C3=89?=", "x");
    put(&mut talk, "Subject: =?utf-8?q?e=CC=81t?=", "x");
    talk.say("SELECT INBOX");
    talk.expect("SEARCH SUBJECT {3+}\r\nét", &["* SEARCH 1 2", "a OK Searched"]);
}

#[test]
fn a_part_of_a_set_is_fetched() {
    let mut talk = filled();
    talk.expect(
        "UID FETCH 1:* UID (PARTIAL -1:-2)",
        &["* 3 FETCH (UID 3)", "* 4 FETCH (UID 4)", "a OK Fetched"],
    );
    talk.expect("UID FETCH 2:9 UID (PARTIAL 2:2)", &["* 3 FETCH (UID 3)", "a OK Fetched"]);
    talk.expect("UID FETCH 1:* UID (PARTIAL 7:9)", &["a OK Fetched"]);
}

#[test]
fn previews_are_told() {
    let mut talk = filled();
    talk.expect(
        "FETCH 2 PREVIEW",
        &["* 2 FETCH (PREVIEW \"one, which is longer\")", "a OK Fetched"],
    );
    talk.expect(
        "FETCH 4 (UID PREVIEW (LAZY))",
        &["* 4 FETCH (UID 4 PREVIEW \"x\")", "a OK Fetched"],
    );
    // It marks nothing as read.
    talk.expect("SEARCH SEEN", &["* SEARCH", "a OK Searched"]);
}
