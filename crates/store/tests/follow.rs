//! Who keeps a copy of a table and does what a follower is told has the table, whatever happens in it.

mod common;

use std::sync::Arc;

use common::{mailbox, plain};
use mapi::restriction::BitTest;
use mapi::{
    Cell, FolderId, MessageId, PropertyTag, PropertyType, PropertyValue, Restriction, SortOrder,
    SortOrderSet, tags,
};
use store::folder::{DeleteOptions, NewFolder};
use store::message::{ImportOptions, SaveOptions};
use store::table::{self, Changed, Contents, Follower, Query, QueryRows, RowChange, RowName, View};
use store::{Mailbox, SpecialFolder, folder, message};

const INBOX: FolderId = SpecialFolder::Inbox.id();
const DRAFTS: FolderId = SpecialFolder::Drafts.id();
const COLUMNS: &[PropertyTag] = &[tags::SUBJECT, tags::MESSAGE_FLAGS, tags::MESSAGE_SIZE];
const FOLDER_COLUMNS: &[PropertyTag] =
    &[tags::DISPLAY_NAME, tags::CONTENT_COUNT, tags::CONTENT_UNREAD_COUNT, tags::SUBFOLDERS];

/// PidNameKeywords stands under some id; any multi-value text does.
const WORDS: PropertyTag = PropertyTag::new(0x6800_101f);

type Line = (RowName, Vec<Cell>);

/// A copy of a table that is read once.
struct Copy {
    view: Arc<View>,
    follower: Follower,
    columns: &'static [PropertyTag],
    lines: Vec<Line>,
    /// How often it had to be read again.
    again: usize,
}

impl Copy {
    fn of(mailbox: &Arc<Mailbox>, query: Query, columns: &'static [PropertyTag]) -> Copy {
        let view = table::open(mailbox, query).unwrap();
        let follower = Follower::new(&view).unwrap();
        let lines = read(&view, columns);
        Copy { view, follower, columns, lines, again: 0 }
    }

    fn hear(&mut self) {
        match self.follower.take(self.columns).unwrap() {
            Changed::Everything => {
                self.lines = read(&self.view, self.columns);
                self.again += 1;
            }
            Changed::Rows(changes) => changes.into_iter().for_each(|change| self.apply(change)),
        }
        assert_eq!(self.lines, read(&self.view, self.columns));
    }

    fn apply(&mut self, change: RowChange) {
        let at = |lines: &[Line], name: RowName| lines.iter().position(|(known, _)| *known == name);
        let (row, was) = match change {
            RowChange::Deleted(name) => {
                let at = at(&self.lines, name).expect("a row that is deleted was there");
                self.lines.remove(at);
                return;
            }
            RowChange::Added(row) => (row, false),
            RowChange::Modified(row) => (row, true),
        };
        let old = at(&self.lines, row.name);
        assert_eq!(old.is_some(), was, "{row:?}");
        if let Some(old) = old {
            self.lines.remove(old);
        }
        let behind = row.after.map(|name| at(&self.lines, name).expect("the row before it") + 1);
        self.lines.insert(behind.unwrap_or(0), (row.name, row.cells));
    }
}

fn read(view: &View, columns: &[PropertyTag]) -> Vec<Line> {
    let rows = view.rows(0, usize::MAX, columns).unwrap();
    rows.into_iter().map(|row| (row.name(), row.cells)).collect()
}

fn contents(sort: &[SortOrder]) -> Query {
    Query {
        folder: INBOX,
        rows: QueryRows::Contents(Contents::Normal),
        sort: SortOrderSet::new(sort.to_vec()),
        restriction: None,
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }
}

/// One change of what is in the Inbox, or beside it.
fn step(mailbox: &Mailbox, random: &mut Random, there: &mut Vec<MessageId>) {
    let picked = there.get(random.below(there.len().max(1))).copied();
    match (random.below(8), picked) {
        (0..=2, _) | (_, None) => {
            let options = ImportOptions {
                read: Some(random.below(2) == 0),
                associated: random.below(9) == 0,
                ..ImportOptions::default()
            };
            let mut content = plain(&format!("m{}", random.below(50)));
            let words = (0..random.below(4)).map(|n| format!("w{n}").as_str().into()).collect();
            content.properties.set(WORDS, PropertyValue::MultipleString(words));
            let done = message::import(mailbox, INBOX, content, &options).unwrap();
            if !options.associated {
                there.push(done.id);
            }
        }
        (3, Some(id)) => drop(message::set_read(mailbox, id, random.below(2) == 0).unwrap()),
        (4, Some(id)) => {
            let mut open = message::open(mailbox, id).unwrap();
            open.body.properties.set(tags::SUBJECT, format!("m{}", random.below(50)));
            message::save(mailbox, &mut open, SaveOptions::default()).unwrap();
        }
        (5, Some(id)) => {
            message::delete(mailbox, INBOX, &[id], random.below(2) == 0).unwrap();
            there.retain(|known| *known != id);
        }
        (6, Some(id)) => {
            message::move_to(mailbox, INBOX, &[id], mailbox, DRAFTS).unwrap();
            there.retain(|known| *known != id);
        }
        (_, Some(id)) => {
            let copied = message::copy_to(mailbox, INBOX, &[id], mailbox, INBOX).unwrap();
            there.extend(copied.into_iter().flatten());
        }
    }
}

