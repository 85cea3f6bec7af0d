//! Data directories of every format that there was open, are migrated, and hold what they held.
//!
//! `testsuite/data/formats/N/` is a directory as the program of format N wrote and closed it, with what
//! [`fill`] puts into one. A new one is made by running this test with `COFFER_WRITE_FIXTURE=DIR`.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{account, assert_whole, options, plain, rich};
use mapi::{FolderId, PropertyName, names, tags};
use store::engine::FORMAT;
use store::message::{self, ImportOptions, SaveOptions};
use store::table::{self, Contents, RowObject};
use store::{Mailbox, SpecialFolder, Store, StoreOptions, folder};

const INBOX: FolderId = SpecialFolder::Inbox.id();
const PASSWORD: &str = "correct horse";

/// What a fixture holds. Only what every format can hold.
fn fill(store: &Store) {
    let me = store
        .create_account(&store::NewAccount {
            address: "me@example.test".into(),
            display_name: "Me".into(),
            password: Some(PASSWORD.into()),
        })
        .unwrap();
    let other = account(store, "other@example.test");
    store.grant_full_access(me.id, other.id).unwrap();
    let mailbox = store.mailbox(me.mailbox).unwrap();
    let import = |folder, content, options: &ImportOptions| {
        message::import(&mailbox, folder, content, options).unwrap().id
    };
    let read = ImportOptions { read: Some(true), ..ImportOptions::default() };
    let unread = ImportOptions { read: Some(false), ..ImportOptions::default() };
    let associated = ImportOptions { associated: true, ..ImportOptions::default() };
    let keyed = ImportOptions { key: Some(b"file:1".to_vec()), ..read.clone() };
    import(INBOX, rich(), &read);
    import(INBOX, plain("unread"), &unread);
    import(INBOX, plain("imported by key"), &keyed);
    import(INBOX, plain("associated"), &associated);
    let soft = import(INBOX, plain("soft-deleted"), &read);
    let soft_associated = import(INBOX, plain("soft-deleted associated"), &associated);
    let hard = import(INBOX, plain("hard-deleted"), &read);
    assert_eq!(message::delete(&mailbox, INBOX, &[soft, soft_associated], false).unwrap(), 0);
    assert_eq!(message::delete(&mailbox, INBOX, &[hard], true).unwrap(), 0);
    let new = |name: &str| folder::NewFolder {
        display_name: name.into(),
        comment: "a comment".into(),
        ..folder::NewFolder::default()
    };
    let work = folder::create(&mailbox, INBOX, &new("Work")).unwrap().id;
    let below = folder::create(&mailbox, work, &new("Below")).unwrap().id;
    import(below, plain("below"), &read);
    let moved = import(INBOX, plain("moved"), &read);
    message::move_to(&mailbox, INBOX, &[moved], &mailbox, work).unwrap();
}

/// A folder's messages in the order of their ids.
fn rows(mailbox: &Arc<Mailbox>, folder: FolderId, contents: Contents) -> Vec<table::Row> {
    let query = table::Query {
        folder,
        rows: table::QueryRows::Contents(contents),
        sort: mapi::SortOrderSet::default(),
        restriction: None,
    };
    table::open(mailbox, query).unwrap().rows(0, 100, &[tags::SUBJECT]).unwrap()
}

fn subjects(mailbox: &Arc<Mailbox>, folder: FolderId, contents: Contents) -> Vec<String> {
    let text = |row: &table::Row| match &row.cells[0] {
        mapi::Cell::Value(value) => value.as_text().unwrap().to_string_lossy().into_owned(),
        other => panic!("{other:?}"),
    };
    rows(mailbox, folder, contents).iter().map(text).collect()
}

