//! `coffer check`, on a free data directory and beside a server.

use store::engine::{Batch, Direction, Engine, FjallEngine, KeyRange, Options, Reader, Space};

use crate::program::{Place, end, json, start};

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/demo");

#[test]
fn damage_is_named_mended_and_gone() {
    let place = Place::new();
    place.ok(&["user", "add", "me@example.test", "--generate"]);
    place.ok(&["import", "--mailbox", "me@example.test", SAMPLES]);
    let clean = place.ok(&["check"]);
    assert!(clean.contains("nothing is wrong") && clean.contains("5 messages"), "{clean}");

    // The first summary of the Inbox, by its kind, goes; and the record of a message with it.
    {
        let options = Options::default();
        let engine = FjallEngine::open(&place.data(), &options).unwrap();
        let mut batch = Batch::new();
        for kind in [0x21, 0x20] {
            let prefix = [&1u64.to_be_bytes()[..], &[kind]].concat();
            let range = KeyRange::prefix(prefix);
            let keys = engine.keys(Space::Mailbox, &range, Direction::Forward, 2).unwrap();
            let at = usize::from(kind == 0x20);
            batch.delete(Space::Mailbox, keys[at].to_vec());
        }
        assert!(engine.commit(batch).unwrap().is_committed());
        engine.close().unwrap();
    }
    let (status, found) = place.run(&["check"]);
    assert_eq!(status, 1, "{found}");
    for expected in ["me@example.test: ", "[summary]", "[hot]", "Inbox", "message 1-", "--repair"] {
        assert!(found.contains(expected), "{expected} in:\n{found}");
    }
    let (status, found) = place.run(&["check", "--json", "--mailbox", "me@example.test"]);
    assert_eq!(status, 1, "{found}");
    let found = json(&found);
    assert_eq!(found["clean"], false);
    assert!(found["problems"].as_array().is_some_and(|list| list.len() >= 2), "{found}");
    let mended = place.ok(&["check", "--repair"]);
    assert!(mended.contains("all repaired"), "{mended}");
    let clean = place.ok(&["check", "--no-blobs"]);
    assert!(clean.contains("nothing is wrong"), "{clean}");
    let inbox = json(&place.ok(&["ls", "--mailbox", "me@example.test", "--json", "Inbox"]));
    assert_eq!(inbox.as_array().map(Vec::len), Some(5));
}

#[test]
fn a_server_is_checked_while_it_runs() {
    let place = Place::new();
    let mut running = start(&place, &["serve", "--ephemeral"]);
    let ready = json(&running.line());
    let data = std::path::PathBuf::from(ready["data"].as_str().unwrap());
    let user = ready["user"].as_str().unwrap();
    let (status, text) = place.run_at(&data, &["import", "--mailbox", user, SAMPLES]);
    assert_eq!(status, 0, "{text}");
    for arguments in [&["check", "--json"][..], &["check", "--json", "--repair"]] {
        let (status, text) = place.run_at(&data, arguments);
        assert_eq!(status, 0, "{text}");
        let report = json(&text);
        assert_eq!(report["clean"], true);
        assert_eq!(report["messages"], 5, "{report}");
    }
    assert_eq!(end(running), 0);
}
