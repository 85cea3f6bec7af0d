use std::sync::Arc;

use mapi::restriction::{BitTest, FuzzyLevel, Relation};
use mapi::{
    Cell, ErrorCode, FileTime, FolderId, MessageId, PropertyTag, PropertyValue, Restriction,
    SortOrder, SortOrderSet, TaggedValue, tags,
};

use super::plan::Plan;
use super::source::Context;
use super::*;
use crate::folder::{self, DeleteOptions, NewFolder};
use crate::mailbox::changes;
use crate::message::{self, Message, SaveOptions};
use crate::{NewAccount, SpecialFolder, Store, StoreError, StoreOptions, Value};

pub(super) const INBOX: FolderId = SpecialFolder::Inbox.id();
pub(super) const DRAFTS: FolderId = SpecialFolder::Drafts.id();
pub(super) const CATEGORIES: PropertyTag = PropertyTag::new(0x8001_101f);

pub(super) fn mailbox_in(store: &Store) -> Arc<Mailbox> {
    let number = store.accounts().expect("a directory").len();
    let new = NewAccount { address: format!("ann{number}@example.test"), ..NewAccount::default() };
    let account = store.create_account(&new).expect("made");
    store.mailbox(account.mailbox).expect("there")
}

pub(super) fn mailbox() -> Arc<Mailbox> {
    mailbox_in(&Store::in_memory(StoreOptions::default()).expect("a store in memory"))
}

pub(super) fn add(
    mailbox: &Mailbox,
    folder: FolderId,
    values: &[(PropertyTag, PropertyValue)],
) -> MessageId {
    let mut message = Message::new(mailbox, folder, false);
    for (tag, value) in values {
        message.body.properties.set(*tag, Value::from(value.clone()));
    }
    message::save(mailbox, &mut message, SaveOptions::default()).expect("saved").id
}

pub(super) fn add_subject(mailbox: &Mailbox, folder: FolderId, subject: &str) -> MessageId {
    add(mailbox, folder, &[(tags::SUBJECT, subject.into())])
}

pub(super) fn contents(
    folder: FolderId,
    orders: &[SortOrder],
    restriction: Option<Restriction>,
) -> Query {
    Query {
        folder,
        rows: QueryRows::Contents(Contents::Normal),
        sort: SortOrderSet::new(orders.to_vec()),
        restriction,
    }
}

pub(super) fn up(tag: PropertyTag) -> SortOrder {
    SortOrder::ascending(tag)
}

pub(super) fn down(tag: PropertyTag) -> SortOrder {
    SortOrder::descending(tag)
}

pub(super) fn property(
    relation: Relation,
    tag: PropertyTag,
    value: impl Into<PropertyValue>,
) -> Restriction {
    Restriction::Property { relation, tag, value: TaggedValue { tag, value: value.into() } }
}

fn prefix(tag: PropertyTag, text: &str, high: u16) -> Restriction {
    let level = FuzzyLevel { low: FuzzyLevel::PREFIX, high };
    Restriction::Content { level, tag, value: TaggedValue::new(tag, text) }
}

pub(super) fn texts(view: &View, tag: PropertyTag) -> Vec<String> {
    view.rows(0, usize::MAX, &[tag])
        .expect("rows")
        .into_iter()
        .map(|row| match &row.cells[0] {
            Cell::Value(PropertyValue::String(text)) => text.to_string_lossy().into_owned(),
            other => format!("{other:?}"),
        })
        .collect()
}

pub(super) fn messages(view: &View) -> Vec<MessageId> {
    view.rows(0, usize::MAX, &[])
        .expect("rows")
        .into_iter()
        .map(|row| match row.object {
            RowObject::Message(id) => id,
            RowObject::Folder(_) | RowObject::Category(_) => MessageId::NONE,
        })
        .collect()
}

