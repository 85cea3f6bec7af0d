//! Search folders show what matches, at every moment.

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;

use common::{account, assert_whole, mailbox, on_engine, plain};
use mapi::restriction::{BitTest, FuzzyLevel, Relation};
use mapi::row::TaggedValue;
use mapi::{Cell, FolderId, MessageId, PropertyTag, PropertyValue, Restriction, tags};
use store::engine::MemoryEngine;
use store::folder::{self, DeleteOptions, NewFolder};
use store::mailbox::changes::{self, ChangeKind};
use store::message::{self, ImportOptions, SaveOptions, flags};
use store::search::{self, NewCriteria, SearchState};
use store::table::{self, Contents, Query, QueryRows, RowObject};
use store::{Mailbox, SpecialFolder, StoreError};

const INBOX: FolderId = SpecialFolder::Inbox.id();
const TOP: FolderId = SpecialFolder::IpmSubtree.id();

fn unread() -> Restriction {
    let (tag, mask) = (tags::MESSAGE_FLAGS, flags::READ);
    Restriction::Bitmask { test: BitTest::AllClear, tag, mask }
}

fn subject(part: &str) -> Restriction {
    let level = FuzzyLevel { low: FuzzyLevel::SUBSTRING, high: FuzzyLevel::IGNORE_CASE };
    let value = TaggedValue { tag: tags::SUBJECT, value: part.into() };
    Restriction::Content { level, tag: tags::SUBJECT, value }
}

fn new_folder(mailbox: &Mailbox, parent: FolderId, name: &str) -> FolderId {
    let new = NewFolder { display_name: name.into(), ..NewFolder::default() };
    folder::create(mailbox, parent, &new).unwrap().id
}

fn bare_search(mailbox: &Mailbox, name: &str) -> FolderId {
    let new = NewFolder { display_name: name.into(), search: true, ..NewFolder::default() };
    folder::create(mailbox, SpecialFolder::Search.id(), &new).unwrap().id
}

fn criteria(restriction: Restriction, folders: &[FolderId]) -> NewCriteria {
    let (restriction, folders) = (Some(restriction), Some(folders.to_vec()));
    NewCriteria { restriction, folders, recursive: true, fixed: false }
}

fn new_search(mailbox: &Mailbox, name: &str, criteria: &NewCriteria) -> FolderId {
    let id = bare_search(mailbox, name);
    search::set(mailbox, id, criteria).unwrap();
    id
}

fn post(mailbox: &Mailbox, folder: FolderId, subject: &str, read: bool) -> MessageId {
    let options = ImportOptions { read: Some(read), ..ImportOptions::default() };
    message::import(mailbox, folder, plain(subject), &options).unwrap().id
}

fn rows(mailbox: &Arc<Mailbox>, folder: FolderId, restriction: Option<Restriction>) -> Vec<i64> {
    let query = Query {
        folder,
        rows: QueryRows::Contents(Contents::Normal),
        sort: Default::default(),
        restriction,
    };
    let view = table::open(mailbox, query).unwrap();
    let rows = view.rows(0, usize::MAX, &[]).unwrap();
    assert_eq!(rows.len(), view.len().unwrap());
    rows.into_iter()
        .map(|row| match row.object {
            RowObject::Message(id) => id.to_i64(),
            other => panic!("{other:?}"),
        })
        .collect()
}

fn shown(mailbox: &Arc<Mailbox>, folder: FolderId) -> BTreeSet<i64> {
    rows(mailbox, folder, None).into_iter().collect()
}

fn set(ids: &[MessageId]) -> BTreeSet<i64> {
    ids.iter().map(|id| id.to_i64()).collect()
}

