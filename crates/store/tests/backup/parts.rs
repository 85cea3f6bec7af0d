//! Restoring a mailbox, a folder or a message into a store that is in use.

use std::collections::BTreeMap;

use mapi::FolderId;
use store::backup::{self, BackupError, CarryOptions, Opened, Part, Repository};
use store::manifest::Options;
use store::message;
use store::{Account, Mailbox, SpecialFolder, Store, folder};

use crate::common::{account, plain, rich};
use crate::{WITH_IDS, assert_clean, back_up, import, manifest, manifest_of, populated};

const WITHOUT_IDS: Options = Options { ids: false, deleted: false };

fn me(store: &Store) -> Account {
    store.account_by_address("me@example.test").unwrap().expect("the account")
}

/// Hashes by kind, below a folder, with its own path taken off.
fn below(mailbox: &Mailbox, top: &str) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in manifest_of(mailbox, WITHOUT_IDS) {
        let mut parts = line.splitn(3, ' ');
        let (kind, hash) = (parts.next().unwrap(), parts.next().unwrap());
        let path = parts.next().unwrap_or_default();
        if let Some(rest) = path.strip_prefix(top)
            && (rest.is_empty() || rest.starts_with('/'))
            && !(kind == "folder" && rest.is_empty())
        {
            all.entry(format!("{kind} {rest}")).or_default().push(hash.to_owned());
        }
    }
    all
}

fn carry(
    opened: &Opened,
    source: &Mailbox,
    part: Part,
    target: &Mailbox,
    in_place: bool,
) -> backup::Carried {
    let options = CarryOptions { in_place, ..CarryOptions::default() };
    let carried = backup::carry(opened, source, part, target, options, &mut |_| true);
    carried.expect("carried")
}

fn setup() -> (tempfile::TempDir, Store, Repository) {
    let dir = tempfile::tempdir().unwrap();
    let store = populated(&dir.path().join("data"));
    let repository = Repository::create(&dir.path().join("repository")).unwrap();
    back_up(&store, &repository);
    (dir, store, repository)
}

#[test]
fn a_removed_mailbox_comes_back_with_its_account_and_all_ids() {
    let (_dir, store, repository) = setup();
    let before = me(&store);
    let you = store.account_by_address("you@example.test").unwrap().expect("the account");
    store.grant_full_access(you.id, before.id).unwrap();
    back_up(&store, &repository);
    let lines = manifest_of(&store.mailbox(before.mailbox).unwrap(), WITH_IDS);
    let opened = backup::open(&repository, None, false).unwrap();
    let again =
        backup::adopt(&repository, &opened, "me@example.test", &store, false, &mut |_| true);
    assert!(matches!(again, Err(BackupError::Refused(_))));
    store.remove_account(before.id).unwrap();
    // Stopped in the middle, nothing of it is there.
    let stopped =
        backup::adopt(&repository, &opened, "me@example.test", &store, false, &mut |_| false);
    assert!(matches!(stopped, Err(BackupError::Stopped)));
    assert_eq!(store.accounts().unwrap().len(), 1);
    let adopted =
        backup::adopt(&repository, &opened, "me@example.test", &store, false, &mut |_| true);
    let adopted = adopted.expect("restored");
    assert_eq!((adopted.damaged.len(), adopted.problems.len()), (0, 0), "{adopted:?}");
    let mailbox = store.mailbox(adopted.account.mailbox).unwrap();
    assert_eq!(manifest_of(&mailbox, WITH_IDS), lines);
    assert_clean(&store);
    assert_eq!(mailbox.guid(), before.mailbox_guid);
    store.verify_password("me@example.test", "secret").expect("the password");
    assert_eq!(store.grantees(mailbox.number()).unwrap(), [you.id]);
    assert_eq!(store.grantees(you.mailbox).unwrap(), [adopted.account.id]);
    // It is a mailbox like others: it takes messages, and its values are held.
    import(&mailbox, SpecialFolder::Inbox.id(), rich(), false);
    for _ in 0..3 {
        store.collect_blobs(std::time::Duration::ZERO).unwrap();
    }
    assert_clean(&store);
}

