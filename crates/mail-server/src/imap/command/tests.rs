//! Commands as the RFCs show them, and what is none.

use proptest::prelude::*;

use super::*;

fn read(line: &str) -> Command {
    match parse(line.as_bytes()) {
        Ok(tagged) => {
            crate::imap::oracle::command(line.as_bytes());
            tagged.command
        }
        Err((_, bad)) => panic!("{line:?}: {bad}"),
    }
}

#[test]
fn commands_of_the_rfcs_are_read() {
    for line in [
        "a047 NOOP\r\n",
        "A001 AUTHENTICATE PLAIN",
        "a001 AUTHENTICATE PLAIN =",
        "a001 LOGIN SMITH SESAME",
        "A001 LOGIN {11}\r\nFRED FOOBAR {7}\r\nfat man\r\n",
        "a023 ID (\"name\" \"sodr\" \"version\" \"19.34\" \"vendor\" NIL)",
        "a024 ID NIL",
        "t1 ENABLE CONDSTORE X-GOOD-IDEA",
        "A142 SELECT INBOX",
        "A03 SELECT INBOX (QRESYNC (67890007 90060115194045000 41,43:211,214:541))",
        "B04 SELECT INBOX (QRESYNC (67890007 90060115194045000 1:29997 (5000,7500,9000,9990:9999 15000,22500,27000,29970,29973,29976,29979,29982,29985,29988)))",
        "A932 EXAMINE blurdybloop (CONDSTORE)",
        "t2 CREATE MySpecial (USE (\\Drafts \\Sent))",
        "A683 DELETE blurdybloop",
        "A683 RENAME \"a b\" &-x",
        "A002 SUBSCRIBE #news.comp.mail.mime",
        "A101 LIST \"\" \"\"",
        "A01 LIST (SUBSCRIBED) \"\" \"*\"",
        "A04 LIST () \"\" (\"INBOX\" \"Drafts\" \"Sent/%\")",
        "A05 LIST (SUBSCRIBED RECURSIVEMATCH) \"\" \"%\" RETURN (CHILDREN STATUS (MESSAGES UNSEEN SIZE))",
        "A202 LIST ~/Mail/ %",
        "A002 LSUB \"#news.\" \"comp.mail.*\"",
        "A042 STATUS blurdybloop (UIDNEXT MESSAGES HIGHESTMODSEQ)",
        "A003 APPEND saved-messages (\\Seen $Forwarded) {3+}\r\nabc\r\n",
        "A003 APPEND x (\\Seen) \" 7-Feb-1994 21:52:25 -0800\" {1}\r\na (\\Flagged) \"17-Feb-1994 21:52:25 +0130\" ~{2}\r\n\0b",
        "A003 APPEND x UTF8 (~{2}\r\nab)",
        "A202 EXPUNGE",
        "A003 UID EXPUNGE 3000:3002",
        "A282 SEARCH FLAGGED SINCE 1-Feb-1994 NOT FROM \"Smith\"",
        "A282 SEARCH RETURN (MIN COUNT) FLAGGED SINCE \"1-Feb-1994\" NOT FROM \"Smith\"",
        "A283 SEARCH RETURN () CHARSET UTF-8 OR (SEEN 1:3) TEXT {4+}\r\nm\u{fc}l",
        "A284 UID SEARCH RETURN (SAVE PARTIAL -1:-100) MODSEQ \"/flags/\\\\draft\" all 620162338",
        "a UID SEARCH MODSEQ 1 LARGER 5 UID $ HEADER X-Y \"\" NEW OLD KEYWORD a UNKEYWORD b OLDER 5",
        "A283 SORT (SUBJECT REVERSE DATE) UTF-8 ALL",
        "A284 UID SORT RETURN (ALL) (DISPLAYFROM) UTF-8 SINCE 1-Feb-1994",
        "A284 THREAD REFERENCES UTF-8 SINCE 5-MAR-2000 TEXT \"gewp\"",
        "A285 SORT RETURN (PARTIAL 23500:24000 COUNT) (REVERSE DATE) UTF-8 UNDELETED",
        "a COMPRESS deflate",
        "A003 APPEND Drafts (\\Seen) CATENATE (URL \"/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER\" TEXT {4+}\r\nabcd)",
        "A003 APPEND Drafts CATENATE (TEXT {2+}\r\nab) \"17-Feb-1994 21:52:25 +0130\" {1+}\r\na",
        "a775 GENURLAUTH \"imap://joe@example.com/INBOX/;uid=20/;section=1.2;urlauth=submit+fred\" INTERNAL",
        "a776 URLFETCH \"imap://joe@example.com/INBOX/;uid=20\" x",
        "B01 UID SEARCH RETURN (UPDATE CONTEXT COUNT) DELETED KEYWORD $Junk",
        "B01 CANCELUPDATE \"a\" \"b\"",
        "a777 RESETKEY",
        "a777 RESETKEY INBOX internal",
        "A002 GETACL INBOX",
        "A003 SETACL INBOX/Drafts Byron lrswikda",
        "A035 SETACL INBOX/Drafts John +lrq0",
        "B001 DELETEACL INBOX Fred",
        "a001 LISTRIGHTS ~/Mail/saved smith",
        "A003 MYRIGHTS INBOX",
        "A01 LIST \"\" % RETURN (MYRIGHTS)",
        "a GETMETADATA \"\" /shared/comment",
        "a GETMETADATA \"INBOX\" (/shared/comment /private/comment)",
        "a GETMETADATA (MAXSIZE 1024 DEPTH infinity) \"INBOX\" (/shared /private/filters/values)",
        "a SETMETADATA INBOX (/private/comment {33+}\r\nMy new comment across\r\ntwo lines. /shared/comment NIL)",
        "a SEARCH OR SAVEDBEFORE 1-Feb-2020 SAVEDON 2-Feb-2020 SAVEDSINCE 3-Feb-2020 SAVEDATESUPPORTED",
        "A FETCH 1 PREVIEW (LAZY)",
        "A FETCH 1:4 (FLAGS PREVIEW (lazy) PREVIEW)",
        "101 UID FETCH 1:* (FLAGS) (PARTIAL -1:-30 CHANGEDSINCE 98305)",
        "A284 THREAD ORDEREDSUBJECT US-ASCII TEXT \"gewp\"",
        "A654 FETCH 2:4 (FLAGS BODY[HEADER.FIELDS (DATE FROM)])",
        "A FETCH 1 ALL",
        "A FETCH 1 FULL",
        "A FETCH 1 BODY",
        "A FETCH 1:*,$ BODY.PEEK[4.2.MIME]<0.2048>",
        "s100 UID FETCH 300:500 (FLAGS) (CHANGEDSINCE 12345 VANISHED)",
        "A FETCH 1 (RFC822.SIZE UID ENVELOPE BODYSTRUCTURE BINARY[1.2]<0.9> BINARY.SIZE[1] BODY[] RFC822 SAVEDATE)",
        "A003 STORE 2:4 +FLAGS (\\Deleted)",
        "a103 UID STORE 6,4,8 (UNCHANGEDSINCE 12121230045) +FLAGS.SILENT \\Deleted $Junk",
        "a STORE 1 FLAGS ()",
        "A003 COPY 2:4 MEETING",
        "a UID MOVE 42:69 foo",
        "a GETQUOTAROOT INBOX",
        "a GETQUOTA \"\"",
    ] {
        let line = line.replace("1:*,$", "1:*");
        read(&line);
    }
}

