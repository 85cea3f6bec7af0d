use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use mapi::sort::Direction;
use mapi::{Cell, MessageId, PropertyValue, SortOrder, SortOrderSet, tags};

use super::tests::{CATEGORIES, INBOX, add, contents, down, mailbox, property, up};
use super::*;
use crate::message;
use mapi::restriction::Relation;

fn categorised(orders: &[SortOrder], categories: u16, expanded: u16) -> Query {
    let sort = SortOrderSet { orders: orders.to_vec(), categories, expanded };
    Query { sort, ..contents(INBOX, &[], None) }
}

fn maximum(tag: PropertyTag) -> SortOrder {
    SortOrder { tag, direction: Direction::MaximumCategory }
}

/// Every row: depth, type, and what it shows.
fn lines(view: &View) -> Vec<String> {
    let columns = [
        tags::DEPTH,
        tags::ROW_TYPE,
        tags::SENDER_NAME,
        tags::SUBJECT,
        tags::CONTENT_COUNT,
        tags::CONTENT_UNREAD_COUNT,
    ];
    let show = |cell: &Cell| match cell {
        Cell::Value(PropertyValue::String(text)) => text.to_string_lossy().into_owned(),
        Cell::Value(PropertyValue::Integer32(number)) => number.to_string(),
        _ => "-".into(),
    };
    let rows = view.rows(0, usize::MAX, &columns).expect("rows");
    rows.iter().map(|row| row.cells.iter().map(show).collect::<Vec<_>>().join(" ")).collect()
}

fn letter(mailbox: &Mailbox, sender: &str, subject: &str, importance: i32) -> MessageId {
    let values = [
        (tags::SENDER_NAME, sender.into()),
        (tags::SUBJECT, subject.into()),
        (tags::IMPORTANCE, importance.into()),
    ];
    let id = add(mailbox, INBOX, &values);
    message::set_read(mailbox, id, false).expect("unread");
    id
}

/// The id of the category at a position.
fn id_at(view: &View, position: usize) -> CategoryId {
    match view.rows(position, 1, &[]).expect("a row")[0].object {
        RowObject::Category(id) => id,
        other => panic!("{other:?}"),
    }
}

#[test]
fn rows_stand_below_their_category() {
    let mailbox = mailbox();
    for (sender, subject) in [("bob", "x"), ("Ann", "z"), ("ann", "y"), ("bob", "w")] {
        letter(&mailbox, sender, subject, 0);
    }
    let view = open(&mailbox, categorised(&[up(tags::SENDER_NAME), up(tags::SUBJECT)], 1, 1));
    let view = view.expect("open");
    // The case of the first row is that of the category.
    let all = ["0 3 ann - 2 2", "1 1 ann y - -", "1 1 Ann z - -", "0 3 bob - 2 2", "1 1 bob w - -"];
    assert_eq!(lines(&view)[..5], all);
    assert_eq!(view.len().expect("a count"), 6);
    let ann = id_at(&view, 0);
    assert_eq!(view.expand(ann, true).expect("asked"), Toggled::Already);
    let done = view.expand(ann, false).expect("collapsed");
    assert_eq!(done, Toggled::Done { position: 0, rows: 2 });
    assert_eq!(lines(&view), ["0 4 ann - 2 2", "0 3 bob - 2 2", "1 1 bob w - -", "1 1 bob x - -"]);
    assert_eq!(view.expand(ann, false).expect("asked"), Toggled::Already);
    assert_eq!(view.expand(CategoryId(5), true).expect("asked"), Toggled::Missing);
    // Another handle of the same view has its own.
    let query = view.query().clone();
    let other = open(&mailbox, query).expect("open");
    assert_eq!(other.len().expect("a count"), 6);
    let done = view.expand(ann, true).expect("expanded");
    assert_eq!(done, Toggled::Done { position: 0, rows: 2 });
}

