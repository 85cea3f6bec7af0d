//! The README's tour as a new user walks it: the program itself, on a data directory in a temporary place.

mod addresses;
mod backup;
mod cards;
mod check;
mod corpus;
mod differences;
mod program;
mod public;
mod readback;
mod samples;
mod secure;
#[path = "../../../formats/tests/seen/mod.rs"]
mod seen;
mod served;
mod wire;

use program::{Place, json};

#[test]
fn accounts_are_added_shown_changed_and_removed() {
    let place = Place::new();
    let made = place.ok(&["user", "add", "me@example.test", "--generate"]);
    let password = made.lines().find_map(|l| l.strip_prefix("password: ")).expect("a password");
    assert_eq!(password.len(), 20);
    place.ok_with_input(&["user", "add", "you@example.test", "--password-stdin"], "secret word\n");
    let twice = place.fails(&["user", "add", "ME@example.test", "--generate"]);
    assert!(twice.contains("exists already"), "{twice}");

    let list = json(&place.ok(&["user", "list", "--json"]));
    assert_eq!(list.as_array().map(Vec::len), Some(2));
    place.ok(&["mailbox", "grant", "me@example.test", "you@example.test", "--full-access"]);
    let shown = json(&place.ok(&["user", "show", "me@example.test", "--json"]));
    assert_eq!(shown["full_access"][0], "you@example.test");
    place.ok(&["mailbox", "revoke", "me@example.test", "you@example.test", "--full-access"]);
    let shown = json(&place.ok(&["user", "show", "me@example.test", "--json"]));
    assert_eq!(shown["full_access"].as_array().map(Vec::len), Some(0));

    place.ok(&["user", "disable", "you@example.test"]);
    place.ok(&["user", "enable", "you@example.test"]);
    place.ok(&["user", "passwd", "you@example.test", "--generate"]);
    place.ok(&["user", "remove", "you@example.test", "--yes"]);
    let missing = place.fails(&["user", "show", "you@example.test"]);
    assert!(missing.contains("there is no account"), "{missing}");
}

#[test]
fn why_says_who_may_do_what_and_where_that_comes_from() {
    let place = Place::new();
    for user in ["me@example.test", "you@example.test"] {
        place.ok(&["user", "add", user, "--generate"]);
    }
    let (status, text) =
        place.run(&["why", "you@example.test", "me@example.test", "Inbox", "read-any"]);
    assert_eq!(status, 1);
    assert!(text.contains("no ") && text.contains("nobody changed the folder's"), "{text}");
    let own = place.ok(&["why", "me@example.test", "me@example.test", "Inbox", "read-any"]);
    assert!(own.contains("yes") && own.contains("his own"), "{own}");
    let all = place.ok(&["why", "you@example.test", "me@example.test", "Calendar", "--json"]);
    let lines: Vec<_> = all.lines().map(json).collect();
    assert_eq!(lines.len(), 13);
    let allowed: Vec<&str> = lines
        .iter()
        .filter(|line| line["allowed"] == true)
        .filter_map(|line| line["action"].as_str())
        .collect();
    assert_eq!(allowed, ["free-busy"]);
    place.ok(&["mailbox", "grant", "me@example.test", "you@example.test", "--full-access"]);
    let full = place.ok(&["why", "you@example.test", "me@example.test", "Inbox", "whole-mailbox"]);
    assert!(full.contains("full access"), "{full}");
    let missing = place.fails(&["why", "you@example.test", "me@example.test", "Nowhere"]);
    assert!(missing.contains("there is no folder Nowhere"), "{missing}");
}

