//! Public folders in a backup: folders, messages, permissions, and what each user has read.

use std::sync::Arc;

use mapi::{FolderId, MessageId};
use store::backup::{self, BackupError, CarryOptions, Opened, Part, Repository};
use store::folder::{self, NewFolder};
use store::message;
use store::permission::{self, Change, Member, Mode, Rights};
use store::rule;
use store::{Account, Mailbox, PublicFolder, Store};

use crate::common::{account, plain, rich};
use crate::{assert_clean, back_up, import, manifest, manifest_of, populated, restore};

const TOP: FolderId = PublicFolder::IpmSubtree.id();
const AUTHOR: Rights = Rights(0x41b);

struct Place {
    _dir: tempfile::TempDir,
    dir: std::path::PathBuf,
    store: Store,
    repository: Repository,
    me: Account,
    you: Account,
}

impl Place {
    /// News with two messages of which ME has read both and YOU one, and a folder below it that only YOU sees.
    fn new() -> Place {
        let dir = tempfile::tempdir().unwrap();
        let store = populated(&dir.path().join("data"));
        let public = store.mailbox(store.make_public_folders().unwrap().mailbox).unwrap();
        let new = |parent, name: &str| {
            let new = NewFolder { display_name: name.into(), ..NewFolder::default() };
            folder::create(&public, parent, &new).unwrap().id
        };
        let news = new(TOP, "News");
        let secret = new(news, "Secret");
        let [me, you] = ["me@example.test", "you@example.test"]
            .map(|address| store.account_by_address(address).unwrap().unwrap());
        let only = [
            Change::Modify(Member::Default, Rights::NONE),
            Change::Add(Member::Account(you.mailbox_guid), AUTHOR),
        ];
        permission::modify(&public, secret, Mode::default(), &only).unwrap();
        let messages =
            [import(&public, news, plain("first"), false), import(&public, news, rich(), false)];
        let hidden = import(&public, secret, plain("hidden"), false);
        let read = |user: &Account, id: MessageId| {
            assert!(message::set_read(&public.as_seen_by(user.mailbox_guid), id, true).unwrap());
        };
        messages.iter().for_each(|id| read(&me, *id));
        read(&you, messages[1]);
        read(&you, hidden);
        let given = crate::common::rule(vec![mapi::rule_action::Action::MarkAsRead]);
        rule::modify(&public, news, false, &[given]).unwrap();
        store.set_administrator(me.id, true).unwrap();
        let repository = Repository::create(&dir.path().join("repository")).unwrap();
        back_up(&store, &repository);
        Place { dir: dir.path().to_owned(), _dir: dir, store, repository, me, you }
    }

    fn opened(&self) -> (Opened, Arc<Mailbox>) {
        let opened = backup::open(&self.repository, None, false).unwrap();
        let number = self.public().number();
        let source = opened.store.mailbox(number).unwrap();
        (opened, source)
    }

    fn public(&self) -> Arc<Mailbox> {
        self.store.mailbox(self.store.public_folders().unwrap().unwrap().mailbox).unwrap()
    }
}

/// A folder by its path below the top.
fn find(mailbox: &Mailbox, path: &str) -> FolderId {
    backup::find_folder(mailbox, path).unwrap().expect(path)
}

/// How many messages of a folder a user has not read.
fn unread(public: &Arc<Mailbox>, user: &Account, folder: FolderId) -> u32 {
    folder::unread(&public.as_seen_by(user.mailbox_guid), folder).unwrap()
}

fn states(public: &Arc<Mailbox>, place: &Place, news: &str) -> [u32; 4] {
    let (news, secret) = (find(public, news), find(public, &format!("{news}/Secret")));
    let count = |user: &Account, id| unread(public, user, id);
    [
        count(&place.me, news),
        count(&place.you, news),
        count(&place.me, secret),
        count(&place.you, secret),
    ]
}

fn carry(place: &Place, part: Part, in_place: bool) -> backup::Carried {
    let (opened, source) = place.opened();
    let options = CarryOptions { in_place, ..CarryOptions::default() };
    backup::carry(&opened, &source, part, &place.public(), options, &mut |_| true).unwrap()
}

#[test]
fn a_whole_store_comes_back_with_its_public_folders() {
    let place = Place::new();
    let before = manifest(&place.store);
    assert_eq!(states(&place.public(), &place, "News"), [0, 1, 1, 0]);
    let copy = restore(&place.repository, &place.dir.join("copy"), None);
    assert_eq!(manifest(&copy), before);
    assert_clean(&copy);
    let public = copy.mailbox(copy.public_folders().unwrap().unwrap().mailbox).unwrap();
    assert!(public.is_public());
    assert_eq!(states(&public, &place, "News"), [0, 1, 1, 0]);
    assert_eq!(rule::list(&public, find(&public, "News")).unwrap().len(), 1);
    let secret = permission::list(&public, find(&public, "News/Secret")).unwrap().unwrap();
    assert_eq!(secret.default, Rights::NONE);
    assert_eq!(secret.accounts().collect::<Vec<_>>(), [(place.you.mailbox_guid, AUTHOR)]);
    assert!(copy.is_administrator(place.me.id).unwrap());
    assert!(!copy.is_administrator(place.you.id).unwrap());
    // The manifest sees what it is for: another's read state, another right.
    let lines =
        |store: &Store| manifest_of(&store.mailbox(public.number()).unwrap(), crate::WITH_IDS);
    let before = lines(&copy);
    let news = find(&public, "News");
    let first = message_of(&public, news);
    message::set_read(&public.as_seen_by(place.you.mailbox_guid), first, true).unwrap();
    assert_ne!(lines(&copy), before);
}