#[test]
fn a_category_counts_what_is_below_it_shown_or_not() {
    let mailbox = mailbox();
    let first = letter(&mailbox, "ann", "a", 0);
    letter(&mailbox, "ann", "b", 0);
    let query = categorised(&[up(tags::SENDER_NAME)], 1, 0);
    let view = open(&mailbox, query).expect("open");
    assert_eq!(lines(&view), ["0 4 ann - 2 2"]);
    message::set_read(&mailbox, first, true).expect("read");
    assert_eq!(lines(&view), ["0 4 ann - 2 1"]);
    letter(&mailbox, "ann", "c", 0);
    letter(&mailbox, "bob", "c", 0);
    assert_eq!(lines(&view), ["0 4 ann - 3 2", "0 4 bob - 1 1"]);
}

#[test]
fn categories_in_categories() {
    let mailbox = mailbox();
    for (sender, subject) in [("a", "x"), ("b", "x"), ("a", "y"), ("a", "x")] {
        letter(&mailbox, sender, subject, 0);
    }
    let orders = [up(tags::SENDER_NAME), down(tags::SUBJECT), up(tags::MID)];
    let view = open(&mailbox, categorised(&orders, 2, 1)).expect("open");
    let collapsed = ["0 3 a - 3 3", "1 4 a y 1 1", "1 4 a x 2 2", "0 3 b - 1 1", "1 4 b x 1 1"];
    assert_eq!(lines(&view), collapsed);
    let (a, ax) = (id_at(&view, 0), id_at(&view, 2));
    let done = view.expand(ax, true).expect("expanded");
    assert_eq!(done, Toggled::Done { position: 2, rows: 2 });
    assert_eq!(lines(&view)[2..5], ["1 3 a x 2 2", "2 1 a x - -", "2 1 a x - -"]);
    let done = view.expand(a, false).expect("collapsed");
    assert_eq!(done, Toggled::Done { position: 0, rows: 4 });
    assert_eq!(lines(&view), ["0 4 a - 3 3", "0 3 b - 1 1", "1 4 b x 1 1"]);
    // What is not shown is not there to be expanded; it comes back as it was.
    assert_eq!(view.expand(ax, false).expect("asked"), Toggled::Missing);
    let done = view.expand(a, true).expect("expanded");
    assert_eq!(done, Toggled::Done { position: 0, rows: 4 });
}

#[test]
fn categories_by_the_largest_value_below_them() {
    let mailbox = mailbox();
    for (sender, subject, importance) in
        [("a", "p", 1), ("b", "q", 5), ("a", "r", 3), ("c", "s", 2), ("b", "t", 0)]
    {
        letter(&mailbox, sender, subject, importance);
    }
    let firsts = |orders: &[SortOrder]| -> String {
        let view = open(&mailbox, categorised(orders, 1, 0)).expect("open");
        let rows = view.rows(0, 9, &[tags::SENDER_NAME, tags::IMPORTANCE]).expect("rows");
        let show = |row: &Row| match (&row.cells[0], &row.cells[1]) {
            (
                Cell::Value(PropertyValue::String(text)),
                Cell::Value(PropertyValue::Integer32(number)),
            ) => format!("{}{number}", text.to_string_lossy()),
            other => panic!("{other:?}"),
        };
        rows.iter().map(show).collect()
    };
    let greatest = maximum(tags::IMPORTANCE);
    let least = SortOrder { direction: Direction::MinimumCategory, ..greatest };
    for rest in [&[][..], &[up(tags::SUBJECT)], &[down(tags::IMPORTANCE)], &[up(tags::IMPORTANCE)]]
    {
        let with = |first, second| {
            let orders = [&[first, second][..], rest].concat();
            firsts(&orders)
        };
        assert_eq!(with(up(tags::SENDER_NAME), greatest), "c2a3b5");
        assert_eq!(with(down(tags::SENDER_NAME), greatest), "b5a3c2");
        assert_eq!(with(up(tags::SENDER_NAME), least), "b0a1c2");
        assert_eq!(with(down(tags::SENDER_NAME), least), "c2a1b0");
    }
    // MS-OXCTABL R78
    for (orders, categories) in [
        (vec![greatest], 0),
        (vec![greatest], 1),
        (vec![up(tags::SUBJECT), up(tags::SUBJECT), greatest], 1),
    ] {
        assert!(open(&mailbox, categorised(&orders, categories, 0)).is_err());
    }
}

