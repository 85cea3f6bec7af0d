//! Public folders: what users have read in them (kind 51), and what mailboxes keep of that (kind 50).

use std::sync::Arc;

use mapi::{FolderId, GlobalCounter, Guid, IdSet, LongTermId, MessageId, Wire};
use store::check::What;
use store::engine::Space;
use store::folder::{self, NewFolder};
use store::mailbox::per_user;
use store::message::{self, ImportOptions};
use store::{Mailbox, PublicFolder};

use super::fixture::{Fixture, bytes, key, lost, mends, nothing};
use crate::common::plain;

const MAILBOX: Space = Space::Mailbox;
const PER_USER: u8 = 0x50;
const SEEN: u8 = 0x51;

type Damage = fn(&mut Vec<u8>);
type Cut = fn(&Fixture, &News);
type Done<'a> = &'a dyn Fn(&Fixture);

/// Public folders with a message that ME has read and one that he has not.
struct News {
    public: Arc<Mailbox>,
    folder: FolderId,
    messages: [MessageId; 2],
}

impl News {
    fn new(f: &Fixture) -> News {
        let account = f.store.make_public_folders().unwrap();
        let public = f.store.mailbox(account.mailbox).unwrap();
        let new = NewFolder { display_name: "News".into(), ..NewFolder::default() };
        let folder = folder::create(&public, PublicFolder::IpmSubtree.id(), &new).unwrap().id;
        let post = |subject: &str| {
            let options = ImportOptions::default();
            message::import(&public, folder, plain(subject), &options).unwrap().id
        };
        let messages = [post("first"), post("second")];
        message::set_read(&public.as_seen_by(f.me.mailbox_guid), messages[0], true).unwrap();
        let news = News { public, folder, messages };
        assert_eq!(f.check().left_in_words(), Vec::<String>::new());
        assert_eq!(news.read_by(f.me.mailbox_guid), [true, false]);
        news
    }

    fn read_by(&self, user: Guid) -> [bool; 2] {
        let mine = self.public.as_seen_by(user);
        self.messages.map(|id| message::open(&mine, id).unwrap().read)
    }

    fn seen(&self, folder: FolderId, user: Guid, part: u16) -> Vec<u8> {
        let parts: [&[u8]; 3] = [&bytes(folder.to_wire()), &user.0, &part.to_be_bytes()];
        key(self.public.number(), SEEN, &parts)
    }

    /// ME's own read state in so many parts.
    fn grow(&self, f: &Fixture) {
        let mut set = IdSet::<Guid>::default();
        for n in 0..25_000u64 {
            set.insert(self.public.replica(), GlobalCounter::new(0x10_0000 + n * 0x1_0101));
        }
        let id = LongTermId::new(self.public.replica(), self.folder.counter);
        let mine = self.public.as_seen_by(f.me.mailbox_guid);
        per_user::set(&mine, &id, Guid::NULL, &set.to_wire()).unwrap();
        let parts = f.keys(MAILBOX, &key(self.public.number(), SEEN, &[])).len();
        assert!(parts > 1, "{parts}");
        assert!(f.check().is_clean(), "{:?}", f.check().left_in_words());
    }
}

#[test]
fn read_state() {
    let damages: [(&str, Damage); 3] = [
        ("of a later layout", |value| value[0] = 9),
        ("cut off", |value| value.truncate(12)),
        ("with a tail", |value| value.push(0xee)),
    ];
    for (name, damage) in damages {
        let damage = |f: &Fixture| {
            let news = News::new(f);
            f.alter(MAILBOX, &news.seen(news.folder, f.me.mailbox_guid, 0), damage);
        };
        let (fixture, repaired) = mends(name, damage, &[What::ReadState], nothing);
        assert!(lost(&repaired).contains("had read"), "{name}: {}", lost(&repaired));
        let public = fixture.store.public_folders().unwrap().unwrap().mailbox;
        assert!(fixture.keys(MAILBOX, &key(public, SEEN, &[])).is_empty(), "{name}");
    }
    let flipped = |f: &Fixture| {
        let news = News::new(f);
        f.flip(MAILBOX, &news.seen(news.folder, f.me.mailbox_guid, 0));
    };
    mends("flipped", flipped, &[What::ReadState], nothing);
}

#[test]
fn read_state_in_parts() {
    let damages: [(&str, Cut); 3] = [
        ("without its first part", |f, news| {
            f.delete(MAILBOX, &news.seen(news.folder, f.me.mailbox_guid, 0));
        }),
        ("without its last part", |f, news| {
            let last = f.keys(MAILBOX, &key(news.public.number(), SEEN, &[])).pop().unwrap();
            f.delete(MAILBOX, &last);
        }),
        ("with a short part", |f, news| {
            let first = news.seen(news.folder, f.me.mailbox_guid, 0);
            f.alter(MAILBOX, &first, |value| value.truncate(40_000));
        }),
    ];
    for (name, damage) in damages {
        let damage = |f: &Fixture| {
            let news = News::new(f);
            news.grow(f);
            damage(f, &news);
        };
        mends(name, damage, &[What::ReadState], nothing);
    }
}