#[test]
fn rows_are_sorted_by_any_columns_and_directions() {
    let mailbox = mailbox();
    for (subject, importance) in [("b", 1), ("A", 2), ("a", 0), ("C", 1), ("B", 2)] {
        let values = [(tags::SUBJECT, subject.into()), (tags::IMPORTANCE, importance.into())];
        add(&mailbox, INBOX, &values);
    }
    add(&mailbox, INBOX, &[(tags::IMPORTANCE, 1.into())]);
    let sorted = |orders: &[SortOrder]| {
        let view = open(&mailbox, contents(INBOX, orders, None)).expect("open");
        view.rows(0, 9, &[tags::SUBJECT])
            .expect("rows")
            .iter()
            .map(|row| match &row.cells[0] {
                Cell::Value(PropertyValue::String(text)) => text.to_string(),
                _ => "-".into(),
            })
            .collect::<Vec<_>>()
            .concat()
    };
    assert_eq!(sorted(&[]), "bAaCB-");
    assert_eq!(sorted(&[up(tags::SUBJECT)]), "-AabBC");
    assert_eq!(sorted(&[down(tags::SUBJECT)]), "CbBAa-");
    assert_eq!(sorted(&[up(tags::SUBJECT), up(tags::IMPORTANCE)]), "-aAbBC");
    assert_eq!(sorted(&[down(tags::IMPORTANCE), up(tags::SUBJECT)]), "AB-bCa");
    assert_eq!(sorted(&[up(tags::IMPORTANCE), down(tags::SUBJECT)]), "aCb-BA");
}

#[test]
fn a_row_has_what_is_stored_and_what_is_computed() {
    let mailbox = mailbox();
    let long = "x".repeat(700);
    let values = [
        (tags::SUBJECT, PropertyValue::from("s")),
        (tags::BODY, long.as_str().into()),
        (tags::SENDER_NAME, long.as_str().into()),
    ];
    let id = add(&mailbox, INBOX, &values);
    let view = open(&mailbox, contents(INBOX, &[], None)).expect("open");
    let columns = [
        tags::MID,
        tags::FOLDER_ID,
        tags::INST_ID,
        tags::INSTANCE_NUM,
        tags::ROW_TYPE,
        tags::DEPTH,
        tags::PARENT_DISPLAY,
        tags::BODY,
        tags::SENDER_NAME,
        tags::INTERNET_MESSAGE_ID,
    ];
    let row = view.rows(0, 1, &columns).expect("rows").remove(0);
    let cut = PropertyValue::from("x".repeat(255));
    let expected: Vec<Cell> = vec![
        Cell::Value(id.to_i64().into()),
        Cell::Value(INBOX.to_i64().into()),
        Cell::Value(id.to_i64().into()),
        Cell::Value(0.into()),
        Cell::Value(1.into()),
        Cell::Value(0.into()),
        Cell::Value("Inbox".into()),
        Cell::Value(cut.clone()),
        Cell::Value(cut),
        Cell::Error(ErrorCode::NOT_FOUND),
    ];
    assert_eq!(row.cells, expected);
    assert_eq!(row.object, RowObject::Message(id));
    // What a row says is what the message says.
    let message = message::open(&mailbox, id).expect("open");
    for tag in message::tags(&mailbox, &message).expect("tags") {
        if [tags::BODY.id(), tags::SENDER_NAME.id()].contains(&tag.id()) {
            continue;
        }
        let value = message::get(&mailbox, &message, tag).expect("get");
        let cell = view.rows(0, 1, &[tag]).expect("rows").remove(0).cells.remove(0);
        let own = value.and_then(|value| value.inline().cloned()).map(Cell::Value);
        assert_eq!(Some(cell), own, "{tag}");
    }
}