#[test]
fn each_value_of_many_is_a_category() {
    let mailbox = mailbox();
    for colors in [&["red", "blue"][..], &["blue"], &[]] {
        let values: Vec<_> = colors.iter().copied().map(mapi::WString::from).collect();
        let mut properties = vec![(tags::SUBJECT, colors.len().to_string().into())];
        if !values.is_empty() {
            properties.push((CATEGORIES, PropertyValue::MultipleString(values)));
        }
        add(&mailbox, INBOX, &properties);
    }
    let instance = PropertyTag::new(CATEGORIES.0 | 0x3000);
    let view = open(&mailbox, categorised(&[up(instance), up(tags::SUBJECT)], 1, 1)).expect("open");
    let rows = view.rows(0, 99, &[instance, tags::SUBJECT, tags::CONTENT_COUNT]).expect("rows");
    let show = |cell: &Cell| match cell {
        Cell::Value(PropertyValue::String(text)) => text.to_string_lossy().into_owned(),
        Cell::Value(PropertyValue::Integer32(number)) => number.to_string(),
        _ => "-".into(),
    };
    let shown: Vec<String> =
        rows.iter().map(|row| row.cells.iter().map(show).collect::<Vec<_>>().join(" ")).collect();
    let wanted = ["- - 1", "- 0 -", "blue - 2", "blue 1 -", "blue 2 -", "red - 1", "red 2 -"];
    assert_eq!(shown, wanted);
    let ids: BTreeSet<_> = rows.iter().map(|row| (row.key.id, row.key.instance)).collect();
    assert_eq!(ids.len(), rows.len(), "no two rows have the same id and instance");
}

#[test]
fn what_was_expanded_is_kept_and_comes_back() {
    let mailbox = mailbox();
    for sender in ["a", "b", "c"] {
        letter(&mailbox, sender, "s", 0);
    }
    let order = [up(tags::SENDER_NAME)];
    let view = open(&mailbox, categorised(&order, 1, 1)).expect("open");
    let b = id_at(&view, 2);
    view.expand(b, false).expect("collapsed");
    let kept = view.keep_outline((b.to_i64(), 0));
    let other = open(&mailbox, categorised(&order, 1, 0)).expect("open");
    assert_eq!(other.len().expect("a count"), 3);
    let key = other.restore_outline(&kept).expect("restored").expect("the row");
    assert_eq!(lines(&other), lines(&view));
    assert_eq!(other.position_of(&key).expect("there"), (2, true));
    let leaf = view.rows(1, 1, &[]).expect("a row").remove(0).key;
    let RowObject::Message(message) = view.rows(1, 1, &[]).expect("a row")[0].object else {
        panic!("no message")
    };
    let kept = view.keep_outline((message.to_i64(), 0));
    assert_eq!(other.restore_outline(&kept).expect("restored"), Some(leaf));
    // Another order, a restriction, other bytes.
    let another = open(&mailbox, categorised(&[down(tags::SENDER_NAME)], 1, 1)).expect("open");
    assert!(matches!(another.restore_outline(&kept), Err(StoreError::Invalid(_))));
    assert!(matches!(view.restore_outline(&kept[1..]), Err(StoreError::Invalid(_))));
    assert!(matches!(view.restore_outline(&[]), Err(StoreError::Invalid(_))));
}

