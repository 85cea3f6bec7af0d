//! Backing up, restoring and comparing with the program itself, also where it is killed.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use crate::program::{Place, end, json, start};

const ME: &str = "me@example.test";

/// A mailbox of `messages` messages, each with a body of its own, and every eighth one with a value that is
/// kept apart.
fn filled(messages: usize) -> Place {
    let place = Place::new();
    place.ok(&["user", "add", ME, "--generate"]);
    place.ok(&["user", "add", "you@example.test", "--generate"]);
    let mbox = place.path("mail.mbox");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&mbox).unwrap());
    for n in 0..messages {
        let words = if n % 8 == 0 { 3_000 } else { 200 };
        let body: String =
            (0..words).map(|w| format!("{} ", (n * 7919 + w * 104_729) % 99_991)).collect();
        writeln!(file, "From a@example.test Thu Jan  1 00:00:00 2026").unwrap();
        writeln!(file, "Message-ID: <{n}@example.test>\nSubject: message {n}\n").unwrap();
        for line in body.as_bytes().chunks(70) {
            file.write_all(line).unwrap();
            file.write_all(b"\n").unwrap();
        }
        writeln!(file).unwrap();
    }
    drop(file.into_inner().unwrap());
    let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/demo");
    place.ok(&["import", "--mailbox", ME, samples, mbox.to_str().unwrap()]);
    place
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_store_is_backed_up_verified_restored_and_compared() {
    let place = filled(50);
    let (repository, copy) = (place.path("repository"), place.path("copy"));
    let repository = text(&repository);
    let first = json(&place.ok(&["backup", repository, "--json"]));
    assert_eq!(first["mailboxes"], 2);
    let second = json(&place.ok(&["backup", repository, "--json"]));
    assert_eq!(second["new_objects"], 0, "{second}");
    let list = json(&place.ok(&["backup", "list", repository, "--json"]));
    assert_eq!(list.as_array().map(Vec::len), Some(2));
    assert_eq!(list[1]["snapshot"], second["snapshot"]);
    assert!(place.ok(&["backup", "verify", repository]).contains("0 faults"));
    let before = place.ok(&["manifest"]);
    assert_eq!(place.ok(&["manifest", "--repository", repository]), before);
    place.ok(&["restore", repository, "--to", text(&copy)]);
    assert_eq!(place.run_at(&copy, &["manifest"]), (0, before.clone()));
    assert_eq!(place.run_at(&copy, &["check"]).0, 0);
    let pruned = json(&place.ok(&["backup", "prune", repository, "--keep", "1", "--json"]));
    assert_eq!(pruned["removed"].as_array().map(Vec::len), Some(1));
    // What cannot be done says why, and what to do.
    let said = place.fails(&["restore", repository, "--to", text(&copy)]);
    assert!(said.contains("is there already"), "{said}");
    let said = place.fails(&["restore", repository, "--mailbox", "nobody@example.test"]);
    assert!(said.contains("coffer backup list"), "{said}");
    let said = place.fails(&["restore", repository, "--mailbox", ME, "--at", "1999-01-01"]);
    assert!(said.contains("no snapshot fits"), "{said}");
    let said = place.fails(&["backup", "verify", text(&copy)]);
    assert!(said.contains("not a backup repository"), "{said}");
    let said = place.fails(&["backup", text(&copy)]);
    assert!(said.contains("of something else"), "{said}");
    place.fails(&["backup", "prune", repository]);
    place.fails(&["restore", repository]);
    place.fails(&["restore", repository, "--to", "x", "--mailbox", ME]);
}

/// Through the server that holds the data directory, while it serves.
#[test]
fn a_server_backs_up_and_restores_while_it_serves() {
    let place = filled(20);
    let repository = place.path("repository");
    let repository = text(&repository);
    let any = ["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"];
    let mut server = start(&place, &any);
    server.value("MAPI/HTTP");
    place.ok(&["backup", repository]);
    let before = place.ok(&["manifest", "--mailbox", ME]);
    assert_eq!(place.ok(&["manifest", "--mailbox", ME, "--repository", repository]), before);
    // The mailbox is removed and comes back with all ids.
    place.ok(&["user", "remove", ME, "--yes"]);
    place.fails(&["manifest", "--mailbox", ME]);
    place.ok(&["restore", repository, "--mailbox", ME]);
    assert_eq!(place.ok(&["manifest", "--mailbox", ME]), before);
    // One message, by the id that ls prints.
    let rows = json(&place.ok(&["ls", "--mailbox", ME, "--json", "Inbox"]));
    let id = rows[0]["message"].as_str().expect("an id");
    let said = place.ok(&["restore", repository, "--mailbox", ME, "--message", id, "--in-place"]);
    assert!(said.contains("1 messages were there still"), "{said}");
    let said = place.ok(&["restore", repository, "--mailbox", ME, "--message", id]);
    assert!(said.contains("1 messages, "), "{said}");
    assert!(place.ok(&["ls", "--mailbox", ME]).contains("Restored "));
    // A folder into the mailbox of another, and a whole mailbox into one that is made for it.
    let into = ["--into", "you@example.test"];
    place.ok(&[&["restore", repository, "--mailbox", ME, "--folder", "Inbox"], &into[..]].concat());
    let into = ["--into", "new@example.test"];
    place.ok(&[&["restore", repository, "--mailbox", ME], &into[..]].concat());
    let without = |address: &str| {
        let lines = place.ok(&["manifest", "--mailbox", address, "--without-ids"]);
        let messages = lines.lines().filter(|line| line.starts_with("message "));
        messages.filter(|line| !line.contains("/Restored ")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(without("new@example.test"), without(ME));
    assert!(without(ME).len() > 20);
    place.ok(&["check"]);
    assert_eq!(end(server), 0);
}

/// kill -9 in the middle, again and again: the repository stays whole, no half snapshot or half store comes
/// to be, and what is done at last is equal.
#[test]
fn killed_in_the_middle_nothing_is_half_there() {
    let place = filled(600);
    let (repository, copy) = (place.path("repository"), place.path("copy"));
    let before = place.ok(&["manifest"]);
    let backup = ["backup", text(&repository)];
    let restore = ["restore", text(&repository), "--to", text(&copy)];
    let mut killed = 0;
    let kill_at = |arguments: &[&str], milliseconds: u64| {
        let mut child = place.command(arguments).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        // It may have ended by itself.
        let _ = child.kill();
        !child.wait().unwrap().success()
    };
    for round in 0..12 {
        killed += u32::from(kill_at(&backup, round * 20));
        if !repository.join("FORMAT").exists() {
            continue;
        }
        let verified = json(&place.ok(&["backup", "verify", text(&repository), "--json"]));
        assert_eq!(verified["faults"].as_array().map(Vec::len), Some(0));
    }
    place.ok(&backup);
    for round in 0..12 {
        let was_killed = kill_at(&restore, round * 25);
        killed += u32::from(was_killed);
        if !was_killed || copy.exists() {
            // It came to its place, so it is whole.
            assert_eq!(place.run_at(&copy, &["manifest"]), (0, before.clone()));
            std::fs::remove_dir_all(&copy).unwrap();
        }
    }
    assert!(killed >= 8, "{killed}");
    place.ok(&restore);
    assert_eq!(place.run_at(&copy, &["manifest"]), (0, before));
    assert_eq!(place.run_at(&copy, &["check"]).0, 0);
    assert!(!place.path("copy.restoring").exists());
}
