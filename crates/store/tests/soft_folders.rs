//! Soft-deleted folders: out of sight, kept, brought back, removed.

mod common;

use std::sync::Arc;

use common::{account, assert_whole, mailbox, on_engine, plain, rich};
use mapi::{FolderId, MessageId, SortOrderSet, tags};
use store::engine::{Direction, KeyRange, MemoryEngine, Reader, Space};
use store::folder::{self, DeleteOptions, NewFolder};
use store::mailbox::changes;
use store::message::{self, ImportOptions};
use store::table::{self, Contents, Query, QueryRows, RowObject};
use store::{Mailbox, SpecialFolder, StoreError, quota, recover, retention};

const INBOX: FolderId = SpecialFolder::Inbox.id();
const ALL: DeleteOptions =
    DeleteOptions { messages: true, folders: true, hard: false, associated: true };
const HARD: DeleteOptions = DeleteOptions { hard: true, ..ALL };

fn create(mailbox: &Mailbox, parent: FolderId, name: &str) -> FolderId {
    let new = NewFolder { display_name: name.into(), ..NewFolder::default() };
    folder::create(mailbox, parent, &new).unwrap().id
}

fn import(mailbox: &Mailbox, folder: FolderId, subject: &str) -> MessageId {
    message::import(mailbox, folder, plain(subject), &ImportOptions::default()).unwrap().id
}

fn folders(mailbox: &Arc<Mailbox>, folder: FolderId, rows: QueryRows) -> Vec<FolderId> {
    let query = Query { folder, rows, sort: SortOrderSet::default(), restriction: None };
    let rows = table::open(mailbox, query).unwrap().rows(0, 1000, &[]).unwrap();
    let id = |row: &table::Row| match row.object {
        RowObject::Folder(id) => id,
        other => panic!("{other:?} in a hierarchy"),
    };
    rows.iter().map(id).collect()
}

fn deleted(mailbox: &Arc<Mailbox>, folder: FolderId, depth: bool) -> Vec<FolderId> {
    folders(mailbox, folder, QueryRows::DeletedHierarchy { depth })
}

/// All that a folder and those below it say and hold, without what moves with each change.
fn describe(mailbox: &Arc<Mailbox>, top: FolderId) -> Vec<String> {
    let moving = [
        tags::CHANGE_KEY,
        tags::CHANGE_NUMBER,
        tags::HIERARCHY_CHANGE_NUMBER,
        tags::HIER_REV,
        tags::LAST_MODIFICATION_TIME,
        tags::LOCAL_COMMIT_TIME,
        tags::LOCAL_COMMIT_TIME_MAX,
        tags::PREDECESSOR_CHANGE_LIST,
    ];
    let mut all = Vec::new();
    let mut pending = vec![top];
    while let Some(id) = pending.pop() {
        let mut tags = folder::tags(mailbox, id).unwrap();
        tags.retain(|tag| !moving.contains(tag));
        let values = folder::get(mailbox, id, &tags).unwrap();
        all.push(format!("{id:?} {tags:?} {values:?}"));
        for contents in [
            Contents::Normal,
            Contents::Associated,
            Contents::SoftDeleted,
            Contents::SoftDeletedAssociated,
        ] {
            let rows = QueryRows::Contents(contents);
            let query =
                Query { folder: id, rows, sort: SortOrderSet::default(), restriction: None };
            for row in table::open(mailbox, query).unwrap().rows(0, 1000, &[]).unwrap() {
                let RowObject::Message(message) = row.object else { panic!("a folder") };
                let message = message::open(mailbox, message).unwrap();
                for tag in message::tags(mailbox, &message).unwrap() {
                    let value = message::get(mailbox, &message, tag).unwrap();
                    all.push(format!("{:?} {tag:?} {value:?}", message.id));
                }
                all.push(format!("{:?}", message::export(mailbox, message.id).unwrap()));
            }
        }
        pending.extend(folder::children(mailbox, id).unwrap().iter().map(|child| child.id));
    }
    all
}