fn message_of(mailbox: &Arc<Mailbox>, folder: FolderId) -> MessageId {
    let query = store::table::Query {
        folder,
        rows: store::table::QueryRows::Contents(store::table::Contents::Normal),
        sort: Default::default(),
        restriction: None,
    };
    let view = store::table::open(mailbox, query).unwrap();
    match view.rows(0, 1, &[]).unwrap()[0].object {
        store::table::RowObject::Message(id) => id,
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn one_public_folder_comes_back_where_it_was() {
    let place = Place::new();
    let public = place.public();
    let news = find(&public, "News");
    let all = folder::DeleteOptions { messages: true, folders: true, hard: true, associated: true };
    folder::delete(&public, news, all).unwrap();
    let carried = carry(&place, Part::Folder(news), true);
    assert_eq!(
        (carried.folders, carried.messages, carried.refused.len()),
        (2, 3, 0),
        "{carried:?}"
    );
    assert_eq!(states(&public, &place, "News"), [0, 1, 1, 0]);
    let secret = permission::list(&public, find(&public, "News/Secret")).unwrap().unwrap();
    assert_eq!(secret.default, Rights::NONE);
    assert_eq!(secret.accounts().collect::<Vec<_>>(), [(place.you.mailbox_guid, AUTHOR)]);
    assert_clean(&place.store);
}

/// What comes back beside shows itself to nobody who did not see it, and knows nobody who is gone.
#[test]
fn what_comes_back_beside_keeps_its_permissions() {
    let place = Place::new();
    let public = place.public();
    let secret = find(&public, "News/Secret");
    let beside = carry(&place, Part::Folder(secret), false);
    let copy = find(&public, &format!("{}/Secret", beside.place));
    assert_eq!(permission::list(&public, copy).unwrap().unwrap().default, Rights::NONE);
    assert_eq!([unread(&public, &place.me, copy), unread(&public, &place.you, copy)], [1, 0]);
    // A single message lies in the new folder itself.
    let one = carry(&place, Part::Message(message_of(&public, secret)), false);
    let top = find(&public, &one.place);
    assert_ne!(one.place, beside.place);
    assert_eq!(permission::list(&public, top).unwrap().unwrap().default, Rights::NONE);
    assert_eq!([unread(&public, &place.me, top), unread(&public, &place.you, top)], [1, 0]);
    // Everything at once, without one who is gone.
    place.store.remove_account(place.you.id).unwrap();
    let whole = carry(&place, Part::Mailbox, false);
    assert_eq!((whole.messages, whole.refused.len()), (3, 0), "{whole:?}");
    let secret = find(&public, &format!("{}/News/Secret", whole.place));
    let acl = permission::list(&public, secret).unwrap().unwrap();
    assert_eq!((acl.default, acl.accounts().count()), (Rights::NONE, 0));
    assert_clean(&place.store);
}

#[test]
fn public_folders_and_mailboxes_have_no_places_in_common() {
    let place = Place::new();
    let (opened, source) = place.opened();
    let mine = place.store.mailbox(place.me.mailbox).unwrap();
    let news = find(&source, "News");
    let options = CarryOptions { in_place: true, ..CarryOptions::default() };
    let refused =
        backup::carry(&opened, &source, Part::Folder(news), &mine, options, &mut |_| true);
    assert!(matches!(refused, Err(BackupError::Refused(_))));
    let beside = CarryOptions::default();
    let carried =
        backup::carry(&opened, &source, Part::Folder(news), &mine, beside, &mut |_| true).unwrap();
    assert_eq!(carried.messages, 3);
    assert_clean(&place.store);
}

/// The account behind the public folders is gone, as after a loss of the directory: all of it comes back.
#[test]
fn the_store_of_public_folders_comes_back_by_itself() {
    let place = Place::new();
    let account = place.store.public_folders().unwrap().unwrap();
    let before = manifest_of(&place.public(), crate::WITH_IDS);
    place.store.remove_account(account.id).unwrap();
    assert_eq!(place.store.public_folders().unwrap(), None);
    let (opened, address) =
        (backup::open(&place.repository, None, false).unwrap(), account.address.clone());
    backup::adopt(&place.repository, &opened, &address, &place.store, false, &mut |_| true)
        .unwrap();
    assert_eq!(manifest_of(&place.public(), crate::WITH_IDS), before);
    assert_eq!(states(&place.public(), &place, "News"), [0, 1, 1, 0]);
    assert_clean(&place.store);
    account_number_is_free(&place.store);
}

fn account_number_is_free(store: &Store) {
    let next = account(store, "next@example.test");
    assert!(store.mailbox(next.mailbox).is_ok());
}
