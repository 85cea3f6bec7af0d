//! Backups and restores of whole stores.

#[path = "../common/mod.rs"]
mod common;
mod damage;
mod parts;
mod public;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use common::*;
use mapi::{FolderId, PropertyName, names, tags};
use store::backup::{self, BackupError, Repository, WholeOptions};
use store::check;
use store::folder::{self, NewFolder};
use store::mailbox::{names as name_map, receive, store_properties};
use store::manifest::{self, Options};
use store::message::{self, ImportOptions};
use store::{Mailbox, SpecialFolder, Store};

pub const WITH_IDS: Options = Options { ids: true, deleted: true };

/// A store with everything that a backup has to bring back.
pub fn populated(dir: &Path) -> Store {
    let store = Store::open(dir, options()).expect("a store");
    let me = store
        .create_account(&store::NewAccount {
            address: "me@example.test".into(),
            display_name: "Me".into(),
            password: Some("secret".into()),
        })
        .expect("an account");
    let you = account(&store, "you@example.test");
    store.grant_full_access(me.id, you.id).expect("a grant");
    let mailbox = store.mailbox(me.mailbox).expect("a mailbox");
    fill(&mailbox);
    store
}

fn fill(mailbox: &Mailbox) {
    let inbox = SpecialFolder::Inbox.id();
    let work = NewFolder {
        display_name: "Work".into(),
        comment: "a comment".into(),
        ..NewFolder::default()
    };
    let work = folder::create(mailbox, inbox, &work).expect("a folder").id;
    let deep = NewFolder { display_name: "Deep".into(), ..NewFolder::default() };
    let deep = folder::create(mailbox, work, &deep).expect("a folder").id;
    for at in [inbox, work, deep] {
        import(mailbox, at, rich(), false);
        import(mailbox, at, plain("plain"), false);
        import(mailbox, at, plain("settings"), true);
    }
    // Chunks that all differ, below a manifest.
    let mut large = plain("large");
    let bytes: Vec<u8> = (0..3_000_000u32)
        .map(|n| (n.wrapping_mul(n).wrapping_mul(2_654_435_761) >> 23) as u8)
        .collect();
    large.properties.set(tags::HTML, bytes);
    import(mailbox, inbox, large, false);
    let read = import(mailbox, inbox, plain("read"), false);
    message::set_read(mailbox, read, true).expect("read");
    message::set_status(mailbox, read, 4, 4).expect("a status");
    let deleted = import(mailbox, inbox, rich(), false);
    message::delete(mailbox, inbox, &[deleted], false).expect("soft-deleted");
    let moved = import(mailbox, inbox, rich(), false);
    message::move_to(mailbox, inbox, &[moved], mailbox, work).expect("moved");
    receive::set_folder(mailbox, "IPM.Note.Test", Some(work)).expect("a receive folder");
    let html: store::Value = mapi::PropertyValue::Binary(vec![5; 40_000]).into();
    store_properties::set(mailbox, vec![(tags::IPM_DRAFTS_ENTRY_ID, html)]).expect("a property");
    let comment: store::Value = "z".repeat(20_000).as_str().into();
    folder::set(mailbox, deep, vec![(tags::COMMENT, comment)]).expect("a property");
    let named = PropertyName::string(names::PS_PUBLIC_STRINGS, "Keywords");
    name_map::ids_of(mailbox, &[named], true).expect("a name");
}

pub fn import(
    mailbox: &Mailbox,
    folder: FolderId,
    content: mapi::MessageContent,
    associated: bool,
) -> mapi::MessageId {
    let options = ImportOptions { associated, ..ImportOptions::default() };
    message::import(mailbox, folder, content, &options).expect("imported").id
}

pub fn manifest_of(mailbox: &Mailbox, options: Options) -> Vec<String> {
    let mut lines = Vec::new();
    manifest::mailbox(mailbox, options, &mut |line| {
        lines.push(line.to_string());
        ControlFlow::Continue(())
    })
    .expect("whole");
    lines
}