#[test]
fn categories_count_as_memory_of_views() {
    let mailbox = mailbox();
    for number in 0..60 {
        letter(&mailbox, &format!("s{number}"), "x", 0);
    }
    let store = mailbox.store().clone();
    let flat = open(&mailbox, contents(INBOX, &[up(tags::SENDER_NAME)], None)).expect("open");
    flat.rows(0, 1, &[]).expect("a row");
    let before = store.gauges().view_bytes;
    let view = open(&mailbox, categorised(&[up(tags::SENDER_NAME)], 1, 0)).expect("open");
    assert_eq!(view.len().expect("a count"), 60);
    let held = store.gauges().view_bytes - before;
    let (rows, groups, heads) = (60 * 32, 60 * (size_of::<category::Group>() + 4), 60 * 8);
    assert!(held as usize >= rows + groups + heads, "{held}");
    let other = open(&mailbox, view.query().clone()).expect("open");
    other.len().expect("a count");
    assert_eq!(store.gauges().view_bytes - before - held, 60 * 8);
    drop(other);
    assert_eq!(store.gauges().view_bytes - before, held);
    assert!(view.core.evict());
    assert_eq!(store.gauges().view_bytes, before);
    assert_eq!(view.len().expect("a count"), 60);
}

/// What a table should show, worked out in the simplest way.
struct Model {
    /// Sender, subject, importance, MID, unread.
    letters: Vec<(String, String, i32, MessageId, bool)>,
    collapsed: BTreeSet<(String, Option<String>)>,
}

/// Depth, sender, subject, MID, rows below, unread below.
type Shown = (i32, String, Option<String>, Option<MessageId>, usize, usize);

impl Model {
    fn lines(&self) -> Vec<Shown> {
        let mut letters = self.letters.clone();
        // Equal ones stand as they came.
        letters.sort_by_key(|(sender, subject, importance, ..)| {
            (sender.clone(), Reverse(subject.clone()), *importance)
        });
        let mut lines = Vec::new();
        let senders: BTreeSet<_> = letters.iter().map(|letter| letter.0.clone()).collect();
        for sender in senders {
            let own: Vec<_> = letters.iter().filter(|letter| letter.0 == sender).collect();
            let unread = own.iter().filter(|letter| letter.4).count();
            lines.push((0, sender.clone(), None, None, own.len(), unread));
            if self.collapsed.contains(&(sender.clone(), None)) {
                continue;
            }
            // By the greatest importance, falling like the subject; equal ones by the subject.
            let subjects: BTreeSet<_> = own.iter().map(|letter| letter.1.clone()).collect();
            let greatest = |subject: &String| {
                own.iter().filter(|letter| letter.1 == *subject).map(|letter| letter.2).max()
            };
            let mut subjects: Vec<_> = subjects.into_iter().rev().collect();
            subjects.sort_by_key(|subject| Reverse(greatest(subject)));
            for subject in subjects {
                let own: Vec<_> = own.iter().filter(|letter| letter.1 == subject).collect();
                let unread = own.iter().filter(|letter| letter.4).count();
                lines.push((1, sender.clone(), Some(subject.clone()), None, own.len(), unread));
                if self.collapsed.contains(&(sender.clone(), Some(subject.clone()))) {
                    continue;
                }
                for letter in own {
                    lines.push((2, sender.clone(), Some(subject.clone()), Some(letter.3), 0, 0));
                }
            }
        }
        lines
    }
}