#[test]
fn a_tree_goes_and_comes_back_as_it_was() {
    let (_store, mailbox) = mailbox();
    let top = create(&mailbox, INBOX, "top");
    let middle = create(&mailbox, top, "middle");
    let low = create(&mailbox, middle, "low");
    for folder in [top, middle, low] {
        import(&mailbox, folder, "plain");
        let options = ImportOptions { associated: folder == low, ..ImportOptions::default() };
        message::import(&mailbox, folder, rich(), &options).unwrap();
    }
    let gone = import(&mailbox, middle, "gone before");
    message::delete(&mailbox, middle, &[gone], false).unwrap();
    let before = describe(&mailbox, top);
    let usage = quota::usage(&mailbox).unwrap();
    assert!(usage.used > 1000 && usage.deleted > 0);

    folder::delete(&mailbox, top, ALL).unwrap();
    assert_whole(&mailbox);
    let below = folders(&mailbox, INBOX, QueryRows::Hierarchy { depth: true });
    assert!(![top, middle, low].iter().any(|id| below.contains(id)));
    assert_eq!(deleted(&mailbox, INBOX, false), [top]);
    assert_eq!(deleted(&mailbox, INBOX, true), [top, middle, low]);
    let info = folder::info(&mailbox, INBOX).unwrap();
    assert_eq!((info.children, info.deleted_children), (0, 1));
    // What it held counts among what can be recovered.
    let after = quota::usage(&mailbox).unwrap();
    assert_eq!((after.used, after.deleted), (0, usage.used + usage.deleted));
    // It can be read, and not written.
    for folder in [top, middle, low] {
        assert!(folder::info(&mailbox, folder).unwrap().deleted.is_some());
        let content = plain("too late");
        let refused = message::import(&mailbox, folder, content, &ImportOptions::default());
        assert!(matches!(refused, Err(StoreError::NotFound(_))));
        let values = vec![(tags::COMMENT, "too late".into())];
        assert!(folder::set(&mailbox, folder, values).is_err());
    }
    assert!(folder::delete(&mailbox, top, ALL).is_err());
    assert!(folder::move_to(&mailbox, INBOX, top, None).is_err());
    // The name is free, and stays with whoever has it.
    let other = create(&mailbox, INBOX, "Top");
    let refused = folder::restore(&mailbox, top, INBOX, None);
    assert!(matches!(refused, Err(StoreError::DuplicateName)));
    folder::delete(&mailbox, other, HARD).unwrap();

    assert_eq!(folder::restore(&mailbox, top, INBOX, None).unwrap(), "top");
    assert_whole(&mailbox);
    assert_eq!(quota::usage(&mailbox).unwrap(), usage);
    assert_eq!(describe(&mailbox, top), before);
    assert_eq!(deleted(&mailbox, INBOX, true), []);
}

#[test]
fn what_was_deleted_before_stays_deleted() {
    let (_store, mailbox) = mailbox();
    let top = create(&mailbox, INBOX, "top");
    let first = create(&mailbox, top, "same");
    import(&mailbox, first, "in the first");
    folder::delete(&mailbox, first, ALL).unwrap();
    let second = create(&mailbox, top, "same");
    let third = create(&mailbox, second, "below");
    folder::delete(&mailbox, top, ALL).unwrap();
    assert_whole(&mailbox);
    assert_eq!(deleted(&mailbox, INBOX, false), [top]);
    let mut in_top = deleted(&mailbox, top, true);
    in_top.sort_by_key(|id| id.to_i64());
    assert_eq!(in_top, [first, second, third]);
    folder::restore(&mailbox, top, INBOX, Some("back")).unwrap();
    assert_whole(&mailbox);
    assert_eq!(folders(&mailbox, top, QueryRows::Hierarchy { depth: true }), [second, third]);
    assert_eq!(deleted(&mailbox, top, true), [first]);
    // One that lies in a deleted one comes out of it.
    folder::delete(&mailbox, top, ALL).unwrap();
    folder::move_to(&mailbox, third, INBOX, None).unwrap();
    assert_whole(&mailbox);
    assert_eq!(folder::child_by_name(&mailbox, INBOX, "below").unwrap(), Some(third));
    assert_eq!(folder::info(&mailbox, second).unwrap().children, 0);
    // And one whose parent is deleted comes to the top of the folders.
    let back = recover::folder(&mailbox, first, None).unwrap();
    assert!(back.elsewhere);
    assert_eq!(back.folder, SpecialFolder::IpmSubtree.id());
    assert_whole(&mailbox);
    let again = recover::folder(&mailbox, top, None).unwrap();
    assert_eq!((again.folder, again.elsewhere), (INBOX, false));
    assert_eq!(again.name.as_deref(), Some("back"));
    // A name that is taken gets a number.
    folder::delete(&mailbox, top, ALL).unwrap();
    create(&mailbox, INBOX, "BACK");
    let numbered = recover::folder(&mailbox, top, None).unwrap();
    assert_eq!(numbered.name.as_deref(), Some("back (2)"));
    assert!(numbered.elsewhere);
    assert_whole(&mailbox);
}