#[test]
fn a_view_follows_each_kind_of_change() {
    let mailbox = mailbox();
    let query = contents(INBOX, &[up(tags::SUBJECT)], None);
    let view = open(&mailbox, query.clone()).expect("open");
    let b = add_subject(&mailbox, INBOX, "b");
    let a = add_subject(&mailbox, INBOX, "a");
    assert_eq!(messages(&view), [a, b]);
    let mut message = message::open(&mailbox, a).expect("open");
    message.body.properties.set(tags::SUBJECT, "c");
    message::save(&mailbox, &mut message, SaveOptions::default()).expect("saved");
    assert_eq!(messages(&view), [b, a]);
    let version = view.version().expect("version");
    let read = message::open(&mailbox, b).expect("open").read;
    assert!(message::set_read(&mailbox, b, read).is_ok_and(|changed| !changed));
    assert_eq!(view.version().expect("version"), version);
    assert!(message::set_read(&mailbox, b, !read).expect("read"));
    assert!(view.version().expect("version") > version);
    let flags = view.rows(0, 1, &[tags::READ]).expect("rows").remove(0).cells;
    assert_eq!(flags, [Cell::Value((!read).into())]);
    let version = view.version().expect("version");
    add_subject(&mailbox, DRAFTS, "elsewhere");
    assert_eq!(view.version().expect("version"), version, "not its folder");
    let moved = message::move_to(&mailbox, INBOX, &[b], &mailbox, DRAFTS).expect("moved");
    assert_eq!(messages(&view), [a]);
    let back = message::move_to(&mailbox, DRAFTS, &[moved[0].expect("moved")], &mailbox, INBOX);
    let back = back.expect("moved")[0].expect("moved");
    assert_eq!(messages(&view), [back, a]);
    let deleted = Query { rows: QueryRows::Contents(Contents::SoftDeleted), ..query };
    let deleted = open(&mailbox, deleted).expect("open");
    message::delete(&mailbox, INBOX, &[a], false).expect("deleted");
    assert_eq!((messages(&view), messages(&deleted)), (vec![back], vec![a]));
    message::delete(&mailbox, INBOX, &[a, back], true).expect("deleted");
    assert_eq!((view.len().expect("len"), deleted.len().expect("len")), (0, 0));
}

/// The rows as a view that is built anew has them.
fn rebuilt(mailbox: &Arc<Mailbox>, query: &Query) -> Vec<RowKey> {
    let fresh = Store::mailbox(mailbox.store(), mailbox.number()).expect("there");
    let plan = Plan::of(query).expect("sensible");
    let core = Core::new(query.clone(), plan, mailbox.store().inner.gauges.view_bytes.count(0));
    let state = core.state(&fresh).expect("built");
    state.rows.iter().map(|entry| core.plan.row_key(entry)).collect()
}

pub(super) fn keys(view: &View) -> Vec<RowKey> {
    view.rows(0, usize::MAX, &[]).expect("rows").into_iter().map(|row| row.key).collect()
}

#[test]
fn following_changes_comes_to_the_same_as_building_anew() {
    let mailbox = mailbox();
    let unread = Restriction::Bitmask {
        test: BitTest::AllClear,
        tag: tags::MESSAGE_FLAGS,
        mask: message::flags::READ,
    };
    let instance = CATEGORIES.with_type(mapi::PropertyType(0x301f));
    let mut queries = Vec::new();
    for folder in [INBOX, DRAFTS] {
        queries.push(contents(folder, &[], None));
        queries.push(contents(folder, &[up(tags::SUBJECT)], None));
        queries.push(contents(folder, &[down(tags::IMPORTANCE), up(tags::SUBJECT)], None));
        queries.push(contents(folder, &[down(tags::MESSAGE_DELIVERY_TIME)], Some(unread.clone())));
        queries.push(contents(folder, &[up(tags::SENDER_NAME)], None));
        queries.push(contents(folder, &[up(instance), down(tags::SUBJECT)], None));
        let few = Restriction::Count { limit: 5, restriction: Box::new(unread.clone()) };
        queries.push(contents(folder, &[up(tags::SUBJECT)], Some(few)));
        for rows in [Contents::SoftDeleted, Contents::Associated] {
            let query = contents(folder, &[up(tags::SUBJECT)], None);
            queries.push(Query { rows: QueryRows::Contents(rows), ..query });
        }
    }
    let views: Vec<Arc<View>> =
        queries.iter().map(|query| open(&mailbox, query.clone()).expect("open")).collect();
    let mut random = Random(7);
    for (query, view) in queries.iter().zip(&views) {
        assert_eq!(keys(view), rebuilt(&mailbox, query));
    }
    for step in 0..300 {
        change_something(&mailbox, &mut random);
        if step % 3 != 0 {
            continue;
        }
        for (query, view) in queries.iter().zip(&views) {
            let keys = keys(view);
            assert_eq!(keys, rebuilt(&mailbox, query), "after {step} in {query:?}");
            assert_eq!(view.len().expect("len"), keys.len(), "after {step} in {query:?}");
        }
    }
}