#[test]
fn a_table_shows_what_a_simple_model_shows() {
    let mailbox = mailbox();
    let mut random = 12345u64;
    let mut next = |below: usize| {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (random >> 33) as usize % below
    };
    let orders = [
        up(tags::SENDER_NAME),
        down(tags::SUBJECT),
        maximum(tags::IMPORTANCE),
        up(tags::IMPORTANCE),
    ];
    let view = open(&mailbox, categorised(&orders, 2, 2)).expect("open");
    let mut model = Model { letters: Vec::new(), collapsed: BTreeSet::new() };
    let mut bookmark: Option<(RowKey, MessageId)> = None;
    for step in 0..300 {
        match next(10) {
            0..=4 => {
                let (sender, subject) = (format!("s{}", next(4)), format!("t{}", next(3)));
                let importance = next(5) as i32;
                let id = letter(&mailbox, &sender, &subject, importance);
                model.letters.push((sender, subject, importance, id, true));
            }
            5 if !model.letters.is_empty() => {
                let at = next(model.letters.len());
                let gone = model.letters.remove(at).3;
                message::delete(&mailbox, INBOX, &[gone], false).expect("deleted");
            }
            6 if !model.letters.is_empty() => {
                let at = next(model.letters.len());
                model.letters[at].4 = false;
                message::set_read(&mailbox, model.letters[at].3, true).expect("read");
            }
            _ => {
                let shown = model.lines();
                let heads: Vec<_> = (0..shown.len()).filter(|at| shown[*at].3.is_none()).collect();
                if heads.is_empty() {
                    continue;
                }
                let at = heads[next(heads.len())];
                let name = (shown[at].1.clone(), shown[at].2.clone());
                let expand = model.collapsed.remove(&name);
                if !expand {
                    model.collapsed.insert(name);
                }
                let after = model.lines().len();
                let done = view.expand(id_at(&view, at), expand).expect("done");
                let rows = after.abs_diff(shown.len());
                assert_eq!(done, Toggled::Done { position: at, rows }, "step {step}");
            }
        }
        let wanted = model.lines();
        let columns = [tags::CONTENT_COUNT, tags::CONTENT_UNREAD_COUNT, tags::DEPTH, tags::SUBJECT];
        let rows = view.rows(0, usize::MAX, &columns).expect("rows");
        assert_eq!(rows.len(), wanted.len(), "step {step}");
        assert_eq!(view.len().expect("a count"), wanted.len());
        for (at, (row, line)) in rows.iter().zip(&wanted).enumerate() {
            let cell = |tag: usize| match &row.cells[tag] {
                Cell::Value(value) => Some(value.clone()),
                _ => None,
            };
            assert_eq!(cell(2), Some(line.0.into()), "step {step}, row {at}");
            let subject = line.2.as_ref().map(|subject| PropertyValue::from(subject.as_str()));
            assert_eq!(cell(3), subject, "step {step}, row {at}");
            match line.3 {
                Some(id) => assert_eq!(row.object, RowObject::Message(id)),
                None => {
                    assert_eq!(cell(0), Some((line.4 as i32).into()));
                    assert_eq!(cell(1), Some((line.5 as i32).into()));
                }
            }
            assert_eq!(view.position_of(&row.key).expect("there"), (at, true));
            assert_eq!(view.position_of_object(row.object).expect("there"), Some(at));
        }
        // A bookmark leads to its row, or to the next one that is there.
        if let Some((key, id)) = &bookmark {
            let (at, there) = view.position_of(key).expect("a position");
            let shown = wanted.iter().position(|line| line.3 == Some(*id));
            assert_eq!(there, shown.is_some(), "step {step}");
            assert!(at <= wanted.len());
            if let Some(shown) = shown {
                assert_eq!(at, shown);
            } else if model.letters.iter().any(|letter| letter.3 == *id) {
                // Hidden: behind the row of the category that is collapsed.
                let letter = model.letters.iter().find(|letter| letter.3 == *id).expect("it");
                let head = wanted.iter().rposition(|line| {
                    line.1 == letter.0
                        && line.2.as_ref().is_none_or(|t| *t == letter.1)
                        && line.3.is_none()
                });
                assert_eq!(Some(at), head.map(|head| head + 1), "step {step}");
            }
        }
        if bookmark.is_none() || next(20) == 0 {
            let leaves: Vec<_> = rows
                .iter()
                .filter_map(|row| match row.object {
                    RowObject::Message(id) => Some((row.key.clone(), id)),
                    _ => None,
                })
                .collect();
            if !leaves.is_empty() {
                bookmark = Some(leaves[next(leaves.len())].clone());
            }
        }
        // A search sees what is shown, headers too.
        let importance = property(Relation::Equal, tags::CONTENT_COUNT, 2);
        let first = wanted.iter().position(|line| line.3.is_none() && line.4 == 2);
        assert_eq!(view.find(0, false, &importance).expect("found"), first, "step {step}");
        let subject = property(Relation::Equal, tags::SUBJECT, "t1");
        let last = wanted.iter().rposition(|line| line.2.as_deref() == Some("t1"));
        assert_eq!(view.find(usize::MAX - 1, true, &subject).expect("found"), last, "step {step}");
    }
    assert!(Arc::strong_count(&view) == 1);
}