#[test]
fn a_deleted_tree_goes_for_good_with_all_in_it() {
    let (_store, mailbox) = mailbox();
    let before = quota::usage(&mailbox).unwrap();
    for how in ["soft first", "at once", "emptied"] {
        let top = create(&mailbox, INBOX, "top");
        let one = create(&mailbox, top, "one");
        let two = create(&mailbox, one, "two");
        let mut ids = Vec::new();
        for folder in [top, one, two] {
            ids.extend((0..70).map(|n| import(&mailbox, folder, &n.to_string())));
        }
        message::delete(&mailbox, one, &ids[70..90], false).unwrap();
        folder::delete(&mailbox, two, ALL).unwrap();
        match how {
            "soft first" => {
                folder::delete(&mailbox, top, ALL).unwrap();
                folder::delete(&mailbox, top, HARD).unwrap();
            }
            "at once" => folder::delete(&mailbox, top, HARD).unwrap(),
            _ => {
                folder::delete(&mailbox, top, ALL).unwrap();
                folder::empty(&mailbox, INBOX, HARD).unwrap();
            }
        }
        assert_eq!(quota::usage(&mailbox).unwrap(), before);
        for folder in [top, one, two] {
            assert!(matches!(folder::info(&mailbox, folder), Err(StoreError::NotFound(_))));
        }
        for id in ids {
            assert!(matches!(message::open(&mailbox, id), Err(StoreError::NotFound(_))));
        }
        assert_eq!(deleted(&mailbox, INBOX, true), []);
        let info = folder::info(&mailbox, INBOX).unwrap();
        assert_eq!((info.children, info.deleted_children), (0, 0));
        assert_whole(&mailbox);
    }
}

#[test]
fn a_big_tree_is_purged_in_steps() {
    let (_store, mailbox) = mailbox();
    retention::set_days(&mailbox, Some(0)).unwrap();
    let top = create(&mailbox, INBOX, "top");
    let below = create(&mailbox, top, "below");
    for folder in [top, below] {
        for n in 0..200 {
            import(&mailbox, folder, &n.to_string());
        }
    }
    folder::delete(&mailbox, top, ALL).unwrap();
    let mut steps = 0;
    let mut messages = 0;
    loop {
        let purged = retention::purge(&mailbox, 64).unwrap();
        assert!(purged.messages <= 128);
        messages += purged.messages;
        steps += 1;
        assert_whole(&mailbox);
        if purged.folders > 0 {
            break;
        }
    }
    assert!(steps > 3, "{steps}");
    assert_eq!(messages, 400);
    assert_eq!(retention::purge(&mailbox, 64).unwrap(), retention::Purged::default());
    assert!(folder::info(&mailbox, below).is_err());
    let usage = quota::usage(&mailbox).unwrap();
    assert_eq!((usage.used, usage.deleted), (0, 0));
}

#[test]
fn messages_come_back_under_a_new_id_with_all_that_they_were() {
    let (_store, mailbox) = mailbox();
    let a = create(&mailbox, INBOX, "a");
    let id = message::import(&mailbox, a, rich(), &ImportOptions::default()).unwrap().id;
    let before = message::open(&mailbox, id).unwrap();
    message::delete(&mailbox, a, &[id], false).unwrap();
    let mut listed = Vec::new();
    recover::list(&mailbox, mapi::FileTime(0), &mut |found| {
        listed.push(found);
        Ok(std::ops::ControlFlow::Continue(()))
    })
    .unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].object, recover::Object::Message(id));
    assert_eq!((listed[0].path.as_str(), listed[0].title.as_str()), ("Inbox/a", "Re: everything"));
    let opened = message::open(&mailbox, id).unwrap();
    let on = message::get(&mailbox, &opened, tags::DELETED_ON).unwrap();
    assert_eq!(on, Some(listed[0].deleted.into()));
    let back = recover::message(&mailbox, id, None).unwrap();
    let recover::Object::Message(new) = back.object else { panic!("a folder") };
    assert_eq!((back.folder, back.elsewhere, back.path.as_str()), (a, false, "Inbox/a"));
    let after = message::open(&mailbox, new).unwrap();
    assert_ne!(new, id);
    assert!(after.uid > before.uid && after.base != before.base);
    assert_eq!(after.body, before.body);
    assert_eq!((after.read, after.flags, after.size), (before.read, before.flags, before.size));
    assert_eq!((after.soft_deleted, after.deleted), (false, None));
    // The old id stays among those that were deleted.
    let ranges = changes::deleted(&mailbox, a).unwrap();
    assert!(ranges.iter().any(|range| range.first <= id.counter && id.counter <= range.last));
    assert!(!ranges.iter().any(|range| range.first <= new.counter && new.counter <= range.last));
    assert!(recover::message(&mailbox, id, None).is_err());
    assert!(recover::message(&mailbox, new, None).is_err());
    // Its folder went after it: it comes to the Inbox, or to where one says.
    message::delete(&mailbox, a, &[new], false).unwrap();
    folder::delete(&mailbox, a, ALL).unwrap();
    let b = create(&mailbox, INBOX, "b");
    let back = recover::message(&mailbox, new, None).unwrap();
    assert_eq!((back.folder, back.elsewhere), (INBOX, true));
    let recover::Object::Message(third) = back.object else { panic!("a folder") };
    message::delete(&mailbox, INBOX, &[third], false).unwrap();
    let back = recover::message(&mailbox, third, Some(b)).unwrap();
    assert_eq!((back.folder, back.elsewhere), (b, false));
    assert_whole(&mailbox);
}

