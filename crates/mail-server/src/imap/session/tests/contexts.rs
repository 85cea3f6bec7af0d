//! CONTEXT=SEARCH and CONTEXT=SORT (RFC 5267).

use super::*;

fn mail(talk: &mut Talk, subject: &str, flags: &str) {
    let mail = format!("Subject: {subject}\r\n\r\nx\r\n");
    talk.say(&format!("APPEND INBOX ({flags}) {{{}}}\r\n{mail}", mail.len()));
}

#[test]
fn a_search_is_kept_up_to_date() {
    let mut talk = Talk::new();
    let mut other = talk.other();
    for _ in 0..3 {
        talk.append("");
    }
    talk.append("\\Flagged");
    talk.say("SELECT INBOX");
    other.say("SELECT INBOX");
    talk.expect(
        "UID SEARCH RETURN (UPDATE COUNT) FLAGGED",
        &["* ESEARCH (TAG \"a\") UID COUNT 1", "a OK Searched"],
    );
    // By another session, by itself, by what comes and by what goes.
    other.say("STORE 2:3 +FLAGS (\\Flagged)");
    talk.expect(
        "NOOP",
        &[
            "* ESEARCH (TAG \"a\") UID ADDTO (0 2:3)",
            "* 2 FETCH (UID 2 FLAGS (\\Flagged))",
            "* 3 FETCH (UID 3 FLAGS (\\Flagged))",
            "a OK Nothing done",
        ],
    );
    talk.expect(
        "STORE 2 -FLAGS.SILENT (\\Flagged)",
        &["* ESEARCH (TAG \"a\") UID REMOVEFROM (0 2)", "a OK Stored"],
    );
    other.append("\\Flagged");
    talk.expect(
        "NOOP",
        &["* 5 EXISTS", "* ESEARCH (TAG \"a\") UID ADDTO (0 5)", "a OK Nothing done"],
    );
    other.append("");
    talk.expect("NOOP", &["* 6 EXISTS", "a OK Nothing done"]);
    other.say("STORE 3 +FLAGS.SILENT (\\Deleted)");
    other.say("EXPUNGE");
    talk.expect(
        "NOOP",
        &["* ESEARCH (TAG \"a\") UID REMOVEFROM (0 3)", "* 3 EXPUNGE", "a OK Nothing done"],
    );
    talk.expect(
        "CANCELUPDATE \"b\"",
        &["a NO [NONEXISTENT] no search of this tag is kept up to date"],
    );
    talk.expect("CANCELUPDATE \"a\"", &["a OK Not kept up to date any more"]);
    other.append("\\Flagged");
    talk.expect("NOOP", &["* 6 EXISTS", "a OK Nothing done"]);
}

#[test]
fn sorted_results_have_places() {
    let mut talk = Talk::new();
    for subject in ["b", "d", "f"] {
        mail(&mut talk, subject, "");
    }
    talk.say("SELECT INBOX");
    talk.expect(
        "SORT RETURN (UPDATE CONTEXT) (REVERSE SUBJECT) UTF-8 UNSEEN",
        &["* ESEARCH (TAG \"a\") ALL 3,2,1", "a OK Sorted"],
    );
    let mut other = talk.other();
    mail(&mut other, "c", "");
    mail(&mut other, "a", "");
    mail(&mut other, "g", "\\Seen");
    talk.expect(
        "NOOP",
        &["* 6 EXISTS", "* ESEARCH (TAG \"a\") ADDTO (3 4 5 5)", "a OK Nothing done"],
    );
    talk.expect(
        "STORE 2:3 +FLAGS.SILENT (\\Seen)",
        &["* ESEARCH (TAG \"a\") REMOVEFROM (1 3 1 2)", "a OK Stored"],
    );
    // Another mailbox, another search.
    talk.say("SELECT Drafts");
    talk.expect(
        "CANCELUPDATE \"a\"",
        &["a NO [NONEXISTENT] no search of this tag is kept up to date"],
    );
}

#[test]
fn what_cannot_be_kept_is_said() {
    let mut talk = Talk::new();
    talk.append("");
    talk.say("SELECT INBOX");
    for keys in ["1", "OLDER 5", "NOT YOUNGER 5", "UID $"] {
        let answer = talk.say(&format!("SEARCH RETURN (UPDATE) {keys}"));
        assert!(answer.contains("* NO [NOUPDATE \"a\"]") && answer.ends_with("a OK Searched\r\n"));
    }
    let search = |talk: &mut Talk, tag: &str| {
        let tagged = parse(format!("{tag} SEARCH RETURN (UPDATE) ALL").as_bytes()).expect("parsed");
        let mut w = Vec::new();
        talk.session.handle(tagged, &mut w);
        String::from_utf8(w).expect("text")
    };
    for tag in ["1", "2", "3", "4", "5", "6", "7", "8", "8"] {
        assert!(!search(&mut talk, tag).contains("NOUPDATE"));
    }
    assert!(search(&mut talk, "9").contains("* NO [NOUPDATE \"9\"]"));
}