/// Killed in the middle of restoring a mailbox, a store opens without it, and without its records.
#[test]
fn half_a_mailbox_is_removed_at_the_next_start() {
    let (dir, store, repository) = setup();
    let before = me(&store);
    store.remove_account(before.id).unwrap();
    let accounts = store.accounts().unwrap();
    let opened = backup::open(&repository, None, false).unwrap();
    // The store is closed under the restore, so it can neither go on nor clean up: as a crash.
    let closed = store.clone();
    let failed = backup::adopt(&repository, &opened, "me@example.test", &store, false, &mut |_| {
        closed.close().is_ok()
    });
    assert!(failed.is_err());
    drop((store, closed));
    let store = Store::open(&dir.path().join("data"), crate::common::options()).unwrap();
    assert_eq!(store.accounts().unwrap(), accounts);
    assert_clean(&store);
    let adopted =
        backup::adopt(&repository, &opened, "me@example.test", &store, false, &mut |_| true);
    assert!(adopted.expect("restored").problems.is_empty());
}

#[test]
fn a_mailbox_comes_back_into_a_folder_beside_what_is_there() {
    let (_dir, store, repository) = setup();
    let target = store.mailbox(me(&store).mailbox).unwrap();
    let opened = backup::open(&repository, None, false).unwrap();
    let source = opened.store.mailbox(target.number()).unwrap();
    let views = SpecialFolder::CommonViews.id();
    import(&target, views, plain("a view"), true);
    back_up(&store, &repository);
    let opened_again = backup::open(&repository, None, false).unwrap();
    let source_again = opened_again.store.mailbox(target.number()).unwrap();
    let original = below(&source, "Top of Information Store");
    assert!(original.len() > 10, "{original:?}");
    let untouched = manifest_of(&target, WITH_IDS);
    let carried = carry(&opened, &source, Part::Mailbox, &target, false);
    assert!(carried.place.starts_with("Restored "), "{carried:?}");
    assert_eq!(carried.refused, [] as [String; 0]);
    let top = format!("Top of Information Store/{}", carried.place);
    assert_eq!(below(&target, &top), original);
    // All that was there is as it was, but for the top folder's and the mailbox's own counters.
    let after = manifest_of(&target, WITH_IDS);
    let changed = |line: &&String| {
        line.starts_with("mailbox ") || line.ends_with(" Top of Information Store")
    };
    for line in untouched.iter().filter(|line| !changed(line)) {
        assert!(after.contains(line), "{line}");
    }
    // What lies beside the folder tree comes along, and a second restore makes a second folder.
    let second = carry(&opened_again, &source_again, Part::Mailbox, &target, false);
    assert_ne!(second.place, carried.place);
    let views = format!("Top of Information Store/{}/Other folders/Common Views", second.place);
    assert_eq!(below(&target, &views).keys().collect::<Vec<_>>(), ["associated "]);
    assert_clean(&store);
}

#[test]
fn a_folder_comes_back_beside_or_where_it_was() {
    let (_dir, store, repository) = setup();
    let mailbox = store.mailbox(me(&store).mailbox).unwrap();
    let opened = backup::open(&repository, None, false).unwrap();
    let source = opened.store.mailbox(mailbox.number()).unwrap();
    let work = backup::find_folder(&source, "Inbox/Work").unwrap().expect("the folder");
    assert_eq!(backup::find_folder(&source, "Inbox/None").unwrap(), None);
    let original = below(&source, "Top of Information Store/Inbox/Work");
    let beside = carry(&opened, &source, Part::Folder(work), &mailbox, false);
    let path = format!("Top of Information Store/{}/Work", beside.place);
    assert_eq!(below(&mailbox, &path), original);
    // One message is gone and one is there still: only the first comes back.
    let gone = find(&mailbox, work, "plain");
    message::delete(&mailbox, work, &[gone], true).unwrap();
    let back = carry(&opened, &source, Part::Folder(work), &mailbox, true);
    assert_eq!((back.messages, back.associated, back.folders), (1, 0, 0), "{back:?}");
    assert!(back.present >= 4, "{back:?}");
    assert_eq!(below(&mailbox, "Top of Information Store/Inbox/Work"), original);
    // The whole folder is gone: it is made again. Nothing may lead to it then.
    store::mailbox::receive::set_folder(&mailbox, "IPM.Note.Test", None).unwrap();
    let all = folder::DeleteOptions { messages: true, folders: true, hard: true, associated: true };
    folder::delete(&mailbox, work, all).unwrap();
    let back = carry(&opened, &source, Part::Folder(work), &mailbox, true);
    assert_eq!((back.folders, back.present), (2, 0), "{back:?}");
    assert_eq!(below(&mailbox, "Top of Information Store/Inbox/Work"), original);
    assert_clean(&store);
}

