//! A store with some of everything, and ways to damage it below the store.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use mapi::{FolderId, MessageId, Wire, tags};
use store::check::{self, Options, Report, What};
use store::engine::{Batch, Direction, Engine, KeyRange, MemoryEngine, Reader, Space, Value};
use store::folder::{self, NewFolder};
use store::mailbox::{receive, store_properties};
use store::message::{self, ImportOptions};
use store::table::Contents;
use store::{Account, Mailbox, MailboxNumber, SpecialFolder, Store};

use crate::common::{account, on_engine, plain, rich};

pub const INBOX: FolderId = SpecialFolder::Inbox.id();
pub const ALL: Options = Options { blobs: true, repair: false };
pub const REPAIR: Options = Options { blobs: true, repair: true };

pub struct Fixture {
    pub engine: Arc<MemoryEngine>,
    pub store: Store,
    pub mailbox: Arc<Mailbox>,
    pub me: Account,
    pub you: Account,
    pub work: FolderId,
    pub below: FolderId,
    /// In the Inbox, with the UIDs 1 to 6.
    pub plain: Vec<MessageId>,
    /// In the Inbox, with attachments, an embedded message and large values.
    pub rich: MessageId,
    /// In `work`.
    pub filed: MessageId,
}

impl Fixture {
    pub fn new() -> Fixture {
        let engine = Arc::new(MemoryEngine::new());
        let store = on_engine(engine.clone());
        let me = account(&store, "me@example.test");
        let you = account(&store, "you@example.test");
        store.set_password(me.id, "a password").unwrap();
        store.grant_full_access(me.id, you.id).unwrap();
        let mailbox = store.mailbox(me.mailbox).unwrap();
        let new = |parent, name: &str| {
            let new = NewFolder { display_name: name.into(), ..NewFolder::default() };
            folder::create(&mailbox, parent, &new).unwrap().id
        };
        let work = new(INBOX, "Work");
        let below = new(work, "Below");
        let comment = "c".repeat(20_000);
        folder::set(&mailbox, work, vec![(tags::COMMENT, comment.as_str().into())]).unwrap();
        store_properties::set(&mailbox, vec![(tags::COMPANY_NAME, comment.as_str().into())])
            .unwrap();
        receive::set_folder(&mailbox, "IPM.Test", Some(work)).unwrap();
        let keyed = |key: &str| ImportOptions {
            key: Some(key.as_bytes().to_vec()),
            read: Some(key.len().is_multiple_of(2)),
            ..ImportOptions::default()
        };
        let import = |folder, content, options: &ImportOptions| {
            message::import(&mailbox, folder, content, options).unwrap().id
        };
        let plain: Vec<MessageId> = (1..=6)
            .map(|n| import(INBOX, plain(&format!("plain {n}")), &keyed(&"k".repeat(n))))
            .collect();
        let other = crate::common::plain;
        let rich = import(INBOX, rich(), &ImportOptions::default());
        let filed = import(work, other("filed"), &ImportOptions::default());
        let fai = ImportOptions { associated: true, ..ImportOptions::default() };
        import(INBOX, other("associated"), &fai);
        let deleted = import(INBOX, other("deleted"), &ImportOptions::default());
        message::delete(&mailbox, INBOX, &[deleted], false).unwrap();
        let gone: Vec<MessageId> =
            (0..3).map(|_| import(INBOX, other("gone"), &ImportOptions::default())).collect();
        message::delete(&mailbox, INBOX, &[gone[0], gone[2]], true).unwrap();
        message::move_to(&mailbox, INBOX, &[gone[1]], &mailbox, below).unwrap();
        let theirs = store.mailbox(you.mailbox).unwrap();
        message::import(&theirs, INBOX, crate::common::rich(), &ImportOptions::default()).unwrap();
        let fixture = Fixture { engine, store, mailbox, me, you, work, below, plain, rich, filed };
        assert_eq!(fixture.check().left_in_words(), Vec::<String>::new());
        fixture
    }

    pub fn check(&self) -> Report {
        check::store(&self.store, &ALL, &mut |_| {}).unwrap()
    }

    pub fn repair(&self) -> Report {
        check::store(&self.store, &REPAIR, &mut |_| {}).unwrap()
    }

    pub fn key(&self, kind: u8, parts: &[&[u8]]) -> Vec<u8> {
        key(self.me.mailbox, kind, parts)
    }

    pub fn get(&self, space: Space, key: &[u8]) -> Value {
        self.engine.get(space, key).unwrap().expect("a record")
    }

    pub fn put(&self, space: Space, key: &[u8], value: impl Into<Vec<u8>>) {
        let mut batch = Batch::new();
        batch.put(space, key, value);
        assert!(self.engine.commit(batch).unwrap().is_committed());
    }

    pub fn delete(&self, space: Space, key: &[u8]) {
        assert!(self.engine.get(space, key).map_or(true, |value| value.is_some()), "nothing there");
        let mut batch = Batch::new();
        batch.delete(space, key);
        assert!(self.engine.commit(batch).unwrap().is_committed());
    }

    /// Changes a value under a seal that is right.
    pub fn alter(&self, space: Space, key: &[u8], change: impl FnOnce(&mut Vec<u8>)) {
        let mut value = self.get(space, key).to_vec();
        change(&mut value);
        self.put(space, key, value);
    }