#[test]
fn read_state_of_nobody_and_of_no_folder() {
    let nobody = |f: &Fixture| {
        let news = News::new(f);
        let value = f.get(MAILBOX, &news.seen(news.folder, f.me.mailbox_guid, 0));
        f.put(MAILBOX, &news.seen(news.folder, Guid([9; 16]), 0), value);
    };
    let nowhere = |f: &Fixture| {
        let news = News::new(f);
        let value = f.get(MAILBOX, &news.seen(news.folder, f.me.mailbox_guid, 0));
        f.put(MAILBOX, &news.seen(FolderId::own(0x7777), f.me.mailbox_guid, 0), value);
    };
    let of_a_mailbox = |f: &Fixture| {
        let news = News::new(f);
        let value = f.get(MAILBOX, &news.seen(news.folder, f.me.mailbox_guid, 0));
        let folder = bytes(f.work.to_wire());
        f.put(MAILBOX, &f.key(SEEN, &[&folder, &f.me.mailbox_guid.0, &[0, 0]]), value);
    };
    let all: [(&str, Done<'_>); 3] =
        [("nobody", &nobody), ("nowhere", &nowhere), ("of a mailbox", &of_a_mailbox)];
    for (name, damage) in all {
        let (fixture, _) = mends(name, damage, &[What::ReadState], nothing);
        let public = fixture.store.public_folders().unwrap().unwrap().mailbox;
        let left = fixture.keys(MAILBOX, &key(public, SEEN, &[]));
        assert_eq!(left.len(), 1, "{name}: what ME has read stays");
        assert!(fixture.keys(MAILBOX, &fixture.key(SEEN, &[])).is_empty(), "{name}");
    }
}

#[test]
fn what_a_mailbox_keeps_of_public_folders() {
    let folder = |n| LongTermId::new(Guid([3; 16]), GlobalCounter::new(n));
    let keep = move |f: &Fixture| {
        let mut set = IdSet::<Guid>::default();
        set.insert(Guid([3; 16]), GlobalCounter::new(7));
        for n in [1, 2] {
            per_user::set(&f.mailbox, &folder(n), Guid([4; 16]), &set.to_wire()).unwrap();
        }
        assert!(f.check().is_clean());
        f.keys(MAILBOX, &f.key(PER_USER, &[])).into_iter().next().unwrap()
    };
    let short = |f: &Fixture| f.alter(MAILBOX, &keep(f), |value| value.truncate(9));
    let version = |f: &Fixture| f.alter(MAILBOX, &keep(f), |value| value[0] = 7);
    let flipped = |f: &Fixture| f.flip(MAILBOX, &keep(f));
    let all: [(&str, Done<'_>); 3] =
        [("cut off", &short), ("of a later layout", &version), ("flipped", &flipped)];
    for (name, damage) in all {
        let (fixture, repaired) = mends(name, damage, &[What::PerUser], nothing);
        assert!(lost(&repaired).contains("a client kept"), "{name}: {}", lost(&repaired));
        assert_eq!(per_user::folders(&fixture.mailbox, Guid([4; 16])).unwrap(), [folder(2)]);
    }
}

#[test]
fn a_removed_account_takes_what_it_read_along() {
    let fixture = Fixture::new();
    let news = News::new(&fixture);
    let mut set = IdSet::<Guid>::default();
    set.insert(Guid([3; 16]), GlobalCounter::new(7));
    let theirs = fixture.store.mailbox(fixture.you.mailbox).unwrap();
    let folder = LongTermId::new(Guid([3; 16]), GlobalCounter::new(1));
    per_user::set(&theirs, &folder, Guid([4; 16]), &set.to_wire()).unwrap();
    drop(theirs);
    let you = news.public.as_seen_by(fixture.you.mailbox_guid);
    message::set_read(&you, news.messages[1], true).unwrap();
    let seen = || fixture.keys(MAILBOX, &key(news.public.number(), SEEN, &[])).len();
    assert_eq!(seen(), 2);
    fixture.store.remove_account(fixture.you.id).unwrap();
    assert_eq!(seen(), 1);
    assert_eq!(news.read_by(fixture.me.mailbox_guid), [true, false]);
    let left = fixture.keys(MAILBOX, &fixture.you.mailbox.0.to_be_bytes());
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(fixture.check().left_in_words(), Vec::<String>::new());
}

/// The removal of an account is broken off before it comes to what the account read.
#[test]
fn a_removal_that_was_broken_off_goes_on_with_what_was_read() {
    let fixture = Fixture::new();
    let news = News::new(&fixture);
    let value = fixture.get(MAILBOX, &news.seen(news.folder, fixture.me.mailbox_guid, 0));
    let stray = news.seen(news.folder, Guid([9; 16]), 0);
    fixture.put(MAILBOX, &stray, value);
    fixture.put(Space::Queue, &[&b"jm"[..], &77u64.to_be_bytes()].concat(), &b""[..]);
    let again = crate::common::on_engine(fixture.engine.clone());
    assert!(!fixture.keys(MAILBOX, &key(news.public.number(), SEEN, &[])).contains(&stray));
    drop(again);
    assert_eq!(news.read_by(fixture.me.mailbox_guid), [true, false]);
}

#[test]
fn the_last_state_of_a_folder_goes_with_it() {
    let fixture = Fixture::new();
    let news = News::new(&fixture);
    let all = folder::DeleteOptions { messages: true, folders: true, hard: true, associated: true };
    folder::delete(&news.public, news.folder, all).unwrap();
    assert!(fixture.keys(MAILBOX, &key(news.public.number(), SEEN, &[])).is_empty());
    assert_eq!(fixture.check().left_in_words(), Vec::<String>::new());
}