fn find(mailbox: &std::sync::Arc<Mailbox>, folder: FolderId, subject: &str) -> mapi::MessageId {
    let query = store::table::Query {
        folder,
        rows: store::table::QueryRows::Contents(store::table::Contents::Normal),
        sort: mapi::SortOrderSet::default(),
        restriction: None,
    };
    let view = store::table::open(mailbox, query).unwrap();
    for row in view.rows(0, 100, &[]).unwrap() {
        if let store::table::RowObject::Message(id) = row.object {
            let body = message::open(mailbox, id).unwrap().body;
            let found = body.properties.inline(mapi::tags::SUBJECT).and_then(|v| v.as_text());
            if found.is_some_and(|text| text.to_string_lossy() == subject) {
                return id;
            }
        }
    }
    panic!("no message {subject}")
}

#[test]
fn a_message_comes_back_whole() {
    let (_dir, store, repository) = setup();
    let mailbox = store.mailbox(me(&store).mailbox).unwrap();
    let opened = backup::open(&repository, None, false).unwrap();
    let source = opened.store.mailbox(mailbox.number()).unwrap();
    let inbox = SpecialFolder::Inbox.id();
    let id = find(&source, inbox, "Re: everything");
    let present = carry(&opened, &source, Part::Message(id), &mailbox, true);
    assert_eq!((present.present, present.messages), (1, 0));
    let exported = message::export(&mailbox, id).unwrap();
    message::delete(&mailbox, inbox, &[id], true).unwrap();
    let before = below(&mailbox, "Top of Information Store/Inbox");
    let carried = carry(&opened, &source, Part::Message(id), &mailbox, true);
    assert_eq!((carried.messages, carried.place.as_str()), (1, "Inbox"));
    let back = find(&mailbox, inbox, "Re: everything");
    assert_eq!(message::export(&mailbox, back).unwrap(), exported);
    assert_ne!(below(&mailbox, "Top of Information Store/Inbox"), before);
    let none = mapi::MessageId::own(1 << 40);
    let options = CarryOptions { in_place: true, ..CarryOptions::default() };
    let refused =
        backup::carry(&opened, &source, Part::Message(none), &mailbox, options, &mut |_| true);
    assert!(matches!(refused, Err(BackupError::Refused(_))));
    assert_clean(&store);
}

/// Into another mailbox, whose named properties have other ids.
#[test]
fn a_mailbox_comes_back_into_another_one() {
    let (_dir, store, repository) = setup();
    let you = account(&store, "other@example.test");
    let target = store.mailbox(you.mailbox).unwrap();
    let names: Vec<_> = (0..50)
        .map(|n| mapi::PropertyName::string(mapi::names::PS_PUBLIC_STRINGS, &format!("n{n}")))
        .collect();
    store::mailbox::names::ids_of(&target, &names, true).unwrap();
    let opened = backup::open(&repository, None, false).unwrap();
    let source = opened.store.mailbox(me(&opened.store).mailbox).unwrap();
    let carried = carry(&opened, &source, Part::Mailbox, &target, true);
    assert_eq!((carried.refused.len(), carried.present), (0, 0));
    let top = "Top of Information Store";
    assert_eq!(below(&target, top), below(&source, top));
    assert_clean(&store);
    assert_eq!(manifest(&store).len(), 4);
}

/// Catalogue L19: descriptors that each online backup left open.
#[test]
fn descriptors_stay_flat_over_many_backups_and_restores() {
    let (dir, store, repository) = setup();
    let mailbox = store.mailbox(me(&store).mailbox).unwrap();
    let once = || {
        back_up(&store, &repository);
        assert!(backup::verify(&repository, false, &mut |_| true).unwrap().is_clean());
        let opened = backup::open(&repository, None, false).unwrap();
        let source = opened.store.mailbox(mailbox.number()).unwrap();
        let id = find(&source, SpecialFolder::Inbox.id(), "plain");
        carry(&opened, &source, Part::Message(id), &mailbox, false);
        drop((opened, source));
        let keep = backup::Keep { newest: 1, days: None };
        backup::prune(&repository, keep, store.now(), &mut |_| true).unwrap();
    };
    once();
    // Of this process's own test threads and of the engine there may be others: only those that name the
    // repository count.
    let path = repository.path().canonicalize().unwrap();
    let open = || {
        std::fs::read_dir("/proc/self/fd")
            .unwrap()
            .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
            .filter(|to| to.starts_with(&path))
            .count()
    };
    assert_eq!(open(), 0);
    for _ in 0..20 {
        once();
        assert_eq!(open(), 0);
    }
    // The detector detects: a lock that is held is a descriptor.
    let held = repository.read().unwrap();
    assert_eq!(open(), 1);
    drop(held);
    drop(dir);
}
