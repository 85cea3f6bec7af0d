//! CATENATE (RFC 4469) and URLAUTH (RFC 4467).

use super::*;

/// What stands in the quotes of an answer's last quoted string.
fn quoted(answer: &str) -> String {
    answer.split('"').nth(1).expect("a quoted string").to_owned()
}

#[test]
fn messages_are_put_together() {
    let mut talk = Talk::new();
    talk.append("");
    let line = "APPEND Drafts (\\Draft) CATENATE (TEXT {16}\r\nSubject: again\r\n TEXT {2}\r\n\r\n \
                URL \"/INBOX;UIDVALIDITY=5/;UID=1/;SECTION=TEXT\" \
                URL \"/inbox/;uid=1/;section=HEADER.FIELDS%20(TO)/;partial=4.15\")";
    assert!(talk.say(line).starts_with("a OK [APPENDUID "), "{}", talk.say(line));
    talk.say("SELECT Drafts");
    let answer = talk.say("FETCH 1 (FLAGS BODY.PEEK[])");
    let whole = "Subject: again\r\n\r\nHello world\r\nbob@example.tes)";
    assert!(answer.contains("FLAGS (\\Draft)") && answer.contains(whole), "{answer}");
    for bad in [
        "/INBOX;UIDVALIDITY=6/;UID=1",
        "/INBOX/;UID=2",
        "/gone/;UID=1",
        "/INBOX/;UID=1/;SECTION=7",
        "imap://you@x/INBOX/;UID=1",
        "nonsense",
    ] {
        talk.expect(
            &format!("APPEND Drafts CATENATE (URL {bad})"),
            &[&format!("a NO [BADURL \"{bad}\"] Nothing is there for you")],
        );
    }
    talk.expect(
        "STATUS Drafts (MESSAGES)",
        &["* STATUS Drafts (MESSAGES 1)", "a OK This is the status"],
    );
}

#[test]
fn what_is_put_together_is_bounded() {
    let mut talk = Talk::new();
    talk.session.options.append_limit = 1_000;
    talk.append("");
    let urls = "URL /INBOX/;UID=1 ".repeat(10);
    assert!(
        talk.say(&format!("APPEND INBOX CATENATE ({})", urls.trim())).starts_with("a NO [TOOBIG]")
    );
}

#[test]
fn urls_are_given_away_and_taken_back() {
    let mut me = Talk::new();
    me.append("");
    let store = me.session.store.clone();
    for name in ["ann", "bob"] {
        let new = NewAccount { address: format!("{name}@example.test"), ..NewAccount::default() };
        store.create_account(&new).expect("an account");
    }
    let (mut ann, mut bob) =
        (Talk::of(&store, "ann@example.test"), Talk::of(&store, "bob@example.test"));
    let base = "imap://me%40example.test@mail.example.test/INBOX/;uid=1/;section=TEXT";
    let given = |me: &mut Talk, access: &str| {
        let answer = me.say(&format!("GENURLAUTH \"{base}{access}\" INTERNAL"));
        assert!(answer.starts_with("* GENURLAUTH \"imap://"), "{answer}");
        quoted(&answer)
    };
    let for_ann = given(&mut me, ";urlauth=user+ann%40example.test");
    assert_eq!(for_ann.rsplit(':').next().map(str::len), Some(64));
    let fetched = |talk: &mut Talk, url: &str| {
        let answer = talk.say(&format!("URLFETCH \"{url}\""));
        let nothing = format!("* URLFETCH \"{url}\" NIL\r\n");
        let all = format!("* URLFETCH \"{url}\" {{13}}\r\nHello world\r\n\r\n");
        assert!(answer.starts_with(&nothing) || answer.starts_with(&all), "{answer}");
        answer.starts_with(&all)
    };
    assert!(fetched(&mut ann, &for_ann));
    assert!(!fetched(&mut bob, &for_ann));
    let for_all = given(&mut me, ";urlauth=authuser");
    assert!(fetched(&mut bob, &for_all));
    // Nothing of it can be changed: not the part, the user, the time, or the token.
    let other = for_all.replace("section=TEXT", "section=HEADER");
    assert!(!fetched(&mut bob, &other) && !fetched(&mut bob, &for_ann.replace("ann", "bob")));
    let last = for_all.chars().last().expect("a digit");
    let wrong = format!("{}{}", &for_all[..for_all.len() - 1], if last == '0' { '1' } else { '0' });
    assert!(!fetched(&mut bob, &wrong));
    let soon = given(&mut me, ";expire=2023-11-14T22:13:21Z;urlauth=anonymous");
    let late = given(&mut me, ";expire=2023-11-14T22:13:20Z;urlauth=anonymous");
    assert!(fetched(&mut bob, &soon) && !fetched(&mut bob, &late));
    // Only a server of submission could use this one.
    let submit = given(&mut me, ";urlauth=submit+bob%40example.test");
    assert!(!fetched(&mut bob, &submit));
    // A message may be put together of what was given away.
    assert!(bob.say(&format!("APPEND INBOX CATENATE (URL \"{for_all}\")")).starts_with("a OK"));
    // The key of another mailbox is another one.
    me.say("RESETKEY Drafts");
    assert!(fetched(&mut bob, &for_all));
    me.expect(
        "RESETKEY INBOX INTERNAL",
        &["a OK [URLMECH INTERNAL] URLs that were given away are worth nothing now"],
    );
    assert!(!fetched(&mut bob, &for_all) && !fetched(&mut ann, &for_ann));
    let again = given(&mut me, ";urlauth=authuser");
    assert!(fetched(&mut bob, &again) && again != for_all);
    me.say("RESETKEY");
    assert!(!fetched(&mut bob, &again));
}

#[test]
fn nobody_gives_away_what_is_not_his() {
    let mut talk = Talk::new();
    for (line, answer) in [
        (
            "imap://me%40example.test@x/INBOX/;uid=1",
            "a BAD a URL ends with ;URLAUTH= and who may use it",
        ),
        ("imap://you@x/INBOX/;uid=1;urlauth=authuser", "a BAD a URL names you, and this server"),
        ("/INBOX/;uid=1;urlauth=authuser", "a BAD a URL names you, and this server"),
        ("x", "a BAD that is no URL of a message"),
        (
            "imap://me%40example.test@x/gone/;uid=1;urlauth=authuser",
            "a NO [NONEXISTENT] there is no such mailbox",
        ),
    ] {
        talk.expect(&format!("GENURLAUTH \"{line}\" INTERNAL"), &[answer]);
    }
    talk.expect(
        "URLFETCH \"/INBOX/;uid=1\"",
        &["* URLFETCH \"/INBOX/;uid=1\" NIL", "a OK This is what could be had"],
    );
}