#[test]
fn many_threads_share_views_while_others_write() {
    let mailbox = mailbox();
    let query = contents(INBOX, &[up(tags::SUBJECT), down(tags::IMPORTANCE)], None);
    std::thread::scope(|scope| {
        for seed in 1..4 {
            let mailbox = &mailbox;
            scope.spawn(move || {
                let mut random = Random(seed);
                (0..100).for_each(|_| change_something(mailbox, &mut random));
            });
        }
        for _ in 0..4 {
            let (mailbox, query) = (&mailbox, &query);
            scope.spawn(move || {
                for _ in 0..60 {
                    let view = open(mailbox, query.clone()).expect("open");
                    let rows = view.rows(0, usize::MAX, &[tags::SUBJECT, tags::MID]).expect("rows");
                    // Every row of a state can be read in it, and in its order.
                    assert!(rows.windows(2).all(|pair| pair[0].key < pair[1].key));
                    let page = view.page(&Place::Beginning, false, 5, &[]).expect("page");
                    assert_eq!(page.rows.len(), page.total.min(5));
                }
            });
        }
    });
    let view = open(&mailbox, query.clone()).expect("open");
    assert_eq!(keys(&view), rebuilt(&mailbox, &query));
}

struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % below.max(1)
    }
}

fn change_something(mailbox: &Arc<Mailbox>, random: &mut Random) {
    let (here, there) = match random.next(2) {
        0 => (INBOX, DRAFTS),
        _ => (DRAFTS, INBOX),
    };
    let shown = open(mailbox, contents(here, &[], None)).expect("open");
    let ids = messages(&shown);
    let picked = ids.get(random.next(ids.len() as u64) as usize).copied();
    let kind = if ids.len() < 6 { 0 } else { random.next(10) };
    // Another thread may be faster: what is gone then is no failure.
    let gone = |error: &StoreError| {
        matches!(
            error,
            StoreError::NotFound(_) | StoreError::ObjectDeleted(_) | StoreError::ObjectModified
        )
    };
    match (kind, picked) {
        (0..=3, _) | (_, None) => {
            let mut message = Message::new(mailbox, here, random.next(8) == 0);
            write_something(&mut message, random);
            message::save(mailbox, &mut message, SaveOptions::default()).expect("saved");
        }
        (4, Some(id)) => {
            let Ok(mut message) = message::open(mailbox, id) else { return };
            write_something(&mut message, random);
            let saved = message::save(mailbox, &mut message, SaveOptions::default());
            assert!(saved.as_ref().err().is_none_or(gone), "{saved:?}");
        }
        (5, Some(id)) => {
            let read = message::set_read(mailbox, id, random.next(2) == 0);
            assert!(read.as_ref().err().is_none_or(gone), "{read:?}");
        }
        (6, Some(id)) => {
            let status = message::set_status(mailbox, id, random.next(4) as u32, 3);
            assert!(status.as_ref().err().is_none_or(gone), "{status:?}");
        }
        (7, Some(id)) => {
            message::move_to(mailbox, here, &[id], mailbox, there).expect("moved");
        }
        (8, Some(id)) => {
            message::copy_to(mailbox, here, &[id], mailbox, there).expect("copied");
        }
        (_, Some(id)) => {
            message::delete(mailbox, here, &[id], random.next(2) == 0).expect("deleted");
        }
    }
}

fn write_something(message: &mut Message, random: &mut Random) {
    let properties = &mut message.body.properties;
    let words = ["apple", "Apple", "pear", "Zebra", "äpfel", ""];
    properties.set(tags::SUBJECT, words[random.next(6) as usize]);
    properties.set(tags::IMPORTANCE, random.next(3) as i32);
    properties.set(tags::MESSAGE_DELIVERY_TIME, FileTime(random.next(20)));
    // Beyond the summary: in the properties only.
    match random.next(3) {
        0 => drop(properties.remove(tags::SENDER_NAME)),
        n => properties.set(tags::SENDER_NAME, "s".repeat(n as usize * 100).as_str()),
    }
    let all = ["red", "Green", "blue"];
    let some: Vec<mapi::WString> =
        all.iter().filter(|_| random.next(2) == 0).map(|text| (*text).into()).collect();
    properties.set(CATEGORIES, PropertyValue::MultipleString(some));
}