#[test]
fn mail_is_imported_once_shown_and_exported() {
    let place = Place::new();
    place.ok(&["user", "add", "me@example.test", "--generate"]);
    let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/demo");
    let import = ["import", "--mailbox", "me@example.test", "--json", samples];

    let dry = json(&place.ok(&[&import[..], &["--dry-run"]].concat()));
    assert_eq!(dry["messages"]["expected"], 5);
    let first = json(&place.ok(&import));
    assert_eq!(first["messages"]["carried"], 5, "{first}");
    // A CSV file, an inline picture and a forwarded message.
    assert_eq!(first["attachments"]["carried"], 3, "{first}");
    let again = json(&place.ok(&import));
    assert_eq!(again["messages"]["present"], 5, "{again}");
    assert_eq!(again["messages"]["carried"], 0, "{again}");

    let inbox = json(&place.ok(&["ls", "--mailbox", "me@example.test", "--json", "Inbox"]));
    let rows = inbox.as_array().expect("rows");
    assert_eq!(rows.len(), 5);
    let budget = rows
        .iter()
        .find(|row| row["subject"] == "Budget for the spring fair")
        .expect("the message with the budget");
    assert_eq!(budget["attachments"], true);
    let message = budget["message"].as_str().expect("a reference");
    let cat = place.ok(&["cat", "--mailbox", "me@example.test", message]);
    for expected in
        ["PidTagSubject", "Zoë Müller", "PidTagAttachLongFilename", "Übersicht 2027.csv"]
    {
        assert!(cat.contains(expected), "{expected} in:\n{cat}");
    }
    let whole = json(&place.ok(&["cat", "--mailbox", "me@example.test", "--json", message]));
    assert!(whole["properties"].as_array().is_some_and(|list| list.len() > 20));

    let out = place.path("out");
    let exported = place.ok(&[
        "export",
        "--mailbox",
        "me@example.test",
        "--format",
        "eml",
        "--json",
        out.to_str().unwrap(),
    ]);
    assert_eq!(json(&exported)["messages"]["carried"], 5);
    let mut originals: Vec<Vec<u8>> = read_all(samples.as_ref());
    let mut written = read_all(&out.join("Inbox"));
    originals.sort();
    written.sort();
    assert_eq!(written, originals, "what came as MIME goes out as the very bytes");
}

#[test]
fn a_refused_file_is_named_and_shows_in_the_exit_status() {
    let place = Place::new();
    place.ok(&["user", "add", "me@example.test", "--generate"]);
    let picture = place.path("picture.eml");
    std::fs::write(&picture, b"\x89PNG\r\n\x1a\n0000").unwrap();
    let (status, text) =
        place.run(&["import", "--mailbox", "me@example.test", picture.to_str().unwrap()]);
    assert_eq!(status, 1);
    assert!(text.contains("picture.eml"), "{text}");
    let missing =
        place.fails(&["import", "--mailbox", "nobody@example.test", picture.to_str().unwrap()]);
    assert!(missing.contains("there is no account"), "{missing}");
}

#[test]
fn a_newer_data_directory_is_refused_with_a_clear_word() {
    let place = Place::new();
    place.ok(&["user", "add", "me@example.test", "--generate"]);
    let format = place.data().join("FORMAT");
    let text = std::fs::read_to_string(&format).unwrap();
    let (first, _) = text.split_once('\n').unwrap();
    std::fs::write(&format, format!("{first}\nformat 987\n")).unwrap();
    let error = place.fails(&["user", "list"]);
    assert!(error.contains("987"), "{error}");
}

#[test]
fn a_data_directory_is_made_only_where_it_is_asked_for_and_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let error = place.fails(&["user", "list"]);
    assert!(error.contains("--data"), "{error}");
    assert!(!place.data().exists(), "a command that only looks makes nothing");
    place.ok(&["user", "add", "me@example.test", "--generate"]);
    let mode = std::fs::metadata(place.data()).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "mail and password hashes are nobody else's");
}

fn read_all(dir: &std::path::Path) -> Vec<Vec<u8>> {
    std::fs::read_dir(dir).unwrap().map(|e| std::fs::read(e.unwrap().path()).unwrap()).collect()
}
