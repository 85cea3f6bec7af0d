//! Public folders as an administrator makes and tends them, on a free data directory and beside a server.

use crate::program::{Place, end, json, start};

const USER: &str = "user1@example.test";

#[test]
fn public_folders_are_made_listed_and_deleted() {
    let place = Place::new();
    place.ok(&["user", "add", "me@example.test", "--generate"]);
    let none = place.fails(&["public", "list"]);
    assert!(none.contains("coffer public create"), "{none}");
    let above = place.fails(&["public", "create", "News/2026"]);
    assert!(above.contains("no public folders yet"), "{above}");

    place.ok(&["public", "create", "News", "--comment", "What is new", "--class", "IPF.Post"]);
    let above = place.fails(&["public", "create", "Olds/2025"]);
    assert!(above.contains("--parents"), "{above}");
    let made = json(&place.ok(&["public", "create", "--parents", "--json", "news/2026/Spring"]));
    assert_eq!((&made["path"], &made["class"]), (&"/News/2026/Spring".into(), &"IPF.Post".into()));
    let twice = place.fails(&["public", "create", "News/2026"]);
    assert!(twice.contains("exists already"), "{twice}");

    let list = json(&place.ok(&["public", "list", "--json"]));
    let paths: Vec<&str> =
        list.as_array().unwrap().iter().map(|f| f["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["/", "/News", "/News/2026", "/News/2026/Spring"]);
    assert_eq!(list[1]["folders"], 1);
    let below = place.ok(&["public", "list", list[2]["id"].as_str().unwrap()]);
    assert!(below.contains("/News/2026/Spring") && !below.contains("/News\n"), "{below}");

    let full = place.fails(&["public", "delete", "News"]);
    assert!(full.contains("--recursive"), "{full}");
    let fixed = place.fails(&["public", "delete", "/", "--recursive"]);
    assert!(fixed.contains("belongs to every store"), "{fixed}");
    place.ok(&["public", "delete", "News/2026", "--recursive"]);
    let gone = place.fails(&["public", "list", "News/2026"]);
    assert!(gone.contains("there is no public folder News/2026"), "{gone}");
    place.ok(&["recover", "--mailbox", "public", "--all"]);
    place.ok(&["public", "list", "News/2026/Spring"]);
    let hard = json(&place.ok(&["public", "delete", "News", "--recursive", "--hard", "--json"]));
    assert_eq!((&hard["path"], &hard["hard"]), (&"/News".into(), &true.into()));
    assert_eq!(place.ok(&["recover", "--mailbox", "public", "--all", "--json"]).trim(), "[]");
    let check = place.ok(&["check", "--mailbox", "public"]);
    assert!(check.contains("nothing is wrong"), "{check}");
}

#[test]
fn a_public_folder_comes_back_from_a_backup() {
    let place = Place::new();
    place.ok(&["user", "add", "me@example.test", "--generate"]);
    place.ok(&["public", "create", "--parents", "News/2026"]);
    place.ok(&["public", "grant", "News/2026", "everybody", "none"]);
    place.ok(&["public", "grant", "News/2026", "me@example.test", "editor"]);
    let repository = place.path("repository");
    let repository = repository.to_str().unwrap();
    place.ok(&["backup", repository]);
    let before = place.ok(&["manifest", "--mailbox", "public"]);
    let saved = ["manifest", "--mailbox", "public", "--repository", repository];
    assert_eq!(place.ok(&saved), before);
    let rights = place.ok(&["public", "rights", "News/2026"]);
    place.ok(&["public", "delete", "News", "--recursive", "--hard"]);
    assert_ne!(place.ok(&["manifest", "--mailbox", "public"]), before);
    let restore = ["restore", repository, "--mailbox", "public", "--folder", "News", "--in-place"];
    place.ok(&restore);
    assert_eq!(place.ok(&["public", "rights", "News/2026"]), rights);
    // All of it into another place: the same.
    let copy = place.path("copy");
    place.ok(&["restore", repository, "--to", copy.to_str().unwrap()]);
    let (status, whole) = place.run_at(&copy, &["manifest", "--mailbox", "public"]);
    assert_eq!((status, whole), (0, before));
}

#[test]
fn rights_in_public_folders_and_administrators() {
    let place = Place::new();
    let mut running = start(&place, &["serve", "--ephemeral", "--users", "2"]);
    let ready = json(&running.line());
    let data = std::path::PathBuf::from(ready["data"].as_str().unwrap());
    let ok = |arguments: &[&str]| {
        let (status, text) = place.run_at(&data, arguments);
        assert_eq!(status, 0, "{arguments:?}: {text}");
        text
    };
    ok(&["public", "create", "--parents", "News/2026"]);
    let (status, _) = place.run_at(&data, &["why", USER, "public", "News", "create-subfolder"]);
    assert_eq!(status, 1, "everybody is an author");
    ok(&["why", USER, "public", "News", "create"]);
    let done = ok(&["public", "grant", "News", USER, "publishing-editor", "--recursive", "--json"]);
    let done = json(&done);
    assert_eq!(done[1]["folder"], "/News/2026");
    assert_eq!(
        (&done[1]["role"], &done[1]["rights"]),
        (&"publishing-editor".into(), &0x4fb.into())
    );
    ok(&["why", USER, "public", "News/2026", "create-subfolder"]);
    ok(&["public", "grant", "News", "everybody", "read-any,folder-visible"]);
    let rights = json(&ok(&["public", "rights", "News", "--json"]));
    let entries = rights["rights"].as_array().unwrap();
    let roles: Vec<_> = entries.iter().map(|e| (e["user"].as_str(), e["role"].as_str())).collect();
    let expected = [
        (Some("everybody"), Some("reviewer")),
        (Some("anonymous"), Some("none")),
        (Some(USER), Some("publishing-editor")),
    ];
    assert_eq!(roles, expected);
    ok(&["public", "revoke", "News", USER]);
    assert!(!ok(&["public", "rights", "News"]).contains(USER));
    assert!(ok(&["public", "rights", "News/2026"]).contains(USER));
    let (status, _) = place.run_at(&data, &["public", "grant", "News", USER, "king"]);
    assert_eq!(status, 1);
    let (status, _) = place.run_at(&data, &["public", "grant", "News", "no@example.test", "none"]);
    assert_eq!(status, 1);

    ok(&["user", "promote", USER]);
    let users = json(&ok(&["user", "list", "--json"]));
    let ranks: Vec<_> =
        users.as_array().unwrap().iter().map(|user| user["administrator"] == true).collect();
    assert_eq!(ranks, [true, false], "and the account of the public folders is not listed");
    assert!(ok(&["user", "show", USER]).contains("administrator"));
    ok(&["user", "demote", USER]);
    assert!(!ok(&["user", "list"]).contains("administrator"));
    let (status, _) = place.run_at(&data, &["user", "enable", "public-folders@coffer.invalid"]);
    assert_eq!(status, 1, "nobody logs on as the public folders");
    assert_eq!(end(running), 0);
}