#[test]
fn a_view_is_built_anew_after_the_log_was_trimmed() {
    let mailbox = mailbox();
    let query = contents(INBOX, &[up(tags::SUBJECT)], None);
    let view = open(&mailbox, query.clone()).expect("open");
    (0..20).for_each(|n| _ = add_subject(&mailbox, INBOX, &n.to_string()));
    let latest = changes::latest(&mailbox).expect("latest");
    changes::trim(&mailbox, latest, usize::MAX).expect("trimmed");
    assert_eq!(view.len().expect("len"), 20);
    add_subject(&mailbox, INBOX, "x");
    assert_eq!(keys(&view), rebuilt(&mailbox, &query));
}

#[test]
fn a_cursor_names_a_row_and_moves_to_the_next_when_it_goes() {
    let mailbox = mailbox();
    let ids: Vec<MessageId> =
        ["a", "b", "c", "d"].iter().map(|s| add_subject(&mailbox, INBOX, s)).collect();
    let view = open(&mailbox, contents(INBOX, &[up(tags::SUBJECT)], None)).expect("open");
    let cursor = view.key_at(1).expect("key").expect("a row");
    assert_eq!(view.position_of(&cursor).expect("position"), (1, true));
    add_subject(&mailbox, INBOX, "aa");
    assert_eq!(view.position_of(&cursor).expect("position"), (2, true));
    message::delete(&mailbox, INBOX, &[ids[1]], true).expect("deleted");
    assert_eq!(view.position_of(&cursor).expect("position"), (2, false));
    let at = Place::Row(cursor);
    let forward = view.page(&at, false, 1, &[]).expect("page");
    assert_eq!(forward.rows[0].object, RowObject::Message(ids[2]));
    assert_eq!((forward.position, forward.total), (2, 4));
    let rest = view.page(&forward.next, false, 9, &[]).expect("page");
    assert_eq!((rest.rows.len(), &rest.next), (1, &Place::End));
    let back = view.page(&at, true, 1, &[]).expect("page");
    assert_eq!(back.position, 1);
    let first = view.page(&back.next, true, 9, &[]).expect("page");
    assert_eq!(first.rows[0].object, RowObject::Message(ids[0]));
    assert_eq!((first.rows.len(), first.position), (1, 0));
    assert_eq!(view.rows_before(2, 1, &[]).expect("rows")[0].key, back.rows[0].key);
    assert_eq!(view.key_at(4).expect("none"), None);
    assert!(view.rows(99, 1, &[]).expect("rows").is_empty());
    assert_eq!(view.position_of_object(RowObject::Message(ids[3])).expect("found"), Some(3));
}