/// Everything of a store, by address.
pub fn manifest(store: &Store) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::new();
    all.insert(String::new(), manifest::accounts(store, WITH_IDS).expect("accounts"));
    for account in store.accounts().expect("accounts") {
        let mailbox = store.mailbox(account.mailbox).expect("a mailbox");
        all.insert(account.address, manifest_of(&mailbox, WITH_IDS));
    }
    all
}

pub fn assert_clean(store: &Store) {
    let report = check::store(store, &check::Options::default(), &mut |_| {}).expect("checked");
    assert_eq!(report.left_in_words(), [] as [String; 0]);
}

pub fn back_up(store: &Store, repository: &Repository) -> backup::BackedUp {
    backup::run(store, repository, &mut |_| true).expect("backed up")
}

pub fn restore(repository: &Repository, to: &Path, at: Option<&str>) -> Store {
    let options = WholeOptions { at: at.map(str::to_owned), skip_damaged: false };
    let restored = backup::whole(repository, to, &options, &mut |_| true).expect("restored");
    assert!(restored.is_whole(), "{restored:?}");
    Store::open(to, common::options()).expect("a restored store")
}

#[test]
fn a_whole_store_comes_back_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let store = populated(&dir.path().join("data"));
    let repository = Repository::create(&dir.path().join("repository")).unwrap();
    let before = manifest(&store);
    let done = back_up(&store, &repository);
    assert_eq!((done.mailboxes, done.missing.len()), (2, 0));
    assert_eq!(manifest(&store), before);
    let copy = restore(&repository, &dir.path().join("copy"), None);
    assert_eq!(manifest(&copy), before);
    assert_clean(&copy);
    let account = copy.verify_password("me@example.test", "secret").expect("the password");
    let you = copy.account_by_address("you@example.test").unwrap().expect("the account");
    assert_eq!(copy.grantees(account.mailbox).unwrap(), [you.id]);
    // Numbers go on where they were, in the copy as in the original.
    let next = |store: &Store| {
        let mailbox = store.mailbox(account.mailbox).unwrap();
        import(&mailbox, SpecialFolder::Inbox.id(), plain("next"), false)
    };
    assert_eq!(next(&copy), next(&store));
    assert_eq!(account_number(&copy), account_number(&store));
    // What the copy holds is not collected.
    copy.collect_blobs(Duration::ZERO).unwrap();
    copy.collect_blobs(Duration::ZERO).unwrap();
    assert_clean(&copy);
}

fn account_number(store: &Store) -> u64 {
    account(store, "new@example.test").mailbox.0
}

/// What a snapshot holds can be read where it is.
#[test]
fn a_snapshot_reads_as_a_store() {
    let dir = tempfile::tempdir().unwrap();
    let store = populated(&dir.path().join("data"));
    let repository = Repository::create(&dir.path().join("repository")).unwrap();
    back_up(&store, &repository);
    let opened = backup::open(&repository, None, false).expect("opened");
    assert_eq!(manifest(&opened.store), manifest(&store));
    assert_clean(&opened.store);
    assert!(opened.store.create_account(&store::NewAccount::default()).is_err());
    let me = opened.store.account_by_address("me@example.test").unwrap().expect("the account");
    let mailbox = opened.store.mailbox(me.mailbox).unwrap();
    let inbox = SpecialFolder::Inbox.id();
    assert!(message::import(&mailbox, inbox, plain("x"), &ImportOptions::default()).is_err());
}