#[test]
fn what_matches_is_shown_and_followed() {
    let (_store, mailbox) = mailbox();
    let sub = new_folder(&mailbox, INBOX, "sub");
    let (a, b) = (post(&mailbox, INBOX, "report one", false), post(&mailbox, sub, "note", true));
    let found = new_search(&mailbox, "reports", &criteria(subject("REPORT"), &[TOP]));
    assert_eq!(shown(&mailbox, found), set(&[a]));
    let info = folder::info(&mailbox, found).unwrap();
    assert_eq!((info.contents, info.unread), (1, 1));
    assert_eq!(info.size, message::open(&mailbox, a).unwrap().size);
    // One comes, one begins to match, one ceases to.
    let c = post(&mailbox, sub, "Report two", true);
    let mut open = message::open(&mailbox, b).unwrap();
    open.body.properties.set(tags::SUBJECT, "a late report");
    message::save(&mailbox, &mut open, SaveOptions::default()).unwrap();
    assert_eq!(shown(&mailbox, found), set(&[a, b, c]));
    let mut open = message::open(&mailbox, a).unwrap();
    open.body.properties.set(tags::SUBJECT, "nothing");
    message::save(&mailbox, &mut open, SaveOptions::default()).unwrap();
    assert_eq!(shown(&mailbox, found), set(&[b, c]));
    // The row says where the message is (MS-OXCFOLD R1172).
    let query = Query {
        folder: found,
        rows: QueryRows::Contents(Contents::Normal),
        sort: Default::default(),
        restriction: None,
    };
    let view = table::open(&mailbox, query).unwrap();
    let columns = [tags::PARENT_FOLDER_ID, tags::PARENT_DISPLAY, tags::SUBJECT];
    let row = view.rows(0, 1, &columns).unwrap().remove(0);
    let values: [PropertyValue; 3] = [sub.to_i64().into(), "sub".into(), "a late report".into()];
    assert_eq!(row.cells, values.map(Cell::Value));
    // A change of the read state is one of the row.
    let before = view.version().unwrap();
    message::set_read(&mailbox, c, false).unwrap();
    assert!(view.version().unwrap() > before);
    assert_eq!(folder::info(&mailbox, found).unwrap().unread, 1);
    assert_whole(&mailbox);
}

#[test]
fn folders_take_their_messages_along() {
    let (_store, mailbox) = mailbox();
    let (inside, outside) =
        (new_folder(&mailbox, INBOX, "inside"), new_folder(&mailbox, TOP, "outside"));
    let top = new_folder(&mailbox, inside, "top");
    let low = new_folder(&mailbox, top, "low");
    let (a, b) = (post(&mailbox, top, "a", false), post(&mailbox, low, "b", false));
    let found = new_search(&mailbox, "deep", &criteria(unread(), &[inside]));
    let flat = NewCriteria { recursive: false, ..criteria(unread(), &[low]) };
    let flat = new_search(&mailbox, "flat", &flat);
    let both = set(&[a, b]);
    assert_eq!((shown(&mailbox, found), shown(&mailbox, flat)), (both.clone(), set(&[b])));
    folder::move_to(&mailbox, top, outside, None).unwrap();
    assert_eq!((shown(&mailbox, found), shown(&mailbox, flat)), (set(&[]), set(&[b])));
    folder::move_to(&mailbox, top, inside, None).unwrap();
    assert_eq!(shown(&mailbox, found), both);
    let all = DeleteOptions { messages: true, folders: true, ..DeleteOptions::default() };
    folder::delete(&mailbox, top, all).unwrap();
    assert_eq!((shown(&mailbox, found), shown(&mailbox, flat)), (set(&[]), set(&[])));
    folder::restore(&mailbox, top, inside, None).unwrap();
    assert_eq!((shown(&mailbox, found), shown(&mailbox, flat)), (both, set(&[b])));
    assert_whole(&mailbox);
    folder::delete(&mailbox, inside, DeleteOptions { hard: true, ..all }).unwrap();
    assert_eq!((shown(&mailbox, found), shown(&mailbox, flat)), (set(&[]), set(&[])));
    // What it names is remembered, as the client gave it.
    let criteria = search::criteria(&mailbox, found).unwrap().unwrap();
    assert_eq!((criteria.folders, criteria.state), (vec![inside], SearchState::Complete));
    assert_whole(&mailbox);
}

#[test]
fn a_static_search_stays_what_it_was() {
    let (_store, mailbox) = mailbox();
    let (a, b) = (post(&mailbox, INBOX, "a", false), post(&mailbox, INBOX, "b", false));
    let fixed = NewCriteria { fixed: true, ..criteria(unread(), &[INBOX]) };
    let found = new_search(&mailbox, "static", &fixed);
    assert_eq!(shown(&mailbox, found), set(&[a, b]));
    let c = post(&mailbox, INBOX, "c", false);
    message::delete(&mailbox, INBOX, &[a], true).unwrap();
    message::set_read(&mailbox, b, true).unwrap();
    assert_eq!(shown(&mailbox, found), set(&[a, b]));
    assert_eq!(folder::info(&mailbox, found).unwrap().unread, 1);
    assert_whole(&mailbox);
    // Begun again, with the criteria that it has.
    search::set(&mailbox, found, &NewCriteria { fixed: true, ..Default::default() }).unwrap();
    assert_eq!(shown(&mailbox, found), set(&[c]));
    assert_whole(&mailbox);
}