#[test]
fn a_row_is_found_as_if_all_were_looked_at() {
    let mailbox = mailbox();
    let mut random = Random(3);
    for _ in 0..160 {
        let mut message = Message::new(&mailbox, INBOX, false);
        write_something(&mut message, &mut random);
        if random.next(6) == 0 {
            message.body.properties.remove(tags::SUBJECT);
            message.body.properties.remove(tags::IMPORTANCE);
        }
        message::save(&mailbox, &mut message, SaveOptions::default()).expect("saved");
    }
    use Relation as R;
    let mut restrictions = Vec::new();
    for relation in [R::Less, R::LessOrEqual, R::Equal, R::GreaterOrEqual, R::Greater, R::NotEqual]
    {
        for text in ["apple", "b", "", "zzz"] {
            restrictions.push(property(relation, tags::SUBJECT, text));
        }
        for number in [-1, 0, 1, 5] {
            restrictions.push(property(relation, tags::IMPORTANCE, number));
        }
        restrictions.push(property(relation, tags::SENDER_NAME, "s".repeat(100)));
    }
    for high in [0, FuzzyLevel::IGNORE_CASE, FuzzyLevel::LOOSE] {
        for text in ["A", "ap", "AP", "zeb", "q", ""] {
            restrictions.push(prefix(tags::SUBJECT, text, high));
        }
    }
    let both = vec![
        prefix(tags::SUBJECT, "a", FuzzyLevel::IGNORE_CASE),
        property(R::Equal, tags::IMPORTANCE, 2),
    ];
    restrictions.push(Restriction::And(both));
    let orders: [&[SortOrder]; 5] = [
        &[],
        &[up(tags::SUBJECT)],
        &[down(tags::SUBJECT), up(tags::IMPORTANCE)],
        &[down(tags::IMPORTANCE)],
        &[up(tags::IMPORTANCE), up(tags::SUBJECT)],
    ];
    for order in orders {
        let view = open(&mailbox, contents(INBOX, order, None)).expect("open");
        let (state, snapshot) = view.core.current(&mailbox).expect("state");
        let context = Context::new(&mailbox, &*snapshot, INBOX);
        for restriction in &restrictions {
            let all: Vec<usize> = (0..state.rows.len())
                .filter(|at| {
                    let row = view.core.plan.row(&context, &state.rows[*at]).expect("row");
                    evaluate::matches(restriction, &*row.expect("there")).expect("evaluated")
                })
                .collect();
            for start in [0, 1, 50, 130, 159, 160, 999] {
                let forward = view.find(start, false, restriction).expect("find");
                let expected = all.iter().copied().find(|at| *at >= start);
                assert_eq!(forward, expected, "{order:?} {start} {restriction:?}");
                let backward = view.find(start, true, restriction).expect("find");
                let expected = all.iter().copied().rfind(|at| *at <= start);
                assert_eq!(backward, expected, "{order:?} {start} back {restriction:?}");
            }
        }
    }
}

#[test]
fn a_restriction_reaches_parts_and_properties_beyond_the_summary() {
    let mailbox = mailbox();
    let mut message = Message::new(&mailbox, INBOX, false);
    let mut properties = crate::Properties::new();
    properties.set(tags::DISPLAY_NAME, "Bob");
    message.body.recipients.push(message::Recipient { row: 0, properties });
    let mut attachment = message::Attachment::default();
    attachment.properties.set(tags::ATTACH_LONG_FILENAME, "report.pdf");
    message.body.attachments.push(attachment);
    message.body.properties.set(tags::BODY, "needle ".repeat(2000).as_str());
    let id = message::save(&mailbox, &mut message, SaveOptions::default()).expect("saved").id;
    add_subject(&mailbox, INBOX, "another");
    let shown = |restriction| {
        messages(&open(&mailbox, contents(INBOX, &[], Some(restriction))).expect("open"))
    };
    let name = prefix(tags::DISPLAY_NAME, "bob", FuzzyLevel::IGNORE_CASE);
    let recipient =
        Restriction::SubObject { tag: tags::MESSAGE_RECIPIENTS, restriction: Box::new(name) };
    assert_eq!(shown(recipient), [id]);
    let name = prefix(tags::ATTACH_LONG_FILENAME, "Report", FuzzyLevel::IGNORE_CASE);
    let attachment =
        Restriction::SubObject { tag: tags::MESSAGE_ATTACHMENTS, restriction: Box::new(name) };
    assert_eq!(shown(attachment), [id]);
    let level = FuzzyLevel { low: FuzzyLevel::SUBSTRING, high: 0 };
    let value = TaggedValue::new(tags::BODY, "needle needle");
    assert_eq!(shown(Restriction::Content { level, tag: tags::BODY, value }), [id]);
    let size = Restriction::Size { relation: Relation::Equal, tag: tags::BODY, size: 28_000 };
    assert_eq!(shown(size), [id]);
}