/// What a fixture must hold after it was opened.
fn expect(store: &Store) {
    let me = store.verify_password("me@example.test", PASSWORD).unwrap();
    let other = store.account_by_address("other@example.test").unwrap().unwrap();
    assert!(store.may_open(me.mailbox, other.id).unwrap());
    let mailbox = store.mailbox(me.mailbox).unwrap();
    let of = |id, contents| subjects(&mailbox, id, contents);
    assert_eq!(of(INBOX, Contents::Normal), ["Re: everything", "unread", "imported by key"]);
    assert_eq!(of(INBOX, Contents::Associated), ["associated"]);
    assert_eq!(of(INBOX, Contents::SoftDeleted), ["soft-deleted"]);
    assert_eq!(of(INBOX, Contents::SoftDeletedAssociated), ["soft-deleted associated"]);
    let work = folder::child_by_name(&mailbox, INBOX, "work").unwrap().unwrap();
    let below = folder::child_by_name(&mailbox, work, "Below").unwrap().unwrap();
    assert_eq!(of(work, Contents::Normal), ["moved"]);
    assert_eq!(of(below, Contents::Normal), ["below"]);
    let inbox = folder::info(&mailbox, INBOX).unwrap();
    assert_eq!((inbox.contents, inbox.unread, inbox.associated), (3, 1, 1));
    assert_eq!((inbox.soft_deleted, inbox.children), (2, 1));
    let comment = folder::get(&mailbox, work, &[tags::COMMENT]).unwrap();
    assert_eq!(comment[0].as_ref().and_then(|value| value.inline()), Some(&"a comment".into()));
    // By its key it is known, so it does not come twice.
    let keyed = ImportOptions { key: Some(b"file:1".to_vec()), ..ImportOptions::default() };
    let known = message::import(&mailbox, INBOX, plain("imported by key"), &keyed).unwrap();
    assert!(known.existed);
    let RowObject::Message(first) = rows(&mailbox, INBOX, Contents::Normal)[0].object else {
        panic!("a row of a contents table that is no message")
    };
    let back = message::export(&mailbox, first).unwrap();
    let content = rich();
    assert_eq!(back.recipients, content.recipients);
    assert_eq!(back.mime, content.mime);
    assert_eq!(back.properties.get(tags::HTML), content.properties.get(tags::HTML));
    let name = PropertyName::string(names::PS_INTERNET_HEADERS, "x-test");
    assert_eq!(back.properties.get_named(&name), Some(&"1".into()));
    for (kept, given) in back.attachments.iter().zip(&content.attachments).step_by(2) {
        assert_eq!(kept.content, given.content);
    }
    for account in store.accounts().unwrap() {
        let mailbox = store.mailbox(account.mailbox).unwrap();
        assert_whole(&mailbox);
    }
}

/// Writes to a directory what every mailbox must be able to take.
fn write(store: &Store) {
    let me = store.account_by_address("me@example.test").unwrap().unwrap();
    let mailbox = store.mailbox(me.mailbox).unwrap();
    let options = ImportOptions::default();
    let id = message::import(&mailbox, INBOX, rich(), &options).unwrap().id;
    let mut open = message::open(&mailbox, id).unwrap();
    open.body.properties.set(tags::SUBJECT, "written later");
    message::save(&mailbox, &mut open, SaveOptions::default()).unwrap();
    assert_eq!(message::delete(&mailbox, INBOX, &[id], true).unwrap(), 0);
}

fn fixtures() -> Vec<PathBuf> {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testsuite/data/formats");
    let mut found: Vec<PathBuf> = fs::read_dir(all).unwrap().map(|e| e.unwrap().path()).collect();
    found.sort();
    found
}

/// Copies a fixture. Directories of the database that were empty are not in the repository.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    if from.parent().is_some_and(|above| above.ends_with("keyspaces")) {
        fs::create_dir_all(to.join("tables")).unwrap();
        fs::create_dir_all(to.join("blobs")).unwrap();
    }
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

#[test]
fn every_format_opens_and_is_migrated() {
    let fixtures = fixtures();
    // One of each format before this program's.
    assert_eq!(fixtures.len() + 1, FORMAT as usize);
    for fixture in fixtures {
        let temporary = tempfile::tempdir().unwrap();
        copy(&fixture, temporary.path());
        let store = Store::open(temporary.path(), StoreOptions::default()).unwrap();
        expect(&store);
        write(&store);
        expect(&store);
        store.close().unwrap();
        drop(store);
        let format = fs::read_to_string(temporary.path().join("FORMAT")).unwrap();
        assert_eq!(format, format!("coffer data directory\nformat {FORMAT}\n"));
        let store = Store::open(temporary.path(), StoreOptions::default()).unwrap();
        expect(&store);
        store.close().unwrap();
    }
}

#[test]
fn a_directory_of_this_format_holds_what_a_fixture_must() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = std::env::var_os("COFFER_WRITE_FIXTURE");
    let dir = dir.map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    let store = Store::open(&dir, options()).unwrap();
    fill(&store);
    expect(&store);
    store.close().unwrap();
    drop(store);
    let store = Store::open(&dir, StoreOptions::default()).unwrap();
    expect(&store);
    store.close().unwrap();
}