#[test]
fn what_is_read_is_what_was_meant() {
    assert_eq!(read("a SELECT inBox"), read("a SELECT \"INBOX\""));
    let Command::Append { messages, .. } =
        read("a APPEND x \" 7-Feb-1994 21:52:25 -0800\" {3}\r\na)b")
    else {
        panic!("no APPEND")
    };
    // 8 Feb 1994 05:52:25 UTC
    assert_eq!(messages[0].date, Some(760_686_745));
    assert_eq!(messages[0].bytes, b"a)b");
    let Command::Search { program, .. } = read("a SEARCH SINCE 1-Jan-1970 UNSEEN") else {
        panic!("no SEARCH")
    };
    let unseen = Key::Not(Box::new(Key::Flag(Flag::Seen)));
    assert_eq!(program.key, Key::And(vec![Key::Since(0), unseen]));
    let Command::Fetch { items, .. } = read("a FETCH 1 body.peek[1.2.header.fields (X \"a b\")]")
    else {
        panic!("no FETCH")
    };
    let Fetched::Body(body) = &items[0] else { panic!("no section") };
    assert_eq!(body.section.spec(), "1.2.HEADER.FIELDS (X \"a b\")");
    assert!(body.peek);
    assert_eq!(
        read("a STORE 1 -FLAGS \\sEEN"),
        Command::Store {
            by: By::Sequence,
            set: SequenceSet::Ranges(vec![(Number::Of(1), Number::Of(1))]),
            unchanged_since: None,
            action: StoreAction::Remove,
            silent: false,
            flags: vec![Flag::Seen],
        }
    );
}

