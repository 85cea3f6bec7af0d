//! The store of public folders: search folders, retention, and what everybody reads for himself.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use common::{account, assert_whole, plain};
use mapi::restriction::{BitTest, Restriction};
use mapi::{Cell, FileTime, FolderId, MessageId, SortOrderSet, tags};
use store::folder::{self, NewFolder};
use store::message::{self, ImportOptions};
use store::search::{self, NewCriteria};
use store::table::{self, Contents, Query, QueryRows};
use store::{Account, Mailbox, PublicFolder, Store, StoreOptions, recover, retention};

const TOP: FolderId = PublicFolder::IpmSubtree.id();
const DAY: i64 = 24 * 60 * 60;

struct House {
    now: Arc<AtomicI64>,
    store: Store,
    public: Arc<Mailbox>,
    ann: Account,
    bob: Account,
}

fn house() -> House {
    let now = Arc::new(AtomicI64::new(1_700_000_000));
    let clock = now.clone();
    let options = StoreOptions {
        clock: Arc::new(move || FileTime::from_unix(clock.load(Ordering::Relaxed), 0)),
        ..StoreOptions::default()
    };
    let store = Store::in_memory(options).unwrap();
    let (ann, bob) = (account(&store, "ann@example.test"), account(&store, "bob@example.test"));
    let public = store.mailbox(store.make_public_folders().unwrap().mailbox).unwrap();
    House { now, store, public, ann, bob }
}

impl House {
    fn as_seen_by(&self, user: &Account) -> Arc<Mailbox> {
        self.public.as_seen_by(user.mailbox_guid)
    }

    fn folder(&self, name: &str, search: bool) -> FolderId {
        let new = NewFolder { display_name: name.into(), search, ..NewFolder::default() };
        folder::create(&self.public, TOP, &new).unwrap().id
    }

    fn post(&self, folder: FolderId, subject: &str) -> MessageId {
        message::import(&self.public, folder, plain(subject), &ImportOptions::default()).unwrap().id
    }

    /// PidTagMessageFlags' read bit and PidTagRead of a folder's rows, as a user sees them.
    fn rows(&self, user: &Account, folder: FolderId) -> Vec<bool> {
        let mailbox = self.as_seen_by(user);
        let sort = SortOrderSet::default();
        let rows = QueryRows::Contents(Contents::Normal);
        let view = table::open(&mailbox, Query { folder, rows, sort, restriction: None }).unwrap();
        let rows = view.rows(0, 100, &[tags::MESSAGE_FLAGS, tags::READ]).unwrap();
        let states = rows.iter().map(|row| match &row.cells[..] {
            [Cell::Value(flags), Cell::Value(read)] => {
                let set = flags.as_i32().unwrap() & 1 != 0;
                assert_eq!(read.as_bool(), Some(set));
                set
            }
            other => panic!("{other:?}"),
        });
        states.collect()
    }

    fn unread(&self, user: &Account, folder: FolderId) -> u32 {
        folder::unread(&self.as_seen_by(user), folder).unwrap()
    }
}

fn everything() -> NewCriteria {
    NewCriteria {
        restriction: Some(Restriction::Exist { tag: tags::SUBJECT }),
        folders: Some(vec![TOP]),
        recursive: true,
        fixed: false,
    }
}

