//! Who keeps a copy of a table and does what a follower is told has the table, whatever happens in it.

mod common;

use std::sync::Arc;

use common::{mailbox, plain};
use mapi::restriction::BitTest;
use mapi::sort::Direction;
use mapi::{
    Cell, FolderId, MessageId, PropertyTag, PropertyType, PropertyValue, Restriction, SortOrder,
    SortOrderSet, tags,
};
use store::folder::{DeleteOptions, NewFolder};
use store::message::{ImportOptions, SaveOptions};
use store::table::{
    self, Changed, Contents, Follower, Query, QueryRows, RowChange, RowName, RowObject, Toggled,
    View,
};
use store::{Mailbox, SpecialFolder, folder, message};

const INBOX: FolderId = SpecialFolder::Inbox.id();
const DRAFTS: FolderId = SpecialFolder::Drafts.id();
const COLUMNS: &[PropertyTag] = &[tags::SUBJECT, tags::MESSAGE_FLAGS, tags::MESSAGE_SIZE];
const FOLDER_COLUMNS: &[PropertyTag] =
    &[tags::DISPLAY_NAME, tags::CONTENT_COUNT, tags::CONTENT_UNREAD_COUNT, tags::SUBFOLDERS];

/// PidNameKeywords stands under some id; any multi-value text does.
const WORDS: PropertyTag = PropertyTag::new(0x6800_101f);
const OTHERS: PropertyTag = PropertyTag::new(0x6801_101f);

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

    /// Expands or collapses a category that the copy has, as a client does that is answered the rows that came.
    fn toggle(&mut self, picked: usize) {
        let headers =
            self.lines.iter().enumerate().filter_map(|(at, (name, _))| match name.object {
                RowObject::Category(id) => Some((at, id)),
                _ => None,
            });
        let headers: Vec<_> = headers.collect();
        let Some((at, id)) = headers.get(picked % headers.len().max(1)).copied() else { return };
        let mut done = self.view.expand(id, true).unwrap();
        let expand = done != Toggled::Already;
        if !expand {
            done = self.view.expand(id, false).unwrap();
        }
        match done {
            Toggled::Done { position, rows } if expand => {
                let came = read(&self.view, self.columns);
                let came = came[position + 1..][..rows].to_vec();
                // What comes from somewhere else is there once.
                let header = self.lines[at].0;
                self.lines.retain(|(name, _)| !came.iter().any(|(other, _)| name == other));
                let at = self.lines.iter().position(|(name, _)| *name == header).unwrap() + 1;
                self.lines.splice(at..at, came);
            }
            Toggled::Done { .. } => {
                let depth = |line: &Line| line.1[0].clone();
                let own = depth(&self.lines[at]);
                let below =
                    self.lines[at + 1..].iter().position(|line| !is_below(&depth(line), &own));
                let end = below.map_or(self.lines.len(), |below| at + 1 + below);
                self.lines.drain(at + 1..end);
            }
            // It is gone, and the copy does not know yet.
            Toggled::Missing => {}
            other => panic!("{other:?}"),
        }
        if let Some((_, cells)) =
            self.lines.iter_mut().find(|(name, _)| name.object == RowObject::Category(id))
            && let Toggled::Done { .. } = done
        {
            // PidTagRowType
            cells[1] = Cell::Value(PropertyValue::Integer32(if expand { 3 } else { 4 }));
        }
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

fn is_below(depth: &Cell, other: &Cell) -> bool {
    match (depth, other) {
        (
            Cell::Value(PropertyValue::Integer32(depth)),
            Cell::Value(PropertyValue::Integer32(other)),
        ) => depth > other,
        other => panic!("{other:?}"),
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
            let words = (0..random.below(3)).map(|n| format!("x{n}").as_str().into()).collect();
            content.properties.set(OTHERS, PropertyValue::MultipleString(words));
            let sender = ["ann", "Ann", "bob", "Bob", "Cid", "dan"][random.below(6)];
            content.properties.set(tags::SENDER_NAME, sender);
            content.properties.set(tags::IMPORTANCE, random.below(100) as i32);
            let done = message::import(mailbox, INBOX, content, &options).unwrap();
            if !options.associated {
                there.push(done.id);
            }
        }
        (3, Some(id)) => drop(message::set_read(mailbox, id, random.below(2) == 0).unwrap()),
        (4, Some(id)) => {
            let mut open = message::open(mailbox, id).unwrap();
            match random.below(3) {
                0 => open.body.properties.set(tags::SUBJECT, format!("m{}", random.below(50))),
                1 => open.body.properties.set(tags::SENDER_NAME, "eve"),
                _ => open.body.properties.set(tags::IMPORTANCE, random.below(100) as i32),
            };
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
            Query {
                folder: SpecialFolder::Root.id(),
                rows: QueryRows::Conversation { everywhere: true },
                restriction: Some(unread.clone()),
                ..contents(&[SortOrder::ascending(tags::SUBJECT)])
            },
            COLUMNS,
        ),
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

const CATEGORY_COLUMNS: &[PropertyTag] = &[
    tags::DEPTH,
    tags::ROW_TYPE,
    tags::SENDER_NAME,
    tags::SUBJECT,
    tags::IMPORTANCE,
    tags::CONTENT_COUNT,
    tags::CONTENT_UNREAD_COUNT,
    tags::INST_ID,
    tags::INSTANCE_NUM,
];

fn categorised(sort: &[SortOrder], categories: u16, expanded: u16) -> Query {
    let sort = SortOrderSet { orders: sort.to_vec(), categories, expanded };
    Query { sort, ..contents(&[]) }
}

fn order(tag: PropertyTag, direction: Direction) -> SortOrder {
    SortOrder { tag, direction }
}

/// Tables with categories of every kind.
fn categories() -> Vec<Query> {
    use Direction::{Ascending, Descending, MaximumCategory, MinimumCategory};
    let [instance, other] = [WORDS, OTHERS].map(|tag| tag.with_type(PropertyType(0x301f)));
    let (sender, subject) = (order(tags::SENDER_NAME, Ascending), order(tags::SUBJECT, Descending));
    let importance = |direction| order(tags::IMPORTANCE, direction);
    let all = [
        (vec![sender, subject], 1),
        (vec![subject, sender, importance(Ascending)], 2),
        (vec![sender, importance(Descending), order(instance, Ascending)], 2),
        (vec![order(instance, Descending), order(other, Ascending), subject], 1),
        // Conversations are sorted like that.
        (
            vec![
                order(tags::SENDER_NAME, Descending),
                importance(MaximumCategory),
                importance(Descending),
            ],
            1,
        ),
        (vec![subject, importance(MinimumCategory), importance(Descending)], 1),
        (vec![sender, subject, importance(MaximumCategory), order(instance, Ascending)], 2),
    ];
    let queries = all.into_iter().flat_map(|(orders, levels)| {
        (0..=levels).map(move |expanded| categorised(&orders, levels, expanded))
    });
    let mut queries: Vec<Query> = queries.collect();
    let others = [Contents::Associated, Contents::SoftDeleted].map(|contents| {
        let rows = QueryRows::Contents(contents);
        Query { rows, ..categorised(&[sender, subject], 1, 1) }
    });
    queries.extend(others);
    queries
}

#[test]
fn copies_of_categorised_tables_stay_true() {
    let (_store, mailbox) = mailbox();
    let mut copies: Vec<Copy> =
        categories().into_iter().map(|query| Copy::of(&mailbox, query, CATEGORY_COLUMNS)).collect();
    let mut random = Random(23);
    let mut there = Vec::new();
    for _ in 0..100 {
        for _ in 0..random.below(6) {
            step(&mailbox, &mut random, &mut there);
        }
        copies.iter_mut().for_each(Copy::hear);
    }
    assert!(there.len() > 50, "there was enough to do");
    for copy in &copies {
        // A category that stands in another place is told with all of its rows.
        let query = copy.view.query();
        let moves = query.sort.orders.iter().any(|order| {
            matches!(order.direction, Direction::MaximumCategory | Direction::MinimumCategory)
        });
        let most = if moves { 10 } else { 0 };
        assert!(copy.again <= most, "read again {} times: {query:?}", copy.again);
    }
    // Beyond what is told, the table is read again, and goes on.
    let before: Vec<usize> = copies.iter().map(|copy| copy.again).collect();
    for n in 0..300 {
        let content = plain(&n.to_string());
        message::import(&mailbox, INBOX, content, &ImportOptions::default()).unwrap();
    }
    for (copy, before) in copies.iter_mut().zip(before) {
        copy.hear();
        assert!(copy.again <= before + 1);
        message::set_read(&mailbox, there[0], true).unwrap();
        copy.hear();
        message::set_read(&mailbox, there[0], false).unwrap();
        copy.hear();
        assert!(copy.again <= before + 1);
    }
}

#[test]
fn what_is_expanded_and_collapsed_between_is_known() {
    let (_store, mailbox) = mailbox();
    let mut copies: Vec<Copy> =
        categories().into_iter().map(|query| Copy::of(&mailbox, query, CATEGORY_COLUMNS)).collect();
    let mut random = Random(29);
    let mut there = Vec::new();
    for _ in 0..100 {
        for _ in 0..random.below(4) {
            for _ in 0..random.below(3) {
                step(&mailbox, &mut random, &mut there);
            }
            let picked = random.below(100);
            copies.iter_mut().for_each(|copy| copy.toggle(picked));
        }
        copies.iter_mut().for_each(Copy::hear);
    }
    let again: usize = copies.iter().map(|copy| copy.again).sum();
    assert!(again < 20, "read again {again} times");
}

#[test]
fn rows_of_collapsed_categories_are_told_by_their_category_alone() {
    let (_store, mailbox) = mailbox();
    let sort = [
        order(tags::SENDER_NAME, Direction::Ascending),
        order(tags::SUBJECT, Direction::Ascending),
    ];
    let put = |sender: &str, subject: &str| {
        let mut content = plain(subject);
        content.properties.set(tags::SENDER_NAME, sender);
        let options = ImportOptions { read: Some(false), ..ImportOptions::default() };
        message::import(&mailbox, INBOX, content, &options).unwrap().id
    };
    let (a, _) = (put("ann", "a"), put("bob", "b"));
    let mut collapsed = Copy::of(&mailbox, categorised(&sort, 1, 0), CATEGORY_COLUMNS);
    let mut expanded = Copy::of(&mailbox, categorised(&sort, 1, 1), CATEGORY_COLUMNS);
    let told = |copy: &mut Copy| match copy.follower.take(CATEGORY_COLUMNS).unwrap() {
        Changed::Rows(rows) => rows
            .iter()
            .map(|change| match change {
                RowChange::Deleted(name) => {
                    ("deleted", matches!(name.object, RowObject::Category(_)))
                }
                RowChange::Added(row) => {
                    ("added", matches!(row.name.object, RowObject::Category(_)))
                }
                RowChange::Modified(row) => {
                    ("modified", matches!(row.name.object, RowObject::Category(_)))
                }
            })
            .collect::<Vec<_>>(),
        Changed::Everything => panic!("everything"),
    };
    put("ann", "c");
    assert_eq!(told(&mut collapsed), [("modified", true)]);
    assert_eq!(told(&mut expanded), [("modified", true), ("added", false)]);
    message::set_read(&mailbox, a, true).unwrap();
    assert_eq!(told(&mut collapsed), [("modified", true)]);
    assert_eq!(told(&mut expanded), [("modified", true), ("modified", false)]);
    // Neither counts nor its first row: the category is as it was.
    let mut open = message::open(&mailbox, put("ann", "d")).unwrap();
    told(&mut collapsed);
    told(&mut expanded);
    open.body.properties.set(tags::IMPORTANCE, 2);
    message::save(&mailbox, &mut open, SaveOptions::default()).unwrap();
    assert_eq!(told(&mut collapsed), []);
    assert_eq!(told(&mut expanded), [("modified", false)]);
    let gone = put("cid", "x");
    assert_eq!(told(&mut collapsed), [("added", true)]);
    assert_eq!(told(&mut expanded), [("added", true), ("added", false)]);
    message::delete(&mailbox, INBOX, &[gone], false).unwrap();
    assert_eq!(told(&mut collapsed), [("deleted", true)]);
    assert_eq!(told(&mut expanded), [("deleted", false), ("deleted", true)]);
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