#[test]
fn what_is_done_through_it_is_done_to_the_message() {
    let (_store, mailbox) = mailbox();
    let other = new_folder(&mailbox, TOP, "other");
    let ids: Vec<MessageId> = (0..5)
        .map(|n| post(&mailbox, if n % 2 == 0 { INBOX } else { other }, &format!("m{n}"), false))
        .collect();
    let found = new_search(&mailbox, "all", &criteria(subject("m"), &[INBOX, other]));
    assert_eq!(shown(&mailbox, found), set(&ids));
    let missing = MessageId::own(0xffff);
    let read = message::mark(
        &mailbox,
        Some(found),
        &[ids[1], missing, ids[0]],
        message::Marking::flag(true),
    )
    .unwrap();
    assert_eq!(read, [Some(true), None, Some(true)]);
    assert!(message::open(&mailbox, ids[1]).unwrap().read);
    assert_eq!(message::delete(&mailbox, found, &[ids[0], ids[1], missing], true).unwrap(), 1);
    assert!(matches!(message::open(&mailbox, ids[1]), Err(StoreError::NotFound(_))));
    let drafts = SpecialFolder::Drafts.id();
    let named = [ids[2], missing, ids[3]];
    let copied = message::copy_to(&mailbox, found, &named, &mailbox, drafts).unwrap();
    assert_eq!(copied.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true]);
    let moved = message::move_to(&mailbox, found, &named, &mailbox, drafts).unwrap();
    assert_eq!(moved.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(message::open(&mailbox, moved[2].unwrap()).unwrap().folder, drafts);
    assert_eq!(shown(&mailbox, found), set(&[ids[4]]));
    // Nothing goes into it.
    let into = message::copy_to(&mailbox, INBOX, &[ids[4]], &mailbox, found);
    assert!(matches!(into, Err(StoreError::SearchFolder)));
    let import = message::import(&mailbox, found, plain("x"), &ImportOptions::default());
    assert!(matches!(import, Err(StoreError::SearchFolder)));
    let below = NewFolder { display_name: "below".into(), ..NewFolder::default() };
    assert!(matches!(folder::create(&mailbox, found, &below), Err(StoreError::SearchFolder)));
    assert!(matches!(
        folder::empty(&mailbox, found, DeleteOptions { messages: true, ..Default::default() }),
        Err(StoreError::SearchFolder)
    ));
    // It goes, and its messages stay.
    folder::delete(&mailbox, found, DeleteOptions { hard: true, ..Default::default() }).unwrap();
    assert!(message::open(&mailbox, ids[4]).is_ok());
    assert!(!search::is_active(&mailbox).unwrap());
    assert_whole(&mailbox);
}

#[test]
fn criteria_are_checked_and_kept() {
    let (_store, mailbox) = mailbox();
    let found = bare_search(&mailbox, "s");
    assert_eq!(search::criteria(&mailbox, found).unwrap(), None);
    let set = |new: &NewCriteria| search::set(&mailbox, found, new);
    assert!(matches!(set(&NewCriteria::default()), Err(StoreError::NoCriteria)));
    assert!(matches!(search::stop(&mailbox, found), Err(StoreError::NoCriteria)));
    let scope = set(&criteria(unread(), &[found]));
    assert!(matches!(scope, Err(StoreError::SearchScope)));
    let tag = tags::SUBJECT;
    let regex = Restriction::Property {
        relation: Relation::MatchesExpression,
        tag,
        value: TaggedValue { tag, value: "x".into() },
    };
    assert!(matches!(set(&criteria(regex, &[INBOX])), Err(StoreError::TooComplex(_))));
    let large = subject(&"x".repeat(20_000));
    assert!(matches!(set(&criteria(large, &[INBOX])), Err(StoreError::TooComplex(_))));
    let many = vec![INBOX; search::MAX_SCOPE + 1];
    assert!(matches!(set(&criteria(unread(), &many)), Err(StoreError::TooComplex(_))));
    assert!(matches!(
        search::set(&mailbox, INBOX, &criteria(unread(), &[TOP])),
        Err(StoreError::NotSearchFolder)
    ));
    assert!(matches!(
        set(&criteria(unread(), &[FolderId::own(0x9999)])),
        Err(StoreError::NotFound(_))
    ));
    set(&criteria(unread(), &[INBOX])).unwrap();
    set(&NewCriteria { restriction: Some(subject("x")), ..Default::default() }).unwrap();
    let now = search::criteria(&mailbox, found).unwrap().unwrap();
    assert_eq!((now.restriction, now.folders, now.recursive), (subject("x"), vec![INBOX], false));
    // One that is complete cannot be stopped.
    search::stop(&mailbox, found).unwrap();
    assert_eq!(search::criteria(&mailbox, found).unwrap().unwrap().state, SearchState::Complete);
}

