//! Further addresses, and keys that sign.

use crate::program::{Place, json};

#[test]
fn further_addresses_are_given_shown_and_taken_back() {
    let place = Place::new();
    place.ok(&["user", "add", "me@example.test", "--generate"]);
    place.ok(&["user", "alias", "add", "me@example.test", "Sales@other.test"]);
    place.ok(&["user", "alias", "add", "me@example.test", "@other.test"]);
    let (status, text) = place.run(&["user", "add", "sales@other.test", "--generate"]);
    assert_ne!(status, 0);
    assert!(text.contains("further address of me@example.test"), "{text}");
    let (status, text) = place.run(&["user", "alias", "add", "me@example.test", "me@example.test"]);
    assert_ne!(status, 0);
    assert!(text.contains("is an address of me@example.test already"), "{text}");
    let list = json(&place.ok(&["user", "alias", "list", "--json"]));
    assert_eq!(list[0]["alias"], "Sales@other.test");
    assert_eq!(list[1]["alias"], "@other.test");
    let shown = json(&place.ok(&["user", "show", "me@example.test", "--json"]));
    assert_eq!(shown["aliases"][0], "Sales@other.test");
    place.ok(&["user", "alias", "remove", "me@example.test", "sales@OTHER.test"]);
    let (status, _) =
        place.run(&["user", "alias", "remove", "me@example.test", "sales@other.test"]);
    assert_ne!(status, 0);
    place.ok(&["check"]);
}

#[test]
fn keys_are_made_listed_and_removed() {
    let place = Place::new();
    let (status, text) = place.run(&["dkim", "add", "example.test"]);
    assert_ne!(status, 0, "there is no data directory: {text}");
    place.ok(&["user", "add", "me@example.test", "--generate"]);
    let added = place.ok(&["dkim", "add", "example.test"]);
    assert!(added.contains("coffer._domainkey.example.test. IN TXT"), "{added}");
    place.ok(&["dkim", "add", "example.test", "--selector", "ed", "--ed25519"]);
    let list = json(&place.ok(&["dkim", "list", "--json"]));
    assert_eq!(list[0]["algorithm"], "rsa");
    assert_eq!(list[1]["name"], "ed._domainkey.example.test");
    place.ok(&["dkim", "remove", "example.test"]);
    assert!(!place.ok(&["dkim", "list"]).contains("coffer._domainkey"));
}