    pub fn flip(&self, space: Space, key: &[u8]) {
        assert!(self.engine.corrupt(space, key), "nothing there");
    }

    /// All keys that begin with a prefix.
    pub fn keys(&self, space: Space, prefix: &[u8]) -> Vec<Vec<u8>> {
        let keys = self.engine.keys(space, &KeyRange::prefix(prefix), Direction::Forward, 1 << 20);
        keys.unwrap().into_iter().map(|key| key.to_vec()).collect()
    }

    /// Every message of the first mailbox with all that is stored of it, as far as it can be read.
    pub fn messages(&self) -> BTreeMap<String, String> {
        let mailbox = &self.mailbox;
        let mut all = BTreeMap::new();
        for key in self.keys(Space::Mailbox, &self.key(0x20, &[])) {
            let id = id_of(&key);
            all.insert(id.to_string(), print(mailbox, id));
        }
        all
    }

    /// The keys of the summaries of a folder and class.
    pub fn summary(&self, folder: FolderId, contents: Contents, id: MessageId) -> Vec<u8> {
        let class = match contents {
            Contents::Normal => 0,
            Contents::Associated => 1,
            Contents::SoftDeleted => 2,
            Contents::SoftDeletedAssociated => 3,
        };
        self.key(0x21, &[&bytes(folder.to_wire()), &[class], &bytes(id.to_wire())])
    }

    pub fn hot(&self, id: MessageId) -> Vec<u8> {
        self.key(0x20, &[&bytes(id.to_wire())])
    }

    pub fn nodes(&self, id: MessageId) -> Vec<Vec<u8>> {
        self.keys(Space::Mailbox, &self.key(0x22, &[&bytes(id.to_wire())]))
    }

    pub fn folder(&self, id: FolderId) -> Vec<u8> {
        self.key(0x10, &[&bytes(id.to_wire())])
    }

    pub fn folder_names(&self, parent: FolderId) -> BTreeSet<String> {
        let children = folder::children(&self.mailbox, parent).unwrap();
        children.into_iter().map(|child| child.display_name).collect()
    }
}

/// Ids stand in keys as replica and counter, both big-endian, and on the wire with the replica in
/// little-endian.
pub fn bytes(mut wire: Vec<u8>) -> Vec<u8> {
    wire.swap(0, 1);
    wire
}

pub fn id_of(key: &[u8]) -> MessageId {
    MessageId::from_wire(&bytes(key[9..17].to_vec())).unwrap()
}

pub fn key(mailbox: MailboxNumber, kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    [&mailbox.0.to_be_bytes()[..], &[kind], &parts.concat()].concat()
}

/// A message with every value, the large ones read.
pub fn print(mailbox: &Mailbox, id: MessageId) -> String {
    match message::open(mailbox, id) {
        Err(error) => format!("unreadable: {error}"),
        Ok(message) => {
            let exported = message::export(mailbox, id).map(|content| format!("{content:?}"));
            let mime = message::mime(mailbox, id);
            let mut hasher = DefaultHasher::new();
            format!("{:?} {:?}", exported.ok(), mime.ok()).hash(&mut hasher);
            format!("{message:?} {:x}", hasher.finish())
        }
    }
}

pub fn whats(report: &Report) -> BTreeSet<&'static str> {
    report.problems.iter().map(|problem| problem.what.code()).collect()
}

/// Damages a fixture and wants: the check names exactly `expected`; a repair mends all of it; the next check
/// finds nothing; and every message but `touched` is as it was. Gives the fixture and what the repair said.
pub fn mends(
    name: &str,
    damage: impl FnOnce(&Fixture),
    expected: &[What],
    touched: impl FnOnce(&Fixture) -> Vec<MessageId>,
) -> (Fixture, Report) {
    let fixture = Fixture::new();
    let before = fixture.messages();
    damage(&fixture);
    let found = fixture.check();
    let expected: BTreeSet<&str> = expected.iter().map(|what| what.code()).collect();
    assert_eq!(whats(&found), expected, "{name}: {:#?}", found.left_in_words());
    assert!(!found.is_clean() && found.repaired == 0, "{name}");
    assert_eq!(fixture.check().found, found.found, "{name}: a check changes nothing");
    let repaired = fixture.repair();
    assert!(repaired.is_clean(), "{name}: {:#?}", repaired.problems);
    let codes = whats(&repaired);
    assert!(expected.is_subset(&codes), "{name}: {codes:?} instead of {expected:?}");
    let after = fixture.check();
    assert_eq!(after.left_in_words(), Vec::<String>::new(), "{name}");
    let touched: Vec<String> = touched(&fixture).iter().map(MessageId::to_string).collect();
    let now = fixture.messages();
    for (id, print) in before.iter().filter(|(id, _)| !touched.contains(id)) {
        assert_eq!(now.get(id), Some(print), "{name}: message {id}");
    }
    (fixture, repaired)
}

pub fn nothing(_: &Fixture) -> Vec<MessageId> {
    Vec::new()
}

/// What the repair said is lost, in one text.
pub fn lost(report: &Report) -> String {
    let lost: Vec<&str> = report.problems.iter().map(|problem| &problem.lost[..]).collect();
    lost.join("\n")
}