#[test]
fn at_most_as_many_as_a_count_restriction_says() {
    let (_store, mailbox) = mailbox();
    let ids: Vec<MessageId> = (0..3).map(|_| post(&mailbox, INBOX, "m", false)).collect();
    let two = Restriction::Count { limit: 2, restriction: Box::new(unread()) };
    let found = new_search(&mailbox, "two", &criteria(two, &[INBOX]));
    assert_eq!(shown(&mailbox, found), set(&ids[..2]));
    post(&mailbox, INBOX, "m", false);
    assert_eq!(shown(&mailbox, found).len(), 2);
    assert_whole(&mailbox);
}

#[test]
fn the_log_says_what_came_and_went() {
    let (_store, mailbox) = mailbox();
    let found = new_search(&mailbox, "unread", &criteria(unread(), &[TOP]));
    let from = changes::latest(&mailbox).unwrap();
    let mut watch = mailbox.watch().unwrap();
    let id = post(&mailbox, INBOX, "m", false);
    message::set_status(&mailbox, id, 4, 4).unwrap();
    message::set_read(&mailbox, id, true).unwrap();
    let log = changes::after(&mailbox, from, 100).unwrap();
    let of_search: Vec<_> = log.iter().filter(|change| change.folder == found).collect();
    let kinds: Vec<ChangeKind> = of_search.iter().map(|change| change.kind).collect();
    let expected = [ChangeKind::LinkAdded, ChangeKind::LinkChanged, ChangeKind::LinkRemoved];
    assert_eq!(kinds, expected);
    for change in of_search {
        assert_eq!((change.message, change.old_folder), (id, INBOX));
    }
    // Whoever listens hears the same.
    assert_eq!(watch.take(&mailbox, 100).unwrap().changes, log);
}

#[test]
fn copies_and_restarts() {
    let engine = Arc::new(MemoryEngine::new());
    let store = on_engine(engine.clone());
    let number = account(&store, "me@example.test").mailbox;
    let mailbox = store.mailbox(number).unwrap();
    let a = post(&mailbox, INBOX, "a", false);
    let found = new_search(&mailbox, "unread", &criteria(unread(), &[TOP]));
    let finder = SpecialFolder::Search.id();
    let copy = folder::copy_to(&mailbox, found, &mailbox, finder, Some("copy"), true).unwrap();
    assert_eq!(shown(&mailbox, copy), set(&[a]));
    let all = DeleteOptions { messages: true, ..DeleteOptions::default() };
    folder::delete(&mailbox, copy, all).unwrap();
    let b = post(&mailbox, INBOX, "b", false);
    folder::restore(&mailbox, copy, finder, None).unwrap();
    assert_eq!(shown(&mailbox, copy), set(&[a, b]));
    drop((mailbox, store));
    let store = on_engine(engine);
    let mailbox = store.mailbox(number).unwrap();
    message::set_read(&mailbox, a, true).unwrap();
    for id in [found, copy] {
        assert_eq!(shown(&mailbox, id), set(&[b]));
    }
    assert_whole(&mailbox);
}

/// A small generator, so that a seed names a run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }
}

/// What a search should show: the same restriction on a table of each folder.
fn expected(mailbox: &Arc<Mailbox>, search: &(FolderId, NewCriteria)) -> BTreeSet<i64> {
    let mut pending = search.1.folders.clone().unwrap();
    let mut found = BTreeSet::new();
    let mut seen = BTreeSet::new();
    while let Some(id) = pending.pop() {
        let Ok(info) = folder::info(mailbox, id) else { continue };
        if info.deleted.is_some() || !seen.insert(id.to_i64()) {
            continue;
        }
        if search.1.recursive {
            pending.extend(folder::children(mailbox, id).unwrap().iter().map(|child| child.id));
        }
        found.extend(rows(mailbox, id, search.1.restriction.clone()));
    }
    found
}

#[test]
fn searches_are_right_after_anything() {
    for seed in [1, 0x5eed, 0xc0ffee] {
        anything(Random(seed), 300);
    }
}