#[test]
fn values_of_a_property_get_rows_of_their_own() {
    let mailbox = mailbox();
    let list = |texts: &[&str]| {
        PropertyValue::MultipleString(texts.iter().map(|text| (*text).into()).collect())
    };
    let two = add(&mailbox, INBOX, &[(CATEGORIES, list(&["red", "Blue"]))]);
    let one = add(&mailbox, INBOX, &[(CATEGORIES, list(&["green"]))]);
    let none = add_subject(&mailbox, INBOX, "none");
    let column = CATEGORIES.with_type(mapi::PropertyType(0x301f));
    let view = open(&mailbox, contents(INBOX, &[up(column)], None)).expect("open");
    assert_eq!(messages(&view), [none, two, one, two]);
    let rows = view.rows(1, 9, &[column, tags::INSTANCE_NUM, tags::INST_ID]).expect("rows");
    let cells: Vec<_> = rows.iter().map(|row| row.cells[0].clone()).collect();
    let text = |text: &str| Cell::Value(text.into());
    assert_eq!(cells, [text("Blue"), text("green"), text("red")]);
    assert_ne!(rows[0].cells[1], rows[2].cells[1], "an instance each");
    assert_eq!(rows[0].cells[2], rows[2].cells[2], "of one message");
    for row in &rows {
        assert!(view.position_of(&row.key).expect("position").1);
    }
    message::delete(&mailbox, INBOX, &[two], true).expect("deleted");
    assert_eq!(messages(&view), [none, one]);
}

#[test]
fn values_of_two_properties_get_a_row_for_each_combination() {
    let mailbox = mailbox();
    let list = |texts: &[&str]| {
        PropertyValue::MultipleString(texts.iter().map(|text| (*text).into()).collect())
    };
    let other = PropertyTag::new(0x6801_101f);
    let (both, one) = ([(CATEGORIES, list(&["b", "a"])), (other, list(&["z", "y"]))], list(&["c"]));
    let both = add(&mailbox, INBOX, &both);
    let one = add(&mailbox, INBOX, &[(other, one)]);
    let [first, second] = [CATEGORIES, other].map(|tag| tag.with_type(mapi::PropertyType(0x301f)));
    let query = contents(INBOX, &[up(first), down(second)], None);
    let view = open(&mailbox, query.clone()).expect("open");
    let shown = |view: &View| -> Vec<String> {
        let rows = view.rows(0, 99, &[first, second]).expect("rows");
        let text = |cell: &Cell| match cell {
            Cell::Value(PropertyValue::String(text)) => text.to_string_lossy().into_owned(),
            _ => "-".into(),
        };
        rows.iter().map(|row| row.cells.iter().map(text).collect()).collect()
    };
    assert_eq!(messages(&view), [one, both, both, both, both]);
    assert_eq!(shown(&view), ["-c", "az", "ay", "bz", "by"]);
    let rows = view.rows(0, 99, &[]).expect("rows");
    for (at, row) in rows.iter().enumerate() {
        assert_eq!(view.position_of(&row.key).expect("a position"), (at, true));
    }
    let is = |tag: PropertyTag, text: &str| Restriction::Property {
        relation: Relation::Equal,
        tag,
        value: TaggedValue::new(tag.with_type(mapi::PropertyType::STRING), text),
    };
    let restriction = Restriction::And(vec![is(first, "b"), is(second, "y")]);
    assert_eq!(view.find(0, false, &restriction).expect("a search"), Some(4));
    let restricted = Query { restriction: Some(restriction), ..query };
    assert_eq!(shown(&open(&mailbox, restricted).expect("open")), ["by"]);
    // Categories are of one of them at most.
    let sort = SortOrderSet { orders: vec![up(first), up(second)], categories: 1, expanded: 1 };
    let categorised = Query { sort, ..contents(INBOX, &[], None) };
    let view = open(&mailbox, categorised.clone()).expect("open");
    assert_eq!(shown(&view), ["--", "-c", "a-", "ay", "az", "b-", "by", "bz"]);
    let sort = SortOrderSet { categories: 2, ..categorised.sort.clone() };
    let by_both = open(&mailbox, Query { sort, ..categorised });
    assert!(matches!(by_both, Err(StoreError::Invalid(_))));
}