#[test]
fn a_second_backup_writes_only_what_is_new() {
    let dir = tempfile::tempdir().unwrap();
    let store = populated(&dir.path().join("data"));
    let me = store.account_by_address("me@example.test").unwrap().expect("the account");
    let mailbox = store.mailbox(me.mailbox).unwrap();
    for n in 0..2_000 {
        let content = plain(&format!("{n} {}", "word ".repeat(200)));
        import(&mailbox, SpecialFolder::Drafts.id(), content, false);
    }
    let repository = Repository::create(&dir.path().join("repository")).unwrap();
    let first = back_up(&store, &repository);
    assert!(first.written.objects > 20, "{first:?}");
    let second = back_up(&store, &repository);
    assert_eq!((second.written.objects, second.written.bytes), (0, 0));
    assert_ne!(first.name, second.name);
    import(&mailbox, SpecialFolder::Inbox.id(), plain("one more"), false);
    let third = back_up(&store, &repository);
    assert!((1..=8).contains(&third.written.objects), "{third:?}");
    let before = manifest(&store);
    import(&mailbox, SpecialFolder::Inbox.id(), plain("later"), false);
    back_up(&store, &repository);
    // Each snapshot is a point in time.
    let at_third = restore(&repository, &dir.path().join("third"), Some(third.name.as_str()));
    assert_eq!(manifest(&at_third), before);
    let newest = restore(&repository, &dir.path().join("newest"), None);
    assert_eq!(manifest(&newest), manifest(&store));
}

#[test]
fn an_interrupted_backup_or_restore_leaves_all_usable() {
    let dir = tempfile::tempdir().unwrap();
    let store = populated(&dir.path().join("data"));
    let repository = Repository::create(&dir.path().join("repository")).unwrap();
    let mut steps = 0;
    for stop_at in 0.. {
        let mut step = 0;
        let result = backup::run(&store, &repository, &mut |_| {
            step += 1;
            step <= stop_at
        });
        match result {
            Ok(_) => break,
            Err(BackupError::Stopped) => steps += 1,
            Err(error) => panic!("{error}"),
        }
        assert_eq!(repository.snapshots().unwrap(), []);
    }
    assert!(steps > 3, "{steps}");
    let target = dir.path().join("copy");
    let stopped = backup::whole(&repository, &target, &WholeOptions::default(), &mut |_| false);
    assert!(matches!(stopped, Err(BackupError::Stopped)));
    assert!(!target.exists() && !dir.path().join("copy.restoring").exists());
    // What a crash leaves gives way; what others left there does not.
    std::fs::create_dir_all(dir.path().join("copy.restoring/engine")).unwrap();
    let refused = backup::whole(&repository, &target, &WholeOptions::default(), &mut |_| true);
    assert!(matches!(refused, Err(BackupError::Exists(_))));
    std::fs::write(dir.path().join("copy.restoring/RESTORING"), "").unwrap();
    let copy = restore(&repository, &target, None);
    assert_eq!(manifest(&copy), manifest(&store));
    let again = backup::whole(&repository, &target, &WholeOptions::default(), &mut |_| true);
    assert!(matches!(again, Err(BackupError::Exists(_))));
}