#[test]
fn copies_of_contents_tables_stay_true() {
    let (_store, mailbox) = mailbox();
    let unread =
        Restriction::Bitmask { test: BitTest::AllClear, tag: tags::MESSAGE_FLAGS, mask: 1 };
    let instance = WORDS.with_type(PropertyType(0x301f));
    let mut copies = [
        Copy::of(&mailbox, contents(&[]), COLUMNS),
        Copy::of(&mailbox, contents(&[SortOrder::ascending(tags::SUBJECT)]), COLUMNS),
        Copy::of(
            &mailbox,
            contents(&[
                SortOrder::descending(tags::SUBJECT),
                SortOrder::ascending(tags::MESSAGE_SIZE),
            ]),
            COLUMNS,
        ),
        Copy::of(&mailbox, contents(&[SortOrder::ascending(instance)]), COLUMNS),
        Copy::of(
            &mailbox,
            Query { restriction: Some(unread), ..contents(&[SortOrder::ascending(tags::SUBJECT)]) },
            COLUMNS,
        ),
    ];
    let mut random = Random(7);
    let mut there = Vec::new();
    for _ in 0..400 {
        for _ in 0..random.below(6) {
            step(&mailbox, &mut random, &mut there);
        }
        copies.iter_mut().for_each(Copy::hear);
    }
    assert!(there.len() > 50, "there was enough to do");
    assert!(copies.iter().all(|copy| copy.again == 0), "nothing was read again");
    // Beyond what is told, the table is read again, and goes on.
    let many = (0..300).map(|n| plain(&n.to_string()));
    many.for_each(|content| {
        message::import(&mailbox, INBOX, content, &ImportOptions::default()).unwrap();
    });
    for copy in &mut copies {
        copy.hear();
        assert_eq!(copy.again, 1);
        message::set_read(&mailbox, there[0], true).unwrap();
        copy.hear();
        message::set_read(&mailbox, there[0], false).unwrap();
        copy.hear();
        assert_eq!(copy.again, 1);
    }
}

/// One change of the folders.
fn step_folders(mailbox: &Mailbox, random: &mut Random, there: &mut Vec<FolderId>) {
    let picked = there[random.below(there.len())];
    let other = there[random.below(there.len())];
    let name = format!("f{}", random.below(1_000_000));
    match random.below(7) {
        0 | 1 => {
            let new = NewFolder { display_name: name, ..NewFolder::default() };
            there.push(folder::create(mailbox, picked, &new).unwrap().id);
        }
        2 => {
            let content = plain("m");
            message::import(mailbox, picked, content, &ImportOptions::default()).unwrap();
        }
        3 if picked != INBOX => {
            // Into itself it does not go.
            let _ = folder::move_to(mailbox, picked, other, Some(&name));
        }
        4 => {
            let _ = folder::set(mailbox, picked, vec![(tags::DISPLAY_NAME, name.as_str().into())]);
        }
        5 if picked != INBOX && there.len() > 8 => {
            let hard = random.below(2) == 0;
            let options = DeleteOptions { messages: true, folders: true, associated: true, hard };
            folder::delete(mailbox, picked, options).unwrap();
            there.retain(|id| folder::info(mailbox, *id).is_ok_and(|info| info.deleted.is_none()));
        }
        _ => {
            let _ = folder::copy_to(mailbox, picked, mailbox, other, Some(&name), true)
                .map(|copy| there.push(copy));
        }
    }
}

#[test]
fn copies_of_hierarchy_tables_stay_true() {
    let (_store, mailbox) = mailbox();
    let query = |depth, sort: &[SortOrder], restriction| Query {
        folder: INBOX,
        rows: QueryRows::Hierarchy { depth },
        sort: SortOrderSet::new(sort.to_vec()),
        restriction,
    };
    let filled = Restriction::Property {
        relation: mapi::restriction::Relation::Greater,
        tag: tags::CONTENT_COUNT,
        value: mapi::TaggedValue::new(tags::CONTENT_COUNT, 0),
    };
    let mut copies = [
        Copy::of(&mailbox, query(false, &[], None), FOLDER_COLUMNS),
        Copy::of(&mailbox, query(true, &[], None), FOLDER_COLUMNS),
        Copy::of(
            &mailbox,
            query(true, &[SortOrder::descending(tags::DISPLAY_NAME)], None),
            FOLDER_COLUMNS,
        ),
        Copy::of(&mailbox, query(true, &[], Some(filled)), FOLDER_COLUMNS),
    ];
    let mut random = Random(11);
    let mut there = vec![INBOX];
    for _ in 0..200 {
        for _ in 0..random.below(4) {
            step_folders(&mailbox, &mut random, &mut there);
        }
        copies.iter_mut().for_each(Copy::hear);
    }
    assert!(copies.iter().all(|copy| copy.again == 0), "nothing was read again");
}