#[test]
fn folders_stand_by_name_each_before_those_below_it() {
    let mailbox = mailbox();
    let make = |parent, name: &str| {
        let new = NewFolder { display_name: name.into(), ..NewFolder::default() };
        folder::create(&mailbox, parent, &new).expect("made").id
    };
    let top = make(INBOX, "top");
    let hierarchy = |depth, restriction| Query {
        folder: top,
        rows: QueryRows::Hierarchy { depth },
        sort: SortOrderSet::default(),
        restriction,
    };
    let flat = open(&mailbox, hierarchy(false, None)).expect("open");
    let deep = open(&mailbox, hierarchy(true, None)).expect("open");
    assert_eq!(flat.len().expect("len"), 0);
    let b = make(top, "b");
    let a = make(top, "A");
    make(b, "x");
    let c = make(a, "c");
    make(c, "d");
    assert_eq!(texts(&flat, tags::DISPLAY_NAME), ["A", "b"]);
    assert_eq!(texts(&deep, tags::DISPLAY_NAME), ["A", "c", "d", "b", "x"]);
    let depths: Vec<Cell> = deep
        .rows(0, 9, &[tags::DEPTH])
        .expect("rows")
        .into_iter()
        .flat_map(|row| row.cells)
        .collect();
    assert_eq!(depths, [1, 2, 3, 1, 2].map(|n: i32| Cell::Value(n.into())));
    let parents = texts(&deep, tags::PARENT_DISPLAY);
    assert_eq!(parents, ["top", "A", "c", "top", "b"]);
    // Counters are those of now, and restrictions follow them.
    let full = property(Relation::Greater, tags::CONTENT_COUNT, 0);
    let full = open(&mailbox, hierarchy(true, Some(full))).expect("open");
    assert!(full.is_empty().expect("len"));
    add_subject(&mailbox, c, "s");
    assert_eq!(texts(&full, tags::DISPLAY_NAME), ["c"]);
    let count = deep.rows(1, 1, &[tags::CONTENT_COUNT]).expect("rows").remove(0).cells;
    assert_eq!(count, [Cell::Value(1.into())]);
    let sorted =
        Query { sort: SortOrderSet::new(vec![down(tags::DISPLAY_NAME)]), ..hierarchy(true, None) };
    let sorted = open(&mailbox, sorted).expect("open");
    assert_eq!(texts(&sorted, tags::DISPLAY_NAME), ["x", "d", "c", "b", "A"]);
    folder::move_to(&mailbox, c, b, Some("C2")).expect("moved");
    assert_eq!(texts(&deep, tags::DISPLAY_NAME), ["A", "b", "C2", "d", "x"]);
    let all = DeleteOptions { messages: true, folders: true, hard: true, associated: true };
    folder::delete(&mailbox, b, all).expect("deleted");
    assert_eq!(texts(&deep, tags::DISPLAY_NAME), ["A"]);
    folder::delete(&mailbox, top, all).expect("deleted");
    assert!(matches!(deep.len(), Err(StoreError::NotFound(_))));
}

#[test]
fn the_table_of_a_deleted_folder_says_so() {
    let mailbox = mailbox();
    let new = NewFolder { display_name: "f".into(), ..NewFolder::default() };
    let id = folder::create(&mailbox, INBOX, &new).expect("made").id;
    add_subject(&mailbox, id, "s");
    let view = open(&mailbox, contents(id, &[], None)).expect("open");
    let all = DeleteOptions { messages: true, folders: true, hard: true, associated: true };
    folder::delete(&mailbox, id, all).expect("deleted");
    assert!(matches!(view.rows(0, 1, &[]), Err(StoreError::NotFound(_))));
    assert!(matches!(open(&mailbox, contents(id, &[], None)), Err(StoreError::NotFound(_))));
}

#[test]
fn queries_that_make_no_sense_are_refused() {
    let mailbox = mailbox();
    let mut query = contents(INBOX, &[up(tags::SUBJECT)], None);
    query.sort.categories = 2;
    assert!(matches!(open(&mailbox, query), Err(StoreError::Invalid(_))));
    let level = FuzzyLevel { low: 9, high: 0 };
    let value = TaggedValue::new(tags::SUBJECT, "x");
    let restriction = Restriction::Content { level, tag: tags::SUBJECT, value };
    let query = contents(INBOX, &[], Some(restriction.clone()));
    assert!(matches!(open(&mailbox, query), Err(StoreError::Invalid(_))));
    let view = open(&mailbox, contents(INBOX, &[], None)).expect("open");
    assert!(matches!(view.find(0, false, &restriction), Err(StoreError::Invalid(_))));
    assert_eq!(mailbox.store().gauges().views, 1);
}