fn anything(mut random: Random, steps: usize) {
    let (_store, mailbox) = mailbox();
    let mut folders = vec![INBOX, SpecialFolder::SentItems.id()];
    for at in 0..4 {
        let parent = folders[at % folders.len()];
        folders.push(new_folder(&mailbox, parent, &format!("f{at}")));
    }
    let body: PropertyTag = tags::BODY;
    let long = Restriction::Size { relation: Relation::Greater, tag: body, size: 9_000 };
    let either = Restriction::Or(vec![subject("3"), Restriction::Not(Box::new(subject("m")))]);
    let flat = |restriction, folders: &[FolderId]| NewCriteria {
        recursive: false,
        ..criteria(restriction, folders)
    };
    let mut searches = Vec::new();
    for (name, criteria) in [
        ("unread", criteria(unread(), &[TOP])),
        ("3", flat(subject("3"), &[folders[2], folders[3]])),
        ("long", criteria(long, &[folders[2]])),
        ("either", criteria(either, &[INBOX, folders[5]])),
    ] {
        searches.push((new_search(&mailbox, name, &criteria), criteria));
    }
    for step in 0..steps {
        // Those that went for good with one above them.
        for id in &mut folders {
            if folder::info(&mailbox, *id).is_err() {
                *id =
                    new_folder(&mailbox, INBOX, &format!("new {}", step * 100 + random.below(100)));
            }
        }
        let any = folders[random.below(folders.len())];
        let picked = shown(&mailbox, any).into_iter().nth(random.below(6)).map(MessageId::from_i64);
        let own = random.below(folders.len() - 2) + 2;
        // What lies in a deleted folder refuses most of this.
        match (random.below(12), picked) {
            (0..=2, _) => {
                let read = random.below(2) == 0;
                let options = ImportOptions { read: Some(read), ..ImportOptions::default() };
                let _ = message::import(&mailbox, any, plain(&format!("m{step}")), &options);
            }
            (3, Some(id)) => {
                let _ = message::set_read(&mailbox, id, random.below(2) == 0);
            }
            (4, Some(id)) => {
                let mut open = message::open(&mailbox, id).unwrap();
                open.body.properties.set(tags::BODY, "x".repeat(random.below(12_000)));
                open.body.properties.set(tags::SUBJECT, format!("m{}", random.below(40)));
                let _ = message::save(&mailbox, &mut open, SaveOptions::default());
            }
            (5, Some(id)) => {
                let hard = random.below(2) == 0;
                let _ = message::delete(&mailbox, any, &[id], hard);
            }
            (6, Some(id)) => {
                let to = folders[random.below(folders.len())];
                let _ = message::move_to(&mailbox, any, &[id], &mailbox, to);
            }
            (7, _) => {
                let to = folders[random.below(folders.len())];
                let _ = folder::move_to(&mailbox, folders[own], to, None);
            }
            (8, _) => {
                let all = DeleteOptions { messages: true, folders: true, ..Default::default() };
                let hard = random.below(6) == 0;
                let _ = folder::delete(&mailbox, folders[own], DeleteOptions { hard, ..all });
            }
            (9, _) => {
                let _ = folder::restore(&mailbox, folders[own], INBOX, None);
            }
            (10, _) => {
                let at = random.below(searches.len());
                let to = folders[random.below(folders.len())];
                let recursive = random.below(2) == 0;
                let kept = searches[at].1.restriction.clone().unwrap();
                let new = NewCriteria { recursive, ..criteria(kept, &[to]) };
                if search::set(&mailbox, searches[at].0, &new).is_ok() {
                    searches[at].1 = new;
                }
            }
            (11, _) => {
                let at = random.below(searches.len());
                let some = shown(&mailbox, searches[at].0).into_iter().map(MessageId::from_i64);
                let some: Vec<MessageId> = some.take(2).collect();
                assert_eq!(message::delete(&mailbox, searches[at].0, &some, false).unwrap(), 0);
            }
            _ => {}
        }
        for search in &searches {
            let (found, right) = (shown(&mailbox, search.0), expected(&mailbox, search));
            assert_eq!(
                found,
                right,
                "step {step}, {}",
                folder::info(&mailbox, search.0).unwrap().display_name
            );
            let info = folder::info(&mailbox, search.0).unwrap();
            assert_eq!(info.contents as usize, found.len(), "step {step}");
            let unread = rows(&mailbox, search.0, Some(unread())).len();
            assert_eq!(info.unread as usize, unread, "step {step}");
        }
        if step % 100 == 0 {
            assert_whole(&mailbox);
        }
    }
    assert_whole(&mailbox);
}