/// Each step of what happens to a tree fails once; the next start goes on, and nothing is half there.
#[test]
fn a_failure_at_any_step_leaves_a_whole_mailbox() {
    #[derive(Clone, Copy, PartialEq, Debug)]
    enum What {
        Delete,
        Restore,
        HardDelete,
        HardDeleteOfDeleted,
        Purge,
    }
    use What::*;
    for what in [Delete, Restore, HardDelete, HardDeleteOfDeleted, Purge] {
        let mut failed = 0;
        for step in 0.. {
            let engine = Arc::new(MemoryEngine::new());
            let store = on_engine(engine.clone());
            let number = account(&store, "me@example.test").mailbox;
            let mailbox = store.mailbox(number).unwrap();
            let top = create(&mailbox, INBOX, "top");
            // More than one batch takes, where a step takes many.
            let count = if matches!(what, Delete | Restore) { 70 } else { 6 };
            let wide: Vec<FolderId> =
                (0..count).map(|n| create(&mailbox, top, &n.to_string())).collect();
            let low = create(&mailbox, wide[3], "low");
            let gone = create(&mailbox, wide[4], "gone");
            folder::delete(&mailbox, gone, ALL).unwrap();
            let group = (0..64).map(|n| {
                let folder = [top, wide[0], low, gone][n % 3];
                (folder, plain(&n.to_string()), ImportOptions::default())
            });
            message::import_all(&mailbox, group.collect()).unwrap();
            let before = quota::usage(&mailbox).unwrap();
            if !matches!(what, Delete | HardDelete) {
                folder::delete(&mailbox, top, ALL).unwrap();
            }
            engine.fail_sync_after(step);
            let result = match what {
                Delete => folder::delete(&mailbox, top, ALL),
                Restore => folder::restore(&mailbox, top, INBOX, None).map(drop),
                HardDelete | HardDeleteOfDeleted => folder::delete(&mailbox, top, HARD),
                Purge => {
                    retention::set_days(&mailbox, Some(0)).unwrap_or_default();
                    retention::purge(&mailbox, 1000).map(drop)
                }
            };
            let whole = engine.fail_no_sync();
            drop((mailbox, store));
            let store = on_engine(engine.clone());
            let jobs = engine.scan(Space::Queue, &KeyRange::all(), Direction::Forward, 9).unwrap();
            assert_eq!(jobs.len(), 0, "{what:?}, step {step}");
            let mailbox = store.mailbox(number).unwrap();
            assert_whole(&mailbox);
            let usage = quota::usage(&mailbox).unwrap();
            let state = folder::info(&mailbox, top).map(|info| info.deleted.is_some()).ok();
            // The first batch decides.
            match state {
                Some(false) => assert_eq!(usage.used, before.used),
                Some(true) => assert_eq!((usage.used, usage.deleted), (0, before.used)),
                None => assert_eq!((usage.used, usage.deleted), (0, 0)),
            }
            for id in wide.iter().chain([&low]) {
                let below = folder::info(&mailbox, *id).map(|info| info.deleted.is_some()).ok();
                assert_eq!(below, state, "{what:?}, step {step}");
            }
            if whole {
                assert!(result.is_ok());
                let after = match what {
                    Delete => Some(true),
                    Restore => Some(false),
                    _ => None,
                };
                assert_eq!(state, after, "{what:?}");
                break;
            }
            failed += 1;
        }
        assert!(failed > 2, "{what:?}: {failed}");
    }
}