#[test]
fn what_is_no_command_is_refused_with_its_tag() {
    for line in [
        "a",
        "a ",
        "a NOP",
        "a NOOP x",
        "a FETCH 0 FLAGS",
        "a FETCH 1 ()",
        "a FETCH 1 BODY[MIME]",
        "a FETCH 1 BODY[1.]",
        "a FETCH 1 BODY[]<0.0>",
        "a FETCH 4294967296 FLAGS",
        "a FETCH 1 (FLAGS) (CHANGEDSINCE 5 VANISHED)",
        "a LOGIN \"x",
        "a LOGIN x {5}\r\nabc",
        "a LOGIN x {99999999999999999999}\r\nabc",
        "a APPEND x \"abc\"",
        "a APPEND x",
        "a STORE 1 FLAGS \\Recent",
        "a SEARCH",
        "a SEARCH ()",
        "a SEARCH SINCE 31-Feb-2000",
        "a SEARCH RETURN (PARTIAL -1:5) ALL",
        "a LIST (RECURSIVEMATCH) \"\" *",
        "a SELECT x (NOTHING)",
        "a SORT () UTF-8 ALL",
        "a SORT (DATE REVERSE) UTF-8 ALL",
        "a SORT (DATE) ALL",
        "a THREAD REFS UTF-8 ALL",
        "a FETCH 1 PREVIEW (SLOW)",
        "a UID FETCH 1:* UID (PARTIAL 1:2 PARTIAL 3:4)",
        "a UID FETCH 1:* UID (PARTIAL 1)",
        "a UID NOOP",
        "a CANCELUPDATE",
        "a CANCELUPDATE b",
        "a APPEND x CATENATE ()",
        "a APPEND x CATENATE (TEXT \"x\")",
        "a APPEND x CATENATE (FILE y)",
        "a URLFETCH",
        "a URLFETCH \"a b\"",
        "a GENURLAUTH imap://x",
        "a SETACL INBOX fred LR",
        "a SETACL INBOX fred",
        "a GETMETADATA INBOX comment",
        "a GETMETADATA INBOX ()",
        "a GETMETADATA (DEPTH 2) INBOX /private",
        "a SETMETADATA INBOX (/private//x NIL)",
        "a SETMETADATA INBOX (/private/x y)",
        "a SELECT \"\\x\"",
    ] {
        let (tag, _) = parse(line.as_bytes()).expect_err(line);
        assert_eq!(tag.as_deref(), Some("a"), "{line}");
    }
    assert_eq!(parse(b"+ NOOP").expect_err("no tag").0, None);
    assert_eq!(parse(b"").expect_err("nothing").0, None);
    let deep = format!("a SEARCH {}ALL{}", "(".repeat(5_000), ")".repeat(5_000));
    assert!(parse(deep.as_bytes()).is_err());
    assert!(parse(format!("a SEARCH {}ALL", "NOT ".repeat(5_000)).as_bytes()).is_err());
}

proptest! {
    #[test]
    fn any_bytes_keep_the_oracle(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        crate::imap::oracle::command(&bytes);
    }

    #[test]
    fn any_words_keep_the_oracle(words in proptest::collection::vec(
        proptest::sample::select(vec![
            "a", "UID", "FETCH", "SEARCH", "STORE", "LIST", "APPEND", "SELECT", "1:*", "$", "(", ")",
            "(FLAGS)", "BODY[1.2.TEXT]<1.2>", "{3}\r\nabc", "{1+}\r\na", "\"x y\"", "NOT", "OR", "ALL",
            "\\Seen", "RETURN", "(MIN)", "UTF-8", "5", "FLAGS", "(CHANGEDSINCE 4)", "INBOX", "SORT",
            "(DATE)", "KEYWORD", "HEADER", "SINCE", "1-Jan-2000", "~{2}\r\nab", "NIL", "ID", "%",
        ]),
        0..9,
    )) {
        crate::imap::oracle::command(format!("a {}", words.join(" ")).as_bytes());
    }
}