#[test]
fn a_store_that_changes_all_the_time_is_backed_up_in_one_piece() {
    let dir = tempfile::tempdir().unwrap();
    let store = populated(&dir.path().join("data"));
    let me = store.account_by_address("me@example.test").unwrap().expect("the account");
    let mailbox = store.mailbox(me.mailbox).unwrap();
    let repository = Repository::create(&dir.path().join("repository")).unwrap();
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    std::thread::scope(|scope| {
        for thread in 0..8u32 {
            let (mailbox, stop, store) = (mailbox.clone(), stop.clone(), store.clone());
            scope.spawn(move || {
                churn(&store, &mailbox, thread, &stop);
            });
        }
        for round in 0..3 {
            let done = back_up(&store, &repository);
            assert_eq!(done.missing, [] as [String; 0]);
            let copy = restore(&repository, &dir.path().join(round.to_string()), None);
            assert_clean(&copy);
            // Messages of one batch are there together or not at all.
            let me = copy.account_by_address("me@example.test").unwrap().expect("the account");
            let mailbox = copy.mailbox(me.mailbox).unwrap();
            for name in 0..8 {
                let id = folder::child_by_name(
                    &mailbox,
                    SpecialFolder::IpmSubtree.id(),
                    &format!("pairs {name}"),
                );
                if let Some(id) = id.unwrap() {
                    let info = folder::info(&mailbox, id).unwrap();
                    assert_eq!(info.contents % 2, 0, "half of a pair");
                }
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

/// Saves, moves and deletes until it is stopped. Pairs of messages are saved in one batch.
fn churn(store: &Store, mailbox: &Mailbox, thread: u32, stop: &std::sync::atomic::AtomicBool) {
    let top = SpecialFolder::IpmSubtree.id();
    let make = |name: String| {
        let new = NewFolder { display_name: name, ..NewFolder::default() };
        folder::create(mailbox, top, &new).expect("a folder").id
    };
    let pairs = make(format!("pairs {thread}"));
    let own = make(format!("own {thread}"));
    let mut n = 0;
    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
        n += 1;
        let two = [0, 1].map(|_| (pairs, plain("pair"), ImportOptions::default()));
        let imported = message::import_all(mailbox, two.into()).expect("imported");
        assert!(imported.iter().all(Result::is_ok));
        let mut content = plain("comes and goes");
        content.properties.set(tags::HTML, format!("{thread} {n} ").repeat(3_000).into_bytes());
        let id = import(mailbox, own, content, false);
        message::move_to(mailbox, own, &[id], mailbox, SpecialFolder::Inbox.id()).expect("moved");
        let id = import(mailbox, own, plain("short"), false);
        message::delete(mailbox, own, &[id], n % 2 == 0).expect("deleted");
        if thread == 0 && n % 16 == 0 {
            let address = format!("guest{n}@example.test");
            let guest = account(store, &address);
            store.remove_account(guest.id).expect("removed");
        }
    }
}

#[test]
fn old_snapshots_go_and_the_others_still_restore() {
    let dir = tempfile::tempdir().unwrap();
    let store = populated(&dir.path().join("data"));
    let me = store.account_by_address("me@example.test").unwrap().expect("the account");
    let mailbox = store.mailbox(me.mailbox).unwrap();
    let inbox = SpecialFolder::Inbox.id();
    let repository = Repository::create(&dir.path().join("repository")).unwrap();
    let mut states = Vec::new();
    for round in 0..4 {
        let mut content = plain("comes and goes");
        content.properties.set(tags::HTML, format!("{round} ").repeat(40_000).into_bytes());
        let id = import(&mailbox, inbox, content, false);
        states.push((back_up(&store, &repository).name, manifest(&store)));
        message::delete(&mailbox, inbox, &[id], true).expect("deleted");
    }
    let keep = backup::Keep { newest: 2, days: None };
    // Stopped at any step, it can be run again and nothing that is needed is gone.
    for stop_at in [0, 1, 3] {
        let mut step = 0;
        let stopped = backup::prune(&repository, keep, store.now(), &mut |_| {
            step += 1;
            step <= stop_at
        });
        assert!(matches!(stopped, Err(BackupError::Stopped)));
        assert!(backup::verify(&repository, false, &mut |_| true).unwrap().is_clean());
    }
    let pruned = backup::prune(&repository, keep, store.now(), &mut |_| true).unwrap();
    assert_eq!(pruned.kept, [states[2].0.clone(), states[3].0.clone()]);
    // Of each round that is gone: the message's value, and the packs that nobody shares.
    assert!(pruned.removed_objects >= 4, "{pruned:?}");
    assert!(backup::verify(&repository, false, &mut |_| true).unwrap().is_clean());
    for (round, (name, state)) in states.iter().enumerate().skip(2) {
        let to = dir.path().join(round.to_string());
        assert_eq!(&manifest(&restore(&repository, &to, Some(name.as_str()))), state);
    }
    let nothing = backup::prune(&repository, keep, store.now(), &mut |_| true).unwrap();
    assert_eq!((nothing.removed_objects, nothing.removed.len()), (0, 0));
}