/// A search folder shows what each user has read in the folders where the messages are.
#[test]
fn read_state_in_a_search_folder_is_that_of_the_messages_own_folders() {
    let house = house();
    let (news, talk) = (house.folder("News", false), house.folder("Talk", false));
    let all = house.folder("All", true);
    let first = house.post(news, "first");
    search::set(&house.public, all, &everything()).unwrap();
    let second = house.post(talk, "second");
    let (ann, bob) = (&house.ann, &house.bob);
    assert_eq!([house.unread(ann, all), house.unread(bob, all)], [2, 2]);
    assert_eq!(house.rows(ann, all), [false, false]);

    message::set_read(&house.as_seen_by(ann), first, true).unwrap();
    assert_eq!([house.unread(ann, all), house.unread(bob, all)], [1, 2]);
    assert_eq!([house.unread(ann, news), house.unread(ann, talk)], [0, 1]);
    assert_eq!((house.rows(ann, all), house.rows(bob, all)), (vec![true, false], vec![false; 2]));

    // Marked in the search folder, it is read in its own one.
    let flag = message::Marking::flag(true);
    message::mark(&house.as_seen_by(bob), Some(all), &[second], flag).unwrap();
    assert_eq!(house.rows(bob, all), [false, true]);
    assert_eq!(house.rows(bob, talk), [true]);
    assert_eq!([house.unread(bob, all), house.unread(bob, talk)], [1, 0]);

    // Who changes it, changes it for all others.
    let mine = house.as_seen_by(ann);
    let mut message = message::open(&mine, second).unwrap();
    message.body.properties.set(tags::SUBJECT, "changed");
    message::save(&mine, &mut message, Default::default()).unwrap();
    assert_eq!(house.rows(bob, all), [false, false]);
    assert_eq!([house.unread(ann, all), house.unread(bob, all)], [1, 2]);
    assert_whole(&house.public);
}

/// A search is the same for all: it does not ask who looks.
#[test]
fn a_search_for_unread_messages_asks_nobody() {
    let house = house();
    let news = house.folder("News", false);
    let unread = house.folder("Unread", true);
    let restriction =
        Restriction::Bitmask { test: BitTest::AllClear, tag: tags::MESSAGE_FLAGS, mask: 1 };
    let criteria = NewCriteria { restriction: Some(restriction), ..everything() };
    search::set(&house.public, unread, &criteria).unwrap();
    let id = house.post(news, "first");
    let shown = || folder::info(&house.public, unread).unwrap().contents;
    let before = shown();
    message::set_read(&house.as_seen_by(&house.ann), id, true).unwrap();
    assert_eq!(shown(), before);
    message::set_read(&house.as_seen_by(&house.ann), id, false).unwrap();
    assert_eq!(shown(), before);
    assert_whole(&house.public);
}

/// More folders than a view remembers at a time.
#[test]
fn a_search_over_many_folders_counts_right() {
    let house = house();
    let all = house.folder("All", true);
    search::set(&house.public, all, &everything()).unwrap();
    let mut ids = Vec::new();
    for n in 0..70 {
        let folder = house.folder(&format!("{n}"), false);
        ids.push(house.post(folder, "one"));
    }
    for id in ids.iter().step_by(2) {
        message::set_read(&house.as_seen_by(&house.ann), *id, true).unwrap();
    }
    assert_eq!(house.unread(&house.ann, all), 35);
    assert_eq!(house.unread(&house.bob, all), 70);
    assert_eq!(house.rows(&house.ann, all).iter().filter(|read| **read).count(), 35);
}

#[test]
fn what_was_deleted_in_public_folders_is_kept_comes_back_and_goes() {
    let house = house();
    let (news, talk) = (house.folder("News", false), house.folder("Talk", false));
    let [kept, gone] = ["kept", "gone"].map(|subject| house.post(news, subject));
    house.post(talk, "below");
    retention::set_days(&house.public, Some(3)).unwrap();
    let mine = house.as_seen_by(&house.ann);
    message::set_read(&mine, kept, true).unwrap();
    message::delete(&mine, news, &[gone], false).unwrap();
    let all =
        folder::DeleteOptions { messages: true, folders: true, hard: false, associated: true };
    folder::delete(&house.public, talk, all).unwrap();
    house.now.fetch_add(2 * DAY, Ordering::Relaxed);
    assert_eq!(retention::purge(&house.public, 100).unwrap(), retention::Purged::default());
    assert_whole(&house.public);
    let back = recover::folder(&house.public, talk, None).unwrap();
    assert_eq!(back.object, recover::Object::Folder(talk, 1));
    folder::delete(&house.public, talk, all).unwrap();
    house.now.fetch_add(4 * DAY, Ordering::Relaxed);
    let purged = retention::purge(&house.public, 100).unwrap();
    assert_eq!((purged.messages, purged.folders), (2, 1));
    assert_eq!(house.rows(&house.ann, news), [true]);
    assert!(folder::info(&house.public, talk).is_err());
    assert_whole(&house.public);
    assert_eq!(house.store.accounts().unwrap().len(), 3);
}
